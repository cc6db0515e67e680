#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of devices, what they are to the host, and every form of a selector."""

import os
import tempfile
import unittest

import tree
from harness import document, isoctl

IDS = """# a comment
8085  Another
\t10d3  Not this one
8086  Intel Corporation
\t1533  I210
\t10d3  82574L Gigabit \x1b[31mNetwork Connection
\t\t8086 0001  A board
# between two vendors
1af4  Red Hat, Inc.
1022  Advanced Micro Devices, Inc. [AMD]
\t1480  Starship Root Complex
C 02  Network controller
\t10d3  no device at all
"""


class WithTree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="isoctl-names-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.root = os.path.join(cls.directory.name, "tree")
        tree.build(cls.root)
        cls.ids = os.path.join(cls.directory.name, "pci.ids")
        with open(cls.ids, "w", encoding="ascii") as file:
            file.write(IDS)

    def run_isoctl(self, *arguments, ids=None):
        env = {"ISOLATION_PCI_IDS": ids if ids is not None else self.ids}
        return isoctl(*arguments, "--from", self.root, env=env)

    def devices(self, **more):
        result = self.run_isoctl("list", "--json", **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return {device["device"]: device for device in document(result)["devices"]}


class Names(WithTree):
    def test_vendor_and_product(self):
        devices = self.devices()
        # The legal form is left out, and a control character of the file reaches nobody.
        self.assertEqual(devices["0000:01:00.0"]["name"],
                         "Intel 82574L Gigabit  [31mNetwork Connection")
        for address in ("0000:01:00.0", "0000:03:00.0"):
            self.assertEqual(devices[address]["name"], devices["0000:01:00.0"]["name"])

    def test_product_unknown(self):
        ids = os.path.join(self.directory.name, "short.ids")
        with open(ids, "w", encoding="ascii") as file:
            file.write("\n8086  Intel Corporation\n8087  Other\n\t10d3  Of the other\n")
        self.assertEqual(self.devices(ids=ids)["0000:01:00.0"]["name"], "Intel device 10d3")

    def test_no_source(self):
        for ids in ("", "/nonexistent", self.directory.name):
            self.assertEqual({device["name"] for device in self.devices(ids=ids).values()}, {None})
        self.assertIn(" 8086:10d3 Ethernet", self.run_isoctl("list", ids="").stdout)

    def test_bracket(self):
        ids = os.path.join(self.directory.name, "bracket.ids")
        with open(ids, "w", encoding="ascii") as file:
            file.write("\n8086  Micro Devices, Inc. [AMD/ATI]\n\t10d3  Navi [RX]")
        self.assertEqual(self.devices(ids=ids)["0000:01:00.0"]["name"], "AMD/ATI Navi [RX]")

    def test_shown(self):
        for arguments in (["list"], ["tree"], ["show", "01:00.0"], ["explain", "01:00.0"]):
            with self.subTest(arguments):
                self.assertIn("Intel 82574L Gigabit", self.run_isoctl(*arguments).stdout)

    def test_uses(self):
        devices = self.devices()
        self.assertEqual(devices["0000:01:00.0"]["uses"], ["enp1s0"])
        self.assertEqual(devices["0000:03:00.0"]["uses"], [])

    def test_classes(self):
        root = os.path.join(self.directory.name, "uses")
        made = tree.build(root)
        place = made.places["0000:03:00.0"]
        for directory, name in (("block", "sda"), ("block", "sdb"), ("drm", "card1"),
                                ("drm", "card1-DP-1"), ("drm", "renderD128"), ("infiniband", "mlx5_0")):
            os.makedirs(made.path(place, directory, name))
            made.link(f"{place}/{directory}/{name}", "class", directory, name)
        os.makedirs(made.path(place, "block", "sda", "sda1"))
        made.link(f"{place}/block/sda/sda1", "class/block/sda1")
        with open(made.path(place, "block", "sda", "sda1", "partition"), "w", encoding="ascii") as file:
            file.write("1\n")
        result = isoctl("list", "--json", "--from", root)
        uses = {device["device"]: device["uses"] for device in document(result)["devices"]}
        self.assertEqual(uses["0000:03:00.0"], ["card1", "mlx5_0", "sda", "sdb"])
        for name in ("card1", "sda", "sda1", "mlx5_0", "card1-DP-1"):
            answer = document(isoctl("explain", name, "--json", "--from", root))
            self.assertEqual(answer["device"], "0000:03:00.0", name)


class Selectors(WithTree):
    def answer(self, selector):
        result = self.run_isoctl("explain", selector, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return document(result)

    def test_one_device(self):
        for selector in ("01:00.0", "0000:01:00.0", "pci_0000_01_00_0", "0000:00/02.0/00.0", "enp1s0"):
            with self.subTest(selector):
                self.assertEqual(self.answer(selector)["device"], "0000:01:00.0")

    def test_card_of_one_group(self):
        # Both functions of 00:02 are ports of one group: the first stands for them.
        answer = self.answer("00:02")
        self.assertEqual((answer["device"], answer["group"]), ("0000:00:02.0", "0000:00/02.0"))
        self.assertEqual(self.answer("0000:00:02")["device"], "0000:00:02.0")

    def test_ambiguous(self):
        result = self.run_isoctl("explain", "8086:10d3")
        self.assertEqual(result.returncode, 2)
        self.assertIn("8086:10d3 names 3 devices in several groups, name one: 0000:01:00.0 "
                      "0000:02:00.0 0000:03:00.0", result.stderr)

    def test_nothing(self):
        for selector, message in {
            "05:00": "there is no device at 05:00",
            "1234:5678": "no device has the ids 1234:5678",
            "0000:0000": "no device has the ids 0000:0000",
            "pci_0000_05_00_0": "there is no device at pci_0000_05_00_0",
            "pci_0000_01_00": "nothing has the name 'pci_0000_01_00'",
            "group:-1": "there is no kernel group -1",
            "group:4294967296": "there is no kernel group 4294967296",
            "vfs:01:00.0": "01:00.0 has no virtual functions",
            "vfs:vfs:01:00.0": "vfs:01:00.0 has no virtual functions",
            "vfs:": "nothing has the name ''",
            "10de:": "nothing has the name '10de:'",
            "../class/net/enp1s0": "nothing has the name",
        }.items():
            with self.subTest(selector):
                result = self.run_isoctl("explain", selector)
                self.assertEqual(result.returncode, 3, result.stdout)
                self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
