"""Streams that the relay sends, compared with those of its source: tools, replicas, errors."""

import time

import pymysql

from lib import wait
from lib.errors import Failure
from lib.marks import each
from lib.servers import DEBEZIUM, REPL

BOTH = each("mysql97", "mariadb10")

TABLES = """
    CREATE DATABASE d;
    CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100), b LONGBLOB)
"""


def workload(source, rounds=3):
    """Small and large rows over several files, with DDL and a statement-based part."""
    source.sql(TABLES)
    for i in range(rounds):
        source.sql("INSERT INTO d.t (v) VALUES ('a'), ('b'), ('c')")
        source.sql("UPDATE d.t SET v = CONCAT(v, %s)", (i,))
        source.sql("INSERT INTO d.t (v, b) VALUES ('large', REPEAT('x', 700000))")
        source.sql(f"CREATE TABLE d.t{i} (id INT PRIMARY KEY)")
        source.flush_binlog()
    source.sql("DELETE FROM d.t WHERE v = 'large'")


def followed(scene, kind, **options):
    source = scene.server(kind, **options)
    relay = scene.relay(source)
    workload(source)
    relay.wait_caught_up(source)
    return source, relay


def login(server):
    return [f"--host={server.host}", f"--port={server.port}", f"--user={REPL[0]}",
            f"--password={REPL[1]}"]


def raw(scene, source, server, *options):
    """{name: bytes} of what mysqlbinlog --raw copies from `server`."""
    folder = scene.path("raw")
    folder.mkdir()
    first = source.binlogs()[0].name
    source.run("binlog", "--read-from-remote-server", *login(server), "--raw", "--to-last-log",
               f"--result-file={folder}/", *options, first)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@BOTH
def test_a_raw_copy_from_the_relay_is_the_one_from_the_source(scene, kind):
    """mysqlbinlog --raw: the same files, the same bytes."""
    source, relay = followed(scene, kind)
    theirs, ours = raw(scene, source, source), raw(scene, source, relay)
    assert list(theirs) == list(ours), (list(theirs), list(ours))
    for name, content in theirs.items():
        assert content == ours[name], f"{name} differs"


@BOTH
def test_a_stopped_and_started_source_makes_no_difference(scene, kind):
    """A file that ends with STOP, not ROTATE, leads on to the next one."""
    source, relay = followed(scene, kind)
    source.restart()
    source.sql("INSERT INTO d.t (v) VALUES ('after')")
    relay.wait_caught_up(source)
    assert raw(scene, source, source) == raw(scene, source, relay)


@BOTH
def test_a_copy_that_never_stops_follows(scene, kind):
    """mysqlbinlog --stop-never gets what comes later, also over a rotation."""
    source, relay = followed(scene, kind)
    folder = scene.path("raw")
    folder.mkdir()
    scene.process("mysqlbinlog", *source.kind.programs.find("binlog"), "--no-defaults",
                  "--read-from-remote-server", *login(relay), "--raw", "--stop-never",
                  f"--result-file={folder}/", source.binlogs()[0].name)
    for _ in range(3):
        source.sql("INSERT INTO d.t (v) VALUES ('later')")
        source.flush_binlog()
    source.sql("INSERT INTO d.t (v) VALUES ('last')")
    names = [path.name for path in source.binlogs()]
    file, pos = source.position()

    def same():
        return all((folder / name).exists() for name in names) and \
            (folder / file).stat().st_size >= pos

    wait.until(same, 30, "the copy to have all", pause_s=0.1)
    for path in source.binlogs()[:-1]:
        assert (folder / path.name).read_bytes() == path.read_bytes(), path.name


def attach(replica, relay, **how):
    replica.make_replica_of(relay.host, relay.port, *REPL, **how)


# How a replica can follow: the kind of server, and whether GTIDs say where it is.
MODES = {
    "mysql97 by GTID": ("mysql97", {"auto_position": True}),
    "mysql97 by position": ("mysql97", {}),
    "mariadb10 by GTID": ("mariadb10", {"slave_pos": True}),
    "mariadb10 by position": ("mariadb10", {}),
}


