"""Training data."""

import pytest

from tests.submission.frames import make_frame


@pytest.fixture(scope="session")
def data():
    return make_frame()
