"""The relay is killed at any moment of a switch, again and again; consumers get every row once."""

import os
import random
import subprocess
import time

from lib import wait
from lib.errors import Failure
from lib.marks import each, limit
from lib.relay import program
from lib.servers import REPL

ROUNDS = int(os.environ.get("ROUNDS", "3"))
KILLS = 3  # in each round
# How the consumer follows, and how the servers do among themselves.
WAYS = {
    "mysql97 by GTID": ({"auto_position": True}, {"auto_position": True}),
    "mysql55 without GTIDs": (None, None),
    "mariadb10 by GTID": ({"slave_pos": True}, {"slave_pos": True}),
    "mariadb10 by position": (None, {"slave_pos": True}),
}


class Pair:
    """Two servers, of which one is written to and the other one is its replica, and a relay."""

    def __init__(self, scene, kind, how):
        self.how = how
        self.servers = {name: scene.server(kind, max_binlog_size=65536) for name in "ab"}
        self.active, self.standby = "a", "b"
        self.next = 1
        self.first = self.primary.binlogs()[0].name
        self.replicate()
        self.relay = scene.relay(self.primary, start=False, publish="d")
        for name, server in self.servers.items():
            self.relay.settings[f"source {name}"] = {
                "host": server.host, "port": server.port, "user": REPL[0], "password": REPL[1],
                "server_id": self.relay.port}
        self.relay.start()
        self.primary.sql("CREATE DATABASE d; CREATE TABLE d.t (n INT PRIMARY KEY, v TEXT)")

    @property
    def primary(self):
        return self.servers[self.active]

    def replicate(self):
        standby = self.servers[self.standby]
        if standby.kind.is_mariadb and self.next > 1:
            standby.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos")
        file, pos = self.primary.position()
        standby.make_replica_of(self.primary.host, self.primary.port, *REPL,
                                **(self.how or {"file": file, "pos": pos}))

    def write(self, count):
        for _ in range(count):
            self.primary.sql("INSERT INTO d.t VALUES (%s, REPEAT('v', %s))",
                             (self.next, self.next * 977 % 30000))
            self.next += 1

    def promote(self):
        """The standby becomes the primary, and the other way round; the relay does not know."""
        standby = self.servers[self.standby]
        standby.wait_for(self.primary)
        standby.stop_replica()
        standby.reset_replica()
        self.active, self.standby = self.standby, self.active
        self.replicate()


def switch(relay, name):
    return subprocess.Popen([program("binrelay"), "--config", relay.config, "switch", name],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def switch_and_kill(pair, moments):
    """At the latest the last attempt gets through."""
    for kill in range(KILLS + 1):
        command = switch(pair.relay, pair.active)
        if kill == KILLS:
            output = command.communicate(timeout=60)[0].decode()
            if command.returncode and "followed already" not in output:
                raise Failure(f"switch {pair.active}: {output}", pair.relay.tail())
            return
        time.sleep(moments.choice((0.02, 0.1, 0.3)) * moments.random() * 2)
        pair.relay.kill9()
        command.communicate(timeout=60)
        pair.write(moments.randrange(3))
        pair.relay.launch().wait_answers()


def published(relay):
    return [event["value"]["after"]["n"] for event in relay.events()
            if event["topic"].endswith(".t") and event["value"] is not None]


@each(*WAYS)
@limit(900)
def test_kill_9_at_any_moment_of_a_switch(scene, way):
    """There and back between two servers: replica and published file have each row once, in order."""
    kind = way.split()[0]
    how, among = WAYS[way]
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed} ROUNDS={ROUNDS}")
    moments = random.Random(seed)
    pair = Pair(scene, kind, among)
    replica = scene.server(kind)
    replica.make_replica_of(pair.relay.host, pair.relay.port, *REPL, heartbeat_period=1,
                            **(how or {"file": pair.first}))
    for _ in range(ROUNDS):
        pair.write(1 + moments.randrange(20))
        pair.relay.wait_status(lambda s: s["channels"][0]["state"] == "following")
        if moments.random() < 0.5:
            pair.primary.flush_binlog()
        pair.promote()
        pair.write(moments.randrange(3))
        switch_and_kill(pair, moments)
        pair.write(1)
    last = pair.next - 1

    def has_all():
        status = replica.replica_status()
        if "No" in (status["io_running"], status["sql_running"]):
            raise Failure(f"the replica has stopped: {status}", pair.relay.tail())
        return replica.sql("SELECT MAX(n) FROM d.t")[0][0] == last

    wait.until(has_all, 60, lambda: f"the replica to have {last}: {replica.replica_status()}"
               f"\n{pair.relay.tail()}")
    assert replica.table_checksums("d") == pair.primary.table_checksums("d")
    wait.until(lambda: len(published(pair.relay)) >= last, 60,
               lambda: f"{last} published, there are {len(published(pair.relay))}")
    assert published(pair.relay) == list(range(1, last + 1))
    pair.relay.stop()
    pair.relay.cli("verify")
