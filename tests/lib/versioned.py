"""Random changes of one table in which every state of a row has a number that only grows.

So who reads the change events can tell whether a state came after a newer one of the same key: `fold`.
"""

import random
import threading

SCHEMA = "CREATE TABLE g.t (a VARCHAR(20) NOT NULL, b INT NOT NULL, n BIGINT NOT NULL, v VARCHAR(100), PRIMARY KEY (a, b))"


class Versioned:
    """Use as a context manager: `writers` threads insert, update, delete rows and change their keys.

    Each writer has keys of its own, so the order in which it commits is that of its numbers.
    """

    def __init__(self, server, *, rows, writers=3, seed=1):
        self.server = server
        self.rows = rows
        self.writers = writers
        self.dice = [random.Random(seed * 100 + i) for i in range(writers)]
        self.numbers = [0] * writers
        self._over = threading.Event()
        self._threads = []
        self.failures = []

    @staticmethod
    def key(number):
        """Capitals and accents: the collation's order is not that of the bytes."""
        return f"{'aAäÄbB'[number % 6]}{number // 6:05}", number % 7

    def fill(self):
        self.server.sql(SCHEMA)
        with self.server.connect() as connection, connection.cursor() as cursor:
            for first in range(0, self.rows, 1000):
                values = []
                for i in range(first, min(first + 1000, self.rows)):
                    a, b = self.key(i * 2)
                    values.append(f"('{a}', {b}, 0, REPEAT('x', {i % 90}))")
                cursor.execute("INSERT INTO g.t VALUES " + ",".join(values))

    def _run(self, writer):
        try:
            self._write(writer)
        except Exception as failure:  # pylint: disable=broad-except
            if not self._over.is_set():
                self.failures.append(failure)

    def _write(self, writer):
        dice = self.dice[writer]
        with self.server.connect() as connection, connection.cursor() as cursor:
            while not self._over.wait(0.001):
                cursor.execute("BEGIN")
                for _ in range(dice.choice((1, 1, 2, 5))):
                    self.numbers[writer] += 1
                    n = self.numbers[writer]
                    a, b = self._own_key(writer, dice)
                    action = dice.random()
                    if action < 0.4:
                        cursor.execute(f"UPDATE g.t SET n = {n}, v = '{n}' WHERE a = '{a}' AND b = {b}")
                    elif action < 0.6:
                        cursor.execute(f"DELETE FROM g.t WHERE a = '{a}' AND b = {b}")
                    elif action < 0.85:
                        cursor.execute(f"REPLACE INTO g.t VALUES ('{a}', {b}, {n}, 'r')")
                    else:  # the other spelling of a key, or another key
                        c, d = (a.swapcase(), b) if dice.random() < 0.5 else self._own_key(writer, dice)
                        cursor.execute(f"UPDATE IGNORE g.t SET a = '{c}', b = {d}, n = {n} "
                                       f"WHERE a = '{a}' AND b = {b}")
                cursor.execute(dice.choice(("COMMIT",) * 9 + ("ROLLBACK",)))

    def _own_key(self, writer, dice):
        """`fill` leaves every second number free; numbers of equal keys to the collation have one writer."""
        number = dice.randrange(self.rows * 2)
        number -= (number // 6) % self.writers * 6
        return self.key(max(0, number + writer * 6))

    def start(self, server):
        """Writes there from now on."""
        self.server = server
        self._over.clear()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(self.writers)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert not self.failures, self.failures

    def __enter__(self):
        self.start(self.server)
        return self

    def __exit__(self, *_):
        self.stop()


def fold(records, topic):
    """(what the records leave by key, sentences about states that came after newer ones).

    `records`: (topic, key, value) in order. A deleted row's number counts on.
    """
    rows, newest, wrong = {}, {}, []
    for name, key, value in records:
        if name != topic or value is None or "op" not in value:
            continue
        key = (key["a"], key["b"])
        row = value["after"] if value["op"] != "d" else value["before"]
        read_late = value["op"] == "r" and newest.get(key, (-1, ""))[1] == "d"
        if row["n"] < newest.get(key, (-1, ""))[0] or \
                (read_late and row["n"] <= newest[key][0]):
            wrong.append(f"{key}: {value['op']} of {row['n']} after {newest[key]}, {value['source']}")
        newest[key] = (max(row["n"], newest.get(key, (-1, ""))[0]), value["op"])
        if value["op"] == "d":
            rows.pop(key, None)
        else:
            rows[key] = (row["n"], row["v"])
    return rows, wrong
