"""Reads heart.csv and refuses any other table under its name."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from heart.features import FEATURES, NAMES, NUMBERS, TARGET

PATH = Path(__file__).resolve().parent.parent / "data" / "heart.csv"
SHA256 = "dee6cc4854aeda6daf444110de51698a4f24a778ae207f409732ea191ce3a6c7"


@dataclass(frozen=True)
class Table:
    """The training table: `X` has the feature columns in file order, `y` is 0 or 1 a row."""

    X: pd.DataFrame
    y: np.ndarray

    def row(self, index: int) -> dict[str, int | float | str | None]:
        """Return one row as a client sends it: None for a missing cell, whole numbers as int."""
        return {name: _plain(self.X[name].iloc[index]) for name in NAMES}


def load(path: Path = PATH) -> Table:
    """Read and check the table; raise ValueError where it is not the one that is described."""
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != SHA256:
        raise ValueError(f"cannot use {path}: sha256 is {found}, expected {SHA256}")
    return parse(raw)


def parse(raw: bytes) -> Table:
    """Turn the CSV's bytes into a table: numbers as float64 or int64, text codes as strings.

    An empty cell becomes NaN in a number column and the empty string in a text column.
    """
    text = {feature.name: object for feature in FEATURES if feature.is_text}
    frame = pd.read_csv(
        io.BytesIO(raw),
        dtype=text,
        keep_default_na=False,
        na_values={name: [""] for name in NUMBERS},
    )
    if tuple(frame.columns) != (*NAMES, TARGET):
        raise ValueError(f"cannot use the table: its columns are {list(frame.columns)}")
    return Table(X=frame[list(NAMES)], y=frame[TARGET].to_numpy())


def _plain(value: object) -> int | float | str | None:
    if isinstance(value, str):
        return value or None
    number = float(value)
    if np.isnan(number):
        return None
    return int(number) if number.is_integer() else number
