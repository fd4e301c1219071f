"""The functions that wait for transactions wait for what the relay has published."""

import threading

import pymysql

from lib import wait
from lib.marks import each, limit




class Asking:
    """One statement in a thread of its own, on a connection of its own."""

    def __init__(self, relay, statement):
        self.connection = relay.connect()
        self.id = self.connection.thread_id()
        self.answer = None
        self._thread = threading.Thread(target=self._ask, args=(statement,))
        self._thread.start()

    def _ask(self, statement):
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(statement)
                self.answer = cursor.fetchone()[0]
            except pymysql.err.MySQLError as error:
                self.answer = error.args

    def result(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.connection.close()
        return self.answer


def place_and_gtids(source):
    file, offset = source.position()
    return f"'{file}', {offset}", source.gtids()


def later(source, gtids):
    """What a transaction more makes of the GTIDs."""
    if source.kind.is_mariadb:
        domain, server, number = gtids.split("-")
        return f"{domain}-{server}-{int(number) + 1}"
    uuid, numbers = gtids.split(":")
    return f"{uuid}:{int(numbers.split('-')[-1]) + 1}"


def states(relay):
    return {s["id"]: s["state"] for s in relay.status()["sessions"]}


def waits(relay, asking):
    wait.until(lambda: "to be published" in states(relay).get(asking.id, ""), 20,
               lambda: f"the statement to wait: {relay.status()['sessions']}")


@limit(120)
@each("mysql97", "mysql57", "mariadb10")
def test_a_wait_ends_when_the_relay_has_published(scene, kind):
    """By GTID and by place: there at once, woken by a commit, its time over, KILL QUERY."""
    source = scene.server(kind)
    source.sql("CREATE DATABASE w; CREATE TABLE w.t (id INT PRIMARY KEY)")
    relay = scene.relay(source)
    relay.wait_caught_up(source)
    mariadb = source.kind.is_mariadb
    by_gtid = "MASTER_GTID_WAIT" if mariadb else "WAIT_FOR_EXECUTED_GTID_SET"
    by_place = "MASTER_POS_WAIT" if kind != "mysql97" else "SOURCE_POS_WAIT"
    late = -1 if mariadb else 1
    place, gtids = place_and_gtids(source)
    file, offset = source.position()
    after = later(source, gtids)

    assert relay.sql(f"SELECT {by_gtid}('{gtids}', 1)")[0][0] == 0
    assert relay.sql(f"SELECT {by_place}({place}, 1)")[0][0] == 0
    assert relay.sql(f"SELECT {by_place}('{file}', {offset + 1}, 1)")[0][0] == -1
    assert relay.sql(f"SELECT {by_place}('other.000001', 4, 1)")[0][0] is None
    assert relay.sql(f"SELECT {by_gtid}('{after}', 1)")[0][0] == late

    killed = Asking(relay, f"SELECT {by_gtid}('{after}')")
    waits(relay, killed)
    gone = Asking(relay, f"SELECT {by_gtid}('{after}')")
    waits(relay, gone)
    first = Asking(relay, f"SELECT {by_gtid}('{after}')")
    second = Asking(relay, f"SELECT {by_place}('{file}', {offset + 1}, 600)")
    waits(relay, first)
    waits(relay, second)
    relay.sql(f"KILL QUERY {killed.id}")
    assert killed.result()[0] == 1317
    relay.sql(f"KILL {gone.id}")
    assert gone.result()[0] == 2013
    assert first.answer is None and second.answer is None
    source.sql("INSERT INTO w.t VALUES (1)")
    assert first.result() == 0
    assert second.result() >= 1
