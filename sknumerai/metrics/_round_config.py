"""A round as Numerai's API describes it, read for its rule of payment."""

# SPDX-License-Identifier: BSD-3-Clause

import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real

import numpy as np

# The API's names whose scores this package computes. Others keep theirs: an unknown
# score is not taken for a known one.
NAMES = {"correlation": "corr", "meta_model_contribution": "mmc"}
_SHORT = re.compile(r"(?:v2_)?(corr|mmc|bmc|fnc|tc)(\d*)")


def read_round_config(round_config):
    """Read the fields of a policy from one element of ``list_rounds``.

    Parameters
    ----------
    round_config : Mapping
        The round.

    Returns
    -------
    fields : dict
        Arguments of PayoutPolicy.
    """
    number, configs = _check_round(round_config)
    where = f"round {number}"
    paid = [
        _read_score(config, j, where)
        for j, config in enumerate(configs)
        if _is_paid(config, j, where)
    ]
    paid = [score for score in _newest(paid) if score["weight"]]
    if not paid:
        names = [config.get("displayName") or config["name"] for config in configs]
        raise ValueError(
            f"PayoutPolicy: {where} pays for no score: none of {names} has isPayout "
            "and a defaultMultiplier other than 0. Is it a round of a tournament that "
            "pays, and not a trial?"
        )
    factor = _common(paid, "payoutFactor", where)
    threshold = _common(paid, "stakeThreshold", where)
    if factor is None:
        factor = _number(round_config.get("payoutFactor"), "payoutFactor", where)
    if threshold is None:
        threshold = _number(round_config.get("stakeThreshold"), "stakeThreshold", where)
    horizons = {score["days"] for score in paid}
    target = round_config.get("target")
    opened = round_config.get("openTime")
    return {
        "weights": _weights(paid),
        "clip": _common(paid, "clipThreshold", where),
        "payout_factor": factor,
        "stake_threshold": threshold,
        "target": target if isinstance(target, str) and target else None,
        "horizon": horizons.pop() if len(horizons) == 1 else None,
        "first_round": number,
        "last_round": number,
        "first_date": opened,
        "last_date": opened,
        "name": where,
    }


def _check_round(round_config):
    if not isinstance(round_config, Mapping):
        raise TypeError(
            "PayoutPolicy: a round must be a dict, one element of "
            f"numerapi.NumerAPI().list_rounds(). Got {type(round_config).__name__}."
        )
    configs = round_config.get("roundScoreConfigs")
    if not isinstance(configs, list | tuple) or not configs:
        raise ValueError(
            "PayoutPolicy: the round has no list 'roundScoreConfigs', which list_rounds "
            f"gives from numerapi 2.24 on. Got the keys {sorted(map(str, round_config))}."
        )
    for j, config in enumerate(configs):
        if not isinstance(config, Mapping):
            raise TypeError(
                f"PayoutPolicy: roundScoreConfigs[{j}] must be a dict. Got {config!r}."
            )
        missing = [k for k in ("name", "isPayout") if config.get(k) is None]
        if missing:
            raise ValueError(
                f"PayoutPolicy: roundScoreConfigs[{j}] says nothing of {missing}. Got "
                f"{dict(config)}."
            )
    number = _count(round_config.get("number"), "number", "the round")
    if number is None:
        raise ValueError("PayoutPolicy: the round has no 'number'.")
    return number, configs


def _is_paid(config, j, where):
    value = config["isPayout"]
    if not isinstance(value, bool | np.bool_):
        raise TypeError(
            f"PayoutPolicy: isPayout of roundScoreConfigs[{j}] of {where} must be True "
            f"or False. Got {value!r}."
        )
    return bool(value)


def _read_score(config, j, where):
    where = f"roundScoreConfigs[{j}] of {where}"
    name = str(config["name"]).strip().lower()
    display = str(config.get("displayName") or "").strip().lower()
    weight = _number(config.get("defaultMultiplier"), "defaultMultiplier", where)
    if weight is None:
        raise ValueError(
            f"PayoutPolicy: {where} ({name}) is paid and has no defaultMultiplier."
        )
    days = _count(config.get("totalScoreDays"), "totalScoreDays", where)
    for label in (name, display):
        short = _SHORT.fullmatch(label)
        if short and days is None and short[2]:
            days = int(short[2])
    short = _SHORT.fullmatch(name)
    key = NAMES.get(name) or (short[1] if short else name)
    keys = ("clipThreshold", "payoutFactor", "stakeThreshold")
    return {
        "key": key,
        "days": days,
        "weight": weight,
        "age": (
            _count(config.get("roundNumberStart"), "roundNumberStart", where) or 0,
            _version(config.get("version")),
            _version(config.get("id")),
        ),
        **{k: _number(config.get(k), k, where) for k in keys},
    }


def _newest(paid):
    newest = {}
    for score in paid:
        identity = score["key"], score["days"]
        if identity not in newest or newest[identity]["age"] < score["age"]:
            newest[identity] = score
    return list(newest.values())


def _weights(scores):
    keys = [score["key"] for score in scores]
    weights = {}
    for score in scores:
        key = score["key"]
        if keys.count(key) > 1:
            key = f"{key}{score['days'] or ''}"
        weights[key] = score["weight"]
    return weights


def _common(paid, key, where):
    values = {score[key] for score in paid} - {None}
    if len(values) > 1:
        said = {score["key"]: score[key] for score in paid}
        raise ValueError(
            f"PayoutPolicy: the scores of {where} differ in {key}: {said}. A policy "
            "has one for their sum."
        )
    return values.pop() if values else None


def _number(value, key, where):
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
            raise TypeError
        number = float(value.replace(",", "") if isinstance(value, str) else value)
        if not np.isfinite(number):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"PayoutPolicy: {key} of {where} must be a number. Got {value!r}."
        ) from error
    return number


def _count(value, key, where):
    number = _number(value, key, where)
    if number is None:
        return None
    if number != int(number):
        raise ValueError(
            f"PayoutPolicy: {key} of {where} must be a whole number. Got {value!r}."
        )
    return int(number)


def _version(value):
    # "10" is newer than "9"; what has no number sorts by its text
    parts = re.findall(r"\d+|\D+", "" if value is None else str(value))
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]
