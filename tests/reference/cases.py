#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl against small texts in the shapes that people paste, with what each tells.

ISO_CASES names a directory whose `field` holds the texts; they are not part of the project. A text is
read right, or refused with the line that is wrong with it.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

# What a text tells: the groups of the kernel, and ids by address. "" stands for no group.
READ = {
    "listing-flat": {"groups": {"0": "00:00.0", "1": "00:02.0 00:02.2 00:02.3 01:00.0 02:00.0 04:00.0"}},
    "quoted-printable": {"groups": {"": "00:00.0", "5": "00:08.0 00:08.1 06:00.0"}, "compares": True},
    "path-style": {"groups": {"": "00:00.0 00:06.0 02:00.0"},
                   "ids": {"00:06.0": "8086:464d", "02:00.0": "1c5c:1959"}},
    "code-glued": {"groups": {"0": "00:00.0", "1": "00:02.0"}},
    "grep-n": {"groups": {"0": "00:00.0", "13": "03:00.0"}},
}
# What a refusal says.
REFUSED = {
    "two-boots": [r"0000:00:03\.0 .*:5 .*:21 ", r"0000:05:00\.0 .*:14 .*:30 "],
}


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
    ids = {device["address"].removeprefix("0000:"): f"{device['vendor']}:{device['device']}"
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


def main():
    program = sys.argv[1]
    cases = os.environ.get("ISO_CASES")
    if not cases:
        print("1..0 # SKIP ISO_CASES names no directory of small texts")
        return 0
    failed = False
    print(f"1..{len(READ) + len(REFUSED)}")
    checks = [(name, check_read, wanted) for name, wanted in READ.items()]
    checks += [(name, check_refused, wanted) for name, wanted in REFUSED.items()]
    for number, (name, check, wanted) in enumerate(checks, 1):
        path = pathlib.Path(cases) / "field" / f"{name}.txt"
        wrong = check(program, str(path), wanted) if path.exists() else f"there is no {path}"
        failed |= wrong is not None
        if wrong:
            print(f"# {name}: {wrong}")
        print("not ok" if wrong else "ok", f"{number} - {name}")
    return 1 if failed else 0


sys.exit(main())
