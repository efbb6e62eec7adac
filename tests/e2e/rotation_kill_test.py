"""SIGKILL inside what changes keys and stores: rotation, rekey, slots,
withdrawal, restore.

An operation on the keys is begun, and the gate, the keeper or both are killed
at a random moment. After restart and unseal every link opens or is rightly
gone, at most two versions of a key live, what was acknowledged holds, and at
the end every rotation ends with nothing left under an old key.
COFFER_STORM_KILLS says how many kills (default 12), COFFER_STORM_SEED repeats a
run's choices.
"""

import json
import os
import random
import subprocess
import threading
import time
import unittest

import coffer_daemon
from coffer_daemon import ask, consent

KILLS = int(os.environ.get("COFFER_STORM_KILLS")
            or os.environ.get("COFFER_STORM_COUNT") or 12)
SEED = int(os.environ.get("COFFER_STORM_SEED")
           or random.SystemRandom().randrange(2**32))
LINKS = int(os.environ.get("COFFER_STORM_LINKS") or 6000)
LOOKED_AT = 24  # links after each kill
INSTITUTIONS = ("citi", "jpmorgan")
LEAVER = "fidor"  # the bank that withdraws

POLICY = """
[purposes.balance_display]
data_clusters = ["ACCOUNT_DETAILED"]
""" + "".join(f"""
[institutions.{name}]
purposes = ["balance_display"]
data_clusters = ["ACCOUNT_DETAILED"]
""" for name in (*INSTITUTIONS, LEAVER))
CALLER = """
[callers.platform]
uid = {uid}
links = ["create", "read", "update", "erase", "update_bank_token"]
issue = [{{ purpose = "balance_display", audience = "platform" }}]
redeem = ["balance_display"]
"""


