# SPDX-License-Identifier: LGPL-2.1-or-later
"""Storms and loss: whatever came and went, and whatever was not heard, the daemon sees what is.

What the daemon shows at the end is held against a fresh scan of /sys and against what a daemon
shows that has just been started. It must get there by itself: no question and no further event may
be what makes it look again. It is stopped (SIGSTOP) where a test needs it to be too late.

A gap in the events' sequence is an event that was dropped: the overflow test makes one, and proves
with the kernel's own count that just the events that matter were in it.
"""

import json

from lab import LabError
from suite import LAB, Failure, test
from suites import places
from suites.places import JOIN_CARD, JOINER, LONE

UNIT = "isolationd.service"
DROPIN = f"/run/systemd/system/{UNIT}.d/zz-storm.conf"

# A card of eight functions: one that the host has a driver for, and seven without.
FUNCTIONS = [f"{JOINER[:-1]}{number}" for number in range(8)]
# A cycle takes functions out and finds them again. Most leave function 0 alone: its driver takes
# more time than all the rest, and the burst would be none.
ROUNDS, CYCLES_PER_ROUND = 9, 8
EVENTS = 2 * ROUNDS * (CYCLES_PER_ROUND * 7 + 1)
# A reading needs the world before it and the one that comes of it, and both have been there before
# the storm: no event has a reason to leave anything. This is half a KiB for each, in pages that the
# allocator did not give back; a world forgotten with each reading makes it 1.8 MiB.
GROWTH_KIB_MAX = EVENTS // 2
SANITIZED_GROWTH_KIB_MAX = EVENTS * 16

# What a socket is filled with is no PCI device's, so that it is not what makes the daemon look; and
# each takes as much of the kernel's memory as an event may.
FILLER = "/sys/devices/virtual/mem/null/uevent"
FILLER_BYTES = 1700
FILLERS_MAX = 1 << 15
# The kernel counts double what the daemon asks for: some 1,930 such events, of 4,352 bytes each.
RECEIVE_BUFFER = 2 * 4 * 1024 * 1024
KOBJECT_UEVENT = 15                     # in /proc/net/netlink


# -- what the daemon shows, and what is --

def _shown(context):
    """All that the daemon shows."""
    return {verb: context.json(verb)[key] for verb, key in (
        ("list", "devices"), ("groups", "groups"), ("leases", "leases"))}


def _unleased(rows):
    """Rows of a listing without what only a daemon knows."""
    return [{name: value for name, value in row.items() if name not in ("state", "lease")}
            for row in rows]


def _check_view(context, events):
    """The daemon shows what is, and so does one that starts now. Returns what they show.

    Where it differs, it has not seen all yet, and must tell of a change when it has: if it has
    nothing to tell any more, the difference stays. A fresh scan knows of no leases.
    """
    context.sh("udevadm settle")
    fresh = {verb: _unleased(context.json(f"{verb} --from /sys")[key])
             for verb, key in (("list", "devices"), ("groups", "groups"))}
    while True:
        shown = _shown(context)
        seen = {verb: _unleased(shown[verb]) for verb in fresh}
        if seen == fresh:
            break
        differing = [(who, row) for verb in fresh
                     for who, rows, others in (("daemon", seen[verb], fresh[verb]),
                                               ("/sys", fresh[verb], seen[verb]))
                     for row in rows if row not in others]
        context.note(f"not yet: {differing}")
        try:
            events.expect("", timeout=20)
        except LabError as error:
            raise Failure(f"the daemon tells of no more changes, and /sys is otherwise:\n"
                          f"{differing}") from error
    context.sh(f"systemctl restart {UNIT}")
    context.equal(_shown(context), shown, "what a new daemon shows")
    return shown


# -- the storm --

def _await_all(events, name, devices):
    left = set(devices)
    while left:
        left.discard(json.loads(events.expect(lambda line: json.loads(line)["event"] == name))
                     ["device"])


