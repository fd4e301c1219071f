"""What a server says its tables are, against what the relay's DDL reader makes of its binlog.

Statements are run one by one; after each that the server took, its information_schema is asked.
Then build/tests/tools/follow_ddl reads the binlog, and after every statement both must be equal.
"""

import json
import re
import subprocess
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pymysql

from lib import build, wait
from lib.errors import Failure

ROOT = Path(__file__).resolve().parents[2]
FOLLOW = "build/tests/tools/follow_ddl"

# Nothing here has to survive a crash.
OPTIONS = {"sync_binlog": 0, "innodb_flush_log_at_trx_commit": 0, "innodb_doublewrite": 0,
           "innodb_flush_method": "nosync", "max_binlog_size": 1 << 30}

# --- what the server says

COLUMNS = """
    SELECT c.table_schema, c.table_name, c.column_name, c.data_type, c.column_type, c.is_nullable,
           c.column_default, c.character_set_name, c.extra
    FROM information_schema.columns c
    JOIN information_schema.tables t
      ON t.table_schema = c.table_schema AND BINARY t.table_name = BINARY c.table_name
    WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND c.table_schema IN ({})
    ORDER BY c.table_schema, c.table_name, c.ordinal_position"""
PRIMARY = """
    SELECT table_schema, table_name, column_name FROM information_schema.statistics
    WHERE index_name = 'PRIMARY' AND table_schema IN ({}) ORDER BY seq_in_index"""


def ask(connection, databases):
    """{(database, table): (columns, primary key)} as the server sees them."""
    names = ",".join(connection.escape(name) for name in databases)
    tables = {}
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS.format(names))
        for database, table, *column in cursor.fetchall():
            tables.setdefault((database, table), ([], []))[0].append(tuple(column))
        cursor.execute(PRIMARY.format(names))
        for database, table, column in cursor.fetchall():
            if (database, table) in tables:
                tables[database, table][1].append(column)
    return tables


# --- what the relay makes of it

TYPES = {1: "tinyint", 2: "smallint", 3: "int", 9: "mediumint", 8: "bigint", 246: "decimal",
         4: "float", 5: "double", 16: "bit", 247: "enum", 248: "set", 10: "date", 19: "time",
         18: "datetime", 17: "timestamp", 13: "year", 245: "json", 242: "vector"}
TEXTS = {254: ("char", "binary"), 15: ("varchar", "varbinary"), 249: ("tinytext", "tinyblob"),
         252: ("text", "blob"), 250: ("mediumtext", "mediumblob"), 251: ("longtext", "longblob")}
NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double")


def quoted(member):
    return "'" + member.replace("'", "''") + "'"


def type_of(column, mariadb):
    """The data_type that the server must show."""
    code, words = column["type"], column.get("type_name", "")
    if code == 255:
        return words.lower()
    if column["form"] in ("uuid", "inet4", "inet6"):
        return column["form"]
    if mariadb and words == "VECTOR":
        return "vector"
    if code in TEXTS:
        return TEXTS[code][column.get("charset") == "binary"]
    return TYPES.get(code, str(code))


GEOMETRIES = {"geomcollection": "geometrycollection"}


def differences(server, relay, mariadb):
    """What of one table is not the same: a list of texts."""
    columns, primary = server
    mine = [column for column in relay["columns"] if not column.get("hidden")]
    if [column[0] for column in columns] != [column["name"] for column in mine]:
        return [f"columns {[c[0] for c in columns]}, read {[c['name'] for c in mine]}"]
    found = []
    for said, read in zip(columns, mine):
        found += [f"{said[0]}: {text}" for text in column_differences(said, read, mariadb)]
    key = [relay["columns"][i]["name"] for i in relay["key"]] if relay.get("key_is_primary") else []
    if key != primary:
        found.append(f"primary key {primary}, read {key}")
    return found


