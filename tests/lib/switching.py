"""Switchovers on real servers: who replicates from whom, who consumes, and what each must have in the end.

A Stage is a primary with its standbys, a relay before them, a counted load, and consumers of every kind
behind the relay. Its verdict is always the same: what a consumer received is what the last primary has
committed, each transaction once and in order.
"""

import os
import shutil
import subprocess
import time
import types
from dataclasses import dataclass

from lib import clients, kinds, wait
from lib.counted import DB, CountedLoad, number_of, tags_of, writer_of
from lib.cutter import Cutter
from lib.debezium import Debezium
from lib.errors import Failure
from lib.relay import program
from lib.servers import DEBEZIUM, REPL

NO_GTIDS = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}
CONSUMERS = ("file", "gtid", "debezium", "publisher")
CATCH_UP_S = 90
SILENCE_S = 60  # a third of what a connection may be silent while it is held


@dataclass(frozen=True)
class Pair:
    """Two kinds of servers, and how a replica finds its place: "gtid" or "file"."""

    first: str
    second: str
    way: str
    # MariaDB: sequence numbers that say nothing about order.
    loose: bool = False

    def options(self, kind_name):
        kind = kinds.kind(kind_name)
        if kind.is_mariadb:
            return {"gtid_strict_mode": "OFF" if self.loose else "ON", "binlog_row_metadata": "FULL"}
        options = {"binlog_row_metadata": "FULL"} if kind.at_least(8, 0) else {}
        return options | (NO_GTIDS if self.way == "file" and kind.at_least(5, 6) else {})


PAIRS = {
    "mysql97": Pair("mysql97", "mysql97", "gtid"),
    "mysql97-off": Pair("mysql97", "mysql97", "file"),
    "mysql57": Pair("mysql57", "mysql57", "gtid"),
    "mysql57-off": Pair("mysql57", "mysql57", "file"),
    "mysql57-mysql80-off": Pair("mysql57", "mysql80", "file"),
    "mysql55": Pair("mysql55", "mysql55", "file"),
    "mysql55-mysql57": Pair("mysql55", "mysql57", "file"),
    "mariadb10": Pair("mariadb10", "mariadb10", "gtid"),
    "mariadb10-mariadb11": Pair("mariadb10", "mariadb11", "gtid"),
    "mariadb10-loose": Pair("mariadb10", "mariadb10", "file", loose=True),
}


def also(*pairs):
    """Further pairs, for who takes the time: BINRELAY_TEST_ALL=1."""
    return pairs if os.environ.get("BINRELAY_TEST_ALL") else ()


# --- replication between servers

def begin_of(server):
    """Where a replica of everything begins, by file and position."""
    return {"file": server.binlogs()[0].name, "pos": 4}


def attach(replica, source, way, **more):
    """From the very beginning (of a relay: its oldest file), or by what it has executed already."""
    settings = {"heartbeat_period": 1, **more}
    if way == "file":
        settings = begin_of_any(source) | settings
    elif replica.kind.is_mariadb:
        # One that was a primary counts what it wrote itself as had.
        if replica.variable("gtid_current_pos"):
            replica.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos")
        settings["slave_pos"] = True
    else:
        settings["auto_position"] = True
    replica.make_replica_of(source.host, source.port, *REPL, **settings)


def begin_of_any(source):
    return {"file": source.files()[0].name, "pos": 4} if hasattr(source, "files") else \
        begin_of(source)


def has_applied_all(replica):
    """Everything that it got from its source, whole transactions that is."""
    row = replica.replica_status()["raw"]
    if row.get("Last_SQL_Errno"):
        raise Failure(f"{replica} stopped: {row.get('Last_SQL_Error')}", replica.tail())
    state = row.get("Replica_SQL_Running_State") or row.get("Slave_SQL_Running_State")
    if state is None:  # MySQL 5.5 and 5.6 tell it among the threads
        state = " ".join(str(r[6]) for r in replica.sql("SHOW PROCESSLIST") if r[1] == "system user")
    return "has read all relay log" in state.lower()


