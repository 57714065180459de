"""All contestants for a model. By hand, `python peers.py FOLDER CACHE` lists them."""

import sys
from pathlib import Path

import numpy as np

from base import Clocks, Model, Peer
from frameworks import catboost_peers, lightgbm_peers, sklearn_peers, xgboost_peers
from runtime import onnx_peers

KINDS = {
    "xgboost": xgboost_peers,
    "lightgbm": lightgbm_peers,
    "catboost": catboost_peers,
    "sklearn": sklearn_peers,
}


def peers(model: Model, cache: Path) -> list[Peer]:
    """Make all contestants for a model."""
    clocks = Clocks(cache)
    return onnx_peers(model, clocks) + KINDS[model.kind](model, clocks)


if __name__ == "__main__":
    for peer in peers(Model.read(Path(sys.argv[1])), Path(sys.argv[2])):
        expected = np.fromfile(Path(sys.argv[1]) / "expected.f64")
        print(
            peer.name,
            float(np.abs(peer.answers() - expected).max()),
            [peer.laps(n)(0, 50) / 50 / 1000 for n in (1, 1000)],
        )
