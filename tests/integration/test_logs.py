"""The log: its forms, a change of them while it runs, and that it keeps secrets."""

import json
import os
import re
import signal

from lib import wait
from lib.errors import Failure
from lib.process import Process
from lib.relay import program
from lib.servers import REPL

PAIRS = re.compile(r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(error|warning|info|debug) '
                   r'area=\w+ (channel=[\w-]+ )?(kind=\w+ )?msg="([^"\\]|\\.)*"')


def test_lines_are_pairs_then_json_by_a_reload(scene):
    """Each line from the first to the last one parses; SIGHUP changes the form, and the end is told."""
    source = scene.server("mariadb10")
    relay = scene.relay(source)
    relay.settings["relay"]["log_format"] = "json"
    relay.write_config()
    os.kill(relay.pid, signal.SIGHUP)
    wait.until(lambda: "{" in relay.log_text(), 30, "a line of JSON")
    relay.stop()
    lines = relay.log_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("{"))
    assert first > 0
    for line in lines[:first]:
        assert PAIRS.fullmatch(line), line
    objects = [json.loads(line) for line in lines[first:]]
    assert all({"time", "level", "area", "msg"} <= set(o) for o in objects), objects
    assert any("[relay] log_format" in o["msg"] for o in objects), objects
    assert [o["msg"] for o in objects][-2:] == ["SIGTERM: ending in order", "ended"], objects


def test_in_the_journal_lines_have_a_priority_and_no_time(scene):
    """Where stderr is the stream that systemd names; elsewhere its variable says nothing."""
    source = scene.server("mariadb10")
    relay = scene.relay(source, start=False)
    relay.write_config()
    relay.log.touch()
    status = relay.log.stat()
    relay.process = Process(str(relay), [program("binrelayd"), relay.config], relay.log,
                            env={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    relay.wait_answers().stop()
    for line in relay.log_text().splitlines():
        assert re.match(r"<[3467]>level=", line) and "time=" not in line, line


def test_no_secret_is_ever_told(scene):
    """Not in the log at its most talkative, not by HTTP, not by the command: right and wrong ones."""
    source = scene.server("mariadb10")
    secrets = {"forward_password": "forward-secret", "admin_password": "admin-secret",
               "relay_password": "relay-secret"}
    relay = scene.relay(source, watched=True, settings={
        "relay": {"log_level": "debug"},
        "source a": {**secrets, "forward_user": "root", "admin_user": "root", "relay_user": "x"},
        "user x": {"password": "user-secret"},
        "publisher p": {"sink": "kafka", "topic.prefix": "p", "kafka.bootstrap.servers":
                        "127.0.0.1:9", "kafka.security.protocol": "SASL_PLAINTEXT",
                        "kafka.sasl.mechanism": "PLAIN", "kafka.sasl.username": "u",
                        "kafka.sasl.password": "kafka-secret",
                        "schema.registry.url": "http://127.0.0.1:9",
                        "schema.registry.basic.auth.user.info": "u:registry-secret"}})
    relay.connect("x", "user-secret").close()
    for user in ("x", "nobody"):
        try:
            relay.connect(user, "guessed-secret").close()
        except Exception as error:  # pylint: disable=broad-except
            assert "secret" not in str(error), error
        else:
            raise Failure("a wrong password was taken")
    relay.settings["source a"]["password"] = "wrong-secret"
    relay.settings["user x"]["password"] = "another-secret"
    relay.write_config()
    os.kill(relay.pid, signal.SIGHUP)
    wait.until(lambda: "Access denied" in relay.log_text(), 60, "the source to refuse")
    relay.settings["source a"]["password"] = REPL[1]
    relay.settings["user x"]["pasword"] = "mistyped-secret"
    relay.write_config()
    os.kill(relay.pid, signal.SIGHUP)
    wait.until(lambda: "pasword" in relay.log_text(), 30, "the reload to be refused")
    told = [relay.http(path)[1] for path in ("/metrics", "/status", "/readyz")]
    told += [relay.cli(*words, check=False) for words in (["status"], ["sources"], ["consumers"])]
    relay.stop()
    for text in [relay.log_text(), *told]:
        assert text and "secret" not in text, text
