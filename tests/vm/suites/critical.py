# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the host lives on is not taken from it: the refusal names the chain, force overrides it."""

import json
import re
import struct
import tempfile

from suite import LAB, PROGRAM, test
from suites import places
from suites.audit import entries
from suites.places import JOIN_CARD, JOINER, LONE

STACK = f"{PROGRAM}/stack"
SECTOR = 512
FIRST, SECTORS = 2048, 32768            # of the one partition
SWAPPABLE = "mkswap /dev/{0} >/dev/null && swapon /dev/{0}"


def _make_disk(path):
    """A disk of 20 MiB with one partition, by a partition table of the MBR's form."""
    entry = struct.pack("<B3sB3sII", 0, b"\0\0\0", 0x83, b"\0\0\0", FIRST, SECTORS)
    with open(path, "wb") as disk:
        disk.write(b"\0" * 446 + entry + b"\0" * 48 + b"\x55\xaa")
        disk.truncate(20 << 20)


class Disk:
    """A virtio disk in the join slot's second port, and its names in the guest."""

    def __init__(self, context):
        self._context = context
        with tempfile.NamedTemporaryFile() as image:
            _make_disk(image.name)
            context.machine.qmp("blockdev-add", **{"node-name": "critical", "driver": "file",
                                                   "filename": image.name})
        events = places.watch(context)
        context.machine.plug("virtio-blk-pci", "joiner", "jb", drive="critical")
        places.expect_event(events, "device-added", device=JOINER)
        context.sh("udevadm settle")
        self.name = context.sh(f"ls /sys/bus/pci/devices/{JOINER}/virtio*/block/").strip()
        self.part = self.name + "1"

    def refused(self, *chain):
        words = " → ".join((JOINER, self.name, self.part, *chain))
        self._context.refused(f"acquire --with-members {JOIN_CARD}", 6,
                              rf"{JOINER} is what {re.escape(chain[-1])} lives on "
                              rf"\({re.escape(words)}\)$")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._context.machine.unplug("joiner")
        self._context.machine.qmp("blockdev-del", **{"node-name": "critical"})


@test(on=("basic",))
def disks(context):
    """Swap on a partition, on dm above it, on md above it; nothing any more once all is undone."""
    with Disk(context) as disk:
        context.undo(f"swapoff -a; {STACK} no-linear lab 2>/dev/null; "
                     f"{STACK} no-raid 7 2>/dev/null; true")
        context.sh(SWAPPABLE.format(disk.part))
        disk.refused("swap")
        context.sh(f"swapoff -a; {STACK} linear lab /dev/{disk.part}; udevadm settle")
        mapped = context.sh("ls /sys/class/block | grep ^dm-").strip()
        disk.refused(mapped)
        context.sh(SWAPPABLE.format(mapped))
        disk.refused(mapped, "swap")
        context.sh(f"swapoff -a; udevadm settle; {STACK} no-linear lab")
        context.sh(f"modprobe raid1 2>/dev/null; {STACK} raid 7 /dev/{disk.part}; udevadm settle")
        disk.refused("md7")
        context.sh(SWAPPABLE.format("md7"))
        disk.refused("md7", "swap")
        context.sh(f"swapoff -a; udevadm settle; {STACK} no-raid 7")
        number = context.json(f"acquire --with-members {JOIN_CARD}")["lease"]
        context.isoctl(f"release {number}")
        context.sh("udevadm settle")


@test(on=("basic",))
def exclusive(context):
    """What only the kernel knows of, as a file system's second disk: the helper asks, and names it."""
    with Disk(context) as disk:
        for name, chain in ((disk.name, ()), (disk.part, (disk.part,))):
            holder = context.spawn(f"exec {STACK} have /dev/{name}")
            holder.expect("^here$")
            words = " → ".join((JOINER, disk.name, *chain))
            context.refused(f"acquire --with-members {JOIN_CARD}", 6,
                            rf"{JOINER}: something in the kernel has \w+ for itself \({words}")
            holder.eof()
            holder.wait()
        number = context.json(f"acquire --with-members {JOIN_CARD}")["lease"]
        context.isoctl(f"release {number}")
        context.sh("udevadm settle")


def _interface(context):
    return context.sh(f"ls /sys/bus/pci/devices/{LONE}/net/").strip()


