# SPDX-License-Identifier: LGPL-2.1-or-later
"""The IOMMU by default: a group's type shown, set and restored; reserved regions; memory limits."""

import re

from suite import LAB, STRANGER, test
from suites import places
from suites.places import EDU, JOIN_CARD, LONE


def _type(context, selector):
    return context.json(f"type {selector}", LAB)["type"]


def _in_kernel(context, selector):
    return context.sh(f"cat /sys/bus/pci/devices/{selector}/iommu_group/type").strip()


@test(on=("basic", "amd"))
def type_is_set(context):
    before = _type(context, EDU)
    context.equal(before, _in_kernel(context, EDU), "the type that is shown")
    context.undo(f"echo {before} > /sys/bus/pci/devices/{EDU}/iommu_group/type")
    answer = context.json(f"type {EDU} identity")
    context.equal((answer["type"], _in_kernel(context, EDU)), ("identity", "identity"),
                  "the type after it was set")
    context.equal(context.json(f"type {EDU} {before}")["type"], before, "the type set back")
    context.refused(f"type {EDU} nonsense", 2, "identity, DMA")
    # A stranger is asked for a password, and there is nobody to type one.
    context.refused(f"type {EDU} identity", 5, "requires an administrator", STRANGER)
    context.equal(_in_kernel(context, EDU), before, "the type in the end")


@test(on=("basic",))
def conditions_are_named(context):
    """A bound driver; a lease; and before 6.5 a group of several devices."""
    context.refused(f"type {LONE} identity", 6, rf"{LONE} is bound to e1000e")
    stream = places.hold(context, EDU)
    context.refused(f"type {EDU} identity", 4, r"lease \d+ has it")
    places.let_go(stream)
    context.sh(f"echo {JOIN_CARD} > /sys/bus/pci/devices/{JOIN_CARD}/driver/unbind")
    context.undo(f"echo {JOIN_CARD} > /sys/bus/pci/drivers_probe")
    if context.kernel == "6.1":
        context.refused(f"type {JOIN_CARD} identity", 6, r"has 3 devices, but before 6\.5")
        if _type(context, JOIN_CARD) == "DMA-FQ":
            context.refused(f"acquire --type=DMA {JOIN_CARD}", 6, r"has 3 devices, but before 6\.5")
    else:
        before = _type(context, JOIN_CARD)
        context.undo(f"echo {before} > /sys/bus/pci/devices/{JOIN_CARD}/iommu_group/type")
        context.equal(context.json(f"type {JOIN_CARD} identity")["type"], "identity",
                      "the type of a group with ports")
        context.json(f"type {JOIN_CARD} {before}")


@test(on=("basic", "amd"))
def a_lease_has_its_type(context):
    """Asked for or by policy; what was before is back before the host's driver is."""
    before = _type(context, EDU)
    context.undo(f"echo {before} > /sys/bus/pci/devices/{EDU}/iommu_group/type")
    # Identity would be an unbound device that reaches all memory: a lease's own is better.
    context.json(f"type {EDU} identity")
    listing = places.listing(context)
    stream = context.spawn(f"exec isoctl run --type DMA {EDU} -- {places.CLIENTS['vfio']} --hold",
                           LAB)
    stream.expect(r"^round 1 ok$")
    context.equal(_in_kernel(context, EDU), "DMA", "the type while leased")
    places.let_go(stream)
    context.same_lines(listing, places.listing(context), "the machine after the lease")
    context.write("/etc/isolationd/policy.d/10-type.json", """{ "rules": [
        { "name": "strict", "match": { "vendor": "1234" },
          "lease": { "users": ["lab"], "type": "DMA" } } ] }""")
    context.sh("systemctl reload isolationd.service")
    number = context.json(f"acquire {EDU}", LAB)["lease"]
    context.equal(_in_kernel(context, EDU), "DMA", "the type by policy")
    pid, = context.unit("MainPID")
    context.restarts_allowed += 1
    context.sh(f"/bin/kill -9 {pid}")
    context.isoctl(f"release {number}", LAB)
    context.equal(_in_kernel(context, EDU), "identity", "the type that a new daemon restores")
    context.refused(f"acquire --type=identity {EDU}", 2, "not a type for a lease", LAB)


def _check_regions(context):
    regions = context.json(f"show {EDU}", LAB)["group"]["reserved_regions"]
    lines = context.sh(f"cat /sys/bus/pci/devices/{EDU}/iommu_group/reserved_regions").split("\n")
    seen = [(int(region["start"], 16), int(region["end"], 16), region["kind"])
            for region in regions]
    kernel = [(int(start, 16), int(end, 16), kind)
              for start, end, kind in (line.split() for line in lines if line)]
    context.equal(seen, kernel, "the reserved regions")
    context.ok(any(kind == "msi" for _, _, kind in seen), "no region for interrupts")
    context.ok(re.search(r"^  0x[0-9a-f]+-0x[0-9a-f]+ msi$",
                         context.isoctl(f"show {EDU}").out, re.MULTILINE), "show has no region")


