"""Canonical tables: one row per customer, one per customer and week, and the files they are kept in.

`customers` and `customer_weeks` are written once, in Narwhals: the same lines run on pandas frames and, lazily, on
DuckDB relations (10 million orders in seconds), and give back what they were given. Everything else here reads and
writes files, and never leaves a half-written one behind.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pandas as pd

from loyalty_helpers.core.purchases import DAY

if TYPE_CHECKING:
    pass

MICROS = DAY // pd.Timedelta(microseconds=1)  # of a day


# ---------------------------------------------------------------- orders -> customers, customer_weeks
def customers(orders: Any, *, as_of: date, members: Any = None) -> Any:
    """One row per identified customer, sorted by customer_id, in the kind of frame that `orders` is.

    `orders` (canonical; pandas frame or DuckDB relation) is taken whole: cut it to the period wanted before. `orders`
    counts purchases (see core.purchases); `spend` is the money of all rows, refunds included, in the client's
    currency; `mean_order` is spend / orders. `categories` counts the distinct known categories bought, missing where
    none is known; `rating` is the mean of the known ratings. `recency_days` and `tenure_days` are whole days, rounded
    down, from the last and the first order to `as_of` (a date means its first instant, in the client's time zone).
    `joined_at` is the customer's first one in `members` (the same kind of frame: customer_id, joined_at).

    A customer with refunds only has 0 orders and no dates, mean or recency. Anonymous orders appear nowhere.
    """
    ordered = (
        _identified(orders)
        .with_columns(unknown=nw.col("category").is_null().cast(nw.Int64))
        .group_by("customer_id")
        .agg(
            nw.col("bought_at").min().alias("first_order_at"),
            nw.col("bought_at").max().alias("last_order_at"),
            nw.col("counted").sum().alias("orders"),
            nw.col("amount").sum().alias("spend"),
            nw.col("category").n_unique().alias("categories"),  # a missing one counts as one here
            nw.col("unknown").max(),
            nw.col("rating").mean(),
        )
    )
    known = nw.col("categories") - nw.col("unknown")
    now = nw.lit(_moment(as_of))
    result = (
        _with_joined_at(ordered, members)
        .select(
            "customer_id", "first_order_at", "last_order_at", nw.col("orders").cast(nw.Int64), "spend",
            nw.when(nw.col("orders") > 0).then(nw.col("spend") / nw.col("orders")).alias("mean_order"),
            nw.when(known > 0).then(known).cast(nw.Float64).alias("categories"),
            "rating",
            _whole(now - nw.col("last_order_at"), MICROS).cast(nw.Float64).alias("recency_days"),
            _whole(now - nw.col("first_order_at"), MICROS).cast(nw.Float64).alias("tenure_days"),
            "joined_at",
        )
        .sort("customer_id")
    )
    return nw.maybe_reset_index(result).to_native()


def customer_weeks(orders: Any, *, origin: date) -> Any:
    """One row per identified customer and week with any row of `orders`, sorted, in the kind of frame `orders` is.

    `week` counts whole weeks from `origin` (its first instant, in the client's time zone), rounded down: -1 is the
    week that ends there. `orders` and `spend` as in `customers`, with the same totals.
    """
    week = _whole(nw.col("ordered_at") - nw.lit(_moment(origin)), 7 * MICROS)
    result = (
        _identified(orders)
        .with_columns(week=week)
        .group_by("customer_id", "week")
        .agg(nw.col("counted").sum().alias("orders"), nw.col("amount").sum().alias("spend"))
        .with_columns(nw.col("orders").cast(nw.Int64))
        .sort("customer_id", "week")
    )
    return nw.maybe_reset_index(result).to_native()


def _identified(orders: Any) -> Any:
    """The rows of identified customers with `counted` (1 of a purchase), `bought_at`, and `category` if bought."""
    purchase = ~nw.col("is_refund")
    return nw.from_native(orders).filter(~nw.col("customer_id").is_null()).select(
        "customer_id", "ordered_at", "amount", "rating",
        counted=purchase.cast(nw.Int64),
        bought_at=nw.when(purchase).then(nw.col("ordered_at")),
        category=nw.when(purchase).then(nw.col("category")),
    )


def _with_joined_at(ordered: Any, members: Any) -> Any:
    if members is None:
        return ordered.with_columns(joined_at=nw.lit(None, nw.Datetime("us")))
    joined = nw.from_native(members).group_by("customer_id").agg(nw.col("joined_at").min())
    return ordered.join(joined, on="customer_id", how="left")


def _whole(duration: nw.Expr, unit: int) -> nw.Expr:
    """Whole units (in microseconds) of a duration, rounded down also below zero."""
    return duration.dt.total_microseconds() // unit


def _moment(day: date) -> datetime:
    return pd.Timestamp(day).to_pydatetime()


# ---------------------------------------------------------------- the prepared tables


# ---------------------------------------------------------------- results and other small files


