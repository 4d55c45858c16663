"""A score of eras after each epoch."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np

from sknumerai.metrics import numerai_corr_score
from sknumerai.neural_network._callback import BaseCallback
from sknumerai.utils import check_eras

PARTS = {"train": ("train",), "valid": ("valid",), "both": ("train", "valid")}


class EraScoring(BaseCallback):
    """Score training or held-out eras after each epoch, for the learning curves.

    A callback of every network that predicts targets (`callbacks=[EraScoring()]`). The
    scores are in `history_`, in the progress bar and in :class:`LearningCurvePlot`, as
    `train_<name>` and `valid_<name>`. Early stopping watches `monitor` as before. Read
    more in the :doc:`User Guide </user_guide/neural_network>`.

    Parameters
    ----------
    metric : callable or None, default=None
        ``metric(y_true, y_pred, groups=era_numbers)`` gives one number. None is
        :func:`sknumerai.metrics.numerai_corr_score`.

    on : {'train', 'valid', 'both'}, default='train'
        Which eras are scored.

    name : str or None, default=None
        What the score is called. None is 'corr' without `metric`, else the metric's own
        name less '_score'.

    every : int, default=1
        Epochs from one score to the next.

    max_eras : int or None, default=None
        Score so many of the eras, spread over time, where a pass over all of them takes
        too long. None scores all.

    See Also
    --------
    LearningCurvePlot : Draws the scores while training goes on.

    Notes
    -----
    Scored are predictions as `predict` gives them: without dropout and noise, the chosen
    aggregate of several targets, in the units of `y` (after a loss that does not see the
    scale, they are mapped to `y` at the end of training only). Eras whose targets do not
    differ are left out. The weights are the same with and without this callback.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import EraScoring, MLPRegressor
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = MLPRegressor(
    ...     16, max_epochs=3, callbacks=[EraScoring()], random_state=0
    ... )
    >>> history = model.fit(bunch.data, bunch.target).history_
    >>> bool(history[0]["train_corr"] < history[-1]["train_corr"])
    True
    """

    def __init__(self, metric=None, *, on="train", name=None, every=1, max_eras=None):
        self.metric = metric
        self.on = on
        self.name = name
        self.every = every
        self.max_eras = max_eras

    def on_train_begin(self, net, **kwargs):
        """Choose the rows to score.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """
        self._check()
        self.parts_ = {}
        for part in PARTS[self.on]:
            y_true, numbers, dataset = net.eras_to_score(part)
            eras = check_eras(numbers)
            varies = [np.ptp(y_true[rows]) > 0 for rows in eras.rows()]
            chosen = np.flatnonzero(varies)
            if not len(chosen):
                raise ValueError(
                    f"EraScoring: the targets of each of the {eras.n_eras} eras of "
                    f"{part!r} do not differ, so there is nothing to score."
                )
            if self.max_eras is not None and len(chosen) > self.max_eras:
                spread = np.linspace(0, len(chosen) - 1, self.max_eras)
                chosen = chosen[np.round(spread).astype(int)]
            rows = np.isin(eras.codes, chosen)
            self.parts_[part] = y_true[rows], numbers[rows], dataset.only(chosen)

    def on_epoch_end(self, net, **kwargs):
        """Score.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """
        if len(net.history) % self.every:
            return
        from sknumerai.neural_network._training import evaluate

        metric = numerai_corr_score if self.metric is None else self.metric
        for part, (y_true, numbers, dataset) in self.parts_.items():
            _, outputs = evaluate(net, dataset)
            if outputs is None:
                continue  # a stage that predicts nothing
            outputs = net.estimator._to_units(outputs)
            y_pred = net.estimator._aggregate(outputs, check_eras(numbers))
            score = float("nan")
            if np.isfinite(y_pred).all():
                score = float(metric(y_true, y_pred, groups=numbers))
            net.history.record(f"{part}_{self._name()}", score)

    def on_train_end(self, net, **kwargs):
        """Let go of the rows.

        Parameters
        ----------
        net : skorch.NeuralNet
            What was trained.

        **kwargs : object
            Ignored.
        """
        del self.parts_

    def _name(self):
        if self.name is not None:
            return self.name
        if self.metric is None:
            return "corr"
        return getattr(self.metric, "__name__", "score").removesuffix("_score")

    def _check(self):
        if self.on not in PARTS:
            raise ValueError(
                f"EraScoring: on must be one of {list(PARTS)}. Got {self.on!r}."
            )
        for name in ("every", "max_eras"):
            value = getattr(self, name)
            if value is None and name == "max_eras":
                continue
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(
                    f"EraScoring: {name} must be an integer of at least 1. Got {value!r}."
                )
