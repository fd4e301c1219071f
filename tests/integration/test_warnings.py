"""Settings of the source that will hurt are told at attach, each with its cure; and nobody needs more
rights than the documented ones."""

import re
import time

from lib import wait
from lib.marks import each

KINDS = each("mysql97", "mysql57", "mariadb10")
RIGHTS = ("REPLICATION SLAVE ON *.*", "REPLICATION CLIENT ON *.*")


def warnings(relay):
    return relay.status()["source"]["warnings"]


def cure(warning):
    """The statement that the sentence gives."""
    return re.search(r"run there: (.*?)(, and let .*)?$", warning).group(1)


@KINDS
def test_settings_that_hurt_are_told_with_their_cure(scene, kind):
    """Each is in the log once and in the status; the cures are run as they stand, and all is well."""
    options = {"binlog_format": "STATEMENT", "binlog_checksum": "NONE", "binlog_row_image": "MINIMAL"}
    if kind == "mysql57":
        options |= {"expire_logs_days": 0}
    elif kind == "mariadb10":
        options |= {"expire_logs_days": 0.5}
    else:
        options |= {"binlog_expire_logs_seconds": 3600}
    source = scene.server(kind, **options)
    relay = scene.relay(source, publish="w")
    told = warnings(relay)
    for name in ("binlog_format is STATEMENT", "binlog_checksum is NONE",
                 "binlog_row_image is MINIMAL"):
        assert any(name in warning for warning in told), (name, told)
    if kind != "mysql57":
        assert any("binlog_row_metadata is" in warning for warning in told), told
        assert any("keeps binlogs for" in warning for warning in told), told
    assert all(warning in relay.cli("status") for warning in told)

    # Not said again at the next attach.
    reconnects = relay.status()["source"]["reconnects"]
    kill_dump(source)
    relay.wait_status(lambda status: status["source"]["reconnects"] > reconnects)
    time.sleep(0.5)
    for warning in told:
        assert relay.log_text().count(warning) == 1, (warning, relay.log_text())

    for warning in told:
        source.sql(cure(warning))
    kill_dump(source)
    wait.until(lambda: not warnings(relay), 20, lambda: f"no warning, there are {warnings(relay)}")


def kill_dump(source):
    for (number,) in source.sql("SELECT id FROM information_schema.processlist"
                                " WHERE command LIKE 'Binlog Dump%'"):
        source.sql(f"KILL {number}")


@KINDS
def test_good_settings_are_not_warned_of(scene, kind):
    """What a careful person sets; and without a publisher, the defaults of row metadata."""
    source = scene.server(kind)
    relay = scene.relay(source)
    expected = [] if source.variable("binlog_checksum") == "CRC32" else ["binlog_checksum"]
    assert len(warnings(relay)) == len(expected), warnings(relay)


@each("mysql97", "mysql57", "mysql8031", "mariadb10", "mariadb11", "mariadb105")
def test_nothing_beyond_the_documented_rights_is_needed(scene, kind):
    """REPLICATION SLAVE and REPLICATION CLIENT to follow; SELECT on the published tables to publish."""
    source = scene.server(kind)
    source.create_user("least", "pw", *RIGHTS)
    source.sql("CREATE DATABASE w; CREATE TABLE w.t (id INT PRIMARY KEY, v INT)")
    for start in ("oldest", "newest", "{}:{}".format(*source.position())):
        relay = scene.relay(source, settings={
            "source a": {"user": "least", "password": "pw", "start": start}})
        source.sql("CREATE TABLE w.u (id INT PRIMARY KEY); DROP TABLE w.u")
        relay.wait_caught_up(source)
        assert not [w for w in warnings(relay) if "rights" in w], warnings(relay)
        relay.stop()
    # A publisher.
    source.sql("SET sql_log_bin = 0; GRANT SELECT ON w.* TO least@'%'; SET sql_log_bin = 1")
    relay = scene.relay(source, publish="w", settings={
        "source a": {"user": "least", "password": "pw", "start": "newest"}})
    source.sql("INSERT INTO w.t VALUES (1, 2)")
    events = relay.wait_events(1)
    assert events[0]["value"]["after"] == {"id": 1, "v": 2}, events
    assert not [w for w in warnings(relay) if "rights" in w], warnings(relay)


@KINDS
def test_missing_rights_are_told_with_the_statement(scene, kind):
    """The statement is run as it stands, and then the relay follows."""
    source = scene.server(kind)
    source.create_user("poor", "pw")
    relay = scene.relay(source, start=False, publish="w", settings={
        "source a": {"user": "poor", "password": "pw", "retry_max": 1}}).launch()
    status = relay.wait_status(lambda status: status["source"]["warnings"])
    warning = next(w for w in status["source"]["warnings"] if "rights" in w)
    assert cure(warning).startswith("GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON"), warning
    source.sql(cure(warning))
    relay.wait_caught_up(source)
    assert not [w for w in warnings(relay) if "rights" in w], warnings(relay)
