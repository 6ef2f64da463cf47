"""Writes the small network of generate.py as parts of other files: nested models, .keras archives, half floats, and files
that name their backend.

Run after generate.py, with KERAS_BACKEND=jax. Made with Python 3.11, keras 3.15.1, h5py 3.16.0, numpy 2.4.6.

What a Keras before 3 wrote is written here by h5py, with the groups, names and attributes of keras 2.2.4's
save_weights_to_hdf5_group (keras/engine/saving.py) and keras 1.2.2's. Under Theano both keep kernels as Theano takes them:
reversed along height and width (convert_kernel in keras/utils/conv_utils.py).
"""

import json
import pathlib

import h5py
import keras
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

HERE = pathlib.Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text())["convolutions"]
NAMES = [layer["name"] for layer in EXPECTED]
KERNELS = [np.array(layer["kernel"], "<f4").reshape(layer["kernel_shape"]) for layer in EXPECTED]
BIASES = [np.array(layer["bias"], "<f4") for layer in EXPECTED]


def network(names=NAMES, name="vgg", dtype="float32"):
    given = [{"name": n} for n in names] if names else [{}, {}, {}]
    image = x = keras.Input((16, 16, 2))
    convolutions = []
    for position, kernel in enumerate(KERNELS):
        convolutions.append(keras.layers.Conv2D(len(kernel), 3, padding="same", dtype=dtype, **given[position]))
        x = convolutions[-1](x)
        if position > 0:
            x = keras.layers.MaxPooling2D(2)(x)
    model = keras.Model(image, x, name=name)
    for layer, kernel, bias in zip(convolutions, KERNELS, BIASES):
        layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
    return model


def classifier(base):
    return keras.Sequential([keras.Input((16, 16, 2)), base, keras.layers.Flatten(), keras.layers.Dense(2)])


def functional(base):
    image = keras.Input((16, 16, 2))
    x = keras.layers.Rescaling(1 / 255)(image)
    return keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(base(x))))


def legacy_h5(name, model):
    with h5py.File(HERE / name, "w") as file:
        save_weights_to_hdf5_group(file, model)


def older(name, layers, attributes, whole=False, root_attributes=None):
    """layers: (name, [(weight name, values)])."""
    with h5py.File(HERE / name, "w") as file:
        for key, value in (root_attributes or {}).items():
            file.attrs[key] = value
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = np.array([layer.encode() for layer, _ in layers])
        for key, value in attributes.items():
            root.attrs[key] = value
        for layer, weights in layers:
            group = root.create_group(layer)
            group.attrs["weight_names"] = np.array([weight.encode() for weight, _ in weights])
            for weight, values in weights:
                group.create_dataset(weight, data=values)


def reverse(kernel):
    """(out, in, h, w) as Theano takes it."""
    return kernel[:, :, ::-1, ::-1]


def last(kernel):
    """(h, w, in, out)."""
    return kernel.transpose(2, 3, 1, 0)


def keras2(change):
    return [
        (n, [(f"{n}/kernel:0", change(k)), (f"{n}/bias:0", b)]) for n, k, b in zip(NAMES, KERNELS, BIASES)
    ]


def keras1(change):
    return [(n, [(f"{n}_W", change(k)), (f"{n}_b", b)]) for n, k, b in zip(NAMES, KERNELS, BIASES)]


