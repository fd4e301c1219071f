#!/usr/bin/env python3
"""Compares the Avro that `binrelay events` makes of binlog files with what Confluent's converter wrote.

usage: tests/golden/avro.py PROGRAM [--data FOLDER_OR_ARCHIVE] [-k WORD] [-v]

The recorded cases lie in tests/golden/avro.tar.xz: FAMILY/CASE.binlog is a server's binlog file,
FAMILY/CASE.VARIANT.json the records that a Debezium connector with the options in its first line and
Confluent's AvroConverter made of it, FAMILY/CASE.VARIANT.schemas.json the schemas that it registered.
Subjects, schema texts and bytes are compared as they are, but for the schemas' numbers, the
connector's own clock, heartbeats, and what was read by SQL in a snapshot, which no binlog holds.
"""
import json
import os
import struct
import subprocess

import cases
import debezium as plain

CLOCKS = ("ts_ms", "ts_us", "ts_ns")
# Read by SQL in a snapshot: what a column's declaration looks like there, a binlog does not tell.
SNAPSHOT_DDL = "03_ddl_snapshot"


class Reader:
    """One record by its schema; the bytes of the outermost clocks are cut out of `kept`."""

    def __init__(self, schema, data):
        self.data, self.at, self.names, self.kept, self.cut_to = data, 0, {}, b"", 0
        schema = json.loads(schema)
        self.learn(schema, "")
        self.value = self.read(schema, "", 0)
        if self.at != len(data):
            raise ValueError(f"{len(data) - self.at} bytes are left over")
        self.kept += data[self.cut_to:]

    def learn(self, schema, space):
        """Records' names: one that is described where there is null is told by its name later."""
        if isinstance(schema, list):
            for branch in schema:
                self.learn(branch, space)
        elif isinstance(schema, dict) and schema["type"] == "array":
            self.learn(schema["items"], space)
        elif isinstance(schema, dict) and schema["type"] == "record":
            space = schema.get("namespace", space)
            self.names[f"{space}.{schema['name']}"] = (schema, space)
            for field in schema["fields"]:
                self.learn(field["type"], space)

    def long(self):
        shift = number = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return number >> 1 ^ -(number & 1)

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def read(self, schema, space, depth):
        if isinstance(schema, list):
            return self.read(schema[self.long()], space, depth)
        if isinstance(schema, str):
            known = self.names.get(schema) or self.names.get(f"{space}.{schema}")
            return self.record(*known, depth) if known else self.simple(schema)
        if schema["type"] == "record":
            return self.record(schema, schema.get("namespace", space), depth)
        if schema["type"] == "array":
            items = []
            while count := self.long():
                items += [self.read(schema["items"], space, depth + 1) for _ in range(count)]
            return items
        return self.simple(schema["type"])

    def record(self, schema, space, depth):
        value = {}
        for field in schema["fields"]:
            begin = self.at
            value[field["name"]] = self.read(field["type"], space, depth + 1)
            if depth == 0 and field["name"] in CLOCKS and len(schema["fields"]) > 1:
                self.kept += self.data[self.cut_to:begin]
                self.cut_to = self.at
        return value

    def simple(self, name):
        if name == "null":
            return None
        if name == "boolean":
            return self.take(1) == b"\1"
        if name in ("int", "long"):
            return self.long()
        if name == "float":
            return struct.unpack("<f", self.take(4))[0]
        if name == "double":
            return struct.unpack("<d", self.take(8))[0]
        data = self.take(self.long())
        return data.decode() if name == "string" else data.hex()


class Side:
    def __init__(self, subject, schema, text):
        self.subject, self.schema = subject, schema
        read = Reader(schema, bytes.fromhex(text)[5:]) if text is not None else None
        self.value = read.value if read else None
        self.bytes = read.kept.hex() if read else ""


class Record:
    def __init__(self, topic, partition, key, value):
        self.topic, self.partition, self.sides = topic, partition, (key, value)
        self.key, self.value = json.dumps(key.value), json.dumps(value.value)
        event = value.value or {}
        self.source = event.get("source") or {}
        self.ddl = event.get("ddl") or ""
        self.id = (key.value or {}).get("id")

    def texts(self):
        texts = [("topic", self.topic), ("partition", str(self.partition))]
        for what, side in zip(("key", "value"), self.sides):
            texts += [(f"{what}'s subject", str(side.subject)), (f"{what}'s schema", str(side.schema)),
                      (what, side.bytes)]
        return texts

    def is_heartbeat(self):
        return '"serverName":' in self.key

    def is_stop_mark(self):
        return self.topic.endswith(plain.STOP_MARK) or plain.STOP_MARK in self.ddl


