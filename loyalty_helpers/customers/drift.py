"""Drift: what has become of the scores since the last report, and of the forecast that it made.

Each run keeps its scores in the client's private folder, one small file per end of the data. The next run with later
data compares: whether customers kept their places, whether the scores as a whole have moved, whether the orders came
that were expected, and how many of those at the head of the last list have ordered since. The same data again compare
with the same earlier file, so nothing moves by running twice.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core import store
from loyalty_helpers.core.findings import NAN, Finding, count, number
from loyalty_helpers.core.intervals import Ratio, Share
from loyalty_helpers.core.purchases import FEWEST, purchases
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers import actions

KEPT = 6  # files of scores: with a report a quarter, one and a half years
COLUMNS = ("customer_id", "segment", "score", "expected_orders", "chance_to_buy", "horizon_days")
MISSES = ("miss_low", "miss_high")  # the forecast's interval, for each order expected
LISTED = "first_calls"  # kept where there was a list; files of before have no such column
SHORTEST = 14  # days after which a forecast is held against what came
BINS = 10
# the usual reading of the population stability index (Siddiqi 2006, Credit Risk Scorecards, ch. 9)
READINGS = ((0.1, "hardly moved"), (0.25, "moved somewhat"), (math.inf, "moved a lot"))
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
    """What has changed since the last run. Without one, or where nothing can be compared, `why` says so and the rest is
    empty.

    `findings`: the rank correlation of scores, the share who changed segment, and the orders that came for each one
    expected. `sentences` put the rest in words, all with counts only. `headline`: in one sentence whether the last
    forecast came true, "" where that cannot be said.
    """

    why: str = ""
    since: date | None = None
    findings: tuple[Finding, ...] = ()
    sentences: tuple[str, ...] = ()
    headline: str = ""
    stability_index: float = NAN


def since_last(now: pd.DataFrame, orders: pd.DataFrame, shop: Client, *, as_of: date) -> Drift:
    """This run's scores (as from `scores`) against those of the last run with earlier data. `orders` canonical."""
    found = last(shop, as_of=as_of)
    if found is None:
        return Drift(why="No scores of an earlier report are kept: what has changed will be said by the next one with "
                         "later orders.")
    return compare(found[1], now, orders, days=(found[0], as_of))


def compare(before: pd.DataFrame, now: pd.DataFrame, orders: pd.DataFrame, *, days: tuple[date, date]) -> Drift:
    """`before` (COLUMNS) against `now`, at the two `days` (each the day after the last order that the run knew)."""
    since = days[0]
    both = before.merge(now[["customer_id", "segment", "score"]], on="customer_id", suffixes=("_before", ""))
    when = f"{(since - timedelta(days=1)).day} {since - timedelta(days=1):%B %Y}"
    if both.empty and len(before) and len(now):
        return Drift(since=since, why=f"The last report (orders up to {when}) knew none of these customers: the key of "
                     "the pseudonyms, or the customers' ids in the exports, have changed since. Nothing is compared.")
    if len(both) < FEWEST.units:
        return Drift(since=since, why=f"The last report (orders up to {when}) and this one share "
                     f"{count(len(both), 'customer')}: too few to compare.")
    index = stability_index(before["score"], now["score"])
    came = (f"Since the last report (orders up to {when}) {count(len(now) - len(both), 'customer')} came new and "
            f"{count(len(before) - len(both), 'customer')} are no longer in the data; "
            f"{count(len(both), 'customer')} can be compared.")
    moved = _moved(index, len(before), len(now))
    forecast, said = came_true(before, orders, days=days)
    over = (days[1] - since).days >= int(before["horizon_days"].iloc[0])
    sentences = (came, moved, said, listed_since(before, orders, days=days))
    return Drift(since=since, stability_index=index, sentences=tuple(filter(None, sentences)),
                 headline=_headline(forecast, said, when, over=over),
                 findings=(_same_order(both), _changed_segment(both), forecast))


def _headline(forecast: Finding, said: str, when: str, *, over: bool) -> str:
    """The forecast of the last report (orders up to `when`), whose horizon may be `over`, in one sentence."""
    if not forecast.measurable:
        return ""
    if not (math.isfinite(forecast.low) and math.isfinite(forecast.high)):
        return said
    how = ("held: as many orders came as it expected, give or take chance" if forecast.low <= 1 <= forecast.high else
           "was too high: fewer orders came than it expected" if forecast.high < 1 else
           "was too low: more orders came than it expected")
    low, high = (number(100 * limit) for limit in (forecast.low, forecast.high))
    return (f"{'The' if over else 'So far the'} forecast of the last report (orders up to {when}) {how} "
            f"({number(100 * forecast.estimate)} for each 100, 95 % interval {low} to {high}).")


