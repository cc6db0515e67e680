# SPDX-License-Identifier: LGPL-2.1-or-later
"""Things that are expensive to make, kept under a hash of what they are made from.

An entry is a directory ${cache}/KIND-HASH. It is built beside its final name and
renamed into place, so that it is either there and whole, or not there.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time

# Another checkout may make, and be using, the same things from other inputs.
UNUSED_SECONDS_MAX = 14 * 24 * 3600

HERE = os.path.dirname(os.path.abspath(__file__))


def root():
    base = os.environ.get("ISOLATIOND_CACHE")
    if not base:
        xdg = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        base = os.path.join(xdg, "isolationd")
    os.makedirs(base, exist_ok=True)
    return base


def digest(*inputs):
    """The hash of files (given as paths of this folder) and of plain strings."""
    state = hashlib.sha256()
    for item in inputs:
        path = os.path.join(HERE, item)
        if os.path.isfile(path):
            with open(path, "rb") as source:
                state.update(hashlib.file_digest(source, "sha256").digest()
                             if hasattr(hashlib, "file_digest")
                             else hashlib.sha256(source.read()).digest())
        else:
            state.update(hashlib.sha256(item.encode()).digest())
    return state.hexdigest()[:16]


def _evict(kind):
    """Remove what has not been used for long."""
    for name in os.listdir(root()):
        path = os.path.join(root(), name)
        if (name.startswith(f"{kind}-")
                and time.time() - os.stat(path).st_mtime > UNUSED_SECONDS_MAX):
            shutil.rmtree(path)


def entry(kind, key, build, refresh=False):
    """The directory of an entry; build(directory) fills it when it is missing."""
    final = os.path.join(root(), f"{kind}-{key}")
    # Two runs that start together must not both build: the second waits and finds it there.
    with open(os.path.join(root(), f".{kind}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if refresh and os.path.isdir(final):
            shutil.rmtree(final)
        if os.path.isdir(final):
            os.utime(final)
            return final
        print(f"lab: making {kind} ({final})", file=sys.stderr, flush=True)
        work = tempfile.mkdtemp(prefix=f".{kind}-", dir=root())
        try:
            build(work)
            os.chmod(work, 0o755)
            os.rename(work, final)
        except BaseException:
            shutil.rmtree(work)
            raise
        _evict(kind)
    return final
