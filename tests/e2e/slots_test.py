"""Seal slots through the real programs: changed while the vault is open, shares
given one by one, wrong attempts slowed down, and the vault opening by itself
at start from a key file or a credential."""

import json
import os
import random
import subprocess
import time
import unittest

import coffer_daemon
from coffer_daemon import BIN, Daemon

STORM_KILLS = int(os.environ.get("COFFER_STORM_KILLS", "12"))


class SlotTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon().start_operational(key_file=True)

    def tearDown(self):
        self.daemon.close()

    def coffer(self, *words, **options):
        return self.daemon.coffer(*words, **options)

    def refused(self, text, *words):
        done = self.coffer(*words, check=False)
        self.assertNotEqual(done.returncode, 0, words)
        self.assertIn(text, " ".join(done.stderr.split()))

    def status(self):
        return json.loads(self.coffer("status", "--json", check=False).stdout)

    def is_open(self):
        return self.daemon.status_code() == 0

    def slots(self):
        rows = json.loads(self.coffer("slot", "list", "--json").stdout)
        return {row["id"]: row["kind"] for row in rows["slots"]}

    def key_file(self, name, secret=None, mode=0o600):
        with open(self.daemon.path(name), "wb") as file:
            file.write(secret or os.urandom(32))
        os.chmod(self.daemon.path(name), mode)
        return self.daemon.path(name)

    def restart(self, **options):
        self.assertEqual(self.daemon.stop(), 0, self.daemon.log())
        before = len(self.daemon.log())
        self.daemon.start(**options)
        return self.daemon.log()[before:]


class Changes(SlotTest):
    def test_a_passphrase_is_changed_while_the_vault_is_open(self):
        link = self.daemon.create()
        self.coffer("slot", "add", "passphrase", "--passphrase-file",
                    self.daemon.path("passphrase"))
        new = self.daemon.write("new", "another passphrase\n", 0o600)
        self.coffer("slot", "add", "passphrase", "--passphrase-file", new)
        self.coffer("slot", "test", "3", "--passphrase-file", new)
        self.coffer("slot", "remove", "2")
        self.coffer("slot", "remove", "1")
        self.assertEqual(self.slots(), {3: "passphrase"})
        self.assertEqual(self.daemon.issue(link).status, 200)
        self.restart()
        self.refused("does not open this slot", "unseal",
                     "--passphrase-file", self.daemon.path("passphrase"))
        self.coffer("unseal", "--passphrase-file", new)
        self.assertEqual(self.daemon.issue(link).status, 200)
        self.refused("last seal slot", "slot", "remove", "3")

    def test_after_five_failures_attempts_are_slowed_down(self):
        self.restart()
        wrong = self.key_file("wrong")
        for _ in range(5):
            self.refused("does not open this slot", "unseal", "--key-file",
                         wrong)
        self.refused("one every 10 seconds", "unseal", "--key-file",
                     self.daemon.path("key"))
        self.assertEqual(self.status()["unseal_failures"], 5)
        time.sleep(10.2)
        self.coffer("unseal", "--key-file", self.daemon.path("key"))
        leaves = self.coffer("audit", "tail").stdout
        self.assertIn("vault.unseal_failed", leaves)

    def test_a_storm_of_kills_leaves_each_slot_there_or_not(self):
        dice = random.Random(7)
        key = self.daemon.path("key")
        other = self.key_file("other")
        self.coffer("slot", "add", "keyfile", "--key-file", other)
        for _ in range(STORM_KILLS):
            adding = 3 not in self.slots()
            words = ["slot", "add", "keyfile", "--key-file",
                     self.key_file("third", b"3" * 32)] if adding else [
                         "slot", "remove", "3"]
            change = subprocess.Popen(
                [os.path.join(BIN, "coffer"), "--config",
                 self.daemon.path("coffer.toml"), *words],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, 0.06))
            self.daemon.kill(dice.choice(["both", "keeper"]))
            told = change.wait(timeout=20) == 0
            self.daemon.start()
            self.coffer("unseal", "--slot", "1", "--key-file", key)
            slots = self.slots()
            self.assertIn(2, slots)
            if told:
                self.assertEqual(3 in slots, adding)
            for slot, path in ((2, other), (3, self.daemon.path("third"))):
                if slot in slots:
                    self.coffer("slot", "test", str(slot), "--key-file", path)


