"""Writes the weight files that crates/weights is tested on, and expected.json.

Made with Python 3.11, h5py 3.14.0, numpy 2.4.6, keras 3.15.1, tensorflow-cpu 2.21.0, safetensors 0.8.0.

One small network in every layout, type and storage form. Its values are multiples of 1/256 below 4, so that
float16 holds them exactly and every file must load to the very same arrays. The network counts as
a VGG does: padding, convolution, pooling; its channels 2, 3, 4, 5 all differ, so no axis can be
taken for another.

Run twice, it writes the same bytes, but for legacy_f32_latest.h5, in whose object headers HDF5 notes the time.

    0 padding   1 convolution 2 -> 3   2 padding   3 convolution 3 -> 4   4 pooling
    5 padding   6 convolution 4 -> 5   7 pooling
    with a top: 8 flatten   9 dense 20 -> 6   10 dropout   11 dense 6 -> 2
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
NAMES = ["block1_conv1", "block1_conv2", "block2_conv1"]
LEGACY = [1, 3, 6]
TORCHVISION = [0, 2, 5]
CHANNELS = [2, 3, 4, 5]

rng = np.random.default_rng(20160605)


def draw(*shape):
    return (rng.integers(-1000, 1000, shape) / 256).astype("float32")


# (out, in, h, w) for correlation, and (out).
CONVOLUTIONS = [(draw(o, i, 3, 3), draw(o)) for i, o in zip(CHANNELS, CHANNELS[1:])]
DENSE = [(draw(20, 6), draw(6)), (draw(6, 2), draw(2))]


def legacy(name, dtype="<f4", attribute=np.int64, top=False, libver="earliest", compact=False, **storage):
    layers = [[] for _ in range(12 if top else 8)]
    for k, (kernel, bias) in zip(LEGACY, CONVOLUTIONS):
        layers[k] = [kernel[:, :, ::-1, ::-1], bias]
    if top:
        layers[9], layers[11] = DENSE
    with h5py.File(HERE / name, "w", libver=libver) as file:
        file.attrs["nb_layers"] = attribute(len(layers))
        for k, parameters in enumerate(layers):
            group = file.create_group(f"layer_{k}")
            group.attrs["nb_params"] = attribute(len(parameters))
            for p, value in enumerate(parameters):
                value = np.ascontiguousarray(value).astype(dtype)
                if compact:
                    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                    properties.set_layout(h5py.h5d.COMPACT)
                    properties.set_obj_track_times(False)
                    space = h5py.h5s.create_simple(value.shape)
                    kind = h5py.h5t.py_create(value.dtype)
                    data = h5py.h5d.create(group.id, f"param_{p}".encode(), kind, space, properties)
                    data.write(h5py.h5s.ALL, h5py.h5s.ALL, value)
                    continue
                chosen = dict(storage)
                if chosen.get("chunks") == "bands":
                    chosen["chunks"] = tuple(max(1, (axis + 1) // 2) for axis in value.shape)
                if chosen.pop("growable", False):
                    chosen["maxshape"] = (None,) * value.ndim
                    chosen["chunks"] = (8,) * value.ndim
                group.create_dataset(f"param_{p}", data=value, **chosen)


def network(names=None):
    keras.utils.clear_session()
    given = [{"name": n} for n in names] if names else [{}, {}, {}]
    layers = [keras.Input((16, 16, CHANNELS[0]))]
    for position, (kernel, _) in enumerate(CONVOLUTIONS):
        layers.append(keras.layers.Conv2D(len(kernel), 3, padding="same", **given[position]))
        if position > 0:
            layers.append(keras.layers.MaxPooling2D(2))
    model = keras.Sequential(layers)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    for layer, (kernel, bias) in zip(convolutions, CONVOLUTIONS):
        layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
    return model


def main():
    legacy("legacy_f32.h5")
    legacy("legacy_f64.h5", dtype="<f8", attribute=np.int32)
    legacy("legacy_f16.h5", dtype="<f2", attribute=np.uint8)
    legacy("legacy_f32_big_endian.h5", dtype=">f4", attribute=np.uint64)
    legacy("legacy_f64_big_endian.h5", dtype=">f8", attribute=np.int8)
    legacy("legacy_f16_big_endian.h5", dtype=">f2", attribute=np.uint16)
    legacy("legacy_f32_chunked.h5", chunks="bands")
    legacy("legacy_f32_deflate.h5", chunks="bands", compression="gzip", shuffle=True)
    legacy("legacy_f64_deflate.h5", dtype="<f8", chunks="bands", compression="gzip", compression_opts=9)
    legacy("legacy_f16_big_endian_deflate.h5", dtype=">f2", compression="gzip", shuffle=True, fletcher32=True)
    legacy("legacy_f32_lzf.h5", chunks="bands", compression="lzf", attribute=np.uint32)
    legacy("legacy_f32_growable.h5", growable=True, compression="gzip")
    legacy("legacy_f32_compact.h5", compact=True)
    legacy("legacy_f32_latest.h5", libver="latest", chunks="bands", compression="gzip")
    legacy("legacy_f32_top.h5", top=True)

    network(NAMES).save_weights(HERE / "keras3_named.weights.h5")
    network().save_weights(HERE / "keras3_numbered.weights.h5")
    # Keras 3 refuses this suffix in save_weights, but still writes the layout in whole models.
    for names, file in [(NAMES, "keras2_named.h5"), (None, "keras2_numbered.h5")]:
        with h5py.File(HERE / file, "w") as group:
            save_weights_to_hdf5_group(group, network(names))
    whole = network(NAMES)
    whole.compile("rmsprop", "mse")
    whole.save(HERE / "keras2_whole_model.h5")

    tensors = {}
    for n, (kernel, bias) in zip(TORCHVISION, CONVOLUTIONS):
        tensors[f"features.{n}.weight"] = kernel
        tensors[f"features.{n}.bias"] = bias
    save_file(tensors, HERE / "torchvision_f32.safetensors", metadata={"format": "pt"})
    for n, (kernel, bias) in zip([0, 3], DENSE):
        tensors[f"classifier.{n}.weight"] = np.ascontiguousarray(kernel.T)
        tensors[f"classifier.{n}.bias"] = bias
    halves = {name: value.astype("float16") for name, value in tensors.items()}
    save_file(halves, HERE / "torchvision_f16_top.safetensors", metadata={"format": "pt"})
    doubles = {name: value.astype("float64") for name, value in tensors.items()}
    save_file(doubles, HERE / "torchvision_f64_top.safetensors")

    # Not a network: groups that hold one another, twice, so that a walk without bounds never ends.
    with h5py.File(HERE / "cycle.h5", "w") as file:
        inner = file.create_group("layers/conv2d")
        inner["again"] = file["layers"]
        inner["and_again"] = file["layers"]

    expected = [
        {
            "name": name,
            "legacy_layer": k,
            "torchvision": f"features.{n}",
            "kernel_shape": list(kernel.shape),
            "kernel": kernel.ravel().tolist(),
            "bias": bias.tolist(),
        }
        for name, k, n, (kernel, bias) in zip(NAMES, LEGACY, TORCHVISION, CONVOLUTIONS)
    ]
    dense = [{"kernel_shape": list(k.shape), "kernel": k.ravel().tolist(), "bias": b.tolist()} for k, b in DENSE]
    with open(HERE / "expected.json", "w") as file:
        json.dump({"convolutions": expected, "dense": dense}, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
