"""What scripts share that have a guarded model assessed and write what was found into a page of docs/."""

import os
import pathlib
import subprocess

SHARED = pathlib.Path("../shared")
PROGRAM = os.environ.get("PORTCULLIS", "target/release/portcullis")
END = "<!-- until here -->"


def run(config, command, *arguments, settings=None):
    """What a command prints under a configuration, of which `settings` replace keys."""
    line = [PROGRAM, "--config", config, "--log", "error"]
    for key, value in (settings or {}).items():
        line += ["--set", f"{key}={value}"]
    done = subprocess.run([*map(str, line), command, *map(str, arguments)], check=True, stdout=subprocess.PIPE)
    return done.stdout


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
