"""python-mysql-replication as a consumer: prints the journal's numbers of each whole transaction.

usage: python_replication.py HOST PORT USER PASSWORD FAMILY WAY START, with its library on PYTHONPATH.
WAY is file or gtid, START a file or a GTID set. When the connection breaks it begins again behind the
last whole transaction; by GTID the library itself does so from where it first began, so that what is
known comes again, at every server, and is left out here. Ends when the journal's row 0 is deleted.
"""

import sys
import time

import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.event import GtidEvent, MariadbGtidEvent, XidEvent
from pymysqlreplication.row_event import DeleteRowsEvent, WriteRowsEvent

host, port, user, password, family, way, start = sys.argv[1:]
EVENTS = [GtidEvent, MariadbGtidEvent, XidEvent, WriteRowsEvent, DeleteRowsEvent]


def stream(place):
    settings = {"host": host, "port": int(port), "user": user, "passwd": password}
    return BinLogStreamReader(connection_settings=settings, server_id=4321, blocking=True,
                              only_events=EVENTS, only_tables=["journal"], **place)


def begin():
    if way == "file":
        return {"log_file": start, "log_pos": 4, "resume_stream": True}
    return {"auto_position": start}


def numbers(event):
    return [next(iter(row["values"].values())) for row in event.rows]


def consume(reader, place, executed):
    """Until the connection ends: False, or the mark came: True. Moves `place` at each commit."""
    waiting, gtid = [], None
    for event in reader:
        if isinstance(event, (GtidEvent, MariadbGtidEvent)):
            gtid = event.gtid
        elif isinstance(event, WriteRowsEvent):
            waiting += numbers(event)
        elif isinstance(event, DeleteRowsEvent):
            if 0 in numbers(event):
                return True
        else:
            if way == "file" or gtid not in executed:
                print("\n".join(map(str, waiting)), flush=True)
            waiting = []
            if way == "file":
                place.update(log_file=reader.log_file, log_pos=reader.log_pos)
            else:
                executed.add(gtid)
                last = max(int(known.rpartition(":")[2]) for known in executed)
                place["auto_position"] = f"{start.partition(':')[0]}:1-{last}"
    return False


def main():
    place, executed = begin(), set()
    while True:
        reader = None
        try:
            reader = stream(place)
            if consume(reader, place, executed):
                return
        except (pymysql.err.Error, OSError) as broken:
            print(f"again: {broken}", file=sys.stderr)
            time.sleep(0.1)
        finally:
            if reader is not None:
                reader.close()


main()
