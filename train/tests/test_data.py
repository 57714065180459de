"""The table is the one that is described, and its target is not the reversed one."""

import hashlib

import numpy as np
import pytest

from heart import data
from heart.features import FEATURES, NAMES


def test_is_the_described_file():
    digest = hashlib.sha256(data.PATH.read_bytes()).hexdigest()
    assert digest == "dee6cc4854aeda6daf444110de51698a4f24a778ae207f409732ea191ce3a6c7"


def test_rows_and_target(table):
    assert len(table.X) == 303
    assert int((table.y == 1).sum()) == 139
    assert int((table.y == 0).sum()) == 164


def test_missing_cells(table):
    assert np.flatnonzero(table.X["ca"].isna()).tolist() == [166, 192, 287, 302]
    assert np.flatnonzero(table.X["thal"] == "").tolist() == [87, 266]
    assert not table.X[[name for name in NAMES if name != "ca"]].isna().any().any()


@pytest.mark.parametrize(
    ("column", "sign"),
    [("exang", 1), ("oldpeak", 1), ("ca", 1), ("thalach", -1)],
)
def test_target_is_not_reversed(table, column, sign):
    known = table.X[column].notna().to_numpy()
    correlation = np.corrcoef(table.X[column][known], table.y[known])[0, 1]
    assert sign * correlation > 0.3


def test_most_patients_without_chest_pain_are_diseased(table):
    """Angina is what sends the healthy to the clinic: without it, 105 of 144 were diseased."""
    assert table.y[table.X["cp"] == 4].sum() == 105
    assert table.y[table.X["cp"] != 4].mean() < 0.25


def test_values_are_inside_the_declared_ones(table):
    for feature in FEATURES:
        column = table.X[feature.name]
        if feature.meanings:
            allowed = set(feature.meanings) | ({""} if feature.nullable else set())
            assert set(column) == allowed, feature.name
        else:
            low, high = feature.valid
            assert column.dropna().between(low, high).all(), feature.name


def test_another_file_is_refused(tmp_path):
    other = tmp_path / "heart.csv"
    other.write_bytes(data.PATH.read_bytes().replace(b"63,1,1", b"64,1,1", 1))
    with pytest.raises(ValueError, match="sha256"):
        data.load(other)


def test_other_columns_are_refused():
    raw = data.PATH.read_bytes().replace(b"age,sex", b"sex,age", 1)
    with pytest.raises(ValueError, match="columns"):
        data.parse(raw)
