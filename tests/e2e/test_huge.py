"""A transaction of more than 4 GiB passes through the relay, in and out, in a small memory."""

import json
import os
import subprocess

from lib import build
from lib.errors import Failure, Unavailable
from lib.marks import alone, each, limit
from lib.relay import ROOT, program
from lib.servers import REPL

# It takes 13 GB of disk and minutes, so it runs when it is asked for.
ASKED_BY = "BINRELAY_TEST_HUGE"
PIECE_BYTES = 8 << 20
PIECES = 520
FOUR_GIB = 4 << 30
MEMORY_LIMIT_KIB = 32 * 1024


def write_rows(source):
    """Blobs in rows events. The engine keeps no rows: the binlog is what matters, and gets all."""
    digits = " UNION ALL ".join(f"SELECT {n} AS n" for n in range(10))
    source.sql("CREATE TABLE huge.t (id INT, v LONGBLOB) ENGINE=BLACKHOLE")
    source.sql("BEGIN; INSERT INTO huge.t SELECT a.n + 10 * b.n + 100 * c.n, "
               f"REPEAT(CHAR(97 + a.n), {PIECE_BYTES}) FROM ({digits}) a, ({digits}) b, "
               f"({digits}) c LIMIT {PIECES}; INSERT INTO huge.small VALUES (1); COMMIT")


def write_statements(source):
    """Long statements: without that engine, rows as large would all have to be kept."""
    source.sql("SET SESSION binlog_format = 'STATEMENT'; BEGIN")
    source.sql("INSERT INTO huge.small VALUES (1)")
    piece = "x" * PIECE_BYTES
    for number in range(PIECES):
        source.sql(f"INSERT INTO huge.small VALUES (-{number} - LENGTH('{piece}'))")
    source.sql("COMMIT")


def write_huge(source):
    """One transaction that no 32 bits can count, and a small one behind it."""
    source.sql("CREATE DATABASE huge; CREATE TABLE huge.small (id INT PRIMARY KEY) ENGINE=InnoDB")
    (write_statements if source.kind.is_mariadb else write_rows)(source)
    source.sql("INSERT INTO huge.small VALUES (2)")
    # Only a closed file is without the mark that its server is writing it.
    source.flush_binlog()


def drained_bytes(scene, relay, source):
    """What one reader got that took everything and kept nothing."""
    failed, output = build.make(ROOT, "peers")
    if failed:
        raise Failure(f"make peers: {failed}", output)
    argv = [program("peers/drain"), "--user", REPL[0], "--password", REPL[1],
            "--port", relay.port, "--file", source.binlogs()[0].name]
    done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise Failure(f"the reader ended with {done.returncode}", done.stderr)
    return json.loads(done.stdout)["bytes"]


@each("mariadb10", "mysql97")
@alone
@limit(900)
def test_a_transaction_beyond_4_gib_needs_little_memory(scene, kind):
    """It is held and handed out byte for byte, and the daemon never had 32 MiB of memory."""
    if not os.environ.get(ASKED_BY):
        raise Unavailable(f"takes 13 GB of disk and minutes; {ASKED_BY}=1 runs it")
    source = scene.server(kind, max_allowed_packet="64M")
    relay = scene.relay(source)
    write_huge(source)
    relay.wait_published(*source.position(), timeout_s=300)
    received_kib = relay.memory_kib()
    files = source.binlogs()
    if files[0].stat().st_size <= FOUR_GIB:
        raise Failure(f"the binlog has only {files[0].stat().st_size} bytes")
    for path in files[:-1]:
        subprocess.run(["cmp", path, relay.data / path.name], check=True)
    expected = sum(path.stat().st_size - 4 for path in files)
    got = drained_bytes(scene, relay, source)
    # On top of the files come the events that open and end each file's stream.
    if not expected <= got <= expected + 4096 * len(files):
        raise Failure(f"the relay gave {got} bytes in place of {expected}")
    served_kib = relay.memory_kib()
    print(f"{source.kind.name}: {expected:,} bytes in {len(files)} files, memory at its highest "
          f"{received_kib} KiB after receiving, {served_kib} KiB after serving")
    if served_kib >= MEMORY_LIMIT_KIB:
        raise Failure(f"the daemon had {served_kib} KiB of memory")
