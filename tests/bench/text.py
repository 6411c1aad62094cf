"""Attacks the guarded spam filter of ../shared and writes what is found into the tables of docs/text.md.

Nothing that is attacked or held against the profile was seen before: the filter was trained on one part of the messages,
which also tells the words and teaches the student; of the others some ham calibrates, some spam is attacked, and the rest of
the ham is benign.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys

import numpy as np
import onnxruntime

from assessment import PROGRAM, SHARED, index_of, percent, run, write_down

MODEL = SHARED / "models/sms_spam.onnx"
TO = pathlib.Path("target/text")
PAGE = pathlib.Path("docs/text.md")
SEEDS = os.environ.get("SEEDS", "60")
LEVELS = os.environ.get("LEVELS", "oblivious,adaptive")
CALIBRATING = "1200"
DRAW = os.environ.get("DRAW", "7")
RATE = 0.01
BEGIN = "<!-- made by `make text` -->"

EXAMPLE = pathlib.Path("deploy/examples/spam.toml")
WITH_STUDENT = TO / "with-student.toml"
STUDENT = """
[[models.students]]
name = "rows"
path = "student/student.onnx"

[[models.detectors]]
kind = "disagreement"
student = "rows"
hidden = 1
"""


def portcullis(config, command, *arguments, settings=None):
    paths = {"path": MODEL, "profile": TO / f"{config.stem}.json"}
    settings = {f"models.spam.{key}": path.absolute() for key, path in paths.items()} | (settings or {})
    return run(config, command, *arguments, settings=settings)


def distill(known):
    """A student of the filter beside the example's detectors."""
    arguments = ["--teacher", MODEL, "--data", known, "--out", TO / "student", "--restart"]
    subprocess.run([PROGRAM, "distill", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    WITH_STUDENT.write_text(EXAMPLE.read_text() + STUDENT)


def messages():
    lines = (SHARED / "data/sms_spam/SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t", 1)) for line in lines]


def shares(counts, drawn, random):
    """How many of each class a stratified draw has: rounded down, then one more where the remainders are largest."""
    exact = counts / counts.sum() * drawn
    rounded = np.floor(exact)
    missing = int(drawn - rounded.sum())
    remainders = exact - rounded
    for remainder in np.unique(remainders)[::-1]:
        # Nothing is drawn by chance where nothing is missing: the draws that follow would be others.
        if missing == 0:
            break
        alike = np.flatnonzero(remainders == remainder)
        chosen = random.choice(alike, size=min(len(alike), missing), replace=False)
        rounded[chosen] += 1
        missing -= len(chosen)
    return rounded.astype(int)


def halves(labels):
    """The filter's own split: 40% are fresh, as scikit-learn's train_test_split draws them with random_state 0."""
    random = np.random.RandomState(0)
    counts = np.bincount(labels)
    fresh = int(np.ceil(0.4 * len(labels)))
    training = shares(counts, len(labels) - fresh, random)
    fresh = shares(counts - training, fresh, random)
    parts = [], []
    for label, count in enumerate(counts):
        order = np.flatnonzero(labels == label)[random.permutation(count)]
        parts[0].extend(order[: training[label]])
        parts[1].extend(order[training[label] : training[label] + fresh[label]])
    return [sorted(part) for part in parts]


def write(name, rows):
    path = TO / name
    path.write_text("".join(f"{label}\t{text}\n" for label, text in rows), encoding="utf-8")
    return path


def read_right(rows):
    """The share of messages that the filter itself reads rightly."""
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    read = session.run(["label"], {"text": np.array([[text] for _, text in rows], dtype=object)})[0]
    return float(np.mean(read == [label == "spam" for label, _ in rows]))


def seconds_of_cpu(config, count, fresh):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = ["evaluate", "--json", "--data", fresh, "--count", count]
    report = json.loads(portcullis(config, *arguments, settings={"workers.count": 1}))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, report["benign"]


