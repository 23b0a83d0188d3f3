"""Power: what this shop could find out, before anything is found out.

A lift d is found with 80 % power at the two-sided 5 % level where log(1 + d) is (z_.975 + z_.80) standard errors, with
the standard error of the log lift: se^2 = spread / units + floor^2. What a design needs and finds follows from these.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import ceil, inf, isfinite
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from loyalty_helpers.core.findings import NAN, Effect, Finding
from loyalty_helpers.core.messages import Message, Number, message
from loyalty_helpers.core.purchases import CALENDAR_YEAR, WEEK, YEAR, purchases, span
from loyalty_helpers.evaluation.before_after import MIN_BUYERS
from loyalty_helpers.evaluation.calibrated import LEAST_BEFORE as CALIBRATED_BEFORE
from loyalty_helpers.evaluation.panel import KNOWN_FOR, panel
from loyalty_helpers.evaluation.said import counted, joined, lift, percent, sentence, too_few
from loyalty_helpers.evaluation.till import MIN_JOINERS
from loyalty_helpers.evaluation.trends import MIN_AFTER, MIN_BEFORE
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, Frames

HOLDOUT_WEEKS, POWER, SIGNIFICANCE = 26, 0.80, 0.05
LIFTS = (0.1, 0.2, 0.3)
MIN_TRIALS = 30  # orders of known customers from which the spread of what follows is learnt
# The standard error at the till in simulated shops: TILL_FACTOR times what the spread of single buyers' orders gives,
# and an error of the method that more joiners do not lessen; the cross-check's is wider by CROSS_CHECK.
TILL_FACTOR, TILL_FLOOR, CROSS_CHECK = 1.25, 0.02, 1.9
Z = stats.norm.ppf(1 - SIGNIFICANCE / 2) + stats.norm.ppf(POWER)
COLUMNS = ["rung", "design", "customers", "weeks", "smallest_lift", *[f"needed_for_{lift * 100:.0f}" for lift in LIFTS],
           "needed_unit", "time_to_answer_weeks_for_20", "note"]
# designs by their keys in the catalogue (design-...); "cuped": with earlier orders taken into account
TREND, TILL = "trend", "till"
HOLDOUTS = {"half": 0.5, "tenth": 0.1}


class Traffic(NamedTuple):
    """What a holdout would rest on: customers with an order in the last 52 weeks, and their orders in 26 weeks."""

    customers: int
    mean: float
    variance: float
    left: float  # share of the variance that each customer's orders in the weeks before do not explain
    newcomers: float  # first orders a week


def power_holdout(orders: pd.DataFrame) -> pd.DataFrame:
    """What a random holdout of 26 weeks could tell in this shop: one row for half and one for a tenth held out.

    holdout, weeks, customers (with an order in the last 52 weeks), mean of their orders in that time, the variance
    that earlier orders leave open (`randomised` adjusts for them), smallest_lift (found with 80 % power, two-sided 5 %,
    in normal approximation of the log), and the customers needed in all for +10, +20 and +30 %. Mean and variance are
    those of the last 26 weeks of the data, over customers with an order in the year before; where the data reach back
    less than 52 weeks, their second half serves, scaled up as a mixed Poisson count (variance = mean + c mean^2). Empty
    without two weeks and ten customers.
    """
    columns = ["holdout", "weeks", "customers", "mean", "variance", "smallest_lift", "customers_for_10",
               "customers_for_20", "customers_for_30"]
    traffic, rows = _traffic(orders), []
    for share in (0.5, 0.1) if traffic else ():
        unit = Z * np.sqrt(traffic.left * _holdout_spread(traffic, share))  # log of 1 + lift, times root of customers
        needed = [ceil((unit / np.log1p(lift)) ** 2) for lift in LIFTS]
        rows.append([share, HOLDOUT_WEEKS, traffic.customers, traffic.mean, traffic.left * traffic.variance,
                     np.expm1(unit / np.sqrt(traffic.customers)), *needed])
    return pd.DataFrame(rows, columns=columns)


def _traffic(orders: pd.DataFrame) -> Traffic | None:
    bought = purchases(orders, known=True)
    if bought.empty:
        return None
    end, at = span(orders).end, bought["ordered_at"]
    seen = min(HOLDOUT_WEEKS, (end - at.min().normalize()) // WEEK // 2)
    start = end - seen * WEEK
    base = bought.loc[(at < start) & (at >= start - YEAR), "customer_id"].unique()
    counts, earlier = (bought.loc[during, "customer_id"].value_counts().reindex(base, fill_value=0).to_numpy(float)
                       for during in (at >= start, (at < start) & (at >= start - seen * WEEK)))
    if seen < 1 or len(base) < MIN_BUYERS or counts.sum() == 0:
        return None
    mean, variance = counts.mean(), counts.var(ddof=1)
    excess, longer = max(0.0, (variance - mean) / mean**2), HOLDOUT_WEEKS / seen
    if longer > 1:
        mean, variance = mean * longer, mean * longer + excess * (mean * longer) ** 2
    return Traffic(
        customers=bought.loc[at >= end - YEAR, "customer_id"].nunique(), mean=mean, variance=variance,
        left=_unexplained(earlier, counts),
        newcomers=float((bought.groupby("customer_id")["ordered_at"].min() >= start).sum() / seen))


def _unexplained(earlier: np.ndarray, counts: np.ndarray) -> float:
    """1 - R^2 of orders on earlier orders, adjusted for having been fitted: what CUPED leaves of the variance."""
    if np.ptp(earlier) == 0 or np.ptp(counts) == 0:
        return 1.0
    left = 1 - np.corrcoef(earlier, counts)[0, 1] ** 2
    return float(min(1.0, left * (len(counts) - 1) / (len(counts) - 2)))


def _holdout_spread(traffic: Traffic, share: float) -> float:
    return traffic.variance / traffic.mean**2 * (1 / share + 1 / (1 - share))


# ---------------------------------------------------------------- every rung
def power_table(frames: Frames, *, launched_on: date | None, effects: Sequence[Effect] = (),
                usable_joiners: int | None = 0, retention: Finding | None = None) -> pd.DataFrame:
    """Can this shop know? One row per design, from the numbers of the shop alone: no estimate of a lift is looked at.

    rung; design (a key); customers it rests on (joiners at the till); weeks it takes or has seen; smallest_lift (80 %
    power, two-sided 5 %, by the log of the lift); needed_for_10, _20, _30 in all, in `needed_unit`; weeks until +20 %
    would be found at current traffic (inf: not in sight); note. nan where it cannot be said, and the note says why.
    Empty without orders.

    Of `effects` (rungs 2 to 4, outcome orders) only the width of the interval and the numbers of customers are used.
    Without an interval at the till the plan is
    se^2 = 1.25^2 v / (m^2 joiners) + 0.02^2, where m and v are mean and variance of the orders in the 13 weeks after an
    order of a known customer, learnt before the launch. In simulated shops of 1,000 and 5,000 customers the factor that
    the estimator needs is 1.05 to 1.4, and 1.65 where most buyers join, so that few are left to compare with.
    `usable_joiners` is None where joining cannot be compared at all. Before a launch (`launched_on`
    None, or later than the data) the plan is made as if the program began at the end of the data. `retention` is the
    rate of the period before, with its n.
    A holdout goes on for 26 weeks with each customer, and draws the newcomers by lot as well.
    """
    orders = frames["orders"]
    if orders.empty:
        return pd.DataFrame(columns=COLUMNS)
    measured = {effect.rung: effect for effect in reversed(effects)
                if effect.outcome == "orders" and effect.rung >= 2 and isfinite(standard_error(effect))}
    trend = next((effect for effect in effects if effect.rung == 2 and effect.outcome == "orders"), None)
    traffic = _traffic(orders)
    rows = [
        _retention_row(retention),
        _trend_row(orders, measured.get(2), trend.note if trend else None),
        _till_row(frames, launched_on, measured.get(3), usable_joiners),
        *_holdout_rows(traffic),
    ]
    if 4 in measured:
        effect, newcomers = measured[4], traffic.newcomers if traffic else 0.0
        n = effect.n_treated + effect.n_comparison
        rows.append(_row(4, "drawn", n, NAN, spread=standard_error(effect) ** 2 * n, pace=newcomers,
                         note=message("power-read-off")))
    return pd.DataFrame(rows, columns=COLUMNS)


def standard_error(effect: Effect) -> float:
    """Of log(1 + lift), read off the interval; nan without one."""
    if not effect.low > -1 or not effect.low < effect.high < inf:
        return NAN
    return (np.log1p(effect.high) - np.log1p(effect.low)) / (2 * stats.norm.ppf(0.5 + effect.confidence / 2))


def _row(rung: int, design: str, n: float, weeks: float, *, spread: float, pace: float, floor: float = 0.0,
         least: int = 0, wait: float = 0.0, unit: str = "customers", note: Message | str = "") -> list:
    """A row from se^2 = spread / n + floor^2; `pace` units come each week, and an answer takes `wait` more weeks."""
    needed = [max(least, ceil(spread / ((np.log1p(lift) / Z) ** 2 - floor**2))) if isfinite(spread) else NAN
              for lift in LIFTS]
    missing = max(0.0, needed[1] - n)
    time = wait if missing == 0 else wait + missing / pace if pace > 0 and isfinite(missing) else inf
    smallest = float(np.expm1(Z * np.sqrt(spread / n + floor**2))) if n > 0 else NAN
    return [rung, design, n, weeks, smallest, *needed, unit, time, note]


def _cannot(rung: int, design: str, n: float, note: Message, unit: str = "customers") -> list:
    return [rung, design, n, NAN, NAN, NAN, NAN, NAN, unit, inf, note]


def _retention_row(retention: Finding | None) -> list:
    design, whatever = "retention", message("power-whatever")
    if retention is None or not retention.measurable or not 0 < retention.estimate < 1 or retention.n < 1:
        return _cannot(1, design, 0, joined([message("power-no-retention"), whatever]))
    was, n, all_stay = retention.estimate, retention.n, 1 - 1e-9
    found, note = NAN, message("power-few-to-stay")
    if _retention_size(was, all_stay) <= n:
        found = brentq(lambda now: _retention_size(was, now) - n, was + 1e-9, all_stay)
        note = message("power-retention", before=percent(was), after=percent(found))
    needed = [_customers_for_retention(was, was * (1 + lift)) for lift in LIFTS]
    time = 0.0 if needed[1] <= n else inf
    return [1, design, n, NAN, found / was - 1, *needed, "customers", time, joined([note, whatever])]


def _trend_row(orders: pd.DataFrame, effect: Effect | None, why_not: Message | None) -> list:
    customers = orders["customer_id"].nunique()
    if effect is None:
        return _cannot(2, TREND, customers, sentence(why_not or message("power-no-trend")), "weeks")
    smallest = float(np.expm1(Z * standard_error(effect)))
    needed = [MIN_AFTER if smallest <= lift else inf for lift in LIFTS]
    return [2, TREND, customers, effect.n_treated, smallest, *needed, "weeks", 0.0 if smallest <= LIFTS[1] else inf,
            message("power-trend")]


def _till_row(frames: Frames, launched_on: date | None, effect: Effect | None, usable: int | None) -> list:
    if usable is None:
        return _cannot(3, TILL, 0, message("power-nobody"), "joiners")
    end = span(frames["orders"]).end
    launch = end if launched_on is None else min(pd.Timestamp(launched_on), end)
    since = (end - launch) // WEEK
    before, relative = _at_the_till(frames["orders"], launch)
    pace = usable / (since - FOLLOW_UP) if since > FOLLOW_UP else 0.0
    few = message("power-few-joiners", least=MIN_JOINERS) if usable < MIN_JOINERS else None
    if effect is not None and effect.n_treated > 0:
        spread = max(standard_error(effect) ** 2 - TILL_FLOOR**2, 0.0) * effect.n_treated
        return _row(3, TILL, effect.n_treated, since, spread=spread, floor=TILL_FLOOR, least=MIN_JOINERS, pace=pace,
                    unit="joiners", note=joined([message("power-read-off"), few]))
    if before < MIN_BEFORE or not isfinite(relative):
        why_not = (message("power-short", what=too_few(before, "week-before", CALIBRATED_BEFORE))
                   if before < MIN_BEFORE else message("power-few-back"))
        return _cannot(3, TILL, usable, why_not, "joiners")
    cross = message("power-cross-check", weeks=before, needed=CALIBRATED_BEFORE) if before < CALIBRATED_BEFORE else None
    factor = TILL_FACTOR * (1 if before >= CALIBRATED_BEFORE else CROSS_CHECK)
    return _row(3, TILL, usable, since, spread=factor**2 * relative, floor=TILL_FLOOR, least=MIN_JOINERS, pace=pace,
                unit="joiners", note=joined([message("power-planned"), few, cross]))


def _at_the_till(orders: pd.DataFrame, launch: pd.Timestamp) -> tuple[int, float]:
    """Whole weeks before the launch, and variance over squared mean of the orders in the 13 weeks after an order."""
    seen = panel(orders, None, launched_on=launch)
    since = seen.week - seen.first[seen.customer]
    at = (seen.orders > 0) & (since >= KNOWN_FOR) & (seen.week + FOLLOW_UP < seen.launch)
    after = seen.total(seen.customer[at], seen.week[at] + 1, seen.week[at] + 1 + FOLLOW_UP)
    usable = len(after) >= MIN_TRIALS and after.sum() > 0
    return max(seen.launch, 0), float(after.var(ddof=1) / after.mean() ** 2) if usable else NAN


def _holdout_rows(traffic: Traffic | None) -> list[list]:
    if traffic is None:
        return [_cannot(4, _holdout(size), 0, message("power-few-back")) for size in HOLDOUTS]
    lot = message("power-lot", pace=Number(traffic.newcomers, digits=1))
    explained = message("power-explained", share=percent(1 - traffic.left))
    return [_row(4, _holdout(size, cuped=left < 1), traffic.customers, HOLDOUT_WEEKS,
                 spread=left * _holdout_spread(traffic, held), pace=traffic.newcomers, wait=HOLDOUT_WEEKS,
                 note=joined([lot, explained]) if left < 1 else lot)
            for size, held in HOLDOUTS.items() for left in dict.fromkeys((1.0, traffic.left))]


def _holdout(size: str, *, cuped: bool = False) -> str:
    """The key of a holdout's design."""
    return f"holdout-{size}-cuped" if cuped else f"holdout-{size}"


