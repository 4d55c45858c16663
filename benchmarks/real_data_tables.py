"""Tables of `real_data.py`, from the scores by era that its parts hold."""

# SPDX-License-Identifier: BSD-3-Clause

from pathlib import Path

import numpy as np
import pandas as pd
from real_data_fits import (
    DEVELOPMENT,
    FINAL,
    LAST_DEVELOPMENT_ERA,
    MAX_NEUTRALIZERS,
    write_text,
)
from scipy import stats

from sknumerai.metrics import (
    bootstrap_interval,
    compare_scores,
    max_drawdown,
    sharpe_ratio,
)
from sknumerai.model_selection import embargo_for

BEGIN, END = "<!-- results -->", "<!-- end of results -->"
LABELS = {
    "benchmark": "Numerai's benchmark model",
    "ridge": "ridge",
    "ridge on levels": "ridge on levels",
    "lightgbm": "LightGBM",
    "mlp": "`MLPRegressor`",
    "sae": "`SupervisedAutoencoderRegressor`",
    "ranker": "`ContextAwareRanker`",
    "ranker on levels": "the same on levels",
    "conv selu": "`ConvSELURegressor`",
    "denoised mlp": "`DenoisingAutoencoder`, then perceptron",
    "gtruda": "`ConvAutoencoderRegressor` (GTRUDA)",
    "tabm": "`TabMRegressor`",
    "neutralized mlp": "`NeutralizedMLPRegressor`",
    "blend": "blend, equal weights",
    "stable oracle": "stable oracle (knows the generator)",
}
# On Numerai's files a mean CORR over hundreds of eras above this is a leak
SUSPICIOUS = 0.05
# Fewer eras of MMC than this are not shown
ENOUGH_ERAS = 8


def summarize(parts, horizon):
    """Summarize the parts of all models.

    Parameters
    ----------
    parts : dict of str to list of dict
        Scores of each model, one dict for a seed: of each metric the score of each era.

    horizon : int
        Days that the target looks ahead.

    Returns
    -------
    summary : dict of str to dict
        Figures of each model.
    """
    series = {name: by_seed(records, "corr") for name, records in parts.items()}
    means = pd.DataFrame({name: table.mean(axis=1) for name, table in series.items()})
    summary = {}
    for name, records in parts.items():
        corr = series[name]
        low, high = interval(means[name], horizon)
        row = {
            "seeds": corr.shape[1],
            "eras": len(corr),
            "first_era": int(corr.index[0]),
            "last_era": int(corr.index[-1]),
            "corr": float(means[name].mean()),
            "corr_low": low,
            "corr_high": high,
            "corr_of_seeds": corr.mean().tolist(),
            "corr_seed_interval": seed_interval(corr.mean()),
            "sharpe": float(np.mean([sharpe_ratio(corr[s]) for s in corr])),
            "max_drawdown": float(np.mean([max_drawdown(corr[s]) for s in corr])),
        }
        for metric in ("bmc", "mmc", "fnc", "exposure", "payout_bmc", "payout"):
            table = by_seed(records, metric)
            row[metric] = None
            if table is not None:
                row[f"{metric}_eras"] = len(table)
                row[metric] = float(table.mean(axis=1).mean())
        summary[name] = row
    for rival in ("lightgbm", "benchmark"):
        for name, row in differences(means, rival, horizon).items():
            summary[name][f"less_{rival}"] = row
    return summary


def by_seed(records, metric):
    """Table of one metric: eras by seeds."""
    found = {k: r[metric] for k, r in enumerate(records) if r.get(metric)}
    if not found:
        return None
    table = pd.DataFrame(found)
    table.index = pd.Index([int(e) for e in table.index], name="era")
    return table.sort_index()


def interval(scores, horizon):
    """95 % interval of a mean, by blocks of eras; None where they are too few."""
    try:
        found = bootstrap_interval(scores, horizon=horizon, random_state=0)
    except ValueError:
        return None, None
    return float(found["low"]), float(found["high"])


def seed_interval(scores):
    """Half the width of the 95 % interval of a mean over seeds."""
    n = len(scores)
    if n < 2:
        return None
    return float(stats.t(n - 1).ppf(0.975) * scores.std(ddof=1) / np.sqrt(n))


def differences(means, rival, horizon):
    """Compare every model with one, by Holm's method."""
    if rival not in means or means.shape[1] < 2:
        return {}
    others = [name for name in means if "oracle" not in name]
    try:
        table = compare_scores(
            means[others], baseline=rival, horizon=horizon, random_state=0
        )
    except ValueError:
        # too few eras
        return {}
    table = table[["difference", "low", "high", "p_value", "p_adjusted"]]
    return {name: row.astype(float).to_dict() for name, row in table.iterrows()}


