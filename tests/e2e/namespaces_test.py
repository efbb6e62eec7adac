"""A caller whom the kernel cannot name in the vault's namespaces is refused
with a reason, unless policy takes it."""

import json
import os
import subprocess
import unittest

import coffer_daemon
from coffer_daemon import link_body

CALLERS = """
[callers.platform]
uid = {uid}
links = ["create", "read", "update", "erase"]
issue = [{{ purpose = "balance_display", audience = "platform" }}]
redeem = ["balance_display"]
"""
STRANGER = 20007


class Daemon(coffer_daemon.Daemon):
    """cofferd in a namespace of its own; this test is outside."""

    def __init__(self, kind, extra=""):
        super().__init__(callers=CALLERS.format(uid=os.getuid()) + extra)
        self.unshare = ["unshare", "--fork", "--kill-child", *kind]

    def launch(self, **options):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.unshare + [os.path.join(coffer_daemon.BIN, "cofferd"),
                                "--config", self.path("coffer.toml")],
                stderr=log, stdout=log, stdin=subprocess.DEVNULL, **options)

    def close(self):
        # unshare does not hand SIGTERM on; what it started ends with it.
        self.process.kill()
        self.process.wait()
        super().close()

    def rules(self):
        lines = self.coffer("--json", "audit", "tail", "--count",
                            "20").stdout.splitlines()
        return [json.loads(line)["rule"] for line in lines]


class NamespacesTest(unittest.TestCase):
    def begin(self, kind, extra=""):
        daemon = Daemon(kind, extra)
        self.addCleanup(daemon.close)
        daemon.start_operational(key_file=True)
        return daemon

    def test_a_caller_in_another_pid_namespace_is_refused(self):
        daemon = self.begin(["--pid"])
        answer = daemon.call("POST", "/v1/links", link_body())
        self.assertEqual((answer.status, answer.error),
                         (403, "unauthorized_client"))
        self.assertIn("namespace", answer.json["detail"])
        self.assertIn("foreign_namespace", daemon.rules())

    def test_policy_may_take_it(self):
        daemon = self.begin(["--pid"], "foreign_namespaces = true\n")
        answer = daemon.call("POST", "/v1/links", link_body())
        self.assertEqual(answer.status, 201, answer.body)

    def test_a_user_of_another_user_namespace_is_refused(self):
        daemon = self.begin(["--user", "--map-root-user"])
        # Control: who is mapped is known.
        answer = daemon.call("POST", "/v1/links", link_body())
        self.assertEqual(answer.status, 201, answer.body)
        refused = subprocess.run(
            ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}",
             "--clear-groups", "curl", "-s", "--unix-socket",
             daemon.caller_socket, f"http://c/v1/links/{'lnk_' + 22 * 'A'}"],
            check=True, capture_output=True, text=True)
        problem = json.loads(refused.stdout)
        self.assertEqual(problem["error"], "unauthorized_client")
        self.assertIn("namespace", problem["detail"])
        self.assertIn("foreign_namespace", daemon.rules())


if __name__ == "__main__":
    if os.geteuid() != 0:
        coffer_daemon.skip("namespaces are made by root only")
    for tried in ("--pid", "--user"):
        if subprocess.run(["unshare", "--fork", tried, "true"], check=False,
                          capture_output=True).returncode != 0:
            coffer_daemon.skip("this machine makes no namespaces")
    unittest.main()
