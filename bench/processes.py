"""The programs that are measured: starting, asking after them, ending them."""

import json
import os
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
WAIT_SECONDS = 120  # for a vault of millions of links


class Failure(Exception):
    pass


def children_of(pid):
    pids = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children",
                      encoding="ascii") as file:
                pids += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return pids


def tree_of(pid):
    pids = [pid]
    for child in children_of(pid):
        pids += tree_of(child)
    return pids


def stat_of(path):
    """The name and the CPU seconds so far of a process or thread."""
    with open(f"{path}/stat", encoding="utf-8") as file:
        text = file.read()
    name = text[text.index("(") + 1:text.rindex(")")]
    fields = text[text.rindex(")") + 2:].split()
    return name, (int(fields[11]) + int(fields[12])) / TICKS


def cpu_of(pids):
    return sum(stat_of(f"/proc/{pid}")[1] for pid in pids)


def thread_cpu(pid, name):
    total = 0.0
    for task in os.listdir(f"/proc/{pid}/task"):
        found, seconds = stat_of(f"/proc/{pid}/task/{task}")
        if found == name:
            total += seconds
    return total


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def request(path, data):
    """The status of the answer to one HTTP request; 0: nobody answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(path)
            client.sendall(data)
            words = client.recv(4096).split(b" ", 2)
        except OSError:
            return 0
    return int(words[1]) if len(words) > 2 and words[1].isdigit() else 0


def health(path):
    return request(path, b"GET /v1/health HTTP/1.1\r\nHost: coffer\r\n\r\n")


def post(path, target, fields):
    body = json.dumps(fields).encode()
    head = (f"POST {target} HTTP/1.1\r\nHost: coffer\r\nContent-Type: "
            f"application/json\r\nContent-Length: {len(body)}\r\n\r\n")
    return request(path, head.encode() + body)


class Server:
    """One started program that answers on a Unix socket."""

    def __init__(self, name, command, socket, log):
        self.name = name
        self.socket = socket
        self.log_path = log
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.pids = [self.process.pid]

    def wait(self, ready, seconds=WAIT_SECONDS, pause=0.02):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if ready():
                # The one that unsealed it is on its way out.
                time.sleep(0.2)
                self.pids = tree_of(self.process.pid)
                return
            time.sleep(pause)
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            last = file.read()[-2000:]
        self.stop()
        raise Failure(f"{self.name} did not come up:\n{last}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
