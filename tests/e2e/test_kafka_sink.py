"""Debezium's JDBC sink connector, fed by the relay, keeps a second database equal to the first."""

from lib import wait
from lib.counted import DB
from lib.debezium import DEBEZIUM
from lib.kafka import Broker, Connect, publisher, wait_published
from lib.marks import limit
from lib.switching import Stage

TABLES = {"journal": "tag, note", "counter": "writer, n", "shape": "id, v"}


def content(server, db):
    """Of the tables that are there."""
    there = {name for (name,) in server.sql(f"SHOW TABLES FROM {db}")}
    return {table: sorted(server.sql(f"SELECT {columns} FROM {db}.{table}"))
            for table, columns in TABLES.items() if table in there}


@limit(600)
def test_kafka_feeds_debeziums_jdbc_sink_through_a_switchover(scene):
    """The source dies under load, its standby goes on: the sink's database has what the standby has."""
    target = scene.server("mysql97")
    target.sql(f"CREATE DATABASE copy; GRANT ALL ON copy.* TO '{DEBEZIUM[0]}'@'%'")
    broker = scene.add(Broker(scene.path("kafka")))
    connect = scene.add(Connect(scene.path("connect"), broker, {
        "consumer.isolation.level": "read_committed",
        "connector.client.config.override.policy": "All"}, sink=True))
    stage = Stage(scene, "mysql97", consumers=(), load={"writers": 2}, settings={
        "publisher k": publisher(broker, **{"database.include.list": DB, "schemas.enable": "true"})})
    connect.write_to("sink", target, "copy", r"srv\.story\..*")
    with stage.load as load:
        load.wait_more(80)
        stage.kill_primary("b")
        load.wait_more(60)
        load.stop()
    wait_published(stage.relay, stage.primary)
    wanted = content(stage.primary, DB)
    assert len(wanted["journal"]) >= 140, wanted

    def equal():
        connect.must_be_well("sink")
        return content(target, "copy") == wanted

    wait.until(equal, 240, lambda: f"{wanted}\n{content(target, 'copy')}\n{connect.tail()}", pause_s=0.5)
