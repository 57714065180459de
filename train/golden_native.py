"""Train small models in the boosting frameworks' own formats for engine/testdata/golden.

Each case is a folder xgb_more_*, lgb_more_* or cb_more_* that adds settings which the main golden
set lacks: a model, rows that hit its thresholds exactly and one unit beside, and the framework's
own answers. The frameworks are not among train/requirements.txt, because training the served
model does not need them:

    python -m venv golden
    golden/bin/pip install xgboost-cpu==3.2.0 lightgbm==4.7.0 catboost==1.2.10 \
        pandas==3.1.1 scikit-learn==1.9.1
    golden/bin/python train/golden_native.py engine/testdata/golden
"""

import json
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import catboost as cb
import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb

ROWS, SCORED, FEATURES = 300, 30, 4
# One word for every length that the hash of CatBoost treats in its own way.
WORDS = ["5", "abcd", "abcdefgh", "x" * 16, "y" * 17, "São Paulo", "w" * 33, "e" * 64, "t" * 130]


class Table:
    """Numbers with missing cells, and targets that depend on them."""

    def __init__(self, dtype: type, seed: int, missing: float = 0.1, zeros: float = 0.0) -> None:
        """Draw the table."""
        self.rng = np.random.default_rng(seed)
        X = self.rng.normal(size=(ROWS, FEATURES)).astype(dtype).round(2)
        X[self.rng.random(X.shape) < zeros] = 0
        X[self.rng.random(X.shape) < missing] = np.nan
        self.X = X
        z = np.nan_to_num(X)
        self.score = z[:, 0] + z[:, 1] * z[:, 2] + self.rng.normal(size=ROWS) * 0.2
        self.binary = (self.score > 0).astype(int)
        self.classes = np.digitize(self.score, [-0.7, 0.5])
        self.targets = np.c_[self.score, z[:, 0] - z[:, 3]]
        self.labels = np.c_[self.binary, z[:, 3] > 0.2].astype(int)

    def codes(self, n: int) -> None:
        """Make the last column one of category codes."""
        self.X[:, -1] = self.rng.integers(0, n, ROWS)
        self.score = self.score + (self.X[:, -1] % 3 == 0)
        self.binary = (self.score > 0.3).astype(int)

    def rows(self, thresholds: Iterable[float]) -> np.ndarray:
        """Take the rows to score: some as trained, some around thresholds, zeros, all missing."""
        out = self.X[:SCORED].copy()
        values = np.asarray([t for t in thresholds if math.isfinite(t)], dtype=out.dtype)
        for i in range(12 if len(values) else 0):
            v = self.rng.choice(values)
            beside = [
                v,
                np.nextafter(v, out.dtype.type(9e9)),
                np.nextafter(v, out.dtype.type(-9e9)),
            ]
            out[i] = self.rng.choice(beside)
        out[12], out[13] = 0, np.nan
        return out


def plain(v: Any) -> Any:
    """Turn a value into what JSON can hold, as the golden set does."""
    if isinstance(v, np.ndarray | list):
        return [plain(x) for x in v]
    if isinstance(v, np.generic):
        v = v.item()
    if isinstance(v, float) and not math.isfinite(v):
        return None if math.isnan(v) else ("Infinity" if v > 0 else "-Infinity")
    return v


def write(out: Path, files: dict[str, Callable], rows: list, inputs: list, expected: dict) -> None:
    """Write one case in the golden set's layout."""
    out.mkdir(parents=True, exist_ok=True)
    for name, save in files.items():
        save(str(out / name))
    lines = [json.dumps(plain(list(r)), ensure_ascii=False) for r in rows]
    (out / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    meta = {
        "name": out.name,
        "files": dict.fromkeys(files, "native"),
        "inputs": inputs,
        "outputs": {},
        "tolerance": {"rtol": 1e-5, "atol": 1e-5},
        "checks": {f: {"status": "ok"} for f in files},
    }
    for name, value in (("meta", meta), ("expected", {k: plain(v) for k, v in expected.items()})):
        (out / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False) + "\n", "utf-8")


def matrix(width: int) -> list:
    """Name one input for all columns."""
    return [{"name": "X", "columns": list(range(width))}]


def named(frame: pd.DataFrame) -> list:
    """Name one input for each column."""
    return [{"name": c, "columns": [i]} for i, c in enumerate(frame.columns)]


