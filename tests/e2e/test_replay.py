"""binrelay replay: a restored backup and the relay's store give the database of any moment."""

import json
import re
import subprocess

from lib import kinds
from lib.errors import Failure
from lib.load import schema_for
from lib.marks import each, limit

BUSY = """
CREATE TABLE load_test.typed (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, b BLOB, d DECIMAL(20,6), t TIMESTAMP NULL,
  v VARCHAR(50) CHARACTER SET latin1, e ENUM('a','b'));
"""


def work(source, round_number):
    """Row changes of all kinds, of several rows and tables, savepoints and DDL."""
    with source.connect() as connection, connection.cursor() as c:
        base = round_number * 1000
        for n in range(base, base + 60):
            c.execute("INSERT INTO load_test.journal VALUES (%s, 1, 2.5, %s)", (n, "é;'" * (n % 5)))
        c.execute("INSERT INTO load_test.typed (b, d, t, v, e) SELECT REPEAT(CHAR(n % 256), 300), n / 7,"
                  " NOW(), 'ü', 'b' FROM load_test.journal")
        connection.begin()
        c.execute("UPDATE load_test.journal SET amount = amount + 1 WHERE n % 2 = 0")
        c.execute("SAVEPOINT here")
        c.execute("DELETE FROM load_test.journal WHERE n = %s", (base,))
        c.execute("ROLLBACK TO here")
        c.execute("DELETE FROM load_test.journal WHERE n = %s", (base + 1,))
        connection.commit()
        c.execute(f"ALTER TABLE load_test.typed ADD extra{round_number} VARCHAR(20) DEFAULT 'x;y'")
        c.execute("SET SESSION sql_mode = ''")
        c.execute(f"CREATE TRIGGER load_test.trigger{round_number} BEFORE DELETE ON load_test.typed"
                  " FOR EACH ROW BEGIN SET @gone = 1; SET @gone = 2; END")
        c.execute(f"DROP TRIGGER load_test.trigger{round_number}")


def statements(source):
    """What the binlog has as statements, with what stands before them in it."""
    with source.connect() as connection, connection.cursor() as c:
        c.execute("SET SESSION binlog_format = STATEMENT")
        c.execute("SET @name = 'it''s', @whole = -7, @part = 12.50, @real = 1e-3, @none = NULL")
        c.execute("INSERT INTO load_test.typed (b, d, v) VALUES (@name, @part + @whole, @real), (@none, 1, 'y')")
        c.execute("INSERT INTO load_test.typed (d, v) VALUES (RAND() * 1000, LAST_INSERT_ID())")
        c.execute("SET TIMESTAMP = 1700000000")
        c.execute("INSERT INTO load_test.typed (t) VALUES (NOW())")


def backup(source):
    """A dump with its place, and the place."""
    kind = source.kind
    newer = not kind.is_mariadb and kind.at_least(8, 0, 26)
    options = ["--source-data=2" if newer else "--master-data=2", "--single-transaction",
               "--default-character-set=utf8mb4" if kind.at_least(5, 6) else "--default-character-set=utf8",
               "--databases", "load_test"]
    if not kind.is_mariadb and kind.at_least(5, 6):
        options.insert(0, "--set-gtid-purged=ON")
    text = source.run("dump", f"--socket={source.socket}", "--user=root", *options)
    place = re.search(rb"(?:SOURCE|MASTER)_LOG_FILE='([^']+)', (?:SOURCE|MASTER)_LOG_POS=(\d+)", text)
    return text, f"{place[1].decode()}:{place[2].decode()}"


def restore(target, dump):
    client = target.kind if target.kind.name != "mysql55" else kinds.kind("mariadb10")
    subprocess.run([*client.programs.find("client"), "--no-defaults", f"--socket={target.socket}",
                    "--user=root", "--binary-mode"], input=dump, check=True, timeout=60)


def replay(relay, target, *options, check=True):
    return relay.cli("replay", "--json", f"--socket={target.socket}", *options, check=check)


@limit(240)
@each("mysql97", "mysql55", "mariadb10")
def test_point_in_time_recovery(scene, kind):
    """A dropped table is back after the restore of a backup and a replay up to the mistake."""
    source = scene.server(kind)
    source.sql(schema_for(source) + BUSY)
    relay = scene.relay(source)
    work(source, 0)
    dump, place = backup(source)
    for round_number in (1, 2):
        work(source, round_number)
        statements(source)
        source.flush_binlog()
    right = source.table_checksums("load_test")
    gtids = source.gtids()
    source.sql("DROP TABLE load_test.journal")
    source.sql("INSERT INTO load_test.scratch VALUES (1, 1)")
    relay.wait_caught_up(source)

    told = json.loads(relay.cli("replay", "--dry-run", "--json", "--from", place))
    mistake = [row for row in told["list"] if row["statement"].startswith("DROP TABLE")]
    if len(mistake) != 1 or told["done_up_to"] == place:
        raise Failure(f"the mistake was not told: {told}")

    target = scene.server(kind)
    restore(target, dump)
    half = json.loads(replay(relay, target, "--from", place, "--to", mistake[0]["place"]))
    if half["stopped_by"] or half["done_up_to"] != f"{half['end']['file']}:{half['end']['position']}":
        raise Failure(f"it stopped: {half}")
    got = target.table_checksums("load_test")
    if got != right:
        raise Failure(f"the source had {right}, recovered was {got}")
    if target.gtids() != gtids and not kind.startswith("mysql55"):
        raise Failure(f"the source had the GTIDs {gtids}, recovered has {target.gtids()}")
    if kind == "mysql55":
        return
    again = json.loads(replay(relay, target, "--resume", "--from", place, "--to", mistake[0]["place"]))
    if again["transactions"] != 0 or target.table_checksums("load_test") != right:
        raise Failure(f"it was done twice: {again}")


