"""Seconds, processor seconds and memory of a program, as the kernel counts them."""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
MB = 1e6


@dataclass
class Run:
    """One measured pass over the backlog."""

    seconds: float
    cpu_s: float
    memory_kib: int = 0
    reader_s: float = 0  # processor seconds of those who take it


def cpu_seconds(pid, thread=None):
    """User and system time so far: of a process with its ended threads, or of one thread."""
    path = f"/proc/{pid}/stat" if thread is None else f"/proc/{pid}/task/{thread}/stat"
    # The name in parentheses may hold anything; the numbers begin behind its end.
    fields = Path(path).read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def threads(pid):
    """The numbers of those it has now."""
    return {int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()}


def run_program(argv, log):
    """Runs it to its end; a failure shows what it said."""
    with open(log, "wb") as output:
        begin = time.monotonic()
        child = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                 stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {child.returncode}:\n"
                           + Path(log).read_text(errors="replace")[-2000:])
    return Run(seconds, used.ru_utime + used.ru_stime)


def median(runs):
    """Of each number by itself, and the highest memory."""
    return Run(statistics.median(run.seconds for run in runs),
               statistics.median(run.cpu_s for run in runs),
               max(run.memory_kib for run in runs),
               statistics.median(run.reader_s for run in runs))
