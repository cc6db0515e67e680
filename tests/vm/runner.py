# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run the tests in as few boots as possible, and report the results.

A boot is one kernel on one topology; it runs all the tests that fit there. After a failed test the
machine is not used any more: the next tests get a new one.
"""

import concurrent.futures
import dataclasses
import json
import os
import threading
import time
import traceback

import lab
import suite

# After failures in so many machines of one kernel × topology, the tests that are left there fail.
MACHINES_MAX = 8

# After every test nothing is leased, the daemon has not restarted unexpectedly, and its journal has no
# report of a sanitizer.
AFTER = ("isoctl leases --json; "
         "systemctl show isolationd.service -p NRestarts -p Result; "
         "journalctl -u 'isolationd*' -o cat --no-pager | "
         "grep -E -A40 'AddressSanitizer|LeakSanitizer|runtime error:|Assertion' >&2")


@dataclasses.dataclass
class Outcome:
    kernel: str
    topology: str
    test: str
    seconds: float
    failure: str = ""
    told: tuple = ()


class Boot:
    """One kernel × topology and the tests to run there; `part` distinguishes two of the same."""

    def __init__(self, kernel, topology, tests, payload, directory, report, part=""):
        self.kernel = kernel
        self.topology = topology
        self.tests = list(tests)
        # About how long it takes, in units of a usual test.
        self.weight = sum(each.weight for each in self.tests)
        self._payload = payload
        self._base = os.path.join(directory, f"{kernel}-{topology.name}{part}")
        self._report = report

    def run(self):
        """Run all the tests; an Outcome is reported for each."""
        left = list(self.tests)
        number = 0
        while left:
            number += 1
            if number > MACHINES_MAX:
                self._give_up(left)
                return
            serial = f"{self._base}-{number}.serial.log"
            with open(f"{self._base}-{number}.log", "w", encoding="utf-8") as notes:
                left = self._run_in_one_machine(left, serial, notes)

    def _give_up(self, left):
        for each in left:
            self._report.ended(Outcome(self.kernel, self.topology.name, each.name, 0.0,
                                       f"not run: {MACHINES_MAX} machines here had a failure"),
                               self._base, self._base)

    def _run_in_one_machine(self, left, serial, notes):
        """Run tests until one fails or none is left; those that are left."""
        started = time.monotonic()
        try:
            with lab.Machine(self.kernel, self.topology, self._payload, serial) as machine:
                self._report.booted(self, machine.release, time.monotonic() - started)
                restarts = 0
                while left:
                    each = left.pop(0)
                    outcome, restarts = self._run_test(machine, each, notes, restarts)
                    self._report.ended(outcome, notes.name, serial)
                    if outcome.failure:
                        break
        except lab.LabError as error:
            each = left.pop(0)
            self._report.ended(Outcome(self.kernel, self.topology.name, each.name,
                                       time.monotonic() - started, f"no machine: {error}"),
                               notes.name, serial)
        return left

    def _run_test(self, machine, each, notes, restarts):
        context = suite.Context(machine, notes)
        context.note(f"=== {each.name}")
        started = time.monotonic()
        failure = ""
        try:
            try:
                each.function(context)
            finally:
                context.unwind()
            restarts = self._check_after(context, restarts)
        except (suite.Failure, lab.LabError) as error:
            failure = str(error)
        except Exception:
            failure = traceback.format_exc()
        if failure:
            context.note(f"--- failed: {failure}")
            self._keep_journal(machine, notes)
        return Outcome(self.kernel, self.topology.name, each.name, time.monotonic() - started,
                       failure, tuple(context.told)), restarts

    @staticmethod
    def _check_after(context, restarts):
        result = context.run(AFTER)
        answer, _, unit = result.out.rpartition("}")
        context.ok(not result.err, f"the daemon's journal has a report:\n{result.err}")
        leases = json.loads(answer + "}")["leases"]
        context.equal(leases, [], "leases left behind")
        values = dict(line.split("=", 1) for line in unit.split())
        context.ok(int(values["NRestarts"]) <= restarts + context.restarts_allowed,
                   f"the daemon was restarted by surprise ({unit.split()})")
        return int(values["NRestarts"])

    @staticmethod
    def _keep_journal(machine, notes):
        """Record the journal and the kernel's log after a failure."""
        try:
            for command in ("journalctl -u isolationd -o short-monotonic --no-pager -n 200",
                            "dmesg | tail -60"):
                notes.write(f"--- {command}\n{machine.run(command, timeout=60).out}\n")
        except lab.LabError as error:
            notes.write(f"--- it tells nothing more: {error}\n")


class Report:
    """Prints lines as tests end, and the table at the end."""

    def __init__(self):
        self._lock = threading.Lock()
        self.outcomes = []

    def booted(self, boot, release, seconds):
        self._print(f"BOOT {boot.kernel:5} {boot.topology.name:7} Linux {release} "
                    f"({seconds:.0f} s), {len(boot.tests)} tests")

    def ended(self, outcome, notes, serial):
        word = "FAIL" if outcome.failure else "PASS"
        line = (f"{word} {outcome.kernel:5} {outcome.topology:7} {outcome.test} "
                f"({outcome.seconds:.1f} s)")
        line += "".join(f"\n     {text}" for text in outcome.told)
        if outcome.failure:
            line += "\n" + "\n".join(f"     {text}" for text in outcome.failure.splitlines()[:40])
            line += f"\n     log: {notes}\n     serial log: {serial}"
        self._print(line)
        with self._lock:
            self.outcomes.append(outcome)

    def _print(self, line):
        with self._lock:
            print(line, flush=True)

    def failed(self):
        return [each for each in self.outcomes if each.failure]

    def rows(self):
        """What tests told as rows of one table, of all kernels, and the sum of the last columns."""
        found = sorted(text for each in self.outcomes for text in each.told
                       if text.startswith("| "))
        if not found:
            return ""
        sums = {}
        for text in found:
            layer, adds, probes = (text.split("|")[i].strip() for i in (2, 5, 6))
            before = sums.get(layer, (0, 0))
            sums[layer] = (before[0] + int(adds), before[1] + int(probes))
        heading = (f"| {'':4} | {'layer':8} | {'way in':30} | {'daemon':16} | {'adds':>4} "
                   f"| {'probes':6} |")
        return "\n".join([heading, *found, *(f"{layer}: {adds} adds, {probes} probes of a host driver"
                                             for layer, (adds, probes) in sorted(sums.items()))])

    def table(self):
        """Kernel × topology × test: seconds, FAIL, or · where the test does not apply."""
        columns = sorted({(each.kernel, each.topology) for each in self.outcomes})
        tests = list(dict.fromkeys(each.test for each in
                                   sorted(self.outcomes, key=lambda each: each.test)))
        cells = {(each.kernel, each.topology, each.test):
                 "FAIL" if each.failure else f"{each.seconds:.1f}" for each in self.outcomes}
        width = max(map(len, tests), default=0)
        lines = [" " * width + "".join(f"{kernel:>8}" for kernel, _ in columns),
                 " " * width + "".join(f"{topology:>8}" for _, topology in columns)]
        lines += [f"{name:{width}}" + "".join(f"{cells.get((*column, name), '·'):>8}"
                                              for column in columns) for name in tests]
        return "\n".join(lines)


def run(boots, jobs, report):
    """All boots, the longest first, `jobs` at a time."""
    ordered = sorted(boots, key=lambda boot: -boot.weight)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(boot.run) for boot in ordered]:
            future.result()
    return report
