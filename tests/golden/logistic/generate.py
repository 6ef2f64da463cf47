"""Logistic regressions on standardized features and grouped folds, by scikit-learn; temperatures, by scipy.

Versions: Python 3.11.7, scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6.
Run from the repository's root: python tests/golden/logistic/generate.py

Writes, beside itself:
- data.json: rows of features in 256ths (exact in f32) with labels, for two and for five classes, and 40 rows of 200
  features. The second feature is constant, and the last two are equal.
- fits.json: StandardScaler's mean and scale; for several C, with and without balanced class weights, the coefficients and
  intercepts of LogisticRegression (newton-cholesky where it converges to a tolerance of 1e-10, which is checked by the
  gradient here), and the mean log loss on the same rows
- folds.json: labels with groups of unlike sizes, some of several classes, and how unevenly StratifiedGroupKFold spreads the
  classes: the mean over ten seeds of the sum over classes and folds of (share of the class in the fold - 1 / folds)^2
- temperatures.json: logits with labels, and the temperature within bounds that minimizes their log loss
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).parent
LOWEST, HIGHEST = 0.05, 20.0


def draw(seed, rows, features, classes, signal):
    """Correlated features of unlike scales; the classes differ in size."""
    rng = np.random.default_rng(seed)
    shares = np.arange(classes, 0, -1) / np.arange(1, classes + 1).sum()
    y = np.concatenate([np.arange(classes), np.arange(classes), rng.choice(classes, rows - 2 * classes, p=shares)])
    mix = rng.normal(0, 1, (features, features)) / np.sqrt(features)
    x = (rng.normal(0, 1, (rows, features)) + signal * rng.normal(0, 1, (classes, features))[y]) @ mix
    x = x * np.exp(rng.normal(0, 1, features)) + 3 * rng.normal(0, 1, features)
    x[:, 1] = 1.25
    x[:, -1] = x[:, -2]
    return np.round(x * 256).astype(int), y


def worst_derivative(z, y, sample_weight, model, c):
    """The largest derivative of the objective, a mean over the rows, by a parameter."""
    p = model.predict_proba(z)
    delta = (p - np.eye(p.shape[1])[y]) * sample_weight[:, None]
    if p.shape[1] == 2:
        delta = delta[:, 1:]
    total = sample_weight.sum()
    kernel = z.T @ delta / total + model.coef_.T / (c * total)
    return max(np.abs(kernel).max(), np.abs(delta.sum(0) / total).max())


def fit(z, y, c, balanced):
    counts = np.bincount(y)
    weight = len(y) / (len(counts) * counts)[y] if balanced else np.ones(len(y))
    # The first solves exactly; the second is taken where the first gives up.
    models = [
        LogisticRegression(C=c, class_weight="balanced" if balanced else None, tol=1e-10, max_iter=100_000, solver=s)
        for s in ("newton-cholesky", "newton-cg", "lbfgs")
    ]
    fitted = [m.fit(z, y) for m in models]
    best = min(fitted, key=lambda m: worst_derivative(z, y, weight, m, c))
    worst = worst_derivative(z, y, weight, best, c)
    assert worst < 2e-10, (worst, best.solver)
    intercept = best.intercept_ - (best.intercept_.mean() if len(counts) > 2 else 0)
    return dict(
        c=c,
        balanced=balanced,
        derivative=worst,
        coefficients=best.coef_.T.ravel().tolist(),
        intercepts=intercept.tolist(),
        log_loss=log_loss(y, best.predict_proba(z)),
    )


def temperature(name, logits, y):
    full = np.hstack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits

    def loss(log_t):
        scaled = full / np.exp(log_t)
        return float(np.mean(logsumexp(scaled, 1) - scaled[np.arange(len(y)), y]))

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options=dict(xatol=1e-12))
    return dict(
        name=name,
        units=logits.shape[1],
        logits=logits.ravel().tolist(),
        labels=y.tolist(),
        temperature=float(np.exp(found.x)),
        log_loss=loss(found.x),
        before=loss(0.0),
    )


def temperatures():
    rng = np.random.default_rng(11)
    cases = []
    for name, units, scale, rows in [("two, too sure", 1, 4.0, 80), ("five, too sure", 5, 3.0, 90), ("four, too shy", 4, 0.3, 70)]:
        classes = max(units, 2)
        true = rng.normal(0, 1.5, (rows, units))
        full = np.hstack([np.zeros_like(true), true]) if units == 1 else true
        p = np.exp(full - logsumexp(full, 1)[:, None])
        y = np.array([rng.choice(classes, p=row) for row in p])
        cases.append(temperature(name, (true * scale).round(6), y))
    return cases


def unevenness(labels, fold_of, folds):
    shares = [[np.mean(fold_of[labels == c] == f) for f in range(folds)] for c in np.unique(labels)]
    return float(((np.array(shares) - 1 / folds) ** 2).sum())


def grouped(name, seed, groups, classes, folds, mixed):
    rng = np.random.default_rng(seed)
    sizes = 1 + rng.geometric(0.25, groups)
    own = rng.integers(0, classes, groups)
    ids = np.repeat(np.arange(groups), sizes)
    labels = np.where(rng.random(len(ids)) < mixed, rng.integers(0, classes, len(ids)), own[ids])
    found = []
    for seed in range(10):
        fold_of = np.empty(len(ids), int)
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(ids, labels, ids)
        for fold, (_, held_out) in enumerate(splits):
            fold_of[held_out] = fold
        found.append(unevenness(labels, fold_of, folds))
    return dict(name=name, labels=labels.tolist(), groups=ids.tolist(), folds=folds, unevenness=float(np.mean(found)))


def main():
    data, fits = [], []
    for name, seed, rows, features, classes, signal, strengths in [
        ("two", 1, 60, 12, 2, 0.5, [0.01, 1.0, 100.0]),
        ("five", 2, 60, 12, 5, 0.7, [0.01, 1.0, 100.0]),
        ("two, wide", 3, 40, 200, 2, 0.15, [0.0001, 0.01, 1.0]),
        ("three, wide", 4, 40, 200, 3, 0.15, [0.01]),
    ]:
        parts, y = draw(seed, rows, features, classes, signal)
        data.append(dict(name=name, features=features, classes=classes, parts=parts.ravel().tolist(), labels=y.tolist()))
        scaler = StandardScaler()
        z = scaler.fit_transform(parts / 256)
        entries = [fit(z, y, c, balanced) for c in strengths for balanced in (False, True)]
        fits.append(dict(name=name, mean=scaler.mean_.tolist(), scale=scaler.scale_.tolist(), fits=entries))

    folds = [
        grouped("groups of one class", 1, 60, 3, 5, 0.0),
        grouped("some rows of other classes", 2, 60, 4, 5, 0.2),
        grouped("few groups", 3, 14, 2, 3, 0.3),
    ]
    for name, values in [("data", data), ("folds", folds), ("fits", fits), ("temperatures", temperatures())]:
        lines = ",\n".join(json.dumps(value, separators=(",", ":")) for value in values)
        (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n")


main()
