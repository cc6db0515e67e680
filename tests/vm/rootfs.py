# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's root file system: made once from the machine's own Debian suite, then cached."""

import os
import shutil
import subprocess
import tempfile

import cache
import debian

# What the daemon, the tools and the tests need in the guest. Where Debian releases name a
# package differently, the first one the machine's apt knows is taken.
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "udev", "polkitd", "kmod", "procps", "pciutils",
    "util-linux", "strace", "libjson-c5", "libacl1", "libmnl0",
    ("libevent-2.1-7t64", "libevent-2.1-7"),
    ("libevent-core-2.1-7t64", "libevent-core-2.1-7"),
    "libasan8", "libubsan1",
)

# Services that cost boot time and serve nothing here.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service", "systemd-firstboot.service",
    "systemd-pstore.service", "systemd-networkd.service", "systemd-resolved.service",
    "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
    "modprobe@efi_pstore.service", "modprobe@drm.service",
    "sys-kernel-debug.mount", "dev-hugepages.mount", "dev-mqueue.mount",
)

USERS = (("lab", 1000), ("stranger", 1001))

def _known_package(names):
    for name in (names,) if isinstance(names, str) else names:
        found = subprocess.run(["apt-cache", "show", "--no-all-versions", name],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if found.returncode == 0:
            return name
    raise RuntimeError(f"apt knows none of {names}: run apt-get update?")


def _build_rootfs(directory):
    if os.geteuid() != 0:
        raise RuntimeError("making the guest's image needs root (mmdebstrap)")
    packages = ",".join(_known_package(names) for names in PACKAGES)
    hooks = [f'chroot "$1" useradd --create-home --shell /bin/bash --uid {uid} {name}'
             for name, uid in USERS]
    hooks += [
        'chroot "$1" passwd -d root',
        'chroot "$1" systemctl set-default multi-user.target',
        'printf "[Journal]\\nStorage=volatile\\nForwardToConsole=no\\nRateLimitBurst=0\\n"'
        ' > "$1/etc/systemd/journald.conf"',
        'printf "/dev/vda / ext4 defaults 0 0\\n" > "$1/etc/fstab"',
        'echo guest > "$1/etc/hostname"',
        'echo "127.0.0.1 localhost guest" > "$1/etc/hosts"',
        'echo 0123456789abcdef0123456789abcdef > "$1/etc/machine-id"',
    ]
    hooks += [f'ln -sf /dev/null "$1/etc/systemd/system/{unit}"' for unit in MASKED]
    with tempfile.TemporaryDirectory(dir=directory) as work:
        tree = os.path.join(work, "root")
        command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase",
                   f"--include={packages}"]
        for path in ("doc", "locale", "man", "info", "lintian", "zoneinfo"):
            command += [f"--dpkgopt=path-exclude=/usr/share/{path}/*"]
        command += [f"--customize-hook={hook}" for hook in hooks]
        command += [debian.host_suite(), tree, debian.source_line(debian.host_suite())]
        cache.run(command, check=True)
        for name in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(os.path.join(tree, name))
            os.mkdir(os.path.join(tree, name))
        cache.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", "lab",
                   "-d", tree, os.path.join(directory, "root.img"), "768M"], check=True)


def image(refresh=False):
    """The path of the guest's clean root disk."""
    key = cache.digest("rootfs.py", "debian.py", debian.host_suite())
    return os.path.join(cache.entry("rootfs", key, _build_rootfs, refresh), "root.img")
