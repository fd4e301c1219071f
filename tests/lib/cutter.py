"""A way to a server that breaks: cuts or holds each connection after some bytes, as bad networks do."""

import random
import selectors
import socket
import threading
import time

from lib.ports import Port

READ_BYTES = 65536
# What the thread is woken for.
CUT, LET_GO = b"c", b"g"


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
        self._room = None  # of each connection while it is held
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

    def hold_after(self, size):
        """Each connection, a later one too, carries so many bytes more towards its client and then none
        until let_go(): who reads is in the midst of something for as long as the test wants it to be."""
        self._room = size
        for way in list(self._ways):
            way.room = size

    @property
    def holding(self):
        """How many connections have carried all that they may and would carry more."""
        return sum(way.held for way in list(self._ways))

    def let_go(self):
        self._room = None
        self._wake.send(LET_GO)

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
                    for_what = self._woken.recv(1)
                    if not for_what:
                        return self._close_all()
                    (self._cut_all if for_what == CUT else self._let_all_go)()
                elif key.fileobj.fileno() >= 0:
                    key.data(key.fileobj)

    def cut_now(self):
        """All connections there are, at once."""
        self._wake.send(CUT)

    def _cut_all(self):
        for way in list(self._ways):
            self.cuts += 1
            self.end(way)

    def _let_all_go(self):
        for way in self._ways:
            way.room = None
            if way.held:
                way.held = False
                self._selector.register(way.server, selectors.EVENT_READ, way.from_server)

    def hold(self, way):
        """Nothing of what the server sends is read any more."""
        way.held = True
        self._selector.unregister(way.server)

    def _close_all(self):
        for way in list(self._ways):
            self.end(way)
        self._listener.close()
        self._woken.close()

    def _accept(self, listener):
        client, _ = listener.accept()
        try:
            server = socket.create_connection((self.target.host, self.target.port), 10)
        except OSError:
            client.close()
            return
        left = self._random.randint(*self._limits) if self.cuts < self._times else None
        way = _Way(self, client, server, left, self._room)
        self._ways.add(way)
        self._selector.register(client, selectors.EVENT_READ, way.from_client)
        self._selector.register(server, selectors.EVENT_READ, way.from_server)

    def end(self, way):
        """Both ends at once, with a reset towards nobody: the bytes so far may arrive."""
        self._ways.discard(way)
        for end in (way.client, way.server):
            if end is way.client or not way.held:
                self._selector.unregister(end)
            end.close()


class _Way:
    """One connection, how many bytes it may carry to the client until it is cut, and until it is held
    (None: any)."""

    def __init__(self, cutter, client, server, left, room):
        self.cutter, self.client, self.server, self.left = cutter, client, server, left
        self.room, self.held = room, False

    def from_client(self, _):
        self._pass(self.client, self.server, None, None)

    def from_server(self, _):
        room = self.room
        if room == 0:
            self.cutter.hold(self)
            return
        passed = self._pass(self.server, self.client, self.left, room)
        if room is not None:
            self.room = room - passed

    def _pass(self, source, target, left, room):
        """How many bytes have gone over."""
        time.sleep(self.cutter.pause_s)
        try:
            data = source.recv(READ_BYTES if room is None else min(READ_BYTES, room))
            if data:
                target.sendall(data if left is None else data[:left])
        except OSError:
            data = b""
        passed = len(data)
        if left is not None:
            self.left -= passed
        if left is not None and passed >= left:
            if not self.cutter.is_done:
                self.cutter.cuts += 1
            data = b""
        if not data:
            self.cutter.end(self)
        return passed
