/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a device to what is built on its interfaces.
 *
 * An interface that is up is in use if it has an address, if a route leaves by it, or if another
 * interface lies on top (`upper_*`: a bridge or bond that it is a port of, VLANs, macvlans). The
 * upper interface counts even without an address. An interface that is only up may be taken.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/critical_walk.h"
#include "daemon/host/net_table.h"

#ifndef IFF_UP
#define IFF_UP 0x1UL /* uapi linux/if.h */
#endif

#define UPPER "upper_"

static int read_number(const HostPaths *host, const char *name, const char *attribute,
                       unsigned long *ret_number)
{
        _cleanup_(freep) char *text = NULL;
        char *end;

        int r = host_read_at(&text, "%s/class/net/%s/%s", host->sysfs, name, attribute);
        if (r < 0)
                return r;
        *ret_number = strtoul(text, &end, 0);
        return end == text ? -EINVAL : 0;
}

static int tell_uses(CriticalWalk *walk, const NetTable *table, const char *name)
{
        unsigned long index;
        int r = read_number(walk->host, name, "ifindex", &index);

        for (size_t i = 0; r == 0 && i < table->n_uses; i++)
                if ((unsigned long)table->uses[i].interface == index)
                        r = critical_tell(walk, CRITICAL_NET, table->uses[i].text,
                                          "%s carries %s; take %s down first", walk->chain[0],
                                          table->uses[i].text, walk->chain[1]);
        return r == -ENOENT ? 0 : r;
}

static int walk_interface(CriticalWalk *walk, const NetTable *table, const char *name);

static int walk_uppers(CriticalWalk *walk, const NetTable *table, const char *name)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int r = name_list_read(&list, "%s/class/net/%s", walk->host->sysfs, name);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const char *upper = list.entries[i]->d_name + strlen(UPPER);
                size_t n_told = walk->n_told;

                if (strncmp(list.entries[i]->d_name, UPPER, strlen(UPPER)) != 0)
                        continue;
                r = walk_interface(walk, table, upper);
                if (r == 0 && walk->n_told == n_told)
                        r = critical_tell(walk, CRITICAL_NET, upper,
                                          "%s carries %s; take %s off it first", walk->chain[0],
                                          upper, walk->chain[1]);
        }
        return r;
}

static int walk_interface(CriticalWalk *walk, const NetTable *table, const char *name)
{
        int r = critical_push(walk, name);
        if (r < 0)
                return r;
        r = tell_uses(walk, table, name);
        if (r == 0)
                r = walk_uppers(walk, table, name);
        critical_pop(walk);
        return r;
}

int critical_walk_net(CriticalWalk *walk)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};
        _cleanup_(net_table_clear) NetTable table = {.n_uses = 0};
        bool is_read = false;

        int r = name_list_read(&list, "%s/class/net", walk->host->sysfs);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const char *name = list.entries[i]->d_name;
                unsigned long flags;

                if (!critical_is_below(walk, "net", name))
                        continue;
                r = read_number(walk->host, name, "flags", &flags);
                if (r == -ENOENT)
                        r = flags = 0; /* the interface has gone meanwhile */
                if (r == 0 && (flags & IFF_UP) && !is_read) {
                        r = net_table_read(&table);
                        is_read = true;
                }
                if (r == 0 && (flags & IFF_UP))
                        r = walk_interface(walk, &table, name);
        }
        return r;
}
