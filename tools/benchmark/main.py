"""tools/bench: how fast the relay takes in and hands out binlogs, beside what else does so."""

import argparse
import concurrent.futures
import datetime
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lib import relay as relays  # noqa: E402
from lib.errors import Failure, Unavailable  # noqa: E402
from lib.scene import Scene  # noqa: E402
from lib.servers import REPL  # noqa: E402

import commit  # noqa: E402
import first  # noqa: E402
import kafka  # noqa: E402
import latency  # noqa: E402
import load  # noqa: E402
import measure  # noqa: E402
import publish  # noqa: E402
import replay  # noqa: E402
import report  # noqa: E402
import sender  # noqa: E402
import switch  # noqa: E402

KINDS = ("mariadb10", "mysql97")
CATCH_UP_S = 600
SERVE_PASSES = 4
ROUNDS = 3
SERVE_AT_ONCE = 16

ABOUT = """\
Measures the relay against real peers, by turns in the same run, and prints medians with ratios.

  ingest   a new relay catches up with a prepared backlog: binlogs received, checksums verified,
           synced, indexed, published, timed from the start of the dump; against a reader that
           discards the same dump, as many bytes just written to the same disk, mysqlbinlog --raw,
           and a replica of the same database with only its I/O thread started, of which only that
           thread's CPU counts.
  serve    one reader takes the backlog from the relay, from the database itself, and from a program
           that has the stream in memory and only sends it, which is the reader's own limit; then 16
           at once; with --tls also through TLS; CPU seconds are those of the serving process.
  commit   commits at a steady rate, one client; how long after each one its end is published
           (synced, and shown to consumers), by the relay's own word on its control socket, all by
           one clock; beside appends with fdatasync in the same folder: one after the other, and
           at the same rate, several to a sync where the disk is slower than that.
  latency  many consumers follow a source that commits at a steady rate; how much later each
           transaction comes to each of them than to one stream from the source itself, all read
           by one thread and by one clock; beside the same by a relay that leaves syncing to the
           system, and by a program that only passes the source's stream on to as many
           connections, which is what the machine's own network takes; memory, and CPU with
           all of them idle.
  first    how soon consumers that hold a random part of a source's transactions (by GTID) have
           their first one, from a relay that holds thousands of binlogs, and from the source.
  publish  a new relay takes a backlog in and publishes it as JSON lines to a file, both at once;
           against Debezium's embedded engine, which does the same from the database, timed from the
           start of its dump (the connector's and the JVM's start are not counted); and the same
           files read by `binrelay events`, to a file, and only counted: the limit of decoding.
  switch   the relay goes over to a standby: from the command to the first new event at a consumer,
           with GTIDs, and without, where the candidate's binlogs are searched for what is held,
           beside a reader that discards the same binlogs.
  kafka    a backlog of row events goes to a Kafka broker: by the relay, at least once and exactly
           once; the same messages by librdkafka's own producer; by Debezium in Kafka Connect with
           the same settings of its producer. Then how long after a commit begins the row is read
           from Kafka.
  replay   small transactions that a relay holds go into an empty server: by mysqlbinlog | mysql, and by
           `binrelay replay`; bulk inserts into plain files: by dd with fsync, and by `binrelay export`.

The relay's CPU is always that of its whole process.
"""


def drain_argv(endpoint, backlog):
    return [relays.program("peers/drain"), "--user", REPL[0], "--password", REPL[1],
            "--port", endpoint.port, "--file", backlog.files[0].name]


def check_drained(log, backlog, who):
    """What was read must be what there is: a wrong stream is quick, too."""
    got = json.loads(Path(log).read_text(encoding="ascii"))
    # On top of the files come the events that open and end each file's stream.
    if not backlog.bytes <= got["bytes"] <= backlog.bytes + 4096 * len(backlog.files):
        raise Failure(f"{who} gave {got['bytes']} bytes in place of {backlog.bytes}")
    return got["seconds"]


def discard(scene, backlog):
    log = scene.path("drain.log")
    run = measure.run_program(drain_argv(backlog.server, backlog), log)
    run.seconds = check_drained(log, backlog, "the source")
    return run


