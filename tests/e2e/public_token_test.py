"""v4.public tokens, verified by an independent implementation (pyseto) with
nothing but GET /v1/keys and the audience's name."""

import datetime
import json
import os
import sys
import unittest

import coffer_daemon

try:
    import pyseto
except ImportError:
    pyseto = None


class PublicTokenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = coffer_daemon.Daemon().start_operational(key_file=True)
        cls.link = cls.daemon.create()
        cls.token = cls.daemon.token(cls.link, token_format="public",
                                     expires_in=45)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def keys(self):
        return {key["kid"]: pyseto.Key.from_paserk(key["public_key"])
                for key in self.daemon.call("GET", "/v1/keys").json["keys"]}

    def verify(self, token, assertion=b"platform", key=None):
        footer = json.loads(pyseto.Token.new(token).footer)
        self.assertEqual(list(footer), ["kid"])
        key = key or self.keys().get(footer["kid"])
        if key is None:
            raise ValueError("no such key")
        return pyseto.decode(key, token,
                             implicit_assertion=assertion, deserializer=json)

    def test_key_ids_are_those_of_the_keys(self):
        for kid, key in self.keys().items():
            self.assertEqual(key.to_paserk_id(), kid)

    def test_token_verifies_and_says_what_was_allowed(self):
        claims = self.verify(self.token).payload
        self.assertEqual(
            {name: claims[name] for name in ("sub", "aud", "purpose", "scope",
                                             "client_id")},
            {"sub": self.link, "aud": "platform",
             "purpose": "balance_display", "scope": "ACCOUNT_DETAILED",
             "client_id": "platform"})
        times = {name: datetime.datetime.fromisoformat(claims[name])
                 for name in ("iat", "nbf", "exp")}
        self.assertEqual((times["exp"] - times["iat"]).total_seconds(), 45)
        self.assertLessEqual(times["nbf"], times["iat"])
        self.assertIs(type(claims["epoch"]), int)
        self.assertTrue(claims["iss"] and claims["jti"])
        self.assertNotIn("bank-token", json.dumps(claims))

    def test_wrong_assertion_key_or_byte_fails(self):
        for assertion in (b"", b"connector", b"platform ", b"Platform"):
            with self.assertRaises(pyseto.VerifyError):
                self.verify(self.token, assertion)
        other = pyseto.Key.from_asymmetric_key_params(
            4, x=bytes([9]) + bytes(31))
        with self.assertRaises((ValueError, pyseto.PysetoError)):
            self.verify(self.token, key=other)
        for at in range(20, len(self.token) - 70, 37):
            letter = "A" if self.token[at] != "A" else "B"
            with self.assertRaises((ValueError, pyseto.PysetoError)):
                self.verify(self.token[:at] + letter + self.token[at + 1:])

    def test_erasure_certificate_verifies_with_the_evidence_key(self):
        link = self.daemon.create()
        certificate = self.daemon.call(
            "DELETE", f"/v1/links/{link}").json["certificate"]
        status = json.loads(self.daemon.coffer("--json", "status").stdout)
        key = pyseto.Key.from_paserk(status["evidence_key"])
        claims = self.verify(certificate, b"", key).payload
        self.assertEqual(claims["type"], "erasure")
        self.assertEqual([key["links"] for key in claims["keys"]], [[link]])
        self.assertGreater(claims["final_by"], claims["iat"])


if __name__ == "__main__":
    other_python = os.environ.get("COFFER_TEST_PYTHON", "")
    if pyseto is None and other_python not in ("", sys.executable):
        os.execv(other_python, [other_python, "-B"] + sys.argv)
    if pyseto is None:
        coffer_daemon.skip("no pyseto; ./dev test fetches it")
    coffer_daemon.main()
