"""Who gets the rewards: members by what they bought before joining.

People join while they are buying: those who happened to buy little before go back up to their usual pace, those who
happened to buy much back down, whatever a program does. So changes of groups describe, and measure nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import binom

from loyalty_helpers.core.findings import NAN, Effect, Finding
from loyalty_helpers.core.intervals import Ratio
from loyalty_helpers.core.messages import message
from loyalty_helpers.core.purchases import WEEK, YEAR, purchases, span
from loyalty_helpers.core.settings import Client
from loyalty_helpers.evaluation.money import costs, first_day_after
from loyalty_helpers.evaluation.panel import USABLE
from loyalty_helpers.evaluation.said import percent
from loyalty_helpers.evaluation.till import MIN_JOINERS, joiners
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, Frames, first_joining

SEGMENTS = ["new", "light", "middle", "heavy", "unknown"]  # keys of the catalogue (segment-...)
COLUMNS = ["segment", "orders_low", "orders_high", "members", "spend", "rewards", "members_share", "rewards_share",
           "per_week_before", "per_week_after", "change_described", "lift", "low", "high"]


def by_segment(frames: Frames, client: Client, effects: Mapping[str, Effect] | None = None) -> pd.DataFrame:
    """Members by what they bought before joining (`segments`): who they are, what they spent, who gets the rewards.

    segment; orders_low and orders_high (fewest and most orders in the 52 weeks before joining); members; spend and
    rewards since joining (or the launch) in the client's currency; members_share and rewards_share of all members;
    per_week_before and per_week_after, orders per member and week (before: up to 52 weeks since the member's first
    order, that order not counted; after: from the day after joining); change_described, the relative change of these,
    which describes only (see the module); lift, low, high of the segment's own effect in `effects`, for 50 usable
    joiners or more. Members and rewards add up to those of `costs`. Empty without launch or members.
    """
    member = _histories(frames, client)
    if member.empty:
        return pd.DataFrame(columns=COLUMNS)
    table = {row.item.key: row.value for row in costs(frames, client).itertuples()}
    usable = joiners(frames, launched_on=client.program.launched_on).reindex(member.index) == USABLE
    rows, by = [], _segment(member)
    rewarded = member.groupby(by, observed=True)["spent"].sum().clip(lower=0)  # net refunds earn no rewards
    for name, of in member.assign(usable=usable).groupby(by, observed=True):
        part = rewarded[name] / rewarded.sum() if table["roi-spending"] > 0 else NAN
        rates = [of[f"orders_{side}"].sum() / weeks if (weeks := of[f"weeks_{side}"].sum()) > 0 else NAN
                 for side in ("before", "after")]
        effect = (effects or {}).get(name) if of["usable"].sum() >= MIN_JOINERS else None
        rows.append({
            "segment": name,
            "orders_low": int(of["year"].min()),
            "orders_high": int(of["year"].max()),
            "members": len(of),
            "spend": of["spent"].sum(),
            "rewards": part * table["roi-rewards"],
            "members_share": len(of) / len(member),
            "rewards_share": part,
            "per_week_before": rates[0],
            "per_week_after": rates[1],
            "change_described": rates[1] / rates[0] - 1 if rates[0] > 0 else NAN,
            **{key: getattr(effect, end) if effect and not effect.refused else NAN
               for key, end in (("lift", "estimate"), ("low", "low"), ("high", "high"))},
        })
    return pd.DataFrame(rows, columns=COLUMNS)


def segments(frames: Frames, client: Client) -> pd.Series:
    """Each member's segment, by customer_id: one of SEGMENTS, in that order.

    New customers had no order before the day of joining. The others are cut in thirds by their orders in the 52 weeks
    before it; equal numbers stay together, so that a third may be larger, or empty.
    """
    return _segment(_histories(frames, client))


def rewards_to_unchanged(frames: Frames, client: Client, *, confidence: float = 0.95) -> Finding:
    """Share of rewards that went to members who bought no more often after joining than before: a description.

    Rewards go with spending since joining. "No more often": orders per week from the day after joining are not above
    those of the up to 52 weeks before it (since the member's first order, that order not counted); only members seen
    for 13 weeks or more on both sides. No customer's own few orders could prove a change, so none is tested; instead
    `note` gives the share that chance alone would give had nobody changed: each member's n orders fall after joining
    with the probability of their weeks, binomially (the conditional test of two Poisson rates, Przyborowski & Wilenski
    1940), and E[a; a <= np] = np P(Bin(n - 1, p) <= floor(np) - 1). The interval is from resampling members.
    """
    shared = {"label": message("rewards-unchanged"), "unit": "share", "n_noun": "member", "hits": False,
              "confidence": confidence}
    everybody = _histories(frames, client)
    member = everybody[(everybody["weeks_before"] >= FOLLOW_UP) & (everybody["weeks_after"] >= FOLLOW_UP)]
    spent = member["spent"].clip(lower=0)
    if not spent.sum() > 0:
        return Finding(**shared, estimate=NAN, note=message("rewards-unseen", weeks=FOLLOW_UP))
    n = member["orders_before"] + member["orders_after"]
    p = member["weeks_after"] / (member["weeks_before"] + member["weeks_after"])
    most = np.floor(n * p + 1e-9)  # orders after joining that are no more often than before
    same = member["orders_after"] <= most
    at_joining = (member["spent"] - member["spent_after"]).clip(lower=0)
    by_chance = (at_joining * binom.cdf(most, n, p)
                 + member["basket"] * n * p * binom.cdf(most - 1, np.maximum(n - 1, 0), p)).sum()
    expected = by_chance / (at_joining + member["basket"] * n * p).sum()
    found = Ratio(spent.where(same, 0.0), spent).level(confidence)
    covered = spent.sum() / everybody["spent"].clip(lower=0).sum()
    return Finding(
        **shared, estimate=found.estimate, low=max(found.low, 0.0), high=min(found.high, 1.0), n=len(member),
        method=found.method,
        note=message("rewards-note", weeks=FOLLOW_UP, covered=percent(covered), expected=percent(expected)))


def _histories(frames: Frames, client: Client) -> pd.DataFrame:
    """One row per member who joined before the data end, by customer_id; empty without a launch before that.

    first (order); year: orders in the 52 weeks before the day of joining; orders_before and weeks_before: the same
    since the first order, that order not counted; orders_after and weeks_after: from the day after joining (or the
    launch); spent: since joining (or the launch), spent_after: without the day of joining; basket: mean net order.
    """
    start, end = pd.Timestamp(client.program.launched_on), span(frames["orders"]).end
    member = first_joining(frames).set_index("customer_id")
    member = member[member["joined_at"] < (end if start < end else pd.Timestamp.min)]
    known = frames["orders"][frames["orders"]["customer_id"].isin(member.index)]
    bought = purchases(known)
    member = member.assign(first=bought.groupby("customer_id")["ordered_at"].min(),
                           after=first_day_after(member["joined_at"], start),
                           until=member["left_at"].clip(upper=end).fillna(end))
    order, row = (part.join(member, on="customer_id") for part in (bought, known))
    at, since = order["ordered_at"], row["joined_at"].clip(lower=start)
    before = (at < order["joined_at"]) & (at >= order["joined_at"] - YEAR)
    paid = row["ordered_at"] < row["until"]
    of_member = {
        "year": _per_member(order[before]),
        "orders_before": _per_member(order[before & (at > order["first"])]),
        "orders_after": _per_member(order[(at >= order["after"]) & (at < order["until"])]),
        "spent": _per_member(row[paid & (row["ordered_at"] >= since)], "amount"),
        "spent_after": _per_member(row[paid & (row["ordered_at"] >= row["after"])], "amount"),
        "basket": (_per_member(row, "amount") / _per_member(order)).clip(lower=0),
    }
    filled = {name: values.reindex(member.index).fillna(0.0) for name, values in of_member.items()}
    begin = member["first"].clip(lower=member["joined_at"] - YEAR)
    return member.assign(**filled, weeks_before=((member["joined_at"] - begin) / WEEK).clip(lower=0).fillna(0.0),
                         weeks_after=((member["until"] - member["after"]) / WEEK).clip(lower=0))


def _per_member(rows: pd.DataFrame, column: str | None = None) -> pd.Series:
    by = rows.groupby("customer_id")
    return by.size().astype(float) if column is None else by[column].sum()


def _segment(member: pd.DataFrame) -> pd.Series:
    old = member["first"] < member["joined_at"]
    third, two_thirds = member.loc[old, "year"].quantile([1 / 3, 2 / 3])
    named = np.select([member["first"].isna(), ~old, member["year"] <= third, member["year"] <= two_thirds],
                      [SEGMENTS[4], *SEGMENTS[:3]], default=SEGMENTS[3])
    return pd.Series(pd.Categorical(named, SEGMENTS, ordered=True), index=member.index, name="segment")
