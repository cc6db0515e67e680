/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The doctor for both kinds of hosts: the model examines a machine; a daemon is examined by its
 * properties and its leases.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/model/doctor.h"
#include "core/probe/doctor_read.h"
#include "libclient/host.h"

/* A list of findings that grows in an arena. */
typedef struct Findings {
        Arena *arena;
        iso_finding *list;
        size_t n, capacity;
} Findings;

/* Makes room for one more. Returns it, or NULL if memory is short. */
static iso_finding *add(Findings *findings, const char *id, DoctorLevel level)
{
        iso_finding *list = arena_grow(findings->arena, findings->list, findings->n,
                                       &findings->capacity, sizeof(*findings->list));

        if (!list)
                return NULL;
        findings->list = list;
        list[findings->n] = (iso_finding){
                .id = id, .level = doctor_level_to_string(level), .what = "", .fix = ""};
        return &list[findings->n++];
}

/* --- a machine -------------------------------------------------------------------------------- */

static DoctorPaths paths_of(const iso_host *host)
{
        struct stat status;

        if (host->root && strcmp(host->root, doctor_paths_live.sysfs) == 0)
                return doctor_paths_live;
        if (!host->root || stat(host->root, &status) < 0 || !S_ISDIR(status.st_mode))
                return (DoctorPaths){.sysfs = NULL};
        return (DoctorPaths){.sysfs = host->root};
}

static int copy_diagnosis(const Diagnosis *diagnosis, Findings *findings)
{
        for (size_t i = 0; i < diagnosis->n_findings; i++) {
                const DoctorFinding *from = &diagnosis->findings[i];
                iso_finding *finding = add(findings, from->id, from->level);

                if (!finding)
                        return -ENOMEM;
                finding->what = from->what;
                finding->evidence = arena_strdup(findings->arena, from->evidence);
                finding->why = from->why;
                finding->fix = from->fix;
                if (!finding->evidence)
                        return -ENOMEM;
        }
        return 0;
}

static int diagnose_machine(iso_host *host, Findings *findings)
{
        _cleanup_(comparison_freep) Comparison *comparison = NULL;
        _cleanup_(diagnosis_freep) Diagnosis *diagnosis = NULL;
        const Partition *made[_PARTITION_N];
        const DoctorPaths paths = paths_of(host);
        DoctorFacts facts;
        int r = tree_read_traits(host);

        for (PartitionKind kind = 0; r == 0 && kind < _PARTITION_N; kind++)
                r = partitions_get(host->partitions, kind, &made[kind]);
        if (r != 0)
                return r;
        r = compare_partitions(host->snapshot, made[PARTITION_OBSERVED], made[PARTITION_KERNEL],
                               made[PARTITION_SOUND], &comparison);
        if (r < 0)
                return r;
        doctor_read(&paths, host->snapshot->kernel_release, &facts);
        r = doctor_examine(&(DoctorCase){.snapshot = host->snapshot,
                                         .observed = made[PARTITION_OBSERVED],
                                         .comparison = comparison,
                                         .facts = &facts},
                           &diagnosis);
        return r < 0 ? r : copy_diagnosis(diagnosis, findings);
}

/* --- a daemon --------------------------------------------------------------------------------- */

static int diagnose_policy(iso_host *host, Findings *findings)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(freep) char *text = NULL;
        iso_finding *finding;
        int r;

        r = sd_bus_get_property_string(host->bus, HOST_SERVICE, HOST_PATH, HOST_MANAGER,
                                       "PolicyError", &error, &text);
        if (r < 0)
                return host_fail_bus(host, r, &error);
        finding = add(findings, "policy", *text ? DOCTOR_FAIL : DOCTOR_OK);
        if (!finding)
                return -ENOMEM;
        finding->what = *text ? "the policy files have an error" : "the policy is in force";
        finding->evidence =
                arena_strdup(findings->arena, *text ? text : "The daemon read all its files.");
        finding->why = "While the files have an error, a running daemon keeps its previous rules; "
                       "a daemon that starts lets only root lease.";
        finding->fix = *text ? "Fix the file, then run: systemctl reload isolationd" : "";
        return finding->evidence ? 0 : -ENOMEM;
}

