"""How much later than on a connection of its own a transaction comes to each of many consumers."""

import json
import subprocess
import time

from lib import relay as relays
from lib.errors import Failure
from lib.servers import REPL

import commit
import load
import measure

STREAMS = 1000
COMMITS = 10_000
WARM_UP = 500
IDLE_S = 3
SETTLE_S = 60
GOAL_MEDIAN_MS, GOAL_P99_MS, GOAL_MIB, GOAL_IDLE = 2.0, 20.0, 128, 0.01


class Crowd:
    """peers/crowd: one stream from the source, many from the relay, read by one thread."""

    def __init__(self, scene, server, relay, streams, transactions, seconds):
        file, position = server.position()
        argv = [relays.program("peers/crowd"), "--user", REPL[0], "--password", REPL[1],
                "--port", relay.port, "--direct", server.port, "--file", file,
                "--position", position, "--streams", streams, "--transactions", transactions,
                "--seconds", seconds]
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


def measure_once(scene, server, relay, *, streams, count, rate):
    crowd = Crowd(scene, server, relay, streams, WARM_UP + count,
                  IDLE_S + 2 * (WARM_UP + count) // rate + SETTLE_S)
    time.sleep(1)
    before, begin = measure.cpu_seconds(relay.pid), time.monotonic()
    time.sleep(IDLE_S)
    idle = (measure.cpu_seconds(relay.pid) - before) / (time.monotonic() - begin)
    before = measure.cpu_seconds(relay.pid)
    times = commit.commit_at_rate(server, WARM_UP + count, rate)
    taken_s = times[-1][1] - times[0][0]
    got = crowd.result()
    if got["behind"]:
        raise Failure(f"{got['behind']} of {streams} consumers did not get everything in time",
                      relay.tail())
    return got | {"idle_core": idle, "rate": len(times) / taken_s,
                  "cpu_core": (measure.cpu_seconds(relay.pid) - before) / taken_s}


def measure_latency(scene, kind_name, *, streams, count, rate, rounds):
    server = scene.server(kind_name, **load.OPTIONS)
    load.prepare(server)
    relay = scene.relay(server, settings={"source a": {"tls": "off"}, "relay": {"loops": 2},
                                          "listener": {"max_sessions": streams + 100}})
    runs = []
    for _ in range(rounds):
        relay.wait_caught_up(server)
        runs.append(measure_once(scene, server, relay, streams=streams, count=count, rate=rate))
    memory_mib = relay.memory_kib() / 1024
    relay.stop()
    middle = {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}
    return {
        "release": server.kind.release, "streams": streams, "commits": count,
        "rate": middle["rate"], "runs": runs,
        "goals": [("median delay beyond a direct stream's, ms", middle["median_ms"],
                   GOAL_MEDIAN_MS, False),
                  ("99th percentile of it, ms", middle["p99_ms"], GOAL_P99_MS, False),
                  ("memory of the daemon, MiB", memory_mib, GOAL_MIB, False),
                  ("cores while idle", middle["idle_core"], GOAL_IDLE, False),
                  ("cores while following", middle["cpu_core"], None, False),
                  ("commits a second", middle["rate"], None, True)],
    }
