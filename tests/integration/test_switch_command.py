"""binrelay switch: what it says, what it does, and what it refuses."""

import json
import subprocess
import threading

import pymysql

from lib import wait
from lib.errors import Failure
from lib.marks import each, limit
from lib.relay import program
from lib.servers import REPL

PAIRS = ("mysql97", "mariadb10")
# The relay attaches before it is switched on: MariaDB shows no binlogs to one that commits wait for.
SEMI_SYNC = {
    "mysql97": ({"plugin_load_add": "semisync_source.so", "rpl_semi_sync_source_timeout": 100000},
                "SET GLOBAL rpl_semi_sync_source_enabled = ON"),
    "mariadb10": ({"rpl_semi_sync_master_wait_point": "AFTER_SYNC",
                   "rpl_semi_sync_master_timeout": 100000},
                  "SET GLOBAL rpl_semi_sync_master_enabled = ON"),
}


def candidate(server, port, **more):
    """A [source] section for it."""
    return {"host": server.host, "port": server.port, "user": REPL[0], "password": REPL[1],
            "server_id": port, "admin_user": "root", "relay_user": REPL[0],
            "relay_password": REPL[1], **more}


def replicate(replica, source):
    replica.make_replica_of(source.host, source.port, *REPL,
                            auto_position=not source.kind.is_mariadb,
                            slave_pos=source.kind.is_mariadb)


def promote(server):
    server.stop_replica()
    server.reset_replica()


def two_and_a_relay(scene, kind, source=None, options=None, **settings):
    """`source`: more of [source a]; `options`: of its server; `settings`: of [relay]."""
    a, b = scene.server(kind, **(options or {})), scene.server(kind)
    replicate(b, a)
    relay = scene.relay(a, start=False,
                        settings={"relay": settings, "source a": source or {}})
    relay.settings["source b"] = candidate(b, relay.port)
    relay.start()
    a.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    insert(a, 1, 20)
    relay.wait_caught_up(a)
    b.wait_for(a)
    return a, b, relay


def insert(server, first, last):
    for number in range(first, last + 1):
        server.sql("INSERT INTO d.t VALUES (%s)", (number,))


def numbers(server):
    return [row[0] for row in server.sql("SELECT id FROM d.t ORDER BY id")]


def consumer(scene, relay, kind):
    """A replica behind the relay, by GTID."""
    replica = scene.server(kind)
    replicate(replica, relay)
    wait_numbers(replica, 20)
    return replica


