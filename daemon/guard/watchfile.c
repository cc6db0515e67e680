/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The file has a header line, a line about the gate, one line for each place and function, and an
 * end line.
 */

#include "daemon/guard/watchfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "daemon/base/array.h"
#include "daemon/host/file.h"

#define NAME "guard-process"
#define HEAD "isolationd guard process 1\n"
#define SHUT "gate shut\n"
#define OPEN "gate open\n"
#define PLACE "place "
#define END "end\n"

WatchFile *watchfile_free(WatchFile *file)
{
        if (file) {
                free(file->known);
                text_list_clear(&file->places);
        }
        free(file);
        return NULL;
}

/* Removes `word` from the front of a text. */
static bool take(const char **text, const char *word)
{
        size_t n = strlen(word);

        if (strncmp(*text, word, n) != 0)
                return false;
        *text += n;
        return true;
}

static int take_places(const char **text, WatchFile *file)
{
        while (take(text, PLACE)) {
                size_t n = strcspn(*text, "\n");
                char place[PLACE_SIZE];

                if (n >= sizeof(place) || (*text)[n] != '\n')
                        return -EBADMSG;
                memcpy(place, *text, n);
                place[n] = '\0';
                int r = places_add(&file->places, place);
                if (r < 0)
                        return r;
                *text += n + 1;
        }
        return 0;
}

/* "0000:02:00.0 4711" */
static bool take_function(const char **text, WatchFunction *ret)
{
        char address[BDF_TEXT_SIZE], *end;
        size_t n = strcspn(*text, " \n");

        if (n >= sizeof(address) || (*text)[n] != ' ' || (*text)[n + 1] < '0' ||
            (*text)[n + 1] > '9')
                return false;
        memcpy(address, *text, n);
        address[n] = '\0';
        ret->instance = strtoull(*text + n + 1, &end, 10);
        if (*end != '\n' || !bdf_parse(address, &ret->bdf))
                return false;
        *text = end + 1;
        return true;
}

static int take_functions(const char *text, WatchFile *file)
{
        while (!take(&text, END)) {
                WatchFunction function;

                if (!take_function(&text, &function))
                        return -EBADMSG;
                int r = watchfile_add(file, &function);
                if (r < 0)
                        return r;
        }
        return *text ? -EBADMSG : 0;
}

static int parse(const char *text, WatchFile **ret_file)
{
        _cleanup_(watchfile_freep) WatchFile *file = calloc(1, sizeof(*file));

        if (!file)
                return -ENOMEM;
        if (!take(&text, HEAD))
                return -EBADMSG;
        file->gate_shut = take(&text, SHUT);
        if (!file->gate_shut && !take(&text, OPEN))
                return -EBADMSG;
        int r = take_places(&text, file);
        if (r == 0)
                r = take_functions(text, file);
        if (r == 0)
                *ret_file = TAKE_PTR(file);
        return r;
}

int watchfile_load(const char *directory, WatchFile **ret_file)
{
        _cleanup_(freep) char *text = NULL;

        *ret_file = NULL;
        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        int r = file_read(fd, NAME, &text);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return parse(text, ret_file);
}

int watchfile_save(const char *directory, const WatchFile *file)
{
        _cleanup_(freep) char *text = NULL;
        char address[BDF_TEXT_SIZE];
        size_t n_text;

        FILE *stream = open_memstream(&text, &n_text);
        if (!stream)
                return -errno;
        (void)fputs(file->gate_shut ? HEAD SHUT : HEAD OPEN, stream);
        for (size_t i = 0; i < file->places.n_items; i++)
                (void)fprintf(stream, PLACE "%s\n", file->places.items[i]);
        for (size_t i = 0; i < file->n_known; i++)
                (void)fprintf(stream, "%s %" PRIu64 "\n",
                              bdf_format(file->known[i].bdf, address), file->known[i].instance);
        (void)fputs(END, stream);
        if (fclose(stream) != 0)
                return -ENOMEM;
        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return file_replace(fd, NAME, text, 0600);
}

int watchfile_remove(const char *directory)
{
        return host_remove_at("%s/" NAME, directory);
}

int watchfile_find_function(const HostPaths *host, Bdf bdf, WatchFunction *ret)
{
        char path[PATH_MAX];
        struct stat st;

        if (stat(host_device_path(host, bdf, ".", path), &st) < 0)
                return -errno;
        *ret = (WatchFunction){.bdf = bdf, .instance = (uint64_t)st.st_ino};
        return 0;
}

/* The index of an address in the sorted list, or where it would be. */
static size_t find(const WatchFile *file, Bdf bdf)
{
        size_t low = 0, high = file->n_known;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (bdf_compare(file->known[middle].bdf, bdf) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Whether the list has the address at index `i`. */
static bool is_at(const WatchFile *file, size_t i, Bdf bdf)
{
        return i < file->n_known && bdf_equal(file->known[i].bdf, bdf);
}

bool watchfile_knows(const WatchFile *file, const WatchFunction *function)
{
        size_t i = find(file, function->bdf);

        return is_at(file, i, function->bdf) && file->known[i].instance == function->instance;
}

int watchfile_add(WatchFile *file, const WatchFunction *function)
{
        size_t i = find(file, function->bdf);

        if (!is_at(file, i, function->bdf)) {
                if (!ARRAY_GROW(file->known, file->n_known))
                        return -ENOMEM;
                memmove(file->known + i + 1, file->known + i,
                        (file->n_known - i) * sizeof(*file->known));
                file->n_known++;
        }
        file->known[i] = *function;
        return 0;
}

void watchfile_drop(WatchFile *file, Bdf bdf)
{
        size_t i = find(file, bdf);

        if (!is_at(file, i, bdf))
                return;
        file->n_known--;
        memmove(file->known + i, file->known + i + 1,
                (file->n_known - i) * sizeof(*file->known));
}