def raw(scene, backlog):
    """mysqlbinlog --raw: writes the same files, without syncing them."""
    folder = scene.path("raw")
    folder.mkdir()
    server = backlog.server
    argv = [*server.kind.programs.find("binlog"), "--no-defaults", "--read-from-remote-server",
            f"--host={server.host}", f"--port={server.port}", f"--user={REPL[0]}",
            f"--password={REPL[1]}", "--raw", f"--result-file={folder}/", "--to-last-log",
            backlog.files[0].name]
    run = measure.run_program(argv, scene.path("raw.log"))
    got = sum((folder / path.name).stat().st_size - 4 for path in backlog.files)
    if got != backlog.bytes:
        raise Failure(f"{argv[0]} wrote {got} bytes in place of {backlog.bytes}")
    shutil.rmtree(folder)
    return run


def disk_writes(scene, backlog):
    """As many bytes written to a file in large pieces, synced once: the disk's own limit."""
    path, piece = scene.path("writes"), bytes(1 << 20)
    cpu_before, begin = time.process_time(), time.monotonic()
    with open(path, "wb", buffering=0) as file:
        for left in range(backlog.bytes, 0, -len(piece)):
            file.write(piece[:left])
        os.fdatasync(file.fileno())
    run = measure.Run(time.monotonic() - begin, time.process_time() - cpu_before)
    path.unlink()
    return run


def ask_follow(relay):
    """Lines that tell the published end, as it rises."""
    address = str(relay.data / "control.sock")
    end = time.monotonic() + 30
    while True:
        asking = socket.socket(socket.AF_UNIX)
        try:
            asking.connect(address)
            break
        except OSError:
            asking.close()
            relay.process.must_run()
            if time.monotonic() > end:
                raise
            time.sleep(0.005)
    asking.sendall(b"follow\n")
    asking.settimeout(CATCH_UP_S)
    return asking


def wait_published(relay, asking, end):
    with asking, asking.makefile("rb") as lines:
        for line in lines:
            at = json.loads(line)["published"]
            if at and (at["file"], at["offset"]) >= end:
                return
    relay.process.must_run()
    raise Failure(f"{relay} stopped telling where it is", relay.tail())


def dump_began(relay):
    """When the relay's log says that it follows, as seconds of the epoch."""
    at = re.search(r"^time=(\S+)Z .*\bfollowing '", relay.log_text(), re.MULTILINE)
    return datetime.datetime.fromisoformat(at[1] + "+00:00").timestamp()


def catch_up(scene, backlog):
    """A new relay takes in the whole backlog; gives the measurement and the relay."""
    relay = scene.relay(backlog.server, start=False, settings={"source a": {"tls": "off"}})
    relay.launch()
    asking = ask_follow(relay)
    # It answers just before it begins with the source; starting (making an RSA key) is not catching up.
    before = measure.cpu_seconds(relay.pid)
    wait_published(relay, asking, backlog.end)
    run = measure.Run(time.time() - dump_began(relay), measure.cpu_seconds(relay.pid) - before,
                      relay.memory_kib())
    held = sum(path.stat().st_size - 4 for path in relay.files())
    if held != backlog.bytes:
        raise Failure(f"the relay holds {held} bytes in place of {backlog.bytes}", relay.tail())
    return run, relay


class Receiver:
    """The database's own way to receive: a replica of which only the I/O thread runs."""

    def __init__(self, scene, backlog):
        self.backlog = backlog
        self.server = scene.server(backlog.server.kind.name, log_bin=None, log_slave_updates=None,
                                   log_replica_updates=None)

    def receive(self):
        """The whole backlog into its relay logs, which are gone afterwards."""
        source, replica = self.backlog.server, self.server
        replica.make_replica_of(source.host, source.port, *REPL, file=self.backlog.files[0].name,
                                start=False)
        before = measure.threads(replica.pid)
        begin = time.monotonic()
        replica.start_replica("IO_THREAD")
        while not self._has_all():
            if time.monotonic() - begin > CATCH_UP_S:
                raise Failure(f"{replica} is at {replica.replica_status()}", replica.tail())
            time.sleep(0.05)
        seconds = time.monotonic() - begin
        # Idle helpers may have started, too; who received has worked most.
        cpu_s = max(measure.cpu_seconds(replica.pid, thread)
                    for thread in measure.threads(replica.pid) - before)
        replica.stop_replica()
        replica.reset_replica()
        return measure.Run(seconds, cpu_s)

    def _has_all(self):
        at = self.server.replica_status()
        if at["io_errno"]:
            raise Failure(f"{self.server} can't receive: {at['io_error']}", self.server.tail())
        return (at["read_file"], int(at["read_pos"])) >= self.backlog.end


