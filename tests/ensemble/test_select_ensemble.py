"""select_ensemble: against plain loops over the same choices."""

from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import select_ensemble
from sknumerai.metrics import mmc_score, numerai_corr_score
from sknumerai.utils import check_eras, era_gaussian_ranks, era_normalized_ranks


@pytest.fixture(scope="module")
def data():
    bunch = make_numerai(n_eras=10, n_samples_per_era=80, random_state=0)
    rng = np.random.default_rng(0)
    signal = bunch.target.to_numpy()
    bunch.models = pd.DataFrame(
        {f"m{j}": 0.05 * j * signal + rng.normal(size=len(signal)) for j in range(6)},
        index=bunch.data.index,
    )
    return bunch


def score_of(models, y, aggregate="mean", rank=era_gaussian_ranks):
    def of(chosen):
        average = sum(
            rank(models[m].to_numpy(), check_eras(None, models)) for m in chosen
        )
        average = pd.Series((average / len(chosen)).round(10), models.index)
        return numerai_corr_score(y, average, aggregate=aggregate)

    return of


@pytest.mark.parametrize("aggregate", ["mean", "sharpe"])
def test_exhaustive_against_a_loop(data, aggregate):
    of = score_of(data.models, data.target, aggregate)
    subsets = [s for k in range(1, 7) for s in combinations(data.models.columns, k)]
    scores = [of(subset) for subset in subsets]
    found = select_ensemble(
        data.models, data.target, method="exhaustive", aggregate=aggregate
    )
    best = subsets[int(np.argmax(scores))]
    assert tuple(found.models) == best
    assert_allclose(found.score, max(scores))
    assert_allclose(found.weights[found.weights > 0], 1 / len(best))
    assert len(found.table) == 63
    assert_allclose(found.table["score"], sorted(scores)[::-1])
    assert_allclose(found.single_scores, [of([m]) for m in data.models])
    pair = select_ensemble(data.models, data.target, method="exhaustive", max_models=2)
    assert len(pair.table) == 21


def test_greedy_against_a_loop(data):
    of = score_of(data.models, data.target, rank=era_normalized_ranks)
    chosen, path = [], []
    for _ in range(8):
        scores = {m: of([*chosen, m]) for m in data.models}
        chosen.append(max(scores, key=scores.get))
        path.append(max(scores.values()))
    found = select_ensemble(data.models, data.target, ranks="uniform", n_steps=8)
    assert_allclose(found.table["score"], path)
    best = int(np.argmax(path))
    expected = pd.Series(chosen[: best + 1]).value_counts(normalize=True)
    assert_allclose(found.weights[expected.index], expected)
    assert_allclose(found.weights.sum(), 1)
    assert_allclose(found.score, path[best])


def test_greedy_bounds(data):
    found = select_ensemble(data.models, data.target, max_models=2, n_steps=20)
    assert len(found.models) <= 2
    assert found.table["n_models"].max() == 2
    start = select_ensemble(data.models, data.target, n_initial=3)
    best = data.models.columns[np.argsort(-start.single_scores)[:3]]
    assert set(start.table["models"][0]) == set(best)
    small = select_ensemble(data.models, data.target, min_gain=1.0)
    assert len(small.models) == 1


def test_another_metric_with_a_third_input(data):
    metric = partial(mmc_score, meta_model=data.models["m5"].to_numpy())
    found = select_ensemble(
        data.models.drop(columns="m5"), data.target, metric=metric, method="exhaustive"
    )
    assert np.isfinite(found.score)
    worst = select_ensemble(data.models, data.target, aggregate=np.min)
    assert (
        worst.score
        >= select_ensemble(data.models, data.target).table["score"].min() - 1
    )


def test_arrays_gaps_and_single_eras(data):
    eras = data.models.index.get_level_values("era")
    framed = select_ensemble(data.models, data.target)
    plain = select_ensemble(data.models.to_numpy(), data.target.to_numpy(), groups=eras)
    assert_allclose(plain.weights.to_numpy(), framed.weights.to_numpy())
    holes = data.models.copy()
    holes.iloc[:160, 0] = np.nan
    late = data.models.iloc[160:], data.target.iloc[160:]
    assert_allclose(
        select_ensemble(holes, data.target).weights, select_ensemble(*late).weights
    )
    one = data.models.loc[["0003"]].droplevel("era")
    assert np.isfinite(select_ensemble(one, data.target.loc["0003"].to_numpy()).score)
    constant = data.models.assign(m0=1.0)
    assert np.isnan(select_ensemble(constant, data.target).single_scores["m0"])


def test_bad_input_is_named(data):
    models, y = data.models, data.target
    with pytest.raises(ValueError, match="method must be one of"):
        select_ensemble(models, y, method="best")
    with pytest.raises(ValueError, match=r"no row has a target.*\['m1'\]"):
        select_ensemble(models.assign(m1=np.nan), y)
    for min_gain in (-1, np.nan):
        with pytest.raises(ValueError, match="min_gain must be 0 or more"):
            select_ensemble(models, y, min_gain=min_gain)
    for scores, told in ((0.1, "one number"), (np.zeros(3), r"shape \(3,\)")):
        with pytest.raises(ValueError, match=f"table of eras by models.*{told}"):
            select_ensemble(models, y, metric=lambda *_, scores=scores, **__: scores)
    with pytest.raises(ValueError, match="no model has a score"):
        select_ensemble(models * 0, y)
    with pytest.raises(ValueError, match="100,000 combinations"):
        wide = pd.concat([models.add_suffix(str(i)) for i in range(4)], axis=1)
        select_ensemble(wide, y, method="exhaustive")
    with pytest.raises(ValueError, match=r"shape \(n_samples, n_models\)"):
        select_ensemble(y, y)
    with pytest.raises(ValueError, match="one value for each of the 800 rows"):
        select_ensemble(models, y.iloc[1:])
    with pytest.raises(ValueError, match="n_initial from 1 to n_steps"):
        select_ensemble(models, y, n_initial=0)
    with pytest.raises(ValueError, match="indexes of predictions"):
        select_ensemble(models, y.iloc[::-1])


@pytest.mark.parametrize("method", ["greedy", "exhaustive"])
def test_a_model_that_is_constant_in_its_bad_eras_is_not_judged_by_the_good(
    data, method
):
    models = data.models.copy()
    eras = models.index.get_level_values("era")
    scores = numerai_corr_score(data.target, models["m5"], aggregate=None)
    good = scores.index[np.argsort(-scores.to_numpy().ravel())[:2]]
    models["sneaky"] = models["m5"].where(eras.isin(good), 0.5)
    found = select_ensemble(models, data.target, method=method)
    expected = scores.loc[good].to_numpy().sum() / 10
    assert_allclose(found.single_scores["sneaky"], expected)
    # an era that nobody can be scored in counts for none
    y = data.target.copy()
    y.loc["0001"] = 0.5
    without = select_ensemble(models.drop("0001"), y.drop("0001"), method=method)
    pd.testing.assert_series_equal(
        select_ensemble(models, y, method=method).single_scores, without.single_scores
    )
