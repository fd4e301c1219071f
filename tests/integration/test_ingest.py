"""The relay's files are the source's files, whatever is written there and whatever goes wrong."""

import contextlib
import itertools
import json
import os
import signal
import socket
import struct
import threading
import time

from lib import wait
from lib.images import assert_same_bytes
from lib.marks import each, limit
from lib.relay import program
from lib.servers import REPL

BOTH = each("mysql97", "mariadb10")

HEADER = struct.Struct("<IBIIIH")  # time, type, server_id, length, end, flags
PACKET_MAX = 0xffffff
KEY_AND_LENGTH = "id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB"


def events(path):
    """(type, length) of each event in a binlog file."""
    data = path.read_bytes()
    at, found = 4, []
    while at < len(data):
        _, kind, _, length, _, _ = HEADER.unpack_from(data, at)
        found.append((kind, length))
        at += length
    assert at == len(data), f"{path} ends inside an event"
    return found


@contextlib.contextmanager
def ask(relay, *words):
    """The lines of the control socket's answer, parsed, one after the other."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(relay.data / "control.sock"))
        connection.sendall("\t".join(words).encode() + b"\n")
        with connection.makefile() as answer:
            yield map(json.loads, answer)


class Load:
    """Small transactions without a pause, in a thread, until stop(); goes on through restarts."""

    def __init__(self, scene, source):
        self.source = source
        self.count = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        source.sql(f"CREATE DATABASE IF NOT EXISTS load_; CREATE TABLE load_.t ({KEY_AND_LENGTH})")
        scene.finally_do(self.stop)
        self._thread.start()

    def _run(self):
        while not self._end.is_set():
            try:
                with self.source.connect() as connection, connection.cursor() as cursor:
                    while not self._end.is_set():
                        cursor.execute("INSERT INTO load_.t (v) VALUES (%s), (%s)",
                                       (b"x" * (self.count % 900), b"y"))
                        self.count += 1
            except Exception:  # the source is away: that is what such tests are about
                time.sleep(0.05)

    def grow(self, by=50):
        """Waits for so many more transactions."""
        target = self.count + by
        wait.until(lambda: self.count >= target, 60, f"{target} transactions of the load")

    def stop(self):
        self._end.set()
        self._thread.join()


def write_big_events(source):
    """Row events whose packets end just before, at and just behind the packet protocol's limit."""
    source.sql(f"CREATE DATABASE IF NOT EXISTS big; CREATE TABLE big.t ({KEY_AND_LENGTH})")
    source.sql("SET GLOBAL max_allowed_packet = 1 << 27")
    with source.connect() as connection, connection.cursor() as cursor:
        def insert(size):
            cursor.execute("INSERT INTO big.t (v) VALUES (repeat('x', %s))", (size,))
            return max(length for _, length in events(source.binlogs()[-1])[-4:])

        around = insert(1000) - 1000
        for packet in (PACKET_MAX - 1, PACKET_MAX, PACKET_MAX + 1, 2 * PACKET_MAX):
            # A packet is a status byte and the event.
            assert insert(packet - 1 - around) == packet - 1, (packet, around)
        for size in (2_000_000, 2_097_100, 2_097_152, 3_000_000):
            insert(size)


@limit(180)
@BOTH
def test_closed_files_are_the_sources_byte_for_byte(scene, kind):
    """Rows, statements, mixed, DDL, events around 16 MiB, three rotations, a restart in between."""
    source = scene.server(kind)
    relay = scene.relay(source)
    source.sql(f"CREATE DATABASE w; CREATE TABLE w.t ({KEY_AND_LENGTH}, s VARCHAR(99))")
    for mode in ("ROW", "STATEMENT", "MIXED"):
        with source.connect(database="w") as connection, connection.cursor() as cursor:
            cursor.execute(f"SET SESSION binlog_format = '{mode}'")
            for row in range(100):
                cursor.execute("INSERT INTO t (s) VALUES (%s)", (f"{mode} {row}",))
            cursor.execute("UPDATE t SET s = concat(s, '!') WHERE id % 3 = 0")
            cursor.execute("INSERT INTO t (s) VALUES (uuid())")
            cursor.execute(f"ALTER TABLE t ADD COLUMN n_{mode} INT DEFAULT 7")
            cursor.execute("BEGIN")
            cursor.executemany("INSERT INTO t (v) VALUES (%s)", [("z" * 4000,)] * 300)
            cursor.execute("DELETE FROM t WHERE id % 5 = 0")
            cursor.execute("COMMIT")
            cursor.execute("CREATE TABLE made AS SELECT id, s FROM t LIMIT 9")
            cursor.execute("DROP TABLE made")
        source.flush_binlog()
    write_big_events(source)
    source.restart()
    source.sql("INSERT INTO w.t (s) VALUES ('after the restart')")
    source.flush_binlog()
    relay.wait_caught_up(source)
    assert len(relay.files()) >= 6
    assert_same_bytes(source, relay)
    if "BINRELAY_BUILD" not in os.environ:  # sanitizers need memory of their own
        assert relay.memory_kib() < 32 * 1024, relay.memory_kib()


