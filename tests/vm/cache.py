# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cache of expensive files, under a hash of their inputs.

An entry is a directory ${cache}/KIND-HASH. It is built in a work directory beside its final name and
renamed into place, so that it is either there and whole, or not there. An entry that is removed is
renamed to a work directory first.

Only the holder of the kind's lock has work directories of that kind. Those that it finds are left
over from a run that was interrupted, and are removed. The commands that fill a work directory
(run()) keep the lock as long as they live, and end with the process that started them.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

# Another checkout may make, and be using, the same things from other inputs.
UNUSED_SECONDS_MAX = 14 * 24 * 3600

HERE = os.path.dirname(os.path.abspath(__file__))

# The lock of the entry that a thread is making.
_making = threading.local()


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


def bound(command, signal="TERM"):
    """The command, to be ended by the signal when the thread that starts it ends, however it ends."""
    return ["setpriv", "--pdeathsig", signal, *command]


def run(command, check=False, **options):
    """subprocess.run() of a command that fills the entry that this thread is making.

    When this is interrupted the command is told to end, and is waited for: mmdebstrap has things to
    unmount.
    """
    lock = getattr(_making, "lock", None)
    with subprocess.Popen(bound(command), pass_fds=() if lock is None else (lock,),
                          **options) as process:
        try:
            out, err = process.communicate()
        except BaseException:
            process.terminate()
            raise
    result = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        result.check_returncode()
    return result


def _mounts_below(path):
    """Where something is mounted at or below a path, the innermost first."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as source:
        for line in source:
            place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4])
            if place == path or place.startswith(path + "/"):
                found.append(place)
    return reversed(found)


def _remove(path):
    """Remove a work directory. mmdebstrap may have left the host's /dev mounted in it."""
    path = os.path.realpath(path)
    for place in _mounts_below(path):
        subprocess.run(["umount", "--lazy", place], check=True)
    shutil.rmtree(path)


def _is_work(kind, name):
    return re.fullmatch(rf"\.{re.escape(kind)}-[^-]+", name)


def _remove_left_over(kind):
    """Remove what an interrupted run has left. The caller has the kind's lock."""
    for name in os.listdir(root()):
        path = os.path.join(root(), name)
        if _is_work(kind, name) and os.path.isdir(path):
            print(f"lab: removing {path}, which an interrupted run has left", file=sys.stderr,
                  flush=True)
            _remove(path)


def _work_directory(kind):
    return tempfile.mkdtemp(prefix=f".{kind}-", dir=root())


def _drop(kind, final):
    """Remove an entry. It is never there in part under its own name."""
    work = _work_directory(kind)
    os.rename(final, work)
    _remove(work)


def _evict(kind):
    """Remove what has not been used for long."""
    for name in os.listdir(root()):
        path = os.path.join(root(), name)
        if (name.startswith(f"{kind}-")
                and time.time() - os.stat(path).st_mtime > UNUSED_SECONDS_MAX):
            _drop(kind, path)


def _make(kind, final, build, lock):
    print(f"lab: making {kind} ({final})", file=sys.stderr, flush=True)
    work = _work_directory(kind)
    _making.lock = lock
    try:
        build(work)
        os.chmod(work, 0o755)
        os.rename(work, final)
    except Exception:
        # Every command has ended. When this is interrupted that is not known: the next run, which
        # waits for the last of them to let go of the lock, removes what is left.
        _remove(work)
        raise
    finally:
        _making.lock = None


def entry(kind, key, build, refresh=False):
    """The directory of an entry; build(directory) fills it when it is missing."""
    final = os.path.join(root(), f"{kind}-{key}")
    # Two runs that start together must not both build: the second waits and finds it there.
    with open(os.path.join(root(), f".{kind}.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_left_over(kind)
        if refresh and os.path.isdir(final):
            _drop(kind, final)
        if os.path.isdir(final):
            os.utime(final)
            return final
        _make(kind, final, build, lock.fileno())
        _evict(kind)
    return final
