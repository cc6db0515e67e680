/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sentences for reasons: each names the devices, the missing facts or ACS bits, and the effect. */

#include "core/model/doubt.h"
#include "core/model/groups.h"
#include "core/model/quirks.h"
#include "core/model/sound_notes.h"
#include "core/model/text.h"

#include <stdio.h>
#include <string.h>

#define TERM_SIZE 64

const char *reason_rule_to_string(ReasonRule rule)
{
        switch (rule) {
        case REASON_UPSTREAM_ACS:
                return "upstream-acs";
        case REASON_MULTIFUNCTION_ACS:
                return "multifunction-acs";
        case REASON_BRIDGE_ALIAS:
                return "bridge-alias";
        case REASON_DMA_ALIAS:
                return "dma-alias";
        case REASON_REAL_DMA_DEVICE:
                return "real-dma-device";
        case REASON_UNKNOWN_PARENT:
                return "unknown-parent";
        case REASON_OBSERVED:
                return "observed";
        case REASON_SHARED_BUS:
                return "shared-bus";
        case REASON_FUNCTION_PEER:
                return "function-peer";
        case REASON_SWITCH_PEER:
                return "switch-peer";
        case REASON_TURNED_AROUND:
                return "turned-around";
        case REASON_FORGED_ID:
                return "forged-id";
        case REASON_ROOT_PORT_PEER:
                return "root-port-peer";
        case REASON_VIRTUAL_FUNCTION:
                return "virtual-function";
        case _REASON_N:
                break;
        }
        return "";
}

/* The kind of the function `at`, with its article. */
static const char *port_noun(const PciDevice *device)
{
        if (device->facts.pcie == TRISTATE_UNKNOWN)
                return "a function whose capabilities cannot be read";
        if (device->facts.pcie == TRISTATE_NO)
                return device->facts.header_type == 0 ? "a conventional PCI function"
                                                      : "a conventional PCI bridge";
        switch (device->pcie_type) {
        case PCIE_TYPE_ROOT_PORT:
                return "a root port";
        case PCIE_TYPE_UPSTREAM:
                return "a switch upstream port";
        case PCIE_TYPE_DOWNSTREAM:
                return "a switch downstream port";
        case PCIE_TYPE_PCIE_TO_PCI:
                return "a PCIe-to-PCI bridge";
        case PCIE_TYPE_PCI_TO_PCIE:
                return "a PCI-to-PCIe bridge";
        default:
                return "a PCIe function";
        }
}

/* "has no ACS", "has ACS with SV|RR off", "… cannot be read"; into `text`. */
static const char *lack(const PciDevice *device, const Reason *reason, char text[static TERM_SIZE])
{
        _cleanup_(freep) char *bits = acs_bits_to_string(reason->missing);

        if (reason->acs == TRISTATE_YES)
                (void)snprintf(text, TERM_SIZE, "has ACS, but without %s switched on",
                               bits ?: "all of it");
        else if (device->facts.pcie == TRISTATE_UNKNOWN || reason->acs == TRISTATE_UNKNOWN)
                (void)snprintf(text, TERM_SIZE, "has no ACS that could be read");
        else
                (void)snprintf(text, TERM_SIZE, "has no ACS");
        return text;
}

static char *describe_unknown(const PciDevice *device, const char *a, const char *b,
                              const char *at)
{
        return text_print(
                "The input lacks the %s %s, so nothing shows that %s and %s are separate.",
                doubt_missing_noun(device), at, a, b);
}

static char *describe_upstream(const Snapshot *snapshot, const Reason *reason, const char *a,
                               const char *b, const char *at)
{
        const PciDevice *port = &snapshot->devices[reason->at];
        char term[TERM_SIZE];

        if (reason->missing == 0)
                return describe_unknown(&snapshot->devices[reason->at], a, b, at);
        return text_print("%s (%s above %s) %s, so requests from below it may turn around before the "
                     "IOMMU: %s joins %s.",
                     at, port_noun(port), a, lack(port, reason, term), a, b);
}

