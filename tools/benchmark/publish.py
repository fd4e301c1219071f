"""How fast a backlog becomes change events: beside the real Debezium, and where the time goes."""

import os
import re
import shutil
import subprocess
import time

from lib import relay as relays
from lib.debezium import Debezium, mark_end
from lib.errors import Failure

import load
import measure

ROWS_OF_SMALL = 4
ROWS_OF_UPDATE = 1_000
ROWS = 1_000_000
FORMS = {"small": f"transactions of {ROWS_OF_SMALL} inserted rows",
         "update": f"updates of {ROWS_OF_UPDATE:,} rows"}
END_S = 1800
MEMORY_MIB = 64

# A heap that it does not fill, and the JVM's own choice of everything else.
JVM = ("-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
       "-Dorg.slf4j.simpleLogger.log.org.apache.kafka=warn")

# Rows of about 200 bytes.
SCHEMA = f"""
CREATE DATABASE bench;
CREATE TABLE bench.orders (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, account INT NOT NULL, amount DECIMAL(12,2) NOT NULL,
  state VARCHAR(16) NOT NULL, changed DATETIME(3) NOT NULL, name VARCHAR(40), note VARCHAR(200));
CREATE TABLE bench.lines LIKE bench.orders;
CREATE TABLE bench.numbers (n INT NOT NULL PRIMARY KEY);
"""
ROW = ("(n, n / 100, 'open', NOW(3), CONCAT('customer number ', n), "
       "CONCAT('as agreed by telephone; ', REPEAT('to be delivered by noon. ', 4)))")
SMALL = f"""
CREATE PROCEDURE bench.fill_small(count INT)
BEGIN
  DECLARE n INT DEFAULT 0;
  WHILE n < count DO
    INSERT INTO bench.orders (account, amount, state, changed, name, note)
      VALUES {", ".join([ROW] * ROWS_OF_SMALL)};
    SET n = n + 1;
  END WHILE;
END
"""
UPDATE = f"""
CREATE PROCEDURE bench.fill_update(count INT)
BEGIN
  DECLARE n INT DEFAULT 0;
  WHILE n < count DO
    UPDATE bench.lines SET account = account + 1, state = IF(n % 2, 'open', 'sent');
    SET n = n + 1;
  END WHILE;
END
"""


class Backlog:
    """A server whose binlogs hold so many row events and then the stop mark; nobody writes more.

    A connector that was there before has its offset and the tables' history in `connector_folder`.
    """

    def __init__(self, scene, kind_name, form, rows):
        self.form = form
        self.scene = scene
        self.transactions = rows // (ROWS_OF_SMALL if form == "small" else ROWS_OF_UPDATE)
        self.rows = self.transactions * (ROWS_OF_SMALL if form == "small" else ROWS_OF_UPDATE)
        self.server = scene.server(kind_name, **load.OPTIONS, binlog_row_metadata="FULL")
        self._prepare()
        self.connector_folder = self._know_the_tables()
        self.server.flush_binlog()
        self.first_file = self.server.binlogs()[-1].name
        self.server.sql(f"CALL bench.fill_{form}({self.transactions})")
        mark_end(self.server, "bench")
        self.end = self.server.position()
        self.files = [path for path in self.server.binlogs() if path.name >= self.first_file]
        self.bytes = sum(path.stat().st_size - 4 for path in self.files)

    def _prepare(self):
        self.server.sql(SCHEMA)
        self.server.sql("SET sql_log_bin = 0")
        self.server.sql("INSERT INTO bench.numbers VALUES "
                        + ",".join(f"({n})" for n in range(ROWS_OF_UPDATE)))
        self.server.sql("INSERT INTO bench.lines (account, amount, state, changed, name, note) SELECT "
                        + ROW[1:-1] + " FROM bench.numbers")
        self.server.sql("SET sql_log_bin = 1")
        self.server.sql(SMALL)
        self.server.sql(UPDATE)

    def _know_the_tables(self):
        connector = self.connector()
        # Its offset is stored with its first records.
        time.sleep(2)
        connector.stop()
        return connector.folder

    def connector(self):
        return self.scene.debezium(self.server, "bench", jvm=JVM, program="DebeziumLines")

    def describe(self):
        kind = self.server.kind
        return (f"{kind.name} {kind.release}, {FORMS[self.form]}: {self.rows:,} rows, "
                f"{self.bytes / 1e6:,.0f} MB")


def debezium(scene, backlog):
    """From the moment it asks for the dump, its start not counted, to the stop mark."""
    path = scene.path("debezium-again")
    shutil.copytree(backlog.connector_folder, path)
    (path / "debezium.log").unlink()
    connector = scene.add(Debezium(path, backlog.server, "bench", jvm=JVM, program="DebeziumLines"))
    connector.wait_streaming()
    begin, before = time.monotonic(), measure.cpu_seconds(connector.pid)
    used = before
    while connector.running():
        if time.monotonic() - begin > END_S:
            raise Failure("Debezium did not meet the end", connector.tail())
        try:
            used = measure.cpu_seconds(connector.pid)
        except (FileNotFoundError, IndexError):
            break
        time.sleep(0.02)
    run = measure.Run(time.monotonic() - begin, used - before)
    if connector.exit_code() != 0:
        raise Failure("Debezium failed", connector.tail())
    check_rows(connector.output, backlog, "Debezium")
    shutil.rmtree(path)
    return run


