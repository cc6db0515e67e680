# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modes in which the owner claims the groups by itself, and the choice among modes."""

import errno
import json
import re

from suite import LAB, ROOT, STRANGER, test
from suites import crash, places
from suites.critical import Disk
from suites.places import CLIENT, CLIENTS, EDU, JOIN_CARD, JOINER

NOT_VIABLE = 6
# What is let open in the modes that let open anything.
SHARED = ("/dev/vfio/vfio", "/dev/iommu")
# Where the kernel has iommufd, a container may be one, and proves nothing.
GROUP_FD_GUARD = {"lab": "gated", "6.1": "owned", "6.12": "owned"}
# Nothing leads into edu's group: what is left without a claim.
UNCLAIMED = {"lab": "gated", "6.1": "reactive", "6.12": "reactive"}


def _nodes(context, uid):
    """{path: how opening it went} for all nodes of VFIO and iommufd."""
    nodes = dict(line.split() for line in context.sh(f"{CLIENT} nodes", uid).splitlines())
    nodes.pop("/dev/vfio/devices", None)        # the directory
    return nodes


def _opened(context, uid):
    return sorted(path for path, how in _nodes(context, uid).items() if how != "EACCES")


def _modes_of_nodes(context):
    return context.sh("stat -c '%n %a %U:%G' /dev/vfio/vfio $(ls -d /dev/iommu 2>/dev/null)")


def _lease(context):
    lease, = context.json("leases")["leases"]
    return lease


def _await_guard(context, selector, layer):
    context.machine.await_(lambda: context.json(f"show {selector}")["group"]["guard"] == layer, 30,
                           f"guard {layer} of {selector}")


def _hold(context, mode, client, uid=LAB):
    stream = context.spawn(f"exec isoctl run --mode {mode} {EDU} -- {client} --hold", uid)
    stream.expect(r"^round 1 ok$")
    return stream


@test(on=("basic", "amd"))
def a_group_fd_is_put_into_a_container_of_its_owner(context):
    context.isoctl(f"run --mode vfio {EDU} -- true", LAB)       # modules are loaded, nodes are there
    before = _modes_of_nodes(context)
    stream = _hold(context, "group-fd", f"{CLIENT} vfio --group {{group}} --own --device {EDU}")
    lease = _lease(context)
    context.equal((lease["mode"], lease["address_space"], lease["accounting"]),
                  ("group-fd", "owner", "owner"), "the lease")
    nodes = [path for path in SHARED if path in before]
    context.equal(lease["nodes"], nodes, "the nodes")
    context.equal(_opened(context, LAB), sorted(nodes), "what the owner may open")
    context.equal(_opened(context, STRANGER), [], "what others may open")
    if context.topology == "basic":
        _await_guard(context, EDU, GROUP_FD_GUARD[context.kernel])
    evidence = context.json(f"show {EDU}")["group"]["guard_evidence"]
    context.ok("owner" in evidence, f"the evidence does not speak of the owner: {evidence}")
    places.let_go(stream)
    context.equal(_opened(context, LAB), [], "what the owner may open afterwards")
    context.same_lines(before, _modes_of_nodes(context), "the nodes' modes")
    context.equal(places.driver_of(context, EDU), "", "edu's driver afterwards")


