/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists the directories, reads the files, and passes their text to the parser. */

#include "core/probe/policy_files.h"

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

const char *const policy_directories[] = {
        "/etc/isolationd/policy.d",
        "/run/isolationd/policy.d",
        "/usr/lib/isolationd/policy.d",
        NULL,
};

void policy_files_deinit(PolicyFiles *files)
{
        for (size_t i = 0; i < files->n_files; i++) {
                free(files->files[i].path);
                free(files->files[i].refusal);
        }
        free(files->files);
        *files = (PolicyFiles){.files = NULL};
}

bool policy_is_file_name(const char *name)
{
        size_t n = strlen(name), n_suffix = strlen(".json");

        return name[0] != '.' && n > n_suffix && strcmp(name + n - n_suffix, ".json") == 0;
}

/*
 * Adds a file; owns path and refusal. Until the list is sorted, `shadowed_by` is the index of the
 * directory.
 */
static int add(PolicyFiles *files, char *path, size_t n_directory, size_t number, char *refusal)
{
        _cleanup_(freep) char *owned_path = path, *owned_refusal = refusal;
        PolicyFile *grown;

        if (!path)
                return -ENOMEM;
        if (files->n_files >= FILES_MAX)
                return -E2BIG;
        grown = realloc(files->files, (files->n_files + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        files->files = grown;
        files->files[files->n_files++] = (PolicyFile){
                .path = TAKE_PTR(owned_path),
                .name = path + n_directory,
                .refusal = TAKE_PTR(owned_refusal),
                .shadowed_by = number,
        };
        return 0;
}

static int add_file(PolicyFiles *files, const char *directory, size_t number, const char *name)
{
        char *path;

        if (asprintf(&path, "%s/%s", directory, name) < 0)
                return -ENOMEM;
        return add(files, path, strlen(directory) + 1, number, NULL);
}

/* Like trust_open(); without `trust` like open(). */
static int open_trusted(const Trust *trust, const char *path, int *ret_fd, char **ret_reason)
{
        if (trust)
                return trust_open(trust, path, ret_fd, ret_reason);
        *ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return *ret_fd < 0 ? -errno : 0;
}

static int list_directory(PolicyFiles *files, const char *path, const Trust *trust, size_t number)
{
        _cleanup_(closedirp) DIR *directory = NULL;
        _cleanup_(freep) char *refusal = NULL;
        _cleanup_(closep) int fd = -1;

        int r = open_trusted(trust, path, &fd, &refusal);
        if (r == TRUST_E_REFUSED)
                return add(files, strdup(path), 0, number, TAKE_PTR(refusal));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        directory = fdopendir(fd);
        if (!directory)
                return -errno;
        (void)TAKE_FD(fd);
        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        return -errno;
                if (!policy_is_file_name(entry->d_name))
                        continue;
                r = add_file(files, path, number, entry->d_name);
                if (r < 0)
                        return r;
        }
}

static int file_compare(const void *a, const void *b)
{
        const PolicyFile *x = a, *y = b;
        int order = strcmp(x->name, y->name);

        if (order != 0)
                return order;
        return x->shadowed_by < y->shadowed_by ? -1 : x->shadowed_by > y->shadowed_by;
}

int policy_files_list(const char *const *directories, const Trust *trust, PolicyFiles *ret)
{
        _cleanup_(policy_files_deinit) PolicyFiles files = {.files = NULL};

        for (size_t i = 0; directories[i]; i++) {
                int r = list_directory(&files, directories[i], trust, i);

                if (r < 0)
                        return r;
        }
        if (files.n_files > 0)
                qsort(files.files, files.n_files, sizeof(*files.files), file_compare);
        for (size_t i = 0; i < files.n_files; i++) {
                bool same = i > 0 && strcmp(files.files[i].name, files.files[i - 1].name) == 0;

                files.files[i].shadowed_by = same ? files.files[i - 1].shadowed_by : i;
        }
        *ret = files;
        files = (PolicyFiles){.files = NULL};
        return 0;
}

static int complain_file(const char *path, const char *what, PolicyFault *ret_fault)
{
        if (asprintf(&ret_fault->message, "%s: %s", path, what) < 0) {
                ret_fault->message = NULL;
                return -ENOMEM;
        }
        return POLICY_E_INVALID;
}

static bool is_null_device(const struct stat *status)
{
        return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* Opens a policy file; *ret_fd is -1 if it is masked. */
static int open_file(const char *path, const Trust *trust, int *ret_fd, PolicyFault *ret_fault)
{
        _cleanup_(closep) int fd = -1;
        struct stat status;

        *ret_fd = -1;
        int r = open_trusted(trust, path, &fd, &ret_fault->message);
        if (r == TRUST_E_REFUSED)
                return POLICY_E_INVALID;
        if (r < 0 || fstat(fd, &status) < 0)
                return complain_file(path, strerrordesc_np(r < 0 ? -r : errno), ret_fault);

        if (is_null_device(&status))
                return 0;
        if (!S_ISREG(status.st_mode))
                return complain_file(path, "not a regular file", ret_fault);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Reads one byte more than the limit, so that the parser detects a file that is too large. */
static int read_text(const char *path, int fd, char *text, size_t *ret_n, PolicyFault *ret_fault)
{
        size_t n = 0;

        while (n < FILE_MAX + 1) {
                ssize_t r = read(fd, text + n, FILE_MAX + 1 - n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return complain_file(path, strerrordesc_np(errno), ret_fault);
                if (r == 0)
                        break;
                n += (size_t)r;
        }
        *ret_n = n;
        return 0;
}

int policy_file_read(const char *path, Policy *policy, const PolicyOptions *options,
                     bool *ret_masked, PolicyFault *ret_fault)
{
        _cleanup_(freep) char *text = malloc(FILE_MAX + 1);
        _cleanup_(closep) int fd = -1;
        size_t n = 0;
        int r;

        if (!text)
                return -ENOMEM;
        r = open_file(path, options->trust, &fd, ret_fault);
        if (r != 0)
                return r;
        *ret_masked = fd < 0;
        if (fd < 0)
                return 0;
        r = read_text(path, fd, text, &n, ret_fault);
        return r != 0 ? r : policy_parse_text(policy, path, text, n, options, ret_fault);
}

static int load(const char *const *directories, const PolicyOptions *options, Policy **ret_policy,
                char **ret_message)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(policy_files_deinit) PolicyFiles files = {.files = NULL};
        int r;

        if (!policy)
                return -ENOMEM;
        r = policy_files_list(directories, options->trust, &files);
        for (size_t i = 0; r == 0 && i < files.n_files; i++) {
                _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
                bool masked;

                if (files.files[i].shadowed_by != i)
                        continue;
                if (files.files[i].refusal) {
                        *ret_message = TAKE_PTR(files.files[i].refusal);
                        return POLICY_E_INVALID;
                }
                r = policy_file_read(files.files[i].path, policy, options, &masked, &fault);
                if (r == POLICY_E_INVALID)
                        *ret_message = TAKE_PTR(fault.message);
        }
        if (r == 0)
                *ret_policy = TAKE_PTR(policy);
        return r;
}

int policy_load(const char *const *directories, const Trust *trust, Policy **ret_policy,
                char **ret_message)
{
        return load(directories, &(PolicyOptions){.lookup = &policy_lookup_system, .trust = trust},
                    ret_policy, ret_message);
}

int policy_load_nameless(const char *const *directories, const Trust *trust, Policy **ret_policy,
                         char **ret_message)
{
        return load(directories, &(PolicyOptions){.lookup = &policy_lookup_nobody, .trust = trust},
                    ret_policy, ret_message);
}
