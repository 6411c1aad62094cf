"""KServe's package without what it imports of servers and of the SDK of Kubernetes, of which its clients need nothing."""

import importlib.util
import logging
import sys
import types
from importlib.metadata import version

VERSION = version("kserve")

package = types.ModuleType("kserve")
package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
sys.modules["kserve"] = package

from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest  # noqa: E402

__all__ = ["VERSION", "InferenceGRPCClient", "InferenceRESTClient", "RESTConfig", "read", "request_of"]

logging.disable(logging.CRITICAL)


def request_of(model, array, request_id="", typed=False):
    tensor = InferInput("image", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=not typed)
    return InferRequest(model, [tensor], request_id=request_id)


def read(response):
    parameters = {key: getattr(value, "string_param", value) for key, value in (response.parameters or {}).items()}
    logits = response.get_output_by_name("logits").as_numpy()
    return {"id": response.id, "logits": logits, "parameters": parameters}
