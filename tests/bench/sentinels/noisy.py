"""Test halves with noise that nobody sees: every value of every picture changed by -1, 0 or 1 of 255 at random, as any
camera would do. Writes cifar10-noisy.npz and gtsrb-noisy.npz into a folder; sentinels.sh asks what is left of detection.
"""

import sys
from pathlib import Path

import numpy as np

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def cifar10():
    rows = np.fromfile(SHARED / "cifar10/test_batch.bin", np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]


def gtsrb():
    test = np.load(SHARED / "gtsrb/test.npz")
    return test["x"], test["y"]


def main():
    for read in [cifar10, gtsrb]:
        pictures, labels = read()
        noise = np.random.default_rng(1).integers(-1, 2, pictures.shape)
        noisy = np.clip(pictures.astype(np.int16) + noise, 0, 255).astype(np.uint8)
        np.savez_compressed(Path(sys.argv[1]) / f"{read.__name__}-noisy.npz", x=noisy, y=labels.astype(np.int64))


if __name__ == "__main__":
    main()
