"""What all transformers and selectors of features promise."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_global_output_transform_pandas,
    check_param_validation,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
)

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import OneEraWarning
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.preprocessing import (
    CorrelationClusterSelector,
    EraQuantileScaler,
    FeatureGroupStatistics,
    FeatureScaler,
    GaussianRankScaler,
    MissingCodeTransformer,
    PermutationImportanceSelector,
    StableFeatureSelector,
)
from sknumerai.utils import fitted_eras

SCALERS = {
    "scaler": FeatureScaler(),
    "centered": FeatureScaler(output_range=(-1, 1)),
    "statistics": FeatureGroupStatistics(),
    "statistics too": FeatureGroupStatistics(passthrough=True),
}
ERA_WISE = {
    "ranks": GaussianRankScaler(),
    "ranks to a power": GaussianRankScaler(power=1.5),
    "bins": EraQuantileScaler(),
    "bins and NaN": EraQuantileScaler(missing="keep"),
    "missing": MissingCodeTransformer(),
    "missing and indicator": MissingCodeTransformer(
        fill="keep", add_indicator="all", min_samples=2
    ),
}
SELECTORS = {
    "stable": StableFeatureSelector(3),
    "clusters": CorrelationClusterSelector(n_clusters=3),
    "clusters by target": CorrelationClusterSelector(
        n_clusters=3, representative="target"
    ),
    "permutation": PermutationImportanceSelector(
        Ridge(), n_features=3, n_repeats=2, random_state=0
    ),
}
ALL = SCALERS | ERA_WISE | SELECTORS


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=6, n_samples_per_era=40, n_features=8, missing=0.5, random_state=0
    )


def plain(result):
    return result.to_numpy() if isinstance(result, pd.DataFrame) else result


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_global_output_transform_pandas,
        check_param_validation,
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_set_output_transform_polars,
        check_transformer_get_feature_names_out,
        check_transformer_get_feature_names_out_pandas,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_that_scikit_learn_runs_on_its_own(name, check):
    estimator = ALL[name]
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("name", ALL)
def test_frames_keep_index_and_names(data, name):
    X, y = data.data, data.target
    model = clone(ALL[name])
    for result in (model.fit_transform(X, y), model.fit(X, y).transform(X)):
        assert isinstance(result, pd.DataFrame)
        pd.testing.assert_index_equal(result.index, X.index)
        assert list(result.columns) == model.get_feature_names_out().tolist()
        assert all(isinstance(name, str) for name in result.columns)
    arrays = clone(model).fit(X.to_numpy(), y.to_numpy(), **groups_of(model, data))
    found = arrays.transform(X.to_numpy(), **groups_of(model, data, name in ERA_WISE))
    assert isinstance(found, np.ndarray)
    assert_array_equal(found, plain(result).astype(found.dtype))


def groups_of(model, data, at_transform=True):
    takes = not isinstance(model, FeatureScaler | FeatureGroupStatistics)
    return {"groups": data.eras} if takes and at_transform else {}


@pytest.mark.parametrize("name", ALL)
def test_pickle_clone_and_a_second_fit(data, name):
    X, y = data.data, data.target
    model = clone(ALL[name]).fit(X, y)
    expected = plain(model.transform(X))
    assert_array_equal(plain(pickle.loads(pickle.dumps(model)).transform(X)), expected)
    assert_array_equal(plain(model.fit(X, y).transform(X)), expected)
    assert repr(clone(model)) == repr(ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_missing_columns_are_named(data, name):
    X, y = data.data, data.target
    model = clone(ALL[name]).fit(X, y)
    with pytest.raises(ValueError, match=X.columns[2]):
        model.transform(X.drop(columns=X.columns[2]))
    with pytest.raises(ValueError, match="column 'era'"):
        model.transform(X.assign(era=1))


@pytest.mark.parametrize("name", ALL)
def test_codes_of_any_memory_layout(data, name):
    X, y = data.data, data.target
    model = clone(ALL[name]).fit(X, y)
    expected = plain(model.transform(X))
    values = X.to_numpy()
    groups = groups_of(model, data, name in ERA_WISE)
    with_arrays = clone(ALL[name]).fit(values, y.to_numpy(), **groups_of(model, data))
    for matrix in (np.ascontiguousarray(values), np.asfortranarray(values)):
        matrix.flags.writeable = False
        assert_array_equal(with_arrays.transform(matrix, **groups), expected)
    wide = np.repeat(values, 2, axis=1)
    assert_array_equal(with_arrays.transform(wide[:, ::2], **groups), expected)


@pytest.mark.parametrize("name", ALL)
def test_wide_integers_and_floats_give_the_same(data, name):
    X, y = data.data, data.target
    expected = plain(clone(ALL[name]).fit(X, y).transform(X))
    for dtype in ("int64", "float32", "float64", "uint8"):
        found = plain(
            clone(ALL[name]).fit(X.astype(dtype), y).transform(X.astype(dtype))
        )
        assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ERA_WISE)
def test_an_era_is_the_same_alone_beside_others_and_shuffled(data, name):
    # Numerai's features are alike in all eras: these are not
    most = data.eras.astype(int).to_numpy()[:, None] % 4 + 1
    X, y = np.minimum(data.data, most).astype("int8"), data.target
    model = clone(ERA_WISE[name]).fit(X, y)
    expected = model.transform(X)
    for era in X.index.unique("era")[:3]:
        alone = model.transform(X.loc[[era]])
        pd.testing.assert_frame_equal(alone, expected.loc[[era]], check_exact=True)
    shuffled = X.sample(frac=1, random_state=1)
    found = model.transform(shuffled).loc[X.index]
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    floats = X.astype("float64").sample(frac=1, random_state=2)
    found = clone(model).fit(floats).transform(floats).loc[X.index]
    assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ERA_WISE)
def test_live_rows_are_an_era(data, name):
    X, y = data.data, data.target
    model = clone(ERA_WISE[name]).fit(X, y)
    expected = plain(model.transform(X.loc[["0003"]]))
    rows = X.loc["0003"]
    live = pd.concat({"X": rows}, names=["era"])
    assert_array_equal(plain(model.transform(live)), expected)
    # and so are rows without eras
    assert_array_equal(plain(model.transform(rows)), expected)
    both = pd.concat([X.loc[["0002"]], live])
    assert_array_equal(plain(model.transform(both).loc["X"]), expected)
    groups = ["X"] * len(rows)
    assert_array_equal(plain(model.transform(rows, groups=groups)), expected)


@pytest.mark.parametrize("name", ERA_WISE | SELECTORS)
def test_groups_reach_every_step_by_metadata_routing(data, name):
    X, y = data.data, data.target
    expected = plain(clone(ALL[name]).fit(X, y).transform(X))
    pipeline = make_pipeline(clone(ALL[name]), "passthrough")
    arrays = X.to_numpy(), y.to_numpy()
    with sklearn.config_context(enable_metadata_routing=True):
        fitted = clone(pipeline).fit(*arrays, groups=data.eras)
        if name in ERA_WISE:
            found = fitted.transform(arrays[0], groups=data.eras)
        else:
            found = fitted.transform(arrays[0])
        at_once = clone(pipeline).fit_transform(*arrays, groups=data.eras)
    assert_array_equal(found, expected.astype(found.dtype))
    assert_array_equal(at_once, found)


@pytest.mark.parametrize("name", ERA_WISE)
def test_eras_in_the_index_of_y(data, name):
    X, y = data.data, data.target
    expected = plain(clone(ERA_WISE[name]).fit(X, y).transform(X))
    found = clone(ERA_WISE[name]).fit_transform(X.to_numpy(), y)
    assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ERA_WISE)
def test_wrong_eras_say_what_is_wrong(data, name):
    X = data.data
    model = clone(ERA_WISE[name]).fit(X)
    with pytest.raises(ValueError, match="239 eras for 240 rows"):
        model.transform(X, groups=data.eras.to_numpy()[:-1])
    with pytest.raises(ValueError, match="not eras"):
        model.transform(X, groups=["abc"] * 240)


def test_many_rows_without_eras_are_warned_of():
    X = np.zeros((15_001, 1), dtype=np.int8)
    for model in ERA_WISE.values():
        with pytest.warns(OneEraWarning, match="all 15001 rows are taken as one era"):
            clone(model).fit(X)


@pytest.mark.parametrize("name", SELECTORS)
def test_selectors_keep_the_type(data, name):
    X, y = data.data, data.target
    found = clone(SELECTORS[name]).fit_transform(X, y)
    assert (found.dtypes == "int8").all() and found.shape == (len(X), 3)
    assert (found == X[found.columns]).all(axis=None)


@pytest.mark.parametrize("name", SELECTORS)
def test_selectors_know_the_eras_that_they_learned_from(data, name):
    X, y = data.data, data.target
    model = clone(SELECTORS[name]).fit(X, y)
    if name == "clusters":
        assert fitted_eras(model) is None
        return
    assert fitted_eras(make_pipeline(model, Ridge())).tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="live rows"):
        model.fit(X.to_numpy(), y.to_numpy(), groups=["X"] * len(X))


@pytest.mark.parametrize("name", SELECTORS)
def test_of_several_targets_the_main_one_decides(data, name):
    X, y = data.data, data.target
    Y = pd.DataFrame({"main": y, "other": y.iloc[::-1].to_numpy()}, index=y.index)
    model = clone(SELECTORS[name])
    if name == "permutation":
        # it hands all to the model; a ridge fits each by itself
        model.set_params(scoring=numerai_corr_scorer)
        expected = clone(model).fit(X, y).importances_mean_
        assert_allclose(model.fit(X, Y).importances_mean_, expected, atol=1e-12)
        return
    expected = clone(model).fit(X, y).get_support()
    Y.iloc[:100, 1] = np.nan
    assert_array_equal(model.fit(X, Y).get_support(), expected)
    found = model.fit(X.to_numpy(), Y.to_numpy(), groups=data.eras).get_support()
    assert_array_equal(found, expected)


@pytest.mark.parametrize("name", SCALERS | ERA_WISE)
@pytest.mark.parametrize("in_order", [True, False])
def test_codes_are_not_copied_as_floats_as_a_whole(name, in_order):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, size=(20_000, 400), dtype=np.int8)
    eras = np.repeat(np.arange(1, 21), 1000)
    if not in_order:
        eras = rng.permutation(eras)
    model = clone(ALL[name])
    groups = {"groups": eras} if name in ERA_WISE else {}
    tracemalloc.start()
    try:
        found = model.fit(X, **groups).transform(X, **groups)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # an era, and some blocks of 8 MB; X would be 64 MB
    assert peak - found.nbytes < 30e6
