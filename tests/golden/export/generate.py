"""Exported models in ONNX Runtime, OpenVINO, Keras and PyTorch, against the probabilities of `headstart predict`.

Versions: Python 3.11, onnx 1.23.2, onnxruntime 1.32.0, openvino 2026.4.1, keras 3.15.1 on jax 0.10.2, torch 2.15.0, timm 1.0.31,
torchvision 0.29.2, safetensors 0.8.0, numpy 2.4.6, pillow 13.0.0.
Run from the repository's root, with the binary built: python tests/golden/export/generate.py [NETWORK ...]

For each network that timm or torchvision has: a model is fitted to some shipped images, with the shipped weights or seeded ones
(tests/golden/networks/formula.py), and written by `headstart convert`. Images are decoded by Pillow and stored as PNG, so that all
see the same pixels. The snippets for Python, Keras and PyTorch are those of docs/export.md, word for word. Every probability must
be within 1e-5 of predict's. `measured.json` beside this file has the largest differences.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np
import onnx
import onnxruntime
import openvino
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "networks"))
import generate as networks  # noqa: E402

BINARY = os.environ.get("HEADSTART", str(ROOT / "target/release/headstart"))
TOLERANCE = 1e-5
SHIPPED = {"efficientnet_lite0": "efficientnet_lite0.safetensors", "efficientnet_lite2": "efficientnet_lite2.safetensors",
           "vgg16": "vgg16_weights.h5"}
TIMM = {**{f"vgg{n}": f"vgg{n}" for n in (11, 13, 16, 19)}, **networks.TIMM}
TORCHVISION = {f"torchvision_mobilenetv3_{size}": f"mobilenet_v3_{size}" for size in ("large", "small")}


def snippet(heading):
    """The Python of a section of docs/export.md."""
    section = (ROOT / "docs/export.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.search(r"```python\n(.*?)```", section, re.S)[1]


def run(*arguments, cwd):
    command = [BINARY, "--threads", "1", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def images(folder, per_class):
    for split in ("train", "validation"):
        for kind in sorted((ROOT / "data" / split).iterdir()):
            (folder / split / kind.name).mkdir(parents=True)
            for path in sorted(kind.iterdir())[:per_class[split]]:
                image = Image.open(path).convert("RGB")
                image.thumbnail((320, 320))
                image.save(folder / split / kind.name / f"{path.stem}.png")


def weights(network, folder):
    if network in SHIPPED:
        return ROOT / "data/weights" / SHIPPED[network]
    if network in TORCHVISION:
        model = getattr(torchvision.models, TORCHVISION[network])(weights=None)
    else:
        model = timm.create_model(TIMM[network], pretrained=False)
    path = folder / f"{network}.safetensors"
    save_file(networks.seeded(model).state_dict(), path)
    return path


def check(network, folder, mirror):
    size = [] if network in SHIPPED and not network.startswith("vgg") else ["--size", "64x64"]
    file = weights(network, folder)
    fit = ["fit", "train", "-o", "model.safetensors", "--weights", file, "--backbone", network, "--no-report", "--fresh", *size]
    run(*fit, *(["--mirror"] if mirror else []), cwd=folder)
    paths = sorted((folder / "validation").rglob("*.png"))
    answers = run("predict", "model.safetensors", *paths, "--format", "jsonl", "--answer-all", "--top-k", "2", cwd=folder).splitlines()
    answers = [json.loads(line) for line in answers]
    of_class = [{one["label"]: one["probability"] for one in answer["top"]} for answer in answers]
    expected = np.array([[one["animals"], one["food"]] for one in of_class])
    found = {}
    run("convert", "model.safetensors", "-o", "model.onnx", "--fresh", cwd=folder)
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)

    inside = {}
    os.chdir(folder)
    Image.open(paths[0]).save("new.png")
    exec(snippet("Python"), inside)  # noqa: S102
    batch = np.stack([inside["pixels"](path) for path in paths])
    outputs = ["probabilities", "novelty"]
    found["onnxruntime"], novelty = inside["session"].run(outputs, {"pixels": batch})
    stated = np.array([answer["novelty"] for answer in answers])
    assert np.abs(novelty - stated).max() < 1e-3 * max(1, stated.max()), (network, novelty, stated)
    compiled = openvino.Core().compile_model("model.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found["openvino"] = compiled({"pixels": batch})["probabilities"]

    if network.startswith("vgg") and not mirror:
        run("convert", "model.safetensors", "-o", "model.keras", "--fresh", cwd=folder)
        exec(snippet("Keras"), inside)  # noqa: S102
        of_second = inside["model"].predict(batch.transpose(0, 2, 3, 1), verbose=0)
        found["keras"] = np.concatenate([1 - of_second, of_second], 1) if of_second.shape[1] == 1 else of_second
    # The head alone takes what the ONNX file gives as features.
    run("convert", "model.safetensors", "-o", "head.keras", "--no-bundle", "--fresh", cwd=folder)
    import keras

    features = inside["session"].run(["features"], {"pixels": batch})[0]
    of_second = keras.models.load_model("head.keras").predict(features, verbose=0)
    found["keras, head"] = np.concatenate([1 - of_second, of_second], 1)
    if not mirror:
        run("convert", "model.safetensors", "-o", "state.safetensors", "--pytorch", "--fresh", cwd=folder)
        code = snippet("PyTorch")
        if network in TORCHVISION:
            code = code.replace("self.backbone.forward_features(", "self.backbone.features(")
            code = code.replace("timm.create_model(about[\"architecture\"], num_classes=0)",
                                f"torchvision.models.{TORCHVISION[network]}(weights=None)")
            inside["torchvision"] = torchvision
        exec(code, inside)  # noqa: S102
        with torch.no_grad():
            found["torch"] = inside["model"](torch.from_numpy(batch)).numpy()
    np.save("answers.npy", inside["session"].run(["probabilities"], {"pixels": verify_images(folder)})[0])
    verified = json.loads(run("verify", "model.safetensors", "--outputs", "answers.npy", "--json", cwd=folder))
    differences = {name: float(f"{np.abs(value - expected).max():.1e}") for name, value in found.items()}
    differences["verify"] = float(f"{verified['probabilities']:.1e}")
    print(network, "mirror" if mirror else "", differences, f"{expected.min():.2g}", flush=True)
    assert all(value < TOLERANCE for value in differences.values()), differences
    return differences


def verify_images(folder):
    run("verify", "model.safetensors", "--inputs", "images.npy", "--fresh", cwd=folder)
    return np.load(folder / "images.npy")


def main():
    torch.set_num_threads(1)
    names = sys.argv[1:] or [*TIMM, *TORCHVISION, "efficientnet_lite2 mirror"]
    path = HERE / "measured.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        images(folder, {"train": 24, "validation": 4})
        for name in names:
            network, *mirror = name.split()
            measured[name] = check(network, folder, bool(mirror))
            for left in [*folder.glob("model*"), *folder.glob("*.npy"), *folder.glob("*.safetensors")]:
                left.unlink()
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(measured[name])}" for name in sorted(measured))
    path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
