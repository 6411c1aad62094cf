"""Serves ONNX models with MLServer: serve.py --grpc-port P [--http-port P] NAME=MODEL.onnx ...

Writes a model repository into a temporary folder, starts MLServer there and prints one line, `ready HOST:GRPC_PORT HOST:HTTP_PORT`, once
the models answer. Port 0 picks a free one. Stops when its standard input is closed, or on SIGTERM.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import grpc

HERE = Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_repository(root, grpc_port, http_port, models):
    settings = json.loads((HERE / "settings.json").read_text())
    settings |= {"grpc_port": grpc_port, "http_port": http_port}
    (root / "settings.json").write_text(json.dumps(settings))
    for module in ("runtime.py", "png.py"):
        shutil.copy(HERE / module, root)
    for name, path in models:
        folder = root / "models" / name
        folder.mkdir(parents=True)
        model = {
            "name": name,
            "implementation": "runtime.OnnxModel",
            "parameters": {"uri": str(Path(path).resolve()), "version": "1"},
        }
        (folder / "model-settings.json").write_text(json.dumps(model))


def wait_until_ready(server, grpc_port, http_port, timeout=60):
    """Polls ServerReady with an empty message, so that no generated code is needed, and its like over HTTP."""
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        ready = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
        deadline = time.monotonic() + timeout
        while server.poll() is None and time.monotonic() < deadline:
            try:
                health = f"http://127.0.0.1:{http_port}/v2/health/ready"
                if ready(b"", timeout=1) == b"\x08\x01" and urllib.request.urlopen(health, timeout=1).status == 200:
                    return True
            except (grpc.RpcError, OSError):
                pass
            time.sleep(0.05)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grpc-port", type=int, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL.onnx")
    arguments = parser.parse_args()
    grpc_port = arguments.grpc_port or free_port()
    http_port = arguments.http_port or free_port()
    with tempfile.TemporaryDirectory() as root:
        models = [model.split("=", 1) for model in arguments.models]
        write_repository(Path(root), grpc_port, http_port, models)
        # The settings template must win over what happens to be in the environment.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLSERVER_")}
        environment["PYTHONPATH"] = root
        command = [sys.executable, "-c", "from mlserver.cli import main; main()", "start", root]
        server = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr
        )
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            if not wait_until_ready(server, grpc_port, http_port):
                sys.exit("MLServer did not become ready")
            print(f"ready 127.0.0.1:{grpc_port} 127.0.0.1:{http_port}", flush=True)
            sys.stdin.read()
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


if __name__ == "__main__":
    main()