def _same_order(both: pd.DataFrame) -> Finding:
    """Spearman's rank correlation of the two scores; interval by Fisher's z with the standard error of Bonett and
    Wright (2000), which holds for ranks."""
    label, n = "rank correlation of the loyalty scores with those of the last report", len(both)
    if both["score_before"].nunique() < 2 or both["score"].nunique() < 2:
        return Finding(label=label, unit="scale points", estimate=NAN, n=n, note="all customers have the same score")
    rho = float(stats.spearmanr(both["score_before"], both["score"]).statistic)
    z = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    half = stats.norm.ppf(0.5 + CONFIDENCE / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return Finding(label=label, unit="scale points", estimate=rho, low=float(np.tanh(z - half)),
                   high=float(np.tanh(z + half)), n=n, method="Fisher's z")


def _changed_segment(both: pd.DataFrame) -> Finding:
    hits = int((both["segment_before"] != both["segment"]).sum())
    share, low, high, _, method = Share(hits, len(both)).level(CONFIDENCE)
    return Finding(label="customers of both reports who changed their segment", unit="share", estimate=share, low=low,
                   high=high, n=len(both), method=method)


def stability_index(before: pd.Series, now: pd.Series) -> float:
    """The population stability index of a score: sum of (q - p) ln(q / p) over BINS groups, which are tenths of
    `before` (p and q the shares then and now). Half a customer is added to each group, so that none is empty. 0 where
    nothing moved."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    p, q = ((np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1) + 0.5)
            for scores in (before.to_numpy(), now.to_numpy()))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _moved(index: float, n_before: int, n_now: int) -> str:
    """The index in words. What two samples of one and the same population show by chance follows a chi-square times
    (1/n + 1/m) (Yurdakul 2018); up to its 95 % point nothing is said to have moved."""
    chance = stats.chi2.ppf(CONFIDENCE, BINS - 1) * (1 / n_before + 1 / n_now)
    name = f"(population stability index {number(index, 2)}"
    if index <= chance:
        return (f"As a whole the scores lie as they did last time, give or take chance {name}; up to "
                f"{number(chance, 2)} may be chance with so many customers).")
    return (f"As a whole the scores have {_reading(index)} since last time, more than chance would explain {name}; "
            "below 0.10 is read as hardly, above 0.25 as a lot).")


def _reading(index: float) -> str:
    return next(words for bar, words in READINGS if index < bar)


# ---------------------------------------------------------------- how the forecast came true
def came_true(before: pd.DataFrame, orders: pd.DataFrame, *, days: tuple[date, date]) -> tuple[Finding, str]:
    """Orders that came for each one expected, by the forecast of the last run, and the same in words.

    Counted are purchases, as in the forecast, of the customers known then, from the first of `days` up to
    the second, but not beyond the horizon of that forecast. Where less time has passed, the expected orders are taken
    in proportion to it, which is a little too few, because customers leave as time goes on. Interval: as wide as that
    of the forecast itself, which was made of its misses in the past (stretched where less time has passed), or as a
    bootstrap by customer where that is wider: the bootstrap alone knows nothing of seasons, and called half of the
    forecasts false that were none. None where the forecast had none. Nothing is said before SHORTEST days.
    """
    label, since = "orders that came for each one expected by the last report", days[0]
    horizon = int(before["horizon_days"].iloc[0])
    elapsed = min((days[1] - since).days, horizon)
    known = before.dropna(subset=["expected_orders"]).set_index("customer_id")["expected_orders"] * elapsed / horizon
    nothing = ("that report made no forecast" if not known.sum() > 0 else
               f"{count(elapsed, 'day')} of orders have come since, and it takes {SHORTEST}" if elapsed < SHORTEST
               else "")
    if nothing:
        finding = Finding(label=label, unit="orders", estimate=NAN, note=nothing)
        return finding, f"Whether the last forecast came true cannot be said: {nothing}."
    actual = _orders_between(orders, since, since + timedelta(days=elapsed)).reindex(known.index, fill_value=0)
    ratio = Ratio(actual, known, least=0.0).level(CONFIDENCE)
    low_miss, high_miss = _misses(before, math.sqrt(horizon / elapsed))
    low = float(np.minimum(ratio.low, ratio.estimate / high_miss))  # nan where the forecast had no interval
    high = float(np.maximum(ratio.high, ratio.estimate / low_miss))
    finding = Finding(label=label, unit="orders", estimate=ratio.estimate, low=low, high=high, n=len(known),
                      method="the forecast's own interval, or a bootstrap by customer where that is wider")
    spell = count(elapsed, "day")
    part = "" if elapsed == horizon else f" (its {count(horizon, 'day')}, in proportion)"
    verdict = ("" if not (math.isfinite(low) and math.isfinite(high)) else
               " That is as many as expected, give or take chance." if low <= 1 <= high else
               " That is fewer than expected." if high < 1 else " That is more than expected.")
    return finding, (f"In the {spell} after it, the last report expected {number(known.sum())} orders of "
                     f"{count(len(known), 'customer')}{part}; {number(actual.sum())} came.{verdict}")


def _misses(before: pd.DataFrame, stretch: float) -> tuple[float, float]:
    """The ends of the last forecast's interval for each order it expected, nan where it had none."""
    if not set(MISSES) <= set(before.columns):
        return NAN, NAN
    low, high = (max(float(before[name].iloc[0]), 1e-6) for name in MISSES)
    return low**stretch, high**stretch


def listed_since(before: pd.DataFrame, orders: pd.DataFrame, *, days: tuple[date, date]) -> str:
    """How many of those who headed the last list have ordered since; "" where nobody did, or no list was kept."""
    if LISTED not in before or not before[LISTED].any():
        return ""
    first = before.loc[before[LISTED].astype(bool), "customer_id"]
    again = int(first.isin(_orders_between(orders, *days).index).sum())
    have = "has" if again == 1 else "have"
    return (f"Of those first on the last list, {again} of {count(len(first), 'customer')} {have} ordered since, "
            "written to or not.")


def _orders_between(orders: pd.DataFrame, start: date, end: date) -> pd.Series:
    """customer_id -> purchases from `start` up to `end`."""
    bought = purchases(orders, known=True)
    bought = bought[bought["ordered_at"].ge(pd.Timestamp(start)) & bought["ordered_at"].lt(pd.Timestamp(end))]
    return bought.groupby("customer_id").size()
