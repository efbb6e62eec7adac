#!/usr/bin/env python3
"""Writes the seeds of the json, request, policy_file and config_file targets.

Run it from anywhere: python3 tests/fuzz/make_api_corpus.py
"""

import json
import pathlib

FUZZ = pathlib.Path(__file__).resolve().parent
CORPUS = FUZZ / "corpus"
LINK = "lnk_AAAAAAAAAAAAAAAAAAAAAA"
CONSENT = {
    "consentId": "c-1",
    "purposes": ["balance_display"],
    "dataClusters": ["ACCOUNT_DETAILED"],
    "durationType": "TIME_BOUND",
    "durationPeriod": 90,
    "lookbackPeriod": 60,
}
CREATE = {
    "institution": "citi",
    "subject": "cust-7731",
    "bank_token": "secret",
    "consent": CONSENT,
}
TOKEN = {
    "link": LINK,
    "purpose": "balance_display",
    "scope": "ACCOUNT_DETAILED TRANSACTIONS",
    "audience": "connector",
    "expires_in": 60,
    "token_format": "local",
    "single_use": False,
}


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in seeds.items():
        data = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(data)


def json_seeds():
    return {
        "empty": "",
        "object": json.dumps(CREATE),
        "batch": json.dumps({"requests": [TOKEN, TOKEN]}),
        "kinds": '{"a":[1,-2,null,true,false,"x"],"b":{},"c":[]}',
        "escapes": '"\\u00e9\\n\\t\\"\\\\\\/\\b\\f\\r\\ud83d\\ude00\\u0000"',
        "lone_surrogate": '"\\ud800"',
        "utf8": '{"é":"€😀"}',
        "bad_utf8": b'"\xc0\xaf"',
        "cut_utf8": b'"\xe2\x82',
        "duplicate": '{"a":1,"b":2,"a":3}',
        "duplicate_escaped": '{"a":1,"\\u0061":3}',
        "deep_8": "[" * 8 + "]" * 8,
        "deep_9": "[" * 9 + "]" * 9,
        "keys_64": json.dumps({f"k{i}": i for i in range(64)}),
        "keys_65": json.dumps({f"k{i}": i for i in range(65)}),
        "float": "[1.5]",
        "exponent": "[1e5]",
        "minus_zero": "[-0]",
        "int64_min": "-9223372036854775808",
        "int64_over": "9223372036854775808",
        "uint64_over": "18446744073709551616",
        "trailing": "{}x",
        "space": " \r\n\t{ \"a\" : [ ] } ",
        "comment": "/**/{}",
        "bom": b"\xef\xbb\xbf{}",
    }


def request_seeds():
    parts = {
        "create": "0" + json.dumps(CREATE),
        "create_sealed": "0" + json.dumps(
            {**CREATE, "sealed_bank_token": "v4.local.x"}),
        "create_wide": "0" + json.dumps({**CREATE, "subject": "é" * 128}),
        "create_unknown": "0" + json.dumps({**CREATE, "x": 1}),
        "create_one_time": "0" + json.dumps({
            **CREATE,
            "consent": {**CONSENT, "durationType": "ONE_TIME"}}),
        "bank_token": '1{"bank_token":"next"}',
        "consent": "2" + json.dumps(CONSENT),
        "consent_many": "2" + json.dumps({
            **CONSENT, "purposes": [f"p{i}" for i in range(32)]}),
        "consent_persistent": "2" + json.dumps({
            "consentId": "c", "purposes": ["p"], "dataClusters": ["TAX"],
            "durationType": "PERSISTENT"}),
        "revocation": '3{"reason":"USER_ACTION"}',
        "revocation_rule": '3{"reason":"BUSINESS_RULE"}',
        "token": "4" + json.dumps(TOKEN),
        "token_public": "4" + json.dumps({**TOKEN, "token_format": "public"}),
        "token_two_spaces": "4" + json.dumps({**TOKEN, "scope": "A  B"}),
        "token_long": "4" + json.dumps({**TOKEN, "expires_in": 2147483648}),
        "batch": "5" + json.dumps({"requests": [TOKEN, {}, 5, TOKEN]}),
        "redeem": '6{"token":"v4.local.AAAA"}',
        "introspect": '7{"token":"v4.local.AAAA","audience":"connector"}',
        "revoke": '8{"token":"v4.local.AAAA",'
                  '"token_type_hint":"access_token"}',
        "if_match": '9"1"',
        "if_match_large": '9"18446744073709551616"',
        "if_match_weak": '9W/"1"',
        "idempotency": ":0f3e 9c-~",
        "subject": ";cust-7731",
        "subject_encoded": ";a%2Fb%C3%A9%20",
        "subject_cut": ";a%2",
        "list": "<subject=cust-7731",
        "list_whole": f"<subject=a%26b&after={LINK}&limit=64",
        "list_plus": "<subject=a+b",
        "ledger": "=after=" + "0" * 15 + "2" + "0" * 15 + "1&limit=256",
        "ledger_cut": "=limit=1&after=" + "0" * 31,
        "past": ">after=" + "0" * 48 + "&limit=64",
    }
    return parts


