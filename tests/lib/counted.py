"""A load whose every transaction has a number of its own, on whichever server it is told to.

A transaction leaves a row with its tag in story.journal and moves the one row of its writer in
story.counter on by one. That moves the row's key, so a replica that gets a transaction twice, too late
or without the one before it finds no such row and stops. After a switchover a writer goes on behind the
last number that the new server has: one that was lost with the old server comes again by another tag.
"""

import contextlib
import random
import re
import threading
import time

import pymysql

from lib.errors import Failure

DB = "story"
SCHEMA = """
CREATE DATABASE story;
CREATE TABLE story.journal (tag BIGINT NOT NULL PRIMARY KEY, note VARCHAR(255)) ENGINE=InnoDB;
CREATE TABLE story.counter (writer INT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (writer, n)) ENGINE=InnoDB;
CREATE TABLE story.same (v INT NOT NULL) ENGINE=InnoDB;
CREATE TABLE story.bulk (tag BIGINT NOT NULL, part INT NOT NULL, v MEDIUMBLOB, PRIMARY KEY (tag, part))
  ENGINE=InnoDB;
CREATE TABLE story.shape (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB;
INSERT INTO story.shape VALUES (1, 0)
"""
# tag = ((writer * NUMBERS) + number) * DRAWS + a random draw
NUMBERS, DRAWS = 10 ** 8, 10 ** 4
PART_BYTES = 1 << 20

# What can be mixed in, and into which transactions of a writer.
SPICES = {"ddl": 23, "xa": 7, "equal": 5, "rotate": 61}


def number_of(tag):
    return tag // DRAWS % NUMBERS


def writer_of(tag):
    return tag // DRAWS // NUMBERS


def tags_of(server):
    """What is committed there, in the order of commits if there was one writer."""
    return [tag for (tag,) in server.sql(f"SELECT tag FROM {DB}.journal ORDER BY tag")]


