"""The project's own make: one at a time, though several runs of the tests may share a checkout."""

import fcntl
import subprocess

LIMIT_S = 900


def make(root, *arguments):
    """Gives ('', output), or (how it failed, output)."""
    (root / "build").mkdir(exist_ok=True)
    with open(root / "build/.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            done = subprocess.run(["make", "--no-print-directory", *arguments], cwd=root,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                                  stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=LIMIT_S)
        except subprocess.TimeoutExpired as late:
            return f"no end after {LIMIT_S} s", (late.output or b"").decode(errors="replace")
    return f"exit code {done.returncode}" if done.returncode else "", done.stdout