def column_differences(said, read, mariadb):
    _, data_type, column_type, nullable, default, charset, extra = said
    mine = type_of(read, mariadb)
    if GEOMETRIES.get(data_type, data_type) != GEOMETRIES.get(mine, mine):
        yield f"type {data_type}, read {mine}"
        return
    if (nullable == "YES") != read["nullable"]:
        yield f"nullable {nullable}, read {read['nullable']}"
    if data_type in NUMBERS and ("unsigned" in column_type) != read["unsigned"]:
        yield f"{column_type}, read unsigned {read['unsigned']}"
    if charset and data_type != "json" and utf8(charset) != utf8(read.get("charset")):
        yield f"character set {charset}, read {read.get('charset')}"
    want = arguments(data_type, column_type)
    have = arguments_read(data_type, read)
    if data_type in ("enum", "set") and have.isascii() and not column_type.isascii():
        want = None # a converted column may be shown garbled
    if want is not None and want != have:
        yield f"{column_type}, read {have}"
    if not read.get("generated"):
        yield from default_differences(said, read, mariadb)


def utf8(charset):
    return "utf8mb3" if charset == "utf8" else charset


def arguments(data_type, column_type):
    """What stands in the type's parentheses, where that means something."""
    if data_type in ("enum", "set"): # the same
        garbled = any(text in column_type for text in ("\0", "\\0", "?", "('',''"))
        return None if garbled else column_type[len(data_type):]
    match = re.search(r"\((\d+)(?:,(\d+))?\)", column_type)
    if data_type in ("char", "varchar", "binary", "varbinary", "decimal", "bit", "vector"):
        return tuple(int(n) for n in match.groups() if n) if match else None
    if data_type in ("time", "datetime", "timestamp"):
        return (int(match.group(1)),) if match else (0,)
    return None


def arguments_read(data_type, read):
    length, scale = read.get("length", -1), read.get("scale", -1)
    if data_type in ("enum", "set"):
        return "(" + ",".join(quoted(member) for member in read.get("members", [])) + ")"
    if data_type == "decimal":
        return (10 if length in (-1, 0) else length, max(scale, 0))
    if data_type == "bit":
        return (length or 1,)
    if data_type == "vector":
        return (2048 if length < 0 else length,)
    if data_type in ("time", "datetime", "timestamp"):
        return (max(length, 0),)
    return (1 if length < 0 else length,)


# --- defaults

def default_differences(said, read, mariadb):
    _, data_type, column_type, _, default, _, extra = said
    is_expression = "DEFAULT_GENERATED" in (extra or "")
    if mariadb and default == "NULL":
        default = None
    if data_type in ("timestamp", "json") or data_type.endswith(("blob", "text")):
        return # a default that nobody wrote, or '' that the server leaves out
    if "COMPRESSED" in column_type and default == "''" and not read.get("has_default"):
        return # MariaDB's own for NOT NULL ones: who reads the statements, as Debezium, knows of none
    if (default is not None) != bool(read.get("has_default")):
        yield f"default {default!r}, read {read.get('default')!r}"
        return
    if default is None or is_expression or read.get("expression") or "default" not in read:
        return
    if default[:2] in ("0x", "x'", b"0x") or "\0" in str(default):
        return # of a binary or a converted text
    if isinstance(default, bytes):
        default = default.decode(errors="replace")
    text = re.sub(r"^_\w+'(.*)'$", r"\1", read.get("default", ""))
    if mariadb and data_type not in NUMBERS and default[:1] == "'":
        default = unescaped(default[1:-1])
    if not same_default(data_type, default, text, read):
        yield f"default {default!r}, read {text!r}"


ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}


def unescaped(text):
    text = re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text, flags=re.DOTALL)
    return text.replace("''", "'")


