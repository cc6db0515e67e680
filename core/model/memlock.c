/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sums that stop at the largest number, and three files of proc(5). */

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
                /* 16G and 16GiB are the same. */
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

/* What follows a line's first word and blanks, or NULL if there is no such line. */
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

/* "0 0 4294967295" is the first user namespace: capabilities of others do not count here. */
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

MemlockLimit memlock_parse(const char *limits, const char *status, const char *uid_map)
{
        const char *line = find_line(limits, "Max locked memory");
        const char *locked = find_line(status, "VmLck:");
        MemlockLimit limit = {.known = false};

        if (locked && take_number(&locked, &limit.locked))
                limit.locked = multiply(limit.locked, 1024);
        limit.exempt = has_ipc_lock(status) && is_first_namespace(uid_map);
        limit.unlimited = line && strncmp(line, "unlimited", strlen("unlimited")) == 0;
        limit.known = limit.exempt || limit.unlimited || (line && take_number(&line, &limit.limit));
        return limit;
}