def promote(replica):
    """What an operator does: apply what was received, then be nobody's replica."""
    replica.sql(f"STOP {replica._word()} IO_THREAD")
    wait.until(lambda: has_applied_all(replica), 60,
               lambda: f"{replica} to apply what it received: {replica.replica_status()}")
    replica.stop_replica()
    replica.reset_replica()


def reset_binlogs(server):
    new = not server.kind.is_mariadb and server.kind.at_least(8, 2)
    server.sql("RESET BINARY LOGS AND GTIDS" if new else "RESET MASTER")


# --- consumers

class ReplicaConsumer:
    """A server that replicates from the relay by file and position, or by GTID."""

    def __init__(self, name, server, relay, way):
        self.name = name
        self.server = server
        attach(server, relay, way)

    def ready(self):
        pass

    def received(self):
        status = self.server.replica_status()
        for thread in ("sql", "io"):
            if status[f"{thread}_errno"] and status[f"{thread}_running"] == "No":
                raise Failure(f"{self.name} stopped: {status[f'{thread}_error']}",
                              self.server.tail())
        try:
            return tags_of(self.server)
        except Exception as error:  # pylint: disable=broad-except # has not got the table yet
            if "1146" in str(error) or "1049" in str(error):
                return []
            raise

    def must_equal(self, source):
        """Every table; the counter's key proves the order in which the transactions came."""
        def equal():
            return tables_of(self.server) == tables_of(source)
        wait.until(equal, CATCH_UP_S, lambda: f"{self.name} to have the tables of {source}:"
                   f" {tables_of(source)} there, {tables_of(self.server)} here")


def tables_of(server):
    """{table: content}, comparable between versions."""
    tables = [name for (name,) in server.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        " AND table_type = 'BASE TABLE' ORDER BY 1", (DB,))]
    result = {}
    for table in tables:
        if table == "bulk":
            query = f"SELECT tag, part, CRC32(v) FROM {DB}.bulk ORDER BY 1, 2"
        else:
            query = f"SELECT * FROM {DB}.{table} ORDER BY 1, 2" if table != "same" else \
                f"SELECT v, COUNT(*) FROM {DB}.same GROUP BY v"
        rows = server.sql(query)
        result[table] = (len(rows), hash(tuple(rows))) if len(rows) > 3 else rows
    return result


class PublisherConsumer:
    """The relay's own change events, in a file."""

    name = "publisher"

    def __init__(self, relay):
        self._relay = relay

    def ready(self):
        pass

    def received(self):
        return journal_tags(self._relay.events())

    def must_equal(self, source):
        """Of transactions that are all alike as many as there are."""
        there = source.sql(f"SELECT COUNT(*) FROM {DB}.same")[0][0]

        def came():
            return sum(event["topic"].endswith(".same") for event in self._relay.events())

        wait.until(lambda: came() == there, CATCH_UP_S, lambda: f"{there} equal rows to be published, {came()} were")


class DebeziumConsumer:
    """The real connector, by position or by GTID as its source's mode says.

    When it gives up it is started again from its stored offset, as Kafka Connect does. What it had not
    yet stored as sent comes again then, as at any server; so after a restart records count once.
    """

    name = "debezium"
    RESTARTS = 5

    def __init__(self, scene, relay, **options):
        self._start = lambda **files: scene.add(Debezium(
            scene.path("debezium"), relay, DB, properties={**options, **files}))
        self.connector = self._start()
        self.restarts = 0
        self._before = []
        self._files = {}

    def ready(self):
        self.connector.wait_streaming()

    def restart(self, kill=False):
        """In order, or by SIGKILL; it goes on from what it has stored."""
        old = self.connector
        if kill:
            old.kill9()
        else:
            old.stop()
        self._before += self._tags(old)
        self._files = self._files or {
            "offset.storage.file.filename": old.folder / "offsets",
            "schema.history.internal.file.filename": old.folder / "history"}
        self.connector = self._start(**self._files)

    @staticmethod
    def _tags(connector):
        return journal_tags(connector.records()) if connector.output.exists() else []

    def received(self):
        if not self.connector.running() and self.restarts < self.RESTARTS:
            self.restarts += 1
            self.restart(kill=True)
        self.connector.must_run()
        tags = self._before + self._tags(self.connector)
        return list(dict.fromkeys(tags)) if self._files else tags

    def must_equal(self, source):
        pass


