"""What scripts share that have a guarded model assessed and write what was found into a page of docs/."""

import json
import os
import pathlib
import subprocess

SHARED = pathlib.Path("../shared")
PROGRAM = os.environ.get("PORTCULLIS", "target/release/portcullis")
END = "<!-- until here -->"
# What scanners have to withstand: steps of 255 of the range, and what is stuck on.
ATTACKS = {f"PGD {strength}/255": ["pgd", "--eps", strength] for strength in (2, 4, 8)} | {"patches": ["patch,sticker"]}


def run(config, command, *arguments, settings=None):
    """What a command prints under a configuration, of which `settings` replace keys."""
    line = [PROGRAM, "--config", config, "--log", "error"]
    for key, value in (settings or {}).items():
        line += ["--set", f"{key}={value}"]
    done = subprocess.run([*map(str, line), command, *map(str, arguments)], check=True, stdout=subprocess.PIPE)
    return done.stdout


def oblivious(ask, out, *given):
    """What a red team that knows nothing of the gateway finds of each of `ATTACKS`: its name, the finding and the report that
    has it. `ask` is `run` with a configuration."""
    for name, attacks in ATTACKS.items():
        into = out / name.replace("/", "-").replace(" ", "-")
        report = json.loads(ask("redteam", "--json", *given, "--out", into, "--levels", "oblivious", "--attacks", *attacks))
        for finding in report["findings"]:
            yield finding["attack"] if name == "patches" else name, finding, report


def index_of(report, rate):
    """Where a report has what belongs to this false-positive rate."""
    return next(index for index, told in enumerate(report["rates"]) if told["target"] == rate)


def percent(proportion):
    if not proportion["total"]:
        return "none"
    low, high = proportion["interval"]
    return f"{proportion['rate']:.1%} ({low:.1%} to {high:.1%})"


def write_down(page, begin, lines):
    """Prints lines, and puts them between a mark of the page and the next `END`."""
    before, rest = page.read_text().split(begin)
    after = rest.split(END, 1)[1]
    page.write_text("\n".join([before + begin, "", *lines, "", END + after]))
    print("\n".join(lines))
