"""The reader's own limit: peers/sender, which has the stream in memory and nothing to do but send."""

from lib import relay as relays, wait

START_S = 120


class Sender:
    """Hands out what the relay's files hold, in the clear and through TLS with its certificate."""

    def __init__(self, scene, relay):
        self.host = "127.0.0.1"
        self.process = scene.process("sender", relays.program("peers/sender"), "--pem",
                                     relay.data / "tls.pem", *relay.files())
        self.pid = self.process.pid
        wait.until(self._listens, START_S, "the sender's start")

    def __str__(self):
        return f"the sender on port {self.port}"

    def _listens(self):
        self.process.must_run()
        said = self.process.log.read_text(encoding="ascii")
        self.port = int(said.split()[-1]) if said.endswith("\n") else 0
        return self.port != 0

    def stop(self):
        self.process.kill9()
