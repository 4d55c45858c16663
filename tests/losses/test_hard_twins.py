"""With hard ranks a loss is minus its metric; with soft ones it comes to it."""

import numpy as np
import pytest
import torch

from sknumerai import metrics
from sknumerai.losses import (
    ExposurePenalty,
    MMCLoss,
    NeutralCorrelationLoss,
    NumeraiCorrLoss,
    PayoutLoss,
    SharpeLoss,
    SoftRankCorrelationLoss,
    TopBottomCorrelationLoss,
)

N = 600
META = {"meta_model": "meta"}
FEATURES = {"features": "features"}


def data(seed=0, decimals=None):
    rng = np.random.default_rng(seed)
    y = rng.choice([0, 0.25, 0.5, 0.75, 1], size=N, p=[0.05, 0.2, 0.5, 0.2, 0.05])
    pred = rng.normal(size=N) + 0.5 * y
    features = rng.integers(5, size=(N, 12)).astype(float)
    features[:, 3] = 2  # missing in all eras
    features[:, 5] = features[:, 4] + 2 * features[:, 6]
    out = {
        "y": y,
        "pred": pred if decimals is None else pred.round(decimals),
        "groups": rng.integers(3, size=N),
        "meta": rng.normal(size=N) + 0.3 * y,
        "features": features,
        "benchmarks": rng.normal(size=(N, 3)).round(1),
    }
    out["wide"] = 4 * out["y"]
    out["meta_of_some"] = out["meta"].copy()
    out["meta_of_some"][::9] = np.nan
    return out


def of_eras(metric):
    return lambda d, *side, **how: metric(
        d["y"], d["pred"], *side, groups=d["groups"], **how
    )


corr, fnc = of_eras(metrics.numerai_corr_score), of_eras(metrics.fnc_score)
mmc, bmc = of_eras(metrics.mmc_score), of_eras(metrics.bmc_score)
payout, spearman = of_eras(metrics.payout_score), of_eras(metrics.spearman_score)
TWINS = {
    "corr": (NumeraiCorrLoss, {}, corr),
    "top_bottom": (
        lambda temperature: TopBottomCorrelationLoss(20, temperature=temperature),
        {},
        lambda d: corr(d, top_bottom=20),
    ),
    "spearman": (SoftRankCorrelationLoss, {}, spearman),
    "mmc": (MMCLoss, META, lambda d: mmc(d, d["meta"])),
    "mmc_of_some_rows": (
        MMCLoss,
        {"meta_model": "meta_of_some"},
        lambda d: mmc(d, d["meta_of_some"]),
    ),
    "mmc_unscaled": (
        lambda t: MMCLoss(t, target_scale=1),
        META,
        lambda d: mmc(d, d["meta"], target_scale=1),
    ),
    "bmc": (
        MMCLoss,
        {"meta_model": "benchmarks"},
        lambda d: bmc(d, d["benchmarks"]),
    ),
    "payout": (
        lambda temperature: PayoutLoss(temperature=temperature),
        META,
        lambda d: payout(d, d["meta"], clip=False),
    ),
    "payout_of_some_rows": (
        lambda temperature: PayoutLoss(temperature=temperature),
        {"meta_model": "meta_of_some"},
        lambda d: payout(d, d["meta_of_some"], clip=False),
    ),
    "mmc_of_wide_targets": (
        MMCLoss,
        {"meta_model": "meta", "y_true": "wide"},
        lambda d: metrics.mmc_score(
            d["wide"], d["pred"], d["meta"], groups=d["groups"]
        ),
    ),
    "payout_clipped": (
        lambda t: PayoutLoss(0.5, 2, clip=0.05, payout_factor=0.2, temperature=t),
        {"meta_model": "meta_of_some"},
        lambda d: payout(d, d["meta_of_some"], policy="cyrus20", payout_factor=0.2),
    ),
    "learn_payout": (
        lambda t: PayoutLoss(1, 2, temperature=t),
        {"meta_model": "benchmarks"},
        lambda d: of_eras(metrics.learn_payout_score)(d, d["benchmarks"]),
    ),
    "fnc": (NeutralCorrelationLoss, FEATURES, lambda d: fnc(d, d["features"])),
    "fnc_top_bottom": (
        lambda t: NeutralCorrelationLoss(t, top_bottom=20),
        FEATURES,
        lambda d: fnc(d, d["features"], top_bottom=20),
    ),
}
every_twin = pytest.mark.parametrize("name", TWINS)


def loss_of(name, d, temperature, dtype=torch.float64):
    make, side, _ = TWINS[name]
    tensors = {k: torch.from_numpy(v) for k, v in d.items()}
    pred = tensors["pred"].to(dtype)
    side = {k: tensors[v] for k, v in side.items()}
    y_true = side.pop("y_true", tensors["y"])
    return make(temperature)(pred, y_true, None, tensors["groups"], **side).item()


@every_twin
@pytest.mark.parametrize("decimals", [None, 1], ids=["no ties", "ties"])
def test_hard_ranks_give_the_metric(name, decimals):
    d = data(decimals=decimals)
    assert -loss_of(name, d, 0) == pytest.approx(TWINS[name][2](d), abs=1e-10)


@every_twin
def test_rows_without_a_target_are_left_out_as_in_the_metric(name):
    d = data(1)
    d["y"][::11] = np.nan
    assert -loss_of(name, d, 0) == pytest.approx(TWINS[name][2](d), abs=1e-10)


@every_twin
def test_soft_ranks_come_to_it_as_the_temperature_falls(name):
    d = data(2)
    score = TWINS[name][2](d)
    away = [abs(loss_of(name, d, t) + score) for t in (30, 0.3, 1e-7)]
    assert away[2] < 1e-9
    # the ends of neutral predictions are chosen anew, so they need not come nearer
    if not name.endswith("top_bottom"):
        assert away[1] < away[0]


@every_twin
def test_float32_is_close(name):
    if name == "bmc":
        pytest.skip("ties of a mean of ranks are decided by rounding")
    d = data(3)
    expected = loss_of(name, d, 3.0)
    assert loss_of(name, d, 3.0, torch.float32) == pytest.approx(expected, abs=2e-3)


def test_sharpe_is_the_ratio_of_the_metrics_scores():
    d = data(4)
    args = [torch.from_numpy(d[k]) for k in ("pred", "y", "groups")]
    scores = corr(d, aggregate=None)
    loss = SharpeLoss(NumeraiCorrLoss(0))
    expected = metrics.sharpe_ratio(scores)
    assert -loss(*args[:2], None, args[2]).item() == pytest.approx(expected, rel=1e-8)
    loss = SharpeLoss(NumeraiCorrLoss(0), adjusted=True, cost=0.01, ddof=1)
    expected = metrics.adjusted_sharpe(scores, cost=0.01, ddof=1)
    assert -loss(*args[:2], None, args[2]).item() == pytest.approx(expected, rel=1e-8)


def test_exposure_penalty_is_the_square_of_the_rms_exposure():
    d = data(5)
    d["features"] = np.delete(d["features"], 3, axis=1)
    names = "pred", "y", "groups", "features"
    p, y, groups, features = (torch.from_numpy(d[k]) for k in names)
    by_era = metrics.rms_feature_exposure(
        d["y"], d["pred"], d["features"], groups=d["groups"], aggregate=None
    )
    penalty = ExposurePenalty()(p, y, None, groups, features).item()
    assert penalty == pytest.approx((by_era**2).mean(), rel=1e-9)
