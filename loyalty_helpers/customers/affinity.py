"""Affinity: which categories the same customers buy, beyond what their numbers of orders and own tastes explain.

Customers who order more have more of everything, everybody comes back to what they like, and some categories are bought
in one order. Pairs of categories are therefore compared with customers of the same numbers of orders, as many buyers of
each category, tastes as strong and as much in one order, but no link between one order and another. What goes into
one order is a question of its own (`baskets`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import norm

from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.intervals import Share, holm
from loyalty_helpers.core.messages import Fact, Listed, Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST, purchases
from loyalty_helpers.customers.buyers import CONFIDENCE, share_of

MOST = 12  # categories looked at, those with the most buyers
SAME = (0.9, 1.1)  # times as often as expected within which a difference, however certain, is none worth a word
# the same for one order: lines that repeat a category make orders of one category of what is popular, and lifts of 0.8
# to 1.2 where nothing goes together
SAME_ORDER = (0.8, 1.25)
NAMED = 3  # pairs named in a sentence
NO_TASTES = 1e6  # concentration of tastes at which customers choose alike
PAIRS = ["category", "other", "customers", "both", "share", "low", "high", "share_others", "expected", "lift",
         "lift_low", "lift_high", "p_value", "p_adjusted", "reading"]
BASKETS = ["category", "other", "orders", "both", "share", "low", "high", "expected", "lift", "lift_low", "lift_high",
           "p_value", "p_adjusted", "reading"]
NEXT = ["first", "next", "customers", "share", "low", "high", "expected", "p_adjusted"]


def choices(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What identified customers bought of which category: customer and order (numbers), ordered_at, category.

    From the lines where they know categories, else from the orders; one row for each order and category.
    """
    bought = purchases(frames["orders"], known=True)
    lines = frames.get("lines")
    if lines is not None and lines["category"].notna().any():
        known = lines[["order_id", "category"]].dropna().drop_duplicates()
        bought = bought.drop(columns="category").merge(known, on="order_id")
    category, names = pd.factorize(bought["category"], sort=True)
    order = np.where(bought["order_id"].isna(), -1 - np.arange(len(bought)), pd.factorize(bought["order_id"])[0])
    chosen = pd.DataFrame({"customer": pd.factorize(bought["customer_id"])[0], "order": order,
                           "ordered_at": bought["ordered_at"].array, "category": category})
    chosen = chosen[category >= 0].drop_duplicates(["customer", "order", "category"], ignore_index=True)
    return chosen.assign(category=pd.Categorical.from_codes(chosen["category"], [*names]))


def cross_sell(chosen: pd.DataFrame) -> Finding:
    """Cross-sell rate: of the customers whose categories are known, the share who bought from two or more."""
    each = _coded(chosen)[["customer", "category"]].drop_duplicates().groupby("customer").size()
    return share_of(message("cross-sell"), int((each >= 2).sum()), len(each), note=message("no-categories"))


def _coded(chosen: pd.DataFrame) -> pd.DataFrame:
    """`choices` with categories as numbers."""
    return chosen.assign(category=chosen["category"].cat.codes.astype(np.int64))


