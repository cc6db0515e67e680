#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl reserve: what a policy reserves of a machine that changes, and adopting the change."""

import os
import stat
import tempfile
import unittest

import tree
from harness import document, isoctl

# 01:00.0 and 02:00.0, 8086:10d3, are in a group with the two ports above them.
POLICY = """{ // two cards
        "rules": [
                { "name": "other", "match": { "vendor": "10de" }, "lease": {} },
                { "name": "cards", /* keep */ "match": { "path": "0000:00/02.*" },
                  "reserve": { %s"at": "boot" /* early */ }, "lease": {} }, // and one
                { "name": "lone", "match": { "path": "0000:00/06.0/*" }, "lease": {},
                  "reserve": { "at": "boot" } }
        ]
}
"""
WAS = '"fingerprint": { "vendor": "10de", // as it was\n                  "members": 3 }\n  , '
GROUP = '["1b36:000c", "1b36:000c", "8086:10d3", "8086:10d3"]'
IS = f'"fingerprint": {{ "vendor": "8086", "device": "10d3", "group": {GROUP} }}'


class Reserve(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="isoctl-test-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.machine = os.path.join(self.root, "tree")
        tree.build(self.machine)
        self.policy = os.path.join(self.root, "policy.d")
        self.file = os.path.join(self.policy, "50.json")
        os.mkdir(self.policy)
        self.put(POLICY % WAS)

    def put(self, text):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    def text(self):
        with open(self.file, encoding="utf-8") as file:
            return file.read()

    def reserve(self, *arguments, code=0):
        result = isoctl("reserve", "--policy", self.policy, "--from", self.machine, *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def test_what_is_refused_and_why(self):
        result = self.reserve(code=1)
        self.assertIn("0000:01:00.0 is not reserved: it is 8086:10d3, and rule 50.json:4: cards "
                      "expects 10de:* there\n", result.stdout)
        self.assertIn("0000:03:00.0 is reserved by rule 50.json:8: lone\n", result.stdout)
        self.assertIn("--accept", result.stderr)
        found = document(self.reserve("--json", code=1))
        self.assertEqual(found["schema"], "isolationd.reserve/1")
        self.assertEqual({each["device"]: (each["rule"], each["verdict"])
                          for each in found["reservations"]},
                         {"0000:00:02.0": ("cards", "bridge"), "0000:00:02.1": ("cards", "bridge"),
                          "0000:01:00.0": ("cards", "other-device"),
                          "0000:02:00.0": ("cards", "other-device"),
                          "0000:03:00.0": ("lone", "reserved")})

    def test_a_grown_group(self):
        self.put(POLICY % '"fingerprint": { "members": 3 }, ')
        self.assertIn("its group has 4 members, and rule 50.json:4: cards expects 3",
                      self.reserve(code=1).stdout)

    def test_other_members(self):
        """The same number of others, one more, one less: each is named."""
        for group, words in ((GROUP.replace('"8086:10d3"]', '"8086:10d4"]'),
                              "0000:01:00.0, 8086:10d3, is in its group, and rule 50.json:4: cards "
                              "does not expect it"),
                             (GROUP.replace("[", '["10de:2484", '),
                              "there is no 10de:2484 in its group, and rule 50.json:4: cards "
                              "expects it"),
                             ('["1b36:000c", "8086:10d3", "8086:10d3"]',
                              "0000:00:02.0, 1b36:000c, is in its group")):
            self.put(POLICY % f'"fingerprint": {{ "group": {group} }}, ')
            self.assertIn(words, self.reserve(code=1).stdout)

    def test_accept(self):
        """One value of the file is another; comments and all else stay, and so does its mode."""
        os.chmod(self.file, 0o640)
        said = self.reserve("--accept", "cards")
        self.assertIn(f"{self.file}: rule cards now expects", said.stdout)
        self.assertEqual(self.text(), POLICY % (IS + "\n  , "))
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o640)
        self.assertEqual(os.listdir(self.policy), ["50.json"])
        self.reserve()
        self.reserve("--accept", "50.json:4: cards")
        self.assertEqual(self.text(), POLICY % (IS + "\n  , "))

    def test_accept_without_a_fingerprint(self):
        self.reserve("--accept", "cards")
        self.reserve("--accept", "lone")
        self.assertIn('"reserve": { "fingerprint": { "vendor": "8086", "device": "10d3", '
                      '"group": ["8086:10d3"] }, "at": "boot" }', self.text())
        self.reserve()

    def test_a_document(self):
        done = document(self.reserve("--json", "--accept", "cards"))
        self.assertEqual(done, {"schema": "isolationd.reserve-accept/1", "rule": "cards",
                                "file": self.file})

    def test_what_cannot_be_accepted(self):
        before = self.text()
        self.assertIn("there is no rule", self.reserve("--accept", "x", code=3).stderr)
        self.assertIn("reserves nothing", self.reserve("--accept", "other", code=2).stderr)
        self.put(before.replace("0000:00/06.0/*", "0000:00/07.0/*"))
        self.assertIn("matches no device of this machine", self.reserve("--accept", "lone", code=3).stderr)
        with open(os.path.join(self.policy, "60.json"), "w", encoding="utf-8") as file:
            file.write(before)
        self.assertIn("several rules", self.reserve("--accept", "cards", code=2).stderr)
        self.reserve("--accept", "60.json:4: cards", code=3)  # the first that matches decides
        self.put("{")
        self.assertIn("50.json:1:2: ", self.reserve("--accept", "cards", code=1).stderr)

    def test_nothing(self):
        self.put('{ "rules": [] }')
        self.assertIn("no rule reserves a device of this machine", self.reserve().stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
