"""ONNX Runtime on the CPU, all graph optimizations on (NCHWc layout among them)."""

import onnxruntime

import networks
import onnx_model
import rival


class OnnxRuntime:
    version = onnxruntime.__version__
    settings = "f32, all optimizations"

    def __init__(self, threads, folder, network=None):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        model = str(networks.with_ending(network, "onnx") if network else onnx_model.path(folder))
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def prepare(self, images):
        return images

    def forward(self, images):
        return self.session.run(None, {"images": images})[0]

    def features(self, maps):
        return maps


if __name__ == "__main__":
    rival.main(OnnxRuntime)
