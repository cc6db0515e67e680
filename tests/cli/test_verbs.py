#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs slots, graph, diff, emit, metrics, unreserve and overview, and how text looks."""

import json
import os
import pty
import re
import stat
import subprocess
import tempfile
import unittest

import tree
from harness import DEADLINE, ISOCTL, document, environment, isoctl, schemas, validated

JOINT = ["0000:00:02.0", "0000:00:02.1", "0000:01:00.0", "0000:02:00.0"]


class WithTrees(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="isoctl-verbs-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.root = cls.path("machine", "sys")
        cls.bare = cls.path("bare")
        cls.switch = cls.path("switch")
        os.makedirs(cls.path("machine"))
        tree.build(cls.root)
        tree.build(cls.bare, iommu=False)
        tree.build_switch(cls.switch)

    @classmethod
    def path(cls, *parts):
        return os.path.join(cls.directory.name, *parts)

    def text(self, *arguments, root=None, code=0, **more):
        result = isoctl(*arguments, "--from", root or self.root, **more)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout

    def json(self, *arguments, root=None, code=0):
        result = isoctl(*arguments, "--json", "--from", root or self.root)
        self.assertEqual(result.returncode, code, result.stderr)
        return document(result)

    def refused(self, code, message, *arguments):
        result = isoctl(*arguments)
        self.assertEqual(result.returncode, code, result.stdout)
        self.assertIn(message, result.stderr)


class Slots(WithTrees):
    def test_ports(self):
        answer = self.json("slots")
        self.assertEqual((answer["schema"], answer["card"]), ("isolationd.slots/1", None))
        self.assertEqual([slot["port"] for slot in answer["slots"]],
                         ["0000:00:02.0", "0000:00:02.1", "0000:00:06.0"])
        self.assertEqual({slot["free"] for slot in answer["slots"]}, {False})
        self.assertEqual(answer["slots"][2]["below"], ["0000:03:00.0"])

    def test_free_ones_first(self):
        root = self.path("free")
        made = tree.build(root)
        for bus, acs in ((7, None), (8, tree.ACS_ALL)):
            made.device(f"0000:00:0{bus}.0", None, (0x1B36, 0x000C), 0x060400, group=bus,
                        config=tree.config_space(0x1B36, 0x000C, pcie_type=tree.ROOT_PORT,
                                                 header_type=1, acs=acs, buses=(0, bus, bus)))
        # A plain card isolates itself below a port with ACS. Below one without, it joins the port.
        slots = self.json("slots", root=root)["slots"]
        self.assertEqual([(slot["port"], slot["free"], slot["shared"]) for slot in slots[:2]],
                         [("0000:00:07.0", True, []), ("0000:00:08.0", True, [])])
        # 01:00.0 shares its group with a port of the other card; elsewhere it would be alone.
        text = self.text("explain", "01:00.0", root=root)
        self.assertIn("\nWhat would change it\n  ·  move the card to the free port 0000:00:07.0: "
                      "its group there is the card alone\n", text)
        answer = self.json("explain", "01:00.0", root=root)
        self.assertEqual([change["port"] for change in answer["changes"]],
                         ["0000:00:07.0", "0000:00:08.0"])
        rows = self.text("slots", "01:00.0", root=root).splitlines()
        self.assertRegex(rows[0], r"^PORT +SLOT +BELOW IT +A CARD THERE SHARES WITH$")
        self.assertRegex(rows[1], r"^0000:00:07\.0 +- +free +nobody$")

    def test_refused(self):
        self.refused(2, "0000:00:00.0 is on a root bus", "slots", "00:00.0", "--from", self.root)
        self.refused(2, "is a group: name a card", "slots", "group:1", "--from", self.root)
        self.refused(3, "there is no device at 05:00.0", "slots", "05:00.0", "--from", self.root)


class Changes(WithTrees):
    def test_acs_can_be_switched_on(self):
        # The capability is there, and its control is off.
        root = self.path("off")
        made = tree.Tree(root)
        made.device("0000:00:00.0", None, (0x8086, 0x29C0), 0x060000, group=0,
                    config=tree.config_space(0x8086, 0x29C0, pcie_type=0x9))
        for function, bus in ((0, 1), (1, 2)):
            made.device(f"0000:00:02.{function}", None, (0x1B36, 0x000C), 0x060400, group=1,
                        config=tree.config_space(0x1B36, 0x000C, pcie_type=tree.ROOT_PORT,
                                                 header_type=1, multifunction=True, acs=0,
                                                 buses=(0, bus, bus)))
            made.device(f"0000:{bus:02x}:00.0", f"0000:00:02.{function}", (0x8086, 0x10D3), 0x020000,
                        group=1, config=tree.config_space(0x8086, 0x10D3, pcie_type=tree.ENDPOINT))
        changes = self.json("explain", "01:00.0", root=root)["changes"]
        self.assertEqual([change["change"] for change in changes], ["acs"])
        spec = changes[0]["config_acs"]
        self.assertIn("@0000:00:02.", spec)
        # What it says is true: the card is apart then.
        answer = document(isoctl("explain", "01:00.0", "--what-if", f"acs {spec}", "--json",
                                 "--from", root))
        self.assertNotIn("0000:02:00.0", answer["members"])
        self.assertIn(f"boot with pci=config_acs={spec}", self.text("explain", "01:00.0", root=root))

    def test_nothing_can(self):
        text = self.text("explain", "01:00.0")
        self.assertIn("ACS cannot be switched on: 0000:00:02.", text)
        self.assertIn("nothing can: no free port separates it", text)
        self.assertEqual(self.json("explain", "01:00.0")["changes"], [])

    def test_only_its_own_card(self):
        # Nobody asks how a card could be separated from the port above it.
        self.assertNotIn("changes", self.json("explain", "03:00.0"))
        self.assertNotIn("What would change it", self.text("explain", "03:00.0"))

    def test_strength_in_a_line(self):
        self.assertRegex(self.text("explain", "03:00.0"),
                         r"\nStrength  translated yes · p2p yes · .*→ isoctl show 0000:03:00\.0\n$")

    def test_if_on(self):
        text = self.text("explain", "01:00.0", "--if-on", root=self.bare)
        self.assertTrue(text.startswith("If the IOMMU were on and covered all devices:\n"), text)
        answer = self.json("explain", "01:00.0", "--if-on", root=self.bare)
        self.assertEqual(answer["members"], JOINT)

    def test_override(self):
        text = self.text("explain", "04:00.0", "--acs-override", "downstream", root=self.switch)
        self.assertIn("It is alone in its group.", text)
        self.assertIn("What the override hides: these paths stay open\n  ·  0000:02:01.0 (a switch "
                      "downstream port above 0000:04:00.0) has no ACS", text)
        text = self.text("explain", "03:00.0", "--acs-override", "id:8086:10d3", root=self.switch)
        self.assertIn("The override would change nothing here.", text)

    def test_refused(self):
        self.refused(2, "the words are downstream, multifunction and id:VVVV:DDDD", "explain",
                     "04:00.0", "--acs-override", "downstream,all", "--from", self.switch)
        self.refused(2, "each change the machine: give one", "explain", "04:00.0", "--if-on",
                     "--what-if", "remove 03:00.0", "--from", self.switch)
        for option in (["--if-on"], ["--acs-override", "downstream"], ["--dot"], ["--svg"]):
            self.refused(2, f"list takes no {option[0]}", "list", *option, "--from", self.switch)


class Graph(WithTrees):
    def test_document(self):
        answer = self.json("graph")
        self.assertEqual(answer["schema"], "isolationd.graph/1")
        self.assertEqual(len(answer["devices"]), 7)
        self.assertEqual([group["id"] for group in answer["groups"]],
                         ["0000:00/00.0", "0000:00/02.0", "0000:00/06.0", "0000:00/06.0/00.0"])
        links = {(link["from"], link["to"]): link for link in answer["links"]}
        self.assertTrue(links["0000:00:06.0", "0000:03:00.0"]["bus"])
        self.assertIsNone(links["0000:00:06.0", "0000:03:00.0"]["reason"])
        self.assertEqual(links["0000:00:02.0", "0000:01:00.0"]["reason"]["missing"],
                         ["SV", "RR", "CR", "UF"])

    def test_dot_understands_it(self):
        for root in (self.root, self.bare, self.switch):
            text = self.text("graph", root=root)
            plain = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True,
                                   timeout=DEADLINE, check=True).stdout
            nodes = [line.split()[1].strip('"') for line in plain.splitlines()
                     if line.startswith("node ")]
            self.assertEqual(sorted(nodes), sorted(os.listdir(f"{root}/bus/pci/devices")))
        self.assertIn("</svg>", self.text("graph", "--svg"))

    def test_without_graphviz(self):
        result = isoctl("graph", "--svg", "--from", self.root, env={"PATH": self.directory.name})
        self.assertEqual(result.returncode, 6)
        self.assertIn("apt install graphviz", result.stderr)

    def test_names_cannot_break_out(self):
        ids = self.path("quotes.ids")
        with open(ids, "w", encoding="ascii") as file:
            file.write('\n8086  A"];evil[label="\\\n')
        text = self.text("graph", env={"ISOLATION_PCI_IDS": ids})
        self.assertIn('A\\"];evil[label=\\"\\\\ device 10d3', text)

    def test_refused(self):
        self.refused(2, "give one", "graph", "--dot", "--svg", "--from", self.root)


