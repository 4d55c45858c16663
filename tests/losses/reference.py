"""The losses as plain loops over eras, columns and rows, in numpy."""

import numpy as np


def cells(p, y, w, groups):
    """Yield the observed p, y, w of each era and column."""
    groups = np.zeros(len(y), int) if groups is None else groups
    w = np.ones(len(y)) if w is None else w
    for g in np.unique(groups):
        for j in range(y.shape[1]):
            rows = (groups == g) & ~np.isnan(y[:, j]) & (w > 0)
            yield p[rows, j], y[rows, j], w[rows]


def row_wise(formula, p, y, w=None):
    top = bottom = 0.0
    for pj, yj, wj in cells(p, y, w, None):
        for a, b, c in zip(pj, yj, wj):
            top += c * formula(a, b)
            bottom += c
    return top / bottom if bottom else 0.0


def mse(p, y, w=None, groups=None):
    return row_wise(lambda a, b: (a - b) ** 2, p, y, w)


def bce(p, y, w=None, groups=None):
    return row_wise(lambda a, b: -b * np.log(a) - (1 - b) * np.log(1 - a), p, y, w)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def bce_logits(z, y, w=None, groups=None):
    return bce(sigmoid(z), y, w)


def kl(a, b):
    out = 0.0
    for x, y in ((a, b), (1 - a, 1 - b)):
        if x > 0:
            out += x * np.log(x / y)
    return out


def jensen_shannon(z, y, w=None, groups=None):
    def formula(a, b):
        m = (a + b) / 2
        return (kl(a, m) + kl(b, m)) / 2

    return row_wise(formula, sigmoid(z), y, w)


def pearson(p, y, w):
    w = w / w.sum()
    p, y = p - (w * p).sum(), y - (w * y).sum()
    # 1e-12 as documented: it shows where two rows have nearly the same prediction
    return (w * p * y).sum() / np.sqrt(
        ((w * p * p).sum() + 1e-12) * ((w * y * y).sum() + 1e-12)
    )


def correlation(p, y, w=None, groups=None):
    scores = [
        pearson(*cell) for cell in cells(p, y, w, groups) if len(set(cell[1])) > 1
    ]
    return -np.mean(scores) if scores else 0.0


def approximate_spearman(p, y, w=None, groups=None, weight=0.01, norm="n"):
    scores = []
    n_eras = 1 if groups is None else len(np.unique(groups))
    for pj, yj, wj in cells(p, y, w, groups):
        if len(set(yj)) > 1:
            ct = yj - np.average(yj, weights=wj)
            wj = wj * len(wj) / wj.sum()
            n = len(wj) if norm == "n" else n_eras
            sqd = (wj * (pj - yj) ** 2).sum() / (n * np.sqrt((wj * ct**2).sum() / n))
            scores.append(1 - pearson(pj, yj, wj) + weight * sqd)
    return np.mean(scores) if scores else 0.0
