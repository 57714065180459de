"""Compilers of tree models: one model becomes machine code before it is used."""

import ctypes
from ctypes import c_size_t, c_void_p
from pathlib import Path

import numpy as np

from base import Clock, Clocks, Model, Peer, compile_c, cut, python_clock


def tl2cgen_peer(model: Model, clocks: Clocks, load: str, file: str) -> list[Peer]:
    """tl2cgen's C code of the model, compiled by the system's compiler at -O3."""
    import tl2cgen
    import treelite

    code = model.directory / "tl2cgen"
    library = model.directory / "tl2cgen.so"
    if not library.exists():
        tl2cgen.generate_c_code(
            getattr(treelite.frontend, load)(str(model.directory / file)),
            dirpath=code,
            params={"parallel_comp": 16},
        )
        compile_c(library, sorted(code.glob("*.c")))
    predict = ctypes.CDLL(str(library)).predict
    # An integer of -1 stands for a missing number, whatever its sign and payload were.
    entries = np.ascontiguousarray(model.rows.numbers)
    entries.view(np.int32)[np.isnan(entries)] = -1
    at, width = c_void_p(entries.ctypes.data), c_size_t(entries.shape[1])

    def laps(n: int) -> Clock:
        return clocks.clock(
            "lap_tl2cgen",
            len(entries) // n,
            ctypes.cast(predict, c_void_p),
            at,
            width,
            c_size_t(n),
            (ctypes.c_float * n)(),
        )

    def answers() -> np.ndarray:
        out = np.zeros(len(entries), np.float32)
        clocks.clock(
            "lap_tl2cgen",
            1,
            ctypes.cast(predict, c_void_p),
            at,
            width,
            c_size_t(len(entries)),
            c_void_p(out.ctypes.data),
        )(0, 1)
        return out

    return [
        Peer(
            "tl2cgen",
            "the generated predict(row, 0, out), a loop over the rows of a batch",
            answers,
            laps,
        )
    ]


def lleaves_peers(file: str, cache: Path, X: np.ndarray, clocks: Clocks) -> list[Peer]:
    """lleaves: its function, built for rows and for batches as it recommends; its Python call."""
    import lleaves

    peers = []
    trees = lleaves.Model(model_file=file).num_trees()
    for name, size in (("lleaves-row", trees), ("lleaves", 34)):
        model = lleaves.Model(model_file=file)
        model.compile(cache=cache / f"{name}.bin", fblocksize=size)

        def laps(n: int, model: object = model) -> Clock:
            out = (ctypes.c_double * len(X))()
            root = ctypes.cast(model._c_entry_func, c_void_p)
            return clocks.clock(
                "lap_lleaves", len(X) // n, root, c_void_p(X.ctypes.data), out, ctypes.c_int32(n)
            )

        def predict(part: np.ndarray, model: object = model) -> np.ndarray:
            return model.predict(part, n_jobs=1)

        blocks = "trees in one block" if name == "lleaves-row" else "trees in blocks of 34"
        peers.append(
            Peer(
                name,
                f"the compiled forest_root(rows, out, first, last), {blocks}",
                lambda predict=predict: predict(X),
                laps,
            )
        )
    peers.append(
        Peer(
            "lleaves-python",
            "Model.predict(array, n_jobs=1)",
            lambda: predict(X),
            lambda n: python_clock(predict, cut(X, n)),
        )
    )
    return peers
