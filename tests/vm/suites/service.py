# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service: a unit of systemd that says when it is ready, comes when called, ends in order."""

import json
import xml.etree.ElementTree

from suite import LAB, test

UNIT = "isolationd.service"
EVERYWHERE = ("basic", "none")
XML = "/usr/share/dbus-1/interfaces/org.isolationd1.xml"


@test()
def comes_when_called(context):
    """Stopped, the first call of any user starts it, and it is ready when the answer is there."""
    context.sh(f"systemctl stop {UNIT}")
    context.equal(context.unit("ActiveState"), ["inactive"], "state after stop")
    context.json("list", uid=LAB)
    context.equal(context.unit("ActiveState", "SubState", "Type", "BusName"),
                  ["active", "running", "notify", "org.isolationd1"], "state after a call")


@test(on=EVERYWHERE, any_kernel=True)
def is_watched(context):
    context.isoctl("list")
    watchdog, notify = context.unit("WatchdogUSec", "NotifyAccess")
    context.ok(watchdog not in ("0", "infinity"), f"WatchdogUSec={watchdog}")
    context.equal(notify, "main", "NotifyAccess")


def _members(node):
    """{interface: set of (kind, name, signature, access)} of an introspection document."""
    found = {}
    for interface in node.iter("interface"):
        members = set()
        for kind in ("method", "signal"):
            for each in interface.iter(kind):
                default = "in" if kind == "method" else "out"
                arguments = tuple((argument.get("direction", default), argument.get("type"))
                                  for argument in each.iter("arg"))
                members.add((kind, each.get("name"), arguments))
        members |= {("property", each.get("name"), each.get("type"), each.get("access"))
                    for each in interface.iter("property")}
        found[interface.get("name")] = members
    return found


@test(on=EVERYWHERE, any_kernel=True)
def bus_is_as_documented(context):
    """What the daemon says of itself is what the installed XML says of it."""
    documented = _members(xml.etree.ElementTree.fromstring(context.sh(f"cat {XML}")))
    context.isoctl("list")
    paths = context.sh("busctl tree --list org.isolationd1").split()
    samples = {"Manager": "/org/isolationd1"}
    for kind in ("device", "group", "iommu"):
        below = [path for path in paths if path.startswith(f"/org/isolationd1/{kind}/")]
        if below:
            samples[kind.capitalize()] = below[0]
    context.ok("Device" in samples and "Group" in samples, f"objects on the bus: {paths}")
    for name, path in samples.items():
        text = context.sh("busctl call --json=short org.isolationd1 "
                          f"{path} org.freedesktop.DBus.Introspectable Introspect")
        live = _members(xml.etree.ElementTree.fromstring(
            json.loads(text)["data"][0]))
        interface = f"org.isolationd1.{name}"
        context.equal(live.get(interface), documented[interface], f"{interface} on {path}")
        if name == "Manager":
            context.ok("org.freedesktop.DBus.ObjectManager" in live, "no ObjectManager")


@test(on=("basic",), any_kernel=True)
def managed_objects_are_all(context):
    text = context.sh("busctl call --json=short org.isolationd1 /org/isolationd1 "
                      "org.freedesktop.DBus.ObjectManager GetManagedObjects")
    objects = json.loads(text)["data"][0]
    addresses = sorted(each["org.isolationd1.Device"]["Address"]["data"]
                       for each in objects.values() if "org.isolationd1.Device" in each)
    context.equal(addresses, sorted(context.sh("ls /sys/bus/pci/devices").split()),
                  "devices in GetManagedObjects")


@test(on=EVERYWHERE, any_kernel=True)
def stops_in_order(context):
    context.isoctl("list")
    context.sh(f"systemctl restart {UNIT}")
    context.equal(context.unit("ActiveState", "Result"), ["active", "success"], "after a restart")
    context.sh(f"systemctl stop {UNIT}")
    context.equal(context.unit("ActiveState", "Result", "ExecMainStatus"),
                  ["inactive", "success", "0"], "after a stop")
