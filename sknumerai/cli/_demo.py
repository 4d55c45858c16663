"""``sknumerai demo``: the whole way from data to submission on synthetic files."""

# SPDX-License-Identifier: BSD-3-Clause

import json
import sys
import time
from pathlib import Path

from sknumerai.cli._files import check_output, whole_file

HELP = "the whole way from data to submission, on synthetic data, in two minutes"
DESCRIPTION = (
    "Write a small synthetic tournament, cross-validate two networks beside a linear "
    "baseline, fit the better network, and write the file for Numerai's model upload "
    "(predict.pkl) and a submission (submission.csv). Needs no network."
)
FOLDER = "sknumerai_demo"
RECORD = "demo.json"
TARGET = "target_ender_60"
AUX_TARGETS = ["target_ender_20", "target_jasper_60", "target_teager2b_60"]
# One number each, so that files, oracle and texts agree. The signal is that of the
# real data times 16: a laptop learns it from some ten thousand rows.
N_TRAIN, N_VALIDATION, SIGNAL = 120, 40, 16.0
SETTINGS = {
    "n_samples_per_era": 250,
    "n_features": 20,
    "signal": SIGNAL,
    "missing": 0.0,
    "random_state": 0,
}
N_FOLDS, TEST_SIZE = 3, 16


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("--dir", default=".", help="folder to write into")
    parser.add_argument("--seed", type=int, default=0, help="random state of networks")


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    import torch  # noqa: F401  (its threads are limited once it is loaded)
    from threadpoolctl import threadpool_limits

    start = time.perf_counter()
    folder = Path(args.dir)
    folder.mkdir(parents=True, exist_ok=True)
    predict_file = check_output(folder / "predict.pkl")
    submission_file = check_output(folder / "submission.csv")
    data = folder / FOLDER
    _refuse_files_of_others(data / RECORD, [predict_file, submission_file])

    bunch, oracle = _open_tournament(data)
    # Threads have nothing to share in networks this small: two on a busy machine of
    # two cores take twenty times as long as one, waiting for each other.
    with threadpool_limits(1):
        name = _cross_validate(bunch, oracle, args.seed)
        model = _fit(name, bunch, data, oracle, args.seed)
    _export(model, data, predict_file, submission_file)
    _remember(data / RECORD, [predict_file, submission_file])
    print(
        "\nbest possible: knows the premia of each era too. The validation table has "
        "few\nindependent eras (60-day targets overlap), so it may differ much from the "
        "first.\n"
        f"Done in {time.perf_counter() - start:.0f} seconds. The data are synthetic "
        f"and their signal is {SIGNAL:.0f} times that of the real data:\nreal models "
        "score a mean CORR of 0.02 or so, and 0.10 would mean a leak.\n\nNext:\n"
        f"  sknumerai evaluate {predict_file} {data} --target {TARGET} "
        "--per-era\n"
        f"  sknumerai train {data} --target {TARGET} --model mlp ridge\n"
        "  sknumerai download                # the real files, about 9 GB"
    )


def _models(seed):
    from sknumerai.cli._ridge import BlockRidge
    from sknumerai.neural_network import MLPRegressor, SupervisedAutoencoderRegressor

    # small networks for small data; the defaults suit the real files
    return {
        "supervised autoencoder": SupervisedAutoencoderRegressor(
            (32, 32, 128, 64, 64, 32), batch_size=512, max_epochs=20, random_state=seed
        ),
        "multi-layer perceptron": MLPRegressor(
            (64, 32), dropout=0.2, batch_size=512, max_epochs=20, random_state=seed
        ),
        "ridge (linear)": BlockRidge(),
    }


def _open_tournament(data):
    """The training data, and the best predictions that there are, of all eras."""
    import pandas as pd

    from sknumerai.datasets import make_numerai

    made = make_numerai(N_TRAIN + N_VALIDATION, targets=TARGET, **SETTINGS)
    there = (data / "train.parquet").exists()
    _write(data)
    bunch = _load(data)
    n = len(bunch.data)
    if not made.data.iloc[:n].equals(bunch.data):
        # another version of sknumerai wrote them, from which no best score is known
        there = False
        _write(data, overwrite=True)
        bunch = _load(data)
    print(
        f"{'Found' if there else 'Wrote'} a synthetic tournament in {data}: "
        f"{N_TRAIN} training and {N_VALIDATION} validation eras."
    )
    best = {"knows long-run premia": made.stable_oracle, "best possible": made.oracle}
    return bunch, pd.DataFrame(best)


