"""Agreement: how far a ranking of customers can be trusted.

A score is computed to the last digit, but it rests on when people happened to come by. Three questions: would the
ranking be the same had the same customers' luck been different (`stability`), had the weights been others
(`weight_sensitivity`), and do the score, the expected value and the chance to buy single out the same people
(`agreement`)?
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.intervals import SEED, Share
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST, purchases
from loyalty_helpers.customers import scoring
from loyalty_helpers.customers.scoring import (
    ARTICLE_WEIGHTS,
    CONFIDENCE,
    WEIGHTS,
    buyers,
    component_points,
    weighted_mean,
)
from loyalty_helpers.forecast.bg_nbd import leaving_or_not
from loyalty_helpers.forecast.purchase_days import histories

MOST = 5000  # customers whose luck is drawn anew; of more, so many are picked at random
DRAWS = 100
MASK = 63  # categories told apart when they are counted


# ---------------------------------------------------------------- had luck been different
@dataclass(frozen=True)
class Stability:
    """How far the ranking by loyalty score would come out the same again.

    `top`: share of the best tenth that would be in it again, with the middle 95 % of the draws as interval. `fifths`:
    fifth (0 the lowest), customers, stays, low, high: the share that would be in the same fifth again. `sampled`: the
    customers it was reckoned from, where that is a part of them, else 0.
    """

    top: Finding
    fifths: pd.DataFrame
    sampled: int = 0

    @property
    def sentence(self) -> Message:
        share, low, high = (Number(end, "share", digits=0) for end in (self.top.estimate, self.top.low, self.top.high))
        if not self.top.measurable:
            return message("luck-untold", why=self.top.note)
        return message("luck", best=Persons(self.top.n), share=share, low=low, high=high,
                       drawn="yes" if self.sampled else "no", customers=Persons(self.sampled))


def stability(customers: pd.DataFrame, orders: pd.DataFrame, *, as_of: date) -> Stability:
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
        return _unstable(message("luck-of-few", least=FEWEST.ranked, customers=Persons(total)))
    if total > MOST:
        chosen = np.sort(np.random.default_rng(SEED).choice(total, MOST, replace=False))
        kept = kept.iloc[chosen].reset_index(drop=True)
        orders = orders[orders["customer_id"].isin(kept["customer_id"])]
    again = histories(orders, as_of=as_of)
    repeaters = int((again["frequency"] > 0).sum())
    if repeaters < FEWEST.repeaters:
        return _unstable(message("luck-of-few-repeaters", least=FEWEST.repeaters, customers=Persons(repeaters)))
    luck, rng = _Luck.of(kept, orders, again), np.random.default_rng(SEED)
    usual, size = _score(kept), len(kept)
    top, fifth = usual >= np.sort(usual)[-math.ceil(size / 10)], _fifths(usual)
    sizes, same, tops = np.bincount(fifth, minlength=5), np.zeros((DRAWS, 5)), np.zeros(DRAWS)
    for draw in range(DRAWS):
        other = _score(luck.redrawn(rng))
        same[draw] = np.bincount(fifth, weights=_fifths(other) == fifth, minlength=5) / np.maximum(sizes, 1)
        tops[draw] = _top_tenth_kept(usual, other)
    low, high = np.quantile(same, [0.025, 0.975], axis=0)
    fifths = pd.DataFrame({"fifth": range(5), "customers": sizes, "stays": same.mean(axis=0), "low": low, "high": high})
    ends = np.quantile(tops, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    found = Finding(label=message("stays-best-tenth"), unit="share", estimate=float(tops.mean()), low=float(ends[0]),
                    high=float(ends[1]), n=int(top.sum()), method="draws")
    return Stability(found, fifths[sizes > 0].reset_index(drop=True), size if size < total else 0)


def _unstable(why: Message) -> Stability:
    return Stability(Finding(label=message("stays-best-tenth"), unit="share", estimate=NAN, note=why),
                     pd.DataFrame(columns=["fifth", "customers", "stays", "low", "high"]))


def _score(customers: pd.DataFrame) -> np.ndarray:
    """The loyalty score of customers among themselves, all of them buyers; to nine decimals, so that equals tie."""
    return np.round(weighted_mean(component_points(customers, customers), WEIGHTS), 9)


def _top_tenth_kept(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the best tenth by `one` (rounded up, ties included) that is in the best tenth by `other`."""
    known = ~np.isnan(one) & ~np.isnan(other)
    if not known.any():
        return NAN
    size = known.sum() - math.ceil(known.sum() / 10)
    top, top_other = (values[known] >= np.partition(values[known], size)[size] for values in (one, other))
    return float((top & top_other).sum() / top.sum())


