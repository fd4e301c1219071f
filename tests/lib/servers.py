"""A real MySQL or MariaDB server: its life, its SQL, its binlogs.

Replication between servers is in replication.py; the kinds of servers are rows in kinds.py.
"""

import subprocess
import threading
from pathlib import Path

import pymysql
from pymysql.constants import CLIENT

from lib import replication, wait
from lib.daemon import Daemon
from lib.errors import Failure
from lib.kinds import as_user
from lib.ports import Port
from lib.process import Process

START_S = 90

# Users that every server has, as (name, password); all of them may come from any host.
ROOT = ("root", "")
# What a relay logs in with: to follow the binlog and to read table definitions.
REPL = ("repl", "replpw")
# The rights that Debezium's documentation asks for.
DEBEZIUM = ("dbz", "dbzpw")


class Server(Daemon, replication.Replica):
    """One instance in `folder` (its data folder is folder/data), on a loopback port of its own.

    `options` are server options with underscores: a value, True for a bare option, False for
    --skip-OPTION, None to leave out one that would be set by default.
    """

    def __init__(self, kind, folder, **options):
        self.kind = kind
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.host = "127.0.0.1"
        self._port = Port()
        self.port = self._port.number
        self.options = {**self._defaults(), **options}
        self.process = None
        self._connections = threading.local()
        self._lives = 0

    def __str__(self):
        return f"{self.kind.name} on port {self.port}"

    def _defaults(self):
        """Small, quick, and safe against SIGKILL; everything else as the server's authors chose."""
        kind = self.kind
        options = {
            "server_id": self.port,
            "log_bin": "binlog",
            "binlog_format": "ROW",
            "relay_log": "relay",
            "sync_binlog": 0,
            "innodb_buffer_pool_size": "32M",
            "innodb_flush_log_at_trx_commit": 2,
            "skip_name_resolve": True,
        }
        if kind.is_mariadb:
            options |= {"log_slave_updates": True}
        elif kind.at_least(8, 0, 26):
            options |= {"log_replica_updates": True}
        else:
            options |= {"log_slave_updates": True}
        if not kind.is_mariadb:
            if kind.at_least(5, 6):
                options |= {"gtid_mode": "ON", "enforce_gtid_consistency": "ON",
                            "performance_schema": "OFF"}
            if kind.at_least(5, 7):
                # The compiled-in folder is missing, and without one the server does not start.
                options |= {"secure_file_priv": ""}
            if kind.at_least(8, 0):
                # Else the X plugin takes a second port.
                options |= {"mysqlx": "OFF"}
            if kind.at_least(8, 0, 30):
                options |= {"innodb_redo_log_capacity": "16M"}
        return options

    def _arguments(self):
        yield f"--datadir={self.data}"
        yield f"--socket={self.socket}"
        yield f"--pid-file={self.folder}/server.pid"
        yield f"--port={self.port}"
        yield f"--bind-address={self.host}"
        yield from as_user()
        for name, value in self.options.items():
            name = name.replace("_", "-")
            if value is True:
                yield f"--{name}"
            elif value is False:
                yield f"--skip-{name}"
            elif value is not None:
                yield f"--{name}={value}"

    @property
    def socket(self):
        return self.folder / "s"

    # --- life

    def start(self):
        """Gives itself when it answers; a change of `options` counts from here on."""
        self.process = Process(str(self), self.kind.programs.server(*self._arguments()), self.log)
        self._lives += 1
        wait.until(self._answers, START_S, lambda: f"{self} to answer\n{self.tail()}")
        # What a server says at a start that went well would only hide what came later.
        self.process.quiet_until = self.log.stat().st_size
        return self

    def _answers(self):
        self.process.must_run()
        try:
            self.connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    # --- SQL

    def connect(self, user=None, password="", **settings):
        """A new connection, committing each statement: root by socket, any other user by TCP."""
        if user is None:
            address = {"unix_socket": str(self.socket), "user": "root", "password": ""}
        else:
            address = {"host": self.host, "port": self.port, "user": user, "password": password}
        return pymysql.connect(**{**address, "autocommit": True, "charset": "utf8mb4",
                                  "client_flag": CLIENT.MULTI_STATEMENTS, **settings})

    def sql(self, statements, args=None):
        """Runs them as root and gives the rows of the last one, as tuples."""
        return run_sql(self.quick_connection(), statements, args)

    def rows(self, statement, args=None):
        """As sql(), but each row is a dict."""
        return run_sql(self.quick_connection(), statement, args, pymysql.cursors.DictCursor)

    def quick_connection(self):
        """One for each thread and each life of the server, so that sql() is safe and quick."""
        mine = self._connections
        if getattr(mine, "life", None) != self._lives:
            mine.connection = self.connect()
            mine.life = self._lives
        return mine.connection

    def create_user(self, name, password, *grants, plugin=None):
        """A user that the binlog does not know of: create_user("u", "p", "SELECT ON g.*")."""
        by = f"IDENTIFIED WITH {plugin} BY" if plugin else "IDENTIFIED BY"
        self.sql("SET sql_log_bin = 0")
        try:
            self.sql(f"CREATE USER {name}@'%%' {by} %s", (password,))
            for grant in grants:
                self.sql(f"GRANT {grant} TO {name}@'%'")
        finally:
            self.sql("SET sql_log_bin = 1")

    def variable(self, name):
        return self.sql(f"SELECT @@GLOBAL.{name}")[0][0]

    @property
    def uuid(self):
        """MySQL 5.6 and later; MariaDB has none."""
        return self.variable("server_uuid")

    def table_checksums(self, db):
        """{table: checksum}; comparable between servers of one family only."""
        tables = self.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
                          " AND table_type = 'BASE TABLE' ORDER BY table_name", (db,))
        return {name: self.sql(f"CHECKSUM TABLE `{db}`.`{name}`")[0][1] for (name,) in tables}

    # --- binlogs

    def binlogs(self):
        """Paths of the binlog files that its index lists, oldest first."""
        index = self.data / f"{self.options['log_bin']}.index"
        return [self.data / Path(line).name for line in index.read_text().splitlines()]

    def position(self):
        """(file, offset) where its binlog ends now."""
        word = "BINARY LOG" if not self.kind.is_mariadb and self.kind.at_least(8, 2) else "MASTER"
        return self.sql(f"SHOW {word} STATUS")[0][:2]

    def gtids(self):
        """Executed GTID set (MySQL) or the binlog's GTID position (MariaDB)."""
        if self.kind.is_mariadb:
            return self.variable("gtid_binlog_pos")
        if not self.kind.at_least(5, 6):
            return ""
        return self.variable("gtid_executed").replace("\n", "")

    def feed(self, script, db=None):
        """Runs a SQL script by the server's own client, as a person would; errors are a Failure."""
        self.run("client", f"--socket={self.socket}", "--user=root",
                 "--default-character-set=utf8mb4", *([db] if db else []), stdin=script.encode())

    def flush_binlog(self):
        """The next event goes to a new file."""
        self.sql("FLUSH BINARY LOGS")

    # --- the programs that came with it

    def run(self, role, *args, stdin=b"", timeout_s=60):
        """Runs its "client", "binlog" (mysqlbinlog) or "dump"; gives the output as bytes."""
        argv = [*self.kind.programs.find(role), "--no-defaults", *map(str, args)]
        done = subprocess.run(argv, input=stdin, capture_output=True, check=False,
                              timeout=timeout_s)
        if done.returncode != 0:
            raise Failure(f"{role} {' '.join(map(str, args))}: exit code {done.returncode}",
                          done.stderr.decode(errors="replace"))
        return done.stdout


def run_sql(connection, statements, args=None, cursor_class=None):
    """The rows of the last statement; one that fails raises, also when others came before it."""
    with connection.cursor(cursor_class) as cursor:
        cursor.execute(statements, args)
        rows = cursor.fetchall()
        while cursor.nextset():
            rows = cursor.fetchall()
    return list(rows)
