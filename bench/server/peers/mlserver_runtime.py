"""A runtime of MLServer's for the model; its settings name this class."""

import mlserver
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse

import scorer


class Heart(mlserver.MLModel):
    """Columns in, label and probabilities out."""

    async def load(self):
        """Load the file that the settings name."""
        self.scorer = scorer.Scorer(self.settings.parameters.uri)
        return True

    async def predict(self, payload):
        """Answer one request."""
        columns = {}
        for tensor in payload.inputs:
            codec = StringCodec if tensor.datatype == "BYTES" else NumpyCodec
            columns[tensor.name] = codec.decode_input(tensor)
        labels, probabilities = self.scorer.score(columns)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                NumpyCodec.encode_output("label", labels),
                NumpyCodec.encode_output("probabilities", probabilities),
            ],
        )
