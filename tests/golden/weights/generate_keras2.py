"""The network of generate.py as two older Keras write it.

Run after generate.py, once in each of two environments:

    Python 3.9.18, tensorflow-cpu 2.11.1 (keras 2.11.0)   keras2_written_by_2_11.h5
    Python 3.9.18, tensorflow-cpu 2.13.1 (keras 2.13.1)   keras3_written_by_2_13.weights.h5: the layout of Keras 3
                                                          before it, with _layer_checkpoint_dependencies
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras as plain_keras
import numpy as np
from tensorflow import keras

HERE = pathlib.Path(__file__).resolve().parent


def main():
    with open(HERE / "expected.json") as file:
        stored = json.load(file)["convolutions"]
    image = keras.Input((16, 16, 2))
    x = image
    for position, layer in enumerate(stored):
        convolution = keras.layers.Conv2D(layer["kernel_shape"][0], 3, padding="same", name=layer["name"])
        x = convolution(x)
        kernel = np.array(layer["kernel"], "float32").reshape(layer["kernel_shape"])
        convolution.set_weights([kernel.transpose(2, 3, 1, 0), np.array(layer["bias"], "float32")])
        if position > 0:
            x = keras.layers.MaxPooling2D(2)(x)
    model = keras.Model(image, x)
    if plain_keras.__version__.startswith("2.11"):
        model.save_weights(HERE / "keras2_written_by_2_11.h5")
    else:
        model.save_weights(HERE / "keras3_written_by_2_13.weights.h5")


if __name__ == "__main__":
    main()
