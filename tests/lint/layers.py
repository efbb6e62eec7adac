"""A room may include only what stands below it, a library only where it is
allowed, and the raw bytes of keys only in files of a checked list."""

import os

import tree

BELOW = {
    "crypto/base": [],
    "crypto": ["crypto/base"],
    "vault/wire": ["crypto/base"],
    "vault/os": ["crypto/base"],
    "vault/store": ["vault/wire", "crypto/base"],
    "vault/api": ["vault/wire", "crypto/base"],
    "vault/keeper": ["crypto", "vault/wire", "vault/os", "crypto/base"],
    "vault/gate": ["vault/store", "vault/wire", "vault/api", "vault/os",
                   "crypto/base"],
    # The store for backups alone: see STORE_IN_CLI.
    "cli": ["vault/store", "vault/api", "vault/wire", "vault/os", "crypto",
            "crypto/base"],
}
# The tests and benchmarks of a room may reach what they measure it against.
FREE = ("tests", "bench")

# Header prefix -> rooms that may include it, and what others use instead.
LIBRARIES = [
    ("sodium", ["crypto"], "call crypto/"),
    ("lmdb.h", ["vault/store"], "use the interface vault/store/store.h"),
    ("boost/json", ["vault/api"], "use vault/api"),
    ("toml++", ["vault/api"], "use vault/api"),
    ("toml.hpp", ["vault/api"], "use vault/api"),
    ("boost/beast", ["vault/gate", "cli"], "HTTP is the gate's and the "
     "CLI's"),
    ("boost/program_options", ["cli", "vault/gate"], "flags are main's"),
    ("boost/", ["vault/api", "vault/gate", "cli"], "the keeper has no Boost"),
    ("seccomp.h", [], "extend vault/os/seccomp_filter.h"),
    ("systemd/", [], "use vault/os/notify.h"),
    ("p11-kit/", ["cli"], "devices are cli/pkcs11's alone"),
    ("nlohmann", [], "use vault/api"),
]

# Where the command line may name the store, which the gate wrote: in the one
# file whose child process reads it as the store's own user.
STORE_IN_CLI = "cli/store_child.cc"

KEY_BYTES = "crypto/secret_key_bytes.h"
KEY_BYTES_LIST = "tests/lint/key_bytes_includers.txt"


def key_bytes_allowed():
    """path -> reason, from the checked list."""
    allowed = {}
    with open(os.path.join(tree.ROOT, KEY_BYTES_LIST),
              encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if line and not line.startswith("#"):
                path, _, reason = line.partition(": ")
                allowed[path] = reason
    return allowed


def library_finding(room, header):
    for prefix, rooms, instead in LIBRARIES:
        if header.startswith(prefix):
            if room in rooms:
                return None
            return f"<{header}> is not for {room}; {instead}"
    return None


def findings(files):
    messages = []
    allowed = key_bytes_allowed()
    for path, text in files.items():
        room = tree.room_of(path)
        for line, header, quoted in tree.includes(text):
            where = f"{path}:{line}: "
            if header == KEY_BYTES and path != KEY_BYTES \
                    and not allowed.get(path):
                messages.append(where + f"reaches the raw bytes of keys; add "
                                f"it to {KEY_BYTES_LIST} with its reason, or "
                                "work with the key types")
            if room in FREE:
                continue
            if room not in BELOW:
                messages.append(f"{path}: {room} is no room of the project")
                break
            finding = library_finding(room, header)
            if finding:
                messages.append(where + finding)
                continue
            if not quoted:
                continue
            target = tree.room_of(header)
            if target not in BELOW:
                messages.append(where + f'"{header}": include from the '
                                "project's root, or <...> for a library")
            elif room == "cli" and target == "vault/store" \
                    and path != STORE_IN_CLI:
                messages.append(where + "the store is read by a child process "
                                f"only; use {STORE_IN_CLI}")
            elif target != room and target not in BELOW[room]:
                messages.append(
                    where + f"{room} may not include {target}; it may include "
                    + (", ".join(BELOW[room]) or "nothing"))
    return messages


def stale(files):
    """Entries of the list that reach the bytes no more."""
    return [f"{KEY_BYTES_LIST}: {path} does not include it any more"
            for path in key_bytes_allowed()
            if not any(header == KEY_BYTES for _, header, _ in
                       tree.includes(files.get(path, "")))]


BAD = {
    "the gate includes crypto":
        {"vault/gate/x.cc": '#include "crypto/aead.h"\n'},
    "wire includes os": {"vault/wire/x.h": '#include "vault/os/peer.h"\n'},
    "the keeper includes the store":
        {"vault/keeper/x.cc": '#include "vault/store/store.h"\n'},
    "the store read in the operator's own process":
        {"cli/commands/backup.cc": '#include "vault/store/store_copy.h"\n'},
    "sodium in the gate": {"vault/gate/x.cc": "#include <sodium.h>\n"},
    "sodium in base": {"crypto/base/x.cc": "#include <sodium.h>\n"},
    "lmdb in the keeper": {"vault/keeper/x.cc": "#include <lmdb.h>\n"},
    "json in the gate": {"vault/gate/x.cc": "#include <boost/json.hpp>\n"},
    "boost in os": {"vault/os/x.cc": "#include <boost/asio.hpp>\n"},
    "an unknown room": {"vault/new/x.cc": "#include <vector>\n"},
    "a neighbour by short name": {"vault/os/x.cc": '#include "peer.h"\n'},
    "raw keys":
        {"tests/x.cc": '#include "crypto/secret_key_bytes.h"\n'},
}

if __name__ == "__main__":
    tree.run(findings, BAD, whole=stale)
