"""Exported models in ONNX Runtime, OpenVINO, Keras and PyTorch, against the probabilities of `headstart predict`.

Versions: Python 3.11, onnx 1.23.2, onnxruntime 1.32.0, openvino 2026.4.1, keras 3.15.1 on jax 0.10.2, torch 2.15.0, timm 1.0.31,
torchvision 0.29.2, safetensors 0.8.0, h5py 3.16.0, numpy 2.4.6, pillow 13.0.0. It takes three minutes.
Run from the repository's root, with the binary built: python tests/golden/export/generate.py [CASE ...]

Every network has parameters by a formula, in files that timm, torchvision or Keras writes, and a head by the same formula. The
images are shipped ones, stored without loss. The code for Python, Keras and PyTorch is that of docs/export.md, word for word, but
for what that page says to change. Every probability must be within 1e-5 of predict's.

Writes, beside itself:
- models.json: the cases, of which crates/headstart/src/export/tests/goldens.rs makes the same models again.
  `scale` is what the kernel of the head's first layer is multiplied by, so that no probability is 0 or 1.
  `probabilities` are those of ONNX Runtime. `onnx`, `keras`, `keras_head` and `pytorch` are SHA-256 of what was written.
  `largest` has the largest differences from predict. Those of `features` are relative to the largest one.
- fitted.json: the largest differences for models of `headstart fit` with the shipped weights, calibration and known images.
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import onnx
import onnxruntime
import openvino
import timm
import torch
import torchvision
from PIL import Image
from safetensors.numpy import load_file
from safetensors.torch import save_file
from timm.utils.model import reparameterize_model

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
NETWORKS = HERE.parent / "networks"
sys.path.insert(0, str(NETWORKS))
import formula  # noqa: E402
import generate as of_torch  # noqa: E402
import generate_keras as of_keras  # noqa: E402

BINARY = os.environ.get("HEADSTART", str(ROOT / "target/release/headstart"))
TOLERANCE = 1e-5
IMAGES = ["bananas_nicu_buculei_01.png", "color_tiger_susan_park_01.png", "hen_01.png"]
# No padding divides these sides evenly.
HEIGHT, WIDTH = 75, 61
ACTIVATIONS = ["linear", "relu", "sigmoid", "softmax", "tanh", "elu", "selu", "softplus", "softsign", "hard_sigmoid", "exponential",
               "silu", "gelu"]

TIMM = {**{f"vgg{n}": f"vgg{n}" for n in (11, 13, 16, 19)}, **of_torch.TIMM}


def cases():
    """A case for each network and each kind of its files, and for what only some models have."""
    networks = [(network, 0) for network in TIMM] + [("repvgg_a0", 1), *of_torch.TORCHVISION]
    networks += [(network, 0) for network in of_keras.NETWORKS]
    found = {network + ("" if form == 0 else f" {form}"): dict(network=network, form=form) for network, form in networks}
    every = [(9, activation) for activation in ACTIVATIONS]
    return found | {
        "vgg11 maps": dict(network="vgg11", form=0, preset="blog", pooling="none", head=[(16, "relu"), (1, "sigmoid")]),
        "vgg11 max": dict(network="vgg11", form=0, preset="caffe", pooling="max"),
        "activations": dict(network="mobilenetv3_small", form=0, pooling="max", head=[*every, (1, "sigmoid")]),
    }


# The file of shipped weights, and flags of fit.
FITTED = {
    "efficientnet_lite0": ("efficientnet_lite0.safetensors", []),
    "efficientnet_lite2": ("efficientnet_lite2.safetensors", []),
    "efficientnet_lite2, mirror images": ("efficientnet_lite2.safetensors", ["--mirror"]),
    "efficientnet_lite0, padded": ("efficientnet_lite0.safetensors", ["--resize", "pad"]),
    "vgg16": ("vgg16_weights.h5", []),
}


def snippet(heading):
    """The Python of a section of docs/export.md."""
    section = (ROOT / "docs/export.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.search(r"```python\n(.*?)```", section, re.S)[1]


def execute(code, inside):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, inside)  # noqa: S102


def headstart(*arguments):
    command = [BINARY, "--threads", "1", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def weights(case):
    """A file of the network's parameters by the formula, as the library saves it."""
    network, form = case["network"], case["form"]
    if network in of_keras.NETWORKS:
        model = of_keras.seeded(of_keras.NETWORKS[network](weights=None, include_top=False, input_shape=(HEIGHT, WIDTH, 3)))
        model.save("weights.h5")
        return "weights.h5"
    model = torch_network(case)
    if case["network"].startswith("vgg"):
        # Most of its parameters, of which headstart has no use.
        del model.pre_logits, model.head
    save_file(of_torch.seeded(model).state_dict(), "weights.safetensors")
    return "weights.safetensors"


