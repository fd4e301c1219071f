"""Applications' drivers at the relay: what they print is what they print at the source."""

import os
import subprocess

from lib import clients
from lib.errors import Failure
from lib.marks import each, limit

USER = ("app", "apppw")
TABLES = """
    CREATE DATABASE g;
    CREATE TABLE g.types (id INT PRIMARY KEY, v VARCHAR(30) NOT NULL, d DECIMAL(10,2), t DATETIME(3), b BLOB,
        e ENUM('a','b'), u BIGINT UNSIGNED, f DOUBLE, y YEAR, s TIME, KEY (v)) CHARSET=utf8mb4;
    INSERT INTO g.types VALUES (1, 'é', 1.50, '2024-02-29 13:14:15.123', x'00ff', 'b', 18446744073709551615, 1.5e300, 2024,
        '-12:13:14'), (2, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    CREATE TABLE g.many (id INT PRIMARY KEY, v VARCHAR(100));
    CREATE TABLE g.written (id INT PRIMARY KEY, v VARCHAR(100))
"""

# (driver, what its URL says)
WAYS = (
    ("mysql", "useSSL=false&allowPublicKeyRetrieval=true"),
    ("mysql", "useServerPrepStmts=true&cachePrepStmts=true&sslMode=REQUIRED"),
    ("mysql", "useServerPrepStmts=true&useCursorFetch=true&defaultFetchSize=50&sslMode=DISABLED"
              "&allowPublicKeyRetrieval=true"),
    ("mysql", "rewriteBatchedStatements=true&useInformationSchema=true&sslMode=REQUIRED"),
    ("mariadb", "sslMode=disable&allowPublicKeyRetrieval=true"),
    ("mariadb", "useServerPrepStmts=true&sslMode=trust"),
    ("mariadb", "useServerPrepStmts=true&sslMode=disable&allowPublicKeyRetrieval=true"),
)


def address(driver, actor, options):
    return f"jdbc:{driver}://{actor.host}:{actor.port}/?{options}&allowMultiQueries=true"


# A source describes variables as columns of a temporary table where it opens a cursor.
OF_A_CURSOR = ("@@version:", "c:")


def blocks(text):
    """{URL: lines} of what the program printed."""
    found, lines, url = {}, [], ""
    for line in text.splitlines():
        if line.startswith("== "):
            url = line[3:]
            lines = found.setdefault(url, [])
        elif "useCursorFetch" not in url or not line.startswith(OF_A_CURSOR):
            lines.append(line)
    return found


@limit(240)
@each("mysql97", "mariadb10")
def test_drivers_see_no_difference(scene, kind):
    """Connector/J and MariaDB's: metadata, both kinds of statements, streams, cancelling, TLS or not."""
    argv, environment = clients.command("jdbc")
    source = scene.server(kind)
    source.sql(TABLES)
    source.sql("INSERT INTO g.many VALUES " + ", ".join(f"({i}, REPEAT('x', {i % 100}))"
                                                        for i in range(1, 1001)))
    source.create_user(*USER, "ALL ON *.*")
    relay = scene.relay(source, settings={
        "source a": {"forward_user": USER[0], "forward_password": USER[1]},
        "user app": {"password": USER[1], "rights": "forward, write, admin"}})
    relay.wait_caught_up(source)
    status = "SHOW BINARY LOG STATUS" if kind == "mysql97" else "SHOW MASTER STATUS"
    # MariaDB is asked by its own driver, and has no TLS unless it is told to.
    if source.kind.is_mariadb:
        ways = [way for way in WAYS if way[0] == "mariadb" and "trust" not in way[1]]
    else:
        ways = WAYS[:-1]
    urls = [address(driver, actor, options) for driver, options in ways for actor in (source, relay)]
    done = subprocess.run([*map(str, argv), *USER, status, *urls], env={**os.environ, **environment},
                          capture_output=True, text=True, check=False, timeout=200)
    if done.returncode != 0:
        raise Failure(f"the program failed: {done.stderr[-2000:]}")
    talks = blocks(done.stdout)
    wrong = []
    for direct, through in zip(urls[0::2], urls[1::2]):
        assert "true" in talks[direct] and len(talks[direct]) > 100, talks[direct][-20:]
        if talks[direct] != talks[through]:
            wrong += [direct, *(f"  source {a}\n  relay  {b}" for a, b in
                                zip(talks[direct], talks[through]) if a != b)][:12]
    assert not wrong, "\n".join(wrong)
