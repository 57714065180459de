"""The model of all peers: ONNX Runtime on one thread, one array a column."""

import numpy
import onnxruntime

TYPES = {
    "tensor(float)": numpy.float32,
    "tensor(int64)": numpy.int64,
    "tensor(string)": object,
}


class Scorer:
    """A session with what its columns need."""

    def __init__(self, path):
        """Load a model file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.types = {i.name: TYPES[i.type] for i in self.session.get_inputs()}

    def score(self, columns):
        """Score columns of values by name: labels and probabilities."""
        feed = {
            name: numpy.asarray(columns[name], dtype).reshape(-1, 1)
            for name, dtype in self.types.items()
        }
        return self.session.run(["label", "probabilities"], feed)
