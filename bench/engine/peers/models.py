"""Trains the models of the benchmark and writes each as a folder.

meta.json       what it is: kind, inputs of the ONNX file, files, nodes
model.onnx      for ONNX Runtime and for the engine
model.ubj, .txt, .json, .joblib   the framework's own file
numbers.f32, texts.json           the rows to score, see data.Rows
expected.f64    the framework's own probability of class 1 for each row

A folder appears under its name only when it is complete; one that exists is kept.
"""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import onnx

from data import SCORED, TRAINED_ON, Rows, customers, normal, patients

VERSION = 1
"""Raise it when a recipe changes: folders of another version are made again."""

FOREST_ROWS = 16_700
"""So many that 100 unpruned trees take about 450,000 nodes."""


def finish(
    directory: Path,
    kind: str,
    rows: Rows,
    expected: np.ndarray,
    graph: onnx.ModelProto,
    inputs: list[dict],
    nodes: int,
    native: str,
) -> None:
    """Write everything but the framework's file, which the recipe has written.

    Some converters declare outputs of one row, which ONNX Runtime then takes at its word for
    tensors made beforehand: the number of rows is left open.
    """
    for out in graph.graph.output:
        shape = out.type.tensor_type.shape.dim
        if len(shape):
            shape[0].Clear()
    onnx.save(graph, directory / "model.onnx")
    rows.write(directory)
    np.asarray(expected, dtype="<f8").tofile(directory / "expected.f64")
    meta = {
        "version": VERSION,
        "kind": kind,
        "rows": len(rows.numbers),
        "inputs": inputs,
        "nodes": nodes,
        "native": native,
    }
    (directory / "meta.json").write_text(json.dumps(meta, indent=1))


def block(name: str, width: int) -> list[dict]:
    """Describe a graph with one input for all numeric columns."""
    return [{"name": name, "text": False, "columns": list(range(width))}]


def xgboost(directory: Path, missing: float = 0, **settings: object) -> None:
    """Train XGBoost's histogram method on one thread, so that the same trees come out."""
    import xgboost
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    train, y = normal(TRAINED_ON, 1, missing)
    rows = normal(SCORED, 2, missing)[0]
    model = xgboost.XGBClassifier(tree_method="hist", n_jobs=1, random_state=1, **settings).fit(
        train.numbers, y
    )
    booster = model.get_booster()
    booster.save_model(directory / "model.ubj")
    nodes = sum(tree.count("leaf=") * 2 - 1 for tree in booster.get_dump())
    graph = convert_xgboost(
        model, initial_types=[("X", FloatTensorType([None, train.numbers.shape[1]]))]
    )
    finish(
        directory,
        "xgboost",
        rows,
        booster.inplace_predict(rows.numbers),
        graph,
        block("X", 28),
        nodes,
        "model.ubj",
    )


def lightgbm(directory: Path, missing: float = 0, **settings: object) -> None:
    """Train LightGBM; deterministic on one thread."""
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    train, y = normal(TRAINED_ON, 3, missing)
    rows = normal(SCORED, 4, missing)[0]
    options = {"n_jobs": 1, "random_state": 1, "deterministic": True, "verbose": -1}
    model = lightgbm.LGBMClassifier(**options, **settings).fit(train.numbers.astype(np.float64), y)
    model.booster_.save_model(directory / "model.txt")
    nodes = sum(2 * tree["num_leaves"] - 1 for tree in model.booster_.dump_model()["tree_info"])
    graph = convert_lightgbm(
        model, initial_types=[("X", FloatTensorType([None, train.numbers.shape[1]]))], zipmap=False
    )
    finish(
        directory,
        "lightgbm",
        rows,
        model.booster_.predict(rows.numbers.astype(np.float64), num_threads=1),
        graph,
        block("X", 28),
        nodes,
        "model.txt",
    )


def catboost(directory: Path, **settings: object) -> None:
    """Train CatBoost.

    Its converter always ends in ZipMap, which would make ONNX Runtime build one map a row: the
    node is taken out.
    """
    import catboost

    train, y = normal(TRAINED_ON, 5)
    rows = normal(SCORED, 6)[0]
    model = catboost.CatBoostClassifier(
        thread_count=1, random_seed=1, verbose=False, allow_writing_files=False, **settings
    ).fit(train.numbers, y)
    model.save_model(str(directory / "model.cbm"))
    model.save_model(str(directory / "model.json"), format="json")
    model.save_model(str(directory / "model.onnx"), format="onnx")
    graph = onnx.load(directory / "model.onnx")
    zipmap = next(n for n in graph.graph.node if n.op_type == "ZipMap")
    out = next(o for o in graph.graph.output if o.name == zipmap.output[0])
    out.CopyFrom(
        onnx.helper.make_tensor_value_info(zipmap.input[0], onnx.TensorProto.FLOAT, [None, 2])
    )
    graph.graph.node.remove(zipmap)
    nodes = sum(
        2 ** (len(t["splits"]) + 1) - 1
        for t in json.loads((directory / "model.json").read_text())["oblivious_trees"]
    )
    finish(
        directory,
        "catboost",
        rows,
        model.predict_proba(rows.numbers, thread_count=1)[:, 1],
        graph,
        block("features", 28),
        nodes,
        "model.json",
    )


