"""Starts the real programs in a temporary folder and talks to them.

For end-to-end tests only; standard library only. A Daemon owns its folder and
its processes and leaves nothing behind.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ.get("COFFER_BIN", "")
PASSPHRASE = "correct horse battery staple canary"
CALLER_UIDS = {"linker": 20001, "messenger": 20002, "connector": 20003,
               "stranger": 20004, "otherlinker": 20005}

POLICY = """
[purposes.balance_display]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
max_ttl = "5m"
[purposes.purchase_tracking]
data_clusters = ["ACCOUNT_BASIC", "TRANSACTIONS"]
max_ttl = "90s"
[purposes.advertising]
prohibited = true

[institutions.citi]
name = "Citi"
purposes = ["balance_display", "purchase_tracking"]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED", "TRANSACTIONS"]
[institutions.jpmorgan]
name = "JPMorgan Chase"
purposes = ["balance_display", "purchase_tracking"]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
[institutions.us_bancorp]
name = "U.S. Bancorp"
purposes = []
data_clusters = []
"""

# One uid for all rights, so that the tests run as any user.
ONE_CALLER = """
[callers.platform]
uid = {uid}
links = ["create", "read", "update", "erase", "update_bank_token"]
issue = [
  {{ purpose = "balance_display", audience = "platform" }},
  {{ purpose = "purchase_tracking", audience = "platform" }},
]
redeem = ["balance_display", "purchase_tracking"]
"""

# Several uids, as root.
MANY_CALLERS = """
[callers.linker]
uid = 20001
links = ["create", "read", "update", "erase"]
[callers.otherlinker]
uid = 20005
links = ["create", "read", "update", "erase"]
[callers.messenger]
uid = 20002
issue = [{ purpose = "balance_display", audience = "connector" }]
[callers.connector]
uid = 20003
redeem = ["balance_display"]
links = ["update_bank_token"]
"""


def skip(reason):
    """Ends the program so that ctest counts it as skipped."""
    print(f"skipped: {reason}")
    sys.exit(77)


def main():
    """Runs the calling file's tests."""
    if not BIN:
        sys.exit("COFFER_BIN names the programs' folder")
    unittest.main(module="__main__", verbosity=1)


def consent(**changes):
    """An FDX-shaped consent to balances at Citi, for 90 days."""
    body = {"consentId": "consent-canary-1", "purposes": ["balance_display"],
            "dataClusters": ["ACCOUNT_DETAILED"],
            "durationType": "TIME_BOUND", "durationPeriod": 90,
            "lookbackPeriod": 60}
    body.update(changes)
    return {key: value for key, value in body.items() if value is not None}


def link_body(**changes):
    body = {"institution": "citi", "subject": "cust-canary-7731",
            "bank_token": "bank-token-canary-1", "consent": consent()}
    body.update(changes)
    return {key: value for key, value in body.items() if value is not None}


class Answer:
    """One HTTP answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json.get("error")

    def __repr__(self):
        return f"Answer({self.status}, {self.body[:200]!r})"


def connect_unix(path, timeout=10):
    """A connected socket; waits while the listener's queue is full."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    end = time.monotonic() + timeout
    while True:
        try:
            sock.connect(path)
            return sock
        except OSError as error:
            if not isinstance(error, BlockingIOError) or (
                    time.monotonic() > end):
                sock.close()
                raise
            time.sleep(0.005)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = connect_unix(self.path, self.timeout)