def _set_up(context, interface, up):
    path = f"/sys/class/net/{interface}/flags"
    context.sh(f"echo {'0x1003' if up else '0x1002'} > {path}")


@test(on=("basic", "amd"))
def interfaces(context):
    """An interface that is up and nothing else may be taken; with an address or a bridge not."""
    name = _interface(context)
    context.undo(f"{STACK} no-bridge br0 2>/dev/null; "
                 f"for f in /sys/bus/pci/devices/{LONE}/net/*/flags; "
                 "do echo 0x1002 > $f; done; true")
    _set_up(context, name, True)
    number = context.json(f"acquire {LONE}")["lease"]
    context.isoctl(f"release {number}")
    context.sh("udevadm settle")
    name = _interface(context)
    _set_up(context, name, True)
    context.sh(f"{STACK} address {name} 192.0.2.1")
    context.refused(f"acquire {LONE}", 6,
                    rf"{LONE} carries 192\.0\.2\.1/24; take {name} down first "
                    rf"\({LONE} → {name} → 192\.0\.2\.1/24\)$")
    context.sh(f"{STACK} address {name} 0.0.0.0; modprobe bridge 2>/dev/null; "
               f"{STACK} bridge br0 {name}")
    context.refused(f"acquire {LONE}", 6, rf"\({LONE} → {name} → br0\)$")
    context.sh(f"{STACK} address br0 198.51.100.7; echo 0x1003 > /sys/class/net/br0/flags")
    context.refused(f"acquire {LONE}", 6, rf"\({LONE} → {name} → br0 → 198\.51\.100\.7/24\)$")
    context.sh(f"echo 0x1002 > /sys/class/net/br0/flags; {STACK} no-bridge br0")
    _set_up(context, name, False)
    number = context.json(f"acquire {LONE}")["lease"]
    context.isoctl(f"release {number}")


@test(on=("sriov",))
def open_nodes(context):
    """A process has the driver's node open: it is named, with its unit."""
    nvme = context.sh("readlink -f /sys/class/nvme/nvme0/device").strip().rpartition("/")[2]
    context.undo("systemctl stop lab-reader.service 2>/dev/null; true")
    context.sh("systemd-run --quiet --unit lab-reader.service --service-type=exec "
               "sh -c 'exec 7</dev/nvme0; exec sleep 600'")
    pid, = re.findall(r"MainPID=(\d+)", context.sh("systemctl show -p MainPID lab-reader.service"))
    context.machine.await_(
        lambda: context.run(f"readlink /proc/{pid}/fd/7").out.strip() == "/dev/nvme0", 20,
        lambda: "the node to be open")
    context.refused(f"acquire {nvme}", 6, rf"{nvme} is in use: /dev/nvme0 is open \({nvme} → nvme0 "
                                          rf"→ (sh|sleep), pid {pid}, lab-reader\.service\)$")
    context.sh("systemctl stop lab-reader.service")
    number = context.json(f"acquire {nvme}")["lease"]
    context.isoctl(f"release {number}")


@test(on=("basic",), any_kernel=True)
def force_is_logged(context):
    """Root may force it; what stood against it is in the journal."""
    name = _interface(context)
    context.undo(f"udevadm settle; for f in /sys/bus/pci/devices/{LONE}/net/*/flags; do "
                 "echo 0x1002 > $f; done")
    _set_up(context, name, True)
    context.sh(f"{STACK} address {name} 192.0.2.1")
    number = context.json(f"acquire --force {LONE}")["lease"]
    context.isoctl(f"release {number}")
    forced = [entry for entry in entries(context, "forced")
              if entry["ISOLATIOND_LEASE"] == str(number)]
    context.ok(any(f"lease {number}: taken by force of uid 0, although {LONE} carries 192.0.2.1/24"
                   in entry["MESSAGE"] for entry in forced),
               f"the journal does not tell of the force: {forced}")
    context.equal([forced[0].get(f"ISOLATIOND_{name}") for name in ("OWNER_UID", "DEVICE", "MODE")],
                  ["0", LONE, "vfio"], "fields of what was forced")
    identity, = {entry.get("MESSAGE_ID") for entry in forced}
    context.ok(re.fullmatch("[0-9a-f]{32}", identity or ""), f"its id: {identity}")


