/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks of the kernel's groups: their basis, and whether they match the rules. */

#include <string.h>

#include "core/model/doctor_check.h"

/* The ids of the groups that have members with a mismatch of that kind, each once. */
static void name_groups(const DoctorCase *subject, bool by_override, DoctorNames *names)
{
        const Comparison *comparison = subject->comparison;
        const Partition *observed = subject->observed;
        size_t before = SNAPSHOT_NONE;

        for (size_t i = 0; i < comparison->n_mismatches; i++) {
                const Mismatch *mismatch = &comparison->mismatches[i];
                size_t group = observed->group_of[mismatch->device];
                bool is_first = true;

                if ((mismatch->cause == COMPARE_OVERRIDE) != by_override ||
                    group == SNAPSHOT_NONE || group == before)
                        continue;
                for (size_t j = 0; j < i && is_first; j++)
                        is_first = observed->group_of[comparison->mismatches[j].device] != group;
                if (is_first)
                        doctor_names_add(names, observed->groups[group].id);
                before = group;
        }
}

static bool check_override(const DoctorCase *subject, DoctorFinding *finding)
{
        static const char fix[] = "Boot without it, or lease such groups together.";
        _cleanup_(doctor_names_clear) DoctorNames names = {.n = 0};
        const char *word;
        int n = 0;

        if (doctor_n_covered(subject->snapshot) == 0)
                return false;
        if (!subject->snapshot->command_line)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "it is unknown whether ACS is overridden",
                                     "Run this on the machine itself.",
                                     "The input lacks the kernel's command line.");
        word = doctor_word(subject->snapshot, "pcie_acs_override=", &n);
        if (!word)
                return doctor_answer(finding, DOCTOR_OK, "ACS is not overridden", "",
                                     "The kernel's command line has no pcie_acs_override=.");
        name_groups(subject, true, &names);
        if (names.n > 0)
                return doctor_answer(
                        finding, DOCTOR_FAIL, "groups exist only because ACS is overridden", fix,
                        "Because of %.*s: %s. The hardware does not isolate these groups.", n, word,
                        doctor_names_end(&names));
        return doctor_answer(finding, DOCTOR_WARN, "the command line overrides ACS", fix,
                             "The command line has %.*s, but no group depends on it: this kernel "
                             "ignores it, or no device needs it.",
                             n, word);
}

static bool check_acs_setting(const DoctorCase *subject, DoctorFinding *finding)
{
        int n = 0;
        const char *word = doctor_word(subject->snapshot, "pci=", &n);
        const char *at = word ? strstr(word, "acs") : NULL; /* disable_acs_redir=, config_acs= */

        if (doctor_n_covered(subject->snapshot) == 0)
                return false;
        if (!subject->snapshot->command_line)
                return doctor_answer(finding, DOCTOR_UNKNOWN,
                                     "it is unknown whether the command line sets ACS",
                                     "Run this on the machine itself.",
                                     "The input lacks the kernel's command line.");
        if (!at || at >= word + n)
                return doctor_answer(finding, DOCTOR_OK, "the command line leaves ACS as it is", "",
                                     "It has neither disable_acs_redir= nor config_acs=.");
        return doctor_answer(finding, DOCTOR_WARN, "the command line sets ACS of ports",
                             "Boot without it, unless it is meant; isoctl groups shows the groups.",
                             "The command line has %.*s.", n, word);
}

/* Are facts unknown that the rules need? */
static bool is_in_doubt(const DoctorCase *subject)
{
        return subject->comparison->n_unread > 0 || subject->comparison->n_unplaced > 0;
}

static bool answer_doubt(const DoctorCase *subject, DoctorFinding *finding, const char *what)
{
        return doctor_answer(finding, DOCTOR_UNKNOWN, what, "Read the whole machine, as root.",
                             "%zu functions were not completely read, and %zu are below bridges "
                             "that were not read.",
                             subject->comparison->n_unread, subject->comparison->n_unplaced);
}

static bool check_rules(const DoctorCase *subject, DoctorFinding *finding)
{
        _cleanup_(doctor_names_clear) DoctorNames names = {.n = 0};

        if (doctor_n_covered(subject->snapshot) == 0)
                return false;
        name_groups(subject, false, &names);
        if (names.n > 0)
                return doctor_answer(
                        finding, DOCTOR_WARN,
                        "the kernel's groups differ from those that its rules give",
                        "Run isoctl compare, which shows each difference and its cause.",
                        "%zu groups differ: %s.", names.n, doctor_names_end(&names));
        if (is_in_doubt(subject))
                return answer_doubt(subject, finding,
                                    "it is unknown whether the kernel's groups match its rules");
        return doctor_answer(finding, DOCTOR_OK, "the kernel's groups match its rules", "",
                             "The rules give all %zu groups.", subject->observed->n_groups);
}

static bool check_reach(const DoctorCase *subject, DoctorFinding *finding)
{
        _cleanup_(doctor_names_clear) DoctorNames names = {.n = 0};
        const Comparison *comparison = subject->comparison;

        if (doctor_n_covered(subject->snapshot) == 0)
                return false;
        for (size_t i = 0; i < comparison->n_too_fine; i++)
                doctor_names_add(&names, subject->observed->groups[comparison->too_fine[i]].id);
        if (names.n == 0 && is_in_doubt(subject))
                return answer_doubt(
                        subject, finding,
                        "it is unknown whether devices can reach into groups past the IOMMU");
        if (names.n == 0)
                return doctor_answer(finding, DOCTOR_OK,
                                     "no device can reach into a group past the IOMMU", "",
                                     "No path leads into any of %zu groups past the IOMMU.",
                                     subject->observed->n_groups);
        return doctor_answer(finding, DOCTOR_WARN,
                             comparison->n_unread + comparison->n_unplaced > 0
                                     ? "devices may reach into groups past the IOMMU"
                                     : "devices can reach into groups past the IOMMU",
                             "Lease such groups together, or only to owners that trust each other; "
                             "isoctl explain --from /sys --partition sound GROUP shows the path.",
                             "Groups that can be reached%s: %s.",
                             comparison->n_unread + comparison->n_unplaced > 0
                                     ? ", or that nothing shows to be isolated"
                                     : "",
                             doctor_names_end(&names));
}

const DoctorCheck doctor_group_checks[] = {
        {"acs-override",
         "The option makes the kernel assume isolation that does not exist: a device in one such "
         "group can write into another.",
         check_override},
        {"acs-setting", "Without redirection, devices below a port reach each other past the IOMMU.",
         check_acs_setting},
        {"groups", "Groups that nobody can account for may separate what is not apart.",
         check_rules},
        {"reach",
         "The kernel only checks that requests go up to the IOMMU, not which requests come down: "
         "another owner's device can write into the group.",
         check_reach},
        {.id = NULL},
};
