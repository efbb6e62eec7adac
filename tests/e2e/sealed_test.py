"""Bank tokens sealed in both directions and consents signed, by an independent
implementation (pyseto) that follows docs/sealing.md: its code is run as it is
written there."""

import base64
import json
import os
import re
import sys
import time
import unittest

import coffer_daemon
from coffer_daemon import Daemon, link_body

try:
    import pyseto
except ImportError:
    pyseto = None

TOKEN = "bank-token-in-transit-\u20ac"


def recipe():
    """The Python in docs/sealing.md."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                        "docs", "sealing.md")
    with open(path, encoding="utf-8") as file:
        blocks = re.findall(r"^```python\n(.*?)^```$", file.read(),
                            re.MULTILINE | re.DOTALL)
    space = {}
    exec("\n".join(blocks), space)  # pylint: disable=exec-used
    return space


def key_pair():
    """k4.secret and k4.public of a fresh Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric import ed25519
    key = ed25519.Ed25519PrivateKey.generate()
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()

    def text(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    return "k4.secret." + text(seed + public), "k4.public." + text(public)


class SealedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = recipe()
        cls.daemon = Daemon().start_operational(key_file=True)
        cls.keys = cls.daemon.call("GET", "/v1/keys").json

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def sealed_body(self, key="", **changes):
        body = link_body(bank_token=TOKEN, **changes)
        body["sealed_bank_token"] = self.recipe["seal_for_create"](
            self.keys, body, key)
        return body

    def upload(self, body, **headers):
        return self.daemon.call("POST", "/v1/links", body, headers)

    def refused(self, answer, detail):
        self.assertEqual((answer.status, answer.error),
                         (400, "invalid_request"), answer)
        self.assertIn(detail, answer.json["detail"])

    def bank_token(self, link):
        return self.daemon.redeem(self.daemon.token(link)).json["bank_token"]

    def test_upload_opens_and_redeems(self):
        answer = self.upload(self.sealed_body())
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(self.bank_token(answer.json["link"]), TOKEN)

    def test_key_and_caller_are_those_of_the_vault(self):
        self.assertEqual(self.keys["caller"], "platform")
        ingest = self.keys["ingest"]
        self.assertEqual(
            pyseto.Key.from_paserk(ingest["public_key"]).to_paserk_id(),
            ingest["kid"])

    def test_replacement_is_of_one_link_and_revision(self):
        link, other = self.daemon.create(), self.daemon.create()

        def put(to, revision, sealed):
            return self.daemon.call(
                "PUT", f"/v1/links/{to}/bank_token",
                {"sealed_bank_token": sealed}, {"If-Match": f'"{revision}"'})
        seal = self.recipe["seal_for_replace"]
        sealed = seal(self.keys, link, 1, TOKEN)
        self.refused(put(other, 1, sealed), "another request")
        self.refused(put(link, 1, seal(self.keys, link, 2, TOKEN)),
                     "another request")
        self.assertEqual(put(link, 2, sealed).status, 412)
        self.assertEqual(put(link, 1, sealed).status, 200)
        self.assertEqual(self.bank_token(link), TOKEN)
        self.assertEqual(put(link, 1, sealed).status, 412)

    def test_another_request_or_key_is_refused(self):
        for field, value in (("institution", "jpmorgan"),
                             ("subject", "cust-other")):
            body = self.sealed_body()
            body[field] = value
            self.refused(self.upload(body), "another request")
        body = self.sealed_body()
        body["consent"] = dict(body["consent"], consentId="other")
        self.refused(self.upload(body), "another request")
        self.refused(self.upload(self.sealed_body("k"), **{
            "Idempotency-Key": "another"}), "another request")
        self.refused(self.upload(self.sealed_body("k")), "another request")
        _, public = key_pair()
        body = link_body()
        stranger = dict(self.keys, ingest=dict(self.keys["ingest"],
                                               public_key=public))
        with self.assertRaisesRegex(ValueError, "pinned"):
            self.recipe["seal_for_create"](stranger, link_body())
        stranger["ingest"]["kid"] = pyseto.Key.from_paserk(
            public).to_paserk_id()
        body["sealed_bank_token"] = self.recipe["seal_for_create"](
            stranger, body)
        self.refused(self.upload(body), "another key")
        body["sealed_bank_token"] = "v4.local.AAAA"
        self.refused(self.upload(body), "another key")

    def test_used_stale_or_early_is_refused(self):
        body = self.sealed_body()
        self.assertEqual(self.upload(body).status, 201)
        self.refused(self.upload(body), "was used")
        assertion = self.recipe["pae"](
            "POST /v1/links", "platform", "citi", "cust-canary-7731",
            "consent-canary-1", "")
        for seconds in (-310, 30):
            iat = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                time.gmtime(time.time() + seconds))
            body = link_body(bank_token=None)
            body["sealed_bank_token"] = self.recipe["seal"](
                self.keys["ingest"]["public_key"], self.keys["ingest"]["kid"],
                TOKEN, assertion, iat)
            self.refused(self.upload(body), "older than 300 s")

    def test_repeat_under_its_idempotency_key_is_one_link(self):
        body = self.sealed_body("signup-1")
        headers = {"Idempotency-Key": "signup-1"}
        first, second = (self.upload(body, **headers) for _ in range(2))
        self.assertEqual((first.status, second.status), (201, 201), second)
        self.assertEqual(first.json, second.json)
        again = self.upload(self.sealed_body("signup-1"), **headers)
        self.assertEqual(again.status, 409)

    def test_both_or_neither_is_refused(self):
        body = self.sealed_body()
        for wrong in (dict(body, bank_token="x"),
                      {key: value for key, value in body.items()
                       if key != "sealed_bank_token"}):
            self.refused(self.upload(wrong), "exactly one")


