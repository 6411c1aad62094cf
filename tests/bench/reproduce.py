"""Repeats the experiment of the feature squeezing paper (Xu, Evans, Qi 2018) with the classifiers of ../shared. Prints its
published detection rates at 5% false positives beside ours, and what a line-up with a sentinel, trained first where it is
missing, finds of the same examples. Words name the data sets that are wanted. What is interrupted goes on when this is run
again.
"""

import json
import os
import pathlib
import subprocess
import sys

from assessment import SHARED, index_of, run

TO = pathlib.Path("target/reproduce")
SENTINELS = pathlib.Path("tests/bench/sentinels")
CONFIG = pathlib.Path("tests/bench/reproduce.toml")
RATES = (0.05, 0.01)

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
    "imagenet": (390, int(os.environ.get("IMAGENET_SEEDS", "20")), {
        "fgsm": 0.434, "bim": 0.644, "cw_inf next": 0.979, "cw_inf least-likely": 1.00, "deep_fool": 0.786,
        "cw_2 next": 0.915, "cw_2 least-likely": 1.00, "cw_0 next": 0.98, "cw_0 least-likely": 1.00, "overall": 0.859,
    }),
}
# Where it is not the data set's own: what the classifier is called under a sentinel, and photographs that did not train it.
GUARDED = {"imagenet": "mobilenetv2"}
DATA = {"imagenet": pathlib.Path("target/sentinels/mobilenetv2/rest.csv")}


def squeezed(model, data, calibrating, seeds):
    """What the paper's squeezers find: calibrated once, then attacked."""
    if not (TO / f"{model}.json").exists():
        run(CONFIG, "calibrate", "--model", model, "--data", data, "--count", calibrating)
    out = TO / model
    run(CONFIG, "redteam", "--model", model, "--data", data, "--suite", f"squeezing-{model}", "--seeds", seeds, "--out", out)
    return json.loads((out / "report.json").read_text())


def with_a_sentinel(model, data, calibrating):
    """What squeezing, a student and a sentinel find of the same examples, whose seeds calibrate nothing."""
    name, examples, out = GUARDED.get(model, model), TO / model, TO / f"{model}-with-a-sentinel"
    config = SENTINELS / f"{name}.toml"
    settings = {f"models.{name}.profile": (TO / f"{model}-with-a-sentinel.json").absolute()}
    run(config, "calibrate", "--data", data, "--count", calibrating, "--exclude", examples, settings=settings)
    run(config, "evaluate", "--data", data, "--count", 1800, "--adversarial", examples, "--out", out, settings=settings)
    return json.loads((out / "report.json").read_text())


def benign(report):
    at = (index_of(report, rate) for rate in RATES)
    return ", ".join(f"{report['rates'][index]['measured']['rate']:.1%}" for index in at) + f" of {report['benign']}"


def plain(name):
    """An attack's name in a report of the red team, or its file's in one of `evaluate`, in words."""
    return name.removeprefix("oblivious_").replace("_", " ")


def found(report, published):
    """Of each attack, and of all together: how many examples there are, and how many are flagged at each rate."""
    of_all = {}
    for finding in report["findings"]:
        detected = [finding["combined"]["detected"][index_of(report, rate)] for rate in RATES]
        of_all[plain(finding["attack"])] = [detected[0]["total"], *(one["flagged"] for one in detected)]
    ordered = {name: of_all[plain(name)] for name in published if plain(name) in of_all}
    return ordered | {"overall": [sum(column) for column in zip(*ordered.values())]}


def show(model, squeezing, guarded, published):
    print(f"{model}: benign pictures flagged at 5% and 1%: {benign(squeezing)}, with a sentinel {benign(guarded)}\n")
    print("attack              fooled  examples  squeezing at 5%  published  with a sentinel at 5%     at 1%")
    beside = found(guarded, published)
    fooled = {finding["attack"]: f"{finding['success']['rate']:.1%}" for finding in squeezing["findings"]}
    for name, (examples, flagged, _) in found(squeezing, published).items():
        total, *others = beside[name]
        shares = "  ".join(f"{share / max(total, 1):>8.1%}" for share in others)
        print(f"{name:<20}{fooled.get(name, ''):>6}  {examples:>8}  {flagged / max(examples, 1):>15.1%}  {published[name]:>9.1%}  {'':>11}{shares}")
    print(flush=True)


def main():
    if not SHARED.is_dir():
        sys.exit(f"the classifiers and their data are missing: there is no {SHARED}")
    for model in sys.argv[1:] or EXPERIMENTS:
        calibrating, seeds, published = EXPERIMENTS[model]
        subprocess.run(["sh", SENTINELS / "train.sh", GUARDED.get(model, model)], check=True)
        data = DATA.get(model, SHARED / "data" / model)
        squeezing = squeezed(model, data, calibrating, seeds)
        show(model, squeezing, with_a_sentinel(model, data, calibrating), published)


if __name__ == "__main__":
    main()
