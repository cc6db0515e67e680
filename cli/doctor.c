/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Checks whether this host can keep devices apart: findings about the machine and about its
 * daemon. A failed check, or one that could not be made, is a finding; the exit code reports it.
 */

#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/isoctl.h"

typedef struct Tally {
        size_t n_ok, n_other;
} Tally;

static const char *mark(const char *level)
{
        if (strcmp(level, "fail") == 0)
                return "FAIL";
        if (strcmp(level, "warn") == 0)
                return "WARN";
        return strcmp(level, "ok") == 0 ? "ok" : "?";
}

static void print_text(const iso_finding *finding)
{
        (void)printf("%-5s %-20s %s. %s\n", mark(finding->level), finding->id, finding->what,
                     finding->evidence);
        if (strcmp(finding->level, "ok") == 0)
                return;
        (void)printf("%-5s %-20s why it matters: %s\n", "", "", finding->why);
        if (*finding->fix)
                (void)printf("%-5s %-20s fix: %s\n", "", "", finding->fix);
}

static void print_json(json_object *list, const iso_finding *finding)
{
        json_object *object = json_append(list, must(json_object_new_object()));

        json_add_text(object, "id", finding->id);
        json_add_text(object, "level", finding->level);
        json_add_text(object, "what", finding->what);
        json_add_text(object, "evidence", finding->evidence);
        json_add_text(object, "why", finding->why);
        json_add_optional(object, "fix", finding->fix);
}

static void tell(json_object *list, const iso_finding *finding, Tally *tally)
{
        if (strcmp(finding->level, "ok") == 0)
                tally->n_ok++;
        else
                tally->n_other++;
        if (list)
                print_json(list, finding);
        else
                print_text(finding);
}

static int tell_host(iso_host *host, json_object *list, Tally *tally)
{
        const iso_finding *findings;
        size_t n;
        int r = iso_host_diagnose(host, &findings, &n);

        for (size_t i = 0; r == 0 && i < n; i++)
                tell(list, &findings[i], tally);
        return r;
}

/* An unreachable daemon is a finding too. */
static void tell_daemon(json_object *list, Tally *tally)
{
        iso_host *daemon = NULL;
        int r = iso_host_open_daemon(&daemon);

        if (r == 0)
                r = tell_host(daemon, list, tally);
        if (r != 0)
                tell(list,
                     &(iso_finding){
                             .id = "daemon",
                             .level = "unknown",
                             .what = "isolationd cannot be reached",
                             .evidence = daemon && *iso_host_message(daemon)
                                                 ? iso_host_message(daemon)
                                                 : "It does not answer.",
                             .why = "Only the daemon knows whether a lease has a problem or the "
                                    "policy has an error.",
                             .fix = "systemctl start isolationd",
                     },
                     tally);
        (void)iso_host_free(daemon);
}

static int run_doctor(Invocation *invocation)
{
        json_object *document = NULL, *list = NULL;
        Tally tally = {0};
        int r;

        if (invocation->json) {
                document = json_document("doctor");
                list = json_add_array(document, "findings");
        }
        r = tell_host(invocation->host, list, &tally);
        if (r != 0) {
                (void)json_object_put(document);
                return fail_host(invocation, r);
        }
        if (!invocation->from)
                tell_daemon(list, &tally);
        if (document) {
                json_add_bool(document, "fit", tally.n_other == 0);
                json_print(document);
        } else {
                (void)printf("%zu checks passed, %zu need attention\n", tally.n_ok, tally.n_other);
        }
        return tally.n_other == 0 ? EXIT_DONE : EXIT_FAILED;
}

const Verb verb_doctor = {
        .name = "doctor",
        .arguments = "",
        .summary = "check whether this host can keep devices apart",
        .help = "Each finding has its evidence, why it matters and how to fix it. Without --from,\n"
                "checks this machine, as far as the caller may read it, and asks its daemon.\n"
                "Exits with 0 if all checks pass, with 1 if a check fails or cannot be made.\n",
        .options = OPTION_FROM,
        .host = VERB_HOST_FILE,
        .run = run_doctor,
};
