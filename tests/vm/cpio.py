# SPDX-License-Identifier: LGPL-2.1-or-later
"""A writer of cpio archives in the "newc" format: what the kernel unpacks as an initramfs.

The kernel accepts several archives one after the other. So the part that never changes
(busybox, modules) is made once, and what a test run brings along is appended to it.
"""

import os
import stat


class Archive:
    def __init__(self, stream):
        self._stream = stream
        self._inode = 0
        self._directories = set()

    def _write(self, name, mode, data=b"", device=(0, 0)):
        self._inode += 1
        raw = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._padded(header + raw)
        self._padded(data)

    def _padded(self, data):
        self._stream.write(data)
        self._stream.write(b"\0" * (-len(data) % 4))

    def directory(self, name, mode=0o755):
        """Make a directory, and its parents where this archive has not made them yet."""
        if name in ("", ".") or name in self._directories:
            return
        self.directory(os.path.dirname(name))
        self._directories.add(name)
        self._write(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        self.directory(os.path.dirname(name))
        self._write(name, stat.S_IFREG | mode, data)

    def copy(self, name, path, mode=None):
        with open(path, "rb") as source:
            self.file(name, source.read(), mode or stat.S_IMODE(os.stat(path).st_mode))

    def symlink(self, name, target):
        self.directory(os.path.dirname(name))
        self._write(name, stat.S_IFLNK | 0o777, target.encode())

    def character(self, name, major, minor, mode=0o600):
        self.directory(os.path.dirname(name))
        self._write(name, stat.S_IFCHR | mode, device=(major, minor))

    def tree(self, prefix, top):
        """Everything below the directory `top`, owned by root, under `prefix`.

        Only root may write it, whatever the umask of the checkout was.
        """
        for here, directories, files in os.walk(top):
            directories.sort()
            inside = os.path.normpath(os.path.join(prefix, os.path.relpath(here, top)))
            self.directory(inside, stat.S_IMODE(os.stat(here).st_mode) & ~0o022)
            for name in sorted(files) + [d for d in directories
                                         if os.path.islink(os.path.join(here, d))]:
                path = os.path.join(here, name)
                if os.path.islink(path):
                    self.symlink(os.path.join(inside, name), os.readlink(path))
                else:
                    self.copy(os.path.join(inside, name), path,
                              stat.S_IMODE(os.stat(path).st_mode) & ~0o022)

    def close(self):
        self._inode = -1
        self._write("TRAILER!!!", 0)