@each(*MODES)
def test_a_replica_of_the_relay_becomes_like_the_source(scene, mode):
    """By position and by GTID, from the beginning, with stops in between."""
    kind, how = MODES[mode]
    source, relay = followed(scene, kind)
    replica = scene.server(kind)
    first = {} if how else {"file": source.binlogs()[0].name, "pos": 4}
    attach(replica, relay, heartbeat_period=1, **how, **first)
    replica.wait_for(source)
    replica.stop_replica()
    source.sql("INSERT INTO d.t (v) VALUES ('while away')")
    source.flush_binlog()
    source.sql("INSERT INTO d.t (v) VALUES ('while away, next file')")
    replica.start_replica()
    replica.wait_for(source)
    source.sql("INSERT INTO d.t (v) VALUES ('live')")
    replica.wait_for(source)
    assert replica.table_checksums("d") == source.table_checksums("d")


@each(*MODES)
def test_a_replica_comes_back_by_itself_after_the_relay_was_killed(scene, mode):
    """kill -9 in the middle of a workload: the replica reconnects and lacks nothing."""
    kind, how = MODES[mode]
    source, relay = followed(scene, kind)
    replica = scene.server(kind)
    first = {} if how else {"file": source.binlogs()[0].name, "pos": 4}
    attach(replica, relay, **how, **first)
    # A MariaDB replica by position gives up (1595), also with its real source, when it is cut off
    # between the row events of one statement; the statements from here on have one each.
    replica.wait_for(source)
    for i in range(60):
        source.sql("INSERT INTO d.t (v) VALUES (%s)", (i,))
        if i % 20 == 10:
            relay.kill9()
            relay.start()
    replica.wait_for(source)
    assert replica.table_checksums("d") == source.table_checksums("d")


def test_an_orderly_stop_cuts_no_statement(scene):
    """A MariaDB replica by position gives up when it is cut off between row events of a statement:
    a relay that is restarted in the middle of a backlog takes care not to."""
    source, relay = followed(scene, "mariadb10")
    source.sql("CREATE TABLE d.wide (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(4000));"
               "INSERT INTO d.wide (v) SELECT REPEAT('x', 3000) FROM d.t a, d.t b, d.t c LIMIT 1000")
    for _ in range(12):
        source.sql("UPDATE d.wide SET v = CONCAT('y', LEFT(v, 2999))")
    relay.wait_caught_up(source)
    replica = scene.server("mariadb10")
    attach(replica, relay, file=source.binlogs()[0].name, pos=4)
    for _ in range(6):
        wait.until(lambda: streams(relay), 20, "the replica to be back", pause_s=0.02)
        relay.restart()
    replica.wait_for(source)
    assert replica.table_checksums("d") == source.table_checksums("d")


@BOTH
def test_heartbeats_keep_a_silent_stream_alive(scene, kind):
    """A replica that takes 3 s of silence for a dead source stays on the same connection."""
    source, relay = followed(scene, kind)
    word = "slave" if source.kind.is_mariadb else "replica"
    replica = scene.server(kind, **{f"{word}_net_timeout": 3})
    attach(replica, relay, heartbeat_period=1, file=source.binlogs()[0].name, pos=4)
    replica.wait_for(source)
    before = streams(relay)
    time.sleep(7)
    assert streams(relay) == before
    source.sql("INSERT INTO d.t (v) VALUES ('after the silence')")
    replica.wait_for(source)


def streams(relay):
    """Thread ids of the consumers that are sent events."""
    return [session["id"] for session in relay.status()["sessions"] if session["server_id"]]


def complaint(scene, source, relay, *options):
    """What mysqlbinlog says when the relay refuses it."""
    try:
        source.run("binlog", "--read-from-remote-server", *login(relay),
                   f"--result-file={scene.path('out')}", *options)
    except Failure as failure:
        return f"{failure}\n{failure.details}"
    raise Failure(f"mysqlbinlog {options} was not refused")


@BOTH
def test_places_that_are_none_are_refused_in_the_servers_words(scene, kind):
    """An unknown file, a place inside an event, a place behind the end."""
    source, relay = followed(scene, kind)
    first = source.binlogs()[0]
    assert "Could not find first log file name in binary log index file" in \
        complaint(scene, source, relay, "nosuch.000001")
    inside = complaint(scene, source, relay, "--start-position=15", first.name)
    assert "bogus data in log event" in inside, inside
    behind = complaint(scene, source, relay,
                       f"--start-position={first.stat().st_size + 1000}", first.name)
    assert ("position > file size" if kind == "mysql97" else "impossible position") in behind, behind


