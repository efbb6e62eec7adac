"""Approvals with real SSH keys, and the end of a vault, by the real programs."""

import json
import os
import re
import shutil
import subprocess
import unittest

import coffer_daemon
from coffer_daemon import Daemon


class QuorumDaemon(Daemon):
    """Two of alice, bob and carol; mallory has a key, too."""

    def __init__(self):
        super().__init__()
        for name in ("alice", "bob", "carol", "mallory"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name,
                 "-f", self.path(name)], check=True)
        self.config(2)
        self.start_operational(key_file=True)

    def config(self, threshold):
        with open(self.path("coffer.toml"), encoding="utf-8") as file:
            text = file.read().partition("[quorum]")[0]
        keys = [self.path(name + ".pub") for name in ("alice", "bob", "carol")]
        if threshold:
            text += (f"[quorum]\nthreshold = {threshold}\n"
                     f"approvers = {json.dumps(keys)}\n")
        self.write("coffer.toml", text)

    def ask(self, *words):
        """A verb that awaits approval; the operation's id."""
        asked = self.coffer(*words, "--yes", check=False)
        found = re.search(r"op_[0-9a-f]{16}", asked.stderr)
        if asked.returncode != 1 or not found:
            raise AssertionError(f"{words}: {asked}")
        return found.group()

    def approve(self, operation, name):
        return self.coffer("op", "approve", operation, "--key",
                           self.path(name), "--yes", check=False)

    def kinds(self):
        tail = self.coffer("audit", "tail", "--json").stdout
        return [json.loads(line)["kind"] for line in tail.splitlines()]


@unittest.skipUnless(shutil.which("ssh-keygen"), "ssh-keygen is missing")
class QuorumTest(unittest.TestCase):
    def test_two_approvals_carry_a_withdrawal_through_and_one_does_not(self):
        with QuorumDaemon() as daemon:
            link = daemon.create()
            operation = daemon.ask("institution", "withdraw", "citi")
            self.assertEqual(
                daemon.ask("institution", "withdraw", "citi"), operation)
            shown = daemon.coffer("op", "show", operation, "--bytes").stdout
            self.assertIn("\nwhat institution withdraw citi key version 1\n",
                          shown)
            self.assertTrue(all(len(line) <= 80
                                for line in shown.splitlines()), shown)
            self.assertEqual(daemon.approve(operation, "alice").returncode, 0)
            self.assertEqual(daemon.issue(link).status, 200)
            again = daemon.approve(operation, "alice")
            self.assertEqual(again.returncode, 1, again)
            self.assertEqual(daemon.approve(operation, "mallory").returncode, 1)
            self.assertEqual(daemon.issue(link).status, 200)
            last = daemon.approve(operation, "carol")
            self.assertEqual(last.returncode, 0, last)
            refused = daemon.issue(link)
            # Not found once the sweep has taken the dead record.
            self.assertIn((refused.status, refused.error),
                          ((403, "invalid_grant"), (404, "not_found")))
            kinds = daemon.kinds()
            for kind in ("op.propose", "op.approve", "op.carry_out",
                         "institution.withdraw"):
                self.assertIn(kind, kinds)
            self.assertIn("Nothing", daemon.coffer("op", "list").stdout)

    def test_key_destroy_needs_two(self):
        with QuorumDaemon() as daemon:
            daemon.coffer("key", "rotate", "--token")

            def row():
                rows = json.loads(
                    daemon.coffer("key", "list", "--json").stdout)["keys"]
                return next(each for each in rows if each["use"] == "token"
                            and each["state"] == "deactivated")

            key = row()["id"]
            operation = daemon.ask("key", "destroy", key)
            statement = daemon.coffer("op", "show", operation,
                                      "--bytes").stdout
            self.assertIn(f"what key destroy {key} token ", statement)
            self.assertEqual(daemon.approve(operation, "bob").returncode, 0)
            self.assertNotIn("destroy_at", row())
            other = daemon.coffer("op", "approve", "op_" + "0" * 16, "--key",
                                  daemon.path("alice"), "--yes", check=False)
            self.assertEqual(other.returncode, 1)
            listed = daemon.coffer("op", "list").stdout
            self.assertIn(operation, listed)
            daemon.coffer("op", "cancel", operation)
            self.assertEqual(daemon.approve(operation, "alice").returncode, 1)
            self.assertNotIn("destroy_at", row())
            # Two approvals of the same parameters carry it through.
            operation = daemon.ask("key", "destroy", key)
            for approver in ("alice", "carol"):
                self.assertEqual(
                    daemon.approve(operation, approver).returncode, 0)
            self.assertIn("destroy_at", row())

    def test_the_rule_is_pinned_and_changed_by_quorum_alone(self):
        with QuorumDaemon() as daemon:
            daemon.config(0)
            operation = daemon.ask("policy", "load")
            self.assertIn("quorum off", daemon.coffer(
                "op", "show", operation, "--bytes").stdout)
            self.assertEqual(daemon.approve(operation, "alice").returncode, 0)
            # Neither a restart nor another file changes what is pinned.
            daemon.restart()
            daemon.ask("institution", "withdraw", "citi")
            self.assertEqual(daemon.approve(operation, "bob").returncode, 1)
            operation = daemon.ask("policy", "load")
            self.assertEqual(daemon.approve(operation, "alice").returncode, 0)
            self.assertEqual(daemon.approve(operation, "bob").returncode, 0)
            daemon.coffer("institution", "withdraw", "citi", "--yes")

    def test_zeroize_ends_the_vault_for_good(self):
        with QuorumDaemon() as daemon:
            daemon.create()
            daemon.coffer("seal")
            refused = daemon.coffer("zeroize", "--yes", check=False)
            self.assertEqual(refused.returncode, 1, refused)
            daemon.unseal()
            operation = daemon.ask("zeroize")
            self.assertEqual(daemon.approve(operation, "alice").returncode, 0)
            self.assertIsNone(daemon.process.poll())
            daemon.approve(operation, "bob")
            daemon.process.wait(timeout=20)
            self.assertIn("zeroized", daemon.log())
            state = next(os.path.join(folder, "keeper.state")
                         for folder, _, files in os.walk(daemon.path("data"))
                         if "keeper.state" in files)
            with open(state, "rb") as file:
                self.assertFalse(any(file.read()), "keeper.state is not zeros")
            code, log = daemon.refuses_to_start()
            self.assertNotEqual(code, 0)
            self.assertIn("zeroized, or lost", " ".join(log.split()))


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        coffer_daemon.skip("ssh-keygen is missing")
    coffer_daemon.main()
