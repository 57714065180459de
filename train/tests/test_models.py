"""ONNX, golden predictions and scikit-learn agree on every row, missing cells included."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.base import clone

from heart import build, export
from heart.features import FEATURES, NAMES, NUMBERS

PROJECT = Path(__file__).resolve().parents[2]
OPERATORS = {
    "1": {
        "ArrayFeatureExtractor",
        "Cast",
        "Concat",
        "Identity",
        "Imputer",
        "LabelEncoder",
        "Reshape",
        "TreeEnsembleClassifier",
        "Where",
    },
    "2": {
        "ArrayFeatureExtractor",
        "Cast",
        "Concat",
        "Gather",
        "Imputer",
        "LabelEncoder",
        "LinearClassifier",
        "OneHotEncoder",
        "Reshape",
        "Scaler",
        "Where",
    },
}
MISSING = {87: ["thal"], 166: ["ca"], 192: ["ca"], 266: ["thal"], 287: ["ca"], 302: ["ca"]}


def test_onnx_gives_the_answers_of_scikit_learn(model, fitted, table):
    label, probabilities = export.run(model, table.X)
    assert label.tolist() == fitted.predict(table.X).tolist()
    assert np.abs(probabilities - fitted.predict_proba(table.X)).max() < 1e-5


def test_onnx_agrees_at_the_thresholds(model, fitted, table):
    """The trees split between measured values; there a float32 may fall on the wrong side.

    Rows are drawn from the measured values, from the middles between neighbours, and from the
    float32 numbers next to those.
    """
    random = np.random.default_rng(7)
    rows = table.X.iloc[random.integers(0, len(table.X), 5000)].reset_index(drop=True)
    for name in NUMBERS:
        measured = np.unique(table.X[name].dropna().to_numpy(dtype=float))
        middles = ((measured[1:] + measured[:-1]) / 2).astype(np.float32)
        beside = [np.nextafter(middles, np.float32(side)) for side in (-np.inf, np.inf)]
        pool = np.concatenate([measured.astype(np.float32), middles, *beside])
        rows[name] = random.choice(pool, len(rows)).astype(float)
    expected = fitted.predict_proba(rows)
    label, probabilities = export.run(model, rows)
    assert np.abs(probabilities - expected).max() < 1e-5
    decided = np.abs(expected[:, 1] - 0.5) > 1e-5
    assert label[decided].tolist() == fitted.predict(rows)[decided].tolist()


def test_golden_is_the_answer_of_scikit_learn(golden, fitted, table):
    assert [answer["index"] for answer in golden] == list(range(303))
    assert [answer["row"] for answer in golden] == [table.row(i) for i in range(303)]
    assert [answer["label"] for answer in golden] == fitted.predict(table.X).tolist()
    recorded = np.array([answer["probabilities"] for answer in golden])
    assert np.abs(recorded - fitted.predict_proba(table.X)).max() < 1e-12


def test_golden_labels_are_not_at_the_edge(golden):
    """A label must not depend on rounding: no chance is within 1e-3 of one half."""
    assert min(abs(answer["probabilities"][1] - 0.5) for answer in golden) > 1e-3


def test_golden_names_the_missing_cells(golden):
    assert {a["index"]: a["missing"] for a in golden if a["missing"]} == MISSING
    for answer in golden:
        assert [name for name in NAMES if answer["row"][name] is None] == answer["missing"]


@pytest.mark.parametrize("index", sorted(MISSING))
def test_missing_cell_is_filled_as_documented(model, table, index):
    """A null answers as the median of ca (0) and the commonest code of thal (3) would."""
    rows = table.X.iloc[[index]]
    filled = rows.copy()
    filled["ca"] = filled["ca"].fillna(0.0)
    filled["thal"] = filled["thal"].replace("", "3")
    assert not filled.equals(rows)
    _, empty = export.run(model, rows)
    _, full = export.run(model, filled)
    assert empty.tolist() == full.tolist()


def test_signature(model):
    graph = onnx.load_from_string(model).graph
    kinds = {"number": onnx.TensorProto.FLOAT, "category": onnx.TensorProto.INT64}
    expected = [
        (f.name, onnx.TensorProto.STRING if f.name == "thal" else kinds[f.type], [None, 1])
        for f in FEATURES
    ]
    assert [_tensor(value) for value in graph.input] == expected
    assert [_tensor(value) for value in graph.output] == [
        ("label", onnx.TensorProto.INT64, [None]),
        ("probabilities", onnx.TensorProto.FLOAT, [None, 2]),
    ]


def test_operators_and_opsets(model, version):
    loaded = onnx.load_from_string(model)
    assert {node.op_type for node in loaded.graph.node} == OPERATORS[version.version]
    opsets = {item.domain: item.version for item in loaded.opset_import}
    assert opsets == {"": 9, "ai.onnx.ml": 2}
    assert loaded.model_version == int(version.version)


def test_opset_is_the_lowest_that_is_enough(fitted, monkeypatch):
    monkeypatch.setattr(export, "OPSET", 8)
    with pytest.raises(RuntimeError, match="Where"):
        export.convert(fitted, "heart-disease", "1")


def test_version_two_is_far_smaller():
    sizes = {v: (PROJECT / build.MODELS / v / "model.onnx").stat().st_size for v in ("1", "2")}
    assert sizes["2"] * 5 < sizes["1"]


def test_cross_check_refuses_a_wrong_file(model, fitted, table):
    other = clone(fitted).fit(table.X, 1 - table.y)
    with pytest.raises(ValueError, match="labels differ"):
        export.cross_check(model, other, table.X)


def _tensor(value):
    kind = value.type.tensor_type
    shape = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    return value.name, kind.elem_type, shape