class Diff(WithTrees):
    def test_same(self):
        result = isoctl("diff", self.root, self.root)
        self.assertEqual((result.returncode, result.stdout),
                         (0, "The devices and their groups are the same.\n"))

    def test_changed(self):
        other = self.path("other")
        made = tree.Tree(other)
        made.device("0000:00:00.0", None, (0x8086, 0x29C0), 0x060000, group=0,
                    config=tree.config_space(0x8086, 0x29C0, pcie_type=0x9))
        for function, bus in ((0, 1), (1, 2)):
            made.device(f"0000:00:02.{function}", None, (0x1B36, 0x000C), 0x060400,
                        group=1 + function,
                        config=tree.config_space(0x1B36, 0x000C, pcie_type=tree.ROOT_PORT,
                                                 header_type=1, multifunction=True,
                                                 acs=tree.ACS_ALL, buses=(0, bus, bus)))
            made.device(f"0000:{bus:02x}:00.0", f"0000:00:02.{function}", (0x8086, 0x10D3), 0x020000,
                        group=3 + function,
                        config=tree.config_space(0x8086, 0x10D3, pcie_type=tree.ENDPOINT))
        result = isoctl("diff", self.root, other, "--json")
        self.assertEqual(result.returncode, 1)
        answer = document(result)
        self.assertEqual(answer["only_first"], ["0000:00:06.0", "0000:03:00.0"])
        self.assertEqual(answer["only_second"], [])
        changes = {change["group"]: change for change in answer["changes"]}
        self.assertEqual(sorted(changes), ["0000:00/02.0", "0000:00/02.0/00.0", "0000:00/02.1",
                                           "0000:00/02.1/00.0"])
        self.assertEqual(changes["0000:00/02.0/00.0"]["removed"],
                         ["0000:00:02.0", "0000:00:02.1", "0000:02:00.0"])
        self.assertTrue(changes["0000:00/02.0/00.0"]["reasons_before"])
        text = isoctl("diff", self.root, other).stdout
        self.assertIn("Devices that only the first has\n  0000:00:06.0", text)
        self.assertIn("  0000:00/02.0/00.0: now 0000:01:00.0\n    left      0000:00:02.0 "
                      "0000:00:02.1 0000:02:00.0\n    before:   ", text)

    def test_not_there(self):
        self.refused(3, "there is no", "diff", self.root, "/nonexistent")
        self.refused(2, "diff needs A B", "diff", self.root)


