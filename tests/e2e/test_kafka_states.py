"""A Kafka that does not take what it is given: a clear state, recovery by itself, nobody else notices."""

import json

from lib import wait
from lib.errors import Failure
from lib.kafka import Broker, publisher, state, wait_published, wait_state
from lib.marks import limit

TOPIC = "srv.g.t"
ACLS = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true"}


def ids(broker, topic=TOPIC):
    events = [json.loads(record["payload"]) for record in broker.records(topic) if record["payload"]]
    return [event["after"]["id"] for event in events if event["op"] == "c"]


def insert(server, *numbers, text="'x'"):
    for number in numbers:
        server.sql(f"INSERT INTO g.t VALUES ({number}, {text})")


def table(server):
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v LONGTEXT)")


@limit(450)
def test_kafka_that_is_away_or_refuses_is_waited_for(scene):
    """No broker at the start, one that dies, a right that is taken away, a topic that is deleted."""
    broker = scene.add(Broker(scene.path("kafka"), ACLS))
    server = scene.server("mysql97")
    table(server)
    broker.stop()
    relay = scene.relay(server, publish="g", settings={
        "publisher k": publisher(broker), "publisher l": publisher(
            broker, **{"delivery": "at_least_once", "topic.prefix": "least"})})
    insert(server, 1)
    for name in ("k", "l"):
        assert "refused" in wait_state(relay, "waiting", name=name)["problem"].lower()
    assert len(relay.wait_events(1)) == 1  # another publisher goes on
    broker.start()
    for name in ("k", "l"):
        wait_published(relay, server, name=name)
    broker.kill9()
    insert(server, 2, 3)
    for name in ("k", "l"):
        wait_state(relay, "waiting", name=name)
    assert len(relay.wait_events(3)) == 3
    broker.start()
    for name in ("k", "l"):
        wait_published(relay, server, name=name)
    acl = ("--topic", TOPIC, "--deny-principal", "User:ANONYMOUS", "--operation", "Write", "--force")
    broker.admin("AclCommand", "--add", *acl)
    insert(server, 4)
    assert "authorization" in wait_state(relay, "waiting")["problem"]
    wait_published(relay, server, name="l")
    broker.admin("AclCommand", "--remove", *acl)
    insert(server, 5)
    wait_published(relay, server)
    assert ids(broker) == ids(broker, "least.g.t") == [1, 2, 3, 4, 5]
    for name, topic in (("k", TOPIC), ("l", "least.g.t")):
        broker.admin("TopicCommand", "--delete", "--topic", topic)
        wait.until(lambda topic=topic: topic not in broker.topics(), 30, "the topic to go")
        insert(server, 6 if name == "k" else 7)
        wait_published(relay, server, name=name)
    assert ids(broker) in ([6], [6, 7]) and ids(broker, "least.g.t")[-1] == 7


@limit(400)
def test_kafka_that_can_not_take_a_row_stops_its_publisher_alone(scene):
    """Too large: stopped at it, skipped, told to a dead-letter topic; paused over a restart; fenced off."""
    broker = scene.add(Broker(scene.path("kafka"), {"message.max.bytes": 100000}))
    server = scene.server("mysql97")
    table(server)
    relay = scene.relay(server, publish="g", settings={
        "publisher k": publisher(broker),
        "publisher d": publisher(broker, **{
            "topic.prefix": "dead", "undeliverable": "dead_letter", "dead_letter_topic": "letters",
            "kafka.message.max.bytes": 3000000})})
    insert(server, 1, 2)
    insert(server, 3, text="REPEAT('y', 200000)")   # the broker refuses it
    insert(server, 4, text="REPEAT('y', 4000000)")  # librdkafka does
    insert(server, 5, 6)
    wait_published(relay, server, name="d")
    assert ids(broker, "dead.g.t") == [1, 2, 5, 6]
    letters = [json.loads(record["payload"]) for record in broker.records("letters")]
    assert [letter["topic"] for letter in letters] == ["dead.g.t"] * 2
    for letter, size in zip(letters, (200000, 4000000)):
        assert letter["file"] and letter["offset"] and "larg" in letter["reason"], letter
        assert size < letter["value_bytes"] < size + 1000, letter
    for row in (3, 4):
        stopped = wait_state(relay, "failed")
        assert f"{letters[row - 3]['file']}:{letters[row - 3]['offset']}" in stopped["problem"], \
            (stopped, letters)
        relay.cli("publisher", "k", "retry")
        wait_state(relay, "failed")
        relay.cli("publisher", "k", "skip")
        if row == 3:  # a skip counts after a restart, too
            wait_state(relay, "failed")
            relay.stop()
            relay.start()
    wait_published(relay, server)
    assert ids(broker) == [1, 2, 5, 6]
    assert len(relay.wait_events(6)) == 6

    relay.cli("publisher", "k", "pause")
    wait_state(relay, "paused")
    insert(server, 7)
    relay.stop()
    relay.start()
    wait_published(relay, server, name="d")
    assert state(relay)["state"] == "paused" and ids(broker) == [1, 2, 5, 6]
    relay.cli("publisher", "k", "resume")
    wait_published(relay, server)
    assert ids(broker) == [1, 2, 5, 6, 7]
    for order in ("resume", "retry", "skip", "frob"):
        try:
            relay.cli("publisher", "k", order)
        except Failure:
            continue
        raise Failure(f"{order} was taken")

    twin = scene.relay(server, settings={"publisher k": publisher(broker)})
    insert(server, 8)
    wait_published(twin, server)
    assert "taken over" in wait_state(relay, "failed")["problem"]
    assert ids(broker) == [1, 2, 5, 6, 7, 8]  # it began at the checkpoint, by GTIDs or place
