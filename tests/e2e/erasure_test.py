"""A customer is forgotten: the certificate, what is kept, and the search.

After the rotation that the erasure asks for, nothing opens with the live keys:
not the store as it was before, with all that stood in its free pages, and not
an older backup. Control: before, both open.
"""

import base64
import json
import os
import shutil
import time
import unittest

import coffer_daemon
from coffer_daemon import ask, consent, link_body

FORGOTTEN = 5
KEPT = 40


class ErasureTest(unittest.TestCase):
    def setUp(self):
        self.daemon = coffer_daemon.Daemon()
        self.addCleanup(self.daemon.close)
        self.daemon.start_operational(key_file=True)

    def create(self, subject, count):
        links = []
        for number in range(count):
            answer = self.daemon.call("POST", "/v1/links", link_body(
                institution="citi", subject=subject,
                consent=consent(consentId=f"{subject}-{number}")))
            self.assertEqual(answer.status, 201)
            links.append(answer.json["link"])
        return links

    def opens(self, links):
        connection = self.daemon.connect()
        opened = sum(ask(connection, "POST", "/v1/token",
                         {"link": link, "purpose": "balance_display",
                          "audience": "platform"}).status == 200
                     for link in links)
        connection.close()
        return opened

    def past(self, subject, query="?limit=2"):
        found, target = [], f"/v1/subjects/{subject}/consents"
        next_page = target + query
        while next_page:
            page = self.daemon.call("GET", next_page)
            self.assertEqual(page.status, 200)
            found += page.json["consents"]
            after = page.json.get("next")
            next_page = f"{target}{query}&after={after}" if after else None
        return found

    def wait_for(self, what, done):
        end = time.monotonic() + 30
        while not done():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def rotated(self):
        keys = json.loads(
            self.daemon.coffer("--json", "key", "list").stdout)["keys"]
        return not [key for key in keys if key["state"] == "deactivated"]

    def leaves(self, kind):
        tail = self.daemon.coffer("--json", "audit", "tail", "--from", "0")
        found = [json.loads(line) for line in tail.stdout.splitlines()]
        return [leaf for leaf in found if leaf["kind"] == kind]

    def judged(self, backup):
        """What the vault says to each link of a backup."""
        checked = self.daemon.coffer("--json", "backup", "check", backup)
        return json.loads(checked.stdout)["verdicts"]

    def copy(self, name):
        target = self.daemon.path(name)
        shutil.copytree(self.daemon.path("data"), target,
                        ignore=shutil.ignore_patterns("lock.mdb"))
        return target

    def test_a_customer_asks_to_be_forgotten(self):
        forgotten, kept = self.create("forget", FORGOTTEN), []
        for number in range(KEPT):
            kept += self.create(f"kept-{number}", 1)
        backup = self.daemon.path("early.backup")
        self.daemon.coffer("backup", "create", backup)
        early = self.copy("early")
        replaced = self.daemon.call(
            "PUT", f"/v1/links/{forgotten[0]}/consent",
            consent(consentId="second"), {"If-Match": '"1"'})
        self.assertEqual(replaced.status, 200, replaced.body)
        self.assertEqual([one["ending"] for one in self.past("forget")],
                         ["REPLACED"])

        # --- Erased, with a certificate that is checked without a vault.
        file = self.daemon.path("certificate")
        self.daemon.coffer("--yes", "subject", "erase", "forget",
                           "--certificate", file)
        self.assertEqual(self.opens(forgotten), 0)
        self.wait_for("what is kept", lambda: len(self.past("forget")) == 6)
        past = self.past("forget")
        self.assertEqual(sorted(one["ending"] for one in past),
                         ["ERASED"] * FORGOTTEN + ["REPLACED"])
        self.assertEqual({one["link"] for one in past}, set(forgotten))
        self.assertNotIn("bank", json.dumps(past))
        self.assertEqual(self.past("kept-0"), [])
        self.assertEqual(self.past("nobody"), [])
        table = self.daemon.coffer("subject", "consents", "forget").stdout
        self.assertEqual(table.count("ERASED"), FORGOTTEN)
        self.assertLessEqual(max(map(len, table.splitlines())), 80)
        status = json.loads(self.daemon.coffer("--json", "status").stdout)
        vkey = self.daemon.write("vkey", status["evidence_key"] + "\n")

        # --- The rotation that makes it final, by hand.
        verdicts = self.judged(backup)
        self.assertEqual((verdicts["opens"], verdicts["erased"]),
                         (KEPT, FORGOTTEN))
        self.assertEqual(self.leaves("erasure.final"), [])
        keys = json.loads(
            self.daemon.coffer("--json", "key", "list").stdout)["keys"]
        for name in {key["institution"] for key in keys
                     if key.get("institution")}:
            self.daemon.coffer("key", "rotate", "--institution", name)
        self.wait_for("the rotation", self.rotated)
        final = self.leaves("erasure.final")
        self.assertEqual([leaf["detail"] for leaf in final], [1], final)
        self.assertEqual(self.opens(kept), KEPT)
        verdicts = self.judged(backup)
        self.assertEqual((verdicts["opens"], verdicts["key_destroyed"]),
                         (0, FORGOTTEN + KEPT))
        self.assertEqual(self.daemon.stop(), 0)
        proof = self.daemon.coffer("--json", "audit", "verify-certificate",
                                   file, "--vkey", vkey)
        claims = json.loads(proof.stdout)
        named = [link for key in claims["keys"] for link in key["links"]]
        self.assertEqual(sorted(named), sorted(forgotten))
        self.assertGreater(claims["final_by"], claims["iat"])

        # --- The search: today's keys, and every earlier byte of the store.
        live = self.copy("live")
        with open(os.path.join(live, "store", "data.mdb"), "rb") as data:
            pages = data.read()
        remains = sum(base64.urlsafe_b64decode(link[4:] + "==") in pages
                      for link in forgotten)
        self.daemon.start_on(early, live)
        found = self.opens(forgotten)
        self.assertEqual(found, 0)
        self.assertEqual(self.daemon.stop(), 0)
        # Control: with the keys of then, the same store opens.
        self.daemon.start_on(early, early)
        control = self.opens(forgotten)
        self.assertEqual(control, FORGOTTEN)
        print(f"erased {FORGOTTEN} links of one customer: of {remains} the "
              f"store's pages still hold bytes, {found} open with today's "
              f"keys; control: with the keys of before {control} open",
              flush=True)


if __name__ == "__main__":
    coffer_daemon.main()
