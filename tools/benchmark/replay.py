"""How fast a range goes back into a server, and out into plain files: beside the usual tools, and the disk."""

import os
import shutil
import subprocess
import time

from lib import relay as relays
from lib.errors import Failure

import load
import measure

ROWS = {"small": 100_000, "bulk": 4_000_000}
REPLAY_S = 1800


class Target:
    """A server with the empty tables, which is emptied again for each pass."""

    def __init__(self, scene, backlog):
        self.backlog = backlog
        self.server = scene.server(backlog.server.kind.name, **load.OPTIONS)
        load.prepare(self.server)

    def empty(self):
        kind = self.server.kind
        self.server.sql("SET sql_log_bin = 0; TRUNCATE bench.small; TRUNCATE bench.bulk;"
                        " SET sql_log_bin = 1")
        self.server.sql("RESET BINARY LOGS AND GTIDS" if not kind.is_mariadb and kind.at_least(8, 2)
                        else "RESET MASTER")

    def check(self, who):
        table = f"bench.{self.backlog.form}"
        mine, theirs = (server.sql(f"CHECKSUM TABLE {table}")[0][1]
                        for server in (self.server, self.backlog.server))
        if mine != theirs:
            raise Failure(f"{who} left another {table} than the source's")


def by_tools(scene, backlog, target):
    """mysqlbinlog | mysql, of the relay's files; the CPU is that of both."""
    target.empty()
    programs = backlog.server.kind.programs
    begin = time.monotonic()
    printer = subprocess.Popen([*programs.find("binlog"), "--no-defaults", *map(str, scene.files)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    client = subprocess.Popen([*programs.find("client"), "--no-defaults", "--binary-mode",
                               f"--socket={target.server.socket}", "--user=root"],
                              stdin=printer.stdout)
    printer.stdout.close()
    cpu_s = 0
    for child in (printer, client):
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu_s += used.ru_utime + used.ru_stime
        if child.returncode != 0:
            raise Failure(f"{child.args[0]} ended with {child.returncode}")
    run = measure.Run(time.monotonic() - begin, cpu_s)
    target.check("mysqlbinlog | mysql")
    return run


def by_replay(scene, relay, target):
    target.empty()
    run = measure.run_program([relays.program("binrelay"), "--config", relay.config, "replay", "--json",
                               f"--socket={target.server.socket}"], scene.path("replay.log"))
    target.check("binrelay replay")
    return run


def copied(scene):
    """The same bytes, copied in large pieces by a program that does nothing else, and synced."""
    folder = scene.path("copied")
    folder.mkdir()
    begin, cpu_s = time.monotonic(), 0
    for path in scene.files:
        run = measure.run_program(["dd", f"if={path}", f"of={folder / path.name}", "bs=1M", "conv=fsync"],
                                  scene.path("dd.log"))
        cpu_s += run.cpu_s
    run = measure.Run(time.monotonic() - begin, cpu_s)
    shutil.rmtree(folder)
    return run


def exported(scene, relay):
    folder = scene.path("exported")
    run = measure.run_program([relays.program("binrelay"), "--config", relay.config, "export", "--json",
                               folder], scene.path("export.log"))
    for path in scene.files:
        if (folder / path.name).stat().st_size != path.stat().st_size:
            raise Failure(f"{path.name} was exported with another size")
    shutil.rmtree(folder)
    return run


def by_turns(rounds, passes):
    """{name: median} of functions; the first pass of each warms the caches and does not count."""
    runs = {name: [] for name in passes}
    for number in range(rounds + 1):
        for name, function in passes.items():
            run = function()
            if number > 0:
                runs[name].append(run)
    return {name: measure.median(some) for name, some in runs.items()}


def measure_replay(scene, backlog, relay, rounds):
    """Small transactions go into a server, large files to the disk."""
    scene.files = relay.files()
    if backlog.form != "small":
        at = by_turns(rounds, {"copy": lambda: copied(scene), "export": lambda: exported(scene, relay)})
        return {
            "rows": [("dd with fsync", at["copy"]), ("binrelay export", at["export"])],
            "goals": [("speed of export, of dd's", at["copy"].seconds / at["export"].seconds, 0.8, True)],
        }
    target = Target(scene, backlog)
    at = by_turns(rounds, {"tools": lambda: by_tools(scene, backlog, target),
                           "replay": lambda: by_replay(scene, relay, target)})
    target.server.stop()
    tools = "mariadb-binlog | mariadb" if backlog.server.kind.is_mariadb else "mysqlbinlog | mysql"
    return {
        "rows": [(tools, at["tools"]), ("binrelay replay", at["replay"])],
        "goals": [
            (f"speed of replay, of {tools}", at["tools"].seconds / at["replay"].seconds, 1, True),
            ("CPU of replay, of both tools", at["replay"].cpu_s / max(at["tools"].cpu_s, measure.TICK_S),
             None, False)],
    }
