"""Loads the models that headstart wrote into Keras, and holds what Keras predicts against ours.json, which headstart
predicted.

    python check.py

ours.* and ours_pooled.* are the goldens of the test models_are_written_to_the_byte_and_predict_as_recorded. The same script runs in every
Keras from 1.2 to 3; .weights.h5 is left out where the installed Keras is older than 3, and .safetensors where there is
no safetensors library. It was run with

    Python 3.11.7, keras 3.15.1, tensorflow-cpu 2.21.0, h5py 3.14.0, numpy 2.4.6, safetensors 0.8.0
        ours.h5: within 6.0e-08
        ours_tf.h5: within 6.0e-08
        ours.weights.h5: within 6.0e-08
        ours_tf.weights.h5: within 6.0e-08
        ours.safetensors (numpy): within 4.5e-08
    Python 3.11.7, keras 3.15.1 on jax 0.10.2, h5py 3.16.0, numpy 2.4.6
        the same, and
        ours_pooled.h5: within 6.0e-08
        ours_pooled.weights.h5: within 6.0e-08
    Python 3.9.18, tensorflow-cpu 2.13.1 (keras 2.13.1), h5py 3.14.0, numpy 1.24.3
        ours.h5: within 6.0e-08
        ours_tf.h5: within 6.0e-08
    Python 3.6.15, keras 1.2.2, Theano 1.0.5, h5py 2.10.0, numpy 1.16.6
        ours.h5: within 3.0e-08
        ours_tf.h5: within 3.0e-08
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("THEANO_FLAGS", "floatX=float32,cxx=")

import h5py
import keras
import numpy as np
from keras.layers import Dense, Dropout, Flatten
from keras.models import Sequential

HERE = pathlib.Path(__file__).resolve().parent
MAJOR = int(keras.__version__.split(".")[0])
TOLERANCE = 1e-5

if MAJOR == 1:
    import theano.ifelse  # Keras 1 uses it and does not import it

GOLDEN = json.loads((HERE / "ours.json").read_text())
ROWS = np.array(GOLDEN["rows"], "float32").reshape([-1] + GOLDEN["row_shape"])
EXPECTED = np.array(GOLDEN["predictions"]).reshape(len(ROWS), -1)


def check_description(name):
    """The attribute is text that any reader of HDF5 shows."""
    with h5py.File(str(HERE / name), "r") as file:
        text = file.attrs["headstart"]
    said = json.loads(text.decode("ascii") if isinstance(text, bytes) else text)
    assert said["format"] == "headstart.model" and said["version"] == 1
    assert said["classes"] == ["animal", "caf\u00e9", "\U0001f436"]
    flatten = [] if "_pooled" in name else ["flatten_1"]
    assert said["layer_names"] == flatten + ["dense_1", "dropout_1", "dense_2"]
    assert said.get("pooling") == ("avg" if "_pooled" in name else None)
    assert said.get("flatten_order") == ("channels_last" if "_tf" in name else None)


def check_predictions(name):
    rows = ROWS.transpose(0, 2, 3, 1) if "_tf" in name else ROWS
    model = Sequential()
    if "_pooled" in name:
        rows = ROWS.reshape(len(ROWS), -1)
        model.add(Dense(7, activation="relu", input_shape=rows.shape[1:]))
    else:
        model.add(Flatten(input_shape=rows.shape[1:]))
        model.add(Dense(7, activation="relu"))
    model.add(Dropout(0.3))
    model.add(Dense(3, activation="softmax"))
    model.load_weights(str(HERE / name))
    difference = np.abs(model.predict(rows, verbose=0) - EXPECTED).max()
    assert difference < TOLERANCE, difference
    print("        {}: within {:.1e}".format(name, difference))


def check_safetensors(name):
    """What any safetensors library finds, and numpy makes of it."""
    try:
        import safetensors
    except ImportError:
        return
    with safetensors.safe_open(str(HERE / name), framework="numpy") as file:
        said = file.metadata()
        assert said["format"] == "headstart.model" and said["version"] == "1" and said["preset"] == "caffe"
        assert json.loads(said["classes"]) == ["animal", "caf\u00e9", "\U0001f436"]
        tensors = {key: file.get_tensor(key).astype("float64") for key in file.keys()}
    hidden = np.maximum(ROWS.reshape(len(ROWS), -1) @ tensors["dense_1/kernel"] + tensors["dense_1/bias"], 0)
    logits = hidden @ tensors["dense_2/kernel"] + tensors["dense_2/bias"]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    difference = np.abs(powers / powers.sum(1, keepdims=True) - EXPECTED).max()
    assert difference < TOLERANCE, difference
    print("        {} (numpy): within {:.1e}".format(name, difference))


if __name__ == "__main__":
    names = ["ours.h5", "ours_tf.h5", "ours.weights.h5", "ours_tf.weights.h5", "ours_pooled.h5", "ours_pooled.weights.h5"]
    for name in names:
        check_description(name)
        if MAJOR >= 3 or not name.endswith(".weights.h5"):
            check_predictions(name)
    check_safetensors("ours.safetensors")
