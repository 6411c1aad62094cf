"""Attacks the guarded luggage scanner and writes what is found into its table of docs/scanners.md.

The models are those of models/luggage, calibrated there. What is attacked and what is held against the profile is drawn from a
seed of its own, so that nothing is measured on what something was made from.
"""

import json
import os
import pathlib
import subprocess

CONFIG = "deploy/examples/luggage.toml"
FRESH = "luggage:10:3000"
TO = pathlib.Path("target/scanners/luggage")
PAGE = pathlib.Path("docs/scanners.md")
PROGRAM = os.environ.get("PORTCULLIS", "target/release/portcullis")
SEEDS = os.environ.get("SEEDS", "100")
BENIGN = os.environ.get("BENIGN", "500")
RATE = 0.01
MARKS = "<!-- luggage: made by `make scanners` -->", "<!-- until here -->"
RUNS = {f"PGD {strength}/255": ["pgd", "--eps", strength] for strength in (2, 4, 8)} | {"": ["patch,sticker"]}


def attacked(name, attacks):
    """What a red team that knows nothing of the gateway reports of some attacks."""
    out = TO / (name.replace("/", "-").replace(" ", "-") or "patches")
    line = [PROGRAM, "--config", CONFIG, "--log", "error", "redteam", "--json", "--data", FRESH, "--out", out]
    line += ["--levels", "oblivious", "--seeds", SEEDS, "--count", BENIGN, "--attacks", *attacks]
    return json.loads(subprocess.run([*map(str, line)], check=True, stdout=subprocess.PIPE).stdout)


def percent(proportion):
    if not proportion["total"]:
        return "none"
    low, high = proportion["interval"]
    return f"{proportion['rate']:.1%} ({low:.1%} to {high:.1%})"


def rows():
    heads, lines, found, benign = [], [], [], None
    for name, attacks in RUNS.items():
        report = attacked(name, attacks)
        at = next(index for index, rate in enumerate(report["rates"]) if rate["target"] == RATE)
        benign = report["rates"][at]["measured"]
        for finding in report["findings"]:
            parts = {part["detector"]: part["detected"][at] for part in finding["detectors"]}
            heads = [f"`{part}` alone" for part in parts]
            together = finding["combined"]["detected"][at]
            found.append(together["rate"])
            cells = [percent(finding["success"]), percent(together), *map(percent, parts.values())]
            lines.append(f"| {name or finding['attack']} | {' | '.join(cells)} |")
    yield f"| attack | fools the classifier | detected | {' | '.join(heads)} |"
    yield "|---|---|---|" + "---|" * len(heads)
    yield from lines
    yield ""
    yield f"Detected at {RATE:.0%}: {min(found):.1%} of the worst attack, {sum(found) / len(found):.1%} on average. Of fresh"
    yield f"benign scans {benign['flagged']} of {benign['total']} are flagged, {percent(benign)}."


def main():
    TO.mkdir(parents=True, exist_ok=True)
    lines = list(rows())
    before, rest = PAGE.read_text().split(MARKS[0])
    after = rest.split(MARKS[1], 1)[1]
    PAGE.write_text("\n".join([before + MARKS[0], "", *lines, "", MARKS[1] + after]))
    print("\n".join(lines))


main()
