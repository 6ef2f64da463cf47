"""A head that Keras 1 wrote, for load_head: the network of generate.py, whose expected.json is read.

Keras 1.2 names its tensors dense_1_W and dense_1_b. Made with Python 3.6.15, keras 1.2.2, Theano 1.0.5,
h5py 2.10.0, numpy 1.16.6.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "theano"
os.environ.setdefault("THEANO_FLAGS", "floatX=float32,cxx=")

import numpy as np
import theano.ifelse  # Keras 1 uses it and does not import it
from keras.layers import Dense, Dropout, Flatten
from keras.models import Sequential

HERE = pathlib.Path(__file__).resolve().parent


def main():
    with open(str(HERE / "expected.json")) as file:
        expected = {layer["name"]: layer for layer in json.load(file)}
    model = Sequential()
    model.add(Flatten(input_shape=(3, 2, 2), name="flatten_1"))
    model.add(Dense(5, activation="relu", name="dense_1"))
    model.add(Dropout(0.5, name="dropout_1"))
    model.add(Dense(4, bias=False, name="dense_2"))
    model.add(Dense(1, activation="sigmoid", name="dense_3"))
    for layer in model.layers:
        if layer.name in expected:
            stored = expected[layer.name]
            weights = [np.array(stored["kernel"], "float32").reshape(stored["kernel_shape"])]
            if stored["bias"] is not None:
                weights.append(np.array(stored["bias"], "float32"))
            layer.set_weights(weights)
    model.save_weights(str(HERE / "keras1.h5"), overwrite=True)


if __name__ == "__main__":
    main()