def torch_network(case):
    if name := of_torch.TORCHVISION.get((case["network"], case["form"])):
        return getattr(torchvision.models, name)(weights=None)
    model = timm.create_model(TIMM[case["network"]], pretrained=False)
    return reparameterize_model(model) if case["form"] else model


def head(case, row_shape, scale):
    """A head by the formula as a model of Keras, for features as headstart stores them."""
    dense = [keras.layers.Dense(units, activation=activation, name=f"dense_{number}")
             for number, (units, activation) in enumerate(case["head"], 1)]
    flatten = [keras.layers.Flatten(name="flatten_1")] * (len(row_shape) > 1)
    model = keras.Sequential([keras.layers.Input(row_shape), *flatten, *dense])
    for number, layer in enumerate(dense, 1):
        kernel, bias = (tuple(weight.shape) for weight in layer.weights)
        factor = scale if number == 1 else np.float32(np.sqrt(3 / kernel[0]))
        values = [formula.signed(f"head.{number}.kernel", np.prod(kernel)) * factor, formula.signed(f"head.{number}.bias", bias[0])]
        layer.set_weights([values[0].reshape(kernel), np.float32(0.5) * values[1]])
    model.save("head.keras")


def predicted(paths, *flags):
    """predict's probabilities of all classes, in their order, and its novelty where it tells that."""
    lines = headstart("predict", *flags, *paths, "--format", "jsonl", "--answer-all", "--top-k", "3").splitlines()
    answers = [json.loads(line) for line in lines]
    of_classes = [{one["label"]: one["probability"] for one in answer["top"]} for answer in answers]
    return np.array([[row[label] for label in sorted(row)] for row in of_classes]), [answer.get("novelty") for answer in answers]


def both(probabilities):
    """The probabilities of two classes, where Keras has that of the second one alone."""
    return np.concatenate([1 - probabilities, probabilities], 1) if probabilities.shape[1] == 1 else probabilities


def module(case, inside):
    """The module of docs/export.md, with the changes that the page tells."""
    code = snippet("PyTorch")

    def change(old, new):
        nonlocal code
        assert old in code, old
        code = code.replace(old, new)

    if (case["network"], case["form"]) in of_torch.TORCHVISION:
        change("self.backbone.forward_features(", "self.backbone.features(")
    if case["form"] or case["network"].startswith("torchvision"):
        inside["network"] = torch_network(case)
        change("timm.create_model(about[\"architecture\"], num_classes=0)", "network")
    change("maps.mean((2, 3))", {"none": "maps.flatten(1)", "max": "maps.amax((2, 3))", "avg": "maps.mean((2, 3))"}[case["pooling"]])
    linear = "torch.nn.Linear(*reversed(state[\"head.0.weight\"].shape))"
    names = {"relu": "ReLU", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "ELU", "selu": "SELU", "softplus": "Softplus",
             "softsign": "Softsign", "hard_sigmoid": "Hardsigmoid", "silu": "SiLU", "gelu": "GELU", "linear": "Identity"}
    inside["Exponential"] = type("Exponential", (torch.nn.Module,), {"forward": lambda self, values: values.exp()})
    module = {**{name: f"torch.nn.{one}()" for name, one in names.items()}, "softmax": "torch.nn.Softmax(1)",
              "exponential": "Exponential()"}
    layers = []
    for number, (_, activation) in enumerate(case["head"]):
        last = number + 1 == len(case["head"])
        layers += [linear.replace("head.0", f"head.{2 * number}")] + ([] if last else [module[activation]])
    change(linear, ", ".join(layers))
    execute(code, inside)
    return inside["model"]