def check_rows(path, backlog, who):
    done = subprocess.run(["grep", "-c", '"op":"[cu]"', str(path)], capture_output=True, check=False,
                          text=True)
    if not 0 <= int(done.stdout) - backlog.rows <= 1:
        raise Failure(f"{who} wrote {done.stdout.strip()} rows in place of {backlog.rows}")


def relay_publishes(scene, backlog, ask_follow, dump_began):
    """A new relay takes the backlog in and publishes it, both at once; its whole process counts."""
    relay = scene.relay(backlog.server, start=False, publish="bench",
                        settings={"source a": {"tls": "off"}})
    relay.launch()
    ask_follow(relay).close()
    before = measure.cpu_seconds(relay.pid)
    end = time.monotonic() + END_S
    while not has_end(relay.output):
        relay.process.must_run()
        if time.monotonic() > end:
            raise Failure(f"{relay} did not come to the end", relay.tail())
        time.sleep(0.01)
    run = measure.Run(time.time() - dump_began(relay), measure.cpu_seconds(relay.pid) - before,
                      relay.memory_kib())
    check_rows(relay.output, backlog, "the relay")
    relay.stop()
    shutil.rmtree(relay.folder)
    return run


def has_end(path):
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - 2048))
            return b'"table":"zz_end"' in file.read()
    except FileNotFoundError:
        return False


def offline(backlog, to, *more):
    """`binrelay events` over the same files, by itself: decoding, JSON, and where it goes."""
    argv = [str(relays.program("binrelay")), "events", *more, *map(str, backlog.files)]
    with open(to, "wb") as output:
        begin = time.monotonic()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise Failure(f"binrelay events ended with {child.returncode}")
    return measure.Run(time.monotonic() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss)



PARTS = {"protocol/base": "text and buffers", "protocol": "events, rows and values decoded",
         "publisher": "fields, envelopes and JSON", "tools": "lines", "libraries": "libraries (checksums, copies)",
         "kernel": "kernel"}


def parts_of_functions():
    """{function: the folder that it is from}, by the program's own debug information."""
    listed = subprocess.run(["nm", "-l", "--defined-only", relays.program("binrelay")],
                            capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listed.splitlines():
        match = re.search(r" [tT] (\S+)\t.*?/(protocol/base|protocol|publisher|tools|storage)/[^:]*\.c:", line)
        if match:
            found[match.group(1)] = match.group(2)
    return found


def profile(scene, backlog):
    """[(part, share of the processor's time)] with the output dropped; none where perf is not there."""
    if shutil.which("perf") is None or shutil.which("nm") is None:
        return []
    data, shares, where = scene.path("perf.data"), {}, parts_of_functions()
    done = subprocess.run(["perf", "record", "-q", "-o", data, "--", relays.program("binrelay"), "events",
                           "--count", *backlog.files[:1]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        return []
    report = subprocess.run(["perf", "report", "-i", data, "--no-children", "--stdio", "--sort", "sym"],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    for share, space, name in re.findall(r"^\s+([\d.]+)%\s+\[(.)\] (\S+)", report.stdout, re.MULTILINE):
        part = "kernel" if space == "k" else where.get(name.split(".")[0], "libraries")
        shares[part] = shares.get(part, 0) + float(share)
    return [(PARTS.get(part, part), share) for part, share in
            sorted(shares.items(), key=lambda item: -item[1])]


def measure_publish(scene, backlog, rounds, ask_follow, dump_began):
    runs = {"debezium": [], "relay": [], "file": [], "nothing": []}
    output = scene.path("events.jsonl")
    for _ in range(rounds):
        runs["relay"].append(relay_publishes(scene, backlog, ask_follow, dump_began))
        runs["debezium"].append(debezium(scene, backlog))
        runs["file"].append(offline(backlog, output))
        runs["nothing"].append(offline(backlog, "/dev/null", "--count"))
        output.unlink()
    at = {name: measure.median(some) for name, some in runs.items()}
    return {
        "profile": profile(scene, backlog),
        "rows": [("Debezium's embedded engine", at["debezium"]), ("binrelay, receiving, too", at["relay"]),
                 ("binrelay events to a file", at["file"]),
                 ("binrelay events, only counted", at["nothing"])],
        "goals": [
            ("rows per second, of Debezium's", at["debezium"].seconds / at["relay"].seconds, 10, True),
            ("rows per CPU second, of Debezium's", at["debezium"].cpu_s / at["relay"].cpu_s, 15, True),
            ("output dropped: rate, of the file's", at["file"].seconds / at["nothing"].seconds, 3,
             True),
            ("memory of the daemon, MiB", at["relay"].memory_kib / 1024, MEMORY_MIB, False)],
    }