def _ranks(values: np.ndarray | pd.Series) -> np.ndarray:
    """Mid-ranks, 0 to 1, of amounts to nine digits, so that equals tie."""
    return (pd.Series(values).round(9).rank() - 0.5).to_numpy() / len(values)


def _fifths(values: np.ndarray) -> np.ndarray:
    """0 (lowest) to 4 by mid-rank, so that customers alike are in the same fifth."""
    return np.minimum((_ranks(values) * 5).astype(np.int64), 4)


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
    own: Mapping[str, np.ndarray]  # chance that a day is one of the customer's own, for money and whatever is known

    @classmethod
    def of(cls, customers: pd.DataFrame, orders: pd.DataFrame, histories: pd.DataFrame) -> _Luck:
        # also where the NBD finds all customers alike: then all is luck
        model = leaving_or_not(*(histories[name].to_numpy() for name in ("frequency", "recency", "age")))
        mine = histories.set_index("customer_id").loc[customers["customer_id"]]
        x, recency, age = (mine[name].to_numpy(dtype=float) for name in ("frequency", "recency", "age"))
        days = _days(orders, customers["customer_id"])
        size = np.bincount(days["customer"], minlength=len(customers))
        gross = np.bincount(days["customer"], weights=days["amount"], minlength=len(customers))
        spend = scoring.known_values(customers, "spend")
        alike, rated = {"money": _alike(days["customer"], np.log1p(days["amount"].clip(lower=0)))}, days["ratings"] > 0
        if (days["categories"] > 0).any():
            alike["categories"] = _alike_categories(days)
        if rated.any():
            alike["rating"] = _alike(days.loc[rated, "customer"], (days["rating"] / days["ratings"])[rated])
        own = {name: size * share / (size * share + 1 - share) if share < 1 else np.ones(len(size))
               for name, share in alike.items()}
        return cls(model.r + x, 1 / (model.alpha + age), 1 / (model.alpha + recency),
                   model.still_customer(x, recency, age), recency, age,
                   np.clip(np.divide(spend, gross, out=np.ones(len(size)), where=gross > 0), 0, 1), days,
                   np.cumsum(size) - size, own)

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
        if "categories" in self.own:
            (bits,) = drawn("categories", "categories")
            distinct = np.bitwise_count(np.bitwise_or.reduceat(bits, starts)).astype(float)
            table["categories"] = np.where(distinct > 0, distinct, NAN)
        if "rating" in self.own:
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
def weight_sensitivity(customers: pd.DataFrame) -> Message:
    """Does the ranking depend on the weights? The share of the best tenth that stays in it at least, with the weight of
    each component known here halved and raised by half (the others keep their proportions), and with the articles'.

    Nothing is told below FEWEST.ranked customers with an order, and where all of them are alike.
    """
    kept = buyers(customers)
    points = component_points(kept, kept)
    scenarios = {(name, way): WEIGHTS | {name: weight * factor} for name, weight in WEIGHTS.items()
                 if not np.isnan(points[name]).all() for way, factor in (("halved", 0.5), ("raised", 1.5))}
    scenarios["articles", "whole"] = ARTICLE_WEIGHTS
    usual = _score(kept)
    if len(kept) < FEWEST.ranked or not np.nanmax(usual) > np.nanmin(usual):
        return message("weights-untold", least=FEWEST.ranked)
    stays = {key: _top_tenth_kept(usual, np.round(weighted_mean(points, scenario), 9))
             for key, scenario in scenarios.items()}
    (component, way), least = min(stays.items(), key=lambda item: item[1])
    return message("weights-no-matter") if least == 1 else message(
        "weights-matter", share=Number(least, "share", digits=0),
        fewest=message("other-weights", component=component, way=way))


# ---------------------------------------------------------------- do the measures agree
MEASURES = ("lifetime_value", "chance_to_buy")  # beside the score
HIGH, LOW = 0.8, 0.5  # ranks from which, and below which, somebody counts as high and low
DISAGREE = ((True, "chance_to_buy"), (True, "lifetime_value"), (False, "chance_to_buy"), (False, "lifetime_value"))
TRAITS = ("recency_days", "orders", "spend", "mean_order", "tenure_days")
TELLING = 0.15  # difference of median ranks from which a trait is named as a reason
GROUPS = ["group", "customers", "share", "why"]