def _plug_card(context, events):
    """Function 0 comes last: it is what makes the others be found."""
    for number in range(7, 0, -1):
        context.machine.plug("pci-testdev", f"storm{number}", "jb", addr=f"0x0.{number}")
    context.machine.plug("e1000e", "storm0", "jb", addr="0x0.0", multifunction=True)
    _await_all(events, "device-added", FUNCTIONS)
    # Whoever adds devices holds the lock that this needs, until their drivers have been tried.
    context.sh("echo 1 > /sys/bus/pci/rescan; udevadm settle")
    context.equal(places.driver_of(context, JOINER), "e1000e", "the driver of function 0")


def _unplug_card(context):
    context.machine.unplug("storm0", *(f"storm{number}" for number in range(1, 8)))


def _storm(context):
    """As fast as the guest can: seconds, and events of any kind that the kernel sent.

    A removal of what is not there fails, and so would the whole: every one was an event, and so was
    every coming back in between.
    """
    clock = "cut -d' ' -f1 /proc/uptime; cat /sys/kernel/uevent_seqnum"
    out = context.sh(f"""set -e; cd /sys/bus/pci/devices; {clock}
        for round in $(seq {ROUNDS}); do
                echo 1 > {JOINER}/remove
                for cycle in $(seq {CYCLES_PER_ROUND}); do
                        for f in {' '.join(FUNCTIONS[1:])}; do echo 1 > $f/remove; done
                        echo 1 > /sys/bus/pci/rescan
                done
        done; {clock}""")
    before, seen_before, after, seen = map(float, out.split())
    return after - before, int(seen - seen_before)


def _memory(context):
    """The daemon's resident memory now and at its most, in KiB."""
    pid, = context.unit("MainPID")
    text = context.sh(f"grep -e VmRSS -e VmHWM /proc/{pid}/status")
    values = dict(line.split()[:2] for line in text.splitlines())
    return int(values["VmRSS:"]), int(values["VmHWM:"])


def bound_memory(context):
    """How much the daemon's memory may grow, in KiB.

    The address sanitizer keeps what was freed, 256 MiB of it, and its allocator is no miser: with
    it only a lot that is kept shows; a leak is in the report at the daemon's end.
    """
    environment, = context.unit("Environment")
    options = [each for each in environment.split() if each.startswith("ASAN_OPTIONS=")]
    if not options:
        return GROWTH_KIB_MAX
    context.undo("systemctl daemon-reload")
    context.write(DROPIN, f"[Service]\nEnvironment={options[0]}:quarantine_size_mb=1:"
                          "thread_local_quarantine_size_kb=64")
    context.sh(f"systemctl daemon-reload; systemctl restart {UNIT}")
    return SANITIZED_GROWTH_KIB_MAX


def _weather(context, events, bound):
    """A storm; the daemon shows what is after it, and has not grown."""
    _, before = _memory(context)
    seconds, seen = _storm(context)
    context.sh("udevadm settle")
    now, most = _memory(context)
    context.tell(f"{EVENTS} adds and removes in {seconds:.1f} s ({seen} uevents in all); "
                 f"most memory {before} KiB before, {most} KiB after, {now} KiB now")
    context.ok(most - before <= bound, f"the daemon grew from {before} to {most} KiB, "
               f"by more than {bound} KiB, in {EVENTS} events")
    return _check_view(context, events)


def _prepare(context):
    """Returns the bound of the daemon's memory, and a monitor."""
    # What the kernel says of each function need not go through a serial line.
    context.undo("dmesg -n 7")
    context.sh("dmesg -n 1")
    bound = bound_memory(context)
    return bound, places.watch(context)


@test(on=("acpi",), only_full=True)
def a_burst_leaves_no_trace(context):
    """1,000 events and more, of devices that are the host's before, after and in between."""
    bound, events = _prepare(context)
    _plug_card(context, events)
    try:
        listed = places.listing(context)
        _weather(context, events, bound)
        context.same_lines(listed, places.listing(context), "the machine after the storm")
    finally:
        _unplug_card(context)


