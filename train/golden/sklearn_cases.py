"""Golden cases of scikit-learn models as ONNX files, in the layout of engine/testdata/golden.

FIRST are the names, estimators and parameters of the golden set's own scikit-learn cases, on
tables that scikit-learn makes or ships, so that the set can be made again with other versions.
MORE are cases that its first form lacks; those are committed as this script writes them.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skl2onnx import convert_sklearn
from sklearn import (
    compose,
    datasets,
    discriminant_analysis,
    ensemble,
    impute,
    linear_model,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import is_classifier
from sklearn.decomposition import PCA

sys.path.append(str(Path(__file__).resolve().parents[1] / "attack"))

import case as attack
import estimators
import tables
import tabular
from engine import Refused, reference

SCORED, TOLERANCE = 30, 1e-4
DATATYPES = {
    "float32": "FP32",
    "float64": "FP64",
    "int64": "INT64",
    "object": "BYTES",
    "bool": "BOOL",
}
SEED = {"random_state": 1}
piped = pipeline.make_pipeline
scale = preprocessing.StandardScaler
log = linear_model.LogisticRegression


def matrix(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Give a table of numbers and its target."""
    kind, _, variant = name.partition(" ")
    if kind in ("iris", "cancer", "diabetes"):
        load = {
            "iris": datasets.load_iris,
            "cancer": datasets.load_breast_cancer,
            "diabetes": datasets.load_diabetes,
        }
        data = load[kind]()
        X, y = data.data, data.target
        if variant == "words":
            y = np.array(["setosa", "versicolor", "virgînica"])[y]
    elif kind == "made":
        X, y = datasets.make_classification(300, 10, n_informative=6, n_classes=4, **SEED)
    else:
        X, y = datasets.make_friedman1(300, 8, noise=0.5, **SEED)
        y = np.abs(y)
    types = {"double": np.float64, "int": np.int64}
    return (X * (1 if variant != "int" else 3)).astype(types.get(variant, np.float32)), y


