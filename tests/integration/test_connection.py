"""Ways to the source: TLS, login methods, sockets, address lists; and what becomes of silence."""

import os
import re
import shutil
import signal
import socket
import time

from lib import debian, kinds, wait
from lib.certificates import Authority
from lib.errors import Failure, Unavailable
from lib.marks import each, limit
from lib.ports import Port
from lib.servers import REPL

BOTH = each("mysql97", "mariadb10")
GRANTS = "REPLICATION SLAVE, REPLICATION CLIENT ON *.*"


def launched(scene, source, **keys):
    """A relay with these keys in [source a]; None takes a default away."""
    return scene.relay(source, start=False,
                       settings={"source a": {"retry_max": 2, **keys}}).launch()


def said(relay):
    try:
        return relay.status()["source"]
    except Failure:
        return {}


def assert_follows(relay):
    relay.wait_answers()
    assert said(relay)["problem"] is None, said(relay)
    relay.stop()


def assert_refused(relay, *parts):
    """With a sentence that has these parts."""
    def told():
        relay.process.must_run()
        problem = said(relay).get("problem")
        return problem and all(part in problem for part in parts)

    wait.until(told, 30, lambda: f"a problem with {parts}, it is {said(relay)}\n{relay.tail()}")
    relay.stop()


def require(source, what):
    source.sql(f"SET sql_log_bin = 0; ALTER USER {REPL[0]}@'%' REQUIRE {what}")


@BOTH
@limit(240)
def test_every_tls_mode_does_what_it_says(scene, kind):
    """Off, preferred, required, verify-ca, verify-identity, a client's certificate; each way to fail."""
    ours, other = Authority(scene.path("ca")), Authority(scene.path("other"), "another one")
    cert, key = ours.issue("server", "IP:127.0.0.1")
    source = scene.server(kind, ssl_ca=ours.path, ssl_cert=cert, ssl_key=key)
    require(source, "SSL")
    assert_refused(launched(scene, source, tls="off"), "Access denied")
    for mode in ("preferred", "required"):
        assert_follows(launched(scene, source, tls=mode))
    for mode in ("verify-ca", "verify-identity"):
        assert_follows(launched(scene, source, tls=mode, tls_ca=ours.path))
        assert_refused(launched(scene, source, tls=mode, tls_ca=other.path), "certificate")
    # As a name that the certificate does not have.
    assert_follows(launched(scene, source, host="localhost", tls="verify-ca", tls_ca=ours.path))
    assert_refused(launched(scene, source, host="localhost", tls="verify-identity",
                            tls_ca=ours.path), "certificate")

    require(source, "X509")
    assert_refused(launched(scene, source, tls="required"), "Access denied")
    client_cert, client_key = ours.issue("relay")
    assert_follows(launched(scene, source, tls="verify-ca", tls_ca=ours.path,
                            tls_cert=client_cert, tls_key=client_key))
    foreign_cert, foreign_key = other.issue("stranger")
    assert_refused(launched(scene, source, tls="required", tls_cert=foreign_cert,
                            tls_key=foreign_key), f"repl@127.0.0.1:{source.port}")


@BOTH
def test_no_password_goes_to_a_server_that_is_not_verified(scene, kind):
    """With verify-ca and verify-identity a wrong certificate ends the connection before the login."""
    ours, other = Authority(scene.path("ca")), Authority(scene.path("other"), "another one")
    cert, key = ours.issue("server", "IP:127.0.0.1")
    source = scene.server(kind, ssl_ca=ours.path, ssl_cert=cert, ssl_key=key, general_log=True,
                          general_log_file="general.log")
    for mode in ("verify-ca", "verify-identity"):
        assert_refused(launched(scene, source, tls=mode, tls_ca=other.path), "certificate")
    log = source.data / "general.log"
    before = log.read_text(errors="replace")
    assert not re.search(rf"\b{REPL[0]}\b", before), before
    assert_follows(launched(scene, source, tls="verify-identity", tls_ca=ours.path))
    assert f"{REPL[0]}@" in log.read_text(errors="replace"), "the log tells of no login at all"


