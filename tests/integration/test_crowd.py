"""Many consumers at once: all get all, idle ones cost next to nothing, a stuck one is let go."""

import os
import socket
import time

from lib import wait
from lib.errors import Failure
from lib.marks import each
from lib.streams import Stream, read_all

CROWD = 300
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SMALL_RCVBUF = 16 * 1024


def source_and_relay(scene, kind, settings=None):
    source = scene.server(kind)
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB)")
    relay = scene.relay(source, settings=settings)
    relay.wait_caught_up(source)
    return source, relay


def insert(source, count, size):
    with source.connect() as connection, connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute(f"INSERT INTO d.t (b) VALUES (REPEAT('x', {size}))")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


@each("mariadb10")
def test_a_crowd_gets_everything_and_costs_little(scene, kind):
    """300 streams are the same byte for byte; each idle one holds less than 64 KiB, no time."""
    source, relay = source_and_relay(scene, kind)
    before_kib = resident_kib(relay.pid)
    at = source.position()
    streams = [Stream(relay, 1000 + n, *at) for n in range(CROWD)]
    try:
        insert(source, 500, 200)
        first = streams[0]
        relay.wait_caught_up(source)
        # The first one tells how much there is: when nothing more comes to it while others wait.
        size = source.position()[1] - at[1]
        read_all(streams, lambda: all(s.bytes > size for s in streams), "500 transactions to all")
        read_all(streams, lambda: all(s.bytes == first.bytes for s in streams), "the last bytes")
        if len({s.hash.digest() for s in streams}) != 1:
            raise Failure("consumers of the same place got different bytes")
        each_kib = (resident_kib(relay.pid) - before_kib) / CROWD
        print(f"{each_kib:.1f} KiB for each idle stream")
        if each_kib > 64:
            raise Failure(f"an idle stream holds {each_kib:.0f} KiB")
        used = cpu_seconds(relay.pid)
        time.sleep(3)
        used = cpu_seconds(relay.pid) - used
        if used > 0.06:
            raise Failure(f"{CROWD} idle streams cost {used:.2f} s of CPU in 3 s")
    finally:
        for stream in streams:
            stream.close()
    relay.stop()


@each("mariadb10")
def test_a_consumer_that_takes_nothing_is_let_go(scene, kind):
    """write_timeout: it is ended, the log says why, and another one is not held up."""
    source, relay = source_and_relay(scene, kind, {"listener": {"write_timeout": "2s"}})
    at = source.position()
    stuck, good = Stream(relay, 1001, *at), Stream(relay, 1002, *at)
    try:
        stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RCVBUF)
        insert(source, 24, 1 << 20)
        size = source.position()[1] - at[1]
        read_all([good], lambda: good.bytes > size, "24 MiB to the one that reads")
        wait.until(lambda: "took no bytes for 2 s (write_timeout)" in relay.log_text(), 20,
                   lambda: f"the stuck consumer to be ended\n{relay.tail()}", pause_s=0.1)
        # One that waits for the next transaction is not stuck, however long it waits.
        time.sleep(3)
        before = good.bytes
        insert(source, 1, 100)
        read_all([good], lambda: good.bytes > before, "one more transaction")
        if relay.log_text().count("took no bytes") != 1:
            raise Failure("a consumer that read was ended", relay.tail())
    finally:
        stuck.close()
        good.close()
    relay.stop()
