"""McNemar's exact test and Holm's correction, by statsmodels; the tail of the binomial distribution beside it by scipy.

Versions: Python 3.11.7, statsmodels 0.14.4, scipy 1.14.1, numpy 2.1.3.
Run from the repository's root: python tests/golden/sweep/generate.py

Writes cases.json beside itself:
- mcnemar: [rows that the first alone has right, rows that the second alone has right, p]
- holm: for each family of tests its values, and what they become
"""

import json
import pathlib

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

HERE = pathlib.Path(__file__).parent
COUNTS = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 5), (0, 6), (3, 11), (11, 3), (7, 7), (7, 8), (20, 45), (100, 151),
          (450, 550), (0, 60), (5000, 5300), (40000, 41000)]


def p_value(first, second):
    if first + second == 0:
        return 1.0  # no disagreement; statsmodels divides nothing by nothing into the same
    p = float(mcnemar([[0, first], [second, 0]], exact=True).pvalue)
    np.testing.assert_allclose(p, stats.binomtest(first, first + second).pvalue, rtol=1e-9)
    return p


def main():
    random = np.random.default_rng(5)
    families = [[0.5], [0.01, 0.04, 0.03], [0.2, 0.2, 0.2], [0.0001, 0.9, 0.02, 0.013, 0.02, 1.0]]
    families += [np.round(random.uniform(0, 0.1, size), 4).tolist() for size in (2, 5, 12)]
    cases = {
        "mcnemar": [[first, second, p_value(first, second)] for first, second in COUNTS],
        "holm": [
            {"values": family, "corrected": multipletests(family, method="holm")[1].tolist()} for family in families
        ],
    }
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
