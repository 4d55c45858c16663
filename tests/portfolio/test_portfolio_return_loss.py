"""The return of optimal portfolios as a loss."""

import numpy as np
import pytest
import torch

from sknumerai.losses import SharpeLoss
from sknumerai.neural_network import MLPRegressor
from sknumerai.portfolio import (
    PortfolioOptimizer,
    PortfolioReturnLoss,
    portfolio_return_score,
)


def _batch(n=72, seed=0):
    rng = np.random.default_rng(seed)
    y_pred = torch.tensor(rng.normal(size=(n, 2)), requires_grad=True)
    y_true = torch.tensor(rng.normal(size=(n, 2)))
    return y_pred, y_true, torch.arange(n) % 3, torch.tensor(rng.normal(size=(n, 5)))


def test_against_the_score():
    y_pred, y_true, groups, features = _batch()
    y_true[::7, 1] = torch.nan
    loss = PortfolioReturnLoss()
    scores, counts = loss.era_scores(y_pred, y_true, groups=groups, features=features)
    assert counts.all()
    for j in range(2):
        known = ~torch.isnan(y_true[:, j]).numpy()
        p, y, era, F = (
            x.detach().numpy()[known]
            for x in (y_pred[:, j], y_true[:, j], groups, features)
        )
        w = PortfolioOptimizer().solve(p, exposures=F, groups=era)
        expected = portfolio_return_score(w, y, groups=era, aggregate=None)
        np.testing.assert_allclose(scores.detach()[:, j], expected, atol=1e-10)
    value = loss(y_pred, y_true, groups=groups, features=features)
    assert value.item() == pytest.approx(-scores.mean().item())


@pytest.mark.parametrize("sharpe", [False, True])
def test_gradcheck(sharpe):
    y_pred, y_true, groups, features = _batch(48)
    y_true[::7, 1] = torch.nan
    loss = PortfolioReturnLoss(PortfolioOptimizer(tol=1e-13), columns=[0, 3])
    loss = SharpeLoss(loss) if sharpe else loss
    assert torch.autograd.gradcheck(
        lambda x: loss(x, y_true, groups=groups, features=features),
        (y_pred,),
        atol=1e-7,
    )


def test_constant_and_empty_eras_do_not_count():
    y_pred, y_true, groups, _ = _batch()
    loss = PortfolioReturnLoss()
    with torch.no_grad():
        y_pred[groups == 1] = 0.5
        y_true[groups == 2, 0] = torch.nan
    _, counts = loss.era_scores(y_pred, y_true, groups=groups)
    assert counts.tolist() == [[True, True], [False, False], [False, True]]
    dead = torch.zeros(6, requires_grad=True)
    value = loss(dead, torch.arange(6.0))
    value.backward()
    assert value == 0 and (dead.grad == 0).all()


def test_trains_a_network():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4)).astype(np.float32)
    groups = np.repeat(np.arange(1, 13), 50)
    y = X[:, 0] + 0.3 * rng.normal(size=600)
    model = MLPRegressor(
        loss=SharpeLoss(PortfolioReturnLoss(columns=[])),
        max_epochs=8,
        batch_size=4,
        batch_by="era",
        n_validation_eras=0,
        random_state=0,
    )
    pred = model.fit(X, y, groups=groups).predict(X)
    assert np.corrcoef(pred, X[:, 0])[0, 1] > 0.7
