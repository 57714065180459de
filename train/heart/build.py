"""Builds every file that training writes, in memory."""

import json
from collections.abc import Callable
from pathlib import Path

from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from heart import card, data, export, validation
from heart.features import NAMES
from heart.models import MODEL_NAME, VERSIONS

MODELS = Path("function/kodata/models") / MODEL_NAME
GOLDEN = Path("train/testdata/golden")


def build(report: Callable[[str], None]) -> dict[Path, bytes]:
    """Train both versions; return the files' contents by path relative to the project.

    One BLAS thread: the order of a threaded sum would show in the last digits.
    """
    with threadpool_limits(1):
        return _build(report)


def _build(report: Callable[[str], None]) -> dict[Path, bytes]:
    table = data.load()
    report(f"data: {len(table.y)} rows, {int(table.y.sum())} with disease")
    folds = {}
    for version in VERSIONS:
        folds[version.version] = validation.scores(version.make, table)
        for metric, item in validation.summarise(folds[version.version]).items():
            report(
                f"version {version.version}: {metric} {item.mean:.4f} ± {item.standard_error:.4f}"
            )
    comparison = validation.verdict(validation.summarise(folds["2"] - folds["1"]))
    report(comparison)

    files: dict[Path, bytes] = {}
    for version in VERSIONS:
        pipeline = version.make().fit(table.X, table.y)
        model = export.convert(pipeline, MODEL_NAME, version.version)
        gap = export.cross_check(model, pipeline, table.X)
        report(
            f"version {version.version}: model.onnx {len(model)} bytes; ONNX Runtime gives "
            f"scikit-learn's labels, probabilities within {gap:.1e}"
        )
        answers = golden(pipeline, table)
        text = card.write(
            version, table, answers, validation.summarise(folds[version.version]), comparison
        )
        files[MODELS / version.version / "model.onnx"] = model
        files[MODELS / version.version / "model.yaml"] = text.encode()
        files[GOLDEN / f"{MODEL_NAME}-{version.version}.jsonl"] = json_lines(answers)
    return files


def golden(pipeline: Pipeline, table: data.Table) -> list[dict]:
    """Answer every row of the table with scikit-learn itself, in full precision."""
    labels = pipeline.predict(table.X)
    chances = pipeline.predict_proba(table.X)
    answers = []
    for index, (label, chance) in enumerate(zip(labels, chances, strict=True)):
        row = table.row(index)
        answers.append(
            {
                "index": index,
                "row": row,
                "missing": [name for name in NAMES if row[name] is None],
                "label": int(label),
                "probabilities": [float(value) for value in chance],
            }
        )
    return answers


def json_lines(answers: list[dict]) -> bytes:
    """Write one JSON object a line; floats in the shortest form that reads back the same."""
    return "".join(json.dumps(answer, allow_nan=False) + "\n" for answer in answers).encode()


def save(files: dict[Path, bytes], root: Path) -> None:
    """Write the files under root, making folders as needed."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
