"""Plain `grpcio` with the protocol's generated messages."""

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

NAME, VERSION = "grpcio", grpc.__version__
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def request_of(model, array, request_id="", typed=False):
    request = messages.ModelInferRequest(model_name=model, id=request_id)
    tensor = request.inputs.add(name="image", datatype="FP32", shape=array.shape)
    if typed:
        tensor.contents.fp32_contents.extend(array.ravel().tolist())
    else:
        request.raw_input_contents.append(array.tobytes())
    return request


def read(answer):
    output = answer.outputs[0]
    values = (
        np.frombuffer(answer.raw_output_contents[0], dtype=np.float32)
        if answer.raw_output_contents
        else np.array(output.contents.fp32_contents, dtype=np.float32)
    )
    parameters = {key: value.string_param for key, value in answer.parameters.items()}
    return {"id": answer.id, "logits": values.reshape(list(output.shape)), "parameters": parameters}


class Client:
    error = grpc.RpcError

    def __init__(self, urls):
        self.stub = GRPCInferenceServiceStub(grpc.insecure_channel(urls["grpc"], options=UNLIMITED))

    @staticmethod
    def status(error):
        return error.code().name, error.details()

    def live(self):
        return self.stub.ServerLive(messages.ServerLiveRequest()).live

    def ready(self):
        return self.stub.ServerReady(messages.ServerReadyRequest()).ready

    def model_ready(self, model):
        return self.stub.ModelReady(messages.ModelReadyRequest(name=model)).ready

    def server_metadata(self):
        return self.stub.ServerMetadata(messages.ServerMetadataRequest()).name

    def model_metadata(self, model):
        metadata = self.stub.ModelMetadata(messages.ModelMetadataRequest(name=model))
        return metadata.inputs[0].name, metadata.outputs[0].name

    def infer(self, model, array, compression=None, timeout=None, **wishes):
        algorithm = compression and grpc.Compression[compression.capitalize()]
        request = request_of(model, array, **wishes)
        return read(self.stub.ModelInfer(request, timeout=timeout, compression=algorithm))

    def cancel(self, model, array):
        call = self.stub.ModelInfer.future(request_of(model, array))
        call.cancel()
        # It may have been answered before.
        assert call.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.OK)

    def stream(self, model, arrays):
        for answer in self.stub.ModelStreamInfer(request_of(model, array) for array in arrays):
            assert not answer.error_message, answer.error_message
            yield read(answer.infer_response)
