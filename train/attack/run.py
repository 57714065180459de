"""Train, convert, score, compare, count. See README.md beside this file."""

import argparse
import collections
import importlib
import sys
import warnings
from pathlib import Path

import onnx
from case import VERDICTS, Outcome, attempt
from engine import Engine

# The module of each group of cases.
GROUPS = dict.fromkeys(("trees", "linear", "neighbours", "others"), "estimators")
GROUPS |= {name: name for name in ("tabular", "boosted", "handmade")}


def main() -> int:
    """Run the groups and print the table; the exit code is 1 where a fault was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answer", help="the program built from train/attack/answer")
    parser.add_argument("--group", action="append", choices=GROUPS)
    parser.add_argument("--only", default="", help="part of an estimator's name")
    parser.add_argument("--keep", type=Path, help="folder for the files that are not exact")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes: list[Outcome] = []
    engine = Engine(args.answer)
    try:
        for group in args.group or GROUPS:
            for case in importlib.import_module(GROUPS[group]).cases(args.only, group):
                outcome = attempt(case, engine)
                if outcome.model:
                    outcome.operators = operators(outcome.model)
                report(outcome, args.keep, len(outcomes))
                outcome.model = b""
                case.inputs, case.answers = {}, {}
                outcomes.append(outcome)
    finally:  # what was tried counts, also where the rest is not waited for
        engine.close()
        table(outcomes)
    return int(any(o.verdict == "FAULT" for o in outcomes))


def operators(model: bytes) -> set[str]:
    """Name the operators of a file with their operator sets."""
    m = onnx.load_from_string(model)
    sets = {o.domain: o.version for o in m.opset_import}
    return {f"{n.domain or 'ai.onnx'} {n.op_type} {sets.get(n.domain, 1)}" for n in m.graph.node}


def report(outcome: Outcome, keep: Path | None, number: int) -> None:
    """Print one line for all that is not exact."""
    if outcome.verdict == "exact":
        return
    case = outcome.case
    print(f"{outcome.verdict}\t{case.estimator}\t{case.variant}\t{outcome.detail}", flush=True)
    if keep and outcome.model and outcome.verdict != "converter":
        keep.mkdir(parents=True, exist_ok=True)
        name = f"{number:05d}-{outcome.verdict}-{case.estimator}.onnx".replace("/", "_")
        (keep / name).write_bytes(outcome.model)


def table(outcomes: list[Outcome]) -> None:
    """Print the counts by estimator and verdict, and the operators seen."""
    counts: dict[str, collections.Counter] = {}
    for o in outcomes:
        counts.setdefault(o.case.estimator, collections.Counter())[o.verdict] += 1
    print("\n| Estimator | tried | " + " | ".join(VERDICTS) + " |")
    print("|---" * (len(VERDICTS) + 2) + "|")
    total: collections.Counter = collections.Counter()
    for name in sorted(counts):
        c = counts[name]
        total += c
        print(f"| {name} | {c.total()} | " + " | ".join(str(c[v]) for v in VERDICTS) + " |")
    print(f"| all | {total.total()} | " + " | ".join(str(total[v]) for v in VERDICTS) + " |")
    seen = sorted(set().union(*(o.operators for o in outcomes)))
    print(f"\n{len(seen)} operators in the files: {', '.join(seen)}")


if __name__ == "__main__":
    sys.exit(main())
