#!/usr/bin/env python3
"""Makes the seeds of journal_fuzz and state_file_fuzz.

Checksums, MACs and seals are left to the targets, which make them right again;
the layouts are those of vault/keeper/journal_format.h and state_file.h.
"""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
HEADER = 4096


def entry(kind, data):
    return struct.pack("<BH", kind, len(data)) + data


def batch(sequence, first_leaf, entries, previous=0, fmt=1, file=0, count=None):
    payload = b"".join(entries)
    leaves = sum(1 for e in entries if e[:1] == b"\x01")
    changes = len(entries) - leaves
    if count is not None:
        leaves, changes = count
    head = struct.pack("<4sBBIQQQIIQ", b"COFB", fmt, file, len(payload),
                       previous, sequence, first_leaf, leaves, changes,
                       (first_leaf + leaves) % 2**64) + bytes(32)
    data = head + bytes(64) + payload
    return data + bytes(-len(data) % 8)


def chain(*contents):
    data, leaf, previous = b"", 0, 0
    for number, entries in enumerate(contents, 1):
        made = batch(number, leaf, entries, previous)
        previous = HEADER + len(data)
        data += made
        leaf += sum(1 for e in entries if e[:1] == b"\x01")
    return data


def at_boundary(data):
    return data + bytes(-len(data) % 4096)


def journal_seeds():
    leaf, change = entry(1, b"leaf"), entry(2, b"change")
    three = chain([leaf], [leaf, change], [change])
    one = batch(1, 0, [leaf])
    return {
        "empty": b"",
        "one_leaf": one,
        "one_change": chain([change]),
        "three": three,
        "torn": three[:-20],
        "garbage_after": three + b"\xff" * 300,
        "repeated": at_boundary(one) + one + batch(2, 1, [leaf], HEADER),
        "second_place": at_boundary(b"\xee" * 170) + one,
        "damaged_middle": one + b"\xee" * 160 + batch(3, 2, [leaf], HEADER),
        "skipped_sequence": one + batch(3, 1, [leaf], HEADER),
        "wrong_leaf": one + batch(2, 5, [leaf], HEADER),
        "wrong_counts": batch(1, 0, [leaf, change], count=(2, 0)),
        "no_entries": batch(1, 0, []),
        "bad_kind": batch(1, 0, [entry(3, b"x")], count=(1, 0)),
        "entry_past_end": batch(1, 0, [b"\x01\xff\x00x"], count=(1, 0)),
        "large_leaf": chain([entry(1, bytes(1536))]),
        "leaf_too_large": chain([entry(1, bytes(1537))]),
        "large_change": chain([entry(2, bytes(256))]),
        "change_too_large": chain([entry(2, bytes(257))]),
        "newer": batch(1, 0, [leaf], fmt=2),
        "other_file": batch(1, 0, [leaf], file=1),
        "leaf_overflow": batch(1, 2**64 - 1, [leaf]),
        "many": chain(*[[leaf, change] for _ in range(40)]),
    }


def slot(generation, body=b"", slots=(), fmt=1, journal=None, size=None):
    box = bytes(24) + body + bytes(16)
    journal = journal or struct.pack("<BQQQQ", 0, HEADER, 0, 0, 0) + bytes(32)
    block = struct.pack("<8sBIQ", b"COFFERS\n", fmt,
                        len(box) if size is None else size, generation)
    block += b"\x01\x02\x03\x04" + bytes(12) + journal
    block += struct.pack("<H", len(slots)) + b"".join(slots)
    return block + bytes(4096 - len(block)) + box


def seal_slot(number, kind=1):
    return (struct.pack("<BBQI", number, kind, 1 << 28, 3) + bytes(16) +
            bytes(32) + bytes(96))


def state_seeds():
    good = slot(1, b"body", [seal_slot(1)])
    pairs = {
        "empty": (b"", b""),
        "first": (good, b""),
        "second": (bytes(4096), slot(2, b"body", [seal_slot(2, 2)])),
        "both": (slot(3, b"a", [seal_slot(1)]), slot(2, b"b", [seal_slot(1)])),
        "both_newer_second": (good, slot(2, b"b" * 500)),
        "eight_slots": (slot(1, b"", [seal_slot(n) for n in range(1, 9)]), b""),
        "nine_slots": (slot(1, b"", [seal_slot(n) for n in range(1, 10)]), b""),
        "same_slot_twice": (slot(1, b"", [seal_slot(1)] * 2), b""),
        "slot_zero": (slot(1, b"", [seal_slot(0)]), b""),
        "unknown_kind": (slot(1, b"", [seal_slot(1, 9)]), b""),
        "newer": (slot(1, b"x", fmt=2), b""),
        "older_beside_newer": (good, slot(2, b"x", fmt=2)),
        "format_zero": (slot(1, b"x", fmt=0), b""),
        "generation_zero": (slot(0, b"x"), b""),
        "last_generation": (slot(2**64 - 1, b"x"), b""),
        "short": (good[:3000], b""),
        "short_body": (slot(1, b"body", size=5000), b""),
        "no_box": (slot(1, b"body", size=39), b""),
        "huge_body": (slot(1, b"body", size=2**32 - 1), b""),
        "foreign": (b"x" * 5000, b""),
        "damaged_beside_good": (good, b"COFFERS\n" + b"x" * 5000),
    }
    return {name: struct.pack("<H", len(a)) + a + b
            for name, (a, b) in pairs.items()}


def write(target, seeds, modes):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(bytes([modes.get(name, 0)]) + data)


def main():
    journal = journal_seeds()
    journal["raw_header"] = b"COFFERJ\n\x01\x00" + bytes(5000)
    journal["stale_checksums"] = journal["three"]
    journal["forged"] = journal["three"]
    write("journal", journal,
          {"raw_header": 1, "stale_checksums": 2, "forged": 4})
    state = state_seeds()
    state["stale_checksum"] = state["first"]
    state["forged"] = state["both"]
    modes = {"stale_checksum": 1, "forged": 2}
    for name in ("empty", "first", "second", "both", "damaged_beside_good"):
        state[name + "_written"] = state[name]
        modes[name + "_written"] = 4
    write("state_file", state, modes)


if __name__ == "__main__":
    main()
