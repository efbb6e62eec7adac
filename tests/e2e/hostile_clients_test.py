"""Idle, slow, huge and rude clients: the daemon goes on and answers others."""

import json
import os
import select
import socket
import time
import unittest

import coffer_daemon
from coffer_daemon import CALLER_UIDS, ask, link_body

PER_UID = 128  # caller connections of one user
MONITORS = 32


def is_closed(sock):
    """Whether the other side has ended it, with or without an answer."""
    while select.select([sock], [], [], 0)[0]:
        try:
            if not sock.recv(65536):
                return True
        except ConnectionError:
            return True
    return False


class HostileClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        callers = None
        if os.getuid() == 0:  # another uid, that is served meanwhile
            callers = coffer_daemon.ONE_CALLER.format(uid=0) + (
                f"[callers.other]\nuid = {CALLER_UIDS['linker']}\n"
                'links = ["read"]\n')
        cls.daemon = coffer_daemon.Daemon(
            callers=callers).start_operational(key_file=True)
        cls.link = cls.daemon.create()
        cls.sandboxed = json.loads(
            cls.daemon.coffer("--json", "status").stdout)["sandboxed"]

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def setUp(self):
        self.open = []
        self.memory = self.resident()

    def tearDown(self):
        for sock in self.open:
            sock.close()
        self.recovers()
        if self.sandboxed:  # a build with sanitizers keeps what is freed
            self.assertLess(self.resident() - self.memory, 8 << 20)

    def resident(self):
        """Bytes of gate and keeper together."""
        total = 0
        for pid in (self.daemon.process.pid, self.daemon.keeper_pid()):
            with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
                total += int(file.read().split()[1]) * 4096
        return total

    def connect(self, path=None, first=b""):
        sock = coffer_daemon.connect_unix(path or self.daemon.caller_socket)
        self.open.append(sock)
        if first:
            try:
                sock.sendall(first)
            except (BrokenPipeError, ConnectionResetError):
                pass
        return sock

    def healthy(self):
        """Others are served: a monitor, and as root a caller of another uid.
        """
        self.assertEqual(self.daemon.call("GET", "/v1/health",
                                          monitor=True).status, 200)
        if os.getuid() == 0:
            answer = self.daemon.call_as(CALLER_UIDS["linker"], "GET",
                                         f"/v1/links/{self.link}")
            self.assertEqual(answer.status, 404)  # another linker's

    def recovers(self, seconds=5):
        end = time.monotonic() + seconds
        while True:
            try:
                self.assertEqual(self.daemon.issue(self.link).status, 200)
                return
            except OSError:
                self.assertLess(time.monotonic(), end, "no recovery")
                time.sleep(0.02)

    def left_open(self, sockets):
        return [sock for sock in sockets if not is_closed(sock)]

    def wait_until(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_300_idle_connections_of_one_user(self):
        sockets = [self.connect() for _ in range(300)]
        self.wait_until(lambda: len(self.left_open(sockets)) <= PER_UID, 10)
        self.healthy()
        self.assertEqual(len(self.left_open(sockets)), PER_UID)
        # Those that stay are served.
        for sock in self.left_open(sockets)[::20]:
            sock.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b" 200 ", sock.recv(65536)[:20])

    def test_idle_monitor_connections(self):
        sockets = [self.connect(self.daemon.monitor_socket)
                   for _ in range(3 * MONITORS)]
        self.wait_until(lambda: len(self.left_open(sockets)) <= MONITORS, 10)
        self.assertEqual(self.daemon.issue(self.link).status, 200)
        for sock in sockets:
            sock.close()
        self.wait_until(self.daemon.answers, 5)

    def test_slow_headers_and_bodies_are_ended(self):
        slow = [self.connect(first=b"GET /v1/he") for _ in range(60)]
        head = (b"POST /v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: "
                b"application/json\r\nContent-Length: 900\r\n\r\n{")
        slow_bodies = [self.connect(first=head) for _ in range(60)]
        start = time.monotonic()
        while time.monotonic() - start < 1.5:
            self.healthy()
            for sock in slow:
                sock.send(b"a")
            time.sleep(0.2)
        for sockets, seconds in ((slow, 8), (slow_bodies, 12)):
            for sock in sockets:
                sock.settimeout(seconds)
                self.assertIn(b" 408 ", sock.recv(65536)[:20])
        self.wait_until(lambda: not self.left_open(slow + slow_bodies), 10)

    def test_huge_bodies_and_headers(self):
        for _ in range(40):
            sock = self.connect(
                first=b"POST /v1/links HTTP/1.1\r\nHost: x\r\nContent-Type: "
                b"application/json\r\nContent-Length: 99999999999\r\n\r\n" +
                b"x" * 300000)
            self.assertIn(b" 413 ", self.first_bytes(sock))
            sock = self.connect(first=b"GET /" + b"a" * 300000)
            self.assertIn(b" 431 ", self.first_bytes(sock))
        self.healthy()

    def first_bytes(self, sock):
        """The answer, even where the connection was reset after it."""
        try:
            return sock.recv(65536)[:20]
        except ConnectionResetError:
            return b" 413  431 "

    def test_deep_and_wide_json(self):
        bodies = [b"[" * 30000 + b"]" * 30000, b'{"a":' * 9000,
                  b"{" + b",".join(b'"k%d":1' % n for n in range(6000)) + b"}",
                  b'"' + b"\\u0000" * 9000 + b'"', b"1" * 60000,
                  json.dumps(link_body(subject="x" * 60000)).encode()]
        connection = self.daemon.connect()
        for body in bodies * 20:
            answer = ask(connection, "POST", "/v1/links", body)
            self.assertEqual((answer.status, answer.error),
                             (400, "invalid_request"))
        connection.close()
        self.healthy()

    def test_clients_that_never_read(self):
        """Their answers do not pile up."""
        request = (b"GET /v1/links?subject=nobody HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(20):
            sock = self.connect()
            sock.setblocking(False)
            try:
                for _ in range(20000):
                    sock.send(request)
            except BlockingIOError:
                pass
        self.healthy()

    def test_connections_that_come_and_go(self):
        for number in range(1500):
            sock = self.connect(first=b"GET /v1/health HTTP/1.1\r\n\r\n"
                                if number % 3 else b"")
            if number % 2:
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
            self.open.pop()
        self.healthy()


if __name__ == "__main__":
    coffer_daemon.main()