def test_mysqlbinlog_leaves_out_the_transactions_it_names(scene):
    """By GTID, non-blocking: what comes is what the source sends for the same question."""
    source, relay = followed(scene, "mysql97")
    options = ("--read-from-remote-source=BINLOG-DUMP-GTIDS", "--to-last-log",
               f"--exclude-gtids={source.uuid}:1-3:5-7", "--force-if-open")

    def events(server):
        text = source.run("binlog", *options, *login(server), source.binlogs()[0].name).decode()
        return [line for line in text.splitlines() if "GTID_NEXT" in line or "Xid = " in line]

    theirs, ours = events(source), events(relay)
    assert len(theirs) > 5 and theirs == ours, (theirs, ours)


def test_a_mariadb_copy_from_a_gtid_is_the_one_from_the_source(scene):
    """mariadb-binlog with a GTID as its start position."""
    source, relay = followed(scene, "mariadb10")
    start = f"0-{source.variable('server_id')}-4"

    def events(server):
        text = source.run("binlog", "--read-from-remote-server", *login(server), "--to-last-log",
                          f"--start-position={start}", source.binlogs()[0].name).decode()
        return [line for line in text.splitlines() if "GTID " in line or "Xid = " in line]

    theirs, ours = events(source), events(relay)
    assert len(theirs) > 5 and theirs == ours, (theirs, ours)


@BOTH
def test_gtids_that_are_not_held_are_refused_in_the_servers_words(scene, kind):
    """A replica with transactions the relay never had, under the source's own name."""
    source, relay = followed(scene, kind)
    replica = scene.server(kind)
    if source.kind.is_mariadb:
        replica.sql(f"SET GLOBAL gtid_slave_pos = '0-{source.variable('server_id')}-900'")
        attach(replica, relay, slave_pos=True)
        expected = "which is not in the master's binlog"
    else:
        replica.sql(f"SET GLOBAL gtid_purged = '{source.uuid}:1-900'")
        attach(replica, relay, auto_position=True)
        expected = "has more GTIDs than the source has, using the source's SERVER_UUID"
    wait.until(lambda: replica.replica_status()["io_running"] == "No", 30, "a refusal")
    status = replica.replica_status()
    assert expected in status["io_error"], status["io_error"]


@BOTH
def test_the_same_replica_twice_ends_the_older_stream(scene, kind):
    """Two connections with one server_id: the newer one goes on."""
    source, relay = followed(scene, kind)
    folder = scene.path("raw")
    folder.mkdir()
    argv = [*source.kind.programs.find("binlog"), "--no-defaults", "--read-from-remote-server",
            *login(relay), "--raw", "--stop-never", source.binlogs()[0].name]
    number = "--stop-never-slave-server-id" if source.kind.is_mariadb else "--connection-server-id"
    first = scene.process("first", *argv, f"--result-file={folder}/first-", f"{number}=77")
    wait.until(lambda: len(streams(relay)) == 1, 20, "the first stream", pause_s=0.1)
    older = streams(relay)
    scene.process("second", *argv, f"--result-file={folder}/second-", f"{number}=77")
    wait.until(lambda: len(streams(relay)) == 1 and streams(relay) != older, 20,
               "the second stream alone", pause_s=0.1)
    wait.until(lambda: not first.running(), 20, "the first to end", pause_s=0.1)


@BOTH
def test_kill_ends_a_stream_of_the_same_user(scene, kind):
    """KILL with the thread id of the greeting; others' sessions can't be killed."""
    source, relay = followed(scene, kind)
    with relay.connect() as victim, relay.connect() as killer, relay.connect(*DEBEZIUM) as other:
        for connection, error in ((other, 1095), (killer, None)):
            with connection.cursor() as cursor:
                try:
                    cursor.execute(f"KILL {victim.thread_id()}")
                    assert error is None
                except pymysql.err.MySQLError as raised:
                    assert raised.args[0] == error, raised
        with victim.cursor() as cursor:
            try:
                cursor.execute("SELECT 1")
            except pymysql.err.OperationalError:
                return
        raise Failure("the killed session still answers")


@BOTH
def test_a_wrong_password_is_refused_and_logged_without_it(scene, kind):
    """Error 1045 for the client, user and address in the log."""
    source, relay = followed(scene, kind)
    for user, password in ((REPL[0], "not the one"), ("nobody", "sesame")):
        try:
            relay.connect(user, password)
        except pymysql.err.OperationalError as error:
            assert error.args[0] == 1045, error
            assert f"Access denied for user '{user}'@'127.0.0.1' (using password: YES)" == \
                error.args[1], error
        else:
            raise Failure("a wrong password was taken")
    log = relay.log_text()
    assert "nobody" in log and "127.0.0.1" in log
    assert "not the one" not in log and "sesame" not in log
