#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl on small texts in the shapes that people paste, with the facts that each has.

ISO_CASES names a directory whose `field` holds the texts; they are not part of the project. isoctl reads
a text right, or refuses it with the faulty line. No command claims more than the text shows.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

# What a text tells: the groups of the kernel, and ids by address. "" stands for no group.
READ = {
    "listing-flat": {"groups": {"0": "00:00.0",
                                "1": "00:02.0 00:02.2 00:02.3 01:00.0 02:00.0 04:00.0"}},
    "quoted-printable": {"groups": {"": "00:00.0", "5": "00:08.0 00:08.1 06:00.0"}, "compares": True},
    "path-style": {"groups": {"": "00:00.0 00:06.0 02:00.0"},
                   "ids": {"00:06.0": "8086:464d", "02:00.0": "1c5c:1959"}},
    "code-glued": {"groups": {"0": "00:00.0", "1": "00:02.0"}},
    "grep-n": {"groups": {"0": "00:00.0", "13": "03:00.0"}},
    "partial-one-device": {"groups": {"22": "03:00.0"}},
    "nn-only": {"groups": {"": "00:00.0 00:02.0 00:02.2 00:02.3 01:00.0 02:00.0 04:00.0"}},
    "pch-8-series-text": {"groups": {"0": "00:00.0", "33": "00:1c.0", "34": "00:1c.7",
                                     "41": "07:00.0", "43": "09:00.0"}, "compares": True},
    "iommu-kind-empty": {"groups": {"21": "03:00.3", "22": "03:00.4"}},
}
# What a refusal says.
REFUSED = {
    "two-boots": [r"0000:00:03\.0 .*:5 .*:21 ", r"0000:05:00\.0 .*:14 .*:30 "],
}
# What commands say and never say; no command on any device of the text says the last.
SAYS = {
    "partial-one-device": [
        (["show", "03:00.0"], r"p2p +unknown +The input lacks the bridge above 0000:03:00\.0"),
        (["explain", "03:00.0"], r"The input lacks the bridge above 0000:03:00\.0"),
        (["doctor"], r"reach +.*it is unknown whether"),
    ],
    "nn-only": [
        (["compare"], r"The input has none of the facts that the rules need"),
        (["show", "01:00.0"], r"p2p +unknown "),
        (["explain", "01:00.0", "02:00.0"], r"are together in "),
        (["explain", "02:00.0", "04:00.0"], r"are together in "),
    ],
    "listing-flat": [(["compare"], r"unreadable: ")],
    "pch-8-series-text": [
        (["show", "07:00.0"], r"p2p +unknown .*MPC at D8h.*lspci -xxxx as root"),
        (["explain", "07:00.0", "09:00.0"], r"Its present state is in a register .*MPC at D8h"),
    ],
    "iommu-kind-empty": [
        (["compare"], r"0000:03:00\.3  unreadable: "),
        (["explain", "03:00.3"], r"\(unreadable\): "),
    ],
    "path-style": [(["explain", "02:00.0", "00:00.0"], r"It could not be read whether 0000:00:06\.0 ")],
}
NEVER = {
    "*": r"can be leased by itself|all match its rules|p2p +yes|quirk that isolationd does not know",
    "nn-only": r"are apart|root complex",
    "iommu-kind-empty": r"iommu-kind|IOMMU of \(\)|IOMMU \"\"",
    "path-style": r"No port above 0000:02",
}
POLICY_CASE = "partial-one-device"


def isoctl(program, verb, path, *options):
    return subprocess.run([program, verb, "--from", path, "--json", *options], capture_output=True,
                          text=True, check=False)


def snapshot(program, path):
    result = subprocess.run([program, "snapshot", "--from", path], capture_output=True, text=True,
                            check=False)
    return json.loads(result.stdout)["devices"] if result.returncode == 0 else result.stderr


