"""Random statements on a real server, the real Debezium and the relay beside it: who says what.

Everything follows from the seed: options, statements, values. What a server accepts decides what comes
next, so another version of it may go another way.
"""

import bisect
import random
import re
import subprocess
import sys
from pathlib import Path

import pymysql

from lib import ddlgen, dmlgen, kinds, wait
from lib.debezium import mark_end
from lib.errors import Failure, Unavailable
from lib.relay import program

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import debezium as golden  # (the comparison of the recorded cases)

CHOICES = {
    "decimal.handling.mode": ["precise", "double", "string"],
    "time.precision.mode": ["adaptive_time_microseconds", "connect", "isostring",
                            "microseconds"],
    "binary.handling.mode": ["bytes", "base64", "base64-url-safe", "hex"],
    "bigint.unsigned.handling.mode": ["long", "precise"],
    "schema.name.adjustment.mode": ["none", "avro", "avro_unicode"],
    "field.name.adjustment.mode": ["none", "none", "avro", "avro_unicode"],
    "provide.transaction.metadata": ["false", "true"],
    "tombstones.on.delete": ["true", "false"],
    "skipped.operations": ["none", "t", "u,d"],
    "include.query": ["false", "true"],
    "include.schema.comments": ["false", "true"],
    "skip.messages.without.change": ["false", "false", "true"],
    "schemas.enable": ["false", "false", "true"],
    "column.propagate.source.type": [None, r"g[.].*"],
    "column.exclude.list": [None, None, r"g\.t[13]\.(b|status)"],
    "column.truncate.to.3.chars": [None, r"g\.t[02]\..*"],
    "column.mask.hash.SHA-256.with.salt.pepper": [None, r"g\.t[34]\.a"],
    "table.exclude.list": [None, None, r"g\.t5"],
}
# What the connector reads of the server when it starts, and the binlog tells.
SERVER = {"default_time_zone": "+00:00", "sql_mode": "", "binlog_checksum": "CRC32",
          "sync_binlog": 0, "innodb_flush_log_at_trx_commit": 0}


