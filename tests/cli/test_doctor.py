#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl doctor on made trees, on snapshots, and with a fake isolationd."""

import json
import os
import re
import tempfile
import unittest

import tree
from harness import document, isoctl
from test_daemon import WithBus

# What a copied tree is examined for, in this order. The manual lists the checks too: a new one is
# added there.
MACHINE = ["iommu", "coverage", "default-domain", "interrupt-remapping", "ats", "preboot",
           "acs-override", "groups", "reach", "kernel", "modules", "unsafe-interrupts", "noiommu",
           "lockdown", "sva"]
# The checks that the manual lists and that a copy of a machine does not get.
NOT_OF_A_COPY = {"external-ports", "memlock", "daemon", "policy", "leases", "guards", "unleased"}
SELF = ["records", "files", "helpers", "store", "downgrade"]
DAEMON = ["daemon", "policy", "leases", "guards", "unleased", *SELF]
KEYS = {"id", "level", "what", "evidence", "why", "fix"}


def listed():
    """The checks in the manual's list."""
    with open(os.path.join(os.environ["MAN_DIRECTORY"], "isoctl.1"), encoding="utf-8") as file:
        page = file.read()
    section = page[page.index("\n.It Cm doctor\n"):]
    names = re.findall(r"(?m)^\.It Cm (.+)$", section[section.index("\n.Bl "):section.index("\n.El\n")])
    return {name for line in names for name in line.split(" , ")}


def table(name, at, value):
    data = bytearray(48)
    data[:4] = name.encode()
    data[at] = value
    return bytes(data)


class Trees(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="isoctl-doctor-")
        self.addCleanup(directory.cleanup)
        self.root = os.path.join(directory.name, "sys")

    def write(self, path, content):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def findings(self, code=1, source=None):
        result = isoctl("doctor", "--json", "--from", source or self.root)
        self.assertEqual((result.returncode, result.stderr), (code, ""))
        answer = document(result)
        self.assertEqual(answer["schema"], "isolationd.doctor/1")
        self.assertEqual(answer["fit"], code == 0)
        for finding in answer["findings"]:
            self.assertEqual(set(finding), KEYS)
            self.assertIn(finding["level"], ("ok", "warn", "fail", "unknown"))
            self.assertTrue(finding["what"] and finding["evidence"] and finding["why"])
            self.assertTrue(finding["level"] == "ok" or finding["fix"], finding)
        return {finding["id"]: finding for finding in answer["findings"]}

    def level(self, name):
        return self.findings()[name]["level"]

    def test_copied_tree(self):
        """A copy without the rest of the machine: facts that it does not have are not ok."""
        tree.build(self.root)
        found = self.findings()
        self.assertEqual([name for name in found if name in MACHINE], MACHINE)
        self.assertEqual(set(found), listed() - NOT_OF_A_COPY)
        levels = {name: finding["level"] for name, finding in found.items()}
        self.assertEqual([name for name in MACHINE if levels[name] == "ok"],
                         ["iommu", "coverage", "default-domain", "ats", "groups", "reach", "sva"])
        self.assertEqual({level for level in levels.values() if level != "ok"}, {"unknown"})

    def test_no_iommu(self):
        tree.build(self.root, iommu=False)
        self.assertEqual(self.level("iommu"), "unknown")
        os.makedirs(os.path.join(self.root, "kernel/iommu_groups"))
        self.assertEqual(self.level("iommu"), "fail")
        self.write("firmware/acpi/tables/DMAR", table("DMAR", 37, 1))
        self.assertIn("intel_iommu=on", self.findings()["iommu"]["fix"])
        self.assertNotIn("interrupt-remapping", self.findings())

    def test_reach(self):
        tree.build_switch(self.root)
        finding = self.findings()["reach"]
        self.assertEqual(finding["level"], "warn")
        self.assertIn("0000:00/01.0", finding["evidence"])

    def test_identity(self):
        tree.build(self.root)
        self.write("kernel/iommu_groups/3/type", "identity\n")
        finding = self.findings()["default-domain"]
        self.assertEqual(finding["level"], "warn")
        self.assertIn("0000:00/06.0/00.0", finding["evidence"])

    def test_parameters(self):
        tree.build(self.root)
        unsafe = "parameters/allow_unsafe_interrupts"
        for name, path in (("unsafe-interrupts", f"vfio_iommu_type1/{unsafe}"),
                           ("unsafe-interrupts", f"iommufd/{unsafe}"),
                           ("noiommu", "vfio/parameters/enable_unsafe_noiommu_mode")):
            with self.subTest(path):
                self.write(f"module/{path}", "N\n")
                self.assertNotEqual(self.level(name), "fail")
                self.write(f"module/{path}", "Y\n")
                finding = self.findings()[name]
                self.assertEqual(finding["level"], "fail")
                self.assertIn(path.split("/", maxsplit=1)[0] + ".", finding["evidence"])
                self.write(f"module/{path}", "N\n")
        self.assertEqual((self.level("unsafe-interrupts"), self.level("noiommu")), ("ok", "ok"))

    def test_firmware(self):
        tree.build(self.root)
        for name, at, value, level in (("DMAR", 37, 5, "ok"), ("DMAR", 37, 1, "warn")):
            self.write(f"firmware/acpi/tables/{name}", table(name, at, value))
            self.assertEqual(self.level("preboot"), level)

    def test_lockdown(self):
        tree.build(self.root)
        self.write("kernel/security/lockdown", "none [integrity] confidentiality\n")
        self.assertEqual(self.level("lockdown"), "warn")
        self.write("kernel/security/lockdown", "[none] integrity confidentiality\n")
        self.assertEqual(self.level("lockdown"), "ok")

    def test_snapshot(self):
        """The kernel's release and command line come with a snapshot."""
        tree.build_switch(self.root)
        machine = json.loads(isoctl("snapshot", "--from", self.root).stdout)
        machine["kernel_release"] = "5.15.0-91-generic"
        machine["command_line"] = "pcie_acs_override=downstream vfio.enable_unsafe_noiommu_mode=1"
        machine["interrupt_remapping"] = False
        path = self.root + ".json"
        with open(path, "w", encoding="ascii") as file:
            json.dump(machine, file)
        found = self.findings(source=path)
        self.assertEqual([found[name]["level"] for name in
                          ("kernel", "noiommu", "interrupt-remapping", "lockdown")],
                         ["fail", "fail", "fail", "unknown"])
        self.assertIn(found["acs-override"]["level"], ("warn", "fail"))
        self.assertIn("pcie_acs_override=downstream", found["acs-override"]["evidence"])

    def test_text(self):
        tree.build(self.root)
        self.write("module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
        result = isoctl("doctor", "--from", self.root)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"(?m)^ok +iommu +an IOMMU is on\. 7 of 7 ")
        self.assertRegex(result.stdout, r"(?m)^FAIL +noiommu +VFIO accepts devices .*\n"
                                        r" +why it matters: .*\n +fix: ")
        self.assertRegex(result.stdout, r"\n\d+ checks passed, \d+ need attention\n\Z")


