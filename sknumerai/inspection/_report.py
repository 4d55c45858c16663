"""A finished diagnostics report."""

# SPDX-License-Identifier: BSD-3-Clause

import html

from sknumerai.utils import whole_file
from sknumerai.utils._output_path import check_output


class DiagnosticsReport:
    """A diagnostics report: one HTML page, and the tables that it shows.

    Made by :func:`diagnostics_report`. In a notebook it shows itself, printed it is the
    table of scores and the warnings. Read more in the
    :doc:`User Guide </user_guide/report>`.

    Parameters
    ----------
    html : str
        The page, a whole document that needs no other file and no network.

    tables : dict of str to DataFrame
        What the page shows, as numbers:

        * "summary": statistics of the era scores with the ends of their intervals, rows
          (metric, model), see :func:`score_summary`;
        * "comparison": differences from the baseline, rows (metric, model), see
          :func:`compare_scores`; not there without a baseline or with too few eras;
        * "era_scores": eras by (metric, model);
        * "coverage": rows and eras with a target, with each model's predictions and with
          each further input;
        * "universe": rows of each era, all and those with a target;
        * "correlation": mean over eras of Spearman's correlation of models (rows) with
          each other, benchmarks and the meta model;
        * "exposure": exposures to features, where these are given.

    warnings : DataFrame of shape (n_findings, 4)
        What is to be known before the scores are believed: `level` ("warning" or
        "note"), `kind`, `about`, which model or input, and `message`.

    See Also
    --------
    diagnostics_report : Makes one.

    Examples
    --------
    >>> from sknumerai.inspection import DiagnosticsReport
    >>> report = DiagnosticsReport("<p>nothing</p>", {}, None)
    >>> report.html
    '<p>nothing</p>'
    """

    def __init__(self, html, tables, warnings):
        self.html = html
        self.tables = tables
        self.warnings = warnings

    def save(self, path):
        """Write the page to a file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            File to write, such as "report.html". One of this name is replaced.

        Returns
        -------
        path : pathlib.Path
            The file.

        Raises
        ------
        FileNotFoundError
            If its folder does not exist.

        IsADirectoryError
            If it is a folder.
        """
        path = check_output(path, "DiagnosticsReport.save")
        with whole_file(path) as part:
            part.write_text(self.html, encoding="utf-8")
        return path

    def __str__(self):
        if not self.tables:
            return "diagnostics report"
        columns = ["mean", "sharpe", "max_drawdown", "n_eras"]
        table = self.tables["summary"][columns].to_string(float_format="{:.4f}".format)
        found = self.warnings[self.warnings["level"] == "warning"]
        lines = [f"warning: {message}" for message in found["message"]]
        return "\n".join([table, *lines])

    def _repr_html_(self):
        # a page of its own: its styles are not to meet the notebook's
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" title="diagnostics report" '
            'style="width: 100%; height: 50rem; border: 0"></iframe>'
        )
