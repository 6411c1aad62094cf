"""An MLServer runtime for any ONNX model of numbers or text: `parameters.uri` names the file.

Instead of a picture's pixels, from 0 to 1, a client may send a PNG file, of which the mean over what each pixel covers is
taken: BYTES, in a tensor of any name.
"""

import asyncio
from typing import AsyncIterator

import numpy as np
import onnxruntime
import png
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, MetadataTensor

DATATYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(float16)": "FP16",
    "tensor(int64)": "INT64",
    "tensor(int32)": "INT32",
    "tensor(uint8)": "UINT8",
    "tensor(bool)": "BOOL",
}


def describe(value):
    shape = [side if isinstance(side, int) else -1 for side in value.shape]
    return MetadataTensor(name=value.name, datatype=DATATYPES.get(value.type, "BYTES"), shape=shape)


class OnnxModel(MLModel):
    async def load(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            self.settings.parameters.uri, options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [describe(value) for value in self.session.get_inputs()]
        self.outputs = [describe(value) for value in self.session.get_outputs()]
        return True

    def feed(self, tensor):
        if tensor.datatype != "BYTES":
            return tensor.name, NumpyCodec.decode_input(tensor)
        taken = self.inputs[0]
        if taken.datatype == "BYTES":
            texts = [text.decode() if isinstance(text, bytes) else text for text in tensor.data.root]
            return taken.name, np.array(texts, dtype=object).reshape(tensor.shape)
        height, width = taken.shape[2:]
        pictures = [png.decode(file) for file in tensor.data.root]
        blocks = [picture.reshape(height, len(picture) // height, width, -1) for picture in pictures]
        pixels = np.rint([block.mean(axis=(1, 3)) for block in blocks]) / 255
        return taken.name, pixels[:, np.newaxis].astype(np.float32)

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = dict(self.feed(tensor) for tensor in payload.inputs)
        wanted = [output.name for output in payload.outputs or []] or [output.name for output in self.outputs]
        try:
            results = await asyncio.to_thread(self.session.run, wanted, feeds)
        except Exception as error:
            raise InferenceError(str(error)) from error
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(name, np.asarray(result)) for name, result in zip(wanted, results)],
        )

    async def predict_stream(self, payloads: AsyncIterator[InferenceRequest]) -> AsyncIterator[InferenceResponse]:
        async for payload in payloads:
            yield await self.predict(payload)
