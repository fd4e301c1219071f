"""The real Debezium runs here, so that others can compare with it."""

from lib import wait
from lib.debezium import mark_end, streamed
from lib.marks import each, limit

WORKLOAD = """
    CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(30), d DECIMAL(6,2));
    INSERT INTO g.t VALUES (1, 'é \\"quoted\\"', 1.50), (2, NULL, NULL);
    UPDATE g.t SET v = 'zwei' WHERE id = 2;
    UPDATE g.t SET id = 3 WHERE id = 1;
    DELETE FROM g.t WHERE id = 2
"""


@limit(180)
@each("mysql97", "mariadb10")
def test_debezium_writes_what_happened(scene, kind):
    """Inserts, updates, a key change and a delete come out in order, up to the stop mark."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g")
    connector = scene.debezium(server, "g", decimal_handling_mode="string")
    server.sql(WORKLOAD)
    mark_end(server, "g")
    everything = connector.wait_for_end()
    records = streamed(everything)

    assert records[0]["topic"] == "srv", records[0]
    assert "CREATE TABLE g.t" in records[0]["value"]["ddl"], records[0]
    rows = [record for record in records if record["topic"] == "srv.g.t"]
    assert len(rows) == len(records) - 1, records
    assert [(row["value"] or {}).get("op") for row in rows] == [
        "c", "c", "u", "d", None, "c", "d", None]
    assert rows[0]["key"] == {"id": 1}
    assert rows[0]["value"]["after"] == {"id": 1, "v": 'é "quoted"', "d": "1.50"}
    assert rows[0]["value"]["source"]["connector"] == server.kind.family
    names = [header["name"] for header in rows[3]["headers"]]
    assert "__debezium.newkey" in names, names
    assert connector.output.read_text().count("\n") == len(everything)


@limit(180)
@each("mysql97", "mariadb10")
def test_debezium_ends_in_order_at_sigterm(scene, kind):
    """Stopped by SIGTERM it has written all it was given, and a new one goes on after it."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g")
    connector = scene.debezium(server, "g")
    server.sql("CREATE TABLE g.t (id INT PRIMARY KEY); INSERT INTO g.t VALUES (1)")
    wait.until(lambda: any(r["key"] == {"id": 1} for r in connector.records()), 60, connector.tail)
    connector.stop()
    server.sql("INSERT INTO g.t VALUES (2)")
    mark_end(server, "g")
    again = scene.debezium(server, "g", properties={
        "offset.storage.file.filename": connector.folder / "offsets",
        "schema.history.internal.file.filename": connector.folder / "history"})
    assert [record["key"] for record in streamed(again.wait_for_end())] == [{"id": 2}]
