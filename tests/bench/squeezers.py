"""Times our squeezers beside those of OpenCV and SciPy, and what reads and writes tensors beside NumPy, each in one thread, and
prints the ratios.

Ours and theirs take turns; a time is the least of all, which other work on the machine disturbs least, and a ratio
stands beside the least and the largest of the single rounds. `make bench-squeezers` runs this.
"""

import json
import os
import subprocess
import sys
import timeit
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import median_filter

ROOT = Path(__file__).resolve().parents[2]
# What the golden vectors are made by is what ours are held against.
sys.path.insert(0, str(ROOT / "tests/golden"))
import squeezers as golden  # noqa: E402

RESULTS = ROOT / "target/squeezers"
ROUNDS = 5
# Seconds that a library has in a round, and that one of its measurements takes at least.
TURN, MEASUREMENT = 0.3, 0.005
# From the values of a tensor to a picture, and from a picture to a tensor.
TENSORS = ["decode", "encode"]
# The squeezers that together are published for pictures of 32x32, and what their times are held against.
JOINT = ["bit_depth(5)", "median(2,2)", "nlm(13,3,2)"]
PREDICTION = "resnet20"


def picture(side):
    """Waves with a little noise, in 8 bits: the picture that `squeezers.rs` makes too."""
    index = np.arange(3 * side * side, dtype=np.int64)
    x, y = index % side, index // side
    noise = (index * 2654435761 % 2**32) / (2**32 - 1) - 0.5
    pixels = np.rint(255 * (0.5 + 0.4 * np.sin(x / 6) * np.cos(y / 8) + 0.1 * noise))
    return np.ascontiguousarray(pixels.reshape(3, side, side).transpose(1, 2, 0).astype(np.uint8))


def non_local_means(pixels, search, block, strength):
    return lambda: cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength, block, search)


def jpeg(pixels, quality):
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return lambda: cv2.imdecode(cv2.imencode(".jpg", pixels, options)[1], cv2.IMREAD_COLOR)


def resize(floats, factor):
    side = round(factor * len(floats))
    smaller = lambda: cv2.resize(floats, (side, side), interpolation=cv2.INTER_AREA)
    return lambda: cv2.resize(smaller(), floats.shape[:2], interpolation=cv2.INTER_LINEAR)


def crop(floats, share):
    side = round(share * len(floats))
    start = (len(floats) - side) // 2
    middle = floats[start : start + side, start : start + side]
    return lambda: cv2.resize(middle, floats.shape[:2], interpolation=cv2.INTER_LINEAR)


def noise(floats, sigma):
    random = np.random.default_rng(1)
    return lambda: (floats + sigma / 255 * random.standard_normal(floats.shape, np.float32)).clip(0, 1)


def tensors(floats):
    """What reads a picture from the values of a tensor, in [0, 1], and what writes it so, channels first."""
    mean, std = (np.array(each, np.float32).reshape(3, 1, 1) for each in [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    planes = np.ascontiguousarray(floats.transpose(2, 0, 1))
    values = (planes - mean) / std
    return {"decode": lambda: (values * std + mean).clip(0, 1), "encode": lambda: ((planes - mean) / std)[np.newaxis]}


def comparisons():
    """Rows of the table: what of ours, beside what, the function to time, the goal for the ratio if there is one."""
    for side in [224, 32]:
        pixels = picture(side)
        floats = pixels.astype(np.float32) / np.float32(255)
        opencv = lambda floats=floats: cv2.medianBlur(floats, 3)
        scipy = lambda floats=floats: median_filter(floats, size=(2, 2, 1), mode="reflect")
        yield "median(2,2)", side, "OpenCV median 3x3, float", opencv, 0.5
        yield "median(3,3)", side, "OpenCV median 3x3, float", opencv, 0.5
        yield "median(2,2)", side, "SciPy median 2x2, float", scipy, 0.02
        for parameters in [(11, 3, 4), (13, 3, 2)]:
            name = f"nlm({','.join(map(str, parameters))})"
            yield name, side, "OpenCV non-local means", non_local_means(pixels, *parameters), 0.2
        yield "bilateral(9,50,3)", side, "OpenCV bilateral", lambda f=floats: golden.bilateral(f, 9, 50, 3), None
        yield "crop(0.9)", side, "OpenCV resize", crop(floats, 0.9), None
        yield "gaussian(1)", side, "SciPy Gaussian", lambda f=floats: golden.gaussian(f, 1), None
        yield "jpeg(75)", side, "OpenCV JPEG", jpeg(pixels, 75), None
        yield "noise(8,1)", side, "NumPy noise", noise(floats, 8), None
        yield "resize(0.5)", side, "OpenCV resize, twice", resize(floats, 0.5), None
        yield "tv(0.05)", side, "scikit-image Chambolle", lambda f=floats: golden.total_variation(f, 0.05), None
        yield "wavelet(8)", side, "PyWavelets", lambda f=floats: golden.wavelet(f, 8), None
        for name, function in tensors(floats).items():
            yield name, side, "NumPy", function, None


def our_round():
    """Microseconds by benchmark."""
    command = [os.environ.get("CARGO", "cargo"), "bench", "--quiet", "--locked", "--no-default-features", "--bench", "squeezers", "--"]
    command += ["--quiet", "--noplot"]
    environment = dict(os.environ, CRITERION_HOME=str(RESULTS))
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    times = {}
    for file in RESULTS.rglob("new/sample.json"):
        sample = json.loads(file.read_text())
        name = json.loads((file.parent / "benchmark.json").read_text())["full_id"]
        times[name] = min(spent / runs for spent, runs in zip(sample["times"], sample["iters"])) / 1e3
    return times


def their_time(function):
    """Microseconds."""
    timer = timeit.Timer(function)
    runs = 1
    while (spent := timer.timeit(runs)) < MEASUREMENT:
        runs *= 2
    repetitions = max(3, int(TURN / spent))
    return 1e6 * min(timer.repeat(repetitions, runs)) / runs


def of(times, name, side):
    return times[f"{'tensors' if name in TENSORS else 'squeezers'}/{name}/{side}"]


def row(what, ours, name, theirs, goal):
    ratios = [our / their for our, their in zip(ours, theirs)]
    ratio = min(ours) / min(theirs)
    spread = f"{min(ratios):.3f}-{max(ratios):.3f}"
    verdict = f"{goal:5} {'met' if ratio <= goal else 'missed'}" if goal else ""
    print(
        f"{what:22} {min(ours):8.2f} {max(ours):8.2f}   {name:25} {min(theirs):9.2f} {max(theirs):9.2f}"
        f"   {ratio:5.3f}  {spread}  {verdict}".rstrip()
    )


def main():
    cv2.setNumThreads(1)
    rows = list(comparisons())
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(our_round())
        theirs.append([their_time(function) for _, _, _, function, _ in rows])
    print(f"{'':22} {'ours, µs':>8} {'to':>8}   {'':25} {'µs':>9} {'to':>9}   ratio  {'by round':11}   goal")
    for index, (ours_is, side, name, _, goal) in enumerate(rows):
        times = [of(times, ours_is, side) for times in ours]
        row(f"{ours_is} {side}x{side}", times, name, [times[index] for times in theirs], goal)
    if PREDICTION in ours[0]:
        together = [sum(of(times, name, 32) for name in JOINT) for times in ours]
        row("all three 32x32", together, "ResNet-20 prediction", [times[PREDICTION] for times in ours], 0.15)
    else:
        print("skipped: ../shared is missing")


if __name__ == "__main__":
    main()
