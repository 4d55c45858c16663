"""The rules of payment that Numerai announced, as far as they are known."""

# SPDX-License-Identifier: BSD-3-Clause

# Rules without a choice. Last bounds are those of the next rule.
FIXED_RULES = (
    {
        "weights": {"corr": 0.5, "mmc": 2.0},
        "clip": 0.05,
        "stake_threshold": 72_000,
        "target": "target_cyrus_20",
        "horizon": 20,
        "first_round": 650,
        "last_round": 1171,
        "first_date": "2024-01-02",
        "last_date": "2025-12-31",
        "name": "cyrus20",
    },
    {
        "weights": {"corr": 0.75, "mmc": 2.25},
        "clip": 0.05,
        "stake_threshold": 72_000,
        "target": "target_ender_20",
        "horizon": 20,
        "first_round": 1172,
        "last_round": 1342,
        "first_date": "2026-01-01",
        "last_date": "2026-08-27",
        "name": "ender20",
    },
    {
        "weights": {"corr": 3.0, "mmc": 15.0},
        "clip": 1.0,
        "payout_factor": 1.0,
        "target": "target_ender_60",
        "horizon": 60,
        "first_round": 1343,
        "first_date": "2026-08-28",
        "name": "ender60",
    },
)
CHOICE_RULES = (
    {
        "clip": 0.25,
        "stake_threshold": 300_000,
        "first_round": 311,
        "last_round": 474,
        "first_date": "2022-04-09",
        "last_date": "2023-04-30",
        "name": "tc_weekly",
    },
    {
        "clip": 0.05,
        "stake_threshold": 72_000,
        "first_round": 475,
        "last_round": 588,
        "first_date": "2023-05-01",
        "last_date": "2023-10-06",
        "name": "tc_daily",
    },
    {
        "clip": 0.05,
        "stake_threshold": 72_000,
        "first_round": 589,
        "last_round": 649,
        "first_date": "2023-10-07",
        "last_date": "2024-01-01",
        "name": "tc_last",
    },
)


def check_choice(policy):
    """Raise if a staker could not choose a policy's multipliers at its time."""
    corr, tc = policy.weights["corr"], policy.weights["tc"]
    is_last = policy.name == CHOICE_RULES[-1]["name"]
    most_corr, most_tc = (2, 1) if is_last else (1, 3)
    fits = all(w % 0.5 == 0 for w in (corr, tc))
    fits = fits and 0 <= corr <= most_corr and 0 <= tc <= most_tc
    if fits and not (is_last and tc and corr != 2):
        return
    with_corr = ", and tc only with corr=2" if is_last else ""
    raise ValueError(
        f"PayoutPolicy: in rounds {policy.first_round} to {policy.last_round} a staker "
        f"could choose corr from 0 to {most_corr} and tc from 0 to {most_tc} in halves"
        f"{with_corr}. Got corr={corr:g}, tc={tc:g}."
    )
