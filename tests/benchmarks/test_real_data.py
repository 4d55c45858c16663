"""The protocol on Numerai's files: whole, resumed, and blind to the last eras."""

import importlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from sknumerai.datasets import load_numerai, write_numerai
from sknumerai.metrics import numerai_corr_score

ROOT = Path(__file__).parents[2]
# Of every fourth era behind the purge after 1133 two are resolved: 1153 and 1157
FILES = {
    "n_train_eras": 1040,
    "n_validation_eras": 130,
    "n_samples_per_era": 20,
    "n_features": 10,
    "targets": ["target_ender_60"],
    "signal": 20.0,
    "oracle": True,
}


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    # threads of small networks wait for each other
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    names = [f"real_data{end}" for end in ("", "_fits", "_scores", "_tables")]
    names.append("skill_models")
    return SimpleNamespace(**{name: importlib.import_module(name) for name in names})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return write_numerai(folder, random_state=0, verbose=0, **FILES)


@pytest.fixture
def run(modules, files, tmp_path):
    def call(*args, out="out", data=files, models=("ridge", "mlp"), seeds=2):
        given = ["--data", str(data), "--out", str(tmp_path / out), "--size", "demo"]
        given += ["--feature-set", "all", "--seeds", str(seeds), *args]
        if models:
            given += ["--models", *models]
        return modules.real_data.main(given)

    return call


def _poisoned(files, folder, last=10_000):
    """The same files, but other features and targets from era 1134 to the last."""
    shutil.copytree(files, folder, ignore=shutil.ignore_patterns(".sknumerai_cache"))
    frame = pd.read_parquet(folder / "validation.parquet")
    late = frame["era"].astype(int).between(1134, last)
    assert 0 < late.sum() < len(frame)
    for name in frame.columns.drop(["era", "data_type"]):
        values = frame.loc[late, name].to_numpy()
        frame.loc[late, name] = values[::-1]
    frame.to_parquet(folder / "validation.parquet")
    return folder


def _interrupt_at(modules, monkeypatch, number):
    """Let the fit of this number raise what Ctrl-C does; gives the fits that began."""
    begun, whole = [], modules.real_data_fits.run_part

    def run_part(settings, name, seed, progress=False):
        begun.append((name, seed))
        if len(begun) == number:
            raise KeyboardInterrupt
        return whole(settings, name, seed, progress)

    monkeypatch.setattr(modules.real_data_fits, "run_part", run_part)
    return begun


def test_a_run_that_was_killed_goes_on(run, modules, tmp_path, monkeypatch):
    whole = run(out="whole")
    with monkeypatch.context() as patch:
        first = _interrupt_at(modules, patch, 2)
        with pytest.raises(SystemExit, match="the same call goes on"):
            run()
    # what a kill leaves
    (tmp_path / "out" / "parts" / ".mlp-7").mkdir()
    (tmp_path / "out" / ".levels-x").mkdir()
    begun = _interrupt_at(modules, monkeypatch, None)
    again = run()
    assert len(first) == 2 and len(begun) == 2 and first[0] not in begun
    assert not list((tmp_path / "out" / "parts").glob(".*"))
    assert again["scores"] == whole["scores"]
    assert run() == again and len(begun) == 2
    # another seed is added to what is there, and nothing that is there is left out
    more = run(seeds=3, models=("mlp",))["scores"]["development"]
    assert begun[2:] == [("mlp", 2)]
    assert more["mlp"]["seeds"] == 3
    assert more["ridge"]["corr"] == again["scores"]["development"]["ridge"]["corr"]


