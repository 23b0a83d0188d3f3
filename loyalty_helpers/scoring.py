"""Scoring: who is loyal, who is leaving, who brings the money, and what to do for whom.

Everything starts from the `customers` frame of tables.py (one row per identified customer, money in the client's
currency, days counted back from the end of the data). Customers with refunds only have bought nothing that could be
scored: they are left out of every score and kept in every total.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.client import LEVELS
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.findings import NAN, Change, Finding, amount, capital, count
from loyalty_helpers.intervals import FEWEST_UNITS, Ratio, Share

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
TOO_FEW = "Too few to sort"  # in the place of a segment, where the shop has not yet customers enough for any
# money above the mean? -> recent? -> frequent?
EIGHT_TYPES = ("General: win back", "General: keep", "General: develop", "General: value",
               "Important: win back", "Important: keep", "Important: develop", "Important: value")
VALUE_GROUPS = ("High-value", "Loyal", "Potential", "Other", TOO_FEW)
NO_LEVEL = "No level yet"
LATE = "Overdue regular"
REFUNDS_ONLY = "Refunds only (not scored)"
NOBODY = "No customer with an id has bought anything yet"
# scheme of tables/segments.csv -> (column of the customers' assignments, its segments in the order shown)
SCHEMES = {
    "RFM segment": ("segment", (*SEGMENTS, TOO_FEW)),
    "Eight types": ("chinese_type", (*EIGHT_TYPES[::-1], TOO_FEW)),
    "Value group": ("value_group", VALUE_GROUPS),
    "Loyalty level": ("level", ("High", "Middle", "Basic", NO_LEVEL)),
    "Rhythm": ("rhythm", (LATE,)),
}

FEWEST_TO_SPREAD = 300  # customers: below this no interval holds for how the revenue spreads over them
SMALL_SHOP = 200  # customers: below this thirds, not fifths
FEWEST_TO_SORT = 3 * FEWEST_UNITS  # customers: below this not even ten in a third, and no segments
TIED = 0.20  # a larger share of customers with the same number of orders makes quantiles of it meaningless
FREQUENCY_BREAKS = {1: 1, 2: 2, 3: 3, 4: 5, 5: 8}  # score -> orders from which it is given
SMALL_SHOP_BREAKS = {1: 1, 3: 2, 5: 5}

# what the score is made of, in the order of the formula: component -> column of customers
COMPONENTS = {"frequency": "orders", "monetary": "spend", "categories": "categories", "rating": "rating",
              "recency": "recency_days"}
WEIGHTS = {"frequency": 0.25, "monetary": 0.25, "categories": 0.10, "rating": 0.15, "recency": 0.25}
ARTICLE_WEIGHTS = {"frequency": 0.3, "monetary": 0.4, "categories": 0.2, "rating": 0.1}
BEHAVIOR = ("frequency", "monetary", "categories", "recency")
ATTITUDE = ("rating", "nps", "csat")
INDEX = {"score": ("loyalty_index", "customer loyalty index"),
         "behavior": ("loyalty_index_behavior", "loyalty index, behavior only"),
         "attitude": ("loyalty_index_attitude", "loyalty index, attitude only")}

CONFIDENCE = 0.95
PROMOTER = 9  # an NPS answer from which a customer counts as recommending the shop
YEAR = 365  # days


# ---------------------------------------------------------------- shared steps
def buyers(customers: pd.DataFrame) -> pd.DataFrame:
    """The customers who can be scored, those with at least one order, numbered anew in the order given."""
    return customers[known_values(customers, "orders") > 0].reset_index(drop=True)


def known_values(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, nan where missing, to eleven digits; all nan where the frame has no such column.

    Sums of the same amounts added in another order differ in the last digits; without rounding, customers who spent
    the same would not tie.
    """
    if column not in frame:
        return np.full(len(frame), NAN)
    mantissa, exponent = np.frexp(frame[column].to_numpy(dtype="float64", na_value=NAN))
    return np.ldexp(np.round(mantissa * 2**36), exponent - 36)


