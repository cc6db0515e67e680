/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Plans and repairs: the daemon's answers as values, each with its own arena for its texts.
 * Unknown keys of a plan are ignored.
 */

#include <errno.h>
#include <string.h>

#include "core/model/refusal.h"
#include "libclient/arena.h"
#include "libclient/host.h"
#include "libclient/object.h"
#include "libclient/request.h"

#define PLAN_TIMEOUT_USEC (60ULL * 1000 * 1000)
/* Each quarantined lease may take up to a worker's timeout. */
#define REPAIR_TIMEOUT_USEC (600ULL * 1000 * 1000)

typedef struct OwnedPlan {
        iso_plan plan; /* first member: the caller's pointer points to it */
        Arena arena;
} OwnedPlan;

typedef struct OwnedReport {
        iso_repair_report report; /* first, as above */
        Arena arena;
} OwnedReport;

DEFINE_CLEANUP(iso_plan *, iso_plan_free);
DEFINE_CLEANUP(iso_repair_report *, iso_repair_report_free);

iso_plan *iso_plan_free(iso_plan *plan)
{
        OwnedPlan *owned = (OwnedPlan *)plan;

        if (owned) {
                arena_deinit(&owned->arena);
                free(owned);
        }
        return NULL;
}

iso_repair_report *iso_repair_report_free(iso_repair_report *report)
{
        OwnedReport *owned = (OwnedReport *)report;

        if (owned) {
                arena_deinit(&owned->arena);
                free(owned);
        }
        return NULL;
}

static int read_member(sd_bus_message *reply, Arena *arena, iso_plan_member *member)
{
        const char *role;
        int r;

        r = sd_bus_message_enter_container(reply, 'r', "ssss");
        if (r <= 0)
                return r;
        r = object_read_string(reply, 's', arena, &member->address);
        if (r >= 0)
                r = sd_bus_message_read_basic(reply, 's', &role);
        if (r < 0)
                return r;
        member->is_taken = strcmp(role, "take") == 0;
        r = object_read_string(reply, 's', arena, &member->driver);
        if (r >= 0)
                r = object_read_string(reply, 's', arena, &member->driver_then);
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        return r < 0 ? r : 1;
}

static int read_members(sd_bus_message *reply, OwnedPlan *owned)
{
        iso_plan_member *members = NULL;
        size_t n = 0, capacity = 0;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(ssss)");
        if (r < 0)
                return r;
        do {
                members = arena_grow(&owned->arena, members, n, &capacity, sizeof(*members));
                if (!members)
                        return -ENOMEM;
                r = read_member(reply, &owned->arena, &members[n]);
                n += r > 0;
        } while (r > 0);
        owned->plan.members = members;
        owned->plan.n_members = n;
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

/* Reads the value of one entry of the plan. */
static int read_value(sd_bus_message *reply, const char *key, OwnedPlan *owned)
{
        iso_plan *plan = &owned->plan;
        const char *refusal = "";
        const struct {
                const char *key;
                const char *type;
                const char **text;
                const char *const **list;
        } places[] = {
                {"refusal", "s", &refusal, NULL},    {"message", "s", &plan->message, NULL},
                {"mode", "s", &plan->mode, NULL},    {"guard", "s", &plan->guard, NULL},
                {"rule", "s", &plan->rule, NULL},    {"groups", "as", NULL, &plan->groups},
                {"steps", "as", NULL, &plan->steps}, {"critical", "as", NULL, &plan->critical},
                {"devices", "a(ssss)", NULL, NULL},
                {"memory-warning", "s", &plan->memory_warning, NULL},
        };
        size_t i = 0;
        int r;

        while (i < ARRAY_SIZE(places) && strcmp(places[i].key, key) != 0)
                i++;
        if (i == ARRAY_SIZE(places))
                return sd_bus_message_skip(reply, "v");
        r = sd_bus_message_enter_container(reply, 'v', places[i].type);
        if (r < 0)
                return r;
        if (places[i].text)
                r = object_read_string(reply, 's', &owned->arena, places[i].text);
        else if (places[i].list)
                r = object_read_list(reply, "s", &owned->arena, places[i].list);
        else
                r = read_members(reply, owned);
        if (places[i].text == &refusal)
                plan->refusal = (int)refusal_from_string(refusal);
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_plan(sd_bus_message *reply, OwnedPlan *owned)
{
        const char *key;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(reply, 's', &key);
                if (r >= 0)
                        r = read_value(reply, key, owned);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r;
}

int iso_plan_lease(iso_host *host, const char *const *selectors, const iso_acquire_options *options,
                   iso_plan **ret)
{
        static const iso_acquire_options defaults = {0};
        static const char *const nothing[] = {NULL};
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        _cleanup_(iso_plan_freep) iso_plan *plan = NULL;
        OwnedPlan *owned;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "a sysfs tree cannot lease; ask isolationd");
        owned = calloc(1, sizeof(*owned));
        if (!owned)
                return -ENOMEM;
        plan = &owned->plan;
        *plan = (iso_plan){.message = "",
                           .mode = "",
                           .guard = "",
                           .rule = "",
                           .memory_warning = "",
                           .groups = nothing,
                           .steps = nothing,
                           .critical = nothing};
        r = request_new(host, selectors, options ? options : &defaults, "Plan", NULL, &message);
        if (r == -EINVAL)
                return host_fail(host, ISO_E_INVALID, "a selector or an option is not UTF-8 text");
        if (r >= 0)
                r = sd_bus_call(host->bus, message, PLAN_TIMEOUT_USEC, &error, &reply);
        if (r >= 0)
                r = read_plan(reply, owned);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        *ret = TAKE_PTR(plan);
        return 0;
}

int iso_repair(iso_host *host, const char *const *selectors, bool dry_run, iso_repair_report **ret)
{
        const int yes = true;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        _cleanup_(iso_repair_report_freep) iso_repair_report *report = NULL;
        OwnedReport *owned;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED, "a sysfs tree has no leases");
        owned = calloc(1, sizeof(*owned));
        if (!owned)
                return -ENOMEM;
        report = &owned->report;
        r = sd_bus_message_new_method_call(host->bus, &message, HOST_SERVICE, HOST_PATH,
                                           HOST_MANAGER, "Repair");
        if (r >= 0)
                r = sd_bus_message_append_strv(message, (char **)selectors);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0 && dry_run)
                r = request_append_option(message, "dry-run", "b", &yes);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r == -EINVAL)
                return host_fail(host, ISO_E_INVALID, "a selector is not UTF-8 text");
        if (r >= 0)
                r = sd_bus_call(host->bus, message, REPAIR_TIMEOUT_USEC, &error, &reply);
        if (r >= 0)
                r = object_read_list(reply, "s", &owned->arena, &report->lines);
        if (r >= 0)
                r = sd_bus_message_read_basic(reply, 'u', &report->n_left);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        *ret = TAKE_PTR(report);
        return 0;
}
