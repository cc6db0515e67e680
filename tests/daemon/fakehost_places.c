/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The rest of the daemon's surroundings: files at fixed paths are in the tree, writes to the disk
 * pass the faults, and deferred work runs at once.
 */

#include <stdio.h>

#include "core/probe/policy_json.h"
#include "daemon/guard/rules.h"
#include "daemon/guard/watchfile.h"
#include "daemon/lease/state.h"
#include "daemon/ledger/ledger.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/faults.h"

int __wrap_fsync(int fd);
int __wrap_policy_load(const char *const *directories, const Trust *trust, Policy **ret_policy,
                       char **ret_message);
int __wrap_world_obstacle(const World *world, char **ret_text);
void __wrap_ledger_read_soon(Ledger *ledger);
void __wrap_ledger_read_later(Ledger *ledger);
int __wrap_lease_state_save(const char *directory, const LeaseRecord *record);
int __real_lease_state_save(const char *directory, const LeaseRecord *record);
int __wrap_lease_state_remove(const char *directory, uint32_t id);
int __real_lease_state_remove(const char *directory, uint32_t id);
int __wrap_rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot,
                       uint32_t id, const int32_t *numbers, size_t n_numbers, bool nodes);
int __real_rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot,
                       uint32_t id, const int32_t *numbers, size_t n_numbers, bool nodes);
int __wrap_rules_remove(const char *directory, uint32_t id);
int __real_rules_remove(const char *directory, uint32_t id);
int __wrap_rules_sweep(const char *directory, bool (*is_known)(uint32_t id, void *userdata),
                       void *userdata);
int __real_rules_sweep(const char *directory, bool (*is_known)(uint32_t id, void *userdata),
                       void *userdata);

bool __wrap_world_kernel_at_least(const char *release, unsigned major, unsigned minor);
int __wrap_rules_write_gate(const char *directory);
int __real_rules_write_gate(const char *directory);
int __wrap_rules_remove_gate(const char *directory);
int __real_rules_remove_gate(const char *directory);
int __wrap_watchfile_save(const char *directory, const WatchFile *file);
int __real_watchfile_save(const char *directory, const WatchFile *file);
int __wrap_watchfile_remove(const char *directory);
int __real_watchfile_remove(const char *directory);

/* No file here has to survive a power loss. */
int __wrap_fsync(int fd)
{
        return 0;
}

int __wrap_policy_load(const char *const *directories, const Trust *trust, Policy **ret_policy,
                       char **ret_message)
{
        *ret_policy = calloc(1, sizeof(**ret_policy));
        return *ret_policy ? 0 : -1;
}

/* The tree does not tell the kernel's version. */
int __wrap_world_obstacle(const World *world, char **ret_text)
{
        *ret_text = NULL;
        return 0;
}

void __wrap_ledger_read_soon(Ledger *ledger)
{
        ledger_read_next(ledger);
}

void __wrap_ledger_read_later(Ledger *ledger)
{
        __wrap_ledger_read_soon(ledger);
}

int __wrap_lease_state_save(const char *directory, const LeaseRecord *record)
{
        unsigned number;

        int r = faults_before(FAULT_POINT_SAVE, &number);
        if (r == 0)
                r = __real_lease_state_save(directory, record);
        faults_after(number);
        return r;
}

int __wrap_lease_state_remove(const char *directory, uint32_t id)
{
        unsigned number;

        (void)faults_before(FAULT_POINT_REMOVE, &number);
        int r = __real_lease_state_remove(directory, id);
        faults_after(number);
        return r;
}

int __wrap_rules_write(const char *directory, const HostPaths *host, const Snapshot *snapshot,
                       uint32_t id, const int32_t *numbers, size_t n_numbers, bool nodes)
{
        char path[FAKEHOST_PATH_SIZE];
        unsigned number;

        int r = faults_before(FAULT_POINT_SAVE, &number);
        if (r == 0)
                r = __real_rules_write(fakehost_path(path, "rules.d"), host, snapshot, id, numbers,
                                       n_numbers, nodes);
        faults_after(number);
        return r;
}

int __wrap_rules_remove(const char *directory, uint32_t id)
{
        char path[FAKEHOST_PATH_SIZE];
        unsigned number;

        (void)faults_before(FAULT_POINT_REMOVE, &number);
        int r = __real_rules_remove(fakehost_path(path, "rules.d"), id);
        faults_after(number);
        return r;
}

int __wrap_rules_sweep(const char *directory, bool (*is_known)(uint32_t id, void *userdata),
                       void *userdata)
{
        char path[FAKEHOST_PATH_SIZE];

        return __real_rules_sweep(fakehost_path(path, "rules.d"), is_known, userdata);
}

/* Behave like the newest kernel. */
bool __wrap_world_kernel_at_least(const char *release, unsigned major, unsigned minor)
{
        return true;
}

int __wrap_rules_write_gate(const char *directory)
{
        char path[FAKEHOST_PATH_SIZE];
        unsigned number;

        int r = faults_before(FAULT_POINT_SAVE, &number);
        if (r == 0)
                r = __real_rules_write_gate(fakehost_path(path, "rules.d"));
        faults_after(number);
        return r;
}

int __wrap_rules_remove_gate(const char *directory)
{
        char path[FAKEHOST_PATH_SIZE];
        unsigned number;

        (void)faults_before(FAULT_POINT_REMOVE, &number);
        int r = __real_rules_remove_gate(fakehost_path(path, "rules.d"));
        faults_after(number);
        return r;
}

int __wrap_watchfile_save(const char *directory, const WatchFile *file)
{
        unsigned number;

        int r = faults_before(FAULT_POINT_SAVE, &number);
        if (r == 0)
                r = __real_watchfile_save(directory, file);
        faults_after(number);
        return r;
}

int __wrap_watchfile_remove(const char *directory)
{
        unsigned number;

        (void)faults_before(FAULT_POINT_REMOVE, &number);
        int r = __real_watchfile_remove(directory);
        faults_after(number);
        return r;
}
