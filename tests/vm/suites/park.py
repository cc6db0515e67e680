# SPDX-License-Identifier: LGPL-2.1-or-later
"""Parking: a reserved group is owned while nobody has it, and is had as if it were free."""

import json
import re

from suite import LAB, test
from suites import guard, places
from suites.guard import HOST_DRIVER
from suites.places import JOIN_CARD, JOINER

GROUP = "0000:00/02.0"
POLICY = "/etc/isolationd/policy.d/05-park.json"
RULE = {"match": {"path": "0000:00/02.0/00.*"}, "lease": {"users": ["lab"]},
        "reserve": {"at": "boot", "park": True}}
RELOAD = "systemctl reload-or-restart isolationd.service"
RESERVE = "/usr/libexec/isolationd-reserve"


def _await_group(context, state):
    context.machine.await_(lambda: guard._group(context)["state"] == state, 60,
                           lambda: f"group {state}, but {guard._group(context)['state']}")
    return guard._group(context)


def _park(context):
    """The card reserved, by hand as a boot does it, and parked by the policy."""
    # What a host driver has is the host's; and a daemon would park it as soon as the file is there.
    context.sh("isoctl list >/dev/null; systemctl stop isolationd.service; "
               f"echo {JOIN_CARD} > /sys/bus/pci/devices/{JOIN_CARD}/driver/unbind")
    context.undo(f"{RESERVE} --undo")
    context.undo(RELOAD)
    context.write(POLICY, json.dumps({"rules": [RULE]}))
    context.sh(f"{RESERVE}; {RELOAD}")
    return _await_group(context, "parked")


def _lease(context):
    lease, = context.json("leases")["leases"]
    return lease


@test(on=("basic",), any_kernel=True)
def a_reserved_group_is_owned_between_leases(context):
    listed = places.listing(context)
    group = _park(context)
    context.equal(group["guard"], "owned", "the guard of a parked group")
    context.equal((_lease(context)["unit"], _lease(context)["uid"]), ("isolationd.service", 0),
                  "who has it")
    context.machine.plug(HOST_DRIVER, "joiner", "jb")
    events = places.watch(context, LAB)
    context.machine.await_(lambda: guard._override_of(context, JOINER) == guard.BLOCK, 60,
                           lambda: "a joiner that is held")
    context.run(f"echo > /sys/bus/pci/devices/{JOINER}/driver_override; "
                f"echo {JOINER} > /sys/bus/pci/drivers/{HOST_DRIVER}/bind")
    context.equal(places.driver_of(context, JOINER), "", "a host driver in a parked group")
    context.machine.unplug("joiner")
    places.expect_event(events, "device-lost", device=JOINER)

    # Had by whom the policy names, and parked again after that.
    number = _lease(context)["lease"]
    steps = context.json(f"plan {JOIN_CARD}", LAB)["steps"]
    context.equal(steps[0], f"give lease {number} back, in which isolationd keeps {GROUP}",
                  f"the first step of the plan: {steps}")
    stream = places.hold(context, JOIN_CARD)
    lease = _lease(context)
    context.ok(lease["lease"] != number and lease["state"] == "leased", f"{lease}")
    context.refused(f"acquire {JOIN_CARD}", 4, rf"lease {lease['lease']} of uid 1000")
    places.let_go(stream)
    _await_group(context, "parked")

    # It outlives the daemon, and goes with the policy.
    number = _lease(context)["lease"]
    context.sh("systemctl restart isolationd.service")
    context.equal((_lease(context)["lease"], _lease(context)["state"]), (number, "parked"),
                  "the lease after a restart")
    context.sh(f"rm {POLICY}; {RELOAD}")
    _await_group(context, "free")
    context.equal((guard._override_of(context, JOIN_CARD), places.driver_of(context, JOIN_CARD)),
                  ("isolationd-block", ""), "the card is reserved as before")
    context.sh(f"{RESERVE} --undo")
    guard._await_host_driver(context, JOIN_CARD)
    context.same_lines(listed, places.listing(context), "the machine after all that")


@test(on=("basic",))
def what_cannot_be_parked_is_told_once(context):
    """A driver that root has put back is not thrown out for parking."""
    _park(context)
    context.sh(f"rm {POLICY}; {RELOAD}")
    _await_group(context, "free")
    context.refused("unreserve", 5, "only root may change what is reserved", LAB)
    context.equal(guard._override_of(context, JOIN_CARD), "isolationd-block",
                  "the card after a stranger's attempt")
    context.sh("isoctl unreserve")
    guard._await_host_driver(context, JOIN_CARD)
    context.write(POLICY, json.dumps({"rules": [RULE]}))
    context.sh(RELOAD)
    context.equal(guard._group(context)["state"], "free", "a group whose card the host uses")
    context.equal(places.driver_of(context, JOIN_CARD), HOST_DRIVER, "the card's driver")
    journal = context.sh("journalctl -u isolationd.service -b --no-pager -o cat")
    context.equal(re.findall(r"could not be parked", journal), [], "attempts that failed")
