# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for a lease, giving one to somebody else, seeing beforehand what one would do, mending."""

import json
import re

from suite import LAB, ROOT, STRANGER, test
from suites import places
from suites.places import EDU, JOIN_CARD, LONE

UNIT = "isolationd.service"
BUSY, DENIED, CRITICAL, TIME_IS_UP, NEEDS_REPAIR = 4, 5, 6, 7, 9
STATE = "/run/isolationd/leases"


def _waiters(context, selector=EDU):
    return context.json(f"show {selector}")["group"]["waiters"]


def _await_waiters(context, n, selector=EDU):
    context.machine.await_(lambda: _waiters(context, selector) == n, 30,
                           lambda: f"{n} waiting, not {_waiters(context, selector)}")


def _wait(context, name, selector=EDU, uid=LAB, n=1):
    """A client that waits, and says its name when it has what it waits for."""
    stream = context.spawn(f"exec isoctl run --wait {selector} -- sh -c 'echo {name} has it; "
                           "exec cat'", uid)
    _await_waiters(context, n, selector)
    return stream


def _serve(stream, name):
    stream.expect(f"^{name} has it$")


@test(on=("basic",), any_kernel=True)
def first_come_first_served(context):
    """In the order of arrival, also over a restart; who does not wait does not overtake."""
    holder = places.hold(context, EDU)
    first = _wait(context, "first", n=1)
    second = _wait(context, "second", n=2)
    third = _wait(context, "third", uid=ROOT, n=3)
    gone = _wait(context, "gone", n=4)
    gone.kill()
    gone.wait()
    _await_waiters(context, 3)
    context.ok("3 waiting" in context.isoctl(f"show {EDU}").out, "show does not tell who waits")
    context.sh(f"systemctl restart {UNIT}")
    _await_waiters(context, 3)
    second.kill()
    second.wait()
    _await_waiters(context, 2)
    context.refused(f"acquire {EDU}", BUSY, r"lease \d+ of uid \d+.*since 20\d\d-", LAB)
    places.let_go(holder)
    _serve(first, "first")
    context.refused(f"acquire {EDU}", BUSY, r"has it since", ROOT)
    places.let_go(first)
    _serve(third, "third")
    places.let_go(third)
    context.equal(_waiters(context), 0, "who waits in the end")
    context.isoctl(f"run {EDU} -- true", LAB)


@test(on=("basic",), any_kernel=True)
def a_wait_has_an_end(context):
    holder = places.hold(context, EDU)
    words = context.refused(f"acquire --wait=1 {EDU}", TIME_IS_UP, r"has it since .*waited [1-9]\d* s", LAB)
    context.note(words)
    context.equal(_waiters(context), 0, "who waits after the time is up")
    context.refused(f"wait --wait=1 {EDU}", TIME_IS_UP, "timeout: not all groups can be leased", LAB)
    watcher = context.spawn(f"exec isoctl wait {EDU}", LAB)
    places.let_go(holder)
    context.equal(watcher.wait().code, 0, "isoctl wait's exit code")
    context.isoctl(f"wait {EDU}", LAB)
    context.refused("acquire --wait=no 05.0", 2, "give a number of seconds", LAB)


@test(on=("basic",), any_kernel=True)
def one_who_waits_for_two_is_not_overtaken(context):
    """Of two groups one is free: nobody who comes later gets it before."""
    holder = places.hold(context, EDU, uid=ROOT)
    both = context.spawn(
        f"exec isoctl run --with-members --wait {EDU} {LONE} -- sh -c 'echo both has it; exec cat'")
    _await_waiters(context, 1)
    context.refused(f"acquire --with-members {LONE}", BUSY, "1 request waits for it", ROOT)
    late = context.spawn(f"exec isoctl run --with-members --wait {LONE} -- "
                         "sh -c 'echo late has it; exec cat'")
    _await_waiters(context, 2, LONE)
    places.let_go(holder)
    _serve(both, "both")
    _await_waiters(context, 1, LONE)
    places.let_go(both)
    _serve(late, "late")
    places.let_go(late)


@test(on=("basic",), any_kernel=True)
def a_lease_may_end_with_a_connection(context):
    """busctl leaves the bus as soon as it has its answer, and the lease ends with it."""
    events = places.watch(context)
    context.sh("busctl call org.isolationd1 /org/isolationd1 org.isolationd1.Manager Acquire "
               f"'asa{{sv}}' 1 {EDU} 1 lifetime s connection")
    places.expect_event(events, "lease-removed")
    context.equal(context.json("leases")["leases"], [], "leases of connections that have ended")
    # One that ends while nobody looks.
    context.sh("busctl call org.isolationd1 /org/isolationd1 org.isolationd1.Manager Acquire "
               f"'asa{{sv}}' 1 {EDU} 1 lifetime s connection & "
               f"wait $!; systemctl kill -s KILL {UNIT}; true")
    context.restarts_allowed += 1
    context.machine.await_(lambda: not context.json("leases")["leases"], 30,
                           lambda: "the lease of a connection that ended meanwhile is gone")


@test(on=("basic",), any_kernel=True)
def a_lease_changes_hands(context):
    number = context.json(f"acquire {EDU}")["lease"]
    context.refused(f"transfer {number} --to lab", DENIED, "belongs to another user|polkit", STRANGER)
    context.refused(f"release {number}", DENIED, "belongs to another user", LAB)
    context.isoctl(f"transfer {number} --to lab")
    lease, = context.json("leases")["leases"]
    context.equal(lease["uid"], LAB, "the owner")
    context.refused(f"transfer {number} --to 0", DENIED, "only root", LAB)
    context.refused(f"transfer {number} --to :1.99999", 3, "no connection has this name on the bus", LAB)
    context.sh(f"systemctl restart {UNIT}")
    lease, = context.json("leases")["leases"]
    context.equal(lease["uid"], LAB, "the owner after a restart")
    out = context.sh(f"busctl call org.isolationd1 /org/isolationd1/lease/{number} "
                     "org.isolationd1.Lease GetDescriptors 'a{sv}' 0")
    context.ok('"container"' in out and re.search(r'"group:\d+"', out), f"descriptors: {out}")
    context.isoctl(f"release {number}", LAB)


