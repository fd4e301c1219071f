"""What the relay publishes is what the real Debezium, attached to the source, writes.

Key and value are compared with the order of their fields and the text of their numbers. Not
compared: the envelope's own clock, and the schema changes that Debezium writes.
"""

import json

from lib import wait
from lib.debezium import STOP_MARK, mark_end
from lib.errors import Failure
from lib.marks import each, limit

TABLES = """
    CREATE TABLE g.num (
        id INT NOT NULL PRIMARY KEY, ti TINYINT, tiu TINYINT UNSIGNED, ti1 TINYINT(1), si SMALLINT,
        siu SMALLINT UNSIGNED, mi MEDIUMINT, miu MEDIUMINT UNSIGNED, i INT, iu INT UNSIGNED,
        bi BIGINT, biu BIGINT UNSIGNED, d1 DECIMAL(10,2), d2 DECIMAL(18,0), d3 DECIMAL(65,30),
        d4 NUMERIC(5,5), f FLOAT, f72 FLOAT(7,2), d DOUBLE, b1 BIT, b20 BIT(20), b64 BIT(64));
    CREATE TABLE g.tmp (
        id INT NOT NULL PRIMARY KEY, d DATE, d_nn DATE NOT NULL, dt DATETIME, dt1 DATETIME(1),
        dt3 DATETIME(3), dt4 DATETIME(4), dt6 DATETIME(6), dt_nn DATETIME NOT NULL,
        ts TIMESTAMP NULL, ts2 TIMESTAMP(2) NULL, ts6 TIMESTAMP(6) NULL, t TIME, t1 TIME(1),
        t3 TIME(3), t6 TIME(6), y YEAR);
    CREATE TABLE g.str (
        k VARCHAR(20) CHARACTER SET latin1 NOT NULL, n INT NOT NULL, c CHAR(10), v VARCHAR(50),
        l1 VARCHAR(50) CHARACTER SET latin1, l2 VARCHAR(50) CHARACTER SET latin2, a VARCHAR(20)
        CHARACTER SET ascii, sj VARCHAR(20) CHARACTER SET sjis, u2 VARCHAR(20) CHARACTER SET utf16,
        u3 VARCHAR(20) CHARACTER SET utf8, long_v VARCHAR(300), tx TEXT, lt LONGTEXT,
        tx1 TEXT CHARACTER SET latin1, bi BINARY(6), vb VARBINARY(300), bl BLOB,
        en ENUM('small','it''s','large'), en1 ENUM('caf\u00e9','th\u00e9') CHARACTER SET latin1,
        st SET('a','b','c','d'), PRIMARY KEY (n, k)) DEFAULT CHARSET=utf8mb4;
    CREATE TABLE g.doc (id INT PRIMARY KEY, j JSON, p POINT, ge GEOMETRY, ls LINESTRING);
    CREATE TABLE g.nokey (a INT, b VARCHAR(10));
    CREATE TABLE g.uniq (x INT NOT NULL, y VARCHAR(5) NOT NULL, z INT, UNIQUE KEY second (y, x),
        UNIQUE KEY first (x));
    CREATE TABLE g.`od d-$\u017c` (id INT PRIMARY KEY, `w\u0142as ny"` INT)
"""

