"""The operator's command: each of its commands beside a running relay, and without one."""

import itertools
import json
import os
import signal
import subprocess

from lib import wait
from lib.marks import each
from lib.relay import PUBLISHER, program

BOTH = each("mysql97", "mariadb10")

WORKLOAD = """
    CREATE DATABASE shop;
    CREATE TABLE shop.orders (id INT PRIMARY KEY, item VARCHAR(40), cents INT);
    INSERT INTO shop.orders VALUES (1, 'lamp', 3900), (2, 'pencil', 120);
    UPDATE shop.orders SET cents = 3500 WHERE id = 1;
    DELETE FROM shop.orders WHERE id = 2
"""


def followed(scene, kind, **options):
    """A source with the workload and a relay that holds it."""
    source = scene.server(kind, binlog_row_metadata="FULL")
    relay = scene.relay(source, **options)
    source.sql(WORKLOAD)
    relay.wait_caught_up(source)
    return source, relay


def run(*args):
    """The command as a person would run it: exit code, standard output, standard error."""
    done = subprocess.run([program("binrelay"), *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


def lines_of_json(text):
    return [json.loads(line) for line in text.splitlines()]


@BOTH
def test_status_tells_of_source_place_consumers_and_publishers(scene, kind):
    """Both forms name the source, its state, the published end, a consumer and the publisher."""
    source, relay = followed(scene, kind, publish="shop")
    file, pos = source.position()
    said = relay.status()
    assert said["source"]["state"] == "following", said
    assert said["source"]["caught_up"] is True, said
    assert said["source"]["server_id"] == source.variable("server_id"), said
    assert said["published"]["file"] == file and said["published"]["offset"] == pos, said
    assert said["pid"] == relay.pid, said
    with relay.connect():
        text = relay.cli("status")
    for expected in (f"127.0.0.1:{source.port}", "following", f"{file}:{pos}", "consumers: 1",
                     "repl", "publishers: 1", PUBLISHER, str(relay.data)):
        assert expected in text, f"{expected!r} is missing in:\n{text}"


@BOTH
def test_files_shows_each_relay_file_beside_its_source_file(scene, kind):
    """Names, sizes and GTIDs are the source's, and survive the daemon's end."""
    source, relay = followed(scene, kind)
    source.flush_binlog()
    source.sql("INSERT INTO shop.orders VALUES (3, 'chair', 9900)")
    relay.wait_caught_up(source)
    files = lines_of_json(relay.cli("files", "--json"))
    binlogs = source.binlogs()
    assert [f["source_file"] for f in files] == [path.name for path in binlogs], files
    assert [f["name"] for f in files] == [path.name for path in binlogs], files
    assert files[0]["size"] == binlogs[0].stat().st_size, files
    assert [f["sealed"] for f in files] == [True, False], files
    assert files[0]["gtids_before"] == "" and files[1]["gtids_after"] == source.gtids(), files
    text = relay.cli("files").splitlines()
    assert len(text) == 3 and text[0].startswith("relay file"), text
    assert f"a:{binlogs[0].name}" in text[1] and "closed" in text[1], text
    relay.stop()
    offline = lines_of_json(relay.cli("files", "--json"))
    assert [f["name"] for f in offline] == [f["name"] for f in files], offline
    assert offline[0] == files[0], (offline[0], files[0])
    for fact in ("source_file", "gtids_before", "gtids_after"):
        assert offline[1][fact] == files[1][fact], (offline[1], files[1])


@BOTH
def test_map_leads_from_every_coordinate_to_all_others(scene, kind):
    """File and position of relay and source, and the GTID, name the same place."""
    source, relay = followed(scene, kind)
    before = source.position()
    source.sql("INSERT INTO shop.orders VALUES (4, 'table', 19900)")
    after = source.position()
    relay.wait_caught_up(source)
    gtid = source.gtids()
    if not source.kind.is_mariadb:
        uuid, numbers = gtid.rsplit(":", 1)
        gtid = f"{uuid}:{numbers.split('-')[-1]}"
    by_gtid = json.loads(relay.cli("map", gtid, "--json"))
    assert (by_gtid["file"], by_gtid["offset"]) == before, (by_gtid, before)
    assert (by_gtid["end"]["file"], by_gtid["end"]["offset"]) == after, (by_gtid, after)
    for asked in (f"{after[0]}:{after[1]}", f"a:{after[0]}:{after[1]}"):
        place = json.loads(relay.cli("map", asked, "--json"))
        assert (place["file"], place["offset"]) == after, place
        assert (place["source"], place["source_file"], place["source_offset"]) == ("a", *after)
        assert place["gtids"] == source.gtids(), place
    text = relay.cli("map", f"{after[0]}:{after[1]}")
    assert f"relay   {after[0]}:{after[1]}" in text and f"source  a:{after[0]}:{after[1]}" in text


@BOTH
def test_map_refuses_what_is_no_place(scene, kind):
    """Inside an event, an unknown file, and nonsense: each gets its own sentence."""
    source, relay = followed(scene, kind)
    file, pos = source.position()
    for asked, code in ((f"{file}:{pos - 1}", 1), ("nothing.000001:4", 1), ("nonsense", 2)):
        said = run("--config", relay.config, "map", asked)
        assert said[0] == code and said[2].startswith("binrelay map: "), said
    code, text, _ = run("--config", relay.config, "--json", "map", "nothing.000001:4")
    assert code == 1 and json.loads(text)["error"], text


@BOTH
def test_tail_prints_the_changes_that_a_publisher_would(scene, kind):
    """From the oldest: the same keys and values, in order; then those that come later, live."""
    source, relay = followed(scene, kind, publish="shop")
    published = relay.wait_events(5)
    told = lines_of_json(relay.cli("tail", "--json", "--from", "oldest", "--count", 5))
    for mine, theirs in zip(told, published, strict=True):
        assert mine["key"] == theirs["key"], (mine, theirs)
        for row in ("before", "after", "op"):
            assert (mine["value"] or {}).get(row) == (theirs["value"] or {}).get(row), (mine, theirs)
    text = relay.cli("tail", "--from", "oldest", "--count", 5)
    assert 'insert     shop.orders  id=1 item="lamp" cents=3900' in text, text
    assert "cents: 3900 -> 3500" in text and "tombstone" in text, text
    source.sql("CREATE TABLE shop.other LIKE shop.orders; INSERT INTO shop.other VALUES (1, 'x', 2)")
    relay.wait_caught_up(source)
    text = relay.cli("tail", "--from", "oldest", "--count", 1, "--tables", r"shop\.other")
    assert "insert     shop.other  id=1" in text, text


@BOTH
def test_tail_follows_and_ends_cleanly_on_ctrl_c(scene, kind):
    """What is written later comes in whole lines, over rotations too, and SIGINT is a good end."""
    source, relay = followed(scene, kind)
    out = scene.path("tail.out")
    with open(out, "wb") as output:
        tail = subprocess.Popen([program("binrelay"), "--config", relay.config, "tail", "--json"],
                                stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT)
    try:
        numbers = itertools.count(100)

        def line_after_an_insert():
            source.sql(f"INSERT INTO shop.orders VALUES ({next(numbers)}, 'more', 1)")
            source.flush_binlog()
            return out.read_text().count("\n") >= 5

        wait.until(line_after_an_insert, 20, lambda: f"lines of tail: {out.read_text()}")
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 0, out.read_text()
    finally:
        if tail.poll() is None:
            tail.kill()
            tail.wait()
    text = out.read_text()
    assert text.endswith("\n"), text
    ids = [line["value"]["after"]["id"] for line in lines_of_json(text)]
    assert ids == list(range(ids[0], ids[0] + len(ids))), ids


@BOTH
def test_tail_prints_binlog_events(scene, kind):
    """Every event of the file, with its place, as the source's own files have it."""
    source, relay = followed(scene, kind)
    file = source.position()[0]
    events = lines_of_json(relay.cli("tail", "--events", "--json", "--from", "oldest",
                                     "--count", 10))
    assert events[0]["type_number"] == 15 and events[0]["offset"] == 4, events
    for one, following in zip(events, events[1:]):
        assert following["offset"] == one["offset"] + one["bytes"], (one, following)
    text = relay.cli("tail", "--events", "--from", "oldest", "--count", 10)
    assert f"{file}:4 " in text and "CREATE DATABASE shop" in text, text


@BOTH
def test_tail_refuses_what_it_does_not_understand(scene, kind):
    """Wrong numbers and places are misuse; a place that is not held is a failure."""
    _, relay = followed(scene, kind)
    for words, code in ((("--count", "0"), 2), (("--count", "x"), 2), (("--from", "never"), 2),
                        (("--events", "--changes"), 2), (("--from", "none.000009:4"), 1)):
        said = run("--config", relay.config, "tail", *words)
        assert said[0] == code and "binrelay tail: " in said[2], (words, said)


@BOTH
def test_verify_reads_all_beside_the_daemon_and_without_it(scene, kind):
    """A sound store is well; a flipped byte is found, named by file, and is a failure."""
    source, relay = followed(scene, kind)
    source.flush_binlog()
    relay.wait_caught_up(source)
    beside = lines_of_json(relay.cli("verify", "--json"))[-1]
    assert beside["problems"] == 0 and beside["files"] == 2 and beside["transactions"] >= 5, beside
    assert "all is well" in relay.cli("verify")
    relay.stop()
    without = lines_of_json(relay.cli("verify", "--json"))[-1]
    # MariaDB writes a checkpoint event a moment after it began a file; so bytes may have grown.
    for fact in ("problems", "files", "transactions"):
        assert without[fact] == beside[fact], (without, beside)
    victim = relay.files()[0]
    with open(victim, "r+b") as file:
        file.seek(300)
        byte = file.read(1)
        file.seek(300)
        file.write(bytes([byte[0] ^ 1]))
    code, text, _ = run("--config", relay.config, "verify")
    assert code == 1 and "problem: " in text and victim.name in text, text


@BOTH
def test_verify_repairs_what_can_be_made_again(scene, kind):
    """A damaged sidecar and a lost catalog are made again, never beside a daemon; no binlog byte changes."""
    source, relay = followed(scene, kind)
    source.flush_binlog()
    relay.wait_caught_up(source)
    code, _, said = run("--config", relay.config, "verify", "--repair")
    assert code == 1 and "in use" in said, said
    relay.stop()
    files = relay.files()
    before = [file.read_bytes() for file in files]
    sidecar = files[0].with_name(files[0].name + ".idx")
    sound = sidecar.read_bytes()
    sidecar.write_bytes(sound[:-9])
    code, text, said = run("--config", relay.config, "verify", "--repair")
    assert code == 0 and "repaired: " in text and sidecar.name in text, (text, said)
    assert sidecar.read_bytes() == sound
    for left in relay.data.glob("catalog.db*"):
        left.unlink()
    code, text, said = run("--config", relay.config, "verify", "--repair")
    assert code == 0 and "all is well" in text, (text, said)
    assert [file.read_bytes() for file in files] == before
    (relay.data / "catalog.db").write_bytes(b"rubbish " * 4096)
    sidecar.write_bytes(b"rubbish" + sound[7:])
    code, _, said = run("--config", relay.config, "verify")
    assert code == 1 and "verify --repair" in said, said
    code, text, said = run("--config", relay.config, "verify", "--repair")
    assert code == 0 and "catalog.db.damaged" in text and "all is well" in text, (text, said)
    assert [file.read_bytes() for file in files] == before
    assert (relay.data / "catalog.db.damaged").exists() and sidecar.read_bytes() == sound
    relay.start()
    source.sql("CREATE DATABASE after_repair")
    relay.wait_caught_up(source)
    relay.stop()
    empty = scene.path("none")
    empty.mkdir()
    code, _, said = run("--data", empty, "verify", "--repair")
    assert code == 1 and "--data" in said and os.listdir(empty) == [], said


def test_a_stopped_relay_is_told_with_how_to_start_it(scene):
    """Where only the daemon knows, the answer is a sentence and exit code 1, in JSON too."""
    _, relay = followed(scene, "mariadb10")
    relay.stop()
    code, text, said = run("--config", relay.config, "status", "--json")
    assert code == 1 and "binrelayd" in said and str(relay.data) in said, said
    assert json.loads(text)["kind"] == "stopped", text
    code, text, said = run("--config", relay.config, "tail", "--from", "oldest")
    assert code == 0 and "no relay runs" in said and text.count("\n") == 5, (text, said)


def test_misuse_is_told_apart_from_failure(scene):
    """Exit code 2 and a hint for what is not understood; 1 for what can't be read."""
    empty = scene.path("empty")
    empty.mkdir()
    for words in ((), ("nothing",), ("status", "--colour"), ("map",), ("status", "extra"),
                  ("--data", empty, "--config", empty, "status"), ("help", "nothing")):
        code, _, said = run(*words)
        assert code == 2 and "binrelay" in said, (words, code, said)
    for words in (("--config", empty / "none.conf", "status"), ("--data", empty, "files")):
        code, _, said = run(*words)
        assert code == 1 and "--data" in said, (words, code, said)
    assert os.listdir(empty) == []
    for words in (("--help",), ("help",), ("help", "tail"), ("tail", "--help")):
        code, text, said = run(*words)
        assert code == 0 and text.startswith("usage: binrelay") and said == "", (words, said)
