"""Random DDL from a grammar: what servers may refuse, but a reader must never stumble over."""

import random

NUMBERS = ["TINYINT", "SMALLINT", "MEDIUMINT", "INT", "INTEGER", "BIGINT", "INT1", "INT2", "INT3",
           "INT4", "INT8", "MIDDLEINT", "TINYINT(1)", "INT(6)", "BIGINT(20)", "DECIMAL", "DEC(7)",
           "NUMERIC(10,4)", "FIXED(5,0)", "FLOAT", "FLOAT(20)", "FLOAT(40)", "FLOAT(7,2)", "DOUBLE",
           "DOUBLE PRECISION", "DOUBLE(9,3)", "REAL", "FLOAT4", "FLOAT8"]
# Debezium takes these for signed ones always.
SYNONYMS = ["INTEGER", "INT1", "INT2", "INT3", "INT4", "INT8", "MIDDLEINT"]
TEXTS = ["CHAR", "CHAR(5)", "CHARACTER(3)", "VARCHAR(20)", "CHAR VARYING(7)",
         "CHARACTER VARYING(300)", "TINYTEXT", "TEXT", "TEXT(70)", "TEXT(70000)", "MEDIUMTEXT",
         "LONGTEXT", "LONG", "LONG VARCHAR", "ENUM('a','b''c','d,e')", "SET('x','y ','z')"]
NATIONAL = ["NCHAR(4)", "NATIONAL CHAR(2)", "NVARCHAR(9)", "NATIONAL VARCHAR(5)",
            "NATIONAL CHARACTER VARYING(8)", "NCHAR VARCHAR(3)"]
OTHERS = ["BIT", "BIT(13)", "BINARY", "BINARY(9)", "VARBINARY(40)", "TINYBLOB", "BLOB", "BLOB(300)",
          "MEDIUMBLOB", "LONGBLOB", "LONG VARBINARY", "DATE", "TIME", "DATETIME", "TIMESTAMP NULL",
          "YEAR", "BOOL", "BOOLEAN", "POINT", "GEOMETRY", "LINESTRING", "MULTIPOLYGON",
          "GEOMETRYCOLLECTION"]
GEOMETRIES = OTHERS[-5:]
FRACTIONS = ["TIME(3)", "DATETIME(6)", "TIMESTAMP(2) NULL", "DATETIME(1)"]
CHARSETS = ["latin1", "utf8mb4", "latin2", "ucs2", "ascii", "utf8", "binary", "koi8r", "sjis"]
COLLATIONS = ["latin1_bin", "utf8mb4_general_ci", "latin2_general_ci", "koi8r_bin", "utf8_bin"]
NAMES = ["a", "b", "c", "d", "Id", "`key`", "`sp ace`", "`ti``ck`", "na$me", "_x", "`1st`",
         "\u017c\u00f3\u0142w", "first_one", "`after`", "comment", "value", "status", "type", "position"]