class Vault:
    """The daemon under test and what it must hold."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.links = {}        # link -> bank token
        self.leavers = {}      # the same, of the bank that withdraws
        self.withdrawn = False  # as acknowledged
        self.unsure = False     # a withdrawal or admission without an answer
        self.slots = {1}
        self.slot_unsure = False
        self.done = {}

    def fill(self):
        path = self.daemon.path("links.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for number in range(LINKS):
                body = coffer_daemon.link_body(
                    institution=INSTITUTIONS[number % 2],
                    subject=f"cust-{number}", bank_token=f"token-{number}",
                    consent=consent(consentId=f"c-{number}"))
                file.write(json.dumps(body) + "\n")
        done = self.daemon.coffer("--json", "link", "import", path)
        for line in done.stdout.splitlines():
            row = json.loads(line)
            self.links[row["link"]] = f"token-{row['line'] - 1}"
        assert len(self.links) == LINKS, len(self.links)

    def keys(self):
        return json.loads(
            self.daemon.coffer("--json", "key", "list").stdout)["keys"]

    def institution(self, name):
        rows = json.loads(self.daemon.coffer(
            "--json", "institution", "list").stdout)["institutions"]
        return next(row for row in rows if row["institution"] == name)

    def add_leaver(self):
        number = len(self.leavers)
        body = coffer_daemon.link_body(
            institution=LEAVER, subject=f"leaver-{number}",
            bank_token=f"leaver-token-{number}")
        answer = self.daemon.call("POST", "/v1/links", body)
        assert answer.status == 201, answer
        self.leavers[answer.json["link"]] = body["bank_token"]

    # --- What is killed -----------------------------------------------------
    def operations(self):
        path = self.daemon.path
        yield "rotate", ["key", "rotate", "--institution", "citi", "--detach"]
        yield "rotate all", ["key", "rotate", "--all", "--detach"]
        yield "rekey", ["key", "rotate", "--root"]
        yield "token key", ["key", "rotate", "--token"]
        yield "slot add", ["slot", "add", "keyfile", "--key-file",
                           path("spare")]
        yield "slot remove", ["slot", "remove", str(max(self.slots))]
        yield "withdraw", ["--yes", "institution", "withdraw", LEAVER]
        yield "admit", ["institution", "admit", LEAVER]
        yield "restore", ["--yes", "backup", "restore", path("backup")]

    def fits(self, name):
        if name == "slot add":
            return len(self.slots) < 4 and not self.slot_unsure
        if name == "slot remove":
            return len(self.slots) > 1 and not self.slot_unsure
        if name == "withdraw":
            return not self.withdrawn
        if name == "admit":
            return self.withdrawn
        return True

    def begin(self, choice):
        name, arguments = choice.choice(
            [each for each in self.operations() if self.fits(each[0])])
        self.done[name] = self.done.get(name, 0) + 1
        if name == "restore":
            if os.path.exists(self.daemon.path("backup")):
                os.unlink(self.daemon.path("backup"))
            self.daemon.coffer("backup", "create", self.daemon.path("backup"))
        process = subprocess.Popen(
            [os.path.join(coffer_daemon.BIN, "coffer"), "--config",
             self.daemon.path("coffer.toml"), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return name, process

    def note(self, name, process):
        """What the model knows once the operation's program has ended."""
        process.communicate(timeout=30)
        good = process.returncode == 0
        if name == "withdraw":
            self.withdrawn, self.unsure = good or self.withdrawn, not good
        elif name == "admit":
            self.withdrawn = self.withdrawn and not good
            self.unsure = not good
            if good:
                self.leavers = {}
        elif name in ("slot add", "slot remove"):
            self.slot_unsure = True  # the list tells which

    # --- What must hold -----------------------------------------------------
    def judge(self, choice, everything=False):
        self.check_versions()
        self.check_slots()
        links = list(self.links)
        if not everything:
            links = choice.sample(links, LOOKED_AT)
        self.check_open(links)
        self.check_leaver()

    def check_versions(self):
        for name in (*INSTITUTIONS, LEAVER):
            alive = [key for key in self.keys()
                     if key.get("institution") == name
                     and key["state"] != "destroyed"]
            assert len(alive) <= 2, alive
            active = [key for key in alive if key["state"] == "active"]
            if name != LEAVER:
                assert len(active) == 1, alive

    def check_slots(self):
        status = json.loads(self.daemon.coffer("--json", "slot", "list").stdout)
        found = {slot["id"] for slot in status["slots"]}
        if not self.slot_unsure:
            assert found == self.slots, (found, self.slots)
        assert 1 in found, found
        self.slots, self.slot_unsure = found, False

    def check_open(self, links):
        connection = self.daemon.connect()
        for link in links:
            issued = ask(connection, "POST", "/v1/token",
                         {"link": link, "purpose": "balance_display",
                          "audience": "platform"})
            assert issued.status == 200, (link, issued)
            redeemed = ask(connection, "POST", "/v1/redeem",
                           {"token": issued.json["access_token"]})
            assert redeemed.status == 200, (link, redeemed)
            assert redeemed.json["bank_token"] == self.links[link], link
        connection.close()

    def check_leaver(self):
        state = self.institution(LEAVER)["state"]
        if not self.unsure:
            want = "withdrawn" if self.withdrawn else "active"
            assert state == want, (state, want)
        else:
            before = self.withdrawn
            self.withdrawn = state == "withdrawn"
            if before and not self.withdrawn:
                self.leavers = {}
        self.unsure = False
        connection = self.daemon.connect()
        for link, token in list(self.leavers.items()):
            issued = ask(connection, "POST", "/v1/token",
                         {"link": link, "purpose": "balance_display",
                          "audience": "platform"})
            if self.withdrawn:
                assert issued.status in (403, 404), issued
            else:
                assert issued.status == 200, issued
                redeemed = ask(connection, "POST", "/v1/redeem",
                               {"token": issued.json["access_token"]})
                assert redeemed.json["bank_token"] == token, redeemed
        connection.close()

    def wait_until_ended(self):
        """No key is left but the active ones, and the counts say so."""
        end = time.monotonic() + 60
        while True:
            keks = [key for key in self.keys() if key["use"] == "kek"]
            old = [key for key in keks
                   if key["state"] in ("deactivated", "compromised")]
            counted = all("links" in key for key in keks)
            if counted and not old and not sum(
                    key["links"] for key in keks if key["state"] != "active"):
                return keks
            assert time.monotonic() < end, keks
            time.sleep(0.2)


