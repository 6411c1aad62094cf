"""Reads the PNG files that the tests send: grey, of 8 bits, not interlaced."""

import struct
import zlib

import numpy as np


def chunks(data):
    at = 8
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def paeth(left, above, corner):
    distances = [abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)]
    return (left, above, corner)[distances.index(min(distances))]


def decode(data):
    parts = list(chunks(data))
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", dict(parts)[b"IHDR"])
    if (depth, colour, interlace) != (8, 0, 0):
        raise ValueError("not a plain grey PNG file")
    packed = zlib.decompress(b"".join(content for name, content in parts if name == b"IDAT"))
    pixels = np.zeros((height + 1, width + 1), np.int64)
    for y in range(1, height + 1):
        kind, *row = packed[(y - 1) * (width + 1) : y * (width + 1)]
        for x, value in enumerate(row, 1):
            left, above, corner = (int(side) for side in (pixels[y, x - 1], pixels[y - 1, x], pixels[y - 1, x - 1]))
            predicted = [0, left, above, (left + above) // 2, paeth(left, above, corner)][kind]
            pixels[y, x] = (value + predicted) % 256
    return pixels[1:, 1:].astype(np.uint8)
