"""KServe's `InferenceRESTClient`."""

import asyncio

import httpx
from cancellation import cancelled
from kserve_package import VERSION, InferenceRESTClient, RESTConfig, read, request_of

NAME = "kserve.InferenceRESTClient"
# Where the protocol over gRPC has names, HTTP has numbers.
NAMES = {403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


class Client:
    error = (httpx.HTTPStatusError, httpx.TimeoutException)

    def __init__(self, urls):
        self.url = f"http://{urls['rest']}"

    @staticmethod
    def status(error):
        if isinstance(error, httpx.TimeoutException):
            return "DEADLINE_EXCEEDED", str(error)
        return NAMES.get(error.response.status_code, str(error.response.status_code)), str(error)

    def ask(self, question):
        async def ask():
            async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
                return await question(client)

        return asyncio.run(ask())

    def live(self):
        return self.ask(lambda client: client.is_server_live(self.url))

    def ready(self):
        return self.ask(lambda client: client.is_server_ready(self.url))

    def model_ready(self, model):
        return self.ask(lambda client: client.is_model_ready(self.url, model))

    def server_metadata(self):
        raise NotImplementedError

    def model_metadata(self, model):
        raise NotImplementedError

    def infer(self, model, array, request_id="", typed=True, compression=None, timeout=60):
        if compression:
            raise NotImplementedError
        request = request_of(model, array, request_id, typed)
        return read(self.ask(lambda client: client.infer(self.url, request, model_name=model, timeout=timeout)))

    def cancel(self, model, array):
        self.ask(lambda client: cancelled(client.infer(self.url, request_of(model, array, typed=True), model_name=model)))

    def stream(self, model, arrays):
        raise NotImplementedError
