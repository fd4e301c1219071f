"""The life that servers and the relay share: a process that is started, stopped, killed, restarted."""

from lib.errors import Failure


class Daemon:
    """Has `process` (None before its first start), `_port`, a name by str(), and start()."""

    process = None

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.running()

    def stop(self):
        """In order (a server's last binlog ends with a STOP event); any exit code but 0 fails."""
        code = self.process.stop()
        if code != 0:
            raise Failure(f"{self} ended with exit code {code}", self.tail())

    def kill9(self):
        """As a crash would; start() afterwards recovers."""
        self.process.kill9()

    def restart(self):
        self.stop()
        return self.start()

    def destroy(self):
        """At the end of a test: gone, whatever state it was in."""
        if self.running():
            self.process.kill9()
        self._port.release()

    def tail(self):
        return self.process.tail() if self.process else f"({self} was never started)"
