"""A way to a server that breaks: cuts each connection after some bytes, as bad networks do."""

import random
import selectors
import socket
import threading
import time

from lib.ports import Port

READ_BYTES = 65536


class Cutter:
    """Passes connections on to (host, port) of `target` and cuts the first `times` of them.

    Each is cut after a number of bytes towards the client that lies anywhere from `least` to `most`;
    `seed` makes it the same numbers again. Later connections are left in peace. `pause_s`: a slow way,
    that rests after each piece it has read.
    """

    def __init__(self, target, *, seed, times=6, least=200, most=60000, pause_s=0):
        self.target = target
        self.seed = seed
        self.host = "127.0.0.1"
        self._port = Port()
        self.port = self._port.number
        self.cuts = 0
        self._times = times
        self.pause_s = pause_s
        self._limits = (least, most)
        self._random = random.Random(seed)
        self._ways = set()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server((self.host, self.port))
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __str__(self):
        return f"a way to {self.target} that cuts (seed {self.seed})"

    def tail(self):
        return f"{self.cuts} connections were cut"

    @property
    def is_done(self):
        """All cuts were made."""
        return self.cuts == self._times

    def cut_again(self, times):
        """So many more, beginning with those of the connections there are that carry something."""
        self._times += times
        for way in list(self._ways):
            way.left = self._random.randint(*self._limits)

    def destroy(self):
        self._wake.close()
        self._thread.join()
        self._port.release()

    def _run(self):
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    if not self._woken.recv(1):
                        return self._close_all()
                    self._cut_all()
                elif key.fileobj.fileno() >= 0:
                    key.data(key.fileobj)

    def cut_now(self):
        """All connections there are, at once."""
        self._wake.send(b"!")

    def _cut_all(self):
        ways = {key.data.__self__ for key in self._selector.get_map().values()
                if key.data is not None and key.data.__self__ is not self}
        for way in ways:
            self.cuts += 1
            self.end(way)

    def _close_all(self):
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()

    def _accept(self, listener):
        client, _ = listener.accept()
        try:
            server = socket.create_connection((self.target.host, self.target.port), 10)
        except OSError:
            client.close()
            return
        left = self._random.randint(*self._limits) if self.cuts < self._times else None
        way = _Way(self, client, server, left)
        self._ways.add(way)
        self._selector.register(client, selectors.EVENT_READ, way.from_client)
        self._selector.register(server, selectors.EVENT_READ, way.from_server)

    def end(self, way):
        """Both ends at once, with a reset towards nobody: the bytes so far may arrive."""
        self._ways.discard(way)
        for end in (way.client, way.server):
            self._selector.unregister(end)
            end.close()


class _Way:
    """One connection, and how many bytes it may still carry to the client (None: any)."""

    def __init__(self, cutter, client, server, left):
        self.cutter, self.client, self.server, self.left = cutter, client, server, left

    def from_client(self, _):
        self._pass(self.client, self.server, None)

    def from_server(self, _):
        self._pass(self.server, self.client, self.left)

    def _pass(self, source, target, left):
        time.sleep(self.cutter.pause_s)
        try:
            data = source.recv(READ_BYTES)
            if data:
                target.sendall(data if left is None else data[:left])
        except OSError:
            data = b""
        if left is not None:
            self.left -= len(data)
        if left is not None and len(data) >= left:
            if not self.cutter.is_done:
                self.cutter.cuts += 1
            data = b""
        if not data:
            self.cutter.end(self)
