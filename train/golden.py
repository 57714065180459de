"""Make the golden set of engine/testdata/golden again, or add to it.

    python train/golden.py OUT                     every case
    python train/golden.py OUT --only xgb_binary   some of them
    python train/golden.py --list                  their names

Not all of the training frameworks are among train/requirements.txt, because training the served
model does not need them; golden-requirements.txt pins them. golden/ holds the parts of the set.
"""

import argparse
import fnmatch
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "golden"

# The parts of the set: modules of the folder golden with a function makers(), which gives pairs of
# a case's name and a function that writes the case below a folder. A module is imported only when
# its part is asked for, because parts need different frameworks.
PARTS = ["native", "more", "sklearn_cases", "pipelines"]


def makers(parts: list[str]) -> dict[str, Callable[[Path], object]]:
    """Collect the cases of some parts."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    out: dict[str, Callable[[Path], object]] = {}
    for part in parts:
        for name, make in importlib.import_module(part).makers():
            if name in out:
                raise ValueError(f"two parts make the case {name}")
            out[name] = make
    return out


def main(argv: list[str]) -> int:
    """Write the cases that were asked for."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", type=Path, nargs="?", help="folder that gets a folder for each case")
    p.add_argument("--only", default="*", help="names to make; * stands for any letters")
    p.add_argument("--part", choices=PARTS, action="append", help="only this part of the set")
    p.add_argument("--list", action="store_true", help="print the names")
    args = p.parse_args(argv)
    chosen = {n: m for n, m in makers(args.part or PARTS).items() if fnmatch.fnmatch(n, args.only)}
    if not chosen:
        p.error(f"no case is named {args.only}")
    if args.list:
        print("\n".join(chosen))
        return 0
    if args.out is None:
        p.error("the folder is missing")
    for name, make in chosen.items():
        make(args.out)
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
