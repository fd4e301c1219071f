#!/usr/bin/env python3
"""Compares what `binrelay events` makes of binlog files with what real Debezium connectors wrote.

usage: tests/golden/debezium.py PROGRAM [--data FOLDER_OR_ARCHIVE] [-k WORD] [-v]

The recorded cases lie in tests/golden/debezium.tar.xz: FAMILY/CASE.binlog is a server's binlog file,
FAMILY/CASE.VARIANT.json the events that a connector with the options in its first line made of it,
FAMILY/CASE.VARIANT.schemas.json the same with schemas.enable=true. Keys, values and headers are compared
byte for byte, but for the connector's own clock, the id of its run, heartbeats (their number and place
differ from run to run), and what was read by SQL in a snapshot, which no binlog holds.
"""
import json
import os
import re
import subprocess

import cases

DECODER = json.JSONDecoder()
STOP_MARK = "zz_end"

# What a binlog file alone can't tell, or where this is right and a connector is not. In the recorded
# text `recorded` is taken for `ours`.
TAKEN_FOR = [
    # (case, recorded, ours, why)
    ("03_ddl_snapshot", '"typeName":"INT","typeExpression":"INT","charsetName":null,"length":11,',
     '"typeName":"INT","typeExpression":"INT","charsetName":null,"length":null,',
     "the connector read int(11) by SHOW CREATE TABLE, the binlog says INT"),
    ("03_ddl_snapshot", '"defaultValueExpression":"1.500"', '"defaultValueExpression":"1.5"', "the same"),
]
# Cases in which a connector is wrong, and this only where it is asked to.
STRICT = {"03_ddl_snapshot": "what MariaDB 3.5.0's parser does not know, CREATE OR REPLACE TABLE, changes nothing"}
CLOCKS = [
    (re.compile(r'("op":"[a-z]"),"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+'), r"\1"),
    (re.compile(r'"ts_ms":\d+(,"databaseName")'), r"\1"),
    (re.compile(r'^(\{"status":.*),"ts_ms":\d+\}$'), r"\1}"),
    (re.compile(r'("payload":\{"status":.*),"ts_ms":\d+\}\}$'), r"\1}}"),
]


def members(line):
    """The members of a one-line object, their values as text."""
    found, at = {}, 1
    while at < len(line) and line[at] == '"':
        name, at = DECODER.raw_decode(line, at)
        start = at + 1
        while line[start] == " ":
            start += 1
        _, at = DECODER.raw_decode(line, start)
        found[name] = line[start:at]
        at += 1
        while at < len(line) and line[at] == " ":
            at += 1
    return found


def headers_of(text):
    return [(h["name"], "" if h["name"].endswith(".runId") else h["simple"]) for h in json.loads(text)]


class Event:
    def __init__(self, line):
        m = members(line)
        self.topic = json.loads(m["topic"])
        self.partition = m["partition"]
        self.key = m["key"]
        self.value = m["value"]
        for pattern, by in CLOCKS:
            self.value = pattern.sub(by, self.value)
        self.headers = headers_of(m["headers"])
        value = json.loads(m["value"])
        value = value.get("payload", value) if value else {}
        self.source = value.get("source") or {}
        self.ddl = value.get("ddl") or ""
        key = json.loads(m["key"]) or {}
        self.id = key.get("payload", key).get("id")

    def texts(self):
        return [("topic", self.topic), ("partition", self.partition), ("key", self.key),
                ("value", self.value), ("headers", self.headers)]

    def is_heartbeat(self):
        return '{"serverName":' in self.key

    def is_stop_mark(self):
        return self.topic.endswith(STOP_MARK) or STOP_MARK in self.ddl


def is_transaction(event):
    return '"status":' in event.value


def recorded_events(lines):
    events = [Event(line.rstrip(",\n")) for line in lines if line.startswith('{"topic":')]
    # What a snapshot read says so; a tombstone or a transaction has no source.
    return [e for e in events if not e.is_heartbeat() and e.source.get("snapshot", "false") == "false"]


def our_events(program, binlog, head, schemas):
    command = [program, "events", "--as", head["binlog_file"], "--set", "topic.prefix=srv",
               "--set", "database.include.list=g,g2", "--set", f"schemas.enable={schemas}"]
    if head["case"] in STRICT:
        command += ["--set", "strict.compatibility=true"]
    for name, value in head["options"].items():
        command += ["--set", f"{name}={value}"]
    done = subprocess.run(command + [binlog], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    events = [Event(line) for line in done.stdout.splitlines()]
    ends = {e.source.get("gtid") for e in events if e.is_stop_mark()}
    return [e for e in events if not e.is_heartbeat() and not e.is_stop_mark()], ends


def behind_start(ours, recorded):
    """A connector that began later saw nothing of what is before its first event."""
    begin = min((e.source["pos"] for e in recorded if "pos" in e.source), default=0)
    keep, seen = [], False
    for e in ours:
        seen = seen or e.source.get("pos", -1) >= begin
        if seen or is_transaction(e):
            keep.append(e)
    return keep


def difference(a, b):
    for (what, x), (_, y) in zip(a.texts(), b.texts()):
        if x != y:
            at = next((i for i in range(min(len(x), len(y))) if x[i] != y[i]), min(len(x), len(y)))
            return f"{what} differs at {at}\n    recorded ... {x[max(0, at - 40):at + 90]}\n" \
                   f"    ours     ... {y[max(0, at - 40):at + 90]}"
    return None


def differences(recorded, ours):
    for i, (a, b) in enumerate(zip(recorded, ours)):
        text = difference(a, b)
        if text:
            yield f"event {i + 1} ({a.topic} {a.ddl[:60] or a.key}): {text}"
    if len(recorded) != len(ours):
        rest = (recorded if len(recorded) > len(ours) else ours)[min(len(recorded), len(ours)):]
        yield f"{len(recorded)} events were recorded, {len(ours)} are ours; then " \
              f"{rest[0].topic} {rest[0].ddl[:80] or rest[0].key}"


def compare(program, path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    head = json.loads(lines[0].rstrip(",") + "}")
    case = os.path.basename(path).split(".")[0]
    for in_case, recorded, ours, _ in TAKEN_FOR:
        if in_case == case:
            lines = [line.replace(recorded, ours) for line in lines]
    binlog = os.path.join(os.path.dirname(path), head["case"] + ".binlog")
    ours, ends = our_events(program, binlog, head, str(head["schemas_enable"]).lower())
    recorded, ours = ([e for e in events if not (is_transaction(e) and e.id in ends)]
                      for events in (recorded_events(lines), ours))
    return list(differences(recorded, behind_start(ours, recorded)))


if __name__ == "__main__":
    cases.main(compare, "debezium.tar.xz", "recorded runs")
