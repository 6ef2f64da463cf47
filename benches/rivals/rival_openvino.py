"""OpenVINO on the CPU; without --bf16 held to f32, with it in the bf16 that it takes by itself where the CPU has it."""

import sys

import openvino

import networks
import onnx_model
import rival


class OpenVino:
    version = openvino.__version__.split("-")[0]
    precision = "f32"
    settings = "f32, latency hint"

    def __init__(self, threads, folder, network=None):
        self.core = openvino.Core()
        if self.precision == "bf16" and "BF16" not in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            sys.exit("this CPU has no bf16")
        self.model = self.core.read_model(networks.with_ending(network, "onnx") if network else onnx_model.path(folder))
        self.config = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision,
        }
        self.requests = {}

    def prepare(self, images):
        if images.shape not in self.requests:
            self.model.reshape({"images": list(images.shape)})
            compiled = self.core.compile_model(self.model, "CPU", self.config)
            # One network in memory, not one for each shape.
            self.requests = {images.shape: compiled.create_infer_request()}
        return images

    def forward(self, images):
        request = self.requests[images.shape]
        request.infer({"images": images})
        return request.get_output_tensor(0).data

    def features(self, maps):
        return maps.copy()


class OpenVinoBf16(OpenVino):
    precision = "bf16"
    settings = "bf16 (its default where the CPU has bf16), latency hint"


if __name__ == "__main__":
    short = "--bf16" in sys.argv
    if short:
        sys.argv.remove("--bf16")
    rival.main(OpenVinoBf16 if short else OpenVino)
