"""README, word for word, on a Debian 12 where nothing is installed."""

import os
import re
import shutil
import subprocess

from lib import machine
from lib.errors import Unavailable
from lib.marks import limit
from lib.relay import ROOT


def block_under(title):
    """The first lines for a shell under a headline of README, without comments and without sudo."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.search(r"```sh\n(.*?)```", section, re.DOTALL).group(1).splitlines()
    return [re.sub(r"^sudo ", "", line.split("#")[0].strip()) for line in lines]


@limit(900)
def test_readme_builds_and_installs_on_a_bare_system(scene):
    """Each command of "Build and install" works, and what is installed starts and reads its own sample."""
    if os.environ.get("BINRELAY_TEST_ALL") != "1":
        raise Unavailable("builds everything once more: BINRELAY_TEST_ALL=1 does it")
    shared = scene.path("shared")
    shared.mkdir()
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True,
                           text=True).stdout.split("\0")
    for name in filter(None, files):
        (shared / "binrelay" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, shared / "binrelay" / name)
    commands = block_under("Build and install")
    assert "make" in commands and "make install" in commands, commands
    script = "\n".join(["set -ex", "export DEBIAN_FRONTEND=noninteractive", "cd /shared/binrelay",
                        *commands, "binrelayd --version", "binrelay --help",
                        "binrelayd --print-sample >/tmp/sample", "! binrelayd --check /tmp/sample",
                        "echo done"])
    output = machine.run(machine.base([]), shared, script, boot_s=800)
    assert output.rstrip().endswith("done"), output
