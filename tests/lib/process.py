"""A program that runs beside the test: started once, known by its pid, its output in a file."""

import os
import signal
import subprocess

from lib.errors import Failure

TAIL_LINES = 25


class Process:
    """Owned by its maker; stays in the test's process group, so that nothing outlives a test."""

    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                [str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, cwd=cwd)
        self.pid = self._child.pid
        self.quiet_until = 0

    def exit_code(self):
        """None while it runs; negative: the signal that ended it."""
        return self._child.poll()

    def running(self):
        return self.exit_code() is None

    def signal(self, number):
        """By pid, and only while that pid is surely ours: Popen leaves alone what it has reaped."""
        self._child.send_signal(number)

    def stop(self, timeout_s=60):
        """SIGTERM, then SIGKILL; gives the exit code. To need SIGKILL is a Failure."""
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self._child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise Failure(f"{self.name} did not stop within {timeout_s} s of SIGTERM",
                              self.tail()) from None
        return self.exit_code()

    def kill9(self):
        """As a crash would: no chance to say good-bye."""
        if self.running():
            self.signal(signal.SIGKILL)
        return self._child.wait()

    destroy = kill9

    def must_run(self):
        if not self.running():
            raise Failure(f"{self.name} ended by itself with {describe_exit(self.exit_code())}",
                          self.tail())

    def tail(self, lines=TAIL_LINES):
        """The end of its log, with a headline; nothing of what came before `quiet_until`."""
        return f"--- end of {self.log}\n{tail_of(self.log, lines, self.quiet_until)}"


def describe_exit(code):
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def tail_of(path, lines=TAIL_LINES, skip_bytes=0):
    try:
        text = path.read_bytes()[skip_bytes:].decode(errors="replace")
    except OSError as error:
        return f"({error})"
    return "\n".join(text.splitlines()[-lines:])
