"""`binrelay events`: the change events of plain binlog files of real servers."""

import json
import subprocess
from pathlib import Path

from lib import wait
from lib.marks import each, limit
from lib.relay import program


def events(files, *settings):
    argv = [str(program("binrelay")), "events", "--set", "topic.prefix=srv"]
    for setting in settings:
        argv += ["--set", setting]
    done = subprocess.run(argv + files, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def binlogs(server):
    server.sql("FLUSH BINARY LOGS")
    return sorted(str(f) for f in server.data.glob("binlog.[0-9]*"))


PARTIAL = [
    "UPDATE g.t SET j = JSON_SET(j, '$.a', 'longer than before', '$.new', 1) WHERE id = 1",
    "UPDATE g.t SET j = JSON_REPLACE(j, '$.list[1].deep', JSON_OBJECT('x', 1.5)) WHERE id = 1",
    "UPDATE g.t SET j = JSON_REMOVE(j, '$.list[0]', '$.b') WHERE id = 1",
    "UPDATE g.t SET j = JSON_ARRAY_INSERT(JSON_SET(j, '$.\"odd \\\\\"name\"', TRUE), '$.list[0]', NULL), n = 2 WHERE id = 1",
    "UPDATE g.t SET j = JSON_SET(j, '$.list[9]', CAST('2024-01-02' AS DATE)), k = JSON_SET(k, '$[1]', 7) WHERE id = 1",
    "UPDATE g.t SET n = 3 WHERE id = 1",
    "UPDATE g.t SET j = JSON_REMOVE(j, '$.a'), id = 2 WHERE id = 1",
]


@limit(60)
@each("mysql97")
def test_updates_of_parts_of_json_documents_give_the_whole_document(scene, kind):
    """binlog_row_value_options=PARTIAL_JSON: `after` is what the server holds; strictly, nothing."""
    server = scene.server(kind, binlog_row_metadata="FULL", binlog_row_value_options="PARTIAL_JSON")
    server.sql("""CREATE DATABASE g;
        CREATE TABLE g.t (id INT PRIMARY KEY, n INT, k JSON, j JSON);
        INSERT INTO g.t VALUES (1, 1, '[1, 2, 3]', '{"a": "text", "b": [1], "list": [0, {"deep": {"er": 1}}, 2]}')""")
    expected = []
    for statement in PARTIAL:
        server.sql(statement)
        row = server.sql("SELECT id, n, k, j FROM g.t")[0]
        expected.append((row[0], row[1], json.loads(row[2]), json.loads(row[3])))
    files = binlogs(server)
    found = [e["value"]["after"] for e in events(files) if e["value"] and e["value"].get("after")]
    found = [(r["id"], r["n"], json.loads(r["k"]), json.loads(r["j"])) for r in found[1:]]
    for i, (a, b) in enumerate(zip(expected, found)):
        assert a == b, f"{PARTIAL[i]}\nserver {a}\nevent  {b}"
    assert len(found) == len(expected)
    strict = [e for e in events(files, "strict.compatibility=true") if e["value"] and "op" in e["value"]]
    assert len(strict) < 1 + len(expected)


@limit(60)
@each("mysql97", "mariadb10")
def test_an_image_that_lacks_columns_is_completed_or_refused(scene, kind):
    """MINIMAL images: an insert has the defaults of DDL in the file; strict.compatibility stops."""
    server = scene.server(kind, binlog_row_metadata="FULL", binlog_row_image="MINIMAL")
    server.sql("""CREATE DATABASE g;
        CREATE TABLE g.t (id INT PRIMARY KEY, a INT NOT NULL DEFAULT 3, b VARCHAR(9) DEFAULT 'x');
        INSERT INTO g.t (id) VALUES (1);
        UPDATE g.t SET a = 4""")
    files = binlogs(server)
    rows = [e["value"] for e in events(files) if e["value"] and "op" in e["value"]]
    assert rows[0]["after"] == {"id": 1, "a": 3, "b": "x"}, rows
    assert rows[1]["after"] == {"id": 1, "a": 4, "b": None}, rows
    done = subprocess.run([str(program("binrelay")), "events", "--set", "strict.compatibility=true"] + files,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "binlog_row_image" in done.stderr, done.stderr


@limit(60)
@each("FULL", "MINIMAL", "NO_LOG")
def test_hidden_columns_of_long_unique_keys_are_left_out(scene, metadata):
    """MariaDB's hashes behind the columns, before and behind DDL; a geometry that is missing is null."""
    server = scene.server("mariadb10", binlog_row_metadata=metadata, sql_mode="")
    server.sql("""CREATE DATABASE g;
        CREATE TABLE g.t (id INT PRIMARY KEY, b BLOB UNIQUE, c TEXT, UNIQUE (c), p POINT NOT NULL);
        INSERT IGNORE INTO g.t (id, b, c) VALUES (1, 'x', 'y');
        ALTER TABLE g.t ADD d INT AFTER id, DROP b;
        INSERT IGNORE INTO g.t (id, c, d) VALUES (2, 'z', 3)""")
    rows = [e["value"]["after"] for e in events(binlogs(server)) if e["value"] and "op" in e["value"]]
    assert rows == [{"id": 1, "b": "eA==", "c": "y", "p": None}, {"id": 2, "d": 3, "c": "z", "p": None}], rows


def refused(path, *more):
    """What is said of a file that can't be read to its end, and what was printed before."""
    done = subprocess.run([str(program("binrelay")), "events", str(path), *more], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1, (done.returncode, done.stderr)
    return done.stderr, done.stdout


@limit(60)
@each("mysql97", "mariadb10")
def test_a_file_that_is_cut_or_encrypted_is_told(scene, kind):
    """What is whole is printed, then a sentence and exit code 1; the same bytes by a pipe are read."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY); INSERT INTO g.t VALUES (1);"
               "INSERT INTO g.t VALUES (2)")
    whole = open(binlogs(server)[0], "rb").read()
    path = scene.path("cut")
    lines = events([binlogs(server)[0]])
    piped = subprocess.run([str(program("binrelay")), "events", "-"], input=whole, capture_output=True, check=True)
    assert len(piped.stdout.splitlines()) == len(lines)
    counted = [json.loads(line) for line in subprocess.run(
        [str(program("binrelay")), "events", "--count", "-"], input=whole, capture_output=True,
        check=True).stdout.splitlines()]
    assert sum(topic["events"] for topic in counted) == len(lines), counted
    for end, why in ((len(whole) - 60, "ends inside of"), (30, "ends inside of an event"), (2, "no binlog file")):
        path.write_bytes(whole[:end])
        said, _ = refused(path)
        assert why in said, said
    path.write_bytes(b"\xfdbin" + bytes(600))
    assert "is encrypted" in refused(path)[0]
    plugin = Path(server.kind.programs.find("server")[-1]).parents[1] / "lib/mysql/plugin"
    if (plugin / "file_key_management.so").exists():
        keys = scene.path("keys")
        keys.write_text("1;" + "ab" * 32 + "\n")
        server.stop()
        server.options |= {"encrypt_binlog": "ON", "plugin_dir": plugin, "plugin_load_add":
                           "file_key_management", "file_key_management_filename": keys}
        server.start()
        server.sql("INSERT INTO g.t VALUES (3)")
        said, _ = refused(server.binlogs()[-1])
        assert "is encrypted from here on" in said, said
    assert "No such file" in refused(scene.path("none"))[0]


@limit(60)
@each("mariadb10")
def test_columns_that_stop_debeziums_mariadb_connector_are_published(scene, kind):
    """INET4, INET6, UUID, compressed columns and a sequence: values as the server shows them."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql("""CREATE DATABASE g;
        CREATE SEQUENCE g.s; SELECT NEXTVAL(g.s);
        CREATE TABLE g.t (id INT PRIMARY KEY, a INET4, b INET6, v VARCHAR(500) COMPRESSED, x TEXT COMPRESSED);
        INSERT INTO g.t VALUES (1, '10.0.0.0', '2001:db8::', REPEAT('ab', 200), REPEAT('long ', 1000)), (2, '0.0.0.1', '::1', 'short', ''), (3, NULL, NULL, NULL, NULL)""")
    expected = [list(row) for row in server.sql("SELECT * FROM g.t ORDER BY id")]
    found = [list(e["value"]["after"].values()) for e in events(binlogs(server), "table.include.list=g.t")
             if e["value"] and "op" in e["value"]]
    assert found == expected, f"{found}\n{expected}"
    assert events(binlogs(server))


@limit(60)
@each("mariadb10")
def test_heartbeats_come_while_the_source_is_silent(scene, kind):
    """heartbeat.interval.ms: records without any event; they are not counted after a restart."""
    server = scene.server(kind, binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY); INSERT INTO g.t VALUES (1)")
    relay = scene.relay(server, publish="g", settings={"publisher events": {"heartbeat.interval.ms": 300}})
    relay.wait_events(4)
    relay.stop()
    server.sql("INSERT INTO g.t VALUES (2)")
    relay.start()
    relay.wait_caught_up(server)
    wait.until(lambda: [e for e in relay.events() if "__debezium-heartbeat" in e["topic"]][3:]
               and len(rows_of(relay)) > 1, 30, relay.tail)
    relay.stop()
    assert [row["id"] for row in rows_of(relay)] == [1, 2], relay.events()
    beat = next(e for e in relay.events() if "heartbeat" in e["topic"])
    assert beat["topic"] == "__debezium-heartbeat.srv" and beat["key"] == {"serverName": "srv"}, beat
    assert list(beat["value"]) == ["ts_ms"], beat


def rows_of(relay):
    return [e["value"]["after"] for e in relay.events() if e["value"] and "op" in e["value"]]


@limit(60)
def test_a_source_that_folds_names_is_understood(scene):
    """lower_case_table_names=1: DDL in any letters, rows in small ones, no names in the stream."""
    server = scene.server("mariadb10", lower_case_table_names=1, binlog_row_metadata="NO_LOG")
    server.sql("""CREATE DATABASE G;
        CREATE TABLE G.Foo (Id INT PRIMARY KEY, a VARCHAR(5)); INSERT INTO g.fOO VALUES (1, 'y');
        ALTER TABLE G.FOO ADD B INT; INSERT INTO g.foo VALUES (2, 'z', 3);
        RENAME TABLE g.FOo TO g.Bar; INSERT INTO g.baR VALUES (3, NULL, 3)""")
    found = [(e["topic"], e["value"]["after"]) for e in events(binlogs(server))
             if e["value"] and "op" in e["value"]]
    assert found == [("srv.g.foo", {"Id": 1, "a": "y"}), ("srv.g.foo", {"Id": 2, "a": "z", "B": 3}),
                     ("srv.g.bar", {"Id": 3, "a": None, "B": 3})], found
