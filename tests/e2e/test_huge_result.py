"""A result of 10 GB through the relay: the same bytes as from the source, in little memory."""

import os
import subprocess

from lib.errors import Unavailable
from lib.marks import each, limit
from lib.servers import DEBEZIUM

ASKED_BY = "BINRELAY_TEST_HUGE"
ROWS = 10000  # of 1 MB


def checksum(server, actor):
    """Of all that the server's own client prints, row by row."""
    programs = [*map(str, server.kind.programs.find("client"))]
    client = [*programs, "--no-defaults", f"--host={actor.host}", f"--port={actor.port}",
              f"--user={DEBEZIUM[0]}", f"--password={DEBEZIUM[1]}", "--quick",
              "--skip-column-names", "--database=mysql",
              "-e", f"SELECT seq, REPEAT(MD5(seq), 31250) FROM seq_1_to_{ROWS}"]
    script = 'set -o pipefail; "$@" | tee >(wc -c >&2) | md5sum'
    done = subprocess.run(["bash", "-c", script, "bash", *client], capture_output=True, text=True,
                          check=True, timeout=1500)
    return done.stdout.split()[0], int(done.stderr.split()[-1])


@limit(3600)
@each("mariadb10")
def test_ten_gigabytes_pass_unchanged(scene, kind):
    """The client's output has the same checksum; the daemon stays below 64 MiB."""
    if not os.environ.get(ASKED_BY):
        raise Unavailable(f"takes minutes: ask for it with {ASKED_BY}=1")
    server = scene.server(kind)
    relay = scene.relay(server, settings={
        "source a": {"forward_user": DEBEZIUM[0], "forward_password": DEBEZIUM[1]}})
    relay.wait_caught_up(server)
    direct = checksum(server, server)
    through = checksum(server, relay)
    assert through == direct and direct[1] > ROWS * 1000000, (direct, through)
    assert relay.memory_kib() < 64 * 1024, relay.memory_kib()
