#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model against machines that exist: lspci dumps and the groups their kernels reported.

ISO_CORPUS names a directory of NAME.txt (lspci -vv, better -xxxx) and NAME.groups ("address group"
per line). Each dump is rebuilt as a sysfs tree, from its hex where it has some, else from what the
text says about capabilities; what neither says stays out of the tree. Then the reader and the model
do the rest. Compared is who is together with whom, among the devices that have a group.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

SLOT = re.compile(r"^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (.*)")
TYPES = [  # as lspci writes them, the longer first
    ("Root Complex Integrated Endpoint", 9), ("Root Complex Event Collector", 10),
    ("Legacy Endpoint", 1), ("Endpoint", 0), ("Root Port", 4), ("Upstream Port", 5),
    ("Downstream Port", 6), ("PCI-Express to PCI/PCI-X Bridge", 7), ("PCI/PCI-X to PCI-Express", 8),
    ("PCI/PCI-X Bridge", 7),
]
BITS = [("SrcValid", 1), ("TransBlk", 2), ("ReqRedir", 4), ("CmpltRedir", 8),
        ("UpstreamFwd", 16), ("EgressCtrl", 32), ("DirectTrans", 64)]
# Where the dump has names only: vendors with rules of their own, and ports with dword registers.
VENDORS = [("Intel Corporation", 0x8086), ("[AMD]", 0x1022)]
SPT_NAMES = re.compile(r"Sunrise Point|100 Series|200 Series")


class Device:
    def __init__(self, address, title):
        self.address = address if address.count(":") == 2 else "0000:" + address
        self.title = title
        self.lines = []
        self.hex = {}

    def ids(self):
        found = re.search(r"\[?\b([0-9a-f]{4}):([0-9a-f]{4})\b\]?(?: \(rev [0-9a-f]+\))?"
                          r"(?: \(prog-if.*)?$", self.title)
        if found:
            return int(found[1], 16), int(found[2], 16)
        for name, vendor in VENDORS:
            if name in self.title:
                spt = vendor == 0x8086 and SPT_NAMES.search(self.title) \
                    and "Root Port" in self.title
                return vendor, 0xa110 if spt else 0x0001
        return 0xabcd, 0x0001

    def secondary(self):
        for line in self.lines:
            found = re.search(r"Bus: primary=[0-9a-f]+, secondary=([0-9a-f]+)", line)
            if found:
                return int(found[1], 16)
        return None


def parse(text):
    devices, current = [], None
    for line in text.splitlines():
        start = SLOT.match(line)
        if start:
            current = Device(*start.groups())
            devices.append(current)
        elif current and re.match(r"^[0-9a-f]{2,3}: (?:[0-9a-f]{2} ?){16}$", line):
            offset, data = line.split(":", 1)
            current.hex[int(offset, 16)] = bytes.fromhex(data)
        elif current:
            current.lines.append(line)
    return devices


def bits(line):
    return sum(bit for name, bit in BITS if name + "+" in line)


def put_acs(data, device, text):
    capability = re.search(r"ACSCap:(.*)", text)
    control = re.search(r"ACSCtl:(.*)", text)
    if not capability or not control:
        return
    data[0x100:0x104] = bytes([0x0d, 0, 1, 0])
    data[0x104], data[0x106] = bits(capability[1]), bits(control[1])
    # lspci shows the wrong register of a port with dword registers: take the kernel's setting.
    if device.ids() == (0x8086, 0xa110):
        data[0x106], data[0x108] = 0, bits(capability[1])


def config(device, several):
    """The configuration space: the dump's hex, and from the text what the hex does not reach."""
    text = "\n".join(device.lines)
    express = re.search(r"Capabilities: \[[0-9a-f]+\] Express (?:\(v\d\) )?([^,\n]*)", text)
    data = bytearray(4096 if express else 256)
    for offset, row in device.hex.items():
        data[offset:offset + 16] = row
    if not device.hex:
        data[0x0e] = (1 if device.secondary() is not None else 0) | (0x80 if several else 0)
        if express:
            kind = next(number for name, number in TYPES if express[1].startswith(name))
            data[0x06], data[0x34] = 0x10, 0x40
            data[0x40:0x44] = bytes([0x10, 0, kind << 4, 0])
    if express and 0x100 not in device.hex:
        put_acs(data, device, text)
    return bytes(data)


def parents(devices):
    """The directory of each device below /sys/devices."""
    above = {}
    for device in devices:
        if device.secondary():
            above[device.address[:-8] + f":{device.secondary():02x}"] = device
    places = {}

    def place(device):
        if device.address not in places:
            bus = device.address[:-5]
            bridge = above.get(bus)
            places[device.address] = "devices/pci" + bus if bridge in (None, device) \
                else place(bridge)
            places[device.address] += "/" + device.address
        return places[device.address]

    return {device.address: place(device) for device in devices}


def build(devices, root, has_ivrs):
    places = parents(devices)
    links = root / "bus/pci/devices"
    links.mkdir(parents=True)
    (root / "firmware/acpi/tables").mkdir(parents=True)
    if has_ivrs:
        (root / "firmware/acpi/tables/IVRS").touch()
    slots = [device.address[:-2] for device in devices]
    for device in devices:
        directory = root / places[device.address]
        directory.mkdir(parents=True, exist_ok=True)
        vendor, number = device.ids()
        (directory / "vendor").write_text(f"0x{vendor:04x}\n")
        (directory / "device").write_text(f"0x{number:04x}\n")
        (directory / "config").write_bytes(config(device, slots.count(device.address[:-2]) > 1))
        (links / device.address).symlink_to("../../../" + places[device.address])


def computed(program, dump):
    devices = parse(dump.read_text(errors="replace"))
    with tempfile.TemporaryDirectory(prefix="isolationd-corpus-") as name:
        build(devices, pathlib.Path(name), "[AMD]" in dump.read_text(errors="replace"))
        result = subprocess.run([program, name], check=True, capture_output=True, text=True)
    lines = [line.split() for line in result.stdout.splitlines()]
    return dict(lines), {device.address for device in devices}


def sets(groups, among):
    by_group = {}
    for address in among:
        by_group.setdefault(groups[address], set()).add(address)
    return {frozenset(group) for group in by_group.values()}


def check(program, dump):
    """Returns what is wrong, or None."""
    got, listed = computed(program, dump)
    if set(got) != listed:
        return f"read {len(got)} devices of {len(listed)}"
    truth_file = dump.with_suffix(".groups")
    if not truth_file.exists():
        return None
    truth = dict(line.split() for line in truth_file.read_text().splitlines()
                 if line and not line.startswith("#"))
    among = set(truth) & set(got)
    if not among:
        return "no device of the groups is in the dump"
    wrong = sets(truth, among) ^ sets(got, among)
    if wrong:
        return "differs: " + " | ".join(" ".join(sorted(group)) for group in
                                        sorted(wrong, key=sorted))
    return None


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
    failed = not dumps
    for number, dump in enumerate(dumps, 1):
        kind = "groups" if dump.with_suffix(".groups").exists() else "read"
        if "PHB" in dump.read_text(errors="replace") and kind == "groups":
            print(f"ok {number} - {dump.stem} # SKIP its groups are PEs, not made by these rules")
            continue
        wrong = check(program, dump)
        failed |= wrong is not None
        if wrong:
            print(f"# {dump.stem}: {wrong}")
        print("not ok" if wrong else "ok", f"{number} - {dump.stem} ({kind})")
    return 1 if failed else 0


sys.exit(main())
