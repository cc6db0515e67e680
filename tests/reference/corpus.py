#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compare the model with real machines: lspci dumps and the groups that their kernels reported.

ISO_CORPUS names a directory of NAME.txt (output of lspci) and NAME.groups ("address group" per
line). The reader under test reads each dump. The test compares the groups of the devices that have one,
as sets, and prints a table of all machines.
"""

import os
import pathlib
import re
import subprocess
import sys

SLOT = re.compile(r"^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) .*: ", re.M)
# Machines whose groups follow other rules, and the word of the dump that shows it.
OTHER_RULES = [("PHB", "its groups are PEs, which the platform makes")]


def computed(program, dump):
    """Groups by address, and the addresses whose ids the dump does not tell."""
    result = subprocess.run([program, dump], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None, result.stderr.strip()
    lines = [line.split() for line in result.stdout.splitlines()]
    return {line[0]: line[1] for line in lines}, {line[0] for line in lines if len(line) > 2}


def listed(text):
    return {address if address.count(":") == 2 else "0000:" + address
            for address in SLOT.findall(text)}


def sets(groups, among):
    by_group = {}
    for address in among:
        by_group.setdefault(groups[address], set()).add(address)
    return {frozenset(group) for group in by_group.values()}


def check(program, dump):
    """Returns the row of the table, and what is wrong, or None."""
    text = dump.read_text(errors="replace")
    got, unknown = computed(program, dump)
    if got is None:
        return [dump.stem, "-", "-", "-", "not read"], unknown
    row = [dump.stem, str(len(got)), str(len(got) - len(unknown)), "-", "read"]
    if set(got) != listed(text):
        return row, f"read {len(got)} devices of {len(listed(text))}"

    truth_file = dump.with_suffix(".groups")
    if not truth_file.exists():
        return row, None
    truth = dict(line.split() for line in truth_file.read_text().splitlines()
                 if line and not line.startswith("#"))
    among = set(truth) & set(got)
    if not among:
        return row, "no device of the groups is in the dump"
    row[3] = str(len(sets(truth, among)))
    wrong = sets(truth, among) ^ sets(got, among)
    row[4] = "differs" if wrong else "equal"
    for mark, why in OTHER_RULES:
        if wrong and mark in text:
            row[4] = "explained: " + why
            return row, None
    return row, "differs: " + " | ".join(" ".join(sorted(group)) for group in
                                         sorted(wrong, key=sorted)) if wrong else None


def main():
    program = sys.argv[1]
    corpus = os.environ.get("ISO_CORPUS")
    if not corpus:
        print("1..0 # SKIP ISO_CORPUS names no directory of dumps")
        return 0
    dumps = sorted(pathlib.Path(corpus).glob("*.txt"))
    print(f"1..{max(len(dumps), 1)}")
    if not dumps:
        print(f"not ok 1 - no dumps in {corpus}")
    rows, failed = [["machine", "devices", "with ids", "groups", "result"]], not dumps
    for number, dump in enumerate(dumps, 1):
        row, wrong = check(program, dump)
        rows.append(row)
        failed |= wrong is not None
        if wrong:
            print(f"# {dump.stem}: {wrong}")
        print("not ok" if wrong else "ok", f"{number} - {dump.stem} ({row[4]})")
    for row in rows:
        print(f"# {row[0]:40} {row[1]:>7} {row[2]:>8} {row[3]:>6}  {row[4]}")
    return 1 if failed else 0


sys.exit(main())
