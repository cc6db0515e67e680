/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What another program must be told to use the devices of a lease: its arguments, or XML.
 *
 * With a selector instead of a lease, it is what to tell it in the mode of --mode. In modes with
 * descriptors the arguments have the placeholders that `isoctl run` replaces.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

/* What is to be told of. */
typedef struct Subject {
        const char *mode;
        const char **devices; /* addresses of what is handed out, NULL-terminated, borrowed */
        const char *const *nodes;
        bool is_leased;
} Subject;

typedef struct Client {
        const char *name;
        const char *modes; /* those it can use, separated by spaces */
        void (*emit)(const Subject *subject, json_object *words);
} Client;

static void free_list(const char ***list)
{
        free(*list);
}

static void add_word(json_object *words, const char *format, ...) _printf_(2, 3);

static void add_word(json_object *words, const char *format, ...)
{
        _cleanup_(free_text) char *word = NULL;
        va_list arguments;

        va_start(arguments, format);
        word = must_vformat(format, arguments);
        va_end(arguments);
        (void)json_append(words, must(json_object_new_string(word)));
}

static void emit_qemu(const Subject *subject, json_object *words)
{
        bool has_fds = strcmp(subject->mode, "iommufd-unbound") == 0;

        if (has_fds) {
                add_word(words, "-object");
                add_word(words, "iommufd,id=iommufd0,fd={iommufd}");
        }
        for (size_t i = 0; subject->devices[i]; i++) {
                add_word(words, "-device");
                if (has_fds)
                        add_word(words, "vfio-pci,iommufd=iommufd0,fd={device:%s}",
                                 subject->devices[i]);
                else
                        add_word(words, "vfio-pci,host=%s", subject->devices[i]);
        }
}

static void emit_dpdk(const Subject *subject, json_object *words)
{
        for (size_t i = 0; subject->devices[i]; i++) {
                add_word(words, "-a");
                add_word(words, "%s", subject->devices[i]);
        }
}

static void emit_cloud_hypervisor(const Subject *subject, json_object *words)
{
        add_word(words, "--device");
        for (size_t i = 0; subject->devices[i]; i++)
                add_word(words, "path=/sys/bus/pci/devices/%s/", subject->devices[i]);
}

/* Without a lease the numbers of the nodes are unknown. */
static void emit_podman(const Subject *subject, json_object *words)
{
        add_word(words, "--ulimit=memlock=-1:-1");
        for (size_t i = 0; subject->nodes[i]; i++)
                add_word(words, "--device=%s", subject->nodes[i]);
}

/* https://libvirt.org/formatdomain.html, "PCI / SCSI device"; isolationd binds, so managed='no'. */
static void emit_libvirt(const Subject *subject, json_object *words)
{
        for (size_t i = 0; subject->devices[i]; i++) {
                unsigned domain, bus, slot, function;

                if (sscanf(subject->devices[i], "%x:%x:%x.%x", &domain, &bus, &slot, &function) !=
                    4)
                        continue;
                add_word(words,
                         "<hostdev mode='subsystem' type='pci' managed='no'>\n"
                         "  <driver name='vfio'/>\n"
                         "  <source>\n"
                         "    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
                         "function='0x%x'/>\n"
                         "  </source>\n"
                         "</hostdev>",
                         domain, bus, slot, function);
        }
}

static const Client clients[] = {
        {"qemu", "path iommufd-unbound", emit_qemu},
        {"libvirt", "path", emit_libvirt},
        {"dpdk", "path", emit_dpdk},
        {"cloud-hypervisor", "path", emit_cloud_hypervisor},
        {"podman", "path", emit_podman},
};

static const Client *find_client(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
                if (strcmp(clients[i].name, name) == 0)
                        return &clients[i];
        return NULL;
}

static bool takes(const Client *client, const char *mode)
{
        const char *found = strstr(client->modes, mode);
        size_t n = strlen(mode);

        return found && n > 0 && (found == client->modes || found[-1] == ' ') &&
               (found[n] == ' ' || found[n] == '\0');
}

/* Bridges are never handed out. */
static const char **devices_of_group(const iso_host *host, const iso_group *group)
{
        const char **list = must(calloc(group->n_devices + 1, sizeof(*list)));
        size_t n = 0;

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (device && !device_is_bridge(device))
                        list[n++] = device->address;
        }
        return list;
}

static const char **copy_list(const char *const *list)
{
        size_t size = (count_texts(list) + 1) * sizeof(*list);

        return memcpy(must(malloc(size)), list, size);
}

