"""Makes squeezers.npz: pictures, and what NumPy, SciPy, OpenCV, scikit-image and PyWavelets make of them.

    pip install -r requirements.txt && python squeezers.py

An array `NAME` is a picture (height x width x channels, float32 in [0, 1]); `NAME/SQUEEZER` is that picture squeezed, as
float32, or for non-local means as uint8.
"""

from pathlib import Path

import cv2
import numpy as np
import pywt
from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_tv_chambolle

BIT_DEPTHS = range(1, 9)
MEDIANS = [(2, 2), (3, 3), (2, 3), (5, 5)]
NON_LOCAL_MEANS = [(13, 3, 2), (11, 3, 4), (13, 3, 4), (7, 3, 2)]
FEW = ["halves", "grey-1x1", "colour-2x3", "colour-5x4", "grey-28x28", "colour-17x31"]
SIDES = [(1, 1), (2, 3), (5, 4), (28, 28), (32, 32), (17, 31)]


def waves(height, width, channels, noise, seed):
    """Waves, a rectangle with sharp edges and noise, in [0, 1]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = [np.sin(x / (5 + 3 * channel) + channel) * np.cos(y / (7 + channel)) for channel in range(channels)]
    pixels = 0.5 + 0.4 * np.stack(planes, axis=-1)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = random.random(channels)
    pixels += random.normal(0, noise, pixels.shape)
    return pixels.clip(0, 1)


def picture(height, width, channels, noise, seed):
    """Waves, rounded to 8 bits."""
    return np.rint(waves(height, width, channels, noise, seed) * 255).astype(np.float32) / np.float32(255)


def halves(seed):
    """Values that no 8-bit picture has: ties of rounding, and any others."""
    values = np.concatenate([np.arange(65) / 64, np.random.default_rng(seed).random(103)])
    return values.reshape(12, 14, 1).astype(np.float32)


def bit_depth(pixels, bits):
    levels = np.float32(2**bits - 1)
    return np.rint(pixels * levels) / levels


def median(pixels, rows, columns):
    return median_filter(pixels, size=(rows, columns, 1), mode="reflect")


def non_local_means(pixels, search, block, strength):
    pixels = np.rint(pixels * np.float32(255)).astype(np.uint8)
    if pixels.shape[-1] == 1:
        return cv2.fastNlMeansDenoising(pixels, None, strength, block, search)[..., np.newaxis]
    return cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength, block, search)


def gaussian(pixels, sigma):
    return gaussian_filter(pixels, sigma=(sigma, sigma, 0), mode="reflect", truncate=4)


def bilateral(pixels, diameter, colour, space):
    return cv2.bilateralFilter(pixels, diameter, colour / 255, space).reshape(pixels.shape)


def total_variation(pixels, weight):
    pixels = pixels.astype(np.float64)
    return denoise_tv_chambolle(pixels, weight, eps=2e-4, max_num_iter=200, channel_axis=-1)


def wavelet(pixels, sigma):
    height, width, _ = pixels.shape
    threshold = sigma / 255 * np.sqrt(2 * np.log(height * width))
    levels = pywt.dwt_max_level(min(height, width), "haar")
    coarse, *details = pywt.wavedec2(pixels.astype(np.float64), "haar", "symmetric", levels, axes=(0, 1))
    details = [tuple(pywt.threshold(detail, threshold, "soft") for detail in level) for level in details]
    return pywt.waverec2([coarse, *details], "haar", "symmetric", axes=(0, 1))[:height, :width]


# Squeezers of whose vectors there are few, and their parameters.
OTHERS = {
    "gaussian": (gaussian, [(0.5,), (1,), (3.5,)]),
    "bilateral": (bilateral, [(5, 20, 1), (9, 50, 3)]),
    "tv": (total_variation, [(0.05,), (0.3,)]),
    "wavelet": (wavelet, [(8,), (30,)]),
}


def others(pictures):
    """Arrays by name."""
    for name in FEW:
        for squeezer, (function, settings) in OTHERS.items():
            for parameters in settings:
                squeezed = function(pictures[name], *parameters).clip(0, 1)
                yield f"{name}/{squeezer}({','.join(map(str, parameters))})", squeezed.astype(np.float32)


def main():
    pictures = {"halves": halves(seed=1), "colour-48x64": picture(48, 64, 3, 0.02, seed=2)}
    for seed, (height, width) in enumerate(SIDES):
        noise = [0.01, 0.03, 0.1][seed % 3]
        pictures[f"grey-{height}x{width}"] = picture(height, width, 1, noise, seed)
        pictures[f"colour-{height}x{width}"] = picture(height, width, 3, noise, seed)
    arrays = dict(pictures)
    for name in ["halves", "grey-28x28", "colour-17x31"]:
        for bits in BIT_DEPTHS:
            arrays[f"{name}/bit_depth({bits})"] = bit_depth(pictures[name], bits)
    for name, pixels in pictures.items():
        for rows, columns in MEDIANS:
            arrays[f"{name}/median({rows},{columns})"] = median(pixels, rows, columns)
        for search, block, strength in NON_LOCAL_MEANS:
            squeezed = non_local_means(pixels, search, block, strength)
            arrays[f"{name}/nlm({search},{block},{strength})"] = squeezed
    arrays.update(others(pictures))
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)


if __name__ == "__main__":
    main()
