import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from sknumerai.datasets import make_numerai
from sknumerai.preprocessing import MissingCodeTransformer


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=30, n_samples_per_era=40, n_features=12, missing=0.6, random_state=0
    )


def missing_by_hand(X, code=2):
    return pd.DataFrame(
        {name: (X[name] == code).groupby("era").transform("all") for name in X}
    )


def test_against_pandas(data):
    X = data.data
    missing = missing_by_hand(X)
    assert 0 < missing.to_numpy().mean() < 1
    found = MissingCodeTransformer().fit_transform(X)
    assert (found.dtypes == "float32").all()
    pd.testing.assert_frame_equal(found, X.astype("float32").mask(missing))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    code=st.sampled_from([0, 2]),
    fill=st.sampled_from(["nan", "keep", -1]),
    add_indicator=st.sampled_from([False, True, "all"]),
)
def test_every_setting_in_any_order_of_rows(seed, code, fill, add_indicator):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(200, 6)).astype(np.int8)
    eras = rng.integers(1, 5, size=200)
    for era, column in zip(rng.integers(1, 5, 3), rng.integers(0, 6, 3)):
        X[eras == era, column] = code
    X = pd.DataFrame(X, columns=list("abcdef"), index=pd.Index(eras, name="era"))
    missing = missing_by_hand(X, code)
    found = MissingCodeTransformer(
        code, fill=fill, add_indicator=add_indicator
    ).fit_transform(X)
    dtype = "float32" if fill == "nan" else "int8"
    assert (found.dtypes == dtype).all()
    expected = X.astype(dtype)
    if fill != "keep":
        expected = expected.mask(missing, np.nan if fill == "nan" else fill)
    pd.testing.assert_frame_equal(found[list("abcdef")], expected.astype(dtype))
    told = {False: [], True: list(X.columns[missing.any()]), "all": list("abcdef")}
    names = [f"missingindicator_{name}" for name in told[add_indicator]]
    assert list(found.columns[6:]) == names
    assert_array_equal(found[names], missing[told[add_indicator]])


def test_a_live_era_that_lacks_a_new_feature(data):
    X = data.data
    name = X.columns[missing_by_hand(X).any().argmin()]
    model = MissingCodeTransformer(add_indicator=True).fit(X)
    live = pd.concat({"X": X.loc["0030"]}, names=["era"])
    live[name] = np.int8(2)
    found = model.transform(live)
    assert found[name].isna().all() and f"missingindicator_{name}" not in found
    model.set_params(add_indicator="all")
    assert (model.transform(live)[f"missingindicator_{name}"] == 1).all()


def test_few_rows_are_not_judged():
    X = np.full((9, 2), 2, dtype=np.int8)
    assert_array_equal(MissingCodeTransformer().fit_transform(X), X)
    assert np.isnan(MissingCodeTransformer(min_samples=9).fit_transform(X)).all()


def test_one_other_code_anywhere_in_an_era_is_enough():
    for row in (0, 1, 63, 64, 65, 199):
        X = np.full((200, 2), 2, dtype=np.int8)
        X[row, 0] = 1
        found = MissingCodeTransformer().fit_transform(X)
        assert_array_equal(found[:, 0], X[:, 0])
        assert np.isnan(found[:, 1]).all()


def test_nan_stays():
    X = np.full((20, 2), 2.0)
    X[3, 0] = np.nan
    found = MissingCodeTransformer().fit_transform(X)
    assert found.dtype == np.float64
    assert_array_equal(found[:, 0], X[:, 0])
    assert np.isnan(found[:, 1]).all()


def test_a_code_that_the_type_does_not_have():
    X = np.full((20, 2), 2, dtype=np.int8)
    with pytest.raises(ValueError, match="fill=300 is no int8"):
        MissingCodeTransformer(fill=300).fit_transform(X)


def test_features_that_no_era_has(data):
    X = data.data.loc["0001":"0020"]
    empty = missing_by_hand(X).all()
    assert 0 < empty.sum() < len(empty)
    names = list(X.columns[~empty])
    model = MissingCodeTransformer(keep_empty_features=False, add_indicator=True)
    found = model.fit_transform(X)
    assert list(X.columns[model.empty_features_]) == list(X.columns[empty])
    expected = MissingCodeTransformer().fit_transform(X)[names]
    pd.testing.assert_frame_equal(found[names], expected)
    told = missing_by_hand(X).any()
    assert list(found.columns[len(names) :]) == [
        f"missingindicator_{name}" for name in told.index[told]
    ]


def test_trees_in_a_pipeline(data):
    X, y = data.data, data.target
    model = make_pipeline(
        MissingCodeTransformer(keep_empty_features=False),
        HistGradientBoostingRegressor(max_iter=3),
    ).fit(X, y)
    live = pd.concat({"X": X.loc["0001"]}, names=["era"])
    assert_array_equal(model.predict(live), model.predict(X.loc[["0001"]]))