@test(on=("basic", "amd"))
def by_path_one_uid_may_open(context):
    """And still may when udev has been at the nodes again."""
    context.isoctl(f"run --mode vfio {EDU} -- true", LAB)
    before = _modes_of_nodes(context)
    answer = context.json(f"acquire --mode path {EDU}", LAB)
    number = answer["lease"]
    context.undo(f"isoctl release {number} >/dev/null 2>&1 || true")
    if context.topology == "basic":
        _await_guard(context, EDU, UNCLAIMED[context.kernel])
    nodes = answer["nodes"]
    context.ok(any(re.fullmatch(r"/dev/vfio/\d+", path) for path in nodes), f"the nodes: {nodes}")
    for _ in range(2):
        context.equal(_opened(context, LAB), sorted(nodes), "what the owner may open")
        context.equal(_opened(context, STRANGER), [], "what others may open")
        context.sh("udevadm trigger --action=change --subsystem-match=vfio "
                   "--subsystem-match=vfio-dev --subsystem-match=misc && udevadm settle")
    group = next(path for path in nodes if re.fullmatch(r"/dev/vfio/\d+", path)).rpartition("/")[2]
    out = context.sh(f"{CLIENT} vfio --open {group} --device {EDU}", LAB)
    context.ok("roundtrip ok" in out, f"no round trip by path:\n{out}")
    for path in nodes:
        if path.startswith("/dev/vfio/devices/"):
            out = context.sh(f"{CLIENT} iommufd --open {path}", LAB)
            context.ok("roundtrip ok" in out, f"no round trip by {path}:\n{out}")
    context.isoctl(f"release {number}", LAB)
    context.equal(_opened(context, LAB), [], "what the owner may open afterwards")
    context.same_lines(before, _modes_of_nodes(context), "the nodes' modes")


@test(on=("basic",))
def by_path_for_another_uid(context):
    """Root lets somebody else in; two leases of one uid share what is not a group's own."""
    context.refused(f"acquire --mode path --uid {STRANGER} {EDU}", 5, "root", LAB)
    first = context.json(f"acquire --mode path --uid {STRANGER} {EDU}", ROOT)
    context.undo(f"isoctl release {first['lease']} >/dev/null 2>&1 || true")
    second = context.json(f"acquire --mode group-fd --uid {STRANGER} --with-members {JOIN_CARD}",
                          ROOT)
    context.undo(f"isoctl release {second['lease']} >/dev/null 2>&1 || true")
    context.equal(_opened(context, STRANGER), sorted(first["nodes"]), "what the uid may open")
    context.equal(_opened(context, LAB), [], "what others may open")
    context.isoctl(f"release {first['lease']}")
    context.equal(_opened(context, STRANGER), sorted(second["nodes"]),
                  "what the uid may open for its other lease")
    # A restarted daemon knows whom to take it away from.
    context.restarts_allowed += 1
    context.sh("systemctl restart isolationd.service")
    context.equal(_opened(context, STRANGER), sorted(second["nodes"]), "and after a restart")
    context.isoctl(f"release {second['lease']}")
    context.equal(_opened(context, STRANGER), [], "what the uid may open afterwards")


def _times_told(context, text):
    return context.sh("journalctl -u isolationd.service -b --no-pager").count(text)


@test(on=("basic",))
def what_root_does_by_hand_is_undone(context):
    """To a device that is leased by path: driverctl's override, and a driver that is unbound."""
    before = places.listing(context)
    events = places.watch(context, LAB)
    number = context.json(f"acquire --mode path --with-members {JOIN_CARD}", LAB)["lease"]
    context.undo(f"isoctl release {number} >/dev/null 2>&1 || true")
    n_again = _times_told(context, "may open its nodes again")
    card = f"/sys/bus/pci/devices/{JOIN_CARD}"
    for command in (f"echo e1000e > {card}/driver_override; "
                    f"echo {JOIN_CARD} > {card}/driver/unbind; "
                    f"echo {JOIN_CARD} > /sys/bus/pci/drivers_probe",
                    f"echo {JOIN_CARD} > {card}/driver/unbind"):
        context.sh(command)
        event = places.expect_event(events, "device-returned", device=JOIN_CARD)
        context.equal(event["same"], True, "the same device")
        context.machine.await_(lambda: places.driver_of(context, JOIN_CARD) == "", 30,
                               lambda: "no driver")
        context.machine.await_(
            lambda: context.sh(f"cat {card}/driver_override").strip() == "vfio-pci", 30,
            lambda: "the lease's override")
        lease = _lease(context)
        context.equal((lease["devices"], lease["held"]), ([], [JOIN_CARD]), "what is held")
        evidence = context.json(f"show {JOIN_CARD}")["group"]["guard_evidence"]
        context.ok(f"takes it back with isoctl take {number} {JOIN_CARD}" in evidence
                   and "root can unbind a device" in evidence, f"the evidence: {evidence}")
        context.equal(_times_told(context, "may open its nodes again"), n_again,
                      "nodes that are said to be open again")
        context.isoctl(f"take {number} {JOIN_CARD}", LAB)
        n_again = _times_told(context, "may open its nodes again")
        nodes = [node for node in _lease(context)["nodes"] if node not in SHARED]
        context.ok(nodes and set(nodes) <= set(_opened(context, LAB)), f"its nodes: {nodes}")
    context.isoctl(f"release {number}", LAB)
    context.same_lines(before, places.listing(context), "the machine after all that")


