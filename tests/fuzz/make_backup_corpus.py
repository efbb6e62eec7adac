#!/usr/bin/env python3
"""Makes the seeds of backup_file_fuzz: backups of a few links as parts without
checksums, which the target makes right, and one file with them.

The layout is that of cli/backup_file.h; the policy's and records' bytes are
those of vault/wire/policy.h and record.h.
"""

import hashlib
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus" / "backup_file"
HEADER, POLICY, LINKS, END = 1, 2, 3, 4
# An empty policy: format, the wait of seven days, five empty tables.
NO_POLICY = struct.pack("<BI5H", 1, 7 * 86400, 0, 0, 0, 0, 0)


def text(value):
    return struct.pack("<H", len(value)) + value


def link(number, revision=1, box=b"b" * 24, token=b"t" * 40):
    name = bytes([0, 0, number]) + bytes(13)
    leaf, subject, linker = number * 10, b"s" * 16, text(b"linker")
    head = (bytes([1]) + name + struct.pack("<IQQ", revision, leaf, 2 * 10**9)
            + text(b"citi") + linker + subject + text(box))
    wrap = (bytes([1]) + b"k" * 16 + struct.pack("<QI", leaf, revision)
            + linker + subject + b"w" * 72)
    return name + text(head) + text(wrap) + text(token)


def header(links, fmt=1):
    return (bytes([fmt]) + b"v" * 16
            + struct.pack("<QQQQ", 1785542400, 7, 4242, links))


def links(*rows):
    return struct.pack("<H", len(rows)) + b"".join(rows)


def end(count):
    return struct.pack("<Q", count) + bytes(32)


def parts(*pairs):
    return b"".join(struct.pack("<BH", kind, len(body)) + body
                    for kind, body in pairs)


def digest(label, *items):
    data = struct.pack("<Q", len(label)) + label
    for item in items:
        data += struct.pack("<Q", len(item)) + item
    return hashlib.blake2b(data, digest_size=32).digest()


def whole(*pairs):
    """The file itself, as BackupWriter makes it."""
    data, first, chain = b"COFFERB\n", b"", bytes(32)
    for place, (kind, body) in enumerate(pairs):
        if kind == END:
            body = body[:8] + digest(b"coffer backup", first, chain)
        head = struct.pack("<BI", kind, len(body))
        checksum = digest(b"coffer backup part",
                          struct.pack("<Q", place) + head, body)
        data += head + body + checksum
        if place == 0:
            first = checksum
        else:
            chain = digest(b"coffer backup chain", chain, checksum)
    return data


GOOD = [(HEADER, header(3)), (POLICY, NO_POLICY),
        (LINKS, links(link(1), link(2, 5))), (LINKS, links(link(3, token=b""))),
        (END, end(3))]
EMPTY = [(HEADER, header(0)), (POLICY, NO_POLICY), (END, end(0))]
SEEDS = {
    "good": b"\1" + parts(*GOOD),
    "empty": b"\1" + parts(*EMPTY),
    "whole": b"\0" + whole(*GOOD),
    "whole_cut": b"\0" + whole(*GOOD)[:-1],
    "later_format": b"\1" + parts((HEADER, header(0, 2)), *EMPTY[1:]),
    "no_policy": b"\1" + parts(EMPTY[0], EMPTY[2]),
    "wrong_count": b"\1" + parts((HEADER, header(4)), *GOOD[1:]),
    "out_of_order": b"\1" + parts(*GOOD[:2],
                                  (LINKS, links(link(2), link(1))),
                                  (END, end(2))),
    "no_links": b"\1" + parts(*GOOD[:2], (LINKS, links()), (END, end(0))),
    "behind_the_end": b"\1" + parts(*EMPTY, EMPTY[2]),
}

if __name__ == "__main__":
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (CORPUS / name).write_bytes(data)
