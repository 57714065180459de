"""What the client scripts share: the job that the Go test writes to standard input.

job: {"url": "host:port", "model": name, "version": version, "rows": [{column: value}],
"datatypes": {column: datatype}}. Each script prints {"answers": {way: {"label": [...],
"probabilities": [[...]], "id": ...}}, "facts": {...}}.
"""

import json
import sys

import numpy

KINDS = {"FP32": numpy.float32, "FP64": numpy.float64, "INT64": numpy.int64, "BYTES": numpy.object_}


def job():
    """Read the job from standard input."""
    return json.load(sys.stdin)


def columns(task):
    """Yield name, datatype and an array [rows, 1] of every column."""
    for name, datatype in task["datatypes"].items():
        values = [[row[name]] for row in task["rows"]]
        yield name, datatype, numpy.array(values, dtype=KINDS[datatype])


def answer(label, probabilities, identifier):
    """Put an answer into plain types, as the Go test reads it."""
    return {
        "label": [int(v) for v in label],
        "probabilities": numpy.asarray(probabilities).tolist(),
        "id": identifier,
    }


def report(answers, facts):
    """Write what was found to standard output."""
    json.dump({"answers": answers, "facts": facts}, sys.stdout)