def ingest_once(scene, backlog):
    run, relay = catch_up(scene, backlog)
    relay.stop()
    shutil.rmtree(relay.folder)
    return run


def measure_ingest(scene, backlog, rounds, _with_tls):
    runs = {"discard": [], "disk": [], "raw": [], "replica": [], "relay": []}
    receiver = Receiver(scene, backlog)
    for _ in range(rounds):
        runs["discard"].append(discard(scene, backlog))
        runs["relay"].append(ingest_once(scene, backlog))
        runs["disk"].append(disk_writes(scene, backlog))
        runs["raw"].append(raw(scene, backlog))
        runs["replica"].append(receiver.receive())
    receiver.server.stop()
    at = {name: measure.median(some) for name, some in runs.items()}
    # Bulk inserts may be bound by the disk, which nobody beats: the slower of the two counts.
    small = backlog.form == "small"
    bound = at["discard"].seconds if small else max(at["discard"].seconds, at["disk"].seconds)
    tool = "mariadb-binlog" if backlog.server.kind.is_mariadb else "mysqlbinlog"
    return {
        "rows": [("reader that discards", at["discard"]), ("writes to the disk", at["disk"]),
                 (f"{tool} --raw", at["raw"]), ("replica, its I/O thread", at["replica"]),
                 ("binrelay", at["relay"])],
        "goals": [
            ("speed, of the discarding reader's" + ("" if small else " or the disk's"),
             bound / at["relay"].seconds, 0.9 if small else 0.8, True),
            (f"speed, of {tool} --raw's", at["raw"].seconds / at["relay"].seconds,
             3 if small else None, True),
            ("CPU per GB, of the replica's I/O thread",
             at["relay"].cpu_s / max(at["replica"].cpu_s, measure.TICK_S), 1, False),
            ("memory of the daemon, MiB", at["relay"].memory_kib / 1024, 32, False)],
    }


def serve_many(scene, backlog, endpoint, pid):
    """Several readers take everything at once; the numbers are for one of them."""
    before, begin = measure.cpu_seconds(pid), time.monotonic()
    logs = [scene.path(f"drain-{number}.log") for number in range(SERVE_AT_ONCE)]
    with concurrent.futures.ThreadPoolExecutor(SERVE_AT_ONCE) as pool:
        readers = list(pool.map(lambda numbered: measure.run_program(
            [*drain_argv(endpoint, backlog), "--server-id", 3_000_000_000 + numbered[0]],
            numbered[1]), enumerate(logs)))
    seconds = time.monotonic() - begin
    for log in logs:
        check_drained(log, backlog, str(endpoint))
    return measure.Run(seconds / SERVE_AT_ONCE, (measure.cpu_seconds(pid) - before) / SERVE_AT_ONCE,
                       reader_s=sum(reader.cpu_s for reader in readers) / SERVE_AT_ONCE)


def serve_once(scene, backlog, endpoint, pid, *more):
    """One reader takes everything, several times over, since the kernel counts CPU time in 10 ms."""
    before = measure.cpu_seconds(pid)
    seconds = reader_s = 0
    for _ in range(SERVE_PASSES):
        log = scene.path("drain.log")
        reader_s += measure.run_program([*drain_argv(endpoint, backlog), *more], log).cpu_s
        seconds += check_drained(log, backlog, str(endpoint))
    return measure.Run(seconds / SERVE_PASSES, (measure.cpu_seconds(pid) - before) / SERVE_PASSES,
                       reader_s=reader_s / SERVE_PASSES)