def fields(message):
    """The fields of a protocol buffer whose fields are numbers and bytes: pairs of their number and value."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte, at, shift = message[at], at + 1, shift + 7
            value |= (byte & 127) << (shift - 7)
            if byte < 128:
                return value

    while at < len(message):
        key, value = number(), number()
        if key & 7 == 2:
            at += value
            value = message[at - value:at]
        yield key >> 3, value


def hash_of(parts):
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def hash_of_onnx(path):
    """Of the graph: the rest tells headstart's version."""
    return hash_of(value for number, value in fields(memoryview(pathlib.Path(path).read_bytes())) if number == 7)


def hash_of_keras(path):
    with zipfile.ZipFile(path) as archive:
        return hash_of(archive.read(name) for name in ("config.json", "model.weights.h5"))


def hash_of_state(path):
    return hash_of(part for name, value in sorted(load_file(path).items()) for part in (name.encode(), value.tobytes()))


def distance(found, expected):
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(f"{np.abs(found - expected).max():.1e}")


def in_runtimes(paths, outputs, inside):
    """Pixels, and what ONNX Runtime, by the code of docs/export.md, and OpenVINO make of them with model.onnx."""
    onnx.checker.check_model("model.onnx", full_check=True)
    Image.open(paths[0]).save("new.png")
    execute(snippet("Python"), inside)
    pixels = np.stack([inside["pixels"](path) for path in paths])
    of_onnx = dict(zip(outputs, inside["session"].run(outputs, {"pixels": pixels})))
    compiled = openvino.Core().compile_model("model.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    of_openvino = compiled({"pixels": pixels})
    return pixels, of_onnx, {name: of_openvino[name] for name in outputs}


def check(case):
    """Compares a case everywhere. The result is what models.json has of it."""
    case = {"head": [(3, "softmax")], **case}
    paths = [NETWORKS / name for name in IMAGES]
    flags = ["--weights", weights(case), "--backbone", case["network"], "--size", f"{HEIGHT}x{WIDTH}", "--resize", "stretch"]
    for kind, path in zip("aab", paths):
        folder = pathlib.Path("images") / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())
    chosen = [part for flag, key in (("--preset", "preset"), ("--pool", "pooling")) if key in case for part in (flag, case[key])]
    headstart("extract", "images", "-o", "features.npy", *flags, *chosen)
    features, header = np.load("features.npy"), json.loads(pathlib.Path("features.jsonl").read_text().splitlines()[0])
    case |= {"preset": header["preset"], "interpolation": header["preprocessing"]["interpolation"], "pooling": header.get("pooling", "none")}
    length = np.sqrt((features.reshape(len(features), -1).astype(np.float64) ** 2).sum(1)).mean()
    case["scale"] = float(f"{3 / length:.3g}")
    head(case, features.shape[1:], np.float32(case["scale"]))
    flags += ["--preset", case["preset"], "--interpolation", case["interpolation"], "--pool", case["pooling"]]
    flags += ["--classes", "a,b,c" if case["head"][-1][0] == 3 else "a,b"]
    expected, _ = predicted(paths, "head.keras", *flags)
    assert 0.001 < expected.min() and expected.max() < 0.999, expected

    inside = {}
    headstart("convert", "head.keras", "-o", "model.onnx", *flags)
    pixels, of_onnx, of_openvino = in_runtimes(paths, ["probabilities", "features"], inside)
    case |= {"onnx": hash_of_onnx("model.onnx"), "probabilities": np.float64(of_onnx["probabilities"]).round(8).tolist()}
    largest = {"onnxruntime": distance(of_onnx["probabilities"], expected), "openvino": distance(of_openvino["probabilities"], expected)}
    for runtime, found in {"onnxruntime": of_onnx, "openvino": of_openvino}.items():
        largest[f"{runtime}, features"] = distance(found["features"] / np.abs(features).max(), features / np.abs(features).max())

    # The head alone takes the features that are in the other file.
    headstart("convert", "head.keras", "-o", "alone.keras", "--no-bundle")
    case["keras_head"] = hash_of_keras("alone.keras")
    of_head = keras.models.load_model("alone.keras").predict(of_onnx["features"], verbose=0)
    largest["keras, head"] = distance(both(of_head), expected)
    if case["network"].startswith("vgg"):
        headstart("convert", "head.keras", "-o", "model.keras", *flags)
        case["keras"] = hash_of_keras("model.keras")
        execute(snippet("Keras"), inside)
        largest["keras"] = distance(both(inside["model"].predict(pixels.transpose(0, 2, 3, 1), verbose=0)), expected)
    if case["network"] not in of_keras.NETWORKS:
        headstart("convert", "head.keras", "-o", "state.safetensors", "--pytorch", *flags)
        case["pytorch"] = hash_of_state("state.safetensors")
        model = module(case, inside)
        with torch.no_grad():
            largest["torch"] = distance(model(torch.from_numpy(pixels)).numpy(), expected)
    assert all(value < TOLERANCE for value in largest.values()), largest
    return case | {"largest": largest}


