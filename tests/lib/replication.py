"""A server as a replica: attach it to a source or a relay, wait until it has what that has."""

from lib import wait
from lib.errors import Failure

# SHOW REPLICA STATUS calls things differently in each family and age; tests use these names.
STATUS_NAMES = {
    "io_running": ("Replica_IO_Running", "Slave_IO_Running"),
    "sql_running": ("Replica_SQL_Running", "Slave_SQL_Running"),
    "read_file": ("Source_Log_File", "Master_Log_File"),
    "read_pos": ("Read_Source_Log_Pos", "Read_Master_Log_Pos"),
    "exec_file": ("Relay_Source_Log_File", "Relay_Master_Log_File"),
    "exec_pos": ("Exec_Source_Log_Pos", "Exec_Master_Log_Pos"),
    "io_errno": ("Last_IO_Errno",),
    "io_error": ("Last_IO_Error",),
    "sql_errno": ("Last_SQL_Errno",),
    "sql_error": ("Last_SQL_Error",),
    "lag_s": ("Seconds_Behind_Source", "Seconds_Behind_Master"),
}


class Replica:
    """What every Server can also be; needs its kind, sql(), rows() and gtids()."""

    @property
    def _new_words(self):
        """MySQL said master and slave until 8.0.22, MariaDB still does."""
        return not self.kind.is_mariadb and self.kind.at_least(8, 0, 23)

    def _word(self):
        return "REPLICA" if self._new_words else "SLAVE"

    def make_replica_of(self, host, port, user, password, *, file=None, pos=4,
                        auto_position=False, slave_pos=False, ssl=False, start=True, **more):
        """Positions by GTID (auto_position: MySQL, slave_pos: MariaDB) or by file and offset.

        `more` are further settings of CHANGE REPLICATION SOURCE as they are called there without
        the prefix SOURCE_ or MASTER_, e.g. heartbeat_period=2.
        """
        settings = {"host": host, "port": port, "user": user, "password": password,
                    "connect_retry": 1, "ssl": int(ssl), **more}
        if file is not None:
            settings |= {"log_file": file, "log_pos": pos}
        if self.kind.is_mariadb:
            raw = {"MASTER_USE_GTID": "slave_pos" if slave_pos else "no"}
            if self.kind.at_least(11, 3):
                settings.setdefault("ssl_verify_server_cert", 0)
        else:
            raw = {}
            if self.kind.at_least(5, 6):
                settings["auto_position"] = int(auto_position)
                settings["retry_count"] = 86400
            if self.kind.at_least(8, 0, 4):
                raw["GET_SOURCE_PUBLIC_KEY" if self._new_words else "GET_MASTER_PUBLIC_KEY"] = 1
        prefix = "SOURCE_" if self._new_words else "MASTER_"
        raw |= {prefix + name.upper(): _literal(value) for name, value in settings.items()}
        change = "CHANGE REPLICATION SOURCE TO" if self._new_words else "CHANGE MASTER TO"
        self.sql(f"{change} {', '.join(f'{name} = {value}' for name, value in raw.items())}")
        if start:
            self.start_replica()

    def start_replica(self, threads=""):
        """`threads`: "IO_THREAD" or "SQL_THREAD" for only that one."""
        self.sql(f"START {self._word()} {threads}")

    def stop_replica(self):
        self.sql(f"STOP {self._word()}")

    def reset_replica(self):
        """Forgets the source and what it read from there."""
        self.sql(f"RESET {self._word()} ALL")

    def replica_status(self):
        """{} when it is no replica; else STATUS_NAMES, and under "raw" the whole row."""
        rows = self.rows(f"SHOW {self._word()} STATUS")
        if not rows:
            return {}
        row = rows[0]
        status = {name: next((row[c] for c in columns if c in row), None)
                  for name, columns in STATUS_NAMES.items()}
        return {**status, "raw": row}

    def wait_replica(self, *, file=None, pos=None, gtid=None, timeout_s=60):
        """Until it has executed up to there; fails at once when its SQL or I/O thread gave up."""
        wait.until(lambda: self._has_executed(file, pos, gtid), timeout_s,
                   lambda: f"{self} to reach {gtid or (file, pos)}, it is at {self._where()}")

    def wait_for(self, source, timeout_s=60):
        """Until it has executed what `source` has in its binlog now, by GTID if it follows them."""
        gtid = source.gtids()
        if gtid and self._follows_gtids():
            self.wait_replica(gtid=gtid, timeout_s=timeout_s)
        else:
            file, pos = source.position()
            self.wait_replica(file=file, pos=pos, timeout_s=timeout_s)

    def _follows_gtids(self):
        row = self.replica_status()["raw"]
        return row.get("Auto_Position") == 1 or row.get("Using_Gtid", "No") != "No"

    def _has_executed(self, file, pos, gtid):
        status = self.replica_status()
        if not status:
            raise Failure(f"{self} is no replica")
        if gtid is not None:
            done = self._has_gtid(gtid)
        else:
            done = (status["exec_file"], int(status["exec_pos"])) >= (file, int(pos))
        if not done and "No" in (status["io_running"], status["sql_running"]):
            raise Failure(f"{self} has stopped replicating: {_complaint(status)}",
                          self.tail())
        return done

    def _has_gtid(self, gtid):
        if self.kind.is_mariadb:
            # -1: not yet. Executed is what counts, also when it was skipped or came otherwise.
            return self.sql("SELECT MASTER_GTID_WAIT(%s, 0.1)", (gtid,))[0][0] == 0
        return self.sql("SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)", (gtid,))[0][0] == 1

    def _where(self):
        status = self.replica_status()
        return (f"{status['exec_file']}:{status['exec_pos']} (read {status['read_file']}:"
                f"{status['read_pos']}), {self.gtids()!r}; {_complaint(status)}")


def _complaint(status):
    return (f"I/O {status['io_running']} {status['io_errno']} {status['io_error']!r}, "
            f"SQL {status['sql_running']} {status['sql_errno']} {status['sql_error']!r}")


def _literal(value):
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    return str(value)
