# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing assigned, nothing done: the daemon looks, answers, and leaves the host alone.

Three witnesses: strace, which sees every system call of the daemon; the kernel's count of how often
the daemon was woken; and the `listing` of what a lease would touch. Each is also shown something it
must see, so that none of them is blind.
"""

import re

from suite import LAB, test
from suites import places
from suites.places import EDU, JOINER, LONE

UNIT = "isolationd.service"
DROPIN = f"/run/systemd/system/{UNIT}.d/zz-idle.conf"
TRACE = "/run/isolationd-idle.trace"
FOREIGN = "/sys/devices/virtual/mem/null"

# What can change a file, by its name and by a descriptor; what loads code into the kernel or starts
# a program; and what would do any of it unseen by these. A `?` lets strace know a name or not.
OPENS = ("open", "openat", "openat2", "creat")
BY_NAME = ("truncate", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "rename", "renameat",
           "renameat2", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "chmod",
           "fchmodat", "chown", "lchown", "fchownat", "setxattr", "mount")
BY_DESCRIPTOR = ("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "splice",
                 "copy_file_range", "ftruncate", "fchmod", "fchown", "ioctl")
NEVER = ("init_module", "finit_module", "delete_module", "kexec_load", "bpf", "io_uring_setup",
         "fork", "vfork", "clone", "clone3", "execve", "execveat")
FORKS = ("fork", "vfork", "clone", "clone3")
TRACED = ",".join(f"?{name}" for name in OPENS + BY_NAME + BY_DESCRIPTOR + NEVER)

HOST_PLACE = re.compile(r"/sys\b|/dev/(vfio|iommu)\b")
WRITING = re.compile(r"\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)\b")
# PID CALL(ARGUMENTS…, or the second half of one that was interrupted, which repeats nothing.
CALL = re.compile(r"^\d+\s+(\w+)\((.*)")


def _kind_of(line):
    """What a traced call would have done to the host: a word, or "" for nothing."""
    found = CALL.match(line)
    if not found:
        return ""
    call, arguments = found.groups()
    if call in NEVER:
        return call
    if call in OPENS:
        # By the name asked for, or by that of the descriptor that came: the way may be a detour.
        changes = call == "creat" or WRITING.search(arguments)
        return "open" if changes and HOST_PLACE.search(arguments) else ""
    if call in BY_DESCRIPTOR:
        # Only the file written to, not what is written.
        return "write" if HOST_PLACE.search(arguments.partition(">")[0]) else ""
    return "change" if call in BY_NAME and HOST_PLACE.search(arguments) else ""


class Trace:
    """The daemon, started anew under strace, and what it did since the last time asked.

    strace writes a line down before the call that it tells of returns: what an answer of the daemon
    was made from is in the file when the answer is there.
    """

    def __init__(self, context):
        self._context = context
        self._seen = 0
        context.undo(f"systemctl daemon-reload; systemctl stop {UNIT}; rm -f {TRACE}")
        # -D: the daemon stays the unit's main process, strace is a process beside it. What is not
        # traced runs at full speed. A check for leaks cannot be made of what is traced.
        # strace writes to /run and looks into the daemon, for which the unit leaves no room.
        context.write(DROPIN, "[Service]\nReadWritePaths=/run\n"
                      "SystemCallFilter=@debug seccomp\n"
                      "Environment=ASAN_OPTIONS=abort_on_error=1:detect_leaks=0\n"
                      "ExecStart=\nExecStart=/usr/bin/strace -D -f --seccomp-bpf -y -qq -s 100"
                      f" -o {TRACE} -e trace={TRACED} /usr/libexec/isolationd")
        context.sh(f"systemctl stop {UNIT}; systemctl daemon-reload; systemctl start {UNIT}")

    def lines(self):
        text = self._context.machine.check(f"tail -n +{self._seen + 1} {TRACE}")
        new = text.splitlines()
        self._seen += len(new)
        return new


def _quiet_seconds(seconds):
    """A shell command that ends after so long by the machine's own clock.

    That nothing happens can only be seen by waiting for it.
    """
    return f"{{ timeout {seconds} tail -f /dev/null || [ $? = 124 ]; }}"


def _unload_vfio(context):
    """Where VFIO is made of modules, take out what an earlier test has had loaded."""
    context.sh("for m in vfio_pci vfio_pci_core vfio_iommu_type1 vfio_virqfd vfio; do "
               "if grep -qs \"^$m \" /proc/modules; then rmmod $m; fi; done")


def _modules(context):
    """The names of all loaded modules; none on a kernel that is one piece."""
    return set(context.sh("cut -d' ' -f1 /proc/modules 2>/dev/null || true").split())


def _plug_and_unplug(context, events):
    context.machine.plug("e1000e", "joiner", "jb")
    try:
        places.expect_event(events, "device-added", device=JOINER)
        context.sh("udevadm settle")
        context.isoctl(f"show {JOINER}", LAB)
    finally:
        context.machine.unplug("joiner")
    places.expect_event(events, "device-removed", device=JOINER)


@test(on=("acpi",), any_kernel=True)
def writes_nothing(context):
    """Start, questions, a hotplug: no write below /sys or to VFIO, no module, no program."""
    _unload_vfio(context)
    trace = Trace(context)
    events = places.watch(context)
    questions = ("list", "groups", "leases", f"show {LONE}", f"show {EDU}",
                 f"explain {LONE} {EDU}")
    for question in questions:
        context.isoctl(question, LAB)
    modules = _modules(context)
    _plug_and_unplug(context, events)
    context.isoctl("list")
    lines = trace.lines()
    # The first call traced is the daemon's own beginning.
    context.ok('execve("/usr/libexec/isolationd"' in lines[0], f"the trace begins with {lines[0]}")
    read = [line for line in lines[1:] if "/sys" in line]
    context.ok(len(read) > 100, f"strace saw only {len(read)} calls on /sys: it sees nothing")
    # What may block is read by a process of its own, which strace follows: one a question at most.
    forks = [line for line in lines[1:] if _kind_of(line) in FORKS]
    context.ok(len(forks) <= len(questions), f"processes of its own: {forks}")
    context.equal([line for line in lines[1:] if _kind_of(line) and line not in forks], [],
                  "what the daemon did to the host with nothing assigned")
    context.equal(sorted(name for name in _modules(context) - modules if "vfio" in name), [],
                  "modules of VFIO that came")
    _check_foreign_event(context, trace)
    _check_control(context, trace)
    context.tell(f"{len(lines)} calls traced, {len(read)} of them on /sys: none writes")


def _check_foreign_event(context, trace):
    """An event that is no PCI device's wakes the daemon, and it reads nothing for it."""
    # 200 times as long as the daemon waits for a burst to end before it reads.
    context.sh(f"udevadm trigger --action=change {FOREIGN}; {_quiet_seconds(2)}")
    context.equal(trace.lines(), [], "what the daemon did about an event of another subsystem")


