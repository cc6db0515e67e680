/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Braces are common in command lines (QEMU's JSON, shell text), so only names for which a lease
 * can have fds are replaced.
 */

#include "cli/substitute.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

void command_deinit(Command *command)
{
        for (size_t i = 0; command->words && command->words[i]; i++)
                free(command->words[i]);
        free(command->words);
        free(command->is_used);
}

static bool starts_with(const char *text, const char *prefix)
{
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The kinds of descriptors of a lease, and the modes that provide them, the likeliest first. */
typedef enum FdKind {
        FD_CONTAINER,
        FD_GROUP,
        FD_IOMMUFD,
        FD_DEVICE,
        _FD_KIND_N, /* not the name of a descriptor */
} FdKind;

static const struct {
        const char *name;
        bool has_place;       /* the name has a place after a colon */
        const char *run_mode; /* that `run` asks for */
        const char *modes;    /* as text */
} kinds[_FD_KIND_N] = {
        [FD_CONTAINER] = {"container", false, "vfio", "mode vfio provides it"},
        [FD_GROUP] = {"group", true, "vfio",
                      "modes vfio (in the daemon's container) and group-fd provide it"},
        [FD_IOMMUFD] = {"iommufd", false, "iommufd-unbound,iommufd",
                        "modes iommufd-unbound (for programs that bind, as QEMU does) and iommufd "
                        "provide it"},
        [FD_DEVICE] = {"device", true, "iommufd-unbound,iommufd",
                       "modes iommufd-unbound (for programs that bind, as QEMU does) and iommufd "
                       "provide it"},
};

/* The kind of a name in a command line, or of a lease's descriptor. */
static FdKind kind_of(const char *name)
{
        for (int i = 0; i < _FD_KIND_N; i++) {
                size_t n = strlen(kinds[i].name);

                if (strncmp(name, kinds[i].name, n) != 0)
                        continue;
                /* {group} means the only group; {device} without an address is ambiguous. */
                if ((!name[n] && i != FD_DEVICE) || (kinds[i].has_place && name[n] == ':'))
                        return (FdKind)i;
        }
        return _FD_KIND_N;
}

static bool is_fd_name(const char *name)
{
        return kind_of(name) != _FD_KIND_N;
}

/* The index of the fd of that name, or of the device of that name; n_fds if there is none. */
static size_t find_named(Invocation *invocation, const iso_grant *grant, const char *name)
{
        _cleanup_(free_text) char *full = NULL;
        const iso_device *device;
        const iso_group *group;
        size_t i = 0;

        if (starts_with(name, "device:") &&
            iso_host_resolve(invocation->host, name + strlen("device:"), &device, &group) == 0 &&
            device) {
                full = must_format("device:%s", device->address);
                name = full;
        }
        while (i < grant->n_fds && strcmp(grant->fds[i].name, name) != 0)
                i++;
        return i;
}

/* The index of the only group's fd. n_fds if there is none or several; *ret_many tells which. */
static size_t find_only_group(const iso_grant *grant, bool *ret_many)
{
        size_t found = grant->n_fds;

        for (size_t i = 0; i < grant->n_fds; i++) {
                if (!starts_with(grant->fds[i].name, "group:"))
                        continue;
                *ret_many = found < grant->n_fds;
                found = i;
        }
        return found;
}

static bool has_kind(const iso_grant *grant, FdKind kind)
{
        for (size_t i = 0; i < grant->n_fds; i++)
                if (kind_of(grant->fds[i].name) == kind)
                        return true;
        return false;
}

static int fail_no_fd(const Invocation *invocation, const iso_grant *grant, const char *name,
                      bool many)
{
        const char **names = must(calloc(grant->n_fds + 1, sizeof(*names)));
        _cleanup_(free_text) char *list = NULL;

        for (size_t i = 0; i < grant->n_fds; i++)
                names[i] = grant->fds[i].name;
        list = join_texts(names, ", ");
        free(names);
        if (many)
                return fail_refusal(invocation, ISO_E_INVALID,
                                    "{%s} is ambiguous; the lease has %s", name, list);
        return fail_refusal(invocation, ISO_E_INVALID, "the lease has no fd {%s}; it has %s%s%s",
                            name, *list ? list : "none", has_kind(grant, kind_of(name)) ? "" : "; ",
                            has_kind(grant, kind_of(name)) ? "" : kinds[kind_of(name)].modes);
}

/* Finds the index of the fd that `name` names. Returns EXIT_DONE or the exit code. */
static int find_fd(Invocation *invocation, const iso_grant *grant, const char *name, size_t *ret)
{
        bool many = false;
        size_t i;

        i = strcmp(name, "group") == 0 ? find_only_group(grant, &many)
                                       : find_named(invocation, grant, name);
        if (many || i == grant->n_fds)
                return fail_no_fd(invocation, grant, name, many);
        *ret = i;
        return EXIT_DONE;
}

/* Appends to a text, which it frees. */
static char *append(char *text, const char *more, size_t n)
{
        char *longer = must_format("%s%.*s", text, (int)n, more);

        free(text);
        return longer;
}

static int substitute_word(Invocation *invocation, const iso_grant *grant, const char *word,
                           Command *command, char **ret_word)
{
        char *text = must(strdup(""));

        while (*word) {
                const char *end = *word == '{' ? strchr(word, '}') : NULL;
                _cleanup_(free_text) char *name = NULL, *number = NULL;
                size_t index = 0;
                int code;

                name = end ? must(strndup(word + 1, (size_t)(end - word - 1))) : NULL;
                if (!name || !is_fd_name(name)) {
                        size_t plain = 1 + strcspn(word + 1, "{");

                        text = append(text, word, plain);
                        word += plain;
                        continue;
                }
                code = find_fd(invocation, grant, name, &index);
                if (code != EXIT_DONE) {
                        free(text);
                        return code;
                }
                command->is_used[index] = true;
                number = must_format("%d", grant->fds[index].fd);
                text = append(text, number, strlen(number));
                word = end + 1;
        }
        *ret_word = text;
        return EXIT_DONE;
}

int command_substitute(Invocation *invocation, const iso_grant *grant, Command *ret_command)
{
        _cleanup_(command_deinit) Command command = {0};
        size_t n = 0;

        while (invocation->command[n])
                n++;
        command.words = must(calloc(n + 1, sizeof(*command.words)));
        command.is_used = must(calloc(grant->n_fds + 1, sizeof(*command.is_used)));
        for (size_t i = 0; i < n; i++) {
                int code = substitute_word(invocation, grant, invocation->command[i], &command,
                                           &command.words[i]);

                if (code != EXIT_DONE)
                        return code;
        }
        *ret_command = command;
        command = (Command){0};
        return EXIT_DONE;
}

/* Marks the kinds of descriptors that one word names. */
static void find_kinds(const char *word, bool named[static _FD_KIND_N])
{
        while ((word = strchr(word, '{'))) {
                const char *end = strchr(word, '}');
                _cleanup_(free_text) char *name = NULL;

                if (!end)
                        return;
                name = must(strndup(word + 1, (size_t)(end - word - 1)));
                if (is_fd_name(name))
                        named[kind_of(name)] = true;
                word++;
        }
}

int command_find_mode(const Invocation *invocation, const char **ret_mode)
{
        bool named[_FD_KIND_N] = {false};
        const char *mode = NULL, *name = NULL;

        for (size_t i = 0; invocation->command[i]; i++)
                find_kinds(invocation->command[i], named);
        for (int i = 0; i < _FD_KIND_N; i++) {
                if (!named[i])
                        continue;
                if (mode && strcmp(mode, kinds[i].run_mode) != 0)
                        return fail_usage(invocation,
                                          "no mode provides both {%s} and {%s}: a program uses "
                                          "VFIO through containers or through iommufds",
                                          name, kinds[i].name);
                mode = kinds[i].run_mode;
                name = kinds[i].name;
        }
        *ret_mode = mode ? mode : "path";
        return EXIT_DONE;
}
