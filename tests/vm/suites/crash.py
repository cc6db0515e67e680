# SPDX-License-Identifier: LGPL-2.1-or-later
"""The crash sweep on a real kernel: a daemon killed, or an operation failing, at many points.

The points lie between the operations on the host of one life: two groups leased, a card that joins,
all given back. All of them, and more faults, are tried on the host made of files (tests/daemon).
"""

import errno
import re

import payload
from suite import PROGRAM, Failure, test
from suites.places import EDU, JOIN_CARD, JOINER

# Points by mode: what seals slots takes longer.
POINTS = {"vfio": 20, "iommufd": 20, "iommufd-unbound": 8, "group-fd": 8, "path": 8}
OTHERS = {"vfio": 6, "group-fd": 6, "path": 6}
FAILING = {"vfio": 8, "iommufd": 8, "iommufd-unbound": 3, "group-fd": 3, "path": 3}
POINTS_MIN = 60
SWEEP_SECONDS = 900
DROP_IN = "/run/systemd/system/isolationd.service.d/crash.conf"


def load_shim(context):
    """The daemon restarted with the shim, which waits for orders."""
    context.sh("dd if=/dev/zero of=/run/crash-sweep bs=64 count=1 2>/dev/null")
    context.undo("systemctl daemon-reload; systemctl restart isolationd.service; isoctl list "
                 ">/dev/null; rm -f /run/crash-*")
    # A daemon with sanitizers wants to be asked first, and here is not.
    options = payload.SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    context.write(DROP_IN, f'[Service]\nReadWritePaths=/run\nEnvironment=LD_PRELOAD={PROGRAM}/crash-shim.so\n'
                           f'Environment="ASAN_OPTIONS={options}"')
    context.sh("systemctl daemon-reload; systemctl restart isolationd.service; isoctl list")


def fail_nth(context, request, n, error):
    """The n-th of these requests to VFIO from now on fails with that error."""
    words = b"".join(word.to_bytes(4, "little") for word in (0, n, error, 0, request))
    octal = "".join(f"\\{byte:03o}" for byte in words)
    context.sh(f"printf '{octal}' | dd of=/run/crash-sweep bs={len(words)} conv=notrunc 2>/dev/null")


def has_struck(context):
    return context.sh("od -An -tu4 -j12 -N4 /run/crash-sweep").strip() == "1"


def _begin(context):
    """The shim, and a joiner that the bus brings back at each rescan."""
    load_shim(context)
    context.machine.plug("e1000e", "joiner", "jb")
    context.machine.await_(lambda: context.run(f"test -e /sys/bus/pci/devices/{JOINER}").code == 0,
                           30, "the joiner")


def _end(context):
    context.sh("echo 1 > /sys/bus/pci/rescan; udevadm settle")
    context.machine.unplug("joiner")


def _sweep(context, mode, kind, points):
    """Returns how many points were tried."""
    result = context.machine.run(f"{PROGRAM}/crash-sweep {mode} {kind} {points} {EDU} "
                                 f"{JOIN_CARD} {JOINER}", timeout=SWEEP_SECONDS)
    context.note(f"{result.out}\n{result.err}")
    out = result.out
    last = out.splitlines()[-1]
    context.tell("\n".join(line for line in out.splitlines() if "races lost" in line or line == last))
    tried, violations = re.search(r"(\d+) points tried, (\d+) violations$", last).groups()
    if int(violations) > 0:
        raise Failure(out)
    return int(tried)


def _sweep_all(context, kind, points):
    """One mode after the other, with as many points each as `points` says."""
    context.restarts_allowed += 1000
    _begin(context)
    try:
        tried = sum(_sweep(context, mode, kind, n) for mode, n in points.items())
    finally:
        _end(context)
    context.tell(f"{tried} points tried, 0 violations")
    # A life that was cut short may not come as far as another.
    context.ok(tried >= sum(points.values()) * 3 // 4, "too few points were reached")
    return tried


# Hundreds of leases each: tests/vm/run has them in a machine without sanitizers.
@test(on=("basic",), kernels=("lab",), only_full=True, weight=60)
def the_daemon_is_killed(context):
    tried = _sweep_all(context, 0, POINTS)
    context.ok(tried >= POINTS_MIN, f"only {tried} points")


@test(on=("basic",), kernels=("6.1", "6.12"), only_full=True, weight=20)
def the_daemon_is_killed_elsewhere(context):
    _sweep_all(context, 0, OTHERS)


@test(on=("basic",), kernels=("lab",), only_full=True, weight=60)
def an_operation_fails(context):
    tried = sum(_sweep_all(context, error, FAILING)
                for error in (errno.EBUSY, errno.EIO, errno.ENODEV))
    context.tell(f"{tried} points where an operation fails, 0 violations")
    context.ok(tried >= POINTS_MIN, f"only {tried} points")
