"""A whole Debian 12 with systemd as its first process, in a container: for packages and services."""

import hashlib
import os
import re
import shutil
import subprocess

from lib import cache
from lib.debian import KEYRING, mirror
from lib.errors import Failure, Unavailable

BOOT_S = 240
UNIT = """
[Unit]
After=multi-user.target dbus.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/shared/script.sh >/shared/output 2>&1; echo $? >/shared/code'
ExecStopPost=/bin/systemctl --force poweroff
"""


def base(packages):
    """A tree with systemd and `packages`, made once."""
    if not shutil.which("mmdebstrap") or not shutil.which("systemd-nspawn"):
        raise Unavailable("a container needs mmdebstrap and systemd-nspawn")
    if os.geteuid() != 0:
        raise Unavailable("a container needs root")
    of = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:8]
    return cache.entry(f"debian12-machine-{of}", lambda path: _make(path, packages))


def _make(path, packages):
    done = subprocess.run(
        ["mmdebstrap", "--variant=minbase", f"--keyring=/{KEYRING}",
         f"--include={','.join(['systemd', 'adduser', 'procps', *packages])}", "bookworm",
         path / "root", mirror()],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if done.returncode != 0:
        raise Unavailable(f"no Debian 12 can be made here: {done.stdout.strip()[-300:]}")


def dependencies(package):
    """Names of what a .deb depends on."""
    told = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True,
                          check=True).stdout
    return [re.split(r"[ (|]", name.strip())[0] for name in told.split(",")]


def run(tree, shared, script, boot_s=BOOT_S):
    """Boots a copy of `tree` that is gone afterwards, runs `script` there; gives what it printed.

    The folder `shared` is /shared inside; the network is this machine's.
    """
    (shared / "script.sh").write_text(f"#!/bin/bash\n{script}")
    (shared / "script.sh").chmod(0o755)
    (shared / "script.service").write_text(UNIT)
    booted = subprocess.run(
        ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--volatile=overlay",
         f"--directory={tree}/root", f"--bind={shared}:/shared", "--link-journal=no",
         f"--bind-ro={shared}/script.service:/etc/systemd/system/script.service",
         "systemd.wants=script.service", "systemd.show_status=0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=boot_s, check=False)
    said = booted.stdout.decode(errors="replace")
    if not (shared / "output").exists():
        raise Unavailable(f"no container can be booted here: {said.strip()[-300:]}")
    output = (shared / "output").read_text(errors="replace")
    if not (shared / "code").exists() or (shared / "code").read_text().strip() != "0":
        raise Failure("the script in the container failed", output)
    return output
