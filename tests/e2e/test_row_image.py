"""Row images that hold less than the whole row. (Debezium stops at them.)"""

from lib.marks import each, limit

STATEMENTS = """
    CREATE DATABASE g;
    CREATE TABLE g.t (id INT PRIMARY KEY, a INT, b VARCHAR(10), c TEXT);
    INSERT INTO g.t VALUES (1, 10, 'x', 'long'), (2, 20, NULL, NULL);
    UPDATE g.t SET a = 11 WHERE id = 1;
    UPDATE g.t SET id = 5 WHERE id = 2;
    DELETE FROM g.t WHERE id = 1
"""


@limit(60)
@each("mysql97", "mariadb10")
def test_columns_that_are_not_in_an_image_are_null(scene, kind):
    """binlog_row_image=MINIMAL: what one image lacks comes from the other, what none tells is null."""
    server = scene.server(kind, binlog_row_metadata="FULL", binlog_row_image="MINIMAL")
    relay = scene.relay(server, publish="g")
    server.sql(STATEMENTS)
    events = relay.wait_events(8)
    assert len(events) == 8, events
    nothing = {"id": None, "a": None, "b": None, "c": None}
    found = [(event["key"], event["value"] and (event["value"]["op"], event["value"]["before"],
                                                event["value"]["after"])) for event in events]
    assert found == [
        ({"id": 1}, ("c", None, {"id": 1, "a": 10, "b": "x", "c": "long"})),
        ({"id": 2}, ("c", None, {"id": 2, "a": 20, "b": None, "c": None})),
        ({"id": 1}, ("u", nothing | {"id": 1}, nothing | {"id": 1, "a": 11})),
        ({"id": 2}, ("d", nothing | {"id": 2}, None)),
        ({"id": 2}, None),
        ({"id": 5}, ("c", None, nothing | {"id": 5})),
        ({"id": 1}, ("d", nothing | {"id": 1}, None)),
        ({"id": 1}, None),
    ], found
    relay.stop()
