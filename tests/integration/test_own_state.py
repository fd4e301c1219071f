"""Statements that speak of the relay itself, as a person or an orchestration tool asks them."""

import pymysql.cursors

from lib import wait
from lib.marks import each
from lib.servers import REPL


def rows(relay, statement):
    with relay.connect(cursorclass=pymysql.cursors.DictCursor) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall()


def words(source):
    """What this version calls things: (replica, source, the list of replicas)."""
    if source.kind.is_mariadb or not source.kind.at_least(8, 4):
        return "Slave", "Master", "SHOW SLAVE HOSTS"
    return "Replica", "Source", "SHOW REPLICAS"


@each("mysql97", "mysql57", "mariadb10")
def test_a_replica_is_listed_and_can_be_killed(scene, kind):
    """The replica's registration and its dump thread are there; KILL ends it, and it comes again."""
    source = scene.server(kind)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    replica = scene.server(kind)
    replica.make_replica_of(relay.host, relay.port, *REPL, file=source.binlogs()[0].name)
    source.sql("CREATE DATABASE listed")
    replica.wait_for(source)

    server_id = replica.sql("SELECT @@server_id")[0][0]
    listed = rows(relay, words(source)[2])
    assert [row.get("Server_Id", row.get("Server_id")) for row in listed] == [server_id], listed

    def dumps():
        return [p for p in rows(relay, "SHOW PROCESSLIST") if p["Command"].startswith("Binlog Dump")]

    wait.until(lambda: "has sent all binlog" in dumps()[0]["State"], 20, "the state of the dump")
    first = dumps()[0]
    assert first["User"] == REPL[0] and first["Info"] is None, first
    relay.sql(f"KILL {first['Id']}")
    wait.until(lambda: dumps() and dumps()[0]["Id"] != first["Id"], 30, "the replica to come again")
    source.sql("CREATE DATABASE after_kill")
    replica.wait_for(source)


@each("mysql97", "mysql57", "mariadb10")
def test_the_relay_shows_itself_as_a_replica(scene, kind):
    """Its state, its source and its places are true while the source runs and when it is gone."""
    source = scene.server(kind)
    relay = scene.relay(source)
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY); INSERT INTO d.t VALUES (1)")
    relay.wait_caught_up(source)
    replica, master, _ = words(source)

    def status():
        return rows(relay, f"SHOW {replica.upper()} STATUS")[0]

    file, position = source.position()
    row = wait.until(lambda: (r := status())[f"Seconds_Behind_{master}"] == 0 and r, 20, "no lag")
    assert row[f"{replica}_IO_Running"] == row[f"{replica}_SQL_Running"] == "Yes", row
    assert (row[f"{master}_Host"], row[f"{master}_Port"]) == (source.host, source.port), row
    assert (row[f"Relay_{master}_Log_File"], row[f"Exec_{master}_Log_Pos"]) == (file, position), row
    assert row[f"{master}_Server_Id"] == source.sql("SELECT @@server_id")[0][0], row
    if "Executed_Gtid_Set" in row:
        assert row["Executed_Gtid_Set"] == source.gtids(), row
    source.stop()
    gone = wait.until(lambda: (r := status())[f"{replica}_IO_Running"] != "Yes" and r, 30, "no source")
    assert gone[f"{replica}_IO_Running"] == "Connecting", gone
    assert gone[f"Seconds_Behind_{master}"] is None and gone["Last_IO_Error"], gone
    assert gone[f"Exec_{master}_Log_Pos"] == position, gone


@each("mysql97", "mariadb10")
def test_the_semi_sync_state_is_the_relays(scene, kind):
    """Its variables and its status speak of the relay as a source, and of its own replicas."""
    source = scene.server(kind)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    role = "master" if source.kind.is_mariadb else "source"

    def status():
        return dict(relay.sql(f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{role}%'"))

    assert dict(relay.sql("SHOW VARIABLES LIKE 'rpl_semi_sync%enabled'"))[
        f"rpl_semi_sync_{role}_enabled"] == "ON"
    assert status()[f"Rpl_semi_sync_{role}_status"] == "ON"
    assert status()[f"Rpl_semi_sync_{role}_clients"] == "0"
    options = {"rpl_semi_sync_slave_enabled": "ON"} if source.kind.is_mariadb else {
        "plugin_load_add": "semisync_replica.so", "rpl_semi_sync_replica_enabled": "ON"}
    replica = scene.server(kind, **options)
    replica.make_replica_of(relay.host, relay.port, *REPL, file=source.binlogs()[0].name)
    replica.wait_for(source)
    assert status()[f"Rpl_semi_sync_{role}_clients"] == "1"
