"""scikit-learn's own checks, on every public estimator."""

import inspect

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests import common
from tests.discovery import all_estimators


@parametrize_with_checks(
    list(common.tested_estimators()),
    expected_failed_checks=common.expected_failed_checks,
)
def test_estimators(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Estimator", all_estimators())
def test_init_only_stores(Estimator):
    names = inspect.signature(Estimator).parameters
    sentinel = {name: object() for name in names}
    stored = Estimator(**sentinel).get_params(deep=False)
    assert all(stored[k] is v for k, v in sentinel.items())
