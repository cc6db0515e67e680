#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Check that the installed programs and the library have the features of Debian's hardening=+all.

Each property is read from the ELF files of an optimised build, by readelf and objdump, not from the
compiler's arguments. The test first makes a program without any of them; each check must reject it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv.pop(1)
# The smallest page. A frame may grow by so much before its memory is touched.
PAGE = 4096
# How a function begins that may be called through a pointer.
MARKS = {"X86-64": "endbr64", "AArch64": "(paciasp|bti)"}
# Everything that the checks look for, turned off.
BARE = ("-O2", "-no-pie", "-fno-pie", "-fno-stack-protector", "-fno-stack-clash-protection",
        "-U_FORTIFY_SOURCE", "-Wl,-z,norelro", "-Wl,-z,lazy", "-Wl,-z,execstack")
BARE_X86 = ("-fcf-protection=none",)
BARE_TEXT = r"""
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
        char text[65536];
        strcpy(text, argv[argc - 1]);
        return puts(text);
}
"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def installed():
    """The ELF files that an installation puts down."""
    targets = json.loads(run("meson", "introspect", "--targets", ROOT))
    return [path for target in targets
            if target["installed"] and target["type"] in ("executable", "shared library")
            for path in target["filename"]]


def is_library(path):
    return ".so" in os.path.basename(path)


def machine(path):
    return re.search(r"Machine:\s+.*?([\w-]+)$", run("readelf", "-hW", path), re.MULTILINE)[1]


def is_position_independent(path):
    return (re.search(r"Type:\s+DYN", run("readelf", "-hW", path)) and
            (is_library(path) or re.search(r"FLAGS_1\).*\bPIE\b", run("readelf", "-dW", path))))


def has_full_relro(path):
    return ("GNU_RELRO" in run("readelf", "-lW", path) and
            re.search(r"FLAGS_1\).*\bNOW\b", run("readelf", "-dW", path)))


def has_plain_stack(path):
    return re.search(r"GNU_STACK(\s+0x\w+){5}\s+RW\s", run("readelf", "-lW", path))


def has_stack_protector(path):
    return "__stack_chk_fail" in run("readelf", "--dyn-syms", "-W", path)


def is_fortified(path):
    return re.search(r" __(?!stack)\w+_chk\b", run("readelf", "--dyn-syms", "-W", path))


def has_marked_targets(path):
    name = "iso_policy_open" if is_library(path) else "main"
    return re.search(rf"<{name}>:\n\s+[0-9a-f]+:\s+{MARKS[machine(path)]}",
                     run("objdump", "-d", "--no-show-raw-insn", path))


def has_no_stack_clash(path):
    """A frame of more than a page is taken page by page, each of which is touched."""
    code = run("objdump", "-d", "--no-show-raw-insn", path)
    steps = [int(step, 16) for step in re.findall(r"\bsub\s+\$0x([0-9a-f]+),%rsp", code)]
    touched = re.search(r"\bor[qlb]\s+\$0x0,\(%rsp\)", code)
    return (max((step for step in steps if step < 1 << 63), default=0) <= PAGE and
            (touched or PAGE not in steps))


# By name, and on which machines it can be seen (None: all).
CHECKS = {
    "position independent": (is_position_independent, None),
    "full RELRO": (has_full_relro, None),
    "no code on the stack": (has_plain_stack, None),
    "stack protector": (has_stack_protector, None),
    "fortified": (is_fortified, None),
    "marked targets of indirect calls": (has_marked_targets, tuple(MARKS)),
    "no stack clash": (has_no_stack_clash, ("X86-64",)),
}


def applies(path):
    """The checks that the file's machine has."""
    return {name: check for name, (check, machines) in CHECKS.items()
            if machines is None or machine(path) in machines}


class Hardening(unittest.TestCase):
    def test_a_bare_program_is_rejected(self):
        with tempfile.TemporaryDirectory(prefix="isolationd-hardening-") as work:
            path = os.path.join(work, "bare")
            x86 = os.uname().machine == "x86_64"
            subprocess.run([os.environ.get("CC", "cc"), *BARE, *(BARE_X86 if x86 else ()), "-o",
                            path, "-xc", "-"], input=BARE_TEXT, text=True, check=True)
            for name, check in applies(path).items():
                with self.subTest(name):
                    self.assertFalse(check(path))

    def test_what_is_installed(self):
        paths = installed()
        self.assertGreaterEqual(len(paths), 5)
        for path in paths:
            for name, check in applies(path).items():
                with self.subTest(f"{os.path.basename(path)}: {name}"):
                    self.assertTrue(check(path))


if __name__ == "__main__":
    for tool in ("readelf", "objdump"):
        if not shutil.which(tool):
            print(f"{tool} is not installed: what the ELF files have was not read")
            sys.exit(77)
    unittest.main(verbosity=2)