def distributed(connection):
    """Transactions by XA: of two phases, rolled back, of one phase."""
    with connection.cursor() as c:
        for number, end in enumerate(("XA COMMIT {}", "XA ROLLBACK {}", None)):
            name = f"'x{number}','b'"
            c.execute(f"XA START {name}")
            c.execute(f"INSERT INTO load_test.scratch VALUES ({number}, 5)")
            c.execute(f"XA END {name}")
            if end is None:
                c.execute(f"XA COMMIT {name} ONE PHASE")
                continue
            c.execute(f"XA PREPARE {name}")
            c.execute(end.format(name))


def load_file(connection, path):
    """As the binlog of statements has it: the file in blocks."""
    path.write_text("".join(f"{n},{n}\n" for n in range(100, 3000)))
    with connection.cursor() as c:
        c.execute("SET SESSION binlog_format = STATEMENT")
        c.execute(f"LOAD DATA LOCAL INFILE '{path}' REPLACE INTO TABLE load_test.scratch"
                  " FIELDS TERMINATED BY ','")
        c.execute("SET SESSION binlog_format = ROW")


def compressed(kind):
    return {"log_bin_compress": "ON", "log_bin_compress_min_len": 10} if kind.startswith("mariadb") \
        else {"binlog_transaction_compression": "ON"}


def all_there(source, relay, target, *options):
    told = json.loads(replay(relay, target, *options))
    if told["stopped_by"] or target.table_checksums("load_test") != source.table_checksums("load_test"):
        raise Failure(f"{options}: another content, {told}")
    return told


def check_count(source, relay):
    """A dry run counts what there is, without a target."""
    told = json.loads(relay.cli("replay", "--dry-run", "--json"))
    number = int(re.split("[-:]", source.gtids())[-1])
    if told["transactions"] != number:
        raise Failure(f"there are {number} transactions, it says {told}")
    return number


@limit(240)
@each("mysql97", "mariadb10")
def test_everything_in_a_binlog_is_done_again(scene, kind):
    """Compressed transactions, XA, LOAD DATA, statements; what fails stops it, and it goes on from there."""
    source = scene.server(kind, local_infile="ON", **compressed(kind))
    relay = scene.relay(source)
    source.sql(schema_for(source) + BUSY)
    work(source, 0)
    with source.connect(local_infile=True) as connection:
        distributed(connection)
        load_file(connection, scene.path("rows.csv"))
        with connection.cursor() as c:  # one statement of more than a packet of ours
            for _ in range(4):
                c.execute("INSERT INTO load_test.typed (b, d) SELECT REPEAT('q', 4000), d"
                          " FROM load_test.typed LIMIT 400")
            c.execute("UPDATE load_test.typed SET d = d + 1")
    statements(source)
    relay.wait_caught_up(source)
    target = scene.server(kind, local_infile="ON")

    target.sql("SET sql_log_bin = 0; CREATE DATABASE load_test; SET sql_log_bin = 1")
    first = replay(relay, target, check=False)
    stopped = json.loads(first)
    if "1007" not in (stopped["stopped_by"] or "") or stopped["transactions"] != 0:
        raise Failure(f"it did not stop at the database that is there: {first}")
    target.sql("SET sql_log_bin = 0; DROP DATABASE load_test; SET sql_log_bin = 1")
    all_there(source, relay, target, "--from", stopped["done_up_to"])
    if target.gtids() != source.gtids():
        raise Failure(f"the source has the GTIDs {source.gtids()}, the target {target.gtids()}")

    # Once more into the same server, with GTIDs of its own and its progress in a table.
    target.sql("DROP DATABASE load_test; CREATE DATABASE progress")
    own = ("--skip-gtids", "--progress-table", "progress.place")
    told = all_there(source, relay, target, *own)
    if told["transactions"] != check_count(source, relay):
        raise Failure(f"not all were counted: {told}")
    again = all_there(source, relay, target, *own, "--resume")
    if again["transactions"] != 0:
        raise Failure(f"it was done twice: {again}")
