#!/usr/bin/env python3
"""Makes tests/fuzz/corpus/token: one seed for each thing that token_fuzz.cc
tells apart. Needs pyseto (pip install pyseto)."""
import base64
import pathlib

import pyseto.key_sodium
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey, X25519PublicKey)
from cryptography.hazmat.primitives.serialization import (
    Encoding, NoEncryption, PrivateFormat, PublicFormat)
from pyseto import Key

FOLDER = pathlib.Path(__file__).resolve().parent / "corpus" / "token"
KEY = bytes(range(32))
IMPLICIT = b"connector"
P = 2**255 - 19


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def seeds():
    local = Key.new(version=4, purpose="local", key=KEY)
    secret = Ed25519PrivateKey.from_private_bytes(KEY)
    signer = Key.new(4, "public", secret.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    for size in (0, 1, 2, 3, 250, 319, 320, 321):
        payload = bytes(i % 251 for i in range(size))
        for name, footer in (("", b""), ("_footer", b"footer")):
            nonce = bytes(range(32, 64))
            token = local.encrypt(payload, footer, IMPLICIT, nonce)
            yield f"local_{size}{name}", b"\x00" + token
            signed = (b"v4.public."
                      + b64(payload + signer.sign(payload, footer, IMPLICIT))
                      + (b"." + b64(footer) if footer else b""))
            yield f"public_{size}{name}", b"\x01" + signed
            if size == 3:
                yield f"peek_local{name}", b"\x02" + token
                yield f"peek_public{name}", b"\x02" + signed
    yield "local_other_version", b"\x00v3.local." + b64(bytes(64))
    yield "local_other_assertion", b"\x00" + local.encrypt(
        b"x", b"footer", b"other", bytes(32))
    yield "key", b"\x03k4.public." + b64(public)
    yield "key_low_order", b"\x03k4.public." + b64(bytes(32))
    yield "key_secret", b"\x03k4.secret." + b64(bytes(64))
    y = int.from_bytes(public, "little") & (2**255 - 1)
    receiver = ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")

    class Fixed:
        from_private_bytes = X25519PrivateKey.from_private_bytes

        @staticmethod
        def generate():
            return X25519PrivateKey.from_private_bytes(bytes(range(64, 96)))

    pyseto.key_sodium.X25519PrivateKey = Fixed
    text = local.to_paserk(
        sealing_key=X25519PublicKey.from_public_bytes(receiver).public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    yield "seal", b"\x04" + base64.urlsafe_b64decode(text.split(".")[2])
    yield "seal_zero", b"\x04" + bytes(96)
    for size in (0, 1, 2, 3, 384, 385):
        yield f"base64_{size}", b"\x05" + b64(bytes(i % 256 for i in range(size)))
    yield "base64_noncanonical", b"\x05Zh"
    yield "base64_past_ascii", b"\x05Zm9\xe1"
    yield "hex", b"\x06000102aAfF"
    yield "hex_odd", b"\x06000"
    yield "time", b"\x072026-08-01T00:00:00Z"
    yield "time_leap", b"\x072024-02-29T23:59:59Z"
    yield "time_no_leap", b"\x072100-02-29T00:00:00Z"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    count = 0
    for name, data in seeds():
        (FOLDER / name).write_bytes(data)
        count += 1
    print(f"{count} seeds in {FOLDER}")