def test_the_figures_are_those_of_the_predictions(run, files, modules, tmp_path):
    readme = tmp_path / "page.md"
    readme.write_text("a\n<!-- results -->\nold\n<!-- end of results -->\nz\n")
    results = run("--readme", str(readme), models=("ridge", "lightgbm", "mlp"))
    scores = results["scores"]["development"]
    data = load_numerai(
        files,
        "validation",
        targets="target_ender_60",
        eras=slice(None, 1134),
        every=4,
        verbose=0,
    )
    # the purge: 1037 is the last training era of every fourth
    data = data.data[data.eras.astype(int) > 1037 + 16].index, data.target
    y = data[1].loc[data[0]]
    assert results["data"]["last_train_era"] == 1037
    ranks = []
    for seed in (0, 1):
        parts = tmp_path / "out" / "parts"
        mlp, *others = (
            pd.Series(np.load(parts / name / "development.npy"), index=y.index)
            for name in (f"mlp-{seed}", "ridge-0", "lightgbm-0")
        )
        corr = numerai_corr_score(y, mlp, aggregate=None)
        assert scores["mlp"]["corr_of_seeds"][seed] == pytest.approx(corr.mean())
        by_era = [p.groupby(level="era", sort=False).rank() for p in (mlp, *others)]
        ranks.append(numerai_corr_score(y, sum(by_era)))
    assert scores["blend"]["corr_of_seeds"] == pytest.approx(ranks)
    assert [corr.index[0], corr.index[-1]] == ["1057", "1133"]
    # nothing knows more than the generator, and the benchmark adds nothing to itself
    best = scores["stable oracle"]["corr"]
    assert all(0 < row["corr"] <= best + 0.05 for row in scores.values())
    assert abs(scores["benchmark"]["bmc"]) < 1e-6
    assert set(scores["mlp"]["less_lightgbm"]) >= {"difference", "p_adjusted"}
    # the page
    text = readme.read_text()
    assert text.startswith("a\n<!-- results -->\nSynthetic data")
    assert text.endswith("|\n<!-- end of results -->\nz\n") and "old" not in text
    assert "`MLPRegressor`" in text and "leak" not in text
    readme.write_text("no marks")
    with pytest.raises(SystemExit, match="there must be one line"):
        run("--readme", str(readme), models=("ridge", "lightgbm", "mlp"))
    assert (tmp_path / "out" / "results.md").read_text().count("| ridge |") == 2


def test_another_setting_is_refused(run, tmp_path):
    run(models=("ridge",))
    for args, told in ((["--every", "2"], "--every: there 4, now 2"),):
        with pytest.raises(SystemExit, match=told):
            run(*args, models=("ridge",))
    with pytest.raises(SystemExit, match="there is no nothing"):
        run(models=("nothing",))
    path = tmp_path / "out" / "parts" / "ridge-0" / "record.json"
    record = json.loads(path.read_text())
    record["settings"]["alpha"] = "7.0"
    path.write_text(json.dumps(record))
    with pytest.raises(SystemExit, match=r"alpha: 7\.0 and now 1\.0"):
        run(models=("ridge",))


def test_the_last_eras_are_used_once_and_by_final_alone(run, files, tmp_path):
    before = run(models=("ridge",))
    assert list(before["scores"]) == ["development"]
    assert not list((tmp_path / "out").rglob("*final*"))
    page = (tmp_path / "out" / "results.md").read_text()
    assert "Eras from 1150 on, after another purge of 16 eras, are untouched." in page
    # what is after era 1133 has no part in anything
    poisoned = _poisoned(files, tmp_path / "poisoned")
    assert run(models=("ridge",), data=poisoned)["scores"] == before["scores"]
    after = run("--final", models=("ridge",))
    assert after["scores"]["development"] == before["scores"]["development"]
    final = after["scores"]["final"]["ridge"]
    assert [final["first_era"], final["last_era"], final["eras"]] == [1153, 1157, 2]
    assert final["mmc_eras"] == 2 and final["payout"] is not None
    page = (tmp_path / "out" / "results.md").read_text()
    assert "They begin at 1150: the targets of the 16 eras after 1133" in page
    assert "2 eras from 1153 to 1157, after another purge of 16 eras, were" in page
    # shown again, not used again
    assert run("--final", models=("ridge",)) == run(models=("ridge",)) == after
    look = json.loads((tmp_path / "out" / "final.json").read_text())
    assert look["models"] == ["ridge-0"] and look["settings"]["--every"] == 4
    # the eras of the purge have no part in it either
    between = _poisoned(files, tmp_path / "between", last=1149)
    again = run("--final", models=("ridge",), data=between)
    assert again["scores"] == after["scores"]
    with pytest.raises(SystemExit, match="are not those that were used"):
        run("--final", models=("ridge",), data=poisoned)


