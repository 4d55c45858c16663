"""Each thing that Numerai refuses is found before the upload."""

import json
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.exceptions import SubmissionError
from sknumerai.submission import (
    PreflightReport,
    _image_runner,
    _images,
    export_model,
    preflight,
)
from sknumerai.submission._preflight_answer import check_end, take_predictions
from sknumerai.submission._preflight_checks import check_arguments, check_predictions
from tests.submission.frames import FEATURES, make_live
from tests.submission.pickles import GOOD, write_callable

MINOR = ".".join(map(str, sys.version_info[:2]))
LIVE = make_live(30)


def run(path, live=LIVE, **given):
    """In this environment: no package index is asked."""
    given = {"environment": sys.executable, "raise_error": False, **given}
    return preflight(path, live, **given)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


def problem(report):
    assert not report.ok
    assert len(report.problems) == 1, report.problems
    return report.problems[0]


def test_good_file(data, tmp_path):
    path = export_model(Ridge().fit(*data), tmp_path / "predict.pkl", verify=False)
    live = tmp_path / "live.parquet"
    LIVE.to_parquet(live)
    report = run(path, live, n_arguments=2, torch="9.9.9", raise_error=True)
    assert report.ok
    expected = pd.read_pickle(path)(LIVE)["prediction"]
    pd.testing.assert_series_equal(report.predictions, expected, check_dtype=False)
    assert report.size == path.stat().st_size
    assert report.environment == sys.executable
    assert (report.n_arguments, report.n_rows, report.image) == (2, 30, MINOR)
    assert 0 < report.load_seconds < report.total_seconds
    assert 0 < report.predict_seconds < report.total_seconds
    assert 5e7 < report.peak_memory < 2e9
    assert report.packages.loc["numpy", "used"] == np.__version__
    assert "torch" not in report.packages.index  # a ridge needs none
    table = report.to_frame()
    assert table.loc["ok", "fact"] is True
    assert table.loc["n_rows", "fact"] == 30
    assert repr(report).startswith(f"PreflightReport of {path}: may be uploaded\n")
    assert "peak memory" in repr(report)


@pytest.mark.slow
def test_one_argument_synthetic_rows_and_other_versions(data, tmp_path, monkeypatch):
    pins = {**_images.image_pins()[1], "numpy": "1.0"}
    monkeypatch.setattr(_images, "TABLE", tmp_path / "images.json")
    (tmp_path / "images.json").write_text(json.dumps({"images": {MINOR: pins}}))
    path = tmp_path / "predict.pkl"
    model = Ridge().fit(*data)
    neutralize = {"features": ["feature_other"], "proportion": 0.5}
    export_model(model, path, n_arguments=1, neutralize=neutralize, verify=False)
    report = run(path, None)
    assert report.ok
    assert (report.n_arguments, report.n_rows) == (1, 7500)
    assert any(f"numpy {np.__version__} for 1.0" in text for text in report.remarks)


def test_all_problems_are_told_at_once(tmp_path):
    body = """
out = pd.DataFrame({"score": rank, "more": 1.0}, index=live.index)
out.iloc[0, 0] = np.nan
out.iloc[1, 0] = 1.5
return out.rename_axis("ticker").rename({live.index[2]: "stranger"})
"""
    path = write_callable(tmp_path / "predict.pkl", body)
    with pytest.raises(SubmissionError, match="would fail at Numerai") as caught:
        run(path, raise_error=True, n_arguments=1)
    report = caught.value.report
    assert isinstance(report, PreflightReport)
    assert len(report.problems) == 7
    for said in ["1 predictions are NaN", "1 predictions of the first", "'score'"]:
        assert said in str(caught.value)
    for said in ["'ticker'", "1 of 30 live ids", "1 ids are not live", "1 was asked"]:
        assert said in str(caught.value)


@pytest.mark.parametrize(
    "body, match",
    [
        ("return rank", r"returns a pandas\..*Series; it must be"),
        ("import no_such_package", "no_such_package.*by_value"),
        ("os._exit(0)", "ended at the predict with code 0 and without a whole answer"),
        ("os.kill(os.getpid(), 11)", "crashed at the predict .SIGSEGV"),
        slow("import sknumerai", "No module named 'sknumerai'"),
        slow("import jax_is_not_it, jax", "Numerai has no jax_is_not_it"),
        slow("sys.exit(0)", "fails at the predict: SystemExit: 0"),
        slow(
            "import socket; socket.create_connection(('127.0.0.1', 9))",
            "no internet where Numerai runs",
        ),
    ],
)
def test_failures_in_the_process(body, match, tmp_path):
    path = write_callable(tmp_path / "predict.pkl", body)
    found = problem(run(path))
    assert pd.Series([found]).str.contains(match).all(), found


