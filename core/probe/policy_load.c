/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Policy directories: which files count, and in which order.
 *
 * A file in a directory of higher precedence replaces one of the same name below; a link to
 * /dev/null there masks it. A file that cannot be read refuses the policy as one that cannot be
 * understood does: it may have held the rule that says no.
 */

#include "core/probe/cleanup.h"
#include "core/probe/policy_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20)
#define FILES_MAX 1024

typedef struct PolicyFile {
        char *name;
        const char *directory; /* borrowed */
} PolicyFile;

typedef struct PolicyFiles {
        PolicyFile *files;
        size_t n_files;
} PolicyFiles;

static void policy_files_deinitp(PolicyFiles *files)
{
        for (size_t i = 0; i < files->n_files; i++)
                free(files->files[i].name);
        free(files->files);
}

static bool is_policy_name(const char *name)
{
        size_t n = strlen(name), n_suffix = strlen(".json");

        return name[0] != '.' && n > n_suffix && strcmp(name + n - n_suffix, ".json") == 0;
}

static int add_file(PolicyFiles *files, const char *directory, const char *name)
{
        PolicyFile *grown;
        char *copy;

        for (size_t i = 0; i < files->n_files; i++)
                if (strcmp(files->files[i].name, name) == 0)
                        return 0; /* shadowed */
        if (files->n_files >= FILES_MAX)
                return -E2BIG;

        grown = realloc(files->files, (files->n_files + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        files->files = grown;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        files->files[files->n_files++] = (PolicyFile){.name = copy, .directory = directory};
        return 0;
}

static int list_directory(PolicyFiles *files, const char *path)
{
        _cleanup_(closedirp) DIR *directory = opendir(path);

        if (!directory)
                return errno == ENOENT ? 0 : -errno;
        for (;;) {
                struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        return -errno;
                if (!is_policy_name(entry->d_name))
                        continue;
                r = add_file(files, path, entry->d_name);
                if (r < 0)
                        return r;
        }
}

static int file_compare(const void *a, const void *b)
{
        const PolicyFile *x = a, *y = b;

        return strcmp(x->name, y->name);
}

static int complain_file(const PolicyFile *file, const char *what, char **ret_message)
{
        if (asprintf(ret_message, "%s/%s: %s", file->directory, file->name, what) < 0) {
                *ret_message = NULL;
                return -ENOMEM;
        }
        return POLICY_E_INVALID;
}

static bool is_null_device(const struct stat *status)
{
        return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* Opens a policy file; *ret_fd is -1 if it is masked. */
static int open_file(const PolicyFile *file, int *ret_fd, char **ret_message)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -1;
        struct stat status;

        if (asprintf(&path, "%s/%s", file->directory, file->name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &status) < 0)
                return complain_file(file, strerrordesc_np(errno), ret_message);

        *ret_fd = -1;
        if (is_null_device(&status))
                return 0;
        if (!S_ISREG(status.st_mode))
                return complain_file(file, "not a regular file", ret_message);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Reads one byte more than is allowed, so that the parser sees what is too large. */
static int read_file(const PolicyFile *file, int fd, char *text, size_t *ret_n, char **ret_message)
{
        size_t n = 0;

        while (n < FILE_MAX + 1) {
                ssize_t r = read(fd, text + n, FILE_MAX + 1 - n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return complain_file(file, strerrordesc_np(errno), ret_message);
                if (r == 0)
                        break;
                n += (size_t)r;
        }
        *ret_n = n;
        return 0;
}

typedef int (*PolicyParser)(Policy *policy, const char *name, const char *text, size_t n_text,
                            char **ret_message);

static int load_file(Policy *policy, PolicyParser parse, const PolicyFile *file, char *text,
                     char **ret_message)
{
        _cleanup_(closep) int fd = -1;
        size_t n = 0;
        int r = open_file(file, &fd, ret_message);

        if (r != 0 || fd < 0)
                return r;
        r = read_file(file, fd, text, &n, ret_message);
        if (r != 0)
                return r;
        return parse(policy, file->name, text, n, ret_message);
}

static int load(const char *const *directories, PolicyParser parse, Policy **ret_policy,
                char **ret_message)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(policy_files_deinitp) PolicyFiles files = {0};
        _cleanup_(freep) char *text = malloc(FILE_MAX + 1);
        int r = 0;

        if (!policy || !text)
                return -ENOMEM;
        for (size_t i = 0; directories[i] && r == 0; i++)
                r = list_directory(&files, directories[i]);
        if (r < 0)
                return r;

        if (files.n_files > 0)
                qsort(files.files, files.n_files, sizeof(*files.files), file_compare);
        for (size_t i = 0; i < files.n_files; i++) {
                r = load_file(policy, parse, &files.files[i], text, ret_message);
                if (r != 0)
                        return r;
        }

        *ret_policy = TAKE_PTR(policy);
        return 0;
}

int policy_load(const char *const *directories, Policy **ret_policy, char **ret_message)
{
        return load(directories, policy_parse, ret_policy, ret_message);
}

int policy_load_nameless(const char *const *directories, Policy **ret_policy, char **ret_message)
{
        return load(directories, policy_parse_nameless, ret_policy, ret_message);
}
