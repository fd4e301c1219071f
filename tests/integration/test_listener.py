"""Connections to the relay: TLS, passwords by every method, and clients that are up to no good."""

import os
import random
import socket
import ssl
import struct
import subprocess
import time

import pymysql

from lib import wait
from lib.errors import Failure
from lib.marks import each
from lib.servers import REPL

BOTH = each("mysql97", "mariadb10")


def certificate(scene):
    """Settings of a listener with a certificate of its own."""
    cert, key = scene.path("cert.pem"), scene.path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=relay", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return {"listener": {"tls_cert": cert, "tls_key": key}}


def relay_of(scene, kind, settings=None):
    source = scene.server(kind)
    relay = scene.relay(source, settings=settings)
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    relay.wait_caught_up(source)
    return source, relay


@BOTH
def test_replicas_and_tools_stream_through_tls(scene, kind):
    """The family's replica and mysqlbinlog, both with TLS demanded."""
    source, relay = relay_of(scene, kind, certificate(scene))
    replica = scene.server(kind)
    replica.make_replica_of(relay.host, relay.port, *REPL, ssl=True, file="binlog.000001")
    source.sql("INSERT INTO d.t VALUES (1), (2), (3)")
    replica.wait_for(source)
    assert [s["tls"] for s in relay.status()["sessions"] if s["server_id"]] == [True]
    required = ["--ssl-mode=REQUIRED"] if not source.kind.is_mariadb else ["--ssl"]
    out = source.run("binlog", "--read-from-remote-server", f"--host={relay.host}",
                     f"--port={relay.port}", f"--user={REPL[0]}", f"--password={REPL[1]}",
                     *required, "binlog.000001")
    assert b"COMMIT" in out


@BOTH
def test_a_user_that_must_use_tls_is_refused_without(scene, kind):
    """require_tls: in the clear it is error 1045, through TLS it is in."""
    settings = certificate(scene)
    settings[f"user {REPL[0]}"] = {"require_tls": "yes"}
    source = scene.server(kind)
    relay = scene.relay(source, settings=settings, start=False)
    relay.launch()

    def refused():
        relay.process.must_run()
        try:
            relay.connect().close()
        except pymysql.err.OperationalError as error:
            return error.args[0] == 1045
        except OSError:
            return False
        raise Failure("the user got in without TLS")

    wait.until(refused, 30, "a refusal", pause_s=0.2)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with relay.connect(ssl=context) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchall() in (((1,),), (("1",),))


@each("caching_sha2_password", "mysql_native_password")
def test_users_log_in_by_the_method_set_for_them(scene, method):
    """First login in full (by RSA, in the clear), later ones by the short way."""
    source = scene.server("mysql97")
    relay = scene.relay(source, settings={f"user {REPL[0]}": {"auth": method}})
    for _ in range(3):
        with relay.connect() as connection:
            connection.ping(reconnect=False)
    client = source.run("client", f"--host={relay.host}", f"--port={relay.port}",
                        f"--user={REPL[0]}", f"--password={REPL[1]}", "--get-server-public-key",
                        "--ssl-mode=DISABLED", "--batch", "--execute=SELECT @@server_id") \
        if method == "caching_sha2_password" else b"@@server_id"
    assert b"@@server_id" in client


# ---- clients up to no good

def raw(relay):
    return socket.create_connection((relay.host, relay.port), timeout=10)


def rest_of(connection):
    """What comes until the relay closes."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def greeting(connection):
    head = connection.recv(4, socket.MSG_WAITALL)
    return connection.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL)


def packet(sequence, payload):
    return struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload


def send_all(connection, data):
    """As much as the relay takes: it may close in the middle."""
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def assert_memory(relay, before_kib):
    """A sanitizer's build needs more by its nature."""
    if "BINRELAY_BUILD" not in os.environ:
        assert relay.memory_kib() < before_kib + 8192, (before_kib, relay.memory_kib())


def alive(relay):
    with relay.connect() as connection:
        connection.ping(reconnect=False)
    relay.process.must_run()


def test_clients_that_send_rubbish_are_dropped_and_cost_nothing(scene):
    """16 MB of zeros, garbage, cut and oversized packets, before and after login."""
    _, relay = relay_of(scene, "mariadb10")
    before_kib = relay.memory_kib()
    rng = random.Random(int(os.environ.get("SEED", "1")))

    for rubbish in (bytes(16 << 20), rng.randbytes(16 << 20), b"\xff" * 70000,
                    b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n", packet(1, b""), packet(1, b"\x85"),
                    packet(1, bytes(65537)), packet(7, b"\x85\xa2\x03\x00"), b"\xff\xff\xff\x01"):
        with raw(relay) as connection:
            greeting(connection)
            send_all(connection, rubbish)
            connection.shutdown(socket.SHUT_WR)
            rest_of(connection)
    alive(relay)

    for rubbish in (bytes(16 << 20), packet(0, b"\x03" + bytes(1 << 20)), b"\xff\xff\xff\x00\x03",
                    packet(0, b""), packet(0, b"\x12"), packet(0, b"\x1e" + rng.randbytes(300)),
                    packet(0, b"\x15\x01"), packet(0, b"\x03" + rng.randbytes(1000)),
                    packet(0, b"\xfe" * 100), packet(5, b"\x0e"),
                    *(packet(0, rng.randbytes(rng.randrange(1, 400))) for _ in range(50))):
        connection = relay.connect()
        send_all(connection._sock, rubbish)
        connection._sock.shutdown(socket.SHUT_WR)
        connection._sock.settimeout(10)
        rest_of(connection._sock)
        connection._force_close()
    alive(relay)
    assert_memory(relay, before_kib)
    for line in relay.log_text().splitlines():
        assert len(line) < 2000, line[:200]


