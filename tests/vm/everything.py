# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything that is tested, in order, and how much of it passed: what ./test runs.

Two builds with the address and undefined-behaviour sanitizers (gcc's is the one that goes into the
machines), the tests of each, an optimised build that tries every point where the sanitizers try some
and whose programs are looked at for what hardens them, an installation that is taken away again, and
the VM suites. The long reference sweeps of a --full run are the optimised build's too, and so are the
programs that it has valgrind watch.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import builds
import cache

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "../.."))
# Dumps of real machines, beside the checkout where they are at hand.
CORPUS = os.path.normpath(os.path.join(TOP, "../shared/corpus"))
# Small texts in the shapes that people paste, likewise.
CASES = os.path.normpath(os.path.join(TOP, "../shared/cases"))
LAB = os.path.join(TOP, ".lab")

# Random machines whose groups are computed twice, in a --full run.
LONG_SWEEP = 1000000
# Random machines that boot, in a usual and in a --full run.
SWEEP_MACHINES = 30
LONG_SWEEP_MACHINES = 150

SANITIZERS = "-Db_sanitize=address,undefined"
# How each build is made: its compiler and what meson is told.
BUILDS = {
    "gcc": ("gcc", SANITIZERS),
    # clang leaves a shared library's calls into its sanitizer runtime open on purpose.
    "clang": ("clang", SANITIZERS, "-Db_lundef=false"),
    "optimised": ("gcc", "--buildtype=release"),
    # For valgrind alone: it copies structs in other ways, so other bytes of them are never set.
    "clang-optimised": ("clang", "--buildtype=release"),
}
# What the usual run leaves to the other compiler's sanitizers: whole lives of the daemon on a host made
# of files, and thousands of made machines.
SHORT = {"clang": ["--no-suite", "daemon", "--no-suite", "reference"]}
VALGRIND = "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite"
SWEEPS = r"daemon_(lives|manager_.*|modes_.*|.*_all)"
# Programs that begin with a worker, a process held by a descriptor (pidfd_open).
WITH_WORKERS = ("daemon_holders", "daemon_vf_loss", "daemon_worker")
# What an installation must at least put down, below its prefix.
INSTALLED = ("libexec/isolationd", "bin/isoctl", "include/isolation.h",
             "include/isolation_analysis.h", "include/isolation_policy.h",
             "share/isolationd/policy.schema.json",
             "lib/systemd/system/isolationd.service",
             "share/dbus-1/system.d/org.isolationd1.conf",
             "share/dbus-1/system-services/org.isolationd1.service",
             "share/dbus-1/interfaces/org.isolationd1.xml",
             "share/polkit-1/actions/org.isolationd1.policy",
             "lib/systemd/catalog/isolationd.catalog",
             "lib/udev/rules.d/60-isolationd.rules",
             "libexec/isolationd-reserve", "libexec/isolationd-aide",
             "lib/systemd/system/isolationd-look.service", "lib/systemd/system/isolationd-look.socket",
             "lib/systemd/system/isolationd-set.service", "lib/systemd/system/isolationd-set.socket",
             "lib/systemd/system/isolationd-watch@.service",
             "lib/systemd/system/isolationd-watch.socket",
             "lib/systemd/system/isolationd-reserve.service",
             "lib/systemd/system/sysinit.target.wants/isolationd-reserve.service",
             "share/initramfs-tools/hooks/isolationd",
             "share/initramfs-tools/scripts/init-top/isolationd-reserve",
             "lib/dracut/modules.d/90isolationd/module-setup.sh",
             "lib/dracut/modules.d/90isolationd/isolationd-reserve.sh",
             "lib/sysusers.d/isolationd.conf", "lib/tmpfiles.d/isolationd.conf")


