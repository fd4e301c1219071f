"""Replicas of every version behind the relay, through a bad network, end up equal to the source."""

from lib import kinds, wait
from lib.certificates import Authority
from lib.cutter import Cutter
from lib.errors import Failure
from lib.load import Load
from lib.marks import each, limit
from lib.servers import REPL

# The source's kind, the replica's, how it takes transactions, and whether through TLS.
PAIRS = ("mysql55 mysql55", "mysql55 mysql56", "mysql56 mysql56", "mysql56 mysql57",
         "mysql57 mysql57 parallel", "mysql57 mysql80", "mysql80 mysql80 parallel", "mysql80 mysql97 tls",
         "mysql97 mysql97 parallel tls", "mariadb102 mariadb102", "mariadb102 mariadb10 parallel",
         "mariadb10 mariadb10 parallel", "mariadb10 mariadb11 tls", "mariadb11 mariadb11 parallel tls")


CUTS = 6


def options_of(kind_name, source, parallel):
    if not source.kind.at_least(5, 6):
        return {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"} if kind_name != "mysql55" else {}
    if not parallel:
        return {}
    if kind_name.startswith("mariadb"):
        return {"slave_parallel_threads": 4, "slave_parallel_mode": "optimistic"}
    word = "replica" if kind_name in ("mysql80", "mysql97") else "slave"
    options = {f"{word}_parallel_workers": 4}
    if kind_name in ("mysql57", "mysql80"):
        options |= {f"{word}_parallel_type": "LOGICAL_CLOCK"}
    return options


def ways(source, kind):
    """File and position, and by GTID where both know how."""
    yield {"file": source.binlogs()[0].name}
    if kind.is_mariadb:
        yield {"slave_pos": True}
    elif source.kind.at_least(5, 6):
        yield {"auto_position": True}


def cuts_of(kind, way):
    """A replica of MySQL 5.6 counts a transaction that was cut off as received, by GTID, and never
    asks for the rest, at a real source either."""
    return 0 if "auto_position" in way and not kind.at_least(5, 7) else CUTS


def must_be_equal(source, replica, committed):
    if source.kind.version[:2] == replica.kind.version[:2]:
        expected, found = (s.table_checksums("load_test") for s in (source, replica))
        if expected != found:
            raise Failure(f"checksums differ: source {expected}, {replica} {found}")
    for table, order in (("journal", "n"), ("account", "id"), ("scratch", "id")):
        query = f"SELECT * FROM load_test.{table} ORDER BY {order}"
        if source.sql(query) != replica.sql(query):
            raise Failure(f"load_test.{table} differs at {replica}")
    numbers = replica.sql("SELECT COUNT(*), MAX(n) FROM load_test.journal")[0]
    if numbers != (committed, committed):
        raise Failure(f"{committed} transactions were committed, {replica} has {numbers}")


@each(*PAIRS)
@limit(120)
def test_replicas_of_every_version_through_a_network_that_cuts(scene, pair):
    """By position and by GTID at once, each cut off six times at any byte."""
    first, second, *more = pair.split()
    source = scene.server(first)
    settings = {}
    if "tls" in more:
        cert, key = Authority(scene.path("authority")).issue("relay")
        settings = {"listener": {"tls_cert": cert, "tls_key": key}}
    relay = scene.relay(source, settings=settings)
    replicas = []
    with Load(source) as load:
        for way in ways(source, kinds.kind(second)):
            replica = scene.server(second, **options_of(second, source, "parallel" in more))
            network = scene.add(Cutter(relay, seed=len(replicas) + 1,
                                       times=cuts_of(kinds.kind(second), way)))
            replica.make_replica_of(network.host, network.port, *REPL, heartbeat_period=1,
                                    ssl="tls" in more, **way)
            replicas.append((replica, network))
        encrypted = [s["tls"] for s in relay.status()["sessions"] if s["server_id"]]
        if set(encrypted) - {"tls" in more}:
            raise Failure(f"streams through TLS: {encrypted}")
        wait.until(lambda: all(network.is_done for _, network in replicas), 60,
                   lambda: f"all connections to be cut: {[n.tail() for _, n in replicas]}")
    for replica, _ in replicas:
        replica.wait_for(source)
        must_be_equal(source, replica, load.committed)
