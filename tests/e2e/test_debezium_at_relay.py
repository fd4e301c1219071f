"""The real Debezium, streaming through the relay over a network that cuts, writes what it writes directly."""

import json
import types

from lib import wait
from lib.cutter import Cutter
from lib.debezium import Debezium, mark_end, streamed
from lib.errors import Failure
from lib.marks import each, limit
from lib.servers import DEBEZIUM

CUTS = 2
ROWS = 200


def through(network, kind):
    """What Debezium asks of a server, at another address."""
    return types.SimpleNamespace(kind=kind, host=network.host, port=network.port)


def write(source, first, last):
    for number in range(first, last):
        source.sql("INSERT INTO g.t VALUES (%s, REPEAT('v', %s))", (number, number % 300))
        if number % 10 == 0:
            source.sql("UPDATE g.t SET v = 'updated' WHERE id = %s", (number,))
        if number % 50 == 0:
            source.sql(f"CREATE TABLE g.t{number} (id INT PRIMARY KEY); FLUSH BINARY LOGS;"
                       f"DELETE FROM g.t WHERE id = {number}")


def comparable(records):
    """Without the moments of reading; what comes again after a cut, once. Each is a text."""
    def strip(value):
        if isinstance(value, dict):
            return {name: strip(part) for name, part in value.items()
                    if name not in ("ts_ms", "ts_us", "ts_ns")}
        return value

    texts = (json.dumps({name: strip(record[name]) for name in ("topic", "key", "value")},
                        sort_keys=True) for record in streamed(records))
    return list(dict.fromkeys(texts))


class Tireless:
    """A connector that is started again from its stored offset when a cut has ended it, as Kafka
    Connect does: Debezium gives up when a connection ends inside an event."""

    def __init__(self, scene, server):
        # Not waited for: it may be cut off again before it streams.
        self._start = lambda **files: scene.add(Debezium(
            scene.path("debezium"), server, "g",
            properties={"connect.keep.alive.interval.ms": 500, **files}))
        self.connector = self._start().wait_streaming()
        self._before = []
        self._files = None

    def look_after(self):
        """Starts it again when it has given up."""
        old = self.connector
        if old.running() or old.exit_code() == 0:
            return
        old.destroy()
        self._before += old.records() if old.output.exists() else []
        self._files = self._files or {
            "offset.storage.file.filename": old.folder / "offsets",
            "schema.history.internal.file.filename": old.folder / "history"}
        self.connector = self._start(**self._files)

    def records(self):
        """Of all its lives."""
        return self._before + self.connector.records()


@each("mysql97", "mariadb10")
@limit(240)
def test_debezium_through_a_network_that_cuts_writes_what_it_writes_directly(scene, kind):
    """Each record in order, cut off at any byte, resumed by itself or from its stored offset."""
    source = scene.server(kind, binlog_row_metadata="FULL")
    source.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(300))")
    relay = scene.relay(source, settings={"source a": {
        "forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}})
    relay.wait_caught_up(source)
    direct = scene.debezium(source, "g")
    network = scene.add(Cutter(relay, seed=11, times=0, least=2000, most=20000))
    relayed = Tireless(scene, through(network, source.kind))
    network.cut_again(CUTS)
    write(source, 1, ROWS)
    mark_end(source, "g")

    def has_ended():
        relayed.look_after()
        return not relayed.connector.running()

    wait.until(has_ended, 150, lambda: f"{network.tail()}\n{relayed.connector.tail()}")
    if network.cuts == 0:
        raise Failure("nothing was cut")
    expected, found = comparable(direct.wait_for_end()), comparable(relayed.records())
    if expected != found:
        pairs = ((a, b) for a, b in zip(expected, found) if a != b)
        raise Failure(f"{len(expected)} records directly, {len(found)} through the relay; first"
                      f" difference: {next(pairs, 'one has more')}")
