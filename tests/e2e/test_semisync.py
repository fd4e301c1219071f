"""The relay as the only semi-synchronous replica: what a client saw committed is in the relay."""

import os
import random
import signal
import threading
import time

import pymysql

from lib import wait
from lib.errors import Failure
from lib.marks import alone, each, limit

ROUNDS = int(os.environ.get("ROUNDS", "100"))
KINDS = ("mysql97", "mariadb10")
CLIENTS = 3
HUGE_MS = 1000000000

SEMI_SYNC = {
    "mysql97": {"plugin_load_add": "semisync_source.so", "rpl_semi_sync_source_enabled": "ON",
                "rpl_semi_sync_source_timeout": HUGE_MS,
                "rpl_semi_sync_source_wait_point": "AFTER_SYNC",
                "rpl_semi_sync_source_wait_no_replica": "ON"},
    "mariadb10": {"rpl_semi_sync_master_enabled": "ON", "rpl_semi_sync_master_timeout": HUGE_MS,
                  "rpl_semi_sync_master_wait_point": "AFTER_SYNC",
                  "rpl_semi_sync_master_wait_no_slave": "ON"},
}
# The older spelling of MySQL's plugin; before 5.7 it reads the acknowledgement in the dump's thread.
OLDER = {"plugin_load": "rpl_semi_sync_master=semisync_master.so",
         "rpl_semi_sync_master_enabled": "ON", "rpl_semi_sync_master_timeout": HUGE_MS}
SEMI_SYNC |= {"mysql55": OLDER, "mysql56": OLDER, "mysql80": OLDER, "mariadb11":
              SEMI_SYNC["mariadb10"], "mariadb105": SEMI_SYNC["mariadb10"]}


def semi_sync_server(scene, kind, **options):
    """Its commits wait for a replica, for as long as it takes."""
    return scene.server(kind, **SEMI_SYNC[kind], **options)


def source_says(source, name):
    """A status variable of the plugin, in either spelling."""
    word = "source" if source.kind.name == "mysql97" else "master"
    return source.sql(f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{word}_{name}'")[0][1]


class Writers:
    """Clients that insert one number after the other, and remember what they saw committed."""

    def __init__(self, server):
        self.server = server
        self.acked = set()
        self._failure = None
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True)
                         for n in range(CLIENTS)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._ending.set()
        for thread in self._threads:
            thread.join()
        if self._failure:
            raise self._failure

    def wait_more(self):
        """Commits come through: each client's, whatever it waited for before."""
        seen = len(self.acked)
        wait.until(lambda: len(self.acked) > seen + CLIENTS or self._failure, 30,
                   lambda: f"commits to go on, there are {len(self.acked)}")

    def _run(self, client):
        number = client
        connection = None
        try:
            while not self._ending.is_set():
                # A number whose commit was not seen to end is never used again.
                number += CLIENTS
                try:
                    connection = connection or self.server.connect()
                    with connection.cursor() as cursor:
                        cursor.execute("INSERT INTO s.t VALUES (%s, repeat('x', %s))",
                                       (number, number % 300))
                    self.acked.add(number)
                except (pymysql.err.OperationalError, pymysql.err.InterfaceError, OSError):
                    connection = None
                    time.sleep(0.05)
        except Exception as failure:  # pylint: disable=broad-except # told by stop()
            self._failure = failure


def held(relay):
    """Numbers of the rows that the relay has published."""
    return {event["value"]["after"]["id"] for event in relay.events()
            if event["topic"].endswith(".t") and event["value"]}


def must_hold(relay, acked):
    """Without any help of the source, which is dead."""
    missing = set()

    def has_all():
        missing.clear()
        missing.update(acked - held(relay))
        return not missing

    wait.until(has_all, 20, lambda: f"the relay lacks {sorted(missing)[:10]} ({len(missing)} of "
               f"{len(acked)}) that clients saw committed\n{relay.tail()}")


