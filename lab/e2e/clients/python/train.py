"""Fits the scikit-learn model that the peers serve, to the file named. The rows are made here."""

import sys

import joblib
import numpy
from sklearn.linear_model import LogisticRegression


def main():
    """Fit the model and write it to the file named."""
    generator = numpy.random.default_rng(0)
    x = generator.normal(size=(300, 4))
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)
    joblib.dump(LogisticRegression().fit(x, y), sys.argv[1])


if __name__ == "__main__":
    main()
