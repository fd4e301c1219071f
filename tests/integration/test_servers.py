"""The real servers that other tests stand on do what those tests take for granted."""

import os
import signal
import subprocess
import sys

from lib import cache, wait
from lib.errors import Failure, Unavailable
from lib.harness import ROOT
from lib.kinds import KINDS
from lib.marks import each
from lib.ports import Port
from lib.servers import REPL

WORKLOAD = """
    CREATE DATABASE g;
    CREATE TABLE g.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(30));
    INSERT INTO g.t (v) VALUES ('one'), ('two');
    UPDATE g.t SET v = 'zwei' WHERE id = 2
"""

BOTH_KINDS = ("mysql97", "mariadb10")
BOTH = each(*BOTH_KINDS)


@BOTH
def test_a_server_starts_with_an_empty_binlog(scene, kind):
    """A new server answers, is the version asked for, and has written no transaction."""
    server = scene.server(kind)
    version = ".".join(map(str, server.kind.version))
    assert server.variable("version").startswith(version), server.variable("version")
    assert server.gtids() == ""
    assert [path.name for path in server.binlogs()] == ["binlog.000001"]
    assert server.position()[1] == server.binlogs()[0].stat().st_size
    assert os.kill(server.pid, 0) is None and server.port < 32768


@BOTH
def test_options_reach_the_server(scene, kind):
    """Options given by a test are in force, and None takes a default away."""
    server = scene.server(kind, server_id=77, log_bin="mysql-bin", binlog_checksum="NONE",
                          max_binlog_size=8192, sync_binlog=None)
    assert server.variable("server_id") == 77
    assert server.variable("binlog_checksum") == "NONE"
    assert server.variable("max_binlog_size") == 8192
    assert server.binlogs()[0].name == "mysql-bin.000001"
    assert not any("sync-binlog" in word for word in server._arguments())


@BOTH
def test_users_exist_without_being_in_the_binlog(scene, kind):
    """The relay's user can log in over TCP, and neither it nor a created one is replicated."""
    server = scene.server(kind)
    server.create_user("extra", "secret", "SELECT ON *.*")
    for user, password in (REPL, ("extra", "secret")):
        server.connect(user, password).close()
    assert server.gtids() == ""


@BOTH
def test_a_replica_follows_by_gtid(scene, kind):
    """Two servers replicate among each other positioned by GTID, from the very beginning."""
    source, replica = scene.server(kind), scene.server(kind)
    source.sql(WORKLOAD)
    by_gtid = "slave_pos" if source.kind.is_mariadb else "auto_position"
    replica.make_replica_of(source.host, source.port, *REPL, **{by_gtid: True})
    replica.wait_for(source)
    assert source.table_checksums("g") == replica.table_checksums("g")


@BOTH
def test_a_replica_follows_by_file_and_position(scene, kind):
    """Two servers replicate among each other by file and position, on over a rotation."""
    source, replica = scene.server(kind), scene.server(kind)
    replica.make_replica_of(source.host, source.port, *REPL, file="binlog.000001")
    source.sql(WORKLOAD)
    source.flush_binlog()
    source.sql("INSERT INTO g.t (v) VALUES ('three')")
    replica.wait_for(source)
    assert replica.replica_status()["exec_file"] == "binlog.000002"
    assert source.table_checksums("g") == replica.table_checksums("g")


@BOTH
def test_a_replica_goes_on_after_its_source_was_killed(scene, kind):
    """A source killed by SIGKILL comes back with its data, and its replica goes on by itself."""
    source, replica = scene.server(kind), scene.server(kind)
    replica.make_replica_of(source.host, source.port, *REPL, file="binlog.000001")
    source.sql(WORKLOAD)
    replica.wait_for(source)
    source.kill9()
    assert not source.running()
    source.start()
    source.sql("INSERT INTO g.t (v) VALUES ('four')")
    source.restart()
    source.sql("INSERT INTO g.t (v) VALUES ('five')")
    replica.wait_for(source)
    assert source.sql("SELECT COUNT(*) FROM g.t") == [(4,)]
    assert source.table_checksums("g") == replica.table_checksums("g")


@BOTH
def test_a_replica_that_cannot_go_on_is_a_failure_at_once(scene, kind):
    """Waiting for a replica whose SQL thread has stopped ends with the server's own words."""
    source, replica = scene.server(kind), scene.server(kind)
    replica.make_replica_of(source.host, source.port, *REPL, file="binlog.000001")
    source.sql(WORKLOAD)
    replica.wait_for(source)
    replica.sql("INSERT INTO g.t (v) VALUES ('in the way')")
    source.sql("INSERT INTO g.t (v) VALUES ('three')")
    try:
        replica.wait_for(source, timeout_s=60)
    except Failure as failure:
        assert "has stopped replicating" in str(failure) and "SQL No 1062" in str(failure), failure
    else:
        raise AssertionError("the replica went on over an error")


@BOTH
def test_mysqlbinlog_copies_a_binlog_byte_for_byte(scene, kind):
    """The family's own mysqlbinlog reads a server remotely and locally."""
    server = scene.server(kind)
    server.sql(WORKLOAD)
    server.flush_binlog()
    folder = scene.path("raw")
    folder.mkdir()
    user, password = REPL
    server.run("binlog", "--read-from-remote-server", "--raw", f"--host={server.host}",
               f"--port={server.port}", f"--user={user}", f"--password={password}",
               f"--result-file={folder}/", "binlog.000001")
    copy, original = folder / "binlog.000001", server.binlogs()[0]
    if server.kind.is_mariadb:
        # Without annotate events in the dump its copy is shorter; that it is readable is enough.
        assert b"CREATE DATABASE g" in server.run("binlog", copy)
    else:
        assert copy.read_bytes() == original.read_bytes()


