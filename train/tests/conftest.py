"""What several tests need: the table, fitted pipelines, the committed files, two fresh runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from heart import data
from heart.build import GOLDEN, MODELS
from heart.models import MODEL_NAME, VERSIONS

PROJECT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 300


@pytest.fixture(scope="session")
def table():
    """The training table."""
    return data.load()


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"v{version.version}")
def version(request):
    """Each bundled version in turn."""
    return request.param


@pytest.fixture(scope="session")
def fitted(version, table):
    """The version's pipeline, fitted on the whole table."""
    return version.make().fit(table.X, table.y)


@pytest.fixture(scope="session")
def model(version):
    """The committed ONNX file."""
    return (PROJECT / MODELS / version.version / "model.onnx").read_bytes()


@pytest.fixture(scope="session")
def card(version):
    """The committed model.yaml, parsed."""
    return yaml.safe_load((PROJECT / MODELS / version.version / "model.yaml").read_text())


@pytest.fixture(scope="session")
def golden(version):
    """The committed golden predictions."""
    path = PROJECT / GOLDEN / f"{MODEL_NAME}-{version.version}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Two folders, each filled by a process of its own with another order of its hash tables."""
    started = []
    for seed in ("1", "2"):
        folder = tmp_path_factory.mktemp(f"run{seed}")
        process = subprocess.Popen(
            [sys.executable, PROJECT / "train" / "train.py", "--out", folder],
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append((folder, process))
    try:
        for _, process in started:
            output, _ = process.communicate(timeout=RUN_SECONDS)
            assert process.returncode == 0, output
    finally:
        for _, process in started:
            process.kill()
            process.wait()
    return [folder for folder, _ in started]
