"""KServe's `InferenceGRPCClient`."""

import asyncio
import importlib.util
import logging
import sys
import types
from importlib.metadata import version

import grpc

# The package itself imports servers and the SDK of Kubernetes, of which its client needs nothing.
package = types.ModuleType("kserve")
package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
sys.modules["kserve"] = package

from kserve.inference_client import InferenceGRPCClient  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest  # noqa: E402

NAME, VERSION = "kserve.InferenceGRPCClient", version("kserve")
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

logging.disable(logging.CRITICAL)


def request_of(model, array, request_id="", typed=False):
    tensor = InferInput("image", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=not typed)
    return InferRequest(model, [tensor], request_id=request_id)


class Client:
    error = grpc.RpcError

    def __init__(self, url):
        self.url = url

    @staticmethod
    def status(error):
        return error.code().name, error.details()

    def ask(self, question, channel=None):
        async def ask():
            async with InferenceGRPCClient(self.url, channel_args=channel) as client:
                return await question(client)

        return asyncio.run(ask())

    def live(self):
        return self.ask(lambda client: client.is_server_live())

    def ready(self):
        return self.ask(lambda client: client.is_server_ready())

    def model_ready(self, model):
        return self.ask(lambda client: client.is_model_ready(model))

    def server_metadata(self):
        raise NotImplementedError

    def model_metadata(self, model):
        raise NotImplementedError

    def infer(self, model, array, compression=None, timeout=60, **wishes):
        # It has no word for compression but hands options of gRPC on.
        algorithm = compression and grpc.Compression[compression.capitalize()]
        channel = algorithm and [*UNLIMITED, ("grpc.default_compression_algorithm", int(algorithm))]
        request = request_of(model, array, **wishes)
        response = self.ask(lambda client: client.infer(request, timeout=timeout), channel)
        parameters = {key: value.string_param for key, value in (response.parameters or {}).items()}
        logits = response.get_output_by_name("logits").as_numpy()
        return {"id": response.id, "logits": logits, "parameters": parameters}

    def cancel(self, model, array):
        async def cancel(client):
            call = asyncio.create_task(client.infer(request_of(model, array)))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()

        self.ask(cancel)
