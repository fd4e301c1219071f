"""Real replicas behind the relay end up equal to its source."""

import time

from lib.errors import Failure
from lib.load import Load
from lib.marks import each, limit
from lib.servers import REPL

# kind, how the replica positions itself
WAYS = ("mysql97 file", "mysql97 auto_position", "mariadb10 file", "mariadb10 slave_pos")


def attach(replica, relay, way, source):
    """Makes it a replica of the relay, from the very beginning of the source's binlogs."""
    address = (relay.host, relay.port, *REPL)
    if way == "file":
        replica.make_replica_of(*address, file=source.binlogs()[0].name, heartbeat_period=1)
    else:
        replica.make_replica_of(*address, heartbeat_period=1, **{way: True})


def must_be_equal(source, replica):
    """Same table checksums, and every transaction of the load there exactly once."""
    expected = source.table_checksums("load_test")
    found = replica.table_checksums("load_test")
    if expected != found:
        raise Failure(f"checksums differ: source {expected}, replica {found}")


def journal_must_hold(replica, count):
    numbers = replica.sql("SELECT COUNT(*), COUNT(DISTINCT n), MAX(n) FROM load_test.journal")[0]
    if numbers != (count, count, count):
        raise Failure(f"{count} transactions were committed, the replica has {numbers}")


@each(*WAYS)
def test_replica_equals_source(scene, way):
    """A replica at the relay ends with the source's checksums, through a kill -9 and a restart."""
    kind, way = way.split()
    source = scene.server(kind)
    relay = scene.relay(source)
    replica = scene.server(kind)
    with Load(source) as load:
        attach(replica, relay, way, source)
        time.sleep(1.5)
        relay.kill9()
        time.sleep(0.5)
        relay.start()
        time.sleep(1)
        source.restart()
        time.sleep(1.5)
    replica.wait_for(source, timeout_s=60)
    must_be_equal(source, replica)
    journal_must_hold(replica, load.committed)


@each(*WAYS)
@limit(180)
def test_replica_reattaches(scene, way):
    """A replica that was stopped and started goes on where it was, also after the relay's restart."""
    kind, way = way.split()
    source = scene.server(kind)
    relay = scene.relay(source)
    replica = scene.server(kind)
    with Load(source) as load:
        attach(replica, relay, way, source)
        for _ in range(3):
            time.sleep(0.5)
            replica.stop_replica()
            source.flush_binlog()
            replica.start_replica()
        replica.stop_replica()
        relay.restart()
        time.sleep(0.5)
        replica.start_replica()
    replica.wait_for(source, timeout_s=60)
    must_be_equal(source, replica)
    journal_must_hold(replica, load.committed)
