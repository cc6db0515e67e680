/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compares the kernel's groups with the groups that its rules give and with the sound groups,
 * which no path past the IOMMU leaves. The exit code reports a difference.
 */

#include <stdio.h>

#include "cli/document.h"
#include "cli/text.h"

static int print_json(const iso_comparison *comparison)
{
        json_object *document = json_document("compare"), *mismatches;

        json_add_number(document, "devices", (int64_t)comparison->n_devices, 0);
        json_add_number(document, "observed_groups", (int64_t)comparison->n_observed_groups, 0);
        json_add_bool(document, "equal", comparison->n_mismatches == 0);
        json_add_number(document, "unread_devices", (int64_t)comparison->n_unread, 0);
        json_add_number(document, "unplaced_devices", (int64_t)comparison->n_unplaced, 0);
        mismatches = json_add_array(document, "mismatches");
        for (size_t i = 0; i < comparison->n_mismatches; i++) {
                const iso_mismatch *mismatch = &comparison->mismatches[i];
                json_object *object = must(json_object_new_object());

                json_add_text(object, "device", mismatch->device);
                json_add_list(object, "observed", mismatch->observed);
                json_add_list(object, "computed", mismatch->computed);
                json_add_text(object, "cause", mismatch->cause);
                json_add_text(object, "text", mismatch->text);
                (void)json_append(mismatches, object);
        }
        json_add_list(document, "finer_than_sound", comparison->too_fine);
        json_print(document);
        return comparison->n_mismatches == 0 ? EXIT_DONE : EXIT_FAILED;
}

static void print_mismatch(const iso_mismatch *mismatch)
{
        _cleanup_(free_text) char *observed = join_texts(mismatch->observed, " ");
        _cleanup_(free_text) char *computed = join_texts(mismatch->computed, " ");

        (void)printf("\n%s  %s: %s\n", mismatch->device, mismatch->cause, mismatch->text);
        (void)printf("  the kernel has  %s\n", *observed ? observed : "no group");
        (void)printf("  its rules give  %s\n", computed);
}

static void print_summary(const iso_comparison *comparison)
{
        bool is_doubtful = comparison->n_unread > 0 || comparison->n_unplaced > 0;

        if (comparison->n_observed_groups == 0)
                (void)printf("%zu devices and no kernel groups: nothing to compare.\n",
                             comparison->n_devices);
        else if (comparison->n_mismatches == 0)
                (void)printf("%zu devices, %zu kernel groups: %s.\n", comparison->n_devices,
                             comparison->n_observed_groups,
                             is_doubtful ? "no difference found" : "all match its rules");
        else
                (void)printf("%zu devices, %zu kernel groups: %zu devices are not in the group "
                             "that its rules give.\n",
                             comparison->n_devices, comparison->n_observed_groups,
                             comparison->n_mismatches);
}

/* Facts that the rules need and that were not read. */
static void print_doubts(const iso_comparison *comparison)
{
        if (comparison->n_unread == comparison->n_devices)
                (void)printf("The input has none of the facts that the rules need: read the whole "
                             "machine with lspci -vvv or, better, lspci -xxxx, as root.\n");
        else if (comparison->n_unread > 0)
                (void)printf("The capabilities of %zu devices were not read; isoctl assumes that "
                             "these devices do not isolate.\n",
                             comparison->n_unread);
        if (comparison->n_unplaced > 0)
                (void)printf("%zu devices are below or beside functions that the input lacks: it "
                             "is unknown which other devices those functions lead to.\n",
                             comparison->n_unplaced);
}

static int print_text(const iso_comparison *comparison)
{
        print_summary(comparison);
        print_doubts(comparison);
        for (size_t i = 0; i < comparison->n_mismatches; i++)
                print_mismatch(&comparison->mismatches[i]);
        if (comparison->too_fine[0])
                (void)printf("\nA device outside these groups can reach them without passing the "
                             "IOMMU,\nor nothing shows that it cannot (run isoctl explain "
                             "--partition sound GROUP with the same --from):\n");
        for (size_t i = 0; comparison->too_fine[i]; i++)
                (void)printf("  %s\n", comparison->too_fine[i]);
        return comparison->n_mismatches == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int run_compare(Invocation *invocation)
{
        const iso_comparison *comparison;
        int r;

        r = iso_host_compare(invocation->host, &comparison);
        if (r != 0)
                return fail_host(invocation, r);
        return invocation->json ? print_json(comparison) : print_text(comparison);
}

const Verb verb_compare = {
        .name = "compare",
        .arguments = "",
        .summary = "compare the kernel's groups with its rules and the sound groups",
        .help = "Prints each difference with its cause, if there is evidence for one. Exits with\n"
                "1 if a device is not in the group that the kernel's rules give. Without --from,\n"
                "reads this machine's /sys; only root can read all of it.\n",
        .options = OPTION_FROM,
        .host = VERB_HOST_FILE,
        .run = run_compare,
};
