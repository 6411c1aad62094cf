"""Attacks the guarded luggage scanner and writes what is found into its table of docs/scanners.md.

The models are those of models/luggage, calibrated there. What is attacked and what is held against the profile is drawn from a
seed of its own, so that nothing is measured on what something was made from.
"""

import json
import os
import pathlib

from assessment import index_of, percent, run, write_down

CONFIG = "deploy/examples/luggage.toml"
FRESH = "luggage:10:3000"
TO = pathlib.Path("target/scanners/luggage")
PAGE = pathlib.Path("docs/scanners.md")
SEEDS = os.environ.get("SEEDS", "100")
BENIGN = os.environ.get("BENIGN", "500")
RATE = 0.01
BEGIN = "<!-- luggage: made by `make scanners` -->"
RUNS = {f"PGD {strength}/255": ["pgd", "--eps", strength] for strength in (2, 4, 8)} | {"": ["patch,sticker"]}


def attacked(name, attacks):
    """What a red team that knows nothing of the gateway reports of some attacks."""
    out = TO / (name.replace("/", "-").replace(" ", "-") or "patches")
    given = ["--data", FRESH, "--out", out, "--seeds", SEEDS, "--count", BENIGN, "--levels", "oblivious", "--attacks", *attacks]
    return json.loads(run(CONFIG, "redteam", "--json", *given))


def rows():
    heads, lines, found, benign = [], [], [], None
    for name, attacks in RUNS.items():
        report = attacked(name, attacks)
        at = index_of(report, RATE)
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
    write_down(PAGE, BEGIN, list(rows()))


main()
