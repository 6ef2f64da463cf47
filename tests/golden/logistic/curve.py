"""The points of learning curves, by scikit-learn, for given subsets of the rows.

Versions: Python 3.11.7, scikit-learn 1.9.1, numpy 2.4.6.
Run from the repository's root:

    python tests/golden/logistic/curve.py

Which rows a point is fitted to is drawn by headstart's own random numbers, so curves.json has them as an input. Everything else is
scikit-learn's: for each fold a StandardScaler and a LogisticRegression on the subset of the other rows, whose
probabilities for the fold's rows are put together over the folds; then accuracy_score and log_loss of all rows. Writes
the figures into curves.json beside itself.
"""

import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).parent


def main():
    data = {entry["name"]: entry for entry in json.loads((HERE / "data.json").read_text())}
    curves = json.loads((HERE / "curves.json").read_text())
    for curve in curves:
        entry = data[curve["name"]]
        y = np.array(entry["labels"])
        x = np.array(entry["parts"]).reshape(len(y), -1) / 256
        fold_of = np.array(curve["fold_of"])
        for point in curve["points"]:
            p = np.empty((len(y), entry["classes"]))
            for fold, rows in enumerate(point["rows"]):
                model = LogisticRegression(C=curve["strength"], tol=1e-10, max_iter=100_000, solver="newton-cg")
                model = make_pipeline(StandardScaler(), model).fit(x[rows], y[rows])
                p[fold_of == fold] = model.predict_proba(x[fold_of == fold])
            point["accuracy"] = accuracy_score(y, p.argmax(1))
            point["loss"] = log_loss(y, p)
    lines = ",\n".join(json.dumps(curve, separators=(",", ":")) for curve in curves)
    (HERE / "curves.json").write_text(f"[\n{lines}\n]\n")


main()