def switch(relay, *args, code=0):
    """Exit code `code`; gives the lines by their step, and the error."""
    done = subprocess.run([program("binrelay"), "--config", relay.config, "--json", "switch", *args],
                          capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != code:
        raise Failure(f"switch {args}: exit code {done.returncode}", done.stdout + done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    steps = {line["step"]: line for line in lines if "step" in line}
    return steps, next((str(line["error"]) for line in lines if "error" in line), "")


def wait_numbers(server, last, timeout_s=60):
    def has_it():
        try:
            return numbers(server)[-1:] == [last]
        except pymysql.err.MySQLError:
            return False  # the table is yet to come

    wait.until(has_it, timeout_s, lambda: f"{server} to have {last}: {server.replica_status()}",
               pause_s=0.1)


@each(*PAIRS)
@limit(180)
def test_a_switch_there_and_back_is_told_and_remembered(scene, kind):
    """Dry run first; the consumer goes on; status, sources and epochs tell; it lasts over a restart."""
    a, b, relay = two_and_a_relay(scene, kind)
    replica = consumer(scene, relay, kind)
    identity = relay.sql("SELECT @@server_id")
    promote(b)

    steps, _ = switch(relay, "b", "--dry-run")
    plan = steps["planned"]
    assert plan["refusal"] is None and plan["method"] == "gtid", plan
    assert plan["skipped"]["transactions"] == 22, plan
    assert plan["lacking"]["transactions"] == plan["new"]["transactions"] == 0, plan
    assert "still answers" in plan["warning"], plan
    assert relay.status()["source"]["name"] == "a"

    insert(b, 21, 25)
    text = relay.cli("switch", "b")
    assert "following b" in text and "epoch 2" in text and "GTID" in text, text
    wait_numbers(replica, 25)
    assert relay.status()["source"]["name"] == "b"
    assert relay.sql("SELECT @@server_id") == identity
    assert '"active":true' in next(line for line in relay.cli("sources", "--json").splitlines()
                                   if '"name":"b"' in line)
    _, said = switch(relay, "b", code=1)
    assert "followed already" in said, said
    _, said = switch(relay, "nobody", code=1)
    assert "a, b" in said, said

    relay.stop()
    relay.start()
    assert relay.status()["source"]["name"] == "b"
    if kind.startswith("mariadb"):
        a.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos")
    replicate(a, b)
    a.wait_for(b)
    promote(a)
    insert(a, 26, 30)
    switch(relay, "a")
    wait_numbers(replica, 30)
    assert numbers(replica) == list(range(1, 31))
    epochs = [json.loads(line) for line in relay.cli("epochs", "--json").splitlines()]
    assert [(e["epoch"], e["source"], e["method"]) for e in epochs] == \
        [(1, "a", "first"), (2, "b", "gtid"), (3, "a", "gtid")], epochs
    assert not any(e["forked"] for e in epochs), epochs


@each("mariadb10")
@limit(180)
def test_what_the_candidate_lacks_comes_from_the_relay(scene, kind):
    """Refused, with the statements; with --catch-up it gets them, and is nobody's replica then."""
    a, b, relay = two_and_a_relay(scene, kind)
    replica = consumer(scene, relay, kind)
    b.stop_replica()
    insert(a, 21, 40)
    relay.wait_caught_up(a)
    wait_numbers(replica, 40)
    a.kill9()

    steps, said = switch(relay, "b", code=1)
    assert "20 transactions" in said and "--catch-up" in said, said
    assert any(s.startswith("CHANGE ") and str(relay.port) in s
               for s in steps["planned"]["statements"]), steps
    assert relay.status()["source"]["name"] == "a"
    assert REPL[1] not in json.dumps(steps) + said

    text = relay.cli("switch", "b", "--catch-up")
    assert "following b" in text, text
    assert numbers(b) == list(range(1, 41))
    assert not b.replica_status(), b.replica_status()
    insert(b, 41, 45)
    wait_numbers(replica, 45)
    assert numbers(replica) == list(range(1, 46))


class Writers:
    """Clients that insert one number after the other, and note what they saw committed."""

    def __init__(self, server, first, clients=4):
        self.acked = set()
        self._next = iter(range(first, 1 << 30))
        self._threads = [threading.Thread(target=self._run, args=(server,), daemon=True)
                         for _ in range(clients)]
        self._lock = threading.Lock()
        for thread in self._threads:
            thread.start()

    def wait_more(self, count):
        seen = len(self.acked)
        wait.until(lambda: len(self.acked) >= seen + count, 60, "commits to go on", pause_s=0.05)

    def join(self):
        """When the server is dead."""
        for thread in self._threads:
            thread.join(30)

    def _run(self, server):
        try:
            with server.connect() as connection, connection.cursor() as cursor:
                while True:
                    with self._lock:
                        number = next(self._next)
                    cursor.execute("INSERT INTO d.t VALUES (%s)", (number,))
                    self.acked.add(number)
        except (pymysql.err.MySQLError, OSError):
            pass  # it was killed


@each(*PAIRS)
@limit(180)
def test_commits_that_only_the_relay_acknowledged_are_at_the_promoted_server(scene, kind):
    """Semi-sync: the primary is killed under load while the standby is behind."""
    options, enable = SEMI_SYNC[kind]
    a, b, relay = two_and_a_relay(scene, kind, source={"semi_sync": "on"}, options=options)
    replica = consumer(scene, relay, kind)
    a.sql(enable)
    writers = Writers(a, 21)
    writers.wait_more(20)
    b.stop_replica()
    writers.wait_more(60)
    a.kill9()
    writers.join()
    behind = writers.acked - set(numbers(b))
    assert len(behind) >= 50, len(behind)
    relay.cli("switch", "b", "--catch-up")
    missing = writers.acked - set(numbers(b))
    assert not missing, f"lost: {missing}"
    held_for = [json.loads(line) for line in relay.cli("consumers", "--json").splitlines()]
    assert [c["server_id"] for c in held_for] == [replica.port], held_for
    assert not b.replica_status(), b.replica_status()
    last = 1 << 30
    insert(b, last, last)
    wait_numbers(replica, last)
    assert numbers(replica) == numbers(b)


@limit(120)
def test_sessions_of_the_former_source_end_and_new_ones_reach_the_new_one(scene, kind="mysql97"):
    """One in a transaction is told so; one that holds nothing does not notice."""
    _, b, relay = two_and_a_relay(scene, kind)
    busy, idle = relay.connect(), relay.connect()
    with busy.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT COUNT(*) FROM d.t")
    with idle.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM d.t")
    promote(b)
    insert(b, 21, 21)
    relay.cli("switch", "b")
    with idle.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM d.t")
        assert cursor.fetchall() == ((21,),)
    try:
        with busy.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM d.t")
    except pymysql.err.Error as error:
        assert error.args[0] in (1053, 2013) and "another" in str(error), error
    else:
        raise Failure("its transaction is gone, and it was not told")


@each("mysql57")
@limit(180)
def test_without_gtids_it_catches_up_by_position(scene, kind):
    """What it lacks is told by relay files and places, and fetched from there."""
    off = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}
    a, b = scene.server(kind, **off), scene.server(kind, **off)
    b.make_replica_of(a.host, a.port, *REPL, file=a.binlogs()[0].name, pos=4)
    relay = scene.relay(a, start=False)
    relay.settings["source b"] = candidate(b, relay.port)
    relay.start()
    a.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    insert(a, 1, 20)
    b.wait_for(a)
    b.stop_replica()
    a.sql("FLUSH BINARY LOGS")
    insert(a, 21, 40)
    relay.wait_caught_up(a)
    a.kill9()
    steps, said = switch(relay, "b", code=1)
    assert steps["planned"]["method"] == "content" and "20 transactions" in said, (steps, said)
    assert "following b" in relay.cli("switch", "b", "--catch-up")
    assert numbers(b) == list(range(1, 41))
    insert(b, 41, 41)
    relay.wait_status(lambda s: s["source"]["caught_up"])


@each(*PAIRS)
@limit(180)
def test_forks_are_named_and_kept_by_choice(scene, kind):
    """The candidate lacks what consumers were given, and went on by itself."""
    a, b, relay = two_and_a_relay(scene, kind)
    b.stop_replica()
    insert(a, 21, 23)
    relay.wait_caught_up(a)
    a.kill9()
    promote(b)
    insert(b, 121, 122)
    _, said = switch(relay, "b", "--catch-up", code=1)
    assert "3 transactions" in said and "another way" in said, said
    assert relay.status()["source"]["name"] == "a"
    switch(relay, "b", "--keep-fork")
    assert relay.status()["source"]["name"] == "b"
    relay.wait_status(lambda s: s["source"]["caught_up"])
    assert "a fork" in relay.cli("epochs"), relay.cli("epochs")
    assert "were given, and its source lacks" in relay.cli("epochs"), relay.cli("epochs")


@limit(120)
def test_a_relay_that_holds_nothing_begins_with_the_one_it_is_told(scene, kind="mariadb10"):
    """The first source was never there."""
    a, b = scene.server(kind), scene.server(kind)
    relay = scene.relay(a, start=False)
    relay.settings["source b"] = candidate(b, relay.port)
    a.stop()
    relay.launch()
    wait.until(lambda: relay.cli("status", check=False), 30, "the relay to answer")
    assert "following b" in relay.cli("switch", "b")
    b.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    relay.wait_caught_up(b)
    relay.stop()
    relay.start()
    assert relay.status()["source"]["name"] == "b"


@limit(180)
def test_it_goes_over_by_itself_and_not_back(scene, kind="mysql97"):
    """failover = auto: the dead primary is left, with the standby brought up; then the fence holds."""
    a, b, relay = two_and_a_relay(scene, kind, failover="auto", failover_after="2s")
    b.stop_replica()
    insert(a, 21, 30)
    relay.wait_caught_up(a)
    a.kill9()
    relay.wait_status(lambda s: s["source"]["name"] == "b" and s["source"]["state"] == "following")
    assert numbers(b) == list(range(1, 31))
    status = relay.status()
    assert status["source"]["last_switch"]["by_itself"], status["source"]
    assert status["source"]["last_switch"]["from"] == "a", status["source"]
    assert status["source"]["epoch"] == 2, status["source"]
    a.start()
    b.kill9()
    wait.until(lambda: "failover_fence" in relay.log_text(), 60, "the log to tell of the fence")
    assert relay.status()["source"]["name"] == "b"


@each("mysql97 command", "mariadb10 reload")
@limit(180)
def test_a_source_that_lost_data_is_followed_on_by_choice(scene, variant):
    """Its binlogs were reset: named, and by --keep-fork, or a reload with fork = keep, joined anew."""
    kind, way = variant.split()
    a = scene.server(kind)
    relay = scene.relay(a)
    a.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    insert(a, 1, 5)
    relay.wait_caught_up(a)
    a.sql("RESET MASTER" if a.kind.is_mariadb else "RESET BINARY LOGS AND GTIDS")
    insert(a, 6, 9)
    a.restart()
    problem = relay.wait_status(lambda s: s["source"]["state"] == "stopped")["source"]["problem"]
    assert "reset" in problem and "keep" in problem, problem
    if way == "command":
        _, said = switch(relay, "a", code=1)
        assert "reset" in said, said
        switch(relay, "a", "--keep-fork")
    else:
        relay.settings["relay"]["fork"] = "keep"
        relay.write_config()
        relay.cli("reload")
    status = relay.wait_status(lambda s: s["source"]["caught_up"])
    assert status["source"]["epoch"] == 2, status["source"]
    assert "a fork" in relay.cli("epochs"), relay.cli("epochs")
    insert(a, 10, 10)
    relay.wait_status(lambda s: s["source"]["caught_up"])
