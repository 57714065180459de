"""What all cases of the golden set share: tables, rows to score, and how a case is written."""

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS, SCORED, FEATURES = 300, 30, 4


class Table:
    """Numbers with missing cells, and targets that depend on them."""

    def __init__(self, dtype: type, seed: int, missing: float = 0.1, zeros: float = 0.0) -> None:
        """Draw the table."""
        self.rng = np.random.default_rng(seed)
        X = self.rng.normal(size=(ROWS, FEATURES)).astype(dtype).round(2)
        X[self.rng.random(X.shape) < zeros] = 0
        X[self.rng.random(X.shape) < missing] = np.nan
        self.X = X
        z = np.nan_to_num(X)
        self.score = z[:, 0] + z[:, 1] * z[:, 2] + self.rng.normal(size=ROWS) * 0.2
        self.binary = (self.score > 0).astype(int)
        self.classes = np.digitize(self.score, [-0.7, 0.5])
        self.targets = np.c_[self.score, z[:, 0] - z[:, 3]]
        self.labels = np.c_[self.binary, z[:, 3] > 0.2].astype(int)

    def codes(self, n: int) -> None:
        """Make the last column one of category codes."""
        self.X[:, -1] = self.rng.integers(0, n, ROWS)
        self.score = self.score + (self.X[:, -1] % 3 == 0)
        self.binary = (self.score > 0.3).astype(int)

    def rows(self, thresholds: Iterable[float]) -> np.ndarray:
        """Take the rows to score: some as trained, some around thresholds, zeros, all missing."""
        out = self.X[:SCORED].copy()
        values = np.asarray([t for t in thresholds if math.isfinite(t)], dtype=out.dtype)
        for i in range(12 if len(values) else 0):
            v = self.rng.choice(values)
            beside = [
                v,
                np.nextafter(v, out.dtype.type(9e9)),
                np.nextafter(v, out.dtype.type(-9e9)),
            ]
            out[i] = self.rng.choice(beside)
        out[12], out[13] = 0, np.nan
        return out


def plain(v: Any) -> Any:
    """Turn a value into what JSON can hold, as the golden set does."""
    if isinstance(v, np.ndarray | list):
        return [plain(x) for x in v]
    if isinstance(v, np.generic):
        v = v.item()
    if isinstance(v, float) and not math.isfinite(v):
        return None if math.isnan(v) else ("Infinity" if v > 0 else "-Infinity")
    return v


def write(
    out: Path, files: dict[str, Callable], rows: list, inputs: list, expected: dict, **more: Any
) -> None:
    """Write one case in the golden set's layout; more goes into meta.json."""
    out.mkdir(parents=True, exist_ok=True)
    for name, save in files.items():
        save(str(out / name))
    lines = [json.dumps(plain(list(r)), ensure_ascii=False) for r in rows]
    (out / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    meta = {
        "name": out.name,
        "files": dict.fromkeys(files, "native"),
        "inputs": inputs,
        "outputs": {},
        "tolerance": {"rtol": 1e-5, "atol": 1e-5},
        "checks": {f: {"status": "ok"} for f in files},
        **more,
    }
    for name, value in (("meta", meta), ("expected", {k: plain(v) for k, v in expected.items()})):
        (out / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False) + "\n", "utf-8")


def matrix(width: int) -> list:
    """Name one input for all columns."""
    return [{"name": "X", "columns": list(range(width))}]


def named(frame: pd.DataFrame) -> list:
    """Name one input for each column."""
    return [{"name": c, "columns": [i]} for i, c in enumerate(frame.columns)]


def answers(model: Any, X: Any) -> dict:
    """Ask the model."""
    if not hasattr(model, "predict_proba"):
        return {"predictions": model.predict(X)}
    label = np.asarray(model.predict(X))
    if label.ndim == 2 and label.shape[1] == 1:
        label = label[:, 0]
    return {"labels": label, "label_index": label, "probabilities": model.predict_proba(X)}
