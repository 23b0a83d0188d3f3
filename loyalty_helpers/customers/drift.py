"""Drift: what has become of the scores since the last report, and of the forecast that it made.

Each run keeps its scores in the client's private folder, one small file per end of the data. The next run with later
data compares: who came and went, who changed segment, whether the orders came that were expected, and how many of those
at the head of the last list have ordered since. The same data again compare with the same earlier file, so nothing
moves by running twice.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from loyalty_helpers.core import store
from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.intervals import Ratio, Share
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import DAY, FEWEST, purchases
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers import actions

KEPT = 6  # files of scores: with a report a quarter, one and a half years
COLUMNS = ("customer_id", "segment", "score", "expected_orders", "chance_to_buy", "horizon_days")
MISSES = ("miss_low", "miss_high")  # the forecast's interval, for each order expected
LISTED = "first_calls"  # kept where there was a list; files of before have no such column
SHORTEST = 14  # days after which a forecast is held against what came
CONFIDENCE = 0.95


# ---------------------------------------------------------------- the files
def scores(assigned: pd.DataFrame, forecast: pd.DataFrame, *, horizon_days: int,
           total: Finding | None = None, listed: pd.DataFrame | None = None) -> pd.DataFrame:
    """COLUMNS, one row per scored customer, sorted: from `assigned` (customer_id, segment, score) and `forecast`
    (customer_id, expected_orders, chance_to_buy over `horizon_days`). Whoever opted out is among them: the scores are
    of all, only lists of whom to call are not. With the `total` of the forecast, MISSES hold the ends of its interval
    for each order expected; with the action list (`listed`), LISTED says who heads it."""
    both = assigned[["customer_id", "segment", "score"]].merge(
        forecast[["customer_id", "expected_orders", "chance_to_buy"]], on="customer_id", how="left")
    both = both.assign(horizon_days=horizon_days).sort_values("customer_id", ignore_index=True)
    if total is not None:
        ends = (total.low, total.high) if total.estimate > 0 else (NAN, NAN)
        both = both.assign(**{name: end / total.estimate for name, end in zip(MISSES, ends, strict=True)})
    if listed is None:
        return both
    return both.assign(**{LISTED: both["customer_id"].isin(actions.first(listed)["customer_id"])})


def keep(now: pd.DataFrame, shop: Client, *, as_of: date) -> None:
    """Keep the scores of this run (as from `scores`) as private/scores/<as_of>.parquet, by pseudonym, and of the files
    there the last KEPT."""
    content = io.BytesIO()
    now[[*COLUMNS, *(name for name in (*MISSES, LISTED) if name in now)]].to_parquet(content, index=False)
    store.keep_private(shop, f"scores/{as_of.isoformat()}.parquet", content.getvalue())
    for _, path in _files(shop)[:-KEPT]:
        path.unlink(missing_ok=True)


def last(shop: Client, *, as_of: date) -> tuple[date, pd.DataFrame] | None:
    """The latest scores kept of an earlier `as_of`, with that day; None where there are none that can be read."""
    for day, path in reversed(_files(shop)):
        if day < as_of:
            try:
                frame = pd.read_parquet(path)
            except (OSError, ValueError):  # damaged, or of another make: as good as none
                continue
            if _sound(frame):
                return day, frame
    return None


def _sound(frame: pd.DataFrame) -> bool:
    """Whether these are scores as `keep` writes them: each customer once, and finite numbers where numbers stand."""
    if not set(COLUMNS) <= set(frame.columns) or frame.empty:
        return False
    numbers = [name for name in (*COLUMNS[2:], *MISSES) if name in frame]
    return (all(pd.api.types.is_numeric_dtype(frame[name]) and not np.isinf(frame[name]).any() for name in numbers)
            and pd.api.types.is_string_dtype(frame["customer_id"]) and frame["customer_id"].is_unique
            and bool(frame["score"].notna().all()) and bool(frame["horizon_days"].ge(1).all()))


def _files(shop: Client) -> list[tuple[date, Path]]:
    """The files of scores with their days, in order of time; others in that folder are none of ours."""
    found = []
    for path in (shop.private / "scores").glob("*.parquet"):
        try:
            found.append((date.fromisoformat(path.stem), path))
        except ValueError:
            continue
    return sorted(found)


# ---------------------------------------------------------------- the comparison
@dataclass(frozen=True, kw_only=True)
class Drift:
    """What has changed since the last run, which knew the orders before the day `since`; where nothing can be compared,
    `why`.

    `both`, `new` and `gone` count customers of both runs, of this one alone and of the last one alone. `changed`: the
    share of `both` who changed segment; `forecast`, `counted`: see `came_true`; `listed`: see `listed_since`. `over`:
    whether the horizon of that forecast is.
    """

    why: Message | None = None
    since: date | None = None
    both: int = 0
    new: int = 0
    gone: int = 0
    changed: Finding | None = None
    forecast: Finding | None = None
    counted: Message | None = None
    listed: Message | None = None
    over: bool = False

    @property
    def sentences(self) -> list[Message]:
        """What has changed; of persons, counts only."""
        if self.why is not None:
            return [self.why]
        moved = message("since-last", upto=self.since - DAY, both=Persons(self.both), new=Persons(self.new),
                        gone=Persons(self.gone), changed=self.changed, told="yes" if self.changed.measurable else "no")
        return [moved, *(one for one in (self.counted, self.listed) if one is not None)]

    @property
    def headline(self) -> Message | None:
        """In one sentence whether the last forecast came true; None where that cannot be said."""
        one = self.forecast
        if one is None or not one.measurable:
            return None
        if not (math.isfinite(one.low) and math.isfinite(one.high)):
            return self.counted
        low, share, high = (Number(100 * value, "orders", digits=0) for value in (one.low, one.estimate, one.high))
        verdict = "held" if one.low <= 1 <= one.high else "too-high" if one.high < 1 else "too-low"
        return message("forecast-held", over="yes" if self.over else "no", upto=self.since - DAY, verdict=verdict,
                       share=share, low=low, high=high)


def since_last(now: pd.DataFrame, orders: pd.DataFrame, shop: Client, *, as_of: date) -> Drift:
    """This run's scores (as from `scores`) against those of the last run with earlier data. `orders` canonical."""
    found = last(shop, as_of=as_of)
    return Drift(why=message("no-earlier-scores")) if found is None else compare(found[1], now, orders,
                                                                                 days=(found[0], as_of))


