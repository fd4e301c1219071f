"""Loopback ports: below the range of outgoing connections, never given to two at once."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

# 32768 and up is handed out to outgoing connections, so that a listener there fails now and then.
FIRST, LAST = 15000, 32000


class Port:
    """A port of our own, from being made until release() or the end of this process.

    The lock keeps other runs of the harness away even while nobody listens (a server between stop
    and start); the trial bind keeps us away from strangers.
    """

    def __init__(self):
        folder = Path(tempfile.gettempdir()) / f"binrelay-ports-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        for number in random.sample(range(FIRST, LAST), 200):
            self._lock = open(folder / str(number), "w", encoding="ascii")
            if self._is_ours() and _is_free(number):
                self.number = number
                return
            self._lock.close()
        raise OSError(f"no free port between {FIRST} and {LAST}")

    def _is_ours(self):
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self):
        """Gives the port back; its file stays, for deleting it would race with another's lock."""
        self._lock.close()


def _is_free(number):
    with socket.socket() as trial:
        # Like servers do, else a port whose last connection is in TIME_WAIT would look taken.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
