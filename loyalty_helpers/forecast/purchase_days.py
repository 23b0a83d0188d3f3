"""What the lifetime value models know of a customer: how often, until when, since when and for how much."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from loyalty_helpers.core.purchases import is_purchase, purchases, visits

EPOCH = pd.Timestamp(0)
OWN_DAYS = 2.0  # shopping days that all customers' mean weighs beside one's own


class Days(NamedTuple):
    """Shopping days, sorted by customer and day, refunds, and the days on which a customer first bought of a category:
    customers as places in `ids`, days since 1970; `orders` are the purchases of each day."""

    ids: pd.Series
    code: np.ndarray
    day: np.ndarray
    orders: np.ndarray
    amount: np.ndarray
    back_code: np.ndarray
    back_day: np.ndarray
    back: np.ndarray
    kind_code: np.ndarray
    kind_day: np.ndarray

    def only(self, kept: np.ndarray) -> Days:
        """The days of the customers `kept` (one truth value per customer)."""
        new = np.cumsum(kept) - 1
        here, back, kind = kept[self.code], kept[self.back_code], kept[self.kind_code]
        return Days(self.ids[kept].reset_index(drop=True), new[self.code[here]], self.day[here], self.orders[here],
                    self.amount[here], new[self.back_code[back]], self.back_day[back], self.back[back],
                    new[self.kind_code[kind]], self.kind_day[kind])

    def some(self, most: int, *, seed: int) -> Days:
        """The days of at most `most` customers, drawn at random; all of them where there are no more."""
        n = len(self.ids)
        if n <= most:
            return self
        return self.only(np.isin(np.arange(n), np.random.default_rng(seed).choice(n, most, replace=False)))


class Seen(NamedTuple):
    """Histories up to a day, as arrays: `code` says whose; `age_days` and `idle_days` are the age and the time since
    the last purchase in whole days; money as in `histories`; `per_day` are the customer's purchases per shopping day,
    drawn towards everybody's, which weigh as much as OWN_DAYS of their own."""

    code: np.ndarray
    frequency: np.ndarray
    age_days: np.ndarray
    idle_days: np.ndarray
    mean_value: np.ndarray
    days_value: np.ndarray
    per_day: np.ndarray

    @property
    def age(self) -> np.ndarray:
        return self.age_days / 7

    @property
    def recency(self) -> np.ndarray:
        return (self.age_days - self.idle_days) / 7


def histories(orders: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """What the models know of each customer who bought before `as_of` (the day after the last day looked at).

    Returns customer_id, frequency (days with a purchase less one), recency (weeks from the first to the last of these
    days), age (weeks from the first of them to the last day looked at, in which one could have bought again),
    mean_value (mean money of a purchase day after the first; nan without) and days_value (the same over all purchase
    days), sorted by customer_id. Several orders on one day are one purchase, as in the papers. Refunds count in money
    only: what a customer got back in the time lowers the value of all his purchase days alike.
    """
    days = purchase_days(orders)
    seen = history(days, day_number(as_of))
    return pd.DataFrame({
        "customer_id": days.ids.iloc[seen.code].reset_index(drop=True), "frequency": seen.frequency,
        "recency": seen.recency, "age": seen.age, "mean_value": seen.mean_value, "days_value": seen.days_value})


def day_number(day: date) -> int:
    """Days since 1970."""
    return (pd.Timestamp(day) - EPOCH).days


def purchase_days(orders: pd.DataFrame) -> Days:
    """The days on which identified customers bought, and their refunds."""
    days = visits(orders)
    code, ids = pd.factorize(days["customer_id"])
    ids = pd.Series(ids, name="customer_id", dtype=orders["customer_id"].dtype)
    back = orders[~is_purchase(orders)]
    back_code = pd.Index(ids).get_indexer(back["customer_id"])
    theirs = back_code >= 0  # not of anonymous buyers, nor of those who bought before the data began
    bought = purchases(orders, known=True)
    return Days(ids, code, _numbers(days["day"]), days["purchases"].to_numpy(), days["amount"].to_numpy(),
                back_code[theirs], _numbers(back["ordered_at"])[theirs],
                back["amount"].to_numpy(dtype="float64")[theirs],
                *_first_of_kind(bought, pd.Index(ids).get_indexer(bought["customer_id"])))


def _first_of_kind(bought: pd.DataFrame, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kinds = pd.factorize(bought["category"])[0] if "category" in bought else np.full(len(code), -1)
    table = pd.DataFrame({"code": code, "kind": kinds, "day": _numbers(bought["ordered_at"])})
    firsts = table[kinds >= 0].groupby(["code", "kind"])["day"].min()
    return firsts.index.get_level_values("code").to_numpy(), firsts.to_numpy()


def _numbers(days: pd.Series) -> np.ndarray:
    return days.to_numpy(dtype="datetime64[D]").astype("int64")


def _money(place: np.ndarray, amount: np.ndarray, n: int) -> np.ndarray:
    """Sums to a millionth: the order in which amounts are added, that of the rows, must not show."""
    return np.round(np.bincount(place, weights=amount, minlength=n), 6)


def history(days: Days, until: int) -> Seen:
    """The histories up to, not including, the day `until`; only of those who had bought by then."""
    here, back = days.day < until, days.back_day < until
    code, day, amount = days.code[here], days.day[here], days.amount[here]
    n = len(days.ids)
    bought = np.bincount(code, minlength=n)
    known = np.flatnonzero(bought)
    bought = bought[known]
    last = np.cumsum(bought) - 1
    first = last - bought + 1
    spent = _money(code, amount, n)[known]
    returned = _money(days.back_code[back], days.back[back], n)[known]
    left = 1 + returned / np.where(spent > 0, spent, np.inf)  # refunds are negative amounts
    made = np.bincount(code, weights=days.orders[here], minlength=n)[known]
    usual = made.sum() / max(bought.sum(), 1)
    again = np.where(bought > 1, (spent - amount[first]) / np.maximum(bought - 1, 1), np.nan)
    return Seen(known, bought - 1, until - 1 - day[first], until - 1 - day[last], again * left, spent / bought * left,
                (made + OWN_DAYS * usual) / (bought + OWN_DAYS))


def bought_between(days: Days, start: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shopping days, purchases and net money of each customer (all of `days.ids`) from the day `start` to before `end`.
    """
    here, back = ((column >= start) & (column < end) for column in (days.day, days.back_day))
    n = len(days.ids)
    money = _money(days.code[here], days.amount[here], n) + _money(days.back_code[back], days.back[back], n)
    return (np.bincount(days.code[here], minlength=n),
            np.bincount(days.code[here], weights=days.orders[here], minlength=n), money)
