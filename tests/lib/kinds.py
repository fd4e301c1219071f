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

from lib import debian
from lib.errors import Unavailable

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Programs:
    """Where a kind's server and clients are, and what the server must be told because of that."""

    find: Callable[[str], list]
    options: tuple = ()
    share: Path | None = None

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
        said = subprocess.run(self.programs.server("--version"), capture_output=True, text=True,
                              check=True).stdout
        return re.search(r"Ver (\S+)", said).group(1)


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


def _debian_mysql(suite):
    root = debian.tree(f"debian-{suite}-mysql", suite, ["mysql-server-core", "mysql-client-core"])

    def find(role):
        folder = "usr/sbin" if role == "server" else "usr/bin"
        return debian.run_in_place(root, f"{folder}/{MYSQL_PROGRAMS[role]}")

    share = root / "usr/share/mysql"
    return Programs(find, share=share, options=(
        f"--basedir={root}/usr", f"--plugin-dir={root}/usr/lib/mysql/plugin",
        f"--lc-messages-dir={share}", f"--character-sets-dir={share}/charsets"))


KINDS = {kind.name: kind for kind in (
    Kind("mysql97", "mysql", (9, 7), lambda: _debian_mysql("sid")),
    Kind("mariadb10", "mariadb", (10, 11), _host_mariadb),
)}


def kind(name):
    """The row of that name."""
    return KINDS[name]


def as_user():
    """Servers refuse to run as root unless told that this is meant."""
    return ("--user=root",) if os.getuid() == 0 else ()
