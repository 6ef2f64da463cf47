"""Holds a run of `cargo xtask pipeline` against numpy, h5py and Keras 3.

Versions: Python 3.11, tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6, h5py 3.14.0.
Run from the repository's root, after the pipeline:
    python tests/golden/interop/compare_keras.py runs/pipeline [--seeds 5] [--head OTHER.h5 ...]

- numpy opens both feature files; their shapes, types and manifests are checked.
- Keras loads the run's head (and each --head: a .weights.h5 of the same run), and numpy computes the same head from
  what h5py reads: the probabilities must agree within 1e-5. Printed beside them are loss and accuracy on the
  validation features, which `headstart train` told as those of its last epoch.
- Keras trains the same head on the same features for 50 epochs, once a seed, and prints the validation accuracy of
  the last and the best epoch: what `headstart train --rmsprop keras3 --seed N` is compared with.
"""

import argparse
import json
import pathlib

import h5py
import keras
import numpy as np


def features(run, name):
    values = np.load(run / f"bottleneck_features_{name}.npy", mmap_mode="r")
    lines = (run / f"bottleneck_features_{name}.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    rows = [record for record in records if "row" in record]
    assert values.dtype == np.float32 and values.flags.c_contiguous
    assert [row["row"] for row in rows] == list(range(len(values)))
    assert list(values.shape[1:]) == records[0]["row_shape"]
    print(f"{name}: {values.shape} {values.dtype}, mean {values.mean():.6f}, {np.mean(values == 0):.1%} zeros")
    return np.asarray(values), np.array([row["label"] for row in rows], np.float32)


def model(shape):
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Flatten(),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def parameters(path):
    """Kernel and bias of each Dense layer, by h5py alone."""
    with h5py.File(path) as file:
        if path.name.endswith(".weights.h5"):
            return [file[f"layers/{layer}/vars/{i}"][:] for layer in ("dense", "dense_1") for i in (0, 1)]
        return [file[f"{layer}/{layer}/{name}:0"][:] for layer in ("dense_1", "dense_2") for name in ("kernel", "bias")]


def by_numpy(path, rows):
    kernel1, bias1, kernel2, bias2 = [array.astype(np.float64) for array in parameters(path)]
    hidden = np.maximum(rows.reshape(len(rows), -1) @ kernel1 + bias1, 0)
    return 1 / (1 + np.exp(-(hidden @ kernel2 + bias2)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("run", type=pathlib.Path)
    arguments.add_argument("--head", type=pathlib.Path, action="append", default=[])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments = arguments.parse_args()

    x, y = features(arguments.run, "train")
    vx, vy = features(arguments.run, "validation")
    for path in [arguments.run / "bottleneck_fc_model.h5", *arguments.head]:
        loaded = model(x.shape[1:])
        loaded.load_weights(path)
        loaded.compile(loss="binary_crossentropy", metrics=["accuracy"])
        found, expected = loaded.predict(vx, verbose=0), by_numpy(path, vx)
        difference = np.abs(found - expected).max()
        loss, accuracy = loaded.evaluate(vx, vy, verbose=0)
        print(f"{path.name}: Keras against numpy {difference:.1e}; val_loss {loss:.4f}, val_accuracy {accuracy:.4f}")
        assert difference < 1e-5

    last, best = [], []
    for seed in range(arguments.seeds):
        keras.utils.set_random_seed(seed)
        trained = model(x.shape[1:])
        trained.compile(keras.optimizers.RMSprop(), "binary_crossentropy", metrics=["accuracy"])
        history = trained.fit(x, y, batch_size=32, epochs=50, validation_data=(vx, vy), verbose=0).history
        last.append(history["val_accuracy"][-1])
        best.append(max(history["val_accuracy"]))
        print(f"Keras, seed {seed}: last epoch {last[-1]:.4f}, best epoch {best[-1]:.4f}")
    if last:
        print(f"Keras, mean: last epoch {np.mean(last):.4f}, best epoch {np.mean(best):.4f}")


if __name__ == "__main__":
    main()
