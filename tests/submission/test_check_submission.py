"""The validators of numerai-tools are the oracle: what they take is taken."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools.submissions import validate_submission_numerai

from sknumerai.exceptions import SubmissionError
from sknumerai.submission import check_submission
from tests.submission.frames import make_live


@pytest.fixture
def live():
    return make_live(40)


def submission(live):
    values = (np.arange(len(live)) + 0.5) / len(live)
    return pd.DataFrame({"prediction": values}, index=live.index)


def test_rows_come_in_the_order_of_live(live):
    given = submission(live).sample(frac=1, random_state=0)
    clean = check_submission(given, live)
    assert list(clean.columns) == ["id", "prediction"]
    assert list(clean["id"]) == list(live.index)
    np.testing.assert_array_equal(clean["prediction"], submission(live)["prediction"])
    assert given.columns.tolist() == ["prediction"]


def test_every_form_of_predictions_and_ids(live, tmp_path):
    given = submission(live)
    expected = check_submission(given, live)
    given.to_parquet(tmp_path / "p.parquet")
    given.reset_index().to_csv(tmp_path / "p.csv", index=False)
    live.to_parquet(tmp_path / "live.parquet")
    eras = given.set_axis(
        pd.MultiIndex.from_product([["X"], live.index], names=["era", "id"])
    )
    forms = [
        given.reset_index(),
        given.reset_index()[["prediction", "id"]],
        given.rename_axis(None),
        given["prediction"],
        eras,
        eras.reset_index("era"),
        tmp_path / "p.parquet",
        str(tmp_path / "p.csv"),
    ]
    lives = [
        live.index,
        list(live.index),
        live.reset_index(),
        tmp_path / "live.parquet",
    ]
    for form in forms:
        pd.testing.assert_frame_equal(check_submission(form, live), expected)
    for form in lives:
        pd.testing.assert_frame_equal(check_submission(given, form), expected)


def change(live, **changes):
    frame = submission(live).reset_index()
    for name, (row, value) in changes.items():
        frame.loc[row, name] = value
    return frame


FAULTS = {
    "nan": (lambda live: change(live, prediction=(3, np.nan)), "1 predictions are NaN"),
    "above": (lambda live: change(live, prediction=(3, 1.5)), "the largest 1.5"),
    "infinite": (lambda live: change(live, prediction=(3, np.inf)), "1 predictions are"),
    "twice": (lambda live: change(live, id=(3, "live0000")), "more than once"),
    "no id": (lambda live: change(live, id=(3, None)), "1 ids are missing"),
    "stale": (lambda live: change(live, id=(3, "old")), "'live0003'; 1 of the 40 given"),
    "short": (lambda live: submission(live)[1:], "1 of 40 live ids have no prediction"),
    "constant": (lambda live: submission(live) * 0 + 0.5, "all 40 predictions are the"),
    "empty": (lambda live: submission(live)[:0], "have no rows"),
    "text": (lambda live: submission(live).astype(str), "must hold numbers"),
    "bool": (lambda live: submission(live) > 0.5, "must hold numbers"),
    "name": (lambda live: submission(live).add_suffix("s"), "called 'prediction' or"),
    "two": (lambda live: submission(live).assign(b=0.5), "there must be one column"),
    "era": (lambda live: submission(live).assign(date="X"), "there must be one column"),
    "no ids": (lambda live: submission(live).reset_index(drop=True), "have no ids"),
    "other level": (lambda live: submission(live).rename_axis("era"), "have no ids"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_server_refuses(live, fault):
    make, message = FAULTS[fault]
    with pytest.raises(SubmissionError, match=message):
        check_submission(make(live), live)


def test_bad_arguments(live, tmp_path):
    given = submission(live)
    for bad in [None, 3, given.to_numpy()]:
        with pytest.raises(TypeError, match="predictions must be"):
            check_submission(bad, live)
    with pytest.raises(TypeError, match="live must be"):
        check_submission(given, 3)
    with pytest.raises(ValueError, match="live has no rows"):
        check_submission(given, live[:0])
    with pytest.raises(ValueError, match="live has no ids"):
        check_submission(given, live.reset_index(drop=True))
    with pytest.raises(ValueError, match="live ids appear more than once"):
        check_submission(given, pd.concat([live, live]))
    with pytest.raises(ValueError, match="live ids are missing"):
        check_submission(given, ["a", None])
    with pytest.raises(ValueError, match="'tournament' parameter"):
        check_submission(given, live, tournament="numerai")
    with pytest.raises(FileNotFoundError, match="no file"):
        check_submission(tmp_path / "no.csv", live)
    with pytest.raises(ValueError, match=r"neither a \.csv nor"):
        check_submission(tmp_path / "p.txt", live)
    (tmp_path / "p.parquet").write_bytes(b"half")
    with pytest.raises(ValueError, match="cannot be read as a table"):
        check_submission(tmp_path / "p.parquet", live)


def test_rows_that_are_not_live_are_left_out_with_a_word(live):
    given = submission(make_live(43))
    with pytest.warns(UserWarning, match="3 of 43 rows are left out.*'live0040'"):
        clean = check_submission(given, live)
    assert list(clean["id"]) == list(live.index)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "d"]),
            st.one_of(st.floats(-0.2, 1.2), st.sampled_from([0.0, 1.0, np.nan])),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_agrees_with_numerai_tools(rows):
    frame = pd.DataFrame(rows, columns=["id", "prediction"])
    live = ["c", "a", "b"]
    try:
        expected = validate_submission_numerai(pd.Series(live), frame.copy())[2]
    except AssertionError:
        with pytest.raises(SubmissionError):
            check_submission(frame, live)
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* rows are left out")
        clean = check_submission(frame, live)
    expected = expected.set_index("id").loc[live].reset_index()
    pd.testing.assert_frame_equal(clean, expected, check_dtype=False)


# numerai-tools drops columns in place, which pandas 3.1 deprecates
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_signals_and_crypto():
    tickers = [f"T{i:03d} US" for i in range(120)]
    values = (np.arange(120) + 0.5) / 120
    signals = pd.DataFrame({"numerai_ticker": tickers, "signal": values})
    clean = check_submission(signals, tickers[::-1], tournament="signals")
    assert list(clean["numerai_ticker"]) == tickers[::-1]
    dated = check_submission(
        signals.assign(date="2026-01-02"), tickers, tournament="signals"
    )
    assert list(dated.columns) == ["numerai_ticker", "signal", "date"]
    with pytest.raises(SubmissionError, match="90 of the 90 given ids are live"):
        check_submission(signals[:90], tickers, tournament="signals")
    crypto = signals.set_axis(["symbol", "prediction"], axis=1)
    universe = pd.DataFrame({"symbol": tickers})
    assert len(check_submission(crypto[:100], universe, tournament="crypto")) == 100


def test_without_numerai_tools(live, monkeypatch):
    monkeypatch.setitem(sys.modules, "numerai_tools", None)
    with pytest.raises(ImportError, match=r"pip install 'sknumerai\[submission\]'"):
        check_submission(submission(live), live)
