"""KServe's Python server for the model: kserve_server.py MODEL PORT GRPC_PORT."""

import sys
import uuid

import kserve
from kserve.protocol.infer_type import InferOutput, InferResponse

import scorer


class Heart(kserve.Model):
    """Columns in, label and probabilities out."""

    def __init__(self, path):
        """Load a model file; the model is ready then."""
        super().__init__("heart-disease")
        self.scorer = scorer.Scorer(path)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        """Answer one request of the Open Inference Protocol."""
        columns = {}
        for tensor in payload.inputs:
            cells = tensor.as_numpy()
            if tensor.datatype == "BYTES":
                cells = [c.decode() if isinstance(c, bytes) else c for c in cells.ravel()]
            columns[tensor.name] = cells
        labels, probabilities = self.scorer.score(columns)
        outputs = []
        for name, datatype, values in (
            ("label", "INT64", labels),
            ("probabilities", "FP32", probabilities),
        ):
            output = InferOutput(name, list(values.shape), datatype)
            output.set_data_from_numpy(values, binary_data=False)
            outputs.append(output)
        return InferResponse(payload.id or str(uuid.uuid4()), self.name, outputs)


def main():
    """Serve a model file on two ports."""
    path, port, grpc_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    server = kserve.ModelServer(http_port=port, grpc_port=grpc_port, workers=1)
    server.start([Heart(path)])


if __name__ == "__main__":
    main()
