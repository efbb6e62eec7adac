"""Marked secrets go through every path; then nothing outside memory has them.

Looked at: every file of the data directory, the log, errors, audit entries,
metrics, status, what the command line printed, the arguments and environment of
the three programs while they run, and core dumps, of which there must be none.
"""

import base64
import json
import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import coffer_daemon
from coffer_daemon import BIN, Daemon, ask, consent, link_body


class Canaries:
    """Named secrets and the forms in which they could lie about."""

    def __init__(self):
        self.forms = {}

    def make(self, name):
        text = f"canary-{secrets.token_hex(12)}"
        self.add(name, text.encode(), text[7:].encode())
        return text

    def add(self, name, whole, *parts):
        """`parts`: what is unique enough to be looked for by itself."""
        forms = {"hex": whole.hex().encode(),
                 "percent": "".join(f"%{b:02X}" for b in whole).encode(),
                 "utf-16": b"".join(bytes((b, 0)) for b in whole)}
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + whole)
            # Without the characters that depend on what stands beside it.
            coded = coded[4 if shift else 0:len(whole) // 3 * 4]
            forms[f"base64+{shift}"] = coded
            forms[f"base64url+{shift}"] = coded.translate(
                bytes.maketrans(b"+/", b"-_"))
        for number, part in enumerate(parts or (whole,)):
            forms[f"plain {number}"] = part
        self.forms[name] = forms

    def hits(self, data, names=None):
        return [f"{name} ({form})" for name, forms in self.forms.items()
                if names is None or name in names
                for form, needle in forms.items() if needle in data]


def parts_of(data, size=12):
    """First, middle and last bytes, for what is random all over."""
    middle = len(data) // 2
    return data[:size], data[middle:middle + size], data[-size:]


def without_empty_room(data):
    """Reserved room is most of the files, and has nothing to be searched."""
    empty = bytes(4096)
    blocks = (data[at:at + 4096] for at in range(0, len(data), 4096))
    return b"".join(block for block in blocks
                    if block != empty[:len(block)])


def process_texts(pid):
    """What any user may read of a process, and what root may."""
    found = {}
    for name in ("cmdline", "environ", "comm", "status"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                found[f"/proc/{pid}/{name}"] = file.read()
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            pass
    return found


class CanaryTest(unittest.TestCase):
    def setUp(self):
        self.canaries = Canaries()
        self.texts = {}   # where -> bytes
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)
        self.passphrase = self.canaries.make("passphrase")
        self.daemon.write("passphrase", self.passphrase + "\n", 0o600)

    def note(self, where, data):
        """Keeps what a program said, to be searched."""
        data = data.encode() if isinstance(data, str) else data
        self.texts[where] = self.texts.get(where, b"") + data

    def coffer(self, *arguments, stdin=None, secret_output=False):
        done = self.daemon.coffer(*arguments, check=False, stdin=stdin)
        where = "coffer " + " ".join(arguments[:2])
        self.note(where + " (error)", done.stderr)
        if not secret_output:
            self.note(where, done.stdout)
        return done

    def call(self, *request, headers=None):
        """A request whose answer must not repeat what was sent."""
        answer = self.daemon.call(*request, headers=headers)
        self.note(f"answer of {request[0]} {request[1].split('?')[0][:20]}",
                  answer.body + str(answer.headers).encode())
        return answer

    def test_marked_secrets_are_nowhere(self):
        self.daemon.start()
        self.unseal_paths()
        link, token = self.http_paths()
        self.refused_requests(link, token)
        self.malformed_requests()
        self.command_line_paths()
        self.key_file_paths()
        self.look_at_processes()
        self.outputs()
        self.assertEqual(self.daemon.stop(), 0)
        hits = self.search()
        self.assertEqual(hits, [])
        self.plant()
        print(f"{len(self.canaries.forms)} secrets in "
              f"{sum(map(len, self.canaries.forms.values()))} forms, "
              f"{len(self.texts)} texts and the data directory: 0 hits; "
              "planted ones found")

    # --- Paths ---------------------------------------------------------------
    def unseal_paths(self):
        wrong = self.daemon.write("wrong", self.canaries.make(
            "wrong passphrase") + "\n", 0o600)
        right = self.daemon.path("passphrase")
        init = ("init", "--seal", "passphrase", "--passphrase-file")
        self.assertEqual(self.coffer(*init, right).returncode, 0)
        self.assertEqual(self.coffer(*init, wrong).returncode, 1)
        self.assertEqual(self.coffer("--yes", "seal").returncode, 0)
        unseal = ("unseal", "--passphrase-file")
        self.assertEqual(self.coffer(*unseal, wrong).returncode, 1)
        self.assertEqual(self.coffer(*unseal, right).returncode, 0)

    def body(self, **changes):
        body = link_body(
            subject=self.canaries.make(f"subject {len(self.canaries.forms)}"),
            bank_token=self.canaries.make(f"bank token "
                                          f"{len(self.canaries.forms)}"),
            consent=consent(consentId=self.canaries.make(
                f"consentId {len(self.canaries.forms)}")))
        body.update(changes)
        return body

    def key(self):
        return {"Idempotency-Key": self.canaries.make(
            f"idempotency key {len(self.canaries.forms)}")}

    def http_paths(self):
        """Every route with good requests; their answers may say secrets."""
        body, key = self.body(), self.key()
        link = self.call("POST", "/v1/links", body, headers=key).json["link"]
        self.call("POST", "/v1/links", body, headers=key)
        self.daemon.call("GET", f"/v1/links/{link}")
        self.daemon.call("GET", f"/v1/links?subject={body['subject']}")
        second = self.canaries.make("second bank token")
        answer = self.call("PUT", f"/v1/links/{link}/bank_token",
                           {"bank_token": second}, headers={"If-Match": '"1"'})
        self.assertEqual(answer.status, 200)
        answer = self.call("PUT", f"/v1/links/{link}/consent", consent(
            consentId=self.canaries.make("second consentId")),
            headers={"If-Match": '"2"'})
        self.assertEqual(answer.status, 200)
        for token_format in ("local", "public"):
            token = self.token(link, token_format)
            self.assertEqual(self.daemon.redeem(token).json["bank_token"],
                             second)
            self.daemon.call("POST", "/v1/introspect", {"token": token})
            self.call("POST", "/v1/revoke", {"token": token})
        large = self.canaries.make("large bank token") * 300
        self.call("POST", "/v1/links", self.body(bank_token=large))
        gone = self.body()
        self.call("POST", "/v1/links", gone)
        self.call("DELETE", f"/v1/subjects/{gone['subject']}")
        revoked = self.daemon.call("POST", "/v1/links",
                                   self.body()).json["link"]
        self.call("PUT", f"/v1/links/{revoked}/consent/revocation",
                  {"reason": "USER_ACTION"})
        self.call("DELETE", f"/v1/links/{revoked}")
        return link, self.token(link, "local")

    def token(self, link, token_format):
        token = self.daemon.token(link, token_format=token_format)
        payload = token.split(".")[2].encode()
        self.canaries.add(f"{token_format} token {len(self.canaries.forms)}",
                          payload, *parts_of(payload, 24)[1:])
        return token

    def refused_requests(self, link, token):
        body, key = self.body(), self.key()
        self.call("POST", "/v1/links", body, headers=key)
        for changes in ({"institution": "unknown"}, {"extra": body["subject"]},
                        {"subject": body["subject"] * 20},
                        {"bank_token": body["bank_token"] * 1000},
                        {"consent": consent(
                            consentId=self.canaries.make("refused consentId"),
                            purposes=["advertising"])},
                        {"consent": self.canaries.make("not a consent")},
                        {"institution": self.canaries.make("institution")}):
            self.assertGreaterEqual(
                self.call("POST", "/v1/links", {**body, **changes}).status, 400)
        conflict = self.call("POST", "/v1/links", self.body(), headers=key)
        self.assertEqual(conflict.status, 409)
        bad_key = {"Idempotency-Key": self.canaries.make("long key") * 9}
        self.call("POST", "/v1/links", body, headers=bad_key)
        late = {"bank_token": self.canaries.make("late bank token")}
        for headers in ({"If-Match": '"99"'}, {"If-Match": body["subject"]},
                        {}):
            self.call("PUT", f"/v1/links/{link}/bank_token", late,
                      headers=headers)
        for shown in (token[:-3], token + body["subject"], body["bank_token"],
                      "v4.public." + token[9:]):
            self.call("POST", "/v1/redeem", {"token": shown})
            self.call("POST", "/v1/introspect", {"token": shown})
            self.call("POST", "/v1/revoke", {"token": shown})
            self.call("POST", "/v1/token", {"link": shown})
        self.call("POST", "/v1/token", {
            "link": link, "purpose": self.canaries.make("purpose"),
            "audience": self.canaries.make("audience"),
            "scope": self.canaries.make("scope")})
        self.call("POST", "/v1/redeem", {"token": token, "also": token})

    def malformed_requests(self):
        for name, text in (
                ("path", "GET /v1/links/{} HTTP/1.1\r\nHost: x\r\n\r\n"),
                ("query", "GET /v1/links?{} HTTP/1.1\r\nHost: x\r\n\r\n"),
                ("method", "{} /v1/links HTTP/1.1\r\nHost: x\r\n\r\n"),
                ("version", "GET /v1/keys {}\r\nHost: x\r\n\r\n"),
                ("header", "GET /v1/keys HTTP/1.1\r\n{} x\r\n\r\n"),
                ("chunked body", "POST /v1/token HTTP/1.1\r\nHost: x\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n18\r\n{}\r\n0\r\n\r\n"),
                ("body that is no JSON", "POST /v1/links HTTP/1.1\r\nHost: x"
                 "\r\nContent-Type: application/json\r\nContent-Length: 31"
                 "\r\n\r\n{}"),
                ("body cut short", "POST /v1/links HTTP/1.1\r\nHost: x\r\n"
                 "Content-Type: application/json\r\nContent-Length: 90\r\n\r\n"
                 '{{"bank_token":"{}')):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(10)
                sock.connect(self.daemon.caller_socket)
                sock.sendall(text.format(self.canaries.make(name)).encode())
                sock.shutdown(socket.SHUT_WR)
                while piece := sock.recv(65536):
                    self.note("answer of a malformed request", piece)

    def command_line_paths(self):
        token_file = self.daemon.write("t", self.canaries.make(
            "bank token of the command line") + "\n", 0o600)
        consent_file = self.daemon.write("c", json.dumps(consent(
            consentId=self.canaries.make("consentId of the command line"))))
        add = ["link", "add", "--institution", "citi", "--subject", "plain",
               "--consent", consent_file, "--bank-token-file"]
        self.assertEqual(self.coffer(*add, token_file).returncode, 0)
        link = self.daemon.coffer(
            "--json", "link", "list", "--subject", "plain").stdout
        link = json.loads(link)["links"][0]["link"]
        self.coffer("link", "token", link, "--bank-token-file", "-",
                    stdin=self.canaries.make("bank token of standard input"))
        self.coffer("link", "token", link, "--if-match", "77",
                    "--bank-token-file", token_file)
        access = self.daemon.write("a", self.token(link, "local"), 0o600)
        for verb in ("redeem", "introspect", "revoke"):
            self.coffer("token", verb, "--token-file", access,
                        secret_output=True)
        self.coffer("token", "redeem", "--token-file", access)  # dead by now
        self.coffer("token", "redeem", "--token-file", token_file)
        bad = self.daemon.write("bad", self.canaries.make("a faulty consent"))
        add[add.index(consent_file)] = bad
        self.coffer(*add, token_file)
        lines = [json.dumps(self.body()) for _ in range(5)]
        lines[2] = lines[2].replace('"citi"', '"unknown"')
        lines[3] = lines[3][:60]
        self.coffer("link", "import",
                    self.daemon.write("lines", "\n".join(lines), 0o600))
        for name in ("lines.done", "lines.rejected"):
            with open(self.daemon.path(name), "rb") as file:
                self.note(name, file.read())
        # A secret where none is taken: refused, and not said again.
        for option in ("--passphrase", "--bank-token", "--token"):
            done = self.coffer("unseal", option,
                               self.canaries.make(option[2:] + " as argument"))
            self.assertEqual(done.returncode, 2)
        faulty = self.daemon.write("faulty.toml", "x = '" + self.canaries.make(
            "something in a configuration"))
        self.coffer("--config", faulty, "status")
        self.coffer("policy", "check", faulty)

    def key_file_paths(self):
        """A second vault, whose slot is a key file."""
        with Daemon() as other:
            other.start_operational(key_file=True)
            with open(other.path("key"), "rb") as file:
                key = file.read()
            self.canaries.add("key file", key, *parts_of(key, 8))
            other.coffer("--yes", "seal")
            short = other.write("short", "too short", 0o600)
            done = other.coffer("unseal", "--key-file", short, check=False)
            self.note("unseal with a short key file", done.stderr)
            other.unseal()
            other.stop()
            self.note("log of the other vault", other.log())
            shutil.copytree(other.path("data"), self.daemon.path("data/other"))

    def look_at_processes(self):
        """The three programs as they run; the command line waits for input."""
        token = self.canaries.make("bank token while it runs")
        process = subprocess.Popen(
            [os.path.join(BIN, "coffer"), "--config",
             self.daemon.path("coffer.toml"), "link", "add", "--institution",
             "citi", "--subject", "plain", "--consent", self.daemon.path("c"),
             "--bank-token-file", "-"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(token.encode())
        process.stdin.flush()
        time.sleep(0.3)
        for pid in (self.daemon.process.pid, self.daemon.keeper_pid(),
                    process.pid):
            found = process_texts(pid)
            self.assertIn(f"/proc/{pid}/cmdline", found)
            self.texts.update(found)
        for text in process.communicate(timeout=20):
            self.note("coffer link add, waiting", text)
        self.assertEqual(process.returncode, 0)

    def outputs(self):
        self.coffer("audit", "tail", "--from", "0")
        self.coffer("--json", "audit", "tail", "--from", "0")
        self.assertIn(b"token.issue", self.texts["coffer audit tail"])
        for verb in ("status", "doctor", "selftest"):
            self.coffer(verb)
            self.coffer("--json", verb)
        for target in ("/metrics", "/v1/status", "/v1/health", "/checkpoint"):
            self.note(target, self.daemon.call("GET", target,
                                               monitor=True).body)
        self.note("log", self.daemon.log())

    # --- Search --------------------------------------------------------------
    def search(self):
        """Every place with a secret in it."""
        hits = []
        self.texts["log"] = self.daemon.log().encode()
        for where, data in self.texts.items():
            hits += [f"{where}: {hit}" for hit in self.canaries.hits(data)]
        files = 0
        for folder, _, names in os.walk(self.daemon.path("data")):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    hits += [f"{path}: {hit}"
                             for hit in self.canaries.hits(
                                 without_empty_room(file.read()))]
                files += 1
        self.assertGreater(files, 6)
        return hits

    def plant(self):
        """The negative control: one planted secret each is found."""
        name = sorted(self.canaries.forms)[0]
        for form, needle in self.canaries.forms[name].items():
            place = self.daemon.path("data/store/planted")
            with open(place, "wb") as file:
                file.write(secrets.token_bytes(5000) + needle + b"x" * 50)
            self.assertTrue(
                any(f"planted: {name} ({form})" in hit
                    for hit in self.search()), form)
            os.remove(place)
        self.note("an error", b"could not find " + next(
            iter(self.canaries.forms["key file"].values())))
        self.assertEqual(len(self.search()), 1)


class DumpTest(unittest.TestCase):
    """No core dumps, and no look into the memory."""

    def start(self, folder):
        """With core dumps allowed, as far as the machine allows them."""
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]

        def allow():
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
            os.chdir(folder)
        daemon = Daemon()
        self.addCleanup(daemon.close)
        daemon.start(preexec_fn=allow)
        daemon.coffer("init", "--seal", "keyfile", "--key-file",
                      daemon.path("key"))
        return daemon, allow

    def test_no_core_dump_of_gate_or_keeper(self):
        with tempfile.TemporaryDirectory(prefix="coffer-core-") as folder:
            os.chmod(folder, 0o777)
            for which in ("keeper", "gate"):
                daemon, allow = self.start(folder)
                pid = (daemon.process.pid if which == "gate"
                       else daemon.keeper_pid())
                os.kill(pid, signal.SIGSEGV)
                end = time.monotonic() + 10
                status = 0
                while status == 0 and time.monotonic() < end:
                    # A fault that was sent may take a second one to act.
                    if coffer_daemon.runs(pid):
                        os.kill(pid, signal.SIGSEGV)
                    _, status = os.waitpid(daemon.process.pid, os.WNOHANG)
                    time.sleep(0.02)
                self.assertNotEqual(status, 0, f"{which} survives SIGSEGV")
                daemon.process.returncode = -1
                self.assertFalse(os.WCOREDUMP(status), which)
                self.assertEqual(os.listdir(folder), [], which)
                with open("/proc/sys/kernel/core_pattern", "rb") as file:
                    pattern = file.read()
                if not pattern.startswith(b"|"):
                    for root, _, names in os.walk(daemon.dir):
                        for name in names:
                            self.assertFalse(name.startswith("core"),
                                             f"{root}/{name}")
            self.control(allow)

    def control(self, allow):
        """The negative control: another program does leave a core here."""
        with subprocess.Popen(["sleep", "60"], preexec_fn=allow) as process:
            time.sleep(0.1)
            process.send_signal(signal.SIGSEGV)
            _, status = os.waitpid(process.pid, 0)
            process.returncode = -1
        said = ("does" if os.WCOREDUMP(status)
                else "does not: cores are off for the whole machine")
        print(f"core dumps: none; another program's {said}")

    def test_memory_cannot_be_read_by_others(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            pids = {"gate": daemon.process.pid, "keeper": daemon.keeper_pid()}
            reader = "import sys; open(sys.argv[1], 'rb').read(1)"
            for name, pid in pids.items():
                command = ["python3", "-c", reader, f"/proc/{pid}/mem"]
                if os.getuid() == 0:
                    # Even as the user of the process, only without rights.
                    command = ["setpriv", "--reuid=20004", "--regid=20004",
                               "--clear-groups", "--bounding-set=-all",
                               "--inh-caps=-all", *command]
                done = subprocess.run(command, capture_output=True, text=True,
                                      check=False)
                self.assertIn("Permission", done.stderr, name)
                with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                    self.assertIn("CoreDumping:\t0", file.read())
            if os.getuid() != 0:
                print("/proc/PID/mem: refused to the processes' own user")
                return
            for name, pid in pids.items():
                can = "open"
                try:
                    with open(f"/proc/{pid}/mem", "rb") as file:
                        file.seek(self.first_address(pid))
                        can = f"read ({len(file.read(16))} bytes)"
                except OSError as error:
                    can = f"not read ({error.strerror})"
                print(f"/proc/PID/mem of the {name}: refused to another user; "
                      f"root can {can}, as the threat model says")

    def first_address(self, pid):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            return int(file.readline().split("-")[0], 16)


if __name__ == "__main__":
    coffer_daemon.main()
