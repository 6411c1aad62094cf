"""Measures the gateway beside what would be used instead, all on this machine and in one run, and writes the table of
docs/performance.md.

What is compared takes turns, round by round; a figure is the median of its rounds, with their range beside it, and a ratio
is the median of the rounds' own ratios. `make bench` runs this.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from servers import ROOT, SHARED, Gateway, guard, haproxy, installed, nginx, upstream

PORTCULLIS = os.environ.get("PORTCULLIS", str(ROOT / "target/release/portcullis"))
UPSTREAM = os.environ["UPSTREAM"]
PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- what `make bench` measures -->\n", "<!-- until here -->\n"
ROUNDS = int(os.environ.get("ROUNDS", 5))
SECONDS = float(os.environ.get("SECONDS", 4))
# Of 602 kB each, a second: as many as leave room for their examination, and as many as show what one costs.
GENTLE, BRISK = 15, 150
IMAGENET = SHARED / "data/imagenet"
CIFAR10 = SHARED / "data/cifar10"
# What a guard does with a request of each model.
EXAMPLES = tomllib.loads((ROOT / "deploy/examples/five_classifiers.toml").read_text())
MODELS = {model["name"]: model for model in EXAMPLES["models"]}


def load(server, model, data, rate, connections=8, at_most=None):
    """What `portcullis bench` says of a server under this load."""
    command = [PORTCULLIS, "--json", "--log", "error", "--config", CONFIGURATIONS["all"], "bench", server.url]
    plan = {"model": model, "data": data, "rate": rate, "connections": connections, "timeout": "60s"}
    plan |= {"duration": f"{int(1000 * SECONDS)}ms", "warm-up": "1s"} | ({"at-most": at_most} if at_most else {})
    options = [text for key, value in plan.items() for text in (f"--{key}", str(value))]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{server.name}: {done.stderr}")
    return json.loads(done.stdout)


def requests(told, rate):
    """How many requests a load came to: the warm-up and the rehearsal count, too."""
    return told["all"]["count"] + rate + 64


CONFIGURATIONS = {}


def configure(folder, name, models, upstream=None, policy="monitor"):
    """Writes the configuration of a gateway that guards models of the example."""

    def value(value):
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {json.dumps(inner)}" for key, inner in value.items()) + " }"
        return json.dumps(value)

    lines = ["[upstream]", f'grpc = "{upstream.url}"' if upstream else "embedded = true"]
    # A request for whose examination there is no room would cost nothing either.
    lines += ["[server]", "max_inflight_examinations = 65536", "[workers]", "queue = 65536"]
    for model in models:
        # An examination that is not made in time would cost nothing.
        lines += ["[[models]]", f'policy = "{policy}"', 'time_budget = "60s"']
        lines += [f"{key} = {value(absolute(key, model[key]))}" for key in ["name", "path", "profile"]]
        lines += [f"[models.{part}]\n" + "\n".join(f"{k} = {value(v)}" for k, v in model[part].items())
                  for part in ["input", "output"] if part in model]
        for kind in ["students", "detectors"]:
            for entry in model.get(kind, []):
                lines += [f"[[models.{kind}]]", *(f"{k} = {value(absolute(k, v))}" for k, v in entry.items())]
    CONFIGURATIONS[name] = Path(folder) / f"{name}.toml"
    CONFIGURATIONS[name].write_text("\n".join(lines) + "\n")
    return CONFIGURATIONS[name]


def absolute(key, path):
    return str((ROOT / "deploy/examples" / path).resolve()) if key in ["path", "profile"] else path


class Figure:
    """A row of the table: what was measured round by round, and what it is held against."""

    rows = []

    def __init__(self, name, unit, ours, theirs=None, against="", goal=None):
        self.name, self.unit, self.against, self.goal = name, unit, against, goal
        self.ours, self.theirs = ours, theirs
        self.rows.append(self)
        print(self.cells(), file=sys.stderr, flush=True)

    def cells(self):
        ratios = [ours / theirs for ours, theirs in zip(self.ours, self.theirs or [])]
        cells = [self.name, spread(self.ours, self.unit), self.against, spread(self.theirs, self.unit) if self.theirs else ""]
        judged = statistics.median(ratios or self.ours)
        relation = (self.goal or "").split(" ")[0]
        verdict = ""
        if self.goal:
            limit = float(self.goal.split(" ")[1])
            verdict = "met" if (judged <= limit if relation == "≤" else judged >= limit) else "missed"
        return [*cells, spread(ratios, "") if ratios else "", self.goal or "", verdict]


def spread(values, unit):
    middle, low, high = statistics.median(values), min(values), max(values)
    digits = 0 if low >= 100 else 1 if low >= 10 else 2
    text = f"{middle:.{digits}f} {unit}".strip()
    return text if len(values) == 1 else f"{text} ({low:.{digits}f} to {high:.{digits}f})"


def proxies(folder):
    """A request of 602 kB on its way through others and through us."""
    with upstream(UPSTREAM, "canned") as bare, contextlib.ExitStack() as running:
        # A gateway that guards another model than the one that is asked: what is asked passes unexamined.
        unexamined = configure(folder, "unexamined", [MODELS["cifar10"]], bare)
        ways = [bare, nginx(folder, bare), haproxy(folder, bare), Gateway("uninspected", PORTCULLIS, unexamined)]
        for policy in ["monitor", "block"]:
            ways.append(Gateway(policy, PORTCULLIS, configure(folder, policy, [MODELS["squeezenet"]], bare, policy)))
        ways = [bare, *(running.enter_context(way) for way in ways[1:] if way)]
        latency = {way.name: [] for way in ways}
        spent = {way.name: [] for way in ways}
        for _ in range(ROUNDS):
            for way in ways:
                latency[way.name].append(load(way, "squeezenet", IMAGENET, GENTLE)["all"])
            for way in ways[:-2]:
                before = way.cpu_seconds()
                answered = requests(load(way, "squeezenet", IMAGENET, BRISK), BRISK)
                spent[way.name].append(1e6 * (way.cpu_seconds() - before) / answered)
    for quantile in ["p50", "p99"]:
        def added(name):
            return [1e3 * (one[quantile] - none[quantile]) for one, none in zip(latency[name], latency["canned"])]

        theirs = "nginx" if "nginx" in latency else None
        for name in latency:
            if name in ["canned", "nginx"]:
                continue
            goal = "≤ 1.0" if name == "monitor" and theirs else None
            against = added(theirs) if theirs else None
            Figure(f"added to {quantile} of a 602 kB request: {name}", "ms", added(name), against, theirs or "", goal)
    if "nginx" in spent:
        Figure("CPU of a proxied request: uninspected", "µs", spent["uninspected"], spent["nginx"], "nginx", "≤ 1.2")
    if "haproxy" in spent:
        Figure("CPU of a proxied request: uninspected", "µs", spent["uninspected"], spent["haproxy"], "haproxy")


def waits(folder):
    """Which threads a request keeps busy, how long they wait for a core meanwhile, and how much memory they are given."""
    squeezenet = [MODELS["squeezenet"]]
    with upstream(UPSTREAM, "canned") as bare, contextlib.ExitStack() as running:
        plans = {"uninspected": [MODELS["cifar10"]], "monitor": squeezenet, "block": squeezenet}
        print("| way | p50, p99 | threads | computed a request | waited for a core | new pages |\n|---|---|---|---|---|---|")
        for name, models in plans.items():
            policy = "block" if name == "block" else "monitor"
            way = running.enter_context(Gateway(name, PORTCULLIS, configure(folder, f"waits-{name}", models, bare, policy)))
            servers = {"the gateway's": way, "the upstream's": bare}
            # By then everybody has the memory that this load takes.
            load(way, "squeezenet", IMAGENET, GENTLE)
            before = {whose: server.threads() for whose, server in servers.items()}
            told = load(way, "squeezenet", IMAGENET, GENTLE)
            latency, answered = told["all"], requests(told, GENTLE)
            for whose, server in servers.items():
                for thread, now in server.threads().items():
                    computed, waited, pages = ((a - b) / answered for a, b in zip(now, before[whose][thread]))
                    if computed + waited >= 5e-6:
                        quantiles = f"{1e3 * latency['p50']:.2f} ms, {1e3 * latency['p99']:.2f} ms"
                        times = f"{1e3 * computed:.2f} ms | {1e3 * waited:.2f} ms"
                        print(f"| {name} | {quantiles} | {whose} `{thread}` | {times} | {pages:.0f} |", flush=True)


def throughput(folder):
    """Guarded predictions on both cores, beside the bare predictions and beside the guard in Python."""
    model = MODELS["cifar10"]
    student = absolute("path", model["students"][0]["path"])
    squeezers = model["detectors"][0]["squeezers"]
    settings = {"model": absolute("path", model["path"]), "student": student, "squeezers": squeezers}
    settings |= {key: model["input"][key] for key in ["mean", "std"]}
    configuration = configure(folder, "guarded", [model], policy="block")
    program = [str(ROOT / "target/venv/bin/python"), str(Path(__file__).parent / "predictions.py"), str(SECONDS)]
    ours, bare, python = [], [], []
    # The highest rate at which 99 of a hundred answers come within a second.
    highest = {"rate": 50, "at_most": "1s"}
    with Gateway("guarded", PORTCULLIS, configuration) as gateway, guard({"cifar10": settings}) as other:
        for _ in range(ROUNDS):
            ours.append(load(gateway, "cifar10", CIFAR10, **highest)["highest_rate"])
            run = subprocess.run([*program, settings["model"], student, str(len(squeezers))], capture_output=True, text=True)
            bare.append(float(run.stdout))
            python.append(load(other, "cifar10", CIFAR10, **highest)["highest_rate"])
        if unexamined := gateway.undecided():
            sys.exit(f"{unexamined:.0f} requests were not examined: what the rest took says nothing")
    Figure("guarded ResNet-20, requests a second", "/s", ours, bare, "the predictions alone", "≥ 0.92")
    Figure("guarded ResNet-20, requests a second", "/s", ours, python, "guard in Python", "≥ 8")


def footprint(folder):
    """Memory under load, and the time from start to ready, with a model of 14 MB."""
    with upstream(UPSTREAM, "canned") as bare:
        configuration = configure(folder, "footprint", [MODELS["mobilenetv2"]], bare, "block")
        memory, start = [], []
        for _ in range(ROUNDS):
            with Gateway("footprint", PORTCULLIS, configuration) as gateway:
                start.append(gateway.ready_after)
                load(gateway, "mobilenetv2", IMAGENET, GENTLE)
                memory.append(gateway.resident_megabytes())
    Figure("resident memory under load, MobileNetV2 with student", "MB", memory, goal="≤ 150")
    Figure("start to ready, MobileNetV2 with student", "s", start, goal="≤ 1")


def growth(folder):
    """From one model to 64, and from one connection to a thousand."""
    with upstream(UPSTREAM, "canned") as bare:
        model = MODELS["cifar10"]
        profile = json.loads(Path(absolute("profile", model["profile"])).read_text())
        many = [model]
        for index in range(1, 64):
            name = f"cifar10-{index}"
            file = Path(folder) / f"{name}.json"
            file.write_text(json.dumps(profile | {"model": profile["model"] | {"name": name}}))
            many.append(model | {"name": name, "profile": str(file)})
        with (
            Gateway("1 model", PORTCULLIS, configure(folder, "one", [model], bare, "block")) as one,
            Gateway("64 models", PORTCULLIS, configure(folder, "many", many, bare, "block")) as all_of_them,
        ):
            latencies = {key: [] for key in ["one", "many", "1", "1000"]}
            for _ in range(ROUNDS):
                latencies["one"].append(1e3 * load(one, "cifar10", CIFAR10, 50)["all"]["p50"])
                latencies["many"].append(1e3 * load(all_of_them, "cifar10", CIFAR10, 50)["all"]["p50"])
                for connections in ["1", "1000"]:
                    found = load(one, "squeezenet", IMAGENET, BRISK, connections=int(connections))
                    latencies[connections].append(1e3 * found["all"]["p50"])
    Figure("p50 with 64 models, block", "ms", latencies["many"], latencies["one"], "1 model", "≤ 1.1")
    Figure("p50 over 1000 connections, uninspected", "ms", latencies["1000"], latencies["1"], "1 connection", "≤ 1.3")


def machine():
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return f"{cpu.split(':')[1].strip()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}"


def table():
    if not Figure.rows:
        return ""
    head = ["figure", "ours", "beside", "theirs", "ratio", "goal", ""]
    rows = [head, ["---"] * len(head), *(figure.cells() for figure in Figure.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main():
    before = machine()
    parts = {"proxies": proxies, "waits": waits, "throughput": throughput, "footprint": footprint, "growth": growth}
    with tempfile.TemporaryDirectory() as folder:
        configure(folder, "all", [MODELS[name] for name in ["cifar10", "squeezenet", "mobilenetv2"]])
        for part in sys.argv[1:] or parts:
            parts[part](folder)
    skipped = [name for name in ["nginx", "haproxy"] if not installed(name)]
    notes = "".join(f"Skipped: {name} is not installed.\n" for name in skipped)
    told = f"{before} at the start; {machine()} at the end; {ROUNDS} rounds of {SECONDS:g} seconds each.\n{notes}\n{table()}\n"
    print(told)
    page = PAGE.read_text()
    if BEGIN in page and not sys.argv[1:]:
        head, rest = page.split(BEGIN)
        PAGE.write_text(head + BEGIN + "\n" + told + "\n" + rest[rest.index(END):])


if __name__ == "__main__":
    main()
