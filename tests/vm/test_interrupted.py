#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A run removes what an interrupted run has left in the cache or half-configured.

A process makes an entry, or configures a build, and a signal ends it in the middle. The next process must
find the entry missing, make it whole, and leave nothing else behind.
"""

import os
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import builds  # noqa: E402
import cache   # noqa: E402

# Makes the entry `thing-1`. With an argument it says so when half of it is there, and waits in a
# command for the end.
MAKER = """
import os, sys
import cache

def build(directory):
    with open(os.path.join(directory, "half"), "w"):
        pass
    if len(sys.argv) > 1:
        cache.run(["sh", "-c", sys.argv[1]], cwd=directory, check=True)
    with open(os.path.join(directory, "whole"), "w"):
        pass

print(cache.entry("thing", "1", build))
"""
HANG = "echo half-way; exec sleep infinity"
MOUNT = "mkdir dev && mount --bind /dev dev && echo half-way && exec sleep infinity"
# In place of meson: a directory that looks as if it were configured, then as HANG.
MESON = """#!/bin/sh
test ! -e "$2/half" || exit 3
mkdir -p "$2/meson-private"
: > "$2/build.ninja"
: > "$2/half"
test -z "$HANG" || { echo half-way; exec sleep infinity; }
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def may_mount():
    return subprocess.run(["unshare", "--mount", "mount", "--bind", "/dev", "/mnt"],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


class Interrupted(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="isolationd-interrupted-")
        self.addCleanup(work.cleanup)
        self.work = work.name
        self.environment = {**os.environ, "ISOLATIOND_CACHE": self.work, "PYTHONPATH": HERE,
                            "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self, *command, **environment):
        # A shell starts a background job with SIGINT ignored, and that is inherited.
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**self.environment, **environment},
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def interrupt(self, how, *command, **environment):
        """Start the command and end it when it says that it is half-way."""
        with self.start(*command, **environment) as process:
            self.assertEqual(process.stdout.readline(), "half-way\n")
            process.send_signal(how)
            process.wait()

    def make(self, *prefix):
        with self.start(*prefix, sys.executable, "-c", MAKER) as process:
            out, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(sorted(os.listdir(out.strip())), ["half", "whole"])
        self.assertEqual(sorted(os.listdir(self.work)), [".thing.lock", "thing-1"], err)

    def test_entry(self):
        for how in SIGNALS:
            with self.subTest(how.name):
                self.interrupt(how, sys.executable, "-c", MAKER, HANG)
                self.assertFalse(os.path.exists(os.path.join(self.work, "thing-1")))
                self.make()
                cache._remove(os.path.join(self.work, "thing-1"))

    def test_mount(self):
        if not may_mount():
            self.skipTest("mount(8) is not permitted: no work directory with a mount was removed")
        # In a mount namespace of its own; what is in the bind mount is the host's.
        script = (f"exec 3>&2; {sys.executable} -c \"$MAKER\" \"$MOUNT\" & maker=$!; "
                  f"while ! [ -e {self.work}/.thing-*/dev/null ]; do sleep 0.05; done; "
                  f"kill -KILL $maker; wait $maker; {sys.executable} -c \"$MAKER\"")
        with self.start("unshare", "--mount", "sh", "-c", script, MAKER=MAKER,
                        MOUNT=MOUNT) as process:
            out, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("an interrupted run has left", err)
        self.assertTrue(os.path.exists(os.path.join(out.splitlines()[-1], "whole")))
        self.assertEqual(sorted(os.listdir(self.work)), [".thing.lock", "thing-1"], err)
        self.assertTrue(os.path.exists("/dev/null"))

    def test_another_kind_is_let_be(self):
        other = os.path.join(self.work, ".thing-more-12345678")
        os.mkdir(other)
        with self.start(sys.executable, "-c", MAKER) as process:
            process.communicate()
        self.assertTrue(os.path.isdir(other))

    def test_removal(self):
        """An entry is not there in part while it is removed."""
        os.environ["ISOLATIOND_CACHE"] = self.work
        final = os.path.join(self.work, "thing-1")
        os.mkdir(final)
        remove, cache._remove = cache._remove, lambda path: None
        try:
            cache._drop("thing", final)
        finally:
            cache._remove = remove
        self.assertFalse(os.path.exists(final))
        self.make()

    def test_build_directory(self):
        tools = os.path.join(self.work, "tools")
        os.mkdir(tools)
        with open(os.path.join(tools, "meson"), "w", encoding="ascii") as output:
            output.write(MESON)
        os.chmod(os.path.join(tools, "meson"), 0o755)
        path = f"{tools}:{os.environ['PATH']}"
        directory = os.path.join(self.work, "build")
        code = (f"import builds, sys; "
                f"sys.exit(0 if builds.configure({directory!r})[0] else 1)")
        # What meson writes comes here at once, not at its end.
        hang = code.replace("import builds, sys",
                            "import builds, subprocess, sys; subprocess.PIPE = None")
        for how in SIGNALS:
            with self.subTest(how.name):
                self.interrupt(how, sys.executable, "-c", hang, PATH=path, HANG="1")
                self.assertTrue(os.path.exists(os.path.join(directory, "build.ninja")))
                with self.start(sys.executable, "-c", code, PATH=path) as process:
                    _, err = process.communicate()
                self.assertEqual(process.returncode, 0, err)
                self.assertTrue(os.path.exists(os.path.join(directory, "half")))
                with self.start(sys.executable, "-c", code, PATH=path) as process:
                    process.communicate()
                self.assertEqual(process.returncode, 0, "it is configured once more")
                subprocess.run(["rm", "-r", directory], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
