#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hold each unit to a limit of exposure, as systemd-analyze counts it.

The limit of isolationd.service is the rest after all rights are removed that the daemon does not
need: ARCHITECTURE.md ("What holds the daemon in") names what each of the rest is for.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

# Unit: tenths.
LIMITS = {"isolationd.service": 20, "isolationd-reserve.service": 20, "isolationd-look.service": 20,
          "isolationd-set.service": 20, "isolationd-watch@.service": 20}


def analyse(path, limit):
    """The verdict on the limit, the exposure, and the settings that count against it."""
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                             f"--threshold={limit}", path],
                            capture_output=True, text=True, errors="replace", check=False,
                            env={**os.environ, "COLUMNS": "300", "SYSTEMD_COLORS": "0"})
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    if not found:
        raise RuntimeError(f"no exposure in what systemd-analyze says:\n{result.stdout}"
                           f"{result.stderr}")
    return result.returncode == 0, float(found[1]), re.findall(r"(?m)^✗ (\S+)", result.stdout)


def spoiled(path, directory):
    """The unit without its capabilities' bounds."""
    copy = os.path.join(directory, os.path.basename(path))
    with open(path, encoding="utf-8") as source, open(copy, "w", encoding="utf-8") as target:
        target.write(re.sub(r"(?m)^CapabilityBoundingSet=.*\n", "", source.read()))
    return copy


def main():
    if not shutil.which("systemd-analyze"):
        print("1..0 # SKIP systemd-analyze is not installed")
        return 0
    failed = 0
    print(f"1..{2 * len(LIMITS)}")
    for number, (unit, limit) in enumerate(LIMITS.items()):
        path = os.path.join(sys.argv[1], unit)
        good, exposure, open_doors = analyse(path, limit)
        print(f"# tell: {unit}: exposure {exposure}, limit {limit / 10}")
        print(f"# {' '.join(open_doors)}")
        print(f"{'ok' if good else 'not ok'} {2 * number + 1} - {unit} leaves no more open")
        with tempfile.TemporaryDirectory(prefix="isolationd-units-") as directory:
            seen = not analyse(spoiled(path, directory), limit)[0]
        print(f"{'ok' if seen else 'not ok'} {2 * number + 2} - {unit}: more is noticed")
        failed += (not good) + (not seen)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
