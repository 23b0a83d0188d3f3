"""The KPIs of one window, each measured by a function of what is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from loyalty_helpers.core.intervals import Mean, Ratio, Share, Unspent, kaplan_meier
from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.purchases import DAY, is_purchase, purchases
from loyalty_helpers.core.scales import scale
from loyalty_helpers.core.windows import Windows, iso

Sample = Share | Mean | Ratio | Unspent
SECOND_ORDER = 90  # days
ACTIVE_MEMBER = 90  # days
POINTS_SPELL = 30  # days


# ---------------------------------------------------------------- what is looked at
class Unseen(Exception):
    """Why a KPI cannot be measured: `why` completes "cannot be compared: ..."."""

    def __init__(self, why: str | Message, **facts):
        self.why = why if isinstance(why, Message) else message(f"unseen-{why}", **facts)


@dataclass(frozen=True)
class Wave:
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
    why_empty: Message | str = ""

    def has(self, moments: pd.Series) -> pd.Series:
        return (moments >= self.start) & (moments < self.end)


def waves(spans: Windows) -> tuple[Wave, Wave]:
    before_follow = min(spans.launch, spans.before_start + (spans.data_end - spans.after_start))
    lead = spans.before_start - spans.data_start
    compared = spans.before_end > spans.before_start and lead >= spans.activity_days * DAY
    lookback = lead if compared else spans.after_start - spans.data_start
    seen = [(min(end, until - SECOND_ORDER * DAY) - start).days
            for start, end, until in ((spans.before_start, spans.before_end, spans.launch),
                                      (spans.after_start, spans.after_end, spans.data_end)) if end > start]
    shared = {"activity_days": spans.activity_days, "lookback": lookback, "cohort_days": min(seen, default=0),
              "why_empty": spans.note}
    return (Wave("before", spans.before_start, spans.before_end, followed_until=before_follow,
                  answers_from=pd.Timestamp.min, answers_until=spans.launch, **shared),
            Wave("after", spans.after_start, spans.after_end, followed_until=spans.data_end,
                  answers_from=spans.after_start, answers_until=pd.Timestamp.max, **shared))


@dataclass(frozen=True)
class Shop:
    """The canonical frames, and what several KPIs need of them."""

    frames: Mapping[str, pd.DataFrame]
    data_start: pd.Timestamp
    scales: Mapping[str, tuple[float, float]]

    def need(self, name: str) -> pd.DataFrame:
        if name not in self.frames or self.frames[name].empty:
            raise Unseen(f"takes-{name}")
        return self.frames[name]

    @cached_property
    def purchases(self) -> pd.DataFrame:
        """Of identified customers, by time."""
        return purchases(self.frames["orders"], known=True).sort_values(["ordered_at", "order_id"])

    @cached_property
    def visits(self) -> pd.DataFrame:
        """The first purchase of each customer's shopping days, by time: who comes back does so on another day."""
        day = self.purchases["ordered_at"].dt.normalize()
        return self.purchases[~self.purchases.assign(day=day).duplicated(["customer_id", "day"])]

    @cached_property
    def categories(self) -> pd.DataFrame:
        """customer_id, ordered_at, category of all that was bought, from the lines where they know it."""
        lines = self.frames.get("lines")
        if lines is None or lines["category"].isna().all():
            return self.purchases.dropna(subset="category")
        known = lines[["order_id", "category"]].dropna().drop_duplicates()
        return self.purchases[["order_id", "customer_id", "ordered_at"]].merge(known, on="order_id")

    def bought(self, wave: Wave) -> pd.DataFrame:
        """Purchases of identified customers in the window; never empty."""
        if wave.end <= wave.start:
            raise Unseen(wave.why_empty or "window")
        inside = self.purchases[wave.has(self.purchases["ordered_at"])]
        if inside.empty:
            raise Unseen("nobody-ordered", start=iso(wave.start), end=iso(wave.end))
        return inside

    def history(self, wave: Wave) -> pd.DataFrame:
        """Purchases in the activity window in front of the window, which the orders must reach."""
        since = wave.start - wave.activity_days * DAY
        if since < self.data_start:
            raise Unseen("history", since=iso(since), days=wave.activity_days)
        return self.purchases[(self.purchases["ordered_at"] >= since) & (self.purchases["ordered_at"] < wave.start)]

    def newcomers(self, wave: Wave) -> pd.DataFrame:
        """customer_id, first and second visit (missing where there was none) of the window's first-time buyers."""
        self.bought(wave)
        self.history(wave)
        seen = self.visits[(self.visits["ordered_at"] >= wave.start - wave.lookback)
                           & (self.visits["ordered_at"] < wave.followed_until)]
        ranked = seen.assign(rank=seen.groupby("customer_id").cumcount())
        firsts = ranked[(ranked["rank"] == 0) & wave.has(ranked["ordered_at"])].set_index("customer_id")["ordered_at"]
        seconds = ranked[ranked["rank"] == 1].set_index("customer_id")["ordered_at"]
        new = pd.DataFrame({"first": firsts, "second": seconds.reindex(firsts.index)}).reset_index()
        if new.empty:
            raise Unseen("nobody-new")
        return new

    def members_at(self, moment: pd.Timestamp) -> pd.Index:
        members = self.need("members")
        inside = ~(members["joined_at"] >= moment) & ~(members["left_at"] < moment)
        ids = pd.Index(members.loc[inside, "customer_id"].dropna().unique())
        if ids.empty:
            raise Unseen("no-member", day=iso(moment))
        return ids

    def answers(self, wave: Wave, question: str) -> pd.DataFrame:
        """Answers of the wave (customer_id, value) that lie on the question's scale."""
        survey = self.need("survey")
        low, high = sorted(self.scale(question))
        at, own = survey["answered_at"], survey["wave"].astype("str").str.strip().str.lower() == wave.name
        inside = ((at >= wave.answers_from) & (at < wave.answers_until)) | (at.isna() & (own | (not wave.name)))
        given = survey.loc[inside & survey[question].between(low, high), ["customer_id", question]]
        if given.empty:
            raise Unseen("no-answer", when=wave.name or "window")
        return given.rename(columns={question: "value"})

    def scale(self, question: str) -> tuple[float, float]:
        """The (worst, best) answer."""
        return scale(self.frames["survey"][question], question, self.scales)


