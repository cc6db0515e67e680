# SPDX-License-Identifier: LGPL-2.1-or-later
"""The doctor on real machines: what it says holds, and it notices what is spoiled."""

import json

from suite import LAB, test
from suites.places import EDU

MODULES = "/sys/module"
UNSAFE = f"{MODULES}/vfio_iommu_type1/parameters/allow_unsafe_interrupts"


def _findings(context, arguments="", uid=0):
    """The findings by id, of a machine on which something is not well: QEMU's firmware opts out."""
    result = context.run(f"isoctl doctor --json {arguments}", uid)
    answer = json.loads(result.out)
    context.equal(answer["schema"], "isolationd.doctor/1", "schema")
    context.equal((answer["fit"], result.code), (False, 1), "the verdict and the exit code")
    for finding in answer["findings"]:
        context.ok(finding["level"] == "ok" or finding["fix"], f"no advice: {finding}")
    return {finding["id"]: finding for finding in answer["findings"]}


def _levels(context, wanted, **more):
    found = _findings(context, **more)
    context.equal({name: found[name]["level"] for name in wanted}, wanted,
                  f"levels, of {json.dumps(found)}")
    return found


@test(on=("basic",))
def finds_a_machine_well(context):
    """As root nothing is left open but what QEMU's firmware really does not do."""
    found = _findings(context)
    levels = {name: finding["level"] for name, finding in found.items()}
    context.tell(" ".join(f"{name}={level}" for name, level in levels.items()))
    odd = [name for name, level in levels.items() if level != "ok"]
    # The lab's image of the stock 6.12 comes without iommufd, which that kernel could have.
    lacks_iommufd = context.kernel == "6.12"
    context.equal(odd, ["preboot"] + ["modules"] * lacks_iommufd, f"what is not well, of {found}")
    if lacks_iommufd:
        context.ok("available: iommufd." in found["modules"]["evidence"], f"{found['modules']}")


@test(on=("basic",))
def says_unknown_to_who_may_not_look(context):
    """What an ordinary user cannot read is not called well."""
    _levels(context, {"iommu": "ok", "sva": "unknown", "preboot": "unknown", "daemon": "ok"},
            uid=LAB)


@test(on=("basic",))
def notices_unsafe_interrupts(context):
    context.isoctl(f"run {EDU} -- true")
    context.undo(f"echo N > {UNSAFE}")
    context.sh(f"echo Y > {UNSAFE}")
    found = _levels(context, {"unsafe-interrupts": "fail", "interrupt-remapping": "ok"})
    context.ok("vfio_iommu_type1.allow_unsafe_interrupts" in found["unsafe-interrupts"]["evidence"],
               f"{found['unsafe-interrupts']}")
    context.sh(f"echo N > {UNSAFE}")
    _levels(context, {"unsafe-interrupts": "ok"})
    context.write("/etc/modprobe.d/lab.conf", "options vfio enable_unsafe_noiommu_mode=1")
    # Only counts while vfio is not there: what it was loaded with is what holds.
    _levels(context, {"noiommu": "ok"})


@test(on=("basic",), any_kernel=True)
def notices_a_bad_policy(context):
    context.write("/etc/isolationd/policy.d/10-bad.json", '{ "rules": [ { "nmae": "x" } ] }')
    context.sh("systemctl reload isolationd.service")
    found = _levels(context, {"policy": "fail", "leases": "ok", "guards": "ok"})
    context.ok("10-bad.json:1:" in found["policy"]["evidence"], f"{found['policy']}")


@test(on=("basic",))
def notices_identity(context):
    context.sh("modprobe -q vfio-pci || true")
    driver = f"/sys/bus/pci/devices/{EDU}/driver"
    context.ok(context.run(f"test -e {driver}").code != 0, "edu has a driver")
    context.undo(f"isoctl type {EDU} DMA")
    context.isoctl(f"type {EDU} identity")
    found = _levels(context, {"default-domain": "warn"})
    context.ok("0000:00/05.0" in found["default-domain"]["evidence"], f"{found}")
    context.isoctl(f"type {EDU} DMA")
    _levels(context, {"default-domain": "ok"})


@test(on=("none",))
def finds_no_iommu(context):
    found = _levels(context, {"iommu": "fail", "daemon": "fail", "policy": "ok"})
    context.ok("interrupt-remapping" not in found and "default-domain" not in found, f"{found}")
    context.ok("firmware's setup" in found["iommu"]["fix"], f"{found['iommu']}")


@test(on=("virtio",))
def finds_interrupts_bare(context):
    """virtio-iommu translates, and does not remap interrupts."""
    _levels(context, {"iommu": "ok", "interrupt-remapping": "fail"})
