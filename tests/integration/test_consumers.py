"""Consumers are remembered, and what they have not got is held for them while they are away."""

import json
import time

from lib import wait
from lib.disk import small_disk
from lib.errors import Failure
from lib.marks import each
from lib.servers import REPL

TABLE = "CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)"
WAYS = ("mysql97 auto_position", "mariadb10 file")


def write(source, relay, files):
    """So many closed binlogs of one transaction of about 50 KB each."""
    for _ in range(files):
        source.sql("INSERT INTO d.t (v) VALUES (REPEAT('x', 50000))")
        source.flush_binlog()
    relay.wait_caught_up(source)


def attach(replica, relay, way, source):
    file = source.binlogs()[0].name if way == "file" else None
    replica.make_replica_of(relay.host, relay.port, *REPL, file=file,
                            **({} if file else {way: True}))


def consumers(relay):
    return [json.loads(line) for line in relay.cli("consumers", "--json").splitlines()]


def consumer(relay):
    all_of_them = consumers(relay)
    if len(all_of_them) != 1:
        raise Failure(f"not one consumer: {all_of_them}")
    return all_of_them[0]


def wait_consumer(relay, condition):
    return wait.until(lambda: condition(consumer(relay)), 30, lambda: f"it is {consumers(relay)}")


def held(relay):
    return [path.name for path in relay.files()]


@each(*WAYS)
def test_files_are_held_for_who_is_away(scene, kind_and_way):
    """Lags are told; nothing it needs goes, also over a kill -9 of the relay, until it is forgotten."""
    kind, way = kind_and_way.split()
    source, replica = scene.server(kind), scene.server(kind)
    source.sql(TABLE)
    relay = scene.relay(source, settings={"relay": {"keep_bytes": "1K"}})
    attach(replica, relay, way, source)
    replica.wait_for(source)
    wait_consumer(relay, lambda c: c["connected"] and c["lag_bytes"] == c["lag_s"] == 0)
    told = consumer(relay)
    assert told["user"] == REPL[0] and told["address"] == "127.0.0.1", told
    assert told["server_id"] == replica.variable("server_id"), told
    assert told["lag_transactions"] == 0 and told["hold"]["state"] == "kept", told
    assert told["hold"]["away_limit_s"] == 7 * 86400, told
    assert told["name"] == (f"{REPL[0]}/{replica.variable('server_id')}" if source.kind.is_mariadb
                            else replica.uuid), told
    replica.stop_replica()
    wait_consumer(relay, lambda c: not c["connected"])
    first = consumer(relay)["hold"]["file"]
    # Who only reads once and goes is not remembered, and holds nothing.
    source.run("binlog", "--read-from-remote-server", f"--host={relay.host}",
               f"--port={relay.port}", f"--user={REPL[0]}", f"--password={REPL[1]}",
               source.binlogs()[0].name)
    write(source, relay, 5)
    told = consumer(relay)
    assert told["lag_transactions"] == 5 and told["lag_bytes"] > 250000, told
    assert told["lag_s"] < 60 and told["hold"]["bytes"] > 250000, told
    text = relay.cli("consumers")
    assert told["name"] in text and "away for" in text and "of hold_away" in text, text
    relay.kill9()
    relay.start()
    told = consumer(relay)
    assert not told["connected"] and told["hold"]["file"] == first, told
    purge = json.loads(relay.cli("purge", "--before", held(relay)[-1], "--json"))
    assert purge["held"] and first in held(relay), (purge, held(relay))
    replica.start_replica()
    replica.wait_for(source)
    assert replica.table_checksums("d") == source.table_checksums("d")
    replica.stop_replica()
    wait_consumer(relay, lambda c: not c["connected"])
    relay.cli("consumers", "--forget", told["name"])
    assert consumers(relay) == [] and "nobody" in relay.cli("consumers")
    wait.until(lambda: len(held(relay)) == 1, 30, lambda: f"all to go: {held(relay)}")


def test_a_hold_has_its_limits(scene):
    """hold_bytes ends a hold with a warning before it; after hold_away a consumer is forgotten."""
    source, replica = scene.server("mariadb10"), scene.server("mariadb10")
    source.sql(TABLE)
    relay = scene.relay(source, settings={
        "relay": {"keep_bytes": "1K", "hold_bytes": "300K", "hold_away": "20s"}})
    attach(replica, relay, "slave_pos", source)
    replica.wait_for(source)
    replica.stop_replica()
    wait_consumer(relay, lambda c: not c["connected"])
    first = consumer(relay)["hold"]["file"]
    write(source, relay, 5)
    told = consumer(relay)
    assert told["hold"]["limit"] == "hold_bytes" and told["hold"]["used_percent"] > 80, told
    wait.until(lambda: "of its hold_bytes" in relay.log_text(), 20, "the warning that it is near")
    assert first in held(relay), held(relay)
    write(source, relay, 3)
    wait.until(lambda: first not in held(relay), 20, lambda: f"the held file to go: {held(relay)}")
    assert "no files are held for it any more" in relay.log_text()
    wait.until(lambda: consumers(relay) == [], 40, lambda: f"it to be forgotten: {consumers(relay)}")
    assert "longer than hold_away" in relay.log_text()


def test_who_is_away_does_not_fill_the_disk(scene):
    """With less room than twice the reserve its files go, long before nothing can be received."""
    source, replica = scene.server("mariadb10"), scene.server("mariadb10")
    source.sql(TABLE)
    with small_disk(scene.path("small"), "40m") as disk:
        relay = scene.relay(source, settings={
            "relay": {"data": disk / "data", "keep_bytes": "1K", "reserve": "10M"}})
        relay.data = disk / "data"
        attach(replica, relay, "slave_pos", source)
        replica.wait_for(source)
        replica.stop_replica()
        wait_consumer(relay, lambda c: not c["connected"])
        first = consumer(relay)["hold"]["file"]
        write(source, relay, 2)
        time.sleep(11)  # A round of the retention: the file stays.
        assert first in held(relay), held(relay)
        (disk / "ballast").write_bytes(bytes(22 * 1024 * 1024))
        wait.until(lambda: first not in held(relay), 20, lambda: f"it to go: {held(relay)}")
        write(source, relay, 1)
        relay.stop()
