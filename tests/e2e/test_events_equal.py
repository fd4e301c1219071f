"""`binrelay events` beside real Debezium connectors with many options set: every record is equal.

Topic, partition, key, value and headers of rows, tombstones, transactions, TRUNCATE and DDL are compared as
text; left out are the connector's clock, the id of its run, and what it read by SQL at its start.
"""

import json
import subprocess
import sys
from pathlib import Path

from lib.debezium import mark_end
from lib.marks import each, limit
from lib.relay import program

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import debezium as golden  # noqa: E402  (the comparison of the recorded cases)

STATEMENTS = """
    CREATE TABLE g.t (id INT NOT NULL PRIMARY KEY, bo BOOLEAN DEFAULT FALSE, t1 TINYINT(1) DEFAULT 5, r REAL, f53 FLOAT(53) DEFAULT 0.1, f93 FLOAT(9,3),
        iu INTEGER, d DECIMAL(9,4) NOT NULL DEFAULT 0, dn DECIMAL(5) DEFAULT -12, bu BIGINT UNSIGNED DEFAULT 18446744073709551615, b3 BIT(3) DEFAULT b'101',
        da DATE NOT NULL DEFAULT '1999-12-31', dt2 DATETIME(2) NOT NULL DEFAULT '2020-02-03 04:05:06.78', dt6 DATETIME(6) DEFAULT NULL, ti TIME NOT NULL DEFAULT '-01:02:03',
        ti2 TIME(2) DEFAULT '23:59:59.99', ti5 TIME(5), ts TIMESTAMP NULL DEFAULT '2001-01-01 01:01:01', ts3 TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3), y YEAR DEFAULT 1970)
    INSERT INTO g.t (id, ts3) VALUES (1, '2024-01-01 00:00:00.5')
    INSERT INTO g.t VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, 1.5, NULL, NULL, NULL, '2024-02-29', '1969-12-31 23:59:59.99', '1999-01-01', '838:59:59', NULL, NULL, NULL, NULL, NULL)
    INSERT INTO g.t VALUES (3, 7, 7, 1e10, 1e-5, 123456.789, -1, -99999.9999, 99999, 9223372036854775808, b'11', '9999-12-31', '9999-12-31 23:59:59.99', '1000-01-01', '-838:59:59', '24:00:00', '-00:00:00.00001', '1970-01-01 00:00:01', '2038-01-19 03:14:07.999', 1901)
    UPDATE g.t SET r = 0.1, f93 = -0.001, d = 3, ti5 = '01:02:03.04' WHERE id = 3
    UPDATE g.t SET id = 4, bo = TRUE WHERE id = 3
    CREATE TABLE g.s (k VARCHAR(20) NOT NULL, n INT NOT NULL, h1 VARCHAR(200) DEFAULT 'dflt', h2 VARCHAR(8), h3 TEXT, m VARCHAR(30), tr VARCHAR(30), trb VARBINARY(30), gone INT,
        e ENUM('a,b', 'c''d', 'x') NOT NULL DEFAULT 'x', st SET('p', 'q'), bi BINARY(5) DEFAULT 'ab', l1 VARCHAR(10) CHARACTER SET latin1 DEFAULT 'x', UNIQUE KEY u (n, k)) COMMENT 'a table'
    INSERT INTO g.s VALUES ('k', 1, 'hash żółw 🐢', 'short', 'text', 'masked', 'truncated 🐢', x'0102030405', 5, 'a,b', 'p,q', x'00ff', 'é'), ('', 2, '', NULL, NULL, NULL, '🐢🐢🐢', NULL, NULL, 'c''d', '', '', NULL)
    UPDATE g.s SET gone = 6 WHERE n = 1
    UPDATE g.s SET tr = 'other 🐢' WHERE n = 1
    DELETE FROM g.s WHERE n = 2
    BEGIN; INSERT INTO g.t (id, ts3) VALUES (10, NULL), (11, NULL); UPDATE g.s SET n = 9; DELETE FROM g.t WHERE id = 11; COMMIT
    CREATE TABLE g.`W\u00efrd-1` (`1a b` INT, `c.d` VARCHAR(3) NOT NULL COMMENT 'with "quotes"', PRIMARY KEY (`c.d`))
    INSERT INTO g.`W\u00efrd-1` VALUES (1, 'x')
    ALTER TABLE g.t ADD COLUMN extra VARCHAR(10) DEFAULT 'e' AFTER id, DROP COLUMN iu, MODIFY r DOUBLE, ALTER COLUMN d SET DEFAULT 9
    INSERT INTO g.t (id, ts3) VALUES (20, NULL)
    RENAME TABLE g.t TO g.t2
    INSERT INTO g.t2 (id, ts3) VALUES (21, NULL)
    TRUNCATE TABLE g.s
    TRUNCATE g.t2
    CREATE TABLE g.copy LIKE g.s
    INSERT INTO g.copy (k, n) VALUES ('k', 1)
    DROP TABLE g.copy
    DROP TABLE g.s
    CREATE INDEX ix ON g.t2 (d)
"""