class SealedRedeemTest(unittest.TestCase):
    def test_redeemer_with_a_key_gets_it_sealed_only(self):
        secret, public = key_pair()
        callers = coffer_daemon.ONE_CALLER.format(uid=os.getuid()) + (
            f'seal_to = "{public}"\n')
        with Daemon(callers=callers) as daemon:
            daemon.start_operational(key_file=True)
            link = daemon.create(bank_token=TOKEN)
            tokens = [daemon.token(link) for _ in range(2)]
            answers = [daemon.redeem(token).json for token in tokens]
            for answer in answers:
                self.assertNotIn("bank_token", answer)
                self.assertEqual(answer["lookback_period"], 60)
            open_redeemed = recipe()["open_redeemed"]
            for token, answer in zip(tokens, answers):
                self.assertEqual(open_redeemed(secret, token, answer), TOKEN)
            with self.assertRaises(pyseto.DecryptError):
                open_redeemed(secret, tokens[0], answers[1])
            with self.assertRaises(pyseto.DecryptError):
                open_redeemed(key_pair()[0], tokens[0], answers[0])
            shown = json.loads(
                daemon.coffer("--json", "policy", "show").stdout)
            self.assertEqual(shown["callers"][0]["seal_to"], public)
            self.assertIn("sealed to its key",
                          daemon.coffer("policy", "show").stdout)


class SignedConsentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = recipe()
        cls.secret, public = key_pair()
        callers = coffer_daemon.ONE_CALLER.format(uid=os.getuid()) + (
            f'consent_key = "{public}"\n')
        cls.daemon = Daemon(callers=callers).start_operational(key_file=True)
        cls.keys = cls.daemon.call("GET", "/v1/keys").json

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def sign(self, op, secret=None, **fields):
        return {"Signed-Consent": self.recipe["sign"](
            secret or self.secret, self.keys, op, **fields)}

    def signed_create(self, body):
        return self.sign("create", consent=body["consent"],
                         institution=body["institution"],
                         subject=body["subject"])

    def refused(self, answer, detail):
        self.assertEqual((answer.status, answer.error),
                         (400, "invalid_request"), answer)
        self.assertIn(detail, answer.json["detail"])

    def create(self, subject):
        body = link_body(subject=subject)
        answer = self.daemon.call("POST", "/v1/links", body,
                                  self.signed_create(body))
        self.assertEqual(answer.status, 201, answer)
        return answer.json["link"]

    def test_create_is_signed_as_asked(self):
        for subject in ("cust-1", 'cust "\\\t\x01\x7f \u20ac\U0001f600'):
            self.create(subject)
        body = link_body(subject="cust-2")
        signed = self.signed_create(body)
        post = self.daemon.call
        self.refused(post("POST", "/v1/links", body), "this caller signs")
        wide = link_body(subject="cust-2", consent=coffer_daemon.consent(
            dataClusters=["ACCOUNT_DETAILED", "ACCOUNT_BASIC"]))
        self.refused(post("POST", "/v1/links", wide, signed),
                     "not of this request")
        self.refused(
            post("POST", "/v1/links", body, self.sign(
                "create", key_pair()[0], consent=body["consent"],
                institution="citi", subject="cust-2")), "another key")
        self.assertEqual(post("POST", "/v1/links", body, signed).status, 201)
        self.refused(post("POST", "/v1/links", body, signed), "was used")

    def test_repeat_under_its_idempotency_key_needs_no_fresh_signature(self):
        body = link_body(subject="cust-3")
        headers = dict(self.signed_create(body), **{"Idempotency-Key": "s"})
        first, second = (self.daemon.call("POST", "/v1/links", body, headers)
                         for _ in range(2))
        self.assertEqual((first.status, second.status), (201, 201), second)
        self.assertEqual(first.json, second.json)

    def test_consent_is_signed_for_its_link_and_revision(self):
        link, other = self.create("cust-4"), self.create("cust-5")
        consent = coffer_daemon.consent(consentId="second",
                                        lookbackPeriod=None)
        signed = self.sign("consent", consent=consent, link=link, revision=1)

        def put(to, headers, body=consent):
            return self.daemon.call("PUT", f"/v1/links/{to}/consent", body,
                                    dict(headers, **{"If-Match": '"1"'}))
        self.refused(put(link, {}), "this caller signs")
        self.refused(put(other, signed), "not of this request")
        self.refused(put(link, signed, coffer_daemon.consent()),
                     "not of this request")
        self.assertEqual(put(link, signed).status, 200)

    def test_erasures_are_signed(self):
        link, other = self.create("cust-6"), self.create("cust-7")
        call = self.daemon.call
        signed = self.sign("erase", link=link)
        self.refused(call("DELETE", f"/v1/links/{link}"), "this caller signs")
        self.refused(call("DELETE", f"/v1/links/{other}", None, signed),
                     "not of this request")
        self.assertEqual(
            call("DELETE", f"/v1/links/{link}", None, signed).status, 200)
        signed = self.sign("erase", subject="cust-7")
        self.refused(call("DELETE", "/v1/subjects/cust-7"),
                     "this caller signs")
        self.refused(call("DELETE", "/v1/subjects/cust-8", None, signed),
                     "not of this request")
        erased = call("DELETE", "/v1/subjects/cust-7", None, signed)
        self.assertEqual((erased.status, erased.json["erased"]), (200, 1))

    def test_revocation_is_not_and_no_other_route_takes_one(self):
        link = self.create("cust-9")
        target = f"/v1/links/{link}/consent/revocation"
        body = {"reason": "USER_ACTION"}
        self.refused(self.daemon.call("PUT", target, body,
                                      self.sign("erase", link=link)),
                     "leave it out")
        self.assertEqual(self.daemon.call("PUT", target, body).status, 204)
        for wrong in ("", "x", "v4.local.AAAA"):
            self.refused(self.daemon.call(
                "DELETE", f"/v1/links/{link}", None,
                {"Signed-Consent": wrong}), "v4.public token")

    def test_caller_without_a_key_may_not_send_one(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            body = link_body()
            self.assertEqual(daemon.call(
                "POST", "/v1/links", body, self.signed_create(body)).status,
                400)


class CommandLineTest(unittest.TestCase):
    """`coffer` against the real daemon, signing, sealing and opening."""

    def test_everything_sealed_and_signed_by_the_command_line(self):
        with Daemon() as daemon:
            publics = [daemon.coffer("keypair", "--out", daemon.path(name))
                       .stdout.strip() for name in ("sign", "read")]
            for name, public in zip(("sign", "read"), publics):
                with open(daemon.path(name), encoding="utf-8") as file:
                    secret = pyseto.Key.from_paserk(file.read().strip())
                pyseto.decode(pyseto.Key.from_paserk(public),
                              pyseto.encode(secret, b"theirs"))
            daemon.write("policy.toml", coffer_daemon.POLICY
                         + coffer_daemon.ONE_CALLER.format(uid=os.getuid())
                         + f'consent_key = "{publics[0]}"\n'
                         + f'seal_to = "{publics[1]}"\n')
            daemon.start_operational(key_file=True)
            kid = json.loads(
                daemon.coffer("--json", "status").stdout)["ingest_kid"]
            self.assertEqual(
                daemon.call("GET", "/v1/keys").json["ingest"]["kid"], kid)
            daemon.write("bank", TOKEN + "\n")
            daemon.write("consent", json.dumps(coffer_daemon.consent()))
            sign = ("--consent-key", daemon.path("sign"))
            add = ("--json", "link", "add", "--institution", "citi",
                   "--subject", "cust \u00e9", "--bank-token-file",
                   daemon.path("bank"), "--consent", daemon.path("consent"))
            added = daemon.coffer(*add, *sign)
            self.assertEqual(added.stderr, "")
            link = json.loads(added.stdout)["link"]
            self.assertIn("this caller signs",
                          daemon.coffer(*add, check=False).stderr)
            self.assertEqual(daemon.coffer(
                *add, *sign, "--ingest-kid", kid[:-1] + "!",
                check=False).returncode, 1)

            def redeem(*more):
                daemon.write("token", daemon.token(link), 0o600)
                return daemon.coffer("--json", "token", "redeem",
                                     "--token-file", daemon.path("token"),
                                     *more)
            key = ("--unseal-key", daemon.path("read"))
            answer = json.loads(redeem(*key).stdout)
            self.assertEqual((answer["bank_token"], answer["lookback_period"]),
                             (TOKEN, 60))
            self.assertIn("sealed_bank_token", json.loads(redeem().stdout))
            daemon.write("bank", "second\n")
            daemon.coffer("link", "token", link, "--bank-token-file",
                          daemon.path("bank"), "--if-match", "1")
            daemon.coffer("link", "consent", link, "--consent",
                          daemon.path("consent"), "--if-match", "2", *sign)
            self.assertEqual(json.loads(redeem(*key).stdout)["bank_token"],
                             "second")
            # What the command line signs for another program to send.
            signed = daemon.coffer("consent", "sign", *sign, "--erase",
                                   "--link", link).stdout.strip()
            away = daemon.coffer(
                "consent", "sign", *sign, "--erase", "--subject", "cust-away",
                "--caller", "platform", "--vault",
                daemon.call("GET", "/v1/keys").json["vault"]).stdout.strip()
            for target, token in ((f"links/{link}", signed),
                                  ("subjects/cust-away", away)):
                answer = daemon.call("DELETE", f"/v1/{target}", None,
                                     {"Signed-Consent": token})
                self.assertEqual(answer.status, 200, answer)
            for wrong in ((), ("--link", link), ("--subject", "s"),
                          ("--erase", "--link", link, "--subject", "s"),
                          ("--consent", daemon.path("consent")),
                          ("--erase", "--subject", "s", "--caller",
                           "platform"),
                          ("--erase", "--link", link, "--if-match", "1")):
                self.assertEqual(daemon.coffer(
                    "consent", "sign", *sign, *wrong, check=False).returncode,
                                 2)
            daemon.coffer(*add, *sign)
            erased = daemon.coffer("--yes", "--json", "subject", "erase",
                                   "cust \u00e9", *sign)
            self.assertEqual(json.loads(erased.stdout)["erased"], 1)


if __name__ == "__main__":
    other_python = os.environ.get("COFFER_TEST_PYTHON", "")
    if pyseto is None and other_python not in ("", sys.executable):
        os.execv(other_python, [other_python, "-B"] + sys.argv)
    if pyseto is None:
        coffer_daemon.skip("no pyseto; ./dev test fetches it")
    coffer_daemon.main()
