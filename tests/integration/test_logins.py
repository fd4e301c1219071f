"""Consumers log in by both methods, in the clear and over TLS, with real clients."""

import struct
import subprocess

import pymysql
from pymysql import _auth
from pymysql.constants.COMMAND import COM_CHANGE_USER

from lib.errors import Failure
from lib.marks import each
from lib.servers import REPL

SECURE = ("secure", "s3cure")
METHODS = ("caching_sha2_password", "mysql_native_password")


def certificate(scene):
    """(cert, key) of a new self-signed one for 127.0.0.1."""
    cert, key = scene.path("cert.pem"), scene.path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def client_says(server, relay, user, *options):
    """What the server's own command line client is told by the relay."""
    return server.run("client", "--protocol=TCP", f"--host={relay.host}", f"--port={relay.port}",
                      f"--user={user[0]}", f"--password={user[1]}", *options, "-N", "-B", "-e",
                      "SELECT @@GLOBAL.server_id").decode().strip()


def must_say(what, said, expected):
    if said != str(expected):
        raise Failure(f"{what}: the client was told {said!r}, not {expected}")


@each(*METHODS)
def test_methods_in_the_clear(scene, method):
    """A full exchange (by RSA) the first time, the cached one after it, and native passwords."""
    source = scene.server("mysql97")
    relay = scene.relay(source, settings={f"user {REPL[0]}": {"auth": method}})
    relay.restart()  # So that nothing is cached by the login that the start waited for.
    for attempt in ("first", "second"):
        if method == "caching_sha2_password":
            said = client_says(source, relay, REPL, "--ssl-mode=DISABLED",
                               "--get-server-public-key")
            must_say(f"{attempt} login of MySQL's client", said, relay.port)
        connection = pymysql.connect(host=relay.host, port=relay.port, user=REPL[0],
                                     password=REPL[1])
        connection.close()
    mariadb = scene.server("mariadb10")
    must_say("MariaDB's client", client_says(mariadb, relay, REPL), relay.port)


@each(*METHODS)
def test_methods_over_tls(scene, method):
    """With a certificate both families' clients log in over TLS, and a user can be held to it."""
    cert, key = certificate(scene)
    source = scene.server("mysql97")
    relay = scene.relay(source, settings={
        "listener": {"tls_cert": cert, "tls_key": key},
        f"user {SECURE[0]}": {"password": SECURE[1], "auth": method, "require_tls": "yes"}})
    if method == "caching_sha2_password":
        said = client_says(source, relay, SECURE, "--ssl-mode=VERIFY_CA", f"--ssl-ca={cert}")
        must_say("MySQL's client", said, relay.port)
    mariadb = scene.server("mariadb10")
    said = client_says(mariadb, relay, SECURE, f"--ssl-ca={cert}", "--ssl-verify-server-cert")
    must_say("MariaDB's client", said, relay.port)
    relay.connect().close()
    try:
        relay.connect(*SECURE, ssl_disabled=True).close()
    except pymysql.err.OperationalError as error:
        if error.args[0] not in (1045, 3159):
            raise
    else:
        raise Failure("a user who must use TLS was let in without")


@each("mysql97", "mariadb10")
def test_replica_over_tls(scene, kind):
    """A replica whose connection to the relay is encrypted follows as any other."""
    cert, key = certificate(scene)
    source = scene.server(kind)
    relay = scene.relay(source, settings={"listener": {"tls_cert": cert, "tls_key": key}})
    replica = scene.server(kind)
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (7)")
    replica.make_replica_of(relay.host, relay.port, *REPL, file=source.binlogs()[0].name, ssl=True)
    replica.wait_for(source)
    if replica.sql("SELECT id FROM d.t") != [(7,)]:
        raise Failure("the row did not arrive")
    if not any(session["tls"] for session in relay.status()["sessions"]):
        raise Failure(f"no session over TLS: {relay.status()['sessions']}")


def change_user(connection, name, password, database=b""):
    """COM_CHANGE_USER as pools send it, by mysql_native_password; gives the first byte answered."""
    answer = _auth.scramble_native_password(password.encode(), connection.salt)
    connection._execute_command(  # pylint: disable=protected-access
        COM_CHANGE_USER, name.encode() + b"\0" + bytes([len(answer)]) + answer + database + b"\0"
        + struct.pack("<H", 45) + b"mysql_native_password\0")
    return connection._read_packet()  # pylint: disable=protected-access


@each("mysql97", "mariadb10")
def test_a_connection_is_handed_on_to_another_user(scene, kind):
    """COM_CHANGE_USER: the new one's name and rights, nothing of the session before; or no session."""
    source = scene.server(kind)
    relay = scene.relay(source, settings={
        f"user {SECURE[0]}": {"password": SECURE[1], "rights": "replicate"}})
    connection = relay.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET @left = 7")
        assert change_user(connection, *SECURE, b"somewhere").is_ok_packet()
        cursor.execute("SELECT CURRENT_USER(), @left, DATABASE()")
        name, left, database = cursor.fetchone()
        assert name.startswith(SECURE[0]) and left is None and database == "somewhere"
        assert [s["user"] for s in relay.status()["sessions"]] == [SECURE[0]]
        try:
            change_user(connection, SECURE[0], "wrong")
        except pymysql.err.OperationalError as error:
            assert error.args[0] == 1045, error
        else:
            raise AssertionError("a wrong password was taken")
