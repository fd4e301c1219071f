"""The harness itself: whatever a test does, it is told apart, and nothing of it is left behind."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from lib.harness import ROOT
from lib.unit import CHECKS


def run_harness(scene, source, *args):
    """Runs `source` as the only test file of a project of its own; gives (exit code, output)."""
    return run_project(scene, {"tests/integration/test_it.py": source}, "integration", *args)


def run_project(scene, files, *args):
    project = scene.path("project")
    shutil.copytree(ROOT / "tests/lib", project / "tests/lib")
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(textwrap.dedent(text).lstrip())
        (project / name).chmod(0o755)
    done = subprocess.run([sys.executable, "-B", project / "tests/lib/harness.py", "--no-build",
                           *args], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def is_running(command):
    """Is there a process with these words?"""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().rstrip(b"\0") == command.encode().replace(b" ", b"\0"):
                return True
        except OSError:
            pass  # It has ended meanwhile.
    return False


def test_each_outcome_is_told_in_order(scene):
    """Passed, failed, skipped and dead tests are counted, in the order of the file."""
    code, output = run_harness(scene, """
        import os
        from lib.errors import Failure, Unavailable
        from lib.marks import each

        @each("b", "a")
        def test_passes(scene, letter):
            assert letter in "ab"
        def test_fails(scene):
            raise Failure("one is not two", "the details")
        def test_skips(scene):
            raise Unavailable("no such thing here")
        def test_dies(scene):
            os._exit(3)
        """, "-k", "integration/it")
    lines = output.splitlines()
    told = [(line.split()[0].split(".")[1], line.split(" s  ")[1]) for line in lines
            if line.startswith("integration/")]
    assert told == [("test_passes[b]", "ok"), ("test_passes[a]", "ok"), ("test_fails", "FAIL"),
                    ("test_skips", "skip: no such thing here"), ("test_dies", "FAIL")], output
    assert "one is not two" in output and "the details" in output
    assert "died without a result" in output
    assert lines[-1] == "2 passed, 2 failed, 1 skipped" and code == 1, output


def test_failed_ones_are_tried_again_at_the_end(scene):
    """Once, after all others; what passes then counts, and is named before the last line."""
    code, output = run_harness(scene, """
        import pathlib
        from lib.errors import Failure

        def test_fails_at_first(scene):
            flag = pathlib.Path(__file__).with_suffix(".flag")
            if not flag.exists():
                flag.touch()
                raise Failure("not yet")
        def test_fails(scene):
            raise Failure("never")
        def test_passes(scene):
            pass
        """)
    told = [(line.split()[0].split(".")[1], line.split(" s  ")[1]) for line in output.splitlines()
            if line.startswith("integration/")]
    assert told == [("test_fails_at_first", "FAIL"), ("test_fails", "FAIL"), ("test_passes", "ok"),
                    ("test_fails_at_first", "ok (second try)"),
                    ("test_fails", "FAIL (second try)")], output
    assert output.splitlines()[-5:] == [
        "failed:", "    integration/it.test_fails", "passed at the second try only:",
        "    integration/it.test_fails_at_first", "2 passed, 1 failed, 0 skipped"], output
    assert code == 1


def test_each_unit_case_counts(scene):
    """Cases that pass, fail, crash and never run are told apart; so is a make target that fails."""
    program = """
        #!/bin/sh
        echo "[==========] Running 4 test(s)."
        echo "[ RUN      ] good"; echo "[       OK ] good"
        echo "[ RUN      ] bad"; echo "[  ERROR   ] --- 0x1 != 0x2"; echo "[  FAILED  ] bad"
        echo "[ RUN      ] left_out"; echo "[  SKIPPED ] left_out"
        echo "[ RUN      ] crash"
        kill -SEGV $$
        """
    cases = ("good", "bad", "left_out", "crash", "never")
    files = {
        "tests/unit/test_it.c": "\n".join(f"cmocka_unit_test({case})," for case in cases),
        "build/tests/unit/test_it": program,
        "Makefile": f"{' '.join(c for c in CHECKS if c != 'lint')}: ;\n"
                    "lint: ; @echo unclean; false\n"}
    code, output = run_project(scene, files, "unit")
    told = [(line.split()[0], line.split(" s  ")[1]) for line in output.splitlines()
            if line.startswith(("unit/", "check/"))]
    assert told == [
        ("unit/test_it.good", "ok"), ("unit/test_it.bad", "FAIL"),
        ("unit/test_it.left_out", "skip: it said so itself"), ("unit/test_it.crash", "FAIL"),
        ("unit/test_it.never", "FAIL"),
        *((f"check/{check}", "FAIL" if check == "lint" else "ok") for check in CHECKS)], output
    assert "0x1 != 0x2" in output and "SIGSEGV" in output and "unclean" in output, output
    last = f"{len(CHECKS)} passed, 4 failed, 1 skipped"
    assert output.splitlines()[-1] == last and code == 1, output


def test_a_hanging_test_fails_alone(scene):
    """A test over its limit fails where it hangs, with its programs, and the next one passes."""
    marker = "314159.26"
    code, output = run_harness(scene, f"""
        import time
        from lib.marks import limit

        @limit(1)
        def test_hangs(scene):
            scene.process("sleeper", "sleep", "{marker}")
            time.sleep(100)  # here
        def test_passes(scene):
            pass
        """)
    assert "over its time limit (1 s)" in output and "# here" in output, output
    assert output.endswith("\n1 passed, 1 failed, 0 skipped\n") and code == 1, output
    assert not is_running(f"sleep {marker}")


def test_what_a_test_leaves_running_is_ended(scene):
    """A program that a test started behind the scene's back is gone when the run ends."""
    marker = "271828.18"
    code, output = run_harness(scene, f"""
        import subprocess

        def test_leaves_a_program(scene):
            subprocess.Popen(["sh", "-c", "sleep {marker} & sleep {marker}"])
        """)
    assert code == 0, output
    assert not is_running(f"sleep {marker}")


def test_nothing_to_run_is_no_success(scene):
    """A name that matches no test, and a run in which all were skipped, do not pass."""
    source = """
        from lib.errors import Unavailable

        def test_skips(scene):
            raise Unavailable("not here")
        """
    for arguments, last in (((), "0 passed, 0 failed, 1 skipped"),
                            (("-k", "no_such_test"), "0 passed, 0 failed, 0 skipped")):
        code, output = run_harness(scene, source, *arguments)
        assert output.splitlines()[-1] == last and code == 1, output


def test_a_file_that_does_not_load_is_a_failure(scene):
    """A mistake in a test file fails, with the reason, and the other files are still run."""
    code, output = run_harness(scene, "import no_such_module\n")
    assert "no_such_module" in output, output
    assert output.endswith("\n0 passed, 1 failed, 0 skipped\n") and code == 1, output
