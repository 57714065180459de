"""The figures are those of the reference and the standard error is the corrected one."""

import numpy as np
import pytest
import yaml

from heart import validation
from heart.build import MODELS
from heart.validation import Estimate

# The same recipes, cross-validated by a script that shares no code with this one and reads thal
# as a number.
REFERENCE = {
    "1": {"roc_auc": (0.9099, 0.0163), "accuracy": (0.8329, 0.0222), "log_loss": (0.3827, 0.0338)},
    "2": {"roc_auc": (0.9158, 0.0138), "accuracy": (0.8514, 0.0185), "log_loss": (0.3807, 0.0236)},
}


def test_fresh_figures_are_the_reference(runs, version):
    fresh = yaml.safe_load((runs[0] / MODELS / version.version / "model.yaml").read_text())
    found = {m["name"]: (m["mean"], m["standard_error"]) for m in fresh["training"]["metrics"]}
    assert found.keys() == REFERENCE[version.version].keys()
    for name, expected in REFERENCE[version.version].items():
        assert found[name] == pytest.approx(expected, abs=0.0005), name


def test_no_difference_is_claimed(card):
    comparison = card["training"]["comparison"]
    assert "roc_auc +0.0059 ± 0.0088" in comparison
    assert comparison.endswith("no difference shown")


def test_standard_error_is_corrected():
    """Fifty folds of variance 1, test to training rows 1 to 9: sqrt(1/50 + 1/9)."""
    values = np.tile([-1.0, 1.0], 25) * np.sqrt(49 / 50)
    result = validation.estimate(values)
    assert result.mean == pytest.approx(0)
    assert result.standard_error == pytest.approx(np.sqrt(1 / 50 + 1 / 9))


@pytest.mark.parametrize(
    ("mean", "outcome"),
    [
        (0.05, "a difference in roc_auc"),
        (-0.05, "a difference in roc_auc"),
        (0.01, "no difference"),
    ],
)
def test_verdict_follows_the_error(mean, outcome):
    text = validation.verdict({"roc_auc": Estimate(mean, 0.02), "accuracy": Estimate(0, 0.02)})
    assert outcome in text.rsplit(": ", 1)[1]