@test(on=("basic",), any_kernel=True)
def a_plan_touches_nothing(context):
    listed = places.listing(context)
    events = places.watch(context)
    text = context.isoctl(f"plan --with-members {JOIN_CARD}").out if context.topology != "switch" \
        else context.isoctl(f"plan {EDU}").out
    context.note(text)
    context.ok("guard owned" in text and "No obstacle" in text, f"the plan:\n{text}")
    plan = context.json(f"plan {EDU}", LAB)
    context.equal((plan["refusal"], plan["mode"], plan["guard"], plan["rule"]),
                  ("", "vfio", "owned", "50-lab.json:4: lab-edu"), "the plan")
    context.equal([device for device in plan["devices"] if device["taken"]],
                  [{"device": EDU, "taken": True, "driver": None, "driver_then": "vfio-pci"}],
                  "what is taken")
    context.ok(plan["steps"][0].startswith(f"{EDU}: driver_override vfio-pci"), plan["steps"])
    group = context.json(f"show {EDU}")["group"]
    context.equal(plan["strengths"], [{"group": group["id"], "strength": group["strength"]}],
                  "how strong the isolation is")
    refused = context.run(f"isoctl plan {EDU}", STRANGER)
    context.equal(refused.code, DENIED, "a stranger's plan")
    context.equal(refused.out.strip(), "", "what a stranger is told")
    context.same_lines(listed, places.listing(context), "the machine after plans")
    context.equal([line for line in events.lines if json.loads(line)["event"] != "ready"], [],
                  "events of plans")


@test(on=("basic",), any_kernel=True)
def a_plan_names_what_the_host_lives_on(context):
    result = context.run(f"isoctl plan {places.ROOT_DISK}")
    context.equal(result.code, CRITICAL, "the plan for the root disk")
    context.ok(re.search(f"Used by the host\n +{places.ROOT_DISK}.*→ /", result.out),
               f"the plan for the root disk:\n{result.out}")


@test(on=("basic",), any_kernel=True)
def what_a_lost_lease_left_is_mended(context):
    """A record that cannot be read is set aside; its device is told of, and mended if named."""
    listed = places.listing(context)
    context.equal(context.isoctl("repair").out.strip(), "nothing needs repair", "a machine in order")
    number = context.json(f"acquire --with-members {JOIN_CARD}")["lease"]
    context.sh(f"systemctl stop {UNIT}; echo '{{\"version\": 99}}' > {STATE}/{number}.json; "
               f"systemctl start {UNIT}")
    context.undo(f"rm -f {STATE}/*.rejected")
    context.equal(context.json("leases")["leases"], [], "leases without a record")
    context.equal(places.driver_of(context, JOIN_CARD), "vfio-pci", "the card's driver")
    told = context.isoctl("repair").out
    context.ok(f"isoctl repair {JOIN_CARD}" in told, f"what is told: {told}")
    told = context.sh("journalctl --sync; journalctl -u isolationd.service -b --no-pager -o cat")
    context.ok(re.search(rf"{number}\.json\.rejected: set aside.*isoctl repair DEVICE", told),
               "the daemon does not say what to do about the record")
    findings = json.loads(context.isoctl("doctor --json", code=1).out)["findings"]
    found, = [each for each in findings if each["id"] == "unleased"]
    context.ok(found["level"] == "warn" and JOIN_CARD in found["what"], f"the doctor finds {found}")
    told = context.isoctl(f"repair --dry-run {JOIN_CARD}", code=NEEDS_REPAIR).out
    context.ok(f"{JOIN_CARD} is bound to vfio-pci" in told, f"the dry run: {told}")
    context.equal(places.driver_of(context, JOIN_CARD), "vfio-pci", "after the dry run")
    answer = context.json(f"repair {JOIN_CARD}")
    context.equal(answer["left"], 0, "what is left")
    context.equal(places.driver_of(context, JOIN_CARD), "e1000e", "the card's driver, mended")
    context.refused("repair", DENIED, "requires an administrator", LAB)
    context.refused("repair 99", 3, "99")
    context.same_lines(listed, places.listing(context), "the machine after all that")


@test(on=("basic",), any_kernel=True)
def without_its_record_a_lease_is_nobodys(context):
    """The daemon is killed and finds half a record, and descriptors: the group is kept from all."""
    listed = places.listing(context)
    number = context.json(f"acquire --with-members {JOIN_CARD}")["lease"]
    context.restarts_allowed += 1
    context.sh(f"echo '{{\"version\": 5, \"id\"' > {STATE}/{number}.json; "
               f"systemctl kill --signal=KILL {UNIT}")
    context.undo(f"rm -f {STATE}/*.rejected")
    lease, = context.json("leases")["leases"]
    context.equal((lease["lease"], lease["state"]), (number, "quarantined"), "the lease")
    context.ok("cannot be read" in lease["trouble"], f"trouble: {lease['trouble']}")
    context.refused(f"acquire --with-members {JOIN_CARD}", NEEDS_REPAIR, "cannot be read")
    context.equal(context.json("repair")["left"], 0, "what is left")
    context.equal(context.json("leases")["leases"], [], "leases, mended")
    context.same_lines(listed, places.listing(context), "the machine after all that")
