# SPDX-License-Identifier: LGPL-2.1-or-later
"""Giving back: reset by what and whom, bus mastering off, power management as it was."""

import re

from suite import LAB, ROOT, STRANGER, test
from suites import places
from suites.places import EDU, JOIN_CARD, LONE

PCI = "/sys/bus/pci/devices"
MASTER = 4      # of the Command register


def _command(context, address):
    """The Command register, as the device answers."""
    return int(context.sh(f"od -An -tu2 -j4 -N2 {PCI}/{address}/config"))


def _methods(context, address):
    return context.sh(f"cat {PCI}/{address}/reset_method 2>/dev/null || true").split()


@test(on=("basic",))
def a_release_resets_what_can_be_reset(context):
    for selector in (EDU, JOIN_CARD, LONE):
        for mode in places.modes(context.kernel):
            before = places.listing(context)
            methods = _methods(context, selector)
            number = context.json(f"acquire --mode {mode} {selector}", ROOT)["lease"]
            resets = context.json(f"release {number}", ROOT)["resets"]
            context.tell(f"{selector} ({' '.join(methods) or 'no method'}): {resets}")
            how = {each["device"]: each["how"] for each in resets}[selector]
            if methods:
                context.ok(how in methods, f"{selector} was reset by {how}, of {methods}")
            else:
                context.equal(how, "not reset: the kernel knows no way", f"reset of {selector}")
            context.same_lines(before, places.listing(context), f"the machine ({selector}, {mode})")


@test(on=("basic",))
def no_bus_mastering_is_left_on(context):
    """The client switches bus mastering on and dies; edu stays without a driver."""
    context.equal(places.driver_of(context, EDU), "", "edu's driver")
    events = places.watch(context)
    for mode in places.modes(context.kernel):
        # Nobody opens the device: VFIO, which switches it off at the last close, does not here.
        context.sh(f"printf '\\004' | "
                   f"dd of={PCI}/{EDU}/config bs=1 seek=4 conv=notrunc status=none")
        context.ok(_command(context, EDU) & MASTER, "bus mastering could not be switched on")
        number = context.json(f"acquire {EDU}", ROOT)["lease"]
        places.expect_event(events, "lease-added")
        context.isoctl(f"release {number}")
        places.expect_event(events, "lease-removed")
        context.ok(not _command(context, EDU) & MASTER, "bus mastering after a lease unused")
        stream = places.hold_edu(context, mode)
        stream.kill(9)
        stream.wait()
        places.expect_event(events, "lease-removed")
        context.ok(not _command(context, EDU) & MASTER,
                   f"bus mastering after it: Command is {_command(context, EDU):#06x} ({mode})")


@test(on=("basic",))
def power_management_is_as_before(context):
    """vfio-pci changes power/control when it comes and when it goes; and d3cold_allowed stays."""
    for power, cold in (("auto", "0"), ("on", "1")):
        context.sh(f"echo {power} > {PCI}/{JOIN_CARD}/power/control")
        context.undo(f"echo on > {PCI}/{JOIN_CARD}/power/control")
        context.sh(f"echo {cold} > {PCI}/{JOIN_CARD}/d3cold_allowed")
        context.undo(f"echo 1 > {PCI}/{JOIN_CARD}/d3cold_allowed")
        number = context.json(f"acquire {JOIN_CARD}", ROOT)["lease"]
        context.sh(f"echo {1 - int(cold)} > {PCI}/{JOIN_CARD}/d3cold_allowed")
        context.isoctl(f"release {number}")
        context.equal(context.sh(f"cat {PCI}/{JOIN_CARD}/power/control "
                                 f"{PCI}/{JOIN_CARD}/d3cold_allowed").split(), [power, cold],
                      "power/control and d3cold_allowed after release")


@test(on=("basic",))
def a_reset_that_is_asked_for(context):
    stream = places.hold(context, JOIN_CARD)
    resets = context.json(f"reset {JOIN_CARD}", LAB)["resets"]
    context.tell(f"{resets}")
    context.ok(resets[0]["how"] in _methods(context, JOIN_CARD), f"the reset: {resets}")
    context.refused(f"reset {JOIN_CARD}", 5, "reset-device", STRANGER)
    context.ok("reset: " in context.isoctl(f"reset {JOIN_CARD}", LAB).out, "words for people")
    places.let_go(stream)
    context.refused(f"reset {JOIN_CARD}", 5, "reset-device", LAB)
    context.refused(f"reset {JOIN_CARD}", 4, "bound to e1000e", ROOT)
    context.refused("reset 00:02.0", 2, "bridge", ROOT)
    context.isoctl(f"reset {EDU}", ROOT, code=0 if _methods(context, EDU) else 1)


@test(on=("basic",), any_kernel=True)
def the_journal_tells_of_resets(context):
    number = context.json(f"acquire {JOIN_CARD}", ROOT)["lease"]
    context.isoctl(f"release {number}")
    log = context.sh("journalctl -u isolationd.service -o cat --no-pager")
    context.ok(re.search(rf"lease {number}: {JOIN_CARD} reset: \w+", log), "no word of the reset")
