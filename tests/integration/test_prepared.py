"""Statements that the relay answers itself can be prepared, and are answered in the binary form."""

import pymysql
from pymysql.constants import COMMAND

from lib.marks import each
from lib.servers import DEBEZIUM

KINDS = ("mysql97", "mysql80", "mysql57", "mysql56", "mysql55", "mariadb10", "mariadb11", "mariadb102")
NO_INDEX_USED = 0x20  # what a server notes of the tables behind a SHOW
TYPES = {int: b"\x08\x00", str: b"\xfd\x00", type(None): b"\x06\x00"}

# Each with the values of its executions. The same packets as the source's, errors too.
SAME = (
    ("SHOW BINARY LOGS", ()),
    ("SHOW MASTER STATUS", ()),
    ("SHOW BINARY LOG STATUS", ()),
    ("SHOW BINLOG EVENTS LIMIT ?", (2,), (1,)),
    ("SHOW BINLOG EVENTS IN 'binlog.000001' LIMIT 1, ?", (2,)),
    ("SHOW BINLOG EVENTS IN ?",),
    ("SHOW VARIABLES LIKE ?",),
    ("SHOW VARIABLES LIKE 'binlog_format'", ()),
    ("SHOW VARIABLES WHERE Variable_name IN ('version', 'log_bin')", ()),
    ("SELECT @@binlog_checksum, @@log_bin, @@version, NULL, 'text', 12, 1.5", ()),
    ("SELECT @@no_such_variable",),
    ("SELECT @@gtid_mode AS m", ()),
    ("SELECT 1 AS one LIMIT ?", (1,), (0,)),
    ("SET @a = 5", ()),
    ("SELECT @a", ()),
    ("SET autocommit = 0", ()),
    ("SET autocommit = 1", ()),
    ("KILL 999999", ()),
    ("COMMIT", ()),
    ("DO 1", ()),
    ("USE g",),
    ("UNLOCK TABLES",),
    ("SHOW WARNINGS",),
    ("SHOW NONSENSE OF NOBODY",),
)
# Where servers differ in how they describe a parameter, what matters is the values.
VALUES = (
    ("SHOW BINLOG EVENTS IN 'no such file'", ()),
    ("SELECT GTID_SUBSET(?, ?)", ("", "f718ee6f-e587-11f1-ae02-02fc00000001:1-4")),
    ("SELECT GTID_SUBTRACT(?, ?)", ("f718ee6f-e587-11f1-ae02-02fc00000001:1-9",
                                    "f718ee6f-e587-11f1-ae02-02fc00000001:1-4")),
    ("SELECT CONCAT(?, ?), ?", ("a", "b", 7), ("c", "d", -1), ("e", None, 0)),
    ("SET @b = ?", ("kept",)),
    ("SELECT @b", ()),
)


