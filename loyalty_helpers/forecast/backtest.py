"""Forecasts made at days in the past, as if what came afterwards were not known, and set beside it.

The models suppose that every week is like the others; shops have seasons, and grow. So the interval of a total does not
come from the model (on CDNOW the model's own misses the truth) but from what such forecasts missed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.messages import Message
from loyalty_helpers.core.purchases import DAY, FEWEST, YEAR
from loyalty_helpers.forecast.bg_nbd import Chosen, choose
from loyalty_helpers.forecast.gamma_gamma import visit_values
from loyalty_helpers.forecast.inactivity import Inactivity, inactivity
from loyalty_helpers.forecast.purchase_days import Days, Seen, bought_between, history

YEAR_DAYS = YEAR // DAY
MOST_ORIGINS = 8
FEW = 3  # forecasts of the past, up to which little is made of how alike their misses are
SHORTEST = 28  # days forecast in a backtest; it takes three times as many in the data
# Of last year's miss in the same season half is corrected, of few orders less: as log-misses of simulated shops, half
# was never much worse than none (no season: .046 against .034) and mostly better (.084 against .127 on shops like the
# sample, .055 against .112 on stable ones), the whole was worse wherever orders are few or there is no season. Taking
# off the mean miss of the last four quarters as well made forecasts worse (.151 on shops like the sample).
SEASON_WEIGHT, STEADYING = 0.5, 25.0
# How far the forecasts are drawn apart (see `_exponent`) starts from not at all, give or take this: in shops like the
# sample 1.08 is found, which brings the slope of true on expected orders from 1.14-1.23 to 1.04-1.16 (five seeds)
USUAL_EXPONENT = 0.1
MOST_TRIED = 200_000  # customers in a backtest; of more, a random sample
BACKTESTS = ("origin", "days", "customers", "season", "predicted", "low", "high", "actual", "carried", "correlation",
             "carried_correlation", "top", "carried_top", "recency_top", "value_predicted", "value_actual",
             "value_top_predicted", "value_top_actual")
TENTHS = ("origin", "tenth", "customers", "predicted", "actual", "value_predicted", "value_actual")


# ---------------------------------------------------------------- forecasts at one day
class Ahead(NamedTuple):
    """A forecast from the day `end` over `days`: the customers' histories, visits (shopping days) by the plain model
    and corrected for the season, and their money per visit. The models are of visits, for a cart can become two
    orders; `seen.per_day` orders are made on each."""

    end: int
    days: int
    seen: Seen
    chosen: Chosen
    plain: np.ndarray
    season: float
    visits: np.ndarray
    visit_value: np.ndarray
    value_why: Message | None
    silence: Inactivity | None = None  # where the model has no leaving
    kept: np.ndarray | float = 1.0  # the part of the model's visits that long silences leave


def visits_ahead(chosen: Chosen, seen: Seen, days: float) -> np.ndarray:
    """Expected shopping days of each customer in the coming `days`."""
    if chosen.name != "bg_nbd":
        return chosen.fitted.expected(days / 7, seen.frequency, seen.recency, seen.age)
    return (chosen.fitted.still_customer(seen.frequency, seen.recency, seen.age)
            * _by_pair(seen, lambda x, age: chosen.fitted.if_still(days / 7, x, age)))


def _by_pair(seen: Seen, function) -> np.ndarray:
    """`function` of frequency and age, worked out once for customers who share both."""
    span = int(seen.age_days.max()) + 1
    pairs, place = np.unique(seen.frequency * span + seen.age_days, return_inverse=True)
    return function(pairs // span, pairs % span / 7)[place]


def forecast_at(days: Days, end: int, length: int) -> Ahead:
    """The plain forecast, in which each season is like the others."""
    seen = history(days, end)
    chosen = choose(seen.frequency, seen.recency, seen.age)
    if chosen.fitted is None:
        nothing = np.zeros(len(seen.code))
        return Ahead(end, length, seen, chosen, nothing, 1.0, nothing, nothing, None)
    silent, kept = None, 1.0
    if chosen.name != "bg_nbd":
        silent = inactivity(days, seen, end, length)
        kept = silent.kept(chosen.fitted.chance_to_buy(length / 7, seen.frequency, seen.recency, seen.age))
    plain = visits_ahead(chosen, seen, length) * kept
    return Ahead(end, length, seen, chosen, plain, 1.0, plain, *visit_values(seen), silent, kept)


def in_season(ahead: Ahead, year_ago: Ahead | None, days: Days) -> Ahead:
    """`ahead` with a longer or shorter horizon, as the same weeks of last year brought more or less than forecast."""
    if year_ago is None or ahead.chosen.fitted is None:
        return ahead
    came, *_ = bought_between(days, year_ago.end, year_ago.end + year_ago.days)
    season = ((came[year_ago.seen.code].sum() + STEADYING) / (year_ago.plain.sum() + STEADYING)) ** SEASON_WEIGHT
    visits = visits_ahead(ahead.chosen, ahead.seen, ahead.days * season) * ahead.kept
    return ahead._replace(season=float(season), visits=visits)


def drawn_apart(ahead: Ahead, exponent: float) -> Ahead:
    """`ahead` with expected visits raised to a power and brought back to their total."""
    if ahead.chosen.fitted is None or exponent == 1:
        return ahead
    apart = np.exp(exponent * _log(ahead.visits))
    return ahead._replace(visits=apart * (ahead.visits.sum() / apart.sum()))


def _log(visits: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(visits, 1e-9))


def _exponent(past: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The power of expected visits (first of each pair) to which, at equal totals, what came is proportional.

    Maximum likelihood of whose the visits were that came, given how many came (multinomial; one exponent for all
    forecasts of the past, Newton's steps), drawn towards 1 by a normal prior of standard deviation USUAL_EXPONENT.
    """
    exponent = 1.0
    for _ in range(20):
        slope, curve = (1 - exponent) / USUAL_EXPONENT**2, 1 / USUAL_EXPONENT**2
        for expected, came in past:
            logs = _log(expected)
            weight = np.exp(exponent * logs)
            weight /= weight.sum()
            mean = weight @ logs
            slope += came @ logs - came.sum() * mean
            curve += came.sum() * (weight @ logs**2 - mean**2)
        step = slope / curve
        exponent = float(np.clip(exponent + step, 0.5, 2))
        if abs(step) < 1e-8:
            break
    return exponent


