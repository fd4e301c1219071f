"""Another server answers at the source's address: the relay joins its binlog to what it holds."""

from lib import wait
from lib.marks import each
from lib.servers import REPL

DB = "j"
TABLE = (f"CREATE DATABASE {DB}; CREATE TABLE {DB}.t (id INT PRIMARY KEY AUTO_INCREMENT,"
         f" v VARCHAR(100)); CREATE TABLE {DB}.same (v INT)")
GTID_PAIRS = each("mysql97 mysql97", "mariadb10 mariadb10")
BARE_PAIRS = each("mysql57 mysql57", "mysql55 mysql55", "mysql55 mysql57", "mysql57 mysql80")
NO_GTIDS = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}


def fill(server, count, first=None):
    """Rows of one transaction each, and as many equal ones in between; gives the ids there are."""
    with server.connect(database=DB) as connection, connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute("INSERT INTO t (v) VALUES ('one')")
            cursor.execute("INSERT INTO same VALUES (1)")
    return [row[0] for row in server.sql(f"SELECT id FROM {DB}.t ORDER BY id")]


def pair_of(scene, pair, bare=False, **options):
    """A source and its replica; `bare`: without GTIDs, by file and position."""
    source, standby = (scene.server(kind, **(NO_GTIDS if bare and kind != "mysql55" and "mysql" in kind
                                             else {}), **options) for kind in pair.split())
    if bare:
        file = source.binlogs()[0].name
        standby.make_replica_of(source.host, source.port, *REPL, file=file, pos=4)
    elif source.kind.is_mariadb:
        standby.make_replica_of(source.host, source.port, *REPL, slave_pos=True)
    else:
        standby.make_replica_of(source.host, source.port, *REPL, auto_position=True)
    return source, standby


def promote(standby, source):
    standby.wait_for(source)
    standby.stop_replica()
    standby.reset_replica()


def lead_to(relay, server):
    """As a VIP does."""
    relay.stop()
    relay.settings["source a"] |= {"host": server.host, "port": server.port}
    relay.start()


def ids_of(relay, table="t"):
    return [event["value"]["after"]["id"] for event in relay.events()
            if event["topic"] == f"srv.{DB}.t"]


def check_all(relay, server, ids):
    """Each transaction once and in order, for a publisher; the rows of the equal ones by number."""
    wait.until(lambda: ids_of(relay)[-1:] == ids[-1:], 60,
               lambda: f"id {ids[-1]}, it is {ids_of(relay)[-3:]}\n{relay.tail()}")
    relay.wait_events(2 * len(ids))
    assert ids_of(relay) == ids
    same = [event for event in relay.events() if event["topic"] == f"srv.{DB}.same"]
    assert len(same) == server.sql(f"SELECT COUNT(*) FROM {DB}.same")[0][0]
    relay.cli("verify")


@GTID_PAIRS
def test_a_promoted_standby_at_the_same_address_is_joined_by_gtid(scene, pair):
    """What the relay holds of the old primary is a hole in the new one's file."""
    source, standby = pair_of(scene, pair)
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB)
    fill(source, 20)
    source.flush_binlog()
    fill(source, 20)
    relay.wait_caught_up(source)
    promote(standby, source)
    source.stop()
    ids = fill(standby, 20)
    lead_to(relay, standby)
    check_all(relay, standby, ids)
    assert "by gtid: epoch 2" in relay.log_text()
    relay.restart()
    ids = fill(standby, 5)
    check_all(relay, standby, ids)


@BARE_PAIRS
def test_a_promoted_standby_is_joined_by_content(scene, pair):
    """The relay was cut off in the midst of many equal transactions; each comes once all the same."""
    source, standby = pair_of(scene, pair, bare=True)
    source.sql(TABLE)
    relay = scene.relay(source, publish=DB)
    fill(source, 20)
    source.flush_binlog()
    fill(source, 20)
    relay.wait_caught_up(source)
    relay.stop()
    fill(source, 20)
    promote(standby, source)
    source.stop()
    standby.flush_binlog()
    ids = fill(standby, 20)
    lead_to(relay, standby)
    check_all(relay, standby, ids)
    assert "by content: epoch 2" in relay.log_text()
    relay.restart()
    ids = fill(standby, 5)
    check_all(relay, standby, ids)
