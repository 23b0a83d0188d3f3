"""The textbook customer lifetime values, with their conventions stated."""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import amount, count, number
from loyalty_helpers.scoring import VALUE_GROUPS, YEAR, buyers


def simple_clv(margin_per_period: float, periods: float) -> float:
    """Margin per period times the number of periods: nobody leaves, and later money counts like money now."""
    return margin_per_period * periods


def discounted_clv(margin_per_period: float, periods: float, *, discount: float, retention: float = 1.0,
                   timing: Literal["end", "start"] = "end", survival: Literal["t-1", "t"] = "t-1") -> float:
    """Sum over t = 1..periods of margin x probability of still being a customer / (1 + discount)^t.

    `discount` and `retention` are per period. The probability is retention^(t-1) by default (the first payment is
    certain), retention^t with survival="t". Payments fall at the end of each period, with timing="start" at its
    beginning, so that the first one is not discounted. `periods` may be math.inf. Raises UserError outside
    0 <= retention <= 1, discount >= 0, whole periods >= 0, and where an infinite sum has no limit.

    >>> round(discounted_clv(100, 2, discount=0.05), 2)
    185.94
    """
    if not 0 <= retention <= 1:
        raise UserError(f"Retention is a share from 0 to 1 per period; got {retention:g} (0.8 means 80 %).")
    if not discount >= 0:
        raise UserError(f"The discount rate must not be negative; got {discount:g} (0.05 means 5 %).")
    if not periods >= 0 or (math.isfinite(periods) and periods != int(periods)):
        raise UserError(f"The number of periods must be whole and not negative; got {periods:g}.")
    ratio = retention / (1 + discount)  # what a period takes off the next payment
    if math.isinf(periods):
        if ratio >= 1:
            raise UserError("Without a discount and with nobody leaving, an endless lifetime value has no limit; "
                            "give a horizon, a discount above 0 or a retention below 1.")
        payments = 1 / (1 - ratio)
    else:
        payments = sum(ratio**t for t in range(int(periods)))
    first = (retention if survival == "t" else 1) / (1 if timing == "start" else 1 + discount)
    return margin_per_period * first * payments


def clv_table(customers: pd.DataFrame, assigned: pd.DataFrame, *, gross_margin: float | None, horizon_years: int,
              discount: float, retention: float, currency: str) -> pd.DataFrame:
    """Simple and discounted value of the coming `horizon_years` per customer, by value group.

    The margin per year is spend x `gross_margin` over the years since the first order, counted as one year at least,
    so that nobody's few weeks are blown up to a year; without a known gross margin revenue stands in for margin, and
    the words say so. The discounted value uses end-of-year payments and survival r^t: `retention` is the share of one
    year's buyers who buy in the next, so of those who bought in the last year no more than that buy in the first one
    to come. The words say how many of 100 are left in each year, from which the value can be worked out. `assigned` has
    customer_id and value_group (`scoring.rfm`).

    Returns value_group, customers, margin_per_year, simple_clv, discounted_clv (per customer, in `currency`), total
    (discounted, all customers of the group), meaning. A rough guide without interval: it supposes that all customers
    of a group stay alike and leave at the same rate.
    """
    kept = buyers(customers).merge(assigned[["customer_id", "value_group"]], on="customer_id")
    years = kept["tenure_days"].astype("float64").clip(lower=YEAR) / YEAR
    yearly = kept["spend"].astype("float64") / years * (1 if gross_margin is None else gross_margin)
    groups = yearly.groupby(kept["value_group"]).agg(customers="size", margin_per_year="mean")
    groups = groups.reindex([group for group in VALUE_GROUPS if group in groups.index])
    factor = discounted_clv(1, horizon_years, discount=discount, retention=retention, survival="t")
    table = groups.assign(
        simple_clv=simple_clv(groups["margin_per_year"], horizon_years),
        discounted_clv=groups["margin_per_year"] * factor,
        total=groups["margin_per_year"] * factor * groups["customers"],
    ).rename_axis("value_group").reset_index()
    what = "revenue (no gross margin is known)" if gross_margin is None else "margin"
    off = f", {round(100 * discount, 2):g} % a year taken off" if discount else ""
    words = [f"{amount(value, currency)} of {what} each over {count(horizon_years, 'year')}: "
             f"{_left(retention, horizon_years)}, paid at the end of each year{off}"
             for value in table["discounted_clv"]]
    return table.assign(meaning=pd.Series(words, index=table.index, dtype="str"))


def _left(retention: float, years: int) -> str:
    """ "of 100 such customers 19 still buy in the first year to come, 4 in the second, 1 in the third"."""
    named = ("first year to come", "second", "third")
    left = [number(100 * retention**t, 0) for t in range(1, years + 1)]
    rest = [f"{n} in the {name}" for n, name in zip(left[1:], named[1:], strict=False)]
    last = [f"{left[-1]} in the last"] if years > len(named) else []
    return ", ".join([f"of 100 such customers {left[0]} still buy in the {named[0]}", *rest, *last])
