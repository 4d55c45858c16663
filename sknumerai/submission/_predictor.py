"""The callable that an exported file holds.

It is stored by value, together with all that it calls: nothing here may import inside
a function, hold a lock, or need a package that Numerai's images lack.
"""

# SPDX-License-Identifier: BSD-3-Clause

import inspect
import warnings

import numpy as np
import pandas as pd

from sknumerai.utils import ERA_LEVEL, LIVE_ERA, Eras, check_eras

ID_LEVEL = "id"
PREDICTION = "prediction"


class LivePredictor:
    """Predict a live round the way Numerai's runner asks for it.

    Parameters
    ----------
    model : estimator
        The fitted model.

    features : list
        Columns that the model reads, in its order.

    named : bool
        Whether the model was fitted on a frame and is given frames.

    output : {"predict", "predict_groups", "predict_proba"}
        How the model is asked: with `X`, with `X` and `groups`, or for the expected
        class of a classifier.

    missing : "raise" or float
        What stands in for a feature that is absent or NaN.

    about : dict
        Versions of Python and of the packages that the file was made with.

    neutralization : LiveNeutralization or None, default=None
        What is done to the model's prediction of an era before it is ranked.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from sknumerai.submission._predictor import LivePredictor
    >>> X = pd.DataFrame({"feature_a": [0, 1, 2]}, index=["n1", "n2", "n3"])
    >>> model = LinearRegression().fit(X, [0.0, 0.5, 1.0])
    >>> LivePredictor(model, ["feature_a"], True, "predict", "raise", {})(X)
        prediction
    id
    n1    0.166667
    n2    0.500000
    n3    0.833333
    """

    def __init__(
        self, model, features, named, output, missing, about, neutralization=None
    ):
        self.model = model
        self.features = features
        self.named = named
        self.output = output
        self.missing = missing
        self.about = about
        self.neutralization = neutralization

    def __repr__(self):
        arguments = ", ".join(inspect.signature(self).parameters)
        return (
            f"<predict({arguments}): "
            f"{type(self.model).__name__} of {len(self.features)} features, made by "
            f"Python {self.about.get('python')}>"
        )

    def __call__(self, live_features, live_benchmark_models=None):
        """Rank the rows of a live frame.

        Parameters
        ----------
        live_features : DataFrame
            One row per stock, indexed by `id`, with at least the model's features.
            A column or index level `era` is read where there is one.

        live_benchmark_models : DataFrame or None, default=None
            Not used.

        Returns
        -------
        predictions : DataFrame of shape (n_samples, 1)
            Column `prediction`: the rank in the era over the number of its rows,
            strictly between 0 and 1, indexed by `id` in the order of the input.
        """
        return self.rank_rows(live_features)

    def rank_rows(self, live_features):
        """Rank the rows of a live frame, as calling the object does.

        Parameters
        ----------
        live_features : DataFrame
            One row per stock, indexed by `id`, with at least the model's features.

        Returns
        -------
        predictions : DataFrame of shape (n_samples, 1)
            The ranks.
        """
        ids = _ids(live_features)
        eras = _eras(live_features)
        ranks = np.empty(len(ids))
        # One era at a time: an era's predictions must not depend on the others, not
        # even in a pipeline whose transformers drop the index.
        for era, rows in zip(eras.labels, eras.rows()):
            live = live_features.iloc[rows]
            X = self._select(live, self.features, "model's")
            X.index = pd.MultiIndex.from_arrays(
                [np.full(len(X), era, dtype=object), ids[rows]],
                names=[ERA_LEVEL, ID_LEVEL],
            )
            raw = self.predict_raw(X)
            if self.neutralization is not None:
                F = self._select(live, self.neutralization.features, "neutralization's")
                raw = self.neutralization(raw, F.to_numpy())
            raw = pd.Series(raw)
            if len(raw) > 1 and raw.min() == raw.max():
                warnings.warn(
                    f"The model predicts the same value for all {len(raw)} rows of "
                    f"era {era}. Numerai refuses constant submissions.",
                    stacklevel=2,
                )
            ranks[rows] = (raw.rank().to_numpy() - 0.5) / len(raw)
        return pd.DataFrame({PREDICTION: ranks}, index=ids)

    def predict_raw(self, X):
        """Predict before ranking.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            The model's features, indexed by `era` and `id`.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
            What the model says.
        """
        data = X if self.named else X.to_numpy()
        if self.output == "predict_proba":
            prediction = self.model.predict_proba(data) @ self.model.classes_
        elif self.output == "predict_groups":
            prediction = self.model.predict(data, groups=X.index.get_level_values(0))
        else:
            prediction = self.model.predict(data)
        prediction = np.asarray(prediction, dtype=np.float64)
        if prediction.ndim == 2 and prediction.shape[1] == 1:
            prediction = prediction[:, 0]
        if prediction.shape != (len(X),):
            raise ValueError(
                f"{type(self.model).__name__} predicts an array of shape "
                f"{prediction.shape} for {len(X)} rows; a submission has one number a "
                "row. Fit it on one target, or wrap it in a model that averages its "
                "columns."
            )
        n_bad = int((~np.isfinite(prediction)).sum())
        if n_bad:
            raise ValueError(
                f"{type(self.model).__name__} predicts NaN or infinity for {n_bad} of "
                f"{len(X)} rows, which Numerai refuses."
            )
        return prediction

    def _select(self, live, features, whose):
        absent = [name for name in features if name not in live.columns]
        if absent and isinstance(self.missing, str):
            raise ValueError(
                f"{len(absent)} of the {whose} {len(features)} features are not "
                f"in the live data: {absent[:3]}. Give the dataset version that the "
                "model was trained on, or export with missing=2 to fill absent "
                "features with Numerai's code for missing."
            )
        X = live.reindex(columns=features) if absent else live[features]
        if X.shape[1] != len(features):
            raise ValueError("The live data have two columns of the same name.")
        if not isinstance(self.missing, str):
            X = _fill(X, self.missing)
        # the caller's frame must not get the new index
        return X.copy(deep=False)


