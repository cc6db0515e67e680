/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sentences for the edges of the sound partition: the path of a request from one device to the
 * other, and the missing ACS bits.
 */

#include "core/model/sound_notes.h"
#include "core/model/text.h"

#include <stdio.h>

#define LACK_SIZE 48

/* "no RR", "no RR that could be read"; into `text`. */
static const char *lack(const Reason *reason, char text[static LACK_SIZE])
{
        _cleanup_(freep) char *bits = acs_bits_to_string(reason->missing);

        (void)snprintf(text, LACK_SIZE, "no %s%s", bits ?: "ACS",
                       reason->acs == TRISTATE_UNKNOWN ? " that could be read" : "");
        return text;
}

static const char *port_noun(const PciDevice *device)
{
        if (device->facts.pcie != TRISTATE_YES || device->pcie_type_uncertain)
                return "a possible port,";
        return device->pcie_type == PCIE_TYPE_ROOT_PORT ? "root port" : "downstream port";
}

static bool is_below(const Snapshot *snapshot, size_t index, size_t port)
{
        while (index != SNAPSHOT_NONE && index != port)
                index = snapshot->devices[index].parent;
        return index == port;
}

static char *describe_switch(const Snapshot *snapshot, const Reason *reason, const char *a,
                             const char *b, const char *at)
{
        const char *noun = port_noun(&snapshot->devices[reason->at]);
        char text[LACK_SIZE];

        (void)lack(reason, text);
        if (reason->b == reason->at && !is_below(snapshot, reason->a, reason->at))
                return text_print("A write from a device below %s %s, which does not redirect "
                                  "requests (%s), is routed to %s.",
                                  noun, at, text, a);
        if (reason->b == reason->at)
                return text_print("A write from %s enters %s %s, which does not redirect requests "
                                  "(%s), and is routed to any device that it addresses.",
                                  a, noun, at, text);
        return text_print("A write from %s enters %s %s, which does not redirect requests (%s), and is "
                     "routed to %s.",
                     b, noun, at, text, a);
}

static char *describe_turn(const Snapshot *snapshot, const Reason *reason, const char *a,
                           const char *b, const char *at)
{
        char text[LACK_SIZE];

        if (reason->b == reason->at)
                return text_print("A request or completion from below %s %s is turned around there "
                             "(%s) and reaches %s.",
                             port_noun(&snapshot->devices[reason->at]), at, lack(reason, text), a);
        return text_print("A request or completion from %s at %s %s is turned around there (%s) and "
                     "reaches %s.",
                     b, port_noun(&snapshot->devices[reason->at]), at, lack(reason, text), a);
}

static char *describe_forged(const Snapshot *snapshot, const Reason *reason, const char *a,
                             const char *b, const char *at)
{
        const char *noun = port_noun(&snapshot->devices[reason->at]);
        char text[LACK_SIZE];

        return text_print("A write from %s under the id of %s passes %s %s, which does not check "
                     "requester ids (%s), and uses the mappings of %s.",
                     b, a, noun, at, lack(reason, text), a);
}

char *sound_reason_describe(const Snapshot *snapshot, const Reason *reason)
{
        char a[BDF_TEXT_SIZE], b[BDF_TEXT_SIZE], at[BDF_TEXT_SIZE], text[LACK_SIZE];

        (void)bdf_format(snapshot->devices[reason->a].bdf, a);
        (void)bdf_format(snapshot->devices[reason->b].bdf, b);
        (void)bdf_format(snapshot->devices[reason->at].bdf, at);

        if (reason->rule == REASON_SHARED_BUS)
                return text_print("%s is on the conventional bus below %s: every master there "
                                  "reaches every target without passing the bridge.",
                                  a, at);
        if (reason->rule == REASON_FUNCTION_PEER)
                return text_print("A write from %s, which does not redirect requests (%s), reaches "
                                  "%s inside their common device.",
                                  b, lack(reason, text), a);
        if (reason->rule == REASON_SWITCH_PEER)
                return describe_switch(snapshot, reason, a, b, at);
        if (reason->rule == REASON_TURNED_AROUND)
                return describe_turn(snapshot, reason, a, b, at);
        if (reason->rule == REASON_FORGED_ID)
                return describe_forged(snapshot, reason, a, b, at);
        if (reason->rule == REASON_ROOT_PORT_PEER)
                return text_print("A write from %s%s root port %s, which does not redirect requests "
                             "(%s), is routed to the other root ports of its slot and reaches %s.",
                             reason->b == reason->at ? "" : b,
                             reason->b == reason->at ? "below" : " at", at, lack(reason, text), a);
        if (reason->rule == REASON_VIRTUAL_FUNCTION)
                return text_print("A write from %s, which has ACS but does not redirect requests (%s), "
                             "reaches %s inside their SR-IOV device.",
                             at, lack(reason, text), reason->a == reason->at ? b : a);
        return NULL;
}
