#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl over a private bus, with a fake isolationd on it."""

import json
import os
import pwd
import select
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import DEADLINE, ISOCTL, Program, document, environment, isoctl, validated

FAKE = os.environ["FAKE_DAEMON"]
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={directory}/bus</listen>
  <servicedir>{directory}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def end_by(number, code):
    """
    A program that says its number, and ends with that code when the signal has come. A shell that reads
    may have looked for signals just before one comes, and then waits for ever.
    """
    return [sys.executable, "-c", "import os, signal, sys; "
            f"signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number)}]); "
            f"print(os.getpid(), flush=True); signal.sigwait([{int(number)}]); sys.exit({code})"]


class WithBus(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="isoctl-bus-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        os.mkdir(os.path.join(self.directory, "services"))
        config = os.path.join(self.directory, "bus.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(directory=self.directory))
        self.address = f"unix:path={self.directory}/bus"
        self.bus = self.start(["dbus-daemon", f"--config-file={config}", "--nofork",
                               "--print-address"])
        self.bus.await_line(lambda line: line.startswith("unix:"))

    def start(self, arguments, **more):
        program = Program(arguments, environment(self.address), **more)
        self.addCleanup(program.kill)
        return program

    def start_daemon(self, *arguments):
        daemon = self.start([FAKE, *arguments])
        daemon.await_line(lambda line: line == "ready")
        return daemon

    def isoctl(self, *arguments, **more):
        return isoctl(*arguments, bus=self.address, **more)

    def json(self, *arguments):
        result = self.isoctl(*arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return document(result)


class Reading(WithBus):
    def test_no_daemon(self):
        result = self.isoctl("list")
        self.assertEqual(result.returncode, 8)
        self.assertIn("--from /sys", result.stderr)

    def test_activation(self):
        service = os.path.join(self.directory, "services", "org.isolationd1.service")
        with open(service, "w", encoding="ascii") as file:
            file.write(f"[D-BUS Service]\nName=org.isolationd1\nExec={FAKE}\n")
        # The bus notices the file by itself; asking it to look makes that certain.
        subprocess.run(["dbus-send", f"--bus={self.address}", "--dest=org.freedesktop.DBus",
                        "--print-reply", "/org/freedesktop/DBus",
                        "org.freedesktop.DBus.ReloadConfig"], check=True, capture_output=True)
        self.assertEqual(len(self.json("list")["devices"]), 3)

    def test_documents(self):
        self.start_daemon()
        devices = self.json("list")["devices"]
        self.assertEqual([device["device"] for device in devices],
                         ["0000:00:01.0", "0000:01:00.0", "0000:02:00.0"])
        self.assertEqual((devices[1]["group"], devices[1]["driver"], devices[1]["lease"]),
                         ("0000:00/01.0", "e1000e", None))
        for selector in ("01:00.0", "group:5", "0000:00/01.0", "eth-fake"):
            group = self.json("show", selector)["group"]
            self.assertEqual((group["kernel_group"], len(group["devices"])), (5, 2))
            self.assertEqual(group["strength"], [
                {"bit": "translated", "value": "yes", "text": "It is."},
                {"bit": "p2p", "value": "unknown", "text": "Nobody knows."}])
            self.assertEqual(group["reserved_regions"], [
                {"start": "0xfee00000", "end": "0xfeefffff", "kind": "msi"}])
        self.assertIn("\nReserved regions\n  0xfee00000-0xfeefffff msi\n",
                      self.isoctl("show", "01:00.0").stdout)
        self.assertNotIn("reserved_regions", self.json("show", "02:00.0")["group"])
        # Of a daemon that is too old to tell, the rest is shown.
        self.assertNotIn("strength", self.json("show", "02:00.0")["group"])
        self.assertIn("\nStrength\n  translated  yes      It is.\n",
                      self.isoctl("show", "01:00.0").stdout)
        self.assertEqual(len(self.json("groups")["groups"]), 2)
        self.assertEqual(self.json("explain", "01:00.0")["reasons"], [{
            "rule": "upstream-acs", "a": "0000:01:00.0", "b": "0000:00:01.0",
            "at": "0000:00:01.0", "missing": ["SV", "RR"], "text": "0000:00:01.0 has no ACS."}])
        self.assertEqual([root["device"] for root in self.json("tree")["roots"]],
                         ["0000:00:01.0", "0000:02:00.0"])
        self.assertEqual(self.json("leases"), {"schema": "isolationd.leases/1", "leases": []})

    def test_names_are_the_daemons(self):
        self.start_daemon()
        result = self.isoctl("show", "eth-none")
        self.assertEqual((result.returncode, result.stderr),
                         (3, "isoctl: nothing is called eth-none here\n"))
        self.assertEqual(self.isoctl("show", b"\xff").returncode, 3)

    def test_obstacle(self):
        self.start_daemon("e1000e", "the kernel is too old")
        result = self.isoctl("list")
        self.assertEqual((result.returncode, result.stderr), (0, "isoctl: the kernel is too old\n"))


class Leasing(WithBus):
    def setUp(self):
        super().setUp()
        self.daemon = self.start_daemon()

    def await_daemon(self, line):
        return self.daemon.await_line(lambda seen: seen == line)

    def check_views_of_a_lease(self):
        samples = {(sample["metric"], sample["labels"]): sample["value"]
                   for sample in self.json("metrics")["samples"]}
        self.assertEqual(samples["isolationd_leases",
                                 'state="leased",mode="iommufd",guard="owned"'], 1)
        self.assertEqual(samples["isolationd_lease_devices", ""], 1)
        self.assertEqual(samples["isolationd_held_devices", ""], 0)
        text = self.isoctl("metrics").stdout
        self.assertIn("# TYPE isolationd_leases gauge\n"
                      'isolationd_leases{state="leased",mode="iommufd",guard="owned"} 1\n', text)
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? \d+)$')
        overview = self.json("overview")
        self.assertEqual((overview["daemon"], overview["leases"]), (True, [1]))
        self.assertIn("\nLeases\n  1  0000:00/01.0 · leased · guard owned · test.service\n",
                      self.isoctl().stdout)
        result = self.isoctl("emit", "qemu", "1")
        self.assertEqual(result.returncode, 2)
        self.assertIn("qemu cannot use a lease in mode iommufd", result.stderr)
        result = self.isoctl("emit", "qemu", "01:00.0", "--mode", "path")
        self.assertIn("is leased in mode iommufd, not path", result.stderr)

    def test_acquire_and_release(self):
        answer = self.json("acquire", "01:00.0", "--mode", "iommufd", "--with-members", "--force",
                           "--driver=mlx5_vfio_pci", "--ram=2G",
                           "--release-console")
        self.await_daemon("release-console")
        self.await_daemon("memory=2147483648")
        self.await_daemon("driver=mlx5_vfio_pci")
        self.await_daemon("acquire mode=iommufd lifetime=persistent with-members=1 force=1 01:00.0")
        self.assertEqual(answer, {
            "schema": "isolationd.acquire/1", "lease": 1, "groups": ["0000:00/01.0"],
            "devices": ["0000:01:00.0"], "mode": "iommufd", "guard": "owned",
            "lifetime": "persistent", "address_space": "one", "accounting": "process",
            "nodes": []})
        self.assertEqual(self.json("leases")["leases"], [{
            "lease": 1, "groups": ["0000:00/01.0"], "devices": ["0000:01:00.0"], "held": [],
            "uid": 0, "unit": "test.service", "mode": "iommufd", "lifetime": "persistent",
            "guard": "owned", "required_guard": "sealed", "state": "leased", "since": "2023-11-14T22:13:20Z",
            "rule": "50-test.json: nics", "address_space": "one", "accounting": "process",
            "nodes": [], "faults": [], "trouble": "a test waits"}])
        row = self.isoctl("leases").stdout.splitlines()[1].split()
        self.assertEqual(row[:6], ["1", "0000:00/01.0", "1", f"0({pwd.getpwuid(0).pw_name})",
                                   "test.service", "iommufd"])
        self.assertEqual(self.json("show", "01:00.0")["group"]["lease"], 1)
        self.assertIn("\nTrouble: a test waits.\n", self.isoctl("show", "01:00.0").stdout)
        self.check_views_of_a_lease()

        self.assertEqual(self.json("release", "01:00.0"),
                         {"schema": "isolationd.release/1", "lease": 1, "resets": [
                             {"device": "0000:01:00.0", "how": "flr"},
                             {"device": "0000:01:00.1",
                              "how": "not reset: the kernel knows no way"}]})
        self.await_daemon("released 1")
        self.assertEqual(self.isoctl("release", "1").returncode, 3)

        self.assertEqual(self.isoctl("acquire", "01:00.0").stdout,
                         "lease 2 · group 0000:00/01.0 · vfio · guard owned\n")
        self.assertIn("Lease 2: mode vfio; it has one I/O address space; the kernel counts pinned memory",
                      self.isoctl("show", "01:00.0").stdout)
        self.assertEqual(self.isoctl("release", "2").stdout,
                         "0000:01:00.0 reset: flr\n"
                         "0000:01:00.1 not reset: the kernel knows no way\nlease 2 released\n")

    def test_revoke(self):
        self.isoctl("acquire", "01:00.0")
        self.assertEqual(self.json("revoke", "1", "--kill", "--grace", "3"), {
            "schema": "isolationd.revoke/1", "lease": 1, "resets": [
                {"device": "0000:01:00.0", "how": "flr"}]})
        self.await_daemon("revoke 1 kill=1 grace=3")
        self.isoctl("acquire", "01:00.0")
        self.assertEqual(self.isoctl("revoke", "01:00.0").stdout,
                         "0000:01:00.0 reset: flr\nlease 2 revoked\n")
        self.await_daemon("revoke 2 kill=0 grace=10")
        for grace in ("3601", "-1", "1s", ""):
            self.assertEqual(self.isoctl("revoke", "1", f"--grace={grace}").returncode, 2)
        self.assertEqual(self.isoctl("revoke", "7").returncode, 3)
        self.assertEqual(self.isoctl("release", "7", "--kill").returncode, 2)

    def test_reset(self):
        self.assertEqual(self.json("reset", "02:00.0"), {
            "schema": "isolationd.reset/1", "resets": [{"device": "0000:02:00.0", "how": "pm"}]})
        self.assertEqual(self.isoctl("reset", "02:00.0").stdout, "0000:02:00.0 reset: pm\n")
        self.assertEqual(self.isoctl("reset", "01:00.0").returncode, 4)
        self.assertEqual(self.isoctl("reset", "group:5").returncode, 2)
        self.isoctl("acquire", "01:00.0")
        self.daemon.say("join")
        result = self.isoctl("reset", "03:00.0")
        self.assertEqual((result.returncode, result.stdout),
                         (1, "0000:03:00.0 not reset: the kernel knows no way\n"))

    def test_modes(self):
        """Several modes are asked for in their order; a user is a name or a number."""
        answer = self.json("acquire", "01:00.0", "--mode", "group-fd,path,vfio", "--uid", "1234")
        self.assertEqual(answer["mode"], "group-fd")
        for line in ("or mode=group-fd", "or mode=path", "or mode=vfio", "for uid=1234"):
            self.await_daemon(line)
        self.isoctl("release", "1")
        for user in ("no-such-user", "-1", "12x", "4294967295", ""):
            result = self.isoctl("acquire", "01:00.0", "--uid", user)
            self.assertEqual((result.returncode, f"unknown user {user}" in result.stderr),
                             (2, True), result.stderr)
        self.assertEqual(self.isoctl("leases", "--uid", "1").returncode, 2)

    def test_holders(self):
        self.assertEqual(self.json("holders")["holders"], [])
        free = self.json("holders", "02:00.0")["holders"]
        self.assertEqual(free[0], {
            "pid": 4711, "comm": "qemu", "unit": "vm.service", "uid": 0, "lease": None,
            "group": "0000:00/02.0", "certain": True})
        self.isoctl("acquire", "01:00.0")
        for arguments in ((), ("1",), ("01:00.0",), ("0000:00/01.0",)):
            holders = self.json("holders", *arguments)["holders"]
            self.assertEqual([(each["pid"], each["lease"], each["group"], each["certain"])
                              for each in holders],
                             [(4711, 1, "0000:00/01.0", True), (4712, 1, "0000:00/01.0", False)])
        self.assertEqual(holders[1]["unit"], None)
        lines = self.isoctl("holders").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["PID", "COMMAND", "UNIT", "USER", "LEASE", "GROUP",
                                            "CERTAIN"])
        self.assertEqual(lines[1].split()[:3], ["4711", "qemu", "vm.service"])
        self.assertEqual(self.isoctl("holders", "7").returncode, 3)
        self.assertEqual(self.isoctl("holders", "eth-none").returncode, 3)

    def test_type(self):
        self.assertEqual(self.isoctl("type", "01:00.0").stdout,
                         "group 0000:00/01.0 · type DMA\n")
        self.assertEqual(self.json("type", "01:00.0", "DMA-FQ"), {
            "schema": "isolationd.type/1", "group": "0000:00/01.0", "kernel_group": 5,
            "type": "DMA-FQ"})
        result = self.isoctl("type", "01:00.0", "identity")
        self.assertEqual((result.returncode, result.stderr), (6, "isoctl: a driver is bound\n"))
        self.assertEqual(self.isoctl("type", "01:00.0", "DMA", "auto").returncode, 2)

    def test_take_and_expel(self):
        self.isoctl("acquire", "01:00.0", "--mode", "iommufd")
        self.daemon.say("join")
        # The fake has done what it was told before it answers the next question.
        self.assertEqual(self.json("take", "1", "03:00.0"), {
            "schema": "isolationd.take/1", "lease": 1, "device": "0000:03:00.0",
            "fds": ["device:0000:03:00.0"]})
        self.await_daemon("TakeDevice 1 0000:03:00.0")
        self.assertEqual(self.isoctl("take", "01:00.0", "0000:03:00.0").stdout,
                         "0000:03:00.0 now belongs to lease 1\n")
        self.assertEqual(self.json("expel", "1", "03:00.0"), {
            "schema": "isolationd.expel/1", "lease": 1, "device": "0000:03:00.0"})
        self.await_daemon("ExpelDevice 1 0000:03:00.0")
        self.assertEqual(self.isoctl("expel", "1", "0000:03:00.0").stdout,
                         "0000:03:00.0 is removed from the machine until lease 1 ends\n")
        for verb in ("take", "expel"):
            with self.subTest(verb):
                result = self.isoctl(verb, "1", "01:00.0")
                self.assertEqual((result.returncode, result.stderr),
                                 (2, "isoctl: 0000:01:00.0 did not join\n"))
                self.assertEqual(self.isoctl(verb, "1", "group:5").returncode, 2)
                self.assertEqual(self.isoctl(verb, "9", "01:00.0").returncode, 3)
                self.assertEqual(self.isoctl(verb, "1", "09:00.0").returncode, 3)
                self.assertEqual(self.isoctl(verb, "1").returncode, 2)

        self.isoctl("release", "1")
        self.isoctl("acquire", "01:00.0")
        self.assertEqual(self.json("take", "2", "03:00.0")["fds"], [])

    def test_refusals(self):
        codes = {"NotFound": 3, "Busy": 4, "NotViable": 6, "Critical": 6, "PolicyDenied": 5,
                 "NotAuthorized": 5, "TooWeak": 6, "Changed": 6, "Stuck": 7, "Quota": 5,
                 "Invalid": 2, "Unsupported": 6, "KernelRefused": 1, "Quarantined": 9}
        for name, code in codes.items():
            with self.subTest(name):
                result = self.isoctl("acquire", f"refuse-{name}", "--json")
                self.assertEqual(result.returncode, code)
                self.assertEqual(document(result), {"schema": "isolationd.error/1", "error": name,
                                                    "message": f"no: refuse-{name}"})
                result = self.isoctl("run", f"refuse-{name}", "--", "true")
                self.assertEqual((result.returncode, result.stderr),
                                 (code, f"isoctl: no: refuse-{name}\n"))

    def test_run_substitutes_fds(self):
        script = "cat <&$1; echo; cat <&$2; echo; cat <&$3; echo; cat <&$4; echo; echo $5"
        result = self.isoctl("run", "--mode=vfio", "01:00.0", "--", "bash", "-c", script, "-",
                             "{container}", "{group}", "{group:5}", "{device:01:00.0}",
                             'x{"y": {nothing}} {}')
        self.assertEqual(result.returncode, 0, result.stderr)
        # {group} and {group:5} are one fd, read to its end the first time.
        self.assertEqual(result.stdout.splitlines(),
                         ["container", "group:5", "", "device:0000:01:00.0",
                          'x{"y": {nothing}} {}'])
        self.assertEqual(result.stderr, "lease 1 · group 0000:00/01.0 · vfio · guard owned\n")
        self.await_daemon("acquire mode=vfio lifetime=fd with-members=0 force=0 01:00.0")
        self.await_daemon("released 1")

        result = self.isoctl("run", "--mode=iommufd", "01:00.0", "--json", "--", "bash", "-c",
                             "cat <&$1", "-", "{iommufd}")
        self.assertEqual((result.returncode, result.stdout), (0, "iommufd"))
        self.assertEqual(json.loads(result.stderr)["lifetime"], "fd")

    def test_run_finds_the_mode(self):
        """By what the command names; it is told, unless the mode was asked for."""
        for names, asked in ((["{container}", "{group}"], "vfio"), (["{group:5}"], "vfio"),
                             (["fd={iommufd}", "a,fd={device:01:00.0}"], "iommufd-unbound,iommufd"),
                             (["{device:01:00.0}"], "iommufd-unbound,iommufd"),
                             (["x", '{"a": {}}', "{device}", "{containers}"], "path")):
            with self.subTest(names):
                result = self.isoctl("run", "01:00.0", "--", "true", *names)
                self.assertIn(result.returncode, (0, 2), result.stderr)
                first = asked.split(",")[0]
                self.assertIn(f"isoctl: mode {first}, because the command ", result.stderr)
                self.await_daemon(f"acquire mode={first} lifetime=fd with-members=0 force=0 01:00.0")
                for other in asked.split(",") if "," in asked else ():
                    self.await_daemon(f"or mode={other}")
                self.daemon.await_line(lambda line: line.startswith("released"))
        result = self.isoctl("run", "01:00.0", "--", "true", "{iommufd}", "{group}")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no mode provides both {group} and {iommufd}", result.stderr)
        result = self.isoctl("run", "--mode", "path", "01:00.0", "--", "true")
        self.assertNotIn("because the command", result.stderr)

    def test_more_fds_than_a_message_carries(self):
        script = "for fd; do cat <&$fd; echo; done"
        names = ["container", "group:1001", "group:1011", "group:1012", "group:1080", "group:1150"]
        result = self.isoctl("run", "many", "--", "bash", "-c", script, "-",
                             *(f"{{{name}}}" for name in names))
        self.assertEqual((result.returncode, result.stdout.splitlines()), (0, names),
                         result.stderr)
        self.await_daemon("released 1")

    def test_run_passes_only_what_is_named(self):
        # No lease fd (a pipe), no bus (a socket), no other memfd.
        script = ("import os, sys\n"
                  "for fd in os.listdir('/proc/self/fd'):\n"
                  "    try: print(fd, os.readlink('/proc/self/fd/' + fd))\n"
                  "    except OSError: pass\n")
        result = self.isoctl("run", "01:00.0", "--", sys.executable, "-c", script, "{group}",
                             stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0, result.stderr)
        extra = [line for line in result.stdout.splitlines() if int(line.split()[0]) > 2]
        extra = [line for line in extra if not line.split()[1].startswith("/proc/")]
        self.assertEqual([line.split()[1] for line in extra], ["/memfd:group:5"])

    def test_run_names_that_are_not_there(self):
        """The error says what there is, and which mode has what is named."""
        unbound = "iommufd-unbound (for programs that bind, as QEMU does) and iommufd provide it\n"
        for mode, name, told in (("vfio", "iommufd", unbound),
                                 ("vfio", "group:9", "it has container, group:5, device:0000:01:00.0\n"),
                                 ("vfio", "device:02:00.0", "device:0000:01:00.0\n"),
                                 ("vfio", "device:nothing", "device:0000:01:00.0\n"),
                                 ("iommufd", "container", "; mode vfio provides it\n"),
                                 ("iommufd", "group", "and group-fd provide it\n")):
            with self.subTest(name):
                result = self.isoctl("run", "--mode", mode, "01:00.0", "--", "false", "{%s}" % name)
                self.assertEqual(result.returncode, 2)
                self.assertTrue(result.stderr.endswith(told), result.stderr)
                self.daemon.await_line(lambda line: line.startswith("released"))

    def test_run_passes_the_end_on(self):
        for command, code in ((["true"], 0), (["false"], 1), (["sh", "-c", "exit 42"], 42),
                              (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
                              (["/nonexistent/program"], 127), (["/dev/null"], 126)):
            with self.subTest(command):
                result = self.isoctl("run", "01:00.0", "--", *command)
                self.assertEqual(result.returncode, code, result.stderr)
                self.daemon.await_line(lambda line: line.startswith("released"))

    def start_run(self, *command):
        run = self.start([ISOCTL, "run", "01:00.0", "--", *command])
        run.await_line(lambda line: line.startswith("lease "), run.err)
        return run, int(run.await_line(str.isdigit))

    def test_run_forwards_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                run, _ = self.start_run(*end_by(number, 7))
                run.process.send_signal(number)
                self.assertEqual(run.wait(), 7)
                self.daemon.await_line(lambda line: line.startswith("released"))

    def test_run_killed(self):
        run, child = self.start_run("sh", "-c", "echo $$; read line")
        pidfd = os.pidfd_open(child)
        self.addCleanup(os.close, pidfd)
        run.process.kill()
        # The lease ends with its fd, and the program with isoctl: its stdout closes.
        self.await_daemon("let-go 1")
        with self.assertRaisesRegex(AssertionError, "did not come"):
            run.await_line(lambda line: False)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)  # readable once the process has ended
        self.assertTrue(poll.poll(DEADLINE * 1000), "the program outlives isoctl")
        self.assertEqual(self.json("leases")["leases"], [])

    def test_run_whose_daemon_goes_away(self):
        run, _ = self.start_run(*end_by(signal.SIGTERM, 0))
        self.daemon.kill()
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(), 8)
        run.await_line(lambda line: "lease 1 was not released" in line, run.err)


