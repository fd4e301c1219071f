"""Archives that only Maven's repository still has, unpacked into a folder."""

import io
import shutil
import subprocess
import tarfile
import zipfile

from lib import cache
from lib.errors import Unavailable

# Of a whole distribution only this is worth the disk.
PROGRAMS = ("mysqld", "mysql", "mysqlbinlog", "mysqldump")
RUBBISH = ("lib/plugin/debug/", "lib/mecab/", "lib/plugin/libpluginmecab")


def run(goals, cwd):
    """Runs Maven; gives its output, or raises Unavailable when it fails."""
    try:
        done = subprocess.run(["mvn", "-q", "-B", "-ntp", "-Dstyle.color=never", *goals], cwd=cwd,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError:
        raise Unavailable("Maven is not installed: run tools/deps test") from None
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
        raise Unavailable(f"mvn {goals[-1]} failed: {' '.join(errors[:3])}")
    return done.stdout


def archive(artifact, inside=""):
    """What folder `inside` of GROUP:NAME:VERSION:TYPE[:CLASSIFIER] holds, unpacked in the cache."""
    name = "-".join(artifact.split(":")[1:3])
    return cache.entry(f"maven-{name}", lambda path: _unpack(artifact, inside, path))


def _unpack(artifact, inside, path):
    download = path / "download"
    download.mkdir()
    # A repository of its own, that goes with the download: some are half a gigabyte.
    run([f"-Dmaven.repo.local={download}/repository", "dependency:copy",
         f"-DoutputDirectory={download}", f"-Dartifact={artifact}"], cwd=download)
    found = next(file for file in download.iterdir() if file.is_file())
    with zipfile.ZipFile(found) as zipped:
        tar = next((name for name in zipped.namelist() if "Linux" in name), None)
        if tar:
            with tarfile.open(fileobj=io.BytesIO(zipped.read(tar))) as inner:
                inner.extractall(path)
        else:
            _unzip(zipped, inside, path)
    shutil.rmtree(download)


def _unzip(zipped, inside, path):
    for member in zipped.infolist():
        name = member.filename.removeprefix(inside)
        if member.is_dir() or not member.filename.startswith(inside) or not _is_wanted(name):
            continue
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipped.open(member) as source, open(target, "wb") as copy:
            shutil.copyfileobj(source, copy)
        target.chmod(0o755 if name.startswith("bin/") else 0o644)


def _is_wanted(name):
    folder, _, rest = name.partition("/")
    if folder == "bin":
        return rest in PROGRAMS
    return folder == "share" or (folder == "lib" and not name.endswith(".a") and
                                 not name.startswith(RUBBISH))
