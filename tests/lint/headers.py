"""Every header compiles alone. Slow, so only `./dev check` runs it.

usage: headers.py [FILE...]"""

import concurrent.futures
import os
import subprocess
import sys
import tempfile

import tree

# The one library whose headers do not lie where the compiler looks.
P11KIT = subprocess.run(["pkg-config", "--cflags", "p11-kit-1"], text=True,
                        capture_output=True, check=False).stdout.split()
COMMAND = ["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra",
           '-DCOFFER_VERSION="0"', "-I", tree.ROOT, *P11KIT]


def compile_alone(header):
    """The compiler's complaint, or nothing. Included twice, from a file of its
    own, as a program would."""
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as file:
        file.write(f'#include "{header}"\n#include "{header}"\n')
        file.flush()
        done = subprocess.run([*COMMAND, file.name], capture_output=True,
                              text=True, check=False)
    return done.stderr if done.returncode else ""


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".h") as file:
        file.write("// Needs <string>.\n#pragma once\nstd::string x();\n")
        file.flush()
        if not compile_alone(file.name):
            sys.exit("negative control not caught")
    headers = sys.argv[1:] or [
        path for path in tree.paths() if path.endswith(".h")]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, message in zip(headers, pool.map(compile_alone, headers)):
            if message:
                failed += 1
                print(f"{header} does not compile alone; include what it "
                      f"uses\n{message}")
    print(f"headers.py: {len(headers)} headers, {failed} findings, "
          "1 negative control caught")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
