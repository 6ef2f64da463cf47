"""Cosine distances between two sets of rows, by scikit-learn, with copies and near copies planted.

Made with Python 3.11, scikit-learn 1.9.1, numpy 1.26.4: python generate.py
Writes case.json beside itself: {row, first, second, threshold, pairs: [[a, b, distance], ...]}, nearest first.
"""

import json
import pathlib

import numpy as np
from sklearn.metrics.pairwise import cosine_distances

HERE = pathlib.Path(__file__).parent
THRESHOLD = 0.25


def main():
    rng = np.random.default_rng(7)
    # Sparse and not negative, as features after a relu are; whole sixteenths are exact in float32.
    sets = [np.maximum(rng.integers(-24, 24, (n, 12)), 0) / 16 for n in (30, 20)]
    first, second = sets
    second[3] = first[7]
    second[4] = 3 * first[8]
    second[5] = first[9] + np.eye(12)[2] / 8
    first[11] = 0
    second[11] = 0
    distances = np.maximum(cosine_distances(first, second), 0)
    near = [[int(a), int(b), float(distances[a, b])] for a, b in zip(*np.where(distances <= THRESHOLD))]
    near.sort(key=lambda pair: (round(pair[2], 12), pair[0], pair[1]))
    case = {"row": 12, "first": first.ravel().tolist(), "second": second.ravel().tolist(), "threshold": THRESHOLD}
    (HERE / "case.json").write_text(json.dumps(case | {"pairs": near}) + "\n")


if __name__ == "__main__":
    main()
