"""Another server answers at the source's address: the relay joins its binlog to what it holds."""

import json
import shutil

from lib import wait
from lib.marks import each
from lib.servers import REPL

DB = "j"
TABLE = (f"CREATE DATABASE {DB}; CREATE TABLE {DB}.t (id INT PRIMARY KEY AUTO_INCREMENT,"
         f" v VARCHAR(100)); CREATE TABLE {DB}.same (v INT)")
GTID_PAIRS = each("mysql97 mysql97", "mariadb10 mariadb10")
BARE_PAIRS = each("mysql57 mysql57", "mysql55 mysql57", "mysql57 mysql80")
NO_GTIDS = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}


def fill(server, count):
    """Rows of one transaction each, and as many equal ones in between; gives the ids there are."""
    with server.connect(database=DB) as connection, connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute("INSERT INTO t (v) VALUES ('one')")
            cursor.execute("INSERT INTO same VALUES (1)")
    return [row[0] for row in server.sql(f"SELECT id FROM {DB}.t ORDER BY id")]


def pair_of(scene, pair, bare=False, **options):
    """A source and its replica; `bare`: without GTIDs, by file and position."""
    source, standby = (scene.server(kind, **(NO_GTIDS if bare and kind != "mysql55" and "mysql" in kind
                                             else {}), **options) for kind in pair.split())
    if bare:
        file = source.binlogs()[0].name
        standby.make_replica_of(source.host, source.port, *REPL, file=file, pos=4)
    elif source.kind.is_mariadb:
        standby.make_replica_of(source.host, source.port, *REPL, slave_pos=True)
    else:
        standby.make_replica_of(source.host, source.port, *REPL, auto_position=True)
    return source, standby


def promote(standby, source):
    standby.wait_for(source)
    standby.stop_replica()
    standby.reset_replica()


def purge(server):
    """All binlogs but the newest; MariaDB keeps one until its engine has made a checkpoint."""
    def is_alone():
        server.sql(f"PURGE BINARY LOGS TO '{server.position()[0]}'")
        return len(server.binlogs()) == 1

    wait.until(is_alone, 30, lambda: f"{server} to purge {server.binlogs()}")


def lead_to(relay, server):
    """As a VIP does."""
    if relay.running():
        relay.stop()
    relay.settings["source a"] |= {"host": server.host, "port": server.port}
    relay.start()


def ids_of(relay):
    return [event["value"]["after"]["id"] for event in relay.events()
            if event["topic"] == f"srv.{DB}.t"]


def check_all(relay, server, ids):
    """Each transaction once and in order, for a publisher; the rows of the equal ones by number."""
    wait.until(lambda: ids_of(relay)[-1:] == ids[-1:], 60,
               lambda: f"id {ids[-1]}, it is {ids_of(relay)[-3:]}\n{relay.tail()}")
    relay.wait_events(2 * len(ids))
    assert ids_of(relay) == ids
    same = [event for event in relay.events() if event["topic"] == f"srv.{DB}.same"]
    assert len(same) == server.sql(f"SELECT COUNT(*) FROM {DB}.same")[0][0]
    relay.cli("verify")


@GTID_PAIRS
def test_a_promoted_standby_at_the_same_address_is_joined_by_gtid(scene, pair):
    """What the relay holds of the old primary is a hole in the new one's file."""
    source, standby = pair_of(scene, pair)
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB)
    fill(source, 20)
    source.flush_binlog()
    fill(source, 20)
    relay.wait_caught_up(source)
    promote(standby, source)
    source.stop()
    ids = fill(standby, 20)
    lead_to(relay, standby)
    check_all(relay, standby, ids)
    assert "by gtid: epoch 2" in relay.log_text()
    relay.restart()
    ids = fill(standby, 5)
    check_all(relay, standby, ids)


@BARE_PAIRS
def test_a_promoted_standby_is_joined_by_content(scene, pair):
    """The relay was cut off in the midst of many equal transactions; each comes once all the same."""
    source, standby = pair_of(scene, pair, bare=True)
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB)
    fill(source, 20)
    source.flush_binlog()
    fill(source, 20)
    relay.wait_caught_up(source)
    relay.stop()
    fill(source, 20)
    promote(standby, source)
    source.stop()
    standby.flush_binlog()
    ids = fill(standby, 20)
    lead_to(relay, standby)
    check_all(relay, standby, ids)
    assert "by content: epoch 2" in relay.log_text()
    relay.restart()
    ids = fill(standby, 5)
    check_all(relay, standby, ids)