def test_what_was_looked_at_once_is_not_changed(run, modules, tmp_path, monkeypatch):
    out = tmp_path / "out"
    models = ("ridge", "mlp")
    shown = run("--final", models=models)
    assert shown["scores"]["final"]["mlp"]["seeds"] == 2
    assert shown["scores"]["final"]["blend"]["seeds"] == 2
    begun = _interrupt_at(modules, monkeypatch, None)
    for args, change, told in (
        ([], {"seeds": 3}, r"ridge-0, mlp-0, mlp-1\. .* would add mlp-2, "),
        (["--final"], {"models": ("ridge", "lightgbm")}, "would add lightgbm-0, "),
        (
            ["--forecast"],
            {"models": ("tabm",), "seeds": 1},
            "would add tabm-0, .*--out",
        ),
    ):
        with pytest.raises(SystemExit, match=told):
            run(*args, **{"models": models, **change})
    assert not begun
    # fewer are all that were
    assert run("--final", models=("mlp",), seeds=1) == shown
    # a fit that was not blind, and one that is gone
    path = out / "parts" / "mlp-1" / "record.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "fitted": "2999-01-01T00:00:00+00:00"}))
    with pytest.raises(SystemExit, match="and mlp-1 fitted after that is not blind"):
        run(models=models)
    shutil.rmtree(path.parent)
    with pytest.raises(SystemExit, match="for mlp-1 too, of which the folder is gone"):
        run(models=models)
    # another --every after what tells the settings of the folder was removed
    (out / "identity.json").unlink()
    with pytest.raises(SystemExit, match=r"other settings\. --every: then 4, now 8"):
        run("--every", "8", models=models)
    assert not begun


def test_a_look_that_was_interrupted_is_finished(run, modules, monkeypatch, capsys):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(modules.real_data_scores, "blend_parts", stop)
        with pytest.raises(SystemExit, match="the same call goes on"):
            run("--final", seeds=1)
    # it was a look, and half of it is not shown
    capsys.readouterr()
    assert list(run(seeds=1)["scores"]) == ["development"]
    assert "was interrupted: run with --final to end it" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="would add mlp-1"):
        run("--final", seeds=2)
    final = run("--final", seeds=1)["scores"]["final"]
    assert set(final) == {"stable oracle", "benchmark", "ridge", "mlp", "blend"}


@pytest.mark.parametrize("horizon, first", [(20, 1142), (60, 1150)])
def test_the_final_eras_begin_behind_a_purge(modules, horizon, first):
    target = f"target_ender_{horizon}"
    settings = modules.real_data_fits.Settings(
        "out", "v5.3", "all", target, 4, "small", "b"
    )
    assert settings.first_final_era == first


@pytest.mark.parametrize(
    "args, told",
    [
        (["--data", "/nowhere"], "--data /nowhere"),
        (["--target", "target_nothing_20"], "target_nothing_20"),
        (["--target", "target"], "--target target"),
        (["--benchmark", "nobody"], "--benchmark nobody"),
        (["--every", "5000"], "--every 5000"),
        (["--readme", "/nowhere/README.md"], "--readme /nowhere"),
        (["--device", "nope"], "--device: device='nope', but .* Allowed .*'cpu'"),
        (["--device", "cuda:99"], "--device: device='cuda:99', but torch finds"),
    ],
)
def test_a_wrong_argument_ends_in_a_sentence_before_any_fit(
    run, modules, monkeypatch, args, told
):
    begun = _interrupt_at(modules, monkeypatch, 1)
    with pytest.raises(SystemExit, match=told):
        run(*args, models=("ridge",))
    assert not begun


def test_a_fit_that_fails_does_not_end_the_others(
    run, modules, monkeypatch, capsys, tmp_path
):
    whole = modules.real_data_fits.run_part

    def run_part(settings, name, seed, progress=False):
        if name == "mlp":
            raise MemoryError("too wide")
        return whole(settings, name, seed, progress)

    monkeypatch.setattr(modules.real_data_fits, "run_part", run_part)
    with pytest.raises(SystemExit, match=r"failed: mlp 0\. Run again for them\.$"):
        run(seeds=1)
    assert "too wide" in capsys.readouterr().err
    # the last eras wait for all of them
    with pytest.raises(SystemExit, match="the last eras were not opened"):
        run("--final", seeds=1)
    assert not list((tmp_path / "out").rglob("final.json"))
    assert "final" in run("--final", seeds=1, models=("ridge",))["scores"]