def test_a_packet_that_is_too_large_is_answered(scene):
    """Error 1153 after login, "Bad handshake" before."""
    _, relay = relay_of(scene, "mariadb10")
    with raw(relay) as connection:
        greeting(connection)
        send_all(connection, b"\xff\xff\xfe\x01" + bytes(100))
        answer = rest_of(connection)
    assert answer[4] == 0xff and struct.unpack_from("<H", answer, 5)[0] == 1043, answer
    connection = relay.connect()
    # As long as a packet can be, and so the first of a command that has more of them: only some statements may.
    send_all(connection._sock, b"\xff\xff\xff\x00\x03" + bytes(0xfffffe))
    connection._sock.settimeout(60)
    answer = rest_of(connection._sock)
    connection._force_close()
    assert answer[4] == 0xff and struct.unpack_from("<H", answer, 5)[0] == 1153, answer


def test_a_login_byte_by_byte_works(scene):
    """However the network cuts the bytes, they mean the same."""
    _, relay = relay_of(scene, "mariadb10")

    class Slow(socket.socket):
        def sendall(self, data, *flags):
            for i in range(len(data)):
                super().sendall(data[i:i + 1], *flags)
                time.sleep(0.0005)

    plain = socket.create_connection((relay.host, relay.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    slow = Slow(fileno=plain.detach())
    connection = relay.connect(defer_connect=True)
    connection.connect(slow)
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@server_id")
        assert len(cursor.fetchall()) == 1
    connection.close()


def test_who_does_not_log_in_is_dropped_after_a_while(scene):
    """login_timeout, whether the client is silent or sends a byte now and then."""
    _, relay = relay_of(scene, "mariadb10", {"listener": {"login_timeout": 2}})
    with raw(relay) as silent, raw(relay) as slow:
        greeting(silent)
        greeting(slow)
        began = time.monotonic()
        for _ in range(4):
            send_all(slow, b"\x40")
            time.sleep(0.4)
        rest_of(silent)
        rest_of(slow)
        assert 1.5 < time.monotonic() - began < 6


def test_more_connections_than_allowed_are_told_so(scene):
    """max_sessions: error 1040, and room again when others leave."""
    _, relay = relay_of(scene, "mariadb10", {"listener": {"max_sessions": 5}})
    taken = []
    try:
        while len(taken) < 10:
            taken.append(relay.connect())
        raise Failure("ten connections were taken")
    except pymysql.err.OperationalError as error:
        assert error.args[0] == 1040, error
    assert len(taken) >= 4
    for connection in taken:
        connection.close()
    wait.until(lambda: relay.connect().close() is None, 10, "room again")


def test_a_consumer_that_stops_reading_disturbs_nobody(scene):
    """It costs its buffers; others stream on, also with it in the same loop."""
    source, relay = relay_of(scene, "mariadb10")
    source.sql("CREATE TABLE d.b (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB)")
    for _ in range(40):
        source.sql("INSERT INTO d.b (b) VALUES (REPEAT('x', 1000000))")
    relay.wait_caught_up(source)
    before_kib = relay.memory_kib()
    stuck = [relay.connect() for _ in range(5)]
    for number, connection in enumerate(stuck):
        with connection.cursor() as cursor:
            cursor.execute("SET @master_binlog_checksum='NONE'")
            cursor.execute("SET @mariadb_slave_capability=4")
        connection._sock.sendall(packet(0, b"\x12" + struct.pack("<IHI", 4, 2, 900 + number) +
                                        b"binlog.000001"))
    wait.until(lambda: len([s for s in relay.status()["sessions"] if s["server_id"]]) == 5, 10,
               "five streams", pause_s=0.1)
    out = source.run("binlog", "--read-from-remote-server", f"--host={relay.host}",
                     f"--port={relay.port}", f"--user={REPL[0]}", f"--password={REPL[1]}",
                     "--base64-output=never", "binlog.000001")
    assert out.count(b"COMMIT") >= 40
    assert_memory(relay, before_kib)
    for connection in stuck:
        connection._force_close()


def test_many_loops_share_the_consumers(scene):
    """Three threads: all streams get everything; at an orderly stop all are ended."""
    source, relay = relay_of(scene, "mariadb10", {"relay": {"loops": 3}})
    folder = scene.path("raw")
    folder.mkdir()
    copies = [scene.process(f"copy{n}", *source.kind.programs.find("binlog"), "--no-defaults",
                            "--read-from-remote-server", f"--host={relay.host}",
                            f"--port={relay.port}", f"--user={REPL[0]}", f"--password={REPL[1]}",
                            "--raw", "--stop-never", f"--stop-never-slave-server-id={1000 + n}",
                            f"--result-file={folder}/{n}-", "binlog.000001") for n in range(9)]
    for i in range(200):
        source.sql("INSERT INTO d.t VALUES (%s)", (i,))
    source.flush_binlog()
    source.sql("INSERT INTO d.t VALUES (1000)")
    whole = source.binlogs()[0].read_bytes()

    def all_there():
        return all((folder / f"{n}-binlog.000002").exists() for n in range(9))

    wait.until(all_there, 30, "nine copies", pause_s=0.1)
    for n in range(9):
        assert (folder / f"{n}-binlog.000001").read_bytes() == whole, n
    assert len({s["id"] for s in relay.status()["sessions"]}) == 9
    relay.stop()
    wait.until(lambda: not any(copy.running() for copy in copies), 20, "the copies to end")
