"""Writes the seeds of hostile_gate_fuzz and claims_fuzz: programs of a gate
that was taken over, and texts of claims and footers. The instructions are
described in hostile_gate_fuzz.cc."""

import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))
LINKER, MESSENGER, CONNECTOR, AUDITOR, LINKER2, STRANGER = range(6)
(CREATE, ISSUE, REDEEM, INTROSPECT, REVOKE_TOKEN, REPLACE_TOKEN,
 REPLACE_CONSENT, COMMITTED, NOT_COMMITTED, REVOKE, ERASE, ERASE_SUBJECT, READ,
 LOCATE, HASH, KEYS, STATUS, CLOCK, REOPEN, RAW) = range(20)


def step(op, caller, a=0, b=0, c=0, d=0, e=0, last=1):
    return bytes([op, caller, a, b, c, d, e, last])


# Purposes and clusters both of them all; a link of citi's.
def create(caller=LINKER, a=0, b=3, c=7, d=0, e=1):
    return step(CREATE, caller, a, b, c, d, e)


def issue(a=0, c=0, d=CONNECTOR, e=4 * 60, b=0):
    return step(ISSUE, MESSENGER, a, b, c, d, e)


def redeem(a=0, d=0, b=0, c=0, caller=CONNECTOR):
    return step(REDEEM, caller, a, b, c, d)


ONE_TIME = 7 + (1 << 3)
SEEDS = {
    "link_token_use": create() + issue() + redeem() + redeem(),
    "other_audience": create() + issue() + redeem(caller=AUDITOR)
    + redeem(caller=LINKER) + redeem(caller=MESSENGER),
    "tracking": create() + issue(c=1, d=AUDITOR) + redeem(caller=AUDITOR),
    "advertising": create() + issue(c=2) + issue(c=3) + create(b=7),
    "wide_scope": create(c=2) + issue(c=4) + issue(c=8) + issue(c=28),
    "ceiling": create(a=1) + issue(c=1 + 16, d=AUDITOR) + issue(c=1),
    "revoked": create() + issue() + step(REVOKE, LINKER, c=1) + redeem()
    + issue() + issue(a=1) + step(READ, LINKER) + step(READ, LINKER, 1),
    "erased": create() + issue() + step(ERASE, LINKER) + redeem() + issue()
    + step(READ, AUDITOR),
    "subject": create() + create(d=1) + create(LINKER2)
    + step(ERASE_SUBJECT, LINKER, e=2) + issue() + issue(1) + issue(2)
    + create() + issue(3) + step(ERASE_SUBJECT, AUDITOR) + issue(2),
    "replaced": create() + step(REPLACE_TOKEN, LINKER, e=2) + issue()
    + step(COMMITTED, LINKER, 1) + issue(1) + redeem(1, 1) + redeem(0, 1)
    + redeem(0, 0) + redeem(1, 0),
    "pasted": create() + create() + step(REPLACE_TOKEN, CONNECTOR, e=9)
    + step(COMMITTED, LINKER, 2) + issue(2) + redeem(2, 0, 1) + redeem(2, 0, 0)
    + redeem(2, 0, 0, 1) + redeem(1, 0, 2, 2),
    "not_committed": create() + step(REPLACE_TOKEN, LINKER, e=2)
    + step(NOT_COMMITTED, LINKER, 1) + step(REPLACE_TOKEN, LINKER, e=3)
    + step(COMMITTED, LINKER, 2) + issue(1) + issue(2) + issue(0),
    "consent": create() + issue() + step(REPLACE_CONSENT, LINKER, d=1, e=1)
    + issue() + step(COMMITTED, LINKER, 1) + redeem() + redeem(0, 1)
    + redeem(1, 1) + issue(1) + redeem(1, 2),
    "overtaken": create() + step(REPLACE_TOKEN, LINKER, e=2)
    + step(REVOKE, LINKER, c=1) + step(COMMITTED, LINKER, 1) + issue(1)
    + issue(2),
    "one_time": create(c=ONE_TIME) + issue() + issue() + redeem() + redeem(0, 1)
    + issue() + step(READ, LINKER),
    "single_use": create() + issue(e=2) + redeem() + redeem()
    + step(REDEEM, CONNECTOR, last=0) * 3,
    "revoke_token": create() + issue() + issue()
    + step(REVOKE_TOKEN, MESSENGER, e=CONNECTOR) + redeem() + redeem(0, 1)
    + step(REVOKE_TOKEN, CONNECTOR, d=1, e=5) + redeem(0, 1),
    "public": create() + issue(e=1) + redeem()
    + step(INTROSPECT, CONNECTOR, e=5) + step(INTROSPECT, MESSENGER, e=2)
    + step(LOCATE, CONNECTOR, c=1, e=5),
    "reopened": create() + issue() + issue(e=1) + step(REVOKE, LINKER, c=1)
    + create() + step(REOPEN, 0, 1) + redeem() + redeem(0, 1) + issue()
    + issue(2) + step(REOPEN, 0, 0) + redeem(2, 2),
    "expired": create() + issue() + step(CLOCK, 0, 2) + redeem() + issue()
    + step(CLOCK, 0, 5) + issue() + redeem(0, 1)
    + step(REPLACE_TOKEN, LINKER),
    "flipped": create() + issue() + step(REDEEM, CONNECTOR, d=3, e=90, last=15)
    + step(ISSUE, MESSENGER, d=2, e=60, last=31),
    "others": create() + step(HASH, LINKER, 1) + step(KEYS, MESSENGER)
    + step(STATUS, 0) + step(HASH, STRANGER) + step(READ, LINKER2)
    + step(ERASE, LINKER2) + step(LOCATE, STRANGER),
    "public_reopened": create() + issue(e=1) + step(REOPEN, 0, 0) + redeem()
    + issue(e=1) + step(REOPEN, 0, 1) + redeem(0, 1),
    "consent_as_wide": create() + issue()
    + step(REPLACE_CONSENT, LINKER, d=7, e=3) + issue()
    + step(COMMITTED, LINKER, 1) + redeem(1) + redeem(1, 1),
    "audience_without_purpose": create() + issue(d=AUDITOR)
    + redeem(caller=AUDITOR) + step(LOCATE, AUDITOR, c=1, e=5),
    "asks_of_others_tokens": create() + issue()
    + step(INTROSPECT, AUDITOR, e=CONNECTOR)
    + step(INTROSPECT, LINKER, e=CONNECTOR)
    + step(REVOKE_TOKEN, AUDITOR, e=CONNECTOR) + redeem(),
    "lost_race": create() + step(REPLACE_TOKEN, LINKER, d=77)
    + step(REPLACE_CONSENT, LINKER, d=77) + step(REPLACE_TOKEN, LINKER2),
    "raw": create() + step(RAW, 1, 0, 0, 0, 0),
}
CLAIMS = (b'{"iss":"coffer","sub":"lnk_AAAAAAAAAAAAAAAAAAAAAA",'
          b'"aud":"connector","exp":"2026-08-01T00:01:00Z",'
          b'"nbf":"2026-08-01T00:00:00Z","iat":"2026-08-01T00:00:00Z",'
          b'"jti":"AAECAwQFBgcICQoLDA0ODw","purpose":"balance_display",'
          b'"scope":"ACCOUNT_BASIC ACCOUNT_DETAILED",'
          b'"client_id":"messenger","epoch":42}')