def recorded(path):
    """The records up to the first that the converter or the registry refused, and whether one was."""
    with open(path.replace(".json", ".schemas.json"), encoding="utf-8") as f:
        schemas = {s["id"]: (s["subject"], s["schema"]) for s in json.load(f)["schemas"]}
    with open(path, encoding="utf-8") as f:
        case = json.load(f)
    records = []
    for r in case["records"]:
        if "error" in r:
            return case, records, True
        sides = []
        for what in ("key", "value"):
            subject, schema = schemas.get(r[f"{what}_id"], (None, None))
            sides.append(Side(subject, schema, r[f"{what}_avro"]))
        records.append(Record(r["topic"], r["partition"], *sides))
    return case, records, False


def ours(program, binlog, case):
    command = [program, "events", "--as", case["binlog_file"], "--set", "topic.prefix=srv",
               "--set", "database.include.list=g,g2", "--set", "key.converter=avro",
               "--set", "value.converter=avro"]
    if case["case"] in plain.STRICT:
        command += ["--set", "strict.compatibility=true"]
    for name, value in case["options"].items():
        own = name.removeprefix("conv.")
        for side in ("key.converter.", "value.converter.") if own != name else ("",):
            command += ["--set", f"{side}{own}={value}"]
    done = subprocess.run(command + [binlog], capture_output=True, text=True, check=False)
    records = []
    for line in done.stdout.splitlines():
        r = json.loads(line)
        records.append(Record(r["topic"], r["partition"], *(
            Side(r.get(f"{what}_subject"), r.get(f"{what}_schema"), r[what])
            for what in ("key", "value"))))
    return records, done


def is_snapshot(record):
    return record.source.get("snapshot", "false") != "false"


def wanted(records):
    return [r for r in records if not r.is_heartbeat() and not r.is_stop_mark() and not is_snapshot(r)]


def same_but_for_declarations(a, b):
    """Schema changes of a table that a snapshot has read: lengths and defaults as SHOW CREATE has them."""
    def bare(record):
        text = json.dumps(record.sides[1].value | {clock: 0 for clock in CLOCKS})
        for case, theirs, own, _ in plain.TAKEN_FOR:
            if case == SNAPSHOT_DDL:
                text = text.replace(json.dumps(json.loads("{" + theirs.strip(",") + "}"))[1:-1],
                                    json.dumps(json.loads("{" + own.strip(",") + "}"))[1:-1])
        return text
    return bool(a.ddl) and bare(a) == bare(b) and a.texts()[:-1] == b.texts()[:-1]


def compare(program, path):
    case, theirs, is_refused = recorded(path)
    own, done = ours(program, os.path.join(os.path.dirname(path), case["case"] + ".binlog"), case)
    if is_refused and (done.returncode == 0 or "Avro does not take" not in done.stderr):
        return [f"what the converter refuses is written: {done.stderr}"]
    if not is_refused and done.returncode != 0:
        return [done.stderr.strip()]
    ends = {r.source.get("gtid") for r in own if r.is_stop_mark()}
    theirs, own = ([r for r in wanted(records) if not ('"status":' in r.value and r.id in ends)]
                   for records in (theirs, own))
    if is_refused:
        theirs, own = theirs[:len(own)], own[:len(theirs)]
    own = plain.behind_start(own, theirs)
    if case["case"] == SNAPSHOT_DDL and len(theirs) == len(own):
        pairs = [(a, b) for a, b in zip(theirs, own) if not same_but_for_declarations(a, b)]
        theirs, own = [a for a, _ in pairs], [b for _, b in pairs]
    if not theirs:
        return [] if is_refused else ["nothing was compared"]
    return list(plain.differences(theirs, own))


if __name__ == "__main__":
    cases.main(compare, "avro.tar.xz", "recorded runs with Avro", skip=".schemas.json")