class Emit(WithTrees):
    def test_programs(self):
        self.assertEqual(self.text("emit", "qemu", "01:00.0"),
                         "-device vfio-pci,host=0000:01:00.0 -device vfio-pci,host=0000:02:00.0\n")
        self.assertEqual(self.text("emit", "dpdk", "03:00.0"), "-a 0000:03:00.0\n")
        self.assertEqual(self.text("emit", "cloud-hypervisor", "03:00.0"),
                         "--device path=/sys/bus/pci/devices/0000:03:00.0/\n")
        self.assertEqual(self.text("emit", "qemu", "--mode", "iommufd-unbound", "03:00.0"),
                         "-object iommufd,id=iommufd0,fd={iommufd} "
                         "-device vfio-pci,iommufd=iommufd0,fd={device:0000:03:00.0}\n")
        xml = self.text("emit", "libvirt", "03:00.0")
        self.assertIn("<hostdev mode='subsystem' type='pci' managed='no'>", xml)
        self.assertIn("<address domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>", xml)
        answer = self.json("emit", "dpdk", "01:00.0")
        self.assertEqual((answer["mode"], answer["words"]),
                         ("path", ["-a", "0000:01:00.0", "-a", "0000:02:00.0"]))

    def test_refused(self):
        self.refused(2, "unknown program 'xen'", "emit", "xen", "01:00.0", "--from", self.root)
        self.refused(2, "dpdk cannot use a lease in mode iommufd: acquire it with --mode path",
                     "emit", "dpdk", "01:00.0", "--mode", "iommufd", "--from", self.root)
        self.refused(2, "first isoctl acquire --mode path 03:00.0", "emit", "podman", "03:00.0",
                     "--from", self.root)


