"""LightGBM, of any version from 2.3 on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from cases import FEATURES, ROWS, Case, Table, estimator, scored, strange_codes

KIND = "float64"
BASE: dict[str, Any] = {
    "n_estimators": 6,
    "num_leaves": 9,
    "n_jobs": 1,
    "random_state": 3,
    "verbose": -1,
    "learning_rate": 0.3,
    "min_child_samples": 5,
}
C, R, K = lgb.LGBMClassifier, lgb.LGBMRegressor, lgb.LGBMRanker
FOREST = {
    "boosting_type": "rf",
    "bagging_freq": 1,
    "bagging_fraction": 0.6,
    "feature_fraction": 0.8,
}
DART = {"boosting_type": "dart", "drop_rate": 0.5, "skip_drop": 0.2}


def thresholds(booster: lgb.Booster) -> dict[int, list]:
    """Read the split points by column from the model's text."""
    out: dict[int, list] = {}
    columns: list[str] = []
    for line in booster.model_to_string().splitlines():
        key, _, value = line.partition("=")
        if key == "split_feature":
            columns = value.split()
        elif key == "threshold":
            for column, v in zip(columns, value.split()):
                out.setdefault(int(column), []).append(float(v))
    return out


def estimators() -> Iterator[tuple[str, Any, str, dict]]:
    """List estimators with the target that they learn and arguments for the table."""
    variants: tuple[tuple[str, dict], ...] = (
        ("", {}),
        ("_dart", DART),
        ("_rf", FOREST),
        ("_goss", {"boosting_type": "goss"}),
        ("_goss4", {"data_sample_strategy": "goss"}),
        ("_linear", {"linear_tree": True}),
        ("_zero", {"zero_as_missing": True}),
        ("_none", {"use_missing": False}),
        ("_noavg", {"boost_from_average": False}),
        ("_extra", {"extra_trees": True, "path_smooth": 3.0}),
        ("_linear_zero", {"linear_tree": True, "zero_as_missing": True}),
        ("_linear_none", {"linear_tree": True, "use_missing": False}),
        ("_linear_rf", {**FOREST, "linear_tree": True}),
        ("_linear_dart", {**DART, "linear_tree": True}),
    )
    for objective, y in (
        ("regression", "score"),
        ("regression_l1", "score"),
        ("huber", "score"),
        ("fair", "score"),
        ("poisson", "counts"),
        ("quantile", "score"),
        ("mape", "positive"),
        ("gamma", "positive"),
        ("tweedie", "positive"),
        ("cross_entropy", "share"),
        ("cross_entropy_lambda", "share"),
    ):
        for name, more in variants:
            yield f"{objective}{name}", R(objective=objective, **{**BASE, **more}), y, {}
    for objective, y in (
        ("binary", "binary"),
        ("multiclass", "classes"),
        ("multiclassova", "classes"),
    ):
        for name, more in (
            *variants,
            ("_sigmoid", {"sigmoid": 2.5}),
            ("_unbalance", {"is_unbalance": True}),
        ):
            yield f"{objective}{name}", C(objective=objective, **{**BASE, **more}), y, {}
    for objective in ("lambdarank", "rank_xendcg"):
        for name, more in (
            ("", {}),
            ("_dart", DART),
            ("_rf", FOREST),
            ("_linear", {"linear_tree": True}),
        ):
            yield f"{objective}{name}", K(objective=objective, **{**BASE, **more}), "grades", {}
    for i, more in enumerate(
        (
            {"max_bin": 2},
            {"max_bin": 1023, "min_data_in_bin": 1},
            {"monotone_constraints": [1, -1, 0, 0, 0], "monotone_constraints_method": "advanced"},
            {"monotone_constraints": [1, 0, 0, 0, -1]},
            {"num_leaves": 127, "min_child_samples": 1},
            {"max_depth": 1},
            {"reg_sqrt": True},
            {"use_quantized_grad": True},
            {"interaction_constraints": [[0, 1], [2, 3]]},
            {"min_split_gain": 1e9},
            {"xgboost_dart_mode": True, **DART},
            {"uniform_drop": True, **DART},
            {"feature_fraction": 0.3},
            {"lambda_l1": 3.0, "lambda_l2": 9.0},
            {"learning_rate": 1e-7},
            {"n_estimators": 200},
            {"linear_tree": True, "linear_lambda": 2.0},
            {"alpha": 0.05, "objective": "quantile"},
            {"objective": "tweedie", "tweedie_variance_power": 1.9},
            {"cegb_tradeoff": 2.0, "cegb_penalty_split": 0.01},
            {"min_child_samples": 399},
            {"force_col_wise": True, "enable_bundle": False},
            {"refit_decay_rate": 0.1},
            {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5, "n_estimators": 1},
        )
    ):
        yield f"more_{i}_reg", R(**{**BASE, **more}), "positive", {}
        if "objective" not in more:
            yield f"more_{i}_cls", C(**{**BASE, **more}), "binary", {}
            yield f"more_{i}_multi", C(**{**BASE, **more}), "classes", {}
    for i, table in enumerate(
        (
            {"missing": 0.0},
            {"missing": 0.0, "zeros": 0.0},
            {"missing": 0.5},
            {"zeros": 0.9},
            {"missing": 0.0, "zeros": 0.7},
        )
    ):
        for name, more in (
            ("", {}),
            ("_zero", {"zero_as_missing": True}),
            ("_none", {"use_missing": False}),
            ("_linear", {"linear_tree": True}),
        ):
            yield f"table_{i}{name}", C(**{**BASE, **more}), "binary", table
            yield f"table_{i}{name}_reg", R(**{**BASE, **more}), "score", table


