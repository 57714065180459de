"""Files that no converter writes, but the standard allows: built by hand, each for one fact."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from case import Case
from onnx import TensorProto, helper, numpy_helper

X = np.array(
    [[0.5, 1], [0.25, -3], [np.nan, 2], [-1e9, np.nan], [7, 0.5], [-0.0, np.inf]], np.float32
)
ML = "ai.onnx.ml"


def value(name: str, kind: int = TensorProto.FLOAT, shape: Any = (None, 2)) -> onnx.ValueInfoProto:
    """Declare an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: list, opsets: list[tuple[str, int]], **parts: Any) -> bytes:
    """Put a file together."""
    inputs = parts.pop("inputs", [value("X")])
    outputs = parts.pop("outputs", [value("Y", parts.pop("kind", TensorProto.FLOAT), None)])
    functions = parts.pop("functions", [])
    graph = helper.make_graph(nodes, "g", inputs, outputs, parts.pop("constants", []))
    graph.sparse_initializer.extend(parts.pop("sparse", []))
    sets = [helper.make_opsetid(d, v) for d, v in opsets]
    return helper.make_model(
        graph, opset_imports=sets, functions=functions, ir_version=10
    ).SerializeToString()


def tree(mode: str, threshold: float, **more: Any) -> dict[str, Any]:
    """Give the attributes of one test of column 0 with leaves 1 (true) and 2 (false)."""
    a = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_modes": [f"BRANCH_{mode}", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "nodes_values": [threshold, 0.0, 0.0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
    }
    return a | more


def doubles(v: list[float]) -> onnx.TensorProto:
    """Make the tensor of an attribute ending in _as_tensor."""
    return numpy_helper.from_array(np.array(v, np.float64), "t")


def decide(mode: str, x: np.ndarray, t: float, missing: bool = False) -> np.ndarray:
    """Evaluate a test of column 0."""
    v = x[:, 0]
    yes = {
        "LEQ": v <= t,
        "LT": v < t,
        "GTE": v >= t,
        "GT": v > t,
        "EQ": v == t,
        "NEQ": v != t,
    }[mode]
    return np.where(yes | (missing & np.isnan(v)), 1.0, 2.0).reshape(-1, 1)


def trees() -> Iterator[Case]:
    """Trees of each version, with every test."""
    for mode in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ"):
        for missing in (False, True):
            n = helper.make_node(
                "TreeEnsembleRegressor",
                ["X"],
                ["Y"],
                domain=ML,
                nodes_missing_value_tracks_true=[int(missing), 0, 0],
                **tree(mode, 0.5),
            )
            data = model([n], [(ML, 1)])
            yield ok(
                "TreeEnsembleRegressor",
                f"{mode} missing={missing}",
                data,
                decide(mode, X, 0.5, missing),
            )
    third = 0.1 + 0.2  # no float32
    wide = np.array([[third, 0], [np.nextafter(third, 1), 0], [np.float32(third), 0]])
    a = tree("LEQ", 0)
    for name, v in (("nodes_values", [third, 0, 0]), ("target_weights", [1, 2])):
        del a[name]
        a[f"{name}_as_tensor"] = doubles(v)
    n = helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain=ML, **a)
    data = model([n], [(ML, 3)], inputs=[value("X", TensorProto.DOUBLE)])
    yield ok("TreeEnsembleRegressor", "as_tensor doubles", data, decide("LEQ", wide, third), wide)
    # Two parents of one leaf, as chains of equality tests have them.
    a = tree("EQ", 0.5)
    a |= {
        "nodes_treeids": [0] * 4,
        "nodes_nodeids": [0, 1, 2, 3],
        "nodes_featureids": [0, 0, 0, 0],
        "nodes_modes": ["BRANCH_EQ", "LEAF", "BRANCH_EQ", "LEAF"],
        "nodes_truenodeids": [1, 0, 1, 0],
        "nodes_falsenodeids": [2, 0, 3, 0],
        "nodes_values": [0.5, 0.0, 7.0, 0.0],
        "target_nodeids": [1, 3],
    }
    n = helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain=ML, **a)
    shared = np.where(np.isin(X[:, 0], [0.5, 7]), 1.0, 2.0).reshape(-1, 1)
    yield ok("TreeEnsembleRegressor", "shared leaf", model([n], [(ML, 1)]), shared)
    loop = a | {"nodes_truenodeids": [1, 0, 0, 0]}
    n = helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain=ML, **loop)
    yield no("TreeEnsembleRegressor", "circle", model([n], [(ML, 1)]), "returns to node")
    yield from version5()


