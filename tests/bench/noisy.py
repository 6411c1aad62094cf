"""A test half with noise that nobody sees: every value of every picture changed by -1, 0 or 1 of 255 at random, as any
camera would do. `noisy.py NAME FILE` writes it as NPZ; sentinels/run.sh asks what is left of detection.
"""

import sys

import numpy as np
from test_half import test_half


def main():
    name, file = sys.argv[1:]
    pictures, labels = test_half(name)
    noise = np.random.default_rng(1).integers(-1, 2, pictures.shape)
    noisy = np.clip(pictures.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    np.savez_compressed(file, x=noisy, y=labels.astype(np.int64))


if __name__ == "__main__":
    main()
