"""The relay is killed again and again under load; nothing is lost and nothing comes twice."""

import os
import random
import time

from lib import wait
from lib.errors import Failure
from lib.load import Load
from lib.marks import alone, each, limit
from lib.servers import REPL

KILLS = int(os.environ.get("KILLS", "100"))


def published_numbers(relay):
    """Numbers of the journal rows in the order of the published file; each line must be whole."""
    return [event["value"]["after"]["n"] for event in relay.events()
            if event["topic"].endswith(".journal") and event["value"] is not None]


@each("mysql97 auto_position", "mariadb10 file")
@limit(400)
@alone
def test_kill_9_again_and_again(scene, way):
    """100 kills at random moments each: the store verifies, replica and published file are whole."""
    kind, way = way.split()
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed} KILLS={KILLS}")
    moments = random.Random(seed)
    source = scene.server(kind, max_binlog_size=65536)
    relay = scene.relay(source, publish="load_test")
    replica = scene.server(kind)
    with Load(source, pause_s=0.001) as load:
        settings = {"file": source.binlogs()[0].name} if way == "file" else {way: True}
        replica.make_replica_of(relay.host, relay.port, *REPL, heartbeat_period=1, **settings)
        for _ in range(KILLS):
            # From inside the start-up to the midst of following and publishing.
            time.sleep(moments.choice((0.002, 0.02, 0.1, 0.4, 0.8)) * moments.random() * 2)
            relay.kill9()
            relay.launch()
        load.stop()
    relay.wait_answers()
    relay.wait_caught_up(source)
    replica.wait_for(source, timeout_s=90)
    wait.until(lambda: len(published_numbers(relay)) >= load.committed, 60,
               lambda: f"{load.committed} published, there are {len(published_numbers(relay))}")
    relay.stop()

    relay.cli("verify")
    held = replica.sql("SELECT COUNT(*), COUNT(DISTINCT n), MAX(n) FROM load_test.journal")[0]
    if held != (load.committed,) * 3:
        raise Failure(f"{load.committed} transactions were committed, the replica has {held}")
    if source.table_checksums("load_test") != replica.table_checksums("load_test"):
        raise Failure("the replica's tables differ from the source's")
    numbers = published_numbers(relay)
    if numbers != list(range(1, load.committed + 1)):
        wrong = next((pair for pair in zip(numbers, range(1, load.committed + 1))
                      if pair[0] != pair[1]), (len(numbers), load.committed))
        raise Failure(f"the published file is not every transaction once in order: {wrong}")
    for path in source.binlogs()[:-1]:
        if (relay.data / path.name).read_bytes() != path.read_bytes():
            raise Failure(f"relay file {path.name} is not the source's")
