"""One place in the coordinates of the relay and of every server that has it."""

import json

from integration.test_switch_command import insert, promote, switch, two_and_a_relay

from lib.errors import Failure
from lib.marks import each, limit

PAIRS = ("mysql97", "mariadb10")


def place_of(relay, place):
    return json.loads(relay.cli("map", place, "--json"))


def text_of(position):
    return "{}:{}".format(*position)


def numbers_read(server, relay, user, file, position):
    """What mysqlbinlog reads as `user` from this position on: the numbers that were inserted."""
    text = server.run("binlog", "--read-from-remote-server", "--host", relay.host, "--port", relay.port,
                      "--user", user, "--password=secret", "--start-position", position,
                      "--to-last-log", "--verbose", file).decode(errors="replace")
    return [int(line.split("=", 1)[1].split()[0]) for line in text.splitlines()
            if line.startswith("###   @1=")]


@each(*PAIRS)
@limit(180)
def test_a_place_is_told_in_every_servers_coordinates(scene, kind):
    """By the source's, the relay's, a GTID; the standby's are looked for there; SQL says the same."""
    a, b, relay = two_and_a_relay(scene, kind)
    for settings in ({"user mover": {"password": "secret", "coordinates": "b"}},
                     {"user plain": {"password": "secret"}}):
        relay.settings.update(settings)
    relay.write_config()
    relay.cli("reload")

    first = place_of(relay, text_of(a.position()))
    assert (first["source"], first["source_file"], first["source_offset"]) == ("a", *a.position())
    other = next(x for x in first["elsewhere"] if x["source"] == "b")
    assert (other["file"], other["offset"]) == b.position(), (other, b.position())
    (said,), = relay.sql("SELECT BINRELAY_MAP(%s)", ("a:" + text_of(a.position()),))
    assert said == f"{first['file']}:{first['offset']}", said

    promote(b)
    joined = b.position()
    switch(relay, "b")
    insert(b, 21, 25)
    relay.wait_caught_up(b)
    insert(a, 101, 101)  # on its own from here
    there = place_of(relay, "b:" + text_of(b.position()))
    assert (there["source_file"], there["source_offset"]) == b.position()
    assert there["file"] == relay.published()[0]
    lacks = next(x for x in there["elsewhere"] if x["source"] == "a")
    assert lacks["file"] is None and "lacks" in lacks["problem"], lacks

    # What b told before it was followed: as SOURCE:FILE, or by the user's coordinates.
    file, position = joined
    assert numbers_read(b, relay, "plain", f"b:{file}", position) == list(range(21, 26))
    assert numbers_read(b, relay, "mover", file, position) == list(range(21, 26))
    # A place inside what came from a has no equal.
    inside = [row for row in b.rows(f"SHOW BINLOG EVENTS IN '{file}'")
              if str(row["Event_type"]).lower().startswith("gtid")][5]["Pos"]
    try:
        numbers_read(b, relay, "plain", f"b:{file}", inside)
    except Failure:
        assert "can't stream" in relay.log_text(), relay.log_text()[-500:]
    else:
        raise Failure(f"a place inside a hole, {file}:{inside}, was served")