def _check_control(context, trace):
    """The same strace does see what a lease does to the host."""
    number = context.json(f"acquire {EDU}", LAB)["lease"]
    context.isoctl(f"release {number}", LAB)
    lines = trace.lines()
    kinds = {_kind_of(line) for line in lines}
    wanted = {"open", "write"} | ({"execve"} if context.kernel != "lab" else set())
    context.ok(wanted <= kinds, f"strace saw {sorted(kinds)} of a lease, not {sorted(wanted)}")
    for place in ("/sys/.*/driver_override", "/dev/vfio/"):
        context.ok(any(_kind_of(line) and re.search(place, line) for line in lines),
                   f"a lease did nothing to {place} that strace saw")


def _wakeups(context, during):
    """What the kernel counts for the daemon while a command runs.

    Returns how often a thread of it fell asleep (once for each time it was woken), how often one
    was put off the CPU, the ticks of CPU they took, the events that the kernel sent, and how many
    hundredths of a second went by.
    """
    pid, = context.unit("MainPID")
    read = (f"grep -h ^voluntary /proc/{pid}/task/*/status; echo; "
            f"grep -h ^nonvoluntary /proc/{pid}/task/*/status; echo; "
            f"cut -d' ' -f14,15 /proc/{pid}/stat; echo; cat /sys/kernel/uevent_seqnum; echo; "
            "cut -d' ' -f1 /proc/uptime | tr -d .; echo; echo")
    out = context.sh(f"{read}; {during}; {read}")
    before, after = ([sum(map(int, re.findall(r"\b\d+\b", part)))
                      for part in half.split("\n\n")]
                     for half in out.strip().split("\n\n\n"))
    return [new - old for old, new in zip(before, after, strict=True)]


