"""A person at a terminal: runs a command on a pty and types. Standard library
only."""

import os
import pty
import select
import subprocess
import termios
import time


class Person:
    def __init__(self, command):
        self.master, self.slave = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)))

    def wait_for(self, text, seconds=20):
        """Reads until `text` has come."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > end or not self.read(0.1):
                raise AssertionError(f"no {text!r} in {self.seen!r}")

    def read(self, seconds):
        """False once the command has ended and nothing is left to read."""
        if select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536).decode()
            return True
        return self.process.poll() is None

    def type(self, text):
        os.write(self.master, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def end(self, seconds=30):
        """Waits for the end; the exit code and all that was shown."""
        end = time.monotonic() + seconds
        while self.read(0.05):
            if time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"it does not end: {self.seen!r}")
        code = self.process.wait(timeout=5)
        self.shows_echo = self.echoes()
        os.close(self.master)
        os.close(self.slave)
        return code, self.seen.replace("\r\n", "\n")
