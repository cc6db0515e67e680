# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who joins a leased group: taken by its owner, expelled by an administrator or by policy, and
known again when it comes back; and leases that require a guard.

Places are those of the join slot: "ja" with the card that is leased, "jb" where a joiner comes.
"""

import json
import re

from suite import LAB, ROOT, STRANGER, test
from suites import places
from suites.places import JOIN_CARD, JOIN_PORTS, JOINER

HOST_DRIVER = "e1000e"
GROUP = "0000:00/02.0"
# What holds where nothing can be sealed: from 6.19 on the kernel heeds drivers_autoprobe.
UNSEALED = {"lab": "gated", "6.1": "reactive", "6.12": "reactive"}
EDU_CLIENT = (f"{places.CLIENT} vfio --container {{container}} --group {{group}} "
              f"--device {JOINER}")


def _acquire(context, mode="vfio"):
    """A lease of the card that needs no client; given back whatever happens."""
    number = context.json(f"acquire --mode {mode} {JOIN_CARD}", LAB)["lease"]
    context.undo(f"isoctl release {number} >/dev/null 2>&1 || true")
    return number


def _group(context):
    return context.json(f"show {GROUP}")["group"]


def _lease(context):
    lease, = context.json("leases")["leases"]
    return lease


def _await_guard(context, layer):
    context.machine.await_(lambda: _group(context)["guard"] == layer, 30,
                           lambda: f"guard {layer}, but {_group(context)}")


def _await_driver(context, address, driver=HOST_DRIVER):
    context.machine.await_(lambda: places.driver_of(context, address) == driver, 60,
                           lambda: f"{driver} on {address}, but "
                                   f"{places.driver_of(context, address)!r}")


def _join(context, events, driver=HOST_DRIVER):
    context.machine.plug(driver, "joiner", "jb")
    event = places.expect_event(events, "device-joined", device=JOINER)
    # Linux attaches a newcomer to the owner's address space from 6.12 on.
    context.equal(event["in_owner_address_space"], context.kernel != "6.1",
                  "whether the joiner is in the owner's address space")


def _unplug(context, name, address):
    """Pull a card, and wait until nobody sees it any more."""
    context.machine.unplug(name)
    context.machine.await_(lambda: context.run(f"test -e /sys/bus/pci/devices/{address}").code,
                           30, lambda: f"the end of {address}")


def _release(context, number, listed, joiner=True):
    """Everything has its driver again, and once the joiner is out the machine is as it was."""
    context.isoctl(f"release {number}", LAB)
    _await_driver(context, JOIN_CARD)
    if joiner:
        _await_driver(context, JOINER)
        _unplug(context, "joiner", JOINER)
    context.same_lines(listed, places.listing(context), "the machine after all that")
    context.equal(context.json("leases")["leases"], [], "leases")


def _bind_by_hand(context, address):
    """Whether root can give a joiner to its host driver."""
    context.run(f"echo > /sys/bus/pci/devices/{address}/driver_override; "
                f"echo {address} > /sys/bus/pci/drivers/{HOST_DRIVER}/bind")
    return places.driver_of(context, address) == HOST_DRIVER


# -- taking --

@test(on=("basic",))
def the_owner_takes_a_joiner(context):
    listed = places.listing(context)
    for mode in places.modes(context.kernel):
        events = places.watch(context, LAB)
        number = _acquire(context, mode)
        _join(context, events)
        context.refused(f"take {number} {JOINER}", 5, "belongs to another user", STRANGER)
        context.refused(f"take {number} {JOIN_CARD}", 2, "its owner has it already", LAB)
        context.refused(f"take {number} {JOIN_PORTS[1]}", 2, "bridge", LAB)
        context.refused(f"take {number} {places.EDU}", 3, "does not belong to this lease", LAB)
        answer = context.json(f"take {number} {JOINER}", LAB)
        context.equal((answer["lease"], answer["device"], answer["fds"]),
                      (number, JOINER, [] if mode == "vfio" else [f"device:{JOINER}"]),
                      f"the answer in mode {mode}")
        context.equal(places.driver_of(context, JOINER), "vfio-pci", "the joiner's driver")
        lease = _lease(context)
        context.equal((lease["devices"], lease["held"], lease["guard"]),
                      ([JOIN_CARD, JOINER], [], "owned"), "the lease")
        states = {each["device"]: each["state"] for each in _group(context)["devices"]}
        context.equal(states[JOINER], "leased", "the joiner's state")
        context.refused(f"take {number} {JOINER}", 2, "its owner has it already", LAB)
        _release(context, number, listed)


@test(on=("basic",), any_kernel=True)
def a_taken_joiner_does_dma(context):
    """Through the group's descriptor that the owner has had from the start."""
    listed, events = places.listing(context), places.watch(context, LAB)
    stream = context.spawn(f"exec isoctl run {JOIN_CARD} -- sh -c 'echo holding; read word; "
                           f"exec {EDU_CLIENT}'", LAB)
    stream.expect("^holding$")
    _join(context, events, "edu")
    context.isoctl(f"take {_lease(context)['lease']} {JOINER}", LAB)
    stream.send("go\n")
    stream.expect("roundtrip ok")
    stream.expect("stray ok")
    result = stream.wait()
    context.equal(result.code, 0, f"the client: {result.err}")
    context.equal(places.driver_of(context, JOINER), "", "edu's driver after release")
    _unplug(context, "joiner", JOINER)
    context.same_lines(listed, places.listing(context), "the machine after all that")


