"""Whatever a server version can write to its binlog, the relay's files are the source's files."""

import contextlib
import dataclasses
import json
import random
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pymysql

from lib import debian, kinds, template
from lib.errors import Unavailable
from lib.images import assert_same_bytes
from lib.marks import each, limit
from lib.servers import REPL, Server

KINDS = ("mysql55", "mysql56", "mysql57", "mysql80", "mysql97",
         "mariadb102", "mariadb105", "mariadb10", "mariadb11")
NEVER = (1000,)

ACTS = []


def act(mysql=(5, 5), mariadb=(10, 2)):
    """One scene of the workload, played on servers of at least these versions."""
    def mark(function):
        ACTS.append((function, mariadb, mysql))
        return function
    return mark


def play(server):
    """Every act that the server's version knows, each told by name when it fails."""
    server.sql("SET GLOBAL max_allowed_packet = 1 << 26; CREATE DATABASE w")
    for function, mariadb, mysql in ACTS:
        if server.kind.at_least(*(mariadb if server.kind.is_mariadb else mysql)):
            try:
                function(server)
            except pymysql.err.MySQLError as error:
                raise AssertionError(f"{function.__name__}: {error}") from error


def run(connection, *statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextlib.contextmanager
def session(server, **variables):
    """A new connection in `w` with these session variables."""
    with server.connect(database="w", local_infile=True) as connection:
        with connection.cursor() as cursor:
            for name, value in variables.items():
                cursor.execute(f"SET SESSION {name} = %s", (value,))
        yield connection


@contextlib.contextmanager
def globally(server, **variables):
    """Global variables for a while."""
    before = {name: server.variable(name) for name in variables}
    try:
        for name, value in variables.items():
            server.sql(f"SET GLOBAL {name} = %s", (value,))
        yield
    finally:
        for name, value in before.items():
            server.sql(f"SET GLOBAL {name} = %s", (value,))


# --- statements, rows and what is between

@act()
def definitions(server):
    server.sql("CREATE TABLE w.t (id INT PRIMARY KEY AUTO_INCREMENT, n INT, v VARCHAR(200),"
               " b LONGBLOB)")
    server.sql("CREATE TABLE w.m (id INT, v VARCHAR(200)) ENGINE=MyISAM")
    server.sql("CREATE TABLE w.gone (id INT); ALTER TABLE w.gone ADD c INT; DROP TABLE w.gone")
    server.sql("CREATE VIEW w.seen AS SELECT v FROM w.t; CREATE INDEX n ON w.t (n);"
               "TRUNCATE TABLE w.m; RENAME TABLE w.m TO w.m2; RENAME TABLE w.m2 TO w.m")
    server.sql("CREATE TRIGGER w.trig AFTER INSERT ON w.t FOR EACH ROW SET @seen = NEW.id")
    server.sql("CREATE PROCEDURE w.proc() INSERT INTO w.t (v) VALUES ('by procedure')")
    server.sql("CREATE USER somebody@localhost; GRANT SELECT ON w.* TO somebody@localhost;"
               "DROP USER somebody@localhost")


@act()
def each_format(server):
    for form in ("ROW", "STATEMENT", "MIXED"):
        with session(server, binlog_format=form) as connection:
            run(connection, "SET @mine = 'a user variable'",
                "INSERT INTO t (n, v) VALUES (RAND() * 1000, @mine), (2, 'two')",
                "INSERT INTO t (v) VALUES (LAST_INSERT_ID())",
                "UPDATE t SET n = n + 1 WHERE id % 2 = 0", "DELETE FROM t WHERE id % 7 = 1",
                "CALL proc()")
        with session(server, binlog_format="MIXED") as connection:
            run(connection, "INSERT INTO t (v) VALUES (UUID())")


@act()
def transactions_and_savepoints(server):
    for form in ("ROW", "STATEMENT"):
        with session(server, binlog_format=form) as connection:
            run(connection, "BEGIN", "INSERT INTO t (v) VALUES ('a')", "SAVEPOINT s",
                "INSERT INTO t (v) VALUES ('b')", "ROLLBACK TO s", "SAVEPOINT `COMMIT`",
                "INSERT INTO t (v) VALUES ('c')", "RELEASE SAVEPOINT s", "COMMIT",
                "BEGIN", "INSERT INTO t (v) VALUES ('never')", "ROLLBACK")


@act()
def not_transactional(server):
    for form in ("ROW", "STATEMENT", "MIXED"):
        with session(server, binlog_format=form) as connection:
            run(connection, "INSERT INTO m VALUES (1, 'x'), (2, 'y')", "UPDATE m SET v = 'z'",
                "DELETE FROM m WHERE id = 1")


@act()
def temporary_tables(server):
    for form in ("ROW", "STATEMENT", "MIXED"):
        with session(server, binlog_format=form) as connection:
            run(connection, "CREATE TEMPORARY TABLE temp (id INT, v VARCHAR(9))",
                "INSERT INTO temp VALUES (1, 'x')", "INSERT INTO t (v) SELECT v FROM temp",
                "DROP TEMPORARY TABLE temp", "CREATE TEMPORARY TABLE left_over (id INT)")


@act()
def load_data(server):
    with globally(server, local_infile=1):
        lines = server.folder / "lines"
        lines.write_text("".join(f"{n}\t{'v' * (n % 90)}\n" for n in range(3000)))
        for form in ("ROW", "STATEMENT"):
            with session(server, binlog_format=form) as connection:
                run(connection, f"LOAD DATA LOCAL INFILE '{lines}' INTO TABLE t (n, v)",
                    f"LOAD DATA LOCAL INFILE '{lines}' INTO TABLE m (id, v)")


@act()
def every_size_of_event(server):
    dice = random.Random(4)
    with session(server) as connection, connection.cursor() as cursor:
        for bits in range(0, 22):
            cursor.execute("INSERT INTO t (b) VALUES (%s)", (dice.randbytes(1 << bits),))
            cursor.execute("UPDATE t SET b = '' WHERE id = LAST_INSERT_ID()")
        cursor.execute("INSERT INTO t (n, v) VALUES " + ", ".join(["(5, 'many')"] * 5000))


# --- two phases

def prepare(connection, xid, statement):
    run(connection, f"XA START '{xid}'", statement, f"XA END '{xid}'", f"XA PREPARE '{xid}'")


@act()
def distributed_transactions(server):
    """Prepared, and over a rotation, and with others between; ended either way."""
    for form in ("ROW", "STATEMENT"):
        with session(server, binlog_format=form) as one, session(server) as two:
            prepare(one, "one", "INSERT INTO t (v) VALUES ('xa')")
            prepare(two, "two", "INSERT INTO t (v) VALUES ('xb')")
            server.flush_binlog()
            server.sql("INSERT INTO w.t (v) VALUES ('between')")
            run(one, "XA COMMIT 'one'", "XA START 'q'", "INSERT INTO t (v) VALUES ('1p')",
                "XA END 'q'", "XA COMMIT 'q' ONE PHASE")
            run(two, "XA ROLLBACK 'two'")


@act(mysql=(8, 0), mariadb=(10, 5))
def prepared_and_left(server):
    """The connection ends after XA PREPARE, somebody else commits."""
    connection = server.connect(database="w")
    prepare(connection, "left", "INSERT INTO t (v) VALUES ('left')")
    connection.close()
    server.flush_binlog()
    server.sql("XA COMMIT 'left'")


# --- what changes the form of a file

@act(mysql=(5, 6))
def checksums_come_and_go(server):
    for checksum in ("NONE", "CRC32", "NONE"):
        with globally(server, binlog_checksum=checksum):
            server.sql("INSERT INTO w.t (v) VALUES ('x'); INSERT INTO w.m VALUES (3, 'y')")


@act()
def many_rotations(server):
    for number in range(12):
        server.flush_binlog()
        if number % 3 == 0:
            server.sql("INSERT INTO w.t (v) VALUES ('between rotations')")
    server.sql("FLUSH LOGS")


@act(mysql=(5, 6))
def row_images(server):
    for image in ("MINIMAL", "NOBLOB", "FULL"):
        with session(server, binlog_row_image=image) as connection:
            run(connection, "INSERT INTO t (n, v, b) VALUES (9, 'image', 'blob')",
                "UPDATE t SET v = 'changed' WHERE n = 9", "DELETE FROM t WHERE n = 9")


@act(mysql=(8, 0), mariadb=(10, 5))
def row_metadata(server):
    for metadata in ("FULL", "MINIMAL"):
        with globally(server, binlog_row_metadata=metadata):
            server.sql("INSERT INTO w.t (v) VALUES ('described')")


@act(mysql=(5, 6), mariadb=NEVER)
def texts_of_queries(server):
    with session(server, binlog_rows_query_log_events=1) as connection:
        run(connection, "INSERT INTO t (v) VALUES ('with its text')")


@act(mysql=(8, 0), mariadb=NEVER)
def partial_json(server):
    server.sql("CREATE TABLE w.j (id INT PRIMARY KEY, d JSON)")
    server.sql("INSERT INTO w.j VALUES (1, %s)", ('{"a": "' + "x" * 500 + '", "b": [1, 2]}',))
    with session(server, binlog_row_value_options="PARTIAL_JSON",
                 binlog_row_image="MINIMAL") as connection:
        run(connection, "UPDATE j SET d = JSON_SET(d, '$.a', 'short')",
            "UPDATE j SET d = JSON_REMOVE(d, '$.b')")


@act(mysql=(8, 0), mariadb=NEVER)
def compressed_transactions(server):
    with session(server, binlog_transaction_compression=1) as connection:
        run(connection, "INSERT INTO t (v) VALUES " + ", ".join(["('again and again')"] * 2000),
            "BEGIN", "UPDATE t SET n = 1", "DELETE FROM t WHERE n = 1 LIMIT 100", "COMMIT",
            "INSERT INTO m VALUES (4, 'not compressed')")


@act(mysql=NEVER)
def compressed_events(server):
    with globally(server, log_bin_compress=1, log_bin_compress_min_len=10):
        for form in ("ROW", "STATEMENT"):
            with session(server, binlog_format=form) as connection:
                run(connection, f"INSERT INTO t (v) VALUES ('{'z' * 200}'), ('{'y' * 200}')",
                    f"UPDATE t SET v = '{'w' * 200}' WHERE v LIKE 'z%'",
                    "DELETE FROM t WHERE v LIKE 'w%'",
                    f"CREATE TABLE z (id INT) COMMENT '{'c' * 300}'", "DROP TABLE z")


# --- GTIDs

@act(mysql=NEVER)
def domains(server):
    for domain in (0, 7, 4000000000):
        with session(server, gtid_domain_id=domain, server_id=domain + 11) as connection:
            run(connection, "INSERT INTO t (v) VALUES ('domain')")
    with session(server, gtid_seq_no=1 << 40) as connection:
        run(connection, "INSERT INTO t (v) VALUES ('a leap')")


@act(mysql=(5, 6), mariadb=NEVER)
def chosen_gtids(server):
    for number in (1, 1000, 1 << 40):
        with session(server) as connection:
            run(connection, f"SET gtid_next = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:{number}'",
                "INSERT INTO t (v) VALUES ('chosen')",
                f"SET gtid_next = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:{number + 1}'",
                "BEGIN", "COMMIT")


@act(mysql=(8, 3), mariadb=NEVER)
def tagged_gtids(server):
    for tag in ("short", "a_tag_of_thirty_two_characters__"):
        with session(server, gtid_next=f"AUTOMATIC:{tag}") as connection:
            run(connection, "INSERT INTO t (v) VALUES ('tagged')", "CREATE TABLE tagged (id INT)",
                "DROP TABLE tagged")


@act(mysql=(5, 7), mariadb=NEVER)
def gtids_off_and_on_again(server):
    """Through the permissive modes, where both kinds of transactions stand in one file.

    Not to ON: there the source refuses to send what is nameless, see the test of that.
    """
    modes = ("ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE")
    for number, mode in enumerate(modes):
        server.sql(f"SET GLOBAL gtid_mode = {mode}")
        server.sql("INSERT INTO w.t (v) VALUES ('mode'); UPDATE w.m SET v = 'mode'")
        if "PERMISSIVE" in mode:
            with session(server, gtid_next="ANONYMOUS") as connection:
                run(connection, "INSERT INTO t (v) VALUES ('nameless')")
            with session(server) as connection:
                run(connection,
                    f"SET gtid_next = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb:{number + 1}'",
                    "INSERT INTO t (v) VALUES ('named')")


# --- ends of servers

@act()
def restart(server):
    """The file ends with STOP, without ROTATE."""
    server.restart()
    server.sql("INSERT INTO w.t (v) VALUES ('after STOP')")


@act(mysql=(5, 6), mariadb=NEVER)
def without_gtids_from_the_start(server):
    server.options["gtid_mode"] = server.options["enforce_gtid_consistency"] = "OFF"
    server.restart()
    server.sql("INSERT INTO w.t (v) VALUES ('no GTID'); INSERT INTO w.m VALUES (5, 'none')")
    server.sql("BEGIN; INSERT INTO w.t (v) VALUES ('both'); INSERT INTO w.m VALUES (6, 'both');"
               "COMMIT")
    each_format(server)
    server.options["gtid_mode"] = "ON_PERMISSIVE" if server.kind.at_least(5, 7) else "ON"
    server.options["enforce_gtid_consistency"] = "ON"
    server.restart()
    server.sql("INSERT INTO w.t (v) VALUES ('GTIDs again')")


@act()
def crash(server):
    server.kill9()
    server.start()
    server.sql("INSERT INTO w.t (v) VALUES ('after a crash')")
    each_format(server)


@each(*KINDS)
def test_every_relay_file_is_the_sources_of_any_version(scene, kind):
    """All that the version can write, through restarts and a crash: equal files, a sound store."""
    source = scene.server(kind)
    relay = scene.relay(source, settings={"source a": {"retry_max": 1}})
    play(source)
    relay.wait_caught_up(source)
    assert_same_bytes(source, relay, crashed=True)
    # What was written before the relay first came has to be the same as what was seen live.
    late = scene.relay(source, settings={"source a": {"retry_max": 1}})
    late.wait_caught_up(source)
    assert_same_bytes(source, late, crashed=True)
    for one in (relay, late):
        one.stop()
        one.cli("verify")


@each("mysql57", "mysql97")
def test_a_source_that_keeps_back_nameless_transactions_is_asked_to_send_them(scene, kind):
    """With gtid_mode ON it refuses what it wrote before: the cure is said, and works."""
    source = scene.server(kind, gtid_mode="OFF_PERMISSIVE")
    source.sql("CREATE DATABASE w")
    for mode in ("ON_PERMISSIVE", "ON"):
        source.sql(f"SET GLOBAL gtid_mode = {mode}")
    relay = scene.relay(source, start=False, settings={"source a": {"retry_max": 1}})
    relay.launch()
    said = relay.wait_status(lambda status: status["source"]["problem"])["source"]["problem"]
    assert "SET GLOBAL gtid_mode = ON_PERMISSIVE" in said, said
    source.sql("SET GLOBAL gtid_mode = ON_PERMISSIVE")
    relay.wait_answers().wait_caught_up(source)
    assert_same_bytes(source, relay)


# --- a binlog that is not the held one any more

FORKED = each("mysql57", "mysql97", "mariadb102", "mariadb11")


def reset(server):
    new_words = not server.kind.is_mariadb and server.kind.at_least(8, 2)
    server.sql("RESET BINARY LOGS AND GTIDS" if new_words else "RESET MASTER")


def begin_fork(scene, kind):
    """A source and a relay that holds three files of it."""
    source = scene.server(kind)
    relay = scene.relay(source, settings={"source a": {"retry_max": 1, "heartbeat": 1}})
    source.sql("CREATE DATABASE w; CREATE TABLE w.t (v VARCHAR(2000))")
    for _ in range(2):
        source.sql("INSERT INTO w.t VALUES (REPEAT('x', 900))")
        source.flush_binlog()
    source.sql("INSERT INTO w.t VALUES (REPEAT('x', 900))")
    relay.wait_caught_up(source)
    return source, relay, {path.name: path.read_bytes() for path in relay.files()}


def assert_stops(relay, held, said):
    """Nothing is mixed in, the problem says what happened, and consumers can still log in."""
    status = relay.wait_status(lambda status: status["source"]["state"] == "stopped")
    problem = status["source"]["problem"]
    assert said in problem and "begin with an empty data folder" in problem, problem
    now = {path.name: path.read_bytes() for path in relay.files()}
    for name, data in now.items():
        assert held[name].startswith(data) and len(held[name]) - len(data) < 200, name
    assert set(now) == set(held), now.keys()
    relay.connect().close()
    relay.stop()
    relay.cli("verify")


@FORKED
def test_a_source_whose_binlogs_were_reset_is_a_fork(scene, kind):
    """While the relay is attached; the source has only older files then, or the same name anew."""
    source, relay, held = begin_fork(scene, kind)
    reset(source)
    source.sql("INSERT INTO w.t VALUES (REPEAT('y', 900))")
    source.flush_binlog()
    assert_stops(relay, held, "reset")


@FORKED
def test_a_reset_source_that_reached_the_same_file_again_is_a_fork(scene, kind):
    """While the relay is away the file of its name has become longer than what it holds."""
    source, relay, held = begin_fork(scene, kind)
    relay.stop()
    reset(source)
    for _ in range(2):
        source.flush_binlog()
    source.sql("INSERT INTO w.t VALUES (REPEAT('y', 900)), (REPEAT('z', 1900))")
    assert source.position()[0] == max(held)
    relay.launch()
    assert_stops(relay, held, max(held))


@FORKED
def test_a_source_restored_from_a_backup_is_a_fork(scene, kind):
    """Its last common file is shorter than the held one, and it has gone on in a new file."""
    source = scene.server(kind)
    source.sql("CREATE DATABASE w; CREATE TABLE w.t (v VARCHAR(2000))")
    source.kill9()
    shutil.copytree(source.data, source.folder / "backup")
    source.start()
    relay = scene.relay(source, settings={"source a": {"retry_max": 1}})
    source.sql("INSERT INTO w.t VALUES (REPEAT('x', 900))")
    relay.wait_caught_up(source)
    held = {path.name: path.read_bytes() for path in relay.files()}
    source.kill9()
    shutil.rmtree(source.data)
    (source.folder / "backup").rename(source.data)
    source.start()
    source.sql("INSERT INTO w.t VALUES (REPEAT('y', 1900))")
    assert_stops(relay, held, "restored from a backup")


@FORKED
def test_one_other_byte_before_the_resumed_place_is_a_fork(scene, kind):
    """Same name, same age, same length: what was received last is compared before going on."""
    source, relay, held = begin_fork(scene, kind)
    relay.stop()
    path = source.binlogs()[-1]
    source.kill9()
    _rewrite_last_rows(path)
    source.start()
    relay.launch()
    assert_stops(relay, held, "other bytes than the held ones")


def _rewrite_last_rows(path):
    """Another server id in the last event, with the right checksum: the event stays a good one."""
    data = bytearray(path.read_bytes())
    at = 4
    while True:
        length = struct.unpack_from("<I", data, at + 9)[0]
        if at + length >= len(data):
            break
        at += length
    data[at + 5] ^= 1
    has_crc = struct.unpack_from("<I", data, at + length - 4)[0] == zlib.crc32(
        path.read_bytes()[at:at + length - 4])
    if has_crc:
        struct.pack_into("<I", data, at + length - 4, zlib.crc32(data[at:at + length - 4]))
    path.write_bytes(data)


# --- encrypted binlogs: what comes is in the clear

def raw_copy(scene, server, address, folder, first):
    """What the server's mysqlbinlog writes of the binlogs of `address`, by name."""
    copies = scene.path(folder)
    copies.mkdir()
    server.run("binlog", "--read-from-remote-server", "--raw", f"--result-file={copies}/",
               f"--host={address.host}", f"--port={address.port}", f"--user={REPL[0]}",
               f"--password={REPL[1]}", "--to-last-log", first)
    return {path.name: path.read_bytes() for path in copies.iterdir()}


def write_encrypted(source):
    definitions(source)
    each_format(source)
    source.flush_binlog()
    each_format(source)
    with globally(source, binlog_checksum="NONE"):
        each_format(source)
    source.flush_binlog()


def with_keyring_component(scene, kind):
    """The kind whose server loads component_keyring_file: what it needs lies beside its program."""
    place = scene.path("keyring")
    place.mkdir()
    usual = kind.programs
    *loader, program = usual.find("server")
    plugins = Path(next(o for o in usual.options if o.startswith("--plugin-dir=")).split("=", 1)[1])
    component = "component_keyring_file"
    if not (plugins / f"{component}.so").exists():
        raise Unavailable(f"{kind.name} comes without {component}")
    (place / "mysqld").symlink_to(program)
    (place / f"{component}.so").symlink_to(plugins / f"{component}.so")
    (place / "mysqld.my").write_text(json.dumps({"components": f"file://{component}"}))
    (place / f"{component}.cnf").write_text(
        json.dumps({"path": str(place / "keys"), "read_only": False}))

    def find(role):
        return [*loader, str(place / "mysqld")] if role == "server" else usual.find(role)

    return place, dataclasses.replace(kind, locate=lambda: dataclasses.replace(usual, find=find))


def encrypting_server(scene, kind_name):
    """By the plugin up to 8.3, by the component since."""
    if kind_name == "mysql80":
        return scene.server(kind_name, early_plugin_load="keyring_file.so",
                            keyring_file_data=scene.path("keyring"), binlog_encryption=True)
    place, kind = with_keyring_component(scene, kinds.kind(kind_name))
    folder = scene.path(kind_name)
    folder.mkdir()
    template.copy_to(kind, folder / "data")
    return scene.add(Server(kind, folder, plugin_dir=place, binlog_encryption=True)).start()


@each("mysql80", "mysql97")
def test_mysqls_encrypted_binlogs_are_held_as_they_were_before(scene, kind):
    """binlog_encryption: each closed file is what mysqlbinlog copies from the source."""
    source = encrypting_server(scene, kind)
    source.sql("CREATE DATABASE w")
    relay = scene.relay(source, settings={"source a": {"retry_max": 1}})
    write_encrypted(source)
    source.restart()
    source.flush_binlog()
    # Positions of SHOW BINARY LOG STATUS are the stream's, as those of the relay.
    relay.wait_caught_up(source)
    assert source.binlogs()[0].read_bytes()[:4] == b"\xfdbin", "it is not encrypted"
    copies = raw_copy(scene, source, source, "copies", source.binlogs()[0].name)
    for path in relay.files()[:-1]:
        assert path.read_bytes() == copies[path.name], path
    relay.stop()
    relay.cli("verify")


def test_mariadbs_encrypted_binlogs_have_a_hole_where_encryption_began(scene):
    """encrypt_binlog: all else is what comes from the source, and every consumer gets over it."""
    plugins = debian.package("debian-bookworm-mariadb-server", "bookworm", "mariadb-server")
    keys = scene.path("keys")
    keys.write_text("1;770a8a65da156d24ee2a093277530142\n")
    source = scene.server("mariadb10", plugin_dir=plugins / "usr/lib/mysql/plugin",
                          plugin_load_add="file_key_management",
                          loose_file_key_management_filename=keys, encrypt_binlog=True)
    source.sql("CREATE DATABASE w")
    relay = scene.relay(source, settings={"source a": {"retry_max": 1}})
    write_encrypted(source)
    relay.restart()
    source.restart()
    source.sql("INSERT INTO w.t (v) VALUES ('after the restarts')")
    relay.wait_caught_up(source)
    first = source.binlogs()[0].name
    copies = raw_copy(scene, source, source, "copies", first)
    for path in relay.files()[:-1]:
        data = path.read_bytes()
        at = 4 + struct.unpack_from("<I", data, 4 + 9)[0]
        time, kind, server_id, length, end, flags = struct.unpack_from("<IBIIIH", data, at)
        assert (time, kind, server_id, flags) == (0, 28, 0, 0x80), path
        assert end == at + length and length in (36, 40), (at, length, end)
        copy = copies[path.name]
        assert copy[at + 4] == 164, "the source has no START_ENCRYPTION there"
        assert data[:at] + data[at + length:] == copy[:at] + copy[at + length:], path
        source.run("binlog", "--verify-binlog-checksum", path)
    copies = raw_copy(scene, source, relay, "again", first)
    for path in relay.files()[:-1]:
        assert copies[path.name] == path.read_bytes(), path
    for by_gtid in (False, True):
        replica = scene.server("mariadb10")
        replica.make_replica_of(relay.host, relay.port, *REPL, slave_pos=by_gtid,
                                file=None if by_gtid else first)
        replica.wait_for(source)
        assert replica.table_checksums("w") == source.table_checksums("w")
        assert replica.replica_status()["exec_pos"] == source.position()[1]
    relay.stop()
    relay.cli("verify")


# --- beyond 4 GiB, where positions in commands and headers have no room

NEAR_1_GIB = (1 << 30) - 4096


def events_of(data):
    """Each event of a binlog file, as bytes."""
    at = 4
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 9)[0]
        yield data[at:at + length]
        at += length


