# SPDX-License-Identifier: LGPL-2.1-or-later
"""Groups: the daemon's partition is the kernel's, and every merge has a reason."""

import itertools
import json
import re

from suite import LAB, test
from suites import places

RULES = {"upstream-acs", "multifunction-acs", "bridge-alias", "dma-alias", "real-dma-device"}
WITH_IOMMU = ("basic", "acpi", "switch", "sriov", "amd", "virtio")
# With a virtio-iommu that is a module, the kernel puts a device into a group only when a driver
# takes it: what it shows there is no partition of the machine.
COMPUTABLE = ("basic", "acpi", "switch", "sriov", "amd")


def kernel_partition(context):
    """{number: sorted addresses} of /sys/kernel/iommu_groups."""
    groups = {}
    listed = context.sh("find /sys/kernel/iommu_groups/*/devices/* -maxdepth 0 2>/dev/null; true")
    for number, address in re.findall(r"iommu_groups/(\d+)/devices/(\S+)", listed):
        groups.setdefault(int(number), []).append(address)
    return {number: sorted(addresses) for number, addresses in groups.items()}


def as_sets(groups):
    return sorted(tuple(sorted(devices)) for devices in groups)


@test(on=WITH_IOMMU)
def kernel_partition_is_the_kernels(context):
    wanted = kernel_partition(context)
    context.ok(wanted, "this machine's kernel shows no group")
    for arguments, name in (("groups", "observed"), ("groups --partition observed", "observed")):
        answer = context.json(arguments)
        context.equal(answer["partition"], name, "partition")
        seen = {each["kernel_group"]: sorted(each["devices"]) for each in answer["groups"]}
        context.equal(seen, wanted, f"`isoctl {arguments}`")


@test(on=("none",))
def without_an_iommu_groups_are_computed(context):
    """The kernel has none; what its rules would give is shown, so that one can look at it."""
    context.equal(kernel_partition(context), {}, "the kernel's groups")
    context.equal(context.json("groups --partition observed")["groups"], [], "observed groups")
    groups = context.json("groups")["groups"]
    context.equal({each["kernel_group"] for each in groups}, {None}, "kernel groups")
    members = sorted(address for each in groups for address in each["devices"])
    context.equal(members, sorted(context.sh("ls /sys/bus/pci/devices").split()), "members")
    context.ok(["0000:00:02.0", "0000:00:02.1", "0000:01:00.0"] in
               [sorted(each["devices"]) for each in groups], f"the join slot is no group: {groups}")


def _computed_partition(context):
    answer = context.json("groups --partition kernel")
    context.equal(answer["partition"], "kernel", "partition")
    return as_sets(each["devices"] for each in answer["groups"])


@test(on=COMPUTABLE)
def computed_partition_is_the_kernels(context):
    context.equal(_computed_partition(context), as_sets(kernel_partition(context).values()),
                  "`isoctl groups --partition kernel`")


@test(on=("sriov",))
def virtual_functions_come_and_go(context):
    """The groups follow the machine: four functions more, and four less."""
    number = "/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"
    events = places.watch(context)
    for count, event in ((4, "device-added"), (0, "device-removed")):
        context.sh(f"echo {count} > {number}")
        for _ in range(4):
            places.expect_event(events, event)
        wanted = as_sets(kernel_partition(context).values())
        context.equal(_computed_partition(context), wanted, f"computed groups with {count} more")
        context.equal(as_sets(each["devices"] for each in context.json("groups")["groups"]),
                      wanted, f"groups with {count} virtual functions more")


@test(on=COMPUTABLE)
def every_merge_has_a_reason(context):
    """The reasons' edges join all members of a group, and none says merely `observed`."""
    many = [group for group in kernel_partition(context).values() if len(group) > 1]
    context.ok(many, "no group of this machine has two members")
    for group in many:
        answer = context.json(f"explain {group[-1]}")
        context.equal(sorted(answer["members"]), group, f"members of {group[-1]}'s group")
        joined = {address: {address} for address in group}
        for reason in answer["reasons"]:
            context.ok(reason["rule"] in RULES, f"no real reason: {reason}")
            context.ok(reason["text"].strip(), f"no words: {reason}")
            if reason["rule"] == "upstream-acs":
                context.ok(reason["missing"], f"no ACS bit named: {reason}")
            ends = [end for end in (reason["a"], reason["b"]) if end in joined]
            union = set().union(*(joined[end] for end in ends))
            for address in union:
                joined[address] = union
        context.equal(sorted(joined[group[0]]), group,
                      f"what the reasons join, of {answer['reasons']}")


@test(on=("basic", "switch"), any_kernel=True)
def explain_tells_pairs_apart(context):
    groups = list(kernel_partition(context).values())
    many = next(group for group in groups if len(group) > 1)
    for a, b in itertools.combinations(many, 2):
        answer = context.json(f"explain {a} {b}")
        context.equal(answer["together"], True, f"{a} and {b} of one group")
        context.ok(answer["reasons"], f"no reason why {a} and {b} are one")
    other = next(group for group in groups if group is not many)[0]
    answer = context.json(f"explain {many[0]} {other}")
    context.equal(answer["together"], False, f"{many[0]} and {other} of two groups")