@test(on=("acpi",), any_kernel=True)
def a_burst_in_a_leased_group_leaves_no_trace(context):
    """1,000 events and more, of devices that join the group of a lease and leave it again."""
    bound, events = _prepare(context)
    empty = places.listing(context)
    _plug_card(context, events)
    try:
        listed = places.listing(context)
        context.sh(f"for f in {' '.join(FUNCTIONS)}; do "
                   "echo 1 > /sys/bus/pci/devices/$f/remove; done")
        _await_all(events, "device-removed", FUNCTIONS)
        stream = places.hold(context, JOIN_CARD)
        context.sh("echo 1 > /sys/bus/pci/rescan")
        _await_all(events, "device-joined", FUNCTIONS)
        shown = _weather(context, events, bound)
        context.equal([(each["state"], each["held"]) for each in shown["leases"]],
                      [("leased", FUNCTIONS)], "the lease after the storm")
        states = {each["device"]: each["state"] for each in shown["list"]}
        context.equal({states[each] for each in FUNCTIONS}, {"held"}, "states of what joined")
        places.let_go(stream)
        context.same_lines(listed, places.listing(context), "the machine after storm and lease")
    finally:
        _unplug_card(context)
    context.same_lines(empty, places.listing(context), "the machine without the card")


# -- events that are late, and events that are lost --

class Deaf:
    """The daemon stopped, while something happens; it goes on when it is told to.

    The service manager's watchdog is off for that long: it would end what does not answer.
    """

    def __init__(self, context):
        self._context = context
        context.undo("systemctl service-watchdogs on")
        context.undo(f"systemctl kill --signal=CONT {UNIT}")
        pid, = context.unit("MainPID")
        context.sh(f"systemctl service-watchdogs off; kill -STOP {pid}")
        self._pid = pid
        # All kernel events come to these sockets of the daemon.
        inodes = "|".join(context.sh(f"find /proc/{pid}/fd -lname 'socket:*' -printf '%l\\n' | "
                                     "tr -dc '0-9\\n'").split())
        # Those of the kernel's own events; udev, of which another one hears, is stopped.
        self._read = (f"awk '$2 == {KOBJECT_UEVENT} && $4 == \"00000001\" && $10 ~ /^({inodes})$/ "
                      "{print $5, $9}' /proc/net/netlink")

    def sockets(self):
        """Pairs for each socket: bytes that wait in it, events that were dropped so far."""
        rows = [tuple(map(int, line.split())) for line in
                self._context.sh(self._read).splitlines()]
        self._context.ok(rows, "the daemon has no socket for the kernel's events")
        return rows

    def overflow(self):
        """Events until each socket has dropped one. Returns how many, and seconds.

        A kernel that has dropped one drops all, until the daemon has read what waits.
        """
        filler = f"change 00000000-0000-0000-0000-000000000000 FILL={'X' * FILLER_BYTES}"
        out = self._context.sh(f"""set -e; before=$(cut -d' ' -f1 /proc/uptime); n=0
                # The kernel counts from when the socket was made: what is new counts here.
                had=$({self._read} | awk '{{s = s " " $2}} END {{print s}}')
                until {self._read} | awk -v had="$had" '
                        BEGIN {{split(had, old, " ")}} $2 <= old[NR] {{full = 1}}
                        END {{exit full}}'; do
                        [ $n -lt {FILLERS_MAX} ]
                        for i in $(seq 128); do
                                echo "{filler}" > {FILLER}
                        done
                        n=$((n + 128))
                done
                echo $n $before $(cut -d' ' -f1 /proc/uptime)""")
        count, before, after = out.split()
        return int(count), float(after) - float(before)

    def go_on(self):
        self._context.sh(f"kill -CONT {self._pid}; systemctl service-watchdogs on")


def _without_udev(context):
    """Nobody else has to work off the thousands of events that are meant for the daemon."""
    units = "systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd.service"
    context.undo(f"systemctl start {units}; udevadm trigger; udevadm settle")
    context.sh(f"udevadm settle; systemctl stop {units}")


