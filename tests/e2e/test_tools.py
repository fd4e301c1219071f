"""What a newcomer runs first: the demonstration and the benchmark."""

import json
import os
import signal
import subprocess

from lib import wait
from lib.marks import alone, limit
from lib.relay import ROOT


def run_demo(scene):
    """Starts it with a temporary folder of its own, so that what it leaves can be seen."""
    folder = scene.path("tmp")
    folder.mkdir()
    out = scene.path("demo.out")
    with open(out, "wb") as output:
        demo = subprocess.Popen([ROOT / "tools/demo"], stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT,
                                env={**os.environ, "TMPDIR": str(folder)})
    return demo, folder, out


@limit(180)
def test_the_demo_shows_a_switchover_and_leaves_nothing(scene):
    """Nothing lost, nothing twice, at any consumer; plain text, and an empty folder."""
    demo, folder, out = run_demo(scene)
    code = demo.wait(120)
    text = out.read_text()
    assert code == 0, text
    for expected in ("insert     shop.customers", 'city: "London" -> "Paris"', "(SIGKILL)",
                     "epoch 2", "and are gone: 0", "all is well"):
        assert expected in text, f"{expected!r} is missing in:\n{text}"
    for consumer in ("replica by GTID", "replica by file and position", "change events"):
        line = next(x for x in text.splitlines() if x.strip().startswith(consumer + "  "))
        committed, received, lost, twice, _ = line.split(consumer)[1].split()
        assert int(committed) > 0 and committed == received and lost == twice == "0", line
    assert "DIFFERENT" not in text and "\x1b" not in text, text
    assert os.listdir(folder) == [], os.listdir(folder)


@limit(120)
def test_the_demo_cleans_up_when_it_is_stopped(scene):
    """SIGTERM in the middle: exit code 130, no process and no file stays."""
    demo, folder, out = run_demo(scene)
    wait.until(lambda: "sql>" in out.read_text(), 60, out.read_text)
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(60) == 130, out.read_text()
    assert os.listdir(folder) == [], os.listdir(folder)
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    assert left.stdout == "", left.stdout


@limit(180)
def test_the_demo_tells_what_failed(scene):
    """A relay that can't start: exit code 1, what was being done, and the ends of the logs."""
    programs = scene.path("bin")
    programs.mkdir()
    fake = programs / "mariadbd"
    fake.write_text("#!/bin/sh\necho 'this server is broken' >&2\nexit 1\n")
    fake.chmod(0o755)
    folder = scene.path("tmp")
    folder.mkdir()
    done = subprocess.run([ROOT / "tools/demo"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False,
                          env={**os.environ, "TMPDIR": str(folder),
                               "PATH": f"{programs}:{os.environ['PATH']}"})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed while starting the primary and the standby" in done.stderr, done.stderr
    assert "this server is broken" in done.stderr, done.stderr
    assert os.listdir(folder) == [], os.listdir(folder)


@alone
@limit(180)
def test_the_benchmark_measures_and_checks_what_passed(scene):
    """Both benches on a small backlog: each run is there, in seconds above zero."""
    for what, runs in (("ingest", 5), ("serve", 4)):
        done = subprocess.run([ROOT / "tools/bench", what, "--server", "mariadb10", "--only", "small",
                               "--rows", "20000", "--rounds", "1", "--json"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads(done.stdout)
        assert said["bench"] == what and said["transactions"] == 5000, said
        assert len(said["runs"]) == runs, said
        assert all(run["seconds"] > 0 for run in said["runs"].values()), said
        memory = next(goal for goal in said["goals"] if goal["what"].startswith("memory"))
        assert 0 < memory["value"] < memory["target"], said


@alone
@limit(180)
def test_the_benchmark_tells_how_late_things_come_to_many(scene):
    """Each way is measured: by the relay, by one that does not sync, and by a bare fan-out."""
    done = subprocess.run([ROOT / "tools/bench", "latency", "--server", "mariadb10", "--commits",
                           "300", "--streams", "20", "--rounds", "1", "--json"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["commits"] == 300 and said["streams"] == 20, said
    assert len(said["delays_ms"]) == 4, said
    for runs in said["runs"].values():
        assert [run["behind"] for run in runs] == [0] and runs[0]["max_ms"] > 0, said


@alone
@limit(120)
def test_the_benchmark_tells_how_soon_a_stream_begins_anywhere(scene):
    """From the relay and from the source, and each is sent the transaction that it lacks."""
    done = subprocess.run([ROOT / "tools/bench", "first", "--server", "mariadb10", "--files", "40",
                           "--rounds", "1", "--json"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["files"] >= 40, said
    assert len(said["delays_ms"]) == 3 and all(
        0 < row["median"] <= row["p99"] for row in said["delays_ms"].values()), said


@alone
@limit(120)
def test_the_benchmark_tells_the_delay_of_commits(scene):
    """Every commit is seen to be published, with the disk's own time to sync beside it."""
    done = subprocess.run([ROOT / "tools/bench", "commit", "--server", "mariadb10", "--commits",
                           "1000", "--rounds", "1", "--json"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["commits"] == 1000, said
    delays = said["delays_ms"]
    for row in ("a sync of the disk, alone", "from its start to published"):
        assert 0 < delays[row]["median"] <= delays[row]["p99"], said
    total, part = (delays[f"from its {what} to published"]["median"]
                   for what in ("start", "answer"))
    assert total > part, said
