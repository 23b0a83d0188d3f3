"""The loyalty score, the index that is its mean, and the score as the source articles state it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN, Change, Finding
from loyalty_helpers.core.intervals import Ratio
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.core.settings import UserError, suggest
from loyalty_helpers.customers.buyers import CONFIDENCE, buyers, came_back, known_values, percentile_ranks

# what the score is made of, in the order of the formula: component -> column of customers
COMPONENTS = {"frequency": "orders", "monetary": "spend", "categories": "categories", "rating": "rating",
              "recency": "recency_days"}
WEIGHTS = {"frequency": 0.25, "monetary": 0.25, "categories": 0.10, "rating": 0.15, "recency": 0.25}
ARTICLE_WEIGHTS = {"frequency": 0.3, "monetary": 0.4, "categories": 0.2, "rating": 0.1}
BEHAVIOR = ("frequency", "monetary", "categories", "recency")
ATTITUDE = ("rating", "nps", "csat")
INDEX = {"score": "loyalty_index", "behavior": "loyalty_index_behavior", "attitude": "loyalty_index_attitude"}  # KPIs


def loyalty_score(customers: pd.DataFrame, *, weights: Mapping[str, float] = WEIGHTS,
                  reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """LS = w1 frequency + w2 monetary + w3 categories + w4 rating + w5 recency, each first put on 0..100.

    A component's points are the percentile (mid-rank) of the customer's value among the `reference` customers, by
    default the customers themselves, so that neither the currency nor one heavy customer rules the score. `weights`
    sum to 1; a component not named has none (ARTICLE_WEIGHTS leave out recency). Where a rating or the categories
    are not known, their weight is spread over the others in proportion.

    Returns customer_id, <component>_points, score, behavior (the score without the rating), attitude (mean of the
    points of rating and, where `with_survey` added them, nps and csat; nan where nothing is known); one row
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
                         attitude=weighted_mean(points, attitude))


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
    n = len(values)
    mean, low, high = values.mean() if n else NAN, NAN, NAN
    if n >= FEWEST.units and not among_themselves and np.ptp(values) > 0:
        margin = stats.t.ppf(0.975, n - 1) * values.std() / math.sqrt(n)
        low, high = max(0.0, mean - margin), min(100.0, mean + margin)
    note = "index-by-construction" if n else "index-nobody" if part != "attitude" else "index-nobody-answered"
    if among_themselves and 0 < n < FEWEST.units:
        mean, note = NAN, "index-too-few"
    label = message("index-scored", index=_name(part), scored=Persons(n, of=total), customers=Persons(total))
    return Finding(label=label, unit="score", estimate=mean, low=low, high=high, n=n, method="t",
                   note=message(note, least=FEWEST.units))


def _name(part: str) -> Message:
    return message(f"kpi-{INDEX[part].replace('_', '-')}")


