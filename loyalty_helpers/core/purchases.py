"""What a purchase is, who bought it, when the data end, how long a year is, and what is too few.

A purchase is one order of one customer that came to more than nothing after refunds. Ingest decides that once (see
`ingest.orders`): each purchase stands in one row with an order_id of its own, and every other row, a refund or an
order that came to nothing, has `is_refund` set (given back by a row of its own, an order keeps its money, which that
row takes off again). Nobody looks for repeated order numbers again. A shopping day, or
visit, is a customer and a day with at least one purchase: a cart can become two order numbers minutes apart, so who
came back is told by days, and how much was ordered by purchases.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from loyalty_helpers.core.settings import UserError

DAY, WEEK = pd.Timedelta(days=1), pd.Timedelta(days=7)
YEAR = 52 * WEEK  # of every window: 364 days, so that the same weekdays and the same season lie a year apart
CALENDAR_YEAR = 365.25  # days: where months, seasons and interest are reckoned, never of a window


class Fewest(NamedTuple):
    """Below how many of them something is not said: "too few", by what there is too little of."""

    units: int = 10  # customers (answers, cases): below this a bootstrap says little; no share, mean or interval
    repeaters: int = 10  # with a second shopping day: in 40 simulated shops of each size the simple rule came nearer
    # to the truth below ten of them, BG/NBD (where customers leave) or the NBD above
    per_variable: int = 10  # buyers, and others, for each variable of a regression (Peduzzi & al. 1996)
    each_way: int = 50  # buyers, and others, of a period that a model of several variables learns from
    ranked: int = 50  # customers put in order: of fewer the best tenth would be fewer than five people
    sorted: int = 30  # customers put into segments: of fewer there are not even ten in a third
    moved: int = 30  # customers of a window, whose moves say more of chance than of themselves below this
    values: int = 30  # customers with a repeat order and money left, for the Gamma-Gamma model
    spread: int = 300  # customers: below this no interval holds for how the revenue spreads over them
    buyers: int = 20  # of a category, below which it is not looked at
    both: int = 5  # buyers of two categories to be expected, below which the pair is not judged
    origins: int = 2  # forecasts of the past that an interval takes
    orders: float = 5.0  # that came after forecasts of the past, on average: of fewer no interval says anything


FEWEST = Fewest()


class Span(NamedTuple):
    """The days that the data cover, half-open: `first` with a row of orders, `end` the day after the last such day."""

    first: pd.Timestamp
    end: pd.Timestamp


def is_purchase(orders: pd.DataFrame) -> pd.Series:
    """Whether each row of `orders` is a purchase.

    By `is_refund`; a frame without that column (made by hand) goes by the amount, which must be above nothing.
    """
    return ~orders["is_refund"].astype(bool) if "is_refund" in orders else orders["amount"] > 0


def purchases(orders: pd.DataFrame, *, known: bool = False) -> pd.DataFrame:
    """One row per purchase, in the order given; with `known` only those of identified customers.

    `orders` are canonical (see the module), with any further columns. Refunds and orders that came to nothing are left
    out, and their money with them: revenue is the sum over `orders`, not over purchases.
    """
    kept = is_purchase(orders)
    return orders[kept & orders["customer_id"].notna()] if known else orders[kept]


def visits(orders: pd.DataFrame) -> pd.DataFrame:
    """One row per identified customer and day with a purchase: customer_id, day, purchases, amount.

    Sorted by customer and day. `purchases` counts those of the day, `amount` is their money (to a millionth, so that
    the order of the rows does not show), refunds not taken off. Days are those of the client's time zone.
    """
    rows = purchases(orders[[name for name in ("customer_id", "ordered_at", "amount", "is_refund") if name in orders]],
                     known=True)
    code, ids = pd.factorize(rows["customer_id"], sort=True)
    day = rows["ordered_at"].to_numpy(dtype="datetime64[D]").astype("int64")
    start = int(day.min(initial=0))
    length = int(day.max(initial=0)) - start + 1
    key = code * length + (day - start)
    place = np.argsort(key, kind="stable")
    key = key[place]
    at = np.flatnonzero(np.diff(key, prepend=-1))  # what np.unique does, many times faster on millions
    key, money = key[at], rows["amount"].to_numpy(dtype="float64")[place]
    return pd.DataFrame({
        "customer_id": pd.Series(ids, dtype=orders["customer_id"].dtype).take(key // length).reset_index(drop=True),
        "day": (key % length + start).astype("datetime64[D]").astype("datetime64[us]"),
        "purchases": np.diff(np.append(at, len(place))),
        "amount": np.round(np.add.reduceat(money, at) if len(at) else money, 6),
    })


def span(orders: pd.DataFrame) -> Span:
    """The first day with a row, and the day after the last one, in the client's time zone: of all rows, for a refund
    on the last day shows as well as a sale that the export reaches so far. UserError where no row has a date."""
    moments = orders["ordered_at"]
    if not moments.notna().any():
        raise UserError("There are no orders with a date, so that nothing can be measured.")
    return Span(moments.min().normalize(), moments.max().normalize() + DAY)