@BOTH
def test_tls_is_demanded_of_a_server_without_it(scene, kind):
    """The modes from required on don't talk in the clear; preferred does."""
    source = scene.server(kind, **({} if kind == "mariadb10" else
                                   {"tls_version": "", "auto_generate_certs": "OFF"}),
                          general_log=True, general_log_file="general.log")
    for keys in ({"tls": "required"}, {"tls": "verify-ca", "tls_ca": Authority(scene.path("ca")).path}):
        assert_refused(launched(scene, source, **keys), "does not offer TLS")
        log = (source.data / "general.log").read_text(errors="replace")
        assert not re.search(rf"\b{REPL[0]}\b", log), f"it tried to log in all the same: {log}"
    source.create_user("clear", "", GRANTS)
    assert_follows(launched(scene, source, tls="preferred", user="clear", password=""))


@each("mysql97 caching_sha2_password", "mysql8031 mysql_native_password", "mysql57 native",
      "mariadb10 native", "mariadb10 ed25519")
def test_every_login_method_of_a_source(scene, way):
    """Its account's plugin decides; with TLS and without."""
    kind, method = way.split()
    options = {}
    if method == "ed25519":
        options = {"plugin_dir": ed25519_folder(), "plugin_load_add": "auth_ed25519"}
    source = scene.server(kind, **options)
    if method == "ed25519":
        source.sql("SET sql_log_bin = 0; CREATE USER e@'%' IDENTIFIED VIA ed25519 USING"
                   f" PASSWORD('pw'); GRANT {GRANTS} TO e@'%'")
    else:
        source.create_user("e", "pw", GRANTS, plugin=None if method == "native" else method)
    for tls in ("preferred", "off"):
        assert_follows(launched(scene, source, user="e", password="pw", tls=tls))
        source.sql("FLUSH PRIVILEGES")
        assert_refused(launched(scene, source, user="e", password="wrong", tls=tls),
                       "Access denied", "check the user name")


def ed25519_folder():
    """The server's plugin is in no package that the tests install."""
    if not kinds.kind("mariadb10").release.startswith("10.11"):
        raise Unavailable("the plugin in Debian 12 is for another version")
    tree = debian.package("debian-bookworm-mariadb-server", "bookworm", "mariadb-server")
    return tree / "usr/lib/mysql/plugin"


@BOTH
def test_a_unix_socket_leads_to_the_source(scene, kind):
    """In place of host and port."""
    source = scene.server(kind)
    relay = launched(scene, source, host=None, port=None, socket=source.socket)
    relay.wait_answers()
    assert said(relay)["address"] == str(source.socket), said(relay)


@BOTH
def test_addresses_are_tried_in_order(scene, kind):
    """Dead ones first, IPv6 among them; the status names the one that answers."""
    if not socket.has_ipv6 or not ipv6_works():
        raise Unavailable("this machine has no IPv6")
    source = scene.server(kind, bind_address="127.0.0.1,::1")
    dead = Port()
    scene.finally_do(dead.release)
    relay = launched(scene, source, port=None,
                     host=f"127.0.0.1:{dead.number}, [::1]:{dead.number}, [::1]:{source.port}, "
                          f"127.0.0.1:{source.port}")
    relay.wait_answers()
    assert said(relay)["address"] == f"[::1]:{source.port}", said(relay)
    source.sql("CREATE DATABASE d")
    relay.wait_caught_up(source)


def ipv6_works():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


