"""An initialised data folder per kind of server, kept in the cache and copied for each instance.

The users are made in the template, without a binlog: so an instance's first binlog begins empty,
and starting one takes a second instead of ten.
"""

import subprocess

from lib import cache
from lib.errors import Failure
from lib.kinds import as_user
from lib.servers import DEBEZIUM, REPL, Server

USERS = (
    "CREATE USER root@'%'",
    "GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION",
    f"CREATE USER {REPL[0]}@'%' IDENTIFIED BY '{REPL[1]}'",
    f"GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO {REPL[0]}@'%'",
    f"CREATE USER {DEBEZIUM[0]}@'%' IDENTIFIED BY '{DEBEZIUM[1]}'",
    "GRANT SELECT, RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, REPLICATION CLIENT"
    f" ON *.* TO {DEBEZIUM[0]}@'%'",
)


def copy_to(kind, data):
    """Makes `data` (which does not exist yet) an initialised data folder."""
    made = cache.entry(f"data-{kind.name}-{kind.release}", lambda path: _make(kind, path))
    subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=always", made / "data", data],
                   check=True)


def _make(kind, path):
    data = path / "data"
    if kind.programs.bootstrap:
        _bootstrap(kind, data)
    elif kind.is_mariadb:
        _run([*kind.programs.find("install"), "--no-defaults", f"--datadir={data}",
              "--auth-root-authentication-method=normal", "--skip-test-db", "--force", *as_user()])
    else:
        _run(kind.programs.server("--initialize-insecure", "--skip-log-bin",
                                  f"--datadir={data}", *as_user()))
    server = Server(kind, path, log_bin=False, gtid_mode=None, enforce_gtid_consistency=None,
                    log_replica_updates=None, log_slave_updates=None)
    server.start()
    try:
        # A nameless user on localhost would shadow repl@'%'.
        for user, host in server.sql("SELECT user, host FROM mysql.user WHERE user = ''"):
            server.sql(f"DROP USER '{user}'@'{host}'")
        for statement in USERS:
            server.sql(statement)
        server.stop()
    finally:
        server.destroy()
    # The server's identity: each copy makes its own.
    (data / "auto.cnf").unlink(missing_ok=True)


def _bootstrap(kind, data):
    """What the family's installation script does, which wants a system that is not there."""
    (data / "mysql").mkdir(parents=True)
    parts = [next(kind.programs.bootstrap.glob(f"m*_{part}.sql"), None)
             for part in ("system_tables", "performance_tables", "system_tables_data")]
    script = "USE mysql;\n" + "".join(part.read_text() for part in parts if part)
    # Rights of the host's own name are of no use, and the variable is the script's own.
    lines = [line for line in script.splitlines() if "@current_hostname" not in line]
    _run(kind.programs.server("--bootstrap", f"--datadir={data}", *as_user()),
         stdin="\n".join(lines) + "\n")


def _run(argv, stdin=""):
    done = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{argv[0]} failed", "\n".join(done.stdout.splitlines()[-40:]))
