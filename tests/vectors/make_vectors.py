#!/usr/bin/env python3
"""Makes tests/vectors/paseto.json, tests/vectors/paserk.json and
crypto/self_test_answers.h with implementations that share no code with ours:
pyseto, and beneath it hashlib, cryptography and pycryptodomex.

    pip install pyseto
    python3 tests/vectors/make_vectors.py          # writes the three files
    python3 tests/vectors/make_vectors.py --check  # fails if they would change

Everything is derived from fixed seeds, so a second run gives the same bytes.
"""
import base64
import hashlib
import json
import pathlib
import sys

import pyseto.key_sodium
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey, X25519PublicKey)
from cryptography.hazmat.primitives.serialization import (
    Encoding, NoEncryption, PrivateFormat, PublicFormat)
from Cryptodome.Cipher import ChaCha20_Poly1305
from pyseto import Key, Paseto

ROOT = pathlib.Path(__file__).resolve().parents[2]
P = 2**255 - 19


def take(label, size=32):
    """Bytes that stand for a key or a nonce, the same in every run."""
    return hashlib.shake_256(b"coffer vectors " + label.encode()).digest(size)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- Ed25519 to X25519, by the birational map -------------------------------
def ed25519_public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw)


def x25519_public(ed_public):
    y = int.from_bytes(ed_public, "little") & (2**255 - 1)
    u = (1 + y) * pow(1 - y, P - 2, P) % P
    return u.to_bytes(32, "little")


def x25519_secret(seed):
    return hashlib.sha512(seed).digest()[:32]


def pem_public(raw):
    return X25519PublicKey.from_public_bytes(raw).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pem_secret(raw):
    return X25519PrivateKey.from_private_bytes(raw).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class FixedEphemeral:
    """Takes the place of X25519PrivateKey inside pyseto: the next key is
    known."""
    secret = b""

    @classmethod
    def generate(cls):
        return X25519PrivateKey.from_private_bytes(cls.secret)

    from_private_bytes = X25519PrivateKey.from_private_bytes


# --- Tokens -----------------------------------------------------------------
PAYLOADS = [
    ("empty", b""),
    ("one byte", b"x"),
    ("two bytes", b"xy"),
    ("claims", b'{"iss":"coffer","sub":"lnk_AAECAwQFBgcICQoLDA0ODw",'
               b'"aud":"connector","exp":"2026-08-01T00:01:00Z",'
               b'"nbf":"2026-08-01T00:00:00Z","iat":"2026-08-01T00:00:00Z",'
               b'"purpose":"balance_display","scope":"ACCOUNT_DETAILED"}'),
    ("every byte", bytes(range(256))),
    ("383 bytes", take("payload 383", 383)),
    ("384 bytes", take("payload 384", 384)),
    ("long", take("payload long", 1500)),
]
SURROUNDINGS = [
    (b"", b""),
    (b'{"kid":"k4.lid.example"}', b""),
    (b"", b"connector"),
    (b'{"kid":"k4.lid.example"}', b"connector"),
    (take("footer", 400), take("assertion", 700)),
]


