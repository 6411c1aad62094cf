"""NVIDIA's `tritonclient` over gRPC."""

from importlib.metadata import version
from queue import Queue

import tritonclient.grpc as triton

NAME, VERSION = "tritonclient.grpc", version("tritonclient")


def tensor(array):
    tensor = triton.InferInput("image", array.shape, "FP32")
    tensor.set_data_from_numpy(array)
    return tensor


def options(model, array, request_id="", typed=False, compression=None, timeout=None):
    if typed:
        raise NotImplementedError("it sends raw contents only")
    return {
        "model_name": model,
        "inputs": [tensor(array)],
        "request_id": request_id,
        "compression_algorithm": compression,
        "client_timeout": timeout,
    }


def read(result):
    message = result.get_response()
    parameters = {key: value.string_param for key, value in message.parameters.items()}
    return {"id": message.id, "logits": result.as_numpy("logits"), "parameters": parameters}


def status(error):
    return (error.status() or "").removeprefix("StatusCode."), error.message()


class Client:
    error = triton.InferenceServerException
    status = staticmethod(status)

    def __init__(self, urls):
        self.client = triton.InferenceServerClient(urls["grpc"])

    def live(self):
        return self.client.is_server_live()

    def ready(self):
        return self.client.is_server_ready()

    def model_ready(self, model):
        return self.client.is_model_ready(model)

    def server_metadata(self):
        return self.client.get_server_metadata().name

    def model_metadata(self, model):
        metadata = self.client.get_model_metadata(model)
        return metadata.inputs[0].name, metadata.outputs[0].name

    def infer(self, model, array, **wishes):
        return read(self.client.infer(**options(model, array, **wishes)))

    def cancel(self, model, array):
        ended = Queue()
        call = self.client.async_infer(callback=lambda result, error: ended.put(error), **options(model, array))
        call.cancel()
        error = ended.get(timeout=60)
        assert error is None or "CANCELLED" in str(error).upper(), error

    def stream(self, model, arrays):
        told = Queue()
        self.client.start_stream(lambda result, error: told.put((result, error)))
        try:
            for array in arrays:
                self.client.async_stream_infer(model, [tensor(array)])
            for _ in arrays:
                # It tells nobody of an answer that it cannot read.
                result, error = told.get(timeout=10)
                if error:
                    raise error
                yield read(result)
        finally:
            self.client.stop_stream(cancel_requests=True)
