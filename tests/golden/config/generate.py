"""Configurations beside weights, as timm and transformers write them, and what they themselves make of them.

Made with Python 3.11.7, timm 1.0.31, transformers 5.24.0, torch 2.15.0, torchvision 0.29.2, Pillow 13.0.0, numpy 2.4.6:

    python generate.py

writes, beside this file:

timm-*.json          config.json of models, by timm's writer for the Hugging Face hub
transformers-*.json  preprocessor_config.json, by save_pretrained of image processors
values.f32           ../fit/landscape.png through these image processors on Pillow, one after the other:
                     3 x height x width little-endian 32-bit floats
cases.json           the index: of timm's files what resolve_data_config takes from them, of the others the size

Of a crop that begins between two pixels, timm takes the even number and transformers the lower one. Here these are the same.
"""

import json
import pathlib
import tempfile

import numpy as np
import timm
import transformers
from PIL import Image
from timm.data import resolve_data_config
from timm.models._hub import load_model_config_from_path, save_config_for_hf

HERE = pathlib.Path(__file__).parent

MODELS = [
    "tf_efficientnet_lite0.in1k",
    "tf_efficientnet_lite2.in1k",
    "tf_efficientnet_lite4.in1k",
    "mobilenetv3_large_100.ra_in1k",
    "repvgg_a2.rvgg_in1k",
    "resnet18.a1_in1k",
    "resnet34.ra4_e3600_r224_in1k",
    "resnet50.tv_in1k",
    "resnet50.tv2_in1k",
    "vgg16.tv_in1k",
]

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}

PROCESSORS = {
    "vit": ("ViTImageProcessorPil", {"size": {"height": 20, "width": 28}}),
    "mobilenet-v2": ("MobileNetV2ImageProcessorPil", {"size": {"shortest_edge": 22}, "crop_size": 16}),
    "bit": ("BitImageProcessorPil", {"size": {"shortest_edge": 18}, "crop_size": 18, **IMAGENET}),
    "convnext": ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 16}, "crop_pct": 0.9, **IMAGENET}),
    "levels": ("ViTImageProcessorPil", {"size": 16, "do_normalize": False, "do_rescale": False, "resample": 0}),
    "efficientnet": ("EfficientNetImageProcessorPil", {"size": 19, "include_top": False, **IMAGENET}),
}


def main():
    for old in [*HERE.glob("*.json"), *HERE.glob("*.f32")]:
        old.unlink()
    cases, values = [], b""
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "config.json"
            save_config_for_hf(timm.create_model(name, pretrained=False), str(path))
            cfg = load_model_config_from_path(folder)[0]
            file = f"timm-{name}.json"
            (HERE / file).write_bytes(path.read_bytes())
        cases.append({"file": file, "name": name, "takes": resolve_data_config(pretrained_cfg=cfg)})
    image = Image.open(HERE / "../fit/landscape.png").convert("RGB")
    for name, (processor, settings) in PROCESSORS.items():
        processor = getattr(transformers, processor)(**settings)
        file = f"transformers-{name}.json"
        with tempfile.TemporaryDirectory() as folder:
            processor.save_pretrained(folder)
            (HERE / file).write_bytes((pathlib.Path(folder) / "preprocessor_config.json").read_bytes())
        result = np.asarray(processor(image, return_tensors="np")["pixel_values"][0])
        values += result.astype("<f4").tobytes()
        cases.append({"file": file, "height": result.shape[1], "width": result.shape[2]})
    (HERE / "values.f32").write_bytes(values)
    (HERE / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
