"""Horizons read from names."""

import pytest

from sknumerai.utils import model_horizon, target_horizon


@pytest.mark.parametrize(
    "name, days",
    [
        ("target_ender_60", 60),
        ("target_nomi_v4_20", 20),
        ("target_ender_60d", 60),
        ("target_x_90", 90),
        ("target", None),
        ("target_ender20", None),
        (None, None),
        (20, None),
    ],
)
def test_target(name, days):
    assert target_horizon(name) == days


@pytest.mark.parametrize(
    "name, days",
    [
        ("v53_lgbm_ender20", 20),
        ("v53_lgbm_ender60", 60),
        ("v52_lgbm_teager2b20", 20),
        ("ender60", 60),
        ("mine_ender_20", 20),
        ("xgb_fold20", None),
        ("example_20", None),
        ("numerai_meta_model", None),
        ("v42_lgbm_ct_blend", None),
        ("model_120", None),
        ("v5_lgbm_40", None),
        (0, None),
        (None, None),
    ],
)
def test_model(name, days):
    assert model_horizon(name) == days
