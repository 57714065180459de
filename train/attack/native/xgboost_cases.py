"""XGBoost, of any version from 1.3 on: what a version lacks is counted as not trained."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from cases import FEATURES, ROWS, Case, Table, estimator, scored, strange_codes

KIND = "float32"
VERSION = tuple(int(v) for v in xgb.__version__.split(".")[:2])
if VERSION >= (1, 4):
    xgb.set_config(verbosity=0)
SUFFIXES = [".json", ".ubj"] if VERSION >= (1, 6) else [".json"]
BASE: dict[str, Any] = {
    "n_estimators": 6,
    "max_depth": 4,
    "n_jobs": 1,
    "random_state": 3,
    "learning_rate": 0.4,
}
C, R, K = xgb.XGBClassifier, xgb.XGBRegressor, xgb.XGBRanker
HIST = {"tree_method": "hist"}
VECTOR = {"multi_strategy": "multi_output_tree", **HIST}
DART = {"booster": "dart"}
LINEAR = {"booster": "gblinear"}


LOST = (2, 8, 12)  # frames with names of categories that 3.1 to 3.3 cut off at the end of the file


class OneOfTwo(C):
    """Give a softmax over two classes one label a row, where XGBClassifier gives two."""

    def predict(self, X: Any, **more: Any) -> np.ndarray:
        """Choose the class of the larger probability."""
        return self.predict_proba(X, **more).argmax(axis=1)


def thresholds(booster: xgb.Booster) -> dict[int, list]:
    """Read the split points by column from the model's own file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.json"
        booster.save_model(str(path))
        doc = json.loads(
            path.read_text("utf-8").replace("NaN", "null").replace("Infinity", "1e999")
        )
    model = doc["learner"]["gradient_booster"]
    model = model.get("gbtree", model).get("model", {})
    out: dict[int, list] = {}
    for tree in model.get("trees", []):
        for left, column, value in zip(
            tree["left_children"], tree["split_indices"], tree["split_conditions"]
        ):
            if left != -1:
                out.setdefault(column, []).append(np.float32(value))
    return out


