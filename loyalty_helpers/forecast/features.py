"""What is known of each customer at a moment, from the orders before it and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.purchases import DAY, YEAR, purchases
from loyalty_helpers.forecast.purchase_days import day_number

HALF_YEAR, LAST_YEAR = YEAR // DAY // 2, YEAR // DAY  # days
# in plain units; how they enter a model is `design`. Days with an order, not orders: two on one day are one visit
FEATURES = ("recency_days", "age_days", "days_bought", "bought_half_year", "bought_year", "usual_gap_days",
            "mean_order", "categories", "refund_share")
MAY_BE_MISSING = ("usual_gap_days", "mean_order", "categories")
MONEY_STEPS = 2.0**20  # amounts are added as whole numbers of this part of a unit, so that no order of rows shows


@dataclass(frozen=True)
class History:
    """Purchases and refunds by customer and day, sorted once, so that any moment can be looked at quickly.

    `customers` are the ids, sorted; `who` numbers them. One entry per purchase row (`day` since 1970, `amount` in
    MONEY_STEPS), per pair of customer and known category (with the day it was first bought), and per refund row.
    """

    customers: pd.Index
    who: np.ndarray
    day: np.ndarray
    amount: np.ndarray
    category_who: np.ndarray
    category_day: np.ndarray
    refund_who: np.ndarray
    refund_day: np.ndarray

    @classmethod
    def of(cls, orders: pd.DataFrame) -> History:
        bought = purchases(orders, known=True)
        who, distinct = pd.factorize(bought["customer_id"], sort=True)
        customers, day = pd.Index(distinct, name="customer_id"), _days(bought["ordered_at"])
        refunds = orders[orders["customer_id"].notna() & orders["is_refund"].astype(bool) & (orders["amount"] <= 0)]
        refund_who = customers.get_indexer(refunds["customer_id"])
        known = refund_who >= 0  # who only ever gave back bought nothing that could be looked at
        order = np.argsort(who * 100_000 + day, kind="stable")
        money = bought["amount"].to_numpy(dtype="float64", na_value=NAN)
        pairs = pd.DataFrame({"who": who, "kind": pd.factorize(bought["category"])[0], "day": day})
        firsts = pairs[pairs["kind"] >= 0].groupby(["who", "kind"])["day"].min()
        return cls(customers, who[order], day[order], np.rint(money * MONEY_STEPS)[order],
                   firsts.index.get_level_values("who").to_numpy(), firsts.to_numpy(),
                   refund_who[known], _days(refunds["ordered_at"])[known])

    def some(self, most: int, *, seed: int) -> History:
        """The history of at most `most` customers, drawn at random; all of it where there are no more."""
        n = len(self.customers)
        if n <= most:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
        new = np.full(n, -1)
        new[drawn] = np.arange(most)
        rows, pairs, back = (new[codes] for codes in (self.who, self.category_who, self.refund_who))
        return replace(self, customers=self.customers[drawn],
                       who=rows[rows >= 0], day=self.day[rows >= 0], amount=self.amount[rows >= 0],
                       category_who=pairs[pairs >= 0], category_day=self.category_day[pairs >= 0],
                       refund_who=back[back >= 0], refund_day=self.refund_day[back >= 0])

    def at(self, as_of: date) -> pd.DataFrame:
        """customer_id and FEATURES of everybody with a purchase before `as_of`, in the order of the ids."""
        moment, n = day_number(as_of), len(self.customers)
        past = self.day < moment
        who, day, amount = self.who[past], self.day[past], self.amount[past]
        new_who, new_day = np.diff(who, prepend=-1) != 0, np.diff(day, prepend=-1) != 0
        visit = new_who | new_day
        first, last = np.flatnonzero(new_who), np.flatnonzero(np.diff(who, append=n) != 0)
        known = who[first]
        days = np.bincount(who[visit], minlength=n)[known]
        priced = np.isfinite(amount)
        money, rows = (np.bincount(who[priced], weights=each, minlength=n)[known]
                       for each in (amount[priced], np.ones(priced.sum())))
        refunds = np.bincount(self.refund_who[self.refund_day < moment], minlength=n)[known]
        categories = np.bincount(self.category_who[self.category_day < moment], minlength=n)[known]
        bought = np.bincount(who, minlength=n)[known]
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.where(days > 1, (day[last] - day[first]) / (days - 1), NAN)
            mean_order = money / MONEY_STEPS / rows
        half, year = (np.bincount(who[visit & (day >= moment - back)], minlength=n)[known]
                      for back in (HALF_YEAR, LAST_YEAR))
        columns = {"recency_days": moment - day[last], "age_days": moment - day[first], "days_bought": days,
                   "bought_half_year": half, "bought_year": year, "usual_gap_days": gap,
                   "mean_order": np.where(rows > 0, mean_order, NAN),
                   "categories": np.where(categories > 0, categories, NAN),
                   "refund_share": refunds / (bought + refunds)}
        numbers = {name: np.asarray(columns[name], dtype="float64") for name in FEATURES}
        return pd.DataFrame({"customer_id": pd.Series(self.customers[known], dtype="str"), **numbers})

    def bought(self, customers: pd.Series, start: date, days: int) -> np.ndarray:
        """Whether each of `customers` bought in the `days` days from `start` on."""
        begin = day_number(start)
        during = (self.day >= begin) & (self.day < begin + days)
        hit = np.zeros(len(self.customers), dtype=bool)
        hit[self.who[during]] = True
        return hit[self.customers.get_indexer(customers)]


def customer_features(orders: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """What is known of every customer on the morning of `as_of`, from the orders before that day and nothing else.

    Returns customer_id and, in plain units, recency_days (since the last purchase), age_days (since the first),
    days_bought (days with a purchase), bought_half_year and bought_year (such days in the last 182 and 364 days),
    usual_gap_days (mean gap between them; nan below two), mean_order (money per purchase; nan where no amount is
    known), categories (distinct known ones; nan where none is known) and refund_share (refund rows / all rows); one
    row per customer with a purchase before `as_of`, sorted by customer_id. Ratings are left out: they may have been
    given after the day.
    """
    return History.of(orders).at(as_of)


def _days(moments: pd.Series) -> np.ndarray:
    return moments.to_numpy(dtype="datetime64[D]").astype(np.int64)


# ---------------------------------------------------------------- as models take them
@dataclass(frozen=True)
class Term:
    """One column of what a model sees: made from features, with its name and what more of it means, in words."""

    name: str
    words: str
    more: str


TERMS = (
    Term("recency", "time since the last order", "a longer time since the last order"),
    Term("days_bought", "number of shopping days so far", "more shopping days so far"),
    Term("age", "time since the first order", "a longer time since the first order"),
    Term("usual_gap", "usual gap between shopping days", "a longer usual gap between shopping days"),
    Term("once", "bought once only", "having bought once only"),
    Term("half_year", "share of the shopping days in the last half year",
         "more of the shopping days in the last half year"),
    Term("year", "share of the shopping days in the last year", "more of the shopping days in the last year"),
    Term("mean_order", "usual value of an order", "a higher usual value of an order"),
    Term("categories", "number of categories bought", "more categories bought"),
    Term("refunds", "share of refunds", "a larger share of refunds"),
)


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
