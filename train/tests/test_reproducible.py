"""Training gives the same bytes again, and the committed files are what it gives."""

import re
import subprocess
import sys
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
import onnx
import pytest

import train
from heart import compare

PROJECT = Path(__file__).resolve().parents[2]
TRAIN = PROJECT / "train" / "train.py"


def _files(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_two_runs_give_the_same_bytes(runs):
    first, second = (_files(folder) for folder in runs)
    assert len(first) == 6
    assert first == second


def test_committed_files_are_what_training_gives(runs):
    assert compare.differences(_files(runs[0]), PROJECT) == []


def test_no_trace_of_the_machine(runs):
    """Neither a path of this machine nor the year of a clock is in a written file."""
    for path, content in _files(runs[0]).items():
        assert str(PROJECT).encode() not in content, path
        assert str(runs[0]).encode() not in content, path
        assert not re.search(rb"\b202\d-\d\d", content), path


def test_differences_are_found(runs, tmp_path):
    files = _files(runs[0])
    golden = next(path for path in files if path.suffix == ".jsonl")
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert compare.differences(files, tmp_path) == []
    (tmp_path / golden).write_bytes(files[golden].replace(b'"label": 0', b'"label": 1', 1))
    assert [line.split(":")[0] for line in compare.differences(files, tmp_path)] == [str(golden)]
    (tmp_path / golden).unlink()
    assert compare.differences(files, tmp_path) == [f"{golden}: absent"]


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("p: [0.6120254732209687]", "p: [0.6120254732209690]", True),
        ("p: [0.6120254732209687]", "p:\n  [0.612025473220969]", True),
        ("p: [0.6120254732209687]", "p: [0.6120354732209687]", False),
        ("p: [0.6120254732209687]", "p: [0.6120254732209687, 0.6120254732209687]", False),
        ("mean: 0.9158", "mean: 0.9159", False),
        ("tools: {python: '3.11', onnx: 1}", "tools: {python: '3.13', onnx: 1}", True),
        ("tools: {python: '3.11', onnx: 1}", "tools: {python: '3.11', onnx: 2}", False),
    ],
)
def test_text_may_differ_in_last_digits_only(left, right, same):
    assert compare.same(Path("model.yaml"), left.encode(), right.encode()) is same


@pytest.mark.parametrize(("factor", "same"), [(1 + 1e-7, True), (1 + 1e-4, False)])
def test_model_may_differ_in_last_digits_only(model, factor, same):
    changed = onnx.load_from_string(model)
    for node in changed.graph.node:
        for attribute in node.attribute:
            scaled = [np.float32(value * factor) for value in attribute.floats]
            attribute.ClearField("floats")
            attribute.floats.extend(scaled)
    content = changed.SerializeToString()
    assert content != model
    assert compare.same(Path("model.onnx"), model, content) is same


def test_model_of_another_shape_differs(model):
    changed = onnx.load_from_string(model)
    changed.graph.node[0].name = "other"
    assert not compare.same(Path("model.onnx"), model, changed.SerializeToString())


def test_check_reports_and_writes_nothing(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "build", lambda report: _files(runs[0]))
    assert train.main(["--check", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("absent") == 6
    assert list(tmp_path.iterdir()) == []
    assert train.main(["--check", "--out", str(runs[1])]) == 0
    assert "6 files are as training gives them" in capsys.readouterr().out


def test_help_names_the_options():
    done = subprocess.run(
        [sys.executable, TRAIN, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "--out" in done.stdout
    assert "--check" in done.stdout


def test_requirements_are_pinned_and_installed():
    lines = (PROJECT / "train" / "requirements.txt").read_text().splitlines()
    pins = [re.fullmatch(r"([A-Za-z0-9_.-]+)==([0-9][0-9a-z.]*)", line) for line in lines]
    assert all(pins), lines
    for pin in pins:
        assert installed(pin[1]) == pin[2], pin[1]
    assert any(pin[1] == "scikit-learn" and pin[2].startswith("1.9.") for pin in pins)
