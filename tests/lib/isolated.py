"""A test function in a process group of its own, so that a hang or a crash harms nobody else."""

import ctypes
import inspect
import json
import os
import shutil
import signal
import sys
import time
import traceback

from lib import marks
from lib.errors import Unavailable
from lib.result import FAIL, OK, SKIP, Result
from lib.scene import Scene

# After its time limit a test may still stop its servers; then it is killed.
GRACE_S = 30
# What a first download may take on top (see marks.clock_stopped).
DOWNLOADS_S = 900
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class TimedOut(BaseException):
    """Not an Exception, so that no test catches it by accident."""


class Test:
    """One run of a test function: of which module, with which value of its @each."""

    def __init__(self, suite, module, function, value=None):
        self.function = function
        self.value = value
        name = f"{suite}/{module}.{function.__name__}"
        self.name = name if value is None else f"{name}[{value}]"
        self.alone = getattr(function, "alone", False)
        self.promise = (inspect.getdoc(function) or "").split("\n")[0]
        self.limit_s = getattr(function, "limit_s", marks.DEFAULT_LIMIT_S)

    def start(self, folder):
        return Run(self, folder)

    def call(self, scene):
        arguments = [scene] if self.value is None else [scene, self.value]
        self.function(*arguments)


class Run:
    """A test that was started: its process, its folder, and in the end its result."""

    def __init__(self, test, folder):
        self.test = test
        self.folder = folder
        folder.mkdir()
        self._start = time.monotonic()
        self._terminated = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _be_the_test(test, folder)
        # Both sides do it, so that the group exists whoever comes first.
        _join_group(self.pid, self.pid)

    def poll(self):
        """Its Result once it has ended, else None; ends it when it is far over its time."""
        # WNOWAIT: as long as it is a zombie, its group's number cannot belong to anybody else.
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            self._end_if_late()
            return None
        _kill_group(self.pid)
        _reap_group(self.pid)
        return self._result()

    def _end_if_late(self):
        now = time.monotonic()
        if self._terminated is None:
            if now - self._start > self.test.limit_s + DOWNLOADS_S:
                self.terminate()
        elif now - self._terminated > GRACE_S:
            _kill_group(self.pid)

    def terminate(self):
        """Asks it to stop what it started and end."""
        if self._terminated is None:
            self._terminated = time.monotonic()
            os.kill(self.pid, signal.SIGTERM)

    def _result(self):
        seconds = time.monotonic() - self._start
        try:
            said = json.loads((self.folder / "result.json").read_text())
        except (OSError, ValueError):
            said = {"verdict": FAIL, "reason": "its process died without a result"}
        output = said.pop("output", "")
        log = (self.folder / "output.log").read_text(errors="replace")
        output = "\n".join(filter(None, (log, output)))
        return Result(self.test.name, seconds=seconds, output=output, **said)

    def remove_folder(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def _join_group(pid, group):
    try:
        os.setpgid(pid, group)
    except (PermissionError, ProcessLookupError):
        pass  # It has done so itself, or has ended already.


def _kill_group(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def adopt_orphans():
    """What a test leaves behind becomes a child of the harness, which can wait for its end then."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _reap_group(group):
    try:
        while True:
            os.waitpid(-group, 0)
    except ChildProcessError:
        pass


def _be_the_test(test, folder):
    """The child's whole life; never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        # Should the harness be killed, the test still stops what it started.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, _on_signal)
        log = os.open(folder / "output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        said = _perform(test, folder)
        (folder / "result.json").write_text(json.dumps(said))
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _on_signal(number, _frame):
    if number == signal.SIGALRM:
        raise TimedOut("over its time limit")
    raise TimedOut("told to stop")


def _perform(test, folder):
    scene = Scene(folder)
    said = {"verdict": OK}
    try:
        marks.start_clock(test)
        test.call(scene)
    except Unavailable as reason:
        said = {"verdict": SKIP, "reason": str(reason)}
    except BaseException as error:  # whatever it is, the test failed
        said = _failure(test, error, scene)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            scene.close()
        except Exception as error:
            if said["verdict"] == OK:
                said = _failure(test, error, scene)
    return said


def _failure(test, error, scene):
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, TimedOut):
        reason = f"{error} ({test.limit_s} s)" if "limit" in str(error) else str(error)
    # From the test's own line on: how the harness called it is of no interest.
    frames = traceback.extract_tb(error.__traceback__)[2:]
    trace = "".join(traceback.format_list(frames)).rstrip()
    parts = [trace, getattr(error, "details", ""), scene.tails()]
    return {"verdict": FAIL, "reason": reason, "output": "\n".join(filter(None, parts))}
