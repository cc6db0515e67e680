# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holders: the processes that have a lease open are known by name, also when the kernel waits."""

import re

from suite import LAB, ROOT, STRANGER, test
from suites import places
from suites.places import EDU

POLICY = "/etc/isolationd/policy.d/10-one-process.json"


def _holders(context, what="", uid=ROOT):
    return context.json(f"holders {what}".strip(), uid)["holders"]


@test(on=("basic",))
def who_has_a_lease_open(context):
    context.equal(_holders(context), [], "holders while nothing is leased")
    for mode in places.modes(context.kernel):
        stream = places.hold_edu(context, mode)
        lease, = context.json("leases")["leases"]
        for what in ("", EDU, str(lease["lease"])):
            holder, = _holders(context, what)
            context.equal({key: holder[key] for key in ("comm", "uid", "lease", "certain")},
                          {"comm": "dma-client", "uid": LAB, "lease": lease["lease"],
                           "certain": True}, f"the holder of {what or 'all leases'} ({mode})")
            context.ok(context.sh(f"cat /proc/{holder['pid']}/comm").strip() == "dma-client",
                       f"the pid of {holder}")
            context.ok(re.search(r"\.(service|scope)$", holder["unit"] or ""),
                       f"the unit of {holder}")
        context.equal(_holders(context, EDU, LAB), _holders(context, EDU), "what its owner is told")
        context.refused(f"holders {EDU}", 5, "see-holders", STRANGER)
        places.let_go(stream)


@test(on=("basic",), any_kernel=True)
def a_group_that_nobody_leased(context):
    """Somebody uses VFIO by hand: isolationd has nothing to do with it, and names them."""
    device = f"/sys/bus/pci/devices/{EDU}"
    context.sh("modprobe -q vfio-pci || true")      # the lab's own kernel has it built in
    context.undo(f"echo {EDU} > {device}/driver/unbind || true; echo > {device}/driver_override")
    context.sh(f"echo vfio-pci > {device}/driver_override; echo {EDU} > /sys/bus/pci/drivers_probe")
    group = context.sh(f"basename $(readlink {device}/iommu_group)").strip()
    stream = context.spawn(f"exec 3<>/dev/vfio/{group}; echo open; exec cat")
    stream.expect("^open$")
    holder, = _holders(context, EDU)
    context.equal((holder["comm"], holder["lease"], holder["uid"]), ("cat", None, ROOT),
                  "the holder of a group without a lease")
    stream.eof()
    stream.wait()
    context.equal(_holders(context, EDU), [], "holders once it is closed")


@test(on=("basic",), any_kernel=True)
def who_is_waited_for(context):
    """The lease is taken back while a client has it open: draining, with the client's name."""
    before = places.listing(context)
    for mode in places.modes(context.kernel):
        events = places.watch(context)
        stream = places.idle_edu(context, mode)
        lease, = context.json("leases")["leases"]
        words = context.refused(f"release {lease['lease']}", 7, r"waits for .*\d+ dma-client")
        context.tell(f"{mode}: {words.strip()}")
        now, = context.json("leases")["leases"]
        context.equal(now["state"], "draining", "the state while the kernel waits")
        context.ok(re.search(r"\d+ dma-client \(\S+\)", now["trouble"]), f"trouble: {now}")
        context.ok("Trouble: " in context.isoctl(f"show {EDU}").out, "show tells no trouble")
        context.equal([each["comm"] for each in _holders(context)], ["dma-client"],
                      "holders while it drains")
        context.refused(f"acquire {EDU}", 4, "draining|given back|leased")
        stream.eof()
        places.expect_event(events, "lease-removed")
        context.same_lines(before, places.listing(context), f"the machine after it ({mode})")


@test(on=("basic",), any_kernel=True)
def a_second_process_is_told_of(context):
    context.write(POLICY, """{ "rules": [
        { "name": "one", "match": { "vendor": "1234" },
          "lease": { "users": ["lab"], "exclusive_process": true } } ] }""")
    context.isoctl("list")
    context.sh("systemctl reload isolationd.service")
    events = places.watch(context, LAB)
    stream = context.spawn(f"exec isoctl run {EDU} -- sh -c "
                           "'echo holding; read go; sleep 1000 & echo two; cat; kill $!' "
                           "x {group}", LAB)
    stream.expect("^holding$")
    context.equal(len(_holders(context, EDU)), 1, "holders at first: isoctl itself is none")
    stream.send("go\n")
    stream.expect("^two$")
    event = places.expect_event(events, "second-holder")
    context.ok(event["comm"] in ("sleep", "cat", "sh"), f"the second holder: {event}")
    context.equal([each["state"] for each in context.json("leases")["leases"]], ["leased"],
                  "the lease goes on")
    stream.eof()
    stream.wait()
