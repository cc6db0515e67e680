# SPDX-License-Identifier: LGPL-2.1-or-later
"""Build directories: configured once, and never used half-configured.

While meson configures a directory, a file is beside it. If a run finds the file, the run before it was
interrupted, and it configures the directory anew. A directory that was configured by hand has no such
file and is used as it is.
"""

import fcntl
import os
import shutil
import subprocess

import cache

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


def configure(directory, *options, compiler=None):
    """Configure a build directory unless it is; the success, and all that meson wrote."""
    directory = os.path.abspath(directory)
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    mark = f"{directory}.configuring"
    with open(f"{directory}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(os.path.join(directory, "build.ninja")) and not os.path.exists(mark):
            return True, ""
        if os.path.exists(mark) or os.path.isdir(os.path.join(directory, "meson-private")):
            shutil.rmtree(directory, ignore_errors=True)
        with open(mark, "w", encoding="ascii"):
            pass
        environment = {**os.environ, **({"CC": compiler} if compiler else {})}
        result = subprocess.run(cache.bound(["meson", "setup", directory, *options]), cwd=TOP,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace", check=False, env=environment,
                                pass_fds=(lock.fileno(),))
        if result.returncode == 0:
            os.unlink(mark)
        return result.returncode == 0, result.stdout
