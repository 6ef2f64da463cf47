"""Metrics of small sets of predictions, by scikit-learn and Keras.

Versions: Python 3.11.7, scikit-learn 1.9.1, tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6.
Run from the repository's root: python tests/golden/evaluation/generate.py

Writes, beside itself:
- cases.json: for each case the probabilities (in 64ths, exact in f32, so that ties are frequent), the labels and every
  metric. scikit-learn gives all but: loss, by Keras's CategoricalCrossentropy in float64; top-k, by Keras (TensorFlow's
  in_top_k); the calibration error and its bins, by the lines of numpy below, after equation 3 of Guo et al. (2017).
  null stands where scikit-learn has no value.
- quantiles.json: numpy's quantiles of a few lists of numbers
"""

import json
import os
import pathlib
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from sklearn import metrics

HERE = pathlib.Path(__file__).parent
PARTS = 64
BINS = 15
K = 3


def simplex(scores, temperature):
    """Probabilities in 64ths that sum to 1: rounded down, the rest given to the largest remainders."""
    p = np.exp(scores / temperature)
    exact = p / p.sum(1, keepdims=True) * PARTS
    parts = np.floor(exact).astype(int)
    for row, rest in zip(parts, exact - parts):
        for column in np.argsort(-rest, kind="stable")[: PARTS - row.sum()]:
            row[column] += 1
    return parts


def draw(seed, rows, classes, never_predicted=(), never_occurs=(), signal=1.5):
    rng = np.random.default_rng(seed)
    labels = rng.choice([c for c in range(classes) if c not in never_occurs], rows)
    scores = rng.normal(0, 1, (rows, classes)) + signal * np.eye(classes)[labels]
    # A few rows where all classes tie, or two.
    scores[:3] = 0
    scores[3:8, 0] = scores[3:8, 1]
    scores[:, list(never_predicted)] -= 6
    return simplex(scores, 0.7), labels


def bins_of(confidence, right):
    bins = np.clip(np.digitize(confidence, np.linspace(0, 1, BINS + 1), right=True) - 1, 0, BINS - 1)
    rows = [bins == b for b in range(BINS)]
    mean = lambda values, inside: float(values[inside].mean()) if inside.any() else None
    reliability = [dict(rows=int(i.sum()), confidence=mean(confidence, i), accuracy=mean(right, i)) for i in rows]
    error = sum(b["rows"] / len(right) * abs(b["accuracy"] - b["confidence"]) for b in reliability if b["rows"])
    return error, reliability


def number(value):
    return None if np.isnan(value) else float(value)


def case(name, parts, labels):
    p = parts / PARTS
    classes = p.shape[1]
    every = list(range(classes))
    predicted = p.argmax(1)
    onehot = np.eye(classes)[labels]
    scores = lambda **how: metrics.precision_recall_fscore_support(labels, predicted, zero_division=0, **how)[:3]
    per_class = metrics.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    # Its own mean raises an error where a class has no rows; the areas that it is the mean of are then NaN.
    areas = [number(metrics.roc_auc_score(onehot[:, c], p[:, c])) for c in every]
    if classes == 2:
        area = number(metrics.roc_auc_score(labels, p[:, 1]))
        brier = metrics.brier_score_loss(labels, p[:, 1], pos_label=1)
    else:
        area = None if None in areas else number(metrics.roc_auc_score(labels, p, multi_class="ovr", average="macro"))
        brier = metrics.brier_score_loss(labels, p, labels=every)
    loss = keras.losses.CategoricalCrossentropy(dtype="float64")(onehot, p)
    top_k = [np.mean(keras.metrics.sparse_top_k_categorical_accuracy(labels, p.astype(np.float32), k=k)) for k in (1, K)]
    error, reliability = bins_of(p.max(1), (predicted == labels).astype(float))
    return dict(
        name=name,
        classes=classes,
        parts=parts.ravel().tolist(),
        labels=labels.tolist(),
        loss=float(loss),
        accuracy=metrics.accuracy_score(labels, predicted),
        top_1=float(top_k[0]),
        top_k=float(top_k[1]),
        balanced_accuracy=float(metrics.balanced_accuracy_score(labels, predicted)),
        matthews_correlation=float(metrics.matthews_corrcoef(labels, predicted)),
        roc_auc=area,
        class_roc_auc=areas,
        brier_score=float(brier),
        expected_calibration_error=error,
        reliability=reliability,
        macro_average=list(map(float, scores(average="macro"))),
        weighted_average=list(map(float, scores(average="weighted"))),
        precision=per_class[0].tolist(),
        recall=per_class[1].tolist(),
        f1=per_class[2].tolist(),
        support=per_class[3].tolist(),
        confusion_matrix=metrics.confusion_matrix(labels, predicted, labels=every).tolist(),
    )


def quantiles():
    rng = np.random.default_rng(5)
    shares = [0.0, 0.025, 0.3, 0.5, 0.975, 1.0]
    lists = [np.sort(rng.normal(0, 1, n).round(3)) for n in (1, 2, 7, 40, 41)]
    return dict(shares=shares, lists=[dict(values=v.tolist(), quantiles=np.quantile(v, shares).tolist()) for v in lists])


def main():
    # Of classes without rows; the values that are then missing become null.
    warnings.simplefilter("ignore")
    single = np.array([[60, 4], [10, 54], [32, 32], [64, 0]]), np.zeros(4, int)
    cases = [
        case("binary", *draw(1, 120, 2)),
        case("binary, class 1 never predicted", *draw(2, 60, 2, never_predicted=[1])),
        case("binary, class 1 never occurs", *single),
        case("seven", *draw(3, 150, 7)),
        case("seven, class 5 never predicted", *draw(4, 150, 7, never_predicted=[5])),
        case("seven, class 4 never occurs", *draw(5, 150, 7, never_occurs=[4])),
        case("seven, class 2 neither occurs nor is predicted", *draw(6, 150, 7, never_predicted=[2], never_occurs=[2])),
    ]
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    (HERE / "cases.json").write_text(f"[\n{lines}\n]\n")
    (HERE / "quantiles.json").write_text(json.dumps(quantiles()) + "\n")


main()
