"""Attacks the guarded scanners and writes what is found into the tables of docs/scanners.md.

What calibrates, what is attacked and what is held against the profile are pictures of the test half, none of which has two
uses; students and sentinels learn from the training half. They are trained as far as they are not there yet, and a training
that was interrupted goes on.
"""

import functools
import os
import pathlib
import subprocess
import sys

from assessment import PROGRAM, SHARED, index_of, oblivious, percent, run, write_down

TO = pathlib.Path("target/scanners")
PAGE = pathlib.Path("docs/scanners.md")
SEEDS = os.environ.get("SEEDS", "50")

STUDENT = """
[[models.students]]
name = "{0}"
path = "{0}/student.onnx"

[[models.detectors]]
kind = "disagreement"
student = "{0}"
weight = 0.5
"""
PLAIN, ROBUST = STUDENT.format("plain"), STUDENT.format("robust")
SENTINEL = """
[[models.sentinels]]
name = "sentinel"
path = "sentinel/sentinel.onnx"

[[models.detectors]]
kind = "sentinel"
sentinel = "sentinel"
"""


class Scanner:
    """A guarded classifier, its pictures, and how its companions are trained."""

    def __init__(self, example, classifier, data, calibrating, rate, training):
        self.example = pathlib.Path("deploy/examples") / f"{example}.toml"
        self.classifier, self.data, self.training = classifier, data, training
        self.calibrating, self.rate = calibrating, rate
        self.name = classifier.stem.split("_")[0]
        self.folder = TO / self.name

    def train(self):
        """Students and a sentinel, each with the arguments that it was found to need."""
        for companion, (command, *arguments) in self.training.items():
            out = self.folder / companion
            file = "sentinel.onnx" if command == "sentinel" else "student.onnx"
            if not (out / file).exists():
                given = ["--teacher", self.classifier, "--data", self.data, "--out", out]
                subprocess.run([PROGRAM, command, *map(str, given), *arguments], check=True, stdout=subprocess.DEVNULL)

    def lineups(self):
        """Configurations by name: the example, and the example with companions."""
        sections = {"squeezing": "", "plain student": PLAIN, "robust student": ROBUST, "all, with a sentinel": PLAIN + ROBUST + SENTINEL}
        for number, (name, more) in enumerate(sections.items()):
            config = self.folder / f"{number}.toml"
            config.write_text(self.example.read_text() + more)
            yield name, config

    def portcullis(self, config, command, *arguments):
        paths = {"path": self.classifier, "profile": config.with_suffix(".json")}
        settings = {f"models.{self.name}.{key}": path.absolute() for key, path in paths.items()}
        return run(config, command, *arguments, settings=settings)

    def attacked(self, config):
        """What is found of each attack, and the fresh benign pictures that are flagged."""
        ask = functools.partial(self.portcullis, config)
        data = ["--data", self.data]
        ask("calibrate", *data, "--json", "--count", self.calibrating, "--fpr", self.rate)
        findings, benign = {}, None
        for attack, finding, report in oblivious(ask, config.with_suffix(""), *data, "--seeds", SEEDS):
            at = index_of(report, self.rate)
            benign = report["rates"][at]["measured"]
            findings[attack] = (finding["success"], finding["combined"]["detected"][at])
        return findings, benign


def table(scanner):
    found = {name: scanner.attacked(config) for name, config in scanner.lineups()}
    heads = " | ".join(found)
    rows = [f"| `{scanner.name}` at {scanner.rate:.0%} | fools the classifier | {heads} |", "|---|---|" + "---|" * len(found)]
    findings = {name: attacks for name, (attacks, _) in found.items()}
    for attack, (success, _) in next(iter(findings.values())).items():
        cells = [percent(attacks[attack][1]) for attacks in findings.values()]
        rows.append(f"| {attack} | {percent(success)} | {' | '.join(cells)} |")
    benign = [f"{flagged['flagged']} of {flagged['total']}, {percent(flagged)}" for _, flagged in found.values()]
    rows.append(f"| fresh benign pictures | | {' | '.join(benign)} |")
    return rows


def main():
    if not SHARED.is_dir():
        sys.exit(f"the classifier and its data are missing: there is no {SHARED}")
    small = ["--size", "tiny", "--batch", "32"]
    chest = Scanner(
        "radiology",
        SHARED / "models/chest_xray.onnx",
        SHARED / "data/chest_xray",
        calibrating=100,
        rate=0.05,
        training={
            "plain": ["distill", *small, "--epochs", "30"],
            "robust": ["distill", *small, "--epochs", "20", "--robust", "pgd", "--steps", "1"],
            "sentinel": ["sentinel", *small, "--epochs", "12"],
        },
    )
    chest.folder.mkdir(parents=True, exist_ok=True)
    chest.train()
    write_down(PAGE, f"<!-- {chest.name}: made by `make scanners` -->", table(chest))


main()
