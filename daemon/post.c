/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A sentinel's orders are fixed when it starts; other orders are another sentinel, which takes over
 * before the first one goes. What has to be undone, a worker undoes.
 */

#include "daemon/post.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/rules.h"
#include "daemon/log.h"
#include "daemon/post_internal.h"

/* --- on the way to what was ordered ----------------------------------------------------------- */

/* While the gate is being opened nobody shuts it, who may have to: the next review tells. */
static bool is_on_its_way(const Post *post)
{
        return (post->sentinel && !post->is_ready) || (post->worker && post->sweep.open_gate);
}

bool post_is_settling(const Post *post)
{
        return is_on_its_way(post) && !post->is_late;
}

static void on_late(evutil_socket_t fd, short what, void *userdata)
{
        Post *post = userdata;

        post->is_late = true;
        log_error("the sentinel or the gate is not ready after %u s: until it is, leases are "
                  "answered with the guard that they have",
                  post->manager->times.worker);
        manager_mark_dirty(post->manager);
}

/* Whoever waits for a lease hears of its guard in the end, whatever it has become. */
static void limit_settling(Post *post)
{
        const struct timeval limit = {.tv_sec = post->manager->times.worker};

        if (is_on_its_way(post)) {
                if (!post->is_late && !evtimer_pending(post->late_event, NULL) &&
                    evtimer_add(post->late_event, &limit) < 0)
                        post->is_late = true; /* nobody would hear the end of it */
                return;
        }
        (void)evtimer_del(post->late_event);
        post->is_late = false;
}

/* ---------------------------------------------------------------------------------------------- */

int post_new(Manager *manager, Post **ret_post)
{
        Post *post = calloc(1, sizeof(*post));

        if (!post)
                return -ENOMEM;
        post->manager = manager;
        post->late_event = evtimer_new(manager->base, on_late, post);
        if (!post->late_event) {
                free(post);
                return -ENOMEM;
        }
        *ret_post = post;
        return 0;
}

Post *post_free(Post *post)
{
        if (!post)
                return NULL;
        event_free(post->late_event);
        worker_free(post->worker);
        sentinel_free(post->sentinel);
        sentinel_free(post->former);
        sentinel_free(post->better);
        places_clear(&post->orders.places);
        watchfile_free(post->file);
        free(post->strays);
        free(post);
        return NULL;
}

/* --- orders on record ------------------------------------------------------------------------ */

/* What need not be let in is noted before the gate is shut, and while it is. Returns 0 or -errno. */
static int note_functions(Post *post, bool all)
{
        const Snapshot *snapshot = post->manager->world->snapshot;
        WatchFile *file = post->file;
        int r = 0;

        for (size_t i = file->n_known; i > 0; i--)
                if (snapshot_find(snapshot, file->known[i - 1].bdf) == SNAPSHOT_NONE)
                        watchfile_drop(file, file->known[i - 1].bdf);
        for (size_t i = 0; r == 0 && i < snapshot->n_devices; i++) {
                WatchFunction function;

                if (!all && !snapshot->devices[i].driver[0])
                        continue;
                r = watchfile_find_function(&post->manager->host, snapshot->devices[i].bdf,
                                            &function);
                if (r == 0)
                        r = watchfile_add(file, &function);
                else if (r == -ENOENT)
                        r = 0; /* the next reading knows */
        }
        return r;
}

/* Puts on record that there is a sentinel, and whether it shuts the gate. Returns 0 or -errno. */
static int keep_file(Post *post, const SentinelOrders *orders)
{
        bool gate = orders->gate, shuts = gate && !(post->file && post->file->gate_shut);
        int r = 0;

        if (!post->file)
                post->file = calloc(1, sizeof(*post->file));
        if (!post->file)
                return -ENOMEM;
        if (shuts)
                post->file->n_known = 0;
        if (shuts || post->file->gate_shut)
                r = note_functions(post, shuts);
        places_clear(&post->file->places);
        for (size_t i = 0; r == 0 && i < orders->places.n_texts; i++)
                r = places_add(&post->file->places, orders->places.texts[i]);
        if (r < 0)
                return r;
        post->file->gate_shut |= gate;
        if (shuts)
                r = rules_write_gate(RULES_DIRECTORY);
        if (r < 0)
                log_error("the udev rules of the gate could not be written: %s", strerror(-r));
        r = watchfile_save(post->manager->state_directory, post->file);
        if (r < 0 && shuts)
                post->file->gate_shut = false; /* what is not on record is not done */
        return r;
}

static void have_better(Post *post);

/* --- the sentinel ----------------------------------------------------------------------------- */

static void on_blocked(Post *post, const SentinelReport *report)
{
        /* Whoever has opened it, or is about to, is no evidence against the kernel. */
        bool gate = post_gate_holds(post) && !(post->worker && post->sweep.open_gate);
        char text[BDF_TEXT_SIZE];

        log_info("%s came and was blocked after %" PRIu64 " us%s%s", bdf_format(report->bdf, text),
                 report->nsec / 1000, report->text[0] ? "; it has the driver " : "", report->text);
        post_add_stray(post, report->bdf);
        if (!report->text[0])
                post->n_heeded += gate;
        if (!report->text[0] || !gate)
                return;
        post->gate_failed = true;
        log_error("drivers_autoprobe is 0, and this kernel (%s) bound %s to %s all the same: the "
                  "gate is given up",
                  post->manager->world->snapshot->kernel_release, text, report->text);
}

