"""Binlog clients of other people, each as a command that consumes a stream; see tests/clients."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from lib import cache, maven
from lib.errors import Failure, Unavailable

FOLDER = Path(__file__).resolve().parents[1] / "clients"
PYTHON_LIBRARY = "mysql-replication==1.0.17"


def command(name):
    """(argv without the arguments, additional environment) of "python", "java", "jdbc" or "go"."""
    return {"python": _python, "java": _java, "jdbc": _jdbc, "go": _go}[name]()


def _version_of(folder):
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def _python():
    library = cache.entry(f"python-{PYTHON_LIBRARY.replace('==', '-')}", _fetch_python)
    return [sys.executable, FOLDER / "python_replication.py"], {"PYTHONPATH": str(library)}


def _fetch_python(path):
    """With what it depends on; unpacked, so that nothing is installed."""
    _run(["python3", "-m", "pip", "download", "-q", "--only-binary=:all:", "--dest", path,
          PYTHON_LIBRARY], "python3-pip is not installed: run tools/deps test")
    for wheel in path.glob("*.whl"):
        with zipfile.ZipFile(wheel) as zipped:
            zipped.extractall(path)
        wheel.unlink()


def _java(name="java", program="JavaReplication"):
    folder = FOLDER / name
    jars = cache.entry(f"client-{name}-{_version_of(folder)}",
                       lambda path: _build_java(folder, path))
    return ["java", "-Xmx128m", "-XX:+UseSerialGC", "-cp", f"{jars}/*", program], {}


def _jdbc():
    return _java("jdbc", "JdbcTalk")


def _build_java(folder, path):
    project = path / "project"
    shutil.copytree(folder, project)
    try:
        maven.run([f"-DoutputDirectory={path}", "package", "dependency:copy-dependencies"],
                  cwd=project)
    except Unavailable as refusal:
        if "COMPILATION ERROR" in str(refusal):
            raise Failure(f"{folder} does not compile: {refusal}") from None
        raise
    for jar in (project / "target").glob("*.jar"):
        shutil.move(jar, path)
    shutil.rmtree(project)


def _go():
    folder = FOLDER / "go"
    built = cache.entry(f"client-go-{_version_of(folder)}", lambda path: _build_go(folder, path))
    return [built / "goreplication"], {}


def _build_go(folder, path):
    _run(["go", "build", "-o", path / "goreplication", "."], "Go is not installed", cwd=folder,
         env={**os.environ, "GOCACHE": str(path / "cache"), "GOPATH": str(path / "path"),
              "GOFLAGS": "-modcacherw"})
    shutil.rmtree(path / "cache")
    shutil.rmtree(path / "path")


def _run(argv, how_to_get, **settings):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, text=True, **settings)
    except FileNotFoundError:
        raise Unavailable(how_to_get) from None
    if done.returncode != 0:
        raise Unavailable(f"{argv[0]} failed: {done.stdout.strip()[-300:]}")