class Daemon(WithBus):
    """Findings of the daemon; the machine is the one that this test runs on."""

    def found(self):
        result = self.isoctl("doctor", "--json")
        self.assertIn(result.returncode, (0, 1), result.stderr)
        findings = document(result)["findings"]
        self.assertEqual(result.returncode,
                         int(any(finding["level"] != "ok" for finding in findings)))
        self.assertTrue(all(finding["level"] == "ok" or finding["fix"] for finding in findings))
        return {finding["id"]: finding for finding in findings if finding["id"] in DAEMON}

    def levels(self):
        return {name: finding["level"] for name, finding in self.found().items()}

    def setUp(self):
        super().setUp()
        if not os.path.isdir("/sys/bus/pci/devices"):
            self.skipTest("this machine has no PCI bus to look at")

    def test_well(self):
        self.start_daemon()
        self.assertEqual(self.levels(), dict.fromkeys(DAEMON, "ok"))

    def test_not_there(self):
        finding = self.found()
        self.assertEqual({name: each["level"] for name, each in finding.items()},
                         {"daemon": "unknown"})
        self.assertEqual(self.isoctl("doctor").returncode, 1)

    def test_refuses(self):
        self.start_daemon("e1000e", "the kernel is too old", "50-lab.json:7:19: unknown strength")
        found = self.found()
        self.assertEqual((found["daemon"]["level"], found["daemon"]["evidence"]),
                         ("fail", "the kernel is too old"))
        self.assertEqual((found["policy"]["level"], found["policy"]["evidence"]),
                         ("fail", "50-lab.json:7:19: unknown strength"))

    def test_what_the_daemon_finds_of_itself(self):
        for name in SELF:
            with self.subTest(name):
                self.start_daemon("e1000e", "", "", name)
                found = self.found()[name]
                self.assertEqual((found["level"], found["what"], found["evidence"], found["fix"]),
                                 ("fail", "it is not well", "As asked.", "Mend it."))
                self.assertTrue(found["why"])
                self.assertEqual(self.isoctl("doctor").returncode, 1)
                self.doCleanups()
                self.setUp()

    def test_left_behind(self):
        self.start_daemon("vfio-pci")
        found = self.found()["unleased"]
        self.assertEqual((found["level"], found["what"]),
                         ("warn", "0000:01:00.0 is bound to vfio-pci without a lease"))
        self.assertIn("isoctl repair DEVICE", found["fix"])
        self.isoctl("acquire", "--with-members", "01:00.0")
        self.assertEqual(self.levels(), dict.fromkeys(DAEMON, "ok"))

    def test_trouble(self):
        daemon = self.start_daemon()
        self.isoctl("acquire", "--with-members", "01:00.0")
        daemon.say("spoil")
        daemon.await_line(lambda line: line == "spoiled")
        found = self.found()
        self.assertEqual((found["leases"]["level"], found["leases"]["what"],
                          found["leases"]["evidence"]),
                         ("fail", "lease 1 is quarantined", "a test waits"))
        self.assertEqual(found["guards"]["level"], "fail")
        self.assertTrue(re.search("0000:00/01.0", found["guards"]["what"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
