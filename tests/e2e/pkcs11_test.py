"""A PKCS#11 seal slot on SoftHSM2: made and used through the CLI, opening a
restarted daemon by itself; every trouble a device can make is told apart,
fails closed, and leaves the other slots; and no process but the short-lived
helper ever maps the module."""

import contextlib
import os
import pwd
import shutil
import subprocess
import threading
import time
import unittest

import coffer_daemon
from coffer_daemon import BIN, Daemon, skip

STAND_IN = os.environ.get("COFFER_PKCS11_STAND_IN", "")
SOFTHSM = next((path for path in (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so") if os.path.exists(path)), None)
PIN = "314159"
HELPER = os.path.join(BIN, "coffer-pkcs11")
(DONE, USAGE, MODULE, NO_TOKEN, WRONG_PIN, LOCKED, NO_KEY, EXTRACTABLE,
 TIMEOUT) = 0, 2, 10, 11, 12, 13, 14, 15, 16


def maps(pid):
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processes(name):
    """The ids of running programs of this name."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                if file.read().strip() == name[:15]:
                    found.append(int(pid))
    return found


def memory_has(pid, secret):
    """Whether any readable page of a process holds these bytes."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as ranges, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in ranges:
            place, rights = line.split()[:2]
            if not rights.startswith("r") or "[v" in line:
                continue
            start, end = (int(part, 16) for part in place.split("-"))
            tail = b""
            with contextlib.suppress(OSError, ValueError):
                memory.seek(start)
                while start < end:
                    piece = memory.read(min(1 << 20, end - start))
                    if not piece:
                        break
                    if secret in tail + piece:
                        return True
                    tail = piece[-len(secret):]
                    start += len(piece)
    return False


class Token:
    """A SoftHSM2 token in a folder, and the stand-in's commands."""

    def __init__(self, folder):
        self.folder = folder
        self.tokens = os.path.join(folder, "tokens")
        self.commands = os.path.join(folder, "commands")
        for path in (self.tokens, self.commands):
            os.makedirs(path)
        # Where it is this user's alone, whoever owns the build's folders.
        self.stand_in = os.path.join(folder, "stand-in.so")
        shutil.copyfile(STAND_IN, self.stand_in)
        os.chmod(self.stand_in, 0o755)
        conf = os.path.join(folder, "softhsm2.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"directories.tokendir = {self.tokens}\n"
                       "objectstore.backend = file\nlog.level = ERROR\n")
        self.environment = {**os.environ, "SOFTHSM2_CONF": conf,
                            "COFFER_TEST_PKCS11": SOFTHSM,
                            "COFFER_TEST_COMMANDS": self.commands}
        self.make("coffer")

    def make(self, label):
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label",
                        label, "--so-pin", "00000000", "--pin", PIN],
                       env=self.environment, check=True, capture_output=True)

    @contextlib.contextmanager
    def commanded(self, name):
        path = os.path.join(self.commands, name)
        with open(path, "w", encoding="utf-8"):
            pass
        try:
            yield
        finally:
            os.unlink(path)

    def ask(self, *words, pin=PIN, timeout=30):
        return subprocess.run([HELPER, *words], input=pin.encode(),
                              env=self.environment, capture_output=True,
                              timeout=timeout, check=False)


class Helper(unittest.TestCase):
    """coffer-pkcs11 by itself."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()  # never started: its folder
        cls.token = Token(cls.daemon.dir)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def fails(self, exit_code, text, *words, **options):
        done = self.token.ask(*words, **options)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        self.assertEqual(done.stdout, b"")
        self.assertIn(text, done.stderr.decode())
        self.assertEqual(done.stderr.count(b"\n"), 1)

    def test_one_key_makes_one_secret_and_another_another(self):
        made = self.token.ask("--make", SOFTHSM, "coffer", "one")
        self.assertEqual(made.returncode, DONE, made.stderr)
        self.assertEqual(len(made.stdout), 32)
        self.assertEqual(made.stderr, b"")
        for words, pin in ((("--make",), PIN), ((), PIN), ((), PIN + "\n")):
            again = self.token.ask(*words, SOFTHSM, "coffer", "one", pin=pin)
            self.assertEqual(again.stdout, made.stdout)
        other = self.token.ask("--make", SOFTHSM, "coffer", "two")
        self.assertEqual(len(other.stdout), 32)
        self.assertNotEqual(other.stdout, made.stdout)

    def test_every_trouble_has_a_line_and_an_exit_code(self):
        self.token.ask("--make", SOFTHSM, "coffer", "seal")
        self.fails(WRONG_PIN, "wrong PIN", SOFTHSM, "coffer", "seal",
                   pin="271828")
        self.fails(WRONG_PIN, "no PIN", SOFTHSM, "coffer", "seal", pin="")
        self.fails(USAGE, "too long", SOFTHSM, "coffer", "seal", pin="1" * 300)
        self.fails(NO_TOKEN, "no token", SOFTHSM, "coffe", "seal")
        self.fails(NO_TOKEN, "no token", SOFTHSM, "coffer2", "seal")
        self.fails(NO_KEY, "no secret key", SOFTHSM, "coffer", "missing")
        self.fails(USAGE, "usage", SOFTHSM, "coffer")
        self.fails(USAGE, "usage", "--make", SOFTHSM, "coffer", "seal", "x")
        for command, exit_code, text in (
                ("locked", LOCKED, "locked"),
                ("last-try", WRONG_PIN, "none is tried"),
                ("gone", NO_TOKEN, "is the device there"),
                ("extractable", EXTRACTABLE, "could leave the device")):
            with self.token.commanded(command):
                self.fails(exit_code, text, self.token.stand_in, "coffer",
                           "seal")
        with self.token.commanded("extractable"):
            self.fails(EXTRACTABLE, "could leave", "--make",
                       self.token.stand_in, "coffer", "seal")
        done = self.token.ask(self.token.stand_in, "coffer", "seal")
        self.assertEqual(done.returncode, DONE, done.stderr)

    def test_two_tokens_or_keys_of_one_label_are_not_guessed_at(self):
        for _ in range(2):
            self.token.make("twin")
        self.fails(NO_TOKEN, "several tokens", SOFTHSM, "twin", "seal")

    def test_only_a_module_that_nobody_else_can_write_is_loaded(self):
        folder = os.path.join(self.daemon.dir, "modules")
        os.mkdir(folder, 0o755)
        copy = os.path.join(folder, "module.so")
        subprocess.run(["cp", STAND_IN, copy], check=True)
        os.chmod(copy, 0o755)
        self.token.ask("--make", SOFTHSM, "coffer", "seal")
        done = self.token.ask(copy, "coffer", "seal")
        self.assertEqual(done.returncode, DONE, done.stderr)
        for path, mode in ((copy, 0o775), (copy, 0o757), (folder, 0o775),
                           (folder, 0o757)):
            os.chmod(path, mode)
            self.fails(MODULE, "this user alone", copy, "coffer", "seal")
            os.chmod(path, 0o755)
        if os.geteuid() == 0:
            os.chown(copy, 12345, 12345)
            self.fails(MODULE, "this user alone", copy, "coffer", "seal")
        self.fails(MODULE, "absolute", os.path.relpath(SOFTHSM), "coffer",
                   "seal")
        self.fails(MODULE, "not there", "/nowhere.so", "coffer", "seal")
        self.fails(MODULE, "cannot be loaded", "/bin/true", "coffer", "seal")
        self.fails(MODULE, "none of PKCS#11",
                   os.path.realpath("/lib/x86_64-linux-gnu/libm.so.6"),
                   "coffer", "seal")

    def test_a_device_that_does_not_answer_is_left_after_ten_seconds(self):
        with self.token.commanded("hold"):
            start = time.monotonic()
            self.fails(TIMEOUT, "did not answer", self.token.stand_in,
                       "coffer", "seal")
            self.assertLess(time.monotonic() - start, 15)


class SlotTest(unittest.TestCase):
    """Through coffer and cofferd."""

    def set_up(self, users=None):
        self.daemon = Daemon(users=users)
        self.token = Token(self.daemon.dir)
        self.daemon.write("pin", PIN + "\n", 0o600)
        with open(self.daemon.path("coffer.toml"), "a",
                  encoding="utf-8") as config:
            config.write(f'[unseal]\npkcs11_module = "{self.token.stand_in}"\n'
                         'pkcs11_token = "coffer"\npkcs11_key = "seal"\n'
                         f'pkcs11_pin_file = "{self.daemon.path("pin")}"\n')
        # The daemon and coffer find the token as their starters do.
        self.before = dict(os.environ)
        os.environ.update(self.token.environment)
        self.daemon.start()
        self.daemon.coffer("init", "--seal", "keyfile", "--key-file",
                           self.daemon.path("key"))
        self.daemon.coffer("slot", "add", "pkcs11")

        self.daemon.coffer("slot", "add", "pkcs11")

    def tearDown(self):
        os.environ.clear()
        os.environ.update(self.before)
        self.daemon.close()

    def restart(self):
        """What the start has written to the log."""
        self.assertEqual(self.daemon.stop(), 0, self.daemon.log())
        before = len(self.daemon.log())
        self.daemon.start()
        return self.daemon.log()[before:]

    def is_open(self):
        return self.daemon.status_code() == 0

    def own_token(self, user):
        """Gives the token's files to a user."""
        entry = pwd.getpwnam(user)
        for folder, _, names in os.walk(self.token.tokens):
            for path in [folder, *(os.path.join(folder, n) for n in names)]:
                os.chown(path, entry.pw_uid, entry.pw_gid)


@unittest.skipUnless(os.geteuid() == 0, "becomes other users: root")
class Users(SlotTest):
    def test_the_helper_runs_as_the_keepers_user(self):
        self.set_up(users=("daemon", "bin"))
        log = self.restart()  # the token's files are root's
        self.assertFalse(self.is_open(), log)
        self.own_token("daemon")
        self.restart()
        self.assertFalse(self.is_open())
        self.own_token("bin")
        log = self.restart()
        self.assertTrue(self.is_open(), log)


class Slot(SlotTest):
    def setUp(self):
        self.set_up()

    def stays_sealed(self, *texts):
        log = self.restart()
        self.assertFalse(self.is_open(), log)
        for text in texts:
            self.assertIn(text, log)
        self.assertIn("the vault stays sealed", log)
        # Another slot still opens it.
        self.daemon.coffer("unseal", "--key-file", self.daemon.path("key"))
        self.assertTrue(self.is_open())

    def test_opens_a_restarted_daemon_and_the_leaf_is_the_keepers(self):
        link = self.daemon.create()
        for _ in range(2):
            log = self.restart()
            self.assertTrue(self.is_open(), log)
            self.assertEqual(self.daemon.issue(link).status, 200)
        self.daemon.coffer("slot", "test", "2")
        self.daemon.kill()
        self.daemon.start()
        self.assertTrue(self.is_open())

    def test_a_wrong_or_missing_pin_leaves_the_vault_sealed(self):
        self.daemon.write("pin", "271828\n", 0o600)
        self.stays_sealed("coffer-pkcs11: wrong PIN", "exit code 12")
        os.unlink(self.daemon.path("pin"))
        log = self.restart()
        self.assertFalse(self.is_open())
        self.assertIn("unseal.pkcs11_pin_file", log)

    def test_a_locked_token_leaves_the_vault_sealed(self):
        with self.token.commanded("locked"):
            self.stays_sealed("coffer-pkcs11: the PIN is locked",
                              "exit code 13")
            done = self.daemon.coffer("slot", "test", "2", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("locked", done.stderr)
        self.restart()
        self.assertTrue(self.is_open())

    def test_a_token_that_is_gone_leaves_the_vault_sealed_and_shares_open(self):
        self.daemon.coffer("slot", "add", "shamir", "--shares", "5",
                           "--threshold", "3", "--shares-dir",
                           self.daemon.path("shares"))
        away = self.token.tokens + ".away"
        os.rename(self.token.tokens, away)
        os.mkdir(self.token.tokens)
        log = self.restart()
        self.assertFalse(self.is_open())
        self.assertIn("is the device there", log)
        self.assertIn("exit code 11", log)
        for number in (5, 1, 3):
            self.assertFalse(self.is_open())
            self.daemon.coffer("unseal", "--share-file",
                               self.daemon.path(f"shares/share-{number}"))
        self.assertTrue(self.is_open())
        os.rmdir(self.token.tokens)
        os.rename(away, self.token.tokens)
        self.restart()
        self.assertTrue(self.is_open())

    def test_another_tokens_secret_opens_no_slot(self):
        config = self.daemon.path("coffer.toml")
        with open(config, encoding="utf-8") as file:
            text = file.read()
        subprocess.run([HELPER, "--make", SOFTHSM, "coffer", "other"],
                       input=PIN.encode(), check=True, capture_output=True)
        self.daemon.write("coffer.toml", text.replace(
            'pkcs11_key = "seal"', 'pkcs11_key = "other"'))
        log = self.restart()
        self.assertFalse(self.is_open())
        self.assertIn("opens no key-file or PKCS#11 slot", log)
        self.daemon.coffer("unseal", "--key-file", self.daemon.path("key"))

    def module_maps(self, run):
        """Which processes map a module while `run` waits for the device."""
        names = (os.path.basename(self.token.stand_in), "libsofthsm2")
        with self.token.commanded("hold"):
            worker = threading.Thread(target=run)
            worker.start()
            end = time.monotonic() + 8
            helpers = []
            while time.monotonic() < end and not helpers:
                helpers = [pid for pid in processes("coffer-pkcs11")
                           if names[0] in maps(pid)]
                time.sleep(0.02)
            seen = {}
            for name in ("coffer-pkcs11", "coffer", "cofferd",
                         "coffer-keeper"):
                texts = [maps(pid) for pid in processes(name)]
                seen[name] = [any(each in text for each in names)
                              for text in texts if text]
        worker.join()
        return seen

    @unittest.skipUnless(os.geteuid() == 0, "reads the maps of others: root")
    def test_the_module_is_mapped_in_the_helper_alone(self):
        seen = self.module_maps(
            lambda: self.daemon.coffer("slot", "test", "2"))
        self.assertIn(True, seen["coffer-pkcs11"])  # the control
        for name in ("coffer", "cofferd", "coffer-keeper"):
            self.assertTrue(seen[name], name + " was not looked at")
            self.assertNotIn(True, seen[name], name)
        self.assertEqual(self.daemon.stop(), 0)
        seen = self.module_maps(self.daemon.start)
        self.assertIn(True, seen["coffer-pkcs11"])
        self.assertTrue(seen["cofferd"])
        self.assertNotIn(True, seen["cofferd"])
        self.assertTrue(self.is_open())
        # Short-lived: nothing of it is left, and nobody maps the module now.
        gate, keeper = self.daemon.process.pid, self.daemon.keeper_pid()
        for pid in (gate, keeper):
            self.assertTrue(maps(pid))
            self.assertNotIn("softhsm", maps(pid))
        helpers = processes("coffer-pkcs11")
        self.assertEqual([pid for pid in helpers if maps(pid)], [])

    @unittest.skipUnless(os.geteuid() == 0, "reads the memory of others: root")
    @unittest.skipIf("ASAN_OPTIONS" in os.environ,
                     "shadow memory cannot be walked")
    def test_neither_process_keeps_the_devices_secret(self):
        secret = self.token.ask(SOFTHSM, "coffer", "seal").stdout
        self.assertEqual(len(secret), 32)
        self.restart()
        self.assertTrue(self.is_open())
        gate, keeper = self.daemon.process.pid, self.daemon.keeper_pid()
        for pid, control in ((gate, b"pkcs11_pin_file"),
                             (keeper, b"coffer slot key")):
            self.assertTrue(memory_has(pid, control), control)
            self.assertFalse(memory_has(pid, secret[:16]))
            self.assertFalse(memory_has(pid, secret[16:]))


if __name__ == "__main__":
    if SOFTHSM is None:
        skip("SoftHSM2 is not installed: apt-get install softhsm2")
    if not STAND_IN:
        skip("COFFER_PKCS11_STAND_IN names no module")
    coffer_daemon.main()