def affinity(chosen: pd.DataFrame) -> pd.DataFrame:
    """Pairs of the MOST categories with most buyers (FEWEST.buyers at least), those that go together most on top.

    Of the `customers` who bought `category`, the `share` who bought `other` too (Wilson: low, high), beside the share
    of all other customers, `share_others`, and what is `expected` with no link between one order and another: a
    customer's chance to have bought a category follows from the number of orders, with tastes drawn from a Dirichlet
    distribution over what an order holds (chances of the multivariate Polya distribution) whose strength is what the
    shop's customers show, and whose means give as many buyers of each category, and as many of both in one order, as
    there are. `lift` is together / expected, from the covariance of what the two lack or exceed, so that neither the
    heavy buyers nor the popularity of a category enter; p from its variance without a link, adjusted for all pairs
    judged (Holm).

    `reading`: "together" or "apart" where p_adjusted is below 0.05 and lift is beyond SAME, "as expected", or "too few"
    below FEWEST.both expected. Empty with fewer than two such categories.
    """
    names = chosen["category"].cat.categories.to_numpy()
    customer, _ = pd.factorize(chosen["customer"])
    cells, times = np.unique(customer * len(names) + _coded(chosen)["category"].to_numpy(), return_counts=True)
    who, what = np.divmod(cells, max(len(names), 1))
    most = _most_bought(chosen)
    if len(most) < 2:
        return pd.DataFrame(columns=PAIRS)
    made = np.bincount(chosen.assign(customer=customer).drop_duplicates(["customer", "order"])["customer"])
    place = np.full(len(names), -1)
    place[most] = np.arange(len(most))
    has = np.zeros((len(made), len(most)))
    has[who[place[what] >= 0], place[what[place[what] >= 0]]] = 1
    buyer, holds = _held(chosen, most)
    several = holds.sum(axis=1) > 1
    buyer, holds = buyer[several], holds[several]
    at_once = {(a, b): len(np.unique(buyer[holds[:, a] & holds[:, b]]))
               for a, b in combinations(range(len(most)), 2)}
    none = _Unlinked(made, has, concentration(who, times, what, made))
    rows = [_pair(none, a, b, at_once[a, b]) for a, b in at_once]
    table = pd.DataFrame(rows).assign(category=lambda t: names[most[t["a"]]], other=lambda t: names[most[t["b"]]])
    return _read(table)[PAIRS]


def _most_bought(chosen: pd.DataFrame) -> np.ndarray:
    """The codes of the categories looked at."""
    each = _coded(chosen)[["customer", "category"]].drop_duplicates()
    buyers = np.bincount(each["category"], minlength=len(chosen["category"].cat.categories))
    most = np.sort(np.argsort(-buyers, kind="stable")[:MOST])
    return most[buyers[most] >= FEWEST.buyers]


