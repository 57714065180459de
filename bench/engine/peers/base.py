"""What a contestant is, the model it scores, and the clocks that time it."""

import ctypes
import json
import os
import subprocess
import time
from collections.abc import Callable
from ctypes import c_int64
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import Rows

Clock = Callable[[int, int], int]
"""Takes start and calls, gives the nanoseconds of that many calls: the first with batch number
`start`, each with other rows than the one before."""


@dataclass
class Peer:
    """A way to score the model."""

    name: str
    call: str
    answers: Callable[[], np.ndarray]
    laps: Callable[[int], Clock]
    batches: tuple[int, ...] = (1, 10, 100, 1000)


@dataclass
class Model:
    """A folder that models.py has written."""

    directory: Path
    kind: str
    inputs: list[dict]
    native: str
    rows: Rows

    @staticmethod
    def read(directory: Path) -> "Model":
        """Read the folder's description and rows."""
        meta = json.loads((directory / "meta.json").read_text())
        return Model(directory, meta["kind"], meta["inputs"], meta["native"], Rows.read(directory))

    def feed(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Lay out rows [first, last) as the ONNX file wants them."""
        feed = {}
        for tensor in self.inputs:
            block = self.rows.texts if tensor["text"] else self.rows.numbers
            feed[tensor["name"]] = np.ascontiguousarray(block[first:last][:, tensor["columns"]])
        return feed


class Clocks:
    """The timing loops of clock.c, compiled once for each state of the source."""

    def __init__(self, cache: Path) -> None:
        """Compile with the system's C compiler where no library of this source is there."""
        source = Path(__file__).with_name("clock.c")
        library = cache / f"clock-{int(source.stat().st_mtime_ns)}.so"
        compile_c(library, [source])
        self.library = ctypes.CDLL(str(library))

    def clock(self, name: str, period: int, *arguments: object) -> Clock:
        """Bind a loop to its arguments, which are kept alive with it."""
        function = getattr(self.library, name)
        function.restype = c_int64

        def lap(start: int, calls: int) -> int:
            took = function(c_int64(start), c_int64(calls), c_int64(period), *arguments)
            if took < 0:
                raise RuntimeError(f"{name}: call {-1 - took} failed")
            return took

        return lap


def compile_c(library: Path, sources: list[Path], *options: str) -> None:
    """Compile a shared library under another name first, so that a broken run leaves none."""
    if library.exists():
        return
    made = library.with_suffix(f".{os.getpid()}")
    command = [
        os.environ.get("CC", "cc"),
        "-O3",
        "-march=native",
        "-fPIC",
        "-shared",
        *options,
        "-o",
        str(made),
        *map(str, sources),
        "-lm",
    ]
    subprocess.run(command, check=True)  # noqa: S603 (the command is ours)
    made.rename(library)


def python_clock(function: Callable[[object], object], batches: list) -> Clock:
    """Time calls from Python: one call a batch, in a plain loop."""

    def lap(start: int, calls: int) -> int:
        turn = [batches[(start + i) % len(batches)] for i in range(calls)]
        began = time.perf_counter_ns()
        for batch in turn:
            function(batch)
        return time.perf_counter_ns() - began

    return lap


def cut(table: object, n: int) -> list:
    """Cut a table into batches of n rows."""
    return [table[i : i + n] for i in range(0, len(table) - n + 1, n)]
