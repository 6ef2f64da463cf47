"""Loads the heads that headstart wrote into Keras, and holds what Keras predicts against numpy.

    python check.py

headstart.h5 and headstart.weights.h5 are the goldens of the test heads_are_written_to_the_byte. The same script
runs in every Keras from 1.2 to 3; .weights.h5 is left out where the installed Keras is older than 3.
It was run with

    Python 3.11.7, keras 3.15.1, tensorflow-cpu 2.21.0, h5py 3.14.0, numpy 2.4.6   both files
    Python 3.9.18, tensorflow-cpu 2.13.1 (keras 2.13.1), h5py 3.14.0               headstart.h5
    Python 3.9.18, tensorflow-cpu 2.11.1 (keras 2.11.0), h5py 3.14.0               headstart.h5
    Python 3.6.15, keras 1.2.2, Theano 1.0.5, h5py 2.10.0, numpy 1.16.6            headstart.h5
"""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("THEANO_FLAGS", "floatX=float32,cxx=")

if os.environ["KERAS_BACKEND"] == "theano":
    import theano.ifelse  # Keras 1 uses it and does not import it

import h5py
import keras
import numpy as np
from keras.layers import Dense, Dropout, Flatten
from keras.models import Sequential

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-5


def fill(count, step):
    """The values of tests/heads.rs."""
    return ((np.arange(count) * step) % 64 / 64 - 0.5).astype("float32")


W1, B1 = fill(60, 37).reshape(12, 5), fill(5, 39)
W2, B2 = fill(5, 23).reshape(5, 1), fill(1, 25)


def by_numpy(images):
    hidden = np.maximum(images.reshape(len(images), -1).astype("float64") @ W1 + B1, 0)
    return 1 / (1 + np.exp(-(hidden @ W2 + B2)))


def check_contents():
    """What h5py, and so any reader of HDF5, finds."""
    with h5py.File(str(HERE / "headstart.h5"), "r") as file:
        names = file.attrs["layer_names"]
        assert names.dtype.kind == "S", names.dtype
        assert names.tolist() == [b"flatten_1", b"dense_1", b"dropout_1", b"dense_2"]
        assert isinstance(file.attrs["backend"], bytes) and isinstance(file.attrs["keras_version"], bytes)
        for name in ["flatten_1", "dropout_1"]:
            assert file[name].attrs["weight_names"].shape == (0,)
            assert len(file[name]) == 0
        for name, arrays in [("dense_1", (W1, B1)), ("dense_2", (W2, B2))]:
            weights = file[name].attrs["weight_names"]
            assert weights.dtype.kind == "S"
            assert weights.tolist() == [(name + "/kernel:0").encode(), (name + "/bias:0").encode()]
            for weight, array in zip(weights, arrays):
                stored = file[name][weight.decode()]
                assert stored.dtype == np.dtype("<f4") and np.array_equal(stored[()], array)
    with h5py.File(str(HERE / "headstart.weights.h5"), "r") as file:
        assert sorted(file) == ["layers", "vars"] and len(file["vars"]) == 0
        assert sorted(file["layers"]) == ["dense", "dense_1", "dropout", "flatten"]
        for group, arrays in [("layers/dense/vars", (W1, B1)), ("layers/dense_1/vars", (W2, B2))]:
            assert sorted(file[group]) == ["0", "1"]
            for i, array in enumerate(arrays):
                assert np.array_equal(file[group][str(i)][()], array)
        assert file["layers/dense_1/vars"].attrs["name"] == "dense_2"


def check_predictions(name):
    model = Sequential()
    model.add(Flatten(input_shape=(3, 2, 2)))
    model.add(Dense(5, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))
    before = np.random.RandomState(7).uniform(-2, 2, (64, 3, 2, 2)).astype("float32")
    model.load_weights(str(HERE / name))
    difference = np.abs(model.predict(before, verbose=0) - by_numpy(before)).max()
    assert difference < TOLERANCE, difference
    print("keras {}: {} predicts what numpy does, within {:.1e}".format(keras.__version__, name, difference))


if __name__ == "__main__":
    check_contents()
    check_predictions("headstart.h5")
    if int(keras.__version__.split(".")[0]) >= 3:
        check_predictions("headstart.weights.h5")
