/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Access rights of a node: granted, read back and removed again, without any other change. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/host/acl.h"
#include "daemon/lease/nodes.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define UID 1234
#define OTHER 99

static const char *root;
static HostPaths host;

static const char *path_of(const char *name)
{
        static char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", root, name);
        return path;
}

static unsigned mode_of(const char *name)
{
        struct stat st;

        return stat(path_of(name), &st) < 0 ? 0 : st.st_mode & 07777;
}

static void make_node(const char *name)
{
        tree_file(name, "");
        if (chmod(path_of(name), 0600) < 0)
                abort();
}

static void start(void)
{
        static char dev[512];

        root = tree_make();
        (void)snprintf(dev, sizeof(dev), "%s/dev", root);
        host = (HostPaths){.sysfs = root, .dev = dev};
        make_node("dev/vfio/7");
        make_node("dev/vfio/vfio");
        make_node("dev/vfio/devices/vfio3");
}

static void test_granting(void)
{
        start();
        CHECK(!acl_has(path_of("dev/vfio/7"), UID));
        for (int i = 0; i < 2; i++) {
                CHECK_NUMBER(acl_grant(path_of("dev/vfio/7"), UID), 0);
                CHECK(acl_has(path_of("dev/vfio/7"), UID));
        }
        CHECK(!acl_has(path_of("dev/vfio/7"), OTHER));
        CHECK_NUMBER(acl_grant(path_of("dev/vfio/7"), OTHER), 0);
        CHECK(acl_has(path_of("dev/vfio/7"), UID) && acl_has(path_of("dev/vfio/7"), OTHER));
        for (int i = 0; i < 2; i++)
                CHECK_NUMBER(acl_revoke(path_of("dev/vfio/7"), UID), 0);
        CHECK(!acl_has(path_of("dev/vfio/7"), UID) && acl_has(path_of("dev/vfio/7"), OTHER));
        CHECK_NUMBER(acl_revoke(path_of("dev/vfio/7"), OTHER), 0);
        CHECK_NUMBER(mode_of("dev/vfio/7"), 0600);
        CHECK(getxattr(path_of("dev/vfio/7"), "system.posix_acl_access", NULL, 0) < 0);

        CHECK_NUMBER(acl_grant(path_of("dev/none"), UID), -ENOENT);
        CHECK_NUMBER(acl_revoke(path_of("dev/none"), UID), 0);
        tree_remove();
}

/*
 * Another program sets the mode, which is the mask. Rights that the mask withholds are granted
 * again.
 */
static void test_a_mode_that_is_set(void)
{
        start();
        CHECK_NUMBER(acl_grant(path_of("dev/vfio/7"), UID), 0);
        CHECK_NUMBER(chmod(path_of("dev/vfio/7"), 0600), 0);
        CHECK(!acl_has(path_of("dev/vfio/7"), UID));
        CHECK_NUMBER(acl_grant(path_of("dev/vfio/7"), UID), 0);
        CHECK(acl_has(path_of("dev/vfio/7"), UID));
        CHECK_NUMBER(chmod(path_of("dev/vfio/7"), 0660), 0); /* as the lease's udev rule does */
        CHECK(acl_has(path_of("dev/vfio/7"), UID));
        CHECK_NUMBER(acl_revoke(path_of("dev/vfio/7"), UID), 0);
        CHECK_NUMBER(mode_of("dev/vfio/7"), 0600);
        tree_remove();
}

/* An existing access list loses no entry, and the mode loses no bit. */
static void test_others_before(void)
{
        start();
        CHECK_NUMBER(chmod(path_of("dev/vfio/vfio"), 0666), 0);
        CHECK_NUMBER(acl_grant(path_of("dev/vfio/vfio"), UID), 0);
        CHECK_NUMBER(mode_of("dev/vfio/vfio"), 0666);
        CHECK_NUMBER(acl_revoke(path_of("dev/vfio/vfio"), UID), 0);
        CHECK_NUMBER(mode_of("dev/vfio/vfio"), 0666);
        tree_remove();
}

static LeaseRecord *make_record(LeaseMode mode)
{
        LeaseRecord *record = NULL;
        const Bdf card = {.bus = 1}, lost = {.bus = 2}, port = {.devfn = 8};

        if (lease_record_new(&record) < 0 || lease_record_add_group(record, 7, "g") < 0 ||
            lease_record_add_device(record, card, LEASE_ROLE_TAKEN, "", "") < 0 ||
            lease_record_add_device(record, lost, LEASE_ROLE_TAKEN, "", "") < 0 ||
            lease_record_add_device(record, port, LEASE_ROLE_BYSTANDER, "", "") < 0)
                abort();
        record->mode = mode;
        record->owner.path_uid = UID;
        record->devices[1].lost = true;
        tree_file("bus/pci/devices/0000:01:00.0/vfio-dev/vfio3/uevent", "");
        tree_file("bus/pci/devices/0000:02:00.0/vfio-dev/vfio4/uevent", "");
        make_node("dev/vfio/devices/vfio4");
        return record;
}

static void test_a_lease_by_path(void)
{
        start();
        _cleanup_(lease_record_freep) LeaseRecord *record = make_record(LEASE_MODE_PATH);
        _cleanup_(freep) char *message = NULL;
        _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};

        CHECK_NUMBER(nodes_find(&host, record, &nodes), 0);
        CHECK_NUMBER(nodes.paths.n_items, 3); /* there is no /dev/iommu */
        CHECK_NUMBER(nodes.n_own, 2);
        CHECK(!nodes_are_granted(&host, record));
        CHECK_NUMBER(nodes_grant(&host, record, &message), 0);
        CHECK(nodes_are_granted(&host, record));
        CHECK(!acl_has(path_of("dev/vfio/devices/vfio4"), UID));
        make_node("dev/iommu"); /* comes later */
        CHECK(!nodes_are_granted(&host, record));
        CHECK_NUMBER(nodes_grant(&host, record, &message), 0);

        CHECK_NUMBER(nodes_revoke(&host, record, false, &message), 0);
        CHECK(!acl_has(path_of("dev/vfio/7"), UID));
        CHECK(!acl_has(path_of("dev/vfio/devices/vfio3"), UID));
        CHECK(acl_has(path_of("dev/vfio/vfio"), UID) && acl_has(path_of("dev/iommu"), UID));
        CHECK_NUMBER(nodes_revoke(&host, record, true, &message), 0);
        CHECK(!acl_has(path_of("dev/vfio/vfio"), UID) && !acl_has(path_of("dev/iommu"), UID));
        tree_remove();
}

static void test_other_modes(void)
{
        for (int mode = LEASE_MODE_VFIO; mode < _LEASE_MODE_N; mode++) {
                start();
                _cleanup_(lease_record_freep) LeaseRecord *record = make_record((LeaseMode)mode);
                _cleanup_(nodes_clear) Nodes nodes = {.n_own = 0};

                CHECK_NUMBER(nodes_find(&host, record, &nodes), 0);
                CHECK_NUMBER(nodes.paths.n_items, mode == LEASE_MODE_PATH       ? 3
                                                  : mode == LEASE_MODE_GROUP_FD ? 1
                                                                                : 0);
                CHECK_NUMBER(nodes.paths.n_items > 0, nodes_are_for((LeaseMode)mode));
                tree_remove();
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"granting and revoking", test_granting},
                {"a mode that is set", test_a_mode_that_is_set},
                {"others before", test_others_before},
                {"a lease by path", test_a_lease_by_path},
                {"other modes", test_other_modes},
        };

        return tap_run(tests);
}