def forest(directory: Path) -> None:
    """Train a random forest without pruning: few trees, all deep."""
    from sklearn.ensemble import RandomForestClassifier

    train, y = normal(FOREST_ROWS, 7)
    rows = normal(SCORED, 8)[0]
    model = RandomForestClassifier(n_estimators=100, random_state=1, n_jobs=1).fit(train.numbers, y)
    nodes = sum(tree.tree_.node_count for tree in model.estimators_)
    sklearn(directory, model, rows, rows.numbers, [("X", False, list(range(28)))], nodes)


def logistic(directory: Path) -> None:
    """Fit the pipeline of a plain service: one-hot codes, scaled numbers, logistic regression."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, y = patients(TRAINED_ON, 9)
    rows = patients(SCORED, 10)[0]
    encode = ColumnTransformer(
        [
            ("scale", StandardScaler(), list(range(8))),
            ("encode", OneHotEncoder(handle_unknown="ignore"), list(range(8, 13))),
        ]
    )
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(train.numbers, y)
    sklearn(directory, model, rows, rows.numbers, [("X", False, list(range(13)))], 0)


def columns(directory: Path) -> None:
    """Fit a pipeline of named columns, text and missing cells among them."""
    import pandas
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, y = customers(TRAINED_ON, 11)
    rows = customers(SCORED, 12)[0]
    names = list(rows.frame())
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    text = make_pipeline(
        SimpleImputer(strategy="most_frequent", missing_values=""),
        OneHotEncoder(handle_unknown="ignore"),
    )
    encode = ColumnTransformer([("numeric", numeric, names[:8]), ("text", text, names[8:])])
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(
        pandas.DataFrame(train.frame()), y
    )
    inputs = [(n, n.startswith("t"), [int(n[1:])]) for n in names]
    sklearn(directory, model, rows, pandas.DataFrame(rows.frame()), inputs, 0)


def sklearn(
    directory: Path,
    model: object,
    rows: Rows,
    X: object,
    inputs: list[tuple[str, bool, list[int]]],
    nodes: int,
) -> None:
    """Convert a fitted estimator and write it with its own answers to X."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = [
        (name, (StringTensorType if text else FloatTensorType)([None, len(cols)]))
        for name, text, cols in inputs
    ]
    graph = convert_sklearn(
        model,
        initial_types=types,
        options={"zipmap": False},
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    joblib.dump(model, directory / "model.joblib")
    described = [{"name": name, "text": text, "columns": cols} for name, text, cols in inputs]
    finish(directory, "sklearn", rows, model.predict_proba(X)[:, 1], graph, described, nodes, "")


MODELS: dict[str, Callable[[Path], None]] = {
    "xgboost-100x6": lambda d: xgboost(d, n_estimators=100, max_depth=6),
    "xgboost-500x6": lambda d: xgboost(d, n_estimators=500, max_depth=6, learning_rate=0.1),
    "xgboost-500-leafwise": lambda d: xgboost(
        d, n_estimators=500, max_depth=0, max_leaves=31, grow_policy="lossguide", learning_rate=0.1
    ),
    "xgboost-1000x8": lambda d: xgboost(d, n_estimators=1000, max_depth=8, learning_rate=0.1),
    "forest-100-deep": forest,
    "logistic-13": logistic,
    "columns-13": columns,
    "lightgbm-100x63": lambda d: lightgbm(d, n_estimators=100, num_leaves=63, max_depth=6),
    "lightgbm-missing": lambda d: lightgbm(d, 0.1, n_estimators=200, num_leaves=31),
    "xgboost-missing": lambda d: xgboost(d, 0.1, n_estimators=500, max_depth=6, learning_rate=0.1),
    "catboost-100x6": lambda d: catboost(d, n_estimators=100, depth=6),
    "catboost-1000x8": lambda d: catboost(d, n_estimators=1000, depth=8),
}


def complete(directory: Path) -> bool:
    """Tell whether a folder holds a model of this version."""
    meta = directory / "meta.json"
    return meta.exists() and json.loads(meta.read_text())["version"] == VERSION


def main(root: Path, names: list[str]) -> None:
    """Make the named models, all where none is named."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    for name in names or MODELS:
        if complete(root / name):
            continue
        print(f"train {name}", flush=True)
        making = root / f"{name}.making-{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        MODELS[name](making)
        shutil.rmtree(root / name, ignore_errors=True)
        making.rename(root / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