RULES = {
    r"column.mask.hash.SHA-256.with.salt.pepper": r"g\.s\.h1",
    r"column.mask.hash.v2.MD5.with.salt.s\u00e4lt": r"g\.s\.h[23]",
    "column.mask.with.4.chars": r"g[.]s[.]m,g[.]s[.]e",
    "column.truncate.to.12.chars": r".*[.]TR,g[.]s[.]trb",
    "column.exclude.list": r"g\.s\.gone",
    "message.key.columns": r"g\.(t|t2):id,bo;g\.none:x",
    "decimal.handling.mode": "double", "bigint.unsigned.handling.mode": "precise",
    "time.precision.mode": "nanoseconds", "binary.handling.mode": "base64",
    "provide.transaction.metadata": "true", "skipped.operations": "none", "include.query": "true",
    "skip.messages.without.change": "true", "tombstones.on.delete": "false",
}
# Debezium 3.5's nanoseconds overflow.
STRICT = {"strict.compatibility": "true"}
MODES = {
    "decimal.handling.mode": "string", "time.precision.mode": "microseconds",
    "field.name.adjustment.mode": "avro_unicode", "schema.name.adjustment.mode": "avro",
    "skipped.operations": "u", "include.schema.comments": "true",
    "table.exclude.list": r"g\.copy", "column.include.list": r"g\.(t|t2|W.rd-1)\..*,g\.s\.(k|n|e|h1)",
    "schema.history.internal.store.only.captured.tables.ddl": "true",
}


def ours(files, options):
    argv = [str(program("binrelay")), "events", "--set", "topic.prefix=srv",
            "--set", "database.include.list=g"]
    for name, value in options.items():
        argv += ["--set", f"{name}={value}"]
    done = subprocess.run(argv + files, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [golden.Event(line) for line in done.stdout.splitlines()]


def theirs(connector):
    connector.wait_for_end()
    lines = connector.output.read_text(encoding="utf-8").splitlines()
    return [golden.Event(line) for line in lines if json.loads(line)["headers"] is not None]


@limit(120)
@each("mysql97", "mariadb10")
def test_every_record_is_debeziums_with_many_options(scene, kind):
    """Rules for columns, modes, keys, filters, transactions, TRUNCATE and DDL: equal to the byte."""
    options = {"binlog_row_metadata": "FULL", "default_time_zone": "+00:00", "sql_mode": ""}
    options |= {} if kind.startswith("mariadb") else {"binlog_rows_query_log_events": "ON"}
    server = scene.server(kind, **options)
    server.sql("CREATE DATABASE g")
    connectors = [(o, scene.debezium(server, "g", properties={**o, "database.server.id": 7000 + i}))
                  for i, o in enumerate((RULES, MODES))]
    server.flush_binlog()
    for statement in joined(STATEMENTS):
        server.sql(statement)
    mark_end(server, "g")
    server.flush_binlog()
    files = sorted(str(f) for f in server.data.glob("binlog.[0-9]*"))[1:]
    for chosen, connector in connectors:
        recorded = [e for e in theirs(connector) if e.source.get("snapshot", "false") == "false"]
        made = ours(files, chosen | (STRICT if kind.startswith("mariadb") else {}))
        ends = {e.source.get("gtid") for e in made if e.is_stop_mark()}
        recorded, made = ([e for e in events if not e.is_stop_mark()
                           and not (golden.is_transaction(e) and e.id in ends)]
                          for events in (recorded, made))
        for text in golden.differences(recorded, made):
            raise AssertionError(f"{chosen}\n{text}")


def joined(text):
    """A statement a line; lines that are indented more go on with it."""
    statements = []
    for line in text.strip().split("\n"):
        if line.startswith("        "):
            statements[-1] += " " + line.strip()
        else:
            statements.append(line.strip())
    return statements
