"""Users, rights and limits: the users file, the operator's command, and real clients that log in."""

import json
import os
import pty
import stat
import subprocess
import time

import pymysql

from lib import wait
from lib.certificates import Authority
from lib.errors import Failure
from lib.marks import each
from lib.relay import program
from lib.servers import REPL

SHA2, NATIVE = "caching_sha2_password", "mysql_native_password"


def user(relay, *args, password=None, code=0):
    """binrelay user ...; gives standard output and error together."""
    done = subprocess.run([program("binrelay"), "--config", relay.config, "user", *args],
                          input=(password or "") + "\n", capture_output=True, text=True,
                          check=False, timeout=30)
    if done.returncode != code:
        raise Failure(f"user {' '.join(args)}: exit code {done.returncode}",
                      done.stdout + done.stderr)
    return done.stdout + done.stderr


def refused(call, *numbers):
    """Calls it; it must raise one of these error numbers. Gives the text."""
    try:
        call().close()
    except pymysql.err.MySQLError as error:
        if error.args[0] in numbers:
            return error.args[1]
        raise
    raise Failure(f"let in, not refused with {numbers}")


def test_users_are_added_changed_and_removed_while_the_relay_runs(scene):
    """Each change counts at once; the file is private and holds no password; sessions of a removed
    user end, others stay."""
    relay = scene.relay(scene.server("mysql97"))
    stays = relay.connect()
    assert "taken it over" in user(relay, "add", "app", "--rights", "replicate,admin",
                                   password="first-pw")
    assert "already" in user(relay, "add", "app", password="x", code=1)
    assert REPL[0] in user(relay, "add", REPL[0], password="x", code=1)
    file = relay.data / "users"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "first-pw" not in file.read_text() and "$A$005$" in file.read_text()
    app = relay.connect("app", "first-pw")
    user(relay, "passwd", "app", password="second-pw")
    refused(lambda: relay.connect("app", "first-pw"), 1045)
    relay.connect("app", "second-pw").close()
    with app.cursor() as cursor:  # A changed password ends nothing.
        cursor.execute("SELECT @@server_id")
    user(relay, "change", "app", "--hosts", "10.9.9.9", "--max-connections", "3")
    refused(lambda: relay.connect("app", "second-pw"), 1045)
    listed = json.loads(subprocess.run([program("binrelay"), "--config", relay.config, "--json",
                                        "user", "list"], capture_output=True, check=True).stdout)
    assert listed == {"name": "app", "auth": "any", "rights": "replicate,admin",
                      "hosts": "10.9.9.9", "require_tls": False, "require_certificate": "no",
                      "max_connections": 3, "bandwidth": None, "channel": "",
                      "coordinates": ""}, listed
    assert "10.9.9.9" in user(relay, "list")
    relay.stop()
    said = user(relay, "change", "app", "--require-tls", "--require-certificate", "/CN=app")
    assert said == "changed user 'app'; no relay runs here, it counts from the next start on\n", said
    user(relay, "change", "app", "--require-tls=no", "--require-certificate=no", "--hosts", "")
    relay.start()
    stays, app = relay.connect(), relay.connect("app", "second-pw")
    user(relay, "remove", "app")
    refused(lambda: app.ping(reconnect=False) or app, 2006, 2013)
    stays.ping(reconnect=False)
    assert relay.status()["logins"]["users"] == 2
    assert "no user 'app'" in user(relay, "remove", "app", code=1)


def test_a_password_is_asked_for_at_the_terminal_without_showing_it(scene):
    """Typed twice, not echoed; two that differ change nothing. Works before the first start."""
    relay = scene.relay(scene.server("mysql97"), start=False)
    relay.write_config()
    relay.data.mkdir()

    def typed(*lines):
        master, slave = pty.openpty()
        child = subprocess.Popen([program("binrelay"), "--config", relay.config, "user", "add",
                                  "typed"], stdin=slave, stdout=slave, stderr=slave,
                                 start_new_session=True,
                                 preexec_fn=lambda: __import__("fcntl").ioctl(
                                     0, __import__("termios").TIOCSCTTY, 0))
        os.close(slave)
        seen = b""
        for line, prompt in zip(lines, (b"password", b"once more")):
            while prompt not in seen:
                seen += os.read(master, 1000)
            os.write(master, line + b"\n")
        try:
            while chunk := os.read(master, 1000):
                seen += chunk
        except OSError:
            pass
        os.close(master)
        return child.wait(30), seen

    code, seen = typed(b"typed-pw", b"typo-pw")
    assert code == 1 and b"differ" in seen, seen
    code, seen = typed(b"typed-pw", b"typed-pw")
    assert code == 0 and b"typed-pw" not in seen and b"there is no" not in seen, seen
    relay.start()
    relay.connect("typed", "typed-pw").close()


