# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of leases is on the journal, and isoctl history puts it together again."""

import json
import re

from suite import LAB, STRANGER, test
from suites.places import EDU, hold_edu, let_go

JOURNAL = "journalctl -b -o json --no-pager _SYSTEMD_UNIT=isolationd.service"


def entries(context, event):
    """The daemon's entries of that kind in this boot."""
    text = context.sh(f"journalctl --sync; {JOURNAL} ISOLATIOND_EVENT={event}")
    return [json.loads(line) for line in text.splitlines()]


def _story(context, lease):
    found = [each for each in context.json("history")["leases"] if each["lease"] == lease]
    context.ok(found, f"history knows nothing of lease {lease}")
    return found[-1]


@test(on=("basic",))
def a_lease_is_told_of(context):
    """Taken and given back: with its owner, rule and guard; the history has it in one line."""
    client = hold_edu(context)
    lease = context.json("leases")["leases"][0]
    taken = entries(context, "taken")[-1]
    context.equal({name: taken.get(f"ISOLATIOND_{name}") for name in
                   ("LEASE", "DEVICE", "GROUP", "OWNER_UID", "RULE", "GUARD", "MODE")},
                  {"LEASE": str(lease["lease"]), "DEVICE": EDU, "GROUP": lease["groups"][0],
                   "OWNER_UID": str(LAB), "RULE": lease["rule"], "GUARD": "owned", "MODE": "vfio"},
                  "fields of what was taken")
    story = _story(context, lease["lease"])
    context.equal((story["until"], story["ended"], story["uid"]), (None, None, LAB),
                  "the history of a lease that lasts")
    let_go(client)
    back = entries(context, "given-back")[-1]
    context.equal([back[f"ISOLATIOND_{name}"] for name in ("LEASE", "ENDED", "GUARD")],
                  [str(lease["lease"]), "released", "owned"], "fields of what was given back")
    story = _story(context, lease["lease"])
    context.equal((story["ended"], story["rule"], story["devices"], story["mode"]),
                  ("released", lease["rule"], [EDU], "vfio"), "the history of a lease that ended")
    context.ok(story["since"] <= story["until"], f"it ended before it began: {story}")
    text = context.isoctl("history --since 1h").out
    context.ok(f"{LAB}(lab)" in text and "released" in text, text)
    # The explanation that comes with it, once the catalog is compiled.
    explained = context.sh(f"journalctl --update-catalog; journalctl -x -b --no-pager "
                           f"ISOLATIOND_EVENT=given-back ISOLATIOND_LEASE={lease['lease']}")
    context.ok("The host has its devices and drivers again" in explained, explained)


@test(on=("basic",), any_kernel=True)
def a_refusal_is_told_of(context):
    context.refused(f"acquire {EDU}", 5, "", STRANGER)
    entry = entries(context, "refused")[-1]
    group = context.json(f"show {EDU}")["group"]["id"]
    context.equal([entry.get(f"ISOLATIOND_{name}") for name in
                   ("OWNER_UID", "DEVICE", "GROUP", "RULE", "REFUSAL")],
                  [str(STRANGER), EDU, group, "50-lab.json:4: lab-edu", "PolicyDenied"],
                  "fields of what was refused")
    context.ok("50-lab.json:4: lab-edu" in entry["MESSAGE"], entry["MESSAGE"])
    # By another name, it is the same device.
    context.refused(f"acquire {group}", 5, "", STRANGER)
    context.equal(entries(context, "refused")[-1]["ISOLATIOND_DEVICE"], EDU, "device of the group")
    story = context.json("history")["leases"][-1]
    context.equal((story["ended"], story["refusal"], story["lease"], story["uid"]),
                  ("refused", "PolicyDenied", None, STRANGER), "the history of a refusal")


@test(on=("basic",), any_kernel=True)
def others_do_not_write_history(context):
    """An entry under our ids that root has not written is not counted; who may not read is told."""
    identity = "0539af1e9b354b9ea372cc6edb5cf43d"
    forged = f"MESSAGE=forged\\nMESSAGE_ID={identity}\\nISOLATIOND_LEASE=4711\\n"
    context.sh(f"printf '{forged}' | logger --journald", LAB)
    seen = context.sh(f"journalctl --sync; journalctl -b --no-pager -o cat MESSAGE_ID={identity}")
    context.ok("forged" in seen, "the journal has no forged entry: nothing was tried")
    leases = [each["lease"] for each in context.json("history")["leases"]]
    context.ok(4711 not in leases, f"a forged entry is in the history: {leases}")
    result = context.isoctl("history", LAB)
    context.ok("systemd-journal" in result.err, f"an ordinary user is not told: {result.err}")


@test(on=("basic",), any_kernel=True)
def a_revoked_lease_is_told_of(context):
    context.isoctl(f"acquire {EDU}", LAB)
    lease = context.json("leases")["leases"][0]["lease"]
    context.isoctl(f"transfer {lease} --to root")
    context.isoctl(f"revoke --grace 0 {lease}")
    context.equal(entries(context, "transferred")[-1]["ISOLATIOND_OWNER_UID"], "0", "new owner")
    context.equal(entries(context, "revoked")[-1]["ISOLATIOND_LEASE"], str(lease), "lease")
    story = _story(context, lease)
    context.equal((story["uid"], story["ended"]), (0, "revoked"), "the history")


@test(on=("basic",), any_kernel=True)
def the_kernels_audit_has_it_too(context):
    """What the kernel was told comes to the journal by journald's own socket of the audit."""
    # Debian leaves the kernel's audit off; journald can switch it on, and off again.
    conf = "/run/systemd/journald.conf.d/audit.conf"
    switch = f"mkdir -p $(dirname {conf}); printf '[Journal]\\nAudit=%s\\n' {{}} > {conf}; " \
             "systemctl restart systemd-journald"
    context.undo(f"rm {conf}")
    context.undo(switch.format("no"))
    context.sh(switch.format("yes"))
    context.isoctl(f"run {EDU} -- true", LAB)
    context.refused(f"acquire {EDU}", 5, "", STRANGER)

    def records():
        text = context.sh("journalctl --sync; journalctl -b -o cat --no-pager _TRANSPORT=audit")
        return [line for line in text.splitlines() if f'device="{EDU}"' in line]

    for wanted in (f'op=taken .*owner_uid="{LAB}".* res=success', "op=given-back .* res=success",
                   f'op=refused owner_uid="{STRANGER}".* res=failed'):
        context.machine.await_(lambda: any(re.search(wanted, each) for each in records()), 30,
                               lambda: f"a record of `{wanted}` in the kernel's audit")
    context.tell(records()[-1])
