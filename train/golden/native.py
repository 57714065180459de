"""The main set's models of XGBoost, LightGBM and CatBoost, in the frameworks' own formats.

Settings are those of the committed set. Its tables were drawn by another program and are not kept
anywhere, so that a model made here has the committed one's settings, columns and kinds of rows, and
other numbers.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from layout import answers, matrix, named, write
from sklearn.datasets import load_breast_cancer, load_iris

SCORED = 50
CITIES = ["Quito", "Osaka", "São Paulo", "Lagos", "Tampere"]
JOBS = ["teacher", "nurse", "engineer", "clerk"]
FRAMEWORKS = {
    "xgb": ("xgboost", {"n_jobs": 1}),
    "lgb": ("lightgbm", {"n_jobs": 1, "verbose": -1}),
    "cb": ("catboost", {"verbose": 0, "thread_count": 1, "allow_writing_files": False}),
}
CODES = {"enable_categorical": True, "feature_types": ["q"] * 4 + ["c"] * 2}


@dataclass
class Trained:
    """A model with rows, from which the converters' part makes its ONNX files, too."""

    model: Any
    rows: Any  # a matrix, or a data frame with text columns
    classes: list  # names of classes, in the order of the probabilities


def numbers(seed: int, width: int, missing: float, dtype: type = np.float32) -> np.ndarray:
    """Draw a table of numbers."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, width)).astype(dtype)
    X[rng.random(X.shape) < 0.05] = 0
    X[rng.random(X.shape) < missing] = np.nan
    return X


def score(X: np.ndarray, seed: int) -> np.ndarray:
    """Make a target of a table."""
    z = np.nan_to_num(np.asarray(X, dtype=float))
    noise = np.random.default_rng(seed).normal(size=len(z)) * 0.3
    return z[:, 0] + z[:, 1] * z[:, 2] + 0.5 * np.sin(3 * z[:, 3]) + noise


def codes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw four columns of numbers and two of category codes."""
    X = numbers(seed, 6, 0.05)
    rng = np.random.default_rng(seed + 1)
    X[:, 4], X[:, 5] = rng.integers(0, 5, len(X)), rng.integers(0, 40, len(X))
    return X, (score(X, seed) + (X[:, 5] % 3 == 0) + (X[:, 4] == 2) > 0.5).astype(int)