@dataclass(frozen=True)
class Agreement:
    """Whether score, value to come and chance to buy single out the same customers.

    `shared`: share of the best tenth by score that is in the best tenth by each of the MEASURES known. `groups`: those
    on whom score and measure disagree (high is the best fifth, low the lower half), and what sets them apart. `why`
    says why there is nothing.
    """

    shared: dict[str, Finding]
    groups: pd.DataFrame
    why: Message | None = None

    @property
    def sentence(self) -> Message:
        if self.why is not None:
            return message("agreement-untold", why=self.why)
        told = tuple(message("best-tenth-shared", measure=name, share=Number(one.estimate, "share", digits=0),
                             low=Number(one.low, "share", digits=0), high=Number(one.high, "share", digits=0))
                     for name, one in self.shared.items() if one.measurable)
        return message("agreement", shared=Listed(told, "and")) if told else message("agreement-hidden")


def agreement(scored: pd.DataFrame, customers: pd.DataFrame, outlook: pd.DataFrame, *, currency: str) -> Agreement:
    """Loyalty score (`scored`), value to come and chance to buy (`outlook`) of the same customers, side by side.

    `scored` has customer_id and score, `outlook` customer_id, lifetime_value and chance_to_buy (`forecast.outlook`); a
    measure that is not known or the same for all is left out. A group that disagrees is compared with those who are
    alike by score and agree by the measure: the reasons named are the two traits that differ most. Intervals: Wilson.
    """
    known = [name for name in MEASURES if name in outlook]
    both = scored[["customer_id", "score"]].merge(outlook[["customer_id", *known]], on="customer_id").merge(
        buyers(customers)[["customer_id", *TRAITS]], on="customer_id").sort_values("customer_id", ignore_index=True)
    both = both.dropna(subset=["score", *(name for name in known if both[name].notna().any())]).reset_index(drop=True)
    known = [name for name in known if both[name].nunique() > 1]
    nothing = None
    if len(both) < FEWEST.ranked:
        nothing = message("agreement-of-few", least=FEWEST.ranked, customers=Persons(len(both)))
    elif not known or both["score"].nunique() < 2:
        nothing = message("agreement-of-equals")
    if nothing is not None:
        return Agreement({}, pd.DataFrame(columns=GROUPS), nothing)
    ranks, traits = ({name: _ranks(both[name]) for name in names} for names in (("score", *known), TRAITS))
    groups = [_group(both, ranks, traits, (high, measure), currency) for high, measure in DISAGREE if measure in known]
    return Agreement({name: _shared(both, name) for name in known}, pd.DataFrame(groups, columns=GROUPS))


def _shared(both: pd.DataFrame, measure: str) -> Finding:
    score, other = (both[name].round(9).to_numpy(dtype=float) for name in ("score", measure))
    top = int((score >= np.sort(score)[-math.ceil(len(both) / 10)]).sum())
    share, low, high, _, method = Share(round(_top_tenth_kept(score, other) * top), top).level(CONFIDENCE)
    return Finding(label=message("best-tenth-by", measure=measure), unit="share", estimate=share, low=low, high=high,
                   n=top, method=method)


def _group(both: pd.DataFrame, ranks: Mapping[str, np.ndarray], traits: Mapping[str, np.ndarray],
           disagree: tuple[bool, str], currency: str) -> tuple:
    """A row of `Agreement.groups`."""
    high, measure = disagree
    alike = ranks["score"] >= HIGH if high else ranks["score"] < LOW
    other = ranks[measure] < LOW if high else ranks[measure] >= HIGH
    them, rest = alike & other, alike & ~other
    n, name = int(them.sum()), message("disagreeing", score="high" if high else "low", measure=measure)
    if not n:
        return name, 0, 0.0, message("nobody-disagrees")
    typical, usual = (both.loc[rows, list(TRAITS)].median() for rows in (them, rest))
    apart = {trait: abs(np.median(rank[them]) - np.median(rank[rest])) for trait, rank in traits.items() if rest.any()}
    named = [trait for trait in sorted(apart, key=lambda trait: -apart[trait])[:2] if apart[trait] >= TELLING]
    why = Listed(tuple(message(f"apart-{trait.replace('_', '-')}", theirs=_typical(typical[trait], trait, currency),
                               others=_typical(usual[trait], trait, currency)) for trait in named))
    return name, n, n / len(both), message("set-apart", why=why) if named else message("nothing-sets-apart")


def _typical(value: float, trait: str, currency: str) -> Number | int:
    """A median as it is shown: of days and orders nobody shows a half."""
    return Number(value, currency) if trait in ("spend", "mean_order") else math.floor(value + 0.5)