static char *describe_functions(const Snapshot *snapshot, const Reason *reason, const char *a,
                                const char *b, const char *at)
{
        char term[TERM_SIZE];

        return text_print("%s and %s are functions of one slot that may reach each other inside it: "
                     "neither isolates itself (%s %s).",
                     a, b, at, lack(&snapshot->devices[reason->at], reason, term));
}

static char *describe_bridge(const Snapshot *snapshot, const Reason *reason, const char *a,
                             const char *b)
{
        const PciDevice *bridge = &snapshot->devices[reason->b];

        if (bridge->facts.pcie == TRISTATE_UNKNOWN)
                return text_print("%s is above %s and cannot be read: it may be a bridge to "
                                  "conventional PCI, which would use its requester id for both.",
                                  b, a);
        return text_print("%s (%s above %s) replaces requester ids of conventional PCI by its own, "
                          "so the IOMMU cannot distinguish %s from it.",
                          b, port_noun(bridge), a, a);
}

static char *describe_alias(const Snapshot *snapshot, const Reason *reason, const char *a,
                            const char *b, const char *at)
{
        const PciDevice *device = &snapshot->devices[reason->at];
        const PciDevice *other =
                &snapshot->devices[reason->at == reason->a ? reason->b : reason->a];

        if (device->place.has_ivrs_alias && device->place.ivrs_alias_devfn == other->bdf.devfn)
                return text_print("%s and %s share a requester id: firmware's IVRS table has %s send "
                             "requests under the id of %s.",
                             a, b, at, reason->at == reason->a ? b : a);
        if ((device->ids.vendor == 0) != (device->ids.device == 0))
                return text_print("%s and %s may share a requester id: the input lacks the ids of "
                                  "%s, and some devices of its kind send requests under another "
                                  "function's id (lspci -nn shows the ids).",
                                  a, b, at);
        return text_print("%s and %s share a requester id: %s is known to send requests under "
                     "another function's id.",
                     a, b, at);
}

char *reason_describe(const Snapshot *snapshot, const Reason *reason)
{
        char a[BDF_TEXT_SIZE], b[BDF_TEXT_SIZE], at[BDF_TEXT_SIZE];

        (void)bdf_format(snapshot->devices[reason->a].bdf, a);
        (void)bdf_format(snapshot->devices[reason->b].bdf, b);
        (void)bdf_format(snapshot->devices[reason->at].bdf, at);

        switch (reason->rule) {
        case REASON_UPSTREAM_ACS:
                return describe_upstream(snapshot, reason, a, b, at);
        case REASON_MULTIFUNCTION_ACS:
                return describe_functions(snapshot, reason, a, b, at);
        case REASON_BRIDGE_ALIAS:
                return describe_bridge(snapshot, reason, a, b);
        case REASON_DMA_ALIAS:
                return describe_alias(snapshot, reason, a, b, at);
        case REASON_REAL_DMA_DEVICE:
                if (snapshot->devices[reason->a].place.has_real_dma &&
                    snapshot->devices[reason->a].real_dma == SNAPSHOT_NONE)
                        return text_print("%s and %s are behind one unknown VMD endpoint; their "
                                          "requests have its id.",
                                          a, b);
                return text_print("%s is behind the VMD endpoint %s, and its requests have the "
                                  "endpoint's id.",
                                  reason->a == reason->at ? b : a, at);
        case REASON_UNKNOWN_PARENT:
                return describe_unknown(&snapshot->devices[reason->at], a, b, at);
        case REASON_OBSERVED:
                return text_print(
                        "The kernel has %s and %s in one group; no known rule explains why.", a, b);
        case REASON_SHARED_BUS:
        case REASON_FUNCTION_PEER:
        case REASON_SWITCH_PEER:
        case REASON_TURNED_AROUND:
        case REASON_FORGED_ID:
        case REASON_ROOT_PORT_PEER:
        case REASON_VIRTUAL_FUNCTION:
                return sound_reason_describe(snapshot, reason);
        case _REASON_N:
                break;
        }
        return NULL;
}
