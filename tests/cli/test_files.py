#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl on machines that are files: snapshots and lspci's output, told apart by content."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import unittest

import tree
from harness import ISOCTL, document, environment, isoctl

DUMP = """\
00:00.0 Host bridge [0600]: Made Up Host Bridge [8086:29c0]
\tStatus: Cap- 66MHz-
00:1c.0 PCI bridge [0604]: Made Up Root Port [1234:0001]
\tStatus: Cap+ 66MHz-
\tIOMMU group: 4
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
01:00.0 Ethernet controller [0200]: Made Up Adapter [1234:0002]
\tPhysical Slot: 4-1
\tStatus: Cap+ 66MHz-
\tIOMMU group: 4
\tCapabilities: [40] Express (v2) Endpoint, MSI 00
\tCapabilities: [140 v1] Device Serial Number 00-11-22-ff-fe-33-44-55
\tKernel driver in use: madeup
"""
SERIAL = "00-11-22-ff-fe-33-44-55"


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="isoctl-test-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name
        cls.root = cls.path("tree")
        tree.build(cls.root)
        os.makedirs(os.path.join(cls.root, "bus/pci/slots/7"))
        with open(os.path.join(cls.root, "bus/pci/slots/7/address"), "w",
                  encoding="ascii") as file:
            file.write("0000:03:00\n")
        cls.dump = cls.write("dump", DUMP)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def write(cls, name, text):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return cls.path(name)

    def answer(self, *arguments, **more):
        result = isoctl(*arguments, "--json", **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return document(result)

    def snapshot(self, *arguments):
        result = isoctl("snapshot", *arguments)
        told = [line for line in result.stderr.splitlines() if not line.startswith("isoctl: note: ")]
        self.assertEqual((result.returncode, told), (0, []))
        return result.stdout

    def refused(self, code, wanted, *arguments, **more):
        result = isoctl(*arguments, **more)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(wanted, result.stderr)
        self.assertEqual(result.stdout, "")

    def _memlock(self, limit, *arguments):
        """isoctl memlock under a limit of its own, and without the capability that lifts it."""
        drop = ["setpriv", "--bounding-set", "-ipc_lock"] if os.geteuid() == 0 else []
        command = ["prlimit", f"--memlock={limit}:", "--", *drop, ISOCTL, "memlock", "--from",
                   self.root, *arguments, "--json"]
        result = subprocess.run(command, capture_output=True, text=True, check=False,
                                env=environment())
        return result.returncode, document(result)

    @unittest.skipUnless(shutil.which("prlimit") and shutil.which("setpriv"),
                         "util-linux (prlimit, setpriv) is not installed")
    def test_memlock(self):
        """The limit is isoctl's own: what can be set here, at most 256 MiB."""
        mib = 1 << 20
        hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
        limit = 256 * mib if hard < 0 else min(hard, 256 * mib)

        code, answer = self._memlock(limit, "03:00.0", "--ram", "192M")
        fits = limit >= 256 * mib
        self.assertEqual(code, 0 if fits else 1)
        self.assertEqual({key: answer[key] for key in (
            "schema", "address_spaces", "accounting", "mode", "ram", "need", "limit", "exempt",
            "verdict")}, {
                "schema": "isolationd.memlock/1", "address_spaces": 1, "accounting": "process",
                "mode": "vfio", "ram": 192 * mib, "need": 256 * mib, "limit": limit,
                "exempt": False, "verdict": "enough" if fits else "too-small"})
        self.assertEqual(answer["ram_allowed"], max(limit - 64 * mib, 0))
        code, answer = self._memlock(limit, "03:00.0", "--ram", "193M", "--mode", "iommufd")
        self.assertEqual((code, answer["verdict"], answer["mode"]), (1, "too-small", "iommufd"))
        # Beyond the hard limit it is for root.
        self.assertRegex(answer["next"], f"ulimit -l {257 * 1024}|by root alone")
        # A guest with an IOMMU of its own maps all memory once for each group.
        groups = [group["id"] for group in self.answer("groups", "--from", self.root)["groups"]]
        _, answer = self._memlock(limit, groups[0], groups[-1], "--ram", "64M", "--viommu")
        self.assertEqual((answer["address_spaces"], answer["need"]), (2, 256 * mib))
        code, answer = self._memlock(limit, "03:00.0", "--mode", "iommufd-unbound")
        self.assertEqual((code, answer["mode"]), (0, "iommufd-unbound"))
        for mode in ("path", "group-fd"):
            code, answer = self._memlock(limit, "03:00.0", "--ram", "193M", "--mode", mode)
            self.assertEqual((code, answer["verdict"], answer["accounting"]), (1, "too-small", "owner"))
        result = isoctl("memlock", "--from", self.root, "03:00.0", "--mode=path", "--ram=1G")
        self.assertIn("counted    per process in a container, per user in the owner's own iommufd", result.stdout)
        code, answer = self._memlock(limit, "03:00.0", "--pid", str(2 ** 31 - 2))
        self.assertEqual((code, answer["limit"], answer["verdict"]), (0, None, "unknown"))
        self.assertIn("cannot be read", answer["next"])
        text = isoctl("memlock", "--from", self.root, "03:00.0", "--ram=1G").stdout
        self.assertIn("need       1140850688 bytes (1.1 GiB)", text)
        for bad in (["--ram=much"], ["--mode=paths"], ["--pid=0"], ["--pid=me"]):
            with self.subTest(bad):
                self.refused(2, "", "memlock", "--from", self.root, "03:00.0", *bad)

    def test_groups_beside_it(self):
        dump = self.write("list", "00:00.0 0600: 8086:1234\n00:02.0 0300: 8086:1912\n")
        groups = self.write("listing", "IOMMU Group 0:\n\t00:00.0\nIOMMU Group 3:\n\t00:02.0\n")
        answer = self.answer("groups", "--from", dump, "--groups", groups)
        self.assertEqual([(group["kernel_group"], group["devices"]) for group in answer["groups"]],
                         [(0, ["0000:00:00.0"]), (3, ["0000:00:02.0"])])
        other = self.write("other", "pci 0000:00:00.0: Adding to iommu group 7\n"
                                    "IOMMU Group 0 00:00.0\n")
        self.refused(2, f"0000:00:00.0 differs between {other}:1 and {other}:2 ",
                     "groups", "--from", dump, "--groups", other)
        self.refused(2, "--groups needs --from", "groups", "--groups", groups)
        self.refused(2, "takes no --groups", "leases", "--groups", groups)
        self.refused(2, "which has its own groups", "groups", "--from", self.root, "--groups", groups)

    def test_notes(self):
        path = self.write("cut", "\tIOMMU group: 1\n00:00.0 0600: 8086:1234\n")
        result = isoctl("list", "--from", path)
        self.assertEqual(result.returncode, 0)
        self.assertIn(f"isoctl: note: {path}:1: these details belong to a device whose first line "
                      "is missing: give the output of lspci from its beginning\n", result.stderr)
        self.assertIn(f"isoctl: note: {path}:2: the text has no details of the device: run lspci -vvvnn "
                      "as root", result.stderr)

    def test_the_same_from_a_snapshot(self):
        for source in (self.root, self.dump):
            copy = self.write("copy", self.snapshot("--from", source))
            for verb in (["list"], ["groups"], ["groups", "--partition", "kernel"],
                         ["groups", "--partition", "observed"],
                         ["groups", "--partition", "sound"], ["compare"]):
                with self.subTest(source=source, verb=verb):
                    answers = [self.answer(*verb, "--from", each) for each in (source, copy)]
                    for answer in answers:  # what a device is to the running host is not kept
                        for device in answer.get("devices", []) if verb == ["list"] else []:
                            del device["uses"]
                    self.assertEqual(*answers)

    def test_type_of_groups(self):
        copy = self.write("copy", self.snapshot("--from", self.root))
        self.assertEqual(self.answer("show", "group:1", "--from", copy)["group"]["type"],
                         "DMA-FQ")

    def test_written_again(self):
        first = self.snapshot("--from", self.root)
        self.assertEqual(self.snapshot("--from", self.write("first", first)), first)
        self.assertEqual(json.loads(first)["schema"], "isolationd.snapshot/1")
        self.assertEqual(len(json.loads(first)["devices"]), 7)

    def test_output(self):
        for option in ("-o", "--output"):
            self.assertEqual(self.snapshot("--from", self.dump, option, self.path("out")), "")
            with open(self.path("out"), encoding="utf-8") as file:
                self.assertEqual(file.read(), self.snapshot("--from", self.dump, option, "-"))
        self.refused(1, "writing ", "snapshot", "--from", self.dump, "-o",
                     self.path("nowhere/out"))
        self.refused(1, "No space left", "snapshot", "--from", self.root, "-o", "/dev/full")

    def test_anonymise(self):
        number = SERIAL.replace("-", "")
        self.assertIn(number, self.snapshot("--from", self.dump))
        anonymous = self.snapshot("--anonymise", "--from", self.dump)
        self.assertNotIn(number, anonymous)
        self.assertIs(json.loads(anonymous)["devices"][2]["facts"]["serial"], True)

    def test_dump(self):
        devices = {device["device"]: device
                   for device in self.answer("list", "--from", self.dump)["devices"]}
        self.assertEqual(devices["0000:01:00.0"], {
            "device": "0000:01:00.0", "id": "0000:00/1c.0/00.0", "group": "0000:00/1c.0",
            "kernel_group": 4, "vendor": "1234", "device_id": "0002", "class": "020000",
            "driver": "madeup", "state": "host", "lease": None, "parent": "0000:00:1c.0",
            "name": None, "uses": []})

    def test_standard_input(self):
        for text in (DUMP, self.snapshot("--from", self.dump), "> " + DUMP.replace("\n", "\r\n> ")):
            answer = self.answer("groups", "--from", "-", input=text)
            self.assertEqual(answer, self.answer("groups", "--from", self.dump))
        self.refused(2, "standard input is empty", "list", "--from", "-", input="")

    def test_selectors(self):
        for selector in ("slot:4-1", SERIAL, "serial:" + SERIAL, SERIAL.upper(), "01:00.0"):
            with self.subTest(selector):
                answer = self.answer("explain", selector, "--from", self.dump)
                self.assertIn("0000:01:00.0", json.dumps(answer))
        answer = self.answer("show", "slot:7", "--from", self.root)
        self.assertIn("0000:03:00.0", json.dumps(answer))
        self.assertNotIn("0000:01:00.0", json.dumps(answer))
        for selector, message in {
            "slot:9": "there is no slot '9'",
            "serial:00-11-22-ff-fe-33-44-56": "no device has the serial number 00-11-22",
            "serial:1": "no device has the serial number 1",
            "00-11-22": "nothing has the name",
        }.items():
            with self.subTest(selector):
                self.refused(3, message, "show", selector, "--from", self.dump)

    def test_no_groups_told(self):
        result = isoctl("groups", "--from", "-", input="00:00.0 0600: 8086:29c0\n")
        self.assertEqual(result.returncode, 0)
        self.assertIn("the input has no kernel groups", result.stderr)

    def test_refused(self):
        self.refused(3, "there is no", "list", "--from", self.path("nothing"))
        self.refused(2, "is empty", "list", "--from", self.write("empty", "\n \n"))
        self.refused(2, "is not text", "list", "--from", self.write("binary", "a\0b"))
        self.refused(2, "is neither a snapshot of isoctl nor the output of lspci", "list", "--from",
                     self.write("prose", "It was a dark and stormy night.\n"))
        self.refused(2, ":2:13: devices[0].address: is missing", "list", "--from", self.write(
            "mistake", '{"schema": "isolationd.snapshot/1",\n"devices": [{}]}'))
        self.refused(2, "only \"isolationd.snapshot/1\" is understood", "list", "--from",
                     self.write("newer", '{"schema": "isolationd.snapshot/9"}'))
        self.refused(2, "takes no --anonymise", "list", "--anonymise", "--from", self.dump)
        self.refused(2, "takes no --output", "list", "-o", "x", "--from", self.dump)


if __name__ == "__main__":
    unittest.main(verbosity=2)
