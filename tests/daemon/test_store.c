/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The service manager's description of its fd store, and the size that leases need. */

#include <stdio.h>
#include <stdlib.h>

#include "daemon/descriptors/room.h"
#include "tests/unit/tap.h"

static size_t max_of(const char *ledger, const char *told, const char *unit)
{
        const char *const names[] = {"NOTIFY_SOCKET", "FDSTORE", "ISOLATIOND_FDSTORE_MAX"};
        const char *const values[] = {ledger, told, unit};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                CHECK((values[i] ? setenv(names[i], values[i], 1) : unsetenv(names[i])) == 0);
        return store_max();
}

static void test_max(void)
{
        CHECK_NUMBER(max_of("/run/x", "512", NULL), 512);
        CHECK_NUMBER(max_of("/run/x", "512", "8192"), 512);
        CHECK_NUMBER(max_of("/run/x", NULL, "8192"), 8192);
        CHECK_NUMBER(max_of("/run/x", "0", "8192"), 0);
        CHECK(max_of("/run/x", NULL, NULL) == SIZE_MAX);
        CHECK(max_of("/run/x", NULL, "") == SIZE_MAX);
        CHECK(max_of("/run/x", NULL, "12x") == SIZE_MAX);
        CHECK(max_of("/run/x", NULL, "-1") == SIZE_MAX);
        CHECK(max_of("/run/x", NULL, "99999999999999999999999") == SIZE_MAX);
        CHECK(max_of(NULL, "512", "8192") == SIZE_MAX);
}

static void test_need(void)
{
        CHECK_NUMBER(store_need(LEASE_MODE_VFIO, 3, 9), 5);
        CHECK_NUMBER(store_need(LEASE_MODE_GROUP_FD, 3, 9), 4);
        CHECK_NUMBER(store_need(LEASE_MODE_IOMMUFD, 3, 9), 11);
        CHECK_NUMBER(store_need(LEASE_MODE_IOMMUFD_UNBOUND, 3, 9), 11);
        CHECK_NUMBER(store_need(LEASE_MODE_PATH, 3, 9), 1);
        for (LeaseMode mode = LEASE_MODE_NONE; mode < _LEASE_MODE_N; mode++)
                CHECK(store_need(mode, 1, 1) > 0);
}

int main(void)
{
        static const TapTest tests[] = {
                {"how many there may be", test_max},
                {"how many a lease needs", test_need},
        };

        return tap_run(tests);
}
