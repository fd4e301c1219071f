"""A consistent snapshot: what exists already is written first, as Debezium writes it, then every change."""

import itertools
import json
import os
import random
import re
import sqlite3
import sys
import tarfile
import threading
from pathlib import Path

from lib import wait
from lib.marks import each, limit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import debezium as golden  # (the comparison of the recorded cases)

HERE = Path(golden.__file__).parent
# What another server and another run tell otherwise.
VARYING = [(re.compile(pattern), by) for pattern, by in (
    (r'"ts_(ms|us|ns)":\d+', r'"ts_\1":0'), (r'"server_id":[1-9]\d*', '"server_id":1'),
    (r'"gtid":"[^"]*"', '"gtid":"x"'), (r'"thread":\d+', '"thread":1'),
    (r'"file":"[^"]*","pos":\d+', '"file":"f","pos":1'))]
# The servers' settings of the recorded cases.
SERVERS = {
    "mysql97": {"binlog_row_metadata": "FULL", "binlog_rows_query_log_events": "ON",
                "default_time_zone": "+00:00"},
    "mariadb10": {"binlog_row_metadata": "FULL", "default_time_zone": "+00:00",
                  "character_set_server": "latin1", "gtid_strict_mode": "ON"},
}
CASES = [("mysql97", "mysql", "09_snapshot", variant)
         for variant in ("default", "no_data", "initial_only_isostring")]
CASES += [("mariadb10", "mariadb", "03_ddl_snapshot", variant) for variant in ("default", "no_data")]


def same(text):
    for pattern, by in VARYING:
        text = pattern.sub(by, text)
    return text


def recorded(archive, family, case, variant, schemas):
    name = f"{family}/{case}.{variant}{'.schemas' if schemas else ''}.json"
    lines = archive.extractfile(name).read().decode("utf-8").split("\n")
    head = json.loads(lines[0].rstrip(",") + "}")
    found = []
    for line in lines:
        if line.startswith('{"topic":'):
            event = golden.members(line.rstrip(",\n"))
            found.append(tuple(same(event[part]) for part in ("topic", "key", "value")))
    return head, found


def written(path):
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [tuple(same(golden.members(line)[part]) for part in ("topic", "key", "value"))
            for line in lines]


def script(name):
    """What ran before the connector started, and what ran while it streamed."""
    text = (HERE / "debezium" / name).read_text(encoding="utf-8")
    before, stream = text.split("-- stream\n")
    return "".join(l for l in before.splitlines(True) if not l.startswith("--")), stream


@limit(240)
@each("mysql97", "mariadb10")
def test_a_snapshot_equals_the_recorded_ones(scene, kind):
    """Schema changes, rows, marks and the changes behind them are those of the golden cases."""
    server = scene.server(kind, **SERVERS[kind])
    cases = [case for case in CASES if case[0] == kind]
    before, stream = script(f"{cases[0][1]}-{cases[0][2]}.sql")
    server.sql("CREATE DATABASE g")
    server.sql(before)
    settings, expected, paths = {}, {}, {}
    with tarfile.open(HERE / "debezium.tar.xz") as archive:
        for _, family, case, variant in cases:
            for schemas in (False, True):
                head, events = recorded(archive, family, case, variant, schemas)
                name = f"{variant}{schemas}".lower()
                expected[name] = events
                paths[name] = scene.path(f"{name}.jsonl")
                settings[f"publisher {name}"] = {
                    "sink": "file", "path": paths[name], "topic.prefix": "srv",
                    "database.include.list": "g,g2", "schemas.enable": str(schemas).lower(),
                    "strict.compatibility": "true"} | head["options"]
    relay = scene.relay(server, settings=settings)
    for name in expected:
        wait.until(lambda n=name: any(p["name"] == n and p["state"] == "idle"
                                      for p in relay.status()["publishers"]), 60,
                   lambda: f"the snapshot\n{relay.status()}\n{relay.tail()}")
    server.sql(stream)
    for name, events in expected.items():
        path = paths[name]
        wait.until(lambda p=path, n=len(events): len(written(p)) >= n, 60,
                   lambda p=path, n=len(events): f"{n} events, there are {len(written(p))}\n{relay.tail()}")
        for ours, theirs in zip(written(path), events):
            for a, b in zip(ours, theirs):
                at = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), 0)
                assert a == b, f"{name}: ours ...{a[max(0, at - 80):at + 120]}\n" \
                               f"recorded ...{b[max(0, at - 80):at + 120]}"
        assert len(written(path)) == len(events), name
    relay.stop()


# --- rows, once and never older after newer

ROWS = 400


class Folded:
    """What a consumer has that applies the records in their order: the rows by table and key."""

    def __init__(self, events):
        self.tables, self.reads = {}, {}
        newest = {}
        for event in events:
            table, key, value = event["topic"], json.dumps(event["key"]), event["value"]
            rows = self.tables.setdefault(table, {})
            if value is None or value["op"] == "d":
                rows.pop(key, None)
                continue
            after = value["after"]
            assert after["v"] >= newest.get((table, key), 0), f"older after newer: {event}"
            newest[table, key] = after["v"]
            rows[key] = after
            if value["op"] == "r":
                self.reads[table] = self.reads.get(table, 0) + 1

    def rows(self, table):
        return sorted(self.tables.get(f"srv.g.{table}", {}).values(), key=lambda row: row["id"])


