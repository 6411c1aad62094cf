"""A client for the tests: real `tritonclient`, over gRPC and over HTTP, and plain `grpcio` for bytes.

    client.py infer --url HOST:PORT --model NAME --input NAME --npy FILE [--datatype FP32] [--output NAME]
                    [--header K=V] [--parameter K=V] [--request-id ID] [--typed] [--aio] [--timeout SECONDS]
    client.py stream --url HOST:PORT --model NAME --input NAME --npy FILE [--datatype FP32] [--header K=V]
    client.py meta  --url HOST:PORT [--model NAME]
    client.py http-infer --url HOST:PORT --model NAME --input NAME --npy FILE [--datatype FP32] [--output NAME]
                    [--header K=V] [--parameter K=V] [--request-id ID] [--json] [--compression gzip|deflate] [--aio]
    client.py http-meta  --url HOST:PORT [--model NAME]
    client.py raw   --url HOST:PORT --method /SERVICE/METHOD (--hex HEX | --file FILE) [--header K=V] [--compression gzip]
                    [--kind unary|server-stream|bidi]
    client.py serve

Each prints one line of JSON. `stream` sends each entry of the array's first dimension as a request of one stream, its
number as the id, and prints what came, in its order. `serve` saves the start-up time: it reads requests, one JSON object a line with the options
above as keys (`{"command": "infer", "url": ..., "header": {...}}`), answers each with a line and ends with its input. An
`array` key, `{"shape": [...], "values": [...]}`, may stand for `npy`; the keys `ca`, `certificate` and `key` name PEM files
for TLS.
"""

import argparse
import asyncio
import json
import queue
import sys
from functools import cache

import grpc
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from tritonclient.grpc import service_pb2
from tritonclient.utils import triton_to_np_dtype

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
TYPED_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def tls_of(request):
    """The files by which both sides are to know each other; none for plain text."""
    return request["url"], request.get("ca"), request.get("certificate"), request.get("key")


@cache
def triton_client(url, ca, certificate, key):
    tls = {"root_certificates": ca, "certificate_chain": certificate, "private_key": key}
    return triton.InferenceServerClient(url, ssl=ca is not None, **tls)


@cache
def http_client(url):
    return triton_http.InferenceServerClient(url)


@cache
def channel(url, ca, certificate, key):
    if ca is None:
        return grpc.insecure_channel(url, options=UNLIMITED)
    chain = [open(path, "rb").read() for path in (ca, key, certificate)]
    return grpc.secure_channel(url, grpc.ssl_channel_credentials(*chain), options=UNLIMITED)


def array_of(request, datatype):
    if "array" in request:
        values = np.array(request["array"]["values"], dtype=triton_to_np_dtype(datatype))
        return values.reshape(request["array"]["shape"])
    return np.load(request["npy"], allow_pickle=False).astype(triton_to_np_dtype(datatype), copy=False)


def parameters_of(message):
    return {key: getattr(value, value.WhichOneof("parameter_choice")) for key, value in message.parameters.items()}


def values_of(result, output):
    """All elements in one list, whether they came raw or typed."""
    if result.get_response().raw_output_contents:
        values = result.as_numpy(output.name).ravel().tolist()
    else:
        values = list(getattr(output.contents, TYPED_FIELDS[output.datatype]))
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]


def infer(request):
    datatype = request.get("datatype", "FP32")
    values = array_of(request, datatype)
    if request.get("typed"):
        result = infer_typed(request, datatype, values)
    else:
        tensor = triton.InferInput(request["input"], values.shape, datatype)
        tensor.set_data_from_numpy(values)
        options = {
            "model_name": request["model"],
            "inputs": [tensor],
            "outputs": [triton.InferRequestedOutput(request["output"])] if request.get("output") else None,
            "request_id": request.get("request_id") or "",
            "headers": request.get("header"),
            "parameters": request.get("parameter"),
            "client_timeout": request.get("timeout"),
        }
        if request.get("aio"):
            result = asyncio.run(infer_aio(request["url"], options))
        else:
            result = triton_client(*tls_of(request)).infer(**options)
    response = result.get_response()
    outputs = {}
    for output in response.outputs:
        outputs[output.name] = {
            "datatype": output.datatype,
            "shape": list(output.shape),
            "values": values_of(result, output),
            "parameters": parameters_of(output),
        }
    return {
        "model_name": response.model_name,
        "model_version": response.model_version,
        "id": response.id,
        "parameters": parameters_of(response),
        "outputs": outputs,
    }


