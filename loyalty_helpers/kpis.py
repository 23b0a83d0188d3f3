"""KPIs before and after the launch, one definition each, with intervals; and the traps of comparing the two.

Every KPI is measured by one small function from a `_Shop` (the canonical frames) and a `_Wave` (a half-open window
and what belongs to it) as a sample of `intervals`; what cannot be measured raises `_Unseen` with the reason, which
becomes the note of a finding that is "not measurable". A change between two windows is a description: season, trend
and the choice of who joins are in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.findings import NAN, Change, Finding, amount, count, difference
from loyalty_helpers.intervals import (
    SMALL,
    Interval,
    Mean,
    Ratio,
    Share,
    Unspent,
    chance_greater,
    holm,
    kaplan_meier,
)
from loyalty_helpers.simulate import NEW_YEARS

Sample = Share | Mean | Ratio | Unspent
DAY = pd.Timedelta(days=1)
YEAR = 364  # days: the same weekdays a year later
SHORTEST_WINDOW = 7  # days on either side of the launch, below which nothing is compared
SHORTEST_ACTIVITY, LONGEST_ACTIVITY = 30, 365  # days
SECOND_ORDER = 90  # days
ACTIVE_MEMBER = 90  # days
POINTS_SPELL = 30  # days


@dataclass(frozen=True)
class Definition:
    """What a KPI is: `text` in words, `formula` as it is counted, `interval` how chance is judged.

    `unit` is one of findings.UNITS, or "money" for the client's currency; `noun` is what its n counts.
    """

    label: str
    unit: str
    text: str
    formula: str
    interval: str
    noun: str = "customer"
    higher_is_better: bool = True


_TWO_SHARES = "Wilson; change: Newcombe, slightly too wide as the two groups overlap"
_BY_CUSTOMER = "bootstrap by customer, over both periods together"
DEFINITIONS: dict[str, Definition] = {
    "retention": Definition(
        "customer retention rate", "share",
        "Of the customers who were active when the period began, the share who ordered in the period. Active: at "
        "least one order in the activity window, the days just before.",
        "(customers at the end - new ones) / customers at the start, by identity", _TWO_SHARES),
    "repeat_rate": Definition(
        "repeat purchase rate", "share", "Of the customers with an order in the period, the share with two or more.",
        "customers with 2 or more orders / customers with 1 or more", _TWO_SHARES),
    "second_order_90d": Definition(
        "rate of second orders within 90 days", "share",
        "Of the first-time buyers, the share whose next order came within 90 days. Only first orders whose 90 days are "
        "fully observed; where there is less than a month of them, all by Kaplan-Meier.",
        "second orders within 90 days / first-time buyers", "Wilson; change: Newcombe", "first-time buyer"),
    "churn": Definition(
        "churn rate", "share", "Of the customers who were active when the period began, the share without an order in "
        "the period.", "1 - retention, of the same customers", "retention's, mirrored", higher_is_better=False),
    "cross_sell": Definition(
        "cross-sell rate", "share", "Of the customers with an order in a known category in the period, the share who "
        "bought in two or more categories.", "customers with 2 or more categories / customers", _TWO_SHARES),
    "frequency": Definition(
        "purchase frequency", "orders", "Orders in the period per identified customer with an order in it.",
        "orders / customers", _BY_CUSTOMER),
    "order_value": Definition(
        "average order value", "money", "Revenue of the period, refunds taken off and anonymous orders included, per "
        "order.", "net revenue / orders", _BY_CUSTOMER, "order"),
    "nps": Definition(
        "net promoter score", "points", "Share of answers 9 or 10, less the share of 0 to 6, to \"would you recommend "
        "us\" on a scale of 0 to 10.", "% promoters - % detractors", "t on -1, 0, +1; change: Welch", "answer"),
    "csat": Definition(
        "share of satisfied answers (CSAT)", "share", "Share of answers in the two best points of the scale.",
        "answers in the top two boxes / answers", "Wilson; change: Newcombe; the mean beside it: Welch", "answer"),
    "ces": Definition(
        "customer effort score", "scale points", "Mean answer to \"how easy was it\", on the declared scale.",
        "mean answer", "t; change: Welch", "answer"),
    "referrer_rate": Definition(
        "referrer rate", "share", "Of the customers active in the period (an order or a referral), the share who "
        "referred somebody. What people did, not what they say they would do.", "distinct referrers / active customers",
        _TWO_SHARES),
    "referral_conversion": Definition(
        "referral conversion", "share", "Of the people referred in the period, the share whose first order followed "
        "within it.", "referred first-time buyers / referrals", "Wilson; change: Newcombe", "referral"),
    "referred_share": Definition(
        "referred share of new customers", "share", "Of the first-time buyers of the period, the share who had been "
        "referred.", "referred first-time buyers / first-time buyers", "Wilson; change: Newcombe", "first-time buyer"),
    "enrolment": Definition(
        "enrollment rate", "share", "Of the identified customers with an order in the period, the share who were "
        "members at its end.", "members / identifiable customers", "Wilson"),
    "active_members": Definition(
        "active member rate", "share", "Of the members, the share who earned or redeemed points in the last 90 days.",
        "members who earned or redeemed / members", "Wilson", "member"),
    "redemption_members": Definition(
        "redemption rate of members", "share", "Of the members who earned or redeemed points in the last 90 days, the "
        "share who redeemed some.", "members redeeming / active members", "Wilson", "member"),
    "redemption_points": Definition(
        "redemption rate of points", "share", "Points redeemed in the period per point earned in it.",
        "points redeemed / points earned", "bootstrap by customer", "member"),
    "breakage": Definition(
        "breakage", "share", "Share of the points issued that will never be redeemed, by the points' age: each month "
        "of age is judged by the points old enough to show it, oldest points spent first.",
        "1 - expected redeemed / issued", "bootstrap by customer", "member", False),
    "diversity": Definition(
        "category diversity", "categories", "Distinct known categories bought in the period, per customer with any.",
        "distinct categories / customers", _BY_CUSTOMER),
    "loyalty_index": Definition(
        "customer loyalty index", "score", "Mean loyalty score of the customers, both periods scored against the "
        "customers before.", "mean of the scores, 0 to 100", _BY_CUSTOMER),
}
MIRRORED = {"churn": "retention", "retention": "churn"}  # the same test twice: it is counted once
NUMBERS = ("before", "before_low", "before_high", "n_before", "after", "after_low", "after_high", "n_after",
           "change", "change_low", "change_high")
COLUMNS = ("kpi", "unit", *NUMBERS, "p_value", "p_adjusted", "primary", "method", "verdict")


def definitions() -> pd.DataFrame:
    """The codebook that stands beside the numbers: kpi, label, unit, definition, formula, interval."""
    return pd.DataFrame([(kpi, one.label, one.unit, one.text, one.formula, one.interval)
                         for kpi, one in DEFINITIONS.items()],
                        columns=["kpi", "label", "unit", "definition", "formula", "interval"])


# ---------------------------------------------------------------- windows
@dataclass(frozen=True)
class Windows:
    """Two equally long half-open windows [start, end) around the launch, in the client's local time.

    `activity_days` is the activity window used. `note` says in sentences what is not as it should be; "" otherwise.
    An empty window (start = end) means that there is nothing to compare yet.
    """

    before_start: pd.Timestamp
    before_end: pd.Timestamp
    after_start: pd.Timestamp
    after_end: pd.Timestamp
    season_matched: bool
    activity_days: int
    note: str
    launch: pd.Timestamp
    data_start: pd.Timestamp
    data_end: pd.Timestamp

    @property
    def days(self) -> int:
        """Length of the after window."""
        return (self.after_end - self.after_start).days


def windows(orders: pd.DataFrame, *, launched_on: date, gap_days: int = 0,
            data_end: date | None = None) -> Windows:
    """The windows to compare: after the launch, and the same days a year (364 days) earlier.

    After begins `gap_days` after the launch and ends with the data (`data_end`, by default the day after the last
    order), at the latest 364 days after the launch, so that the window a year earlier never reaches into the program.
    Where the orders do not begin early enough, before is the equally long window that ends at the launch
    (`season_matched` False), and both are cut to the history there is. The activity window is cut to the days of
    orders in front of the before window where that leaves at least 30 days. Raises UserError without orders.
    """
    start, end = _span(orders)
    end = end if data_end is None else pd.Timestamp(data_end)
    launch, notes = pd.Timestamp(launched_on), []
    after_start = launch + gap_days * DAY
    after_end = max(min(end, launch + YEAR * DAY), after_start)
    before_start, before_end = after_start - YEAR * DAY, after_end - YEAR * DAY
    history = launch - start
    matched = before_start >= start and after_end > after_start
    if after_end == after_start:
        before_start = before_end = launch
        notes.append(f"The time after the launch begins on {_day(after_start)}, and the orders end before: there is "
                     "nothing to compare yet.")
    elif not matched and history < SHORTEST_WINDOW * DAY:
        before_start = before_end = launch
        after_start = max(after_start, start)
        after_end = min(end, after_start + YEAR * DAY)
        notes.append(f"The orders begin on {_day(start)}, and the launch was on {_day(launch)}: there is no time "
                     "before to compare with.")
    elif not matched:
        after_end = min(after_end, after_start + history)
        before_start, before_end = launch - (after_end - after_start), launch
        notes.append(f"The season is not matched: the same days a year earlier would take orders from "
                     f"{_day(after_start - YEAR * DAY)} on, and they begin on {_day(start)}.")
    days = (after_end - after_start).days
    if 0 < days < 28:
        notes.append(f"The windows have {count(days, 'day')} only.")
    wanted, lead = activity_window(orders, until=launch), (before_start - start).days
    activity = lead if SHORTEST_ACTIVITY <= lead < wanted and before_end > before_start else wanted
    if activity < wanted:
        notes.append(f"The activity window is cut from {wanted} to {activity} days, because the orders begin no "
                     "earlier in front of the before window.")
    elif lead < wanted and before_end > before_start:
        notes.append(f"The orders begin only {count(lead, 'day')} in front of the before window: who was a customer "
                     "then, and who was new, cannot be told.")
    return Windows(before_start, before_end, after_start, after_end, matched, activity, " ".join(notes), launch, start,
                   end)


def activity_window(orders: pd.DataFrame, *, until: date | pd.Timestamp) -> int:
    """Days since the last order for which somebody still counts as a customer.

    Twice the 80th percentile of the gaps between a customer's orders before `until`, 30 to 365 days; 365 where nobody
    has ordered twice, because then nothing says that anybody has left.
    """
    bought = _purchases(orders[orders["ordered_at"] < pd.Timestamp(until)])
    gaps = bought.groupby("customer_id")["ordered_at"].diff().dropna() / DAY
    if gaps.empty:
        return LONGEST_ACTIVITY
    return round(float(np.clip(2 * gaps.quantile(0.8), SHORTEST_ACTIVITY, LONGEST_ACTIVITY)))


def last_year(orders: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The window to describe where there is no launch: the last 364 days, or all there is.

    All there is also where the days before these 364 would not fill an activity window.
    """
    start, end = _span(orders)
    year = end - YEAR * DAY
    return (year if year - activity_window(orders, until=end) * DAY >= start else start), end


