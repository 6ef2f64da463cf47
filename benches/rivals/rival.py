"""What the rivals share: the weights, the questions of `cargo xtask bench`, and extraction of a folder.

A rival is a class with
- __init__(threads, folder, network=None): VGG16's base; `folder` is for models in the engine's own format, made where
  they are missing. With `network` it is the network in files of this path, as networks.py makes them, and an ending;
- version, settings: strings for the report;
- prepare(images): N x 3 x H x W in float32 to what `forward` takes; not timed;
- forward(prepared): the convolutional base, or a network's pooled features, timed;
- features(result): what `forward` gave, as N x 512 x h x w, or N x C;
- head(rows, labels), where it has one: a function that trains the default head for one epoch on each call.

    python rival_torch.py serve --threads 2 --folder runs/bench           answers requests, as benches/README.md documents
    python rival_torch.py extract IMAGES OUT.npy --threads 2 --folder ... features of a folder of images
"""

import argparse
import json
import os
import pathlib
import sys
import time

import numpy as np

WEIGHTS = pathlib.Path(__file__).parents[2] / "data" / "weights" / "vgg16_weights.h5"
LEGACY_LAYERS = [1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29]
CONVOLUTIONS_PER_BLOCK = [2, 2, 3, 3, 3]


def blocks():
    """Blocks of (kernel, bias); kernels are out x in x 3 x 3, turned from Theano's convolution to correlation."""
    import h5py

    with h5py.File(WEIGHTS) as file:
        layers = [file[f"layer_{k}"] for k in LEGACY_LAYERS]
        read = [(np.ascontiguousarray(l["param_0"][:][:, :, ::-1, ::-1]), l["param_1"][:]) for l in layers]
    rest = iter(read)
    return [[next(rest) for _ in range(count)] for count in CONVOLUTIONS_PER_BLOCK]


def repeat(seconds, call):
    """Seconds of each call: as many calls as begin before so much time has passed, at least one."""
    begin, times = time.perf_counter(), []
    while not times or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def answer(rival, folder, request):
    seconds = request.get("seconds", 0)
    if request["do"] == "base":
        side, batch = request["side"], request["batch"]
        path = folder / f"{request['preset']}_{side}.f32"
        first, image = request.get("first", 0), 3 * side * side
        images = np.fromfile(path, "<f4", batch * image, offset=4 * first * image).reshape(batch, 3, side, side)
        prepared = rival.prepare(images)
        if "output" in request:
            features = rival.features(rival.forward(prepared))
            np.ascontiguousarray(features).tofile(request["output"])
            return {}
        return {"seconds": repeat(seconds, lambda: rival.forward(prepared))}
    if request["do"] == "head" and hasattr(rival, "head"):
        rows = np.fromfile(folder / "head.f32", "<f4").reshape(-1, 8192)
        labels = (np.arange(len(rows)) % 2).astype(np.float32)[:, None]
        return {"seconds": repeat(seconds, rival.head(rows, labels))}
    return {"error": f"has no {request['do']}"}


def serve(make, threads, folder):
    # Engines print to standard output as they please: answers go to a copy of it, their talk to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(line):
        print(json.dumps(line), file=answers, flush=True)

    rival, loaded = make(threads, folder), None
    say({"version": rival.version, "settings": rival.settings})
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request.get("network") != loaded:
                # One network in memory. After a failure there is none, and the next request tries again.
                rival, loaded = None, "none"
                network = request.get("network")
                rival = make(threads, folder, network and pathlib.Path(network))
                loaded = network
            say(answer(rival, folder, request))
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})


def load(path):
    """An image as preset blog makes it: RGB / 255, 150 x 150 by nearest neighbour."""
    from PIL import Image

    with Image.open(path) as image:
        image = image.convert("RGB").resize((150, 150), Image.Resampling.NEAREST)
        return np.asarray(image, np.float32).transpose(2, 0, 1) / 255


def extract(make, threads, folder, images, output):
    """Batches of 32, the next one decoded while the engine computes."""
    from concurrent.futures import ThreadPoolExecutor

    paths = sorted(images.rglob("*.jpg"))
    with ThreadPoolExecutor(threads) as pool:
        batches = [paths[start : start + 32] for start in range(0, len(paths), 32)]
        ahead = [pool.submit(load, path) for path in batches[0]]
        rival, features = make(threads, folder), []
        for batch in [*batches[1:], []]:
            pixels = np.stack([image.result() for image in ahead])
            ahead = [pool.submit(load, path) for path in batch]
            features.append(rival.features(rival.forward(rival.prepare(pixels))))
        np.save(output, np.concatenate(features))


def main(make):
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    serving, extracting = commands.add_parser("serve"), commands.add_parser("extract")
    extracting.add_argument("images", type=pathlib.Path)
    extracting.add_argument("output", type=pathlib.Path)
    for command in [serving, extracting]:
        command.add_argument("--threads", type=int, required=True)
        command.add_argument("--folder", type=pathlib.Path, required=True)
    flags = parser.parse_args()
    if flags.command == "serve":
        serve(make, flags.threads, flags.folder)
    else:
        extract(make, flags.threads, flags.folder, flags.images, flags.output)
