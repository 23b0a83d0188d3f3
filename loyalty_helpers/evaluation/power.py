"""Power: what this shop could find out, before anything is found out."""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.evaluation.before_after import MIN_BUYERS
from loyalty_helpers.evaluation.weeks import WEEK, data_end, purchases

HOLDOUT_WEEKS, POWER, SIGNIFICANCE = 26, 0.80, 0.05


def power_holdout(orders: pd.DataFrame) -> pd.DataFrame:
    """What a random holdout of 26 weeks could tell in this shop: one row for half and one for a tenth held out.

    holdout, weeks, customers (with an order in the last 52 weeks), mean and variance of their orders in that
    time, smallest_lift (found with 80 % power, two-sided 5 %, Welch's test in its normal approximation), and the
    customers needed in all for +10, +20 and +30 %. Mean and variance are those of the last 26 weeks of the data, over
    customers with an order in the year before; where the data reach back less than 52 weeks, their second half serves,
    scaled up as a mixed Poisson count (variance = mean + c mean^2). Empty without two weeks and ten customers.
    """
    bought = purchases(orders).dropna(subset="customer_id")
    columns = ["holdout", "weeks", "customers", "mean", "variance", "smallest_lift", "customers_for_10",
               "customers_for_20", "customers_for_30"]
    if bought.empty:
        return pd.DataFrame(columns=columns)
    end, at = data_end(orders), bought["ordered_at"]
    seen = min(HOLDOUT_WEEKS, (end - at.min().normalize()) // WEEK // 2)
    start = end - seen * WEEK
    base = bought.loc[(at < start) & (at >= start - 52 * WEEK), "customer_id"].unique()
    counts = bought.loc[at >= start, "customer_id"].value_counts().reindex(base, fill_value=0).to_numpy(dtype=float)
    if seen < 1 or len(base) < MIN_BUYERS or counts.sum() == 0:
        return pd.DataFrame(columns=columns)
    mean, variance = counts.mean(), counts.var(ddof=1)
    excess, longer = max(0.0, (variance - mean) / mean**2), HOLDOUT_WEEKS / seen
    if longer > 1:
        mean, variance = mean * longer, mean * longer + excess * (mean * longer) ** 2
    customers = bought.loc[at >= end - 52 * WEEK, "customer_id"].nunique()
    z = stats.norm.ppf(1 - SIGNIFICANCE / 2) + stats.norm.ppf(POWER)
    rows = []
    for share in (0.5, 0.1):
        unit = z * np.sqrt(variance * (1 / share + 1 / (1 - share))) / mean  # smallest lift, times root of customers
        rows.append([share, HOLDOUT_WEEKS, customers, mean, variance, unit / np.sqrt(customers),
                     *[ceil((unit / lift) ** 2) for lift in (0.1, 0.2, 0.3)]])
    return pd.DataFrame(rows, columns=columns)
