"""NVIDIA's `tritonclient` over gRPC, its asynchronous half."""

import asyncio

import tritonclient.grpc.aio as triton
from cancellation import cancelled
from triton_grpc import VERSION, options, read, status, tensor
from tritonclient.utils import InferenceServerException

NAME = "tritonclient.grpc.aio"


class Client:
    error = InferenceServerException
    status = staticmethod(status)

    def __init__(self, urls):
        self.url = urls["grpc"]

    def ask(self, question):
        async def ask():
            async with triton.InferenceServerClient(self.url) as client:
                return await question(client)

        return asyncio.run(ask())

    def live(self):
        return self.ask(lambda client: client.is_server_live())

    def ready(self):
        return self.ask(lambda client: client.is_server_ready())

    def model_ready(self, model):
        return self.ask(lambda client: client.is_model_ready(model))

    def server_metadata(self):
        return self.ask(lambda client: client.get_server_metadata()).name

    def model_metadata(self, model):
        metadata = self.ask(lambda client: client.get_model_metadata(model))
        return metadata.inputs[0].name, metadata.outputs[0].name

    def infer(self, model, array, **wishes):
        return read(self.ask(lambda client: client.infer(**options(model, array, **wishes))))

    def cancel(self, model, array):
        self.ask(lambda client: cancelled(client.infer(**options(model, array))))

    def stream(self, model, arrays):
        async def requests():
            for array in arrays:
                yield {"model_name": model, "inputs": [tensor(array)]}

        async def stream(client):
            answers = []
            async for result, error in client.stream_infer(requests()):
                if error:
                    raise error
                answers.append(read(result))
            return answers

        return self.ask(stream)
