"""Stability: how far a ranking of customers can be trusted.

A score is computed to the last digit, but it rests on when people happened to come by. Three questions: would the
ranking be the same had the same customers' luck been different (`stability`), had the weights been others
(`weight_sensitivity`), and do the score, the expected value and the chance to buy single out the same people
(`agreement`)?
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers import forecast
from loyalty_helpers.core.findings import NAN, Finding, amount, count
from loyalty_helpers.core.intervals import SEED, Share
from loyalty_helpers.core.purchases import FEWEST, purchases
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers.scoring import (
    ARTICLE_WEIGHTS,
    CONFIDENCE,
    WEIGHTS,
    buyers,
    checked_weights,
    component_points,
    known_values,
    spearman,
    weighted_mean,
)
from loyalty_helpers.forecast.lifetime import leaving_or_not
from loyalty_helpers.report import gate as privacy

MOST = 5000  # customers whose luck is drawn anew; of more, so many are picked at random
DRAWS = 100
FIFTHS = ("lowest fifth", "second fifth", "middle fifth", "fourth fifth", "best fifth")
MASK = 63  # categories told apart when they are counted


# ---------------------------------------------------------------- had luck been different
@dataclass(frozen=True)
class Stability:
    """How far the ranking by loyalty score would come out the same again.

    `top`: share of the best tenth that would be in it again; `correlation`: rank correlation of the two rankings (both
    with the middle 95 % of the draws as interval). `fifths`: fifth, customers, stays, low, high (share that would be in
    the same fifth again), near (same or a neighboring one). `why` says why there is nothing; "" otherwise.
    """

    top: Finding
    correlation: Finding
    fifths: pd.DataFrame
    customers: int = 0
    sampled: int = 0
    why: str = ""

    @property
    def sentence(self) -> str:
        if self.why:
            return f"How far the ranking is luck cannot be told yet: {self.why}."
        if not self.top.measurable:
            return self.top.sentence
        share, low, high = (amount(end, "share", digits=0) for end in (self.top.estimate, self.top.low, self.top.high))
        drawn = f" Reckoned from {count(self.sampled, 'customer')} picked at random." if self.sampled else ""
        best = "customers" if self.sampled else count(self.top.n, "customer")
        return (f"Of the {best} called the best tenth, about {share} would be so again if the same "
                f"customers' luck were different ({low} to {high}); the others would make room for somebody else."
                f"{drawn}")

    @property
    def details(self) -> str:
        """What goes with the chart; "" where there is none."""
        return "" if self.why else f"{self.sentence} {self.correlation.sentence}"

    @property
    def fifths_sentence(self) -> str:
        """Where in the ranking a place means most, and where least."""
        if self.fifths.empty:
            return ""
        rows = self.fifths.sort_values("stays", kind="stable")
        best, worst = rows.iloc[-1], rows.iloc[0]
        return (f"Of the {best['fifth']}, {_percent(best['stays'])} would be in it again, of the {worst['fifth']} "
                f"{_percent(worst['stays'])}; of every fifth at least {_percent(rows['near'].min())} would come out no "
                "further off than the next one.")


def _percent(share: float) -> str:
    return amount(share, "share", digits=0)


def stability(customers: pd.DataFrame, orders: pd.DataFrame, *, as_of: date,
              weights: Mapping[str, float] = WEIGHTS) -> Stability:
    """How much of the ranking by `scoring.loyalty_score` would be the same had customers' luck been different.

    Luck is when a customer happened to buy, and what. What stays is the person: the time as a customer, and pace,
    spending and tastes of one's own. None of them is known, so each draw takes them from what the history leaves
    open, and with them a history as long as the real one. The pace comes from the gamma distribution that follows
    from the BG/NBD model (Fader, Hardie & Lee 2005; the NBD where nobody visibly leaves); customers leave as often as
    it says, some time after their last order. What is bought comes from the customer's own days with a purchase and
    from all customers', the more of one's own the more alike these are (Polya's urn: n / (n + k) with
    1 / (1 + k) the correlation of two days of one customer), apart for money, categories and ratings. Redrawing a
    customer's own orders alone would overstate stability: it takes luck for pace. Every draw scores its customers
    among themselves, as the score does.

    Against simulated shops lived twice by the same people, the shares agree within a few points for the best tenth and
    for the fifths; where most have bought once or twice, those of the lower fifths are too high by up to ten. Who
    leaves and when is no luck here: were it drawn anew as well, far fewer would stay (39 instead of 66 of 100).
    """
    kept = buyers(customers).sort_values("customer_id", ignore_index=True)
    total = len(kept)
    if total < FEWEST.ranked:
        return _unstable(f"it takes {FEWEST.ranked} customers with an order, and there {_are(total)}")
    if total > MOST:
        chosen = np.sort(np.random.default_rng(SEED).choice(total, MOST, replace=False))
        kept = kept.iloc[chosen].reset_index(drop=True)
        orders = orders[orders["customer_id"].isin(kept["customer_id"])]
    again = forecast.histories(orders, as_of=as_of)
    repeaters = int((again["frequency"] > 0).sum())
    if repeaters < FEWEST.repeaters:
        return _unstable(f"it takes {FEWEST.repeaters} customers who bought on two different days, and there "
                         f"{_are(repeaters)}")
    luck = _Luck.of(kept, orders, again)
    weights = checked_weights(weights)
    usual = _score(kept, weights)
    size = len(kept)
    ranks, top = _ranks(pd.Series(usual)), usual >= np.sort(usual)[-math.ceil(size / 10)]
    fifth = _fifths(ranks)
    rng = np.random.default_rng(SEED)
    same, near, tops, correlations = np.zeros((DRAWS, 5)), np.zeros((DRAWS, 5)), np.zeros(DRAWS), np.zeros(DRAWS)
    sizes = np.maximum(np.bincount(fifth, minlength=5), 1)
    for draw in range(DRAWS):
        other = _score(luck.redrawn(rng), weights)
        other_ranks = _ranks(pd.Series(other))
        step = np.abs(_fifths(other_ranks) - fifth)
        same[draw], near[draw] = (np.bincount(fifth, weights=step <= far, minlength=5) / sizes for far in (0, 1))
        tops[draw], correlations[draw] = _top_tenth_kept(usual, other), _correlation(ranks, other_ranks)
    low, high = np.quantile(same, [0.025, 0.975], axis=0)
    fifths = pd.DataFrame({"fifth": FIFTHS, "customers": np.bincount(fifth, minlength=5), "stays": same.mean(axis=0),
                           "low": low, "high": high, "near": near.mean(axis=0)})
    fifths = fifths[fifths["customers"] > 0].reset_index(drop=True)
    method = f"{DRAWS} draws of the same customers' luck"
    return Stability(_over("share of the best tenth that would be in it again", "share", tops, int(top.sum()), method),
                     _over("rank correlation of the loyalty score with itself", "score", correlations, size, method),
                     fifths, total, size if size < total else 0)


def _are(n: int) -> str:
    return f"is {n:,}" if n == 1 else f"are {n:,}"


def _unstable(why: str) -> Stability:
    nothing = [Finding(label=label, unit=unit, estimate=NAN, note=why) for label, unit in (
        ("share of the best tenth that would be in it again", "share"),
        ("rank correlation of the loyalty score with itself", "score"))]
    return Stability(*nothing, pd.DataFrame(columns=["fifth", "customers", "stays", "low", "high", "near"]), why=why)


def _over(label: str, unit: str, draws: np.ndarray, n: int, method: str) -> Finding:
    low, high = np.quantile(draws, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return Finding(label=label, unit=unit, estimate=float(draws.mean()), low=float(low), high=float(high), n=n,
                   method=method)


def _score(customers: pd.DataFrame, weights: Mapping[str, float]) -> np.ndarray:
    """The loyalty score of customers among themselves, all of them buyers; to nine decimals, so that equals tie."""
    return np.round(weighted_mean(component_points(customers, customers), weights), 9)


def _top_tenth_kept(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the best tenth by `one` (rounded up, ties included) that is in the best tenth by `other`."""
    known = ~np.isnan(one) & ~np.isnan(other)
    if not known.any():
        return NAN
    size = known.sum() - math.ceil(known.sum() / 10)
    top, top_other = (values[known] >= np.partition(values[known], size)[size] for values in (one, other))
    return float((top & top_other).sum() / top.sum())


