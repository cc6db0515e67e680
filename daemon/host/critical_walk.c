/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The chain of a walk, the uses that it tells of, and sorted directories. */

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/host/critical_walk.h"

static int is_shown(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

int name_list_read(NameList *list, const char *format, ...)
{
        char path[PATH_MAX];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(path, sizeof(path), format, args);
        va_end(args);
        *list = (NameList){.n = 0};
        int n = scandir(path, &list->entries, is_shown, alphasort);
        if (n < 0) {
                list->is_missing = errno == ENOENT || errno == ENOTDIR;
                return list->is_missing ? 0 : -errno;
        }
        list->n = n;
        return 0;
}

void name_list_clear(NameList *list)
{
        for (int i = 0; i < list->n; i++)
                free(list->entries[i]);
        free(list->entries);
        *list = (NameList){.n = 0};
}

/* "0000:00:1f.2 → sda → /srv". Returns NULL if memory is short. */
static char *format_chain(const char *const *chain, size_t n_chain)
{
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                return NULL;
        for (size_t i = 0; i < n_chain; i++)
                (void)fprintf(stream, "%s%s", i > 0 ? " → " : "", chain[i]);
        if (fclose(stream) != 0)
                free(TAKE_PTR(text));
        return text;
}

int critical_tell(CriticalWalk *walk, CriticalKind kind, const char *end, const char *format, ...)
{
        _cleanup_(freep) char *words = NULL, *chain_text = NULL, *sentence = NULL;
        const char *chain[CRITICAL_CHAIN_MAX + 1];
        size_t n = walk->n_chain;
        va_list args;

        va_start(args, format);
        words = text_vprint(format, args);
        va_end(args);
        memcpy(chain, walk->chain, n * sizeof(*chain));
        if (end)
                chain[n++] = end;
        chain_text = format_chain(chain, n);
        if (!words || !chain_text)
                return -ENOMEM;
        if (n > 1)
                sentence = text_print("%s (%s)", words, chain_text);
        if (n > 1 && !sentence)
                return -ENOMEM;
        const CriticalUse use = {
                .kind = kind,
                .chain = chain,
                .n_chain = n,
                .sentence = sentence ? sentence : words,
        };
        walk->n_told++;
        return walk->found(&use, walk->userdata) ? 0 : CRITICAL_STOP;
}

int critical_push(CriticalWalk *walk, const char *name)
{
        if (walk->n_chain >= CRITICAL_CHAIN_MAX || ++walk->n_visits > CRITICAL_VISITS_MAX)
                return -ELOOP;
        walk->chain[walk->n_chain++] = name;
        return 0;
}

void critical_pop(CriticalWalk *walk)
{
        walk->n_chain--;
}

bool critical_is_below(const CriticalWalk *walk, const char *class_name, const char *name)
{
        char target[PATH_MAX], needle[BDF_TEXT_SIZE + 2];

        (void)snprintf(needle, sizeof(needle), "/%s/", walk->chain[0]);
        /* Class attributes such as bonding_masters are no links. */
        return host_read_target_at(target, "%s/class/%s/%s", walk->host->sysfs, class_name, name) ==
                       0 &&
               strstr(target, needle);
}