def paseto_vectors():
    tests = []
    for name, payload in PAYLOADS:
        for number, (footer, implicit) in enumerate(SURROUNDINGS):
            label = f"{name} {number}"
            common = {"payload": payload.hex(), "footer": footer.hex(),
                      "implicit_assertion": implicit.hex()}
            key, nonce = take("local " + label), take("nonce " + label)
            local = Key.new(version=4, purpose="local", key=key)
            token = local.encrypt(payload, footer, implicit, nonce)
            tests.append({"name": "local " + label, "key": key.hex(),
                          "nonce": nonce.hex(), **common,
                          "token": token.decode()})
            seed = take("public " + label)
            public = pyseto.key_sodium.Ed25519PrivateKey.from_private_bytes(seed)
            signer = Key.new(4, "public", public.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            signature = signer.sign(payload, footer, implicit)
            token = "v4.public." + b64(payload + signature)
            if footer:
                token += "." + b64(footer)
            if payload:  # pyseto itself reads no empty signed payload
                decoded = Paseto.new().decode(
                    signer, token.encode(), implicit_assertion=implicit)
                assert decoded.payload == payload
            tests.append({"name": "public " + label, "seed": seed.hex(),
                          "public_key": ed25519_public(seed).hex(), **common,
                          "token": token})
    return {"made_by": "make_vectors.py with pyseto", "tests": tests}


# --- PASERK -----------------------------------------------------------------
# Sealed by this program to the key pair of take("seal receiver 0"); the seal
# draws a random key, so this direction is checked when the vectors are made.
SEALED_BY_COFFER = [
    "k4.seal.fZVDFRzlc15K_MHFJCpyA53dp-h_d8DE77bq3hu-iA9tiyjd19Ml"
    "VYijQFoURo1ugmDDFHCXrS7aJEe9TdomNgHOjJ-zTMT8fjCN5hl2focILLB_"
    "wdV8jul6T9yf0uiw",
    "k4.seal.oxdraUIWcGdWA_u-X2XA8xXSvt4IOwDdlIsnYc1qeN1tVKi6yBPm"
    "Ut7uV4gUpnmlh_nErfaMnSKnJRA4Gs5kI2lKjcCGiJY2j19-k5WIMZldrKFK"
    "czJxsZqcYP_o2ki6",
    "k4.seal.eaHXCO3KANqFh0eZ0VxmTlQeSbqnJ9NXOHjV0dBIyGdXmfgQVdw_"
    "oEIzBqpg_lH2TigREFCbB-xJnCnMt_0UUiUUHEQCIh3bV_0y_f_-TdRvW__b"
    "49Ec-dXHz9DGX7Ze",
]


def seal_vector(number):
    key, seed = take(f"sealed {number}"), take(f"seal receiver {number}")
    public = ed25519_public(seed)
    FixedEphemeral.secret = take(f"ephemeral {number}")
    real = pyseto.key_sodium.X25519PrivateKey
    pyseto.key_sodium.X25519PrivateKey = FixedEphemeral
    try:
        text = Key.new(version=4, purpose="local", key=key).to_paserk(
            sealing_key=pem_public(x25519_public(public)))
    finally:
        pyseto.key_sodium.X25519PrivateKey = real
    return {"key": key.hex(), "seed": seed.hex(), "public_key": public.hex(),
            "text": text}


def paserk_vectors():
    local, public = [], []
    for number in range(8):
        key = take(f"lid {number}")
        local.append({"key": key.hex(), "lid": Key.new(
            version=4, purpose="local", key=key).to_paserk_id()})
        seed = take(f"pid {number}")
        raw = ed25519_public(seed)
        named = Key.from_paserk("k4.public." + b64(raw))
        public.append({"seed": seed.hex(), "key": raw.hex(),
                       "public": named.to_paserk(), "pid": named.to_paserk_id()})
    unsealing = pem_secret(x25519_secret(take("seal receiver 0")))
    for text in SEALED_BY_COFFER:
        opened = Key.from_paserk(text, unsealing_key=unsealing)
        assert opened._key == take("sealed 0"), "our seal opens to another key"
    return {"made_by": "make_vectors.py with pyseto", "local": local,
            "public": public, "seal": [seal_vector(n) for n in range(8)]}


# --- Known answers for the self tests ---------------------------------------
def length_prefixed(label, *parts):
    """The input of crypto/kdf.h."""
    return b"".join(len(part).to_bytes(8, "little") + part
                    for part in (label, *parts))


def ssh_string(data):
    return len(data).to_bytes(4, "big") + data


def ssh_signed_blob(message):
    """OpenSSH PROTOCOL.sshsig, namespace coffer."""
    return (b"SSHSIG" + ssh_string(b"coffer") + ssh_string(b"")
            + ssh_string(b"sha512")
            + ssh_string(hashlib.sha512(message).digest()))


def gf256(a, b):
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11b << (bit - 8)
    return product


def share(secret, slope, share_set, index):
    """Of a polynomial of degree 1: two shares are needed."""
    head = (bytes([1]) + share_set + bytes([2, index])
            + bytes(a ^ gf256(b, index) for a, b in zip(secret, slope)))
    hashed = length_prefixed(b"coffer share checksum", head)
    return head + hashlib.blake2b(hashed, digest_size=16).digest()[:4]


def self_test_answers():
    key, nonce, text, data = (take("self " + name, size) for name, size in (
        ("key", 32), ("nonce", 24), ("text", 48), ("data", 20)))
    cipher = ChaCha20_Poly1305.new(key=key, nonce=nonce)
    cipher.update(data)
    sealed, tag = cipher.encrypt_and_digest(text)
    hashed = length_prefixed(b"coffer self test", text, data)
    seed = take("self seed")
    public = ed25519_public(seed)
    scalar, other = take("self scalar"), take("self other")
    point = X25519PrivateKey.from_private_bytes(other).public_key()
    token_nonce = take("self token nonce")
    local = Key.new(version=4, purpose="local", key=key)
    signer = Key.new(4, "public", Ed25519PrivateKey.from_private_bytes(
        seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    footer, implicit = b'{"kid":"self"}', b"self test"
    named = Key.from_paserk("k4.public." + b64(public))
    seal = seal_vector(0)
    sealed_key = base64.urlsafe_b64decode(seal["text"].split(".")[2])
    ssh_blob = ssh_signed_blob(text)
    slope, share_set = take("self slope"), take("self share set", 8)
    answers = [
        ("Key", key), ("Text", text), ("Data", data),
        ("Box", nonce + sealed + tag),
        ("Hash", hashlib.blake2b(hashed, digest_size=32).digest()),
        ("KeyedHash", hashlib.blake2b(hashed, key=key, digest_size=32).digest()),
        ("Seed", seed), ("PublicKey", public),
        ("Scalar", scalar),
        ("Point", point.public_bytes(Encoding.Raw, PublicFormat.Raw)),
        ("Shared", X25519PrivateKey.from_private_bytes(scalar).exchange(point)),
        ("TokenNonce", token_nonce), ("Footer", footer), ("Implicit", implicit),
        ("LocalToken", local.encrypt(text, footer, implicit, token_nonce)),
        ("PublicToken", b"v4.public."
         + b64(text + signer.sign(text, footer, implicit)).encode()
         + b"." + b64(footer).encode()),
        ("LocalId", local.to_paserk_id().encode()),
        ("PublicId", named.to_paserk_id().encode()),
        ("PublicText", named.to_paserk().encode()),
        ("SealSeed", bytes.fromhex(seal["seed"])),
        ("Sealed", sealed_key), ("Unsealed", bytes.fromhex(seal["key"])),
        ("SshBlob", ssh_blob),
        ("SshSignature",
         Ed25519PrivateKey.from_private_bytes(seed).sign(ssh_blob)),
        ("Slope", slope), ("ShareSet", share_set),
        ("Shares", b"".join(share(key, slope, share_set, index)
                            for index in (1, 2, 3))),
    ]
    lines = ["// Known answers for crypto/self_test.cc, in hexadecimal. Made by",
             "// tests/vectors/make_vectors.py; do not edit.",
             "#pragma once", "", "#include <string_view>", "",
             "namespace coffer::crypto::answers {", ""]
    for name, value in answers:
        lines.append(f"inline constexpr std::string_view k{name} =")
        digits = value.hex()
        rows = [digits[i:i + 72] for i in range(0, len(digits), 72)]
        if len(lines[-1]) + len(digits) + 4 <= 80:
            lines[-1] += f' "{digits}"'
        else:
            lines += [f'    "{row}"' for row in rows]
        lines[-1] += ";"
    lines += ["", "}  // namespace coffer::crypto::answers", ""]
    return "\n".join(lines)


def main():
    def as_text(vectors):
        return json.dumps(vectors, indent=1) + "\n"

    files = {"tests/vectors/paseto.json": as_text(paseto_vectors()),
             "tests/vectors/paserk.json": as_text(paserk_vectors()),
             "crypto/self_test_answers.h": self_test_answers()}
    changed = 0
    for path, text in files.items():
        if "--check" in sys.argv[1:]:
            if (ROOT / path).read_text() != text:
                print(f"{path} would change")
                changed += 1
        else:
            (ROOT / path).write_text(text)
            print(f"{path}: {len(text)} characters")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
