#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions that only a copy of a machine answers: compare, what-if, the separation of two devices."""

import os
import tempfile
import unittest

import tree
from harness import document, isoctl

PORT, CARD = "0000:00:06.0", "0000:03:00.0"
JOINT = "0000:01:00.0"
ALL_OFF = "0000000"


class Questions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="isoctl-test-")
        cls.addClassCleanup(directory.cleanup)
        cls.root = os.path.join(directory.name, "tree")
        machine = tree.build(cls.root)
        machine.device("0000:00:07.0", None, (0x1B36, 0x000C), 0x060400, driver="pcieport", group=4,
                       config=tree.config_space(0x1B36, 0x000C, pcie_type=tree.ROOT_PORT,
                                                header_type=1, acs=0, buses=(0, 4, 4)))
        cls.switch = os.path.join(directory.name, "switch")
        tree.build_switch(cls.switch)
        cls.strange = os.path.join(directory.name, "strange")
        tree.build(cls.strange)
        link = os.path.join(cls.strange, "devices/pci0000:00", PORT, CARD, "iommu_group")
        os.unlink(link)
        os.symlink("../../../../kernel/iommu_groups/2", link)

    def ask(self, *arguments, root=None, code=0):
        result = isoctl(*arguments, "--from", root or self.root, "--json")
        self.assertEqual(result.returncode, code, result.stderr)
        return document(result)

    def suppose(self, change, *devices, code=0):
        return self.ask("explain", "--what-if", change, *devices, code=code)

    def test_equal(self):
        self.assertEqual(self.ask("compare"), {
            "schema": "isolationd.compare/1", "devices": 8, "observed_groups": 5, "equal": True,
            "unread_devices": 0, "unplaced_devices": 0, "mismatches": [],
            "finer_than_sound": []})

    def test_a_group_that_should_not_be(self):
        answer = self.ask("compare", root=self.strange, code=1)
        self.assertFalse(answer["equal"])
        self.assertEqual(answer["observed_groups"], 3)
        self.assertEqual([(each["device"], each["observed"], each["computed"])
                          for each in answer["mismatches"]],
                         [(PORT, [PORT, CARD], [PORT]), (CARD, [PORT, CARD], [CARD])])
        # All of the port's ACS is on now; were it off, the group would be just this one.
        self.assertEqual({each["cause"] for each in answer["mismatches"]}, {"acs-changed"})
        text = isoctl("compare", "--from", self.strange)
        self.assertEqual(text.returncode, 1)
        self.assertIn(f"\n{CARD}  acs-changed: ", text.stdout)

    def test_what_separates(self):
        answer = self.ask("explain", JOINT, CARD)
        self.assertFalse(answer["together"])
        self.assertEqual([each["port"] for each in answer["separators"]], [None, PORT])
        self.assertIn("SV|RR|CR|UF", answer["separators"][1]["text"])
        self.assertNotIn("separators", self.ask("explain", JOINT, "0000:02:00.0"))

    def test_what_the_kernel_leaves_apart(self):
        first, second = "0000:03:00.0", "0000:04:00.0"
        self.assertTrue(self.ask("compare", root=self.switch)["finer_than_sound"])
        self.assertFalse(self.ask("explain", first, second, root=self.switch)["together"])
        for partition in ("observed", "kernel"):
            answer = self.ask("explain", second, "--partition", partition, root=self.switch)
            self.assertEqual(answer["members"], ["0000:02:01.0", second])
            self.assertEqual([each["rule"] for each in answer["reasons"]], ["upstream-acs"])
        sound = ("--partition", "sound")
        answer = self.ask("explain", first, second, *sound, root=self.switch)
        self.assertTrue(answer["together"])
        self.assertEqual(answer["assumes"], ["root-complex"])
        last = answer["reasons"][-1]
        self.assertIn(first, (last["a"], last["b"], answer["reasons"][0]["a"],
                              answer["reasons"][0]["b"]))
        text = isoctl("explain", first, second, "--from", self.switch).stdout
        self.assertIn("are in two groups", text)
        self.assertIn("Nothing shows that requests between them pass the IOMMU", text)
        self.assertNotIn("What separates them", text)
        text = isoctl("explain", first, *sound, "--from", self.switch).stdout
        self.assertIn(f"A write from {second} enters downstream port 0000:02:01.0, which does not "
                      f"redirect requests (no RR), and is routed to {first}.", text)
        self.assertIn("Assumptions\n  The root complex ", text)
        answer = self.ask("explain", "--what-if", "move 04:00.0 02:00.0", second, *sound,
                          root=self.switch, code=2)
        self.assertEqual(answer["error"], "Invalid")
        answer = self.ask("explain", "--what-if", "remove 02:01.0", first, *sound,
                          root=self.switch)
        self.assertEqual(answer["members"], [first])

    def test_partitions_that_cannot_be(self):
        self.assertEqual(self.ask("explain", CARD, "--partition", "best", code=2)["error"],
                         "Usage")
        answer = self.ask("explain", CARD, "--partition", "observed", "--what-if",
                          f"remove {JOINT}", code=2)
        self.assertIn("has no observed groups", answer["message"])

    def test_acs_taken_away(self):
        self.assertEqual(self.ask("explain", CARD)["members"], [CARD])
        answer = self.suppose(f"acs {ALL_OFF}@{PORT}", CARD)
        self.assertEqual(answer["members"], [PORT, CARD])
        self.assertEqual([each["rule"] for each in answer["reasons"]], ["upstream-acs"])
        self.assertIsNone(answer["kernel_group"])

    def test_a_card_moved(self):
        answer = self.suppose(f"move {CARD} 00:07.0", CARD)
        self.assertEqual(answer["members"], ["0000:00:07.0", answer["device"]])
        self.assertTrue(self.suppose(f"move {CARD} 00:07.0", CARD, "00:07.0")["together"])
        self.assertFalse(self.suppose(f"move {CARD} 00:07.0", CARD, PORT)["together"])

    def test_a_card_added(self):
        """A port that does not redirect has the card with it; other groups stay as they are."""
        port = "0000:00:07.0"
        answer = self.suppose("add 00:07.0", port)
        self.assertEqual((answer["device"], answer["b"], answer["together"]),
                         (port, "0000:04:00.0", True))
        self.assertEqual((answer["kernel_group"], answer["members"]), (4, [port, "0000:04:00.0"]))
        self.assertEqual([each["rule"] for each in answer["reasons"]], ["upstream-acs"])
        answer = self.suppose("add 00:07.0", CARD)
        self.assertFalse(answer["together"])
        self.assertEqual((answer["kernel_group"], answer["members"]), (3, [CARD]))
        answer = self.suppose("add 00:07.0", CARD, port)
        self.assertEqual((answer["b"], answer["together"]), (port, False))
        self.assertEqual(self.suppose(f"add {PORT}", CARD, code=2)["error"], "Invalid")

    def test_a_function_removed(self):
        self.assertEqual(self.suppose("remove 02:00.0", JOINT)["members"],
                         ["0000:00:02.0", "0000:00:02.1", JOINT])
        self.assertEqual(self.suppose(f"remove {CARD}", CARD, code=3)["error"], "NotFound")

    def test_what_cannot_be(self):
        for change in (f"move {CARD} 00:02.1", f"move {CARD} {JOINT}", f"move {PORT} 00:07.0",
                       f"add {PORT}", f"add {CARD}", "add",
                       f"move {CARD}", "move", "acs", "acs 1@", f"acs 2@{PORT}", "acs 1@00:02.0",
                       "remove group:1", "paint it", ""):
            with self.subTest(change):
                answer = self.suppose(change, JOINT, code=2)
                self.assertIn(answer["error"], ("Invalid", "Usage"))
                self.assertTrue(answer["message"])
        self.assertEqual(self.suppose("remove 09:00.0", JOINT, code=3)["error"], "NotFound")


if __name__ == "__main__":
    unittest.main(verbosity=2)