def _fifths(ranks: np.ndarray) -> np.ndarray:
    """0 (lowest) to 4 by mid-rank, so that customers alike are in the same fifth."""
    return np.minimum((ranks * 5).astype(np.int64), 4)


@dataclass(frozen=True)
class _Luck:
    """What the histories of customers leave open, and the days with a purchase that new ones are made of."""

    shape: np.ndarray  # of the gamma distribution of each customer's pace
    scale_there: np.ndarray  # purchases a week, if still a customer
    scale_left: np.ndarray  # and if not
    still: np.ndarray  # chance to be still a customer
    recency: np.ndarray  # weeks
    age: np.ndarray
    kept: np.ndarray  # share of the money that was not paid back
    days: pd.DataFrame  # amount, orders, categories (one bit each), rating, ratings; by customer
    start: np.ndarray  # of each customer's days
    own: Mapping[str, np.ndarray]  # chance that a day is one of the customer's own: money, categories, rating
    known: Mapping[str, bool]

    @classmethod
    def of(cls, customers: pd.DataFrame, orders: pd.DataFrame, histories: pd.DataFrame) -> _Luck:
        # also where the NBD finds all customers alike: then all is luck
        model = leaving_or_not(*(histories[name].to_numpy() for name in ("frequency", "recency", "age")))
        mine = histories.set_index("customer_id").loc[customers["customer_id"]]
        x, recency, age = (mine[name].to_numpy(dtype=float) for name in ("frequency", "recency", "age"))
        days = _days(orders, customers["customer_id"])
        size = np.bincount(days["customer"], minlength=len(customers))
        gross = np.bincount(days["customer"], weights=days["amount"], minlength=len(customers))
        spend = known_values(customers, "spend")
        alike = {"money": _alike(days["customer"], np.log1p(days["amount"].clip(lower=0))),
                 "categories": _alike_categories(days), "rating": _alike(
                     days.loc[days["ratings"] > 0, "customer"], (days["rating"] / days["ratings"]).dropna())}
        own = {name: size * share / (size * share + 1 - share) if share < 1 else np.ones(len(size))
               for name, share in alike.items()}
        return cls(model.r + x, 1 / (model.alpha + age), 1 / (model.alpha + recency),
                   model.still_customer(x, recency, age), recency, age,
                   np.clip(np.divide(spend, gross, out=np.ones(len(size)), where=gross > 0), 0, 1), days,
                   np.cumsum(size) - size, own,
                   {"categories": bool((days["categories"] > 0).any()), "rating": bool((days["ratings"] > 0).any())})

    def redrawn(self, rng: np.random.Generator) -> pd.DataFrame:
        """The same customers with another luck: orders, spend, categories, rating, recency_days."""
        n = len(self.age)
        there = rng.random(n) < self.still
        pace = np.maximum(rng.standard_gamma(self.shape) * np.where(there, self.scale_there, self.scale_left), 1e-12)
        until = np.where(there, self.age, np.minimum(self.age, self.recency + rng.standard_exponential(n) / pace))
        more = rng.poisson(pace * until)
        last = until * rng.random(n) ** (1 / np.maximum(more, 1)) * (more > 0)  # the latest of so many
        customer = np.repeat(np.arange(n), more + 1)
        starts = np.cumsum(more + 1) - (more + 1)
        size = np.diff(np.append(self.start, len(self.days)))

        def drawn(what: str, *columns: str) -> list[np.ndarray]:
            """Columns of days drawn from the customers' own, or from all."""
            luck = rng.random(len(customer))
            own = luck < self.own[what][customer]
            within = luck / np.where(own, self.own[what][customer], 1)  # uniform again, given that it is one's own
            place = self.start[customer] + np.minimum((within * size[customer]).astype(np.int64), size[customer] - 1)
            place = np.where(own, place, rng.integers(0, len(self.days), len(customer)))
            return [self.days[column].to_numpy()[place] for column in columns]

        spent, orders = drawn("money", "amount", "orders")
        table = {"orders": np.add.reduceat(orders, starts), "spend": np.add.reduceat(spent, starts) * self.kept,
                 "recency_days": 7 * (self.age - last)}
        if self.known["categories"]:
            (bits,) = drawn("categories", "categories")
            distinct = np.bitwise_count(np.bitwise_or.reduceat(bits, starts)).astype(float)
            table["categories"] = np.where(distinct > 0, distinct, NAN)
        if self.known["rating"]:
            total, ratings = (np.add.reduceat(part, starts) for part in drawn("rating", "rating", "ratings"))
            table["rating"] = np.divide(total, ratings, out=np.full(n, NAN), where=ratings > 0)
        return pd.DataFrame(table)