class CountedLoad:
    """Use as a context manager. `acked`: tags whose commit was answered.

    `spices`: see SPICES. `form`: the sessions' binlog_format. `large_bytes`: size of a transaction
    that large() asks for; `pause_s` lies between two transactions of a writer.
    """

    def __init__(self, server, *, writers=1, pause_s=0.005, spices=(), form=None, seed=1):
        self.server = server
        self.acked = set()
        self.pause_s = pause_s
        self._spices = {name: SPICES[name] for name in spices}
        self._form = form
        self._large = None
        self._failure = None
        self._seed = seed
        self._ending = threading.Event()
        self._may_write = threading.Event()
        self._may_write.set()
        self._writers = [threading.Thread(target=self._run, args=(number,), daemon=True)
                         for number in range(1, writers + 1)]
        self._busy = [threading.Lock() for _ in self._writers]

    # --- for the test

    def prepare(self):
        """The tables; a writer's counter begins at 0."""
        self.server.sql(SCHEMA)
        rows = ", ".join(f"({number}, 0)" for number in range(1, len(self._writers) + 1))
        self.server.sql(f"INSERT INTO {DB}.counter VALUES {rows}")

    def __enter__(self):
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        self._ending.set()
        self._may_write.set()
        for writer in self._writers:
            writer.join()

    def stop(self):
        """No transaction after this; raises what broke the load, if anything did."""
        self._end()
        if self._failure:
            raise self._failure

    @contextlib.contextmanager
    def paused(self):
        """No transaction begins in here, and none is under way."""
        self._may_write.clear()
        with contextlib.ExitStack() as locks:
            for lock in self._busy:
                if not lock.acquire(timeout=60):
                    raise Failure("a transaction of the load does not end")
                locks.callback(lock.release)
            yield
        self._may_write.set()

    def move_to(self, server):
        """The next transactions are for that one."""
        self.server = server

    def wait_more(self, count=20, timeout_s=60):
        """Until so many more were committed."""
        wanted, end = len(self.acked) + count, time.monotonic() + timeout_s
        while len(self.acked) < wanted:
            if self._failure:
                raise self._failure
            if time.monotonic() > end:
                raise Failure(f"the load got {len(self.acked)} commits in place of {wanted}",
                              self.server.tail())
            time.sleep(0.02)

    def large(self, size):
        """The next transaction of the first writer has as many bytes beside its row."""
        self._large = size

    # --- the writers

    def _run(self, writer):
        draw = random.Random(f"{self._seed} {writer}")
        connection, number, on = None, 0, None
        try:
            while not self._ending.is_set():
                self._may_write.wait()
                with self._busy[writer - 1]:
                    if not self._may_write.is_set() or self._ending.is_set():
                        continue
                    try:
                        if connection is None or on is not self.server:
                            on = self.server
                            connection = self._connect(on, writer)
                            number = self._last(connection, writer)
                        self._commit(connection, writer, number + 1, draw.randrange(DRAWS))
                        number += 1
                    except (pymysql.err.OperationalError, pymysql.err.InternalError,
                            pymysql.err.InterfaceError, OSError):
                        connection = None  # It is down: what has gone in is asked afterwards.
                time.sleep(self.pause_s if connection else 0.05)
        except Exception as failure:  # pylint: disable=broad-except # told by stop()
            self._failure = failure

    def _connect(self, server, writer):
        connection = server.connect(database=DB)
        with connection.cursor() as cursor:
            if self._form:
                cursor.execute(f"SET SESSION binlog_format = '{self._form}'")
            # A prepared transaction outlives its client and its server, and holds its locks.
            cursor.execute("XA RECOVER")
            for *_, name in cursor.fetchall():
                name = name.decode() if isinstance(name, bytes) else name
                if re.fullmatch(rf"{writer}-\d+", name):
                    cursor.execute(f"XA COMMIT '{name}'")
        return connection

    @staticmethod
    def _last(connection, writer):
        """The number of the last transaction that is in."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM counter WHERE writer = %s", (writer,))
            return cursor.fetchone()[0]

    def _commit(self, connection, writer, number, draw):
        tag = (writer * NUMBERS + number) * DRAWS + draw
        spices = {name for name, every in self._spices.items() if number % every == 0}
        with connection.cursor() as cursor:
            if "ddl" in spices:
                word = f"ADD c{number} INT" if number // SPICES["ddl"] % 2 else \
                    f"DROP c{number - SPICES['ddl']}"
                self._alter(cursor, word)
            if "rotate" in spices:
                cursor.execute("FLUSH BINARY LOGS")
            if "equal" in spices:
                for _ in range(5):
                    cursor.execute("INSERT INTO same VALUES (1)")
            name = f"'{writer}-{number}'"
            cursor.execute(f"XA START {name}" if "xa" in spices else "BEGIN")
            cursor.execute("INSERT INTO journal VALUES (%s, %s)", (tag, "x" * (number * 7 % 250)))
            cursor.execute("UPDATE counter SET n = %s WHERE writer = %s AND n = %s",
                           (number, writer, number - 1))
            if writer == 1 and self._large:
                self._write_large(cursor, tag)
            if "xa" in spices:
                for step in ("END", "PREPARE", "COMMIT"):
                    cursor.execute(f"XA {step} {name}")
            else:
                cursor.execute("COMMIT")
        self.acked.add(tag)

    @staticmethod
    def _alter(cursor, what):
        try:
            cursor.execute(f"ALTER TABLE shape {what}")
        except pymysql.err.OperationalError as error:
            # It was done before a crash that kept its transaction from being written; or was lost.
            if error.args[0] not in (1060, 1091):
                raise

    def _write_large(self, cursor, tag):
        size, self._large = self._large, None
        for part in range(max(1, size // PART_BYTES)):
            cursor.execute("INSERT INTO bulk VALUES (%s, %s, REPEAT(%s, %s))",
                           (tag, part, chr(97 + part % 26), PART_BYTES))
