# SPDX-License-Identifier: LGPL-2.1-or-later
"""Given back clean: however a lease ends, the machine is as it was before.

What "as it was" means is written by the guest's `listing`: drivers, overrides, port services,
domain types, autoprobe switches, VFIO nodes, before and after.
"""

import re

from suite import LAB, test
from suites import places
from suites.places import EDU, JOIN_CARD


def _same(context, before, what):
    after = places.listing(context)
    context.note(f"--- before\n{before}\n--- after {what}\n{after}")
    context.same_lines(before, after, f"the machine after {what}")


def _tell_changes(context, before, during, what):
    """The lines in which a lease differs; the whole listings are in the boot's log."""
    lines = [f"  before | {line}" for line in before.splitlines()
             if line not in during.splitlines()]
    lines += [f"  leased | {line}" for line in during.splitlines()
              if line not in before.splitlines()]
    context.tell(f"lease of {what} ({len(before.splitlines())} lines before, "
                 "the same after release):\n" + "\n".join(lines))


def _start(context):
    """The listing before, and a monitor that will tell when the lease is over."""
    context.isoctl("list")
    context.sh("udevadm settle")
    return places.listing(context), places.watch(context)


@test(on=places.LEASABLE)
def after_release(context):
    for selector in (EDU, JOIN_CARD) if context.topology in places.JOINABLE else (EDU,):
        for mode in places.modes(context.kernel):
            before, _ = _start(context)
            number = context.json(f"acquire --mode {mode} {selector}", LAB)["lease"]
            context.undo(f"isoctl release {number} >/dev/null 2>&1 || true")
            during = places.listing(context)
            context.ok(before != during, "a lease changed nothing: the listing sees nothing")
            context.isoctl(f"release {number}", LAB)
            _same(context, before, f"release of {selector} ({mode})")
            _tell_changes(context, before, during, f"{selector} by {mode}")


@test(on=places.ENDABLE)
def after_the_clients_exit(context):
    for mode in places.modes(context.kernel):
        before, _ = _start(context)
        places.let_go(places.hold_edu(context, mode))
        _same(context, before, f"the client's exit ({mode})")


@test(on=places.ENDABLE)
def after_the_clients_kill(context):
    """isoctl and the client, killed in the middle of DMA: the fds' end is the lease's end."""
    for mode in places.modes(context.kernel):
        before, events = _start(context)
        stream = places.hold_edu(context, mode)
        stream.kill(9)
        stream.wait()
        places.expect_event(events, "lease-removed")
        _same(context, before, f"kill -9 of the client ({mode})")


@test(on=places.ENDABLE, any_kernel=True)
def after_isoctls_kill(context):
    """isoctl alone is killed: its program goes with it, and the lease with both."""
    before, events = _start(context)
    stream = places.hold_edu(context)
    context.sh(f"/bin/kill -9 {stream.pid}")
    places.expect_event(events, "lease-removed")
    _same(context, before, "kill -9 of isoctl alone")


@test(on=("basic",))
def an_orphan_with_the_fds_is_waited_for(context):
    """A grandchild outlives both with the device open: the group is nobody else's until it ends."""
    before, events = _start(context)
    stream = context.spawn(f"exec isoctl run {EDU} -- "
                           f"sh -c '{places.CLIENT_VFIO} --idle; true'", LAB)
    stream.expect("^idle$")
    context.sh(f"/bin/kill -9 {stream.pid}")
    places.expect_event(events, "lease-changed")
    context.refused(f"acquire {EDU}", 4, "")
    context.sh("pkill -x dma-client")
    places.expect_event(events, "lease-removed")
    _same(context, before, "the orphan's end")


def _kill_daemon(context):
    """kill -9, and the proof that another daemon is there."""
    pid, restarts = context.unit("MainPID", "NRestarts")
    context.restarts_allowed += 1
    context.sh("systemctl kill --signal=KILL isolationd.service")
    context.json("leases")
    new, again = context.unit("MainPID", "NRestarts")
    context.ok(new != pid, f"the daemon is still process {pid}")
    context.equal(int(again), int(restarts) + 1, "systemd's count of restarts")


@test(on=places.ENDABLE)
def lease_outlives_the_daemon(context):
    """The daemon is killed with DMA going on: lease, fds and DMA go on, its end is clean."""
    for mode in places.modes(context.kernel):
        before, _ = _start(context)
        stream = places.hold_edu(context, mode)
        lease, = context.json("leases")["leases"]
        _kill_daemon(context)
        reached = len(stream.lines)
        kept, = context.json("leases")["leases"]
        # Faults are counted since the daemon began.
        context.equal({**kept, "faults": []}, {**lease, "faults": []},
                      "the lease after the daemon's death")
        last = int(re.search(r"round (\d+)", stream.lines[reached - 1]).group(1))
        for number in (last + 1, last + 2):
            stream.expect(rf"^round {number} ok$")
        places.let_go(stream)
        context.equal(context.json("leases")["leases"], [], "leases after the client's end")
        _same(context, before, f"kill -9 of the daemon, then the client's exit ({mode})")


@test(on=("basic",), any_kernel=True)
def persistent_lease_outlives_the_daemon(context):
    before, _ = _start(context)
    number = context.json(f"acquire {JOIN_CARD}", LAB)["lease"]
    context.undo(f"isoctl release {number} >/dev/null 2>&1 || true")
    _kill_daemon(context)
    context.equal([each["lease"] for each in context.json("leases")["leases"]], [number],
                  "leases after the daemon's death")
    context.isoctl(f"release {number}", LAB)
    _same(context, before, "kill -9 of the daemon, then release")


@test(on=("basic",))
def lease_ends_while_no_daemon_runs(context):
    """Daemon and client die together: the daemon that comes next gives back what was taken."""
    before, _ = _start(context)
    stream = places.hold_edu(context)
    context.restarts_allowed += 1
    daemon, = context.unit("MainPID")
    context.sh(f"/bin/kill -9 -- -{stream.pid} {daemon}")
    stream.wait()
    events = context.spawn("exec isoctl monitor --json", LAB)
    places.expect_event(events, "ready")
    if context.json("leases")["leases"]:
        places.expect_event(events, "lease-removed")
    context.equal(context.json("leases")["leases"], [], "leases")
    _same(context, before, "kill -9 of both")