def same_default(data_type, said, read, column):
    if data_type in NUMBERS:
        words = {"true": "1", "false": "0"}
        try:
            a = Decimal(said.strip("'"))
            b = Decimal(words.get(read.lower(), unescaped(read)).strip())
        except InvalidOperation:
            return True # a bit or hex literal, or a text that only the server turns to a number
        if data_type in ("float", "double"):
            return abs(a - b) <= abs(b) / 1000
        return abs(a - b) <= (Decimal("0.5").scaleb(-max(column.get("scale", 0), 0))
                              if b % 1 else 0)
    if data_type in ("enum", "set"):
        return said.lower() == unescaped(read).lower().rstrip() or not read or read[0].isdigit()
    if data_type in ("char", "varchar"):
        if not said.isascii() and re.fullmatch("[0-9A-Fa-f]*", read):
            return True # a hex literal
        return said.rstrip() == unescaped(read).rstrip() or said == read
    return True # dates, times, bits and bytes are shown in another form


# --- both together

class Comparison:
    """Runs statements on a server and notes what it says after each; then compares."""

    def __init__(self, server, databases=("g",)):
        self.server = server
        self.databases = databases
        self.connection = server.connect()
        self.seen = [] # (place, statement, what changed by it)
        self.tables = {}
        self.accepted = self.refused = self.compared = 0
        server.sql("; ".join(f"CREATE DATABASE IF NOT EXISTS {name}" for name in databases))
        self.run(f"USE {databases[0]}")

    def place(self):
        """(file, offset) where the binlog ends now; files sort by name."""
        file, offset = self.server.position()
        return file, int(offset)

    def run(self, statement):
        """False when the server refused it."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(statement)
                while cursor.nextset():
                    pass
            now = ask(self.server.quick_connection(), self.databases)
        except (pymysql.err.MySQLError, UnicodeError):
            self.refused += 1
            if not self.connection.open or not self._still_there():
                self._begin_again()
            return False
        self.accepted += 1
        changed = {name: now.get(name) for name in now.keys() | self.tables.keys()
                   if now.get(name) != self.tables.get(name)}
        self.tables = now
        self.seen.append((self.place(), statement, changed))
        return True

    def _still_there(self):
        try:
            self.server.sql("SELECT 1")
            return True
        except pymysql.err.MySQLError:
            return False

    def _begin_again(self):
        """Some statements of the suites kill a server, others only a connection."""
        def settled():
            return not self.server.process.running() or self._connects()
        wait.until(settled, 30, "the server to live or die")
        if not self.server.process.running():
            self.server.start()
        self.fresh()

    def _connects(self):
        try:
            self.server.connect().close()
            return True
        except pymysql.err.MySQLError:
            return False

    def fresh(self):
        """The databases made anew, on a new connection."""
        if self.connection.open:
            self.connection.close()
        self.connection = self.server.connect()
        for name in self.databases:
            self.run(f"DROP DATABASE IF EXISTS {name}")
            self.run(f"CREATE DATABASE {name}")
        self.run(f"USE {self.databases[0]}")

    def columns(self):
        """{table: names of its columns} of the first database, as the server has them now."""
        return {table: [column[0] for column in columns]
                for (database, table), (columns, _) in self.tables.items()
                if database == self.databases[0]}

    def compare(self):
        """[(statement, table, what differs)] over all statements."""
        failed, output = build.make(ROOT, FOLLOW)
        if failed:
            raise Failure(f"{FOLLOW} does not build: {failed}", output)
        done = subprocess.run([ROOT / FOLLOW, *self.server.binlogs()], capture_output=True,
                              check=False)
        if done.returncode != 0:
            raise Failure("a statement stopped the reader", done.stderr.decode(errors="replace"))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return list(self._all_differences(lines))

    def _all_differences(self, lines):
        mariadb = self.server.kind.is_mariadb
        read, said, at = {}, {}, 0
        for place, statement, changed in self.seen:
            touched = set(changed)
            while at < len(lines) and (lines[at]["file"], lines[at]["end"]) <= place:
                name = lines[at]["database"], lines[at]["table"]
                read[name] = lines[at]["definition"]
                touched.add(name)
                at += 1
            said.update(changed)
            for name in touched:
                server, relay = said.get(name), read.get(name)
                if server is None or name[0] not in self.databases:
                    continue
                if relay is None:
                    yield statement, name, ["unknown"]
                    continue
                self.compared += 1
                found = differences(server, relay, mariadb)
                if found:
                    yield statement, name, found