class ClientConsumer:
    """One of other people's clients (see tests/clients), which prints the journal's first column."""

    def __init__(self, scene, relay, client, start):
        argv, environment = clients.command(client)
        self.name = client
        self._process = scene.process(client, *argv, relay.host, relay.port, *REPL,
                                      relay.kind.family, "file", start, env=environment)

    def ready(self):
        pass

    def received(self):
        self._process.must_run()
        text = self._process.log.read_text()
        return [int(line) for line in text.splitlines(True) if line.strip().isdigit()
                and line.endswith("\n")]

    def must_equal(self, source):
        pass


def journal_tags(records):
    return [record["value"]["after"]["tag"] for record in records
            if record["topic"].endswith(".journal") and record["value"]
            and record["value"]["op"] in ("c", "r")]


def compare(name, expected, got):
    """None, or what is wrong with `got`, in words."""
    if expected == got:
        return None
    wanted, there = set(expected), set(got)
    in_order = all(ordered(part) for part in by_writer(got).values())
    if in_order and wanted == there and len(got) == len(there):
        return None
    lost = sorted(wanted - there)
    twice = sorted(tag for tag in there if got.count(tag) > 1) if len(got) != len(there) else []
    foreign = sorted(there - wanted)
    return (f"{name}: {len(expected)} committed, {len(got)} received; lost {brief(lost)}, twice"
            f" {brief(twice)}, never committed {brief(foreign)}"
            + ("" if in_order else ", not in order"))


def by_writer(tags):
    parts = {}
    for tag in tags:
        parts.setdefault(writer_of(tag), []).append(tag)
    return parts


def ordered(tags):
    numbers = [number_of(tag) for tag in tags]
    return numbers == sorted(numbers)


def brief(tags):
    return f"{len(tags)} {[f'{writer_of(t)}:{number_of(t)}' for t in tags[:5]]}"


# --- the stage

