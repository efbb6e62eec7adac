"""Backup, a lost machine and shares through the command line against the real
daemon: what comes back, what stays dead, what waits for approval."""

import json
import os
import subprocess
import unittest

from coffer_daemon import Daemon, main


def make_ssh_key(path, name):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name,
                    "-f", path], check=True, stdin=subprocess.DEVNULL)
    return path


def opens(daemon, link):
    answer = daemon.issue(link)
    if answer.status != 200:
        return False
    return daemon.redeem(answer.json["access_token"]).status == 200


class LostMachine(unittest.TestCase):
    def test_two_files_and_a_slots_secret_bring_the_vault_back(self):
        with Daemon() as lost, Daemon() as new:
            lost.start_operational(key_file=True)
            kept = [lost.create(subject=f"s-{i}") for i in range(20)]
            erased = lost.create(subject="erased")
            lost.call("DELETE", f"/v1/links/{erased}")
            # The store is swept behind the answer.
            lost.wait_for(lambda: json.loads(lost.coffer(
                "--json", "institution", "list").stdout)[
                    "institutions"][0].get("links") == 20)
            backup, keys = lost.path("backup"), lost.path("keys")
            made = lost.coffer("backup", "create", backup)
            self.assertIn("20 links", made.stdout)
            self.assertIn("never exported", made.stderr)
            lost.coffer("key", "export", keys)
            status = lost.coffer("status").stdout
            self.assertIn("exported", status)
            self.assertNotIn("NEVER", status)
            check = lost.coffer("backup", "check", backup).stdout
            self.assertIn("20", check)
            lost.stop()

            new.start()
            os.link(lost.path("key"), new.path("key"))
            made = new.coffer("init", "--keys", keys, "--key-file",
                              new.path("key"))
            self.assertIn("revoked or erased since", made.stderr)
            self.assertEqual(new.call("GET", f"/v1/links/{kept[0]}").status,
                             404)
            done = new.coffer("backup", "restore", backup)
            self.assertIn("20  come back", done.stderr)
            self.assertIn("Restored: 20 links open; 20 came back", done.stdout)
            for link in kept:
                self.assertTrue(opens(new, link), link)
            # What is kept of the consent of the erased one came along.
            past = new.call("GET", "/v1/subjects/erased/consents").json
            self.assertEqual([(one["link"], one["ending"])
                              for one in past["consents"]],
                             [(erased, "ERASED")])
            self.assertEqual(new.call("GET", f"/v1/links/{erased}").status,
                             404)
            # Links are made and read as before, and after a restart, too.
            fresh = new.create(subject="fresh")
            new.restart()
            self.assertTrue(opens(new, fresh))
            self.assertTrue(opens(new, kept[7]))

    def test_an_older_backup_revives_nothing(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            links = [daemon.create(subject=f"s-{i}") for i in range(6)]
            backup = daemon.path("backup")
            daemon.coffer("backup", "create", backup)
            daemon.call("PUT", f"/v1/links/{links[0]}/consent/revocation",
                        {"reason": "USER_ACTION"})
            daemon.call("DELETE", f"/v1/links/{links[1]}")
            changed = daemon.call("PUT", f"/v1/links/{links[2]}/bank_token",
                                  {"bank_token": "newer"}, {"If-Match": '"1"'})
            self.assertEqual(changed.status, 200)
            later = daemon.create(subject="later")
            # Nothing would come back, and a link would end: not unasked.
            refused = daemon.coffer("backup", "restore", backup, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("--yes", refused.stderr)
            done = daemon.coffer("backup", "restore", backup, "--yes")
            self.assertIn("LOST", done.stderr)
            # Evidence of since the backup stays.
            past = daemon.call("GET", "/v1/subjects/s-1/consents").json
            self.assertEqual([one["ending"] for one in past["consents"]],
                             ["ERASED"])
            self.assertFalse(opens(daemon, links[0]))
            self.assertFalse(opens(daemon, links[1]))
            self.assertFalse(opens(daemon, links[2]))
            self.assertEqual(daemon.call("GET", f"/v1/links/{later}").status,
                             404)
            for link in links[3:]:
                self.assertTrue(opens(daemon, link))

    def test_one_that_was_altered_is_refused(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            link = daemon.create()
            backup = daemon.path("backup")
            daemon.coffer("backup", "create", backup)
            with open(backup, "r+b") as file:
                file.seek(-100, os.SEEK_END)
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 1]))
            for verb in ("check", "restore"):
                done = daemon.coffer("backup", verb, backup, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("damaged", done.stderr)
            self.assertTrue(opens(daemon, link))


class Approval(unittest.TestCase):
    def test_a_restore_waits_and_the_same_command_tells_how_it_went(self):
        with Daemon() as daemon:
            ssh = [make_ssh_key(daemon.path(name), name)
                   for name in ("alice", "bob")]
            with open(daemon.path("coffer.toml"), "a",
                      encoding="utf-8") as file:
                file.write("[quorum]\nthreshold = 2\napprovers = ["
                           f'"{ssh[0]}.pub", "{ssh[1]}.pub"]\n')
            daemon.start_operational(key_file=True)
            backup = daemon.path("backup")
            kept = daemon.create(subject="kept")
            daemon.coffer("backup", "create", backup)
            later = daemon.create(subject="later")
            asked = daemon.coffer("backup", "restore", backup, check=False)
            self.assertEqual(asked.returncode, 1, asked.stdout)
            self.assertTrue(opens(daemon, later))
            operation = "op_" + asked.stderr.split("op_")[1][:16]
            for key in ssh:
                daemon.coffer("op", "approve", operation, "--key", key)
            done = daemon.coffer("backup", "restore", backup)
            self.assertRegex(done.stdout, "Restored|in force")
            daemon.wait_for(lambda: daemon.call(
                "GET", f"/v1/links/{later}").status == 404)
            self.assertTrue(opens(daemon, kept))


class Slots(unittest.TestCase):
    def test_three_of_five_shares_open_a_restarted_vault(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            link = daemon.create()
            shares = daemon.path("shares")
            daemon.coffer("slot", "add", "shamir", "--shares", "5",
                          "--threshold", "3", "--shares-dir", shares)
            daemon.coffer("slot", "test", "2", "--share-file",
                          shares + "/share-1", "--share-file",
                          shares + "/share-4", "--share-file",
                          shares + "/share-5")
            daemon.coffer("slot", "remove", "1")
            self.assertEqual(daemon.coffer("slot", "remove", "2",
                                           check=False).returncode, 1)
            daemon.stop()
            daemon.start()
            for number, said in ((5, "1 of 3"), (2, "2 of 3")):
                given = daemon.coffer("unseal", "--share-file",
                                      f"{shares}/share-{number}")
                self.assertIn(said, given.stdout)
            self.assertIn("2 of 3", daemon.coffer("status",
                                                  check=False).stdout)
            daemon.coffer("unseal", "--share-file", shares + "/share-3")
            self.assertTrue(opens(daemon, link))


if __name__ == "__main__":
    main()
