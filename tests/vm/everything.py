# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run all tests and report how many passed: what ./test runs.

./test builds the project three times: with gcc and with clang, both with the address and
undefined-behaviour sanitizers, and with gcc and all optimisation. It runs the tests of each build.
The sanitized builds try some points of failure, the optimised one tries all. ./test also checks the
hardening of the optimised programs, installs and uninstalls a build, and runs the VM suites with the
two builds of gcc.

The virtual machines start as soon as the builds of gcc are there. The other tests run beside them, and
the output of the machines follows after theirs.

--quick takes about two minutes on two cores. It makes only gcc's build with sanitizers and runs its
unit, cli and daemon tests and the lint. It leaves out clang, the optimised build (all points of
failure, hardening), the fuzz corpora, the reference sweeps, the installation and all machines.
"""

import argparse
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
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
# The tests of the daemon mostly wait: for their workers, and for time to pass.
MANY = ("--num-processes", str(2 * (os.cpu_count() or 1)))
VALGRIND = "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite"
SWEEPS = r"daemon_(lives|manager_.*|modes_.*|.*_all)"
# Programs that begin with a worker, a process held by a descriptor (pidfd_open).
WITH_WORKERS = ("daemon_helper", "daemon_holders", "daemon_vf_loss", "daemon_worker")
# What an installation must at least put down, below its prefix.
INSTALLED = ("libexec/isolationd", "bin/isoctl", "include/isolation.h",
             "include/isolation_analysis.h", "include/isolation_names.h",
             "include/isolation_policy.h",
             "share/isolationd/policy.schema.json",
             "lib/systemd/system/isolationd.service",
             "share/dbus-1/system.d/org.isolationd1.conf",
             "share/dbus-1/system-services/org.isolationd1.service",
             "share/dbus-1/interfaces/org.isolationd1.xml",
             "share/polkit-1/actions/org.isolationd1.policy",
             "lib/systemd/catalog/isolationd.catalog",
             "lib/udev/rules.d/60-isolationd.rules",
             "libexec/isolationd-reserve", "libexec/isolationd-helper",
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
    """What passed and what failed, printed as it happens. Each thread has its own."""

    def __init__(self, started=None):
        self.passed = 0
        self.skipped = 0
        self.failures = []
        self._started = started or time.monotonic()
        self._lock = threading.Lock()
        self._held = None

    def say(self, text):
        with self._lock:
            if self._held is None:
                print(text, flush=True)
            else:
                self._held.append(text)

    def count(self, good, name, details=""):
        if good:
            self.passed += 1
            self.say(f"PASS {name}")
            return
        self.failures.append(name)
        self.say("\n     ".join([f"FAIL {name}", *details.splitlines()[-60:]]))

    def skip(self, name, reason):
        self.skipped += 1
        self.say(f"SKIP {name}: {reason}")

    def section(self, title):
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self.say(f"\n== {title} [{minutes}:{seconds:02}]")

    def beside(self):
        """A tally for a thread that runs beside; it prints nothing until release()."""
        other = Tally(self._started)
        other._held = []
        return other

    def release(self):
        """Print what was held back, and from now on at once."""
        with self._lock:
            for text in self._held:
                print(text, flush=True)
            self._held = None

    def add(self, other):
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures


class Beside:
    """Work in a thread of its own, with a tally of its own that finish() adds to the first."""

    def __init__(self, tally, function, *arguments):
        self._tally = tally
        self._own = tally.beside()
        self._thread = threading.Thread(target=self._run, args=(function, arguments), daemon=True)
        self._thread.start()

    def _run(self, function, arguments):
        try:
            function(*arguments, self._own)
        except Exception as error:  # a thread's exceptions are lost otherwise
            self._own.count(False, function.__name__, repr(error))

    def finish(self):
        self._own.release()
        self._thread.join()
        self._tally.add(self._own)


def run(command, **options):
    """A command's success and all it wrote."""
    result = subprocess.run(cache.bound(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False, cwd=TOP, **options)
    return result.returncode == 0, result.stdout


def build(kind, tally, beside=False):
    """Configure and compile; the build directory, or None. Beside machines it leaves them the processors."""
    directory = os.path.join(LAB, f"build-{kind}")
    compiler, *options = BUILDS[kind]
    name = f"build ({compiler} {' '.join(options)})"
    good, out = builds.configure(directory, *options, compiler=compiler)
    if not good:
        tally.count(False, name, out)
        return None
    good, out = run([*(["nice"] if beside else []), "ninja", "-k", "0", "-C", directory])
    tally.count(good, name, re.sub(r"(?m)^\[\d+/\d+\] (Comp|Link|Gen).*\n", "", out))
    return directory if good else None


def run_meson_tests(directory, kind, tally, *options, log="testlog", **variables):
    """Run `meson test` and count each test."""
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
                    tally.say(f"     {told}")


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
                tally.say(line.rstrip("\n"))
                failure = re.match(r"FAIL\s+(\S+)\s+(\S+)\s+(\S+)", line)
                if failure:
                    tally.failures.append(" ".join(failure.groups()))
    if not total or (process.returncode != 0) != (int(total.group(2)) > 0):
        tally.count(False, name, f"it ended with {process.returncode}, without a count")
        return
    tally.passed += int(total.group(1))


def test_in_machines(built, is_full, tally):
    """The VM suites, and random machines; `built` is a queue that gives the two builds, or None."""
    tally.section("image and kernels of the machines")
    good, out = run([os.path.join(HERE, "run"), "--prepare"])
    tally.count(good, "image and kernels of the machines", out)
    directories = built.get()
    if not directories:
        return
    directory, optimised = directories
    commands = {
        "VM suites": ["run", "--build", directory, "--optimised", optimised]
                     + (["--full"] if is_full else []),
        "random machines": ["sweep", "--build", optimised, "--count",
                            str(LONG_SWEEP_MACHINES if is_full else SWEEP_MACHINES)],
    }
    for name, (program, *options) in commands.items():
        tally.section(name)
        run_in_machines([os.path.join(HERE, program), *options], name, tally)


def test_quickly(tally):
    """One build, and those of its tests that find most mistakes."""
    tally.section("gcc: build")
    directory = build("gcc", tally)
    if directory:
        tally.section("gcc: unit, cli and daemon tests")
        run_meson_tests(directory, "gcc", tally, *MANY, "--suite", "unit", "--suite", "cli",
                        "--suite", "daemon")


def test_builds(directories, is_full, tally):
    """The tests that need no machine, of each build."""
    tally.section("gcc: tests")
    if directories["gcc"]:
        run_meson_tests(directories["gcc"], "gcc", tally)
    tally.section("clang: build and its tests")
    directories["clang"] = build("clang", tally, beside=True)
    if directories["clang"]:
        run_meson_tests(directories["clang"], "clang", tally,
                        *([] if is_full else SHORT.get("clang", [])))
    directory = directories["optimised"]
    tally.section("gcc, optimised: all that is tried thousands of times")
    if directory:
        run_meson_tests(directory, "optimised", tally, *MANY, "--suite", "daemon", "--suite", "hardening")
    if not is_full or not directory:
        return
    for kind in ("optimised", "clang-optimised"):
        tally.section(f"{kind}: valgrind")
        built = directory if kind == "optimised" else build(kind, tally, beside=True)
        if built:
            watch_memory(built, kind, tally)
    tally.section(f"reference, on {LONG_SWEEP} machines")
    run_meson_tests(directory, "optimised", tally, "--suite", "reference",
                    ISO_REFERENCE_COUNT=str(LONG_SWEEP), ISO_THIN_MOST="0")


def test_all(arguments, tally):
    built = queue.SimpleQueue()
    machines = None if arguments.no_vm else Beside(tally, test_in_machines, built, arguments.full)
    directories = {}
    for kind in ("gcc", "optimised"):
        tally.section(f"{kind}: build")
        directories[kind] = build(kind, tally)
    are_built = directories["gcc"] and directories["optimised"]
    if are_built:
        tally.section("installation")
        check_installation(directories["gcc"], tally)
    built.put((directories["gcc"], directories["optimised"]) if are_built else None)
    test_builds(directories, arguments.full, tally)
    if machines:
        machines.finish()
    for name in ("VM suites", "random machines") if arguments.no_vm else ():
        tally.skip(name, "--no-vm was asked for")


def main():
    parser = argparse.ArgumentParser(prog="./test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true",
                        help="one build and its unit, cli and daemon tests")
    length.add_argument("--full", action="store_true",
                        help="every kernel on every topology, and the long reference sweeps")
    parser.add_argument("--no-vm", action="store_true", help="leave the VM suites out")
    arguments = parser.parse_args()
    os.makedirs(LAB, exist_ok=True)
    tally = Tally()
    if arguments.quick:
        test_quickly(tally)
    else:
        test_all(arguments, tally)
    tally.section("result")
    for name in tally.failures:
        print(f"failed: {name}")
    print(f"{tally.passed} passed, {len(tally.failures)} failed"
          + (f", {tally.skipped} skipped" if tally.skipped else ""))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
