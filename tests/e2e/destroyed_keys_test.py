"""The search for destroyed keys: with the live root and keyring no earlier copy
of the store opens, in any mix of files.

Copies of the whole data directory and data backups are taken before, during
and after a rotation and a withdrawal. Each copy's store is then put beside the
live keeper's files. Negative control: a copy from after the rotation opens, and
an old store opens with the old keeper's files, so the search can find.
"""

import json
import os
import shutil
import threading
import time
import unittest

import coffer_daemon
from coffer_daemon import ask, consent

LINKS = 400


class Copies(threading.Thread):
    """Copies the data directory again and again."""

    def __init__(self, daemon, folder):
        super().__init__(daemon=True)
        self.daemon_under_test = daemon
        self.folder = folder
        self.stop = threading.Event()
        self.taken = []

    def take(self):
        target = os.path.join(self.folder, f"copy-{len(self.taken)}")
        shutil.copytree(self.daemon_under_test.path("data"), target,
                        ignore=shutil.ignore_patterns("lock.mdb"))
        self.taken.append(target)
        return target

    def run(self):
        while not self.stop.is_set():
            self.take()
            time.sleep(0.05)


class DestroyedKeysTest(unittest.TestCase):
    def setUp(self):
        self.daemon = coffer_daemon.Daemon()
        self.addCleanup(self.daemon.close)
        self.daemon.start_operational(key_file=True)

    def fill(self, institution):
        links = []
        connection = self.daemon.connect()
        for number in range(LINKS):
            answer = ask(connection, "POST", "/v1/links",
                         coffer_daemon.link_body(
                             institution=institution,
                             subject=f"{institution}-{number}",
                             consent=consent(consentId=f"c-{number}")))
            self.assertEqual(answer.status, 201)
            links.append(answer.json["link"])
        connection.close()
        return links

    def wait_for_old_keys(self):
        end = time.monotonic() + 30
        while True:
            keys = json.loads(
                self.daemon.coffer("--json", "key", "list").stdout)["keys"]
            if not [key for key in keys if key["state"] == "deactivated"]:
                return
            self.assertLess(time.monotonic(), end, keys)
            time.sleep(0.1)

    def opens(self, links):
        """How many of the links a running vault opens."""
        opened = 0
        connection = self.daemon.connect()
        for link in links:
            answer = ask(connection, "POST", "/v1/token",
                         {"link": link, "purpose": "balance_display",
                          "audience": "platform"})
            opened += answer.status == 200
        connection.close()
        return opened

    def test_no_earlier_copy_opens(self):
        folder = self.daemon.path("copies")
        os.mkdir(folder)
        citi, jpmorgan = self.fill("citi"), self.fill("jpmorgan")
        early = self.daemon.path("early.backup")
        self.daemon.coffer("backup", "create", early)
        copies = Copies(self.daemon, folder)
        first = copies.take()
        copies.start()
        time.sleep(0.2)
        self.daemon.coffer("key", "rotate", "--institution", "citi")
        self.wait_for_old_keys()
        self.daemon.coffer("--yes", "institution", "withdraw", "jpmorgan")
        copies.stop.set()
        copies.join(timeout=30)
        self.wait_for_old_keys()
        checked = self.daemon.coffer("--json", "backup", "check", early,
                                     check=False)
        print("the early backup:", checked.stdout.strip()[:300], flush=True)
        self.assertEqual(self.opens(citi), LINKS)
        self.assertEqual(self.opens(jpmorgan), 0)
        self.assertEqual(self.daemon.stop(), 0)
        live = os.path.join(folder, "live")
        shutil.copytree(self.daemon.path("data"), live)

        # Every earlier store beside the live keeper's files. The ones taken
        # while the rotation ran hold wraps under the new key, rightly so.
        opened = {}
        for copy in copies.taken:
            self.daemon.start_on(copy, live)
            opened[copy] = (self.opens(citi), self.opens(jpmorgan))
            self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(opened[first], (0, 0))
        self.assertEqual([pair[1] for pair in opened.values()],
                         [0] * len(opened))
        before = [copy for copy, pair in opened.items() if pair == (0, 0)]

        # Controls: the live store opens, and the first copy by itself does.
        self.daemon.start_on(live, live)
        self.assertEqual(self.opens(citi), LINKS)
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start_on(first, first)
        self.assertEqual((self.opens(citi), self.opens(jpmorgan)),
                         (LINKS, LINKS))
        print(f"{len(copies.taken)} copies, of {len(before)} nothing opens "
              f"under the live keys, of {len(opened) - len(before)} only what "
              f"the rotation had rewrapped; controls: the live store opens "
              f"{LINKS}, the first copy with its own keeper files "
              f"{2 * LINKS}", flush=True)


if __name__ == "__main__":
    coffer_daemon.main()
