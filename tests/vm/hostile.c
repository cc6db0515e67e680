/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client that means no good, on every method that the daemon says it has.
 *
 *      hostile fuzz SEED TIMES [DEVICE]  each method with drawn arguments; one line for each method:
 *                                        what came of it, and how often
 *      hostile flood TIMES DEVICE        calls without reading an answer, then gone; again and again
 *      hostile loop SECONDS DEVICE       takes and gives back without a pause, or is refused; tells
 *                                        when it has asked eight times
 *      hostile pester TIMES ROLE         junk to the socket of the daemon's helper of that role, with
 *                                        files and without; how often it could be reached, or why not
 *
 * Arguments follow the signatures; strings are names of this machine's devices (none but DEVICE, if
 * one is given), and what no parser likes. It fails only if the daemon cannot be reached any more.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define SERVICE "org.isolationd1"
#define ROOT "/org/isolationd1"
#define MANAGER SERVICE ".Manager"
#define TIMEOUT_USEC (3 * 1000000ULL)
#define PATHS_MAX 256
#define METHODS_MAX 64
#define OUTCOMES_MAX 24
#define NAME_SIZE 96
#define LONG_SIZE 70000

typedef struct Outcome {
        char name[NAME_SIZE];
        unsigned n;
} Outcome;

typedef struct Method {
        char interface[NAME_SIZE], member[NAME_SIZE], signature[NAME_SIZE];
        Outcome outcomes[OUTCOMES_MAX];
        unsigned n_outcomes;
} Method;

static Method methods[METHODS_MAX];
static unsigned n_methods;
static char *paths[PATHS_MAX];
static unsigned n_paths;
static const char *device; /* the only one that may be named */
static uint64_t state;

