"""Rungs 0 and 1: before and after.

The usual comparisons, shown because they are usual and labelled as biased, and the plain description of the whole shop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import Effect, count
from loyalty_helpers.core.purchases import WEEK, purchases
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, NO_LAUNCH, Frames, first_joining, missing

if TYPE_CHECKING:
    from loyalty_helpers.evaluation.kpis import Windows

MIN_BUYERS = 10  # customers with an order, on each side of a naive comparison
RESAMPLES, SEED = 1000, 20240229
# the usual comparisons: whom they speak of, and why they are biased
NAIVE = {
    "all customers, after v. before": ("everyone", (
        "Season, growth and whatever else differs between the two periods is in it, and customers who found the shop "
        "later count as customers who bought nothing before.")),
    "all customers, same season a year before": ("everyone", (
        "The season is taken out, but a year of growth and whatever else changed is still in it.")),
    "members, after v. before joining": ("members", (
        "People join at an order, while they are buying: that order counts as after, and quieter weeks count as "
        "before, even where the program does nothing.")),
    "members v. non-members, after": ("members", (
        "Good customers join more often than others: this shows who joins, not what the program does.")),
}


def naive(frames: Frames, windows: Windows | None, *, confidence: float = 0.95) -> list[Effect]:
    """The four usual comparisons, all biased upwards (rung 0, grade E); each note says why in one sentence.

    Lifts of orders per customer and week, with percentile intervals from resampling customers. (1) All identified
    customers: `windows`' after against as many days up to the launch. (2) The same against the same season a year
    earlier. (3) Members who joined since the launch: the 13 weeks from the day of joining (the joining order counts,
    as is usual) against the 13 weeks before it. (4) Members against non-members in the after window, over customers
    with an order in it. A comparison that cannot be had is missing, with the reason as its note; all are where
    `windows` is None, for want of a launch date.
    """
    if why_not := _nothing_after(windows):
        return [missing(label, why_not, scope=scope) for label, (scope, _) in NAIVE.items()]
    bought, joined = purchases(frames["orders"], known=True), first_joining(frames)
    span = min(windows.after_end - windows.after_start, windows.launch - windows.data_start)
    unmatched = "" if windows.season_matched else "the orders do not reach back to the same season a year before"
    nobody = "there is no member list with dates of joining" if joined.empty else ""
    around, left_out = _around_joining(bought, joined, windows)
    samples = [
        (_pairs(bought, (windows.launch - span, windows.launch),
                (windows.after_start, windows.after_start + span)), "", ""),
        (_pairs(bought, *_spans(windows)), "", unmatched),
        (around, left_out, nobody),
        (_by_membership(bought, joined, windows), "", nobody),
    ]
    return [_compared(label, sample, note=why + more, why_not=why_not, scope=scope, confidence=confidence)
            for (label, (scope, why)), (sample, more, why_not) in zip(NAIVE.items(), samples, strict=True)]


def describe(frames: Frames, windows: Windows | None, *, confidence: float = 0.95) -> Effect:
    """Rung 1: orders per week of the whole shop, after against before (grade E); it changed, nothing more is said.

    The windows are those of the KPIs, a year apart where the data reach that far. Anonymous orders count, each as a
    customer of its own; the interval comes from resampling customers.
    """
    matched = windows is not None and windows.season_matched
    label = "whole shop, same season a year before" if matched else "whole shop, after v. before"
    if why_not := _nothing_after(windows):
        return missing(label, why_not, rung=1, scope="everyone")
    bought = purchases(frames["orders"])
    named = bought["customer_id"].fillna("anonymous order " + bought["order_id"])
    note = f"{'A year of growth' if matched else 'Season, growth'} and whatever else changed is in it."
    return _compared(label, _pairs(bought.assign(customer_id=named), *_spans(windows)), rung=1, scope="everyone",
                     confidence=confidence, note=note)


def _nothing_after(windows: Windows | None) -> str:
    """Why nothing can be compared; "" where something can."""
    if windows is None:
        return NO_LAUNCH
    return "" if windows.after_start < windows.after_end else "the orders end before the time to be compared begins"


def _spans(windows: Windows) -> tuple[tuple, tuple]:
    return (windows.before_start, windows.before_end), (windows.after_start, windows.after_end)


def _sample(before: np.ndarray, after: np.ndarray, in_before: Any = 1, in_after: Any = 1) -> np.ndarray:
    """One row per customer: orders before and after, and whether the customer stands for before and for after."""
    return np.column_stack([*np.broadcast_arrays(before, after, in_before, in_after)]).astype(int)


def _pairs(bought: pd.DataFrame, before: tuple, after: tuple) -> np.ndarray:
    """The sample of all customers who ordered in either window."""
    at = bought["ordered_at"]
    counts = [bought.loc[(at >= start) & (at < end), "customer_id"].value_counts() for start, end in (before, after)]
    return _sample(*pd.concat(counts, axis=1).fillna(0).to_numpy().T)


def _around_joining(bought: pd.DataFrame, joined: pd.DataFrame, windows: Windows) -> tuple[np.ndarray, str]:
    """The sample of members, 13 weeks to both sides of the day of joining; and who was left out, in words."""
    reach, day = FOLLOW_UP * WEEK, joined["joined_at"]
    used = joined[(day >= windows.launch) & (day - reach >= windows.data_start) & (day + reach <= windows.data_end)]
    rows = bought.merge(used, on="customer_id")
    since = rows["ordered_at"] - rows["joined_at"]
    before, after = (rows["customer_id"][side].value_counts().reindex(used["customer_id"], fill_value=0)
                     for side in (since.between(-reach, 0 * WEEK, inclusive="left"),
                                  since.between(0 * WEEK, reach, inclusive="left")))
    left_out = len(joined) - len(used)
    words = f" {count(left_out, 'member')} left out: joined before the launch, or without {FOLLOW_UP} weeks of data on "
    return _sample(before, after), f"{words}both sides." if left_out else ""


def _by_membership(bought: pd.DataFrame, joined: pd.DataFrame, windows: Windows) -> np.ndarray:
    """The sample of all with an order in the after window: non-members stand for before, members for after."""
    at = bought["ordered_at"]
    counts = bought.loc[(at >= windows.after_start) & (at < windows.after_end), "customer_id"].value_counts()
    member = counts.index.isin(joined.loc[joined["joined_at"] < windows.after_end, "customer_id"])
    return _sample(counts * ~member, counts * member, ~member, member)


def _compared(label: str, sample: np.ndarray, *, confidence: float, why_not: str = "", rung: int = 0,
              scope: str = "members", note: str = "") -> Effect:
    """The lift of mean orders after over mean orders before, with its interval from RESAMPLES draws of customers."""
    if not why_not and (sample[:, :2] > 0).sum(axis=0).min() < MIN_BUYERS:
        why_not = f"fewer than {MIN_BUYERS} customers with orders on one of the two sides"
    if why_not:
        return missing(label, why_not, rung=rung, scope=scope)
    # equal rows are drawn together, which is much faster than one by one
    kinds, times = np.unique(sample, axis=0, return_counts=True)
    draws = np.random.default_rng(SEED).multinomial(len(sample), times / len(sample), size=RESAMPLES)
    sums = np.vstack([sample.sum(axis=0), draws @ kinds.astype(float)])
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may have no order on one side
        lifts = (sums[:, 1] / sums[:, 3]) / (sums[:, 0] / sums[:, 2]) - 1
    low, high = np.nanquantile(lifts[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Effect(label=label, method=label, outcome="orders", unit="lift", rung=rung, grade="E", scope=scope,
                  estimate=lifts[0], low=low, high=high, confidence=confidence, n=len(sample),
                  n_treated=int(sample[:, 3].sum()), n_comparison=int(sample[:, 2].sum()), note=note)
