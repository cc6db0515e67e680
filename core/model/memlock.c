/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sums without overflow, and the parsers of three files of proc(5). */

#include <inttypes.h>
#include <string.h>

#include "core/model/memlock.h"
#include "core/model/text.h"

#define CAP_IPC_LOCK 14 /* linux/capability.h */

static const char *const verdict_names[_MEMLOCK_N] = {
        [MEMLOCK_UNKNOWN] = "unknown",
        [MEMLOCK_ENOUGH] = "enough",
        [MEMLOCK_TOO_SMALL] = "too-small",
};

const char *memlock_verdict_to_string(MemlockVerdict verdict)
{
        return verdict_names[verdict];
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
        return a != 0 && b > UINT64_MAX / a ? UINT64_MAX : a * b;
}

static uint64_t add(uint64_t a, uint64_t b)
{
        return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* Takes digits off the front. Returns false if there are none, or too many. */
static bool take_number(const char **text, uint64_t *ret)
{
        const char *start = *text;

        *ret = 0;
        for (; **text >= '0' && **text <= '9'; (*text)++) {
                uint64_t digit = (uint64_t)(**text - '0');

                if (*ret > (UINT64_MAX - digit) / 10)
                        return false;
                *ret = *ret * 10 + digit;
        }
        return *text > start;
}

bool memlock_parse_size(const char *text, uint64_t *ret)
{
        static const char units[] = "KMGT";
        uint64_t value;
        unsigned shift = 0;

        if (!take_number(&text, &value))
                return false;
        const char *unit = *text ? strchr(units, *text) : NULL;
        if (unit) {
                shift = 10 * (unsigned)(unit - units + 1);
                text++;
                /* 16G and 16GiB are equal. */
                if (strcmp(text, "iB") == 0)
                        text += 2;
        }
        if (*text || value > UINT64_MAX >> shift)
                return false;
        *ret = value << shift;
        return true;
}

uint64_t memlock_need(uint64_t ram, uint64_t n_spaces)
{
        return multiply(add(ram, MEMLOCK_HEADROOM), n_spaces);
}

uint64_t memlock_allowed_ram(const MemlockLimit *limit, uint64_t n_spaces)
{
        if (limit->exempt || limit->unlimited || n_spaces == 0)
                return UINT64_MAX;
        uint64_t rest = limit->limit > limit->locked ? limit->limit - limit->locked : 0;
        rest /= n_spaces;
        return rest > MEMLOCK_HEADROOM ? rest - MEMLOCK_HEADROOM : 0;
}

MemlockVerdict memlock_judge(uint64_t need, const MemlockLimit *limit)
{
        if (!limit->known)
                return MEMLOCK_UNKNOWN;
        if (limit->exempt || limit->unlimited)
                return MEMLOCK_ENOUGH;
        return add(limit->locked, need) <= limit->limit ? MEMLOCK_ENOUGH : MEMLOCK_TOO_SMALL;
}

/* In the units of ulimit -l, rounded up. */
static uint64_t in_kib(uint64_t bytes)
{
        return bytes / 1024 + (bytes % 1024 != 0);
}

char *memlock_advise(const MemlockCase *subject)
{
        uint64_t total = add(subject->limit->locked, subject->need);
        const char *unit = subject->unit ? subject->unit : "";

        if (total <= subject->limit->hard && subject->pid == 0)
                return text_print("ulimit -l %" PRIu64 " (KiB) raises it in this shell",
                                  in_kib(total));
        if (total <= subject->limit->hard)
                return text_print("prlimit --pid %" PRId32 " --memlock=%" PRIu64 ": raises it",
                                  subject->pid, total);
        if (subject->is_root && subject->pid == 0)
                return text_print("ulimit -H -l %" PRIu64 " (KiB) and ulimit -l %" PRIu64
                                  " raise it in this shell",
                                  in_kib(total), in_kib(total));
        if (subject->is_root)
                return text_print("prlimit --pid %" PRId32 " --memlock=%" PRIu64
                                  " raises it now; for good, LimitMEMLOCK=%" PRIu64 "%s%s",
                                  subject->pid, total, total, *unit ? " in " : "", unit);
        return text_print(
                "it can be raised to %" PRIu64 " bytes, and beyond that by root alone: by "
                "\"memlock\" in the policy's rule (isolationd.policy(5)), for what isoctl "
                "run starts; by LimitMEMLOCK=%" PRIu64 " in its unit%s%s; or by a line "
                "\"USER - memlock %" PRIu64 "\" in /etc/security/limits.d and a new login",
                subject->limit->hard, total, *unit ? ", " : "", unit, in_kib(total));
}

/* The text after a line's first word and blanks, or NULL if there is no such line. */
static const char *find_line(const char *text, const char *key)
{
        size_t n = strlen(key);

        while (strncmp(text, key, n) != 0) {
                text = strchr(text, '\n');
                if (!text)
                        return NULL;
                text++;
        }
        text += n;
        return text + strspn(text, " \t");
}

/* "CapEff: 000001ffffffffff": the effective capabilities. */
static bool has_ipc_lock(const char *status)
{
        const char *line = find_line(status, "CapEff:");
        uint64_t bits = 0;

        for (int digit; line && (digit = hex_digit(*line)) >= 0; line++)
                bits = bits << 4 | (uint64_t)digit;
        return bits >> CAP_IPC_LOCK & 1;
}

/* "0 0 4294967295" is the initial user namespace; capabilities in other namespaces do not count. */
static bool is_first_namespace(const char *uid_map)
{
        uint64_t numbers[3];

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                uid_map += strspn(uid_map, " \t");
                if (!take_number(&uid_map, &numbers[i]))
                        return false;
        }
        return numbers[0] == 0 && numbers[1] == 0 && numbers[2] == UINT32_MAX;
}

/* Takes one of the two limits of a line, and the blanks after it; UINT64_MAX if unlimited. */
static bool take_limit(const char **text, uint64_t *ret)
{
        static const char none[] = "unlimited";

        if (strncmp(*text, none, strlen(none)) == 0) {
                *text += strlen(none);
                *ret = UINT64_MAX;
        } else if (!take_number(text, ret)) {
                return false;
        }
        *text += strspn(*text, " \t");
        return true;
}

MemlockLimit memlock_parse(const char *limits, const char *status, const char *uid_map)
{
        const char *line = find_line(limits, "Max locked memory");
        const char *locked = find_line(status, "VmLck:");
        MemlockLimit limit = {.known = false};

        if (locked && take_number(&locked, &limit.locked))
                limit.locked = multiply(limit.locked, 1024);
        limit.exempt = has_ipc_lock(status) && is_first_namespace(uid_map);
        bool has_soft = line && take_limit(&line, &limit.limit);
        if (!has_soft || !take_limit(&line, &limit.hard))
                limit.hard = limit.limit;
        limit.unlimited = has_soft && limit.limit == UINT64_MAX;
        limit.known = limit.exempt || has_soft;
        return limit;
}