@each("mariadb102 mariadb10")
def test_gtids_that_tell_no_order_are_not_trusted(scene, pair):
    """gtid_strict_mode = OFF, and the standby was written to meanwhile: numbers go up and down."""
    source, standby = pair_of(scene, pair, bare=True, gtid_strict_mode="OFF")
    source.sql(TABLE)
    relay = scene.relay(source, publish=f"{DB},own")
    fill(source, 10)
    standby.wait_for(source)
    standby.sql("CREATE DATABASE own; CREATE TABLE own.t (v INT)")
    for _ in range(5):
        standby.sql("INSERT INTO own.t VALUES (1)")
    fill(source, 10)
    relay.wait_caught_up(source)
    promote(standby, source)
    source.stop()
    ids = fill(standby, 10)
    lead_to(relay, standby)
    check_all(relay, standby, ids)
    assert "by content: epoch 2" in relay.log_text()
    own = [event for event in relay.events() if event["topic"] == "srv.own.t"]
    assert len(own) == 5, own  # what it was written to meanwhile came, too


WORKLOAD_PAIRS = each("mysql57 mysql80", "mariadb10 mariadb11")


@WORKLOAD_PAIRS
def test_every_kind_of_content_is_found_again(scene, pair):
    """Statements, mixed format, DDL, LOAD DATA and XA are the same transactions on both sides."""
    source, standby = pair_of(scene, pair, bare=True, local_infile=1,
                              **({"gtid_strict_mode": "OFF"} if "mariadb" in pair else {}))
    source.sql(TABLE)
    relay = scene.relay(source)
    for form in ("STATEMENT", "MIXED", "ROW"):
        standby.wait_for(source)
        standby.stop_replica()
        standby.sql(f"SET GLOBAL binlog_format = '{form}'")
        standby.start_replica()
        play(source, form)
    relay.wait_caught_up(source)
    if "mariadb" in pair:  # so that its GTIDs do not tell
        standby.sql("INSERT INTO j.same VALUES (2)")
        play(source, "ROW")
        relay.wait_caught_up(source)
    promote(standby, source)
    source.stop()
    fill(standby, 3)
    lead_to(relay, standby)
    assert "by content: epoch 2" in relay.log_text()
    relay.wait_status(lambda status: status["source"]["caught_up"])
    assert not relay.status()["source"]["problem"]
    held = json.loads(relay.cli("epochs", "--json").splitlines()[-1])
    assert not held["forked"], held


def play(source, form):
    lines = source.folder / "lines"
    lines.write_text("".join(f"{n}\\n" for n in range(300)))
    with source.connect(database=DB, local_infile=True) as connection, connection.cursor() as c:
        c.execute(f"SET SESSION binlog_format = '{form}'")
        c.execute("INSERT INTO t (v) VALUES ('x'), (RAND())")
        c.execute("SET @v = 17")
        c.execute("UPDATE t SET v = CONCAT(v, @v)")
        c.execute("CREATE TABLE extra (id INT PRIMARY KEY, v VARCHAR(9)) ENGINE=MyISAM")
        c.execute("INSERT INTO extra VALUES (1, 'm')")
        c.execute("ALTER TABLE extra ADD w INT")
        c.execute("DROP TABLE extra")
        c.execute(f"LOAD DATA LOCAL INFILE '{lines}' INTO TABLE same (v)")
        c.execute("XA START 'x'")
        c.execute("INSERT INTO t (v) VALUES ('xa')")
        c.execute("XA END 'x'")
        c.execute("XA PREPARE 'x'")
        c.execute("XA COMMIT 'x'")
        c.execute("BEGIN")
        c.execute("INSERT INTO t (v) VALUES ('one')")
        c.execute("INSERT INTO same VALUES (3)")
        c.execute("COMMIT")
        connection.commit()