static int diagnose_obstacle(iso_host *host, Findings *findings)
{
        const char *obstacle = host->view->obstacle;
        iso_finding *finding = add(findings, "daemon", *obstacle ? DOCTOR_FAIL : DOCTOR_OK);

        if (!finding)
                return -ENOMEM;
        finding->what = *obstacle ? "isolationd refuses all leases" : "isolationd accepts leases";
        finding->evidence = *obstacle ? obstacle : "It is running, and nothing prevents a lease.";
        finding->why =
                "The daemon keeps host drivers off leased devices and returns devices to the host.";
        finding->fix = *obstacle ? "See isolationd(8), \"What a machine needs\"." : "";
        return 0;
}

/*
 * The reason why each self-check of the daemon matters. A check without a row here is reported
 * too.
 */
static const struct {
        const char *id, *why;
} self_reasons[] = {
        {"records", "Without its record, the daemon cannot restore the devices of a lease."},
        {"files", "A restarted daemon knows leases only from their records."},
        {"helpers", "The helpers have the privileges that the daemon itself gives up."},
        {"store", "When the daemon ends, the kernel closes every fd that the service manager does "
                  "not keep."},
        {"downgrade", "A daemon can continue only leases whose records it understands."},
};

static const char *find_self_reason(const char *id)
{
        for (size_t i = 0; i < ARRAY_SIZE(self_reasons); i++)
                if (strcmp(self_reasons[i].id, id) == 0)
                        return self_reasons[i].why;
        return "";
}

static int copy_self_finding(Findings *findings, const char *const text[5])
{
        DoctorLevel level = DOCTOR_UNKNOWN;

        for (DoctorLevel each = 0; each < _DOCTOR_LEVEL_N; each++)
                if (strcmp(doctor_level_to_string(each), text[1]) == 0)
                        level = each;
        iso_finding *finding = add(findings, arena_strdup(findings->arena, text[0]), level);
        if (!finding)
                return -ENOMEM;
        finding->what = arena_strdup(findings->arena, text[2]);
        finding->evidence = arena_strdup(findings->arena, text[3]);
        finding->why = find_self_reason(text[0]);
        finding->fix = arena_strdup(findings->arena, text[4]);
        return finding->id && finding->what && finding->evidence && finding->fix ? 0 : -ENOMEM;
}

/* Reads the daemon's self-check. An earlier version does not have it. */
static int diagnose_self(iso_host *host, Findings *findings)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *text[5];
        int r;

        r = sd_bus_get_property(host->bus, HOST_SERVICE, HOST_PATH, HOST_MANAGER, "SelfCheck",
                                &error, &reply, "a(sssss)");
        if (sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_PROPERTY))
                return 0;
        if (r < 0)
                return host_fail_bus(host, r, &error);
        r = sd_bus_message_enter_container(reply, 'a', "(sssss)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sssss)", &text[0], &text[1], &text[2],
                                                  &text[3], &text[4])) > 0)
                r = copy_self_finding(findings, text);
        return r < 0 ? r : 0;
}

/* If the self-check has no finding, adds one that says so. */
static int conclude(Findings *findings, size_t n, const iso_finding *well)
{
        iso_finding *finding = n > 0 ? NULL : add(findings, well->id, DOCTOR_OK);

        if (finding) {
                finding->what = well->what;
                finding->evidence = well->evidence;
                finding->why = well->why;
        }
        return n > 0 || finding ? 0 : -ENOMEM;
}

/* The severity of a lease's state; OK for a state that passes by itself. */
static DoctorLevel judge_state(const char *state)
{
        if (strcmp(state, "quarantined") == 0 || strcmp(state, "stuck") == 0)
                return DOCTOR_FAIL;
        return strcmp(state, "draining") == 0 ? DOCTOR_WARN : DOCTOR_OK;
}

static int diagnose_leases(iso_host *host, Findings *findings)
{
        static const char why[] = "Nobody can use the devices of such a lease until it has ended.";
        const View *view = host->view;
        iso_finding *finding;
        size_t n = 0;

        for (size_t i = 0; i < view->n_leases; i++) {
                const iso_lease *lease = &view->leases[i];
                DoctorLevel level = judge_state(lease->state);
                char text[96];

                if (level == DOCTOR_OK)
                        continue;
                finding = add(findings, "leases", level);
                if (!finding)
                        return -ENOMEM;
                n++;
                (void)snprintf(text, sizeof(text), "lease %u is %s", lease->id, lease->state);
                finding->what = arena_strdup(findings->arena, text);
                finding->evidence =
                        *lease->trouble ? lease->trouble : "The daemon gives no reason.";
                finding->why = why;
                finding->fix =
                        strcmp(lease->state, "quarantined") == 0
                                ? "Run isoctl repair LEASE, which restores the remaining devices."
                                : "End the processes that have it open (isoctl holders LEASE).";
                if (!finding->what)
                        return -ENOMEM;
        }
        return conclude(findings, n,
                        &(iso_finding){.id = "leases",
                                       .what = "no lease has a problem",
                                       .evidence = "No lease is draining, stuck or quarantined.",
                                       .why = why});
}

