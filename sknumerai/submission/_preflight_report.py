"""What a file did when it was tried as Numerai runs it."""

# SPDX-License-Identifier: BSD-3-Clause

import pandas as pd


class PreflightReport:
    """Facts and problems of a file that was tried as Numerai runs it.

    `preflight` returns it. What could not be found out, because the file failed before,
    is None.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    size : int
        Its bytes.

    image : str
        Minor version of Python of the image.

    environment : str or None, default=None
        Python that it ran in, None where it was not even tried.

    Attributes
    ----------
    ok : bool
        Whether the file may be uploaded: there are no problems.

    problems : list of str
        What Numerai would refuse, and how to mend it.

    remarks : list of str
        What differs from Numerai's image, or could not be enforced here.

    packages : DataFrame
        Versions that the image has and that were used, by package.

    n_arguments : int or None
        Number of arguments of the callable.

    n_rows : int or None
        Number of live rows.

    import_seconds, load_seconds, predict_seconds : float or None
        Seconds to import the libraries, to load the file once they are imported, and
        to predict.

    total_seconds : float or None
        Seconds from the start of the process to its end.

    peak_memory : int or None
        Most resident bytes, of the libraries and the live data too.

    predictions : Series or None
        What the file predicted, by id.

    output : str
        The end of what the process wrote.

    Examples
    --------
    >>> from sknumerai.submission import PreflightReport
    >>> report = PreflightReport(path="predict.pkl", size=1_000_000, image="3.11")
    >>> report.problems.append("The predictions are NaN for 3 rows.")
    >>> report
    PreflightReport of predict.pkl: 1 problem
      size             1.0 MB
      image            Python 3.11
      PROBLEM          The predictions are NaN for 3 rows.
    """

    def __init__(self, path, size, image, environment=None):
        self.path = path
        self.size = size
        self.image = image
        self.environment = environment
        self.problems = []
        self.remarks = []
        self.packages = pd.DataFrame(columns=["image", "used"], dtype=object)
        self.n_arguments = None
        self.n_rows = None
        self.import_seconds = None
        self.load_seconds = None
        self.predict_seconds = None
        self.total_seconds = None
        self.peak_memory = None
        self.predictions = None
        self.output = ""

    @property
    def ok(self):
        """Whether there are no problems."""
        return not self.problems

    def to_frame(self):
        """Return the facts as a table.

        Returns
        -------
        table : DataFrame
            Column `fact`, by name, in the order of the printed report; None where
            not found out.
        """
        facts = {
            "ok": self.ok,
            "n_problems": len(self.problems),
            "path": str(self.path),
            "size": self.size,
            "image": self.image,
            "environment": self.environment,
            "n_arguments": self.n_arguments,
            "n_rows": self.n_rows,
            "import_seconds": self.import_seconds,
            "load_seconds": self.load_seconds,
            "predict_seconds": self.predict_seconds,
            "total_seconds": self.total_seconds,
            "peak_memory": self.peak_memory,
        }
        values = pd.Series(facts, dtype=object)
        return values.to_frame("fact").rename_axis("name")

    def __repr__(self):
        n = len(self.problems)
        said = "may be uploaded" if self.ok else f"{n} problem{'s' if n > 1 else ''}"
        lines = [f"{type(self).__name__} of {self.path}: {said}"]
        shown = {
            "size": self.size and f"{self.size / 1e6:.1f} MB",
            "image": f"Python {self.image}",
            "arguments": self.n_arguments,
            "live rows": self.n_rows and f"{self.n_rows:,}",
            "import libraries": _seconds(self.import_seconds),
            "load": _seconds(self.load_seconds),
            "predict": _seconds(self.predict_seconds),
            "whole process": _seconds(self.total_seconds),
            "peak memory": self.peak_memory and f"{self.peak_memory / 1e6:,.0f} MB",
        }
        lines += [f"  {k:<16} {v}" for k, v in shown.items() if v is not None]
        lines += [f"  {'remark':<16} {text}" for text in self.remarks]
        lines += [f"  {'PROBLEM':<16} {text}" for text in self.problems]
        return "\n".join(lines)


def _seconds(value):
    return None if value is None else f"{value:.2f} s"
