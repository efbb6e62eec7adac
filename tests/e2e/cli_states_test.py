"""`coffer` when the vault is sealed or gone, and with a person at a terminal:
exit codes, prompts without echo, questions before what cannot be undone."""

import json
import os
import signal
import stat
import subprocess
import unittest

import coffer_daemon
from coffer_daemon import BIN, PASSPHRASE, Daemon, consent, link_body
from terminal import Person

ISSUE = ("token", "issue", "--purpose", "balance_display", "--audience",
         "platform", "--link")


class StatesTest(unittest.TestCase):
    """Exit codes of every verb when the vault is sealed or gone."""

    def test_sealed_is_3_and_not_reachable_is_4(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            given = daemon.write("consent.json", json.dumps(consent()))
            token = daemon.write("token", "v4.local.AAAA", 0o600)
            lines = daemon.write("lines", json.dumps(link_body()) + "\n")
            link = "lnk_" + "A" * 22
            callers = (
                ("link", "add", "--institution", "citi", "--subject", "s",
                 "--bank-token-file", token, "--consent", given),
                ("link", "show", link), ("link", "list", "--subject", "s"),
                ("link", "token", link, "--bank-token-file", token),
                ("link", "consent", link, "--consent", given),
                ("link", "revoke", link), ("link", "erase", link),
                ("link", "import", lines), (*ISSUE, link),
                ("token", "introspect", "--token-file", token),
                ("token", "revoke", "--token-file", token),
                ("token", "redeem", "--token-file", token),
                ("subject", "links", "s"), ("subject", "erase", "s"))
            operators = (
                ("policy", "load"), ("policy", "show"),
                ("policy", "explain", "--caller", "platform", "--purpose",
                 "balance_display", "--institution", "citi"),
                ("audit", "tail"), ("clock", "accept"), ("seal",))
            daemon.coffer("seal")
            codes = {words: daemon.coffer(*words, check=False).returncode
                     for words in (*callers, *operators, ("status",))}
            self.assertEqual({words: code for words, code in codes.items()
                              if code != 3}, {})
            self.assertEqual(daemon.coffer("selftest").returncode, 0)
            wrong = daemon.write("wrong", "x" * 32, 0o600)
            self.assertEqual(daemon.coffer("unseal", "--key-file", wrong,
                                           check=False).returncode, 1)
            self.assertIn("1", daemon.coffer("status", check=False).stdout)
            daemon.stop()
            reach = (*callers, *operators, ("status",), ("selftest",),
                     ("unseal",), ("init", "--seal", "keyfile", "--key-file",
                                   daemon.path("new key")))
            codes = {words: daemon.coffer(*words, check=False).returncode
                     for words in reach}
            self.assertEqual({words: code for words, code in codes.items()
                              if code != 4}, {})
            self.assertFalse(os.path.exists(daemon.path("new key")))
            self.assertEqual(daemon.coffer("doctor",
                                           check=False).returncode, 1)

    def test_key_file_is_made_private_and_never_taken_when_open(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            found = os.stat(daemon.path("key"))
            self.assertEqual((stat.S_IMODE(found.st_mode), found.st_size),
                             (0o600, 32))
            daemon.coffer("seal")
            os.chmod(daemon.path("key"), 0o644)
            done = daemon.coffer("unseal", "--key-file", daemon.path("key"),
                                 check=False)
            self.assertEqual(done.returncode, 1)
            with open(daemon.path("key"), "rb") as file:
                key = file.read()
            command = [os.path.join(BIN, "coffer"), "--config",
                       daemon.path("coffer.toml"), "unseal", "--key-file",
                       "-"]
            done = subprocess.run(command, input=key, capture_output=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


class PromptTest(unittest.TestCase):
    """A person at a terminal."""

    def person(self, daemon, *words):
        return Person([os.path.join(BIN, "coffer"), "--config",
                       daemon.path("coffer.toml"), *words])

    def prompted(self, daemon, answers, *words):
        """Answers prompts without echo; the exit code and what was shown."""
        person = self.person(daemon, *words)
        for prompt, answer in answers:
            person.wait_for(prompt)
            person.seen = person.seen.replace(prompt, "(asked)")
            self.assertFalse(person.echoes(), "the prompt echoes")
            person.type(answer + "\n")
        code, shown = person.end()
        for _, answer in answers:
            self.assertNotIn(answer, shown)
        self.assertTrue(person.shows_echo, "echo stays off")
        for line in shown.splitlines():
            self.assertLessEqual(len(line.split("\r")[-1]), 80, line)
        return code, shown

    def test_passphrase_by_prompt(self):
        with Daemon() as daemon:
            daemon.start()
            init = ("init", "--seal", "passphrase")
            code, shown = self.prompted(
                daemon, [("assphrase", PASSPHRASE), ("gain", "another one")],
                *init)
            self.assertEqual(code, 1, shown)
            code, shown = self.prompted(
                daemon, [("assphrase", PASSPHRASE), ("gain", PASSPHRASE)],
                *init)
            self.assertEqual(code, 0, shown)
            # A person is asked before the vault is closed.
            for answer, wanted, state in (("n", 1, 0), ("", 1, 0),
                                          ("y", 0, 3)):
                person = self.person(daemon, "seal")
                person.wait_for("[y/N]")
                person.type(answer + "\n")
                self.assertEqual(person.end()[0], wanted)
                self.assertEqual(daemon.status_code(), state)
            code, shown = self.prompted(daemon, [("assphrase", "wrong")],
                                        "unseal")
            self.assertEqual(code, 1, shown)
            self.interrupted(daemon)
            code, shown = self.prompted(daemon, [("assphrase", PASSPHRASE)],
                                        "unseal")
            self.assertEqual((code, daemon.status_code()), (0, 0), shown)
            self.destructive(daemon)

    def interrupted(self, daemon):
        """An interrupt in a prompt: echo is back."""
        person = self.person(daemon, "unseal")
        person.wait_for("assphrase")
        self.assertFalse(person.echoes())
        os.kill(person.process.pid, signal.SIGINT)
        code, _ = person.end()
        self.assertEqual(code, -signal.SIGINT)
        self.assertTrue(person.shows_echo)

    def destructive(self, daemon):
        link = daemon.create(subject="asked about")
        for words in (("link", "revoke", link), ("link", "erase", link),
                      ("subject", "erase", "asked about")):
            person = self.person(daemon, *words)
            person.wait_for("[y/N]")
            person.type("n\n")
            self.assertEqual(person.end()[0], 1)
            self.assertEqual(daemon.issue(link).status, 200)
        code, _ = self.person(daemon, "--yes", "link", "erase", link).end()
        self.assertEqual((code, daemon.issue(link).status), (0, 404))


if __name__ == "__main__":
    coffer_daemon.main()
