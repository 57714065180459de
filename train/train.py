"""Trains both bundled heart-disease models and writes their artefacts and golden predictions."""

import argparse
import sys
import time
from pathlib import Path

from heart.build import GOLDEN, MODELS, build, save
from heart.compare import differences

PROJECT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code: 0 done, 1 with --check where a file differs."""
    parser = argparse.ArgumentParser(
        prog="train.py",
        description=__doc__,
        epilog=f"Writes {MODELS}/VERSION/model.onnx and model.yaml, and {GOLDEN}/*.jsonl.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=PROJECT,
        metavar="DIR",
        help="folder under which the files are written (default: the project)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 if a file under DIR differs from what training gives",
    )
    options = parser.parse_args(arguments)

    start = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - start:5.1f} s] {line}", flush=True)

    files = build(report)
    if options.check:
        found = differences(files, options.out)
        for line in found:
            print(line, file=sys.stderr)
        if found:
            return 1
        report(f"checked: {len(files)} files are as training gives them")
        return 0
    save(files, options.out)
    for path, content in files.items():
        report(f"wrote {path}, {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
