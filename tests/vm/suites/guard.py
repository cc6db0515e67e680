# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guard: what joins a leased group is kept from the host's drivers, however it came.

Port "jb" shares a slot without ACS with port "ja": whatever comes below it is in the group of
ja's card. It comes by PCIe hotplug, by ACPI hotplug (the topology decides which of the two QEMU
uses), and by a rescan of the bus.
"""

import json
import re

from suite import LAB, PROGRAM, ROOT, test
from suites import places
from suites.places import JOIN_CARD, JOINER

HOST_DRIVER = "e1000e"
BLOCK = "isolationd-held"
DENIED, NOT_VIABLE, QUARANTINED = 5, 6, 9  # isoctl's exit codes
# What holds where nothing can be sealed: from 6.19 on the kernel heeds drivers_autoprobe.
UNSEALED = {"lab": "gated", "6.1": "reactive", "6.12": "reactive"}
MARKER = "/devices/virtual/mem/null"


class Uevents:
    """The kernel's own events, from now on."""

    def __init__(self, context):
        self._context = context
        self._stream = context.spawn("exec udevadm monitor --kernel --property")
        # It says so once it listens.
        self._stream.expect("^KERNEL - ")

    def until_now(self):
        """All events so far, as dictionaries.

        Adding a device, its drivers' probing included, is done under the lock that a rescan
        takes: when a rescan returns, whatever was being added is. Then an event of our own marks
        the end of those that came before it.
        """
        self._context.sh("echo 1 > /sys/bus/pci/rescan")
        self._context.sh(f"udevadm trigger --action=change /sys{MARKER}")
        self._stream.expect(f"^DEVPATH={MARKER}$")
        events, event = [], {}
        for line in [*self._stream.lines, ""]:
            key, equals, value = line.partition("=")
            if equals and not line.startswith("KERNEL["):
                event[key] = value
            elif event:
                events.append(event)
                event = {}
        return events


def _watch_signals(context):
    """The bus as it is, seen by root: ready when it says so."""
    stream = context.spawn("exec busctl monitor --json=short --match="
                           "\"type='signal',interface='org.isolationd1.Lease'\" 2>&1")
    stream.expect("Monitoring bus message stream")
    return stream


def _host_binds(uevents):
    """The drivers, but for VFIO's, that the kernel has bound to the joiner so far."""
    return [event["DRIVER"] for event in uevents.until_now()
            if event.get("ACTION") == "bind" and event["DEVPATH"].endswith("/" + JOINER)
            and event["DRIVER"] != "vfio-pci"]


def _override_of(context, address):
    """What stands in driver_override, "" if the device is not there."""
    return context.sh(f"cat /sys/bus/pci/devices/{address}/driver_override 2>/dev/null"
                      " || true").strip()


def _check_held(context, uevents, number):
    """No host driver has, or ever had, the joiner; and everybody is told that it is held."""
    context.equal(_host_binds(uevents), [], "host drivers that were bound to the joiner")
    context.ok(places.driver_of(context, JOINER) in ("", "vfio-pci"),
               f"the joiner's driver is {places.driver_of(context, JOINER)}")
    group = context.json(f"show {JOINER}")["group"]
    states = {each["device"]: each["state"] for each in group["devices"]}
    context.equal(states.get(JOINER), "held", f"the joiner's state, of {states}")
    context.equal(states.get(JOIN_CARD), "leased", f"the card's state, of {states}")
    lease, = context.json("leases")["leases"]
    context.equal((lease["lease"], lease["held"], lease["state"]), (number, [JOINER], "leased"),
                  "the lease and what it holds")
    return group


def _join(context, mode, bring):
    """Lease the card, let `bring` bring the joiner, and see that it is held until release."""
    before = places.driver_of(context, JOIN_CARD)
    context.equal(before, HOST_DRIVER, "the card's driver before the lease")
    signals = _watch_signals(context)
    events = places.watch(context, LAB)
    stream = places.hold(context, JOIN_CARD, mode)
    number = context.json("leases")["leases"][0]["lease"]
    uevents = Uevents(context)
    bring()
    event = places.expect_event(events, "device-joined", device=JOINER)
    context.equal(event["lease"], number, "the lease in device-joined")
    signal = json.loads(signals.expect(lambda line: '"DeviceJoined"' in line))
    context.equal(signal["payload"]["data"][0], JOINER, "the device in DeviceJoined")
    context.ok("in-owner-address-space" in signal["payload"]["data"][1], f"details of {signal}")
    group = _check_held(context, uevents, number)
    context.equal(group["guard"], "owned", "the guard")
    context.equal(_override_of(context, JOINER), BLOCK, "the joiner's override")
    places.let_go(stream)
    # It was given back: the joiner gets its host driver, the first bind there is to see.
    context.equal(_host_binds(uevents), [HOST_DRIVER], "binds of the joiner after release")
    for address in (JOIN_CARD, JOINER):
        context.equal(places.driver_of(context, address), HOST_DRIVER,
                      f"driver of {address} after release")


