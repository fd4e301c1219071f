"""A Debezium connector's work goes on at the relay, and back: no row missing, none twice."""

import json
import urllib.error

from lib import wait
from lib.errors import Failure
from lib.kafka import Broker, Connect, publisher, wait_published
from lib.marks import limit

CONNECT = {"snapshot_mode": "no_data", "include_schema_changes": "false"}


def ids(broker, name):
    records = [json.loads(record["payload"]) for record in broker.records(f"{name}.g.t")
               if record["payload"]]
    return [event["after"]["id"] for event in records if event["op"] == "c"]


def insert(server, first, last, rows=3):
    """Transactions of two statements with some rows each."""
    for number in range(first, last + 1, 2 * rows):
        for begin in (number, number + rows):
            if begin <= last:
                values = ",".join(f"({i})" for i in range(begin, min(begin + rows, last + 1)))
                server.sql(("BEGIN; " if begin == number else "") + f"INSERT INTO g.t VALUES {values}")
        server.sql("COMMIT")


def stop(connect, name):
    connect.ask("PUT", f"/connectors/{name}/stop")
    wait.until(lambda: connect.must_be_well(name) == ["STOPPED"], 120, connect.tail)


def adopt_and_hand_back(scene, broker, connect, name, server):
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY)")
    before = connect.log.read_text(errors="replace").count("Keepalive thread is running")

    def streams():
        connect.must_be_well(name)
        log = connect.log.read_text(errors="replace")
        return log.count("Keepalive thread is running") > before

    connect.follow(name, server, "g", **CONNECT)
    wait.until(streams, 240, connect.tail)
    insert(server, 1, 20)
    wait.until(lambda: len(ids(broker, name)) == 20, 120, lambda: f"{ids(broker, name)}")
    stop(connect, name)
    insert(server, 21, 40)
    relay = scene.relay(server, settings={"publisher k": publisher(
        broker, **{"topic.prefix": name, "start": f"debezium:connect-offset:{name}"})})
    wait_published(relay, server)
    assert ids(broker, name) == list(range(1, 41)), ids(broker, name)
    relay.stop()
    relay.start()
    insert(server, 41, 50)
    wait_published(relay, server)
    assert ids(broker, name) == list(range(1, 51)), ids(broker, name)

    relay.cli("publisher", "k", "pause")
    body = json.loads(relay.cli("offset", "k", "--for-debezium", "--server", name))
    try:
        connect.ask("PATCH", f"/connectors/{name}/offsets", body)
    except urllib.error.URLError as error:
        raise Failure("Connect does not take the offset", str(error)) from None
    insert(server, 51, 60)
    connect.ask("PUT", f"/connectors/{name}/resume")
    wait.until(lambda: len(ids(broker, name)) >= 60, 180, lambda: f"{ids(broker, name)}\n{connect.tail()}")
    assert ids(broker, name) == list(range(1, 61)), ids(broker, name)


@limit(600)
def test_a_connector_is_adopted_and_handed_back(scene):
    """In the middle of a transaction, by GTIDs (MariaDB) and by file and position (MySQL without them)."""
    broker = scene.add(Broker(scene.path("kafka")))
    connect = scene.add(Connect(scene.path("connect"), broker))
    adopt_and_hand_back(scene, broker, connect, "maria", scene.server("mariadb10"))
    adopt_and_hand_back(scene, broker, connect, "my", scene.server(
        "mysql97", gtid_mode="OFF", enforce_gtid_consistency="OFF"))
