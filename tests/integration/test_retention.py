"""Old binlogs are forgotten by the limits, whole and oldest first, but not what a consumer needs."""

import json

from lib import wait
from lib.disk import small_disk
from lib.errors import Failure
from lib.servers import REPL


def filled(scene, relay_settings, rounds=6, **options):
    """A source with several closed binlogs of about 50 KB, all of them in the relay."""
    source = scene.server("mariadb10")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)")
    relay = scene.relay(source, settings={"relay": relay_settings}, **options)
    for _ in range(rounds):
        source.sql("INSERT INTO d.t (v) VALUES (REPEAT('x', 50000))")
        source.flush_binlog()
    relay.wait_caught_up(source)
    return source, relay


def names(relay):
    return [path.name for path in relay.files()]


def test_the_oldest_go_when_there_is_too_much(scene):
    """keep_bytes: the oldest files go; a place in them is answered with 1236; the rest is served."""
    source, relay = filled(scene, {"keep_bytes": "170K"})
    held = [path.name for path in source.binlogs()]
    wait.until(lambda: sum(path.stat().st_size for path in relay.files()) <= 170 * 1024, 30,
               lambda: f"old files to go, there are {names(relay)}")
    left = names(relay)
    if left != held[-len(left):] or len(left) not in (3, 4, 5):
        raise Failure(f"of {held} are left {left}")
    address = (f"--host={relay.host}", f"--port={relay.port}", f"--user={REPL[0]}",
               f"--password={REPL[1]}", "--read-from-remote-server")
    source.run("binlog", *address, left[0])
    try:
        source.run("binlog", *address, held[0])
    except Failure as refused:
        if "could not find first log file" not in f"{refused} {refused.details}".lower():
            raise
    else:
        raise Failure("a forgotten file was served")
    relay.restart()
    relay.cli("verify")


def test_a_publisher_holds_what_it_needs(scene):
    """Files that a publisher has not read stay, whatever the limits say."""
    folder = scene.path("not-there-yet")
    source, relay = filled(scene, {"keep_bytes": "1K"}, publish="d")
    wait.until(lambda: len(names(relay)) == 1, 30, lambda: f"all read files to go: {names(relay)}")
    # An output that can't be written holds the publisher, and it holds the files.
    relay.stop()
    relay.settings["publisher late"] = {"sink": "file", "path": folder / "out.jsonl",
                                        "topic.prefix": "late"}
    relay.start()
    for _ in range(3):
        source.sql("INSERT INTO d.t (v) VALUES (REPEAT('y', 50000))")
        source.flush_binlog()
    relay.wait_caught_up(source)
    said = json.loads(relay.cli("purge", "--before", names(relay)[-1], "--dry-run", "--json"))
    if not said["held"] or said["files"] != 0:
        raise Failure(f"the held files would go: {said}")


def test_purge_by_hand(scene):
    """binrelay purge --before FILE tells with --dry-run what it would do, and does it."""
    source, relay = filled(scene, {})
    all_of_them = names(relay)
    third = all_of_them[2]
    said = json.loads(relay.cli("purge", "--before", third, "--dry-run", "--json"))
    if said["files"] != 2 or said["keep_from"] != third or names(relay) != all_of_them:
        raise Failure(f"dry run: {said}, files {names(relay)}")
    print(relay.cli("purge", "--before", third))
    if names(relay) != all_of_them[2:]:
        raise Failure(f"after the purge there are {names(relay)}")
    relay.cli("purge", "--before", "2001-01-01 00:00:00")
    if names(relay) != all_of_them[2:]:
        raise Failure("a purge by an early time took something")
    replica = scene.server("mariadb10")
    replica.make_replica_of(relay.host, relay.port, *REPL, slave_pos=True)
    wait.until(lambda: "purged" in str(replica.replica_status()["io_error"]), 20,
               lambda: f"the replica to be refused: {replica.replica_status()}")
    relay.kill9()
    relay.start()
    if names(relay) != all_of_them[2:]:
        raise Failure("a restart brought something back")


def test_receiving_stops_at_the_reserve(scene):
    """With less room than the reserve nothing is received, it is said why; then it goes on by itself."""
    source = scene.server("mariadb10")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)")
    with small_disk(scene.path("small"), "20m") as disk:
        relay = scene.relay(source, settings={
            "relay": {"data": disk / "data", "reserve": "10M"}, "source a": {"retry_max": 2}})
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(12 * 1024 * 1024))
        source.sql("INSERT INTO d.t (v) VALUES (REPEAT('x', 50000))")
        wait.until(lambda: "reserve" in str(relay.status()["source"]["problem"]), 20,
                   lambda: f"the reserve to be said: {relay.status()['source']}")
        relay.connect().close()
        ballast.unlink()
        relay.wait_caught_up(source, timeout_s=30)
        relay.stop()
