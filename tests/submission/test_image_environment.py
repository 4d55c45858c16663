"""Environments pinned like Numerai's images: whole or not at all, made once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sknumerai.exceptions import SubmissionError
from sknumerai.submission import _image_environment as module
from sknumerai.submission import _images, preflight
from sknumerai.submission._image_environment import image_environment
from tests.submission.every import CHECK, write_every
from tests.submission.frames import make_live
from tests.submission.pickles import write_callable

# Built for the processor only, a few hundred MB. Without "+cpu" pip may fetch several GB
# for graphics cards. Elsewhere it is found by
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
TORCH = "2.13.0+cpu"
PINS = {"numpy": "1.0"}


@pytest.fixture
def made(monkeypatch):
    """Commands, which make an empty environment or fail."""
    commands = []

    def make(command, what):
        if "fail" in commands and "pip" in command:
            raise SubmissionError(f"preflight could not {what}")
        commands.append(command)
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir(parents=True)
            (Path(command[-1]) / "bin" / "python").touch()

    monkeypatch.setattr(module, "_run", make)
    return commands


def test_made_once(made, tmp_path):
    python = image_environment("3.11", PINS, data_home=tmp_path)
    assert python.exists()
    assert len(made) == 2
    # modules that lie where the user works are not looked at
    assert all("-I" in command for command in made)
    assert made[1][-1] == "numpy==1.0"
    assert image_environment("3.11", PINS, data_home=tmp_path) == python
    assert len(made) == 2
    other = image_environment("3.11", {"numpy": "1.1"}, data_home=tmp_path)
    assert other != python
    assert len(os.listdir(tmp_path / "environments")) == 2


def test_nothing_is_left_of_one_that_fails(made, tmp_path):
    made.append("fail")
    with pytest.raises(SubmissionError, match=r"could not install numpy==1\.0"):
        image_environment("3.11", PINS, data_home=tmp_path)
    assert os.listdir(tmp_path / "environments") == []


@pytest.mark.parametrize("part", ["environment.json", "bin/python"])
def test_a_ruin_is_made_anew(part, made, tmp_path):
    python = image_environment("3.11", PINS, data_home=tmp_path)
    (python.parents[1] / part).unlink()
    assert image_environment("3.11", PINS, data_home=tmp_path) == python
    assert len(made) == 4
    assert (python.parents[1] / part).exists()


def test_another_process_was_faster(made, tmp_path, monkeypatch):
    python = image_environment("3.11", PINS, data_home=tmp_path)
    whole = module._is_whole
    answers = iter([False])
    monkeypatch.setattr(
        module, "_is_whole", lambda folder: next(answers, True) and whole(folder)
    )
    assert image_environment("3.11", PINS, data_home=tmp_path) == python
    assert len(os.listdir(tmp_path / "environments")) == 1


def test_an_environment_that_lost_its_packages_is_made_anew(made, tmp_path):
    """The marker was there, and the file was told that Numerai has no numpy."""
    folder = tmp_path / "lib" / "python3.11" / "site-packages" / "numpy"
    folder.mkdir(parents=True)
    assert module._installed(tmp_path) == ["numpy"]
    python = image_environment("3.11", PINS, data_home=tmp_path)
    marker = python.parents[1] / "environment.json"
    marker.write_text(marker.read_text().replace("[]", '["numpy"]'))
    assert image_environment("3.11", PINS, data_home=tmp_path) == python
    assert len(made) == 4


def test_halves_of_killed_processes_are_thrown_away(made, tmp_path):
    home = tmp_path / "environments"
    old, young = (home / f".python3.11-{i}.part-1-0" for i in range(2))
    for folder in (old, young):
        (folder / "lib").mkdir(parents=True)
    os.utime(old, (1e9, 1e9))
    image_environment("3.11", PINS, data_home=tmp_path)
    assert not old.exists()
    assert young.exists()


@pytest.mark.slow
def test_without_an_index(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    path = write_callable(tmp_path / "predict.pkl")
    with pytest.raises(SubmissionError, match=r"(?s)could not install .*environment="):
        preflight(path, make_live(), data_home=tmp_path / "home")
    assert os.listdir(tmp_path / "home" / "environments") == []


@pytest.mark.slow
def test_every_estimator_in_the_image(tmp_path):
    """Made here by the newest versions, run by those that Numerai has."""
    home = os.environ.get("SKNUMERAI_TEST_ENVIRONMENTS", tmp_path / "home")
    names = write_every(tmp_path)
    image, pins = _images.image_pins(torch=TORCH)
    packages, _, _ = _images.needed_packages(tmp_path / "PipelineOfVote.pkl", pins)
    report = preflight(
        tmp_path / "PipelineOfVote.pkl", torch=TORCH, data_home=home, raise_error=False
    )
    assert report.problems == []
    usual = _images.image_pins()[1]["torch"]
    said = f"torch {TORCH} was asked for; the image has {usual}."
    assert report.remarks == [said]
    used = report.packages["used"].drop("torch")
    assert (used == report.packages["image"].drop("torch")).all()
    wanted = {name: pins[name] for name in packages}
    python = image_environment(image, wanted, data_home=home)
    assert str(python) == report.environment != sys.executable
    command = [python, "-I", "-c", CHECK]
    done = subprocess.run(
        command, cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.stdout == f"{len(names)} alike\n", done.stderr
