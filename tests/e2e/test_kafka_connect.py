"""The relay's records in Kafka are those of Debezium in Kafka Connect: same partitions, same bytes."""

import json
import re

from lib import wait
from lib.errors import Failure
from lib.kafka import Broker, Connect, publisher, wait_published
from lib.marks import limit

PARTITIONS = 4
# What tells who wrote a record and when.
CLOCK = re.compile(r'("op":"[a-z]"),"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+')
TABLES = ("keyed", "pair", "bare")
WORK = """
INSERT INTO g.keyed (id, v) VALUES (1, 'a'), (2, 'ö'), (3, NULL);
UPDATE g.keyed SET v = 'changed' WHERE id = 2;
UPDATE g.keyed SET id = 20 WHERE id = 1;
DELETE FROM g.keyed WHERE id = 3;
INSERT INTO g.pair VALUES (1, 'x', 1.5), (1, 'y', NULL), (2, 'x', -3.25);
DELETE FROM g.pair WHERE a = 1;
INSERT INTO g.bare VALUES (7);
"""


CONNECT = {"snapshot_mode": "no_data", "include_schema_changes": "false",
           "topic_creation_default_partitions": PARTITIONS,
           "topic_creation_default_replication_factor": 1}


def told(record, prefix):
    """Partition, key, value and headers; the clocks and the writer's own names taken out."""
    value = record["payload"]
    if value is not None:
        value = CLOCK.sub(r"\1", value).replace(f'"name":"{prefix}"', '"name":""')
        value = re.sub(r'"snapshot":"(false|last|true)"', '"snapshot":""', value)
    headers = dict(zip(record["headers"][::2], record["headers"][1::2])) if "headers" in record else {}
    names = list(headers)
    for changes in ("__debezium.context.runId", "__debezium.context.connectorLogicalName"):
        headers.pop(changes, None)
    return record["partition"], record["key"], value, names, headers


def by_partition(records, prefix):
    found = {}
    for record in records:
        found.setdefault(record["partition"], []).append(told(record, prefix))
    return found


@limit(600)
def test_records_in_kafka_are_those_of_debezium_in_connect(scene):
    """MySQL and MariaDB: each partition holds the same keys, values, tombstones and headers in the same order."""
    broker = scene.add(Broker(scene.path("kafka")))
    connect = scene.add(Connect(scene.path("connect"), broker))
    for family, kind in (("mysql", "mysql97"), ("mariadb", "mariadb10")):
        server = scene.server(kind)
        server.sql("CREATE DATABASE g; CREATE TABLE g.keyed (id INT PRIMARY KEY, v VARCHAR(20));"
                   "CREATE TABLE g.pair (a BIGINT, b VARCHAR(10), c DECIMAL(8,2), PRIMARY KEY (a, b));"
                   "CREATE TABLE g.bare (n INT)")
        theirs = f"connect-{family}"
        connect.follow(theirs, server, "g", **CONNECT)
        wait.until(lambda name=theirs: streams(connect, name), 240, lambda: connect.tail())
        relay = scene.relay(server, settings={
            "source a": {"start": "newest"},
            f"publisher {family}": publisher(broker, **{
                "topic.prefix": f"relay-{family}", "topic.creation.default.partitions": PARTITIONS})})
        server.sql(WORK)
        wait_published(relay, server, name=family)
        for table in TABLES:
            compare(broker, family, table)


def by_javas_consumer(broker, topic, count, prefix):
    """The same, as Kafka's own consumer reads it, for each partition."""
    found = {}
    for line in broker.lines(topic, count):
        partition, headers, rest = line.split("\t", 2)
        names = [header.split(":")[0] for header in headers.split(",")]
        rest = CLOCK.sub(r"\1", rest).replace(f'"name":"{prefix}"', '"name":""')
        found.setdefault(partition, []).append((names, rest))
    return found


def streams(connect, name):
    connect.must_be_well(name)
    log = connect.log.read_text(errors="replace")
    return log.count("Keepalive thread is running") >= (2 if "mariadb" in name else 1)


def compare(broker, family, table):
    ours, theirs = f"relay-{family}", f"connect-{family}"
    own = broker.records(f"{ours}.g.{table}")
    wait.until(lambda: len(broker.records(f"{theirs}.g.{table}")) >= len(own), 120,
               lambda: f"{len(own)} records of {table} by Connect")
    other = broker.records(f"{theirs}.g.{table}")
    if table == "bare":  # without a key the producer chooses
        other, own = ([{**record, "partition": 0} for record in records] for records in (other, own))
    if table == "pair":
        read = [by_javas_consumer(broker, f"{prefix}.g.{table}", len(own), prefix) for prefix in (ours, theirs)]
        assert read[0] == read[1], read
    if not own or by_partition(own, ours) != by_partition(other, theirs):
        raise Failure(f"{family} {table}:\n{json.dumps(by_partition(own, ours), indent=1)}\n"
                      f"{json.dumps(by_partition(other, theirs), indent=1)}"[:6000])
