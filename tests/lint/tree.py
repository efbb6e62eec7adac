"""What every lint shares: the project's files, C++ text without comments and
strings, and a runner that first proves the lint can fail.

A lint is a function findings(files) -> list of messages, where files maps a
path to its text. Each script calls run(findings, bad), and bad maps a name to
files that must each give at least one message: its negative control."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
CXX = (".h", ".cc")
TEXT = CXX + (".py", ".sh", ".md", ".txt", ".toml", ".yaml", ".yml", ".cmake",
              ".json", ".service", ".conf")


def paths():
    """Every file of the project that git knows or would add."""
    try:
        listed = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], check=True, capture_output=True)
        found = listed.stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in ("build", ".git")]
            found += [os.path.relpath(os.path.join(folder, n), ROOT)
                      for n in names]
    return sorted({p for p in found
                   if p and os.path.isfile(os.path.join(ROOT, p))})


def read(suffixes):
    """Maps path to text for files with one of the suffixes."""
    files = {}
    for path in paths():
        if path.endswith(suffixes):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                files[path] = file.read()
    return files


_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)


def code_only(text):
    """C++ with comments, strings and characters blanked; lines stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return _TOKENS.sub(blank, text)


def includes(text):
    """(line number, path, is quoted) of each #include."""
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def room_of(path):
    """The folder that is the file's room: crypto/base, vault/os, cli, ..."""
    parts = path.split("/")
    if parts[0] in ("vault",) or parts[:2] == ["crypto", "base"]:
        return "/".join(parts[:2])
    return parts[0]


def run(findings, bad, suffixes=CXX, whole=None):
    """Negative controls first, then the project's files; exits. whole is a
    further check that makes sense over all files only."""
    for name, files in bad.items():
        if not findings(files):
            sys.exit(f"{sys.argv[0]}: negative control not caught: {name}")
    files = read(suffixes)
    messages = findings(files) + (whole(files) if whole else [])
    for message in messages:
        print(message)
    print(f"{os.path.basename(sys.argv[0])}: {len(files)} files, "
          f"{len(messages)} findings, {len(bad)} negative controls caught")
    sys.exit(1 if messages else 0)
