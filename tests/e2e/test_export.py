"""binrelay export: plain binlog files of a range, which mysqlbinlog reads and a server replays."""

import json
import re
import subprocess

from lib import kinds
from lib.errors import Failure
from lib.load import schema_for
from lib.marks import each

def write_some(source):
    source.sql(schema_for(source))
    for round_number in range(3):
        for n in range(10):
            source.sql("INSERT INTO load_test.journal VALUES (%s, 1, 2.5, %s)",
                       (round_number * 1000 + n, "y" * n))
            source.sql("INSERT INTO load_test.scratch VALUES (%s, %s)", (round_number * 1000 + n, n))
        # One statement that changes rows of two tables, the wanted ones first and last.
        source.sql("UPDATE load_test.journal j, load_test.scratch s SET j.account = 2, s.v = s.v + 1"
                   " WHERE j.n = s.id")
        source.flush_binlog()
    source.sql("CREATE TABLE load_test.late (id INT PRIMARY KEY)")
    source.sql("INSERT INTO load_test.late VALUES (1), (2)")


def set_up(scene, kind):
    source = scene.server(kind)
    write_some(source)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    return source, relay


def export(relay, folder, *options):
    return json.loads(relay.cli("export", "--json", *options, folder))


def boundaries(source, name):
    """Places between transactions of one of its binlogs, behind the first and before the last."""
    events = source.sql(f"SHOW BINLOG EVENTS IN '{name}'")
    ends = [event[4] for event in events
            if event[2] == "Xid" or (event[2] == "Query" and event[5] in ("COMMIT", "commit"))]
    return ends[:-1]


def replay(source, target, folder):
    """As a person does it: mysqlbinlog of the source's version, and the client."""
    files = sorted(folder.iterdir())
    checks = () if source.kind.name == "mysql55" else ("--verify-binlog-checksum",)
    text = source.run("binlog", *checks, *files)
    client = target.kind if target.kind.name != "mysql55" else kinds.kind("mariadb10")
    subprocess.run([*client.programs.find("client"), "--no-defaults", f"--socket={target.socket}",
                    "--user=root", "--binary-mode"], input=text, check=True, timeout=60)


def gtids_in(text):
    return re.findall(rb"GTID_NEXT= *'([^']+:\d+)'", text)


def check_whole(scene, source, relay):
    """Files that lie wholly in the range are the source's, byte for byte, and nothing is written over."""
    folder = scene.path("all")
    told = export(relay, folder)
    closed = source.binlogs()[:-1]
    for path in closed:
        if (folder / path.name).read_bytes() != path.read_bytes():
            raise Failure(f"{path.name} differs from the source's")
    if [file["byte_for_byte"] for file in told["files"]] != [True] * (len(closed) + 1):
        raise Failure(f"it says {told['files']}")
    said = relay.cli("export", folder, check=False)
    if said or relay.cli("export", "--force", folder) == "":
        raise Failure("files were written over without --force, or not with it")


def check_part(scene, source, relay):
    """A part of a file has the right GTIDs at its head, reads as that part and ends as a server's file."""
    name = source.binlogs()[1].name
    ends = boundaries(source, name)
    begin, end = ends[3], ends[-2]
    folder = scene.path("part")
    told = export(relay, folder, "--from", f"{name}:{begin}", "--to", f"{name}:{end}")
    if [file["name"] for file in told["files"]] != [name]:
        raise Failure(f"it says {told['files']}")
    direct = source.run("binlog", f"--start-position={begin}", f"--stop-position={end}",
                        source.binlogs()[1])
    part = source.run("binlog", folder / name)
    for pattern in (rb"Xid = \d+", rb"GTID_NEXT= *'[^']+'", rb"(?:end_log_pos) \d+ (?:CRC32 \w+ )?\tXid",
                    rb"GTID \d+-\d+-\d+"):
        if re.findall(pattern, direct) != re.findall(pattern, part):
            raise Failure(f"{pattern}: {re.findall(pattern, direct)} at the source, "
                          f"{re.findall(pattern, part)} in the export")
    last = part.decode(errors="replace")
    if "\tStop" not in last:
        raise Failure("it does not end with STOP", last[-2000:])
    if source.kind.family == "mysql" and source.kind.at_least(5, 6):
        before = told["begin"]["gtids"]
        if f"# {before}" not in last:
            raise Failure(f"its PREVIOUS_GTIDS is not {before}", last[:2000])
    inside = relay.cli("export", "--from", f"{name}:{begin}", "--to", f"{name}:{end - 1}",
                       scene.path("inside"), check=False)
    if inside:
        raise Failure("a place inside of a transaction was taken", inside)


def check_choice(scene, source, relay):
    """Only the named tables' changes are in it, and another server has just those after a replay."""
    folder = scene.path("journal")
    told = export(relay, folder, "--table", "load_test.journal", "--table", "load_test.late")
    if told["transactions_cut"] < 3 or told["transactions_left_out"] < 30:
        raise Failure(f"it says {told}")
    target = scene.server(source.kind.name)
    replay(source, target, folder)
    mine, theirs = target.table_checksums("load_test"), source.table_checksums("load_test")
    if mine != {table: theirs[table] for table in ("journal", "late")}:
        raise Failure(f"the source has {theirs}, the other server {mine}")
    if source.kind.family == "mysql" and source.kind.at_least(5, 6):
        folder = scene.path("gtids")
        export(relay, folder, "--from", f"{source.uuid}:6", "--to", f"{source.uuid}:40")
        got = gtids_in(source.run("binlog", *sorted(folder.iterdir())))
        if got != [f"{source.uuid}:{n}".encode() for n in range(6, 41)]:
            raise Failure(f"transactions 6 to 40 became {got}")


@each("mysql97", "mysql55", "mariadb10")
def test_exported_ranges(scene, kind):
    """Whole files are the source's, parts read and replay as such, tables and GTIDs choose."""
    source, relay = set_up(scene, kind)
    check_whole(scene, source, relay)
    check_part(scene, source, relay)
    check_choice(scene, source, relay)
