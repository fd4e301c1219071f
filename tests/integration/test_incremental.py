"""Incremental snapshots: what tables hold already comes chunk by chunk, beside the stream."""

import json
import os
import random
import time

from lib import wait
from lib.marks import each, limit
from lib.versioned import Versioned, fold

SERVERS = ("mysql97", "mariadb10")
ROWS = int(os.environ.get("ROWS", "6000"))
KILLS = 3


def snapshots(relay):
    return [json.loads(line) for line in relay.cli("snapshot", "status", "--json").splitlines()]


def wait_over(relay):
    def over():
        return not snapshots(relay)[0]["active"]
    wait.until(over, 60, lambda: f"the snapshot's end\n{snapshots(relay)}\n{relay.tail()}")


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
        "publisher events": {"start": "newest", "incremental.snapshot.chunk.size": 50,
                             "snapshot.max.rows.per.second": ROWS // 3}})
    relay.wait_caught_up(server)
    dice = random.Random(seed)
    with load:
        relay.cli("snapshot", "start", "g.t")
        for _ in range(KILLS):
            before = snapshots(relay)[0]["rows"]
            wait.until(lambda: not snapshots(relay)[0]["active"] or snapshots(relay)[0]["rows"] > before, 60, relay.tail)
            time.sleep(dice.random() * 0.3)
            relay.kill9()
            relay.start()
        wait_over(relay)
    assert_equal(server, relay, seed)
    relay.stop()