static unsigned draw(unsigned n)
{
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return (unsigned)((state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static sd_bus *connect_bus(void)
{
        sd_bus *bus;

        if (sd_bus_open_system(&bus) < 0)
                errx(1, "no bus");
        return bus;
}

/* --- what there is ----------------------------------------------------------------------------- */

static void add_method(const char *interface, const char *member, const char *signature)
{
        for (unsigned i = 0; i < n_methods; i++)
                if (strcmp(methods[i].interface, interface) == 0 &&
                    strcmp(methods[i].member, member) == 0)
                        return;
        if (n_methods == METHODS_MAX)
                errx(1, "more than %d methods", METHODS_MAX);
        Method *method = &methods[n_methods++];
        snprintf(method->interface, NAME_SIZE, "%s", interface);
        snprintf(method->member, NAME_SIZE, "%s", member);
        snprintf(method->signature, NAME_SIZE, "%s", signature);
}

/* The value of an attribute of the tag that `at` is in. */
static void read_attribute(const char *at, const char *name, char value[static NAME_SIZE])
{
        const char *end = strchr(at, '>'), *found = strstr(at, name);

        value[0] = '\0';
        if (found && end && found < end) {
                found += strlen(name);
                snprintf(value, NAME_SIZE, "%.*s", (int)strcspn(found, "\""), found);
        }
}

/* Methods of the daemon's own interfaces, from what sd-bus says of an object: a tag a line. */
static void read_methods(char *text)
{
        char interface[NAME_SIZE] = "", member[NAME_SIZE] = "", signature[NAME_SIZE] = "";
        char *save = NULL;

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char value[NAME_SIZE], direction[NAME_SIZE];

                if (strstr(line, "<interface ")) {
                        read_attribute(line, "name=\"", interface);
                } else if (strstr(line, "<method ")) {
                        read_attribute(line, "name=\"", member);
                        signature[0] = '\0';
                } else if (member[0] && strstr(line, "<arg ")) {
                        read_attribute(line, "type=\"", value);
                        read_attribute(line, "direction=\"", direction);
                        if (strcmp(direction, "in") == 0)
                                strncat(signature, value, NAME_SIZE - strlen(signature) - 1);
                } else if (member[0] && strstr(line, "</method>")) {
                        if (strncmp(interface, SERVICE ".", strlen(SERVICE ".")) == 0)
                                add_method(interface, member, signature);
                        member[0] = '\0';
                }
        }
}

static void introspect(sd_bus *bus, const char *path)
{
        sd_bus_message *reply = NULL;
        const char *text;

        if (sd_bus_call_method(bus, SERVICE, path, "org.freedesktop.DBus.Introspectable",
                               "Introspect", NULL, &reply, NULL) >= 0 &&
            sd_bus_message_read(reply, "s", &text) > 0) {
                char *copy = strdup(text);

                read_methods(copy);
                free(copy);
        }
        sd_bus_message_unref(reply);
}

static void find_objects(sd_bus *bus)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *path;

        if (sd_bus_call_method(bus, SERVICE, ROOT, "org.freedesktop.DBus.ObjectManager",
                               "GetManagedObjects", &error, &reply, NULL) < 0)
                errx(1, "GetManagedObjects: %s", error.message);
        paths[n_paths++] = strdup(ROOT);
        paths[n_paths++] = strdup(ROOT "/lease/4294967295");
        if (sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}") < 0)
                errx(1, "GetManagedObjects");
        while (n_paths < PATHS_MAX && sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
                if (sd_bus_message_read(reply, "o", &path) < 0)
                        break;
                paths[n_paths++] = strdup(path);
                (void)sd_bus_message_skip(reply, "a{sa{sv}}");
                (void)sd_bus_message_exit_container(reply);
        }
        sd_bus_message_unref(reply);
        for (unsigned i = 0; i < n_paths; i++)
                introspect(bus, paths[i]);
}

/* --- arguments -------------------------------------------------------------------------------- */

static const char *draw_text(void)
{
        static const char *const odd[] = {
                "", ".", "..", "../../../etc/shadow", "/", "group:", "group:-1",
                "group:99999999999999999999", "0000:00:00.8", "ffffffff:ff:ff.f", "%s%n%p", "*", "\"",
                "{}", "\x01\x02", "\xc3\xa4\xe2\x82\xac", "vfio", "iommufd", "path", "identity", "DMA",
                "persistent", ":1.0", "0", "-1", "true",
        };
        static char text[LONG_SIZE];

        if (draw(8) == 0) {
                memset(text, 'a' + (int)draw(26), sizeof(text) - 1);
                text[draw(2) ? sizeof(text) - 1 : draw(300)] = '\0';
                return text;
        }
        if (draw(3) == 0)
                return device ? device : strrchr(paths[draw(n_paths)], '/') + 1;
        return odd[draw(sizeof(odd) / sizeof(*odd))];
}

static const char *draw_key(void)
{
        static const char *const keys[] = {
                "mode", "modes", "uid", "lifetime", "wait-usec", "ticket", "with-members", "driver",
                "type", "memory", "prebound", "kill", "grace-seconds", "dry-run", "name", "nonsense",
        };

        return draw(10) ? keys[draw(sizeof(keys) / sizeof(*keys))] : draw_text();
}

static int append(sd_bus_message *message, const char **signature);

static int append_variant(sd_bus_message *message)
{
        static const char *const types[] = {"s", "u", "b", "t", "i", "as", "o", "h", "a{sv}", "(sv)"};
        const char *type = types[draw(sizeof(types) / sizeof(*types))], *rest = type;

        int r = sd_bus_message_open_container(message, 'v', type);
        if (r >= 0)
                r = append(message, &rest);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

/* An array, a structure or an entry: its contents are `n` times what its signature says. */
static int append_container(sd_bus_message *message, char kind, const char *contents, unsigned n)
{
        int r = sd_bus_message_open_container(message, kind, contents);

        for (; r >= 0 && n > 0; n--)
                for (const char *rest = contents; r >= 0 && *rest;)
                        r = append(message, &rest);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

/* The length of the complete type that a signature begins with. */
static size_t type_length(const char *signature)
{
        size_t n = 0, depth = 0;

        while (signature[n] == 'a')
                n++;
        do {
                depth += signature[n] == '(' || signature[n] == '{';
                depth -= signature[n] == ')' || signature[n] == '}';
                n++;
        } while (depth > 0);
        return n;
}

static int append_basic(sd_bus_message *message, char type)
{
        const uint64_t numbers[] = {0, 1, 2, 1000, 65534, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
        uint64_t number = numbers[draw(sizeof(numbers) / sizeof(*numbers))];
        static int null = -1;
        const int flag = (int)draw(2);

        if (null < 0)
                null = open("/dev/null", O_RDWR | O_CLOEXEC);
        switch (type) {
        case 's':
                return sd_bus_message_append_basic(message, type, draw_text());
        case 'o':
                return sd_bus_message_append_basic(message, type, paths[draw(n_paths)]);
        case 'b':
                return sd_bus_message_append_basic(message, type, &flag);
        case 'h':
                return sd_bus_message_append_basic(message, type, &null);
        default:
                return sd_bus_message_append_basic(message, type, &number);
        }
}

/* Appends one complete type and moves on behind it. */
static int append(sd_bus_message *message, const char **signature)
{
        static unsigned depth;
        char contents[NAME_SIZE];
        const char *type = *signature;
        size_t n = type_length(type);
        int r;

        *signature += n;
        depth++;
        if (type[0] == 'a') {
                snprintf(contents, sizeof(contents), "%.*s", (int)n - 1, type + 1);
                r = append_container(message, 'a', contents, depth > 3 ? 0 : draw(20) ? draw(4) : 300);
        } else if (type[0] == '(') {
                snprintf(contents, sizeof(contents), "%.*s", (int)n - 2, type + 1);
                r = append_container(message, 'r', contents, 1);
        } else if (type[0] == '{') {
                r = sd_bus_message_open_container(message, 'e', "sv");
                if (r >= 0)
                        r = sd_bus_message_append_basic(message, 's', draw_key());
                if (r >= 0)
                        r = append_variant(message);
                if (r >= 0)
                        r = sd_bus_message_close_container(message);
        } else if (type[0] == 'v') {
                r = append_variant(message);
        } else {
                r = append_basic(message, type[0]);
        }
        depth--;
        return r;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void note(Method *method, const char *name)
{
        unsigned i = 0;

        while (i < method->n_outcomes && strcmp(method->outcomes[i].name, name) != 0)
                i++;
        if (i == method->n_outcomes) {
                if (i == OUTCOMES_MAX)
                        return;
                snprintf(method->outcomes[method->n_outcomes++].name, NAME_SIZE, "%s", name);
        }
        method->outcomes[i].n++;
}

/* An object of the interface's kind more often than not. */
static const char *draw_path(const Method *method)
{
        char kind[NAME_SIZE];

        if (strcmp(method->interface, MANAGER) == 0)
                return ROOT;
        snprintf(kind, sizeof(kind), ROOT "/%s/", method->interface + strlen(SERVICE "."));
        kind[strlen(ROOT "/")] |= 0x20; /* in lower case */
        for (unsigned tries = 0; tries < 40; tries++) {
                const char *path = paths[draw(n_paths)];

                if (strncmp(path, kind, strlen(kind)) == 0)
                        return path;
        }
        return paths[1];
}

static int new_call(sd_bus *bus, const Method *method, sd_bus_message **ret_message)
{
        const char *signature = method->signature;

        int r = sd_bus_message_new_method_call(bus, ret_message, SERVICE, draw_path(method),
                                               method->interface, method->member);
        while (r >= 0 && *signature)
                r = append(*ret_message, &signature);
        return r;
}

/* The bus throws out who sends what it does not take: back in with a connection of its own. */
static void try(sd_bus **bus, Method *method)
{
        sd_bus_message *message = NULL, *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;

        if (new_call(*bus, method, &message) >= 0) {
                int r = sd_bus_call(*bus, message, TIMEOUT_USEC, &error, &reply);
                const char *dot = error.name ? strrchr(error.name, '.') : NULL;

                note(method, r >= 0 ? "done" : dot ? dot + 1 : strerror(-r));
        }
        sd_bus_error_free(&error);
        sd_bus_message_unref(message);
        sd_bus_message_unref(reply);
        if (sd_bus_is_open(*bus) <= 0) {
                sd_bus_unref(*bus);
                *bus = connect_bus();
        }
}

static void fuzz(unsigned times)
{
        sd_bus *bus = connect_bus();

        find_objects(bus);
        for (unsigned i = 0; i < n_methods; i++)
                for (unsigned k = 0; k < times; k++)
                        try(&bus, &methods[i]);
        for (unsigned i = 0; i < n_methods; i++) {
                printf("%s.%s:", methods[i].interface + strlen(SERVICE "."), methods[i].member);
                for (unsigned k = 0; k < methods[i].n_outcomes; k++)
                        printf(" %s %u", methods[i].outcomes[k].name, methods[i].outcomes[k].n);
                printf("\n");
        }
        sd_bus_unref(bus);
}

static void send_acquire(sd_bus *bus)
{
        sd_bus_message *message = NULL;

        if (sd_bus_message_new_method_call(bus, &message, SERVICE, ROOT, MANAGER, "Acquire") >= 0 &&
            sd_bus_message_append(message, "asa{sv}", 1, device, 0) >= 0)
                (void)sd_bus_send(bus, message, NULL);
        sd_bus_message_unref(message);
}

/* A thousand calls and nobody to read the answers, from a connection that goes at any moment. */
static void flood(unsigned times)
{
        for (unsigned i = 0; i < times; i++) {
                sd_bus *bus = connect_bus();

                for (unsigned k = 0; k < 1000; k++) {
                        if (k == draw(1000))
                                send_acquire(bus);
                        (void)sd_bus_call_method_async(bus, NULL, SERVICE, ROOT, MANAGER, "Resolve",
                                                       NULL, NULL, "sa{sv}", device, 0);
                }
                for (unsigned k = draw(50); k > 0; k--)
                        (void)sd_bus_process(bus, NULL);
                sd_bus_unref(bus);
        }
}

static void loop(time_t seconds)
{
        sd_bus *bus = connect_bus();
        unsigned n = 0, n_refused = 0;

        setvbuf(stdout, NULL, _IOLBF, 0);

        for (time_t end = time(NULL) + seconds; time(NULL) < end; n++) {
                sd_bus_message *reply = NULL;

                int r = sd_bus_call_method(bus, SERVICE, ROOT, MANAGER, "Acquire", NULL, &reply,
                                           "asa{sv}", 1, device, 0);
                n_refused += r < 0;
                if (n == 7)
                        printf("eight requests\n");
                sd_bus_message_unref(reply); /* and with it the lease */
        }
        printf("%u requests, %u refused\n", n, n_refused);
        sd_bus_unref(bus);
}

/* Anything at all to a socket of the daemon's helpers: of the right size or not, with a file or not. */
static void pester(const char *role, unsigned times)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        unsigned n = 0;

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "/run/isolationd/helper/%s", role);
        for (; n < times; n++) {
                char junk[128], control[CMSG_SPACE(sizeof(int))] = "";
                struct iovec iov = {.iov_base = junk, .iov_len = draw(2) ? 76 : draw(sizeof(junk))};
                struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
                int file = open(draw(2) ? "/dev/null" : "/etc/passwd", O_RDONLY | O_CLOEXEC);
                int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

                if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                        printf("%s: %s\n", role, strerror(errno));
                        exit(0);
                }
                for (size_t i = 0; i < sizeof(junk); i++)
                        junk[i] = (char)draw(256);
                const uint32_t head[] = {1, draw(7)}; /* the version, and a task */
                memcpy(junk, head, draw(2) ? sizeof(head) : 0);
                if (draw(2)) {
                        message.msg_control = control;
                        message.msg_controllen = sizeof(control);
                        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
                        header->cmsg_level = SOL_SOCKET;
                        header->cmsg_type = SCM_RIGHTS;
                        header->cmsg_len = CMSG_LEN(sizeof(int));
                        memcpy(CMSG_DATA(header), &file, sizeof(int));
                }
                if (draw(8) && sendmsg(fd, &message, MSG_NOSIGNAL) >= 0 && draw(2))
                        (void)recv(fd, junk, sizeof(junk), draw(2) ? MSG_DONTWAIT : 0);
                (void)close(fd);
                (void)close(file);
        }
        printf("%s: %u connections\n", role, n);
}

int main(int argc, char **argv)
{
        if (argc < 4)
                errx(2, "hostile fuzz|flood|loop|pester NUMBER …");
        device = argv[argc - 1];
        if (strcmp(argv[1], "fuzz") == 0) {
                state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15ULL + 1;
                device = argc > 4 ? argv[4] : NULL;
                fuzz((unsigned)strtoul(argv[3], NULL, 10));
        } else if (strcmp(argv[1], "flood") == 0) {
                state = 1;
                flood((unsigned)strtoul(argv[2], NULL, 10));
        } else if (strcmp(argv[1], "pester") == 0) {
                state = 1;
                pester(argv[3], (unsigned)strtoul(argv[2], NULL, 10));
        } else {
                loop((time_t)strtol(argv[2], NULL, 10));
        }
        return 0;
}