def test_a_forecast_fits_nothing_for_good(run, tmp_path, capsys):
    assert run("--forecast", models=("ridge",)) is None
    assert "Forecast: about" in capsys.readouterr().out
    assert not (tmp_path / "out" / "parts").exists()


def test_training_that_was_interrupted_is_not_kept(modules):
    check = modules.real_data_fits.check_complete
    eras = pd.MultiIndex.from_product([["0001"], range(8)], names=["era", "id"])
    X = pd.DataFrame({"a": np.arange(8, dtype=np.int8) % 5}, index=eras)
    y = pd.Series(np.arange(8) / 7, index=eras, name="target_ender_20")
    for name in ("mlp", "denoised mlp"):
        model = modules.skill_models.models("demo", levels=False)[name].make(0)
        check(model.fit(X, y))
    model.steps[0][1].n_iter_ -= 1
    with pytest.raises(KeyboardInterrupt):
        check(model)


@pytest.mark.slow
def test_every_model_is_in_the_table(run, modules, files):
    results = run("--jobs", "2", models=[], seeds=1)
    development = results["scores"]["development"]
    known = modules.skill_models.models()
    assert set(development) == {*known, "benchmark", "stable oracle", "blend"} - {
        "sae multi"
    }
    assert results["blend"] == modules.real_data_scores.BLEND
    assert all(row["corr"] > -0.1 for row in development.values())


def test_blocks_give_what_all_rows_give(modules, files, monkeypatch):
    fits = modules.real_data_fits
    data = load_numerai(files, targets="target_ender_60", every=16, verbose=0)
    X = data.data
    encoder = OneHotEncoder(sparse_output=False, categories=[range(5)] * X.shape[1])
    expected = encoder.fit_transform(X)
    monkeypatch.setattr(fits, "BLOCK_ROWS", 90)
    np.testing.assert_array_equal(fits.as_levels(X), expected)
    # whole eras, and all rows
    rows = [X.iloc[block] for block in fits.blocks(X)]
    assert [len(block) for block in rows[:2]] == [100, 100]
    pd.testing.assert_frame_equal(pd.concat(rows), X)
    # trees on blocks are LightGBM's
    seed, trees = 3, modules.skill_models.TREES["demo"]
    model = fits.BlockTrees(seed, 1, **trees).fit(X, data.target)
    fit = modules.skill_models.models("demo")["lightgbm"]
    other = fit.make(seed).fit(X.astype(np.float64), data.target)
    np.testing.assert_allclose(
        fits.predict(model, X, False),
        other.predict(X.astype(np.float64)),
        atol=1e-6,
    )


def test_a_leak_is_told(modules):
    tables = modules.real_data_tables
    eras = range(1, 81, 4)
    rng = np.random.default_rng(0)
    parts = {
        name: [{"corr": {str(e): mean + rng.normal(0, 0.01) for e in eras}}]
        for name, mean in (("benchmark", 0.02), ("lightgbm", 0.02), ("mlp", 0.1))
    }
    for part in parts.values():
        part[0]["exposure"] = part[0]["corr"]
    results = {
        "scores": {"development": tables.summarize(parts, 60)},
        "data": {
            "synthetic": None,
            "n_features": 3,
            "n_train": 9,
            "last_train_era": 1,
            "first_final_era": 1150,
        },
        "settings": {"feature_set": "all", "target": "target_ender_60", "every": 4}
        | {"size": "demo", "benchmark": "b"},
        "date": "today",
        "policy": "ender60",
        "blend": [],
        "failed": [],
        "minutes": {},
    }
    assert "a leak? mlp." in tables.markdown(results)


def test_the_benchmark_of_skill_has_its_models(modules):
    skill = importlib.import_module("bench_skill")
    known = skill.models()
    assert {*skill.ABLATIONS} & {*known} == {"sae", "conv selu", "ranker", "mlp"}
    assert all(name in known for blend in skill.BLENDS.values() for name in blend)
    assert known["lightgbm"].make(0).n_estimators == 2000
    wide = modules.skill_models.models("full", levels=False)
    assert not wide["sae"].levels and wide["sae"].make(0).feature_range == "auto"