def put_moved(file, event):
    """At the file's end, with the log_pos and the checksum that belong there."""
    moved = bytearray(event)
    struct.pack_into("<I", moved, 13, (file.tell() + len(event)) & 0xffffffff)
    struct.pack_into("<I", moved, len(moved) - 4, zlib.crc32(moved[:-4]))
    file.write(moved)


def put_ignorable(file, length):
    """An event of that length, whose zeros take no room on the disk."""
    end = file.tell() + length
    head = struct.pack("<IBIIIH", 1, 28, 1, length, end & 0xffffffff, 0x80)
    crc, left, zeros = zlib.crc32(head), length - len(head) - 4, bytes(1 << 24)
    while left > 0:
        crc = zlib.crc32(zeros[:left], crc)
        left -= len(zeros)
    file.write(head)
    file.seek(end - 4)
    file.write(struct.pack("<I", crc))


def enlarge(path):
    """The same transactions four times, between events of nearly 1 GiB."""
    events = list(events_of(path.read_bytes()))
    head, body, stop = events[:3], events[3:-1], events[-1]
    with path.open("wb") as file:
        file.write(b"\xfebin" + b"".join(head))
        for _ in range(4):
            put_ignorable(file, NEAR_1_GIB)
            for event in body:
                put_moved(file, event)
        assert file.tell() > 1 << 32
        for event in body:
            put_moved(file, event)
        put_ignorable(file, NEAR_1_GIB)
        put_moved(file, stop)


