"""Held-out eras decide when training stops, and nothing else."""

import numpy as np
import pytest

from tests.neural_network import tiny
from tests.neural_network.tiny import X, Y

HELD_OUT = X.index.get_level_values("era").astype(int) > 9


@pytest.mark.parametrize("loss", ["mse", "corr"])
@pytest.mark.parametrize("Network", tiny.REGRESSORS, ids=lambda cls: cls.__name__)
def test_targets_of_held_out_eras_reach_no_weight_and_no_map(Network, loss):
    """`loss` has its targets standardized, or its outputs mapped to `y` afterwards."""

    def fit(y, **params):
        model = tiny.tiny(Network, loss=loss, embargo=1, batch_by="era", **params)
        return model.set_params(n_validation_eras=2).fit(X, y)

    one = fit(Y)
    other = Y.where(~HELD_OUT, 7 - 5 * Y)  # the embargoed era too
    assert one.best_epoch_ == 1  # one epoch, so that it is the best in any case
    two = fit(other)
    for a, b in zip(one.module_.parameters(), two.module_.parameters()):
        np.testing.assert_array_equal(a.detach(), b.detach())
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    assert one.history_[0]["valid_loss"] != two.history_[0]["valid_loss"] or (
        loss == "corr"
    )
    assert one.history_[0]["valid_corr"] != two.history_[0]["valid_corr"]
