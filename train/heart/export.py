"""Turns a fitted pipeline into an ONNX file, the same bytes each time, and runs it back."""

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.pipeline import Pipeline

from heart.features import FEATURES, NAMES, NUMBER, Feature

OPSET = 9
"""The lowest one that is enough: Where, needed for a missing text cell, came with opset 9."""

ML_OPSET = 2
"""The first with the LabelEncoder that maps strings to numbers and back."""

PROBABILITY_TOLERANCE = 1e-5


def convert(pipeline: Pipeline, name: str, version: str) -> bytes:
    """Convert to ONNX with one input a column and the outputs `label` and `probabilities`.

    A graph name is given because the converter would draw a random one.
    """
    model = convert_sklearn(
        pipeline,
        name=f"{name}-{version}",
        initial_types=[(feature.name, _tensor(feature)) for feature in FEATURES],
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        options={"zipmap": False},
    )
    model.model_version = int(version)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def run(model: bytes, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Answer the rows with ONNX Runtime: labels [N] and probabilities [N, 2]."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(string)": object}
    inputs = session.get_inputs()
    if [tensor.name for tensor in inputs] != list(NAMES):
        raise ValueError(f"cannot feed the model: its inputs are {[t.name for t in inputs]}")
    feed = {t.name: X[[t.name]].to_numpy().astype(types[t.type]) for t in inputs}
    label, probabilities = session.run(["label", "probabilities"], feed)
    return label, probabilities


def cross_check(model: bytes, pipeline: Pipeline, X: pd.DataFrame) -> float:
    """Compare ONNX Runtime with scikit-learn on X; return the largest probability difference.

    Raise ValueError where a label differs or a probability differs by more than the tolerance.
    """
    label, probabilities = run(model, X)
    wrong = int((label != pipeline.predict(X)).sum())
    gap = float(np.abs(probabilities - pipeline.predict_proba(X)).max())
    if wrong or not gap <= PROBABILITY_TOLERANCE:
        raise ValueError(f"cannot trust the ONNX file: {wrong} labels differ, probabilities {gap}")
    return gap


def _tensor(feature: Feature) -> FloatTensorType | Int64TensorType | StringTensorType:
    if feature.type == NUMBER:
        return FloatTensorType([None, 1])
    return StringTensorType([None, 1]) if feature.is_text else Int64TensorType([None, 1])
