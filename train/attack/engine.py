"""Ask the engine, through the program in answer/, and ONNX Runtime."""

import base64
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from scipy.spatial.distance import cdist

TYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "int64": np.int64,
    "int32": np.int32,
    "uint8": np.uint8,
    "bool": np.bool_,
}
ROLES = ("other", "label", "probabilities", "scores", "prediction")


class Refused(Exception):  # noqa: N818 - a refusal is an answer, which the caller judges
    """What the engine, or ONNX Runtime, does not do."""

    def __init__(self, kind: str, reason: str) -> None:
        """Keep the kind of refusal beside its reason."""
        super().__init__(reason)
        self.kind = kind


class Engine:
    """A running answer program."""

    def __init__(self, program: str) -> None:
        """Start it."""
        self.process = subprocess.Popen(  # noqa: S603 - the program is ours
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.folder = tempfile.TemporaryDirectory()
        self.roles: dict[str, str] = {}

    def close(self) -> None:
        """Stop it."""
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()

    def run(self, model: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Score the inputs."""
        path = Path(self.folder.name) / "model.onnx"
        path.write_bytes(model)
        request = {"Model": str(path), "Inputs": {k: pack(v) for k, v in inputs.items()}}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the engine has ended: a panic, or out of memory")
        reply = json.loads(line)
        if "error" in reply:
            raise Refused(reply["kind"], reply["error"].replace(str(path), "model.onnx"))
        self.roles = {k: ROLES[v["role"]] for k, v in reply["outputs"].items()}
        return {k: unpack(v) for k, v in reply["outputs"].items()}


def pack(v: np.ndarray) -> dict[str, Any]:
    """Turn an array into the program's form."""
    if v.dtype.kind in "OU":
        return {"type": "string", "shape": v.shape, "strings": [str(s) for s in v.ravel()]}
    data = base64.b64encode(np.ascontiguousarray(v).tobytes()).decode()
    return {"type": str(v.dtype), "shape": v.shape, "data": data}


def unpack(a: dict[str, Any]) -> np.ndarray:
    """Turn the program's form into an array."""
    if a["type"] == "string":
        return np.array(a.get("strings", []), dtype=object).reshape(a["shape"])
    data = base64.b64decode(a.get("data", ""))
    return np.frombuffer(data, TYPES[a["type"]]).reshape(a["shape"])


def runtime(model: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Score with ONNX Runtime."""
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        given = {k: v for k, v in inputs.items() if k in {i.name for i in session.get_inputs()}}
        values = session.run(None, given)
    except Exception as e:
        raise Refused("runtime", str(e).splitlines()[0][:300]) from e
    return arrays(names, values)


class CDist(OpRun):
    """ONNX Runtime's operator of its own, which the evaluator lacks."""

    op_domain = "com.microsoft"

    def _run(self, a: np.ndarray, b: np.ndarray, metric: str = "sqeuclidean") -> tuple[np.ndarray]:
        return (cdist(a, b, metric=metric).astype(a.dtype),)


def reference(model: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Score with ONNX's reference evaluator."""
    try:
        session = ReferenceEvaluator(model, new_ops=[CDist])
        given = {k: v for k, v in inputs.items() if k in session.input_names}
        values = session.run(None, given)
    except Exception as e:
        raise Refused("reference", (str(e).splitlines() or [type(e).__name__])[0][:300]) from e
    return arrays(session.output_names, values)


def arrays(names: list[str], values: list) -> dict[str, np.ndarray]:
    """Turn ZipMap's maps into a matrix, and a sequence of arrays into outputs of their own."""
    out = {}
    for name, v in zip(names, values, strict=True):
        if isinstance(v, list) and v and isinstance(v[0], np.ndarray):
            out |= {f"{name}_{i}": part for i, part in enumerate(v)}
        else:
            maps = isinstance(v, list) and v and isinstance(v[0], dict)
            out[name] = np.asarray([list(m.values()) for m in v] if maps else v)
    return out
