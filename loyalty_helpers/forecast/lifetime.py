"""What each customer will bring: orders, money and lifetime value, with totals that were tried on the past.

The models suppose that every week is like the others; shops have seasons, and grow. So the interval of a total does not
come from the model (on CDNOW the model's own misses the truth) but from forecasts made in the same way at days in the
past, as if what came afterwards were not known, and set beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import NAN, Finding, amount, count, number
from loyalty_helpers.forecast.bg_nbd import BgNbd, Nbd, fit_bg_nbd, fit_nbd
from loyalty_helpers.forecast.gamma_gamma import fit_gamma_gamma, value_correlation
from loyalty_helpers.forecast.purchase_days import Days, Seen, bought_between, day_number, history, purchase_days
from loyalty_helpers.forecast.silence import Silence, silence
from loyalty_helpers.forecast.silence import words as silence_words

# Customers with a second order below which no model is fitted: in 40 simulated shops of each size, the simple rule came
# nearer to the true expectations below 10 of them, BG/NBD (where customers leave) or the NBD above
FEWEST_REPEATERS = 10
FEWEST_VALUES = 30  # customers with a repeat order and money left, for the Gamma-Gamma model
VISIBLE = 3.0  # log-likelihood that leaving must add to count as seen: chi-square with two degrees of freedom, 5 %
RELATED = 0.2  # correlation of frequency and order value from which it is said
YEAR_DAYS = 364  # whole weeks, so that a season lies on the same weekdays
MOST_ORIGINS = 8
FEWEST_ORIGINS = 2
FEW = 3  # forecasts of the past, up to which little is made of how alike their misses are
FEWEST_ORDERS = 5.0  # that came after the forecasts of the past, on average: of fewer no interval says anything
SHORTEST = 28  # days forecast in a backtest; it takes three times as many in the data
# Of last year's miss in the same season half is corrected, of few orders less: as log-misses of simulated shops, half
# was never much worse than none (no season: .046 against .034) and mostly better (.084 against .127 on shops like the
# sample, .055 against .112 on stable ones), the whole was worse wherever orders are few or there is no season. Taking
# off the mean miss of the last four quarters as well made forecasts worse (.151 on shops like the sample).
SEASON_WEIGHT, STEADYING = 0.5, 25.0
# How far the forecasts are drawn apart (see `_exponent`) starts from not at all, give or take this: in shops like the
# sample 1.08 is found, which brings the slope of true on expected orders from 1.14-1.23 to 1.04-1.16 (five seeds)
USUAL_EXPONENT = 0.1
HEAVY = 0.25  # share of the expected money from which one customer is worth a sentence
MOST_TRIED = 200_000  # customers in a backtest; of more, a random sample
OWN_DAYS = 2.0  # purchase days that all customers' mean weighs beside one's own, where no Gamma-Gamma can be had
BACKTESTS = ("origin", "days", "customers", "model", "season", "predicted", "low", "high", "actual", "ratio", "carried",
             "correlation", "carried_correlation", "top", "carried_top", "recency_top", "value_predicted",
             "value_actual", "value_top_predicted", "value_top_actual", "top_orders_predicted", "top_orders_actual")
TENTHS = ("origin", "tenth", "customers", "predicted", "actual", "value_predicted", "value_actual")


@dataclass(frozen=True, kw_only=True)
class Forecast(Finding):
    """A Finding of which, without an interval, no decimals are shown: none of them would be sure."""

    @property
    def digits(self) -> int:
        return super().digits if math.isfinite(self.low) and math.isfinite(self.high) else 0


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What customers are expected to do over `days`, and how well such forecasts came out before.

    customers: customer_id; expected_orders and chance_to_buy over `days`, by the model of the customer's own pace (and
        not the chance that `repurchase` compares models by; where nobody visibly leaves, no higher than such silences
        ended before, see `silence`, and nan where too few did); still_customer, the chance not to have left
        for good (nan where nobody visibly leaves, and of those who bought once: BG/NBD lets people leave after a
        repeat order only, so of them it cannot tell); usual_orders, orders over `days` at the pace shown so far, if
        surely still a customer; order_value, money per order after refunds; expected_value = expected_orders x
        order_value x gross margin (revenue where no margin is known); lifetime_value, the same over some years,
        discounted. An order is a day with one or more purchases.
    model, why: "bg_nbd", "nbd", "simple" or "none", and the reason in plain words; `value_why` the same of order_value;
        `silence_why` what is made of those silent for long where nobody visibly leaves.
    total, value_total: orders and money expected from all customers known today, with intervals from `backtests`.
    top_decile, top_orders: share of the expected value that the best tenth holds, and the orders expected from them.
    heaviest: share of the money that one customer is expected to bring, where it is HEAVY or more; else not measurable.
    season: what the length of the horizon is multiplied by, for the time of the year (1 without a year of history).
    exponent: to what power expected orders are raised, at the same total, because in the backtests good customers did
        better, and weak ones worse, than the model thought (1 where nothing is known).
    backtests: one row per day in the past from which the days after were forecast: orders predicted, with the interval
        that the forecasts before it gave, and those that came; orders of the days before (carried); the share of orders
        that came from the tenth with the highest forecast (top), with the most orders before and with the latest last
        order. `tenths` holds their customers in tenths by expected value, the best first.
    """

    customers: pd.DataFrame
    days: int
    model: str
    why: str
    value_why: str
    interval_why: str
    season_why: str
    silence_why: str
    total: Finding
    value_total: Finding
    top_decile: Finding
    top_orders: Finding
    heaviest: Finding
    season: float
    exponent: float
    backtests: pd.DataFrame
    tenths: pd.DataFrame
    parameters: dict[str, float]

    @property
    def sentences(self) -> list[str]:
        """What was done and how sure it is, in plain words."""
        said = (self.why, self.silence_why, self.value_why, self.season_why, self.spread_why, self.interval_why)
        return [text for text in said if text]

    @property
    def spread_why(self) -> str:
        if abs(self.exponent - 1) < 0.05:
            return ""
        further, good, weak = (("apart", "more", "less") if self.exponent > 1 else ("together", "less", "more"))
        return (f"In past forecasts the best customers brought {good}, and the weakest {weak}, than the model said; so "
                f"the forecasts are drawn {further} somewhat, at the same total.")


