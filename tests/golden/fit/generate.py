"""Images brought to a network's input by timm's transforms for evaluation.

Made with Python 3.11.7, timm 1.0.31, torchvision 0.29.2, torch 2.15.0, Pillow 13.0.0, numpy 2.4.6:

    python generate.py

writes, beside this file:

*.png        the pictures, cut from a shipped image and resized
pixels.rgb   the results of the cases with a small input, one after the other: height x width x 3 bytes
values.f32   the results of the cases with values, one after the other: 3 x height x width little-endian 32-bit floats
cases.json   the index. A case without pixels has the FNV-1a hash of them (64 bits, hexadecimal) instead.

stretch is timm's crop_mode squash, crop is center, pad is border; the first and the last with a crop_pct of 1. timm has
no size for pad where the short side would vanish, so it has no such case.
"""

import json
import pathlib

import numpy as np
import torch
from PIL import Image
from timm.data import create_transform

HERE = pathlib.Path(__file__).parent
IMAGE = HERE / "../../../data/validation/animals/color_tiger_susan_park_01.jpg"

MODES = {"stretch": "squash", "crop": "center", "pad": "border"}
PRESETS = {
    "inception": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    "torchvision": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
}

# What timm's pretrained_cfg says of the networks: side, crop_pct, interpolation, preset.
NETWORKS = {
    "tf_efficientnet_lite0.in1k": (224, 0.875, "bicubic", "inception"),
    "tf_efficientnet_lite1.in1k": (240, 0.882, "bicubic", "inception"),
    "tf_efficientnet_lite2.in1k": (260, 0.89, "bicubic", "inception"),
    "tf_efficientnet_lite3.in1k": (300, 0.904, "bilinear", "inception"),
    "tf_efficientnet_lite4.in1k": (380, 0.92, "bilinear", "inception"),
    "mobilenetv2_100.ra_in1k": (224, 0.875, "bicubic", "torchvision"),
    "repvgg_a2.rvgg_in1k": (224, 0.875, "bilinear", "torchvision"),
    "resnet50.tv_in1k": (224, 0.875, "bilinear", "torchvision"),
    "resnet50.a1_in1k": (224, 0.95, "bicubic", "torchvision"),
    "resnet50.a1_in1k, test size": (288, 1.0, "bicubic", "torchvision"),
}

# Height and width.
SMALL_INPUTS = [(16, 16), (12, 20), (17, 13)]


def pictures():
    image = Image.open(IMAGE).convert("RGB")
    square = min(image.size)
    whole = image.crop((0, 0, square, square))
    sizes = {"landscape": (101, 67), "portrait": (61, 90), "square": (48, 48), "tiny": (5, 7), "extreme": (160, 16)}
    for name, (width, height) in sizes.items():
        longest = max(width, height)
        part = whole.crop((0, 0, square * width // longest, square * height // longest))
        picture = part.resize((width, height), Image.Resampling.BOX)
        picture.save(HERE / f"{name}.png", optimize=True)
        yield name, picture


def transformed(picture, size, fit, fraction, interpolation, preset, normalize):
    transform = create_transform(
        (3, *size),
        is_training=False,
        interpolation=interpolation,
        crop_pct=fraction,
        crop_mode=MODES[fit],
        normalize=normalize,
        **PRESETS[preset],
    )
    result = transform(picture).numpy()
    assert result.shape == (3, *size) and result.dtype == (np.float32 if normalize else np.uint8)
    return result


def fnv1a(data):
    state = 0xCBF29CE484222325
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return f"{state:016x}"


def main():
    for old in [*HERE.glob("*.png"), *HERE.glob("*.rgb"), *HERE.glob("*.f32")]:
        old.unlink()
    torch.set_num_threads(1)
    cases, pixels, values = [], b"", b""
    configurations = list(NETWORKS.items())
    for name, picture in pictures():
        def case(size, fit, fraction, interpolation, preset):
            about = {"image": f"{name}.png", "height": size[0], "width": size[1], "fit": fit}
            about |= {"interpolation": interpolation, "preset": preset}
            if fit == "crop":
                about["fraction"] = fraction
            result = transformed(picture, size, fit, fraction, interpolation, preset, normalize=False)
            return about, result.transpose(1, 2, 0).tobytes()

        for size in SMALL_INPUTS:
            # The preset changes no pixel of a crop.
            crops = {(fraction, interpolation) for _, (_, fraction, interpolation, _) in configurations}
            chosen = [("crop", *crop, "inception") for crop in sorted(crops)]
            chosen += [(fit, 1.0, i, p) for fit in ("stretch", "pad") for i in ("nearest", "bicubic") for p in PRESETS]
            for fit, fraction, interpolation, preset in chosen:
                try:
                    about, result = case(size, fit, fraction, interpolation, preset)
                except ValueError as error:
                    assert fit == "pad" and "must be > 0" in str(error)
                    continue
                if fit != "stretch" or preset == "inception":
                    pixels += result
                    cases.append(about | {"pixels": True})
        for network, (side, fraction, interpolation, preset) in configurations:
            about, result = case((side, side), "crop", fraction, interpolation, preset)
            cases.append(about | {"network": network, "fnv1a": fnv1a(result)})
        if name == "landscape":
            for fit in MODES:
                for preset in PRESETS:
                    fraction = 0.89 if fit == "crop" else 1.0
                    about, _ = case((16, 16), fit, fraction, "bicubic", preset)
                    result = transformed(picture, (16, 16), fit, fraction, "bicubic", preset, normalize=True)
                    values += result.astype("<f4").tobytes()
                    cases.append(about | {"values": True})
    (HERE / "pixels.rgb").write_bytes(pixels)
    (HERE / "values.f32").write_bytes(values)
    (HERE / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
