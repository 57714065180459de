"""Every estimator of scikit-learn that skl2onnx converts, on tables of numbers."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import strict
import tables
from case import Case
from skl2onnx import __max_supported_opset__, convert_sklearn
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common import _registration
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int32TensorType,
    Int64TensorType,
)
from sklearn import (
    calibration,
    cluster,
    discriminant_analysis,
    ensemble,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    neighbors,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import clone, is_classifier
from sklearn.gaussian_process import kernels

strict.patch()

TENSORS = {
    "float32": FloatTensorType,
    "float64": DoubleTensorType,
    "int64": Int64TensorType,
    "int32": Int32TensorType,
    "bool": BooleanTensorType,
}
METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
    "kneighbors",
    "apply",
)
OPSETS = (9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22)
# Options that only some converters have, with the value that is not the default.
OPTIONS = {
    "raw_scores": True,
    "nocl": True,
    "output_class_labels": True,
    "score_samples": True,
    "decision_leaf": True,
    "decision_path": True,
    "return_std": True,
    "return_cov": True,
    "optim": "cdist",
    "gemm": False,
    "div": "div",
    "use_float": False,
}

Model = Any


def named(name: str, **parameters: Any) -> Model:
    """Make an estimator by its class's name, or nothing where this version lacks it."""
    known = {c.__name__: c for c in sklearn_operator_name_map}
    try:
        return known[name](**parameters) if name in known else None
    except TypeError:
        return None  # a parameter that this version lacks


def zoo(part: str) -> Iterator[tuple[str, Model, str, str]]:
    """Give name, estimator, target and table ("any", "positive", ...) of a part of them."""
    parts = {
        "trees": trees_and_ensembles,
        "linear": linear,
        "neighbours": neighbours,
        "others": others,
    }
    return parts[part]()


