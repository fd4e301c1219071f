"""What the relay does not answer itself goes to the source, and comes back as if asked there."""

import hashlib
import os
import signal
import threading

import pymysql
from pymysql.constants import CLIENT, COMMAND

from lib import wait
from lib.marks import each, limit
from lib.servers import DEBEZIUM

TABLES = """
    CREATE DATABASE g;
    CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(30), d DECIMAL(6,2), b BLOB, ts DATETIME) CHARSET=utf8mb4;
    INSERT INTO g.t VALUES (1, 'é "quoted"', 1.50, x'00ff', '2024-02-29 13:14:15'), (2, NULL, NULL, NULL, NULL);
    CREATE TABLE g.many (id INT PRIMARY KEY, v VARCHAR(100));
    INSERT INTO g.many VALUES (1, REPEAT('x', 100)), (2, ''), (3, 'z')
"""

# Each is answered alike, errors too.
ALIKE = """
    SHOW DATABASES
    SHOW FULL TABLES IN `g` WHERE Table_Type = 'BASE TABLE'
    SHOW CREATE TABLE g.t
    SELECT * FROM g.t ORDER BY id
    SELECT id, v FROM g.many WHERE id > 100
    SELECT COUNT(*), SUM(id), MAX(v) FROM g.many
    SELECT * FROM g.nothing
    SELECT * FROM nowhere.t
    SELEC 1
    SELECT 1 + 'abc'
    SHOW WARNINGS
    USE g
    SELECT DATABASE(), COUNT(*) FROM t
    SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ
    SET NAMES latin1
    SELECT v, HEX(v), 'é' FROM t WHERE id = 1
    SET NAMES utf8mb4
    START TRANSACTION WITH CONSISTENT SNAPSHOT
    SELECT v FROM t ORDER BY id
    SAVEPOINT s
    ROLLBACK TO SAVEPOINT s
    COMMIT
    PREPARE p FROM 'SELECT v FROM g.t WHERE id = ?'
    SET @i = 1
    EXECUTE p USING @i
    DEALLOCATE PREPARE p
    EXECUTE p
    SET sql_mode = 'ANSI_QUOTES'
    SELECT "id" FROM "t"
    DESCRIBE t
    EXPLAIN SELECT * FROM t
"""


MARIADB_ALIKE = """
    SET STATEMENT max_statement_time = 600 FOR SELECT COUNT(*) FROM t
    SET STATEMENT max_statement_time = 600 FOR USE mysql
    SELECT COUNT(*) FROM t
    WITH w AS (SELECT 1 AS a) SELECT a FROM w
"""


def lines_of(text):
    return [line.strip() for line in text.strip().splitlines()]


def as_debezium(actor, **settings):
    return pymysql.connect(**{"host": actor.host, "port": actor.port, "user": DEBEZIUM[0],
                              "password": DEBEZIUM[1], "charset": "utf8mb4", **settings})


def packets_of(connection, command, payload):
    """Every packet that answers it, up to the last of a single result."""
    connection._execute_command(command, payload)
    packets = [bytes(connection._read_packet_raw())]
    if packets[0][0] in (0x00, 0xff):
        return packets
    ends = 0
    while ends < 2:
        packets.append(bytes(connection._read_packet_raw()))
        ends += packets[-1][0] == 0xfe and len(packets[-1]) < 9
        if packets[-1][0] == 0xff:
            break
    return packets


def read_packet_raw(self):
    """PyMySQL's own raises errors; a comparison wants their bytes."""
    header = self._read_bytes(4)
    length = int.from_bytes(header[:3], "little")
    assert header[3] == self._next_seq_id, (header, self._next_seq_id)
    self._next_seq_id = (self._next_seq_id + 1) % 256
    return self._read_bytes(length)


pymysql.connections.Connection._read_packet_raw = read_packet_raw


def scene_of(scene, kind, **settings):
    server = scene.server(kind)
    server.sql(TABLES)
    relay = scene.relay(server, settings={
        "source a": {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}, **settings})
    relay.wait_caught_up(server)
    return server, relay


