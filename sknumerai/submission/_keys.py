"""Keys of Numerai's API: where they come from, and that nobody reads them."""

# SPDX-License-Identifier: BSD-3-Clause

import os
import stat
from pathlib import Path

PUBLIC, SECRET = "NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY"
FILE_VARIABLE = "SKNUMERAI_KEYS"
DEFAULT_FILE = "~/.sknumerai_keys"


class Keys(tuple):
    """The pair of keys, which is neither printed nor pickled.

    Parameters
    ----------
    pair : tuple of str
        Public id and secret key, which numerapi unpacks.
    """

    def __repr__(self):
        return "Keys(hidden)"

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)

    def __reduce_ex__(self, protocol):
        raise TypeError("Keys are not pickled, so that they are never stored.")

    def hide(self, text):
        """Text without the keys, for what servers and libraries say."""
        for part in self:
            text = text.replace(part, "***")
        return text


def find_keys(keys=None):
    """Find the keys of an account.

    Parameters
    ----------
    keys : path, tuple of str or None, default=None
        A file, or the public id and the secret key. By default the environment
        variables ``NUMERAI_PUBLIC_ID`` and ``NUMERAI_SECRET_KEY``, and where they are
        not set the file that ``SKNUMERAI_KEYS`` names, or ``~/.sknumerai_keys``.

    Returns
    -------
    keys : Keys
        Public id and secret key.
    """
    if isinstance(keys, Keys):
        return keys
    if isinstance(keys, (tuple, list)):
        return _pair(*keys) if len(keys) == 2 else _refuse_pair(len(keys))
    if keys is not None:
        return _read(Path(keys).expanduser())
    public, secret = (os.environ.get(name, "").strip() for name in (PUBLIC, SECRET))
    if public and secret:
        return _pair(public, secret)
    if public or secret:
        missing = SECRET if public else PUBLIC
        raise ValueError(
            f"The environment has one half of the keys: {missing} is not set. Set both."
        )
    named = os.environ.get(FILE_VARIABLE)
    path = Path(named or DEFAULT_FILE).expanduser()
    if named or path.is_file():
        return _read(path)
    raise ValueError(
        f"There are no keys. Set {PUBLIC} and {SECRET}, or write them to {DEFAULT_FILE} "
        f"(or the file that {FILE_VARIABLE} names) as two lines, {PUBLIC}=... and "
        f"{SECRET}=..., which only you may read (chmod 600). Keys are made on "
        "numer.ai, Account, API keys."
    )


def _pair(public, secret):
    for name, value in ((PUBLIC, public), (SECRET, secret)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{name} is empty or no text.")
        if not value.strip().isprintable() or not value.isascii():
            raise ValueError(f"{name} holds a character that no key has.")
    return Keys((public.strip(), secret.strip()))


def _refuse_pair(length):
    raise ValueError(
        "keys must be a file, or a pair of public id and secret key. Got a tuple of "
        f"{length}."
    )


def _read(path):
    """Read ``NAME=value`` lines of a file that nobody else may read."""
    try:
        with open(path, encoding="utf-8") as file:
            # of the file that is open, not of one that took its name since
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise PermissionError(
                    f"{path} can be read by others (mode {stat.S_IMODE(mode):o}). "
                    f"Make it yours alone: chmod 600 {path}. If others may have read "
                    "it, make new keys."
                )
            lines = file.read().splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file of keys {path}.") from None
    except IsADirectoryError:
        raise ValueError(f"keys must be a file. {path} is a folder.") from None
    except UnicodeDecodeError:
        raise ValueError(f"The file of keys {path} is no text.") from None
    found = {}
    for line in lines:
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign:
            found[name.strip()] = value.strip().strip("'\"")
    missing = [name for name in (PUBLIC, SECRET) if not found.get(name)]
    if missing:
        raise ValueError(
            f"The file of keys {path} has no line {missing[0]}=... It must have two, "
            f"{PUBLIC}=... and {SECRET}=..."
        )
    return _pair(found[PUBLIC], found[SECRET])