def _days(orders: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    """One row for each customer of `ids` (by place) and day with a purchase, in order: what was bought on it."""
    bought = purchases(orders, known=True)
    customer = pd.Index(ids).get_indexer(bought["customer_id"])
    bought = bought.assign(customer=customer)[customer >= 0]
    categories, _ = pd.factorize(bought["category"], sort=True)
    bits = np.where(categories >= 0, np.left_shift(np.int64(1), categories.clip(min=0) % MASK), 0)
    rating = bought["rating"].to_numpy(dtype=float, na_value=NAN)
    rows = pd.DataFrame({
        "customer": bought["customer"].to_numpy(), "day": bought["ordered_at"].to_numpy().astype("datetime64[D]"),
        "orders": 1.0, "amount": bought["amount"].to_numpy(dtype=float), "bits": bits,
        "rating": np.nan_to_num(rating), "ratings": ~np.isnan(rating)})
    rows = rows.sort_values(["customer", "day", "amount"], kind="stable", ignore_index=True)
    new = (rows["customer"].diff().ne(0) | rows["day"].diff().ne(pd.Timedelta(0))).to_numpy()
    at = np.flatnonzero(new)
    sums = {name: np.add.reduceat(rows[name].to_numpy(dtype=float), at)
            for name in ("amount", "orders", "rating", "ratings")}
    return pd.DataFrame({"customer": rows["customer"].to_numpy()[at], **sums,
                         "categories": np.bitwise_or.reduceat(rows["bits"].to_numpy(), at)})


def _alike(customer: pd.Series, values: pd.Series) -> float:
    """Intraclass correlation of `values` of the same customer, 0 to 1 (one-way analysis of variance)."""
    codes, _ = pd.factorize(customer)
    values, n = values.to_numpy(dtype=float), np.bincount(codes)
    groups, total = len(n), len(codes)
    if groups < 2 or total <= groups:
        return 0.0
    means = np.bincount(codes, weights=values) / n
    within = float(((values - means[codes]) ** 2).sum() / (total - groups))
    between = float((n * (means - values.mean()) ** 2).sum() / (groups - 1))
    size = (total - (n.astype(float) ** 2).sum() / total) / (groups - 1)
    spread = (between - within) / size
    return float(np.clip(spread / (spread + within), 0, 1)) if spread > 0 else 0.0


def _alike_categories(days: pd.DataFrame) -> float:
    """How alike the categories of one customer's days are, 0 to 1: the mean of `_alike` over categories, by spread."""
    known = days[days["categories"] > 0]
    bits = known["categories"].to_numpy()
    has = [(bits >> place & 1).astype(float) for place in range(MASK)]
    spreads = np.array([one.var() if len(one) else 0.0 for one in has])
    if not spreads.sum() > 0:
        return 0.0
    return float(sum(spread * _alike(known["customer"], pd.Series(one))
                     for one, spread in zip(has, spreads, strict=True) if spread > 0) / spreads.sum())


# ---------------------------------------------------------------- had the weights been others
def weight_sensitivity(customers: pd.DataFrame, *, weights: Mapping[str, float] = WEIGHTS) -> pd.DataFrame:
    """Does the ranking depend on the weights? The weight of each component known here halved and raised by half (the
    others keep their proportions), and the articles' weights.

    Returns weights (words), rank_correlation (Spearman, with the ranking as weighted), top_tenth_kept (share of the
    best tenth that stays in it); nan below FEWEST.ranked customers with an order, and where all of them are alike.
    """
    kept = buyers(customers)
    points, weights = component_points(kept, kept), checked_weights(weights)
    scenarios = {f"{name} {words}": weights | {name: weight * factor} for name, weight in weights.items()
                 if weight and not np.isnan(points[name]).all()
                 for words, factor in (("halved", 0.5), ("raised by half", 1.5))}
    scenarios["as in the source articles, without recency"] = ARTICLE_WEIGHTS
    usual = np.round(weighted_mean(points, weights), 9)
    told = len(kept) >= FEWEST.ranked and np.nanmax(usual) > np.nanmin(usual)
    if not told:
        return pd.DataFrame({"weights": list(scenarios), "rank_correlation": NAN, "top_tenth_kept": NAN})
    ranks = _ranks(pd.Series(usual))
    rows = [(words, _correlation(ranks, _ranks(pd.Series(other))), _top_tenth_kept(usual, other))
            for words, scenario in scenarios.items() for other in [np.round(weighted_mean(points, scenario), 9)]]
    return pd.DataFrame(rows, columns=["weights", "rank_correlation", "top_tenth_kept"])


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two rankings of the same customers, those without a place in one of them left out."""
    known = ~np.isnan(one) & ~np.isnan(other)
    if known.sum() < 2 or not (np.ptp(one[known]) and np.ptp(other[known])):
        return NAN
    return float(np.corrcoef(one[known], other[known])[0, 1])


def sensitivity_sentence(table: pd.DataFrame) -> str:
    """How much the weights decide about who is called best, from `weight_sensitivity`."""
    if not table["top_tenth_kept"].notna().any():
        return (f"How much the weights matter cannot be told: it takes {FEWEST.ranked} customers with an order, not "
                "all of them alike.")
    least = table.loc[table["top_tenth_kept"].idxmin()]
    if least["top_tenth_kept"] == 1:
        return "The same customers are the best tenth under any of these weights."
    return (f"Under any of these weights at least {_percent(least['top_tenth_kept'])} of the best tenth stay in it "
            f"(fewest: {least['weights']}).")


# ---------------------------------------------------------------- do the measures agree
MEASURES = {"score": "score", "lifetime_value": "value to come", "chance_to_buy": "chance to buy"}
HIGH, LOW = 0.8, 0.5  # ranks from which, and below which, somebody counts as high and low
DISAGREE = {  # group -> (measure by which they are alike, high?, measure by which they differ)
    "high score, low chance to buy": ("score", True, "chance_to_buy"),
    "high score, low value to come": ("score", True, "lifetime_value"),
    "low score, high chance to buy": ("score", False, "chance_to_buy"),
    "low score, high value to come": ("score", False, "lifetime_value"),
}
TRAITS = ("recency_days", "orders", "spend", "mean_order", "tenure_days")
WHOLE = ("recency_days", "orders", "tenure_days")  # traits of which nobody shows a half
TELLING = 0.15  # difference of median ranks from which a trait is named as a reason
GROUPS = ["group", "customers", "share", *TRAITS, "why"]
PAIRS = ["one", "other", "customers", "rank_correlation", "low", "high", "shared", "shared_low", "shared_high"]


@dataclass(frozen=True)
class Agreement:
    """Whether score, value to come and chance to buy single out the same customers.

    `pairs`: one, other, customers, rank_correlation (Spearman) with low and high, shared (share of the best tenth by
    the one that is in the best tenth by the other) with shared_low and shared_high. `groups`: those who disagree with
    their typical (median) recency_days, orders, spend, mean_order, tenure_days, and why they do. `ranks`: customer_id
    and the rank by each measure, 0 to 1, 1 best. `why` says why there is nothing; "" otherwise.
    """

    pairs: pd.DataFrame
    groups: pd.DataFrame
    ranks: pd.DataFrame
    why: str = ""

    @property
    def sentence(self) -> str:
        if self.why:
            return f"Whether score, value and chance agree cannot be told yet: {self.why}."
        best = self.pairs[(self.pairs["one"] == MEASURES["score"]) & self.pairs["shared"].notna()]
        if best.empty:
            return f"How many of the best tenth are the same by score, value and chance: {privacy.NOT_SHOWN}."
        shared = " and ".join(
            f"{_percent(row.shared)} are in that by {row.other} ({_percent(row.shared_low)} to "
            f"{_percent(row.shared_high)})" for row in best.itertuples())
        return f"Of the best tenth by score, {shared}."

    @property
    def details(self) -> str:
        """What goes with the chart; "" where there is none."""
        return "" if self.why else self.sentence


def agreement(scored: pd.DataFrame, customers: pd.DataFrame, outlook: pd.DataFrame, *, currency: str) -> Agreement:
    """Loyalty score (`scored`), value to come and chance to buy (`outlook`) of the same customers, side by side.

    `scored` has customer_id and score, `outlook` customer_id, lifetime_value and chance_to_buy (`forecast.outlook`); a
    measure that is not known or the same for all is left out. High is the best fifth, low the lower half. A group that
    disagrees is compared with those who are alike by its first measure and agree by the second: the reasons named are
    the two traits that differ most. Intervals: Bonett & Wright 2000 for rank correlations, Wilson for shares.
    """
    known = [name for name in ("lifetime_value", "chance_to_buy") if name in outlook]
    both = scored[["customer_id", "score"]].merge(outlook[["customer_id", *known]], on="customer_id").merge(
        buyers(customers)[["customer_id", *TRAITS]], on="customer_id").sort_values("customer_id", ignore_index=True)
    both = both.dropna(subset=["score", *(name for name in known if both[name].notna().any())])
    known = ["score", *(name for name in known if both[name].nunique() > 1)]
    if len(both) < FEWEST.ranked:
        return _unknown(f"it takes {FEWEST.ranked} customers with a score and a forecast, and there {_are(len(both))}")
    if len(known) < 2 or both["score"].nunique() < 2:
        return _unknown("the score or the forecast is the same for everybody")
    both = both.reset_index(drop=True)
    ranks = both[["customer_id"]].assign(**{name: _ranks(both[name]) for name in known})
    pairs = [_pair(both, one, other) for place, one in enumerate(known) for other in known[place + 1:]]
    traits = {trait: _ranks(both[trait]) for trait in TRAITS}
    groups = [_group(both, ranks, traits, name, currency) for name, (_, _, by) in DISAGREE.items() if by in known]
    return Agreement(pd.DataFrame(pairs, columns=PAIRS), pd.DataFrame(groups, columns=GROUPS), ranks)


def _unknown(why: str) -> Agreement:
    return Agreement(pd.DataFrame(columns=PAIRS), pd.DataFrame(columns=GROUPS),
                     pd.DataFrame(columns=["customer_id", "score"]), why)


def _ranks(values: pd.Series) -> np.ndarray:
    """Mid-ranks, 0 to 1, of amounts to nine digits, so that equals tie."""
    return (values.round(9).rank() - 0.5).to_numpy() / len(values)


def _pair(both: pd.DataFrame, one: str, other: str) -> tuple:
    first, second = (both[name].round(9).to_numpy(dtype=float) for name in (one, other))
    n, found = len(both), spearman(first, second)
    half = 1.96 * math.sqrt((1 + found**2 / 2) / (n - 3))
    place = np.arctanh(np.clip(found, -1 + 1e-12, 1 - 1e-12))
    kept, top = _top_tenth_kept(first, second), int((first >= np.sort(first)[-math.ceil(n / 10)]).sum())
    limits = Share(round(kept * top), top).level(CONFIDENCE)[:3]
    return (MEASURES[one], MEASURES[other], n, found, float(np.tanh(place - half)), float(np.tanh(place + half)),
            *limits)


def _group(both: pd.DataFrame, ranks: pd.DataFrame, traits: Mapping[str, np.ndarray], name: str,
           currency: str) -> tuple:
    """A row of `Agreement.groups`."""
    by, high, against = DISAGREE[name]
    alike = (ranks[by] >= HIGH if high else ranks[by] < LOW).to_numpy()
    other = (ranks[against] < LOW if high else ranks[against] >= HIGH).to_numpy()
    them, rest = alike & other, alike & ~other
    n = int(them.sum())
    if not n:
        return (name, 0, 0.0, *[NAN] * len(TRAITS), "nobody")
    typical, usual = (both.loc[rows, list(TRAITS)].median() for rows in (them, rest))
    apart = {trait: abs(np.median(rank[them]) - np.median(rank[rest])) for trait, rank in traits.items() if rest.any()}
    named = [trait for trait in sorted(apart, key=lambda trait: -apart[trait])[:2] if apart[trait] >= TELLING]
    why = ", ".join(_reason(trait, typical[trait], usual[trait], currency) for trait in named)
    whole = [math.floor(typical[trait] + 0.5) if trait in WHOLE else typical[trait] for trait in TRAITS]
    return (name, n, n / len(both), *whole, why or "no single trait sets them apart")


def _reason(trait: str, typical: float, usual: float, currency: str) -> str:
    words = {"recency_days": "last bought {} ago", "orders": "{} so far", "spend": "spent {} so far",
             "mean_order": "{} an order", "tenure_days": "first bought {} ago"}[trait]
    return f"{words.format(_in_words(typical, trait, currency))} (the others: {_in_words(usual, trait, currency)})"


def _in_words(value: float, trait: str, currency: str) -> str:
    if trait in ("spend", "mean_order"):
        return amount(value, currency)
    whole = math.floor(value + 0.5)
    return count(whole, "order" if trait == "orders" else "day")


def published(found: Agreement, shop: Client) -> Agreement:
    """`found` as the client's audience may see it; the words of a group go with its numbers."""
    groups = privacy.published(found.groups, shop)
    groups = groups.assign(why=groups["why"].where(groups["customers"].notna()))
    top, least = np.ceil(found.pairs["customers"].astype(float) / 10), privacy.least(shop)
    shared = found.pairs["shared"].astype(float) * top
    few = (shared.round().between(1, least - 1)) | ((top - shared).round().between(1, least - 1))
    hidden = {name: found.pairs[name].mask(few) for name in ("shared", "shared_low", "shared_high")}
    return replace(found, groups=groups, pairs=found.pairs.assign(**hidden))
