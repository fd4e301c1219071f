"""mysqlbinlog reads from the relay what it would read from the source."""

from pathlib import Path

from lib import wait
from lib.errors import Failure
from lib.load import SCHEMA
from lib.marks import each
from lib.servers import REPL

BOTH = ("mysql97", "mariadb10")


def write_some(server):
    server.sql(SCHEMA)
    for round_number in range(3):
        for n in range(40):
            server.sql("INSERT INTO load_test.journal VALUES (%s, 1, 2.5, %s)",
                       (round_number * 1000 + n, "y" * n))
        server.sql("INSERT INTO load_test.journal SELECT n + 100000, account, amount,"
                   " REPEAT('z', 200) FROM load_test.journal")
        server.sql("DELETE FROM load_test.journal WHERE n >= 100000")
        server.flush_binlog()


def at(server):
    """mysqlbinlog's options to read from a server or a relay."""
    return ("--read-from-remote-server", f"--host={server.host}", f"--port={server.port}",
            f"--user={REPL[0]}", f"--password={REPL[1]}")


def raw_copy(tools, server, names, folder):
    """The named files as `mysqlbinlog --raw` of `tools` writes them; {name: bytes}."""
    folder.mkdir()
    tools.run("binlog", *at(server), "--raw", f"--result-file={folder}/", *names)
    return {name: (folder / name).read_bytes() for name in names}


@each(*BOTH)
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
