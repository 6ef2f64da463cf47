"""Features and ImageNet classes of some shipped images, by timm from the shipped weights, in float64.

Versions: Python 3.11, torch 2.15.0, torchvision 0.29.2, timm 1.0.31, safetensors 0.8.0, pillow 13.0.0, numpy 2.4.6.
Run from the repository's root: python tests/golden/networks/generate_shipped.py

Writes, beside itself:
- shipped.json: a list of {network, image, lossless, output, start, top}
- {name}.png: the shipped images without loss, because decoders of JPEG differ
- {network}.shipped.f32: the means of the maps, 1280 values for each image, float32, little-endian

The images are preprocessed by timm's own transforms for evaluation. `start` is where the image's means begin, counted in
values; `top` are the five classes that timm's classifier gives, the likeliest first, and their logits.
"""

import json
import pathlib

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent
DATA = HERE.parents[2] / "data"
NETWORKS = {"efficientnet_lite0": "tf_efficientnet_lite0", "efficientnet_lite2": "tf_efficientnet_lite2"}
IMAGES = [
    "animals/hen_01",
    "animals/color_tiger_susan_park_01",
    "food/bananas_nicu_buculei_01",
]


def main():
    torch.set_num_threads(1)
    cases = []
    for network, name in NETWORKS.items():
        model = timm.create_model(name, pretrained=False).eval()
        state = load_file(DATA / "weights" / f"{network}.safetensors")
        missing, unexpected = model.load_state_dict(state, strict=False)
        assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing)
        transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))
        model, rows = model.double(), []
        for image in IMAGES:
            decoded = Image.open(DATA / "validation" / f"{image}.jpg").convert("RGB")
            lossless = f"{pathlib.Path(image).name}.png"
            decoded.save(HERE / lossless, optimize=True)
            pixels = transform(decoded)[None].double()
            with torch.no_grad():
                maps = model.forward_features(pixels)
                logits = model.forward_head(maps)[0]
            top = [(int(at), float(logits[at])) for at in logits.argsort(descending=True)[:5]]
            cases.append(
                dict(network=network, image=image, lossless=lossless, output=f"{network}.shipped.f32", start=sum(map(len, rows)), top=top)
            )
            rows.append(maps.mean((2, 3))[0].numpy().astype("<f4"))
        (HERE / f"{network}.shipped.f32").write_bytes(np.concatenate(rows).tobytes())
    (HERE / "shipped.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


if __name__ == "__main__":
    main()