# One statement a line, or several in a transaction.
CHANGES = """
    INSERT INTO g.num VALUES (1, 127,255,1, 32767,65535,8388607,16777215, 2147483647,4294967295, 9223372036854775807,18446744073709551615, 12345678.91, 999999999999999999, 99999999999999999999999999999999999.999999999999999999999999999999, 0.99999, 3.14159, 12345.67, 1.7976931348623157e308, b'1', b'11110000111100001111', b'1111111111111111111111111111111111111111111111111111111111111111')
    INSERT INTO g.num VALUES (2, -128,0,0, -32768,0,-8388608,0, -2147483648,0, -9223372036854775808,0, -12345678.91, -1, -0.000000000000000000000000000001, 0, -3.4e38, -0.5, -2.2250738585072014e-308, b'0', b'1', b'1')
    INSERT INTO g.num (id) VALUES (3)
    INSERT INTO g.num VALUES (4, 1,128,100, 1,32768,1,8388608, 1,2147483648, 1,9223372036854775808, 0.10, 10, 1, 0.5, 0.1, 1, 100, b'1', b'10000000000000000000', b'1000000000000000000000000000000000000000000000000000000000000000')
    UPDATE g.num SET d1 = -0.01, biu = 1, f = 1e-7, d = 1e21 WHERE id = 3
    UPDATE g.num SET id = id + 10
    DELETE FROM g.num WHERE id = 12
    INSERT INTO g.tmp VALUES (1, '2024-02-29', '2024-02-29', '2024-02-29 13:14:15', '2024-02-29 13:14:15.6', '2024-02-29 13:14:15.678', '2024-02-29 13:14:15.6789', '2024-02-29 13:14:15.678901', '2024-02-29 13:14:15', '2024-02-29 13:14:15', '2024-02-29 13:14:15.67', '2024-02-29 13:14:15.678901', '13:14:15', '13:14:15.6', '13:14:15.678', '13:14:15.678901', 2024)
    INSERT INTO g.tmp VALUES (2, '1000-01-01', '9999-12-31', '1000-01-01 00:00:00', '1969-12-31 23:59:59.5', '1969-12-31 23:59:59.999', '1969-12-31 23:59:59.5', '9999-12-31 23:59:59.999999', '1000-01-01', '1970-01-01 00:00:01', '2038-01-19 03:14:07.99', '2000-01-01', '-838:59:59', '-00:00:00.1', '-01:02:03.004', '-01:02:03.000004', 1901)
    INSERT INTO g.tmp VALUES (3, '0000-00-00', '0000-00-00', '0000-00-00 00:00:00', '2024-00-01', '2024-01-00', '0000-00-00', '0000-00-00', '0000-00-00', 0, 0, 0, '838:59:59', '00:00:00', '24:00:00', '100:00:00.000001', 0)
    INSERT INTO g.tmp (id, d_nn, dt_nn) VALUES (4, '2000-01-01', '2000-01-01')
    UPDATE g.tmp SET t = '00:00:01', y = 2155 WHERE id = 4
    INSERT INTO g.str VALUES ('k\u00e9y', 1, 'abc', '\u017c\u00f3\u0142w \U0001f422', 'caf\u00e9 \u20ac', '\u017c\u00f3\u0142w', 'plain', '\u65e5\u672c', 'utf16 \U0001f422', '\u6f22\u5b57', REPEAT('x', 300), 'text "q" \\\\ \\n \\t end', REPEAT('\u00e9', 70000), 'latin \u00e9', x'0102', x'00ff10', x'fffefd00', 'it''s', 'caf\u00e9', 'a,c')
    INSERT INTO g.str VALUES ('', 2, '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 'small', 'th\u00e9', '')
    INSERT INTO g.str (k, n) VALUES ('null', 3)
    UPDATE g.str SET k = 'other', v = NULL WHERE n = 1
    DELETE FROM g.str
    INSERT INTO g.doc VALUES (1, '{"z": 1, "a": [true, false, null, 1.5, -7, "\u00e9\\\\"x\\\\n \U0001f422"], "n": {"big": 18446744073709551615, "neg": -9223372036854775808, "": {}}, "e": []}', ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(-1.5 2.25)'), ST_GeomFromText('LINESTRING(0 0,1 1)'))
    INSERT INTO g.doc (id, j) VALUES (2, NULL), (3, '[]'), (4, '"str"'), (5, '3.0'), (6, 'null'), (7, '[1e100, 1e-7, 12345678.25, 0.001, 100000000000000000000]')
    INSERT INTO g.doc (id, j) VALUES (8, CONCAT('[', REPEAT('{"key": 12345678},', 9000), '0]'))
    INSERT INTO g.doc (id, j) VALUES (9, JSON_OBJECT('d', CAST('2024-01-02' AS DATE), 't', CAST('03:04:05.6' AS TIME(1)), 'dt', CAST('2024-01-02 03:04:05.678' AS DATETIME(3)), 'dec', CAST('-12.340' AS DECIMAL(10,3)), 'small', CAST('0.05' AS DECIMAL(5,2)), 'bin', CAST('ab' AS BINARY)))
    UPDATE g.doc SET j = JSON_SET(j, '$.a', 1) WHERE id = 1
    DELETE FROM g.doc WHERE id < 5
    INSERT INTO g.nokey VALUES (1, 'a'), (1, 'a'), (NULL, NULL)
    UPDATE g.nokey SET b = 'b' WHERE a = 1
    DELETE FROM g.nokey
    INSERT INTO g.uniq VALUES (1, 'a', 1), (2, 'b', NULL)
    UPDATE g.uniq SET x = x + 10
    UPDATE g.uniq SET z = 5
    DELETE FROM g.uniq
    INSERT INTO g.`od d-$\u017c` VALUES (1, 1), (2, NULL)
    BEGIN; INSERT INTO g.nokey VALUES (5, 't'); INSERT INTO g.uniq VALUES (5, 't', 0); UPDATE g.uniq SET z = 1 WHERE x = 5; INSERT INTO g.num (id) VALUES (50); DELETE FROM g.num WHERE id = 50; COMMIT
    BEGIN; INSERT INTO g.nokey VALUES (6, 'r'); ROLLBACK
    INSERT INTO h.hidden VALUES (1)
    TRUNCATE TABLE g.nokey
    INSERT INTO g.nokey VALUES (9, 'sync')
"""

