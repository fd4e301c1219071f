"""The status page in a real browser: its numbers, in light and dark, and that names are only names."""

import contextlib
import re
import shutil
import struct
import subprocess

from lib import cache, marks, wait
from lib.errors import Failure, Unavailable
from lib.relay import ROOT

COM_BINLOG_DUMP = 0x12
# A consumer that stays is known by its user and server_id.
HOSTILE = "<img src=x onerror=document.title=1>\"'&"


def chromium():
    """Its program; installed where that is possible."""
    with marks.clock_stopped(), cache.locked("browser"):
        if not shutil.which("chromium"):
            subprocess.run([ROOT / "tools/deps", "browser"], stdin=subprocess.DEVNULL,
                           capture_output=True, check=False)
    found = shutil.which("chromium")
    if not found:
        raise Unavailable("Chromium can't be installed here (tools/deps browser)")
    return found


def browse(scene, url, *options):
    """What headless Chromium says on standard output."""
    done = subprocess.run(
        [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
         f"--user-data-dir={scene.path('browser')}", *options, url],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise Failure(f"Chromium ended with {done.returncode}", done.stderr)
    return done.stdout


def test_the_page_shows_the_numbers_and_runs_nothing_foreign(scene):
    """A browser shows source, consumer, publisher, epoch and charts; a hostile name stays a text."""
    source = scene.server("mariadb10")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)")
    relay = scene.relay(source, publish="d", watched=True,
                        settings={f"user {HOSTILE}": {"password": "pw"}})
    source.sql("INSERT INTO d.t VALUES (1), (2), (3)")
    relay.wait_caught_up(source)
    relay.wait_events(3)
    file = source.position()[0]
    with contextlib.closing(relay.connect(HOSTILE, "pw")) as consumer:
        with consumer.cursor() as cursor:
            cursor.execute("SET @master_binlog_checksum = 'CRC32', "
                           "@mariadb_slave_capability = 4")
        consumer._execute_command(COM_BINLOG_DUMP,
                                  struct.pack("<IHI", 4, 0, 4711) + file.encode())
        wait.until(lambda: relay.metric("binrelay_consumers_connected") == 1, 30, "the consumer")
        charts = lambda text: text.count('<path d="M')  # Those with a sample.
        wait.until(lambda: charts(relay.http("/")[1]) == 3, 60, "samples of all three")
        url = f"http://{relay.host}:{relay.http_port}/"
        shown = browse(scene, url, "--dump-dom")
        code, text = relay.http("/")
    assert code == 200 and "http-equiv" in text, text
    place = ":".join(map(str, source.position()))
    for expected in (f"127.0.0.1:{source.port}", "following", place, "Consumers", "connected",
                     "events", "idle", "Epochs", "<svg"):
        assert expected in shown, f"{expected!r} is missing in:\n{shown}"
    # The browser's own writing of a text, and no element, no title that a script has set.
    assert "&lt;img src=x onerror=document.title=1&gt;\"'&amp;/4711" in shown, shown
    assert "<img" not in shown and "<title>binrelay</title>" in shown, shown
    # Nothing is loaded from elsewhere.
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text), text
    assert charts(shown) == 3, shown
    for scheme in ("light", "dark"):
        picture = scene.path(f"{scheme}.png")
        options = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] \
            if scheme == "dark" else []
        browse(scene, url, f"--screenshot={picture}", "--window-size=1300,900", *options)
        assert picture.stat().st_size > 10000, scheme