# ---------------------------------------------------------------- one KPI, one window
def _retention(shop: Shop, wave: Wave) -> Share:
    came, at_risk = (pd.Index(rows["customer_id"].unique()) for rows in (shop.bought(wave), shop.history(wave)))
    if at_risk.empty:
        raise Unseen("nobody-active")
    return Share.of(pd.Series(at_risk.isin(came), index=at_risk))


def _churn(shop: Shop, wave: Wave) -> Share:
    return Share.of(~_retention(shop, wave).units)


def _repeat_rate(shop: Shop, wave: Wave) -> Share:
    customers = shop.bought(wave)["customer_id"].unique()
    days = shop.visits[wave.has(shop.visits["ordered_at"])].groupby("customer_id").size()
    return Share.of(days.reindex(customers) >= 2)


def _second_order(shop: Shop, wave: Wave) -> Share:
    new = shop.newcomers(wave)
    if wave.cohort_days >= 30:
        cohort = new[new["first"] < wave.start + wave.cohort_days * DAY].set_index("customer_id")
        if cohort.empty:
            raise Unseen("nobody-observed", days=SECOND_ORDER)
        return Share.of(cohort["second"] < cohort["first"] + SECOND_ORDER * DAY)
    end = new["second"].fillna(wave.followed_until)
    try:
        return kaplan_meier(((end - new["first"]) / DAY).to_numpy(), new["second"].notna().to_numpy(),
                            horizon=SECOND_ORDER)
    except ValueError:
        raise Unseen("nobody-observed", days=SECOND_ORDER) from None


