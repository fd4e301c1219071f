"""The alert rules and the Grafana board, loaded in a real Prometheus that watches a real relay."""

import contextlib
import json
import re
import shutil
import struct

from lib import wait
from lib.marks import limit
from lib.ports import Port
from lib.prometheus import Prometheus
from lib.relay import ROOT
from lib.servers import REPL

COM_BINLOG_DUMP = 0x12
BOARD = ROOT / "conf/grafana-binrelay.json"


def stream(relay, file):
    """A consumer that takes no bytes."""
    connection = relay.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET @master_binlog_checksum = 'CRC32', @mariadb_slave_capability = 4")
    connection._execute_command(COM_BINLOG_DUMP, struct.pack("<IHI", 4, 0, 4711) + file.encode())
    return connection


def metrics_of(expression):
    return set(re.findall(r"\b(?:binrelay|process)_\w+", expression))


def assert_board(prometheus, relay):
    """Each expression of the board is one that Prometheus takes, of metrics that there are."""
    text = BOARD.read_text(encoding="utf-8")
    known = set(re.findall(r"^METRIC\((\w+),|METRIC\((\w+),", (
        ROOT / "relay/watch/metric_table.h").read_text()))
    known = {name for pair in known for name in pair}
    targets = [target for panel in json.loads(text)["panels"]
               for target in panel.get("targets", ())]
    assert len(targets) > 20, targets
    for target in targets:
        expression = re.sub(r"\$\w+", ".*", target["expr"])
        prometheus.query(expression)
        assert metrics_of(expression) <= known, (expression, metrics_of(expression) - known)
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        told = relay.metrics().get(min(metrics_of(expression)), [])
        for has, _ in told:
            assert labels <= set(has) | {"instance"}, (target, has)


@limit(600)
def test_every_alert_fires(scene):
    """By what it is for: no semi-sync, a full disk, consumers and publishers in trouble, a source that
    goes away and comes back as another one, and the relay's own end."""
    source = scene.server("mariadb10")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)")
    nobody = Port()
    scene.finally_do(nobody.release)
    free = shutil.disk_usage(scene.folder).free
    relay = scene.relay(source, publish="d", watched=True, settings={
        "relay": {"reserve": int(free * 0.6), "keep_bytes": "1K", "hold_bytes": "1M"},
        "listener": {"write_timeout": "1h"},
        "source a": {"semi_sync": "on", "heartbeat": "1s", "retry_max": "2"},
        "source b": {"host": "127.0.0.1", "port": nobody.number, "user": REPL[0],
                     "password": REPL[1], "server_id": nobody.number},
        "publisher broken": {"path": scene.path("no-such-folder") / "x", "topic.prefix": "x"}})
    prometheus = scene.add(Prometheus(scene.path("prometheus"), relay))
    fired = set()

    def fires(*names):
        def all_of_them():
            fired.update(prometheus.firing())
            return set(names) <= fired
        wait.until(all_of_them, 90, lambda: f"{set(names) - fired} to fire, there was {fired}\n"
                   f"{relay.http('/metrics')[1] if relay.running() else ''}", pause_s=0.3)

    rules = prometheus.rules()
    assert len(rules) == 13 and not any(rules.values()), rules
    relay.wait_caught_up(source)
    fires("BinrelaySemiSyncInactive", "BinrelayCandidateUnreachable", "BinrelayDiskNearlyFull",
          "BinrelayPublisherFailed")
    relay.cli("publisher", "events", "pause")
    with contextlib.closing(stream(relay, source.binlogs()[0].name)):
        wait.until(lambda: relay.metric("binrelay_consumers_connected") == 1, 30, "the consumer")
        for _ in range(8):
            source.sql("INSERT INTO d.t (v) VALUES (REPEAT('x', 4000000))")
        relay.wait_caught_up(source)
        fires("BinrelayConsumerBehind", "BinrelayConsumerHoldNearlyUsed",
              "BinrelayPublisherBehind")
        assert_board(prometheus, relay)
    fires("BinrelayConsumerAway")
    source.flush_binlog()
    relay.cli("purge", "--before", source.binlogs()[-1].name, check=False)
    fires("BinrelayConsumerLost")
    source.stop()
    fires("BinrelayChannelDown", "BinrelaySourceBehind")
    for path in source.data.glob("binlog.*"):
        path.unlink()
    source.start()
    fires("BinrelayChannelNeedsPerson")
    relay.stop()
    fires("BinrelayDown")
    assert fired == set(rules), set(rules) - fired