@test(on=("basic",))
def without_a_claim_slots_are_sealed(context):
    """Before the first driver leaves; and where more is required, the mode is refused."""
    steps = context.json(f"plan --mode path --with-members {JOIN_CARD}", LAB)["steps"]
    context.tell("\n".join(steps))
    answer = context.json(f"acquire --mode path --with-members {JOIN_CARD}", LAB)
    context.undo(f"isoctl release {answer['lease']} >/dev/null 2>&1 || true")
    context.equal(answer["guard"], "sealed", "the guard at once")
    sealed = [step for step in steps if "which seals the slot" in step]
    context.ok(sealed and steps.index(sealed[-1]) < steps.index(f"{JOIN_CARD}: unbind e1000e"),
               "the plan seals too late or not at all")
    told = [step.split(" open ")[1] for step in steps if step.startswith(f"let uid {LAB} open /")]
    nodes = [node for node in answer["nodes"] if "/devices/" not in node]
    # Of those that the kernel may not have, the plan says so.
    told = [node for node in told if "," not in node or node.split(",")[0] in nodes]
    context.equal(sorted(node.split(",")[0] for node in told), sorted(nodes),
                  "nodes of the plan, but for those that have no name before")
    context.isoctl(f"release {answer['lease']}", LAB)
    context.write("/etc/isolationd/policy.d/40-owned.json", """{ "rules": [
        { "name": "owned-only", "match": { "vendor": "8086", "path": "0000:00/02.*" },
          "lease": { "users": ["lab"] }, "require": { "guard": "owned" } } ] }""")
    context.sh("systemctl reload isolationd.service")
    for mode in ("path", "group-fd"):
        words = context.refused(f"acquire --mode {mode} --with-members {JOIN_CARD}", 6,
                                "owned-only.*owned", LAB)
        context.tell(words)
    answer = context.json(f"acquire --mode path,group-fd,vfio --with-members {JOIN_CARD}", LAB)
    context.equal((answer["mode"], answer["guard"]), ("vfio", "owned"), "what is left")
    context.isoctl(f"release {answer['lease']}", LAB)
    context.sh("rm /etc/isolationd/policy.d/40-owned.json")