@limit(120)
@each("mysql97", "mysql57", "mysql55", "mariadb10", "mariadb11")
def test_answers_are_the_sources_own_bytes(scene, kind):
    """Result sets, errors, warnings and states are byte for byte what the source answers."""
    server, relay = scene_of(scene, kind)
    direct, through = as_debezium(server), as_debezium(relay)
    statements = lines_of(ALIKE)
    if server.kind.is_mariadb:
        statements += lines_of(MARIADB_ALIKE)
    for statement in statements:
        sql = statement.encode()
        expected = packets_of(direct, COMMAND.COM_QUERY, sql)
        got = packets_of(through, COMMAND.COM_QUERY, sql)
        assert got == expected, (statement, got, expected)
    with through.cursor() as cursor:
        cursor.execute("SELECT * FROM g.t")
    assert relay.status()["source"]["state"] == "following"


@limit(120)
@each("mysql97", "mariadb10")
def test_a_position_inside_a_lock_is_the_relays(scene, kind):
    """Under load and FLUSH TABLES WITH READ LOCK the position is where the lock was taken."""
    server, relay = scene_of(scene, kind)
    status = "SHOW MASTER STATUS" if server.kind.is_mariadb else "SHOW BINARY LOG STATUS"
    gtids = "@@gtid_binlog_pos" if server.kind.is_mariadb else "@@gtid_executed"
    connection = as_debezium(relay)
    with connection.cursor() as cursor:
        for i in range(10, 20):
            server.sql("INSERT INTO g.many VALUES (%s, REPEAT('w', 100))", (i,))
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            cursor.execute(status)
            row = cursor.fetchone()
            assert row[:2] == server.position(), (row, server.position())
            cursor.execute(f"SELECT {gtids}")
            assert cursor.fetchone()[0].replace("\n", "") == server.gtids()
            cursor.execute("SELECT COUNT(*) FROM g.many")
            assert cursor.fetchone() == (i - 6,)
            assert relay.published() >= row[:2]
            cursor.execute("UNLOCK TABLES")
            connection.rollback()


@limit(120)
@each("mysql97", "mariadb10")
def test_only_who_may_writes(scene, kind):
    """Writes are refused, hidden ones too, but for users who have the right."""
    server, relay = scene_of(scene, kind, **{"user root": {
        "password": "rootpw", "rights": "forward, write"}})
    server.sql("CREATE FUNCTION g.f() RETURNS INT NO SQL RETURN 7")
    server.sql("CREATE FUNCTION g.w() RETURNS INT DETERMINISTIC BEGIN INSERT INTO g.many VALUES (77, 'w'); RETURN 1; END")
    server.sql(f"GRANT ALL ON g.* TO {DEBEZIUM[0]}@'%'")
    reader = as_debezium(relay, client_flag=CLIENT.MULTI_STATEMENTS)
    with reader.cursor() as cursor:
        cursor.execute("SELECT g.f()")
        assert cursor.fetchone() == (7,)
        for write in ("INSERT INTO g.many VALUES (50, '')", "SELECT g.w()",
                      "/* x */ DELETE FROM g.many", "SELECT 1; DELETE FROM g.many",
                      "/*!50000 DELETE FROM g.many */", "SELECT * FROM g.t INTO OUTFILE '/tmp/x'",
                      "SET GLOBAL read_only = 1", "CREATE TABLE g.n (a INT)", "CALL g.p()",
                      "START TRANSACTION READ WRITE", "SET SESSION TRANSACTION READ WRITE",
                      "SET tx_read_only = 0",
                      "PREPARE w FROM 'START TRANSACTION READ WRITE'", "SET @@session.transaction_read_only = OFF"):
            try:
                cursor.execute(write)
                while cursor.nextset():
                    pass
            except pymysql.err.Error:
                continue
            cursor.execute("INSERT INTO g.many VALUES (51, '')")
    assert server.sql("SELECT COUNT(*) FROM g.many") == [(3,)]


@limit(120)
@each("mysql97", "mariadb10")
def test_a_write_right_writes(scene, kind):
    """A user with the right changes the source, with several statements in one packet."""
    server, relay = scene_of(scene, kind, **{"user root": {
        "password": "rootpw", "rights": "forward, write"}})
    server.sql(f"GRANT ALL ON g.* TO {DEBEZIUM[0]}@'%'")
    with relay.connect("root", "rootpw", client_flag=CLIENT.MULTI_STATEMENTS) as connection:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO g.many VALUES (50, ''), (51, ''); SELECT 1; SELECT @@server_id")
            assert cursor.rowcount == 2
            assert cursor.nextset() and cursor.fetchall() == ((1,),)
            assert cursor.nextset() and len(cursor.fetchall()) == 1
            assert not cursor.nextset()
    assert server.sql("SELECT COUNT(*) FROM g.many") == [(5,)]