# name, table, estimator
FIRST: list[tuple[str, str, Callable[[], Any]]] = [
    ("sk_ada", "cancer", lambda: ensemble.AdaBoostClassifier(n_estimators=20, **SEED)),
    ("sk_dt_int_input", "cancer int", lambda: tree.DecisionTreeClassifier(max_depth=6, **SEED)),
    ("sk_dt_multi", "iris", lambda: tree.DecisionTreeClassifier(**SEED)),
    ("sk_dt_reg", "diabetes", lambda: tree.DecisionTreeRegressor(max_depth=7, **SEED)),
    ("sk_elasticnet_double", "diabetes double", lambda: linear_model.ElasticNet(alpha=0.01)),
    (
        "sk_et_binary",
        "cancer",
        lambda: ensemble.ExtraTreesClassifier(40, min_samples_leaf=4, **SEED),
    ),
    ("sk_et_reg", "diabetes", lambda: ensemble.ExtraTreesRegressor(30, min_samples_leaf=4, **SEED)),
    (
        "sk_gbc_binary",
        "cancer",
        lambda: ensemble.GradientBoostingClassifier(n_estimators=60, **SEED),
    ),
    (
        "sk_gbc_multi",
        "made",
        lambda: ensemble.GradientBoostingClassifier(n_estimators=25, max_depth=4, **SEED),
    ),
    ("sk_gbr", "friedman", lambda: ensemble.GradientBoostingRegressor(n_estimators=80, **SEED)),
    (
        "sk_gbr_huber",
        "diabetes",
        lambda: ensemble.GradientBoostingRegressor(loss="huber", n_estimators=40, **SEED),
    ),
    ("sk_gnb", "iris", naive_bayes.GaussianNB),
    ("sk_hgb_binary", "cancer", lambda: ensemble.HistGradientBoostingClassifier(max_iter=60)),
    (
        "sk_hgb_multi",
        "made",
        lambda: ensemble.HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=12),
    ),
    ("sk_hgb_reg", "friedman", lambda: ensemble.HistGradientBoostingRegressor(max_iter=60)),
    (
        "sk_hgb_poisson",
        "friedman",
        lambda: ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=30),
    ),
    ("sk_iforest", "iris", lambda: ensemble.IsolationForest(n_estimators=20, **SEED)),
    (
        "sk_imputer_indicator",
        "made",
        lambda: piped(impute.SimpleImputer(strategy="median"), scale(), log()),
    ),
    (
        "sk_kbins_logreg",
        "made",
        lambda: piped(preprocessing.KBinsDiscretizer(encode="onehot-dense"), log(max_iter=500)),
    ),
    ("sk_knn", "iris", neighbors.KNeighborsClassifier),
    (
        "sk_lasso_poly",
        "friedman",
        lambda: piped(
            preprocessing.PolynomialFeatures(),
            scale(),
            linear_model.Lasso(alpha=0.5, max_iter=5000),
        ),
    ),
    ("sk_lda", "iris", discriminant_analysis.LinearDiscriminantAnalysis),
    ("sk_linearsvc", "iris", lambda: svm.LinearSVC(C=0.5, max_iter=20000)),
    ("sk_linreg", "diabetes", linear_model.LinearRegression),
    ("sk_logreg_binary", "cancer", lambda: piped(scale(), log(max_iter=2000))),
    ("sk_logreg_double", "cancer double", lambda: piped(scale(), log(C=0.3, max_iter=2000))),
    ("sk_logreg_multi_str", "iris words", lambda: log(max_iter=2000)),
    ("sk_logreg_ovr", "iris", lambda: multiclass.OneVsRestClassifier(log(C=2.0, max_iter=1000))),
    (
        "sk_mlp_binary",
        "cancer",
        lambda: piped(scale(), neural_network.MLPClassifier((16, 8), max_iter=300, **SEED)),
    ),
    (
        "sk_mlp_reg",
        "friedman",
        lambda: piped(
            scale(), neural_network.MLPRegressor(hidden_layer_sizes=(20,), max_iter=400, **SEED)
        ),
    ),
    ("sk_pca_logreg", "cancer", lambda: piped(scale(), PCA(n_components=8), log())),
    ("sk_rf_binary", "cancer", lambda: ensemble.RandomForestClassifier(80, **SEED)),
    ("sk_rf_double", "made double", lambda: ensemble.RandomForestClassifier(20, random_state=2)),
    (
        "sk_rf_multi_zipmap",
        "made",
        lambda: ensemble.RandomForestClassifier(30, max_depth=5, random_state=2),
    ),
    (
        "sk_rf_reg",
        "friedman",
        lambda: ensemble.RandomForestRegressor(40, min_samples_leaf=3, **SEED),
    ),
    (
        "sk_ridge_scaled",
        "diabetes",
        lambda: piped(preprocessing.RobustScaler(), linear_model.Ridge(alpha=3.0)),
    ),
    (
        "sk_scalers_union",
        "iris",
        lambda: pipeline.FeatureUnion(
            [
                ("mm", preprocessing.MinMaxScaler(clip=True)),
                ("ma", preprocessing.MaxAbsScaler()),
                ("rb", preprocessing.RobustScaler()),
                ("no", preprocessing.Normalizer()),
                ("bi", preprocessing.Binarizer(threshold=1.5)),
            ]
        ),
    ),
    ("sk_sgd_hinge_multi", "iris", lambda: piped(scale(), linear_model.SGDClassifier(**SEED))),
    ("sk_svc_multi", "iris", lambda: svm.SVC(C=2.0)),
    ("sk_svc_rbf_prob", "diabetes2", lambda: piped(scale(), svm.SVC(probability=True, **SEED))),
    ("sk_svr_rbf", "diabetes", lambda: piped(scale(), svm.SVR(C=50.0))),
]