@limit(240)
def test_a_file_beyond_4_gib_passes_in_little_memory_and_is_resumed(scene):
    """Events near 1 GiB; the relay is killed behind 4 GiB, where the dump can't ask to begin."""
    source = scene.server("mariadb10")
    source.sql("CREATE DATABASE w; CREATE TABLE w.t (v LONGBLOB)")
    source.sql("INSERT INTO w.t VALUES (REPEAT('x', 200000))")
    path = source.binlogs()[0]
    source.stop()
    enlarge(path)
    source.start()
    relay = scene.relay(source, start=False)
    relay.launch()
    # Shown as soon as it is there, while the last large event still comes.
    relay.wait_status(lambda status: (status["published"] or {"offset": 0})["offset"] > 1 << 32,
                      timeout_s=120)
    memory = relay.memory_kib()
    relay.kill9()
    relay.start()
    relay.wait_caught_up(source, timeout_s=120)
    assert subprocess.run(["cmp", path, relay.files()[0]], check=False).returncode == 0
    resumed = int(re.findall(rf"from {path.name}:(\d+)", relay.log_text())[-1])
    assert resumed > 1 << 32, resumed
    assert max(memory, relay.memory_kib()) < 32 * 1024, (memory, relay.memory_kib())
    relay.stop()
    relay.cli("verify", timeout_s=120)


