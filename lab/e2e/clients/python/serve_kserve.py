"""KServe's Python server with a logistic model: serve_kserve.py HTTP_PORT GRPC_PORT."""

import sys

import kserve
import numpy
from kserve.utils.utils import get_predict_response


class Plain(kserve.Model):
    """Four numbers in, two probabilities out, behind KServe's two protocols."""

    def __init__(self, name):
        """Make the model, which is ready at once."""
        super().__init__(name)
        self.weights = numpy.array([1.0, 0.5, -0.25, 0.125])
        self.ready = True

    async def get_input_types(self):
        """Describe the input, for the metadata."""
        return [{"name": "x", "datatype": "FP64", "shape": [-1, 4]}]

    async def get_output_types(self):
        """Describe the output, for the metadata."""
        return [{"name": "output-0", "datatype": "FP64", "shape": [-1, 2]}]

    def predict(self, payload, headers=None, response_headers=None):
        """Answer V1 and V2."""
        if isinstance(payload, dict):
            rows = numpy.asarray(payload["instances"])
        else:
            rows = payload.inputs[0].as_numpy()
        one = 1 / (1 + numpy.exp(-rows @ self.weights))
        answer = numpy.stack([1 - one, one], axis=1)
        return get_predict_response(payload, answer, self.name)


def main():
    """Serve on the two ports given: HTTP and gRPC."""
    http_port, grpc_port = int(sys.argv[1]), int(sys.argv[2])
    server = kserve.ModelServer(http_port=http_port, grpc_port=grpc_port, workers=1)
    server.start([Plain("plain")])


if __name__ == "__main__":
    main()
