/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The data of the lifecycle of a lease, and the functions that call the executor. */

#include <stdlib.h>
#include <string.h>

#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/guard/rules.h"
#include "daemon/lease/state.h"
#include "daemon/lifecycle/life_internal.h"

typedef struct Lifecycle {
        void (*execute)(Lease *lease, LifeEvent event, const LifeNews *news);
} Lifecycle;

static void init_lease(void *part)
{
        ((LeaseLife *)part)->forced_fd = -1;
}

static void clear_lease(void *part)
{
        LeaseLife *life = part;

        event_freep(&life->grace);
        closep(&life->forced_fd);
        free(life->memory_warning);
        free(life->report);
}

const Module life_module = {
        .name = "life",
        .size = sizeof(Lifecycle),
        .lease_size = sizeof(LeaseLife),
        .lease_init = init_lease,
        .lease_clear = clear_lease,
};

LeaseLife *life_of(const Lease *lease)
{
        return module_part(lease, &life_module);
}

void life_set_executor(Ledger *ledger,
                       void (*execute)(Lease *lease, LifeEvent event, const LifeNews *news))
{
        Lifecycle *own = module_data(ledger, &life_module);

        own->execute = execute;
}

void life_raise(Lease *lease, LifeEvent event, const LifeNews *news)
{
        static const LifeNews nothing = {.code = 0};
        const Lifecycle *own = module_data(lease->ledger, &life_module);

        own->execute(lease, event, news ? news : &nothing);
}

void life_raise_code(Lease *lease, LifeEvent event, int code, const char *message)
{
        life_raise(lease, event, &(LifeNews){.code = code, .message = message});
}

void life_answer(Lease *lease, int code, const char *message)
{
        LeaseLife *life = life_of(lease);
        LeaseDone done = life->done, revoke_done = life->revoke_done;
        void *done_userdata = life->done_userdata;
        const LeaseAnswer answer = {.code = code, .message = message ? message : ""};

        life->done = life->revoke_done = NULL;
        if (revoke_done)
                revoke_done(&answer, NULL, life->revoke_userdata);
        if (done)
                done(&answer, code == 0 ? lease : NULL, done_userdata);
}

void life_drop(Lease *lease)
{
        uint32_t id = lease->record->id;

        int r = rules_remove(RULES_DIRECTORY, id);
        if (r < 0)
                log_error("lease %u: removing its udev rules failed: %s", id, strerror(-r));
        r = lease_state_remove(lease->ledger->state_directory, id);
        if (r < 0)
                log_error("lease %u: removing its record failed: %s", id, strerror(-r));
        ledger_remove_lease(lease);
}

const char *lease_memory_warning(const Lease *lease)
{
        return life_of(lease)->memory_warning;
}

bool lease_awaits_guard(const Lease *lease)
{
        return life_of(lease)->state == LIFE_SETTLING;
}

bool lease_has_waiter(const Lease *lease)
{
        return life_of(lease)->done;
}