async def infer_aio(url, options):
    """The same by tritonclient's asynchronous client."""
    async with triton_aio.InferenceServerClient(url) as client:
        return await client.infer(**options)


def infer_typed(request, datatype, values):
    """Elements in `contents`, which tritonclient never sends by itself."""
    message = service_pb2.ModelInferRequest(model_name=request["model"], id=request.get("request_id") or "")
    tensor = message.inputs.add(name=request["input"], datatype=datatype, shape=values.shape)
    getattr(tensor.contents, TYPED_FIELDS[datatype]).extend(values.ravel().tolist())
    if request.get("output"):
        message.outputs.add(name=request["output"])
    call = channel(*tls_of(request)).unary_unary(
        "/inference.GRPCInferenceService/ModelInfer",
        request_serializer=service_pb2.ModelInferRequest.SerializeToString,
        response_deserializer=service_pb2.ModelInferResponse.FromString,
    )
    metadata = list((request.get("header") or {}).items())
    return triton.InferResult(call(message, metadata=metadata, timeout=request.get("timeout")))


def stream(request):
    """One stream; an error without a gRPC status is one request's, with one it is the end."""
    datatype = request.get("datatype", "FP32")
    values = array_of(request, datatype)
    told = queue.Queue()
    answers = []
    with triton.InferenceServerClient(request["url"]) as client:
        client.start_stream(lambda result, error: told.put((result, error)), headers=request.get("header"))
        for number, item in enumerate(values):
            tensor = triton.InferInput(request["input"], [1, *item.shape], datatype)
            tensor.set_data_from_numpy(item[None])
            client.async_stream_infer(
                request["model"], [tensor], request_id=str(number), enable_empty_final_response=True
            )
        for _ in values:
            result, error = told.get(timeout=60)
            if error is not None:
                answers.append({"error": error.message(), "code": error.status()})
                if error.status():
                    break
                continue
            response = result.get_response()
            answers.append(
                {
                    "id": response.id,
                    "parameters": parameters_of(response),
                    "values": values_of(result, response.outputs[0]),
                }
            )
    return {"answers": answers}


def meta(request):
    client = triton_client(*tls_of(request))
    answer = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "server": client.get_server_metadata(as_json=True),
    }
    if request.get("model"):
        answer["model_ready"] = client.is_model_ready(request["model"])
        answer["model"] = client.get_model_metadata(request["model"], as_json=True)
    return answer


def http_infer(request):
    datatype, is_binary = request.get("datatype", "FP32"), not request.get("json")
    values = array_of(request, datatype)
    tensor = triton_http.InferInput(request["input"], values.shape, datatype)
    tensor.set_data_from_numpy(values, binary_data=is_binary)
    wanted = request.get("output")
    options = {
        "model_name": request["model"],
        "inputs": [tensor],
        "outputs": [triton_http.InferRequestedOutput(wanted, binary_data=is_binary)] if wanted else None,
        "request_id": request.get("request_id") or "",
        "headers": request.get("header"),
        "parameters": request.get("parameter"),
        "request_compression_algorithm": request.get("compression"),
        "response_compression_algorithm": request.get("compression"),
    }
    if request.get("aio"):
        result = asyncio.run(http_infer_aio(request["url"], options))
    else:
        result = http_client(request["url"]).infer(**options)
    response = result.get_response()
    outputs = {}
    for output in response["outputs"]:
        outputs[output["name"]] = {
            "datatype": output["datatype"],
            "shape": output["shape"],
            "values": result.as_numpy(output["name"]).ravel().tolist(),
            "parameters": output.get("parameters", {}),
        }
    return {
        "model_name": response["model_name"],
        "model_version": response.get("model_version", ""),
        "id": response.get("id", ""),
        "parameters": response.get("parameters", {}),
        "outputs": outputs,
    }


