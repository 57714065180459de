"""The two pipelines. All preprocessing is inside them, missing cells included."""

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from heart.features import NAMES, NUMBERS

MODEL_NAME = "heart-disease"


@dataclass(frozen=True)
class Version:
    """One bundled version: its name, its recipe in words and the pipeline, not yet fitted."""

    version: str
    title: str
    algorithm: str
    make: Callable[[], Pipeline]


def boosted_stumps() -> Pipeline:
    """Build version 1: 150 boosted trees of depth 1 on the raw columns.

    max_features draws columns by position, so the blocks below keep the order of the file: another
    order would be another model. The codes of thal become 0, 1, 2; a stump sees only their order.
    """
    thal = make_pipeline(
        SimpleImputer(missing_values="", strategy="most_frequent"),
        OrdinalEncoder(categories=[["3", "6", "7"]]),
    )
    columns = ColumnTransformer(
        [
            ("raw", "passthrough", list(NAMES[:11])),
            ("ca", SimpleImputer(strategy="median"), ["ca"]),
            ("thal", thal, ["thal"]),
        ]
    )
    classifier = GradientBoostingClassifier(
        n_estimators=150,
        max_depth=1,
        learning_rate=0.1,
        subsample=0.7,
        max_features=4,
        random_state=0,
    )
    return Pipeline([("columns", columns), ("classifier", classifier)])


def logistic_regression() -> Pipeline:
    """Build version 2: logistic regression on scaled numbers and one-hot codes."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    thal = make_pipeline(
        SimpleImputer(missing_values="", strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    columns = ColumnTransformer(
        [
            ("numbers", numbers, list(NUMBERS)),
            ("flags", "passthrough", ["sex", "fbs", "exang"]),
            ("codes", OneHotEncoder(handle_unknown="ignore"), ["cp", "restecg", "slope"]),
            ("thal", thal, ["thal"]),
        ]
    )
    return Pipeline(
        [("columns", columns), ("classifier", LogisticRegression(C=0.1, max_iter=2000))]
    )


VERSIONS = (
    Version(
        version="1",
        title="Heart disease from thirteen measurements, by boosted trees",
        algorithm=(
            "gradient boosting, 150 trees of depth 1, learning rate 0.1, 70 % of the rows and "
            "4 columns a tree; ca filled with the median, thal with the most frequent code"
        ),
        make=boosted_stumps,
    ),
    Version(
        version="2",
        title="Heart disease from thirteen measurements, by logistic regression",
        algorithm=(
            "logistic regression, C = 0.1, on scaled numbers and one-hot codes; ca filled with "
            "the median, thal with the most frequent code"
        ),
        make=logistic_regression,
    ),
)
