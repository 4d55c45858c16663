"""Which round is open, and waiting for one."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from datetime import UTC, datetime

from numerapi.utils import parse_datetime_string

from sknumerai.exceptions import RoundClosedError
from sknumerai.submission._client import RefusedError

# as numerapi.NumerAPI.check_round_open asks, which does not say which round it is
_QUERY = """
query($tournament: Int!) {
  rounds(tournament: $tournament number: 0) {
    number
    openTime
    closeStakingTime
  }
}
"""
POLL = 300


class RoundUnknownError(ConnectionError):
    """The server does not say which round is open."""


@dataclass(frozen=True)
class Round:
    """A round that is open.

    Parameters
    ----------
    number : int
        Its number.

    closes : datetime
        Until when submissions are taken.
    """

    number: int
    closes: datetime


def open_round(client):
    """The round that is open.

    Parameters
    ----------
    client : Client
        Whom to ask, and whose clock counts.

    Returns
    -------
    current : Round
        The round.

    Raises
    ------
    RoundClosedError
        If none is.

    RoundUnknownError
        If the server answers something else.
    """
    try:
        rounds = client.raw_query(_QUERY, {"tournament": client.tournament_id})
        rounds = (rounds["data"] or {}).get("rounds")
    except RefusedError as error:
        # between two rounds the server answers with an error
        if "not open" in str(error):
            raise RoundClosedError(f"No round is open. {error}") from error
        raise RoundUnknownError(
            f"Numerai's server does not say which round is open: {error}"
        ) from error
    raw = rounds[0] if rounds else None
    if raw is None:
        raise RoundClosedError("No round is open: Numerai's server names none.")
    try:
        number = int(raw["number"])
        opens = _time(raw["openTime"])
        closes = _time(raw["closeStakingTime"])
    except (KeyError, TypeError, ValueError) as error:
        raise RoundUnknownError(
            f"Numerai's server describes the round in a way that is not known: {raw}"
        ) from error
    now = client.clock.now()
    if not opens < now < closes:
        done = "opens" if now <= opens else "was open until"
        when = opens if now <= opens else closes
        raise RoundClosedError(
            f"Round {number} {done} {when:%Y-%m-%d %H:%M} UTC, it is "
            f"{now:%Y-%m-%d %H:%M} UTC. Nothing was sent.",
            number=number,
        )
    return Round(number, closes)


def _time(text):
    time = parse_datetime_string(text)
    if time is None:
        raise ValueError("no time")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def wait_for_round(client, poll=POLL):
    """Wait until a round is open.

    Parameters
    ----------
    client : Client
        Whom to ask, and who waits.

    poll : float, default=300
        Seconds between two questions, spread by a quarter.

    Returns
    -------
    current : Round
        The round.
    """
    while True:
        try:
            return open_round(client)
        except RoundClosedError:
            client.clock.wait(client.clock.spread(poll))
