"""SIGKILL under load: whatever was acknowledged is there after a restart.

Client threads write links; the gate, the keeper or both are killed at a random
moment; after restart and unseal a model of what was acknowledged judges what
the vault holds. COFFER_STORM_KILLS says how many kills (default 12),
COFFER_STORM_SEED repeats a run's choices.
"""

import http.client
import os
import random
import threading
import time
import unittest

import coffer_daemon
from coffer_daemon import ask, consent, link_body

KILLS = int(os.environ.get("COFFER_STORM_KILLS")
            or os.environ.get("COFFER_STORM_COUNT") or 12)
SEED = int(os.environ.get("COFFER_STORM_SEED")
           or random.SystemRandom().randrange(2**32))
CLIENTS = 6
OLD_LINKS_LOOKED_AT = 40  # of those that nobody wrote since the last kill
WHOLE_LOOK_EVERY = 100    # kills
BROKEN = (OSError, http.client.HTTPException)


class State:
    """What a link may be; the vault shows one of a link's possible states. A
    revocation holds before the store has the new revision: then it is 0 here.
    """

    def __init__(self, revision, bank_token, clusters, revoked=False,
                 erased=False):
        self.revision = revision
        self.bank_token = bank_token
        self.clusters = clusters
        self.revoked = revoked
        self.erased = erased

    def but(self, **changes):
        return State(**{**vars(self), **changes})

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __repr__(self):
        return str(vars(self))


class Link:
    """One link of the model: `possible` has what the last acknowledgement said
    first, then what a write without an answer may have made of it."""

    def __init__(self, link, key, body, state):
        self.link = link
        self.key = key
        self.body = body
        self.possible = [state]

    def acknowledged(self, state):
        self.possible = [state]

    def attempted(self, state):
        self.possible.append(state)


class Model:
    """Every acknowledged write, and the creates that nobody answered."""

    def __init__(self):
        self.lock = threading.Lock()
        self.links = []
        self.unanswered = []  # (key, body)
        self.written = set()  # since the last kill
        self.acknowledged = 0
        self.faults = []

    def add(self, link):
        with self.lock:
            self.links.append(link)
            self.written.add(link)
            self.acknowledged += 1

    def count(self, link):
        with self.lock:
            self.written.add(link)
            self.acknowledged += 1

    def fault(self, text):
        with self.lock:
            self.faults.append(text)


