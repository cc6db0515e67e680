/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each read gets one record of the kernel's log. A turn of the event loop reads a limited number,
 * so that a storm of messages does not delay everything else.
 */

#include "daemon/base/event.h"
#include "daemon/faults/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/model/fault.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

#define RECORD_SIZE 8192 /* the kernel's largest, CONSOLE_EXT_LOG_MAX */
#define RECORDS_PER_TURN 64
#define KMSG "/dev/kmsg"
#define KMSG_MAJOR 1 /* Documentation/admin-guide/devices.txt */
#define KMSG_MINOR 11

typedef struct Faults {
        Ledger *ledger;
        int fd;
        struct event *event;
        bool is_refused; /* the log cannot be read, which has been logged */
        uint32_t last;   /* the lease of the last fault that was reported */
} Faults;

/* The part of each lease. */
typedef struct LeaseFaults {
        uint64_t since_usec; /* when counting for one storm began (CLOCK_MONOTONIC) */
        unsigned n;          /* faults since then */
} LeaseFaults;

DEFINE_LEASE_PART(LeaseFaults, of, faults_module);

static void react(Lease *lease, unsigned n)
{
        char text[128];

        (void)snprintf(text, sizeof(text), "%u faults of the IOMMU within %d s", n,
                       FAULTS_STORM_SECONDS);
        log_warning("lease %" PRIu32 ": %s", lease->record->id, text);
        module_report(lease->ledger, EVENT_FAULT_STORM, lease, text);
}

/* Counts `n` more faults, and reacts once for each storm. */
static void count_storm(Lease *lease, unsigned n)
{
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        LeaseFaults *own = of(lease);

        if (now - own->since_usec > FAULTS_STORM_SECONDS * 1000000ULL) {
                own->since_usec = now;
                own->n = 0;
        }
        unsigned before = own->n, limit = lease->record->terms.fault_storm;
        own->n += n;
        if (before < limit && own->n >= limit && lease->record->state == LEASE_LEASED)
                react(lease, own->n);
}

static Lease *find_lease(const Ledger *ledger, Bdf bdf, LeaseDevice **ret_device)
{
        for (size_t i = 0; i < ledger->n_leases; i++) {
                LeaseDevice *device = lease_record_find(ledger->leases[i]->record, bdf);

                if (device && !device->lost) {
                        *ret_device = device;
                        return ledger->leases[i];
                }
        }
        return NULL;
}

static void attribute(Faults *faults, const IommuFault *fault)
{
        const LedgerObserver *observer = &faults->ledger->observer;
        LeaseDevice *device;
        char text[BDF_TEXT_SIZE];
        Lease *lease = find_lease(faults->ledger, fault->bdf, &device);

        if (!lease)
                return;
        device->faults.n++;
        device->faults.address = fault->has_address ? fault->address : 0;
        if (device->faults.n == 1)
                log_notice("lease %" PRIu32 ": %s made the IOMMU fault (%s at 0x%" PRIx64 ")",
                           lease->record->id, bdf_format(fault->bdf, text),
                           fault_access_to_string(fault->access), device->faults.address);
        faults->last = lease->record->id;
        if (observer->fault)
                observer->fault(lease, device, fault, observer->userdata);
        count_storm(lease, 1);
}

/* Counts suppressed messages for the lease of the last fault: no other one caused as many. */
static void attribute_suppressed(const Faults *faults, unsigned n)
{
        Lease *lease = ledger_find_lease(faults->ledger, faults->last);

        if (lease)
                count_storm(lease, n);
}

static void close_log(Faults *faults)
{
        event_freep(&faults->event);
        closep(&faults->fd);
        faults->fd = -1;
}

static void on_record(evutil_socket_t fd, short what, void *userdata)
{
        Faults *faults = userdata;
        char record[RECORD_SIZE + 1];
        IommuFault fault;

        for (int i = 0; i < RECORDS_PER_TURN && faults->fd >= 0; i++) {
                ssize_t n = read(faults->fd, record, sizeof(record) - 1);

                if (n < 0 && (errno == EPIPE || errno == EINTR))
                        continue; /* some records were overwritten before they were read */
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        log_error("the kernel log can no longer be read: %s; owners no longer hear "
                                  "of IOMMU faults",
                                  strerror(errno));
                        faults->is_refused = true;
                        return close_log(faults);
                }
                record[n] = '\0';
                unsigned suppressed = fault_parse_suppressed(record);
                if (fault_parse(record, &fault))
                        attribute(faults, &fault);
                else if (suppressed > 0)
                        attribute_suppressed(faults, suppressed);
        }
}

/*
 * Takes the kernel log from standard input, where the service manager opened it: then the daemon
 * needs no right to open it.
 */
static int take_given(void)
{
        struct stat status;

        if (fstat(STDIN_FILENO, &status) < 0 || !S_ISCHR(status.st_mode) ||
            status.st_rdev != makedev(KMSG_MAJOR, KMSG_MINOR))
                return -1;
        int flags = fcntl(STDIN_FILENO, F_GETFL);
        if (flags < 0 || fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) < 0)
                return -1;
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static int open_log(Faults *faults)
{
        faults->fd = take_given();
        if (faults->fd < 0)
                faults->fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (faults->fd < 0 || lseek(faults->fd, 0, SEEK_END) < 0)
                return -errno;
        return event_watch(&faults->event, faults->ledger->base, faults->fd, EV_READ | EV_PERSIST,
                           on_record, faults);
}

/* Starts to read the log if there is a lease, and stops if there is none. */
static void review(Faults *faults)
{
        bool wanted = faults->ledger->n_leases > 0;

        if (!wanted) {
                close_log(faults);
                faults->is_refused = false;
                return;
        }
        if (faults->fd >= 0 || faults->is_refused)
                return;
        int r = open_log(faults);
        if (r < 0) {
                log_warning(KMSG ": %s; owners do not hear of IOMMU faults", strerror(-r));
                close_log(faults);
                faults->is_refused = true;
        }
}

static int init(Ledger *ledger, void *data)
{
        *(Faults *)data = (Faults){.ledger = ledger, .fd = -1};
        return 0;
}

static void clear(void *data)
{
        close_log(data);
}

static void handle(Ledger *ledger, const Event *event)
{
        if (event->kind == EVENT_LEASE_ADDED || event->kind == EVENT_LEASE_REMOVED)
                review(module_data(ledger, &faults_module));
}

const Module faults_module = {
        .name = "faults",
        .size = sizeof(Faults),
        .lease_size = sizeof(LeaseFaults),
        .init = init,
        .clear = clear,
        .handle = handle,
};
