"""Every estimator of the package predicts the same where sknumerai is absent."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sknumerai.neural_network import SupervisedAutoencoderRegressor
from sknumerai.submission import _fresh, export_model
from tests.discovery import all_estimators
from tests.submission.every import CHECK, write_every


@pytest.mark.slow
def test_every_estimator(tmp_path):
    names = write_every(tmp_path)
    assert len(names) == len(all_estimators()) + 1
    hide = f"""
import sys
sys.path.insert(0, {str(Path(_fresh.__file__).parent)!r})
import _runner
sys.meta_path.insert(0, _runner._Refuse({set(_fresh.ABSENT)!r}))
"""
    command = [sys.executable, "-P", "-c", hide + CHECK]
    done = subprocess.run(
        command, cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.stdout == f"{len(names)} alike\n", done.stderr


def test_file_of_a_network_is_little_more_than_its_weights(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"feature_{i}" for i in range(600)]
    X = pd.DataFrame(rng.integers(0, 5, (100, 600), np.int8), columns=names)
    X.index = pd.MultiIndex.from_product([["0001"], range(100)], names=["era", "id"])
    y = pd.Series(rng.choice([0, 0.25, 0.5, 0.75, 1], 100), index=X.index, name="y")
    model = SupervisedAutoencoderRegressor(max_epochs=1, random_state=0).fit(X, y)
    path = export_model(model, tmp_path / "predict.pkl", verify=False)
    state = model.module_.state_dict().values()
    n_bytes = sum(value.numel() * value.element_size() for value in state)
    assert n_bytes > 5e6
    # the code of the package, and the names of the features
    assert path.stat().st_size - n_bytes < 450_000
