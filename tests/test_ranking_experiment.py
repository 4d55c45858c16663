"""The paper's experiment: it runs, goes on after a crash, and forecasts its hours."""

import json
import runpy
from pathlib import Path

import optuna
import pandas as pd
import pytest

from sknumerai.datasets import write_numerai

SCRIPT = Path(__file__).parents[1] / "docs" / "gallery" / "ranking_experiment.py"


@pytest.fixture
def main():
    before = optuna.logging.get_verbosity()
    yield runpy.run_path(str(SCRIPT))["main"]
    optuna.logging.set_verbosity(before)


@pytest.mark.slow
def test_an_experiment_that_goes_on_gives_the_same_tables(main, tmp_path, capsys):
    args = ["--rows", "80", "--trials", "2", "--out"]
    whole = main([*args, str(tmp_path / "whole")])
    broken = tmp_path / "broken"
    main([*args, str(broken)])
    # as if it had been killed in the third fold of a trial, and nothing had been told
    table = broken / "wisdom" / "trials.json"
    table.write_text(json.dumps(json.loads(table.read_text())[:1]))
    for fold in sorted((broken / "wisdom" / "trial_01").glob("fold_*"))[2:]:
        fold.unlink()
    capsys.readouterr()
    again = main([*args, str(broken)])
    said = capsys.readouterr().out
    assert said.count("hours to go") == 1
    for what, rows in whole.items():
        pd.testing.assert_frame_equal(again[what], rows)
        assert list(rows) == ["CORR", "MMC", "BMC", "lpayout", "lpayout Sharpe"]
        assert rows.notna().all().all()
    untouched, everything = whole.values()
    assert untouched.index[-2:].tolist() == ["Ensemble", "LightGBM (benchmark)"]
    assert not untouched.equals(everything)
    # scores of validation eras are not taken for those of test eras
    with pytest.raises(SystemExit, match="another experiment: of --select-on valid"):
        main([*args, str(broken), "--select-on", "test"])
    # of trials that are there
    main([*args, str(broken), "--forecast"])
    assert "nan" not in capsys.readouterr().out
    # the choice ends with era 94, the embargo with era 98
    assert "nothing was chosen on (99 to 110, 12 of them)" in said


@pytest.mark.slow
def test_the_papers_folds_and_a_forecast_on_written_files(main, tmp_path, capsys):
    write_numerai(
        tmp_path,
        n_validation_eras=530,
        n_samples_per_era=20,
        n_features=60,
        targets=["target_cyrusd_20", "target_teager2b_20"],
        verbose=0,
        random_state=0,
    )
    args = ["--size", "full", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="no 'v53_lgbm_cyrusd20'"):
        main(args)
    main([*args, "--forecast", "--benchmark", "v53_lgbm_ender20"])
    said = capsys.readouterr().out
    assert "Forecast: about" in said and "for 10 models" in said
    # the first, second and last fold of the paper's section 6.3
    for eras in ("0728 0883 0888 0900 0905 0917", "0884 0896 0901 0913 0918 0930"):
        assert eras.split() == next(
            line.split()[1:] for line in said.splitlines() if eras.split()[0] in line
        )
    assert "1099" in said


def test_wrong_arguments(main, capsys):
    with pytest.raises(SystemExit):
        main(["--out", "x", "--size", "full"])
    assert "needs --data" in capsys.readouterr().err
