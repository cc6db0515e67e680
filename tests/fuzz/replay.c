/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs a target on every file of a directory, each as a test of its own. A target that finds a
 * fault aborts; the first test without a result names the input.
 */

#include "fuzz.h"

#include "core/model/base.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)1 << 21)

static int is_input(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

static void run(const char *directory, const char *name)
{
        _cleanup_(freep) uint8_t *data = malloc(INPUT_MAX), *exact = NULL;
        char path[512];
        FILE *file;
        size_t n;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "r");
        MUST(file && data);
        n = fread(data, 1, INPUT_MAX, file);
        MUST(!ferror(file) && fclose(file) == 0);
        /* A copy of exactly that size, so that a sanitizer sees a read beyond its end. */
        exact = malloc(n + 1);
        MUST(exact);
        memcpy(exact + 1, data, n);
        (void)LLVMFuzzerTestOneInput(exact + 1, n);
}

int main(int argc, char **argv)
{
        struct dirent **entries;
        int n = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;

        if (n <= 0) {
                printf("1..1\nnot ok 1 - no inputs in %s\n", argc == 2 ? argv[1] : "(nothing)");
                return 1;
        }
        printf("1..%d\n", n);
        for (int i = 0; i < n; i++) {
                printf("# %s\n", entries[i]->d_name);
                (void)fflush(stdout);
                run(argv[1], entries[i]->d_name);
                printf("ok %d - %s\n", i + 1, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return 0;
}
