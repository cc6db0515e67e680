#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Check the conventions that a compiler does not check, one rule per function.

A rule gets a file's path (below the root) and text and yields (line, message). The rules are run on
bad snippets first: a rule that finds nothing there would find nothing anywhere.
"""

import pathlib
import re
import sys

FOLDERS = ["core", "libclient", "cli", "daemon", "tests", "dbus", "units", "man"]
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60

# The pure part of libc: memory, strings, formatting into memory.
MODEL_HEADERS = {
    "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h",
    "stdio.h", "stdlib.h", "string.h", "sys/types.h",
}
BANNED = re.compile(r"\b(system|popen|strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|"
                    r"strtok|tmpnam|mktemp|alloca)\s*\(")

READING = re.compile(r"sd_bus_message_(read\w*|enter_container|exit_container|skip|peek_type|rewind)\b")
LEDGER_WRITE = re.compile(r"\bledger->\w+(\[[^\]]*\])?\s*([-+|&]?=(?!=)|\+\+|--)")
COSTLY_READING = re.compile(r"sd_bus_message_(read_strv\w*|skip|dump|copy)\b")
# credentials, names, polkit: what the bus daemon and polkit say.
MAY_READ_MESSAGES = {"daemon/bus/call/arguments.c", "daemon/bus/access/credentials.c",
                     "daemon/bus/names.c", "daemon/bus/connection.c", "daemon/bus/access/polkit.c"}


def is_c(path):
    return path.endswith((".c", ".h"))


def is_source(path):
    return path.endswith((".c", ".h", ".py", ".sh", "meson.build", "meson_options.txt", ".service",
                          ".rules", ".map", ".sym"))


def blank(text):
    """C without the contents of comments and strings; the lines keep their numbers."""
    def spaces(match):
        kept = re.sub(r"[^\n]", " ", match[0])
        return kept if match[0][0] == "/" else match[0][0] + kept[1:-1] + match[0][-1]

    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", spaces, text,
                  flags=re.S)


def rule_spdx(path, text):
    if is_source(path) and not any("SPDX-License-Identifier: LGPL-2.1-or-later" in line
                                   for line in text.splitlines()[:3]):
        yield 1, "no SPDX line"


def rule_file_length(path, text):
    n = text.count("\n")
    if is_c(path) and n > FILE_LINES_MAX:
        yield n, f"{n} lines, more than {FILE_LINES_MAX}"


def rule_function_length(path, text):
    if not is_c(path):
        return
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            if number - start + 1 > FUNCTION_LINES_MAX:
                yield start, (f"function of {number - start + 1} lines, "
                              f"more than {FUNCTION_LINES_MAX}")
            start = None


def rule_concept(path, text):
    if not is_c(path):
        return
    rest = re.sub(r"\A/\*[^\n]*SPDX[^\n]*\*/\s*"
                  r"(#pragma once\s*|#ifndef \w+\s+#define \w+\s*)?", "", text)
    comment = re.match(r"/\*(.*?)\*/", rest, flags=re.S)
    if not comment or len(comment[1].split()) < 3:
        yield 1, "does not open with a comment on its concept"


def rule_includes(path, text):
    """tests/modules.py checks which module may include which."""
    if not is_c(path):
        return
    for number, line in enumerate(text.splitlines(), 1):
        include = re.match(r"\s*#\s*include\s*([\"<])([^\">]+)", line)
        if not include:
            continue
        ours, name = include[1] == '"', include[2]
        if ".." in name.split("/"):
            yield number, f"includes {name}, upwards"
        if path.startswith("core/model/") and not ours and name not in MODEL_HEADERS:
            yield number, f"core/model/ includes <{name}>, which is not pure"


def rule_banned(path, text):
    if not is_c(path):
        return
    for number, line in enumerate(blank(text).splitlines(), 1):
        for match in BANNED.finditer(line):
            yield number, f"calls {match[1]}()"


def rule_bounded_reading(path, text):
    """What callers send is read by daemon/bus/call/arguments.c; the others listed read the bus's words."""
    if not path.startswith("daemon/") or path in MAY_READ_MESSAGES:
        return
    for number, line in enumerate(blank(text).splitlines(), 1):
        for match in READING.finditer(line):
            yield number, f"reads a message by {match[0]}, not by daemon/bus/call/arguments.h"


def rule_ledger_is_read(path, text):
    """Only the ledger itself and the reconciler write the ledger's fields."""
    if not path.startswith("daemon/") or path.startswith(("daemon/ledger/", "daemon/reconcile/")):
        return
    for number, line in enumerate(blank(text).splitlines(), 1):
        if LEDGER_WRITE.search(line):
            yield number, "writes a field of the ledger"


def rule_no_costly_reading(path, text):
    """Costs more than what it returns: sd_bus_message_read_strv() of systemd 252 is quadratic."""
    if not path.startswith("daemon/"):
        return
    for number, line in enumerate(blank(text).splitlines(), 1):
        for match in COSTLY_READING.finditer(line):
            if path != "daemon/bus/access/credentials.c" or "strv" in match[0]:
                yield number, f"reads a message by {match[0]}"