static int diagnose_guards(iso_host *host, Findings *findings)
{
        static const char why[] = "A host driver was bound to a device of a leased group.";
        const View *view = host->view;
        iso_finding *finding;
        size_t n = 0;

        for (size_t i = 0; i < view->n_groups; i++) {
                const iso_group *group = &view->groups[i];
                char text[160];

                if (strcmp(group->state, "breached") != 0)
                        continue;
                finding = add(findings, "guards", DOCTOR_FAIL);
                if (!finding)
                        return -ENOMEM;
                n++;
                (void)snprintf(text, sizeof(text), "the guard of group %.100s is breached",
                               group->id);
                finding->what = arena_strdup(findings->arena, text);
                finding->evidence = *group->guard_evidence ? group->guard_evidence
                                                           : "The daemon's log names the driver.";
                finding->why = why;
                finding->fix = "Revoke the lease, and require a stronger guard in the policy.";
                if (!finding->what)
                        return -ENOMEM;
        }
        return conclude(findings, n,
                        &(iso_finding){.id = "guards",
                                       .what = "no guard is breached",
                                       .evidence = "No host driver was bound in a leased group.",
                                       .why = why});
}

static bool is_unleased(const View *view, const iso_device *device)
{
        if (strcmp(device->state, "host") != 0 || strcmp(device->driver, "vfio-pci") != 0)
                return false;
        for (size_t i = 0; i < view->n_groups; i++)
                if (strcmp(view->groups[i].id, device->group) == 0)
                        return view->groups[i].lease == 0;
        return true;
}

/* A lease whose record was lost leaves its devices bound to vfio-pci, unknown to the daemon. */
static int diagnose_unleased(iso_host *host, Findings *findings)
{
        static const char why[] = "The daemon neither guards the group of such a device nor "
                                  "returns the device to the host.";
        const View *view = host->view;
        size_t n = 0;

        for (size_t i = 0; i < view->n_devices; i++) {
                const iso_device *device = &view->devices[i];
                iso_finding *finding;
                char text[96];

                if (!is_unleased(view, device))
                        continue;
                finding = add(findings, "unleased", DOCTOR_WARN);
                if (!finding)
                        return -ENOMEM;
                n++;
                (void)snprintf(text, sizeof(text), "%.32s is bound to vfio-pci without a lease",
                               device->address);
                finding->what = arena_strdup(findings->arena, text);
                finding->evidence =
                        "Either a lease lost its record or the daemon set the record aside (see "
                        "the daemon's log), or another program bound the device.";
                finding->why = why;
                finding->fix =
                        "If a lease left it, run isoctl repair DEVICE to return it to the host.";
                if (!finding->what)
                        return -ENOMEM;
        }
        return conclude(
                findings, n,
                &(iso_finding){.id = "unleased",
                               .what = "no stray device is bound to vfio-pci",
                               .evidence = "Every device bound to vfio-pci belongs to a lease.",
                               .why = why});
}

int iso_host_diagnose(iso_host *host, const iso_finding **ret, size_t *ret_n)
{
        Findings findings = {.arena = host->bus ? &host->view->arena : NULL};
        int r;

        if (host->bus) {
                r = diagnose_obstacle(host, &findings);
                if (r == 0)
                        r = diagnose_policy(host, &findings);
                if (r == 0)
                        r = diagnose_leases(host, &findings);
                if (r == 0)
                        r = diagnose_guards(host, &findings);
                if (r == 0)
                        r = diagnose_unleased(host, &findings);
                if (r == 0)
                        r = diagnose_self(host, &findings);
        } else {
                if (!host->partitions)
                        return -EINVAL;
                findings.arena = &host->partitions->arena;
                r = diagnose_machine(host, &findings);
        }
        if (r != 0)
                return r;
        *ret = findings.list;
        *ret_n = findings.n;
        return 0;
}
