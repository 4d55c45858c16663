"""Ensembles are exported by value; one file for all of them."""

from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import (
    EnsembleSelectionRegressor,
    EraBoostingRegressor,
    EraEnsembleRegressor,
    FoldAveragingRegressor,
    MultiTargetRegressor,
    RankAveragingRegressor,
    SeedAveragingRegressor,
)
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.submission import export_model

CV = GroupTimeSeriesSplit(2, test_size=2, embargo=1)


def test_can_be_exported(tmp_path):
    data = make_numerai(n_eras=8, n_samples_per_era=40, n_features=5, random_state=0)
    model = RankAveragingRegressor(
        [
            ("seeds", SeedAveragingRegressor(Ridge(), aggregation="rank_mean")),
            ("folds", FoldAveragingRegressor(Ridge(), CV, aggregation="median")),
            (
                "slices",
                EraEnsembleRegressor(EraBoostingRegressor(Ridge(), 2), embargo=0),
            ),
            ("targets", MultiTargetRegressor(Ridge(), target_aggregation="rank_mean")),
            ("chosen", EnsembleSelectionRegressor([("ridge", Ridge())], CV)),
        ]
    )
    export_model(model.fit(data.data, data.target), tmp_path / "model.pkl")
    assert (tmp_path / "model.pkl").stat().st_size > 0