class Schemas(unittest.TestCase):
    def test_every_document_has_one(self):
        cli = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cli")
        made = set()
        for name in os.listdir(cli):
            if name.endswith(".c"):
                with open(os.path.join(cli, name), encoding="utf-8") as file:
                    made |= set(re.findall(r'json_document\("([a-z-]+)"\)', file.read()))
        self.assertIn("list", made)
        known = {name.removeprefix("doc-") for name in schemas()["$defs"] if name.startswith("doc-")}
        # Some verbs share a function, which takes the name of the verb.
        self.assertEqual(made | {"release", "revoke", "take", "expel"}, known)
        named = {each["$ref"].removeprefix("#/$defs/doc-") for each in schemas()["anyOf"]}
        self.assertEqual(named, known)

    def test_it_refuses(self):
        good = {"schema": "isolationd.version/1", "version": "1"}
        self.assertEqual(validated(json.dumps(good)), good)
        for bad in ({**good, "more": 1}, {"schema": good["schema"]}, {**good, "version": None}):
            with self.assertRaises(AssertionError):
                validated(json.dumps(bad))


class Unreserve(WithTrees):
    def test_program_is_not_installed(self):
        result = isoctl("unreserve")
        if os.geteuid() == 0:
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("isolationd-reserve", result.stderr)
        else:
            self.assertEqual(result.returncode, 5)
            self.assertIn("only root may change what is reserved", result.stderr)


class Overview(WithTrees):
    def test_without_daemon(self):
        for arguments in ([], ["overview"]):
            text = self.text(*arguments)
            self.assertTrue(text.startswith("7 devices in 4 groups · read from "), text)
            self.assertIn("\nGroups of several devices, and leased ones\n  0000:00/02.0  free  "
                          "0000:01:00.0", text)
            self.assertIn("\nNext\n  isoctl explain DEVICE", text)
        answer = self.json("overview")
        self.assertEqual(answer, {"schema": "isolationd.overview/1", "daemon": False, "devices": 7,
                                  "groups": 4, "notable": ["0000:00/02.0"], "leases": [],
                                  "obstacle": None})

    def test_root(self):
        result = isoctl("--root", self.path("machine"), "--json")
        self.assertEqual(document(result)["devices"], 7)
        self.refused(2, "give one", "list", "--root", "/", "--from", self.root)
        self.refused(2, "leases takes no --root", "leases", "--root", "/")


