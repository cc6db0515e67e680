# SPDX-License-Identifier: LGPL-2.1-or-later
"""Leases of virtual functions, whose physical function stays the host's and may take them away.

The card is an NVMe; its PF is 01:00.0, and each VF is in a group of its own.
"""

import json

from suite import PROGRAM, ROOT, test
from suites import places

PF = "0000:01:00.0"
PF_PATH = f"/sys/bus/pci/devices/{PF}"
DRIVER = "nvme"
# As the topology has it.
NVME = ("nvme", "nvme", "rp")
NVME_PROPERTIES = {"serial": "lab", "subsys": "subsys", "sriov_max_vfs": 4, "sriov_vq_flexible": 8,
                   "sriov_vi_flexible": 4, "max_ioqpairs": 16, "msix_qsize": 17}
GONE = f"sriov_numvfs of {PF} went from 4 to 0"


def _numvfs(context, number=None):
    if number is not None:
        context.sh(f"echo {number} > {PF_PATH}/sriov_numvfs")
    return int(context.sh(f"cat {PF_PATH}/sriov_numvfs"))


def _vf(context, number):
    return context.sh(f"basename $(readlink {PF_PATH}/virtfn{number})").strip()


def _switch(context):
    return context.sh(f"cat {PF_PATH}/sriov_drivers_autoprobe").strip()


def _make_vfs(context):
    """Four VFs, and the address of one of them; none when the test is over."""
    context.undo(f"echo 0 > {PF_PATH}/sriov_numvfs")
    context.sh(f"echo 4 > {PF_PATH}/sriov_numvfs")
    context.sh("udevadm settle")
    return _vf(context, 1)


def _journal(context):
    return context.sh("journalctl -u isolationd.service -b --no-pager")


def _await_driver(context, address, driver):
    context.machine.await_(lambda: places.driver_of(context, address) == driver, 60,
                           lambda: f"driver {driver!r} on {address}, which has "
                                   f"{places.driver_of(context, address)!r}")


def _check_claimed(context, vf):
    """The kernel gives a group to one opener: somebody has this one."""
    seen = context.run(f"exec 3<> /dev/vfio/$(basename $(readlink "
                       f"/sys/bus/pci/devices/{vf}/iommu_group))")
    context.ok("busy" in seen.err, f"the group of {vf} is not claimed: {seen}")


def _lease(context):
    lease, = context.json("leases")["leases"]
    return lease


@test(on=("sriov",))
def a_vf_taken_away_is_lost_with_its_cause(context):
    """sriov_numvfs to 0 while one is leased: told why at once, and the lease lives."""
    vf = _make_vfs(context)
    listed = places.listing(context)
    for mode in places.modes(context.kernel):
        events = places.watch(context)
        stream = places.hold(context, vf, mode, ROOT)
        context.equal(_switch(context), "1", "the PF's switch, whose other VFs are the host's")
        number = _lease(context)["lease"]
        # In mode iommufd, the kernel waits for who has it open; it is told all the same.
        writer = context.spawn(f"echo 0 > {PF_PATH}/sriov_numvfs")
        event = places.expect_event(events, "device-lost", device=vf)
        context.equal((event["cause"], event["lease"]), (GONE, number), "the event")
        context.ok(f"{vf} is gone from the machine: {GONE}" in _journal(context),
                   "the journal does not say why")
        context.equal(_lease(context)["state"], "leased", "the lease's state")
        if mode == "vfio":
            context.equal(writer.wait().code, 0, "writing sriov_numvfs")
            # Back by hand: the lease's group has gone with its last member, and the VF is free.
            _numvfs(context, 4)
            context.sh("udevadm settle")
            context.equal(_vf(context, 1), vf, "the address of the VF that is there again")
        places.let_go(stream)
        if mode == "iommufd":
            context.equal(writer.wait().code, 0, "writing sriov_numvfs")
            _numvfs(context, 4)
            context.sh("udevadm settle")
        context.equal(context.json("leases")["leases"], [], "leases")
        context.same_lines(listed, places.listing(context), f"the machine ({PROGRAM}/listing)")


