"""Rung 2: the whole shop against its own trend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from math import inf

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tsa.statespace.structural import UnobservedComponents

from loyalty_helpers.core.findings import NAN, Effect
from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.core.purchases import CALENDAR_YEAR, WEEK, purchases, span
from loyalty_helpers.evaluation.said import counted, joined, lift, too_few
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, NO_LAUNCH, missing, weekly

HARMONICS = 2  # sine and cosine pairs of the annual season
RATIOS = np.append(0.0, np.geomspace(0.01, 3, 24))  # of the level's weekly step to a week's noise, standard deviations
USUAL_RATIO = 0.2  # scale of the prior on it
AFTER_WEEKS = 52  # the trend is asked about the first year after the launch, no more
MIN_BEFORE, MIN_AFTER, MIN_WEEKS, MIN_CUSTOMERS = 52, 4, 104, 500  # what rung 2 needs
MOST_PLACEBOS, PLACEBO_AFTER, PLACEBO_STEP = 6, 8, 4  # pretended launches; the fewest weeks after and between them
SURE_SEASON = 78  # with fewer weeks before the launch, most of the year was seen only once
LEANING = 4  # pretended launches on one side of zero, from which on it is said
EARLIER_CHANGES = 3  # changes between earlier quarters of a year, to know what is usual
NEW_AFTER, LARGE_CHANNEL = 26, 0.05  # weeks without an order, to be new; share of the orders, to be looked at


@dataclass(frozen=True)
class LogWeeks:
    """Weekly log orders or revenue, ready for a trend model; `why_not` says why it is none."""

    weeks: pd.DataFrame
    log: np.ndarray  # log(offset + y): close to unbiased for the log of a small mean, and finite for empty weeks
    offset: float  # half an order, or half an average order's money
    season: np.ndarray  # n x 0 where the season cannot be told from the trend
    launch: int  # position of week 0
    notes: tuple[Message, ...]
    why_not: Message | None

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
    label = message(f"trend-{outcome}")
    series = _series(orders, launched_on, outcome)
    if series.why_not:
        return missing(label, series.why_not, rung=2, scope="everyone", grade="D", outcome=outcome)
    return _trend_effect(series, label, outcome, confidence=confidence,
                         note=joined([message("trend-shared-launch"), *series.notes]))


def interrupted_time_series(orders: pd.DataFrame, *, launched_on: date | None, confidence: float = 0.95) -> Effect:
    """Shown beside `trend`: a straight line with a change of level and slope at the launch, and the annual season.

    Least squares on the same series; the lift is the distance from the continued line at the mean of the weeks since,
    with Newey–West standard errors (lags by the usual 4 (n/100)^(2/9)). Its intervals are too narrow, because a shop's
    level wanders; so it has grade E and never claims anything.
    """
    label = message("interrupted-series")
    series = _series(orders, launched_on, "orders")
    if series.why_not:
        return missing(label, series.why_not, rung=2, scope="everyone")
    weeks = np.arange(len(series.log)) - series.launch
    since = (weeks >= 0).astype(float)
    line = np.column_stack([since, since * weeks, np.ones(len(weeks)), weeks, series.season])
    lags = int(4 * (len(weeks) / 100) ** (2 / 9))
    fit = OLS(series.log, line).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    at_mean = np.zeros(line.shape[1])
    at_mean[:2] = 1, line[series.launch:, 1].mean()
    return replace(_against_trend(
        series, label, "orders", gap=at_mean @ fit.params, se=np.sqrt(at_mean @ fit.cov_params() @ at_mean),
        degrees=inf, confidence=confidence, note=joined([message("trend-too-narrow"), *series.notes])), grade="E")


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


# ---------------------------------------------------------------- pretended launches
def placebo_launches(orders: pd.DataFrame, *, launched_on: date | None, confidence: float = 0.95,
                     outcome: str = "orders") -> pd.DataFrame:
    """The trend asked about launches that never were: one row per pretended launch, seen from before the real one.

    launched_on, weeks_before, weeks_after, estimate, low, high, covers_zero. The model is that of `trend`, fed with
    nothing from the real launch on ("in-time placebo": Abadie, Diamond & Hainmueller 2015, Comparative Politics and
    the Synthetic Control Method, sec. 4), so every estimate should be nil. At most six dates, evenly spread and at
    least four weeks apart, each with 52 weeks or more before it, and after it as many as the real launch has, where
    they exist, but no fewer than 8 (fewer only where the real launch itself has fewer). Their weeks overlap: they are
    no independent tests. Empty where the weeks before the launch hold no such date, or the trend cannot be had.
    """
    real, rows = _series(orders, launched_on, outcome), []
    after = len(real.log) - real.launch
    last = real.launch - min(after, PLACEBO_AFTER)
    number_of = 0 if real.why_not else max(0, min(MOST_PLACEBOS, (last - MIN_BEFORE) // PLACEBO_STEP + 1))
    for launch in np.linspace(MIN_BEFORE, last, number_of).round().astype(int):
        end = min(launch + after, real.launch)
        series = replace(real, log=real.log[:end], season=real.season[:end], launch=launch)
        if np.ptp(series.log[:launch]) == 0:
            continue
        effect = _trend_effect(series, message("pretended-launch"), outcome, confidence=confidence)
        rows.append({"launched_on": real.weeks["week_start"].iloc[launch], "weeks_before": launch,
                     "weeks_after": end - launch, "estimate": effect.estimate, "low": effect.low, "high": effect.high,
                     "covers_zero": effect.covers_zero})
    return pd.DataFrame(rows, columns=["launched_on", "weeks_before", "weeks_after", "estimate", "low", "high",
                                       "covers_zero"])


def with_placebo(effect: Effect, table: pd.DataFrame) -> Effect:
    """`effect` of `trend` with the median pretended launch of `table`, and its own interval, as its placebo.

    With an even number of dates the one further from zero of the two in the middle.
    """
    if table.empty:
        return effect
    ranked = table.sort_values("estimate", kind="stable", ignore_index=True)
    middle = ranked.iloc[(len(table) - 1) // 2:len(table) // 2 + 1]
    row = middle.loc[middle["estimate"].abs().idxmax()]
    return replace(effect, placebo=row["estimate"], placebo_low=row["low"], placebo_high=row["high"])


def placebo_sentence(table: pd.DataFrame, effect: Effect) -> Message:
    """What the pretended launches of `table` say of the trend, and of its number at the real launch (`effect`)."""
    if table.empty:
        why = effect.note if not effect.measurable else message("placebo-no-date", before=MIN_BEFORE,
                                                                after=PLACEBO_AFTER)
        return message("placebo-none", why=why)
    dates, wrong, low, high = len(table), table[~table["covers_zero"]], table["estimate"].min(), table["estimate"].max()
    shown = tuple(message("placebo-wrong", day=f"{row.launched_on:%Y-%m-%d}", lift=lift(row.estimate))
                  for row in wrong.itertuples())
    fine = message("placebo-fine", n=dates - len(wrong), all="all" if not shown and dates > 1 else "some")
    found = message("placebo-found", dates=dates, fine=fine, wrong=Listed(shown),
                    seen="nothing" if not shown else "some" if len(shown) < dates else "always")
    leans = dates >= LEANING and (low > 0 or high < 0)
    lies = "within" if low <= effect.estimate <= high else "above" if effect.estimate > high else "below"
    return joined([
        found, message("placebo-leans", side="above" if low > 0 else "below") if leans else None,
        message("placebo-beside", x=effect, lies=lies, dates=dates, low=lift(low), high=lift(high))
        if effect.measurable else None])


# ---------------------------------------------------------------- what else happened at the launch
def at_launch(orders: pd.DataFrame, *, launched_on: date | None, confidence: float = 0.95) -> pd.DataFrame:
    """What else of the shop changed at the launch, as far as orders tell: things the trend cannot separate from it.

    what, unit ("money" or "share"), before, after, change, usual, moved, sentence. The first 13 whole weeks since the
    launch (as many as there are, but 4 or more) against as many before it: the average order; the shares of orders
    without a customer, by new customers (none in the 26 weeks before; among orders with a customer), and through each
    channel of 5 % or more on either side. `change` is relative for money and a difference for shares; `usual` is how
    far such a change strays between neighboring spans of that length before the launch: their root mean square times
    Student's t. `moved` is True beyond that, False within, None with fewer than 3 such changes. Each is judged by
    itself: a false alarm costs a caveat, a missed one would hide a rival explanation. Empty where there are not 4
    whole weeks on each side.
    """
    columns = ["what", "unit", "before", "after", "change", "usual", "moved", "sentence"]
    if launched_on is None or orders.empty:
        return pd.DataFrame(columns=columns)
    launch, (begin, end) = pd.Timestamp(launched_on), span(orders)
    weeks = min(FOLLOW_UP, (end - launch) // WEEK)
    spans = int((launch - begin) // (max(weeks, 1) * WEEK))
    if weeks < MIN_AFTER or spans < 1:
        return pd.DataFrame(columns=columns)
    bought = purchases(orders).sort_values("ordered_at", kind="stable")
    bought = bought.assign(block=(bought["ordered_at"] - launch) // (weeks * WEEK))
    blocks = pd.RangeIndex(-spans, 1)
    rows = []
    for what, unit, values in _quantities(bought, begin=begin):
        means = values.groupby(bought["block"]).mean().reindex(blocks)
        rows.append(_moved(what, unit, means.dropna(), confidence=confidence))
    return pd.DataFrame([row for row in rows if row], columns=columns)


def at_launch_sentence(table: pd.DataFrame) -> Message:
    """What `at_launch` found, in one paragraph."""
    if table.empty:
        return joined([message("at-launch-short", weeks=MIN_AFTER), message("at-launch-unseen")])
    moved, still = (table[table["moved"].eq(flag)] for flag in (True, False))
    return joined([
        *([message("at-launch-more"), *moved["sentence"], message("at-launch-mixed")] if len(moved) else []),
        message("at-launch-still", what=Listed(tuple(still["what"]))) if len(still) else None,
        message("at-launch-unusual") if len(moved) + len(still) == 0 else None, message("at-launch-unseen")])


def _quantities(bought: pd.DataFrame, *, begin: pd.Timestamp) -> list[tuple[Message, str, pd.Series]]:
    """(what, unit, one value per order of `bought`, missing where it says nothing): what can be followed over time."""
    named = bought["customer_id"].notna()
    since = bought["ordered_at"] - bought.groupby("customer_id")["ordered_at"].shift()  # by time already
    new = (since.isna() | (since > NEW_AFTER * WEEK)).astype(float)
    seen = named & (bought["ordered_at"] >= begin + NEW_AFTER * WEEK)  # before, everybody would look new
    found = [(message("at-launch-order"), "money", bought["amount"].astype(float)),
             (message("at-launch-new"), "share", new.where(seen))]
    if not named.all():
        found.append((message("at-launch-anonymous"), "share", (~named).astype(float)))
    channels = bought["channel"] if "channel" in bought else pd.Series(dtype="str")
    around = bought["block"].isin([-1, 0])
    shares = channels[around].groupby(bought["block"]).value_counts(normalize=True).groupby(level=1).max().sort_values(
        ascending=False, kind="stable")
    found += [(message("at-launch-channel", channel=name), "share",
               (channels == name).astype(float).where(channels.notna()))
              for name, share in shares.items() if LARGE_CHANNEL <= share < 1]
    return found


def _moved(what: Message, unit: str, means: pd.Series, *, confidence: float) -> dict | None:
    """The row of one quantity from its means by span of weeks, -1 the last before the launch and 0 the first since."""
    if not {-1, 0} <= set(means.index) or (unit == "money" and not (means > 0).all()):
        return None
    steps = (np.log(means) if unit == "money" else means).diff()[means.index.to_series().diff() == 1]
    change, earlier = steps.loc[0], steps[steps.index < 0]
    known = len(earlier) >= EARLIER_CHANGES
    usual = stats.t.ppf((1 + confidence) / 2, len(earlier)) * np.sqrt((earlier**2).mean()) if known else NAN
    before, after = means.loc[-1], means.loc[0]
    digits = 0 if min(before, after) >= 100 else 2
    levels = [Number(level, digits=digits) if unit == "money" else Number(level, "share") for level in (before, after)]
    moved = bool(abs(change) > usual) if known else None
    sentence = message("at-launch-went", what=what, before=levels[0], after=levels[1],
                       moved={True: "further", False: "usual", None: "unknown"}[moved])
    return {"what": what, "unit": unit, "before": before, "after": after,
            "change": np.expm1(change) if unit == "money" else change,
            "usual": np.expm1(usual) if unit == "money" else usual,
            "moved": moved, "sentence": sentence}


def _series(orders: pd.DataFrame, launched_on: date | None, outcome: str) -> LogWeeks:
    name = "revenue" if outcome == "spend" else outcome
    weeks = weekly(orders, launched_on=launched_on)
    weeks = weeks[weeks["week"] < AFTER_WEEKS]
    y, launch = weeks[name].to_numpy(dtype=float), int((weeks["week"] < 0).sum())
    offset = 0.5 * (y.sum() / max(weeks["orders"].sum(), 1) if outcome == "spend" else 1.0)
    why_not = NO_LAUNCH if launched_on is None else _too_short(launch, len(weeks) - launch)
    if not why_not and (offset <= 0 or np.ptp(y[:launch]) == 0):
        why_not = message("trend-flat", outcome=outcome)
    turns = 2 * np.pi * np.outer(np.arange(len(weeks)), np.arange(1, HARMONICS + 1)) / (CALENDAR_YEAR / 7)
    season = np.hstack([np.sin(turns), np.cos(turns)])[:, : None if len(weeks) >= MIN_WEEKS else 0]
    log = y if why_not else np.log(offset + np.maximum(y, 0))
    return LogWeeks(weeks=weeks, log=log, offset=offset, season=season, launch=launch,
                    notes=_series_notes(orders, y, launch=launch), why_not=why_not)


def _too_short(before: int, after: int) -> Message | None:
    needs = ((before, "week-before", MIN_BEFORE), (after, "week-since", MIN_AFTER))
    return next((too_few(n, noun, needed) for n, noun, needed in needs if n < needed), None)


def _series_notes(orders: pd.DataFrame, y: np.ndarray, *, launch: int) -> tuple[Message, ...]:
    empty, customers = int((y <= 0).sum()), orders["customer_id"].nunique()
    notes = {
        "empty": empty > 0,
        "no-season": len(y) < MIN_WEEKS,
        "short-season": launch < SURE_SEASON and len(y) >= MIN_WEEKS,
        "small": customers < MIN_CUSTOMERS,
    }
    facts = {"empty": counted(empty, "week"), "weeks": len(y), "before": launch, "least": MIN_CUSTOMERS,
             "customers": counted(customers, "customer")}
    return tuple(message(f"trend-note-{key}", **facts) for key, holds in notes.items() if holds)


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


def _trend_effect(series: LogWeeks, label: Message, outcome: str, *, confidence: float,
                  note: Message | str = "") -> Effect:
    means, errors = _forecast(series)
    return _against_trend(series, label, outcome, gap=series.log[series.launch:].mean() - means[-1], se=errors[-1],
                          degrees=series.degrees, confidence=confidence, note=note)


def _against_trend(series: LogWeeks, label: Message, outcome: str, *, gap: float, se: float, degrees: float,
                   confidence: float, note: Message | str) -> Effect:
    reach = stats.t.ppf((1 + confidence) / 2, degrees) * se
    return Effect(label=label, outcome=outcome, rung=2, grade="D", scope="everyone", unit="lift",
                  estimate=np.expm1(gap), low=np.expm1(gap - reach), high=np.expm1(gap + reach), confidence=confidence,
                  n=len(series.log), n_noun="week", n_treated=len(series.log) - series.launch,
                  n_comparison=series.launch, note=note)