def answers(model: Any, X: Any) -> dict:
    """Ask the model."""
    if not hasattr(model, "predict_proba"):
        return {"predictions": model.predict(X)}
    label = np.asarray(model.predict(X))
    if label.ndim == 2 and label.shape[1] == 1:
        label = label[:, 0]
    return {"labels": label, "label_index": label, "probabilities": model.predict_proba(X)}


def xgboost_cases(root: Path) -> None:
    """Write the cases of XGBoost, as JSON and UBJSON."""
    base = {"n_estimators": 5, "max_depth": 3, "n_jobs": 1, "random_state": 1}
    c, r = xgb.XGBClassifier, xgb.XGBRegressor
    vector = {"multi_strategy": "multi_output_tree", "tree_method": "hist"}
    dart = {"booster": "dart", "rate_drop": 0.5, "normalize_type": "forest"}
    stop = {"early_stopping_rounds": 2, "n_estimators": 40, "max_depth": 2}
    stop |= {"num_parallel_tree": 2, "learning_rate": 0.6}
    quantile = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}
    for name, model, y in (
        ("dart_multi", c(**base | dart), "classes"),
        ("gblinear", c(booster="gblinear", n_estimators=9), "binary"),
        ("gblinear_multi", c(booster="gblinear", n_estimators=9), "classes"),
        ("labels", c(**base), "labels"),
        ("labels_vector", c(**base | vector), "labels"),
        ("targets", r(**base), "targets"),
        ("targets_vector", r(**base | vector), "targets"),
        ("quantiles", r(**base | quantile), "score"),
        ("stop_multi", c(**base | stop | {"subsample": 0.7}), "classes"),
        ("hinge", c(objective="binary:hinge", **base), "binary"),
        ("logitraw", c(objective="binary:logitraw", **base), "binary"),
        ("softmax", c(objective="multi:softmax", **base), "classes"),
        ("reg_logistic", r(objective="reg:logistic", **base), "binary"),
    ):
        t = Table(np.float32, 7)
        y = getattr(t, y)
        if "early_stopping_rounds" in model.get_xgb_params() or model.early_stopping_rounds:
            model.fit(t.X[:150], y[:150], eval_set=[(t.X[150:], y[150:])], verbose=False)
        else:
            model.fit(t.X, y)
        thresholds = []
        if "gblinear" not in name and "vector" not in name:
            splits = model.get_booster().trees_to_dataframe().Split
            thresholds = pd.to_numeric(splits, errors="coerce").dropna()
        rows = t.rows(thresholds)
        files = {"model.json": model.save_model, "model.ubj": model.save_model}
        expected = answers(model, rows)
        write(root / f"xgb_more_{name}", files, rows, matrix(FEATURES), expected)

    t = Table(np.float32, 8)
    t.codes(40)
    types = ["q"] * (FEATURES - 1) + ["c"]
    model = c(enable_categorical=True, feature_types=types, max_cat_to_onehot=4, **base)
    rows = t.rows([])
    model.fit(t.X, t.binary)
    rows[:8, -1] = [0, -1, -7, 999, 1e9, 1.5, -0.5, np.nan]
    files = {"model.json": model.save_model, "model.ubj": model.save_model}
    write(root / "xgb_more_codes", files, rows, matrix(FEATURES), answers(model, rows))

    frame = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
    frame["k"] = pd.Categorical(t.rng.choice([30, -2, 500, 7], ROWS), [30, -2, 500, 7])
    model = r(enable_categorical=True, **base).fit(frame, t.score + (frame.k == 500))
    frame = frame[:SCORED]
    files = {"model.json": model.save_model, "model.ubj": model.save_model}
    rows = frame.astype(object).to_numpy().tolist()
    write(root / "xgb_more_numbers", files, rows, matrix(3), answers(model, frame))