class Tally:
    """What passed and what failed, told as it happens."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []
        self._started = time.monotonic()

    def count(self, good, name, details=""):
        if good:
            self.passed += 1
            print(f"PASS {name}", flush=True)
            return
        self.failures.append(name)
        print(f"FAIL {name}", flush=True)
        for line in details.splitlines()[-60:]:
            print(f"     {line}", flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"SKIP {name}: {reason}", flush=True)

    def section(self, title):
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        print(f"\n== {title} [{minutes}:{seconds:02}]", flush=True)


def run(command, **options):
    """A command's success and all it wrote."""
    result = subprocess.run(cache.bound(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False, cwd=TOP, **options)
    return result.returncode == 0, result.stdout


def build(kind, tally):
    """Configure and compile; the build directory, or None."""
    directory = os.path.join(LAB, f"build-{kind}")
    compiler, *options = BUILDS[kind]
    name = f"build ({compiler} {' '.join(options)})"
    good, out = builds.configure(directory, *options, compiler=compiler)
    if not good:
        tally.count(False, name, out)
        return None
    good, out = run(["ninja", "-k", "0", "-C", directory])
    tally.count(good, name, re.sub(r"(?m)^\[\d+/\d+\] (Comp|Link|Gen).*\n", "", out))
    return directory if good else None


def run_meson_tests(directory, kind, tally, *options, log="testlog", **variables):
    """`meson test`, counted test by test."""
    log = os.path.join(directory, f"meson-logs/{log}.json")
    if os.path.exists(log):
        os.unlink(log)
    environment = {**os.environ, "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1",
                   "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
                   **variables}
    if os.path.isdir(CORPUS):
        environment["ISO_CORPUS"] = CORPUS
    if os.path.isdir(CASES):
        environment["ISO_CASES"] = CASES
    _, out = run(["meson", "test", "-C", directory, "--no-rebuild", "--timeout-multiplier", "8",
                  *options], env=environment)
    if not os.path.exists(log):
        tally.count(False, f"meson test ({kind})", out or "it ran no test")
        return
    with open(log, encoding="utf-8") as source:
        for line in source:
            result = json.loads(line)
            details = result.get("stdout", "") + result.get("stderr", "")
            name = f"{kind}: {result['name']} ({result['duration']:.1f} s)"
            if result["result"] == "SKIP":
                tally.skip(name, " ".join(details.split()) or "it gives no reason")
            else:
                tally.count(result["result"] in ("OK", "EXPECTEDFAIL"), name, details)
                for told in re.findall(r"(?m)^# tell: (.*)", details):
                    print(f"     {told}", flush=True)


def _files(top):
    found = []
    for here, directories, files in os.walk(top):
        found += [os.path.join(here, name) for name in files]
        found += [os.path.join(here, name) for name in directories
                  if os.path.islink(os.path.join(here, name))]
    return sorted(os.path.relpath(path, top) for path in found)


def watch_memory(directory, kind, tally):
    """The test programs of an optimised build under valgrind, but for sweeps of thousands."""
    good, out = run(["meson", "introspect", "--tests", directory])
    programs = [test["name"] for test in (json.loads(out) if good else ())
                if os.path.basename(test["cmd"][0]).startswith(("test_", "replay_"))
                and "isolationd:reference" not in test["suite"]
                and not re.fullmatch(SWEEPS, test["name"])]
    tally.count(good and programs, f"tests that valgrind can watch ({kind})", out)
    _, version = run(["valgrind", "--version"])
    if version.strip() < "valgrind-3.20":
        for name in set(programs) & set(WITH_WORKERS):
            programs.remove(name)
            tally.skip(f"valgrind, {kind}: {name}", f"{version.strip()} does not know pidfd_open")
    run_meson_tests(directory, f"valgrind, {kind}", tally, "--wrap", VALGRIND, *programs,
                    log="testlog-valgrind")


def check_installation(directory, tally):
    """What `meson install` puts down is all there, and `ninja uninstall` leaves nothing of it."""
    with tempfile.TemporaryDirectory(prefix="isolationd-install-") as target:
        environment = {**os.environ, "DESTDIR": target}
        good, out = run(["meson", "install", "--no-rebuild", "-C", directory], env=environment)
        names = _files(target)
        absent = [name for name in INSTALLED if f"usr/{name}" not in names]
        absent += [pattern for pattern in (r"usr/lib/.*libisolation\.so\.0", r"pkgconfig/.*\.pc$")
                   if not any(re.search(pattern, name) for name in names)]
        tally.count(good and not absent, f"install ({len(names)} files)",
                    out + "".join(f"missing: {name}\n" for name in absent))
        good, out = run(["ninja", "-C", directory, "uninstall"], env=environment)
        left = _files(target)
        tally.count(good and not left, "uninstall leaves nothing",
                    out + "".join(f"left: {name}\n" for name in left))


def run_in_machines(command, name, tally):
    """A command that runs tests in machines; its last line says how many passed."""
    total = None
    with subprocess.Popen(cache.bound(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", cwd=TOP) as process:
        for line in process.stdout:
            total = re.fullmatch(r"(\d+) passed, (\d+) failed\n", line)
            if not total:
                print(line, end="", flush=True)
                failure = re.match(r"FAIL\s+(\S+)\s+(\S+)\s+(\S+)", line)
                if failure:
                    tally.failures.append(" ".join(failure.groups()))
    if not total or (process.returncode != 0) != (int(total.group(2)) > 0):
        tally.count(False, name, f"it ended with {process.returncode}, without a count")
        return
    tally.passed += int(total.group(1))


def test_in_machines(directory, optimised, arguments, tally):
    """The VM suites, and random machines."""
    commands = {
        "VM suites": ["run", "--build", directory, "--optimised", optimised]
                     + (["--full"] if arguments.full else []),
        "random machines": ["sweep", "--build", optimised, "--count",
                            str(LONG_SWEEP_MACHINES if arguments.full else SWEEP_MACHINES)],
    }
    for name, (program, *options) in commands.items():
        tally.section(name)
        if arguments.no_vm:
            tally.skip(name, "--no-vm was asked for")
        else:
            run_in_machines([os.path.join(HERE, program), *options], name, tally)


def main():
    parser = argparse.ArgumentParser(prog="./test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true",
                        help="every kernel on every topology, and the long reference sweeps")
    parser.add_argument("--no-vm", action="store_true", help="leave the VM suites out")
    arguments = parser.parse_args()
    os.makedirs(LAB, exist_ok=True)
    tally = Tally()
    directories = {}
    for kind in ("gcc", "clang"):
        tally.section(f"{kind}: build and its tests")
        directories[kind] = build(kind, tally)
        if directories[kind]:
            run_meson_tests(directories[kind], kind, tally,
                            *([] if arguments.full else SHORT.get(kind, [])))
    tally.section("gcc, optimised: build, and all that is tried thousands of times")
    directory = build("optimised", tally)
    directories["optimised"] = directory
    if directory:
        run_meson_tests(directory, "optimised", tally, "--suite", "daemon",
                        "--suite", "hardening")
    if arguments.full and directory:
        for kind in ("optimised", "clang-optimised"):
            tally.section(f"{kind}: valgrind")
            built = directory if kind == "optimised" else build(kind, tally)
            if built:
                watch_memory(built, kind, tally)
    if arguments.full:
        tally.section(f"reference, on {LONG_SWEEP} machines")
        if directory:
            run_meson_tests(directory, "optimised", tally, "--suite", "reference",
                            ISO_REFERENCE_COUNT=str(LONG_SWEEP), ISO_THIN_MOST="0")
    if directories["gcc"] and directories["optimised"]:
        tally.section("installation")
        check_installation(directories["gcc"], tally)
        test_in_machines(directories["gcc"], directories["optimised"], arguments, tally)
    tally.section("result")
    for name in tally.failures:
        print(f"failed: {name}")
    print(f"{tally.passed} passed, {len(tally.failures)} failed"
          + (f", {tally.skipped} skipped" if tally.skipped else ""))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
