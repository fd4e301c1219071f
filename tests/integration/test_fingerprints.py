"""What a replica logs again has the fingerprints of what its source logged, in the same order."""

import subprocess

from lib.build import make
from lib.errors import Failure
from lib.marks import each
from lib.relay import ROOT, program
from lib.servers import REPL

NO_GTIDS = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}

# Source and replica; one of an age without GTIDs, or with them switched off.
PAIRS = ("mysql55 mysql55", "mysql55 mysql57", "mysql57 mysql80", "mysql97 mysql97",
         "mariadb102 mariadb10", "mariadb10 mariadb11")

TYPES = ("a TINYINT UNSIGNED, b SMALLINT, c MEDIUMINT UNSIGNED, d INT, e BIGINT UNSIGNED,"
         " f FLOAT, g DOUBLE, h DECIMAL(20,5), i BIT(11), j YEAR, k DATE, l TIME, m DATETIME,"
         " n TIMESTAMP NULL, o CHAR(9), p VARCHAR(300), q BINARY(5), r VARBINARY(9), s TEXT,"
         " t LONGBLOB, u ENUM('x','y'), v SET('x','y','z')")
VALUES = ("255, -2, 16777215, -4, 18446744073709551615, 1.5, -2.25, -12345.678, b'101', 2024,"
          " '2024-02-29', '-11:12:13', '2024-02-29 01:02:03', '2024-02-29 04:05:06', 'ä', 'vvv',"
          " 'qq', 'r', REPEAT('s', 70), REPEAT('t', 200000), 'y', 'x,z'")


def workload(source, replica):
    """Every kind of content, in each binlog format, with equal transactions in between."""
    source.sql("CREATE DATABASE w CHARACTER SET latin1")
    source.sql(f"CREATE TABLE w.t (id INT PRIMARY KEY AUTO_INCREMENT, {TYPES}) CHARSET utf8")
    source.sql("CREATE TABLE w.m (id INT, p VARCHAR(300)) ENGINE=MyISAM")
    columns = "abcdefghijklmnopqrstuv"
    for form in ("ROW", "STATEMENT"):
        replica.wait_for(source)
        replica.stop_replica()
        replica.sql(f"SET GLOBAL binlog_format = '{form}'")  # else it logs rows of statements
        replica.start_replica()
        with source.connect(database="w", local_infile=True) as connection:
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION binlog_format = '{form}'")
                play(source, connection, cursor, columns)
    source.sql("ALTER TABLE w.m ADD z INT; DROP TABLE w.m; CREATE INDEX d ON w.t (d)")


def play(source, connection, cursor, columns):
    """Through one connection, so that the session's binlog format counts."""
    cursor.execute(f"INSERT INTO t ({','.join(columns)}) VALUES ({VALUES})")
    connection.commit()
    cursor.execute("INSERT INTO t (p) VALUES ('auto'), (NULL)")
    cursor.execute("UPDATE t SET d = d + 1, p = CONCAT(p, 'ü')")
    connection.commit()
    for _ in range(3):
        cursor.execute("INSERT INTO m (id, p) VALUES (1, 'the same')")
    cursor.execute("SET @v = 'variable', @n = 17")
    cursor.execute("INSERT INTO t (p, d) VALUES (@v, @n)")
    connection.commit()
    cursor.execute("INSERT INTO t (p) SELECT p FROM t WHERE p IS NOT NULL")
    cursor.execute("DELETE FROM t WHERE id % 3 = 0")
    connection.commit()
    lines = source.folder / "lines"
    lines.write_text("".join(f"{n}\t{'v' * (n % 90)}\n" for n in range(2000)))
    cursor.execute(f"LOAD DATA LOCAL INFILE '{lines}' INTO TABLE t (d, p)")
    connection.commit()


def options_of(kind_name):
    options = {"local_infile": 1, "max_allowed_packet": "64M"}
    if kind_name.startswith("mysql") and kind_name != "mysql55":
        options |= NO_GTIDS
    return options


def fingerprints(server):
    """Of all transactions in all of a server's binlogs, in their order."""
    lines = []
    for binlog in server.binlogs():
        done = subprocess.run([program("peers/fingerprints"), binlog],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"{server}, {binlog.name}: {done.stderr}")
        lines += [line.split()[1] for line in done.stdout.splitlines()]
    return lines


@each(*PAIRS)
def test_a_replica_logs_transactions_of_the_same_fingerprints(scene, pair):
    """Row, statement and LOAD DATA, from versions that store times and NULL bits in other ways."""
    problem, output = make(ROOT, "build/peers/fingerprints")
    if problem:
        raise Failure(output)
    first, second = pair.split()
    source = scene.server(first, **options_of(first))
    replica = scene.server(second, **options_of(second))
    before = len(fingerprints(source)), len(fingerprints(replica))
    file, pos = source.position()
    replica.make_replica_of(source.host, source.port, *REPL, file=file, pos=pos)
    workload(source, replica)
    replica.wait_for(source)
    expected = fingerprints(source)[before[0]:]
    found = fingerprints(replica)[before[1]:]
    if expected != found or len(expected) < 25:
        differing = [n for n, two in enumerate(zip(expected, found)) if two[0] != two[1]]
        raise Failure(f"{len(expected)} transactions at the source, {len(found)} at the replica,"
                      f" not alike: {differing}")
