"""Recency, frequency, monetary value: the three scores of a customer, and the segments that follow from them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.customers.buyers import NO_PACE, Pace, buyers, known_values, percentile_ranks

# the standard eleven, each with its recency-frequency-monetary codes; every one of the 125 codes stands here once
SEGMENTS = {
    "Champions": "555 554 544 545 454 455 445",
    "Loyal": "543 444 435 355 354 345 344 335",
    "Potential Loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 "
                          "333 323",
    "New Customers": "512 511 422 421 412 411 311",
    "Promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "Need Attention": "535 534 443 434 343 334 325 324",
    "About To Sleep": "331 321 312 221 213 231 241 251",
    "At Risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
    "Cannot Lose Them": "155 154 144 214 215 115 114 113",
    "Hibernating": "332 322 233 232 223 222 132 123 122 212 211",
    "Lost": "111 112 121 131 141 151",
}
SEGMENT_OF = {code: segment for segment, codes in SEGMENTS.items() for code in codes.split()}
TOO_FEW = "Too few"  # in the place of a segment, where the shop has not yet customers enough for any
# money above the mean? -> recent? -> frequent?
EIGHT_TYPES = ("General: win back", "General: keep", "General: develop", "General: value",
               "Important: win back", "Important: keep", "Important: develop", "Important: value")
VALUE_GROUPS = ("High-value", "Loyal", "Potential", "Other", TOO_FEW)

SMALL_SHOP = 200  # customers: below this thirds, not fifths
TIED = 0.20  # a larger share of customers with the same number of orders makes quantiles of it meaningless
FREQUENCY_BREAKS = {1: 1, 2: 2, 3: 3, 4: 5, 5: 8}  # score -> orders from which it is given
SMALL_SHOP_BREAKS = {1: 1, 3: 2, 5: 5}


def rfm(customers: pd.DataFrame, *, pace: Pace | None = None) -> pd.DataFrame:
    """Recency, frequency and monetary scores with the segments that follow from them.

    Scores run from 1 to 5, 5 best (recency: most recent). Fifths by mid-rank, so that customers alike get scores
    alike; fewer than 200 customers: thirds, scored 1, 3, 5. Where over 20 % of the customers have the same number of
    orders, frequency uses fixed breaks instead: 1, 2, 3-4, 5-7, 8 or more (small shop: 1, 2-4, 5 or more).

    Fifths sort the customers among themselves, also where all of them bought yesterday or none within a year. Where
    the shop's own `pace` is given, it bounds the recency score: 4 at least within the usual gap (below, names speak of
    sleep), 2 at least within the activity window, 3 at most beyond it, and 2 at most beyond twice that (who is "gone"
    to `activity`). In shops whose customers come and go the fifths lie within these bounds, and nothing moves.

    Fewer than 30 customers are not sorted: segment, chinese_type and value_group are then TOO_FEW for everybody.

    Returns customer_id, recency_score, frequency_score, monetary_score, rfm ("555"), segment (SEGMENTS), chinese_type
    (EIGHT_TYPES), value_group (VALUE_GROUPS), one row per customer with at least one order (`buyers`).
    """
    scored, days = rfm_scores(customers, customers, pace=pace), known_values(buyers(customers), "recency_days")
    bounds = pace or NO_PACE
    types = _eight_types(scored, near=days <= bounds.gap_days, away=days > bounds.activity_days)
    named = {"segment": segment_names(scored), "chinese_type": types, "value_group": value_groups(scored)}
    if len(scored) < FEWEST.sorted:
        named = {name: pd.Series(TOO_FEW, index=scored.index, dtype="str") for name in named}
    return scored.assign(rfm=_codes(scored).astype("str"), **named)


def rfm_scores(customers: pd.DataFrame, reference: pd.DataFrame, *, pace: Pace | None = None) -> pd.DataFrame:
    """The three scores of `rfm` by the cut-offs of the `reference` customers (customers of another time, or the same):
    customer_id, recency_score, frequency_score, monetary_score.

    A value beyond all of the reference gets its best or worst score. Empty where the reference has no buyer.
    """
    kept, base = buyers(customers), buyers(reference)
    if base.empty:
        kept = kept.iloc[:0]
    days, breaks = known_values(kept, "recency_days"), _frequency_breaks(known_values(base, "orders"))

    def among(column: str, sign: int = 1) -> np.ndarray:
        return _quantile_scores(sign * known_values(kept, column), sign * known_values(base, column))

    gap, window = (pace or NO_PACE).gap_days, (pace or NO_PACE).activity_days
    recency = np.maximum(among("recency_days", -1), np.select([days <= gap, days <= window], [4, 2], 1))
    recency = np.minimum(recency, np.select([days > 2 * window, days > window], [2, 3], 5))
    if breaks:
        scores, starts = np.array(list(breaks)), np.array(list(breaks.values()))
        frequency = scores[np.searchsorted(starts, known_values(kept, "orders"), "right") - 1]
    else:
        frequency = among("orders")
    return pd.DataFrame({"customer_id": kept["customer_id"], "recency_score": recency, "frequency_score": frequency,
                         "monetary_score": among("spend")})


def segment_names(scored: pd.DataFrame) -> pd.Series:
    """The segment (SEGMENTS) of each row of `rfm_scores`."""
    names = np.full(556, "", dtype=object)
    names[[int(code) for code in SEGMENT_OF]] = list(SEGMENT_OF.values())
    return pd.Series(names[_codes(scored)], index=scored.index, dtype="str")


def _codes(scored: pd.DataFrame) -> pd.Series:
    """The three scores side by side: 543."""
    return scored["recency_score"] * 100 + scored["frequency_score"] * 10 + scored["monetary_score"]


def segments_sentence(scored: pd.DataFrame) -> Message:
    """What `rfm` could sort: how many customers into how many segments, or what it would take."""
    n = len(scored)
    if n < FEWEST.sorted:
        return message("segments-too-few" if n else "segments-nobody", customers=Persons(n), least=FEWEST.sorted)
    return message("segments-sorted", customers=Persons(n), segments=scored["segment"].nunique(),
                   thirds="yes" if n < SMALL_SHOP else "no", small=SMALL_SHOP)


def _frequency_breaks(orders: np.ndarray) -> dict[int, int] | None:
    """The fixed breaks of the frequency score, or None where quantiles will do."""
    if not len(orders) or np.unique(orders, return_counts=True)[1].max() <= TIED * len(orders):
        return None
    return SMALL_SHOP_BREAKS if len(orders) < SMALL_SHOP else FREQUENCY_BREAKS


def _quantile_scores(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Fifths 1..5, or thirds 1, 3, 5 in a small shop, by mid-rank among the reference; higher is better."""
    parts, step = (3, 2) if len(reference) < SMALL_SHOP else (5, 1)
    place = np.floor(percentile_ranks(values, reference) * parts)
    return 1 + step * np.minimum(place, parts - 1).astype(np.int64)


