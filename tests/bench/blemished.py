"""A test half with something on every picture that is no attack: `blemished.py NAME KIND FILE` writes it as NPZ, for
sentinels/run.sh to ask what a line-up makes of it.

* `noise`: every value changed by -1, 0 or 1 of 255 at random, as any camera would do, which nobody sees.
* `pieces`: somewhere on it a square of another picture, as large as an adversarial patch.
* `squares`: as large a square of random colours.
"""

import sys

import numpy as np
from test_half import test_half

# The side of an adversarial patch of `redteam` as a share of the picture's.
SIDE = 0.3


def noise(pictures, random):
    return np.clip(pictures.astype(np.int16) + random.integers(-1, 2, pictures.shape), 0, 255).astype(np.uint8)


def pieces(pictures, random):
    def piece(side):
        other = pictures[random.integers(len(pictures))]
        return other[corner(other, side, random)]

    return covered(pictures, random, piece)


def squares(pictures, random):
    return covered(pictures, random, lambda side: random.integers(0, 256, (side, side, pictures.shape[3])))


def covered(pictures, random, cover):
    """The pictures, each with what `cover` makes for a side in pixels."""
    made, side = pictures.copy(), round(SIDE * pictures.shape[1])
    for picture in made:
        picture[corner(picture, side, random)] = cover(side)
    return made


def corner(picture, side, random):
    """A square somewhere in the picture."""
    down, right = random.integers(0, [length - side + 1 for length in picture.shape[:2]])
    return np.s_[down : down + side, right : right + side]


def main():
    name, kind, file = sys.argv[1:]
    pictures, labels = test_half(name)
    blemished = {"noise": noise, "pieces": pieces, "squares": squares}[kind]
    np.savez_compressed(file, x=blemished(pictures, np.random.default_rng(1)), y=labels.astype(np.int64))


if __name__ == "__main__":
    main()
