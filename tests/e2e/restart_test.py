"""After a restart nothing is accepted before revocations are loaded, and while
sealed nothing is served but health and status."""

import http.client
import threading
import unittest

import coffer_daemon
from coffer_daemon import ask, consent, link_body

ROUTES = (
    ("POST", "/v1/links", link_body()),
    ("GET", "/v1/links/{link}", None),
    ("GET", "/v1/links?subject=cust-canary-7731", None),
    ("PUT", "/v1/links/{link}/bank_token", {"bank_token": "other"}),
    ("PUT", "/v1/links/{link}/consent", consent()),
    ("PUT", "/v1/links/{link}/consent/revocation", {"reason": "USER_ACTION"}),
    ("DELETE", "/v1/links/{link}", None),
    ("DELETE", "/v1/subjects/cust-canary-7731", None),
    ("POST", "/v1/token", {"link": "{link}", "purpose": "balance_display",
                           "audience": "platform"}),
    ("POST", "/v1/token/batch", {"requests": [
        {"link": "lnk_" + "A" * 22, "purpose": "balance_display",
         "audience": "platform"}]}),
    ("POST", "/v1/redeem", {"token": "v4.local.AAAA"}),
    ("POST", "/v1/introspect", {"token": "v4.local.AAAA"}),
    ("POST", "/v1/revoke", {"token": "v4.local.AAAA"}),
    ("GET", "/v1/keys", None),
)


def request_for(route, link):
    method, target, body = route
    if isinstance(body, dict) and "link" in body:
        body = {**body, "link": link}
    headers = {"If-Match": '"1"'} if method == "PUT" else {}
    return method, target.format(link=link), body, headers


class Watcher(threading.Thread):
    """Asks without a pause, from before the unseal on, and keeps the first
    answer that is no 503."""

    def __init__(self, daemon, request):
        super().__init__(daemon=True)
        self.connection = daemon.connect()
        self.request = request
        self.sealed = 0
        self.first = None
        self.again = []  # what the same connection says afterwards
        self.ask_once()  # the connection is open and served

    def ask_once(self):
        answer = ask(self.connection, *self.request)
        if answer.status == 503:
            self.sealed += 1
        elif self.first is None:
            self.first = answer
        else:
            self.again.append(answer)

    def run(self):
        try:
            while len(self.again) < 20:
                self.ask_once()
        except (OSError, http.client.HTTPException) as error:
            self.again.append(error)
        self.connection.close()


