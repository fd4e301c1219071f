"""How fast a backlog comes into Kafka, by the relay and by others, and how soon a commit is read there."""

import json
import re
import statistics
import subprocess
import threading
import time

from lib import relay as relays, wait
from lib.errors import Failure
from lib.kafka import Broker, Connect, publisher, state
from lib.relay import PUBLISHER

import load
import measure

ROWS = 1_000_000
COMMITS = 300
PAUSE_S = 0.02
PATIENCE_S = 1800
PARTITIONS = 4
# What Java's producer is given to be equal with librdkafka's.
SAME = {"producer.override.linger.ms": 5, "producer.override.batch.size": 1_000_000,
        "producer.override.acks": "all", "producer.override.buffer.memory": 16 << 20}
QUEUE_MIB = 16
# Tests have them compile less, to start sooner.
JVM = ("-Xmx512m", "-XX:+UseSerialGC")
GOAL_DEBEZIUM, GOAL_ONCE, GOAL_MIB, GOAL_MS = 8, 1.15, 64 + QUEUE_MIB, 5
COMMITTED = re.compile(r'"v":"([0-9.]+)"')


def end_offset(broker, topic):
    """Of all partitions together; a transaction's end counts as a record."""
    argv = ["kcat", "-Q", "-b", broker.address]
    for partition in range(PARTITIONS):
        argv += ["-t", f"{topic}:{partition}:-1"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return sum(int(line.split()[-1]) for line in done.stdout.splitlines() if "offset" in line)


def section(broker, prefix, delivery):
    return publisher(broker, **{
        "topic.prefix": prefix, "database.include.list": "bench", "delivery": delivery,
        "topic.creation.default.partitions": PARTITIONS})


def by_relay(relay, broker, rows, delivery, number):
    """From the first record in Kafka to the last; a publisher of its own, from the oldest event on."""
    name = f"{delivery.split('_')[0]}{number}"
    relay.stop()
    relay.settings[f"publisher {name}"] = section(broker, name, delivery)
    relay.start()
    began = wait.until(lambda: state(relay, name)["events"] > 0 and time.monotonic(), 60,
                       "the first event", pause_s=0.01)
    cpu = measure.cpu_seconds(relay.pid)
    wait.until(lambda: state(relay, name)["state"] == "idle" and state(relay, name)["events"] >= rows,
               PATIENCE_S, relay.tail, pause_s=0.05)
    run = measure.Run(time.monotonic() - began, measure.cpu_seconds(relay.pid) - cpu,
                      relay.memory_kib())
    if end_offset(broker, f"{name}.bench.small") < rows:
        raise Failure(f"{name}: not all rows are in Kafka", relay.tail())
    del relay.settings[f"publisher {name}"]
    return run


def by_producer(scene, relay, broker, rows, number):
    """The same messages by librdkafka alone."""
    topic = f"plain{number}"
    broker.admin("TopicCommand", "--create", "--topic", topic, "--partitions", PARTITIONS)
    log = scene.path("produce.log")
    measure.run_program([relays.program("peers/produce"), relay.output, topic,
                         f"bootstrap.servers={broker.address}", "enable.idempotence=true",
                         "queue.buffering.max.kbytes=16384", "queue.buffering.max.messages=50000",
                         "partitioner=murmur2_random"], log)
    said = json.loads(log.read_text())
    if said["records"] < rows:
        raise Failure(f"the file holds {said['records']} records")
    return measure.Run(said["seconds"], said["cpu_s"])


class Arrivals(threading.Thread):
    """Reads a topic as it grows; how long after its commit began each row came."""

    def __init__(self, broker, topic):
        super().__init__(daemon=True)
        self.delays = []
        self._child = subprocess.Popen(
            ["kcat", "-C", "-u", "-q", "-b", broker.address, "-t", topic, "-o", "end", "-X",
             "fetch.wait.max.ms=500", "-X", "fetch.min.bytes=1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.start()

    def run(self):
        for line in self._child.stdout:
            now = time.time()
            found = COMMITTED.search(line)
            if found:
                self.delays.append((now - float(found[1])) * 1000)

    def stop(self):
        self._child.kill()
        self._child.wait()
        return statistics.median(self.delays) if self.delays else None


def latencies(broker, server, topics):
    """Median milliseconds from the moment before an INSERT (which commits) to the consumer."""
    readers = {name: Arrivals(broker, topic) for name, topic in topics.items()}
    time.sleep(3)  # until they have found the ends
    with server.connect() as connection, connection.cursor() as cursor:
        for number in range(COMMITS):
            cursor.execute("INSERT INTO bench.late VALUES (%s, %s)", (number + 10, f"{time.time():.6f}"))
            time.sleep(PAUSE_S)
    wait.until(lambda: all(len(r.delays) >= COMMITS for r in readers.values()), 60,
               lambda: f"{ {name: len(r.delays) for name, r in readers.items()} } of {COMMITS}")
    return {name: reader.stop() for name, reader in readers.items()}


def measure_kafka(scene, kind_name, *, rows, rounds):
    broker = scene.add(Broker(scene.path("kafka"), jvm=JVM))
    connect = scene.add(Connect(scene.path("connect"), broker, {
        "connector.client.config.override.policy": "All"}, jvm=JVM))
    server = scene.server(kind_name, **load.OPTIONS)
    load.prepare(server)
    server.sql("SET sql_log_bin = 1; CREATE TABLE bench.late (id INT PRIMARY KEY, v VARCHAR(40))")
    server.sql("INSERT INTO bench.late VALUES (1, '0')")
    options = {"snapshot.mode": "no_data", "include.schema.changes": "false",
               "topic.creation.default.partitions": PARTITIONS,
               "topic.creation.default.replication.factor": 1, **SAME}
    connect.follow("debezium", server, "bench", **options)

    def streams():
        connect.must_be_well("debezium")
        if "Keepalive thread is running" not in connect.log.read_text(errors="replace"):
            return False
        server.sql("UPDATE bench.late SET v = v + 1")
        return end_offset(broker, "debezium.bench.late") > 0

    wait.until(streams, 120, connect.tail, pause_s=1)
    connect.ask("PUT", "/connectors/debezium/stop")
    wait.until(lambda: connect.must_be_well("debezium") == ["STOPPED"], 60, "Debezium to stop")
    server.sql(f"CALL bench.fill_small({rows // load.ROWS_OF_SMALL})")
    relay = scene.relay(server, publish="bench", settings={"source a": {"tls": "off"}})
    relay.settings[f"publisher {PUBLISHER}"]["table.include.list"] = "bench.small"
    relay.wait_caught_up(server, PATIENCE_S)
    wait.until(lambda: state(relay, PUBLISHER)["state"] == "idle", PATIENCE_S, relay.tail)

    runs = {"at_least_once": [], "exactly_once": [], "librdkafka": []}
    for number in range(rounds):
        for delivery in ("at_least_once", "exactly_once"):
            runs[delivery].append(by_relay(relay, broker, rows, delivery, number))
        runs["librdkafka"].append(by_producer(scene, relay, broker, rows, number))
    cpu = measure.cpu_seconds(connect.pid)
    connect.ask("PUT", "/connectors/debezium/resume")
    began = wait.until(lambda: end_offset(broker, "debezium.bench.small") > 0 and time.monotonic(),
                       120, connect.tail, pause_s=0.05)
    wait.until(lambda: end_offset(broker, "debezium.bench.small") >= rows, PATIENCE_S, connect.tail,
               pause_s=0.2)
    debezium = measure.Run(time.monotonic() - began, measure.cpu_seconds(connect.pid) - cpu)

    relay.stop()
    del relay.settings[f"publisher {PUBLISHER}"]
    relay.settings["publisher soon"] = section(broker, "soon", "at_least_once") | {"start": "newest"}
    relay.settings["publisher once"] = section(broker, "once", "exactly_once") | {"start": "newest"}
    relay.start()
    for name in ("soon", "once"):
        wait.until(lambda name=name: state(relay, name)["state"] == "idle", 60, relay.tail)
    server.sql("UPDATE bench.late SET v = 'begun'")
    wait.until(lambda: all(end_offset(broker, f"{name}.bench.late") > 0 for name in ("soon", "once")), 60,
               relay.tail)
    late = latencies(broker, server, {
        "binrelay, at_least_once": "soon.bench.late", "binrelay, exactly_once": "once.bench.late",
        "Debezium in Connect": "debezium.bench.late"})
    middles = {name: measure.median(some) for name, some in runs.items()}
    least, once, plain = (middles[name] for name in ("at_least_once", "exactly_once", "librdkafka"))
    memory = max(run.memory_kib for some in runs.values() for run in some) / 1024
    return {
        "release": server.kind.release, "rows": rows,
        "rows_table": [("binrelay, at_least_once", least), ("binrelay, exactly_once", once),
                       ("librdkafka's own producer", plain), ("Debezium in Connect", debezium)],
        "late_ms": late,
        "goals": [("rows a second, of Debezium's", debezium.seconds / least.seconds, GOAL_DEBEZIUM, True),
                  ("exactly once's time, of at least once's", once.seconds / least.seconds, GOAL_ONCE,
                   False),
                  ("time, of librdkafka's own", least.seconds / plain.seconds, None, False),
                  ("memory of the daemon, MiB", memory, GOAL_MIB, False),
                  ("at the consumer after the commit, median ms",
                   late["binrelay, at_least_once"], GOAL_MS, False),
                  ("the same, exactly once", late["binrelay, exactly_once"], None, False),
                  ("the same by Debezium", late["Debezium in Connect"], None, False)],
    }
