"""Walk-forward splits: what is trained on, what is tested, what lies between."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    TimeSeriesSplit,
    check_cv,
    cross_val_score,
)

from sknumerai.exceptions import MissingErasError, UnknownHorizonError
from sknumerai.metrics import numerai_corr_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit

# Sarfati, "Numerai Tournament", section 6.3: first and last era of training, validation
# and test. The last test set ends with the data.
PAPER = [
    (728, 883, 888, 900, 905, 917),
    (884, 896, 901, 913, 918, 930),
    (897, 909, 914, 926, 931, 943),
    (910, 922, 927, 939, 944, 956),
    (923, 935, 940, 952, 957, 969),
    (936, 948, 953, 965, 970, 982),
    (949, 961, 966, 978, 983, 995),
    (962, 974, 979, 991, 996, 1008),
    (975, 987, 992, 1004, 1009, 1021),
    (988, 1000, 1005, 1017, 1022, 1034),
    (1001, 1013, 1018, 1030, 1035, 1047),
    (1014, 1026, 1031, 1043, 1048, 1060),
    (1027, 1039, 1044, 1056, 1061, 1073),
    (1040, 1052, 1057, 1069, 1074, 1086),
    (1053, 1065, 1070, 1082, 1087, 1092),
]


def paper_split():
    return GroupTimeSeriesSplit(
        15,
        test_size=13,
        valid_size=13,
        embargo=4,
        first_test_era=905,
        first_train_size=156,
        max_train_size=13,
    )


def span(eras, rows):
    """First and last era of some rows, which must hold all eras between."""
    found = np.unique(eras[rows])
    assert_array_equal(found, np.arange(found[0], found[-1] + 1))
    return found[0], found[-1]


def test_the_paper_s_fifteen_folds():
    eras = np.repeat(np.arange(728, 1093), 2)
    eras = np.random.default_rng(0).permutation(eras)
    cv = paper_split()
    assert cv.get_n_splits() == 15
    triples = list(cv.split_with_validation(eras, groups=eras))
    got = [sum((span(eras, part) for part in parts), ()) for parts in triples]
    assert got == PAPER
    pairs = [
        (*span(eras, train), *span(eras, test))
        for train, test in cv.split(eras, groups=eras)
    ]
    # the training part of a pair runs to the last validation era
    assert pairs == [(a, d, e, f) for a, _, _, d, e, f in PAPER]


def test_numerai_walk_forward():
    eras = np.arange(1, 1233)
    cv = GroupTimeSeriesSplit(7, test_size=156, embargo=8, first_test_era=157)
    got = [(*span(eras, a), *span(eras, b)) for a, b in cv.split(eras, groups=eras)]
    assert got == [
        (1, 148, 157, 312),
        (1, 304, 313, 468),
        (1, 460, 469, 624),
        (1, 616, 625, 780),
        (1, 772, 781, 936),
        (1, 928, 937, 1092),
        (1, 1084, 1093, 1232),
    ]
    cv = clone(cv, safe=False)
    cv.max_train_size = 148
    got = [span(eras, train) for train, _ in cv.split(eras, groups=eras)]
    assert got == [(1 + 156 * i, 148 + 156 * i) for i in range(7)]
    cv = GroupTimeSeriesSplit(1, embargo="auto", test_size=156, first_test_era="0157")
    y = pd.Series(0.5, index=range(312), name="target_ender_60")
    train, _ = next(cv.split(eras[:312], y, groups=eras[:312]))
    assert span(eras, train) == (1, 140)


def test_equals_time_series_split_where_an_era_is_a_row():
    eras = np.arange(1, 51)
    for gap, kwargs in [
        (0, {}),
        (3, {"test_size": 4}),
        (3, {"test_size": 4, "max_train_size": 6}),
    ]:
        ours = GroupTimeSeriesSplit(5, embargo=gap, **kwargs).split(eras, groups=eras)
        theirs = TimeSeriesSplit(5, gap=gap, **kwargs).split(eras)
        for got, expected in zip(ours, theirs, strict=True):
            assert_array_equal(got[0], expected[0])
            assert_array_equal(got[1], expected[1])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_training_era_lies_within_the_embargo(data):
    numbers = np.array(
        sorted(data.draw(st.sets(st.integers(1, 80), min_size=2, max_size=60)))
    )
    embargo = data.draw(st.integers(0, 12))
    valid_size = data.draw(st.integers(0, 4))
    first = data.draw(st.none() | st.integers(1, 80))
    cv = GroupTimeSeriesSplit(
        data.draw(st.integers(1, 5)),
        embargo=embargo,
        valid_size=valid_size,
        test_size=data.draw(st.none() | st.integers(1, 6)),
        max_train_size=data.draw(st.none() | st.integers(1, 20)),
        first_test_era=first,
    )
    rng = np.random.default_rng(0)
    eras = rng.permutation(np.repeat(numbers, 2))
    try:
        splits = list(cv.split(eras, groups=eras))
    except ValueError as error:
        assume("few" not in str(error) and "embargo" not in str(error))
        assert first is not None and first > numbers[-1]
        return
    assert len(splits) == cv.get_n_splits()
    tested = np.concatenate([np.unique(eras[test]) for _, test in splits])
    # test sets follow each other without a hole, to the last era of the data
    assert_array_equal(tested, numbers[numbers >= tested[0]][: len(tested)])
    if cv.test_size is None or first is None:
        assert tested[-1] == numbers[-1]
    if first is not None:
        assert tested[0] == numbers[numbers >= first][0]
    for train, test in splits:
        assert len(train) and len(test)
        start = eras[test].min()
        assert start - eras[train].max() > embargo
        # eras are kept whole
        assert not set(eras[train]) & set(eras[test])
        assert len(train) == 2 * len(np.unique(eras[train]))
    if not valid_size:
        return
    for train, valid, test in cv.split_with_validation(eras, groups=eras):
        assert len(np.unique(eras[valid])) == valid_size
        assert eras[valid].min() - eras[train].max() > embargo
        start = eras[test].min()
        # nothing that could be used is left out
        newest = numbers[numbers < start - embargo][-valid_size:]
        assert_array_equal(np.unique(eras[valid]), newest)
        assert eras[train].max() == numbers[numbers < newest[0] - embargo].max()


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize(
    "kwargs",
    [{"embargo": 16}, {"embargo": 8, "valid_size": 5}, {"embargo": 0}],
    ids=str,
)
def test_default_test_size_leaves_a_first_training_set_as_large(kwargs, every):
    eras = np.arange(1, 1 + 60 * every, every)
    table = GroupTimeSeriesSplit(3, **kwargs).describe(groups=eras)
    size = table["test_eras"].unique().item()
    assert table["train_eras"][0] >= size > 1
    # one more would be too many
    try:
        more = GroupTimeSeriesSplit(3, test_size=size + 1, **kwargs)
        assert more.describe(groups=eras)["train_eras"][0] < size + 1
    except ValueError as error:
        assert "for training" in str(error)
    given = GroupTimeSeriesSplit(3, first_train_size=30, **kwargs)
    assert given.describe(groups=eras)["train_eras"][0] == 30


def test_embargo_counts_era_numbers_on_every_fourth_era():
    eras = np.arange(1, 200, 4)
    cv = GroupTimeSeriesSplit(3, test_size=5, embargo=8)
    for train, test in cv.split(eras, groups=eras):
        # of the eras 4, 8 and 12 before, only the last is far enough
        assert eras[test][0] - eras[train][-1] == 12
    assert cv.describe(groups=eras)["embargoed_eras"].tolist() == [2, 2, 2]
    assert cv.describe(groups=eras)["test_eras"].tolist() == [5, 5, 5]


def test_rows_in_any_order_give_the_same_eras():
    rng = np.random.default_rng(0)
    eras = np.repeat(np.arange(1, 21), rng.integers(1, 5, 20))
    order = rng.permutation(len(eras))
    cv = GroupTimeSeriesSplit(3, embargo=2)
    for a, b in zip(cv.split(eras, groups=eras), cv.split(eras, groups=eras[order])):
        for rows, shuffled in zip(a, b):
            assert_array_equal(rows, np.sort(order[shuffled]))
            assert (np.diff(shuffled) > 0).all()


def test_labels_are_ordered_as_numbers():
    labels = [f"era{e}" for e in (2, 10, 9, 1)]
    train, test = next(GroupTimeSeriesSplit(1, embargo=0).split(labels, groups=labels))
    assert train.tolist() == [0, 3] and test.tolist() == [1, 2]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"{e:04d}" for e in range(1, 61)], range(10)], names=["era", "id"]
    )
    X = pd.DataFrame(rng.normal(size=(600, 3)), index=index, columns=list("abc"))
    y = (X["a"] + rng.normal(size=600)).rename("target_ender_20")
    return X, y, index.get_level_values("era")


def test_embargo_is_read_from_the_target(data):
    X, y, eras = data
    numbers = eras.astype(int)
    cv = GroupTimeSeriesSplit(4, test_size=5)
    for target, embargo in [
        (y, 8),
        (y.rename("target_ender_60"), 16),
        (y.to_frame().assign(target_jasper_60=0.5), 16),
    ]:
        for train, test in cv.split(X, target):
            assert numbers[test].min() - numbers[train].max() == embargo + 1
    for nameless in (None, y.to_numpy(), y.rename(None), y.rename("target")):
        with pytest.raises(UnknownHorizonError, match="Pass the number of eras"):
            cv.split(X, nameless)


def test_eras_come_from_groups_then_x_then_y(data):
    X, y, eras = data
    cv = GroupTimeSeriesSplit(3)
    expected = [test.tolist() for _, test in cv.split(X, y)]
    for args in [
        (X.to_numpy(), y),
        (X.to_numpy(), y.reset_index(drop=True), eras),
        (X, y, eras.astype(int)),
        (None, y, eras),
    ]:
        assert [test.tolist() for _, test in cv.split(*args)] == expected
    with pytest.raises(MissingErasError, match="GroupTimeSeriesSplit needs the era"):
        cv.split(X.to_numpy(), y.reset_index(drop=True))


def test_cross_val_score_with_groups_or_index(data):
    X, y, eras = data
    kwargs = {
        "cv": GroupTimeSeriesSplit(3),
        "scoring": numerai_corr_scorer,
        "error_score": "raise",
    }
    by_groups = cross_val_score(Ridge(), X, y, groups=eras, **kwargs)
    by_index = cross_val_score(Ridge(), X, y, **kwargs)
    assert_array_equal(by_groups, by_index)
    assert by_groups.min() > 0.3


def test_grid_search(data):
    X, y, eras = data
    search = GridSearchCV(
        Ridge(),
        {"alpha": [0.1, 1e9]},
        cv=GroupTimeSeriesSplit(3),
        scoring=numerai_corr_scorer,
        error_score="raise",
    )
    search.fit(X, y)
    assert clone(search).fit(X, y, groups=eras).best_score_ == search.best_score_


def test_routing_needs_no_request(data):
    X, y, eras = data
    cv = GroupTimeSeriesSplit(3, embargo=8)
    expected = cross_val_score(Ridge(), X, y, cv=cv, scoring=numerai_corr_scorer)
    with sklearn.config_context(enable_metadata_routing=True):
        got = cross_val_score(
            Ridge(),
            X.to_numpy(),
            y.to_numpy(),
            params={"groups": np.asarray(eras)},
            cv=cv,
            scoring=numerai_corr_scorer,
            error_score="raise",
        )
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_nothing_is_stored_and_copies_are_the_same(data):
    X, y, _ = data
    cv = paper_split()
    before = dict(vars(cv))
    assert repr(cv).startswith("GroupTimeSeriesSplit(embargo=4, first_test_era=905")
    assert check_cv(cv) is cv
    cv = GroupTimeSeriesSplit(3)
    plain = vars(cv).copy()
    list(cv.split(X, y))
    cv.describe(X, y)
    assert vars(cv) == plain
    for copy in (pickle.loads(pickle.dumps(paper_split())), clone(cv, safe=False)):
        assert vars(copy) in (before, plain)


def test_describe_tells_eras_and_rows(data):
    X, y, _ = data
    table = GroupTimeSeriesSplit(2, test_size=10, valid_size=5).describe(X, y)
    assert table.loc[1].to_dict() == {
        "train_first": "0001",
        "train_last": "0029",
        "train_eras": 29,
        "train_rows": 290,
        "valid_first": "0038",
        "valid_last": "0042",
        "valid_eras": 5,
        "valid_rows": 50,
        "test_first": "0051",
        "test_last": "0060",
        "test_eras": 10,
        "test_rows": 100,
        "embargoed_eras": 16,
    }
    assert "valid_first" not in GroupTimeSeriesSplit(2).describe(X, y)


def test_first_test_era_shares_out_the_rest():
    eras = np.arange(1, 25)
    cv = GroupTimeSeriesSplit(3, embargo=1, first_test_era=15)
    table = cv.describe(groups=eras)
    assert table["test_eras"].tolist() == [4, 4, 2]
    # an era that is not there: the next one
    without = eras[eras != 15]
    assert cv.describe(groups=without)["test_first"].tolist() == [16, 19, 22]


@pytest.mark.parametrize(
    "kwargs, n_eras, message",
    [
        ({"n_splits": 0}, 50, "'n_splits' parameter of GroupTimeSeriesSplit must be"),
        ({"test_size": 0}, 50, "'test_size' parameter"),
        ({"embargo": -1}, 50, "'embargo' parameter"),
        ({"embargo": True}, 50, "embargo must be a number of eras"),
        ({"first_test_era": "may"}, 50, r"first_test_era: \['may'\] are not eras"),
        ({"embargo": "20"}, 50, "'embargo' parameter"),
        ({"valid_size": 1.5}, 50, "'valid_size' parameter"),
        ({}, 4, r"4 eras are too few for n_splits=5 test sets of 1 eras \(5 x 1 = 5\)"),
        ({"test_size": 10}, 50, r"50 eras are too few .* \(5 x 10 = 50\)"),
        ({"embargo": 30}, 30, r"split 0 begins at era 26, with 25 eras .* leaves 0 of"),
        ({"valid_size": 58}, 60, r"58 validation eras and another embargo leave 0"),
        ({"first_train_size": 58}, 60, r"leaves 54 of them .* 58 \(first_train_size"),
        ({"first_test_era": 99}, 60, "first_test_era=99 comes after the last era"),
        ({"first_test_era": 58}, 60, r"there are 3 eras, too few .* n_splits=3"),
        ({"first_test_era": "X"}, 60, "first_test_era=X comes after the last"),
    ],
    ids=str,
)
def test_what_cannot_be_split_raises_with_the_arithmetic(kwargs, n_eras, message):
    eras = np.arange(1, n_eras + 1)
    kwargs = {"embargo": 1} | kwargs
    with pytest.raises(ValueError, match=message):
        GroupTimeSeriesSplit(**kwargs).split(eras, groups=eras)


def test_validation_needs_a_size():
    eras = np.arange(1, 50)
    with pytest.raises(ValueError, match="Got valid_size=0"):
        GroupTimeSeriesSplit(embargo=0).split_with_validation(eras, groups=eras)


def test_no_rows_at_all_raise():
    with pytest.raises(ValueError, match="needs rows to split"):
        GroupTimeSeriesSplit(embargo=0).describe()


def test_live_rows_are_refused():
    eras = ["0001", "0002", "X"]
    with pytest.raises(ValueError, match="live rows"):
        GroupTimeSeriesSplit(1, embargo=0).split(eras, groups=eras)
