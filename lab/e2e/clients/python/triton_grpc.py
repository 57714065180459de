"""tritonclient over gRPC, which sends raw contents."""

import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

import common


def infer(client, task, outputs, **options):
    """Score the rows and ask for these outputs; none asks for all."""
    inputs = []
    for name, datatype, values in common.columns(task):
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        inputs.append(tensor)
    wanted = [triton.InferRequestedOutput(name) for name in outputs] or None
    result = client.infer(task["model"], inputs, outputs=wanted, request_id="t-2", **options)
    return common.answer(
        result.as_numpy("label"), result.as_numpy("probabilities"), result.get_response().id
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
        "raw": infer(client, task, []),
        "outputs": infer(client, task, ["probabilities", "label"]),
        "version": infer(client, task, [], model_version=task["version"]),
        "gzip": infer(client, task, [], compression_algorithm="gzip"),
    }
    facts = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model ready": client.is_model_ready(task["model"]),
        "inputs": len(client.get_model_metadata(task["model"]).inputs),
        "unknown model": refused(lambda: client.get_model_metadata("no-such-model")),
    }
    common.report(answers, facts)


if __name__ == "__main__":
    main()
