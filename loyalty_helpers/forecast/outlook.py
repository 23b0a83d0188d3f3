"""What each customer will bring: orders, money and lifetime value, with totals that were tried on the past."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import CALENDAR_YEAR, FEWEST
from loyalty_helpers.core.settings import UserError
from loyalty_helpers.forecast import accuracy, backtest
from loyalty_helpers.forecast.backtest import Ahead
from loyalty_helpers.forecast.bg_nbd import BgNbd, Nbd
from loyalty_helpers.forecast.purchase_days import Days, day_number, purchase_days

HEAVY = 0.25  # share of the expected money from which one customer is worth a sentence
FIGURES = ("expected_orders", "chance_to_buy", "still_customer", "usual_orders", "order_value", "expected_value",
           "lifetime_value")


@dataclass(frozen=True, kw_only=True)
class Forecast(Finding):
    """A Finding of which, without an interval, no decimals are shown: none of them would be sure."""

    @property
    def bounded(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def digits(self) -> int:
        return super().digits if self.bounded else 0


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What customers are expected to do over `days` from `as_of`, and how well such forecasts came out before.

    customers: customer_id; expected_orders and chance_to_buy over `days`, by the model of the customer's own pace (and
        not the chance that `repurchase` compares models by; where nobody visibly leaves, no higher than such silences
        ended before, see `inactivity`, and nan where too few did); still_customer, the chance not to have left
        for good (nan where nobody visibly leaves, and of those who bought once: BG/NBD lets people leave after a
        repeat order only, so of them it cannot tell); usual_orders, orders over `days` at the pace shown so far, if
        surely still a customer; order_value, money per order after refunds; expected_value = expected_orders x
        order_value x gross margin (revenue where no margin is known); lifetime_value, the same over some years,
        discounted. Orders are purchases: the models count shopping days, and each customer's orders per shopping day,
        drawn towards everybody's, make orders of them.
    model, why: "bg_nbd", "nbd", "simple" or "none", and the reason; `value_why` the same of order_value; `silence_why`
        what is made of those silent for long where nobody visibly leaves.
    total, value_total: orders and money (`money` says whether "margin" or "revenue") expected from all customers known
        today, with intervals from `backtests`.
    top_decile: share of the expected value that the best tenth holds.
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
    as_of: date
    days: int
    model: str
    why: Message
    value_why: Message | None = None
    interval_why: Message | None = None
    silence_why: Message | None = None
    money: str
    total: Finding
    value_total: Finding
    top_decile: Finding
    heaviest: Finding
    season: float = 1.0
    exponent: float = 1.0
    backtests: pd.DataFrame
    tenths: pd.DataFrame
    parameters: dict[str, float]

    @property
    def sentences(self) -> list[Message]:
        """What was done and how sure it is."""
        said = (self.why, self.silence_why, self.value_why, self.season_why, self.spread_why, self.interval_why)
        return [one for one in said if one is not None]

    @property
    def season_why(self) -> Message | None:
        change = self.season - 1
        return None if abs(change) < 0.005 else message("season-corrected", more="more" if change > 0 else "fewer",
                                                        change=Number(abs(change), "share", digits=0))

    @property
    def spread_why(self) -> Message | None:
        return None if abs(self.exponent - 1) < 0.05 else message("forecasts-drawn",
                                                                  way="apart" if self.exponent > 1 else "together")

    @property
    def to_come(self) -> Message:
        """What all of them will bring, in one sentence."""
        facts = {"span": span(self.days), "orders": self.total}
        if not self.total.measurable:
            return message("to-come-unknown", **facts)
        sure, sure_worth = ("yes" if one.bounded else "no" for one in (self.total, self.value_total))
        return message("to-come" if self.value_total.measurable else "to-come-orders", **facts, money=self.money,
                       count=round(self.total.estimate), worth=self.value_total, sure=sure, sure_worth=sure_worth)


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
    plain = backtest.forecast_at(days, end, horizon_days)
    known = {"as_of": as_of, "days": horizon_days, "model": plain.chosen.name, "why": plain.chosen.why,
             "money": "revenue" if gross_margin is None else "margin"}
    if plain.chosen.fitted is None:
        return _nothing(days, plain, currency, known)
    tests, tenths, exponent = backtest.backtests(days, end, horizon_days)
    last_year = end - backtest.YEAR_DAYS
    enough = last_year - int(days.day.min()) >= horizon_days
    seasonal = backtest.in_season(plain, backtest.forecast_at(days, last_year, horizon_days) if enough else None, days)
    ahead = backtest.drawn_apart(seasonal, exponent)
    apart = ahead.visits / np.maximum(seasonal.visits, 1e-9)
    margin = 1.0 if gross_margin is None else gross_margin
    customers = _customers(days, ahead, apart, margin).assign(
        lifetime_value=_lifetime(ahead, years, discount) * apart * ahead.visit_value * margin)
    return Outlook(
        **known, **_expected(_findings(known, currency), customers, tests, ahead, margin), customers=customers,
        value_why=ahead.value_why, interval_why=_interval_why(tests, days, end, horizon_days),
        silence_why=ahead.silence.why(span(horizon_days)) if ahead.silence else None, season=ahead.season,
        exponent=exponent, backtests=tests, tenths=tenths, parameters=_parameters(ahead.chosen.fitted))


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
        "expected_orders": ahead.visits * seen.per_day,
        "chance_to_buy": chance if ahead.silence is None else ahead.silence.shown(chance),
        "still_customer": np.where(seen.frequency > 0, still, NAN) if leaves else np.full(len(still), NAN),
        "usual_orders": np.maximum(pace * weeks, ahead.visits) * seen.per_day,
        "order_value": ahead.visit_value / seen.per_day,
        "expected_value": ahead.visits * ahead.visit_value * margin,
    })


def _lifetime(ahead: Ahead, years: int, discount: float) -> np.ndarray:
    """Expected visits of the coming `years`, each worth what it is today, quarter by quarter."""
    quarter, total, before = CALENDAR_YEAR / 4, np.zeros(len(ahead.seen.code)), np.zeros(len(ahead.seen.code))
    for k in range(1, 4 * years + 1):
        upto = backtest.visits_ahead(ahead.chosen, ahead.seen, k * quarter)
        total, before = total + (upto - before) / (1 + discount) ** ((k - 0.5) / 4), upto
    return total * ahead.kept


def _findings(known: dict, currency: str) -> dict[str, Finding]:
    """What is asked, without an answer yet."""
    facts = {"span": span(known["days"]), "money": known["money"]}
    asked = {"total": ("orders-expected", "orders"), "value_total": ("money-expected", currency),
             "top_decile": ("best-tenth-expected", "share"), "heaviest": ("heaviest-expected", "share")}
    return {name: Forecast(label=message(key, **facts), unit=unit, estimate=NAN, note=message("no-history-yet"))
            for name, (key, unit) in asked.items()}


def _expected(asked: dict[str, Finding], customers: pd.DataFrame, tests: pd.DataFrame, ahead: Ahead,
              margin: float) -> dict[str, Finding]:
    """What was `asked`, answered: totals as wide as the `tests` were off, and who holds how much of the money."""
    n, stretch = len(customers), math.sqrt(max(ahead.days / tests["days"].iloc[0], 1)) if len(tests) else 1.0
    expected, value = customers["expected_orders"].sum(), customers["expected_value"].sum()
    low, high = backtest.between(expected, tests, ("predicted", "actual"), stretch=stretch)
    value_low, value_high = backtest.between(
        value / margin, tests, ("value_predicted", "value_actual"), stretch=stretch,
        half=0.5 * ahead.visit_value.mean() + 1e-9, least=backtest.least_of_money(tests, stretch))
    shared = {"n": n, "note": "", "method": "rolling backtests" if len(tests) else ""}
    return {"total": replace(asked["total"], estimate=expected, low=low, high=high, **shared),
            "value_total": replace(asked["value_total"], estimate=value, low=value_low * margin,
                                   high=value_high * margin, **shared),
            "top_decile": _top(asked["top_decile"], customers["expected_value"].to_numpy(), tests),
            "heaviest": _heaviest(asked["heaviest"], customers["expected_value"].to_numpy())}


def _top(asked: Finding, value: np.ndarray, tests: pd.DataFrame) -> Finding:
    """The share of the best tenth by expected value."""
    n, size = len(value), math.ceil(len(value) / 10)
    if n < 10:
        return replace(asked, n=size, note=message("best-tenth-of-few", customers=Persons(n)))
    share = backtest.share_of(value[backtest.best_first(value)[:size]], value)
    shares = tests["value_top_predicted"], tests["value_top_actual"]
    low, high = backtest.share_between(share, tests, shares, floor=size / n)
    return replace(asked, estimate=share, low=low, high=high, n=size,
                   note="" if math.isfinite(share) else message("no-money-expected"))


def _heaviest(asked: Finding, value: np.ndarray) -> Finding:
    """The share of all value of the customer with most, where it is HEAVY or more of at least ten customers'."""
    share = backtest.share_of(value.max(), value) if len(value) >= 10 else NAN
    return replace(asked, n=1, estimate=share if share >= HEAVY else NAN, note="")


