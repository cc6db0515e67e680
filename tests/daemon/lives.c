/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The real ledger, queue and bus names; the functions that touch a host are replaced (the program
 * is linked with --wrap). There are four groups that never change, a disk that stores nothing, and
 * workers that end when a command says so.
 */

#include "tests/daemon/lives.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/descriptors/descriptors.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/queue/queue_internal.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/requests/requests.h"
#include "daemon/work/work.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/lives_host.h"

#define OWNER_NAME_SIZE 16

typedef struct Life {
        Ledger *ledger;
        Model model;
        int answers[LIVES_REQUESTS_MAX];
        Lease *granted[LIVES_REQUESTS_MAX]; /* by request; only compared */
        int fds[LIVES_REQUESTS_MAX];        /* lease fds in their owners' hands, by request */
        uint32_t ids[LIVES_REQUESTS_MAX];   /* of the leases that these fds belong to */
        size_t n_requests;
        bool tell;
} Life;

static struct event_base *base;
static Life *life;
static LivesCount count;

/* --- the machine --------------------------------------------------------------------------------
 */

static bool make_world(void)
{
        static const FakeDevice machine[LIVES_GROUPS] = {
                {"0000:00:04.0", NULL, PCIE_TYPE_RC_ENDPOINT, 1},
                {"0000:00:05.0", NULL, PCIE_TYPE_RC_ENDPOINT, 2},
                {"0000:00:06.0", NULL, PCIE_TYPE_RC_ENDPOINT, 3},
                {"0000:00:07.0", NULL, PCIE_TYPE_RC_ENDPOINT, 4},
        };
        HostPaths host;

        if (lives_world)
                return true;
        base = event_base_new();
        fakehost_make(machine, LIVES_GROUPS, &host);
        int r = __real_world_read(&host, NULL, &lives_world);
        fakehost_remove();
        return base && r == 0 && lives_world->groups->n_groups == LIVES_GROUPS;
}

