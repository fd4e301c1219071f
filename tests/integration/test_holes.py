"""Holes, where the relay goes on with another server's binlog: every client gets over them.

The switch itself is made by tools/peers/joined here, over a stopped relay: what the tests look at is
the file that a switch leaves behind, on disk and on the wire.
"""

import subprocess

from lib import wait
from lib.build import make
from lib.debezium import mark_end, streamed
from lib.errors import Failure
from lib.marks import each, limit
from lib.relay import ROOT, program
from lib.servers import DEBEZIUM, REPL

FORWARD = {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}

NO_GTIDS = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"}
LARGE_ROWS = 14
IN_USE = 4 + 17  # where the format description says that the file was not closed
TABLES = """
    CREATE DATABASE d;
    CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100), b LONGBLOB)
"""


class Switch:
    """Server a with a relay, and b, its replica: what happens before, during and after a switch."""

    def __init__(self, scene, kind, **options):
        problem, output = make(ROOT, "build/peers/joined")
        if problem:
            raise Failure(output)
        self.a, self.b = (scene.server(kind, **options) for _ in range(2))
        first = self.a.position()
        self.a.sql(TABLES)
        self.b.make_replica_of(self.a.host, self.a.port, *REPL, file=first[0], pos=first[1])
        self.relay = scene.relay(self.a, settings={"source a": FORWARD})
        self.hole = None

    def write(self, server, count=3):
        for i in range(count):
            server.sql("INSERT INTO d.t (v) VALUES (%s), ('b'), ('c')", (str(i),))
            server.sql("UPDATE d.t SET v = CONCAT(v, '.') WHERE id %% 5 = %s", (i,))

    def write_much(self):
        """So much that the hole is several events."""
        for _ in range(LARGE_ROWS):
            self.a.sql("INSERT INTO d.t (v, b) VALUES ('large', REPEAT('x', 700000))")
        self.a.sql("UPDATE d.t SET b = NULL WHERE v = 'large' AND id % 7 = 0")

    def replicas_caught_up(self, *replicas):
        for replica in replicas:
            replica.wait_for(self.a)

    def make(self):
        """Leaves the relay on b, and b with a transaction that a never had."""
        self.b.wait_for(self.a)
        self.relay.wait_caught_up(self.a)
        self.b.stop_replica()
        held_end = self.b.position()[1]
        old_end = self.relay.published()
        self.relay.stop()
        self.b.sql("INSERT INTO d.t (v) VALUES ('the first one of b')")
        binlog = self.b.binlogs()[-1]
        done = subprocess.run(
            [program("peers/joined"), self.relay.data, "a", self._uuid(),
             str(self.b.variable("server_id")), binlog, str(held_end)],
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(done.stderr)
        self.relay.settings["source a"]["port"] = self.b.port
        self.relay.start()
        self.hole = (self.relay.files()[-1].name, held_end)
        return old_end

    def _uuid(self):
        has_one = not self.b.kind.is_mariadb and self.b.kind.at_least(5, 6)
        return self.b.variable("server_uuid") if has_one else ""

    def relay_place(self):
        """Where a consumer is that has all of b."""
        return self.relay.files()[-1].name, self.b.position()[1]


def attach(scene, switch, how):
    """A replica of the relay, by position or by GTID, from the beginning."""
    replica = scene.server(switch.a.kind.name)
    first = {} if how else {"file": switch.a.binlogs()[0].name, "pos": 4}
    replica.make_replica_of(switch.relay.host, switch.relay.port, *REPL, heartbeat_period=1, **how,
                            **first)
    return replica


def wait_place(replica, place, timeout_s=60):
    """Until it has executed up to that relay file and position; not one byte more or less."""
    def there():
        status = replica.replica_status()
        if "No" in (status["io_running"], status["sql_running"]):
            raise Failure(f"{replica} has stopped: {status}", replica.tail())
        return (status["exec_file"], int(status["exec_pos"])) == place

    wait.until(there, timeout_s, lambda: f"{replica} to be at {place}: {replica.replica_status()}")


WAYS = {
    "mysql97": [{}, {"auto_position": True}],
    "mysql57": [{}, {"auto_position": True}],
    "mariadb10": [{}, {"slave_pos": True}],
    "mariadb11": [{}, {"slave_pos": True}],
}


@each(*WAYS)
@limit(240)
def test_replicas_go_on_over_a_hole(scene, kind):
    """Attached or away meanwhile, and stopped and started right behind it."""
    switch = Switch(scene, kind)
    switch.write(switch.a)
    switch.write_much()
    replicas = [attach(scene, switch, how) for how in WAYS[kind]]
    switch.replicas_caught_up(*replicas)
    away = replicas[0]
    switch.write(switch.a)
    switch.replicas_caught_up(*replicas)
    away.stop_replica()
    switch.make()
    for _ in range(2):
        away.start_replica()
        for replica in replicas:
            wait_place(replica, switch.relay_place())
            assert replica.table_checksums("d") == switch.b.table_checksums("d")
        away.stop_replica()
        switch.write(switch.b)
    away.start_replica()
    for replica in replicas:
        replica.stop_replica()
        replica.start_replica()
        wait_place(replica, switch.relay_place())
        assert replica.table_checksums("d") == switch.b.table_checksums("d")


def assert_shown(switch, old_end):
    """SHOW BINLOG EVENTS names each event of the hole, and the ROTATE that closed a's file."""
    file, hole_end = switch.hole
    rows = switch.relay.sql(f"SHOW BINLOG EVENTS IN '{file}'")
    holes = [row for row in rows if row[3] == 0]
    assert len(holes) > 1
    assert holes[-1][4] == hole_end
    assert all(a[4] == b[1] for a, b in zip(rows, rows[1:]) if a[4])
    closing = switch.relay.sql(f"SHOW BINLOG EVENTS IN '{old_end[0]}' FROM {old_end[1]}")
    assert [(row[2], row[5]) for row in closing] == [("Rotate", f"{file};pos=4")]


@each("mysql97", "mysql80", "mysql56", "mysql55", "mariadb10", "mariadb11")
@limit(120)
def test_every_mysqlbinlog_reads_a_file_with_a_hole(scene, kind):
    """From disk as from the relay; a raw copy is the file, and the sparse file takes no room."""
    switch = Switch(scene, kind)
    switch.write_much()
    assert_shown(switch, switch.make())
    assert switch.relay.cli("verify")
    path = switch.relay.files()[-1]
    switch.relay.wait_published(*switch.relay_place())
    content = path.read_bytes()
    assert path.stat().st_blocks * 512 < len(content) // 4, "the hole is on disk"
    verify = ["--verify-binlog-checksum"] if kind != "mysql55" else []
    printed = switch.a.run("binlog", *verify, "-v", path)
    assert b"the first one of b" in printed
    login = [f"--host={switch.relay.host}", f"--port={switch.relay.port}", f"--user={REPL[0]}",
             f"--password={REPL[1]}", "--read-from-remote-server"]
    sent = switch.a.run("binlog", *login, *verify, "-v", path.name)
    assert b"the first one of b" in sent
    assert b"large" not in sent
    if kind != "mysql55":
        folder = scene.path("raw")
        folder.mkdir()
        switch.a.run("binlog", *login, "--raw", f"--result-file={folder}/", path.name)
        copy = (folder / path.name).read_bytes()
        assert len(copy) == switch.relay_place()[1]
        assert copy[IN_USE + 1:] == content[IN_USE + 1:len(copy)]


@each("mysql55", "mariadb10")
@limit(120)
def test_a_relay_behind_a_relay_copies_the_hole(scene, kind):
    """Its files stay images of the first one's."""
    switch = Switch(scene, kind)
    second = scene.relay(switch.relay)
    switch.write_much()
    switch.make()
    switch.write(switch.b)
    place = switch.relay_place()
    switch.relay.wait_published(*place)
    second.wait_published(*place)
    for ours, theirs in zip(switch.relay.files(), second.files(), strict=True):
        assert ours.name == theirs.name
        assert ours.read_bytes()[IN_USE + 1:] == theirs.read_bytes()[IN_USE + 1:], ours.name
    assert second.cli("verify")


@each("mysql97", "mariadb10")
@limit(120)
def test_a_copy_that_never_stops_lives_through_a_switch(scene, kind):
    """mysqlbinlog --raw --stop-never, attached to a relay that goes over to b by command."""
    switch = Switch(scene, kind)
    switch.write_much()
    folder = scene.path("raw")
    folder.mkdir()
    relay, first = switch.relay, switch.relay.files()[0].name
    scene.process("mysqlbinlog", *switch.a.kind.programs.find("binlog"), "--no-defaults",
                  "--read-from-remote-server", f"--host={relay.host}", f"--port={relay.port}",
                  f"--user={REPL[0]}", f"--password={REPL[1]}", "--raw", "--stop-never",
                  f"--result-file={folder}/", first)
    wait.until((folder / first).exists, 30, "the copy to begin")
    relay.settings["source b"] = {**relay.settings["source a"], "port": switch.b.port}
    relay.write_config()
    relay.cli("reload")
    switch.b.wait_for(switch.a)
    relay.wait_caught_up(switch.a)
    switch.b.stop_replica()
    switch.write(switch.b)
    relay.cli("switch", "b")
    wait.until(lambda: len(relay.files()) == 2, 30, "b's file to begin")
    file, end = switch.relay_place()
    wait.until(lambda: (folder / file).exists() and (folder / file).stat().st_size >= end, 60,
               lambda: f"{file} to be copied up to {end}\n{relay.tail()}")
    for path in relay.files():
        assert (folder / path.name).read_bytes()[IN_USE + 1:] == path.read_bytes()[IN_USE + 1:]


@each("mysql97 by GTID", "mysql97 by position", "mariadb10 by GTID")
@limit(240)
def test_debezium_goes_on_over_a_hole(scene, mode):
    """Cut off by the switch, it comes back by itself; nothing is missing or comes twice."""
    switch = Switch(scene, mode.split()[0], **(NO_GTIDS if "position" in mode else {}))
    consumer = scene.debezium(switch.relay, "d",
                              properties={"connect.keep.alive.interval.ms": 500})
    switch.write_much()
    switch.make()
    switch.write(switch.b)
    mark_end(switch.b, "d")
    rows = [record["value"]["after"]["v"] for record in streamed(consumer.wait_for_end())
            if record["topic"] == "srv.d.t" and record["value"]["op"] == "c"]
    assert rows == ["large"] * LARGE_ROWS + ["the first one of b"] + \
        [v for i in range(3) for v in (str(i), "b", "c")]
