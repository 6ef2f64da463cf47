"""Features of seeded networks by timm and torchvision, in float64.

Versions: Python 3.11, torch 2.15.0, torchvision 0.29.2, timm 1.0.31, numpy 2.4.6.
Run from the repository's root: python tests/golden/networks/generate.py

Writes, beside itself:
- timm.json: a list of {network, form, model, height, width, output, start, shape, maps}
- {network}.{form}.f32: the means of the maps, float32, little-endian, those of all sizes one after the other

`form` counts the ways in which files of the network name or arrange its parameters, from 0. `start` is where the case's
means begin, counted in values. `maps` are some values of the maps: (channel, row, column, value).
"""

import json
import pathlib

import formula
import timm
import torch
import torchvision
from timm.utils.model import reparameterize_model

HERE = pathlib.Path(__file__).parent
SIZES = [(64, 64), (75, 61)]

TIMM = {
    **{f"efficientnet_lite{n}": f"tf_efficientnet_lite{n}" for n in range(5)},
    "mobilenetv2": "mobilenetv2_100",
    "mobilenetv3_large": "mobilenetv3_large_100",
    "mobilenetv3_small": "mobilenetv3_small_100",
    **{f"repvgg_{n}": f"repvgg_{n}" for n in ("a0", "a1", "a2", "b0", "b1")},
    **{f"resnet{n}": f"resnet{n}" for n in (18, 34, 50)},
}
TORCHVISION = {
    ("mobilenetv2", 1): "mobilenet_v2",
    ("torchvision_mobilenetv3_large", 0): "mobilenet_v3_large",
    ("torchvision_mobilenetv3_small", 0): "mobilenet_v3_small",
}


def seeded(model):
    """The model with the formula's parameters, but for counters and classifiers."""
    kinds = {"running_mean": "mean", "running_var": "variance", "bias": "bias"}
    state = model.state_dict()
    for name, value in state.items():
        if value.dtype == torch.float32:
            kind = "kernel" if value.ndim == 4 else kinds.get(name.rsplit(".", 1)[1], "gamma")
            state[name] = torch.from_numpy(formula.tensor(name, kind, tuple(value.shape)))
    model.load_state_dict(state)
    return model.eval()


def main():
    torch.set_num_threads(1)
    cases = []

    def add(network, form, name, model, features):
        output, start = f"{network}.{form}.f32", 0
        with (HERE / output).open("wb") as file:
            for height, width in SIZES:
                images = torch.from_numpy(formula.images(1, height, width)).double()
                with torch.no_grad():
                    maps = features(model.double(), images)[0]
                means = maps.mean((1, 2)).numpy().astype("<f4")
                file.write(means.tobytes())
                channels, rows, columns = maps.shape
                places = [(7, 0, 0), (channels // 2, rows - 1, 0), (channels - 3, 0, columns - 1)]
                values = [(*place, maps[place].item()) for place in places]
                cases.append(
                    dict(network=network, form=form, model=name, height=height, width=width, output=output, start=start,
                         shape=list(maps.shape), maps=values)
                )
                start += channels

    for network, name in TIMM.items():
        model = seeded(timm.create_model(name, pretrained=False))
        add(network, 0, f"timm {name}", model, lambda model, images: model.forward_features(images))
        if network == "repvgg_a0":
            fused = seeded(reparameterize_model(model.float()))
            add(network, 1, f"timm {name}, fused", fused, lambda model, images: model.forward_features(images))
    for (network, form), name in TORCHVISION.items():
        model = seeded(getattr(torchvision.models, name)(weights=None))
        add(network, form, f"torchvision {name}", model, lambda model, images: model.features(images))
    (HERE / "timm.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


if __name__ == "__main__":
    main()
