"""What one try is, and what its outcome means."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import onnx
from engine import Engine, Refused, reference, runtime

# Further apart than this, relative to 1 or the value, is another answer: what float32 sums of
# converted models differ by from the frameworks' sums in float64.
TOLERANCE = 1e-4

VERDICTS = {
    "exact": "every output is the framework's",
    "file": "on some rows not the framework's answer but ONNX Runtime's: what the converter wrote",
    "refused": "the engine refuses the file at load, by operator and reason",
    "invalid": "the engine refuses the file, and so does ONNX Runtime",
    "values": "the engine refuses a value, as the framework or ONNX Runtime does",
    "converter": "the converter fails",
    "FAULT": "none of these",
}


@dataclass
class Case:
    """A model, how it becomes a file, rows, and what the framework says of them."""

    estimator: str
    variant: str
    convert: Callable[[], bytes]
    inputs: dict[str, np.ndarray]
    # The framework's answers by method; an output must be one of them.
    answers: dict[str, np.ndarray]
    tolerance: float = TOLERANCE
    # For hand-made files: the reason that a refusal must name.
    refusal: str = ""


@dataclass
class Outcome:
    """What became of a case."""

    case: Case
    verdict: str
    detail: str = ""
    operators: set[str] = field(default_factory=set)
    model: bytes = b""


def differ(a: np.ndarray, b: np.ndarray, rows: int, tolerance: float) -> np.ndarray:
    """Tell which rows of two answers differ; all do where kinds or sizes do."""
    a, b = np.asarray(a), np.asarray(b)
    texts = [x.dtype.kind in "OUST" for x in (a, b)]
    if a.ndim > 1 and b.ndim > 1 and a.shape == b.swapaxes(0, 1).shape != b.shape:
        b = b.swapaxes(0, 1)  # the engine puts rows first
    if a.size != b.size or a.size % rows or texts[0] != texts[1]:
        return np.ones(rows, bool)
    a, b = a.reshape(rows, -1), b.reshape(rows, -1)
    if texts[0]:
        return (a.astype(str) != b.astype(str)).any(1)
    a, b = a.astype(np.float64), b.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        same |= np.abs(a - b) <= tolerance * np.maximum(1, np.abs(b))
    return ~same.all(1)


def nearest(got: np.ndarray, case: Case, rows: int) -> tuple[np.ndarray, str]:
    """Find the framework's answer that an output is.

    A lone score may be written as [-s, s], and each column may be an output of its own.
    """
    best = (np.ones(rows, bool), "none")
    for name, want in case.answers.items():
        want = np.asarray(want)
        forms = [want]
        if want.dtype.kind == "f":
            forms.append(-want)
            if want.ndim == 1 and got.ndim == 2 and got.shape[1] == 2:
                forms.append(np.c_[-want, want])
            if want.ndim == 2 and got.size == len(want) and want.shape[1] <= 30:
                forms += list(want.T)
        for f in forms:
            off = differ(got, f, rows, case.tolerance)
            if off.sum() < best[0].sum():
                best = (off, name)
    return best


def describe(case: Case, off: np.ndarray) -> str:
    """Say how many rows differ, and of what kind they are."""
    missing = np.zeros(len(off), bool)
    for v in case.inputs.values():
        if v.dtype.kind == "f":
            missing |= np.isnan(v.reshape(len(off), -1)).any(1)
    return f"{off.sum()} of {len(off)} rows ({(off & missing).sum()} with missing cells)"


def attempt(case: Case, engine: Engine) -> Outcome:
    """Convert, score, compare."""
    try:
        model = case.convert()
    except Exception as e:
        text = (str(e).strip() or type(e).__name__).splitlines()[0]
        return Outcome(case, "converter", f"{type(e).__name__}: {text[:160]}")
    second = opinion(model, case.inputs)
    try:
        got = engine.run(model, case.inputs)
    except Refused as e:
        return refusal(case, e, second, model)
    if case.refusal:
        return Outcome(case, "FAULT", "it loads, a refusal is right", model=model)
    verdict, notes = "exact", []
    rows = len(next(iter(case.inputs.values())))
    for name, value in got.items():
        off, which = nearest(value, case, rows)
        if not off.any():
            continue
        third = "no runtime takes the file"
        wrong = off
        if not isinstance(second, Refused):
            beside = differ(value, second[name], rows, case.tolerance)
            third = f"{beside.sum()} from the runtime"
            wrong = off & beside
        verdict = "FAULT" if wrong.any() or verdict == "FAULT" else "file"
        notes.append(f"{name} {value.shape}: {describe(case, off)} differ from {which}, {third}")
    return Outcome(case, verdict, "; ".join(notes), model=model)


def opinion(model: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray] | Refused:
    """Ask ONNX Runtime, and where that refuses the file, also mended, the reference evaluator.

    The evaluator comes last because it gives [1-s, s] for the raw scores of two classes.
    """
    last = Refused("none", "not asked")
    for ask in (runtime, reference):
        for file in (model, repaired(model)):
            try:
                return ask(file, inputs)
            except Refused as e:
                last = e
    return last


def runs(model: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray] | Refused:
    """Ask ONNX Runtime alone, and the file as it is."""
    try:
        return runtime(model, inputs)
    except Refused as e:
        return e


def repaired(model: bytes) -> bytes:
    """Mend what makes runtimes refuse a file: outputs declared as double that are float, ZipMap."""
    m = onnx.load_from_string(model)
    for node in m.graph.node:
        if node.op_type == "ZipMap":
            node.op_type, node.domain = "Identity", ""
            del node.attribute[:]
    if all(o.domain for o in m.opset_import):
        m.opset_import.append(onnx.helper.make_opsetid("", 13))
    for o in m.graph.output:
        o.ClearField("type")
    return m.SerializeToString()


def refusal(
    case: Case, e: Refused, second: dict[str, np.ndarray] | Refused, model: bytes
) -> Outcome:
    """Judge a refusal."""
    text = str(e)
    if case.refusal:
        named = case.refusal in text
        return Outcome(case, "refused" if named else "FAULT", f"{e.kind}: {text}", model=model)
    if e.kind in ("unsupported", "malformed") and isinstance(runs(model, case.inputs), Refused):
        return Outcome(case, "invalid", text, model=model)
    if e.kind == "unsupported":
        return Outcome(case, "refused", text, model=model)
    refused = isinstance(second, Refused) or isinstance(runs(model, case.inputs), Refused)
    if e.kind == "value" and (refused or not case.answers):
        return Outcome(case, "values", text, model=model)
    return Outcome(case, "FAULT", f"{e.kind}: {text}", model=model)
