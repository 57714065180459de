"""Cases that add settings which the main set lacks: folders xgb_more_*, lgb_more_*, cb_more_*."""

from pathlib import Path

import numpy as np
import pandas as pd
from layout import FEATURES, ROWS, SCORED, Table, answers, matrix, named, write

# One word for every length that the hash of CatBoost treats in its own way.
WORDS = ["5", "abcd", "abcdefgh", "x" * 16, "y" * 17, "São Paulo", "w" * 33, "e" * 64, "t" * 130]


def xgboost_cases(root: Path) -> None:
    """Write the cases of XGBoost, as JSON and UBJSON."""
    import xgboost as xgb

    base = {"n_estimators": 5, "max_depth": 3, "n_jobs": 1, "random_state": 1}
    c, r = xgb.XGBClassifier, xgb.XGBRegressor
    vector = {"multi_strategy": "multi_output_tree", "tree_method": "hist"}
    dart = {"booster": "dart", "rate_drop": 0.5, "normalize_type": "forest"}
    stop = {"early_stopping_rounds": 2, "n_estimators": 40, "max_depth": 2}
    stop |= {"num_parallel_tree": 2, "learning_rate": 0.6}
    quantile = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}
    for name, model, y in (
        ("dart_multi", c(**base | dart), "classes"),
        ("gblinear", c(booster="gblinear", n_estimators=9), "binary"),
        ("gblinear_multi", c(booster="gblinear", n_estimators=9), "classes"),
        ("labels", c(**base), "labels"),
        ("labels_vector", c(**base | vector), "labels"),
        ("targets", r(**base), "targets"),
        ("targets_vector", r(**base | vector), "targets"),
        ("quantiles", r(**base | quantile), "score"),
        ("stop_multi", c(**base | stop | {"subsample": 0.7}), "classes"),
        ("hinge", c(objective="binary:hinge", **base), "binary"),
        ("logitraw", c(objective="binary:logitraw", **base), "binary"),
        ("softmax", c(objective="multi:softmax", **base), "classes"),
        ("reg_logistic", r(objective="reg:logistic", **base), "binary"),
        ("classifier", c(objective="reg:logistic", **base), "binary"),
    ):
        t = Table(np.float32, 7)
        y = getattr(t, y)
        if "early_stopping_rounds" in model.get_xgb_params() or model.early_stopping_rounds:
            model.fit(t.X[:150], y[:150], eval_set=[(t.X[150:], y[150:])], verbose=False)
        else:
            model.fit(t.X, y)
        thresholds = []
        if "gblinear" not in name and "vector" not in name:
            splits = model.get_booster().trees_to_dataframe().Split
            thresholds = pd.to_numeric(splits, errors="coerce").dropna()
        rows = t.rows(thresholds)
        files = {"model.json": model.save_model, "model.ubj": model.save_model}
        expected = answers(model, rows)
        write(root / f"xgb_more_{name}", files, rows, matrix(FEATURES), expected)

    t = Table(np.float32, 8)
    t.codes(40)
    types = ["q"] * (FEATURES - 1) + ["c"]
    model = c(enable_categorical=True, feature_types=types, max_cat_to_onehot=4, **base)
    rows = t.rows([])
    model.fit(t.X, t.binary)
    rows[:8, -1] = [0, -1, -7, 999, 1e9, 1.5, -0.5, np.nan]
    files = {"model.json": model.save_model, "model.ubj": model.save_model}
    write(root / "xgb_more_codes", files, rows, matrix(FEATURES), answers(model, rows))

    frame = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
    frame["k"] = pd.Categorical(t.rng.choice([30, -2, 500, 7], ROWS), [30, -2, 500, 7])
    model = r(enable_categorical=True, **base).fit(frame, t.score + (frame.k == 500))
    frame = frame[:SCORED]
    files = {"model.json": model.save_model, "model.ubj": model.save_model}
    rows = frame.astype(object).to_numpy().tolist()
    write(root / "xgb_more_numbers", files, rows, matrix(3), answers(model, frame))