class Stage:
    """Servers by their names as sources ("a" is the first primary), `active` is the primary's name.

    `consumers` of CONSUMERS. `standbys`: how many servers follow the primary directly. `load` are
    options of CountedLoad, `settings` of the relay, `servers` of all servers. `slow_way`: the relay
    reaches the first primary by `way`, a Cutter.
    """

    def __init__(self, scene, pair, *, consumers=CONSUMERS, standbys=1, load=None, settings=None,
                 servers=None, slow_way=False):
        self.scene = scene
        self.pair = PAIRS[pair]
        self._server_options = servers or {}
        self._promoted_at = None
        self.active = "a"
        self.servers = {"a": self.server(self.pair.first)}
        for name in "bcd"[:standbys]:
            self.servers[name] = self.server(self.pair.second)
            self._name_domain(self.servers[name])
            attach(self.servers[name], self.servers["a"], self.pair.way)
        self.load = CountedLoad(self.primary, **(load or {}))
        self.load.prepare()
        self.relay = scene.relay(self.primary, publish=DB if "publisher" in consumers else None,
                                 settings=settings, start=False)
        self._configure_sources()
        self.way = self._slow_way() if slow_way else None
        self.relay.start()
        self.relay.wait_caught_up(self.primary)
        self.consumers = []
        for name in consumers:
            self._add_named(name)
        for consumer in self.consumers:
            consumer.ready()

    def server(self, kind_name, **options):
        return self.scene.server(kind_name, **{**self.pair.options(kind_name),
                                               **self._server_options, **options})

    def _name_domain(self, server):
        """Sequence numbers of its own, and far from those of the primary."""
        if self.pair.loose:
            server.sql("SET SESSION gtid_seq_no = 5000; CREATE DATABASE local_to_a_standby")

    def _configure_sources(self):
        """Every server is a source, in the order of the names; root is whom the relay may ask to change
        a standby's replication."""
        first = self.relay.settings["source a"]
        common = {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1], "retry_max": 1,
                  "heartbeat": 1, "connect_timeout": 3, "admin_user": "root",
                  "relay_user": REPL[0], "relay_password": REPL[1]}
        for name, server in self.servers.items():
            self.relay.settings[f"source {name}"] = common | first | {
                "host": server.host, "port": server.port}

    def _slow_way(self):
        """From the first primary to the relay; it can be held, and the relay waits all the same."""
        way = self.scene.add(Cutter(self.primary, seed=1, times=0))
        self.relay.settings["source a"] |= {"host": way.host, "port": way.port,
                                            "heartbeat": SILENCE_S}
        return way

    @property
    def primary(self):
        return self.servers[self.active]

    def _add_named(self, name):
        if name == "publisher":
            self.consumers.append(PublisherConsumer(self.relay))
        elif name == "debezium":
            self.consumers.append(DebeziumConsumer(self.scene, self.relay))
        elif name in ("python", "java", "go"):
            start = self.relay.files()[0].name
            self.consumers.append(ClientConsumer(self.scene, self.relay, name, start))
        elif name == "file" or self.pair.way == "gtid":
            replica = self.server(self.pair.second)
            self.consumers.append(ReplicaConsumer(f"replica by {name}", replica, self.relay, name))

    def consumer(self, name):
        return next(c for c in self.consumers if name in c.name)

    # --- what happens

    def switch(self, name, *args, **settings):
        """Only the relay."""
        return self.relay.cli("switch", name, *args, timeout_s=120, **settings)

    def refused(self, name, *args):
        """The switch must not be made; gives what is said of it."""
        try:
            said = self.switch(name, *args)
        except Failure as refusal:
            return refusal.details
        raise Failure(f"the switch to {name} was made: {said}", self.relay.tail())

    def planned(self, name, *args):
        """Writes stop, the standby has all, is promoted, the relay follows it, writes go on there."""
        with self.load.paused():
            self.hand_over(name)
        self.switch(name, *args)

    def hand_over(self, name):
        """The standby has all and is the primary now, for everybody but the relay; nobody writes."""
        target = self.servers[name]
        target.wait_for(self.primary)
        promote(target)
        self.became(name)

    def became(self, name):
        """The primary is another one now; writes go on there."""
        self.active = name
        self._promoted_at = self.primary.position()
        self.load.move_to(self.primary)

    def planned_with_kill(self, name, after_s):
        """The relay is killed so long after it was told to switch, and told again when it is back."""
        with self.load.paused():
            self.hand_over(name)
        command = self.scene.process("switch", program("binrelay"), "--config", self.relay.config,
                                     "switch", name)
        time.sleep(after_s)
        self.relay.kill9()
        wait.until(lambda: not command.running(), 30, "the command to end with its relay")
        self.relay.launch()
        self.wait_operator()
        if self.active_source() != name:
            self.switch(name)

    def active_source(self):
        return self.relay.status()["channels"][0]["source"]["name"]

    def kill_primary(self, name, *args):
        """It dies under load; the standby gets from the relay what only that has, is promoted and
        followed, and writes go on there."""
        if self.way:
            self.way.cut_now()  # else what lies in the sockets' buffers would still come
        self.primary.kill9()
        promote(self.servers[name])
        self.fail_over_to(name, *args)

    def fail_over_to(self, name, *args):
        """A promoted standby, to which nobody writes yet."""
        self.switch(name, "--catch-up", *args)
        self.became(name)

    def rejoin(self, name):
        """Another server becomes the primary's standby; it has no transactions of its own."""
        server = self.servers[name]
        if server.replica_status():
            server.stop_replica()
            server.reset_replica()
        file, pos = self._promoted_at
        place = {} if self.pair.way == "gtid" else {"file": file, "pos": pos}
        attach(server, self.primary, self.pair.way, **place)

    def rebuild(self, name, like):
        """A dead server comes back with the data of a standby, whatever it had itself, and replicates
        from where that does. The standby is killed for it: a stop takes longer than its recovery."""
        model, server = self.servers[like], self.servers[name]
        model.kill9()
        shutil.rmtree(server.data)
        subprocess.run(["cp", "-a", "--sparse=always", model.data, server.data], check=True)
        (server.data / "auto.cnf").unlink(missing_ok=True)
        model.start()
        server.start()

    def wait_operator(self):
        """After a launch: the relay answers the operator, whatever its source does."""
        wait.until(lambda: self.relay.process.must_run() or "channels" in self.relay.cli(
            "status", "--json", check=False), 30, lambda: self.relay.tail(), pause_s=0.05)

    def add_replicas_by_a_way(self):
        """As "file" and "gtid" do, through a network that can be held."""
        way = self.scene.add(Cutter(self.relay, seed=1, times=0))
        at = types.SimpleNamespace(host=way.host, port=way.port, files=self.relay.files)
        for how in ("file", "gtid") if self.pair.way == "gtid" else ("file",):
            self.consumers.append(ReplicaConsumer(f"replica by {how}", self.server(self.pair.second),
                                                  at, how))
        return way

    def add_snapshot(self, size):
        """Debezium's snapshot over a way that holds it after `size` bytes, of which there must be more
        in the tables: it is under way until the way lets go."""
        way = self.scene.add(Cutter(self.relay, seed=1, times=0))
        way.hold_after(size)
        consumer = DebeziumConsumer(self.scene, types.SimpleNamespace(
            kind=self.relay.kind, host=way.host, port=way.port), **{"snapshot.mode": "initial"})
        wait.until(lambda: way.holding, 120,
                   lambda: f"a snapshot to be in its midst\n{consumer.connector.tail()}")
        self.consumers.append(consumer)
        return way

    def copy_of_data(self, name):
        """A server's data as they are now; it is killed and started for that."""
        server = self.servers[name]
        server.kill9()
        copy = self.scene.path("copy")
        subprocess.run(["cp", "-a", "--sparse=always", server.data, copy], check=True)
        server.start()
        return copy

    def restore_data(self, name, copy):
        """As if nothing had been written since; the server is down."""
        server = self.servers[name]
        shutil.rmtree(server.data)
        subprocess.run(["cp", "-a", "--sparse=always", copy, server.data], check=True)

    # --- what must be

    def finish(self, **settings):
        """The load ends; every consumer has everything once, in order."""
        self.load.stop()
        self.verdict(**settings)

    def verdict(self, *, acked=False, timeout_s=CATCH_UP_S):
        expected = tags_of(self.primary)
        if acked and not self.load.acked <= set(expected):
            raise Failure(f"{self.primary} lacks what was acknowledged:"
                          f" {brief(sorted(self.load.acked - set(expected)))}")
        if not expected:
            raise Failure("nothing was committed")
        problems = {}

        def all_equal():
            problems.clear()
            for consumer in self.consumers:
                problem = compare(consumer.name, expected, consumer.received())
                if problem:
                    problems[consumer.name] = problem
            return not problems

        wait.until(all_equal, timeout_s, lambda: "\n".join(problems.values()), pause_s=0.2)
        for consumer in self.consumers:
            consumer.must_equal(self.primary)
        print(f"{len(expected)} transactions at {', '.join(c.name for c in self.consumers)}:"
              " lost 0, twice 0")

    def wait_received(self):
        """The relay and all consumers have what the primary has, where nobody writes."""
        self.relay.wait_caught_up(self.primary)
        expected = tags_of(self.primary)
        wait.until(lambda: all(consumer.received() == expected for consumer in self.consumers),
                   CATCH_UP_S, "all consumers to have what there is", pause_s=0.1)

    def verify(self):
        """What the relay holds is whole."""
        self.relay.stop()
        self.relay.cli("verify", timeout_s=120)
