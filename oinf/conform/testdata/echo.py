"""Writes echo.onnx: a model whose outputs repeat its inputs, one of each datatype and a matrix.

Run with the environment of train/: python oinf/conform/testdata/echo.py
"""

from pathlib import Path

from onnx import TensorProto, checker, helper

TENSORS = {
    "floats": (TensorProto.FLOAT, 1),
    "doubles": (TensorProto.DOUBLE, 1),
    "integers": (TensorProto.INT64, 1),
    "flags": (TensorProto.BOOL, 1),
    "words": (TensorProto.STRING, 1),
    "matrix": (TensorProto.FLOAT, 4),
}


def main():
    """Write echo.onnx beside this file."""
    nodes, inputs, outputs = [], [], []
    for name, (kind, width) in TENSORS.items():
        nodes.append(helper.make_node("Identity", [name], [name + "_out"]))
        inputs.append(helper.make_tensor_value_info(name, kind, ["rows", width]))
        outputs.append(helper.make_tensor_value_info(name + "_out", kind, ["rows", width]))
    graph = helper.make_graph(nodes, "echo", inputs, outputs)
    model = helper.make_model(
        graph, producer_name="echo.py", opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    checker.check_model(model)
    Path(__file__).with_name("echo.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
