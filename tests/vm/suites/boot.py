# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reservations: from the boot on, no host driver has what the policy reserves, daemon or not.

The topology "reserved" boots with a policy that reserves the card in the join slot and whatever
comes into the slot's other port. Its kernels have e1000e as a module, which another card needs.
"""

import json
import re

from suite import LAB, test
from suites import places
from suites.guard import Uevents
from suites.places import EDU, JOIN_CARD, JOINER, LONE

OURS = "isolationd-block"
PROGRAM = "/usr/libexec/isolationd-reserve"
UNIT = "isolationd-reserve.service"
RECORD = "/run/isolationd/reserved"
RULES = "/run/udev/rules.d/60-isolationd-reserved.rules"
RESERVED = ("reserved",)
RESCANS = 4


def _override(context, address):
    return context.sh(f"cat /sys/bus/pci/devices/{address}/driver_override").strip()


def _recorded(context):
    text = context.sh(f"cat {RECORD} 2>/dev/null || true")
    return [each["device"] for each in json.loads(text)["devices"]] if text else []


def _unit(context, *names):
    shown = context.sh(f"systemctl show {UNIT} " + " ".join(f"-p {name}" for name in names))
    values = dict(line.split("=", 1) for line in shown.splitlines())
    return [values[name] for name in names]


def _check_blocked(context, address):
    context.equal((_override(context, address), places.driver_of(context, address)), (OURS, ""),
                  f"override and driver of {address}")
    context.ok(address in _recorded(context), f"{address} is not on record")


def _binds(events, address):
    return [event["DRIVER"] for event in events if event.get("ACTION") == "bind"
            and event["DEVPATH"].endswith("/" + address) and event["DRIVER"] != "vfio-pci"]


def _is_loaded(context, module):
    return context.run(f"grep -q '^{module} ' /proc/modules").code == 0


def _rescan(context, address):
    """The device goes and comes; returned once udev is done with it."""
    context.sh(f"echo 1 > /sys/bus/pci/devices/{address}/remove; echo 1 > /sys/bus/pci/rescan; "
               "udevadm settle")


@test(on=RESERVED)
def no_driver_probes_at_boot(context):
    """The driver is loaded, for another card, and has never been asked about the reserved one."""
    context.equal(_unit(context, "ActiveState", "Result"), ["active", "success"], "the unit's state")
    done, = _unit(context, "ExecMainExitTimestampMonotonic")
    started = context.sh("systemctl show systemd-udevd.service --value "
                         "-p ExecMainStartTimestampMonotonic")
    context.ok(int(done) <= int(started), f"reserved at {done}, udev started at {started}")
    context.equal(places.driver_of(context, LONE), "e1000e", "the other card's driver")
    _check_blocked(context, JOIN_CARD)
    context.equal(_recorded(context), [JOIN_CARD], "what is on record")
    said = context.sh("dmesg | grep 'e1000e 0000:'")
    context.ok(LONE in said, f"the kernel's log does not tell of {LONE}:\n{said}")
    context.ok(JOIN_CARD not in said, f"e1000e probed {JOIN_CARD}:\n{said}")
    journal = context.sh(f"journalctl -b -u {UNIT} -o cat --no-pager")
    context.ok(re.search(rf"{LONE} is not reserved: .*expects \*:10d4", journal),
               f"nothing is said of the card that has another fingerprint:\n{journal}")


@test(on=RESERVED)
def no_way_in_after_boot(context):
    """Loading the driver again, a probe asked for by hand, and even a bind by hand."""
    uevents = Uevents(context)
    context.sh("modprobe -r e1000e && modprobe e1000e && udevadm settle")
    context.sh(f"echo {JOIN_CARD} > /sys/bus/pci/drivers_probe")
    context.run(f"echo {JOIN_CARD} > /sys/bus/pci/drivers/e1000e/bind")
    context.sh("udevadm trigger --action=add --subsystem-match=pci --settle")
    events = uevents.until_now()
    context.equal((_binds(events, JOIN_CARD), _binds(events, LONE)), ([], ["e1000e"]),
                  "binds of the reserved card and of the other")
    _check_blocked(context, JOIN_CARD)


@test(on=RESERVED)
def what_comes_loads_no_driver(context):
    """A card that comes later, the daemon stopped: no module is loaded for it, none binds to it."""
    context.sh("systemctl stop isolationd.service")
    uevents = Uevents(context)
    handled = context.spawn("exec udevadm monitor --udev")
    handled.expect("^UDEV - ")
    context.ok(not _is_loaded(context, "e1000"), "e1000 was loaded before")
    context.machine.plug("e1000", "joiner", "jb")
    try:
        handled.expect(rf"add .*/{JOINER} \(pci\)")
        _check_blocked(context, JOINER)
        context.ok(not _is_loaded(context, "e1000"), "udev loaded e1000")
        context.undo("modprobe -r e1000")
        context.sh("modprobe e1000")
        context.equal(_binds(uevents.until_now(), JOINER), [], "binds of the card that came")
        _check_blocked(context, JOINER)
    finally:
        context.machine.unplug("joiner")

    # The same by rescans, where the driver of the card is not loaded either.
    context.undo("modprobe e1000e; udevadm settle")
    context.sh("modprobe -r e1000e")
    uevents = Uevents(context)
    for _ in range(RESCANS):
        _rescan(context, JOIN_CARD)
        _check_blocked(context, JOIN_CARD)
    context.ok(not _is_loaded(context, "e1000e"), "udev loaded e1000e")
    context.equal(_binds(uevents.until_now(), JOIN_CARD), [], f"binds in {RESCANS} rescans")


@test(on=RESERVED)
def a_faster_driver_is_undone(context):
    """Where the driver is loaded a udev rule loses races: each is seen, undone, and told."""
    context.sh("systemctl stop isolationd.service")
    uevents = Uevents(context)
    since = float(context.sh("cut -d' ' -f1 /proc/uptime"))
    for _ in range(RESCANS):
        _rescan(context, JOIN_CARD)
        _check_blocked(context, JOIN_CARD)
    binds = _binds(uevents.until_now(), JOIN_CARD)
    told = [line for line in context.sh("dmesg").splitlines()
            if "was faster, and was unbound" in line
            and float(line[1:].split("]")[0]) >= since]
    context.tell(f"udev rule alone, driver loaded: {len(binds)} of {RESCANS} races lost, "
                 f"{len(told)} told")
    context.equal(len(told), len(binds), "races told and races lost")


@test(on=RESERVED)
def a_lease_ends_in_the_reservation(context):
    """A lease of a reserved card asks for nothing else, and gives back what it found."""
    listed = places.listing(context)
    for mode in places.modes(context.kernel):
        uevents = Uevents(context)
        stream = places.hold(context, JOIN_CARD, mode, LAB)
        context.equal(places.driver_of(context, JOIN_CARD), "vfio-pci", "driver while leased")
        places.let_go(stream)
        context.equal(_binds(uevents.until_now(), JOIN_CARD), [], "host drivers bound to the card")
        _check_blocked(context, JOIN_CARD)
    context.same_lines(listed, places.listing(context), "the machine after a lease")


@test(on=RESERVED)
def a_changed_machine_is_refused(context):
    """The rule expects another card, and says so; once it is told to expect this one, it is leased."""
    policy = "/etc/isolationd/policy.d/40-reserved.json"
    context.undo(f"mv {policy}.was {policy}")
    context.sh(f"cp {policy} {policy}.was")
    context.refused(f"run {LONE} -- true", 6, r"expects \*:10d4.*--accept")
    told = context.run("isoctl reserve")
    context.equal(told.code, 1, "exit code when a rule expects something else")
    context.ok(re.search(rf"{LONE} is not reserved: .*expects \*:10d4", told.out), told.out)
    context.isoctl("reserve --accept other-card")
    context.equal(context.run("isoctl reserve").code, 0, "exit code when all is as expected")
    context.isoctl(f"run {LONE} -- true")
    context.equal(places.driver_of(context, LONE), "e1000e", "the card's driver afterwards")


@test(on=RESERVED)
def undone_the_host_has_it(context):
    """Undo lets the driver in; what is bound then is not torn away, and is told."""
    uevents = Uevents(context)
    context.sh(f"{PROGRAM} --undo && udevadm settle")
    context.equal(_binds(uevents.until_now(), JOIN_CARD), ["e1000e"], "binds after undoing")
    context.equal((_recorded(context), context.run(f"test -e {RULES}").code), ([], 1),
                  "the record, and whether udev's rules are gone")
    context.undo(f"echo {JOIN_CARD} > /sys/bus/pci/drivers/e1000e/unbind; systemctl restart {UNIT}")
    context.equal(context.run(f"systemctl restart {UNIT}").code, 1, "the unit's start when bound")
    context.equal(places.driver_of(context, JOIN_CARD), "e1000e", "driver after the unit's start")
    journal = context.sh(f"journalctl -b -u {UNIT} -o cat --no-pager -n 20")
    context.ok(re.search(rf"{JOIN_CARD} is reserved by .*e1000e drives it already.*"
                         "update-initramfs", journal), f"the journal says:\n{journal}")
    context.unwind()
    _check_blocked(context, JOIN_CARD)


@test(on=("basic",), any_kernel=True)
def nothing_reserved_nothing_done(context):
    """The unit has run, for there is a policy; and there is nothing of it."""
    context.equal(_unit(context, "ActiveState", "Result"), ["active", "success"], "the unit's state")
    context.equal(context.run(f"ls {RECORD} {RULES}").out, "", "files of reservations")
    overrides = set(context.sh("cat /sys/bus/pci/devices/*/driver_override").split())
    context.equal(overrides, {"(null)"}, "overrides in a machine that reserves nothing")


@test(on=("basic",), kernels=("lab",))
def a_built_in_driver_is_not_touched(context):
    """It is there before any program; the other devices are reserved all the same."""
    context.undo(f"systemctl restart {UNIT}")   # the policy is gone by then: all is let in
    context.write("/etc/isolationd/policy.d/40-reserved.json", json.dumps({"rules": [
        {"match": {"address": address}, "reserve": {"at": "boot"}, "lease": {"users": ["lab"]}}
        for address in (JOIN_CARD, EDU)]}))
    listed = places.listing(context)
    context.equal(context.run(f"systemctl restart {UNIT}").code, 1, "the unit's start")
    context.equal((places.driver_of(context, JOIN_CARD), _override(context, JOIN_CARD)),
                  ("e1000e", "(null)"), "the card's driver and override")
    _check_blocked(context, EDU)
    journal = context.sh(f"journalctl -b -u {UNIT} -o cat --no-pager -n 20")
    context.ok(re.search(rf"{JOIN_CARD} is reserved .*built into the kernel", journal),
               f"the journal says:\n{journal}")
    context.sh("systemctl reload-or-restart isolationd.service")
    for mode in places.modes(context.kernel):
        places.let_go(places.hold_edu(context, mode))
        _check_blocked(context, EDU)
    context.sh(f"{PROGRAM} --undo && udevadm settle")
    context.same_lines(listed, places.listing(context), "the machine after undoing")
