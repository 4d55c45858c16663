"""What Numerai's server lists, through numerapi."""

# SPDX-License-Identifier: BSD-3-Clause

import logging
import re

from sknumerai.datasets._feature_sets import near

_URL_QUERY = """
query ($filename: String! $tournament: Int) {
    dataset(filename: $filename tournament: $tournament)
}
"""
CLASSIC = 8
_VERSION = re.compile(r"v(\d+)(?:\.(\d+))?")


class Server:
    """Names and addresses of the files on Numerai's server.

    numerapi's own download switches the verification of certificates off when it
    continues a file, so only names and addresses are asked of it.

    Parameters
    ----------
    api : numerapi.NumerAPI, default=None
        Anything with its methods ``list_datasets`` and ``raw_query``. No account is
        needed.
    """

    def __init__(self, api=None):
        self._api = _make_api() if api is None else api
        self._names = None

    def names(self):
        """All file names, with the version in front: "v5.3/train.parquet"."""
        if self._names is None:
            self._names = list(self._ask(self._api.list_datasets))
        return self._names

    def versions(self):
        """Versions, oldest first."""
        found = {name.split("/")[0] for name in self.names() if "/" in name}
        return sorted((v for v in found if _VERSION.fullmatch(v)), key=_number)

    def files(self, version, caller):
        """File names of a version, without it."""
        versions = self.versions()
        if version not in versions:
            raise ValueError(
                f"{caller}: Numerai's server has no data set {version!r}."
                f"{near(version, versions)} It has {versions}."
            )
        prefix = f"{version}/"
        return [n[len(prefix) :] for n in self.names() if n.startswith(prefix)]

    def url(self, name):
        """Address of a file, valid for a while."""
        variables = {"filename": name, "tournament": CLASSIC}
        answer = self._ask(self._api.raw_query, _URL_QUERY, variables)
        url = ((answer or {}).get("data") or {}).get("dataset")
        if not url:
            raise ConnectionError(
                f"Numerai's server gave no address for {name}. Try again later."
            )
        return url

    def _ask(self, method, *args):
        # numerapi logs a failed request and answers {}, in which it then looks
        try:
            return method(*args)
        except (KeyError, TypeError, OSError) as error:
            raise ConnectionError(
                "Numerai's server could not be asked for its files. Check the network "
                "and try again."
            ) from error


def _number(version):
    major, minor = _VERSION.fullmatch(version).groups()
    return int(major), int(minor or 0)


def _make_api():
    """Make numerapi's client and take back the logging that it sets up."""
    import numerapi

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    api = numerapi.NumerAPI(verbosity="error", show_progress_bars=False)
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)
    return api
