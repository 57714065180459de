"""Tables to train on and rows to score."""

from typing import Any

import numpy as np

ROWS, COLUMNS, SCORED = 150, 5, 24


def numbers(kind: str) -> np.ndarray:
    """Draw a table of one element type."""
    rng = np.random.default_rng(11)
    X = rng.normal(size=(ROWS, COLUMNS)) * [1, 2, 0.5, 3, 1] + [0, 1, 0, -2, 5]
    if kind == "float32":
        return X.astype(np.float32)
    if kind == "float64":
        return X
    if kind in ("int64", "int32"):
        return np.round(X * 3).astype(kind)
    return X > [0, 1, 0, -2, 5]


def positive(X: np.ndarray) -> np.ndarray:
    """Give the same table without numbers below zero."""
    return X if X.dtype == bool else np.abs(X)


class Targets:
    """What to learn from a table."""

    def __init__(self, X: np.ndarray) -> None:
        """Derive the targets from the columns."""
        rng = np.random.default_rng(5)
        z = (X - X.mean(0)) / X.std(0) if X.dtype != bool else X - 0.5
        score = z[:, 0] + z[:, 1] * z[:, 2] - 0.7 * z[:, 3] + rng.normal(size=len(X)) * 0.3
        self.number = score * 2 + 1
        self.count = np.floor(np.exp(np.clip(score, -2, 2.5)) + 0.3) + 0.5
        self.binary = (score > np.median(score)).astype(np.int64)
        self.ints = np.digitize(score, np.quantile(score, [0.3, 0.7])) * 3 + 1
        self.words = np.array(["low", "mid", "höh"])[
            np.digitize(score, np.quantile(score, [0.3, 0.7]))
        ]
        self.flags = score > np.median(score)
        self.numbers = np.c_[self.number, z[:, 0] - z[:, 4]]
        self.labels = np.c_[self.binary, (z[:, 3] > 0.2), (z[:, 1] > 0)].astype(np.int64)
        self.many = np.c_[self.ints, self.binary]


def thresholds(model: Any, found: list[tuple[int, float]] | None = None) -> list[tuple[int, float]]:
    """Collect (column, threshold) of all scikit-learn trees inside a model."""
    found = [] if found is None else found
    if hasattr(model, "tree_"):
        t = model.tree_
        found += [(int(f), float(v)) for f, v in zip(t.feature, t.threshold, strict=True) if f >= 0]
    elif hasattr(model, "_predictors"):
        for p in np.ravel(np.array(model._predictors, dtype=object)):
            n = p.nodes
            found += [
                (int(f), float(v))
                for f, v, leaf in zip(
                    n["feature_idx"], n["num_threshold"], n["is_leaf"], strict=True
                )
                if not leaf
            ]
    else:
        for part in np.ravel(np.array(getattr(model, "estimators_", []), dtype=object)):
            thresholds(part, found)
    return found


def scored(X: np.ndarray, splits: list[tuple[int, float]]) -> np.ndarray:
    """Take rows of the table, then edges: zeros, large values, thresholds and their neighbours."""
    rows = [*X[:SCORED]]
    if X.dtype == bool:
        return np.array([*rows, np.zeros(X.shape[1], bool), np.ones(X.shape[1], bool)])
    rows += [np.zeros(X.shape[1]), X.max(0) * 30, X.min(0) * 30, np.median(X, axis=0)]
    rng = np.random.default_rng(3)
    out = np.array(rows).astype(X.dtype)
    if X.dtype.kind != "f" or not splits:
        return out
    edges = []
    for column, value in [splits[i] for i in rng.integers(0, len(splits), 12)]:
        v = X.dtype.type(value)
        for side in (
            v,
            np.nextafter(v, X.dtype.type(np.inf)),
            np.nextafter(v, X.dtype.type(-np.inf)),
        ):
            row = out[rng.integers(0, SCORED)].copy()
            row[column] = side
            edges.append(row)
    return np.r_[out, np.array(edges, X.dtype)]


def with_gaps(rows: np.ndarray) -> np.ndarray:
    """Add rows with missing and infinite cells."""
    gaps = rows[:6].copy()
    gaps[range(5), np.arange(5) % rows.shape[1]] = np.nan
    gaps[5] = np.nan
    return np.r_[rows, gaps]


def with_infinities(rows: np.ndarray) -> np.ndarray:
    """Add rows with infinite cells."""
    ends = rows[:2].copy()
    ends[0, 0], ends[1, 1] = np.inf, -np.inf
    return np.r_[rows, ends]
