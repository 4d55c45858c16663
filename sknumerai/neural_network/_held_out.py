"""The last eras, held out for early stopping.

Imported inside ``fit`` alone: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.exceptions import MissingErasError
from sknumerai.metrics import learn_payout_score, numerai_corr_score, payout_score
from sknumerai.model_selection._embargo import embargo_or_usual
from sknumerai.utils import check_eras

# Fewer eras than this are not divided by n_validation_eras="auto"
MIN_ERAS_TO_VALIDATE = 20


def embargo_of(est, names):
    """Return the embargo in eras: that of the longest horizon among the targets."""
    return embargo_or_usual(list(names)) if est.embargo == "auto" else est.embargo


def count_eras(est, eras, found, names, caller):
    """Return how many first eras train and how many last eras are held out."""
    n_eras, n_valid = eras.n_eras, est.n_validation_eras
    automatic = n_valid == "auto"
    if automatic:
        n_valid = max(1, n_eras // 10) if n_eras >= MIN_ERAS_TO_VALIDATE else 0
    if n_valid == 0:
        return n_eras, 0
    if not found:
        raise MissingErasError(
            f"{caller}: n_validation_eras={n_valid} needs the era of every row and "
            "none were found. Pass groups=eras, keep the eras in the index level "
            "'era', or set n_validation_eras=0."
        )
    embargo = embargo_of(est, names)
    n_train = 0
    if n_valid < n_eras:
        first_valid = eras.numbers[n_eras - n_valid]
        n_train = int((first_valid - eras.numbers > embargo).sum())
    # better no early stopping than a training set that the embargo has eaten
    if automatic and n_train < n_eras / 2:
        return n_eras, 0
    if n_train < 1:
        raise ValueError(
            f"{caller}: n_validation_eras={n_valid} and embargo={embargo} leave no era "
            f"to train on: there are {n_eras} eras, numbers {eras.numbers[0]} to "
            f"{eras.numbers[-1]}. Use fewer validation eras or a smaller embargo."
        )
    return n_train, n_valid


class ValidationScore:
    """Scores of the held-out eras, in the units that `predict` gives.

    Parameters
    ----------
    est : BaseNeuralNet
        Gives the map to the units of y and the monitor.

    y_true : ndarray of shape (n_rows,)
        Main target, in era order.

    era_numbers : ndarray of shape (n_rows,)
        Era of each row.

    dataset : EraDataset
        The rows.

    caller : str
        Name to begin error messages with.

    sides : dict of str to ndarray of shape (n_rows, n_models), default=None
        Benchmark or meta model, whichever the monitor needs; NaN where unknown.
    """

    def __init__(self, est, y_true, era_numbers, dataset, caller, sides=None):
        self.est = est
        self.y_true = y_true
        self.era_numbers = era_numbers
        self.eras = check_eras(era_numbers)
        self.dataset = dataset
        # an era of one row or one value has no correlation, whatever is predicted
        varies = [np.ptp(y_true[rows]) > 0 for rows in self.eras.rows()]
        self.scored = np.asarray(varies)[self.eras.codes]
        self.sides = sides or {}
        for name, side in self.sides.items():
            # an era that is known in part is not scored: its ranks would be others
            known = np.isfinite(side).all(axis=1)
            whole = np.array([known[rows].all() for rows in self.eras.rows()])
            self.covered = self.scored & whole[self.eras.codes]
            if not self.covered.any():
                raise ValueError(
                    f"{caller}: monitor={est._monitor_name()!r} needs held-out eras "
                    f"with {name} in every row, and of {len(whole)} there is none "
                    f"whose targets differ ({int(known.sum())} of {len(known)} rows "
                    f"are known). Pass {name} for the last eras, or use "
                    "monitor='corr'."
                )
        least = 2 if est._monitor_name() == "sharpe" else 1
        if est._monitor_name() in ("corr", "sharpe") and sum(varies) < least:
            raise ValueError(
                f"{caller}: monitor={est._monitor_name()!r} needs {least} held-out "
                f"eras whose targets differ; of {len(varies)} there are {sum(varies)}. "
                "Hold out more eras (n_validation_eras), or use monitor='loss'."
            )

    def __call__(self, evaluate, phase):
        terms, outputs = evaluate(self.dataset)
        scores = {f"valid_{name}": value for name, value in terms.items()}
        if outputs is None:
            return scores
        outputs = self.est._to_units(outputs)
        y_pred = self.est._aggregate(outputs, self.eras)
        if self.scored.any() and np.isfinite(y_pred).all():
            by_era = numerai_corr_score(
                self.y_true[self.scored],
                y_pred[self.scored],
                groups=self.era_numbers[self.scored],
                aggregate=None,
            ).to_numpy()
            scores["valid_corr"] = float(np.mean(by_era))
            if phase.monitor == "sharpe":
                spread = np.std(by_era)
                sharpe = np.mean(by_era) / spread if spread > 0 else np.nan
                scores["valid_sharpe"] = float(sharpe)
        scores.update(self._payouts(y_pred))
        for name in ("corr", "sharpe", "payout", "lpayout"):
            if phase.monitor == name:
                scores.setdefault(f"valid_{name}", float("nan"))
        if phase.monitor == "score":
            scores["valid_score"] = float(
                self.est.monitor(self.y_true, y_pred, groups=self.era_numbers)
            )
        return scores

    def _payouts(self, y_pred):
        """Return what is scored against a benchmark or the meta model."""
        if not self.sides or not np.isfinite(y_pred).all():
            return {}
        rows = self.covered
        (name,) = self.sides
        args = self.y_true[rows], y_pred[rows], self.sides[name][rows]
        how = {"groups": self.era_numbers[rows], "aggregate": "mean"}
        if name == "benchmark":
            return {"valid_lpayout": float(learn_payout_score(*args, **how))}
        return {"valid_payout": float(payout_score(*args, clip=False, **how))}
