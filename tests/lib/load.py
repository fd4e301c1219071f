"""A write load on a server, in the background, that survives the server's restarts.

Every transaction has a number and leaves a row in load.journal, so that a test can tell which ones a
consumer has, which are missing and which came twice.
"""

import threading
import time

import pymysql

SCHEMA = """
CREATE DATABASE load_test;
CREATE TABLE load_test.account (
  id INT NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL, balance DECIMAL(14,2) NOT NULL,
  changed TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3));
CREATE TABLE load_test.journal (
  n BIGINT NOT NULL PRIMARY KEY, account INT NOT NULL, amount DECIMAL(8,2), note VARCHAR(200));
CREATE TABLE load_test.scratch (id INT NOT NULL PRIMARY KEY, v INT);
"""
ACCOUNTS = 20


def schema_for(server):
    """MySQL 5.5 knows no fractions of seconds."""
    return SCHEMA if server.kind.at_least(5, 6) else SCHEMA.replace("(3)", "")


class Load:
    """Use as a context manager; `committed` is how many transactions are known to be in.

    One client, so the journal's numbers are the order of the commits. `pause_s` between two
    transactions keeps the load from filling the machine.
    """

    def __init__(self, server, pause_s=0.002):
        self.server = server
        self.pause_s = pause_s
        self.committed = 0
        self._failure = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.server.sql(schema_for(self.server))
        values = ", ".join(f"({i}, 'account {i}', 100)" for i in range(ACCOUNTS))
        self.server.sql(f"INSERT INTO load_test.account (id, name, balance) VALUES {values}")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """No transaction after this; raises what broke the load, if anything did."""
        self._ending.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self):
        try:
            connection = None
            number = 1
            while not self._ending.is_set():
                try:
                    connection = connection or self.server.connect(autocommit=False)
                    if not self._is_in(connection, number):
                        self._transaction(connection, number)
                    self.committed = number
                    number += 1
                    time.sleep(self.pause_s)
                except (pymysql.err.OperationalError, pymysql.err.InterfaceError, OSError):
                    # The server restarts; whether the commit went in is asked after it.
                    connection = None
                    time.sleep(0.1)
        except Exception as failure:  # pylint: disable=broad-except # told by stop()
            self._failure = failure

    def _is_in(self, connection, number):
        if number == self.committed + 1 and getattr(connection, "asked", False):
            return False
        connection.asked = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM load_test.journal WHERE n = %s", (number,))
            return cursor.fetchone() is not None

    @staticmethod
    def _transaction(connection, number):
        account = number % ACCOUNTS
        with connection.cursor() as cursor:
            if number % 97 == 0:
                cursor.execute(f"ALTER TABLE load_test.scratch COMMENT = 'after {number}'")
            cursor.execute("INSERT INTO load_test.journal VALUES (%s, %s, %s, %s)",
                           (number, account, number % 1000 / 10, "x" * (number * 7 % 200)))
            cursor.execute("UPDATE load_test.account SET balance = balance + 1 WHERE id IN (%s, %s)",
                           (account, (account + 7) % ACCOUNTS))
            if number % 5 == 0:
                cursor.execute("REPLACE INTO load_test.scratch VALUES (%s, %s)", (account, number))
            if number % 11 == 0:
                cursor.execute("DELETE FROM load_test.scratch WHERE id = %s", (account,))
        connection.commit()