def markdown(results):
    """Return the whole page of results."""
    development = results["scores"][DEVELOPMENT]
    lines = ["# Results of benchmarks/real_data.py", "", *about(results), ""]
    one = next(iter(development.values()))
    lines += [
        f"## Eras {one['first_era']} to {one['last_era']}",
        "",
        *grid([scores_line(results, name) for name in development]),
        "",
        *notes(results),
        "",
        "### Differences of CORR",
        "",
        "95 % intervals by blocks of eras; p by Holm's method over the column.",
        "",
        *grid([difference_line(results, name) for name in development]),
    ]
    if FINAL in results["scores"]:
        lines += ["", *final_section(results)]
    return "\n".join(lines) + "\n"


def readme_table(results):
    """Return the table for the README, with a line on what it is of."""
    rows = []
    final = results["scores"].get(FINAL, {})
    for name, row in results["scores"][DEVELOPMENT].items():
        line = {
            "model": label(name),
            "CORR": spread(row),
            "seeds": around(row["corr_seed_interval"]),
            "Sharpe": f"{row['sharpe']:.2f}",
            "BMC": own(name, row["bmc"]),
            "FNC": number(row["fnc"]),
            "less LightGBM": less(row.get("less_lightgbm"), short=True),
        }
        if final:
            found = final.get(name)
            line[f"CORR from {results['data']['first_final_era']} on"] = (
                found and spread(found)
            )
        rows.append({key: value or "" for key, value in line.items()})
    return "\n".join([*about(results), "", *grid(rows)])


def about(results):
    """Say what the tables are of."""
    data, run = results["data"], results["settings"]
    kind = "Numerai's files"
    if data["synthetic"]:
        made = data["synthetic"]
        kind = (
            f"Synthetic data, written by `write_numerai` (signal {made['signal']:g}, "
            f"{made['n_features']} features, {made['n_samples_per_era']} rows an era), "
            "not Numerai's"
        )
    one = next(iter(results["scores"][DEVELOPMENT].values()))
    told = (
        f"{kind}: {data['n_features']} features (set {run['feature_set']}), "
        f"`{run['target']}`, every {run['every']}th era, {data['n_train']:,} training rows "
        f"up to era {data['last_train_era']}, purge of {embargo_for(run['target'])} eras, "
        f"{one['eras']} eras from {one['first_era']} to {one['last_era']}. {final_eras(results)} "
        f"Size {run['size']}; {results['date']}."
    )
    lines = [told]
    suspects = [
        name
        for name, row in results["scores"][DEVELOPMENT].items()
        if row["corr"] > SUSPICIOUS and "oracle" not in name
    ]
    raised = data["synthetic"] and data["synthetic"]["signal"] > 1
    if suspects and not raised:
        lines += ["", f"**CORR above {SUSPICIOUS}: a leak? {', '.join(suspects)}.**"]
    return lines


def final_eras(results):
    """Say which eras are untouched, or when they were looked at."""
    first, purge = (
        results["data"]["first_final_era"],
        embargo_for(results["settings"]["target"]),
    )
    between = f"after another purge of {purge} eras"
    final = results["scores"].get(FINAL)
    if not final:
        return f"Eras from {first} on, {between}, are untouched."
    one = next(iter(final.values()))
    return (
        f"{one['eras']} eras from {one['first_era']} to {one['last_era']}, {between}, were "
        f"looked at once, on {results['final_look']['date'][:10]}."
    )


def notes(results):
    """Explain the columns."""
    policy = results["policy"]
    columns = (
        "CORR: mean over eras of Numerai's correlation, with the 95 % interval by blocks of "
        "eras. seeds: half the 95 % interval of the mean over seeds (Student). Sharpe and "
        "drawdown (of the sum of CORR): means over seeds. BMC: contribution to the benchmark "
        f"{results['settings']['benchmark']}. FNC: after neutralization to "
        f"{'the features' if results['data']['n_features'] <= MAX_NEUTRALIZERS else 'the medium features'}. "
        f"payout: of rule {policy}, with BMC for MMC. exposure: mean over eras of the "
        "largest correlation of the ranks with a feature. minutes: of a fit and its "
        "predictions."
    )
    members = ", ".join(results["blend"])
    lines = [columns]
    if members:
        told = (
            f"blend: mean of the ranks within the era of {members}, one seed of each."
        )
        lines += ["", told]
    if results["failed"]:
        lines += ["", f"Failed: {', '.join(results['failed'])}."]
    return lines