@BOTH
def test_a_stalled_source_is_noticed_and_followed_again(scene, kind):
    """Connected but silent past three heartbeats; when it lives again the relay goes on."""
    source = scene.server(kind)
    relay = scene.relay(source, settings={
        "source a": {"heartbeat": 1, "retry_max": 1, "connect_timeout": 2, "read_timeout": 2}})
    os.kill(source.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        wait.until(lambda: said(relay)["state"] != "following", 15,
                   lambda: f"the stall to be noticed, status is {said(relay)}")
        noticed = time.monotonic() - stopped
        assert "no sign of life" in relay.log_text(), relay.tail()
        assert 2 <= noticed <= 10, noticed
        relay.connect().close()
    finally:
        os.kill(source.pid, signal.SIGCONT)
    source.sql("CREATE DATABASE d")
    relay.wait_caught_up(source)
    assert said(relay)["reconnects"] >= 1


@each("mysql97 off", "mysql97 required", "mysql57 off", "mariadb10 off", "mariadb11 required")
def test_a_compressed_connection_brings_the_same_bytes(scene, way):
    """Small events, large ones that compress and ones that don't; a reconnect in between."""
    kind, tls = way.split()
    source = scene.server(kind, max_allowed_packet="64M")
    relay = scene.relay(source, settings={
        "source a": {"compress": "yes", "tls": tls, "heartbeat": 1}})
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v LONGBLOB)")
    with source.connect(max_allowed_packet=64 << 20) as connection:
        with connection.cursor() as cursor:
            for number, value in enumerate((b"x", bytes(3 << 20), os.urandom(3 << 20),
                                            os.urandom(17 << 20), b"y" * 100000)):
                cursor.execute("INSERT INTO d.t VALUES (%s, %s)", (number, value))
    relay.wait_caught_up(source)
    time.sleep(2.5)  # Heartbeats, too.
    assert said(relay)["reconnects"] == 0, relay.tail()
    relay.restart()
    for number in range(100, 400):
        source.sql("INSERT INTO d.t VALUES (%s, repeat('z', %s))", (number, number))
    relay.wait_caught_up(source)
    assert said(relay)["reconnects"] == 0, relay.tail()
    sent = bytes_sent(source)
    source.sql("INSERT INTO d.t VALUES (1000, repeat('z', 20000000))")
    relay.wait_caught_up(source)
    assert bytes_sent(source) - sent < 2000000, "the source did not compress"
    end = relay.published()[1]
    ours, theirs = relay.files()[-1].read_bytes(), source.binlogs()[-1].read_bytes()
    assert ours[22:end] == theirs[22:end]


@each("mysql80", "mysql97")
def test_zstd_is_taken_where_the_source_has_it(scene, kind):
    """As the method of the dump's connection, with the same bytes; a source that forbids it gives zlib."""
    source = scene.server(kind, performance_schema="ON")
    relay = scene.relay(source, settings={"source a": {"compress": "yes", "heartbeat": 1}})
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v LONGBLOB);"
               "INSERT INTO d.t VALUES (1, repeat('abc', 1000000)), (2, random_bytes(1000))")
    relay.wait_caught_up(source)
    assert dump_compression(source) == "zstd"
    relay.stop()
    source.sql("SET GLOBAL protocol_compression_algorithms = 'zlib,uncompressed'")
    relay.start()
    source.sql("INSERT INTO d.t VALUES (3, repeat('xyz', 1000000))")
    relay.wait_caught_up(source)
    assert dump_compression(source) == "zlib"
    end = relay.published()[1]
    assert relay.files()[-1].read_bytes()[22:end] == source.binlogs()[-1].read_bytes()[22:end]


def dump_compression(source):
    """How the connection of the dump is compressed."""
    return source.sql(
        "SELECT s.variable_value FROM performance_schema.status_by_thread s"
        " JOIN performance_schema.threads t USING (thread_id) WHERE s.variable_name ="
        " 'Compression_algorithm' AND t.processlist_command LIKE 'Binlog Dump%%'", ())[0][0]


def bytes_sent(source):
    return int(source.sql("SHOW GLOBAL STATUS LIKE 'Bytes_sent'")[0][1])


def test_a_port_that_never_answers_is_given_up(scene):
    """Something accepts, and says nothing: connect_timeout counts."""
    source = scene.server("mariadb10")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = launched(scene, source, port=listener.getsockname()[1], connect_timeout=1)
        started = time.monotonic()
        assert_refused(relay, f"127.0.0.1:{listener.getsockname()[1]}")
        assert time.monotonic() - started < 15


def test_a_copied_data_folder_is_told(scene):
    """Two relays of one server_uuid: the source throws out one of them, which says why, and waits."""
    source = scene.server("mysql97")
    first = scene.relay(source, settings={"source a": {"retry_max": 20}})
    first.wait_caught_up(source)
    first.stop()
    second = scene.relay(source, start=False, settings={"source a": {"retry_max": 20}})
    shutil.copytree(first.data, second.data)
    first.launch()
    second.launch()

    def told():
        return [relay for relay in (first, second)
                if "another replica uses the same" in (said(relay).get("problem") or "")]

    wait.until(told, 40, lambda: f"the clash\n{first.tail()}\n{second.tail()}")
    # The one that was thrown out leaves the other one in peace.
    loser = told()[0]
    winner = first if loser is second else second
    source.sql("CREATE DATABASE d")
    winner.wait_caught_up(source, timeout_s=10)
    assert said(loser)["state"] == "waiting", said(loser)