# ---------------------------------------------------------------- forecasts at one day
class Chosen(NamedTuple):
    """A fitted model, its name and why it is this one."""

    fitted: BgNbd | Nbd | None
    name: str
    why: str


class Ahead(NamedTuple):
    """A forecast from the day `end` over `days`: the customers' histories, orders by the plain model and corrected for
    the season, and their order values."""

    end: int
    days: int
    seen: Seen
    chosen: Chosen
    plain: np.ndarray
    season: float
    orders: np.ndarray
    order_value: np.ndarray
    value_why: str
    silence: Silence | None = None  # where the model has no leaving
    kept: np.ndarray | float = 1.0  # the part of the model's orders that long silences leave


def leaving_or_not(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> BgNbd | Nbd:
    """The BG/NBD where it tells visibly more of the histories than the NBD, in which nobody leaves; else that."""
    plain, leaving = fit_nbd(frequency, age), fit_bg_nbd(frequency, recency, age)
    seen = not leaving.on_bound and leaving.log_likelihood - plain.log_likelihood >= VISIBLE
    return leaving if seen else plain


def choose(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> Chosen:
    """BG/NBD where customers visibly leave, else the NBD, else (too few to fit anything) a simple rule.

    The simple rule is the NBD with r = 1 and the pooled rate of all: each customer's own pace, drawn to everybody's as
    strongly as one purchase. With nobody who came back, half a purchase is put in for the rate.
    """
    repeaters, repeats = int((frequency > 0).sum()), float(frequency.sum())
    if not len(frequency) or not age.max() > 0:
        return Chosen(None, "none", "Nobody bought before the last day of the data, so nothing can be said of later "
                                    "yet: it takes some weeks of orders with a customer.")
    rule = Nbd(1.0, float(age.sum()) / max(repeats, 0.5), NAN, len(frequency))
    if repeaters < FEWEST_REPEATERS:
        came = "nobody has" if not repeaters else f"only {count(repeaters, 'customer')} " + (
            "has" if repeaters == 1 else "have")
        return Chosen(rule, "simple", f"So far {came} bought again, and a model of who leaves takes "
                      f"{FEWEST_REPEATERS} who did: each customer's own pace is used, drawn towards everybody's.")
    fitted = leaving_or_not(frequency, recency, age)
    if isinstance(fitted, BgNbd):
        return Chosen(fitted, "bg_nbd", "Each customer's pace, and how likely people are to leave after an order, are "
                                         "estimated from all customers' orders.")
    if fitted.on_bound:
        return Chosen(rule, "simple", "The orders do not show by how much customers differ: each customer's own pace "
                                      "is used, drawn towards everybody's.")
    return Chosen(fitted, "nbd", "No customers are seen to leave for good in these orders: by itself the model takes a "
                                "long silence for a slow pace, and values over years, in which some will leave, are "
                                "too high.")


def orders_ahead(chosen: Chosen, seen: Seen, days: float) -> np.ndarray:
    """Expected orders of each customer in the coming `days`."""
    if chosen.name != "bg_nbd":
        return chosen.fitted.expected(days / 7, seen.frequency, seen.recency, seen.age)
    return (chosen.fitted.still_customer(seen.frequency, seen.recency, seen.age)
            * _by_pair(seen, lambda x, age: chosen.fitted.if_still(days / 7, x, age)))


def _by_pair(seen: Seen, function) -> np.ndarray:
    """`function` of frequency and age, worked out once for customers who share both."""
    span = int(seen.age_days.max()) + 1
    pairs, place = np.unique(seen.frequency * span + seen.age_days, return_inverse=True)
    return function(pairs // span, pairs % span / 7)[place]


def order_values(seen: Seen) -> tuple[np.ndarray, str]:
    """Money per order of each customer after refunds, drawn towards all customers' mean, and how it was found.

    By the Gamma-Gamma model; with fewer than FEWEST_VALUES customers to fit it to, or where it ends on a bound or with
    a mean far off the one seen, one's own mean over all purchase days and the mean of all, as weighty as OWN_DAYS.
    """
    frequency, value = seen.frequency, seen.mean_value
    usable = (frequency > 0) & (value > 0)
    if usable.sum() >= FEWEST_VALUES:
        fitted = fit_gamma_gamma(frequency, value)
        if not fitted.on_bound and 0.5 < fitted.mean / value[usable].mean() < 2:
            return fitted.expected_value(frequency, value), _related(frequency, value)
        why = "How much customers differ in money per order cannot be settled"
    else:
        why = f"{'Nobody' if not usable.any() else 'Only ' + count(int(usable.sum()), 'customer')} " \
              f"{'have' if usable.sum() > 1 else 'has'} a repeat order to learn the usual amount from"
    bought = seen.frequency + 1.0
    own = np.maximum(seen.days_value, 0)
    mean = (own * bought).sum() / bought.sum()
    return ((own * bought + OWN_DAYS * mean) / (bought + OWN_DAYS),
            f"{why}: the value of an order is each customer's own mean, drawn towards everybody's.")


def _related(frequency: np.ndarray, value: np.ndarray) -> str:
    related, n = value_correlation(frequency, value)
    if not abs(related) >= RELATED:
        return ""
    more, most = ("more", "frequent") if related > 0 else ("less", "rare")
    return (f"Customers who buy more often spend {more} per order (correlation {related:.2f}, {count(n, 'customer')}); "
            f"the model takes the two as unrelated, so the money of {most} buyers is rather too low."
            ).replace("-", "−")


def _ahead(days: Days, end: int, length: int) -> Ahead:
    """The plain forecast, in which each season is like the others."""
    seen = history(days, end)
    chosen = choose(seen.frequency, seen.recency, seen.age)
    if chosen.fitted is None:
        nothing = np.zeros(len(seen.code))
        return Ahead(end, length, seen, chosen, nothing, 1.0, nothing, nothing, "")
    silent, kept = None, 1.0
    if chosen.name != "bg_nbd":
        silent = silence(days, seen, end, length)
        kept = silent.kept(chosen.fitted.chance_to_buy(length / 7, seen.frequency, seen.recency, seen.age))
    plain = orders_ahead(chosen, seen, length) * kept
    return Ahead(end, length, seen, chosen, plain, 1.0, plain, *order_values(seen), silent, kept)


def _in_season(ahead: Ahead, year_ago: Ahead | None, days: Days) -> Ahead:
    """`ahead` with a longer or shorter horizon, as the same weeks of last year brought more or less than forecast."""
    if year_ago is None or ahead.chosen.fitted is None:
        return ahead
    came, _ = bought_between(days, year_ago.end, year_ago.end + year_ago.days)
    season = ((came[year_ago.seen.code].sum() + STEADYING) / (year_ago.plain.sum() + STEADYING)) ** SEASON_WEIGHT
    orders = orders_ahead(ahead.chosen, ahead.seen, ahead.days * season) * ahead.kept
    return ahead._replace(season=float(season), orders=orders)


def _drawn_apart(ahead: Ahead, exponent: float) -> Ahead:
    """`ahead` with expected orders raised to a power and brought back to their total."""
    if ahead.chosen.fitted is None or exponent == 1:
        return ahead
    apart = np.exp(exponent * _log(ahead.orders))
    return ahead._replace(orders=apart * (ahead.orders.sum() / apart.sum()))


def _log(orders: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(orders, 1e-9))


def _exponent(past: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The power of expected orders (first of each pair) to which, at equal totals, what came is proportional.

    Maximum likelihood of who bought the orders that came, given how many came (multinomial; one exponent for all
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


def _backtests(days: Days, end: int, horizon: int) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Forecasts made at days in the past beside what came: `Outlook.backtests`, `.tenths` and `.exponent`.

    Each knows what had happened by then and no more: season and exponent too are those of the time.
    """
    if len(days.ids) > MOST_TRIED:
        kept = np.zeros(len(days.ids), dtype=bool)
        kept[np.random.default_rng(1).permutation(len(days.ids))[:MOST_TRIED]] = True
        days = days.only(kept)
    length, origins = _origins(days, end, horizon)
    asked = sorted({day for origin in origins for day in (origin, origin - YEAR_DAYS)
                    if day - int(days.day.min()) >= length})
    plain = {day: _ahead(days, day, length) for day in asked}
    rows, tenths, past = [], [], []
    for origin in sorted(origins):
        ahead = _in_season(plain[origin], plain.get(origin - YEAR_DAYS), days)
        if ahead.chosen.fitted is None:
            continue
        row, parts = _set_beside(_drawn_apart(ahead, _exponent(past)), days)
        rows.append(row)
        tenths.append(parts)
        past.append((ahead.orders, bought_between(days, origin, origin + length)[0][ahead.seen.code]))
    table = pd.DataFrame(rows, columns=list(BACKTESTS))
    before = [_between(predicted, table.iloc[:k], ("predicted", "actual"))
              for k, predicted in enumerate(table["predicted"])]
    table[["low", "high"]] = np.array(before).reshape(-1, 2)
    tables = pd.concat(tenths, ignore_index=True) if tenths else pd.DataFrame(columns=list(TENTHS))
    return table, tables, _exponent(past)


def _set_beside(ahead: Ahead, days: Days) -> tuple[tuple, pd.DataFrame]:
    """One backtest: a row of `Outlook.backtests`, and its customers in tenths by expected value."""
    code, orders, value = ahead.seen.code, ahead.orders, ahead.orders * ahead.order_value
    came, money = (column[code] for column in bought_between(days, ahead.end, ahead.end + ahead.days))
    before = bought_between(days, ahead.end - ahead.days, ahead.end)[0][code]
    tops = {name: _best_first(by)[:_tenth(len(code))] for name, by in {
        "orders": orders, "before": before, "recency": -ahead.seen.idle_days, "value": value}.items()}
    predicted, actual = orders.sum(), came.sum()
    origin = pd.Timestamp(0) + pd.Timedelta(days=ahead.end)
    row = (origin, ahead.days, len(code), ahead.chosen.name, ahead.season, predicted, NAN, NAN, actual,
           actual / predicted if predicted > 0 else NAN, before.sum(), _correlation(orders, came),
           _correlation(before, came), *(_share(came[tops[name]], came) for name in ("orders", "before", "recency")),
           value.sum(), money.sum(), _share(value[tops["value"]], value), _share(money[tops["value"]], money),
           orders[tops["value"]].sum(), came[tops["value"]].sum())
    tenth = np.empty(len(code), dtype="int64")
    tenth[_best_first(value)] = np.arange(len(code)) * 10 // len(code) + 1
    parts = pd.DataFrame({"origin": origin, "tenth": tenth, "customers": 1, "predicted": orders, "actual": came,
                          "value_predicted": value, "value_actual": money})
    return row, parts.groupby(["origin", "tenth"], as_index=False).sum()


def _tenth(n: int) -> int:
    return math.ceil(n / 10)


def _best_first(values: np.ndarray) -> np.ndarray:
    """Places from the highest value to the lowest; ties in the order of the customers' ids."""
    return np.argsort(-values, kind="stable")


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total > 0 else NAN


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return NAN
    return float(np.corrcoef(one, other)[0, 1])


def _tested(backtests: pd.DataFrame) -> bool:
    """Whether an interval can be had from these backtests."""
    return len(backtests) >= FEWEST_ORIGINS and backtests["actual"].mean() >= FEWEST_ORDERS


def _between(estimate: float, backtests: pd.DataFrame, columns: tuple[str, str], *, half: float = 0.5,
             stretch: float = 1.0, least: float = 1.0) -> tuple[float, float]:
    """Interval of a new forecast from past ones: the estimate, divided and multiplied by `_off`, by `least` at least.

    nan where `_tested` says so.
    """
    if not _tested(backtests):
        return NAN, NAN
    off = max(_off(backtests, columns, half=half, stretch=stretch), least)
    return max((estimate + half) / off - half, 0.0), (estimate + half) * off - half


def _off(backtests: pd.DataFrame, columns: tuple[str, str], *, half: float = 0.5, stretch: float = 1.0) -> float:
    """The factor by which a new forecast may miss: Student's t on the logs of actual / predicted, about no miss.

    The misses are squared about zero, not about their mean: a forecast that was always too low has not earned a narrow
    interval. `half` an order (or its money) is added to each, so that nothing at all has a log.
    """
    predicted, actual = (np.maximum(backtests[name].to_numpy(dtype="float64"), 0) + half for name in columns)
    miss = np.log(actual / predicted)
    return math.exp(stats.t.ppf(0.975, len(miss)) * math.sqrt(np.mean(miss**2)) * stretch)


def _least_of_money(backtests: pd.DataFrame, stretch: float) -> float:
    """The factor of orders, where so FEW forecasts were tried that a narrower one of money would be luck."""
    if not _tested(backtests) or len(backtests) > FEW:
        return 1.0
    return _off(backtests, ("predicted", "actual"), stretch=stretch)


def _share_between(estimate: float, backtests: pd.DataFrame, shares: tuple[pd.Series, pd.Series], *,
                   floor: float) -> tuple[float, float]:
    """As `_between`, for a share: Student's t on the differences of `shares`, predicted and actual.

    `floor` is the share of customers that it is of: the best customers never hold less than that.
    """
    miss = (shares[1] - shares[0]).dropna().to_numpy(dtype="float64")
    if not _tested(backtests) or len(miss) < FEWEST_ORIGINS or not math.isfinite(estimate):
        return NAN, NAN
    half = stats.t.ppf(0.975, len(miss)) * math.sqrt(np.mean(miss**2))
    return min(max(estimate - half, floor), estimate), min(estimate + half, 1.0)


# ---------------------------------------------------------------- the outlook
def outlook(orders: pd.DataFrame, *, as_of: date, horizon_days: int = 91, years: int = 3, discount: float = 0.05,
            gross_margin: float | None = None, currency: str = "CNY") -> Outlook:
    """What every customer known at `as_of` (the day after the last day looked at) will probably do; see Outlook.

    `orders` as in orders.parquet. The lifetime value adds up the expected orders of each quarter of the coming `years`
    and counts their money in the middle of the quarter, discounted by `discount` a year; seasons, which cancel over
    whole years, are left out of it. Without a `gross_margin` all values are revenue. New customers are in no figure.
    Raises UserError for a horizon or years below 1, a negative discount, or a margin outside 0 to 1.
    """
    _check(horizon_days, years, discount, gross_margin)
    end = day_number(as_of)
    days = purchase_days(orders[orders["ordered_at"] < pd.Timestamp(as_of)])
    plain = _ahead(days, end, horizon_days)
    if plain.chosen.fitted is None:
        return _nothing(days, plain, currency)
    backtests, tenths, exponent = _backtests(days, end, horizon_days)
    last_year = end - YEAR_DAYS
    enough = last_year - int(days.day.min()) >= horizon_days
    in_season = _in_season(plain, _ahead(days, last_year, horizon_days) if enough else None, days)
    ahead = _drawn_apart(in_season, exponent)
    apart = ahead.orders / np.maximum(in_season.orders, 1e-9)
    margin = 1.0 if gross_margin is None else gross_margin
    customers = _customers(days, ahead, apart, margin).assign(
        lifetime_value=_lifetime(ahead, years, discount) * apart * ahead.order_value * margin)
    n = len(customers)
    words = f"the next {span(horizon_days)}"
    tried = (f"{count(len(backtests), 'forecast')} of past spells of {span(int(backtests['days'].iloc[0]))}"
             if len(backtests) else "")
    shared = {"n": n, "method": f"rolling backtests: {tried}" if tried else ""}
    stretch = math.sqrt(max(horizon_days / backtests["days"].iloc[0], 1)) if len(backtests) else 1.0
    expected, value = customers["expected_orders"].sum(), customers["expected_value"].sum()
    low, high = _between(expected, backtests, ("predicted", "actual"), stretch=stretch)
    value_low, value_high = _between(value / margin, backtests, ("value_predicted", "value_actual"), stretch=stretch,
                                     half=0.5 * ahead.order_value.mean() + 1e-9,
                                     least=_least_of_money(backtests, stretch))
    money = "revenue" if gross_margin is None else "gross margin"
    return Outlook(
        customers=customers, days=horizon_days, model=ahead.chosen.name, why=ahead.chosen.why,
        value_why=ahead.value_why, interval_why=_interval_words(backtests, days, end, horizon_days),
        season_why=_season_words(ahead), season=ahead.season, exponent=exponent,
        silence_why=silence_words(ahead.silence, span(horizon_days)) if ahead.silence else "",
        total=Forecast(label=f"orders expected in {words} from the customers known today", unit="orders",
                       estimate=expected, low=low, high=high, **shared),
        value_total=Forecast(label=f"{money} expected in {words} from the customers known today", unit=currency,
                             estimate=value, low=value_low * margin, high=value_high * margin, **shared),
        **_top(customers, backtests, words, stretch=stretch), heaviest=_heaviest(customers["expected_value"]),
        backtests=backtests, tenths=tenths,
        parameters=_parameters(ahead.chosen.fitted))


def _check(horizon_days: int, years: int, discount: float, gross_margin: float | None) -> None:
    if not horizon_days >= 1 or not years >= 1:
        raise UserError("A forecast looks at least one day ahead, and a lifetime value at least one year.")
    if not discount >= 0:
        raise UserError(f"The discount rate must not be negative; got {discount:g} (0.05 means 5 %).")
    if gross_margin is not None and not 0 < gross_margin <= 1:
        raise UserError(f"The gross margin is a share above 0 and up to 1; got {gross_margin:g} (0.4 means 40 %).")


def _customers(days: Days, ahead: Ahead, apart: np.ndarray, margin: float) -> pd.DataFrame:
    """`Outlook.customers` without the lifetime value; `apart` is what expected orders were multiplied by at last."""
    seen, model, weeks = ahead.seen, ahead.chosen.fitted, ahead.days * ahead.season / 7
    history_ = (seen.frequency, seen.recency, seen.age)
    leaves = ahead.chosen.name == "bg_nbd"
    still = model.still_customer(*history_)
    pace = model.rate(seen.frequency, seen.age)
    if leaves:  # of those who have left, the silence since is no sign of a slow pace
        pace = still * pace + (1 - still) * model.rate(seen.frequency, seen.recency)
    chance = 1 - (1 - model.chance_to_buy(weeks, *history_)) ** apart
    return pd.DataFrame({
        "customer_id": days.ids.iloc[seen.code].reset_index(drop=True),
        "expected_orders": ahead.orders,
        "chance_to_buy": chance if ahead.silence is None else ahead.silence.shown(chance),
        "still_customer": np.where(seen.frequency > 0, still, NAN) if leaves else np.full(len(still), NAN),
        "usual_orders": np.maximum(pace * weeks, ahead.orders),
        "order_value": ahead.order_value,
        "expected_value": ahead.orders * ahead.order_value * margin,
    })


def _lifetime(ahead: Ahead, years: int, discount: float) -> np.ndarray:
    """Expected orders of the coming `years`, each worth what it is today, quarter by quarter."""
    quarter, total, before = 365.25 / 4, np.zeros(len(ahead.seen.code)), np.zeros(len(ahead.seen.code))
    for k in range(1, 4 * years + 1):
        upto = orders_ahead(ahead.chosen, ahead.seen, k * quarter)
        total, before = total + (upto - before) / (1 + discount) ** ((k - 0.5) / 4), upto
    return total * ahead.kept


def _top(customers: pd.DataFrame, backtests: pd.DataFrame, words: str, *, stretch: float) -> dict[str, Finding]:
    """The findings on the best tenth by expected value."""
    n, value = len(customers), customers["expected_value"].to_numpy()
    share = {"label": f"share of the money of {words} expected from the best tenth of customers", "unit": "share",
             "n": _tenth(n)}
    orders = {"label": f"orders expected in {words} from the best tenth of customers", "unit": "orders",
              "n": _tenth(n)}
    if n < 10:
        note = f"it takes 10 customers to speak of a tenth, there {'is' if n == 1 else 'are'} {n}"
        return {"top_decile": Forecast(estimate=NAN, note=note, **share),
                "top_orders": Forecast(estimate=NAN, note=note, **orders)}
    best = _best_first(value)[:_tenth(n)]
    estimate, expected = _share(value[best], value), float(customers["expected_orders"].to_numpy()[best].sum())
    low, high = _share_between(estimate, backtests, (backtests["value_top_predicted"],
                                                     backtests["value_top_actual"]), floor=_tenth(n) / n)
    orders_low, orders_high = _between(expected, backtests, ("top_orders_predicted", "top_orders_actual"),
                                       stretch=stretch)
    note = "" if math.isfinite(estimate) else "no money is expected"
    return {"top_decile": Forecast(estimate=estimate, low=low, high=high, note=note, **share),
            "top_orders": Forecast(estimate=expected, low=orders_low, high=orders_high, **orders)}


def _heaviest(values: pd.Series) -> Finding:
    """The share of all value of the customer with most, where it is HEAVY or more of at least ten customers'."""
    share = _share(np.array([values.max()]), values.to_numpy()) if len(values) >= 10 else NAN
    return Forecast(label="share of the expected money from one customer", unit="share", n=1,
                    estimate=share if share >= HEAVY else NAN, note=f"no single customer holds {_percent(HEAVY)} of it")


def _parameters(model: BgNbd | Nbd) -> dict[str, float]:
    """What was fitted; the simple rule has no likelihood."""
    found = {name: getattr(model, name, NAN) for name in ("r", "alpha", "a", "b", "log_likelihood")}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _nothing(days: Days, ahead: Ahead, currency: str) -> Outlook:
    """The outlook where nobody is there to forecast for."""
    note = "there is no history before the last day yet"
    names = ("expected_orders", "chance_to_buy", "still_customer", "usual_orders", "order_value", "expected_value",
             "lifetime_value")
    ids = days.ids.iloc[ahead.seen.code].reset_index(drop=True)
    words = f"the next {span(ahead.days)}"

    def missing(label: str, unit: str) -> Finding:
        return Forecast(label=label, unit=unit, estimate=NAN, note=note, n=len(ids))

    return Outlook(
        customers=pd.DataFrame({"customer_id": ids} | {name: np.full(len(ids), NAN) for name in names}),
        days=ahead.days, model="none", why=ahead.chosen.why, value_why="", interval_why="", season_why="",
        silence_why="", season=1.0, exponent=1.0,
        total=missing(f"orders expected in {words}", "orders"),
        value_total=missing(f"money expected in {words}", currency),
        top_decile=missing("share of the expected money from the best tenth of customers", "share"),
        top_orders=missing("orders expected from the best tenth of customers", "orders"),
        heaviest=missing("share of the expected money from one customer", "share"),
        backtests=pd.DataFrame(columns=list(BACKTESTS)), tenths=pd.DataFrame(columns=list(TENTHS)), parameters={})


# ---------------------------------------------------------------- words
def span(days: int) -> str:
    """ "13 weeks", "30 days"."""
    return count(days // 7, "week") if days % 7 == 0 else count(days, "day")


def _season_words(ahead: Ahead) -> str:
    change = ahead.season - 1
    if abs(change) < 0.005:
        return ""
    more = "more" if change > 0 else "fewer"
    return (f"The same weeks a year ago brought {more} orders than such a forecast; half of the difference, "
            f"{amount(abs(change), 'share', digits=0)}, is {'added' if change > 0 else 'taken off'}.")


def _interval_words(backtests: pd.DataFrame, days: Days, end: int, horizon: int) -> str:
    known = end - int(days.day.min())
    if len(backtests) < FEWEST_ORIGINS:
        least = min(3 * horizon, 3 * SHORTEST)
        return (f"No interval yet: forecasts cannot be tried on {count(known, 'day')} of orders; it takes at least "
                f"{span(least)}.")
    if not _tested(backtests):
        return (f"No interval yet: in the {count(len(backtests), 'past spell')} on which a forecast could be tried, "
                f"fewer than {FEWEST_ORDERS:g} orders came on average; it takes more orders of known customers.")
    length = int(backtests["days"].iloc[0])
    off = [abs(ratio - 1) for ratio in backtests["predicted"] / backtests["actual"].clip(lower=0.5)]
    shorter = (f" They look ahead {span(length)}, because the data are short; for {span(horizon)} the interval is "
               "widened.") if length < horizon else ""
    sampled = f" They were tried on {MOST_TRIED:,} customers drawn at random." if len(days.ids) > MOST_TRIED else ""
    return (f"The interval comes from {count(len(backtests), 'forecast')} made the same way at days in the past: they "
            f"missed the orders that came by {_percent(min(off))} to {_percent(max(off))}, {sides(backtests)}."
            f"{_leaning(backtests)}{shorter}{sampled}")


def sides(backtests: pd.DataFrame) -> str:
    """On which side forecasts of the past missed what came: "all too high", "2 too high and 1 too low"."""
    high = int((backtests["predicted"] > backtests["actual"]).sum())
    low = int((backtests["predicted"] < backtests["actual"]).sum())
    if len(backtests) in (high, low):
        every = {1: "", 2: "both "}.get(len(backtests), "all ")
        return f"{every}too {'high' if high else 'low'}"
    said = ((high, "too high"), (low, "too low"), (len(backtests) - high - low, "right"))
    return " and ".join(f"{n} {words}" for n, words in said if n)


def _leaning(backtests: pd.DataFrame) -> str:
    """What it means that all forecasts of the past, three at least, missed on one side."""
    over = backtests["predicted"] - backtests["actual"]
    if len(over) < 3 or not ((over > 0).all() or (over < 0).all()):
        return ""
    more, other = ("fewer", "more") if over.iloc[0] > 0 else ("more", "fewer")
    return f" That leans to one side: reckon rather with {more} orders than expected than with {other}."


def _percent(share: float) -> str:
    return amount(share, "share", digits=0)


# ---------------------------------------------------------------- tables for the appendix
def beside_textbook(textbook: pd.DataFrame, found: Outlook, assigned: pd.DataFrame) -> pd.DataFrame:
    """`textbook.clv_table` with the model's lifetime value beside: model_clv per customer of the value group.

    `assigned` has customer_id and value_group of the customers whom the table is about; with the same years, discount
    and margin in both, what differs is that the model lets each customer buy and leave at his own pace. Missing where
    the group's `customers` are (hidden from a shared report).
    """
    groups = found.customers.merge(assigned[["customer_id", "value_group"]], on="customer_id").groupby("value_group")
    values = textbook["value_group"].map(groups["lifetime_value"].mean()).astype("float64")
    if "customers" in textbook:  # an empty table has no such column
        values = values.where(textbook["customers"].notna())
    return textbook.assign(model_clv=values)


def calibration(found: Outlook) -> pd.DataFrame:
    """Customers of all backtests in tenths by expected value: what was expected of them, and what came.

    Returns tenth (1 is the best), customers (of all backtests, so a person counts once in each), predicted and actual
    orders per customer with low and high of the actual (Student's t over the backtests), share (of all money that
    came) with share_low and share_high, and share_predicted. Empty where the backtests are too few or too small.
    """
    parts = found.tenths if _tested(found.backtests) else found.tenths.iloc[:0]
    totals = parts.groupby("origin")[["value_predicted", "value_actual"]].transform("sum").clip(lower=0)
    each = parts.assign(
        per_head=parts["actual"] / parts["customers"],
        share=parts["value_actual"] / totals["value_actual"].where(totals["value_actual"] > 0),
        share_predicted=parts["value_predicted"] / totals["value_predicted"].where(totals["value_predicted"] > 0))
    rows = []
    for tenth, part in each.groupby("tenth"):
        low, high = _of_means(part["per_head"])
        share_low, share_high = _of_means(part["share"])
        rows.append((int(tenth), int(part["customers"].sum()), part["predicted"].sum() / part["customers"].sum(),
                     part["actual"].sum() / part["customers"].sum(), low, high, part["share_predicted"].mean(),
                     part["share"].mean(), share_low, min(share_high, 1.0)))
    return pd.DataFrame(rows, columns=["tenth", "customers", "predicted", "actual", "low", "high", "share_predicted",
                                       "share", "share_low", "share_high"])


def _of_means(values: pd.Series) -> tuple[float, float]:
    values = values.dropna()
    if len(values) < FEWEST_ORIGINS:
        return NAN, NAN
    half = stats.t.ppf(0.975, len(values) - 1) * values.std() / math.sqrt(len(values))
    return max(values.mean() - half, 0.0), values.mean() + half


def gains(found: Outlook) -> pd.DataFrame:
    """Who brings the money: customers in tenths by expected value, best first, and the shares they add up to.

    Returns tenth, customers, expected_value, share (of all expected value, of this tenth and all better ones together)
    and low, high: as far off as such shares were in the backtests (Student's t on actual less predicted, as for
    `Outlook.top_decile`), never below the share of customers. Empty with fewer than 10 customers or without value.
    """
    value = np.sort(found.customers["expected_value"].to_numpy())[::-1]
    if len(value) < 10 or not value.sum() > 0:
        return pd.DataFrame(columns=["tenth", "customers", "expected_value", "share", "low", "high"])
    tenth = np.arange(len(value)) * 10 // len(value)
    today = np.bincount(tenth, weights=value)
    shares = np.cumsum(today) / value.sum()
    past = {name: _cumulated(found.tenths, name) for name in ("value_predicted", "value_actual")}
    floors = np.cumsum(np.bincount(tenth)) / len(value)
    limits = [_share_between(share, found.backtests, (past["value_predicted"][place], past["value_actual"][place]),
                             floor=float(floor))
              for place, (share, floor) in enumerate(zip(shares, floors, strict=True), 1)]
    # a share of more customers is no smaller: the ends rise with it
    lows = np.maximum.accumulate([low for low, _ in limits])
    highs = np.minimum.accumulate([high for _, high in limits[::-1]])[::-1]
    return pd.DataFrame({"tenth": range(1, 11), "customers": np.bincount(tenth), "expected_value": today,
                         "share": shares, "low": lows, "high": highs})


def _cumulated(tenths: pd.DataFrame, column: str) -> pd.DataFrame:
    """Per origin the share of a column that the best tenths hold together; nan where there is nothing to share."""
    table = tenths.pivot(index="origin", columns="tenth", values=column).reindex(columns=range(1, 11))
    table = table.astype("float64").fillna(0)
    whole = table.sum(axis=1)
    return table.cumsum(axis=1).div(whole.where(whole > 0), axis=0)


def holdout_table(found: Outlook) -> pd.DataFrame:
    """The forecasts of the past beside two rules that need no model: all backtests together.

    Returns forecast, total_error (predicted over actual orders, less one), largest_error (of one backtest, without its
    sign), correlation (with each customer's orders, mean over backtests), top_tenth (share of all orders that came
    from the tenth with the highest forecast) and lift (that share over what a tenth drawn at random would bring).
    Sorting by recency forecasts no number, so it has no error. Empty where the backtests are too few or too small.
    """
    tests = found.backtests
    if not _tested(tests):
        return pd.DataFrame(columns=["forecast", "total_error", "largest_error", "correlation", "top_tenth", "lift"])
    came = tests["actual"].sum()
    rows = []
    for name, total, correlation, top in (
            ("this forecast", "predicted", "correlation", "top"),
            ("the same orders as before", "carried", "carried_correlation", "carried_top"),
            ("who bought last", None, None, "recency_top")):
        missed = (tests[total] / tests["actual"].where(tests["actual"] > 0) - 1).abs().max() if total else NAN
        rows.append((name, tests[total].sum() / came - 1 if total else NAN, missed,
                     tests[correlation].mean() if correlation else NAN, tests[top].mean(),
                     _lift(tests, top)))
    return pd.DataFrame(rows, columns=["forecast", "total_error", "largest_error", "correlation", "top_tenth", "lift"])


def beats_sentence(found: Outlook) -> str:
    """Whether the forecast is better than supposing that everybody orders as often as in the spell before.

    By the past forecasts, in pairs: how far the total was off (log), the correlation with each customer's orders, and
    the share of the orders that the tenth put first brought. One of the three is better or worse where the mean of
    its differences is, by Student's t at 95 %, which takes FEW forecasts.
    """
    tests, asked = found.backtests, "Is the forecast better than supposing that everybody orders as before?"
    if not _tested(tests):
        return f"{asked} Cannot tell: there are too few forecasts of the past, or too few orders came after them."
    off = {name: (np.log(tests[name].clip(lower=0.5) / tests["actual"].clip(lower=0.5))).abs()
           for name in ("carried", "predicted")}
    gains_ = (("the total", off["carried"] - off["predicted"]),
              ("who orders how often", tests["correlation"] - tests["carried_correlation"]),
              ("the best tenth", tests["top"] - tests["carried_top"]))
    clear = {what: _clear(better) for what, better in gains_}
    better, worse = ([what for what, sign in clear.items() if sign == wanted] for wanted in (1, -1))
    if better and worse:
        answer = f"In part: better {_in(better)}, worse {_in(worse)}"
    elif better or worse:
        answer = f"{'Yes' if better else 'No'}: {'better' if better else 'worse'} {_in(better or worse)}"
        answer += "" if len(better or worse) == len(gains_) else ", with no clear difference in the rest"
    elif len(tests) < FEW:
        answer = f"Cannot tell: it takes {FEW} past forecasts or more"
    else:
        answer = "Cannot tell: no difference is clear"
    ours, carried = (_percent((tests[name] / tests["actual"].clip(lower=0.5) - 1).abs().mean())
                     for name in ("predicted", "carried"))
    fits = [amount(tests[name].mean(), "scale points") for name in ("correlation", "carried_correlation")]
    lifts = [_lift(tests, name) for name in ("top", "carried_top")]
    return (f"{asked} {answer}. In {count(len(tests), 'past forecast')} the total was off by {ours} on average (as "
            f"before: {carried}), the correlation with what each customer did was {fits[0]} ({fits[1]}), and the tenth "
            f"put first brought {number(lifts[0], 1)} times as many orders as a tenth drawn by lot "
            f"({number(lifts[1], 1)} times).")


def _in(whats: list[str]) -> str:
    *first, last = (f"in {what}" for what in whats)
    return f"{', '.join(first)} and {last}" if first else last


def _clear(better: pd.Series) -> int:
    """1 where differences are above nil by Student's t, -1 where below, 0 where that is not clear."""
    better = better.dropna()
    if len(better) < FEW:
        return 0
    half = stats.t.ppf(0.975, len(better) - 1) * better.std() / math.sqrt(len(better))
    return int(np.sign(better.mean())) if abs(better.mean()) > half else 0


def _lift(tests: pd.DataFrame, column: str) -> float:
    """The share of orders from the tenth that is put first, over what a tenth drawn at random would bring."""
    return tests[column].mean() / (np.ceil(tests["customers"] / 10) / tests["customers"]).mean()


def heavy_sentence(heaviest: Finding) -> str:
    """`Outlook.heaviest` in words; "" where no single customer holds that much, or where it must not be told."""
    if not heaviest.measurable:
        return ""
    return (f"{_percent(heaviest.estimate)} of the money expected comes from one customer: the total stands and falls "
            "with what that one does.")