static void on_ready(Post *post, const SentinelReport *report)
{
        log_info("the sentinel watches %zu places (%s)%s", post->orders.places.n_texts,
                 report->text, post->orders.gate ? "; the gate is shut" : "");
        post->is_ready = true;
        post->gate_confirmed = post->orders.gate;
        if (post->former)
                sentinel_retire(post->former);
        have_better(post);
}

static void on_report(const SentinelReport *report, void *userdata)
{
        Post *post = userdata;
        char text[BDF_TEXT_SIZE];

        switch (report->kind) {
        case SENTINEL_READY:
                on_ready(post, report);
                break;
        case SENTINEL_FAILED:
                log_error("there is no sentinel%s: %s", post->orders.gate ? " at the gate" : "",
                          report->text);
                /* Better one without a gate than none. */
                post->gate_failed |= post->orders.gate;
                return; /* its end is told of */
        case SENTINEL_BLOCKED:
                on_blocked(post, report);
                break;
        case SENTINEL_REFUSED:
                log_error("%s came and could not be blocked: %s", bdf_format(report->bdf, text),
                          strerror(-report->code));
                break;
        case SENTINEL_BOUND:
                log_warning("%s was bound to %s", bdf_format(report->bdf, text), report->text);
                break;
        case SENTINEL_LET_IN:
                log_info("%s was let in after %" PRIu64 " us: %s", bdf_format(report->bdf, text),
                         report->nsec / 1000, report->text[0] ? report->text : "no driver");
                break;
        case SENTINEL_LOST:
                log_warning("the sentinel missed events of the kernel, or could not tell of them");
                post->sweep_functions = post->sweep_overrides = true;
                break;
        case _SENTINEL_REPORT_N:
        default:
                return;
        }
        manager_mark_dirty(post->manager);
}

static void on_ended(Sentinel *sentinel, void *userdata)
{
        Post *post = userdata;

        if (sentinel == post->former) {
                post->former = NULL;
                manager_mark_dirty(post->manager);
                return;
        }
        if (sentinel != post->sentinel)
                return;
        log_error("the sentinel has ended; another one is started");
        post->sentinel = NULL;
        post->is_ready = post->gate_confirmed = false;
        post->sweep_functions |= post->orders.gate;
        manager_retry(post->manager);
}

/* --- the same by an aide ---------------------------------------------------------------------- */

/* What the child saw of the orders' time, the aide has seen too: it listens before it is ready. */
static void take_over(Post *post, const SentinelReport *report)
{
        log_info("the sentinel has %s", report->text);
        sentinel_free(post->former);
        post->former = post->sentinel;
        post->sentinel = TAKE_PTR(post->better);
        if (post->former)
                sentinel_retire(post->former);
}

static void on_aides_report(const SentinelReport *report, void *userdata)
{
        Post *post = userdata;

        if (report->kind == SENTINEL_READY && post->better)
                take_over(post, report);
        else if (report->kind == SENTINEL_FAILED)
                log_warning("no sentinel as a service: %s", report->text);
        else
                on_report(report, userdata);
}

static void on_aide_ended(Sentinel *sentinel, void *userdata)
{
        Post *post = userdata;

        if (sentinel != post->better)
                return on_ended(sentinel, userdata);
        post->better = NULL;
        post->aide_failed = true;
        log_error("the sentinel did not come up as a service (isolationd-watch@.service): it stays a "
                  "child of the daemon's, without priority");
}

/* A child is there at once, a service has the priority: first the one, then the other. */
static void have_better(Post *post)
{
        const SentinelHandler handler = {
                .report = on_aides_report, .ended = on_aide_ended, .userdata = post};

        if (post->aide_failed)
                return;
        int r = sentinel_start_aide(post->manager->base, &post->orders, &handler, &post->better);
        if (r < 0 && r != -ENOENT)
                log_warning("no sentinel as a service: %s", strerror(-r));
}

/* --- who is on duty --------------------------------------------------------------------------- */

/* Whoever is on duty stays until the next one is ready; who is not yet, need not be any more. */
static void make_way(Post *post)
{
        if (!post->sentinel || !post->is_ready) {
                post->sentinel = sentinel_free(post->sentinel);
                return;
        }
        if (post->former) {
                /* It was about to end, and might have had something to tell. */
                post->former = sentinel_free(post->former);
                post->sweep_overrides = true;
        }
        post->former = TAKE_PTR(post->sentinel);
}

