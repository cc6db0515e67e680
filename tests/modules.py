#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Check that modules use each other in one direction, and that no files call each other in a circle.

tests/modules.txt lists the modules in their order. This test compares the list with the `#include`
lines of the sources and with the symbols (`nm`) of the objects of a build. A function that is only
named, for example as a callback, counts as called.

    modules.py BUILD [--known FILE]     check; FILE lists the offences that are known (TAP)
    modules.py BUILD --entries          print what FILE must list today
    modules.py BUILD --picture          print the graph of the modules, for ARCHITECTURE.md

Each rule is run on bad examples first: a rule that finds nothing there would find nothing anywhere.
"""

import argparse
import collections
import dataclasses
import itertools
import json
import pathlib
import posixpath
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("core", "libclient", "cli", "daemon")
BEGIN, END = "<!-- modules.py --picture: begin -->", "<!-- modules.py --picture: end -->"
UNDEFINED = {"U", "w", "v"}
DEFINED = set("TDBRGSCWVui")


@dataclasses.dataclass
class Module:
    folder: str
    owns: str
    part: str
    rank: int


@dataclasses.dataclass
class Facts:
    """Facts from the sources and the objects; paths are below the root of the project."""

    lines: dict     # file: how many lines it has
    includes: dict  # (file, header): the first line with it; only headers of the project
    calls: dict     # (file, file): the names that the first takes from the second


# -- reading --

def read_list(text):
    """Returns the modules by their folders, the parts that each part may use, and the faults of the list."""
    modules, parts, wrong, part = {}, {"": {""}}, [], ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        heading = re.fullmatch(r"\[(\w+)(?::((?: +\w+)+))?\]", line)
        words = line.split(None, 1)
        if not line or line.startswith("#"):
            continue
        if heading:
            part, others = heading[1], (heading[2] or "").split()
            wrong += [f"line {number}: part {other} does not come before" for other in others if other not in parts]
            parts[part] = {part, *others}
        elif len(words) != 2:
            wrong.append(f"line {number}: not `folder  what it owns`")
        elif words[0] in modules:
            wrong.append(f"line {number}: {words[0]} is there twice")
        else:
            modules[words[0]] = Module(*words, part, len(modules))
    return modules, parts, wrong


def read_known(text):
    """The entries of a file of known offences: (kind, file, file...)."""
    lines = re.sub(r"\n[ \t]+(?=\S)", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [tuple(line.split()) for line in lines if line.strip()]


def read_symbols(text):
    """Returns from `nm -A -P` the names that each object defines for others, and those that it needs."""
    defines, needs = collections.defaultdict(set), collections.defaultdict(set)
    for line in text.splitlines():
        found = re.match(r"(.+): (\S+) (\S)( |$)", line)
        if found and found[3] in UNDEFINED:
            needs[found[1]].add(found[2])
        elif found and found[3] in DEFINED:
            defines[found[1]].add(found[2])
    return defines, needs


def find_calls(source_of, defines, needs):
    """{(file, file): names} from the symbols of objects; source_of has the file of each object.

    Two objects of one source are one file. If several files define a name, the nearest folder counts.
    """
    def near(file, source):
        return len(posixpath.commonpath(["/" + posixpath.dirname(file), "/" + posixpath.dirname(source)]))

    definers, calls = collections.defaultdict(set), collections.defaultdict(set)
    for item, source in source_of.items():
        for name in defines[item]:
            definers[name].add(source)
    for item, source in source_of.items():
        for name in needs[item]:
            nearest = max((near(file, source) for file in definers.get(name, ())), default=0)
            for file in definers.get(name, ()):
                if file != source and near(file, source) == nearest:
                    calls[source, file].add(name)
    return dict(calls)


def read_objects(build):
    """{object: source} of the project's own sources, from the commands of the build."""
    found = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        source = (pathlib.Path(command["directory"]) / command["file"]).resolve()
        if source.is_relative_to(ROOT) and source.relative_to(ROOT).parts[0] in FOLDERS:
            found[str(build / command["output"])] = source.relative_to(ROOT).as_posix()
    return found


