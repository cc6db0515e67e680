# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a test run brings into its machines: isolationd as installed, the agent, the tools."""

import json
import os
import re
import shutil
import subprocess

import cache
import cpio

HERE = os.path.dirname(os.path.abspath(__file__))
LIBEXEC = "usr/libexec/isolationd-lab"
# By name: packages, and sources of the project that are part of it.
PROGRAMS = {
    "agent": (("json-c", "libevent_core"), ()),
    "crowd": (("libsystemd",), ()),
    "dma-client": ((), ()),
    "hostile": (("libsystemd",), ()),
    "stack": ((), ()),
    "weigh": (("libsystemd",), ()),
    "vf-settings": (("libmnl",),
                    ("core/model/bdf.c", "core/model/text.c", "daemon/host/host.c",
                     "daemon/host/attribute.c", "daemon/host/netlink.c",
                     "daemon/host/vf_netlink.c", "daemon/host/vf_settings.c")),
}
# Loaded into programs.
LIBRARIES = ("crash-shim",)
ROOT = os.path.normpath(os.path.join(HERE, "../.."))
# A sanitizer's report ends the program, the daemon as well as isoctl, and is a test's failure.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
}
SANITIZED_UNIT = "[Service]\n" + "".join(f'Environment="{name}={value}"\n'
                                         for name, value in SANITIZER_OPTIONS.items())
SERVICES = ("isolationd", "isolationd-look", "isolationd-set", "isolationd-watch@",
            "isolationd-reserve")
# LeakSanitizer stops the program with ptrace to look at its memory.
SANITIZED_SERVICE = SANITIZED_UNIT + "SystemCallFilter=@debug\n"
# What udev runs gets its environment from the event. udev forbids it ptrace, which finding leaks
# needs.
SANITIZED_RULE = 'SUBSYSTEM=="pci", ENV{ASAN_OPTIONS}="detect_leaks=0"\n'
# In place of the service manager itself: /sbin/init is a link to it.
BARE_INIT = "usr/lib/systemd/systemd"
BARE_INIT_TEXT = f"""#!/bin/sh
export {" ".join(f"{name}={value}" for name, value in SANITIZER_OPTIONS.items())}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec /{LIBEXEC}/agent
"""
# On Debian these are links into /usr; a payload must not replace a link by a directory.
MERGED = ("bin", "sbin", "lib", "lib64")


def _compile(directory):
    """The lab's own C programs, with the machine's compiler."""
    for name, (packages, sources) in PROGRAMS.items():
        flags = []
        if packages:
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", *packages], check=True,
                                   stdout=subprocess.PIPE, text=True).stdout.split()
        cache.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g",
                   "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers",
                   "-Wno-unused-parameter",
                   "-I", ROOT, "-o", os.path.join(directory, name),
                   os.path.join(HERE, f"{name}.c"),
                   *(os.path.join(ROOT, source) for source in sources), *flags], check=True)

    for name in LIBRARIES:
        cache.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall",
                   "-Wextra", "-Werror", "-fPIC", "-shared", "-o",
                   os.path.join(directory, f"{name}.so"), os.path.join(HERE, f"{name}.c"),
                   "-ldl"], check=True)


def install_build(build, target):
    """What `meson install` puts on a system, into the tree `target`."""
    subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", build],
                   check=True, env={**os.environ, "DESTDIR": target})
    for name in MERGED:
        if os.path.isdir(os.path.join(target, name)):
            shutil.copytree(os.path.join(target, name), os.path.join(target, "usr", name),
                            symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(os.path.join(target, name))


def is_sanitized(build):
    listing = subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    values = {option["name"]: option["value"] for option in json.loads(listing)}
    return values["b_sanitize"] not in ("none", [])


def _write(tree, name, text):
    path = os.path.join(tree, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as output:
        output.write(text)


def make(path, work, build=None, bare=False, extra=None):
    """Write the payload archive: the lab's own tree, the programs, and a build if given.

    A bare machine has no service manager: its first program is the agent. `extra` is called with
    the tree, to put more into it.
    """
    tree = os.path.join(work, "tree")
    shutil.copytree(os.path.join(HERE, "guest/tree"), tree, symlinks=True)
    if build:
        install_build(build, tree)
        if is_sanitized(build):
            _write(tree, "etc/udev/rules.d/00-sanitizers.rules", SANITIZED_RULE)
            for unit, text in (*((name, SANITIZED_SERVICE) for name in SERVICES),
                               ("lab-agent", SANITIZED_UNIT)):
                _write(tree, f"etc/systemd/system/{unit}.service.d/sanitizers.conf", text)
    if bare:
        _write(tree, BARE_INIT, BARE_INIT_TEXT)
        os.chmod(os.path.join(tree, BARE_INIT), 0o755)
    sources = {f"../../{source}" for _, used in PROGRAMS.values() for source in used}
    headers = {re.sub(r"c$", "h", source) for source in sources}
    programs = cache.entry("programs", cache.digest(
        "payload.py", "iommufd-abi.h", *(f"{name}.c" for name in (*PROGRAMS, *LIBRARIES)),
        *sorted(sources | headers)), _compile)
    shutil.copytree(programs, os.path.join(tree, LIBEXEC), dirs_exist_ok=True)
    if extra:
        extra(tree)
    with open(path, "wb") as output:
        archive = cpio.Archive(output)
        archive.tree("payload", tree)
        archive.close()
    return path
