"""Cosine distances to the nearest class's mean, held out by folds, by scipy; and the distance that refuses a share.

Versions: Python 3.11.7, scipy 1.17.1, numpy 2.4.6.
Run from the repository's root: python tests/golden/novelty/generate.py

Writes cases.json beside itself: rows of features in 64ths (exact in f32) with labels and folds; the distance of each row
to the nearest mean of the rows of the other folds; other rows and their distances to the means of all; and for some
shares the ceil((n + 1) (1 - share))-th smallest of the first distances.
"""

import json
import pathlib
from fractions import Fraction
from math import ceil

import numpy as np
from scipy.spatial.distance import cdist

HERE = pathlib.Path(__file__).parent


def distances(x, y, query):
    means = np.stack([x[y == c].mean(0) for c in np.unique(y)])
    return cdist(query, means, "cosine").min(1)


def case(seed, rows, features, classes, folds):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes)] * 3 + [rng.integers(0, classes, rows - 3 * classes)])
    fold_of = np.arange(rows) // classes % folds
    centre = rng.exponential(1, (classes, features))
    parts = np.round(64 * np.maximum(0, centre[y] + rng.normal(0, 0.7, (rows, features)))).astype(int)
    other = np.round(64 * rng.exponential(1, (12, features))).astype(int)
    x, query = parts / 64, other / 64
    held_out = np.empty(rows)
    for fold in range(folds):
        held_out[fold_of == fold] = distances(x[fold_of != fold], y[fold_of != fold], x[fold_of == fold])
    shares = ["0.01", "0.05", "0.1", "0.5"]
    place = [min(rows, ceil((rows + 1) * (1 - Fraction(s)))) for s in shares]
    return dict(
        features=features,
        classes=classes,
        folds=folds,
        parts=parts.ravel().tolist(),
        labels=y.tolist(),
        fold_of=fold_of.tolist(),
        held_out=held_out.tolist(),
        other=other.ravel().tolist(),
        distances=distances(x, y, query).tolist(),
        thresholds=[[float(s), float(np.sort(held_out)[p - 1])] for s, p in zip(shares, place)],
    )


def main():
    cases = [case(1, 40, 6, 2, 4), case(2, 99, 5, 3, 3)]
    lines = ",\n".join(json.dumps(value, separators=(",", ":")) for value in cases)
    (HERE / "cases.json").write_text(f"[\n{lines}\n]\n")


main()