# Without full metadata the relay asks the source, which must not be ahead of it by a DDL statement.
AFTER_SYNC = """
    ALTER TABLE g.uniq ADD COLUMN added INT AFTER x, DROP COLUMN z
    INSERT INTO g.uniq VALUES (7, 70, 'q')
"""


OPTIONS = {
    "compressed": {"binlog_transaction_compression": "ON"},
    "anonymous": {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"},
}


def lines_of(text):
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def run(server):
    """The session's mode lets zero dates in; the statements go one by one."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("CREATE DATABASE g")
        cursor.execute("CREATE DATABASE h")
        cursor.execute("CREATE TABLE h.hidden (id INT PRIMARY KEY)")
        for statement in TABLES.split(";"):
            cursor.execute(statement)


def change(server, lines):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute("SET time_zone = '+00:00'")
        for line in lines_of(lines):
            for statement in line.split("; "):
                cursor.execute(statement)


def change_many(server):
    """Several rows events in one statement."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE g.many (id INT PRIMARY KEY, v VARCHAR(100))")
        for i in range(0, 2000, 500):
            cursor.execute("INSERT INTO g.many VALUES " + ", ".join(
                f"({n}, REPEAT('{n} ', 12))" for n in range(i, i + 500)))
        cursor.execute("UPDATE g.many SET v = REVERSE(v)")
        cursor.execute("DELETE FROM g.many WHERE id % 3 = 0")


def change_all(server, relay):
    change(server, CHANGES)
    wait.until(lambda: '"b":"sync"' in written(relay), 60, lambda: f"the relay\n{relay.tail()}")
    change(server, AFTER_SYNC)
    change_many(server)


def written(relay):
    return relay.output.read_text(encoding="utf-8") if relay.output.exists() else ""


def parsed(line):
    """With the order of the members, and numbers as they are written."""
    return json.loads(line, object_pairs_hook=list, parse_int=str, parse_float=str)


def comparable(line):
    """(topic, key, value without the envelope's clock) of one line of either."""
    record = dict(parsed(line))
    value = record["value"]
    if value is not None:
        assert [name for name, _ in value[-3:]] == ["ts_ms", "ts_us", "ts_ns"], value
        value = value[:-3]
    return record["topic"], record["key"], value