@test(on=("basic", "amd"), any_kernel=True)
def reserved_regions(context):
    _check_regions(context)


# Debian's 6.12 has virtio-iommu as a module: it comes too late for a device without a driver.
@test(on=("virtio",), kernels=("lab",))
def reserved_regions_of_virtio(context):
    _check_regions(context)


@test(on=("basic",), any_kernel=True)
def too_little_may_be_locked(context):
    """Who says how much it will map is told that it may not; a policy may refuse it for that."""
    limited = "prlimit --memlock=1048576 isoctl"
    words = (r"may lock 1048576 bytes, .* needs 1140850688 more: mapping its memory will fail.*"
             r"by root alone: by \W+memlock")
    for command in (f"run --mode vfio --ram 1G {EDU} -- true", f"acquire --ram 1G {EDU}"):
        result = context.run(f"{limited} {command}", LAB)
        context.equal(result.code, 0, f"`{command}` under a limit: {result.err}")
        context.ok(re.search(words, result.err), f"no warning: {result.err}")
    lease, = context.json("leases")["leases"]
    out = context.sh("busctl --json=short get-property org.isolationd1 "
                     f"/org/isolationd1/lease/{lease['lease']} org.isolationd1.Lease MemoryWarning")
    context.ok(re.search(words, out), f"the lease's MemoryWarning: {out}")
    context.isoctl(f"release {lease['lease']}", LAB)
    context.equal(context.run(f"{limited} run {EDU} -- true", LAB).err.count("may lock"), 0,
                  "warnings about memory that nobody spoke of")
    # Root is not counted.
    result = context.run(f"{limited} run --mode vfio --ram 1G {EDU} -- true")
    context.equal(result.err.count("may lock"), 0, "warnings for who has CAP_IPC_LOCK")
    result = context.run(f"{limited} memlock --json --ram 1G {EDU}", LAB)
    context.equal((result.code, '"verdict":"too-small"' in result.out), (1, True), result.out)
    context.write("/etc/isolationd/policy.d/10-memlock.json", """{ "rules": [
        { "name": "locks", "match": { "vendor": "1234" },
          "lease": { "users": ["lab"] }, "require": { "memlock": true } } ] }""")
    context.sh("systemctl reload isolationd.service")
    result = context.run(f"{limited} acquire --ram 1G {EDU}", LAB)
    context.equal(result.code, 6, f"exit code by policy: {result.err}")
    context.ok(re.search(words + r".*\(policy rule 10-memlock\.json:2: locks\)", result.err),
               f"the refusal: {result.err}")
    context.isoctl(f"run {EDU} -- true", LAB)


@test(on=("basic",), any_kernel=True)
def what_may_be_locked_is_raised(context):
    """A user with Debian's 8 MiB has DMA with more than that, where the policy lets it."""
    limits = "ulimit -S -l; ulimit -H -l"
    debian = "prlimit --memlock=8388608:8388608 isoctl"
    context.isoctl("list")      # it runs from now on
    for mode, memlock, told in (("path", "64M", "65536"), ("vfio", "unlimited", "unlimited")):
        context.write("/etc/isolationd/policy.d/10-memlock.json", """{ "rules": [
            { "name": "locks", "match": { "vendor": "1234" },
              "lease": { "users": ["lab"], "memlock": "%s" } } ] }""" % memlock)
        context.sh("systemctl reload isolationd.service")
        result = context.run(f"{debian} run --mode {mode} {EDU} -- sh -c '{limits}'", LAB)
        context.equal((result.code, result.out.split()), (0, [told, told]),
                      f"limits of the command, mode {mode}: {result.err}")
        plan = context.run(f"{debian} plan --mode {mode} --json {EDU}", LAB)
        context.ok(re.search(r"let process \d+ lock", plan.out), f"the plan: {plan.out}")
    # No warning, for there is enough; and it is put back while the process lives.
    stream = context.spawn(f"exec {debian} run --ram 1G --mode path {EDU} -- sh -c "
                           "'echo held; exec cat'", LAB)
    stream.expect("^held$")
    context.ok(not any("may lock" in line for line in stream.errors), f"warnings: {stream.errors}")
    show = f"prlimit --pid {stream.pid} --memlock --raw --noheadings --output SOFT,HARD"
    context.equal(context.sh(show).split(), ["unlimited", "unlimited"], "isoctl's own limits")
    context.restarts_allowed += 1
    context.sh("systemctl restart isolationd.service")
    number = context.json("leases")["leases"][0]["lease"]
    context.isoctl(f"release {number}", LAB)
    context.equal(context.sh(show).split(), ["8388608", "8388608"], "isoctl's limits afterwards")
    stream.eof()
    stream.wait()
