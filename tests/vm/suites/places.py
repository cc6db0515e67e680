# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where things are in the lab's machines, and the few ways in which several suites use them."""

import json
import re

from suite import LAB, PROGRAM

EDU = "0000:00:05.0"
LONE = "0000:03:00.0"           # behind its own port with ACS
JOIN_CARD = "0000:01:00.0"      # behind port "ja", 00:02.0
JOINER = "0000:02:00.0"         # what is plugged into port "jb", 00:02.1
JOIN_PORTS = ("0000:00:02.0", "0000:00:02.1")
ROOT_DISK = "0000:00:10.0"

# Topologies where a lease is tried out: an IOMMU each, whose kernel hands leases out. (acpi is
# basic but for how devices come and go.)
LEASABLE = ("basic", "switch", "sriov", "amd")
# Those with the join slot.
JOINABLE = ("basic", "acpi", "amd")
# Those where every way in which a lease may end is tried out.
ENDABLE = ("basic", "amd")

CLIENT = f"{PROGRAM}/dma-client"
CLIENT_VFIO = f"{CLIENT} vfio --container {{container}} --group {{group}} --device {EDU}"
CLIENT_IOMMUFD = f"{CLIENT} iommufd --iommufd {{iommufd}} --device-fd {{device:{EDU}}}"
CLIENTS = {"vfio": CLIENT_VFIO, "iommufd": CLIENT_IOMMUFD}


def modes(kernel):
    """The lease modes that a kernel has."""
    return ("vfio", "iommufd") if kernel == "lab" else ("vfio",)


def listing(context):
    return context.sh(f"{PROGRAM}/listing")


def hold_edu(context, mode="vfio", uid=LAB):
    """A client of user lab that does DMA until its input ends; returned once it does it."""
    stream = context.spawn(f"exec isoctl run --mode {mode} {EDU} -- {CLIENTS[mode]} --hold", uid)
    stream.expect(r"^round 1 ok$")
    return stream


def idle_edu(context, mode="vfio", uid=LAB):
    """A client of user lab that has the device open, and does nothing, until its input ends."""
    stream = context.spawn(f"exec isoctl run --mode {mode} {EDU} -- {CLIENTS[mode]} --idle", uid)
    stream.expect(r"^idle$")
    return stream


def hold(context, selector, mode="vfio", uid=LAB):
    """A client that holds a group and does nothing with it; returned once it has it."""
    stream = context.spawn(f"exec isoctl run --mode {mode} {selector} -- "
                           "sh -c 'echo holding; exec cat'", uid)
    stream.expect("^holding$")
    return stream


def let_go(stream):
    """End a client in order; isoctl run returns when everything is given back."""
    stream.eof()
    result = stream.wait()
    if result.code != 0:
        raise AssertionError(f"`{stream.text}` ended with {result.code}: {result.err}")


def watch(context, uid=LAB):
    """A running `isoctl monitor` that is ready."""
    stream = context.spawn("exec isoctl monitor --json", uid)
    expect_event(stream, "ready")
    return stream


def expect_event(stream, name, **values):
    """The next event of that name (and with those values) from `isoctl monitor --json`."""
    def fits(line):
        event = json.loads(line)
        return event["event"] == name and all(event.get(key) == value
                                              for key, value in values.items())
    return json.loads(stream.expect(fits))


def driver_of(context, address):
    """The driver that the kernel shows, or "" for none."""
    return context.sh(f"basename $(readlink /sys/bus/pci/devices/{address}/driver) 2>/dev/null"
                      " || true").strip()


def fault_pattern(topology):
    """What the kernel logs when edu is stopped at IOVA 0x800000; None where QEMU reports nothing.

    QEMU's amd-iommu logs an event for an entry without permission but none for an entry that is
    absent, and its virtio-iommu none for the latter either: there only the memory can tell.
    """
    if topology in ("amd", "virtio"):
        return None
    return r"DMAR: \[DMA Write[^\n]*Request device \[(0000:)?00:05\.0\] fault addr 0x800000"


def error_word(text):
    """The refusal's own words, without isoctl's name in front."""
    return re.sub(r"^isoctl: ", "", text)
