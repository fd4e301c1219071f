"""Several channels in one daemon: each with its own source, store and consumers."""

import fcntl
import json
import subprocess

import pymysql

from lib import wait
from lib.disk import small_disk
from lib.errors import Failure
from lib.ports import Port
from lib.relay import program
from lib.servers import REPL, run_sql

SEMI_SYNC = {"plugin_load_add": "semisync_source.so", "rpl_semi_sync_source_enabled": "ON",
             "rpl_semi_sync_source_timeout": 1000000000,
             "rpl_semi_sync_source_wait_no_replica": "ON"}


def two_channels(scene, one, two, **more):
    """A relay with channels `one` and `two`, each with a listener; users with and without channel.

    The plain listener has no channel. Gives the relay and the ports of the other two.
    """
    ports = {name: Port() for name in ("one", "two")}
    for port in ports.values():
        scene.finally_do(port.release)
    account = {"user": REPL[0], "password": REPL[1]}
    settings = {
        "channel one": {}, "channel two": {},
        "source a": {"channel": "one"},
        "source b": {"channel": "two", "host": two.host, "port": two.port, "server_id": 77,
                     "retry_max": 1, **account},
        **{f"listener {name}": {"address": "127.0.0.1", "port": port.number, "channel": name}
           for name, port in ports.items()},
        **{f"user at_{name}": {"password": "pw", "channel": name} for name in ports},
        "user dbz": {"channel": "one"},
    }
    for section, keys in more.items():
        settings[section] = settings.get(section, {}) | keys
    relay = scene.relay(one, start=False, settings=settings)
    return relay, {name: port.number for name, port in ports.items()}


def start(relay):
    """With the user of one channel, since the plain one has none."""
    relay.connect = lambda user="at_one", password="pw", **more: pymysql.connect(
        **{"host": relay.host, "port": relay.port, "user": user, "password": password, **more})
    return relay.start()


def caught_up(relay, name, server):
    """Until the channel shows what the server has."""
    def reached():
        end = relay.channel(name)["published"]
        return end and (end["file"], end["offset"]) == server.position()

    wait.until(reached, 30, lambda: f"channel {name} to have {server.position()}: "
               f"{relay.channel(name)}")


def refused(relay, **login):
    """The sentence of a login that is refused."""
    try:
        relay.connect(**login).close()
    except pymysql.err.OperationalError as error:
        assert error.args[0] in (1040, 1045), error
        return error.args[1]
    raise Failure(f"{login} was let in")


def misused(relay, *words):
    done = subprocess.run([program("binrelay"), "--config", relay.config, *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=30)
    return done.returncode, done.stderr


def test_consumers_choose_by_user_and_by_port(scene):
    """A MySQL and a MariaDB channel: real replicas of both, semi-sync for one, each command for one."""
    mysql = scene.server("mysql97", **SEMI_SYNC)
    mariadb = scene.server("mariadb10")
    relay, ports = two_channels(scene, mysql, mariadb,
                                **{"source a": {"semi_sync": "on"},
                                   "channel two": {"keep_bytes": "100K"}})
    start(relay)
    for server in (mysql, mariadb):
        server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT);"
                   "INSERT INTO d.t VALUES (1, 'x')")
    # Each is told what is its own, whichever way it came.
    for login, family in ((("at_one", relay.port), False), (("at_two", relay.port), True),
                          ((REPL[0], ports["one"]), False), ((REPL[0], ports["two"]), True)):
        password = REPL[1] if login[0] == REPL[0] else "pw"
        with relay.connect(user=login[0], password=password, port=login[1]) as connection:
            version = run_sql(connection, "SELECT VERSION()")[0][0]
            assert ("MariaDB" in version) == family, (login, version)
    replicas = [scene.server("mysql97"), scene.server("mariadb10")]
    replicas[0].make_replica_of(relay.host, relay.port, "at_one", "pw", auto_position=True)
    replicas[1].make_replica_of(relay.host, ports["two"], *REPL, slave_pos=True)
    for server, replica in zip((mysql, mariadb), replicas):
        server.sql("INSERT INTO d.t VALUES (2, 'y')")
        replica.wait_for(server, timeout_s=30)
        assert replica.table_checksums("d") == server.table_checksums("d")
    assert relay.channel("one")["source"]["semi_sync"] == "on", relay.channel("one")
    assert relay.channel("two")["source"]["semi_sync"] == "off", relay.channel("two")
    sessions = {(s["user"], s["channel"]) for s in relay.status()["sessions"]}
    assert sessions == {("at_one", "one"), (REPL[0], "two")}, sessions

    said = refused(relay, port=ports["two"])
    assert "channel is 'one'" in said and "port serves channel 'two'" in said, said
    assert "neither this user nor this port" in refused(relay, user=REPL[0], password=REPL[1])

    # A MariaDB replica also where it was greeted as by MySQL.
    replicas[1].stop_replica()
    replicas[1].make_replica_of(relay.host, relay.port, "at_two", "pw", slave_pos=True)
    mariadb.sql("INSERT INTO d.t VALUES (3, 'z')")
    replicas[1].wait_for(mariadb, timeout_s=30)

    text = relay.cli("status")
    for expected in ("channel     one, following", "channel     two, following", "at_one"):
        assert expected in text, text
    one = json.loads(relay.cli("status", "--channel", "one", "--json"))
    assert one["source"]["name"] == "a" and len(one["channels"]) == 1, one
    for words in (("files",), ("map", "binlog.000001:4"), ("tail",), ("verify",),
                  ("purge", "--before", "x")):
        code, said = misused(relay, *words)
        assert code == 2 and "one, two" in said and "--channel" in said, (words, said)
        code, said = misused(relay, "--channel", "three", *words)
        assert code == 1 and "no channel 'three'" in said, (words, said)
    for name, server in (("one", mysql), ("two", mariadb)):
        caught_up(relay, name, server)
        file, offset = server.position()
        held = [json.loads(line) for line in relay.cli("files", "--channel", name,
                                                       "--json").splitlines()]
        assert held[-1]["source"] == ("a" if name == "one" else "b"), held
        place = json.loads(relay.cli("map", f"{file}:{offset}", "--channel", name, "--json"))
        assert place["gtids"] == server.gtids(), place
        changes = relay.cli("tail", "--channel", name, "--from", "oldest", "--count", 1)
        assert "d.t  id=1" in changes, changes
        assert "all is well" in relay.cli("verify", "--channel", name)
        beside = subprocess.run([program("binrelay"), "--data", relay.data / name, "verify"],
                                capture_output=True, text=True, check=True, timeout=30)
        assert "all is well" in beside.stdout, beside

    told = [json.loads(line) for line in relay.cli("consumers", "--json").splitlines()]
    assert {c["channel"] for c in told} == {"one", "two"}, told
    # The limit of one channel is not the other's.
    for name, replica in zip(("one", "two"), replicas):
        replica.stop_replica()
        consumers = lambda: [json.loads(line) for line in relay.cli(
            "consumers", "--channel", name, "--json").splitlines()]
        wait.until(lambda: not any(c["connected"] for c in consumers()), 20, "them to be away")
        for consumer in consumers():
            relay.cli("consumers", "--channel", name, "--forget", consumer["name"])
    for server in (mysql, mariadb):
        for number in range(10, 14):
            server.sql(f"INSERT INTO d.t VALUES ({number}, REPEAT('x', 50000))")
            server.flush_binlog()
    caught_up(relay, "one", mysql)
    wait.until(lambda: relay.channel("two")["store"]["files"] < 4, 30,
               lambda: f"old files to go: {relay.channel('two')['store']}")
    assert relay.channel("one")["store"]["files"] == len(mysql.binlogs()), relay.channel("one")
    relay.cli("purge", "--channel", "one", "--before", mysql.binlogs()[2].name)
    assert relay.channel("one")["store"]["files"] == len(mysql.binlogs()) - 2


