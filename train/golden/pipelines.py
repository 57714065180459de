"""Golden cases of scikit-learn pipelines on tables of mixed columns, one input a column.

Settings are those of the committed set. The heart table is train/data/heart.csv with words in place
of some codes; the table of loans is drawn anew, because the committed one is not kept.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import compose, ensemble, impute, linear_model, pipeline, preprocessing

sys.path.append(str(Path(__file__).resolve().parents[1]))

import sklearn_cases

from heart import data
from heart.features import FEATURES

SCORED = 50
# Words that no encoder was trained on.
STRANGE = ["never seen", "", 'Ünïcode "quoted" \\ 東京']
TEXTS = ["cp", "thal", "city", "job"]
p = preprocessing


def heart() -> tuple[pd.DataFrame, np.ndarray]:
    """Read the table of patients: floats, integers, and two columns of words."""
    table = data.load()
    X = table.X.copy()
    for f in FEATURES:
        if f.name in TEXTS:
            X[f.name] = X[f.name].map(lambda code, f=f: f.meanings.get(code, "unknown"))
        elif f.name in ("age", "trestbps", "chol", "thalach", "oldpeak", "ca"):
            X[f.name] = X[f.name].astype(np.float32)
        else:
            X[f.name] = X[f.name].astype(np.int64)
    return X, table.y


def loans(*columns: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a table of borrowers and what they can pay."""
    rng = np.random.default_rng(5)
    n = 600
    X = pd.DataFrame({"income": rng.gamma(4, 10, n), "debt": rng.gamma(2, 5, n)})
    score = (X.income - 2 * X.debt).to_numpy() / 20 + rng.normal(size=n) * 0.3
    X = X.mask(rng.random(X.shape) < 0.05)
    X["age"] = rng.integers(18, 80, n)
    X = X.astype(np.float32)
    X["kids"] = rng.integers(0, 5, n)
    cities = ["Kazan", "Lyon", "Osaka", "Porto", "Quito", "São Paulo"]
    X["city"] = rng.choice(cities, n, p=[0.22, 0.12, 0.22, 0.1, 0.12, 0.22])
    X["job"] = rng.choice(["clerk", "driver", "nurse", "teacher"], n)
    return X[list(columns)], score + (X.city == "Osaka") + 0.2 * (X.job == "nurse") - 0.1 * X.kids


def scored(X: pd.DataFrame, gaps: list[str]) -> pd.DataFrame:
    """Take the rows to score: as trained, then with strange words, then with missing cells."""
    rows = X.sample(SCORED, random_state=1).reset_index(drop=True)
    texts = [c for c in X if c in TEXTS]
    first = SCORED - len(STRANGE) - 2
    for i, word in enumerate(STRANGE):
        rows.loc[first + i, texts] = word
    rows.loc[SCORED - 2 :, gaps] = np.nan
    return rows.astype(X.dtypes.to_dict())


def columns(*parts: tuple[str, Any, list[str]]) -> Any:
    """Put columns side by side, as a matrix that is not sparse."""
    return compose.ColumnTransformer(list(parts), sparse_threshold=0)


def on_heart(model: Any) -> tuple[Any, pd.DataFrame]:
    """Train a pipeline on the patients."""
    X, y = heart()
    numbers = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), p.StandardScaler())
    prep = columns(
        ("num", numbers, ["age", "trestbps", "chol", "thalach", "oldpeak", "ca"]),
        ("str", p.OneHotEncoder(handle_unknown="ignore"), ["cp", "thal"]),
        ("int", p.OneHotEncoder(handle_unknown="ignore"), ["restecg", "slope"]),
        ("pass", "passthrough", ["sex", "fbs", "exang"]),
    )
    piped = pipeline.Pipeline([("prep", prep), ("clf", model)]).fit(X, y)
    return piped, scored(X, ["ca"])


def on_loans(model: Any) -> tuple[Any, pd.DataFrame]:
    """Train a pipeline with ordinal codes on the borrowers."""
    X, y = loans("income", "debt", "age", "city", "job")
    codes = p.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), p.StandardScaler())
    prep = columns(
        ("n", numbers, ["income", "debt"]),
        ("a", p.MinMaxScaler(), ["age"]),
        ("o", codes, ["job"]),
        ("h", p.OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
    if isinstance(model, linear_model.LogisticRegression):
        y = (y > 1).astype(int)
    return pipeline.Pipeline([("p", prep), ("m", model)]).fit(X, y), scored(X, ["income", "debt"])


def boosted() -> tuple[Any, pd.DataFrame]:
    """Train a pipeline with rare categories and XGBoost on the borrowers."""
    import xgboost
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator

    update_registered_converter(
        xgboost.XGBClassifier,
        "XGBoostXGBClassifier",
        shape_calculator.calculate_linear_classifier_output_shapes,
        convert_xgboost,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    X, y = loans("income", "debt", "age", "kids", "city", "job")
    prep = columns(
        ("n", impute.SimpleImputer(strategy="constant", fill_value=-1.0), ["income", "debt"]),
        ("h", p.OneHotEncoder(handle_unknown="ignore", min_frequency=100), ["city", "job"]),
        ("k", "passthrough", ["kids", "age"]),
    )
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=4, n_jobs=1)
    piped = pipeline.Pipeline([("p", prep), ("m", model)]).fit(X, (y > 1).astype(int))
    return piped, scored(X, ["income", "debt"])


def trees_with_gaps() -> tuple[Any, np.ndarray]:
    """Train trees that take missing cells, on the patients' codes as numbers."""
    X, y = data.load().X, data.load().y
    X = X.apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    rng = np.random.default_rng(2)
    X[rng.random(X.shape) < 0.08] = np.nan
    model = ensemble.HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8).fit(X, y)
    rows = sklearn_cases.estimators.rows_for(model, X)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, SCORED).astype(int))]
    rows[-1] = np.nan
    return model, rows


def save(out: Path, name: str, trained: tuple[Any, Any]) -> str:
    """Write one case."""
    model, rows = trained
    inputs = {"X": rows}
    if isinstance(rows, pd.DataFrame):
        inputs = {c: rows[c].to_numpy().reshape(-1, 1) for c in rows}
    return sklearn_cases.make(out, name, model, inputs)


def makers() -> list[tuple[str, Callable[[Path], str]]]:
    """Give each case's name and what writes it into a folder."""
    seed = {"random_state": 3}
    trained: dict[str, Callable[[], tuple[Any, Any]]] = {
        "sk_hgb_heart_nan": trees_with_gaps,
        "sk_pipe_heart_gbc": lambda: on_heart(
            ensemble.GradientBoostingClassifier(n_estimators=40, **seed)
        ),
        "sk_pipe_heart_logreg": lambda: on_heart(
            linear_model.LogisticRegression(C=0.5, max_iter=1000)
        ),
        "sk_pipe_heart_rf": lambda: on_heart(
            ensemble.RandomForestClassifier(60, max_depth=6, **seed)
        ),
        "sk_pipe_loans_ordinal": lambda: on_loans(linear_model.LogisticRegression()),
        "sk_pipe_loans_ridge": lambda: on_loans(linear_model.Ridge()),
        "sk_pipe_loans_xgb": boosted,
    }
    return [(n, lambda out, n=n, t=t: save(out, n, t())) for n, t in trained.items()]
