"""The relay answers the SQL of consumers as its source does."""

import pymysql

from lib.marks import each

KINDS = ("mysql97", "mysql80", "mysql57", "mysql55", "mariadb10", "mariadb11", "mariadb102")

WORKLOAD = """
    CREATE DATABASE g;
    CREATE TABLE g.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(30));
    INSERT INTO g.t (v) VALUES ('one'), ('two')
"""

# Answered alike to the last value, errors included: both have the binlog, or both lack the word.
SAME = """
    SET NAMES utf8
    SET @master_heartbeat_period= 1000000000
    SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = 'NONE'
    SELECT @master_binlog_checksum
    SELECT @source_binlog_checksum, @master_heartbeat_period
    SELECT @never_set
    SELECT @@GLOBAL.GTID_MODE
    SELECT @@global.gtid_executed
    SELECT @@global.gtid_purged
    SELECT @@GLOBAL.gtid_domain_id
    SELECT @@global.gtid_binlog_pos
    SELECT binlog_gtid_pos('binlog.000001',%(middle)s)
    SELECT binlog_gtid_pos('',4)
    SELECT binlog_gtid_pos('no such file',4)
    SELECT VERSION()
    SELECT @@version_comment limit 1
    SELECT @@binlog_format AS f, @@log_bin
    SELECT @@binlog_row_image
    SELECT @@binlog_row_metadata
    SHOW MASTER STATUS
    SHOW BINARY LOG STATUS
    SHOW BINLOG STATUS
    SHOW BINARY LOGS
    SHOW MASTER LOGS
    SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'
    SHOW GLOBAL VARIABLES LIKE 'GTID_MODE'
    SHOW GLOBAL VARIABLES LIKE 'GTID_BINLOG_POS'
    SHOW VARIABLES LIKE 'BINLOG_ROW_METADATA'
    SHOW VARIABLES LIKE 'no such variable'
    SHOW VARIABLES WHERE Variable_name IN ('binlog_format', 'version') OR Variable_name = 'log_bin'
    SELECT GTID_SUBTRACT('f718ee6f-e587-11f1-ae02-02fc00000001:1-9', 'f718ee6f-e587-11f1-ae02-02fc00000001:1-4')
    SELECT GTID_SUBSET('f718ee6f-e587-11f1-ae02-02fc00000001:1-4', '') AS s
    SELECT no_such_function()
    SELECT @@no_such_variable
    SET @a = 1, @b = @@no_such_variable
    SELECT @a
    SET autocommit=2
    SET autocommit=0
    SELECT @@autocommit
    KILL 999999
    nonsense
    COMMIT
    SELECT
    SELECT 'open
"""

# Columns are alike, but the values are the relay's own, or the clock's.
OWN = """
    SELECT UNIX_TIMESTAMP()
    SELECT @@GLOBAL.SERVER_ID
    SELECT USER(), DATABASE()
    SHOW VARIABLES LIKE 'SERVER_ID'
    SHOW VARIABLES LIKE 'SERVER_UUID'
"""


def statements(text):
    return [line.strip() for line in text.strip().splitlines()]


def answer(connection, statement):
    """(columns, rows) or the error."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
    except pymysql.err.MySQLError as error:
        return error.args, None
    columns = cursor.description and [column[:2] for column in cursor.description]
    return columns, cursor.fetchall()


@each(*KINDS)
def test_statements_are_answered_as_by_the_source(scene, kind):
    """Columns, types, values and errors are those of the source's family and version."""
    source = scene.server(kind)
    source.sql("CREATE DATABASE before_the_middle")
    middle = source.position()[1]
    source.sql(WORKLOAD)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    wrong = []
    with source.connect() as theirs, relay.connect() as ours:
        for statement in statements(SAME):
            statement = statement.replace("%(middle)s", str(middle))
            wanted, got = answer(theirs, statement), answer(ours, statement)
            if got != wanted:
                wrong.append(f"{statement}\n  source {wanted}\n  relay  {got}")
        for statement in statements(OWN):
            wanted, got = answer(theirs, statement)[0], answer(ours, statement)[0]
            if got != wanted:
                wrong.append(f"{statement}\n  source {wanted}\n  relay  {got}")
    assert not wrong, "\n".join(wrong)


@each("mysql97", "mariadb10")
def test_people_can_look_around(scene, kind):
    """A client that names a database is let in, and is told what a relay does not hold."""
    source = scene.server(kind)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    connection = relay.connect(database="anything")
    assert answer(connection, "select @@version_comment limit 1")[1]
    assert answer(connection, "SELECT DATABASE()")[1] == (("anything",),)
    assert answer(connection, "show databases")[0][0] == 1235
    assert answer(connection, "INSERT INTO t VALUES (1)")[0][0] == 1290
    connection.close()