def trees_and_ensembles() -> Iterator[tuple[str, Model, str, str]]:  # noqa: C901 - a list with loops, no decisions
    """Trees, forests, boosting, and what combines other estimators."""
    few = {"n_estimators": 6, "random_state": 0}
    for name in ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees"):
        p = few if name.endswith(("Forest", "Trees")) else {"random_state": 0}
        for y in ("binary", "words", "ints", "flags", "many", "labels"):
            yield name + "Classifier", named(name + "Classifier", max_depth=5, **p), y, "any"
        for y in ("number", "numbers"):
            yield name + "Regressor", named(name + "Regressor", max_depth=6, **p), y, "any"
    for y in ("binary", "words", "flags"):
        yield "GradientBoostingClassifier", ensemble.GradientBoostingClassifier(**few), y, "any"
        yield (
            "HistGradientBoostingClassifier",
            ensemble.HistGradientBoostingClassifier(max_iter=6),
            y,
            "any",
        )
    yield (
        "GradientBoostingClassifier",
        ensemble.GradientBoostingClassifier(loss="exponential", init="zero", **few),
        "binary",
        "any",
    )
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        yield (
            "GradientBoostingRegressor",
            ensemble.GradientBoostingRegressor(loss=loss, **few),
            "number",
            "any",
        )
    for loss in ("squared_error", "absolute_error"):
        m = ensemble.HistGradientBoostingRegressor(max_iter=6, loss=loss)
        yield "HistGradientBoostingRegressor", m, "number", "any"
    for loss in ("poisson", "gamma"):
        try:
            m = ensemble.HistGradientBoostingRegressor(max_iter=6, loss=loss)
            yield "HistGradientBoostingRegressor", m, "count", "any"
        except ValueError:
            continue
    trees = tree.DecisionTreeClassifier(max_depth=3, random_state=0)
    log = linear_model.LogisticRegression()
    ridge = linear_model.Ridge()
    for y in ("binary", "words"):
        yield "AdaBoostClassifier", ensemble.AdaBoostClassifier(trees, n_estimators=5), y, "any"
        for inner in (trees, log, svm.LinearSVC()):
            m = ensemble.BaggingClassifier(inner, n_estimators=4, max_features=0.7, random_state=0)
            yield "BaggingClassifier", m, y, "any"
        for inner in (log, trees, svm.LinearSVC()):
            for method in ("sigmoid", "isotonic"):
                m = calibration.CalibratedClassifierCV(inner, method=method, cv=2)
                yield "CalibratedClassifierCV", m, y, "any"
        parts = [("tree", trees), ("log", log)]
        for voting in ("hard", "soft"):
            m = ensemble.VotingClassifier(
                parts, voting=voting, weights=[2, 1.5], flatten_transform=False
            )
            yield "VotingClassifier", m, y, "any"
        for through in (False, True):
            m = ensemble.StackingClassifier(parts, log, cv=2, passthrough=through)
            yield "StackingClassifier", m, y, "any"
        yield "OneVsRestClassifier", multiclass.OneVsRestClassifier(log), y, "any"
        yield "OneVsRestClassifier", multiclass.OneVsRestClassifier(trees), y, "any"
        yield "OneVsOneClassifier", multiclass.OneVsOneClassifier(log), y, "any"
        grid = model_selection.GridSearchCV(log, {"C": [0.1, 1]}, cv=2)
        yield "GridSearchCV", grid, y, "any"
    yield "OneVsRestClassifier", multiclass.OneVsRestClassifier(log), "labels", "any"
    yield "MultiOutputClassifier", multioutput.MultiOutputClassifier(log), "labels", "any"
    yield "MultiOutputClassifier", multioutput.MultiOutputClassifier(trees), "many", "any"
    if hasattr(model_selection, "TunedThresholdClassifierCV"):
        m = model_selection.TunedThresholdClassifierCV(log, cv=2)
        yield "TunedThresholdClassifierCV", m, "binary", "any"
    small = tree.DecisionTreeRegressor(max_depth=3, random_state=0)
    for loss in ("linear", "square", "exponential"):
        m = ensemble.AdaBoostRegressor(small, n_estimators=5, loss=loss, random_state=0)
        yield "AdaBoostRegressor", m, "number", "any"
    for inner in (small, ridge):
        m = ensemble.BaggingRegressor(inner, n_estimators=4, max_features=0.7, random_state=0)
        yield "BaggingRegressor", m, "number", "any"
    parts = [("tree", small), ("ridge", ridge)]
    yield "VotingRegressor", ensemble.VotingRegressor(parts, weights=[1, 3]), "number", "any"
    yield "VotingRegressor", ensemble.VotingRegressor(parts), "number", "any"
    for through in (False, True):
        m = ensemble.StackingRegressor(parts, ridge, cv=2, passthrough=through)
        yield "StackingRegressor", m, "number", "any"
    yield "MultiOutputRegressor", multioutput.MultiOutputRegressor(ridge), "numbers", "any"
    yield "MultiOutputRegressor", multioutput.MultiOutputRegressor(small), "numbers", "any"
    yield "IsolationForest", ensemble.IsolationForest(**few), "none", "any"
    yield (
        "IsolationForest",
        ensemble.IsolationForest(max_features=0.6, contamination=0.1, **few),
        "none",
        "any",
    )
    yield "RandomTreesEmbedding", named("RandomTreesEmbedding", max_depth=3, **few), "none", "any"


