"""Damaged, foreign and newer files are refused: cofferd ends with exit code 1
and names the file and what to do, or latches the error state at unseal, where
only the keys can tell. Two daemons never share a folder or a socket."""

import hashlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest

import coffer_daemon
from coffer_daemon import BIN, Daemon

STATE, JOURNAL, STORE = "keeper/keeper.state", "keeper/journal-0", \
    "store/data.mdb"
BLOCK = 4096
STATE_SLOT = 32 << 20
BATCH_MAGIC = struct.pack("<I", 0x42464F43)


def coffer_hash(label, *parts):
    """As crypto/kdf.h has it: each part behind its size."""
    state = hashlib.blake2b(digest_size=32)
    for part in (label.encode(),) + parts:
        state.update(struct.pack("<Q", len(part)) + part)
    return state.digest()


class StateFile:
    """keeper.state, taken apart as docs/formats.md has it."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.at = 0 if data[:7] == b"COFFERS" else STATE_SLOT
        assert data[self.at:self.at + 7] == b"COFFERS"
        self.box = struct.unpack_from("<I", data, self.at + 9)[0]

    def mend(self):
        """Puts the checksum right, as a forger would."""
        at = self.at
        self.data[at + BLOCK - 32:at + BLOCK] = coffer_hash(
            "coffer state checksum", bytes(self.data[at:at + BLOCK - 32]),
            bytes(self.data[at + BLOCK:at + BLOCK + self.box]))
        return bytes(self.data)


class JournalFile:
    """journal-0: its header and the places of its batches."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.batches = [at for at in range(BLOCK, len(data), 8)
                        if data[at:at + 4] == BATCH_MAGIC]

    def size(self, at):
        payload = struct.unpack_from("<I", self.data, at + 6)[0]
        return (146 + payload + 7) // 8 * 8, payload

    def mend_header(self):
        self.data[BLOCK - 32:BLOCK] = coffer_hash(
            "coffer journal file", bytes(self.data[:BLOCK - 32]))
        return bytes(self.data)

    def mend_batch(self, at):
        """The plain checksum of a changed batch; its MAC stays as it was."""
        payload = self.size(at)[1]
        vault = bytes(self.data[10:26])
        digest = coffer_hash("coffer journal batch", vault,
                             bytes(self.data[at:at + 82]),
                             bytes(self.data[at + 146:at + 146 + payload]))
        self.data[at + 82:at + 114] = coffer_hash(
            "coffer journal checksum", digest,
            bytes(self.data[at + 114:at + 146]))
        return bytes(self.data)


