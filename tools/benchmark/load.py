"""The backlog that is measured: a source whose binlogs hold small transactions or bulk inserts."""

import threading

ROWS_OF_SMALL = 4
ROWS_OF_BULK = 10_000
LOADERS = 2

# Speed of loading is not what is measured; nothing of it changes what stands in the binlog.
OPTIONS = {"sync_binlog": 0, "innodb_flush_log_at_trx_commit": 0, "innodb_buffer_pool_size": "256M",
           "innodb_doublewrite": "OFF", "max_binlog_size": "256M"}

SCHEMA = """
CREATE DATABASE bench;
CREATE TABLE bench.small (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, account INT NOT NULL, amount DECIMAL(12,2) NOT NULL,
  state VARCHAR(16) NOT NULL, note VARCHAR(64), changed DATETIME NOT NULL);
CREATE TABLE bench.bulk LIKE bench.small;
CREATE TABLE bench.numbers (n INT NOT NULL PRIMARY KEY);
"""

# Four rows in one statement that commits by itself: what most applications' transactions look like.
SMALL = f"""
CREATE PROCEDURE bench.fill_small(count INT)
BEGIN
  WHILE count > 0 DO
    INSERT INTO bench.small (account, amount, state, note, changed) VALUES
      {", ".join(f"(count, count / 100 + {n}, 'open', CONCAT('order ', count, ' part {n}'), NOW())"
                 for n in range(ROWS_OF_SMALL))};
    SET count = count - 1;
  END WHILE;
END
"""

BULK = f"""
CREATE PROCEDURE bench.fill_bulk(count INT)
BEGIN
  WHILE count > 0 DO
    INSERT INTO bench.bulk (account, amount, state, note, changed)
      SELECT n, n / 100, 'imported', CONCAT('line ', n, ' of a file that was loaded'), NOW()
      FROM bench.numbers LIMIT {ROWS_OF_BULK};
    SET count = count - 1;
  END WHILE;
END
"""

FORMS = {
    "small": f"small transactions of {ROWS_OF_SMALL} rows",
    "bulk": f"bulk inserts of {ROWS_OF_BULK:,} rows",
}
ROWS = {"small": 1_200_000, "bulk": 4_000_000}
ROWS_OF = {"small": ROWS_OF_SMALL, "bulk": ROWS_OF_BULK}


def prepare(server):
    """The tables and procedures, which the binlog does not know of."""
    server.sql("SET sql_log_bin = 0")
    server.sql(SCHEMA)
    values = ",".join(f"({n})" for n in range(ROWS_OF_BULK))
    server.sql(f"INSERT INTO bench.numbers VALUES {values}")
    server.sql(SMALL)
    server.sql(BULK)


class Backlog:
    """A server with binlogs that nobody writes to any more."""

    def __init__(self, scene, kind_name, form, rows):
        self.server = scene.server(kind_name, **OPTIONS)
        self.form = form
        self.transactions = max(LOADERS, rows // ROWS_OF[form])
        self._fill()
        self.end = self.server.position()
        self.files = self.server.binlogs()
        # From the first byte behind the magic of each file.
        self.bytes = sum(path.stat().st_size - 4 for path in self.files)

    def _fill(self):
        prepare(self.server)
        failures = []
        loaders = [threading.Thread(target=self._load, args=(failures,)) for _ in range(LOADERS)]
        for loader in loaders:
            loader.start()
        for loader in loaders:
            loader.join()
        if failures:
            raise failures[0]

    def _load(self, failures):
        try:
            with self.server.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"CALL bench.fill_{self.form}({self.transactions // LOADERS})")
        except Exception as failure:  # raised again by the thread that waits
            failures.append(failure)

    def describe(self):
        return (f"{self.server.kind.name} {self.server.kind.release}, {FORMS[self.form]}: "
                f"{self.transactions:,} transactions, {self.bytes / 1e6:,.0f} MB "
                f"in {len(self.files)} file{'s'[:len(self.files) != 1]}")