@each(SHA2, NATIVE)
def test_a_servers_hash_is_carried_over(scene, method):
    """authentication_string of a real account, as hexadecimal digits: the same password logs in."""
    server = scene.server("mysql80" if method == NATIVE else "mysql97")
    relay = scene.relay(server)
    server.create_user("mover", "its-pw", plugin=method)
    digits = server.sql("SELECT HEX(authentication_string) FROM mysql.user WHERE user='mover'")
    file = scene.path("hash")
    file.write_text(f"0x{digits[0][0]}\n")
    user(relay, "add", "mover", "--auth", method, "--hash-file", str(file))
    for _ in range(2):  # The full exchange, and the fast one.
        relay.connect("mover", "its-pw").close()
    refused(lambda: relay.connect("mover", "other-pw"), 1045)


@each("mysql97", "mysql80", "mysql56", "mysql55", "mariadb10", "mariadb11")
def test_clients_of_every_version_log_in_by_hashes(scene, kind):
    """The server's own mysqlbinlog, with a user of the users file that has both hashes."""
    server = scene.server(kind)
    relay = scene.relay(server)
    user(relay, "add", "app", password="app-pw")
    options = []
    if not server.kind.is_mariadb and server.kind.at_least(8, 0):
        options = ["--ssl-mode=DISABLED", "--get-server-public-key"]
    elif server.kind.is_mariadb and server.kind.at_least(11, 4):
        options = ["--skip-ssl"]
    for _ in range(2):
        said = server.run("binlog", "--read-from-remote-server", "--protocol=TCP",
                          f"--host={relay.host}", f"--port={relay.port}", "--user=app",
                          "--password=app-pw", *options, server.binlogs()[0].name)
        assert b"server id" in said, said


def test_hosts_rights_and_connections_bound_a_user(scene):
    """Ranges of addresses; 1227 for a dump without the right; 1226 for one connection too many."""
    server = scene.server("mysql97")
    relay = scene.relay(server)
    for name, hosts, fits in (("a", "127.0.0.0/8", True), ("b", "10.0.0.0/8,192.168.%", False),
                              ("c", "localhost", True), ("d", "127.0.0._", True),
                              ("e", "127.0.0.2", False)):
        user(relay, "add", name, "--hosts", hosts, "--rights", "forward", "--max-connections",
             "2", password="pw")
        if fits:
            relay.connect(name, "pw").close()
        else:
            refused(lambda name=name: relay.connect(name, "pw"), 1045, 1129)
    file = server.binlogs()[0].name
    done = subprocess.run([*server.kind.programs.find("binlog"), "--no-defaults",
                           "--read-from-remote-server", f"--host={relay.host}",
                           f"--port={relay.port}", "--user=a", "--password=pw",
                           "--get-server-public-key", file], capture_output=True, check=False)
    assert done.returncode != 0 and b"REPLICATION SLAVE" in done.stderr, done.stderr
    two = [relay.connect("a", "pw") for _ in range(2)]
    assert "max_user_connections" in refused(lambda: relay.connect("a", "pw"), 1226)
    two[0].close()
    wait.until(lambda: len(relay.status()["sessions"]) == 1, 10, "the session to end")
    relay.connect("a", "pw").close()
    two[1].close()


def test_wrong_passwords_are_slowed_down_and_counted(scene):
    """Later and later, alike for users that are and are not there; the right password is quick."""
    relay = scene.relay(scene.server("mysql97"))
    took = {}
    for number, name in enumerate(("nobody", REPL[0], "nobody", REPL[0])):
        begun = time.monotonic()
        text = refused(lambda name=name: relay.connect(name, "wrong"), 1045)
        took[number] = time.monotonic() - begun
        assert text == f"Access denied for user '{name}'@'127.0.0.1' (using password: YES)", text
    assert took[1] >= 0.25 and took[2] >= 0.5 and took[3] >= 1.0, took
    begun = time.monotonic()
    relay.connect().close()
    assert time.monotonic() - begun < 0.25
    logins = relay.status()["logins"]
    assert logins["failed"] == 4 and logins["slowed_addresses"] == 1, logins
    assert "4 failed" in relay.cli("status")


def test_bandwidth_of_a_user_is_bounded_for_all_its_streams_together(scene):
    """Two streams of a limited user take as long as the limit says; another user is not held up."""
    source = scene.server("mysql97")
    relay = scene.relay(source)
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)")
    for _ in range(4):
        source.sql("INSERT INTO d.t (b) VALUES (REPEAT('x', 1000000))")
    relay.wait_caught_up(source)
    size = source.position()[1]
    rate = 2000000
    user(relay, "add", "slow", "--bandwidth", str(rate), password="pw")

    def dump(name, password):
        # The relay's copy of the file, to the end and no further.
        return subprocess.Popen([*source.kind.programs.find("binlog"), "--no-defaults",
                                 "--read-from-remote-server", "--raw",
                                 f"--result-file={scene.path(name)}-", f"--host={relay.host}",
                                 f"--port={relay.port}", f"--user={name}",
                                 f"--password={password}", "--get-server-public-key",
                                 source.binlogs()[0].name], stderr=subprocess.PIPE)

    begun = time.monotonic()
    limited = [dump("slow", "pw") for _ in range(2)]
    quick = dump(*REPL)
    assert quick.wait(30) == 0, quick.stderr.read()
    quick_s = time.monotonic() - begun
    for one in limited:
        assert one.wait(60) == 0, one.stderr.read()
    ratio = (time.monotonic() - begun) * rate / (2 * size)
    assert 0.85 < ratio < 1.5, f"{ratio:.2f} of the time that the limit says"
    assert quick_s < 0.5 * 2 * size / rate, quick_s


