# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lease: who gets one, what it is good for, and what one gets without it."""

import json
import re

from suite import LAB, ROOT, STRANGER, test
from suites import places
from suites.places import EDU


def _run_client(context, mode):
    """User lab does DMA through a lease; the kernel's log tells of the write that strayed."""
    mark = context.machine.console_mark()
    result = context.isoctl(f"run --mode {mode} {EDU} -- {places.CLIENTS[mode]}", LAB)
    context.ok("roundtrip ok" in result.out, f"no round trip:\n{result.out}")
    context.ok("stray ok" in result.out, f"no word on the stray write:\n{result.out}")
    context.ok(re.search(r"^lease \d+ · group \S+ · ", result.err, re.MULTILINE),
               f"`isoctl run` does not say which lease it has:\n{result.err}")
    pattern = places.fault_pattern(context.topology)
    if pattern:
        context.note(context.machine.console_expect(pattern, mark))


@test(on=places.LEASABLE)
def dma_by_vfio(context):
    _run_client(context, "vfio")


@test(on=places.LEASABLE, kernels=("lab",))
def dma_by_iommufd(context):
    _run_client(context, "iommufd")


@test(on=("virtio",), kernels=("lab",))
def dma_where_unsafe_interrupts_are_allowed(context):
    """virtio-iommu does not remap interrupts; whoever runs the machine may accept that."""
    switch = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    context.undo(f"echo N > {switch}")
    context.sh(f"echo Y > {switch}")
    _run_client(context, "vfio")


@test(on=("basic",), kernels=("6.1", "6.12"))
def iommufd_needs_a_kernel_with_it(context):
    context.refused(f"run --mode iommufd {EDU} -- true", 6, "iommufd", LAB)


@test(on=("basic", "amd"))
def run_gives_back_and_passes_the_code(context):
    context.isoctl(f"run {EDU} -- sh -c 'exit 7'", LAB, code=7)
    context.equal(context.json("leases")["leases"], [], "leases after run")
    context.equal(places.driver_of(context, EDU), "", "edu's driver after run")
    context.isoctl(f"run {EDU} -- sh -c 'kill -TERM $$'", LAB, code=128 + 15)
    context.equal(context.json("leases")["leases"], [], "leases after a client that was killed")


