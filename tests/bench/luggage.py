"""Attacks the guarded luggage scanner and writes what is found into its table of docs/scanners.md.

The models are those of models/luggage, calibrated there. What is attacked and what is held against the profile is drawn from a
seed of its own, so that nothing is measured on what something was made from.
"""

import functools
import os
import pathlib

from assessment import index_of, oblivious, percent, run, write_down

CONFIG = "deploy/examples/luggage.toml"
FRESH = "luggage:10:3000"
TO = pathlib.Path("target/scanners/luggage")
PAGE = pathlib.Path("docs/scanners.md")
SEEDS = os.environ.get("SEEDS", "100")
BENIGN = os.environ.get("BENIGN", "500")
RATE = 0.01
BEGIN = "<!-- luggage: made by `make scanners` -->"


def rows():
    heads, lines, found, benign = [], [], [], None
    given = ["--data", FRESH, "--seeds", SEEDS, "--count", BENIGN]
    for name, finding, report in oblivious(functools.partial(run, CONFIG), TO, *given):
        at = index_of(report, RATE)
        benign = report["rates"][at]["measured"]
        parts = {part["detector"]: part["detected"][at] for part in finding["detectors"]}
        heads = [f"`{part}` alone" for part in parts]
        together = finding["combined"]["detected"][at]
        found.append(together["rate"])
        cells = [percent(finding["success"]), percent(together), *map(percent, parts.values())]
        lines.append(f"| {name} | {' | '.join(cells)} |")
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
