# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small machine as a sysfs tree: functions, configuration space, links, drivers, groups."""

import os
import struct

ENDPOINT, ROOT_PORT, UPSTREAM, DOWNSTREAM = 0x0, 0x4, 0x5, 0x6
ACS_ALL = 0x1D  # SV | RR | CR | UF


def config_space(vendor, device, *, pcie_type, header_type=0, multifunction=False, acs=None,
                 buses=(0, 0, 0)):
    """4096 bytes with a PCI Express capability and, if `acs` is given, ACS with these bits on."""
    data = bytearray(4096)
    struct.pack_into("<HHHH", data, 0, vendor, device, 0, 0x0010)
    data[0x0E] = header_type | (0x80 if multifunction else 0)
    if header_type:
        struct.pack_into("<BBB", data, 0x18, *buses)
    data[0x34] = 0x40
    struct.pack_into("<BBH", data, 0x40, 0x10, 0, pcie_type << 4 | 2)
    if acs is not None:
        struct.pack_into("<IHH", data, 0x100, 0x0001000D, ACS_ALL, acs)
    return bytes(data)


class Tree:
    """Writes below `root`; `device()` in the order from the root bus down."""

    def __init__(self, root):
        self.root = root
        self.places = {}
        os.makedirs(self.path("bus/pci/devices"))
        os.makedirs(self.path("bus/pci/drivers"))

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def link(self, target, *at):
        """A relative link at `at` to `target`, both below the root."""
        place = self.path(*at)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.symlink(os.path.relpath(self.path(target), os.path.dirname(place)), place)

    def device(self, address, parent, ids, class_code, *, config, driver=None, group=None):
        place = os.path.join(self.places[parent] if parent else "devices/pci0000:00", address)
        self.places[address] = place
        os.makedirs(self.path(place))
        vendor, device = ids
        for name, text in {
            "vendor": f"0x{vendor:04x}",
            "device": f"0x{device:04x}",
            "class": f"0x{class_code:06x}",
            "subsystem_vendor": "0x0000",
            "subsystem_device": "0x0000",
        }.items():
            with open(self.path(place, name), "w", encoding="ascii") as file:
                file.write(text + "\n")
        with open(self.path(place, "config"), "wb") as file:
            file.write(config)
        self.link(place, "bus/pci/devices", address)
        if driver:
            os.makedirs(self.path("bus/pci/drivers", driver), exist_ok=True)
            self.link(f"bus/pci/drivers/{driver}", place, "driver")
        if group is not None:
            self.group(address, place, group)

    def group(self, address, place, number):
        directory = f"kernel/iommu_groups/{number}"
        os.makedirs(self.path(directory, "devices"), exist_ok=True)
        os.makedirs(self.path("devices/virtual/iommu/dmar0"), exist_ok=True)
        with open(self.path(directory, "type"), "w", encoding="ascii") as file:
            file.write("DMA-FQ\n")
        self.link(place, directory, "devices", address)
        self.link(directory, place, "iommu_group")
        self.link("devices/virtual/iommu/dmar0", place, "iommu")

    def interface(self, name, address):
        place = os.path.join(self.places[address], "net", name)
        os.makedirs(self.path(place))
        self.link(place, "class/net", name)


def build(root, *, iommu=True):
    """
    A host bridge; two root ports of one slot without ACS, a NIC behind each; a root port with ACS
    and a NIC behind it. With an IOMMU that makes four groups.
    """
    tree = Tree(root)

    def number(n):
        return n if iommu else None

    tree.device("0000:00:00.0", None, (0x8086, 0x29C0), 0x060000, group=number(0),
                config=config_space(0x8086, 0x29C0, pcie_type=0x9))
    for function, bus in ((0, 1), (1, 2)):
        tree.device(f"0000:00:02.{function}", None, (0x1B36, 0x000C), 0x060400, driver="pcieport",
                    group=number(1),
                    config=config_space(0x1B36, 0x000C, pcie_type=ROOT_PORT, header_type=1,
                                        multifunction=True))
        tree.device(f"0000:{bus:02x}:00.0", f"0000:00:02.{function}", (0x8086, 0x10D3), 0x020000,
                    driver="e1000e" if bus == 1 else None, group=number(1),
                    config=config_space(0x8086, 0x10D3, pcie_type=ENDPOINT))
    tree.device("0000:00:06.0", None, (0x1B36, 0x000C), 0x060400, driver="pcieport",
                group=number(2),
                config=config_space(0x1B36, 0x000C, pcie_type=ROOT_PORT, header_type=1,
                                    acs=ACS_ALL))
    tree.device("0000:03:00.0", "0000:00:06.0", (0x8086, 0x10D3), 0x020000, driver="e1000e",
                group=number(3), config=config_space(0x8086, 0x10D3, pcie_type=ENDPOINT))
    tree.interface("enp1s0", "0000:01:00.0")
    return tree


def build_switch(root):
    """
    Below a root port with ACS, a switch with two downstream ports, a card behind each: the first
    port redirects, the second has no ACS. The kernel has the cards in two groups, and one
    reaches the other.
    """
    tree = Tree(root)

    def bridge(address, parent, pcie_type, buses, group, acs=None):
        tree.device(address, parent, (0x1B36, 0x000C), 0x060400, driver="pcieport", group=group,
                    config=config_space(0x1B36, 0x000C, pcie_type=pcie_type, header_type=1, acs=acs,
                                        buses=buses))

    tree.device("0000:00:00.0", None, (0x8086, 0x29C0), 0x060000, group=5,
                config=config_space(0x8086, 0x29C0, pcie_type=0x9))
    bridge("0000:00:01.0", None, ROOT_PORT, (0, 1, 4), 0, ACS_ALL)
    bridge("0000:01:00.0", "0000:00:01.0", UPSTREAM, (1, 2, 4), 1)
    bridge("0000:02:00.0", "0000:01:00.0", DOWNSTREAM, (2, 3, 3), 2, ACS_ALL)
    bridge("0000:02:01.0", "0000:01:00.0", DOWNSTREAM, (2, 4, 4), 3)
    for bus, parent, group in ((3, "0000:02:00.0", 4), (4, "0000:02:01.0", 3)):
        tree.device(f"0000:{bus:02x}:00.0", parent, (0x8086, 0x10D3), 0x020000, group=group,
                    config=config_space(0x8086, 0x10D3, pcie_type=ENDPOINT))
    return tree