@test(on=("basic",), kernels=("lab", "6.1"), any_kernel=True)
def a_taken_joiner_survives_the_daemon(context):
    """Killed after the taking, the next daemon has the joiner still, and gives it back."""
    listed = places.listing(context)
    for mode in places.modes(context.kernel):
        events = places.watch(context, LAB)
        number = _acquire(context, mode)
        _join(context, events)
        context.isoctl(f"take {number} {JOINER}", LAB)
        context.restarts_allowed += 1
        context.sh("systemctl kill --signal=KILL isolationd.service")
        places.expect_event(events, "ready")
        lease = _lease(context)
        context.equal((lease["devices"], lease["held"], lease["guard"], lease["state"]),
                      ([JOIN_CARD, JOINER], [], "owned", "leased"), "the lease after the restart")
        _release(context, number, listed)


@test(on=("basic",), any_kernel=True)
def a_take_that_was_cut_off_is_undone(context):
    """What a daemon leaves that is killed between the journal and the end of the work."""
    listed, events = places.listing(context), places.watch(context, LAB)
    number = _acquire(context)
    _join(context, events)
    device = f"/sys/bus/pci/devices/{JOINER}"
    context.machine.await_(
        lambda: context.sh(f"cat {device}/driver_override").strip() == "isolationd-held", 30,
        lambda: "the joiner blocked")
    record = f"/run/isolationd/leases/{number}.json"
    context.sh(f"echo vfio-pci > {device}/driver_override; "
               f"echo {JOINER} > /sys/bus/pci/drivers_probe; "
               f"sed -i 's/\"taking\":false/\"taking\":true/' {record}")
    context.equal(places.driver_of(context, JOINER), "vfio-pci", "the joiner's driver half-way")
    context.restarts_allowed += 1
    context.sh("systemctl kill --signal=KILL isolationd.service")
    places.expect_event(events, "ready")
    context.machine.await_(
        lambda: context.sh(f"cat {device}/driver_override").strip() == "isolationd-held"
        and places.driver_of(context, JOINER) == "", 30, lambda: "the joiner held again")
    context.equal(_lease(context)["held"], [JOINER], "what is held")
    context.isoctl(f"take {number} {JOINER}", LAB)
    _release(context, number, listed)


# -- expelling --

def _is_there(context, address):
    return context.run(f"test -e /sys/bus/pci/devices/{address}").code == 0


