"""tools/bench: how fast the relay takes in and hands out binlogs, beside what else does so."""

import argparse
import datetime
import json
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

import load  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402

KINDS = ("mariadb10", "mysql97")
CATCH_UP_S = 600
SERVE_PASSES = 4

ABOUT = """\
Measures the relay against real peers, by turns in the same run, and prints medians with ratios.

  ingest   a new relay catches up with a prepared backlog: binlogs received, checksums verified,
           synced, indexed, published, timed from the start of the dump; against a reader that
           discards the same dump and against mysqlbinlog --raw.
  serve    one reader takes the backlog from the relay, and from the database itself; CPU seconds
           are those of the serving process.
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
    line = next(line for line in relay.log_text().splitlines() if " following '" in line)
    return datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()


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


def ingest_once(scene, backlog):
    run, relay = catch_up(scene, backlog)
    relay.stop()
    shutil.rmtree(relay.folder)
    return run


def measure_ingest(scene, backlog, rounds):
    runs = {"discard": [], "raw": [], "relay": []}
    for _ in range(rounds):
        runs["discard"].append(discard(scene, backlog))
        runs["relay"].append(ingest_once(scene, backlog))
        runs["raw"].append(raw(scene, backlog))
    at = {name: measure.median(some) for name, some in runs.items()}
    # The goals are for small transactions; bulk inserts are bound by the disk and shown beside them.
    small = backlog.form == "small"
    tool = "mariadb-binlog" if backlog.server.kind.is_mariadb else "mysqlbinlog"
    return {
        "rows": [("reader that discards", at["discard"]), (f"{tool} --raw", at["raw"]),
                 ("binrelay", at["relay"])],
        "goals": [
            ("speed, of the discarding reader's", at["discard"].seconds / at["relay"].seconds,
             0.8 if small else None, True),
            (f"speed, of {tool} --raw's", at["raw"].seconds / at["relay"].seconds,
             3 if small else None, True),
            ("memory of the daemon, MiB", at["relay"].memory_kib / 1024, 32, False)],
    }


def serve_once(scene, backlog, endpoint, pid):
    """One reader takes everything, several times over, since the kernel counts CPU time in 10 ms."""
    before = measure.cpu_seconds(pid)
    seconds = 0
    for _ in range(SERVE_PASSES):
        log = scene.path("drain.log")
        measure.run_program(drain_argv(endpoint, backlog), log)
        seconds += check_drained(log, backlog, str(endpoint))
    return measure.Run(seconds / SERVE_PASSES, (measure.cpu_seconds(pid) - before) / SERVE_PASSES)


def measure_serve(scene, backlog, rounds):
    _, relay = catch_up(scene, backlog)
    runs = {"database": [], "relay": []}
    for _ in range(rounds):
        runs["database"].append(serve_once(scene, backlog, backlog.server, backlog.server.pid))
        runs["relay"].append(serve_once(scene, backlog, relay, relay.pid))
    at = {name: measure.median(some) for name, some in runs.items()}
    memory_mib = relay.memory_kib() / 1024
    relay.stop()
    return {
        "rows": [("from the database", at["database"]), ("from binrelay", at["relay"])],
        "goals": [
            ("speed, of the database's", at["database"].seconds / at["relay"].seconds, 1, True),
            ("bytes per CPU second, of the database's",
             at["database"].cpu_s / max(at["relay"].cpu_s, measure.TICK_S), 2, True),
            ("memory of the daemon, MiB", memory_mib, 32, False)],
    }


MEASURES = {"ingest": measure_ingest, "serve": measure_serve}


def as_json(what, backlog, result):
    return {
        "bench": what, "server": backlog.server.kind.name, "release": backlog.server.kind.release,
        "form": backlog.form, "bytes": backlog.bytes, "transactions": backlog.transactions,
        "runs": {name: {"seconds": run.seconds, "cpu_s": run.cpu_s, "memory_kib": run.memory_kib}
                 for name, run in result["rows"]},
        "goals": [{"what": what, "value": value, "target": target, "higher_is_better": higher}
                  for what, value, target, higher in result["goals"]],
    }


def bench(options, kind_name, form):
    """One table: a server's kind and a form of load, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="binrelay-bench-") as folder:
        scene = Scene(folder)
        try:
            backlog = load.Backlog(scene, kind_name, form, options.rows or load.ROWS[form])
            result = MEASURES[options.what](scene, backlog, options.rounds)
            if options.json:
                print(json.dumps(as_json(options.what, backlog, result)), flush=True)
            else:
                report.print_table(f"{options.what}: {backlog.describe()}", result["rows"],
                                   backlog.bytes)
                report.print_goals(result["goals"])
                report.print_load()
                sys.stdout.flush()
        except Failure:
            print(scene.tails(), file=sys.stderr)
            raise
        finally:
            scene.close()


def read_options():
    parser = argparse.ArgumentParser(prog="tools/bench", description=ABOUT,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("--only", choices=load.FORMS, help="only this form of load")
    parser.add_argument("--server", choices=KINDS, help="only this database (default: both)")
    parser.add_argument("--rows", type=int, metavar="N",
                        help="rows in the backlog (default: "
                        + ", ".join(f"{form} {rows:,}" for form, rows in load.ROWS.items()) + ")")
    parser.add_argument("--rounds", type=int, default=3, metavar="N",
                        help="times that each is measured, by turns (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object for each table")
    options = parser.parse_args()
    if options.rounds < 1 or (options.rows is not None and options.rows < 1):
        parser.error("--rows and --rounds are numbers above zero")
    return options


def main():
    options = read_options()
    failed = False
    for kind_name in [options.server] if options.server else KINDS:
        for form in [options.only] if options.only else load.FORMS:
            try:
                bench(options, kind_name, form)
            except Unavailable as reason:
                print(f"skipped {kind_name}: {reason}", file=sys.stderr)
                break
            except (Failure, RuntimeError) as failure:
                print(f"tools/bench: {kind_name}, {form}: {failure}", file=sys.stderr)
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