def rows(path):
    """All change events of tables, as they can be compared."""
    found = [comparable(line) for line in path.read_text(encoding="utf-8").splitlines()
             if not line.startswith('{"topic":"srv",')]
    return [record for record in found if not record[0].endswith(STOP_MARK)]


def assert_equal(ours, theirs):
    for number, (our, their) in enumerate(zip(ours, theirs)):
        if our != their:
            raise Failure(f"event {number} differs",
                          "\n".join(difference(our, their)))
    assert len(ours) == len(theirs), (len(ours), len(theirs), (ours + theirs)[-1])


def difference(our, their, path="event"):
    """The first places where two records differ."""
    if isinstance(our, (list, tuple)) and isinstance(their, (list, tuple)) and \
            len(our) == len(their):
        for i, (a, b) in enumerate(zip(our, their)):
            if a != b:
                name = a[0] if isinstance(a, (list, tuple)) and a else i
                yield from difference(a, b, f"{path}.{name}")
    else:
        yield f"{path}: the relay writes {str(our)[:300]}, Debezium {str(their)[:300]}"


@limit(240)
@each("mysql97 FULL", "mysql97 MINIMAL", "mysql97 FULL compressed", "mysql97 FULL anonymous",
      "mariadb10 FULL", "mariadb10 MINIMAL", "mariadb10 NO_LOG")
def test_the_relay_publishes_what_debezium_writes(scene, variant):
    """A workload of many types, changed keys, transactions and DDL comes out the same."""
    kind, metadata, *more = variant.split()
    server = scene.server(kind, binlog_row_metadata=metadata,
                          **(OPTIONS[more[0]] if more else {}))
    run(server)
    connector = scene.debezium(server, "g", snapshot_mode="no_data")
    relay = scene.relay(server, publish="g", settings={"publisher events": {
        "table.include.list": "g[.].*"}, "source a": {"start": "newest"}})
    change_all(server, relay)
    mark_end(server, "g")
    connector.wait_for_end(150)
    theirs = rows(connector.output)
    relay.wait_caught_up(server)
    relay.wait_events(len(theirs))
    assert len(theirs) > 4000, len(theirs)
    relay.stop()
    assert_equal(rows(relay.output), theirs)


