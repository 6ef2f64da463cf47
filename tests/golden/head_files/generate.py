"""Heads that Keras wrote, for load_head: one network in both layouts, and expected.json with its parameters.

Made with Python 3.11, keras 3.15.1, tensorflow-cpu 2.21.0, h5py 3.14.0, numpy 2.4.6.
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

HERE = pathlib.Path(__file__).parent


def main():
    rng = np.random.default_rng(50)
    keras.utils.clear_session()
    model = keras.Sequential(
        [
            keras.Input((3, 2, 2)),
            keras.layers.Flatten(name="flatten_1"),
            keras.layers.Dense(5, activation="relu", name="dense_1"),
            keras.layers.Dropout(0.5, name="dropout_1"),
            keras.layers.Dense(4, use_bias=False, name="dense_2"),
            keras.layers.Dense(1, activation="sigmoid", name="dense_3"),
        ]
    )
    for layer in model.layers:
        layer.set_weights([(rng.integers(-500, 500, w.shape) / 256).astype("float32") for w in layer.get_weights()])

    model.save_weights(HERE / "keras3.weights.h5")
    with h5py.File(HERE / "keras3.h5", "w") as file:
        save_weights_to_hdf5_group(file, model)

    expected = []
    for layer in model.layers:
        weights = layer.get_weights()
        if weights:
            bias = weights[1].tolist() if len(weights) > 1 else None
            kernel = weights[0]
            expected.append(
                {
                    "name": layer.name,
                    "kernel_shape": list(kernel.shape),
                    "kernel": kernel.ravel().tolist(),
                    "bias": bias,
                }
            )
    with open(HERE / "expected.json", "w") as file:
        json.dump(expected, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