class Looks(WithTrees):
    """Widths, colours and characters."""

    def terminal(self, *arguments, **env):
        """What isoctl writes to a terminal."""
        controller, end = pty.openpty()
        process = subprocess.Popen([ISOCTL, *arguments], stdin=end, stdout=end,
                                   stderr=subprocess.PIPE,
                                   env={**environment(), "TERM": "xterm", **env})
        os.close(end)
        out = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:     # the last end is closed
                break
            if not part:
                break
            out += part
        process.communicate(timeout=DEADLINE)
        os.close(controller)
        self.assertEqual(process.returncode, 0)
        return out.decode().replace("\r\n", "\n")

    def test_colour(self):
        for verb in (["list"], ["explain", "01:00.0"], ["doctor"]):
            self.assertNotIn("\033", isoctl(*verb, "--from", self.root).stdout)
        self.assertIn("\033[1mDEVICE\033[0m", self.terminal("list", "--from", self.root))
        for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn("\033", self.terminal("list", "--from", self.root, **more))
        self.assertIn("\033", self.terminal("list", "--from", self.root, NO_COLOR=""))
        self.assertNotIn("\033", self.terminal("list", "--json", "--from", self.root))

    def test_width(self):
        ids = self.path("long.ids")
        with open(ids, "w", encoding="utf-8") as file:
            file.write("\n8086  Intel Corporation\n\t10d3  " + "é" * 200 + "\n")
        for verb in ("list", "tree", "slots"):
            for width in (80, 200):
                text = self.text(verb, env={"ISOLATION_PCI_IDS": ids, "COLUMNS": str(width),
                                            "LC_ALL": "C.UTF-8"})
                lines = text.splitlines()
                self.assertTrue(lines)
                self.assertLessEqual(max(map(len, lines)), width, f"{verb} {width}:\n{text}")
            self.assertIn("…", text)
            self.assertIn("é" * 200, self.text(verb, env={"ISOLATION_PCI_IDS": ids}))

    def test_empty_columns_go_first(self):
        head = self.text("list", root=self.bare, env={"COLUMNS": "70"}).splitlines()[0]
        self.assertNotIn("LEASE", head)
        self.assertIn("LEASE", self.text("list", root=self.bare, env={"COLUMNS": "200"}))

    def test_ascii(self):
        text = self.text("show", "01:00.0", env={"LC_ALL": "C"})
        self.assertTrue(text.isascii())
        self.assertIn("Group 0000:00/02.0 - kernel group 1 - type", text)
        result = isoctl("show", "caf\u00e9", "--from", self.root, env={"LC_ALL": "C"})
        self.assertEqual(result.returncode, 3)
        self.assertIn("nothing has the name 'caf?'", result.stderr)
        # JSON is UTF-8 in every locale.
        self.assertIn("schema", self.json("show", "01:00.0"))

    def test_no_legend(self):
        for verb in ("list", "tree", "groups", "slots"):
            rows = [line.split() for line in self.text(verb).splitlines()]
            self.assertEqual([line.split() for line in self.text(verb, "--no-legend").splitlines()],
                             rows[1:])

    def test_quiet(self):
        self.assertNotEqual(isoctl("list", "--from", self.bare).stderr, "")
        for option in ("-q", "--quiet"):
            result = isoctl("list", option, "--from", self.bare)
            self.assertEqual((result.returncode, result.stderr), (0, ""))


class Remote(WithTrees):
    """--host, with a program in the place of ssh that shows what it was told."""

    def setUp(self):
        self.bin = self.path("bin")
        os.makedirs(self.bin, exist_ok=True)
        ssh = os.path.join(self.bin, "ssh")
        with open(ssh, "w", encoding="ascii") as file:
            file.write('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
        os.chmod(ssh, stat.S_IRWXU)

    def told(self, *arguments, **env):
        result = isoctl(*arguments, env={"PATH": f"{self.bin}:{os.environ['PATH']}", **env})
        self.assertEqual(result.returncode, 7, result.stderr)
        return result.stdout.splitlines()

    def test_command(self):
        for option in (["-H", "root@lab"], ["-Hroot@lab"], ["--host", "root@lab"], ["--host=root@lab"]):
            with self.subTest(option):
                self.assertEqual(self.told("list", *option, "--json"),
                                 ["-xT", "--", "root@lab", "isoctl 'list' '--json'"])
                self.assertEqual(self.told(*option), ["-xT", "--", "root@lab", "isoctl"])
        self.assertEqual(self.told("list", "-H", "lab", COLUMNS="99")[3], "COLUMNS=99 isoctl 'list'")

    def test_words_reach_the_other_shell_whole(self):
        line = self.told("-H", "lab", "run", "a b", "--", "sh", "-c", "echo '$HOME'", "-H", "x")[3]
        again = subprocess.run(["sh", "-c", f"isoctl() {{ printf '%s\\n' \"$@\"; }}; {line}"],
                               capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
        self.assertEqual(again.splitlines(),
                         ["run", "a b", "--", "sh", "-c", "echo '$HOME'", "-H", "x"])

    def test_refused(self):
        self.refused(2, "--host needs a machine", "list", "--host", "-oProxyCommand=evil")
        self.refused(2, "--host needs a machine", "list", "-H")
        result = isoctl("list", "-H", "lab", env={"PATH": self.path("machine")})
        self.assertEqual(result.returncode, 1)
        self.assertIn("apt install openssh-client", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
