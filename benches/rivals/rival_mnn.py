"""MNN on the CPU in f32, with the Winograd convolutions that it chooses by itself."""

# The converter itself: MNN.tools.mnnconvert around it installs a package and sends usage data when it is imported.
import _tools
import MNN
import numpy as np

import networks
import onnx_model
import rival


def model(folder):
    """Where the model lies; it is converted from ONNX where it is missing."""
    file = folder / "vgg16.mnn"
    if not file.exists():
        convert = ["mnnconvert", "-f", "ONNX", "--bizCode", "bench"]
        _tools.mnnconvert([*convert, "--modelFile", str(onnx_model.path(folder)), "--MNNModel", str(file)])
    return str(file)


class Mnn:
    version = MNN.version()
    settings = "f32, Winograd"

    def __init__(self, threads, folder, network=None):
        self.interpreter = MNN.Interpreter(str(networks.with_ending(network, "mnn")) if network else model(folder))
        config = {"backend": "CPU", "numThread": threads, "precision": "normal"}
        self.session = self.interpreter.createSession(config)
        self.input = self.interpreter.getSessionInput(self.session)

    def prepare(self, images):
        if self.input.getShape() != images.shape:
            self.interpreter.resizeTensor(self.input, images.shape)
            self.interpreter.resizeSession(self.session)
        return self.tensor(images)

    def forward(self, images):
        self.input.copyFrom(images)
        self.interpreter.runSession(self.session)
        maps = self.interpreter.getSessionOutput(self.session)
        result = self.tensor(np.empty(maps.getShape(), np.float32))
        maps.copyToHostTensor(result)
        return result

    def features(self, maps):
        return np.array(maps.getNumpyData(), np.float32).reshape(maps.getShape())

    def tensor(self, values):
        return MNN.Tensor(values.shape, MNN.Halide_Type_Float, values, MNN.Tensor_DimensionType_Caffe)


if __name__ == "__main__":
    rival.main(Mnn)
