"""The Debian package on a Debian 12 of its own, with systemd: install, run, upgrade, remove, purge."""

import json
import subprocess

from lib import machine
from lib.marks import limit
from lib.ports import Port
from lib.relay import ROOT
from lib.servers import REPL

CONFIG = """
[relay]
data = /var/lib/binrelay
[listener]
port = {listener}
[source main]
host = 127.0.0.1
port = {source}
user = {user}
password = {password}
server_id = {listener}
"""

SCRIPT = r"""
set -e
step() { echo "step: $*"; }
pid() { systemctl show -p MainPID --value binrelayd; }
follows() {
    for i in $(seq 300); do
        binrelay status --json >/tmp/status 2>/dev/null && grep -q '"state":"following"' /tmp/status && return
        sleep 0.1
    done
    binrelay status; systemctl status binrelayd; journalctl -u binrelayd --no-pager; false
}
export DEBIAN_FRONTEND=noninteractive

step install
dpkg -i /shared/one.deb
id binrelay
[ "$(systemctl is-enabled binrelayd)" = enabled ]
! systemctl is-active --quiet binrelayd
[ "$(stat -c '%a %U %G' /etc/binrelay)" = '750 root binrelay' ]
[ "$(stat -c '%a %U' /var/lib/binrelay)" = '750 binrelay' ]

step start
install -m 640 -g binrelay /shared/binrelay.conf /etc/binrelay/binrelay.conf
systemctl start binrelayd
follows
first=$(pid)
[ "$(ps -o user= -p $first)" = binrelay ]
grep -q '^NoNewPrivs:[[:space:]]*1' /proc/$first/status
binrelay files --json >/shared/files.one

step reload
systemctl reload binrelayd
follows
[ "$(pid)" = "$first" ]

step upgrade
dpkg -i /shared/two.deb
follows
[ "$(pid)" = "$first" ]
[ "$(readlink /proc/$first/exe)" = /usr/sbin/binrelayd ]
systemctl is-active binrelayd

step survive
kill -9 $first
follows
[ "$(pid)" != "$first" ]

step remove
dpkg -r binrelay
! pgrep -x binrelayd
[ -e /etc/binrelay/binrelay.conf ]
ls /var/lib/binrelay/binlog.000001

step again
dpkg -i /shared/two.deb
follows
binrelay files --json >/shared/files.two

step purge
dpkg -P binrelay
! pgrep -x binrelayd
! id binrelay
[ ! -e /etc/binrelay ]
[ ! -e /var/lib/binrelay ]
[ -z "$(find / -xdev -name '*binrelay*' -not -path '/shared/*' -not -path '/proc/*' -not -path '/var/lib/systemd/*' \
    -not -path '/var/log/*')" ]
step done
"""


def package(folder, name, version):
    """A package with the programs under test, as if it were this version."""
    built = subprocess.run([ROOT / "tools/deb", "--version", version, folder], check=True,
                           capture_output=True, text=True, cwd=ROOT).stdout.strip()
    path = folder / name
    (folder / built.rsplit("/", 1)[-1]).rename(path)
    return path


@limit(300)
def test_the_package_is_installed_upgraded_and_purged(scene):
    """Starts by its unit as a user of its own, keeps process and data when upgraded, and leaves nothing."""
    shared = scene.path("shared")
    shared.mkdir()
    one = package(shared, "one.deb", "1.0")
    package(shared, "two.deb", "1.1")
    tree = machine.base(machine.dependencies(one))
    source = scene.server("mariadb10")
    (shared / "binrelay.conf").write_text(CONFIG.format(
        listener=Port().number, source=source.port, user=REPL[0], password=REPL[1]))
    output = machine.run(tree, shared, SCRIPT)
    assert output.rstrip().endswith("step: done"), output
    before, after = ((shared / f"files.{name}").read_text() for name in ("one", "two"))
    held = [[json.loads(line)["name"] for line in text.splitlines()] for text in (before, after)]
    assert held[0] and held[1][:len(held[0])] == held[0], held
