"""The operator socket, as far as the benchmarks ask (wire/operator_keys.h)."""

import socket
import struct
import time

from processes import Failure

FORMAT = 1
KEY_LIST, KEY_ROTATE, INSTITUTION_LIST, INSTITUTION_CHANGE = 16, 17, 22, 23
KEK = 1
ACTIVE, DESTROYED = 2, 6
ROTATE_INSTITUTION = 1
SUSPEND, RESUME, WITHDRAW, ADMIT = 1, 2, 3, 4


def text(words):
    return struct.pack("<H", len(words)) + words.encode()


class Fields:
    """Decodes in order; no check beyond the size: the peer is our own."""

    def __init__(self, data):
        self.data = data
        self.used = 0

    def take(self, size):
        self.used += size
        if self.used > len(self.data):
            raise Failure("an operator's answer was cut short")
        return self.data[self.used - size:self.used]

    def number(self, kind):
        return struct.unpack("<" + kind, self.take(struct.calcsize(kind)))[0]

    def text(self):
        return self.take(self.number("H")).decode()


class OperatorSocket:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise Failure("the keeper closed the operator socket")
            data += piece
        return data

    def ask(self, question, fields):
        """The answer's fields, and the seconds from question to answer."""
        frame = struct.pack("<BB", FORMAT, question) + fields
        start = time.perf_counter()
        self.socket.sendall(struct.pack("<I", len(frame)) + frame)
        size = struct.unpack("<I", self.receive(4))[0]
        answer = Fields(self.receive(size))
        seconds = time.perf_counter() - start
        answer.take(2)
        code, message = answer.number("B"), answer.text()
        if code != 0:
            raise Failure(f"the keeper refused {question}: {message}")
        return answer, seconds

    def rotate(self, institution):
        answer, seconds = self.ask(KEY_ROTATE, struct.pack(
            "<B", ROTATE_INSTITUTION) + text(institution))
        if answer.number("I") != 1:
            raise Failure(f"no rotation of {institution} was started")
        return seconds

    def change(self, institution, action):
        return self.ask(INSTITUTION_CHANGE,
                        text(institution) + struct.pack("<B", action))[1]

    def rotating(self, institution):
        """Whether a KEK that was active still lives."""
        start = 0
        while True:
            answer, _ = self.ask(KEY_LIST, struct.pack("<I", start))
            answer.number("Q")
            start = answer.number("I")
            for _ in range(answer.number("H")):
                use, _ = answer.number("B"), answer.take(16)
                name, _ = answer.text(), answer.number("I")
                state, _ = answer.number("B"), answer.take(4 * 8 + 1 + 8)
                if (use == KEK and name == institution
                        and state not in (ACTIVE, DESTROYED)):
                    return True
            if start == 0:
                return False

    def institution(self, name):
        """What the keeper says of one institution."""
        start = 0
        while True:
            answer, _ = self.ask(INSTITUTION_LIST, struct.pack("<I", start))
            start = answer.number("I")
            for _ in range(answer.number("H")):
                row = {"name": answer.text(), "state": answer.number("B"),
                       "in_policy": answer.number("B"),
                       "active": answer.take(16),
                       "version": answer.number("I"),
                       "counted": answer.number("B"),
                       "links": answer.number("Q"),
                       "dead": answer.number("Q"),
                       "to_rewrap": answer.number("Q")}
                if row["name"] == name:
                    return row
            if start == 0:
                raise Failure(f"no institution {name}")
