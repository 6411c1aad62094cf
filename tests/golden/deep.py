"""Makes deep.npz: pictures of more than 8 bits, and what NumPy and SciPy make of them.

    pip install -r requirements.txt && python deep.py

An array `NAME/WHITE` is a picture (height x width x channels, uint16, of which WHITE is white); `NAME/WHITE/SQUEEZER` is that
picture squeezed: medians as uint16, all else as float32 in [0, 1].
"""

from pathlib import Path

import numpy as np

from squeezers import MEDIANS, bit_depth, median, waves

BIT_DEPTHS = [1, 4, 8, 12, 16]
NON_LOCAL_MEANS = [(13, 3, 2), (11, 3, 4), (5, 1, 8)]
PICTURES = [("grey", 17, 31, 1, 65535), ("dual", 12, 14, 2, 65535), ("detector", 21, 16, 1, 4095), ("many", 9, 10, 5, 65535)]


def picture(height, width, channels, white, seed):
    """Waves with noise in the lower bits, as whole numbers."""
    return np.rint(waves(height, width, channels, 0.004, seed) * white).astype(np.uint16)


def non_local_means(plane, search, block, strength):
    """By its definition, in double precision: distances in squares of 8-bit levels, cut to whole steps as in OpenCV."""
    reach, half = search // 2, block // 2
    steps = 255**2 / 2 ** int(np.ceil(np.log2(block**2)))
    step = 2 ** int(np.ceil(np.log2(block**2))) / block**2
    extended = np.pad(plane.astype(np.float64), reach + half, mode="reflect")
    height, width = plane.shape
    total, mean = np.zeros(plane.shape), np.zeros(plane.shape)
    own = extended[reach : reach + height + 2 * half, reach : reach + width + 2 * half]
    for down in range(search):
        for right in range(search):
            other = extended[down : down + own.shape[0], right : right + own.shape[1]]
            windows = np.lib.stride_tricks.sliding_window_view((own - other) ** 2, (block, block))
            weight = np.exp(-np.floor(windows.sum(axis=(2, 3)) * steps + 1e-3) * step / strength**2)
            weight[weight < 0.001] = 0
            total += weight
            mean += weight * other[half : half + height, half : half + width]
    return mean / total


def main():
    arrays = {}
    for seed, (name, height, width, channels, white) in enumerate(PICTURES):
        levels = picture(height, width, channels, white, seed)
        name = f"{name}/{white}"
        arrays[name] = levels
        pixels = levels.astype(np.float32) / np.float32(white)
        for bits in BIT_DEPTHS:
            arrays[f"{name}/bit_depth({bits})"] = bit_depth(pixels, bits)
        for rows, columns in MEDIANS:
            arrays[f"{name}/median({rows},{columns})"] = median(levels, rows, columns)
        for search, block, strength in NON_LOCAL_MEANS:
            planes = [non_local_means(plane, search, block, strength) for plane in np.moveaxis(pixels, -1, 0)]
            squeezed = np.stack(planes, axis=-1).astype(np.float32)
            arrays[f"{name}/nlm({search},{block},{strength})"] = squeezed
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)


if __name__ == "__main__":
    main()
