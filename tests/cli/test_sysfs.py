#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl on copied sysfs trees: the documents, the text, the exit codes."""

import os
import subprocess
import tempfile
import unittest

import tree
from harness import DEADLINE, ISOCTL, document, environment, isoctl

JOINT = ["0000:00:02.0", "0000:00:02.1", "0000:01:00.0", "0000:02:00.0"]
DEVICE_KEYS = {"device", "id", "group", "kernel_group", "vendor", "device_id", "class", "driver",
               "state", "lease", "parent", "name", "uses"}


class WithTrees(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="isoctl-test-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.root = os.path.join(cls.directory.name, "iommu")
        cls.bare = os.path.join(cls.directory.name, "bare")
        tree.build(cls.root)
        tree.build(cls.bare, iommu=False)

    def json(self, *arguments, root=None):
        result = isoctl(*arguments, "--json", "--from", root or self.root)
        self.assertEqual(result.returncode, 0, result.stderr)
        return document(result)

    def text(self, *arguments, root=None):
        result = isoctl(*arguments, "--from", root or self.root)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout


class Documents(WithTrees):
    def test_list(self):
        answer = self.json("list")
        self.assertEqual(answer["schema"], "isolationd.list/1")
        self.assertEqual(set(answer), {"schema", "devices"})
        devices = {device["device"]: device for device in answer["devices"]}
        self.assertEqual(list(devices), sorted(devices))
        self.assertEqual(len(devices), 7)
        for device in devices.values():
            self.assertEqual(set(device), DEVICE_KEYS)
        self.assertEqual(devices["0000:01:00.0"], {
            "device": "0000:01:00.0", "id": "0000:00/02.0/00.0", "group": "0000:00/02.0",
            "kernel_group": 1, "vendor": "8086", "device_id": "10d3", "class": "020000",
            "driver": "e1000e", "state": "host", "lease": None, "parent": "0000:00:02.0",
            "name": None, "uses": ["enp1s0"]})
        self.assertIsNone(devices["0000:02:00.0"]["driver"])
        self.assertEqual(devices["0000:02:00.0"]["state"], "free")
        self.assertIsNone(devices["0000:00:00.0"]["parent"])

    def test_show(self):
        for selector in ("02:00.0", "0000:02:00.0", "group:1", "0000:00/02.0", "enp1s0"):
            with self.subTest(selector):
                answer = self.json("show", selector)
                self.assertEqual(answer["schema"], "isolationd.show/1")
                group = answer["group"]
                self.assertEqual(set(group), {"id", "kernel_group", "type", "guard", "state", "waiters",
                                              "lease", "devices", "strength"})
                self.assertEqual([device["device"] for device in group["devices"]], JOINT)
                self.assertEqual((group["id"], group["kernel_group"], group["type"]),
                                 ("0000:00/02.0", 1, "DMA-FQ"))
                self.assertEqual((group["guard"], group["state"], group["lease"]),
                                 ("none", "free", None))

    def test_groups(self):
        expected = [
            {"id": "0000:00/00.0", "kernel_group": 0, "devices": ["0000:00:00.0"]},
            {"id": "0000:00/02.0", "kernel_group": 1, "devices": JOINT},
            {"id": "0000:00/06.0", "kernel_group": 2, "devices": ["0000:00:06.0"]},
            {"id": "0000:00/06.0/00.0", "kernel_group": 3, "devices": ["0000:03:00.0"]},
        ]
        self.assertEqual(self.json("groups"), {"schema": "isolationd.groups/1",
                                               "partition": "observed", "groups": expected})
        for partition in ("kernel", "observed"):
            answer = self.json("groups", "--partition", partition)
            self.assertEqual(answer["partition"], partition)
            self.assertEqual(answer["groups"], expected)

    def test_partitions_without_kernel_groups(self):
        for partition, n in (("kernel", 4), ("sound", 4), ("observed", 0)):
            answer = self.json("groups", "--partition", partition, root=self.bare)
            self.assertEqual(len(answer["groups"]), n)
            self.assertTrue(all(group["kernel_group"] is None for group in answer["groups"]))

    def test_tree(self):
        answer = self.json("tree")
        self.assertEqual(answer["schema"], "isolationd.tree/1")
        roots = {device["device"]: device for device in answer["roots"]}
        self.assertEqual(list(roots), ["0000:00:00.0", "0000:00:02.0", "0000:00:02.1",
                                       "0000:00:06.0"])
        self.assertEqual(set(roots["0000:00:06.0"]), DEVICE_KEYS | {"children"})
        self.assertEqual([child["device"] for child in roots["0000:00:06.0"]["children"]],
                         ["0000:03:00.0"])
        self.assertEqual(roots["0000:00:00.0"]["children"], [])

    def test_explain(self):
        answer = self.json("explain", "02:00.0")
        self.assertEqual(answer["schema"], "isolationd.explain/1")
        self.assertEqual((answer["device"], answer["group"], answer["kernel_group"]),
                         ("0000:02:00.0", "0000:00/02.0", 1))
        self.assertEqual(answer["members"], JOINT)
        self.assertGreaterEqual(len(answer["reasons"]), len(JOINT) - 1)
        rules = set()
        for reason in answer["reasons"]:
            self.assertEqual(set(reason), {"rule", "a", "b", "at", "missing", "text"})
            self.assertTrue(reason["text"])
            rules.add(reason["rule"])
        self.assertEqual(rules, {"upstream-acs", "multifunction-acs"})
        joining = [reason for reason in answer["reasons"] if reason["at"] == "0000:00:02.1"]
        self.assertTrue(any(reason["missing"] == ["SV", "RR", "CR", "UF"] for reason in joining))

    def test_explain_two(self):
        answer = self.json("explain", "01:00.0", "02:00.0")
        self.assertEqual((answer["device"], answer["b"], answer["together"]),
                         ("0000:01:00.0", "0000:02:00.0", True))
        # The reasons are a chain from one to the other.
        at = "0000:01:00.0"
        for reason in answer["reasons"]:
            self.assertIn(at, (reason["a"], reason["b"]))
            at = reason["b"] if reason["a"] == at else reason["a"]
        self.assertEqual(at, "0000:02:00.0")

        answer = self.json("explain", "01:00.0", "03:00.0")
        self.assertEqual((answer["together"], answer["reasons"]), (False, []))

    def test_explain_alone(self):
        answer = self.json("explain", "03:00.0")
        self.assertEqual((answer["members"], answer["reasons"]), (["0000:03:00.0"], []))

    def test_version_and_help(self):
        for arguments, schema in ((["version"], "version"), (["--version"], "version"),
                                  (["help"], "help")):
            result = isoctl(*arguments, "--json")
            self.assertEqual(result.returncode, 0)
            self.assertEqual(document(result)["schema"], f"isolationd.{schema}/1")


class Text(WithTrees):
    def test_columns_line_up(self):
        lines = self.text("list").splitlines()
        self.assertEqual(len(lines), 8)
        self.assertEqual(lines[0].split(), ["DEVICE", "GROUP", "DRIVER", "STATE", "LEASE", "USE",
                                            "NAME"])
        for word in ("GROUP", "DRIVER", "STATE"):
            at = lines[0].index(word)
            self.assertTrue(all(line[at - 1] == " " and line[at] != " " for line in lines), word)
        self.assertEqual(lines[7].split(), ["0000:03:00.0", "0000:00/06.0/00.0", "e1000e", "host",
                                            "-", "-", "8086:10d3", "Ethernet"])
        lines = self.text("list", "-v").splitlines()
        self.assertEqual(lines[0].split(), ["DEVICE", "PATH", "IDS", "CLASS", "GROUP", "KERNEL",
                                            "DRIVER", "STATE", "LEASE", "USE", "NAME"])
        self.assertEqual(lines[7].split()[:6], ["0000:03:00.0", "0000:00/06.0/00.0", "8086:10d3",
                                                "Ethernet", "0000:00/06.0/00.0", "3"])

    def test_show(self):
        lines = self.text("show", "01:00.0").splitlines()
        self.assertEqual(lines[0],
                         "Group 0000:00/02.0 · kernel group 1 · type DMA-FQ · guard none · free")
        self.assertEqual([line.split()[0] for line in lines[1:5]], JOINT)
        self.assertTrue(all(line.startswith("  ") for line in lines[1:5]))
        self.assertEqual(lines[5:7], ["", "Strength"])
        self.assertEqual([line.split()[:2] for line in lines[7:]],
                         [["translated", "yes"], ["p2p", "yes"], ["msi", "unknown"],
                          ["claimable", "unknown"], ["resettable", "unknown"],
                          ["trusted-ats", "yes"], ["pasid", "no"]])

    def test_groups(self):
        self.assertIn("0000:00/02.0       1       " + " ".join(JOINT) + "\n", self.text("groups"))

    def test_tree(self):
        self.assertIn("\n  0000:03:00.0  ", self.text("tree"))
        self.assertIn("\n0000:00:06.0    ", self.text("tree"))

    def test_explain(self):
        text = self.text("explain", "01:00.0")
        self.assertTrue(text.startswith("0000:01:00.0  8086:10d3 Ethernet  e1000e  "
                                        "group 0000:00/02.0 (kernel group 1) (the host's enp1s0)"
                                        "\n"), text)
        self.assertIn("\nIt cannot be separated from\n  0000:00:02.0  ", text)
        self.assertIn("\nWhy\n  1  ", text)
        self.assertIn("alone in its group", self.text("explain", "03:00.0"))
        self.assertIn("are together in group 0000:00/02.0",
                      self.text("explain", "01:00.0", "02:00.0"))
        self.assertIn("are apart: group 0000:00/02.0 and group 0000:00/06.0/00.0.",
                      self.text("explain", "01:00.0", "03:00.0"))

    def test_no_iommu_is_said_once(self):
        result = isoctl("list", "--from", self.bare)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stdout.splitlines()), 8)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("intel_iommu=on", result.stderr)
        self.assertEqual(isoctl("list", "--from", self.root).stderr, "")

    def test_help(self):
        text = isoctl("help").stdout
        for verb in ("list", "show", "groups", "tree", "explain", "acquire", "release", "run",
                     "leases", "monitor", "version"):
            self.assertRegex(text, rf"(?m)^  {verb} ")
            self.assertTrue(isoctl("help", verb).stdout.startswith(f"isoctl {verb}"))
            self.assertEqual(isoctl(verb, "--help").stdout, isoctl("help", verb).stdout)


