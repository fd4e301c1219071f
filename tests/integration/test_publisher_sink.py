"""A publisher's file that can't be written: said clearly, and nobody else is disturbed."""

from lib import wait
from lib.disk import small_disk
from lib.marks import limit


def publisher(relay):
    return relay.status()["publishers"][0]


@limit(120)
def test_a_publishers_full_disk_is_waited_for(scene):
    """It says so, the relay goes on; with room again every line is there once."""
    server = scene.server("mariadb10", binlog_row_metadata="FULL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(2000))")
    with small_disk(scene.path("small"), "256k") as disk:
        (disk / "ballast").write_bytes(bytes(150 * 1024))
        output = disk / "events.jsonl"
        relay = scene.relay(server, publish="g", settings={
            "source a": {"start": "newest"}, "publisher events": {"path": output}})
        for i in range(100):
            server.sql(f"INSERT INTO g.t VALUES ({i}, REPEAT('x', 700))")
        wait.until(lambda: "No space left" in (publisher(relay)["problem"] or ""), 30,
                   lambda: f"the full disk to be told\n{relay.status()}")
        relay.wait_caught_up(server)
        (disk / "ballast").unlink()
        relay.output = output
        events = relay.wait_events(100)
        assert [event["key"]["id"] for event in events] == list(range(100))
        wait.until(lambda: not publisher(relay)["problem"], 30, lambda: relay.status())
        relay.stop()


@limit(60)
def test_a_publisher_that_cannot_write_stops_alone(scene):
    """A folder that is not there: the publisher's state says so, the relay serves on."""
    server = scene.server("mariadb10")
    relay = scene.relay(server, publish="g", settings={
        "publisher events": {"path": scene.path("nowhere") / "events.jsonl"}})
    wait.until(lambda: publisher(relay)["state"] == "failed", 30, lambda: relay.status())
    assert "nowhere" in publisher(relay)["problem"]
    server.sql("CREATE DATABASE g")
    relay.wait_caught_up(server)
    relay.stop()