async def http_infer_aio(url, options):
    async with triton_http_aio.InferenceServerClient(url) as client:
        return await client.infer(**options)


def http_meta(request):
    client = http_client(request["url"])
    answer = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "server": client.get_server_metadata(),
    }
    if request.get("model"):
        answer["model_ready"] = client.is_model_ready(request["model"])
        answer["model"] = client.get_model_metadata(request["model"])
    return answer


def metadata_list(metadata):
    """Pairs in their order, duplicates kept; binary values as hex."""
    return [[key, value.hex() if isinstance(value, bytes) else value] for key, value in metadata or ()]


def metadata_of(headers):
    """A list of pairs may repeat a key; the values of `-bin` keys are hex."""
    pairs = headers.items() if isinstance(headers, dict) else headers or []
    return [(key, bytes.fromhex(value) if key.endswith("-bin") else value) for key, value in pairs]


def raw(request):
    """Sends bytes as they are. Never raises a gRPC error: the status is part of the answer."""
    if "hex" in request and request["hex"] is not None:
        message = bytes.fromhex(request["hex"])
    else:
        with open(request["file"], "rb") as file:
            message = file.read()
    options = {
        "metadata": metadata_of(request.get("header")),
        "timeout": request.get("timeout"),
        "compression": grpc.Compression.Gzip if request.get("compression") == "gzip" else None,
    }
    connection, method, kind = channel(*tls_of(request)), request["method"], request.get("kind") or "unary"
    if kind == "unary":
        # A future never raises by itself; the call's state is read below.
        call = connection.unary_unary(method).future(message, **options)
        responses = [] if call.exception() else [call.result()]
    else:
        call = {
            "server-stream": lambda: connection.unary_stream(method)(message, **options),
            "bidi": lambda: connection.stream_stream(method)(iter([message]), **options),
        }[kind]()
        responses = []
        try:
            responses.extend(call)
        except grpc.RpcError:
            pass
    return {
        "responses": [response.hex() for response in responses],
        "code": call.code().name,
        "message": call.details() or "",
        "initial_metadata": metadata_list(call.initial_metadata()),
        "trailing_metadata": metadata_list(call.trailing_metadata()),
    }


COMMANDS = {
    "infer": infer,
    "stream": stream,
    "meta": meta,
    "http-infer": http_infer,
    "http-meta": http_meta,
    "raw": raw,
}


def answer(request):
    try:
        return COMMANDS[request["command"]](request)
    except triton.InferenceServerException as error:
        code = (error.status() or "").removeprefix("StatusCode.")
        return {"error": {"code": code, "message": error.message()}}
    except grpc.RpcError as error:
        return {"error": {"code": error.code().name, "message": error.details()}}
    except Exception as error:  # a persistent client must survive a bad request
        return {"error": {"code": "CLIENT", "message": f"{type(error).__name__}: {error}"}}


def serve():
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(answer(json.loads(line))), flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=[*COMMANDS, "serve"])
    for name in ["url", "model", "input", "npy", "output", "request-id", "method", "hex", "file"]:
        parser.add_argument(f"--{name}")
    parser.add_argument("--datatype", default="FP32")
    parser.add_argument("--compression", choices=["gzip", "deflate"])
    parser.add_argument("--kind", choices=["unary", "server-stream", "bidi"])
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--typed", action="store_true")
    parser.add_argument("--aio", action="store_true")
    parser.add_argument("--json", action="store_true")
    for name in ["header", "parameter"]:
        parser.add_argument(f"--{name}", action="append", type=lambda pair: tuple(pair.split("=", 1)))
    return parser.parse_args()


def main():
    request = vars(arguments())
    if request["command"] == "serve":
        return serve()
    request["parameter"] = dict(request["parameter"] or []) or None
    if request["command"] != "raw":
        request["header"] = dict(request["header"] or []) or None
    print(json.dumps(answer(request)))


if __name__ == "__main__":
    main()
