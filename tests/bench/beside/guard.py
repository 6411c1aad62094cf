"""A guard as it is usually written in Python: grpc.aio, ONNX Runtime, OpenCV and SciPy.

guard.py PORT MODELS, the latter a JSON object: {NAME: {"model": FILE, "student": FILE, "squeezers": [...], "mean": [...],
"std": [...]}}. Squeezers are those of the gateway's configuration: bit depth, median and non-local means. It predicts on
every input, on its squeezed copies and with the student, and refuses where they are further apart than a threshold.
"""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import grpc
import numpy as np
from scipy.ndimage import median_filter
from tritonclient.grpc import service_pb2, service_pb2_grpc

from predictions import THREADS, session

# The L1 distance above which an input is refused; benign ones seldom reach it.
THRESHOLD = 1.9


def squeezer(name):
    kind, parameters = name.rstrip(")").split("(")
    parameters = [int(parameter) for parameter in parameters.split(",")]
    if kind == "bit_depth":
        levels = 2 ** parameters[0] - 1
        return lambda picture: np.rint(picture * levels) / levels
    if kind == "median":
        return lambda picture: median_filter(picture, size=(*parameters, 1), mode="reflect")
    search, block, strength = parameters

    def non_local_means(picture):
        pixels = np.rint(picture * 255).astype(np.uint8)
        return cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength, block, search).astype(np.float32) / 255

    return non_local_means


class Model:
    def __init__(self, settings):
        self.model, self.student = session(settings["model"]), session(settings["student"])
        self.input = self.model.get_inputs()[0]
        self.output = self.model.get_outputs()[0]
        self.squeezers = [squeezer(name) for name in settings["squeezers"]]
        self.mean, self.std = (np.float32(settings[key]).reshape(3, 1, 1) for key in ["mean", "std"])

    def probabilities(self, session, tensor):
        scores = session.run(None, {session.get_inputs()[0].name: tensor})[0]
        exponentials = np.exp(scores - scores.max())
        return scores, exponentials / exponentials.sum()

    def answer(self, tensor):
        """The prediction, or nothing where the input is suspicious."""
        scores, original = self.probabilities(self.model, tensor)
        picture = np.ascontiguousarray((tensor[0] * self.std + self.mean).transpose(1, 2, 0))
        distances = [np.abs(self.probabilities(self.student, tensor)[1] - original).sum()]
        for squeeze in self.squeezers:
            squeezed = squeeze(picture).transpose(2, 0, 1)
            copy = ((squeezed - self.mean) / self.std).astype(np.float32)[np.newaxis]
            distances.append(np.abs(self.probabilities(self.model, copy)[1] - original).sum())
        return scores if max(distances) < THRESHOLD else None


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, models):
        self.models = models
        self.threads = ThreadPoolExecutor(THREADS)

    async def ModelMetadata(self, request, context):
        model = self.models[request.name]
        response = service_pb2.ModelMetadataResponse(name=request.name)
        for tensors, value in [(response.inputs, model.input), (response.outputs, model.output)]:
            shape = [side if isinstance(side, int) else -1 for side in value.shape]
            tensors.add(name=value.name, datatype="FP32", shape=shape)
        return response

    async def ModelInfer(self, request, context):
        model = self.models[request.model_name]
        tensor = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(request.inputs[0].shape)
        scores = await asyncio.get_running_loop().run_in_executor(self.threads, model.answer, tensor)
        if scores is None:
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "adversarial", (("portcullis-decision", "suspicious"),)
            )
        response = service_pb2.ModelInferResponse(model_name=request.model_name, raw_output_contents=[scores.tobytes()])
        response.outputs.add(name=model.output.name, datatype="FP32", shape=scores.shape)
        return response


async def main(port, models):
    cv2.setNumThreads(1)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    models = {name: Model(settings) for name, settings in models.items()}
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(models), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(sys.argv[2])))
