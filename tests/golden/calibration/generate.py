"""Platt's two numbers for logits of two classes, by scipy, and held against scikit-learn's own.

Versions: Python 3.11.7, scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6.
Run from the repository's root: python tests/golden/calibration/generate.py

Writes platt.json beside itself: logits with labels, the slope and the offset with the smallest log loss on Platt's
smoothed targets, that loss, and the log loss of the labels at the calibrated logits. scikit-learn's minimizer stops
earlier: it must agree within 1e-3.
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.calibration import _sigmoid_calibration

HERE = pathlib.Path(__file__).parent


def cross_entropy(z, target):
    return float(np.mean(np.logaddexp(0, z) - target * z))


def case(name, logits, y):
    ones, zeros = int(y.sum()), int((1 - y).sum())
    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(p):
        return cross_entropy(p[0] * logits + p[1], target)

    def slope(p):
        away = expit(p[0] * logits + p[1]) - target
        return np.array([np.mean(away * logits), np.mean(away)])

    found = minimize(loss, [1.0, 0.0], jac=slope, method="BFGS", options=dict(gtol=1e-12))
    assert np.abs(slope(found.x)).max() < 1e-8, (name, slope(found.x))
    a, b = _sigmoid_calibration(logits, y)
    assert np.allclose([-a, -b], found.x, rtol=1e-3, atol=1e-3), (name, a, b, found.x)
    calibrated = found.x[0] * logits + found.x[1]
    return dict(
        name=name,
        logits=logits.tolist(),
        labels=y.tolist(),
        slope=float(found.x[0]),
        offset=float(found.x[1]),
        smoothed_loss=loss(found.x),
        log_loss=cross_entropy(calibrated, y),
    )


def main():
    rng = np.random.default_rng(17)
    cases = []
    for name, rows, scale, shift in [("too sure", 80, 3.0, 0.0), ("shifted", 120, 1.0, 2.0), ("too shy", 60, 0.2, -0.5)]:
        true = rng.normal(0, 1.5, rows)
        y = (rng.random(rows) < expit(true)).astype(int)
        cases.append(case(name, (true * scale + shift).round(6), y))
    # A logit that tells all rows apart has a smallest loss only because of the targets.
    logits = np.concatenate([rng.uniform(-3, -1, 9), rng.uniform(1, 3, 31)]).round(6)
    cases.append(case("separable", logits, (logits > 0).astype(int)))
    lines = ",\n".join(json.dumps(value, separators=(",", ":")) for value in cases)
    (HERE / "platt.json").write_text(f"[\n{lines}\n]\n")


main()