def estimators() -> Iterator[tuple[str, Any, str, dict]]:
    """List estimators with the target that they learn and arguments for fit."""
    for objective, y in (
        ("reg:squarederror", "score"),
        ("reg:squaredlogerror", "positive"),
        ("reg:logistic", "share"),
        ("reg:logistic", "binary"),
        ("reg:pseudohubererror", "score"),
        ("reg:absoluteerror", "score"),
        ("reg:gamma", "positive"),
        ("reg:tweedie", "positive"),
        ("count:poisson", "counts"),
        ("survival:cox", "positive"),
        ("reg:squarederror", "targets"),
        ("reg:absoluteerror", "targets"),
        ("reg:logistic", "labels"),
        ("reg:pseudohubererror", "targets"),
        ("reg:linear", "score"),
    ):
        short = objective.split(":")[1] + "_" + y
        for name, more in (
            ("", {}),
            ("_dart", {**DART, "rate_drop": 0.4}),
            ("_gblinear", LINEAR),
            ("_base", {"base_score": 0.7}),
        ):
            yield f"reg_{short}{name}", R(objective=objective, **{**BASE, **more}), y, {}
        if y in ("targets", "labels"):
            yield f"reg_{short}_vector", R(objective=objective, **BASE, **VECTOR), y, {}
    for objective, y in (
        ("binary:logistic", "binary"),
        ("binary:logitraw", "binary"),
        ("binary:hinge", "binary"),
        ("multi:softprob", "classes"),
        ("multi:softmax", "classes"),
        ("binary:logistic", "labels"),
        ("binary:logitraw", "labels"),
        ("binary:hinge", "labels"),
        ("reg:logistic", "binary"),
    ):
        short = objective.split(":")[1] + "_" + y
        for name, more in (
            ("", {}),
            ("_dart", {**DART, "skip_drop": 0.5, "rate_drop": 0.3}),
            ("_gblinear", LINEAR),
            ("_base", {"base_score": 0.2}),
            ("_forest", {"num_parallel_tree": 3, "subsample": 0.6}),
        ):
            yield f"cls_{short}{name}", C(objective=objective, **{**BASE, **more}), y, {}
        if y != "binary":
            yield f"cls_{short}_vector", C(objective=objective, **BASE, **VECTOR), y, {}
            yield (
                f"cls_{short}_vector_forest",
                C(objective=objective, num_parallel_tree=2, **BASE, **VECTOR),
                y,
                {},
            )
    for objective in ("rank:pairwise", "rank:ndcg", "rank:map"):
        y = "binary" if objective == "rank:map" else "grades"
        for name, more in (
            ("", {}),
            ("_unbiased", {"lambdarank_unbiased": True, **HIST}),
            ("_dart", DART),
            ("_lin", LINEAR),
        ):
            yield (
                f"rank_{objective[5:]}{name}",
                K(objective=objective, **{**BASE, **more}),
                y,
                {"ranked": True},
            )
    for alpha in (
        0.2,
        [0.5],
        [0.1, 0.9],
        [0.9, 0.5, 0.1],
        [round(0.05 + 0.08 * k, 2) for k in range(12)],
    ):
        for name, more in (("", {}), ("_vector", VECTOR), ("_dart", DART)):
            yield (
                f"quantile_{np.size(alpha)}_{np.ravel(alpha)[0]:.2f}{name}",
                R(objective="reg:quantileerror", quantile_alpha=alpha, **{**BASE, **more}),
                "score",
                {},
            )
            yield (
                f"expectile_{np.size(alpha)}_{np.ravel(alpha)[0]:.2f}{name}",
                R(objective="reg:expectileerror", expectile_alpha=alpha, **{**BASE, **more}),
                "score",
                {},
            )
    for i, more in enumerate(
        (
            {**DART, "normalize_type": "forest", "rate_drop": 0.9},
            {**DART, "sample_type": "weighted", "rate_drop": 0.7, "one_drop": True},
            {"tree_method": "exact"},
            {"tree_method": "approx"},
            {**HIST, "grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0},
            {**HIST, "max_bin": 2},
            {**HIST, "max_bin": 4096},
            {"monotone_constraints": (1, 0, -1, 0, 0)},
            {"interaction_constraints": "[[0, 1], [2, 3, 4]]"},
            {"gamma": 1e9},
            {"max_depth": 1},
            {"max_depth": 12, "min_child_weight": 0},
            {"reg_alpha": 5, "reg_lambda": 0},
            {"scale_pos_weight": 7},
            {"max_delta_step": 0.1},
            {"colsample_bytree": 0.3, "colsample_bynode": 0.5},
            {"sampling_method": "gradient_based", "subsample": 0.5},
            {"learning_rate": 1e-6},
            {"base_score": 1e-9},
            {"base_score": 0.999999},
            {"base_score": 0.0000123},
            {"booster": "gblinear", "updater": "coord_descent", "feature_selector": "greedy"},
            {"num_parallel_tree": 4, "subsample": 0.5, "n_estimators": 3},
            {"n_estimators": 300, "max_depth": 3},
        )
    ):
        yield f"more_{i}_cls", C(**{**BASE, **more}), "binary", {}
        yield f"more_{i}_multi", C(**{**BASE, **more, "scale_pos_weight": 1}), "classes", {}
        yield f"more_{i}_reg", R(**{**BASE, **more, "scale_pos_weight": 1}), "score", {}
    yield "rf_cls", xgb.XGBRFClassifier(n_estimators=9, max_depth=4, n_jobs=1), "classes", {}
    yield "rf_reg", xgb.XGBRFRegressor(n_estimators=9, max_depth=4, n_jobs=1), "targets", {}
    yield (
        "two_classes_softprob",
        OneOfTwo(objective="multi:softprob", num_class=2, **BASE),
        "binary",
        {},
    )
    for value in (0, -999):
        yield f"missing_{-value}", C(missing=value, **BASE), "binary", {"missing": value}
    stop = {**BASE, "n_estimators": 60, "early_stopping_rounds": 3}
    for name, model, y in (
        (
            ("cls", C(**stop), "binary"),
            ("multi", C(**stop), "classes"),
            ("reg", R(**stop), "score"),
            ("dart", C(**{**stop, **DART}), "binary"),
            ("forest", C(num_parallel_tree=3, **stop), "classes"),
            ("linear", R(**{**stop, **LINEAR}), "score"),
            ("targets", R(**stop), "targets"),
            ("vector", R(**{**stop, **VECTOR}), "targets"),
            ("labels", C(**stop), "labels"),
            (
                "quantile",
                R(objective="reg:quantileerror", quantile_alpha=[0.2, 0.8], **stop),
                "score",
            ),
        )
        if VERSION >= (1, 6)
        else ()
    ):
        yield f"stop_{name}", model, y, {"stop": True}
        best = type(model)(
            **{
                **model.get_params(),
                "early_stopping_rounds": None,
                "callbacks": [xgb.callback.EarlyStopping(rounds=3, save_best=True)],
            }
        )
        if name not in (
            "linear",
            "dart",
            "vector",
        ):  # XGBoost cannot cut the first two; 3.0 takes all memory for the last
            yield f"stop_{name}_save_best", best, y, {"stop": True}


def fit(
    model: Any,
    t: Table,
    y: np.ndarray,
    ranked: bool = False,
    stop: bool = False,
    missing: float | None = None,
) -> np.ndarray:
    """Train, and give the rows as our engine has to get them."""
    X = t.X
    if missing is not None:
        X = np.where(np.isnan(X), missing, X).astype(np.float32)
    if ranked and VERSION >= (1, 5):
        model.fit(X, y, qid=t.groups)
    elif ranked:
        model.fit(X, y, group=np.bincount(t.groups))
    elif stop:
        model.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
    else:
        model.fit(X, y)
    return X


def plain_cases(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make the estimators' cases."""
    for i, (name, model, y, more) in enumerate(estimators()):

        def make(
            name: str = name, model: Any = model, y: str = y, more: dict = more, seed: int = 100 + i
        ) -> list[Case]:
            t = Table(np.float32, seed)
            fit(model, t, getattr(t, y), **more)
            rows = t.rows(thresholds(model.get_booster()))
            if "gblinear" in name:  # float32 keeps no digits where huge numbers cancel out
                rows = rows[~(abs(rows) > 1e20).any(axis=1)]
            if "missing" not in more:
                return saved(out, name, model, *scored(rows, estimator(model)))
            if VERSION < (2, 0):  # the file says which number stands for missing values
                rows[::3, 1] = more["missing"]
                return saved(
                    out,
                    name,
                    model,
                    *scored(
                        np.where(np.isnan(rows), more["missing"], rows).astype(np.float32),
                        estimator(model),
                    ),
                )
            theirs = np.where(np.isnan(rows), more["missing"], rows).astype(np.float32)
            _, want = scored(theirs[~np.isinf(theirs).any(axis=1)], estimator(model))
            rows = rows[~np.isinf(rows).any(axis=1)]
            rows[rows == more["missing"]] = (
                np.nan
            )  # the file does not say which number stands for missing
            return saved(out, name, model, rows, want)

        yield make


def saved(out: Path, name: str, model: Any, rows: Any, want: dict) -> list[Case]:
    """Save a model in each form."""
    cases = []
    for suffix in SUFFIXES:
        path = out / (f"xgb_{name}{suffix}")
        model.save_model(str(path))
        cases.append(Case(path.name, path, rows, want))
    return cases


def categories(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make cases with categories: codes, and values of data frames."""
    for i, (n, more, y) in enumerate(
        (
            (3, {"max_cat_to_onehot": 9}, "binary"),
            (40, {"max_cat_to_onehot": 1}, "binary"),
            (40, {"max_cat_to_onehot": 100}, "classes"),
            (130, {"max_cat_threshold": 5}, "score"),
            (300, {"max_cat_threshold": 200, "max_depth": 7}, "binary"),
            (33, {"tree_method": "approx"}, "binary"),
            (64, DART, "classes"),
            (65, {"grow_policy": "lossguide"}, "score"),
            (12, VECTOR, "classes"),
            (2, {}, "binary"),
        )
    ):

        def codes(i: int = i, n: int = n, more: dict = more, y: str = y) -> list[Case]:
            t = Table(np.float32, 500 + i)
            t.codes(n)
            if i % 2:
                t.X[::9, -1] = np.nan
            types = ["q"] * (FEATURES - 1) + ["c"]
            kind = R if y == "score" else C
            model = kind(enable_categorical=True, feature_types=types, **{**BASE, **HIST, **more})
            model.fit(t.X, getattr(t, y))
            rows = strange_codes(t, t.rows(thresholds(model.get_booster()), spice=False))
            try:
                return saved(out, f"codes_{i}", model, *scored(rows, estimator(model)))
            except Exception:  # versions that refuse codes below 0 or beyond what float32 counts
                last = rows[:, -1]
                rows = rows[~((last < 0) | (last > 1e7) | np.isinf(last))]
                return saved(out, f"codes_{i}", model, *scored(rows, estimator(model)))

        yield codes
    for i, values in enumerate(
        (
            ["a", "b", "c"],
            ["", "x", "yy", "zzz"],
            ["São Paulo", "日本", "x", "Ünï"],
            [f"k{k}" for k in range(70)],
            [5, -3, 700, 2],
            [1.5, 2.25, -0.5],
            [True, False],
            ["1", "2", "10"],
            ["é"],
            [" ", "  ", "a b"],
            ['quote"d', "back\\slash", "new\nline", "tab\t"],
            list(range(100)),
            ["🙂", "🙃", "a"],
        )
    ):

        def frame(i: int = i, values: list = values) -> list[Case]:
            t = Table(np.float32, 600 + i)
            f = pd.DataFrame(t.X[:, :2], columns=["a b", "ñ"])
            k = t.rng.integers(0, len(values), ROWS)
            f.insert(1, "kind", pd.Categorical.from_codes(k, pd.Index(values)))
            f.loc[::11, "kind"] = None
            y = t.score + (k % 3 == 0)
            model = (
                R(enable_categorical=True, tree_method="hist", **BASE)
                if i % 2
                else C(enable_categorical=True, tree_method="hist", **BASE)
            )
            model.fit(f, y if i % 2 else (y > 0.3).astype(int))
            rows = f[:60]
            if "" in values:  # a missing text is the empty string, unless that is a category
                rows = rows[rows.kind.notna()]
            cases = saved(out, f"frame_{i}", model, rows, estimator(model)(rows))
            if (3, 1) <= VERSION < (3, 4) and i in LOST:
                for c in cases:
                    last = max(
                        k
                        for k in rows.index
                        if rows.kind[k] is not None and rows.kind[k] == values[-1]
                    )
                    c.rows, c.want, c.refused_value = (
                        rows.loc[[last]],
                        {},
                        "is no category of column",
                    )
            if VERSION < (3, 1):  # the file has codes alone
                for c in cases:
                    c.rows = rows.assign(kind=rows.kind.cat.codes.replace(-1, np.nan).astype(float))
            return cases

        yield frame


def lower(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make cases of the lower interface."""

    def booster(name: str, b: xgb.Booster, rows: Any, want: dict) -> list[Case]:
        return saved(out, name, b, rows, want)

    def trained(
        params: dict, y: str, rounds: int = 5, seed: int = 700, **more: Any
    ) -> tuple[Table, xgb.Booster]:
        t = Table(np.float32, seed)
        d = xgb.DMatrix(t.X, None if y == "aft" else getattr(t, y))
        if y == "aft":
            d.set_float_info("label_lower_bound", t.positive)
            d.set_float_info("label_upper_bound", np.where(t.binary, np.inf, t.positive))
        return t, xgb.train({"max_depth": 3, "nthread": 1, **params}, d, rounds, **more)

    def ask(t: Table, b: xgb.Booster) -> tuple[np.ndarray, np.ndarray]:
        rows = t.rows(thresholds(b))
        rows = rows[~np.isinf(rows).any(axis=1)]
        return rows, b.predict(xgb.DMatrix(rows))

    for kind in ("normal", "logistic", "extreme"):
        for base in ({}, {"base_score": 2.5}):

            def aft(kind: str = kind, base: dict = base) -> list[Case]:
                t, b = trained(
                    {"objective": "survival:aft", "aft_loss_distribution": kind, **base}, "aft"
                )
                rows, p = ask(t, b)
                return booster(f"aft_{kind}_{len(base)}", b, rows, {"prediction": p})

            yield aft
    for i, params in enumerate(
        (
            {"tweedie_variance_power": 1.1},
            {"tweedie_variance_power": 1.9},
            {"tweedie_variance_power": 1.5, "base_score": 3.0},
        )
    ):

        def tweedie(i: int = i, params: dict = params) -> list[Case]:
            t, b = trained({"objective": "reg:tweedie", **params}, "positive")
            rows, p = ask(t, b)
            return booster(f"tweedie_{i}", b, rows, {"prediction": p})

        yield tweedie

    def custom() -> list[Case]:
        t = Table(np.float32, 701)
        b = xgb.train(
            {"max_depth": 3, "nthread": 1},
            xgb.DMatrix(t.X, t.binary),
            5,
            obj=lambda p, d: (1 / (1 + np.exp(-p)) - d.get_label(), np.full(len(p), 0.25)),
        )
        rows, p = ask(t, b)
        return booster("custom", b, rows, {"prediction": p})

    def custom_estimator() -> list[Case]:
        t = Table(np.float32, 702)
        model = R(**{**BASE, "objective": lambda y, p: (p - y, np.ones_like(p))}).fit(t.X, t.score)
        return saved(
            out,
            "custom_estimator",
            model,
            *scored(t.rows(thresholds(model.get_booster())), estimator(model)),
        )

    def custom_multi() -> list[Case]:
        t = Table(np.float32, 703)
        y = np.eye(3)[t.classes]

        def obj(p: np.ndarray, _: Any) -> tuple:
            p = p.reshape(ROWS, 3)
            e = np.exp(p - p.max(axis=1, keepdims=True))
            e /= e.sum(axis=1, keepdims=True)
            return (e - y).reshape(p.shape if VERSION >= (2, 1) else -1), np.full(
                p.shape if VERSION >= (2, 1) else p.size, 0.3
            )

        b = xgb.train(
            {"max_depth": 3, "nthread": 1, "num_class": 3}, xgb.DMatrix(t.X, t.classes), 5, obj=obj
        )
        rows, _ = ask(t, b)
        margins = b.predict(xgb.DMatrix(rows), output_margin=True)
        e = np.exp(margins - margins.max(axis=1, keepdims=True))  # the file says multi:softmax
        return booster("custom_multi", b, rows, {"probabilities": e / e.sum(axis=1, keepdims=True)})

    def slices() -> list[Case]:
        t, b = trained(
            {
                "objective": "multi:softprob",
                "num_class": 3,
                "num_parallel_tree": 2,
                "subsample": 0.7,
            },
            "classes",
            8,
        )
        part = b[2:5]
        rows, p = ask(t, part)
        return booster("slice", part, rows, {"probabilities": p})

    def step_slice() -> list[Case]:
        t, b = trained({"objective": "reg:squarederror"}, "score", 8)
        part = b[1:8:2]
        rows, p = ask(t, part)
        return booster("slice_step", part, rows, {"prediction": p})

    def continued() -> list[Case]:
        t, b = trained({"objective": "binary:logistic"}, "binary", 4)
        b = xgb.train(
            {"objective": "binary:logistic", "max_depth": 5, "num_parallel_tree": 1},
            xgb.DMatrix(t.X, t.binary),
            3,
            xgb_model=b,
        )
        rows, p = ask(t, b)
        return booster("continued", b, rows, {"probabilities": np.c_[1 - p, p]})

    def continued_stop() -> list[Case]:
        """Train on after early stopping: an old best_iteration may stay in the file."""
        t = Table(np.float32, 704)
        d, e = xgb.DMatrix(t.X[:200], t.score[:200]), xgb.DMatrix(t.X[200:], t.score[200:])
        b = xgb.train(
            {"eta": 0.6, "nthread": 1},
            d,
            50,
            evals=[(e, "e")],
            early_stopping_rounds=3,
            verbose_eval=False,
        )
        b = xgb.train({"eta": 0.6, "nthread": 1}, d, 4, xgb_model=b)
        rows = t.rows(thresholds(b))
        rows = rows[~np.isinf(rows).any(axis=1)]
        cases = booster("continued_stop", b, rows, {})
        model = R()
        model.load_model(str(cases[0].path))
        for c in cases:
            c.want = estimator(model)(rows)
        return cases

    def refreshed() -> list[Case]:
        t, b = trained({"objective": "reg:squarederror"}, "score", 5)
        b = xgb.train(
            {"process_type": "update", "updater": "refresh", "refresh_leaf": True, "max_depth": 3},
            xgb.DMatrix(t.X[::2], t.targets[::2, 1]),
            5,
            xgb_model=b,
        )
        rows, p = ask(t, b)
        return booster("refreshed", b, rows, {"prediction": p})

    def pruned() -> list[Case]:
        t, b = trained({"objective": "reg:squarederror", "max_depth": 6}, "score", 5)
        b = xgb.train(
            {"process_type": "update", "updater": "prune", "gamma": 3.0, "max_depth": 6},
            xgb.DMatrix(t.X, t.score),
            5,
            xgb_model=b,
        )
        rows, p = ask(t, b)
        return booster("pruned", b, rows, {"prediction": p})

    def no_trees() -> list[Case]:
        t, b = trained({"objective": "binary:logistic", "base_score": 0.3}, "binary", 0)
        rows, p = ask(t, b)
        return booster("no_trees", b, rows, {"probabilities": np.c_[1 - p, p]})

    def constant() -> list[Case]:
        t = Table(np.float32, 705)
        model = R(**BASE).fit(np.zeros_like(t.X), t.score)
        return saved(out, "constant", model, *scored(t.rows({}), estimator(model)))

    def names() -> list[Case]:
        t = Table(np.float32, 706)
        f = pd.DataFrame(t.X, columns=["größe", "a=b", "x y", '"q"', "日本"])
        model = R(**BASE).fit(f, t.score)
        return saved(out, "names", model, t.X[:50], estimator(model)(f[:50]))

    def wide() -> list[Case]:
        t = Table(np.float32, 707)
        X = np.c_[t.X, t.rng.normal(size=(ROWS, 300)).astype(np.float32)]
        model = C(**BASE).fit(X, t.classes)
        return saved(out, "wide", model, X[:50], estimator(model)(X[:50]))

    def many_classes() -> list[Case]:
        t = Table(np.float32, 708)
        y = np.argsort(np.argsort(t.score)) // 10
        model = C(**{**BASE, "n_estimators": 2}).fit(t.X, y)
        return saved(out, "many_classes", model, *scored(t.rows({}), estimator(model)))

    def margins() -> list[Case]:
        t = Table(np.float32, 709)
        model = C(**BASE).fit(t.X, t.binary, base_margin=t.score)
        return saved(
            out,
            "base_margin",
            model,
            *scored(t.rows(thresholds(model.get_booster())), estimator(model)),
        )

    def attributes() -> list[Case]:
        t, b = trained({"objective": "reg:squarederror"}, "score")
        b.set_attr(best_iteration="1", note="x", best_score="0.5")
        rows = t.rows(thresholds(b))
        rows = rows[~np.isinf(rows).any(axis=1)]
        return booster(
            "attributes",
            b,
            rows,
            {"prediction": b.predict(xgb.DMatrix(rows), iteration_range=(0, 2))},
        )

    if VERSION >= (1, 6):  # before, a wrapper forgets best_iteration when it loads a file
        yield continued_stop
    yield from (
        custom,
        custom_estimator,
        custom_multi,
        slices,
        step_slice,
        continued,
        refreshed,
        pruned,
        no_trees,
        constant,
        names,
        wide,
        many_classes,
        margins,
        attributes,
    )


def all_cases(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Every case, each as a function that trains it."""
    yield from plain_cases(out)
    yield from categories(out)
    yield from lower(out)