@test(on=("basic",), any_kernel=True)
def an_expelled_joiner_is_back_after_release(context):
    listed, events = places.listing(context), places.watch(context, LAB)
    number = _acquire(context)
    _join(context, events)
    context.refused(f"expel {number} {JOINER}", 5, "requires an administrator", LAB)
    context.refused(f"expel {number} {JOIN_CARD}", 2, "its owner has it already", ROOT)
    context.refused(f"expel {number} {JOIN_PORTS[1]}", 2, "bridge", ROOT)
    answer = context.json(f"expel {number} {JOINER}", ROOT)
    context.equal((answer["lease"], answer["device"]), (number, JOINER), "the answer")
    places.expect_event(events, "device-lost", device=JOINER)
    context.ok(not _is_there(context, JOINER), "the joiner is still on the machine")
    context.equal(_lease(context)["held"], [], "what is held")
    evidence = _group(context)["guard_evidence"]
    context.ok("devices that were expelled come back" in evidence, evidence)
    context.refused(f"take {number} {JOINER}", 3, "", LAB)
    _release(context, number, listed)


def _write_policy(context, **members):
    """A rule for user lab and the join slot, for the time of this test."""
    rule = {"name": "slot", "match": {"path": "0000:00/02.*"}, "lease": {"users": ["lab"]},
            **members}
    context.write("/etc/isolationd/policy.d/05-members.json", json.dumps({"rules": [rule]}))
    context.sh("systemctl reload-or-restart isolationd.service")
    context.equal(context.bus_property("PolicyError"), "", "the policy's error")


@test(on=("basic", "acpi"), any_kernel=True)
def policy_expels_what_joins(context):
    listed = places.listing(context)
    _write_policy(context, on_join="expel")
    events = places.watch(context, LAB)
    number = _acquire(context)
    _join(context, events)
    places.expect_event(events, "device-lost", device=JOINER)
    context.ok(not _is_there(context, JOINER), "the joiner is still on the machine")
    # A rescan by hand brings it in, and it is expelled again.
    context.sh("echo 1 > /sys/bus/pci/rescan")
    places.expect_event(events, "device-joined", device=JOINER)
    places.expect_event(events, "device-lost", device=JOINER)
    context.equal(_lease(context)["state"], "leased", "the lease")
    _release(context, number, listed)


# -- coming back --

def _lose_the_card(context, events):
    number = _acquire(context)
    context.machine.unplug("jacard")
    places.expect_event(events, "device-lost", device=JOIN_CARD)
    return number


def _take_back(context, events, number):
    """The card is back where it was: known, taken, and the kernel guards the group again."""
    event = places.expect_event(events, "device-returned", device=JOIN_CARD)
    context.equal((event["same"], event["difference"], event["state"]), (True, None, "held"),
                  "the event")
    context.equal(_lease(context)["held"], [JOIN_CARD], "what is held")
    evidence = _group(context)["guard_evidence"]
    context.ok(f"{JOIN_CARD} is back, the same as before" in evidence, evidence)
    answer = context.json(f"take {number} {JOIN_CARD}", LAB)
    context.tell(f"taken back with {answer['fds']}")
    _await_guard(context, "owned")
    context.equal(_lease(context)["devices"], [JOIN_CARD], "what is handed out")


@test(on=("acpi",), any_kernel=True)
def a_card_that_comes_back_is_known(context):
    listed, events = places.listing(context), places.watch(context, LAB)
    number = _lose_the_card(context, events)
    # Another one in its place is told apart.
    context.machine.plug("edu", "other", "ja")
    event = places.expect_event(events, "device-returned", device=JOIN_CARD)
    context.equal((event["same"], event["difference"]), (False, "vendor 8086 is 1234 now"),
                  "the event of another card")
    context.machine.unplug("other")
    places.expect_event(events, "device-lost", device=JOIN_CARD)

    context.machine.plug(HOST_DRIVER, "jacard", "ja")
    _take_back(context, events, number)
    # The next daemon has the group's new descriptor from the service manager's store.
    context.restarts_allowed += 1
    context.sh("systemctl kill --signal=KILL isolationd.service")
    places.expect_event(events, "ready")
    lease = _lease(context)
    context.equal((lease["devices"], lease["guard"], lease["state"]),
                  ([JOIN_CARD], "owned", "leased"), "the lease after the restart")
    # Owned is what the kernel says, not what we hope: it refuses root's own bind.
    _join(context, events)
    context.ok(not _bind_by_hand(context, JOINER), "the kernel lets a host driver in")
    context.sh(f"echo {JOINER} > /sys/bus/pci/devices/{JOINER}/driver/unbind 2>/dev/null || true")
    _release(context, number, listed)


