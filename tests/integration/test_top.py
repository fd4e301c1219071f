"""binrelay top: on a terminal that changes its size, through a pipe, and as JSON."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios

from lib import wait
from lib.errors import Failure
from lib.relay import program


class Terminal:
    """A program on a terminal of its own; what it has written so far is in `text`."""

    def __init__(self, argv, rows, columns):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.text = ""
        self.child = subprocess.Popen([str(word) for word in argv], stdin=slave, stdout=slave,
                                      stderr=slave, start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.master, keys)

    def read(self):
        """What came since; also while the other side is gone."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                piece = os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                break
            if not piece:
                break
            self.text += piece
        return self.text

    def destroy(self):
        self.child.kill()
        self.child.wait()
        os.close(self.master)

    def tail(self):
        return repr(self.text[-600:])


def screens(text):
    """The whole ones, without orders to the terminal."""
    return [one.split("\x1b[J")[0].replace("\x1b[K", "").split("\r\n")[:-1]
            for one in text.split("\x1b[H")[1:] if "\x1b[J" in one]


def test_top_is_live_on_a_terminal(scene):
    """Numbers move, a smaller terminal gets shorter lines, the relay's restart is sat out, q ends it
    and leaves the terminal as it was."""
    source = scene.server("mariadb10")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)")
    relay = scene.relay(source, publish="d")
    relay.wait_caught_up(source)
    terminal = scene.add(Terminal([program("binrelay"), "--config", relay.config, "top",
                                   "--interval", "1"], 40, 200))
    wait.until(lambda: "following" in terminal.read(), 30, terminal.tail)
    source.sql("INSERT INTO d.t (v) VALUES ('x')")
    place = ":".join(map(str, source.position()))
    wait.until(lambda: place in terminal.read(), 30, terminal.tail)
    shown = screens(terminal.text)[-1]
    assert shown[0].startswith("binrelay ") and str(relay.pid) in shown[0], shown
    for expected in ("channel", "main", "publisher", "events", "no consumers yet"):
        assert any(expected in line for line in shown), (expected, shown)
    before = len(screens(terminal.text))
    terminal.resize(6, 30)
    wait.until(lambda: any(len(s) < 6 and max(map(len, s)) == 30
                           for s in screens(terminal.read())[before:]), 30, terminal.tail)
    relay.stop()
    wait.until(lambda: "waiting for the relay" in terminal.read(), 30, terminal.tail)
    relay.start()
    mark = len(terminal.text)
    wait.until(lambda: str(relay.pid) in terminal.read()[mark:], 30, terminal.tail)
    terminal.press(b"q")
    wait.until(lambda: terminal.child.poll() is not None, 30, terminal.tail)
    assert terminal.child.returncode == 0, terminal.tail()
    assert terminal.read().rstrip().endswith("\x1b[?1049l"), terminal.tail()


def test_top_through_a_pipe(scene):
    """Once as text and as JSON, with rates between two looks; line by line as JSON."""
    source = scene.server("mariadb10")
    source.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)")
    relay = scene.relay(source, publish="d")
    relay.wait_caught_up(source)
    text = relay.cli("top", "--interval", "1")
    assert "following" in text and "\x1b" not in text, text
    once = json.loads(relay.cli("top", "--once", "--interval", "1", "--json"))
    assert once["channels"][0]["state"] == "following" and once["seconds"] >= 1, once
    assert once["channels"][0]["publishers"][0]["events_per_s"] == 0, once
    live = scene.process("top", program("binrelay"), "--config", relay.config, "--json", "top",
                         "--interval", "1")

    def looks():
        live.must_run()
        return [json.loads(line) for line in live.log.read_text().splitlines(True)
                if line.endswith("\n")]

    wait.until(looks, 30, "the first look")
    assert looks()[0]["channels"][0]["bytes_per_s"] is None, looks()
    source.sql("INSERT INTO d.t (v) VALUES (REPEAT('x', 20000)), ('y'), ('z')")
    wait.until(lambda: sum((look["channels"][0]["bytes_per_s"] or 0) * (look["seconds"] or 0)
                           for look in looks()) > 19000, 30,
               lambda: f"the rate to show: {looks()}")
    wait.until(lambda: any((look["channels"][0]["publishers"][0]["events_per_s"] or 0) > 0
                           for look in looks()), 30, lambda: f"the events to show: {looks()}")
    if subprocess.run([program("binrelay"), "--config", relay.config, "top", "--interval", "x"],
                      capture_output=True, check=False).returncode != 2:
        raise Failure("a wrong interval was taken")
