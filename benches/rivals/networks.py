"""The networks of `cargo xtask bench` in the files that the contestants read.

    python networks.py FOLDER NETWORK:SIDE:IMAGES.f32 ...

writes for each network FOLDER/NETWORK.safetensors with timm's names, .onnx, which ONNX Runtime and OpenVINO read, .mnn,
and .ncnn.param and .ncnn.bin. Their result is the means of the last maps, N x C. A format that can't be made is left out.
This takes minutes, so files are kept for as long as this script and the versions of its packages stay the same.

The weights are those of data/weights if it has some. Otherwise they are seeded, and each BatchNorm is fitted to the
scale of the images' maps. RepVGG is folded for all rivals, and so is every BatchNorm.
"""

import copy
import importlib.metadata
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

SHIPPED = pathlib.Path(__file__).parents[2] / "data" / "weights"
# headstart's names, timm's names.
NAMES = {
    "efficientnet_lite0": "tf_efficientnet_lite0",
    "efficientnet_lite2": "tf_efficientnet_lite2",
    "mobilenetv2": "mobilenetv2_100",
    "mobilenetv3_large": "mobilenetv3_large_100",
    "repvgg_a0": "repvgg_a0",
    "repvgg_a2": "repvgg_a2",
    "resnet18": "resnet18",
    "resnet50": "resnet50",
}


def with_ending(path, ending):
    return path.with_name(f"{path.name}.{ending}")


def untrained(network):
    import timm

    options = {"zero_init_last": False} if network.startswith("resnet") else {}
    return timm.create_model(NAMES[network], pretrained=False, **options)


def load(path):
    """The network in timm's layers with the parameters of its file, as it was trained. `path` has no ending."""
    from safetensors.torch import load_file

    model = untrained(path.name)
    # The shipped files leave out how many batches a BatchNorm has seen.
    missing, unexpected = model.load_state_dict(load_file(with_ending(path, "safetensors")), strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    return pooled(model)


def pooled(model):
    """The model without what comes behind the pooled features. MobileNetV3 has a layer there that headstart leaves out."""
    from torch import nn

    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1))

        def forward(self, images):
            return self.pool(self.model.forward_features(images))

    return Pooled().eval()


def folded(model):
    """The same network with each BatchNorm in the convolution before it, and RepVGG's branches in one kernel."""
    from timm.utils.model import reparameterize_model
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    model = reparameterize_model(copy.deepcopy(model))
    convolution = None
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Conv2d):
            convolution = layer
        elif isinstance(layer, nn.BatchNorm2d):
            convolution.weight, convolution.bias = fuse_conv_bn_weights(
                convolution.weight, convolution.bias, layer.running_mean, layer.running_var, layer.eps,
                layer.weight, layer.bias,
            )
            # timm's has the activation too.
            model.set_submodule(name, getattr(layer, "act", nn.Identity()))
    return model


def with_fixed_padding(model, side):
    """SAME is computed from the size of the maps. Here it is written down for one size, which converters understand."""
    import torch
    from torch import nn

    def fix(layer, inputs):
        kernel, stride, size = layer.kernel_size[0], layer.stride[0], inputs[0].shape[-1]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        layer.fixed = (total // 2, total - total // 2)

    same = [(name, layer) for name, layer in model.named_modules() if type(layer).__name__ == "Conv2dSame"]
    hooks = [layer.register_forward_pre_hook(fix) for _, layer in same]
    with torch.inference_mode():
        model(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    for name, layer in same:
        before, after = layer.fixed
        plain = nn.Conv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,
            padding=before if before == after else 0, groups=layer.groups, bias=layer.bias is not None,
        )
        plain.weight, plain.bias = layer.weight, layer.bias
        if before != after:
            plain = nn.Sequential(nn.ZeroPad2d((before, after, before, after)), plain)
        model.set_submodule(name, plain)
    return model


def fit(norm, inputs):
    """Brings the scale of its maps to 1. The means stay: with seeded kernels the images differ little in deep layers, and
    without the means nothing but these differences, and rounding, would be left."""
    norm.running_var.fill_(inputs[0].square().mean())


def write_weights(path, side, images):
    import torch
    from safetensors.torch import save_file
    from torch import nn

    file = with_ending(path, "safetensors")
    shipped = SHIPPED / file.name
    if shipped.exists():
        file.write_bytes(shipped.read_bytes())
        return
    torch.manual_seed(0)
    model = untrained(path.name)
    hooks = []
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.1)
            hooks.append(layer.register_forward_pre_hook(fit))
    pixels = np.fromfile(images, "<f4", 4 * 3 * side * side).reshape(4, 3, side, side)
    model.eval()(torch.from_numpy(pixels))
    for hook in hooks:
        hook.remove()
    save_file(model.state_dict(), file)


