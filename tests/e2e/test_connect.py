"""Debezium in Kafka Connect at the relay writes to Kafka what it writes at the source."""

import json

from lib import wait
from lib.cutter import Cutter
from lib.errors import Failure
from lib.kafka import Broker, Connect
from lib.load import Load
from lib.marks import limit
from lib.servers import DEBEZIUM

TABLES = ("account", "journal", "scratch")


def plain(record, prefix):
    """Without what differs from connector to connector: its clock and its name."""
    key, value = record
    if value is None:
        return key, None
    try:
        event = json.loads(value)
    except ValueError:
        raise Failure(f"not JSON: {record}") from None
    for clock in ("ts_ms", "ts_us", "ts_ns"):
        event.pop(clock, None)
        if event["source"]["snapshot"] not in ("false", False):
            event["source"].pop(clock, None)
    if event["source"].pop("name") != prefix:
        raise Failure(f"a record of another connector: {value}")
    return key, json.dumps(event, sort_keys=True)


def topic(broker, prefix, table):
    return [plain(record, prefix) for record in broker.read(f"{prefix}.load_test.{table}")]


@limit(400)
def test_connect_at_the_relay_writes_what_it_writes_at_the_source(scene):
    """Initial snapshot through the relay, streaming, cut off once; both families at once."""
    broker = scene.add(Broker(scene.path("kafka")))
    connect = scene.add(Connect(scene.path("connect"), broker))
    sources = {"mysql": scene.server("mysql97"), "mariadb": scene.server("mariadb10")}
    networks = []
    for family, source in sources.items():
        relay = scene.relay(source, settings={"source a": {
            "forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}})
        with Load(source) as load:  # rows for the snapshots
            wait.until(lambda: load.committed > 20, 30, lambda: "some load")
        network = scene.add(Cutter(relay, seed=5, times=0))
        network.kind = source.kind
        networks.append(network)
        connect.follow(f"direct-{family}", source, "load_test")
        connect.follow(f"relayed-{family}", network, "load_test")
    names = [f"{way}-{family}" for family in sources for way in ("direct", "relayed")]

    def stream():
        for name in names:
            connect.must_be_well(name)
        log = connect.log.read_text(errors="replace")
        return log.count("Keepalive thread is running") >= len(names)

    wait.until(stream, 120, lambda: f"all connectors to stream\n{connect.tail()}")
    for n in range(300):
        if n == 150:
            for network in networks:
                network.cut_now()
        for source in sources.values():
            source.sql("INSERT INTO load_test.journal VALUES (%s, 1, 2, 'streamed')", (100000 + n,))
    for source in sources.values():
        source.sql("UPDATE load_test.account SET balance = 7 WHERE id < 5;"
                   "DELETE FROM load_test.journal WHERE n > 100290")
    for family in sources:
        compare(broker, family)


def compare(broker, family):
    def all_came():
        return sum(1 for key, value in topic(broker, f"relayed-{family}", "journal")
                   if value is None) >= 9

    wait.until(all_came, 90, lambda: f"the last deletes of relayed-{family}")
    for table in ("account", "journal"):
        direct, relayed = (topic(broker, f"{way}-{family}", table) for way in ("direct", "relayed"))
        if direct != relayed or len(direct) < 20:
            pair = next((pair for pair in zip(direct, relayed) if pair[0] != pair[1]), "")
            raise Failure(f"{family} {table}: {len(direct)} records directly, {len(relayed)} through"
                          f" the relay; first difference {pair}")
