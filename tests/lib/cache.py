"""A folder of downloads that outlives test runs and may be used by several runs at once."""

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path

from lib import marks
from lib.errors import Unavailable

# For so long nobody asks again for what was refused: every test would wait for the same answer.
REFUSAL_S = 600


def folder():
    """Where everything is kept; safe to delete whenever no test runs."""
    path = os.environ.get("BINRELAY_TEST_CACHE") or os.path.expanduser("~/.cache/binrelay-tests")
    Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path).resolve()


@contextlib.contextmanager
def locked(name):
    """Only one process at a time; the kernel lets go of the lock of a process that dies."""
    with open(folder() / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry(name, fill):
    """The folder `name`, filled by `fill(path)` unless it is there already.

    It is made under a temporary name and renamed when whole, so an interrupted download is never
    taken for a finished one.
    """
    path = folder() / name
    if path.is_dir():
        return path
    with marks.clock_stopped(), locked(name):
        if path.is_dir():
            return path
        refusal = folder() / f"{name}.refused"
        if refusal.exists() and time.time() - refusal.stat().st_mtime < REFUSAL_S:
            raise Unavailable(refusal.read_text())
        half = folder() / f"{name}.part"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        try:
            fill(half)
        except Unavailable as reason:
            refusal.write_text(str(reason))
            shutil.rmtree(half)
            raise
        half.rename(path)
        refusal.unlink(missing_ok=True)
    return path
