"""A Debezium connector's work goes on at the relay, and back: no row missing, none twice."""

import json
import urllib.error

from lib import wait
from lib.errors import Failure
from lib.kafka import Broker, Connect, publisher, wait_published
from lib.marks import limit

NAME = "shop"
CONNECT = {"snapshot_mode": "no_data", "include_schema_changes": "false"}


def ids(broker):
    records = [json.loads(record["payload"]) for record in broker.records(f"{NAME}.g.t")
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


def stopped(connect):
    connect.ask("PUT", f"/connectors/{NAME}/stop")
    wait.until(lambda: connect.must_be_well(NAME) == ["STOPPED"], 60, connect.tail)


def adopt_and_hand_back(scene, kind, **options):
    broker = scene.add(Broker(scene.path("kafka")))
    connect = scene.add(Connect(scene.path("connect"), broker))
    server = scene.server(kind, **options)
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY)")
    connect.follow(NAME, server, "g", **CONNECT)

    def streams():
        connect.must_be_well(NAME)
        return "Keepalive thread is running" in connect.log.read_text(errors="replace")

    wait.until(streams, 120, connect.tail)
    insert(server, 1, 20)
    wait.until(lambda: len(ids(broker)) == 20, 60, lambda: f"{ids(broker)}")
    stopped(connect)
    insert(server, 21, 40)
    relay = scene.relay(server, settings={"publisher k": publisher(
        broker, **{"topic.prefix": NAME, "start": f"debezium:connect-offset:{NAME}"})})
    wait_published(relay, server)
    assert ids(broker) == list(range(1, 41)), ids(broker)
    relay.stop()
    relay.start()
    insert(server, 41, 50)
    wait_published(relay, server)
    assert ids(broker) == list(range(1, 51)), ids(broker)

    relay.cli("publisher", "k", "pause")
    body = json.loads(relay.cli("offset", "k", "--for-debezium", "--server", NAME))
    try:
        connect.ask("PATCH", f"/connectors/{NAME}/offsets", body)
    except urllib.error.URLError as error:
        raise Failure("Connect does not take the offset", str(error)) from None
    insert(server, 51, 60)
    connect.ask("PUT", f"/connectors/{NAME}/resume")
    wait.until(lambda: len(ids(broker)) >= 60, 90, lambda: f"{ids(broker)}\n{connect.tail()}")
    assert ids(broker) == list(range(1, 61)), ids(broker)


@limit(250)
def test_a_connector_is_adopted_and_handed_back_by_gtids(scene):
    """MariaDB: from Connect's offset topic in the middle of a transaction, and back by Connect's API."""
    adopt_and_hand_back(scene, "mariadb10")


@limit(250)
def test_a_connector_is_adopted_and_handed_back_by_file_and_position(scene):
    """MySQL without GTIDs."""
    adopt_and_hand_back(scene, "mysql97", gtid_mode="OFF", enforce_gtid_consistency="OFF")