class Client(threading.Thread):
    """Writes until the daemon is gone; only its own links."""

    def __init__(self, daemon, model, seed):
        super().__init__(daemon=True)
        self.daemon_under_test = daemon
        self.model = model
        self.random = random.Random(seed)
        self.own = []
        self.stop = threading.Event()

    def run(self):
        connection = self.daemon_under_test.connect()
        try:
            while not self.stop.is_set():
                self.step(connection)
        except BROKEN:
            pass
        finally:
            connection.close()

    def step(self, connection):
        live = [link for link in self.own
                if not link.possible[0].revoked and not link.possible[0].erased]
        if len(live) < 3 or self.random.random() < 0.3:
            return self.create(connection)
        link = self.random.choice(live)
        act = self.random.choices(
            (self.issue, self.bank_token, self.consent, self.revoke,
             self.erase), (20, 35, 20, 15, 10))[0]
        return act(connection, link)

    def create(self, connection):
        number = self.random.getrandbits(64)
        key, body = f"key-{number:x}", link_body(
            subject=f"subject-{number:x}", bank_token=f"first-{number:x}")
        try:
            answer = ask(connection, "POST", "/v1/links", body,
                         {"Idempotency-Key": key})
        except BROKEN:
            self.unanswered(key, body)
            raise
        if answer.status >= 500:
            self.unanswered(key, body)
            return
        if answer.status != 201:
            self.model.fault(f"create: {answer}")
            return
        link = Link(answer.json["link"], key, body, State(
            answer.json["revision"], body["bank_token"], "ACCOUNT_DETAILED"))
        self.own.append(link)
        self.model.add(link)

    def unanswered(self, key, body):
        with self.model.lock:
            self.model.unanswered.append((key, body))

    def write(self, connection, link, after, status, *request):
        """Takes `after` as acknowledged, or as possible without an answer."""
        before = link.possible[0]
        try:
            answer = ask(connection, *request)
        except BROKEN:
            link.attempted(after)
            self.model.written.add(link)
            raise
        if answer.status >= 500:
            link.attempted(after)
            self.model.written.add(link)
            self.stop.set()  # the vault is going down
            return
        if answer.status != status:
            self.model.fault(f"{request}: {answer}, was {before}")
            return
        link.acknowledged(after)
        self.model.count(link)

    def issue(self, connection, link):
        answer = ask(connection, "POST", "/v1/token",
                     {"link": link.link, "purpose": "balance_display",
                      "audience": "platform"})
        if answer.status not in (200, 503):
            self.model.fault(f"issue: {answer}")

    def bank_token(self, connection, link):
        now = link.possible[0]
        token = f"next-{self.random.getrandbits(64):x}"
        self.write(connection, link,
                   now.but(revision=now.revision + 1, bank_token=token), 200,
                   "PUT", f"/v1/links/{link.link}/bank_token",
                   {"bank_token": token},
                   {"If-Match": f'"{now.revision}"'})

    def consent(self, connection, link):
        now = link.possible[0]
        clusters = ["ACCOUNT_BASIC"] if now.clusters != "ACCOUNT_BASIC" else [
            "ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
        self.write(connection, link,
                   now.but(revision=now.revision + 1,
                           clusters=" ".join(clusters)), 200,
                   "PUT", f"/v1/links/{link.link}/consent",
                   consent(dataClusters=clusters),
                   {"If-Match": f'"{now.revision}"'})

    def revoke(self, connection, link):
        now = link.possible[0]
        self.write(connection, link,
                   now.but(revision=0, revoked=True), 204,
                   "PUT", f"/v1/links/{link.link}/consent/revocation",
                   {"reason": "USER_ACTION"})

    def erase(self, connection, link):
        self.write(connection, link, link.possible[0].but(erased=True), 200,
                   "DELETE", f"/v1/links/{link.link}")


class Checker:
    """Reads links back and judges them by the model."""

    def __init__(self, daemon, model):
        self.model = model
        self.connection = daemon.connect()
        self.lost = []

    def check(self, links):
        for link in links:
            seen = self.look(link)
            if seen in link.possible:
                link.acknowledged(seen)
            else:
                self.lost.append(f"{link.link}: {seen} is none of "
                                 f"{link.possible}")

    def look(self, link):
        """The link's State as the vault shows it, or what is wrong with it."""
        newest = link.possible[0]
        read = ask(self.connection, "GET", f"/v1/links/{link.link}")
        issued = self.issue(link)
        if read.status == 404:
            if issued.status != 404:
                return f"unreadable, and yet issue says {issued}"
            return newest.but(erased=True)
        if read.status != 200:
            return str(read)
        body = read.json
        clusters = " ".join(body["consent"]["dataClusters"])
        revision = int(read.headers["ETag"].strip('"'))
        if body["consent"]["status"] == "REVOKED":
            if (issued.status, issued.error) != (403, "invalid_grant"):
                return f"revoked, and yet issue says {issued}"
            return State(0, newest.bank_token, clusters, revoked=True)
        if issued.status != 200:
            return f"issue: {issued}"
        redeemed = ask(self.connection, "POST", "/v1/redeem",
                       {"token": issued.json["access_token"]})
        if redeemed.status != 200:
            return f"redeem: {redeemed}"
        if redeemed.json["scope"] != clusters:
            return f"scope {redeemed.json['scope']}, consent {clusters}"
        return State(revision, redeemed.json["bank_token"], clusters)

    def issue(self, link):
        return ask(self.connection, "POST", "/v1/token",
                   {"link": link.link, "purpose": "balance_display",
                    "audience": "platform"})

    def check_unanswered(self):
        """A create without an answer is repeated: one link, and a whole one."""
        for key, body in self.model.unanswered:
            before = self.listed(body)
            answer = ask(self.connection, "POST", "/v1/links", body,
                         {"Idempotency-Key": key})
            if answer.status != 201:
                self.lost.append(f"repeated create: {answer}")
                continue
            link = answer.json["link"]
            if len(before) > 1 or (before and before != [link]):
                self.lost.append(f"{before} before a repeat that gave {link}")
            if self.listed(body) != [link]:
                self.lost.append(f"{self.listed(body)} are there, not {link}")
            self.model.add(Link(link, key, body, State(
                answer.json["revision"], body["bank_token"],
                "ACCOUNT_DETAILED")))
        self.model.unanswered = []

    def check_repeat(self, link):
        """An acknowledged create, repeated with its key, is the same link."""
        answer = ask(self.connection, "POST", "/v1/links", link.body,
                     {"Idempotency-Key": link.key})
        if answer.status != 201 or answer.json["link"] != link.link:
            self.lost.append(f"{link.link} repeated: {answer}")

    def listed(self, body):
        answer = ask(self.connection, "GET",
                     f"/v1/links?subject={body['subject']}")
        return [each["link"] for each in answer.json["links"]]


class KillTest(unittest.TestCase):
    def test_no_acknowledged_write_is_lost(self):
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        choice = random.Random(SEED)
        model, kinds, began = Model(), {}, time.monotonic()
        with coffer_daemon.Daemon() as daemon:
            daemon.start_operational(key_file=True)
            for number in range(1, KILLS + 1):
                which = choice.choice(("gate", "keeper", "both"))
                kinds[which] = kinds.get(which, 0) + 1
                self.load_and_kill(daemon, model, choice, which)
                daemon.start()
                daemon.unseal()
                whole = number == KILLS or number % WHOLE_LOOK_EVERY == 0
                self.judge(daemon, model, choice, whole)
                if number % 50 == 0:
                    print(f"{number} kills, {model.acknowledged} acknowledged, "
                          f"{time.monotonic() - began:.0f} s", flush=True)
            self.check_that_forgeries_are_found(daemon, model)
        print(f"kills {KILLS} {kinds}, acknowledged {model.acknowledged}, "
              f"links {len(model.links)}, lost 0", flush=True)
        self.assertGreater(model.acknowledged, 10 * KILLS)

    def load_and_kill(self, daemon, model, choice, which):
        clients = [Client(daemon, model, choice.getrandbits(64))
                   for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(choice.uniform(0.05, 0.4))
        daemon.kill(which)
        for client in clients:
            client.join(timeout=20)
            self.assertFalse(client.is_alive(), "a client hangs")

    def judge(self, daemon, model, choice, whole):
        checker = Checker(daemon, model)
        checker.check_unanswered()
        links = model.links if whole else list(model.written) + choice.sample(
            model.links, min(OLD_LINKS_LOOKED_AT, len(model.links)))
        checker.check(dict.fromkeys(links))
        if model.links:
            checker.check_repeat(choice.choice(model.links))
        checker.connection.close()
        model.written = set()
        self.assertEqual(checker.lost, [])
        self.assertEqual(model.faults, [])

    def check_that_forgeries_are_found(self, daemon, model):
        """The negative control: acknowledgements that were never given."""
        def fresh():
            body = link_body()
            return Link(daemon.create(), "key", body, State(
                1, body["bank_token"], "ACCOUNT_DETAILED"))
        never = Link("lnk_" + "A" * 22, "key", {}, State(1, "x", "x"))
        revoked, erased, replaced = fresh(), fresh(), fresh()
        revoked.acknowledged(revoked.possible[0].but(revision=0, revoked=True))
        erased.acknowledged(erased.possible[0].but(erased=True))
        replaced.acknowledged(replaced.possible[0].but(revision=2,
                                                       bank_token="other"))
        forged = [never, revoked, erased, replaced]
        checker = Checker(daemon, model)
        checker.check(forged)
        checker.connection.close()
        self.assertEqual(len(checker.lost), len(forged), checker.lost)
        print(f"negative control: {len(forged)} of {len(forged)} forged "
              "acknowledgements found")


class DeathTest(unittest.TestCase):
    """Promised within a second; the best of three, for the machine is busy."""

    def best_of_three(self, which):
        times = []
        for _ in range(3):
            with coffer_daemon.Daemon() as daemon:
                daemon.start_operational(key_file=True)
                self.assertEqual(daemon.status_code(), 0)
                start = time.monotonic()
                daemon.kill(which)
                times.append(time.monotonic() - start)
                self.assertNotEqual(daemon.process.returncode, 0)
                if which == "keeper":
                    self.assertEqual(daemon.process.returncode, 1)
                    self.assertIn("the keeper ended (signal 9)", daemon.log())
            if times[-1] < 1:
                break
        return min(times)

    def test_killed_keeper_takes_cofferd_down_with_a_message(self):
        self.assertLess(self.best_of_three("keeper"), 1)

    def test_killed_gate_takes_the_keeper_down(self):
        self.assertLess(self.best_of_three("gate"), 1)

    def test_killed_gate_may_be_started_again_at_once(self):
        with coffer_daemon.Daemon() as daemon:
            daemon.start_operational(key_file=True)
            links = []
            for _ in range(5):
                links.append(daemon.create())
                daemon.process.kill()  # and nobody waits for the keeper
                daemon.process.wait(timeout=20)
                daemon.start()
                daemon.unseal()
            for link in links:
                self.assertEqual(daemon.issue(link).status, 200)


if __name__ == "__main__":
    coffer_daemon.main()
