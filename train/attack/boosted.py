"""Boosting frameworks: onnxmltools' converters of XGBoost and LightGBM, CatBoost's own exporter."""

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import tables
import xgboost
from case import Case
from estimators import answers
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import (
    convert_lightgbm as lightgbm_converter,
)
from onnxmltools.convert.xgboost.operator_converters.XGBoost import (
    convert_xgboost as xgboost_converter,
)
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType as SklearnFloat
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn import pipeline, preprocessing
from sklearn.base import is_classifier

OPSETS = (9, 11, 13, 15)


def models() -> Iterator[tuple[str, Any, str]]:  # noqa: C901 - a list with loops, no decisions
    """Give framework, model and target."""
    few = {"n_estimators": 7, "max_depth": 3, "random_state": 0, "n_jobs": 1}
    x = xgboost
    for y in ("binary", "codes"):
        yield "XGBoost", x.XGBClassifier(**few), y
        yield "XGBoost", x.XGBClassifier(base_score=0.3, **few), y
        yield "XGBoost", x.XGBRFClassifier(**few), y
    for objective in ("binary:hinge", "binary:logitraw"):
        yield "XGBoost", x.XGBClassifier(objective=objective, **few), "binary"
    yield "XGBoost", x.XGBClassifier(objective="multi:softmax", **few), "codes"
    for objective in ("squarederror", "absoluteerror", "pseudohubererror", "squaredlogerror"):
        y = "count" if objective == "squaredlogerror" else "number"
        yield "XGBoost", x.XGBRegressor(objective=f"reg:{objective}", **few), y
    for objective in ("count:poisson", "reg:gamma", "reg:tweedie"):
        yield "XGBoost", x.XGBRegressor(objective=objective, **few), "count"
    yield "XGBoost", x.XGBRegressor(objective="reg:logistic", **few), "binary"
    yield "XGBoost", x.XGBRegressor(base_score=2.5, **few), "number"
    yield "XGBoost", x.XGBRegressor(**few), "numbers"
    yield "XGBoost", x.XGBRFRegressor(**few), "number"
    yield "XGBoost", x.XGBRegressor(booster="gblinear", n_estimators=5), "number"
    yield "XGBoost", x.XGBRegressor(booster="dart", rate_drop=0.4, **few), "number"
    quiet = few | {"verbose": -1, "min_child_samples": 3}
    g = lightgbm
    for y in ("binary", "codes", "words"):
        yield "LightGBM", g.LGBMClassifier(**quiet), y
        yield "LightGBM", g.LGBMClassifier(boosting_type="dart", **quiet), y
        yield (
            "LightGBM",
            g.LGBMClassifier(**quiet | {"n_estimators": 4, "num_leaves": 4, "max_depth": -1}),
            y,
        )
    rf = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}
    yield "LightGBM", g.LGBMClassifier(**quiet | rf), "binary"
    yield "LightGBM", g.LGBMRegressor(**quiet | rf), "number"
    for objective in ("regression", "regression_l1", "huber", "fair", "quantile", "mape"):
        yield "LightGBM", g.LGBMRegressor(objective=objective, **quiet), "number"
    for objective in ("poisson", "gamma", "tweedie"):
        yield "LightGBM", g.LGBMRegressor(objective=objective, **quiet), "count"
    yield "LightGBM", g.LGBMRegressor(reg_sqrt=True, **quiet), "count"
    plain = {
        "iterations": 7,
        "depth": 3,
        "verbose": False,
        "random_seed": 0,
        "allow_writing_files": False,
    }
    plain["thread_count"] = 1
    c = catboost
    for y in ("binary", "codes", "words"):
        yield "CatBoost", c.CatBoostClassifier(**plain), y
        yield "CatBoost", c.CatBoostClassifier(grow_policy="Lossguide", **plain), y
    yield "CatBoost", c.CatBoostClassifier(loss_function="MultiClassOneVsAll", **plain), "codes"
    yield "CatBoost", c.CatBoostClassifier(loss_function="CrossEntropy", **plain), "binary"
    for loss in ("RMSE", "MAE", "Quantile:alpha=0.3", "Huber:delta=1.0"):
        yield "CatBoost", c.CatBoostRegressor(loss_function=loss, **plain), "number"
    for loss in ("Poisson", "Tweedie:variance_power=1.5"):
        yield "CatBoost", c.CatBoostRegressor(loss_function=loss, **plain), "count"
    yield "CatBoost", c.CatBoostRegressor(loss_function="MultiRMSE", **plain), "numbers"


