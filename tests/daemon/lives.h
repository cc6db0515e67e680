/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Random lives of the manager, held against a model of what a lease is.
 *
 * A life is a text of bytes, three for each command: who asks for which groups, who lets go, who
 * dies, how a worker ends. After each command both must agree on the state and owner of every
 * group, on who waits for what, and on every answer given so far. Workers are none: how they end is
 * a command.
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

/* How a take or a restore ends; what makes no sense for a restore is a failure of it. */
typedef enum LifeEnd { LIFE_WELL, LIFE_FAILED, LIFE_UNDO_FAILED, LIFE_DIED, _LIFE_END_N } LifeEnd;

/* No answer yet. */
#define LIVES_PENDING (-10000)

typedef struct ModelLease {
        bool used;
        unsigned groups; /* bits */
        int owner;
        LifeLifetime lifetime;
        LifeState state;
        bool orphan;   /* its owner's connection ended while it was being made */
        bool heard_of; /* somebody, or something, waits for what it is doing to end */
        int request;   /* who is answered, or -1 */
} ModelLease;

typedef struct ModelWaiter {
        unsigned groups;
        int client, request;
        LifeLifetime lifetime;
} ModelWaiter;

typedef struct Model {
        ModelLease leases[LIVES_REQUESTS_MAX];
        ModelWaiter waiters[LIVES_REQUESTS_MAX]; /* in their order */
        size_t n_leases, n_waiters;
        int answers[LIVES_REQUESTS_MAX];
} Model;

/* The lease that has a group, or NULL. */
ModelLease *model_holder(Model *model, unsigned group);

void model_acquire(Model *model, int client, unsigned groups, LifeLifetime lifetime, bool waits,
                   int request);
void model_release(Model *model, ModelLease *lease, int request); /* -1: nobody asks */
void model_worker_ends(Model *model, ModelLease *lease, LifeEnd end);
void model_name_ends(Model *model, int client);
void model_wait_ends(Model *model, size_t waiter);
int model_transfer(ModelLease *lease, int client);

/*
 * Lives one life. Returns true if the two agreed to the end; else, if `tell`, what they did not
 * agree on has been printed, in lines that begin with `#`.
 */
bool lives_run(const uint8_t *data, size_t n_data, bool tell);

/* Whether it is noticed when the model is made to forget a lease: the control of all this. */
bool lives_differ_when_the_model_forgets(void);

/* What was lived through so far. */
typedef struct LivesCount {
        unsigned long commands, leases, waits;
} LivesCount;
LivesCount lives_count(void);