class Load(threading.Thread):
    """A caller at work meanwhile: only whole answers, no faults of the vault's
    own."""

    def __init__(self, vault, seed):
        super().__init__(daemon=True)
        self.vault = vault
        self.random = random.Random(seed)
        self.links = list(vault.links)
        self.stop = threading.Event()
        self.faults = []
        self.issued = 0

    def run(self):
        connection = self.vault.daemon.connect()
        try:
            while not self.stop.is_set():
                link = self.random.choice(self.links)
                answer = ask(connection, "POST", "/v1/token",
                             {"link": link, "purpose": "balance_display",
                              "audience": "platform"})
                if answer.status == 200:
                    self.issued += 1
                else:
                    self.faults.append(repr(answer))
        except (OSError, coffer_daemon.http.client.HTTPException):
            pass
        finally:
            connection.close()


class RotationKillTest(unittest.TestCase):
    def test_every_link_opens_or_is_rightly_gone(self):
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        choice = random.Random(SEED)
        began, kinds = time.monotonic(), {}
        with coffer_daemon.Daemon(
                policy=POLICY,
                callers=CALLER.format(uid=os.getuid())) as daemon:
            daemon.start_operational(key_file=True)
            vault = Vault(daemon)
            vault.fill()
            issued = 0
            for number in range(1, KILLS + 1):
                which = choice.choice(("gate", "keeper", "both"))
                kinds[which] = kinds.get(which, 0) + 1
                issued += self.kill_inside(vault, choice, which)
                daemon.start()
                daemon.coffer("unseal", "--slot", "1", "--key-file",
                              daemon.path("key"))
                vault.judge(choice)
                if not vault.withdrawn and len(vault.leavers) < 5:
                    vault.add_leaver()
                if number % 25 == 0:
                    print(f"{number} kills, {time.monotonic() - began:.0f} s",
                          flush=True)
            keks = vault.wait_until_ended()
            counted = sum(key["links"] for key in keks
                          if key["institution"] in INSTITUTIONS)
            self.assertEqual(counted, len(vault.links))
            vault.judge(choice, everything=True)
            opened = len(vault.links)
            self.check_that_faults_are_found(vault, choice)
        print(f"kills {KILLS} {kinds}, operations {vault.done}, "
              f"{issued} tokens meanwhile, {opened} of {LINKS} links "
              f"open, 0 left under old keys", flush=True)

    def kill_inside(self, vault, choice, which):
        load = Load(vault, choice.getrandbits(64))
        load.start()
        name, process = vault.begin(choice)
        time.sleep(choice.uniform(0.0, 0.6))
        vault.daemon.kill(which)
        vault.note(name, process)
        load.stop.set()
        load.join(timeout=20)
        self.assertFalse(load.is_alive(), "a client hangs")
        self.assertEqual(load.faults, [])
        return load.issued

    def check_that_faults_are_found(self, vault, choice):
        """Negative control: a link that says something else, and one that is
        gone, are found."""
        link = choice.choice(list(vault.links))
        right = vault.links[link]
        vault.links[link] = "something else"
        with self.assertRaises(AssertionError):
            vault.check_open([link])
        vault.links[link] = right
        answer = vault.daemon.call("DELETE", f"/v1/links/{link}")
        self.assertEqual(answer.status, 200)
        with self.assertRaises(AssertionError):
            vault.check_open([link])
        del vault.links[link]


if __name__ == "__main__":
    coffer_daemon.main()
