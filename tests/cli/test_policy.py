#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl policy: files checked and shown, each mistake at its place."""

import json
import os
import tempfile
import unittest

import tree
from harness import document, isoctl

GOOD = '{ "rules": [ { "name": "nics", "match": { "class": "network" }, "lease": {} } ] }\n'
DENY = '{ "rules": [\n  { "match": {}, "lease": "deny" } ] } // the end\n'
TYPO = '{\n\t"rules": [\n\t\t{ "match": { "vendr": "8086" }, "lease": "deny" }\n\t]\n}\n'


class Directories(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="isoctl-test-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.etc, self.run, self.lib = (self.path(name) for name in ("etc", "run", "lib"))
        for each in (self.etc, self.run, self.lib):
            os.mkdir(each)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def put(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def policy(self, what, *arguments, code=0):
        result = isoctl("policy", what, *(arguments or (self.etc, self.run, self.lib)))
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result


class Check(Directories):
    def test_place(self):
        """File, line and column; the line; a mark below the word, behind the same tabs."""
        path = self.put("etc/60-typo.json", TYPO)
        self.put("lib/50.json", GOOD)
        lines = self.policy("check", code=1).stdout.splitlines()
        self.assertEqual(lines[:4], [
            f"{self.lib}/50.json: 1 rule",
            f'{path}:3:16: unknown key "vendr"; did you mean "vendor"?',
            '    \t\t{ "match": { "vendr": "8086" }, "lease": "deny" }',
            '    \t\t             ^~~~~~~'])
        self.assertIn("policy refused: ", lines[4])

    def test_document(self):
        path = self.put("etc/60-typo.json", TYPO)
        report = document(self.policy("check", "--json", path, code=1))
        self.assertEqual((report["schema"], report["good"]), ("isolationd.policy-check/1", False))
        file, = report["files"]
        self.assertEqual((file["path"], file["state"], file["line"], file["column"]),
                         (path, "refused", 3, 16))
        line, mark = file["excerpt"].split("\n")
        self.assertEqual(line[mark.index("^"):mark.rindex("~") + 1], '"vendr"')

    def test_syntax(self):
        for text, line, column, what in (
                ('{ "rules": [\n  { "match": {} "lease": {} } ] }', 2, 17, "separator"),
                ('{ "rules": [] ', 1, 15, "end of data"),
                ('{ "rules": [ { "match": {}, "match": {}, "lease": {} } ] }', 1, 29, "second time"),
                ('{ "rules": [ /* never', 1, 14, "does not end")):
            path = self.put("etc/s.json", text)
            said = self.policy("check", path, code=1).stdout
            self.assertIn(f"{path}:{line}:{column}: ", said)
            self.assertIn(what, said.splitlines()[0])
            self.assertIn("\n    ", said)

    def test_repeated_name(self):
        path = self.put("etc/n.json", '{ "rules": [\n'
                        '{ "name": "a", "match": {}, "lease": {} },\n'
                        '{ "name": "a", "match": {}, "lease": {} } ] }')
        self.assertIn(f'{path}:3:11: the name "a" is already used in line 2',
                      self.policy("check", path, code=1).stdout)
        # What other packages call their rules is no concern of a file's.
        self.put("etc/n.json", GOOD)
        self.put("lib/o.json", GOOD)
        self.policy("check")

    def test_users(self):
        path = self.put("etc/u.json", '{"rules":[{"match":{},"lease":{"users":["no-such-one"]}}]}')
        self.assertIn('there is no user "no-such-one"', self.policy("check", path, code=1).stdout)
        self.policy("check", "--any-names", path)

    def test_which_count(self):
        self.put("lib/50.json", TYPO)
        self.put("run/50.json", GOOD)
        os.symlink("/dev/null", self.path("etc/60.json"))
        self.put("lib/60.json", TYPO)
        states = {file["path"]: (file["state"], file["shadowed_by"])
                  for file in document(self.policy("check", "--json", self.etc, self.run,
                                                   self.lib))["files"]}
        self.assertEqual(states, {
            f"{self.run}/50.json": ("good", None),
            f"{self.lib}/50.json": ("shadowed", f"{self.run}/50.json"),
            f"{self.etc}/60.json": ("masked", None),
            f"{self.lib}/60.json": ("shadowed", f"{self.etc}/60.json")})

    def test_nothing(self):
        self.assertIn("only root may lease", self.policy("check").stdout)
        self.policy("check", self.path("missing"), code=3)
        self.policy("chekc", code=2)


class Show(Directories):
    def test_order_and_origin(self):
        self.put("lib/20.json", GOOD)
        self.put("etc/30.json", DENY)
        self.put("lib/30.json", GOOD)
        lines = self.policy("show").stdout.splitlines()
        self.assertEqual(lines[0], f"{self.lib}/20.json:1: nics")
        self.assertEqual(json.loads(lines[1])["match"], {"class": "network"})
        self.assertEqual(lines[2], f"{self.etc}/30.json:2: rule 1")
        self.assertEqual(json.loads(lines[3]), {"match": {}, "lease": "deny"})
        self.assertIn("only root", lines[4])
        self.assertEqual(lines[5], f"{self.lib}/30.json: shadowed by {self.etc}/30.json")

    def test_document(self):
        self.put("etc/30.json", DENY)
        shown = document(self.policy("show", "--json", self.etc))
        self.assertEqual(shown["schema"], "isolationd.policy-show/1")
        self.assertEqual(shown["rules"], [{"name": "rule 1", "file": f"{self.etc}/30.json",
                                           "line": 2, "rule": {"match": {}, "lease": "deny"}}])

    def test_refused(self):
        path = self.put("etc/60-typo.json", TYPO)
        result = self.policy("show", code=1)
        self.assertEqual(result.stdout, "")
        self.assertIn(f"{path}:3:16: ", result.stderr)
        self.assertIn("^~~~~~~", result.stderr)


POLICY = """{ "rules": [
    { "name": "never", "match": { "address": "0000:03:00.0" }, "lease": "deny" },
    { "name": "vms", "match": { "address": "0000:02:*" },
      "lease": { "groups": ["libvirt"], "units": ["vm@*.service"], "modes": ["vfio"] } },
    { "name": "strong", "match": { "driver": "e1000e" }, "lease": { "users": ["lab"] },
      "require": { "strength": ["msi"] } } ] }
"""
VM = {"user": "qemu", "groups": ["kvm", "libvirt"], "unit": "vm@1.service"}


class Expectations(Directories):
    """01:00.0 and 02:00.0 are in one group, 03:00.0 in its own; each behind a port."""

    def setUp(self):
        super().setUp()
        self.machine = self.path("tree")
        tree.build(self.machine)
        self.rules = self.put("etc/10.json", POLICY)

    def expect(self, *expectations, code=0, arguments=(), text=None):
        path = self.put("expect.json", text or json.dumps({"expect": expectations}))
        return self.policy("test", path, "--policy", self.etc, "--from", self.machine, *arguments,
                           code=code)

    def test_all_hold(self):
        said = self.expect(
            {"who": "root", "what": "03:00.0", "verdict": "deny", "rule": "never"},
            {"who": "root", "what": "02:00.0", "verdict": "weak", "rule": "strong"},
            {"who": VM, "what": "02:00.0", "mode": "vfio", "verdict": "deny", "rule": "strong"},
            {"who": "0", "what": "00:00.0", "verdict": "allow", "rule": None},
            {"who": "qemu", "what": "00:00.0", "verdict": "deny", "rule": None}).stdout
        self.assertEqual(said, "5 expectations, 0 failed\n")

    def test_on_a_snapshot(self):
        snapshot = self.path("machine.json")
        self.assertEqual(isoctl("snapshot", "--from", self.machine, "-o", snapshot).returncode, 0)
        self.machine = snapshot
        self.expect({"who": "lab", "what": "03:00.0", "verdict": "deny", "rule": "never"})

    def test_one_fails(self):
        result = self.expect(
            {"name": "as it is", "who": "x", "what": "03:00.0", "verdict": "deny"},
            {"name": "wrong", "who": "lab", "what": "03:00.0", "verdict": "allow", "rule": "vms"},
            code=1)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[0], f"{self.root}/expect.json: expectation 2, wrong: lab, 03:00.0: "
                         "expected allow by vms, is deny by 10.json:2: never")
        self.assertIn("denies all leases of it", lines[1])
        self.assertEqual(lines[2], "2 expectations, 1 failed")

    def test_who(self):
        """What a rule asks of the requester: group, unit and mode, each missing once."""
        self.put("etc/10.json", POLICY.replace("0000:02:*", "0000:0[12]:*").replace(
            '"address": "0000:0[12]:*"', '"vendor": "8086", "device": "10d3"'))
        right = {"what": "02:00.0", "mode": "vfio", "rule": "vms"}
        self.expect({**right, "who": VM, "verdict": "allow"},
                    {**right, "who": {**VM, "groups": ["kvm"]}, "verdict": "deny"},
                    {**right, "who": {**VM, "unit": "a.service"}, "verdict": "deny"},
                    {**right, "who": VM, "mode": "path", "verdict": "deny"},
                    {**right, "who": "root", "mode": "path", "verdict": "allow"})

    def test_widened(self):
        """A card below a switch that redirects nothing is taken along, and has to be allowed too."""
        self.machine = self.path("switch")
        tree.build_switch(self.machine)
        rule = ('{ "name": "%s", "match": { "address": "0000:0%d:*" }, '
                '"lease": { "users": ["%s"] }, "widen": %s }')
        verdicts = {("lab", "true"): "allow", ("qemu", "true"): "deny", ("qemu", "false"): "allow"}
        for (other, widens), verdict in verdicts.items():
            with self.subTest(other=other, widens=widens):
                self.put("etc/10.json", '{ "rules": [ %s, %s ] }' % (
                    rule % ("one", 3, "lab", widens), rule % ("other", 4, other, "false")))
                self.expect({"who": "lab", "what": "03:00.0", "verdict": verdict,
                             "rule": "one" if verdict == "allow" else "other"},
                            # The other way nothing is widened.
                            {"who": other, "what": "04:00.0", "verdict": "allow", "rule": "other"})

    def test_another_card(self):
        """What the fingerprint of a reservation does not fit is refused, root not excepted."""
        rule = ('{ "rules": [ { "name": "gpu", "match": { "address": "0000:03:*" }, "lease": '
                '{ "users": ["lab"] }, "reserve": { "at": "boot", "fingerprint": { "device": "%s" } } } ] }')
        for device, verdict in (("10d3", "allow"), ("10d4", "changed")):
            self.put("etc/10.json", rule % device)
            self.expect(*({"who": who, "what": "03:00.0", "verdict": verdict, "rule": "gpu"}
                          for who in ("lab", "root")),
                        {"who": "x", "what": "03:00.0", "verdict": "deny"})
        report = document(self.expect({"who": "root", "what": "03:00.0", "verdict": "allow"}, code=1,
                                      arguments=("--json",)))
        self.assertIn("10d4", report["expectations"][0]["text"])

    def test_document(self):
        report = document(self.expect(
            {"name": "a", "who": "lab", "what": "03:00.0", "verdict": "allow"}, code=1,
            arguments=("--json",)))
        self.assertEqual((report["schema"], report["failed"]), ("isolationd.policy-test/1", 1))
        one, = report["expectations"]
        self.assertEqual((one["passed"], one["verdict"], one["rule"], one["origin"]),
                         (False, "deny", "never", "10.json:2: never"))

    def test_mistakes(self):
        good = {"who": "lab", "what": "03:00.0", "verdict": "deny"}
        for spoilt, code, words in (
                ({**good, "what": "0f:00.0"}, 3, "0f:00.0"),
                ({**good, "verdict": "no"}, 1, "a verdict is"),
                ({**good, "rules": "never"}, 1, "give an object with"),
                ({**good, "who": {"unit": "a"}}, 1, "needs a user"),
                ({**good, "who": {"user": "a", "groups": [7]}}, 1, "list of names"),
                ({**good, "mode": "vfoi"}, 2, "is not a mode"),
                ({"who": "lab", "what": "03:00.0"}, 1, "are needed"), (7, 1, "an object")):
            result = self.expect(good, spoilt, code=code)
            self.assertIn("expectation 2", result.stderr)
            self.assertIn(words, result.stderr)
        self.assertIn("expect.json:2: ", self.expect(code=1, text='{ // a comment\n "expect" }').stderr)
        self.assertIn("the files have no expectations", self.expect(code=1).stderr)
        self.policy("test", "--policy", self.etc, "--from", self.machine, code=2)
        self.policy("show", self.etc, "--from", self.machine, code=2)


class Generate(Directories):
    def test_accepted_and_closed(self):
        machine = self.path("tree")
        tree.build(machine)
        text = self.policy("generate", "--from", machine).stdout
        self.assertIn("// Group 0000:00/02.0, 1 to the kernel:\n", text)
        self.assertIn("//     0000:01:00.0 8086:10d3 Ethernet, e1000e\n", text)
        path = self.put("etc/50-this.json", text)
        self.assertIn(f"{path}: 3 rules\n", self.policy("check", path).stdout)
        names = [rule["name"] for rule in document(self.policy("show", "--json", path))["rules"]]
        self.assertEqual(len(names), 3)
        expectations = [{"who": "root", "what": what, "verdict": "allow", "rule": what}
                        for what in names]
        expectations += [{"who": "lab", "what": what, "verdict": "deny"} for what in names]
        self.policy("test", self.put("expect.json", json.dumps({"expect": expectations})),
                    "--policy", path, "--from", machine)

    def test_nothing_to_lease(self):
        machine = self.path("tree")
        tree.build(machine, iommu=False)
        result = self.policy("generate", "--from", machine)
        self.assertIn("no IOMMU", result.stderr)
        self.assertIn(": 0 rules", self.policy("check", self.put("etc/0.json", result.stdout)).stdout)
        self.policy("generate", "x", code=2)
        self.policy("generate", "--json", "--from", machine, code=2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