# ---------------------------------------------------------------- retention
def _customers_for_retention(before: float, after: float) -> float:
    """Customers per wave that a change of retention from one share to another takes: 80 % power, two-sided 5 %.

    The test of two proportions with its variance pooled under no change (Fleiss, Levin & Paik 2003, Statistical
    Methods for Rates and Proportions, eq. 4.14, without continuity correction). inf for no change, nan for shares
    outside 0 to 1.
    """
    size = _retention_size(before, after)
    return ceil(size) if isfinite(size) else size


def _retention_size(before: float, after: float) -> float:
    if not (0 <= before <= 1 and 0 <= after <= 1):
        return NAN
    if before == after:
        return inf
    mean, alone = (before + after) / 2, before * (1 - before) + after * (1 - after)
    z_alpha, z_beta = stats.norm.ppf([1 - SIGNIFICANCE / 2, POWER])
    return float((z_alpha * np.sqrt(2 * mean * (1 - mean)) + z_beta * np.sqrt(alone)) ** 2 / (before - after) ** 2)


# ---------------------------------------------------------------- what it says
def can_know_sentence(table: pd.DataFrame) -> Message:
    """What `power_table` says, for an owner: at the till, by a holdout of half, by the trend."""
    rows = {row["design"]: row for row in table.to_dict("records")}
    return joined(tell(rows) for tell in (_till_told, _holdout_told, _trend_told)) or message("can-know-nothing")