@test(on=("basic",), kernels=("lab",))
def without_its_helpers(context):
    """A guard process that cannot be started as a service is the daemon's; what takes rights is refused."""
    context.restarts_allowed += 1
    broken = "/run/systemd/system/isolationd-watch@.service.d/broken.conf"
    context.undo("systemctl daemon-reload; systemctl restart isolationd.service "
                 "isolationd-look.socket isolationd-set.socket")
    context.write(broken, "[Service]\nExecStart=\nExecStart=/bin/false")
    context.sh("systemctl daemon-reload; systemctl stop isolationd-look.socket isolationd-set.socket "
               "isolationd-look.service isolationd-set.service; systemctl start isolationd.service; "
               "systemctl stop isolationd-look.socket isolationd-set.socket")
    since = context.sh("date +%s.%N").strip()
    answer = context.json(f"acquire --mode group-fd {EDU}", LAB)
    context.undo(f"isoctl release {answer['lease']} >/dev/null 2>&1 || true")
    journal = f"journalctl -u isolationd -o cat --no-pager --since @{since}"
    for words in ("the guard process watches 1 places (no priority", "did not start as a service"):
        context.machine.await_(lambda words=words: words in context.sh(journal), 30,
                               lambda words=words: f"`{words}` in the journal")
    context.isoctl(f"release {answer['lease']}", LAB)
    context.refused(f"acquire --mode iommufd {EDU}", 1, "count memory for each process", LAB)
    # Whoever may not ask about a disk, nor see who has it open, does not take it away from them.
    with Disk(context) as disk:
        context.refused(f"acquire --with-members {JOIN_CARD}", 6,
                        rf"{JOINER}: cannot tell whether the host uses {disk.part}: "
                        "Operation not permitted", ROOT)
        found = context.isoctl(f"plan --force --with-members {JOIN_CARD}", ROOT).out
        context.ok("cannot tell whether the host uses it: Permission denied" in found, found)


@test(on=("basic", "amd"), weight=3)
def the_guard_that_is_told_is_the_guard_that_holds(context):
    """By plan, acquire, run and leases, in every mode, one lease right behind the other."""
    modes = [*places.modes(context.kernel), "group-fd", "path"]
    if context.kernel == "lab":
        modes.append("iommufd-unbound")
    told = {}
    for mode in modes * 3:
        foreseen = context.json(f"plan --mode {mode} {EDU}", LAB)["guard"]
        answer = context.json(f"acquire --mode {mode} {EDU}", LAB)
        context.undo(f"isoctl release {answer['lease']} >/dev/null 2>&1 || true")
        held = _lease(context)["guard"]
        context.isoctl(f"release {answer['lease']}", LAB)
        run = context.isoctl(f"run --mode {mode} --json {EDU} -- isoctl leases --json", LAB)
        announced = json.loads(run.err)["guard"]
        seen, = (lease["guard"] for lease in json.loads(run.out)["leases"])
        told.setdefault(mode, set()).add((foreseen, answer["guard"], held, announced, seen))
    context.tell(f"guards told of {6 * len(modes)} leases: {told}")
    for mode, guards in told.items():
        context.equal(len({layer for each in guards for layer in each}), 1,
                      f"guards in mode {mode}: {guards}")


@test(on=("basic", "amd"), kernels=("lab",))
def an_unbound_device_is_bound_by_its_owner(context):
    """As QEMU does it, to the iommufd that it was given or to another one; then it is owned."""
    client = f"{CLIENT} iommufd --iommufd {{iommufd}} --device-fd {{device:{EDU}}} --bind"
    stream = context.spawn(f"exec isoctl run --mode iommufd-unbound {EDU} -- {client} --hold", LAB)
    stream.expect(r"^accounting process$")
    stream.expect(r"^round 1 ok$")
    _await_guard(context, EDU, "owned")
    lease = _lease(context)
    context.equal((lease["mode"], lease["address_space"], lease["accounting"]),
                  ("iommufd-unbound", "owner", "process"), "the lease")
    context.restarts_allowed += 1
    context.sh("systemctl restart isolationd.service")
    _await_guard(context, EDU, "owned")
    places.let_go(stream)
    own = f"{CLIENT} iommufd --own --device-fd {{device:{EDU}}}"
    result = context.isoctl(f"run --mode iommufd-unbound {EDU} -- {own}", ROOT)
    context.ok("roundtrip ok" in result.out and "accounting user" in result.out,
               f"an iommufd of its own: {result.out}")
    context.equal(places.driver_of(context, EDU), "", "edu's driver afterwards")