class Talk:
    """Packets of prepared statements, without a driver's own ideas."""

    def __init__(self, actor):
        self.connection = pymysql.connect(host=actor.host, port=actor.port, user=DEBEZIUM[0],
                                          password=DEBEZIUM[1], charset="utf8mb4")

    def packet(self):
        header = self.connection._read_bytes(4)
        assert header[3] == self.connection._next_seq_id, header
        self.connection._next_seq_id = (header[3] + 1) % 256
        return bytes(self.connection._read_bytes(int.from_bytes(header[:3], "little")))

    def send(self, command, payload):
        self.connection._execute_command(command, payload)

    def up_to_eof(self):
        packets = []
        while not packets or packets[-1][0] != 0xfe or len(packets[-1]) > 8:
            packets.append(self.packet())
            if packets[-1][0] == 0xff:
                return packets
        end = packets[-1]
        packets[-1] = end[:3] + bytes([end[3] & ~NO_INDEX_USED]) + end[4:]
        return packets

    def prepare(self, statement):
        """(handle, what it is made of) or (None, the error)."""
        self.send(COMMAND.COM_STMT_PREPARE, statement.encode())
        head = self.packet()
        if head[0] == 0xff:
            return None, head
        columns, parameters = (int.from_bytes(head[at:at + 2], "little") for at in (5, 7))
        definitions = [self.up_to_eof() for count in (parameters, columns) if count]
        return head[1:5], (columns, parameters, definitions[-1] if columns else None)

    def execute(self, handle, values, cursor=b"\0"):
        nulls = sum(1 << i for i, value in enumerate(values) if value is None)
        payload = handle + cursor + b"\x01\0\0\0"
        if values:
            payload += nulls.to_bytes((len(values) + 7) // 8, "little") + b"\x01"
            payload += b"".join(TYPES[type(value)] for value in values)
            for value in values:
                if isinstance(value, int):
                    payload += value.to_bytes(8, "little", signed=True)
                elif value is not None:
                    payload += bytes([len(value)]) + value.encode()
        self.send(COMMAND.COM_STMT_EXECUTE, payload)
        first = self.packet()
        if first[0] in (0x00, 0xff):
            return [first]
        return [first, *self.up_to_eof(), *self.up_to_eof()]


def told(talk, statement, *executions):
    handle, definition = talk.prepare(statement)
    return definition, [talk.execute(handle, values) for values in executions if handle]


def is_here(talk):
    """The relay's own are numbered far above a source's."""
    return int.from_bytes(talk.prepare("SHOW BINARY LOGS")[0], "little") > 0x40000000


@each(*KINDS)
def test_prepared_answers_are_the_sources_own_bytes(scene, kind):
    """Definitions, rows in the binary form, errors: packet for packet as the source answers."""
    source = scene.server(kind)
    source.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY); INSERT INTO g.t VALUES (1)")
    relay = scene.relay(source, settings={
        "source a": {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}})
    relay.wait_caught_up(source)
    theirs, ours = Talk(source), Talk(relay)
    wrong = []
    for statement, *executions in SAME:
        wanted, got = told(theirs, statement, *executions), told(ours, statement, *executions)
        if wanted != got:
            wrong.append(f"{statement}\n  source {wanted}\n  relay  {got}")
    for statement, *executions in VALUES:
        wanted, got = told(theirs, statement, *executions), told(ours, statement, *executions)
        rows = [[packets[-2:] if packets[-1][0] == 0xfe else packets[-1] for packets in side[1]]
                for side in (wanted, got)]
        if rows[0] != rows[1]:
            wrong.append(f"{statement}\n  source {wanted}\n  relay  {got}")
    assert is_here(ours)
    assert not wrong, "\n".join(wrong)


@each("mysql97", "mariadb10")
def test_a_prepared_position_is_the_relays(scene, kind):
    """Cursors asked for, long data, closing; beside statements of the source, and inside its lock."""
    source = scene.server(kind)
    source.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY)")
    relay = scene.relay(source, settings={
        "source a": {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}})
    relay.wait_caught_up(source)
    talk = Talk(relay)
    status = "SHOW MASTER STATUS" if source.kind.is_mariadb else "SHOW BINARY LOG STATUS"
    position = talk.prepare(status)[0]
    length = talk.prepare("SELECT CONCAT(?, 'x')")[0]
    talk.connection.query("FLUSH TABLES WITH READ LOCK")
    file, offset = source.position()
    row = talk.execute(position, (), cursor=b"\x01")[-2]
    assert file.encode() in row and offset.to_bytes(8, "little") in row, row
    talk.connection.query("UNLOCK TABLES")
    talk.send(COMMAND.COM_STMT_SEND_LONG_DATA, length + b"\0\0" + b"a" * 1000)
    talk.send(COMMAND.COM_STMT_SEND_LONG_DATA, length + b"\0\0" + b"b" * 1000)
    talk.send(COMMAND.COM_STMT_EXECUTE, length + b"\0\x01\0\0\0\x00\x01\xfc\x00")
    packets = [talk.packet(), *talk.up_to_eof(), *talk.up_to_eof()]
    assert packets[-2].endswith(b"a" * 1000 + b"b" * 1000 + b"x"), packets
    talk.send(COMMAND.COM_STMT_CLOSE, position)
    assert talk.execute(position, ())[0][:3] == b"\xff\xdb\x04"  # 1243
    # A source's own statement on the same connection.
    theirs = talk.prepare("SELECT COUNT(*) FROM g.t")[0]
    assert int.from_bytes(theirs, "little") < 0x40000000
    assert talk.execute(theirs, ())[-2] == b"\0\0" + bytes(8)
