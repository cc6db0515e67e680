#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libisolation exports what its headers declare and libisolation.sym lists, and nothing else."""

import os
import re
import subprocess
import unittest


def read(path):
    with open(path, encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)


def tool(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


class Symbols(unittest.TestCase):
    def setUp(self):
        self.exported = set()
        for line in tool("nm", "-D", "--defined-only", os.environ["LIBISOLATION"]).splitlines():
            _, kind, name = line.split()
            if kind != "A":  # the version's own name
                self.exported.add(name.split("@")[0])
        # A sanitizer's runtime names its constructors in every object that it instruments.
        self.exported = {name for name in self.exported if not name.startswith("__")}

    def test_only_the_prefix(self):
        self.assertTrue(self.exported)
        self.assertEqual([name for name in self.exported if not name.startswith("iso_")], [])

    def test_version_script(self):
        listed = re.search(r"global:(.*)local:", read(os.environ["LIBISOLATION_SYM"]), re.S).group(1)
        names = re.findall(r"\w+", listed)
        self.assertEqual(names, sorted(names))
        self.assertEqual(set(names), self.exported)

    def test_header(self):
        # The name before a declaration's parameters; a function's typedef names itself otherwise.
        text = "".join(read(os.path.join(os.environ["ISOLATION_HEADERS"], name))
                       for name in ("isolation.h", "isolation_analysis.h", "isolation_names.h",
                                    "isolation_policy.h"))
        declared = set(re.findall(r"^(?!typedef)[a-z].*?\b(iso_\w+)\(", text, re.M))
        self.assertEqual(declared, self.exported)

    def test_soname(self):
        dynamic = tool("readelf", "-d", os.environ["LIBISOLATION"])
        self.assertIn("[libisolation.so.0]", dynamic)


if __name__ == "__main__":
    unittest.main(verbosity=2)