@each("mariadb10 mariadb10", "mysql57 mysql57 bare")
def test_a_standby_that_is_behind_is_waited_for(scene, pair):
    """It lacks what consumers were given: named, and joined by itself once it has got it."""
    bare = pair.endswith("bare")
    source, standby = pair_of(scene, pair.removesuffix(" bare"), bare=bare)
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB, settings={"source a": {"retry_max": 1}})
    fill(source, 10)
    standby.wait_for(source)
    standby.stop_replica()
    ids = fill(source, 10)
    relay.wait_caught_up(source)
    relay.stop()
    relay.settings["source a"] |= {"host": standby.host, "port": standby.port}
    relay.launch()
    status = relay.wait_status(lambda status: status["source"]["problem"])
    assert "lacks 20 transactions" in status["source"]["problem"], status["source"]
    assert status["source"]["state"] == "waiting", status["source"]
    standby.start_replica()
    promote(standby, source)
    ids = fill(standby, 5)
    check_all(relay, standby, ids)


@each("mysql97 mysql97", "mariadb10 mariadb10", "mysql57 mysql57 bare")
def test_what_a_server_lost_is_named_and_kept_by_choice(scene, pair):
    """A power cut took the end of its binlog, and it wrote on: under equal GTIDs, too."""
    bare = pair.endswith("bare")
    kind = pair.split()[0]
    source = scene.server(kind, **(NO_GTIDS if bare else {}))
    source.sql(TABLE)
    fill(source, 10)
    source.kill9()
    shutil.copytree(source.data, source.folder / "backup")
    source.start()
    relay = scene.relay(source, publish=DB, settings={"source a": {"retry_max": 1}})
    lost = fill(source, 5)
    relay.wait_caught_up(source)
    relay.wait_events(2 * len(lost))
    source.kill9()
    shutil.rmtree(source.data)
    (source.folder / "backup").rename(source.data)
    source.start()
    source.sql(f"UPDATE {DB}.t SET v = 'other' WHERE id = 1")
    fill(source, 3)
    status = relay.wait_status(lambda status: status["source"]["state"] == "stopped")
    assert "10 transactions" in status["source"]["problem"], status["source"]
    assert "fork = keep" in status["source"]["problem"], status["source"]
    relay.stop()
    relay.settings["relay"]["fork"] = "keep"
    relay.start()
    relay.wait_events(2 * len(lost) + 1 + 6)
    assert ids_of(relay)[:len(lost)] == lost
    assert len(ids_of(relay)) == len(lost) + 1 + 3
    epoch = json.loads(relay.cli("epochs", "--json").splitlines()[-1])
    assert epoch["forked"] and epoch["lacking"], epoch
    relay.restart()
    fill(source, 2)
    relay.wait_events(2 * len(lost) + 1 + 10)


@each("mysql57 bare", "mariadb10")
def test_binlogs_that_begin_anew_are_followed_by_choice(scene, kind):
    """RESET MASTER: nothing of the new ones was ever held, whatever their GTIDs say."""
    bare = kind.endswith("bare")
    source = scene.server(kind.split()[0], **(NO_GTIDS if bare else {}))
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB,
                        settings={"source a": {"retry_max": 1}, "relay": {"fork": "keep"}})
    fill(source, 5)
    relay.wait_caught_up(source)
    relay.stop()
    new_words = not source.kind.is_mariadb and source.kind.at_least(8, 2)
    source.sql("RESET BINARY LOGS AND GTIDS" if new_words else "RESET MASTER")
    ids = fill(source, 5)
    relay.start()
    check_all(relay, source, ids)
    assert json.loads(relay.cli("epochs", "--json").splitlines()[-1])["forked"]


@each("mysql57 mysql57")
def test_equal_transactions_without_end_are_counted(scene, pair):
    """The same row a thousand times in a moment: the relay dies in their midst, none is lost or doubled."""
    source, standby = pair_of(scene, pair, bare=True)
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB)
    fill(source, 3)
    relay.wait_caught_up(source)
    source.sql(f"CREATE PROCEDURE {DB}.many(n INT) BEGIN WHILE n > 0 DO"
               f" INSERT INTO {DB}.same VALUES (7); SET n = n - 1; END WHILE; END")
    with source.connect(database=DB) as connection, connection.cursor() as cursor:
        cursor.execute("CALL many(500)")
        relay.kill9()
        cursor.execute("CALL many(500)")
    promote(standby, source)
    source.stop()
    with standby.connect(database=DB) as connection, connection.cursor() as cursor:
        cursor.execute("CALL many(500)")
    ids = fill(standby, 3)
    lead_to(relay, standby)
    check_all(relay, standby, ids)


