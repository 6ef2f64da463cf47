"""Losses, optimizers, schedules, class weights and L2 on heads of two and of four classes, by Keras 3.

Versions: Python 3.11.7, tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6.
Run from the repository's root, after generate.py: python tests/golden/training/generate_objectives.py

Writes, beside itself:
- start4.json: as start.json, with labels of four classes of unequal size; the last Dense layer is linear
- runs.json: parameters and history of a hundred steps for each optimizer and option, named by the case
- categorical.json: softmax cross-entropy of a few logits, on integer labels and on soft targets, with its gradient;
  top-k accuracy of them
- schedules.json: learning rates of schedules at a few steps
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers import SGD, Adam, AdamW, RMSprop
from keras.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay

HERE = pathlib.Path(__file__).parent
CLASSES = 4


def numbers(array):
    return np.asarray(array, np.float64).ravel().tolist()


def write(name, content):
    (HERE / name).write_text(json.dumps(content) + "\n")


def start_of_four(two):
    """The rows of two classes with four labels, of which the last is rare."""
    rng = np.random.default_rng(20240229)
    rows = np.array(two["rows"], np.float32).reshape(-1, two["inputs"])
    scores = rows.reshape(len(rows), CLASSES, -1).sum(2) + rng.normal(0, 0.7, (len(rows), CLASSES)) - [0, 0, 0, 1.2]
    units = two["units"]
    last = rng.uniform(-1, 1, (units, CLASSES)).astype(np.float32) * np.float32(np.sqrt(6 / (units + CLASSES)))
    parameters = [*two["parameters"][:2], numbers(last), [0.0] * CLASSES]
    return {**two, "labels": numbers(scores.argmax(1)), "parameters": parameters}


def train(start, optimizer, l2=0.0, class_weight=None, activation=None):
    binary = len(start["parameters"][3]) == 1
    outputs = len(start["parameters"][3])
    activation = activation or ("sigmoid" if binary else "linear")
    regularizer = keras.regularizers.L2(l2) if l2 else None
    dense = lambda units, activation: keras.layers.Dense(units, activation=activation, kernel_regularizer=regularizer)
    model = keras.Sequential([keras.Input((start["inputs"],)), dense(start["units"], "relu"), dense(outputs, activation)])
    model.set_weights([np.array(p, np.float32).reshape(w.shape) for p, w in zip(start["parameters"], model.get_weights())])
    if binary:
        loss, metrics = keras.losses.BinaryCrossentropy(), ["accuracy"]
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=activation == "linear")
        metrics = ["accuracy"]
    model.compile(optimizer, loss, metrics=metrics)
    rows = np.array(start["rows"], np.float32).reshape(-1, start["inputs"])
    labels = np.array(start["labels"], np.float32 if binary else np.int32)[:, None]
    history = model.fit(
        rows, labels, batch_size=start["batch"], epochs=start["epochs"], shuffle=False, validation_data=(rows, labels),
        class_weight=class_weight, verbose=0,
    ).history
    return dict(
        parameters=[numbers(p) for p in model.get_weights()],
        **{key: numbers(history[key]) for key in ["loss", "accuracy", "val_loss", "val_accuracy"]},
    )


def schedules():
    return dict(
        exponential=ExponentialDecay(0.01, 30, 0.5),
        staircase=ExponentialDecay(0.01, 30, 0.5, staircase=True),
        cosine=CosineDecay(0.01, 80, alpha=0.1),
        warmup=CosineDecay(0.001, 60, alpha=0.05, warmup_target=0.02, warmup_steps=20),
        piecewise=PiecewiseConstantDecay([20, 60], [0.01, 0.002, 0.0005]),
    )


def runs(two, four):
    balanced = {label: len(four["labels"]) / (CLASSES * four["labels"].count(label)) for label in range(CLASSES)}
    optimizers = dict(
        rmsprop=lambda: RMSprop(),
        sgd=lambda: SGD(),
        momentum=lambda: SGD(0.01, momentum=0.9),
        nesterov=lambda: SGD(0.01, momentum=0.9, nesterov=True),
        adam=lambda: Adam(),
        adamw=lambda: AdamW(),
    )
    cases = {}
    for name, make in optimizers.items():
        cases[f"{name} of two"] = train(two, make())
        cases[f"{name} of four"] = train(four, make())
    cases["l2 of two"] = train(two, RMSprop(), l2=0.01)
    cases["l2 of four"] = train(four, Adam(), l2=0.01)
    cases["weights of two"] = train(two, RMSprop(), class_weight={0: 0.5, 1: 2.0})
    cases["balanced of four"] = train(four, RMSprop(), class_weight=balanced)
    cases["softmax of four"] = train(four, Adam(), activation="softmax")
    for name, schedule in schedules().items():
        cases[f"{name} of four"] = train(four, SGD(schedule, momentum=0.9))
    cases["warmup of adamw of four"] = train(four, AdamW(schedules()["warmup"], weight_decay=0.1))
    return cases


def categorical():
    logits = np.array([
        [1.0, -2.0, 0.5, 3.0, 0.0, -1.0], [-50.0, 50.0, 0.0, 10.0, -10.0, 1.0], [80.0, 100.0, 90.0, -90.0, 95.0, 99.0],
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
    ], np.float32)
    labels = np.array([0, 2, 5, 1, 3], np.int32)
    rng = np.random.default_rng(7)
    targets = rng.dirichlet(np.ones(6), 5).astype(np.float32)
    targets[0] = np.eye(6, dtype=np.float32)[1]
    z = tf.Variable(logits)
    with tf.GradientTape(persistent=True) as tape:
        sparse = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, z, from_logits=True))
        soft = tf.reduce_mean(keras.losses.categorical_crossentropy(targets, z, from_logits=True))
    each = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    top = [float(np.mean(keras.metrics.sparse_top_k_categorical_accuracy(labels, logits, k=k))) for k in range(1, 7)]
    return dict(
        classes=6, logits=numbers(logits), labels=labels.tolist(), targets=numbers(targets), each=numbers(each),
        sparse=float(sparse), sparse_gradient=numbers(tape.gradient(sparse, z)),
        soft=float(soft), soft_gradient=numbers(tape.gradient(soft, z)), top=top,
    )


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    two = json.loads((HERE / "start.json").read_text())
    four = start_of_four(two)
    write("start4.json", four)
    write("runs.json", runs(two, four))
    write("categorical.json", categorical())
    steps = [0, 1, 10, 19, 20, 21, 29, 30, 45, 59, 60, 61, 79, 80, 81, 200]
    rates = {name: [float(schedule(step)) for step in steps] for name, schedule in schedules().items()}
    write("schedules.json", dict(steps=steps, rates=rates))