def people(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw three columns of numbers and two of words."""
    rng = np.random.default_rng(seed)
    n = 400
    frame = pd.DataFrame({"income": rng.gamma(4, 10, n), "debt": rng.gamma(2, 6, n)})
    frame["age"] = rng.integers(18, 80, n).astype(float)
    frame = frame.astype(np.float32)
    frame["city"], frame["job"] = rng.choice(CITIES, n), rng.choice(JOBS, n)
    home = frame.city.isin(CITIES[:2]).to_numpy()
    y = frame.income.to_numpy() - frame.debt.to_numpy() + 15 * home > 35
    return frame, (y ^ (rng.random(n) < 0.05)).astype(int)


def edges(X: np.ndarray, splits: dict[int, list], seed: int, tail: list[float]) -> np.ndarray:
    """Take rows as trained, then rows at the edges.

    The edges are rows of one value, and cells that are a threshold of their column, or one unit
    beside it.
    """
    rng = np.random.default_rng(seed)
    rows = X[:SCORED].copy()
    places = [(c, t) for c, values in splits.items() for t in values]
    for i in range(24 if places else 0):
        column, t = places[rng.integers(len(places))]
        t = X.dtype.type(t)
        beside = (t, np.nextafter(t, X.dtype.type(np.inf)), np.nextafter(t, X.dtype.type(-np.inf)))
        rows[SCORED - 1 - i, column] = beside[i % 3]
    for i, v in enumerate(tail):
        rows[20 - i] = v
    return rows


def splits(model: Any) -> dict[int, list]:
    """Ask any of the frameworks for its thresholds by column."""
    if hasattr(model, "get_borders"):
        return {k: list(v) for k, v in model.get_borders().items()}
    out: dict[int, list] = {}
    if hasattr(model, "booster_"):
        frame = model.booster_.trees_to_dataframe().dropna(subset=["split_feature"])
        frame = frame[frame.decision_type == "<="]
        order = {n: i for i, n in enumerate(model.booster_.feature_name())}
        for name, t in zip(frame.split_feature, frame.threshold, strict=True):
            out.setdefault(order[name], []).append(float(t))
        return out
    booster = model.get_booster()
    if booster.attr("booster") == "dart" or model.get_params().get("booster") == "dart":
        return out
    frame = booster.trees_to_dataframe()
    frame = frame[(frame.Feature != "Leaf") & frame.Split.notna()]
    for name, t in zip(frame.Feature, frame.Split, strict=True):
        out.setdefault(int(name.removeprefix("f")), []).append(np.float32(t))
    return out


def on_numbers(
    model: Any, seed: int, width: int = 10, kind: str = "binary", missing: float = 0.08, **how: Any
) -> Trained:
    """Train on numbers alone."""
    if width == 30:
        X, y = load_breast_cancer(return_X_y=True)
        X = X.astype(np.float32)
    elif width == 4:
        X, y = load_iris(return_X_y=True)
        X = X.astype(np.float32)
    else:
        X = numbers(seed, width, missing, how.pop("dtype", np.float32))
        s = score(X, seed)
        y = {
            "binary": s > 0,
            "classes": np.digitize(s, [-1, 0, 1]),
            "score": s,
            "counts": np.random.default_rng(seed).poisson(np.exp(np.clip(s, -3, 2))),
            "positive": np.exp(s / 2),
            "grades": np.digitize(s, [-0.5, 0.5, 1.5]),
        }[kind]
        y = y.astype(int) if kind == "binary" else y
    order = np.random.default_rng(seed).permutation(len(X))
    X, y = X[order], y[order]
    classes = sorted(set(y.tolist())) if hasattr(model, "predict_proba") else []
    if "names" in how:
        classes = how["names"]
        y = np.array(classes)[y]
    if kind == "grades":
        model.fit(X, y, group=[20] * (len(X) // 20))
    elif how.get("stop"):
        model.fit(X[:250], y[:250], eval_set=[(X[250:], y[250:])], verbose=False)
    else:
        model.fit(X, y)
    tail = [0, -0.0, 1e30, -1e30, 1e-40] + ([np.nan] if missing and width != 30 else [])
    return Trained(model, edges(X, splits(model), seed, tail), classes)


def on_codes(model: Any, seed: int, **how: Any) -> Trained:
    """Train on numbers and category codes."""
    X, y = codes(seed)
    model.fit(X, y, **how)
    rows = edges(X, {c: v for c, v in splits(model).items() if c < 4}, seed, [])
    strange = [-1, -7, 999, 1e6, 1.5, -0.5, np.nan] + ([] if "xgb" in str(type(model)) else [1e9])
    rows[: len(strange), 5] = strange
    rows[8, 4] = np.nan
    return Trained(model, rows, [0, 1])


def on_people(model: Any, seed: int, how: str) -> Trained:
    """Train on numbers and words; some rows have words that training never saw."""
    frame, y = people(seed)
    rows = frame[:SCORED].copy()
    if how == "category":
        for c, values in (("city", CITIES), ("job", JOBS)):
            frame[c] = pd.Categorical(frame[c], sorted(values))
            rows[c] = pd.Categorical(rows[c], sorted(values))
        rows.loc[:3, "job"] = np.nan
        model.fit(frame, y)
    else:
        rows.loc[:3, "city"] = ["Atlantis", "", "ÅÄÖ", "quito"]
        model.fit(frame, y, cat_features=["city", "job"])
    rows.loc[4:8, "age"] = [0, 1e30, -1e30, np.nan, np.nan]
    return Trained(model, rows, [0, 1])


N8 = {"width": 8, "kind": "score", "missing": 0.0}
COUNTS = {"width": 8, "kind": "counts", "missing": 0.0}
IRIS = {"width": 4, "names": ["setosa", "versicolor", "virginica"]}
GROUPED = {"cat_smooth": 1, "min_data_per_group": 5}

# Name, estimator, function that trains it, what it is told, parameters.
MODELS: list[tuple[str, str, Callable, dict, dict]] = [
    (
        "xgb_binary",
        "XGBClassifier",
        on_numbers,
        {},
        {"learning_rate": 0.1, "n_estimators": 80, "random_state": 161},
    ),
    (
        "xgb_multi",
        "XGBClassifier",
        on_numbers,
        {"kind": "classes"},
        {"max_depth": 4, "n_estimators": 20, "random_state": 162},
    ),
    (
        "xgb_reg",
        "XGBRegressor",
        on_numbers,
        N8,
        {"max_depth": 4, "n_estimators": 60, "random_state": 163},
    ),
    (
        "xgb_base_score",
        "XGBClassifier",
        on_numbers,
        {"width": 30},
        {"base_score": 0.2, "max_depth": 3, "n_estimators": 15, "random_state": 164},
    ),
    (
        "xgb_poisson",
        "XGBRegressor",
        on_numbers,
        COUNTS,
        {"objective": "count:poisson", "max_depth": 3, "n_estimators": 30, "random_state": 165},
    ),
    (
        "xgb_dart",
        "XGBClassifier",
        on_numbers,
        {"width": 30},
        {
            "booster": "dart",
            "rate_drop": 0.3,
            "max_depth": 3,
            "n_estimators": 20,
            "random_state": 166,
        },
    ),
    (
        "xgb_early_stop",
        "XGBClassifier",
        on_numbers,
        {"stop": True},
        {
            "early_stopping_rounds": 5,
            "learning_rate": 0.3,
            "max_depth": 4,
            "n_estimators": 300,
            "random_state": 167,
        },
    ),
    (
        "xgb_rank_pairwise",
        "XGBRanker",
        on_numbers,
        {"kind": "grades"},
        {"objective": "rank:pairwise", "max_depth": 4, "n_estimators": 20, "random_state": 168},
    ),
    (
        "xgb_cat_codes",
        "XGBClassifier",
        on_codes,
        {},
        CODES | {"max_cat_to_onehot": 6, "max_depth": 5, "n_estimators": 30, "random_state": 169},
    ),
    (
        "xgb_cat_strings",
        "XGBClassifier",
        on_people,
        {"how": "category"},
        {
            "enable_categorical": True,
            "max_cat_to_onehot": 2,
            "max_depth": 4,
            "n_estimators": 20,
            "random_state": 170,
        },
    ),
    (
        "xgb_gamma",
        "XGBRegressor",
        on_numbers,
        {"kind": "positive"},
        {"objective": "reg:gamma", "max_depth": 3, "n_estimators": 25, "random_state": 171},
    ),
    ("lgb_binary", "LGBMClassifier", on_numbers, {}, {"n_estimators": 60, "random_state": 181}),
    (
        "lgb_multi_str",
        "LGBMClassifier",
        on_numbers,
        IRIS,
        {"n_estimators": 15, "num_leaves": 12, "random_state": 182},
    ),
    (
        "lgb_reg_double",
        "LGBMRegressor",
        on_numbers,
        N8 | {"dtype": np.float64},
        {"n_estimators": 50, "random_state": 183},
    ),
    (
        "lgb_rf",
        "LGBMClassifier",
        on_numbers,
        {},
        {
            "boosting_type": "rf",
            "n_estimators": 15,
            "bagging_freq": 1,
            "bagging_fraction": 0.7,
            "random_state": 184,
        },
    ),
    (
        "lgb_cat_codes",
        "LGBMClassifier",
        on_codes,
        {"categorical_feature": [4, 5]},
        GROUPED
        | {"min_child_samples": 5, "n_estimators": 25, "num_leaves": 15, "random_state": 185},
    ),
    (
        "lgb_poisson",
        "LGBMRegressor",
        on_numbers,
        COUNTS,
        {"objective": "poisson", "n_estimators": 25, "random_state": 186},
    ),
    (
        "lgb_zero_missing",
        "LGBMClassifier",
        on_numbers,
        {},
        {"zero_as_missing": True, "n_estimators": 25, "random_state": 187},
    ),
    (
        "lgb_rank",
        "LGBMRanker",
        on_numbers,
        {"kind": "grades"},
        {"n_estimators": 20, "random_state": 188},
    ),
    (
        "lgb_cat_strings",
        "LGBMClassifier",
        on_people,
        {"how": "category"},
        GROUPED
        | {
            "max_cat_to_onehot": 2,
            "min_child_samples": 10,
            "n_estimators": 20,
            "num_leaves": 8,
            "random_state": 189,
        },
    ),
    (
        "cb_binary",
        "CatBoostClassifier",
        on_numbers,
        {},
        {"iterations": 60, "depth": 5, "random_seed": 191},
    ),
    (
        "cb_multi",
        "CatBoostClassifier",
        on_numbers,
        {"width": 4},
        {"iterations": 30, "depth": 4, "random_seed": 192},
    ),
    (
        "cb_reg",
        "CatBoostRegressor",
        on_numbers,
        {"kind": "score"},
        {"iterations": 60, "depth": 6, "random_seed": 193},
    ),
    (
        "cb_onehot_cat",
        "CatBoostClassifier",
        on_people,
        {"how": "words"},
        {
            "iterations": 25,
            "depth": 4,
            "nan_mode": "Min",
            "one_hot_max_size": 10,
            "random_seed": 194,
        },
    ),
]


def train(name: str) -> Trained:
    """Train one of the main set's models; only its own framework is imported."""
    _, estimator, make, how, params = next(m for m in MODELS if m[0] == name)
    framework, common = FRAMEWORKS[name.partition("_")[0]]
    model = getattr(importlib.import_module(framework), estimator)(**common, **params)
    return make(model, params.get("random_state", params.get("random_seed")), **how)


def files(model: Any) -> dict[str, Callable[[str], None]]:
    """Say how a model is saved in each of its own formats."""
    if hasattr(model, "get_borders"):
        return {"model.json": partial(model.save_model, format="json")}
    if hasattr(model, "booster_"):
        return {"model.txt": model.booster_.save_model}
    return {"model.json": model.save_model, "model.ubj": model.save_model}


def expected(t: Trained) -> dict:
    """Ask the framework; label_index is the place of a label among the classes."""
    out = answers(t.model, t.rows)
    if t.classes:
        out["classes"] = t.classes
        out["label_index"] = [t.classes.index(v) for v in out["labels"].tolist()]
    return out


def save(name: str, root: Path) -> None:
    """Train one model and write its case."""
    t = train(name)
    texts = isinstance(t.rows, pd.DataFrame)
    rows = t.rows.astype(object).to_numpy().tolist() if texts else t.rows
    columns = list(t.rows.columns) if texts else [f"f{i}" for i in range(t.rows.shape[1])]
    kind = type(t.model)
    write(
        root / name,
        files(t.model),
        rows,
        named(t.rows) if texts else matrix(len(columns)),
        expected(t),
        framework=kind.__module__.split(".")[0],
        estimator=kind.__name__,
        columns=[{"name": c} for c in columns],
    )


def makers() -> list[tuple[str, Callable[[Path], None]]]:
    """Name the cases; each function writes its case into a folder."""
    return [(name, partial(save, name)) for name, *_ in MODELS]
