"""Incremental snapshots through what happens meanwhile: switchovers, kills of relay and broker."""

import json
import os
import random
import time

from lib import wait
from lib.kafka import Broker, publisher, wait_published
from lib.marks import each, limit
from lib.switching import attach, promote
from lib.versioned import Versioned, fold

ROWS = int(os.environ.get("ROWS", "4000"))
TOPIC = "srv.g.t"


def progress(relay):
    return json.loads(relay.cli("snapshot", "status", "--json").splitlines()[0])


def wait_rows(relay, rows):
    def got_on():
        now = progress(relay)
        return now["active"] is False or (now["active"] and now["rows"] >= rows)
    wait.until(got_on, 60, lambda: f"{rows} rows\n{progress(relay)}\n{relay.tail()}")


def wait_over(relay):
    wait.until(lambda: progress(relay)["active"] is False, 90,
               lambda: f"the snapshot's end\n{progress(relay)}\n{relay.tail()}")


def assert_equal(server, records, seed):
    rows, wrong = fold(records, TOPIC)
    assert not wrong, f"seed {seed}: {len(wrong)} came older after newer, first {wrong[:3]}"
    held = {(a, b): (n, v) for a, b, n, v in server.sql("SELECT a, b, n, v FROM g.t")}
    assert rows == held, f"seed {seed}: {len(set(held) - set(rows))} lack, {len(set(rows) - set(held))} too many, " \
        f"{[(k, held[k], rows[k]) for k in set(held) & set(rows) if held[k] != rows[k]][:3]}"


@limit(240)
@each("mysql97", "mariadb10")
def test_a_switchover_in_the_midst(scene, kind):
    """Chunks that were read at the former source are read again at the new one; then all goes on there."""
    seed = random.randrange(1 << 30)
    strict = {"gtid_strict_mode": "ON"} if kind.startswith("mariadb") else {}
    first = scene.server(kind, binlog_row_metadata="FULL", **strict)
    second = scene.server(kind, binlog_row_metadata="FULL", **strict)
    first.sql("CREATE DATABASE g CHARACTER SET utf8mb4")
    load = Versioned(first, rows=ROWS, seed=seed)
    load.fill()
    attach(second, first, "gtid")
    relay = scene.relay(first, publish="g", start=False, settings={
        "source a": {"start": "newest"},
        "publisher events": {"start": "newest", "incremental.snapshot.chunk.size": 50,
                             "snapshot.max.rows.per.second": ROWS // 6}})
    relay.settings["source b"] = relay.settings["source a"] | {"host": second.host, "port": second.port}
    relay.start()
    relay.wait_caught_up(first)
    with load:
        relay.cli("snapshot", "start", "g.t")
        wait_rows(relay, 1)
        relay.cli("snapshot", "pause")
        assert progress(relay)["rows"] < ROWS // 2, "it was too quick to be met in the midst"
        load.stop()
        second.wait_for(first)
        promote(second)
        load.start(second)
        relay.cli("snapshot", "resume")
        relay.cli("switch", "b", timeout_s=120)
        wait_over(relay)
    second.sql("INSERT INTO g.t VALUES ('the end', 0, 0, NULL)")
    relay.wait_caught_up(second)
    wait.until(lambda: b'"the end"' in relay.output.read_bytes(), 60, relay.tail)
    assert_equal(second, [(event["topic"], event["key"], event["value"]) for event in relay.events()], seed)
    relay.stop()


@limit(300)
def test_kafka_exactly_once_through_kills_of_relay_and_broker(scene):
    """Folded by key the topic is the table; nobody sees a row twice in the snapshot."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    broker = scene.add(Broker(scene.path("kafka")))
    server = scene.server("mysql97", binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g CHARACTER SET utf8mb4")
    load = Versioned(server, rows=ROWS, seed=seed)
    load.fill()
    relay = scene.relay(server, settings={"source a": {"start": "newest"}, "publisher k": publisher(
        broker, start="newest", batch_ms=50, **{"incremental.snapshot.chunk.size": 50,
                                                "snapshot.max.rows.per.second": ROWS // 3})})
    relay.wait_caught_up(server)
    with load:
        relay.cli("snapshot", "start", "g.t", "--publisher", "k")
        for victim in ("relay", "broker"):
            wait_rows(relay, progress(relay)["rows"] + 1)
            time.sleep(dice.random() * 0.3)
            if victim == "relay":
                relay.kill9()
                relay.start()
            else:
                broker.kill9()
                broker.start()
        wait_over(relay)
    server.sql("INSERT INTO g.t VALUES ('the end', 0, 0, NULL)")
    wait_published(relay, server)
    records = [(TOPIC, json.loads(record["key"]), json.loads(record["payload"]) if record["payload"] else None)
               for record in broker.records(TOPIC)]
    assert_equal(server, records, seed)
    read = [json.dumps(key) for _, key, value in records if value and value["op"] == "r"]
    assert len(read) == len(set(read)), f"seed {seed}: {len(read) - len(set(read))} rows were read twice"
    relay.stop()
