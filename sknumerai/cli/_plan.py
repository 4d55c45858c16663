"""``sknumerai plan``: what fits in memory, and about how many hours."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import math
import sys
from difflib import get_close_matches
from pathlib import Path

from sknumerai.cli._data import add_data_arguments, load
from sknumerai.cli._models import MODELS, make_model, parse_settings, set_parameters
from sknumerai.cli._numbers import count, positive, whole

HELP = "what of a job fits in memory, and about how many hours it takes"
DESCRIPTION = (
    "Forecast a job: its memory by formulas, its hours by some seconds of real training "
    "steps on this machine, scaled by rows, epochs, folds, trials and models. The size "
    "of the data is that of a data set, or given by --rows and --features."
)
GB = 1e9
_UNITS = {"years": 365.25 * 86400, "days": 86400, "h": 3600, "min": 60}
_FITS = {True: "fits", False: "DOES NOT FIT", None: "whether it fits is not known"}


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument(
        "data",
        nargs="?",
        help="a data set such as v5.3, a folder with train.parquet, or one parquet or "
        "csv file, to take the size from",
        default=None,
    )
    size = parser.add_argument_group("size, where no data are named")
    for name, text in [
        ("--rows", "rows"),
        ("--features", "features"),
        ("--n-eras", "eras (default: one for 5,000 rows)"),
    ]:
        size.add_argument(name, type=whole, help=text, default=argparse.SUPPRESS)
    parser.add_argument(
        "--feature-set",
        metavar="NAME",
        help="a set of the data's features.json (default: all features)",
        default=argparse.SUPPRESS,
    )
    job = parser.add_argument_group("job")
    job.add_argument(
        "--model",
        default="sae",
        help=f"one of {', '.join(MODELS)}, a network of sknumerai.neural_network such as "
        "ContextAwareRanker, or a pickled estimator",
    )
    job.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PARAM=VALUE",
        help="a parameter of the model; may be repeated",
    )
    job.add_argument(
        "--epochs",
        type=whole,
        help="epochs of a fit (default: those of the model)",
        default=argparse.SUPPRESS,
    )
    job.add_argument(
        "--targets", type=whole, default=1, help="targets that are learned together"
    )
    job.add_argument(
        "--folds", type=count, default=0, help="walk-forward folds, 0 for none"
    )
    job.add_argument(
        "--embargo", type=count, default=16, help="eras between training and test"
    )
    job.add_argument("--trials", type=whole, default=1, help="trials of a search")
    job.add_argument(
        "--models", type=whole, default=1, help="how many models like this one"
    )
    job.add_argument("--jobs", type=whole, default=1, help="fits at a time")
    job.add_argument(
        "--no-refit", action="store_true", help="no fit to all rows in the end"
    )
    machine = parser.add_argument_group("machine")
    machine.add_argument(
        "--ram",
        type=positive,
        help="GB (default: of this one)",
        default=argparse.SUPPRESS,
    )
    machine.add_argument(
        "--vram",
        type=positive,
        help="GB (default: of this one)",
        default=argparse.SUPPRESS,
    )
    machine.add_argument(
        "--speed",
        type=positive,
        default=1.0,
        help="how many times faster than this one it is",
    )
    parser.add_argument(
        "--calibrate",
        type=positive,
        default=5.0,
        metavar="SECONDS",
        help="about how long to measure",
    )
    parser.add_argument(
        "--json", action="store_true", help="print all figures as JSON instead"
    )
    add_data_arguments(parser, split="train")


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    from sknumerai.inspection import plan_job

    if args.targets > 1 and args.model == "lightgbm":
        raise ValueError("--model lightgbm learns one target: count them in --models.")
    size = _size(args)
    model = _model(args)
    plan = plan_job(
        model,
        **size,
        n_targets=args.targets,
        cv=args.folds or None,
        embargo=args.embargo,
        n_trials=args.trials,
        n_models=args.models,
        refit=not args.no_refit or not args.folds,
        n_jobs=args.jobs,
        ram=_bytes(args, "ram"),
        vram=_bytes(args, "vram"),
        speed=args.speed,
        seconds=args.calibrate,
        verbose=int(sys.stderr.isatty()),
    )
    name = type(model).__name__
    if args.json:
        print(json.dumps({"model": name, **size, **_plain(plan)}, indent=1))
    else:
        print(format_plan(plan, name, size, args))


def format_plan(plan, name, size, args):
    """Write a plan as text.

    Parameters
    ----------
    plan : sklearn.utils.Bunch
        From :func:`sknumerai.inspection.plan_job`.

    name : str
        Name of the model.

    size : dict
        Rows, features and eras.

    args : argparse.Namespace
        Folds, trials and models.

    Returns
    -------
    text : str
        The lines, without a newline at the end.
    """
    card = f", {_gb(plan.vram)} on {plan.device}" if plan.vram else ""
    lines = [
        f"{name}: {size['n_rows']:,} rows x {size['n_features']:,} features, "
        + f"{plan.n_eras:,} eras, {args.targets} target(s)",
        f"{plan.n_fits:,} fit(s) ({args.folds} folds x {args.trials} trials x "
        + f"{args.models} models, and the last ones), of {plan.n_epochs} epoch(s) at most",
        f"this machine: {plan.cores} cores; memory: {_gb(plan.ram)}{card}",
        "",
    ]
    if plan.not_measured:
        lines.append(f"  NOT MEASURED: {plan.not_measured}")
    else:
        lines += _hours(plan)
    lines.append("")
    sizes = plan.memory.bytes.map(_gb)
    width, digits = max(map(len, plan.memory.index)), max(map(len, sizes))
    for part, where in plan.memory["where"].items():
        lines.append(f"  {part:<{width}}  {sizes[part]:>{digits}}  {where}")
    lines.append("")
    for where in ("ram", "vram"):
        needed, there = _gb(plan[f"{where}_needed"]), plan[where]
        if there:
            fits = _FITS[plan[f"fits_in_{where}"]]
            more = " or more" if plan.not_measured else ""
            lines.append(
                f"  {where.upper()}: {needed}{more} needed of {_gb(there)}: {fits}"
            )
    if plan.data_on_device is not None:
        how = "stay on the card" if plan.data_on_device else "are sent batch by batch"
        lines.append(f"  The features {how} (--set data_on_device=...).")
    if plan.copies_features:
        lines.append(
            "  This model copies the features: more rows or features, more memory."
        )
    return "\n".join(lines).rstrip()


def _hours(plan):
    """Lines about what was measured, and what it comes to."""
    costs, lines = plan.costs, []
    if costs["step"]:
        rate = costs["step_rows"] / costs["step"]
        lines.append(
            f"  measured: a step of {costs['step_rows']:,} rows in "
            f"{costs['step'] * 1e3:.0f} ms, {rate:,.0f} rows a second"
        )
    if plan.device != plan.measured_on:
        lines.append(
            f"  measured on the {plan.measured_on.upper()}, for there is no "
            f"{plan.device} here: --speed tells how many times faster that is"
        )
    if costs["step"] and costs["fit_start"]:
        lines.append(f"  compiling, in each fit       {duration(costs['fit_start'])}")
    return [
        *lines,
        f"  an epoch of the longest fit  {duration(plan.seconds_of_epoch)}",
        f"  the longest fit              {duration(plan.seconds_of_fit)}",
        f"  everything, at most          {duration(plan.seconds)}",
        f"  of processors, all threads   {duration(plan.cpu_seconds)}",
    ]


def duration(seconds):
    """Write a time in the unit that suits it.

    Parameters
    ----------
    seconds : float
        The time.

    Returns
    -------
    text : str
        Such as "2.5 h".
    """
    if seconds >= 2 * _UNITS["years"]:
        years = seconds / _UNITS["years"]
        return f"{years:,.{1 if years < 10 else 0}f} years"
    for unit, least in (("days", 2), ("h", 1), ("min", 1)):
        if seconds >= least * _UNITS[unit]:
            return f"{seconds / _UNITS[unit]:.1f} {unit}"
    return f"{seconds:.1f} s"


def _size(args):
    """Rows, features and eras, of the data or as they were given."""
    given = {name: getattr(args, name, None) for name in ("rows", "features", "n_eras")}
    if args.data is None:
        if hasattr(args, "feature_set"):
            raise ValueError("--feature-set needs data. Say how many: --features 780.")
        if given["rows"] is None or given["features"] is None:
            raise ValueError(
                "Name the data, such as v5.3, or say how large they are: --rows 2746268 "
                "--features 3555."
            )
        names = {"n_rows": "rows", "n_features": "features", "n_eras": "n_eras"}
        return {name: given[argument] for name, argument in names.items()}
    if any(value is not None for value in given.values()):
        raise ValueError(
            "--rows, --features and --n-eras are for a size without data. Choose of the "
            "data with --eras, --every, --split and --feature-set."
        )
    names = _features(args)
    # one feature: rows and eras are wanted, and a map of all would be written
    bunch = load(args, targets=None, feature_set=names[:1])
    return {
        "n_rows": len(bunch.data),
        "n_features": len(names),
        "n_eras": int(bunch.eras.nunique()),
    }


def _features(args):
    """Names of the features of the first file, or of a set of them."""
    from sknumerai.datasets import load_feature_sets
    from sknumerai.datasets._files import find_files
    from sknumerai.datasets._read import open_source

    home = getattr(args, "data_home", None)
    wanted = getattr(args, "feature_set", None)
    if wanted is not None:
        sets = load_feature_sets(args.data, data_home=home)
        if wanted not in sets:
            raise ValueError(
                f"--feature-set: there is no {wanted!r}. It is one of {', '.join(sets)}."
            )
        return sets[wanted]
    file = find_files(args.data, tuple(args.split), home, "plan")[0]
    source = open_source(file.path)
    try:
        names = [name for name in source.types if name.startswith("feature")]
    finally:
        source.close()
    if not names:
        raise ValueError(f"{file.path} has no column that begins with 'feature'.")
    return names


def _model(args):
    """The estimator that is named, with its parameters."""
    name = args.model
    params = parse_settings(args.set, [name])[name]
    if name in MODELS:
        model = make_model(name, params, seed=0, progress=False)
    else:
        model = set_parameters(_other_model(name), name, params, {"random_state": 0})
    if hasattr(args, "epochs"):
        if "max_epochs" not in model.get_params():
            raise ValueError(
                f"--epochs is for networks, and {name} is none. Say how long it is "
                "fitted by --set, for example n_estimators=200."
            )
        model.set_params(max_epochs=args.epochs)
    return model


def _other_model(name):
    from sklearn.base import clone

    import sknumerai.neural_network as networks

    if Path(name).suffix in (".pkl", ".pickle", ".joblib"):
        import joblib

        model = joblib.load(name)
        if not hasattr(model, "fit") or not hasattr(model, "get_params"):
            raise ValueError(
                f"{name} holds a {type(model).__name__}, which is no estimator. An "
                "exported file cannot be planned with: take the one that was exported."
            )
        return clone(model)
    known = [n for n in networks.__all__ if hasattr(getattr(networks, n), "fit")]
    # made of a module of the user's: a pickle brings it
    known.remove("NeuralNetRegressor")
    if name not in known:
        near = get_close_matches(name, [*MODELS, *known], n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"--model: there is no {name!r}.{hint} It is one of {', '.join(MODELS)}, "
            f"{', '.join(known)}, or a .pkl file."
        )
    return getattr(networks, name)()


def _bytes(args, name):
    given = getattr(args, name, None)
    return None if given is None else given * GB


def _gb(size):
    if size is None or math.isnan(size):
        return "unknown"
    return f"{size / GB:,.2f} GB"


def _plain(plan):
    """What JSON can say."""
    out = {k: v for k, v in plan.items() if k not in ("folds", "memory")}
    seconds = {
        k: out[k]
        for k in ("seconds", "seconds_of_fit", "seconds_of_epoch", "cpu_seconds")
    }
    out |= _known(seconds) | {"costs": _known(plan.costs)}
    out["folds"] = plan.folds.to_dict("records")
    memory = plan.memory.reset_index()
    memory = memory.astype(object).where(memory.notna(), None)
    out["memory"] = memory.to_dict("records")
    return out


def _known(values):
    """Numbers, None for NaN, which JSON has not."""
    return {
        k: None if v is not None and math.isnan(v) else v for k, v in values.items()
    }