@limit(120)
@each("mysql97", "mariadb10")
def test_a_statement_ends_with_its_client(scene, kind):
    """A client that goes away, or KILL, ends what it had running at the source."""
    server, relay = scene_of(scene, kind)
    running = ("SELECT COUNT(*) FROM information_schema.processlist"
               f" WHERE user = '{DEBEZIUM[0]}' AND info LIKE 'SELECT SLEEP%'")
    connection = as_debezium(relay)
    connection._execute_command(COMMAND.COM_QUERY, b"SELECT SLEEP(600)")
    wait.until(lambda: server.sql(running) == [(1,)], 20, relay.tail)
    connection._force_close()
    wait.until(lambda: server.sql(running) == [(0,)], 20, relay.tail)


@limit(60)
@each("mariadb10")
def test_without_its_source_forwarding_says_so(scene, kind):
    """The source is down: an error that clients try again after, and the relay's own answers go on."""
    server, relay = scene_of(scene, kind)
    idle, held = as_debezium(relay, autocommit=True), as_debezium(relay)
    with idle.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM g.t")
    with held.cursor() as cursor:
        cursor.execute("FLUSH TABLES WITH READ LOCK")
    server.kill9()
    with idle.cursor() as cursor:
        try:
            cursor.execute("SELECT COUNT(*) FROM g.t")
            raise AssertionError("it was answered")
        except pymysql.err.OperationalError as refusal:
            assert refusal.args[0] == 1053, refusal
        try:
            cursor.execute("SELECT COUNT(*) FROM g.t INTO @left_behind")
            raise AssertionError("it was answered")
        except pymysql.err.OperationalError as refusal:
            assert refusal.args[0] == 1053, refusal
        cursor.execute("SHOW MASTER STATUS")
        assert cursor.fetchone()
    with held.cursor() as cursor:
        try:
            cursor.execute("SHOW MASTER STATUS")
            raise AssertionError("it was answered")
        except pymysql.err.OperationalError as refusal:
            assert refusal.args[0] == 1053, refusal
        try:
            cursor.execute("SELECT 1")
            raise AssertionError("the session went on without its lock")
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError) as refusal:
            assert refusal.args[0] in (0, 2006, 2013), refusal


