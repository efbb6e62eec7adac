"""The fields of every request: at its bounds what is taken, and all that is
refused. The tables that bad_input_test.py walks.
"""

import os

LONGEST = "n" * 32
PURPOSES = [f"purpose_{i:02}" for i in range(31)] + [LONGEST]
CLUSTERS = [f"x_cluster_{i:02}" for i in range(31)] + ["x_" + "n" * 30]


def policy():
    quoted = ", ".join(f'"{name}"' for name in CLUSTERS)
    text = "".join(f"[purposes.{name}]\ndata_clusters = [{quoted}]\n"
                   for name in PURPOSES)
    names = ", ".join(f'"{name}"' for name in PURPOSES)
    for bank in ("citi", LONGEST):
        text += (f'[institutions.{bank}]\nname = "A bank"\n'
                 f"purposes = [{names}]\ndata_clusters = [{quoted}]\n")
    return text


def callers():
    rules = ", ".join(
        f'{{ purpose = "{name}", audience = "{LONGEST}" }}'
        for name in PURPOSES)
    redeem = ", ".join(f'"{name}"' for name in PURPOSES)
    return (f"[callers.{LONGEST}]\nuid = {os.getuid()}\n"
            'links = ["create", "read", "update", "erase"]\n'
            f"issue = [{rules}]\nredeem = [{redeem}]\n")


# Cyrillic, Greek and full-width letters that look Latin.
LETTERS = str.maketrans("ceopxiIOEn", "\u0441\u0435\u043e\u0440\u0445\u0456"
                        "\u0399\u041e\u0395\uff4e")


def look_alikes(name):
    """What a person would take for the name."""
    found = [name.swapcase(), name + " ", " " + name, name + "\t", name + "\n",
             name + "\u0000", "\u200b" + name, name + "\u0301",
             name.translate(LETTERS), name + "-", name + "."]
    assert name not in found
    return found


TYPES = [None, 5, 0, True, False, [], {}, ["x"], {"x": 1}, "text"]


def of_other_types(*allowed):
    """JSON values that are of none of the allowed types."""
    return [value for value in TYPES if type(value) not in allowed]


class Missing:
    def __repr__(self):
        return "missing"


MISSING = Missing()


class Field:
    """One field: what is taken, what is refused, and what the refusal says."""

    def __init__(self, name, good, bad, says=None, unknown=()):
        self.name = name
        self.good = good
        self.bad = bad
        self.unknown = unknown
        self.says = says or [name]


def name_field(name, good, says=None, required=True):
    return Field(
        name, [good],
        of_other_types(str) + ["", "n" * 33, "a b", "a/b", "\u00e9", *(
            [MISSING] if required else [])] + look_alikes(good),
        says, unknown=["unknown", "u" * 32])


DURATIONS = Field(
    "durationPeriod", [1, 366],
    of_other_types(int, bool) + [True, -1, 367, 2**31, 2**63 - 1, -2**63,
                                 MISSING, "90", 0])

CONSENT = [
    Field("consentId", ["c", "c" * 256, "\u00e9" * 128],
          of_other_types(str) + ["", "c" * 257, "\u00e9" * 129, MISSING]),
    Field("purposes", [[PURPOSES[0]], PURPOSES],
          of_other_types(list) + [
              MISSING, [5], [[]], [PURPOSES[0], PURPOSES[0]], [""],
              PURPOSES + ["one_more"]] + [
                  [name] for name in look_alikes(PURPOSES[0])],
          ["purpose"], unknown=[["unknown"], [PURPOSES[0], "unknown"]]),
    Field("dataClusters", [[CLUSTERS[0]], CLUSTERS],
          of_other_types(list) + [
              MISSING, [5], [CLUSTERS[0], CLUSTERS[0]], [""],
              CLUSTERS + ["ONE_MORE"]] + [
                  [name] for name in look_alikes(CLUSTERS[0])],
          ["dataClusters", "data cluster"], unknown=[["UNKNOWN"]]),
    Field("durationType", ["TIME_BOUND"],
          of_other_types(str) + ["", "FOREVER", MISSING] +
          look_alikes("TIME_BOUND")),
    DURATIONS,
    Field("lookbackPeriod", [1, 3660, MISSING],
          of_other_types(int, bool) + [True, 0, -1, 3661, 2**63 - 1, "60"]),
]

CREATE = [
    name_field("institution", "citi"),
    Field("subject", ["s", "s" * 256, "\u00e9" * 128, "\u0000", "Zo\u00eb "],
          of_other_types(str) + ["", "s" * 257, "\u00e9" * 129, MISSING]),
    Field("bank_token", ["t", "t" * 16384, "\u0000\u00e9"],
          of_other_types(str) + ["", "t" * 16385, "\u00e9" * 8193, MISSING]),
    Field("consent", [], of_other_types(dict) + [MISSING]),
]

TOKEN = [
    Field("link", [], of_other_types(str) + [
        MISSING, "", "lnk_", "lnk_" + "A" * 21, "lnk_" + "A" * 23,
        "LNK_" + "A" * 22, "lnk_" + "A" * 21 + "=", "lnk_" + "A" * 21 + "B",
        "lnk_" + "A" * 21 + " ", "A" * 26, "lnk_" + "A" * 21 + "\u0410"]),
    name_field("purpose", PURPOSES[0]),
    name_field("audience", LONGEST),
    Field("scope", [CLUSTERS[0], " ".join(CLUSTERS), MISSING],
          of_other_types(str) + [
              "", " ", CLUSTERS[0] + " ", " " + CLUSTERS[0],
              CLUSTERS[0] + "  " + CLUSTERS[1], CLUSTERS[0] + "\t",
              CLUSTERS[0] + "," + CLUSTERS[1], CLUSTERS[0] + " " + CLUSTERS[0],
              " ".join(CLUSTERS + ["ONE_MORE"])] + look_alikes(CLUSTERS[0]),
          ["scope", "data cluster"], unknown=["UNKNOWN"]),
    Field("expires_in", [1, 2**31, MISSING],
          of_other_types(int, bool) + [True, 0, -1, 2**31 + 1, 2**63 - 1,
                                       "60"]),
    Field("token_format", ["local", "public", MISSING],
          of_other_types(str) + ["", "v4.local"] + look_alikes("local")),
    Field("single_use", [True, False, MISSING],
          of_other_types(bool) + ["true", 1]),
]

SHOWN = Field("token", [], of_other_types(str) + [MISSING])
REASON = Field("reason", [], of_other_types(str) + [
    "", "EXPIRED", "NONE", MISSING] + look_alikes("USER_ACTION"))

# Bodies that are no request whatever the route: raw bytes.
NO_BODIES = [
    b"", b"{", b"[]", b"null", b"5", b'"x"', b"{}x", b"{}{}", b"\xff",
    b'{"subject":"\xc0\x80"}', b'{"subject":"\xed\xa0\x80"}',
    b'{"subject":"\xf4\x90\x80\x80"}', b'{"subject":"\\ud800"}',
    b'{"a":1.5}', b'{"a":1e3}', b'{"a":-0}', b'{"a":9223372036854775808}',
    b'{"a":NaN}', b"{'a':1}", b'{"a":1,}', b'{"a":01}', b"\xef\xbb\xbf{}",
    b'{"a":"' + b"\x01" + b'"}', b'{"a":' * 9 + b"1" + b"}" * 9,
    b"{" + b",".join(b'"k%d":1' % i for i in range(65)) + b"}",
]


def changed(body, name, value):
    body = dict(body)
    if value is MISSING:
        body.pop(name, None)
    else:
        body[name] = value
    return body