MORE: list[tuple[str, str, Callable[[], Any]]] = [
    ("sk_more_radius", "table number", lambda: neighbors.RadiusNeighborsRegressor(12.0)),
    (
        "sk_more_knn_manhattan",
        "table words",
        lambda: neighbors.KNeighborsClassifier(4, metric="manhattan"),
    ),
    (
        "sk_more_forest_targets",
        "table labels",
        lambda: ensemble.RandomForestClassifier(5, max_depth=3, **SEED),
    ),
    ("sk_more_targets", "table labels", lambda: multioutput.MultiOutputClassifier(log())),
    (
        "sk_more_regressor_targets",
        "table numbers",
        lambda: ensemble.ExtraTreesRegressor(4, max_depth=3, **SEED),
    ),
    (
        "sk_more_votes",
        "table int binary",
        lambda: ensemble.ExtraTreesClassifier(6, max_depth=5, **SEED),
    ),
    (
        "sk_more_quantile",
        "table words",
        lambda: piped(preprocessing.QuantileTransformer(n_quantiles=12), log()),
    ),
    (
        "sk_more_exponential",
        "table binary",
        lambda: ensemble.GradientBoostingClassifier(
            loss="exponential", n_estimators=5, max_depth=2, **SEED
        ),
    ),
    ("sk_more_lof", "table none", lambda: neighbors.LocalOutlierFactor(7, novelty=True)),
]


def plain(v: Any) -> Any:
    """Turn a value into what JSON can hold: NaN is null, infinities are words."""
    if isinstance(v, np.ndarray | list | tuple):
        return [plain(x) for x in v]
    if isinstance(v, np.generic):
        v = v.item()
    if isinstance(v, float) and not math.isfinite(v):
        return None if math.isnan(v) else ("Infinity" if v > 0 else "-Infinity")
    return v


