"""ONNX Runtime as a contestant."""

import ctypes
from ctypes import c_char_p, c_size_t, c_void_p

import numpy as np

from base import Clock, Clocks, Model, Peer, python_clock


def onnx_peers(model: Model, clocks: Clocks) -> list[Peer]:
    """ONNX Runtime: its C interface with tensors made beforehand, and its Python call."""
    import onnxruntime

    from ort import Runtime

    content = (model.directory / "model.onnx").read_bytes()
    runtime = Runtime()
    session = runtime.session(content)
    total = len(model.rows.numbers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    python = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [out.name for out in python.get_outputs()]
    if [tensor.name for tensor in python.get_inputs()] != [
        tensor["name"] for tensor in model.inputs
    ]:
        raise ValueError(f"the inputs are {[tensor.name for tensor in python.get_inputs()]}")
    inputs = (c_char_p * len(model.inputs))(*(tensor["name"].encode() for tensor in model.inputs))
    outputs = (c_char_p * len(names))(*(name.encode() for name in names))
    kept = []

    def prepare(n: int) -> tuple[list, ctypes.Array, np.ndarray]:
        values = []
        for first in range(0, total - n + 1, n):
            feed = model.feed(first, first + n)
            kept.append(feed)
            values += [runtime.tensor(feed[tensor["name"]]) for tensor in model.inputs]
        label, probability = np.zeros(n, np.int64), np.zeros((n, 2), np.float32)
        out = (c_void_p * 2)(runtime.tensor(label), runtime.tensor(probability))
        kept.append((label, probability, out))
        return values, out, probability

    def laps(n: int) -> Clock:
        values, out = prepare(n)[:2]
        flat = (c_void_p * len(values))(*(v.value for v in values))
        kept.append(flat)
        return clocks.clock(
            "lap_ort",
            total // n,
            c_void_p(runtime.address("Run")),
            session,
            inputs,
            flat,
            c_size_t(len(inputs)),
            outputs,
            c_size_t(len(names)),
            out,
        )

    def answers() -> np.ndarray:
        values, out, probability = prepare(total)
        flat = (c_void_p * len(values))(*(v.value for v in values))
        runtime.call(
            "Run",
            session,
            c_void_p(),
            inputs,
            flat,
            c_size_t(len(inputs)),
            outputs,
            c_size_t(len(names)),
            out,
        )
        return probability[:, 1].copy()

    def feeds(n: int) -> list:
        return [model.feed(i, i + n) for i in range(0, total - n + 1, n)]

    return [
        Peer("ort-c", "OrtApi.Run, tensors of inputs and outputs made beforehand", answers, laps),
        Peer(
            "ort-python",
            "InferenceSession.run(None, feed)",
            lambda: python.run(None, model.feed(0, total))[1][:, 1],
            lambda n: python_clock(lambda feed: python.run(None, feed), feeds(n)),
        ),
    ]
