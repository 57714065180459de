"""The scikit-learn part of the golden set is what its script writes."""

import json
from pathlib import Path

import numpy as np
import pytest

import golden

COMMITTED = Path(__file__).resolve().parents[2] / "engine" / "testdata" / "golden"


@pytest.fixture(scope="module")
def cases():
    return golden.makers(["sklearn_cases"])


def test_every_committed_case_has_a_maker(cases):
    committed = {p.name for p in COMMITTED.iterdir() if p.name.startswith("sk_more_")}
    assert committed
    assert committed <= set(cases)


@pytest.mark.filterwarnings("ignore")
def test_a_case_is_made_as_committed(cases, tmp_path):
    name = "sk_more_votes"
    assert cases[name](tmp_path) == "ok"
    made, kept = tmp_path / name, COMMITTED / name
    assert (made / "rows.jsonl").read_text() == (kept / "rows.jsonl").read_text()
    assert json.loads((made / "meta.json").read_text()) == json.loads(
        (kept / "meta.json").read_text()
    )
    for key, want in json.loads((kept / "expected.json").read_text()).items():
        got = json.loads((made / "expected.json").read_text())[key]
        np.testing.assert_allclose(got, want, atol=1e-6)
