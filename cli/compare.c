/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's groups held against its own rules and against who can really reach whom. A
 * difference is a finding: the exit code says that there is one.
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
                (void)printf("%zu devices, and no group of the kernel: there is nothing to "
                             "compare.\n",
                             comparison->n_devices);
        else if (comparison->n_mismatches == 0)
                (void)printf("%zu devices, %zu groups of the kernel: %s.\n", comparison->n_devices,
                             comparison->n_observed_groups,
                             is_doubtful ? "no difference was found" : "all as its rules say");
        else
                (void)printf(
                        "%zu devices, %zu groups of the kernel: %zu devices are elsewhere than "
                        "its rules say.\n",
                        comparison->n_devices, comparison->n_observed_groups,
                        comparison->n_mismatches);
}

/* What the rules could not be worked out from. */
static void print_doubts(const iso_comparison *comparison)
{
        if (comparison->n_unread == comparison->n_devices)
                (void)printf(
                        "Nothing is told that the rules could be worked out from: read the whole "
                        "machine with lspci -vvv, better -xxxx, as root.\n");
        else if (comparison->n_unread > 0)
                (void)printf(
                        "The capabilities of %zu devices were not read; they were taken not to "
                        "isolate.\n",
                        comparison->n_unread);
        if (comparison->n_unplaced > 0)
                (void)printf(
                        "%zu devices are below or beside functions that are not in what was read: "
                        "what those lead to is not known.\n",
                        comparison->n_unplaced);
}

static int print_text(const iso_comparison *comparison)
{
        print_summary(comparison);
        print_doubts(comparison);
        for (size_t i = 0; i < comparison->n_mismatches; i++)
                print_mismatch(&comparison->mismatches[i]);
        if (comparison->too_fine[0])
                (void)printf("\nA device outside reaches into these groups without passing the "
                             "IOMMU,\nor nothing shows that it does not (isoctl explain --partition sound GROUP with the same --from "
                             "says how):\n");
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
        .summary = "the kernel's groups against its rules, and against reality",
        .help = "Each difference has its cause, as far as there is evidence. Ends with 1 if the\n"
                "kernel has a device elsewhere than its rules say. Without --from, this machine's\n"
                "/sys is read; as root, all of it can be.\n",
        .options = OPTION_FROM,
        .host = VERB_HOST_FILE,
        .run = run_compare,
};
