"""Speaks lines with the benchmark: first what there is, then laps on request.

stopwatch.go describes the lines and has the twin of Stopwatch.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from base import Clock, Model
from peers import peers

LAP_ROWS = 200
LONGEST_LAP_NS = 20_000_000


class Stopwatch:
    """Laps of batches of one size, each going on with the row where the last one stopped."""

    def __init__(self, clock: Clock, batch: int) -> None:
        """Find out by one call how many calls a lap may have."""
        self.clock, self.batch, self.next, self.last = clock, batch, 0, 0
        took = self.one(1)
        self.calls = min(max(1, LAP_ROWS // batch), max(1, LONGEST_LAP_NS // (took + 1)))

    def one(self, calls: int) -> int:
        """Make a lap and return its nanoseconds."""
        self.last = self.clock(self.next, calls)
        self.next += calls
        return self.last

    def slice(self, ms: int) -> list[float]:
        """Return the nanoseconds a row of each lap; a lap to warm up goes before short ones."""
        until = time.perf_counter() + ms / 1000
        if self.last < ms * 1_000_000:
            self.one(self.calls)
        laps = []
        while not laps or time.perf_counter() < until:
            laps.append(self.one(self.calls) / (self.calls * self.batch))
        return laps


def main(directory: Path, cache: Path) -> None:
    """Serve one model until the input ends."""
    sys.stdout, out = sys.stderr, sys.stdout  # what libraries print is no answer
    model = Model.read(directory)
    expected = np.fromfile(directory / "expected.f64", dtype="<f8")
    ways = {peer.name: peer for peer in peers(model, cache)}

    def say(answer: object) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    hello = []
    for way in ways.values():
        gap = np.abs(way.answers() - expected).max()
        hello.append(
            {"id": way.name, "call": way.call, "deviation": 2.0 if np.isnan(gap) else float(gap)}
        )
    say(hello)
    watches: dict[tuple[str, int], Stopwatch] = {}
    for line in sys.stdin:
        ask = json.loads(line)
        key = (ask["who"], ask["batch"])
        if key not in watches:
            watches[key] = Stopwatch(ways[key[0]].laps(key[1]), key[1])
        say(watches[key].slice(ask["ms"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