def _plugged(context, mode):
    """A real hotplug by QEMU, and the unplug at the end."""
    listed = places.listing(context)
    try:
        _join(context, mode, lambda: context.machine.plug("e1000e", "joiner", "jb"))
    finally:
        context.machine.unplug("joiner")
    context.same_lines(listed, places.listing(context), "the machine after plug, join and unplug")


def _hotplug_ports(context):
    """The PCIe port services that pciehp drives."""
    return re.findall(r"\S+:pcie\S+", context.sh("ls /sys/bus/pci_express/drivers/pciehp"))


@test(on=("basic", "amd"))
def pciehp_joiner_is_held(context):
    context.ok(_hotplug_ports(context), "pciehp drives no port: this is no PCIe hotplug")
    for mode in places.modes(context.kernel):
        _plugged(context, mode)


@test(on=("acpi",))
def acpi_joiner_is_held(context):
    context.equal(_hotplug_ports(context), [], "ports that pciehp drives")
    for mode in places.modes(context.kernel):
        _plugged(context, mode)


@test(on=places.JOINABLE)
def rescanned_joiner_is_held(context):
    events = places.watch(context)
    context.machine.plug("e1000e", "joiner", "jb")
    try:
        places.expect_event(events, "device-added", device=JOINER)
        for mode in places.modes(context.kernel):
            context.sh(f"echo 1 > /sys/bus/pci/devices/{JOINER}/remove")
            _join(context, mode, lambda: context.sh("echo 1 > /sys/bus/pci/rescan"))
    finally:
        context.machine.unplug("joiner")


@test(on=("basic",))
def a_joiner_that_leaves_is_lost(context):
    """Plugged in and out again while leased: held, then lost, and nothing of it stays."""
    listed = places.listing(context)
    events = places.watch(context, LAB)
    stream = places.hold(context, JOIN_CARD)
    context.machine.plug("e1000e", "joiner", "jb")
    places.expect_event(events, "device-joined", device=JOINER)
    context.machine.unplug("joiner")
    places.expect_event(events, "device-lost", device=JOINER)
    lease, = context.json("leases")["leases"]
    context.equal(lease["held"], [], "held after it left")
    places.let_go(stream)
    context.same_lines(listed, places.listing(context), f"the machine ({PROGRAM}/listing)")


@test(on=("basic",))
def a_bind_by_hand_is_refused(context):
    """Not even root's own write gives the joiner to a host driver while the group is owned."""
    events = places.watch(context, LAB)
    stream = places.hold(context, JOIN_CARD)
    context.machine.plug("e1000e", "joiner", "jb")
    try:
        places.expect_event(events, "device-joined", device=JOINER)
        context.run(f"echo > /sys/bus/pci/devices/{JOINER}/driver_override; "
                    f"echo {JOINER} > /sys/bus/pci/devices/{JOINER}/driver/unbind; "
                    f"echo {JOINER} > /sys/bus/pci/drivers/{HOST_DRIVER}/bind")
        context.ok(places.driver_of(context, JOINER) != HOST_DRIVER, "the kernel let it bind")
        places.let_go(stream)
    finally:
        context.machine.unplug("joiner")


# -- when the kernel guards no more --

def _lose_the_card(context, events):
    """A lease whose only card is pulled: VFIO drives no member, and the kernel's claim has ended.

    In mode vfio: what a bound cdev holds, the kernel waits for before it lets a card go.
    """
    stream = places.hold(context, JOIN_CARD)
    context.machine.unplug("jacard")
    places.expect_event(events, "device-lost", device=JOIN_CARD)
    return stream


def _group(context, selector="0000:00/02.0"):
    return context.json(f"show {selector}")["group"]


