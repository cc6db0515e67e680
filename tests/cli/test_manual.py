#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages name every verb, option, function, bus member and error, and are clean."""

import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import tree
from harness import document, isoctl

MAN = os.environ["MAN_DIRECTORY"]


def page(name):
    with open(os.path.join(MAN, name), encoding="utf-8") as file:
        return file.read()


def read(name):
    with open(os.environ[name], encoding="utf-8") as file:
        return file.read()


class Manual(unittest.TestCase):
    def assert_names(self, text, names):
        self.assertTrue(names)
        self.assertEqual([name for name in names if not re.search(rf"\b{name}\b", text)], [])

    def test_verbs(self):
        verbs = [verb["verb"] for verb in document(isoctl("help", "--json"))["verbs"]]
        self.assert_names(page("isoctl.1"), verbs)

    def test_options(self):
        verbs = ("groups", "run", "list", "snapshot")
        words = " ".join(isoctl("help", verb).stdout for verb in verbs)
        self.assert_names(page("isoctl.1"), sorted(set(re.findall(r"--([a-z][a-z-]+)", words))))

    def test_functions(self):
        self.assert_names(page("libisolation.3"),
                          re.findall(r"\biso_\w+(?=;)", read("LIBISOLATION_SYM")))

    def test_snapshot(self):
        with tempfile.TemporaryDirectory(prefix="isoctl-test-") as directory:
            tree.build(os.path.join(directory, "tree"))
            result = isoctl("snapshot", "--from", os.path.join(directory, "tree"))
        snapshot = json.loads(result.stdout)
        names = set(snapshot)
        for entry in snapshot["devices"]:
            names |= set(entry) | set(entry["facts"])
            for value in entry["facts"].values():
                names |= set(value) if isinstance(value, dict) else set()
        self.assert_names(page("isolationd.snapshot.5"), sorted(names))

    def test_bus(self):
        text = page("org.isolationd1.5")
        for interface in xml.etree.ElementTree.parse(os.environ["BUS_XML"]).getroot():
            self.assertIn(f".Ss {interface.get('name')}\n", text)
            section = text.split(f".Ss {interface.get('name')}\n")[1].split("\n.S")[0]
            self.assert_names(section, [member.get("name") for member in interface
                                        if member.tag in ("method", "property", "signal")])

    def test_bus_policy(self):
        """Whoever may talk to the daemon may call its methods: it decides itself about each."""
        methods = {(interface.get("name"), member.get("name"))
                   for interface in xml.etree.ElementTree.parse(os.environ["BUS_XML"]).getroot()
                   for member in interface if member.tag == "method"}
        allowed = {(rule.get("send_interface"), rule.get("send_member"))
                   for rule in xml.etree.ElementTree.parse(os.environ["BUS_POLICY"]).iter("allow")
                   if rule.get("send_interface", "").startswith("org.isolationd1")}
        self.assertIn(("org.isolationd1.Lease", "Release"), methods)
        self.assertEqual(allowed, methods)

    def test_errors(self):
        names = re.search(r"Error\.\{([\w,\s]+)\}", read("BUS_XML")).group(1)
        names = re.findall(r"\w+", names)
        self.assert_names(page("org.isolationd1.5"), names)
        self.assert_names(page("isoctl.1"), names + ["NoDaemon"])

    def test_lint(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed: the pages' markup was not checked")
        pages = sorted(glob.glob(os.path.join(MAN, "*.[1-8]")))
        self.assertEqual(len(pages), 7)
        lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages], capture_output=True,
                              text=True, check=False)
        self.assertEqual((lint.returncode, lint.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