def rule_white_space(path, text):
    if not is_source(path):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            yield number, "ends in white space"
        if is_c(path) and "\t" in line:
            yield number, "has a tab"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "the last line does not end"


RULES = [rule_spdx, rule_file_length, rule_function_length, rule_concept, rule_includes, rule_banned,
         rule_bounded_reading, rule_no_costly_reading, rule_ledger_is_read,
         rule_white_space]

HEAD = "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n\n/*\n * What this is.\n */\n\n"
# rule: (path, text that offends, line at fault, text that does not)
SNIPPETS = {
    rule_spdx: [("core/a.c", "int a;\n", 1, HEAD), ("x/meson.build", "test()\n", 1, HEAD)],
    rule_file_length: [("core/a.c", HEAD + "\n" * 500, 506, HEAD + "\n" * 400)],
    rule_function_length: [
        ("core/a.c", "int a(void)\n{\n" + "\n" * 59 + "}\n", 2,
         "int a(void)\n{\n" + "\n" * 58 + "}\n"),
    ],
    rule_concept: [
        ("core/a.c", HEAD.split("\n\n")[0] + "\n\n#include <stdio.h>\n", 1, HEAD),
        ("core/a.h", HEAD.split("\n\n")[0] + "\n#pragma once\n\n/* */\n", 1,
         HEAD.replace("*/\n\n/*", "*/\n#pragma once\n\n/*", 1)),
    ],
    rule_includes: [
        ("core/model/a.c", "#include <unistd.h>\n", 1, "#include <string.h>\n"),
        ("cli/a.c", '#include "../daemon/log.h"\n', 1, '#include "json.h"\n'),
    ],
    rule_banned: [
        ("cli/a.c", "x = 1;\ny = system (\"a\");\n", 2, "/* system(\"a\") */ a = \"system()\";\n"),
        ("cli/a.c", "strcpy(a, b);\n", 1, "my_strcpy(a, b);\n"),
        ("cli/a.c", "sprintf(a, b);\n", 1, "snprintf(a, 1, b);\n"),
    ],
    rule_bounded_reading: [
        ("daemon/bus/a.c", 'r = sd_bus_message_read(m, "s", &t);\n', 1,
         "r = argument_read_text(m, t);\n"),
        ("daemon/bus/a.c", "\nsd_bus_message_read_strv(m, &t);\n", 2,
         "sd_bus_message_append(m);\n"),
        ("daemon/a.c", 'sd_bus_message_skip(m, "v");\n', 1, "/* sd_bus_message_skip() */\n"),
    ],
    rule_ledger_is_read: [
        ("daemon/queue/a.c", "\nledger->n_leases = 0;\n", 2, "a = ledger->n_leases == 0;\n"),
        ("daemon/queue/a.c", "ledger->leases[i] = NULL;\n", 1, "ledger_set_bus(ledger, id);\n"),
    ],
    rule_no_costly_reading: [
        ("daemon/bus/call/arguments.c", "sd_bus_message_read_strv(m, &t);\n", 1,
         "sd_bus_message_read_basic(m, 's', &t);\n"),
        ("daemon/bus/access/credentials.c", "sd_bus_message_read_strv(m, &t);\n", 1,
         'sd_bus_message_skip(m, "v");\n'),
    ],
    rule_white_space: [("core/a.c", "int a; \n", 1, "int a;\n"), ("core/a.c", "\tx\n", 1, "x\n")],
}


def test_rules():
    """Returns the faults of the rules themselves."""
    wrong = []
    for rule in RULES:
        for path, bad, line, good in SNIPPETS[rule]:
            found = [number for number, _ in rule(path, bad)]
            if line not in found:
                wrong.append(f"{rule.__name__} finds {found} in {bad[:60]!r}, not line {line}")
            if list(rule(path, good)):
                wrong.append(f"{rule.__name__} objects to {good[:60]!r}")
    return wrong


def files(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and "/corpus/" not in name and "__pycache__" not in name \
                    and (is_c(name) or is_source(name)):
                yield name, path.read_text(errors="replace")


def report(number, name, offences):
    for offence in offences:
        print(f"# {offence}")
    print("not ok" if offences else "ok", number, "-", name)
    return bool(offences)


def main():
    root = pathlib.Path(sys.argv[1])
    sources = list(files(root))

    print(f"1..{len(RULES) + 1}")
    failed = report(1, "the rules find what they are for", test_rules())
    for number, rule in enumerate(RULES, 2):
        offences = [f"{name}:{line}: {message}" for name, text in sources
                    for line, message in rule(name, text)]
        if not sources:
            offences = [f"no sources below {root}"]
        failed |= report(number, rule.__name__.replace("rule_", "").replace("_", " "), offences)
    return 1 if failed else 0


sys.exit(main())
