#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model is pure: its archive may need nothing but memory, strings and sorting.

Compares `nm -u` of the archive with an allow-list, then proves that the comparison can fail.
"""

import subprocess
import sys

ALLOWED = {
    "bsearch", "calloc", "free", "malloc", "qsort", "realloc",
    "memchr", "memcmp", "memcpy", "memmove", "memset",
    "stpcpy", "strchr", "strcmp", "strcspn", "strdup", "strlen", "strncmp", "strrchr", "strspn",
    "strstr",
    # Formatting into memory; the fortified names are the same functions.
    "snprintf", "vasprintf", "vsnprintf",
    "__memcpy_chk", "__memset_chk", "__snprintf_chk", "__vasprintf_chk", "__vsnprintf_chk",
}
# What compilers and their instrumentation add by themselves.
COMPILER = ("__stack_chk_", "__asan_", "__ubsan_", "__sanitizer_", "__sancov_", "__gcov_",
            "__llvm_", "_GLOBAL_OFFSET_TABLE_", "__start___sanc", "__stop___sanc")
RESERVED = "__"  # a variable named so is not ours: sanitizers register their globals


def names(lines, kinds):
    found = set()
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[-2] in kinds:
            found.add(words[-1])
    return found


def impure(needed, defined):
    return sorted(name for name in needed - defined - ALLOWED if not name.startswith(COMPILER))


def writable_names(lines):
    """Symbols in writable sections; .data.rel.ro is constant but for the loader."""
    found = []
    for line in lines:
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7 and columns[6].startswith((".data", ".bss", "*COM*")) \
                and not columns[6].startswith(".data.rel.ro") \
                and not columns[0].startswith(RESERVED):
            found.append(columns[0])
    return sorted(found)


def run_nm(*arguments):
    return subprocess.run(["nm", *arguments], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def main():
    archive = sys.argv[1]
    lines = run_nm(archive)
    needed = names(lines, {"U", "w", "v"})
    defined = names(lines, set("TtRrDdBbVW"))
    writable = writable_names(run_nm("-f", "sysv", archive))
    offences = impure(needed, defined)

    print("1..3")
    for name in offences:
        print(f"# needs {name}")
    print(("not ok" if offences or not defined else "ok"), "1 - the model needs only what is pure")
    for name in writable:
        print(f"# writable {name}")
    print(("not ok" if writable else "ok"), "2 - the model has no state")
    caught = impure({"open", "getenv", "clock_gettime", "calloc"}, set())
    state = "counter|0000000000000000|   b  |OBJECT|0000000000000004|     |.bss"
    ok = caught == ["clock_gettime", "getenv", "open"] and writable_names([state]) == ["counter"]
    print(("ok" if ok else "not ok"), "3 - an impure symbol and a variable would be caught")
    return 1 if offences or writable or not ok or not defined else 0


sys.exit(main())