def policy_seeds():
    small = (
        '[purposes.balance_display]\n'
        'data_clusters = ["ACCOUNT_BASIC", "x_own"]\nmax_ttl = "5m"\n'
        '[purposes.advertising]\nprohibited = true\n'
        '[institutions.citi]\nname = "Citi"\n'
        'purposes = ["balance_display"]\ndata_clusters = ["ACCOUNT_BASIC"]\n'
        '[callers.linker]\nuser = "linker"\n'
        'links = ["create", "read", "update", "erase", "all_links"]\n'
        '[callers.messenger]\nuid = 1002\n'
        'issue = [{ purpose = "balance_display", audience = "connector", '
        'institutions = ["citi"], data_clusters = ["ACCOUNT_BASIC"], '
        'distinct_links_per_hour = 1, distinct_links_per_day = 2, '
        'tokens_per_second = 3 }]\n'
        '[callers.connector]\ngid = 1003\nredeem = ["balance_display"]\n'
        'links = ["update_bank_token"]\n')
    sample = (FUZZ.parents[1] / "packaging" / "policy.toml").read_text()
    return {
        "empty": "",
        "small": small,
        "sample": sample,
        "group": small.replace("gid = 1003", 'group = "apps"'),
        "no_user": small.replace('"linker"', '"a-name-nobody-has"'),
        "twice": small.replace("uid = 1002", "uid = 6"),
        "prohibited": small.replace('redeem = ["balance_display"]',
                                    'redeem = ["advertising"]'),
        "unknown_key": small.replace("max_ttl", "maxttl"),
        "seconds": small.replace('"5m"', "90"),
        "dotted": '[purposes."a.b"]\ndata_clusters = ["TAX"]\n'
                  '[institutions."c.d"]\npurposes = ["a.b"]\n',
        "shares_nothing": '[institutions.b]\npurposes = []\n',
        "seal_to": '[callers.c]\nuid = 1\nseal_to = "k4.public.x"\n',
        "inline": 'purposes = { p = { data_clusters = ["TAX"] } }\n',
        "types": '[purposes.p]\ndata_clusters = 5\nmax_ttl = 1.5\n'
                 'prohibited = "no"\n[callers]\nc = []\n',
        "dates": "[purposes.p]\nmax_ttl = 2018-08-06T10:00:00Z\n",
        "syntax": "[purposes\n",
        "bad_utf8": b"# \xff\n",
        "escapes": '[purposes."\\u001b[2J"]\n',
        "array_tables": '[[callers.m.issue]]\npurpose = "p"\n'
                        'audience = "m"\n[callers.m]\nuid = 1\n',
    }


def config_seeds():
    whole = (
        'data_dir = "/srv/coffer"\npolicy = "/etc/coffer/policy.toml"\n'
        '[sockets]\n'
        'caller = { path = "/run/c.sock", mode = "0660", group = "coffer" }\n'
        'operator = { path = "/run/o.sock", mode = "0600" }\n'
        'monitor = { path = "/run/m.sock", mode = "0660" }\n'
        '[users]\ngate = "coffer"\nkeeper = "coffer-keeper"\n'
        '[unseal]\nkey_file = "/k"\ncredential = "c"\n'
        'pkcs11_module = "/m"\n[quorum]\nthreshold = 2\n'
        'approvers = ["/a", "/b"]\n[audit]\norigin = "o"\n'
        'retention = "30d"\nreserve = "64MiB"\n[anchor]\npath = "/x"\n'
        'every_seconds = 60\n[limits]\nstore = "1GiB"\njournal = 1048576\n')
    return {
        "empty": "",
        "whole": whole,
        "relative": 'data_dir = "var/lib"\n',
        "steps": 'data_dir = "/a/../b"\n',
        "mode": '[sockets]\noperator = { mode = "0666" }\n',
        "mode_number": "[sockets]\ncaller = { mode = 0o660 }\n",
        "same_path": '[sockets]\ncaller = { path = "/run/coffer/m" }\n'
                     'monitor = { path = "/run/coffer/m" }\n',
        "long_path": '[sockets]\ncaller = { path = "/' + "x" * 120 + '" }\n',
        "unknown": "[sockets]\nadmin = {}\n[users]\nroot = 1\n",
        "types": "data_dir = 1\nsockets = []\nusers = true\n[limits]\n"
                 "store = -1\njournal = 1.5\n",
        "user": '[users]\ngate = "a b"\n',
        "nul": 'data_dir = "/a\\u0000b"\n',
        "syntax": "data_dir = \n",
    }


if __name__ == "__main__":
    write("json", json_seeds())
    write("request", request_seeds())
    write("policy_file", policy_seeds())
    write("config_file", config_seeds())