def content(server, table):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT id, v, w FROM g.{table} ORDER BY id")
        return [{"id": i, "v": v, "w": w} for i, v, w in cursor.fetchall()]


def make_tables(server, *tables):
    server.sql("CREATE DATABASE g")
    for table in tables:
        server.sql(f"CREATE TABLE g.{table} (id INT NOT NULL PRIMARY KEY, v BIGINT NOT NULL, w VARCHAR(200))")
        for begin in range(0, ROWS, 100):
            rows = ", ".join(f"({i}, 1, REPEAT('x', {i % 200}))" for i in range(begin, begin + 100))
            server.sql(f"INSERT INTO g.{table} VALUES {rows}")


def snapshot_of(relay):
    return relay.status()["publishers"][0].get("snapshot") or {}


def kept_state(relay):
    """What the catalog keeps of the publisher's snapshot."""
    with sqlite3.connect(f"file:{relay.data / 'catalog.db'}?mode=ro", uri=True) as catalog:
        found = catalog.execute("SELECT state FROM checkpoint").fetchone()
    return found[0] if found else ""


@limit(150)
@each("mariadb10", "mysql97")
def test_a_killed_snapshot_goes_on_with_the_tables_that_are_left(scene, kind):
    """Killed while a table is locked: what was read is not read again, and all changes come."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    make_tables(server, "a", "b", "c")
    lock = server.connect()
    with lock.cursor() as cursor:
        cursor.execute("LOCK TABLES g.c WRITE")
    relay = scene.relay(server, publish="g", settings={"publisher events": {"snapshot.mode": "initial"}})
    wait.until(lambda: kept_state(relay).startswith("rows\tg\ta"), 60,
               lambda: f"table a to be done: {kept_state(relay)}\n{relay.tail()}")
    server.sql("UPDATE g.a SET v = 2 WHERE id % 3 = 0; DELETE FROM g.a WHERE id % 5 = 0")
    relay.kill9()
    server.sql("UPDATE g.b SET v = 3, w = 'changed' WHERE id % 7 = 0; DELETE FROM g.b WHERE id % 4 = 0;"
               "INSERT INTO g.a VALUES (100000, 4, NULL)")
    lock.close()
    relay.start()
    wait.until(lambda: kept_state(relay) == "done", 60, lambda: f"{kept_state(relay)}\n{relay.tail()}")
    server.sql("INSERT INTO g.c VALUES (100000, 5, 'end')")
    wait.until(lambda: any(e["topic"] == "srv.g.c" and e["key"]["id"] == 100000
                           for e in relay.events()), 60, lambda: relay.tail())
    folded = Folded(relay.events())
    for table in ("a", "b", "c"):
        assert folded.rows(table) == content(server, table), table
    assert folded.reads["srv.g.a"] == ROWS
    relay.stop()


@limit(200)
@each("mariadb10", "mysql97")
def test_nothing_is_missing_or_older_whatever_happens_meanwhile(scene, kind):
    """Random changes, deletes and changes of keys all the time, kills of the relay: the rows are the tables'."""
    rng = random.Random(int(os.environ.get("BINRELAY_TEST_SEED", 11)))
    server = scene.server(kind, binlog_row_metadata="FULL", sync_binlog=0,
                          innodb_flush_log_at_trx_commit=0)
    make_tables(server, "a", "b", "c", "d")
    ends, sequence = threading.Event(), itertools.count(2)

    def work():
        connection = server.connect()
        with connection.cursor() as cursor:
            while not ends.is_set():
                table, key, v = rng.choice("abcd"), rng.randrange(ROWS), next(sequence)
                cursor.execute(rng.choice([
                    f"UPDATE g.{table} SET v = {v}, w = 'u{v}' WHERE id = {key}",
                    f"DELETE FROM g.{table} WHERE id = {key}",
                    f"REPLACE INTO g.{table} VALUES ({key}, {v}, 'r{v}')",
                    f"UPDATE IGNORE g.{table} SET id = {rng.randrange(ROWS)}, v = {v} WHERE id = {key}"]))
                ends.wait(0.002) # so that there are moments without commits
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        relay = scene.relay(server, publish="g", settings={
            "publisher events": {"snapshot.mode": "initial", "snapshot.max.threads": rng.choice("12")}})
        for _ in range(4):
            ends.wait(rng.random() / 2)
            relay.kill9()
            relay.start()
        wait.until(lambda: kept_state(relay) == "done", 60,
                   lambda: f"{kept_state(relay)}\n{relay.status()}\n{relay.tail()}")
    finally:
        ends.set()
        worker.join()
    server.sql("INSERT INTO g.a VALUES (100000, 1000000, 'end')")
    wait.until(lambda: any(e["topic"] == "srv.g.a" and e["key"]["id"] == 100000
                           for e in relay.events()), 60, lambda: relay.tail())
    folded = Folded(relay.events())
    for table in "abcd":
        assert folded.rows(table) == content(server, table), table
    relay.stop()
