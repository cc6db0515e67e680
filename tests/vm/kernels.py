# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's kernels, each with its part of the initramfs: made once, then cached."""

import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile

import cache
import cpio
import debian

HERE = os.path.dirname(os.path.abspath(__file__))

# Stock kernel's modules that a guest can have use for; their dependencies come along.
MODULES = (
    "virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "virtio_rng", "virtio_iommu",
    "ext4", "crc32c_generic", "vfio-pci", "vfio_iommu_type1", "iommufd",
    "e1000", "e1000e", "igb", "igbvf", "nvme",
    "ahci", "sd_mod", "xhci-pci", "i2c-i801", "lpc_ich", "shpchp", "autofs4", "dummy", "bridge",
    "8021q", "tun", "dm-mod", "raid1", "loop", "overlay",
)
# ext4 asks for crc32c by its crypto name: no dependency says so. virtio_iommu comes before the bus
# on which it sits, so that no device is driven before its IOMMU is.
EARLY_MODULES = ("virtio_iommu", "virtio_pci", "virtio_blk", "crc32c_generic", "ext4",
                 "virtio_console")

STOCK = {"6.1": "bookworm", "6.12": "trixie"}
NAMES = ("lab", *STOCK)


def _read_dependencies(modules):
    depends = {}
    with open(os.path.join(modules, "modules.dep"), encoding="ascii") as source:
        for line in source:
            path, needs = line.rstrip("\n").split(":")
            depends[path] = needs.split()
    return depends


def _module_name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def _closure(modules, wanted):
    """Paths of the modules and of all they need, needed ones first; built-in ones are left out."""
    depends = _read_dependencies(modules)
    by_name = {_module_name(path): path for path in depends}
    order = []
    for name in wanted:
        path = by_name.get(name.replace("-", "_"))
        if path is None:
            continue
        # modules.dep lists needs from the nearest to the farthest: load them backwards.
        for each in [*reversed(depends[path]), path]:
            if each not in order:
                order.append(each)
    return order


def _busybox(archive):
    archive.copy("bin/busybox", "/bin/busybox", 0o755)
    archive.copy("init", os.path.join(HERE, "guest/init"), 0o755)
    for name in ("proc", "sys", "dev", "root"):
        archive.directory(name)
    archive.character("dev/console", 5, 1)


def _write_initramfs(directory, modules_root=None, release=None):
    """The kernel's own part of the initramfs: busybox, /init, the modules it needs to get on."""
    with open(os.path.join(directory, "initramfs"), "wb") as output:
        archive = cpio.Archive(output)
        _busybox(archive)
        early = []
        if modules_root:
            base = os.path.join("usr/lib/modules", release)
            archive.tree("modules", modules_root)
            early = [os.path.join("/modules", base, path) for path in
                     _closure(os.path.join(modules_root, base), EARLY_MODULES)]
        archive.file("early-modules", "".join(path + "\n" for path in early).encode())
        archive.close()


def _copy_modules(source, target):
    """A subset of a kernel's modules, uncompressed, with metadata that fits it."""
    for path in _closure(source, MODULES):
        copy = os.path.join(target, re.sub(r"\.ko.*", ".ko", path))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        opener = lzma.open if path.endswith(".xz") else open
        with opener(os.path.join(source, path), "rb") as packed, open(copy, "wb") as plain:
            shutil.copyfileobj(packed, plain)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(os.path.join(source, name), target)


def _stock_packages(apt):
    """The packages that hold the kernel and its modules: one, or from 7.0 on several."""
    todo, found = ["linux-image-amd64"], []
    while todo:
        for name in apt.depends(todo.pop()):
            if re.match(r"linux-(image|binary|modules)-\d", name) and name not in found:
                found.append(name)
                todo.append(name)
    if not found:
        raise RuntimeError("linux-image-amd64 depends on no kernel package")
    return found


def _build_stock(suite):
    def build(directory):
        with tempfile.TemporaryDirectory(dir=directory) as work:
            apt = debian.Apt(os.path.join(work, "apt"), suite)
            tree = os.path.join(work, "tree")
            for package in _stock_packages(apt):
                apt.unpack(package, tree)
            kernel, = glob.glob(os.path.join(tree, "boot/vmlinuz-*"))
            release = os.path.basename(kernel).removeprefix("vmlinuz-")
            source, = glob.glob(os.path.join(tree, f"**/lib/modules/{release}"), recursive=True)
            # The package ships no modules.dep: its own scripts would make it.
            cache.run(["depmod", "-b", source.removesuffix(f"/lib/modules/{release}"),
                       release], check=True)
            subset = os.path.join(work, "subset")
            _copy_modules(source, os.path.join(subset, "usr/lib/modules", release))
            os.symlink("usr/lib", os.path.join(subset, "lib"))
            cache.run(["depmod", "-b", subset, release], check=True)
            os.unlink(os.path.join(subset, "lib"))
            shutil.copy(kernel, os.path.join(directory, "vmlinuz"))
            _write_initramfs(directory, subset, release)
    return build


def _prebuilt_lab():
    return os.path.normpath(os.path.join(HERE, "../../../shared/lab/vmlinuz-lab"))


def _compile_lab(directory):
    """Debian's newest source, no modules, only what kernel.fragment names."""
    with tempfile.TemporaryDirectory(dir=directory) as work:
        apt = debian.Apt(os.path.join(work, "apt"), "sid")
        sources = [name for name in apt.names(r"^linux-source-[0-9.]+$")
                   if tuple(map(int, name.split("-")[2].split("."))) >= (7, 0)]
        if not sources:
            raise RuntimeError("Debian sid has no linux-source of 7.0 or newer")
        newest = max(sources, key=lambda name: tuple(map(int, name.split("-")[2].split("."))))
        apt.unpack(newest, work)
        archive, = glob.glob(os.path.join(work, "usr/src/linux-source-*.tar.xz"))
        cache.run(["tar", "-xJf", archive, "-C", work], check=True)
        tree, = glob.glob(os.path.join(work, "linux-source-*/"))
        environment = {**os.environ,
                       "KCONFIG_ALLCONFIG": os.path.join(HERE, "kernel.fragment")}
        log = os.path.join(cache.root(), "kernel-build.log")
        with open(log, "w", encoding="utf-8") as output:
            for target in (["allnoconfig"], [f"-j{os.cpu_count()}", "bzImage"]):
                cache.run(["make", "-C", tree, *target], check=True, env=environment,
                          stdout=output, stderr=subprocess.STDOUT)
        shutil.copy(os.path.join(tree, "arch/x86/boot/bzImage"),
                    os.path.join(directory, "vmlinuz"))


def _build_lab(directory):
    if os.path.exists(_prebuilt_lab()):
        shutil.copy(_prebuilt_lab(), os.path.join(directory, "vmlinuz"))
    else:
        _compile_lab(directory)
    _write_initramfs(directory)


def kernel(name, refresh=False):
    """The directory with a kernel's `vmlinuz` and `initramfs`."""
    inputs = ["kernels.py", "debian.py", "cpio.py", "guest/init", name]
    if name == "lab":
        prebuilt = os.path.exists(_prebuilt_lab())
        inputs.append(_prebuilt_lab() if prebuilt else "kernel.fragment")
        build = _build_lab
    else:
        inputs.append(STOCK[name])
        build = _build_stock(STOCK[name])
    return cache.entry(f"kernel-{name}", cache.digest(*inputs), build, refresh)