def _write(data, overwrite=False):
    from sknumerai.datasets import write_numerai

    write_numerai(
        data,
        n_train_eras=N_TRAIN,
        n_validation_eras=N_VALIDATION,
        targets=[TARGET, *AUX_TARGETS],
        overwrite=overwrite,
        verbose=int(sys.stderr.isatty()),
        **SETTINGS,
    )


def _load(data):
    from sknumerai.datasets import load_numerai

    return load_numerai(data, "train", targets=[TARGET, *AUX_TARGETS], verbose=0)


def _cross_validate(bunch, oracle, seed):
    """Print the table of the folds and return the better network."""
    from sknumerai.cli._fit import cross_val_predictions
    from sknumerai.model_selection import GroupTimeSeriesSplit, embargo_for

    y = bunch.target[TARGET]
    cv = GroupTimeSeriesSplit(N_FOLDS, test_size=TEST_SIZE)
    predictions, rows = cross_val_predictions(
        _models(seed),
        bunch.data,
        y,
        cv,
        aux=bunch.target[AUX_TARGETS],
        progress=sys.stderr.isatty(),
    )
    summary = _print_table(
        f"\nCross-validated CORR by era: {N_FOLDS} walk-forward folds of {TEST_SIZE} "
        f"eras, embargo {embargo_for(TARGET)} eras",
        y.iloc[rows],
        predictions,
        oracle,
    )
    return summary["mean"].iloc[:2].idxmax()


def _fit(name, bunch, data, oracle, seed):
    """Fit the better network on all training eras and score it on later ones."""
    import pandas as pd

    from sknumerai.cli._fit import fit_model, predict_in_chunks
    from sknumerai.datasets import load_numerai

    X, y = bunch.data, bunch.target[TARGET]
    models = _models(seed)
    model = models[name].set_params(verbose=int(sys.stderr.isatty()))
    fit_model(model, X, y, bunch.target[AUX_TARGETS])
    later = load_numerai(
        data, "validation", targets=TARGET, drop_unresolved=True, verbose=0
    )
    ridge = models["ridge (linear)"].fit(X, y)
    fitted = {name: model, "ridge (linear)": ridge}
    predictions = pd.DataFrame(
        {k: predict_in_chunks(m.predict, later.data) for k, m in fitted.items()},
        index=later.data.index,
    )
    _print_table(
        "\nValidation eras, which come after all training eras",
        later.target,
        predictions,
        oracle,
    )
    return model


def _print_table(title, y, predictions, oracle):
    from sknumerai.cli._table import format_table, score_models, summarize

    table = predictions.join(oracle)
    summary = summarize(score_models(y, table))
    summary["share"] = summary["mean"] / summary["mean"].iloc[-1]
    print(format_table(summary, title), flush=True)
    return summary


def _export(model, data, predict_file, submission_file):
    import pandas as pd

    from sknumerai.submission import export_model

    export_model(model, predict_file)
    predict = pd.read_pickle(predict_file)  # as Numerai's runner does
    submission = predict(pd.read_parquet(data / "live.parquet"))
    with whole_file(submission_file) as part:
        submission.to_csv(part)
    python = ".".join(map(str, sys.version_info[:2]))
    size = predict_file.stat().st_size / 1e3
    print(
        f"\nWrote {predict_file} ({size:,.0f} kB): runs at Numerai without sknumerai; "
        f"choose Python {python} when you upload it.\n"
        f"Wrote {submission_file}: {len(submission):,} rows id,prediction for the "
        "live era."
    )


def _refuse_files_of_others(record, files):
    """Raise rather than replace a predict.pkl that is not the demo's."""
    known = json.loads(record.read_text()) if record.is_file() else {}
    for file in files:
        if file.exists() and known.get(file.name) != _state(file):
            raise FileExistsError(
                f"{file} is there already and was not written by the demo. Move it, or "
                "choose another folder with --dir."
            )


def _remember(record, files):
    with whole_file(record) as part:
        part.write_text(json.dumps({file.name: _state(file) for file in files}))


def _state(file):
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns]
