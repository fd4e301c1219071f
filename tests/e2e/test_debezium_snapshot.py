"""Debezium's own snapshots through the relay are those that it takes directly, and lead into its stream."""

import threading

from lib import wait
from lib.debezium import STOP_MARK, mark_end
from lib.marks import each, limit
from lib.servers import DEBEZIUM

TABLES = """
    CREATE DATABASE g;
    CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(30), d DECIMAL(6,2), b BLOB, ts DATETIME) CHARSET=utf8mb4;
    INSERT INTO g.t VALUES (1, 'é "quoted"', 1.50, x'00ff', '2024-02-29 13:14:15'), (2, NULL, NULL, NULL, NULL);
    CREATE TABLE g.u (a INT, k VARCHAR(10), PRIMARY KEY (k, a));
    INSERT INTO g.u VALUES (1, 'x'), (2, 'y');
    CREATE TABLE g.signals (id VARCHAR(64) PRIMARY KEY, type VARCHAR(32), data VARCHAR(2048))
"""
FORWARD = {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}


class Load:
    """Inserts rows into g.t, one after the other, until it is left."""

    def __init__(self, server):
        self.server = server
        self.last = 99
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._over.wait(0.005):
            self.server.sql("INSERT INTO g.t (id, v) VALUES (%s, 'load')", (self.last + 1,))
            self.last += 1
            if self.last % 100 == 0:
                self.server.sql("FLUSH BINARY LOGS")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def rows(records, kinds="rcud"):
    """(topic, key, op, row) of all change events."""
    return [(record["topic"], record["key"], record["value"]["op"], record["value"]["after"])
            for record in records
            if record["value"] and "op" in record["value"] and record["value"]["op"] in kinds
            and not record["topic"].endswith(STOP_MARK)]


def schemas(records):
    return [record["value"]["ddl"] for record in records
            if record["value"] and "ddl" in record["value"]]


def assert_each_once(server, records):
    """Every row of the table came exactly once, in the snapshot or in the stream."""
    seen = [key["id"] for topic, key, _, _ in rows(records, "rc") if topic == "srv.g.t"]
    held = [row[0] for row in server.sql("SELECT id FROM g.t ORDER BY id")]
    assert len(seen) == len(set(seen)), sorted(i for i in set(seen) if seen.count(i) > 1)[:10]
    assert sorted(seen) == held, (len(seen), len(held), sorted(set(held) - set(seen))[:10])


def scene_of(scene, kind, **settings):
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql(TABLES)
    relay = scene.relay(server, settings={"source a": FORWARD, **settings})
    relay.wait_caught_up(server)
    return server, relay


@limit(240)
@each(*(f"{kind} {lock}" for kind in ("mysql97", "mariadb10") for lock in ("minimal", "extended")))
def test_a_snapshot_through_the_relay_leads_into_its_stream(scene, variant):
    """The same snapshot as a direct one; under load each row comes once."""
    kind, lock = variant.split()
    server, relay = scene_of(scene, kind)
    mode = {"snapshot_mode": "initial", "snapshot_locking_mode": lock}
    direct = scene.debezium(server, "g", **mode)
    with Load(server):
        through = scene.debezium(relay, "g", **mode)
    server.sql("UPDATE g.t SET v = 'after' WHERE id = 1; DELETE FROM g.u WHERE a = 1")
    mark_end(server, "g")
    theirs, ours = direct.wait_for_end(), through.wait_for_end()
    assert schemas(ours) == schemas(theirs), (schemas(ours), schemas(theirs))
    assert rows(theirs, "r") == [row for row in rows(ours, "r") if (row[1].get("id") or 0) < 100]
    assert_each_once(server, ours)
    assert sorted(map(str, rows(ours, "ud"))) == sorted(map(str, rows(theirs, "ud")))


def without_clocks(value):
    """What two connectors write alike of one event: not the time, nor which run it was."""
    if isinstance(value, dict):
        return {name: without_clocks(part) for name, part in value.items()
                if not name.startswith("ts_")}
    if isinstance(value, list):
        return [without_clocks(part) for part in value
                if not (isinstance(part, dict) and str(part.get("name", "")).endswith(".runId"))]
    return value


@limit(240)
@each("mysql97", "mariadb10")
def test_modes_and_moves(scene, kind):
    """Without locks the same events as direct; then it moves to the relay and back by its offsets."""
    server, relay = scene_of(scene, kind)
    mode = {"snapshot_mode": "initial", "snapshot_locking_mode": "none"}
    direct = scene.debezium(server, "g", **mode)
    through = scene.debezium(relay, "g", **mode)
    server.sql("INSERT INTO g.t (id) VALUES (3)")
    wait.until(lambda: rows(through.records(), "c") and rows(direct.records(), "c"), 60,
               through.tail)
    direct.stop()
    through.stop()
    ours, theirs = through.records(), direct.records()
    for our, their in zip(ours, theirs):
        assert without_clocks(our) == without_clocks(their), (our, their)
    assert len(ours) == len(theirs)

    def goes_on(at, other, mode, *statements):
        server.sql(";".join(statements))
        again = scene.debezium(at, "g", snapshot_mode=mode, properties={
            "offset.storage.file.filename": other.folder / "offsets",
            "schema.history.internal.file.filename": other.folder / "history"})
        return again

    moved = goes_on(relay, direct, "when_needed", "INSERT INTO g.t (id) VALUES (4)")
    wait.until(lambda: rows(moved.records()), 60, moved.tail)
    moved.stop()
    assert [key["id"] for _, key, _, _ in rows(moved.records())] == [4]
    (direct.folder / "history").unlink()
    recovered = goes_on(relay, direct, "recovery", "INSERT INTO g.t (id) VALUES (5)")
    wait.until(lambda: rows(recovered.records()), 60, recovered.tail)
    recovered.stop()
    assert [key["id"] for _, key, _, _ in rows(recovered.records())] == [5]
    back = goes_on(server, direct, "no_data", "INSERT INTO g.t (id) VALUES (6)")
    mark_end(server, "g")
    assert [key["id"] for _, key, _, _ in rows(back.wait_for_end())] == [6]


@limit(240)
@each("mysql97", "mariadb10")
def test_an_incremental_snapshot_by_signal(scene, kind):
    """With the right to write, the signal table's watermarks go through the relay, too."""
    server, relay = scene_of(scene, kind, **{f"user {DEBEZIUM[0]}": {
        "password": DEBEZIUM[1], "rights": "replicate, forward, write"}})
    server.sql(f"GRANT INSERT ON g.signals TO {DEBEZIUM[0]}@'%'")
    connector = scene.debezium(relay, "g", snapshot_mode="no_data",
                               signal_data_collection="g.signals",
                               incremental_snapshot_chunk_size=10)
    server.sql("""INSERT INTO g.signals VALUES ('1', 'execute-snapshot',
               '{"data-collections": ["g.t", "g.u"], "type": "incremental"}')""")
    wait.until(lambda: len(rows(connector.records(), "r")) == 4, 90, connector.tail)
    connector.stop()
    assert sorted(str(key) for topic, key, _, _ in rows(connector.records(), "r")) == sorted(
        map(str, ({"id": 1}, {"id": 2}, {"k": "x", "a": 1}, {"k": "y", "a": 2})))
