"""Curves of a training, from its history: what a callback and a display draw alike."""

# SPDX-License-Identifier: BSD-3-Clause


def learning_curves(rows, names=None):
    """Collect the losses and the scores of a history.

    Parameters
    ----------
    rows : list of dict
        One for each epoch.

    names : sequence of str, default=None
        Which fields. None is all floats but the seconds and the rate.

    Returns
    -------
    losses, scores : dict of str to tuple
        By name the epochs that have it, counted from 1, and its values.
    """
    if names is None:
        names = dict.fromkeys(
            name
            for row in rows
            for name, value in row.items()
            if isinstance(value, float) and name not in ("dur", "lr")
        )
    losses, scores = {}, {}
    for name in names:
        drawn = [(i, row[name]) for i, row in enumerate(rows, start=1) if name in row]
        if not drawn:
            continue
        is_loss = name.endswith(("_penalty", "loss"))
        (losses if is_loss else scores)[name] = tuple(zip(*drawn))
    return losses, scores


def best_epoch(rows):
    """Find the last epoch that was the best so far.

    Parameters
    ----------
    rows : list of dict
        One for each epoch.

    Returns
    -------
    epoch : int or None
        Counted from 1; None where nothing was held out.
    """
    best = [i for i, row in enumerate(rows, start=1) if row.get("best")]
    return best[-1] if best else None


def draw_curve(ax, epochs, values, label, **style):
    """Draw one curve: a line with a mark at each epoch, one alone among them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where.

    epochs, values : sequence of float
        The curve.

    label : str
        What the legend calls it.

    **style : dict
        For ``ax.plot``.
    """
    ax.plot(epochs, values, **{"marker": ".", "label": label, **style})


def draw_best(ax, epoch, label=None):
    """Draw a dotted line at the epoch whose weights are the best so far.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where.

    epoch : int or None
        The epoch; None draws nothing.

    label : str, default=None
        What the legend calls it; None leaves it out.
    """
    if epoch is not None:
        ax.axvline(epoch, color="0.6", linestyle=":", label=label)