def test_a_channel_that_fails_leaves_the_others_alone(scene):
    """Dead source, fork, full disk, locked or damaged folder: said for one channel; the other serves."""
    one, two = scene.server("mariadb10"), scene.server("mariadb10")
    relay, ports = two_channels(scene, one, two, **{"channel two": {"reserve": "10M"}})
    disk = scene.path("small")
    small = small_disk(disk, "20m")
    small.__enter__()
    scene.finally_do(small.__exit__, None, None, None)
    (disk / "two").mkdir()
    relay.data.mkdir()
    (relay.data / "two").symlink_to(disk / "two")
    start(relay)
    one.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    replica = scene.server("mariadb10")
    replica.make_replica_of(relay.host, ports["one"], *REPL, slave_pos=True)
    numbers = iter(range(1, 100))

    def one_goes_on(state, sentence):
        wait.until(lambda: relay.channel("two")["state"] == state
                   and sentence in str(relay.channel("two")["problem"]), 30,
                   lambda: f"{state}, {sentence}: {relay.channel('two')}")
        one.sql(f"INSERT INTO d.t VALUES ({next(numbers)})")
        replica.wait_for(one, timeout_s=30)
        assert relay.channel("one")["state"] == "following"

    two.stop()
    one_goes_on("waiting", "Can't connect")
    two.start()
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(12 * 1024 * 1024))
    two.sql("CREATE DATABASE e")
    one_goes_on("waiting", "reserve")
    ballast.unlink()
    one_goes_on("following", "")
    two.sql("RESET MASTER")
    one_goes_on("stopped", "")
    # What is held of it is still served.
    relay.connect(user="at_two").close()

    relay.stop()
    with open(relay.data / "two" / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        start(relay)
        one_goes_on("failed", "in use by another binrelayd")
        said = refused(relay, port=ports["two"], user=REPL[0], password=REPL[1])
        assert "could not open this channel" in said, said
        assert "channel 'two'" in refused(relay, user="at_two")
        code, said = misused(relay, "--channel", "two", "map", "x.000001:4")
        assert code == 1, said
        relay.stop()
    (relay.data / "two" / "catalog.db").write_bytes(b"nonsense" * 1000)
    start(relay)
    one_goes_on("failed", "catalog")
    assert "failed" in relay.cli("status") and "catalog" in relay.cli("status")

    relay.stop()
    (relay.data / "two").unlink()
    (relay.data / "two").write_text("no folder")
    start(relay)
    one_goes_on("failed", "two")
    code, said = misused(relay, "files")
    assert code == 1 and "one, two" in said, said

    # Two daemons can't share the folder around the channels; the only channel's trouble is fatal.
    other = subprocess.run([program("binrelayd"), relay.config], capture_output=True, text=True,
                           check=False, timeout=30)
    assert other.returncode == 1 and "in use by another binrelayd" in other.stderr, other
    relay.stop()
    (relay.data / "one" / "catalog.db").write_bytes(b"nonsense" * 1000)
    both = subprocess.run([program("binrelayd"), relay.config], capture_output=True, text=True,
                          check=False, timeout=30)
    assert both.returncode == 2 and "could not start" in both.stderr, both
