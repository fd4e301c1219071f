"""Incremental snapshots: what tables hold already comes chunk by chunk, beside the stream."""

import json
import os
import random
import threading
import time

from lib import wait
from lib.errors import Failure
from lib.marks import each, limit
from lib.versioned import Versioned, fold

SERVERS = ("mysql97", "mariadb10")
ROWS = int(os.environ.get("ROWS", "4000"))
KILLS = 2
HUGE_MS = 3_600_000


def snapshots(relay):
    return [json.loads(line) for line in relay.cli("snapshot", "status", "--json").splitlines()]


def wait_over(relay):
    def over():
        return snapshots(relay)[0]["active"] is False
    wait.until(over, 60, lambda: f"the snapshot's end\n{snapshots(relay)}\n{relay.tail()}")


def refusal(relay, *words):
    """What the command says that it refuses."""
    try:
        said = relay.cli(*words)
    except Failure as failure:
        return failure.details
    raise Failure(f"it was not refused: {said}", relay.tail())


def reads(relay):
    """(topic, key, row) of all records that were read, in order."""
    return [(event["topic"], event["key"], event["value"]["after"]) for event in relay.events()
            if event["value"] and event["value"].get("op") == "r"]


@limit(120)
@each(*SERVERS)
def test_rows_that_are_there_are_read_once(scene, kind):
    """All rows, in the order of the key, marked as Debezium does."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(20))")
    server.sql("INSERT INTO g.t VALUES " + ",".join(f"({i}, 'v{i}')" for i in range(1, 2501)))
    relay = scene.relay(server, publish="g", settings={
        "source a": {"start": "newest"}, "publisher events": {"start": "newest"}})
    relay.wait_caught_up(server)
    relay.cli("snapshot", "start", "g.t")
    wait_over(relay)
    seen = reads(relay)
    assert [key["id"] for _, key, _ in seen] == list(range(1, 2501))
    assert seen[7][2] == {"id": 8, "v": "v8"}
    source = [event for event in relay.events() if event["value"]["op"] == "r"][0]["value"]["source"]
    assert source["snapshot"] == "incremental" and source["table"] == "t" and source["row"] == 0
    relay.stop()


def records(relay):
    return [(event["topic"], event["key"], event["value"]) for event in relay.events()]


def assert_equal(server, relay, seed):
    """What the topic leaves is what the table holds, and no row came older after newer."""
    server.sql("INSERT INTO g.t VALUES ('the end', 0, 0, NULL)")
    relay.wait_caught_up(server)
    wait.until(lambda: any(key and key.get("a") == "the end" for _, key, _ in records(relay)), 60, relay.tail)
    rows, wrong = fold(records(relay), "srv.g.t")
    assert not wrong, f"seed {seed}: {len(wrong)}, first {wrong[:3]}"
    held = {(a, b): (n, v) for a, b, n, v in server.sql("SELECT a, b, n, v FROM g.t")}
    lacks, differ = set(held) - set(rows), [key for key in set(held) & set(rows) if held[key] != rows[key]]
    assert not lacks and not differ and len(rows) == len(held), \
        f"seed {seed}: {len(lacks)} lack, {len(differ)} differ, {len(set(rows) - set(held))} too many; " \
        f"{sorted(lacks)[:3]} {differ[:3]}"


@limit(240)
@each("mysql97", "mysql97-off", "mariadb10")
def test_random_changes_meanwhile_and_kills_of_the_relay(scene, variant):
    """Inserts, deletes, changes of keys; folded by key the topic is the table."""
    kind, _, off = variant.partition("-")
    options = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"} if off else {}
    server = scene.server(kind, binlog_row_metadata="FULL", **options)
    server.sql("CREATE DATABASE g CHARACTER SET utf8mb4")
    seed = random.randrange(1 << 30)
    load = Versioned(server, rows=ROWS, seed=seed)
    load.fill()
    relay = scene.relay(server, publish="g", settings={
        "source a": {"start": "newest"},
        "publisher events": {"start": "newest", "incremental.snapshot.chunk.size": 400,
                             "snapshot.max.rows.per.second": ROWS // 3}})
    relay.wait_caught_up(server)
    dice = random.Random(seed)
    with load:
        relay.cli("snapshot", "start", "g.t")
        for _ in range(KILLS):
            before = snapshots(relay)[0]["rows"]
            wait.until(lambda: snapshots(relay)[0]["active"] is False or snapshots(relay)[0]["rows"] > before, 60, relay.tail)
            time.sleep(dice.random() * 0.3)
            relay.kill9()
            relay.start()
        wait_over(relay)
    assert_equal(server, relay, seed)
    relay.stop()


SEMI_SYNC = {
    "mysql97": {"plugin_load_add": "semisync_source.so", "rpl_semi_sync_source_timeout": HUGE_MS,
                "rpl_semi_sync_source_wait_point": "AFTER_SYNC", "rpl_semi_sync_source_wait_no_replica": "ON"},
    "mariadb10": {"rpl_semi_sync_master_timeout": HUGE_MS, "rpl_semi_sync_master_wait_point": "AFTER_SYNC",
                  "rpl_semi_sync_master_wait_no_slave": "ON"},
}


@limit(120)
@each("mysql97", "mysql97-off", "mariadb10")
def test_what_was_published_before_it_can_be_seen_is_waited_for(scene, variant):
    """A transaction that is in the binlog, and not yet committed: its row must not come older after it."""
    kind, _, off = variant.partition("-")
    options = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"} if off else {}
    server = scene.server(kind, binlog_row_metadata="FULL", **SEMI_SYNC[kind], **options)
    word = "master" if kind.startswith("mariadb") else "source"
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(20))")
    server.sql("INSERT INTO g.t VALUES (1, 'old'), (2, 'same')")
    relay = scene.relay(server, publish="g", settings={
        "source a": {"start": "newest"}, "publisher events": {"start": "newest"}})
    relay.wait_caught_up(server)
    server.sql(f"SET GLOBAL rpl_semi_sync_{word}_enabled = ON")
    writer = threading.Thread(target=server.sql, args=("UPDATE g.t SET v = 'new' WHERE id = 1",))
    writer.start()
    try:
        wait.until(lambda: any(event["value"].get("op") == "u" for event in relay.events()), 60, relay.tail)
        assert server.sql("SELECT v FROM g.t WHERE id = 1") [0][0] == "old"
        relay.cli("snapshot", "start", "g.t")
        wait.until(lambda: snapshots(relay)[0]["waits"] or reads(relay), 60, lambda: snapshots(relay))
        assert not reads(relay)
    finally:
        server.sql(f"SET GLOBAL rpl_semi_sync_{word}_enabled = OFF")
        writer.join()
    wait_over(relay)
    assert [row for _, _, row in reads(relay)] in ([{"id": 1, "v": "new"}, {"id": 2, "v": "same"}],
                                                   [{"id": 2, "v": "same"}])
    relay.stop()


@limit(120)
@each(*SERVERS)
def test_a_table_that_is_changed_or_dropped_meanwhile(scene, kind):
    """The chunk is read again with the new columns; a table that is gone is left out, the next one comes."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(20));"
               "CREATE TABLE g.gone (id INT PRIMARY KEY); CREATE TABLE g.u (id INT PRIMARY KEY)")
    server.sql("INSERT INTO g.t VALUES " + ",".join(f"({i}, 'v{i}')" for i in range(1, 2001)))
    server.sql("INSERT INTO g.gone VALUES (1); INSERT INTO g.u VALUES (7)")
    relay = scene.relay(server, publish="g", settings={
        "source a": {"start": "newest"},
        "publisher events": {"start": "newest", "incremental.snapshot.chunk.size": 20,
                             "snapshot.max.rows.per.second": 400}})
    relay.wait_caught_up(server)
    relay.cli("snapshot", "start", "g.t", "g.gone", "g.u")
    wait.until(lambda: reads(relay), 60, relay.tail)
    relay.cli("snapshot", "pause")
    assert snapshots(relay)[0]["table"] == "g.t" and snapshots(relay)[0]["rows"] < 2000
    server.sql("ALTER TABLE g.t ADD COLUMN w INT NOT NULL DEFAULT 5 FIRST; DROP TABLE g.gone")
    relay.cli("snapshot", "resume")
    wait_over(relay)
    rows = {key["id"]: row for topic, key, row in reads(relay) if topic == "srv.g.t"}
    assert len(rows) == 2000 and rows[2000] == {"w": 5, "id": 2000, "v": "v2000"}, rows[2000]
    assert [key["id"] for topic, key, _ in reads(relay) if topic == "srv.g.u"] == [7]
    assert "g.gone" in snapshots(relay)[0]["problem"]
    relay.stop()