/* A lease by number or selector, or the group of a selector that nobody has leased. */
static int find_subject(Invocation *invocation, Subject *ret)
{
        static const char *const none[] = {NULL};
        const char *selector = invocation->arguments[1];
        const iso_lease *lease = NULL;
        const iso_group *group = NULL;
        int code = EXIT_DONE, r;

        if (strspn(selector, "0123456789") == strlen(selector)) {
                r = iso_host_resolve_lease(invocation->host, selector, &lease);
                if (r != 0)
                        return fail_host(invocation, r);
        } else {
                code = find_group(invocation, selector, &group);
                if (code != EXIT_DONE)
                        return code;
                lease = group->lease > 0 ? lease_find(invocation->host, group->lease) : NULL;
        }
        *ret = (Subject){
                .mode = lease && *lease->mode ? lease->mode : invocation->mode ?: "path",
                .devices = lease ? copy_list(lease->devices)
                                 : devices_of_group(invocation->host, group),
                .nodes = lease ? lease->nodes : none,
                .is_leased = lease != NULL,
        };
        return EXIT_DONE;
}

static int check(const Invocation *invocation, const Client *client, const Subject *subject)
{
        if (subject->is_leased && invocation->mode && strcmp(invocation->mode, subject->mode) != 0)
                return fail_refusal(invocation, ISO_E_INVALID,
                                    "%s is leased in mode %s, not %s: leave out --mode",
                                    invocation->arguments[1], subject->mode, invocation->mode);
        if (!takes(client, subject->mode))
                return fail_refusal(invocation, ISO_E_INVALID,
                                    "%s cannot use a lease in mode %s: acquire it with --mode %.*s",
                                    client->name, subject->mode, (int)strcspn(client->modes, " "),
                                    client->modes);
        if (strcmp(client->name, "podman") == 0 && !subject->nodes[0])
                return fail_refusal(invocation, ISO_E_INVALID,
                                    "%s is not leased, so its nodes in /dev/vfio are not known: "
                                    "first isoctl acquire --mode path %s",
                                    invocation->arguments[1], invocation->arguments[1]);
        return EXIT_DONE;
}

/* Arguments on one line, for $(…) of a shell: none has a space. XML has its own lines. */
static void print_text(json_object *words)
{
        size_t n = json_object_array_length(words);

        for (size_t i = 0; i < n; i++) {
                const char *word = json_object_get_string(json_object_array_get_idx(words, i));

                (void)printf("%s%s", word, i + 1 == n || word[0] == '<' ? "\n" : " ");
        }
}

static int run_emit(Invocation *invocation)
{
        const Client *client = find_client(invocation->arguments[0]);
        json_object *document, *words;
        Subject subject = {.mode = ""};
        int code;

        if (!client)
                return fail_usage(invocation,
                                  "unknown program '%s': qemu, libvirt, dpdk, cloud-hypervisor or "
                                  "podman",
                                  invocation->arguments[0]);
        code = find_subject(invocation, &subject);
        if (code != EXIT_DONE)
                return code;
        _cleanup_(free_list) const char **devices = subject.devices;
        code = check(invocation, client, &subject);
        if (code != EXIT_DONE)
                return code;
        document = json_document("emit");
        json_add_text(document, "program", client->name);
        json_add_text(document, "mode", subject.mode);
        json_add_list(document, "devices", devices);
        words = json_add_array(document, "words");
        client->emit(&subject, words);
        if (invocation->json) {
                json_print(document);
                return EXIT_DONE;
        }
        print_text(words);
        (void)json_object_put(document);
        return EXIT_DONE;
}

const Verb verb_emit = {
        .name = "emit",
        .arguments = "PROGRAM SELECTOR|LEASE",
        .summary = "print what to tell a program to use a lease",
        .help = "PROGRAM: qemu, dpdk, cloud-hypervisor, podman (arguments), or libvirt (XML of a\n"
                "hostdev). Without a lease of SELECTOR: what it would be in that mode.\n"
                "--mode MODE  path (default), or for qemu iommufd-unbound, with the names that\n"
                "             isoctl run replaces:\n"
                "  isoctl run NIC -- qemu-system-x86_64 $(isoctl emit qemu --mode iommufd-unbound "
                "NIC)\n",
        .options = OPTION_MODE | OPTION_FROM,
        .min_arguments = 2,
        .max_arguments = 2,
        .host = VERB_HOST_ANY,
        .run = run_emit,
};