def measure_serve(scene, backlog, rounds, with_tls):
    _, relay = catch_up(scene, backlog)
    limit = sender.Sender(scene, relay)
    ends = {"database": backlog.server, "limit": limit, "relay": relay}
    runs = {name: [] for name in ("database", "limit", "relay", "tls_limit", "tls", "many")}
    for _ in range(rounds):
        for name, end in ends.items():
            runs[name].append(serve_once(scene, backlog, end, end.pid))
        if with_tls:
            runs["tls_limit"].append(serve_once(scene, backlog, limit, limit.pid, "--tls"))
            runs["tls"].append(serve_once(scene, backlog, relay, relay.pid, "--tls"))
        runs["many"].append(serve_many(scene, backlog, relay, relay.pid))
    at = {name: measure.median(some) for name, some in runs.items() if some}
    memory_mib = relay.memory_kib() / 1024
    limit.stop()
    relay.stop()
    one, many = at["relay"], at["many"]
    return {
        "rows": [("from the database", at["database"]), ("limit: from memory", at["limit"]),
                 ("from binrelay", one),
                 *([("limit by TLS: from memory", at["tls_limit"]),
                    ("from binrelay by TLS", at["tls"])] if with_tls else []),
                 (f"from binrelay, {SERVE_AT_ONCE} at once, each", many)],
        "goals": [
            ("speed, of the database's", at["database"].seconds / one.seconds, 1.5, True),
            ("speed, of the reader's limit", at["limit"].seconds / one.seconds, None, True),
            ("CPU per GB, of the database's",
             one.cpu_s / max(at["database"].cpu_s, measure.TICK_S), 0.4, False),
            ("cores that the reader took", one.reader_s / one.seconds, None, False),
            *([("speed by TLS, of that in the clear", one.seconds / at["tls"].seconds, 0.6, True),
               ("the reader's limit by TLS, of that in the clear",
                at["limit"].seconds / at["tls_limit"].seconds, None, True),
               ("speed by TLS, of the reader's limit by TLS",
                at["tls_limit"].seconds / at["tls"].seconds, None, True),
               ("cores that the reader took by TLS", at["tls"].reader_s / at["tls"].seconds, None,
                False)] if with_tls else []),
            (f"MB/s, {SERVE_AT_ONCE} at once, together", backlog.bytes / measure.MB / many.seconds,
             None, True),
            ("cores that the relay took then", many.cpu_s / many.seconds, None, False),
            ("cores that the readers took then", many.reader_s / many.seconds, None, False),
            (f"CPU per GB, {SERVE_AT_ONCE} at once, of one's",
             many.cpu_s / max(one.cpu_s, measure.TICK_S), None, False),
            ("memory of the daemon, MiB", memory_mib, 32, False)],
    }


MEASURES = {"ingest": measure_ingest, "serve": measure_serve}
COMMANDS = (*MEASURES, "commit", "latency", "first", "switch", "publish", "kafka", "replay")


def goals_as_json(goals):
    return [{"what": what, "value": value, "target": target, "higher_is_better": higher}
            for what, value, target, higher in goals]


def as_json(what, backlog, result):
    return {
        "bench": what, "server": backlog.server.kind.name, "release": backlog.server.kind.release,
        "form": backlog.form, "bytes": backlog.bytes, "transactions": backlog.transactions,
        "runs": {name: {"seconds": run.seconds, "cpu_s": run.cpu_s, "memory_kib": run.memory_kib}
                 for name, run in result["rows"]},
        "goals": goals_as_json(result["goals"]),
    }


def bench_backlog(scene, options, kind_name, form):
    backlog = load.Backlog(scene, kind_name, form, options.rows or load.ROWS[form])
    result = MEASURES[options.what](scene, backlog, options.rounds, options.tls)
    if options.json:
        print(json.dumps(as_json(options.what, backlog, result)), flush=True)
        return
    report.print_table(f"{options.what}: {backlog.describe()}", result["rows"], backlog.bytes)
    report.print_goals(result["goals"])
    report.print_load()


def bench_commit(scene, options, kind_name):
    result = commit.measure_commit(scene, kind_name, ask_follow, rounds=options.rounds,
                                   count=options.commits or commit.COMMITS,
                                   rate=options.rate or commit.RATE)
    if options.json:
        print(json.dumps({"bench": "commit", "server": kind_name, **result,
                          "goals": goals_as_json(result["goals"])}), flush=True)
        return
    title = (f"commit: {kind_name} {result['release']}, {result['commits']:,} commits of "
             f"{load.ROWS_OF_SMALL} rows, {result['rate']:,.0f} a second")
    report.print_delays(title, result["delays_ms"])
    report.print_goals(result["goals"])
    report.print_load("delays are for the most part theirs")


