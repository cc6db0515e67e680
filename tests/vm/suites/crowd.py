# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sixty-four clients want eight groups for a minute, and die at any moment."""

import json
import re

from suite import PROGRAM, test
from suites import places, storm

UNIT = "isolationd.service"
CLIENTS = 64
SECONDS = 60
WARM_UP_SECONDS = 40      # until its memory no longer grows
SHAKEN_SECONDS = 300      # at most
SHAKES = 8
LEASES_BETWEEN = 6        # from one to the next
HONEST = " 0 groups with two owners, 0 overtaken"
# Processes that are killed all at once take their time on a busy machine.
LATE_SECONDS = 180


def _edus(context):
    """The stable ids of the groups of all edu devices."""
    edus = set(context.sh("cd /sys/bus/pci/devices; grep -l 0x11e8 */device | cut -d/ -f1").split())
    return [group["id"] for group in context.json("groups")["groups"]
            if set(group["devices"]) <= edus]


def _daemon(context):
    """What the daemon has: KiB of memory, open descriptors, descriptors in the store."""
    pid, stored = context.unit("MainPID", "NFileDescriptorStore")
    memory = context.sh(f"awk '/VmRSS/ {{print $2}}' /proc/{pid}/status")
    return int(memory), int(context.sh(f"ls /proc/{pid}/fd | wc -l")), int(stored)


def _begin(context):
    """The groups to want, and what the machine looks like before."""
    context.isoctl("list")
    groups = _edus(context)
    context.equal(len(groups), 8, "groups to want")
    return " ".join(groups), places.listing(context), _names(context)


def _await_end(context, stream, seconds):
    """What the crowd says in the end."""
    context.machine.await_(lambda: stream.code is not None, seconds + LATE_SECONDS,
                           lambda: "the crowd's end")
    result = stream.wait()
    context.ok(not result.err, result.err)
    return result.out.strip()


def _nothing_left(context, listed):
    context.same_lines(listed, places.listing(context), "the machine after all of that")
    context.equal(context.sh("ls /run/isolationd/leases").split(), [], "records")


@test(on=("crowd",), weight=20)
def one_owner_each_in_order_and_nothing_left(context):
    groups, listed, names = _begin(context)
    bound = storm.bound_memory(context)
    context.run(f"{PROGRAM}/crowd {WARM_UP_SECONDS} {CLIENTS} {groups}")
    _await_quiet(context, names)
    memory, descriptors, _ = _daemon(context)
    figures = _await_end(context, context.spawn(f"exec {PROGRAM}/crowd {SECONDS} {CLIENTS} {groups}"),
                         SECONDS)
    _await_quiet(context, names)
    # Who blocked newcomers for the last lease goes a moment after it.
    context.machine.await_(lambda: _daemon(context)[1] <= descriptors, 30,
                           lambda: f"{descriptors} descriptors, but {_daemon(context)[1]}: "
                           + context.sh("ls -l /proc/$(systemctl show -p MainPID --value "
                                        f"{UNIT})/fd"))
    now = _daemon(context)
    context.tell(f"{figures}\ndaemon: {memory} KiB before, {now[0]} after; {descriptors} descriptors "
                 f"before, {now[1]} after; {now[2]} in the store")
    context.ok(figures.endswith(f"{HONEST}, 0 unanswered, 0 failures"), figures)
    context.ok(now[1] <= descriptors and now[2] == 0,
               f"descriptors: {descriptors} before, {now[1]} after, {now[2]} in the store")
    context.ok(now[0] - memory <= bound, f"the daemon grew from {memory} to {now[0]} KiB")
    _nothing_left(context, listed)


def _await_leases(events):
    for _ in range(LEASES_BETWEEN):
        places.expect_event(events, "lease-added")


def _shake(context, command):
    """The crowd, while something happens to the daemon after every few leases. Its figures."""
    groups, listed, names = _begin(context)
    events = places.watch(context)
    stream = context.spawn(f"exec {PROGRAM}/crowd {SHAKEN_SECONDS} {CLIENTS} {groups}")
    for _ in range(SHAKES):
        _await_leases(events)
        context.sh(command)
        places.expect_event(events, "ready")
    _await_leases(events)
    context.sh(f"kill {stream.pid}")
    figures = _await_end(context, stream, 0)
    events.kill()
    events.wait()
    _await_quiet(context, names)
    context.tell(f"{SHAKES} times {command}: {figures}")
    context.ok(HONEST in figures and figures.endswith(" 0 failures"), figures)
    context.ok(not re.search(r"\b0 asked again", figures), f"nobody was cut off: {figures}")
    context.equal(_daemon(context)[2], 0, "descriptors in the store")
    _nothing_left(context, listed)
    return figures


@test(on=("crowd",), weight=10)
def an_upgrade_in_between_loses_nothing(context):
    """Who has a lease keeps it, who waits keeps its place, and who asks is answered."""
    figures = _shake(context, f"systemctl restart {UNIT}")
    context.ok(" 0 unanswered" in figures, figures)


@test(on=("crowd",), weight=10)
def a_crash_in_between_loses_no_place(context):
    """Of those whom it was serving too; who does not wait may not be answered."""
    context.restarts_allowed += SHAKES
    _shake(context, f"systemctl kill -s KILL {UNIT}")


def _names(context):
    """How many are connected to the bus."""
    return int(context.sh("busctl list --unique --no-legend | wc -l"))


def _busy(context):
    """The groups that somebody has or waits for."""
    reply = context.sh("busctl --json=short call org.isolationd1 /org/isolationd1 "
                       "org.freedesktop.DBus.ObjectManager GetManagedObjects")
    groups = {path: interfaces["org.isolationd1.Group"]
              for path, interfaces in json.loads(reply)["data"][0].items()
              if "org.isolationd1.Group" in interfaces}
    return [path for path, group in groups.items()
            if group["State"]["data"] != "free" or group["Waiters"]["data"]]


def _await_quiet(context, names):
    """The last leases are given back by themselves.

    The bus knows of a death later than the client's parent, and what the dead asked for in their
    last moment is served and taken back before the daemon rests.
    """
    context.machine.await_(lambda: _names(context) <= names, LATE_SECONDS,
                           lambda: f"{names} connections, but {_names(context)}")
    context.machine.await_(
        lambda: not _busy(context), LATE_SECONDS, lambda: f"all free, but {_busy(context)}")