class OneArgumentPredictor(LivePredictor):
    """The same with one argument, for runners that give the live features only.

    Examples
    --------
    >>> import inspect
    >>> from sknumerai.submission._predictor import OneArgumentPredictor
    >>> list(inspect.signature(OneArgumentPredictor.__call__).parameters)
    ['self', 'live_features']
    """

    def __call__(self, live_features):
        """Rank the rows of a live frame.

        Parameters
        ----------
        live_features : DataFrame
            One row per stock, indexed by `id`, with at least the model's features.

        Returns
        -------
        predictions : DataFrame of shape (n_samples, 1)
            The ranks.
        """
        return self.rank_rows(live_features)


def _fill(X, value):
    holes = X.columns[X.isna().any()]
    if len(holes) == 0:
        return X
    whole = X.dtypes.drop(holes)
    X = X.fillna(dict.fromkeys(holes, value))
    # a column of codes stays a column of codes, so that the model sees integers
    if len(whole) and whole.nunique() == 1 and whole.iloc[0].kind in "iu":
        filled = X[holes]
        if (filled == filled.round()).to_numpy().all():
            X = X.astype(dict.fromkeys(holes, whole.iloc[0]))
    return X


def _ids(live):
    if not isinstance(live, pd.DataFrame):
        raise TypeError(
            f"The live features must be a pandas DataFrame, got {type(live).__name__}."
        )
    if len(live) == 0:
        raise ValueError("The live features have no rows.")
    if ID_LEVEL in live.index.names:
        ids = live.index.get_level_values(ID_LEVEL)
    elif ID_LEVEL in live.columns:
        ids = pd.Index(live[ID_LEVEL])
    elif live.index.nlevels == 1 and ERA_LEVEL not in live.index.names:
        ids = live.index
    else:
        raise ValueError(
            "The live features have neither an index level nor a column 'id'. "
            f"The index has the levels {list(live.index.names)}."
        )
    twice = ids[ids.duplicated()]
    if len(twice):
        raise ValueError(
            f"{len(twice)} ids of the live features appear more than once, "
            f"the first is {twice[0]!r}."
        )
    return ids.rename(ID_LEVEL)


def _eras(live):
    column = live[ERA_LEVEL] if ERA_LEVEL in live.columns else None
    if ERA_LEVEL in live.index.names:
        column = None
    eras = check_eras(column, live, allow_live=True, caller="predict")
    if eras is not None:
        return eras
    # a frame without eras is one live round
    return Eras(
        np.zeros(len(live), dtype=np.intp),
        np.array(["X"], dtype=object),
        np.array([LIVE_ERA]),
    )