def bench_latency(scene, options, kind_name):
    result = latency.measure_latency(scene, kind_name, rounds=options.rounds,
                                     streams=options.streams or latency.STREAMS,
                                     count=options.commits or latency.COMMITS,
                                     rate=options.rate or commit.RATE)
    if options.json:
        print(json.dumps({"bench": "latency", "server": kind_name, **result,
                          "goals": goals_as_json(result["goals"])}), flush=True)
        return
    title = (f"latency: {kind_name} {result['release']}, {result['commits']:,} commits of "
             f"{load.ROWS_OF_SMALL} rows, {result['rate']:,.0f} a second, to "
             f"{result['streams']:,} consumers")
    report.print_delays(title, result["delays_ms"])
    report.print_goals(result["goals"])
    report.print_load("delays are for the most part theirs")


def bench_first(scene, options, kind_name):
    result = first.measure_first(scene, kind_name, rounds=options.rounds,
                                 files=options.files or first.FILES, starts=first.STARTS)
    if options.json:
        print(json.dumps({"bench": "first", "server": kind_name, **result,
                          "goals": goals_as_json(result["goals"])}), flush=True)
        return
    title = (f"first: {kind_name} {result['release']}, {result['transactions']:,} transactions in "
             f"{result['files']:,} files, {first.STARTS * options.rounds} starts")
    report.print_delays(title, result["delays_ms"])
    report.print_goals(result["goals"])
    report.print_load("delays are for the most part theirs")


def bench_publish(scene, options, kind_name, form):
    backlog = publish.Backlog(scene, kind_name, form, options.rows or publish.ROWS)
    result = publish.measure_publish(scene, backlog, options.rounds, ask_follow, dump_began)
    if options.json:
        print(json.dumps({**as_json("publish", backlog, result), "rows": backlog.rows,
                          "profile": dict(result["profile"])}), flush=True)
        return
    report.print_table(f"publish: {backlog.describe()}", result["rows"], backlog.bytes)
    report.print_goals(result["goals"])
    report.print_shares("where the processor's time goes with the output dropped", result["profile"])
    report.print_load()


def bench_replay(scene, options, kind_name, form):
    backlog = load.Backlog(scene, kind_name, form, options.rows or replay.ROWS[form])
    _, relay = catch_up(scene, backlog)
    result = replay.measure_replay(scene, backlog, relay, options.rounds)
    relay.stop()
    if options.json:
        print(json.dumps(as_json("replay", backlog, result)), flush=True)
        return
    report.print_table(f"replay: {backlog.describe()}", result["rows"], backlog.bytes)
    report.print_goals(result["goals"])
    report.print_load()


def forms_of(options):
    """What has a backlog has several."""
    if options.what == "publish":
        return [options.only] if options.only else publish.FORMS
    if options.what in (*MEASURES, "replay"):
        return [options.only] if options.only else load.FORMS
    return [None]


def bench_switch(scene, options, kind_name):
    result = switch.measure_switch(scene, kind_name, rounds=options.rounds,
                                   rows=options.rows or switch.ROWS)
    if options.json:
        print(json.dumps({"bench": "switch", "server": kind_name, **result,
                          "goals": goals_as_json(result["goals"])}), flush=True)
        return
    print(f"\nswitch: {kind_name} {result['release']}; with GTIDs the candidate's newest binlog has"
          f" {result['newest_bytes'] / 1e6:,.0f} MB")
    if "searched_bytes" in result:
        print(f"  {result['searched_bytes'] / 1e6:,.0f} MB of binlogs are searched in "
              f"{result['search_s']:.2f} s; a reader that discards them needs {result['discard_s']:.2f} s")
    report.print_goals(result["goals"])
    report.print_load("times are for the most part theirs")


