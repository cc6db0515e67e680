# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon lives on: its records, its files on /run, the service manager's store, its helpers."""

import json

from suite import LAB, PROGRAM, ROOT, test
from suites import places
from suites.places import EDU, JOIN_CARD, LONE

UNIT = "isolationd.service"
STATE = "/run/isolationd/leases"
DROP_IN = f"/run/systemd/system/{UNIT}.d/keeping.conf"


def _findings(context, name):
    """What the doctor finds of one kind."""
    findings = json.loads(context.run("isoctl doctor --json").out)["findings"]
    return [each for each in findings if each["id"] == name]


def _journal(context):
    return context.sh(f"journalctl --sync; journalctl -b -o cat --no-pager -u {UNIT}")


@test(on=("basic",), any_kernel=True)
def strange_records_are_set_aside(context):
    """A link, a pipe, another's file, a later version: each is named, and the lease goes on."""
    number = context.json(f"acquire {EDU}", LAB)["lease"]
    context.undo(f"isoctl release {number}; rm -rf {STATE}/7*.rejected*")
    strange = {
        71: ("ln -s /etc/passwd {}", "it is a link"),
        72: ("mkfifo {}", "it is not a regular file"),
        73: ("mkdir {}", "it is not a regular file"),
        74: ("echo '{{}}' > {0}; chown lab {0}", "it belongs to another user"),
        75: ("echo '{{}}' > {0}; chmod 666 {0}", "others may write it"),
        76: ("(umask 077; echo '{{\"version\": 99, \"id\": 76}}' > {})",
             "a newer version of isolationd has written it"),
        77: ("(umask 077; echo '{{\"version\"' > {})", "it is no lease record"),
    }
    for each, (command, _) in strange.items():
        context.sh(command.format(f"{STATE}/{each}.json"))
    context.sh(f"systemctl restart {UNIT}")
    lease, = context.json("leases")["leases"]
    context.equal((lease["lease"], lease["state"]), (number, "leased"), "the lease")
    journal = _journal(context)
    told = " ".join(each["evidence"] for each in _findings(context, "records"))
    for each, (_, reason) in strange.items():
        aside = f"{STATE}/{each}.json.rejected"
        context.ok(f"{aside}: set aside, {reason}" in journal, f"the journal on {each}:\n{journal}")
        context.ok(f"{aside}: " in told, f"the doctor on {each}: {told}")
        context.sh(f"test -e {aside} -o -L {aside}")
    context.sh(f"rm -r {STATE}/7*.rejected")
    found, = _findings(context, "records")
    context.equal(found["level"], "ok", "the doctor when the files are removed")
    context.isoctl(f"release {number}", LAB)


@test(on=("basic",), any_kernel=True)
def a_start_that_fails_backs_off(context):
    """The machine is not kept busy, and the daemon is there once what kept it from starting is mended."""
    context.sh(f"systemctl stop {UNIT}; rm -r {STATE}; touch {STATE}")
    context.undo(f"rm -f {STATE}; systemctl daemon-reload; systemctl reset-failed {UNIT}; "
                 f"systemctl restart {UNIT}")
    context.restarts_allowed += 20
    context.run(f"systemctl start --no-block {UNIT}")
    before = _journal(context).count("could not start")
    context.sh("sleep 10")
    tries = _journal(context).count("could not start") - before
    context.ok(1 <= tries <= 5, f"{tries} starts within 10 s")
    context.sh(f"rm {STATE}")
    context.json("leases")
    context.equal(context.unit("ActiveState"), ["active"], "the unit")


def _limit(context, number):
    """Restart the daemon with a store for so many descriptors."""
    context.undo(f"systemctl daemon-reload; systemctl restart {UNIT}")
    context.write(DROP_IN, f"[Service]\nFileDescriptorStoreMax={number}\n"
                           f"Environment=ISOLATIOND_FDSTORE_MAX={number}")
    context.sh(f"systemctl daemon-reload; systemctl restart {UNIT}")


@test(on=("basic",))
def what_the_store_has_no_room_for(context):
    """Is refused before anything is touched; what was granted survives a restart."""
    _limit(context, 4)
    context.equal(_findings(context, "store")[0]["level"], "warn", "the doctor on little room")
    number = context.json(f"acquire {EDU}", LAB)["lease"]
    words = context.refused(f"run --mode vfio {LONE} -- true", 5,
                            r"keeps 4 descriptors.*2 are in use and this lease needs 3.*"
                            r"FileDescriptorStoreMax=", ROOT)
    context.note(words)
    context.refused(f"plan --mode vfio {LONE}", 5, "FileDescriptorStoreMax=")
    context.sh(f"systemctl restart {UNIT}")
    lease, = context.json("leases")["leases"]
    context.equal((lease["lease"], lease["state"]), (number, "leased"), "the lease after a restart")
    context.isoctl(f"release {number}", LAB)
    context.isoctl(f"run --mode vfio {LONE} -- true")


