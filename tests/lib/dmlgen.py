"""Random row changes for the tables that a server has: values of every type, at their edges too."""

import json
import re

BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
LETTERS = {"latin1": "aZ\u00e9\u00df\u20ac", "latin2": "a\u017c\u00f3\u0142", "koi8r": "a\u0436\u042f",
           "sjis": "a\u65e5\u672c", "ascii": "abc", "utf8": "\u00e9\u6f22", "utf8mb3": "\u00e9\u6f22",
           "ucs2": "\u00e9\u6f22", "binary": "ab"}
ANY = "aZ09 '\"\\\n\t\r\0\x1a\x7f%_/<&\u00e9\u017c\u6f22\U0001f422\u2028"
REALS = ["0", "1", "-1", "1.5", "0.1", "-0.001", "1e10", "1e-5", "123456.789", "3.4e38", "1e-7", "100",
         "16777217", "9999999", "10000000", "0.001", "2e-3", "1e21", "-12345.67", "3.14159265358979"]
DATES = ["1970-01-01", "2024-02-29", "1000-01-01", "9999-12-31", "0000-00-00", "2024-00-15",
         "2024-05-00", "1582-10-10", "1969-12-31", "0001-01-01", "2038-01-19", "1900-02-28"]
CLOCKS = ["00:00:00", "23:59:59.999999", "12:34:56.7", "01:02:03.000001", "09:08:07.654321"]
TIMES = ["838:59:59", "-838:59:59", "24:00:00", "-00:00:00.000001", "-01:02:03.5", "100:00:00.25",
         *CLOCKS]
SHAPES = {
    "point": ["POINT(1 2)", "POINT(-1.5 2.25)", "POINT(0 0)"],
    "linestring": ["LINESTRING(0 0,1 1,2 0.5)"],
    "polygon": ["POLYGON((0 0,1 0,1 1,0 0))"],
    "multipoint": ["MULTIPOINT(0 0,1 1)"],
    "multilinestring": ["MULTILINESTRING((0 0,1 1),(2 2,3 3))"],
    "multipolygon": ["MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"],
    "geometrycollection": ["GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))"],
}
SHAPES["geomcollection"] = SHAPES["geometrycollection"]
SHAPES["geometry"] = [shape for shapes in SHAPES.values() for shape in shapes]
DOCUMENTS = ["JSON_OBJECT('d', CAST('2024-01-02' AS DATE), 't', CAST('03:04:05.6' AS TIME(1)))",
             "JSON_ARRAY(CAST('2024-01-02 03:04:05.678' AS DATETIME(3)), CAST('-12.340' AS DECIMAL(10,3)))",
             "JSON_OBJECT('b', CAST('ab' AS BINARY), 'y', CAST(7 AS UNSIGNED))"]


def text_literal(text):
    escaped = (text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
               .replace("\x1a", "\\Z"))
    return f"'{escaped}'"


def name(text):
    return "`" + text.replace("`", "``") + "`"


class Column:
    """A row of SHOW FULL COLUMNS. (Some MariaDB servers die of such a SELECT of information_schema.)"""

    def __init__(self, row):
        self.name, self.full, collation, *_ = row
        extra = row[6].upper().replace("DEFAULT_GENERATED", "")
        self.type = re.match(r"\w+", self.full).group().lower()
        self.charset = collation.partition("_")[0] if collation else None
        self.is_generated = "GENERATED" in extra
        self.is_unsigned = "unsigned" in self.full

    def numbers(self):
        inside = self.full[self.full.find("(") + 1:self.full.find(")")]
        return [int(n) for n in inside.split(",")] if "(" in self.full else []


