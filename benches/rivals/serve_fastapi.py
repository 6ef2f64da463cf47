"""A server of the same predictions as `headstart serve`, as one writes it in Python: FastAPI, Pillow, ONNX Runtime, uvicorn.

    headstart convert model.safetensors -o model.onnx
    python serve_fastapi.py model.onnx --port 8001 [--workers N] [--threads N]

The model is any that `convert` writes whose images are cut to their centre. Each request is decoded and computed on a thread of
FastAPI's pool, with as many threads of ONNX Runtime as --threads says. Beside the packages of requirements.txt it needs fastapi
0.141.0 and uvicorn[standard] 0.54.0 (uvloop, httptools).
"""

import argparse
import io
import json
import os

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image, ImageOps


def settings():
    parser = argparse.ArgumentParser()
    parser.add_argument("network")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


class Predictor:
    def __init__(self, network, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.classes = json.loads(metadata["classes"])
        preprocessing = json.loads(metadata["preprocessing"])
        assert preprocessing["resize"] == "crop" and preprocessing["interpolation"] == "bicubic", preprocessing
        self.side, _ = preprocessing["size"]
        self.larger = int(self.side / preprocessing["crop_fraction"])

    def __call__(self, body):
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")
        # As timm does it: the shorter side to the larger size, then the centre.
        short = min(image.size)
        image = image.resize([self.larger * length // short for length in image.size], Image.Resampling.BICUBIC)
        left, top = (round((length - self.side) / 2) for length in image.size)
        image = image.crop((left, top, left + self.side, top + self.side))
        # The numbers of the preprocessing are a part of the network.
        pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1), np.float32)[np.newaxis]
        [probabilities] = self.session.run(["probabilities"], {"pixels": pixels})
        probabilities = probabilities[0].tolist()
        order = sorted(range(len(probabilities)), key=lambda label: -probabilities[label])
        top = [{"label": self.classes[label], "probability": probabilities[label]} for label in order]
        return top[0] | {"top": top}


def app():
    """Of each worker: its settings come by the environment."""
    predict = Predictor(os.environ["RIVAL_NETWORK"], int(os.environ["RIVAL_THREADS"]))
    application = FastAPI()

    @application.post("/v1/predict")
    async def answer(request: Request):
        body = await request.body()
        try:
            return await run_in_threadpool(predict, body)
        except OSError as error:
            raise HTTPException(422, str(error)) from error

    @application.get("/healthz")
    def health():
        return "ok"

    return application


if __name__ == "__main__":
    given = settings()
    os.environ |= {"RIVAL_NETWORK": os.path.abspath(given.network), "RIVAL_THREADS": str(given.threads)}
    here = os.path.dirname(os.path.abspath(__file__))
    uvicorn.run(
        "serve_fastapi:app", app_dir=here, factory=True, port=given.port, workers=given.workers, log_level="warning"
    )
