"""Debian packages of any suite, unpacked into a folder and run there: no root, no chroot."""

import os
import platform
import re
import subprocess

from lib import cache
from lib.errors import Unavailable

KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"
# Its packages can be checked with any keyring in use, and bring the keys of the suites after it.
OLD_SUITE = "bullseye"


def mirror():
    """The mirror that apt is set to; where that has no Debian (Ubuntu), it has to be told."""
    told = os.environ.get("BINRELAY_DEBIAN_MIRROR")
    if told:
        return told.rstrip("/")
    indexes = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)",
         "Created-By: Packages"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"^Debian main (\S+)$", indexes, re.MULTILINE)
    if not match:
        raise Unavailable("apt knows no mirror of Debian here: name one in BINRELAY_DEBIAN_MIRROR")
    return match.group(1).rstrip("/")


# apt with a state of its own: it believes nothing is installed and fetches all down to libc.
# A mirror not refreshed for weeks is as good as any: signatures are checked, dates are not.
APT_CONF = """
#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "2";
Dir::Cache "{home}/cache";
Dir::Etc::sourcelist "{home}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
Dir::State "{home}/state";
Dir::State::status "{home}/status";
"""


def tree(name, suite, packages):
    """The folder `name` in the cache with `packages` of `suite` and all they depend on."""
    return cache.entry(name, lambda path: _unpack(path, suite, packages))


def package(name, suite, wanted):
    """The folder `name` in the cache with that one package alone, for what lies beside programs."""
    return cache.entry(name, lambda path: _unpack(path, suite, [wanted], alone=True))


class _UnknownKey(Unavailable):
    """The keyring is older than the suite."""


def _newer_keyring():
    """Ubuntu 22.04's knows no later suite than bullseye, but bullseye's own does."""
    return tree("debian-keyring", OLD_SUITE, ["debian-archive-keyring"]) / KEYRING


def _unpack(path, suite, packages, alone=False):
    home = path / "apt"
    for part in ("cache/archives/partial", "state/lists/partial"):
        (home / part).mkdir(parents=True)
    (home / "status").touch()
    (home / "apt.conf").write_text(APT_CONF.format(home=home))
    try:
        _update(home, suite, f"/{KEYRING}")
    except _UnknownKey:
        _update(home, suite, _newer_keyring())
    if alone:
        _apt(home, suite, "download", "-q", *packages, cwd=home / "cache/archives")
    else:
        _apt(home, suite, "install", "-q", "-y", "--download-only", *packages)
    # As systems are today; packages of older suites then land in the same folders.
    for folder in ("lib", "bin", "sbin"):
        (path / "usr" / folder).mkdir(parents=True)
        (path / folder).symlink_to(f"usr/{folder}")
    for package in sorted((home / "cache/archives").glob("*.deb")):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package],
                              stdout=subprocess.PIPE) as files:
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner",
                            "-C", path], stdin=files.stdout, check=True)
    rubbish = [home, path / "usr/share/doc", path / "usr/share/man", path / "usr/share/locale"]
    subprocess.run(["rm", "-rf", *rubbish], check=True)


def _update(home, suite, keyring):
    (home / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror()} {suite} main\n")
    _apt(home, suite, "update", "-q", "--error-on=any")


def _apt(home, suite, *args, cwd=None):
    done = subprocess.run(["apt-get", "-c", home / "apt.conf", *args], check=False, cwd=cwd,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if line.startswith(("E:", "Err:"))]
        kind = _UnknownKey if "NO_PUBKEY" in done.stdout else Unavailable
        raise kind(f"Debian {suite} cannot be downloaded: {'; '.join(errors[-2:])}")


def run_in_place(path, program):
    """The start of a command that runs `program` of a tree with the tree's own libraries."""
    if not (path / program).exists():
        raise Unavailable(f"{path.name} comes without {program}")
    libraries = path / "usr/lib" / f"{platform.machine()}-linux-gnu"
    loader = next(libraries.glob("ld-linux*.so.*"))
    return [str(loader), "--library-path", str(libraries), str(path / program)]
