"""Several sources of one channel: what the relay knows of each, and which one it follows."""

import json
import subprocess

from lib import wait
from lib.relay import program
from lib.servers import REPL


def candidate(server, port, **more):
    """A [source] section for it."""
    return {"host": server.host, "port": server.port, "user": REPL[0], "password": REPL[1],
            "server_id": port, **more}


def sources(relay):
    """binrelay sources --json, by name."""
    return {s["name"]: s for s in map(json.loads, relay.cli("sources", "--json").splitlines())}


def wait_source(relay, name, condition, timeout_s=40):
    return wait.until(lambda: condition(sources(relay)[name]), timeout_s,
                      lambda: f"'{name}' is\n{relay.cli('sources')}", pause_s=0.3)


def replicate(replica, source):
    replica.make_replica_of(source.host, source.port, *REPL,
                            auto_position=not source.kind.is_mariadb,
                            slave_pos=source.kind.is_mariadb)


def test_the_state_of_each_candidate_is_known(scene, kind_name="mysql97"):
    """Ready, behind, unreachable, unfit; and a new section counts after a reload."""
    a, b, c = (scene.server(kind_name) for _ in range(3))
    replicate(b, a)
    relay = scene.relay(a, start=False)
    relay.settings["source b"] = candidate(b, relay.port)
    relay.settings["source c"] = candidate(c, c.sql("SELECT @@server_id")[0][0])
    relay.start()
    a.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)")
    relay.wait_caught_up(a)
    wait_source(relay, "b", lambda s: s["state"] == "ready" and s["lacking"] == 0)
    said = sources(relay)
    assert list(said) == ["a", "b", "c"], said
    assert said["a"]["active"] and said["a"]["state"] == "active", said["a"]
    assert said["b"]["server_uuid"] == b.sql("SELECT @@server_uuid")[0][0], said["b"]
    assert said["b"]["replicates"] and not said["b"]["read_only"], said["b"]
    assert said["c"]["state"] == "unfit" and "server_id" in said["c"]["problem"], said["c"]

    b.stop_replica()
    b.sql("SET GLOBAL read_only = 1")
    a.sql("INSERT INTO d.t VALUES (2); INSERT INTO d.t VALUES (3)")
    relay.wait_caught_up(a)
    behind = wait_source(relay, "b", lambda s: s["state"] == "behind" and s)
    assert behind["lacking"] == 2 and behind["read_only"], behind
    assert "lacks 2 transactions" in relay.cli("sources"), relay.cli("sources")
    b.stop()
    wait_source(relay, "b", lambda s: s["state"] == "unreachable" and s["problem"])

    relay.settings["source d"] = candidate(c, relay.port)
    del relay.settings["source c"]
    relay.write_config()
    reload = subprocess.run([program("binrelay"), "--config", relay.config, "--json", "reload"],
                            capture_output=True, text=True, check=True, timeout=30)
    said = json.loads(reload.stdout)
    assert set(said["changed"]) == {"[source d] (new)", "[source c] (gone)"}, said
    assert said["needs_restart"] == [], said
    wait_source(relay, "d", lambda s: s["answers"])
    assert list(sources(relay)) == ["a", "b", "d"]
    assert relay.status()["source"]["reconnects"] == 0, "its settings are the same"