# ---------------------------------------------------------------- backtests
def _origins(days: Days, end: int, horizon: int) -> tuple[int, list[int]]:
    """Length of the forecasts that can be tried, and the days from which: one after the other, none overlapping.

    Each has as long a history before it as it looks ahead, at least; where less than three horizons are in the data,
    shorter ones are tried.
    """
    start = int(days.day.min())
    length = min(horizon, (end - start) // 3 // 7 * 7) if end - start < 3 * horizon else horizon
    if length < min(SHORTEST, horizon):
        return length, []
    return length, [end - k * length for k in range(1, MOST_ORIGINS + 1) if end - k * length - start >= length]


def backtests(days: Days, end: int, horizon: int) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Forecasts made at days in the past beside what came: `Outlook.backtests`, `.tenths` and `.exponent`.

    Each knows what had happened by then and no more: season and exponent too are those of the time.
    """
    days = days.some(MOST_TRIED, seed=1)
    length, origins = _origins(days, end, horizon)
    asked = sorted({day for origin in origins for day in (origin, origin - YEAR_DAYS)
                    if day - int(days.day.min()) >= length})
    plain = {day: forecast_at(days, day, length) for day in asked}
    rows, tenths, past = [], [], []
    for origin in sorted(origins):
        ahead = in_season(plain[origin], plain.get(origin - YEAR_DAYS), days)
        if ahead.chosen.fitted is None:
            continue
        row, parts = _set_beside(drawn_apart(ahead, _exponent(past)), days)
        rows.append(row)
        tenths.append(parts)
        past.append((ahead.visits, bought_between(days, origin, origin + length)[0][ahead.seen.code]))
    table = pd.DataFrame(rows, columns=list(BACKTESTS))
    before = [between(predicted, table.iloc[:k], ("predicted", "actual"))
              for k, predicted in enumerate(table["predicted"])]
    table[["low", "high"]] = np.array(before).reshape(-1, 2)
    tables = pd.concat(tenths, ignore_index=True) if tenths else pd.DataFrame(columns=list(TENTHS))
    return table, tables, _exponent(past)


def _set_beside(ahead: Ahead, days: Days) -> tuple[tuple, pd.DataFrame]:
    """One backtest: a row of `Outlook.backtests`, and its customers in tenths by expected value."""
    code, orders, value = ahead.seen.code, ahead.visits * ahead.seen.per_day, ahead.visits * ahead.visit_value
    _, came, money = (column[code] for column in bought_between(days, ahead.end, ahead.end + ahead.days))
    before = bought_between(days, ahead.end - ahead.days, ahead.end)[1][code]
    tops = {name: best_first(by)[:math.ceil(len(code) / 10)] for name, by in {
        "orders": orders, "before": before, "recency": -ahead.seen.idle_days, "value": value}.items()}
    origin = pd.Timestamp(0) + pd.Timedelta(days=ahead.end)
    row = (origin, ahead.days, len(code), ahead.season, orders.sum(), NAN, NAN, came.sum(), before.sum(),
           _correlation(orders, came), _correlation(before, came),
           *(share_of(came[tops[name]], came) for name in ("orders", "before", "recency")), value.sum(), money.sum(),
           share_of(value[tops["value"]], value), share_of(money[tops["value"]], money))
    tenth = np.empty(len(code), dtype="int64")
    tenth[best_first(value)] = np.arange(len(code)) * 10 // len(code) + 1
    parts = pd.DataFrame({"origin": origin, "tenth": tenth, "customers": 1, "predicted": orders, "actual": came,
                          "value_predicted": value, "value_actual": money})
    return row, parts.groupby(["origin", "tenth"], as_index=False).sum()


def best_first(values: np.ndarray) -> np.ndarray:
    """Places from the highest value to the lowest; ties in the order of the customers' ids."""
    return np.argsort(-values, kind="stable")


def share_of(part: np.ndarray, whole: np.ndarray) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total > 0 else NAN


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return NAN
    return float(np.corrcoef(one, other)[0, 1])


def tested(tests: pd.DataFrame) -> bool:
    """Whether an interval can be had from these backtests."""
    return len(tests) >= FEWEST.origins and tests["actual"].mean() >= FEWEST.orders


def between(estimate: float, tests: pd.DataFrame, columns: tuple[str, str], *, half: float = 0.5,
             stretch: float = 1.0, least: float = 1.0) -> tuple[float, float]:
    """Interval of a new forecast from past ones: the estimate, divided and multiplied by `_off`, by `least` at least.

    nan where `tested` says so.
    """
    if not tested(tests):
        return NAN, NAN
    off = max(_off(tests, columns, half=half, stretch=stretch), least)
    return max((estimate + half) / off - half, 0.0), (estimate + half) * off - half


def _off(tests: pd.DataFrame, columns: tuple[str, str], *, half: float = 0.5, stretch: float = 1.0) -> float:
    """The factor by which a new forecast may miss: Student's t on the logs of actual / predicted, about no miss.

    The misses are squared about zero, not about their mean: a forecast that was always too low has not earned a narrow
    interval. `half` an order (or its money) is added to each, so that nothing at all has a log.
    """
    predicted, actual = (np.maximum(tests[name].to_numpy(dtype="float64"), 0) + half for name in columns)
    miss = np.log(actual / predicted)
    return math.exp(stats.t.ppf(0.975, len(miss)) * math.sqrt(np.mean(miss**2)) * stretch)


def least_of_money(tests: pd.DataFrame, stretch: float) -> float:
    """The factor of orders, where so FEW forecasts were tried that a narrower one of money would be luck."""
    if not tested(tests) or len(tests) > FEW:
        return 1.0
    return _off(tests, ("predicted", "actual"), stretch=stretch)


def share_between(estimate: float, tests: pd.DataFrame, shares: tuple[pd.Series, pd.Series], *,
                   floor: float) -> tuple[float, float]:
    """As `between`, for a share: Student's t on the differences of `shares`, predicted and actual.

    `floor` is the share of customers that it is of: the best customers never hold less than that.
    """
    miss = (shares[1] - shares[0]).dropna().to_numpy(dtype="float64")
    if not tested(tests) or len(miss) < FEWEST.origins or not math.isfinite(estimate):
        return NAN, NAN
    half = stats.t.ppf(0.975, len(miss)) * math.sqrt(np.mean(miss**2))
    return min(max(estimate - half, floor), estimate), min(estimate + half, 1.0)
