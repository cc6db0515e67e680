/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Manager.Plan: what Acquire would do. Manager.Repair: puts back what could not be put back.
 */

#include <string.h>

#include "daemon/bus/call/arguments.h"
#include "daemon/bus/methods/methods_internal.h"
#include "daemon/recovery/repair.h"
#include "daemon/requests/preview.h"

/* --- Plan ---------------------------------------------------------------------------------- */

/* Appends an entry of a{sv}; `append` adds the value, of the given type. */
static int append_entry(sd_bus_message *reply, const char *key, const char *type,
                        int (*append)(sd_bus_message *reply, const void *value), const void *value)
{
        int r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', type);
        if (r >= 0)
                r = append(reply, value);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_lines(sd_bus_message *reply, const void *value)
{
        const TextList *texts = value;

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < texts->n_items; i++)
                r = sd_bus_message_append(reply, "s", texts->items[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_groups(sd_bus_message *reply, const void *value)
{
        const LeaseRecord *record = value;

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < record->n_groups; i++)
                r = sd_bus_message_append(reply, "s", record->groups[i].id);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Each member: address, "take" or "stay", its driver now, and its driver in the lease. */
static int append_members(sd_bus_message *reply, const void *value)
{
        const LeaseRecord *record = value;
        char text[BDF_TEXT_SIZE];

        int r = sd_bus_message_open_container(reply, 'a', "(ssss)");
        for (size_t i = 0; r >= 0 && i < record->n_devices; i++) {
                const LeaseDevice *device = &record->devices[i];
                bool is_taken = device->role == LEASE_ROLE_TAKEN;

                r = sd_bus_message_append(reply, "(ssss)", bdf_format(device->bdf, text),
                                          is_taken ? "take" : "stay", device->before.driver,
                                          is_taken ? device->driver : device->before.driver);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_record(sd_bus_message *reply, const PlanPreview *preview)
{
        const LeaseRecord *record = preview->record;

        int r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "mode", "s",
                                      lease_mode_to_string(record->mode), "guard", "s",
                                      guard_layer_to_string(preview->guard), "rule", "s",
                                      record->terms.rule, "memory-warning", "s", preview->warning);
        if (r >= 0)
                r = append_entry(reply, "groups", "as", append_groups, record);
        return r < 0 ? r : append_entry(reply, "devices", "a(ssss)", append_members, record);
}

static int append_plan(sd_bus_message *reply, const void *value)
{
        const PlanPreview *preview = value;

        int r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}", "refusal", "s",
                                          refusal_to_string((Refusal)preview->code), "message", "s",
                                          preview->message);
        if (r >= 0 && preview->record)
                r = append_record(reply, preview);
        if (r >= 0)
                r = append_entry(reply, "steps", "as", append_lines, preview->steps);
        if (r >= 0)
                r = append_entry(reply, "critical", "as", append_lines, preview->critical);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_previewed(const PlanPreview *preview, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        /* A refusal is part of the plan. */
        const LeaseAnswer answer = {.code = preview->code < 0 ? preview->code : 0,
                                    .message = preview->message};

        method_answer(call, &answer, append_plan, preview);
}

CallVerdict method_plan(MethodCall *call)
{
        const char *selectors[ARGUMENT_SELECTORS_MAX + 1];
        AcquireRequest request;

        if (method_read_request(call, &request, selectors) < 0)
                return CALL_ANSWERED;
        plan_preview(call->bus->ledger, &request, on_previewed, call);
        return CALL_WAITS;
}

/* --- Repair -------------------------------------------------------------------------------- */

static void on_repaired(const LeaseAnswer *answer, const TextList *lines, size_t n_left,
                        void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        if (answer->code < 0 || answer->code == REFUSAL_NOT_FOUND) {
                bus_reply_failure(call->message, answer);
                return;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_lines(reply, lines);
        if (r >= 0)
                r = sd_bus_message_append(reply, "u", (uint32_t)n_left);
        method_finish(call, reply, r);
}

static const ArgumentOption repair_options[] = {
        {"dry-run", option_read_flag, offsetof(RepairRequest, dry_run)},
};

CallVerdict method_repair(MethodCall *call)
{
        const char *selectors[ARGUMENT_SELECTORS_MAX + 1];
        RepairRequest request = {.uid = call->caller.uid, .selectors = selectors};

        if (argument_read_texts(call->message, "selectors", ARGUMENT_SELECTORS_MAX, selectors) <
                    0 ||
            argument_read_options(call->message, repair_options, ARRAY_SIZE(repair_options),
                                  &request) < 0)
                return CALL_ANSWERED;
        repair(call->bus->ledger, &request, on_repaired, call);
        return CALL_WAITS;
}
