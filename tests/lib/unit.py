"""The suite `unit`: the programs and checks of `make check`, each cmocka test case counted."""

import os
import re
import subprocess
import time

from lib import build
from lib.process import describe_exit
from lib.result import FAIL, OK, SKIP, Result

LIMIT_S = 300

# Folders of cmocka programs, and the other parts of `make check`.
FOLDERS = ("unit", "golden", "sim")
CHECKS = ("fuzz-corpus", "layers", "banned", "docs-check", "format-check", "lint",
          "clang", "sanitized")

# How a source names its cases: by cmocka's macros, or by its own short forms of them.
CASE = r"\b(?:cmocka_unit_test(?:_\w+)?%s)\(\s*(\w+)"
SHORT_FORM = re.compile(r"^#define (\w+)\(.*\bcmocka_unit_test", re.MULTILINE)
PREPROCESSOR = re.compile(r"^#.*", re.MULTILINE)
# cmocka's own words, as it prints them while it goes: a crash leaves a RUN without an end.
LINE = re.compile(r"^\[\s*(RUN|OK|FAILED|SKIPPED)\s*\] (\w+)$")
VERDICTS = {"OK": OK, "FAILED": FAIL, "SKIPPED": SKIP}


class Program:
    """One cmocka program: several test cases, known from its source, run together."""

    def __init__(self, root, source):
        self.root = root
        self.path = root / "build" / source.relative_to(root).with_suffix("")
        self.prefix = f"{source.parent.name}/{source.stem}"
        self.cases = cases_in(source.read_text())

    def tests(self):
        """(name, promise) of each case; the promise is in the name's words."""
        return [(f"{self.prefix}.{case}", case.replace("_", " ")) for case in self.cases]

    def run(self, wanted):
        if not self.path.exists():
            yield Result(self.prefix, FAIL, reason=f"{self.path} is not built")
            return
        start = time.monotonic()
        # Line by line, else what it said before a crash is lost.
        ended, output = _run(["stdbuf", "-oL", str(self.path)], self.root)
        seconds = time.monotonic() - start
        seen = self._parse(output)
        for case in dict.fromkeys([*self.cases, *seen]):
            verdict, text = seen.get(case, (FAIL, ""))
            result = Result(f"{self.prefix}.{case}", verdict)
            if verdict == FAIL:
                result.output = text
            elif verdict == SKIP:
                result.reason = "it said so itself"
            if not wanted(result.name):
                continue
            if case not in seen:
                result.reason = f"did not run: the program ended with {ended}"
                result.output = output[-2000:]
            yield result
        if ended and all(verdict != FAIL for verdict, _ in seen.values()):
            yield Result(f"{self.prefix} (the program)", FAIL, seconds,
                         f"it ended with {ended}", output[-4000:])

    def _parse(self, output):
        seen, running, text = {}, None, []
        for line in output.splitlines():
            match = LINE.match(line)
            if not match:
                text.append(line)
                continue
            word, case = match.groups()
            if word == "RUN":
                running, text = case, []
                seen[case] = (FAIL, "it did not come to its end")
            elif case == running:
                seen[case] = (VERDICTS[word], "\n".join(text))
                running = None
        if running:
            seen[running] = (FAIL, "\n".join(["it did not come to its end", *text]))
        return seen


def cases_in(source):
    """The names of a program's cases, in order, each once."""
    pattern = CASE % "".join(f"|{name}" for name in SHORT_FORM.findall(source))
    return list(dict.fromkeys(re.findall(pattern, PREPROCESSOR.sub("", source))))


class Check:
    """Another part of `make check`, by the name of its make target."""

    def __init__(self, root, target):
        self.root = root
        self.target = target
        self.name = f"check/{target}"

    def tests(self):
        return [(self.name, f"make {self.target} passes")]

    def run(self, _wanted):
        start = time.monotonic()
        ended, output = build.make(self.root, f"-j{os.cpu_count()}", self.target)
        tail = "\n".join(output.splitlines()[-60:])
        yield Result(self.name, FAIL if ended else OK, time.monotonic() - start,
                     f"make {self.target}: {ended}" if ended else "", tail if ended else "")


def _run(argv, cwd):
    """('', output) after exit code 0; else how it ended."""
    with subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as child:
        try:
            output, _ = child.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
            return f"no end after {LIMIT_S} s", output
        except BaseException:
            child.kill()
            raise
    return (describe_exit(child.returncode) if child.returncode else ""), output


def find(root):
    """Programs first: they are quick and tell more."""
    programs = [Program(root, source) for folder in FOLDERS
                for source in sorted((root / "tests" / folder).glob("test_*.c"))]
    return [*programs, *(Check(root, target) for target in CHECKS)]