def linear() -> Iterator[tuple[str, Model, str, str]]:  # noqa: C901 - a list with loops, no decisions
    """Linear models, support vectors and networks."""
    for name, p in (
        ("LogisticRegression", {}),
        ("LogisticRegression", {"fit_intercept": False, "C": 0.1}),
        ("LogisticRegressionCV", {"cv": 2}),
        ("LinearSVC", {}),
        ("RidgeClassifier", {}),
        ("RidgeClassifierCV", {}),
        ("Perceptron", {}),
        ("PassiveAggressiveClassifier", {}),
        ("SGDClassifier", {"random_state": 0}),
        ("SGDClassifier", {"random_state": 0, "loss": "log_loss"}),
        ("SGDClassifier", {"random_state": 0, "loss": "modified_huber"}),
        ("SVC", {"probability": True, "random_state": 0}),
        ("SVC", {"kernel": "linear"}),
        ("SVC", {"kernel": "poly", "degree": 2, "coef0": 1}),
        ("SVC", {"kernel": "sigmoid", "decision_function_shape": "ovo"}),
        ("SVC", {"break_ties": True}),
        ("NuSVC", {"nu": 0.2}),
        ("NuSVC", {"nu": 0.2, "probability": True, "random_state": 0}),
        ("MLPClassifier", {"hidden_layer_sizes": (6, 4), "max_iter": 50, "random_state": 0}),
        ("MLPClassifier", {"activation": "tanh", "max_iter": 50, "random_state": 0}),
        ("MLPClassifier", {"activation": "logistic", "max_iter": 50, "random_state": 0}),
        ("MLPClassifier", {"activation": "identity", "max_iter": 50, "random_state": 0}),
        ("LinearDiscriminantAnalysis", {}),
        ("LinearDiscriminantAnalysis", {"solver": "lsqr", "shrinkage": 0.2}),
        ("QuadraticDiscriminantAnalysis", {"reg_param": 0.1}),
        ("GaussianNB", {}),
        ("BernoulliNB", {}),
        ("BernoulliNB", {"binarize": None}),
        ("GaussianProcessClassifier", {"random_state": 0}),
    ):
        positive = "bits" if name == "BernoulliNB" and "binarize" in p else "any"
        for y in ("binary", "words", "flags"):
            yield name, named(name, **p), y, positive
    yield "MLPClassifier", named("MLPClassifier", max_iter=40, random_state=0), "labels", "any"
    for name in ("MultinomialNB", "ComplementNB"):
        for y in ("binary", "words"):
            yield name, named(name), y, "positive"
    yield "ComplementNB", named("ComplementNB", norm=True), "words", "positive"
    yield "CategoricalNB", named("CategoricalNB"), "words", "codes"
    for name in [
        "ARDRegression",
        "BayesianRidge",
        "ElasticNet",
        "ElasticNetCV",
        "HuberRegressor",
        "Lars",
        "LarsCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "LinearRegression",
        "LinearSVR",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "PassiveAggressiveRegressor",
        "QuantileRegressor",
        "RANSACRegressor",
        "Ridge",
        "RidgeCV",
        "SGDRegressor",
        "TheilSenRegressor",
        "PLSRegression",
        "SVR",
        "NuSVR",
        "MLPRegressor",
        "GaussianProcessRegressor",
    ]:
        p = {"random_state": 0} if name in ("RANSACRegressor", "TheilSenRegressor") else {}
        yield name, named(name, **p), "number", "any"
    for name in (
        "LinearRegression",
        "Ridge",
        "PLSRegression",
        "MLPRegressor",
        "Lasso",
        "ElasticNet",
    ):
        yield name, named(name), "numbers", "any"
    for name in (
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
    ):
        yield name, named(name), "numbers", "any"
    for name in ("PoissonRegressor", "GammaRegressor", "TweedieRegressor"):
        yield name, named(name), "count", "any"
    yield "TweedieRegressor", named("TweedieRegressor", power=1.5), "count", "any"
    for kernel in ("linear", "poly", "sigmoid"):
        yield "SVR", svm.SVR(kernel=kernel), "number", "any"
        yield "OneClassSVM", svm.OneClassSVM(kernel=kernel), "none", "any"
    yield "OneClassSVM", svm.OneClassSVM(), "none", "any"
    yield "SGDOneClassSVM", named("SGDOneClassSVM"), "none", "any"
    for activation in ("tanh", "logistic"):
        m = named("MLPRegressor", activation=activation, max_iter=50, random_state=0)
        yield "MLPRegressor", m, "number", "any"
    k = kernels
    for kernel in (
        k.RBF(2) + k.WhiteKernel(0.1),
        k.ConstantKernel(2) * k.Matern(nu=1.5),
        k.Matern(nu=2.5),
        k.RationalQuadratic(),
        k.DotProduct() + k.WhiteKernel(),
        k.ExpSineSquared() + k.WhiteKernel(),
        k.Exponentiation(k.RationalQuadratic(), 2),
        k.PairwiseKernel(metric="rbf"),
    ):
        m = named("GaussianProcessRegressor", kernel=kernel, alpha=1e-2, optimizer=None)
        yield "GaussianProcessRegressor", m, "number", "any"
    m = named(
        "GaussianProcessRegressor", kernel=k.RBF(2), alpha=1e-2, normalize_y=True, optimizer=None
    )
    yield "GaussianProcessRegressor", m, "number", "any"


