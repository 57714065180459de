"""model.yaml agrees with the data, the golden predictions and the files beside it."""

import hashlib
from importlib.metadata import version as installed

import numpy as np

from heart import data
from heart.card import deciles
from heart.features import FEATURES, NAMES

KEYS = [
    "format",
    "name",
    "version",
    "title",
    "description",
    "features",
    "classes",
    "outputs",
    "examples",
    "training",
]
TRAINING = ["algorithm", "data", "tools", "validation", "metrics", "comparison"]


def test_keys(card, version):
    assert list(card) == KEYS
    assert list(card["training"]) == TRAINING
    assert card["format"] == 1
    assert card["name"] == "heart-disease"
    assert card["version"] == version.version
    assert "\n" not in card["title"]
    assert "not for medical use" in card["description"]
    assert [entry["name"] for entry in card["features"]] == list(NAMES)


def test_examples_are_golden(card, golden):
    answers = {tuple(a["row"].items()): a for a in golden}
    for example in card["examples"]:
        answer = answers[tuple(example["row"].items())]
        assert example["label"] == answer["label"]
        assert example["probabilities"] == answer["probabilities"]


def test_examples_show_both_classes_and_both_missing_cells(card):
    examples = card["examples"]
    full = [e["label"] for e in examples if None not in e["row"].values()]
    assert set(full) == {0, 1}
    missing = {name for e in examples for name, value in e["row"].items() if value is None}
    assert missing == {"ca", "thal"}


def test_ranges_and_deciles_are_those_of_the_data(card, table):
    for entry in card["features"]:
        if entry["type"] != "number":
            continue
        known = table.X[entry["name"]].dropna().to_numpy(dtype=float)
        training = entry["training"]
        assert (training["min"], training["max"]) == (known.min(), known.max())
        assert training["quantiles"] == deciles(known)
        assert entry["valid"]["min"] <= training["min"]
        assert entry["valid"]["max"] >= training["max"]


def test_deciles_are_measured_values():
    known = np.array([5.0, 1.0, 2.5, 4.0])
    assert deciles(known) == [1, 1, 1, 2.5, 2.5, 2.5, 4, 4, 5, 5, 5]


def test_categories_count_every_row(card, table):
    for entry in card["features"]:
        if entry["type"] != "category":
            continue
        column = table.X[entry["name"]]
        for category in entry["categories"]:
            assert category["rows"] == (column == category["value"]).sum(), entry["name"]
        total = sum(category["rows"] for category in entry["categories"])
        assert total == 303 - (column == "").sum()


def test_nullable_features(card):
    tokens = {entry["name"]: entry["missing"] for entry in card["features"] if "missing" in entry}
    assert tokens == {"ca": "NaN", "thal": ""}
    nullable = [entry["name"] for entry in card["features"] if entry.get("nullable")]
    assert nullable == ["ca", "thal"] == [f.name for f in FEATURES if f.nullable]


def test_training_record(card):
    record = card["training"]
    assert record["data"]["sha256"] == hashlib.sha256(data.PATH.read_bytes()).hexdigest()
    assert record["data"]["rows"] == 303
    assert record["data"]["licence"] == "CC BY 4.0"
    for surname in ("Janosi", "Steinbrunn", "Pfisterer", "Detrano"):
        assert any(surname in credit for credit in record["data"]["credit"])
    for tool, recorded in record["tools"].items():
        if tool != "python":
            assert recorded == installed(tool)
