"""neutralize: numerai-tools in a loop over eras is the oracle."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose
from scipy.stats import special_ortho_group

from sknumerai.preprocessing import neutralize
from sknumerai.utils import _least_squares
from sknumerai.utils._panel_cholesky import PanelCholesky

GROUPS = {"low": ["f0", "f1"], "high": ["f2", "f3", "f4"]}


def make(seed=0, n=80, k=8, m=3, n_eras=3):
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_arrays(
        [
            np.repeat([f"{e + 1:04}" for e in range(n_eras)], n),
            [f"id{i}" for i in range(n * n_eras)],
        ],
        names=["era", "id"],
    )
    F = rng.integers(0, 5, size=(n * n_eras, k)).astype(np.int8)
    p = rng.normal(size=(n * n_eras, m)) + F[:, :m]
    F = pd.DataFrame(F, index=index, columns=[f"f{i}" for i in range(k)])
    return pd.DataFrame(p, index=index, columns=list("abcdefgh"[:m])), F


def by_era(P, F, proportion=1.0):
    parts = [
        scoring.neutralize(P.loc[[era]], F.loc[[era]], proportion)
        for era in P.index.unique("era")
    ]
    return pd.concat(parts)


@pytest.fixture(params=[None, "cpu", "cuda"], ids=["numpy", "torch", "cuda"])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA here")
    return request.param


@pytest.mark.parametrize("proportion", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_models", [1, 3])
def test_as_the_reference_in_each_era(proportion, n_models, device):
    P, F = make(m=n_models)
    found = neutralize(P, F, proportion=proportion, device=device)
    expected = by_era(P, F, proportion)
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-9)


def missing(F):
    F.loc["0002", "f3"] = 2


def twice(F):
    F["f4"] = F["f5"]


def sum_of_two(F):
    F["f6"] = F["f1"] + F["f2"]


def all_constant(F):
    F.loc[:, :] = 2


@pytest.mark.parametrize("spoil", [missing, twice, sum_of_two, all_constant])
def test_as_the_reference_where_columns_depend_on_each_other(spoil, device):
    P, F = make()
    spoil(F)
    found = neutralize(P, F, device=device)
    assert_allclose(found, by_era(P, F), rtol=0, atol=1e-9)


def test_as_the_reference_where_columns_nearly_depend_on_each_other(device):
    P, F = make()
    F = F.astype(np.float64)
    # singular values on both sides of the reference's cut-off of 1e-6
    for j, size in enumerate([1e-4, 1e-5, 1e-7, 1e-9]):
        rng = np.random.default_rng(j)
        F[f"near{j}"] = F["f0"] + size * rng.normal(size=len(F))
    found = neutralize(P, F, device=device)
    assert_allclose(found, by_era(P, F), rtol=0, atol=1e-8)


def test_more_features_than_rows_leave_nothing(device):
    P, F = make(n=10, k=20)
    found = neutralize(P, F, device=device)
    assert_allclose(found, 0, atol=1e-9)


def test_a_list_of_proportions_gives_each_of_them(device):
    P, F = make()
    found = neutralize(P, F, proportion=[0.2, 0.0, 1], device=device)
    assert list(found) == [0.2, 0.0, 1]
    for share, result in found.items():
        assert_allclose(result, by_era(P, F, share), atol=1e-9)


def test_rows_are_matched_by_their_labels():
    P, F = make()
    shuffled = F.sample(frac=1.0, random_state=0)
    more = pd.concat([shuffled, F.rename(index=lambda v: f"9{v}")])
    assert_allclose(neutralize(P, more), neutralize(P, F), atol=1e-12)


def test_an_era_alone_is_as_beside_others_in_any_order():
    P, F = make()
    whole = neutralize(P, F)
    for era in ("0001", "0003"):
        alone = neutralize(P.loc[[era]], F.loc[[era]])
        assert_allclose(alone, whole.loc[[era]], atol=1e-12)
    order = np.random.default_rng(0).permutation(len(P))
    mixed = neutralize(P.iloc[order], F)
    assert_allclose(mixed, whole.iloc[order], atol=1e-12)


def test_groups_of_arrays():
    P, F = make()
    eras = P.index.get_level_values("era").astype(int)
    found = neutralize(P.to_numpy(), F.to_numpy(), groups=eras)
    assert isinstance(found, np.ndarray)
    assert_allclose(found, neutralize(P, F), atol=1e-12)
    one = neutralize(P["a"].to_numpy(), F.to_numpy(), groups=eras)
    assert_allclose(one, found[:, 0], atol=1e-12)


def test_series_keep_their_name_and_live_rows_are_an_era():
    P, F = make(n_eras=1)
    P = P.rename(index={"0001": "X"})
    F = F.rename(index={"0001": "X"})
    found = neutralize(P["a"], F)
    assert found.name == "a"
    assert found.index.equals(P.index)


def test_without_eras_all_rows_are_one():
    P, F = make(n_eras=2)
    P, F = P.droplevel("era"), F.droplevel("era")
    assert_allclose(neutralize(P, F), scoring.neutralize(P, F), atol=1e-9)


def test_without_an_intercept_the_features_alone_are_fitted(device):
    P, F = make(n_eras=1)
    A = F.to_numpy(np.float64)
    expected = P - A @ np.linalg.lstsq(A, P.to_numpy(), rcond=None)[0]
    found = neutralize(P, F, fit_intercept=False, device=device)
    assert_allclose(found, expected, atol=1e-10)


def test_groups_are_taken_out_one_after_the_other():
    P, F = make()
    first = by_era(P, F[GROUPS["low"]], 0.4)
    expected = by_era(first, F[GROUPS["high"]], 1.0)
    shares = {"high": 1.0, "low": 0.4}
    found = neutralize(P, F, feature_groups=GROUPS, proportion=shares)
    assert_allclose(found, expected, atol=1e-9)
    both = neutralize(P, F, feature_groups=GROUPS, proportion=[0.5, 1.0])
    for share, result in both.items():
        first = by_era(P, F[GROUPS["low"]], share)
        assert_allclose(result, by_era(first, F[GROUPS["high"]], share), atol=1e-9)


def test_the_top_features_are_those_of_each_column_and_era():
    P, F = make()
    found = neutralize(P, F, top_k=2)
    for era in P.index.unique("era"):
        for name in P:
            p, X = P.loc[[era], [name]], F.loc[[era]]
            top = X.corrwith(p[name]).abs().nlargest(2).index
            assert_allclose(
                found.loc[[era], [name]], scoring.neutralize(p, X[top]), atol=1e-9
            )
    assert_allclose(neutralize(P, F, top_k=99), neutralize(P, F), atol=1e-12)


def test_a_gap_in_one_column_does_not_change_another():
    P, F = make()
    gaps = P.copy()
    gaps.iloc[:7, 1] = np.nan
    found = neutralize(gaps, F)
    assert found.isna().sum().tolist() == [0, 7, 0]
    assert_allclose(found[["a", "c"]], neutralize(P, F)[["a", "c"]], atol=1e-12)
    left = gaps["b"].notna()
    expected = by_era(P.loc[left, ["b"]], F.loc[left])
    assert_allclose(found.loc[left, ["b"]], expected, atol=1e-9)
    gaps["b"] = np.nan
    assert neutralize(gaps, F)["b"].isna().all()


def test_a_constant_column_is_its_own_fit():
    P, F = make()
    P["b"] = 3.0
    assert_allclose(neutralize(P, F)["b"], 0, atol=1e-12)
    assert_allclose(neutralize(P, F, proportion=0.25)["b"], 2.25)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(9, 60), k=st.integers(1, 8))
def test_nothing_stays_that_a_feature_explains(seed, n, k):
    P, F = make(seed, n=n, k=k, m=2, n_eras=2)
    P += F.sum(axis=1).to_numpy()[:, None]
    found = neutralize(P, F)
    for era in ("0001", "0002"):
        inner = F.loc[era].to_numpy(np.float64).T @ found.loc[era].to_numpy()
        assert_allclose(inner, 0, atol=1e-9 * n)
        assert_allclose(found.loc[era].sum(), 0, atol=1e-9 * n)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1))
def test_only_the_span_of_the_features_counts(seed, share):
    P, F = make(seed, n=40, k=4, n_eras=1)
    turned = F.to_numpy() @ special_ortho_group.rvs(4, random_state=seed)
    found = neutralize(P, turned, proportion=share)
    assert_allclose(found, neutralize(P, F, proportion=share), atol=1e-9)


def test_inputs_stay_as_they_are():
    P, F = make()
    before, features = P.copy(), F.copy()
    neutralize(P, F)
    pd.testing.assert_frame_equal(P, before)
    pd.testing.assert_frame_equal(F, features)


@pytest.mark.parametrize("share", [-0.1, 1.5, "0.5", None, [0.5, 2], [True, None]])
def test_proportions_that_are_none_are_named(share):
    P, F = make()
    with pytest.raises(ValueError, match="proportion must be from 0"):
        neutralize(P, F, proportion=share)


def test_bad_input_is_named():
    P, F = make()
    holes = F.astype(np.float32)
    holes.iloc[3, 5] = np.nan
    with pytest.raises(ValueError, match=r"1 values of features are NaN.*\['f5'\]"):
        neutralize(P, holes)
    infinite = P.copy()
    infinite.iloc[0, 0] = np.inf
    with pytest.raises(ValueError, match="1 values of predictions are infinite"):
        neutralize(infinite, F)
    with pytest.raises(ValueError, match="rows of predictions are not in features"):
        neutralize(P, F.iloc[5:])
    with pytest.raises(ValueError, match="240 rows and features has 239"):
        neutralize(P.to_numpy(), F.to_numpy()[1:])
    with pytest.raises(ValueError, match=r"of group 'g' are not there.*\['nope'\]"):
        neutralize(P, F, feature_groups={"g": ["f1", "nope"]})
    with pytest.raises(ValueError, match="same names"):
        neutralize(P, F, feature_groups=GROUPS, proportion={"low": 1})
    with pytest.raises(ValueError, match="same names"):
        neutralize(P, F, proportion={"low": 1})
    with pytest.raises(TypeError, match="dict of lists"):
        neutralize(P, F, feature_groups=["f1"])
    with pytest.raises(ValueError, match="no group"):
        neutralize(P, F, feature_groups={})
    with pytest.raises(ValueError, match="empty list"):
        neutralize(P, F, proportion=[])
    with pytest.raises(ValueError, match="top_k"):
        neutralize(P, F, top_k=0)
    with pytest.raises(ValueError, match="device must be"):
        neutralize(P, F, device="abacus")
    with pytest.raises(ValueError, match="must be numbers"):
        neutralize(P.assign(a="high"), F)


def test_predictions_by_id_alone_have_the_eras_of_the_features():
    P, F = make()
    by_id = P.droplevel("era")
    assert_allclose(neutralize(by_id, F), neutralize(P, F), atol=1e-12)
    more = by_id.rename(index={"id3": "unknown"})
    with pytest.raises(ValueError, match="rows of predictions are not in features"):
        neutralize(more, F)


@pytest.mark.parametrize("kind", [tuple, np.array, pd.Series])
def test_proportions_as_a_tuple_or_an_array(kind):
    P, F = make()
    shares = [0.0, 0.5, 1.0]
    found, listed = (neutralize(P, F, proportion=p) for p in (kind(shares), shares))
    assert list(found) == shares
    for share in shares:
        pd.testing.assert_frame_equal(found[share], listed[share])


def test_a_column_of_eras_is_refused_among_features_and_predictions():
    P, F = make()
    eras = F.index.get_level_values("era")
    with pytest.raises(ValueError, match="neutralize: features has a column 'era'"):
        neutralize(P, F.assign(era=eras.astype(int)))
    with pytest.raises(ValueError, match="neutralize: predictions has a column 'era'"):
        neutralize(P.assign(era=eras.astype(int)), F)


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-300])
def test_the_scale_of_predictions_does_not_matter(scale, device):
    P, F = make()
    P.iloc[:, 1] *= scale
    expected = by_era(*make())
    found = neutralize(P, F, device=device)
    found.iloc[:, 1] /= scale
    assert_allclose(found, expected, atol=1e-9)
    top = neutralize(P, F, top_k=2, device=device)
    top.iloc[:, 1] /= scale
    assert_allclose(top, neutralize(*make(), top_k=2), atol=1e-9)


def test_an_era_is_factorized_once_for_all_proportions_and_columns(monkeypatch):
    P, F = make()
    calls = []

    def count(panels):
        calls.append(len(panels))
        return PanelCholesky(panels)

    monkeypatch.setattr(_least_squares, "PanelCholesky", count)
    neutralize(P, F, proportion=np.linspace(0, 1, 11))
    assert len(calls) == F.index.get_level_values("era").nunique()


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_the_scale_does_not_cost_accuracy(scale, device):
    rng = np.random.default_rng(0)
    F = rng.normal(size=(300, 20))
    F[:, 1] = F[:, 0] + 5e-5 * F[:, 1]
    p = F[:, :3].sum(axis=1) * 1e3 + rng.normal(size=300)
    expected = neutralize(p, F)
    found = neutralize(p * scale, F, device=device) / scale
    assert_allclose(found, expected, rtol=0, atol=1e-9)
