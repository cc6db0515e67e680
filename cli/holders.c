/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which processes have a lease or a group open: all leases, or the one that the argument names. A
 * process of root can also have an unleased group open, without the daemon.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

/* One lease or group. */
typedef struct Place {
        const iso_lease *lease; /* NULL if the group is not leased */
        const iso_group *group; /* NULL: all groups of the lease */
} Place;

typedef struct Answer {
        Table table;
        json_object *array; /* with --json */
} Answer;

static void answer_deinit(Answer *answer)
{
        table_deinit(&answer->table);
}

static void add(Answer *answer, const Place *place, const iso_holder *holder)
{
        const char *group = place->group ? place->group->id : place->lease->groups[0];
        json_object *object;

        if (answer->array) {
                object = json_append(answer->array, must(json_object_new_object()));
                json_add_number(object, "pid", holder->pid, 1);
                json_add_text(object, "comm", holder->comm);
                json_add_optional(object, "unit", holder->unit);
                json_add_number(object, "uid", holder->uid, 0);
                json_add_number(object, "lease", place->lease ? place->lease->id : 0, 1);
                json_add_optional(object, "group", group);
                json_add_bool(object, "certain", holder->certain);
                return;
        }
        table_add(&answer->table, "%d", (int)holder->pid);
        table_add(&answer->table, "%s", holder->comm);
        table_add(&answer->table, "%s", holder->unit);
        table_add_user(&answer->table, holder->uid);
        table_add(&answer->table, "%.0u", place->lease ? place->lease->id : 0);
        table_add(&answer->table, "%s", group ? group : "");
        table_add(&answer->table, "%s", holder->certain ? "yes" : "no");
}

static int ask(Invocation *invocation, const Place *place, Answer *answer)
{
        const iso_holder *holders;
        size_t n;
        int r;

        r = place->group ? iso_host_group_holders(invocation->host, place->group, &holders, &n)
                         : iso_host_lease_holders(invocation->host, place->lease, &holders, &n);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n; i++)
                add(answer, place, &holders[i]);
        return 0;
}

/* A lease number, or a selector of a group. */
static int find(Invocation *invocation, Place *ret_place)
{
        const char *name = invocation->arguments[0];
        const iso_device *device;
        const iso_group *group;
        int r;

        *ret_place = (Place){.group = NULL};
        if (strspn(name, "0123456789") == strlen(name))
                return iso_host_resolve_lease(invocation->host, name, &ret_place->lease);
        r = iso_host_resolve(invocation->host, name, &device, &group);
        if (r != 0)
                return r;
        if (!group)
                return ISO_E_NOT_FOUND;
        ret_place->lease = group->lease ? lease_find(invocation->host, group->lease) : NULL;
        ret_place->group = ret_place->lease ? NULL : group;
        return 0;
}

static int ask_all(Invocation *invocation, Answer *answer)
{
        const iso_lease *leases;
        size_t n;
        int r = 0;

        leases = iso_host_leases(invocation->host, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = ask(invocation, &(Place){.lease = &leases[i]}, answer);
                if (r == ISO_E_NOT_FOUND) /* the lease has ended meanwhile */
                        r = 0;
        }
        return r;
}

static int run_holders(Invocation *invocation)
{
        static const char *const names[] = {"PID",   "COMMAND", "UNIT",    "USER",
                                            "LEASE", "GROUP",   "CERTAIN", NULL};
        _cleanup_(answer_deinit) Answer answer = {.array = NULL};
        json_object *document = NULL;
        Place place;
        int r;

        if (invocation->json) {
                document = json_document("holders");
                answer.array = json_add_array(document, "holders");
        }
        answer.table.without_header = invocation->without_legend;
        table_header(&answer.table, names);
        if (invocation->n_arguments == 0) {
                r = ask_all(invocation, &answer);
        } else {
                r = find(invocation, &place);
                if (r == 0)
                        r = ask(invocation, &place, &answer);
        }
        if (r != 0) {
                (void)json_object_put(document);
                return fail_host(invocation, r);
        }
        if (document)
                json_print(document);
        else
                table_print(&answer.table, "");
        return EXIT_DONE;
}

const Verb verb_holders = {
        .name = "holders",
        .arguments = "[SELECTOR|LEASE]",
        .summary = "list the processes that have a lease or group open",
        .help = "Without an argument, lists all leases. A selector can name an unleased group.\n"
                "The list leaves out isolationd. CERTAIN is \"no\" if the kernel (before 6.18)\n"
                "does not show which VFIO device a process has opened through its group.\n"
                "Only the lease's owner and root may ask.\n",
        .max_arguments = 1,
        .host = VERB_HOST_DAEMON,
        .run = run_holders,
};
