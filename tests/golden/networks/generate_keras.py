"""Features of seeded networks by Keras applications, in float64, and the names in their files.

Versions: Python 3.11, keras 3.15.1 on jax 0.10.2, h5py 3.16.0, numpy 2.4.6.
Run from the repository's root: KERAS_BACKEND=jax python tests/golden/networks/generate_keras.py

Writes, beside itself:
- keras.json: as timm.json
- {network}.{form}.f32: as of generate.py
- keras_files.json: for each network and some of the files that Keras saves of it the names that matter: the attributes
  of groups and the shapes of datasets. `whole` is the model with its classifier, `base` the one without it, `nested` a
  model that holds the one without a classifier as a layer. `.h5` has the layout of Keras 2, `.weights.h5` that of Keras 3,
  which is also what a `.keras` archive holds.
"""

import json
import os
import pathlib
import tempfile
import zipfile

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"

import formula
import h5py
import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
SIZES = [(64, 64), (75, 61)]
KINDS = {"keras_mobilenetv2": ["whole", "nested"], "keras_resnet50": ["base"]}
NETWORKS = {"keras_mobilenetv2": keras.applications.MobileNetV2, "keras_resnet50": keras.applications.ResNet50}


def seeded(model):
    """The model with the formula's parameters, whose names are `{layer}.{position}`."""
    for layer in model.layers:
        values = []
        for position, weight in enumerate(layer.weights):
            name, shape = f"{layer.name}.{position}", tuple(weight.shape)
            if len(shape) == 4:
                axes = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (3, 2, 0, 1)
                kernel = formula.tensor(name, "kernel", [shape[axis] for axis in axes])
                values.append(kernel.transpose(np.argsort(axes)))
            else:
                kind = {"gamma": "gamma", "moving_variance": "variance"}.get(weight.name, "mean")
                values.append(formula.tensor(name, kind, shape))
        layer.set_weights(values)
    return model


def listing(path):
    """The names in a file: groups with the attributes that matter, and the shapes of datasets."""
    found = {"attributes": {}, "shapes": {}}

    def visit(name, node):
        for key in ("layer_names", "weight_names", "name"):
            if key in node.attrs and len(node.attrs[key]):
                value = node.attrs[key]
                text = lambda v: v.decode() if isinstance(v, bytes) else str(v)
                found["attributes"][f"{name}@{key}"] = text(value) if key == "name" else [text(v) for v in value]
        if isinstance(node, h5py.Dataset):
            found["shapes"][name] = list(node.shape)

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
    # Keras 3 names layers without parameters too.
    groups = {name.rsplit("/", 1)[0] for name in found["shapes"]}
    keep = lambda key: not key.endswith("@name") or key.split("@")[0] in groups
    found["attributes"] = {key: value for key, value in found["attributes"].items() if keep(key)}
    return found


def main():
    keras.backend.set_floatx("float64")
    cases, files = [], {}
    for network, build in NETWORKS.items():
        output, start = f"{network}.0.f32", 0
        with (HERE / output).open("wb") as file:
            for height, width in SIZES:
                model = seeded(build(weights=None, include_top=False, input_shape=(height, width, 3)))
                images = formula.images(1, height, width).astype(np.float64).transpose(0, 2, 3, 1)
                maps = np.asarray(model(images, training=False))[0].transpose(2, 0, 1)
                file.write(maps.mean((1, 2)).astype("<f4").tobytes())
                channels, rows, columns = maps.shape
                places = [(7, 0, 0), (channels // 2, rows - 1, 0), (channels - 3, 0, columns - 1)]
                values = [(*place, float(maps[place])) for place in places]
                cases.append(
                    dict(network=network, form=0, model=f"keras {build.__name__}", height=height, width=width,
                         output=output, start=start, shape=list(maps.shape), maps=values)
                )
                start += channels
    (HERE / "keras.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")

    keras.backend.set_floatx("float32")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for network, build in NETWORKS.items():
            base = build(weights=None, include_top=False, input_shape=(64, 64, 3))
            nested = keras.Sequential([base, keras.layers.Flatten(), keras.layers.Dense(1)])
            nested.build((None, 64, 64, 3))
            models = {"whole": build(weights=None), "base": base, "nested": nested}
            for kind in KINDS[network]:
                models[kind].save(folder / "model.h5")
                models[kind].save_weights(folder / "model.weights.h5")
                models[kind].save(folder / "model.keras")
                with zipfile.ZipFile(folder / "model.keras") as archive:
                    archive.extract("model.weights.h5", folder / "archive")
                found = files.setdefault(network, {})
                found[f"{kind}.h5"] = listing(folder / "model.h5")
                found[f"{kind}.weights.h5"] = listing(folder / "model.weights.h5")
                archived = listing(folder / "archive" / "model.weights.h5")
                assert {k: v for k, v in archived["shapes"].items() if k.startswith("layers")} == {
                    k: v for k, v in found[f"{kind}.weights.h5"]["shapes"].items() if k.startswith("layers")
                }
    (HERE / "keras_files.json").write_text(json.dumps(files, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
