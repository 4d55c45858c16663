"""The losses as plain loops over eras, columns and rows, in numpy."""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata


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


def isotonic(y):
    """The rising sequence nearest to y, by the min-max formula."""
    n = len(y)
    sums = np.concatenate([[0], np.cumsum(y)])
    lengths = np.arange(n)[None] - np.arange(n)[:, None] + 1
    with np.errstate(all="ignore"):
        mean = (sums[None, 1:] - sums[:-1, None]) / lengths
    return np.array([mean[: i + 1, i:].min(axis=1).max() for i in range(n)])


def soft_rank(z):
    """Soft ranks of one list of values in units of the regularization."""
    order = np.argsort(z, kind="stable")
    w = np.arange(1, len(z) + 1)
    out = np.empty(len(z))
    out[order] = z[order] - isotonic(z[order] - w)
    return out


def unit_ranks(p, temperature):
    n = len(p)
    z = (p - p.mean()) / np.sqrt(p.var() + 1e-12) * n / temperature
    return (soft_rank(z) - 0.5) / n


def power(x):
    return np.sign(x) * np.abs(x) ** 1.5


def pearson_of_ranks(s, t, w):
    w = w / w.sum()
    s, t = s - (w * s).sum(), t - (w * t).sum()
    square = (w * t * t).sum()
    if len(set(t)) == 1 or not square:
        return 0.0
    return (w * s * t).sum() / np.sqrt(((w * s * s).sum() + 1e-12) * square)


def corr_of(p, y, w, temperature=3.0, top_bottom=None):
    s = power(ndtri(unit_ranks(p, temperature)))
    t = power(y - np.average(y, weights=w))
    if top_bottom is not None:
        k = min(top_bottom, len(p) // 2)
        order = np.argsort(p, kind="stable")
        ends = np.concatenate([order[:k], order[len(p) - k :]])
        s, t, w = s[ends], t[ends], w[ends]
    return pearson_of_ranks(s, t, w)


def varying(p, y, w, groups):
    return [cell for cell in cells(p, y, w, groups) if len(set(cell[1])) > 1]


def numerai_corr(p, y, w=None, groups=None, **how):
    scores = [corr_of(*cell, **how) for cell in varying(p, y, w, groups)]
    return -np.mean(scores) if scores else 0.0


def soft_rank_correlation(p, y, w=None, groups=None, target="rank", gaussian=False):
    scores = []
    for pj, yj, wj in varying(p, y, w, groups):
        u = unit_ranks(pj, 3.0)
        t = rankdata(yj) if target == "rank" else yj
        scores.append(pearson_of_ranks(ndtri(u) if gaussian else u, t, wj))
    return -np.mean(scores) if scores else 0.0


def ranknet(p, y, w=None, groups=None, weight_by_diff=False):
    losses = []
    for pj, yj, wj in varying(p, y, w, groups):
        top = bottom = 0.0
        for i in range(len(pj)):
            for j in range(len(pj)):
                if yj[i] > yj[j]:
                    c = wj[i] * wj[j] * (yj[i] - yj[j] if weight_by_diff else 1)
                    top += c * np.log1p(np.exp(pj[j] - pj[i]))
                    bottom += c
        losses.append(top / bottom)
    return np.mean(losses) if losses else 0.0


def listnet(p, y, w=None, groups=None, temperature=1.0):
    losses = []
    for pj, yj, wj in varying(p, y, w, groups):
        wj = wj / wj.mean()
        q = wj * np.exp(yj / temperature)
        log_p = pj - np.log((wj * np.exp(pj)).sum())
        losses.append(-(q / q.sum() * log_p).sum())
    return np.mean(losses) if losses else 0.0


def listmle(p, y, w=None, groups=None):
    losses = []
    for pj, yj, wj in varying(p, y, w, groups):
        total = 0.0
        wj = wj / wj.mean()
        for i in range(len(pj)):
            left = (wj * np.exp(pj))[yj <= yj[i]].sum()
            total += wj[i] * (np.log(left) - pj[i])
        losses.append(total / wj.sum())
    return np.mean(losses) if losses else 0.0


def sharpe(p, y, w=None, groups=None, adjusted=False, cost=0.0, ddof=0):
    ratios = []
    for j in range(y.shape[1]):
        column = varying(p[:, [j]], y[:, [j]], w, groups)
        scores = np.array([corr_of(*cell) for cell in column])
        if len(scores) < 2:
            ratios += [np.mean(scores) - cost] if len(scores) else []
            continue
        least = 0.01**2
        ratio = (scores.mean() - cost) / np.sqrt(max(scores.var(ddof=ddof), least))
        if adjusted:
            d, var = scores - scores.mean(), max(scores.var(), least)
            skew, kurt = (d**3).mean() / var**1.5, (d**4).mean() / var**2
            ratio *= 1 + skew * ratio / 6 - (kurt - 3) * ratio**2 / 24
        ratios.append(ratio)
    return -np.mean(ratios) if ratios else 0.0