class Monitoring(WithBus):
    def setUp(self):
        super().setUp()
        self.daemon = self.start_daemon()
        self.monitor = self.start([ISOCTL, "monitor", "--json"])
        self.await_event("ready")

    def await_event(self, name, **wanted):
        def matches(line):
            event = validated(line)
            self.assertEqual(event["schema"], "isolationd.event/1")
            return event["event"] == name and all(event[key] == value
                                                  for key, value in wanted.items())
        return json.loads(self.monitor.await_line(matches))

    def test_devices(self):
        self.daemon.say("driver vfio-pci")
        event = self.await_event("device-changed")
        self.assertEqual(event, {"schema": "isolationd.event/1", "event": "device-changed",
                                 "device": "0000:01:00.0", "group": "0000:00/01.0", "lease": None,
                                 "driver": "vfio-pci", "state": "host"})
        self.daemon.say("state free")  # comes without its value
        self.assertEqual(self.await_event("device-changed")["state"], "free")

    def test_what_says_nothing_new(self):
        for driver in ("vfio-pci", "vfio-pci", "vfio-pci", "igb", "vfio-pci"):
            self.daemon.say(f"driver {driver}")
        self.await_event("device-changed", driver="igb")
        self.await_event("device-changed", driver="vfio-pci")
        drivers = [event["driver"] for event in map(json.loads, self.monitor.seen)
                   if event["event"] == "device-changed"]
        self.assertEqual(drivers, ["vfio-pci", "igb", "vfio-pci"])

    def test_leases(self):
        self.isoctl("acquire", "01:00.0")
        self.assertEqual(self.await_event("lease-added")["lease"], 1)
        event = self.await_event("group-changed")
        self.assertEqual((event["group"], event["lease"], event["state"]),
                         ("0000:00/01.0", 1, "leased"))
        self.daemon.say("join")
        event = self.await_event("device-added")
        self.assertEqual((event["device"], event["state"], event["lease"]),
                         ("0000:03:00.0", "held", 1))
        event = self.await_event("device-joined")
        self.assertEqual((event["device"], event["lease"], event["group"]),
                         ("0000:03:00.0", 1, "0000:00/01.0"))
        self.assertIs(event["in_owner_address_space"], True)
        for difference in ("", "vendor 8086 is 1b36 now"):
            self.daemon.say(f"return {difference}".strip())
            event = self.await_event("device-returned")
            self.assertEqual((event["device"], event["lease"], event["state"], event["same"],
                              event["difference"]),
                             ("0000:03:00.0", 1, "held", not difference, difference or None))
        self.daemon.say("weaken")
        event = self.await_event("guard-weakened")
        self.assertEqual((event["device"], event["lease"], event["guard"],
                          event["required_guard"]), (None, 1, "reactive", "sealed"))
        self.daemon.say("second")
        event = self.await_event("second-holder")
        self.assertEqual((event["lease"], event["pid"], event["comm"], event["unit"],
                          event["device"]), (1, 4712, "stray", None, None))
        self.daemon.say("fault")
        event = self.await_event("fault")
        self.assertEqual((event["lease"], event["device"], event["access"], event["address"],
                          event["count"]), (1, "0000:01:00.0", "write", 0x800000, 7))
        self.daemon.say("lose")
        event = self.await_event("device-lost")
        self.assertEqual((event["lease"], event["cause"]), (1, "0000:01:00.0 is gone too"))
        self.assertEqual(self.await_event("device-removed")["device"], "0000:03:00.0")
        self.daemon.say("vf")
        event = self.await_event("pf-changed")
        self.assertEqual((event["device"], event["cause"]),
                         ("0000:01:00.0", "0000:01:00.0 was bound to igb"))
        event = self.await_event("device-returned")
        self.assertEqual((event["device"], event["lease"], event["state"]),
                         ("0000:01:00.0", 1, "leased"))
        self.assertNotIn("cause", event)
        self.isoctl("revoke", "1", "--grace", "0")
        event = self.await_event("revoked")
        self.assertEqual((event["lease"], event["grace_seconds"], event["kill"], event["state"]),
                         (1, 0, False, "revoking"))
        self.assertEqual(self.await_event("group-changed")["state"], "free")
        self.assertEqual(self.await_event("lease-removed")["lease"], 1)

    def test_others_are_not_believed(self):
        self.daemon.say("forge")
        self.daemon.say("driver vfio-pci")
        self.await_event("device-changed")
        self.assertFalse([line for line in self.monitor.seen if "0000:ff:00.0" in line])

    def test_restart(self):
        self.isoctl("acquire", "01:00.0")
        self.await_event("lease-added")
        self.daemon.kill()
        self.daemon = self.start_daemon("igb")
        self.await_event("lease-removed", lease=1)
        event = self.await_event("device-changed", device="0000:01:00.0")
        self.assertEqual(event["driver"], "igb")
        self.await_event("ready")
        self.daemon.say("driver vfio-pci")
        self.await_event("device-changed", driver="vfio-pci")

    def test_bus_gone(self):
        self.bus.kill()
        self.assertEqual(self.monitor.wait(), 8)
        self.assertEqual(json.loads(self.monitor.await_line(lambda line: True))["error"],
                         "NoDaemon")

    def test_text(self):
        monitor = self.start([ISOCTL, "monitor"])
        self.assertEqual(monitor.await_line(lambda line: True), "ready")
        self.daemon.say("driver vfio-pci")
        self.assertEqual(monitor.await_line(lambda line: True),
                         "device-changed 0000:01:00.0 · group 0000:00/01.0 · driver vfio-pci · host")
        self.isoctl("acquire", "01:00.0")
        self.daemon.say("weaken")
        monitor.await_line(lambda line: line == "guard-weakened · group 0000:00/01.0 · lease 1 · "
                                                "guard reactive, required sealed")
        self.daemon.say("second")
        monitor.await_line(lambda line: line == "second-holder · group 0000:00/01.0 · lease 1 · "
                                                "4712 stray")
        self.daemon.say("fault")
        monitor.await_line(lambda line: line == "fault 0000:01:00.0 · group 0000:00/01.0 · lease 1 · "
                                                "write at 0x800000, number 7")
        self.daemon.say("return class 020000 is 010802 now")
        monitor.await_line(lambda line: line == "device-returned 0000:03:00.0 · group 0000:00/01.0"
                                                " · lease 1 · held · class 020000 is 010802 now")


if __name__ == "__main__":
    unittest.main(verbosity=2)
