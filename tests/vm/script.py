# SPDX-License-Identifier: LGPL-2.1-or-later
"""The chapters of the demo and their narration.

A Terminal shows a command behind the prompt of the user who types it, runs it, and prints what it
answers. Each command says what it must end with and what must be in its answer.
"""

import re
import sys
import textwrap

BOLD, DIM, PLAIN = "\033[1m", "\033[2m", "\033[0m"
USERS = {"root": 0, "lab": 1000, "stranger": 1001}

EDU = "00:05.0"
CLIENT = "/usr/libexec/isolationd-lab/dma-client"
BY_GROUP = f"dma-client vfio --container {{container}} --group {{group}} --device 0000:{EDU}"
BY_IOMMUFD = f"dma-client iommufd --iommufd {{iommufd}} --device-fd {{device:0000:{EDU}}}"


class Unexpected(Exception):
    """A command had another exit code or another answer than it must."""


class Terminal:
    def __init__(self, machine, colours):
        self.machine = machine
        self._bold, self._dim, self._plain = (BOLD, DIM, PLAIN) if colours else ("", "", "")

    def chapter(self, title):
        print(f"\n{self._bold}── {title} {'─' * max(0, 92 - len(title))}{self._plain}", flush=True)

    def say(self, text):
        print(f"\n{self._dim}{textwrap.fill(' '.join(text.split()), 96)}{self._plain}", flush=True)

    def _prompt(self, user, command, tail=""):
        sign = "#" if user == "root" else "$"
        print(f"{self._bold}{user}{sign}{self._plain} {command}{tail}", flush=True)

    def _spawn(self, command, user):
        # The client is not on the PATH: its directory would only be in the way of reading.
        stream = self.machine.spawn(f"PATH=$PATH:{CLIENT.rpartition('/')[0]}; {command}",
                                    USERS[user])
        stream.shown = 0
        return stream

    @staticmethod
    def show(stream):
        """Print the new output of a command."""
        for line in stream.told[stream.shown:]:
            print(line, flush=True)
        stream.shown = len(stream.told)

    def run(self, command, user="root", code=0, answer=""):
        """Run a command, which must exit with `code` and print `answer`."""
        self._prompt(user, command)
        stream = self._spawn(command, user)
        stream.watch(lambda: self.show(stream))
        result = stream.wait()
        if result.code != code:
            raise Unexpected(f"`{command}` ended with {result.code}, not {code}")
        if not re.search(answer, "\n".join(stream.told), re.MULTILINE):
            raise Unexpected(f"the answer of `{command}` has no /{answer}/")
        if code:
            print(f"{self._dim}(exit code {code}){self._plain}")
        return result.out

    def start(self, command, user, until=None):
        """Start a command in the background; returns once it has printed a line with `until`."""
        self._prompt(user, command, " &")
        stream = self._spawn("exec " + command, user)
        if until:
            stream.expect(until)
        self.show(stream)
        return stream

    def finish(self, stream, what):
        """End a background command by closing its input."""
        stream.eof()
        result = stream.wait()
        stream.shown = max(stream.shown, len(stream.told) - 2)
        self.show(stream)
        if result.code != 0:
            raise Unexpected(f"{what} ended with {result.code}")

    def kernel_says(self, pattern, since):
        """Await a line of the kernel's log, and show it."""
        line = self.machine.console_expect(rf"[^\n]*{pattern}[^\r\n]*", since)
        print(f"{self._dim}kernel:{self._plain} {line.strip()}", flush=True)


def look(terminal):
    terminal.chapter("1 · What is in this machine")
    terminal.say("The daemon is not running yet; the first call over the system bus starts it.")
    terminal.run("systemctl is-active isolationd.service", code=3, answer="inactive")
    terminal.run("isoctl list", "lab", answer=r"0000:00:05\.0 ")
    terminal.run("systemctl is-active isolationd.service", answer="^active")
    terminal.say("The kernel makes the groups. The daemon computes them too, and explains them.")
    terminal.run("isoctl groups", "lab", answer="0000:00:02.0 0000:00:02.1 0000:01:00.0")
    terminal.run("isoctl tree", "lab", answer="01:00.0")
    terminal.run("isoctl explain 01:00.0", "lab", answer="(?s)00:02.1.*ACS")
    terminal.say("Is this host fit to keep devices apart? Each finding has its evidence, why it matters and "
                 "how to fix it. QEMU's firmware does not protect memory before the kernel runs.")
    terminal.run("isoctl doctor", code=1, answer=r"(?s)ok +iommu .*WARN +preboot .*\n +fix: ")


