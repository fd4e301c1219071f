"""The relay as the source of semi-synchronous replicas: marked events, acknowledgements, cuts."""

from lib import wait
from lib.cutter import Cutter
from lib.errors import Failure
from lib.load import Load
from lib.marks import each, limit
from lib.servers import REPL

OLDER = {"plugin_load": "rpl_semi_sync_slave=semisync_slave.so", "rpl_semi_sync_slave_enabled": "ON"}
NEWER = {"plugin_load_add": "semisync_replica.so", "rpl_semi_sync_replica_enabled": "ON"}
BUILT_IN = {"rpl_semi_sync_slave_enabled": "ON"}
REPLICAS = {"mysql55": OLDER, "mysql56": OLDER, "mysql80": OLDER, "mysql97": NEWER,
            "mariadb10": BUILT_IN, "mariadb11": BUILT_IN}
CUTS = 4


def attach(source, replica, network):
    way = {"file": source.binlogs()[0].name}
    if replica.kind.is_mariadb:
        way = {"slave_pos": True}
    elif replica.kind.at_least(5, 7):
        way = {"auto_position": True}
    replica.make_replica_of(network.host, network.port, *REPL, heartbeat_period=1, **way)


def is_semi_synchronous(replica):
    rows = replica.sql("SHOW GLOBAL STATUS WHERE Variable_name IN ('Rpl_semi_sync_replica_status',"
                       " 'Rpl_semi_sync_slave_status')")
    return rows[0][1] == "ON"


def acked(relay):
    return [(s["acked_file"], s["acked_offset"]) for s in relay.status()["sessions"] if s["acked_file"]]


@each(*REPLICAS)
@limit(120)
def test_a_semi_synchronous_replica_acknowledges_to_the_relay(scene, kind):
    """It is one all the time, through cuts at any byte, ends equal, and the relay knows what it has."""
    source = scene.server(kind)
    relay = scene.relay(source)
    replica = scene.server(kind, **REPLICAS[kind])
    network = scene.add(Cutter(relay, seed=7, times=CUTS, least=2000))
    with Load(source) as load:
        attach(source, replica, network)
        wait.until(lambda: network.is_done, 40, network.tail)
        wait.until(lambda: is_semi_synchronous(replica), 20, lambda: "semi-sync to be on")
    replica.wait_for(source)
    if source.table_checksums("load_test") != replica.table_checksums("load_test"):
        raise Failure(f"checksums differ after {load.committed} transactions")
    names = [path.name for path in source.binlogs()]
    wait.until(lambda: any(file == names[-1] and offset > 300 for file, offset in acked(relay)), 20,
               lambda: f"acknowledgements; there are {acked(relay)}, {relay.status()['sessions']}")
