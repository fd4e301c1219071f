"""What can be wrong on the way to the source: each gets a sentence, and the daemon lives."""

import os
import subprocess
import time

from lib import wait
from lib.disk import small_disk
from lib.errors import Failure
from lib.marks import each
from lib.ports import Port
from lib.servers import REPL

BOTH = each("mysql97", "mariadb10")
TABLE = "CREATE DATABASE w; CREATE TABLE w.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB)"


def launched(scene, source, **keys):
    """A relay whose [source a] has these keys; it runs, but consumers can't be served yet."""
    relay = scene.relay(source, start=False, settings={"source a": {"retry_max": 2, **keys}})
    return relay.launch()


def said(relay):
    """What the operator sees of the source, as soon as the relay answers."""
    try:
        return relay.status()["source"]
    except Failure:
        return {}


def assert_tells(relay, *parts):
    """The problem is in the status and in the log, once; and the daemon lives."""
    def told():
        relay.process.must_run()
        problem = said(relay).get("problem")
        return problem and all(part in problem for part in parts)

    wait.until(told, 30, lambda: f"a problem with {parts}, it is {said(relay)}\n{relay.tail()}")
    time.sleep(2)  # It is tried again and again, and said once.
    lines = [line for line in relay.log_text().splitlines() if parts[0] in line]
    assert len(lines) == 1, lines
    relay.process.must_run()


@BOTH
def test_a_wrong_password_is_told_and_tried_again(scene, kind):
    """The account is named, the password is not; when it is put right the relay goes on."""
    source = scene.server(kind)
    relay = launched(scene, source, password="wrong-one")
    assert_tells(relay, "Access denied", f"repl@127.0.0.1:{source.port}", "check the user name")
    assert "wrong-one" not in relay.log_text()
    source.sql(f"SET sql_log_bin = 0; ALTER USER {REPL[0]}@'%' IDENTIFIED BY 'wrong-one'")
    relay.wait_caught_up(source)
    assert relay.status()["source"]["problem"] is None


def test_an_unknown_host_is_told(scene):
    """With the host's name, and what to check."""
    source = scene.server("mariadb10")
    relay = launched(scene, source, host="no-such-host.invalid")
    assert_tells(relay, "no-such-host.invalid", "check the host name")
    assert relay.process.stop() == 0


def test_a_refused_connection_is_told(scene):
    """A port where nobody listens."""
    source = scene.server("mariadb10")
    port = Port()
    scene.finally_do(port.release)
    relay = launched(scene, source, port=port.number)
    assert_tells(relay, f"127.0.0.1:{port.number}", "check that the server runs there")


@BOTH
def test_the_sources_own_server_id_is_refused(scene, kind):
    """The relay's server_id must not be the source's."""
    source = scene.server(kind)
    relay = launched(scene, source, server_id=source.variable("server_id"))
    assert_tells(relay, "is the source's own", "[source a]")


@BOTH
def test_a_server_without_binlog_is_told_what_to_set(scene, kind):
    """log_bin=OFF can't be followed."""
    source = scene.server(kind, log_bin=False, gtid_mode=None, enforce_gtid_consistency=None,
                          log_slave_updates=None, log_replica_updates=None)
    relay = launched(scene, source)
    assert_tells(relay, "writes no binlog", "set log_bin")


@BOTH
def test_an_account_without_rights_is_told_what_to_grant(scene, kind):
    """A login that may do nothing."""
    source = scene.server(kind)
    source.create_user("poor", "pw")
    relay = launched(scene, source, user="poor", password="pw")
    assert_tells(relay, "GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT")


def test_a_replica_with_the_same_server_id_is_told(scene):
    """Two relays of one server_id throw each other out of a MariaDB source: both say why."""
    source = scene.server("mariadb10")
    relays = [launched(scene, source, server_id=77) for _ in range(2)]

    def told():
        return any("another replica uses the same server_id" in relay.log_text()
                   for relay in relays)

    wait.until(told, 40, lambda: "the clash\n" + "\n".join(relay.tail() for relay in relays))
    for relay in relays:
        relay.process.must_run()


@BOTH
def test_an_unknown_start_file_is_told(scene, kind):
    """start = FILE:POSITION with a file that the source does not have."""
    source = scene.server(kind)
    relay = launched(scene, source, start="binlog.000009:4")
    assert_tells(relay, "start = binlog.000009:4: the source has no such binlog")


@BOTH
def test_a_start_behind_the_end_is_told(scene, kind):
    """start = FILE:POSITION with a position that the file does not have."""
    source = scene.server(kind)
    relay = launched(scene, source, start="binlog.000001:99999")
    assert_tells(relay, "start = binlog.000001:99999: the file has only")