def neighbours() -> Iterator[tuple[str, Model, str, str]]:
    """Neighbours, clusters and outliers."""
    for p in (
        {},
        {"weights": "distance"},
        {"metric": "manhattan"},
        {"metric": "chebyshev"},
        {"metric": "minkowski", "p": 3},
        {"metric": "cosine", "algorithm": "brute"},
    ):
        for y in ("binary", "words", "many"):
            yield "KNeighborsClassifier", neighbors.KNeighborsClassifier(4, **p), y, "any"
        for y in ("number", "numbers"):
            yield "KNeighborsRegressor", neighbors.KNeighborsRegressor(4, **p), y, "any"
    for w in ("uniform", "distance"):
        m = neighbors.RadiusNeighborsRegressor(12.0, weights=w)
        yield "RadiusNeighborsRegressor", m, "number", "any"
        m = neighbors.RadiusNeighborsClassifier(12.0, weights=w, outlier_label="most_frequent")
        yield "RadiusNeighborsClassifier", m, "ints", "any"
    yield "NearestNeighbors", neighbors.NearestNeighbors(n_neighbors=3), "none", "any"
    yield "KNeighborsTransformer", named("KNeighborsTransformer", n_neighbors=3), "none", "any"
    for p in ({}, {"metric": "manhattan"}):
        m = neighbors.LocalOutlierFactor(7, novelty=True, **p)
        yield "LocalOutlierFactor", m, "none", "any"
    for name in ("KMeans", "MiniBatchKMeans"):
        yield name, named(name, n_clusters=4, n_init=2, random_state=0), "none", "any"
    for name in ("GaussianMixture", "BayesianGaussianMixture"):
        for kind in ("full", "tied", "diag", "spherical"):
            m = named(name, n_components=3, covariance_type=kind, random_state=0)
            yield name, m, "none", "any"


def others() -> Iterator[tuple[str, Model, str, str]]:
    """Give the transformers of numbers."""
    p = preprocessing
    log = linear_model.LogisticRegression()
    for m in (
        p.StandardScaler(),
        p.StandardScaler(with_mean=False),
        p.StandardScaler(with_std=False),
        p.RobustScaler(),
        p.RobustScaler(with_centering=False),
        p.MaxAbsScaler(),
        p.MinMaxScaler(),
        p.MinMaxScaler(clip=True, feature_range=(-1, 2)),
        *(p.Normalizer(norm=n) for n in ("l1", "l2", "max")),
        p.Binarizer(threshold=0.5),
        *(
            p.KBinsDiscretizer(n_bins=4, encode=e, strategy=s)
            for e in ("ordinal", "onehot-dense", "onehot")
            for s in ("uniform", "quantile", "kmeans")
        ),
        p.PolynomialFeatures(2),
        p.PolynomialFeatures(3, interaction_only=True, include_bias=False),
        p.PowerTransformer(),
        p.PowerTransformer(standardize=False),
        p.QuantileTransformer(n_quantiles=20),
        p.QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        p.SplineTransformer(),
        p.FunctionTransformer(),
    ):
        yield type(m).__name__, m, "none", "any"
    yield "PowerTransformer", p.PowerTransformer(method="box-cox"), "none", "strict"
    for name, q in (
        ("PCA", {"n_components": 3}),
        ("PCA", {"n_components": 3, "whiten": True}),
        ("IncrementalPCA", {"n_components": 3}),
        ("TruncatedSVD", {"n_components": 3, "random_state": 0}),
        ("KernelPCA", {"n_components": 3, "kernel": "rbf"}),
        ("KernelPCA", {"n_components": 3, "kernel": "poly"}),
        ("KernelPCA", {"n_components": 3, "kernel": "linear"}),
        ("KernelPCA", {"n_components": 3, "kernel": "cosine"}),
        ("GaussianRandomProjection", {"n_components": 3, "random_state": 0}),
        ("VarianceThreshold", {}),
        ("SimpleImputer", {"strategy": "mean"}),
        ("SimpleImputer", {"strategy": "median"}),
        ("SimpleImputer", {"strategy": "most_frequent"}),
        ("SimpleImputer", {"strategy": "constant", "fill_value": 7}),
        ("SimpleImputer", {"add_indicator": True}),
        ("KNNImputer", {"n_neighbors": 3}),
        ("KNNImputer", {"n_neighbors": 3, "weights": "distance"}),
    ):
        yield name, named(name, **q), "none", "gaps" if "Imputer" in name else "any"
    yield "SimpleImputer", named("SimpleImputer", missing_values=0, strategy="mean"), "none", "any"
    yield (
        "NeighborhoodComponentsAnalysis",
        named("NeighborhoodComponentsAnalysis", n_components=2, max_iter=10),
        "ints",
        "any",
    )
    for name, q in (
        ("SelectKBest", {"k": 3}),
        ("SelectPercentile", {"percentile": 50}),
        ("SelectFpr", {}),
        ("SelectFdr", {}),
        ("SelectFwe", {}),
        ("GenericUnivariateSelect", {"mode": "k_best", "param": 3}),
        ("SelectFromModel", {"estimator": log}),
        ("RFE", {"estimator": log, "n_features_to_select": 3}),
        ("RFECV", {"estimator": log, "cv": 2}),
    ):
        yield name, named(name, **q), "ints", "any"
    lda = discriminant_analysis.LinearDiscriminantAnalysis()
    for steps, y in (
        ((p.StandardScaler(), log), "words"),
        ((p.PolynomialFeatures(2), p.StandardScaler(), linear_model.Ridge()), "number"),
        ((p.KBinsDiscretizer(4, encode="onehot-dense"), log), "binary"),
        (
            (p.QuantileTransformer(n_quantiles=9), svm.SVC(probability=True, random_state=0)),
            "binary",
        ),
        ((p.MinMaxScaler(), neighbors.KNeighborsClassifier(3)), "words"),
        ((named("PCA", n_components=2), lda), "words"),
        ((p.StandardScaler(), cluster.KMeans(3, n_init=1, random_state=0)), "none"),
        (
            (p.Normalizer(), p.MaxAbsScaler(), ensemble.ExtraTreesClassifier(5, random_state=0)),
            "ints",
        ),
    ):
        yield "Pipeline", pipeline.make_pipeline(*steps), y, "any"
    union = pipeline.FeatureUnion(
        [("scale", p.StandardScaler()), ("pca", named("PCA", n_components=2))],
        transformer_weights={"scale": 2},
    )
    yield "FeatureUnion", union, "none", "any"


