"""Load, kills of primaries, standbys, replicas and the relay, promotions and switches, by a seed."""

import os
import random
import time

from lib.marks import each, limit
from lib.switching import Stage, also, promote

ROUNDS = int(os.environ.get("ROUNDS", "5"))
NAMES = ("a", "b", "c")


def transactions(server):
    """How many its GTIDs stand for."""
    if server.kind.is_mariadb:
        return sum(int(gtid.rpartition("-")[2]) for gtid in server.gtids().split(",") if gtid)
    ranges = [part.split("-") for ids in server.gtids().split(",") for part in ids.split(":")[1:]]
    return sum(int(ids[-1]) - int(ids[0]) + 1 for ids in ranges)


class Trial:
    """One stage with three servers; each round does one thing to it under load."""

    ACTIONS = {"planned": 3, "kill_primary": 3, "kill_relay": 2, "kill_relay_in_switch": 2,
               "kill_standby": 1, "kill_replica": 1, "large": 1, "crash_primary": 1}

    def __init__(self, scene, pair, seed):
        self.dice = random.Random(seed)
        self.stage = Stage(
            scene, pair, standbys=2, consumers=("file", "gtid", "publisher"),
            servers={"relay_log_recovery": "ON"},
            # At 5.7 neither DDL nor XA is safe against a crash. A replica of MariaDB's that dies in
            # DDL logs it at its next start with a GTID of its own, and stops at its source's.
            load={"spices": ("equal", "rotate") + (("ddl", "xa") if pair == "mysql97" else ()),
                  "seed": seed, "pause_s": 0.004})
        self.load = self.stage.load

    def round(self, number):
        action = self.dice.choices(list(self.ACTIONS), self.ACTIONS.values())[0]
        print(f"{number}: {action}, {self.stage.active} is the primary", flush=True)
        time.sleep(self.dice.random() * 0.5)
        getattr(self, action)()
        self.load.wait_more(self.dice.randrange(5, 40))

    def _standbys(self):
        names = [name for name in NAMES if name != self.stage.active]
        self.dice.shuffle(names)
        return names

    def _follow(self, names):
        for name in names:
            self.stage.rejoin(name)

    def planned(self):
        target, other = self._standbys()
        old = self.stage.active
        self.stage.planned(target)
        self._follow((other, old))

    def kill_primary(self):
        """The standby that has the most is promoted; the dead one may have got what nobody else has, so
        it comes back as a copy."""
        dead, standbys = self.stage.active, self._standbys()
        self.stage.primary.kill9()
        for name in standbys:
            promote(self.stage.servers[name])
        target, other = sorted(standbys, key=lambda name: transactions(self.stage.servers[name]),
                               reverse=True)
        self.stage.fail_over_to(target)
        self.stage.rejoin(other)
        self.load.wait_more(5)
        self.stage.servers[other].wait_for(self.stage.primary)
        self.stage.rebuild(dead, other)

    def kill_relay(self):
        self.stage.relay.kill9()
        time.sleep(self.dice.random() * 0.3)
        self.stage.relay.launch()
        self.stage.wait_operator()

    def kill_relay_in_switch(self):
        target, other = self._standbys()
        old = self.stage.active
        self.stage.planned_with_kill(target, self.dice.random() * self.dice.choice((0.02, 0.2, 0.6)))
        self._follow((other, old))

    def kill_standby(self):
        name = self._standbys()[0]
        self.stage.servers[name].kill9()
        time.sleep(self.dice.random() * 0.3)
        self.stage.servers[name].start()

    def kill_replica(self):
        """By position a MariaDB replica is not safe against a crash, at any server."""
        way = "gtid" if self.stage.primary.kind.is_mariadb else self.dice.choice(("file", "gtid"))
        server = self.stage.consumer(f"by {way}").server
        server.kill9()
        server.start()

    def large(self):
        self.load.large(self.dice.randrange(1 << 20, 12 << 20))

    def crash_primary(self):
        """It is back before anybody thinks of a switch."""
        self.stage.primary.kill9()
        self.stage.primary.start()


@each("mysql57", "mariadb10", *also("mysql97"))
@limit(150 + 20 * ROUNDS)
def test_random_switchovers(scene, pair):
    """Whatever happens in whatever order: each consumer has each transaction once, in order."""
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed} ROUNDS={ROUNDS}", flush=True)
    trial = Trial(scene, pair, seed)
    with trial.load as load:
        load.wait_more(20)
        for number in range(1, ROUNDS + 1):
            trial.round(number)
            if number % 10 == 0:
                with load.paused():
                    trial.stage.verdict()
        trial.stage.finish(timeout_s=120)
    trial.stage.verify()