def lightgbm_cases(root: Path) -> None:
    """Write the cases of LightGBM."""
    base = {"n_estimators": 5, "num_leaves": 7, "n_jobs": 1, "random_state": 1, "verbose": -1}
    c, r = lgb.LGBMClassifier, lgb.LGBMRegressor
    forest = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    for name, model, y in (
        ("linear", r(linear_tree=True, **base), "score"),
        ("linear_multi", c(linear_tree=True, **base), "classes"),
        (
            "dart_ova",
            c(boosting_type="dart", objective="multiclassova", sigmoid=1.3, **base),
            "classes",
        ),
        ("rf_multi", c(**base | forest), "classes"),
        ("zero", c(zero_as_missing=True, **base), "binary"),
        ("no_missing", c(use_missing=False, **base), "binary"),
        ("sqrt", r(reg_sqrt=True, **base), "score"),
        ("xentlambda", r(objective="cross_entropy_lambda", **base), "binary"),
        ("gamma", r(objective="gamma", **base), "positive"),
        ("sigmoid", c(sigmoid=0.6, **base), "binary"),
        ("codes", c(cat_smooth=1, min_data_per_group=3, max_cat_to_onehot=1, **base), "binary"),
    ):
        t = Table(np.float64, 9, zeros=0.2)
        t.positive = np.exp(t.score / 2)
        if name == "codes":
            t.codes(70)
            model.fit(t.X, t.binary, categorical_feature=[FEATURES - 1])
        else:
            model.fit(t.X, getattr(t, y))
        splits = model.booster_.trees_to_dataframe().threshold
        rows = t.rows(pd.to_numeric(splits, errors="coerce").dropna())
        rows[14, :] = [1e-35, -1e-35, 1.0000000180025095e-35, -1.0000000180025095e-35]
        if name == "codes":
            rows[:10, -1] = [0, -1, -7, 999, 1e9, 1.5, -0.5, np.nan, -0.999, 2.999]
        files = {"model.txt": model.booster_.save_model}
        write(root / f"lgb_more_{name}", files, rows, matrix(FEATURES), answers(model, rows))

    t = Table(np.float64, 10)
    frame = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
    frame["k"] = pd.Categorical(t.rng.choice([30, -2, 500, 7], ROWS), [30, -2, 500, 7])
    model = r(cat_smooth=1, min_data_per_group=3, **base)
    model.fit(frame, t.score + (frame.k == 500).astype(float))
    frame = frame[:SCORED].copy()
    expected = answers(model, frame)
    rows = frame.astype(object).to_numpy().tolist()
    files = {"model.txt": model.booster_.save_model}
    write(root / "lgb_more_numbers", files, rows, matrix(3), expected)


def catboost_cases(root: Path) -> None:
    """Write the cases of CatBoost."""
    base = {
        "iterations": 5,
        "depth": 3,
        "verbose": 0,
        "thread_count": 1,
        "random_seed": 1,
        "allow_writing_files": False,
    }
    c, r = cb.CatBoostClassifier, cb.CatBoostRegressor
    for name, model, y in (
        ("depthwise", c(grow_policy="Depthwise", nan_mode="Max", **base), "binary"),
        (
            "lossguide_multi",
            c(grow_policy="Lossguide", loss_function="MultiClass", **base),
            "names",
        ),
        ("ova", c(loss_function="MultiClassOneVsAll", **base), "classes"),
        ("labels", c(loss_function="MultiLogloss", **base), "labels"),
        ("targets", r(loss_function="MultiRMSE", **base), "targets"),
        ("uncertainty", r(loss_function="RMSEWithUncertainty", **base), "score"),
        ("poisson", r(loss_function="Poisson", **base), "binary"),
        ("nan_max", r(nan_mode="Max", **base), "score"),
        ("threshold", c(**base), "binary"),
        ("booleans", c(**base), "flags"),
    ):
        t = Table(np.float32, 11)
        t.names, t.flags = np.array(["ä", "b", "c"])[t.classes], t.binary == 1
        model.fit(t.X, getattr(t, y))
        if name == "threshold":
            model.set_probability_threshold(0.31)
        rows = t.rows(np.concatenate([np.float32(v) for v in model.get_borders().values()]))
        files = {"model.json": lambda path, m=model: m.save_model(path, format="json")}
        expected = answers(model, rows)
        if name == "booleans":
            expected["labels"] = [int(v) for v in expected["labels"]]
        write(root / f"cb_more_{name}", files, rows, matrix(FEATURES), expected)

    t = Table(np.float32, 12)
    frame = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
    frame.insert(1, "word", t.rng.choice(WORDS, ROWS))
    effect = frame.word.map({w: i % 3 for i, w in enumerate(WORDS)})
    model = r(cat_features=["word"], one_hot_max_size=20, **base | {"iterations": 20})
    model.fit(frame, t.score + effect)
    frame = frame[:SCORED].copy()
    frame.loc[frame.index[:2], "word"] = ["never", ""]
    files = {"model.json": lambda path: model.save_model(path, format="json")}
    rows = frame.to_numpy().tolist()
    write(root / "cb_more_words", files, rows, named(frame), answers(model, frame))


if __name__ == "__main__":
    for make in (xgboost_cases, lightgbm_cases, catboost_cases):
        make(Path(sys.argv[1]))
