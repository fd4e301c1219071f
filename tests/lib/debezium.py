"""The real Debezium (embedded engine), whose records are what the publisher's are compared with."""

import hashlib
import json
import shutil
from pathlib import Path

from lib import cache, maven, wait
from lib.errors import Failure, Unavailable
from lib.process import Process
from lib.servers import DEBEZIUM

PROJECT = Path(__file__).resolve().parents[1] / "java"
STOP_MARK = "zz_end"

CLASSES = {"mysql": "io.debezium.connector.mysql.MySqlConnector",
           "mariadb": "io.debezium.connector.mariadb.MariaDbConnector"}
NO_TLS = {"mysql": "disabled", "mariadb": "disable"}

# Quick to start and modest: these processes live for seconds beside the servers they read.
JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
       "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
       "-Dorg.slf4j.simpleLogger.log.org.apache.kafka=warn")


def jars(family):
    """The folder with the connector of that family and our class; downloads at the first time."""
    sources = [PROJECT / "pom.xml", *sorted(PROJECT.glob("src/**/*.java"))]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    return cache.entry(f"debezium-{family}-{version}", lambda path: _build(family, path))


def _build(family, path):
    project = path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target"))
    try:
        maven.run([f"-DoutputDirectory={path}", "-DincludeScope=runtime", f"-P{family}", "package",
                   "dependency:copy-dependencies"], cwd=project)
    except Unavailable as refusal:
        # Not the repository's fault, so no reason to skip a test.
        if "COMPILATION ERROR" in str(refusal):
            raise Failure(f"tests/java does not compile: {refusal}") from None
        raise
    for jar in (project / "target").glob("*.jar"):
        shutil.move(jar, path)
    shutil.rmtree(project)


class Debezium(Process):
    """A connector on `server` (anything with kind, host and port: a server, or a relay before one).

    It captures database `db` from now on; `options` are connector properties, in which a Python
    name's underscores stand for dots (tombstones_on_delete="false"), unless given as a dict.
    `program` is the class of tests/java that runs it.
    """

    def __init__(self, folder, server, db, *, user=DEBEZIUM, properties=None, jvm=JVM,
                 program="DebeziumToFile", **options):
        family = server.kind.family
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.output = folder / "records.jsonl"
        settings = {
            "name": "engine",
            "connector.class": CLASSES[family],
            "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
            "offset.storage.file.filename": folder / "offsets",
            "offset.flush.interval.ms": 1000,
            "schema.history.internal": "io.debezium.storage.file.history.FileSchemaHistory",
            "schema.history.internal.file.filename": folder / "history",
            "database.hostname": server.host,
            "database.port": server.port,
            "database.user": user[0],
            "database.password": user[1],
            "database.server.id": server.port + 100000,
            "database.ssl.mode": NO_TLS[family],
            "database.include.list": db,
            "topic.prefix": "srv",
            "snapshot.mode": "no_data",
            **({"driver.allowPublicKeyRetrieval": "true"} if family == "mysql" else {}),
            **{name.replace("_", "."): value for name, value in options.items()},
            **(properties or {}),
        }
        argv = ["java", *jvm, "-cp", f"{jars(family)}/*", program, self.output,
                *(f"{name}={value}" for name, value in settings.items())]
        super().__init__("debezium", argv, folder / "debezium.log")

    def wait_streaming(self, timeout_s=90):
        """Until it follows the binlog: whatever is written from now on, it will see."""
        def follows():
            self.must_run()
            return "Keepalive thread is running" in self.log.read_text(errors="replace")

        wait.until(follows, timeout_s, lambda: f"Debezium to stream\n{self.tail()}")
        return self

    def wait_for_end(self, timeout_s=90):
        """Until it has passed the stop mark (see mark_end) and ended; gives its records."""
        wait.until(lambda: not self.running(), timeout_s,
                   lambda: f"Debezium to meet the stop mark\n{self.tail()}")
        if self.exit_code() != 0:
            raise Failure("Debezium failed", self.tail())
        return self.records()

    def records(self):
        """What it has written, each as {"topic", "partition", "key", "value", "headers"}."""
        # Not by splitlines(): values have line separators of Unicode's.
        return [json.loads(line) for line in self.output.read_text("utf-8").split("\n")[:-1]]


def streamed(records):
    """Without the schema-change records of the snapshot that every connector begins with."""
    return [record for record in records
            if not record["value"] or record["value"]["source"].get("snapshot") in (False, "false")]


def mark_end(server, db):
    """Writes the stop mark: Debezium ends when it reads it, and leaves its records out."""
    server.sql(f"CREATE TABLE {db}.{STOP_MARK} (id INT PRIMARY KEY);"
               f"INSERT INTO {db}.{STOP_MARK} VALUES (1)")
