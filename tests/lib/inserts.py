"""Rows that come in order, one number each, for tests that look for each of them."""

import threading
import time


class Inserts(threading.Thread):
    """Small transactions all the time: inserts in order, now and then an update.

    `written` is how many rows table g.t has; `pause_s` lies between two transactions.
    """

    def __init__(self, server, pause_s=0.001):
        super().__init__()
        self.server = server
        self.pause_s = pause_s
        self.written = 0
        self.ending = threading.Event()

    def run(self):
        with self.server.connect() as connection, connection.cursor() as cursor:
            while not self.ending.is_set():
                first = self.written + 1
                cursor.execute("INSERT INTO g.t VALUES " + ", ".join(
                    f"({i}, REPEAT('{i} ', 20))" for i in range(first, first + 4)))
                self.written += 4
                if first % 50 == 1:
                    cursor.execute(f"UPDATE g.t SET v = 'changed' WHERE id <= {first} "
                                   f"ORDER BY id DESC LIMIT 30")
                time.sleep(self.pause_s)

    def end(self):
        self.ending.set()
        self.join()