@each("mysql97", "mariadb10")
def test_a_replica_with_a_client_certificate_follows(scene, kind):
    """A user that must show its own certificate: a replica with it replicates, others can't."""
    authority, stranger = Authority(scene.path("ca")), Authority(scene.path("other"), "stranger")
    cert, key = authority.issue("relay", "IP:127.0.0.1")
    mine, mine_key = authority.issue("shard1")
    other, other_key = authority.issue("shard2")
    foreign, foreign_key = stranger.issue("shard1")
    source = scene.server(kind)
    relay = scene.relay(source, settings={"listener": {
        "tls_cert": cert, "tls_key": key, "tls_ca": authority.path}})
    user(relay, "add", "shard", "--require-certificate=shard1", password="pw")

    def tls(cert, key):
        return {"ssl": {"ca": str(authority.path), "cert": str(cert), "key": str(key)}}

    relay.connect("shard", "pw", **tls(mine, mine_key)).close()
    refused(lambda: relay.connect("shard", "pw", **tls(other, other_key)), 1045)
    refused(lambda: relay.connect("shard", "pw"), 1045)
    refused(lambda: relay.connect("shard", "pw", **tls(foreign, foreign_key)), 2003, 2006, 2013)
    user(relay, "change", "shard", "--require-certificate", "/CN=shard1")
    replica = scene.server(kind)
    word = "MASTER" if replica.kind.is_mariadb else "SOURCE"
    change = "CHANGE MASTER TO" if replica.kind.is_mariadb else "CHANGE REPLICATION SOURCE TO"
    replica.sql(f"{change} {word}_HOST='{relay.host}', {word}_PORT={relay.port}, "
                f"{word}_USER='shard', {word}_PASSWORD='pw', {word}_SSL=1, "
                f"{word}_SSL_CA='{authority.path}', {word}_SSL_CERT='{mine}', "
                f"{word}_SSL_KEY='{mine_key}', {word}_LOG_FILE='{source.binlogs()[0].name}', "
                f"{word}_LOG_POS=4; START {'SLAVE' if replica.kind.is_mariadb else 'REPLICA'}")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (7)")
    wait.until(lambda: any(row for row in rows(replica)), 30, lambda: replica.tail())


def rows(server):
    """What arrived in d.t, nothing while there is no such table."""
    try:
        return server.sql("SELECT id FROM d.t")
    except pymysql.err.MySQLError:
        return []


def test_the_key_for_passwords_stays_the_same(scene):
    """A client that pins the public key logs in again after a restart; the file is private."""
    server = scene.server("mysql97")
    relay = scene.relay(server)
    pem = relay.data / "password_key.pem"
    assert stat.S_IMODE(pem.stat().st_mode) == 0o600
    public = scene.path("public.pem")
    subprocess.run(["openssl", "pkey", "-in", pem, "-pubout", "-out", public], check=True)
    relay.restart()
    said = server.run("client", "--protocol=TCP", f"--host={relay.host}", f"--port={relay.port}",
                      f"--user={REPL[0]}", f"--password={REPL[1]}", "--ssl-mode=DISABLED",
                      f"--server-public-key-path={public}", "-N", "-B", "-e",
                      "SELECT @@server_id").decode().strip()
    assert said == str(relay.port), said


def test_an_idle_session_ends_and_a_stream_does_not(scene):
    """wait_timeout counts between commands only."""
    source = scene.server("mysql97")
    relay = scene.relay(source, settings={"listener": {"wait_timeout": "1s"}})
    idle = relay.connect()
    stream = scene.process("stream", *source.kind.programs.find("binlog"), "--no-defaults",
                           "--read-from-remote-server", "--stop-never", f"--host={relay.host}",
                           f"--port={relay.port}", f"--user={REPL[0]}", f"--password={REPL[1]}",
                           "--get-server-public-key", source.binlogs()[0].name)
    wait.until(lambda: [s["server_id"] for s in relay.status()["sessions"]] not in ([], [None]),
               20, "the stream")
    time.sleep(2.5)
    refused(lambda: idle.ping(reconnect=False) or idle, 2006, 2013, 4031)
    stream.must_run()
    assert len(relay.status()["sessions"]) == 1, relay.status()["sessions"]
