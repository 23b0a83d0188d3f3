"""Cohorts: do new customers come back, and how soon?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.intervals import Share, wilson
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST, purchases, span, visits
from loyalty_helpers.customers.buyers import CONFIDENCE, share_of

SMALL_COHORT = 20  # customers: below this a cohort's shares are not shown
HORIZONS = (30, 90, 180)  # days


def cohorts(orders: pd.DataFrame, *, months: int = 12, until: date | None = None, lead_days: int = 0) -> pd.DataFrame:
    """Classic retention: of the customers first buying in month c, the share with an order in month c + k.

    Calendar months; only months seen to their end (`until`, exclusive; by default the day after the last row).
    Returns cohort ("2023-01"), month (k, 1..`months`), customers, returned, share, low, high (Wilson; nan below 20
    customers), truncated (the first month of the data, and those that begin in its first `lead_days`: their "first"
    orders may have had earlier ones).
    """
    columns = ["cohort", "month", "customers", "returned", "share", "low", "high", "truncated"]
    bought = purchases(orders[["customer_id", "ordered_at", "is_refund"]], known=True)
    if bought.empty:
        return pd.DataFrame(columns=columns)
    begin, last = span(orders)
    end = last if until is None else pd.Timestamp(until)
    last = end.year * 12 + end.month - 2  # months since year 0, January = 0; the last one seen to its end
    month = (bought["ordered_at"].dt.year * 12 + bought["ordered_at"].dt.month - 1).to_numpy(dtype="int64")
    codes, _ = pd.factorize(bought["customer_id"])
    pairs = np.sort(codes * 100_000 + month)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # one per customer and month, in order
    customer, month = pairs // 100_000, pairs % 100_000
    starts = month[np.flatnonzero(np.diff(customer, prepend=-1))]
    first = starts[customer]
    returned = dict(zip(*np.unique(first * 100_000 + month, return_counts=True), strict=True))
    sure = begin + pd.Timedelta(days=max(lead_days, 1))  # months that begin sooner are truncated
    earliest = sure.year * 12 + sure.month - 1 + (sure.day > 1)
    rows = []
    for start, size in zip(*np.unique(starts, return_counts=True), strict=True):
        for k in range(1, min(months, last - start) + 1):
            hits = returned.get(start * 100_000 + start + k, 0)
            shown = Share(hits, size).level(CONFIDENCE)[:3] if size >= SMALL_COHORT else (NAN, NAN, NAN)
            rows.append((f"{start // 12}-{start % 12 + 1:02d}", k, size, hits, *shown, start < earliest))
    return pd.DataFrame(rows, columns=columns)


def cohort_return(table: pd.DataFrame, *, month: int = 1) -> Finding:
    """Share of customers with an order `month` months after the month of their first, over all cohorts of `cohorts`
    but the truncated ones."""
    cells = table[(table["month"] == month) & ~table["truncated"].astype(bool)]
    returned, n = int(cells["returned"].sum()), int(cells["customers"].sum())
    why = message("return-few" if n else "return-none", customers=Persons(n), least=FEWEST.units)
    return share_of(message("bought-again-after", months=month), returned, n if n >= FEWEST.units else 0, note=why)


def retention_curve(table: pd.DataFrame) -> pd.DataFrame:
    """`cohorts` pooled: by month after the first order, the share with an order in it, Wilson intervals.

    The same customers in every month: all cohorts but the truncated ones that are seen to the end of the curve, which
    reaches as far as at least half of the new customers (and 20) have been followed. Pooling each month's own cohorts
    would mix the wear of time with who came when. Returns month, cohorts, customers, returned, share, low, high.
    """
    whole = table[~table["truncated"].astype(bool)]
    followed = whole.groupby("month")["customers"].sum().astype("int64")
    enough = followed.index[followed >= max(SMALL_COHORT, followed.max() / 2 if len(followed) else 0)]
    reach = max(enough, default=0)
    seen = whole.groupby("cohort")["month"].transform("max") >= reach
    pooled = whole[seen & (whole["month"] <= reach)].groupby("month").agg(
        cohorts=("cohort", "size"), customers=("customers", "sum"), returned=("returned", "sum")).astype("int64")
    levels = [Share(hits, n).level(CONFIDENCE)[:3]
              for hits, n in zip(pooled["returned"], pooled["customers"], strict=True)]
    shares = pd.DataFrame(levels, columns=["share", "low", "high"], index=pooled.index, dtype="float64")
    return pooled.join(shares).reset_index()


def retention_sentence(curve: pd.DataFrame) -> Message:
    """What `retention_curve` says: how many come in the first month after their first order, and in the last seen."""
    curve = curve.dropna(subset=["share"])
    if curve.empty:
        return message("retention-few", least=SMALL_COHORT)
    first, last = curve.iloc[0], curve.iloc[-1]
    ends = {f"{when}_{name}": Number(row[name], "share", 0) for when, row in (("first", first), ("last", last))
            for name in ("share", "low", "high")}
    return message("retention", customers=Persons(int(first["customers"])), first=int(first["month"]),
                   last=int(last["month"]), months=len(curve), **ends)


# ---------------------------------------------------------------- time to the second order
@dataclass(frozen=True)
class SecondOrder:
    """How soon new customers order a second time, as far as each has been followed (Kaplan & Meier 1958).

    `by_day`: day, at_risk (new customers still without a second order and still followed), second (how many order on
    that day), share (who have by then), low, high. `customers` are the new ones, `left_out` those whose first order
    stands so near the start of the data that it may not have been their first; `reach` (days) is as far as anything is
    said of them (see `_reach`); `median` in days (missing where it is not reached), `after` the shares after HORIZONS.
    """

    by_day: pd.DataFrame
    customers: int
    left_out: int
    lead_days: int
    reach: float
    median: Finding
    after: list[Finding]

    @property
    def sentence(self) -> list[Message]:
        """Who came back and how soon, with the number left out."""
        aside = message("second-left-out", customers=Persons(self.left_out), days=self.lead_days)
        asides = [aside] if self.left_out else []
        if not any(one.measurable for one in self.after):
            return [message("second-unknown", why=self.after[0].note), *asides]
        shares = [message("second-within", bounds="yes" if one.interval else "no", share=one, days=days)
                  for days, one in zip(HORIZONS, self.after, strict=True) if one.measurable]
        half = message("second-half" if self.median.measurable else "second-no-half", median=self.median,
                       bounds="yes" if self.median.interval else "no")
        return [message("second-order", customers=Persons(self.customers), shares=Listed(tuple(shares))), half, *asides]


def second_order(orders: pd.DataFrame, *, as_of: date, lead_days: int) -> SecondOrder:
    """Days from a customer's first day with an order to the second such day, up to `as_of` (exclusive).

    Who has not come back counts as long as followed (right censoring). Whose first order falls in the first
    `lead_days` of the data may be an old customer (left truncation) and is left out; give the activity window, after
    which an old customer would have been seen again or counts as gone. Log-log intervals with Greenwood's variance
    (Kalbfleisch & Prentice 2002, sec. 1.4); while nobody came back, Wilson's for none of those at risk, and once all
    have, for all of those seen to.
    """
    end = pd.Timestamp(as_of).to_numpy().astype("datetime64[D]").astype("int64")
    start = orders["ordered_at"].min().to_numpy().astype("datetime64[D]").astype("int64") if len(orders) else 0
    days = visits(orders)
    customer, day = pd.factorize(days["customer_id"])[0], days["day"].to_numpy("datetime64[D]").astype("int64")
    customer, day = customer[day < end], day[day < end]
    at = np.flatnonzero(np.diff(customer, prepend=-1))  # where each customer's days begin
    first, next_day = day[at], np.append(day, end)[at + 1]
    again = np.append(customer, -1)[at + 1] == customer[at]
    new = first >= start + lead_days
    followed, again = (np.where(again, next_day, end) - first)[new], again[new]
    curve, reach, n = kaplan_meier_curve(followed, again), _reach(followed, again), len(followed)
    return SecondOrder(curve, n, int((~new).sum()), lead_days, reach, _median(curve, n, reach),
                       [_share_after(curve, days, n, reach) for days in HORIZONS])


def _reach(days: np.ndarray, happened: np.ndarray) -> float:
    """The last day of which anything can be said: as long as ten are still waited for, or nobody was lost yet.

    Beyond it the curve leaps with single customers: to 100 % where the last one still followed comes back. While
    nobody is lost it is a plain share of all; where all have come back, it is so for good (inf).
    """
    tenth = np.sort(days)[-FEWEST.units] if len(days) >= FEWEST.units else 0
    return float(max(tenth, days[~happened].min() if not happened.all() else np.inf))


def kaplan_meier_curve(days: np.ndarray, happened: np.ndarray) -> pd.DataFrame:
    """The share to whom it happened by each day, from follow-ups of `days` that end where it `happened` or sooner.

    Returns day, at_risk, second (to how many it happened that day), share, low, high, from day 0 to the last day on
    which somebody was followed; a row for each day on which it happened, and the first and last.
    """
    if not len(days):
        return pd.DataFrame(columns=["day", "at_risk", "second", "share", "low", "high"], dtype="float64")
    times = np.unique(np.append(days[happened], [0, days.max()]))
    ordered = np.sort(days)
    at_risk = len(days) - np.searchsorted(ordered, times, "left")
    events = np.searchsorted(np.sort(days[happened]), times, "right")
    events = np.diff(events, prepend=0)
    stay = np.cumprod(1 - events / at_risk)
    left = at_risk - events
    steps = np.divide(events, at_risk * left, out=np.full(len(times), np.inf), where=left > 0)
    spread = np.sqrt(np.cumsum(np.where(events > 0, steps, 0)))
    z = stats.norm.ppf(0.5 + CONFIDENCE / 2)
    inside = (stay > 0) & (stay < 1)
    logs = np.log(np.where(inside, stay, 0.5))
    factor = np.exp(z * np.where(inside, spread, 0) / np.abs(logs))
    low, high = (np.where(inside, 1 - np.exp(logs * power), NAN) for power in (1 / factor, factor))
    nobody, all_of_them = stay == 1, stay == 0
    low[nobody], high[nobody] = 0.0, [wilson(0, n, z)[1] for n in at_risk[nobody]]
    low[all_of_them], high[all_of_them] = wilson(happened.sum(), max(happened.sum(), 1), z)[0], 1.0
    return pd.DataFrame({"day": times, "at_risk": at_risk, "second": events, "share": 1 - stay, "low": low,
                         "high": high})


def _share_after(curve: pd.DataFrame, day: int, n: int, reach: float) -> Finding:
    """The curve at a day; nothing below ten customers, nor of a day beyond `reach`."""
    label = message("second-share", days=day)
    if n < FEWEST.units or day > reach:
        why = _too_few(n) if n < FEWEST.units else message(
            "second-not-followed", least=FEWEST.units, days=day, longest=int(curve["day"].max()))
        return Finding(label=label, unit="share", estimate=NAN, n=n, note=why)
    share, low, high = curve.loc[curve["day"] <= day, ["share", "low", "high"]].iloc[-1]
    return Finding(label=label, unit="share", estimate=share, low=low, high=high, n=n, n_noun="new customer",
                   method="Kaplan-Meier, Wilson")


def _median(curve: pd.DataFrame, n: int, reach: float) -> Finding:
    """Days until half of the new customers have a second order; its interval is where the curve's limits pass half
    (Brookmeyer & Crowley 1982)."""
    label = message("second-median")
    if n < FEWEST.units:
        return Finding(label=label, unit="days", estimate=NAN, n=n, note=_too_few(n))

    def first_day(column: str) -> float:
        reached = curve.loc[(curve[column] >= 0.5) & (curve["day"] <= reach), "day"]
        return float(reached.iloc[0]) if len(reached) else NAN

    middle = first_day("share")
    if np.isnan(middle):
        return Finding(label=label, unit="days", estimate=NAN, n=n, n_noun="new customer",
                       note=message("second-under-half", days=int(min(reach, curve["day"].max()))))
    return Finding(label=label, unit="days", estimate=middle, low=first_day("high"), high=first_day("low"), n=n,
                   n_noun="new customer", method="Kaplan-Meier")


def _too_few(n: int) -> Message:
    return message("second-too-few", customers=Persons(n), least=FEWEST.units)
