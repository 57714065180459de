"""Let skl2onnx write truth values as integers.

skl2onnx 1.20 gives lists of truth values for HistGradientBoosting's missing sides, which protobuf 7
no longer takes for integers.
"""

from typing import Any

import numpy as np
from onnx import helper

_make = helper.make_attribute


def _attribute(key: str, value: Any, *args: Any, **more: Any) -> Any:
    listed = isinstance(value, list | tuple | np.ndarray) and len(value) > 0
    if listed and any(isinstance(v, bool | np.bool_) for v in value):
        value = [int(v) for v in value]
    return _make(key, value, *args, **more)


def patch() -> None:
    """Replace onnx.helper.make_attribute."""
    helper.make_attribute = _attribute