@test(on=("basic",), any_kernel=True)
def force_is_for_root(context):
    """Whom a rule lets have the group may not force it: that takes authority, not a rule."""
    name = _interface(context)
    context.undo(f"udevadm settle; for f in /sys/bus/pci/devices/{LONE}/net/*/flags; do "
                 "echo 0x1002 > $f; done")
    rule = {"name": "lone", "match": {"address": LONE}, "lease": {"users": ["lab"]}}
    context.write("/etc/isolationd/policy.d/05-lone.json", json.dumps({"rules": [rule]}))
    context.sh("systemctl reload-or-restart isolationd.service")
    _set_up(context, name, True)
    context.sh(f"{STACK} address {name} 192.0.2.1")
    # The rule lets them: what refuses is that the host lives on it.
    context.refused(f"acquire {LONE}", 6, rf"\({LONE} → {name} → 192\.0\.2\.1/24\)$", LAB)
    for verb in ("acquire", "plan"):
        context.refused(f"{verb} --force {LONE}", 5, "force requires root$", LAB)
    answer = context.json(f"acquire --force {LONE}", LAB, code=5)
    context.equal(answer["error"], "NotAuthorized", "the error's name")
    context.equal((places.driver_of(context, LONE), context.json("leases")["leases"]),
                  ("e1000e", []), "what came of it")
    _set_up(context, name, False)
    number = context.json(f"acquire {LONE}", LAB)["lease"]
    context.isoctl(f"release {number}", LAB)


@test(on=("basic",), any_kernel=True)
def another_network_namespace(context):
    """An interface that a container has is not seen from here, and is in use all the same."""
    name = _interface(context)
    holder = context.spawn(f"exec unshare --net sh -c 'echo here; exec cat'")
    holder.expect("^here$")
    context.sh(f"{STACK} move {name} {holder.pid}")
    context.refused(f"acquire {LONE}", 6, "given to another network namespace")
    holder.eof()
    holder.wait()
    context.machine.await_(lambda: _interface(context), 20, lambda: "the interface to come back")


VGA = "0000:00:07.0"


def _screen(context):
    """What is on the card: (the console drivers that are bound, drivers of framebuffers)."""
    consoles = context.sh("cd /sys/class/vtconsole; for c in *; do "
                          "echo $c $(cat $c/bind) $(cat $c/name); done")
    drivers = context.sh("cd /sys/bus/platform/devices; for d in *framebuffer*; do "
                         "if test -e $d/driver; then echo $d; fi; done")
    return consoles, drivers


@test(on=("display",))
def console(context):
    """A screen with the console on it: refused, or taken off it for as long as the lease lasts."""
    before = _screen(context)
    driver = places.driver_of(context, VGA)
    context.note(f"{before}, driver {driver!r}")
    context.ok("1 (M) frame buffer device" in before[0], f"no console on the screen: {before}")
    context.equal((driver, len(before[1].split())), ("", 1), "its drivers: the firmware's alone")
    context.refused(f"acquire {VGA}", 6, rf"{VGA} shows the host's console \({VGA} → fb0 → "
                                         r"vtcon\d: \(M\) frame buffer device\)$")
    context.refused(f"acquire --release-console {VGA}", 5, "root|no policy rule", LAB)
    number = context.json(f"acquire --release-console {VGA}")["lease"]
    context.undo(f"isoctl release {number} >/dev/null 2>&1; true")
    during = _screen(context)
    context.ok("1 (M) frame buffer device" not in during[0], f"the console while leased: {during}")
    context.equal(during[1], "", "framebuffer drivers while leased")
    context.equal(places.driver_of(context, VGA), "vfio-pci", "the card's driver while leased")
    # A new daemon knows what to put back.
    pid, = context.unit("MainPID")
    context.restarts_allowed += 1
    context.sh(f"/bin/kill -9 {pid}")
    context.isoctl(f"release {number}")
    context.equal(places.driver_of(context, VGA), "", "the card's driver after release")
    # vfio-pci itself takes the firmware's framebuffer away, for good, on kernels that can.
    left = context.sh("ls /sys/bus/platform/devices | grep framebuffer || true").split()
    context.tell(f"framebuffers after release: {left}")
    if left:
        context.equal(_screen(context), before, "the screen after release")
    context.equal(context.json("leases")["leases"], [], "leases after release")
