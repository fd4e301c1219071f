"""Change events in a real Kafka: what a file would hold, each once, through failures."""

import json
import os
import random
import time

from lib import wait
from lib.inserts import Inserts
from lib.kafka import Broker, publisher, wait_published
from lib.marks import limit

TOPIC = "srv.g.t"
ROUNDS = int(os.environ.get("BINRELAY_KAFKA_ROUNDS", "6"))


def plain(value):
    """Without the clocks of who wrote it."""
    if value is None:
        return None
    event = json.loads(value) if isinstance(value, str) else dict(value)
    for clock in ("ts_ms", "ts_us", "ts_ns"):
        event.pop(clock, None)
    return event


def table(server):
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(200))")


@limit(400)
def test_kafka_holds_what_a_file_holds(scene):
    """Both deliveries; keys, values, tombstones, headers; a checkpoint that a restart goes on from."""
    broker = scene.add(Broker(scene.path("kafka")))
    server = scene.server("mysql97")
    table(server)
    relay = scene.relay(server, publish="g", settings={
        "publisher k": publisher(broker, **{"topic.creation.default.partitions": 3}),
        "publisher l": publisher(broker, **{"topic.prefix": "least", "delivery": "at_least_once"})})
    server.sql("INSERT INTO g.t VALUES (1, 'a'), (2, 'b'), (3, NULL); UPDATE g.t SET v = 'c' WHERE id = 1;"
               "UPDATE g.t SET id = 7 WHERE id = 2; DELETE FROM g.t WHERE id = 3")
    wait_published(relay, server)
    relay.stop()
    relay.start()
    server.sql("INSERT INTO g.t VALUES (10, 'after the restart')")
    wait_published(relay, server)
    lines = relay.wait_events(9)
    expected = [(line["key"], plain(line["value"])) for line in lines]
    records = broker.records(TOPIC)
    assert {record["partition"] for record in records} <= {0, 1, 2}
    assert "PartitionCount: 3" in broker.admin("TopicCommand", "--describe", "--topic", TOPIC)
    for key in {json.dumps(key) for key, _ in expected}:
        ours = [plain(record["payload"]) for record in records
                if json.loads(record["key"]) == json.loads(key)]
        assert ours == [value for k, value in expected if json.dumps(k) == key], key
    assert len(records) == len(expected)
    wait.until(lambda: len(broker.records("least.g.t")) == len(expected), 30, "at_least_once")
    least = [(json.loads(record["key"]), plain(record["payload"])) for record in broker.records("least.g.t")]
    for _, value in least + expected:
        if value is not None:
            value["source"].pop("name")
    assert least == expected
    headers = dict(zip(records[0]["headers"][::2], records[0]["headers"][1::2]))
    assert headers["__debezium.context.connectorName"] == "mysql", headers
    last = json.loads(broker.records("binrelay.srv.k.checkpoint")[-1]["payload"])
    at = relay.status()["published"]
    assert (last["file"], last["offset"], last["gtids"]) == (at["file"], at["offset"], at["gtids"])
    assert last["events"] == len(expected), last


@limit(300 + 40 * ROUNDS)
def test_kafka_has_each_row_once_through_kills(scene):
    """SIGKILL of relay and broker at random moments: each row once and in order, in whole transactions."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    broker = scene.add(Broker(scene.path("kafka")))
    server = scene.server("mariadb10")
    table(server)
    relay = scene.relay(server, settings={"publisher k": publisher(broker, batch_ms=50)})
    writer = Inserts(server, pause_s=0.002)
    writer.start()
    scene.finally_do(writer.end)
    for turn in range(ROUNDS):
        time.sleep(chance.uniform(0.2, 2.0))
        if turn % 3 == 2:
            broker.kill9()
            time.sleep(chance.uniform(0, 2))
            broker.start()
        else:
            relay.kill9()
            relay.start()
    writer.end()
    wait_published(relay, server, 120)
    events = [json.loads(record["payload"]) for record in broker.records(TOPIC) if record["payload"]]
    inserted = [event["after"]["id"] for event in events if event["op"] == "c"]
    assert inserted == list(range(1, writer.written + 1)), \
        f"seed {seed}: {len(inserted)} of {writer.written}"
    places = [(event["source"]["file"], event["source"]["pos"], event["source"]["row"])
              for event in events]
    assert places == sorted(set(places)), f"seed {seed}: order, or one twice"
    print(f"{writer.written} rows, {len(events)} events, "
          f"{len(broker.records(TOPIC, committed=False))} with aborted ones")
