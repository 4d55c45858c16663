"""What holds for every network: weights, interruption, noise, routing, presets."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.pipeline import make_pipeline

from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    ConvSELUClassifier,
    DenoisingAutoencoder,
    MLPRegressor,
    NeuralNetRegressor,
    NeutralizedMLPRegressor,
    SupervisedAutoencoderRegressor,
)
from tests.discovery import all_estimators
from tests.neural_network import tiny
from tests.neural_network.tiny import X, target_for

every_network = pytest.mark.parametrize(
    "Network", tiny.SIZES, ids=lambda Network: Network.__name__
)


def test_no_network_is_forgotten():
    public = {
        Estimator
        for Estimator in all_estimators()
        if Estimator.__module__.startswith("sknumerai.neural_network")
    }
    assert set(tiny.SIZES) == public


@every_network
def test_routing_asks_for_what_fit_takes(Network):
    with sklearn.config_context(enable_metadata_routing=True):
        requests = tiny.tiny(Network).get_metadata_routing().fit.requests
    accepted = inspect.signature(Network.fit).parameters
    asked = {name for name, wanted in requests.items() if wanted is True}
    assert asked <= set(accepted)
    assert "groups" in asked
    assert ("benchmark" in asked) == ("benchmark" in accepted)


def test_routing_of_a_benchmark_passes_by_a_classifier():
    eras = np.asarray(X.index.get_level_values("era"))
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(
            tiny.tiny(DenoisingAutoencoder), tiny.tiny(ConvSELUClassifier)
        )
        model.fit(X.to_numpy(), np.asarray(tiny.Y > 0.5), groups=eras)
        with pytest.raises(TypeError, match="benchmark"):
            model.fit(X, tiny.Y > 0.5, groups=eras, benchmark=tiny.META)


@every_network
def test_presets_say_which_there_are(Network):
    if not hasattr(Network, "from_preset"):
        assert Network in (MLPRegressor, NeuralNetRegressor)
        return
    with pytest.raises(ValueError, match=r"name must be one of \['.*'\]. Got 'none'"):
        Network.from_preset("none")


@pytest.mark.parametrize(
    "Network",
    [SupervisedAutoencoderRegressor, ConvAutoencoderRegressor, DenoisingAutoencoder],
)
def test_codes_keep_the_eras(Network):
    model = tiny.tiny(Network).fit(X, target_for(Network))
    code = model.transform(X)
    assert code.index.equals(X.index) and code.index.names == ["era", "id"]
    names = list(model.get_feature_names_out())
    assert list(code.columns) == names
    assert names[0] == f"{Network.__name__.lower()}0"
    assert (code.dtypes == np.float32).all()
    eras = X.index.get_level_values("era")
    array = tiny.tiny(Network)
    array.fit(X.to_numpy(), np.asarray(target_for(Network)), groups=eras)
    np.testing.assert_array_equal(array.transform(X.to_numpy()), code)
    as_frame = array.set_output(transform="pandas").transform(X.to_numpy())
    assert isinstance(as_frame, pd.DataFrame) and list(as_frame.columns) == names
    plain = model.set_output(transform="pandas").transform(X)
    pd.testing.assert_frame_equal(plain, code)


@pytest.mark.parametrize("Network", [ContextAwareRanker, NeutralizedMLPRegressor])
def test_an_era_that_is_too_long_to_be_one(Network, monkeypatch):
    from sknumerai.neural_network import _inference

    monkeypatch.setattr(_inference, "MAX_ROWS_OF_ONE_ERA", 39)
    with pytest.warns(UserWarning, match="era 0001 has 40 rows; no era of Numerai"):
        model = tiny.tiny(Network).fit(X, tiny.Y)
    with pytest.warns(UserWarning, match=r"r compares .* era 0001 has 40 rows"):
        model.predict(X)
    monkeypatch.setattr(_inference, "MAX_ROWS_OF_ONE_ERA", 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, tiny.Y).predict(X)
