"""docs/api.md against the running daemon: every route, every refusal."""

import json
import os
import re
import socket
import unittest

import coffer_daemon
from coffer_daemon import ask, consent, link_body


class ApiTest(unittest.TestCase):
    """One daemon for all: the tests use links of their own."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = coffer_daemon.Daemon().start_operational()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def refused(self, answer, status, error):
        self.assertEqual((answer.status, answer.error), (status, error), answer)
        self.assertEqual(answer.headers["Content-Type"],
                         "application/problem+json")
        self.assertIn("detail", answer.json)

    # --- Links ---------------------------------------------------------------
    def test_created_link_is_read_with_etag_and_without_token(self):
        link = self.daemon.create()
        self.assertRegex(link, r"^lnk_[A-Za-z0-9_-]{22}$")
        answer = self.daemon.call("GET", f"/v1/links/{link}")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["ETag"], '"1"')
        body = answer.json
        self.assertEqual(body["consent"]["status"], "ACTIVE")
        self.assertEqual(body["consent"]["consentId"], "consent-canary-1")
        self.assertEqual(body["institution"], "citi")
        self.assertEqual(body["institution_state"], "active")
        self.assertNotIn(b"bank-token", answer.body)

    def test_links_of_a_subject_are_listed_and_an_unknown_one_has_none(self):
        links = {self.daemon.create(subject="list me/7") for _ in range(3)}
        answer = self.daemon.call("GET", "/v1/links?subject=list%20me%2F7")
        self.assertEqual({l["link"] for l in answer.json["links"]}, links)
        none = self.daemon.call("GET", "/v1/links?subject=nobody")
        self.assertEqual((none.status, none.json["links"]), (200, []))

    def test_a_long_list_is_cut_and_goes_on_with_next(self):
        links = {self.daemon.create(subject="many") for _ in range(120)}
        seen, target = [], "/v1/links?subject=many"
        while target:
            body = self.daemon.call("GET", target).json
            seen += [entry["link"] for entry in body["links"]]
            target = (f"/v1/links?subject=many&after={body['next']}"
                      if body.get("next") else None)
        self.assertEqual(len(seen), 120)
        self.assertEqual(set(seen), links)

    def test_bank_token_is_replaced_under_if_match_once(self):
        link = self.daemon.create()
        target = f"/v1/links/{link}/bank_token"
        body = {"bank_token": "second"}
        self.refused(self.daemon.call("PUT", target, body), 428,
                     "precondition_required")
        self.refused(self.daemon.call("PUT", target, body,
                                      {"If-Match": "1"}),
                     400, "invalid_request")
        self.refused(self.daemon.call("PUT", target, body,
                                      {"If-Match": '"7"'}),
                     412, "precondition_failed")
        answer = self.daemon.call("PUT", target, body, {"If-Match": '"1"'})
        self.assertEqual((answer.status, answer.json),
                         (200, {"link": link, "revision": 2}))
        self.refused(self.daemon.call("PUT", target, body,
                                      {"If-Match": '"1"'}),
                     412, "precondition_failed")
        redeemed = self.daemon.redeem(self.daemon.token(link))
        self.assertEqual(redeemed.json["bank_token"], "second")

    def test_replaced_consent_ends_the_links_tokens(self):
        link = self.daemon.create()
        token = self.daemon.token(link)
        wider = consent(dataClusters=["ACCOUNT_BASIC", "ACCOUNT_DETAILED"])
        answer = self.daemon.call("PUT", f"/v1/links/{link}/consent", wider,
                                  {"If-Match": '"1"'})
        self.assertEqual((answer.status, answer.json["revision"]), (200, 2))
        self.refused(self.daemon.redeem(token), 400, "invalid_grant")
        again = self.daemon.redeem(self.daemon.token(link))
        self.assertEqual(again.json["scope"], "ACCOUNT_BASIC ACCOUNT_DETAILED")
        self.assertEqual(again.json["bank_token"], "bank-token-canary-1")

    def test_revoked_consent_takes_nothing_more(self):
        link = self.daemon.create()
        token = self.daemon.token(link)
        target = f"/v1/links/{link}/consent/revocation"
        answer = self.daemon.call("PUT", target, {"reason": "USER_ACTION"})
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.refused(self.daemon.call("PUT", target,
                                      {"reason": "USER_ACTION"}),
                     409, "conflict")
        self.refused(self.daemon.redeem(token), 400, "invalid_grant")
        self.refused(self.daemon.issue(link), 403, "invalid_grant")
        read = self.daemon.call("GET", f"/v1/links/{link}")
        self.assertEqual(read.json["consent"]["status"], "REVOKED")
        self.assertEqual(read.json["consent"]["reason"], "USER_ACTION")
        match = {"If-Match": read.headers["ETag"]}
        self.refused(self.daemon.call("PUT", f"/v1/links/{link}/bank_token",
                                      {"bank_token": "x"}, match),
                     409, "conflict")
        self.refused(self.daemon.call("PUT", f"/v1/links/{link}/consent",
                                      consent(), match), 409, "conflict")

    def test_erased_link_is_as_if_it_never_was(self):
        link = self.daemon.create()
        token = self.daemon.token(link)
        answer = self.daemon.call("DELETE", f"/v1/links/{link}")
        self.assertEqual((answer.status, answer.json["erased"]), (200, 1))
        self.assertTrue(answer.json["certificate"].startswith("v4.public."))
        for gone in (self.daemon.call("GET", f"/v1/links/{link}"),
                     self.daemon.call("DELETE", f"/v1/links/{link}"),
                     self.daemon.issue(link)):
            self.refused(gone, 404, "not_found")
        self.refused(self.daemon.redeem(token), 400, "invalid_grant")

    def test_erased_subject_counts_its_links_and_may_come_back(self):
        for _ in range(3):
            self.daemon.create(subject="to be erased")
        answer = self.daemon.call("DELETE", "/v1/subjects/to%20be%20erased")
        self.assertEqual((answer.status, answer.json["erased"]), (200, 3))
        again = self.daemon.call("DELETE", "/v1/subjects/to%20be%20erased")
        self.assertEqual((again.status, again.json["erased"]), (200, 0))
        link = self.daemon.create(subject="to be erased")
        self.assertEqual(self.daemon.issue(link).status, 200)

    def test_idempotency_key_answers_the_same_and_refuses_another_body(self):
        key = {"Idempotency-Key": "k-1"}
        first = self.daemon.call("POST", "/v1/links", link_body(), key)
        second = self.daemon.call("POST", "/v1/links", link_body(), key)
        self.assertEqual((first.status, second.status), (201, 201))
        self.assertEqual(first.json, second.json)
        other = self.daemon.call("POST", "/v1/links",
                                 link_body(subject="another"), key)
        self.refused(other, 409, "conflict")
        for bad in ("", "x" * 129, "tab\tinside"):
            answer = self.daemon.call("POST", "/v1/links", link_body(),
                                      {"Idempotency-Key": bad})
            self.refused(answer, 400, "invalid_request")

    # --- Tokens --------------------------------------------------------------
    def test_token_is_issued_and_redeemed_with_all_fields(self):
        link = self.daemon.create()
        answer = self.daemon.issue(link, expires_in=60)
        self.assertEqual(answer.status, 200)
        body = answer.json
        self.assertEqual(
            {key: body[key] for key in ("issued_token_type", "token_type",
                                        "expires_in", "scope")},
            {"issued_token_type": "urn:coffer:token-type:paseto",
             "token_type": "N_A", "expires_in": 60,
             "scope": "ACCOUNT_DETAILED"})
        redeemed = self.daemon.redeem(body["access_token"]).json
        self.assertEqual(redeemed["bank_token"], "bank-token-canary-1")
        self.assertEqual(redeemed["link"], link)
        self.assertEqual(redeemed["institution"], "citi")
        self.assertEqual(redeemed["purpose"], "balance_display")
        self.assertIn(redeemed["expires_in"], range(55, 61))

    def test_lifetime_is_cut_to_the_purpose_and_the_answer_says_so(self):
        link = self.daemon.create()
        for asked, got in ((None, 60), (1, 1), (300, 300), (100000, 300)):
            changes = {} if asked is None else {"expires_in": asked}
            self.assertEqual(self.daemon.issue(link, **changes)
                             .json["expires_in"], got)
        public = self.daemon.issue(link, token_format="public",
                                   expires_in=300)
        self.assertEqual(public.json["expires_in"], 60)
        for bad in (0, -1, 1.5, "60", True):
            self.refused(self.daemon.issue(link, expires_in=bad), 400,
                         "invalid_request")

    def test_issue_refuses_in_the_order_of_the_contract(self):
        link = self.daemon.create()
        unknown = "lnk_" + "A" * 22
        self.refused(self.daemon.issue(link, purpose="no_such"), 400,
                     "invalid_request")
        self.refused(self.daemon.issue(link, audience="no_such"), 400,
                     "invalid_request")
        self.refused(self.daemon.issue(link, scope="NO_SUCH"), 400,
                     "invalid_request")
        self.refused(self.daemon.issue(unknown, purpose="advertising"), 403,
                     "access_denied")
        self.refused(self.daemon.issue(unknown), 404, "not_found")
        self.refused(self.daemon.issue("lnk_short"), 400, "invalid_request")
        self.refused(self.daemon.issue(link, purpose="purchase_tracking"),
                     403, "invalid_grant")
        self.refused(self.daemon.issue(link, scope="ACCOUNT_BASIC"), 403,
                     "invalid_scope")
        self.refused(self.daemon.issue(link, scope="TRANSACTIONS"), 403,
                     "invalid_scope")
        self.refused(self.daemon.issue(link, token_format="public",
                                       single_use=True), 400,
                     "invalid_request")

    def test_jpmorgans_ceiling_refuses_transactions(self):
        link = self.daemon.create(
            institution="jpmorgan",
            consent=consent(purposes=["purchase_tracking"],
                            dataClusters=["ACCOUNT_BASIC", "TRANSACTIONS"]))
        self.refused(self.daemon.issue(link, purpose="purchase_tracking",
                                       scope="TRANSACTIONS"), 403,
                     "access_denied")
        self.assertEqual(
            self.daemon.issue(link, purpose="purchase_tracking")
            .json["scope"], "ACCOUNT_BASIC")

    def test_a_bank_that_shares_nothing_refuses_every_purpose(self):
        link = self.daemon.create(institution="us_bancorp")
        self.refused(self.daemon.issue(link), 403, "access_denied")

    def test_consent_to_a_prohibited_purpose_is_refused(self):
        answer = self.daemon.call("POST", "/v1/links", link_body(
            consent=consent(purposes=["advertising"])))
        self.refused(answer, 403, "access_denied")

    def test_batch_answers_each_in_order_with_its_status(self):
        link = self.daemon.create()
        good = {"link": link, "purpose": "balance_display",
                "audience": "platform"}
        bad = dict(good, purpose="advertising")
        answer = self.daemon.call("POST", "/v1/token/batch",
                                  {"requests": [good, bad] * 128})
        responses = answer.json["responses"]
        self.assertEqual((answer.status, len(responses)), (200, 256))
        self.assertEqual([r["status"] for r in responses], [200, 403] * 128)
        self.assertEqual(responses[1]["error"], "access_denied")
        self.assertEqual(len({r["access_token"] for r in responses[::2]}), 128)
        self.refused(self.daemon.call("POST", "/v1/token/batch",
                                      {"requests": [good] * 257}), 400,
                     "invalid_request")

    def test_single_use_token_is_redeemed_once(self):
        token = self.daemon.token(self.daemon.create(), single_use=True)
        self.assertEqual(self.daemon.redeem(token).status, 200)
        self.refused(self.daemon.redeem(token), 400, "invalid_grant")

    def test_one_time_consent_is_used_up_by_one_redeem(self):
        link = self.daemon.create(consent=consent(
            durationType="ONE_TIME", durationPeriod=None))
        first, second = self.daemon.token(link), self.daemon.token(link)
        self.assertEqual(self.daemon.redeem(first).status, 200)
        self.refused(self.daemon.redeem(second), 400, "invalid_grant")
        self.refused(self.daemon.issue(link), 403, "invalid_grant")

    def test_introspection_says_active_with_integers_or_nothing(self):
        link = self.daemon.create()
        token = self.daemon.token(link)
        body = self.daemon.call("POST", "/v1/introspect",
                                {"token": token}).json
        self.assertTrue(body["active"])
        self.assertEqual((body["sub"], body["purpose"], body["scope"]),
                         (link, "balance_display", "ACCOUNT_DETAILED"))
        self.assertEqual(body["exp"] - body["iat"], 60)
        self.assertIs(type(body["exp"]), int)
        self.daemon.call("POST", "/v1/revoke", {"token": token})
        for dead in (token, "v4.local.AAAA", "x", token + "A"):
            answer = self.daemon.call("POST", "/v1/introspect",
                                      {"token": dead})
            self.assertEqual((answer.status, answer.json),
                             (200, {"active": False}))

    def test_revoked_token_is_dead_and_unknown_ones_are_no_error(self):
        token = self.daemon.token(self.daemon.create())
        for shown in (token, token, "v4.local.nonsense"):
            self.assertEqual(self.daemon.call("POST", "/v1/revoke",
                                              {"token": shown}).status, 200)
        self.refused(self.daemon.redeem(token), 400, "invalid_grant")

    def test_every_bad_token_has_the_same_redeem_answer(self):
        token = self.daemon.token(self.daemon.create())
        flipped = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
        bodies = set()
        for bad in (flipped, "v4.local.AA", "v3.local.x", token[:-1], "x"):
            body = self.daemon.redeem(bad).json
            body.pop("instance", None)
            bodies.add(json.dumps(body, sort_keys=True))
        self.assertEqual(len(bodies), 1)

    def test_keys_are_listed(self):
        body = self.daemon.call("GET", "/v1/keys").json
        self.assertTrue(body["keys"][0]["public_key"].startswith("k4.public."))
        self.assertEqual(body["keys"][0]["state"], "active")
        self.assertTrue(body["ingest"]["kid"].startswith("k4.pid."))

    # --- Bad input -----------------------------------------------------------
    def test_bad_bodies_are_refused_and_nothing_is_stored(self):
        before = self.daemon.call("GET", "/v1/links?subject=bad").json["links"]
        bad = [b"", b"{", b"[]", b"null", b'{"a":1}', b'{"subject":"bad"}',
               json.dumps(link_body(subject="bad", extra=1)).encode(),
               json.dumps(link_body(subject="")).encode(),
               json.dumps(link_body(subject="b" * 257)).encode(),
               json.dumps(link_body(subject="bad", bank_token="")).encode(),
               json.dumps(link_body(subject="bad",
                                    bank_token="t" * 16385)).encode(),
               json.dumps(link_body(subject="bad",
                                    institution="CITI")).encode(),
               json.dumps(link_body(subject="bad",
                                    institution="citi ")).encode(),
               json.dumps(link_body(subject="bad", consent=consent(
                   durationPeriod=0))).encode(),
               json.dumps(link_body(subject="bad", consent=consent(
                   durationPeriod=10**9))).encode(),
               json.dumps(link_body(subject="bad", consent=consent(
                   purposes=[]))).encode(),
               json.dumps(link_body(subject="bad", consent=consent(
                   purposes=["balance_display"] * 2))).encode(),
               json.dumps(link_body(subject="bad", consent=consent(
                   durationType="FOREVER"))).encode(),
               b'{"subject":"bad","subject":"bad2"}',
               b'{"subject":"bad\xff"}', b"[" * 9 + b"]" * 9]
        for body in bad:
            with self.subTest(body=body[:60]):
                answer = self.daemon.call("POST", "/v1/links", body)
                self.refused(answer, 400, "invalid_request")
        after = self.daemon.call("GET", "/v1/links?subject=bad").json["links"]
        self.assertEqual(before, after)

    def test_wrong_routes_methods_and_types_have_their_own_answers(self):
        self.assertEqual(self.daemon.call("GET", "/nowhere").status, 404)
        answer = self.daemon.call("DELETE", "/v1/token")
        self.assertEqual(answer.status, 405)
        self.assertIn("POST", answer.headers["Allow"])
        answer = self.daemon.call("POST", "/v1/token", b"{}",
                                  {"Content-Type": "text/plain"})
        self.assertEqual(answer.status, 415)

    def raw(self, data, read_all=True):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.daemon.caller_socket)
            sock.sendall(data)
            got = b""
            while read_all:
                piece = sock.recv(65536)
                if not piece:
                    break
                got += piece
            return got

    def test_malformed_http_is_answered_and_closed(self):
        host = b"Host: x\r\nConnection: close\r\n"
        cases = [
            (b"NONSENSE\r\n\r\n", b" 400 "),
            (b"GET /v1/health HTTP/1.1\r\n" + b"A: b\r\n" * 40 + b"\r\n",
             b" 431 "),
            (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b" 431 "),
            (b"POST /v1/token HTTP/1.1\r\n" + host +
             b"Content-Type: application/json\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b" 411 "),
            (b"POST /v1/token HTTP/1.1\r\n" + host +
             b"Content-Type: application/json\r\n"
             b"Content-Length: 70000\r\n\r\n", b" 413 "),
            (b"POST /v1/token HTTP/1.1\r\n" + host +
             b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b" 400 "),
        ]
        for request, status in cases:
            with self.subTest(status=status):
                self.assertIn(status, self.raw(request)[:40])

    def test_slow_header_is_ended_with_408(self):
        self.assertIn(b" 408 ", self.raw(b"GET /v1/health HTT")[:40])

    def test_half_closed_client_still_gets_its_answer(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.daemon.caller_socket)
            sock.sendall(b"GET /v1/keys HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.shutdown(socket.SHUT_WR)
            self.assertIn(b" 200 ", sock.recv(65536)[:40])

    def test_pipelined_requests_are_answered_in_order(self):
        link = self.daemon.create()
        one = json.dumps({"link": link, "purpose": "balance_display",
                          "audience": "platform"}).encode()
        two = one.replace(b"balance_display", b"advertising")
        request = b""
        for body in (one, two, one):
            request += (b"POST /v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: "
                        b"application/json\r\nContent-Length: %d\r\n\r\n"
                        % len(body)) + body
        request += b"GET /v1/health HTTP/1.1\r\nConnection: close\r\n\r\n"
        answers = self.raw(request)
        statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answers)
        self.assertEqual(statuses, [b"200", b"403", b"200", b"200"])

    # --- Monitor -------------------------------------------------------------
    def test_monitor_answers_health_status_and_metrics(self):
        health = self.daemon.call("GET", "/v1/health", monitor=True)
        self.assertEqual((health.status, health.json), (200, {"status": "ok"}))
        status = self.daemon.call("GET", "/v1/status", monitor=True)
        self.assertEqual(status.json["state"], "operational")
        metrics = self.daemon.call("GET", "/metrics", monitor=True)
        self.assertEqual(metrics.status, 200)
        self.assertIn(b"# TYPE", metrics.body)
        self.assertEqual(self.daemon.call("POST", "/v1/token", {},
                                          monitor=True).status, 404)

    def test_many_requests_on_one_connection(self):
        link = self.daemon.create()
        connection = self.daemon.connect()
        body = {"link": link, "purpose": "balance_display",
                "audience": "platform"}
        for _ in range(300):
            self.assertEqual(ask(connection, "POST", "/v1/token", body).status,
                             200)
        connection.close()


class StatesTest(unittest.TestCase):
    def test_uninitialised_and_sealed_answer_503_and_say_which(self):
        with coffer_daemon.Daemon() as daemon:
            daemon.start()
            health = daemon.call("GET", "/v1/health")
            self.assertEqual((health.status, health.json["status"]),
                             (503, "uninitialised"))
            self.assertEqual(daemon.call("POST", "/v1/links",
                                         link_body()).status, 503)
            daemon.init()
            link = daemon.create()
            daemon.coffer("--yes", "seal")
            self.assertEqual(daemon.status_code(), 3)
            health = daemon.call("GET", "/v1/health")
            self.assertEqual((health.status, health.json["status"]),
                             (503, "sealed"))
            answer = daemon.issue(link)
            self.assertEqual((answer.status, answer.error), (503, "sealed"))
            wrong = daemon.write("wrong", "not the passphrase\n", 0o600)
            self.assertEqual(daemon.coffer("unseal", "--passphrase-file",
                                           wrong, check=False).returncode, 1)
            daemon.unseal()
            self.assertEqual(daemon.issue(link).status, 200)

    def test_second_init_changes_nothing(self):
        with coffer_daemon.Daemon() as daemon:
            daemon.start_operational()
            link = daemon.create()
            again = daemon.coffer("init", "--seal", "passphrase",
                                  "--passphrase-file",
                                  daemon.path("passphrase"), check=False)
            self.assertEqual(again.returncode, 1)
            self.assertEqual(daemon.issue(link).status, 200)

    def test_tokens_from_before_an_unseal_are_void(self):
        with coffer_daemon.Daemon() as daemon:
            daemon.start_operational()
            link = daemon.create()
            tokens = [daemon.token(link),
                      daemon.token(link, token_format="public")]
            self.assertEqual(daemon.redeem(tokens[1]).status, 200)
            self.assertEqual(daemon.stop(), 0)
            daemon.start()
            daemon.unseal()
            for token in tokens:
                self.assertEqual(daemon.redeem(token).status, 400)
            self.assertEqual(daemon.redeem(daemon.token(link)).status, 200)


if __name__ == "__main__":
    assert os.environ.get("COFFER_BIN"), "COFFER_BIN names the programs' folder"
    unittest.main(verbosity=1)
