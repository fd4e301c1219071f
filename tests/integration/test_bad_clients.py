"""Clients that do wrong get a clear error or are dropped; the relay and its other clients live on."""

import os
import random
import socket
import struct

import pymysql

from lib import wait
from lib.errors import Failure
from lib.load import SCHEMA
from lib.marks import each
from lib.servers import REPL

BOTH = ("mysql97", "mariadb10")


def followed(scene, kind):
    source = scene.server(kind)
    source.sql(SCHEMA)
    source.sql("INSERT INTO load_test.account (id, name, balance) VALUES (1, 'one', 1)")
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    return source, relay


def must_live(relay):
    """A client that does right is served as ever."""
    connection = relay.connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.server_id")
        cursor.fetchall()
    connection.close()


def must_refuse(what, number, words, action):
    try:
        action()
    except (pymysql.err.MySQLError, Failure) as error:
        said = f"{error} {getattr(error, 'details', '')}"
        if (number is None or str(number) in said) and words.lower() in said.lower():
            return
        raise Failure(f"{what}: expected {number} with {words!r}, was told: {said}") from error
    raise Failure(f"{what}: was accepted")


@each(*BOTH)
def test_wrong_logins(scene, kind):
    """A wrong password, an unknown user and no password get error 1045, and the log names them."""
    _, relay = followed(scene, kind)
    user, password = REPL

    def login(user, password):
        relay.connect(user, password).close()

    must_refuse("wrong password", 1045, "access denied", lambda: login(user, "wrong"))
    must_refuse("unknown user", 1045, "access denied", lambda: login("nobody", "x"))
    must_refuse("no password", 1045, "access denied", lambda: login(user, ""))
    login(user, password)
    if "nobody" not in relay.log_text() or "wrong" in relay.log_text().replace("wrong password", ""):
        raise Failure("the log does not name the user, or tells a password", relay.log_text())
    must_live(relay)


@each(*BOTH)
def test_wrong_places(scene, kind):
    """An unknown file, a place inside an event and one behind the end get error 1236."""
    source, relay = followed(scene, kind)
    name = source.binlogs()[0].name
    second_event = source.sql(f"SHOW BINLOG EVENTS IN '{name}'")[3][1]

    def read(file, position):
        source.run("binlog", "--read-from-remote-server", f"--host={relay.host}",
                   f"--port={relay.port}", f"--user={REPL[0]}", f"--password={REPL[1]}",
                   f"--start-position={position}", file)

    must_refuse("unknown file", None, "could not find first log file name", lambda: read("nix.000001", 4))
    must_refuse("inside an event", None, "event", lambda: read(name, second_event + 3))
    must_refuse("behind the end", None, "position", lambda: read(name, 100_000_000))
    read(name, second_event)
    must_live(relay)


def raw(relay):
    connection = socket.create_connection((relay.host, relay.port), timeout=10)
    connection.settimeout(10)
    return connection


def must_be_dropped(what, connection):
    """The relay answers with an error or nothing, and closes."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError as error:
        raise Failure(f"{what}: the connection is still open") from error
    finally:
        connection.close()


@each("mysql97")
def test_garbage(scene, kind):
    """Random bytes, 16 MB of zeros and packets that end in their midst never harm the daemon."""
    _, relay = followed(scene, kind)
    chance = random.Random(int(os.environ.get("SEED", "1")))
    for _ in range(50):
        connection = raw(relay)
        try:
            connection.sendall(chance.randbytes(chance.randrange(1, 5000)))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It was dropped before all was sent.
        must_be_dropped("garbage", connection)

    connection = raw(relay)
    try:
        connection.sendall(bytes(16 * 1024 * 1024))
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    must_be_dropped("16 MB of zeros", connection)

    connection = raw(relay)
    connection.sendall(struct.pack("<I", 0xFFFFFF | 1 << 24) + b"\x85\xa2\xb8\x99")
    connection.shutdown(socket.SHUT_WR)
    must_be_dropped("a packet that announces 16 MB", connection)
    must_live(relay)


@each("mysql97", "mariadb10")
def test_cut_commands(scene, kind):
    """After login, commands that are cut short, unknown or empty are answered with an error."""
    _, relay = followed(scene, kind)
    commands = [b"", b"\x12", b"\x12\x04\x00", b"\x1e" + bytes(5), b"\x1e\x00\x00" + b"\xff" * 40,
                b"\x15\x01", b"\x03", b"\x03" + b"\xff" * 100, b"\xee", b"\x16garbage", b"\x11",
                b"\x12" + struct.pack("<IHI", 4, 0, 7) + b"a/../b", b"\x03SELECT " + b"(" * 30000]
    for command in commands:
        connection = relay.connect()
        try:
            connection._execute_command(command[0] if command else 0, command[1:])
            connection._read_packet()
            connection._read_packet()
        except (pymysql.err.MySQLError, OSError):
            pass
        finally:
            connection._force_close()
        must_live(relay)


@each("mysql97")
def test_too_many_sessions(scene, kind):
    """One connection more than max_sessions gets error 1040; when one ends there is room again."""
    source = scene.server(kind)
    relay = scene.relay(source, settings={"listener": {"max_sessions": 5}})
    held = []

    def one_more():
        held.append(relay.connect())

    wait.until(lambda: len(relay.status()["sessions"]) == 0, 10, "earlier sessions to end")
    for _ in range(5):
        one_more()
    # pymysql cuts the first letters of an error that comes before the handshake.
    must_refuse("the sixth", 1040, "connections", one_more)
    for connection in held:
        connection.close()
    wait.until(lambda: _can_connect(relay), 10, "room again")


def _can_connect(relay):
    try:
        relay.connect().close()
    except pymysql.err.MySQLError:
        return False
    return True
