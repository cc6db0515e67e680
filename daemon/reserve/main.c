/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * isolationd-reserve: reserves devices at boot, in the initramfs or right after it, and when udev
 * asks. It needs no daemon, no bus, and no user names, as none of these exists so early.
 */

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/model/bdf.h"
#include "daemon/base/log.h"
#include "daemon/reserve/reserve.h"

enum {
        EXIT_DONE = 0,
        EXIT_TROUBLE = 1,
        EXIT_USAGE = 2,
        EXIT_NOTHING = 3,
};

static const char help[] =
        "isolationd-reserve [OPTION]\n"
        "Keeps the devices that the policy reserves from the host's drivers; see "
        "isolationd-reserve(8).\n"
        "\n"
        "      --check             say by the exit code whether the policy reserves anything (0, "
        "3)\n"
        "      --undo              let the host have all that was reserved\n"
        "      --arrived ADDRESS   for udev: reserve a device that has just come, if the policy\n"
        "                          says so\n"
        "      --present ADDRESS   for udev: is it reserved?\n"
        "  -h, --help\n"
        "      --version\n";

/* Paths below another root, for tests. */
typedef struct Rooted {
        char paths[8][PATH_MAX];
        ReservePlaces places;
} Rooted;

static const ReservePlaces *root_places(Rooted *rooted, const char *root)
{
        static const char *const below[8] = {
                "/sys",
                "/dev",
                "/proc",
                "/etc/isolationd/policy.d",
                "/run/isolationd/policy.d",
                "/usr/lib/isolationd/policy.d",
                "/run/isolationd",
                "/run/udev/rules.d",
        };

        for (size_t i = 0; i < ARRAY_SIZE(below); i++)
                (void)snprintf(rooted->paths[i], PATH_MAX, "%s%s", root, below[i]);
        rooted->places = (ReservePlaces){
                .host = {.sysfs = rooted->paths[0],
                         .dev = rooted->paths[1],
                         .proc = rooted->paths[2]},
                .policy = {rooted->paths[3], rooted->paths[4], rooted->paths[5], NULL},
                .trust = root[0] ? (Trust){.owner = geteuid(), .above = root} : trust_root,
                .runtime = rooted->paths[6],
                .udev_rules = rooted->paths[7],
                .program = ISO_LIBEXECDIR "/isolationd-reserve",
        };
        return &rooted->places;
}

static int exit_code(int result)
{
        switch (result) {
        case 0:
                return EXIT_DONE;
        case RESERVE_E_NOTHING:
                return EXIT_NOTHING;
        default:
                if (result < 0)
                        log_broken(result);
                return EXIT_TROUBLE;
        }
}

typedef struct Request {
        int what; /* the option's value, 0 for all devices */
        const char *root;
        Bdf bdf;
} Request;

/* Returns -1 if there is something to do, else the exit code. */
static int parse(int argc, char **argv, Request *request)
{
        static const struct option options[] = {
                {"arrived", required_argument, NULL, 'a'},
                {"check", no_argument, NULL, 'c'},
                {"help", no_argument, NULL, 'h'},
                {"present", required_argument, NULL, 'p'},
                {"root", required_argument, NULL, 'r'},
                {"undo", no_argument, NULL, 'u'},
                {"version", no_argument, NULL, 'v'},
                {.name = NULL},
        };

        for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
                if (option == 'h') {
                        (void)fputs(help, stdout);
                        return EXIT_DONE;
                }
                if (option == 'v') {
                        printf("isolationd-reserve %s\n", ISO_VERSION);
                        return EXIT_DONE;
                }
                if (option == '?')
                        return EXIT_USAGE;
                if (option == 'r') {
                        request->root = optarg;
                        continue;
                }
                if (request->what != 0) {
                        fprintf(stderr, "isolationd-reserve: one thing at a time\n");
                        return EXIT_USAGE;
                }
                request->what = option;
                if (optarg && !bdf_parse(optarg, &request->bdf)) {
                        fprintf(stderr, "isolationd-reserve: \"%s\" is no address of a device\n",
                                optarg);
                        return EXIT_USAGE;
                }
        }
        if (optind < argc)
                fprintf(stderr, "isolationd-reserve: takes options only\n");
        return optind < argc ? EXIT_USAGE : -1;
}

/* Logs to the kernel log. udev keeps the output of what it runs for its own debugging. */
static void speak_to_kernel_log(void)
{
        int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return;
        (void)dup3(fd, STDERR_FILENO, O_CLOEXEC);
        (void)close(fd);
}

int main(int argc, char **argv)
{
        Request request = {.root = ""};
        Rooted places;

        int code = parse(argc, argv, &request);
        if (code >= 0)
                return code;
        const ReservePlaces *all = root_places(&places, request.root);
        switch (request.what) {
        case 'a':
        case 'p':
                if (!request.root[0])
                        speak_to_kernel_log();
                return exit_code(request.what == 'a' ? reserve_arrived(all, request.bdf)
                                                     : reserve_present(all, request.bdf));
        case 'c':
                return exit_code(reserve_check(all));
        case 'u':
                return exit_code(reserve_undo(all));
        default:
                return exit_code(reserve_all(all));
        }
}