def _eight_types(scored: pd.DataFrame, *, near: np.ndarray | bool = False,
                 away: np.ndarray | bool = False) -> pd.Series:
    """The eight types usual in China: money above the mean score = important; recent and frequent = value, recent
    only = develop, frequent only = keep, neither = win back. At the mean counts as not above.

    Whoever is `near` (bought within the usual gap) is recent whatever the others do, and whoever is `away` is not.
    """
    scores = [scored[column] for column in ("monetary_score", "recency_score", "frequency_score")]
    money, recent, frequent = (values > values.mean() for values in scores)
    code = (4 * money + 2 * ((recent | near) & ~np.asarray(away)) + frequent).astype(int)
    return pd.Series(np.array(EIGHT_TYPES, dtype=object)[code], index=scored.index, dtype="str")


def value_groups(scored: pd.DataFrame) -> pd.Series:
    """Four plain groups from the `rfm` scores, the first that fits: high-value (monetary 5), loyal (frequency at
    least 4 and recency at least 3), potential (recency at least 4), other."""
    recency, frequency = scored["recency_score"], scored["frequency_score"]
    rules = [scored["monetary_score"] == 5, (frequency >= 4) & (recency >= 3), recency >= 4]
    return pd.Series(np.select(rules, list(VALUE_GROUPS[:3]), "Other"), index=scored.index, dtype="str")