def version5() -> Iterator[Case]:
    """TreeEnsemble, version 5."""
    for kind, x in ((np.float32, X), (np.float64, X.astype(np.float64))):
        members = numpy_helper.from_array(np.array([0.5, 7, np.nan], kind), "m")
        common = {
            "tree_roots": [0],
            "nodes_featureids": [0],
            "nodes_splits": numpy_helper.from_array(np.array([0.5], kind), "s"),
            "nodes_truenodeids": [0],
            "nodes_falsenodeids": [1],
            "nodes_trueleafs": [1],
            "nodes_falseleafs": [1],
            "leaf_targetids": [0, 0],
            "leaf_weights": numpy_helper.from_array(np.array([1, 2], kind), "w"),
            "n_targets": 1,
        }
        modes = {0: "LEQ", 1: "LT", 2: "GTE", 3: "GT", 4: "EQ", 5: "NEQ", 6: "MEMBER"}
        for code, mode in modes.items():
            a = dict(common, nodes_modes=numpy_helper.from_array(np.array([code], np.uint8), "o"))
            want = decide("EQ", x, 0.5) if mode == "MEMBER" else decide(mode, x, 0.5)
            if mode == "MEMBER":
                a["membership_values"] = members
                want = np.where(np.isin(x[:, 0], [0.5, 7]), 1.0, 2.0).reshape(-1, 1)
            n = helper.make_node("TreeEnsemble", ["X"], ["Y"], domain=ML, **a)
            t = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
            data = model([n], [(ML, 5)], inputs=[value("X", t)], kind=t)
            yield ok("TreeEnsemble", f"{mode} {np.dtype(kind)}", data, want, x)


def files() -> Iterator[Case]:
    """Vary what stands around the operators."""
    double = X * 2
    mul = helper.make_node("Mul", ["X", "two"], ["Y"])
    two = numpy_helper.from_array(np.float32([2]), "two")
    yield ok("file", "plain", model([mul], [("", 13)], constants=[two]), double)
    yield ok(
        "file",
        "domain twice",
        model([mul], [("", 13), ("ai.onnx", 13), ("", 11)], constants=[two]),
        double,
    )
    yield ok(
        "file",
        "unknown domain listed",
        model([mul], [("", 13), ("com.acme", 3)], constants=[two]),
        double,
    )
    unused = numpy_helper.from_array(np.zeros((3, 4), np.int64), "unused")
    yield ok("file", "unused constant", model([mul], [("", 13)], constants=[two, unused]), double)
    repeated = [value("X"), value("two", shape=(1,))]
    yield ok(
        "file",
        "constant repeated as input",
        model([mul], [("", 13)], constants=[two], inputs=repeated),
        double,
    )
    weights = numpy_helper.from_array(np.float32([[1, 0], [1, 1]]), "W")
    gemm = helper.make_node("MatMul", ["X", "W"], ["Y"])
    clean = np.nan_to_num(X, posinf=3)
    for shape in (None, (None, None), ("N", "C"), (0, 0)):
        data = model([gemm], [("", 13)], constants=[weights], inputs=[value("X", shape=shape)])
        yield ok("file", f"shape {shape}", data, clean @ np.float32([[1, 0], [1, 1]]), clean)
    data = model([mul], [("", 13)], constants=[two], inputs=[value("X", shape=None)])
    yield no("file", "width that nothing settles", data, "open and no operator settles it")
    outside = numpy_helper.from_array(np.float32([2]), "two")
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    yield no(
        "file", "external data", model([mul], [("", 13)], constants=[outside]), "external data"
    )
    indices = numpy_helper.from_array(np.array([0], np.int64), "i")
    named = numpy_helper.from_array(np.float32([2]), "two")
    sparse = helper.make_sparse_tensor(named, indices, [1])
    yield no("file", "sparse constant", model([mul], [("", 13)], sparse=[sparse]), "sparse")
    half = helper.make_node("Cast", ["X"], ["Y"], to=TensorProto.FLOAT16)
    yield no("file", "half floats", model([half], [("", 13)]), "element type 10")
    yield no(
        "file",
        "half input",
        model([mul], [("", 13)], inputs=[value("X", TensorProto.FLOAT16)]),
        "element type 10",
    )
    f = helper.make_function(
        "acme",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 13)],
    )
    call = helper.make_node("Twice", ["X"], ["Y"], domain="acme")
    yield no(
        "file",
        "function",
        model([call], [("", 13), ("acme", 1)], functions=[f]),
        "function of its own",
    )
    yield ok(
        "file", "unused function", model([mul], [("", 13)], constants=[two], functions=[f]), double
    )
    yield no(
        "file", "future operator set", model([mul], [("", 99)], constants=[two]), "operator set 99"
    )
    yield from control()


