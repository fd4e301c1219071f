"""Avro in Kafka with a real schema registry."""

import base64
import http.server
import json
import ssl
import subprocess
import sys
import threading
from pathlib import Path

from lib.certificates import Authority
from lib.kafka import Broker, Registry, publisher, state, wait_published, wait_state
from lib.marks import limit
from lib.ports import Port

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
from avro import Reader  # pylint: disable=wrong-import-position


def avro(url, **settings):
    return {"key.converter": "avro", "value.converter": "io.confluent.connect.avro.AvroConverter",
            "key.converter.schema.registry.url": url, "value.converter.schema.registry.url": url,
            **settings}


def raw(broker, topic):
    """Key and value of each record as bytes, None for null; kcat's text would break them."""
    done = subprocess.run(["kcat", "-C", "-b", broker.address, "-t", topic, "-e", "-q", "-f",
                           "%K %S %T\n%k%s\n"], capture_output=True, check=True, timeout=60)
    records, at, data = [], 0, done.stdout
    while at < len(data):
        end = data.index(b"\n", at)
        key, value, _ = map(int, data[at:end].split())
        at = end + 1
        sides = []
        for length in (key, value):
            sides.append(data[at:at + length] if length >= 0 else None)
            at += max(length, 0)
        records.append(tuple(sides))
        at += 1
    return records


@limit(400)
def test_avro_is_read_back_with_the_registry(scene):
    """Each id is the registry's; rows come back; a registry that is away is waited for; DDL gives a version."""
    broker = scene.add(Broker(scene.path("kafka")))
    registry = scene.add(Registry(scene.path("registry")))
    server = scene.server("mysql97")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY, v VARCHAR(20), d DECIMAL(8,2) DEFAULT 1.5)")
    relay = scene.relay(server, publish="g", settings={
        "publisher k": publisher(broker, **avro(f"http://127.0.0.1:1,{registry.url}"))})
    server.sql("INSERT INTO g.t VALUES (1, 'ä', 2), (2, NULL, NULL); UPDATE g.t SET v = 'x' WHERE id = 2;"
               "DELETE FROM g.t WHERE id = 1")
    wait_published(relay, server)
    lines = broker.lines("srv.g.t", 4, registry)  # its consumer stumbles over the tombstone behind them
    assert [line.split("\t")[2] for line in lines] == [f'{{"id": {row}}}' for row in (1, 2, 2, 1)]
    assert '"after": {"id": 1, "v": "ä", ' in lines[0] and '"after": null, ' in lines[3], lines
    registry.stop()
    server.sql("ALTER TABLE g.t ADD COLUMN more INT; INSERT INTO g.t (id, more) VALUES (3, 7)")
    assert "registry" in wait_state(relay, "waiting")["problem"]
    assert len(relay.wait_events(6)) == 6
    registry.start()  # empty: the ids that are still known to the relay are not asked for again
    wait_published(relay, server)
    records = raw(broker, "srv.g.t")
    assert len(records) == 6 and records[4] == (records[3][0], None), records
    assert set(registry.ask("/subjects")) == {"srv.g.t-value"}
    relay.stop()
    relay.start()
    server.sql("INSERT INTO g.t (id, more) VALUES (4, 8)")
    wait_published(relay, server)
    assert set(registry.ask("/subjects")) == {"srv.g.t-key", "srv.g.t-value"}
    key, value = raw(broker, "srv.g.t")[-1]
    read = []
    for side in (key, value):
        schema = registry.ask(f"/schemas/ids/{int.from_bytes(side[1:5], 'big')}")["schema"]
        read.append(Reader(schema, side[5:]).value)
    assert read[0] == {"id": 4} and read[1]["op"] == "c", read
    assert read[1]["after"] == {"id": 4, "v": None, "d": "0096", "more": 8}, read


class Questions(http.server.BaseHTTPRequestHandler):
    """Answers as a registry that wants a password, and later as one that refuses the schema."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Content-Type"],
                                  self.headers["Authorization"], body))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, {"id": 77})
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Asked:
    """A registry that wants TLS and a client's certificate, and tells what it was asked."""

    def __init__(self, scene, authority, answers):
        port = Port()
        self.url = f"https://127.0.0.1:{port.number}"
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port.number), Questions)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue(f"registry{port.number}", "IP:127.0.0.1"))
        context.load_verify_locations(authority.path)
        context.verify_mode = ssl.CERT_REQUIRED
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                  do_handshake_on_connect=False)
        self.questions = self._server.asked = []
        self._server.answers = answers
        scene.finally_do(self._server.shutdown)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def paths(self):
        return [question[0] for question in self.questions]


@limit(300)
def test_avro_asks_the_registry_as_confluents_converter_does(scene):
    """One POST for each schema, key first, by TLS; a wrong password is waited for; a refusal stops, retry goes on."""
    authority = Authority(scene.path("authority"))
    broker = scene.add(Broker(scene.path("kafka")))
    server = scene.server("mariadb10")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY)")
    registry = Asked(scene, authority, [(401, {"error_code": 40101, "message": "who are you"}),
                                        (200, {"id": 5}),
                                        (409, {"error_code": 409, "message": "not compatible"})])
    other = Asked(scene, authority, [])
    certificate, key = authority.issue("relay")
    tls = {"schema.registry.ssl.truststore.location": authority.path,
           "schema.registry.ssl.keystore.location": certificate,
           "schema.registry.ssl.key.location": key}
    relay = scene.relay(server, settings={
        "publisher k": publisher(broker, **avro(
            registry.url + "/", **tls, **{
                "schema.registry.basic.auth.user.info": "me:secret",
                "value.converter.value.subject.name.strategy": "TopicRecordNameStrategy"})),
        "publisher l": publisher(broker, **avro(
            other.url, **tls, **{
                "topic.prefix": "least", "schema.registry.bearer.auth.token": "a-token",
                "key.converter.key.subject.name.strategy": "RecordNameStrategy",
                "value.converter.value.subject.name.strategy": "RecordNameStrategy"}))})
    server.sql("INSERT INTO g.t VALUES (1), (2)")
    refused = wait_state(relay, "failed")
    assert "not compatible" in refused["problem"] and "secret" not in refused["problem"], refused
    relay.cli("publisher", "k", "retry")
    wait_published(relay, server)
    wait_published(relay, server, name="l")
    key, value = ("/subjects/srv.g.t-key/versions?normalize=false",
                  "/subjects/srv.g.t-srv.g.t.Envelope/versions?normalize=false")
    assert registry.paths() == [key, key, value, value], registry.questions
    assert other.paths() == [f"/subjects/least.g.t.{name}/versions?normalize=false"
                             for name in ("Key", "Envelope")], other.questions
    for _, kind, login, body in registry.questions:
        assert kind == "application/vnd.schemaregistry.v1+json"
        assert login == "Basic " + base64.b64encode(b"me:secret").decode()
        assert set(json.loads(body)) == {"schema"}
    assert {login for _, _, login, _ in other.questions} == {"Bearer a-token"}
    assert [record[1][:5] for record in raw(broker, "srv.g.t")] == [b"\0\0\0\0\x4d"] * 2
    assert not any(word in relay.log_text() for word in ("secret", "a-token"))
    assert state(relay)["state"] == "idle"
