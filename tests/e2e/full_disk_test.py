"""Revoking and erasing succeed on a full disk, and hold over restarts.

The data directory lies on a small tmpfs of this test's own, which is filled to
the last byte; in a second run the store is as large as its limit. Control: in
both, an ordinary write is refused, and says so.
"""

import os
import shutil
import subprocess
import sys
import unittest

import coffer_daemon
from coffer_daemon import ask, link_body

EACH = 50
INSIDE = "COFFER_FULL_DISK_INSIDE"


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        self.daemon = coffer_daemon.Daemon()
        self.addCleanup(self.daemon.close)

    def fill_store(self, most, size):
        """Creates until one is refused; the links that were acknowledged."""
        links = []
        connection = self.daemon.connect()
        for number in range(most):
            answer = ask(connection, "POST", "/v1/links", link_body(
                subject=f"cust-{number}", bank_token="t" * size))
            if answer.status != 201:
                break
            links.append(answer.json["link"])
        connection.close()
        return links, answer

    def end_all(self, links):
        """Revokes the first half, erases the second."""
        revoked = erased = 0
        connection = self.daemon.connect()
        for link in links[:EACH]:
            answer = ask(connection, "PUT",
                         f"/v1/links/{link}/consent/revocation",
                         {"reason": "USER_ACTION"})
            revoked += answer.status == 204
        for link in links[EACH:2 * EACH]:
            answer = ask(connection, "DELETE", f"/v1/links/{link}")
            erased += answer.status == 200 and "certificate" in answer.json
        connection.close()
        return revoked, erased

    def refused(self, links):
        count = 0
        connection = self.daemon.connect()
        for link in links[:2 * EACH]:
            answer = ask(connection, "POST", "/v1/token",
                         {"link": link, "purpose": "balance_display",
                          "audience": "platform"})
            count += answer.status in (403, 404)
        connection.close()
        return count

    def check(self, links, where):
        for answer in (self.daemon.call("POST", "/v1/links",
                                        link_body(bank_token="t" * 16000))
                       for _ in range(2)):
            self.assertEqual(answer.status, 503, answer.body)
            self.assertEqual(answer.error, "unavailable")
            self.assertTrue(answer.json["detail"])
        revoked, erased = self.end_all(links)
        print(f"{where}: revoked {revoked} of {EACH}, erased {erased} of "
              f"{EACH}; control: a new link is refused with 503", flush=True)
        self.assertEqual((revoked, erased), (EACH, EACH))

    def test_on_a_full_disk(self):
        data = self.daemon.path("data")
        os.makedirs(data, 0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m,mode=0700",
                        "tmpfs", data], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", data], check=False)
        self.daemon.start_operational(key_file=True)
        links, answer = self.fill_store(2 * EACH, 500)
        self.assertEqual(answer.status, 201)
        with open(os.path.join(data, "filler"), "wb", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                try:
                    while filler.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass
        self.assertEqual(shutil.disk_usage(data).free, 0)
        self.fill_store(200, 16000)  # what LMDB still has in freed pages
        self.check(links, "disk full")
        self.assertEqual(self.refused(links), 2 * EACH)
        self.daemon.kill()
        os.unlink(os.path.join(data, "filler"))
        self.daemon.start()
        self.daemon.unseal()
        self.assertEqual(self.refused(links), 2 * EACH)
        self.assertEqual(self.daemon.call("POST", "/v1/links",
                                          link_body()).status, 201)

    def test_in_a_full_store(self):
        with open(self.daemon.path("coffer.toml"), "a",
                  encoding="utf-8") as config:
            config.write('\n[limits]\nstore = "1MiB"\n')
        self.daemon.start_operational(key_file=True)
        links, answer = self.fill_store(4096, 4000)
        self.assertEqual(answer.status, 503)
        self.assertGreaterEqual(len(links), 2 * EACH)
        self.check(links, "store full")
        self.assertEqual(self.refused(links), 2 * EACH)
        self.daemon.kill()
        self.daemon.start()
        self.daemon.unseal()
        self.assertEqual(self.refused(links), 2 * EACH)
        # Erasing made room.
        self.assertEqual(self.daemon.call("POST", "/v1/links",
                                          link_body()).status, 201)


if __name__ == "__main__":
    if INSIDE not in os.environ:
        if os.geteuid() != 0:
            coffer_daemon.skip("a small file system is mounted by root only")
        tried = subprocess.run(["unshare", "-m", "true"], check=False,
                               capture_output=True)
        if tried.returncode != 0:
            coffer_daemon.skip("no mount namespace may be made here")
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, "-B"] +
                  sys.argv)
    coffer_daemon.main()
