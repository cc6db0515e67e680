# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: a user without rights, polkit in all its moods, and clients that mean no good."""

import re

from suite import LAB, PROGRAM, ROOT, STRANGER, test
from suites import places
from suites.places import EDU

NOBODY = 65534
HOSTILE = f"{PROGRAM}/hostile"
WEIGH = f"{PROGRAM}/weigh"
AS_NOBODY = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
MAIN_PID = "systemctl show -p MainPID --value isolationd"
# What anybody may ask: it only reads.
READ_ONLY = {"Manager.Plan", "Manager.Resolve", "Manager.Subscribe", "Group.GetStrength",
             "Group.GetReservedRegions"}
ALL = {"Manager.Acquire", "Manager.Plan", "Manager.Repair", "Manager.Resolve", "Manager.Subscribe",
       "Group.GetStrength",
       "Group.GetReservedRegions", "Group.GetHolders", "Group.SetType", "Device.Reset",
       "Lease.Release", "Lease.Revoke", "Lease.Transfer", "Lease.GetDescriptors",
       "Lease.GetHolders", "Lease.TakeDevice", "Lease.ExpelDevice"}
TIMES = 15
UNREAD = 3000      # calls whose answers nobody reads
PACED = 64         # so many of them reach the daemon at least: the bus lets 128 wait at a time
RULES = "/etc/polkit-1/rules.d/10-lab.rules"
DENIED, CHANGED = 5, 6
OTHER = 1002


def _fuzz(context, uid, seed, *device):
    """What each method answered: {method: {outcome: how often}}."""
    out = context.sh(f"setpriv --reuid={uid} --regid={uid} --clear-groups "
                     f"{HOSTILE} fuzz {seed} {TIMES} {' '.join(device)}")
    seen = {}
    for line in out.splitlines():
        method, _, outcomes = line.partition(": ")
        words = outcomes.split()
        seen[method] = dict(zip(words[::2], map(int, words[1::2])))
    context.tell("\n".join(f"  uid {uid}: {line}" for line in out.splitlines()))
    return seen


@test(on=("basic",), any_kernel=True)
def nobody_changes_anything(context):
    """Every method, on every kind of object, by a user without rights."""
    context.isoctl(f"acquire {EDU}", LAB)
    before = places.listing(context), context.sh("isoctl leases"), context.sh("isoctl groups")
    seen = _fuzz(context, NOBODY, 1)
    context.equal(sorted(seen), sorted(ALL), "methods on the bus")
    for method, outcomes in seen.items():
        if method not in READ_ONLY:
            context.ok("done" not in outcomes, f"{method} was done for nobody: {outcomes}")
        context.ok(sum(outcomes.values()) > 0, f"{method} was not tried")
    after = places.listing(context), context.sh("isoctl leases"), context.sh("isoctl groups")
    context.equal(after, before, "the machine, its leases and groups")
    context.isoctl(f"release {EDU}", LAB)


@test(on=("basic",), any_kernel=True)
def only_root_reaches_the_helpers(context):
    """Their sockets let nobody else in, and what root sends there does no harm."""
    context.isoctl("list")
    for role in ("look", "set", "watch"):
        out = context.sh(f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "
                         f"{HOSTILE} pester 1 {role}")
        context.equal(out.strip(), f"{role}: Permission denied", "nobody at a helper's socket")
    before = places.listing(context)
    for role, times in (("look", 60), ("set", 60), ("watch", 10)):
        out = context.sh(f"timeout 60 {HOSTILE} pester {times} {role}")
        context.equal(out.strip(), f"{role}: {times} connections", "root at a helper's socket")
    context.same_lines(before, places.listing(context), "the machine after that")
    stream = places.hold_edu(context)
    context.ok(context.json("holders")["holders"], "the helper finds nobody any more")
    places.let_go(stream)


