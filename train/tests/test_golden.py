"""The golden set: its script, one native case, and how parts plug in."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import golden

SCRIPT = Path(golden.__file__)
sys.path.append(str(golden.FOLDER))


def run(*args: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *args], capture_output=True, text=True, check=False
    )


def test_native_case(tmp_path: Path):
    done = run(str(tmp_path), "--part", "native", "--only", "xgb_base_score")
    assert (done.returncode, done.stdout) == (0, "xgb_base_score\n"), done.stderr
    folder = tmp_path / "xgb_base_score"
    names = {p.name for p in folder.iterdir()}
    assert names == {"model.json", "model.ubj", "rows.jsonl", "expected.json", "meta.json"}
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    assert meta["files"] == {"model.json": "native", "model.ubj": "native"}
    assert (meta["framework"], meta["estimator"]) == ("xgboost", "XGBClassifier")
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    rows = (folder / "rows.jsonl").read_text("utf-8").splitlines()
    assert len(rows) == len(expected["labels"]) == len(expected["probabilities"]) == 50
    assert expected["label_index"] == [p[1] > 0.5 for p in expected["probabilities"]]
    model = json.loads((folder / "model.json").read_text("utf-8"))["learner"]
    assert model["learner_model_param"]["base_score"] == "[2E-1]"
    splits = {
        (column, np.float32(value))
        for tree in model["gradient_booster"]["model"]["trees"]
        for left, column, value in zip(
            tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True
        )
        if left != -1
    }
    cells = [[np.float32(v if v is not None else "nan") for v in json.loads(r)] for r in rows]
    hit = sum((c, v) in splits for row in cells for c, v in enumerate(row))
    assert hit >= 8, "rows hit thresholds exactly"


def test_parts_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    written = []
    part = type(sys)("part")
    part.makers = lambda: [("one", written.append), ("other", written.append)]
    monkeypatch.setitem(sys.modules, "part", part)
    monkeypatch.setattr(golden, "PARTS", ["part"])
    assert golden.main([str(tmp_path), "--only", "one"]) == 0
    assert golden.main(["--list"]) == 0
    assert (written, capsys.readouterr().out) == ([tmp_path], "one\none\nother\n")
    monkeypatch.setattr(golden, "PARTS", ["part", "part"])
    with pytest.raises(ValueError, match="two parts make the case one"):
        golden.main(["--list"])


@pytest.mark.parametrize("args", [["--only", "nothing", "x"], ["--only", "one"]])
def test_wrong_arguments(args: list[str], monkeypatch: pytest.MonkeyPatch):
    part = type(sys)("part")
    part.makers = lambda: [("one", print)]
    monkeypatch.setitem(sys.modules, "part", part)
    monkeypatch.setattr(golden, "PARTS", ["part"])
    with pytest.raises(SystemExit):
        golden.main(args)


def test_plain_values():
    layout = importlib.import_module("layout")
    given = np.array([1.5, np.nan, np.inf, -np.inf])
    assert layout.plain([given, np.int64(3), "a"]) == [[1.5, None, "Infinity", "-Infinity"], 3, "a"]
