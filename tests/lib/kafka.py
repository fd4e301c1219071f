"""A real Kafka broker, and Kafka Connect with the Debezium connectors, for one test."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from lib import cache, debezium, maven, wait
from lib.errors import Failure, Unavailable
from lib.ports import Port
from lib.process import Process

REGISTRY = "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all"
PROJECT = Path(__file__).resolve().parents[1] / "kafka"
SINK, SERDE = PROJECT / "sink", PROJECT / "serde"
# Java takes its time where other tests run, too.
START_S = 240
JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# Else they start silent. Tools must be: the log goes where their output goes.
TALKATIVE = "-Dorg.apache.logging.log4j.level=INFO"
# What a connector brings along that Kafka Connect does not have.
PLUGIN_JARS = ("debezium-*", "mysql-connector-*", "mariadb-java-client-*", "mysql-binlog-connector-*",
               "antlr4-runtime-*", "sketches-java-*", "commons-lang3-*",
               "jackson-datatype-jsr310-*", "protobuf-java-*")


def jars(project=PROJECT):
    """The folder with what a pom.xml names; downloads at the first time."""
    pom = project / "pom.xml"
    version = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    return cache.entry(f"{project.name}-{version}", lambda path: _fetch(pom, path))


def _fetch(pom, path):
    project = path / "project"
    project.mkdir()
    shutil.copy(pom, project)
    maven.run([f"-DoutputDirectory={path}", "-DincludeScope=runtime",
               "dependency:copy-dependencies"], cwd=project)
    shutil.rmtree(project)


def _java(*words, jvm=JVM, more=()):
    path = ":".join(f"{folder}/*" for folder in (jars(), *more))
    return ["java", *jvm, "-cp", path, *words]


def _properties(path, settings):
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return path


# Who may log in at a broker with an authority, by PLAIN and both SCRAMs.
LOGIN = ("relay", "open-sesame-7")
SCRAMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
JAAS = "org.apache.kafka.common.security"


class Broker(Process):
    """One node (KRaft) that answers when the constructor returns; `settings` are the broker's own.

    With an `authority` it has two more listeners: `sasl` (TLS, then LOGIN), and `tls` for who has a
    certificate of that authority.
    """

    def __init__(self, folder, settings=None, authority=None, jvm=JVM):
        folder.mkdir(exist_ok=True)
        self._jvm = jvm
        self.folder = folder
        self._ports = [Port() for _ in range(4 if authority else 2)]
        self.port, controller, *more = (port.number for port in self._ports)
        self.address = f"127.0.0.1:{self.port}"
        safe = self._safe_listeners(authority, *more, controller) if authority else {}
        config = _properties(folder / "broker.properties", {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": folder / "data",
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            **safe,
            **(settings or {}),
        })
        self._config = config
        self._starts = 0
        name = uuid.uuid4().hex[:22]
        users = [word for scram in SCRAMS if authority for word in
                 ("--add-scram", f"{scram}=[name={LOGIN[0]},password={LOGIN[1]}]")]
        done = subprocess.run(list(map(str, _java("kafka.tools.StorageTool", "format", "--standalone",
                                                  "-t", name, "-c", config, *users))),
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure("the broker's folder can't be formatted", done.stdout + done.stderr)
        self.start()

    def _safe_listeners(self, authority, sasl, tls, controller):
        self.sasl, self.tls = f"127.0.0.1:{sasl}", f"127.0.0.1:{tls}"
        certificate, key = authority.issue("broker", "IP:127.0.0.1")
        (self.folder / "broker.pem").write_text(key.read_text() + certificate.read_text())
        ours = f"PLAINTEXT://{self.address},SASL_SSL://{self.sasl},SSL://{self.tls}"
        plain = f"{JAAS}.plain.PlainLoginModule required user_{LOGIN[0]}=\"{LOGIN[1]}\";"
        return {
            "listeners": f"{ours},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": ours,
            "listener.security.protocol.map":
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
            "ssl.keystore.type": "PEM", "ssl.keystore.location": self.folder / "broker.pem",
            "ssl.truststore.type": "PEM", "ssl.truststore.location": authority.path,
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAMS)),
            "listener.name.sasl_ssl.plain.sasl.jaas.config": plain,
            **{f"listener.name.sasl_ssl.{scram.lower()}.sasl.jaas.config":
               f"{JAAS}.scram.ScramLoginModule required;" for scram in SCRAMS},
        }

    def start(self):
        """Also again, after stop() or kill9(): with the data it had."""
        self._starts += 1
        super().__init__("kafka", _java(TALKATIVE, "kafka.Kafka", self._config, jvm=self._jvm),
                         self.folder / "broker.log")
        wait.until(self._started, START_S, lambda: f"the broker to start\n{self.tail()}")
        return self

    def _started(self):
        self.must_run()
        return self.log.read_text(errors="replace").count("Kafka Server started") >= self._starts

    def records(self, topic, committed=True):
        """All that is in a topic now, in the order of each partition, read by kcat."""
        level = "read_committed" if committed else "read_uncommitted"
        try:
            done = subprocess.run(
                ["kcat", "-C", "-b", self.address, "-t", topic, "-e", "-q", "-J", "-o", "beginning",
                 "-X", f"isolation.level={level}", "-X", "check.crcs=true"],
                capture_output=True, text=True, check=False, timeout=60)
        except FileNotFoundError:
            raise Unavailable("kcat is not installed: run tools/deps test") from None
        return [json.loads(line) for line in done.stdout.splitlines()]

    def topics(self):
        done = subprocess.run(["kcat", "-L", "-J", "-b", self.address], capture_output=True, text=True,
                              check=True, timeout=60)
        return {topic["topic"] for topic in json.loads(done.stdout)["topics"]}

    def admin(self, tool, *words):
        """One of Kafka's own tools; gives what it prints."""
        done = subprocess.run(list(map(str, _java(f"org.apache.kafka.tools.{tool}",
                                                  "--bootstrap-server", self.address, *words))),
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"{tool} {words}", done.stdout + done.stderr)
        return done.stdout

    def lines(self, topic, count, registry=None):
        """Partition, headers, key and value of the first `count` committed records, as Kafka's own
        consumer prints them; with a registry its deserializer reads them."""
        told = [f"print.{part}=true" for part in ("partition", "headers", "key")]
        serde = [f"{side}.deserializer{name}" for side in ("key", "value") for name in (
            "=io.apicurio.registry.serde.avro.AvroKafkaDeserializer",
            f".apicurio.registry.url={registry.native_url}", ".apicurio.registry.as-confluent=true",
            ".apicurio.registry.use-id=contentId")] if registry else []
        properties = [word for setting in told + serde for word in ("--formatter-property", setting)]
        argv = _java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server",
                     self.address, "--topic", topic, "--from-beginning", "--isolation-level",
                     "read_committed", "--max-messages", count, "--timeout-ms", 60000, *properties,
                     more=[jars(SERDE)] if registry else ())
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
        found = [line for line in done.stdout.splitlines() if line.startswith("Partition:")]
        if len(found) != count:
            raise Failure(f"Kafka's consumer read {len(found)} of {count} records",
                          (done.stdout + done.stderr)[-3000:])
        return found

    def read(self, topic, timeout_s=4):
        """All that is in a topic now, as [(key, value)] texts; None stands for null."""
        argv = _java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server",
                     self.address, "--topic", topic, "--from-beginning", "--timeout-ms",
                     timeout_s * 1000, "--formatter-property", "print.key=true",
                     "--formatter-property", "key.separator=\t")
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
        pairs = [line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line]
        return [tuple(None if text == "null" else text for text in pair) for pair in pairs]