class Failures(WithTrees):
    def check(self, code, error, *arguments, bus="unix:path=/nonexistent"):
        result = isoctl(*arguments, bus=bus)
        self.assertEqual(result.returncode, code, (arguments, result.stderr))
        self.assertTrue(result.stderr.startswith("isoctl: "), result.stderr)
        self.assertEqual(result.stdout, "")

        head, tail = list(arguments), []
        if "--" in head:
            head, tail = head[:head.index("--")], head[head.index("--"):]
        result = isoctl(*head, "--json", *tail, bus=bus)
        self.assertEqual(result.returncode, code)
        answer = document(result)
        self.assertEqual((answer["schema"], answer["error"]), ("isolationd.error/1", error))
        self.assertEqual(result.stderr, f"isoctl: {answer['message']}\n")
        return result.stderr

    def test_usage(self):
        for arguments in (["frobnicate"], ["list", "--frobnicate"], ["list", "-x"],
                          ["list", "more"], ["show"], ["show", "a", "b"],
                          ["list", "--from", self.root, "--", "more"], ["list", "--mode", "vfio"],
                          ["acquire", "a", "--from", self.root],
                          ["leases", "--from", self.root], ["run", "01:00.0"],
                          ["run", "01:00.0", "--"], ["run", "--", "true"],
                          ["groups", "--from", self.root, "--partition", "nonsense"],
                          ["explain", "group:1", "01:00.0", "--from", self.root],
                          ["help", "frobnicate"]):
            with self.subTest(arguments):
                self.assertIn("isoctl help", self.check(2, "Usage", *arguments))

    def test_option_without_its_value(self):
        result = isoctl("list", "--json", "--from")
        self.assertEqual((result.returncode, document(result)["error"]), (2, "Usage"))
        self.assertIn("--from needs a value", result.stderr)

    def test_not_found(self):
        for selector in ("09:00.0", "0000:00/1f.7", "group:99", "group:x", "enp9s9", "", ".", "/",
                         "../net/enp1s0", "-", "ffffffffff:00:00.0"):
            with self.subTest(selector):
                self.check(3, "NotFound", "show", "--from", self.root, selector)
        self.check(3, "NotFound", "list", "--from", os.path.join(self.root, "none"))

    def test_text_that_is_not_utf8(self):
        result = isoctl("show", b"\xff\xfe", "--json", "--from", self.root)
        self.assertEqual(result.returncode, 3)
        self.assertIn("??", document(result)["message"])

    def test_not_a_tree(self):
        self.check(2, "Invalid", "list", "--from", self.directory.name)
        self.check(2, "Invalid", "list", "--from", __file__)

    def test_bus_unreachable(self):
        for arguments in (["list"], ["show", "01:00.0"], ["groups"], ["tree"],
                          ["explain", "01:00.0"]):
            with self.subTest(arguments):
                self.assertIn("--from /sys", self.check(8, "NoDaemon", *arguments))
        for arguments in (["leases"], ["acquire", "01:00.0"], ["release", "7"], ["monitor"],
                          ["run", "01:00.0", "--", "true"]):
            with self.subTest(arguments):
                self.assertNotIn("--from", self.check(8, "NoDaemon", *arguments))

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = isoctl_to(full, "list", "--from", self.root)
        self.assertEqual(result.returncode, 1)
        self.assertIn("writing the output failed", result.stderr)


def isoctl_to(stream, *arguments):
    return subprocess.run([ISOCTL, *arguments], env=environment(), stdout=stream,
                          stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
