"""Rungs 0 and 1: before and after.

The usual comparisons, shown because they are usual and labelled as biased, and the plain description of the whole shop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import Effect
from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.purchases import WEEK, purchases
from loyalty_helpers.core.windows import Windows
from loyalty_helpers.evaluation.said import counted, joined, yes
from loyalty_helpers.evaluation.weeks import (
    FOLLOW_UP,
    NO_LAUNCH,
    UNLISTED,
    Frames,
    first_joining,
    missing,
)

MIN_BUYERS = 10  # customers with an order, on each side of a naive comparison
RESAMPLES, SEED = 1000, 20240229
# the usual comparisons, and whom they speak of; the catalogue says why each is biased
NAIVE = {"naive-after": "everyone", "naive-season": "everyone", "naive-joining": "members", "naive-members": "members"}


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
        return [missing(message(key), why_not, scope=scope) for key, scope in NAIVE.items()]
    bought, members = purchases(frames["orders"], known=True), first_joining(frames)
    span = min(windows.after_end - windows.after_start, windows.launch - windows.data_start)
    unmatched = None if windows.season_matched else message("naive-unmatched")
    nobody = UNLISTED if members.empty else None
    around, left_out = _around_joining(bought, members, windows)
    samples = [
        (_pairs(bought, (windows.launch - span, windows.launch),
                (windows.after_start, windows.after_start + span)), None, None),
        (_pairs(bought, *_spans(windows)), None, unmatched),
        (around, left_out, nobody),
        (_by_membership(bought, members, windows), None, nobody),
    ]
    return [_compared(message(key), sample, note=joined([message(f"{key}-why"), more]), why_not=why_not, scope=scope,
                      confidence=confidence)
            for (key, scope), (sample, more, why_not) in zip(NAIVE.items(), samples, strict=True)]


def describe(frames: Frames, windows: Windows | None, *, confidence: float = 0.95) -> Effect:
    """Rung 1: orders per week of the whole shop, after against before (grade E); it changed, nothing more is said.

    The windows are those of the KPIs, a year apart where the data reach that far. Anonymous orders count, each as a
    customer of its own; the interval comes from resampling customers.
    """
    matched = yes(windows is not None and windows.season_matched)
    label = message("description", matched=matched)
    if why_not := _nothing_after(windows):
        return missing(label, why_not, rung=1, scope="everyone")
    bought = purchases(frames["orders"])
    named = bought["customer_id"].fillna("anonymous order " + bought["order_id"])
    return _compared(label, _pairs(bought.assign(customer_id=named), *_spans(windows)), rung=1, scope="everyone",
                     confidence=confidence, note=message("description-why", matched=matched))


def _nothing_after(windows: Windows | None) -> Message | None:
    """Why nothing can be compared; None where something can."""
    if windows is None:
        return NO_LAUNCH
    return None if windows.after_start < windows.after_end else message("orders-end-before")


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


def _around_joining(bought: pd.DataFrame, members: pd.DataFrame, windows: Windows) -> tuple[np.ndarray, Message | None]:
    """The sample of members, 13 weeks to both sides of the day of joining; and who was left out."""
    reach, day = FOLLOW_UP * WEEK, members["joined_at"]
    used = members[(day >= windows.launch) & (day - reach >= windows.data_start) & (day + reach <= windows.data_end)]
    rows = bought.merge(used, on="customer_id")
    since = rows["ordered_at"] - rows["joined_at"]
    before, after = (rows["customer_id"][side].value_counts().reindex(used["customer_id"], fill_value=0)
                     for side in (since.between(-reach, 0 * WEEK, inclusive="left"),
                                  since.between(0 * WEEK, reach, inclusive="left")))
    left_out = len(members) - len(used)
    return _sample(before, after), message("naive-left-out", members=counted(left_out, "member"),
                                           weeks=FOLLOW_UP) if left_out else None


def _by_membership(bought: pd.DataFrame, members: pd.DataFrame, windows: Windows) -> np.ndarray:
    """The sample of all with an order in the after window: non-members stand for before, members for after."""
    at = bought["ordered_at"]
    counts = bought.loc[(at >= windows.after_start) & (at < windows.after_end), "customer_id"].value_counts()
    member = counts.index.isin(members.loc[members["joined_at"] < windows.after_end, "customer_id"])
    return _sample(counts * ~member, counts * member, ~member, member)


def _compared(label: Message, sample: np.ndarray, *, confidence: float, why_not: Message | None = None, rung: int = 0,
              scope: str = "members", note: Message | str = "") -> Effect:
    """The lift of mean orders after over mean orders before, with its interval from RESAMPLES draws of customers."""
    if not why_not and (sample[:, :2] > 0).sum(axis=0).min() < MIN_BUYERS:
        why_not = message("naive-few", least=MIN_BUYERS)
    if why_not:
        return missing(label, why_not, rung=rung, scope=scope)
    # equal rows are drawn together, which is much faster than one by one
    kinds, times = np.unique(sample, axis=0, return_counts=True)
    draws = np.random.default_rng(SEED).multinomial(len(sample), times / len(sample), size=RESAMPLES)
    sums = np.vstack([sample.sum(axis=0), draws @ kinds.astype(float)])
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may have no order on one side
        lifts = (sums[:, 1] / sums[:, 3]) / (sums[:, 0] / sums[:, 2]) - 1
    low, high = np.nanquantile(lifts[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Effect(label=label, outcome="orders", unit="lift", rung=rung, grade="E", scope=scope,
                  estimate=lifts[0], low=low, high=high, confidence=confidence, n=len(sample),
                  n_treated=int(sample[:, 3].sum()), n_comparison=int(sample[:, 2].sum()), note=note)
