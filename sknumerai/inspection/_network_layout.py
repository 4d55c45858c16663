"""Where the boxes of a drawn network are: layers in boxes, boxes in ranks."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, field

import numpy as np

from sknumerai.utils._network_summary import INPUT

# In widths of a character and heights of a line
GAP, RANK_GAP, PADDING = 3.0, 1.6, 1.0
_N_SWEEPS = 8


@dataclass
class Box:
    """Some layers that follow each other, in one box.

    Parameters
    ----------
    lines : list of str
        What is written in it; the first is its name.

    part : str
        The part of the network that it is in, "" for features and outputs.

    sources : list of int
        Boxes whose results come in.
    """

    lines: list
    part: str
    sources: list = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self):
        """Width in characters."""
        return max(len(line) for line in self.lines) + 2 * PADDING

    @property
    def height(self):
        """Height in lines."""
        return len(self.lines) + PADDING


def boxes_of(summary):
    """Put layers that follow each other into boxes.

    A layer joins the box before it where that feeds no other layer and this one is fed
    by no other, and where there is nothing to learn in it (activations, dropout) or
    there is nothing with weights before it in the same part of the network.

    Parameters
    ----------
    summary : NetworkSummary
        The layers.

    Returns
    -------
    boxes : list of Box
        The features, the layers in the order of their calls, the outputs.
    """
    calls, layers = summary.calls, summary.layers
    n_uses = np.zeros(len(calls) + 1, dtype=int)
    for sources in [*calls["sources"], *summary.outputs["sources"]]:
        n_uses[list(sources)] += 1  # the features are the last
    shape = ", ".join(["n", *(str(size) for size in summary.input_shape)])
    boxes = [Box(["features", f"({shape})"], "")]
    members, where = [[]], {INPUT: 0}
    for number, call in enumerate(calls.itertuples(index=False)):
        at = None
        if len(call.sources) == 1 and n_uses[call.sources[0]] == 1:
            at = where[call.sources[0]]
            if not at or not _joins(calls, members[at], number, layers):
                at = None
        if at is None:
            at = len(boxes)
            sources = sorted({where[source] for source in call.sources})
            boxes.append(Box([], call.layer.split(".")[0], sources))
            members.append([])
        members[at].append(number)
        where[number] = at
    for box, numbers in zip(boxes[1:], members[1:]):
        box.lines = _lines(calls, numbers, layers)
    for i, output in enumerate(summary.outputs.itertuples(index=False), start=1):
        name = "output" if len(summary.outputs) == 1 else f"output {i}"
        sources = sorted({where[source] for source in output.sources})
        boxes.append(Box([name, output.output_shape], "", sources))
    return boxes


def _learns(calls, number, layers):
    """Whether a layer has weights, other than those of a normalization."""
    name, kind = calls["layer"].iloc[number], calls["type"].iloc[number]
    if not name:
        return False
    return layers.loc[name, "parameters"] > 0 and "Norm" not in kind


def _joins(calls, members, number, layers):
    name, before = (calls["layer"].iloc[i] for i in (number, members[0]))
    if not (name and before):
        return False  # a join stays alone
    if layers.loc[name, "parameters"] == 0:
        return True
    if any(_learns(calls, member, layers) for member in members):
        return not _learns(calls, number, layers)
    return name.split(".")[0] == before.split(".")[0]


def _lines(calls, numbers, layers):
    if not calls["layer"].iloc[numbers[0]]:
        return [calls["type"].iloc[numbers[0]]]
    main = next((i for i in numbers if _learns(calls, i, layers)), numbers[0])
    # a layer that is called again has the same parameters
    first = [i for i in numbers if i == _first_call(calls, i)]
    n = sum(layers.loc[calls["layer"].iloc[i], "parameters"] for i in first)
    lines = [calls["layer"].iloc[main], *_wrapped(calls["type"].iloc[numbers])]
    lines.append(calls["output_shape"].iloc[numbers[-1]])
    if n:
        lines.append(f"{n:,} parameters")
    return lines


def _first_call(calls, number):
    name = calls["layer"].iloc[number]
    return int(np.argmax(calls["layer"].to_numpy() == name))


def _wrapped(kinds, width=30):
    """The types of some layers in as many lines as they need."""
    lines = []
    for kind in kinds:
        if lines and len(lines[-1]) + len(kind) + 3 <= width:
            lines[-1] += f" · {kind}"
        else:
            lines.append(kind)
    return lines


def place(boxes):
    """Place boxes in ranks, each below all that feed it, and find ways between them.

    Parameters
    ----------
    boxes : list of Box
        Get `x` and `y`, the middle of the box; `y` falls from rank to rank.

    Returns
    -------
    ways : list of (source, target, list of (x, y))
        For each connection the boxes and where it goes through the ranks between.
    """
    ranks = [0] * len(boxes)
    for i, box in enumerate(boxes):
        ranks[i] = max((ranks[s] + 1 for s in box.sources), default=0)
    last = max(ranks)
    for i, box in enumerate(boxes):
        if not box.part and i:
            ranks[i] = max(ranks[i], ranks[box.sources[0]] + 1) if box.sources else last
    # a way through several ranks has a place in each
    nodes, links, ways = list(range(len(boxes))), [], []
    rank_of, width_of = list(ranks), [box.width for box in boxes]
    for target, box in enumerate(boxes):
        for source in box.sources:
            through = []
            before = source
            for rank in range(ranks[source] + 1, ranks[target]):
                nodes.append(len(nodes))
                rank_of.append(rank)
                width_of.append(2.0)
                links.append((before, nodes[-1]))
                before = nodes[-1]
                through.append(before)
            links.append((before, target))
            ways.append((source, target, through))
    rows = [[n for n in nodes if rank_of[n] == rank] for rank in range(last + 1)]
    x = _abscissas(rows, links, width_of)
    y = _ordinates(boxes, ranks, last)
    for i, box in enumerate(boxes):
        box.x, box.y = x[i], y[ranks[i]]
    return [(s, t, [(x[n], y[rank_of[n]]) for n in through]) for s, t, through in ways]


def _ordinates(boxes, ranks, last):
    y, at = [], 0.0
    for rank in range(last + 1):
        height = max((b.height for b, r in zip(boxes, ranks) if r == rank), default=1)
        at -= height / 2
        y.append(at)
        at -= height / 2 + RANK_GAP
    return y


def _abscissas(rows, links, widths):
    """Order the nodes of each row by those they are linked with, and spread them."""
    above, below = {}, {}
    for a, b in links:
        below.setdefault(a, []).append(b)
        above.setdefault(b, []).append(a)
    x = np.zeros(len(widths))
    for row in rows:
        _spread(row, x, widths, np.arange(len(row), dtype=float))
    best, least = x.copy(), np.inf
    for sweep in range(_N_SWEEPS):
        # down by what is above, up by what is below
        near = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wish = [np.mean([x[n] for n in near.get(node, [node])]) for node in row]
            _spread(row, x, widths, np.array(wish))
        length = sum(abs(x[a] - x[b]) for a, b in links)
        if length < least - 1e-9:
            best, least = x.copy(), length
    return best - best.mean()


def _spread(row, x, widths, wish):
    """Give the nodes of a row their wishes as far as they do not touch."""
    order = np.argsort(wish, kind="stable")
    nodes = [row[i] for i in order]
    row[:] = nodes
    steps = [(widths[a] + widths[b]) / 2 + GAP for a, b in zip(nodes[:-1], nodes[1:])]
    offset = np.concatenate([[0.0], np.cumsum(steps)])
    # least squares under a least distance: the isotonic regression of what is left
    x[nodes] = offset + _isotonic(wish[order] - offset)


def _isotonic(values):
    from scipy.optimize import isotonic_regression

    return isotonic_regression(values).x