@test(on=("basic",))
def the_first_mode_that_will_do(context):
    wanted = "iommufd" if context.kernel == "lab" else "vfio"
    answer = context.json(f"acquire --mode iommufd,vfio {EDU}", LAB)
    context.undo(f"isoctl release {answer['lease']} >/dev/null 2>&1 || true")
    context.equal((answer["mode"], answer["guard"]), (wanted, "owned"), "the mode")
    context.isoctl(f"release {answer['lease']}", LAB)
    answer = context.json(f"acquire {EDU}", LAB)
    context.equal(answer["mode"], "vfio", "the default")
    context.isoctl(f"release {answer['lease']}", LAB)
    context.refused(f"acquire --mode vfio,none-such {EDU}", 2, "none-such.*no such mode", LAB)


@test(on=("basic",))
def run_finds_the_mode(context):
    """By what the command names; a program that opens the nodes by itself needs no word about it."""
    group = context.sh(f"basename $(readlink /sys/bus/pci/devices/{EDU}/iommu_group)").strip()
    cases = [("vfio", CLIENTS["vfio"]), ("path", f"{CLIENT} vfio --open {group} --device {EDU}")]
    if context.kernel == "lab":
        cases.append(("iommufd-unbound", f"{CLIENT} iommufd --iommufd {{iommufd}} "
                                         f"--device-fd {{device:{EDU}}} --bind"))
    for mode, command in cases:
        result = context.isoctl(f"run {EDU} -- {command}", LAB)
        context.ok("roundtrip ok" in result.out, f"no round trip: {result.out}")
        context.ok(f"isoctl: mode {mode}, because the command" in result.err, result.err)
    result = context.isoctl(f"run --mode path {EDU} -- true {{container}}", LAB, code=2)
    context.ok("it has none; mode vfio provides it" in result.err, result.err)


@test(on=("basic",))
def groups_of_a_lease_share_an_address_space(context):
    for mode in places.modes(context.kernel):
        answer = context.json(f"acquire --mode {mode} --with-members {EDU} {JOIN_CARD}", LAB)
        context.undo(f"isoctl release {answer['lease']} >/dev/null 2>&1 || true")
        context.equal((len(answer["groups"]), answer["address_space"], answer["accounting"]),
                      (2, "one", "process"), f"mode {mode}")
        shown = context.isoctl(f"show {EDU}").out
        context.ok("its groups share one I/O address space" in shown, shown)
        context.isoctl(f"release {answer['lease']}", LAB)


# What the kernel says to the second group, or device, of a lease, in each mode: VFIO_GROUP_SET_CONTAINER
# and VFIO_DEVICE_ATTACH_IOMMUFD_PT of <linux/vfio.h>.
JOINS = {"vfio": 0x3b68, "iommufd": 0x3b77}


def _refuse_to_share(context):
    """No IOMMUs of the lab refuse: the kernel's answer is made here, all that follows is real."""
    crash.load_shim(context)
    before = places.listing(context)
    for mode in places.modes(context.kernel):
        crash.fail_nth(context, JOINS[mode], 2, errno.EINVAL)
        words = context.refused(f"acquire --mode {mode} --with-members {EDU} {JOIN_CARD}", NOT_VIABLE,
                                r"cannot share one I/O address space.*Invalid argument.*take a lease "
                                r"for each", LAB)
        context.note(words)
        context.ok(crash.has_struck(context), "the request did not fail")
        context.equal(context.json("leases")["leases"], [], "leases")
        context.same_lines(before, places.listing(context), f"the machine after that, mode {mode}")
        # Each by itself.
        for selector in (EDU, JOIN_CARD):
            number = context.json(f"acquire --mode {mode} --with-members {selector}", LAB)["lease"]
            context.isoctl(f"release {number}", LAB)


@test(on=("basic",), kernels=("6.1", "6.12"))
def groups_that_cannot_share_are_refused(context):
    _refuse_to_share(context)


@test(on=("amd",), kernels=("lab",))
def devices_that_cannot_share_are_refused(context):
    _refuse_to_share(context)
