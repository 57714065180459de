"""CatBoost, of any version from 1.0 on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import catboost as cb
import numpy as np
import pandas as pd
from cases import ROWS, Case, Table, estimator, scored

KIND = "float32"
BASE: dict[str, Any] = {
    "iterations": 6,
    "depth": 4,
    "verbose": 0,
    "thread_count": 1,
    "random_seed": 3,
    "allow_writing_files": False,
    "learning_rate": 0.4,
}
C, R, K = cb.CatBoostClassifier, cb.CatBoostRegressor, cb.CatBoostRanker
DEPTHWISE, LOSSGUIDE = {"grow_policy": "Depthwise"}, {"grow_policy": "Lossguide", "max_leaves": 9}
WORDS = [
    "",
    "5",
    "abcd",
    "abcdefgh",
    "x" * 16,
    "y" * 17,
    "São Paulo",
    "w" * 33,
    "e" * 64,
    "t" * 130,
    "日本",
    "a\tb",
    "nan",
    "None",
    "-1",
    "1.5",
]


def thresholds(model: Any) -> dict[int, list]:
    """Ask for the borders by column."""
    return {int(k): [np.float32(v) for v in values] for k, values in model.get_borders().items()}


def estimators() -> Iterator[tuple[str, Any, str, dict]]:
    """List estimators with the target that they learn and arguments for the table."""
    grown: tuple[tuple[str, dict], ...] = (
        ("", {}),
        ("_depthwise", DEPTHWISE),
        ("_lossguide", LOSSGUIDE),
        ("_min", {"nan_mode": "Min"}),
        ("_max", {"nan_mode": "Max", **DEPTHWISE}),
    )
    for loss, y in (
        ("RMSE", "score"),
        ("MAE", "score"),
        ("Quantile", "score"),
        ("Quantile:alpha=0.1", "score"),
        ("MultiQuantile:alpha=0.1,0.5,0.9", "score"),
        ("Expectile:alpha=0.3", "score"),
        ("LogCosh", "score"),
        ("Lq:q=3", "score"),
        ("Huber:delta=1.0", "score"),
        ("MAPE", "positive"),
        ("Poisson", "counts"),
        ("Tweedie:variance_power=1.5", "positive"),
        ("LogLinQuantile", "positive"),
        ("RMSEWithUncertainty", "score"),
        ("MultiRMSE", "targets"),
        ("MultiRMSEWithMissingValues", "targets"),
        ("SurvivalAft:dist=Normal", "bounds"),
        ("Cox", "score"),
    ):
        for name, more in grown:
            yield f"{loss}{name}", R(loss_function=loss, **BASE, **more), y, {}
    for loss, y in (
        ("Logloss", "binary"),
        ("CrossEntropy", "share"),
        ("Focal:focal_alpha=0.3;focal_gamma=2", "binary"),
        ("MultiClass", "classes"),
        ("MultiClassOneVsAll", "classes"),
        ("MultiLogloss", "labels"),
        ("MultiCrossEntropy", "shares"),
        ("MultiClass", "binary"),
        ("MultiClassOneVsAll", "binary"),
    ):
        for name, more in grown:
            yield f"{loss}_{y}{name}", C(loss_function=loss, **BASE, **more), y, {}
    for loss in (
        "YetiRank",
        "YetiRankPairwise",
        "PairLogit",
        "PairLogitPairwise",
        "QueryRMSE",
        "QuerySoftMax",
        "QueryCrossEntropy",
        "StochasticRank:metric=NDCG",
        "LambdaMart",
        "GroupQuantile",
        "StochasticFilter",
    ):
        for name, more in (("", {}), ("_max", {"nan_mode": "Max"})):
            yield (
                f"{loss}{name}",
                K(loss_function=loss, **BASE, **more),
                "binary" if "Cross" in loss else "grades",
                {"ranked": True},
            )
    for i, more in enumerate(
        (
            {"depth": 1},
            {"depth": 10},
            {"depth": 16, "iterations": 1},
            {"border_count": 1},
            {"border_count": 1024},
            {"boosting_type": "Ordered"},
            {"bootstrap_type": "MVS"},
            {"langevin": True},
            {"posterior_sampling": True},
            {"model_shrink_rate": 0.2},
            {"model_shrink_rate": 0.1, "model_shrink_mode": "Decreasing"},
            {"has_time": True},
            {"monotone_constraints": [1, 0, -1, 0, 0]},
            {"l2_leaf_reg": 1e9},
            {"ignored_features": [0, 2]},
            {"ignored_features": [4]},
            {"feature_border_type": "Uniform"},
            {"leaf_estimation_method": "Gradient", "leaf_estimation_iterations": 5},
            {"iterations": 200, "depth": 3},
            {"learning_rate": 1e-8},
            {"feature_weights": [0.1, 1, 1, 1, 9]},
            {"min_data_in_leaf": 50, **DEPTHWISE},
            {"depth": 12, **DEPTHWISE},
            {"grow_policy": "Lossguide", "max_leaves": 60, "depth": 14},
            {"boost_from_average": True},
            {"boost_from_average": False},
            {"random_strength": 50},
            {"rsm": 0.3},
            {"od_type": "Iter", "od_wait": 2},
            {"per_float_feature_quantization": ["1:border_count=1024"]},
            {"sampling_unit": "Object"},
            {"nan_mode": "Forbidden"},
        )
    ):
        table = {"missing": 0.0} if "Forbidden" in more.values() else {}
        yield f"more_{i}_reg", R(**{**BASE, **more}), "score", table
        yield f"more_{i}_cls", C(**{**BASE, **more}), "binary", table
        yield (
            f"more_{i}_multi",
            C(**{**BASE, **more, "loss_function": "MultiClass"}),
            "classes",
            table,
        )
    for i, names in enumerate(
        (
            ["no", "yes"],
            [7, -3],
            [0.5, 1.5],
            [True, False],
            ["1", "2"],
            ["ä", "日本"],
            [0.0, 1.0],
            [1, 10**12],
            ["", " "],
            [-1.25, 1e10],
        )
    ):
        yield f"named_{i}", C(**BASE), "named", {"names": names}
        yield f"given_{i}", C(class_names=names, **BASE), "named", {"names": names}
    for i, names in enumerate((["c", "a", "b"], [30, -2, 7], [0.5, 1.5, 2.5], ["10", "9", "8"])):
        yield f"named3_{i}", C(**BASE), "named", {"names": names}
        yield f"given3_{i}", C(class_names=names, **BASE), "named", {"names": names}
        yield f"ova3_{i}", C(loss_function="MultiClassOneVsAll", **BASE), "named", {"names": names}
    yield "weights", C(auto_class_weights="Balanced", **BASE), "classes", {}
    yield (
        "labels_named",
        C(loss_function="MultiLogloss", class_names=["u", "v", "w"], **BASE),
        "labels",
        {},
    )
    yield "threshold", C(**BASE), "binary", {"threshold": 0.27}
    yield "threshold_named", C(**BASE), "named", {"threshold": 0.8, "names": ["n", "y"]}
    for i, (scale, bias) in enumerate(((0.5, 1.25), (-2.0, 0.0), (1.0, -3.0))):
        yield f"scale_{i}_reg", R(**BASE), "score", {"scale": (scale, bias)}
        yield f"scale_{i}_cls", C(**BASE), "binary", {"scale": (scale, bias)}
    for n in (0, 1, 3):
        yield f"shrunk_{n}_cls", C(**BASE), "binary", {"shrink": n}
        yield f"shrunk_{n}_multi", C(**BASE), "classes", {"shrink": n}
        yield f"shrunk_{n}_depthwise", R(**BASE, **DEPTHWISE), "score", {"shrink": n}


def saved(out: Path, name: str, model: Any, rows: Any, want: dict, **how: Any) -> list[Case]:
    """Save a model as JSON."""
    path = out / (
        "cb_"
        + name.replace(":", "_").replace("=", "_").replace(",", "_").replace(";", "_")
        + ".json"
    )
    model.save_model(str(path), format="json", **how)
    return [Case(path.name, path, rows, want)]


def answer(model: Any) -> Callable[[Any], dict]:
    """Ask an estimator, and write booleans as 0 and 1, as ONNX files have them."""

    def ask(rows: Any) -> dict:
        want = estimator(model)(rows)
        label = want.get("label")
        if label is not None and set(np.unique(label.astype(str))) <= {"True", "False"}:
            want["label"] = (label.astype(str) == "True").astype(int)
        return want

    return ask


def plain_cases(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make the estimators' cases."""
    for i, (name, model, y, more) in enumerate(estimators()):

        def make(
            name: str = name, model: Any = model, y: str = y, more: dict = more, seed: int = 100 + i
        ) -> list[Case]:
            t = Table(np.float32, seed, **{k: v for k, v in more.items() if k == "missing"})
            if "names" in more:
                t.named = np.array(more["names"])[
                    t.classes if len(more["names"]) == 3 else t.binary
                ]
            t.bounds = np.c_[t.positive, np.where(t.binary, -1, t.positive)]
            t.shares = np.c_[t.share, 1 - t.share]
            if "ranked" in more:
                model.fit(cb.Pool(t.X, getattr(t, y), group_id=t.groups))
            else:
                model.fit(t.X, getattr(t, y))
            if "threshold" in more:
                model.set_probability_threshold(more["threshold"])
            if "scale" in more:
                model.set_scale_and_bias(*more["scale"])
            if "shrink" in more:
                model.shrink(more["shrink"])
            rows = t.rows(thresholds(model))
            return saved(out, name, model, *scored(rows, answer(model)))

        yield make


