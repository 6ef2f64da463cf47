"""Pillow's pixels of the shipped photographs, to measure how far the decoders of JPEG differ.

Made for Python 3.11.7, Pillow 13.0.0 with the libjpeg-turbo 3.2.0 that its wheel carries:

    python dump_jpegs.py FOLDER
    cargo run --release -p headstart-benches --example jpeg_difference FOLDER

The first writes FOLDER/{train,validation}/<class>/<name>.rgb, height x width x 3 bytes of
Image.open(f).convert("RGB"), for every image of data/; the second compares them with the crate's. They take 52 MB,
so they are not committed.
"""

import pathlib
import sys

from PIL import Image, features

DATA = pathlib.Path(__file__).parents[3] / "data"


def main():
    dump = pathlib.Path(sys.argv[1])
    count = 0
    for part in ("train", "validation"):
        for source in sorted((DATA / part).rglob("*.jpg")):
            target = dump / source.relative_to(DATA).with_suffix(".rgb")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(Image.open(source).convert("RGB").tobytes())
            count += 1
    print(count, "images, libjpeg-turbo", features.version("libjpeg_turbo"))


main()