@test(on=("basic",))
def leases_tells_who_has_what(context):
    stream = places.hold(context, EDU)
    lease, = context.json("leases")["leases"]
    context.equal({key: lease[key] for key in ("devices", "held", "uid", "mode", "lifetime",
                                               "guard", "state", "rule")},
                  {"devices": [EDU], "held": [], "uid": LAB, "mode": "vfio", "lifetime": "fd",
                   "guard": "owned", "state": "leased",
                   "rule": "50-lab.json:4: lab-edu"}, "the lease")
    context.ok(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", lease["since"]), f"since: {lease}")
    group = context.json(f"show {EDU}")["group"]
    context.equal((group["state"], group["lease"], group["guard"]),
                  ("leased", lease["lease"], "owned"), "the group while leased")
    context.equal(group["devices"][0]["state"], "leased", "edu's state while leased")
    context.equal(places.driver_of(context, EDU), "vfio-pci", "edu's driver while leased")
    places.let_go(stream)
    context.equal(context.json("leases")["leases"], [], "leases afterwards")


@test(on=("basic", "amd"), any_kernel=True)
def a_leased_group_is_busy(context):
    stream = places.hold(context, EDU)
    context.refused(f"acquire {EDU}", 4, r"leased", ROOT)
    answer = context.json(f"acquire {EDU}", ROOT, code=4)
    context.equal(answer["error"], "Busy", "the error's name")
    context.ok(answer["message"], "the error has no words")
    places.let_go(stream)


@test(on=("basic",), any_kernel=True)
def persistent_lease_is_released_by_its_owner(context):
    answer = context.json(f"acquire {EDU}", LAB)
    number = answer["lease"]
    context.undo(f"isoctl release --force {number} >/dev/null 2>&1 || "
                 f"isoctl release {number} >/dev/null 2>&1 || true")
    context.equal((answer["lifetime"], answer["devices"]), ("persistent", [EDU]), "the answer")
    context.equal([each["lease"] for each in context.json("leases")["leases"]], [number],
                  "leases after acquire")
    context.isoctl(f"release {number}", STRANGER, code=5)
    answer = context.json(f"release {number}", LAB)
    context.equal(answer["lease"], number, "what release says")
    context.equal(context.json("leases")["leases"], [], "leases after release")


@test(on=("basic", "amd"), any_kernel=True)
def stranger_is_refused_by_rule(context):
    """The refusal names the rule that decided, or says that no rule speaks of the device."""
    context.refused(f"run {EDU} -- true", 5, r"rule 50-lab\.json:4: lab-edu", STRANGER)
    for uid in (LAB, STRANGER):
        context.refused(f"run {places.LONE} -- true", 5, r"no policy rule|no rule", uid)
    answer = context.json(f"acquire {EDU}", STRANGER, code=5)
    context.equal(answer["error"], "PolicyDenied", "the error's name")


@test(on=("basic",), any_kernel=True)
def a_deny_rule_is_named(context):
    context.write("/etc/isolationd/policy.d/10-never.json", """{ "rules": [
        { "name": "never-edu", "match": { "vendor": "1234" }, "lease": "deny" } ] }""")
    context.isoctl("list")
    context.sh("systemctl reload isolationd.service")
    context.refused(f"run {EDU} -- true", 5, "never-edu", LAB)
    context.sh("rm /etc/isolationd/policy.d/10-never.json")
    context.sh("systemctl reload isolationd.service")
    context.isoctl(f"run {EDU} -- true", LAB)


def _nodes(context, uid):
    """{path: how opening it went} for all nodes of VFIO and iommufd."""
    out = context.sh(f"{places.CLIENT} nodes", uid)
    nodes = dict(line.split() for line in out.splitlines())
    nodes.pop("/dev/vfio/devices", None)        # the directory
    return nodes


@test(on=("basic", "amd"))
def without_a_lease_no_node_opens(context):
    for mode in places.modes(context.kernel):
        answer = context.json(f"acquire --mode {mode} {EDU}", ROOT)
        context.undo(f"isoctl release {answer['lease']} >/dev/null 2>&1 || true")
        for uid in (LAB, STRANGER):
            nodes = _nodes(context, uid)
            context.ok(nodes, "no node is there though a device is leased")
            context.equal({path: how for path, how in nodes.items() if how != "EACCES"}, {},
                          f"nodes that uid {uid} can do anything with")
        context.isoctl(f"release {answer['lease']}")


@test(any_kernel=True)
def unknown_selectors_are_not_found(context):
    for selector in ("0000:7f:00.0", "group:9999", "no-such-thing"):
        name = re.escape(selector.removeprefix("group:"))
        context.refused(f"show {selector}", 3, name, LAB)
        if context.topology != "none":      # there, that is the first thing to be said
            context.refused(f"run {selector} -- true", 3, name, LAB)
    context.refused("release 4711", 3, "4711", LAB)


@test(on=("basic",))
def variant_driver_that_does_not_come(context):
    """The kernel's tables name a driver made for edu; its module is not there: vfio-pci it is."""
    tables = f"/lib/modules/{context.sh('uname -r').strip()}"
    alias = "alias vfio_pci:v00001234d000011E8sv*sd*bc*sc*i* no_such_vfio_pci"
    there = context.run(f"test -e {tables}/modules.alias").code == 0
    if there:
        context.undo(f"mv {tables}/modules.alias.before {tables}/modules.alias")
        context.sh(f"cp {tables}/modules.alias {tables}/modules.alias.before; "
                   f"echo '{alias}' >> {tables}/modules.alias")
    else:
        context.write(f"{tables}/modules.alias", alias)
    number = context.json(f"acquire {EDU}", LAB)["lease"]
    context.equal(places.driver_of(context, EDU), "vfio-pci", "edu's driver")
    context.isoctl(f"release {number}", LAB)
    logged = context.sh("journalctl --no-pager -u isolationd.service")
    context.ok(f"{EDU} gets vfio-pci instead of the driver of no_such_vfio_pci" in logged,
               f"the journal does not tell why it is vfio-pci:\n{logged}")
    before = places.listing(context)
    context.refused(f"acquire --driver=no_such_vfio_pci {EDU}", 6, "no_such_vfio_pci", LAB)
    context.refused(f"acquire --driver=edu {EDU}", 6, "no VFIO driver edu", LAB)
    context.refused(f"acquire --driver=../x {EDU}", 2, "not a name of a driver", LAB)
    context.same_lines(before, places.listing(context), "the machine after refusals")
    number = context.json(f"acquire --driver=vfio-pci {EDU}", LAB)["lease"]
    context.isoctl(f"release {number}", LAB)


@test(on=("switch",), any_kernel=True)
def a_rule_widens_it(context):
    """Cards below a switch without ACS are two groups of the kernel's, and reach each other."""
    listed = places.listing(context)
    cards = [each["device"] for each in context.json("list")["devices"]
             if each["id"].startswith("0000:00/02.0/") and each["driver"] == "e1000e"]
    context.equal(len(cards), 2, f"cards below the switch: {cards}")
    rule = {"name": "both", "match": {"path": "0000:00/02.0/*"}, "lease": {"users": ["lab"]},
            "widen": True}
    path = "/etc/isolationd/policy.d/05-both.json"
    context.write(path, json.dumps({"rules": [rule]}))
    context.sh("systemctl reload-or-restart isolationd.service")
    words = context.refused(f"acquire {cards[0]}", 6, "policy widens the lease to this group", LAB)
    context.ok(f"{cards[1]} is bound to e1000e" in words, words)
    steps = context.isoctl(f"plan --with-members {cards[0]}", LAB).out
    context.ok(all(f"{card} " in steps for card in cards), steps)
    answer = context.json(f"acquire --with-members {cards[0]}", LAB)
    context.equal((len(answer["groups"]), sorted(answer["devices"])), (2, sorted(cards)),
                  "what the lease has")
    context.isoctl(f"release {answer['lease']}", LAB)
    context.same_lines(listed, places.listing(context), "the machine after that")
    # What a lease is widened to is nobody's who may not have it.
    never = {"name": "never", "match": {"address": cards[1]}, "lease": "deny"}
    context.write(path, json.dumps({"rules": [never, rule]}))
    context.sh("systemctl reload isolationd.service")
    context.refused(f"acquire --with-members {cards[0]}", 5,
                    r"05-both\.json:\d+: never", LAB)
