"""A process that is interrupted or killed while it converts: what the next one finds."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import _features_map, load_numerai, write_numerai

SCRIPT = """
    import os, signal, sys
    from sknumerai.datasets import _memmap, load_numerai

    # what a shell runs in the background is told to ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)

    turn, calls = _memmap._turn, []

    def turn_or_die(block, columns):
        # half of what is converted is in the file
        turn(block, columns)
        calls.append(None)
        if len(calls) == 2:
            os.kill(os.getpid(), int(sys.argv[2]))

    _memmap._turn = turn_or_die
    load_numerai(sys.argv[1], feature_set=sys.argv[3], verbose=0)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = write_numerai(
        tmp_path_factory.mktemp("written"),
        n_train_eras=12,
        n_validation_eras=2,
        n_samples_per_era=60,
        n_features=40,
        random_state=0,
        verbose=0,
    )
    # in blocks, of which the second one never comes
    path = folder / "train.parquet"
    pd.read_parquet(path).to_parquet(path, row_group_size=200)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_conversion_that_ended_is_no_map(written, number, monkeypatch):
    """Nothing is half there, and what was whole before is not made again."""
    for map_ in written.rglob("features-*.npy"):
        map_.unlink()
    whole = load_numerai(written, feature_set="small", verbose=0)
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(written)]
    ended = subprocess.run(
        [*command, str(int(number)), "all"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -number, ended.stderr
    # an interrupt tidies up; after a kill the unfinished file has another name
    left = sorted(whole.map_path.parent.glob("*.tmp"))
    assert len(left) == (number == signal.SIGKILL)
    assert list(whole.map_path.parent.glob("features-*.npy")) == [whole.map_path]
    converted = []
    write = _features_map.write_features

    def counted(*args):
        converted.append(args)
        return write(*args)

    monkeypatch.setattr(_features_map, "write_features", counted)
    load_numerai(written, feature_set="small", verbose=0)
    assert not converted
    found = load_numerai(written, feature_set="all", verbose=0)
    assert len(converted) == 1
    small = found.data[whole.feature_names]
    np.testing.assert_array_equal(small.to_numpy(), whole.data.to_numpy())
    for path in left:
        path.unlink()
