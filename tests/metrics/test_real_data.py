"""Scores of real rows of the tournament, where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from numpy.testing import assert_allclose

from sknumerai.metrics import numerai_corr_score, score_summary, spearman_score

DATA = os.environ.get("SKNUMERAI_TEST_DATA")

pytestmark = pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA does not name the folder of real data"
)


@pytest.fixture(scope="module")
def frame():
    path = Path(DATA) / "numerai_2018.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return pd.read_parquet(path).set_index("era", append=True)


@pytest.mark.parametrize("target", ["target_bernie", "target_hillary"])
def test_eras_of_2018_equal_numerai_tools(frame, target):
    frame = frame[frame["data_type"] != "live"]
    p = frame[["feature_1", "feature_2"]].assign(
        mean=frame.filter(like="feature_").mean(axis=1, numeric_only=True)
    )
    y = frame[target]
    scores = numerai_corr_score(y, p, aggregate=None)
    resolved = y.notna().groupby(level="era").any()
    assert scores.index.tolist() == sorted(resolved.index[resolved], key=int)
    assert len(scores) < len(resolved)  # some eras are not resolved
    for era in scores.index:
        one = y.xs(era, level="era")
        expected = scoring.numerai_corr(p.xs(era, level="era"), one)
        assert_allclose(scores.loc[era], expected, atol=1e-12)
    ranked = spearman_score(y, p, aggregate=None)
    era = scores.index[3]
    expected = p.xs(era, level="era").corrwith(
        y.xs(era, level="era"), method="spearman"
    )
    assert_allclose(ranked.loc[era], expected, atol=1e-12)


def test_live_rows_are_refused(frame):
    with pytest.raises(ValueError, match="live rows"):
        numerai_corr_score(frame["target_bernie"], frame["feature_1"])


def test_summary_of_real_scores():
    path = Path(DATA) / "v53_per_era_scores.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    scores = pd.read_csv(path)
    scores = scores.select_dtypes("float")
    summary = score_summary(scores)
    assert_allclose(summary["mean"], scores.mean())
    assert_allclose(summary["sharpe"], scores.mean() / scores.std(ddof=0))
    total = scores.cumsum()
    assert_allclose(summary["max_drawdown"], (total.cummax() - total).max())
    assert np.isfinite(summary.to_numpy()).all()