def categories(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make cases with categories that are compared one by one, and some that have to be refused."""
    for i, (values, more) in enumerate(
        (
            (WORDS, {}),
            (["a", "b", "c"], DEPTHWISE),
            (["a", "b"], LOSSGUIDE),
            ([3, -7, 10**9], {}),
            (list(range(100)), {"one_hot_max_size": 200}),
            (["True", "False"], {}),
            (WORDS, {"loss_function": "MultiRMSE"}),
            (["x", "y", "z"], {"nan_mode": "Max"}),
        )
    ):
        for place in (0, 2):

            def frame(
                i: int = i, values: list = values, more: dict = more, place: int = place
            ) -> list[Case]:
                t = Table(np.float32, 600 + i)
                f = pd.DataFrame(t.X[:, :3], columns=["a", "b c", "ñ"])
                k = t.rng.integers(0, len(values), ROWS)
                f.insert(place, "kind", np.array(values, dtype=object)[k])
                f["other"] = t.rng.choice(["u", "v"], ROWS)
                model = R(
                    cat_features=["kind", "other"],
                    **{**BASE, "one_hot_max_size": 250, "iterations": 12, **more},
                )
                y = t.score + k % 3
                model.fit(f, np.c_[y, -y] if "loss_function" in more else y)
                rows = f[:100].reset_index(drop=True)
                rows.loc[:3, "kind"] = (
                    ["never", "", "NaN", "0"]
                    if isinstance(values[0], str)
                    else [12345, 0, -1, 10**15]
                )
                want = answer(model)(rows)
                rows = rows.assign(kind=rows.kind.astype(str))
                return saved(out, f"onehot_{i}_{place}", model, rows, want)

            yield frame

    def constant_category() -> list[Case]:
        t = Table(np.float32, 640)
        f = pd.DataFrame(t.X[:, :3], columns=["a", "b", "c"])
        f["kind"] = "same"
        model = R(cat_features=["kind"], **BASE).fit(f, t.score)
        return saved(out, "constant_category", model, f[:50], answer(model)(f[:50]))

    def counters() -> list[Case]:
        t = Table(np.float32, 641)
        f = pd.DataFrame(t.X[:, :3], columns=["a", "b", "c"])
        f["kind"] = t.rng.choice([f"w{k}" for k in range(60)], ROWS)
        pool = cb.Pool(f, t.score + f.kind.str.len() + (f.kind < "w3"), cat_features=["kind"])
        model = R(**{**BASE, "iterations": 20}).fit(pool)
        path = out / "cb_counters.json"
        model.save_model(str(path), format="json", pool=pool)
        return [Case(path.name, path, f[:50], refused="one_hot_max_size")]

    def text() -> list[Case]:
        t = Table(np.float32, 642)
        f = pd.DataFrame(t.X[:, :3], columns=["a", "b", "c"])
        f["words"] = np.where(t.binary, "good fine " * 2, "bad poor worse")
        model = C(text_features=["words"], **BASE).fit(f, t.binary)
        return [
            Case(c.name, c.path, f[:50], refused="text")
            for c in saved(out, "text", model, f[:50], {})
        ]

    def embedding() -> list[Case]:
        t = Table(np.float32, 643)
        f = pd.DataFrame(t.X[:, :3], columns=["a", "b", "c"])
        f["e"] = [list(map(float, np.nan_to_num(v))) for v in t.X]
        model = C(embedding_features=["e"], **BASE).fit(f, t.binary)
        return [
            Case(c.name, c.path, f[:50], refused="embedding")
            for c in saved(out, "embedding", model, f[:50], {})
        ]

    yield from (constant_category, counters, text, embedding)


def lower(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Make the cases that are one of their kind."""

    def summed() -> list[Case]:
        t = Table(np.float32, 700)
        a, b = R(**BASE).fit(t.X, t.score), R(**{**BASE, "depth": 2}).fit(t.X, t.score)
        model = cb.sum_models([a, b], weights=[0.3, 1.7])
        return saved(
            out,
            "summed",
            model,
            *scored(t.rows(thresholds(model)), lambda rows: {"prediction": model.predict(rows)}),
        )

    def summed_multi() -> list[Case]:
        t = Table(np.float32, 701)
        a, b = C(**BASE).fit(t.X, t.classes), C(**{**BASE, "depth": 2}).fit(t.X, t.classes)
        model = cb.sum_models([a, b], weights=[0.5, 0.5])
        return saved(
            out,
            "summed_multi",
            model,
            *scored(
                t.rows(thresholds(model)),
                lambda rows: {"probabilities": model.predict(rows, prediction_type="Probability")},
            ),
        )

    def best() -> list[Case]:
        t = Table(np.float32, 702)
        model = C(**{**BASE, "iterations": 100, "early_stopping_rounds": 3, "use_best_model": True})
        model.fit(t.X[:200], t.classes[:200], eval_set=(t.X[200:], t.classes[200:]))
        return saved(out, "best", model, *scored(t.rows(thresholds(model)), answer(model)))

    def continued() -> list[Case]:
        t = Table(np.float32, 703)
        a = C(**BASE).fit(t.X, t.binary)
        model = C(**{**BASE, "depth": 2}).fit(t.X, t.binary, init_model=a)
        return saved(out, "continued", model, *scored(t.rows(thresholds(model)), answer(model)))

    def base_line() -> list[Case]:
        t = Table(np.float32, 704)
        model = R(**BASE).fit(cb.Pool(t.X, t.score, baseline=t.score * 0.5))
        return saved(out, "baseline", model, *scored(t.rows(thresholds(model)), answer(model)))

    def constant() -> list[Case]:
        t = Table(np.float32, 705)
        X = np.zeros_like(t.X)
        X[:, 0] = np.arange(ROWS) % 2
        model = R(**BASE).fit(X, t.score)
        return saved(out, "constant", model, *scored(t.rows({}), answer(model)))

    def names() -> list[Case]:
        t = Table(np.float32, 706)
        f = pd.DataFrame(t.X, columns=["größe", "a=b", "x y", '"q"', "日本"])
        model = R(**BASE).fit(f, t.score)
        return saved(out, "names", model, t.X[:60], answer(model)(f[:60]))

    def many_classes() -> list[Case]:
        t = Table(np.float32, 707)
        model = C(**{**BASE, "iterations": 2}).fit(t.X, np.argsort(np.argsort(t.score)) // 10)
        return saved(out, "many_classes", model, *scored(t.rows({}), answer(model)))

    def from_binary() -> list[Case]:
        t = Table(np.float32, 708)
        model = C(**BASE).fit(t.X, t.classes)
        path = out / "cb_from_binary.cbm"
        model.save_model(str(path))
        again = C().load_model(str(path))
        return saved(out, "from_binary", again, *scored(t.rows(thresholds(model)), answer(model)))

    def plain_core() -> list[Case]:
        t = Table(np.float32, 709)
        model = cb.CatBoost({**BASE, "loss_function": "Logloss"}).fit(t.X, t.binary)
        return saved(
            out,
            "core",
            model,
            *scored(
                t.rows(thresholds(model)),
                lambda rows: {"probabilities": model.predict(rows, prediction_type="Probability")},
            ),
        )

    def custom() -> list[Case]:
        class Square:
            def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> list:
                return [(t - a, -1.0) for a, t in zip(approxes, targets)]

        t = Table(np.float32, 710)
        model = R(**{**BASE, "loss_function": Square(), "eval_metric": "RMSE"}).fit(t.X, t.score)
        return saved(out, "custom", model, *scored(t.rows(thresholds(model)), answer(model)))

    def wide() -> list[Case]:
        t = Table(np.float32, 711)
        X = np.c_[t.X, t.rng.normal(size=(ROWS, 300)).astype(np.float32)]
        model = C(**BASE).fit(X, t.classes)
        return saved(out, "wide", model, X[:50], answer(model)(X[:50]))

    yield from (
        summed,
        summed_multi,
        best,
        continued,
        base_line,
        constant,
        names,
        many_classes,
        from_binary,
        plain_core,
        custom,
        wide,
    )


def all_cases(out: Path) -> Iterator[Callable[[], list[Case]]]:
    """Every case, each as a function that trains it."""
    yield from plain_cases(out)
    yield from categories(out)
    yield from lower(out)
