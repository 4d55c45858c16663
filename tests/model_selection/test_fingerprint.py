"""Fingerprints: equal for what is the same, and for nothing else."""

import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer
from sklearn.pipeline import make_pipeline

from sknumerai.metrics import bmc_score, make_era_scorer
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.model_selection._fingerprint import describe

LONG = pd.Series(np.linspace(0, 1, 2000), name="prediction")


class Objective:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, y, pred):
        return self.scale * (pred - y)


class Loss(torch.nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale


def objective(scale):
    return lambda y, pred: scale * (pred - y)


def itself():
    one = Objective(1)
    one.scale = [one, 2]
    return one


DIFFERENT = {
    "partial": lambda a: partial(bmc_score, benchmark=LONG * a),
    "scorer": lambda a: make_era_scorer(partial(bmc_score, benchmark=LONG * a)),
    "third input": lambda a: make_era_scorer(bmc_score, benchmark=LONG * a),
    "partial of a function": lambda a: partial(objective(a), pred=1),
    "scikit-learn's scorer": lambda a: make_scorer(objective(a)),
    "object": Objective,
    "bound method": lambda a: Objective(a).__call__,
    "loss": Loss,
    "weights": lambda a: torch.nn.PReLU(init=a / 10),
    "half weights": lambda a: torch.full((3,), a / 2, dtype=torch.bfloat16),
    "closure": objective,
    "estimator": lambda a: make_pipeline(Ridge(a)),
    "splitter": lambda a: GroupTimeSeriesSplit(a, embargo=4),
    "distribution": lambda a: FloatDistribution(0, a),
    "distribution of SciPy": lambda a: scipy.stats.uniform(0, a),
    "array inside": lambda a: {"x": [np.linspace(0, a, 5000)]},
    "number": float,
}


@pytest.mark.parametrize("make", DIFFERENT.values(), ids=DIFFERENT)
def test_what_is_the_same_and_what_is_not(make):
    assert describe(make(2)) == describe(make(2))
    assert describe(make(2)) != describe(make(3))


def test_what_a_distribution_was_used_for_makes_no_difference():
    drawn = scipy.stats.uniform(0, 2)
    before = describe(drawn)
    drawn.rvs(random_state=0)
    scipy.stats.uniform(0, 1).rvs()
    assert describe(drawn) == before


def test_numbers_of_any_type():
    assert describe(4) == describe(4.0) == describe(np.int8(4)) == "4"
    assert describe(True) != describe(1)
    assert describe(float("inf")) == "inf"


def test_an_object_that_holds_itself():
    assert describe(itself()) == describe(itself())


def test_classes_have_their_module():
    assert describe(Ridge) == "sklearn.linear_model._ridge.Ridge"


def test_another_process_says_the_same():
    code = (
        "from tests.model_selection.test_fingerprint import DIFFERENT, describe\n"
        "print(*[describe(make(2)) for make in DIFFERENT.values()], sep='\\n')"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1] != ""
    assert said[0].splitlines() == [describe(make(2)) for make in DIFFERENT.values()]
