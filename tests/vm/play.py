# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo: isolationd in a virtual machine, played as a terminal session.

The demo runs every command behind a prompt in the machine and prints its real output. If a command does
not end as expected, the demo ends with a nonzero exit code.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import builds
import cache
import kernels
import lab
import payload
import qemu
import script
import topologies

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "../.."))
BUILD = os.path.join(TOP, ".lab/build-demo")

SHELL_HELP = """
This is a machine with an emulated VT-d. You are root. `su - lab` is the user that the policy in
/etc/isolationd/policy.d allows to lease edu (00:05.0) and the cards of the join slot (00:02.*).
    isoctl list            isoctl tree            isoctl explain 01:00.0
    isoctl run 00:05.0 -- dma-client vfio --container {container} --group {group} \\
                                     --device 0000:00:05.0
Leave with `exit` (or Ctrl-D). The machine is then switched off, and its changes are lost.
"""


def must(*command):
    """The output of a command that must succeed."""
    result = subprocess.run(cache.bound(command), cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{result.stdout}\ndemo: `{' '.join(command)}` failed")
    return result.stdout


def build():
    """Build the programs to install, from the present tree, without sanitizers."""
    good, out = builds.configure(BUILD)
    if not good:
        sys.exit(f"{out}\ndemo: `meson setup {BUILD}` failed")
    must("ninja", "-C", BUILD, "build.ninja")   # configured anew if the tree is another one
    targets = json.loads(must("meson", "introspect", "--targets", BUILD))
    must("ninja", "-C", BUILD, *(os.path.relpath(name, BUILD) for target in targets
                                 if target["installed"] for name in target["filename"]))


def shell(archive, kernel, topology, work):
    """The machine with its console on this terminal."""
    initramfs = os.path.join(work, "initramfs")
    qemu.write_initramfs(initramfs, kernel, topology, archive)
    print(SHELL_HELP, flush=True)
    command = qemu.command(kernel, topology, initramfs,
                           "quiet loglevel=3 systemd.show_status=false "
                           "systemd.mask=lab-agent.service")
    with tempfile.TemporaryFile("w+") as errors:
        code = subprocess.run(cache.bound([*command, "-chardev", "stdio,id=console,signal=off",
                                           "-serial", "chardev:console", "-monitor", "none"],
                                          "KILL"), stderr=errors, check=False).returncode
        if code != 0:
            errors.seek(0)
            print(errors.read(), file=sys.stderr)
    return code


def main():
    parser = argparse.ArgumentParser(prog="./demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shell", action="store_true", help="leave me in the machine")
    parser.add_argument("--kernel", choices=kernels.NAMES, default="lab")
    arguments = parser.parse_args()
    started = time.monotonic()
    topology = topologies.ALL["basic"]
    print("building isolationd …", flush=True)
    build()
    with tempfile.TemporaryDirectory(prefix="lab-") as work:
        archive = payload.make(os.path.join(work, "payload"), work, BUILD)
        if arguments.shell:
            return shell(archive, arguments.kernel, topology, work)
        print("starting a machine with an emulated IOMMU …", flush=True)
        log = os.path.join(TOP, ".lab/demo.serial.log")
        try:
            with lab.Machine(arguments.kernel, topology, archive, log) as machine:
                script.play(machine)
        except (lab.LabError, script.Unexpected) as error:
            print(f"\ndemo: {error}\ndemo: the machine's serial log is {log}", file=sys.stderr)
            return 1
    print(f"\nThat was all, in {time.monotonic() - started:.0f} s. "
          "`./demo --shell` leaves you in such a machine.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
