"""Whole weeks of a shop, and who joined when: what every comparison is made from.

Whole weeks are 7-day blocks counted from the launch; week 0 starts on `launched_on`, in the client's time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from loyalty_helpers.core.findings import NAN, OUTCOMES, Effect
from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.purchases import DAY, WEEK, purchases, span

Frames = Mapping[str, pd.DataFrame]

FOLLOW_UP = 13  # weeks in which a member's orders are counted
NO_LAUNCH = message("no-launch")
UNLISTED = message("no-member-list")


def weekly(orders: pd.DataFrame, *, launched_on: date | None, end: date | None = None) -> pd.DataFrame:
    """The whole shop by week: week_start, week, orders, revenue, identified; anonymous orders included.

    Whole weeks from the launch (from the first Monday in the data where there is no launch), only those that lie
    entirely between the first day with an order and `end` (exclusive; the day after the last order unless given).
    `orders` counts purchases, `revenue` is the money of all rows, refunds included, in
    the client's currency; weeks without orders are 0. `identified` is the share of orders with a customer id, missing
    in weeks without orders. No complete week gives an empty frame.
    """
    if orders.empty:
        return pd.DataFrame({"week_start": pd.Series(dtype="datetime64[us]"), "week": pd.Series(dtype=int),
                             **{name: pd.Series(dtype=float) for name in ("orders", "revenue", "identified")}})
    begin, last = span(orders)
    end = last if end is None else pd.Timestamp(end)
    origin = begin + DAY * (-begin.weekday() % 7) if launched_on is None else pd.Timestamp(launched_on)
    weeks = pd.RangeIndex(-((origin - begin) // WEEK), (end - origin) // WEEK)
    rows = orders.assign(week=(orders["ordered_at"] - origin) // WEEK)
    bought = purchases(rows)
    made = bought.groupby("week").size().reindex(weeks, fill_value=0)
    known = bought.groupby("week")["customer_id"].count().reindex(weeks, fill_value=0)
    return pd.DataFrame({
        "week_start": origin + weeks.to_numpy() * WEEK,
        "week": weeks.to_numpy(),
        "orders": made.to_numpy(),
        "revenue": rows.groupby("week")["amount"].sum().reindex(weeks, fill_value=0.0).to_numpy(),
        "identified": (known / made.where(made > 0)).to_numpy(),
    })


def check_asked(orders: pd.DataFrame, *, outcome: str, confidence: float,
                **tables: tuple[pd.DataFrame | None, list[str]]) -> None:
    """ValueError, in words, for a column that is not there, an outcome that is not known, a level that is no share."""
    for name, (frame, columns) in {"orders": (orders, ["customer_id", "ordered_at", "amount"]), **tables}.items():
        lacking = [column for column in columns if frame is not None and len(frame) and column not in frame]
        if lacking:
            raise ValueError(f"{name} has no column {', '.join(lacking)}; it has {', '.join(map(str, frame.columns))}")
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, not {outcome!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be a share such as 0.95, not {confidence!r}")


def moments(values: pd.Series) -> pd.Series:
    """Dates, texts or times as times on the wall clock, without a zone."""
    times = pd.to_datetime(values)
    return times.dt.tz_localize(None)


def first_joining(frames: Frames) -> pd.DataFrame:
    """One row per member with a known date of joining, the first one: customer_id, joined_at (its day), left_at."""
    members = frames.get("members")
    if members is None:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "joined_at": pd.Series(dtype="datetime64[us]"),
                             "left_at": pd.Series(dtype="datetime64[us]")})
    known = members.dropna(subset=["customer_id", "joined_at"])
    known = known.assign(customer_id=known["customer_id"].astype("str"), joined_at=moments(known["joined_at"]))
    known = known.sort_values("joined_at", kind="stable")
    first = known.drop_duplicates("customer_id").reindex(columns=["customer_id", "joined_at", "left_at"])
    return first.assign(joined_at=first["joined_at"].dt.normalize())


def missing(label: Message, why_not: Message | str, *, rung: int = 0, scope: str = "members", grade: str = "E",
            outcome: str = "orders") -> Effect:
    """An effect that could not be had, and why."""
    return Effect(label=label, outcome=outcome, rung=rung, grade=grade, scope=scope, unit="lift", estimate=NAN,
                  note=why_not)
