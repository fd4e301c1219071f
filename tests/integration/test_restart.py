"""A restart in order: consumers come back at once, and nothing is lost or comes twice."""

import os
import signal
import socket
import subprocess
import time

import pymysql

from lib import wait
from lib.errors import Failure
from lib.load import Load
from lib.marks import alone, each
from lib.relay import program
from lib.servers import REPL


def served(relay):
    try:
        relay.connect(connect_timeout=5).close()
    except pymysql.err.OperationalError:
        return False
    return True


def dump_to(scene, source, relay, folder):
    """mysqlbinlog --raw --stop-never, begun again whenever it ends, as a backup script does."""
    script = (f"while sleep 0.2; do last=$(ls {folder} | tail -1);"
              " \"$@\" ${last:-" + source.binlogs()[0].name + "}; done")
    address = (f"--host={relay.host}", f"--port={relay.port}", f"--user={REPL[0]}",
               f"--password={REPL[1]}", "--read-from-remote-server")
    return scene.process("backup", "sh", "-c", script, "sh", *source.kind.programs.find("binlog"),
                         "--no-defaults", *address, "--raw", "--stop-never",
                         f"--result-file={folder}/")


@each("mysql97", "mariadb10")
def test_consumers_are_back_at_once(scene, kind):
    """binrelay restart under load: a replica that retries every minute only, and mysqlbinlog, go on."""
    source, replica = scene.server(kind), scene.server(kind)
    relay = scene.relay(source)
    folder = scene.path("backup")
    folder.mkdir()
    with Load(source) as load:
        way = {"slave_pos" if source.kind.is_mariadb else "auto_position": True}
        replica.make_replica_of(relay.host, relay.port, *REPL, connect_retry=60, **way)
        wait.until(lambda: replica.replica_status()["io_running"] == "Yes", 20, "the replica")
        dump_to(scene, source, relay, folder)
        wait.until(lambda: any(folder.iterdir()), 20, "mysqlbinlog to begin")
        pid = relay.pid
        for _ in range(3):
            text = relay.cli("restart")
            assert text.startswith("restarted, in "), text
            print(text)
            assert served(relay)
            # It has come back without its minute's pause.
            wait.until(lambda: any(s["server_id"] == replica.variable("server_id")
                                   for s in relay.status()["sessions"]), 10,
                       lambda: f"the replica to be back: {relay.status()['sessions']}")
        assert relay.pid == pid and relay.running()
    source.flush_binlog()
    replica.wait_for(source, timeout_s=30)
    assert replica.table_checksums("load_test") == source.table_checksums("load_test")
    numbers = replica.sql("SELECT COUNT(*), COUNT(DISTINCT n), MAX(n) FROM load_test.journal")[0]
    assert numbers == (load.committed,) * 3, (numbers, load.committed)
    closed = source.binlogs()[:-1]

    def is_copied():
        return all((folder / path.name).exists()
                   and (folder / path.name).read_bytes() == path.read_bytes() for path in closed)

    wait.until(is_copied, 30, lambda: f"{closed} to be copied: {sorted(folder.iterdir())}")


def test_a_restart_is_refused_while_the_configuration_is_wrong(scene):
    """The running daemon stays, by the command and by SIGUSR2."""
    relay = scene.relay(scene.server("mariadb10"))
    before = relay.status()["started_ms"]
    good = relay.config.read_text()
    relay.config.write_text(good + "\n[nonsense]\n")
    done = subprocess.run([program("binrelay"), "--config", relay.config, "restart"],
                          capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1 and "there is no section [nonsense]" in done.stderr, done
    os.kill(relay.pid, signal.SIGUSR2)
    wait.until(lambda: "not restarted" in relay.log_text(), 10, "the refusal to be logged")
    assert relay.status()["started_ms"] == before
    relay.config.write_text(good)
    os.kill(relay.pid, signal.SIGUSR2)
    relay.wait_status(lambda status: status["started_ms"] != before)
    relay.stop()


def test_a_service_manager_may_hold_the_sockets(scene):
    """LISTEN_FDS: who connects while no daemon runs is served by the next one."""
    source = scene.server("mariadb10")
    relay = scene.relay(source)
    relay.stop()
    with socket.create_server((relay.host, relay.port), backlog=16) as held:
        script = ('exec 3<&"$0"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"')
        waiting = socket.create_connection((relay.host, relay.port), timeout=20)
        daemon = subprocess.Popen(["sh", "-c", script, str(held.fileno()),
                                   program("binrelayd"), relay.config],
                                  pass_fds=[held.fileno()], stderr=subprocess.PIPE)
        try:
            greeting = waiting.recv(100)
            assert b"MariaDB" in greeting, greeting
        finally:
            waiting.close()
            daemon.terminate()
            assert daemon.wait(10) == 0, daemon.stderr.read()
            daemon.stderr.close()


@alone
def test_stop_and_start_take_under_a_second(scene):
    """From SIGTERM on: consumers are served again, with a stream and a publisher that must end first."""
    source = scene.server("mariadb10")
    relay = scene.relay(source, publish="d")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    replica = scene.server("mariadb10")
    replica.make_replica_of(relay.host, relay.port, *REPL, slave_pos=True)
    replica.wait_for(source)
    times = []
    for _ in range(3):
        begin = time.monotonic()
        relay.stop()
        relay.launch()
        wait.until(lambda: served(relay), 10, "to be served", pause_s=0.01)
        times.append(time.monotonic() - begin)
        relay.wait_answers()
    if min(times) >= 1:
        raise Failure(f"a restart took {times} s")
