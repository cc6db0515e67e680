# SPDX-License-Identifier: LGPL-2.1-or-later
"""A big machine as a sysfs tree: as many functions as asked, behind ports and switches.

A root port carries a switch of four downstream ports, below each a card of eight functions: every
other switch redirects, the others do not. Fifteen such ports make a domain.
"""

import os
import struct

ENDPOINT, ROOT_PORT, UPSTREAM, DOWNSTREAM = 0x0, 0x4, 0x5, 0x6
ACS_ALL = 0x1D
ROOT_PORTS, DOWNSTREAM_PORTS, FUNCTIONS = 15, 4, 8
PCI_EXPRESS, MSI, POWER = 0x10, 0x05, 0x01
ACS, ARI, AER = 0x000D, 0x000E, 0x0001


def config_space(kind, header_type, buses, acs, multifunction):
    """Capabilities in a usual order: power, MSI, PCI Express; AER, ARI or ACS."""
    data = bytearray(4096)
    struct.pack_into("<HHHHBBBB", data, 0, 0x8086, 0x10D3, 0x0406, 0x0010, 0, 0,
                     *((0x04, 0x06) if header_type else (0x00, 0x02)))
    data[0x0E] = header_type | (0x80 if multifunction else 0)
    if header_type:
        struct.pack_into("<BBB", data, 0x18, *buses)
    data[0x34] = 0x40
    struct.pack_into("<BBHxxxx", data, 0x40, POWER, 0x50, 0x0003)
    struct.pack_into("<BBH", data, 0x50, MSI, 0x70, 0x0080)
    struct.pack_into("<BBHI", data, 0x70, PCI_EXPRESS, 0, kind << 4 | 2, 1 << 28)
    struct.pack_into("<I", data, 0x100, 0x148 << 20 | 1 << 16 | AER)
    if acs is None:
        struct.pack_into("<I", data, 0x148, 1 << 16 | ARI)
    else:
        struct.pack_into("<IHH", data, 0x148, 1 << 16 | ACS, ACS_ALL, acs)
    return bytes(data)


class Writer:
    def __init__(self, root, count):
        self._root = root
        self.left = count
        self._devices = os.path.join(root, "bus/pci/devices")
        os.makedirs(self._devices)

    def _file(self, *path, text):
        with open(os.path.join(*path), "wb") as output:
            output.write(text)

    def add(self, parent, address, kind, *, header_type=0, buses=(0, 0, 0), acs=None,
            multifunction=False):
        """Write one function below `parent`; its path, or None when there are enough."""
        if self.left == 0:
            return None
        self.left -= 1
        path = os.path.join(parent, address)
        where = os.path.join(self._root, path)
        os.makedirs(where)
        modalias = ("pci:v00008086d000010D3sv00008086sd00000000"
                    + ("bc06sc04i00\n" if header_type else "bc02sc00i00\n"))
        for name, text in (("modalias", modalias.encode()), ("vendor", b"0x8086\n"), ("device", b"0x10d3\n"),
                           ("subsystem_vendor", b"0x8086\n"), ("subsystem_device", b"0x0000\n"),
                           ("class", b"0x060400\n" if header_type else b"0x020000\n"),
                           ("irq", b"0\n"), ("numa_node", b"-1\n"),
                           ("resource", b"0x0000000000000000 0x0000000000000000 "
                                        b"0x0000000000000000\n" * 13)):
            self._file(where, name, text=text)
        self._file(where, "config",
                   text=config_space(kind, header_type, buses, acs, multifunction))
        os.symlink(os.path.join("../../..", path), os.path.join(self._devices, address))
        return path


def _switch(writer, port, domain, bus, acs):
    """A switch below `port`, its upstream port on `bus`; the next free bus."""
    last = bus + 1 + DOWNSTREAM_PORTS
    up = writer.add(port, f"{domain:04x}:{bus:02x}:00.0", UPSTREAM, header_type=1,
                    buses=(bus, bus + 1, last))
    for number in range(DOWNSTREAM_PORTS):
        below = bus + 2 + number
        down = up and writer.add(up, f"{domain:04x}:{bus + 1:02x}:{number:02x}.0", DOWNSTREAM,
                                 header_type=1, buses=(bus + 1, below, below), acs=acs)
        for function in range(FUNCTIONS if down else 0):
            writer.add(down, f"{domain:04x}:{below:02x}:00.{function}", ENDPOINT,
                       multifunction=True)
    return last + 1


def build(root, count):
    """A tree of `count` functions below `root`."""
    writer = Writer(root, count)
    domain = 0
    while writer.left:
        top = f"devices/pci{domain:04x}:00"
        bus = 1
        for slot in range(1, ROOT_PORTS + 1):
            acs = ACS_ALL if slot % 2 else None
            port = writer.add(top, f"{domain:04x}:00:{slot:02x}.0", ROOT_PORT, header_type=1,
                              buses=(0, bus, bus + 1 + DOWNSTREAM_PORTS), acs=acs)
            if port:
                bus = _switch(writer, port, domain, bus, acs)
        domain += 1
