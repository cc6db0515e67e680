# SPDX-License-Identifier: LGPL-2.1-or-later
"""The QEMU command line of a machine of the lab, but for where its console goes."""

import os

import cpio
import kernels
import rootfs

# Cards whose boot ROM the firmware would run, which costs more than the rest of the boot.
WITH_ROM = ("e1000", "e1000e", "virtio-blk-pci")


def write_initramfs(path, kernel, topology, payload):
    """Behind the kernel's own initramfs, two more archives: the payload, the topology's files."""
    with open(path, "wb") as output:
        for source in (os.path.join(kernels.kernel(kernel), "initramfs"), payload):
            with open(source, "rb") as part:
                output.write(part.read())
        if topology.files:
            archive = cpio.Archive(output)
            for name, text in topology.files:
                archive.file(os.path.join("payload", name), text.encode())
            archive.close()


def command(kernel, topology, initramfs, append="", processors=2, counted=False):
    """The machine itself; `append` goes to the end of the kernel's command line.

    Its processors take turns in one thread. With a thread each, QEMU before 8.1 may translate a
    page of code while another processor writes to it: a kernel that patches itself then runs into
    a breakpoint that is no longer there, in one boot out of some hundreds. Nor is it slower, with
    several machines at a time.

    In a counted one every instruction takes a nanosecond and waiting takes no time of ours: its
    clock does not know how busy the host is, nor how slow emulation.
    """
    arguments = [
        "qemu-system-x86_64", "-machine", "q35,kernel-irqchip=split",
        "-accel", "tcg,thread=single",
        *(("-icount", "shift=0,sleep=off") if counted else ()),
        "-smp", str(processors), "-m", "1024",
        "-display", "none", "-nodefaults", "-no-reboot",
        "-kernel", os.path.join(kernels.kernel(kernel), "vmlinuz"), "-initrd", initramfs,
        # The kernel's test of the timer counts ticks against the clock: a busy host fails it.
        "-append", " ".join(("console=ttyS0 root=/dev/vda rw panic=-1 oops=panic no_timer_check",
                             topology.append, append)),
        *topology.devices,
        "-drive", f"file={rootfs.image()},format=raw,if=none,id=root,snapshot=on",
        "-device", "virtio-blk-pci,drive=root,addr=0x10",
        "-device", "virtio-serial-pci,id=serial,addr=0x11",
    ]
    for model in WITH_ROM:
        arguments += ["-global", f"{model}.romfile="]
    return arguments
