#!/usr/bin/env python3
"""What can be told from the source alone: python3 tests/checks/source.py ROOT

- a room includes only what it may use (ARCHITECTURE.md, the map), and a
  library's headers stand only in the rooms that are made for it;
- functions that write without a bound, or parse without an error, are not called;
- every .c file of src is compiled by its room's CMakeLists.txt;
- every event of the log is in the manual's list of events, and no other;
- no tracked text names a path of somebody's machine or a registry's host.
"""

import pathlib
import re
import subprocess
import sys

# Which rooms a room may use; itself always.
MAY_USE = {
    "base": [],
    "net": ["base"],
    "schema": ["base"],
    "mysqlproto": ["base", "schema"],
    "config": ["base"],
    "rules": ["base", "schema"],
    "encode": ["base", "schema"],
    "kafka": ["base"],
    "checkpoint": ["base"],
    "source": ["base", "schema", "net", "mysqlproto"],
    "snapshot": ["base", "schema", "net", "mysqlproto", "source"],
    "pipeline": [
        "base", "schema", "net", "mysqlproto", "config", "rules", "encode", "kafka",
        "checkpoint", "source", "snapshot",
    ],
    "control": ["base", "config", "pipeline"],
}
MAY_USE["cli"] = list(MAY_USE)

# Header of a library: the files of src that may include it, as patterns of paths.
LIBRARIES = {
    r"librdkafka/": [r"kafka/"],
    r"openssl/": [r"net/", r"mysqlproto/auth", r"mysqlproto/[^/]*sha"],
    r"sodium": [r"mysqlproto/auth"],
    r"liburing": [r"net/"],
    r"zstd": [r"mysqlproto/", r"kafka/codec"],
    r"zlib|libdeflate": [r"mysqlproto/", r"kafka/codec"],
    r"lz4|snappy": [r"kafka/codec"],
    r"yaml|cyaml": [r"config/"],
    r"pcre2": [r"rules/"],
    r"microhttpd": [r"control/"],
    r"jansson": [r"control/", r"kafka/registry", r"encode/canal_read", r"kafka/stats"],
    r"curl/": [r"control/", r"kafka/"],
}

BANNED = {
    "strcpy": "bounds", "strcat": "bounds", "sprintf": "bounds", "vsprintf": "bounds", "gets": "bounds",
    "strncat": "bounds", "stpcpy": "bounds", "alloca": "the stack", "atoi": "errors", "atol": "errors",
    "atoll": "errors", "atof": "errors", "strtok": "threads",
}

EVENT = re.compile(
    r"\blog_(?P<level>error|warn|info|debug|write)\(\s*(?:[^\";]*,\s*)?\"(?P<name>[a-z_]+(?:\.[a-z_]+)*)\""
    r"|(?:\.|->)event = \"(?P<field>[a-z_.]+)\"|\bput_line\(LOG_WARN, \"(?P<lost>log\.lost)\""
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")[ \t]*\(")
PRIVATE = re.compile(
    r"(?<![\w.}])(?<!\w\")/(?:work|farm|root|home/\w+)/"
    r"|pypi\.org|crates\.io|proxy\.golang\.org|registry\.npmjs|repo1?\.maven|deb\.debian\.org"
)
# This file and its test name what they look for.
OWN = ("tests/checks/source.py", "tests/checks/test_source.py")


def without_comments(text):
    """The text with comments and the insides of strings blanked, line numbers kept."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        piece = match.group(0)
        if piece[0] == "/":
            return re.sub(r"[^\n]", " ", piece)
        return piece[0] + " " * (len(piece) - 2) + piece[-1]

    return pattern.sub(blank, text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def check_includes(path, text):
    """path: below src. Rooms and libraries that a file may not include."""
    room = path.split("/")[0]
    allowed = set(MAY_USE.get(room, [])) | {room}
    for match in INCLUDE.finditer(text):
        mark, name = match.groups()
        place = f"src/{path}:{line_of(text, match.start())}"
        other = name.split("/")[0]
        if mark == '"':
            if "/" not in name:
                yield f"{place}: include {name} by its path from src"
            elif other not in MAY_USE:
                yield f"{place}: {other} is no room"
            elif other not in allowed:
                yield f"{place}: {room} may not use {other}"
            continue
        for library, places in LIBRARIES.items():
            if re.match(library, name) and not any(re.match(p, path) for p in places):
                yield f"{place}: <{name}> does not belong into {room}"


def check_calls(path, text):
    clean = without_comments(text)
    for match in CALL.finditer(clean):
        name = match.group(1)
        yield f"{path}:{line_of(clean, match.start())}: {name}() has no regard for {BANNED[name]}"


def check_listed(folder):
    """Every .c below a room's folder is named in its CMakeLists.txt."""
    lists = folder / "CMakeLists.txt"
    named = lists.read_text(encoding="utf-8") if lists.exists() else ""
    for source in sorted(folder.rglob("*.c")):
        name = source.relative_to(folder).as_posix()
        if not re.search(r"(?<![\w/.])" + re.escape(name) + r"(?![\w.])", named):
            yield f"src/{folder.name}/{name}: not in src/{folder.name}/CMakeLists.txt"


def check_private(path, text):
    for match in PRIVATE.finditer(text):
        yield f"{path}:{line_of(text, match.start())}: names {match.group(0)}"


def events_of(text):
    """Names of log events, with their place; those of debug lines are nobody's contract."""
    for match in EVENT.finditer(text):
        if match.group("level") != "debug":
            yield match.group("name") or match.group("field") or match.group("lost"), match.start()


def listed_events(manual):
    """The names in the first column of the manual's table of events."""
    table = re.search(r"^\| event \| meaning \|\n(?:\|.*\n)+", manual, re.M)
    lines = table.group(0).splitlines()[2:] if table else []
    return {name for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def check_events(files, manual):
    """files: pairs of a path and its text."""
    listed, used = listed_events(manual), set()
    for path, text in files:
        for name, at in events_of(text):
            used.add(name)
            if name not in listed:
                yield f"{path}:{line_of(text, at)}: event {name} is not in the table of events of docs/manual.md"
    for name in sorted(listed - used):
        yield f"docs/manual.md: nothing logs the event {name}"


def tracked(root):
    done = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        return [n for n in done.stdout.split("\0") if n]
    return [p.relative_to(root).as_posix() for p in pathlib.Path(root).rglob("*") if p.is_file()]


def check_tree(root):
    root = pathlib.Path(root)
    source = root / "src"
    for folder in sorted(p for p in source.iterdir() if p.is_dir()):
        if folder.name not in MAY_USE:
            yield f"src/{folder.name}: a room that tests/checks/source.py does not know"
        yield from check_listed(folder)
    for file in sorted(source.rglob("*.[ch]")):
        text = file.read_text(encoding="utf-8")
        path = file.relative_to(source).as_posix()
        yield from check_includes(path, text)
        yield from check_calls(f"src/{path}", text)
    logging = [(f"src/{f.relative_to(source).as_posix()}", f.read_text(encoding="utf-8")) for f in sorted(source.rglob("*.c"))]
    yield from check_events(logging, (root / "docs" / "manual.md").read_text(encoding="utf-8"))
    for name in tracked(root):
        file = root / name
        if name in OWN or not file.is_file() or file.stat().st_size > 1 << 20:
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        yield from check_private(name, text)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(check_tree(sys.argv[1]))
    for sentence in found:
        print(sentence)
    print(f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
