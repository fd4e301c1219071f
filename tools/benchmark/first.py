"""How soon a consumer that begins anywhere in a store of many files has its first transaction."""

import os
import random
import socket
import struct
import time
import uuid

import pymysql

from lib.errors import Failure
from lib.servers import REPL

import load
from commit import quantiles_ms

FILES = 3000
STARTS = 50
CATCH_UP_S = 600
# The least that servers take: each file has a few transactions.
FILE_BYTES = 4096
TRANSACTIONS_AT_ONCE = 500
SERVER_ID = 2_800_000_000
GOAL_MS = 20
COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID, ANNOTATE_ROWS, BY_GTID = 0x12, 0x1e, 0x02, 0x04
# Where the number stands in a packet with the event that begins a transaction: GTID, MariaDB's GTID.
NUMBER_AT = {33: 1 + 19 + 1 + 16, 162: 1 + 19}
SEED = 20


class Places:
    """Places in a server's history, as consumers name them, and what each must be sent first."""

    def __init__(self, server, transactions):
        self.mariadb = server.kind.is_mariadb
        self.last = server.gtids()
        self.transactions = transactions

    def numbers(self, count):
        """Numbers of transactions all over the history."""
        chosen = random.Random(SEED)
        last = int(self.last.replace(":", "-").rpartition("-")[2])
        return [last - chosen.randrange(1, self.transactions) for _ in range(count)]

    def ask(self, cursor, number, server_id):
        """The dump command of a consumer that holds all up to and with this transaction."""
        if self.mariadb:
            domain, source_id, _ = self.last.split("-")
            cursor.execute("SET @mariadb_slave_capability = 4")
            cursor.execute(f"SET @slave_connect_state = '{domain}-{source_id}-{number}'")
            return struct.pack("<BIHI", COM_BINLOG_DUMP, 4, ANNOTATE_ROWS, server_id)
        sid = self.last.split(":")[0]
        held = struct.pack("<Q16sQQQ", 1, uuid.UUID(sid).bytes, 1, 1, number + 1)
        return struct.pack("<BHIIQI", COM_BINLOG_DUMP_GTID, BY_GTID, server_id, 0, 4,
                           len(held)) + held


def read_exactly(stream, size):
    data = stream.read(size)
    if len(data) != size:
        raise Failure(f"a stream ended after {len(data)} of {size} bytes")
    return data


def first_event(endpoint, places, number, server_id):
    """Seconds from the dump command to the first transaction."""
    connection = pymysql.connect(host=endpoint.host, port=endpoint.port, user=REPL[0],
                                 password=REPL[1], autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET @master_binlog_checksum = @@global.binlog_checksum")
            command = places.ask(cursor, number, server_id)
        connection._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin = time.perf_counter()
        connection._sock.sendall(struct.pack("<I", len(command)) + command)
        with connection._sock.makefile("rb") as stream:
            while True:
                length = int.from_bytes(read_exactly(stream, 4)[:3], "little")
                packet = read_exactly(stream, length)
                if packet[0] != 0:
                    raise Failure(f"{endpoint} refused to stream: {packet[9:].decode()}")
                if (at := NUMBER_AT.get(packet[1 + 4])) is None:
                    continue
                seconds = time.perf_counter() - begin
                got = int.from_bytes(packet[at:at + 8], "little")
                if got != number + 1:
                    raise Failure(f"{endpoint} sent transaction {got} in place of {number + 1}")
                return seconds
    finally:
        connection._force_close()


def forget_pages(folder):
    """What the system keeps of these files in memory: the next look has to go to the disk."""
    os.sync()
    for path in folder.iterdir():
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_starts(endpoint, places, count, rounds, folder=None):
    """Seconds of each; with a folder each after its files were forgotten."""
    seconds = []
    for turn in range(rounds):
        for at, number in enumerate(places.numbers(count)):
            if folder is not None:
                forget_pages(folder)
            seconds.append(first_event(endpoint, places, number,
                                       SERVER_ID + turn * count + at))
    return seconds


def measure_first(scene, kind_name, *, files, starts, rounds):
    server = scene.server(kind_name, **(load.OPTIONS | {"max_binlog_size": FILE_BYTES}))
    load.prepare(server)
    transactions = 0
    with server.connect() as connection, connection.cursor() as cursor:
        while len(server.binlogs()) < files:
            cursor.execute(f"CALL bench.fill_small({TRANSACTIONS_AT_ONCE})")
            transactions += TRANSACTIONS_AT_ONCE
    # How it came by them is not what is measured.
    relay = scene.relay(server, settings={"source a": {"tls": "off"}, "relay": {"sync": "os"}})
    relay.wait_published(*server.position(), timeout_s=CATCH_UP_S)
    places = Places(server, transactions)
    rows = {
        "from the database": measure_starts(server, places, starts, rounds),
        "from binrelay": measure_starts(relay, places, starts, rounds),
        "from binrelay, its files not in memory":
            measure_starts(relay, places, max(2, starts // 5), rounds, relay.data),
    }
    memory_mib = relay.memory_kib() / 1024
    held = relay.files()
    relay.stop()
    delays = {name: quantiles_ms(some) for name, some in rows.items()}
    at = delays["from binrelay"]
    return {
        "release": server.kind.release, "files": len(held), "transactions": transactions,
        "bytes": sum(path.stat().st_size for path in held), "delays_ms": delays,
        "goals": [("first event, median, ms", at["median"], GOAL_MS, False),
                  ("first event, 99th percentile, ms", at["p99"], GOAL_MS, False),
                  ("median with nothing in memory, ms",
                   delays["from binrelay, its files not in memory"]["median"], GOAL_MS, False),
                  ("memory of the daemon, MiB", memory_mib, None, False)],
    }
