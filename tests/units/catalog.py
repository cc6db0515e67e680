#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of audit events, the message catalog and the manual say the same."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv.pop(1)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


CATALOG = os.path.join(ROOT, "units/isolationd.catalog")
TABLE = {identity: name for name, identity in
         re.findall(r'\{"([a-z-]+)", "([0-9a-f]{32})", \d\}', read("core/model/audit.c"))}
FIELDS = set(re.findall(r'"(ISOLATIOND_[A-Z_]+)"', read("core/model/audit.h")))
EVENTS = re.findall(r"(?m)^        AUDIT_(?!NONE)([A-Z_]+)[,; ]", read("core/model/audit.h"))


class Catalog(unittest.TestCase):
    def entries(self):
        parts = re.split(r"(?m)^-- ([0-9a-f]{32})\n", read("units/isolationd.catalog"))[1:]
        self.assertEqual(len(parts), len(set(parts[::2])) * 2, "an id stands twice")
        return dict(zip(parts[::2], parts[1::2]))

    def test_table(self):
        self.assertEqual([name.lower().replace("_", "-") for name in EVENTS], list(TABLE.values()))

    def test_ids(self):
        self.assertEqual(set(self.entries()), set(TABLE))

    def test_entries(self):
        for identity, text in self.entries().items():
            with self.subTest(TABLE[identity]):
                head, _, body = text.partition("\n\n")
                self.assertEqual([line.split(":")[0] for line in head.splitlines()],
                                 ["Subject", "Defined-By", "Documentation"])
                self.assertTrue(body.strip())
                self.assertEqual(set(re.findall(r"@([A-Z_]+)@", text)) - FIELDS, set())

    def test_manual(self):
        page = read("man/isolationd.8")
        for name in list(TABLE.values()) + sorted(FIELDS):
            with self.subTest(name):
                self.assertRegex(page, rf"\b{name}\b")
        for identity, name in TABLE.items():
            self.assertRegex(page, rf"\.It Li {name}\n[^\n]*{identity}", name)

    def test_journalctl_reads_it(self):
        if not shutil.which("journalctl"):
            self.skipTest("journalctl is not installed: the catalog was not compiled")
        with tempfile.TemporaryDirectory(prefix="isolationd-catalog-") as root:
            place = os.path.join(root, "usr/lib/systemd/catalog")
            os.makedirs(place)
            os.makedirs(os.path.join(root, "var/lib/systemd/catalog"))
            shutil.copy(CATALOG, place)
            subprocess.run(["journalctl", f"--root={root}", "--update-catalog"], check=True,
                           capture_output=True)
            listed = subprocess.run(["journalctl", f"--root={root}", "--list-catalog"], check=True,
                                    capture_output=True, text=True).stdout
        self.assertEqual(sorted(line.split()[0] for line in listed.splitlines()), sorted(TABLE))


if __name__ == "__main__":
    unittest.main(verbosity=2)