def bench_kafka(scene, options, kind_name):
    result = kafka.measure_kafka(scene, kind_name, rows=options.rows or kafka.ROWS,
                                 rounds=options.rounds)
    if options.json:
        rows = {name: {"seconds": run.seconds, "cpu_s": run.cpu_s} for name, run in
                result.pop("rows_table")}
        print(json.dumps({"bench": "kafka", "server": kind_name, **result, "runs": rows,
                          "goals": goals_as_json(result["goals"])}), flush=True)
        return
    report.print_rates(f"kafka: {kind_name} {result['release']}, {result['rows']:,} row events",
                       result["rows_table"], result["rows"])
    report.print_goals(result["goals"])
    report.print_load()


def bench(options, kind_name, form):
    """One table: a server's kind and a form of load, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="binrelay-bench-") as folder:
        scene = Scene(folder)
        try:
            if options.what == "publish":
                bench_publish(scene, options, kind_name, form)
            elif options.what == "replay":
                bench_replay(scene, options, kind_name, form)
            elif options.what == "latency":
                bench_latency(scene, options, kind_name)
            elif options.what == "first":
                bench_first(scene, options, kind_name)
            elif options.what == "switch":
                bench_switch(scene, options, kind_name)
            elif options.what == "kafka":
                bench_kafka(scene, options, kind_name)
            elif form is None:
                bench_commit(scene, options, kind_name)
            else:
                bench_backlog(scene, options, kind_name, form)
            sys.stdout.flush()
        except Failure:
            print(scene.tails(), file=sys.stderr)
            raise
        finally:
            scene.close()


def read_options():
    parser = argparse.ArgumentParser(prog="tools/bench", description=ABOUT,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--only", choices=list(dict.fromkeys([*load.FORMS, *publish.FORMS])),
                        help="only this form of load")
    parser.add_argument("--server", choices=KINDS, help="only this database (default: both)")
    parser.add_argument("--rows", type=int, metavar="N",
                        help="rows in the backlog (default: "
                        + ", ".join(f"{form} {rows:,}" for form, rows in load.ROWS.items())
                        + f"; publish: {publish.ROWS:,})")
    parser.add_argument("--tls", action="store_true", help="serve: also through TLS")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help=f"times that each is measured, by turns (default: {ROUNDS}, for latency "
                        f"{latency.ROUNDS})")
    parser.add_argument("--commits", type=int, metavar="N",
                        help=f"commit: how many in a round (default: {commit.COMMITS:,})")
    parser.add_argument("--rate", type=int, metavar="N",
                        help=f"commit: how many a second (default: {commit.RATE:,})")
    parser.add_argument("--streams", type=int, metavar="N",
                        help=f"latency: how many consumers (default: {latency.STREAMS:,})")
    parser.add_argument("--files", type=int, metavar="N",
                        help=f"first: how many binlogs, about (default: {first.FILES:,})")
    parser.add_argument("--json", action="store_true", help="one JSON object for each table")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = latency.ROUNDS if options.what == "latency" else ROUNDS
    numbers = (options.rounds, options.rows, options.commits, options.rate,
               options.streams, options.files)
    if any(number is not None and number < 1 for number in numbers):
        parser.error("--rows, --rounds, --commits, --rate, --streams and --files are numbers above zero")
    forms = publish.FORMS if options.what == "publish" else load.FORMS
    if options.only and options.only not in forms:
        parser.error(f"--only is one of {', '.join(forms)} for {options.what}")
    if options.what not in (*MEASURES, "publish", "replay"):
        if options.only or (options.rows and options.what not in ("switch", "kafka")):
            parser.error(f"--only and --rows are for a backlog, {options.what} has none")
    if (options.commits or options.rate) and options.what not in ("commit", "latency"):
        parser.error("--commits and --rate are for commit and latency")
    if options.files and options.what != "first":
        parser.error("--files is for first")
    if options.tls and options.what != "serve":
        parser.error("--tls is for serve")
    if options.streams and options.what != "latency":
        parser.error("--streams is for latency")
    return options


def main():
    options = read_options()
    failed = False
    forms = forms_of(options)
    for kind_name in [options.server] if options.server else KINDS:
        for form in forms:
            try:
                bench(options, kind_name, form)
            except Unavailable as reason:
                print(f"skipped {kind_name}: {reason}", file=sys.stderr)
                break
            except (Failure, RuntimeError) as failure:
                print(f"tools/bench: {kind_name}, {form or options.what}: {failure}",
                      file=sys.stderr)
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
