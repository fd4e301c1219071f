"""What the relay makes of DDL in the stream is what the server says its tables are."""

import json
import os
import time

from lib import ddl, ddlgen, testsuite, wait
from lib.marks import each, limit

# All files of the suites take hours; a run takes what it can in this time, each seed others.
EVERYTHING = bool(os.environ.get("BINRELAY_TEST_ALL"))
SUITE_S = 10 ** 6 if EVERYTHING else 10
GENERATED_S = float(os.environ.get("BINRELAY_TEST_SECONDS", 4))
SEED = os.environ.get("BINRELAY_TEST_SEED")

SUITES = {"mariadb10": testsuite.MARIADB, "mysql97": testsuite.MYSQL}


def must_be_equal(comparison):
    found = comparison.compare()
    text = "\n".join(f"{table}: {differs}\n  after {statement}"
                     for statement, table, differs in found[:10])
    assert not found, f"{len(found)} differences\n{text}"


@limit(10 ** 6 if EVERYTHING else 150)
@each(*SUITES)
def test_the_ddl_of_the_servers_own_test_suites_is_read(scene, kind):
    """Whatever DDL of its test suite the server takes: the columns are its information_schema's."""
    files = testsuite.suite(SUITES[kind], SEED or 1)
    comparison = ddl.Comparison(scene.server(kind, **ddl.OPTIONS))
    end = time.monotonic() + SUITE_S
    for path in files:
        wanted = list(testsuite.statements(path))
        if wanted:
            comparison.fresh()
        for statement in wanted:
            if time.monotonic() < end:
                comparison.run(statement)
        if time.monotonic() > end:
            break
    must_be_equal(comparison)
    assert comparison.compared > 20, comparison.compared


@limit(120 + int(GENERATED_S))
@each("mysql57", "mysql80", "mysql97", "mariadb10", "mariadb11")
def test_random_ddl_is_read(scene, kind):
    """CREATE and ALTER of a grammar, in the order of a seed: the same comparison."""
    server = scene.server(kind, **ddl.OPTIONS)
    comparison = ddl.Comparison(server)
    generator = ddlgen.Generator(int(SEED or 5), server.kind)
    end = time.monotonic() + GENERATED_S
    while time.monotonic() < end:
        generator.tables = comparison.columns()
        comparison.run(generator.statement())
    print(f"seed {SEED or 5}: {comparison.accepted} taken, {comparison.refused} refused")
    must_be_equal(comparison)
    assert comparison.compared > 10, comparison.compared


# What the tools run, as they write it in their logs; `change` is the ALTER that was wanted, `dml` the
# application's statements meanwhile.
BEFORE = """
    CREATE TABLE g.t (id INT NOT NULL PRIMARY KEY, a VARCHAR(10), b INT) CHARSET=utf8mb4;
    INSERT INTO g.t VALUES (1, 'one', 1)"""
GH_OST = """
    drop /* gh-ost */ table if exists `g`.`_t_gho`;
    drop /* gh-ost */ table if exists `g`.`_t_del`;
    create /* gh-ost */ table `g`.`_t_ghc` (
        id bigint unsigned auto_increment,
        last_update timestamp not null DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
        hint varchar(64) charset ascii not null, value varchar(4096) charset ascii not null,
        primary key(id), unique key hint_uidx(hint)) auto_increment=256 comment='%s';
    insert /* gh-ost */ into `g`.`_t_ghc` (id, hint, value) values (NULL, 'state', 'Migrated');
    create /* gh-ost */ table `g`.`_t_gho` like `g`.`t`;
    alter /* gh-ost */ table `g`.`_t_gho` drop column b, add column c int not null default 7 after id;
    {dml}
    insert /* gh-ost `g`.`t` */ ignore into `g`.`_t_gho` (`id`, `a`)
        (select `id`, `a` from `g`.`t` force index (`PRIMARY`) lock in share mode);
    create /* gh-ost */ table `g`.`_t_del` (id int auto_increment primary key)
        engine=InnoDB comment='ghost-cut-over-sentry';
    drop /* gh-ost */ table `g`.`_t_del`;
    rename /* gh-ost */ table `g`.`t` to `g`.`_t_del`, `g`.`_t_gho` to `g`.`t`;
    drop /* gh-ost */ table if exists `g`.`_t_ghc`;
    drop /* gh-ost */ table if exists `g`.`_t_del`"""
PT_OSC = """
    CREATE TABLE `g`.`_t_new` (
      `id` int NOT NULL,
      `a` varchar(10) DEFAULT NULL,
      `b` int DEFAULT NULL,
      PRIMARY KEY (`id`)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
    ALTER TABLE `g`.`_t_new` DROP COLUMN b, ADD COLUMN c INT NOT NULL DEFAULT 7 AFTER id;
    CREATE TRIGGER `g`.`pt_osc_g_t_ins` AFTER INSERT ON `g`.`t` FOR EACH ROW
        REPLACE INTO `g`.`_t_new` (`id`, `a`) VALUES (NEW.`id`, NEW.`a`);
    {dml}
    INSERT LOW_PRIORITY IGNORE INTO `g`.`_t_new` (`id`, `a`)
        SELECT `id`, `a` FROM `g`.`t` LOCK IN SHARE MODE;
    ANALYZE TABLE `g`.`_t_new` /* pt-online-schema-change */;
    RENAME TABLE `g`.`t` TO `g`.`_t_old`, `g`.`_t_new` TO `g`.`t`;
    DROP TABLE IF EXISTS `g`.`_t_old`;
    DROP TRIGGER IF EXISTS `g`.`pt_osc_g_t_ins`"""
