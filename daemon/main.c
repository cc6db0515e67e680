/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * isolationd: puts the ledger, uevents and the bus on one loop, and tells the service manager its
 * state.
 *
 * The start has a fixed order: listen for changes, read the machine, take over what the last daemon
 * left, and only then answer requests.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "core/probe/policy_json.h"
#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/bus/bus.h"
#include "daemon/claims/claims.h"
#include "daemon/guard/udev_hook.h"
#include "daemon/host/helper.h"
#include "daemon/machine/policy_watch.h"
#include "daemon/machine/uevents.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/recovery/runtime.h"
#include "daemon/recovery/start.h"
#include "daemon/stop.h"
#include "daemon/tell/audit.h"

#define RUNTIME_DIRECTORY "/run/isolationd"
#define STATE_DIRECTORY RUNTIME_DIRECTORY "/leases"

#define FAILED_START_SECONDS 2

typedef struct Daemon {
        struct event_base *base;
        Ledger *ledger;
        Uevents *uevents;
        PolicyWatch *policy_watch;
        Runtime *runtime;
        Bus *bus;
        struct event *signals[4];
        struct event *watchdog;
        bool stop;
} Daemon;

static void daemon_clear(Daemon *daemon)
{
        bus_free(daemon->bus);
        uevents_free(daemon->uevents);
        policy_watch_free(daemon->policy_watch);
        runtime_free(daemon->runtime);
        audit_set_host(NULL);
        ledger_free(daemon->ledger);
        for (size_t i = 0; i < ARRAY_SIZE(daemon->signals); i++)
                event_freep(&daemon->signals[i]);
        event_freep(&daemon->watchdog);
        if (daemon->base)
                event_base_free(daemon->base);
}

static void on_stop(evutil_socket_t signal_number, short what, void *userdata)
{
        Daemon *daemon = userdata;

        daemon->stop = true;
}

static void on_policy_changed(void *userdata)
{
        Daemon *daemon = userdata;

        int r = ledger_load_policy(daemon->ledger);
        if (r < 0)
                log_broken(r);
        ledger_read_soon(daemon->ledger);
}

static void on_reload(evutil_socket_t signal_number, short what, void *userdata)
{
        on_policy_changed(userdata);
}

/* If this fails, a change of the policy needs a reload by hand. */
static void watch_policy(Daemon *daemon)
{
        int r = policy_watch_new(daemon->base, policy_directories, on_policy_changed, daemon,
                                 &daemon->policy_watch);
        if (r < 0)
                log_warning("policy files cannot be watched: %s; after a change, reload isolationd",
                            strerror(-r));
}

/* If this fails, files that somebody removes stay missing until they are next written. */
static void watch_runtime(Daemon *daemon)
{
        int r = runtime_new(daemon->base, daemon->ledger, RUNTIME_DIRECTORY, &daemon->runtime);
        if (r < 0)
                log_warning(RUNTIME_DIRECTORY " cannot be watched: %s", strerror(-r));
}

/* Reaps children whose worker was freed already. A worker reaps the others. */
static void on_child(evutil_socket_t signal_number, short what, void *userdata)
{
        while (waitpid(-1, NULL, WNOHANG) > 0)
                continue;
}

static void on_watchdog(evutil_socket_t fd, short what, void *userdata)
{
        (void)sd_notify(0, "WATCHDOG=1");
}

static void on_changed(uint64_t number, void *userdata)
{
        Daemon *daemon = userdata;

        ledger_hear_uevent(daemon->ledger, number);
}

/* Needs no reading, as the machine has not changed. */
static void on_nodes(void *userdata)
{
        const Daemon *daemon = userdata;

        for (size_t i = 0; i < daemon->ledger->n_leases; i++)
                claims_review_nodes(daemon->ledger->leases[i]);
}

static int watch_signals(Daemon *daemon)
{
        const struct {
                int number;
                event_callback_fn handler;
        } wanted[] = {
                {SIGTERM, on_stop},
                {SIGINT, on_stop},
                {SIGHUP, on_reload},
                {SIGCHLD, on_child},
        };

        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                int r = event_watch(&daemon->signals[i], daemon->base, wanted[i].number,
                                    EV_SIGNAL | EV_PERSIST, wanted[i].handler, daemon);
                if (r < 0)
                        return r;
        }
        return 0;
}

/*
 * While the daemon starts or ends, it waits for answers of the bus. The end of a worker, or a
 * reload, must not interrupt such a wait.
 */
static void hold_signals(int how)
{
        sigset_t set;

        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGCHLD);
        (void)sigaddset(&set, SIGHUP);
        (void)sigprocmask(how, &set, NULL);
}

/* Tells the service manager that the loop runs, twice per period that it allows. */
static int start_watchdog(Daemon *daemon)
{
        uint64_t usec;

        int r = sd_watchdog_enabled(0, &usec);
        if (r <= 0)
                return r;
        struct timeval period = {
                .tv_sec = (time_t)(usec / 2 / 1000000),
                .tv_usec = (suseconds_t)(usec / 2 % 1000000),
        };
        daemon->watchdog = event_new(daemon->base, -1, EV_PERSIST, on_watchdog, daemon);
        if (!daemon->watchdog || event_add(daemon->watchdog, &period) < 0)
                return -ENOMEM;
        return 0;
}

