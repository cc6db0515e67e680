# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input: machines, kernels, files and requests that cannot work are told why."""

import json

from suite import LAB, ROOT, test
from suites import places
from suites.places import EDU, JOIN_CARD, JOINER

POLICY = "/etc/isolationd/policy.d"


@test(on=("none",))
def no_iommu(context):
    """Looking works; taking is refused with the way to turn the IOMMU on."""
    before = places.listing(context)
    context.ok(context.json("list")["devices"], "list shows no device")
    for uid in (ROOT, LAB):
        context.refused(f"acquire {EDU}", 6, r"IOMMU", uid)
        context.refused(f"acquire {EDU}", 6, r"intel_iommu=on|amd_iommu|firmware|BIOS", uid)
    context.ok("IOMMU" in context.bus_property("LeaseObstacle"), "LeaseObstacle says nothing")
    context.same_lines(before, places.listing(context), "the machine after refusals")


@test(on=("virtio",), kernels=("lab",))
def interrupts_not_isolated(context):
    """virtio-iommu does not remap interrupts: VFIO refuses, and the refusal is passed on."""
    before = places.listing(context)
    result = context.run(f"isoctl acquire {EDU}", LAB)
    context.ok(result.code in (1, 6), f"acquire ended with {result.code}: {result.err}")
    context.ok(result.err.startswith("isoctl: "), f"no words: {result.err}")
    context.same_lines(before, places.listing(context), "the machine after the refusal")


@test(on=("basic",), kernels=("6.1", "6.12"))
def no_vfio_modules(context):
    context.undo("systemctl stop isolationd.service")
    context.write("/run/modprobe.d/no-vfio.conf", "\n".join(
        f"install {name} /bin/false" for name in ("vfio", "vfio-pci", "vfio_pci", "vfio-pci-core",
                                                  "vfio_pci_core", "vfio_iommu_type1")))
    context.sh("systemctl stop isolationd.service; "
               "for m in vfio_pci vfio_pci_core vfio_iommu_type1 vfio_virqfd vfio; do "
               "if grep -q \"^$m \" /proc/modules; then rmmod $m; fi; done")
    before = places.listing(context)
    context.refused(f"acquire {EDU}", 6, r"vfio", LAB)
    context.ok(context.json("list")["devices"], "list shows no device")
    context.same_lines(before, places.listing(context), "the machine after the refusal")


@test(on=("basic",), any_kernel=True)
def old_kernel(context):
    """A kernel before 5.19 cannot keep what joins from host drivers: no lease there."""
    context.undo("systemctl daemon-reload; systemctl stop isolationd.service")
    context.write("/run/systemd/system/isolationd.service.d/old-kernel.conf",
                  "[Service]\nLockPersonality=no\nExecStart=\n"
                  "ExecStart=/usr/bin/setarch --uname-2.6 /usr/libexec/isolationd")
    context.sh("systemctl daemon-reload; systemctl stop isolationd.service")
    context.refused(f"acquire {EDU}", 6, r"5\.19", LAB)
    context.ok(context.bus_property("KernelRelease").startswith("2.6."), "it sees another kernel")
    context.ok("5.19" in context.bus_property("LeaseObstacle"), "LeaseObstacle says nothing")
    context.ok(context.json("list")["devices"], "list shows no device")


@test(on=("basic", "acpi"))
def member_in_use(context):
    """A member that nobody named and that a host driver has is not taken by surprise."""
    events = places.watch(context)
    context.machine.plug("e1000e", "joiner", "jb")
    try:
        places.expect_event(events, "device-added", device=JOINER)
        context.sh("udevadm settle")
        context.equal(places.driver_of(context, JOINER), "e1000e", "the second card's driver")
        before = places.listing(context)
        group = context.json(f"show {JOIN_CARD}")["group"]["id"]
        words = context.refused(f"acquire {JOIN_CARD}", 6, "", LAB)
        context.equal(places.error_word(words).strip(),
                      f"group {group}: {JOINER} is bound to e1000e; "
                      "acquire with --with-members or unbind it", "the refusal")
        context.same_lines(before, places.listing(context), "the machine after the refusal")
        number = context.json(f"acquire --with-members {JOIN_CARD}", LAB)["lease"]
        context.equal(places.driver_of(context, JOINER), "vfio-pci", "the member's driver")
        context.isoctl(f"release {number}", LAB)
        context.same_lines(before, places.listing(context), "the machine after the lease")
    finally:
        context.machine.unplug("joiner")


