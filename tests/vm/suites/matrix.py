# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many adds on every way in, past every layer of the guard: how often did a host driver come?

A host driver that comes shows twice: in the kernel's `bind` events, and in what its probe writes
to the kernel log. Both are counted over all adds, not only looked at in the end. One line for
each way in and state of the daemon.
"""

import json
import re

from suite import LAB, test
from suites import guard, places
from suites.guard import HOST_DRIVER, UNSEALED
from suites.places import JOIN_CARD, JOINER

DEVICE = f"/sys/bus/pci/devices/{JOINER}"
AGAIN = f"echo 1 > {DEVICE}/remove; echo 1 > /sys/bus/pci/rescan"
UNBLOCK = f"echo > {DEVICE}/driver_override"
# e1000e says so once in each probe.
PROBE_LINE = f"{HOST_DRIVER} {JOINER}: Interrupt Throttling Rate"
UP, STOPPED, KILLED = "up", "stopped", "killed meanwhile"


class Count:
    """What the kernel does to the joiner from now on."""

    def __init__(self, context, layer):
        self._context, self._layer = context, layer
        self._uevents = guard.Uevents(context)
        self._binds, self._lines, self._adds = 0, self._log(), 0

    def _log(self):
        return int(self._context.sh(f"dmesg | grep -c '{PROBE_LINE}' || true"))

    def _seen(self):
        """The events of the joiner since the beginning: adds, and binds to a host driver."""
        events = [event for event in self._uevents.until_now()
                  if event.get("DEVPATH", "").endswith("/" + JOINER)]
        return (sum(event["ACTION"] == "add" for event in events),
                sum(event["ACTION"] == "bind" and event["DRIVER"] != "vfio-pci"
                    for event in events))

    def row(self, way, daemon, tries=None):
        """Tells what one way in came to; `tries` where the kernel adds nothing. Returns probes."""
        adds, binds = self._seen()
        lines = self._log()
        new, probes = adds - self._adds, max(binds - self._binds, lines - self._lines)
        self._adds, self._binds, self._lines = adds, binds, lines
        self._context.tell(f"| {self._context.kernel:4} | {self._layer:8} | {way:30} | "
                           f"{daemon:16} | {tries if tries is not None else new:4} | {probes:6} |")
        return probes, new if tries is None else tries


def _rescan(context, times):
    context.sh(f"for i in $(seq {times}); do {AGAIN}; done")


def _kill_meanwhile(context, times):
    """The daemon dies at some moment between the first add and the last."""
    stream = context.spawn(f"echo begun; for i in $(seq {times}); do {AGAIN}; done; echo done")
    stream.expect("^begun$")
    context.sh("systemctl kill --signal=KILL --kill-who=main isolationd.service")
    stream.expect("^done$")
    stream.wait()
    context.restarts_allowed += 1
    context.machine.await_(lambda: context.run("isoctl leases --json").code == 0, 30,
                           lambda: "the daemon's return")


def _stop(context):
    context.undo("systemctl unmask --runtime isolationd.service; "
                 "systemctl start isolationd.service")
    context.sh("systemctl mask --runtime isolationd.service; systemctl stop isolationd.service")


def _start(context):
    context.sh("systemctl unmask --runtime isolationd.service; "
               "systemctl start isolationd.service")


def _by_hand(context, times, what):
    """What root itself may try, on a joiner whose override is gone."""
    context.run(f"for i in $(seq {times}); do {AGAIN}; {UNBLOCK}; {what} 2>/dev/null; done; true")


WAYS_BY_HAND = {
    "drivers_probe by hand": f"echo {JOINER} > /sys/bus/pci/drivers_probe",
    "bind by hand": f"echo {JOINER} > /sys/bus/pci/drivers/{HOST_DRIVER}/bind",
}


@test(on=("basic",))
def owned_lets_nobody_in(context):
    """While the kernel guards, no way in leads to a host driver."""
    for mode in places.modes(context.kernel):
        _owned(context, mode)


def _owned(context, mode):
    listed, events = places.listing(context), places.watch(context, LAB)
    stream = places.hold(context, JOIN_CARD, mode)
    context.machine.plug(HOST_DRIVER, "joiner", "jb")
    places.expect_event(events, "device-joined", device=JOINER)
    count, probes, adds = Count(context, "owned"), [], []

    def row(*what):
        for total, value in zip((probes, adds), count.row(*what)):
            total.append(value)

    _rescan(context, 20)
    row(f"rescan, {mode}", UP)
    for way, what in WAYS_BY_HAND.items():
        _by_hand(context, 5, what)
        row(f"{way}, {mode}", UP)
    _kill_meanwhile(context, 15)
    row(f"rescan, {mode}", KILLED)
    if context.kernel != "lab":      # its drivers are built in
        context.sh(f"for i in 1 2 3; do modprobe -r {HOST_DRIVER}; {AGAIN}; {UNBLOCK}; "
                   f"modprobe {HOST_DRIVER}; done")
        row(f"module load after it, {mode}", UP)
    _stop(context)
    _rescan(context, 10)
    row(f"rescan, {mode}", STOPPED)
    context.equal(sum(probes), 0, f"probes of a host driver in {sum(adds)} adds")
    context.ok(sum(adds) >= 50, f"only {sum(adds)} adds")
    _start(context)
    stream.eof()
    stream.wait()
    _settle(context, listed)


def _settle(context, listed):
    """Both cards have their drivers, the joiner goes, and nothing is left."""
    context.machine.await_(lambda: not context.json("leases")["leases"], 30, lambda: "no lease")
    for address in (JOINER, JOIN_CARD):
        context.machine.await_(lambda each=address: places.driver_of(context, each) == HOST_DRIVER,
                               60, lambda each=address: f"{HOST_DRIVER} on {each}")
    context.machine.unplug("joiner")
    context.same_lines(listed, places.listing(context), "the machine after all that")


def _give_up(context, listed, stream):
    """The end of a lease whose card had been pulled."""
    stream.eof()
    stream.wait()
    context.machine.plug(HOST_DRIVER, "jacard", "ja")
    _settle(context, listed)


@test(on=("basic",))
def sealed_lets_nothing_in(context):
    """What is plugged into a sealed slot is not there, for a rescan neither."""
    listed, events = places.listing(context), places.watch(context, LAB)
    stream = guard._lose_the_card(context, events)
    guard._await_guard(context, "sealed")
    count, tries = Count(context, "sealed"), 70
    for _ in range(tries):
        context.machine.plug(HOST_DRIVER, "joiner", "jb")
        context.sh("echo 1 > /sys/bus/pci/rescan")
        context.machine.unplug("joiner")
    context.equal(count.row("PCIe hotplug, rescan", UP, tries), (0, tries), "probes")
    _stop(context)
    for _ in range(10):
        context.machine.plug(HOST_DRIVER, "joiner", "jb")
        context.sh("echo 1 > /sys/bus/pci/rescan")
        context.machine.unplug("joiner")
    context.equal(count.row("PCIe hotplug, rescan", STOPPED, 10), (0, 10), "probes")
    context.machine.plug(HOST_DRIVER, "joiner", "jb")
    _start(context)
    _give_up(context, listed, stream)


@test(on=("acpi",), kernels=("lab",))
def gated_lets_nobody_in(context):
    """Where nothing can be sealed the kernel binds nothing by itself, and others are let in."""
    listed, events = places.listing(context), places.watch(context, LAB)
    stream = guard._lose_the_card(context, events)
    guard._await_guard(context, "gated")
    context.machine.plug(HOST_DRIVER, "joiner", "jb")
    places.expect_event(events, "device-joined", device=JOINER)
    guard._await_held(context)
    count, probes = Count(context, "gated"), []

    _rescan(context, 120)
    probes.append(count.row("rescan", UP))
    for _ in range(10):
        context.machine.unplug("joiner")
        context.machine.plug(HOST_DRIVER, "joiner", "jb")
        context.machine.await_(lambda: guard._override_of(context, JOINER) == guard.BLOCK, 30,
                               lambda: "a blocked joiner")
    probes.append(count.row("ACPI hotplug", UP))
    _kill_meanwhile(context, 40)
    probes.append(count.row("rescan", KILLED))
    context.machine.await_(lambda: guard._group(context)["guard"] == "gated", 30,
                           lambda: f"gated, but {guard._group(context)}")
    _stop(context)
    _rescan(context, 40)
    probes.append(count.row("rescan", STOPPED))
    # One that is nobody's comes while no daemon is there: udev lets it in.
    context.sh(f"echo 1 > /sys/bus/pci/devices/{places.LONE}/remove; echo 1 > /sys/bus/pci/rescan")
    context.machine.await_(lambda: places.driver_of(context, places.LONE) == HOST_DRIVER, 30,
                           lambda: "a driver for the card that is nobody's")
    context.note(context.sh("journalctl -u isolationd.service -b --no-pager -o short-monotonic"))
    context.equal(sum(each[0] for each in probes), 0, "probes of a host driver")
    context.ok(sum(each[1] for each in probes) >= 200, f"only {probes} adds")
    _start(context)
    _give_up(context, listed, stream)
    context.equal(context.sh("cat /sys/bus/pci/drivers_autoprobe").strip(), "1", "the gate")
    context.equal(context.sh("ls /run/udev/rules.d | grep gate || true"), "", "rules that stay")


@test(on=("acpi",), kernels=("6.1", "6.12"))
def reactive_undoes_what_it_loses(context):
    """Where there is only the race: each one that is lost is seen, undone and told."""
    listed, events = places.listing(context), places.watch(context, LAB)
    stream = guard._lose_the_card(context, events)
    guard._await_guard(context, UNSEALED[context.kernel])
    context.machine.plug(HOST_DRIVER, "joiner", "jb")
    places.expect_event(events, "device-joined", device=JOINER)
    guard._await_held(context)
    signals = guard._watch_signals(context)
    count = Count(context, "reactive")
    for _ in range(40):
        context.sh(AGAIN)
        guard._await_held(context)
    lost, adds = count.row("rescan", UP)
    told = [json.loads(line) for line in signals.lines if '"Breached"' in line]
    context.equal(len(told), lost, f"breaches told, of {adds} adds")
    journal = context.sh("journalctl -u isolationd.service -b --no-pager -o cat")
    times = sorted(int(each) for each in re.findall(
        rf"{JOINER} came and was blocked after (\d+) us", journal))
    context.tell(f"{lost} of {adds} races lost; override written after "
                 f"{times[len(times) // 2]} us (p50), {times[-1]} us (most) of {len(times)}")
    _give_up(context, listed, stream)
