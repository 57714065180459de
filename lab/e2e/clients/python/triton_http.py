"""tritonclient over HTTP: JSON and binary data in and out, packed and plain."""

import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

import common


def infer(client, task, binary_in, binary_out, **options):
    """Score the rows, with binary tensors or JSON in each direction."""
    inputs = []
    for name, datatype, values in common.columns(task):
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary_in)
        inputs.append(tensor)
    outputs = [
        triton.InferRequestedOutput(name, binary_data=binary_out)
        for name in ("label", "probabilities")
    ]
    result = client.infer(task["model"], inputs, outputs=outputs, request_id="t-1", **options)
    return common.answer(
        result.as_numpy("label"), result.as_numpy("probabilities"), result.get_response()["id"]
    )


def refused(call):
    """Say how a call is refused."""
    try:
        call()
    except InferenceServerException as error:
        return f"{error.status()}: {error.message()}"
    return "not refused"


def main():
    """Ask in every way that the client offers."""
    task = common.job()
    client = triton.InferenceServerClient(task["url"])
    answers = {
        "json": infer(client, task, False, False),
        "binary": infer(client, task, True, True),
        "binary in": infer(client, task, True, False),
        "binary out": infer(client, task, False, True),
        "gzip": infer(client, task, True, True, request_compression_algorithm="gzip"),
        "version": infer(client, task, False, False, model_version=task["version"]),
    }
    metadata = client.get_model_metadata(task["model"])
    facts = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model ready": client.is_model_ready(task["model"]),
        "unknown model ready": client.is_model_ready("no-such-model"),
        "inputs": len(metadata["inputs"]),
        "extensions": client.get_server_metadata()["extensions"],
        "unknown model": refused(lambda: client.get_model_metadata("no-such-model")),
    }
    common.report(answers, facts)


if __name__ == "__main__":
    main()
