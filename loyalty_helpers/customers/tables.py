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

if TYPE_CHECKING:
    pass

DAY = 24 * 3600 * 1_000_000  # in microseconds


# ---------------------------------------------------------------- orders -> customers, customer_weeks
def customers(orders: Any, *, as_of: date, members: Any = None) -> Any:
    """One row per identified customer, sorted by customer_id, in the kind of frame that `orders` is.

    `orders` (canonical; pandas frame or DuckDB relation) is taken whole: cut it to the period wanted before. `orders`
    counts distinct order_ids that are no refunds; `spend` is the money of all rows, refunds included, in the client's
    currency; `mean_order` is spend / orders. `categories` counts the distinct known categories bought, missing where
    none is known; `rating` is the mean of the known ratings. `recency_days` and `tenure_days` are whole days, rounded
    down, from the last and the first order to `as_of` (a date means its first instant, in the client's time zone).
    `joined_at` is the customer's first one in `members` (the same kind of frame: customer_id, joined_at).

    A customer with refunds only has 0 orders and no dates, mean or recency. Anonymous orders appear nowhere.
    """
    ordered = (
        _counted_once(orders)
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
            _whole(now - nw.col("last_order_at"), DAY).cast(nw.Float64).alias("recency_days"),
            _whole(now - nw.col("first_order_at"), DAY).cast(nw.Float64).alias("tenure_days"),
            "joined_at",
        )
        .sort("customer_id")
    )
    return nw.maybe_reset_index(result).to_native()


def customer_weeks(orders: Any, *, origin: date) -> Any:
    """One row per identified customer and week with any row of `orders`, sorted, in the kind of frame `orders` is.

    `week` counts whole weeks from `origin` (its first instant, in the client's time zone), rounded down: -1 is the
    week that ends there. `orders` and `spend` as in `customers`; an order_id that spreads over several weeks counts
    in the first, its money where it stands, so that both tables have the same totals.
    """
    week = _whole(nw.col("ordered_at") - nw.lit(_moment(origin)), 7 * DAY)
    result = (
        _counted_once(orders)
        .with_columns(week=week)
        .group_by("customer_id", "week")
        .agg(nw.col("counted").sum().alias("orders"), nw.col("amount").sum().alias("spend"))
        .with_columns(nw.col("orders").cast(nw.Int64))
        .sort("customer_id", "week")
    )
    return nw.maybe_reset_index(result).to_native()


def _counted_once(orders: Any) -> Any:
    """The identified rows with `counted` (1 on one row of each purchase), `bought_at`, and `category` if bought.

    Nearly every order_id stands in one row, which is counted as it stands. The few that repeat count nothing there;
    a row without money is added for each instead, at its first moment. Counting distinct ids group by group would
    need more memory, and count an order twice that spreads over two weeks. A purchase without order_id is an order
    of its own.
    """
    rows = nw.from_native(orders).filter(~nw.col("customer_id").is_null())
    bought = rows.filter(~nw.col("is_refund"))
    repeated = bought.group_by("order_id").agg(nw.len().alias("rows")).filter(nw.col("rows") > 1)
    firsts = (
        bought.join(repeated, on="order_id", how="semi")
        .group_by("customer_id", "order_id")
        .agg(nw.col("ordered_at").min())
        .select("customer_id", "ordered_at", counted=nw.lit(1, nw.Int64))
    )
    purchase = ~nw.col("is_refund")
    rows = rows.join(repeated, on="order_id", how="left").select(
        "customer_id", "ordered_at", "amount", "rating",
        counted=(purchase & nw.col("rows").is_null()).cast(nw.Int64),
        bought_at=nw.when(purchase).then(nw.col("ordered_at")),
        category=nw.when(purchase).then(nw.col("category")),
    )
    return nw.concat([rows, firsts], how="diagonal")


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


