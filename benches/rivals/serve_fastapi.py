"""A server of the same predictions as `headstart serve`, as one writes it in Python: FastAPI, Pillow, ONNX Runtime, uvicorn.

    python serve_fastapi.py model.safetensors efficientnet_lite2.onnx --port 8001 [--workers N] [--threads N]

The model is one of `headstart fit` with EfficientNet-Lite2, and the network that of `networks.py` (its pooled features). Each
request is decoded and computed on a thread of FastAPI's pool. Beside the packages of requirements.txt it needs fastapi 0.141.0 and
uvicorn[standard] 0.54.0 (uvloop, httptools).
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
from safetensors import safe_open


def settings():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("network")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


class Predictor:
    def __init__(self, model, network, threads):
        with safe_open(model, "np") as file:
            metadata = file.metadata()
            [kernel] = [name for name in file.keys() if name.endswith("kernel") and file.get_slice(name).get_shape()[0] == 1280]
            self.kernel = file.get_tensor(kernel)
            self.bias = file.get_tensor(kernel.replace("kernel", "bias"))
        self.classes = json.loads(metadata["classes"])
        preprocessing = json.loads(metadata["preprocessing"])
        self.side = preprocessing["height"]
        self.larger = int(self.side / preprocessing["fit"]["crop"]["fraction"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])

    def __call__(self, body):
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")
        # As timm does it: the shorter side to the larger size, then the centre.
        short = min(image.size)
        image = image.resize([self.larger * length // short for length in image.size], Image.Resampling.BICUBIC)
        left, top = (round((length - self.side) / 2) for length in image.size)
        image = image.crop((left, top, left + self.side, top + self.side))
        pixels = (np.asarray(image, np.float32).transpose(2, 0, 1) / 127.5 - 1.0)[np.newaxis]
        [features] = self.session.run(None, {"images": np.ascontiguousarray(pixels)})
        logits = (features @ self.kernel + self.bias)[0]
        if len(logits) == 1:
            logits = np.array([0.0, logits[0]])
        scores = np.exp(logits - logits.max())
        probabilities = scores / scores.sum()
        order = np.argsort(-probabilities)
        return {
            "label": self.classes[order[0]],
            "probability": float(probabilities[order[0]]),
            "top": [{"label": self.classes[i], "probability": float(probabilities[i])} for i in order],
        }


def app():
    """Of each worker: its settings come by the environment."""
    predict = Predictor(os.environ["RIVAL_MODEL"], os.environ["RIVAL_NETWORK"], int(os.environ["RIVAL_THREADS"]))
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
    os.environ |= {
        "RIVAL_MODEL": given.model, "RIVAL_NETWORK": given.network, "RIVAL_THREADS": str(given.threads),
    }
    uvicorn.run("serve_fastapi:app", factory=True, port=given.port, workers=given.workers, log_level="warning")
