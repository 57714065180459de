"""Loads one model file in a fresh process and tells how long it took and what it holds."""

import gc
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from base import Model

LOADS = 5
ENOUGH_MS = 2000
"""Files that take longer are not loaded so often."""


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmRSS")


Way = tuple[Path, Callable[[], object], Callable[[object], object]]
"""The file, what loads it, and what scores the first row with what was loaded."""


def onnxruntime_way(model: Model) -> Way:
    """ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    file = model.directory / "model.onnx"
    session = partial(
        onnxruntime.InferenceSession, file, options, providers=["CPUExecutionProvider"]
    )
    return file, session, lambda m: m.run(None, model.feed(0, 1))


def xgboost_way(model: Model) -> Way:
    """XGBoost's own binary JSON."""
    import xgboost

    file = model.directory / "model.ubj"
    load = partial(xgboost.Booster, params={"nthread": 1}, model_file=file)
    return file, load, lambda m: m.inplace_predict(model.rows.numbers[:1])


def lightgbm_way(model: Model) -> Way:
    """LightGBM's text."""
    import lightgbm

    file, row = model.directory / "model.txt", model.rows.numbers[:1].astype(np.float64)
    load = partial(lightgbm.Booster, model_file=str(file))
    return file, load, lambda m: m.predict(row, num_threads=1)


def catboost_way(model: Model) -> Way:
    """CatBoost's own binary form, its fastest."""
    import catboost

    file, row = model.directory / "model.cbm", model.rows.numbers[:1]
    return (
        file,
        lambda: catboost.CatBoostClassifier().load_model(str(file)),
        lambda m: m.predict(row, thread_count=1),
    )


def sklearn_way(model: Model) -> Way:
    """scikit-learn's pickle; the modules that it names are imported before."""
    import joblib
    import pandas
    import sklearn.compose
    import sklearn.ensemble
    import sklearn.impute
    import sklearn.linear_model  # noqa: F401

    file, row = model.directory / "model.joblib", model.rows.numbers[:1]
    if model.rows.texts.size:
        row = pandas.DataFrame(model.rows.frame())[:1]
    return file, partial(joblib.load, file), lambda m: m.predict_proba(row)


WAYS = {
    "ort": onnxruntime_way,
    "xgboost": xgboost_way,
    "lightgbm": lightgbm_way,
    "catboost": catboost_way,
    "sklearn": sklearn_way,
}


def main(directory: Path, way: str) -> None:
    """Load, score one row, load again a few times."""
    file, load, score = WAYS[way](Model.read(directory))
    gc.collect()
    before, times = resident(), []
    for i in range(1 + LOADS):
        began = time.perf_counter()
        loaded = load()
        times.append((time.perf_counter() - began) * 1000)
        if i == 0:
            score(loaded)
            after = resident()
        del loaded
        gc.collect()
        if sum(times) > ENOUGH_MS and i:
            break
    print(
        json.dumps(
            {
                "id": way,
                "bytes": file.stat().st_size,
                "first_ms": times[0],
                "min_ms": min(times),
                "rss_before": before,
                "rss_after": after,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