def check_fitted(one):
    """Compares a model that is fitted to shipped images. The result is what fitted.json has of it."""
    file, flags = one
    for split, count in (("train", 24), ("validation", 4)):
        for kind in sorted((ROOT / "data" / split).iterdir()):
            folder = pathlib.Path(split) / kind.name
            folder.mkdir(parents=True)
            for path in sorted(kind.iterdir())[:count]:
                # Decoders of JPEG differ.
                Image.open(path).convert("RGB").save(folder / f"{path.stem}.png")
    headstart("fit", "train", "-o", "model.safetensors", "--weights", ROOT / "data/weights" / file, "--no-report", *flags)
    paths = sorted(pathlib.Path("validation").rglob("*.png"))
    expected, novelty = predicted(paths, "model.safetensors")
    headstart("convert", "model.safetensors", "-o", "model.onnx")
    inside = {}
    pixels, *runtimes = in_runtimes(paths, ["probabilities", "features", "novelty"], inside)
    headstart("verify", "model.safetensors", "--inputs", "images.npy")
    images, largest = np.load("images.npy"), {}
    compiled = openvino.Core().compile_model("model.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = {"onnxruntime": inside["session"].run(["probabilities"], {"pixels": images})[0],
               "openvino": compiled({"pixels": images})["probabilities"]}
    for (runtime, answer), found in zip(answers.items(), runtimes):
        largest[runtime] = distance(found["probabilities"], expected)
        assert distance(found["novelty"] / np.max(novelty), np.array(novelty) / np.max(novelty)) < 1e-4, (found["novelty"], novelty)
        np.save("answers.npy", answer)
        verified = json.loads(headstart("verify", "model.safetensors", "--outputs", "answers.npy", "--json"))
        largest[f"{runtime}, verify"] = float(f"{verified['probabilities']:.1e}")
    if "--mirror" not in flags:
        headstart("convert", "model.safetensors", "-o", "state.safetensors", "--pytorch")
        execute(snippet("PyTorch"), inside)
        with torch.no_grad():
            largest["torch"] = distance(inside["model"](torch.from_numpy(pixels)).numpy(), expected)
    if file.startswith("vgg"):
        headstart("convert", "model.safetensors", "-o", "model.keras")
        execute(snippet("Keras"), inside)
        largest["keras"] = distance(both(inside["model"].predict(pixels.transpose(0, 2, 3, 1), verbose=0)), expected)
    assert all(value < TOLERANCE for value in largest.values()), largest
    return largest


def main():
    torch.set_num_threads(1)
    for file, every, compare in (("models.json", cases(), check), ("fitted.json", FITTED, check_fitted)):
        path = HERE / file
        found = json.loads(path.read_text()) if path.exists() else {}
        for name in every if len(sys.argv) == 1 else [name for name in every if name in sys.argv]:
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                found[name] = compare(every[name])
            print(name, found[name].get("largest", found[name]), flush=True)
            lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in every if name in found)
            path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
