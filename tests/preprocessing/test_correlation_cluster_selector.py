import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import AffinityPropagation

from sknumerai.datasets import make_numerai
from sknumerai.preprocessing import CorrelationClusterSelector
from sknumerai.preprocessing._correlation_matrix import correlation_matrix


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=10, n_samples_per_era=80, n_features=40, random_state=0)


def blocks_of(sizes, n=400, noise=0.5, seed=0):
    """Columns in blocks of one factor each, every second one turned."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, len(sizes)))
    block = np.repeat(np.arange(len(sizes)), sizes)
    signs = np.where(np.arange(len(block)) % 2, -1, 1)
    X = signs * factors[:, block] + noise * rng.normal(size=(n, len(block)))
    return X, block


def same_partition(a, b):
    return len(set(zip(a, b))) == len(set(a)) == len(set(b))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(["int8", "uint8", "float32", "float64"]),
    n=st.integers(2, 60),
    largest=st.sampled_from([4, 127]),
)
def test_correlation_matrix_against_numpy(seed, dtype, n, largest):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, largest + 1, size=(n, 5)).astype(dtype)
    X[:, 2] = 3
    found = correlation_matrix(X)
    with np.errstate(invalid="ignore", divide="ignore"):
        oracle = np.corrcoef(X.astype(float), rowvar=False)
    assert_allclose(found, oracle, rtol=1e-9, atol=1e-9)


def test_correlation_matrix_of_large_numbers_that_hardly_differ():
    X = 1e6 + np.random.default_rng(0).normal(size=(500, 3))
    assert_allclose(correlation_matrix(X), np.corrcoef(X.T), atol=1e-9)


def test_correlation_matrix_of_large_codes_is_exact():
    X = np.random.default_rng(0).integers(100, 128, size=(9000, 3)).astype(np.int8)
    oracle = np.corrcoef(X.astype(float), rowvar=False)
    assert_allclose(correlation_matrix(X), oracle, atol=1e-12)


def test_correlation_matrix_in_several_blocks(monkeypatch):
    X = np.random.default_rng(0).integers(0, 5, size=(1000, 6)).astype(np.int8)
    oracle = np.corrcoef(X.astype(float), rowvar=False)
    for block in (7, 60, 6000):
        monkeypatch.setattr("sknumerai.preprocessing._correlation_matrix._BLOCK", block)
        assert_allclose(correlation_matrix(X), oracle, atol=1e-12)
        assert_allclose(correlation_matrix(X.astype(float)), oracle, atol=1e-12)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"linkage": "complete"},
        {"linkage": "single"},
        {"n_clusters": 3},
        {"method": "affinity_propagation"},
    ],
)
def test_planted_clusters_are_found(params):
    X, block = blocks_of([5, 3, 6])
    model = CorrelationClusterSelector(**params).fit(X)
    assert_array_equal(model.labels_, block)
    assert model.n_clusters_ == model.get_support().sum() == 3
    assert_array_equal(block[model.representatives_], [0, 1, 2])


@pytest.mark.parametrize("method", ["average", "complete", "single"])
def test_against_scipy(data, method):
    X = data.data
    distance = 1 - np.abs(np.corrcoef(X.to_numpy().astype(float), rowvar=False))
    tree = linkage(squareform(distance, checks=False), method)
    for threshold in (0.1, 0.2, 0.5):
        model = CorrelationClusterSelector(threshold, linkage=method).fit(X)
        oracle = fcluster(tree, 1 - threshold, "distance")
        assert same_partition(model.labels_, oracle)
    model = CorrelationClusterSelector(n_clusters=9, linkage=method).fit(X)
    assert same_partition(model.labels_, fcluster(tree, 9, "maxclust"))


def test_against_scikit_learn(data):
    X = data.data
    affinity = np.abs(np.corrcoef(X.to_numpy().astype(float), rowvar=False))
    oracle = AffinityPropagation(affinity="precomputed", random_state=0).fit(affinity)
    model = CorrelationClusterSelector(method="affinity_propagation").fit(X)
    assert model.n_clusters_ > 1
    assert same_partition(model.labels_, oracle.labels_)


def test_representatives(data):
    X, y = data.data, data.target
    sizes = X.corr().abs().to_numpy()
    by_era = [
        [part[name].corr(y.loc[era]) for name in X]
        for era, part in X.groupby(level="era")
    ]
    to_target = np.abs(np.mean(by_era, axis=0))
    for name in ("central", "target", "first"):
        model = CorrelationClusterSelector(0.15, representative=name).fit(X, y)
        assert 5 < model.n_clusters_ < 40
        assert_array_equal(np.unique(model.labels_), np.arange(model.n_clusters_))
        for cluster, chosen in enumerate(model.representatives_):
            members = np.flatnonzero(model.labels_ == cluster)
            value = {
                "central": sizes[np.ix_(members, members)].mean(axis=0),
                "target": to_target[members],
                "first": -members,
            }[name]
            assert value[list(members).index(chosen)] >= value.max() - 1e-9


def test_constant_features_are_dropped():
    X, _ = blocks_of([2, 2])
    X = np.insert(X, [0, 3], 0.1, axis=1)
    model = CorrelationClusterSelector().fit(X)
    assert_array_equal(model.labels_, [-1, 0, 0, 1, -1, 1])
    assert not model.get_support()[[0, 4]].any()
    with pytest.raises(ValueError, match="each of the 3 features is the same"):
        CorrelationClusterSelector().fit(np.ones((10, 3)))


def test_features_that_are_equal_are_one():
    X = np.repeat(np.random.default_rng(0).integers(0, 5, (100, 3)), 2, axis=1)
    model = CorrelationClusterSelector(1.0).fit(X.astype(np.int8))
    assert_array_equal(model.get_support(indices=True), [0, 2, 4])


def test_rows_at_even_distances():
    X, _ = blocks_of([3, 3], n=1000)
    few = CorrelationClusterSelector(0.3, max_samples=4).fit(X)
    assert_array_equal(
        few.labels_, CorrelationClusterSelector(0.3).fit(X[[0, 333, 666, 999]]).labels_
    )


def test_a_target_is_asked_for():
    X, _ = blocks_of([2, 2])
    model = CorrelationClusterSelector(representative="target")
    with pytest.raises(ValueError, match="requires y"):
        model.fit(X)


def test_affinity_propagation_that_does_not_settle(monkeypatch):
    X, _ = blocks_of([2, 2])
    monkeypatch.setattr(
        AffinityPropagation,
        "fit",
        lambda self, S: setattr(self, "labels_", np.full(len(S), -1)) or self,
    )
    with pytest.raises(ValueError, match="did not settle"):
        CorrelationClusterSelector(method="affinity_propagation").fit(X)


def test_no_copy_of_the_features_as_floats():
    X = np.random.default_rng(0).integers(0, 5, size=(200_000, 60), dtype=np.int8)
    tracemalloc.start()
    CorrelationClusterSelector(max_samples=None).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4.5e7  # 96 MB were float64