def _held(chosen: pd.DataFrame, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each order with any of the categories `most` the customer, and which of them it holds (orders x most)."""
    rows = _coded(chosen)
    rows = rows[rows["category"].isin(most)]
    orders = rows.groupby(["customer", "order"]).ngroup().to_numpy()
    n = orders.max(initial=-1) + 1
    holds, buyer = np.zeros((n, len(most)), dtype=bool), np.zeros(n, dtype=np.int64)
    holds[orders, np.searchsorted(most, rows["category"])] = True
    buyer[orders] = rows["customer"]
    return buyer, holds


def _read(table: pd.DataFrame, same: tuple[float, float] = SAME) -> pd.DataFrame:
    """With p_adjusted and `reading` (lifts within `same` as expected), what goes together most on top."""
    adjusted = holm(table["p_value"])
    none = (adjusted >= 1 - CONFIDENCE) | table["lift"].between(*same)
    reading = np.select([np.isnan(adjusted), none, table["lift"] > 1], ["too few", "as expected", "together"], "apart")
    table = table.assign(p_adjusted=adjusted, reading=reading)
    return table.sort_values(["lift", "category", "other"], ascending=[False, True, True], ignore_index=True)


def concentration(customer: np.ndarray, times: np.ndarray, category: np.ndarray, made: np.ndarray) -> float:
    """How alike tastes are: s of Dirichlet(s p). Whether two orders of one customer hold a category correlates by
    1 / (1 + s), in orders of several categories too.

    From counts: `customer` chose `category` in so many orders (`times`) of those `made`. A customer of k orders has
    weight k - 1.
    """
    pairs = np.bincount(customer, weights=times * (times - 1), minlength=len(made))
    several = made > 1
    weight = np.where(several, made - 1, 0)
    if not several.any():
        return NO_TASTES
    within = np.sum(weight[several] * pairs[several] / (made * (made - 1))[several]) / weight.sum()
    mean = np.bincount(category, weights=(weight / made)[customer] * times) / weight.sum()
    chance, most = float((mean**2).sum()), float(mean.sum())
    alike = (within - chance) / (most - chance) if chance < most else 0.0
    return float(np.clip((1 - alike) / alike, 1 / NO_TASTES, NO_TASTES)) if alike > 0 else NO_TASTES


class _Unlinked:
    """Chances to have bought categories after so many choices, without a link; by number of choices (`size` many)."""

    def __init__(self, made: np.ndarray, has: np.ndarray, strength: float):
        self.choices, group, self.size = np.unique(made, return_inverse=True, return_counts=True)
        self.strength = strength
        self.buyers = np.column_stack([np.bincount(group, weights=column) for column in has.T])
        self.both = has.T @ has
        self.mean = np.array([self.share_of(n) for n in self.buyers.sum(axis=0)])
        self.bought = np.column_stack([1 - self.without(mean) for mean in self.mean])

    def without(self, mean: float) -> np.ndarray:
        """Chance not to have chosen, by number of choices, what has this `mean` share of tastes."""
        rest = max(self.strength * (1 - mean), 1e-9)
        return np.exp(gammaln(rest + self.choices) - gammaln(rest) + gammaln(self.strength)
                      - gammaln(self.strength + self.choices))

    def share_of(self, buyers: float) -> float:
        """The mean share of tastes with which so many buyers are expected."""

        def excess(mean: float) -> float:
            return float(self.size @ (1 - self.without(mean))) - buyers

        ends = 1e-9, 1 - 1e-9
        if excess(ends[0]) < 0 < excess(ends[1]):
            return brentq(excess, *ends)
        return ends[1] if excess(ends[1]) <= 0 else ends[0]


def _pair(none: _Unlinked, a: int, b: int, at_once: int) -> dict[str, float]:
    """A row of `affinity`; `at_once` customers bought both in one order."""
    buyers = none.buyers.sum(axis=0)
    if buyers[a] > buyers[b]:  # of the rarer the share who bought the other says more
        a, b = b, a
    one, other, n = none.bought[:, a], none.bought[:, b], none.size
    either = none.mean[a] + none.mean[b] - (none.share_of(at_once) if at_once else 0.0)
    together = np.clip(one + other - 1 + none.without(float(np.clip(either, 0, 1 - 1e-9))),
                       np.maximum(one + other - 1, 0), np.minimum(one, other))
    expected, both = float(n @ together), float(none.both[a, b])
    # sum over customers of (has one - chance) (has the other - chance), less what it is without a link
    seen = both - none.buyers[:, a] @ other - none.buyers[:, b] @ one + n @ (one * other)
    link = together - one * other
    square = ((1 - one) ** 2 * (1 - other) ** 2 * together + (1 - one) ** 2 * other**2 * (one - together)
              + one**2 * (1 - other) ** 2 * (other - together) + one**2 * other**2 * (1 - one - other + together))
    beyond, error = float(seen - n @ link), float(np.sqrt(max(n @ (square - link**2), 0)))
    judged = expected >= FEWEST.both and error > 0
    lift, margin = (1 + beyond / expected, norm.ppf(0.5 + CONFIDENCE / 2) * error / expected) if judged else (NAN, NAN)
    share, low, high = Share(both, buyers[a]).level(CONFIDENCE)[:3]
    rest = n.sum() - buyers[a]
    return {"a": a, "b": b, "customers": int(buyers[a]), "both": int(both), "share": share, "low": low, "high": high,
            "share_others": (buyers[b] - both) / rest if rest else NAN, "expected": expected / buyers[a], "lift": lift,
            "lift_low": max(lift - margin, 0.0), "lift_high": lift + margin,
            "p_value": float(2 * norm.sf(abs(beyond) / error)) if judged else NAN}


def affinity_sentence(table: pd.DataFrame) -> list[Message]:
    """The pairs that stand out, or that none does, and how many were looked at."""
    judged = table[table["lift"].notna()]
    if judged.empty:
        return [message("pairs-unknown", least=FEWEST.buyers)]
    found, apart = (judged[judged["reading"] == reading] for reading in ("together", "apart"))
    less = [message("pairs-apart", pairs=_named(apart[::-1]))] if len(apart) else []
    if found.empty:
        return [message("pairs-none-more" if less else "pairs-none", pairs=len(judged)), *less]
    best = found.iloc[0]
    also = [message("pairs-also", pairs=_named(found[1:]))] if len(found) > 1 else []
    return [message("pairs-together", buyers=Persons(int(best["customers"])), pairs=len(judged), **_facts(best, 2)),
            *also, *less]


def _facts(best: pd.Series, digits: int) -> dict[str, Fact]:
    """What a sentence says of a pair."""
    lifts = {name: Number(best[name], "", digits) for name in ("lift", "lift_low", "lift_high")}
    shares = {name: Number(best[name], "share", 0) for name in ("share", "expected")}
    return {"category": str(best["category"]), "other": str(best["other"]), **shares, **lifts}


def _named(pairs: pd.DataFrame) -> Listed:
    """The first NAMED pairs by name, and how many more there are."""
    names = [message("pair", one=str(row.category), other=str(row.other)) for row in pairs[:NAMED].itertuples()]
    more = [message("pairs-more", pairs=len(pairs) - NAMED)] if len(pairs) > NAMED else []
    return Listed((*names, *more), "semicolon")


# ---------------------------------------------------------------- in one order
def baskets(chosen: pd.DataFrame) -> pd.DataFrame:
    """Pairs of categories bought in one order: how much more often than if it were dealt by lot what goes together.

    Of the `orders` with `category` (the rarer of the two), the `share` that hold `other` too (Wilson: low, high),
    beside what is `expected` with the same number of categories in each order and each category in as many orders, and
    else by lot (`_dealt`). `lift` is share / expected. Customers, not orders, are taken for independent: p by the
    larger of the variance by customer and by order, adjusted for all pairs judged (Holm). `reading` as in `affinity`,
    beyond SAME_ORDER, of the same categories. Empty where no order holds two.
    """
    names, place = chosen["category"].cat.categories.to_numpy(), _most_bought(chosen)
    buyer, holds = _held(chosen, place)
    size = holds.sum(axis=1)
    if len(place) < 2 or not (size > 1).any():
        return pd.DataFrame(columns=BASKETS)
    sizes, group, times = np.unique(size, return_inverse=True, return_counts=True)
    chances = _dealt(holds.sum(axis=0), sizes, times)
    rows = [_basket_pair(buyer, holds, group, chances[:, a, b], (a, b)) for a, b in combinations(range(len(place)), 2)]
    table = pd.DataFrame(rows)
    table = table.assign(category=names[place[table["a"]]], other=names[place[table["b"]]])
    return _read(table, SAME_ORDER)[BASKETS]


def _basket_pair(buyer: np.ndarray, holds: np.ndarray, group: np.ndarray, chances: np.ndarray,
                 pair: tuple[int, int]) -> dict[str, float]:
    """A row of `baskets`; `chances` of both in one order, by the `group` of the order's size."""
    a, b = sorted(pair, key=lambda one: (holds[:, one].sum(), one))
    orders, together = int(holds[:, a].sum()), holds[:, a] & holds[:, b]
    both, chance = int(together.sum()), chances[group]
    expected = float(chance.sum())
    share, low, high = Share(both, orders).level(CONFIDENCE)[:3]
    by_customer = np.bincount(buyer, weights=together - chance)
    variance = max(float((by_customer**2).sum()), float((chance * (1 - chance)).sum()))
    judged = expected >= FEWEST.both and variance > 0
    wider = np.sqrt(max(variance / (chance * (1 - chance)).sum(), 1)) if judged else NAN
    lifts = [one * orders / expected if judged else NAN for one in (share, low, high)]
    lift, down, up = lifts[0], wider * (lifts[0] - lifts[1]), wider * (lifts[2] - lifts[0])
    return {"a": a, "b": b, "orders": orders, "both": both, "share": share, "low": low, "high": high,
            "expected": expected / orders, "lift": lift, "lift_low": max(lift - down, 0.0), "lift_high": lift + up,
            "p_value": float(2 * norm.sf(abs(both - expected) / np.sqrt(variance))) if judged else NAN}


def _dealt(totals: np.ndarray, sizes: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Chances that an order of each of `sizes` holds two categories (sizes x categories x categories).

    Categories enter orders without replacement, by weights that give each its number of orders (`totals`) when there
    are so many orders (`times`) of each size: conditional Bernoulli sampling (Chen, Dempster & Liu 1994, eq. 5).
    """
    n = len(totals)
    weight = np.maximum(totals / totals.sum(), 1e-12)

    def sums(left_out: set[int]) -> np.ndarray:
        """Elementary symmetric polynomials of the weights but those, of degree 0 to n."""
        kept = np.poly(-np.delete(weight, list(left_out)))
        return np.append(kept, np.zeros(n + 1 - len(kept)))

    for _ in range(200):
        every = sums(set())[sizes]
        held = np.array([times @ (weight[a] * sums({a})[sizes - 1] / every) for a in range(n)])
        weight = np.maximum(weight * totals / held, 1e-12)
        weight = weight / weight.sum()
    every, chances = sums(set())[sizes], np.zeros((len(sizes), n, n))
    for a, b in combinations(range(n), 2):
        without = np.where(sizes > 1, sums({a, b})[np.maximum(sizes - 2, 0)], 0.0)
        chances[:, a, b] = chances[:, b, a] = weight[a] * weight[b] * without / every
    return chances


def baskets_sentence(table: pd.DataFrame) -> list[Message]:
    """What is bought together in one order, or that nothing stands out; nothing where no order holds two categories."""
    judged = table[table["lift"].notna()]
    if judged.empty:
        return [message("baskets-unknown")] if len(table) else []
    found = judged[judged["reading"] == "together"].sort_values("both", ascending=False, kind="stable")
    if found.empty:
        return [message("baskets-none", pairs=len(judged))]
    best = found.iloc[0]
    also = [message("baskets-also", pairs=_named(found[1:]))] if len(found) > 1 else []
    bounds = "yes" if round(best["lift_low"], 1) != round(best["lift_high"], 1) else "no"  # where all hold both
    return [message("baskets-together", orders=int(best["orders"]), pairs=len(judged), bounds=bounds,
                    **_facts(best, 1)), *also]


# ---------------------------------------------------------------- what came next
def next_category(chosen: pd.DataFrame) -> pd.DataFrame:
    """After the categories of the first order: what the customer turned to next, not bought before.

    The ways taken, between the MOST categories with most buyers. Of the `customers` per `first` who have bought
    anything new since, the `share` who turned to each `next` (Wilson: low, high), beside what is `expected` if it makes
    no difference where they began: with each customer what is left to turn to, and orders with all that they hold
    (`_next_orders`). p_adjusted: Holm over all ways with FEWEST.both expected. Where an order holds several categories
    each counts, so that shares may add up to more than 1.
    """
    rows = _coded(chosen)
    bought = rows[["customer", "category"]].drop_duplicates()["category"]
    most = np.sort(np.argsort(-np.bincount(bought, minlength=len(chosen["category"].cat.categories)),
                              kind="stable")[:MOST])
    rows = rows[rows["category"].isin(most)]
    when = rows.groupby(["customer", "category"])["ordered_at"].transform("min")
    start = rows.groupby("customer")["ordered_at"].transform("min")
    later = when > start
    if not later.any():
        return pd.DataFrame(columns=NEXT)
    fresh = when[later].groupby(rows.loc[later, "customer"]).min()  # the first time of anything new
    turned = rows[rows["customer"].isin(fresh.index)]
    bit = 1 << np.searchsorted(most, turned["category"])
    begun = _sets(turned["customer"], np.where(turned["ordered_at"] == start[turned.index], bit, 0))
    following = _sets(turned["customer"], np.where(turned["ordered_at"] == turned["customer"].map(fresh), bit, 0))
    ways, counts = np.unique(np.column_stack([begun, following]), axis=0, return_counts=True)
    sets, place = np.unique(ways, return_inverse=True)
    place = place.reshape(ways.shape)
    table = np.zeros((len(sets), len(sets)))
    table[place[:, 0], place[:, 1]] = counts
    holds = (sets[:, None] >> np.arange(len(most)) & 1).astype(bool)
    new = table.sum(axis=1)[:, None] * np.where(holds, 0.0, _next_orders(table, sets) @ holds)  # expected, set x next
    error = new * (1 - np.divide(new, table.sum(axis=1)[:, None], out=np.zeros_like(new), where=new > 0))
    went, fitted, square = holds.T @ table.sum(axis=1), holds.T @ new, holds.T @ error
    seen = holds.T @ np.where(holds, 0.0, table @ holds)
    return _ways(pd.DataFrame([(chosen["category"].cat.categories[most[a]], chosen["category"].cat.categories[most[b]],
                                int(seen[a, b]), int(went[a]), fitted[a, b], square[a, b])
                               for a in range(len(most)) for b in range(len(most)) if a != b and went[a]],
                              columns=["first", "next", "customers", "n", "fitted", "square"]))


def _sets(customer: pd.Series, bit: np.ndarray) -> np.ndarray:
    """The set of categories of each customer, as bits; customers in order of their numbers."""
    cells = pd.DataFrame({"customer": customer.to_numpy(), "bit": bit}).drop_duplicates()
    return cells.groupby("customer")["bit"].sum().to_numpy()


def _ways(long: pd.DataFrame) -> pd.DataFrame:
    """NEXT, from counts with what is expected (`fitted`) and its variance (`square`)."""
    limits = [Share(hits, n).level(CONFIDENCE)[:3] for hits, n in zip(long["customers"], long["n"], strict=True)]
    long = long.join(pd.DataFrame(limits, columns=["share", "low", "high"], dtype="float64"))
    p = 2 * norm.sf((long["customers"] - long["fitted"]).abs() / np.sqrt(long["square"].clip(lower=1e-9)))
    long = long.assign(expected=long["fitted"] / long["n"],
                       p_adjusted=holm(np.where(long["fitted"] >= FEWEST.both, p, NAN)))
    long = long.sort_values(["first", "customers", "next"], ascending=[True, False, True], ignore_index=True)
    return long[long["customers"] > 0].reset_index(drop=True)[NEXT]


def _next_orders(counts: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """The chance of each next order (columns) after each first one (rows), if it makes no difference how they began.

    Orders are `sets` of categories as bits and stay whole; next comes an order with anything new, in proportion to a
    frequency of orders that is the same for all. The frequencies are those most likely by `counts` (quasi-
    independence with impossible cells, Goodman 1968; fitted by minorization, Hunter 2004).
    """
    possible = (sets[None, :] & ~sets[:, None]) != 0
    began, came = counts.sum(axis=1), counts.sum(axis=0)
    frequency = came / came.sum()
    for _ in range(500):
        left = possible @ frequency
        risk = possible.T @ np.divide(began, left, out=np.zeros_like(left), where=left > 0)
        frequency = np.divide(came, risk, out=np.zeros_like(came), where=risk > 0)
        frequency = frequency / frequency.sum()
    chance = possible * frequency
    total = chance.sum(axis=1, keepdims=True)
    return np.divide(chance, total, out=np.zeros_like(chance), where=total > 0)


def next_sentence(table: pd.DataFrame) -> Message:
    """Where customers turn next beyond what is usual, or that it makes no difference where they began."""
    listed = table[table["customers"] >= FEWEST.both]
    if listed.empty:
        return message("next-unknown")
    clear = listed[(listed["share"] > SAME[1] * listed["expected"]) & (listed["p_adjusted"] < 1 - CONFIDENCE)]
    top = (clear if len(clear) else listed).sort_values("customers", ascending=False, kind="stable").iloc[0]
    return message("next-beyond-chance" if len(clear) else "next-by-chance", first=str(top["first"]),
                   next=str(top["next"]), share=Number(top["share"], "share", 0),
                   usual=Number(top["expected"], "share", 0))
