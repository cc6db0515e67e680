# SPDX-License-Identifier: LGPL-2.1-or-later
"""VM tests and their context.

A test is a function of one argument, the Context: a running machine, shared with the tests before and
after it. The test's decorator names the kernels and topologies where it runs. It passes by returning and
fails by an exception. It registers an undo for each change of the machine; the undos run in reverse order,
whether the test passes or fails.
"""

import dataclasses
import functools
import json
import os
import re
import sys

import topologies

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "../fuzz"))
# pylint: disable=wrong-import-position
from json_schema import Schema  # noqa: E402

LAB, STRANGER, ROOT = 1000, 1001, 0
PROGRAM = "/usr/libexec/isolationd-lab"

REGISTRY = []


@functools.cache
def _schemas():
    with open(os.path.join(HERE, "../../cli/isoctl.schema.json"), encoding="utf-8") as file:
        return json.load(file)


class Failure(Exception):
    """A condition of the test was false; the text says what the test saw."""


@dataclasses.dataclass(frozen=True)
class Test:
    name: str
    function: object
    kernels: tuple
    topologies: tuple
    any_kernel: bool
    only_full: bool
    weight: int

    def fits(self, kernel, topology):
        return kernel in self.kernels and topology in self.topologies


def test(on=topologies.PLAIN, kernels=("lab", "6.1", "6.12"), any_kernel=False, only_full=False,
         weight=1):
    """Register a function as the test SUITE.FUNCTION.

    Where the kernel plays no part (any_kernel), the usual run tries it on the lab's alone; what
    takes long and has a shorter sister (only_full) it leaves out. One that takes as long as many
    others says so by its weight.
    """
    def register(function):
        suite = function.__module__.rpartition(".")[2]
        REGISTRY.append(Test(f"{suite}.{function.__name__}", function, tuple(kernels), tuple(on),
                             any_kernel, only_full, weight))
        return function
    return register


class Context:
    """A machine during one test."""

    def __init__(self, machine, notes):
        self.machine = machine
        self.kernel = machine.kernel
        self.topology = machine.topology.name
        self.restarts_allowed = 0
        self.told = []
        self._notes = notes
        self._undos = []
        self._streams = []

    # -- telling --

    def note(self, text):
        """Write to the log of this boot, which is kept."""
        self._notes.write(text.rstrip("\n") + "\n")
        self._notes.flush()

    def tell(self, text):
        """Print in the report, below the line of the test, in every run."""
        self.told += text.splitlines()
        self.note(text)

    # -- commands --

    def spawn(self, command, uid=ROOT):
        stream = self.machine.spawn(command, uid)
        self._streams.append(stream)
        return stream

    def run(self, command, uid=ROOT):
        result = self.machine.run(command, uid)
        self.note(f"$ {command}    (uid {uid}) -> {result.code}\n"
                  f"{result.out}\n{result.err}".rstrip())
        return result

    def sh(self, command, uid=ROOT):
        """The output of a command that must succeed."""
        result = self.run(command, uid)
        if result.code != 0:
            raise Failure(f"`{command}` ended with {result.code}:\n{result.out}\n{result.err}")
        return result.out

    def isoctl(self, arguments, uid=ROOT, code=0):
        """Run isoctl, which must end with `code`; its result."""
        result = self.run(f"isoctl {arguments}", uid)
        if result.code != code:
            raise Failure(f"`isoctl {arguments}` (uid {uid}) ended with {result.code}, "
                          f"not {code}:\n{result.out}\n{result.err}")
        return result

    def json(self, arguments, uid=ROOT, code=0):
        """Run isoctl with --json; the parsed answer, whose schema is checked."""
        verb = arguments.split()[0]
        out = self.isoctl(f"{arguments} --json", uid, code).out
        try:
            answer = json.loads(out)
        except ValueError as error:
            raise Failure(f"`isoctl {arguments} --json` wrote no JSON ({error}):\n{out}") from None
        schema = f"isolationd.{verb if code == 0 else 'error'}/1"
        self.equal(answer.get("schema"), schema, f"schema of `isoctl {arguments} --json`")
        faults = Schema(_schemas()).faults({"$ref": f"#/$defs/doc-{schema[11:-2]}"}, answer)
        if faults:
            raise Failure(f"`isoctl {arguments} --json` is not as isoctl.schema.json says, at "
                          f"{faults}:\n{out}")
        return answer

    def refused(self, arguments, code, pattern, uid=ROOT):
        """isoctl must refuse with this exit code and a message that matches the pattern."""
        result = self.isoctl(arguments, uid, code)
        if not re.search(pattern, result.err):
            raise Failure(f"`isoctl {arguments}` refuses in other words than /{pattern}/:\n"
                          f"{result.err}")
        if not re.match(r"isoctl: \S", result.err):
            raise Failure(f"a refusal begins with `isoctl: `, not:\n{result.err}")
        return result.err

    def bus_property(self, name, interface="org.isolationd1.Manager", path="/org/isolationd1"):
        out = self.sh(f"busctl --json=short get-property org.isolationd1 {path} {interface} {name}")
        return json.loads(out)["data"]

    def unit(self, *names):
        """Properties of the daemon's unit, in the order asked."""
        shown = self.sh("systemctl show isolationd.service "
                        + " ".join(f"-p {name}" for name in names))
        values = dict(line.split("=", 1) for line in shown.splitlines())
        return [values[name] for name in names]

    # -- judging --

    def ok(self, condition, text):
        if not condition:
            raise Failure(text)

    def equal(self, seen, wanted, what):
        if seen != wanted:
            raise Failure(f"{what}:\n   seen   {seen!r}\n   wanted {wanted!r}")

    def same_lines(self, before, after, what):
        """Two listings must be equal; the failure shows the lines that differ."""
        if before != after:
            old, new = before.splitlines(), after.splitlines()
            lines = [f"  - {line}" for line in old if line not in new]
            lines += [f"  + {line}" for line in new if line not in old]
            raise Failure(f"{what} differs:\n" + "\n".join(lines))

    # -- undoing --

    def undo(self, command):
        """Register a shell command that undoes a change of the test."""
        self._undos.append(command)

    def write(self, path, text):
        """Make a file for the time of this test; the daemon forgets it with the test."""
        heard = "systemctl try-reload-or-restart isolationd.service"
        self.undo(f"rm -f {path}" + (f"; {heard}" if path.startswith("/etc/isolationd/") else ""))
        self.sh(f"mkdir -p $(dirname {path}) && cat > {path} <<'END-OF-FILE'\n{text}\nEND-OF-FILE")

    def unwind(self):
        """Run the undos and end what is still running."""
        for stream in self._streams:
            if stream.code is None:
                stream.kill()
                stream.wait()
        for command in reversed(self._undos):
            self.sh(command)
        self._undos.clear()
