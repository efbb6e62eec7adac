"""Sixteen refreshers race on one link, at a bank whose refresh token is good
for one use.

Showing the bank a token that was used before ends the grant, as banks do that
suspect theft. A refresher claims the revision it read (a compare-and-swap of
the bank token with its own mark), goes to the bank if it won, and writes the
bank's new token over its claim. The control is a client that answers a 412 by
writing over whatever is there.
"""

import os
import threading
import time
import unittest

import coffer_daemon
from coffer_daemon import ask

REFRESHES = int(os.environ.get("COFFER_STORM_COUNT") or 40) * 2
REFRESHERS = 16
CLAIM = " claimed by "


class Bank:
    """One grant. Each refresh ends the token before it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
        self.latest = "refresh-token-0"
        self.destroyed = False

    def refresh(self, token):
        with self.lock:
            if token != self.latest or self.destroyed:
                self.destroyed = True
                return None
            self.number += 1
            self.latest = f"refresh-token-{self.number}"
            return self.latest


class Race:
    """What all refreshers share."""

    def __init__(self, daemon, link, bank, careful):
        self.daemon = daemon
        self.link = link
        self.bank = bank
        self.careful = careful
        self.lock = threading.Lock()
        self.winners = {}  # by revision that was replaced
        self.lost = 0
        self.faults = []

    def over(self):
        return (self.bank.number >= REFRESHES or self.bank.destroyed
                or self.faults)

    def won(self, revision, who):
        with self.lock:
            self.winners.setdefault(revision, []).append(who)


class Refresher(threading.Thread):
    def __init__(self, race, name):
        super().__init__(daemon=True)
        self.race = race
        self.who = name
        self.connection = race.daemon.connect()
        self.access = race.daemon.token(race.link, expires_in=300)

    def run(self):
        try:
            while not self.race.over():
                self.refresh()
        except Exception as error:  # pylint: disable=broad-except
            self.race.faults.append(repr(error))
        finally:
            self.connection.close()

    def read(self):
        answer = ask(self.connection, "POST", "/v1/redeem",
                     {"token": self.access})
        if answer.status != 200:
            raise AssertionError(f"redeem: {answer}")
        return answer.json["bank_token"], answer.json["revision"]

    def write(self, token, revision):
        """The new revision, or None for a race that was lost."""
        answer = ask(self.connection, "PUT",
                     f"/v1/links/{self.race.link}/bank_token",
                     {"bank_token": token}, {"If-Match": f'"{revision}"'})
        if answer.status == 200:
            self.race.won(revision, self.who)
            return answer.json["revision"]
        if answer.status != 412:
            raise AssertionError(f"write: {answer}")
        with self.race.lock:
            self.race.lost += 1
        if self.race.careful:
            return None
        return self.write(token, self.read()[1])  # the control

    def refresh(self):
        token, revision = self.read()
        if CLAIM in token:
            time.sleep(0.001)  # another is at the bank
            return
        claimed = self.write(token + CLAIM + self.who, revision)
        if claimed is None:
            return  # goes on with what the winner wrote
        fresh = self.race.bank.refresh(token)
        if fresh is not None:
            self.write(fresh, claimed)


class RefreshersTest(unittest.TestCase):
    def race(self, careful):
        with coffer_daemon.Daemon() as daemon:
            daemon.start_operational(key_file=True)
            bank = Bank()
            link = daemon.create(bank_token=bank.latest)
            race = Race(daemon, link, bank, careful)
            refreshers = [Refresher(race, f"refresher-{i}")
                          for i in range(REFRESHERS)]
            for refresher in refreshers:
                refresher.start()
            for refresher in refreshers:
                refresher.join(timeout=240)
                self.assertFalse(refresher.is_alive(), "a refresher hangs")
            stored = daemon.redeem(daemon.token(link)).json
        return race, stored

    def test_no_update_is_lost_and_no_grant_destroyed(self):
        race, stored = self.race(careful=True)
        self.assertEqual(race.faults, [])
        self.assertFalse(race.bank.destroyed, "the bank ended the grant")
        self.assertGreaterEqual(race.bank.number, REFRESHES)
        self.assertEqual(stored["bank_token"], race.bank.latest)
        # One winner of each revision, and each revision has one.
        self.assertEqual([len(race.winners[revision])
                          for revision in sorted(race.winners)],
                         [1] * len(race.winners))
        self.assertEqual(sorted(race.winners),
                         list(range(1, stored["revision"])))
        self.assertEqual(stored["revision"], 1 + 2 * race.bank.number)
        self.assertGreater(race.lost, 0, "nobody raced")
        print(f"{race.bank.number} refreshes of {REFRESHERS} refreshers, "
              f"{race.lost} races lost with 412, 0 updates lost", flush=True)

    def test_control_who_ignores_a_412_destroys_the_grant(self):
        race, stored = self.race(careful=False)
        self.assertTrue(race.bank.destroyed
                        or stored["bank_token"] != race.bank.latest)


if __name__ == "__main__":
    coffer_daemon.main()