class Saved:
    """A vault that was killed, to be copied and spoilt."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="coffer-saved-")
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            self.links = [daemon.create(subject=f"customer {n}",
                                        bank_token=f"token {n}")
                          for n in range(6)]
            self.revoked = self.links.pop()
            assert daemon.call(
                "PUT", f"/v1/links/{self.revoked}/consent/revocation",
                {"reason": "USER_ACTION"}).status == 204
            daemon.kill("both")
            shutil.copytree(daemon.path("data"), self.dir + "/data")
            shutil.copy(daemon.path("key"), self.dir + "/key")


class RefuseTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.saved = Saved()
        cls.other = Saved()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.saved.dir)
        shutil.rmtree(cls.other.dir)

    def vault(self):
        """A daemon, not started, on a copy of the saved vault."""
        daemon = Daemon()
        self.addCleanup(daemon.close)
        shutil.copytree(self.saved.dir + "/data", daemon.path("data"))
        shutil.copy(self.saved.dir + "/key", daemon.path("key"))
        return daemon

    def read(self, daemon, name):
        with open(daemon.path("data/" + name), "rb") as file:
            return file.read()

    def write(self, daemon, name, data):
        with open(daemon.path("data/" + name), "wb") as file:
            file.write(data)

    def refused(self, daemon, *words):
        code, log = daemon.refuses_to_start()
        self.assertEqual(code, 1, log)
        for word in words:
            self.assertIn(word, log)
        # The keeper is gone too, and nobody listens.
        self.assertFalse(daemon.answers())

    def spoilt(self, name, data, *words):
        daemon = self.vault()
        self.write(daemon, name, data)
        self.refused(daemon, os.path.basename(name), *words)
        self.assertEqual(self.read(daemon, name), data, "it was changed")

    def whole(self, daemon, links=None):
        """Every acknowledged write of the saved vault is there."""
        for number, link in enumerate(links or self.saved.links):
            answer = daemon.redeem(daemon.token(link))
            self.assertEqual(answer.json["bank_token"], f"token {number}")
        self.assertEqual(daemon.issue(self.saved.revoked).status, 403)

    def error_state(self, daemon, *words):
        """It starts; the unseal finds it out; nothing is served."""
        daemon.start()
        done = daemon.coffer("unseal", "--key-file", daemon.path("key"),
                             check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        status = daemon.coffer("status", check=False)
        self.assertEqual(status.returncode, 1)
        for word in words:
            self.assertIn(word, status.stdout)
        for monitor in (False, True):
            health = daemon.call("GET", "/v1/health", monitor=monitor)
            self.assertEqual((health.status, health.json["status"]),
                             (503, "error"))
        self.assertEqual(daemon.issue(self.saved.links[0]).status, 503)
        # It stays so.
        self.assertEqual(daemon.coffer(
            "unseal", "--key-file", daemon.path("key"),
            check=False).returncode, 1)
        daemon.stop()

    def test_the_saved_vault_itself_is_good(self):
        daemon = self.vault()
        daemon.start()
        daemon.unseal()
        self.whole(daemon)

    # --- keeper.state --------------------------------------------------------
    def test_state_file_with_a_flipped_byte(self):
        state = StateFile(self.read(self.vault(), STATE))
        for place in (state.at + 30, state.at + BLOCK - 1,
                      state.at + BLOCK + state.box // 2):
            data = bytearray(state.data)
            data[place] ^= 1
            self.spoilt(STATE, bytes(data), "damaged", "restore")

    def test_foreign_and_newer_state_file(self):
        self.spoilt(STATE, b"a letter to my bank\n" * 1000, "not a state file",
                    "restore")
        state = StateFile(self.read(self.vault(), STATE))
        state.data[state.at + 8] = 2
        self.spoilt(STATE, state.mend(), "newer coffer", "use that version")

    def test_cut_state_file(self):
        state = StateFile(self.read(self.vault(), STATE))
        cut = bytes(state.data[:state.at + BLOCK + state.box // 2])
        self.spoilt(STATE, cut, "damaged", "restore")

    def test_missing_state_file_beside_a_journal(self):
        daemon = self.vault()
        os.remove(daemon.path("data/" + STATE))
        self.refused(daemon, "journal-0", "keeper.state is empty", "restore")

    def test_forged_state_file_is_found_at_unseal(self):
        state = StateFile(self.read(self.vault(), STATE))
        state.data[state.at + BLOCK + 100] ^= 1
        daemon = self.vault()
        self.write(daemon, STATE, state.mend())
        self.error_state(daemon, "keeper.state", "not authentic", "restore")
        # With the right file it goes on.
        shutil.copy(f"{self.saved.dir}/data/{STATE}",
                    daemon.path("data/" + STATE))
        daemon.start()
        daemon.unseal()
        self.whole(daemon)

    def test_state_file_of_another_vault(self):
        daemon = self.vault()
        shutil.copy(f"{self.other.dir}/data/{STATE}",
                    daemon.path("data/" + STATE))
        self.refused(daemon, "journal-0", "another vault", "restore")

    # --- The journal ---------------------------------------------------------
    def test_journal_with_a_damaged_batch_before_its_end(self):
        journal = JournalFile(self.read(self.vault(), JOURNAL))
        for offset in (0, 6, 90, 150):
            data = bytearray(journal.data)
            data[journal.batches[-3] + offset] ^= 4
            self.spoilt(JOURNAL, bytes(data), "damaged", "restore")

    def test_foreign_newer_damaged_and_other_journal(self):
        self.spoilt(JOURNAL, b"another file" * 9999, "not a journal",
                    "restore")
        data = self.read(self.vault(), JOURNAL)
        for place, value, mend, words in (
                (8, 2, True, ("newer coffer", "use that version")),
                (12, data[12] ^ 1, True, ("another vault", "restore")),
                (100, 1, False, ("damaged", "restore"))):
            journal = JournalFile(data)
            journal.data[place] = value
            self.spoilt(JOURNAL, journal.mend_header() if mend
                        else bytes(journal.data), *words)

    def test_missing_journal(self):
        for name in ("keeper/journal-0", "keeper/journal-1"):
            daemon = self.vault()
            os.remove(daemon.path("data/" + name))
            self.refused(daemon, os.path.basename(name), "restore")

    def test_journal_cut_below_the_state(self):
        journal = JournalFile(self.read(self.vault(), JOURNAL))
        self.spoilt(JOURNAL, bytes(journal.data[:BLOCK + 8]), "ends before",
                    "restore")

    def test_forged_batch_is_found_at_unseal(self):
        journal = JournalFile(self.read(self.vault(), JOURNAL))
        at = journal.batches[-1]
        # In a leaf's time, so that the batch is well-formed all the same.
        journal.data[at + 146 + 3 + 12] ^= 1
        daemon = self.vault()
        self.write(daemon, JOURNAL, journal.mend_batch(at))
        self.error_state(daemon, "journal", "not authentic")

    def test_torn_tail_is_cut_and_acknowledged_data_stays(self):
        journal = JournalFile(self.read(self.vault(), JOURNAL))
        last = journal.batches[-1]
        size = journal.size(last)[0]
        torn = bytearray(journal.data[last:last + size])
        sequence = struct.unpack_from("<Q", torn, 18)[0]
        struct.pack_into("<Q", torn, 18, sequence + 1)
        tails = (bytes(torn[:100]), bytes(torn), os.urandom(3000),
                 BATCH_MAGIC + os.urandom(60))
        for tail in tails:
            data = bytearray(journal.data)
            data[last + size:last + size + len(tail)] = tail
            daemon = self.vault()
            self.write(daemon, JOURNAL, bytes(data))
            daemon.start()
            daemon.unseal()
            self.whole(daemon)
            daemon.create()
            daemon.restart()
            self.whole(daemon)
            self.assertEqual(daemon.stop(), 0)

    # --- The store -----------------------------------------------------------
    def test_foreign_newer_and_damaged_store(self):
        data = self.read(self.vault(), STORE)
        self.spoilt(STORE, os.urandom(len(data)), "not a store of coffer's",
                    "restore")
        self.spoilt(STORE, data[:6000], "damaged", "restore")
        other_lmdb = bytearray(data)
        for meta in (0, 4096):
            other_lmdb[meta + 20] = 2
        self.spoilt(STORE, bytes(other_lmdb), "another version of LMDB", "use")
        at = data.rindex(b"format\x03")
        newer = bytearray(data)
        newer[at + 6] = 4
        self.spoilt(STORE, bytes(newer), "newer coffer", "update")
        for place in (0, 4096):
            spoilt = bytearray(data)
            spoilt[place:place + 200] = os.urandom(200)
            self.spoilt(STORE, bytes(spoilt), "damaged", "restore")

    def test_missing_store_is_not_replaced_by_an_empty_one(self):
        daemon = self.vault()
        for _ in range(2):
            shutil.rmtree(daemon.path("data/store"), ignore_errors=True)
            self.refused(daemon, "data.mdb", "missing", "restore")
        shutil.copytree(self.saved.dir + "/data/store",
                        daemon.path("data/store"), dirs_exist_ok=True)
        daemon.start()
        daemon.unseal()
        self.whole(daemon)

    def test_noise_for_pages_never_ends_badly(self):
        """Refused at start, or each read says so; never a crash or a wrong
        bank token. LMDB has no checksums: noise can look like a table without
        the link, so "not found" may be said too, and is counted."""
        data = self.read(self.vault(), STORE)
        absent = 0
        for first, last in ((2, 6), (6, 10), (10, len(data) // 4096)):
            spoilt = bytearray(data)
            spoilt[first * 4096:last * 4096] = os.urandom(
                (last - first) * 4096)
            daemon = self.vault()
            self.write(daemon, STORE, bytes(spoilt))
            daemon.launch()
            end = time.monotonic() + 20
            while (daemon.process.poll() is None and not daemon.answers()
                   and time.monotonic() < end):
                time.sleep(0.02)
            if daemon.process.poll() is not None:
                self.assertEqual(daemon.process.returncode, 1, daemon.log())
                self.assertIn("data.mdb", daemon.log())
                continue
            daemon.unseal()
            for number, link in enumerate(self.saved.links):
                issued = daemon.issue(link)
                if issued.status == 200:
                    token = issued.json["access_token"]
                    self.assertEqual(daemon.redeem(token).json["bank_token"],
                                     f"token {number}")
                    continue
                absent += issued.status == 404
                self.assertIn(issued.status, (404, 500, 503), issued)
            self.assertIn(daemon.issue(self.saved.revoked).status,
                          (403, 404, 500, 503))
            self.assertEqual(daemon.stop(), 0)
        print(f"pages of noise: {absent} links were told as not found")

    def test_store_of_another_vault(self):
        daemon = self.vault()
        for name in os.listdir(daemon.path("data/store")):
            os.remove(daemon.path("data/store/" + name))
        shutil.copy(f"{self.other.dir}/data/{STORE}",
                    daemon.path("data/" + STORE))
        self.refused(daemon, "the store", "another vault", "restore")

    # --- Configuration and policy --------------------------------------------
    def test_faulty_configuration_names_file_and_line(self):
        daemon = Daemon()
        self.addCleanup(daemon.close)
        with open(daemon.path("coffer.toml"), encoding="utf-8") as file:
            good = file.read()
        for bad, words in (
                (good + "[sockets\n", (":7", )),
                (good + "[unheard_of]\nx = 1\n", (":7", "unheard_of")),
                (good.replace("data_dir", "data_directory"),
                 (":1", "data_directory")),
                (good.replace('"0600"', '"0606"'), (":5", )),
                (good.replace('"0666"', "438"), (":4", )),
                ("\0\xff", ("coffer.toml", ))):
            daemon.write("coffer.toml", bad)
            with self.subTest(bad=bad[-40:]):
                self.refused(daemon, "coffer.toml", *words)
                check = subprocess.run(
                    [os.path.join(BIN, "cofferd"), "--check-config",
                     "--config", daemon.path("coffer.toml")],
                    capture_output=True, text=True, check=False)
                self.assertEqual(check.returncode, 1)
                done = daemon.coffer("status", check=False)
                self.assertIn(done.returncode, (1, 2))
                self.assertIn("coffer.toml", done.stderr)
        os.remove(daemon.path("coffer.toml"))
        self.refused(daemon, "coffer.toml", "No such file")

    def test_faulty_policy_is_refused_by_init_with_its_line(self):
        daemon = Daemon()
        self.addCleanup(daemon.close)
        daemon.start()
        with open(daemon.path("policy.toml"), encoding="utf-8") as file:
            good = file.read()
        for bad, words in (("\nnonsense\n" + good, (":2", )),
                           (good + "\n[callers.x]\nuid = 7\nfoo = 1\n",
                            ("foo", )),
                           (good + '\n[callers.x]\nuid = 7\nredeem = '
                            '["advertising"]\n', ("advertising", ))):
            daemon.write("policy.toml", bad)
            done = daemon.coffer("init", "--seal", "keyfile", "--key-file",
                                 daemon.path("key"), check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            for word in ("policy.toml:",) + words:
                self.assertIn(word, done.stderr)
            self.assertFalse(os.path.exists(daemon.path("key")))
            self.assertEqual(daemon.call("GET", "/v1/health").json["status"],
                             "uninitialised")

    @unittest.skipIf(os.getuid() != 0, "[users] is for root")
    def test_unknown_user_is_refused_by_name(self):
        for users in (("nobody-of-this-name", "bin"),
                      ("daemon", "nobody-of-this-name")):
            daemon = Daemon(users=users)
            self.addCleanup(daemon.close)
            self.refused(daemon, "nobody-of-this-name", "no such user")
        daemon = Daemon(users=("daemon", "daemon"))
        self.addCleanup(daemon.close)
        self.refused(daemon, "one user")

    # --- Two daemons, dead and live sockets ----------------------------------
    def test_second_daemon_on_one_folder_is_refused(self):
        first = self.vault()
        first.start()
        first.unseal()
        with open(first.path("coffer.toml"), encoding="utf-8") as file:
            text = file.read()
        second = Daemon()
        self.addCleanup(second.close)
        second.write("coffer.toml", text.replace(first.dir + "/run",
                                                 second.dir + "/run"))
        self.refused(second, first.path("data"), "in use by another cofferd",
                     "stop it first")
        self.whole(first)

    def test_live_sockets_are_refused_and_stay(self):
        first = self.vault()
        first.start()
        first.unseal()
        for name in ("coffer", "operator", "monitor"):
            second = Daemon()
            self.addCleanup(second.close)
            with open(second.path("coffer.toml"), encoding="utf-8") as file:
                text = file.read()
            path = f"/run/{name}.sock"
            second.write("coffer.toml", text.replace(second.dir + path,
                                                     first.dir + path))
            code, log = second.refuses_to_start()
            self.assertEqual(code, 1, log)
            self.assertIn(first.dir + path, log)
            self.assertIn("stop it", log)
        self.whole(first)

    def test_dead_sockets_are_replaced_and_other_files_are_not(self):
        daemon = self.vault()
        os.makedirs(daemon.path("run"))
        for path in (daemon.caller_socket, daemon.monitor_socket):
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
        daemon.start()
        daemon.unseal()
        self.whole(daemon)
        self.assertEqual(daemon.stop(), 0)
        self.assertTrue(os.path.exists(daemon.caller_socket))
        os.remove(daemon.operator_socket)
        daemon.write("run/operator.sock", "a plain file")
        self.refused(daemon, "operator.sock")
        with open(daemon.operator_socket, encoding="utf-8") as file:
            self.assertEqual(file.read(), "a plain file")


if __name__ == "__main__":
    coffer_daemon.main()