def scores_line(results, name):
    """Line of the first table."""
    row = results["scores"][DEVELOPMENT][name]
    enough = (row.get("mmc_eras") or 0) >= ENOUGH_ERAS
    minutes = results["minutes"].get(name)
    return {
        "model": label(name),
        "CORR": spread(row),
        "seeds": around(row["corr_seed_interval"]),
        "Sharpe": f"{row['sharpe']:.2f}",
        "drawdown": f"{row['max_drawdown']:.2f}",
        "BMC": own(name, row["bmc"]),
        "MMC": f"{number(row['mmc'])} ({row['mmc_eras']} eras)" if enough else "",
        "FNC": number(row["fnc"]),
        "payout": number(row["payout_bmc"]),
        "exposure": f"{row['exposure']:.2f}",
        "minutes": "" if minutes is None else f"{minutes:.1f}",
    }


def difference_line(results, name):
    """Line of the second table."""
    row = results["scores"][DEVELOPMENT][name]
    return {
        "model": label(name),
        "less LightGBM": less(row.get("less_lightgbm")),
        "less benchmark": less(row.get("less_benchmark")),
    }


def final_section(results):
    """Say what the untouched eras gave, and when they were looked at."""
    final = results["scores"][FINAL]
    one = next(iter(final.values()))
    purge = embargo_for(results["settings"]["target"])
    told = (
        f"{one['eras']} eras, looked at once, on {results['final_look']['date']}. They "
        f"begin at {results['data']['first_final_era']}: the targets of the {purge} eras "
        f"after {LAST_DEVELOPMENT_ERA} may share days with those of development, and "
        "these eras are in no table."
    )
    title = f"## Eras {one['first_era']} to {one['last_era']}, untouched until the end"
    lines = [title, "", told]
    rows = []
    for name, row in final.items():
        enough = (row.get("mmc_eras") or 0) >= ENOUGH_ERAS
        rows.append(
            {
                "model": label(name),
                "CORR": spread(row),
                "Sharpe": f"{row['sharpe']:.2f}",
                "BMC": own(name, row["bmc"]),
                "MMC": f"{number(row['mmc'])} ({row['mmc_eras']} eras)"
                if enough
                else "",
                "payout": number(row["payout"]) if enough else "",
                "less LightGBM": less(row.get("less_lightgbm")),
            }
        )
    return [*lines, "", *grid(rows), "", "payout: with MMC, in the eras that have it."]


def label(name):
    """Name of a model in the tables."""
    return LABELS.get(name, name)


def own(name, value):
    """A contribution to the benchmark; the benchmark has none to itself."""
    return "" if name == "benchmark" else number(value)


def number(value):
    """A score with four places and no zero before the point."""
    if value is None or np.isnan(value):
        return ""
    return f"{value:.4f}".replace("0.", ".", 1)


def signed(value):
    """A difference with its sign."""
    return f"{value:+.4f}".replace("0.", ".", 1)


def around(value):
    """Half a width."""
    return "" if value is None else f"± {number(value)}"


def spread(row):
    """A mean CORR with its interval."""
    if row["corr_low"] is None:
        return number(row["corr"])
    return (
        f"{number(row['corr'])} [{number(row['corr_low'])}, {number(row['corr_high'])}]"
    )


def less(row, short=False):
    """A difference with its interval and p-value."""
    if not row or np.isnan(row["difference"]):
        return ""
    if short:
        return f"{signed(row['difference'])} (p {row['p_adjusted']:.2f})"
    return (
        f"{signed(row['difference'])} [{signed(row['low'])}, {signed(row['high'])}] "
        f"p {row['p_adjusted']:.3f}"
    )


def grid(rows):
    """Lines of a markdown table; columns that are empty in all rows are left out."""
    columns = [c for c in rows[0] if any(row[c] for row in rows)]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return [
        *lines,
        *("| " + " | ".join(r[c] or "" for c in columns) + " |" for r in rows),
    ]


def write_readme(path, results):
    """Replace what stands between the two markers of a page."""
    text = read_readme(path)
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    write_text(path, f"{before}{BEGIN}\n{readme_table(results)}\n{END}{after}")


def read_readme(path):
    """Return the text of a page that has both markers."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"--readme {path}: {error}") from None
    if (
        text.count(BEGIN) != 1
        or text.count(END) != 1
        or text.find(END) < text.find(BEGIN)
    ):
        raise SystemExit(
            f"--readme {path}: there must be one line {BEGIN} and after it one {END}; the "
            "table is put between them."
        )
    return text
