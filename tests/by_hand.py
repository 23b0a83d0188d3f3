"""Shops made by hand, customer by customer, around a launch on a Monday; and the rows of the money by their keys."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pandas as pd

from loyalty_helpers.core.settings import Client, Program
from loyalty_helpers.evaluation.money import Money

LAUNCH = date(2025, 3, 3)
DAY = pd.Timedelta(days=1)


def orders_of(rows: list[tuple]) -> pd.DataFrame:
    """Orders from (customer, days since the launch, amount); a negative amount is a refund."""
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    return pd.DataFrame({
        "order_id": [f"o{i}" for i in range(len(frame))],
        "customer_id": frame["customer_id"].astype("str"),
        "ordered_at": (pd.Timestamp(LAUNCH) + frame["day"].astype(float) * DAY).astype("datetime64[us]"),
        "amount": frame["amount"].astype(float),
        "is_refund": frame["amount"] < 0,
    })


def members_of(joined: dict[str, float], left: dict[str, float] | None = None) -> pd.DataFrame:
    """Members from customer -> days since the launch."""
    start = pd.Timestamp(LAUNCH)
    return pd.DataFrame({
        "customer_id": pd.Series(list(joined), dtype="str"),
        "joined_at": pd.Series([start + day * DAY for day in joined.values()], dtype="datetime64[us]"),
        "left_at": pd.Series([start + (left or {}).get(c, math.nan) * DAY for c in joined], dtype="datetime64[us]"),
    })


def client_of(launched_on: date | None = LAUNCH, **program) -> Client:
    return Client(key="x", folder=Path("x"), name="X", currency="CNY", time_zone="Asia/Shanghai", sources={},
                  program=Program(launched_on=launched_on, **program))


def roi(found: Money) -> pd.DataFrame:
    return found.roi_table.set_index(pd.Index([item.key.removeprefix("roi-") for item in found.roi_table["item"]]))