@test(on=("basic",), any_kernel=True)
def a_card_that_is_found_again_opens_the_slots(context):
    """Taken off by hand, it leaves a sealed group; found again and taken, the kernel guards anew."""
    listed, events = places.listing(context), places.watch(context, LAB)
    slots = context.sh("ls /sys/bus/pci_express/drivers/pciehp")
    number = _acquire(context)
    context.sh(f"echo 1 > /sys/bus/pci/devices/{JOIN_CARD}/remove")
    places.expect_event(events, "device-lost", device=JOIN_CARD)
    _await_guard(context, "sealed")
    evidence = _group(context)["guard_evidence"]
    context.ok("does not see a card that is plugged in before the lease ends" in evidence, evidence)
    context.sh("echo 1 > /sys/bus/pci/rescan")
    _take_back(context, events, number)
    context.machine.await_(
        lambda: context.sh("ls /sys/bus/pci_express/drivers/pciehp") == slots, 30,
        lambda: "all slots with pciehp again")
    _join(context, events)
    context.ok(not _bind_by_hand(context, JOINER), "the kernel lets a host driver in")
    _release(context, number, listed)


# -- requiring --

@test(on=("basic", "acpi"), any_kernel=True)
def a_weaker_guard_is_told(context):
    """What is required is had at first; the card is pulled, and it is not any more."""
    listed = places.listing(context)
    weaker = "sealed" if context.topology == "basic" else UNSEALED[context.kernel]
    _write_policy(context, require={"guard": "owned"})
    events = places.watch(context, LAB)
    number = _lose_the_card(context, events)
    context.equal(_lease(context)["required_guard"], "owned", "what is required")
    event = places.expect_event(events, "guard-weakened", lease=number)
    context.equal((event["guard"], event["required_guard"]), (weaker, "owned"), "the event")
    group = _group(context)
    context.ok("weaker than required: owned" in group["guard_evidence"], group["guard_evidence"])
    context.ok("weaker than required" in
               context.sh("journalctl -u isolationd.service -b --no-pager"),
               "the journal says nothing of it")
    context.isoctl(f"release {number}", LAB)
    context.machine.plug(HOST_DRIVER, "jacard", "ja")
    _await_driver(context, JOIN_CARD)
    context.same_lines(listed, places.listing(context), "the machine after all that")


@test(on=("acpi",), any_kernel=True)
def a_weaker_guard_revokes_where_policy_says_so(context):
    listed = places.listing(context)
    _write_policy(context, require={"guard": "sealed"}, on_weaker="revoke")
    events = places.watch(context, LAB)
    number = _lose_the_card(context, events)
    places.expect_event(events, "guard-weakened", lease=number)
    places.expect_event(events, "lease-removed", lease=number)
    context.machine.plug(HOST_DRIVER, "jacard", "ja")
    _await_driver(context, JOIN_CARD)
    context.same_lines(listed, places.listing(context), "the machine after all that")


@test(on=("basic", "acpi"), kernels=("lab",))
def less_than_owned_may_be_what_is_required(context):
    """On the way from owned to sealed or gated nobody is told that the guard is too weak."""
    layer = "sealed" if context.topology == "basic" else UNSEALED[context.kernel]
    _write_policy(context, require={"guard": layer}, on_weaker="quarantine")
    events = places.watch(context, LAB)
    number = _lose_the_card(context, events)
    _await_guard(context, layer)
    context.equal(_lease(context)["state"], "leased", "the lease")
    context.isoctl(f"release {number}", LAB)
    context.machine.plug(HOST_DRIVER, "jacard", "ja")
    _await_driver(context, JOIN_CARD)
    told = [line for line in events.lines if re.search("guard-weakened", line)]
    context.equal(told, [], "what was told")