def saved(out: Path, name: str, model: Any, rows: Any, want: dict, **how: Any) -> list[Case]:
    """Save a model as it is, and with the line ends of Windows."""
    booster = model if isinstance(model, lgb.Booster) else model.booster_
    path = out / f"lgb_{name}.txt"
    booster.save_model(str(path), **how)
    other = out / f"lgb_{name}_crlf.txt"
    other.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return [Case(p.name, p, rows, want) for p in (path, other)]


def plain_cases(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make the estimators' cases."""
    for i, (name, model, y, table) in enumerate(estimators()):

        def make(
            name: str = name,
            model: Any = model,
            y: str = y,
            table: dict = table,
            seed: int = 100 + i,
        ) -> list[Case]:
            t = Table(np.float64 if seed % 3 else np.float32, seed, **table)
            if y == "grades":
                model.fit(t.X, t.grades, group=[20] * (ROWS // 20))
            else:
                model.fit(t.X, getattr(t, y))
            t.X = t.X.astype(np.float64)
            rows = t.rows(thresholds(model.booster_))
            if model.get_params().get("linear_tree"):
                rows = rows[
                    ~(abs(rows) > 1e20).any(axis=1)
                ]  # huge products of opposite signs leave no digits to compare
            return saved(out, name, model, *scored(rows, estimator(model)))

        yield make


def categories(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make cases with categories: codes, and values of data frames."""
    for i, (n, more, y) in enumerate(
        (
            (3, {}, "binary"),
            (33, {"max_cat_to_onehot": 1}, "binary"),
            (70, {"max_cat_to_onehot": 200}, "classes"),
            (200, {"max_cat_threshold": 150}, "score"),
            (2000, {"max_bin": 4000, "min_data_per_group": 1, "cat_smooth": 0.1}, "binary"),
            (40, {"use_missing": False}, "binary"),
            (40, {"zero_as_missing": True}, "binary"),
            (64, DART, "classes"),
            (65, FOREST, "score"),
            (32, {"linear_tree": True}, "score"),
            (31, {"objective": "multiclassova"}, "classes"),
            (5, {"cat_l2": 0.0}, "score"),
        )
    ):
        for column in (FEATURES - 1, 0):

            def codes(
                i: int = i, n: int = n, more: dict = more, y: str = y, column: int = column
            ) -> list[Case]:
                t = Table(np.float64, 500 + i)
                t.codes(n, column)
                if i % 2:
                    t.X[::9, column] = np.nan
                t.X[::50, column] *= 1000 if i % 3 == 0 else 1
                kind = R if y == "score" else C
                model = kind(**{**BASE, "cat_smooth": 1.0, "min_data_per_group": 3, **more})
                model.fit(t.X, getattr(t, y), categorical_feature=[column])
                rows = strange_codes(
                    t,
                    t.rows({k: v for k, v in thresholds(model.booster_).items() if k != column}),
                    column,
                )
                if more.get("linear_tree"):
                    rows = rows[~(abs(rows) > 1e20).any(axis=1)]
                return saved(out, f"codes_{i}_{column}", model, *scored(rows, estimator(model)))

            yield codes
    for i, values in enumerate(
        (
            ["a", "b", "c"],
            ["", "x", "yy"],
            ["São Paulo", "日本", "x", "Ünï"],
            [f"k{k}" for k in range(70)],
            [5, -3, 700, 2],
            [1.5, 2.25, -0.5],
            [True, False],
            ["1", "2", "10"],
            [" ", "  ", "a b"],
            ['quote"d', "back\\slash", "new\nline", "tab\t"],
            list(range(100)),
            ["🙂", "🙃", "a"],
            ["a,b", "c]", "[d", "pandas_categorical:"],
        )
    ):
        for extra in (False, True):

            def frame(i: int = i, values: list = values, extra: bool = extra) -> list[Case]:
                t = Table(np.float64, 600 + i)
                f = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
                k = t.rng.integers(0, len(values), ROWS)
                f.insert(1, "kind", pd.Categorical.from_codes(k, pd.Index(values)))
                f.loc[::11, "kind"] = None
                if extra:
                    f["second"] = pd.Categorical(t.rng.choice(["u", "v", "w", "z"], ROWS))
                    f["flag"] = t.rng.random(ROWS) < 0.5
                y = t.score + (k % 3 == 0)
                kind = R if i % 2 else C
                model = kind(**{**BASE, "cat_smooth": 1.0, "min_data_per_group": 3}).fit(
                    f, y if i % 2 else (y > 0.3).astype(int)
                )
                rows = f[:60]
                if "" in values:
                    rows = rows[rows.kind.notna()]
                want = estimator(model)(rows)
                if extra:
                    rows = rows.assign(flag=rows.flag.astype(float))
                return saved(out, f"frame_{i}_{extra}", model, rows, want)

            yield frame

    def ordered() -> list[Case]:
        """Train with an ordered category, which LightGBM takes as a number."""
        t = Table(np.float64, 650)
        f = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
        f["size"] = pd.Categorical(
            t.rng.choice(["s", "m", "l"], ROWS), ["s", "m", "l"], ordered=True
        )
        f["kind"] = pd.Categorical(t.rng.choice(["u", "v", "w"], ROWS))
        model = R(**BASE).fit(f, t.score + f["size"].cat.codes)
        rows = f[:60]
        return saved(out, "ordered", model, rows, estimator(model)(rows))

    yield ordered


def lower(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make cases of the lower interface."""

    def trained(
        params: dict, y: str, rounds: int = 6, seed: int = 700, **more: Any
    ) -> tuple[Table, lgb.Booster]:
        t = Table(np.float64, seed)
        d = lgb.Dataset(t.X, getattr(t, y), **more.pop("data", {}))
        return t, lgb.train(
            {"num_leaves": 7, "verbose": -1, "num_threads": 1, **params}, d, rounds, **more
        )

    def regression(
        name: str, t: Table, b: lgb.Booster, how: dict | None = None, ask: dict | None = None
    ) -> list[Case]:
        rows = t.rows(thresholds(b))
        return saved(
            out, name, b, rows, {"prediction": b.predict(rows, **(ask or {}))}, **(how or {})
        )

    for i, how in enumerate(
        (
            {"num_iteration": 3},
            {"start_iteration": 2},
            {"num_iteration": 2, "start_iteration": 3},
            {"importance_type": "gain"},
        )
    ):
        if "start_iteration" in how and lgb.__version__ < "3":
            continue

        def part(i: int = i, how: dict = how) -> list[Case]:
            t, b = trained({"objective": "regression"}, "score")
            ask = {k: v for k, v in how.items() if "iteration" in k}
            return regression(f"part_{i}", t, b, how, ask)

        def part_rf(i: int = i, how: dict = how) -> list[Case]:
            t, b = trained(
                {
                    "objective": "regression",
                    "boosting": "rf",
                    "bagging_freq": 1,
                    "bagging_fraction": 0.6,
                },
                "score",
            )
            path = out / "part.txt"
            b.save_model(str(path), **how)
            return regression(f"part_rf_{i}", t, lgb.Booster(model_file=str(path)))

        yield part
        yield part_rf

    def best() -> list[Case]:
        t = Table(np.float64, 701)
        model = R(**{**BASE, "n_estimators": 80, "learning_rate": 0.5})
        model.fit(
            t.X[:200],
            t.score[:200],
            eval_set=[(t.X[200:], t.score[200:])],
            callbacks=[lgb.early_stopping(3, verbose=False)],
        )
        return saved(
            out, "best", model, *scored(t.rows(thresholds(model.booster_)), estimator(model))
        )

    def best_multi() -> list[Case]:
        t = Table(np.float64, 702)
        model = C(**{**BASE, "n_estimators": 80, "learning_rate": 0.5})
        model.fit(
            t.X[:200],
            t.classes[:200],
            eval_set=[(t.X[200:], t.classes[200:])],
            callbacks=[lgb.early_stopping(3, verbose=False)],
        )
        return saved(
            out, "best_multi", model, *scored(t.rows(thresholds(model.booster_)), estimator(model))
        )

    def custom() -> list[Case]:
        t = Table(np.float64, 703)

        def obj(p: np.ndarray, d: lgb.Dataset) -> tuple:
            return p - d.get_label(), np.ones_like(p)

        params = {"num_leaves": 7, "verbose": -1}
        d = lgb.Dataset(t.X, t.score)
        b = (
            lgb.train(params, d, 5, fobj=obj)
            if lgb.__version__ < "4"
            else lgb.train({**params, "objective": obj}, d, 5)
        )
        return regression("custom", t, b)

    def custom_estimator() -> list[Case]:
        t = Table(np.float64, 704)
        model = R(**BASE, objective=lambda y, p: (p - y, np.ones_like(p))).fit(t.X, t.score)
        return saved(
            out,
            "custom_estimator",
            model,
            *scored(t.rows(thresholds(model.booster_)), estimator(model)),
        )

    def custom_multi() -> list[Case]:
        t = Table(np.float64, 705)

        def obj(y: np.ndarray, p: np.ndarray) -> tuple:
            p = p.reshape(3, -1).T if p.ndim == 1 else p
            e = np.exp(p - p.max(axis=1, keepdims=True))
            e /= e.sum(axis=1, keepdims=True)
            g, h = e - np.eye(3)[y.astype(int)], np.full(p.shape, 0.3)
            return (g, h) if lgb.__version__ >= "4" else (g.T.ravel(), h.T.ravel())

        d = lgb.Dataset(t.X, t.classes)
        params = {"num_leaves": 7, "verbose": -1, "num_class": 3}
        fobj = lambda p, d: obj(d.get_label(), p)  # noqa: E731
        b = (
            lgb.train(params, d, 5, fobj=fobj)
            if lgb.__version__ < "4"
            else lgb.train({**params, "objective": fobj}, d, 5)
        )
        return regression("custom_multi", t, b)

    def continued() -> list[Case]:
        t, b = trained({"objective": "binary"}, "binary", 4)
        b = lgb.train(
            {"objective": "binary", "num_leaves": 4, "verbose": -1},
            lgb.Dataset(t.X, t.binary),
            3,
            init_model=b,
        )
        rows = t.rows(thresholds(b))
        p = b.predict(rows)
        return saved(out, "continued", b, rows, {"probabilities": np.c_[1 - p, p]})

    def refitted() -> list[Case]:
        t, b = trained({"objective": "regression"}, "score")
        return regression("refitted", t, b.refit(t.X[::2], t.targets[::2, 1]))

    def shuffled() -> list[Case]:
        t, b = trained({"objective": "regression"}, "score")
        return regression("shuffled", t, b.shuffle_models())

    def leaf_set() -> list[Case]:
        t, b = trained({"objective": "regression"}, "score")
        return regression("leaf_set", t, b.set_leaf_output(1, 2, 1e-300))

    def forced() -> list[Case]:
        path = out / "forced.json"
        path.write_text(
            json.dumps(
                {
                    "feature": 1,
                    "threshold": 0.3,
                    "left": {"feature": 0, "threshold": -0.2},
                    "right": {"feature": 2, "threshold": 0.1},
                }
            )
        )
        t, b = trained(
            {"objective": "regression", "forcedsplits_filename": str(path), "num_leaves": 12},
            "score",
        )
        return regression("forced", t, b)

    def bins() -> list[Case]:
        path = out / "bins.json"
        path.write_text(
            json.dumps(
                [
                    {"feature": 0, "bin_upper_bound": [-0.5, 0.0, 1e-36, 0.5]},
                    {"feature": 1, "bin_upper_bound": [0.3, 0.35]},
                ]
            )
        )
        t, b = trained({"objective": "regression", "forcedbins_filename": str(path)}, "score")
        return regression("bins", t, b)

    def no_trees() -> list[Case]:
        t, b = trained({"objective": "binary"}, "binary", 1)
        rows = t.rows({})
        path = out / "lgb_no_trees.txt"
        text = b.model_to_string()
        head, _, tail = text.partition("Tree=0")
        head = "\n".join(
            "tree_sizes=" if line.startswith("tree_sizes") else line for line in head.split("\n")
        )
        path.write_text(head + "end of trees" + tail.partition("end of trees")[2])
        p = lgb.Booster(model_file=str(path)).predict(rows)
        return [Case(path.name, path, rows, {"probabilities": np.c_[1 - p, p]})]

    def constant() -> list[Case]:
        t = Table(np.float64, 706)
        model = R(**BASE).fit(np.zeros_like(t.X), t.score)
        return saved(out, "constant", model, *scored(t.rows({}), estimator(model)))

    def one_class() -> list[Case]:
        t = Table(np.float64, 707)
        model = C(**BASE).fit(t.X, np.zeros(ROWS, int))
        rows = t.rows({})
        return saved(
            out,
            "one_class",
            model,
            rows,
            {"probabilities": estimator(model)(rows)["probabilities"]},
        )

    def rare_class() -> list[Case]:
        t = Table(np.float64, 708)
        y = t.classes.copy()
        y[0], y[1] = 3, 4
        model = C(**BASE).fit(t.X, y)
        return saved(
            out, "rare_class", model, *scored(t.rows(thresholds(model.booster_)), estimator(model))
        )

    def names() -> list[Case]:
        t = Table(np.float64, 709)
        b = lgb.train(
            {"verbose": -1, "objective": "regression"},
            lgb.Dataset(t.X, t.score, feature_name=["größe", "a=b", "x_y", "q'uote", "日本"]),
            4,
        )
        return regression("names", t, b)

    def spaces() -> list[Case]:
        t = Table(np.float64, 710)
        f = pd.DataFrame(t.X, columns=["a b", "c  d", "e", " f", "g "])
        model = R(**BASE).fit(f, t.score)
        return saved(out, "spaces", model, t.X[:60], estimator(model)(f[:60]))

    def huge() -> list[Case]:
        t = Table(np.float64, 711)
        t.X = t.X * 1e300
        model = R(**BASE).fit(t.X, t.score * 1e30)
        return saved(
            out, "huge", model, *scored(t.rows(thresholds(model.booster_)), estimator(model))
        )

    def tiny() -> list[Case]:
        t = Table(np.float64, 712)
        t.X = t.X * 1e-34
        model = R(**BASE).fit(t.X, t.score)
        return saved(
            out, "tiny", model, *scored(t.rows(thresholds(model.booster_)), estimator(model))
        )

    def integers() -> list[Case]:
        t = Table(np.float64, 713)
        t.X = np.nan_to_num(t.X * 100).round()
        model = C(**{**BASE, "n_estimators": 20}).fit(t.X, t.classes)
        return saved(
            out, "integers", model, *scored(t.rows(thresholds(model.booster_)), estimator(model))
        )

    def wide() -> list[Case]:
        t = Table(np.float64, 714)
        X = np.c_[t.X, t.rng.normal(size=(ROWS, 300))]
        model = C(**BASE).fit(X, t.classes)
        return saved(out, "wide", model, X[:50], estimator(model)(X[:50]))

    def sparse() -> list[Case]:
        from scipy.sparse import csr_matrix

        t = Table(np.float64, 715, missing=0.0, zeros=0.8)
        model = R(**BASE).fit(csr_matrix(t.X), t.score)
        return saved(
            out, "sparse", model, *scored(t.rows(thresholds(model.booster_)), estimator(model))
        )

    def aliases() -> list[Case]:
        t, b = trained(
            {"objective": "mean_squared_error", "reg_sqrt": True, "boosting": "gbdt"}, "score"
        )
        return regression("aliases", t, b)

    yield from (
        best,
        best_multi,
        custom,
        custom_estimator,
        custom_multi,
        continued,
        refitted,
        shuffled,
        leaf_set,
        forced,
        bins,
        no_trees,
        constant,
        one_class,
        rare_class,
        names,
        spaces,
        huge,
        tiny,
        integers,
        wide,
        sparse,
        aliases,
    )


def all_cases(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Every case, each as a function that trains it."""
    yield from plain_cases(out)
    yield from categories(out)
    yield from lower(out)
