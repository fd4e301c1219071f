"""The configuration, certificates and users read again, while consumers are streamed to."""

import contextlib
import json
import os
import signal
import ssl
import struct
import subprocess

import pymysql

from lib import wait
from lib.certificates import Authority
from lib.errors import Failure
from lib.relay import program
from lib.servers import REPL

STREAMS = 50
COM_BINLOG_DUMP = 0x12
XID_EVENT = 16


def reload(relay, code=0):
    """binrelay reload; gives its answer, or the error's text."""
    done = subprocess.run([program("binrelay"), "--config", relay.config, "--json", "reload"],
                          capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != code:
        raise Failure(f"reload: exit code {done.returncode}", done.stdout + done.stderr)
    return json.loads(done.stdout) if code == 0 else done.stderr


def stream(relay, server_id, file, pos, context):
    """A connection that is sent the binlog from there on."""
    connection = relay.connect(ssl=context)
    with connection.cursor() as cursor:
        cursor.execute("SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'")
    connection._execute_command(
        COM_BINLOG_DUMP, struct.pack("<IHI", pos, 0, server_id) + file.encode())
    event_type(connection)  # It has begun.
    return connection


def event_type(connection):
    """Of the next event."""
    return connection._read_packet().get_all_data()[5]


def serial(relay):
    """Of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.closing(relay.connect(ssl=context)) as connection:
        return connection._sock.getpeercert(binary_form=True)


def test_fifty_streams_survive_a_reload_with_another_certificate(scene):
    """By SIGHUP: every stream goes on over TLS and gets what comes after; new connections see the new
    certificate and the new limits."""
    authority = Authority(scene.path("ca"))
    cert, key = authority.issue("one", "IP:127.0.0.1")
    source = scene.server("mysql97")
    relay = scene.relay(source, settings={"listener": {"tls_cert": cert, "tls_key": key}})
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    relay.wait_caught_up(source)
    file, pos = source.position()
    context = ssl.create_default_context(cafile=str(authority.path))
    context.check_hostname = False
    streams = [stream(relay, 100000 + i, file, pos, context) for i in range(STREAMS)]
    streaming = lambda status: sum(s["server_id"] is not None for s in status["sessions"])
    relay.wait_status(lambda status: streaming(status) == STREAMS)
    before, ids = serial(relay), {s["id"] for s in relay.status()["sessions"]}
    new_cert, new_key = authority.issue("two", "IP:127.0.0.1")
    os.replace(new_cert, cert)
    os.replace(new_key, key)
    relay.settings["listener"]["login_timeout"] = "7s"
    relay.settings["user late"] = {"password": "late-pw"}
    relay.write_config()
    os.kill(relay.pid, signal.SIGHUP)
    wait.until(lambda: serial(relay) != before, 20, "the new certificate")
    wait.until(lambda: "[listener] login_timeout" in relay.log_text(), 10, "the log to say it")
    relay.connect("late", "late-pw").close()
    source.sql("INSERT INTO d.t VALUES (1)")
    for one in streams:
        while event_type(one) != XID_EVENT:
            pass
    left = {s["id"] for s in relay.status()["sessions"] if s["server_id"] is not None}
    assert left <= ids and len(left) == STREAMS, (len(left), len(ids))


def test_a_reload_says_what_counts_and_what_has_to_wait(scene):
    """Keys in force, keys that need a restart; errors leave all as it was, users included."""
    source = scene.server("mysql97")
    relay = scene.relay(source)
    assert reload(relay) == {"changed": [], "needs_restart": [], "warnings": []}
    connection = relay.connect()
    relay.settings["listener"] |= {"max_sessions": 2, "port": relay.port + 1}
    relay.settings["source a"]["start"] = "newest"
    relay.settings["user new"] = {"password": "new-pw"}
    relay.write_config()
    said = reload(relay)
    assert "[listener] max_sessions" in said["changed"], said
    assert "[user new] (new)" in said["changed"], said
    assert set(said["needs_restart"]) == {"[listener] port", "[source a] start"}, said
    second = relay.connect("new", "new-pw")
    try:
        relay.connect().close()
    except pymysql.err.OperationalError as error:
        assert error.args[0] == 1040, error
    else:
        raise Failure("one more than max_sessions")
    second.close()

    del relay.settings["user new"]
    relay.settings["listener"]["max_sesions"] = 7
    relay.write_config()
    said = reload(relay, code=1)
    assert "max_sesions" in said and "as it was" in said, said
    wait.until(lambda: len(relay.status()["sessions"]) == 1, 10, "the second session to end")
    relay.connect("new", "new-pw").close()

    del relay.settings["listener"]["max_sesions"]
    relay.settings["listener"] |= {"tls_cert": relay.config, "tls_key": relay.config}
    relay.write_config()
    said = reload(relay, code=1)
    assert "tls_cert" in said and "as it was" in said, said
    wait.until(lambda: len(relay.status()["sessions"]) == 1, 10, "the session to end")
    relay.connect("new", "new-pw").close()

    relay.settings["listener"] |= {"tls_cert": None, "tls_key": None}
    relay.write_config()
    said = reload(relay)
    assert "[user new] (gone)" in said["changed"], said
    connection.ping(reconnect=False)


def test_a_source_with_another_password_is_reached_while_consumers_stream(scene):
    """Keys of the source count for a new connection to it, at once; a stream only sees what comes."""
    source = scene.server("mysql97")
    relay = scene.relay(source)
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    relay.wait_caught_up(source)
    one = stream(relay, 100000, *source.position(), None)
    source.create_user("second", "second-pw", "REPLICATION SLAVE, REPLICATION CLIENT ON *.*")
    relay.settings["source a"] |= {"user": "second", "password": "second-pw"}
    relay.write_config()
    said = reload(relay)
    assert len(said["changed"]) == 2 and not said["needs_restart"], said
    assert all(what.startswith("[source a] ") for what in said["changed"]), said
    wait.until(lambda: source.sql("SELECT 1 FROM information_schema.processlist WHERE "
                                  "user = 'second' AND command LIKE 'Binlog Dump%%'"), 20,
               lambda: f"the new account to dump\n{relay.tail()}")
    source.sql("INSERT INTO d.t VALUES (1)")
    while event_type(one) != XID_EVENT:
        pass
    assert not reload(relay)["changed"]
    relay.settings["source a"] |= {"user": REPL[0], "password": REPL[1]}
    relay.write_config()
    reload(relay)
    relay.wait_status(lambda status: status["source"]["state"] == "following")
    source.sql("INSERT INTO d.t VALUES (2)")
    while event_type(one) != XID_EVENT:
        pass
    relay.stop()


def test_a_reload_while_no_daemon_runs_says_so(scene):
    """And names what to do."""
    relay = scene.relay(scene.server("mysql97"), start=False)
    relay.write_config()
    relay.data.mkdir()
    assert "binrelayd" in reload(relay, code=1)
