"""Encoders, imputers and column transformers on tables of mixed columns, one input a column."""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from case import Case
from estimators import answers
from skl2onnx import __max_supported_opset__, convert_sklearn
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn import (
    compose,
    ensemble,
    feature_extraction,
    feature_selection,
    impute,
    linear_model,
    naive_bayes,
    pipeline,
    preprocessing,
)
from sklearn.base import is_classifier

ROWS = 120
TENSORS = {
    "a": FloatTensorType,
    "b": FloatTensorType,
    "d": DoubleTensorType,
    "c": Int64TensorType,
    "e": Int64TensorType,
    "s": StringTensorType,
    "t": StringTensorType,
    "f": BooleanTensorType,
}


def frame() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Draw a table, a class and a number to learn."""
    rng = np.random.default_rng(4)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=ROWS).astype(np.float32),
            "b": (rng.normal(size=ROWS) * 4 + 1).astype(np.float32),
            "d": rng.normal(size=ROWS),
            "c": rng.integers(-2, 4, ROWS),
            "e": rng.integers(0, 3, ROWS) * 10,
            "s": rng.choice(["red", "green", "blå"], ROWS).astype(object),
            "t": rng.choice(["x", "y", "zz", ""], ROWS, p=[0.5, 0.3, 0.15, 0.05]).astype(object),
            "f": rng.random(ROWS) < 0.4,
        }
    )
    score = X.a + (X.s == "red") + 0.3 * X.c - (X.t == "zz") + rng.normal(size=ROWS) * 0.3
    return X, np.digitize(score, [0, 0.9]), score.to_numpy()


def edges(X: pd.DataFrame) -> pd.DataFrame:
    """Take rows to score: some as trained, some with categories never seen, empty text, zeros."""
    rows = X.iloc[:30].copy().reset_index(drop=True)
    rows.loc[0, "s"], rows.loc[1, "t"] = "never seen", "Ünknown"
    rows.loc[2, "c"], rows.loc[3, "e"] = 99, -7
    rows.loc[4, ["a", "b"]] = 0
    rows.loc[5, "a"] = np.float32(1e6)
    rows.loc[6, "s"] = ""
    return rows.astype(X.dtypes.to_dict())


def models() -> Iterator[tuple[str, str, Any, list[str], str]]:
    """Give name, variant, model, columns and target ("y", "z" or none)."""
    yield from encoders()
    yield from imputers()
    yield from transformers()


def tried(kind: type, **parameters: Any) -> Any:
    """Make an estimator, or nothing where this version lacks a parameter."""
    try:
        return kind(**parameters)
    except TypeError:
        return None


def encoders() -> Iterator[tuple[str, str, Any, list[str], str]]:
    """One kind of encoder at a time."""
    p = preprocessing
    one = partial(tried, p.OneHotEncoder)
    for label, m in (
        ("ignore", one(handle_unknown="ignore")),
        ("ignore dense", one(handle_unknown="ignore", sparse_output=False)),
        ("error", one()),
        ("drop first", one(drop="first", handle_unknown="ignore")),
        ("drop if_binary", one(drop="if_binary")),
        ("infrequent", one(min_frequency=25, handle_unknown="infrequent_if_exist")),
        ("max_categories", one(max_categories=3, handle_unknown="infrequent_if_exist")),
        ("float64", one(dtype=np.float64, handle_unknown="ignore")),
        ("int64", one(dtype=np.int64, handle_unknown="ignore")),
    ):
        for columns in (["s", "t"], ["c", "e"], ["s"], ["a"]):
            yield "OneHotEncoder", f"{label} {columns}", m, columns, ""
    ordinal = partial(tried, p.OrdinalEncoder)
    unknown = {"handle_unknown": "use_encoded_value"}
    for label, m in (
        ("error", ordinal()),
        ("-1", ordinal(unknown_value=-1, **unknown)),
        ("nan", ordinal(unknown_value=np.nan, **unknown)),
        ("float32", ordinal(dtype=np.float32)),
        ("int64", ordinal(dtype=np.int64, unknown_value=-3, **unknown)),
        ("infrequent", ordinal(min_frequency=25, unknown_value=-1, **unknown)),
        ("missing", ordinal(encoded_missing_value=-5, unknown_value=-1, **unknown)),
    ):
        for columns in (["s", "t"], ["c", "e"], ["s"], ["e"]):
            yield "OrdinalEncoder", f"{label} {columns}", m, columns, ""
    if hasattr(p, "TargetEncoder"):
        for columns in (["s", "t"], ["c"], ["s"]):
            yield (
                "TargetEncoder",
                f"number {columns}",
                p.TargetEncoder(random_state=0),
                columns,
                "z",
            )
        m = p.TargetEncoder(target_type="binary", random_state=0)
        yield "TargetEncoder", "binary", m, ["s"], "bin"
        yield "TargetEncoder", "classes", p.TargetEncoder(random_state=0), ["s", "t"], "y"
    for text in ("CountVectorizer", "TfidfVectorizer"):
        m = getattr(feature_extraction.text, text)()
        yield text, "words", compose.ColumnTransformer([("w", m, "s")]), ["s"], ""
    yield (
        "FeatureHasher",
        "text",
        feature_extraction.FeatureHasher(4, input_type="string"),
        ["s"],
        "",
    )
    yield "CategoricalNB", "codes", naive_bayes.CategoricalNB(min_categories=40), ["e"], "y"


def imputers() -> Iterator[tuple[str, str, Any, list[str], str]]:
    """Imputers of text, integers and floats."""
    s = impute.SimpleImputer
    for columns in (["s", "t"], ["s"]):
        yield (
            "SimpleImputer",
            f"text {columns}",
            s(strategy="most_frequent", missing_values=""),
            columns,
            "",
        )
        m = s(strategy="constant", fill_value="none", missing_values="")
        yield "SimpleImputer", f"text constant {columns}", m, columns, ""
    yield "SimpleImputer", "int", s(strategy="most_frequent", missing_values=-2), ["c"], ""
    yield "SimpleImputer", "two int", s(strategy="most_frequent", missing_values=0), ["c", "e"], ""
    for m in (s(), s(strategy="median", add_indicator=True), s(strategy="constant", fill_value=-1)):
        yield "SimpleImputer", "gaps", m, ["a?", "b?"], ""
        yield "SimpleImputer", "gaps double", m, ["d?"], ""
    yield "KNNImputer", "gaps", impute.KNNImputer(n_neighbors=2), ["a?", "b?"], ""
    yield "MissingIndicator", "gaps", impute.MissingIndicator(features="all"), ["a?", "b?"], ""


def transformers() -> Iterator[tuple[str, str, Any, list[str], str]]:
    """Column transformers before models, and all that they are made of."""
    p, columns = preprocessing, ["a", "b", "c", "e", "s", "t"]
    hot = p.OneHotEncoder(handle_unknown="ignore")
    number = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), p.StandardScaler())
    text = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="most_frequent", missing_values=""), hot
    )
    log = linear_model.LogisticRegression(max_iter=300)
    forest = ensemble.RandomForestClassifier(8, max_depth=5, random_state=0)
    boost = ensemble.HistGradientBoostingClassifier(max_iter=5)
    ridge = linear_model.Ridge()
    code = p.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    make = compose.ColumnTransformer
    plain = make([("n", number, ["a", "b"]), ("t", text, ["s", "t"])], sparse_threshold=0)
    shapes = {
        "plain": plain,
        "names": make([("n", number, ["a", "b"]), ("c", hot, ["c"]), ("t", hot, ["s"])]),
        "slices": make([("n", number, slice(0, 2)), ("t", hot, [4, 5])]),
        "mask": make([("n", number, [True, True, False, False, False, False]), ("t", hot, ["t"])]),
        "dtype": make([("n", number, compose.make_column_selector(dtype_include="float32"))]),
        "passthrough": make([("n", "passthrough", ["a", "b", "c"]), ("t", hot, ["s"])]),
        "drop": make([("n", "drop", ["a"]), ("m", number, ["b"]), ("t", code, ["s", "t"])]),
        "remainder": make([("t", hot, ["s", "t"])], remainder="passthrough"),
        "remainder model": make([("t", hot, ["s", "t"])], remainder=p.StandardScaler()),
        "scalar column": make([("c", p.KBinsDiscretizer(3), ["b"]), ("t", hot, ["s"])]),
        "overlap": make(
            [("n", p.StandardScaler(), ["a", "b"]), ("q", p.PolynomialFeatures(2), ["b", "a"])]
        ),
        "weights": make(
            [("n", p.StandardScaler(), ["a"]), ("t", hot, ["s"])], transformer_weights={"n": 2.0}
        ),
        "nested": make(
            [
                ("inner", make([("n", number, ["a"]), ("t", hot, ["s"])]), ["a", "s"]),
                ("e", code, ["t"]),
            ]
        ),
        "union": make(
            [
                (
                    "u",
                    pipeline.FeatureUnion([("s", p.StandardScaler()), ("m", p.MinMaxScaler())]),
                    ["a", "b"],
                )
            ]
        ),
        "ordinal": make([("t", code, ["s", "t"]), ("n", "passthrough", ["a", "b", "e"])]),
        "quantile": make(
            [("q", p.QuantileTransformer(n_quantiles=9), ["a", "b"]), ("t", hot, ["t"])]
        ),
        "power": make([("q", p.PowerTransformer(), ["a", "b"]), ("t", hot, ["t"])]),
        "function": make([("f", p.FunctionTransformer(), ["a", "b"]), ("t", hot, ["t"])]),
    }
    for name, m in shapes.items():
        for label, last, y in (
            ("alone", None, ""),
            ("log", log, "y"),
            ("forest", forest, "y"),
            ("ridge", ridge, "z"),
        ):
            model = m if last is None else pipeline.make_pipeline(m, last)
            yield "ColumnTransformer", f"{name} {label}", model, columns, y
    if hasattr(p, "TargetEncoder"):
        m = make([("t", p.TargetEncoder(random_state=0), ["s", "t"]), ("n", number, ["a"])])
        yield "ColumnTransformer", "target ridge", pipeline.make_pipeline(m, ridge), columns, "z"
    several = {
        "boost": pipeline.make_pipeline(plain, boost),
        "select": pipeline.make_pipeline(plain, feature_selection.SelectKBest(k=4), log),
        "threshold": pipeline.make_pipeline(plain, feature_selection.VarianceThreshold(0.01), log),
        "svd": pipeline.make_pipeline(plain, p.PolynomialFeatures(2, include_bias=False), log),
        "vote": pipeline.make_pipeline(
            plain,
            ensemble.VotingClassifier(
                [("l", log), ("f", forest)], voting="soft", flatten_transform=False
            ),
        ),
        "stack": pipeline.make_pipeline(
            plain, ensemble.StackingClassifier([("l", log), ("f", forest)], cv=2)
        ),
    }
    for name, m in several.items():
        yield "ColumnTransformer", name, m, columns, "y"
    wide = [*columns, "d", "f"]
    yield (
        "ColumnTransformer",
        "double and bool",
        make([("n", p.StandardScaler(), ["d"]), ("t", hot, ["s"])]),
        ["d", "s"],
        "",
    )
    m = make([("n", number, ["a", "b"]), ("t", hot, ["s", "t"])])
    yield "ColumnTransformer", "unused columns", pipeline.make_pipeline(m, log), wide, "y"
    m = make([("n", "passthrough", ["f", "a"])])
    yield "ColumnTransformer", "bool", pipeline.make_pipeline(m, log), ["a", "f"], "y"


def cases(only: str, _part: str) -> Iterator[Case]:
    """Give all cases whose estimator's name contains a text."""
    warnings.simplefilter("ignore")
    X, y, z = frame()
    targets = {"": None, "y": y, "z": z, "bin": (y > 0).astype(int)}
    for name, variant, model, columns, target in models():
        if only in name and model is not None:
            yield from one(name, variant, model, columns, targets[target], X)


