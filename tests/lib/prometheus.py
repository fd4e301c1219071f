"""A real Prometheus that scrapes a relay and judges by the project's alert rules, made impatient."""

import contextlib
import json
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request

from lib import wait
from lib.errors import Failure, Unavailable
from lib.ports import Port
from lib.process import Process
from lib.relay import ROOT

RULES = ROOT / "conf/prometheus-binrelay.rules.yml"
START_S = 60

CONFIG = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: binrelay
    static_configs: [{{ targets: ["{host}:{port}"] }}]
"""


def impatient(rules):
    """The same rules, but that nothing has to last and lags of more than a second count."""
    rules, waits = re.subn(r"(\n +for:) \w+", r"\1 0s", rules)
    rules, lags = re.subn(r"(_lag_seconds >) \d+", r"\1 1", rules)
    if waits != rules.count("- alert:") or lags == 0:
        raise Failure(f"{RULES} is not as it was: {waits} times, {lags} lags")
    return rules


class Prometheus:
    """Runs until the test's end."""

    def __init__(self, folder, relay):
        folder.mkdir()
        program = shutil.which("prometheus")
        if not program:
            raise Unavailable("Prometheus (Debian's package prometheus) is not installed")
        self._port = Port()
        rules, config = folder / "rules.yml", folder / "prometheus.yml"
        rules.write_text(impatient(RULES.read_text()))
        config.write_text(CONFIG.format(rules=rules, host=relay.host, port=relay.http_port))
        self.process = Process("prometheus", [
            program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port.number}"], folder / "prometheus.log")
        wait.until(self._ready, START_S, lambda: f"Prometheus\n{self.tail()}")

    def _ready(self):
        self.process.must_run()
        with contextlib.suppress(OSError):
            return self._get("/-/ready")
        return None

    def _get(self, path):
        url = f"http://127.0.0.1:{self._port.number}{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()

    def firing(self):
        """Names of the alerts that fire now."""
        alerts = json.loads(self._get("/api/v1/alerts"))["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def rules(self):
        """Names of all rules that it has loaded, and what it has against them."""
        groups = json.loads(self._get("/api/v1/rules"))["data"]["groups"]
        return {rule["name"]: rule.get("lastError") for group in groups for rule in group["rules"]}

    def query(self, expression):
        """The result; Failure for one that it can't read."""
        try:
            return json.loads(self._get("/api/v1/query?" + urllib.parse.urlencode(
                {"query": expression})))["data"]["result"]
        except urllib.error.HTTPError as error:
            raise Failure(f"Prometheus refuses {expression}", error.read().decode()) from None

    def tail(self):
        return self.process.tail()

    def destroy(self):
        self.process.kill9()
        self._port.release()