def table(kind: str, form: str) -> np.ndarray:
    """Draw the table that an estimator can take."""
    X = tables.numbers(kind)
    if form in ("positive", "strict"):
        X = tables.positive(X)
    if form == "strict" and X.dtype != bool:
        X = X + X.dtype.type(1)
    if form == "codes":
        X = (
            np.clip(np.abs(X), 0, 4).astype(X.dtype)
            if X.dtype == bool
            else np.floor(np.clip(np.abs(X), 0, 4)).astype(X.dtype)
        )
    if form == "bits":
        X = (X > 0).astype(X.dtype)
    if form == "gaps" and X.dtype.kind == "f":
        X[np.random.default_rng(2).random(X.shape) < 0.1] = np.nan
    return X


def answers(model: Model, X: np.ndarray) -> dict[str, np.ndarray]:
    """Ask the model by all its methods."""
    out: dict[str, np.ndarray] = {}
    for method in METHODS:
        if not hasattr(model, method):
            continue
        try:
            value = getattr(model, method)(X)
        except (ValueError, AttributeError, NotImplementedError, IndexError):
            continue
        values = value if isinstance(value, list | tuple) else [value]
        values = [v.toarray() if hasattr(v, "toarray") else np.asarray(v) for v in values]
        values = [v for v in values if v.dtype != object or (v.ndim and isinstance(v.flat[0], str))]
        out |= {f"{method}[{i}]": v for i, v in enumerate(values)}
        if len(values) > 1 and len({v.shape for v in values}) == 1:
            out[method] = np.stack(values)
    if hasattr(model, "predict") and type(model).__name__.startswith("GaussianProcessR"):
        out["std"] = model.predict(X, return_std=True)[1]
        out["cov"] = model.predict(X, return_cov=True)[1]
    if hasattr(model, "predict") and type(model).__name__ == "BayesianRidge":
        out["std"] = model.predict(X, return_std=True)[1]
    if hasattr(model, "classes_"):
        c = model.classes_
        out["classes"] = (
            np.asarray(c) if not isinstance(c, list) else np.concatenate([np.ravel(x) for x in c])
        )
        names = (
            [np.searchsorted(c, v) for k, v in out.items() if k.startswith("predict[")]
            if not isinstance(c, list)
            else []
        )
        out |= {f"index[{i}]": v for i, v in enumerate(names)}
    return out


def rows_for(model: Model, X: np.ndarray) -> np.ndarray:
    """Take the rows to score; missing and infinite cells where the model takes them."""
    rows = tables.scored(X, tables.thresholds(model))
    for more in (tables.with_infinities, tables.with_gaps):
        if X.dtype.kind == "f":
            try:
                getattr(model, "predict", getattr(model, "transform", None))(more(rows))
                rows = more(rows)
            except ValueError:
                continue
    return rows


