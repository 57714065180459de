"""Loads one model file in a fresh process and tells how long it took and what it holds."""

import gc
import json
import sys
import time
from pathlib import Path

import numpy as np
from peers import Model

LOADS = 5
ENOUGH_MS = 2000
"""Files that take longer are not loaded so often."""


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmRSS")


def main(directory: Path, way: str) -> None:
    """Load, score one row, load again a few times."""
    model = Model.read(directory)
    one = Model(model.directory, model.kind, model.inputs, model.native, type(model.rows)(model.rows.numbers[:1], model.rows.texts[:1]))
    X = np.ascontiguousarray(one.rows.numbers)
    if way == "ort":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        file = directory / "model.onnx"
        load = lambda: onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])  # noqa: E731
        score = lambda m: m.run(None, one.feed(0, 1))  # noqa: E731
    elif way == "xgboost":
        import xgboost

        file = directory / "model.ubj"
        load = lambda: xgboost.Booster(params={"nthread": 1}, model_file=file)  # noqa: E731
        score = lambda m: m.inplace_predict(X)  # noqa: E731
    elif way == "lightgbm":
        import lightgbm

        file = directory / "model.txt"
        load = lambda: lightgbm.Booster(model_file=str(file))  # noqa: E731
        score = lambda m: m.predict(X.astype(np.float64), num_threads=1)  # noqa: E731
    elif way == "catboost":
        import catboost

        file = directory / "model.cbm"
        load = lambda: catboost.CatBoostClassifier().load_model(str(file))  # noqa: E731
        score = lambda m: m.predict(X, thread_count=1)  # noqa: E731
    else:
        import joblib
        import pandas
        import sklearn.compose
        import sklearn.ensemble
        import sklearn.impute
        import sklearn.linear_model  # noqa: F401

        file = directory / "model.joblib"
        load = lambda: joblib.load(file)  # noqa: E731
        table = pandas.DataFrame(one.rows.frame()) if one.rows.texts.size else X
        score = lambda m: m.predict_proba(table)  # noqa: E731
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
    print(json.dumps({"id": way, "bytes": file.stat().st_size, "first_ms": times[0], "min_ms": min(times), "rss_before": before, "rss_after": after}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