@test(on=("sriov",))
def an_unbound_pf_is_told(context):
    """What its driver does about its VFs is its own: NVMe's lets them be."""
    vf = _make_vfs(context)
    listed = places.listing(context)
    events = places.watch(context)
    stream = places.hold(context, vf, uid=ROOT)
    context.undo(f"[ -e {PF_PATH}/driver ] || echo {PF} > /sys/bus/pci/drivers/{DRIVER}/bind")
    context.sh(f"echo {PF} > {PF_PATH}/driver/unbind")
    event = places.expect_event(events, "pf-changed", device=PF)
    context.equal(event["cause"], f"{PF} was unbound from {DRIVER}", "the cause")
    context.ok(f"{PF} was unbound from {DRIVER}" in _journal(context), "the journal says nothing")
    context.equal(_lease(context)["state"], "leased", "the lease's state")
    context.sh(f"echo {PF} > /sys/bus/pci/drivers/{DRIVER}/bind")
    event = places.expect_event(events, "pf-changed", device=PF)
    context.equal(event["cause"], f"{PF} was bound to {DRIVER}", "the cause")
    places.let_go(stream)
    context.same_lines(listed, places.listing(context), f"the machine ({PROGRAM}/listing)")


@test(on=("sriov",))
def a_vf_whose_pf_is_unbound_is_lost_with_its_cause(context):
    """VFIO's own driver, where it may have VFs, takes them along when it leaves the PF."""
    listed = places.listing(context)
    enable = "/sys/module/vfio_pci/parameters/enable_sriov"
    rebind = (f"echo {PF} > {PF_PATH}/driver/unbind; echo > {PF_PATH}/driver_override; "
              f"echo N > {enable}; echo {PF} > /sys/bus/pci/drivers/{DRIVER}/bind")
    context.undo(f"grep -q . {PF_PATH}/driver_override && {{ {rebind}; }} || true")
    context.sh(f"modprobe vfio-pci 2>/dev/null; echo Y > {enable}; "
               f"echo {PF} > {PF_PATH}/driver/unbind; echo vfio-pci > {PF_PATH}/driver_override; "
               f"echo {PF} > /sys/bus/pci/drivers_probe; echo 4 > {PF_PATH}/sriov_numvfs")
    vf = _vf(context, 1)
    events = places.watch(context)
    stream = places.hold(context, vf, uid=ROOT)
    context.sh(f"echo {PF} > {PF_PATH}/driver/unbind")
    event = places.expect_event(events, "device-lost", device=vf)
    context.equal(event["cause"], f"{PF} was unbound from vfio-pci", "the cause")
    context.equal(_lease(context)["state"], "leased", "the lease's state")
    places.let_go(stream)
    context.run(rebind)
    context.equal(context.json("leases")["leases"], [], "leases")
    context.same_lines(listed, places.listing(context), f"the machine ({PROGRAM}/listing)")


@test(on=("sriov",))
def a_vf_goes_with_its_card(context):
    """The card's slot is switched off, and QEMU takes it out."""
    vf = _make_vfs(context)
    address = context.sh("grep -l ^0000:01:00 /sys/bus/pci/slots/*/address").strip()
    events = places.watch(context)
    stream = places.hold(context, vf, uid=ROOT)
    context.sh(f"echo 0 > {address.replace('/address', '/power')}")
    event = places.expect_event(events, "device-lost", device=vf)
    context.equal(event["cause"], f"{PF} is gone too", "the cause")
    places.let_go(stream)
    context.machine.plug(*NVME, **NVME_PROPERTIES)
    _await_driver(context, PF, DRIVER)


@test(on=("basic",), any_kernel=True)
def orders_about_vfs_are_understood(context):
    """Each rtnetlink order for a VF is whole to the kernel; this card alone knows no VFs."""
    context.sh(f"{PROGRAM}/vf-settings orders "
               f"$(ls /sys/bus/pci/devices/{places.LONE}/net)")