KID = b"A" * 44


def claims_seeds():
    single = CLAIMS[:-1] + b',"single_use":true}'
    for kind in (0, 1):
        head = bytes([kind])
        yield f"claims_{kind}", head + CLAIMS
        yield f"single_use_{kind}", head + single
        for days in (b"60", b"0", b"3661"):
            yield f"lookback_{days.decode()}_{kind}", head + CLAIMS[:-1] + (
                b',"lookback_period":' + days + b',"single_use":true}')
        yield f"space_{kind}", head + CLAIMS.replace(b":42", b": 42")
        yield f"epoch_{kind}", head + CLAIMS.replace(b"42", b"18446744073709551606")
        yield f"other_times_{kind}", head + CLAIMS.replace(
            b'"iat":"2026', b'"iat":"2025')
        yield f"empty_{kind}", head
    for name, footer in [("lid", b'{"kid":"k4.lid.' + KID + b'"}'),
                         ("pid", b'{"kid":"k4.pid.' + KID + b'"}'),
                         ("none", b""), ("wpk", b'{"wpk":"k4.seal.AAAA"}')]:
        yield f"footer_{name}", b"\x02" + footer
    transit = (b'{"iat":"2026-11-20T14:00:00Z","kid":"k4.pid.' + KID
               + b'","wpk":"k4.seal.' + b"A" * 128 + b'"}')
    yield "transit", b"\x04" + transit
    yield "transit_day", b"\x04" + transit.replace(b"-11-20", b"-11-31")
    yield "transit_cut", b"\x04" + transit[:-1]
    yield "token_local", b"\x03v4.local." + b"A" * 400 + b"." + b"A" * 82
    yield "token_public", b"\x03v4.public." + b"A" * 400 + b"." + b"A" * 82
    yield "token_other", b"\x03v3.local.AAAA.AAAA"


def write(target, seeds):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    for name, content in seeds:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def mixtures():
    """Steps in any order, of few links, so that they meet."""
    dice = random.Random(2018)
    weights = [4, 6, 8, 3, 2, 3, 2, 5, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 0, 0]
    usual = {CREATE: LINKER, ISSUE: MESSENGER, REDEEM: CONNECTOR,
             INTROSPECT: CONNECTOR, LOCATE: CONNECTOR}
    for number in range(6):
        program = create() + create(LINKER2, 1) + issue()
        for op in dice.choices(range(20), weights, k=20):
            caller = usual.get(op, LINKER)
            if dice.random() < 0.2:
                caller = dice.randrange(6)
            program += step(op, caller, dice.randrange(6), 0, 0,
                            dice.randrange(3), dice.randrange(256),
                            dice.choice([0, 1, 1]))
        yield f"mixture_{number}", program


if __name__ == "__main__":
    write("hostile_gate", SEEDS.items())
    write("hostile_gate", mixtures())
    write("claims", claims_seeds())
