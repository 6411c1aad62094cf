"""NVIDIA's `tritonclient` over HTTP."""

from importlib.metadata import version

import tritonclient.http as triton

NAME, VERSION = "tritonclient.http", version("tritonclient")
# Where the protocol over gRPC has names, HTTP has numbers.
NAMES = {"403": "PERMISSION_DENIED", "404": "NOT_FOUND"}


class Client:
    error = triton.InferenceServerException

    def __init__(self, urls):
        self.client = triton.InferenceServerClient(urls["rest"])

    @staticmethod
    def status(error):
        return NAMES.get(error.status(), error.status()), error.message()

    def live(self):
        return self.client.is_server_live()

    def ready(self):
        return self.client.is_server_ready()

    def model_ready(self, model):
        return self.client.is_model_ready(model)

    def server_metadata(self):
        return self.client.get_server_metadata()["name"]

    def model_metadata(self, model):
        metadata = self.client.get_model_metadata(model)
        return metadata["inputs"][0]["name"], metadata["outputs"][0]["name"]

    def infer(self, model, array, request_id="", typed=True, compression=None, timeout=None):
        if timeout:
            raise NotImplementedError("a time is set for all calls of a client")
        tensor = triton.InferInput("image", array.shape, "FP32")
        tensor.set_data_from_numpy(array, binary_data=not typed)
        output = triton.InferRequestedOutput("logits", binary_data=not typed)
        result = self.client.infer(
            model, [tensor], outputs=[output], request_id=request_id, request_compression_algorithm=compression
        )
        answer = result.get_response()
        parameters = answer.get("parameters", {})
        return {"id": answer.get("id", ""), "logits": result.as_numpy("logits"), "parameters": parameters}

    def cancel(self, model, array):
        raise NotImplementedError

    def stream(self, model, arrays):
        raise NotImplementedError