def lightgbm_cases(root: Path) -> None:
    """Write the cases of LightGBM."""
    import lightgbm as lgb

    base = {"n_estimators": 5, "num_leaves": 7, "n_jobs": 1, "random_state": 1, "verbose": -1}
    c, r = lgb.LGBMClassifier, lgb.LGBMRegressor
    forest = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    for name, model, y in (
        ("linear", r(linear_tree=True, **base), "score"),
        ("linear_multi", c(linear_tree=True, **base), "classes"),
        (
            "dart_ova",
            c(boosting_type="dart", objective="multiclassova", sigmoid=1.3, **base),
            "classes",
        ),
        ("rf_multi", c(**base | forest), "classes"),
        ("zero", c(zero_as_missing=True, **base), "binary"),
        ("no_missing", c(use_missing=False, **base), "binary"),
        ("sqrt", r(reg_sqrt=True, **base), "score"),
        ("xentlambda", r(objective="cross_entropy_lambda", **base), "binary"),
        ("gamma", r(objective="gamma", **base), "positive"),
        ("sigmoid", c(sigmoid=0.6, **base), "binary"),
        ("codes", c(cat_smooth=1, min_data_per_group=3, max_cat_to_onehot=1, **base), "binary"),
    ):
        t = Table(np.float64, 9, zeros=0.2)
        t.positive = np.exp(t.score / 2)
        if name == "codes":
            t.codes(70)
            model.fit(t.X, t.binary, categorical_feature=[FEATURES - 1])
        else:
            model.fit(t.X, getattr(t, y))
        splits = model.booster_.trees_to_dataframe().threshold
        rows = t.rows(pd.to_numeric(splits, errors="coerce").dropna())
        rows[14, :] = [1e-35, -1e-35, 1.0000000180025095e-35, -1.0000000180025095e-35]
        if name == "codes":
            rows[:10, -1] = [0, -1, -7, 999, 1e9, 1.5, -0.5, np.nan, -0.999, 2.999]
        files = {"model.txt": model.booster_.save_model}
        write(root / f"lgb_more_{name}", files, rows, matrix(FEATURES), answers(model, rows))

    t = Table(np.float64, 10)
    frame = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
    frame["k"] = pd.Categorical(t.rng.choice([30, -2, 500, 7], ROWS), [30, -2, 500, 7])
    model = r(cat_smooth=1, min_data_per_group=3, **base)
    model.fit(frame, t.score + (frame.k == 500).astype(float))
    frame = frame[:SCORED].copy()
    expected = answers(model, frame)
    rows = frame.astype(object).to_numpy().tolist()
    files = {"model.txt": model.booster_.save_model}
    write(root / "lgb_more_numbers", files, rows, matrix(3), expected)

    # An ordered category is a number for LightGBM, but pandas_categorical lists its values.
    frame = frame.drop(columns="k").assign(size=pd.Categorical(["m"] * SCORED, ["s", "m", "l"]))
    frame = pd.concat([frame] * (ROWS // SCORED), ignore_index=True)
    sizes = pd.Categorical(t.rng.choice(["s", "m", "l"], ROWS), ["s", "m", "l"], ordered=True)
    frame["size"], frame["kind"] = sizes, pd.Categorical(t.rng.choice(["u", "v"], ROWS))
    model = r(**base).fit(frame, np.nan_to_num(frame.a) + sizes.codes)
    frame = frame[:SCORED]
    rows = frame.astype(object).to_numpy().tolist()
    files = {"model.txt": model.booster_.save_model}
    write(root / "lgb_more_ordered", files, rows, named(frame), answers(model, frame))


def catboost_cases(root: Path) -> None:
    """Write the cases of CatBoost."""
    import catboost as cb

    base = {
        "iterations": 5,
        "depth": 3,
        "verbose": 0,
        "thread_count": 1,
        "random_seed": 1,
        "allow_writing_files": False,
    }
    c, r = cb.CatBoostClassifier, cb.CatBoostRegressor
    for name, model, y in (
        ("depthwise", c(grow_policy="Depthwise", nan_mode="Max", **base), "binary"),
        (
            "lossguide_multi",
            c(grow_policy="Lossguide", loss_function="MultiClass", **base),
            "names",
        ),
        ("ova", c(loss_function="MultiClassOneVsAll", **base), "classes"),
        ("labels", c(loss_function="MultiLogloss", **base), "labels"),
        ("targets", r(loss_function="MultiRMSE", **base), "targets"),
        ("uncertainty", r(loss_function="RMSEWithUncertainty", **base), "score"),
        ("poisson", r(loss_function="Poisson", **base), "binary"),
        ("nan_max", r(nan_mode="Max", **base), "score"),
        ("threshold", c(**base), "binary"),
        ("booleans", c(**base), "flags"),
    ):
        t = Table(np.float32, 11)
        t.names, t.flags = np.array(["ä", "b", "c"])[t.classes], t.binary == 1
        model.fit(t.X, getattr(t, y))
        if name == "threshold":
            model.set_probability_threshold(0.31)
        rows = t.rows(np.concatenate([np.float32(v) for v in model.get_borders().values()]))
        files = {"model.json": lambda path, m=model: m.save_model(path, format="json")}
        expected = answers(model, rows)
        if name == "booleans":
            expected["labels"] = [int(v) for v in expected["labels"]]
        write(root / f"cb_more_{name}", files, rows, matrix(FEATURES), expected)

    t = Table(np.float32, 13)
    both = [r(**base).fit(t.X, t.score), r(**base | {"depth": 2}).fit(t.X, t.score)]
    model = cb.sum_models(both, weights=[0.3, 1.7])
    rows = t.rows(np.concatenate([np.float32(v) for v in model.get_borders().values()]))
    files = {"model.json": lambda path: model.save_model(path, format="json")}
    expected = {"predictions": model.predict(rows)}
    write(root / "cb_more_summed", files, rows, matrix(FEATURES), expected)

    t = Table(np.float32, 12)
    frame = pd.DataFrame(t.X[:, :2], columns=["a", "b"])
    frame.insert(1, "word", t.rng.choice(WORDS, ROWS))
    effect = frame.word.map({w: i % 3 for i, w in enumerate(WORDS)})
    model = r(cat_features=["word"], one_hot_max_size=20, **base | {"iterations": 20})
    model.fit(frame, t.score + effect)
    frame = frame[:SCORED].copy()
    frame.loc[frame.index[:2], "word"] = ["never", ""]
    files = {"model.json": lambda path: model.save_model(path, format="json")}
    rows = frame.to_numpy().tolist()
    write(root / "cb_more_words", files, rows, named(frame), answers(model, frame))


def makers() -> list:
    """Name the cases by group; each function writes its group into a folder."""
    return [("xgb_more", xgboost_cases), ("lgb_more", lightgbm_cases), ("cb_more", catboost_cases)]
