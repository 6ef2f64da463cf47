"""Images through Keras's own loading and preprocessing.

Made with Python 3.11.7, Pillow 13.0.0, numpy 2.4.6, keras 3.15.1, tensorflow-cpu 2.21.0:

    python generate.py

writes, beside this file, PNG images with alpha, a palette and an EXIF orientation, 16-bit grey in each format that
has it, cases.json (the index), and *.f32: 3 x height x width little-endian 32-bit floats.

blog         load_img(target_size), img_to_array, ImageDataGenerator(rescale=1. / 255).standardize
caffe        load_img of the upright image, img_to_array, imagenet_utils.preprocess_input(mode="caffe")
torchvision  the same with bilinear interpolation and mode="torch". It divides by 255 where the preset multiplies by
             float32(1 / 255): the last bit differs for some values.
inception    the same with bicubic interpolation and mode="tf", which divides by 127.5 and subtracts 1

For 16-bit grey, blog goes through the file, which Pillow cuts off at 255; the others go through the high bytes as
8-bit grey, which for PNG are checked against tf.io.decode_png.
"""

import io
import json
import pathlib
import struct
import zlib

import numpy as np
import tensorflow as tf
from keras.src.applications.imagenet_utils import preprocess_input
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from keras.utils import img_to_array, load_img
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20262)


def blog(path, size):
    image = img_to_array(load_img(path, target_size=size), data_format="channels_first")
    return ImageDataGenerator(rescale=1.0 / 255, data_format="channels_first").standardize(image)


def imagenet(path, size, mode, interpolation):
    upright = io.BytesIO()
    ImageOps.exif_transpose(Image.open(path)).save(upright, "PNG")
    image = load_img(upright, target_size=size, interpolation=interpolation)
    return preprocess_input(img_to_array(image, data_format="channels_first"), data_format="channels_first", mode=mode)


PRESETS = {
    "blog": blog,
    "caffe": lambda path, size: imagenet(path, size, "caffe", "nearest"),
    "torchvision": lambda path, size: imagenet(path, size, "torch", "bilinear"),
    "inception": lambda path, size: imagenet(path, size, "tf", "bicubic"),
}


def png_with_transparency(png, grey):
    """A copy of a PNG of 16-bit grey in which one grey is declared transparent."""
    data = b"tRNS" + struct.pack(">H", grey)
    end_of_header = 8 + 25
    chunk = struct.pack(">I", 2) + data + struct.pack(">I", zlib.crc32(data))
    return png[:end_of_header] + chunk + png[end_of_header:]


def grey16_cases():
    size = HEIGHT, WIDTH = 15, 20
    # Dark and light, both sides of each boundary that a conversion could round at.
    edges = [0, 1, 127, 128, 254, 255, 256, 257, 383, 384, 511, 512, 32767, 32768, 65279, 65280, 65407, 65408, 65535]
    grey = np.resize(np.array(edges + list(range(300, 65536, 311))), WIDTH * HEIGHT)
    grey = rng.permutation(grey).reshape(size).astype(np.uint16)
    stored = Image.fromarray(grey)
    inverted = Image.fromarray(65535 - grey)
    stored.save(HERE / "grey16.png")
    (HERE / "grey16-transparent.png").write_bytes(png_with_transparency((HERE / "grey16.png").read_bytes(), 511))
    stored.save(HERE / "grey16.tif", compression="tiff_lzw")
    # The largest value is black.
    inverted.save(HERE / "grey16-white-is-zero.tif", tiffinfo={262: 0})
    (HERE / "grey16.pgm").write_bytes(b"P5 %d %d 65535\n" % (WIDTH, HEIGHT) + grey.astype(">u2").tobytes())

    high = io.BytesIO()
    Image.fromarray((grey >> 8).astype(np.uint8)).save(high, "PNG")
    decoded = tf.io.decode_png((HERE / "grey16.png").read_bytes(), channels=3, dtype=tf.uint8).numpy()
    assert (decoded == np.array(Image.open(high).convert("RGB"))).all()
    (HERE / "high.png").write_bytes(high.getvalue())

    files = ["grey16.png", "grey16-transparent.png", "grey16.tif", "grey16.pgm", "grey16-white-is-zero.tif"]
    for preset, preprocess in PRESETS.items():
        for image in files:
            source = HERE / (image if preset == "blog" else "high.png")
            values = preprocess(str(source), size).astype("<f4").tobytes()
            # Pillow does not invert 16 bits, so that file's numbers are others than the rest's.
            name = "grey16-white-is-zero" if preset == "blog" and "white" in image else "grey16"
            file = HERE / f"{name}-{preset}.f32"
            assert not file.exists() or file.read_bytes() == values, image
            file.write_bytes(values)
            yield {"image": image, "preset": preset, "height": HEIGHT, "width": WIDTH, "values": file.name}
    (HERE / "high.png").unlink()


def main():
    for old in [path for suffix in ("f32", "png", "tif", "pgm") for path in HERE.glob(f"*.{suffix}")]:
        old.unlink()
    exif = Image.Exif()
    exif[274] = 6
    # Every level of every channel occurs, and each image is larger than one target and smaller than the other.
    levels = np.stack([rng.permutation(np.resize(np.arange(256), 23 * 31)) for _ in range(4)], axis=-1)
    levels = levels.reshape(23, 31, 4).astype(np.uint8)
    Image.fromarray(levels).save(HERE / "rgba.png")
    Image.fromarray(levels[:, :, :3]).save(HERE / "rotated.png", exif=exif)
    Image.fromarray(levels[:, :, :3]).quantize(64).save(HERE / "palette.png")

    cases = []
    for name in ("rgba", "rotated", "palette"):
        for preset, preprocess in PRESETS.items():
            for height, width in ((23, 31), (15, 20), (40, 32)):
                file = f"{name}-{preset}-{height}x{width}.f32"
                values = preprocess(str(HERE / f"{name}.png"), (height, width))
                assert values.shape == (3, height, width) and values.dtype == np.float32
                (HERE / file).write_bytes(values.astype("<f4").tobytes())
                case = {"image": f"{name}.png", "preset": preset, "height": height, "width": width, "values": file}
                cases.append(case)
    cases.extend(grey16_cases())
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