@test(any_kernel=True)
def list_has_every_device(context):
    present = context.sh("ls /sys/bus/pci/devices").split()
    devices = context.json("list")["devices"]
    context.equal(sorted(each["device"] for each in devices), sorted(present), "`isoctl list`")
    links = dict(re.findall(r"^(\S+) (\S+)$", context.sh(
        "cd /sys/bus/pci/devices; for d in *; do [ -e $d/driver ] && "
        "echo $d $(basename $(readlink $d/driver)); done; true"), re.MULTILINE))
    context.equal({each["device"]: each["driver"] for each in devices if each["driver"]}, links,
                  "drivers in `isoctl list`")
    ids = dict(re.findall(r"^(\S+) (\S+)$", context.sh(
        "cd /sys/bus/pci/devices; for d in *; do read v <$d/vendor; read i <$d/device; "
        "echo $d ${v#0x}:${i#0x}; done"), re.MULTILINE))
    context.equal({each["device"]: f"{each['vendor']}:{each['device_id']}" for each in devices},
                  ids, "identities in `isoctl list`")
    context.ok(len({each["id"] for each in devices}) == len(devices), "stable ids are not unique")


@test()
def tree_is_the_topology(context):
    """Each device hangs below the bridge under which sysfs has it."""
    parents = {}
    paths = context.sh("cd /sys/bus/pci/devices; for d in *; do readlink -f $d; done")
    for path in paths.splitlines():
        steps = re.findall(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", path)
        parents[steps[-1]] = steps[-2] if len(steps) > 1 else None
    seen = {}

    def walk(nodes, parent):
        for node in nodes:
            seen[node["device"]] = parent
            walk(node["children"], node["device"])
    walk(context.json("tree")["roots"], None)
    context.equal(seen, parents, "`isoctl tree`")


@test(on=("basic", "switch"))
def show_is_the_group(context):
    for number, members in kernel_partition(context).items():
        group = context.json(f"show {members[0]}")["group"]
        context.equal(group["kernel_group"], number, f"kernel group of {members[0]}")
        context.equal(sorted(each["device"] for each in group["devices"]), members,
                      f"devices of group {number}")
        shown = context.sh(f"cat /sys/kernel/iommu_groups/{number}/type").strip()
        context.equal(group["type"], shown, f"type of group {number}")
        context.equal((group["state"], group["lease"], group["guard"]), ("free", None, "none"),
                      f"state of group {number}")
        bits = {each["bit"]: each["value"] for each in group["strength"]}
        context.equal(sorted(bits), ["claimable", "msi", "p2p", "pasid", "resettable",
                                     "translated", "trusted-ats"], f"strength of {number}")
        context.equal(bits["translated"], "yes" if shown.startswith("DMA") else "no",
                      f"translation of group {number}, of type {shown}")
        context.equal(context.json(f"show group:{number}")["group"], group,
                      f"`show group:{number}`")


@test(on=("basic", "none"), any_kernel=True)
def words_for_people(context):
    """Without --json the same commands write lines that name every device."""
    present = context.sh("ls /sys/bus/pci/devices").split()
    for verb in ("list", "groups", "tree"):
        out = context.isoctl(verb).out
        for address in present:
            context.ok(address in out or address.removeprefix("0000:") in out,
                       f"`isoctl {verb}` does not name {address}:\n{out}")


@test(any_kernel=True)
def devices_have_the_names_that_the_host_gives_them(context):
    devices = {each["device"]: each for each in context.json("list")["devices"]}
    for name, path in re.findall(r"^(\S+) (\S+)$", context.sh(
            "cd /sys/class/net; for n in *; do echo $n $(readlink -f $n); done"), re.MULTILINE):
        above = re.findall(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", path)
        if above:
            context.ok(name in devices[above[-1]]["uses"], f"{above[-1]} is not known as {name}")
            context.equal(context.json(f"explain {name}")["device"], above[-1], f"the device of {name}")
    context.ok("isoctl explain DEVICE" in context.isoctl("").out, "no verb: no overview")
    root = devices[places.ROOT_DISK]["uses"]
    context.ok("/" in root and len(root) > 1, f"uses of the root disk: {root}")


@test(on=("basic",), any_kernel=True)
def selectors_name_several_devices(context):
    card, slot = places.LONE, places.LONE.rsplit(".", 1)[0]
    for selector in (slot, slot.split(":", 1)[1], "pci_" + card.replace(":", "_").replace(".", "_")):
        context.equal(context.json(f"explain {selector}")["device"], card, selector)
    ids = next("{vendor}:{device_id}".format(**each) for each in context.json("list")["devices"]
               if each["device"] == card)
    same = [each["device"] for each in context.json("list")["devices"]
            if f"{each['vendor']}:{each['device_id']}" == ids]
    if len(same) > 1:
        context.refused(f"explain {ids}", 2, f"names {len(same)} devices in several groups")
    plan = context.run(f"isoctl plan --json --with-members {ids}")
    named = {each["device"] for each in json.loads(plan.out.splitlines()[-1])["devices"]}
    context.ok(named >= set(same), f"{ids} names {same}, the plan has {named}")


@test(on=("basic",), any_kernel=True)
def an_alias_names_what_its_rule_decides(context):
    path = "/etc/isolationd/policy.d/05-alias.json"
    reload = "systemctl reload-or-restart isolationd.service"
    context.undo(reload)
    context.write(path, json.dumps({"rules": [
        {"alias": "lone", "match": {"address": places.LONE}, "lease": {"users": ["lab"]}}]}))
    context.sh(reload)
    number = re.search(r"lease (\d+)", context.isoctl("acquire --with-members lone", LAB).out).group(1)
    context.equal(context.json("leases")["leases"][0]["devices"], [places.LONE], "what was leased")
    context.isoctl(f"release {number}", LAB)
    context.sh(f"rm {path}; {reload}")
    context.refused("explain lone", 3, "no such alias|nothing has the name|has that name")
