"""The hundred steps of generate.py by Keras 1.2.2 on Theano, the generation that the script ran on.

Versions: Python 3.6.15, keras 1.2.2, theano 1.0.5, numpy 1.16.6, scipy 1.2.3, h5py 2.10.0, pyyaml 6.0.1.
Run from the repository's root, after generate.py:
    KERAS_BACKEND=theano python tests/golden/training/generate_keras1.py

Writes keras1.json: parameters and history after ten epochs of ten batches with Keras 1's RMSprop (epsilon
1e-8 outside the root).
"""

import json
import os

import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import RMSprop

HERE = os.path.dirname(os.path.abspath(__file__))


def numbers(array):
    return np.asarray(array, np.float64).ravel().tolist()


with open(os.path.join(HERE, "start.json")) as file:
    start = json.load(file)
rows = np.array(start["rows"], np.float32).reshape(-1, start["inputs"])
labels = np.array(start["labels"], np.float32)[:, None]
shapes = [(start["inputs"], start["units"]), (start["units"],), (start["units"], 1), (1,)]
parameters = [np.array(p, np.float32).reshape(s) for p, s in zip(start["parameters"], shapes)]

model = Sequential([
    Dense(start["units"], activation="relu", input_dim=start["inputs"]),
    Dense(1, activation="sigmoid"),
])
model.set_weights(parameters)
optimizer = RMSprop()
assert optimizer.get_config() == {"lr": np.float32(1e-3), "rho": np.float32(0.9), "epsilon": 1e-8, "decay": 0.0}, optimizer.get_config()
model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(rows, labels, batch_size=start["batch"], nb_epoch=start["epochs"], shuffle=False,
                    validation_data=(rows, labels), verbose=0).history

result = {"parameters": [numbers(p) for p in model.get_weights()]}
for ours, theirs in [("loss", "loss"), ("accuracy", "acc"), ("val_loss", "val_loss"), ("val_accuracy", "val_acc")]:
    result[ours] = numbers(history[theirs])
with open(os.path.join(HERE, "keras1.json"), "w") as file:
    file.write(json.dumps(result) + "\n")
