#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl plan: the answer of the daemon, and the strength of the isolation."""

import unittest

from harness import document
from test_daemon import WithBus

JOINT, LONE = "0000:00/01.0", "0000:02:00.0"
STEPS = ["0000:00:01.0: unbind pciehp (0000:00:01.0:pcie004), which seals the slot",
         "let uid 1000 open /dev/vfio/5"]


class Planning(WithBus):
    def setUp(self):
        super().setUp()
        self.start_daemon()

    def test_document(self):
        plan = self.json("plan", "01:00.0", "--mode=path")
        self.assertEqual((plan["schema"], plan["refusal"], plan["mode"], plan["guard"]),
                         ("isolationd.plan/1", "", "path", "sealed"))
        self.assertEqual(plan["steps"], STEPS)
        # The words of show; the second group is one of which nothing is told.
        strength = self.json("show", "01:00.0")["group"]["strength"]
        self.assertEqual(len(strength), 2)
        self.assertEqual([each["group"] for each in plan["strengths"]], plan["groups"])
        self.assertEqual(plan["strengths"][0], {"group": JOINT, "strength": strength})
        self.assertEqual(list(plan["strengths"][1]), ["group"])

    def test_text(self):
        text = self.isoctl("plan", "01:00.0").stdout
        self.assertIn(f"\nStrength of {JOINT}\n  translated  yes      It is.\n"
                      "  p2p         unknown  Nobody knows.\n\nSteps\n"
                      f"  1. {STEPS[0]}\n  2. {STEPS[1]}\n", text)
        self.assertEqual(text.count("Strength"), 1)
        self.assertTrue(text.endswith("\nNo obstacle: acquire would succeed.\n"), text)

    def test_refusal(self):
        result = self.isoctl("plan", "02:00.0")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (5, "", "isoctl: acquire would be refused: no rule lets you\n"))
        result = self.isoctl("plan", "02:00.0", "--json")
        self.assertEqual(result.returncode, 5)
        plan = document(result)
        self.assertEqual((plan["refusal"], plan["strengths"], plan["steps"]),
                         ("PolicyDenied", [], []))


if __name__ == "__main__":
    unittest.main(verbosity=2)
