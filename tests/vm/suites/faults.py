# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults of the IOMMU: told to whom they concern, counted, and what follows too many."""

import json
import re

from suite import LAB, test
from suites import places
from suites.places import EDU

DENIED, QUARANTINED = 5, 9


@test(on=("basic",))
def are_told_and_counted(context):
    """One stray write of the client's device: an event, a count, a line in `show`."""
    events = places.watch(context, LAB)
    stream = places.hold_edu(context)
    event = places.expect_event(events, "fault", device=EDU)
    context.equal((event["access"], event["address"]), ("write", 0x800000), "the fault")
    lease, = context.json("leases")["leases"]
    context.equal(lease["lease"], event["lease"], "whose fault it is")
    context.ok(lease["faults"] and lease["faults"][0]["device"] == EDU
               and lease["faults"][0]["count"] >= 1, f"faults of the lease: {lease['faults']}")
    context.ok(re.search(rf"{EDU} caused IOMMU faults: the kernel reported \d+", context.isoctl(f"show {EDU}").out),
               "show does not tell of faults")
    context.ok(f"{EDU} made the IOMMU fault (write at 0x800000)"
               in context.sh("journalctl -u isolationd.service -b --no-pager"),
               "the journal does not tell of the fault")
    places.let_go(stream)


@test(on=("basic",), any_kernel=True)
def a_storm_ends_a_lease_where_policy_says_so(context):
    """In quarantine nobody gets the group before somebody has looked; repair puts it back."""
    context.write("/etc/isolationd/policy.d/05-storm.json", json.dumps({"rules": [
        {"match": {"address": EDU}, "lease": {"users": ["lab"]},
         "fault_storm": 1, "on_fault_storm": "quarantine"}]}))
    context.sh("systemctl reload-or-restart isolationd.service")
    stream = context.spawn(f"exec isoctl run {EDU} -- "
                           f"sh -c '{places.CLIENT_VFIO} --hold; echo it ended; cat'", LAB)
    context.machine.await_(
        lambda: context.json(f"show {EDU}")["group"]["state"] == "quarantined", 30,
        lambda: f"quarantined, but {context.json(f'show {EDU}')['group']}")
    context.refused(f"acquire {EDU}", QUARANTINED, "faults of the IOMMU", LAB)
    stream.expect("^it ended$")     # its device reaches no memory any more
    context.ok(any("what came back is not what was sent" in line for line in stream.errors),
               f"the client's transfers went on: {stream.told}")
    stream.eof()
    context.equal(stream.wait().code, DENIED, "the code of an owner who gives it back")
    context.ok(any("in quarantine until an administrator releases it" in line for line in stream.errors),
               f"isoctl run does not say that it could not give it back: {stream.errors}")
    context.equal(context.json(f"show {EDU}")["group"]["state"], "quarantined",
                  "the group when its owner has gone")
    told = context.isoctl("repair --dry-run", code=QUARANTINED).out
    context.ok("faults of the IOMMU" in told and "would be put back" in told, f"dry run: {told}")
    context.equal(context.json("repair")["left"], 0, "what is left")
    context.equal(context.json("leases")["leases"], [], "leases after repair")
    context.isoctl(f"run {EDU} -- true", LAB)
