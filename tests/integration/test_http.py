"""The HTTP endpoint: what it tells machines, and what strangers can do to it."""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time

from lib import wait
from lib.errors import Unavailable
from lib.marks import each
from lib.servers import REPL

TABLE = "CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)"


def promtool():
    found = shutil.which("promtool")
    if not found:
        raise Unavailable("promtool (Debian's package prometheus) is not installed")
    return found


def raw(relay, request, timeout_s=30):
    """What comes back on a connection for these bytes, until it is closed by the other side."""
    got = b""
    with socket.create_connection((relay.host, relay.http_port), timeout=timeout_s) as stranger:
        with contextlib.suppress(ConnectionError):
            stranger.sendall(request)
            while piece := stranger.recv(65536):
                got += piece
    return got


@each("mysql97", "mariadb10")
def test_metrics_tell_of_source_store_consumers_and_publishers(scene, kind):
    """As promtool likes them; received, held, sent and published are the same place at the end."""
    source, replica = scene.server(kind), scene.server(kind)
    relay = scene.relay(source, publish="d", watched=True,
                        settings={"relay": {"keep_bytes": "100M"}})
    source.sql(TABLE)
    source.sql("INSERT INTO d.t (v) VALUES ('a'), ('b')")
    relay.wait_caught_up(source)
    relay.wait_events(2)
    replica.make_replica_of(relay.host, relay.port, *REPL,
                              **({"slave_pos": True} if source.kind.is_mariadb
                                 else {"auto_position": True}))
    replica.wait_for(source)
    wait.until(lambda: relay.metric("binrelay_consumer_lag_bytes") == 0, 30, "the consumer's lag")
    code, text = relay.http("/metrics")
    assert code == 200, text
    checked = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True,
                             text=True, check=False)
    assert checked.returncode == 0 and not checked.stderr, checked.stderr
    assert relay.metric("binrelay_channel_up", channel="main") == 1
    assert relay.metric("binrelay_channel_state", channel="main", state="following") == 1
    assert relay.metric("binrelay_channel_state", channel="main", state="failed") == 0
    assert relay.metric("binrelay_source_lag_seconds", channel="main", source="a") == 0
    assert relay.metric("binrelay_ingest_received_events_total", source="a") > 0
    assert relay.metric("binrelay_store_bytes") == sum(p.stat().st_size for p in relay.files())
    assert relay.metric("binrelay_store_files") == len(relay.files())
    assert relay.metric("binrelay_store_syncs_total") > 0
    assert relay.metric("binrelay_retention_limit_bytes") == 100 << 20
    assert relay.metric("binrelay_semi_sync_wanted") == 0
    assert relay.metric("binrelay_consumers_connected") == 1
    assert relay.metric("binrelay_consumer_lag_seconds", user=REPL[0]) == 0
    assert relay.metric("binrelay_publisher_events_total", publisher="events", sink="file") == 2
    assert relay.metric("binrelay_publisher_lag_bytes") == 0
    assert relay.metric("binrelay_snapshot_active", publisher="events") == 0
    assert relay.metric("process_start_time_seconds") <= time.time()
    assert relay.metric("binrelay_sessions_streaming") == 1
    replica.stop_replica()
    wait.until(lambda: relay.metric("binrelay_consumer_connected") == 0, 30, "it to be away")
    source.sql("INSERT INTO d.t (v) VALUES ('c')")
    wait.until(lambda: relay.metric("binrelay_consumer_lag_bytes") > 0, 30, "its lag to show")
    # Nothing more comes, and yet the clock goes on for who has not got it.
    first = relay.metric("binrelay_consumer_lag_seconds")
    wait.until(lambda: relay.metric("binrelay_consumer_lag_seconds") > first, 30, "it to grow")


def test_lag_is_told_while_the_source_is_idle_and_while_it_is_silent(scene):
    """Idle: 0, and every heartbeat is a contact. Stopped without a word: it grows by the clock."""
    source = scene.server("mariadb10")
    relay = scene.relay(source, watched=True, settings={"source a": {"heartbeat": "1s"}})
    relay.wait_status(lambda status: status["source"]["caught_up"])
    contact = relay.metric("binrelay_source_last_contact_timestamp_seconds")
    wait.until(lambda: relay.metric("binrelay_source_last_contact_timestamp_seconds") > contact,
               30, "a heartbeat to count as contact")
    wait.until(lambda: relay.metric("binrelay_source_lag_seconds") == 0, 30, "no lag while idle")
    os.kill(source.pid, signal.SIGSTOP)
    try:
        wait.until(lambda: relay.metric("binrelay_source_lag_seconds") > 2, 60, "it to grow")
        first = relay.metric("binrelay_source_lag_seconds")
        wait.until(lambda: relay.metric("binrelay_source_lag_seconds") > first, 60, "and grow")
        # No connection by then: three heartbeats did not come.
        wait.until(lambda: relay.http("/readyz")[0] == 503, 60, "it not to be ready")
        assert relay.metric("binrelay_source_lag_seconds") >= first
    finally:
        os.kill(source.pid, signal.SIGCONT)
    wait.until(lambda: relay.metric("binrelay_source_lag_seconds") == 0, 60, "the end of the lag")


