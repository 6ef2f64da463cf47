"""VGG16's base as an ONNX file, which ONNX Runtime and OpenVINO read and MNN converts."""

import onnx
from onnx import TensorProto, helper, numpy_helper

import rival


def path(folder):
    """Where the file lies; it is written where it is missing."""
    file = folder / "vgg16.onnx"
    if not file.exists():
        onnx.save(build(), file)
    return file


def build():
    nodes, weights, source = [], [], "images"
    for b, block in enumerate(rival.blocks(), 1):
        for c, (kernel, bias) in enumerate(block, 1):
            name = f"block{b}_conv{c}"
            weights += [numpy_helper.from_array(kernel, f"{name}_w"), numpy_helper.from_array(bias, f"{name}_b")]
            inputs = [source, f"{name}_w", f"{name}_b"]
            nodes.append(helper.make_node("Conv", inputs, [name], kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
            nodes.append(helper.make_node("Relu", [name], [f"{name}_relu"]))
            source = f"{name}_relu"
        nodes.append(helper.make_node("MaxPool", [source], [f"pool{b}"], kernel_shape=[2, 2], strides=[2, 2]))
        source = f"pool{b}"
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, "H", "W"])
    pool5 = helper.make_tensor_value_info("pool5", TensorProto.FLOAT, ["N", 512, "h", "w"])
    graph = helper.make_graph(nodes, "vgg16", [images], [pool5], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
