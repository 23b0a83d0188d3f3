"""Did the program work? The evidence ladder, from the naive comparisons up, and the money.

Each rung gives Effects: lifts with intervals (0.10 = +10 %). Rung 0 holds the usual comparisons, shown because they
are usual and labelled as biased; rung 1 describes the whole shop before and after; rung 2 sets it against its own
trend. Which of them is the headline is decided by what the data allow (`rungs_allowed`), never by what comes out.
Whole weeks are 7-day blocks counted from the launch; week 0 starts on `launched_on`, in the client's time zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil, inf
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tsa.statespace.structural import UnobservedComponents

from loyalty_helpers.findings import NAN, Effect, amount, capital, count, difference, number

if TYPE_CHECKING:
    from loyalty_helpers.client import Client, Program
    from loyalty_helpers.kpis import Windows

Frames = Mapping[str, pd.DataFrame]

WEEK, DAY = pd.Timedelta(days=7), pd.Timedelta(days=1)
YEAR = 365.25 / 7  # in weeks
HARMONICS = 2  # sine and cosine pairs of the annual season
RATIOS = np.append(0.0, np.geomspace(0.01, 3, 24))  # of the level's weekly step to a week's noise, standard deviations
USUAL_RATIO = 0.2  # scale of the prior on it
AFTER_WEEKS = 52  # the trend is asked about the first year after the launch, no more
MIN_BEFORE, MIN_AFTER, MIN_WEEKS, MIN_CUSTOMERS = 52, 4, 104, 500  # what rung 2 needs
SURE_SEASON = 78  # with fewer weeks before the launch, most of the year was seen only once
CALIBRATED_BEFORE, MIN_JOINERS, FOLLOW_UP = 75, 50, 13  # what rung 3 needs (52 weeks before for its cross-check)
MIN_BUYERS = 10  # customers with an order, on each side of a naive comparison
RESAMPLES, SEED = 1000, 20240229
HOLDOUT_WEEKS, POWER, SIGNIFICANCE = 26, 0.80, 0.05
SPENDING = "members' spending since joining"
RUNGS = {1: "description", 2: "trend of the whole shop", 3: "members against comparable buyers",
         4: "customers drawn at random (randomised)"}
IMPLEMENTED = (1, 2)
TOO_SMALL = 0.4  # a lift that no program of the published cases with a comparison group came near

OLDER = "of orders from before the launch (older exports; waiting does not help)"
NO_LAUNCH = "no launch date of a program is set"
# the usual comparisons: whom they speak of, and why they are biased
NAIVE = {
    "all customers, after v. before": ("everyone", (
        "Season, growth and whatever else differs between the two periods is in it, and customers who found the shop "
        "later count as customers who bought nothing before.")),
    "all customers, same season a year before": ("everyone", (
        "The season is taken out, but a year of growth and whatever else changed is still in it.")),
    "members, after v. before joining": ("members", (
        "People join at an order, while they are buying: that order counts as after, and quieter weeks count as "
        "before, even where the program does nothing.")),
    "members v. non-members, after": ("members", (
        "Good customers join more often than others: this shows who joins, not what the program does.")),
}
SHARED_LAUNCH = ("Whatever else happened at the launch (prices, advertising, competitors) is in this number: the trend "
                 "cannot separate it from the program.")
TOO_NARROW = "Its interval is too narrow: in simulated shops it holds the truth far less often than it says."


# ---------------------------------------------------------------- weeks
def weekly(orders: pd.DataFrame, *, launched_on: date | None, end: date | None = None) -> pd.DataFrame:
    """The whole shop by week: week_start, week, orders, revenue, identified; anonymous orders included.

    Whole weeks from the launch (from the first Monday in the data where there is no launch), only those that lie
    entirely between the first day with an order and `end` (exclusive; the day after the last order unless given).
    `orders` counts distinct order_ids that are no refunds, `revenue` is the money of all rows, refunds included, in
    the client's currency; weeks without orders are 0. `identified` is the share of orders with a customer id, missing
    in weeks without orders. No complete week gives an empty frame.
    """
    if orders.empty:
        return pd.DataFrame({"week_start": pd.Series(dtype="datetime64[us]"), "week": pd.Series(dtype=int),
                             **{name: pd.Series(dtype=float) for name in ("orders", "revenue", "identified")}})
    begin = orders["ordered_at"].min().normalize()
    end = _data_end(orders) if end is None else pd.Timestamp(end)
    origin = begin + DAY * (-begin.weekday() % 7) if launched_on is None else pd.Timestamp(launched_on)
    weeks = pd.RangeIndex(-((origin - begin) // WEEK), (end - origin) // WEEK)
    rows = orders.assign(week=(orders["ordered_at"] - origin) // WEEK)
    bought = _purchases(rows)
    made = bought.groupby("week").size().reindex(weeks, fill_value=0)
    known = bought.groupby("week")["customer_id"].count().reindex(weeks, fill_value=0)
    return pd.DataFrame({
        "week_start": origin + weeks.to_numpy() * WEEK,
        "week": weeks.to_numpy(),
        "orders": made.to_numpy(),
        "revenue": rows.groupby("week")["amount"].sum().reindex(weeks, fill_value=0.0).to_numpy(),
        "identified": (known / made.where(made > 0)).to_numpy(),
    })


def _purchases(orders: pd.DataFrame) -> pd.DataFrame:
    """One row per order_id that is no refund, at its first moment."""
    return orders[~orders["is_refund"]].sort_values("ordered_at", kind="stable").drop_duplicates("order_id")


def _data_end(orders: pd.DataFrame) -> pd.Timestamp:
    return orders["ordered_at"].max().normalize() + DAY


def _joined(frames: Frames) -> pd.DataFrame:
    """One row per member with a known date of joining, the first one: customer_id, joined_at (its day), left_at."""
    members = frames.get("members")
    if members is None:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "joined_at": pd.Series(dtype="datetime64[us]"),
                             "left_at": pd.Series(dtype="datetime64[us]")})
    known = members.dropna(subset=["customer_id", "joined_at"]).sort_values("joined_at", kind="stable")
    first = known.drop_duplicates("customer_id")[["customer_id", "joined_at", "left_at"]]
    return first.assign(joined_at=first["joined_at"].dt.normalize())


# ---------------------------------------------------------------- rungs 0 and 1: before and after
def naive(frames: Frames, windows: Windows | None, *, confidence: float = 0.95) -> list[Effect]:
    """The four usual comparisons, all biased upwards (rung 0, grade E); each note says why in one sentence.

    Lifts of orders per customer and week, with percentile intervals from resampling customers. (1) All identified
    customers: `windows`' after against as many days up to the launch. (2) The same against the same season a year
    earlier. (3) Members who joined since the launch: the 13 weeks from the day of joining (the joining order counts,
    as is usual) against the 13 weeks before it. (4) Members against non-members in the after window, over customers
    with an order in it. A comparison that cannot be had is missing, with the reason as its note; all are where
    `windows` is None, for want of a launch date.
    """
    if why_not := _nothing_after(windows):
        return [_missing(label, why_not, scope=scope) for label, (scope, _) in NAIVE.items()]
    bought, joined = _purchases(frames["orders"]).dropna(subset="customer_id"), _joined(frames)
    span = min(windows.after_end - windows.after_start, windows.launch - windows.data_start)
    unmatched = "" if windows.season_matched else "the orders do not reach back to the same season a year before"
    nobody = "there is no member list with dates of joining" if joined.empty else ""
    around, left_out = _around_joining(bought, joined, windows)
    samples = [
        (_pairs(bought, (windows.launch - span, windows.launch),
                (windows.after_start, windows.after_start + span)), "", ""),
        (_pairs(bought, *_spans(windows)), "", unmatched),
        (around, left_out, nobody),
        (_by_membership(bought, joined, windows), "", nobody),
    ]
    return [_compared(label, sample, note=why + more, why_not=why_not, scope=scope, confidence=confidence)
            for (label, (scope, why)), (sample, more, why_not) in zip(NAIVE.items(), samples, strict=True)]


def describe(frames: Frames, windows: Windows | None, *, confidence: float = 0.95) -> Effect:
    """Rung 1: orders per week of the whole shop, after against before (grade E); it changed, nothing more is said.

    The windows are those of the KPIs, a year apart where the data reach that far. Anonymous orders count, each as a
    customer of its own; the interval comes from resampling customers.
    """
    matched = windows is not None and windows.season_matched
    label = "whole shop, same season a year before" if matched else "whole shop, after v. before"
    if why_not := _nothing_after(windows):
        return _missing(label, why_not, rung=1, scope="everyone")
    bought = _purchases(frames["orders"])
    named = bought["customer_id"].fillna("anonymous order " + bought["order_id"])
    note = f"{'A year of growth' if matched else 'Season, growth'} and whatever else changed is in it."
    return _compared(label, _pairs(bought.assign(customer_id=named), *_spans(windows)), rung=1, scope="everyone",
                     confidence=confidence, note=note)


def _nothing_after(windows: Windows | None) -> str:
    """Why nothing can be compared; "" where something can."""
    if windows is None:
        return NO_LAUNCH
    return "" if windows.after_start < windows.after_end else "the orders end before the time to be compared begins"


def _spans(windows: Windows) -> tuple[tuple, tuple]:
    return (windows.before_start, windows.before_end), (windows.after_start, windows.after_end)


def _sample(before: np.ndarray, after: np.ndarray, in_before: Any = 1, in_after: Any = 1) -> np.ndarray:
    """One row per customer: orders before and after, and whether the customer stands for before and for after."""
    return np.column_stack([*np.broadcast_arrays(before, after, in_before, in_after)]).astype(int)


def _pairs(bought: pd.DataFrame, before: tuple, after: tuple) -> np.ndarray:
    """The sample of all customers who ordered in either window."""
    at = bought["ordered_at"]
    counts = [bought.loc[(at >= start) & (at < end), "customer_id"].value_counts() for start, end in (before, after)]
    return _sample(*pd.concat(counts, axis=1).fillna(0).to_numpy().T)


def _around_joining(bought: pd.DataFrame, joined: pd.DataFrame, windows: Windows) -> tuple[np.ndarray, str]:
    """The sample of members, 13 weeks to both sides of the day of joining; and who was left out, in words."""
    reach, day = FOLLOW_UP * WEEK, joined["joined_at"]
    used = joined[(day >= windows.launch) & (day - reach >= windows.data_start) & (day + reach <= windows.data_end)]
    rows = bought.merge(used, on="customer_id")
    since = rows["ordered_at"] - rows["joined_at"]
    before, after = (rows["customer_id"][side].value_counts().reindex(used["customer_id"], fill_value=0)
                     for side in (since.between(-reach, 0 * WEEK, inclusive="left"),
                                  since.between(0 * WEEK, reach, inclusive="left")))
    left_out = len(joined) - len(used)
    words = f" {count(left_out, 'member')} left out: joined before the launch, or without {FOLLOW_UP} weeks of data on "
    return _sample(before, after), f"{words}both sides." if left_out else ""


def _by_membership(bought: pd.DataFrame, joined: pd.DataFrame, windows: Windows) -> np.ndarray:
    """The sample of all with an order in the after window: non-members stand for before, members for after."""
    at = bought["ordered_at"]
    counts = bought.loc[(at >= windows.after_start) & (at < windows.after_end), "customer_id"].value_counts()
    member = counts.index.isin(joined.loc[joined["joined_at"] < windows.after_end, "customer_id"])
    return _sample(counts * ~member, counts * member, ~member, member)


def _compared(label: str, sample: np.ndarray, *, confidence: float, why_not: str = "", rung: int = 0,
              scope: str = "members", note: str = "") -> Effect:
    """The lift of mean orders after over mean orders before, with its interval from RESAMPLES draws of customers."""
    if not why_not and (sample[:, :2] > 0).sum(axis=0).min() < MIN_BUYERS:
        why_not = f"fewer than {MIN_BUYERS} customers with orders on one of the two sides"
    if why_not:
        return _missing(label, why_not, rung=rung, scope=scope)
    # equal rows are drawn together, which is much faster than one by one
    kinds, times = np.unique(sample, axis=0, return_counts=True)
    draws = np.random.default_rng(SEED).multinomial(len(sample), times / len(sample), size=RESAMPLES)
    sums = np.vstack([sample.sum(axis=0), draws @ kinds.astype(float)])
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may have no order on one side
        lifts = (sums[:, 1] / sums[:, 3]) / (sums[:, 0] / sums[:, 2]) - 1
    low, high = np.nanquantile(lifts[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Effect(label=label, method=label, outcome="orders", unit="lift", rung=rung, grade="E", scope=scope,
                  estimate=lifts[0], low=low, high=high, confidence=confidence, n=len(sample),
                  n_treated=int(sample[:, 3].sum()), n_comparison=int(sample[:, 2].sum()), note=note)


def _missing(label: str, why_not: str, *, rung: int = 0, scope: str = "members", grade: str = "E",
             outcome: str = "orders") -> Effect:
    return Effect(label=label, method=label, outcome=outcome, rung=rung, grade=grade, scope=scope, unit="lift",
                  estimate=NAN, note=why_not)


# ---------------------------------------------------------------- rung 2: the whole shop against its own trend
@dataclass(frozen=True)
class LogWeeks:
    """Weekly log orders or revenue, ready for a trend model; `why_not` says why it is none."""

    weeks: pd.DataFrame
    log: np.ndarray  # log(offset + y): close to unbiased for the log of a small mean, and finite for empty weeks
    offset: float  # half an order, or half an average order's money
    season: np.ndarray  # n x 0 where the season cannot be told from the trend
    launch: int  # position of week 0
    notes: str
    why_not: str

    @property
    def degrees(self) -> int:
        """Degrees of freedom left by the level and the season."""
        return self.launch - 1 - self.season.shape[1]


def trend(orders: pd.DataFrame, *, launched_on: date | None, confidence: float = 0.95,
          outcome: str = "orders") -> Effect:
    """Rung 2: the first year after the launch against what the trend before it predicted, for the whole shop.

    Unobserved components on the log of weekly orders (`outcome` "spend": revenue), local level and annual season of
    two harmonics (Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, ch. 4). The lift is
    the mean log distance of the weeks since the launch from their joint forecast; its interval (Student's t) holds the
    level's wandering, how little is known of it, and the season's uncertainty. A step at the launch in one model of
    all weeks would be narrower, but where members join little by little the wandering level takes more than half of
    what they add for its own. `n_treated` and `n_comparison` are weeks.

    Missing with fewer than 52 whole weeks before or 4 after the launch; with fewer than 104 in all the season stays
    in the number, and the note says so, as it does of empty weeks.
    """
    label = f"trend of {'revenue' if outcome == 'spend' else outcome} (unobserved components)"
    series = _series(orders, launched_on, outcome)
    if series.why_not:
        return _missing(label, series.why_not, rung=2, scope="everyone", grade="D", outcome=outcome)
    means, errors = _forecast(series)
    return _against_trend(series, label, outcome, gap=series.log[series.launch:].mean() - means[-1], se=errors[-1],
                          degrees=series.degrees, confidence=confidence, note=f"{SHARED_LAUNCH} {series.notes}")


def interrupted_time_series(orders: pd.DataFrame, *, launched_on: date | None, confidence: float = 0.95) -> Effect:
    """Shown beside `trend`: a straight line with a change of level and slope at the launch, and the annual season.

    Least squares on the same series; the lift is the distance from the continued line at the mean of the weeks since,
    with Newey–West standard errors (lags by the usual 4 (n/100)^(2/9)). Its intervals are too narrow, because a shop's
    level wanders; so it has grade E and never claims anything.
    """
    label = "interrupted time series (shown beside, too narrow)"
    series = _series(orders, launched_on, "orders")
    if series.why_not:
        return _missing(label, series.why_not, rung=2, scope="everyone")
    weeks = np.arange(len(series.log)) - series.launch
    since = (weeks >= 0).astype(float)
    line = np.column_stack([since, since * weeks, np.ones(len(weeks)), weeks, series.season])
    lags = int(4 * (len(weeks) / 100) ** (2 / 9))
    fit = OLS(series.log, line).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    at_mean = np.zeros(line.shape[1])
    at_mean[:2] = 1, line[series.launch:, 1].mean()
    return replace(_against_trend(
        series, label, "orders", gap=at_mean @ fit.params, se=np.sqrt(at_mean @ fit.cov_params() @ at_mean),
        degrees=inf, confidence=confidence, note=f"{TOO_NARROW} {series.notes}"), grade="E")


def trend_fit(orders: pd.DataFrame, *, launched_on: date | None, confidence: float = 0.95) -> pd.DataFrame:
    """What the number of `trend` rests on, for a chart: week_start, week, observed, predicted, low, high.

    In orders a week; `predicted` is the forecast from the weeks before the launch, and `low` to `high` is where single
    weeks would lie; all three are missing before the launch. Empty where the trend cannot be had.
    """
    series = _series(orders, launched_on, "orders")
    if series.why_not:
        return pd.DataFrame(columns=["week_start", "week", "observed", "predicted", "low", "high"])
    means, errors = (values[:-1] for values in _forecast(series))
    reach = stats.t.ppf((1 + confidence) / 2, series.degrees) * errors
    after = np.exp([means, means - reach, means + reach]) - series.offset
    predicted, low, high = np.hstack([np.full((3, series.launch), NAN), np.maximum(after, 0)])
    return series.weeks[["week_start", "week"]].assign(observed=series.weeks["orders"], predicted=predicted, low=low,
                                                       high=high)


def _series(orders: pd.DataFrame, launched_on: date | None, outcome: str) -> LogWeeks:
    name = "revenue" if outcome == "spend" else outcome
    weeks = weekly(orders, launched_on=launched_on)
    weeks = weeks[weeks["week"] < AFTER_WEEKS]
    y, launch = weeks[name].to_numpy(dtype=float), int((weeks["week"] < 0).sum())
    offset = 0.5 * (y.sum() / max(weeks["orders"].sum(), 1) if outcome == "spend" else 1.0)
    why_not = NO_LAUNCH if launched_on is None else _too_short(launch, len(weeks) - launch)
    if not why_not and (offset <= 0 or np.ptp(y[:launch]) == 0):
        why_not = f"the weekly {name} before the launch did not vary"
    turns = 2 * np.pi * np.outer(np.arange(len(weeks)), np.arange(1, HARMONICS + 1)) / YEAR
    season = np.hstack([np.sin(turns), np.cos(turns)])[:, : None if len(weeks) >= MIN_WEEKS else 0]
    log = y if why_not else np.log(offset + np.maximum(y, 0))
    return LogWeeks(weeks=weeks, log=log, offset=offset, season=season, launch=launch,
                    notes=_series_notes(orders, y, launch=launch), why_not=why_not)


def _too_short(before: int, after: int) -> str:
    if before < MIN_BEFORE:
        return f"{count(before, 'whole week')} of orders before the launch; {MIN_BEFORE} are needed"
    if after < MIN_AFTER:
        return f"{count(after, 'whole week')} of orders since the launch; {MIN_AFTER} are needed"
    return ""


def _series_notes(orders: pd.DataFrame, y: np.ndarray, *, launch: int) -> str:
    empty, customers = int((y <= 0).sum()), orders["customer_id"].nunique()
    notes = {
        f"{count(empty, 'week')} without orders or revenue: half an order was added to every week.": empty > 0,
        f"With {len(y)} weeks of orders the season cannot be told from the trend: it is in this number too.":
            len(y) < MIN_WEEKS,
        f"The season is learnt from {launch} weeks: one odd year would be taken for the season.":
            launch < SURE_SEASON and len(y) >= MIN_WEEKS,
        f"With {count(customers, 'customer')}, fewer than {MIN_CUSTOMERS}, chance moves the weeks too much for this to "
        "be the headline.": customers < MIN_CUSTOMERS,
    }
    return " ".join(note for note, holds in notes.items() if holds)


def _forecast(series: LogWeeks) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts and their standard errors, in logs: of each week since the launch, and last of the mean of them all.

    Made from the weeks before the launch for each ratio of the level's weekly step to the noise, then mixed by how
    likely each is (diffuse likelihood, noise variance profiled out, half-Cauchy prior on the ratio). A single best
    ratio would often be 0, and the interval far too narrow. The season's coefficients are states without noise, so the
    state moves on unchanged but for the level's steps, and the joint variance has a closed form.
    """
    season, horizon = series.season, len(series.log) - series.launch
    model = UnobservedComponents(series.log[:series.launch], "llevel", mle_regression=False,
                                 exog=season[:series.launch] if season.shape[1] else None)
    weeks = np.column_stack([np.ones(horizon), season[series.launch:]])
    design = np.vstack([weeks, weeks.mean(axis=0)])
    ahead = np.arange(horizon)  # the predicted state is already that of the first week since the launch
    steps, noise = np.append(ahead, ((ahead / horizon) ** 2).sum()), np.append(np.ones(horizon), 1 / horizon)
    degrees, likelihood, means, variances = series.degrees, [], [], []
    for ratio in RATIOS:
        model.update([1.0, ratio**2])
        run = model.ssm.filter()
        errors, spreads = run.forecasts_error[0], run.forecasts_error_cov[0, 0]
        scale = (errors**2 / spreads).sum() / degrees
        likelihood.append(-0.5 * (degrees * np.log(scale) + np.log(spreads).sum()))
        means.append(design @ run.predicted_state[:, -1])
        known = np.einsum("ij,jk,ik->i", design, run.predicted_state_cov[:, :, -1], design)
        variances.append(scale * (known + ratio**2 * steps + noise))
    weight = np.exp(likelihood - np.max(likelihood)) * np.gradient(RATIOS) / (1 + (RATIOS / USUAL_RATIO) ** 2)
    weight /= weight.sum()
    mean = weight @ means
    return mean, np.sqrt(weight @ (np.array(variances) + (means - mean) ** 2))


def _against_trend(series: LogWeeks, label: str, outcome: str, *, gap: float, se: float, degrees: float,
                   confidence: float, note: str) -> Effect:
    reach = stats.t.ppf((1 + confidence) / 2, degrees) * se
    return Effect(label=label, method=label, outcome=outcome, rung=2, grade="D", scope="everyone", unit="lift",
                  estimate=np.expm1(gap), low=np.expm1(gap - reach), high=np.expm1(gap + reach), confidence=confidence,
                  n=len(series.log), n_noun="week", n_treated=len(series.log) - series.launch,
                  n_comparison=series.launch, note=note.strip())


# ---------------------------------------------------------------- the ladder
def ladder(frames: Frames, program: Program, windows: Windows | None, *, confidence: float = 0.95) -> list[Effect]:
    """Every rung side by side, the believable ones first; the headline is the highest rung that the data allow.

    No effect is flagged as the headline where there is nothing to compare.
    """
    orders, when = frames["orders"], {"launched_on": program.launched_on, "confidence": confidence}
    effects = [
        trend(orders, **when),
        interrupted_time_series(orders, **when),
        trend(orders, **when, outcome="spend"),
        describe(frames, windows, confidence=confidence),
        *naive(frames, windows, confidence=confidence),
    ]
    allowed = {row["rung"] for row in _rungs(frames, program) if row["allowed"]}
    chosen = next((i for i, effect in enumerate(effects)
                   if effect.rung in allowed and effect.outcome == "orders" and effect.measurable), None)
    return [replace(effect, headline=i == chosen) for i, effect in enumerate(effects)]


def headline(effects: Sequence[Effect]) -> Effect | None:
    """The one effect flagged as headline; None where there is nothing to compare."""
    return next((effect for effect in effects if effect.headline), None)


TABLE = ["outcome", "rung", "method", "scope", "estimate", "low", "high", "unit", "n_treated", "n_comparison", "ess",
         "placebo", "placebo_low", "placebo_high", "grade", "headline", "note"]


def effects_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """The rows of tables/effects.csv; `method` is the effect's label, a missing estimate has its reason as `note`."""
    return pd.DataFrame([{name: getattr(effect, name) for name in TABLE} for effect in effects], columns=TABLE)


def from_table(table: pd.DataFrame, *, confidence: float = 0.95) -> list[Effect]:
    """The effects of a table made by `effects_table`; what has no column there (`n`, `refused`) does not come back."""
    rows = table[TABLE].assign(note=table["note"].astype(object).where(table["note"].notna(), ""))
    return [Effect(**row, label=row["method"], confidence=confidence) for row in rows.to_dict("records")]


# ---------------------------------------------------------------- what the data allow
def rungs_allowed(frames: Frames, client: Client) -> pd.DataFrame:
    """Rungs 1 to 4: rung, name, allowed, implemented, why, what_it_takes (empty where allowed).

    `allowed` speaks of the data, `implemented` of this version: rungs 3 and 4 may be allowed and not yet computed.
    """
    return pd.DataFrame(_rungs(frames, client.program))


def _rungs(frames: Frames, program: Program) -> list[dict]:
    launched_on, orders = program.launched_on, frames["orders"]
    weeks = weekly(orders, launched_on=launched_on)["week"]
    before, after = int((weeks < 0).sum()), int((weeks >= 0).sum())
    judged = {
        1: _description_takes(orders, launched_on),
        2: _trend_takes(before, after, orders["customer_id"].nunique()),
        3: _till_takes(frames, program, before),
        4: _randomised_takes(frames),
    }
    if launched_on is None:
        launch = "the launch date (client.yml, program: launched_on)"
        judged = {rung: ("There is no launch date.", [launch, *(takes if rung == 4 else [])])
                  for rung, (_, takes) in judged.items()}
    return [{"rung": rung, "name": RUNGS[rung], "allowed": not takes, "implemented": rung in IMPLEMENTED, "why": why,
             "what_it_takes": capital("; ".join(takes)) + "." if takes else ""}
            for rung, (why, takes) in judged.items()]


def _description_takes(orders: pd.DataFrame, launched_on: date | None) -> tuple[str, list[str]]:
    early = _purchases(orders)["ordered_at"] < pd.Timestamp(launched_on)
    made = {"before": int(early.sum()), "after": int((~early).sum())}
    why = f"{count(made['before'], 'order')} before the launch, {number(made['after'])} since."
    return why, [f"orders from {side} the launch" for side, n in made.items() if not n]


def _trend_takes(before: int, after: int, customers: int) -> tuple[str, list[str]]:
    takes = {
        f"{count(MIN_BEFORE - before, 'more week')} {OLDER}": before < MIN_BEFORE,
        f"{count(MIN_AFTER - after, 'more week')} since the launch": after < MIN_AFTER,
        f"{count(MIN_WEEKS - before - after, 'more week')} of orders in all (older exports, or waiting)":
            before + after < MIN_WEEKS,
        count(MIN_CUSTOMERS - customers, "more customer"): customers < MIN_CUSTOMERS,
    }
    why = f"{count(before, 'whole week')} before the launch and {after} since; {count(customers, 'customer')}."
    return why, _needed(takes)


def _needed(takes: dict[str, bool]) -> list[str]:
    return [words for words, lacking in takes.items() if lacking]


def joiners(frames: Frames, *, launched_on: date) -> pd.Series:
    """Each member by what a comparison at the till can do with the joining: "usable", or why it is set aside.

    Usable: joined since the launch at an order (an order in the same week), a customer for 13 weeks by then, and 13
    whole weeks of orders to follow. Indexed by customer_id; members without a date of joining are not in it.
    """
    bought = _purchases(frames["orders"]).dropna(subset="customer_id")
    launch, joined = pd.Timestamp(launched_on), _joined(frames).set_index("customer_id")["joined_at"]
    week = (joined - launch) // WEEK
    ordered = pd.MultiIndex.from_arrays([bought["customer_id"], (bought["ordered_at"] - launch) // WEEK])
    first = ((bought.groupby("customer_id")["ordered_at"].min() - launch) // WEEK).reindex(joined.index)
    reasons = {
        "joined before the launch": joined < launch,
        "no order under that id": first.isna(),
        f"fewer than {FOLLOW_UP} weeks of data since joining":
            week + FOLLOW_UP >= (_data_end(frames["orders"]) - launch) // WEEK,
        "joined away from an order": ~pd.MultiIndex.from_arrays([joined.index, week]).isin(ordered),
        f"a customer for less than {FOLLOW_UP} weeks": ~(week - first >= FOLLOW_UP),
    }
    status = np.select(list(reasons.values()), list(reasons), default="usable")
    return pd.Series(status, index=joined.index, dtype="str")


def _till_takes(frames: Frames, program: Program, before: int) -> tuple[str, list[str]]:
    if program.launched_on is None or _joined(frames).empty:
        return "There is no member list with dates of joining.", ["a member list with customer id and date of joining"]
    if program.joining == "everyone":
        return "Everyone was made a member: nobody is left to compare with.", ["customers who could join and did not"]
    status = joiners(frames, launched_on=program.launched_on)
    usable = int((status == "usable").sum())
    # weeks whose joiners have been followed long enough
    seen = (_data_end(frames["orders"]) - pd.Timestamp(program.launched_on)) // WEEK - FOLLOW_UP
    short = MIN_JOINERS - usable
    wait = f", about {count(ceil(short * seen / usable), 'week')} of waiting at the pace so far" if usable else ""
    takes = {
        f"{count(CALIBRATED_BEFORE - before, 'more week')} {OLDER}": before < CALIBRATED_BEFORE,
        f"{count(short, 'more usable joiner')}{wait}": short > 0,
    }
    others = "; ".join(f"{number(n)} {reason}" for reason, n in status[status != "usable"].value_counts().items())
    cross = " That is enough for the cross-check alone." if MIN_BEFORE <= before < CALIBRATED_BEFORE else ""
    return (f"{count(before, 'whole week')} before the launch.{cross} {count(usable, 'usable joiner')} of "
            f"{count(len(status), 'member')}{f' ({others})' if others else ''}."), _needed(takes)


def _randomised_takes(frames: Frames) -> tuple[str, list[str]]:
    assignment = frames.get("assignment")
    arms = 0 if assignment is None else assignment.dropna(subset=["customer_id", "arm"])["arm"].nunique()
    if arms >= 2:
        return f"{count(len(assignment), 'customer')} drawn into {arms} arms.", []
    why = "Nobody was drawn at random." if arms == 0 else "The assignment has a single arm."
    return why, ["a random holdout: the program kept from customers drawn at random, and the list of who was drawn"]


def why_not(frames: Frames, client: Client) -> str:
    """Why this version cannot tell yet, in plain sentences: what the highest rung computed leaves open."""
    rungs = rungs_allowed(frames, client).set_index("rung")
    if client.program.launched_on is None:
        return f"{capital(NO_LAUNCH)}, so there is no before and after."
    if not rungs.loc[1, "allowed"]:
        takes = rungs.loc[1, "what_it_takes"]
        return f"There is nothing to compare yet: it takes {takes[0].lower()}{takes[1:]}"
    highest = ("The trend speaks of the whole shop: whatever else happened at the launch is in it, and it cannot "
               "tell members from others." if rungs.loc[2, "allowed"] else
               "A comparison of before and after cannot separate the program from season, trend and who joins.")
    waiting = [row["name"] for _, row in rungs.iterrows() if row["allowed"] and not row["implemented"]]
    return highest + (f" The data would allow more ({', '.join(waiting)}), which this edition of the report does not "
                      "hold." if waiting else "")


def power_holdout(orders: pd.DataFrame) -> pd.DataFrame:
    """What a random holdout of 26 weeks could tell in this shop: one row for half and one for a tenth held out.

    holdout, weeks, customers (with an order in the last 52 weeks), mean and variance of their orders in that
    time, smallest_lift (found with 80 % power, two-sided 5 %, Welch's test in its normal approximation), and the
    customers needed in all for +10, +20 and +30 %. Mean and variance are those of the last 26 weeks of the data, over
    customers with an order in the year before; where the data reach back less than 52 weeks, their second half serves,
    scaled up as a mixed Poisson count (variance = mean + c mean^2). Empty without two weeks and ten customers.
    """
    bought = _purchases(orders).dropna(subset="customer_id")
    columns = ["holdout", "weeks", "customers", "mean", "variance", "smallest_lift", "customers_for_10",
               "customers_for_20", "customers_for_30"]
    if bought.empty:
        return pd.DataFrame(columns=columns)
    end, at = _data_end(orders), bought["ordered_at"]
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


def would_tell(frames: Frames, client: Client) -> str:
    """What would tell, and when, in numbers of this shop: for the verdict cannot_tell."""
    power, launch = power_holdout(frames["orders"]), client.program.launched_on
    if power.empty:
        return ("A random holdout would tell: the program kept from customers drawn by lot. How many it takes cannot "
                "be said yet: too few customers have come back so far.")
    running = launch is not None and pd.Timestamp(launch) < _data_end(frames["orders"])
    act = "leave half of the customers out of the next offers" if running else "start a program with half of them"
    half, tenth = power.to_dict("records")
    if half["smallest_lift"] > TOO_SMALL:
        return (f"This shop is too small to measure a program by its own customers: even with half of the "
                f"{count(half['customers'], 'customer')} of the last year drawn by lot and left out for "
                f"{HOLDOUT_WEEKS} weeks, only a lift of {difference(half['smallest_lift'], 'lift')} or more would be "
                "found in four cases out of five. Decide by what the program costs, and keep it cheap.")
    needed = half["customers_for_10"]
    step = 10 ** max(len(str(needed)) - 2, 0)  # two digits are all that can be promised
    more = f", and +10 % would take {number(ceil(needed / step) * step)} customers"
    return (f"A random holdout would tell: {act}, drawn by lot, for {HOLDOUT_WEEKS} weeks. With the "
            f"{count(half['customers'], 'customer')} of the last year it would find a lift of "
            f"{difference(half['smallest_lift'], 'lift')} or more in four cases out of five "
            f"({difference(tenth['smallest_lift'], 'lift')} with only a tenth of them held out)"
            f"{more if needed > half['customers'] else ''}.")


# ---------------------------------------------------------------- money
@dataclass(frozen=True)
class Money:
    """What the program cost and what it must bring: the rows of tables/roi.csv, the break-even lift, the words.

    `break_even` is 0 where it cannot be had (no margin set, no members) and infinite where no lift could pay.
    """

    roi_table: pd.DataFrame
    break_even: float
    sentence: str


def break_even_lift(*, baseline: float, members: int, gross_margin: float, reward_rate: float, fixed: float) -> float:
    """The lift at which members' extra margin pays for the program: (b r + F/N) / (b (m - r)).

    `baseline` b: spend per member and period without the program; `reward_rate` r: cost of rewards per unit of spend,
    after breakage; `fixed` F: all other costs of the period; `members` N; `gross_margin` m. Rewards are paid on the
    extra spend too. Infinite where no lift can pay: r takes the whole margin, or there is no baseline to lift.
    Missing without members. (EVALUATION: m .40, r .03, F 0 gives 8.1 %.)
    """
    if members <= 0:
        return NAN
    if baseline <= 0 or gross_margin <= reward_rate:
        return inf
    return (baseline * reward_rate + fixed / members) / (baseline * (gross_margin - reward_rate))


def costs(frames: Frames, client: Client) -> pd.DataFrame:
    """What the program cost from its launch to the end of the orders: item, value, low, high, unit.

    Rewards are counted on all of members' spending since they joined (or the launch, where that was later; refunds
    taken off), not only on the extra: spending x reward rate x expected redemption x cost share. Where a points ledger
    exists, low and high are what has been redeemed so far and all that has not expired, and the expected redemption
    is kept between them. What the costs table holds for that time comes on top of the settings, by kind. The last row
    is the total. Empty where the program had not been launched by the end of the data.
    """
    program, start, end = client.program, pd.Timestamp(client.program.launched_on), _data_end(frames["orders"])
    if not start < end:
        return pd.DataFrame(columns=["item", "value", "low", "high", "unit"])
    period, months = {"start": start, "end": end}, (end - start) / DAY / (365.25 / 12)
    spending, members = _member_spending(frames, **period)
    least, most = _redeemed(frames, **period)
    redemption = program.redemption if np.isnan(least) else float(np.clip(program.redemption, least, most))
    rewards = spending * program.reward_rate * program.cost_share * np.array([redemption, least, most])
    fixed = {
        "launch": program.launch_cost,
        "monthly costs": program.monthly_cost * months,
        "owner's time": program.owner_hours_per_month * program.owner_hourly_rate * months,
        **_other_costs(frames, **period),
    }
    return pd.DataFrame([
        ["members", members, NAN, NAN, "members"],
        ["months", months, NAN, NAN, "months"],
        [SPENDING, spending, NAN, NAN, client.currency],
        ["rewards", *rewards, client.currency],
        *[[item, value, NAN, NAN, client.currency] for item, value in fixed.items()],
        ["total cost", *(rewards + sum(fixed.values())), client.currency],
    ], columns=["item", "value", "low", "high", "unit"])


def _member_spending(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> tuple[float, int]:
    """Members' money from joining (or `start`) to leaving (or `end`), and how many had joined by `end`."""
    joined = _joined(frames)
    joined = joined[joined["joined_at"] < end]
    rows = frames["orders"].merge(joined, on="customer_id")
    at = rows["ordered_at"]
    counted = (at >= start) & (at >= rows["joined_at"]) & (at < end) & ~(at >= rows["left_at"])
    return float(rows.loc[counted, "amount"].sum()), len(joined)


def _redeemed(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> tuple[float, float]:
    """Least and most of the points issued that will ever be redeemed, by the ledger; missing without one."""
    points = _within(frames.get("points"), "at", start=start, end=end)
    total = points["points"].abs().groupby(points["kind"]).sum() if points is not None else {}
    earned = total.get("earn", 0)
    if not earned > 0:
        return NAN, NAN
    least = min(total.get("burn", 0) / earned, 1.0)
    return least, max(1 - total.get("expire", 0) / earned, least)


def _other_costs(frames: Frames, *, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, float]:
    paid = _within(frames.get("costs"), "date", start=start, end=end)
    if paid is None:
        return {}
    by_kind = paid["amount"].groupby(paid["kind"].fillna("not named")).sum()
    return {f"other: {kind}": float(value) for kind, value in by_kind.items()}


def _within(table: pd.DataFrame | None, column: str, *, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame | None:
    return None if table is None else table[(table[column] >= start) & (table[column] < end)]


def money(frames: Frames, client: Client) -> Money:
    """Costs, break-even lift, and the rows that only rungs 3 and 4 can fill (return on investment, payback).

    The baseline of the break-even lift is what members would have spent had the program just paid for itself: their
    spending since joining less total cost / margin. So it is exact for the spending that was seen, whatever the lift
    was; spending itself, as the baseline of a lift of nil, would give too low a bar.
    """
    table = costs(frames, client)
    if table.empty:
        why_not = NO_LAUNCH if not client.has_program else "the program was not yet launched when the data end"
        return Money(table, 0.0, f"The money cannot be counted: {why_not}.")
    rows = table.set_index("item")
    lifts = [_bar(rows, side, client.program.gross_margin) for side in ("value", "low", "high")]
    table.loc[len(table)] = ["break-even lift", *lifts, "lift"]
    table.loc[len(table)] = ["return on investment (needs rung 3 or 4)", NAN, NAN, NAN, "share"]
    table.loc[len(table)] = ["payback (needs rung 3 or 4)", NAN, NAN, NAN, "months"]
    return Money(table, 0.0 if np.isnan(lifts[0]) else lifts[0], _money_words(rows, lifts[0], client))


def _bar(rows: pd.DataFrame, side: str, margin: float | None) -> float:
    """The break-even lift with one of the cost columns; missing without margin, members or spending."""
    spending, members = rows.loc[[SPENDING, "members"], "value"]
    cost, rewards = rows.loc[["total cost", "rewards"], side]
    if not margin or spending <= 0 or np.isnan(cost):
        return NAN
    return break_even_lift(baseline=(spending - cost / margin) / members, members=int(members), gross_margin=margin,
                           reward_rate=rewards / spending, fixed=cost - rewards)


def _money_words(rows: pd.DataFrame, lift: float, client: Client) -> str:
    total, rewards, months = rows.loc[["total cost", "rewards", "months"], "value"]
    if total == 0:
        return "No costs are known: neither the settings nor a costs table name any."
    spent = (f"In its first {number(months, 1)} months the program cost {amount(total, client.currency)}, of which "
             f"{amount(rewards, client.currency)} in rewards.")
    if not client.program.gross_margin:
        return f"{spent} Without a gross margin in the settings there is no break-even."
    if np.isnan(lift):
        return f"{spent} Without members' spending there is no break-even."
    if lift == inf:
        return f"{spent} That is more than the whole margin on what members spent: no lift could pay for it."
    margin, least = amount(client.program.gross_margin, "share", digits=0), amount(lift, "lift", digits=1)
    return (f"{spent} At a gross margin of {margin} it pays for itself if members spend at least {least} more than "
            "they would have without it; whether they do needs rung 3 or 4 of the evidence ladder.")