def lease(terminal):
    terminal.chapter("2 · A lease, and real DMA with it")
    terminal.say("edu is a device with a DMA engine. User lab may open no VFIO node, but a policy file "
                 "allows lab to lease the device:")
    terminal.run("cat /etc/isolationd/policy.d/50-lab.json", answer="lab-edu")
    terminal.run("dma-client nodes", "lab")
    terminal.say("The client gets the group as open file descriptors. It copies a pattern through edu, "
                 "compares it, and then lets edu write to memory that it has unmapped.")
    since = terminal.machine.console_mark()
    terminal.run(f"isoctl run {EDU} -- {BY_GROUP}", "lab", answer="(?s)roundtrip ok.*stray ok")
    terminal.kernel_says("DMA Write.*fault addr 0x800000", since)
    if terminal.machine.kernel == "lab":
        terminal.say("The same with iommufd: the daemon has bound the device to an iommufd.")
        since = terminal.machine.console_mark()
        terminal.run(f"isoctl run --mode iommufd {EDU} -- {BY_IOMMUFD}", "lab",
                     answer="(?s)roundtrip ok.*stray ok")
        terminal.kernel_says("DMA Write.*fault addr 0x800000", since)
    terminal.say("A user that no policy rule names gets a refusal with the reason.")
    terminal.run(f"isoctl run {EDU} -- true", "stranger", code=5, answer="lab-edu")
    terminal.run("isoctl acquire 00:10.0", code=6, answer="/")


def guard(terminal):
    terminal.chapter("3 · The guard: host drivers do not get a device that joins a leased group")
    terminal.say("Ports 00:02.0 and 00:02.1 share a slot without ACS. lab leases the card under "
                 "the first; then a second card is plugged into the other.")
    monitor = terminal.start("isoctl monitor", "lab", "^ready")
    holder = terminal.start("isoctl run --mode vfio 01:00.0 -- sh -c 'echo leased; exec cat'", "lab",
                            "^leased$")
    print("(QEMU: device_add e1000e behind port 00:02.1)", flush=True)
    terminal.machine.plug("e1000e", "joiner", "jb")
    monitor.expect("^device-joined 0000:02:00.0")
    terminal.show(monitor)
    terminal.run("isoctl show 02:00.0", "lab",
                 answer="(?s)guard +owned.*keeps the claim.*0000:02:00.0.*held")
    terminal.run("basename $(readlink /sys/bus/pci/devices/0000:02:00.0/driver || echo none)",
                 answer="none|vfio-pci")
    terminal.say("No host driver got the second card. Now the leased card is pulled. The kernel guards "
                 "a group only while VFIO drives a member, so the daemon seals the slots of the group.")
    print("(QEMU: device_del of the card behind port 00:02.0)", flush=True)
    terminal.machine.unplug("jacard")
    monitor.expect("^device-lost 0000:01:00.0")
    terminal.show(monitor)
    terminal.machine.await_(lambda: terminal.machine.run(
        "isoctl show 02:00.0 | grep -q 'guard *sealed'").code == 0, 60, lambda: "a sealed group")
    terminal.run("isoctl show 02:00.0 | head -12", "lab", answer="(?s)guard +sealed.*pciehp")
    terminal.say("After the release the slots are open again, and the host gets all devices back.")
    terminal.finish(holder, "the holder")
    print("(QEMU: device_add e1000e behind port 00:02.0)", flush=True)
    terminal.machine.plug("e1000e", "jacard", "ja")
    terminal.machine.await_(lambda: terminal.machine.run(
        "test -e /sys/bus/pci/devices/0000:01:00.0/driver").code == 0, 60,
        lambda: "the card's driver")
    monitor.expect("^lease-removed")
    terminal.show(monitor)
    terminal.run("udevadm settle; isoctl list | grep -e DEVICE -e e1000e",
                 answer="(?s)0000:01:00.0.*e1000e.*0000:02:00.0.*e1000e")
    monitor.kill()
    monitor.wait()
    terminal.machine.unplug("joiner")


