"""Topics as they are configured, publishers side by side, and a broker that hangs."""

import json
import signal

from lib.kafka import Broker, publisher, wait_published, wait_state
from lib.marks import limit


def ids(broker, topic):
    return [json.loads(record["payload"])["after"]["id"] for record in broker.records(topic)]


@limit(400)
def test_kafka_topics_are_made_as_told_or_waited_for(scene):
    """Partitions and settings of new topics; missing ones waited for; each publisher its tables; a broker hangs."""
    broker = scene.add(Broker(scene.path("kafka")))
    server = scene.server("mariadb10")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY); CREATE TABLE g.u (id INT PRIMARY KEY)")
    relay = scene.relay(server, settings={
        "publisher k": publisher(broker, **{
            "table.include.list": "g.t", "topic.creation.default.partitions": 2,
            "topic.creation.default.replication.factor": 1,
            "topic.creation.default.cleanup.policy": "compact",
            "topic.creation.default.retention.ms": 123456}),
        "publisher strict": publisher(broker, **{
            "topic.prefix": "strict", "table.include.list": "g.u", "topic.creation.enable": "no",
            "checkpoint_topic": "places"}),
        "publisher wrong": publisher(broker, **{
            "topic.prefix": "wrong", "topic.creation.default.cleanup.policy": "sometimes"})})
    server.sql("INSERT INTO g.t VALUES (1); INSERT INTO g.u VALUES (2)")
    wait_published(relay, server)
    told = broker.admin("TopicCommand", "--describe", "--topic", "srv.g.t")
    assert all(word in told for word in ("PartitionCount: 2", "cleanup.policy=compact",
                                         "retention.ms=123456")), told
    assert "'places' does not exist" in wait_state(relay, "waiting", name="strict")["problem"]
    assert "sometimes" in wait_state(relay, "waiting", name="wrong")["problem"]
    broker.admin("TopicCommand", "--create", "--topic", "places", "--config", "cleanup.policy=compact")
    broker.admin("TopicCommand", "--create", "--topic", "strict.g.u")
    wait_published(relay, server, name="strict")
    assert ids(broker, "strict.g.u") == [2]
    assert not {"srv.g.u", "strict.g.t", "wrong.g.t"} & broker.topics()

    broker.signal(signal.SIGSTOP)
    server.sql("INSERT INTO g.t VALUES (3)")
    wait_state(relay, "waiting")
    server.sql("INSERT INTO g.t VALUES (4)")
    broker.signal(signal.SIGCONT)
    wait_published(relay, server)
    assert sorted(ids(broker, "srv.g.t")) == [1, 3, 4]