def _categories_each(shop: Shop, wave: Wave) -> pd.Series:
    """Distinct known categories in the window by customer."""
    shop.bought(wave)
    if shop.categories["category"].nunique() < 2:
        raise Unseen("one-category")
    inside = shop.categories[wave.has(shop.categories["ordered_at"])]
    if inside.empty:
        raise Unseen("no-category")
    return inside.groupby("customer_id")["category"].nunique()


def _cross_sell(shop: Shop, wave: Wave) -> Share:
    return Share.of(_categories_each(shop, wave) >= 2)


def _diversity(shop: Shop, wave: Wave) -> Ratio:
    each = _categories_each(shop, wave)
    return Ratio(each, each * 0 + 1, least=1)


def _frequency(shop: Shop, wave: Wave) -> Ratio:
    each = shop.bought(wave).groupby("customer_id").size()
    return Ratio(each, each * 0 + 1, least=1)


def _order_value(shop: Shop, wave: Wave) -> Ratio:
    orders = shop.frames["orders"]
    inside = orders[wave.has(orders["ordered_at"])]
    if wave.end <= wave.start:
        raise Unseen(wave.why_empty or "window")
    if not is_purchase(inside).any():
        raise Unseen("no-order", start=iso(wave.start), end=iso(wave.end))
    # an anonymous order is a unit of its own: nobody knows whose it is
    unit = inside["customer_id"].where(inside["customer_id"].notna(), "\0" + inside["order_id"].astype("str"))
    return Ratio(inside["amount"].groupby(unit).sum(), is_purchase(inside).astype(float).groupby(unit).sum())


def _nps(shop: Shop, wave: Wave) -> Mean:
    value = shop.answers(wave, "nps")["value"]
    return Mean(100.0 * ((value >= 9).astype(int) - (value <= 6).astype(int)).to_numpy(), (-100.0, 0.0, 100.0))


def _csat(shop: Shop, wave: Wave) -> Share:
    answers, best = shop.answers(wave, "csat"), shop.scale("csat")[1]
    satisfied = (answers["value"] - best).abs() <= 1
    ids = answers["customer_id"]
    if ids.isna().any() or ids.duplicated().any():
        return Share(float(satisfied.sum()), len(satisfied))
    return Share.of(satisfied.set_axis(ids))


def mean_answer(shop: Shop, wave: Wave, question: str) -> Mean:
    values = shop.answers(wave, question)["value"].to_numpy(dtype=float)
    low, high = sorted(shop.scale(question))
    return Mean(values, np.arange(low, high + 1))


def _ces(shop: Shop, wave: Wave) -> Mean:
    return mean_answer(shop, wave, "ces")


def _referrals(shop: Shop, wave: Wave) -> pd.DataFrame:
    """Referrals in the window; refused where they were not recorded then, or in part of the time before only."""
    rows = shop.need("referrals").dropna(subset="at")
    if rows.empty:
        raise Unseen("undated-referrals")
    recorded = rows["at"].min()
    if recorded >= (wave.start + 30 * DAY if wave.name == "before" else wave.end):
        raise Unseen("referrals-since", day=iso(recorded))
    return rows[wave.has(rows["at"])]


def _referrer_rate(shop: Shop, wave: Wave) -> Share:
    referrers = pd.Index(_referrals(shop, wave)["referrer_id"].dropna().unique())
    active = pd.Index(shop.bought(wave)["customer_id"].unique()).union(referrers)
    return Share.of(pd.Series(active.isin(referrers), index=active))


def _referral_conversion(shop: Shop, wave: Wave) -> Share:
    rows = _referrals(shop, wave)
    shop.bought(wave)
    if rows.empty:
        raise Unseen("nobody-referred")
    first = rows["referee_id"].map(shop.purchases.groupby("customer_id")["ordered_at"].min())
    came = (first >= rows["at"].dt.normalize()) & (first < wave.end)
    twice = rows["referee_id"].notna() & rows["referee_id"].duplicated()  # two friends, one newcomer
    return Share(float((came & ~twice).sum()), len(rows))