@limit(120)
def test_what_cannot_be_read_is_said_before_it_starts(scene):
    """No key, no such table, a wrong surrogate; a wrong condition leaves the table out."""
    server = scene.server("mariadb10", binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(20));"
               "CREATE TABLE g.keyless (n INT NOT NULL, m INT); INSERT INTO g.keyless VALUES (3, 1), (4, 2);"
               "INSERT INTO g.t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    relay = scene.relay(server, publish="g", settings={
        "source a": {"start": "newest"}, "publisher events": {"start": "newest"}})
    relay.wait_caught_up(server)
    for words, sentence in ((("g.keyless",), "no primary key"), (("g.nothing",), "g.nothing"),
                            (("g.t", "g.keyless"), "no primary key"),
                            (("g.keyless", "--surrogate-key", "m"), "may be NULL")):
        assert sentence in refusal(relay, "snapshot", "start", *words)
    assert not snapshots(relay)[0]["active"] and not reads(relay)
    relay.cli("snapshot", "start", "g.keyless", "--surrogate-key", "n", "--wait")
    relay.cli("snapshot", "start", "g.t", "--where", "id > 1 AND v <> 'c'", "--wait")
    relay.cli("snapshot", "start", "g.t", "--where", "nonsense", "--wait")
    assert [row for _, _, row in reads(relay)] == [{"n": 3, "m": 1}, {"n": 4, "m": 2}, {"id": 2, "v": "b"}]
    assert "nonsense" in snapshots(relay)[0]["problem"]
    relay.stop()