def one(
    name: str, variant: str, model: Any, columns: list[str], y: np.ndarray | None, X: pd.DataFrame
) -> Iterator[Case]:
    """Train and give the case of each way to convert."""
    gaps = [c[0] for c in columns if c.endswith("?")]
    columns = [c[0] for c in columns]
    table, rows = X[columns].copy(), edges(X)[columns]
    for c in gaps:
        table.loc[::7, c] = np.nan
        rows.loc[::5, c] = np.nan
    try:
        model.fit(table, y)
    except (ValueError, TypeError):
        return  # this version of scikit-learn does not take such a table
    said = answers(model, rows)
    if not said:  # categories never seen are an error: known ones then
        rows = table.iloc[:20].reset_index(drop=True)
        said = answers(model, rows)
    types = [(c, TENSORS[c]([None, 1])) for c in columns]
    inputs = {c: rows[c].to_numpy().reshape(-1, 1) for c in columns}
    packed = (
        len({TENSORS[c] for c in columns}) == 1
        and not hasattr(model, "steps")
        and name != "ColumnTransformer"
    )
    if packed:  # one input for all columns
        types = [("X", TENSORS[columns[0]]([None, len(columns)]))]
        inputs = {"X": rows.to_numpy(dtype=inputs[columns[0]].dtype)}
    off = {"zipmap": False} if is_classifier(model) else {}
    newest = __max_supported_opset__
    ways = [
        ("plain", off, newest),
        *((f"opset {n}", off, n) for n in (9, 11, 13, 15, 18) if n < newest),
    ]
    if is_classifier(model):
        ways.append(("zipmap", {}, newest))
    for way, options, opset in ways:

        def convert(options: dict = options, opset: int = opset) -> bytes:
            chosen = {id(model): options} if options else None
            made = convert_sklearn(model, initial_types=types, options=chosen, target_opset=opset)
            return made.SerializeToString()

        yield Case(name, f"{variant} {way}", convert, inputs, said)
