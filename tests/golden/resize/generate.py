"""What Pillow's resize makes of a row of numbered pixels, and of a small picture.

Made with Python 3.11.7, Pillow 13.0.0, numpy 2.4.6:

    python generate.py

writes, beside this file:

nearest.bin   which source pixel each target pixel shows, little-endian 16-bit numbers, the pairs of nearest.pairs
              in cases.json one after the other: `target` numbers for each [source, target]
source.rgb    the picture, height x width x 3 bytes
*.rgb         the picture resized with each filter to each size
cases.json    the index
"""

import json
import pathlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20261)

# The sides that photos and networks have, and both sides of each. 2/3, 2/5 and the like put a pixel's centre
# exactly on the border of two source pixels.
LARGE = [1, 2, 75, 100, 112, 149, 150, 151, 200, 224, 225, 256, 299, 300, 333, 450, 500, 512, 640, 750, 1050, 1920]
TARGETS = [32, 64, 100, 150, 224, 299]

# Height and width. Pillow filters along the rows first, unless the target lacks more than twice as many rows as
# columns, and the order shows in the result: from 37 x 45, it is the one way at 27 x 40 and the other at 26 x 40.
SIZES = [(20, 20), (37, 20), (50, 61), (5, 90), (36, 46), (1, 1), (64, 45), (27, 40), (26, 40)]


def nearest_indices(source, target):
    numbers = np.arange(source)
    row = np.stack([numbers & 255, numbers >> 8, numbers * 0], axis=-1).astype(np.uint8)[None]
    across = np.asarray(Image.fromarray(row).resize((target, 1), Image.Resampling.NEAREST)).astype(int)[0]
    down = np.asarray(Image.fromarray(row.swapaxes(0, 1)).resize((1, target), Image.Resampling.NEAREST))
    assert (across == down[:, 0]).all()
    return across[:, 0] + 256 * across[:, 1]


def main():
    for old in [*HERE.glob("*.rgb"), *HERE.glob("*.bin")]:
        old.unlink()

    pairs = [(source, target) for source in range(1, 31) for target in range(1, 31)]
    pairs += [(source, target) for source in LARGE for target in TARGETS]
    indices = np.concatenate([nearest_indices(*pair) for pair in pairs])
    (HERE / "nearest.bin").write_bytes(indices.astype("<u2").tobytes())

    height, width = 37, 45
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([128 + 120 * np.sin(x / (3 + c)) * np.cos(y / (4 + c)) for c in range(3)], axis=-1)
    picture[10:20, 15:30] = 255
    picture[22:30, 5:12] = 0
    picture[:, 32:] = rng.integers(0, 256, (height, width - 32, 3))
    picture = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    (HERE / "source.rgb").write_bytes(picture.tobytes())

    filters = []
    for name in ("nearest", "bilinear", "bicubic", "lanczos"):
        for target_height, target_width in SIZES:
            file = f"{name}-{target_height}x{target_width}.rgb"
            resized = picture.resize((target_width, target_height), Image.Resampling[name.upper()])
            (HERE / file).write_bytes(resized.tobytes())
            filters.append({"interpolation": name, "height": target_height, "width": target_width, "rgb": file})

    index = {
        "nearest": {"indices": "nearest.bin", "pairs": pairs},
        "filters": {"source": "source.rgb", "height": height, "width": width, "cases": filters},
    }
    (HERE / "cases.json").write_text(json.dumps(index) + "\n")


main()
