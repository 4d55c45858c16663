"""Rows to report on, and what is read back from a page."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd

from sknumerai.datasets import make_numerai

VOID = {"meta", "br", "img", "link", "input", "hr"}


def tournament(n_eras=24, n_samples_per_era=40, **kwargs):
    """A small tournament: 20-day targets, so that 24 eras are enough for intervals."""
    return make_numerai(
        n_eras,
        n_samples_per_era=n_samples_per_era,
        n_features=5,
        signal=1,
        random_state=0,
        **kwargs,
    )


def noisy_models(data, names=("one", "two"), seed=0):
    """Predictions that know something, one column per model."""
    rng = np.random.default_rng(seed)
    columns = {
        name: data.oracle.rank(pct=True) + rng.normal(0, 1 + j, len(data.oracle))
        for j, name in enumerate(names)
    }
    return pd.DataFrame(columns, index=data.data.index)


class Page(HTMLParser):
    """Elements of a page, whether all are closed, and its tables as text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.tables = [], [], {}
        self._table = self._cell = None
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = self.tables.setdefault(dict(attributes)["id"], [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._table[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, text):
        if self.open and {"td", "th"} & set(self.open):
            self._table[-1][-1] += text.strip() + " "

    def all(self, tag):
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]
