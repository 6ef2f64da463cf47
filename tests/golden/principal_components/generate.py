"""The first two principal components of rows at length 1, by numpy's singular value decomposition in float64.

Made with Python 3.11, numpy 2.4.6: python generate.py
Writes case.json beside itself: {row, values, coordinates: [[first, second], ...], shares: [first, second]}. The sign of a
component is that which makes its largest coordinate positive.
"""

import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent


def main():
    rng = np.random.default_rng(11)
    # Three clusters, as classes are, of rows that are not negative, as features after a relu are; whole sixteenths are exact
    # in float32.
    centres = rng.integers(0, 24, (3, 20))
    rows = np.maximum(np.repeat(centres, 20, axis=0) + rng.integers(-8, 8, (60, 20)), 0) / 16
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    left, singular, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    coordinates = left[:, :2] * singular[:2]
    coordinates *= np.sign(coordinates[np.abs(coordinates).argmax(axis=0), [0, 1]])
    shares = singular[:2] ** 2 / (singular**2).sum()
    case = {"row": 20, "values": rows.ravel().tolist(), "coordinates": coordinates.tolist(), "shares": shares.tolist()}
    (HERE / "case.json").write_text(json.dumps(case) + "\n")


if __name__ == "__main__":
    main()
