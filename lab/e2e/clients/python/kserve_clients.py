"""KServe's clients: InferenceRESTClient (V1 and V2) and InferenceGRPCClient."""

import asyncio

from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

import common


def request(task, binary):
    """Make a V2 request of the rows, with binary tensors or as JSON."""
    inputs = []
    for name, datatype, values in common.columns(task):
        tensor = InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        inputs.append(tensor)
    return InferRequest(task["model"], inputs, request_id="k-1")


def outputs(response):
    """Read label and probabilities from a V2 answer."""
    tensors = {output.name: output.as_numpy() for output in response.outputs}
    return common.answer(tensors["label"].ravel(), tensors["probabilities"], response.id)


async def main():
    """Ask in every way that the clients offer."""
    task = common.job()
    base = "http://" + task["url"]
    answers, facts = {}, {}
    two = InferenceRESTClient(RESTConfig(protocol="v2"))
    answers["v2"] = outputs(await two.infer(base, request(task, False), model_name=task["model"]))
    answers["v2 binary"] = outputs(
        await two.infer(base, request(task, True), model_name=task["model"])
    )
    facts["live"] = await two.is_server_live(base)
    facts["ready"] = await two.is_server_ready(base)
    facts["model ready"] = await two.is_model_ready(base, task["model"])

    one = InferenceRESTClient(RESTConfig(protocol="v1"))
    listed = [list(row.values()) for row in task["rows"]]
    facts["v1 lists"] = (await one.infer(base, {"instances": listed}, model_name=task["model"]))[
        "predictions"
    ]
    facts["v1 objects"] = (
        await one.infer(base, {"instances": task["rows"]}, model_name=task["model"])
    )["predictions"]
    facts["v1 live"] = await one.is_server_live(base)
    facts["v1 model ready"] = await one.is_model_ready(base, task["model"])

    grpc = InferenceGRPCClient(url=task["url"])
    answers["grpc"] = outputs(await grpc.infer(request(task, False)))
    answers["grpc raw"] = outputs(await grpc.infer(request(task, True)))
    facts["grpc live"] = await grpc.is_server_live()
    facts["grpc ready"] = await grpc.is_server_ready()
    facts["grpc model ready"] = await grpc.is_model_ready(task["model"])
    await grpc.close()
    common.report(answers, facts)


if __name__ == "__main__":
    asyncio.run(main())