def write_onnx(path, side):
    """The folded network. ONNX Runtime's basic passes fold constants, and move each Pad into its Conv."""
    import onnx
    import onnxruntime
    import torch

    file = with_ending(path, "onnx")
    model = with_fixed_padding(folded(load(path)), side)
    with tempfile.TemporaryDirectory() as made:
        exported = str(pathlib.Path(made) / "exported.onnx")
        torch.onnx.export(
            model, (torch.zeros(2, 3, side, side),), exported, input_names=["images"], output_names=["features"],
            dynamic_axes={"images": {0: "N"}, "features": {0: "N"}}, opset_version=17, dynamo=False,
        )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(file)
        onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    written = onnx.load(file)
    # ONNX Runtime names its own operations, of which there is none.
    own = [opset for opset in written.opset_import if opset.domain]
    for opset in own:
        written.opset_import.remove(opset)
    written.ir_version = 8
    onnx.save(written, file)


def write_mnn(path, side):
    import _tools

    onnx, mnn = with_ending(path, "onnx"), with_ending(path, "mnn")
    convert = ["mnnconvert", "-f", "ONNX", "--bizCode", "bench"]
    _tools.mnnconvert([*convert, "--modelFile", str(onnx), "--MNNModel", str(mnn)])


def write_ncnn(path, side):
    """pnnx reads what PyTorch traced. Its program is in its package; the package itself also downloads."""
    import torch

    [package] = importlib.util.find_spec("pnnx").submodule_search_locations
    model = with_fixed_padding(folded(load(path)), side)
    with tempfile.TemporaryDirectory() as made:
        traced = pathlib.Path(made) / "network.pt"
        torch.jit.trace(model, torch.zeros(1, 3, side, side)).save(traced)
        program = pathlib.Path(package) / "pnnx"
        # f32 as everywhere else.
        command = [str(program), str(traced), f"inputshape=[1,3,{side},{side}]", "fp16=0"]
        subprocess.run(command, cwd=made, check=True, stdout=sys.stderr)
        for ending in ["param", "bin"]:
            shutil.move(pathlib.Path(made) / f"network.ncnn.{ending}", with_ending(path, f"ncnn.{ending}"))


def state():
    """What decides the files."""
    packages = ["torch", "timm", "onnx", "onnxruntime", "mnn", "pnnx"]
    found = {package.metadata["Name"]: package.version for package in importlib.metadata.distributions()}
    return "\n".join([*(f"{name} {found.get(name)}" for name in packages), pathlib.Path(__file__).read_text()])


def main():
    import torch

    folder = pathlib.Path(sys.argv[1])
    made = folder / "state.txt"
    if not made.exists() or made.read_text() != state():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made.write_text(state())
    torch.set_grad_enabled(False)
    for argument in sys.argv[2:]:
        network, side, images = argument.split(":", 2)
        path, side = folder / network, int(side)
        if with_ending(path, "safetensors").exists():
            continue
        print(f"making the files of {network}", file=sys.stderr)
        write_weights(path, side, images)
        for write in [write_onnx, write_mnn, write_ncnn]:
            try:
                write(path, side)
            except Exception as error:
                print(f"{network}: {write.__name__}: {type(error).__name__}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