@test(on=("basic",), kernels=("lab",))
def leases_need_no_more_than_was_counted(context):
    """In each mode the service manager has as many descriptors as the daemon's refusal goes by."""
    shown = f"systemctl show {UNIT} -p NFileDescriptorStore --value"
    for mode, need in (("vfio", 3), ("group-fd", 2), ("iommufd", 3), ("iommufd-unbound", 3),
                       ("path", 1)):
        stored = int(context.isoctl(f"run --mode {mode} {EDU} -- {shown}").out)
        context.tell(f"  {mode}: {stored} descriptors, {need} counted")
        context.equal(stored, need, f"descriptors in mode {mode}")
    context.isoctl(f"run --with-members {JOIN_CARD} -- true")


def _await(context, condition, what):
    context.machine.await_(condition, 60, lambda: what)


@test(on=("basic",), any_kernel=True)
def nobody_is_seen_without_the_helper(context):
    """Holders are not said to be none, nobody is said to be killed, and a restart mends it."""
    client = places.idle_edu(context)
    lease, = context.json("leases")["leases"]
    number = lease["lease"]
    context.equal([each["comm"] for each in context.json("holders")["holders"]], ["dma-client"],
                  "who has it open")
    context.undo("systemctl restart isolationd-look.socket")
    context.sh("systemctl stop isolationd-look.socket isolationd-look.service")
    _await(context, lambda: "isolationd-look cannot be reached: there is no socket" in
           _journal(context), "the journal on the socket")
    found, = _findings(context, "helpers")
    context.equal((found["level"], found["what"]), ("fail", "isolationd-look cannot be reached"),
                  "the doctor's finding")
    for what in ("", f"{number}", EDU):
        context.refused(f"holders {what}", 6, r"cannot find the processes.*restart isolationd\.service")
    context.refused(f"revoke --kill --grace 0 {number}", 7,
                    r"no process was killed, as isolationd cannot find the processes")
    lease, = context.json("leases")["leases"]
    context.equal(lease["state"], "draining", "the lease")
    context.ok(client.code is None, "the client was killed")
    context.sh(f"systemctl restart {UNIT}")
    _await(context, lambda: _findings(context, "helpers")[0]["level"] == "ok", "the socket")
    context.run(f"isoctl revoke --kill {number}")
    client.wait()
    _await(context, lambda: not context.json("leases")["leases"], "the lease's end")
    # Not before: in some kernels the journal stands still while the kernel waits for a client.
    context.ok(f"lease {number}: no process was killed" in _journal(context), "the journal on the kill")


@test(on=("basic",), any_kernel=True)
def a_journal_that_stands_still(context):
    """journald is stopped and its queue is full: requests are done and answered as before."""
    context.isoctl("list")
    context.undo("kill -CONT $(pidof systemd-journald)")
    context.sh("kill -STOP $(pidof systemd-journald)")
    context.tell(f"{context.sh(f'{PROGRAM}/weigh journal').strip()} entries fill the journal's queue")
    for _ in range(3):
        lease = context.json(f"acquire {EDU}", LAB)["lease"]
        context.refused(f"acquire {EDU}", 4, "leased", ROOT)
        context.isoctl(f"release {lease}", LAB)
    context.sh("kill -CONT $(pidof systemd-journald)")
    lease = context.json(f"acquire {EDU}", LAB)["lease"]
    _await(context, lambda: f"lease {lease}: 0000:00/05.0, uid {LAB}" in _journal(context),
           "the journal, once it goes on")
    context.isoctl(f"release {lease}", LAB)


@test(on=("basic",), kernels=("lab",))
def its_files_are_removed(context):
    """All of /run/isolationd goes: what the daemon knows is written again, and no lease is lost."""
    before = places.listing(context)
    first = context.json(f"acquire {EDU}", LAB)["lease"]
    second = context.json(f"acquire --mode group-fd --with-members {JOIN_CARD}", LAB)["lease"]
    waiter = context.spawn(f"exec isoctl run --wait {EDU} -- echo served", LAB)
    _await(context, lambda: context.run(f"test -e {STATE}/queue").code == 0, "the queue's file")
    names = context.sh(f"ls -A {STATE}")
    context.sh("rm -rf /run/isolationd")
    _await(context, lambda: context.run(f"ls -A {STATE}").out == names,
           f"the files {names.split()}")
    context.equal(context.sh(f"stat -c %a:%u /run/isolationd {STATE}").split(), ["755:0", "700:0"],
                  "the directories")
    journal = _journal(context)
    for number in (first, second):
        context.ok(f"lease {number}: its record was removed; it is written again" in journal,
                   f"the journal on lease {number}")
    context.equal({each["what"] for each in _findings(context, "helpers")},
                  {f"isolationd-{name} cannot be reached" for name in ("look", "set", "watch")},
                  "the doctor on the sockets")
    # One by one as well.
    context.sh(f"rm {STATE}/{first}.json")
    _await(context, lambda: context.run(f"test -s {STATE}/{first}.json").code == 0, "the record")
    context.restarts_allowed += 1
    context.sh(f"systemctl kill --signal=KILL {UNIT}")
    leases = {each["lease"]: each["state"] for each in context.json("leases")["leases"]}
    context.equal(leases, {first: "leased", second: "leased"}, "leases after the daemon's death")
    _await(context, lambda: _findings(context, "helpers")[0]["level"] == "ok", "the sockets")
    context.json(f"holders {first}")
    context.isoctl(f"release {first}", LAB)
    waiter.expect("^served$")
    waiter.wait()
    context.isoctl(f"release {second}", LAB)
    context.same_lines(before, places.listing(context), "the machine")
