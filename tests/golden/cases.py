"""The command line of the recorded cases: finds them, compares each, and counts."""
import argparse
import os
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def run(compare, what, folder, args, skip):
    """compare(program, path) gives the differences of a case; `what`: how they are called."""
    paths = sorted(os.path.join(d, f) for d, _, files in os.walk(folder) for f in files
                   if f.endswith(".json") and not (skip and f.endswith(skip))
                   and args.k in os.path.join(d, f))
    failed = 0
    for path in paths:
        try:
            found = compare(args.program, path)
        except (RuntimeError, ValueError, KeyError, IndexError) as e:
            found = [f"{type(e).__name__}: {e}"]
        failed += bool(found)
        if found or args.v:
            print(f"{'FAIL' if found else 'ok  '} {os.path.relpath(path, folder)}")
        for text in found[:1 if not args.v else 5]:
            print(f"  {text}")
    print(f"{len(paths) - failed} of {len(paths)} {what} are equal")
    return 1 if failed or not paths else 0


def main(compare, archive, what, skip=None):
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("--data", default=os.path.join(HERE, archive))
    p.add_argument("-k", default="")
    p.add_argument("-v", action="store_true")
    args = p.parse_args()
    if os.path.isdir(args.data):
        sys.exit(run(compare, what, args.data, args, skip))
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(args.data) as tar:
            tar.extractall(folder)
        sys.exit(run(compare, what, folder, args, skip))
