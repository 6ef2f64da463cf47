"""Images through Keras's own loading and preprocessing.

Made with Python 3.11.7, keras 3.15.1 (tensorflow-cpu 2.21.0), Pillow 13.0.0, numpy 2.4.6:

    python generate.py

writes, beside this file, PNG images with alpha, a palette and an EXIF orientation, cases.json (the index), and
*.f32: 3 x height x width little-endian 32-bit floats.

blog         load_img(target_size), img_to_array, ImageDataGenerator(rescale=1. / 255).standardize
caffe        load_img of the upright image, img_to_array, imagenet_utils.preprocess_input(mode="caffe")
torchvision  the same with bilinear interpolation and mode="torch". It divides by 255 where the preset multiplies by
             float32(1 / 255): the last bit differs for some values.
"""

import io
import json
import pathlib

import numpy as np
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
}


def main():
    for old in [*HERE.glob("*.f32"), *HERE.glob("*.png")]:
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
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
