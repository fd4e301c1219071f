"""The relay under test: its configuration, its life, and what the operator's command says of it."""

import contextlib
import http.client
import json
import os
import re
import subprocess
from pathlib import Path

import pymysql

from lib import wait
from lib.daemon import Daemon
from lib.errors import Failure
from lib.ports import Port
from lib.process import Process
from lib.servers import DEBEZIUM, REPL, run_sql

ROOT = Path(__file__).resolve().parents[2]
START_S = 30

# The one publisher that relay(publish=...) configures; it tells rows alone.
PUBLISHER = "events"


def program(name):
    """build/NAME; a sanitizer's build is taken with BINRELAY_BUILD=build-address."""
    return ROOT / os.environ.get("BINRELAY_BUILD", "build") / name


class Relay(Daemon):
    """One binrelayd in `folder` on a loopback port of its own, following `source`.

    Its consumers log in as they would at the source: REPL, DEBEZIUM. `publish` names the databases
    whose changes go to a file. One that is `watched` answers HTTP. `settings` are further keys of
    the configuration, by section, e.g. {"source a": {"start": "newest"}}; None takes a default
    away. They may be changed between stop() and start().
    """

    def __init__(self, folder, source, *, publish=None, settings=None, watched=False):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.data = self.folder / "data"
        self.config = self.folder / "binrelay.conf"
        self.log = self.folder / "binrelayd.log"
        self.output = self.folder / "events.jsonl"
        self.kind = source.kind
        self.host = "127.0.0.1"
        self._port = Port()
        self.port = self._port.number
        self._http_port = Port() if watched else None
        self.process = None
        self.settings = self._defaults(source, publish)
        for section, keys in (settings or {}).items():
            self.settings[section] = self.settings.get(section, {}) | keys

    def __str__(self):
        return f"binrelayd on port {self.port}"

    def _defaults(self, source, publish):
        settings = {
            "relay": {"data": self.data},
            "listener": {"address": self.host, "port": self.port},
            "http": ({"port": self._http_port.number} if self._http_port else {"enabled": "no"}),
            "source a": {"host": source.host, "port": source.port, "user": REPL[0],
                         "password": REPL[1], "server_id": self.port},
            f"user {REPL[0]}": {"password": REPL[1]},
            f"user {DEBEZIUM[0]}": {"password": DEBEZIUM[1]},
        }
        if publish is not None:
            settings[f"publisher {PUBLISHER}"] = {
                "sink": "file", "path": self.output, "topic.prefix": "srv",
                "database.include.list": publish, "include.schema.changes": "false"}
        return settings

    # --- life

    def destroy(self):
        super().destroy()
        if self._http_port:
            self._http_port.release()

    def write_config(self):
        sections = (f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()
                                               if value is not None)
                    for section, keys in self.settings.items())
        self.config.touch(0o600)
        self.config.write_text("\n".join(sections))

    def start(self):
        """Gives itself when it follows the source and consumers can log in."""
        return self.launch().wait_answers()

    def wait_answers(self):
        """After launch(); until it follows the source and consumers can log in."""
        wait.until(self._serves, START_S, lambda: f"{self} to serve\n{self.tail()}", pause_s=0.1)
        return self

    def launch(self):
        """Starts it without waiting: for a source that is down, or a start that shall fail."""
        self.write_config()
        self.process = Process(str(self), [program("binrelayd"), self.config], self.log)
        return self

    def _serves(self):
        self.process.must_run()
        try:
            if any(channel["state"] not in ("following", "failed")
                   for channel in self.status()["channels"]):
                return False
            self.connect().close()
        except (pymysql.err.OperationalError, Failure):
            return False
        return True

    def log_text(self):
        return self.log.read_text(errors="replace")

    # --- HTTP, of one that is `watched`

    @property
    def http_port(self):
        return self._http_port.number

    def http(self, path, timeout_s=30):
        """(code, text) of a GET."""
        connection = http.client.HTTPConnection(self.host, self.http_port, timeout=timeout_s)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def metrics(self):
        """What /metrics tells: {name: [({label: value}, number)]}."""
        code, text = self.http("/metrics")
        if code != 200:
            raise Failure(f"/metrics: {code}", text)
        found = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
                pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
                found.setdefault(name, []).append((dict(pairs), float(value)))
        return found

    def metric(self, name, **labels):
        """The one value with these labels; None when there is none."""
        values = [value for has, value in self.metrics().get(name, [])
                  if labels.items() <= has.items()]
        if len(values) > 1:
            raise Failure(f"{name} has several values with {labels}: {values}")
        return values[0] if values else None

    def memory_kib(self):
        """Its resident memory at its highest."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(next(line.split()[1] for line in status.splitlines()
                        if line.startswith("VmHWM:")))

    # --- what it says

    def cli(self, *args, check=True, timeout_s=30):
        """Runs the operator's command; gives its standard output."""
        argv = [program("binrelay"), "--config", self.config, *map(str, args)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=timeout_s)
        if check and done.returncode != 0:
            raise Failure(f"binrelay {' '.join(map(str, args))}: exit code {done.returncode}",
                          done.stdout + done.stderr)
        return done.stdout

    def status(self):
        return json.loads(self.cli("status", "--json"))

    def channel(self, name):
        """The status of one of several channels."""
        return next(c for c in self.status()["channels"] if c["name"] == name)

    def wait_status(self, condition, timeout_s=60):
        """Until `condition(status)` holds; gives the status."""
        def holds():
            self.process.must_run()
            try:
                status = self.status()
            except Failure:
                return None  # It does not answer yet.
            return status if condition(status) else None

        return wait.until(holds, timeout_s, lambda: f"the relay's status is\n"
                          f"{self.cli('status', check=False)}\n{self.tail()}", pause_s=0.1)

    def files(self):
        """Paths of its relay files, oldest first."""
        return sorted(path for path in self.data.iterdir()
                      if path.suffix[1:].isdigit() and path.is_file())

    def published(self):
        """(file, offset) that consumers may see up to, or None."""
        end = self.status()["published"]
        return end and (end["file"], end["offset"])

    def wait_published(self, file, pos, timeout_s=60):
        """Until consumers may see everything up to there."""
        def reached():
            self.process.must_run()
            return (self.published() or ("", 0)) >= (file, pos)

        wait.until(reached, timeout_s, lambda: f"{self} to publish {file}:{pos}, it is at "
                   f"{self.published()}\n{self.tail()}", pause_s=0.1)

    def wait_caught_up(self, server, timeout_s=60):
        """Until it holds and shows all that is in the binlog of `server` now."""
        self.wait_published(*server.position(), timeout_s=timeout_s)

    # --- its consumers' side

    def connect(self, user=REPL[0], password=REPL[1], **settings):
        """A consumer's connection, to ask it what replicas ask."""
        return pymysql.connect(**{"host": self.host, "port": self.port, "user": user,
                                  "password": password, "autocommit": True, **settings})

    def sql(self, statement, args=None):
        """The rows of one statement, as tuples, on a connection of its own."""
        with self.connect() as connection:
            return run_sql(connection, statement, args)

    # --- its publisher

    def events(self):
        """The whole lines that the publisher has written, parsed: topic, key, value."""
        try:
            lines = self.output.read_text(encoding="utf-8").splitlines(True)
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_events(self, count, timeout_s=60):
        """Until there are at least so many; gives all."""
        def written():
            self.process.must_run()
            events = self.events()
            return events if len(events) >= count else None

        return wait.until(written, timeout_s, lambda: f"{count} events, there are "
                          f"{len(self.events())}\n{self.tail()}", pause_s=0.1)
