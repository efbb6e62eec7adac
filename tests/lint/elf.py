"""What each program links, read from the built files: the keeper has libsodium
and no LMDB, Boost or parser; the gate has LMDB and no libsodium and none of
the project's cryptography.

usage: elf.py BIN_DIRECTORY"""

import os
import re
import subprocess
import sys

RUNTIME = r"lib(stdc\+\+|gcc_s|m|c|pthread|dl|rt)\.so\.\d+|ld-linux.*"
SANITIZERS = r"lib(asan|ubsan|tsan|clang_rt.*)\.so.*"
# program -> (needed libraries, also permitted, symbols it must not contain)
PROGRAMS = {
    "coffer-keeper": (["libsodium"], [],
                      r"\bboost::|\btoml::|\bmdb_|coffer::(gate|store|api)::"),
    "cofferd": (["liblmdb"], ["libboost_"],
                r"\bsodium_|\bcrypto_(aead|sign|box|generichash)|"
                r"coffer::(crypto|keeper)::"),
    # Opens a vendor's module at run time; see docs/adr/0015-pkcs11-header.md.
    "coffer-pkcs11": ([], [],
                      r"\bboost::|\btoml::|\bmdb_|\bsodium_|\bp11_kit_|"
                      r"coffer::(crypto|keeper|gate|store|api)::"),
    "coffer": (["libsodium", "liblmdb"], ["libboost_", "libtomlplusplus"],
               r"coffer::(gate|keeper)::"),
}


def findings(program, libraries, symbols):
    required, also, forbidden = PROGRAMS[program]
    messages = []
    for name in required:
        if not any(library.startswith(name) for library in libraries):
            messages.append(f"{program} does not link {name}")
    for library in libraries:
        if not (re.fullmatch(RUNTIME, library)
                or re.fullmatch(SANITIZERS, library)
                or any(library.startswith(n) for n in required + also)):
            messages.append(f"{program} links {library}, which is not for it")
    for symbol in symbols:
        if re.search(forbidden, symbol):
            messages.append(f"{program} contains {symbol.strip()}")
            break
    return messages


def output(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout


def main():
    runtime = ["libc.so.6", "libstdc++.so.6"]
    sodium, lmdb = "libsodium.so.23", "liblmdb.so.0"
    for bad in [("coffer-keeper", [*runtime, sodium, lmdb], []),
                ("coffer-keeper", [*runtime, sodium, "libseccomp.so.2"], []),
                ("coffer-keeper", [*runtime], []),
                ("coffer-keeper", [sodium], ["1 t boost::json::parse()"]),
                ("coffer-pkcs11", [*runtime, "libp11-kit.so.0"], []),
                ("cofferd", [*runtime, lmdb, sodium], []),
                ("cofferd", [lmdb], ["1 t coffer::crypto::Seal()"])]:
        if not findings(*bad):
            sys.exit(f"negative control not caught: {bad}")
    if findings("coffer-keeper", [*runtime, sodium], ["coffer::wire::x"]):
        sys.exit("the check refuses a good program")

    folder, failed = sys.argv[1], False
    for program in PROGRAMS:
        path = os.path.join(folder, program)
        libraries = re.findall(r"\(NEEDED\).*\[(.+)\]",
                               output("readelf", "-d", "-W", path))
        messages = findings(program, libraries,
                            output("nm", "-C", path).splitlines())
        print(f"{program}: {', '.join(libraries)}")
        for message in messages:
            print(message)
            failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
