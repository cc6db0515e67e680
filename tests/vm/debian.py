# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages of other Debian suites, fetched beside the machine's own apt.

The mirror is the one the machine itself uses. Everything apt writes (lists, archives)
goes to a private directory: the machine's package state is never touched.
"""

import os
import re
import subprocess

import cache

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def host_suite():
    with open("/etc/os-release", encoding="ascii", errors="replace") as source:
        found = re.search(r"^VERSION_CODENAME=(\w+)", source.read(), re.MULTILINE)
    if not found:
        raise RuntimeError("/etc/os-release names no VERSION_CODENAME: is this Debian?")
    return found.group(1)


def mirror():
    """The URI from which the machine's apt takes its own suite."""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    listing = subprocess.run(["apt-get", "indextargets", "--format", form,
                              "Created-By: Packages"],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
    suite = host_suite()
    for line in listing.splitlines():
        uri, release, component = line.split()
        if component == "main" and release in (suite, "stable", "testing"):
            return uri
    raise RuntimeError(f"apt knows no repository for {suite} main")


def source_line(suite):
    return f"deb [signed-by={KEYRING}] {mirror()} {suite} main"


class Apt:
    """An apt of our own that sees one suite and nothing else."""

    def __init__(self, directory, suite):
        self.directory = directory
        for sub in ("lists/partial", "cache/archives/partial", "parts"):
            os.makedirs(os.path.join(directory, sub), exist_ok=True)
        sources = os.path.join(directory, "sources.list")
        with open(sources, "w", encoding="utf-8") as output:
            output.write(source_line(suite) + "\n")
        self._options = [
            "-o", f"Dir::Etc::sourcelist={sources}",
            "-o", f"Dir::Etc::sourceparts={directory}/parts",
            "-o", f"Dir::State::Lists={directory}/lists",
            "-o", f"Dir::Cache={directory}/cache",
            "-o", "Dir::State::status=/dev/null",
            "-o", "Acquire::Languages=none",
            # `apt-get download` would drop to user _apt, who cannot write here.
            "-o", "APT::Sandbox::User=root",
        ]
        self._run("apt-get", "-qq", "update")

    def _run(self, tool, *arguments):
        return cache.run([tool, *self._options, *arguments], check=True, text=True,
                         cwd=self.directory, stdout=subprocess.PIPE).stdout

    def depends(self, package):
        """The direct dependencies of a package, by name."""
        listing = self._run("apt-cache", "depends", "--no-recommends", "--no-suggests", package)
        return re.findall(r"^\s*\|?Depends: <?([^\s<>]+)>?$", listing, re.MULTILINE)

    def names(self, pattern):
        listing = self._run("apt-cache", "search", "--names-only", pattern)
        return [line.split(" ", 1)[0] for line in listing.splitlines()]

    def unpack(self, package, target):
        """Fetch one package and unpack its files (its scripts are not run)."""
        self._run("apt-get", "-qq", "download", package)
        archives = [name for name in os.listdir(self.directory)
                    if name.startswith(f"{package}_") and name.endswith(".deb")]
        if len(archives) != 1:
            raise RuntimeError(f"apt-get download {package} left {archives}")
        archive = os.path.join(self.directory, archives[0])
        cache.run(["dpkg-deb", "-x", archive, target], check=True)
        os.unlink(archive)