@each("mysql57 mysql57")
def test_where_the_join_is_not_certain_a_person_says_it(scene, pair):
    """Equal transactions alone, of which older binlogs are gone: what was found is listed, not guessed."""
    source, standby = pair_of(scene, pair, bare=True)
    source.sql(TABLE)
    standby.wait_for(source)
    source.flush_binlog()
    standby.flush_binlog()
    purge(source)
    purge(standby)
    relay = scene.relay(source, publish=DB, settings={"source b": {
        "host": standby.host, "port": standby.port, "user": REPL[0], "password": REPL[1],
        "server_id": 77}})
    source.sql(f"SET TIMESTAMP = 1700000000; INSERT INTO {DB}.same VALUES (1);"
               f"INSERT INTO {DB}.same VALUES (1); INSERT INTO {DB}.same VALUES (1)")
    relay.wait_caught_up(source)
    promote(standby, source)
    file, pos = standby.position()
    standby.sql(f"INSERT INTO {DB}.same VALUES (2)")
    said = relay.cli("switch", "b", check=False)
    assert relay.status()["source"]["name"] == "a", said
    relay.cli("switch", "b", "--at", f"{file}:{pos}")
    relay.wait_events(4)
    values = [event["value"]["after"]["v"] for event in relay.events()]
    assert values == [1, 1, 1, 2], values
    relay.cli("verify")


@GTID_PAIRS
def test_a_gap_that_was_purged_is_never_passed_over(scene, pair):
    """The candidate has deleted what the relay has not got: refused, naming it."""
    source, standby = pair_of(scene, pair)
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB)
    fill(source, 3)
    relay.wait_caught_up(source)
    relay.stop()
    fill(source, 3)
    promote(standby, source)
    fill(standby, 3)
    standby.flush_binlog()
    fill(standby, 3)
    purge(standby)
    relay.settings["source a"] |= {"host": standby.host, "port": standby.port}
    relay.launch()
    status = relay.wait_status(lambda status: status["source"]["problem"])
    assert "has deleted binlogs" in status["source"]["problem"], status["source"]
    assert ids_of(relay)[-1:] == [3]


@each("mysql57 mysql57 bare")
def test_large_transactions_are_found_again_and_skipped(scene, pair):
    """Rows that pass in pieces, of which only the relay's half is held when the source dies."""
    source, standby = pair_of(scene, pair.removesuffix(" bare"), bare=pair.endswith("bare"),
                              max_allowed_packet="128M")
    source.sql(TABLE + f"; CREATE TABLE {DB}.big (id INT PRIMARY KEY, v LONGBLOB)")
    relay = scene.relay(source, publish=DB,
                        settings={"publisher events": {"table.include.list": f"{DB}.t,{DB}.same"}})
    fill(source, 3)
    for number in range(3):
        source.sql(f"INSERT INTO {DB}.big VALUES ({number}, REPEAT('{number}', 40000000))")
        fill(source, 1)
    relay.wait_caught_up(source)
    relay.stop()
    source.sql(f"INSERT INTO {DB}.big VALUES (7, REPEAT('n', 40000000))")
    promote(standby, source)
    source.stop()
    ids = fill(standby, 3)
    lead_to(relay, standby)
    check_all(relay, standby, ids)
    used = sum(path.stat().st_blocks * 512 for path in relay.files())
    assert 160_000_000 < used < 180_000_000, used  # each of the four once, and holes take no room


@each("mysql57 mysql57")
def test_the_order_of_a_parallel_replica_is_no_difference(scene, pair):
    """Four threads of the standby log transactions as they end."""
    source, standby = pair_of(scene, pair, bare=True)
    standby.stop_replica()
    standby.sql("SET GLOBAL slave_parallel_workers = 4")
    standby.start_replica()
    databases = [f"p{number}" for number in range(4)]
    for name in databases:
        source.sql(f"CREATE DATABASE {name}; CREATE TABLE {name}.t (id INT PRIMARY KEY, v INT)")
    relay = scene.relay(source, publish=",".join(databases))
    for number in range(100):
        for name in databases:
            if number == 60 and name == "p0":
                relay.wait_caught_up(source)
                relay.stop()
            source.sql(f"INSERT INTO {name}.t VALUES ({number}, {number})")
    promote(standby, source)
    source.stop()
    for name in databases:
        standby.sql(f"INSERT INTO {name}.t VALUES (100, 100)")
    lead_to(relay, standby)
    relay.wait_events(404)
    for name in databases:
        ids = [event["value"]["after"]["id"] for event in relay.events()
               if event["topic"] == f"srv.{name}.t"]
        assert ids == list(range(101)), ids