def _fetch_registry(path):
    download = path / "download"
    download.mkdir()
    maven.run([f"-Dmaven.repo.local={download}/repository", "dependency:copy",
               f"-DoutputDirectory={download}", f"-Dartifact={REGISTRY}"], cwd=download)
    found = next(file for file in download.iterdir() if file.name.endswith(".tar.gz"))
    with tarfile.open(found) as archive:
        archive.extractall(path)
    shutil.rmtree(download)


class Registry(Process):
    """Apicurio's schema registry, in memory, with Confluent's API at `url`."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._port = Port()
        self.url = f"http://127.0.0.1:{self._port.number}/apis/ccompat/v7"
        self.native_url = f"http://127.0.0.1:{self._port.number}/apis/registry/v2"
        self.start()

    def start(self):
        """Also again, after stop() or kill9(), with nothing in it."""
        home = cache.entry("apicurio-2.6.13", _fetch_registry)
        jar = next(home.rglob("apicurio-registry-app-*-runner.jar"))
        super().__init__("registry", ["java", *JVM, "-Dquarkus.http.host=127.0.0.1",
                                      f"-Dquarkus.http.port={self._port.number}", "-jar", jar],
                         self.folder / "registry.log", cwd=jar.parent)
        wait.until(self._answers, START_S, lambda: f"the registry to answer\n{self.tail()}")
        return self

    def _answers(self):
        self.must_run()
        try:
            return self.ask("/subjects") is not None
        except OSError:
            return False

    def ask(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)


class Connect(Process):
    """A worker with both Debezium connectors, or with Debezium's JDBC sink; ready for connectors
    when the constructor returns."""

    def __init__(self, folder, broker, settings=None, sink=False, jvm=JVM):
        folder.mkdir(exist_ok=True)
        self._port = Port()
        self.address = f"127.0.0.1:{self._port.number}"
        if sink:
            (folder / "plugins").mkdir()
            os.symlink(jars(SINK), folder / "plugins" / "sink")
        for family in ("mysql", "mariadb") if not sink else ():
            _plugin(folder / "plugins" / family, debezium.jars(family))
        config = _properties(folder / "connect.properties", {
            "bootstrap.servers": broker.address,
            "group.id": "connect",
            "listeners": f"http://{self.address}",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": "false",
            "value.converter.schemas.enable": "false",
            **{f"{kind}.storage.topic": f"connect-{kind}" for kind in ("offset", "config", "status")},
            **{f"{kind}.storage.replication.factor": 1 for kind in ("offset", "config", "status")},
            "offset.flush.interval.ms": 1000,
            "plugin.path": folder / "plugins",
            **(settings or {}),
        })
        super().__init__("connect", _java(TALKATIVE, "org.apache.kafka.connect.cli.ConnectDistributed",
                                          config, jvm=jvm),
                         folder / "connect.log")
        self._broker = broker
        wait.until(self._answers, START_S, lambda: f"Connect to answer\n{self.tail()}")

    def _answers(self):
        self.must_run()
        try:
            return self.ask("GET", "/connectors") == []
        except (OSError, Failure):
            return False

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://{self.address}{path}", method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {path}: {error.code}", error.read().decode()) from None
        return json.loads(text) if text else None

    def follow(self, name, server, db, **options):
        """A Debezium connector on a server or a relay; its topics begin with `name`."""
        family = server.kind.family
        self.ask("PUT", f"/connectors/{name}/config", {
            "connector.class": debezium.CLASSES[family],
            "database.hostname": server.host, "database.port": str(server.port),
            "database.user": debezium.DEBEZIUM[0], "database.password": debezium.DEBEZIUM[1],
            "database.server.id": str(100000 + server.port),
            "database.ssl.mode": debezium.NO_TLS[family],
            **({"driver.allowPublicKeyRetrieval": "true"} if family == "mysql" else {}),
            "connect.keep.alive.interval.ms": "1000",
            "database.include.list": db, "topic.prefix": name,
            "schema.history.internal.kafka.bootstrap.servers": self._broker.address,
            "schema.history.internal.kafka.topic": f"history-{name}",
            **{key.replace("_", "."): value for key, value in options.items()}})

    def write_to(self, name, server, db, topics):
        """Debezium's JDBC sink: what comes in the topics, a regular expression, goes into `db`."""
        login = {"connection.username": debezium.DEBEZIUM[0],
                 "connection.password": debezium.DEBEZIUM[1]}
        self.ask("PUT", f"/connectors/{name}/config", {
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
            "connection.url": f"jdbc:mysql://{server.host}:{server.port}/{db}"
                              "?allowPublicKeyRetrieval=true&sslMode=DISABLED",
            **login, "topics.regex": topics, "insert.mode": "upsert", "delete.enabled": "true",
            "primary.key.mode": "record_key", "schema.evolution": "basic",
            "collection.name.format": "${source.table}", "consumer.override.metadata.max.age.ms": "500",
            **{f"{side}.converter.schemas.enable": "true" for side in ("key", "value")},
            **{f"{side}.converter": "org.apache.kafka.connect.json.JsonConverter"
               for side in ("key", "value")}})

    def must_be_well(self, name):
        """Fails when the connector or its task gave up; gives their states, none before it began."""
        if name not in self.ask("GET", "/connectors?expand=status"):
            return []
        status = self.ask("GET", f"/connectors/{name}/status")
        states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
        if "FAILED" in states:
            raise Failure(f"connector {name}: {states}", json.dumps(status, indent=1)[:3000])
        return states


