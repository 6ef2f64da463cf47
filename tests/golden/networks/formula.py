"""Parameters and images by a formula that crates/backbone/tests/common/mod.rs computes to the same bits.

Versions: Python 3.11, numpy 2.4.6.
"""

import math

import numpy as np


def signed(name, count):
    """Values in -1..1: FNV-1a over the name, mixed with the index by the last steps of MurmurHash3."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    bits = np.uint32(seed) ^ (np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9))
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    unit = ((bits ^ (bits >> np.uint32(16))) >> np.uint32(8)).astype(np.float32) / np.float32(16777216)
    return np.float32(2) * unit - np.float32(1)


def images(count, height, width):
    return (np.float32(2) * signed("images", count * 3 * height * width)).reshape(count, 3, height, width)


def tensor(name, kind, shape):
    """A parameter of a layer. Kernels are (out, in, height, width), whatever the library has."""
    values = signed(name, math.prod(shape))
    if kind == "kernel":
        values = values * np.float32(np.sqrt(3 / math.prod(shape[1:])))
    elif kind in ("gamma", "variance"):
        values = np.float32(1) + np.float32(0.5) * values
    else:
        values = np.float32(0.5) * values
    return values.reshape(shape)