def _referred_share(shop: Shop, wave: Wave) -> Share:
    _referrals(shop, wave)
    rows, new = shop.frames["referrals"], shop.newcomers(wave)
    referred = rows.loc[rows["at"] < wave.end, "referee_id"].dropna()
    return Share.of(new.set_index("customer_id").index.to_series().isin(referred))


def _enrolment(shop: Shop, wave: Wave) -> Share:
    customers = pd.Index(shop.bought(wave)["customer_id"].unique())
    return Share.of(pd.Series(customers.isin(shop.members_at(wave.end)), index=customers))


def _points(shop: Shop, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Points earned and burned in [start, end), as positive numbers."""
    rows = shop.need("points")
    inside = rows[(rows["at"] >= start) & (rows["at"] < end) & rows["kind"].isin(["earn", "burn"])
                  & rows["customer_id"].notna()]
    if inside.empty:
        raise Unseen("no-points", start=iso(start), end=iso(end))
    return inside.assign(points=inside["points"].abs())


def _active_members(shop: Shop, wave: Wave) -> Share:
    members = shop.members_at(wave.end)
    active = _points(shop, wave.end - ACTIVE_MEMBER * DAY, wave.end)["customer_id"].unique()
    return Share.of(pd.Series(members.isin(active), index=members))


def _redemption_members(shop: Shop, wave: Wave) -> Share:
    rows = _points(shop, wave.end - ACTIVE_MEMBER * DAY, wave.end)
    return Share.of((rows["kind"] == "burn").groupby(rows["customer_id"]).any())


def _redemption_points(shop: Shop, wave: Wave) -> Ratio:
    rows = _points(shop, wave.start, wave.end)
    each = rows.pivot_table(index="customer_id", columns="kind", values="points", aggfunc="sum", fill_value=0.0)
    each = each.reindex(columns=["burn", "earn"], fill_value=0.0)
    if not each["earn"].sum() > 0:
        raise Unseen("no-points-earned")
    return Ratio(each["burn"], each["earn"], least=0)


def _breakage(shop: Shop, wave: Wave) -> Unspent:
    pieces = _point_pieces(shop.need("points"), wave.end)
    observed = ((wave.end - pieces["earned_at"]) // (POINTS_SPELL * DAY)).to_numpy()  # whole spells
    gone_in = ((pieces["gone_at"] - pieces["earned_at"]) // (POINTS_SPELL * DAY)).fillna(np.inf).to_numpy()
    customer, ids = pd.factorize(pieces["customer_id"], sort=True)
    points, burnt = pieces["points"].to_numpy(), (pieces["kind"] == "burn").to_numpy()
    spells = [spell for spell in range(int(observed.max(initial=0)))
              if len(np.unique(customer[(observed > spell) & (gone_in >= spell)])) >= 10]
    if not spells:
        raise Unseen("young-points", days=POINTS_SPELL)

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


MEASURES: dict[str, Callable[[Shop, Wave], Sample]] = {
    "retention": _retention, "repeat_rate": _repeat_rate, "second_order_90d": _second_order, "churn": _churn,
    "cross_sell": _cross_sell, "frequency": _frequency, "order_value": _order_value, "nps": _nps, "csat": _csat,
    "ces": _ces, "referrer_rate": _referrer_rate, "referral_conversion": _referral_conversion,
    "referred_share": _referred_share, "enrolment": _enrolment, "active_members": _active_members,
    "redemption_members": _redemption_members, "redemption_points": _redemption_points, "breakage": _breakage,
    "diversity": _diversity,
}
PROGRAM_KPIS = ("enrolment", "active_members", "redemption_members", "redemption_points", "breakage")


def observe(kpi: str, shop: Shop, wave: Wave) -> Sample | Message:
    """The KPI's sample, or why there is none."""
    if wave.name == "before" and kpi in PROGRAM_KPIS:
        return message("unseen-no-program")
    try:
        return MEASURES[kpi](shop, wave)
    except Unseen as reason:
        return reason.why