def options_of(model: Model) -> dict:
    """Give the options that the converter of an estimator knows."""
    alias = sklearn_operator_name_map.get(type(model))
    return _registration._converter_pool[alias]._options or {} if alias else {"zipmap": True}


def variants(
    model: Model, kind: str, first: bool, thorough: bool
) -> Iterator[tuple[str, dict, Any]]:
    """Give the name, the options and the operator sets of each way to convert."""
    newest = min(__max_supported_opset__, max(OPSETS))
    allowed = options_of(model)
    off = {"zipmap": False} if is_classifier(model) and "zipmap" in allowed else {}
    for variant, options, opset in conversions(kind, off, allowed, newest, first, thorough):
        if type(model).__name__ == "IsolationForest" and not isinstance(opset, dict):
            opset = {"": opset, "ai.onnx.ml": 3}  # its converter writes nothing newer
        yield variant, options, opset


def conversions(
    kind: str, off: dict, allowed: dict, newest: int, first: bool, thorough: bool
) -> Iterator[tuple[str, dict, Any]]:
    """Give the ways that an estimator's options allow."""
    yield "plain", off, newest
    if kind in ("int32", "bool") or not first:
        yield "opset 11", off, 11
        return
    if off:
        yield "zipmap", {}, newest
        yield "columns", {"zipmap": "columns"}, newest
    for key, value in OPTIONS.items():
        if key in allowed:
            yield f"{key}={value}", off | {key: value}, newest
    lowest = OPSETS if thorough else (11,)
    for n in lowest:
        if n <= __max_supported_opset__:
            yield f"opset {n}", off, n
    for n in (1, 2, 3, 4, 5) if thorough else ():
        yield f"ml {n}", off, {"": newest, "ai.onnx.ml": n}


def cases(only: str, part: str) -> Iterator[Case]:
    """Give the cases of a part whose estimator's name contains a text."""
    warnings.simplefilter("ignore")
    seen: set[tuple] = set()
    for name, model, y, form in zoo(part):
        if model is None or only not in name:
            continue
        for kind in TENSORS:
            first = (name, kind, y) not in seen
            thorough = kind == "float32" and (name, kind) not in seen
            seen |= {(name, kind), (name, kind, y)}
            yield from one(name, model, y, form, kind, first, thorough)


def one(
    name: str, model: Model, y: str, form: str, kind: str, first: bool, thorough: bool
) -> Iterator[Case]:
    """Train on one table and give the case of each way to convert."""
    X = table(kind, form)
    target = (
        None
        if y == "none"
        else getattr(tables.Targets(X if form != "gaps" else np.nan_to_num(X)), y)
    )
    model = clone(model)
    try:
        model.fit(X, target)
        rows = rows_for(model, X)
        said = answers(model, rows)
        if not said:  # the edges are none that the estimator takes
            rows = X[: tables.SCORED]
            said = answers(model, rows)
    except (ValueError, TypeError, NotImplementedError):
        return  # the estimator does not take such a table
    p = (
        {
            k: v
            for k, v in model.get_params(deep=False).items()
            if v != type(model)().get_params(deep=False).get(k)
        }
        if not is_meta(model)
        else {}
    )
    label = f"{kind} {y} {short(p)}"
    types = [("X", TENSORS[kind]([None, X.shape[1]]))]
    for variant, options, opset in variants(model, kind, first, thorough):

        def convert(options: dict = options, opset: Any = opset) -> bytes:
            chosen = {id(model): options} if options else None
            made = convert_sklearn(model, initial_types=types, options=chosen, target_opset=opset)
            return made.SerializeToString()

        wide = name in (
            "KernelPCA",
            "PolynomialFeatures",
            "SVR",
            "OneClassSVM",
            "GaussianProcessRegressor",
        )
        yield Case(name, f"{label} {variant}", convert, {"X": rows}, said, 1e-3 if wide else 1e-4)


def is_meta(model: Model) -> bool:
    """Tell whether an estimator cannot be made without arguments."""
    try:
        type(model)()
    except TypeError:
        return True
    return False


def short(parameters: dict) -> str:
    """Name parameters in few characters."""
    return ",".join(f"{k}={str(v)[:18]}" for k, v in parameters.items() if k != "random_state")
