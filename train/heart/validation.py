"""Repeated cross-validation with standard errors that allow for the overlap of the folds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline

from heart.data import Table

FOLDS = 10
REPEATS = 5
SEED = 20
METRICS = ("roc_auc", "accuracy", "log_loss")
DESCRIPTION = (
    f"{REPEATS} times {FOLDS}-fold stratified cross-validation, all preprocessing inside the "
    "folds; standard errors after Nadeau and Bengio"
)


@dataclass(frozen=True)
class Estimate:
    """A mean over the folds with its corrected standard error."""

    mean: float
    standard_error: float


def scores(make: Callable[[], Pipeline], table: Table) -> np.ndarray:
    """Fit and score a fresh pipeline on every fold; shape [50, 3], columns as METRICS."""
    splitter = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=SEED)
    rows = []
    for train, test in splitter.split(table.X, table.y):
        pipeline = make().fit(table.X.iloc[train], table.y[train])
        chance = pipeline.predict_proba(table.X.iloc[test])[:, 1]
        truth = table.y[test]
        rows.append(
            (
                roc_auc_score(truth, chance),
                accuracy_score(truth, chance > 0.5),
                log_loss(truth, chance, labels=[0, 1]),
            )
        )
    return np.array(rows)


def estimate(values: np.ndarray) -> Estimate:
    """Summarise the 50 fold values of one metric, or of one paired difference.

    The folds share training rows, so var/n is too small; Nadeau and Bengio (Inference for the
    Generalization Error, Machine Learning 52, 2003) add the ratio of test to training rows,
    here 1 to 9.
    """
    factor = 1 / len(values) + 1 / (FOLDS - 1)
    return Estimate(
        mean=float(values.mean()),
        standard_error=float(np.sqrt(factor * values.var(ddof=1))),
    )


def summarise(folds: np.ndarray) -> dict[str, Estimate]:
    """Summarise every column of a score table, or of the difference of two."""
    return {metric: estimate(folds[:, column]) for column, metric in enumerate(METRICS)}


def verdict(difference: dict[str, Estimate]) -> str:
    """Say in one sentence what the paired differences, version 2 minus version 1, do show.

    'Shown' needs more than twice the corrected standard error (about 95 %).
    """
    parts = ", ".join(
        f"{metric} {item.mean:+.4f} ± {item.standard_error:.4f}"
        for metric, item in difference.items()
    )
    shown = [m for m, item in difference.items() if abs(item.mean) > 2 * item.standard_error]
    outcome = f"a difference in {', '.join(shown)}" if shown else "no difference shown"
    return (
        f"version 2 minus version 1, paired over the same {FOLDS * REPEATS} folds: {parts}: "
        f"{outcome}"
    )
