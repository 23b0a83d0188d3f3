"""Customers who bought: who counts, which values are known, and where a value stands among others.

Everything starts from the `customers` frame of tables.py (one row per identified customer, money in the client's
currency, days counted back from the end of the data). Customers with refunds only have bought nothing that could be
scored: they are left out of every score and kept in every total.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.intervals import Share
from loyalty_helpers.core.messages import Message, Persons, message
from loyalty_helpers.core.purchases import DAY, FEWEST, YEAR, visits

CONFIDENCE = 0.95


def buyers(customers: pd.DataFrame) -> pd.DataFrame:
    """The customers who can be scored, those with at least one order, numbered anew in the order given."""
    return customers[known_values(customers, "orders") > 0].reset_index(drop=True)


def known_values(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, nan where missing, to eleven digits; all nan where the frame has no such column.

    Sums of the same amounts added in another order differ in the last digits; without rounding, customers who spent
    the same would not tie.
    """
    if column not in frame:
        return np.full(len(frame), NAN)
    mantissa, exponent = np.frexp(frame[column].to_numpy(dtype="float64", na_value=NAN))
    return np.ldexp(np.round(mantissa * 2**36), exponent - 36)


def percentile_ranks(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Mid-rank of `values` among `reference`, 0 to 1: ties share the middle of their ranks; nan stays nan."""
    ranked = np.sort(reference[~np.isnan(reference)])
    if not len(ranked):
        return np.full(len(values), NAN)
    below, upto = np.searchsorted(ranked, values, "left"), np.searchsorted(ranked, values, "right")
    return np.where(np.isnan(values), NAN, (below + upto) / (2 * len(ranked)))


def came_back(customers: pd.DataFrame) -> pd.Series:
    """Whether each of `tables.customers` bought on two days or more: a cart can become two orders minutes apart."""
    return customers["last_order_at"].dt.normalize() > customers["first_order_at"].dt.normalize()


def share_of(label: Message, hits: int, n: int, *, noun: str = "customer", note: Message | str = "") -> Finding:
    """A share with its Wilson interval; `note` says what is missing where there is nobody to count."""
    if not n:
        return Finding(label=label, unit="share", estimate=NAN, note=note)
    share, low, high, _, method = Share(hits, n).level(CONFIDENCE)
    return Finding(label=label, unit="share", estimate=share, low=low, high=high, n=n, n_noun=noun, method=method)


@dataclass(frozen=True)
class Pace:
    """How fast this shop's customers come back: the usual gap, and from when on nobody counts as active any more.

    `returned` counts the customers who bought on two days or more: those from whom it is known.
    """

    gap_days: float
    activity_days: int
    returned: int

    @property
    def sentence(self) -> Message:
        known = self.returned >= FEWEST.units
        return message("pace", known="yes" if known else "no", returned=Persons(self.returned),
                       days=self.activity_days, gap=round(self.gap_days))


NO_PACE = Pace(NAN, NAN, 0)  # a nan bounds nothing


def pace(orders: pd.DataFrame, *, activity_days: int) -> Pace:
    """The shop's pace: the median gap between a customer's days with an order, over all gaps, and `activity_days` as
    `kpis.activity_window` has it.

    Where fewer than ten customers came back, their few gaps say nothing of the others: both are a year then.
    """
    days = visits(orders)
    gaps = (days["day"].diff() / DAY)[days["customer_id"].eq(days["customer_id"].shift())]
    returned = int((days["customer_id"].value_counts() > 1).sum())
    if returned < FEWEST.units:
        return Pace(float(YEAR / DAY), YEAR // DAY, returned)
    return Pace(float(gaps.median()), activity_days, returned)