@limit(180)
@each("mysql97")
def test_a_huge_result_passes_in_little_memory(scene, kind):
    """1 GB of rows over TLS from the source, and values of up to 16 MiB."""
    server, relay = scene_of(scene, kind)
    before = relay.memory_kib()
    with as_debezium(relay, cursorclass=pymysql.cursors.SSCursor) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT REPEAT('x', 1000000) FROM information_schema.collations a,"
                           " information_schema.collations b LIMIT 1000")
            assert sum(len(row[0]) for row in cursor) == 1000 * 1000000
        with connection.cursor() as cursor:
            cursor.execute("SELECT REPEAT(REPEAT('y', 1048576), n) FROM (SELECT 15 AS n UNION SELECT 16"
                           " UNION SELECT 14) AS s ORDER BY n")
            assert [len(row[0]) // 1048576 for row in cursor] == [14, 15, 16]
    assert relay.memory_kib() < max(before, 64 * 1024), relay.memory_kib()


@limit(60)
@each("mysql97", "mariadb10")
def test_kill_query_ends_what_runs_at_the_source(scene, kind):
    """KILL QUERY of a session interrupts its statement and leaves the session."""
    server, relay = scene_of(scene, kind)
    victim = as_debezium(relay)
    with victim.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM g.t")
    told = []

    def sleep():
        with victim.cursor() as cursor:
            try:
                cursor.execute("SELECT SLEEP(600), COUNT(*) FROM g.t")
                told.append(cursor.fetchone()[0])
            except pymysql.err.OperationalError as error:
                told.append(error.args[0])

    thread = threading.Thread(target=sleep)
    thread.start()
    wait.until(lambda: server.sql("SELECT COUNT(*) FROM information_schema.processlist"
                                  " WHERE info LIKE 'SELECT SLEEP%'") == [(1,)], 20, relay.tail)
    with as_debezium(relay) as killer, killer.cursor() as cursor:
        cursor.execute(f"KILL QUERY {victim.thread_id()}")
    thread.join()
    assert told in ([1], [1317]), told
    with victim.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM g.many")
        assert cursor.fetchone() == (3,)


@limit(60)
@each("mariadb10")
def test_a_connection_in_the_making_is_given_up(scene, kind):
    """KILL QUERY, or the client's end, while the source does not answer: the next one may try."""
    server = scene.server(kind)
    relay = scene.relay(server, settings={"source a": {
        "forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1], "forward_max": "1"}})
    relay.wait_caught_up(server)
    os.kill(server.process.pid, signal.SIGSTOP)
    scene.finally_do(os.kill, server.process.pid, signal.SIGCONT)

    def waiting():
        return [s["id"] for s in relay.status()["sessions"] if s["state"] == "waits for the source"]

    def begin():
        connection = as_debezium(relay)
        connection._execute_command(COMMAND.COM_QUERY, b"SELECT COUNT(*) FROM mysql.user")
        wait.until(lambda: waiting() == [connection.thread_id()], 20, relay.tail)
        return connection

    first = begin()
    with as_debezium(relay) as killer, killer.cursor() as cursor:
        cursor.execute(f"KILL QUERY {first.thread_id()}")
    assert bytes(first._read_packet_raw())[:3] == b"\xff\x25\x05"  # 1317
    second = begin()
    second._force_close()
    wait.until(lambda: not waiting(), 20, relay.tail)
    third = begin()
    os.kill(server.process.pid, signal.SIGCONT)
    assert third._read_packet_raw() == b"\x01"
    with first.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def prepared(connection):
    """Every packet of a prepared statement's life: rows at once, by a cursor, in pieces, an error."""
    def take(*ends):
        """Up to so many packets that end something, each of the given first bytes."""
        packets = []
        for end in ends:
            packets.append(bytes(connection._read_packet_raw()))
            while packets[-1][0] not in end:
                packets.append(bytes(connection._read_packet_raw()))
        return packets

    packets = []

    def send(command, payload):
        connection._execute_command(command, payload)

    send(COMMAND.COM_STMT_PREPARE, b"SELECT id, v FROM g.many WHERE id >= ? ORDER BY id")
    head = bytes(connection._read_packet_raw())
    assert head[0] == 0 and head[5:9] == b"\x02\0\x01\0", head
    packets += [head[5:], *take(b"\xfe", b"\xfe")]
    handle = head[1:5]
    one = b"\x00\x01\x03\x00" + (1).to_bytes(4, "little")
    for cursor in (b"\0", b"\x01"):
        send(COMMAND.COM_STMT_EXECUTE, handle + cursor + b"\x01\0\0\0" + one)
        packets += take(b"\xfe") if cursor == b"\x01" else take(b"\xfe", b"\xfe")
    for _ in range(2):
        send(COMMAND.COM_STMT_FETCH, handle + b"\x02\0\0\0")
        packets += take(b"\xfe")
    send(COMMAND.COM_STMT_RESET, handle)
    packets += take(b"\x00")
    send(COMMAND.COM_STMT_CLOSE, handle)
    send(COMMAND.COM_STMT_EXECUTE, handle + b"\0\x01\0\0\0" + one)
    packets += take(b"\xff")
    send(COMMAND.COM_STMT_PREPARE, b"SELECT LENGTH(?)")
    handle = bytes(connection._read_packet_raw())[1:5]
    packets += take(b"\xfe", b"\xfe")
    for piece in (b"a" * 1000, b"b" * 500):
        send(COMMAND.COM_STMT_SEND_LONG_DATA, handle + b"\0\0" + piece)
    send(COMMAND.COM_STMT_EXECUTE, handle + b"\0\x01\0\0\0\x00\x01\xfc\x00")
    packets += take(b"\xfe", b"\xfe")
    send(COMMAND.COM_FIELD_LIST, b"t\0")
    packets += take(b"\xfe\xff")
    send(COMMAND.COM_INIT_DB, b"nowhere")
    packets += take(b"\xff")
    send(COMMAND.COM_INIT_DB, b"mysql")
    packets += take(b"\0")
    send(COMMAND.COM_PING, b"")
    packets += take(b"\0")
    return packets


@limit(60)
@each("mysql97", "mysql57", "mariadb10", "mariadb11")
def test_prepared_statements_are_the_sources(scene, kind):
    """Binary results, cursors, long data, and the commands beside them, byte for byte."""
    server, relay = scene_of(scene, kind)
    direct, through = as_debezium(server, database="g"), as_debezium(relay, database="g")
    assert prepared(through) == prepared(direct)
    with through.cursor() as cursor:
        cursor.execute("SELECT DATABASE()")
        assert cursor.fetchone() == ("mysql",)


@limit(60)
@each("mysql97", "mariadb10")
def test_a_reset_connection_begins_anew(scene, kind):
    """COM_RESET_CONNECTION gives up locks and transactions."""
    server, relay = scene_of(scene, kind)
    connection = as_debezium(relay)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM g.t")
        cursor.execute("FLUSH TABLES WITH READ LOCK")
        connection._execute_command(31, b"")
        assert connection._read_packet_raw()[0] == 0
        wait.until(lambda: server.sql("INSERT IGNORE INTO g.many VALUES (99, 'free')") == [], 20,
                   relay.tail)
        cursor.execute("SELECT COUNT(*) FROM g.many")
        assert cursor.fetchone() == (4,)


@limit(60)
@each("mariadb10")
def test_a_consistent_snapshot_tells_its_place(scene, kind):
    """MariaDB's binlog_snapshot_file and _position are where the transaction began, also later."""
    server, relay = scene_of(scene, kind)
    with as_debezium(relay) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        began = server.position()
        server.sql("INSERT INTO g.many VALUES (98, 'later')")
        cursor.execute("SHOW STATUS LIKE 'binlog_snapshot_%'")
        told = dict(cursor.fetchall())
        assert (told["Binlog_snapshot_file"], int(told["Binlog_snapshot_position"])) == began
        cursor.execute("SELECT COUNT(*) FROM g.many")
        assert cursor.fetchone() == (3,)


@limit(60)
@each("mysql97", "mariadb10", "mariadb11")
def test_the_servers_own_programs_see_no_difference(scene, kind):
    """The command line client and the dump program give the same output."""
    server, relay = scene_of(scene, kind)
    where = "--source-data=2" if kind == "mysql97" else "--master-data=2"

    def run(actor, role, *args):
        output = server.run(role, f"--host={actor.host}", f"--port={actor.port}",
                            f"--user={DEBEZIUM[0]}", f"--password={DEBEZIUM[1]}", *args)
        return [line for line in output.decode("latin-1").splitlines() if not line.startswith("-- ")
                or "MASTER" in line or "SOURCE" in line]

    statements = "SELECT * FROM g.t; SHOW CREATE TABLE g.t; USE g; SELECT DATABASE(); SHOW TABLES"
    for role, *args in (("client", "--table", f"--execute={statements}"),
                        ("dump", "--single-transaction", "--databases", "g",
                         *(() if server.kind.is_mariadb else ("--no-tablespaces",))),
                        ("dump", "--single-transaction", where, "--databases", "g",
                         *(() if server.kind.is_mariadb else ("--no-tablespaces",))),
                        ("dump", "--lock-all-tables", "--databases", "g",
                         *(() if server.kind.is_mariadb else ("--no-tablespaces",)))):
        ours, theirs = run(relay, role, *args), run(server, role, *args)
        assert ours == theirs, (role, args, set(ours) ^ set(theirs))


BIG = 40 * 1024 * 1024


@limit(180)
@each("mysql97", "mariadb10")
def test_a_command_of_many_packets_passes(scene, kind):
    """A 40 MiB INSERT, as text and prepared, is at the source as if sent there; in little memory."""
    server = scene.server(kind)
    server.sql("SET GLOBAL max_allowed_packet = 67108864")
    server.sql(TABLES)
    relay = scene.relay(server, settings={
        "source a": {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]},
        "user root": {"password": "rootpw", "rights": "forward, write"}})
    server.sql(f"GRANT ALL ON g.* TO {DEBEZIUM[0]}@'%'")
    server.sql("CREATE TABLE g.big (id INT PRIMARY KEY, v LONGBLOB)")
    relay.wait_caught_up(server)
    digest = [(BIG, hashlib.sha256(b"v" * BIG).hexdigest())]
    before = relay.memory_kib()
    through = pymysql.connect(host=relay.host, port=relay.port, user="root", password="rootpw",
                              autocommit=True, max_allowed_packet=2 * BIG,
                              ssl={"verify_mode": "none", "check_hostname": False})
    with through, through.cursor() as cursor:
        cursor.execute("INSERT INTO g.big VALUES (1, '" + "v" * BIG + "')")
        assert cursor.rowcount == 1
        cursor.execute("SELECT COUNT(*) FROM g.big")
        assert cursor.fetchone() == (1,)
        # The last packet is empty, or has a single byte.
        for i, more in enumerate((0, 1)):
            head = f"INSERT INTO g.big VALUES ({2 + i}, LENGTH('"
            fill = 2 * 0xffffff + more - 1 - len(head) - 3
            cursor.execute(head + "w" * fill + "'))")
            assert server.sql(f"SELECT v FROM g.big WHERE id = {2 + i}") == [(str(fill).encode(),)]
        # The longest that is one packet.
        head = "INSERT INTO g.big VALUES (4, LENGTH('"
        fill = 0xfffffe - 1 - len(head) - 3
        cursor.execute(head + "w" * fill + "'))")
        assert server.sql("SELECT v FROM g.big WHERE id = 4") == [(str(fill).encode(),)]
        prepared = packets_of(through, COMMAND.COM_STMT_PREPARE, b"INSERT INTO g.big VALUES (5, ?)")
        statement = prepared[0][1:5]
        through._read_packet_raw()  # the definition of its parameter, and their end
        through._read_packet_raw()
        through._execute_command(COMMAND.COM_STMT_SEND_LONG_DATA, statement + b"\0\0" + b"v" * (BIG // 2))
        through._execute_command(COMMAND.COM_STMT_SEND_LONG_DATA, statement + b"\0\0" + b"v" * (BIG // 2))
        answer = packets_of(through, COMMAND.COM_STMT_EXECUTE,
                            statement + b"\0\1\0\0\0" + b"\0\1" + b"\xfc\0")
        assert answer[0][:2] == b"\0\1", answer[0][:200]
        assert server.sql("SELECT LENGTH(v), SHA2(v, 256) FROM g.big WHERE id IN (1, 5)") == 2 * digest
    assert relay.memory_kib() < before + 96 * 1024, (before, relay.memory_kib())


@limit(120)
@each("mysql97", "mariadb10")
def test_a_long_command_is_refused_where_the_source_would_refuse_it(scene, kind):
    """Error 1153 beyond max_allowed_packet; without the right, no write and no function."""
    server = scene.server(kind)
    server.sql(TABLES)
    server.sql("SET GLOBAL max_allowed_packet = 33554432")
    relay = scene.relay(server, settings={
        "source a": {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]},
        "user root": {"password": "rootpw", "rights": "forward, write"}})
    relay.wait_caught_up(server)
    filled = "/*" + "x" * 20 * 1024 * 1024 + "*/"
    for user, sql, number in (
            ("root", "INSERT INTO g.many VALUES (60, '" + "v" * BIG + "')", 1153),
            ("root", f"SELECT 1 {filled} INTO OUTFILE '/tmp/x'", 1227),
            ("root", f"CALL g.p() {filled}", 1153),
            (DEBEZIUM[0], f"INSERT INTO g.many VALUES {filled} (60, '')", 1153)):
        password = "rootpw" if user == "root" else DEBEZIUM[1]
        connection = pymysql.connect(host=relay.host, port=relay.port, user=user, password=password,
                                     max_allowed_packet=2 * BIG)
        try:
            connection._execute_command(COMMAND.COM_QUERY, sql)
            answer = connection._rfile.read()
        except (OSError, pymysql.err.OperationalError):
            answer = b""  # the relay does not wait for long until it ends the connection
        connection._force_close()
        assert answer == b"" or answer[4] == 0xff, answer[:200]
        assert answer == b"" or int.from_bytes(answer[5:7], "little") == number, (sql[:50], answer)
    assert server.sql("SELECT COUNT(*) FROM g.many") == [(3,)]
    with as_debezium(relay, max_allowed_packet=2 * BIG) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*), 'the next OUTFILE' {filled} FROM g.many")
        assert cursor.fetchone() == (3, "the next OUTFILE")
