"""The photographs of ../shared in three parts: 400 train a sentinel (`train.csv`), 50 are attacked to choose detectors and
weights by (`choose.csv`), the others calibrate and are attacked for what is reported (`rest.csv`). `photographs.py FOLDER`
writes all three there.
"""

import sys
from pathlib import Path

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared/data/imagenet"


def part(label):
    if label % 5 < 2:
        return "train"
    return "choose" if label % 20 == 4 else "rest"


def main():
    to = Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    photographs = sorted(PHOTOGRAPHS.rglob("*.jpg"))
    for name in ("train", "choose", "rest"):
        lines = (f"{file},{label}\n" for label, file in enumerate(photographs) if part(label) == name)
        (to / f"{name}.csv").write_text("".join(lines))


if __name__ == "__main__":
    main()
