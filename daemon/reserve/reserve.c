/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Makes a record from the policy and the machine, and carries it out.
 *
 * udev runs several of these programs at once, so they take turns by a lock on the runtime
 * directory.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "core/model/reserve.h"
#include "core/probe/policy_json.h"
#include "core/probe/sysfs.h"
#include "daemon/base/log.h"
#include "daemon/host/file.h"
#include "daemon/reserve/device.h"
#include "daemon/reserve/record.h"
#include "daemon/reserve/reserve.h"
#include "daemon/reserve/rules.h"

typedef struct Session {
        const ReservePlaces *places;
        int runtime; /* locked */
        ReserveRecord record;
        Policy *policy;
        Snapshot *snapshot;
        bool trouble;
} Session;

static void session_deinitp(Session *session)
{
        closep(&session->runtime);
        reserve_record_deinit(&session->record);
        policy_free(session->policy);
        snapshot_free(session->snapshot);
}

/* Locks the runtime directory and reads the record; an invalid one is set aside. */
static int open_record(Session *session)
{
        int r = file_make_directories(session->places->runtime);
        if (r < 0)
                return r;
        session->runtime = open(session->places->runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (session->runtime < 0 || flock(session->runtime, LOCK_EX) < 0)
                return -errno;
        r = reserve_record_load(session->runtime, &session->record);
        if (r != -EBADMSG)
                return r;
        log_error("%s/" RESERVE_RECORD_NAME " is invalid and was set aside (" RESERVE_RECORD_NAME
                  ".rejected*)",
                  session->places->runtime);
        session->trouble = true;
        return 0;
}

/* Returns 0, RESERVE_E_TROUBLE if the policy has an error, or -errno. */
static int read_policy(Session *session)
{
        _cleanup_(freep) char *message = NULL;

        int r = policy_load_nameless(session->places->policy, &session->places->trust,
                                     &session->policy, &message);
        if (r <= 0)
                return r;
        log_error("policy refused: %s; nothing was changed", message);
        return RESERVE_E_TROUBLE;
}

/* Returns 0, RESERVE_E_NOTHING if there is no PCI bus, or -errno. */
static int read_machine(Session *session)
{
        int r = sysfs_read_links(session->places->host.sysfs, &session->snapshot);

        if (r == 0 && policy_asks_attachment(session->policy))
                r = sysfs_read_attachment(session->places->host.sysfs, session->snapshot);
        return r == SYSFS_E_NO_PCI ? RESERVE_E_NOTHING : r;
}

static void rules_path(const ReservePlaces *places, char path[static PATH_MAX])
{
        (void)snprintf(path, PATH_MAX, "%s/" RESERVE_RULES_NAME, places->udev_rules);
}

static int remove_rules(const ReservePlaces *places)
{
        char path[PATH_MAX];

        rules_path(places, path);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int write_rules(const Session *session)
{
        _cleanup_(freep) char *text = reserve_rules_text(session->policy, session->places->program);
        _cleanup_(closep) int directory = -1;

        if (!text)
                return -ENOMEM;
        int r = file_make_directories(session->places->udev_rules);
        if (r < 0)
                return r;
        directory = open(session->places->udev_rules, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return directory < 0 ? -errno : file_replace(directory, RESERVE_RULES_NAME, text, 0644);
}

static int save_record(const Session *session)
{
        return reserve_record_save(session->runtime, &session->record);
}

/*
 * Blocks a device that is on record. If that fails, removes it from the record, unless it was there
 * before and a lease will restore our override.
 */
static int block_device(Session *session, Bdf bdf, bool arriving, ReserveOutcome *ret_outcome)
{
        const HostPaths *host = &session->places->host;
        ReservedDevice *device = reserve_record_find(&session->record, bdf);

        int r = reserve_device_block(host, bdf, device->rule, arriving, ret_outcome);
        if (r < 0)
                return r;
        if (*ret_outcome == RESERVE_IS_BOUND || (*ret_outcome == RESERVE_IS_LEFT && device->is_new))
                device->is_gone = true;
        return 0;
}

/* As block_device(), but an error with one device does not stop the others. */
static void block_one_of_all(Session *session, const Reservation *reservation)
{
        Bdf bdf = session->snapshot->devices[reservation->device].bdf;
        char text[BDF_TEXT_SIZE];
        ReserveOutcome outcome;

        int r = block_device(session, bdf, false, &outcome);
        if (r < 0)
                log_error("%s could not be blocked: %s", bdf_format(bdf, text), strerror(-r));
        else if (outcome == RESERVE_IS_BLOCKED)
                log_info("%s is reserved by rule %s", bdf_format(bdf, text),
                         reservation->rule->origin);
        session->trouble |= r < 0 || outcome == RESERVE_IS_BOUND;
}

static bool is_planned(const Session *session, const ReservePlan *plan, Bdf bdf)
{
        for (size_t i = 0; i < plan->n_reservations; i++)
                if (plan->reservations[i].verdict == RESERVE_BLOCK &&
                    bdf_equal(session->snapshot->devices[plan->reservations[i].device].bdf, bdf))
                        return true;
        return false;
}

/* Lets in devices that are on record and not in the plan (NULL: all). */
static void let_in_others(Session *session, const ReservePlan *plan)
{
        for (size_t i = 0; i < session->record.n_devices; i++) {
                ReservedDevice *device = &session->record.devices[i];
                char text[BDF_TEXT_SIZE];
                bool done = false;

                if (device->is_gone || (plan && is_planned(session, plan, device->bdf)))
                        continue;
                int r = reserve_device_let_in(&session->places->host, device->bdf, &done);
                if (r < 0)
                        log_error("%s could not be let in: %s", bdf_format(device->bdf, text),
                                  strerror(-r));
                device->is_gone = done;
                session->trouble |= !done;
        }
}

static int say_refusal(const Session *session, const Reservation *reservation)
{
        _cleanup_(freep) char *text = reserve_describe(session->snapshot, reservation);

        if (!text)
                return -ENOMEM;
        log_warning("%s", text);
        return 0;
}

/* Puts everything on record before the first device is touched. */
static int put_on_record(Session *session, const ReservePlan *plan)
{
        for (size_t i = 0; i < plan->n_reservations; i++) {
                const Reservation *each = &plan->reservations[i];
                Bdf bdf = session->snapshot->devices[each->device].bdf;
                int r;

                if (each->verdict == RESERVE_BLOCK)
                        r = reserve_record_add(&session->record, bdf, each->rule->origin);
                else
                        r = say_refusal(session, each);
                if (r < 0)
                        return r;
        }
        return save_record(session);
}

static int apply_policy(Session *session)
{
        _cleanup_(reserve_plan_deinitp) ReservePlan plan = {.reservations = NULL};

        int r = read_machine(session);
        if (r != 0)
                return r < 0 ? r : 0;
        r = reserve_plan(session->policy, session->snapshot, &plan);
        if (r == 0)
                r = put_on_record(session, &plan);
        if (r < 0)
                return r;
        for (size_t i = 0; i < plan.n_reservations; i++)
                if (plan.reservations[i].verdict == RESERVE_BLOCK)
                        block_one_of_all(session, &plan.reservations[i]);
        let_in_others(session, &plan);
        return save_record(session);
}

int reserve_all(const ReservePlaces *places)
{
        _cleanup_(session_deinitp) Session session = {.places = places, .runtime = -1};

        int r = open_record(&session);
        if (r == 0)
                r = read_policy(&session);
        if (r == 0)
                r = reserve_is_asked(session.policy) ? write_rules(&session) : remove_rules(places);
        if (r == 0 && (reserve_is_asked(session.policy) || session.record.n_devices > 0))
                r = apply_policy(&session);
        return r == 0 && session.trouble ? RESERVE_E_TROUBLE : r;
}

/*
 * Decides about a device that has just appeared. Returns 0 if it is on record now, or as
 * reserve_arrived().
 */
static int judge_arrived(Session *session, Bdf bdf)
{
        _cleanup_(freep) char *path = NULL;

        int r = read_policy(session);
        if (r == 0)
                r = read_machine(session);
        if (r != 0)
                return r;
        size_t index = snapshot_find(session->snapshot, bdf);
        if (index == SNAPSHOT_NONE)
                return RESERVE_E_NOTHING;
        path = snapshot_path(session->snapshot, index);
        if (!path)
                return -ENOMEM;

        Reservation reservation =
                reserve_judge(session->policy, session->snapshot, index, path, true);
        if (reservation.verdict == RESERVE_NONE)
                return RESERVE_E_NOTHING;
        if (reservation.verdict != RESERVE_BLOCK) {
                r = say_refusal(session, &reservation);
                return r < 0 ? r : RESERVE_E_NOTHING;
        }
        r = reserve_record_add(&session->record, bdf, reservation.rule->origin);
        return r < 0 ? r : save_record(session);
}

/* Opens the record, or returns RESERVE_E_NOTHING: udev may still use rules that were removed. */
static int open_for_udev(Session *session)
{
        char path[PATH_MAX];

        rules_path(session->places, path);
        if (access(path, F_OK) < 0)
                return errno == ENOENT ? RESERVE_E_NOTHING : -errno;
        return open_record(session);
}

int reserve_present(const ReservePlaces *places, Bdf bdf)
{
        _cleanup_(session_deinitp) Session session = {.places = places, .runtime = -1};

        int r = open_for_udev(&session);
        if (r != 0)
                return r;
        return reserve_record_find(&session.record, bdf) &&
                               reserve_device_is_ours(&places->host, bdf)
                       ? 0
                       : RESERVE_E_NOTHING;
}

int reserve_arrived(const ReservePlaces *places, Bdf bdf)
{
        _cleanup_(session_deinitp) Session session = {.places = places, .runtime = -1};
        ReserveOutcome outcome;

        int r = open_for_udev(&session);
        if (r == 0)
                r = judge_arrived(&session, bdf);
        if (r == 0)
                r = block_device(&session, bdf, true, &outcome);
        if (r == 0)
                r = save_record(&session);
        if (r != 0)
                return r;
        if (outcome == RESERVE_IS_BLOCKED)
                return 0;
        return outcome == RESERVE_IS_BOUND ? RESERVE_E_TROUBLE : RESERVE_E_NOTHING;
}

int reserve_undo(const ReservePlaces *places)
{
        _cleanup_(session_deinitp) Session session = {.places = places, .runtime = -1};

        int r = open_record(&session);
        if (r == 0)
                r = remove_rules(places);
        if (r < 0)
                return r;
        let_in_others(&session, NULL);
        r = save_record(&session);
        return r == 0 && session.trouble ? RESERVE_E_TROUBLE : r;
}

int reserve_check(const ReservePlaces *places)
{
        _cleanup_(session_deinitp) Session session = {.places = places, .runtime = -1};

        int r = read_policy(&session);
        if (r != 0)
                return r;
        return reserve_is_asked(session.policy) ? 0 : RESERVE_E_NOTHING;
}