static int start(Daemon *daemon)
{
        _cleanup_(fdstore_clear) FdStore store = {.items = NULL};
        HostPaths host = HOST_PATHS_LIVE;

        host.helpers = HELPER_DIRECTORY;
        /*
         * The unit hides /usr/lib/modules and shows it at this path, unless it was missing at the
         * start.
         */
        const char *modules = getenv("ISOLATIOND_MODULES");
        if (modules && access(modules, F_OK) == 0)
                host.modules = modules;

        daemon->base = event_base_new();
        if (!daemon->base)
                return -ENOMEM;
        if (mkdir(RUNTIME_DIRECTORY, 0755) < 0 && errno != EEXIST)
                return -errno;
        int r = watch_signals(daemon);
        if (r == 0)
                r = fdstore_receive(&store);
        if (r == 0)
                r = daemon_new(daemon->base, &host, STATE_DIRECTORY, &daemon->ledger);
        if (r == 0)
                audit_set_host(&daemon->ledger->host);
        if (r == 0)
                r = uevents_new(daemon->base, on_changed, on_nodes, daemon, &daemon->uevents);
        if (r == 0) {
                watch_policy(daemon);
                r = recovery_start(daemon->ledger, &store);
        }
        if (r == 0)
                watch_runtime(daemon);
        if (r == -ENODEV)
                log_error("this machine has no PCI bus");
        if (r == 0)
                r = bus_new(daemon->ledger, daemon->base, &daemon->bus);
        if (r == 0)
                r = start_watchdog(daemon);
        return r;
}

static int run(Daemon *daemon)
{
        (void)sd_notify(0, "READY=1");
        log_info("%zu devices, %zu groups, %zu leases", daemon->ledger->world->snapshot->n_devices,
                 daemon->ledger->world->groups->n_groups, daemon->ledger->n_leases);
        while (!daemon->stop) {
                int r = bus_turn(daemon->bus);
                if (r < 0) {
                        log_error("the connection to the bus has ended: %s", strerror(-r));
                        return r;
                }
                if (daemon->stop || event_base_loop(daemon->base, EVLOOP_ONCE) < 0)
                        break;
        }
        (void)sd_notify(0, "STOPPING=1");
        daemon->stop = false;
        hold_signals(SIG_BLOCK);
        int r = bus_leave_name(daemon->bus);
        hold_signals(SIG_UNBLOCK);
        if (r < 0)
                log_warning("isolationd ends and may not have answered all requests: "
                            "%s",
                            strerror(-r));
        else
                stop_in_order(daemon->bus, daemon->ledger, daemon->base, &daemon->stop);
        return 0;
}

/* Run by udev; see daemon/guard/udev_hook.h. */
static int run_udev_hook(const char *function, const char *driver)
{
        const HostPaths host = HOST_PATHS_LIVE;

        int r = udev_hook_run(&host, STATE_DIRECTORY, function, driver);
        if (r < 0 && r != -ENOENT)
                log_error("%s could not be let in: %s", function ? function : driver, strerror(-r));
        return r < 0 && r != -ENOENT ? 1 : 0;
}

static int parse(int argc, char **argv)
{
        static const struct option options[] = {
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'v'},
                {"let-in", required_argument, NULL, 'l'},
                {"admit", required_argument, NULL, 'a'},
                {.name = NULL},
        };

        switch (getopt_long(argc, argv, "h", options, NULL)) {
        case -1:
                if (optind == argc)
                        return -1;
                fprintf(stderr, "isolationd: takes no arguments\n");
                return 2;
        case 'h':
                printf("isolationd [--help] [--version]\n"
                       "Mediates device isolation groups; see isolationd(8). "
                       "Started by systemd or the system bus.\n");
                return 0;
        case 'v':
                printf("isolationd %s\n", ISO_VERSION);
                return 0;
        case 'l':
                return run_udev_hook(optarg, NULL);
        case 'a':
                return run_udev_hook(NULL, optarg);
        default:
                return 2;
        }
}

/*
 * The service manager restarts the daemon at once, as leases are not guarded meanwhile. The next
 * start will probably fail for the same reason, so this waits to limit the load.
 */
static void wait_before_failing(void)
{
        const struct timespec time = {.tv_sec = FAILED_START_SECONDS};
        sigset_t set;

        if (!getenv("NOTIFY_SOCKET"))
                return;
        log_error("the daemon could not start; waiting %d s before the next start",
                  FAILED_START_SECONDS);
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)sigtimedwait(&set, NULL, &time);
}

int main(int argc, char **argv)
{
        _cleanup_(daemon_clear) Daemon daemon = {.base = NULL};

        int code = parse(argc, argv);
        if (code >= 0)
                return code;
        (void)signal(SIGPIPE, SIG_IGN);
        hold_signals(SIG_BLOCK);
        int r = start(&daemon);
        hold_signals(SIG_UNBLOCK);
        if (r < 0) {
                log_broken(r);
                wait_before_failing();
                return 1;
        }
        r = run(&daemon);
        if (r < 0)
                log_broken(r);
        return r < 0 ? 1 : 0;
}