@test(on=("basic",), any_kernel=True)
def root_may_ask_for_anything_odd(context):
    """The same by root, who may do it all, to one device: the daemon lives and all can be put back."""
    before = places.listing(context)
    context.undo(f"isoctl type {EDU} auto")
    context.isoctl(f"acquire {EDU}", ROOT)
    seen = _fuzz(context, ROOT, 2, EDU)
    context.equal(sorted(seen), sorted(ALL), "methods on the bus")
    for lease in context.json("leases")["leases"]:
        context.isoctl(f"release {lease['lease']}")
    context.isoctl(f"type {EDU} auto")
    context.same_lines(before, places.listing(context), "the machine")


@test(on=("basic",), any_kernel=True)
def a_flood_leaves_nothing(context):
    """Thousands of calls whose answers nobody reads, from connections that go at any moment."""
    before = places.listing(context)
    fds = "ls /proc/$(systemctl show -p MainPID --value isolationd)/fd | wc -l"
    context.isoctl("list")
    quiet = int(context.sh(fds))
    context.sh(f"{HOSTILE} flood 20 {EDU}", ROOT)
    context.machine.await_(lambda: context.json("leases")["leases"] == [], 60,
                           "the end of leases whose owners are gone")
    context.same_lines(before, places.listing(context), "the machine")
    context.ok(int(context.sh(fds)) <= quiet + 2, "descriptors of the daemon")


@test(on=("basic",), any_kernel=True)
def a_large_message_is_refused(context):
    """Each method with the largest message that is legal, and with larger ones.

    The bus looks at each byte itself, at the pace of an emulated machine: 2 MiB have to do."""
    lease = context.json(f"acquire {EDU}", LAB)["lease"]
    pid = context.sh(MAIN_PID)
    out = context.sh(f"{AS_NOBODY} {WEIGH} large /org/isolationd1/lease/{lease} 2")
    context.tell(out.rstrip())
    kinds = dict(line.split(": ", 1) for line in out.splitlines())
    context.equal(len(kinds), 7, "kinds of messages")
    for kind, outcome in kinds.items():
        context.ok(outcome.startswith("12 answered") and outcome.endswith(" 0 lost"),
                   f"{kind}: {outcome}")
    context.equal(context.sh(MAIN_PID), pid, "the daemon's process")
    context.isoctl(f"release {EDU}", LAB)


def _ask(context, what):
    """300 calls of another user, each answered before the next; tells how long they took."""
    out = context.sh(f"setpriv --reuid={STRANGER} --regid={STRANGER} --clear-groups "
                     f"{WEIGH} latency 300")
    context.tell(f"{what}: {out.strip()} (us)")


@test(on=("basic",), any_kernel=True)
def unread_answers_hold_up_nobody_else(context):
    """Another user is answered, call by call, while the answers to 3,000 calls stay unread.

    How fast depends on what else the host does: the times are told, not judged."""
    context.isoctl("list")
    pid = context.sh(MAIN_PID)
    _ask(context, "quiet")
    stream = context.spawn(f"exec {AS_NOBODY} {WEIGH} unread {UNREAD}")
    stream.expect("^sent$")
    _ask(context, f"beside {UNREAD} unread calls")
    stream.eof()
    out = stream.wait().out
    context.tell(out.splitlines()[-1])
    by_daemon, by_bus = map(int, re.search(r"^answers: (\d+) of the daemon, (\d+) of the bus$", out,
                                           re.MULTILINE).groups())
    context.equal(by_daemon + by_bus, UNREAD, "calls that were answered at last")
    context.ok(by_daemon >= PACED, f"the daemon answered {by_daemon}: the bus let no flood through")
    _ask(context, "after them")
    context.equal(context.sh(MAIN_PID), pid, "the daemon's process")


