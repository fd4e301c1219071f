"""Clients that can't be had here, by what they say: the relay answers as the source does, and streams alike."""

import struct

import pymysql

from lib.errors import Failure
from lib.marks import each
from lib.servers import DEBEZIUM

COM_REGISTER, COM_DUMP = 0x15, 0x12
OWN = ("server_id", b"server_id")
EVENTS = 60

# What each says before its dump, in its own spelling; names are those of the sessions it opens.
CANAL = ("set wait_timeout=9999999", "set net_write_timeout=1800", "set net_read_timeout=1800",
         "set names 'binary'", "set @master_binlog_checksum= @@global.binlog_checksum",
         "set @slave_uuid=uuid()", "SET @mariadb_slave_capability='4'",
         "SET @master_heartbeat_period=15000000000", "select @@global.binlog_checksum",
         "show variables like 'binlog_format'", "show variables like 'binlog_row_image'",
         "show variables like 'server_id'", "show binlog events limit 1", "show master status")
GO_CANAL = ("SHOW GLOBAL VARIABLES LIKE 'binlog_format';", "SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'",
            "SET @master_binlog_checksum='NONE', @source_binlog_checksum='NONE'",
            "SET @mariadb_slave_capability=4",
            "SET @master_heartbeat_period = 60000000000, @source_heartbeat_period = 60000000000",
            "SET @slave_uuid = '5a1b7c1e-0000-4000-8000-000000000001',"
            " @replica_uuid = '5a1b7c1e-0000-4000-8000-000000000001'")
MAXWELL = ("SHOW VARIABLES LIKE 'log_bin'", "SHOW VARIABLES LIKE 'binlog_format'",
           "SHOW VARIABLES LIKE 'binlog_row_image'", "SHOW VARIABLES LIKE 'lower_case_table_names'",
           "SELECT @@server_id as server_id", "SHOW MASTER STATUS",
           "show global variables like 'binlog_checksum'",
           "set @master_binlog_checksum= @@global.binlog_checksum", "select @@server_id",
           "set @master_heartbeat_period=48000000000", "SET @mariadb_slave_capability=4")
# (statements, whether it registers, flags of its dump)
CLIENTS = {"canal": (CANAL, True, 2), "go-canal": (GO_CANAL, True, 0), "maxwell": (MAXWELL, False, 0)}


def connect(server):
    return pymysql.connect(host=server.host, port=server.port, user=DEBEZIUM[0],
                           password=DEBEZIUM[1], charset="utf8mb4")


def answer(connection, statement):
    """Names and types of the columns, and the rows; or the number of the error."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except pymysql.err.MySQLError as error:
            return error.args[0]
        columns = [column[:2] for column in cursor.description or ()]
        return columns, without_own_id(columns, cursor.fetchall())


def without_own_id(columns, rows):
    """The relay is a server of its own, with an id of its own."""
    names = [name.lower() for name, _ in columns]
    return [tuple("id" if "server_id" in name or (at == 1 and row[0] in OWN) else value
                  for at, (name, value) in enumerate(zip(names, row))) for row in rows]


def dump(connection, registers, flags, file):
    """The first stored events of a stream from the head of `file`, without what servers make up."""
    if registers:
        body = struct.pack("<I", 777) + b"\0\0\0" + struct.pack("<HII", 0, 0, 0)
        connection._execute_command(COM_REGISTER, body)
        connection._read_packet()
    connection._execute_command(COM_DUMP, struct.pack("<IHI", 4, flags, 777) + file.encode())
    events = []
    while len(events) < EVENTS:
        event = connection._read_packet().get_all_data()[1:]
        if not struct.unpack_from("<H", event, 17)[0] & 0x20 and event[4] not in (27, 41):
            events.append(event)
    return events


@each(*(f"{client} {kind}" for client in CLIENTS for kind in ("mysql57", "mariadb10")))
def test_what_a_client_asks_is_answered_as_by_the_source(scene, case):
    """Each statement alike, and then the same events."""
    client, kind = case.split()
    statements, registers, flags = CLIENTS[client]
    source = scene.server(kind)
    relay = scene.relay(source)
    source.sql("CREATE DATABASE h; CREATE TABLE h.t (id INT PRIMARY KEY)")
    for number in range(EVENTS):
        source.sql("INSERT INTO h.t VALUES (%s)", (number,))
    relay.wait_caught_up(source)
    streams = []
    for server in (source, relay):
        connection = connect(server)
        answers = [answer(connection, statement) for statement in statements]
        file = source.binlogs()[0].name
        streams.append((answers, dump(connection, registers, flags, file)))
        connection._force_close()
    for statement, direct, relayed in zip(statements, streams[0][0], streams[1][0]):
        if direct != relayed:
            raise Failure(f"{statement}: {direct} from the source, {relayed} from the relay")
    if streams[0][1] != streams[1][1]:
        raise Failure("the events differ")