class Changes:
    """Statements of one session in database g; the same seed and tables give the same ones."""

    def __init__(self, random, kind, with_pairs=True):
        self.random = random
        self.any = ANY if with_pairs else ANY.replace("\U0001f422", "")
        self.mariadb = kind.is_mariadb
        self.tables = {}

    def look(self, connection):
        """Asks what tables there are."""
        self.tables = {}
        with connection.cursor() as cursor:
            cursor.execute("SHOW FULL TABLES FROM g WHERE table_type = 'BASE TABLE'")
            for table, *_ in cursor.fetchall():
                cursor.execute(f"SHOW FULL COLUMNS FROM g.{name(table)}")
                self.tables[table] = [Column(row) for row in cursor.fetchall()]

    def pick(self, values):
        return self.random.choice(values)

    # --- values

    def value(self, column):
        chance = self.random.random()
        if chance < 0.1:
            return "NULL"
        if chance < 0.15:
            return "DEFAULT"
        return self._make(column)

    def _make(self, column):
        kind = column.type
        if kind in BITS:
            return self._whole(BITS[kind], column.is_unsigned)
        if kind == "decimal":
            return self._decimal(*column.numbers())
        if kind in ("float", "double"):
            return self.pick([*REALS, repr(self.random.uniform(-1e6, 1e6))])
        if kind == "bit":
            return f"b'{self.random.getrandbits(column.numbers()[0]):b}'"
        if kind in ("date", "datetime", "timestamp"):
            return self._moment(kind)
        if kind == "time":
            return f"'{self.pick(TIMES)}'"
        if kind == "year":
            return self.pick(["0", "1901", "2155", "1999", "'70'", "'69'"])
        if kind in ("enum", "set"):
            return str(self.random.randrange(0 if kind == "set" else 1, 4))
        if kind in SHAPES:
            return f"ST_GeomFromText('{self.pick(SHAPES[kind])}')"
        if kind == "json":
            return self._document()
        return self._bytes_or_text(column)

    def _bytes_or_text(self, column):
        kind = column.type
        if kind == "vector":
            some = [round(self.random.uniform(-9, 9), 2) for _ in range(column.numbers()[0] % 50)]
            return f"{'VEC_FromText' if self.mariadb else 'TO_VECTOR'}('{json.dumps(some)}')"
        if kind == "uuid":
            return f"'{self.random.getrandbits(128):032x}'"
        if kind in ("inet6", "inet4"):
            return "'10.1.2.3'" if kind == "inet4" else self.pick(["'::1'", "'2001:db8::ff00:42:8329'"])
        if kind.endswith(("blob", "binary")):
            count = self.pick([0, 1, 2, 5, 20])
            return f"x'{bytes(self.random.randrange(256) for _ in range(count)).hex()}'"
        letters = LETTERS.get(column.charset, self.any)
        text = "".join(self.random.choices(letters, k=self.pick([0, 1, 2, 5, 9, 30])))
        return text_literal(text)

    def _whole(self, bits, unsigned):
        low, high = (0, 2 ** bits - 1) if unsigned else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)
        return str(self.pick([low, high, 0, 1, high // 2 + 1, low + 1,
                              self.random.randrange(low, high)]))

    def _decimal(self, digits, scale):
        if self.random.random() < 0.2:
            return self.pick(["0", "-0.01", "1e40", "-1e40"])
        number = self.random.randrange(10 ** self.random.randrange(1, digits + 1))
        text = f"{number:0{scale + 1}d}"
        text = f"{text[:-scale]}.{text[-scale:]}" if scale else text
        return self.pick(["", "-"]) + text

    def _moment(self, kind):
        date = self.pick(DATES)
        if kind == "timestamp":
            date = self.pick(["1970-01-02", "2024-02-29", "2038-01-18", "0000-00-00"])
        return f"'{date}'" if kind == "date" else f"'{date} {self.pick(CLOCKS)}'"

    def _document(self):
        if not self.mariadb and self.random.random() < 0.2:
            return self.pick(DOCUMENTS)
        return text_literal(json.dumps(self._json(3), ensure_ascii=self.random.random() < 0.5))

    def _json(self, depth):
        choice = self.random.randrange(10 if depth else 7)
        if choice < 7:
            text = "".join(self.random.choices(self.any, k=self.random.randrange(9)))
            return [None, True, False, text, self.random.randrange(-2 ** 63, 2 ** 63),
                    self.random.choice([0.0, 1.5, -0.1, 1e100, 1e-7, 12345678.25, 3.0]),
                    self.random.randrange(300)][choice]
        many = self.pick([0, 1, 2, 4, 40])
        if choice == 7:
            return [self._json(depth - 1) for _ in range(many)]
        return {f"k{self.random.randrange(1000)}": self._json(depth - 1) for _ in range(many)}

    # --- statements

    def statement(self):
        """One, or None where no table takes rows."""
        table = self.pick(sorted(self.tables)) if self.tables else None
        columns = [c for c in self.tables.get(table, []) if not c.is_generated]
        if not columns:
            return None
        make = self.random.choices([self._insert, self._update, self._delete], [5, 4, 1.5])[0]
        return make(f"g.{name(table)}", columns)

    def _insert(self, table, columns):
        some = [c for c in columns if self.random.random() < 0.85] or columns[:1]
        rows = ", ".join("(" + ", ".join(self.value(c) for c in some) + ")"
                         for _ in range(self.pick([1, 1, 1, 2, 3, 8])))
        head = self.pick(["INSERT INTO", "INSERT IGNORE INTO", "REPLACE INTO"])
        return f"{head} {table} ({', '.join(name(c.name) for c in some)}) VALUES {rows}"

    def _update(self, table, columns):
        some = self.random.sample(columns, self.random.randrange(1, min(len(columns), 4) + 1))
        sets = ", ".join(f"{name(c.name)} = {self.value(c)}" for c in some)
        return f"UPDATE IGNORE {table} SET {sets} LIMIT {self.pick([1, 1, 3, 10])}"

    def _delete(self, table, columns):
        return f"DELETE FROM {table} LIMIT {self.pick([1, 1, 2, 20])}"