class Generator:
    """Statements for database g; `tables` maps a name to its columns as the server has them."""

    def __init__(self, seed, kind, for_debezium=False):
        self.random = random.Random(seed)
        self.for_debezium = for_debezium
        self.mariadb = kind.is_mariadb
        self.kind = kind
        self.tables = {}
        self.types = NUMBERS + TEXTS + NATIONAL + OTHERS
        if self.mariadb or kind.at_least(5, 6):
            self.types += FRACTIONS
        if self.mariadb or kind.at_least(5, 7):
            self.types += ["JSON"]
        if self.mariadb and kind.at_least(10, 7):
            self.types += ["UUID"] if for_debezium else [
                "UUID", "INET6", "VARCHAR(30) COMPRESSED", "BLOB COMPRESSED"]
        if not self.mariadb and kind.at_least(9):
            self.types += ["VECTOR(5)", "VECTOR"]
        self.names, self.charsets, self.collations = NAMES, CHARSETS, COLLATIONS
        self.null = ["NULL"]
        if for_debezium:
            self._leave_out_what_debezium_gets_wrong()
        self.renames_columns = kind.at_least(10, 5) if self.mariadb else kind.at_least(8)
        self.has_if_exists = self.mariadb and not for_debezium

    def _leave_out_what_debezium_gets_wrong(self):
        """Where its parser fails, or knows less than the server: nothing can be compared there."""
        self.names = [name for name in NAMES if "``" not in name]
        self.charsets = [name for name in CHARSETS if name != "binary"]
        self.types = [kind.replace("'y '", "'y'") for kind in self.types if kind != "FLOAT4"]
        self.null = [] # as a new default it becomes the text "null"

    # --- small things

    def pick(self, values):
        return self.random.choice(list(values))

    def maybe(self, text, of=2):
        return text if self.random.randrange(of) == 0 else ""

    def new_name(self):
        return self.pick(self.names)

    def quote(self, name):
        return "`" + name.replace("`", "``") + "`" if self.random.random() < 0.8 or not (
            name.isascii() and name.isalnum() and name.isidentifier()) else name

    def column_of(self, table):
        columns = self.tables.get(table)
        return self.quote(self.pick(columns)) if columns else "nope"

    def table(self):
        return self.pick(self.tables) if self.tables else "t0"

    def noise(self, statement):
        """Comments, spaces and letters of either case where they change nothing."""
        words = statement.split(" ")
        inside = False
        for i, word in enumerate(words):
            before = inside
            inside ^= (word.count("'") + word.count("`") + word.count('"')) % 2 == 1
            if before or inside or "'" in word or "`" in word or '"' in word:
                continue
            if word.isupper() and self.random.random() < 0.3:
                words[i] = word.lower()
            if self.random.random() < 0.03:
                words[i] += self.pick([" /* it's */", "\n-- a ' comment\n", "\t", "\n# `\n",
                                       " /*!40000 */", " /*!99999 NO SUCH THING */"])
        return " ".join(words)

    # --- columns

    def default(self, kind):
        word = kind.split("(")[0].split(" ")[0]
        if word in ("BOOL", "BOOLEAN"):
            return self.pick(["TRUE", "FALSE", "0", "1"])
        if kind in NUMBERS:
            return self.pick(["0", "1", "-1", "+7", "'5'", "NULL", "1.0", "TRUE"])
        if word in ("CHAR", "CHARACTER", "VARCHAR", "NCHAR", "NVARCHAR", "NATIONAL"):
            return self.pick(["''", "'x'", "'it''s'", "'b\\\\s'", "\"q\"", "NULL",
                              *(["_utf8'u'"] if not self.for_debezium else [])])
        if word == "ENUM":
            return self.pick(["'a'", "'b''c'", "NULL"])
        if word == "SET":
            return self.pick(["'x'", "''", "'x,z'"])
        if word == "DATE":
            return self.pick(["'2020-01-02'", "NULL"])
        if word == "TIME":
            return self.pick(["'10:11:12'", "NULL"])
        if word in ("DATETIME", "TIMESTAMP"):
            return self.pick(["'2020-01-02 03:04:05'", "NULL"]
                             + (["CURRENT_TIMESTAMP", "NOW()"] if "(" not in kind else []))
        if word == "YEAR":
            return self.pick(["2020", "'1999'"])
        if word == "BIT":
            return self.pick(["b'1'", "0", "NULL"])
        return "NULL"

    def column(self, name=None, not_null=False):
        kind = self.pick(self.types)
        parts = [name or self.new_name(), kind]
        if kind in NUMBERS and not (self.for_debezium and kind in SYNONYMS):
            parts += [self.maybe("UNSIGNED", 3), self.maybe("ZEROFILL", 12)]
        if kind in TEXTS or kind.startswith("SET"):
            more = ["ASCII", "BYTE", "BINARY"] if not self.for_debezium else (
                ["BINARY"] if "VARYING" not in kind else [])
            parts.append(self.pick(["", "", "CHARACTER SET " + self.pick(self.charsets),
                                    "CHARSET " + self.pick(self.charsets), self.collate(), *more]
                                   if not kind.startswith(("ENUM", "SET", "LONG")) else
                                   ["", "CHARACTER SET " + self.pick(self.charsets)]))
        nulls = ["", "", "NOT NULL", "" if self.for_debezium and self.mariadb else "NULL"]
        if not_null:
            nulls, kind = ["NOT NULL"], kind.replace(" NULL", "")
            parts[1] = kind
        attributes = [self.pick(nulls) if "NULL" not in kind else "",
                      self.maybe("COMMENT 'it''s, (a) comment'", 5)
                      if not (self.for_debezium and kind in GEOMETRIES) else "",
                      self.maybe("UNIQUE", 15) if self.may_be_unique(kind) else "",
                      self.maybe("PRIMARY KEY", 12),
                      self.maybe("CHECK (1 > 0)", 15) if self.mariadb else "",
                      self.maybe("COLUMN_FORMAT FIXED", 20) if not self.mariadb else ""]
        if self.random.random() < 0.35:
            attributes.append("DEFAULT " + self.default(kind))
        # With such a default of a geometry ALTER ends with error 1416 after it has changed the columns:
        # the server shows them changed, and its binlog has no event that could tell.
        elif self.mariadb and kind not in GEOMETRIES and self.random.random() < 0.1:
            attributes.append("DEFAULT " + self.pick(["(1 + 2)", "(concat('a', ')'))", "uuid()"]))
        elif not self.mariadb and self.kind.at_least(8, 0, 13) and self.random.random() < 0.1:
            attributes.append("DEFAULT (" + self.pick(["1 + 2", "concat('a', ')')", "uuid()"]) + ")")
        if self.mariadb and self.kind.at_least(10, 3) and self.random.random() < 0.05:
            attributes.append("INVISIBLE")
        if self.for_debezium and "PRIMARY KEY" in attributes and "NULL" in attributes:
            attributes.remove("NULL")
        self.random.shuffle(attributes)
        return " ".join(part for part in parts + attributes if part)

    def may_be_unique(self, kind):
        """MariaDB's hidden columns of unique keys over long texts stop its connector."""
        return kind in NUMBERS or not (self.for_debezium and self.mariadb)

    def collate(self):
        alone_is_lost = self.for_debezium and self.mariadb
        return "" if alone_is_lost else "COLLATE " + self.pick(self.collations)

    def generated(self, of):
        return (f"{self.new_name()} INT {self.maybe('GENERATED ALWAYS ')}AS ({of} IS NULL) "
                + self.pick(["", "VIRTUAL", "PERSISTENT" if self.mariadb else "STORED"]))

    def key(self, columns):
        some = self.random.sample(columns, min(len(columns), self.random.randrange(1, 3)))
        parts = ", ".join(name + self.pick(["", "", " ASC", " DESC", "(3)"]) for name in some)
        if not self.may_be_unique(None):
            return f"{self.pick(['PRIMARY KEY', 'KEY', 'INDEX'])} ({parts})"
        head = self.pick(["PRIMARY KEY", "UNIQUE", "UNIQUE KEY", "KEY", "INDEX", "UNIQUE INDEX u1",
                          "CONSTRAINT c1 UNIQUE", "CONSTRAINT PRIMARY KEY", "KEY `k 1`"])
        return f"{head} ({parts})" + self.maybe(" USING BTREE", 8)

    def options(self, is_new=True):
        # Of an old table Debezium overlooks it: it reads the texts of later columns wrongly.
        text = [*([self.pick(["", "DEFAULT "]) + "CHARSET=" + self.pick(self.charsets)]
                  if is_new or not self.for_debezium else []),
                *(["COLLATE " + self.pick(self.collations)] if not self.for_debezium else []),
                "COMMENT='t, (x'", "ENGINE=InnoDB",
                "AUTO_INCREMENT=5", "ROW_FORMAT=DYNAMIC", "STATS_PERSISTENT=0"]
        return " ".join(self.random.sample(text, self.random.randrange(0, 3)))

    # --- statements

    def create(self):
        name = f"t{self.random.randrange(6)}"
        columns = self.random.sample(self.names, self.random.randrange(1, 7))
        elements = [self.column(column) for column in columns]
        if self.random.random() < 0.1 and (self.mariadb or self.kind.at_least(5, 7)):
            elements.append(self.generated(columns[0]))
        elements += [self.key(columns) for _ in range(self.random.randrange(0, 3))]
        head = "CREATE OR REPLACE TABLE" if (
            self.mariadb and not self.for_debezium and self.random.random() < 0.3) else (
            "CREATE TABLE " + self.maybe("IF NOT EXISTS", 3))
        return f"{head} {self.maybe('g.')}{name} ({', '.join(elements)}) {self.options()}"

    def action(self, table):
        exists = self.maybe("IF EXISTS ", 3) if self.has_if_exists else ""
        absent = self.maybe("IF NOT EXISTS ", 3) if self.has_if_exists else ""
        old = self.column_of(table)
        place = self.pick(["", "", "FIRST", "AFTER " + self.column_of(table)])
        word = self.maybe("COLUMN ")
        # Of a column of the primary key, which the connector takes for nullable where that is unsaid.
        keeps = self.for_debezium and self.mariadb
        changed, modified = self.column(None, keeps), self.column(old, keeps)
        actions = [
            f"ADD {word}{absent}{self.column()} {place}",
            f"ADD {word}{absent}{self.column()}",
            *([f"ADD {word}({self.column()}, {self.column()})"] if not self.for_debezium else []),
            f"DROP {word}{exists}{old}",
            f"CHANGE {word}{exists}{old} {changed} {place}",
            f"MODIFY {word}{exists}{modified} {place}",
            f"ALTER {word}{old} SET DEFAULT {self.pick(['1', chr(39) + 'x' + chr(39), *self.null])}",
            f"ALTER {word}{old} DROP DEFAULT",
            f"ADD {self.key([old])}",
            "DROP PRIMARY KEY", f"DROP INDEX {old}", "DROP KEY u1",
            f"CONVERT TO CHARACTER SET {self.pick(self.charsets)}", self.options(False) or "FORCE",
            *([f"DEFAULT CHARACTER SET = {self.pick(self.charsets)}"] if not self.for_debezium else []),
            f"ORDER BY {old}",
            f"RENAME {self.pick(['TO ', 'AS ', ''])}t{self.random.randrange(6)}",
        ]
        if self.renames_columns:
            actions += [f"RENAME COLUMN {old} TO {self.new_name()}"] * 2
        return self.pick(actions)

    def alter(self):
        table = self.table()
        # Debezium's MariaDB connector mixes up the columns of several actions.
        counts = [1] if self.for_debezium and self.mariadb else [1, 1, 1, 2, 3]
        actions = [self.action(table) for _ in range(self.pick(counts))]
        # Beside CONVERT TO, MySQL sizes a BLOB by what the column was before: only TABLE_MAP tells.
        if not self.mariadb and any(" BLOB" in action.upper() for action in actions):
            actions = [a for a in actions if not a.startswith("CONVERT TO")]
        return f"ALTER {self.maybe('IGNORE ', 9) if self.mariadb else ''}TABLE {table} " + ", ".join(
            actions)

    def other(self):
        table, name = self.table(), f"t{self.random.randrange(6)}"
        return self.pick([
            f"DROP TABLE IF EXISTS {name}", f"DROP TABLE {table}, {name}",
            f"RENAME TABLE {table} TO {name}", f"RENAME TABLE {table} TO x9, {name} TO {table}, x9 TO {name}",
            f"CREATE TABLE {name} LIKE {table}",
            f"CREATE TABLE {'IF NOT EXISTS ' if not self.for_debezium else ''}{name} (LIKE {table})",
            f"CREATE TABLE {name} AS SELECT * FROM {table}",
            f"CREATE TABLE {name} (zz INT, KEY (zz)) SELECT * FROM {table}",
            f"CREATE {'UNIQUE' if self.may_be_unique(None) else ''} INDEX i1 ON {table} "
            f"({self.column_of(table)})",
            f"CREATE INDEX i2 USING BTREE ON {table} ({self.column_of(table)})",
            f"DROP INDEX i1 ON {table}", f"TRUNCATE TABLE {table}",
            f"ALTER DATABASE g CHARACTER SET {self.pick(self.charsets[:6])}",
            *([f"ALTER DATABASE COLLATE = {self.pick(self.collations)}"] if not self.for_debezium
              else []), f"ANALYZE TABLE {table}",
            f"CREATE OR REPLACE VIEW v1 AS SELECT * FROM {table}", "DROP VIEW IF EXISTS v1",
            f"ALTER TABLE {table} COMMENT = 'no, ('",
        ])

    def statement(self):
        make = self.random.choices([self.create, self.alter, self.other],
                                   [3 if len(self.tables) > 2 else 9, 6, 2])[0]
        statement = make()
        # The connector knows by the first words, comments included, what it may leave alone.
        return statement if statement.startswith("ANALYZE") else self.noise(statement)
