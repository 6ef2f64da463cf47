"""Likely label errors, by cleanlab, on random probabilities with some labels changed.

Made with Python 3.11, cleanlab 2.7.1, scikit-learn 1.9.1, numpy 1.26.4: python generate.py
Writes cases.json beside itself: a list of {classes, labels, probabilities (rows x classes), thresholds, issues}, where
issues are the rows in the order of their self-confidence. Probabilities are exact in float32.
"""

import json
import pathlib

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.count import get_confident_thresholds

HERE = pathlib.Path(__file__).parent


def case(rng, rows, classes, sharpness, changed):
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    logits = rng.normal(0, 1, (rows, classes))
    logits[np.arange(rows), truth] += sharpness
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p = p.astype(np.float32).astype(np.float64)
    labels = truth.copy()
    where = rng.choice(np.arange(classes, rows), int(changed * rows), replace=False)
    labels[where] = (labels[where] + rng.integers(1, classes, len(where))) % classes
    issues = find_label_issues(
        labels, p, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return {
        "classes": classes,
        "labels": labels.tolist(),
        "probabilities": p.ravel().tolist(),
        "thresholds": get_confident_thresholds(labels, p).tolist(),
        "issues": issues.tolist(),
    }


def main():
    rng = np.random.default_rng(2021)
    shapes = [(60, 2, 2.5, 0.1), (60, 2, 0.5, 0.2), (80, 3, 2.0, 0.1), (90, 5, 1.0, 0.3), (40, 4, 4.0, 0.05)]
    (HERE / "cases.json").write_text(json.dumps([case(rng, *shape) for shape in shapes]) + "\n")


if __name__ == "__main__":
    main()
