"""Repeats the experiment of the feature squeezing paper (Xu, Evans, Qi 2018) with the classifiers of ../shared, and prints
its published detection rates at 5% false positives beside ours. What is interrupted goes on when this is run again."""

import json
import os
import pathlib
import subprocess
import sys

SHARED = pathlib.Path("../shared")
TO = pathlib.Path("target/reproduce")
PROGRAM = os.environ.get("PORTCULLIS", "target/release/portcullis")

# Benign inputs that calibrate, seeds of the attacks (the paper has 100), and the published rates.
EXPERIMENTS = {
    "mnist": (3000, 100, {
        "fgsm": 1.000, "bim": 0.979, "cw_inf next": 1.00, "cw_inf least-likely": 1.00, "cw_2 next": 1.00,
        "cw_2 least-likely": 1.00, "cw_0 next": 0.911, "cw_0 least-likely": 0.938, "jsma next": 1.00,
        "jsma least-likely": 1.00, "overall": 0.982,
    }),
    "cifar10": (3000, 100, {
        "fgsm": 0.208, "bim": 0.550, "cw_inf next": 0.979, "cw_inf least-likely": 1.00, "deep_fool": 0.774,
        "cw_2 next": 1.00, "cw_2 least-likely": 1.00, "cw_0 next": 0.98, "cw_0 least-likely": 1.00, "jsma next": 0.84,
        "jsma least-likely": 0.89, "overall": 0.845,
    }),
    "imagenet": (600, int(os.environ.get("IMAGENET_SEEDS", "20")), {
        "fgsm": 0.434, "bim": 0.644, "cw_inf next": 0.979, "cw_inf least-likely": 1.00, "deep_fool": 0.786,
        "cw_2 next": 0.915, "cw_2 least-likely": 1.00, "cw_0 next": 0.98, "cw_0 least-likely": 1.00, "overall": 0.859,
    }),
}


def portcullis(command, model, *arguments):
    line = [PROGRAM, "--config", "tests/bench/reproduce.toml", "--log", "error", command, "--model", model]
    subprocess.run([*line, "--data", SHARED / "data" / model, *arguments], check=True, stdout=subprocess.DEVNULL)


def measure(model, calibrating, seeds):
    if not (TO / f"{model}.json").exists():
        portcullis("calibrate", model, "--count", str(calibrating))
    out = TO / model
    portcullis("redteam", model, "--suite", f"squeezing-{model}", "--seeds", str(seeds), "--out", out)
    return json.loads((out / "report.json").read_text())


def show(model, report, published):
    benign = report["rates"][0]["measured"]
    print(f"{model}: {report['benign']} benign pictures, {benign['rate']:.1%} of them flagged at 5%\n")
    print("attack                 fooled  flagged at 5%  published")
    flagged = examples = 0
    for finding in sorted(report["findings"], key=lambda finding: list(published).index(finding["attack"])):
        name, found = finding["attack"], finding["combined"]["detected"][0]
        flagged, examples = flagged + found["flagged"], examples + found["total"]
        print(f"{name:<22} {finding['success']['rate']:>6.1%}  {found['rate']:>13.1%}  {published[name]:>9.1%}")
    overall = flagged / max(examples, 1)
    print(f"{'overall':<22} {'':>6}  {overall:>13.1%}  {published['overall']:>9.1%}\n", flush=True)


if not SHARED.is_dir():
    sys.exit(f"the classifiers and their data are missing: there is no {SHARED}")
for model, (calibrating, seeds, published) in EXPERIMENTS.items():
    show(model, measure(model, calibrating, seeds), published)
