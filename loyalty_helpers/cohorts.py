"""Cohorts: do new customers come back?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.findings import NAN, Finding, count
from loyalty_helpers.intervals import Share
from loyalty_helpers.scoring import CONFIDENCE, purchases, share_of

SMALL_COHORT = 20  # customers: below this a cohort's shares are not shown


def cohorts(orders: pd.DataFrame, *, months: int = 12, until: date | None = None) -> pd.DataFrame:
    """Classic retention: of the customers first buying in month c, the share with an order in month c + k.

    Calendar months; only months seen to their end (`until`, exclusive; by default the day after the last row).
    Returns cohort ("2023-01"), month (k, 1..`months`), customers, returned, share, low, high (Wilson; nan below 20
    customers), truncated (the first month of the data: its "first" orders may have had earlier ones).
    """
    columns = ["cohort", "month", "customers", "returned", "share", "low", "high", "truncated"]
    bought = purchases(orders)
    if bought.empty:
        return pd.DataFrame(columns=columns)
    end = orders["ordered_at"].max().normalize() + pd.Timedelta(days=1) if until is None else pd.Timestamp(until)
    last = end.year * 12 + end.month - 2  # months since year 0, January = 0; the last one seen to its end
    month = (bought["ordered_at"].dt.year * 12 + bought["ordered_at"].dt.month - 1).to_numpy(dtype="int64")
    codes, _ = pd.factorize(bought["customer_id"])
    pairs = np.unique(codes * 100_000 + month)  # one per customer and month, in order
    customer, month = pairs // 100_000, pairs % 100_000
    starts = month[np.flatnonzero(np.diff(customer, prepend=-1))]
    first = starts[customer]
    returned = dict(zip(*np.unique(first * 100_000 + month, return_counts=True), strict=True))
    rows = []
    for start, size in zip(*np.unique(starts, return_counts=True), strict=True):
        for k in range(1, min(months, last - start) + 1):
            hits = returned.get(start * 100_000 + start + k, 0)
            shown = Share(hits, size).level(CONFIDENCE)[:3] if size >= SMALL_COHORT else (NAN, NAN, NAN)
            rows.append((f"{start // 12}-{start % 12 + 1:02d}", k, size, hits, *shown, start == starts.min()))
    return pd.DataFrame(rows, columns=columns)


def cohorts_shown(table: pd.DataFrame, least: int) -> pd.DataFrame:
    """`cohorts` without the shares behind which fewer than `least` customers stand, who returned or who did not."""
    fewest = np.minimum(table["returned"], table["customers"] - table["returned"])
    return table.assign(share=table["share"].mask((fewest >= 1) & (fewest < least)))


def cohort_return(table: pd.DataFrame, *, month: int = 1) -> Finding:
    """Share of customers with an order `month` months after the month of their first, over all cohorts of `cohorts`
    but the truncated one."""
    cells = table[(table["month"] == month) & ~table["truncated"].astype(bool)]
    return share_of(f"customers who bought again {count(month, 'month')} after their first order",
                  int(cells["returned"].sum()), int(cells["customers"].sum()),
                  note="no month of first orders after the first month of the data is followed by enough full months")
