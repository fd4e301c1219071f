"""How much later than on a connection of its own a transaction comes to each of many consumers.

Two things bound it from below, and are measured beside it: the disk, since nothing is shown before
it is synced (a relay with `sync = os` waits for none), and the machine's own network, on which each
of a thousand consumers takes a packet and its acknowledgement (a program that does nothing but pass
the source's stream on).
"""

import json
import subprocess
import time

from lib import relay as relays, wait
from lib.errors import Failure
from lib.servers import REPL

import commit
import load
import measure

STREAMS = 1000
LOOPS = 2
COMMITS = 6_000
WARM_UP = 500
ROUNDS = 1
SYNCS = 200
IDLE_S = 3
SETTLE_S = 60
GOAL_MEDIAN_MS, GOAL_P99_MS, GOAL_MIB, GOAL_IDLE = 2.0, 20.0, 128, 0.01


class Fanout:
    """peers/fanout: the source's stream, passed on to many connections and nothing else."""

    def __init__(self, scene, server, streams, place):
        file, position = place
        self.process = scene.process(f"fanout-{position}", relays.program("peers/fanout"), "--user", REPL[0],
                                     "--password", REPL[1], "--port", server.port, "--file", file,
                                     "--position", position, "--streams", streams,
                                     "--threads", LOOPS)
        self.pid = self.process.pid
        wait.until(self._listens, SETTLE_S, "the fan-out's start")

    def _listens(self):
        self.process.must_run()
        said = self.process.log.read_text(encoding="ascii")
        self.port = int(said.split()[-1]) if said.endswith("\n") else 0
        return self.port != 0

    def stop(self):
        self.process.kill9()


class Crowd:
    """peers/crowd: one stream from the source, many from elsewhere, read by one thread."""

    def __init__(self, scene, server, many, streams, transactions, seconds, place):
        file, position = place
        argv = [relays.program("peers/crowd"), "--user", REPL[0], "--password", REPL[1],
                "--port", many.port, "--direct", server.port, "--file", file,
                "--position", position, "--streams", streams, "--transactions", transactions,
                "--seconds", seconds, *(["--bare"] if isinstance(many, Fanout) else [])]
        self._log = open(scene.path("crowd.log"), "w+", encoding="utf-8")
        self._child = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=self._log, text=True)
        if self._child.stdout.readline() != "attached\n":
            self._fail()

    def _fail(self):
        self._child.kill()
        self._child.wait()
        self._log.seek(0)
        raise Failure(f"the consumers failed: {self._log.read()[-500:]}")

    def result(self):
        said = self._child.stdout.read()
        if self._child.wait() != 0 or not said:
            self._fail()
        self._log.close()
        return json.loads(said)


def measure_once(scene, server, many, place, *, streams, count, rate):
    """One round of consumers of `many`, the relay or what stands in for it."""
    crowd = Crowd(scene, server, many, streams, WARM_UP + count,
                  IDLE_S + 2 * (WARM_UP + count) // rate + SETTLE_S, place)
    time.sleep(1)
    before, begin = measure.cpu_seconds(many.pid), time.monotonic()
    time.sleep(IDLE_S)
    idle = (measure.cpu_seconds(many.pid) - before) / (time.monotonic() - begin)
    before = measure.cpu_seconds(many.pid)
    times = commit.commit_at_rate(server, WARM_UP + count, rate)
    taken_s = times[-1][1] - times[0][0]
    got = crowd.result()
    if got["behind"]:
        raise Failure(f"{got['behind']} of {streams} consumers did not get everything in time",
                      scene.tails())
    return got | {"idle_core": idle, "rate": len(times) / taken_s,
                  "cpu_core": (measure.cpu_seconds(many.pid) - before) / taken_s,
                  "reader_core": got["cpu_s"] / taken_s}


def middle(runs):
    """Of each number by itself."""
    return {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}


def relay_of(scene, server, streams, sync):
    return scene.relay(server, start=False, settings={
        "source a": {"tls": "off"}, "relay": {"loops": LOOPS, "sync": sync},
        "listener": {"max_sessions": streams + 100}})


def measure_latency(scene, kind_name, *, streams, count, rate, rounds):
    server = scene.server(kind_name, **load.OPTIONS)
    load.prepare(server)
    how = {"streams": streams, "count": count, "rate": rate}
    relays_by = {"by binrelay": relay_of(scene, server, streams, "commit"),
                 "by binrelay, not synced": relay_of(scene, server, streams, "os")}
    runs = {name: [] for name in (*relays_by, "by a bare fan-out")}
    memory_mib, syncs = 0, []
    for _ in range(rounds):
        syncs += commit.sync_times(scene.folder, SYNCS, commit.PROBE_BYTES)
        for name, relay in relays_by.items():
            relay.start()
            relay.wait_caught_up(server)
            runs[name].append(measure_once(scene, server, relay, server.position(), **how))
            memory_mib = max(memory_mib, relay.memory_kib() / 1024)
            relay.stop()
        place = server.position()
        fanout = Fanout(scene, server, streams, place)
        runs["by a bare fan-out"].append(measure_once(scene, server, fanout, place, **how))
        fanout.stop()
    middles = {name: middle(some) for name, some in runs.items()}
    at, unsynced, floor = middles.values()
    return {
        "release": server.kind.release, "streams": streams, "commits": count,
        "rate": at["rate"], "runs": runs,
        "delays_ms": {name: {"median": run["median_ms"], "p99": run["p99_ms"]}
                      for name, run in middles.items()}
        | {"a sync of the disk, alone": commit.quantiles_ms(syncs)},
        "goals": [("median delay beyond a direct stream's, ms", at["median_ms"],
                   GOAL_MEDIAN_MS, False),
                  ("99th percentile of it, ms", at["p99_ms"], GOAL_P99_MS, False),
                  ("median beyond the bare fan-out's, ms",
                   at["median_ms"] - floor["median_ms"], None, False),
                  ("99th percentile beyond the bare one's, ms",
                   at["p99_ms"] - floor["p99_ms"], None, False),
                  ("median without the disk beyond the bare one's, ms",
                   unsynced["median_ms"] - floor["median_ms"], None, False),
                  ("99th percentile without the disk beyond it, ms",
                   unsynced["p99_ms"] - floor["p99_ms"], None, False),
                  ("memory of the daemon, MiB", memory_mib, GOAL_MIB, False),
                  ("cores while idle", at["idle_core"], GOAL_IDLE, False),
                  ("cores while following", at["cpu_core"], None, False),
                  ("cores of the bare fan-out", floor["cpu_core"], None, False),
                  ("cores of all consumers together", at["reader_core"], None, False),
                  ("commits a second", at["rate"], None, True)],
    }
