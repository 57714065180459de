"""What the three frameworks' attacks share: tables, rows to score, the comparison."""

from __future__ import annotations

import base64
import json
import math
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS, FEATURES = 400, 5
TOLERANCE = 1e-5


@dataclass
class Case:
    """A model file, rows, and the framework's own answers to them."""

    name: str
    path: Path
    rows: Any  # a matrix, or a data frame of which each column is an input
    want: dict[str, np.ndarray] = field(default_factory=dict)
    refused: str = ""  # a part of the message with which the file must be refused
    refused_value: str = ""  # the same for the rows


class Table:
    """Numbers with missing cells, and targets of every kind that depend on them."""

    def __init__(self, dtype: type, seed: int, missing: float = 0.1, zeros: float = 0.1) -> None:
        """Draw the table."""
        rng = self.rng = np.random.default_rng(seed)
        X = rng.normal(size=(ROWS, FEATURES)).astype(dtype)
        X[:, 1] = X[:, 1].round(1)  # few values: thresholds between them and on them
        X[rng.random(X.shape) < zeros] = 0
        X[rng.random(X.shape) < missing] = np.nan
        self.X = X
        z = np.nan_to_num(X)
        self.score = z[:, 0] + z[:, 1] * z[:, 2] + rng.normal(size=ROWS) * 0.2
        self.binary = (self.score > 0).astype(int)
        self.classes = np.digitize(self.score, [-0.7, 0.5])
        self.positive = np.exp(np.clip(self.score, -3, 3) / 2)
        self.counts = rng.poisson(self.positive)
        self.share = 1 / (1 + np.exp(-self.score))
        self.targets = np.c_[self.score, z[:, 0] - z[:, 3], z[:, 2]]
        self.labels = np.c_[self.binary, z[:, 3] > 0.2, z[:, 0] > 0.1].astype(int)
        self.groups = np.repeat(np.arange(ROWS // 20), 20)
        self.grades = np.clip(np.digitize(self.score, [-0.5, 0.5, 1.5]), 0, 3)

    def codes(self, n: int, column: int = -1) -> None:
        """Make a column one of category codes that matter."""
        code = self.rng.integers(0, n, ROWS)
        self.X[:, column] = code
        self.score = self.score + (code % 3 == 0) + (code % 7 == 1) * 0.5
        self.binary = (self.score > 0.3).astype(int)
        self.classes = np.digitize(self.score, [-0.3, 0.8])

    def rows(self, splits: dict[int, Any], plain: int = 40, spice: bool = True) -> np.ndarray:
        """Take the rows to score.

        Some are as trained; for splits, the thresholds of each column, rows of which one cell is
        a threshold, or one unit in the last place beside it; and rows of zeros of both signs,
        infinities, very small and very large numbers, and missing cells.
        """
        dtype = self.X.dtype.type
        out = [self.X[:plain].copy()]
        for column, values in splits.items():
            values = np.unique(np.asarray([v for v in values if math.isfinite(v)], dtype=dtype))
            for v in self.rng.permutation(values)[:12]:
                for x in (v, np.nextafter(v, dtype(np.inf)), np.nextafter(v, dtype(-np.inf))):
                    row = self.X[self.rng.integers(ROWS)].copy()
                    row[column] = x
                    out.append(row[None])
        if spice:
            tiny = float(np.float32(1e-35))
            for v in (
                0,
                -0.0,
                np.inf,
                -np.inf,
                np.nan,
                1e-35,
                -1e-35,
                tiny,
                -tiny,
                1e-40,
                1e30,
                -1e30,
            ):
                out.append(np.full((1, FEATURES), v, dtype))
                row = self.X[self.rng.integers(ROWS)].copy()
                row[self.rng.integers(FEATURES)] = v
                out.append(row[None])
        return np.concatenate(out).astype(dtype)


STRANGE = [
    0,
    -0.0,
    -1,
    -0.5,
    -0.999,
    -7,
    0.5,
    1.5,
    2.999,
    31,
    32,
    33,
    63,
    64,
    999,
    65535,
    1e6,
    1.6e7,
    1e9,
    3e9,
    1e18,
    np.nan,
    np.inf,
    -np.inf,
]


def strange_codes(table: Table, rows: np.ndarray, column: int = -1) -> np.ndarray:
    """Put codes that are no categories in front of the rows."""
    out = rows[np.arange(len(STRANGE)) % len(rows)].copy()
    out[:, column] = STRANGE
    return np.concatenate([out, rows])


def scored(rows: Any, answer: Callable[[Any], dict]) -> tuple[Any, dict]:
    """Score rows, without those with an infinity if the framework refuses these."""
    try:
        return rows, answer(rows)
    except Exception:
        keep = ~np.isinf(np.asarray(rows, dtype=float)).any(axis=1)
        rows = rows[keep]
        return rows, answer(rows)


def estimator(model: Any, **more: Any) -> Callable[[Any], dict]:
    """Ask an estimator for what our outputs have to be."""

    def answer(rows: Any) -> dict:
        if not hasattr(model, "predict_proba"):
            return {"prediction": np.asarray(model.predict(rows, **more))}
        label = np.asarray(model.predict(rows, **more))
        if label.ndim == 2 and label.shape[1] == 1:
            label = label[:, 0]
        return {"label": label, "probabilities": np.asarray(model.predict_proba(rows, **more))}

    return answer


def tensor(kind: str, values: Any) -> dict:
    """Encode a column or a matrix for the scoring program."""
    if kind == "string":
        text = ["" if v is None or v != v else str(v) for v in values]
        return {"type": kind, "shape": [len(text), 1], "strings": text}
    v = np.asarray(values, dtype={"float32": "<f4", "float64": "<f8"}[kind])
    v = v.reshape(len(v), -1)
    return {"type": kind, "shape": list(v.shape), "data": base64.b64encode(v.tobytes()).decode()}


def request(case: Case, kind: str) -> dict:
    """Make the line that asks for a case.

    A frame goes as a matrix, by the names of its columns, and by f0, f1 and so on.
    """
    if case.refused:
        return {"Model": str(case.path), "Inputs": {}}
    if isinstance(case.rows, np.ndarray):
        return {"Model": str(case.path), "Inputs": {"X": tensor(kind, case.rows)}}
    inputs, numbers = {}, True
    for i, name in enumerate(case.rows.columns):
        values = case.rows[name].astype(object).to_numpy()
        text = any(isinstance(v, str) for v in values)
        numbers = numbers and not text
        if not text:
            values = [math.nan if v is None or pd.isna(v) else float(v) for v in values]
        inputs[str(name)] = inputs[f"f{i}"] = tensor("string" if text else kind, values)
    if numbers:
        inputs["X"] = tensor(kind, case.rows.astype(float).to_numpy())
    return {"Model": str(case.path), "Inputs": inputs}


def arrays(reply: dict) -> dict[str, np.ndarray]:
    """Decode the scoring program's outputs."""
    out = {}
    for name, a in reply["outputs"].items():
        if a["type"] == "string":
            out[name] = np.array(a["strings"], dtype=object).reshape(a["shape"])
            continue
        dtype = {"float32": "<f4", "float64": "<f8", "int64": "<i8"}[a["type"]]
        raw = base64.b64decode(a.get("data") or "")
        out[name] = np.frombuffer(raw, dtype).reshape(a["shape"])
    return out


def differences(case: Case, got: dict[str, np.ndarray]) -> Iterator[str]:
    """Say where our answers are not the framework's."""
    for name, want in case.want.items():
        if name not in got:
            yield f"no output {name}, there are {sorted(got)}"
            continue
        have, want = got[name], np.asarray(want)
        if have.size != want.size:
            yield f"{name} has shape {have.shape}, want {want.shape}"
            continue
        have = have.reshape(want.shape)
        if name == "label":
            yield from labels_apart(have, want, got, case)
            continue
        h, w = have.astype(float), want.astype(float)
        with np.errstate(invalid="ignore"):
            far = ~(
                (h == w)
                | (np.isnan(h) & np.isnan(w))
                | (abs(h - w) <= TOLERANCE * np.maximum(1, abs(w)))
            )
        if far.any():
            at = tuple(int(k) for k in np.argwhere(far)[0])
            row = (
                case.rows[at[0]]
                if isinstance(case.rows, np.ndarray)
                else case.rows.iloc[at[0]].tolist()
            )
            count = f"{far.sum()} of {far.size}"
            yield f"{name}{list(at)} is {h[at]!r}, want {w[at]!r} ({count}) row {row}"


def labels_apart(have: np.ndarray, want: np.ndarray, got: dict, case: Case) -> Iterator[str]:
    """Compare labels, but for rows whose best two answers are as good as equal."""

    def same(a: Any, b: Any) -> bool:
        flags = {"False": 0, "True": 1}
        if type(a) is not type(
            b
        ):  # booleans are 0 and 1 here, and texts in some versions of CatBoost
            a, b = flags.get(a, a), flags.get(b, b)
        try:
            return float(a) == float(b)
        except ValueError:
            return str(a) == str(b)

    for i, (h, w) in enumerate(zip(have.reshape(len(have), -1), want.reshape(len(want), -1))):
        if all(same(a, b) for a, b in zip(h, w)):
            continue
        p = np.sort(got["probabilities"][i].astype(float))
        if (p.size > 1 and abs(p[-1] - p[-2]) < TOLERANCE) or (abs(p - 0.5) < TOLERANCE).any():
            continue
        yield f"label {i} is {h}, want {w}, probabilities {got['probabilities'][i]}"
        return


class Scorer:
    """The scoring program (train/attack/answer), one process for all cases."""

    def __init__(self, program: str) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def check(self, case: Case, kind: str) -> list[str]:
        """Score one case and say what is wrong."""
        self.process.stdin.write(json.dumps(request(case, kind)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            return ["the scoring program ended"]
        reply = json.loads(line)
        wanted = case.refused or case.refused_value
        if wanted or "error" in reply:
            message = reply.get("error", "no error")
            kinds = ["value"] if case.refused_value else ["malformed", "unsupported"]
            if wanted and wanted in message and reply.get("kind") in kinds:
                return []
            return [
                f"{reply.get('kind')}: {message}"
                + (f"; wanted a refusal with {wanted!r}" if wanted else "")
            ]
        return list(differences(case, arrays(reply)))

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait()