@test(on=("basic",), any_kernel=True)
def a_spy_learns_that_it_is_busy(context):
    """What a user without rights hears of another's lease, from its beginning to its end."""
    context.isoctl("list")
    spy = context.spawn(f"exec {AS_NOBODY} {WEIGH} spy")
    spy.expect("^listens$")
    events = places.watch(context, LAB)
    lease = context.json(f"acquire {EDU}", LAB)["lease"]
    seen, = context.json("leases", STRANGER)["leases"]
    context.equal((seen["lease"], seen["state"], seen["groups"], seen["devices"]),
                  (lease, "leased", ["0000:00/05.0"], [EDU]), "what a stranger sees")
    for key in ("uid", "unit", "mode", "lifetime", "since", "rule", "address_space", "accounting",
                "trouble"):
        context.equal(seen[key], None, f"what a stranger sees of {key}")
    context.isoctl("leases", STRANGER)
    for uid in (LAB, ROOT):
        whole, = context.json("leases", uid)["leases"]
        context.equal((whole["uid"], whole["mode"]), (LAB, "vfio"), f"what uid {uid} sees")
    revoker = context.spawn(f"exec isoctl revoke --grace=2 {EDU}")
    places.expect_event(events, "revoked")
    revoker.wait()
    spy.eof()
    out = spy.wait().out
    for word in ("Revoked", f"UINT32 {LAB};", whole["rule"], "/dev/vfio"):
        context.ok(word not in out, f"the spy has heard {word!r}:\n{out[-4000:]}")
    context.ok(f"lease/{lease}" in out and '"revoking"' in out, "the spy has heard nothing")


def _rules(context, text):
    context.sh("mkdir -p /etc/polkit-1/rules.d")
    context.write(RULES, text)
    context.sh("systemctl restart polkit.service")


@test(on=("basic",), any_kernel=True)
def polkit_decides_for_each_device(context):
    """A rule in JavaScript sees the group, the device and the owner."""
    _rules(context, """polkit.addRule(function(action, subject) {
        if (action.id == "org.isolationd1.release-other" && subject.user == "stranger" &&
            action.lookup("device") == "%s" && action.lookup("owner") == "%d" &&
            action.lookup("group") == "0000:00/05.0" && action.lookup("method") == "Release")
                return polkit.Result.YES;
        if (action.id == "org.isolationd1.revoke-other")
                return polkit.Result.NO;
});
""" % (EDU, LAB))
    context.undo("systemctl restart polkit.service")
    context.isoctl(f"acquire {EDU}", LAB)
    context.refused(f"revoke {EDU}", DENIED, "polkit does not grant org.isolationd1.revoke-other",
                    STRANGER)
    context.isoctl(f"release {EDU}", STRANGER)
    context.isoctl(f"acquire {places.LONE} --with-members", ROOT)
    context.refused(f"release {places.LONE}", DENIED, "polkit", STRANGER)
    context.isoctl(f"release {places.LONE}", ROOT)
    context.equal(context.json("leases")["leases"], [], "leases")


@test(on=("basic",), any_kernel=True)
def polkit_may_want_a_password(context):
    """Where nobody can be asked, that is what the refusal says."""
    context.isoctl(f"acquire {EDU}", LAB)
    context.refused(f"release {EDU}", DENIED, "polkit requires a password for "
                    "org.isolationd1.release-other", STRANGER)
    context.isoctl(f"release {EDU}", LAB)


def _release_with_agent(context):
    """Stranger's `isoctl release`, with a terminal and an agent of polkit for that one process."""
    return context.spawn(
        "rm -f /tmp/agent-is-ready; mkfifo /tmp/agent-is-ready; exec script -qec '"
        "pkttyagent --process $$ --notify-fd 9 9>/tmp/agent-is-ready & "
        f"read line </tmp/agent-is-ready; exec isoctl release {EDU}' /dev/null", STRANGER)


@test(on=("basic",), any_kernel=True)
def an_agent_is_asked(context):
    """Root has no password here: who says that he is root is believed."""
    context.isoctl(f"acquire {EDU}", LAB)
    stream = _release_with_agent(context)
    stream.expect("AUTHENTICATING FOR org.isolationd1.release-other")
    context.equal(stream.wait().code, 0, "the release's code")
    context.equal(context.json("leases")["leases"], [], "leases")


@test(on=("basic",), any_kernel=True)
def an_agent_that_dies_grants_nothing(context):
    """It is killed while it asks for the password; others are served meanwhile."""
    context.sh("echo root:secret | chpasswd")
    context.undo("passwd -d root")
    context.isoctl(f"acquire {EDU}", LAB)
    stream = _release_with_agent(context)
    stream.expect("Authenticating as: root")
    context.equal(len(context.json("leases")["leases"]), 1, "leases while it asks")
    context.sh("pkill -KILL pkttyagent")
    context.equal(stream.wait().code, DENIED, "the release's code")
    context.isoctl(f"release {EDU}", LAB)