def check_read(program, path, wanted):
    """What is wrong with the reading, or None."""
    devices = snapshot(program, path)
    if isinstance(devices, str):
        return devices.strip()
    groups = {}
    for device in devices:
        number = device.get("group")
        groups.setdefault("" if number is None else str(number), []).append(
            device["address"].removeprefix("0000:"))
    have = {number: " ".join(members) for number, members in groups.items()}
    if have != wanted["groups"]:
        return f"groups {have}, not {wanted['groups']}"
    ids = {device["address"].removeprefix("0000:"): f"{device.get('vendor')}:{device.get('device')}"
           for device in devices}
    for address, wanted_ids in wanted.get("ids", {}).items():
        if ids[address] != wanted_ids:
            return f"{address} is {ids[address]}, not {wanted_ids}"
    if wanted.get("compares"):
        mismatches = json.loads(isoctl(program, "compare", path).stdout)["mismatches"]
        if mismatches:
            return f"the rules give other groups: {mismatches}"
    return None


def check_refused(program, path, wanted):
    result = isoctl(program, "groups", path)
    if result.returncode == 0:
        return "it was read"
    missing = [pattern for pattern in wanted if not re.search(pattern, result.stderr)]
    return f"{missing} not in {result.stderr!r}" if missing else None


def words_of(program, command, path):
    verb, *arguments = command
    result = subprocess.run([program, verb, "--from", path, *arguments], capture_output=True,
                            text=True, check=False)
    return result.stdout


def every_command(devices):
    """All that can be asked of the text, of each device and of each pair."""
    yield from (["compare"], ["doctor"], ["list"], ["groups", "--partition", "kernel"],
                ["groups", "--partition", "sound"], ["groups", "--partition", "observed"])
    for device in devices:
        yield ["show", device]
        yield ["explain", device]
        for other in devices:
            if other > device:
                yield ["explain", device, other]


def check_words(program, path, name):
    """What is wrong with the words, or None."""
    devices = [device["address"] for device in snapshot(program, path)]
    for command, pattern in SAYS.get(name, ()):
        words = words_of(program, command, path)
        if not re.search(pattern, words):
            return f"{' '.join(command)}: {pattern!r} is not in {words!r}"
    never = "|".join(filter(None, (NEVER["*"], NEVER.get(name))))
    for command in every_command(devices):
        found = re.search(never, words_of(program, command, path))
        if found:
            return f"{' '.join(command)}: it says {found.group()!r}"
    return None


def check_policy(program, path, directory):
    """A policy that demands p2p refuses what is only a part of a machine."""
    result = subprocess.run([program, "policy", "test", "--from", path, "--policy",
                             directory / "p2p-policy.json", directory / "p2p-expect.json"],
                            capture_output=True, text=True, check=False)
    if result.returncode != 1:
        return f"the expectation of allow holds: {result.stdout!r}"
    if not re.search(r"requires \"p2p\", which is unknown", result.stdout + result.stderr):
        return f"it does not say why: {result.stdout + result.stderr!r}"
    return None


def main():
    program = sys.argv[1]
    cases = os.environ.get("ISO_CASES")
    if not cases:
        print("1..0 # SKIP ISO_CASES names no directory of small texts")
        return 0
    failed = False
    field = pathlib.Path(cases) / "field"
    checks = [(name, check_read, wanted) for name, wanted in READ.items()]
    checks += [(name, check_words, name) for name in READ]
    checks += [(name, check_refused, wanted) for name, wanted in REFUSED.items()]
    checks += [(POLICY_CASE, check_policy, field)]
    print(f"1..{len(checks)}")
    for number, (name, check, wanted) in enumerate(checks, 1):
        path = field / f"{name}.txt"
        wrong = check(program, str(path), wanted) if path.exists() else f"there is no {path}"
        failed |= wrong is not None
        if wrong:
            print(f"# {name}: {wrong}")
        print("not ok" if wrong else "ok",
              f"{number} - {name}: {check.__name__.removeprefix('check_')}")
    return 1 if failed else 0


sys.exit(main())