def test_a_faked_answer_is_no_success(tmp_path):
    """A process that ends with code 0 and leaves what looks like an answer."""
    fake = {"token": "", "stage": "done", "failed": None, "python": MINOR + ".0"}
    body = f"""
import json
open("../answer.json", "w").write(json.dumps({fake!r}))
open("../stage.txt", "w").write("done")
{GOOD.replace("return ", "made = ")}
os._exit(0)
"""
    path = write_callable(tmp_path / "predict.pkl", body)
    assert "without a whole answer" in problem(run(path))
    # right to the end, and then not
    body = "import atexit\natexit.register(os._exit, 7)\n" + GOOD
    path = write_callable(tmp_path / "predict.pkl", body)
    report = run(path)
    assert "code 7" in problem(report)
    assert report.predictions is None


def test_memory_of_what_the_file_starts_is_counted(tmp_path):
    body = """
import subprocess, sys
code = "a = bytearray(900_000_000); import time; time.sleep(60)"
done = subprocess.run([sys.executable, "-c", code])
"""
    path = write_callable(tmp_path / "predict.pkl", body)
    said = problem(run(path, memory_limit=6e8))
    assert "GB of memory at the predict, more than 0.60 GB" in said


def test_time(tmp_path):
    path = write_callable(tmp_path / "predict.pkl", "while True: pass")
    report = run(path, time_limit=2)
    assert "more than 2 seconds and was ended" in problem(report)
    assert report.predictions is None


@pytest.mark.slow
def test_one_processor_an_empty_folder_and_no_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMERAI_SECRET_KEY", "secret")
    body = f"""
assert os.listdir(".") in ([], ["output.txt"])
assert "NUMERAI_SECRET_KEY" not in os.environ
assert os.environ["OMP_NUM_THREADS"] == "1"
assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
if hasattr(os, "sched_getaffinity"):
    assert len(os.sched_getaffinity(0)) == 1
assert set(benchmark.index) == set(live.index)
assert list(benchmark.index) != list(live.index)
{GOOD}
"""
    assert run(write_callable(tmp_path / "predict.pkl", body)).problems == []


def test_file_of_another_python(data, tmp_path):
    path = export_model(Ridge().fit(*data), tmp_path / "predict.pkl", verify=False)
    minor = f"3.{sys.version_info.minor + 1}"
    old, new = (b"\x8c%c%s" % (len(m), m.encode()) for m in (MINOR, minor))
    assert path.read_bytes().count(old) == 1
    path.write_bytes(path.read_bytes().replace(old, new))
    report = run(path)
    assert f"made by Python {minor} and cannot run on Python {MINOR}" in problem(report)
    assert report.total_seconds is None  # it is not even tried