@limit(120)
def test_signals_of_the_signalling_table(scene):
    """execute, pause, resume and stop by rows, as for Debezium; a restart keeps a paused snapshot."""
    server = scene.server("mysql97", binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(20)); CREATE DATABASE other;"
               "CREATE TABLE other.signals (id VARCHAR(64) PRIMARY KEY, type VARCHAR(32), data VARCHAR(2048))")
    server.sql("INSERT INTO g.t VALUES " + ",".join(f"({i}, 'v{i}')" for i in range(1, 1001)))
    relay = scene.relay(server, publish="g", settings={
        "source a": {"start": "newest"},
        "publisher events": {"start": "newest", "incremental.snapshot.chunk.size": 20,
                             "snapshot.max.rows.per.second": 400,
                             "signal.data.collection": "other.signals"}})
    relay.wait_caught_up(server)

    def signal(number, kind, data="{}"):
        server.sql("INSERT INTO other.signals VALUES (%s, %s, %s)", (str(number), kind, data))

    def execute_and_pause(number, table):
        """In one transaction, so that no more than a chunk comes between the two."""
        server.sql("INSERT INTO other.signals VALUES (%s, 'execute-snapshot', %s), (%s, 'pause-snapshot', '{}')",
                   (str(number), json.dumps({"data-collections": [table], "type": "incremental"}), str(number + 1)))

    execute_and_pause(1, "g\\.t")
    wait.until(lambda: snapshots(relay)[0]["paused"], 60, lambda: snapshots(relay))
    relay.kill9()
    relay.start()
    wait.until(lambda: snapshots(relay)[0]["paused"], 60, lambda: snapshots(relay))
    signal(3, "resume-snapshot")
    wait_over(relay)
    assert {key["id"] for _, key, _ in reads(relay)} == set(range(1, 1001))
    execute_and_pause(4, "g.t")
    wait.until(lambda: snapshots(relay)[0]["paused"], 60, lambda: snapshots(relay))
    signal(6, "stop-snapshot")
    wait_over(relay)
    assert 1000 <= len(reads(relay)) < 2000
    assert [event["key"]["id"] for event in relay.events() if event["topic"] == "srv.other.signals"] == list("123456")
    relay.stop()