def _await_kernel(context, happen, action):
    """Let something happen, and await that the kernel has told of it for the joiner."""
    kernel = context.spawn("exec udevadm monitor --kernel --subsystem-match=pci")
    kernel.expect("^KERNEL - ")
    happen()
    kernel.expect(rf"{action} .*/{JOINER} ")
    kernel.kill()
    kernel.wait()


def _plug(context):
    _await_kernel(context, lambda: context.machine.plug("e1000e", "joiner", "jb"), "add")
    # Whoever adds it holds the lock that this needs, until drivers have been tried.
    context.sh("echo 1 > /sys/bus/pci/rescan")


def _lost(context, events, happen, wanted):
    """What happens while the socket overflows is seen although its events are lost."""
    deaf = Deaf(context)
    count, seconds = deaf.overflow()
    full, dropped = zip(*deaf.sockets())
    context.ok(max(full) > RECEIVE_BUFFER * 0.9, f"full sockets have only {full} bytes")
    happen()
    still, more = zip(*deaf.sockets())
    context.equal(still, full, "bytes in the full sockets after what happened")
    context.ok(all(new > old for new, old in zip(more, dropped, strict=True)),
               f"of what happened, not all was dropped: {dropped} before, {more} after")
    deaf.go_on()
    events.expect(lambda line: json.loads(line)["event"] == wanted and
                  json.loads(line)["device"] == JOINER)
    context.tell(f"{wanted}: {count} events in {seconds:.1f} s, {full[0]} bytes of them waited, "
                 f"{dropped[0]} were dropped, and then {more[0] - dropped[0]} of the joiner")


@test(on=("acpi",), any_kernel=True)
def what_an_overflow_drops_is_seen(context):
    """ENOBUFS: a device joins, and leaves, while the daemon's socket has no room for its events."""
    listed = places.listing(context)
    events = places.watch(context, LAB)
    stream = places.hold(context, JOIN_CARD)
    _without_udev(context)
    for happen, word, held in ((lambda: _plug(context), "device-joined", [JOINER]),
                               (lambda: context.machine.unplug("joiner"), "device-lost", [])):
        _lost(context, events, happen, word)
        lease, = _check_view(context, events)["leases"]
        context.equal((lease["held"], lease["state"]), (held, "leased"), f"after {word}")
    places.let_go(stream)
    context.same_lines(listed, places.listing(context), "the machine after two overflows")


@test(on=("acpi",), any_kernel=True)
def what_is_gone_already_leaves_nothing(context):
    """Plugged in and out before the daemon reads of either: no device, no joiner, no trouble."""
    trouble = f"journalctl -u {UNIT} -p warning -o cat --no-pager"
    listed, told = places.listing(context), context.sh(trouble)
    events = places.watch(context, LAB)
    stream = places.hold(context, JOIN_CARD)
    deaf = Deaf(context)
    _plug(context)
    context.machine.unplug("joiner")
    (waiting, _), *_ = deaf.sockets()
    context.ok(waiting > 0, "no event of the plug waits for the daemon")
    deaf.go_on()
    # Something that comes after all this, and that the daemon tells of.
    context.undo("echo 1 > /sys/bus/pci/rescan")
    context.sh(f"echo 1 > /sys/bus/pci/devices/{LONE}/remove")
    places.expect_event(events, "device-removed", device=LONE)
    context.sh("echo 1 > /sys/bus/pci/rescan")
    places.expect_event(events, "device-added", device=LONE)
    shown = _check_view(context, events)
    context.equal([line for line in events.lines if JOINER in line], [],
                  "what it told of the joiner")
    lease, = shown["leases"]
    context.equal((lease["held"], lease["state"]), ([], "leased"), "the lease")
    places.let_go(stream)
    context.same_lines(listed, places.listing(context), "the machine after plug and unplug")
    context.same_lines(told, context.sh(trouble), "trouble that the daemon tells of")