def test_images():
    images = json.loads(_images.TABLE.read_text())["images"]
    assert list(images) == ["3.10", "3.11", "3.12", "3.13"]
    assert len({tuple(pins) for pins in images.values()}) == 1
    assert images["3.12"]["lightgbm"] == "4.5.0"
    assert _images.image_pins(f"Python {MINOR}") == (MINOR, images[MINOR])
    assert _images.image_pins(torch="2.9.0+cpu")[1]["torch"] == "2.9.0+cpu"
    other = next(name for name in images if name != MINOR)
    with pytest.raises(ValueError, match=rf"{other} cannot be tried by .*bytecode"):
        _images.image_pins(other)
    with pytest.raises(ValueError, match=r"Numerai has images for .*, none for 2\.7"):
        _images.image_pins("2.7")
    with pytest.raises(ValueError, match="'torch' parameter of preflight"):
        _images.image_pins(torch="newest")


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1] * 9)[:-4]])
def test_no_whole_pickle(content, tmp_path):
    path = tmp_path / "predict.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no whole pickle"):
        run(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        run(tmp_path / "none.pkl")


@pytest.mark.parametrize(
    "given, match",
    [
        ({"memory_limit": 0}, "'memory_limit' parameter"),
        ({"time_limit": "1"}, "'time_limit' parameter"),
        ({"n_arguments": 3}, "'n_arguments' parameter"),
        ({"live": LIVE.reset_index(drop=True)}, "live must have the ids"),
        ({"live": LIVE.iloc[[0, 0]]}, "each id once"),
        ({"environment": "/no/such/place"}, "has no Python at"),
    ],
)
def test_bad_arguments(given, match, tmp_path):
    path = write_callable(tmp_path / "predict.pkl")
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        run(path, **given)


def look(predictions, folder):
    """What is said of predictions, by the code that the process runs."""
    answer = {}
    _image_runner._look(folder, predictions, answer, np, pd)
    answer = json.loads(json.dumps(answer))
    return check_predictions(take_predictions(folder, answer), answer, LIVE.index)


class Frame(pd.DataFrame):
    pass


GOOD_FRAME = pd.DataFrame({"prediction": np.linspace(0, 1, 30)}, index=LIVE.index)


@pytest.mark.parametrize(
    "predictions, match",
    [
        (None, "returns a builtins.NoneType"),
        (GOOD_FRAME["prediction"].to_numpy(), "returns a numpy.ndarray"),
        (Frame(GOOD_FRAME), "no subclass"),
        (GOOD_FRAME.iloc[:0], r"empty: a DataFrame of shape \(0, 1\)"),
        (GOOD_FRAME[[]], r"empty: a DataFrame of shape \(30, 0\)"),
        (GOOD_FRAME.where(GOOD_FRAME > 0), "1 predictions are NaN"),
        (GOOD_FRAME - 0.1, "3 predictions of the first column are outside"),
        (GOOD_FRAME * np.inf, "predictions"),
        (GOOD_FRAME * 0 + 0.5, "All predictions are the same"),
        (GOOD_FRAME.astype(str) + "x", "first column holds no real numbers"),
        (GOOD_FRAME.rename(columns=str.upper), "columns are .'PREDICTION'"),
        (GOOD_FRAME.rename_axis(None), r"name \[None\]"),
        (GOOD_FRAME.iloc[1:], "1 of 30 live ids have no prediction"),
        (pd.concat([GOOD_FRAME, GOOD_FRAME.iloc[:2]]), "2 ids are predicted more"),
        (pd.concat([GOOD_FRAME, GOOD_FRAME.rename("x{}".format)]), "30 ids are not"),
    ],
)
def test_what_is_refused(predictions, match, tmp_path):
    problems = look(predictions, tmp_path)
    assert pd.Series(problems).str.contains(match).any(), problems
    assert look(GOOD_FRAME, tmp_path) == []
    assert look(GOOD_FRAME.iloc[::-1], tmp_path) == []


@pytest.mark.parametrize("kind", [str, object, "category", complex])
def test_strings_categories_and_complex_are_refused(kind, tmp_path):
    """They look like numbers; the runner's comparison with 0 and 1 fails."""
    frame = GOOD_FRAME.astype(str) if kind is object else GOOD_FRAME
    problems = look(frame.astype(kind), tmp_path)
    assert len(problems) == 1
    assert "no real numbers" in problems[0]
    # these it compares
    assert look(GOOD_FRAME.astype("Float64"), tmp_path) == []
    assert look(GOOD_FRAME.astype(object), tmp_path) == []


def test_nearly_constant_predictions_are_refused(tmp_path):
    """The validators of the server ask for a standard deviation not close to 0."""
    frame = 0.5 + 1e-9 * GOOD_FRAME
    problems = look(frame, tmp_path)
    assert len(problems) == 1
    assert "nearly so" in problems[0]
    assert look(0.5 + 1e-5 * GOOD_FRAME, tmp_path) == []


def test_called_once_an_era(tmp_path):
    """A file that cannot take two eras at once, as the runner never gives it."""
    body = f"""
assert live["era"].nunique() == 1, "two eras at once"
assert set(benchmark.index) == set(live.index), "other rows of the benchmark"
{GOOD}
"""
    path = write_callable(tmp_path / "predict.pkl", body)
    two = LIVE.assign(era=["Y", "X"] * 15)
    report = run(path, two)
    assert report.problems == []
    assert report.predictions.groupby(two["era"]).nunique().tolist() == [15, 15]
    calls = []

    def bad(live):
        calls.append(live["era"].unique().tolist())

    assert _image_runner._call(bad, two, two, 1, pd) is None
    assert calls == [["X"]]


def test_a_package_that_the_environment_lost_is_told(tmp_path):
    """It was said that Numerai has no numpy."""
    report = PreflightReport(tmp_path, 1, MINOR)
    failed = {"type": "ModuleNotFoundError", "message": "No module named 'sklearn'"}
    answer = {
        "stage": "load",
        "failed": {**failed, "module": "sklearn.linear_model"},
        "versions": {"numpy": "2.1.3", "scikit-learn": None},
    }
    assert not check_end(report, answer, 3, None, tmp_path, 4e9, 600)
    assert "The environment has no sklearn, and Numerai's image has" in problem(report)


@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_packets_without_connection_are_refused_too(event):
    with pytest.raises(OSError, match="no internet where Numerai runs"):
        _image_runner._offline(event, (None, ("127.0.0.1", 9)))
    assert _image_runner._offline(event, (None, "/tmp/of/this/machine")) is None


@pytest.mark.parametrize(
    "given, wanted, n",
    [(1, None, 0), (2, 2, 0), (2, 1, 1), (0, None, 1), (3, None, 1)],
)
def test_numbers_of_arguments(given, wanted, n):
    assert len(check_arguments(given, wanted)) == n


@pytest.mark.slow
def test_features_of_a_foreign_file_are_asked_for(tmp_path):
    path = write_callable(tmp_path / "predict.pkl")
    assert "Pass live=" in problem(run(path, None))
    live = LIVE.set_index("era", append=True)[FEATURES]
    assert run(path, live).ok
    assert run(path, LIVE.reset_index()).ok
