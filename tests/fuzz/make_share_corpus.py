#!/usr/bin/env python3
"""Makes tests/fuzz/corpus/share: shares as bytes and as text, good and bad."""
import base64
import hashlib
import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "share"


def checksum(head):
    label = b"coffer share checksum"
    parts = b"".join(struct.pack("<Q", len(part)) + part
                     for part in (label, head))
    return hashlib.blake2b(parts, digest_size=16).digest()[:4]


def share(threshold=3, index=2, layout=1, value=bytes(range(32))):
    head = (bytes([layout]) + b"set-0001" + bytes([threshold, index]) + value)
    return head + checksum(head)


def text(data, prefix=b"coffer-share-"):
    return prefix + base64.urlsafe_b64encode(data).rstrip(b"=")


def seeds():
    good = share()
    yield "good", good
    yield "good_text", text(good)
    yield "first", share(2, 1)
    yield "last_text", text(share(16, 16))
    yield "newer", share(layout=2)
    yield "older_text", text(share(layout=0))
    yield "threshold_1", share(threshold=1)
    yield "threshold_17", share(threshold=17)
    yield "index_0", share(index=0)
    yield "index_17_text", text(share(index=17))
    yield "mistyped", good[:20] + b"x" + good[21:]
    yield "cut", good[:-1]
    yield "longer", good + b"x"
    yield "cut_text", text(good)[:-1]
    yield "padded_text", text(good) + b"="
    yield "other_prefix", text(good, b"coffer-spare-")
    yield "line_end", text(good) + b"\n"


FOLDER.mkdir(parents=True, exist_ok=True)
for name, data in seeds():
    (FOLDER / name).write_bytes(data)