def test_health_readiness_and_status(scene):
    """Healthy without a source, ready only with it, with the reason; /status is the command's."""
    source = scene.server("mariadb10")
    relay = scene.relay(source, watched=True)
    assert relay.http("/healthz") == (200, "ok\n")
    assert relay.http("/readyz") == (200, "ready\n")
    code, text = relay.http("/status")
    volatile = re.compile(r'"(uptime_s|free_bytes|last_contact_s|received_bytes)":\d+')
    assert code == 200
    assert volatile.sub("", text) == volatile.sub("", relay.cli("status", "--json"))
    relay.settings["http"]["port"] = relay.http_port + 1
    relay.write_config()
    assert json.loads(relay.cli("reload", "--json"))["needs_restart"] == ["[http] port"]
    source.stop()
    wait.until(lambda: relay.http("/readyz")[0] == 503, 60, "it not to be ready")
    assert "channel 'main' is " in relay.http("/readyz")[1]
    assert relay.http("/healthz") == (200, "ok\n")
    assert relay.metric("binrelay_channel_up") == 0
    code, text = relay.http("/nothing")
    assert code == 404 and "/metrics" in text, text


def test_a_port_that_is_taken_stops_only_who_asked_for_it(scene):
    """By an [http] section: the start fails with a sentence. Without one: a line in the log."""
    source = scene.server("mariadb10")
    first = scene.relay(source, watched=True)
    second = scene.relay(source, start=False, watched=True,
                         settings={"http": {"port": first.http_port}})
    second.launch()
    wait.until(lambda: not second.running(), 30, "the second one to end")
    assert second.process.exit_code() == 1, second.tail()
    assert f"can't answer HTTP on '127.0.0.1' port {first.http_port}" in second.log_text()
    del second.settings["http"]
    with contextlib.ExitStack() as taken:
        default = taken.enter_context(socket.socket())
        default.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # Taken by somebody else is as good.
            default.bind(("127.0.0.1", 13307))
            default.listen()
        second.start()
        assert "can't answer HTTP on '127.0.0.1' port 13307" in second.log_text(), second.tail()
        second.stop()


def test_strangers_are_bounded(scene):
    """No method but two, no body, no endless head, no more connections than allowed; all the while
    consumers are served, and afterwards HTTP is, too."""
    source = scene.server("mariadb10")
    relay = scene.relay(source, watched=True, settings={"http": {"max_connections": 8}})
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
        got = raw(relay, f"{method} /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                         "Connection: close\r\n\r\nhello".encode())
        assert b" 405 " in got.split(b"\r\n")[0], (method, got)
    assert b" 200 " in raw(relay, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    endless = b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\n\r\n"
    assert b" 200 " not in raw(relay, endless).split(b"\r\n")[0]
    many = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"x-y: z\r\n" * 100000 + b"\r\n"
    assert b" 200 " not in raw(relay, many).split(b"\r\n")[0]
    assert b" 200 " not in raw(relay, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" * 100)
    body = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1000000
    assert b" 200 " not in raw(relay, body).split(b"\r\n")[0]
    for path in ("/../../etc/passwd", "/%2e%2e/etc/passwd", "/metrics/x", "//", "/%2fmetrics"):
        assert relay.http(path)[0] in (400, 404), path
    with contextlib.ExitStack() as crowd:
        eight = [crowd.enter_context(socket.create_connection((relay.host, relay.http_port)))
                 for _ in range(8)]
        for one in eight:
            one.sendall(b"GET /healthz HTTP/1.1\r\n")
        late = crowd.enter_context(socket.create_connection((relay.host, relay.http_port)))
        late.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        moved = select.select([late, *eight], [], [], 1)[0]
        assert late not in moved or len(moved) > 1, "one more than max_connections was answered"
        relay.connect().close()
    wait.until(lambda: relay.http("/healthz") == (200, "ok\n"), 60, "HTTP to answer again")
    relay.process.must_run()
