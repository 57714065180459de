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


def test_every_committed_case_has_a_maker():
    listed = (COMMITTED / "cases.txt").read_text("utf-8").split()
    assert listed == sorted(p.name for p in COMMITTED.iterdir() if p.is_dir())
    groups = set(golden.makers(["more"]))  # each writes all cases whose names begin so
    assert groups == {"xgb_more", "lgb_more", "cb_more"}
    parts = [part for part in golden.PARTS if part != "more"]
    single = [name for name in listed if "_".join(name.split("_")[:2]) not in groups]
    assert sorted(golden.makers(parts)) == single


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


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["sk_pipe_heart_logreg", "sk_pipe_loans_ordinal"])
def test_a_pipeline_is_made_like_the_committed(name, tmp_path):
    assert golden.makers(["pipelines"])[name](tmp_path) == "ok"
    made, kept = (json.loads((f / name / "meta.json").read_text()) for f in (tmp_path, COMMITTED))
    assert made["inputs"] == kept["inputs"]
    assert made["outputs"]["model.onnx"][0]["maps_to"] == "labels"
    rows = [json.loads(r) for r in (tmp_path / name / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == kept["n_rows"]
    assert any(None in row for row in rows)
    assert any("never seen" in row for row in rows)
