"""How long consumers see nothing when the relay goes over to another server."""

import selectors
import statistics
import subprocess
import time

from lib import relay as relays
from lib.errors import Failure
from lib.streams import Stream
from lib.switching import Stage, promote

import load
import measure

GTID_PAIRS = {"mysql97": "mysql97", "mariadb10": "mariadb10"}
# MariaDB always has GTIDs, and they mostly tell.
CONTENT_PAIRS = {"mysql97": "mysql97-off"}
ROWS = 3_000_000
# With GTIDs: of the candidate's newest binlog, that is all held already.
NEWEST_BYTES = 1 << 30
LOOKED_AT_S = 12  # two of the relay's looks at its candidates
BYTES_OF_ROW = NEWEST_BYTES // ROWS
GOAL_GTID_MS, GOAL_SPEED, GOAL_CONTENT_S = 500, 0.5, 2
SETTLE_S, FILL_S = 120, 1200
SERVER_ID = 3_100_000_000


def stage_of(scene, pair):
    stage = Stage(scene, pair, consumers=(), servers={**load.OPTIONS, "max_binlog_size": "1G"})
    for server in stage.servers.values():
        server.sql("SET sql_log_bin = 0; DROP DATABASE IF EXISTS bench; SET sql_log_bin = 1")
        load.prepare(server)
        server.sql("SET sql_log_bin = 1")
    return stage


def fill(server, rows):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CALL bench.fill_small({max(1, rows // load.ROWS_OF_SMALL)})")


def fill_newest(server, size, rows):
    """Small transactions first, then bulk inserts until the newest binlog is nearly as large."""
    fill(server, rows)
    with server.connect() as connection, connection.cursor() as cursor:
        while server.position()[1] < size * 15 // 16:
            cursor.execute("CALL bench.fill_bulk(10)")


def wait_for_mark(stream, mark, end):
    """When its bytes come to the consumer."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream.socket, selectors.EVENT_READ)
        while time.monotonic() < end:
            if selector.select(0.1):
                stream.take()
                if mark in stream.at_end:
                    return time.monotonic()
    raise Failure("the first new event did not come")


def switch_once(stage, name, number):
    """Seconds from the command to the first new event, which is there before the command."""
    mark = f"the first new one, {number}"
    stage.primary.sql("INSERT INTO story.journal VALUES (%s, %s)", (number, mark))
    stream = Stream(stage.relay, SERVER_ID + number, *stage.relay.published())
    time.sleep(0.5)  # Till it streams.
    argv = [relays.program("binrelay"), "--config", stage.relay.config, "switch", name]
    begin = time.monotonic()
    command = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        seconds = wait_for_mark(stream, mark.encode(), begin + SETTLE_S) - begin
        said, _ = command.communicate(timeout=SETTLE_S)
    finally:
        command.kill()
        stream.close()
    if command.returncode != 0:
        raise Failure(f"binrelay switch {name}: {said}", stage.relay.tail())
    return seconds


def by_gtid(scene, pair, rounds, rows, newest):
    """Forth and back between two servers; the backlog in front is the same for each."""
    stage = stage_of(scene, pair)
    fill_newest(stage.primary, newest, rows)
    seconds = []
    for number in range(1, rounds + 1):
        name = "b" if stage.active == "a" else "a"
        old = stage.active
        stage.servers[name].wait_for(stage.primary, timeout_s=FILL_S)
        stage.relay.wait_caught_up(stage.primary, timeout_s=FILL_S)
        time.sleep(LOOKED_AT_S)
        stage.hand_over(name)
        seconds.append(switch_once(stage, name, number))
        stage.rejoin(old)
    newest = stage.primary.position()[1]
    stage.relay.stop()
    return stage.primary.kind.release, newest, seconds


def drain(scene, server, file):
    log = scene.path("drain.log")
    return measure.run_program(
        [relays.program("peers/drain"), "--user", "repl", "--password", "replpw", "--port",
         server.port, "--file", file, "--server-id", SERVER_ID], log).seconds


def by_content(scene, pair, rounds, rows):
    """The candidate has `rows` rows behind the join: all of that has to be searched."""
    stage = stage_of(scene, pair)
    fill(stage.primary, rows // 10)
    stage.servers["b"].wait_for(stage.primary, timeout_s=SETTLE_S)
    stage.relay.wait_caught_up(stage.primary, timeout_s=SETTLE_S)
    candidate = stage.servers["b"]
    promote(candidate)
    stage.active = "b"
    candidate.flush_binlog()
    first = candidate.binlogs()[-1].name
    fill(candidate, rows)
    searched = sum(path.stat().st_size for path in candidate.binlogs() if path.name >= first)
    searches, drains = [], []
    for _ in range(rounds):
        begin = time.monotonic()
        stage.switch("b", "--dry-run")
        searches.append(time.monotonic() - begin)
        drains.append(drain(scene, candidate, first))
    seconds = first_event(stage)
    stage.relay.stop()
    return searched, statistics.median(searches), statistics.median(drains), seconds


def first_event(stage):
    """From the command until a consumer has the first of what the candidate has written since."""
    stream = Stream(stage.relay, SERVER_ID + 99, *stage.relay.published())
    time.sleep(0.5)
    while stream.socket in selected(stream.socket, 0.1):
        stream.take()
    argv = [relays.program("binrelay"), "--config", stage.relay.config, "switch", "b"]
    begin = time.monotonic()
    with subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL) as command:
        # What says that the relay goes over is small; behind it come the events.
        before = stream.bytes
        while stream.bytes < before + 4096:
            if time.monotonic() > begin + SETTLE_S:
                raise Failure("no new event came")
            if stream.socket in selected(stream.socket, 0.1):
                stream.take()
        seconds = time.monotonic() - begin
        if command.wait(SETTLE_S) != 0:
            raise Failure("the switch failed", stage.relay.tail())
    stream.close()
    return seconds


def selected(socket, timeout_s):
    with selectors.DefaultSelector() as selector:
        selector.register(socket, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(timeout_s)]


def content_goals(scene, kind_name, rounds, rows):
    """(what was searched and in which time, the goals)"""
    if kind_name not in CONTENT_PAIRS:
        return {}, []
    searched, search_s, drain_s, content_s = by_content(scene, CONTENT_PAIRS[kind_name], rounds, rows)
    return {"searched_bytes": searched, "search_s": search_s, "discard_s": drain_s}, [
        ("without, speed of the search, of a discarding reader's", drain_s / search_s, GOAL_SPEED, True),
        ("without, from the command to the first new event, s", content_s, GOAL_CONTENT_S, False)]


def measure_switch(scene, kind_name, *, rounds, rows):
    release, newest, with_gtids = by_gtid(scene, GTID_PAIRS[kind_name], 2 * rounds, rows // 10,
                                          min(NEWEST_BYTES, rows * BYTES_OF_ROW))
    searched, goals = content_goals(scene, kind_name, rounds, rows)
    return {
        "release": release, "newest_bytes": newest, **searched,
        "goals": [
            ("with GTIDs, from the command to the first new event, ms",
             statistics.median(with_gtids) * 1e3, GOAL_GTID_MS, False),
            ("the longest of them, ms", max(with_gtids) * 1e3, None, False), *goals],
    }
