/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Random lives of the daemon, compared with a model of a lease.
 *
 * A life is a text of bytes, three for each command: a client asks for groups, closes its lease or
 * dies, or a worker ends in some way. After each command the daemon and the model must agree on the
 * state and owner of every group, on the queue, and on every answer given so far. There are no real
 * workers: a command decides how one ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVES_GROUPS 4
#define LIVES_CLIENTS 5
#define LIVES_COMMANDS_MAX 64
#define LIVES_COMMAND_SIZE 3
#define LIVES_REQUESTS_MAX (LIVES_COMMANDS_MAX + 64)

typedef enum LifeState {
        LIFE_FREE,
        LIFE_PREPARING,
        LIFE_LEASED,
        LIFE_RELEASING,
        LIFE_QUARANTINED
} LifeState;
typedef enum LifeLifetime { LIFE_FD, LIFE_PERSISTENT, LIFE_CONNECTION } LifeLifetime;

/* How a take or a restore ends. A result that is impossible for a restore counts as a failure. */
typedef enum LifeEnd { LIFE_WELL, LIFE_FAILED, LIFE_UNDO_FAILED, LIFE_DIED, _LIFE_END_N } LifeEnd;

/* No answer yet. */
#define LIVES_PENDING (-10000)

typedef struct ModelLease {
        bool used;
        unsigned groups; /* bits */
        int owner;
        LifeLifetime lifetime;
        LifeState state;
        bool orphan;   /* its owner's connection ended while the lease was being made */
        bool heard_of; /* a request or an event waits for the end of the current work */
        int request;   /* the request that gets the answer, or -1 */
} ModelLease;

typedef struct ModelWaiter {
        unsigned groups;
        int client, request;
        LifeLifetime lifetime;
} ModelWaiter;

typedef struct Model {
        ModelLease leases[LIVES_REQUESTS_MAX];
        ModelWaiter waiters[LIVES_REQUESTS_MAX]; /* in their order of arrival */
        size_t n_leases, n_waiters;
        int answers[LIVES_REQUESTS_MAX];
} Model;

/* The lease that has a group, or NULL. */
ModelLease *model_holder(Model *model, unsigned group);

void model_acquire(Model *model, int client, unsigned groups, LifeLifetime lifetime, bool waits,
                   int request);
void model_release(Model *model, ModelLease *lease, int request); /* -1: no request */
void model_worker_ends(Model *model, ModelLease *lease, LifeEnd end);
void model_name_ends(Model *model, int client);
void model_wait_ends(Model *model, size_t waiter);
int model_transfer(ModelLease *lease, int client);

/*
 * Lives one life. Returns true if the daemon and the model agreed to the end. Else, if `tell`, the
 * differences have been printed, in lines that begin with `#`.
 */
bool lives_run(const uint8_t *data, size_t n_data, bool tell);

/* The control of the test: does it notice a model that forgets a lease? */
bool lives_differ_when_the_model_forgets(void);

/* Counts of the lives so far. */
typedef struct LivesCount {
        unsigned long commands, leases, waits;
} LivesCount;
LivesCount lives_count(void);
