"""C++ is laid out by clang-format 14 and shell scripts pass shellcheck. A tool
that is not installed skips its half and says so."""

import os
import shutil
import subprocess
import sys
import tempfile

import tree


def clang_format(paths):
    done = subprocess.run(
        ["clang-format-14", "--dry-run", "-Werror", "--style=file", *paths],
        cwd=tree.ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


def shellcheck(paths):
    done = subprocess.run(["shellcheck", "-x", *paths], cwd=tree.ROOT,
                          capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout


def is_shell(path):
    if path.endswith(".sh"):
        return True
    if "." in os.path.basename(path):
        return False
    with open(os.path.join(tree.ROOT, path), "rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and b"sh" in first


def control(check, suffix, text):
    """The check must refuse a bad file."""
    with tempfile.NamedTemporaryFile("w", suffix=suffix) as file:
        file.write(text)
        file.flush()
        if not check([file.name]):
            sys.exit(f"negative control not caught: {check.__name__}")


def main():
    everything = tree.paths()
    failed, skipped = False, False
    for tool, check, chosen, suffix, bad, mend in [
            ("clang-format-14", clang_format,
             [p for p in everything if p.endswith(tree.CXX)], ".cc",
             "int  main( ){}", "run ./dev format"),
            ("shellcheck", shellcheck,
             [p for p in everything if is_shell(p)], ".sh",
             "#!/bin/sh\nrm -rf $1/*\n", "quote as it says"),
    ]:
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed")
            skipped = True
            continue
        control(check, suffix, bad)
        message = check(chosen) if chosen else ""
        print(message + f"{tool}: {len(chosen)} files"
              + (f"; findings: {mend}" if message else ", no findings"))
        failed = failed or bool(message)
    sys.exit(1 if failed else tree.SKIPPED if skipped else 0)


if __name__ == "__main__":
    main()
