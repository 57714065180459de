"""The rows that models are trained on and scored with, and how they lie in files."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WIDTH = 28
"""Columns of the tree models, as in the Higgs data set that tree engines are often measured on."""

TRAINED_ON = 8_000
SCORED = 8_000
"""Different rows to score: one row again and again would let the processor learn its path."""


@dataclass
class Rows:
    """A table: a block of float32 columns (NaN is missing) and a block of text columns."""

    numbers: np.ndarray
    texts: np.ndarray

    def frame(self) -> dict[str, np.ndarray]:
        """Return the columns by name: n0, n1, … hold numbers and t0, t1, … texts."""
        columns = {f"n{i}": self.numbers[:, i] for i in range(self.numbers.shape[1])}
        return columns | {f"t{i}": self.texts[:, i] for i in range(self.texts.shape[1])}

    def write(self, directory: Path) -> None:
        """Write both blocks where Rows.read and the Go side find them."""
        self.numbers.astype("<f4").tofile(directory / "numbers.f32")
        (directory / "texts.json").write_text(json.dumps(self.texts.tolist()))

    @staticmethod
    def read(directory: Path) -> "Rows":
        """Read what write has written."""
        texts = np.array(json.loads((directory / "texts.json").read_text()), dtype=object)
        numbers = np.fromfile(directory / "numbers.f32", dtype="<f4").reshape(len(texts), -1)
        return Rows(numbers, texts.reshape(len(texts), -1))


def normal(rows: int, seed: int, missing: float = 0) -> tuple[Rows, np.ndarray]:
    """Draw random-normal columns and a noisy label that depends on some of them."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(rows, WIDTH)).astype(np.float32)
    signal = (
        X[:, 0] + X[:, 1] * X[:, 2] + np.sin(2 * X[:, 3]) + 0.5 * X[:, 4:12].sum(axis=1) * X[:, 12]
    )
    y = (signal + draw.normal(size=rows) > 0).astype(int)
    X[draw.random(X.shape) < missing] = np.nan
    return Rows(X, np.empty((rows, 0), dtype=object)), y


def patients(rows: int, seed: int) -> tuple[Rows, np.ndarray]:
    """Draw thirteen numeric columns of which five hold small whole numbers, as codes do."""
    draw = np.random.default_rng(seed)
    measured = draw.normal(
        loc=[54, 131, 246, 150, 1, 0.7, 5, 20], scale=[9, 17, 51, 23, 1, 0.9, 2, 8], size=(rows, 8)
    )
    codes = np.column_stack([draw.integers(0, n, rows) for n in (2, 4, 2, 3, 3)])
    X = np.column_stack([measured, codes]).astype(np.float32)
    signal = (X[:, 0] - 54) / 9 - (X[:, 3] - 150) / 23 + X[:, 9] - 1.5 + 0.8 * (X[:, 12] == 2)
    y = (signal + draw.normal(size=rows) > 0).astype(int)
    return Rows(X, np.empty((rows, 0), dtype=object)), y


CATEGORIES = (
    ("web", "shop", "phone"),
    ("north", "south", "east", "west"),
    tuple(f"plan-{i}" for i in range(8)),
    ("yes", "no"),
    tuple(f"segment {i:02}" for i in range(12)),
)


def customers(rows: int, seed: int) -> tuple[Rows, np.ndarray]:
    """Draw eight numeric and five text columns; one cell of twelve is missing, NaN or ""."""
    draw = np.random.default_rng(seed)
    numbers = (
        draw.normal(size=(rows, 8)) * [1, 10, 100, 5, 1, 1, 3, 7] + [0, 40, 900, 12, 1, 0, 3, 70]
    ).astype(np.float32)
    texts = np.column_stack(
        [np.array(names, dtype=object)[draw.integers(0, len(names), rows)] for names in CATEGORIES]
    )
    signal = (
        numbers[:, 0] + (numbers[:, 1] - 40) / 10 + (texts[:, 0] == "web") - (texts[:, 3] == "no")
    )
    y = (signal + draw.normal(size=rows) > 0).astype(int)
    numbers[draw.random(numbers.shape) < 1 / 12] = np.nan
    texts[draw.random(texts.shape) < 1 / 12] = ""
    return Rows(numbers, texts), y
