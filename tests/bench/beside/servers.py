"""The servers that are measured, each a process of its own on a free port."""

import collections
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT / "../shared"
PATIENCE = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that listens on `port`; it begins and ends with its block."""

    def __init__(self, name, command, port, environment=None, log=subprocess.DEVNULL):
        self.name, self.command, self.port, self.log = name, command, port, log
        self.environment = dict(os.environ, **environment or {})

    def __enter__(self):
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=self.environment, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log
        )
        deadline = self.began + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                self.ready_after = time.monotonic() - self.began
                return self
            time.sleep(0.005)
        self.__exit__()
        raise SystemExit(f"{self.name} does not listen on its port")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def pids(self):
        """Its process and those below it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def threads(self):
        """By the name of its threads, how long they have computed and waited for a core so far, in seconds, and how many
        pages of memory the system has given them."""
        found = collections.defaultdict(lambda: [0.0, 0.0, 0])
        for task in (task for pid in self.pids() for task in Path(f"/proc/{pid}/task").iterdir()):
            name = (task / "comm").read_text().strip().rstrip("-0123456789")
            computed, waited = (int(nanoseconds) / 1e9 for nanoseconds in (task / "schedstat").read_text().split()[:2])
            pages = int((task / "stat").read_text().rpartition(")")[2].split()[7])
            found[name] = [sum(both) for both in zip(found[name], (computed, waited, pages))]
        return found

    def cpu_seconds(self):
        """What its threads have computed so far."""
        return sum(computed for computed, *_ in self.threads().values())

    def resident_megabytes(self):
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def installed(name):
    """The program of this name; nothing where there is none."""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")


def upstream(program, role):
    """A classifier's server without a guard: `upstream` predicts, `canned` repeats its first answer."""
    port = free_port()
    return Server(role, [program, role, str(port)], port)


def nginx(folder, upstream):
    if not (program := installed("nginx")):
        return None
    port, folder = free_port(), Path(folder)
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    )
    file = folder / "nginx.conf"
    file.write_text(f"""
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; client_max_body_size 0; client_body_buffer_size 1m; keepalive_requests 100000000;
    {temporary}
    upstream classifier {{ server 127.0.0.1:{upstream.port}; keepalive 64; keepalive_requests 100000000; }}
    server {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://classifier; }} }}
}}
""")
    return Server("nginx", [program, "-e", f"{folder}/nginx.log", "-c", str(file)], port)


def haproxy(folder, upstream):
    if not (program := installed("haproxy")):
        return None
    port, file = free_port(), Path(folder) / "haproxy.cfg"
    file.write_text(f"""
global
    nbthread 2
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend clients
    bind 127.0.0.1:{port} proto h2
    default_backend classifier
backend classifier
    server classifier 127.0.0.1:{upstream.port} proto h2
""")
    return Server("haproxy", [program, "-f", str(file)], port)


def guard(models):
    """The guard in Python; the environment of the golden vectors has what squeezes, that of the tests all else."""
    port = free_port()
    packages = next((ROOT / "target/golden/lib").glob("python*/site-packages"))
    command = [str(ROOT / "target/venv/bin/python"), str(Path(__file__).parent / "guard.py"), str(port), json.dumps(models)]
    return Server("Python guard", command, port, {"PYTHONPATH": str(packages)})


class Gateway(Server):
    """Ours. It is ready when it says so, which is later than that it listens."""

    def __init__(self, name, program, configuration):
        self.admin = free_port()
        port = free_port()
        arguments = ["--config", str(configuration), "--log", "error", "serve"]
        listen = ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{self.admin}"]
        super().__init__(name, [program, *arguments, *listen], port, log=None)

    def told(self, path):
        """What it tells its operators, head and body."""
        with socket.create_connection(("127.0.0.1", self.admin), 1) as admin:
            admin.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return b"".join(iter(lambda: admin.recv(1 << 16), b"")).decode()

    def undecided(self):
        """Requests whose examination came to nothing."""
        lines = self.told("/metrics").splitlines()
        decided = [line for line in lines if line.startswith("portcullis_decisions_total{") and 'decision="undecided"' in line]
        return sum(float(line.split()[-1]) for line in decided)

    def __enter__(self):
        super().__enter__()
        while time.monotonic() < self.began + PATIENCE:
            with contextlib.suppress(OSError):
                if " 200 " in self.told("/readyz")[:64]:
                    self.ready_after = time.monotonic() - self.began
                    return self
            time.sleep(0.005)
        self.__exit__()
        raise SystemExit(f"{self.name} does not become ready")