def splits(framework: str, model: Any) -> list[tuple[int, float]]:
    """Collect the thresholds of a model as (column, value)."""
    if framework == "XGBoost":
        with contextlib.suppress(ValueError, xgboost.core.XGBoostError):
            t = model.get_booster().trees_to_dataframe().dropna(subset=["Split"])
            return [(int(f[1:]), float(v)) for f, v in zip(t.Feature, t.Split, strict=True)]
        return []
    if framework == "LightGBM":
        t = model.booster_.trees_to_dataframe().dropna(subset=["threshold"])
        return [
            (int(f.split("_")[1]), float(v))
            for f, v in zip(t.split_feature, t.threshold, strict=True)
        ]
    return [(f, b) for f, borders in model.get_borders().items() for b in borders]


def file(framework: str, model: Any, opset: int) -> bytes:
    """Convert alone."""
    types = [("X", FloatTensorType([None, tables.COLUMNS]))]
    if framework == "XGBoost":
        return convert_xgboost(model, initial_types=types, target_opset=opset).SerializeToString()
    if framework == "LightGBM":
        made = convert_lightgbm(model, initial_types=types, target_opset=opset, zipmap=opset == 9)
        return made.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.save_model(str(path), format="onnx")
        return path.read_bytes()


def register() -> None:
    """Teach skl2onnx the frameworks' models, for pipelines."""
    for model, converter, alias in (
        (xgboost.XGBClassifier, xgboost_converter, "XGBoostXGBClassifier"),
        (xgboost.XGBRegressor, xgboost_converter, "XGBoostXGBRegressor"),
        (lightgbm.LGBMClassifier, lightgbm_converter, "LightGbmLGBMClassifier"),
        (lightgbm.LGBMRegressor, lightgbm_converter, "LightGbmLGBMRegressor"),
    ):
        classifier = "Classifier" in alias
        shapes = calculate_linear_classifier_output_shapes
        if not classifier:
            shapes = calculate_linear_regressor_output_shapes
        options = (
            {"nocl": [True, False], "zipmap": [True, False, "columns"]}
            if classifier
            else {"split": None}
        )
        update_registered_converter(model, alias, shapes, converter, options=options)


def cases(only: str, _part: str) -> Iterator[Case]:
    """Give all cases whose framework's name contains a text."""
    warnings.simplefilter("ignore")
    register()
    X = tables.numbers("float32")
    X[::9, 1] = np.nan
    targets = tables.Targets(np.nan_to_num(X))
    targets.codes = targets.ints // 3
    for framework, model, y in models():
        if only not in framework:
            continue
        model.fit(X, getattr(targets, y))
        rows = tables.with_gaps(tables.scored(X, splits(framework, model)))
        said = answers(model, rows)
        label = f"{type(model).__name__} {y} " + " ".join(
            str(model.get_params().get(k))
            for k in (
                "objective",
                "loss_function",
                "booster",
                "boosting_type",
                "base_score",
                "grow_policy",
            )
            if model.get_params().get(k)
        )
        for opset in OPSETS if framework != "CatBoost" else (0,):

            def convert(
                framework: str = framework, model: Any = model, opset: int = opset
            ) -> bytes:
                return file(framework, model, opset)

            name = "features" if framework == "CatBoost" else "X"
            yield Case(framework, f"{label} opset {opset}", convert, {name: rows}, said)
        if framework != "CatBoost":
            yield from piped(framework, model, getattr(targets, y), X, label)


def piped(framework: str, model: Any, y: np.ndarray, X: np.ndarray, label: str) -> Iterator[Case]:
    """Give the case of the model behind a scaler, converted by skl2onnx."""
    m = pipeline.make_pipeline(preprocessing.StandardScaler(with_mean=False, with_std=False), model)
    m.fit(X, y)
    rows = tables.with_gaps(tables.scored(X, splits(framework, model)))
    off = {id(model): {"zipmap": False}} if is_classifier(model) else None

    def convert() -> bytes:
        made = convert_sklearn(
            m,
            initial_types=[("X", SklearnFloat([None, X.shape[1]]))],
            options=off,
            target_opset={"": 15, "ai.onnx.ml": 3},
        )
        return made.SerializeToString()

    yield Case(framework, f"{label} in a pipeline", convert, {"X": rows}, answers(m, rows))
