"""The frameworks' own calls: what their users have without exporting anything."""

import ctypes
import json
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path

import numpy as np

from base import Clock, Clocks, Model, Peer, cut, python_clock
from compilers import lleaves_peers, tl2cgen_peer


def xgboost_peers(model: Model, clocks: Clocks) -> list[Peer]:
    """XGBoost: in-place prediction from C and Python, and the way through a DMatrix."""
    import xgboost

    booster = xgboost.Booster(params={"nthread": 1}, model_file=model.directory / "model.ubj")
    booster.set_param({"nthread": 1})
    X = np.ascontiguousarray(model.rows.numbers)
    library = ctypes.CDLL(str(Path(xgboost.__file__).parent / "lib" / "libxgboost.so"))
    config = json.dumps(
        {
            "type": 0,
            "training": False,
            "iteration_begin": 0,
            "iteration_end": 0,
            "missing": float("nan"),
            "strict_shape": False,
            "cache_id": 0,
        }
    ).encode()
    dense = ctypes.cast(library.XGBoosterPredictFromDense, c_void_p)

    def laps(n: int) -> Clock:
        arrays = [
            json.dumps(
                {
                    "data": (part.ctypes.data, True),
                    "shape": part.shape,
                    "typestr": "<f4",
                    "version": 3,
                }
            ).encode()
            for part in cut(X, n)
        ]
        return clocks.clock(
            "lap_xgb_dense",
            len(arrays),
            dense,
            booster.handle,
            (c_char_p * len(arrays))(*arrays),
            config,
        )

    def matrix(part: np.ndarray) -> np.ndarray:
        return booster.predict(xgboost.DMatrix(part, nthread=1))

    peers = [
        Peer(
            "xgboost-c",
            "XGBoosterPredictFromDense, array descriptions made beforehand",
            lambda: booster.inplace_predict(X),
            laps,
        ),
        Peer(
            "xgboost-inplace",
            "Booster.inplace_predict(array)",
            lambda: booster.inplace_predict(X),
            lambda n: python_clock(booster.inplace_predict, cut(X, n)),
        ),
        Peer(
            "xgboost-dmatrix",
            "Booster.predict(DMatrix(array))",
            lambda: matrix(X),
            lambda n: python_clock(matrix, cut(X, n)),
        ),
    ]
    return peers + tl2cgen_peer(model, clocks, "load_xgboost_model", "model.ubj")


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
    if library.LGBM_BoosterPredictForMatSingleRowFastInit(
        booster._handle,
        c_int(0),
        c_int(0),
        c_int(-1),
        c_int(1),
        ctypes.c_int32(width),
        parameters,
        byref(fast),
    ):
        raise RuntimeError("LightGBM refuses its fast call for one row")

    def laps(n: int) -> Clock:
        at = c_void_p(X.ctypes.data)
        if n == 1:
            return clocks.clock(
                "lap_lgb_single",
                len(X),
                ctypes.cast(library.LGBM_BoosterPredictForMatSingleRowFast, c_void_p),
                fast,
                at,
                c_size_t(width),
            )
        return clocks.clock(
            "lap_lgb_mat",
            len(X) // n,
            ctypes.cast(library.LGBM_BoosterPredictForMat, c_void_p),
            booster._handle,
            at,
            c_size_t(n),
            c_size_t(width),
            parameters,
            (ctypes.c_double * n)(),
        )

    def predict(part: np.ndarray) -> np.ndarray:
        return booster.predict(part, num_threads=1)

    return [
        Peer(
            "lightgbm-c",
            "LGBM_BoosterPredictForMatSingleRowFast; for more rows LGBM_BoosterPredictForMat",
            lambda: predict(X),
            laps,
        ),
        Peer(
            "lightgbm-python",
            "Booster.predict(array, num_threads=1)",
            lambda: predict(X),
            lambda n: python_clock(predict, cut(X, n)),
        ),
        *lleaves_peers(file, model.directory, X, clocks),
    ]


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
        Peer(
            "catboost-python",
            'predict(array, prediction_type="Probability", thread_count=1)',
            lambda: predict(X)[:, 1],
            lambda n: python_clock(predict, cut(X, n)),
        ),
        Peer(
            "catboost-pool",
            "the same with the Pool made beforehand",
            lambda: predict(X)[:, 1],
            lambda n: python_clock(predict, [catboost.Pool(part) for part in cut(X, n)]),
        ),
    ]


def sklearn_peers(model: Model, clocks: Clocks) -> list[Peer]:
    """scikit-learn's predict_proba, with what the pipeline was fitted on: array or data frame."""
    import joblib
    import pandas

    estimator = joblib.load(model.directory / "model.joblib")
    table = model.rows.numbers
    if model.rows.texts.size:
        table = pandas.DataFrame(model.rows.frame())
    call = (
        "predict_proba(data frame made beforehand)"
        if model.rows.texts.size
        else "predict_proba(array)"
    )
    return [
        Peer(
            "sklearn",
            call,
            lambda: estimator.predict_proba(table)[:, 1],
            lambda n: python_clock(estimator.predict_proba, cut(table, n)),
        )
    ]