@test(on=("basic", "none"), any_kernel=True)
def the_root_disk_is_critical(context):
    if context.topology == "none":
        code, words = 6, r"IOMMU|critical|mounted|/"
    else:
        code, words = 6, r"vda.*/"
    context.refused(f"acquire {places.ROOT_DISK}", code, words)
    context.sh("touch /root/still-there")


@test(on=("basic",))
def a_policy_is_read_when_it_changes(context):
    """No reload: a file written, spoilt, mended and removed, each time in force when it is whole."""
    never = f"{POLICY}/10-never.json"
    context.undo(f"rm -f {never} /run/isolationd/policy.d/10-never.json")
    context.isoctl(f"run {EDU} -- true", LAB)
    context.write(never, """{ "rules": [
        { "name": "never", "match": { "vendor": "1234" }, "lease": "deny" } ] }""")
    context.refused(f"run {EDU} -- true", 5, r"rule 10-never\.json:2: never", LAB)
    context.write(never, """{ "rules": [
        { "name": "never", "match": { "vendor": "1234" }, "lease": "dney" } ] }""")
    error = context.bus_property("PolicyError")
    context.ok(error.startswith(f"{never}:2:") and "deny" in error, f"PolicyError: {error!r}")
    context.refused(f"run {EDU} -- true", 5, r"rule 10-never\.json:2: never", LAB)
    context.sh(f"rm {never}")
    context.equal(context.bus_property("PolicyError"), "", "PolicyError when the file is gone")
    context.isoctl(f"run {EDU} -- true", LAB)
    # A directory that was not there when the daemon started.
    context.sh("mkdir -p /run/isolationd/policy.d")
    context.write("/run/isolationd/policy.d/10-never.json",
                  '{ "rules": [ { "name": "r", "match": { "vendor": "1234" }, "lease": "deny" } ] }')
    context.refused(f"run {EDU} -- true", 5, r"rule 10-never\.json:1: r", LAB)
    context.sh("rm -r /run/isolationd/policy.d")
    context.isoctl(f"run {EDU} -- true", LAB)


@test(on=("basic",))
def a_policy_that_others_may_write(context):
    """Refused and named, at once; what was in force stays, and is replaced when it is mended."""
    never = f"{POLICY}/10-never.json"
    context.write(never, """{ "rules": [
        { "name": "never", "match": { "vendor": "1234" }, "lease": "deny" } ] }""")
    context.refused(f"run {EDU} -- true", 5, r"rule 10-never\.json:2: never", LAB)
    context.isoctl("policy check")
    context.undo(f"chown root {never}; chmod 755 /etc/isolationd {POLICY}")
    for path, spoil, mend in ((never, "chown lab", "chown root"),
                              (never, "chmod 664", "chmod 644"),
                              (POLICY, "chmod 777", "chmod 755"),
                              ("/etc/isolationd", "chmod 775", "chmod 755")):
        context.sh(f"{spoil} {path}; rm -f {POLICY}/20-more.json; "
                   f"echo '{{\"rules\":[]}}' > {POLICY}/20-more.json")
        error = context.bus_property("PolicyError")
        context.ok(error.startswith(f"{path}: "), f"PolicyError after {spoil}: {error!r}")
        context.ok(error in context.isoctl("policy check", code=1).out, "policy check")
        context.ok(error in context.isoctl(f"policy check {never}", LAB, code=1).out,
                   "policy check of a file")
        report = json.loads(context.isoctl("doctor --json", code=1).out)
        found = {each["id"]: each for each in report["findings"]}
        context.equal((found["policy"]["level"], found["policy"]["evidence"]), ("fail", error),
                      "doctor's finding")
        context.refused(f"run {EDU} -- true", 5, r"rule 10-never\.json:2: never", LAB)
        context.sh(f"{mend} {path}; systemctl reload isolationd.service")
        context.equal(context.bus_property("PolicyError"), "", f"PolicyError after {mend}")
    journal = context.sh("journalctl --sync; journalctl -b -o cat --no-pager -u isolationd.service")
    context.ok(f"policy refused: {never}: belongs to uid {LAB}" in journal, "the journal")
    context.sh(f"rm {never} {POLICY}/20-more.json")
    context.isoctl(f"run {EDU} -- true", LAB)


