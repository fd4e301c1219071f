"""What one test sets up: its folder, its servers, its programs; all gone when the test ends."""

import contextlib
import itertools
from pathlib import Path

from lib import kinds, template
from lib.debezium import Debezium
from lib.process import Process
from lib.relay import Relay
from lib.servers import Server


class Scene:
    """The argument of every test in tests/integration and tests/e2e.

    What is made through it is stopped in reverse order at the end, passed or not, and tells its
    last log lines when the test failed.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._end = contextlib.ExitStack()
        self._actors = []
        self._numbers = itertools.count()

    def path(self, name):
        """A new name for a file or folder of this test; the number keeps equal names apart."""
        return self.folder / f"{next(self._numbers)}-{name}"

    def server(self, kind_name, **options):
        """A started server; see servers.Server for the options."""
        kind = kinds.kind(kind_name)
        folder = self.path(kind_name)
        folder.mkdir()
        template.copy_to(kind, folder / "data")
        return self.add(Server(kind, folder, **options)).start()

    def relay(self, source, *, start=True, **options):
        """A relay that follows `source`; see relay.Relay for the options."""
        relay = self.add(Relay(self.path("relay"), source, **options))
        return relay.start() if start else relay

    def debezium(self, server, db, **options):
        """The real Debezium connector of the server's family, following it; see debezium.py."""
        return self.add(Debezium(self.path("debezium"), server, db, **options)).wait_streaming()

    def process(self, name, *argv, **settings):
        """Any other program that shall run meanwhile."""
        return self.add(Process(name, argv, self.path(f"{name}.log"), **settings))

    def add(self, actor):
        """Registers something with destroy() and a log."""
        self._actors.append(actor)
        self._end.callback(actor.destroy)
        return actor

    def finally_do(self, function, *args):
        """Called at the end, passed or not, before what was set up earlier is stopped."""
        self._end.callback(function, *args)

    def close(self):
        self._end.close()

    def tails(self):
        """The last log lines of all that ran here, for a person looking at a failure."""
        return "\n".join(actor.tail() for actor in self._actors)