/* Starts one with these orders, whose places are taken over. */
static void man(Post *post, SentinelOrders *orders)
{
        const SentinelHandler handler = {
                .report = on_report, .ended = on_ended, .userdata = post};
        Sentinel *sentinel;

        int r = sentinel_start(post->manager->base, orders, &handler, &sentinel);
        if (r < 0) {
                log_error("no sentinel could be started: %s", strerror(-r));
                manager_retry(post->manager);
                return;
        }
        post->better = sentinel_free(post->better);
        make_way(post);
        post->sentinel = sentinel;
        post->is_ready = false;
        places_clear(&post->orders.places);
        post->orders = *orders;
        orders->places = (Places){.texts = NULL};
}

static void dismiss(Post *post)
{
        post->better = sentinel_free(post->better);
        if (post->former) {
                sentinel_retire(post->former);
                post->sentinel = sentinel_free(post->sentinel);
        } else if (post->sentinel) {
                sentinel_retire(post->sentinel);
                post->former = TAKE_PTR(post->sentinel);
        }
        post->is_ready = false;
        places_clear(&post->orders.places);
        post->orders.gate = false;
}

/* --- the review ------------------------------------------------------------------------------- */

/* Where functions that join the group appear; what is gone by now is left out. */
static int add_places(const Manager *manager, int32_t number, Places *places)
{
        const Snapshot *snapshot = manager->world->snapshot;
        _cleanup_(freep) size_t *ports = NULL;
        size_t n_ports = 0;

        int r = guard_find_ports(snapshot, number, &ports, &n_ports);
        for (size_t i = 0; (r == 0 || r == -ENOENT) && i < n_ports; i++)
                r = places_add_below(places, &manager->host, snapshot->devices[ports[i]].bdf);
        for (size_t i = 0; (r == 0 || r == -ENOENT) && i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->kernel_group == number && !world_is_bridge(device) && !device->is_vf)
                        r = places_add_slot(places, &manager->host, device->bdf);
        }
        return r == -ENOENT ? 0 : r;
}

/* What a sentinel would have to do now. Returns 0 or -errno. */
static int find_orders(const Post *post, SentinelOrders *orders)
{
        const Manager *manager = post->manager;
        bool may_gate = post_may_gate(post), is_shut = post->file && post->file->gate_shut;

        for (size_t i = 0; i < manager->n_leases; i++) {
                const Lease *lease = manager->leases[i];

                if (!lease_record_is_in_hand(lease->record) || !lease->guards)
                        continue;
                for (size_t j = 0; j < lease->record->n_groups; j++) {
                        if (guard_is_firm(&lease->guards[j]))
                                continue;
                        int r = add_places(manager, lease->record->groups[j].number,
                                           &orders->places);
                        if (r < 0)
                                return r;
                        /* What is just being sealed needs none; one that is shut stays so. */
                        orders->gate |= may_gate && (is_shut || !lease->guard_worker) &&
                                        guard_needs_gate(&lease->guards[j]);
                }
        }
        return 0;
}

static void follow(Post *post, SentinelOrders *orders)
{
        bool same = post->sentinel && post->orders.gate == orders->gate &&
                    places_equal(&post->orders.places, &orders->places);
        int r = 0;

        if (orders->places.n_texts == 0)
                return dismiss(post);
        if (!same || (post->file && post->file->gate_shut))
                r = keep_file(post, orders);
        if (r < 0) {
                log_error("what the sentinel is to do could not be put on record: %s",
                          strerror(-r));
                manager_retry(post->manager);
                return;
        }
        if (!same)
                man(post, orders);
}

/* Nothing is left to do, for us or for another daemon. */
static void leave(Post *post)
{
        if (!post->file || post->file->gate_shut || post->sentinel || post->former ||
            post->worker || post->n_strays > 0 || post->sweep_overrides)
                return;
        int r = watchfile_remove(post->manager->state_directory);
        if (r < 0)
                log_broken(r);
        else
                post->file = watchfile_free(post->file);
}

void post_review(Post *post)
{
        SentinelOrders orders = {.host = post->manager->host};

        if (!post->file && post->manager->n_leases == 0)
                return;
        post_settle_strays(post);
        int r = find_orders(post, &orders);
        if (r < 0) {
                log_broken(r);
                manager_retry(post->manager);
        } else {
                if (orders.gate)
                        post_check_gate(post, &orders);
                follow(post, &orders);
                post_sweep(post, post->file && post->file->gate_shut && !orders.gate &&
                                    !post->orders.gate);
                leave(post);
        }
        limit_settling(post);
        places_clear(&orders.places);
}

bool post_resume(Post *post)
{
        int r = watchfile_load(post->manager->state_directory, &post->file);

        if (r < 0) {
                log_error("what the last sentinel did is not known: %s", strerror(-r));
                post->file = calloc(1, sizeof(*post->file));
                if (!post->file)
                        return false;
                post->file->gate_shut = true;
                if (note_functions(post, true) < 0)
                        log_broken(-ENOMEM);
        }
        if (!post->file || !post->file->gate_shut) {
                r = rules_remove_gate(RULES_DIRECTORY);
                if (r < 0)
                        log_error("the udev rules of the gate stay: %s", strerror(-r));
        }
        if (!post->file)
                return false;
        post->sweep_overrides = true;
        post->sweep_functions = post->file->gate_shut;
        return true;
}
