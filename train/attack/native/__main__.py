"""Attack the readers of XGBoost, LightGBM and CatBoost files with models of many settings.

Each case trains a model, asks the framework about rows at the edges (thresholds hit exactly and
one unit beside, missing cells, infinities, categories never seen), asks our engine the same, and
prints where they differ. A setting that the framework's version refuses is counted as not
trained. See train/attack/README.md.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import traceback
import warnings
from pathlib import Path

from cases import Scorer

MEMORY = 6 << 30  # a framework that wants more, as some do for odd settings, gets an error


def main() -> int:
    """Run one framework's cases."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("framework", choices=["xgboost", "lightgbm", "catboost"])
    p.add_argument("--answer", required=True, help="the program built from train/attack/answer")
    p.add_argument("--out", type=Path, required=True, help="folder for the models")
    p.add_argument("--only", default="", help="run cases whose name has this in it")
    p.add_argument("-v", action="store_true", help="say why a case was not trained")
    args = p.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    args.out.mkdir(parents=True, exist_ok=True)
    module = importlib.import_module(args.framework + "_cases")
    scorer = Scorer(args.answer)
    models = rows = untrained = wrong = 0
    for make in module.all_cases(args.out):
        try:
            cases = make()
        except Exception as e:
            untrained += 1
            if args.v:
                where = traceback.extract_tb(e.__traceback__)[-1].lineno
                names = dict(zip(make.__code__.co_varnames, make.__defaults__ or ()))
                why = str(e).replace("\n", " ")[:200]
                print(f"not trained: {names.get('name', make.__name__)} (line {where}): {why}")
            continue
        for case in cases:
            if args.only not in case.name:
                continue
            models, rows = models + 1, rows + len(case.rows)
            found = scorer.check(case, module.KIND)
            if found:
                wrong += 1
                print(f"{case.name}: " + "; ".join(found)[:600], flush=True)
    scorer.close()
    version = sys.modules[args.framework].__version__
    print(
        f"{args.framework} {version}: {models} model files, {rows} rows, {wrong} wrong, "
        f"{untrained} settings not trained"
    )
    return 1 if wrong or not models else 0


if __name__ == "__main__":
    sys.exit(main())