@each(*(name for name in KINDS if name not in BOTH_KINDS))
def test_every_other_kind_replicates_too(scene, kind):
    """Each row of the table of servers starts, replicates to its like, restarts."""
    if KINDS[kind].large and not os.environ.get("BINRELAY_TEST_LARGE"):
        raise Unavailable("a download of hundreds of megabytes, made with BINRELAY_TEST_LARGE=1")
    source, replica = scene.server(kind), scene.server(kind)
    assert source.variable("version").startswith(".".join(map(str, source.kind.version)))
    replica.make_replica_of(source.host, source.port, *REPL, file=source.position()[0])
    source.sql(WORKLOAD)
    source.restart()
    source.sql("INSERT INTO g.t (v) VALUES ('three')")
    replica.wait_for(source)
    assert source.table_checksums("g") == replica.table_checksums("g")
    assert [path.name for path in source.binlogs()] == ["binlog.000001", "binlog.000002"]


def test_a_server_that_does_not_start_says_why(scene):
    """A wrong option ends in a failure that carries the server's log."""
    try:
        scene.server("mariadb10", no_such_option=1)
    except Failure as failure:
        assert "unknown variable 'no-such-option=1'" in failure.details, failure.details
    else:
        raise AssertionError("it started")


def test_ports_are_never_given_twice(scene):
    """Ports held by one process are not given to another, though nobody listens on them."""
    mine = [Port() for _ in range(50)]
    numbers = {port.number for port in mine}
    script = "from lib.ports import Port; print(*[p.number for p in [Port() for _ in range(50)]])"
    out = subprocess.run([sys.executable, "-c", script], cwd=ROOT / "tests", check=True,
                         capture_output=True, text=True).stdout
    others = set(map(int, out.split()))
    assert len(others) == len(numbers) == 50
    assert not others & numbers
    assert max(others | numbers) < 32768


def test_a_cached_folder_is_filled_once_by_two_at_once(scene):
    """Two processes that want the same download get one, and a broken one is not half-used."""
    script = (
        "import os, sys, time\nfrom lib import cache\n"
        "def fill(path):\n"
        "    with open(sys.argv[1], 'a') as log: log.write('x')\n"
        "    (path / 'a').write_text('1'); time.sleep(0.3)\n"
        "    if sys.argv[2] == 'crash': os._exit(1)\n"
        "    (path / 'b').write_text('2')\n"
        "made = cache.entry('thing', fill)\n"
        "print(sorted(os.listdir(made)))\n")
    log = scene.path("log")
    env = {**os.environ, "BINRELAY_TEST_CACHE": str(scene.path("cache"))}

    def begin(how):
        return subprocess.Popen([sys.executable, "-c", script, log, how], env=env,
                                cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True)

    assert begin("crash").wait() == 1
    both = [begin("fine"), begin("fine")]
    outputs = [child.communicate()[0] for child in both]
    assert outputs == ["['a', 'b']\n"] * 2, outputs
    assert log.read_text() == "xx", "filled more than once after the crash"


def test_a_refused_download_skips(scene):
    """What cannot be downloaded raises Unavailable, and is not asked for again and again."""
    os.environ["BINRELAY_TEST_CACHE"] = str(scene.path("cache"))
    asked = []

    def refuse(_path):
        asked.append(1)
        raise Unavailable("the mirror said no")

    for _ in range(2):
        try:
            cache.entry("thing", refuse)
        except Unavailable as reason:
            assert str(reason) == "the mirror said no"
        else:
            raise AssertionError("it was there")
    assert len(asked) == 1


def test_two_runs_at_once_do_not_collide(scene):
    """Two calls of tests/run, each with two servers, pass side by side and leave nothing."""
    assert all(KINDS[kind].programs for kind in BOTH_KINDS)
    name = "integration/servers.test_a_replica_follows_by_gtid"
    runs = [scene.process(f"run{i}", ROOT / "tests/run", "--no-build", "integration", "-k", name)
            for i in range(2)]
    for run in runs:
        wait.until(lambda run=run: not run.running(), 100, run.tail)
        assert run.log.read_text().endswith("\n2 passed, 0 failed, 0 skipped\n"), run.tail()


def test_an_interrupted_run_leaves_no_process(scene):
    """Ctrl-C in the middle of a test stops its servers before tests/run ends."""
    assert KINDS["mariadb10"].programs
    name = "integration/servers.test_a_replica_goes_on_after_its_source_was_killed[mariadb10]"
    run = scene.process("run", ROOT / "tests/run", "--no-build", "integration", "-k", name)
    servers = wait.until(lambda: children_of_children(run.pid), 60, run.tail)
    run.signal(signal.SIGINT)
    wait.until(lambda: not run.running(), 60, run.tail)
    assert run.exit_code() == 1
    assert run.log.read_text().endswith("\n0 passed, 1 failed, 0 skipped\n"), run.tail()
    for pid in servers:
        assert not os.path.exists(f"/proc/{pid}"), f"{pid} still runs"


def children_of_children(pid):
    """Of a harness: the programs that its tests have started."""
    def children(parent):
        try:
            with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as listed:
                return [int(word) for word in listed.read().split()]
        except FileNotFoundError:
            return []

    return [program for test in children(pid) for program in children(test)]
