# SPDX-License-Identifier: LGPL-2.1-or-later
"""Taking a lease away, and what hangs: the owner's grace, holders killed, a daemon that answers."""

import re
import time

from suite import LAB, ROOT, STRANGER, test
from suites import places
from suites.places import EDU, LONE


def _lease(context):
    lease, = context.json("leases")["leases"]
    return lease


@test(on=("basic",), any_kernel=True)
def the_owner_is_told_and_has_a_grace(context):
    before = places.listing(context)
    events = places.watch(context, LAB)
    stream = places.hold(context, EDU)
    context.refused(f"revoke {EDU}", 5, "revoke-other", STRANGER)
    revoker = context.spawn(f"exec isoctl revoke --grace=600 {EDU}")
    event = places.expect_event(events, "revoked")
    context.equal((event["grace_seconds"], event["kill"]), (600, False), "what the owner is told")
    context.equal(_lease(context)["state"], "revoking", "the state in the grace")
    places.let_go(stream)       # long before its end
    context.equal(revoker.wait().code, 0, "the revoke's code")
    context.equal(context.json("leases")["leases"], [], "leases afterwards")
    context.same_lines(before, places.listing(context), "the machine")


@test(on=("basic",), any_kernel=True)
def a_persistent_lease_without_an_owner(context):
    context.isoctl(f"acquire {EDU}", LAB)
    begin = time.monotonic()
    context.isoctl(f"revoke --grace=2 {EDU}")
    context.ok(time.monotonic() - begin > 2, "the grace was cut short")
    context.equal(context.json("leases")["leases"], [], "leases afterwards")


@test(on=("basic",), any_kernel=True)
def a_grace_outlives_the_daemon(context):
    events = places.watch(context, LAB)
    context.isoctl(f"acquire {EDU}", LAB)
    revoker = context.spawn(f"exec isoctl revoke --grace=8 {EDU}")
    places.expect_event(events, "revoked")
    context.sh("systemctl restart isolationd.service")
    revoker.wait()
    state = [each["state"] for each in context.json("leases")["leases"]]
    context.ok(state in ([], ["revoking"], ["releasing"]), f"after the restart: {state}")
    places.expect_event(events, "lease-removed")


@test(on=("basic",))
def killed_and_given_back(context):
    """Clients in the middle of DMA are killed, and the machine is as it was."""
    before = places.listing(context)
    for mode in places.modes(context.kernel):
        stream = places.hold_edu(context, mode)
        holder, = context.json("holders")["holders"]
        context.isoctl(f"revoke --kill --grace=0 {EDU}", ROOT)
        context.equal(context.json("leases")["leases"], [], f"leases after it ({mode})")
        stream.wait()
        context.ok(context.run(f"kill -0 {holder['pid']}").code != 0, "the client lives")
        context.same_lines(before, places.listing(context), f"the machine ({mode})")


@test(on=("basic",), any_kernel=True, weight=5)
def while_a_worker_hangs(context):
    """The lease drains, then is stuck; others are served; when the client ends, it goes on."""
    before = places.listing(context)
    events = places.watch(context)
    mode = places.modes(context.kernel)[-1]
    stream = places.idle_edu(context, mode)
    number = _lease(context)["lease"]
    context.refused(f"revoke --grace=0 {EDU}", 7, r"waits for .*\d+ dma-client")
    context.equal(_lease(context)["state"], "draining", "the state at first")
    places.expect_event(events, "lease-changed", state="stuck")
    lease = _lease(context)
    context.ok(re.search(r"\d+ dma-client", lease["trouble"]), f"trouble: {lease}")
    context.isoctl("list")      # how soon it answers, tests/bench/lease measures
    workers = context.sh("ps -o pid= --ppid $(systemctl show -p MainPID --value isolationd)")
    context.equal(len(workers.split()), 1, "workers of the daemon")
    context.refused(f"acquire {EDU}", 4, "stuck|draining")
    context.refused(f"release {number}", 7, "waits for")
    context.isoctl(f"run {LONE} --with-members -- true", ROOT)
    stream.eof()
    places.expect_event(events, "lease-removed", lease=number)
    context.same_lines(before, places.listing(context), "the machine when the kernel has let go")


@test(on=("basic",), any_kernel=True)
def a_restart_while_a_worker_hangs(context):
    """The next daemon waits for the worker of the one before, and goes on when it ends."""
    before = places.listing(context)
    mode = places.modes(context.kernel)[-1]
    stream = places.idle_edu(context, mode)
    number = _lease(context)["lease"]
    context.refused(f"revoke --grace=0 {EDU}", 7, r"waits for .*\d+ dma-client")
    worker = context.sh("ps -o pid= --ppid $(systemctl show -p MainPID --value isolationd)").strip()
    begin = float(context.sh("cut -d' ' -f1 /proc/uptime"))
    # systemd waits for it, and then says that it is still there.
    context.run("systemctl restart isolationd.service")
    took = float(context.sh("isoctl list >/dev/null; cut -d' ' -f1 /proc/uptime")) - begin
    context.tell(f"a restart beside a worker that hangs: {took:.0f} s until the next daemon answers")
    context.ok(context.run(f"test -e /proc/{worker}").code == 0, "the worker no longer hangs")
    lease = _lease(context)
    context.equal((lease["lease"], lease["state"] in ("draining", "stuck")), (number, True),
                  f"the lease after that: {lease}")
    context.refused(f"acquire {EDU}", 4, "stuck|draining")
    events = places.watch(context)
    stream.eof()
    places.expect_event(events, "lease-removed", lease=number)
    context.same_lines(before, places.listing(context), "the machine when the kernel has let go")


@test(on=("basic",), any_kernel=True)
def what_is_kept_open_is_stopped(context):
    """When the grace is over the device reaches no memory any more, whoever still has it open."""
    before = places.listing(context)
    for mode in places.modes(context.kernel):
        stream = places.hold_edu(context, mode)
        number = _lease(context)["lease"]
        revoker = context.spawn(f"exec isoctl revoke --grace=0 {EDU}")
        # The client finds it out by itself, and ends of it; until then the kernel waits for it.
        result = stream.wait()
        context.ok("what came back is not what was sent" in result.err,
                   f"the client's transfers went on: {result.code}, {result.err}")
        revoker.wait()
        context.machine.await_(lambda: not context.json("leases")["leases"], 60,
                               lambda: f"no lease {number}, but {context.json('leases')}")
        context.same_lines(before, places.listing(context), f"the machine ({mode})")
