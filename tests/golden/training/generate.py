"""A hundred steps of RMSprop on a small head, and every activation's values and gradients, by Keras 3.

Versions: Python 3.11.7, tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6.
Run from the repository's root: python tests/golden/training/generate.py

Writes, beside itself:
- start.json: the rows, labels and initial parameters that every run starts from
- keras3.json: parameters and history after ten epochs of ten batches with Keras 3's RMSprop (epsilon 1e-7
  inside the root); generate_keras1.py writes keras1.json from the same start
- activations.json: values and gradients of the activations at a few points, in float64
- losses.json: binary cross-entropy of probabilities (clipped) and of logits
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).parent
ROWS, INPUTS, UNITS, BATCH, EPOCHS = 80, 12, 8, 8, 10


def start():
    """Sparse rows >= 0, as pooled features are; labels that a small network can mostly learn."""
    rng = np.random.default_rng(20160605)
    rows = np.maximum(rng.normal(0.3, 1.0, (ROWS, INPUTS)), 0).astype(np.float32)
    labels = (rows[:, :4].sum(1) + rng.normal(0, 0.7, ROWS) > rows[:, 4:8].sum(1)).astype(np.float32)
    glorot = lambda i, o: rng.uniform(-1, 1, (i, o)).astype(np.float32) * np.float32(np.sqrt(6 / (i + o)))
    parameters = [glorot(INPUTS, UNITS), np.zeros(UNITS, np.float32), glorot(UNITS, 1), np.zeros(1, np.float32)]
    return rows, labels, parameters


def numbers(array):
    return np.asarray(array, np.float64).ravel().tolist()


def train(rows, labels, parameters):
    model = keras.Sequential(
        [keras.Input((INPUTS,)), keras.layers.Dense(UNITS, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.set_weights(parameters)
    model.compile(keras.optimizers.RMSprop(), "binary_crossentropy", metrics=["accuracy"])
    data = (rows, labels[:, None])
    history = model.fit(*data, batch_size=BATCH, epochs=EPOCHS, shuffle=False, validation_data=data, verbose=0).history
    return dict(
        parameters=[numbers(p) for p in model.get_weights()],
        **{key: numbers(history[key]) for key in ["loss", "accuracy", "val_loss", "val_accuracy"]},
    )


def activations():
    names = ["linear", "relu", "sigmoid", "softmax", "tanh", "elu", "selu", "softplus", "softsign",
             "hard_sigmoid", "exponential", "silu", "gelu"]
    points = np.array([[-30.0, -3.5, -2.0, -1.0], [-0.25, 0.0, 0.125, 0.5], [1.0, 2.5, 3.5, 20.0]])
    # Unequal weights, so that softmax (whose outputs sum to 1) has a gradient.
    weights = np.array([1.0, -2.0, 0.5, 3.0])
    cases = []
    for name in names:
        x = tf.Variable(points)
        with tf.GradientTape() as tape:
            y = keras.activations.get(name)(x)
            total = tf.reduce_sum(y * weights)
        cases.append(dict(name=name, values=numbers(y), gradients=numbers(tape.gradient(total, x))))
    return dict(points=numbers(points), weights=numbers(weights), columns=4, cases=cases)


def losses():
    probabilities = np.array([0.0, 1e-9, 0.2, 0.5, 0.97, 1.0, 1.0], np.float32)
    logits = np.array([-50.0, -12.0, -1.0, 0.0, 2.0, 12.0, 50.0], np.float32)
    labels = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0], np.float32)
    mean = lambda y, from_logits: float(
        tf.reduce_mean(keras.losses.binary_crossentropy(labels[:, None], y[:, None], from_logits=from_logits))
    )
    return dict(
        probabilities=numbers(probabilities), logits=numbers(logits), labels=numbers(labels),
        from_probabilities=mean(probabilities, False), from_logits=mean(logits, True),
    )


def write(name, content):
    (HERE / name).write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    rows, labels, parameters = start()
    write("start.json", dict(
        rows=numbers(rows), labels=numbers(labels), parameters=[numbers(p) for p in parameters],
        inputs=INPUTS, units=UNITS, batch=BATCH, epochs=EPOCHS,
    ))
    write("keras3.json", train(rows, labels, parameters))
    write("activations.json", activations())
    write("losses.json", losses())
