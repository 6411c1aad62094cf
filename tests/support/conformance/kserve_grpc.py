"""KServe's `InferenceGRPCClient`."""

import asyncio

import grpc
from cancellation import cancelled
from kserve_package import VERSION, InferenceGRPCClient, read, request_of

NAME = "kserve.InferenceGRPCClient"
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Client:
    error = grpc.RpcError

    def __init__(self, urls):
        self.url = urls["grpc"]

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
        return read(self.ask(lambda client: client.infer(request, timeout=timeout), channel))

    def cancel(self, model, array):
        self.ask(lambda client: cancelled(client.infer(request_of(model, array))))

    def stream(self, model, arrays):
        raise NotImplementedError
