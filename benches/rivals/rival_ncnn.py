"""ncnn on the CPU in f32, Winograd on; it takes one image at a time."""

import ncnn
import numpy as np

import networks
import rival


def model(folder):
    """Where the two files of the model lie; they are written where they are missing."""
    param, weights = folder / "vgg16.param", folder / "vgg16.bin"
    if param.exists() and weights.exists():
        return str(param), str(weights)
    lines, blobs, source = ["Input images 0 1 images"], [], "images"
    for b, block in enumerate(rival.blocks(), 1):
        for c, (kernel, bias) in enumerate(block, 1):
            name = f"block{b}_conv{c}"
            # 0 channels, 1 kernel, 4 padding, 5 bias, 6 weights, 9 activation: ReLU.
            lines.append(
                f"Convolution {name} 1 1 {source} {name} 0={len(bias)} 1=3 4=1 5=1 6={kernel.size} 9=1"
            )
            # A zero before the kernel says that it is plain f32.
            blobs += [np.zeros(1, "<i4").tobytes(), kernel.tobytes(), bias.tobytes()]
            source = name
        # 0 maximum, 1 kernel, 2 stride, 5 padding: none, an odd last row is dropped.
        lines.append(f"Pooling pool{b} 1 1 {source} pool{b} 0=0 1=2 2=2 5=1")
        source = f"pool{b}"
    weights.write_bytes(b"".join(blobs))
    param.write_text("\n".join(["7767517", f"{len(lines)} {len(lines)}", *lines]) + "\n")
    return str(param), str(weights)


class Ncnn:
    version = ncnn.__version__
    settings = "f32, Winograd, image by image"

    def __init__(self, threads, folder, network=None):
        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads = threads
        options.use_winograd_convolution = True
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        if network:
            # The names that pnnx gives.
            self.input, self.output = "in0", "out0"
            param, weights = (str(networks.with_ending(network, f"ncnn.{ending}")) for ending in ["param", "bin"])
        else:
            self.input, self.output = "images", "pool5"
            param, weights = model(folder)
        if self.net.load_param(param) != 0 or self.net.load_model(weights) != 0:
            raise ValueError(f"cannot read {param}")

    def prepare(self, images):
        return [ncnn.Mat(image).clone() for image in images]

    def forward(self, images):
        return [self.image(image) for image in images]

    def image(self, image):
        extractor = self.net.create_extractor()
        extractor.input(self.input, image)
        return extractor.extract(self.output)[1]

    def features(self, maps):
        return np.stack([np.array(one) for one in maps])


if __name__ == "__main__":
    rival.main(Ncnn)
