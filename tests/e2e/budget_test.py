"""Budgets and the brake, as callers and operators see them."""

import json
import os
import time
import unittest

import coffer_daemon
from coffer_daemon import POLICY, link_body

CALLERS = """
[callers.platform]
uid = {uid}
links = ["create", "read", "update", "erase"]
issue = [
  {{ purpose = "balance_display", audience = "platform",
     distinct_links_per_hour = 3, distinct_links_per_day = 100 }},
  {{ purpose = "purchase_tracking", audience = "platform",
     tokens_per_second = 1 }},
]
redeem = ["balance_display", "purchase_tracking"]
"""


def wait_for_room_in_the_hour(seconds=60):
    """So that no window ends in the middle of a test."""
    left = 3600 - time.time() % 3600
    if left < seconds:
        time.sleep(left + 1)


class BudgetTest(unittest.TestCase):
    def setUp(self):
        wait_for_room_in_the_hour()
        callers = CALLERS.replace(",\n     ", ", ").format(uid=os.getuid())
        self.daemon = coffer_daemon.Daemon(policy=POLICY, callers=callers)
        self.addCleanup(self.daemon.close)
        self.daemon.start_operational(key_file=True)
        self.links = [self.daemon.create(subject=f"s-{i}") for i in range(6)]

    def statuses(self, links):
        return [self.daemon.issue(link).status for link in links]

    def json(self, *arguments):
        return json.loads(self.daemon.coffer("--json", *arguments).stdout)

    def leaves(self):
        lines = self.daemon.coffer("--json", "audit", "tail", "--count",
                                   "60").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def metrics(self):
        text = self.daemon.call("GET", "/metrics", monitor=True).body.decode()
        return dict(line.rsplit(" ", 1) for line in text.splitlines()
                    if line.startswith(("coffer_brakes",
                                       "coffer_budget_refusals")))

    def test_the_brake_trips_is_seen_and_released(self):
        self.assertEqual(self.statuses(self.links),
                         [200, 200, 200, 429, 429, 429])
        self.assertEqual(self.statuses(self.links[:3]), [200] * 3)
        answer = self.daemon.issue(self.links[3])
        self.assertEqual(answer.error, "budget_exceeded")
        self.assertIn("instance", answer.json)
        wait = int(answer.headers["Retry-After"])
        self.assertAlmostEqual(wait, 3600 - time.time() % 3600, delta=5)

        wishes = [{"link": link, "purpose": "balance_display",
                   "audience": "platform"} for link in self.links[2:4]]
        batch = self.daemon.call("POST", "/v1/token/batch",
                                 {"requests": wishes}).json["responses"]
        self.assertEqual([each["status"] for each in batch], [200, 429])
        self.assertAlmostEqual(batch[1]["retry_after"], wait, delta=5)

        # What the operator sees.
        status = self.daemon.coffer("status").stdout
        self.assertIn("1 holds: platform for balance_display; coffer brake "
                      "list", " ".join(status.split()))
        self.assertEqual(self.json("status")["brakes"], 1)
        table = self.daemon.coffer("brake", "list").stdout
        self.assertIn("platform", table)
        self.assertIn("3 of 3", table)
        self.assertTrue(all(len(line) <= 80 for line in table.splitlines()))
        (brake,) = self.json("brake", "list")["brakes"]
        self.assertEqual((brake["window"], brake["limit"], brake["counted"],
                          brake["refused"]), ("hour", 3, 3, 5))
        self.assertEqual(self.metrics(), {"coffer_brakes_tripped": "1",
                                          "coffer_budget_refusals_total": "5"})
        seen = self.daemon.call("GET", "/v1/status", monitor=True).json
        self.assertEqual((seen["brakes"], seen["budget_refusals"]), (1, 5))
        trips = [leaf for leaf in self.leaves() if leaf["kind"] == "brake.trip"]
        self.assertEqual(len(trips), 1)
        self.assertEqual(trips[0]["caller"], "platform")
        self.assertEqual(trips[0]["purpose"], "balance_display")

        # A restart refills nothing.
        for _ in range(2):
            self.daemon.restart()
            self.assertEqual(self.statuses(self.links),
                             [200, 200, 200, 429, 429, 429])
        self.daemon.kill()
        self.daemon.start()
        self.daemon.unseal()
        self.assertEqual(self.statuses(self.links),
                         [200, 200, 200, 429, 429, 429])

        # Released once, it holds again three links later.
        self.daemon.coffer("brake", "release", brake["id"])
        self.assertEqual(self.daemon.coffer("brake", "list").stdout,
                         "No brake holds\n")
        self.assertEqual(self.statuses(self.links), [200] * 6)
        more = self.daemon.create(subject="s-more")
        self.assertEqual(self.daemon.issue(more).status, 429)
        (again,) = self.json("brake", "list")["brakes"]
        self.assertEqual((again["limit"], again["releases"], again["counted"]),
                         (3, 1, 6))
        self.assertIn("6 of 3+3", self.daemon.coffer("brake", "list").stdout)
        unknown = self.daemon.coffer("brake", "release", "0" * 12, check=False)
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("brake list", unknown.stderr)
        wrong = self.daemon.coffer("brake", "release", "x", check=False)
        self.assertEqual(wrong.returncode, 2)

    def test_tokens_a_second_are_refilled_by_time(self):
        link = self.daemon.call("POST", "/v1/links", link_body(
            subject="t", consent=coffer_daemon.consent(
                purposes=["purchase_tracking"],
                dataClusters=["TRANSACTIONS"]))).json["link"]
        time.sleep(1.1)
        answers = [self.daemon.issue(link, purpose="purchase_tracking")
                   for _ in range(3)]
        self.assertEqual([each.status for each in answers], [200, 429, 429])
        self.assertEqual(answers[1].headers["Retry-After"], "1")
        time.sleep(1.1)
        self.assertEqual(
            self.daemon.issue(link, purpose="purchase_tracking").status, 200)
        self.assertEqual(self.metrics()["coffer_brakes_tripped"], "0")

    def test_policy_explain_says_the_budget(self):
        wish = ("policy", "explain", "--caller", "platform", "--purpose",
                "balance_display", "--institution", "citi")
        self.assertIn("3 links/h, 100 links/d",
                      self.daemon.coffer(*wish).stdout)
        self.assertEqual(self.json(*wish)["budget"],
                         {"distinct_links_per_hour": 3,
                          "distinct_links_per_day": 100})

    def test_every_token_of_a_name_ends_at_once(self):
        for option, name in (("caller", "platform"),
                             ("purpose", "balance_display"),
                             ("institution", "citi")):
            tokens = [self.daemon.token(link) for link in self.links[:3]]
            unknown = ("token", "revoke", f"--{option}", "another")
            self.assertIn("not in the policy in force",
                          self.daemon.coffer(*unknown, check=False).stderr)
            self.daemon.coffer(*unknown, "--gone")
            self.assertEqual(self.daemon.redeem(tokens[0]).status, 200)
            done = self.daemon.coffer("token", "revoke", f"--{option}", name)
            self.assertIn("Revoked", done.stdout)
            for token in tokens:
                answer = self.daemon.redeem(token)
                self.assertEqual((answer.status, answer.error),
                                 (400, "invalid_grant"))
            fresh = self.daemon.token(self.links[0])
            self.assertEqual(self.daemon.redeem(fresh).status, 200)
        kinds = [leaf["kind"] for leaf in self.leaves()]
        self.assertEqual(kinds.count("token.revoke_group"), 6)
        two = self.daemon.coffer("token", "revoke", "--caller", "a",
                                 "--purpose", "b", check=False)
        self.assertEqual(two.returncode, 2)


if __name__ == "__main__":
    coffer_daemon.main()