# --- replicas at the relay

@each("mysql56 mysql57", "mysql57 mysql80", "mysql80 mysql97", "mariadb102 mariadb105",
      "mariadb10 mariadb11")
def test_a_replica_of_a_later_version_at_the_relay_ends_equal(scene, pair):
    """What a version wrote, in rows and statements, is executed by one that accepts it."""
    kind, later = pair.split()
    source = scene.server(kind)
    relay = scene.relay(source, settings={"source a": {"retry_max": 1}})
    replica = scene.server(later)
    source.sql("SET GLOBAL max_allowed_packet = 1 << 26; CREATE DATABASE w")
    for step in (definitions, each_format, transactions_and_savepoints, not_transactional,
                 every_size_of_event, many_rotations):
        step(source)
    by_gtid = {"slave_pos" if source.kind.is_mariadb else "auto_position": True}
    replica.make_replica_of(relay.host, relay.port, *REPL, **by_gtid)
    replica.wait_for(source)
    assert rows_of(replica) == rows_of(source)


def rows_of(server):
    """By content: checksums of tables are not comparable between versions."""
    return (server.sql("SELECT id, n, v, SHA2(b, 256) FROM w.t ORDER BY id"),
            server.sql("SELECT id, v FROM w.m ORDER BY id, v"))
