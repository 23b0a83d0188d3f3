"""What is known of each customer at a moment, from the orders before it and from nothing else."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.purchases import DAY, YEAR
from loyalty_helpers.forecast.purchase_days import Days, bought_between, day_number, history, purchase_days

HALF_YEAR, LAST_YEAR = YEAR // DAY // 2, YEAR // DAY  # days
# in plain units; how they enter a model is `design`. Days with an order, not orders: two on one day are one visit
FEATURES = ("recency_days", "age_days", "days_bought", "bought_half_year", "bought_year", "usual_gap_days",
            "mean_order", "categories", "refund_share")
MAY_BE_MISSING = ("usual_gap_days", "mean_order", "categories")
# the columns of what a model sees, made from features
TERMS = ("recency", "days_bought", "age", "usual_gap", "once", "half_year", "year", "mean_order", "categories",
         "refunds")


def features_at(days: Days, as_of: date) -> pd.DataFrame:
    """`customer_features` of everybody with a purchase before `as_of`, in the order of the ids."""
    moment = day_number(as_of)
    seen, past, n = history(days, moment), days.day < moment, len(days.ids)

    def each(code: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(code, weights=weights, minlength=n)[seen.code]

    orders, money = (each(days.code[past], column[past]) for column in (days.orders, days.amount))
    half, year = (bought_between(days, moment - back, moment)[0][seen.code] for back in (HALF_YEAR, LAST_YEAR))
    given_back = (days.back_day < moment) & (days.back <= 0)  # a refund, not an order that came to nothing by one
    refunds, kinds = each(days.back_code[given_back]), each(days.kind_code[days.kind_day < moment])
    columns = {"recency_days": seen.idle_days + 1, "age_days": seen.age_days + 1, "days_bought": seen.frequency + 1,
               "bought_half_year": half, "bought_year": year,
               "usual_gap_days": np.where(seen.frequency > 0, (seen.age_days - seen.idle_days)
                                          / np.maximum(seen.frequency, 1), NAN),
               "mean_order": money / orders, "categories": np.where(kinds > 0, kinds, NAN),
               "refund_share": refunds / (orders + refunds)}
    numbers = {name: np.asarray(columns[name], dtype="float64") for name in FEATURES}
    return pd.DataFrame({"customer_id": pd.Series(days.ids.to_numpy()[seen.code], dtype="str"), **numbers})


def customer_features(orders: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """What is known of every customer on the morning of `as_of`, from the orders before that day and nothing else.

    Returns customer_id and, in plain units, recency_days (since the last purchase), age_days (since the first),
    days_bought (days with a purchase), bought_half_year and bought_year (such days in the last 182 and 364 days),
    usual_gap_days (mean gap between them; nan below two), mean_order (money per purchase), categories (distinct known
    ones; nan where none is known) and refund_share (refund rows / all rows); one row per customer with a purchase
    before `as_of`, sorted by customer_id. Ratings are left out: they may have been given after the day.
    """
    return features_at(purchase_days(orders), as_of)


def design(features: pd.DataFrame) -> np.ndarray:
    """The columns TERMS of what a model sees: counts, days and money as logarithms; nan where not known.

    On a logarithm, "twice as long ago" is the same step for everybody, and the currency only moves the origin. Money
    that is zero or below has no logarithm and counts as not known.
    """
    value = {name: features[name].to_numpy(dtype="float64") for name in FEATURES}
    recency, gap, days = value["recency_days"], value["usual_gap_days"], value["days_bought"]
    money = np.where(value["mean_order"] > 0, value["mean_order"], NAN)
    # as shares of all orders: where nobody has a longer history the shares are all one, and nothing is learnt of them;
    # counts would share the effect of all orders there, and be far off once the histories are longer
    half_year, year = (np.log((value[name] + 0.5) / (days + 0.5)) for name in ("bought_half_year", "bought_year"))
    return np.column_stack([np.log(recency), np.log(days), np.log(value["age_days"]), np.log(gap), days < 2, half_year,
                            year, np.log(money), np.log(value["categories"]), value["refund_share"]])
