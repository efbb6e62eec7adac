"""Who is who, by uid: the processes, their files, and the callers. Needs root.

One uid creates a link, another is issued a token, a third redeems it, and a
fourth is refused.
"""

import json
import os
import pwd
import stat
import subprocess
import unittest

import coffer_daemon
from coffer_daemon import CALLER_UIDS, MANY_CALLERS, link_body

GATE, KEEPER = "daemon", "bin"  # users of every Debian
GROUP = 30001
CALLERS = MANY_CALLERS + f"""
[callers.grouped]
gid = {GROUP}
links = ["read", "all_links"]
"""
ISSUE = {"purpose": "balance_display", "audience": "connector"}


def read_as(user, path):
    """What `cat` says to another user."""
    return subprocess.run(
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
         "cat", path], capture_output=True, text=True, check=False)


class UidsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = coffer_daemon.Daemon(
            callers=CALLERS, users=(GATE, KEEPER)).start_operational(
                key_file=True)
        cls.pids = {GATE: cls.daemon.process.pid,
                    KEEPER: cls.daemon.keeper_pid()}

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def call(self, who, *request, **options):
        return self.daemon.call_as(CALLER_UIDS[who], *request, **options)

    def create(self, who="linker", **changes):
        answer = self.call(who, "POST", "/v1/links", link_body(**changes))
        self.assertEqual(answer.status, 201, answer)
        return answer.json["link"]

    def refused(self, answer, status, error):
        self.assertEqual((answer.status, answer.error), (status, error), answer)

    def last_leaves(self, count=20):
        done = self.daemon.coffer("--json", "audit", "tail", "--count",
                                  str(count))
        return [json.loads(line) for line in done.stdout.splitlines()]

    # --- Processes and files -------------------------------------------------
    def test_each_process_is_its_own_user_without_any_right(self):
        sandboxed = json.loads(
            self.daemon.coffer("--json", "status").stdout)["sandboxed"]
        for user, pid in self.pids.items():
            entry = pwd.getpwnam(user)
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/status",
                          encoding="utf-8") as file:
                    fields = dict(line.rstrip("\n").split(":\t", 1)
                                  for line in file if ":\t" in line)
                with self.subTest(user=user, thread=fields["Name"]):
                    self.assertEqual(fields["Uid"].split(),
                                     [str(entry.pw_uid)] * 4)
                    self.assertEqual(fields["Gid"].split(),
                                     [str(entry.pw_gid)] * 4)
                    self.assertLessEqual(set(fields["Groups"].split()),
                                         {str(entry.pw_gid)})
                    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                        self.assertEqual(int(fields[name], 16), 0, name)
                    self.assertEqual(fields["NoNewPrivs"], "1")
                    if sandboxed:
                        self.assertEqual(fields["Seccomp"], "2")
            # The kernel gives the files of a process that may not be dumped
            # to root.
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0, user)
        if not sandboxed:
            print("built without seccomp: not looked for")

    def test_processes_hold_only_their_own_files(self):
        for user, pid in self.pids.items():
            foreign = "keeper" if user == GATE else "store"
            for fd in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                self.assertNotIn(f"{self.daemon.dir}/data/{foreign}", target)
                if user == KEEPER:
                    self.assertNotIn(".mdb", target)

    def test_files_are_their_owners_alone(self):
        owners = {"store": GATE, "audit": GATE, "keeper": KEEPER}
        data = self.daemon.path("data")
        self.assertEqual(sorted(os.listdir(data)), sorted(owners))
        for part, user in owners.items():
            uid = pwd.getpwnam(user).pw_uid
            for folder, _, names in os.walk(os.path.join(data, part)):
                for path in [folder] + [os.path.join(folder, n) for n in names]:
                    found = os.stat(path)
                    self.assertEqual(found.st_uid, uid, path)
                    self.assertEqual(
                        stat.S_IMODE(found.st_mode),
                        0o700 if os.path.isdir(path) else 0o600, path)
        for reader, path in ((GATE, "keeper/keeper.state"),
                             (GATE, "keeper/journal-0"),
                             (KEEPER, "store/data.mdb"),
                             ("20001", "store/data.mdb")):
            done = read_as(reader, os.path.join(data, path))
            self.assertIn("Permission denied", done.stderr, path)

    def test_sockets_and_their_folder_are_roots(self):
        for path, mode in ((self.daemon.caller_socket, 0o666),
                           (self.daemon.operator_socket, 0o600),
                           (self.daemon.monitor_socket, 0o666)):
            found = os.stat(path)
            self.assertEqual((found.st_uid, stat.S_IMODE(found.st_mode)),
                             (0, mode), path)
        folder = os.stat(self.daemon.path("run"))
        self.assertEqual((folder.st_uid, folder.st_mode & 0o022), (0, 0))

    def test_operator_socket_is_not_for_callers(self):
        done = self.daemon.coffer("status", check=False,
                                  uid=CALLER_UIDS["linker"])
        self.assertEqual(done.returncode, 4, done.stderr)

    # --- Callers -------------------------------------------------------------
    def test_created_by_one_issued_by_another_redeemed_by_a_third(self):
        link = self.create()
        issued = self.call("messenger", "POST", "/v1/token",
                           {"link": link, **ISSUE})
        self.assertEqual(issued.status, 200, issued)
        token = {"token": issued.json["access_token"]}
        self.refused(self.call("stranger", "POST", "/v1/redeem", token), 403,
                     "unauthorized_client")
        self.refused(self.call("messenger", "POST", "/v1/redeem", token), 403,
                     "unauthorized_client")
        redeemed = self.call("connector", "POST", "/v1/redeem", token)
        self.assertEqual(redeemed.json["bank_token"], "bank-token-canary-1")
        self.assertEqual(redeemed.json["link"], link)

    def test_a_stranger_is_refused_everywhere(self):
        link = self.create()
        for request in (("POST", "/v1/links", link_body()),
                        ("GET", f"/v1/links/{link}"),
                        ("GET", "/v1/links?subject=cust-canary-7731"),
                        ("DELETE", f"/v1/links/{link}"),
                        ("DELETE", "/v1/subjects/cust-canary-7731"),
                        ("POST", "/v1/token", {"link": link, **ISSUE}),
                        ("PUT", f"/v1/links/{link}/consent/revocation",
                         {"reason": "USER_ACTION"})):
            with self.subTest(request=request[:2]):
                self.refused(self.call("stranger", *request), 403,
                             "unauthorized_client")
        # Root is no caller either, unless the policy says so.
        self.refused(self.daemon.call("GET", f"/v1/links/{link}"), 403,
                     "unauthorized_client")
        self.assertEqual(self.call("linker", "GET",
                                   f"/v1/links/{link}").status, 200)

    def test_rights_are_those_of_the_policy(self):
        link = self.create()
        match = {"If-Match": '"1"'}
        body = {"bank_token": "refreshed"}
        target = f"/v1/links/{link}/bank_token"
        self.refused(self.call("messenger", "PUT", target, body, match), 403,
                     "unauthorized_client")
        self.refused(self.call("linker", "POST", "/v1/token",
                               {"link": link, **ISSUE}), 403,
                     "unauthorized_client")
        self.refused(self.call("connector", "GET", f"/v1/links/{link}"), 403,
                     "unauthorized_client")
        # The connector may replace any link's bank token, as it refreshes it.
        answer = self.call("connector", "PUT", target, body, match)
        self.assertEqual((answer.status, answer.json["revision"]), (200, 2))

    def test_another_linkers_link_is_not_found(self):
        link = self.create(subject="shared subject")
        other = "otherlinker"
        for request in (("GET", f"/v1/links/{link}"),
                        ("DELETE", f"/v1/links/{link}"),
                        ("PUT", f"/v1/links/{link}/consent/revocation",
                         {"reason": "USER_ACTION"})):
            self.refused(self.call(other, *request), 404, "not_found")
        listed = self.call(other, "GET", "/v1/links?subject=shared%20subject")
        self.assertEqual(listed.json["links"], [])
        erased = self.call(other, "DELETE", "/v1/subjects/shared%20subject")
        self.assertEqual((erased.status, erased.json["erased"]), (200, 0))
        unknown = self.call(other, "GET", "/v1/links/lnk_" + "A" * 22)
        seen = self.call(other, "GET", f"/v1/links/{link}")
        self.assertEqual({**unknown.json, "instance": ""},
                         {**seen.json, "instance": ""})
        self.assertEqual(self.call("linker", "GET",
                                   f"/v1/links/{link}").status, 200)

    def test_a_supplementary_group_is_a_caller(self):
        link = self.create()
        answer = self.call("stranger", "GET", f"/v1/links/{link}",
                           groups=[29999, GROUP, 30002])
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.last_leaves(1)[0]["caller"], "grouped")
        self.refused(self.call("stranger", "GET", f"/v1/links/{link}",
                               groups=[29999, 30002]), 403,
                     "unauthorized_client")

    def test_two_callers_at_once_are_none_and_the_leaf_names_both(self):
        link = self.create()
        self.refused(self.call("messenger", "POST", "/v1/token",
                               {"link": link, **ISSUE}, groups=[GROUP]), 403,
                     "unauthorized_client")
        leaf = self.last_leaves(1)[0]
        self.assertEqual(set(leaf["caller"].split(",")),
                         {"messenger", "grouped"})
        self.assertEqual((leaf["outcome"], leaf["uid"]),
                         ("refused", CALLER_UIDS["messenger"]))

    def test_a_linkers_idempotency_key_is_its_own(self):
        key = {"Idempotency-Key": "the same for both"}
        links = {self.call(who, "POST", "/v1/links", link_body(),
                           headers=key).json["link"]
                 for who in ("linker", "otherlinker", "linker")}
        self.assertEqual(len(links), 2)

    def test_users_hold_across_a_restart(self):
        link = self.create()
        with open(self.daemon.log_path, encoding="utf-8") as log:
            self.assertNotIn("runs as started", log.read())
        self.daemon.restart()
        type(self).pids = {GATE: self.daemon.process.pid,
                           KEEPER: self.daemon.keeper_pid()}
        self.assertEqual(self.call("linker", "GET",
                                   f"/v1/links/{link}").status, 200)

    def test_command_line_acts_as_the_running_user(self):
        done = self.daemon.coffer("link", "list", "--subject", "nobody",
                                  uid=CALLER_UIDS["linker"])
        self.assertIn("No links", done.stdout)
        done = self.daemon.coffer("link", "list", "--subject", "nobody",
                                  uid=CALLER_UIDS["stranger"], check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("unauthorized_client", done.stderr)


if __name__ == "__main__":
    if os.getuid() != 0:
        coffer_daemon.skip("several users need root")
    coffer_daemon.main()
