"""The relay answers the SQL of consumers as its source does."""

from pathlib import Path

import pymysql

from lib import wait
from lib.marks import each
from lib.servers import REPL

KINDS = ("mysql97", "mysql80", "mysql57", "mysql56", "mysql55", "mariadb10", "mariadb11", "mariadb102")

WORKLOAD = """
    CREATE DATABASE g;
    CREATE TABLE g.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(30));
    INSERT INTO g.t (v) VALUES ('one'), ('two')
"""

BLOBS = (250, 251)
PART_OF_KEY = 0x4000  # how 5.7 happens to look a variable up
STATEMENTS = Path(__file__).with_name("statements.sql")


def statements(section):
    """The statements below the line "-- section", up to the next such line."""
    taken, inside = [], False
    for line in STATEMENTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("-- "):
            inside = line[3:].split(":")[0] == section
        elif inside:
            taken.append(line)
    return taken


def column(field):
    """All of a column's definition; the length only where it is a bound that a client can rely on."""
    guess = field.type_code in BLOBS or field.name.startswith("GTID_SUBTRACT")
    return (
        *(field.db, field.table_name, field.name, field.org_name),
        *(field.type_code, field.flags & ~PART_OF_KEY, field.charsetnr, field.scale),
        None if guess else field.length,
    )


def answer(connection, statement):
    """(columns, rows, warnings) or the error."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
    except pymysql.err.MySQLError as error:
        return error.args, None, None
    result = cursor._result  # the only way to the whole definition of a column
    columns = [column(field) for field in getattr(result, "fields", [])]
    return columns, cursor.fetchall(), result.warning_count


def kinds_of(theirs, ours):
    """Of both: names, types and flags of the columns, and the warnings, or the error."""
    # Since 11.6 MariaDB reads this from a table, whose types are other ones.
    bare = theirs[1] is not None and any(column[1] == "SLAVE_STATUS" for column in theirs[0])
    return [
        columns
        if rows is None
        else ([column[2] if bare else column[2:6] for column in columns], warnings)
        for columns, rows, warnings in (theirs, ours)
    ]


@each(*KINDS)
def test_statements_are_answered_as_by_the_source(scene, kind):
    """Columns, types, values, warnings and errors are those of the source's family and version."""
    source = scene.server(kind)
    source.sql("CREATE DATABASE before_the_middle")
    middle = source.position()[1]
    source.sql(WORKLOAD)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    wrong = []
    with source.connect() as theirs, relay.connect() as ours:
        for statement in statements("shape"):
            wanted, got = answer(theirs, statement)[0], answer(ours, statement)[0]
            if got != wanted:
                wrong.append(f"{statement}\n  source {wanted}\n  relay  {got}")
        for statement in statements("same"):
            statement = statement.replace("%(middle)s", str(middle))
            wanted, got = answer(theirs, statement), answer(ours, statement)
            if got != wanted:
                wrong.append(f"{statement}\n  source {wanted}\n  relay  {got}")
        for statement in statements("names"):
            wanted, got = kinds_of(answer(theirs, statement), answer(ours, statement))
            if got != wanted:
                wrong.append(f"{statement}\n  source {wanted}\n  relay  {got}")
    assert not wrong, "\n".join(wrong)


@each("mysql97", "mariadb10")
def test_people_can_look_around(scene, kind):
    """A client that names a database is let in, sees what the source has, and changes nothing."""
    source = scene.server(kind)
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (a INT)")
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    with relay.connect(database="shop") as connection:
        assert answer(connection, "select @@version_comment limit 1")[1]
        assert answer(connection, "SELECT DATABASE()")[1] == (("shop",),)
        assert ("shop",) in answer(connection, "show databases")[1]
        assert answer(connection, "INSERT INTO t VALUES (1)")[0][0] == 1290
        assert answer(connection, "SET GLOBAL read_only = 1")[0][0] == 1227


# What the relay has values of its own for, or a clock; and what MySQL 8 counts in each session.
OWN = {
    *("server_id", "server_uuid", "read_only", "super_read_only", "hostname", "pseudo_thread_id"),
    *("timestamp", "rand_seed1", "rand_seed2", "statement_id", "log_slave_updates"),
    *("log_replica_updates", "gtid_slave_pos", "gtid_current_pos", "last_gtid", "gtid_seq_no"),
    *("rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled", "error_count"),
    *("sql_log_bin", "gtid_executed"),
    *("character_set_client", "character_set_connection", "character_set_results"),
    *("collation_connection", "in_transaction", "last_insert_id", "identity"),
}


def shown(relay):
    try:
        return relay.sql("SHOW GLOBAL VARIABLES")
    except pymysql.err.OperationalError:
        return None


@each("mysql97", "mysql57", "mariadb10", "mariadb11")
def test_variables_are_the_sources_also_when_it_is_gone(scene, kind):
    """SHOW VARIABLES is what the source says, but for what speaks of the relay, and stays so."""
    source = scene.server(kind)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    for statement in ("SHOW VARIABLES", "SHOW GLOBAL VARIABLES"):
        wanted = dict(source.sql(statement))
        got = dict(relay.sql(statement))
        assert set(wanted) - OWN <= set(got), set(wanted) - OWN - set(got)
        differ = {n: (wanted.get(n), got[n]) for n in set(got) - OWN if got[n] != wanted.get(n)}
        assert not differ, differ
    source.stop()
    assert dict(relay.sql("SHOW GLOBAL VARIABLES")) == got
    relay.stop()
    relay.launch()
    assert dict(wait.until(lambda: shown(relay), 20, "the relay to serve")) == got


# COMPRESS, LOCAL_FILES, SESSION_TRACK, OPTIONAL_METADATA, ZSTD, MULTI_FACTOR; TLS depends on settings;
# and two bits that only mean something from a client.
NOT_OFFERED = 1 << 5 | 1 << 7 | 1 << 23 | 1 << 25 | 1 << 26 | 1 << 28 | 1 << 11 | 1 << 30 | 1 << 31


@each(*KINDS)
def test_the_greeting_is_the_sources(scene, kind):
    """Version, capabilities but for the named ones, charset, status, default authentication."""
    source = scene.server(kind, character_set_server="latin1")
    relay = scene.relay(source)
    relay.wait_caught_up(source)

    def greeting(server):
        with server.connect() as connection:
            capabilities = connection.server_capabilities & ~NOT_OFFERED & 0xFFFFFFFF
            return (connection.server_version, capabilities, connection.server_language,
                    connection.server_status, connection._auth_plugin_name)

    assert greeting(relay) == greeting(source)


@each("mysql97", "mariadb10")
def test_a_dump_through_the_relay_is_the_sources(scene, kind):
    """mysqldump with a consistent snapshot and its position: the same text."""
    source = scene.server(kind)
    account = "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user WHERE user = %s"
    source.sql(f"GRANT ALL ON *.* TO {source.sql(account, REPL[:1])[0][0]}")
    source.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v LONGTEXT)")
    source.sql("INSERT INTO g.t VALUES (1, 'it''s'), (2, REPEAT('x', 100000))")
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    position = "--master-data" if source.kind.is_mariadb else "--source-data"

    def dump(server, *options):
        login = (f"--host={server.host}", f"--port={server.port}", f"--user={REPL[0]}",
                 f"--password={REPL[1]}")
        text = source.run("dump", *login, *options, "--skip-dump-date", "g").decode()
        return [line for line in text.splitlines() if "Host:" not in line]

    for options in (("--single-transaction", position), ("--lock-all-tables", position), ()):
        assert dump(relay, *options) == dump(source, *options), options
