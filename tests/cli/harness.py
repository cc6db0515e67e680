# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run isoctl, and run programs and wait for their lines with a deadline."""

import functools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fuzz"))
# pylint: disable=wrong-import-position
from json_schema import Schema  # noqa: E402

ISOCTL = os.environ["ISOCTL"]
DEADLINE = 60  # seconds; a failing test takes this long, a passing one never waits for it

# nohup and job control may ignore these signals, and the programs started here would inherit that.
for each in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(each, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


def environment(bus="unix:path=/nonexistent/bus"):
    return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus, "TZ": "UTC", "LC_ALL": "C.UTF-8",
            "ISOLATION_PCI_IDS": ""}


def isoctl(*arguments, bus="unix:path=/nonexistent/bus", env=None, **more):
    return subprocess.run([ISOCTL, *arguments], env={**environment(bus), **(env or {})},
                          capture_output=True, text=True, errors="replace", timeout=DEADLINE,
                          check=False, **more)


@functools.cache
def schemas():
    with open(os.environ["ISOCTL_SCHEMA"], encoding="utf-8") as file:
        return json.load(file)


def validated(text):
    """The document that the text is. The schema that isoctl ships for its kind accepts it."""
    answer = json.loads(text)
    root = schemas()
    name = answer["schema"].removeprefix("isolationd.").removesuffix("/1")
    faults = Schema(root).faults({"$ref": f"#/$defs/doc-{name}"}, answer)
    assert not faults, f"{faults}: {text}"
    return answer


def document(result):
    """The one JSON document that stdout is, on one line."""
    lines = result.stdout.splitlines()
    assert len(lines) == 1, f"one line of JSON expected: {result.stdout!r} {result.stderr!r}"
    return validated(lines[0])


class Program:
    """A running program; its stdout and stderr come as lines of one queue each."""

    def __init__(self, arguments, env, **more):
        self.process = subprocess.Popen(arguments, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        **more)
        self.seen = []
        self.out = self._lines(self.process.stdout)
        self.err = self._lines(self.process.stderr)

    def _lines(self, stream):
        lines = queue.Queue()

        def read():
            with stream:
                for line in stream:
                    lines.put(line.rstrip("\n"))
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        return lines

    def await_line(self, wanted, stream=None):
        """The first line that `wanted` accepts. Other lines are skipped, and shown if none is accepted."""
        stream = stream or self.out
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                line = stream.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, f"a line did not come; before it: {self.seen}"
            self.seen.append(line)
            if wanted(line):
                return line

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self):
        return self.process.wait(timeout=DEADLINE)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=DEADLINE)
        self.process.stdin.close()