DML = "INSERT INTO g.t VALUES (2, 'two', 2); UPDATE g.t SET a = 'uno' WHERE id = 1;"
AFTER = "INSERT INTO g.t VALUES (3, 8, 'three'); UPDATE g.t SET c = 9 WHERE id = 2"

EXPECTED = [
    ("c", {"id": 1, "a": "one", "b": 1}), ("c", {"id": 2, "a": "two", "b": 2}),
    ("u", {"id": 1, "a": "uno", "b": 1}), ("c", {"id": 3, "c": 8, "a": "three"}),
    ("u", {"id": 2, "c": 9, "a": "two"}),
]


@limit(120)
@each("mysql97 gh-ost", "mysql97 pt-osc", "mariadb10 gh-ost", "mariadb10 pt-osc")
def test_an_online_schema_change_is_followed(scene, case):
    """Read later from a stream that tells no names, each row has the columns of its time."""
    kind, tool = case.split()
    server = scene.server(kind, binlog_row_metadata="MINIMAL")
    server.sql("CREATE DATABASE g CHARACTER SET utf8mb4")
    script = (GH_OST if tool == "gh-ost" else PT_OSC).replace("{dml}", DML)
    server.feed(f"{BEFORE};{script};{AFTER};")
    relay = scene.relay(server, publish="g", settings={
        "publisher events": {"table.include.list": "g[.]t"}})
    events = [event for event in relay.wait_events(len(EXPECTED)) if event["topic"] == "srv.g.t"]
    assert [(event["value"]["op"], event["value"]["after"]) for event in events] == EXPECTED, events
    relay.stop()
    # And again, long after, with the history that was kept.
    server.sql("DROP TABLE g.t")
    relay.settings["publisher again"] = relay.settings["publisher events"] | {
        "path": scene.path("again.jsonl")}
    relay.start()
    relay.output = relay.settings["publisher again"]["path"]
    events = [event for event in relay.wait_events(len(EXPECTED)) if event["topic"] == "srv.g.t"]
    assert [(event["value"]["op"], event["value"]["after"]) for event in events] == EXPECTED, events
    relay.stop()


@limit(90)
@each("mysql57", "mysql97", "mariadb10")
def test_a_table_from_before_the_stream_is_asked_of_the_source(scene, kind):
    """Whatever the source's sql_mode: its columns come by SHOW CREATE TABLE, and DDL goes on."""
    server = scene.server(kind, sql_mode="ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, \"q`q\" VARCHAR(9) DEFAULT"
               " 'a\\', e ENUM('x','it''s') CHARACTER SET latin1, f FLOAT(7,2));"
               "FLUSH BINARY LOGS")
    relay = scene.relay(server, publish="g", settings={"source a": {"start": "newest"}})
    relay.wait_caught_up(server)
    server.sql("INSERT INTO g.t VALUES (1, 'v', 'it''s', 0.1)")
    relay.wait_events(1)
    server.sql("ALTER TABLE g.t ADD COLUMN n INT AFTER id; INSERT INTO g.t (id, n) VALUES (2, 3)")
    rows = [event["value"]["after"] for event in relay.wait_events(2)]
    assert rows == [{"id": 1, "q`q": "v", "e": "it's", "f": 0.10000000149011612},
                    {"id": 2, "n": 3, "q`q": "a\\", "e": None, "f": None}], rows
    relay.stop()


@limit(90)
@each("mysql97", "mariadb10")
def test_a_publisher_knows_the_tables_before_they_change(scene, kind):
    """What a table was when it began counts, though nothing names its columns and it changed."""
    server = scene.server(kind, binlog_row_metadata="MINIMAL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, a INT); FLUSH BINARY LOGS")
    output = scene.path("events.jsonl")
    os.mkfifo(output)
    relay = scene.relay(server, publish="g", settings={
        "source a": {"start": "newest"}, "publisher events": {"path": output}})
    # Nobody reads the pipe yet, so the publisher is late; but it has asked.
    asked = "SHOW GLOBAL STATUS LIKE 'Com_show_create_table'"
    wait.until(lambda: int(server.sql(asked)[0][1]) > 0, 30, relay.tail)
    server.sql("INSERT INTO g.t VALUES (1, 2); ALTER TABLE g.t ADD b INT FIRST, DROP a;"
               "INSERT INTO g.t VALUES (3, 4)")
    relay.wait_caught_up(server)
    with open(output, encoding="utf-8") as lines:
        rows = [json.loads(next(lines))["value"]["after"] for _ in range(2)]
    assert rows == [{"id": 1, "a": 2}, {"b": 3, "id": 4}], rows
    relay.stop()