def _restart(context, dropin=""):
    if dropin:
        context.undo(f"systemctl daemon-reload; systemctl stop {UNIT}")
        context.write(DROPIN, dropin)
        context.sh("systemctl daemon-reload")
    context.sh(f"udevadm settle; systemctl stop {UNIT}; systemctl start {UNIT}")
    # An answer is sent, and its asker gone, after all that the start had to do.
    context.isoctl("leases")


@test(on=("basic",), any_kernel=True)
def sleeps(context):
    """Nothing happens and it is not woken once; the watchdog's wakes are all there are.

    The daemon tells the service manager that it lives twice in each WatchdogSec, from its start on.
    With the unit as it is (2 min) the first time is after a minute: a window that is over by then
    has no wake at all. With a watchdog of 2 s there is one a second and not one more.
    """
    _restart(context)
    seconds = 10
    context.equal(context.unit("WatchdogUSec"), ["2min"], "WatchdogUSec of the unit")
    *counts, _ = _wakeups(context, _quiet_seconds(seconds))
    started, = context.unit("ExecMainStartTimestampMonotonic")
    now = float(context.sh("cat /proc/uptime").split()[0])
    context.ok(now - int(started) / 1e6 < 60, "the window reached into the watchdog's first wake")
    context.equal(counts, [0, 0, 0, 0], f"wakes, switches, ticks of CPU, uevents in {seconds} s")
    asked = _wakeups(context, "isoctl list >/dev/null")[0]
    context.ok(asked > 0, "a question woke nobody: what is counted is not the daemon's wakes")
    foreign = _wakeups(context, f"udevadm trigger --action=change {FOREIGN}")[0]
    _restart(context, "[Service]\nWatchdogSec=2s")
    watched, *_, hundredths = _wakeups(context, _quiet_seconds(5))
    # Reading the counts takes a busy machine part of a second itself, before and after.
    context.ok(abs(watched - hundredths / 100) <= 2, f"{watched} wakes in {hundredths / 100} s "
               "with a watchdog that makes one a second")
    context.tell(f"woken {counts[0]} times in {seconds} s; {asked} times by a question, {foreign} "
                 "by an event of another subsystem; "
                 f"{watched} in {hundredths / 100} s of WatchdogSec=2s")


@test(on=("basic",), any_kernel=True)
def start_and_stop_change_nothing(context):
    """Every driver, override, domain type, switch and node is as it was without the daemon."""
    def look():
        return (places.listing(context) + "\n" +
                context.sh("find /dev/vfio /dev/iommu /run/udev/rules.d -printf '%p %m %U:%G\n' "
                           "2>/dev/null | sort"))
    context.sh(f"systemctl stop {UNIT}; udevadm settle")
    before = look()
    for command, what in (("isoctl list >/dev/null", "its start"),
                          (f"systemctl restart {UNIT}", "its restart"),
                          (f"systemctl kill --signal=KILL {UNIT}; isoctl list > /dev/null",
                           "its death"),
                          (f"systemctl stop {UNIT}", "its end")):
        context.restarts_allowed += "KILL" in command
        context.sh(f"{command}; udevadm settle")
        context.same_lines(before, look(), f"the machine after {what}")
