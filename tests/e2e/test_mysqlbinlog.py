"""mysqlbinlog reads from the relay what it would read from the source."""

import re
from pathlib import Path

from lib import wait
from lib.errors import Failure
from lib.load import schema_for
from lib.marks import each
from lib.servers import REPL

BOTH = ("mysql97", "mariadb10")
EVERY = ("mysql55", "mysql56", "mysql80", "mysql97", "mariadb10", "mariadb11")


def write_some(server):
    server.sql(schema_for(server))
    for round_number in range(3):
        for n in range(40):
            server.sql("INSERT INTO load_test.journal VALUES (%s, 1, 2.5, %s)",
                       (round_number * 1000 + n, "y" * n))
        server.sql("INSERT INTO load_test.journal SELECT n + 100000, account, amount,"
                   " REPEAT('z', 200) FROM load_test.journal")
        server.sql("DELETE FROM load_test.journal WHERE n >= 100000")
        server.flush_binlog()
    wait_quiet(server)


def wait_quiet(server):
    """MariaDB writes a last checkpoint into a new file by itself, some time after it was begun."""
    name = server.binlogs()[-1].name
    wait.until(lambda: not server.kind.is_mariadb or
               any(event[2] == "Binlog_checkpoint" and event[5] == name
                   for event in server.sql(f"SHOW BINLOG EVENTS IN '{name}'")),
               20, lambda: f"the checkpoint of {name}")


def at(server):
    """mysqlbinlog's options to read from a server or a relay."""
    options = ("--read-from-remote-server", f"--host={server.host}", f"--port={server.port}",
               f"--user={REPL[0]}", f"--password={REPL[1]}")
    if server.kind.is_mariadb and server.kind.at_least(11, 4):
        options += ("--disable-ssl-verify-server-cert",)
    return options


def without_server_id(printed):
    """What the server makes up for the connection carries the id of the one that serves."""
    return re.sub(rb"server id \d+  end_log_pos \d+ (CRC32 \w+ )?(\tRotate|\tGtid list)", rb"\2", printed)


def raw_copy(tools, server, names, folder):
    """The named files as `mysqlbinlog --raw` of `tools` writes them; {name: bytes}."""
    folder.mkdir()
    tools.run("binlog", *at(server), "--raw", f"--result-file={folder}/", *names)
    return {name: (folder / name).read_bytes() for name in names}


@each(*(kind for kind in EVERY if kind != "mysql55"))  # which knows no --raw
def test_raw_copy_is_the_sources(scene, kind):
    """mysqlbinlog --raw from the relay is byte-identical to the same from the source."""
    source = scene.server(kind)
    write_some(source)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    names = [path.name for path in source.binlogs()]
    direct = raw_copy(source, source, names, scene.path("direct"))
    relayed = raw_copy(source, relay, names, scene.path("relayed"))
    if len(names) < 4:
        raise Failure(f"the workload made only {names}")
    for name in names:
        if direct[name] != relayed[name]:
            raise Failure(f"{name} differs: {len(direct[name])} bytes directly, "
                          f"{len(relayed[name])} bytes through the relay")


@each(*BOTH)
def test_stop_never_follows(scene, kind):
    """mysqlbinlog --stop-never at the relay goes on with what is committed later."""
    source = scene.server(kind)
    write_some(source)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    folder = scene.path("followed")
    folder.mkdir()
    scene.process("follower", *source.kind.programs.find("binlog"), "--no-defaults", *at(relay),
                  "--raw", "--stop-never", f"--result-file={folder}/", source.binlogs()[0].name)
    source.sql("INSERT INTO load_test.journal VALUES (777, 7, 7, 'seven')")
    source.flush_binlog()
    source.sql("INSERT INTO load_test.journal VALUES (778, 7, 7, 'eight')")
    closed = source.binlogs()[:-1]

    def has_all():
        return all((folder / path.name).exists()
                   and (folder / path.name).read_bytes() == path.read_bytes() for path in closed)

    wait.until(has_all, 20, lambda: f"the closed files to be followed; there is "
               f"{sorted((p.name, p.stat().st_size) for p in Path(folder).iterdir())}, the source "
               f"has {[(p.name, p.stat().st_size) for p in closed]}")


@each(*BOTH)
def test_text_output_is_the_sources(scene, kind):
    """A range by position prints the same statements from the relay as from the source."""
    source = scene.server(kind)
    write_some(source)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    name = source.binlogs()[1].name
    position = source.sql(f"SHOW BINLOG EVENTS IN '{name}'")[20][1]

    def printed(server):
        text = source.run("binlog", *at(server), f"--start-position={position}", "--verbose", name)
        return text.decode().splitlines()

    direct = printed(source)
    relayed = printed(relay)
    if direct != relayed:
        different = next((pair for pair in zip(direct, relayed) if pair[0] != pair[1]),
                         (len(direct), len(relayed)))
        raise Failure(f"printed differently: {different}")


def from_first_transaction(printed):
    """MariaDB 11.3 and later find a GTID by an index and may leave out what the file begins with."""
    return re.sub(rb"# at \d+\n", b"", printed[printed.index(b"\tGTID "):])


def ranges(source):
    """Options of mysqlbinlog that ask for a part, as this version knows them."""
    names = [path.name for path in source.binlogs()]
    events = source.sql(f"SHOW BINLOG EVENTS IN '{names[1]}'")
    yield [f"--start-position={events[20][1]}", "--verbose", names[1]]
    yield [f"--start-position={events[20][1]}", f"--stop-position={events[60][1]}", names[1]]
    yield [f"--stop-position={events[40][1]}", names[0], names[1]]
    yield ["--base64-output=DECODE-ROWS", "--verbose", "--database=load_test", *names]
    times = source.sql("SELECT NOW() - INTERVAL 1 HOUR, NOW() + INTERVAL 1 HOUR")[0]
    yield [f"--start-datetime={times[0]}", f"--stop-datetime={times[1]}", *names]
    yield [f"--start-datetime={times[1]}", *names]
    yield ["--to-last-log", names[0]]
    yield ["--hexdump", names[-1]]
    yield ["--server-id=1", names[0]]
    if source.kind.is_mariadb:
        domain, server, number = source.gtids().split("-")
        yield [f"--start-position={domain}-{server}-{int(number) // 2}", *names]
    elif source.kind.at_least(5, 6):
        yield [f"--include-gtids={source.uuid}:10-20", *names]
        yield [f"--exclude-gtids={source.uuid}:5-100", *names]
        yield ["--skip-gtids", names[0]]


@each(*EVERY)
def test_every_version_prints_the_same_ranges(scene, kind):
    """By position, time, GTID and database, from the relay and from the source."""
    source = scene.server(kind)
    write_some(source)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    for options in ranges(source):
        direct, relayed = (
            without_server_id(source.run("binlog", *at(server), *options))
            for server in (source, relay))
        if re.match(r"--start-position=\d+-", options[0]):
            direct, relayed = from_first_transaction(direct), from_first_transaction(relayed)
        if direct != relayed:
            pairs = zip(direct.splitlines(), relayed.splitlines())
            raise Failure(f"{options}: {len(direct)} bytes directly, {len(relayed)} bytes through the"
                          f" relay; {next((p for p in pairs if p[0] != p[1]), '')}")
