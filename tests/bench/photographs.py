"""The photographs of ../shared in two parts: two of five train a sentinel (`train.csv`), the others calibrate and are attacked
(`rest.csv`). `photographs.py FOLDER` writes both there.
"""

import sys
from pathlib import Path

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared/data/imagenet"


def main():
    to = Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    lines = [f"{file},{label}\n" for label, file in enumerate(sorted(PHOTOGRAPHS.rglob("*.jpg")))]
    parts = {"train.csv": [0, 1], "rest.csv": [2, 3, 4]}
    for name, remainders in parts.items():
        (to / name).write_text("".join(line for label, line in enumerate(lines) if label % 5 in remainders))


if __name__ == "__main__":
    main()