def clean(terminal):
    terminal.chapter("4 · The host gets back what it had, even if the daemon dies")
    terminal.say("A listing of every driver, override, domain type and switch that a lease may change:")
    listing = "/usr/libexec/isolationd-lab/listing"
    terminal.run(f"{listing} > /tmp/before; wc -l < /tmp/before; grep 05.0 /tmp/before")
    holder = terminal.start(f"isoctl run {EDU} -- {BY_GROUP} --hold", "lab", "^round 1 ok$")
    terminal.say("DMA continues in the background. The daemon is killed, and systemd starts a new one.")
    terminal.run("isoctl leases", "lab", answer=r"0000:00/05\.0")
    terminal.run("systemctl kill --signal=KILL isolationd.service")
    terminal.run("isoctl leases", "lab", answer=r"0000:00/05\.0")
    terminal.run("systemctl show isolationd.service -p NRestarts -p ActiveState",
                 answer="(?s)NRestarts=1|active")
    done = int(holder.lines[-1].split()[1])
    holder.expect(rf"^round {done + 1} ok$")
    terminal.finish(holder, "the client")
    terminal.run("isoctl leases", "lab")
    terminal.run(f"{listing} | diff /tmp/before - && echo no difference", answer="no difference")
    terminal.say("`isoctl acquire` makes a lease that lasts until `isoctl release`.")
    out = terminal.run("isoctl acquire 01:00.0", "lab", answer=r"lease \d+")
    number = re.search(r"lease (\d+)", out).group(1)
    terminal.run(f"isoctl release {number}", "stranger", code=5)
    terminal.run(f"isoctl release {number}", "lab")
    terminal.run(f"{listing} | diff /tmp/before - && echo no difference", answer="no difference")


def queue(terminal):
    terminal.chapter("5 · Plan, queue, revocation and repair")
    terminal.say("The plan lists each step of a lease and changes nothing. It refuses a device that the "
                 "host uses:")
    terminal.run("isoctl plan 01:00.0", "lab", answer="(?s)unbind e1000e.*No obstacle: acquire would succeed")
    terminal.run("isoctl plan 00:10.0", code=6, answer="(?s)Used by the host.*→ /")
    terminal.say("The queue is first come, first served. A request without --wait is refused meanwhile.")
    holder = terminal.start(f"isoctl run {EDU} -- {BY_GROUP} --hold", "lab", "^round 1 ok$")
    waiter = terminal.start(f"isoctl run --wait {EDU} -- sh -c 'echo mine now; exec cat'", "lab")
    terminal.machine.await_(lambda: terminal.machine.run(
        f"isoctl show {EDU} | grep -q '1 waiting'").code == 0, 60, lambda: "a waiting request")
    terminal.run(f"isoctl acquire {EDU}", code=4, answer="has it since")
    terminal.run(f"isoctl holders {EDU}", answer="dma-client")
    terminal.say("The administrator revokes the lease. The daemon notifies the owner and kills the "
                 "processes that still have the device open 1 second later. The waiting request is next.")
    terminal.run(f"isoctl revoke {EDU} --kill --grace=1")
    waiter.expect("^mine now$")
    terminal.show(waiter)
    holder.wait()
    terminal.finish(waiter, "the waiting client")
    terminal.say("The daemon sets a record that it cannot read aside; `isoctl repair` restores the device.")
    out = terminal.run("isoctl acquire 01:00.0", "lab", answer=r"lease \d+")
    number = re.search(r"lease (\d+)", out).group(1)
    terminal.run(f"systemctl stop isolationd; echo half a rec > /run/isolationd/leases/{number}.json; "
                 "systemctl start isolationd")
    terminal.run("isoctl repair", answer="isoctl repair 0000:01:00.0")
    terminal.run("isoctl repair 01:00.0", answer="done")
    terminal.run("isoctl list | grep -e DEVICE -e 01:00.0", answer="e1000e +host")
    terminal.run("rm /run/isolationd/leases/*.rejected")


def play(machine):
    """All chapters, in a machine that is up."""
    terminal = Terminal(machine, sys.stdout.isatty())
    for chapter in (look, lease, guard, clean, queue):
        chapter(terminal)