def percentile_ranks(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Mid-rank of `values` among `reference`, 0 to 1: ties share the middle of their ranks; nan stays nan."""
    ranked = np.sort(reference[~np.isnan(reference)])
    if not len(ranked):
        return np.full(len(values), NAN)
    below, upto = np.searchsorted(ranked, values, "left"), np.searchsorted(ranked, values, "right")
    return np.where(np.isnan(values), NAN, (below + upto) / (2 * len(ranked)))


def share_of(label: str, hits: int, n: int, *, noun: str = "customer", note: str) -> Finding:
    """A share with its Wilson interval; `note` says what is missing where there is nobody to count."""
    if not n:
        return Finding(label=label, unit="share", estimate=NAN, note=note)
    share, low, high, _, method = Share(hits, n).level(CONFIDENCE)
    return Finding(label=label, unit="share", estimate=share, low=low, high=high, n=n, n_noun=noun, method=method)


def purchases(orders: pd.DataFrame) -> pd.DataFrame:
    """Order rows that carry a customer and are no refunds."""
    return orders[orders["customer_id"].notna() & ~orders["is_refund"].astype(bool)]


def days_bought(orders: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Every day on which a customer bought, once: customer (a running number), day (since 1970), by both.

    Several orders of one day are one visit to the shop; refunds and orders without a customer are none.
    """
    bought = purchases(orders[["customer_id", "ordered_at", "is_refund"]])  # the fewer columns, the faster
    codes, _ = pd.factorize(bought["customer_id"])
    pairs = np.sort(codes * 1_000_000 + bought["ordered_at"].to_numpy().astype("datetime64[D]").astype("int64"))
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # what np.unique does, many times faster on millions
    return pairs // 1_000_000, pairs % 1_000_000


class Pace(NamedTuple):
    """How fast this shop's customers come back: the usual gap, and from when on nobody counts as active any more.

    `returned` counts the customers who bought on two days or more: those from whom it is known.
    """

    gap_days: float
    activity_days: int
    returned: int

    @property
    def sentence(self) -> str:
        if self.returned < FEWEST_UNITS:
            who = f"Only {count(self.returned, 'customer')} is" if self.returned == 1 else (
                f"Only {count(self.returned, 'customer')} are" if self.returned else "No customer is")
            return (f"{who} known to have bought on two different days, so nothing tells yet who is late: everybody "
                    f"who bought within {count(self.activity_days, 'day')} counts as active.")
        return (f"Half of the gaps between two visits are {count(round(self.gap_days), 'day')} or shorter; with an "
                f"order in the last {count(self.activity_days, 'day')} a customer counts as active.")


NO_PACE = Pace(NAN, NAN, 0)  # a nan bounds nothing


def pace(orders: pd.DataFrame, *, activity_days: int) -> Pace:
    """The shop's pace: the median gap between a customer's days with an order, over all gaps, and `activity_days` as
    `kpis.activity_window` has it.

    Where fewer than ten customers came back, their few gaps say nothing of the others: both are a year then.
    """
    customer, day = days_bought(orders)
    same = np.diff(customer) == 0
    returned = len(np.unique(customer[1:][same]))
    if returned < FEWEST_UNITS:
        return Pace(float(YEAR), YEAR, returned)
    return Pace(float(np.median(np.diff(day)[same])), activity_days, returned)


# ---------------------------------------------------------------- recency, frequency, monetary value
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
    gap_days, activity_days, _ = pace or NO_PACE
    types = _eight_types(scored, near=days <= gap_days, away=days > activity_days)
    named = {"segment": segment_names(scored), "chinese_type": types, "value_group": value_groups(scored)}
    if len(scored) < FEWEST_TO_SORT:
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

    gap_days, activity_days, _ = pace or NO_PACE
    recency = np.maximum(among("recency_days", -1), np.select([days <= gap_days, days <= activity_days], [4, 2], 1))
    recency = np.minimum(recency, np.select([days > 2 * activity_days, days > activity_days], [2, 3], 5))
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


def segments_sentence(scored: pd.DataFrame) -> str:
    """What `rfm` could sort, in words: how many customers into how many segments, or what it would take."""
    n, names = len(scored), scored["segment"].nunique()
    if not n:
        return f"{NOBODY}, so there are no segments."
    if n < FEWEST_TO_SORT:
        return (f"{count(n, 'customer')} with an order: too few to sort into segments, which takes {FEWEST_TO_SORT} or "
                "more. So few are better known one by one: see the list.")
    thirds = f" (thirds, because there are fewer than {SMALL_SHOP})" if n < SMALL_SHOP else ""
    return (f"{count(n, 'customer')} fall into {count(names, 'segment')}{thirds}. Each name is shorthand for three "
            "ranks among this shop's own customers (how lately, how often and for how much they bought): read it with "
            "the numbers beside it.")


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
    if len(kept) < FEWEST_TO_SORT:
        return pd.DataFrame(columns=["measure", "score", "meaning", "customers"])

    def ranges(score: str, column: str) -> pd.DataFrame:
        values = pd.DataFrame({"score": scored[score], "value": known_values(kept, column)})
        return values.groupby("score")["value"].agg(["min", "max"]).sort_index(ascending=False)

    orders = ranges("frequency_score", "orders")["min"].to_dict()
    starts = sorted((_frequency_breaks(known_values(kept, "orders")) or orders).items(), reverse=True)
    words = {"Recency": _recency_words(ranges("recency_score", "recency_days")),
             "Frequency": _frequency_words(dict(starts)),
             "Monetary": _money_words(ranges("monetary_score", "spend"), currency)}
    sizes = {measure: scored[f"{measure.lower()}_score"].value_counts().sort_index(ascending=False)
             for measure in words}
    rows = [(measure, score, words[measure][score], n) for measure in words for score, n in sizes[measure].items()]
    return pd.DataFrame(rows, columns=["measure", "score", "meaning", "customers"])


def _recency_words(ranges: pd.DataFrame) -> dict[int, str]:
    """Words by score from the shortest and longest recency in each, best first.

    The best score is named by its end alone ("within 23 days") only where it is 4 or 5: lower ones may begin far off.
    """
    words, better = {}, None
    for score, start, end in ranges.astype("int64").itertuples():
        if better is None:
            words[score] = f"bought within {count(end, 'day')}" if score > 3 and end else _ago(start, end)
        elif score == ranges.index[-1]:
            words[score] = f"last bought more than {count(better, 'day')} ago" if better else _ago(start, end)
        else:
            words[score] = _ago(better + 1, end)
        better = end
    return words


def _ago(start: int, end: int) -> str:
    if end == 0:
        return "bought on the last day of the data"
    return f"last bought {count(end, 'day')} ago" if start == end else f"last bought {start} to {count(end, 'day')} ago"


def _frequency_words(starts: Mapping[int, float]) -> dict[int, str]:
    """Words by score from the fewest orders in each, best first."""
    words, above = {}, None
    for score, start in starts.items():
        start = int(start)
        words[score] = (f"{start:,} or more orders" if above is None else count(start, "order")
                        if start == above - 1 else f"{start} to {count(above - 1, 'order')}")
        above = start
    return words


def _money_words(ranges: pd.DataFrame, currency: str) -> dict[int, str]:
    """Words by score from the least and most spent in each, best first."""
    bounds = [_round_between(below, least) for least, below in zip(ranges["min"], ranges["max"].iloc[1:],
                                                                  strict=False)]
    shown = [amount(bound, currency, digits=0 if bound == int(bound) else 2) for bound in bounds]
    if not shown:
        return dict.fromkeys(ranges.index, "every customer alike")
    between = [f"spent {low} to under {high}" for low, high in zip(shown[1:], shown[:-1], strict=True)]
    words = [f"spent {shown[0]} or more", *between, f"spent less than {shown[-1]}"]
    return dict(zip(ranges.index, words, strict=True))


def _round_between(low: float, high: float) -> float:
    """The roundest number above `low` and not above `high`: 2,400 between 2,398.20 and 2,401.50."""
    for step in (10.0**power for power in range(9, -3, -1)):
        candidate = math.floor(high / step) * step
        if candidate > low:
            return round(candidate, 2)
    return high


# ---------------------------------------------------------------- loyalty score and index
def loyalty_score(customers: pd.DataFrame, *, weights: Mapping[str, float] = WEIGHTS,
                  reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """LS = w1 frequency + w2 monetary + w3 categories + w4 rating + w5 recency, each first put on 0..100.

    A component's points are the percentile (mid-rank) of the customer's value among the `reference` customers, by
    default the customers themselves, so that neither the currency nor one heavy customer rules the score. `weights`
    sum to 1; a component not named has none (ARTICLE_WEIGHTS leave out recency). Where a rating or the categories
    are not known, their weight is spread over the others in proportion, and `flags` says so.

    Returns customer_id, <component>_points, score, behavior (the score without the rating), attitude (mean of the
    points of rating and, where `with_survey` added them, nps and csat; nan where nothing is known), flags; one row
    per customer with at least one order. Raises UserError for weights that are unknown, negative or do not sum to 1.
    """
    weights = checked_weights(weights)
    kept = buyers(customers)
    points = component_points(kept, kept if reference is None else buyers(reference))
    scored = pd.DataFrame({"customer_id": kept["customer_id"]})
    scored = scored.assign(**{f"{name}_points": points[name] for name in COMPONENTS})
    behavior = {name: weights[name] for name in BEHAVIOR}
    attitude = {name: 1.0 for name in ATTITUDE if name in points}
    return scored.assign(score=weighted_mean(points, weights), behavior=weighted_mean(points, behavior),
                         attitude=weighted_mean(points, attitude), flags=_flags(points, weights))


def checked_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """A weight for every component, 0 where none is given; UserError where they are unknown, negative or not 1."""
    for name in weights:
        if name not in COMPONENTS:
            raise UserError(f"The loyalty score has no component '{name}': weights go to {', '.join(COMPONENTS)}."
                            f"{suggest(name, COMPONENTS)}")
    got = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
    if not all(weight >= 0 for weight in weights.values()):
        raise UserError(f"The weights of the loyalty score must not be negative; got {got}.")
    if not math.isclose(sum(weights.values()), 1, abs_tol=1e-6):
        raise UserError(f"The weights of the loyalty score must sum to 1; got {sum(weights.values()):g} ({got}).")
    return {name: float(weights.get(name, 0)) for name in COMPONENTS}


def component_points(kept: pd.DataFrame, reference: pd.DataFrame) -> dict[str, np.ndarray]:
    """0..100 per component, and per survey answer where the frame carries them; better is more, so recency turns."""
    columns = COMPONENTS | {name: name for name in ATTITUDE if name in kept}
    sign = {"recency": -1}
    return {name: 100 * percentile_ranks(sign.get(name, 1) * known_values(kept, column),
                                         sign.get(name, 1) * known_values(reference, column))
            for name, column in columns.items()}


def weighted_mean(points: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Weighted mean over the components known of each customer; nan where none with a weight is."""
    known = [weight * ~np.isnan(points[name]) for name, weight in weights.items()]
    total = sum(weight * np.nan_to_num(points[name]) for name, weight in weights.items())
    spread = sum(known) + np.zeros_like(points["recency"])
    return np.divide(total, spread, out=np.full(len(spread), NAN), where=spread > 1e-9)


def _flags(points: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    rating, categories = (np.isnan(points[name]) & (weights[name] > 0) for name in ("rating", "categories"))
    return np.select([rating & categories, rating, categories],
                     ["no rating, no categories", "no rating", "no categories"], "")


def with_survey(customers: pd.DataFrame, survey: pd.DataFrame | None) -> pd.DataFrame:
    """`customers` with each one's latest answers, nps (0..10) and csat (on the survey's scale); nan where unknown."""
    if survey is None:
        return customers.assign(nps=NAN, csat=NAN)
    linked = survey[survey["customer_id"].notna()].sort_values("answered_at", kind="stable")
    latest = linked.groupby("customer_id")[["nps", "csat"]].last()
    return customers.drop(columns=["nps", "csat"], errors="ignore").merge(latest, on="customer_id", how="left")


def loyalty_index(scored: pd.DataFrame, total: int, *, part: str = "score",
                  among_themselves: bool = False) -> Finding:
    """The customer loyalty index (CLI): the mean of `part` of `loyalty_score` (score, behavior or attitude), 0..100.

    `total` counts all identified customers, so that the label can say how many of them are scored; the others are
    not in the mean. Scored `among_themselves` customers have an index of 50 by construction, whatever they do: it
    gets no interval, because nothing is estimated, and below ten customers it is not given at all. Compare waves by
    `index_change`, never an index with 50. No interval either below ten customers, or where all score alike.
    """
    values = scored[part].dropna()
    n, name = len(values), INDEX[part][1]
    mean, low, high = values.mean() if n else NAN, NAN, NAN
    if n >= FEWEST_UNITS and not among_themselves and np.ptp(values) > 0:
        margin = stats.t.ppf(0.975, n - 1) * values.std() / math.sqrt(n)
        low, high = max(0.0, mean - margin), min(100.0, mean + margin)
    note = ("customers scored among themselves have an index of about 50 by construction" if n else
            "no customer could be scored" if part != "attitude" else "no customer left a rating or an answer")
    if among_themselves and 0 < n < FEWEST_UNITS:
        mean, note = NAN, f"among fewer than {FEWEST_UNITS} customers a place says little"
    return Finding(label=f"{name} ({n:,} of {count(total, 'customer')} scored)", unit="score", estimate=mean, low=low,
                   high=high, n=n, method="mean of the customers' scores, t interval", note=note)


def index_parts(customers: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """What customers do beside what they say: the two parts of the loyalty score, by group, t intervals.

    All customers together are at 50 by construction; groups of them are not. Who answered at all is one division,
    having bought once or again the other. `scored` is `loyalty_score(with_survey(customers, survey))`. Returns group,
    customers, behavior, behavior_low, behavior_high, answered, attitude, attitude_low, attitude_high; a mean of fewer
    than ten customers is missing, since it would be that of a few persons.
    """
    orders = buyers(customers).set_index("customer_id")["orders"]
    again = scored["customer_id"].map(orders).to_numpy(dtype="float64") >= 2
    answered = scored["attitude"].notna().to_numpy()
    groups = {"gave a rating or an answer": answered, "gave none": ~answered, "bought again": again,
              "bought once": ~again}
    rows = [(name, int(chosen.sum()), *_mean_of(scored.loc[chosen, "behavior"]), int((chosen & answered).sum()),
             *_mean_of(scored.loc[chosen, "attitude"])) for name, chosen in groups.items()]
    return pd.DataFrame(rows, columns=["group", "customers", "behavior", "behavior_low", "behavior_high", "answered",
                                       "attitude", "attitude_low", "attitude_high"])


def _mean_of(scores: pd.Series) -> tuple[float, float, float]:
    """Mean and t interval of scores; nan below ten."""
    found = loyalty_index(scores.to_frame("score"), len(scores))
    return (NAN, NAN, NAN) if found.n < FEWEST_UNITS else (found.estimate, found.low, found.high)


def index_parts_sentence(table: pd.DataFrame) -> str:
    """What `index_parts` says: are those who answer the better customers, are those who return the gladder ones?"""
    rows = table.set_index("group")
    if rows.loc["gave a rating or an answer", "customers"] == 0:
        return "No customer left a rating or an answer, so nothing is known of what customers think."
    said = [words for part, one, other, words in (
        ("behavior", "gave a rating or an answer", "gave none",
         "Those who gave a rating or an answer {more} than the others ({one} against {other} of 100 for behavior)"),
        ("attitude", "bought again", "bought once",
         "those who bought again {gladder} than those who bought once ({one} against {other} of 100 for attitude)"),
    ) for words in [_compared(rows, part, one, other, words)] if words]
    if not said:
        return (f"Too few customers gave a rating or an answer to compare what customers do with what they say: it "
                f"takes {FEWEST_UNITS} in each group.")
    return capital("; ".join(said)) + "."


def _compared(rows: pd.DataFrame, part: str, one: str, other: str, words: str) -> str:
    """Two groups of `index_parts` in words; "" where one is missing. Apart: Welch's interval of 95 % leaves out nil."""
    means = rows.loc[[one, other], part].to_numpy(dtype="float64")
    halves = means - rows.loc[[one, other], f"{part}_low"].to_numpy(dtype="float64")
    if np.isnan(halves).any():
        return ""
    apart = abs(means[0] - means[1]) > math.hypot(*halves)
    higher = means[0] > means[1]
    more = ("buy more" if higher else "buy less") if apart else "buy neither more nor less, as far as can be told,"
    gladder = ("are more satisfied" if higher else "are less satisfied") if apart else (
        "are neither more nor less satisfied, as far as can be told,")
    shown = [f"{mean:.0f}" for mean in means]
    return words.format(more=more, gladder=gladder, one=shown[0], other=shown[1])


def index_change(before: pd.DataFrame, after: pd.DataFrame, *, weights: Mapping[str, float] = WEIGHTS,
                 part: str = "score") -> Change:
    """The loyalty index of two waves, both scored against the `before` customers, as a row of tables/kpis.csv.

    Both frames are `customers` of equally long windows, each counted to the end of its own. The interval comes from a
    bootstrap by customer over both waves together (customers of both waves stay together), with the customers before
    held fixed as the yardstick.
    """
    kpi, label = INDEX[part]
    waves = [loyalty_score(wave, weights=weights, reference=before).dropna(subset=part) for wave in (before, after)]
    was, now = (loyalty_index(scored, len(wave), part=part)
                for scored, wave in zip(waves, (before, after), strict=True))
    change = Change(kpi=kpi, label=label, unit="score", estimate=now.estimate - was.estimate, before=was, after=now,
                    n=was.n + now.n, method="both waves scored against the customers before; bootstrap by customer",
                    note=f"fewer than {FEWEST_UNITS} customers of a period are scored, or all of them alike")
    if not (was.n and now.n):
        return change
    scores = [wave.set_index("customer_id")[part] for wave in waves]
    one, other = (Ratio(score, score.mul(0).add(1)) for score in scores)
    found = other.change_from(one, CONFIDENCE)
    if math.isnan(found.p_value):
        return change
    return replace(change, low=found.low, high=found.high, p_value=found.p_value, p_adjusted=found.p_value, note="")


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation over the customers known in both; nan where fewer than two differ."""
    known = ~np.isnan(one) & ~np.isnan(other)
    ranks = [percentile_ranks(values[known], values[known]) for values in (one, other)]
    if known.sum() < 2 or min(np.ptp(rank) for rank in ranks) == 0:
        return NAN
    return float(np.corrcoef(*ranks)[0, 1])


def score_groups(scores: pd.Series) -> pd.DataFrame:
    """How many customers score from 0 to under 5, 5 to under 10, ... 95 to 100: score (where the group begins),
    customers."""
    starts = np.arange(0, 100, 5)
    return pd.DataFrame({"score": starts, "customers": np.histogram(scores.dropna(), [*starts, 100])[0]})


# ---------------------------------------------------------------- the score as the source articles state it
def raw_article_score(customers: pd.DataFrame, *, weights: Mapping[str, float] = ARTICLE_WEIGHTS) -> pd.DataFrame:
    """LS = .3 F + .4 M + .2 C + .1 R on orders, money, categories and rating as they are, nothing normalised.

    Shown as a warning, used for nothing: see `article_score_faults`. An unknown rating or category count adds 0.
    Returns customer_id, <component>_part, score.
    """
    kept = buyers(customers)
    parts = {f"{name}_part": weight * np.nan_to_num(known_values(kept, COMPONENTS[name]))
             for name, weight in weights.items()}
    return pd.DataFrame({"customer_id": kept["customer_id"], **parts, "score": sum(parts.values())})


def article_score_faults(customers: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """Why the articles' score fails: it is money under another name, and another unit of money re-ranks customers.

    Returns, for money in units of 1, 100, 1,000 and 10,000: unit, money_share_of_score (nan where refunds exceed
    somebody's orders), money_share_of_variance (how much of the differences between scores money alone explains: the
    squared correlation, so that parts which offset each other make no share above 100 %), rank_correlation (Spearman,
    with the ranking in units of 1); nan where fewer than two customers differ.
    """
    rows, first = [], None
    for size in (1, 100, 1_000, 10_000):
        scored = raw_article_score(customers.assign(spend=known_values(customers, "spend") / size))
        score, money = (scored[column].to_numpy() for column in ("score", "monetary_part"))
        first = score if first is None else first
        differ = len(score) > 1 and min(np.ptp(score), np.ptp(money)) > 0
        rows.append((currency if size == 1 else f"{size:,} {currency}",
                     money.sum() / score.sum() if len(score) and money.min() >= 0 < score.sum() else NAN,
                     float(np.corrcoef(score, money)[0, 1] ** 2) if differ else NAN, spearman(first, score)))
    return pd.DataFrame(rows, columns=["unit", "money_share_of_score", "money_share_of_variance", "rank_correlation"])


def missing_treatments(scores: pd.Series, total: int) -> pd.DataFrame:
    """The index of `total` customers of whom only `scores` are known, by what is done about the others.

    Returns treatment, index. The source's example (70 score 80, 20 score 60, 100 customers) gives 68.00 counted as
    0, 75.56 over those scored, and the 74 it states only if the others score 60.
    """
    known = scores.dropna()
    missing = total - len(known)
    rows = [("the unscored count as 0", 0.0), ("the unscored are left out", known.mean() if len(known) else NAN),
            ("the unscored score like the lowest", known.min() if len(known) else NAN)]
    return pd.DataFrame([(words, (known.sum() + missing * assumed) / total if total else NAN)
                         for words, assumed in rows], columns=["treatment", "index"])


# ---------------------------------------------------------------- groups
def levels(customers: pd.DataFrame, rules: Mapping[str, Mapping[str, float]] = LEVELS,
           referrals: pd.DataFrame | None = None) -> pd.DataFrame:
    """Loyalty level by the client's rules: Basic (satisfied, buys again), Middle (recommends), High (promotes).

    The highest level of which every rule that can be checked holds: min_orders; min_rating where the customer has
    rated; min_referrals (distinct customers referred) where the client has `referrals`. Returns customer_id, level
    ("No level yet" where not even the basic one is reached), basis (what could be checked).
    """
    kept = buyers(customers)
    orders, rating = known_values(kept, "orders"), known_values(kept, "rating")
    referred = _referred(kept, referrals)
    level = np.full(len(kept), NO_LEVEL, dtype=object)
    for name in ("basic", "middle", "high"):
        rule = rules[name]
        holds = ((orders >= rule["min_orders"]) & ~(rating < rule["min_rating"])
                 & ~(referred < rule["min_referrals"]))
        level[holds] = name.capitalize()
    basis = np.where(np.isnan(rating), "orders", "orders, rating").astype(object)
    if referrals is not None:
        basis = basis + ", referrals"
    return pd.DataFrame({"customer_id": kept["customer_id"], "level": pd.Series(level, dtype="str"),
                         "basis": pd.Series(basis, dtype="str")})


def level_rules(customers: pd.DataFrame, rules: Mapping[str, Mapping[str, float]] = LEVELS,
                referrals: pd.DataFrame | None = None, *, least: int = 1) -> pd.DataFrame:
    """Each rule of each loyalty level, how many customers meet it, and whom it alone keeps from the level.

    As `levels` reads them: a rule is checked where something is known (rating: of those who rated). Rules that nobody
    can fail are left out. Returns level, rule (in words), checked, customers (who meet it), share, low, high
    (Wilson), only_this (who meet every other rule of the level, but not this one). Numbers of 1 to `least` - 1
    customers are missing, and those from which they follow.
    """
    kept = buyers(customers)
    known = {"min_orders": known_values(kept, "orders"), "min_rating": known_values(kept, "rating"),
             "min_referrals": _referred(kept, referrals)}
    rows = []
    for level in ("basic", "middle", "high"):
        failed = {name: values < rules[level][name] for name, values in known.items()}
        for name, values in known.items():
            bar, checked = rules[level][name], int((~np.isnan(values)).sum())
            if bar <= 0 or not checked:
                continue
            only = failed[name] & (sum(fails.astype(int) for fails in failed.values()) == 1)
            meets = checked - int(failed[name].sum())
            rows.append((level.capitalize(), _rule_words(name, bar), checked, meets,
                         *Share(meets, checked).level(CONFIDENCE)[:3], int(only.sum())))
    table = pd.DataFrame(rows, columns=["level", "rule", "checked", "customers", "share", "low", "high", "only_this"])
    if least == 1:
        return table
    few = table["customers"].between(1, least - 1) | (table["checked"] - table["customers"]).between(1, least - 1)
    hidden = {name: table[name].astype("float64").mask(few) for name in ("customers", "share", "low", "high")}
    return table.assign(**hidden, only_this=table["only_this"].astype("float64").mask(
        few | table["only_this"].between(1, least - 1)))


def _rule_words(name: str, bar: float) -> str:
    if name == "min_rating":
        return f"a rating of {bar:g} or better, where there is one"
    noun = {"min_orders": "order", "min_referrals": "customer"}[name]
    words = count(int(bar), noun) if bar == int(bar) else f"{bar:g} {noun}s"
    return f"{words} or more" if name == "min_orders" else f"recommended the shop to {words} or more who came"


def levels_sentence(leveled: pd.DataFrame, rules_met: pd.DataFrame) -> str:
    """How many reach a level at all (`levels`), and which rule of the lowest one most often stands in the way."""
    n = len(leveled)
    if not n:
        return f"{NOBODY}, so nobody has a level."
    reached = int((leveled["level"] != NO_LEVEL).sum())
    said = f"{reached:,} of {count(n, 'customer')} {'has' if reached == 1 else 'have'} a loyalty level"
    first = rules_met[rules_met["level"] == "Basic"]
    if reached == n or not first["only_this"].max() > 0:
        return said + "."
    stop = first.loc[first["only_this"].idxmax()]
    others = "the others" if reached else "them"
    return (f"{said}; a single rule keeps {int(stop['only_this']):,} of {others} from the lowest one: "
            f"{stop['rule'].removesuffix(', where there is one')}.")


def _referred(kept: pd.DataFrame, referrals: pd.DataFrame | None) -> np.ndarray:
    """Distinct customers each one referred; nan for all where the client has no referrals."""
    if referrals is None:
        return np.full(len(kept), NAN)
    return (kept["customer_id"].map(referrals.groupby("referrer_id")["referee_id"].nunique())
            .fillna(0).to_numpy(dtype="float64"))


def concentration(customers: pd.DataFrame, *, least: int = 1) -> list[Finding]:
    """Share of revenue from the best 10 % and the best 20 % of customers (rounded up), with intervals from 300 on.

    Among customers with an order; one whose refunds exceed the orders counts as 0. Needs 10 customers. Nothing is said
    of fewer than `least` customers. Below 300 customers no interval is given, because none holds: whether the next
    customer will be a very heavy one, few customers do not tell. In simulated shops (lognormal spending, sigma 0.6 to
    1.4) bootstrap intervals of 30 customers, meant to cover 95 %, cover 56 to 82 %; those given here cover 83 to 92 %
    at 300 customers and 92 to 94 % at 1,000.
    """
    spend = _spend_each(customers)
    n, total = len(spend), spend.sum()
    sizes = {"10 %": math.ceil(n / 10), "20 %": math.ceil(n / 5)}
    if total <= 0:
        return [Finding(label=_best(share), unit="share", estimate=NAN, n=n, note="there is no revenue to share out")
                for share in sizes]
    heavy = heaviest(spend) if least == 1 else 0
    note = f"one customer alone brings {amount(heavy, 'share', digits=0)} of the revenue" if heavy else ""
    return [Finding(label=_best(share), unit="share", n=n, note=note, **_top_share(spend, size))
            if n >= FEWEST_UNITS and size >= least else
            Finding(label=_best(share), unit="share", estimate=NAN, n=n,
                    note=_too_few(n) if n < FEWEST_UNITS else f"they are fewer than {least} customers")
            for share, size in sizes.items()]


def _too_few(n: int) -> str:
    return f"it takes at least {FEWEST_UNITS} customers with an order, there {'is' if n == 1 else 'are'} {n}"


def half_of_revenue(customers: pd.DataFrame, *, least: int = 1) -> Finding:
    """The smallest share of customers who together bring half of the revenue; needs ten customers.

    Customers, refunds and interval as in `concentration`, but no interval where they are fewer than ten: a few persons
    are counted. Not said where they, or the others, are fewer than `least`.
    """
    label = "share of customers who bring half of the revenue"
    spend = _spend_each(customers)
    n, few = len(spend), half_count(spend)
    why = ("there is no revenue to share out" if spend.sum() <= 0 else _too_few(n) if n < FEWEST_UNITS else
           f"they are fewer than {least} customers" if min(few, n - few) < least else "")
    if why:
        return Finding(label=label, unit="share", estimate=NAN, n=n, note=why)
    found = _half_share(spend) if few >= FEWEST_UNITS else {"estimate": few / n}
    return Finding(label=label, unit="share", n=n, **found)


def revenue_sentence(customers: pd.DataFrame, *, least: int = 1) -> str:
    """On how many the revenue rests, counted out; and what the shop looks like without one very heavy customer."""
    spend, half = _spend_each(customers), half_of_revenue(customers, least=least)
    n, few = len(spend), half_count(spend)
    if not n:
        return f"{NOBODY}, so there is no revenue to share out."
    if n < 5:
        return f"Only {count(n, 'customer')} bought so far: too few to say on how many the revenue rests."
    if not half.measurable and (n >= FEWEST_UNITS or few == 0 or least > 1):
        return half.sentence
    between = f" ({half.level} interval {half.interval})" if half.interval else ""
    share = f", {half.value} of them{between}" if n >= FEWEST_TO_SPREAD and few >= FEWEST_UNITS else ""
    said = f"Half of the revenue comes from {few:,} of {count(n, 'customer')}{share}."
    heavy = heaviest(spend)
    if not heavy or least > 1:
        return said
    rest = f"; without that one, half of the rest comes from {half_count(spend[1:]):,} of {count(n - 1, 'customer')}"
    return f"{said} One customer alone brings {amount(heavy, 'share', digits=0)} of it all{rest}."


HEAVY = 0.1  # of the revenue, and three equal shares: from here on one customer alone is worth a word


def heaviest(spend: np.ndarray) -> float:
    """The share of the first in `spend` (best first) where it is much for one customer, else 0."""
    share = spend[0] / spend.sum() if len(spend) > 1 and spend.sum() > 0 else 0.0
    return float(share) if share > max(HEAVY, 3 / len(spend)) else 0.0


def half_count(spend: np.ndarray) -> int:
    """How many of the first in `spend` (best first) it takes to reach half of its sum."""
    upto = np.cumsum(spend)
    return int(np.searchsorted(upto, upto[-1] / 2 * (1 - 1e-12)) + 1) if len(spend) and upto[-1] > 0 else 0


def _spend_each(customers: pd.DataFrame) -> np.ndarray:
    """What each customer with an order spent, best first, never below 0."""
    return np.sort(np.maximum(known_values(buyers(customers), "spend"), 0))[::-1]


def _top_share(spend: np.ndarray, size: int) -> dict:
    """The share of the revenue from the `size` best of `spend` (best first), linearised (Langel & Tille 2011, J. Stat.
    Planning and Inference 141: each customer's influence on the share, by way of the sum and of the border)."""
    n, border = len(spend), spend[size - 1]
    share, best = spend[:size].sum() / spend.sum(), np.arange(n) < size
    influence = (spend * best - border * (best - size / n) - share * spend) / spend.mean()
    return {"estimate": share} | _logit_limits(share, influence)


def _half_share(spend: np.ndarray) -> dict:
    """The share of customers, best first, who bring half of `spend`, linearised in the same way."""
    n, few = len(spend), half_count(spend)
    border, best = spend[few - 1], np.arange(n) < few
    within = (few - (spend[:few].sum() - spend.sum() / 2) / border) / n  # counting the last one in part
    influence = best - within - (spend * best - spend / 2) / border
    return {"estimate": few / n} | _logit_limits(within, influence)


def _logit_limits(share: float, influence: np.ndarray) -> dict:
    """t interval of a share on the logit scale from each customer's influence on it; none below 300 customers, nor
    where nothing varies."""
    n = len(influence)
    error = influence.std(ddof=1) / math.sqrt(n) if n >= FEWEST_TO_SPREAD and 0 < share < 1 else 0.0
    if error < 1e-9:
        return {}
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) * error / (share * (1 - share))
    center = math.log(share / (1 - share))
    low, high = (1 / (1 + math.exp(-end)) for end in (center - reach, center + reach))
    return {"low": low, "high": high, "method": "linearised, logit scale"}


def _best(share: str) -> str:
    return f"share of revenue from the best {share} of customers"


def lorenz(customers: pd.DataFrame, *, least: int = 1) -> pd.DataFrame:
    """The concentration curve, best customers first: customers and revenue as cumulated shares, at most 102 points
    with that of `half_of_revenue` among them, and `least` customers or more between two of them.

    Starts at (0, 0); empty where there is no revenue. Refunds as in `concentration`.
    """
    spend = _spend_each(customers)
    if spend.sum() <= 0:
        return pd.DataFrame({"customers": pd.Series(dtype="float64"), "revenue": pd.Series(dtype="float64")})
    n, few = len(spend), half_count(spend)
    at = np.unique(np.linspace(0, n, min(101, max(n // least, 1) + 1)).round().astype(int))
    if min(few, n - few) >= least:
        at = np.sort(np.append(at[(np.abs(at - few) >= least) | (at == 0) | (at == n)], few))
    return pd.DataFrame({"customers": at / n, "revenue": np.append(0, np.cumsum(spend))[at] / spend.sum()})


def activity(customers: pd.DataFrame, activity_days: int) -> pd.DataFrame:
    """Who is still there: active (bought within `activity_days`), lapsing (within twice that), gone (longer ago), and
    one-time (a single order, longer ago than `activity_days`). Each customer with an order is in one group.

    Returns group, meaning, customers, share, spend, spend_share.
    """
    kept = buyers(customers)
    days, once = known_values(kept, "recency_days"), known_values(kept, "orders") == 1
    meanings = {"active": f"bought within {count(activity_days, 'day')}",
                "lapsing": f"last bought {activity_days + 1} to {count(2 * activity_days, 'day')} ago",
                "gone": f"last bought more than {count(2 * activity_days, 'day')} ago",
                "one-time": f"bought once, more than {count(activity_days, 'day')} ago"}
    group = np.select([days <= activity_days, once, days <= 2 * activity_days], ["active", "one-time", "lapsing"],
                      "gone")
    table = _totals(kept, group).reindex(list(meanings), fill_value=0)
    return table.assign(meaning=list(meanings.values())).rename_axis("group").reset_index()[
        ["group", "meaning", "customers", "share", "spend", "spend_share"]]


def _totals(customers: pd.DataFrame, group: np.ndarray | pd.Series) -> pd.DataFrame:
    """Per group: customers, share, spend, spend_share (nan where the spend does not add up to more than 0)."""
    table = customers.assign(group=np.asarray(group, dtype=object)).groupby("group").agg(
        customers=("customer_id", "size"), spend=("spend", "sum"))
    total = table["spend"].sum()
    return table.assign(share=table["customers"] / max(len(customers), 1),
                        spend_share=table["spend"] / (total if total > 0 else NAN))


QUADRANT = {"loyal": "satisfied, and buys again", "trapped": "buys again without being satisfied",
            "latent": "satisfied, but does not buy again", "none": "neither satisfied nor buying again"}
TOO_NEW = "too new"


def quadrant(survey: pd.DataFrame | None, customers: pd.DataFrame, *, activity_days: int,
             satisfied_from: float = 4) -> pd.DataFrame | None:
    """Satisfaction x behavior (Dick & Basu 1994): loyal, trapped ("spurious"), latent, none.

    Behavior is high with two orders or more and the last one within `activity_days`. Who ordered once within that time
    may still come back: too new to be judged, a line of its own and in no share. Attitude is high with the latest csat
    at `satisfied_from` or above, the last point but one of the scale; where the survey has no csat, with an NPS answer
    of 9 or 10. Returns type, meaning (which says what counts as satisfied), customers, share, low, high (Wilson;
    missing where fewer than ten can be judged); None without a survey whose answers carry customers of the shop.
    """
    known = buyers(with_survey(customers, survey))
    asked, bar, why = (("csat", satisfied_from, "") if known["csat"].notna().any() else
                       ("nps", PROMOTER, ", asked whether they would recommend the shop"))
    rule = f"satisfied ({bar:g} or {bar + 1:g} of {bar + 1:g}{why})"
    known = known[known[asked].notna()]
    if known.empty:
        return None
    glad = known[asked].to_numpy(dtype="float64") >= bar
    lately, often = known_values(known, "recency_days") <= activity_days, known_values(known, "orders") >= 2
    again, new = lately & often, lately & ~often
    groups = np.select([new, glad & again, again, glad], [TOO_NEW, *list(QUADRANT)[:3]], "none")
    counts = pd.Series(groups).value_counts().reindex([*QUADRANT, TOO_NEW], fill_value=0)
    judged = int(counts[list(QUADRANT)].sum())
    shares = [Share(hits, judged).level(CONFIDENCE)[:3] if judged >= FEWEST_UNITS and name in QUADRANT
              else (NAN, NAN, NAN) for name, hits in counts.items()]
    return pd.DataFrame(shares, columns=["share", "low", "high"]).assign(
        type=counts.index, customers=counts.to_numpy(),
        meaning=[*(words.replace("satisfied,", f"{rule},") for words in QUADRANT.values()),
                 f"one order, within {count(activity_days, 'day')}: too early to tell"])[
        ["type", "meaning", "customers", "share", "low", "high"]]


def satisfied_rule(found: pd.DataFrame) -> str:
    """What counts as satisfied in a `quadrant`: "4 or 5 of 5"."""
    return found.set_index("type").loc["latent", "meaning"].partition("(")[2].partition(")")[0]


# ---------------------------------------------------------------- what to do for whom


def segments_table(customers: pd.DataFrame, assigned: pd.DataFrame, *, actions: pd.DataFrame) -> pd.DataFrame:
    """tables/segments.csv: scheme, segment, customers, share, spend, spend_share, action, for the segments that occur.

    `assigned` has one row per scored customer with customer_id and any of the columns segment, chinese_type,
    value_group (`rfm`) and level (`levels`). Customers with refunds only are a line of their own, so that in each
    scheme customers and money add up to the whole.
    """
    tables = []
    for scheme, (column, names) in SCHEMES.items():
        if column in assigned:
            group = assigned.set_index("customer_id")[column].reindex(customers["customer_id"], fill_value=REFUNDS_ONLY)
            table = _totals(customers, group).rename_axis("segment").reset_index()
            order = table["segment"].map({name: i for i, name in enumerate([*names, REFUNDS_ONLY])})
            tables.append(table.assign(scheme=scheme).loc[order.sort_values().index])
    table = pd.concat(tables, ignore_index=True).merge(actions, on=["scheme", "segment"], how="left")
    return table.assign(action=table["action"].fillna(""))[
        ["scheme", "segment", "customers", "share", "spend", "spend_share", "action"]]


