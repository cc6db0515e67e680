# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of the lab: QEMU, its console, its monitor, and the agent inside.

One loop, Machine._pump(), waits on the console, the monitor, the agent's port and QEMU's end at once,
until the condition of the caller is true or its deadline has passed. Nothing sleeps. The loop evaluates a
condition that asks the guest again from time to time.
"""

import collections
import json
import os
import re
import selectors
import socket
import subprocess
import time

import cache
import qemu

# QEMU's refusal to unplug a card that the guest is still powering.
BLINKS = "power indicator blinking"
# Software emulation is slow on a busy host: the deadlines are for hangs only.
BOOT_SECONDS = 180
COMMAND_SECONDS = 120
# What is asked of the guest, and not told by it, is asked again after so long without a message.
ASK_AGAIN_SECONDS = 1

Result = collections.namedtuple("Result", "code out err")


class LabError(Exception):
    """An awaited event did not happen; the text names it."""


class Stream:
    """A command running in the guest."""

    def __init__(self, machine, number, text):
        self._machine = machine
        self._number = number
        self.text = text
        self.pid = None
        self.code = None
        self.lines = []         # of standard output, as they come
        self.errors = []
        self.told = []          # both, in the order in which they came
        self._seen = 0
        self._watchers = []

    def watch(self, callback):
        """Call back whenever something of this command has arrived."""
        self._watchers.append(callback)

    def feed(self, message):
        if "out" in message:
            self.lines.append(message["out"])
            self.told.append(message["out"])
        elif "err" in message:
            self.errors.append(message["err"])
            self.told.append(message["err"])
        elif "pid" in message:
            self.pid = message["pid"]
        elif "exit" in message:
            self.code = message["exit"]
        for callback in self._watchers:
            callback()

    def _describe(self):
        tail = "\n".join(f"    | {line}" for line in (self.lines + self.errors)[-20:])
        return f"`{self.text}`" + (f", which said\n{tail}" if tail else ", which said nothing")

    def expect(self, what, timeout=COMMAND_SECONDS):
        """The next line of output for which `what` (a regex or a function of it) holds.

        Lines before it are passed over; a later expect() starts behind it. With a regex the
        match is returned, with a function the line.
        """
        def scan():
            while self._seen < len(self.lines):
                line = self.lines[self._seen]
                self._seen += 1
                found = re.search(what, line) if isinstance(what, str) else what(line)
                if found:
                    return found if isinstance(what, str) else line
            if self.code is not None:
                raise LabError(f"the end (code {self.code}) came before {what!r} from "
                               + self._describe())
            return None
        return self._machine.await_(scan, timeout, lambda: f"{what!r} from {self._describe()}")

    def send(self, text):
        self._machine.tell({"id": self._number, "in": text})

    def eof(self):
        self._machine.tell({"id": self._number, "eof": True})

    def kill(self, number=9):
        """Signal the process group of the command."""
        self._machine.tell({"id": self._number, "kill": number})

    def wait(self, timeout=COMMAND_SECONDS):
        self._machine.await_(lambda: self.code is not None, timeout,
                             lambda: f"the end of {self._describe()}")
        return Result(self.code, "\n".join(self.lines), "\n".join(self.errors))


class Machine:
    """A booted machine. Use as a context manager: it is always ended.

    A bare one has nothing running but the agent (see payload.make), and one processor: with two,
    emulated on a busy host, one boot in some two hundred stopped for good about where the kernel
    changes its clock. A counted one has one too, and a clock that counts instructions (qemu.py).
    """

    def __init__(self, kernel, topology, payload, log, append="", bare=False, counted=False):
        self.kernel = kernel
        self.topology = topology
        self.release = None
        self._log = open(log, "wb")
        self._console = bytearray()
        self._streams = {}
        self._numbers = iter(range(1, 1 << 31))
        self._events = []
        self._replies = []
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._sockets = {}
        self._process = None
        initramfs = log + ".initramfs"
        qemu.write_initramfs(initramfs, kernel, topology, payload)
        try:
            self._start(qemu.command(kernel, topology, initramfs,
                                     "systemd.mask=serial-getty@ttyS0.service " + append,
                                     processors=1 if bare or counted else 2, counted=counted))
            self._tell_monitor({"execute": "qmp_capabilities"})
            self.await_(lambda: self.release, BOOT_SECONDS, lambda: "the agent's hello")
            if not bare:
                # Up is when the units are, and each device has the driver that udev finds for it.
                self.run("systemctl is-system-running --wait; udevadm settle")
        except BaseException:
            self.kill()
            raise
        finally:
            os.unlink(initramfs)

    def _start(self, command):
        """Start QEMU with a socket pair for each of its console, monitor and agent's port."""
        handed = []
        for name in ("console", "monitor", "agent"):
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            self._sockets[name] = ours
            handed.append(theirs)
            command += ["-chardev", f"socket,id={name},fd={theirs.fileno()}"]
            self._selector.register(ours, selectors.EVENT_READ, (name, bytearray()))
        command += ["-device", "virtserialport,chardev=agent,name=org.isolationd.lab",
                    "-mon", "chardev=monitor,mode=control", "-serial", "chardev:console"]
        self._process = subprocess.Popen(
            cache.bound(command, "KILL"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, pass_fds=[each.fileno() for each in handed])
        for each in handed:
            each.close()
        self._selector.register(self._process.stdout, selectors.EVENT_READ,
                                ("qemu", bytearray()))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.kill()

    # -- the loop --

    def await_(self, condition, timeout, describe):
        """Run the machine until condition() gives something true, and return that."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if self._ended:
                raise LabError(f"the machine ended while awaiting {describe()}\n" + self.tail())
            left = deadline - time.monotonic()
            if left <= 0:
                raise LabError(f"after {timeout} s still no {describe()}\n" + self.tail())
            self._pump(min(left, ASK_AGAIN_SECONDS))

    def _pump(self, timeout):
        for key, _ in self._selector.select(timeout):
            name, buffer = key.data
            try:
                data = os.read(key.fd, 65536)
            except ConnectionResetError:
                data = b""
            if not data:
                self._selector.unregister(key.fileobj)
                # QEMU's own output ends with the process, the sockets a moment before or after.
                self._ended = self._ended or name == "qemu"
                continue
            if name == "console" or name == "qemu":
                self._console += data
                self._log.write(data)
                self._log.flush()
                continue
            buffer += data
            *lines, rest = buffer.split(b"\n")
            buffer[:] = rest
            for line in lines:
                getattr(self, f"_on_{name}")(json.loads(line.decode(errors="replace")))

    def _on_agent(self, message):
        if "hello" in message:
            self.release = message["hello"]
        else:
            self._streams[message["id"]].feed(message)

    def _on_monitor(self, message):
        if "event" in message:
            self._events.append(message)
        elif "QMP" not in message:
            self._replies.append(message)

    def tail(self, lines=25):
        text = self._console.decode(errors="replace").replace("\r", "")
        return "".join(f"    console | {line}\n" for line in text.splitlines()[-lines:])

    # -- commands in the guest --

    def _send(self, name, message):
        channel = self._sockets[name]
        channel.setblocking(True)
        channel.sendall(json.dumps(message).encode() + b"\n")
        channel.setblocking(False)

    def tell(self, message):
        self._send("agent", message)

    def spawn(self, command, uid=0):
        number = next(self._numbers)
        stream = self._streams[number] = Stream(self, number, command)
        self.tell({"id": number, "cmd": command, "uid": uid})
        return stream

    def run(self, command, uid=0, timeout=COMMAND_SECONDS):
        return self.spawn(command, uid).wait(timeout)

    def check(self, command, uid=0, timeout=COMMAND_SECONDS):
        """The output of a command that must succeed."""
        result = self.run(command, uid, timeout)
        if result.code != 0:
            raise LabError(f"`{command}` ended with {result.code}\n{result.out}\n{result.err}")
        return result.out

    # -- the monitor --

    def _tell_monitor(self, message):
        self._replies.clear()
        self._send("monitor", message)
        self.await_(lambda: self._replies, COMMAND_SECONDS, lambda: f"an answer to {message}")
        reply = self._replies.pop()
        if "error" in reply:
            raise LabError(f"QEMU refuses {message}: {reply['error']['desc']}")
        return reply["return"]

    def qmp(self, command, **arguments):
        return self._tell_monitor({"execute": command, "arguments": arguments})

    def plug(self, driver, name, bus, **properties):
        self.qmp("device_add", driver=driver, id=name, bus=bus, **properties)

    def _may_unplug(self, name):
        try:
            self.qmp("device_del", id=name)
        except LabError as error:
            if BLINKS in str(error):
                return False
            raise
        return True

    def unplug(self, name, *others, timeout=COMMAND_SECONDS):
        """Ask the guest to release a device, and wait until it is gone; `others` go with it."""
        seen = len(self._events)
        # A slot's power indicator blinks until the guest has finished with the card that was plugged in;
        # QEMU has no event for the end of that, and refuses until then.
        self.await_(lambda: self._may_unplug(name), timeout, lambda: f"a slot at rest for {name}")
        gone = {name, *others}
        self.await_(lambda: gone <= {event["data"].get("device") for event in self._events[seen:]
                                     if event["event"] == "DEVICE_DELETED"},
                    timeout, lambda: f"DEVICE_DELETED of {sorted(gone)}")

    # -- the console --

    def console_mark(self):
        return len(self._console)

    def console_expect(self, pattern, since=0, timeout=COMMAND_SECONDS):
        """A match of the pattern in what the console has printed since a mark."""
        compiled = re.compile(pattern.encode())
        found = self.await_(lambda: compiled.search(self._console, since), timeout,
                            lambda: f"{pattern!r} on the console")
        return found.group().decode(errors="replace")

    def console_text(self):
        return self._console.decode(errors="replace").replace("\r", "")

    # -- the end --

    def shutdown(self, timeout=COMMAND_SECONDS):
        self.tell({"id": next(self._numbers), "cmd": "systemctl poweroff", "uid": 0})
        self._streams = collections.defaultdict(lambda: Stream(self, 0, "poweroff"))
        self.await_(lambda: self._ended, timeout, lambda: "the machine's end")
        self.kill()

    def kill(self):
        if self._process:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process.stdout.close()
        self._ended = True
        for channel in self._sockets.values():
            channel.close()
        self._log.close()