@test(on=("basic",))
def a_rule_for_units(context):
    """Who asks is known by the unit that it runs in, whatever its user is."""
    context.write(f"{POLICY}/10-unit.json", """{ "rules": [
        { "name": "unit", "match": { "vendor": "1234", "driver": "" },
          "lease": { "units": ["isotest-*.service"] } } ] }""")
    context.refused(f"run {EDU} -- true", 5, r"rule 10-unit\.json:2: unit is not for what runs in",
                    LAB)
    asked = f"systemd-run --quiet --wait --collect --uid=nobody isoctl run {EDU} -- true"
    context.sh(asked.replace("--wait", "--wait --unit=isotest-1"))
    context.equal(context.run(asked.replace("--wait", "--wait --unit=other")).code, 5,
                  "exit code of who asks from another unit")


@test(on=("basic",))
def a_rule_requires_strength(context):
    bits = {each["bit"]: each["value"] for each in context.json(f"show {EDU}")["group"]["strength"]}
    strong = [bit for bit, value in bits.items() if value == "yes"]
    weak = [bit for bit, value in bits.items() if value != "yes"]
    context.ok(strong and weak, f"one bit that holds and one that does not: {bits}")
    rule = """{ "rules": [ { "name": "strong", "match": { "vendor": "1234" },
        "lease": { "users": ["lab"] }, "require": { "strength": %s } } ] }"""
    context.write(f"{POLICY}/10-strong.json", rule % json.dumps(strong))
    context.isoctl(f"run {EDU} -- true", LAB)
    context.write(f"{POLICY}/10-strong.json", rule % json.dumps(strong + weak[:1]))
    context.refused(f"run {EDU} -- true", 6,
                    rf"rule 10-strong\.json:1: strong requires .{weak[0]}., which is {bits[weak[0]]}",
                    LAB)


@test(on=("basic",), any_kernel=True)
def a_typo_in_the_policy(context):
    """The file, line and column are told, and what was in force stays in force."""
    context.isoctl("list")
    context.equal(context.bus_property("PolicyError"), "", "PolicyError before")
    signals = context.spawn("exec busctl monitor --json=short --match=\"type='signal',"
                            "member='PropertiesChanged',path='/org/isolationd1'\" 2>&1")
    signals.expect(lambda line: line.startswith("Monitoring"))
    context.write(f"{POLICY}/60-typo.json", """{
        "rules": [
                { "name": "typo", "match": { "vendr": "1234" }, "lease": "deny" }
        ]
}""")
    # A reload that refuses the files may say so by its exit code too.
    context.run("systemctl reload isolationd.service")
    error = context.bus_property("PolicyError")
    context.ok("60-typo.json:3:" in error and "vendr" in error, f"PolicyError: {error!r}")
    signals.expect(lambda line: "60-typo.json:3:" in line)
    journal = context.sh("journalctl --sync; journalctl -b -o cat --no-pager -u isolationd.service")
    context.ok(f"{POLICY}/60-typo.json:3:46: " in journal, f"the journal:\n{journal[-2000:]}")
    context.isoctl(f"run {EDU} -- true", LAB)
    context.sh(f"rm {POLICY}/60-typo.json; systemctl reload isolationd.service")
    context.equal(context.bus_property("PolicyError"), "", "PolicyError after")
    signals.expect(lambda line: '"PolicyError":{"type":"s","data":""}' in line)


@test(on=("basic", "none"), any_kernel=True)
def no_bus(context):
    nowhere = "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent"
    for command in ("leases", f"acquire {EDU}", f"run {EDU} -- true"):
        result = context.run(f"{nowhere} isoctl {command}", LAB)
        context.equal(result.code, 8, f"exit code of `isoctl {command}` without a bus")
        context.ok(result.err.startswith("isoctl: "), f"no words: {result.err}")


@test(on=("basic", "none"), any_kernel=True)
def no_daemon(context):
    """Masked, it cannot be started: exit 8; unmasked, the next call starts it."""
    context.undo("systemctl unmask --runtime isolationd.service")
    context.sh("systemctl stop isolationd.service; systemctl mask --runtime isolationd.service")
    for command in ("leases", f"acquire {EDU}"):
        context.refused(command, 8, "isolationd", LAB)
    context.sh("systemctl unmask --runtime isolationd.service")
    context.json("leases", uid=LAB)


@test(on=("basic",), any_kernel=True)
def nonsense_on_the_command_line(context):
    for arguments in ("frobnicate", "list --no-such-option", "acquire", f"run {EDU}",
                      f"acquire --mode nonsense {EDU}"):
        result = context.run(f"isoctl {arguments}", LAB)
        context.equal(result.code, 2, f"exit code of `isoctl {arguments}`")
        context.ok(result.err, f"`isoctl {arguments}` says nothing on standard error")
