"""Every verb of `coffer` against the daemon: exit codes, --json, imports,
secrets that are no arguments, and 80 columns. See also cli_states_test.py."""

import json
import os
import re
import signal
import stat
import subprocess
import time
import unittest

import coffer_daemon
from coffer_daemon import BIN, Daemon, consent, link_body

NOT_YET = ("audit verify", "audit prove",
           "audit checkpoint")
NOUNS_ALONE = ("brake", "slot", "key", "institution", "op", "backup")
PLATFORM = ("--audience", "platform")
ISSUE = ("token", "issue", "--purpose", "balance_display", *PLATFORM, "--link")


class CliTest(unittest.TestCase):
    """One daemon for what leaves the vault open."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start_operational(key_file=True)
        cls.consent = cls.daemon.write("consent.json", json.dumps(consent()))
        cls.bank_token = cls.daemon.write("bank", "bank-1\n", 0o600)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def run_coffer(self, code, *arguments, stdin=None):
        """Runs it, expects the exit code, and 80 columns for people. Tokens
        stay whole on lines of their own; errors are one line unless on a
        terminal."""
        done = self.daemon.coffer(*arguments, check=False, stdin=stdin)
        self.assertEqual(done.returncode, code,
                         f"{arguments}: {done.stdout}{done.stderr}")
        if "--json" not in arguments:
            for line in done.stdout.splitlines():
                if not line.startswith("v4."):
                    self.assertLessEqual(len(line), 80, line)
        if code in (0, 1) and "--json" in arguments and done.stdout:
            for line in done.stdout.splitlines():
                json.loads(line)
        return done

    def add(self, subject, *options):
        done = self.run_coffer(
            0, "--json", "link", "add", "--institution", "citi", "--subject",
            subject, "--bank-token-file", self.bank_token, "--consent",
            self.consent, *options)
        return json.loads(done.stdout)["link"]

    def token_file(self, link, *options):
        done = self.run_coffer(0, "--json", *ISSUE, link, *options)
        return self.daemon.write("access", json.loads(
            done.stdout)["access_token"] + "\n", 0o600)

    def redeemed(self, link):
        done = self.run_coffer(0, "--json", "token", "redeem", "--token-file",
                               self.token_file(link))
        return json.loads(done.stdout)["bank_token"]

    # --- The command line itself ---------------------------------------------
    def test_help_of_every_verb_in_80_columns(self):
        whole = self.run_coffer(0, "--help").stdout
        verbs = re.findall(r"^  ([a-z]\S*(?: [a-z]\S*)?)  +\S", whole, re.M)
        self.assertGreaterEqual(len(verbs), 27)
        for verb in verbs:
            text = self.run_coffer(0, *verb.split(), "--help").stdout
            self.assertIn(f"Usage: coffer {verb}", text)
        self.assertRegex(self.run_coffer(0, "--version").stdout,
                         r"^coffer \d+\.\d+\.\d+$")

    def test_wrong_command_lines_exit_2(self):
        for words in ((), ("nonsense",), ("link",), ("link", "nonsense"),
                      ("link", "show"), ("link", "show", "a", "b"),
                      ("link", "show", "lnk_short"), ("status", "--what"),
                      ("status", "extra"), ("init",), ("token", "issue"),
                      ("init", "--seal", "nothing"),
                      ("audit", "tail", "--count", "0"),
                      ("audit", "tail", "--count", "many"),
                      ("link", "import", "-"), ("--config",),
                      ("--json", "--json", "status"),
                      (*ISSUE, "x", "--expires-in", "0"),
                      (*ISSUE, "x", "--format", "jwt"),
                      *(verb.split() for verb in (*NOT_YET, *NOUNS_ALONE))):
            done = self.run_coffer(2, *words)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"^coffer: [^\n]+\n$")
        self.assertIn("not in this version",
                      self.run_coffer(2, "audit", "prove", "1").stderr)

    def test_secrets_are_no_arguments(self):
        for option in ("passphrase", "password", "bank-token", "token",
                       "secret", "key", "access-token", "pin"):
            for words in ((f"--{option}", "hidden-thing"),
                          (f"--{option}=hidden-thing",)):
                done = self.run_coffer(2, "unseal", *words)
                self.assertIn("every process", done.stderr)
                self.assertNotIn("hidden-thing", done.stderr)

    def test_sockets_by_flag_environment_and_configuration(self):
        def status(environment, *flags):
            return subprocess.run(
                [os.path.join(BIN, "coffer"), *flags, "status"],
                env={**os.environ, **environment}, capture_output=True,
                check=False).returncode
        wrong = {"COFFER_OPERATOR_SOCKET": "/nowhere/operator.sock"}
        right = {"COFFER_OPERATOR_SOCKET": self.daemon.operator_socket}
        flag = ("--operator-socket", self.daemon.operator_socket)
        config = ("--config", self.daemon.path("coffer.toml"))
        self.assertEqual(status(right), 0)
        self.assertEqual(status(wrong), 4)
        self.assertEqual(status(wrong, *flag), 0)
        self.assertEqual(status({}, *config), 0)
        self.assertEqual(status(wrong, *config), 4)

    # --- Links and tokens ----------------------------------------------------
    def test_a_links_life(self):
        link = self.add("life")
        shown = self.run_coffer(0, "link", "show", link).stdout
        for word in (link, "citi", "ACTIVE", "ACCOUNT_DETAILED"):
            self.assertIn(word, shown)
        self.assertNotIn("bank-1", shown)
        for verb in (("link", "list", "--subject"), ("subject", "links")):
            self.assertIn(link, self.run_coffer(0, *verb, "life").stdout)
        self.assertEqual(self.redeemed(link), "bank-1")
        done = self.run_coffer(0, "link", "token", link, "--bank-token-file",
                               "-", stdin="bank-2\n")
        self.assertIn("revision", done.stdout)
        self.assertIn('revision "1"', done.stderr)
        self.assertEqual(self.redeemed(link), "bank-2")
        self.run_coffer(1, "link", "token", link, "--if-match", "1",
                        "--bank-token-file", self.bank_token)
        wider = self.daemon.write("wider.json", json.dumps(consent(
            dataClusters=["ACCOUNT_BASIC", "ACCOUNT_DETAILED"])))
        self.run_coffer(0, "link", "consent", link, "--consent", wider,
                        "--if-match", "2")
        access = self.token_file(link)
        self.assertEqual(self.run_coffer(0, "link", "revoke", link).stdout,
                         "Revoked\n")
        self.run_coffer(1, "link", "revoke", link)
        self.run_coffer(1, "token", "redeem", "--token-file", access)
        refused = self.run_coffer(1, *ISSUE, link).stderr
        self.assertIn("invalid_grant", refused)
        self.assertIn("audit entry", refused)
        self.run_coffer(0, "link", "erase", link)
        self.assertIn("not_found", self.run_coffer(1, "link", "show",
                                                   link).stderr)

    def test_adding_twice_with_a_key_is_one_link(self):
        key = ("--idempotency-key", "the key", "--clear")
        self.assertEqual(self.add("twice", *key), self.add("twice", *key))

    def test_faulty_input_is_refused_before_it_is_sent(self):
        bad = self.daemon.write("bad.json", '{"consentId":"c"}')
        empty = self.daemon.write("empty", "\n", 0o600)
        add = ("link", "add", "--institution", "citi", "--subject", "faulty")
        for token, given in ((self.bank_token, bad), (empty, self.consent),
                             ("/nowhere", self.consent),
                             (self.bank_token, "/nowhere")):
            self.run_coffer(1, *add, "--bank-token-file", token, "--consent",
                            given)
        self.assertIn("No links", self.run_coffer(
            0, "subject", "links", "faulty").stdout)

    def test_a_tokens_life(self):
        link = self.add("tokens")
        issued = self.run_coffer(0, *ISSUE, link, "--expires-in", "30").stdout
        self.assertRegex(issued, r"expires_in +30\n")
        self.assertRegex(issued, r"\nv4\.local\.\S+\n$")
        access = self.token_file(link, "--scope", "ACCOUNT_DETAILED")
        self.assertRegex(self.run_coffer(0, "token", "introspect",
                                         "--token-file", access).stdout,
                         r"active +yes")
        self.assertIn("bank-1", self.run_coffer(0, "token", "redeem",
                                                "--token-file", access).stdout)
        self.run_coffer(0, "token", "revoke", "--token-file", access)
        self.assertRegex(self.run_coffer(0, "token", "introspect",
                                         "--token-file", access).stdout,
                         r"active +no")
        self.run_coffer(1, "token", "redeem", "--token-file", access)
        once = self.token_file(link, "--single-use")
        self.run_coffer(0, "token", "redeem", "--token-file", once)
        self.run_coffer(1, "token", "redeem", "--token-file", once)
        public = self.token_file(link, "--format", "public")
        with open(public, encoding="utf-8") as file:
            self.assertTrue(file.read().startswith("v4.public."))

    def test_json_is_the_routes_body(self):
        link = self.add("json")
        access = self.token_file(link)
        with open(access, encoding="utf-8") as file:
            token = {"token": file.read().strip()}
        for words, request in (
                (("link", "show", link), ("GET", f"/v1/links/{link}")),
                (("link", "list", "--subject", "json"),
                 ("GET", "/v1/links?subject=json")),
                (("subject", "links", "json"),
                 ("GET", "/v1/links?subject=json")),
                (("token", "introspect", "--token-file", access),
                 ("POST", "/v1/introspect", token))):
            done = self.run_coffer(0, "--json", *words)
            self.assertEqual(done.stdout.rstrip("\n").encode(),
                             self.daemon.call(*request).body.rstrip(b"\n"))
        done = self.run_coffer(1, "--json", *ISSUE, "lnk_" + "A" * 22)
        self.assertEqual(json.loads(done.stdout)["error"], "not_found")

    def test_erasure_certificates(self):
        link = self.add("to be erased")
        file = self.daemon.path("certificate")
        self.run_coffer(0, "subject", "erase", "to be erased",
                        "--certificate", file)
        self.run_coffer(1, "link", "show", link)
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        genuine = self.run_coffer(0, "audit", "verify-certificate", file)
        self.assertIn("Genuine", genuine.stdout)
        key = json.loads(self.run_coffer(0, "--json", "status").stdout)
        vkey = self.daemon.write("vkey", key["evidence_key"] + "\n")
        self.run_coffer(0, "audit", "verify-certificate", file, "--vkey", vkey)
        with open(file, encoding="utf-8") as text:
            certificate = text.read()
        forged = self.daemon.write("forged", certificate.replace(
            certificate[40], "A" if certificate[40] != "A" else "B", 1))
        self.assertIn("NOT GENUINE", self.run_coffer(
            1, "audit", "verify-certificate", forged).stderr)
        # An existing file is never written over, and then nothing is erased.
        kept = self.add("kept")
        self.run_coffer(1, "link", "erase", kept, "--certificate", file)
        self.run_coffer(0, "link", "show", kept)

    # --- Import --------------------------------------------------------------
    def import_file(self, name, subject, lines=500):
        bodies = [json.dumps(link_body(subject=subject,
                                       bank_token=f"imported {n}"))
                  for n in range(lines)]
        return self.daemon.write(name, "\n".join(bodies) + "\n", 0o600), bodies

    def links_of(self, subject):
        links, target = [], f"/v1/links?subject={subject}"
        while target:
            body = self.daemon.call("GET", target).json
            links += [each["link"] for each in body["links"]]
            target = (f"/v1/links?subject={subject}&after={body['next']}"
                      if body.get("next") else None)
        return links

    def test_import_of_500_lines_and_once_more(self):
        file, _ = self.import_file("import", "imported")
        done = self.run_coffer(0, "link", "import", file)
        self.assertIn("500 stored", done.stdout)
        links = self.links_of("imported")
        self.assertEqual(len(set(links)), 500)
        self.assertEqual(len({self.redeemed(link) for link in links[:5]}), 5)
        self.run_coffer(0, "link", "import", file)
        self.assertEqual(len(self.links_of("imported")), 500)

    def test_refused_lines_are_named_and_passed_over(self):
        file, bodies = self.import_file("some", "some", 40)
        bodies[7] = "not json"
        bodies[20] = bodies[20].replace('"citi"', '"unknown"')
        bodies[30] = ""
        self.daemon.write("some", "\n".join(bodies) + "\n", 0o600)
        done = self.run_coffer(1, "link", "import", file)
        self.assertIn("37 stored, 2 refused", done.stdout)
        self.assertRegex(done.stderr, r"line 8: (?s:.*)line 21: ")
        with open(file + ".rejected", encoding="utf-8") as rejected:
            self.assertEqual([json.loads(line)["line"] for line in rejected],
                             [8, 21])

    def test_import_goes_on_after_an_interrupt(self):
        """The command line is killed, then the daemon, then it ends."""
        file, _ = self.import_file("broken", "broken")
        command = [os.path.join(BIN, "coffer"), "--config",
                   self.daemon.path("coffer.toml"), "link", "import", file,
                   "--connections", "1"]
        left = []
        for victim, number in (("coffer", signal.SIGKILL),
                               ("coffer", signal.SIGINT),
                               ("cofferd", signal.SIGKILL)):
            before = len(self.links_of("broken"))
            process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            while (process.poll() is None
                   and len(self.links_of("broken")) < before + 20):
                time.sleep(0.01)
            if victim == "coffer":
                process.send_signal(number)
                process.communicate(timeout=20)
                left.append(500 - len(self.links_of("broken")))
                continue
            self.daemon.kill("both")
            _, error = process.communicate(timeout=60)
            if process.returncode != 0:
                self.assertEqual(process.returncode, 4, error)
                self.assertIn("goes on behind line", error)
            self.daemon.start()
            self.daemon.unseal()
        self.assertGreater(left[0], 0, "it was too fast to be interrupted")
        self.run_coffer(0, "link", "import", file)
        links = self.links_of("broken")
        self.assertEqual((len(links), len(set(links))), (500, 500))
        tokens = {self.daemon.redeem(self.daemon.token(link))
                  .json["bank_token"] for link in links}
        self.assertEqual(tokens, {f"imported {n}" for n in range(500)})

    # --- Policy --------------------------------------------------------------
    def test_policy_check_load_show_and_explain(self):
        file = self.daemon.path("policy.toml")
        self.assertIn("3 purposes", self.run_coffer(0, "policy", "check",
                                                    file).stdout)
        bad = self.daemon.write("bad.toml", "[purposes.x]\nnonsense = 1\n")
        done = self.run_coffer(1, "policy", "check", bad)
        self.assertIn("bad.toml:2:", done.stderr)
        self.run_coffer(1, "policy", "load", bad)
        findings = json.loads(self.run_coffer(1, "--json", "policy", "check",
                                              bad).stdout)
        self.assertFalse(findings["ok"])
        self.assertIn(2, [one["line"] for one in findings["findings"]])
        shown = self.run_coffer(0, "policy", "show").stdout
        for word in ("advertising", "PROHIBITED", "us_bancorp", "platform"):
            self.assertIn(word, shown)
        # What it shows as TOML is the same policy.
        toml = self.daemon.write("shown.toml", self.run_coffer(
            0, "policy", "show", "--toml").stdout)
        before = json.loads(self.run_coffer(0, "--json", "status").stdout)
        self.run_coffer(0, "policy", "load", toml)
        after = json.loads(self.run_coffer(0, "--json", "status").stdout)
        self.assertEqual(before["policy_digest"], after["policy_digest"])

    def test_policy_in_force_is_the_loaded_one(self):
        with open(self.daemon.path("policy.toml"), encoding="utf-8") as file:
            text = file.read()
        narrow = self.daemon.write("narrow.toml", text.replace(
            '{ purpose = "balance_display", audience = "platform" },', ""))
        link = self.add("narrow")
        self.run_coffer(0, "policy", "load", narrow)
        self.assertIn("DIFFERS", self.run_coffer(0, "status").stdout)
        self.assertIn("unauthorized_client",
                      self.run_coffer(1, *ISSUE, link).stderr)
        self.daemon.restart()
        self.assertIn("unauthorized_client",
                      self.run_coffer(1, *ISSUE, link).stderr)
        self.run_coffer(0, "policy", "load")
        self.assertNotIn("DIFFERS", self.run_coffer(0, "status").stdout)
        self.run_coffer(0, *ISSUE, link)

    def test_explain_says_what_issue_would_do(self):
        explain = ("policy", "explain", "--caller", "platform",
                   "--institution")
        for institution, purpose, scope, allowed in (
                ("citi", "balance_display", "", True),
                ("citi", "balance_display", "ACCOUNT_BASIC", True),
                ("citi", "balance_display", "TRANSACTIONS", False),
                ("citi", "advertising", "", False),
                ("us_bancorp", "balance_display", "", False),
                ("jpmorgan", "purchase_tracking", "TRANSACTIONS", False)):
            words = (*explain, institution, "--purpose", purpose)
            words += ("--scope", scope) if scope else ()
            said = json.loads(self.run_coffer(0, "--json", *words).stdout)
            self.assertEqual(said["allowed"], allowed, words)
            self.assertIn("allowed" if allowed else "refused",
                          self.run_coffer(0, *words).stdout)

    # --- The vault -----------------------------------------------------------
    def test_status_doctor_selftest_and_clock(self):
        self.assertRegex(self.run_coffer(0, "status").stdout,
                         r"^state +operational\n")
        status = json.loads(self.run_coffer(0, "--json", "status").stdout)
        self.assertEqual((status["state"], status["clock_accepted"]),
                         ("operational", True))
        doctor = self.daemon.coffer("--json", "doctor", check=False)
        checks = json.loads(doctor.stdout)["checks"]
        failed = [check for check in checks if check["health"] == "fail"]
        self.assertEqual(doctor.returncode, 1 if failed else 0)
        for name in ("vault", "caller socket", "policy file", "disk"):
            self.assertIn(name, [check["name"] for check in checks])
        self.run_coffer(doctor.returncode, "doctor")
        self.assertIn("passed", self.run_coffer(0, "selftest").stdout)
        results = json.loads(self.run_coffer(0, "--json", "selftest").stdout)
        self.assertTrue(results["passed"])
        self.run_coffer(0, "clock", "accept")
        self.run_coffer(0, "unseal")  # it is already
        self.run_coffer(1, "init", "--seal", "keyfile", "--key-file",
                        self.daemon.path("another key"))
        self.assertFalse(os.path.exists(self.daemon.path("another key")))

    def test_doctor_names_a_fault_and_what_to_do(self):
        os.chmod(self.daemon.path("data/keeper"), 0o755)
        self.addCleanup(os.chmod, self.daemon.path("data/keeper"), 0o700)
        done = self.run_coffer(1, "doctor")
        self.assertRegex(done.stdout, r"fail +keeper(?s:.*)chmod")

    def test_audit_tail(self):
        link = self.add("audited")
        self.run_coffer(1, "token", "issue", "--purpose", "advertising",
                        *PLATFORM, "--link", link)
        line = self.run_coffer(0, "audit", "tail", "--count", "1").stdout
        self.assertRegex(line, r"token.issue purpose_prohibited platform")
        leaves = [json.loads(text) for text in self.run_coffer(
            0, "--json", "audit", "tail", "--from", "0").stdout.splitlines()]
        self.assertEqual([leaf["index"] for leaf in leaves],
                         list(range(len(leaves))))
        self.assertEqual(leaves[-1]["rule"], "purpose_prohibited")
        one = self.run_coffer(0, "--json", "audit", "tail", "--from", "0",
                              "--count", "1").stdout
        self.assertEqual(json.loads(one)["kind"], "vault.init")

    def test_audit_tail_follows(self):
        process = subprocess.Popen(
            [os.path.join(BIN, "coffer"), "--config",
             self.daemon.path("coffer.toml"), "--json", "audit", "tail",
             "--count", "1", "--follow"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        first = json.loads(process.stdout.readline())
        links = [self.daemon.create() for _ in range(3)]
        self.assertEqual(len(links), 3)
        for number in range(3):
            leaf = json.loads(process.stdout.readline())
            self.assertEqual((leaf["kind"], leaf["index"]),
                             ("link.create", first["index"] + 1 + number))
        process.terminate()
        process.wait(timeout=10)


if __name__ == "__main__":
    coffer_daemon.main()
