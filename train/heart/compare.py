"""Compares freshly built files with those on disk, and says how far they may be apart.

On one machine two runs give the same bytes. On another processor the linear-algebra library adds
in another order, which moves the last digits of version 2's probabilities (by 3e-16 between two
kernels of OpenBLAS on x86-64). So decimals of six digits or more are compared as numbers, and so
are the floating-point attributes of an ONNX file; everything else must be the same byte for byte,
but for the line of model.yaml that names the minor version of Python.
"""

import re
from pathlib import Path

import numpy as np
import onnx

TOLERANCE = 1e-6
"""About eight steps of a float32 near 1; a tenth of what the server allows in its self-test."""

_PYTHON = re.compile(r"(?<=tools: \{python: )'[0-9.]+'")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]{6,}(?:e[+-][0-9]+)?|-?[0-9.]+e-[0-9]+")


def differences(files: dict[Path, bytes], root: Path) -> list[str]:
    """List the files under root that are absent or not what training gives."""
    found = []
    for path, content in files.items():
        target = root / path
        if not target.is_file():
            found.append(f"{path}: absent")
        elif not same(path, target.read_bytes(), content):
            found.append(f"{path}: differs from what the data and this code give")
    return found


def same(path: Path, left: bytes, right: bytes) -> bool:
    """Whether two contents of a file are equal up to the last digits, see the module's text."""
    if left == right:
        return True
    if path.suffix == ".onnx":
        return _same_model(left, right)
    return _same_text(left.decode(), right.decode())


def _same_text(left: str, right: str) -> bool:
    if _skeleton(left) != _skeleton(right):
        return False
    return _close(_DECIMAL.findall(left), _DECIMAL.findall(right))


def _skeleton(text: str) -> str:
    # A line may be folded elsewhere when a number has a digit less: compare words, not lines.
    return " ".join(_PYTHON.sub("X", _DECIMAL.sub("F", text)).split())


def _same_model(left: bytes, right: bytes) -> bool:
    models = [onnx.load_from_string(content) for content in (left, right)]
    numbers = [_take_floats(model) for model in models]
    return models[0] == models[1] and _close(*numbers)


def _take_floats(model: onnx.ModelProto) -> list[float]:
    taken: list[float] = []
    for node in model.graph.node:
        for attribute in node.attribute:
            taken += attribute.floats
            attribute.ClearField("floats")
            if attribute.name == "replaced_value_float":  # NaN, which is not equal to itself
                taken.append(attribute.f)
                attribute.ClearField("f")
    return taken


def _close(left: list, right: list) -> bool:
    if len(left) != len(right):
        return False
    pair = np.array(left, dtype=float), np.array(right, dtype=float)
    return bool(np.allclose(*pair, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
