"""Features of a few lossless images, by Keras from the shipped weights, in float64.

Versions: Python 3.11, tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6, pillow 13.0.0, h5py 3.14.0.
Run from the repository's root: python tests/golden/backbone/generate.py

Writes, beside itself:
- *.png: the images, of odd sizes and of every mode that a lossless photograph comes in
- cases.json: a list of {image, preset, height, width, output, shape, blocks, flipped}
- *.f32: the outputs, little-endian float32, channels x height x width

The kernels of the file were written for Theano, which convolves: both spatial axes are reversed here for
TensorFlow, which correlates. `unflipped` leaves that out on purpose: it is what a reader that forgets the
flip would compute.
"""

import json
import pathlib

import h5py
import keras
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
WEIGHTS = HERE.parents[2] / "data" / "weights" / "vgg16_weights.h5"
LAYERS = [1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29]


def images():
    """Smooth colour fields with a hard-edged disc, so that neither flat nor noisy parts alone are tested."""
    rng = np.random.default_rng(20161003)

    def field(height, width, channels):
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        planes = []
        for _ in range(channels):
            a, b, c = rng.uniform(2, 14, 3)
            plane = 0.5 + 0.25 * np.sin(a * x + c) + 0.25 * np.cos(b * y * x + a)
            disc = (x - 0.4) ** 2 + (y - 0.3) ** 2 < rng.uniform(0.01, 0.05)
            planes.append(np.where(disc, 1 - plane, plane) + rng.normal(0, 0.02, plane.shape))
        return np.clip(np.stack(planes, -1), 0, 1)

    def save(name, array):
        Image.fromarray(array).save(HERE / name, optimize=True)

    save("odd.png", (field(61, 97, 3) * 255).astype(np.uint8))
    save("alpha.png", (field(75, 75, 4) * 255).astype(np.uint8))
    save("grey.png", (field(113, 45, 1)[..., 0] * 255).astype(np.uint8))
    save("deep.png", (field(51, 66, 1)[..., 0] * 65535).astype(np.uint16))
    colours = Image.fromarray((field(80, 63, 3) * 255).astype(np.uint8))
    colours.quantize(24).save(HERE / "palette.png", optimize=True)


def network(flip):
    keras.backend.set_floatx("float64")
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(None, None, 3))
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    with h5py.File(WEIGHTS) as file:
        for k, layer in zip(LAYERS, convolutions, strict=True):
            kernel = file[f"layer_{k}"]["param_0"][:].astype(np.float64)
            bias = file[f"layer_{k}"]["param_1"][:].astype(np.float64)
            if flip:
                kernel = kernel[:, :, ::-1, ::-1]
            layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
    return model


def batch(name, preset, height, width):
    """What the script feeds (blog), and what the weights were trained for (caffe): float32, N x H x W x 3."""
    image = keras.utils.load_img(HERE / name, target_size=(height, width), interpolation="nearest")
    array = keras.utils.img_to_array(image, dtype="float32")
    if preset == "blog":
        array *= np.float32(1.0 / 255.0)
    else:
        array = keras.applications.imagenet_utils.preprocess_input(array, data_format="channels_last", mode="caffe")
        assert array.dtype == np.float32
    return array[None].astype(np.float64)


def main():
    images()
    cases = []
    flipped, unflipped = network(True), network(False)

    def case(name, preset, height, width, model, blocks=5, flip=True):
        layer = model.get_layer(f"block{blocks}_pool")
        maps = keras.Model(model.input, layer.output).predict(batch(name, preset, height, width), verbose=0)[0]
        maps = maps.transpose(2, 0, 1).astype("<f4")
        stem = pathlib.Path(name).stem
        output = f"{stem}_{preset}_{height}x{width}_block{blocks}{'' if flip else '_unflipped'}.f32"
        (HERE / output).write_bytes(np.ascontiguousarray(maps).tobytes())
        cases.append(
            dict(image=name, preset=preset, height=height, width=width, output=output,
                 shape=maps.shape, blocks=blocks, flipped=flip)
        )

    for name in ["odd.png", "alpha.png", "grey.png", "deep.png", "palette.png"]:
        case(name, "blog", 150, 150, flipped)
    case("odd.png", "caffe", 150, 150, flipped)
    case("palette.png", "caffe", 101, 75, flipped)
    for blocks in range(1, 6):
        case("odd.png", "blog", 48, 64, flipped, blocks)
    case("odd.png", "blog", 150, 150, unflipped, flip=False)
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