@limit(180)
@BOTH
def test_a_kill_of_the_relay_loses_and_doubles_nothing(scene, kind):
    """kill -9 in the middle of a load, several times, and once an end in order."""
    source = scene.server(kind, max_binlog_size=100_000)
    relay = scene.relay(source)
    load = Load(scene, source)
    for _ in range(5):
        load.grow()
        relay.kill9()
        load.grow(20)
        relay.start()
    relay.restart()
    load.grow()
    load.stop()
    relay.wait_caught_up(source)
    assert_same_bytes(source, relay)
    relay.cli("verify")  # its exit code says whether all is sound


@limit(180)
@BOTH
def test_a_restart_or_a_crash_of_the_source_in_mid_load_is_followed(scene, kind):
    """In order with a STOP event, then by kill -9 without any."""
    source = scene.server(kind, sync_binlog=1, innodb_flush_log_at_trx_commit=1)
    relay = scene.relay(source, settings={"source a": {"retry_max": 2}})
    load = Load(scene, source)
    load.grow()
    source.restart()
    load.grow()
    source.kill9()
    source.start()
    load.grow()
    load.stop()
    relay.wait_caught_up(source)
    assert len(source.binlogs()) >= 3
    assert_same_bytes(source, relay, crashed=True)


@BOTH
def test_files_with_and_without_checksums_follow_one_another(scene, kind):
    """binlog_checksum changed while it runs: each file keeps its own form."""
    source = scene.server(kind)
    relay = scene.relay(source)
    source.sql(f"CREATE DATABASE w; CREATE TABLE w.t ({KEY_AND_LENGTH})")
    for checksum in ("NONE", "CRC32", "NONE"):
        source.sql(f"SET GLOBAL binlog_checksum = {checksum}")
        source.sql("INSERT INTO w.t (v) VALUES ('x')")
    relay.wait_caught_up(source)
    relay.restart()
    source.sql("INSERT INTO w.t (v) VALUES ('y')")
    source.flush_binlog()
    relay.wait_caught_up(source)
    assert_same_bytes(source, relay)


@BOTH
def test_newest_begins_at_the_end_and_holds_the_whole_last_file(scene, kind):
    """start = newest: consumers begin at the source's end, the file is a whole image all the same."""
    source = scene.server(kind)
    source.sql(f"CREATE DATABASE w; CREATE TABLE w.t ({KEY_AND_LENGTH})")
    source.flush_binlog()
    source.sql("INSERT INTO w.t (v) VALUES ('before')")
    file, pos = source.position()
    relay = scene.relay(source, settings={"source a": {"start": "newest"}})
    relay.wait_published(file, pos)  # where the end was when it attached
    source.sql("INSERT INTO w.t (v) VALUES ('behind')")
    relay.wait_caught_up(source)
    start = relay.status()["store"]["start"]
    assert (start["file"], start["offset"]) == (file, pos), start
    assert_same_bytes(source, relay, first=file)


@BOTH
def test_a_given_file_and_position_is_where_consumers_begin(scene, kind):
    """start = FILE:POSITION of an event's start."""
    source = scene.server(kind)
    source.sql(f"CREATE DATABASE w; CREATE TABLE w.t ({KEY_AND_LENGTH})")
    file, pos = source.position()
    source.sql("INSERT INTO w.t (v) VALUES ('behind')")
    relay = scene.relay(source, settings={"source a": {"start": f"{file}:{pos}"}})
    relay.wait_caught_up(source)
    start = relay.status()["store"]["start"]
    assert (start["file"], start["offset"]) == (file, pos), start
    assert_same_bytes(source, relay)


