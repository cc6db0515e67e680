/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The service manager, as far as a daemon sees it: a socket for sd_notify(3) and a store of fds
 * that outlives it.
 */

#include "daemon/lease/fdstore.h"

#define FAKESERVICE_FDS_MAX 64

typedef struct FakeService {
        int socket;
        struct {
                char name[64];
                int fd;
        } items[FAKESERVICE_FDS_MAX];
        size_t n_items;
} FakeService;

/* Listens at `path` and puts it into the environment of children. Failures abort the test. */
void fakeservice_start(FakeService *service, const char *path);
void fakeservice_stop(FakeService *service);

/* Serves until `child` and all its children have ended; returns the wait status of `child`. */
int fakeservice_run(FakeService *service, pid_t child);

/*
 * In a child, which has copies of the store: the fds that the previous daemon stored. The caller
 * owns them.
 */
FdStore fakeservice_give(const FakeService *service);

/* Drops the store, as without FileDescriptorStoreMax=. */
void fakeservice_forget(FakeService *service);