def rfm_cutoffs(customers: pd.DataFrame, scored: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """What each score means in the client's own units, for the scores that occur: "bought within 23 days".

    `scored` is `rfm(customers)`. Returns measure (Recency, Frequency, Monetary), score, meaning, customers; best
    first. Money cut-offs are the roundest amounts that separate the customers as scored. Empty where the customers
    were too few to sort.
    """
    kept = buyers(customers)
    if len(kept) < FEWEST.sorted:
        return pd.DataFrame(columns=["measure", "score", "meaning", "customers"])

    def ranges(score: str, column: str) -> pd.DataFrame:
        values = pd.DataFrame({"score": scored[score], "value": known_values(kept, column)})
        return values.groupby("score")["value"].agg(["min", "max"]).sort_index(ascending=False)

    orders = ranges("frequency_score", "orders")["min"].to_dict()
    starts = sorted((_frequency_breaks(known_values(kept, "orders")) or orders).items(), reverse=True)
    meanings = {"Recency": _recency_meanings(ranges("recency_score", "recency_days")),
                "Frequency": _frequency_meanings(dict(starts)),
                "Monetary": _money_meanings(ranges("monetary_score", "spend"), currency)}
    rows = [(measure, score, meanings[measure][score], n) for measure in meanings for score, n in
            scored[f"{measure.lower()}_score"].value_counts().sort_index(ascending=False).items()]
    return pd.DataFrame(rows, columns=["measure", "score", "meaning", "customers"])


def _recency_meanings(ranges: pd.DataFrame) -> dict[int, Message]:
    """By score, from the shortest and longest recency in each, best first.

    The best score is named by its end alone ("within 23 days") only where it is 4 or 5: lower ones may begin far off.
    """
    meanings, better = {}, None
    for score, start, end in ranges.astype("int64").itertuples():
        if better is None:
            meanings[score] = message("bought-within", days=end) if score > 3 and end else _ago(start, end)
        elif score == ranges.index[-1]:
            meanings[score] = message("bought-before", days=better) if better else _ago(start, end)
        else:
            meanings[score] = _ago(better + 1, end)
        better = end
    return meanings


def _ago(start: int, end: int) -> Message:
    key = "bought-last-day" if end == 0 else "bought-days-ago" if start == end else "bought-between"
    return message(key, start=start, end=end)


def _frequency_meanings(starts: Mapping[int, float]) -> dict[int, Message]:
    """By score, from the fewest orders in each, best first."""
    meanings, above = {}, None
    for score, start in starts.items():
        key = "orders-from" if above is None else "orders-exactly" if int(start) == above - 1 else "orders-between"
        meanings[score] = message(key, orders=int(start), upto=int(start) if above is None else above - 1)
        above = int(start)
    return meanings


def _money_meanings(ranges: pd.DataFrame, currency: str) -> dict[int, Message]:
    """By score, from the least and most spent in each, best first."""
    bounds = [_round_between(below, least) for least, below in zip(ranges["min"], ranges["max"].iloc[1:],
                                                                  strict=False)]
    if not bounds:
        return dict.fromkeys(ranges.index, message("spent-alike"))
    shown = [Number(bound, currency, digits=0 if bound == int(bound) else 2) for bound in bounds]
    between = [message("spent-between", low=low, high=high) for low, high in zip(shown[1:], shown[:-1], strict=True)]
    meanings = [message("spent-from", low=shown[0]), *between, message("spent-under", high=shown[-1])]
    return dict(zip(ranges.index, meanings, strict=True))


def _round_between(low: float, high: float) -> float:
    """The roundest number above `low` and not above `high`: 2,400 between 2,398.20 and 2,401.50."""
    for step in (10.0**power for power in range(9, -3, -1)):
        candidate = math.floor(high / step) * step
        if candidate > low:
            return round(candidate, 2)
    return high
