/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads files in order into one policy. Continues after a file with an error, so that each file
 * reports its own; if any file has an error, no rule is in force.
 */

#include "libclient/policy.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/model/text.h"
#include "core/probe/policy_names.h"

/* Numbers that no user has, for the names of a policy that is read on another machine. */
#define CROWD_FIRST ((uint32_t)0xf0000000)
#define CROWD_MAX 65536

int policy_fail(iso_policy *policy, int error, const char *format, ...)
{
        va_list arguments;
        char *message;

        va_start(arguments, format);
        message = text_vprint(format, arguments);
        va_end(arguments);
        free(policy->message);
        policy->message = message;
        return error;
}

static int crowd_find(PolicyCrowd *crowd, const char *name, uint32_t *ret_id)
{
        char **grown;

        *ret_id = 0;
        if (strcmp(name, "root") == 0)
                return 0;
        for (size_t i = 0; i < crowd->n_names; i++)
                if (strcmp(crowd->names[i], name) == 0) {
                        *ret_id = CROWD_FIRST + (uint32_t)i;
                        return 0;
                }
        if (crowd->n_names >= CROWD_MAX)
                return -E2BIG;
        grown = realloc(crowd->names, (crowd->n_names + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        crowd->names = grown;
        grown[crowd->n_names] = strdup(name);
        if (!grown[crowd->n_names])
                return -ENOMEM;
        *ret_id = CROWD_FIRST + (uint32_t)crowd->n_names++;
        return 0;
}

static void crowd_clear(PolicyCrowd *crowd)
{
        for (size_t i = 0; i < crowd->n_names; i++)
                free(crowd->names[i]);
        free(crowd->names);
}

int policy_find_user(const char *name, void *userdata, uint32_t *ret_id)
{
        iso_policy *policy = userdata;

        return policy->any_names ? crowd_find(&policy->users, name, ret_id)
                                 : policy_lookup_system.user(name, NULL, ret_id);
}

int policy_find_group(const char *name, void *userdata, uint32_t *ret_id)
{
        iso_policy *policy = userdata;

        return policy->any_names ? crowd_find(&policy->groups, name, ret_id)
                                 : policy_lookup_system.group(name, NULL, ret_id);
}

iso_policy *iso_policy_free(iso_policy *policy)
{
        if (!policy)
                return NULL;
        crowd_clear(&policy->users);
        crowd_clear(&policy->groups);
        policy_files_deinit(&policy->list);
        policy_free(policy->policy);
        free(policy->message);
        arena_deinit(&policy->arena);
        free(policy);
        return NULL;
}
DEFINE_CLEANUP(iso_policy *, iso_policy_free);

/* Appends rules to the policy, with their origin. */
static int add_rules(iso_policy *policy, const char *path, size_t first)
{
        const Policy *all = policy->policy;
        iso_policy_rule *rules =
                arena_alloc(&policy->arena, all->n_rules + 1, sizeof(*policy->rules));

        if (!rules)
                return -ENOMEM;
        if (first > 0)
                memcpy(rules, policy->rules, first * sizeof(*rules));
        for (size_t i = first; i < all->n_rules; i++)
                rules[i] = (iso_policy_rule){
                        .name = all->rules[i].name,
                        .file = path,
                        .line = all->rules[i].line,
                        .origin = all->rules[i].origin,
                        .text = all->rules[i].text,
                };
        policy->rules = rules;
        return 0;
}

static int keep_fault(iso_policy *policy, iso_policy_file *file, const PolicyFault *fault)
{
        file->error = arena_strdup(&policy->arena, fault->message);
        file->excerpt = arena_strdup(&policy->arena, fault->excerpt ? fault->excerpt : "");
        file->line = fault->line;
        file->column = fault->column;
        return file->error && file->excerpt ? 0 : -ENOMEM;
}

/* Is the file in a directory that the daemon reads? Root must own those. */
static bool is_of_system(const char *path)
{
        char directory[PATH_MAX], resolved[PATH_MAX], system[PATH_MAX];
        const char *slash = strrchr(path, '/');
        int n = slash ? (int)(slash + 1 - path) : 0;

        if ((size_t)snprintf(directory, sizeof(directory), "%.*s.", n, path) >= sizeof(directory) ||
            !realpath(directory, resolved))
                return false;
        for (size_t i = 0; policy_directories[i]; i++)
                if (realpath(policy_directories[i], system) && strcmp(system, resolved) == 0)
                        return true;
        return false;
}

static int read_file(iso_policy *policy, iso_policy_file *file)
{
        const PolicyLookup lookup = {policy_find_user, policy_find_group, policy};
        const PolicyOptions options = {
                .lookup = &lookup,
                .trust = is_of_system(file->path) ? &trust_root : NULL,
                .keep_text = true,
        };
        _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
        size_t first = policy->policy->n_rules;
        int r;

        r = policy_file_read(file->path, policy->policy, &options, &file->is_masked, &fault);
        if (r == POLICY_E_INVALID)
                return keep_fault(policy, file, &fault);
        if (r != 0)
                return r;
        file->n_rules = policy->policy->n_rules - first;
        return add_rules(policy, file->path, first);
}

static int read_files(iso_policy *policy)
{
        bool refused = false;

        for (size_t i = 0; i < policy->n_files; i++) {
                iso_policy_file *file = &policy->files[i];
                int r = *file->shadowed_by || *file->error ? 0 : read_file(policy, file);

                if (r == -E2BIG)
                        return policy_fail(policy, r, "too many rules or names");
                if (r != 0)
                        return r;
                refused |= *file->error != '\0';
        }
        if (refused) {
                policy_free(policy->policy);
                policy->policy = calloc(1, sizeof(*policy->policy));
                return policy->policy ? 0 : -ENOMEM;
        }
        return 0;
}

/* Lists the files of the directories, then the files that the caller named. */
static int list_files(iso_policy *policy, const char *const *directories, const Trust *trust,
                      const char *const *paths, size_t n_paths)
{
        const PolicyFiles *list = &policy->list;
        int r = policy_files_list(directories, trust, &policy->list);

        if (r < 0)
                return policy_fail(policy, r, "a policy directory cannot be read: %s",
                                   strerror(-r));
        policy->files =
                arena_alloc(&policy->arena, list->n_files + n_paths + 1, sizeof(*policy->files));
        if (!policy->files)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_files + n_paths; i++) {
                iso_policy_file *file = &policy->files[policy->n_files++];

                *file = (iso_policy_file){.shadowed_by = "", .error = "", .excerpt = ""};
                file->path = i < list->n_files ? list->files[i].path : paths[i - list->n_files];
                if (i < list->n_files && list->files[i].shadowed_by != i)
                        file->shadowed_by = list->files[list->files[i].shadowed_by].path;
                if (i < list->n_files && list->files[i].refusal)
                        file->error = list->files[i].refusal;
        }
        return 0;
}

/* Sorts the paths into directories and files, each ending in NULL. */
static int sort_paths(iso_policy *policy, const char *const *paths, const char **directories,
                      const char **files, size_t *ret_n)
{
        for (; *paths; paths++) {
                const char *path = arena_strdup(&policy->arena, *paths);
                struct stat status;

                if (!path)
                        return -ENOMEM;
                if (stat(path, &status) < 0)
                        return policy_fail(policy, errno == ENOENT ? ISO_E_NOT_FOUND : -errno,
                                           "%s: %s", path, strerror(errno));
                if (S_ISDIR(status.st_mode))
                        *directories++ = path;
                else
                        files[(*ret_n)++] = path;
        }
        return 0;
}

static int open_paths(iso_policy *policy, const char *const *paths)
{
        const char **directories, **files;
        size_t n = 0, n_files = 0;
        int r;

        if (!paths || !*paths)
                return list_files(policy, policy_directories, &trust_root, NULL, 0);
        while (paths[n])
                n++;
        directories = arena_alloc(&policy->arena, n + 1, sizeof(*directories));
        files = arena_alloc(&policy->arena, n + 1, sizeof(*files));
        if (!directories || !files)
                return -ENOMEM;
        r = sort_paths(policy, paths, directories, files, &n_files);
        return r == 0 ? list_files(policy, directories, NULL, files, n_files) : r;
}

int iso_policy_open(const char *const *paths, unsigned flags, iso_policy **ret)
{
        _cleanup_(iso_policy_freep) iso_policy *policy = calloc(1, sizeof(*policy));
        int r;

        if (!policy)
                return -ENOMEM;
        policy->any_names = flags & ISO_POLICY_ANY_NAMES;
        policy->policy = calloc(1, sizeof(*policy->policy));
        if (!policy->policy)
                return -ENOMEM;
        if (flags & ~(unsigned)ISO_POLICY_ANY_NAMES)
                r = policy_fail(policy, ISO_E_INVALID, "unknown flag for a policy");
        else
                r = open_paths(policy, paths);
        if (r == 0)
                r = read_files(policy);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(policy);
        return r;
}

const char *iso_policy_message(const iso_policy *policy)
{
        return policy && policy->message ? policy->message : "";
}

const iso_policy_file *iso_policy_files(const iso_policy *policy, size_t *ret_n)
{
        *ret_n = policy->n_files;
        return policy->files;
}

const iso_policy_rule *iso_policy_rules(const iso_policy *policy, size_t *ret_n)
{
        *ret_n = policy->policy->n_rules;
        return policy->rules;
}
