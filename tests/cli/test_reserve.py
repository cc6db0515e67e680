#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isolationd-reserve on a machine made of files, and the scripts that bring it into an initramfs.

The tests link the kernel's part (reserve_kernel.c) into the program. A link stands for a bound
driver.
"""

import glob
import json
import os
import subprocess
import tempfile
import unittest

import tree
from harness import DEADLINE

PROGRAM = os.environ["RESERVE"]
SCRIPTS = os.environ["INITRAMFS_SCRIPTS"]
# A policy that a group may write is refused.
os.umask(0o022)
OURS = "isolationd-block"
CARD, JOINED, LONE = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
CARD_RULE = {"name": "card", "match": {"path": "0000:00/02.*"},
             "lease": {"users": ["no-such-user"]}, "reserve": {"at": "boot"}}
LONE_RULE = {"name": "lone \"one\"\n\\", "match": {"vendor": "8086", "class": "network",
                                                 "address": "0000:03:*"},
             "lease": {}, "reserve": {"at": "boot"}}


class Machine:
    """The small machine of tree.py below a root of its own."""

    def __init__(self, root):
        self.root = root
        tree.build(self.path("sys"))
        for address in os.listdir(self.path("sys/bus/pci/devices")):
            self.write(f"sys/bus/pci/devices/{address}/driver_override", "(null)\n")
            self.write(f"sys/bus/pci/devices/{address}/uevent", "")
        self.write("sys/bus/pci/drivers_probe", "")
        self.release(CARD)
        os.makedirs(self.path("proc/self"))
        self.write("proc/self/mountinfo", "")
        self.write("proc/swaps", "Filename\n")

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def release(self, address):
        os.unlink(self.path(f"sys/bus/pci/devices/{address}/driver"))

    def policy(self, *rules):
        self.write("etc/isolationd/policy.d/50.json", json.dumps({"rules": rules}))

    def run(self, *arguments):
        return subprocess.run([PROGRAM, "--root", self.root, *arguments], capture_output=True,
                              text=True, timeout=DEADLINE, check=False,
                              env={**os.environ, "JOURNAL_STREAM": ""})

    def override(self, address):
        return self.read(f"sys/bus/pci/devices/{address}/driver_override").rstrip("\n")

    def driver(self, address):
        link = self.path(f"sys/bus/pci/devices/{address}/driver")
        return os.path.basename(os.readlink(link)) if os.path.islink(link) else None

    def overrides(self):
        devices = os.listdir(self.path("sys/bus/pci/devices"))
        return {each: self.override(each) for each in devices
                if self.override(each) != "(null)"}

    def recorded(self):
        try:
            record = json.loads(self.read("run/isolationd/reserved"))
        except FileNotFoundError:
            return []
        assert record["version"] == 1
        return sorted(each["device"] for each in record["devices"])

    def rules(self):
        try:
            return self.read("run/udev/rules.d/60-isolationd-reserved.rules")
        except FileNotFoundError:
            return None


class WithMachine(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="isolationd-test-")
        self.addCleanup(directory.cleanup)
        self.machine = Machine(directory.name)

    def run_it(self, *arguments, code=0):
        result = self.machine.run(*arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stderr


class Boot(WithMachine):
    def test_reserves_what_is_free(self):
        self.machine.policy(CARD_RULE)
        said = self.run_it()
        self.assertEqual(self.machine.overrides(), {CARD: OURS, JOINED: OURS})
        self.assertEqual(self.machine.recorded(), [CARD, JOINED])
        self.assertIn("0000:00:02.0 is not reserved: it is a bridge", said)
        self.assertIn(f"{CARD} is reserved by rule 50.json:1: card", said)
        self.assertEqual(self.machine.read("sys/bus/pci/drivers_probe"), "")

    def test_twice_is_once(self):
        self.machine.policy(CARD_RULE)
        self.run_it()
        before = (self.machine.overrides(), self.machine.read("run/isolationd/reserved"),
                  os.stat(self.machine.path("run/isolationd/reserved")).st_ino)
        self.run_it()
        self.assertEqual(before, (
            self.machine.overrides(), self.machine.read("run/isolationd/reserved"),
            os.stat(self.machine.path("run/isolationd/reserved")).st_ino))

    def test_bound_is_not_touched(self):
        self.machine.policy(CARD_RULE, LONE_RULE)
        said = self.run_it(code=1)
        self.assertEqual(self.machine.overrides(), {CARD: OURS, JOINED: OURS})
        self.assertEqual(self.machine.recorded(), [CARD, JOINED])
        self.assertRegex(said, f"(?s){LONE} is reserved by .*, but e1000e drives it already.*"
                               "built into")
        self.assertEqual(self.machine.driver(LONE), "e1000e")

    def test_bound_by_a_module_names_the_initramfs(self):
        self.machine.policy(LONE_RULE)
        os.makedirs(self.machine.path("sys/module/e1000e"))
        self.machine.write("sys/module/e1000e/initstate", "live\n")
        os.symlink("../../../../module/e1000e",
                   self.machine.path("sys/bus/pci/drivers/e1000e/module"))
        self.assertIn("update-initramfs", self.run_it(code=1))

    def test_an_override_of_others_stays(self):
        self.machine.policy(CARD_RULE)
        self.machine.write(f"sys/bus/pci/devices/{CARD}/driver_override", "vfio-pci\n")
        said = self.run_it()
        self.assertEqual(self.machine.overrides(), {CARD: "vfio-pci", JOINED: OURS})
        self.assertEqual(self.machine.recorded(), [JOINED])
        self.assertIn(f"{CARD} is reserved by rule 50.json:1: card; its driver_override is vfio-pci",
                      said)

    def test_a_stub_is_no_host_driver(self):
        self.machine.policy(CARD_RULE)
        os.makedirs(self.machine.path("sys/bus/pci/drivers/pci-stub"))
        os.symlink("../../drivers/pci-stub",
                   self.machine.path(f"sys/bus/pci/devices/{CARD}/driver"))
        for arguments in ((), ("--arrived", CARD)):
            with self.subTest(arguments):
                said = self.run_it(*arguments, code=3 if arguments else 0)
                self.assertIn(f"{CARD} is reserved by rule 50.json:1: card; pci-stub has it", said)
                self.assertEqual((self.machine.driver(CARD), self.machine.recorded()),
                                 ("pci-stub", [JOINED]))
                self.assertEqual(self.machine.overrides(), {JOINED: OURS})

    def test_a_leased_device_stays_on_record(self):
        self.machine.policy(CARD_RULE)
        self.run_it()
        self.machine.write(f"sys/bus/pci/devices/{CARD}/driver_override", "vfio-pci\n")
        self.run_it()
        self.assertEqual(self.machine.recorded(), [CARD, JOINED])
        said = self.run_it("--undo", code=1)
        self.assertIn(f"{CARD} is leased", said)
        self.assertEqual(self.machine.recorded(), [CARD])
        self.assertEqual(self.machine.overrides(), {CARD: "vfio-pci"})

    def test_fingerprint(self):
        expected = {"at": "boot", "fingerprint": {"device": "10d3", "members": 4}}
        self.machine.policy({**CARD_RULE, "reserve": expected})
        self.run_it()
        self.assertEqual(self.machine.overrides(), {CARD: OURS, JOINED: OURS})
        self.run_it("--undo")
        expected["fingerprint"]["members"] = 3
        self.machine.policy({**CARD_RULE, "reserve": expected})
        said = self.run_it()
        self.assertEqual(self.machine.overrides(), {})
        self.assertIn("its group has 4 members, and rule 50.json:1: card expects 3", said)

    def test_a_policy_that_changes_lets_in(self):
        self.machine.policy(CARD_RULE)
        self.run_it()
        self.machine.policy({**CARD_RULE, "match": {"address": JOINED}})
        self.run_it()
        self.assertEqual(self.machine.overrides(), {JOINED: OURS})
        self.assertEqual(self.machine.recorded(), [JOINED])
        self.assertEqual(self.machine.read("sys/bus/pci/drivers_probe"), CARD)
        self.assertEqual(self.machine.read(f"sys/bus/pci/devices/{CARD}/uevent"), "add")

    def test_a_mistake_changes_nothing(self):
        self.machine.policy(CARD_RULE)
        self.run_it()
        rules = self.machine.rules()
        self.machine.policy({**CARD_RULE, "reserve": {"at": "bot"}})
        self.assertRegex(self.run_it(code=1), r"50.json:1:\d+: unknown time \"bot\"")
        self.assertEqual(self.machine.overrides(), {CARD: OURS, JOINED: OURS})
        self.assertEqual(self.machine.rules(), rules)

    def test_a_policy_that_others_may_write(self):
        """File and directories; changes by the former policy stay."""
        self.machine.policy(CARD_RULE)
        self.run_it()
        rules = self.machine.rules()
        self.machine.policy({**CARD_RULE, "match": {"address": JOINED}})
        for name, mode in (("etc/isolationd/policy.d/50.json", 0o666),
                           ("etc/isolationd/policy.d", 0o775), ("etc/isolationd", 0o757)):
            before = os.stat(self.machine.path(name)).st_mode
            os.chmod(self.machine.path(name), mode)
            for arguments in ((), ("--check",), ("--arrived", LONE)):
                self.assertIn(f"{self.machine.path(name)}: ", self.run_it(*arguments, code=1))
            self.assertEqual(self.machine.overrides(), {CARD: OURS, JOINED: OURS})
            self.assertEqual(self.machine.rules(), rules)
            os.chmod(self.machine.path(name), before)
        self.run_it()
        self.assertEqual(self.machine.overrides(), {JOINED: OURS})

    def test_the_record_comes_first(self):
        self.machine.policy(CARD_RULE)
        self.machine.write("sys/bus/pci/panic", "")
        self.run_it(code=99)
        self.assertEqual((self.machine.overrides(), self.machine.recorded()), ({}, [CARD, JOINED]))
        os.unlink(self.machine.path("sys/bus/pci/panic"))
        self.run_it("--undo")
        self.assertEqual(self.machine.recorded(), [])

    def test_no_pci(self):
        self.machine.policy(CARD_RULE)
        os.rename(self.machine.path("sys/bus/pci"), self.machine.path("sys/bus/icp"))
        self.run_it()
        self.assertEqual(self.machine.recorded(), [])

    def test_a_strange_record_is_set_aside(self):
        self.machine.policy(CARD_RULE)
        for text in ("", "{}", '{"version":2,"devices":[]}', '{"version":1,"devices":[7]}',
                     '{"version":1,"devices":[{"device":"x","rule":"y"}]}',
                     '{"version":1,"devices":[]} x', '{"version":1,"devices":[{"device":"'):
            with self.subTest(text):
                self.machine.write("run/isolationd/reserved", text)
                self.assertIn("set aside", self.run_it(code=1))
                aside = self.machine.path("run/isolationd/reserved.rejected")
                self.assertEqual(self.machine.read(aside), text)
                os.unlink(aside)
                self.assertEqual(self.machine.recorded(), [CARD, JOINED])


class Undo(WithMachine):
    def test_undoes_what_is_recorded(self):
        self.machine.policy(CARD_RULE)
        self.run_it()
        self.machine.write(f"sys/bus/pci/devices/{LONE}/driver_override", OURS + "\n")
        self.machine.write(f"sys/bus/pci/devices/{JOINED}/driver_override", "other\n")
        said = self.run_it("--undo")
        self.assertEqual(self.machine.overrides(), {LONE: OURS, JOINED: "other"})
        self.assertEqual(self.machine.recorded(), [])
        self.assertIsNone(self.machine.rules())
        self.assertEqual(self.machine.read("sys/bus/pci/drivers_probe"), CARD)
        self.assertIn(f"{JOINED}: its driver_override is \"other\", not ours", said)

    def test_a_device_that_is_gone_is_no_trouble(self):
        self.machine.policy(CARD_RULE)
        self.run_it()
        os.unlink(self.machine.path(f"sys/bus/pci/devices/{CARD}"))
        self.run_it("--undo")
        self.assertEqual(self.machine.recorded(), [])

    def test_the_driver_comes_back(self):
        self.machine.policy(CARD_RULE)
        self.machine.write(f"sys/bus/pci/devices/{CARD}/wanted", "e1000e\n")
        self.run_it()
        self.run_it("--undo")
        self.assertEqual((self.machine.driver(CARD), self.machine.driver(JOINED)),
                         ("e1000e", None))

    def test_nothing_to_undo(self):
        self.run_it("--undo")
        self.assertEqual(self.machine.overrides(), {})


class ForUdev(WithMachine):
    def test_no_rule_no_file(self):
        self.machine.policy({**CARD_RULE, "reserve": {"at": "boot"}, "match": {"device": "1"}},
                            LONE_RULE)
        self.machine.release(LONE)
        self.run_it()
        self.assertIsNotNone(self.machine.rules())
        plain = {key: value for key, value in CARD_RULE.items() if key != "reserve"}
        self.machine.policy(plain)
        self.run_it()
        self.assertIsNone(self.machine.rules())
        self.assertEqual(self.machine.overrides(), {})

    def test_rules(self):
        odd = {**CARD_RULE, "name": "odd", "match": {"address": "0000:0?:*", "class": "0c0330"}}
        self.machine.policy(CARD_RULE, LONE_RULE, odd, {"match": {}, "lease": "deny"})
        self.machine.release(LONE)
        self.run_it()
        lines = self.machine.rules().splitlines()
        ask = 'GOTO="isolationd_reserved_ask"'
        self.assertEqual([line for line in lines if line.endswith(ask)], [
            ask,
            'ATTR{vendor}=="0x8086", ATTR{class}=="0x02????", KERNEL=="0000:03:*", ' + ask,
            'ATTR{class}=="0x0c0330", KERNEL=="0000:0?:*", ' + ask])
        self.assertIn('# 50.json:1: lone "one"??', lines)
        self.assertFalse([line for line in lines if line and not line.startswith(("#", "ACTION",
                          "SUBSYSTEM", "ATTR", "GOTO", "LABEL", "ENV"))])
        # udev's patterns know brackets; ours have none, and the rules before stay.
        odd["match"]["address"] = "0000:0[12]:*"
        self.machine.policy(CARD_RULE, LONE_RULE, odd)
        self.run_it(code=1)
        self.assertEqual(self.machine.rules().splitlines(), lines)

    def test_present(self):
        self.machine.policy(CARD_RULE)
        self.run_it()
        self.run_it("--present", CARD)
        self.run_it("--present", LONE, code=3)
        self.run_it("--present", "0000:09:00.0", code=3)
        self.run_it("--present", "nonsense", code=2)
        self.assertEqual(self.machine.overrides(), {CARD: OURS, JOINED: OURS})

    def test_present_looks_at_the_record_only(self):
        self.machine.policy(LONE_RULE)
        self.run_it(code=1)
        self.machine.release(LONE)
        self.run_it("--present", LONE, code=3)
        self.assertEqual((self.machine.overrides(), self.machine.recorded()), ({}, []))

    def test_several_at_once(self):
        """udev asks for many devices at the same time."""
        self.machine.policy(CARD_RULE, LONE_RULE)
        self.machine.release(LONE)
        self.run_it()
        for _ in range(5):
            self.run_it("--undo")
            self.machine.write("run/udev/rules.d/60-isolationd-reserved.rules", "")
            running = [subprocess.Popen([PROGRAM, "--root", self.machine.root, "--arrived", each],
                                        stderr=subprocess.DEVNULL)
                       for each in (CARD, JOINED, LONE)]
            self.assertEqual([each.wait(DEADLINE) for each in running], [0, 0, 0])
            self.assertEqual(self.machine.recorded(), [CARD, JOINED, LONE])

    def test_arrived(self):
        self.machine.policy({**CARD_RULE, "reserve": {"at": "boot", "fingerprint": {"members": 5}}})
        self.run_it()
        self.assertEqual(self.machine.overrides(), {})
        self.run_it("--present", CARD, code=3)
        self.run_it("--arrived", CARD)
        self.assertEqual((self.machine.overrides(), self.machine.recorded()),
                         ({CARD: OURS}, [CARD]))

    def test_arrived_and_bound_is_unbound(self):
        self.machine.policy(LONE_RULE)
        self.run_it(code=1)
        self.machine.write("sys/bus/pci/drivers/e1000e/unbind", "")
        said = self.run_it("--arrived", LONE)
        self.assertIn("e1000e was faster, and was unbound", said)
        self.assertIsNone(self.machine.driver(LONE))
        self.assertEqual((self.machine.overrides(), self.machine.recorded()),
                         ({LONE: OURS}, [LONE]))

    def test_arrived_and_bound_for_good(self):
        self.machine.policy(LONE_RULE)
        self.run_it(code=1)
        self.machine.write("sys/bus/pci/drivers/e1000e/unbind", "")
        self.machine.write("sys/bus/pci/drivers/e1000e/sticky", "")
        said = self.run_it("--arrived", LONE, code=1)
        self.assertIn("e1000e was faster and keeps it: 0000:03:00.0: still bound", said)
        self.assertEqual((self.machine.overrides(), self.machine.recorded()), ({}, []))

    def test_arrived_and_in_use_is_left(self):
        self.machine.policy(LONE_RULE)
        self.run_it(code=1)
        self.machine.write("sys/bus/pci/drivers/e1000e/unbind", "")
        place = "devices/pci0000:00/0000:00:06.0/0000:03:00.0/net/enp3s0"
        self.machine.write(f"sys/{place}/flags", "0x1003\n")
        os.makedirs(self.machine.path("sys/class/net"), exist_ok=True)
        os.symlink(f"../../{place}", self.machine.path("sys/class/net/enp3s0"))
        os.symlink("../../../../../virtual/net/br0", self.machine.path(f"sys/{place}/upper_br0"))
        self.assertIn("e1000e was faster and keeps it", self.run_it("--arrived", LONE, code=1))
        self.assertEqual(self.machine.read("sys/bus/pci/drivers/e1000e/unbind"), "")
        self.assertEqual((self.machine.overrides(), self.machine.recorded()), ({}, []))

    def test_without_rules_nobody_asks(self):
        """udev may use rules for some seconds after they are removed."""
        self.machine.policy(CARD_RULE)
        self.run_it()
        self.run_it("--undo")
        for option in ("--present", "--arrived"):
            self.run_it(option, CARD, code=3)
        self.assertEqual(self.machine.overrides(), {})


class Options(WithMachine):
    def test_check(self):
        self.run_it("--check", code=3)
        self.machine.policy(CARD_RULE)
        self.run_it("--check")
        self.machine.policy({})
        self.run_it("--check", code=1)
        self.assertFalse(os.path.exists(self.machine.path("run")))

    def test_usage(self):
        self.run_it("--no-such-option", code=2)
        self.run_it("word", code=2)
        self.run_it("--undo", "--check", code=2)
        self.assertIn("--undo", subprocess.run([PROGRAM, "--help"], capture_output=True, text=True,
                                               check=True).stdout)


class Initramfs(unittest.TestCase):
    """The scripts in a directory of their own: paths of the system are replaced by ones in it."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="isolationd-test-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.image = self.path("image")
        os.makedirs(self.image)
        for name in ("etc", "usr/lib"):
            os.makedirs(self.path(f"{name}/isolationd/policy.d"))
        self.program(0)

    def path(self, name):
        return os.path.join(self.root, name)

    def program(self, code):
        """Replaces the program by one that records its arguments."""
        path = self.path("reserve")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\necho \"called $*\" >> {self.root}/calls\nexit {code}\n")
        os.chmod(path, 0o755)

    def script(self, name):
        with open(os.path.join(SCRIPTS, name), encoding="ascii") as file:
            text = file.read()
        installed = {line for line in text.replace('"', " ").split()
                     if line.endswith("/isolationd-reserve")}
        self.assertEqual(len(installed), 1, installed)
        text = text.replace(installed.pop(), self.path("reserve"))
        for name_of_directory in ("/etc/isolationd", "/usr/lib/isolationd"):
            text = text.replace(name_of_directory, self.root + name_of_directory)
        return text.replace("/usr/share/initramfs-tools/", self.root + "/")

    def sh(self, text, *arguments, shell="sh"):
        return subprocess.run([shell, "-c", text, "script", *arguments], text=True, check=True,
                              capture_output=True, timeout=DEADLINE,
                              env={**os.environ, "DESTDIR": self.image, "initdir": self.image,
                                   "moddir": "/modules/90isolationd"}).stdout

    def put_policy(self):
        for name in ("etc/isolationd/policy.d/50.json", "usr/lib/isolationd/policy.d/60.json"):
            with open(self.path(name), "w", encoding="ascii") as file:
                file.write("{}")
        os.symlink("/dev/null", self.path("etc/isolationd/policy.d/60.json"))

    def policy_in_image(self):
        files = glob.glob(f"{self.image}/**/*.json", recursive=True)
        return sorted(name.removeprefix(self.image + self.root) for name in files)

    POLICY = ["/etc/isolationd/policy.d/50.json", "/etc/isolationd/policy.d/60.json",
              "/usr/lib/isolationd/policy.d/60.json"]

    def test_initramfs_tools_hook(self):
        with open(self.path("hook-functions"), "w", encoding="ascii") as file:
            file.write("copy_exec() { echo \"copied $1\"; }\n")
        hook = self.script("initramfs-tools-hook")
        self.put_policy()
        self.assertEqual(self.sh(hook, "prereqs"), "\n")
        self.assertEqual(self.sh(hook), f"copied {self.root}/reserve\n")
        self.assertEqual(self.policy_in_image(), self.POLICY)
        masked = f"{self.image}{self.root}/etc/isolationd/policy.d/60.json"
        self.assertEqual(os.readlink(masked), "/dev/null")

    def test_initramfs_tools_hook_without_reservations(self):
        with open(self.path("hook-functions"), "w", encoding="ascii") as file:
            file.write("copy_exec() { echo \"copied $1\"; }\n")
        self.put_policy()
        for code in (1, 3):
            self.program(code)
            self.assertEqual(self.sh(self.script("initramfs-tools-hook")), "")
            self.assertEqual(os.listdir(self.image), [])

    def test_initramfs_tools_script(self):
        script = self.script("initramfs-tools-script")
        self.assertEqual(self.sh(script, "prereqs"), "\n")
        self.assertFalse(os.path.exists(self.path("calls")))
        self.program(1)
        self.sh(script)     # trouble there must not end the boot
        with open(self.path("calls"), encoding="ascii") as file:
            self.assertEqual(file.read(), "called \n")
        os.unlink(self.path("reserve"))
        self.sh(script)

    def test_dracut_module(self):
        module = self.script("dracut-module-setup.sh")
        stubs = "inst_multiple() { echo \"copied $1\"; }; inst_hook() { echo \"hook $*\"; }\n"
        self.put_policy()
        self.assertEqual(self.sh(module + "check && echo wanted", shell="bash"), "wanted\n")
        self.assertEqual(self.sh(stubs + module + "install", shell="bash"),
                         f"copied {self.root}/reserve\n"
                         "hook pre-udev 10 /modules/90isolationd/isolationd-reserve.sh\n")
        self.assertEqual(self.policy_in_image(), self.POLICY)
        self.program(3)
        self.assertEqual(self.sh(module + "check || echo unwanted", shell="bash"), "unwanted\n")

    def test_dracut_hook(self):
        """It is sourced: it must neither end the shell nor stop one with `set -e`."""
        self.program(1)
        self.assertEqual(self.sh("set -e\n" + self.script("dracut-isolationd-reserve.sh") +
                                 "\necho went on"), "went on\n")


if __name__ == "__main__":
    unittest.main()
