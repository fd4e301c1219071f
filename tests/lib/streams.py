"""A binlog dump on a raw socket, for tests with many of them or with a clock beside one."""

import hashlib
import selectors
import struct
import time

import pymysql

from lib.errors import Failure
from lib.servers import REPL

COM_BINLOG_DUMP, ANNOTATE_ROWS = 0x12, 0x02


class Stream:
    """Counts and hashes what comes; `at_end` are the last bytes that came."""

    KEPT_BYTES = 4096

    def __init__(self, relay, server_id, file, position):
        connection = pymysql.connect(host=relay.host, port=relay.port, user=REPL[0],
                                     password=REPL[1], autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("SET @master_binlog_checksum = @@global.binlog_checksum")
            cursor.execute("SET @mariadb_slave_capability = 4")
        self.socket = connection._sock
        self._connection = connection  # whose end would close the socket
        dump = struct.pack("<BIHI", COM_BINLOG_DUMP, position, ANNOTATE_ROWS, server_id) + file.encode()
        self.socket.sendall(struct.pack("<I", len(dump)) + dump)
        self.socket.setblocking(False)
        self.bytes, self.hash, self.at_end = 0, hashlib.sha256(), b""

    def take(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise Failure(f"a stream ended after {self.bytes} bytes")
        self.bytes += len(data)
        self.hash.update(data)
        self.at_end = (self.at_end + data)[-self.KEPT_BYTES - len(data):]

    def close(self):
        self._connection._force_close()


def read_all(streams, done, what, timeout_s=60):
    """Reads whatever comes to any of them until done()."""
    end = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        while not done():
            if time.monotonic() > end:
                raise Failure(f"{what} took too long")
            for key, _ in selector.select(0.1):
                key.data.take()
