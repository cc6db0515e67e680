/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Applies the model's memory lock rules to one process in /proc. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/model/memlock.h"
#include "core/probe/cleanup.h"
#include "core/probe/process.h"
#include "libclient/isolation.h"

bool iso_parse_size(const char *text, uint64_t *ret)
{
        return memlock_parse_size(text, ret);
}

void iso_memlock_judge(int pid, uint64_t ram, unsigned n_spaces, iso_memlock *ret)
{
        _cleanup_(closep) int directory = process_open("/proc", pid > 0 ? pid : 0);
        MemlockLimit limit;
        Process process;

        process_describe(directory, &process);
        process_read_memlock(directory, &limit);
        uint64_t need = memlock_need(ram, n_spaces);
        *ret = (iso_memlock){
                .need = need,
                .limit = limit.unlimited ? UINT64_MAX : limit.limit,
                .locked = limit.locked,
                .allowed_ram = limit.known ? memlock_allowed_ram(&limit, n_spaces) : 0,
                .known = limit.known,
                .exempt = limit.exempt,
                .verdict = memlock_verdict_to_string(memlock_judge(need, &limit)),
        };
        const MemlockCase subject = {
                .limit = &limit,
                .need = need,
                .pid = pid > 0 ? pid : 0,
                .is_root = geteuid() == 0,
                .unit = process.unit,
        };
        _cleanup_(freep) char *next = ram > 0 && memlock_judge(need, &limit) == MEMLOCK_TOO_SMALL
                                              ? memlock_advise(&subject)
                                              : NULL;
        (void)snprintf(ret->next, sizeof(ret->next), "%s", next ? next : "");
        (void)snprintf(ret->command, sizeof(ret->command), "%s", process.comm);
        (void)snprintf(ret->unit, sizeof(ret->unit), "%s", process.unit);
}