@test(on=("sriov",))
def a_vf_comes_back_where_policy_says_so(context):
    """Once: whoever takes it away again within a minute means it."""
    vf = _make_vfs(context)
    other = _vf(context, 2)
    others_driver = places.driver_of(context, other)
    listed = places.listing(context)
    context.write("/etc/isolationd/policy.d/05-vf.json", json.dumps({"rules": [
        {"name": "vf", "match": {"path": "0000:00/02.0/00.0/vf*"}, "lease": {"users": ["lab"]},
         "on_vf_loss": "recreate"}]}))
    context.sh("systemctl reload-or-restart isolationd.service")
    events = places.watch(context)
    stream = places.hold(context, vf, uid=ROOT)
    _numvfs(context, 0)
    event = places.expect_event(events, "device-lost", device=vf)
    context.equal(event["cause"], GONE, "the cause")
    event = places.expect_event(events, "device-returned", device=vf)
    context.equal(event["state"], "leased", "the event's state")
    group = context.sh(f"basename $(readlink /sys/bus/pci/devices/{vf}/iommu_group)").strip()
    path = f"/org/isolationd1/lease/{_lease(context)['lease']}"
    given = context.sh(f"busctl call org.isolationd1 {path} org.isolationd1.Lease TakeDevice "
                       f"'sa{{sv}}' {vf} 0")
    context.ok(f'"group:{group}"' in given, f"TakeDevice gives {given}, not group {group}")
    context.equal(_numvfs(context), 4, "sriov_numvfs")
    context.equal(_switch(context), "1", "the PF's switch")
    context.equal(places.driver_of(context, vf), "vfio-pci", "the driver of what is back")
    _await_driver(context, other, others_driver)
    context.machine.await_(lambda: _lease(context)["guard"] == "owned", 30,
                           lambda: f"guard owned, but {_lease(context)}")
    _check_claimed(context, vf)

    _numvfs(context, 0)
    places.expect_event(events, "device-lost", device=vf)
    context.machine.await_(lambda: "somebody means it" in _journal(context), 30,
                           lambda: "the journal to say that it stays away")
    context.equal(_numvfs(context), 0, "sriov_numvfs")
    # Whoever makes VFs again gives the lease its own.
    _numvfs(context, 4)
    places.expect_event(events, "device-returned", device=vf)
    context.equal(places.driver_of(context, vf), "vfio-pci", "the driver of what is back")
    places.let_go(stream)
    context.same_lines(listed, places.listing(context), f"the machine ({PROGRAM}/listing)")


@test(on=("sriov",))
def a_vf_that_came_back_outlives_the_daemon(context):
    """Its claim is in the service manager's store like the first one."""
    vf = _make_vfs(context)
    listed = places.listing(context)
    context.write("/etc/isolationd/policy.d/05-vf.json", json.dumps({"rules": [
        {"match": {"path": "0000:00/02.0/00.0/vf*"}, "lease": {"users": ["lab"]},
         "on_vf_loss": "recreate"}]}))
    context.sh("systemctl reload-or-restart isolationd.service")
    events = places.watch(context)
    stream = places.hold(context, vf, uid=ROOT)
    _numvfs(context, 0)
    places.expect_event(events, "device-returned", device=vf)
    context.sh("systemctl restart isolationd.service")
    context.machine.await_(lambda: _lease(context)["guard"] == "owned", 30,
                           lambda: f"guard owned, but {_lease(context)}")
    _check_claimed(context, vf)
    places.let_go(stream)
    context.same_lines(listed, places.listing(context), f"the machine ({PROGRAM}/listing)")


@test(on=("sriov",), any_kernel=True)
def a_selector_names_all_vfs(context):
    _make_vfs(context)
    vfs = sorted(_vf(context, number) for number in range(4))
    context.refused(f"explain vfs:{PF}", 2, "names 4 devices in several groups, name one: " +
                    " ".join(vfs))
    lease = context.json(f"acquire --with-members vfs:{PF}")
    context.equal(sorted(lease["devices"]), vfs, "what was leased")
    context.isoctl(f"release {lease['lease']}")
    context.refused(f"explain vfs:{places.EDU}", 3, "no virtual functions|has that name")