def _await_guard(context, layer, selector="0000:00/02.0"):
    """The group once its guard is that layer."""
    context.machine.await_(lambda: _group(context, selector)["guard"] == layer, 30,
                           lambda: f"guard {layer}, but {_group(context, selector)}")
    group = _group(context, selector)
    context.tell(f"guard {group['guard']}: {group['guard_evidence']}")
    return group


def _await_host_driver(context, address):
    context.machine.await_(lambda: places.driver_of(context, address) == HOST_DRIVER, 60,
                           lambda: f"{HOST_DRIVER} on {address}")


def _await_held(context):
    """The joiner is out of every driver's reach, also if one was quicker."""
    context.machine.await_(lambda: _override_of(context, JOINER) == BLOCK
                           and places.driver_of(context, JOINER) == "", 30,
                           lambda: f"{JOINER} blocked; it has "
                                   f"{places.driver_of(context, JOINER) or 'no driver'}")


def _tell_race(context, uevents, what):
    """Whether a host driver was quicker, and that it was seen and told if so."""
    binds = _host_binds(uevents)
    wanted = "breached" if binds else "leased"
    context.machine.await_(lambda: _group(context)["state"] == wanted, 30,
                           lambda: f"state {wanted} after binds {binds}, but {_group(context)}")
    context.tell(f"{what}: " + ("a host driver was quicker, seen, thrown out and told" if binds
                                else "blocked before any host driver came"))


def _end(context, listed, stream):
    """The joiner gets its driver, the card comes back, and nothing is left of it all."""
    places.let_go(stream)
    _await_host_driver(context, JOINER)
    context.machine.unplug("joiner")
    context.machine.plug("e1000e", "jacard", "ja")
    _await_host_driver(context, JOIN_CARD)
    context.same_lines(listed, places.listing(context), "the machine after all that")


@test(on=("basic",), any_kernel=True)
def a_group_without_its_card_is_sealed(context):
    """What is plugged in then is not seen until release."""
    listed, events = places.listing(context), places.watch(context, LAB)
    slots = _hotplug_ports(context)
    stream = _lose_the_card(context, events)
    _await_guard(context, "sealed")
    gone = sorted(set(slots) - set(_hotplug_ports(context)))
    context.equal([each.rpartition(":")[0] for each in gone], list(places.JOIN_PORTS),
                  "ports that pciehp has let go")
    # A card in a slot that is not sealed comes after it, and it alone.
    context.machine.unplug("lonecard")
    context.machine.plug("e1000e", "joiner", "jb")
    context.machine.plug("e1000e", "lonecard", "lone")
    _await_host_driver(context, places.LONE)
    context.equal(context.sh(f"ls -d /sys/bus/pci/devices/{JOINER} 2>/dev/null || true"), "",
                  "a device below a sealed slot")
    _end(context, listed, stream)


@test(on=("switch",))
def a_switch_without_its_card_is_sealed(context):
    """A switch's upstream port is no slot, nor is a place that takes no cards while it runs."""
    listed, events = places.listing(context), places.watch(context, ROOT)
    slots = _hotplug_ports(context)
    card = next(each["device"] for each in context.json("list")["devices"]
                if each["group"] == "0000:00/06.0" and each["driver"] == HOST_DRIVER)
    members = [each["device"] for each in context.json(f"show {card}")["group"]["devices"]]
    context.tell(f"{card} in a group of {members}")
    stream = places.hold(context, card, uid=ROOT)
    context.machine.unplug("jscard")
    places.expect_event(events, "device-lost", device=card)
    _await_guard(context, "sealed", members[0])
    gone = [each.rpartition(":")[0] for each in sorted(set(slots) - set(_hotplug_ports(context)))]
    context.equal(len(members), 5, "the port, the switch's three and the card")
    context.equal(gone, [members[0], members[2]], "ports that pciehp has let go")
    # A card in a slot that is not sealed comes after it, and it alone.
    context.machine.unplug("down1card")
    context.machine.plug(HOST_DRIVER, "jscard", "jsa")
    context.machine.plug(HOST_DRIVER, "down1card", "down1")
    _await_host_driver(context, "0000:04:00.0")
    context.equal(context.sh(f"ls -d /sys/bus/pci/devices/{card} 2>/dev/null || true"), "",
                  "a device below a sealed slot")
    places.let_go(stream)
    _await_host_driver(context, card)
    context.equal(_hotplug_ports(context), slots, "ports that pciehp serves after release")
    context.same_lines(listed, places.listing(context), "the machine after all that")