UNUSUAL = """
    CREATE TABLE g.wide (id INT PRIMARY KEY, c CHAR(255), b BINARY(255), v0 VARBINARY(0), c0 CHAR(0), d65 DECIMAL(65,0), d30 DECIMAL(30,30), st SET({set}), en ENUM({enum}), bt BIT(7), tn TINYTEXT, mb MEDIUMBLOB)
    INSERT INTO g.wide VALUES (1, REPEAT('\u6f22', 255), REPEAT('b', 255), '', '', REPEAT('9', 65), -0.123456789012345678901234567890, 1, 300, b'1010101', 'tiny', REPEAT('m', 100000))
    INSERT INTO g.wide VALUES (2, 'x', x'00', '', '', -1, 0, 0xffffffffffffffff, 1, 0, '', '')
    CREATE TABLE g.gen (a INT PRIMARY KEY, b INT AS (a * 2) VIRTUAL, c INT AS (a + 1) STORED, d VARCHAR(10))
    INSERT INTO g.gen (a, d) VALUES (1, 'x'), (2, NULL)
    UPDATE g.gen SET d = 'y'
    CREATE TABLE g.my (a INT PRIMARY KEY) ENGINE=MyISAM
    BEGIN; INSERT INTO g.gen (a) VALUES (10); SAVEPOINT s; INSERT INTO g.gen (a) VALUES (11); ROLLBACK TO s; INSERT INTO g.gen (a) VALUES (12); COMMIT
    BEGIN; INSERT INTO g.my VALUES (1); INSERT INTO g.gen (a) VALUES (20); ROLLBACK
    INSERT INTO g.my VALUES (2), (3)
    CREATE TEMPORARY TABLE g.temp (a INT); INSERT INTO g.temp VALUES (1); INSERT INTO g.my SELECT a + 100 FROM g.temp; DROP TEMPORARY TABLE g.temp
    CREATE TABLE g.parts (a INT PRIMARY KEY, b INT) PARTITION BY HASH(a) PARTITIONS 4
    INSERT INTO g.parts VALUES (1, 1), (2, 2), (3, 3), (4, 4)
    UPDATE g.parts SET a = a + 10
    CREATE TABLE g.pre (a VARCHAR(100) NOT NULL, b INT, c INT NOT NULL, PRIMARY KEY (a(10), c), KEY (b))
    INSERT INTO g.pre VALUES ('a long key that goes on', NULL, 7)
    DELETE FROM g.pre
    CREATE TABLE g.ref (id INT PRIMARY KEY); CREATE TABLE g.child (id INT PRIMARY KEY, ref INT, FOREIGN KEY (ref) REFERENCES g.ref (id) ON DELETE CASCADE)
    INSERT INTO g.ref VALUES (1); INSERT INTO g.child VALUES (1, 1); DELETE FROM g.ref
    INSERT INTO g.parts VALUES (11, 0) ON DUPLICATE KEY UPDATE b = 100
    REPLACE INTO g.parts VALUES (12, 5), (99, 9)
    CREATE VIEW g.seen AS SELECT a FROM g.parts; INSERT INTO g.seen VALUES (1000); DROP VIEW g.seen
    RENAME TABLE g.parts TO g.parts2
    INSERT INTO g.parts2 VALUES (2000, 1)
    ALTER TABLE g.parts2 ADD COLUMN t TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3) FIRST
    UPDATE g.parts2 SET b = 7 WHERE a = 2000
    XA START 'x1'; INSERT INTO g.parts2 (a) VALUES (3000); XA END 'x1'; XA PREPARE 'x1'; XA COMMIT 'x1'
    XA START 'x2'; INSERT INTO g.parts2 (a) VALUES (3001); XA END 'x2'; XA COMMIT 'x2' ONE PHASE
    XA START 'x3'; INSERT INTO g.parts2 (a) VALUES (3002); XA END 'x3'; XA ROLLBACK 'x3'
    INSERT INTO g.parts2 (a) VALUES (4000)
"""


@limit(180)
@each("mysql97", "mariadb10")
def test_unusual_tables_and_transactions_are_published_alike(scene, kind):
    """Wide types, generated columns, partitions, engines, savepoints, XA, DDL in between."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    run(server)
    connector = scene.debezium(server, "g")
    relay = scene.relay(server, publish="g", settings={"source a": {"start": "newest"}})
    members = {"set": ",".join(f"'s{i}'" for i in range(64)),
               "enum": ",".join(f"'member {i}'" for i in range(300))}
    change(server, UNUSUAL.format(**members))
    mark_end(server, "g")
    connector.wait_for_end(100)
    theirs = rows(connector.output)
    relay.wait_caught_up(server)
    relay.wait_events(len(theirs))
    assert len(theirs) > 40, len(theirs)
    relay.stop()
    assert_equal(rows(relay.output), theirs)


def without_source(record):
    topic, key, value = record
    return topic, key, value and [pair for pair in value if pair[0] != "source"]


@limit(120)
def test_mariadbs_compressed_events_come_like_plain_ones(scene):
    """log_bin_compress changes nothing. (Debezium 3.5.0 leaves compressed rows out.)"""
    outputs = []
    for options in ({}, {"log_bin_compress": "ON", "log_bin_compress_min_len": 10}):
        server = scene.server("mariadb10", binlog_row_metadata="FULL", **options)
        run(server)
        relay = scene.relay(server, publish="g", settings={"source a": {"start": "newest"}})
        change_all(server, relay)
        relay.wait_caught_up(server)
        wait.until(lambda relay=relay: written(relay).count('"op":"d"') > 666, 60, relay.tail)
        relay.stop()
        outputs.append([without_source(record) for record in rows(relay.output)])
    assert_equal(outputs[1], outputs[0])