def main():
    keras.utils.set_random_seed(0)
    reversed_last = keras2(lambda k: last(reverse(k)))
    theano = {"backend": np.bytes_("theano"), "keras_version": np.bytes_("2.1.6")}
    older("keras2_backend_theano.h5", reversed_last, theano)
    text = {"backend": "theano", "keras_version": "2.2.4"}
    older("keras2_backend_theano_whole_model.h5", reversed_last, text, whole=True, root_attributes=text)
    # Some tools copy the attributes of the file only.
    older("keras2_backend_theano_at_the_top.h5", reversed_last, {}, whole=True, root_attributes=theano)
    older("keras2_backend_cntk.h5", keras2(last), {"backend": np.bytes_("cntk"), "keras_version": np.bytes_("2.1.6")})
    older("keras2_backend_unstated.h5", keras2(last), {})
    one = {"backend": np.bytes_("theano"), "keras_version": np.bytes_("1.2.2")}
    older("keras1_backend_theano_channels_first.h5", keras1(reverse), one)
    older("keras1_backend_theano.h5", keras1(lambda k: last(reverse(k))), one)
    one = {"backend": np.bytes_("tensorflow"), "keras_version": np.bytes_("1.2.2")}
    older("keras1_backend_tensorflow_channels_first.h5", keras1(lambda k: k), one)

    tensorflow = {"backend": np.bytes_("tensorflow"), "keras_version": np.bytes_("2.4.0")}
    top = ("dense", [("dense/kernel:0", np.zeros((80, 2), "<f4")), ("dense/bias:0", np.zeros(2, "<f4"))])
    # The last convolution is trained, the first two are frozen: Keras lists what is trained first.
    inner = keras2(last)
    frozen_last = inner[2][1] + inner[0][1] + inner[1][1]
    older("keras2_nested.h5", [("vgg", frozen_last), ("flatten", []), top], tensorflow)
    deeper = [(f"model_1/vgg/{name}", value) for name, value in frozen_last]
    older("keras2_nested_twice.h5", [("model_1", deeper), top], tensorflow, whole=True, root_attributes=tensorflow)
    older("keras1_nested.h5", [("vgg", [w for _, ws in keras1(last) for w in ws]), top], {})
    older("keras2_nested_theano.h5", [("vgg", [w for _, ws in reversed_last for w in ws]), top], theano)

    vgg11("vgg11_never_written.h5", first=False)
    vgg11("vgg11_never_written_channels_first.h5", first=True)

    legacy_h5("keras3_nested.h5", classifier(network()))
    legacy_h5("keras3_nested_functional.h5", functional(network()))
    legacy_h5("keras3_nested_twice.h5", classifier(functional_part(network())))
    classifier(network()).save_weights(HERE / "keras3_nested.weights.h5")
    keras.utils.clear_session()
    classifier(network(None)).save_weights(HERE / "keras3_nested_numbered.weights.h5")
    network().save(HERE / "network.keras")
    classifier(network()).save(HERE / "nested.keras")
    keras.utils.clear_session()
    functional(network(None)).save(HERE / "nested_numbered.keras")
    network(dtype="bfloat16").save_weights(HERE / "keras3_bf16.weights.h5")
    network(dtype="float16").save_weights(HERE / "keras3_f16.weights.h5")
    network(dtype="bfloat16").save(HERE / "network_bf16.keras")


def vgg11(name, first):
    """A whole VGG11 of few bytes, for the binary: its values are never written, and HDF5 reads them as zeros."""
    channels, previous = [64, 128, 256, 256, 512, 512, 512, 512], 3
    names = ["block1_conv1", "block2_conv1", *(f"block{b}_conv{c}" for b in (3, 4, 5) for c in (1, 2))]
    with h5py.File(HERE / name, "w", libver=("v110", "v110")) as file:
        file.attrs["layer_names"] = np.array([n.encode() for n in names])
        for n, count in zip(names, channels):
            group = file.create_group(n)
            group.attrs["weight_names"] = np.array([f"{n}_W".encode(), f"{n}_b".encode()])
            shape = (count, previous, 3, 3) if first else (3, 3, previous, count)
            group.create_dataset(f"{n}_W", shape, "<f4")
            group.create_dataset(f"{n}_b", (count,), "<f4")
            previous = count


def functional_part(base):
    image = keras.Input((16, 16, 2))
    return keras.Model(image, base(image), name="outer")


if __name__ == "__main__":
    main()
