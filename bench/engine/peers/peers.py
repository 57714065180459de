"""The contestants: for each kind of model, the calls that its users have.

A contestant has `answers`, its probability of class 1 for every row, and `laps`,
a function of the batch size that gives a clock: (start, calls) -> nanoseconds of
`calls` calls, the first with batch number `start`, each with other rows than the
one before. Rows are laid out beforehand as each call wants them.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from ctypes import byref, c_char_p, c_int, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from data import Rows

Clock = Callable[[int, int], int]


@dataclass
class Peer:
    """A way to score the model."""

    id: str
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
    command = [os.environ.get("CC", "cc"), "-O3", "-march=native", "-fPIC", "-shared", *options, "-o", str(made), *map(str, sources), "-lm"]
    subprocess.run(command, check=True)
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
    if [tensor.name for tensor in python.get_inputs()] != [tensor["name"] for tensor in model.inputs]:
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
        values, out, _ = prepare(n)
        flat = (c_void_p * len(values))(*(v.value for v in values))
        kept.append(flat)
        return clocks.clock("lap_ort", total // n, c_void_p(runtime.address("Run")), session, inputs, flat, c_size_t(len(inputs)), outputs, c_size_t(len(names)), out)

    def answers() -> np.ndarray:
        values, out, probability = prepare(total)
        flat = (c_void_p * len(values))(*(v.value for v in values))
        runtime.call("Run", session, c_void_p(), inputs, flat, c_size_t(len(inputs)), outputs, c_size_t(len(names)), out)
        return probability[:, 1].copy()

    def feeds(n: int) -> list:
        return [model.feed(i, i + n) for i in range(0, total - n + 1, n)]

    return [
        Peer("ort-c", "OrtApi.Run, tensors of inputs and outputs made beforehand", answers, laps),
        Peer("ort-python", "InferenceSession.run(None, feed)", lambda: python.run(None, model.feed(0, total))[1][:, 1], lambda n: python_clock(lambda feed: python.run(None, feed), feeds(n))),
    ]


def xgboost_peers(model: Model, clocks: Clocks) -> list[Peer]:
    """XGBoost: in-place prediction from C and Python, and the way through a DMatrix."""
    import xgboost

    booster = xgboost.Booster(params={"nthread": 1}, model_file=model.directory / "model.ubj")
    booster.set_param({"nthread": 1})
    X = np.ascontiguousarray(model.rows.numbers)
    library = ctypes.CDLL(str(Path(xgboost.__file__).parent / "lib" / "libxgboost.so"))
    config = json.dumps({"type": 0, "training": False, "iteration_begin": 0, "iteration_end": 0, "missing": float("nan"), "strict_shape": False, "cache_id": 0}).encode()
    dense = ctypes.cast(library.XGBoosterPredictFromDense, c_void_p)

    def laps(n: int) -> Clock:
        arrays = [json.dumps({"data": (part.ctypes.data, True), "shape": part.shape, "typestr": "<f4", "version": 3}).encode() for part in cut(X, n)]
        return clocks.clock("lap_xgb_dense", len(arrays), dense, booster.handle, (c_char_p * len(arrays))(*arrays), config)

    def matrix(part: np.ndarray) -> np.ndarray:
        return booster.predict(xgboost.DMatrix(part, nthread=1))

    peers = [
        Peer("xgboost-c", "XGBoosterPredictFromDense, array descriptions made beforehand", lambda: booster.inplace_predict(X), laps),
        Peer("xgboost-inplace", "Booster.inplace_predict(array)", lambda: booster.inplace_predict(X), lambda n: python_clock(booster.inplace_predict, cut(X, n))),
        Peer("xgboost-dmatrix", "Booster.predict(DMatrix(array))", lambda: matrix(X), lambda n: python_clock(matrix, cut(X, n))),
    ]
    return peers + tl2cgen_peer(model, clocks, "load_xgboost_model", "model.ubj")


def tl2cgen_peer(model: Model, clocks: Clocks, load: str, file: str) -> list[Peer]:
    """tl2cgen's C code of the model, compiled by the system's compiler at -O3."""
    import tl2cgen
    import treelite

    code = model.directory / "tl2cgen"
    library = model.directory / "tl2cgen.so"
    if not library.exists():
        tl2cgen.generate_c_code(getattr(treelite.frontend, load)(str(model.directory / file)), dirpath=code, params={"parallel_comp": 16})
        compile_c(library, sorted(code.glob("*.c")))
    predict = ctypes.CDLL(str(library)).predict
    # An integer of -1 stands for a missing number, whatever its sign and payload were.
    entries = np.ascontiguousarray(model.rows.numbers)
    entries.view(np.int32)[np.isnan(entries)] = -1
    at, width = c_void_p(entries.ctypes.data), c_size_t(entries.shape[1])

    def laps(n: int) -> Clock:
        return clocks.clock("lap_tl2cgen", len(entries) // n, ctypes.cast(predict, c_void_p), at, width, c_size_t(n), (ctypes.c_float * n)())

    def answers() -> np.ndarray:
        out = np.zeros(len(entries), np.float32)
        clocks.clock("lap_tl2cgen", 1, ctypes.cast(predict, c_void_p), at, width, c_size_t(len(entries)), c_void_p(out.ctypes.data))(0, 1)
        return out

    return [Peer("tl2cgen", "the generated predict(row, 0, out), a loop over the rows of a batch", answers, laps)]


def lightgbm_peers(model: Model, clocks: Clocks) -> list[Peer]:
    """LightGBM: its fast call for one row, its call for a matrix, its Python call; lleaves."""
    import lightgbm

    file = str(model.directory / "model.txt")
    booster = lightgbm.Booster(model_file=file)
    X = np.ascontiguousarray(model.rows.numbers, dtype=np.float64)
    width = X.shape[1]
    library = lightgbm.basic._LIB
    parameters = b"num_threads=1"
    fast = c_void_p()
    if library.LGBM_BoosterPredictForMatSingleRowFastInit(booster._handle, c_int(0), c_int(0), c_int(-1), c_int(1), ctypes.c_int32(width), parameters, byref(fast)):
        raise RuntimeError("LightGBM refuses its fast call for one row")

    def laps(n: int) -> Clock:
        at = c_void_p(X.ctypes.data)
        if n == 1:
            return clocks.clock("lap_lgb_single", len(X), ctypes.cast(library.LGBM_BoosterPredictForMatSingleRowFast, c_void_p), fast, at, c_size_t(width))
        return clocks.clock("lap_lgb_mat", len(X) // n, ctypes.cast(library.LGBM_BoosterPredictForMat, c_void_p), booster._handle, at, c_size_t(n), c_size_t(width), parameters, (ctypes.c_double * n)())

    def predict(part: np.ndarray) -> np.ndarray:
        return booster.predict(part, num_threads=1)

    return [
        Peer("lightgbm-c", "LGBM_BoosterPredictForMatSingleRowFast for one row, LGBM_BoosterPredictForMat for more", lambda: predict(X), laps),
        Peer("lightgbm-python", "Booster.predict(array, num_threads=1)", lambda: predict(X), lambda n: python_clock(predict, cut(X, n))),
        *lleaves_peers(file, model.directory, X, clocks),
    ]


def lleaves_peers(file: str, cache: Path, X: np.ndarray, clocks: Clocks) -> list[Peer]:
    """lleaves: its compiled function, built for one row and for batches as it recommends, and its Python call."""
    import lleaves

    peers = []
    trees = lleaves.Model(model_file=file).num_trees()
    for id, size in (("lleaves-row", trees), ("lleaves", 34)):
        model = lleaves.Model(model_file=file)
        model.compile(cache=cache / f"{id}.bin", fblocksize=size)

        def laps(n: int, model: object = model) -> Clock:
            out = (ctypes.c_double * len(X))()
            root = ctypes.cast(model._c_entry_func, c_void_p)
            return clocks.clock("lap_lleaves", len(X) // n, root, c_void_p(X.ctypes.data), out, ctypes.c_int32(n))

        def predict(part: np.ndarray, model: object = model) -> np.ndarray:
            return model.predict(part, n_jobs=1)

        blocks = "trees in one block" if id == "lleaves-row" else "trees in blocks of 34"
        peers.append(Peer(id, f"the compiled forest_root(rows, out, first, last), {blocks}", lambda predict=predict: predict(X), laps))
    peers.append(Peer("lleaves-python", "Model.predict(array, n_jobs=1)", lambda: predict(X), lambda n: python_clock(predict, cut(X, n))))
    return peers


def catboost_peers(model: Model, clocks: Clocks) -> list[Peer]:
    """CatBoost: its wheel has no C interface, so both ways go through Python."""
    import catboost

    booster = catboost.CatBoostClassifier().load_model(str(model.directory / "model.cbm"))
    X = np.ascontiguousarray(model.rows.numbers)

    def predict(part: object) -> np.ndarray:
        return booster.predict(part, prediction_type="Probability", thread_count=1)

    def raw(part: object) -> np.ndarray:
        return booster._base_predict(part, "RawFormulaVal", 0, 0, 1, False, "CPU")

    return [
        Peer("catboost-python", 'predict(array, prediction_type="Probability", thread_count=1)', lambda: predict(X)[:, 1], lambda n: python_clock(predict, cut(X, n))),
        Peer("catboost-pool", "the same with the Pool made beforehand", lambda: predict(X)[:, 1], lambda n: python_clock(predict, [catboost.Pool(part) for part in cut(X, n)])),
    ]


def sklearn_peers(model: Model, clocks: Clocks) -> list[Peer]:
    """scikit-learn's predict_proba, with rows as the pipeline was fitted on: array or data frame."""
    import joblib
    import pandas

    estimator = joblib.load(model.directory / "model.joblib")
    table = model.rows.numbers
    if model.rows.texts.size:
        table = pandas.DataFrame(model.rows.frame())
    call = "predict_proba(data frame made beforehand)" if model.rows.texts.size else "predict_proba(array)"
    return [Peer("sklearn", call, lambda: estimator.predict_proba(table)[:, 1], lambda n: python_clock(estimator.predict_proba, cut(table, n)))]


KINDS = {"xgboost": xgboost_peers, "lightgbm": lightgbm_peers, "catboost": catboost_peers, "sklearn": sklearn_peers}


def peers(model: Model, cache: Path) -> list[Peer]:
    """Make all contestants for a model."""
    clocks = Clocks(cache)
    return onnx_peers(model, clocks) + KINDS[model.kind](model, clocks)


if __name__ == "__main__":
    for peer in peers(Model.read(Path(sys.argv[1])), Path(sys.argv[2])):
        expected = np.fromfile(Path(sys.argv[1]) / "expected.f64")
        print(peer.id, float(np.abs(peer.answers() - expected).max()), [peer.laps(n)(0, 50) / 50 / 1000 for n in (1, 1000)])