class RestartTest(unittest.TestCase):
    def setUp(self):
        self.daemon = coffer_daemon.Daemon()
        self.addCleanup(self.daemon.close)
        self.daemon.start_operational(key_file=True)

    def issue_request(self, link):
        return request_for(ROUTES[8], link)

    def test_first_accepted_request_sees_revocations_and_erasures(self):
        """Twice: after a clean stop, and after a kill."""
        for end in (self.daemon.stop, self.daemon.kill):
            links = [self.daemon.create(subject=f"customer {n}")
                     for n in range(12)]
            live, revoked, erased, subjects = (links[n::4] for n in range(4))
            for link in revoked:
                self.assertEqual(self.daemon.call(
                    "PUT", f"/v1/links/{link}/consent/revocation",
                    {"reason": "BUSINESS_RULE"}).status, 204)
            for link in erased:
                self.assertEqual(self.daemon.call(
                    "DELETE", f"/v1/links/{link}").status, 200)
            for number in range(3, 12, 4):
                self.assertEqual(self.daemon.call(
                    "DELETE",
                    f"/v1/subjects/customer%20{number}").json["erased"], 1)
            end()
            self.daemon.start()
            watchers = [Watcher(self.daemon, self.issue_request(link))
                        for link in links]
            for watcher in watchers:
                self.assertEqual(watcher.sealed, 1)
                watcher.start()
            self.daemon.unseal()
            for watcher in watchers:
                watcher.join(timeout=60)
            wanted = {**dict.fromkeys(live, 200), **dict.fromkeys(revoked, 403),
                      **dict.fromkeys(erased, 404),
                      **dict.fromkeys(subjects, 404)}
            for link, watcher in zip(links, watchers):
                seen = [watcher.first] + watcher.again
                self.assertEqual([answer.status for answer in seen],
                                 [wanted[link]] * 21, seen[:2])

    def test_connections_from_before_the_unseal_work_after_it(self):
        link = self.daemon.create()
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()
        silent = [self.daemon.connect() for _ in range(3)]
        for connection in silent:
            connection.connect()
        asked = [self.daemon.connect() for _ in range(3)]
        for connection in asked:
            self.assertEqual(
                ask(connection, *self.issue_request(link)).status, 503)
        self.daemon.unseal()
        for connection in silent + asked:
            for _ in range(3):
                self.assertEqual(
                    ask(connection, *self.issue_request(link)).status, 200)
            connection.close()

    def test_sealed_serves_health_and_status_and_nothing_else(self):
        link = self.daemon.create()
        kept = self.daemon.connect()
        self.assertEqual(ask(kept, *self.issue_request(link)).status, 200)
        token = self.daemon.token(link)
        for step in ("seal", "restart"):
            if step == "seal":
                self.daemon.coffer("--yes", "seal")
                self.look_sealed(kept, link)
                kept.close()
                self.daemon.unseal()
                self.assertEqual(self.daemon.redeem(token).status, 400)
            else:
                self.assertEqual(self.daemon.stop(), 0)
                self.daemon.start()
                connection = self.daemon.connect()
                self.look_sealed(connection, link)
                connection.close()
                self.daemon.unseal()
            read = self.daemon.call("GET", f"/v1/links/{link}")
            self.assertEqual((read.status, read.headers["ETag"]),
                             (200, '"1"'))

    def look_sealed(self, connection, link):
        for route in ROUTES:
            with self.subTest(route=route[:2]):
                answer = ask(connection, *request_for(route, link))
                self.assertEqual((answer.status, answer.error),
                                 (503, "sealed"), answer)
                self.assertEqual(answer.headers["Content-Type"],
                                 "application/problem+json")
        for monitor in (False, True):
            health = self.daemon.call("GET", "/v1/health", monitor=monitor)
            self.assertEqual((health.status, health.json["status"]),
                             (503, "sealed"))
        status = self.daemon.call("GET", "/v1/status", monitor=True)
        self.assertEqual((status.status, status.json["state"]),
                         (200, "sealed"))
        self.assertEqual(self.daemon.call("GET", "/metrics",
                                          monitor=True).status, 200)
        self.assertEqual(self.daemon.status_code(), 3)
        for verb in (["audit", "tail"], ["policy", "show"],
                     ["link", "show", link], ["policy", "load"]):
            done = self.daemon.coffer(*verb, check=False)
            self.assertEqual(done.returncode, 3, f"{verb}: {done.stderr}")

    def test_idempotency_key_holds_across_a_restart(self):
        key = {"Idempotency-Key": "over a restart"}
        first = self.daemon.call("POST", "/v1/links", link_body(), key)
        self.daemon.restart()
        second = self.daemon.call("POST", "/v1/links", link_body(), key)
        self.assertEqual((second.status, second.json), (201, first.json))
        other = self.daemon.call("POST", "/v1/links", link_body(subject="x"),
                                 key)
        self.assertEqual((other.status, other.error), (409, "conflict"))

    def test_used_up_consent_stays_used_up(self):
        link = self.daemon.create(consent=consent(durationType="ONE_TIME",
                                                  durationPeriod=None))
        self.assertEqual(self.daemon.redeem(
            self.daemon.token(link)).status, 200)
        self.daemon.restart()
        answer = self.daemon.issue(link)
        self.assertEqual((answer.status, answer.error),
                         (403, "invalid_grant"))


if __name__ == "__main__":
    coffer_daemon.main()