@test(on=("switch",))
def a_bridge_that_shpchp_drives_is_named(context):
    """Its driver does DMA for the host: with it in the group nobody can have that."""
    bridge, card = "0000:05:00.0", "0000:06:01.0"
    context.equal(places.driver_of(context, bridge), "shpchp", "the bridge's driver")
    claimable, = (each for each in context.json(f"show {card}")["group"]["strength"]
                  if each["bit"] == "claimable")
    context.equal((claimable["value"], f"Bridge {bridge} is bound to shpchp" in claimable["text"]),
                  ("no", True), f"{claimable}")
    context.refused(f"acquire --with-members {card}", NOT_VIABLE,
                    f"bridge {bridge} is bound to shpchp, .* unbind it")
    context.undo(f"echo {bridge} > /sys/bus/pci/drivers/shpchp/bind")
    context.sh(f"echo {bridge} > /sys/bus/pci/drivers/shpchp/unbind")
    context.isoctl(f"acquire --with-members {card}")
    lease, = context.json("leases")["leases"]
    context.isoctl(f"release {lease['lease']}")


@test(on=("acpi",))
def a_group_without_its_card_is_watched(context):
    """ACPI hotplug cannot be sealed: the gate is shut where the kernel heeds it."""
    listed, events = places.listing(context), places.watch(context, LAB)
    stream = _lose_the_card(context, events)
    evidence = _await_guard(context, UNSEALED[context.kernel])["guard_evidence"]
    for port in places.JOIN_PORTS:
        context.ok(f"{port} is served by ACPI hotplug, which cannot be sealed" in evidence, evidence)
    uevents = Uevents(context)
    context.machine.plug("e1000e", "joiner", "jb")
    places.expect_event(events, "device-joined", device=JOINER)
    _await_held(context)
    _tell_race(context, uevents, "a plug by ACPI")
    _end(context, listed, stream)


@test(on=("basic",))
def a_breach_is_undone_and_told(context):
    """A rescan by hand, which a seal does not stop; then root itself binds a host driver."""
    listed = places.listing(context)
    context.machine.plug("e1000e", "joiner", "jb")
    _await_host_driver(context, JOINER)
    context.sh(f"echo 1 > /sys/bus/pci/devices/{JOINER}/remove")
    events, signals = places.watch(context, LAB), _watch_signals(context)
    stream = _lose_the_card(context, events)
    _await_guard(context, "sealed")
    uevents = Uevents(context)
    context.sh("echo 1 > /sys/bus/pci/rescan")
    places.expect_event(events, "device-joined", device=JOINER)
    _await_held(context)
    _tell_race(context, uevents, "a rescan by hand")

    context.sh(f"echo > /sys/bus/pci/devices/{JOINER}/driver_override; "
               f"echo {JOINER} > /sys/bus/pci/drivers/{HOST_DRIVER}/bind")
    event = places.expect_event(events, "breached", device=JOINER)
    context.equal((event["driver"], event["state"]), (HOST_DRIVER, "breached"), "the event")
    signal = json.loads(signals.expect(lambda line: '"Breached"' in line))
    details = {name: value["data"] for name, value in signal["payload"]["data"][1].items()}
    context.equal(details, {"driver": HOST_DRIVER, "guard": "sealed"}, "details of Breached")
    _await_held(context)
    group = _group(context)
    context.equal(group["state"], "breached", "the group's state")
    context.ok(f"{JOINER} was found bound to {HOST_DRIVER}" in group["guard_evidence"],
               group["guard_evidence"])
    context.ok("is breached" in context.sh("journalctl -u isolationd.service -b --no-pager"),
               "the journal says nothing of it")
    _end(context, listed, stream)


