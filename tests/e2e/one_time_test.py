"""A one-time consent is redeemed once at most, also across SIGKILL.

Sixteen redeemers race on links of ONE_TIME consents while the gate, the keeper
or both are killed; whoever was answered 200 was the only one, before and after
every restart. The control is the same race over consents for 90 days.
COFFER_STORM_COUNT says how many kills (default 6), COFFER_STORM_SEED repeats a
run's choices.
"""

import http.client
import os
import random
import threading
import time
import unittest

import coffer_daemon
from coffer_daemon import ask, consent

KILLS = int(os.environ.get("COFFER_STORM_KILLS")
            or os.environ.get("COFFER_STORM_COUNT") or 6)
SEED = int(os.environ.get("COFFER_STORM_SEED")
           or random.SystemRandom().randrange(2**32))
LINKS_OF_A_ROUND = 40
REDEEMERS = 16
BROKEN = (OSError, http.client.HTTPException)


class Redeemer(threading.Thread):
    """Issues and redeems for one link after the other until the daemon is
    gone, or every link was tried often enough."""

    def __init__(self, daemon, links, redeemed, unknown, seed):
        super().__init__(daemon=True)
        self.under_test = daemon
        self.links = links
        self.redeemed = redeemed  # link: how many were answered 200
        self.unknown = unknown    # links of a redeem without an answer
        self.random = random.Random(seed)
        self.faults = []

    def run(self):
        try:
            connection = self.under_test.connect()
        except BROKEN:
            return
        try:
            order = list(self.links)
            self.random.shuffle(order)
            for link in order:
                self.use(connection, link)
        except BROKEN:
            pass
        finally:
            connection.close()

    def use(self, connection, link):
        issued = ask(connection, "POST", "/v1/token",
                     {"link": link, "purpose": "balance_display",
                      "audience": "platform"})
        if issued.status != 200:
            if issued.status not in (403, 503):
                self.faults.append(f"issue: {issued}")
            return
        time.sleep(self.random.choice((0, 0, 0.002)))  # others issue, too
        try:
            answer = ask(connection, "POST", "/v1/redeem",
                         {"token": issued.json["access_token"]})
        except BROKEN:
            self.unknown.add(link)
            raise
        if answer.status == 200:
            self.redeemed[link].append(answer.json["bank_token"])
        elif answer.status >= 500:
            self.unknown.add(link)
        elif answer.status != 400:
            self.faults.append(f"redeem: {answer}")


class OneTimeTest(unittest.TestCase):
    def storm(self, kills, consent_body):
        choice = random.Random(SEED)
        redeemed, unknown, old = {}, set(), []
        with coffer_daemon.Daemon() as daemon:
            daemon.start_operational(key_file=True)
            for _ in range(kills):
                links = [daemon.create(consent=consent_body)
                         for _ in range(LINKS_OF_A_ROUND)]
                redeemed.update((link, []) for link in links)
                self.race(daemon, links + choice.sample(old, min(10, len(old))),
                          redeemed, unknown, choice)
                old += links
                daemon.start()
                daemon.unseal()
                # What is left of this round, after the restart.
                self.race(daemon, links, redeemed, unknown, choice,
                          kill=False)
        return redeemed, unknown

    def race(self, daemon, links, redeemed, unknown, choice, kill=True):
        redeemers = [Redeemer(daemon, links, redeemed, unknown,
                              choice.getrandbits(64))
                     for _ in range(REDEEMERS)]
        for redeemer in redeemers:
            redeemer.start()
        if kill:
            time.sleep(choice.uniform(0.01, 0.15))
            daemon.kill(choice.choice(("gate", "keeper", "both")))
        for redeemer in redeemers:
            redeemer.join(timeout=60)
            self.assertFalse(redeemer.is_alive(), "a redeemer hangs")
            self.assertEqual(redeemer.faults, [])

    def test_no_link_is_redeemed_twice(self):
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        redeemed, unknown = self.storm(
            KILLS, consent(durationType="ONE_TIME", durationPeriod=None))
        counts = [len(answers) for answers in redeemed.values()]
        self.assertLessEqual(max(counts), 1)
        # Nobody loses a use but by a redeem that was never answered.
        unused = [link for link, answers in redeemed.items() if not answers]
        self.assertLessEqual(set(unused), unknown)
        print(f"{len(counts)} links, {sum(counts)} redeemed once, "
              f"{len(unused)} used up unheard, 0 twice", flush=True)

    def test_control_a_consent_for_90_days_is_redeemed_more_often(self):
        redeemed, _ = self.storm(1, consent())
        self.assertGreater(max(map(len, redeemed.values())), 1)


if __name__ == "__main__":
    coffer_daemon.main()
