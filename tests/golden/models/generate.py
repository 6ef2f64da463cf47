"""Heads that Keras trained on random feature maps and saved in each of its ways, with what they predict.

    python generate.py

The same script runs in every Keras from 1.2 to 3 and writes keras<major>_*: weights alone and whole models, and
keras<major>.json with the feature maps, the predictions, and what import_model has to be told for each file. In Keras 1
feature maps are channels, height, width; in Keras 2 and 3 height, width, channels. It was run with

    Python 3.11.7, keras 3.15.1, tensorflow-cpu 2.21.0, h5py 3.14.0, numpy 2.4.6
    Python 3.9.18, tensorflow-cpu 2.13.1 (keras 2.13.1), h5py 3.14.0, numpy 1.24.3
    Python 3.6.15, keras 1.2.2, Theano 1.0.5, h5py 2.10.0, numpy 1.16.6
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("THEANO_FLAGS", "floatX=float32,cxx=")

HERE = pathlib.Path(__file__).resolve().parent

import keras
import numpy as np
from keras.layers import Activation, Dense, Dropout, Flatten
from keras.models import Model, Sequential

MAJOR = int(keras.__version__.split(".")[0])
if MAJOR == 1:
    import theano.ifelse  # Keras 1 uses it and does not import it

CHANNELS, HEIGHT, WIDTH = 5, 3, 2
ORDER = "channels_first" if MAJOR == 1 else "channels_last"
ROW = (CHANNELS, HEIGHT, WIDTH) if MAJOR == 1 else (HEIGHT, WIDTH, CHANNELS)


def trained(model, rows, labels, loss):
    model.compile(optimizer="rmsprop", loss=loss)
    epochs = {"nb_epoch" if MAJOR == 1 else "epochs": 20}
    model.fit(rows, labels, batch_size=8, verbose=0, **epochs)
    return model


def binary(rows, labels):
    """The head of the script, on a small scale."""
    model = Sequential()
    model.add(Flatten(input_shape=ROW))
    model.add(Dense(7, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))
    return trained(model, rows, labels, "binary_crossentropy")


def classes(rows, labels):
    """Functional, with activations as layers of their own and a layer without a bias."""
    inputs = keras.layers.Input(shape=ROW)
    x = Flatten()(inputs)
    x = Dense(6, **{"bias" if MAJOR == 1 else "use_bias": False})(x)
    x = Activation("tanh")(x)
    x = Dense(3)(x)
    x = Activation("softmax")(x)
    return trained(Model(inputs, x), rows, np.eye(3, dtype="float32")[labels], "categorical_crossentropy")


def moved(rows, labels):
    """Flatten moves the channels of channels_first maps to the end. No Keras on a CPU needs it to be trained."""
    model = Sequential()
    model.add(Flatten(input_shape=(CHANNELS, HEIGHT, WIDTH), data_format="channels_first"))
    model.add(Dense(4, activation="elu"))
    model.add(Dense(1, activation="sigmoid"))
    return trained(model, rows.transpose(0, 3, 1, 2), labels, "binary_crossentropy")


def shaped(rows, labels):
    """Channels-first maps under a Flatten that claims channels_last, as Keras does unless told otherwise."""
    model = Sequential()
    model.add(Flatten(input_shape=(CHANNELS, HEIGHT, WIDTH)))
    model.add(Dense(1, activation="sigmoid"))
    return trained(model, rows.transpose(0, 3, 1, 2), labels, "binary_crossentropy")


def main():
    random = np.random.RandomState(81)
    rows = random.uniform(0, 2, (32,) + ROW).astype("float32")
    labels = random.randint(0, 2, 32)
    shown = rows[:8]
    files = []

    def predictions(model, rows):
        return np.asarray(model.predict(rows, verbose=0), "float64").tolist()

    def add(file, order, activations, predicted):
        """order: what the person must say, null where the file says it."""
        files.append({"file": file, "order": order, "activations": activations, "predictions": predicted})

    name = "keras{}_".format(MAJOR)
    model = binary(rows, labels)
    predicted = predictions(model, shown)
    functions = ["relu", "sigmoid"]
    said = None if MAJOR == 1 else ORDER
    model.save(str(HERE / (name + "whole.h5")))
    add(name + "whole.h5", None, functions, predicted)
    if MAJOR < 3:
        model.save_weights(str(HERE / (name + "weights_alone.h5")))
    else:
        import h5py
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(str(HERE / (name + "weights_alone.h5")), "w") as file:
            save_weights_to_hdf5_group(file, model)
        model.save_weights(str(HERE / "keras3.weights.h5"))
        add("keras3.weights.h5", said, functions, predicted)
    add(name + "weights_alone.h5", said, functions, predicted)
    if MAJOR > 1:
        model.save(str(HERE / (name + "archive.keras")))
        add(name + "archive.keras", None, functions, predicted)

    model = classes(rows, random.randint(0, 3, 32))
    model.save(str(HERE / (name + "classes.h5")))
    add(name + "classes.h5", None, ["tanh", "softmax"], predictions(model, shown))

    if MAJOR > 1:
        model = moved(rows, labels)
        model.save(str(HERE / (name + "moved.h5")))
        add(name + "moved.h5", None, ["elu", "sigmoid"], predictions(model, shown.transpose(0, 3, 1, 2)))

    if MAJOR == 3:
        shaped(rows, labels).save(str(HERE / "keras3_shaped.h5"))

    ours = shown if MAJOR == 1 else shown.transpose(0, 3, 1, 2)
    result = {"row_shape": [CHANNELS, HEIGHT, WIDTH], "rows": ours.astype("float64").ravel().tolist(), "files": files}
    with open(str(HERE / "keras{}.json".format(MAJOR)), "w") as file:
        json.dump(result, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