def _plugin(folder, source):
    folder.mkdir(parents=True)
    for pattern in PLUGIN_JARS:
        for jar in source.glob(f"{pattern}.jar"):
            if not jar.name.startswith(("debezium-embedded", "debezium-to-file")):
                os.symlink(jar, folder / jar.name)


# ---- the relay's publishers

def publisher(broker, **settings):
    """A section of the relay's configuration, for databases g."""
    return {"sink": "kafka", "topic.prefix": "srv", "database.include.list": "g",
            "include.schema.changes": "false", "kafka.bootstrap.servers": broker.address,
            "topic.creation.default.partitions": 1, **settings}


def state(relay, name="k"):
    """What its status says of one publisher."""
    return json.loads(relay.cli("publisher", name, "status", "--json"))


def wait_state(relay, wanted, timeout_s=120, name="k"):
    def reached():
        relay.process.must_run()
        now = state(relay, name)
        return now if now["state"] == wanted else None

    return wait.until(reached, timeout_s,
                      lambda: f"{wanted}, it is {state(relay, name)}\n{relay.tail()}", pause_s=0.1)


def wait_published(relay, server, timeout_s=120, name="k"):
    """Until all that is in the server's binlog now is in Kafka."""
    relay.wait_caught_up(server)
    at = relay.status()["published"]

    def reached():
        relay.process.must_run()
        now = state(relay, name)
        return now["state"] == "idle" and now["next"] is not None and \
            (now["next"]["file"], now["next"]["offset"]) >= (at["file"], at["offset"])

    wait.until(reached, timeout_s, lambda: f"all in Kafka, it is {state(relay, name)}\n{relay.tail()}",
               pause_s=0.1)