def find_includes(path, text, files):
    """(header, line) of each header of the project that a source includes."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if not found:
            continue
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
        if found[1] == '"' or found[2] in files:
            yield (beside if found[1] == '"' and beside in files else found[2]), number


def read_sources(sources):
    """Lines and includes, from {path: text}."""
    includes = {}
    for path, text in sources.items():
        for header, number in find_includes(path, text, sources):
            includes.setdefault((path, header), number)
    return {path: text.count("\n") for path, text in sources.items()}, includes


def read_facts(build):
    sources = {path.relative_to(ROOT).as_posix(): path.read_text(errors="replace")
               for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.[ch]"))}
    objects = read_objects(build)
    absent = [item for item in objects if not pathlib.Path(item).exists()]
    if absent or not objects:
        sys.exit(f"modules.py: build everything first: {len(absent)} of {len(objects)} objects are missing")
    out = subprocess.run(["nm", "-A", "-P", *objects], check=True, capture_output=True, text=True).stdout
    defines, needs = read_symbols(out)
    if len(defines) < len(objects) / 2:
        sys.exit("modules.py: the objects have no symbols of their own (LTO): use a build without it")
    return Facts(*read_sources(sources), find_calls(objects, defines, needs))


# -- the graph --

def find_circles(pairs):
    """Sets of files each of which reaches all others of its set (Tarjan, without recursion)."""
    targets = collections.defaultdict(list)
    for a, b in sorted(pairs):
        targets[a].append(b)
    index, low, stack, circles = {}, {}, [], []
    for start in list(targets):
        work = [] if start in index else [(start, iter(targets[start]))]
        if work:
            index[start] = low[start] = len(index)
            stack.append(start)
        while work:
            file, rest = work[-1]
            other = next(rest, None)
            if other is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[file])
                if low[file] == index[file]:
                    circle = set(stack[stack.index(file):])
                    del stack[stack.index(file):]
                    circles += [circle] if len(circle) > 1 else []
            elif other not in index:
                index[other] = low[other] = len(index)
                stack.append(other)
                work.append((other, iter(targets.get(other, ()))))
            elif other in stack:
                low[file] = min(low[file], index[other])
    return sorted(circles, key=lambda circle: (-len(circle), min(circle)))


def module_of(modules, file):
    return modules.get(posixpath.dirname(file))


def is_private(header):
    return re.fullmatch(r"(.*_)?internal\.h", posixpath.basename(header)) is not None


def objection(modules, parts, user, used):
    """Why a file of module `user` may not use one of module `used`, or None."""
    if used.rank > user.rank:
        return f"{used.folder} comes after {user.folder} in the list"
    if used.part not in parts[user.part]:
        return f"part {user.part} does not use part {used.part}"
    return None


# -- the rules: each yields (entry of the known file or None, message) --

def rule_every_file_has_a_module(facts, modules, parts):
    for file in facts.lines:
        if not module_of(modules, file):
            yield None, f"{file}: tests/modules.txt does not list {posixpath.dirname(file)}"
    for folder in modules.keys() - {posixpath.dirname(file) for file in facts.lines}:
        yield None, f"tests/modules.txt: {folder} has no file"


def rule_includes_point_down(facts, modules, parts):
    for (file, header), line in facts.includes.items():
        user, used = module_of(modules, file), module_of(modules, header)
        if not used and user:
            yield None, f"{file}:{line}: {header} belongs to no module"
        why = user and used and objection(modules, parts, user, used)
        if why:
            yield ("include", file, header), f"{file}:{line}: includes {header}; {why}"


def rule_private_headers_stay_inside(facts, modules, parts):
    for (file, header), line in facts.includes.items():
        if is_private(header) and posixpath.dirname(header) != posixpath.dirname(file):
            yield ("private", file, header), f"{file}:{line}: includes {header}, a private header"


def rule_calls_point_down(facts, modules, parts):
    for (file, other), names in sorted(facts.calls.items()):
        user, used = module_of(modules, file), module_of(modules, other)
        why = user and used and objection(modules, parts, user, used)
        if why:
            yield ("call", file, other), f"{file}: takes {', '.join(sorted(names))} from {other}; {why}"


def rule_no_circles(facts, modules, parts):
    for circle in find_circles(facts.calls):
        names = [f"{a} -> {b}: {' '.join(sorted(facts.calls[a, b]))}"
                 for a, b in itertools.permutations(sorted(circle), 2) if (a, b) in facts.calls]
        yield ("circle", *sorted(circle)), "\n#   ".join([f"circle of {len(circle)}:", *names])


RULES = [rule_every_file_has_a_module, rule_includes_point_down, rule_private_headers_stay_inside,
         rule_calls_point_down, rule_no_circles]


def is_known(entry, known):
    """A circle may be smaller than the known one, after a part of it has been broken up."""
    if entry and entry[0] == "circle":
        return any(each[0] == "circle" and set(entry) <= set(each) for each in known)
    return entry in known


def find_outdated(known, entries):
    """Known entries, and files of known circles, that are no offence any more."""
    in_circles = {file for entry in entries if entry[0] == "circle" for file in entry[1:]}
    for each in known:
        if each[0] == "circle":
            gone = sorted(set(each[1:]) - in_circles)
            if gone:
                yield f"in no circle any more, take it out of the known ones: {' '.join(gone)}"
        elif each not in entries:
            yield f"not needed any more, take it out of the known ones: {' '.join(each)}"


# -- the picture --

def draw(facts, modules, parts):
    """One line for each module with the modules that it uses, without those that they use themselves."""
    uses = {folder: set() for folder in modules}
    for a, b in itertools.chain(facts.includes, facts.calls):
        user, used = module_of(modules, a), module_of(modules, b)
        if user and used and user != used and used.rank < user.rank:
            uses[user.folder].add(used.folder)
    below = {}
    for folder in modules:
        below[folder] = set().union(uses[folder], *(below[used] for used in uses[folder]))
    width = max(map(len, modules))
    for folder in modules:
        direct = [used for used in modules if used in uses[folder]
                  and not any(used in below[other] for other in uses[folder])]
        yield f"    {folder:{width}}  ◄─ {', '.join(direct)}" if direct else f"    {folder}"


def compare_picture(text, picture):
    """Returns the faults of the picture between the markers of a document."""
    found = re.search(f"{re.escape(BEGIN)}\n(.*){re.escape(END)}", text, flags=re.S)
    if not found:
        return [f"ARCHITECTURE.md: no lines {BEGIN} and {END}"]
    if found[1].strip("\n") != "\n".join(picture):
        return ["ARCHITECTURE.md: the picture of the modules is not what --picture prints:", *picture]
    return []


# -- bad examples --

LIST = "[core]\na/low  x\na/high  x\n[other]\nb  x\n[top: core]\nc  x\nc/sub  x\n"
# rule: the facts that offend (lines, includes, calls), the entry or words expected, facts that do not.
EXAMPLES = [
    (rule_every_file_has_a_module, {"c/new/x.c": "", "a/low/x.c": ""}, {}, "c/new"),
    (rule_every_file_has_a_module, {"c/x.c": ""}, {}, "b has no file"),
    (rule_includes_point_down, {"a/low/x.c": '\n#include "a/high/y.h"\n', "a/high/y.h": ""}, {},
     ("include", "a/low/x.c", "a/high/y.h")),
    (rule_includes_point_down, {"c/x.c": '# include "b/y.h"\n', "b/y.h": ""}, {}, ("include", "c/x.c", "b/y.h")),
    (rule_includes_point_down, {"a/low/x.c": "#include <c/y.h>\n", "c/y.h": ""}, {}, ("include", "a/low/x.c", "c/y.h")),
    (rule_includes_point_down, {"c/x.c": '#include "tests/tap.h"\n'}, {}, "no module"),
    (rule_private_headers_stay_inside, {"c/x.c": '#include "a/low/y_internal.h"\n'}, {},
     ("private", "c/x.c", "a/low/y_internal.h")),
    (rule_private_headers_stay_inside, {"c/sub/x.c": '#include "c/internal.h"\n', "c/internal.h": ""}, {},
     ("private", "c/sub/x.c", "c/internal.h")),
    (rule_calls_point_down, {}, {("a/low/x.c", "c/y.c"): {"f"}}, ("call", "a/low/x.c", "c/y.c")),
    (rule_calls_point_down, {}, {("c/x.c", "b/y.c"): {"f"}}, ("call", "c/x.c", "b/y.c")),
    (rule_no_circles, {}, {("b/x.c", "b/y.c"): {"f"}, ("b/y.c", "b/z.c"): {"g"}, ("b/z.c", "b/x.c"): {"h"},
                           ("b/z.c", "c/x.c"): {"i"}}, ("circle", "b/x.c", "b/y.c", "b/z.c")),
]
# Sources and calls that no rule objects to.
GOOD_SOURCES = {"a/low/x.c": '#include "x_internal.h"\n#include <stdio.h>\n', "a/low/x_internal.h": "",
                "a/high/x.c": '#include "a/low/x.h"\n', "b/x.c": "", "c/x.c": '#include "a/high/x.h"\n',
                "c/sub/x.c": '#include "c/y.h"\n', "a/low/x.h": "", "a/high/x.h": "", "c/y.h": ""}
GOOD_CALLS = {("c/x.c", "a/low/x.c"): {"f"}, ("c/x.c", "a/high/x.c"): {"g"}, ("a/high/x.c", "a/low/x.c"): {"h"}}
SYMBOLS = ("o/1.o: shared T 0 8\no/1.o: hidden t 8 8\no/1.o: wanted U         \no/1.o: soft w         \n"
           "o/2.o: wanted W 0 8\no/2.o: hidden U         \no/2.o: shared U         \n"
           "o/3.o: shared T 0 8\no/3.o: soft D 0 8\no/4.o: shared T 0 8\n")
SYMBOLS_OF = {"o/1.o": "a/1.c", "o/2.o": "b/c/2.c", "o/3.o": "b/3.c", "o/4.o": "a/1.c"}
SYMBOLS_MEAN = {("a/1.c", "b/c/2.c"): {"wanted"}, ("a/1.c", "b/3.c"): {"soft"},
                ("b/c/2.c", "b/3.c"): {"shared"}}


def test_rules():
    """Returns the faults of the rules themselves."""
    modules, parts, wrong = read_list(LIST)
    for rule, sources, calls, expected in EXAMPLES:
        found = list(rule(Facts(*read_sources(sources), calls), modules, parts))
        if not any(expected == entry or entry is None and expected in message for entry, message in found):
            wrong.append(f"{rule.__name__} does not find {expected}, only {found}")
    good = Facts(*read_sources(GOOD_SOURCES), GOOD_CALLS)
    wrong += [f"{rule.__name__} objects to {found}" for rule in RULES for found in rule(good, modules, parts)]
    wrong += [f"the list {text!r} is not refused" for text in ("a\n", "a b\na b\n", "[x: y]\na b\n")
              if not read_list(text)[2]]
    if find_calls(SYMBOLS_OF, *read_symbols(SYMBOLS)) != SYMBOLS_MEAN:
        wrong.append(f"symbols are read as {find_calls(SYMBOLS_OF, *read_symbols(SYMBOLS))}")
    if [len(circle) for circle in find_circles({"ab", "ba", "bc", "cd", "de", "ec", "xe"})] != [3, 2]:
        wrong.append("find_circles() does not find a circle of 3 and one of 2")
    return wrong + test_known() + test_picture(good, modules, parts)


def test_known():
    known = read_known("# x\ncall a b\ncircle a b\n  c d\n\n")
    wrong = [] if known == [("call", "a", "b"), ("circle", "a", "b", "c", "d")] else [f"known: {known}"]
    wrong += [f"{entry} is known: {not good}" for entry, good in (
        (("call", "a", "b"), True), (("call", "b", "a"), False), (None, False), (("circle", "a", "b"), True),
        (("circle", "a", "e"), False)) if is_known(entry, known) != good]
    left = list(find_outdated(known, {("circle", "a", "b"), ("call", "b", "a")}))
    if len(left) != 2 or not left[0].endswith("call a b") or not left[1].endswith(" c d"):
        wrong.append(f"outdated: {left}")
    return wrong


def test_picture(facts, modules, parts):
    picture = list(draw(facts, modules, parts))
    wrong = [] if picture[1:5:2] == ["    a/high  ◄─ a/low", "    c       ◄─ a/high"] else picture
    text = "\n".join(["x", BEGIN, "", *picture, "", END])
    wrong += compare_picture(text, picture)
    wrong += [f"a wrong picture passes: {bad!r}" for bad in ("", text.replace("high", "low"))
              if not compare_picture(bad, picture)]
    return wrong


# -- the program --

def report(number, name, offences):
    for offence in offences:
        print(f"# {offence}")
    print("not ok" if offences else "ok", number, "-", name)
    return bool(offences)


def describe(facts, modules, found):
    files, lines = collections.Counter(), collections.Counter()
    for file, n in facts.lines.items():
        files[posixpath.dirname(file)] += 1
        lines[posixpath.dirname(file)] += n
    print("# files:", ", ".join(f"{folder} {files[folder]} ({lines[folder]} lines)" for folder in modules))
    against = sum(entry is not None and entry[0] in ("include", "call") for entry, _ in found)
    circles = [len(entry) - 1 for entry, _ in found if entry and entry[0] == "circle"]
    print(f"# {sum(files.values())} files, {sum(lines.values())} lines, {len(facts.calls)} edges from file to "
          f"file, {against} against the order, {len(circles)} circles, the largest of {max(circles, default=0)}")


def print_entries(found):
    for entry in sorted({entry for entry, _ in found if entry}):
        print("\n  ".join([" ".join(entry[:2]), *entry[2:]]) if entry[0] == "circle" else " ".join(entry))


def check(facts, modules, parts, known):
    """Prints the TAP report; returns whether something failed."""
    print(f"1..{len(RULES) + 3}")
    failed = report(1, "the rules find what they are for", test_rules())
    all_found = []
    for number, rule in enumerate(RULES, 2):
        found = list(rule(facts, modules, parts))
        all_found += found
        failed |= report(number, rule.__name__.replace("rule_", "").replace("_", " "),
                         [message for entry, message in found if not is_known(entry, known)])
    entries = {entry for entry, _ in all_found if entry}
    failed |= report(len(RULES) + 2, "every known offence is still there", list(find_outdated(known, entries)))
    failed |= report(len(RULES) + 3, "the picture in ARCHITECTURE.md is right",
                     compare_picture((ROOT / "ARCHITECTURE.md").read_text(), list(draw(facts, modules, parts))))
    describe(facts, modules, all_found)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--known", type=pathlib.Path, help="known offences; the file may be missing")
    parser.add_argument("--entries", action="store_true")
    parser.add_argument("--picture", action="store_true")
    arguments = parser.parse_args()
    modules, parts, wrong = read_list((ROOT / "tests/modules.txt").read_text())
    if wrong:
        sys.exit("tests/modules.txt: " + "; ".join(wrong))
    facts = read_facts(arguments.build.resolve())
    if arguments.picture:
        print("\n".join(draw(facts, modules, parts)))
    elif arguments.entries:
        print_entries([each for rule in RULES for each in rule(facts, modules, parts)])
    else:
        known = arguments.known
        return check(facts, modules, parts, read_known(known.read_text()) if known and known.exists() else [])
    return 0


if __name__ == "__main__":
    sys.exit(main())
