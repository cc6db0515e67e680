#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The policy's JSON Schema and its parser say the same of thousands of documents.

Documents are made from the schema, most of them then spoilt in a place or two; the seed is fixed.
The schema is read by a small validator of our own, and by python3-jsonschema where that is
installed. What a schema cannot say is in NOT_SAID, each with a case that shows it.
"""

import copy
import json
import random
import subprocess
import sys

from json_schema import Schema

CASES = 3000
SEED = 20261121

# What the parser refuses and a schema cannot, by name: (reason, document as text).
NOT_SAID = {
    "repeated names": ("uniqueItems compares whole rules, not their names",
                       '{"rules":[{"name":"a","match":{},"lease":{}},{"name":"a","match":{},"lease":"deny"}]}'),
    "repeated aliases": ("as with names",
                         '{"rules":[{"alias":"a","match":{},"lease":{}},{"alias":"a","match":{},"lease":{}}]}'),
    "addresses": ("the one form of an address that begins with a letter is no alias",
                  '{"rules":[{"alias":"pci_0000_01_00_0","match":{},"lease":{}}]}'),
    "repeated keys": ("a document that is parsed has each key once",
                      '{"rules":[{"match":{},"match":{},"lease":{}}]}'),
    "whole numbers": ("3.0 and 3e0 are integers of a schema; the parser wants them written as such",
                      '{"rules":[{"match":{},"lease":{"revoke_grace":3.0}}]}'),
    "a NUL": ("a pattern for each string would say it, and hide what else it says",
              '{"rules":[{"match":{"path":"a\\u0000"},"lease":{}}]}'),
    "min and max": ("a schema does not compare two values",
                    '{"rules":[{"match":{"group_size":{"min":3,"max":2}},"lease":{}}]}'),
    "rules of all files": ("their number is limited over all files", None),
    "unknown users": ("who exists is the machine's matter", None),
}

STRINGS = ["", "8086", "0x10de", "FFFF", "0Xab", "0x", "1", "12345", "10dg", "x8086", "02", "0200",
           "020", "0c0330", "0x0C03", "02000000", "network", "Network", "netwrk", "display",
           "accelerator", "deny", "allow", "boot", "noon", "keep", "revoke", "quarantine", "hold",
           "expel", "recreate", "owned", "none", "vfio", "VFIO", "path", "DMA", "DMA-FQ", "identity",
           "root", "*", "0000:00/1c.*", "\u00e4\u20ac", "a b", "guard", "/usr",
           "00-1b-21-ff-ff-3a-4c-5d", "00-1B-21-FF-FF-3A-4C", "00:1b:21:ff:ff:3a:4c:5d", "p2p",
           "trusted-ats", "vm@*.service", "10de:2484", "10DE:2484", "10de:248", "10de-2484",
           "0000:01:00.0", "01:00.0", "0000:0[12]:00.*", "0000:01:??.?", "0000:01:20.0", "10000:e1:00.8",
           "0000:00/1C.4", "0000:00/1c.4", "0000:00/01.0/vf3", "0000:0?????.?", "vfio[-_]pci",
           "libvirtd", "libvirtd.service", ".scope", "a?", "vm@[0-9].service", "dev-sda\\x2d1.swap",
           "unlimited", "16G", "16GiB", "999999T", "1000000T", "016G", "16GB", "4294967296", "0"]
NUMBERS = [-1, 0, 1, 2, 7, 3600, 3601, 4096, 4097, 1000000, 1000001, 65535, 65536,
           4294967294, 4294967295,
           2 ** 63 - 1, 2 ** 64, 0.5]
OTHERS = [True, False, [], {}, [[]], [7], ["root"], [""], {"guard": "owned"}, {"at": "boot"}]


class Maker:
    def __init__(self, schema, rng):
        self.schema, self.rng = schema, rng

    def value(self, schema, whole=False):
        """A value that mostly does what the schema says; the validators judge."""
        schema, _ = self.schema.resolve(schema, "")
        rng = self.rng
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if "anyOf" in schema and schema.get("type") != "string":
            return self.value(schema["anyOf"][-1] if whole else rng.choice(schema["anyOf"]), whole)
        kind = schema.get("type", "string")
        if kind == "object":
            needed = schema.get("required", [])
            chance = 1 if whole else rng.choice((0.2, 0.5, 0.9))
            return {key: self.value(below, whole) for key, below in schema["properties"].items()
                    if key in needed or rng.random() < chance}
        if kind == "array":
            return [self.value(schema["items"], whole)
                    for _ in range(max(schema.get("minItems", 0), 1 if whole else rng.randrange(4)))]
        if kind == "boolean":
            return rng.random() < 0.5
        pool = NUMBERS if kind == "integer" else STRINGS
        return rng.choice([each for each in pool if not Schema(self.schema.root).faults(schema, each)])

    @staticmethod
    def places(document):
        found = []

        def walk(value):
            for key in list(value) if isinstance(value, dict) else range(len(value)):
                found.append((value, key))
                if isinstance(value[key], (dict, list)):
                    walk(value[key])

        walk(document)
        return found

    def spoil(self, document):
        """One change somewhere below."""
        rng = self.rng
        places = self.places(document)
        if not places:
            document[rng.choice(["rules", "rule", ""])] = rng.choice(OTHERS)
            return
        holder, key = rng.choice(places)
        how = rng.randrange(6)
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[rng.choice([key + "s", key[:-1], key.upper(), "x"])] = holder.pop(key)
        elif how == 2 and isinstance(holder, dict):
            holder[rng.choice(["name", "match", "lease", "on_weaker", "require", "reserve", "guard",
                               "members", "comment"])] = copy.deepcopy(
                                   rng.choice(STRINGS + NUMBERS + OTHERS))
        elif how == 3 and isinstance(holder[key], (list, dict)):
            holder[key] = type(holder[key])()
        else:
            holder[key] = copy.deepcopy(rng.choice(STRINGS + NUMBERS + OTHERS))

    def each_place(self):
        """Two rules with all that goes together, each value in turn exchanged for each other one."""
        leased = self.value(self.schema.root, True)
        leased["rules"][0]["match"]["group_size"] = {"min": 1, "max": 7}
        reserved = copy.deepcopy(leased)
        del leased["rules"][0]["reserve"]
        for key in ("serial", "driver", "group_size"):
            del reserved["rules"][0]["match"][key]
        for whole in (leased, reserved):
            yield copy.deepcopy(whole)
            for number in range(len(self.places(whole))):
                for value in STRINGS + NUMBERS + OTHERS:
                    document = copy.deepcopy(whole)
                    holder, key = self.places(document)[number]
                    holder[key] = copy.deepcopy(value)
                    if is_said(document):
                        yield document

    def document(self):
        document = self.value(self.schema.root)
        for i, rule in enumerate(document["rules"]):
            if "name" in rule:
                rule["name"] = f"{rule['name']} {i}"  # unique, or "" by a later change
            if rule["lease"] == "deny" and self.rng.random() < 0.8:
                rule.pop("require", None)
                rule.pop("reserve", None)
            if "reserve" in rule and self.rng.random() < 0.8:
                for key in ("serial", "driver", "group_size"):
                    rule["match"].pop(key, None)
            if "on_weaker" in rule and self.rng.random() < 0.8:
                rule["require"] = {"guard": "owned"} if rule["lease"] != "deny" else {}
        for _ in range(self.rng.choice((0, 0, 0, 1, 1, 2))):
            self.spoil(document)
        return document


def member(value, *keys):
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def is_said(document):
    """Is it free of what a schema does not say?"""
    rules = member(document, "rules")
    names, aliases = [], []
    for rule in rules if isinstance(rules, list) else ():
        least, most = (member(rule, "match", "group_size", key) for key in ("min", "max"))
        if isinstance(least, int) and isinstance(most, int) and least > most > 0:
            return False
        if member(rule, "name") is not None:
            names.append(json.dumps(rule["name"]))
        if member(rule, "alias") is not None:
            aliases.append(json.dumps(rule["alias"]))
    return len(set(names)) == len(names) and len(set(aliases)) == len(aliases)


class Parser:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def verdict(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")


def other_validator(root):
    try:
        import jsonschema
    except ImportError:
        return None
    jsonschema.Draft202012Validator.check_schema(root)
    return jsonschema.Draft202012Validator(root)


def edges():
    """What no random document reaches."""
    rule = {"match": {}, "lease": {}}
    yield from (7, [], "rules", True)
    yield from ({"rules": [{"match": {}, "lease": {"revoke_grace": n}}]} for n in (-1, 0, 3600, 3601))
    yield from ({"rules": [{"match": {}, "lease": {"users": [n]}}]} for n in NUMBERS)
    yield {"rules": [rule] * 4096}
    yield {"rules": [rule] * 4097}
    for n in (4096, 4097):
        yield {"rules": [{"match": {}, "lease": {}, "require": {"strength": ["p2p"] * n}}]}
        yield {"rules": [{"match": {}, "lease": {}, "reserve": {
            "at": "boot", "fingerprint": {"group": ["10de:2484"] * n}}}]}
        for key, value in (("users", 7), ("groups", "a"), ("units", "u.service"), ("labels", "l"), ("modes", "vfio")):
            yield {"rules": [{"match": {}, "lease": {key: [value] * n}}]}


def main():
    program, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        root = json.load(file)
    schema, other, parser = Schema(root), other_validator(root), Parser(program)
    maker = Maker(schema, random.Random(SEED))
    documents = [document for document in (maker.document() for _ in range(CASES))
                 if is_said(document)] + list(maker.each_place()) + list(edges())
    accepted = refused = 0
    differ, unlike = [], []
    for number, document in enumerate(documents):
        text = json.dumps(document)
        good, verdict = schema.accepts(document), parser.verdict(text)
        accepted += good
        refused += not good
        if good != (verdict == "accepted"):
            differ.append(f"schema {'accepts' if good else 'refuses'}, parser: {verdict}: {text:.300}")
        if other and number % 4 == 0 and len(text) < 10000 and other.is_valid(document) != good:
            unlike.append(f"jsonschema says otherwise: {text:.300}")
    idle = sorted(schema.seen - schema.used - {each for each in schema.seen
                                               if each[1] in ("properties", "items", "allOf",
                                                              "anyOf", "if", "$ref")})
    said = [name for name, (_, text) in NOT_SAID.items()
            if text and parser.verdict(text) == "accepted"]

    def report(number, offences, name):
        for each in offences[:10]:
            print(f"# {each}")
        print("not ok" if offences else "ok", number, "-", name)
        return bool(offences)

    print("1..5")
    print(f"# tell: policy schema and parser: {len(documents)} documents, {accepted} accepted, {refused} refused, "
          f"{len(differ)} seen differently")
    failed = report(1, differ, "schema and parser agree")
    failed |= report(2, [] if accepted > 500 and refused > 500 else ["too few of one kind"],
                     f"{accepted} accepted, {refused} refused")
    failed |= report(3, [f"{place} {keyword} never refused anything" for place, keyword in idle],
                     f"each of the schema's {len(schema.used)} constraints refused something")
    failed |= report(4, [f"{name} is accepted" for name in said],
                     "what a schema cannot say is refused all the same")
    for name, (reason, _) in NOT_SAID.items():
        print(f"# not in the schema: {name}: {reason}")
    if other:
        failed |= report(5, unlike, "python3-jsonschema reads the schema as we do")
    else:
        print("ok 5 - # SKIP python3-jsonschema is not installed: our reading of the schema alone")
    return 1 if failed else 0


sys.exit(main())