def ask(connection, method, target, body=None, headers=None):
    """One request on an open connection."""
    headers = dict(headers or {})
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    connection.request(method, target, data, headers)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def runs(pid):
    """False once all its threads have ended, waited for or not. Until then it
    has its files open."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat",
                      encoding="utf-8") as file:
                if file.read().rpartition(")")[2].split()[0] not in "ZX":
                    return True
    except (FileNotFoundError, ProcessLookupError):
        pass
    return False


class Daemon:
    """cofferd on a config and policy of its own."""

    def __init__(self, policy=None, callers=None, users=None, keep_log=True):
        self.dir = tempfile.mkdtemp(prefix="coffer-e2e-")
        os.chmod(self.dir, 0o755)
        self.process = None
        self.log_path = os.path.join(self.dir, "cofferd.log")
        self.write("policy.toml", (policy or POLICY) + (
            callers or ONE_CALLER.format(uid=os.getuid())))
        self.write("passphrase", PASSPHRASE + "\n", 0o600)
        self.caller_socket = os.path.join(self.dir, "run", "coffer.sock")
        self.operator_socket = os.path.join(self.dir, "run", "operator.sock")
        self.monitor_socket = os.path.join(self.dir, "run", "monitor.sock")
        config = f'data_dir = "{self.dir}/data"\n'
        config += f'policy = "{self.dir}/policy.toml"\n[sockets]\n'
        config += (f'caller = {{ path = "{self.caller_socket}", '
                   'mode = "0666" }\n')
        config += (f'operator = {{ path = "{self.operator_socket}", '
                   'mode = "0600" }\n')
        config += (f'monitor = {{ path = "{self.monitor_socket}", '
                   'mode = "0666" }\n')
        if users:
            config += f'[users]\ngate = "{users[0]}"\nkeeper = "{users[1]}"\n'
        self.write("coffer.toml", config)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    # --- Life ---------------------------------------------------------------
    def launch(self, **options):
        """Starts cofferd without waiting for it."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BIN, "cofferd"), "--config",
                 self.path("coffer.toml")],
                stderr=log, stdout=log, stdin=subprocess.DEVNULL, **options)

    def start(self, **options):
        self.launch(**options)
        self.wait_for(self.answers)

    def answers(self):
        """Whether somebody answers, whatever it says."""
        try:
            self.call("GET", "/v1/health", monitor=True)
            return True
        except (OSError, http.client.HTTPException):
            return False

    def refuses_to_start(self, seconds=20):
        """Starts it, expects that it ends; gives its exit code and log."""
        before = len(self.log()) if os.path.exists(self.log_path) else 0
        self.launch()
        code = self.process.wait(timeout=seconds)
        return code, self.log()[before:]

    def wait_for(self, condition, seconds=15):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            if self.process.poll() is not None:
                raise AssertionError(
                    f"cofferd ended with {self.process.returncode}: "
                    + self.log())
            time.sleep(0.02)
        raise AssertionError("waited in vain: " + self.log())

    def log(self):
        with open(self.log_path, "r", encoding="utf-8", errors="replace") as f:
            return f.read()

    def status_code(self):
        """The exit code of `coffer status`; None while unreachable."""
        code = self.coffer("status", check=False).returncode
        return None if code == 4 else code

    def init(self):
        return self.coffer("init", "--seal", "passphrase", "--passphrase-file",
                           self.path("passphrase"))

    def unseal(self):
        if os.path.exists(self.path("key")):
            return self.coffer("unseal", "--key-file", self.path("key"))
        return self.coffer("unseal", "--passphrase-file",
                           self.path("passphrase"))

    def start_operational(self, key_file=False):
        """With a key file, init and unseal cost no Argon2id."""
        self.start()
        if key_file:
            self.coffer("init", "--seal", "keyfile", "--key-file",
                        self.path("key"))
        else:
            self.init()
        return self

    def restart(self):
        """A clean stop, a start, an unseal."""
        if self.stop() != 0:
            raise AssertionError("cofferd ended badly: " + self.log())
        self.start()
        self.unseal()

    def start_on(self, store_of, keeper_of):
        """Starts on one copy's store and another's keeper files; unseals."""
        data = self.path("data")
        shutil.rmtree(data)
        os.makedirs(data, 0o700)
        for room, source in (("store", store_of), ("audit", store_of),
                             ("keeper", keeper_of)):
            shutil.copytree(os.path.join(source, room),
                            os.path.join(data, room))
        self.start()
        self.unseal()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def keeper_pid(self):
        children = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True,
            text=True, check=False).stdout.split()
        for pid in children:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                if comm.read().strip().startswith("coffer-keeper"):
                    return int(pid)
        return None

    def kill(self, which="both"):
        """SIGKILL for gate, keeper or both; waits until both are gone."""
        keeper = self.keeper_pid()
        if which in ("keeper", "both") and keeper:
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGKILL)
        if which in ("gate", "both"):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)
        end = time.monotonic() + 10
        while keeper and runs(keeper):
            if time.monotonic() > end:
                raise AssertionError("the keeper outlives the gate")
            time.sleep(0.01)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is not None:
            sys.stderr.write("--- cofferd's log\n" + self.log()[-3000:] + "\n")
        self.close()

    # --- Talking ------------------------------------------------------------
    def coffer(self, *arguments, check=True, uid=None, stdin=None):
        command = [os.path.join(BIN, "coffer"), "--config",
                   self.path("coffer.toml"), *arguments]
        if uid is not None:
            command = ["setpriv", f"--reuid={uid}", f"--regid={uid}",
                       "--clear-groups", *command]
        done = subprocess.run(command, capture_output=True, text=True,
                              input=stdin, timeout=60, check=False)
        if check and done.returncode != 0:
            raise AssertionError(
                f"{arguments}: exit {done.returncode}: {done.stderr}")
        return done

    def connect(self, monitor=False):
        return UnixConnection(
            self.monitor_socket if monitor else self.caller_socket)

    def call(self, method, target, body=None, headers=None, monitor=False):
        connection = self.connect(monitor)
        try:
            return ask(connection, method, target, body, headers)
        finally:
            connection.close()

    def call_as(self, uid, method, target, body=None, headers=None,
                groups=()):
        """The same as another user, by curl under setpriv."""
        command = ["setpriv", f"--reuid={uid}", f"--regid={uid}",
                   "--groups=" + ",".join(map(str, groups)) if groups
                   else "--clear-groups", "curl", "-sS", "--unix-socket",
                   self.caller_socket, "-X", method, "-o", "-", "-w",
                   "\n%{http_code}"]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json",
                        "--data-binary", "@-"]
        done = subprocess.run(
            command + [f"http://localhost{target}"], capture_output=True,
            input=json.dumps(body).encode() if body is not None else b"",
            timeout=30, check=True)
        text, _, status = done.stdout.rpartition(b"\n")
        return Answer(int(status), {}, text)

    # --- Steps that most tests need ----------------------------------------
    def create(self, **changes):
        answer = self.call("POST", "/v1/links", link_body(**changes))
        assert answer.status == 201, answer
        return answer.json["link"]

    def issue(self, link, **changes):
        body = {"link": link, "purpose": "balance_display",
                "audience": "platform"}
        body.update(changes)
        return self.call("POST", "/v1/token", body)

    def token(self, link, **changes):
        answer = self.issue(link, **changes)
        assert answer.status == 200, answer
        return answer.json["access_token"]

    def redeem(self, token):
        return self.call("POST", "/v1/redeem", {"token": token})
