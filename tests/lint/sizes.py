"""Files under 500 lines, lines of at most 80 columns, headers that open with a
comment and guard themselves, and no notes to self left behind."""

import re

import tree

LINES_MAX = 500
COLUMNS_MAX = 80
NOTE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def findings(files):
    messages = []
    for path, text in files.items():
        lines = text.split("\n")
        if path.endswith(tree.CXX):
            if len(lines) - 1 >= LINES_MAX:
                messages.append(f"{path}: {len(lines) - 1} lines; split it, a "
                                f"file stays under {LINES_MAX}")
            messages += [
                f"{path}:{number}: {len(line)} columns; break it, a line has "
                f"at most {COLUMNS_MAX}"
                for number, line in enumerate(lines, 1)
                if len(line) > COLUMNS_MAX]
        if path.endswith(".h"):
            if not text.startswith("//"):
                messages.append(f"{path}:1: open with what it is, which "
                                "process runs it and what it refuses")
            if "\n#pragma once\n" not in text:
                messages.append(f"{path}: add #pragma once")
        messages += [f"{path}:{number}: a note to self; do it, or open an "
                     "issue" for number, line in enumerate(lines, 1)
                     if NOTE.search(line)]
        if text and not text.endswith("\n"):
            messages.append(f"{path}: end with a line break")
    return messages


HEAD = "// What it is.\n#pragma once\n"
BAD = {
    "a long file": {"a.cc": "\n" * 500},
    "a long line": {"a.cc": "x" * 81 + "\n"},
    "a header without its comment": {"a.h": "\n#pragma once\n"},
    "a header without guard": {"a.h": "// It.\n"},
    "a note to self": {"a.cc": "// TO" "DO: later\n"},
    "no line break at the end": {"a.md": "text"},
}

if __name__ == "__main__":
    assert not findings({"a.h": HEAD, "b.cc": "\n" * 499 + "\n" * 0})
    tree.run(findings, BAD, tree.TEXT)