/* Runs what is due, without waiting. */
static void turn(void)
{
        for (int i = 0; i < 3; i++)
                (void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static const char *name_of(int client, char name[static OWNER_NAME_SIZE])
{
        (void)snprintf(name, OWNER_NAME_SIZE, ":1.%d", client);
        return name;
}

/* --- commands -----------------------------------------------------------------------------------
 */

static void on_answer(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        size_t request = (size_t)((int *)userdata - life->answers);

        life->answers[request] = answer->code;
        if (!lease || descriptors_client_fd(lease) < 0)
                return;
        life->fds[request] = fcntl(descriptors_client_fd(lease), F_DUPFD_CLOEXEC, 3);
        life->ids[request] = lease->record->id;
        descriptors_close_client_fd(lease);
}

static int new_request(void)
{
        size_t request = life->n_requests++;

        life->answers[request] = life->model.answers[request] = LIVES_PENDING;
        life->fds[request] = -1;
        return (int)request;
}

static void acquire(int client, unsigned groups, LifeLifetime lifetime, bool waits)
{
        static const char *const names[LIVES_GROUPS] = {"group:1", "group:2", "group:3", "group:4"};
        const char *selectors[LIVES_GROUPS + 1] = {NULL};
        char name[OWNER_NAME_SIZE];
        int request = new_request();
        size_t n = 0;

        for (unsigned g = 0; g < LIVES_GROUPS; g++)
                if (groups & 1U << g)
                        selectors[n++] = names[g];
        const AcquireRequest asked = {
                .selectors = selectors,
                .options.mode = LEASE_MODE_VFIO,
                .options.lifetime = (LeaseLifetime)lifetime,
                .who.uid = (uid_t)client,
                .who.unit = "",
                .who.name = name_of(client, name),
                .wait_usec = waits ? REQUEST_WAIT_FOREVER : 0,
        };
        count.waits += waits;
        model_acquire(&life->model, client, groups, lifetime, waits, request);
        request_acquire(life->ledger, &asked, on_answer, &life->answers[request]);
}

/* The ledger's lease of a group, or NULL; and the model's. */
static Lease *holder(unsigned group, ModelLease **ret_model)
{
        *ret_model = model_holder(&life->model, group);
        return ledger_lease_of_group(life->ledger, group);
}

static void end_worker(Lease *lease, ModelLease *model, LifeEnd end)
{
        static const int codes[_LIFE_END_N] = {0, REFUSAL_KERNEL_REFUSED, REFUSAL_QUARANTINED,
                                               REFUSAL_STUCK};
        VfioFds fds = {.n_items = 0};
        WorkerResult result = {.code = codes[end], .message = "so it was said", .fds = &fds};
        Worker *worker = work_transition(lease);

        model_worker_ends(&life->model, model, end);
        worker->handler.done(&result, worker->handler.userdata);
        free(worker);
}

static void close_fd(size_t i)
{
        ModelLease *model = NULL;

        for (; i < life->n_requests && life->fds[i] < 0; i++)
                ;
        if (i == life->n_requests)
                return;
        Lease *lease = ledger_find_lease(life->ledger, life->ids[i]);
        for (unsigned g = 0; lease && g < LIVES_GROUPS; g++)
                if (ledger_lease_of_group(life->ledger, g) == lease)
                        model = model_holder(&life->model, g);
        if (model && model->lifetime == LIFE_FD && model->state == LIFE_LEASED)
                model_release(&life->model, model, -1);
        (void)close(life->fds[i]);
        life->fds[i] = -1;
}

static void transfer(Lease *lease, ModelLease *model, int client)
{
        _cleanup_(freep) char *message = NULL;
        char name[OWNER_NAME_SIZE];
        const NewOwner owner = {
                .who = {.uid = (uid_t)client},
                .unit = "",
                .name = name_of(client, name),
        };
        int request = new_request();

        life->answers[request] = lease_transfer(lease, &owner, &message);
        life->model.answers[request] = model_transfer(model, client);
}

/* A waiter's time is up: the waiter at that index, the same in the daemon and the model. */
static void end_wait(size_t i)
{
        Queue *queue = queue_of(life->ledger);
        size_t n = life->model.n_waiters;
        Waiter *waiter = queue->first;

        if (n == 0)
                return;
        for (size_t k = i % n; waiter && k > 0; k--)
                waiter = waiter->next;
        model_wait_ends(&life->model, i % n);
        if (waiter)
                waiter->until_usec = 1;
        event_active(queue->turn, EV_TIMEOUT, 1);
}

static void run_command(const uint8_t *command)
{
        unsigned group = command[1] % LIVES_GROUPS, a = command[1], b = command[2];
        char name[OWNER_NAME_SIZE];
        ModelLease *model;
        Lease *lease = holder(group, &model);

        switch (command[0] % 10) {
        case 0:
        case 1:
        case 2:
                acquire((int)(b % LIVES_CLIENTS), a % 15 + 1, (LifeLifetime)(b / 8 % 3), b & 128);
                break;
        case 3:
        case 4:
        case 5:
                if (lease && model && work_transition(lease))
                        end_worker(lease, model, b < 192 ? LIFE_WELL : (LifeEnd)(b % _LIFE_END_N));
                break;
        case 6:
                if (lease && model) {
                        int request = new_request();
                        model_release(&life->model, model, request);
                        lease_release(lease, on_answer, &life->answers[request]);
                }
                break;
        case 7:
                model_name_ends(&life->model, (int)(a % LIVES_CLIENTS));
                names_forget(life->ledger, name_of((int)(a % LIVES_CLIENTS), name));
                break;
        case 8:
                if (b % 2)
                        close_fd(a % (life->n_requests + 1));
                else
                        end_wait(a);
                break;
        default:
                if (lease && model)
                        transfer(lease, model, (int)(b % LIVES_CLIENTS));
                break;
        }
}

/* --- agreement ----------------------------------------------------------------------------------
 */

static bool forgets; /* the control run makes the model wrong */

static bool differ(const char *what, size_t where, long real, long model)
{
        if (life->tell)
                printf("#   %s %zu: the manager says %ld, the model %ld\n", what, where, real,
                       model);
        return false;
}

static LifeState state_of(const Lease *lease)
{
        switch (lease->record->state) {
        case LEASE_PREPARING:
                return LIFE_PREPARING;
        case LEASE_LEASED:
                return LIFE_LEASED;
        case LEASE_RELEASING:
        case LEASE_DRAINING:
                return LIFE_RELEASING;
        case LEASE_QUARANTINED:
        case _LEASE_STATE_N:
                break;
        }
        return LIFE_QUARANTINED;
}

static bool agree(void)
{
        if (forgets && life->model.n_leases > 0)
                life->model.leases[0].used = false;
        for (unsigned g = 0; g < LIVES_GROUPS; g++) {
                ModelLease *model;
                const Lease *lease = holder(g, &model);
                LifeState state = lease ? state_of(lease) : LIFE_FREE;
                size_t waiting = 0;

                if (state != (model ? model->state : LIFE_FREE))
                        return differ("state of group", g, state, model ? (long)model->state : 0);
                if (lease && lease->record->owner.uid != (uid_t)model->owner)
                        return differ("owner of group", g, lease->record->owner.uid, model->owner);
                for (size_t i = 0; i < life->model.n_waiters; i++)
                        waiting += (life->model.waiters[i].groups >> g) & 1;
                size_t have = queue_count(life->ledger,
                                          lives_world->groups->groups[g].kernel_group);
                if (have != waiting)
                        return differ("waiters for group", g, (long)have, (long)waiting);
        }
        for (size_t i = 0; i < life->n_requests; i++)
                if (life->answers[i] != life->model.answers[i])
                        return differ("answer to request", i, life->answers[i],
                                      life->model.answers[i]);
        return true;
}

/* All owners leave and all leases are released: nothing may stay. */
static bool wind_up(void)
{
        for (int client = 0; client < LIVES_CLIENTS; client++) {
                const uint8_t command[] = {7, (uint8_t)client, 0};
                run_command(command);
                turn();
        }
        for (int round = 0; round < 4; round++)
                for (uint8_t g = 0; g < LIVES_GROUPS; g++) {
                        const uint8_t end[] = {3, g, 0};
                        ModelLease *model;
                        Lease *lease = holder(g, &model);

                        if (lease && model && !work_transition(lease)) {
                                model_release(&life->model, model, -1);
                                lease_release(lease, NULL, NULL);
                        }
                        run_command(end);
                        turn();
                        if (!agree())
                                return false;
                }
        return life->ledger->n_leases == 0 ||
               differ("leases at the end", 0, (long)life->ledger->n_leases, 0);
}

bool lives_run(const uint8_t *data, size_t n_data, bool tell)
{
        static const HostPaths nowhere = {
                .sysfs = "/nonexistent", .dev = "/nonexistent", .proc = "/nonexistent"};
        Life now = {.tell = tell};
        size_t n = n_data / LIVES_COMMAND_SIZE;
        bool ok = make_world();

        life = &now;
        if (!ok || daemon_new(base, &nowhere, "/nonexistent", &now.ledger) < 0) {
                printf("# there is no manager\n");
                return false;
        }
        now.ledger->world = lives_world;
        for (size_t i = 0; ok && i < n && i < LIVES_COMMANDS_MAX; i++) {
                run_command(data + i * LIVES_COMMAND_SIZE);
                turn();
                ok = agree();
                if (!ok && tell)
                        printf("#   after command %zu: %u %u %u\n", i, data[i * 3], data[i * 3 + 1],
                               data[i * 3 + 2]);
                count.commands++;
        }
        ok = ok && wind_up();
        count.leases += now.model.n_leases;
        ledger_free(now.ledger);
        for (size_t i = 0; i < now.n_requests; i++)
                if (now.fds[i] >= 0)
                        (void)close(now.fds[i]);
        life = NULL;
        return ok;
}

LivesCount lives_count(void)
{
        return count;
}

bool lives_differ_when_the_model_forgets(void)
{
        const uint8_t acquire[] = {0, 0, 0};

        forgets = true;
        bool ok = lives_run(acquire, sizeof(acquire), false);
        forgets = false;
        return !ok;
}
