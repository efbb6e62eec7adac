"""The gate's memory is searched for bank tokens that pass it sealed: while a
request waits for its last byte, while answers wait for a reader, while uploads
and redeems run, and after. Unsealed ones are found by the same search."""

import json
import os
import select
import sys
import threading
import time
import unittest

import coffer_daemon
from canary_test import Canaries
from coffer_daemon import Daemon, connect_unix, link_body
from sealed_test import key_pair, pyseto, recipe

REDEEMS = 64  # answers that do not fit a socket's buffer


def memory_of(pid):
    """Every readable mapping's bytes, piece by piece."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        lines = file.read().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in lines:
            fields = line.split()
            if "r" not in fields[1] or fields[-1] in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(part, 16) for part in fields[0].split("-"))
            overlap = b""
            while start < end:
                size = min(end - start, 1 << 24)
                try:
                    memory.seek(start)
                    piece = memory.read(size)
                except (OSError, ValueError, OverflowError):
                    break  # a guard page, or gone since
                if not piece:
                    break
                yield overlap + piece
                overlap = piece[-256:]
                start += len(piece)


def request(method, target, body, headers=()):
    data = json.dumps(body, ensure_ascii=False).encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: x",
             "Content-Type: application/json", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class GateMemoryTest(unittest.TestCase):
    def setUp(self):
        self.canaries = Canaries()
        self.token = self.canaries.make("bank token") + "-" + "x" * 12000

    def search(self, daemon, sealed_text=b"v4.local."):
        """Forms of the bank token, and whether the sealed text is seen."""
        hits, seen = set(), False
        for piece in memory_of(daemon.process.pid):
            hits.update(self.canaries.hits(piece))
            seen = seen or sealed_text in piece
        return sorted(hits), seen

    def start(self, seal_to):
        daemon = Daemon(callers=coffer_daemon.ONE_CALLER.format(
            uid=os.getuid()) + (f'seal_to = "{seal_to}"\n' if seal_to else ""))
        self.addCleanup(daemon.close)
        return daemon.start_operational(key_file=True)

    def body(self, daemon, sealed, subject):
        body = link_body(bank_token=self.token, subject=subject)
        if sealed:
            keys = daemon.call("GET", "/v1/keys").json
            body["sealed_bank_token"] = recipe()["seal_for_create"](keys, body)
        return body

    def waiting_upload(self, daemon, sealed):
        """All but the last byte is there."""
        body = self.body(daemon, sealed, "waiting")
        shown = body.get("sealed_bank_token", "v4.local.")[:200].encode()
        with connect_unix(daemon.caller_socket) as sock:
            whole = request("POST", "/v1/links", body)
            sock.sendall(whole[:-1])
            daemon.call("GET", "/v1/health")  # it has been read by now
            found = self.search(daemon, shown)
            sock.sendall(whole[-1:])
            self.assertIn(b" 201 ", sock.recv(4096))
        return found

    def waiting_redeems(self, daemon, token):
        """Answers that nobody reads."""
        with connect_unix(daemon.caller_socket) as sock:
            sock.sendall(request("POST", "/v1/redeem", {"token": token})
                         * REDEEMS)
            select.select([sock], [], [], 10)
            time.sleep(0.5)  # until the rest of them waits behind the first
            return self.search(daemon, b'"sealed_bank_token":"v4.local.')

    def run_all(self, seal):
        secret, public = key_pair()
        daemon = self.start(public if seal else None)
        upload = self.waiting_upload(daemon, seal)
        links = daemon.call("GET", "/v1/links?subject=waiting").json["links"]
        token = daemon.token(links[0]["link"], expires_in=300)
        redeems = self.waiting_redeems(daemon, token)
        answer = daemon.redeem(token).json
        if seal:
            self.assertEqual(
                recipe()["open_redeemed"](secret, token, answer), self.token)
        else:
            self.assertEqual(answer["bank_token"], self.token)
        return daemon, token, upload, redeems

    def test_unsealed_ones_are_found(self):
        """The control: the search sees what is there."""
        _, _, (upload, _), (redeems, _) = self.run_all(False)
        self.assertTrue(upload)
        self.assertTrue(redeems)

    def test_sealed_ones_are_nowhere(self):
        daemon, token, upload, redeems = self.run_all(True)
        # The search saw them, sealed.
        self.assertEqual(upload, ([], True))
        self.assertEqual(redeems, ([], True))
        stop = threading.Event()
        faults = []

        def busy():
            try:
                for number in range(100000):
                    if stop.is_set():
                        return
                    answer = daemon.call("POST", "/v1/links", self.body(
                        daemon, True, f"busy-{number}"))
                    assert answer.status == 201, answer
                    daemon.redeem(token)
            except Exception as fault:  # pylint: disable=broad-except
                faults.append(fault)
        threads = [threading.Thread(target=busy) for _ in range(2)]
        for thread in threads:
            thread.start()
        searches = [self.search(daemon)[0] for _ in range(10)]
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        searches.append(self.search(daemon)[0])
        self.assertEqual(searches, [[]] * 11)
        print(f"{len(searches) + 2} searches of the gate's memory: 0 hits")


if __name__ == "__main__":
    other_python = os.environ.get("COFFER_TEST_PYTHON", "")
    if pyseto is None and other_python not in ("", sys.executable):
        os.execv(other_python, [other_python, "-B"] + sys.argv)
    if pyseto is None:
        coffer_daemon.skip("no pyseto; ./dev test fetches it")
    if os.geteuid() != 0:
        coffer_daemon.skip("only root reads the memory of an undumpable "
                           "process")
    if "ASAN_OPTIONS" in os.environ:
        coffer_daemon.skip("a sanitizer's shadow memory is too large to read")
    coffer_daemon.main()
