"""Every field of every route: at its bounds it is taken, one past them, of
another type, unknown or only looking like a known name it is refused, with the
field named, and nothing has changed."""

import json
import unittest
import urllib.parse

import coffer_daemon
from bad_input_fields import (
    CLUSTERS, CONSENT, CREATE, Field, LONGEST, MISSING, NO_BODIES, PURPOSES,
    REASON, SHOWN, TOKEN, callers, changed, look_alikes, name_field,
    of_other_types, policy)
from coffer_daemon import Daemon, consent, link_body


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(policy=policy(), callers=callers())
        cls.daemon.start_operational(key_file=True)
        cls.counts = {"refused": 0, "taken": 0}
        cls.consent = consent(purposes=PURPOSES[:1],
                              dataClusters=CLUSTERS)
        cls.create = link_body(consent=cls.consent, subject="kept")
        cls.link = cls.call("POST", "/v1/links", cls.create).json["link"]
        cls.token = {"link": cls.link, "purpose": PURPOSES[0],
                     "audience": LONGEST}
        cls.before = cls.state()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        print("bad input: {refused} refused with the field named, {taken} "
              "taken at the bounds".format(**cls.counts))

    @classmethod
    def call(cls, *arguments, **more):
        return cls.daemon.call(*arguments, **more)

    @classmethod
    def state(cls):
        """The link that no bad request may change, and the only one."""
        return cls.call("GET", "/v1/links?subject=kept").json

    def refused(self, answer, says, what, status=400):
        self.assertEqual(answer.status, status, (what, answer))
        if status == 400:
            self.assertEqual(answer.error, "invalid_request", (what, answer))
        detail = answer.json["detail"]
        self.assertTrue(any(word in detail for word in says), (what, detail))
        self.counts["refused"] += 1

    def unchanged(self, what):
        self.assertEqual(self.state(), self.before, what)

    def taken(self, answer, what, status=(200, 201, 204)):
        self.assertIn(answer.status, status, (what, answer))
        self.counts["taken"] += 1

    def walk(self, fields, send, take=None):
        """Each field of a body, alone, through `send(name, value)`."""
        for field in fields:
            for value in [*field.bad, *field.unknown]:
                what = (field.name, str(value)[:40])
                with self.subTest(field=what):
                    self.refused(send(field.name, value), field.says, what)
            self.unchanged(field.name)
            for value in field.good if take else ():
                with self.subTest(taken=(field.name, str(value)[:40])):
                    self.taken(take(field.name, value), field.name)

    def no_bodies(self, method, target, headers=None):
        for body in NO_BODIES:
            answer = self.call(method, target, body,
                               {"Content-Type": "application/json",
                                **(headers or {})})
            with self.subTest(body=body[:40]):
                self.assertEqual(answer.status, 400, (target, body, answer))
                self.counts["refused"] += 1
        self.unchanged(target)

    def other_fields(self, method, target, body, headers=None):
        """An unknown field, a known one twice, one in another case."""
        raw = json.dumps(body)
        name = next(iter(body))
        again = raw[:-1] + f', "{name}": {json.dumps(body[name])}' + "}"
        for text, says in ((raw[:-1] + ', "extra": 1}', "unknown field"),
                           (raw.replace(f'"{name}"', f'"{name} "', 1), ""),
                           (raw.replace(f'"{name}"',
                                        f'"{name.upper()}"', 1), ""),
                           (again, "")):
            answer = self.call(method, target, text.encode(),
                               {"Content-Type": "application/json",
                                **(headers or {})})
            self.refused(answer, [says], text[:60])
        self.unchanged(target)

    # --- Links ---------------------------------------------------------------
    def test_create(self):
        def send(name, value):
            return self.call("POST", "/v1/links",
                             changed(self.create, name, value))

        def take(name, value):
            body = changed(dict(self.create, subject="taken"), name, value)
            return self.call("POST", "/v1/links", body)

        for field in CREATE:
            if field.name == "bank_token":
                field.says = ["bank_token"]
        self.walk(CREATE, send, take)
        self.other_fields("POST", "/v1/links", self.create)
        self.no_bodies("POST", "/v1/links")
        for value in ("v4.public.x", "", 5, None, "v4.local", "x" * 22529):
            body = changed(self.create, "bank_token", MISSING)
            self.refused(self.call("POST", "/v1/links",
                                   changed(body, "sealed_bank_token", value)),
                         ["sealed_bank_token"], value)
        self.refused(self.call("POST", "/v1/links", dict(
            self.create, sealed_bank_token="v4.local.x")),
                     ["bank_token"], "both")
        self.unchanged("sealed_bank_token")

    def test_create_with_headers(self):
        for value in ("", "x" * 129, "tab\tinside", "\u00e9"):
            answer = self.call("POST", "/v1/links", self.create,
                               {"Idempotency-Key": value})
            self.refused(answer, ["Idempotency-Key"], value)
        for kind in ("text/plain", "application/jsonx", "application/json5",
                     "application/x-www-form-urlencoded", ""):
            answer = self.call("POST", "/v1/links", self.create,
                               {"Content-Type": kind})
            self.refused(answer, ["Content-Type"], kind, 415)
        large = dict(self.create, bank_token="t" * 65536)
        self.refused(self.call("POST", "/v1/links", large), ["65536"], "large",
                     413)
        self.unchanged("headers")
        for value in ("k", "k" * 128, "~ !"):
            self.taken(self.call(
                "POST", "/v1/links", dict(self.create, subject="taken"),
                {"Idempotency-Key": value}), value)

    def test_consent_within_create(self):
        def body(name, value, subject="kept"):
            return dict(self.create, subject=subject,
                        consent=changed(self.consent, name, value))

        self.walk(
            CONSENT,
            lambda *field: self.call("POST", "/v1/links", body(*field)),
            lambda *field: self.call("POST", "/v1/links",
                                     body(*field, subject="taken")))
        for kind, period, good in (("ONE_TIME", MISSING, True),
                                   ("ONE_TIME", 7, True),
                                   ("PERSISTENT", MISSING, True),
                                   ("PERSISTENT", 7, False),
                                   ("TIME_BOUND", MISSING, False)):
            given = changed(dict(self.consent, durationType=kind),
                            "durationPeriod", period)
            answer = self.call("POST", "/v1/links", dict(
                self.create, subject="taken" if good else "kept",
                consent=given))
            if good:
                self.taken(answer, (kind, period))
            else:
                self.refused(answer, ["durationPeriod"], (kind, period))
        self.refused(self.call("POST", "/v1/links", dict(
            self.create, consent=dict(self.consent, more=1))),
                     ["unknown field in consent"], "more")
        self.unchanged("consent")

    def test_replaced_consent(self):
        target = f"/v1/links/{self.link}/consent"
        match = {"If-Match": '"1"'}
        self.walk(CONSENT, lambda *field: self.call(
            "PUT", target, changed(self.consent, *field), match))
        self.other_fields("PUT", target, self.consent, match)
        self.no_bodies("PUT", target, match)

    def test_replaced_bank_token(self):
        target = f"/v1/links/{self.link}/bank_token"
        match = {"If-Match": '"1"'}
        field = Field("bank_token", [], CREATE[2].bad)
        self.walk([field], lambda *field: self.call(
            "PUT", target, changed({}, *field), match))
        self.no_bodies("PUT", target, match)
        for value in ("1", '"0"', '"01"', '""', '"-1"', '"1x"', 'W/"1"', "*",
                      '"1", "2"', "'1'", '" 1"', '"1.0"'):
            self.refused(self.call("PUT", target, {"bank_token": "x"},
                                   {"If-Match": value}), ["If-Match"], value)
        for value in ('"2"', '"4294967295"', '"4294967296"',
                      '"99999999999999999999999"'):
            self.refused(self.call("PUT", target, {"bank_token": "x"},
                                   {"If-Match": value}), ["ETag"], value, 412)
        self.refused(self.call("PUT", target, {"bank_token": "x"}),
                     ["If-Match"], "none", 428)
        self.unchanged("If-Match")

    def test_revocation(self):
        target = f"/v1/links/{self.link}/consent/revocation"
        self.walk([REASON], lambda *field: self.call(
            "PUT", target, changed({}, *field)))
        self.other_fields("PUT", target, {"reason": "USER_ACTION"})
        self.no_bodies("PUT", target)

    def test_links_in_paths(self):
        for link in ("x", "lnk_", self.link + "A", self.link[:-1],
                     self.link.upper(), self.link + "%00", "%20" + self.link,
                     self.link + "%20", "lnk_" + "%41" * 22, "*"):
            for method, more in (("GET", ""), ("DELETE", "")):
                answer = self.call(method, f"/v1/links/{link}{more}")
                self.refused(answer, ["no such"], link, 404)
        self.unchanged("paths")

    # --- Tokens --------------------------------------------------------------
    def test_token(self):
        self.walk(
            TOKEN,
            lambda *field: self.call("POST", "/v1/token",
                                     changed(self.token, *field)),
            lambda *field: self.call("POST", "/v1/token",
                                     changed(self.token, *field)))
        self.other_fields("POST", "/v1/token", self.token)
        self.no_bodies("POST", "/v1/token")
        self.refused(self.call("POST", "/v1/token", dict(
            self.token, single_use=True, token_format="public")),
                     ["single_use"], "single_use of public")
        answer = self.call("POST", "/v1/token",
                           dict(self.token, link="lnk_" + "A" * 22))
        self.refused(answer, ["link"], "unknown link", 404)

    def test_token_batch(self):
        """Each wish has its own answer; the list itself is one field."""
        for bad in of_other_types(list) + [MISSING, [self.token] * 257]:
            self.refused(self.call("POST", "/v1/token/batch",
                                   changed({}, "requests", bad)),
                         ["requests"], str(bad)[:40])
        self.no_bodies("POST", "/v1/token/batch")
        self.taken(self.call("POST", "/v1/token/batch", {"requests": []}), 0)
        answer = self.call("POST", "/v1/token/batch",
                           {"requests": [self.token] * 256})
        self.taken(answer, 256)
        self.assertEqual(len(answer.json["responses"]), 256)
        cases = [(field, value) for field in TOKEN
                 for value in [*field.bad, *field.unknown]]
        for begin in range(0, len(cases), 200):
            part = cases[begin:begin + 200]
            wishes = [changed(self.token, field.name, value)
                      for field, value in part] + [self.token]
            answers = self.call("POST", "/v1/token/batch",
                                {"requests": wishes}).json["responses"]
            self.assertIn("access_token", answers[-1])
            for (field, value), one in zip(part, answers):
                what = (field.name, str(value)[:40])
                self.assertEqual(one.get("status"), 400, (what, one))
                self.assertTrue(any(word in one["detail"]
                                    for word in field.says), (what, one))
                self.counts["refused"] += 1

    def test_shown_tokens(self):
        for route in ("redeem", "introspect", "revoke"):
            target = f"/v1/{route}"
            self.walk([SHOWN], lambda *field, target=target: self.call(
                "POST", target, changed({}, *field)))
            self.other_fields("POST", target, {"token": "x"})
            self.no_bodies("POST", target)
        for route in ("introspect", "revoke"):
            audience = name_field("audience", LONGEST, required=False)
            # A name of nobody is good enough to say "not active".
            audience.bad.remove(LONGEST.swapcase())
            audience.unknown = ()
            hint = Field("token_type_hint", [], of_other_types(str))
            self.walk([audience, hint], lambda *field, route=route: self.call(
                "POST", f"/v1/{route}", changed({"token": "x"}, *field)))
        for token in ("", "x", "v4.local.", "v4.local." + "A" * 5000, "\u0000",
                      "v4.public." + "A" * 86, "V4.LOCAL.x"):
            answer = self.call("POST", "/v1/redeem", {"token": token})
            self.assertEqual((answer.status, answer.error),
                             (400, "invalid_grant"), token)
            self.assertEqual(self.call("POST", "/v1/introspect",
                                       {"token": token}).json,
                             {"active": False})

    # --- Customers -----------------------------------------------------------
    SUBJECTS = ["", "s" * 257, "%C3%A9" * 129, "%", "%4", "%zz", "%C0%80",
                "%ED%A0%80", "%FF", "%F4%90%80%80", "a%00%C0%80", "s\"",
                "s|"]

    def test_subjects_in_paths(self):
        for subject in self.SUBJECTS:
            for method, more in (("DELETE", ""), ("GET", "/ledger"),
                                 ("GET", "/consents")):
                answer = self.call(method, f"/v1/subjects/{subject}{more}")
                self.refused(answer, ["subject"], (method, subject[:40]))
        self.unchanged("subjects")
        for subject in ("s", "s" * 256, "%C3%A9" * 128, "%00", "a%2Fb", "~"):
            self.taken(self.call("DELETE", f"/v1/subjects/{subject}"), subject)
            for more in ("ledger", "consents"):
                self.taken(self.call("GET", f"/v1/subjects/{subject}/{more}"),
                           subject)

    def test_queries(self):
        links = [(f"subject={subject}", "subject") for subject in
                 [*self.SUBJECTS, "a+b"]]
        links += [("", "subject"), ("subject", "subject"),
                  ("limit=1", "subject"), ("subject=a&subject=a", "subject"),
                  ("SUBJECT=a", "subject"), ("subject=a&x=1", "query"),
                  ("subject=a&", "query")]
        links += [(f"subject=a&limit={limit}", "limit") for limit in
                  ("", "0", "65", "01", "-1", "1.5", "+1", "1%30", "1e1",
                   "18446744073709551617")]
        links += [("subject=a&limit=1&limit=1", "limit")]
        links += [(f"subject=a&after={after}", "after") for after in
                  ("", "lnk_", self.link + "A", self.link.upper())]
        for query, says in links:
            self.refused(self.call("GET", f"/v1/links?{query}"), [says], query)
        for limit in (1, 64):
            self.taken(self.call("GET", f"/v1/links?subject=a&limit={limit}"),
                       limit)
        ledger = [(f"limit={limit}", "limit") for limit in
                  ("", "0", "257", "01", "-1", "1.5", "+1", "9999")]
        ledger += [(f"after={after}", "after") for after in
                   ("", "0" * 32, "0" * 31, "0" * 33, "g" * 32,
                    "%30" * 32, "F" * 32, "f" * 32,
                    "f" * 16 + "0" * 16)]
        ledger += [("limit=1&limit=1", "limit"), ("x=1", "query"),
                   ("limit=1&", "query"), ("after", "query")]
        consents = [(query.replace("257", "65"), says)
                    for query, says in ledger]
        consents += [(f"after={after}", "after") for after in
                     ("0" * 47, "0" * 49, "G" * 48, "F" * 48)]
        for route, queries, most in (("ledger", ledger, 256),
                                     ("consents", consents, 64)):
            target = f"/v1/subjects/kept/{route}"
            for query, says in queries:
                self.refused(self.call("GET", f"{target}?{query}"), [says],
                             (route, query))
            for limit in (1, most):
                self.taken(self.call("GET", f"{target}?limit={limit}"), limit)
        for target in ("/v1/keys?", "/v1/keys?x=1",
                       f"/v1/links/{self.link}?x=1"):
            self.refused(self.call("GET", target), ["query"], target)

    def test_look_alike_subjects_are_customers_of_their_own(self):
        for subject in look_alikes("kept"):
            quoted = urllib.parse.quote(subject)
            answer = self.call("GET", f"/v1/links?subject={quoted}")
            self.assertEqual((answer.status, answer.json), (200, {"links": []}),
                             subject)
            answer = self.call("DELETE", f"/v1/subjects/{quoted}")
            self.assertEqual(answer.json["erased"], 0, subject)
        self.unchanged("look-alike subjects")

    def test_zz_a_request_that_is_taken_is_caught(self):
        """The control; last, because it does change something."""
        answer = self.call("POST", "/v1/links", self.create)
        with self.assertRaises(AssertionError):
            self.refused(answer, ["institution"], "control")
        with self.assertRaises(AssertionError):
            self.unchanged("control")
        answer = self.call("POST", "/v1/links",
                           dict(self.create, institution="unknown"))
        with self.assertRaises(AssertionError):
            self.refused(answer, ["another field"], "control")


if __name__ == "__main__":
    coffer_daemon.main()
