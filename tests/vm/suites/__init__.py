# SPDX-License-Identifier: LGPL-2.1-or-later
"""The VM tests, a file for each thing the daemon promises; here, the order in which they run."""

import importlib

ORDER = (
    "service",
    "idle",
    "groups",
    "doctor",
    "audit",
    "lease",
    "modes",
    "waiting",
    "holders",
    "faults",
    "release",
    "revoke",
    "guard",
    "members",
    "park",
    "matrix",
    "crash",
    "sriov",
    "storm",
    "crowd",
    "clean",
    "critical",
    "domain",
    "boot",
    "keeping",
    "trust",
    "bad",
)


def load():
    for name in ORDER:
        importlib.import_module(f"suites.{name}")
