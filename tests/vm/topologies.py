# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machines of the lab: the devices on their PCI buses.

Slots that tests name are fixed here. Every machine also has, from QEMU's q35: the host bridge
00:00.0 and the ICH9 functions 00:1f.0, 1f.2, 1f.3 (one slot, no ACS: one group).
"""

import dataclasses

# The IOMMUs, with what makes the kernel use them.
INTEL = ("-device", "intel-iommu,intremap=on,caching-mode=on")
AMD = ("-device", "amd-iommu,intremap=on")
VIRTIO = ("-device", "virtio-iommu-pci,addr=0x3")
NATIVE_HOTPLUG = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")

# The device with the DMA engine that tests lease: conventional PCI, always at 00:05.0.
EDU = ("-device", "edu,id=edu,addr=0x5")
# A card of its own behind a port with ACS: 00:06.0 and what is below it.
LONE_CARD = ("-device", "pcie-root-port,id=lone,addr=0x6,chassis=6",
             "-device", "e1000e,id=lonecard,bus=lone")
# Two ports of one slot without ACS: 00:02.0 "ja" with a card, 00:02.1 "jb" empty. Linux makes
# one group of the ports and of all below them, so a card plugged into jb joins ja's card.
JOIN_SLOT = ("-device", "pcie-root-port,id=ja,addr=2.0,chassis=1,multifunction=on,disable-acs=on",
             "-device", "pcie-root-port,id=jb,addr=2.1,chassis=2,disable-acs=on",
             "-device", "e1000e,id=jacard,bus=ja")
BASIC = EDU + LONE_CARD + JOIN_SLOT
# A port without ACS, 00:06.0, and a switch below it: one group of them all. Cards come and go at
# the port and at the switch's first place; the other one, "fixed", is no slot for hot-plug.
JOIN_SWITCH = ("-device", "pcie-root-port,id=js,addr=0x6,chassis=6,disable-acs=on",
               "-device", "x3130-upstream,id=jsup,bus=js",
               "-device", "xio3130-downstream,id=jsa,bus=jsup,addr=0x0,chassis=12",
               "-device", "xio3130-downstream,id=fixed,bus=jsup,addr=0x1,chassis=13,hotplug=off",
               "-device", "e1000e,id=jscard,bus=jsa")


@dataclasses.dataclass(frozen=True)
class Topology:
    name: str
    about: str
    devices: tuple
    append: str = ""            # to the kernel's command line
    kernels: tuple = ("lab", "6.1", "6.12")
    # The kernels of a run that is not --full: the lab kernel everywhere, the others where the
    # kernel's own behaviour is what a test is about.
    usual: tuple = ("lab",)
    # What this machine alone has on its disk before it boots: pairs of path and text. Only tests
    # that ask for it by name run there.
    files: tuple = ()
    # Only tests that ask for it by name run there.
    alone: bool = False


# Reserved: the card in the join slot, and whatever will be in the slot's other port.
RESERVING_POLICY = """{ "rules": [
  { "name": "reserved-card",
    "match": { "path": "0000:00/02.0/00.*" },
    "reserve": { "at": "boot",
                 "fingerprint": { "vendor": "8086", "device": "10d3", "members": 3 } },
    "lease": { "users": ["lab"] } },
  { "name": "reserved-slot",
    "match": { "path": "0000:00/02.1/00.*" },
    "reserve": { "at": "boot" },
    "lease": { "users": ["lab"] } },
  { "name": "other-card",
    "match": { "path": "0000:00/06.0/*" },
    "reserve": { "at": "boot", "fingerprint": { "device": "10d4" } },
    "lease": {} }
] }
"""

ALL = {each.name: each for each in (
    Topology("basic", "VT-d, edu, a join slot, native PCIe hotplug",
             INTEL + NATIVE_HOTPLUG + BASIC, "intel_iommu=on", usual=("lab", "6.1", "6.12")),
    Topology("acpi", "as basic, with ACPI hotplug", INTEL + BASIC, "intel_iommu=on",
             usual=("lab", "6.1", "6.12")),
    Topology("switch", "PCIe switches without ACS, PCIe-PCI and PCI-PCI bridges",
             INTEL + NATIVE_HOTPLUG + EDU + (
                 "-device", "pcie-root-port,id=rp,addr=0x2,chassis=1",
                 "-device", "x3130-upstream,id=up,bus=rp",
                 "-device", "xio3130-downstream,id=down0,bus=up,addr=0x0,chassis=10",
                 "-device", "xio3130-downstream,id=down1,bus=up,addr=0x1,chassis=11",
                 "-device", "e1000e,bus=down0", "-device", "e1000e,id=down1card,bus=down1",
                 "-device", "pcie-root-port,id=rpb,addr=0x3,chassis=2",
                 "-device", "pcie-pci-bridge,id=ppb,bus=rpb",
                 "-device", "e1000,bus=ppb,addr=0x1", "-device", "e1000,bus=ppb,addr=0x2",
                 "-device", "pci-bridge,id=pb,addr=0x4,chassis_nr=20",
                 "-device", "e1000,bus=pb,addr=0x1") + JOIN_SWITCH, "intel_iommu=on"),
    Topology("sriov", "an NVMe with virtual functions behind a port with ACS",
             INTEL + NATIVE_HOTPLUG + EDU + (
                 "-device", "pcie-root-port,id=rp,addr=0x2,chassis=1",
                 "-device", "nvme-subsys,id=subsys",
                 "-device", "nvme,id=nvme,bus=rp,serial=lab,subsys=subsys,sriov_max_vfs=4,"
                            "sriov_vq_flexible=8,sriov_vi_flexible=4,max_ioqpairs=16,"
                            "msix_qsize=17"), "intel_iommu=on"),
    # amd-iommu takes slot 1 by itself.
    Topology("amd", "AMD-Vi, edu, a join slot", AMD + NATIVE_HOTPLUG + BASIC,
             "amd_iommu=on"),
    # Debian builds 6.1 without virtio-iommu.
    Topology("virtio", "virtio-iommu, edu, a join slot", VIRTIO + NATIVE_HOTPLUG + BASIC,
             kernels=("lab", "6.12")),
    # Endpoints of the root complex, one function each: a group each.
    Topology("crowd", "VT-d and eight edu",
             INTEL + tuple(word for i in range(8) for word in ("-device", f"edu,addr={5 + i:#x}")),
             "intel_iommu=on", kernels=("lab",), usual=(), alone=True),
    # A graphics card with the console on it, in the framebuffer that the firmware has set up (vga=):
    # these kernels have no driver for the card. The lab kernel has one, but no console on it.
    Topology("display", "VT-d and a VGA card that shows the console",
             INTEL + ("-device", "VGA,id=vga,addr=0x7"), "intel_iommu=on vga=791",
             kernels=("6.1", "6.12"), usual=("6.1",), alone=True),
    Topology("none", "no IOMMU at all", NATIVE_HOTPLUG + BASIC, usual=("lab", "6.1")),
    # The lab kernel's drivers are built in: there, no program comes before them.
    Topology("reserved", "as basic, with a policy that reserves the join slot",
             INTEL + NATIVE_HOTPLUG + BASIC, "intel_iommu=on", kernels=("6.1", "6.12"),
             usual=("6.1",),
             files=(("etc/isolationd/policy.d/40-reserved.json", RESERVING_POLICY),)),
)}

# Those that differ in hardware and kernel only: where a test runs that names none.
PLAIN = tuple(each.name for each in ALL.values() if not each.files and not each.alone)