def make(out: Path, name: str, model: Any, inputs: dict[str, np.ndarray]) -> str:
    """Convert a trained model, ask the framework and ONNX Runtime, write the case."""
    kinds = estimators.TENSORS | {"object": tabular.StringTensorType}
    types = [(k, kinds[str(v.dtype)]([None, v.shape[1]])) for k, v in inputs.items()]
    rows = inputs.get("X")
    if rows is None:
        rows = pd.DataFrame({k: v.ravel() for k, v in inputs.items()})
    outlier = hasattr(model, "fit_predict") and not hasattr(model, "kneighbors_graph")
    mapped = is_classifier(model) and not outlier and "zipmap" in estimators.options_of(model)
    options = {id(model): {"zipmap": False}} if mapped else None
    data = convert_sklearn(
        model, initial_types=types, options=options, target_opset={"": 22, "ai.onnx.ml": 3}
    ).SerializeToString()
    second = attack.opinion(data, inputs)
    if isinstance(second, Refused):
        raise second
    # The engine answers rows first, also where a file has [targets, rows, classes].
    second = {k: v.swapaxes(0, 1) if v.ndim == 3 else v for k, v in second.items()}
    said = estimators.answers(model, rows)
    expected, outputs, wrong = {}, [], {}
    for i, (output, value) in enumerate(second.items()):
        key, want = answer(model, said, i, value)
        expected[key] = want
        outputs.append({"name": output, "maps_to": key})
        off = attack.differ(value, np.asarray(want), len(value), TOLERANCE)
        if off.any():
            wrong[output] = off
    check = judge(data, inputs, second, wrong)
    check["inputs"], at = [], 0
    for k, v in inputs.items():
        columns = list(range(at, at + v.shape[1]))
        check["inputs"].append({"name": k, "datatype": DATATYPES[str(v.dtype)], "columns": columns})
        at += v.shape[1]
    classes = getattr(model, "classes_", [])
    expected["classes"] = [] if isinstance(classes, list) or not is_classifier(model) else classes
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    lines = [json.dumps(plain(list(r)), ensure_ascii=False) for r in np.asarray(rows, dtype=object)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    meta = {
        "name": name,
        "files": {"model.onnx": "onnx"},
        "inputs": check["inputs"],
        "outputs": {"model.onnx": outputs},
        "tolerance": {"rtol": TOLERANCE, "atol": TOLERANCE},
        "checks": {"model.onnx": check},
    }
    flat = {k: {"shape": v.shape, "data": v.ravel()} for k, v in second.items()}
    beside = {
        "model.onnx": {"outputs": {k: {n: plain(x) for n, x in v.items()} for k, v in flat.items()}}
    }
    for file, value in (
        ("meta", meta),
        ("expected", {k: plain(v) for k, v in expected.items()}),
        ("ort", beside),
    ):
        (folder / f"{file}.json").write_text(json.dumps(value, ensure_ascii=False) + "\n", "utf-8")
    return check["status"]


def answer(model: Any, said: dict[str, np.ndarray], i: int, value: np.ndarray) -> tuple[str, Any]:
    """Give the framework's answer that output i of a file stands for, a flat list a row."""
    rows = len(said["predict[0]"]) if "predict[0]" in said else len(value)
    label = said.get("predict[0]")
    several = label is not None and label.ndim == 2 and is_classifier(model)
    if label is None:
        return "transformed", said["transform[0]"]
    if several and i == 0:
        return "other_labels", label
    if several:
        if value.shape[0] == rows and "predict_proba" in said and len(value.shape) == 2:
            return f"other_probabilities_{i - 1}", said[f"predict_proba[{i - 1}]"]
        return "other_probabilities", np.moveaxis(said["predict_proba"], 0, 1).reshape(rows, -1)
    if value.dtype.kind in "iOU" and i == 0:
        return "labels", label
    if "predict_proba[0]" in said and i == 1:
        return "probabilities", said["predict_proba[0]"]
    if i == 1:
        score = said["decision_function[0]"]
        return "scores", np.c_[-score, score] if value.shape[1:] == (2,) else score
    return "predictions", label


def judge(data: bytes, inputs: dict, second: dict, wrong: dict) -> dict[str, Any]:
    """Give a file's status: whether the framework, ONNX Runtime and the reference agree."""
    if not wrong:
        return {"status": "ok"}
    off = np.logical_or.reduce(list(wrong.values()))
    try:
        third = reference(data, inputs)
        third = {k: v.swapaxes(0, 1) if v.ndim == 3 else v for k, v in third.items()}
    except Refused:
        third = second
    alike = all(not attack.differ(third[k], second[k], len(off), TOLERANCE).any() for k in wrong)
    if not alike:
        return {"status": "ort_wrong"}
    if off.mean() > 0.3:
        return {"status": "file_wrong"}
    return {"status": "rows_deviate", "rows_file_wrong": np.flatnonzero(off).tolist()}


def train(table: str, model: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Train on a table and give the rows to score."""
    kind, _, rest = table.partition(" ")
    if kind == "table":
        number, _, target = rest.rpartition(" ")
        X = tables.numbers("int64" if number == "int" else "float32")
        y = None if target == "none" else getattr(tables.Targets(X), target)
    else:
        X, y = matrix(table.replace("diabetes2", "diabetes"))
        y = (y > np.median(y)).astype(int) if kind == "diabetes2" else y
    model.fit(X, y)
    rows = estimators.rows_for(model, X)
    keep = np.unique(np.linspace(0, len(rows) - 1, SCORED).astype(int))
    return model, {"X": rows[keep]}


def words() -> tuple[Any, dict[str, np.ndarray]]:
    """Train a pipeline of every kind of column."""
    X, y, _ = tabular.frame()
    p = preprocessing
    columns = compose.ColumnTransformer(
        [
            ("n", scale(), ["a"]),
            ("o", p.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["t"]),
            ("h", p.OneHotEncoder(handle_unknown="ignore"), ["s", "c"]),
        ]
    )
    columns.sparse_threshold = 0
    used = ["a", "c", "s", "t"]
    model = piped(columns, p.PolynomialFeatures(2, include_bias=False), log(max_iter=400)).fit(
        X[used], y
    )
    return model, {c: tabular.edges(X)[c].to_numpy().reshape(-1, 1) for c in used}


def makers() -> Iterator[tuple[str, Callable[[Path], str]]]:
    """Give each case's name and what writes it into a folder."""
    for name, table, new in FIRST + MORE:
        yield name, lambda out, n=name, t=table, e=new: make(out, n, *train(t, e()))
    yield "sk_more_words", lambda out: make(out, "sk_more_words", *words())


def main() -> None:
    """Write the cases whose names begin with the second argument into the first."""
    out, prefix = Path(sys.argv[1]), (sys.argv[2:] or [""])[0]
    for name, write in makers():
        if name.startswith(prefix):
            print(name, write(out))


if __name__ == "__main__":
    main()
