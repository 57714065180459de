"""The answers of ONNX Runtime: expect.py MODEL < rows as JSON > probabilities as JSON."""

import json
import sys

import scorer


def main():
    """Read rows, write probabilities."""
    table = json.load(sys.stdin)
    model = scorer.Scorer(sys.argv[1])
    columns = dict(zip(table["features"], zip(*table["data"], strict=True), strict=True))
    _, probabilities = model.score(columns)
    json.dump([float(p) for p in probabilities[:, 1]], sys.stdout)


if __name__ == "__main__":
    main()
