"""Counts the instructions of squeezers, of reading and writing tensors, and of requests through the gateway, under Valgrind,
and holds them against those that were written down before: unlike seconds they stay the same, whatever else the machine does.

A count is the difference of two runs that differ only in how often the thing is done, so that starting and ending cancel
out. `make instructions` runs this and fails where something takes more than before; with RECORD=1 it writes down what it
counts.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH / "beside"))
from servers import ROOT, Gateway  # noqa: E402

PORTCULLIS, SQUEEZE = os.environ["PORTCULLIS"], os.environ["SQUEEZE"]
BEFORE = BENCH / "instructions.json"
VALGRIND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
SQUEEZERS = ["bit_depth(5)", "median(2,2)", "median(3,3)", "nlm(11,3,4)", "nlm(13,3,2)", "jpeg(75)", "resize(0.5)"]
# From the values of a tensor to a picture, and from a picture to a tensor.
TENSORS = ["decode", "encode"]
SIDES = [32, 224]
# How often each is done to a picture in the two runs, and for how long there are how many requests a second.
TIMES, SECONDS, RATES = (1, 5), 10, (5, 35)
# What may come on top of the count before. How requests and threads meet is not the same every time.
TOLERANCE = {"squeezing": 1.02, "request": 1.05}
SIGNS = ROOT / "deploy/examples/signs.toml"


def counted(told):
    return int(re.search(r"I\s+refs:\s+([\d,]+)", told).group(1).replace(",", ""))


def squeezing(name, side):
    """Instructions of squeezing one picture, or of reading or writing its tensor."""

    def run(times):
        command = [*VALGRIND, SQUEEZE, name, str(side), str(times)]
        return counted(subprocess.run(command, capture_output=True, text=True, check=True).stderr)

    few, many = TIMES
    return (run(many) - run(few)) // (many - few)


def request(configuration):
    """Instructions of the gateway for one request for a sign of 48x48. Predictions would take minutes under Valgrind."""

    def run(rate):
        with tempfile.TemporaryFile("w+") as log:
            gateway = Gateway("gateway", PORTCULLIS, configuration)
            gateway.command, gateway.log = [*VALGRIND, *gateway.command], log
            with gateway:
                plan = ["--rate", str(rate), "--duration", f"{SECONDS}s", "--warm-up", "1s", "--timeout", "60s", "--inputs", "4"]
                command = [PORTCULLIS, "--json", "--log", "error", "--config", str(SIGNS), "bench", gateway.url]
                command += ["--model", "signs", "--data", "signs:1:64", *plan]
                asked = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
            log.seek(0)
            return counted(log.read()), asked["all"]["count"]

    (few, asked_few), (many, asked_many) = map(run, RATES)
    return (many - few) // (asked_many - asked_few)


def uninspected(folder, upstream):
    """The configuration of a gateway before `upstream` that guards a model which nobody asks for."""
    profile = json.loads((ROOT / "models/signs/profile.json").read_text())
    profile["model"]["name"] = "other"
    (folder / "other.json").write_text(json.dumps(profile))
    text = SIGNS.read_text().replace("embedded = true", f'grpc = "{upstream}"').replace('name = "signs"', 'name = "other"')
    text = text.replace("../../models/signs/profile.json", "other.json").replace("../..", str(ROOT))
    (folder / "uninspected.toml").write_text(text)
    return folder / "uninspected.toml"


def counts():
    """Everything that is counted: what it is, its kind, and how it is counted."""
    for side in SIDES:
        for name in SQUEEZERS + TENSORS:
            yield f"{name} {side}x{side}", "squeezing", lambda: squeezing(name, side)
    with tempfile.TemporaryDirectory() as folder, Gateway("upstream", PORTCULLIS, SIGNS) as upstream:
        configuration = uninspected(Path(folder), upstream.url)
        yield "a request that passes uninspected", "request", lambda: request(configuration)


def main():
    if not (BEFORE.exists() or os.environ.get("RECORD")):
        sys.exit(f"{BEFORE} is missing: RECORD=1 writes it")
    before = json.loads(BEFORE.read_text()) if BEFORE.exists() else {}
    now, grown = {}, []
    with contextlib.closing(counts()) as all_counts:
        for name, kind, count in all_counts:
            now[name] = count()
            ratio = now[name] / before.get(name, now[name])
            print(f"{name:36} {now[name]:14,} {ratio:8.3f}", flush=True)
            if ratio > TOLERANCE[kind]:
                grown.append(name)
    if os.environ.get("RECORD"):
        BEFORE.write_text(json.dumps(now, indent=2) + "\n")
    elif grown:
        sys.exit(f"more instructions than before: {', '.join(grown)}; RECORD=1 accepts it")


if __name__ == "__main__":
    main()