@each(*KINDS)
@limit(300)
@alone
def test_what_a_client_saw_committed_is_in_the_relay(scene, kind):
    """Source and relay are killed 100 times in all during commits; no acknowledged one is missing."""
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed} ROUNDS={ROUNDS}")
    dice = random.Random(seed)
    source = semi_sync_server(scene, kind, binlog_row_metadata="FULL")
    relay = scene.relay(source, publish="s", settings={
        "source a": {"semi_sync": "on", "retry_max": 1, "heartbeat": 1}})
    source.sql("CREATE DATABASE s; CREATE TABLE s.t (id INT PRIMARY KEY, v VARCHAR(300));"
               "INSERT INTO s.t VALUES (0, 'so that the publisher has asked for what it needs')")
    relay.wait_events(1)
    writers = Writers(source)
    writers.start()
    for _ in range(ROUNDS // len(KINDS)):
        time.sleep(dice.random() * dice.choice((0.02, 0.2)))
        who = dice.choice(("relay",) * 6 + ("source", "both"))
        if who == "relay":
            relay.kill9()
            relay.launch()
            writers.wait_more()
            continue
        source.kill9()
        time.sleep(0.1)  # What a client was told just before is noted now.
        acked = set(writers.acked)
        if who == "both":
            relay.kill9()
            relay.launch()
        must_hold(relay, acked)
        source.start()
        writers.wait_more()
    writers.stop()
    relay.wait_answers()
    status = relay.status()["source"]
    print(f"{len(writers.acked)} commits, semi_sync {status['semi_sync']}")
    if status["semi_sync"] != "on" or status["acks_sent"] == 0:
        raise Failure(f"semi-sync is not at work: {status}")
    if source_says(source, "status") != "ON" or source_says(source, "no_tx") != "0":
        raise Failure("the source has given up on semi-sync")
    source.kill9()
    must_hold(relay, writers.acked)
    relay.stop()
    relay.cli("verify")


@each(*SEMI_SYNC)
def test_a_commit_waits_for_the_relay_and_no_longer(scene, kind):
    """While the relay hangs no commit returns; when it goes on they do, quickly, and status tells."""
    source = semi_sync_server(scene, kind)
    relay = scene.relay(source, settings={"source a": {"semi_sync": "on"}})
    source.sql("CREATE DATABASE s; CREATE TABLE s.t (id INT PRIMARY KEY, v VARCHAR(300))")
    os.kill(relay.pid, signal.SIGSTOP)
    done = threading.Event()

    def commit():
        with source.connect() as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO s.t VALUES (0, '')")
        done.set()

    threading.Thread(target=commit, daemon=True).start()
    stuck = not done.wait(1)
    os.kill(relay.pid, signal.SIGCONT)
    assert stuck, "a commit came back although the relay can't have synced it"
    assert done.wait(10), "a commit hangs"
    before = relay.status()["source"]["acks_sent"]
    start = time.monotonic()
    for number in range(1, 201):
        source.sql("INSERT INTO s.t VALUES (%s, 'x')", (number,))
    seconds = time.monotonic() - start
    print(f"{200 / seconds:.0f} commits/s one after the other")
    status = relay.status()["source"]
    assert status["semi_sync"] == "on", status
    assert status["acks_sent"] >= before + 200, (before, status)
    assert seconds < 20, seconds
    assert "  semi-sync on, " in relay.cli("status")
    assert source_says(source, "yes_tx") >= "200"


@each(*SEMI_SYNC)
def test_commits_that_wait_for_a_dead_relay_go_on_when_it_is_back(scene, kind):
    """The relay's attach asks nothing that the source answers only after those commits."""
    source = semi_sync_server(scene, kind)
    relay = scene.relay(source, settings={"source a": {"semi_sync": "on"}})
    source.sql("CREATE DATABASE s; CREATE TABLE s.t (id INT PRIMARY KEY, v VARCHAR(300))")
    relay.wait_caught_up(source)
    relay.kill9()
    writers = Writers(source)
    writers.start()
    time.sleep(1)
    stuck = len(writers.acked)
    time.sleep(1)
    assert len(writers.acked) == stuck, "commits did not wait"
    relay.launch()
    writers.wait_more()
    writers.stop()


@each(*KINDS)
def test_large_transactions_are_acknowledged(scene, kind):
    """Events larger than a packet, compressed as one event too: commits come back, bytes are equal."""
    source = semi_sync_server(scene, kind, max_allowed_packet="64M",
                              **({} if kind == "mariadb10" else
                                 {"innodb_redo_log_capacity": "256M"}))
    relay = scene.relay(source, settings={"source a": {"semi_sync": "on"}})
    source.sql("CREATE DATABASE s; CREATE TABLE s.t (id INT PRIMARY KEY, v LONGBLOB)")
    with source.connect(max_allowed_packet=64 << 20) as connection:
        with connection.cursor() as cursor:
            for number, megabytes in enumerate((1, 3, 17, 20)):
                cursor.execute("INSERT INTO s.t VALUES (%s, %s)",
                               (number, os.urandom(megabytes << 20)))
            if not source.kind.is_mariadb:
                # A quarter of it does not compress: the payload event, marked itself, is large.
                cursor.execute("SET SESSION binlog_transaction_compression = ON")
                cursor.execute("INSERT INTO s.t VALUES (9, %s)",
                               (os.urandom(8 << 20) + bytes(24 << 20),))
    relay.wait_caught_up(source)
    end = relay.published()[1]
    ours, theirs = relay.files()[0].read_bytes(), source.binlogs()[0].read_bytes()
    assert ours[22:end] == theirs[22:end]
    assert relay.status()["source"]["reconnects"] == 0


def test_a_source_without_the_plugin_is_followed_all_the_same(scene):
    """It is said what to do there, and the state is told."""
    source = scene.server("mysql97")
    relay = scene.relay(source, settings={"source a": {"semi_sync": "on"}})
    source.sql("CREATE DATABASE s")
    relay.wait_caught_up(source)
    assert relay.status()["source"]["semi_sync"] == "inactive"
    assert "INSTALL PLUGIN rpl_semi_sync_source" in relay.log_text()


@each(*KINDS)
def test_semi_sync_may_be_switched_on_later(scene, kind):
    """Off at the source when the relay attaches: from the switch on its commits are acknowledged."""
    source = scene.server(kind, **SEMI_SYNC[kind])
    word = "master" if source.kind.is_mariadb else "source"
    source.sql(f"SET GLOBAL rpl_semi_sync_{word}_enabled = OFF")
    relay = scene.relay(source, settings={"source a": {"semi_sync": "on"}})
    source.sql("CREATE DATABASE s")
    relay.wait_caught_up(source)
    source.sql(f"SET GLOBAL rpl_semi_sync_{word}_enabled = ON")
    source.sql("CREATE TABLE s.t (id INT PRIMARY KEY, v INT)")
    for number in range(20):
        source.sql("INSERT INTO s.t VALUES (%s, 1)", (number,))
    assert relay.status()["source"]["acks_sent"] >= 20
