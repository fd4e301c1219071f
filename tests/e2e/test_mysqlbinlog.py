"""mysqlbinlog reads from the relay what it would read from the source."""

from pathlib import Path

from lib import wait
from lib.errors import Failure
from lib.load import SCHEMA
from lib.marks import each

BOTH = ("mysql97", "mariadb10")


def write_some(server):
    server.sql(SCHEMA)
    for round_number in range(3):
        for n in range(40):
            server.sql("INSERT INTO load_test.journal VALUES (%s, 1, 2.5, %s)",
                       (round_number * 1000 + n, "y" * n))
        server.sql("INSERT INTO load_test.journal SELECT n + 100000, account, amount,"
                   " REPEAT('z', 200) FROM load_test.journal")
        server.sql("DELETE FROM load_test.journal WHERE n > 100000")
        server.flush_binlog()


def raw_copy(server, address, names, folder):
    """The named files as `mysqlbinlog --raw` writes them; {name: bytes}."""
    folder.mkdir()
    host, port, user, password = address
    server.run("binlog", "--read-from-remote-server", "--raw", f"--host={host}", f"--port={port}",
               f"--user={user}", f"--password={password}", f"--result-file={folder}/", *names)
    return {name: (folder / name).read_bytes() for name in names}


@each(*BOTH)
def test_raw_copy_is_the_sources(scene, kind):
    """mysqlbinlog --raw from the relay is byte-identical to the same from the source."""
    source = scene.server(kind)
    write_some(source)
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    names = [path.name for path in source.binlogs()]
    direct = raw_copy(source, (source.host, source.port, "repl", "replpw"), names,
                      scene.path("direct"))
    relayed = raw_copy(source, relay.address, names, scene.path("relayed"))
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
    host, port, user, password = relay.address
    programs = source.kind.programs.find("binlog")
    first = source.binlogs()[0].name
    scene.process("follower", *programs, "--no-defaults", "--read-from-remote-server", "--raw",
                  "--stop-never", f"--host={host}", f"--port={port}", f"--user={user}",
                  f"--password={password}", f"--result-file={folder}/", first)
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

    def printed(host, port, user, password):
        text = source.run("binlog", "--read-from-remote-server", f"--host={host}", f"--port={port}",
                          f"--user={user}", f"--password={password}", f"--start-position={position}",
                          "--verbose", name)
        # The connection's own thread and times of printing differ.
        return [line for line in text.decode().splitlines() if not line.startswith("# at 4")]

    direct = printed(source.host, source.port, "repl", "replpw")
    relayed = printed(*relay.address)
    if direct != relayed:
        different = next((pair for pair in zip(direct, relayed) if pair[0] != pair[1]),
                         (len(direct), len(relayed)))
        raise Failure(f"printed differently: {different}")