def control() -> Iterator[Case]:
    """Control flow, dictionaries and text, which are refused."""
    flag = numpy_helper.from_array(np.array(True), "c")
    branch = helper.make_graph(
        [helper.make_node("Neg", ["X"], ["Z"])], "b", [], [value("Z", shape=None)]
    )
    n = helper.make_node("If", ["c"], ["Y"], then_branch=branch, else_branch=branch)
    yield no("file", "If", model([n], [("", 13)], constants=[flag]), "operator If")
    body = helper.make_graph(
        [helper.make_node("Identity", ["c1"], ["c2"]), helper.make_node("Neg", ["v1"], ["v2"])],
        "b",
        [
            value("i", TensorProto.INT64, ()),
            value("c1", TensorProto.BOOL, ()),
            value("v1", shape=None),
        ],
        [value("c2", TensorProto.BOOL, ()), value("v2", shape=None)],
    )
    count = numpy_helper.from_array(np.array(3, np.int64), "m")
    n = helper.make_node("Loop", ["m", "c", "X"], ["Y"], body=body)
    yield no("file", "Loop", model([n], [("", 13)], constants=[flag, count]), "operator Loop")
    pairs = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    n = helper.make_node("DictVectorizer", ["D"], ["Y"], domain=ML, string_vocabulary=["a", "b"])
    data = model([n], [(ML, 1)], inputs=[helper.make_value_info("D", pairs)])
    yield no("file", "dictionary", data, "DictVectorizer")
    words = helper.make_node("StringNormalizer", ["S"], ["Y"], case_change_action="LOWER")
    data = model(
        [words],
        [("", 13)],
        inputs=[value("S", TensorProto.STRING, (None,))],
        kind=TensorProto.STRING,
    )
    yield no("file", "text", data, "StringNormalizer")


def ok(name: str, variant: str, data: bytes, want: np.ndarray, x: np.ndarray = X) -> Case:
    """Make the case of a file that must give an answer."""
    return Case(name, variant, lambda: data, {"X": x}, {"answer": want})


def no(name: str, variant: str, data: bytes, reason: str) -> Case:
    """Make the case of a file that must be refused with a reason."""
    return Case(name, variant, lambda: data, {"X": X}, {}, refusal=reason)


def cases(only: str, _part: str) -> Iterator[Case]:
    """Give all cases whose name contains a text."""
    for part in (trees, files):
        yield from (c for c in part() if only in c.estimator)
