"""Heads as Keras 3 saves them, with all that makes one head differ from another in what its file says, and what Keras
predicts with them.

    KERAS_BACKEND=jax python generate.py

cases.json lists for each file what a person says (flatten_order, row_shape, activations), the rows, and what Keras
predicts, or what is asked for, or a word of the refusal. Rows are 4 feature maps of 8 channels, 2 x 3, or what `rows` names.
The models are not compiled, which keeps the files small. It was run with

    Python 3.11.7, keras 3.15.1, jax 0.10.2, h5py 3.16.0, numpy 2.4.6
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")

import h5py
import keras
import numpy as np
from keras import layers
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

HERE = pathlib.Path(__file__).resolve().parent
RANDOM = np.random.default_rng(15)
TF = (2, 3, 8)
TH = (8, 2, 3)
MAPS = (RANDOM.integers(-32, 32, (4, *TH)) / 16).astype("float32")
CUBES = (RANDOM.integers(-32, 32, (4, 3, 3, 3)) / 16).astype("float32")
ROWS = {
    "th": MAPS,
    "tf": MAPS.transpose(0, 2, 3, 1),
    "flat_th": MAPS.reshape(4, -1),
    "flat_tf": MAPS.transpose(0, 2, 3, 1).reshape(4, -1),
    "pooled": MAPS.reshape(4, 48, 1, 1),
    "cubes": CUBES,
}
CASES = []


def filled(model):
    """With weights that short decimals can write, and that nobody takes for others."""
    model.set_weights([(RANDOM.integers(-64, 64, w.shape) / 128).astype("float32") for w in model.get_weights()])
    return model


def save(model, name):
    path = HERE / name
    if name.endswith(".weights.h5"):
        model.save_weights(path)
    elif name.endswith("_alone.h5"):
        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, model)
    else:
        model.save(path)


def case(name, rows, predictions=None, **more):
    entry = {"file": name, "rows": rows, **more}
    if predictions is not None:
        entry["predictions"] = np.asarray(predictions, "float64").ravel().tolist()
    CASES.append(entry)


def predicts(model, names, rows="th", theirs=None, **said):
    """Saves the model in files; each predicts what Keras does. `theirs` are the same rows as Keras takes them."""
    predictions = model.predict(ROWS[theirs or rows], verbose=0)
    for name in names:
        if not (HERE / name).exists():
            save(model, name)
        case(name, rows, predictions, **said)


def refused(model, names, word, rows="th", **said):
    for name in names:
        save(model, name)
        case(name, rows, refused=word, **said)


def sequential(*parts, shape=TF, **more):
    return filled(keras.Sequential([keras.Input(shape), *parts], **more))


def inner(*parts):
    return keras.Sequential([*parts], name="inner")


def dense(units, activation=None, **more):
    return layers.Dense(units, activation=activation, **more)


def weights_alone():
    model = sequential(layers.Flatten(), dense(6, "tanh"), layers.Dropout(0.5), dense(1, "sigmoid"))
    names = ["plain.weights.h5", "plain_alone.h5"]
    said = {"flatten_order": "channels_last", "activations": ["tanh", "sigmoid"]}
    predicts(model, names, theirs="tf", **said)
    # The shape of the maps tells which end of the rows has the channels.
    predicts(model, names, rows="tf", row_shape=TH, **said)
    predicts(model, names, rows="tf", features_order="channels_last", **said)
    for name in names:
        case(name, "th", asks=["activations", "flatten_order"])
        case(name, "th", asks=["flatten_order"], activations=said["activations"])
        case(name, "th", asks=["activations"], flatten_order="channels_last")
        case(name, "tf", asks=["features_order"], **said)
        case(name, "flat_tf", asks=["activations"])
    # Rows without an order need none.
    predicts(model, names, rows="flat_tf", theirs="tf", activations=said["activations"])
    pooled = sequential(layers.Flatten(), dense(1, "sigmoid"), shape=(48, 1, 1))
    predicts(pooled, ["pooled.weights.h5"], rows="pooled", activations=["sigmoid"])
    case("pooled.weights.h5", "pooled", asks=["activations"])


def whole():
    model = sequential(layers.Flatten(), dense(6, "relu"), dense(3, "softmax"))
    predicts(model, ["whole.keras"], theirs="tf")
    predicts(model, ["whole.keras"], rows="tf")
    predicts(model, ["whole.keras"], rows="flat_tf", theirs="tf", features_order="channels_last")
    case("whole.keras", "flat_tf", asks=["features_order"])
    # Trained on headstart's own .npy: Flatten claims channels_last, and the rows are th.
    model = sequential(layers.Flatten(), dense(1, "sigmoid"), shape=TH)
    predicts(model, ["own.keras"])
    predicts(model, ["own.keras"], rows="tf", theirs="th")
    predicts(model, ["own.keras"], rows="tf", theirs="th", row_shape=TH)
    cube = sequential(layers.Flatten(), dense(1, "sigmoid"), shape=(3, 3, 3))
    predicts(cube, ["cube.keras"], rows="cubes", flatten_order="channels_first", features_order="channels_first")
    case("cube.keras", "cubes", asks=["features_order"])
    case("cube.keras", "cubes", asks=["flatten_order"], features_order="channels_first")
    # Flat inputs.
    model = sequential(dense(6, "relu"), dense(1, "sigmoid"), shape=(48,))
    predicts(model, ["flat.keras"], theirs="flat_tf", flatten_order="channels_last")
    predicts(model, ["flat.keras"], theirs="flat_th", flatten_order="channels_first")
    predicts(model, ["flat.keras"], rows="flat_tf")
    case("flat.keras", "th", asks=["flatten_order"])
    # A functional model whose layers are named as types and functions.
    inputs = keras.Input(TF, name="float32")
    x = layers.Flatten(name="keras_tensor")(inputs)
    x = dense(4, "relu", name="relu")(x)
    outputs = dense(1, "sigmoid", name="channels_last")(x)
    predicts(filled(keras.Model(inputs, outputs)), ["words.keras"], theirs="tf")


def nested():
    names = ["{}.weights.h5", "{}.keras", "{}.h5"]

    def with_files(model, name, activations):
        files = [pattern.format(name) for pattern in names]
        said = {"flatten_order": "channels_last", "activations": activations}
        predicts(model, files[:1], theirs="tf", **said)
        predicts(model, files[1:], theirs="tf")

    first = sequential(layers.Flatten(), inner(keras.Input((48,)), dense(6, "tanh"), dense(5, "elu")), dense(1, "sigmoid"))
    with_files(first, "nested_first", ["tanh", "elu", "sigmoid"])
    # A frozen layer comes last in the list of an .h5.
    between = inner(keras.Input((6,)), dense(5, "tanh", trainable=False), dense(7, "relu"))
    model = sequential(layers.Flatten(), dense(6, "relu"), between, dense(3, "softmax"))
    with_files(model, "nested_between", ["relu", "tanh", "relu", "softmax"])
    inputs = keras.Input((48,))
    functional = keras.Model(inputs, dense(6, "relu")(layers.Dropout(0.1)(inputs)))
    deep = inner(keras.Input((48,)), functional)
    with_files(sequential(layers.Flatten(), deep, dense(1, "sigmoid")), "nested_twice", ["relu", "sigmoid"])
    # Where it stands, its file of weights does not tell: both places fit.
    square = sequential(
        layers.Flatten(), dense(6, "relu"), inner(keras.Input((6,)), dense(6, "tanh")), dense(6, "relu"), dense(1, "sigmoid")
    )
    said = {"flatten_order": "channels_last", "activations": ["relu", "tanh", "relu", "sigmoid"]}
    refused(square, ["nested_square.weights.h5"], "more than one order", **said)
    predicts(square, ["nested_square.keras"], theirs="tf")


def layers_without_weights():
    said = {"flatten_order": "channels_last", "activations": ["linear", "sigmoid"]}

    def both(name, word, *parts, whole=None, **more):
        model = sequential(*parts, **more)
        files = [f"{name}.weights.h5", f"{name}_alone.h5"]
        refused(model, files[: 1 if whole is None else 2], word, **said)
        if whole is None:
            refused(model, [f"{name}.keras"], word)
        else:
            predicts(model, [f"{name}.keras"], theirs="tf")

    end = dense(1, "sigmoid")
    both("rescaling", "rescaling", layers.Rescaling(0.5, 1.0), layers.Flatten(), dense(6, "relu"), end)
    both("relu", "re_lu", layers.Flatten(), dense(6), layers.Dropout(0.2), layers.ReLU(), end, whole=True)
    both("reshape", "reshape", layers.Reshape((48,)), dense(6), layers.ELU(), dense(3), layers.Softmax(), whole=True)
    both("batch", "batch_normalization", layers.Flatten(), layers.BatchNormalization(), dense(6, "relu"), end)
    both("leaky", "leaky", layers.Flatten(), dense(6), layers.LeakyReLU(), end)
    both("average", "average_pooling2d", layers.GlobalAveragePooling2D(), dense(6, "relu"), end)
    noisy = sequential(layers.GaussianNoise(0.1), layers.Flatten(), dense(6, "relu"), layers.AlphaDropout(0.1), end)
    predicts(noisy, ["noise.keras"], theirs="tf")
    predicts(noisy, ["noise.weights.h5"], theirs="tf", flatten_order="channels_last", activations=["relu", "sigmoid"])


@keras.saving.register_keras_serializable(package="mine")
class Scaled(layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


def others():
    refused(sequential(layers.Flatten(), dense(3, "sigmoid")), ["sigmoid3.keras"], "3 sigmoid units")
    refused(sequential(layers.Flatten(), Scaled(1, activation="sigmoid")), ["own_class.keras"], "Scaled")
    refused(sequential(dense(4, "relu"), layers.Flatten(), dense(1, "sigmoid")), ["on_maps.keras"], "Dense on feature maps")
    inputs = keras.Input(TF)
    x = layers.Flatten()(inputs)
    a = dense(6, "relu")(x)
    both = keras.Model(inputs, [a, dense(1, "sigmoid")(a)])
    refused(filled(both), ["outputs.keras"], "branches")


def main():
    for old in [*HERE.glob("*.h5"), *HERE.glob("*.keras")]:
        old.unlink()
    weights_alone()
    whole()
    nested()
    layers_without_weights()
    others()
    rows = {
        name: {"shape": list(array.shape[1:]), "values": array.astype("float64").ravel().tolist()}
        for name, array in ROWS.items()
    }
    with open(HERE / "cases.json", "w") as file:
        json.dump({"rows": rows, "cases": CASES}, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
