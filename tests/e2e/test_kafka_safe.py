"""Kafka with TLS, passwords and client certificates."""

import ctypes
import subprocess

from lib import relay as relays
from lib.certificates import Authority
from lib.kafka import LOGIN, SCRAMS, Broker, publisher, wait_published, wait_state
from lib.marks import limit

FIXED = (2, 6, 1)  # librdkafka logs in to Kafka 4 with SCRAM


def librdkafka():
    """The version that the relay runs with."""
    libraries = subprocess.run(["ldd", relays.program("binrelayd")], capture_output=True, text=True,
                               check=True).stdout
    library = ctypes.CDLL(next(line.split()[2] for line in libraries.splitlines() if "librdkafka" in line))
    library.rd_kafka_version_str.restype = ctypes.c_char_p
    version = library.rd_kafka_version_str().decode().split("-")[0]
    return tuple(int(part) for part in version.split("."))


@limit(400)
def test_kafka_by_tls_passwords_and_certificates(scene):
    """PLAIN, SCRAM and client certificates publish; a wrong password and a stranger's certificate wait."""
    authority, stranger = (Authority(scene.path(name), name) for name in ("ours", "theirs"))
    broker = scene.add(Broker(scene.path("kafka"), authority=authority))
    server = scene.server("mysql97")
    server.sql("CREATE DATABASE g; CREATE TABLE g.t (id INT PRIMARY KEY)")

    def section(prefix, address, **kafka):
        return publisher(broker, **{"topic.prefix": prefix, "kafka.bootstrap.servers": address,
                                    "kafka.ssl.ca.location": authority.path,
                                    **{f"kafka.{key.replace('_', '.')}": value
                                       for key, value in kafka.items()}})

    def login(prefix, mechanism, password=LOGIN[1]):
        return section(prefix, broker.sasl, security_protocol="SASL_SSL", sasl_mechanism=mechanism,
                       sasl_username=LOGIN[0], sasl_password=password)

    def certificate(prefix, issuer):
        cert, key = issuer.issue(prefix)
        return section(prefix, broker.tls, security_protocol="SSL", ssl_certificate_location=cert,
                       ssl_key_location=key)

    sections = {"plain": login("plain", "PLAIN"), "wrong": login("wrong", "PLAIN", "guess"),
                **{name: login(name, scram) for name, scram in zip(("short", "long"), SCRAMS)},
                "cert": certificate("cert", authority), "other": certificate("other", stranger)}
    relay = scene.relay(server, settings={f"publisher {name}": section
                                          for name, section in sections.items()})
    server.sql("INSERT INTO g.t VALUES (1), (2)")
    works = ["plain", "cert", *(("short", "long") if librdkafka() >= FIXED else ())]
    for name in works:
        wait_published(relay, server, name=name)
        assert len(broker.records(f"{name}.g.t")) == 2
    for name in {"short", "long"} - set(works):
        assert "before 2.6.1" in wait_state(relay, "waiting", name=name)["problem"]
    assert "invalid" in wait_state(relay, "waiting", name="wrong")["problem"].lower()
    wait_state(relay, "waiting", name="other")
    assert not {"wrong.g.t", "other.g.t"} & broker.topics()
    assert not any(word in relay.log_text() for word in (LOGIN[1], "guess"))