@test(on=("basic",), any_kernel=True)
def a_dialog_stops_nobody_else(context):
    """While the agent asks for a password, a device is plugged and told of, and the lease changes
    hands: what the password was typed for is not there any more."""
    context.sh("echo root:secret | chpasswd")
    context.undo("passwd -d root")
    number = context.json(f"acquire {EDU}", LAB)["lease"]
    events = places.watch(context)
    stream = _release_with_agent(context)
    stream.expect("Authenticating as: root")
    context.machine.plug("e1000e", "joiner", "jb")
    places.expect_event(events, "device-added", device=places.JOINER)
    context.isoctl(f"transfer {number} --to {OTHER}")
    context.ok(stream.code is None, "the release does not wait for the password")
    stream.send("secret\n")
    result = stream.wait()
    context.equal(result.code, CHANGED, "the release's code")
    context.ok("while the call waited; retry" in result.out, f"the release says:\n{result.out}")
    lease, = context.json("leases")["leases"]
    context.equal((lease["lease"], lease["uid"]), (number, OTHER), "the lease, and whose it is")
    context.isoctl(f"release {number}", ROOT)
    context.machine.unplug("joiner")
    places.expect_event(events, "device-removed", device=places.JOINER)


@test(on=("basic",), any_kernel=True)
def without_polkit_only_root_may(context):
    context.sh("systemctl mask --runtime --now polkit.service")
    context.undo("systemctl unmask --runtime polkit.service; systemctl start polkit.service")
    context.isoctl(f"acquire {EDU}", LAB)
    context.refused(f"release {EDU}", DENIED, r"polkit cannot be asked \(.*\); only root may do this",
                    STRANGER)
    context.isoctl(f"release {EDU}", ROOT)
    context.isoctl(f"acquire {EDU}", LAB)
    context.isoctl(f"release {EDU}", LAB)


@test(on=("basic",), any_kernel=True)
def a_group_cools_down(context):
    """Who has given it back waits, where the policy says so; others and root have it at once."""
    context.isoctl("list")
    context.write("/etc/isolationd/policy.d/00-cool.json", """{ "rules": [ { "name": "cool",
        "match": { "address": "%s" },
        "lease": { "users": ["lab", "stranger"], "cooldown": 20 } } ] }""" % EDU)
    context.sh("systemctl reload isolationd.service")
    context.isoctl(f"run {EDU} -- true", LAB)
    context.refused(f"acquire {EDU}", 4, r"may have it again in \d+ s, by the cooldown of "
                    r"00-cool\.json:1: cool", LAB)
    context.isoctl(f"run {EDU} -- true", STRANGER)
    context.isoctl(f"run {EDU} -- true", ROOT)
    context.refused(f"acquire --wait=1 {EDU}", 7, "cooldown", LAB)
    context.isoctl(f"run --wait=60 {EDU} -- true", LAB)
    context.refused(f"acquire {EDU}", 4, "cooldown", LAB)
    context.sh("rm /etc/isolationd/policy.d/00-cool.json && systemctl reload isolationd.service")
    context.isoctl(f"run {EDU} -- true", LAB)


@test(on=("basic",), any_kernel=True)
def a_loop_of_requests_is_slowed(context):
    """Four clients of one user that take and give back without a pause get eight, and two a second."""
    seconds = 10
    streams = [context.spawn(f"exec {HOSTILE} loop {seconds} {EDU}", LAB) for _ in range(4)]
    total = sum(int(re.search(r"(\d+) requests, ", stream.wait().out).group(1)) for stream in streams)
    context.tell(f"{total} requests of four clients in {seconds} s")
    # Each has one under way when the time is up.
    context.ok(4 < total <= 8 + 2 * (seconds + 30), f"{total} requests were let through")
    context.machine.await_(lambda: context.json("leases")["leases"] == [], 60, "the last lease's end")