def _till_told(rows: dict[str, dict]) -> Message | None:
    row = rows.get(TILL)
    if row is None or not isfinite(row["needed_for_20"]):
        return None
    have, weeks = row["customers"], row["time_to_answer_weeks_for_20"]
    waits = message("can-know-pace", time=_long(weeks)) if isfinite(weeks) else ""
    takes = [message("can-know-takes", lift=lift(found), needed=rounded_up(needed), waits=waits if found == 0.2 else "")
             for found in (0.2, 0.1) if (needed := row[f"needed_for_{found * 100:.0f}"]) > have]
    more = joined(takes, parted_by="semicolon")
    said = (message("can-know-few", members=counted(have, "member"), least=MIN_JOINERS) if have < MIN_JOINERS else
            message("can-know-till", members=counted(have, "member"), weeks=counted(row["weeks"], "week"),
                    lift=lift(row["smallest_lift"])))
    return joined([said, sentence(more) if more else None])


def _holdout_told(rows: dict[str, dict]) -> Message | None:
    plain, adjusted = (rows.get(_holdout("half", cuped=cuped)) for cuped in (False, True))
    if plain is None or not isfinite(plain["smallest_lift"]):
        return None
    return message("can-know-holdout", customers=counted(plain["customers"], "customer"), weeks=HOLDOUT_WEEKS,
                   lift=lift(plain["smallest_lift"]), better="yes" if adjusted else "no",
                   adjusted=lift(adjusted["smallest_lift"]) if adjusted else "")


def _trend_told(rows: dict[str, dict]) -> Message | None:
    row = rows.get(TREND)
    if row is None or not isfinite(row["smallest_lift"]):
        return None
    return message("can-know-trend", lift=lift(row["smallest_lift"]))


def rounded_up(n: float) -> int:
    """To two digits: more cannot be promised."""
    step = 10 ** max(len(str(int(n))) - 2, 0)
    return ceil(n / step) * step


def _long(weeks: float) -> Message:
    months = ceil(weeks / (CALENDAR_YEAR / 7 / 12))
    return (counted(ceil(weeks), "week") if weeks < 9 else counted(months, "month") if months <= 60 else
            message("over-five-years"))