@each("off", "preferred", "required")
def test_mysql_is_followed_in_the_clear_and_by_tls(scene, tls):
    """caching_sha2_password by RSA and by TLS, with the server's first login of the account."""
    source = scene.server("mysql97")
    source.sql("FLUSH PRIVILEGES")
    relay = scene.relay(source, settings={"source a": {"tls": tls}})
    write_big_events(source)
    relay.wait_caught_up(source)
    assert_same_bytes(source, relay)
    accepts = int(source.sql("SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'")[0][1])
    assert (accepts > 0) == (tls != "off"), accepts


@BOTH
def test_a_source_that_falls_silent_is_left_and_found_again(scene, kind):
    """SIGSTOP of the source: no heartbeat comes; the relay says so, and goes on after SIGCONT."""
    source = scene.server(kind)
    relay = scene.relay(source, settings={"source a": {"heartbeat": 1, "retry_max": 1,
                                                       "connect_timeout": 1}})
    source.sql(f"CREATE DATABASE w; CREATE TABLE w.t ({KEY_AND_LENGTH})")
    relay.wait_caught_up(source)
    time.sleep(4)
    said = relay.status()["source"]
    assert said["state"] == "following" and said["reconnects"] == 0, said
    source.process.signal(signal.SIGSTOP)
    try:
        wait.until(lambda: relay.status()["source"]["problem"], 20, "the silence to be noticed")
        said = relay.status()["source"]
        assert "no sign of life" in said["problem"], said
    finally:
        source.process.signal(signal.SIGCONT)
    source.sql("INSERT INTO w.t (v) VALUES ('again')")
    relay.wait_caught_up(source)
    assert relay.status()["source"]["problem"] is None
    assert_same_bytes(source, relay)


@BOTH
def test_the_control_socket_tells_each_rise_of_the_published_end(scene, kind):
    """`follow` says where the end is now, then each time that it has risen."""
    source = scene.server(kind)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    with ask(relay, "follow") as answer:
        first = next(answer)["published"]
        source.sql("CREATE DATABASE w")
        relay.wait_caught_up(source)
        file, pos = source.position()
        rises = itertools.takewhile(lambda p: p["offset"] < pos,
                                    (line["published"] for line in answer))
        offsets = [first["offset"], *(rise["offset"] for rise in rises)]
        assert offsets == sorted(offsets) and first["file"] == file, offsets


@BOTH
def test_no_second_daemon_gets_the_same_data_folder(scene, kind):
    """It ends at once with a sentence, and the first one is not disturbed."""
    source = scene.server(kind)
    relay = scene.relay(source)
    second = scene.process("second", program("binrelayd"), relay.config)
    wait.until(lambda: second.exit_code() is not None, 10, "the second daemon to end")
    assert second.exit_code() == 1, second.tail()
    assert "another" in second.tail(), second.tail()
    source.sql("CREATE DATABASE w")
    relay.wait_caught_up(source)


@BOTH
def test_a_table_is_described_as_the_source_has_it(scene, kind):
    """The control socket's `define`, and its error for a table that is not there."""
    source = scene.server(kind)
    relay = scene.relay(source)
    source.sql("CREATE DATABASE w; CREATE TABLE w.t (id INT UNSIGNED PRIMARY KEY, name VARCHAR(9))")
    with ask(relay, "define", "w", "t") as answer:
        said = next(answer)
    assert said["table"] == "t" and len(said["columns"]) == 2, said
    with ask(relay, "define", "w", "none") as answer:
        assert next(answer)["kind"] == "purged"


def test_login_is_by_the_account_of_the_configuration(scene):
    """What the source shows of the relay: its account, and itself among its replicas."""
    source = scene.server("mysql97")
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    replicas = source.rows("SHOW REPLICAS")
    assert [row["Server_Id"] for row in replicas] == [relay.port], replicas
    assert replicas[0]["Replica_UUID"] == relay.status()["server_uuid"], replicas
    users = source.sql("SELECT user FROM information_schema.processlist"
                       " WHERE command LIKE 'Binlog Dump%'")
    assert users == [(REPL[0],)], users