class Run:
    """One run: a seed, a server, both followers. `kind_name` is a server's kind."""

    def __init__(self, scene, kind_name, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.scene = scene
        self.options = {name: chosen for name, values in CHOICES.items()
                        if (chosen := self.random.choice(values)) is not None}
        # Of a row with a value that a mode can't express, in a column that is NOT NULL, it can't
        # make a record.
        self.options["event.processing.failure.handling.mode"] = "warn"
        self.server = scene.server(kind_name, **SERVER, **self._server_options(kind_name))
        self.kind = self.server.kind
        self.server.sql("CREATE DATABASE g")
        self.statements = [] # (where the binlog ends behind it, its text)
        self.accepted = self.refused = self.equal = 0
        self.connection = self.server.connect()
        self.quick = self.server.quick_connection()
        self.definitions = ddlgen.Generator(self.random.random(), self.kind, for_debezium=True)
        # The connector cuts such characters in the middle, which leaves half of one.
        cuts = any(name.startswith("column.truncate") for name in self.options)
        self.changes = dmlgen.Changes(self.random, self.kind, with_pairs=not cuts)
        self._execute("USE g")

    def _server_options(self, kind_name):
        kind = kinds.kind(kind_name)
        options = {"binlog_row_metadata": self.random.choice(["FULL", "MINIMAL"])}
        if not kind.at_least(10, 5) if kind.is_mariadb else not kind.at_least(8):
            options = {}
        if not kind.is_mariadb:
            options["binlog_rows_query_log_events"] = "ON"
            compression = self.random.choice(["OFF", "OFF", "ON"])
            if kind.at_least(8, 0, 20):
                options["binlog_transaction_compression"] = compression
            if self.random.random() < 0.3:
                options |= {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}
        return options

    # --- statements

    def _execute(self, statement):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(statement)
            return True
        except (pymysql.err.MySQLError, UnicodeError):
            return False

    def execute(self, statement):
        """Runs it and notes where it is in the binlog; False when the server refused it."""
        taken = self._execute(statement)
        self.accepted += taken
        self.refused += not taken
        if taken:
            self.statements.append((self.server.position(), statement))
        return taken

    def change_definition(self):
        if self.execute(self.definitions.statement()):
            self.changes.look(self.quick)
            self.definitions.tables = {table: [c.name for c in columns]
                                       for table, columns in self.changes.tables.items()}

    def change_rows(self):
        if self.random.random() < 0.15:
            self.execute("BEGIN")
            for _ in range(self.random.randrange(1, 8)):
                self._change_row()
            self.execute(self.random.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))
        else:
            self._change_row()

    def _change_row(self):
        statement = self.changes.statement()
        if statement:
            self.execute(statement)

    def work(self, count):
        """So many statements that the server takes."""
        while self.accepted < count:
            chance = self.random.random()
            if chance < 0.15 or len(self.changes.tables) < 3:
                self.change_definition()
            elif chance < 0.155:
                self.execute("FLUSH BINARY LOGS")
            else:
                self.change_rows()

    # --- what they make of it

    def connector_options(self):
        return {**self.options, "schema.history.internal.skip.unparseable.ddl": "true",
                "inconsistent.schema.handling.mode": "warn"}

    def compare(self, connector, relay, first_file, stopped=""):
        """The first difference as a text, or None; `stopped`: why the connector wrote no more."""
        self.stopped = stopped
        recorded = [golden.Event(line) for line in connector.output.read_text(
            encoding="utf-8").split("\n") if line]
        recorded = [e for e in recorded if e.source.get("snapshot", "false") == "false"]
        offline = self._offline(first_file)
        # The connector leaves out the records of the end, but not the transactions that have them.
        self.ends = {e.source.get("gtid") for e in offline if e.is_stop_mark()}
        recorded, offline = self._without_end(recorded), self._without_end(offline)
        found = self._difference("binrelay events", recorded, offline)
        if found is None and relay is not None:
            recorded = [Plain(e) for e in recorded]
            live = self._without_end([LiveEvent(line) for line in relay.output.read_text(
                encoding="utf-8").split("\n") if line])
            found = self._difference("the relay", recorded, live)
        self.equal = len(recorded)
        return found

    def _offline(self, first_file):
        argv = [str(program("binrelay")), "events", "--set", "topic.prefix=srv",
                "--set", "database.include.list=g", "--set", "strict.compatibility=true"]
        for name, value in self.options.items():
            argv += ["--set", f"{name}={value}"]
        files = [str(path) for path in self.server.binlogs() if path.name >= first_file]
        done = subprocess.run(argv + files, capture_output=True, text=True, check=False,
                              encoding="utf-8")
        if done.returncode != 0:
            raise Failure(f"seed {self.seed}: {done.stderr}{self.described()}")
        return [golden.Event(line) for line in done.stdout.split("\n") if line]

    def _without_end(self, events):
        return [e for e in events if not e.is_stop_mark()
                and not (e.topic == "srv.transaction" and e.id in self.ends)]

    def _difference(self, who, recorded, ours):
        for i, (a, b) in enumerate(zip(recorded, ours)):
            text = golden.difference(a, b)
            if text:
                return (f"{who}: record {i + 1} ({a.topic}): {text}\n  of {a.key[-200:]} {a.ddl or a.value[:200]}\n  "
                        f"{self._statements_of(a, b)}")
        if len(recorded) == len(ours):
            return None
        if self.stopped and len(recorded) < len(ours):
            return (f"Debezium stopped behind record {len(recorded)}: {self.stopped}\n  "
                    f"{self._statements_of(ours[len(recorded)])}\n  DDL before:\n    "
                    + "\n    ".join(self._ddl_before(ours[len(recorded)])))
        rest = (recorded if len(recorded) > len(ours) else ours)[min(len(recorded), len(ours)):]
        return (f"{who}: {len(ours)} records, Debezium has {len(recorded)}; the next is {rest[0].topic} "
                f"{rest[0].key[-200:]} {rest[0].source} {rest[0].ddl}\n  {self._statements_of(rest[0])}")

    def _statements_of(self, *events):
        return "\n  ".join(dict.fromkeys(self.statement_of(e) for e in events))

    def statement_of(self, event):
        """What the record was made of, as it was sent to the server."""
        source = event.source
        if "file" not in source:
            return f"(of {event.key})"
        at = bisect.bisect_right([place for place, _ in self.statements],
                                 (source["file"], source["pos"]))
        before = [text for _, text in self.statements[max(0, at - 3):at]]
        before = [f"{text}    (DDL)" for text in self._ddl_before(event)] + before
        return "".join(f"\n    earlier: {text}" for text in before) + (
            f"\n    statement {at + 1}: {self.statements[at][1]}" if at < len(self.statements) else "")

    def _ddl_before(self, event, count=12):
        table = event.source.get("table") or "?"
        end = (event.source.get("file", "~"), event.source.get("pos", 0))
        return [text for place, text in self.statements if place <= end and table in text
                and text.lstrip()[:6].upper() not in ("INSERT", "UPDATE", "DELETE", "REPLAC")][-count:]

    def described(self):
        return (f"\n  seed {self.seed}, {self.kind.name}, {len(self.statements)} statements; "
                f"options {self.options}")


