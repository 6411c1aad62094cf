"""How well profiles know their own false-positive rate: calibrates classifiers on many random splits of their test halves,
measures the rate on what each split leaves over, and says how often it lies within the profile's interval.

`make splits` runs this; SPLITS says how many there are.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
PORTCULLIS = os.environ.get("PORTCULLIS", str(ROOT / "target/release/portcullis"))
SPLITS = int(os.environ.get("SPLITS", 20))
# Configuration, model, data, inputs that calibrate; 1800 others measure.
CLASSIFIERS = [
    ("mnist_cnn", "mnist_cnn", "mnist", 3000),
    ("five_classifiers", "cifar10", "cifar10", 3000),
    ("five_classifiers", "gtsrb", "gtsrb", 2000),
]
MEASURED = 1800


def told(configuration, model, data, profile, arguments):
    """What a command says of a model that is calibrated to `profile`."""
    command = [PORTCULLIS, "--config", f"deploy/examples/{configuration}.toml", "--log", "error", "--json", *arguments]
    command += ["--model", model, "--data", str(SHARED / data), "--set", f"models.{model}.profile={profile}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def splits_of(configuration, model, data, count, folder):
    """For each rate, what is measured on each split beside its profile's interval."""
    rates = {}
    for seed in range(1, SPLITS + 1):
        profile = Path(folder) / f"{model}-{seed}.json"
        seeded = ["--seed", str(seed), "--count"]
        told(configuration, model, data, profile, ["calibrate", *seeded, str(count)])
        intervals = {rate["target"]: rate["interval"] for rate in json.loads(profile.read_text())["rates"]}
        for rate in told(configuration, model, data, profile, ["evaluate", *seeded, str(MEASURED)])["rates"]:
            rates.setdefault(rate["target"], []).append((rate["measured"]["rate"], intervals[rate["target"]]))
        print(f"\r{model}: {seed} of {SPLITS}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rates


def main():
    print("| classifier | asked | measured: mean | least | most | within the profile's interval | above it |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for classifier in CLASSIFIERS:
            for target, splits in sorted(splits_of(*classifier, folder).items(), reverse=True):
                measured = [rate for rate, _ in splits]
                within = sum(low <= rate <= high for rate, (low, high) in splits)
                above = sum(rate > high for rate, (_, high) in splits)
                shares = [statistics.mean(measured), min(measured), max(measured)]
                cells = [classifier[1], f"{100 * target:g}%", *(f"{100 * share:.2f}%" for share in shares)]
                print(f"| {' | '.join(cells)} | {within} of {len(splits)} | {above} |", flush=True)


if __name__ == "__main__":
    main()
