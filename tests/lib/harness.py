"""Finds the tests, builds, runs them and says what became of each; tests/run starts it."""

import argparse
import importlib.util
import inspect
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lib import build, unit
from lib.result import FAIL, OK, SKIP, Result

SUITES = ("unit", "integration", "e2e")
# How many tests that start servers run at a time.
JOBS = 2
POLL_S = 0.05
# A failed test gets a second try, alone, when all others are done: real servers on a busy machine miss
# a time limit now and then. More failures than this are no accident.
SECOND_TRIES = 3


def main():
    args = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    session = Session(args)
    try:
        if args.list:
            session.list()
            return 0
        if args.no_build or session.prepare():
            session.run()
    except KeyboardInterrupt:
        session.record(Result("interrupted", FAIL))
    return session.summary()


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="tests/run", description="Installs what is missing, builds, and runs the tests.",
        epilog="The last line is always: N passed, N failed, N skipped.")
    parser.add_argument("suites", nargs="*", metavar="unit|integration|e2e",
                        help="which tests (default: all)")
    parser.add_argument("-k", metavar="NAME", default="", dest="name",
                        help="only tests with NAME in their name")
    parser.add_argument("--list", action="store_true", help="print names and promises, run nothing")
    parser.add_argument("--keep", action="store_true",
                        help="leave the folders of tests (data, logs) behind")
    parser.add_argument("--no-build", action="store_true", help="run what is built already")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="show the output of tests that pass, too")
    args = parser.parse_args()
    for suite in args.suites:
        if suite not in SUITES:
            parser.error(f"no suite '{suite}'; there are {', '.join(SUITES)}")
    args.suites = args.suites or SUITES
    return args


class Session:
    """One call of tests/run."""

    def __init__(self, args):
        self.args = args
        self.results = []
        self.failed_tests = {}

    def record(self, result):
        self.results.append(result)
        result.show(self.args.verbose)

    def summary(self):
        """Prints what failed once more, and the last line; gives the exit code."""
        for title, names in (
                ("failed", [r.name for r in self.results if r.verdict == FAIL]),
                ("passed at the second try only", [r.name for r in self.results
                                                 if r.second_try and r.verdict == OK])):
            if names:
                print(f"{title}:", *names, sep="\n    ")
        ok, failed, skipped = (sum(r.verdict == verdict for r in self.results)
                               for verdict in (OK, FAIL, SKIP))
        print(f"{ok} passed, {failed} failed, {skipped} skipped", flush=True)
        return 0 if ok and not failed else 1

    def wanted(self, name):
        return self.args.name in name

    # --- before the tests

    def prepare(self):
        """Packages, then the build; False when there is nothing to go on with."""
        groups = ["build", "test", *(["lint"] if "unit" in self.args.suites else [])]
        targets = ["all", *(["tests"] if "unit" in self.args.suites else [])]
        start = time.monotonic()
        # It says itself what it installs, and what to do where it may not.
        done = subprocess.run([ROOT / "tools/deps", *groups], stdin=subprocess.DEVNULL, check=False)
        failed, output = f"exit code {done.returncode}" if done.returncode else "", ""
        step = "packages"
        if not failed:
            step = "build"
            failed, output = build.make(ROOT, f"-j{os.cpu_count()}", *targets)
        if failed:
            tail = "\n".join(output.splitlines()[-60:])
            self.record(Result(step, FAIL, time.monotonic() - start, failed, tail))
        return not failed

    # --- the tests

    def list(self):
        for suite in self.args.suites:
            tests = ([test for group in unit.find(ROOT) for test in group.tests()]
                     if suite == "unit" else
                     [(test.name, test.promise) for test in find_functions(suite)])
            for name, promise in tests:
                if self.wanted(name):
                    print(f"{name:<88} {promise}")

    def run(self):
        if "unit" in self.args.suites:
            for group in unit.find(ROOT):
                if any(self.wanted(name) for name, _ in group.tests()):
                    for result in group.run(self.wanted):
                        self.record(result)
        for suite in self.args.suites:
            if suite != "unit":
                self.run_functions([t for t in find_functions(suite) if self.wanted(t.name)])
        self.try_again()

    def try_again(self):
        """Those of the servers' tests that failed, one after another."""
        again = dict(self.failed_tests)
        if len(again) <= SECOND_TRIES and not self.args.name:
            for test, first in again.items():
                self.results.remove(first)
                self.run_functions([test], second_try=True)

    def run_functions(self, tests, second_try=False):
        """Up to JOBS at a time, shown in order; on Ctrl-C those that run are ended first."""
        from lib import isolated  # needs pymysql, which may have to be installed first

        isolated.adopt_orphans()
        folder = Path(tempfile.mkdtemp(prefix="brt-"))
        runs, results, shown = {}, {}, 0
        try:
            while shown < len(tests):
                begun = len(runs) + len(results)
                while begun < len(tests) and may_begin(tests[begun], runs):
                    runs[begun] = tests[begun].start(folder / str(begun))
                    begun += 1
                time.sleep(POLL_S)
                self._collect(runs, results)
                while shown in results:
                    results[shown].second_try = second_try
                    self.record(results[shown])
                    if results[shown].verdict == FAIL:
                        self.failed_tests[tests[shown]] = results[shown]
                    shown += 1
        finally:
            self._end(runs)
            if self.args.keep:
                print(f"kept: {folder}")
            else:
                folder.rmdir()

    def _collect(self, runs, results):
        for index, run in list(runs.items()):
            result = run.poll()
            if result is not None:
                results[index] = result
                del runs[index]
                if not self.args.keep:
                    run.remove_folder()

    def _end(self, runs):
        for run in runs.values():
            run.terminate()
        while runs:
            time.sleep(POLL_S)
            self._collect(runs, {})


def may_begin(test, runs):
    if not runs:
        return True
    return len(runs) < JOBS and not test.alone and not any(r.test.alone for r in runs.values())


def find_functions(suite):
    """The tests of a suite, in the order in which they stand in their files."""
    from lib.isolated import Test  # needs pymysql, which may have to be installed first

    tests = []
    for path in sorted((ROOT / "tests" / suite).glob("test_*.py")):
        for function in load_functions(suite, path):
            tests += [Test(suite, path.stem.removeprefix("test_"), function, value)
                      for value in getattr(function, "each", (None,))]
    return tests


def load_functions(suite, path):
    spec = importlib.util.spec_from_file_location(f"{suite}.{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a mistake in one file must not hide the others
        def test_file_loads(_scene, error=error):
            raise error
        return [test_file_loads]
    return [function for name, function in vars(module).items()
            if name.startswith("test_") and inspect.isfunction(function)]


if __name__ == "__main__":
    sys.exit(main())
