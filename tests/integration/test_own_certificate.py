"""Without a certificate of its owner's the relay offers TLS as servers do: by one it made itself."""

import subprocess

from lib.cutter import Cutter
from lib.marks import each
from lib.servers import REPL


def tls_of_streams(relay):
    return [s["tls"] for s in relay.status()["sessions"] if s["server_id"]]


@each("mariadb11 slave_pos", "mariadb11 file")
def test_a_mariadb_replica_that_verifies_the_certificate_is_satisfied(scene, way):
    """MariaDB 11.4 and later want TLS and the proof that the server knows the password."""
    kind, way = way.split()
    source = scene.server(kind)
    relay = scene.relay(source)
    replica = scene.server(kind)
    place = {"slave_pos": True} if way == "slave_pos" else {"file": source.binlogs()[0].name}
    replica.make_replica_of(relay.host, relay.port, *REPL, ssl=True, ssl_verify_server_cert=1,
                            heartbeat_period=1, **place)
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)")
    replica.wait_for(source)
    assert [row[0] for row in replica.sql("SELECT id FROM d.t")] == [1]
    assert tls_of_streams(relay) == [True]


def test_mariadb_tools_verify_by_the_password_and_refuse_another_server(scene):
    """mariadb-binlog as it comes; with a password that only the client believes in it is no use."""
    source = scene.server("mariadb11")
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    at = ("--read-from-remote-server", f"--host={relay.host}", f"--port={relay.port}",
          f"--user={REPL[0]}")
    printed = source.run("binlog", *at, f"--password={REPL[1]}", source.binlogs()[0].name)
    assert b"Start: binlog" in printed
    argv = [*source.kind.programs.find("binlog"), "--no-defaults", *at, "--password=wrong",
            source.binlogs()[0].name]
    refused = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "Access denied" in refused.stderr, refused.stderr


@each("mysql97")
def test_mysql_clients_that_demand_tls_get_it(scene, kind):
    """--ssl-mode=REQUIRED; the certificate stays the same through a restart."""
    source = scene.server(kind)
    relay = scene.relay(source)
    relay.wait_caught_up(source)

    def printed():
        return source.run("binlog", "--read-from-remote-server", f"--host={relay.host}",
                          f"--port={relay.port}", f"--user={REPL[0]}", f"--password={REPL[1]}",
                          "--ssl-mode=REQUIRED", source.binlogs()[0].name)

    assert b"Start: binlog" in printed()
    own = (relay.data / "tls.pem").read_bytes()
    assert (relay.data / "tls.pem").stat().st_mode & 0o777 == 0o600
    relay.restart()
    assert (relay.data / "tls.pem").read_bytes() == own
    assert b"Start: binlog" in printed()


def test_an_own_certificate_that_is_broken_is_made_anew(scene):
    source = scene.server("mysql97")
    relay = scene.relay(source)
    relay.stop()
    (relay.data / "tls.pem").write_text("nothing")
    relay.start()
    assert "is made anew" in relay.log_text()
    assert b"BEGIN CERTIFICATE" in (relay.data / "tls.pem").read_bytes()


def test_tls_can_be_switched_off(scene):
    """Then a client that demands it is told so."""
    source = scene.server("mysql97")
    relay = scene.relay(source, settings={"listener": {"tls": "no"}})
    assert not (relay.data / "tls.pem").exists()
    argv = [*source.kind.programs.find("binlog"), "--no-defaults", "--read-from-remote-server",
            f"--host={relay.host}", f"--port={relay.port}", f"--user={REPL[0]}",
            f"--password={REPL[1]}", "--ssl-mode=REQUIRED", source.binlogs()[0].name]
    refused = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "SSL" in refused.stderr, refused.stderr


def test_a_slow_reader_gets_every_byte_through_tls(scene):
    """The socket is full again and again, in the middle of what was encrypted."""
    source = scene.server("mysql97")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB)")
    for size in (100, 5000, 20000, 300000, 900000):
        for _ in range(10):
            source.sql(f"INSERT INTO d.t (b) VALUES (REPEAT('x', {size}))")
    source.flush_binlog()
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    way = scene.add(Cutter(relay, seed=1, times=0, pause_s=0.005))
    folder = scene.path("copies")
    folder.mkdir()
    path = source.binlogs()[0]
    source.run("binlog", "--read-from-remote-server", f"--host={way.host}", f"--port={way.port}",
               f"--user={REPL[0]}", f"--password={REPL[1]}", "--ssl-mode=REQUIRED", "--raw",
               f"--result-file={folder}/", path.name)
    assert (folder / path.name).read_bytes() == path.read_bytes()