class Plain:
    """A record without what a publisher's file does not have."""

    def __init__(self, event):
        self.__dict__.update(vars(event))

    def texts(self):
        return [("topic", self.topic), ("key", self.key), ("value", self.value)]


class LiveEvent(golden.Event):
    """A line of a publisher's file, which has neither partition nor headers."""

    def __init__(self, line):
        super().__init__(line[:-1] + ',"partition":null,"headers":[]}')

    def texts(self):
        return [("topic", self.topic), ("key", self.key), ("value", self.value)]


def run(scene, kind_name, seed, count):
    """Gives the run, after everything was compared; a difference is a Failure."""
    this = Run(scene, kind_name, seed)
    connector = scene.debezium(this.server, "g", properties=this.connector_options())
    this.server.flush_binlog()
    first_file = this.server.binlogs()[-1].name
    relay = scene.relay(this.server, publish="g", settings={
        "source a": {"start": "newest"},
        "publisher events": {**this.options, "strict.compatibility": "true",
                             "include.schema.changes": "true"}})
    # It has asked the source what tables there are: none, for now.
    relay.wait_status(lambda status: status["publishers"][0]["state"] == "idle")
    try:
        this.work(count)
    except pymysql.err.OperationalError as error:
        # MariaDB 10.11.19 dies now and then when it describes a table.
        if has_crashed(this.server):
            raise Unavailable(f"the server itself crashed in the midst of it: {error}") from error
        raise
    mark_end(this.server, "g")
    stopped = ""
    try:
        connector.wait_for_end(600)
    except Failure as failure:
        if connector.running():
            raise
        stopped = why_stopped(connector) or str(failure)
    relay.wait_caught_up(this.server)
    end = relay.wait_status(lambda status: status["publishers"][0]["state"] in ("idle", "failed"))
    if end["publishers"][0]["state"] == "failed":
        raise Failure(f"the publisher failed: {end['publishers']}{this.described()}")
    relay.stop()
    found = this.compare(connector, relay, first_file, stopped)
    if found:
        raise Failure(f"{found}{this.described()}", unparsed(connector))
    return this


def has_crashed(server):
    """It drops its connections first, and ends when it has told its log."""
    try:
        return wait.until(lambda: not server.process.running(), 20, "its end")
    except Failure:
        return False


def why_stopped(connector):
    causes = re.findall(r"Caused by: (.*)", connector.log.read_text(errors="replace"))
    return causes[-1][:300] if causes else ""


def unparsed(connector):
    """What of the statements the connector could not read, from its log."""
    text = connector.log.read_text(errors="replace")
    lines = re.findall(r".*(?:unparseable|Ignoring|Error during|schema isn't known).*", text)
    return "\n".join(line[:400] for line in lines[:10])