def messages_a_second(config, fresh):
    """Messages that one core examines in a second, what a start takes left out."""
    few, many = (seconds_of_cpu(config, count, fresh) for count in (20, 600))
    return (many[1] - few[1]) / (many[0] - few[0])


def attacks(reports):
    heads = " | ".join(f"{name}: detected | through" for name in reports)
    rows = [f"| attack | fools the filter | {heads} |", "|---|---|" + "---|---|" * len(reports)]
    of_one = {(finding["level"] != "oblivious", finding["attack"]) for finding in next(iter(reports.values()))["findings"]}
    for is_adaptive, attack in sorted(of_one):
        level = "adaptive" if is_adaptive else "oblivious"
        cells = []
        for report in reports.values():
            at = index_of(report, RATE)
            finding = next(one for one in report["findings"] if (one["level"], one["attack"]) == (level, attack))
            cells += [percent(finding["combined"]["detected"][at]), f"{finding['joint'][at]['rate']:.1%}"]
        rows.append(f"| {attack}, {level} | {finding['success']['rate']:.1%} | {' | '.join(cells)} |")
    return rows


def f1(report, benign, level):
    at = index_of(report, RATE)
    found = [finding["combined"]["detected"][at] for finding in report["findings"] if finding["level"] == level]
    right, all_of_them = (sum(one[key] for one in found) for key in ("flagged", "total"))
    wrong = benign["rates"][at]["measured"]["flagged"]
    return 2 * right / (right + wrong + all_of_them)


def main():
    if not SHARED.is_dir():
        sys.exit(f"the classifier and its data are missing: there is no {SHARED}")
    TO.mkdir(parents=True, exist_ok=True)
    rows = messages()
    parts = halves(np.array([label == "spam" for label, _ in rows]).astype(int))
    training, fresh = ([rows[at] for at in part] for part in parts)
    known, unseen = write("training.tsv", training), write("fresh.tsv", fresh)
    ham, junk = (write(f"{kind}.tsv", [row for row in fresh if row[0] == kind]) for kind in ("ham", "spam"))
    distill(known)
    reports, columns = {}, []
    for name, config in {"the example": EXAMPLE, "with a student": WITH_STUDENT}.items():
        calibrating = ["--data", ham, "--count", CALIBRATING, "--words", known, "--fpr", "0.05,0.01", "--seed", DRAW]
        portcullis(config, "calibrate", *calibrating)
        spam = ["--data", unseen, "--words", known, "--targets", "ham", "--seeds", SEEDS, "--seed", DRAW]
        out = ["--levels", LEVELS, "--out", TO / config.stem, "--json"]
        reports[name] = report = json.loads(portcullis(config, "redteam", *spam, *out))
        held_against = [
            json.loads(portcullis(config, "evaluate", "--json", "--data", data))
            for data in (ham, junk, "tests/golden/multilingual.tsv")
        ]
        measured = [each["rates"][index_of(report, RATE)]["measured"] for each in held_against]
        columns.append(
            [
                *(f"{each['flagged']} of {each['total']}, {percent(each)}" for each in measured),
                *(f"{f1(report, held_against[0], level):.3f}" for level in LEVELS.split(",")),
                f"{messages_a_second(config, ham):.0f}",
            ]
        )
    rows = [
        *(f"{kind} flagged" for kind in ("fresh ham", "fresh spam that nobody disguised", "benign messages in other languages")),
        *(f"F1 over all {level} attacks and the fresh ham" for level in LEVELS.split(",")),
        "messages a second on one core, all squeezers",
    ]
    table = [
        *attacks(reports),
        "",
        "| | " + " | ".join(reports) + " |",
        "|---|" + "---|" * len(reports),
        *(f"| {row} | {' | '.join(cells)} |" for row, *cells in zip(rows, *columns)),
        "",
        f"The filter itself reads {read_right(fresh):.2%} of {len(fresh)} fresh messages rightly.",
    ]
    write_down(PAGE, BEGIN, table)


main()