def compare(before: pd.DataFrame, now: pd.DataFrame, orders: pd.DataFrame, *, days: tuple[date, date]) -> Drift:
    """`before` (COLUMNS) against `now`, at the two `days` (each the day after the last order that the run knew)."""
    both = before.merge(now[["customer_id", "segment"]], on="customer_id", suffixes=("_before", ""))
    facts = {"upto": days[0] - DAY, "both": Persons(len(both))}
    if both.empty and len(before) and len(now):
        return Drift(since=days[0], why=message("none-known-again", **facts))
    if len(both) < FEWEST.units:
        return Drift(since=days[0], why=message("few-known-again", **facts))
    hits = int((both["segment_before"] != both["segment"]).sum())
    share, low, high, _, method = Share(hits, len(both)).level(CONFIDENCE)
    forecast, counted = came_true(before, orders, days=days)
    return Drift(
        since=days[0], both=len(both), new=len(now) - len(both), gone=len(before) - len(both), forecast=forecast,
        counted=counted, listed=listed_since(before, orders, days=days),
        changed=Finding(label=message("changed-segment"), unit="share", estimate=share, low=low, high=high,
                        n=len(both), method=method),
        over=(days[1] - days[0]).days >= int(before["horizon_days"].iloc[0]))


# ---------------------------------------------------------------- how the forecast came true
def came_true(before: pd.DataFrame, orders: pd.DataFrame, *, days: tuple[date, date]) -> tuple[Finding, Message]:
    """Orders that came for each one expected, by the forecast of the last run, and the two numbers in words.

    Counted are purchases, as in the forecast, of the customers known then, from the first of `days` up to
    the second, but not beyond the horizon of that forecast. Where less time has passed, the expected orders are taken
    in proportion to it, which is a little too few, because customers leave as time goes on. Interval: as wide as that
    of the forecast itself, which was made of its misses in the past (stretched where less time has passed), or as a
    bootstrap by customer where that is wider: the bootstrap alone knows nothing of seasons, and called half of the
    forecasts false that were none. None where the forecast had none. Nothing is said before SHORTEST days.
    """
    since, horizon = days[0], int(before["horizon_days"].iloc[0])
    elapsed = min((days[1] - since).days, horizon)
    known = before.dropna(subset=["expected_orders"]).set_index("customer_id")["expected_orders"] * elapsed / horizon
    asked = Finding(label=message("came-for-each-expected"), unit="orders", estimate=NAN)
    if not known.sum() > 0:
        return asked, message("forecast-none")
    if elapsed < SHORTEST:
        return asked, message("forecast-too-new", days=elapsed, least=SHORTEST)
    actual = _orders_between(orders, since, since + elapsed * DAY).reindex(known.index, fill_value=0)
    ratio = Ratio(actual, known, least=0.0).level(CONFIDENCE)
    low_miss, high_miss = _misses(before, math.sqrt(horizon / elapsed))
    low = float(np.minimum(ratio.low, ratio.estimate / high_miss))  # nan where the forecast had no interval
    high = float(np.maximum(ratio.high, ratio.estimate / low_miss))
    found = replace(asked, estimate=ratio.estimate, low=low, high=high, n=len(known), method="backtests, bootstrap")
    return found, message("forecast-counted", days=elapsed, horizon=horizon, customers=Persons(len(known)),
                          part="no" if elapsed == horizon else "yes", expected=round(known.sum()),
                          actual=int(actual.sum()))


def _misses(before: pd.DataFrame, stretch: float) -> tuple[float, float]:
    """The ends of the last forecast's interval for each order it expected, nan where it had none."""
    if not set(MISSES) <= set(before.columns):
        return NAN, NAN
    low, high = (max(float(before[name].iloc[0]), 1e-6) for name in MISSES)
    return low**stretch, high**stretch


def listed_since(before: pd.DataFrame, orders: pd.DataFrame, *, days: tuple[date, date]) -> Message | None:
    """How many of those who headed the last list have ordered since; None where nobody did, or no list was kept."""
    if LISTED not in before or not before[LISTED].any():
        return None
    first = before.loc[before[LISTED].astype(bool), "customer_id"]
    again = int(first.isin(_orders_between(orders, *days).index).sum())
    return message("listed-since", again=Persons(again, of=len(first)), customers=Persons(len(first)))


def _orders_between(orders: pd.DataFrame, start: date, end: date) -> pd.Series:
    """customer_id -> purchases from `start` up to `end`."""
    bought = purchases(orders, known=True)
    bought = bought[bought["ordered_at"].ge(pd.Timestamp(start)) & bought["ordered_at"].lt(pd.Timestamp(end))]
    return bought.groupby("customer_id").size()