def _span(orders: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First day with an order, and the day after the last one."""
    bought = orders.loc[~orders["is_refund"], "ordered_at"]
    if not bought.notna().any():
        raise UserError("There are no orders with a date, so that nothing can be measured.")
    return bought.min().normalize(), bought.max().normalize() + DAY


def _day(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d}"


# ---------------------------------------------------------------- what is looked at
class _Unseen(Exception):
    """Why a KPI cannot be measured, in words that complete "cannot be compared: ..."."""


@dataclass(frozen=True)
class _Wave:
    """One window and what belongs to it.

    `cohort_days` of first orders, from the start, have their 90 days fully observed; `lookback` is how far back an
    earlier order is looked for before somebody counts as new: equal in both waves, so that neither is favored.
    `why_empty` explains an empty window.
    """

    name: str  # before, after; "" where there is no launch
    start: pd.Timestamp
    end: pd.Timestamp
    activity_days: int
    lookback: pd.Timedelta
    cohort_days: int
    followed_until: pd.Timestamp
    answers_from: pd.Timestamp
    answers_until: pd.Timestamp
    why_empty: str = ""

    def has(self, moments: pd.Series) -> pd.Series:
        return (moments >= self.start) & (moments < self.end)


def _waves(spans: Windows) -> tuple[_Wave, _Wave]:
    before_follow = min(spans.launch, spans.before_start + (spans.data_end - spans.after_start))
    lead = spans.before_start - spans.data_start
    compared = spans.before_end > spans.before_start and lead >= spans.activity_days * DAY
    lookback = lead if compared else spans.after_start - spans.data_start
    seen = [(min(end, until - SECOND_ORDER * DAY) - start).days
            for start, end, until in ((spans.before_start, spans.before_end, spans.launch),
                                      (spans.after_start, spans.after_end, spans.data_end)) if end > start]
    shared = {"activity_days": spans.activity_days, "lookback": lookback, "cohort_days": min(seen, default=0),
              "why_empty": spans.note[:1].lower() + spans.note[1:].rstrip(".")}
    return (_Wave("before", spans.before_start, spans.before_end, followed_until=before_follow,
                  answers_from=pd.Timestamp.min, answers_until=spans.launch, **shared),
            _Wave("after", spans.after_start, spans.after_end, followed_until=spans.data_end,
                  answers_from=spans.after_start, answers_until=pd.Timestamp.max, **shared))


def _purchases(orders: pd.DataFrame) -> pd.DataFrame:
    """Distinct orders of identified customers, refunds left out, by time."""
    kept = orders[~orders["is_refund"] & orders["customer_id"].notna()]
    return kept.sort_values(["ordered_at", "order_id"]).drop_duplicates(["customer_id", "order_id"])


@dataclass(frozen=True)
class _Shop:
    """The canonical frames, and what several KPIs need of them."""

    frames: Mapping[str, pd.DataFrame]
    data_start: pd.Timestamp
    scales: Mapping[str, tuple[float, float]]

    def need(self, name: str, what: str) -> pd.DataFrame:
        if name not in self.frames or self.frames[name].empty:
            raise _Unseen(f"it takes {what}")
        return self.frames[name]

    @cached_property
    def purchases(self) -> pd.DataFrame:
        return _purchases(self.frames["orders"])

    @cached_property
    def categories(self) -> pd.DataFrame:
        """customer_id, ordered_at, category of all that was bought, from the lines where they know it."""
        lines = self.frames.get("lines")
        if lines is None or lines["category"].isna().all():
            return self.purchases.dropna(subset="category")
        known = lines[["order_id", "category"]].dropna().drop_duplicates()
        return self.purchases[["order_id", "customer_id", "ordered_at"]].merge(known, on="order_id")

    def bought(self, wave: _Wave) -> pd.DataFrame:
        """Purchases of identified customers in the window; never empty."""
        if wave.end <= wave.start:
            raise _Unseen(wave.why_empty or "the window is empty")
        inside = self.purchases[wave.has(self.purchases["ordered_at"])]
        if inside.empty:
            raise _Unseen(f"no identified customer ordered between {_day(wave.start)} and {_day(wave.end)}")
        return inside

    def history(self, wave: _Wave) -> pd.DataFrame:
        """Purchases in the activity window in front of the window, which the orders must reach."""
        since = wave.start - wave.activity_days * DAY
        if since < self.data_start:
            raise _Unseen(f"to tell who was a customer then and who was new, it takes orders from {_day(since)} on "
                          f"({count(wave.activity_days, 'day')} in front of the window)")
        return self.purchases[(self.purchases["ordered_at"] >= since) & (self.purchases["ordered_at"] < wave.start)]

    def newcomers(self, wave: _Wave) -> pd.DataFrame:
        """customer_id, first and second (missing where there was none) of the window's first-time buyers."""
        self.bought(wave)
        self.history(wave)
        seen = self.purchases[(self.purchases["ordered_at"] >= wave.start - wave.lookback)
                              & (self.purchases["ordered_at"] < wave.followed_until)]
        ranked = seen.assign(rank=seen.groupby("customer_id").cumcount())
        firsts = ranked[(ranked["rank"] == 0) & wave.has(ranked["ordered_at"])].set_index("customer_id")["ordered_at"]
        seconds = ranked[ranked["rank"] == 1].set_index("customer_id")["ordered_at"]
        new = pd.DataFrame({"first": firsts, "second": seconds.reindex(firsts.index)}).reset_index()
        if new.empty:
            raise _Unseen("nobody bought for the first time")
        return new

    def members_at(self, moment: pd.Timestamp) -> pd.Index:
        members = self.need("members", "a member list")
        inside = ~(members["joined_at"] >= moment) & ~(members["left_at"] < moment)
        ids = pd.Index(members.loc[inside, "customer_id"].dropna().unique())
        if ids.empty:
            raise _Unseen(f"nobody was a member on {_day(moment)}")
        return ids

    def answers(self, wave: _Wave, question: str) -> pd.DataFrame:
        """Answers of the wave (customer_id, value) that lie on the question's scale."""
        survey = self.need("survey", "a survey")
        low, high = sorted(self.scale(question))
        at, own = survey["answered_at"], survey["wave"].astype("str").str.strip().str.lower() == wave.name
        inside = ((at >= wave.answers_from) & (at < wave.answers_until)) | (at.isna() & (own | (not wave.name)))
        given = survey.loc[inside & survey[question].between(low, high), ["customer_id", question]]
        if given.empty:
            raise _Unseen("the survey has no answers to this question " + (
                f"from {wave.name} the launch" if wave.name else "in the window"))
        return given.rename(columns={question: "value"})

    def scale(self, question: str) -> tuple[float, float]:
        """The (worst, best) answer: as declared, else the smallest usual scale that holds all answers."""
        if question in self.scales or question == "nps":
            return self.scales.get(question, (0.0, 10.0))
        most, least = self.frames["survey"][question].max(), self.frames["survey"][question].min()
        return (0.0 if least < 1 else 1.0), next((top for top in (5.0, 7.0) if not most > top), 10.0)


# ---------------------------------------------------------------- one KPI, one window
def _retention(shop: _Shop, wave: _Wave) -> Share:
    came, at_risk = (pd.Index(rows["customer_id"].unique()) for rows in (shop.bought(wave), shop.history(wave)))
    if at_risk.empty:
        raise _Unseen("no customer was active when the window began")
    return Share.of(pd.Series(at_risk.isin(came), index=at_risk))


def _churn(shop: _Shop, wave: _Wave) -> Share:
    return Share.of(~_retention(shop, wave).units)


def _repeat_rate(shop: _Shop, wave: _Wave) -> Share:
    return Share.of(shop.bought(wave).groupby("customer_id").size() >= 2)


def _second_order(shop: _Shop, wave: _Wave) -> Share:
    new = shop.newcomers(wave)
    if wave.cohort_days >= 30:
        cohort = new[new["first"] < wave.start + wave.cohort_days * DAY].set_index("customer_id")
        if cohort.empty:
            raise _Unseen("no first-time buyer was observed for 90 days")
        return Share.of(cohort["second"] < cohort["first"] + SECOND_ORDER * DAY)
    end = new["second"].fillna(wave.followed_until)
    try:
        return kaplan_meier(((end - new["first"]) / DAY).to_numpy(), new["second"].notna().to_numpy(),
                            horizon=SECOND_ORDER)
    except ValueError:
        raise _Unseen("no first-time buyer was observed for 90 days") from None


def _categories_each(shop: _Shop, wave: _Wave) -> pd.Series:
    """Distinct known categories in the window by customer."""
    shop.bought(wave)
    if shop.categories["category"].nunique() < 2:
        raise _Unseen("it takes orders in two or more known categories")
    inside = shop.categories[wave.has(shop.categories["ordered_at"])]
    if inside.empty:
        raise _Unseen("no order in the window has a known category")
    return inside.groupby("customer_id")["category"].nunique()


def _cross_sell(shop: _Shop, wave: _Wave) -> Share:
    return Share.of(_categories_each(shop, wave) >= 2)


def _diversity(shop: _Shop, wave: _Wave) -> Ratio:
    each = _categories_each(shop, wave)
    return Ratio(each, each * 0 + 1, least=1)


def _frequency(shop: _Shop, wave: _Wave) -> Ratio:
    each = shop.bought(wave).groupby("customer_id").size()
    return Ratio(each, each * 0 + 1, least=1)


def _order_value(shop: _Shop, wave: _Wave) -> Ratio:
    orders = shop.frames["orders"]
    inside = orders[wave.has(orders["ordered_at"])]
    if wave.end <= wave.start or inside["is_refund"].all():
        raise _Unseen(wave.why_empty or f"there are no orders between {_day(wave.start)} and {_day(wave.end)}")
    # an anonymous order is a unit of its own: nobody knows whose it is
    unit = inside["customer_id"].where(inside["customer_id"].notna(), "\0" + inside["order_id"].astype("str"))
    counted = (~inside["is_refund"] & ~inside.duplicated(["customer_id", "order_id"])).astype(float)
    return Ratio(inside["amount"].groupby(unit).sum(), counted.groupby(unit).sum())


def _nps(shop: _Shop, wave: _Wave) -> Mean:
    value = shop.answers(wave, "nps")["value"]
    return Mean(100.0 * ((value >= 9).astype(int) - (value <= 6).astype(int)).to_numpy(), (-100.0, 0.0, 100.0))


def _csat(shop: _Shop, wave: _Wave) -> Share:
    answers, best = shop.answers(wave, "csat"), shop.scale("csat")[1]
    satisfied = (answers["value"] - best).abs() <= 1
    ids = answers["customer_id"]
    if ids.isna().any() or ids.duplicated().any():
        return Share(float(satisfied.sum()), len(satisfied))
    return Share.of(satisfied.set_axis(ids))


def _mean_answer(shop: _Shop, wave: _Wave, question: str) -> Mean:
    values = shop.answers(wave, question)["value"].to_numpy(dtype=float)
    low, high = sorted(shop.scale(question))
    return Mean(values, np.arange(low, high + 1))


def _ces(shop: _Shop, wave: _Wave) -> Mean:
    return _mean_answer(shop, wave, "ces")


def _referrals(shop: _Shop, wave: _Wave) -> pd.DataFrame:
    """Referrals in the window; refused where they were not recorded then, or in part of the time before only."""
    rows = shop.need("referrals", "a list of referrals").dropna(subset="at")
    if rows.empty:
        raise _Unseen("the referrals have no dates")
    recorded = rows["at"].min()
    if recorded >= (wave.start + 30 * DAY if wave.name == "before" else wave.end):
        raise _Unseen(f"referrals are recorded from {_day(recorded)} on only")
    return rows[wave.has(rows["at"])]


def _referrer_rate(shop: _Shop, wave: _Wave) -> Share:
    referrers = pd.Index(_referrals(shop, wave)["referrer_id"].dropna().unique())
    active = pd.Index(shop.bought(wave)["customer_id"].unique()).union(referrers)
    return Share.of(pd.Series(active.isin(referrers), index=active))


def _referral_conversion(shop: _Shop, wave: _Wave) -> Share:
    rows = _referrals(shop, wave)
    shop.bought(wave)
    if rows.empty:
        raise _Unseen("nobody was referred in the window")
    first = rows["referee_id"].map(shop.purchases.groupby("customer_id")["ordered_at"].min())
    came = (first >= rows["at"].dt.normalize()) & (first < wave.end)
    twice = rows["referee_id"].notna() & rows["referee_id"].duplicated()  # two friends, one newcomer
    return Share(float((came & ~twice).sum()), len(rows))


def _referred_share(shop: _Shop, wave: _Wave) -> Share:
    _referrals(shop, wave)
    rows, new = shop.frames["referrals"], shop.newcomers(wave)
    referred = rows.loc[rows["at"] < wave.end, "referee_id"].dropna()
    return Share.of(new.set_index("customer_id").index.to_series().isin(referred))


def _enrolment(shop: _Shop, wave: _Wave) -> Share:
    customers = pd.Index(shop.bought(wave)["customer_id"].unique())
    return Share.of(pd.Series(customers.isin(shop.members_at(wave.end)), index=customers))


def _points(shop: _Shop, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Points earned and burned in [start, end), as positive numbers."""
    rows = shop.need("points", "a points ledger")
    inside = rows[(rows["at"] >= start) & (rows["at"] < end) & rows["kind"].isin(["earn", "burn"])
                  & rows["customer_id"].notna()]
    if inside.empty:
        raise _Unseen(f"no points were earned or redeemed between {_day(start)} and {_day(end)}")
    return inside.assign(points=inside["points"].abs())


def _active_members(shop: _Shop, wave: _Wave) -> Share:
    members = shop.members_at(wave.end)
    active = _points(shop, wave.end - ACTIVE_MEMBER * DAY, wave.end)["customer_id"].unique()
    return Share.of(pd.Series(members.isin(active), index=members))


def _redemption_members(shop: _Shop, wave: _Wave) -> Share:
    rows = _points(shop, wave.end - ACTIVE_MEMBER * DAY, wave.end)
    return Share.of((rows["kind"] == "burn").groupby(rows["customer_id"]).any())


def _redemption_points(shop: _Shop, wave: _Wave) -> Ratio:
    rows = _points(shop, wave.start, wave.end)
    each = rows.pivot_table(index="customer_id", columns="kind", values="points", aggfunc="sum", fill_value=0.0)
    each = each.reindex(columns=["burn", "earn"], fill_value=0.0)
    if not each["earn"].sum() > 0:
        raise _Unseen("no points were earned in the window")
    return Ratio(each["burn"], each["earn"], least=0)


def _breakage(shop: _Shop, wave: _Wave) -> Unspent:
    pieces = _point_pieces(shop.need("points", "a points ledger"), wave.end)
    observed = ((wave.end - pieces["earned_at"]) // (POINTS_SPELL * DAY)).to_numpy()  # whole spells
    gone_in = ((pieces["gone_at"] - pieces["earned_at"]) // (POINTS_SPELL * DAY)).fillna(np.inf).to_numpy()
    customer, ids = pd.factorize(pieces["customer_id"], sort=True)
    points, burnt = pieces["points"].to_numpy(), (pieces["kind"] == "burn").to_numpy()
    spells = [spell for spell in range(int(observed.max(initial=0)))
              if len(np.unique(customer[(observed > spell) & (gone_in >= spell)])) >= 10]
    if not spells:
        raise _Unseen(f"it takes ten members with points that are {POINTS_SPELL} days old")

    def by_customer(chosen: Callable[[int], np.ndarray]) -> np.ndarray:
        return np.column_stack([np.bincount(customer, points * ((observed > spell) & chosen(spell)), len(ids))
                                for spell in spells])

    return Unspent(by_customer(lambda spell: gone_in >= spell), by_customer(lambda spell: (gone_in == spell) & burnt),
                   by_customer(lambda spell: (gone_in == spell) & ~burnt))


def _point_pieces(points: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """Points cut into pieces with one fate each, the oldest spent first: customer_id, points, earned_at, gone_at, kind
    (burn or expire; both missing where they are still there). Adjustments are left out."""
    rows = points[(points["at"] < until) & points["customer_id"].notna()].sort_values("at", kind="stable")
    rows = rows.assign(points=rows["points"].abs())
    earned, gone = rows[rows["kind"] == "earn"].drop(columns="kind"), rows[rows["kind"].isin(["burn", "expire"])]
    cuts = pd.concat([part.rename(columns={"at": moment}).assign(upto=part.groupby("customer_id")["points"].cumsum())
                      for part, moment in ((earned, "earned_at"), (gone, "gone_at"))])
    cuts = cuts.sort_values(["customer_id", "upto"], kind="stable", ignore_index=True)
    cuts["points"] = cuts.groupby("customer_id")["upto"].diff().fillna(cuts["upto"])
    fate = cuts.groupby("customer_id")[["earned_at", "gone_at", "kind"]].bfill()
    pieces = cuts[["customer_id", "points"]].join(fate)
    return pieces[(pieces["points"] > 0) & pieces["earned_at"].notna()]


MEASURES: dict[str, Callable[[_Shop, _Wave], Sample]] = {
    "retention": _retention, "repeat_rate": _repeat_rate, "second_order_90d": _second_order, "churn": _churn,
    "cross_sell": _cross_sell, "frequency": _frequency, "order_value": _order_value, "nps": _nps, "csat": _csat,
    "ces": _ces, "referrer_rate": _referrer_rate, "referral_conversion": _referral_conversion,
    "referred_share": _referred_share, "enrolment": _enrolment, "active_members": _active_members,
    "redemption_members": _redemption_members, "redemption_points": _redemption_points, "breakage": _breakage,
    "diversity": _diversity,
}
PROGRAM_KPIS = ("enrolment", "active_members", "redemption_members", "redemption_points", "breakage")


# ---------------------------------------------------------------- samples -> findings
def _observe(kpi: str, shop: _Shop, wave: _Wave) -> Sample | str:
    """The KPI's sample, or why there is none."""
    if wave.name == "before" and kpi in PROGRAM_KPIS:
        return "there was no program before the launch"
    try:
        return MEASURES[kpi](shop, wave)
    except _Unseen as reason:
        return str(reason)


def _level(kpi: str, sample: Sample | str, *, currency: str, confidence: float, note: str = "") -> Finding:
    one = DEFINITIONS[kpi]
    shared = {"label": one.label, "unit": currency if one.unit == "money" else one.unit, "n_noun": one.noun,
              "confidence": confidence}
    if isinstance(sample, str):
        return Finding(estimate=NAN, note=sample, **shared)
    estimate, low, high, _, method = sample.level(confidence)
    n = sample.bottom.sum() if one.noun == "order" else sample.n
    return Finding(estimate=estimate, low=low, high=high, n=round(n), method=method, note=note, **shared)


def _remark(kpi: str, shop: _Shop, wave: _Wave, sample: Sample | str) -> str:
    """What has to be known to read the level; "" where its definition says all."""
    if isinstance(sample, str):
        return ""
    if kpi in ("retention", "churn"):
        return f"active: an order within {count(wave.activity_days, 'day')}"
    if kpi in ("csat", "ces"):
        worst, best = shop.scale(kpi)
        scale = f"on a scale of {worst:g} (worst) to {best:g} (best)"
        return scale if kpi == "ces" else f"mean answer {_mean_answer(shop, wave, kpi).values.mean():.2f} {scale}"
    if kpi == "breakage":
        days, left = POINTS_SPELL * sample.there.shape[1], amount(sample.left, "share", digits=0)
        return (f"observed up to {days} days after the points were issued; the {left} still unspent at that age are "
                "counted as never redeemed, so this is the most it can be")
    return ""


def _compared(kpi: str, shop: _Shop, waves: tuple[_Wave, _Wave], *, currency: str, confidence: float) -> Change:
    """One KPI in both waves, p-values not yet adjusted."""
    was, now = samples = [_observe(kpi, shop, wave) for wave in waves]
    before, after = (_level(kpi, sample, currency=currency, confidence=confidence,
                            note=_remark(kpi, shop, wave, sample)) for sample, wave in zip(samples, waves, strict=True))
    change, chance, note = Interval(NAN), NAN, after.note
    better = DEFINITIONS[kpi].higher_is_better
    if kpi == "ces" and after.measurable:
        worst, best = shop.scale(kpi)
        better = best > worst
    if isinstance(was, str) or isinstance(now, str):
        note = was if isinstance(was, str) else now
    else:
        change = now.change_from(was, confidence)
        if not change.low <= change.high:
            note = ("fewer than ten customers in one of the periods" if min(was.n, now.n) < 10 else
                    "all customers are alike, so that chance cannot be judged")
        if isinstance(now, Share) and min(was.n, now.n) < SMALL:
            chance = chance_greater(was, now) if better else 1 - chance_greater(was, now)
        if kpi == "csat":
            note = _mean_change(*(_mean_answer(shop, wave, kpi) for wave in waves), confidence)
    return Change(kpi=kpi, label=after.label, unit=after.unit, estimate=change.estimate, low=change.low,
                  high=change.high, n=before.n + after.n, n_noun=after.n_noun, confidence=confidence,
                  method=change.method, note=note, before=before, after=after, p_value=change.p_value,
                  higher_is_better=better, chance_improved=chance)


def _mean_change(before: Mean, after: Mean, confidence: float) -> str:
    change = after.change_from(before, confidence)
    told, low, high = (difference(value, "scale points", digits=2) for value in (change.estimate, change.low,
                                                                                 change.high))
    return f"mean answer {before.values.mean():.2f} to {after.values.mean():.2f}: {told} ({low} to {high})"


def compare(frames: Mapping[str, pd.DataFrame], spans: Windows, *, primary: str, currency: str,
            scales: Mapping[str, tuple[float, float]] | None = None, extra: Sequence[Change] = (),
            confidence: float = 0.95) -> list[Change]:
    """Every KPI before and after, in the order of DEFINITIONS; what cannot be measured is kept, with the reason.

    `frames` are the canonical tables (only orders must be there), `spans` what `windows` gave. `primary` was named
    before looking and stands alone; Holm's adjustment is made over all the others. Churn is retention mirrored: the
    same test, counted once, so that one of the two carries no p-value of its own. `scales` are the declared (worst,
    best) answers of survey questions; `extra` are changes measured elsewhere (the loyalty index), which join the
    adjustment. Surveys are split at the launch, whatever their age; answers of the gap days are left out. Program
    KPIs have no before: their level stands in `after`.
    """
    if primary not in DEFINITIONS:
        raise UserError(f"primary_kpi: {primary} is not a KPI.{suggest(primary, DEFINITIONS)}")
    shop = _Shop(frames, spans.data_start, scales or {})
    changes = [_compared(kpi, shop, _waves(spans), currency=currency, confidence=confidence) for kpi in MEASURES]
    if "loyalty_index" not in [change.kpi for change in extra]:
        level = _level("loyalty_index", "no score was made for both periods", currency=currency, confidence=confidence)
        changes.append(Change(kpi="loyalty_index", label=level.label, unit=level.unit, estimate=NAN, before=level,
                              after=level, note=level.note, confidence=confidence))
    return _adjusted([*changes, *extra], primary)


def _adjusted(changes: list[Change], primary: str) -> list[Change]:
    copy = MIRRORED.get(primary, "churn")
    p_values = {change.kpi: change.p_value for change in changes if change.kpi not in (primary, copy)}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    adjusted |= {change.kpi: change.p_value for change in changes if change.kpi == primary}
    adjusted[copy] = adjusted[MIRRORED[copy]]
    return [replace(change, p_adjusted=float(adjusted[change.kpi]), primary=change.kpi == primary,
                    p_value=NAN if change.kpi == copy else change.p_value) for change in changes]


def table(changes: Sequence[Change]) -> pd.DataFrame:
    """The rows of tables/kpis.csv. Where nothing was compared, `method` says why."""
    rows = [(one.kpi, one.unit, one.before.estimate, one.before.low, one.before.high, one.before.n,
             one.after.estimate, one.after.low, one.after.high, one.after.n, one.estimate, one.low, one.high,
             one.p_value, one.p_adjusted, one.primary,
             one.note if one.verdict == "not measurable" else one.method, one.verdict) for one in changes]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def from_table(frame: pd.DataFrame, currency: str) -> list[Change]:
    """The changes back from `table` (or its file), so that other chapters say the same words."""
    return [_from_row(row, currency) for row in frame.to_dict("records")]


def _from_row(row: Mapping[str, Any], currency: str) -> Change:
    kpi = row["kpi"]
    one = DEFINITIONS.get(kpi) or Definition(kpi.replace("_", " "), row["unit"], "", "", "")
    shared = {"label": one.label, "unit": currency if one.unit == "money" else one.unit, "n_noun": one.noun}
    compared, words = row["verdict"] != "not measurable", "" if pd.isna(row["method"]) else row["method"]
    method, note = (words, "") if compared else ("", words)
    before, after = (Finding(estimate=float(row[when]), low=float(row[f"{when}_low"]), high=float(row[f"{when}_high"]),
                             n=int(row[f"n_{when}"]), note=note, **shared)
                     for when in ("before", "after"))
    chance = NAN
    if compared and one.unit == "share" and min(before.n, after.n) < SMALL:
        chance = chance_greater(*(Share(level.estimate * level.n, level.n) for level in (before, after)))
        chance = chance if one.higher_is_better else 1 - chance
    return Change(kpi=kpi, estimate=float(row["change"]), low=float(row["change_low"]), high=float(row["change_high"]),
                  n=before.n + after.n, before=before, after=after, p_value=float(row["p_value"]),
                  p_adjusted=float(row["p_adjusted"]), primary=bool(row["primary"]), chance_improved=chance,
                  higher_is_better=one.higher_is_better, method=method, note=note, **shared)


def describe(frames: Mapping[str, pd.DataFrame], start: pd.Timestamp, end: pd.Timestamp, *, currency: str,
             scales: Mapping[str, tuple[float, float]] | None = None, confidence: float = 0.95) -> list[Finding]:
    """The KPIs' levels in [start, end), for a shop with no launch date; `last_year` gives a window.

    Where the orders begin too late for the window's own retention, retention and churn are those of the last days of
    the window, as many as the activity window has; the note says so.
    """
    data_start, _ = _span(frames["orders"])
    shop, active = _Shop(frames, data_start, scales or {}), activity_window(frames["orders"], until=end)
    wave = _Wave("", pd.Timestamp(start), pd.Timestamp(end), active, pd.Timestamp(start) - data_start,
                 (end - SECOND_ORDER * DAY - start).days, pd.Timestamp(end), pd.Timestamp(start), pd.Timestamp.max)
    late = wave.start - active * DAY < data_start <= wave.end - 2 * active * DAY
    recent = replace(wave, start=wave.end - active * DAY)
    found = []
    for kpi in MEASURES:
        chosen = recent if late and kpi in ("retention", "churn") else wave
        sample = _observe(kpi, shop, chosen)
        note = _remark(kpi, shop, chosen, sample)
        if chosen is recent and note:
            note += f", seen over the last {count(active, 'day')}"
        found.append(_level(kpi, sample, currency=currency, confidence=confidence, note=note))
    return found


def by_channel(frames: Mapping[str, pd.DataFrame], spans: Windows, *, currency: str,
               confidence: float = 0.95) -> pd.DataFrame:
    """Retention, frequency and order value within each channel, before and after, busiest channel first.

    Columns channel, kpi, unit, the levels and changes of `table`, method. Each channel is treated as a shop of its
    own: a customer who moved to another one counts as not retained in the first. No test is made of so many numbers.
    """
    orders = frames["orders"]
    parts = [pd.DataFrame(columns=["channel", "kpi", "unit", *NUMBERS, "method"])]
    for channel in orders["channel"].value_counts().index:
        shop = _Shop({"orders": orders[orders["channel"] == channel]}, spans.data_start, {})
        rows = table([_compared(kpi, shop, _waves(spans), currency=currency, confidence=confidence)
                      for kpi in ("retention", "frequency", "order_value")])
        parts.append(rows.assign(channel=channel)[parts[0].columns])
    return pd.concat(parts[1:], ignore_index=True) if len(parts) > 1 else parts[0]


def against_thresholds(findings: Sequence[Finding],
                       thresholds: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The latest levels against the limits of the settings ({kpi: {"min": ..., "max": ...}}), one row per limit.

    `findings` are changes (their after level counts) or the levels of `describe`. Columns kpi, value, low, high,
    threshold, reading: "met" or "missed" only where the whole interval lies on one side, else "cannot tell".
    """
    kpi_of = {one.label: kpi for kpi, one in DEFINITIONS.items()}
    levels = {kpi_of.get(one.label): one.after if isinstance(one, Change) else one for one in findings}
    rows = []
    for kpi, limits in thresholds.items():
        level = levels.get(kpi) or Finding(label=kpi, unit="share", estimate=NAN)
        for side, limit in limits.items():
            rows.append((kpi, level.estimate, level.low, level.high, limit, _reading(level, side, limit)))
    return pd.DataFrame(rows, columns=["kpi", "value", "low", "high", "threshold", "reading"])


def _reading(level: Finding, side: str, limit: float) -> str:
    bound = f"{'at least' if side == 'min' else 'at most'} {amount(limit, level.unit)}"
    if not level.measurable:
        return f"not measured ({bound})"
    met, missed = (level.low >= limit, level.high < limit) if side == "min" else (level.high <= limit,
                                                                                  level.low > limit)
    return f"{'met' if met else 'missed' if missed else 'cannot tell'} ({bound})"


def activity_stress(frames: Mapping[str, pd.DataFrame], spans: Windows, *, confidence: float = 0.95) -> pd.DataFrame:
    """Retention with half, once and twice the activity window: a conclusion should not hang on that choice.

    Columns activity_days, before, after, change, low, high, n_before, n_after, note (why it is not measurable).
    """
    rows = []
    for factor in (0.5, 1, 2):
        days = max(1, round(spans.activity_days * factor))
        shop = _Shop(frames, spans.data_start, {})
        one = _compared("retention", shop, _waves(replace(spans, activity_days=days)), currency="",
                        confidence=confidence)
        rows.append((days, one.before.estimate, one.after.estimate, one.estimate, one.low, one.high, one.before.n,
                     one.after.n, "" if one.measurable else one.note))
    return pd.DataFrame(rows, columns=["activity_days", "before", "after", "change", "low", "high", "n_before",
                                       "n_after", "note"])


# ---------------------------------------------------------------- the traps of before and after
FINE, KNOW, DISTORTS = "fine", "worth knowing", "distorts results"


def traps(frames: Mapping[str, pd.DataFrame], spans: Windows) -> pd.DataFrame:
    """What a comparison of before and after falls into, checked on the data: check, found, grade, consequence.

    `grade` is "fine", "worth knowing" or "distorts results". One row for each trap, whether it bites or not.
    """
    checks = (_trap_season, _trap_holidays, _trap_newness, _trap_unfinished, _trap_survivors, _trap_anonymous,
              _trap_joiners, _trap_ceilings, _trap_rows)
    return pd.DataFrame([check(frames, spans) for check in checks],
                        columns=["check", "found", "grade", "consequence"])


Trap = tuple[str, str, str, str]


def _trap_season(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    before, after = (f"{_day(start)} to {_day(end - DAY)}" if end > start else "no time" for start, end in (
        (spans.before_start, spans.before_end), (spans.after_start, spans.after_end)))
    return ("Equal windows, same season", f"before: {before}; after: {after}. {spans.note}".strip(),
            FINE if spans.season_matched else DISTORTS, "Where the season differs, a change may be the season's.")


def _trap_holidays(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    def overlap(start: pd.Timestamp, end: pd.Timestamp) -> list[int]:
        days = pd.date_range(start, end, inclusive="left")
        wait = (pd.DatetimeIndex(NEW_YEARS).to_numpy() - days.to_numpy()[:, None]) / np.timedelta64(1, "D")
        return [int(((wait > -7) & (wait <= 21)).sum()), int(((days.month == 11) & (days.day <= 11)).sum())]

    before, after = overlap(spans.before_start, spans.before_end), overlap(spans.after_start, spans.after_end)
    uneven = max(abs(was - now) for was, now in zip(before, after, strict=True)) > 3
    found = (f"days of the Chinese New Year season: {before[0]} before, {after[0]} after; of 1 to 11 November: "
             f"{before[1]} before, {after[1]} after")
    return ("Moving holidays", found, KNOW if uneven else FINE,
            "A shop with Chinese customers sells more or less in a window for that alone.")


def _trap_newness(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    lead = (spans.before_start - spans.data_start).days
    return ("Left truncation: who is new?", f"{count(lead, 'day')} of orders in front of the before window, activity "
            f"window {count(spans.activity_days, 'day')}", FINE if lead >= spans.activity_days else DISTORTS,
            "Customers whose first order stands near the start of the file are not new; retention and newcomers of "
            "the time before are not measured without these days.")


def _trap_unfinished(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    shop, after = _Shop(frames, spans.data_start, {}), _waves(spans)[1]
    try:
        firsts = shop.newcomers(after)["first"]
        young = int((firsts > spans.data_end - SECOND_ORDER * DAY).sum())
        found = f"{young:,} of {count(len(firsts), 'first-time buyer')} are not yet observed for {SECOND_ORDER} days"
    except _Unseen as reason:
        young, found = 0, str(reason)
    return ("Right censoring: unfinished cohorts", found, KNOW if young else FINE,
            "They are left out of second orders, or handled by Kaplan-Meier; counted in, they would look disloyal.")


def _trap_survivors(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    check = "Survivors in the member list"
    consequence = "Members without those who left look more loyal than they were."
    members = frames.get("members")
    if members is None or members.empty:
        return check, "there is no member list", FINE, consequence
    known = set(members["customer_id"].dropna())
    elsewhere = {one for name, column in (("points", "customer_id"), ("referrals", "referrer_id")) if name in frames
                 for one in frames[name][column].dropna()}
    unlisted, left = len(elsewhere - known), int(members["left_at"].notna().sum())
    bought = len(known & set(frames["orders"]["customer_id"].dropna()))
    found = (f"{bought:,} of {count(len(known), 'member')} have orders; {left:,} marked as left; "
             f"{unlisted:,} people with points or referrals are not in the list")
    return check, found, DISTORTS if unlisted else KNOW if not left else FINE, consequence


def _trap_anonymous(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    check = "Anonymous orders"
    consequence = "A program makes more orders identifiable: orders per customer then rise by themselves."
    sales = frames["orders"][~frames["orders"]["is_refund"]]
    was, now = (sales.loc[(sales["ordered_at"] >= start) & (sales["ordered_at"] < end), "customer_id"].isna()
                for start, end in ((spans.before_start, spans.before_end), (spans.after_start, spans.after_end)))
    if was.empty or now.empty:
        return check, "no orders in one of the windows", FINE, consequence
    change = Share.of(now).change_from(Share(float(was.sum()), len(was)), 0.95)
    moved = abs(change.estimate) >= 0.01 and not change.low <= 0 <= change.high
    found = (f"{amount(was.mean(), 'share')} of orders before, {amount(now.mean(), 'share')} after "
             f"({difference(change.low, 'share')} to {difference(change.high, 'share')})")
    return check, found, DISTORTS if moved else FINE, consequence


def _trap_joiners(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    check = "Self-selection, and joining at an order"
    consequence = ("People join while they are buying, the keenest first: members before and after, or members "
                   "against others, differ for that alone.")
    joins = frames["members"].dropna(subset=["joined_at", "customer_id"]) if "members" in frames else ()
    if not len(joins):
        return check, "there are no dates of joining", FINE, consequence
    bought = _purchases(frames["orders"])[["customer_id", "ordered_at"]]
    since = joins[["customer_id", "joined_at"]].merge(bought, on="customer_id")
    same_day = since["joined_at"].dt.normalize() == since["ordered_at"].dt.normalize()
    share = since.loc[same_day, "customer_id"].nunique() / joins["customer_id"].nunique()
    found = f"{amount(share, 'share', digits=0)} of {count(len(joins), 'member')} joined on the day of an order"
    return check, found, DISTORTS, consequence


def _trap_ceilings(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    questions = [(name, frames[table][name].dropna()) for table, names in (
        ("orders", ["rating"]), ("survey", [name for name in frames.get("survey", ()) if name not in (
            "answered_at", "wave", "customer_id")])) for name in names]
    topped = [f"{name}: {amount((values == values.max()).mean(), 'share', digits=0)} gave {values.max():g}"
              for name, values in questions if len(values) and (values == values.max()).mean() >= 0.8]
    asked = sum(len(values) > 0 for _, values in questions)
    found = "; ".join(topped) or (f"none of {count(asked, 'question')}" if asked else "there are no ratings or answers")
    return ("Answers at the ceiling", found, KNOW if topped else FINE,
            "A mean at the top of its scale means that nearly all answers were the highest: it cannot rise.")


def _trap_rows(frames: Mapping[str, pd.DataFrame], spans: Windows) -> Trap:
    orders = frames["orders"]
    sales = orders[~orders["is_refund"]]
    repeated = int(sales["order_id"].duplicated().sum())
    twins = int(sales[sales["customer_id"].notna()].duplicated(["customer_id", "ordered_at", "amount"]).sum())
    found = (f"{count(int(orders['is_refund'].sum()), 'refund row')}; {count(repeated, 'repeated order number')}; "
             f"{count(twins, 'order')} with customer, time and amount of another one")
    return ("A row is not an order", found, KNOW if repeated or twins > len(sales) / 100 else FINE,
            "Refunds count in money only, repeated numbers of one customer count once; twins count twice.")