def index_parts(customers: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """What customers do beside what they say: the two parts of the loyalty score, by group, t intervals.

    All customers together are at 50 by construction; groups of them are not. Who answered at all is one division,
    having bought once or again the other. `scored` is `loyalty_score(with_survey(customers, survey))`. Returns group,
    customers, behavior, behavior_low, behavior_high, answered, attitude, attitude_low, attitude_high; a mean of fewer
    than ten customers is missing, since it would be that of a few persons.
    """
    returned = customers["customer_id"][came_back(customers)]
    again = scored["customer_id"].isin(returned).to_numpy()
    answered = scored["attitude"].notna().to_numpy()
    groups = {"answered": answered, "silent": ~answered, "again": again, "once": ~again}
    rows = [(name, int(chosen.sum()), *_mean_of(scored.loc[chosen, "behavior"]), int((chosen & answered).sum()),
             *_mean_of(scored.loc[chosen, "attitude"])) for name, chosen in groups.items()]
    return pd.DataFrame(rows, columns=["group", "customers", "behavior", "behavior_low", "behavior_high", "answered",
                                       "attitude", "attitude_low", "attitude_high"])


def _mean_of(scores: pd.Series) -> tuple[float, float, float]:
    """Mean and t interval of scores; nan below ten."""
    found = loyalty_index(scores.to_frame("score"), len(scores))
    return (NAN, NAN, NAN) if found.n < FEWEST.units else (found.estimate, found.low, found.high)


def index_parts_sentence(table: pd.DataFrame) -> list[Message]:
    """What `index_parts` says: are those who answer the better customers, are those who return the gladder ones?"""
    rows = table.set_index("group")
    if rows.loc["answered", "customers"] == 0:
        return [message("parts-nobody-answered")]
    said = [_compared(rows, "behavior", "answered", "silent"), _compared(rows, "attitude", "again", "once")]
    return [one for one in said if one] or [message("parts-too-few", least=FEWEST.units)]


def _compared(rows: pd.DataFrame, part: str, one: str, other: str) -> Message | None:
    """Two groups of `index_parts`; None where one is missing. Apart: Welch's interval of 95 % leaves out nil."""
    means = rows.loc[[one, other], part].to_numpy(dtype="float64")
    halves = means - rows.loc[[one, other], f"{part}_low"].to_numpy(dtype="float64")
    if np.isnan(halves).any():
        return None
    apart = abs(means[0] - means[1]) > math.hypot(*halves)
    return message(f"parts-{part}", differ="no" if not apart else "more" if means[0] > means[1] else "less",
                   one=Number(means[0], "score", 0), other=Number(means[1], "score", 0))


def index_change(before: pd.DataFrame, after: pd.DataFrame, *, weights: Mapping[str, float] = WEIGHTS,
                 part: str = "score") -> Change:
    """The loyalty index of two waves, both scored against the `before` customers, as a row of tables/kpis.csv.

    Both frames are `customers` of equally long windows, each counted to the end of its own. The interval comes from a
    bootstrap by customer over both waves together (customers of both waves stay together), with the customers before
    held fixed as the yardstick.
    """
    waves = [loyalty_score(wave, weights=weights, reference=before).dropna(subset=part) for wave in (before, after)]
    was, now = (loyalty_index(scored, len(wave), part=part)
                for scored, wave in zip(waves, (before, after), strict=True))
    change = Change(kpi=INDEX[part], label=_name(part), unit="score", estimate=now.estimate - was.estimate, before=was,
                    after=now, n=was.n + now.n, method="bootstrap by customer",
                    note=message("index-not-compared", least=FEWEST.units))
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
def article_score_faults(customers: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """Why the articles' score (LS = .3 F + .4 M + .2 C + .1 R, on orders, money, categories and rating as they are)
    fails: it is money under another name, and another unit of money re-ranks customers. Used for nothing else.

    Returns, for money in units of 1, 100, 1,000 and 10,000: unit, money_share_of_score (nan where refunds exceed
    somebody's orders), money_share_of_variance (how much of the differences between scores money alone explains: the
    squared correlation, so that parts which offset each other make no share above 100 %), rank_correlation (Spearman,
    with the ranking in units of 1); nan where fewer than two customers differ.
    """
    rows, first, kept = [], None, buyers(customers)
    parts = {name: weight * np.nan_to_num(known_values(kept, COMPONENTS[name]))
             for name, weight in ARTICLE_WEIGHTS.items()}
    rest = sum(part for name, part in parts.items() if name != "monetary")
    for size in (1, 100, 1_000, 10_000):
        money = parts["monetary"] / size
        score = rest + money
        first = score if first is None else first
        differ = len(score) > 1 and min(np.ptp(score), np.ptp(money)) > 0
        rows.append((message("money-unit", size=size, currency=currency),
                     money.sum() / score.sum() if len(score) and money.min() >= 0 < score.sum() else NAN,
                     float(np.corrcoef(score, money)[0, 1] ** 2) if differ else NAN, spearman(first, score)))
    return pd.DataFrame(rows, columns=["unit", "money_share_of_score", "money_share_of_variance", "rank_correlation"])
