"""How long after a commit consumers may see it, beside what the disk needs to sync."""

import bisect
import json
import multiprocessing
import os
import socket
import statistics
import struct
import time

from lib.errors import Failure

import load

RATE = 1000
COMMITS = 10_000
# The first ones warm up what keeps caches; they are not counted.
WARM_UP = 500
SYNCS = 1000
# Before it is known how many a transaction has.
PROBE_BYTES = 512
SETTLE_S = 60
EVENT_HEADER = struct.Struct("<IBIIIH")
MAGIC_BYTES, XID = 4, 16
GOAL_MS = 1.0


def sync_times(folder, count, size):
    """Seconds that each of `count` appends of `size` bytes takes to be on the disk."""
    path = folder / "sync-probe"
    seconds = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for _ in range(count):
            begin = time.perf_counter()
            os.write(fd, bytes(size))
            os.fdatasync(fd)
            seconds.append(time.perf_counter() - begin)
    finally:
        os.close(fd)
        path.unlink()
    return seconds


def grouped_sync_times(folder, count, size, rate):
    """Seconds from when each append was due, at that rate, until one sync had it on the disk.

    What a stall of the disk costs all that come meanwhile, which sync_times() counts only once.
    """
    path = folder / "sync-probe"
    seconds = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        begin = time.monotonic()
        while (done := len(seconds)) < count:
            wait = begin + done / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            due = min(count, int((time.monotonic() - begin) * rate) + 1)
            os.write(fd, bytes(size * (due - done)))
            os.fdatasync(fd)
            now = time.monotonic()
            seconds += [now - (begin + number / rate) for number in range(done, due)]
    finally:
        os.close(fd)
        path.unlink()
    return seconds


def note_lines(asking, told):
    """In a process of its own, so that noting the time waits for nothing: until the socket ends."""
    noted, part = [], b""
    while some := asking.recv(65536):
        now = time.monotonic()
        *lines, part = (part + some).split(b"\n")
        noted += [(now, line) for line in lines]
    told.send(noted)


class Watch:
    """Notes when the published end rose to where, from start to stop()."""

    def __init__(self, asking):
        self._socket = asking
        context = multiprocessing.get_context("fork")
        self._told, child_end = context.Pipe(duplex=False)
        self._child = context.Process(target=note_lines, args=(asking, child_end), daemon=True)
        self._child.start()
        child_end.close()

    def stop(self):
        """[(seconds, (file, offset))] in the order of time."""
        self._socket.shutdown(socket.SHUT_RDWR)
        noted = self._told.recv()
        self._child.join()
        self._socket.close()
        ends = [(at, json.loads(line)["published"]) for at, line in noted]
        return [(at, (end["file"], end["offset"])) for at, end in ends if end]


def commit_at_rate(server, count, rate):
    """[(sent, answered)] in seconds of each commit of four rows; a late one delays no other."""
    times = []
    with server.connect() as connection, connection.cursor() as cursor:
        begin = time.monotonic()
        for number in range(count):
            wait = begin + number / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sent = time.monotonic()
            cursor.execute("CALL bench.fill_small(1)")
            times.append((sent, time.monotonic()))
    return times


def transaction_ends(path, begin):
    """Offsets behind each transaction of a binlog file from `begin` on."""
    data, at, ends = path.read_bytes(), begin, []
    while at < len(data):
        _, kind, _, length, _, _ = EVENT_HEADER.unpack_from(data, at)
        at += length
        if kind == XID:
            ends.append(at)
    return ends


def published_when(watched, ends):
    """When each of `ends` was seen to be published."""
    reached = [end for _, end in watched]
    at = [bisect.bisect_left(reached, end) for end in ends]
    if at and at[-1] == len(watched):
        raise Failure(f"{ends[-1]} was never published")
    return [watched[index][0] for index in at]


def commit_once(server, relay, ask_follow, count, rate):
    """One round: (sent, answered, published) of each commit, and the bytes of a transaction."""
    file, begin = server.position()
    relay.wait_published(file, begin, timeout_s=SETTLE_S)
    watch = Watch(ask_follow(relay))
    times = commit_at_rate(server, count, rate)
    end = server.position()
    relay.wait_published(*end, timeout_s=SETTLE_S)
    watched = watch.stop()
    # One client's commits stand in the binlog in its order.
    ends = [(file, at) for at in transaction_ends(server.data / file, begin)]
    if len(ends) != count or end[0] != file:
        raise Failure(f"{count} commits left {len(ends)} transactions in '{file}'")
    seen = published_when(watched, ends)
    if any(at < sent for (sent, _), at in zip(times, seen)):
        raise Failure("a commit was seen before it was sent: they were not told apart")
    return [(*pair, at) for pair, at in zip(times, seen)], (end[1] - begin) // count


def quantiles_ms(seconds):
    """Median and 99th percentile."""
    return {"median": statistics.median(seconds) * 1e3,
            "p99": statistics.quantiles(seconds, n=100)[98] * 1e3}


def measure_commit(scene, kind_name, ask_follow, *, count, rate, rounds):
    # Its binlog is not synced, so the disk's syncs are the relay's.
    server = scene.server(kind_name, **load.OPTIONS)
    load.prepare(server)
    relay = scene.relay(server, settings={"source a": {"tls": "off"}})
    commits, probes, grouped, taken_s = [], [], [], 0
    size = PROBE_BYTES
    for _ in range(rounds):
        probes += sync_times(relay.data, SYNCS, size)
        some, size = commit_once(server, relay, ask_follow, WARM_UP + count, rate)
        probes += sync_times(relay.data, SYNCS, size)
        grouped += grouped_sync_times(relay.data, max(2, count // 2), size, rate)
        commits += some[WARM_UP:]
        taken_s += some[-1][1] - some[WARM_UP][0]
    relay.stop()
    rows = {
        "a sync of the disk, alone": quantiles_ms(probes),
        "appends at that rate, synced": quantiles_ms(grouped),
        "the commit at the source": quantiles_ms([done - sent for sent, done, _ in commits]),
        "from its start to published": quantiles_ms([seen - sent for sent, _, seen in commits]),
        "from its answer to published": quantiles_ms([seen - done for _, done, seen in commits]),
    }
    disk, paced = rows["a sync of the disk, alone"], rows["appends at that rate, synced"]
    delay = rows["from its answer to published"]
    return {
        "release": server.kind.release, "rate": len(commits) / taken_s, "commits": len(commits),
        "delays_ms": rows,
        "goals": [("median beyond the disk's sync, ms", delay["median"] - disk["median"], GOAL_MS,
                   False),
                  ("99th percentile beyond that of the appends, ms", delay["p99"] - paced["p99"],
                   None, False)],
    }