@BOTH
def test_a_start_inside_an_event_is_told_and_nothing_is_stored(scene, kind):
    """start = FILE:POSITION at every place around an event's start but the start itself."""
    source = scene.server(kind)
    source.sql(TABLE)
    file, pos = source.position()
    source.sql("INSERT INTO w.t (v) VALUES (repeat('x', 500))")
    source.sql("INSERT INTO w.t (v) VALUES (repeat('y', 500))")
    for off in (-1, 1, 19, 40):
        relay = launched(scene, source, start=f"{file}:{pos + off}")
        assert_tells(relay, f"start = {file}:{pos + off} is not where an event begins")
        assert not relay.files(), relay.files()
        assert relay.process.stop() == 0


@BOTH
def test_a_file_that_the_source_has_purged_is_told(scene, kind):
    """The relay was away for too long: it says so, and goes on serving what it holds."""
    source = scene.server(kind)
    relay = scene.relay(source, settings={"source a": {"retry_max": 2}})
    source.sql(TABLE)
    relay.wait_caught_up(source)
    held = relay.published()
    relay.stop()
    for _ in range(2):
        source.flush_binlog()

    def purged():
        # A file is kept while the source has not noticed yet that its reader is gone.
        source.sql(f"PURGE BINARY LOGS TO '{source.position()[0]}'")
        return len(source.binlogs()) == 1

    wait.until(purged, 30, "the source to purge its binlogs")
    relay.launch()
    assert_tells(relay, "the source does not have this file (any more)")
    assert relay.published() == held
    relay.connect().close()


@BOTH
def test_another_server_behind_the_address_stops_the_relay(scene, kind):
    """Nothing of it is mixed in; consumers are still served; the state is 'stopped'."""
    source = scene.server(kind)
    relay = scene.relay(source)
    source.sql(TABLE)
    relay.wait_caught_up(source)
    held = relay.published()
    relay.stop()
    other = scene.server(kind)
    other.sql(TABLE + "; INSERT INTO w.t (v) VALUES ('of the other')")
    relay.settings["source a"]["port"] = other.port
    relay.launch()
    assert_tells(relay, "is another server")
    assert said(relay)["state"] == "stopped", said(relay)
    assert relay.published() == held
    relay.connect().close()


@BOTH
def test_a_source_that_begins_anew_stops_the_relay(scene, kind):
    """RESET MASTER: the same server, but not the binlog that is held."""
    source = scene.server(kind)
    relay = scene.relay(source)
    source.sql(TABLE)
    relay.wait_caught_up(source)
    relay.stop()
    held = [path.read_bytes() for path in relay.files()]
    source.sql("RESET MASTER" if source.kind.is_mariadb else "RESET BINARY LOGS AND GTIDS")
    relay.launch()
    wait.until(lambda: said(relay).get("state") == "stopped", 30,
               lambda: f"the relay to stop, it says {said(relay)}\n{relay.tail()}")
    assert said(relay)["problem"], said(relay)
    assert [path.read_bytes() for path in relay.files()] == held
    relay.connect().close()


@BOTH
def test_a_full_disk_is_told_and_survived(scene, kind):
    """The relay waits, serves what it has, and goes on when there is room: not a byte is wrong."""
    source = scene.server(kind)
    with small_disk(scene.path("disk"), "12m") as disk:
        relay = scene.relay(source, start=False, settings={
            "relay": {"data": disk / "data", "reserve": "none"}, "source a": {"retry_max": 1}})
        relay.data = disk / "data"
        relay.start()
        source.sql(TABLE)
        relay.wait_caught_up(source)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(7 * 1024 * 1024))
        for _ in range(8):
            source.sql("INSERT INTO w.t (v) VALUES (repeat('x', 1000000))")
        try:
            assert_tells(relay, "No space left")
            relay.connect().close()
            held = relay.published()
            relay.process.must_run()
            assert relay.published() == held
        finally:
            ballast.unlink()
        source_bytes = source.binlogs()[0].stat().st_size
        subprocess.run(["mount", "-o", f"remount,size={2 * source_bytes}", disk], check=True)
        relay.wait_caught_up(source)
        end = relay.published()[1]
        ours, theirs = relay.files()[0].read_bytes(), source.binlogs()[0].read_bytes()
        assert ours[22:end] == theirs[22:end]
        assert relay.status()["source"]["problem"] is None
        relay.stop()
        assert os.path.exists(relay.data)