@test(on=("acpi",), only_full=True)
def a_breach_revokes_where_policy_says_so(context):
    """Revoked, the group is given back; in quarantine, nobody gets it until root has released it."""
    listed = places.listing(context)
    for reaction, state in (("revoke", None), ("quarantine", "quarantined")):
        context.write("/etc/isolationd/policy.d/05-breach.json", json.dumps({"rules": [
            {"match": {"path": "0000:00/02.*"}, "lease": {"users": ["lab"]},
             "on_breach": reaction}]}))
        context.sh("systemctl reload-or-restart isolationd.service")
        events = places.watch(context, LAB)
        stream = _lose_the_card(context, events)
        _await_guard(context, UNSEALED[context.kernel])
        context.machine.plug(HOST_DRIVER, "joiner", "jb")
        places.expect_event(events, "device-joined", device=JOINER)
        # Either a host driver was quicker, and that was it, or one is given the joiner by hand.
        context.machine.await_(lambda: _override_of(context, JOINER) == BLOCK
                               or not context.json("leases")["leases"], 30,
                               lambda: f"{JOINER} blocked, or the lease revoked")
        context.run(f"echo > /sys/bus/pci/devices/{JOINER}/driver_override; "
                    f"echo {JOINER} > /sys/bus/pci/drivers/{HOST_DRIVER}/bind")
        if state:
            context.machine.await_(lambda: _group(context)["state"] == state, 30,
                                   lambda: f"{state}, but {_group(context)}")
            context.refused(f"acquire {JOINER}", QUARANTINED, "was found bound to", LAB)
            number = context.json("leases")["leases"][0]["lease"]
            context.refused(f"release {number}", DENIED, "in quarantine until an administrator releases it", LAB)
            context.isoctl(f"release {number}")
        else:
            places.expect_event(events, "lease-removed")
        stream.eof()
        stream.wait()
        context.equal(context.json("leases")["leases"], [], f"leases after {reaction}")
        _await_host_driver(context, JOINER)
        context.machine.unplug("joiner")
        context.machine.plug(HOST_DRIVER, "jacard", "ja")
        _await_host_driver(context, JOIN_CARD)
        context.same_lines(listed, places.listing(context), f"the machine after {reaction}")


@test(on=("basic",), kernels=("6.1",))
def without_a_daemon_udev_blocks(context):
    """A plug while the daemon is stopped: no driver, and no module loaded for it."""
    listed = places.listing(context)
    stream = places.hold(context, JOIN_CARD)
    rules = context.sh("cat /run/udev/rules.d/61-isolationd-lease-*.rules")
    context.ok(all(f"/0000:??:{port[-4:]}/" in rules for port in places.JOIN_PORTS), rules)
    # The bus would start it at the first question.
    context.undo("systemctl unmask --runtime isolationd.service; systemctl start isolationd.service")
    context.sh("systemctl mask --runtime isolationd.service; systemctl stop isolationd.service; "
               f"modprobe -r {HOST_DRIVER}; udevadm control --reload")
    uevents = Uevents(context)
    done = context.spawn("exec udevadm monitor --udev --subsystem-match=pci")
    done.expect("^UDEV - ")
    context.machine.plug(HOST_DRIVER, "joiner", "jb")
    done.expect(rf"add .*/{JOINER} ")   # with all that its rules wanted run
    context.equal(_override_of(context, JOINER), BLOCK, "the joiner's override")
    context.equal(context.sh(f"grep -w ^{HOST_DRIVER} /proc/modules || true"), "",
                  "a module loaded for what is blocked")
    context.sh(f"modprobe {HOST_DRIVER}")
    context.equal(_host_binds(uevents), [], "host drivers that were bound to the joiner")

    context.sh("systemctl unmask --runtime isolationd.service; systemctl start isolationd.service")
    group = _group(context)
    states = {each["device"]: each["state"] for each in group["devices"]}
    context.tell(f"the daemon is back: {states}, guard {group['guard']}")
    stream.eof()
    stream.wait()
    _await_host_driver(context, JOINER)
    _await_host_driver(context, JOIN_CARD)
    context.machine.unplug("joiner")
    context.equal(context.json("leases")["leases"], [], "leases")
    context.same_lines(listed, places.listing(context), "the machine after all that")
    context.equal(context.sh("ls /run/udev/rules.d | grep lease || true"), "", "rules that stay")


@test(on=("sriov",))
def virtual_functions_are_born_driverless(context):
    """Of a function that somebody has, wherever they would be; and as before after that."""
    card = "0000:01:00.0"
    switch = f"/sys/bus/pci/devices/{card}/sriov_drivers_autoprobe"
    context.equal(context.sh(f"cat {switch}").strip(), "1", "the switch before")
    stream = places.hold(context, card, uid=ROOT)
    context.equal(context.sh(f"cat {switch}").strip(), "0", "the switch while it is leased")
    places.let_go(stream)
    context.equal(context.sh(f"cat {switch}").strip(), "1", "the switch after")
