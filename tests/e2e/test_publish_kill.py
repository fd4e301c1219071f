"""A published file after the relay was killed: every line once, and none ever gone."""

import json
import random
import time

from lib import wait
from lib.inserts import Inserts
from lib.marks import each, limit

KILLS = 15


def whole_lines(relay):
    text = relay.output.read_bytes() if relay.output.exists() else b""
    return text[:text.rfind(b"\n") + 1]


@limit(180)
@each("mysql97", "mariadb10")
def test_each_change_is_a_line_once_through_kills(scene, kind):
    """SIGKILL at random moments: what was a whole line stays, and each change comes once."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    server = scene.server(kind, binlog_row_metadata="MINIMAL")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(200))")
    relay = scene.relay(server, publish="g", settings={"source a": {"start": "newest"}})
    writer = Inserts(server)
    writer.start()
    scene.finally_do(writer.end)
    seen = b""
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 1.5))
        relay.kill9()
        lines = whole_lines(relay)
        assert lines.startswith(seen), f"seed {seed}: a line is gone or another one"
        seen = lines
        relay.start()
    writer.end()
    server.sql(f"INSERT INTO g.t VALUES ({writer.written + 1}, 'last')")
    relay.wait_caught_up(server)
    wait.until(lambda: b'"v":"last"' in whole_lines(relay), 60, relay.tail)
    relay.stop()
    lines = whole_lines(relay)
    assert lines.startswith(seen) and lines == relay.output.read_bytes()
    records = [json.loads(line)["value"] for line in lines.splitlines()]
    inserted = [value["after"]["id"] for value in records if value["op"] == "c"]
    assert inserted == list(range(1, writer.written + 2)), f"seed {seed}: {len(inserted)} inserts"
    places = [(value["source"]["file"], value["source"]["pos"], value["source"]["row"])
              for value in records]
    assert places == sorted(set(places)), f"seed {seed}: order, or one twice"
