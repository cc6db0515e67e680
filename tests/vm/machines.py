# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random machines: PCI topologies drawn from a seed, out of all the parts that QEMU has.

The same seed draws the same machine on every host. A machine is small (tens of functions), because
grouping depends on the neighbours of a function, not on the number of functions.
"""

import dataclasses
import random

import topologies

IOMMUS = {
    "intel": (topologies.INTEL, "intel_iommu=on"),
    "amd": (topologies.AMD, "amd_iommu=on"),
    "virtio": (topologies.VIRTIO, ""),
}
# On the root bus 0-3 and 0x10 up are taken by the lab itself and the IOMMUs.
ROOT_SLOTS = range(4, 0xd)
FUNCTIONS_MAX = 34
BUSES_MAX = {"intel": 18, "amd": 18, "virtio": 12}
DEPTH_MAX = 5
PCIE_CARDS = ("e1000e", "qemu-xhci", "virtio-rng-pci", "e1000e")
PCI_CARDS = ("e1000", "edu", "virtio-rng-pci", "ich9-intel-hda")


@dataclasses.dataclass
class Plug:
    """A card to be plugged in while the machine runs."""
    driver: str
    name: str
    bus: str


@dataclasses.dataclass
class Drawn:
    seed: int
    topology: topologies.Topology
    plugs: list         # of Plug, in order
    virtual: list       # ids of nvme cards whose virtual functions are to be switched on
    parts: str          # what it is made of, in words


class Draw:
    """One machine on its way; every part has a limit to draw against."""

    def __init__(self, seed, iommu):
        self._random = random.Random(f"{seed} {iommu}")
        self._iommu = iommu
        self._arguments = []
        self._functions = 0
        self._buses = 0
        self._free_ports = []
        # QEMU 7.2's virtio-iommu knows no endpoint on a conventional bus behind a bridge, and the
        # kernel then does without the whole IOMMU.
        self._conventional_works = iommu != "virtio"
        self._parts = {}
        self.virtual = []

    def _chance(self, probability):
        return self._random.random() < probability

    def _name(self, kind):
        self._parts[kind] = self._parts.get(kind, 0) + 1
        return f"{kind}{self._parts[kind]}"

    def _add(self, driver, name, bus, address="", **more):
        values = [driver, f"id={name}"] + ([f"bus={bus}"] if bus else [])
        values += [f"addr={address}"] if address else []
        values += [f"{key}={value}" for key, value in more.items()]
        self._arguments += ["-device", ",".join(values)]
        self._functions += 1

    def _room(self, functions, buses=0):
        return (self._functions + functions <= FUNCTIONS_MAX and
                self._buses + buses <= BUSES_MAX[self._iommu])

    # -- cards --

    def _functions_of_card(self, cards, bus, slot):
        """One card in a slot, of one or several functions of any kind."""
        count = self._random.choice((1, 1, 1, 2, 3))
        if not self._room(count):
            return
        for function in range(count):
            more = {"multifunction": "on"} if count > 1 and function == 0 else {}
            self._add(self._random.choice(cards), self._name("card"), bus,
                      f"{slot:#x}.{function}", **more)

    def _nvme(self, bus):
        """A card with virtual functions; only behind a port, where they have room."""
        if self._iommu == "amd" or not self._room(4):
            return      # there, under QEMU 7.2, its driver waits for interrupts in vain
        name = self._name("nvme")
        self._arguments += ["-device", f"nvme-subsys,id={name}-subsystem"]
        # 7.2 has one namespace-less controller per subsystem that may have virtual functions.
        self._arguments += ["-device", f"nvme,id={name},bus={bus},serial={name},"
                            f"subsys={name}-subsystem,sriov_max_vfs=4,sriov_vq_flexible=8,"
                            "sriov_vi_flexible=4,max_ioqpairs=16,msix_qsize=17"]
        self._functions += 4
        self.virtual.append(name)

    # -- what hangs below a port --

    def _below_port(self, bus, depth):
        deeper = depth < DEPTH_MAX
        kind = self._random.choices(("nothing", "card", "nvme", "switch", "to-pci"),
                                    (2, 5, 1, 3 * deeper,
                                     2 * (deeper and self._conventional_works)))[0]
        if kind == "nothing":
            self._free_ports.append(bus)
        elif kind == "card":
            self._functions_of_card(PCIE_CARDS, bus, 0)
        elif kind == "nvme":
            self._nvme(bus)
        elif kind == "switch":
            self._switch(bus, depth)
        else:
            self._to_pci(bus, depth)

    def _switch(self, bus, depth):
        ports = self._random.randint(1, 3)
        if not self._room(1 + ports, 1 + ports):
            return
        up = self._name("up")
        self._buses += 1 + ports
        self._add("x3130-upstream", up, bus)
        slots = sorted(self._random.sample(range(8), ports))
        for slot in slots:
            down = self._name("down")
            self._add("xio3130-downstream", down, up, f"{slot:#x}.0",
                      chassis=100 + self._parts["down"])
            self._below_port(down, depth + 2)

    def _to_pci(self, bus, depth):
        if not self._room(2, 1):
            return
        name = self._name("to-pci")
        self._buses += 1
        self._add("pcie-pci-bridge", name, bus)
        self._conventional(name, depth + 1)

    def _conventional(self, bus, depth):
        """Cards and at times a further bridge on a conventional bus (its slot 0 is taken)."""
        for slot in self._random.sample(range(1, 9), self._random.randint(1, 2)):
            self._functions_of_card(PCI_CARDS, bus, slot)
        if depth < DEPTH_MAX and self._chance(0.3) and self._room(2, 1):
            self._pci_bridge(bus, 9, depth)

    def _pci_bridge(self, bus, slot, depth):
        name = self._name("bridge")
        self._buses += 1
        self._add("pci-bridge", name, bus, f"{slot:#x}", chassis_nr=50 + self._parts["bridge"])
        self._conventional(name, depth + 1)

    # -- what stands on the root bus --

    def _root_ports(self, slot):
        count = self._random.choice((1, 1, 2, 3))
        if not self._room(count, count):
            return
        names = []
        for function in range(count):
            more = {"multifunction": "on"} if count > 1 and function == 0 else {}
            if self._chance(0.5):
                more["disable-acs"] = "on"
            name = self._name("port")
            self._buses += 1
            self._add("pcie-root-port", name, "", f"{slot:#x}.{function}",
                      chassis=self._parts["port"], **more)
            names.append(name)
        for name in names:
            self._below_port(name, 1)

    def draw(self):
        slots = self._random.sample(ROOT_SLOTS, self._random.randint(2, 6))
        for slot in slots:
            kind = self._random.choices(("ports", "card", "pci-card", "bridge"),
                                        (6, 2, 1, self._conventional_works))[0]
            if kind == "ports":
                self._root_ports(slot)
            elif kind == "bridge" and self._room(2, 1):
                self._pci_bridge("", slot, 1)
            else:
                self._functions_of_card(PCIE_CARDS if kind == "card" else PCI_CARDS, "", slot)
        ports = self._random.sample(self._free_ports, min(2, len(self._free_ports)))
        plugs = [Plug("e1000e", f"plugged{number}", bus) for number, bus in enumerate(ports, 1)]
        return self._arguments, plugs, " ".join(f"{count} {kind}" for kind, count
                                                in sorted(self._parts.items()))


def draw(seed, iommu):
    """The machine of that seed, with that IOMMU."""
    devices, append = IOMMUS[iommu]
    drawing = Draw(seed, iommu)
    arguments, plugs, parts = drawing.draw()
    topology = topologies.Topology(f"{iommu}-{seed}", parts,
                                   (*devices, *topologies.NATIVE_HOTPLUG, *arguments), append)
    return Drawn(seed, topology, plugs, drawing.virtual, parts)