class Shares(SlotTest):
    def setUp(self):
        super().setUp()
        self.coffer("slot", "add", "shamir", "--shares", "5", "--threshold",
                    "3", "--shares-dir", self.daemon.path("shares"))
        self.restart()

    def share(self, number):
        return self.daemon.path(f"shares/share-{number}")

    def give(self, number):
        return self.coffer("unseal", "--share-file", self.share(number))

    def progress(self):
        status = self.status()
        return status.get("shares_given", 0), status.get("shares_needed", 0)

    def test_three_of_five_open_the_vault_one_by_one(self):
        self.give(4)
        self.assertEqual(self.progress(), (1, 3))
        self.give(4)
        self.assertEqual(self.progress(), (1, 3))
        self.give(2)
        self.assertEqual(self.progress(), (2, 3))
        self.assertFalse(self.is_open())
        self.give(5)
        self.assertTrue(self.is_open())
        self.assertEqual(self.progress(), (0, 0))

    def test_a_bad_share_is_told_at_once(self):
        self.give(1)
        with open(self.share(2), encoding="utf-8") as file:
            text = file.read()
        typo = text[:40] + ("A" if text[40] != "A" else "B") + text[41:]
        self.refused("checksum", "unseal", "--share-file",
                     self.daemon.write("typo", typo, 0o600))
        with Daemon().start_operational(key_file=True) as other:
            other.coffer("slot", "add", "shamir", "--shares", "2",
                         "--threshold", "2", "--shares-dir",
                         other.path("shares"))
            self.refused("of no seal slot", "unseal", "--share-file",
                         other.path("shares/share-1"))
        self.assertEqual(self.progress(), (1, 3))
        self.give(2)
        self.give(3)
        self.assertTrue(self.is_open())

    def test_shares_are_taken_back_only_with_one_of_them(self):
        self.give(1)
        self.refused("not the text of a share", "unseal", "--cancel",
                     "--share-file", self.daemon.write("none", "x\n", 0o600))
        self.assertEqual(self.progress(), (1, 3))
        self.coffer("unseal", "--cancel", "--share-file", self.share(5))
        self.assertEqual(self.progress(), (0, 0))
        self.assertFalse(self.is_open())


class AtStart(SlotTest):
    def configure(self, **settings):
        with open(self.daemon.path("coffer.toml"), "a",
                  encoding="utf-8") as config:
            config.write("[unseal]\n")
            for key, value in settings.items():
                config.write(f'{key} = "{value}"\n')

    def stays_sealed(self, text, **options):
        log = self.restart(**options)
        self.assertIn(text, log)
        self.assertFalse(self.is_open())
        self.coffer("unseal", "--slot", "1", "--key-file",
                    self.daemon.path("right"))

    def setUp(self):
        super().setUp()
        os.rename(self.daemon.path("key"), self.daemon.path("right"))

    def test_a_key_file_opens_it(self):
        link = self.daemon.create()
        self.configure(key_file=self.daemon.path("right"))
        log = self.restart()
        self.assertTrue(self.is_open(), log)
        self.assertEqual(self.daemon.issue(link).status, 200)
        self.daemon.kill()
        self.daemon.start()
        self.assertTrue(self.is_open())

    def test_a_missing_wrong_or_cut_key_file_leaves_it_sealed(self):
        self.configure(key_file=self.daemon.path("at-start"))
        self.stays_sealed("cannot open it")
        self.key_file("at-start")
        self.stays_sealed("opens no key-file or PKCS#11 slot")
        for size in (0, 31, 33):
            with open(self.daemon.path("at-start"), "wb") as file:
                file.write(b"x" * size)
            self.stays_sealed("has 32 bytes")
        os.unlink(self.daemon.path("at-start"))
        os.mkfifo(self.daemon.path("at-start"))
        self.stays_sealed("no plain file")

    def test_a_key_file_that_others_can_read_is_used_and_said(self):
        os.chmod(self.daemon.path("right"), 0o644)
        self.configure(key_file=self.daemon.path("right"))
        log = self.restart()
        self.assertIn("open to other users", log)
        self.assertTrue(self.is_open())

    def test_a_credential_opens_it_and_goes_before_the_key_file(self):
        os.mkdir(self.daemon.path("credentials"))
        os.rename(self.daemon.path("right"),
                  self.daemon.path("credentials/coffer.key"))
        wrong = self.key_file("wrong")
        self.configure(credential="coffer.key", key_file=wrong)
        environment = {**os.environ, "CREDENTIALS_DIRECTORY":
                       self.daemon.path("credentials")}
        log = self.restart(env=environment)
        self.assertTrue(self.is_open(), log)
        log = self.restart()  # without the variable
        self.assertIn("CREDENTIALS_DIRECTORY is not set", log)
        self.assertIn("opens no key-file or PKCS#11 slot", log)
        self.assertFalse(self.is_open())

    def test_a_vault_that_is_not_yet_made_starts_without_a_word(self):
        with Daemon() as fresh:
            with open(fresh.path("coffer.toml"), "a",
                      encoding="utf-8") as config:
                config.write(f'[unseal]\nkey_file = "{fresh.path("key")}"\n')
            fresh.write("key", "k" * 32, 0o600)
            fresh.start()
            self.assertNotIn("unseal at start", fresh.log())
            fresh.coffer("init", "--seal", "keyfile", "--key-file",
                         fresh.path("key"))
            fresh.stop()
            fresh.start()
            self.assertEqual(fresh.status_code(), 0)


if __name__ == "__main__":
    coffer_daemon.main()