def _parameters(model: BgNbd | Nbd) -> dict[str, float]:
    """What was fitted; the simple rule has no likelihood."""
    found = {name: getattr(model, name, NAN) for name in ("r", "alpha", "a", "b", "log_likelihood")}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _nothing(days: Days, ahead: Ahead, currency: str, known: dict) -> Outlook:
    """The outlook where nobody is there to forecast for."""
    ids = days.ids.iloc[ahead.seen.code].reset_index(drop=True)
    return Outlook(
        **known, **_findings(known, currency), parameters={},
        customers=pd.DataFrame({"customer_id": ids} | {name: np.full(len(ids), NAN) for name in FIGURES}),
        backtests=pd.DataFrame(columns=list(backtest.BACKTESTS)), tenths=pd.DataFrame(columns=list(backtest.TENTHS)))


# ---------------------------------------------------------------- how sure it is
def span(days: int) -> Message:
    """A length of time: whole weeks ("13 weeks"), else days."""
    return message("span-weeks", weeks=days // 7) if days % 7 == 0 else message("span-days", days=days)


def _interval_why(tests: pd.DataFrame, days: Days, end: int, horizon: int) -> Message:
    known = end - int(days.day.min())
    if len(tests) < FEWEST.origins:
        return message("interval-untried", known=known, least=span(min(3 * horizon, 3 * backtest.SHORTEST)))
    if not backtest.tested(tests):
        return message("interval-of-few", spells=len(tests), least=int(FEWEST.orders))
    length = int(tests["days"].iloc[0])
    least, most = accuracy.missed_by(tests)
    over = tests["predicted"] - tests["actual"]
    leans = len(over) >= 3 and ((over > 0).all() or (over < 0).all())  # all missed on one side
    return message("interval-tried", forecasts=len(tests), least=least, most=most, sides=accuracy.sides(tests),
                   leans="no" if not leans else "fewer" if over.iloc[0] > 0 else "more",
                   widened="yes" if length < horizon else "no", length=span(length), horizon=span(horizon),
                   sampled="yes" if len(days.ids) > backtest.MOST_TRIED else "no", drawn=backtest.MOST_TRIED)


def heavy_sentence(heaviest: Finding) -> Message | None:
    """`Outlook.heaviest` in words; None where no single customer holds that much, or where it must not be told."""
    return message("one-customer-carries", share=Number(heaviest.estimate, "share", digits=0)
                   ) if heaviest.measurable else None


# ---------------------------------------------------------------- tables
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
    past = [_cumulated(found.tenths, name) for name in ("value_predicted", "value_actual")]
    floors = np.cumsum(np.bincount(tenth)) / len(value)
    limits = [backtest.share_between(share, found.backtests, tuple(each[place] for each in past), floor=float(floor))
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
