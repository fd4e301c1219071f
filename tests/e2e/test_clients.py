"""Other people's binlog clients at the relay, through a network that cuts: each transaction once."""

from lib import clients, wait
from lib.cutter import Cutter
from lib.errors import Failure
from lib.load import Load
from lib.marks import each, limit
from lib.servers import REPL

CASES = [f"{client} {kind} {way}"
         for client, kinds in (("python", ("mysql57", "mysql97", "mariadb10")),
                               ("java", ("mysql55", "mysql57", "mysql97", "mariadb10")),
                               ("go", ("mysql57", "mysql97", "mariadb10", "mariadb11")))
         for kind in kinds for way in ("file", "gtid")
         if (client, kind, way) not in {
             ("java", "mysql55", "gtid"),  # there are none
             # These two ask a MariaDB for GTIDs from the newest place when they begin with none.
             ("python", "mariadb10", "gtid"), ("java", "mariadb10", "gtid")}]


def start_of(source, name, way):
    """The Python library takes an empty set for none; the first transaction makes the database."""
    return f"{source.uuid}:1" if (name, way) == ("python", "gtid") else source.binlogs()[0].name


@each(*CASES)
@limit(120)
def test_other_clients_get_each_transaction_once(scene, case):
    """From the first binlog on, cut off at any byte six times, resumed behind the last commit."""
    name, kind, way = case.split()
    argv, environment = clients.command(name)
    source = scene.server(kind)
    relay = scene.relay(source)
    network = scene.add(Cutter(relay, seed=7))
    with Load(source) as load:
        source.sql("INSERT INTO load_test.journal VALUES (0, 0, 0, 'deleted at the end')")
        process = scene.process(
            name, *argv, network.host, network.port, *REPL, source.kind.family, way,
            start_of(source, name, way), env=environment)
        wait.until(lambda: network.is_done, 60, lambda: f"{network.cuts} cuts\n{process.tail()}")
    source.sql("DELETE FROM load_test.journal WHERE n = 0")
    wait.until(lambda: not process.running(), 30, lambda: f"{name} to end\n{process.tail()}")
    got = [int(line) for line in process.log.read_text().splitlines() if line.isdigit()]
    expected = sorted({0, *range(1, load.committed + 1)})
    if sorted(got) != expected or [n for n in got if n] != expected[1:]:
        raise Failure(f"{load.committed} transactions, {len(got)} came; missing"
                      f" {sorted(set(expected) - set(got))[:10]}, twice"
                      f" {sorted(n for n in set(got) if got.count(n) > 1)[:10]}", process.tail())
