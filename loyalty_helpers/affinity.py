"""Affinity: which categories the same customers buy, beyond what their numbers of orders and own tastes explain.

Customers who order more have more of everything, and everybody comes back to what they like. Pairs of categories are
therefore compared with customers of the same numbers of orders, as many buyers of each category, and tastes as
strong, but no link between one category and another.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import norm

from loyalty_helpers.findings import NAN, Finding, amount, count, number
from loyalty_helpers.intervals import Share, holm
from loyalty_helpers.scoring import CONFIDENCE, purchases, share_of

MOST = 12  # categories looked at, those with the most buyers
FEWEST_BUYERS = 20  # of a category, below which it is not looked at
FEWEST_BOTH = 5  # buyers of both to be expected, below which a pair is not judged
NO_TASTES = 1e6  # concentration of tastes at which customers choose alike
PAIRS = ["category", "other", "customers", "both", "share", "low", "high", "share_others", "expected", "lift",
         "lift_low", "lift_high", "p_value", "p_adjusted", "reading"]
NEXT = ["first", "next", "customers", "share", "low", "high", "expected", "p_adjusted"]


def choices(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What identified customers bought of which category: customer (a number), ordered_at, category (Categorical).

    From the lines where they know categories, else from the orders; one row for each order and category.
    """
    bought = purchases(frames["orders"])
    lines = frames.get("lines")
    if lines is not None and lines["category"].notna().any():
        known = lines[["order_id", "category"]].dropna().drop_duplicates()
        bought = bought.drop(columns="category").drop_duplicates(["customer_id", "order_id"])
        bought = bought.merge(known, on="order_id")
    category, names = pd.factorize(bought["category"], sort=True)
    order = np.where(bought["order_id"].isna(), -1 - np.arange(len(bought)), pd.factorize(bought["order_id"])[0])
    chosen = pd.DataFrame({"customer": pd.factorize(bought["customer_id"])[0], "order": order,
                           "ordered_at": bought["ordered_at"].array, "category": category})
    chosen = chosen[category >= 0].drop_duplicates(["customer", "order", "category"], ignore_index=True)
    return chosen.drop(columns="order").assign(category=pd.Categorical.from_codes(chosen["category"], [*names]))


def cross_sell(chosen: pd.DataFrame) -> Finding:
    """Cross-sell rate: of the customers whose categories are known, the share who bought from two or more."""
    each = _coded(chosen)[["customer", "category"]].drop_duplicates().groupby("customer").size()
    return share_of("customers who bought from two or more categories", int((each >= 2).sum()), len(each),
                    note="no order of a known customer carries a category")


def _coded(chosen: pd.DataFrame) -> pd.DataFrame:
    """`choices` with categories as numbers."""
    return chosen.assign(category=chosen["category"].cat.codes.astype(np.int64))


def affinity(chosen: pd.DataFrame) -> pd.DataFrame:
    """Pairs of the MOST categories with most buyers (FEWEST_BUYERS at least), those that go together most on top.

    Of the `customers` who bought `category`, the `share` who bought `other` too (Wilson: low, high), beside the share
    of all other customers, `share_others`, and what is `expected` with no link: a customer's chance to have bought a
    category follows from the number of choices made, with tastes drawn from a Dirichlet distribution (chances of the
    multivariate Polya distribution) whose strength is what the shop's customers show, and whose means give as many
    buyers of each category as there are. `lift` is together / expected, from the covariance of what the two lack or
    exceed, so that neither the heavy buyers nor the popularity of a category enter; p from its variance without a link,
    adjusted for all pairs judged (Holm).

    `reading`: "together" or "apart" where p_adjusted is below 0.05, "as expected", or "too few" below FEWEST_BOTH
    expected. Empty with fewer than two such categories.
    """
    names = chosen["category"].cat.categories.to_numpy()
    customer, _ = pd.factorize(chosen["customer"])
    cells, times = np.unique(customer * len(names) + _coded(chosen)["category"].to_numpy(), return_counts=True)
    who, what = np.divmod(cells, max(len(names), 1))
    buyers = np.bincount(what, minlength=len(names))
    shown = np.sort(np.argsort(-buyers, kind="stable")[:MOST])
    shown = shown[buyers[shown] >= FEWEST_BUYERS]
    if len(shown) < 2:
        return pd.DataFrame(columns=PAIRS)
    made = np.bincount(customer)
    place = np.full(len(names), -1)
    place[shown] = np.arange(len(shown))
    has = np.zeros((len(made), len(shown)))
    has[who[place[what] >= 0], place[what[place[what] >= 0]]] = 1
    none = _Unlinked(made, has, concentration(who, times, what))
    rows = [_pair(none, a, b) for a, b in combinations(range(len(shown)), 2)]
    table = pd.DataFrame(rows).assign(category=lambda t: names[shown[t["a"]]], other=lambda t: names[shown[t["b"]]])
    adjusted = holm(table["p_value"])
    reading = np.select([np.isnan(adjusted), adjusted >= 1 - CONFIDENCE, table["lift"] > 1],
                        ["too few", "as expected", "together"], "apart")
    table = table.assign(p_adjusted=adjusted, reading=reading)
    return table.sort_values(["lift", "category", "other"], ascending=[False, True, True], ignore_index=True)[PAIRS]


def concentration(customer: np.ndarray, times: np.ndarray, category: np.ndarray) -> float:
    """How alike tastes are: s of Dirichlet(s p). Two choices of one customer agree with probability
    1 / (1 + s) more, as a share of what is missing to certainty, than those of two customers.

    From counts: `customer` chose `category` so many `times`. A customer of k choices has weight k - 1.
    """
    made = np.bincount(customer, weights=times)
    pairs = np.bincount(customer, weights=times * (times - 1))
    several = made > 1
    weight = np.where(several, made - 1, 0)
    if not several.any():
        return NO_TASTES
    within = np.sum(weight[several] * pairs[several] / (made * (made - 1))[several]) / weight.sum()
    mean = np.bincount(category, weights=(weight / made)[customer] * times) / weight.sum()
    chance = float((mean**2).sum())
    alike = (within - chance) / (1 - chance) if chance < 1 else 0.0
    return float(np.clip((1 - alike) / alike, 1 / NO_TASTES, NO_TASTES)) if alike > 0 else NO_TASTES


class _Unlinked:
    """Chances to have bought categories after so many choices, without a link; by number of choices (`size` many)."""

    def __init__(self, made: np.ndarray, has: np.ndarray, strength: float):
        self.choices, group, self.size = np.unique(made, return_inverse=True, return_counts=True)
        self.strength = strength
        self.buyers = np.column_stack([np.bincount(group, weights=column) for column in has.T])
        self.both = has.T @ has
        self.mean = np.array([self._mean(n) for n in self.buyers.sum(axis=0)])
        self.bought = np.column_stack([1 - self.without(mean) for mean in self.mean])

    def without(self, mean: float) -> np.ndarray:
        """Chance not to have chosen, by number of choices, what has this `mean` share of tastes."""
        rest = max(self.strength * (1 - mean), 1e-9)
        return np.exp(gammaln(rest + self.choices) - gammaln(rest) + gammaln(self.strength)
                      - gammaln(self.strength + self.choices))

    def _mean(self, buyers: float) -> float:
        """The mean share of tastes with which so many buyers are expected."""

        def excess(mean: float) -> float:
            return float(self.size @ (1 - self.without(mean))) - buyers

        ends = 1e-9, 1 - 1e-9
        if excess(ends[0]) < 0 < excess(ends[1]):
            return brentq(excess, *ends)
        return ends[1] if excess(ends[1]) <= 0 else ends[0]


def _pair(none: _Unlinked, a: int, b: int) -> dict[str, float]:
    buyers = none.buyers.sum(axis=0)
    if buyers[a] > buyers[b]:  # of the rarer the share who bought the other says more
        a, b = b, a
    one, other, n = none.bought[:, a], none.bought[:, b], none.size
    together = np.clip(one + other - 1 + none.without(min(none.mean[a] + none.mean[b], 1 - 1e-9)),
                       np.maximum(one + other - 1, 0), np.minimum(one, other))
    expected, both = float(n @ together), float(none.both[a, b])
    # sum over customers of (has one - chance) (has the other - chance), less what it is without a link
    seen = both - none.buyers[:, a] @ other - none.buyers[:, b] @ one + n @ (one * other)
    link = together - one * other
    square = ((1 - one) ** 2 * (1 - other) ** 2 * together + (1 - one) ** 2 * other**2 * (one - together)
              + one**2 * (1 - other) ** 2 * (other - together) + one**2 * other**2 * (1 - one - other + together))
    beyond, error = float(seen - n @ link), float(np.sqrt(max(n @ (square - link**2), 0)))
    judged = expected >= FEWEST_BOTH and error > 0
    lift, margin = (1 + beyond / expected, norm.ppf(0.5 + CONFIDENCE / 2) * error / expected) if judged else (NAN, NAN)
    share, low, high = Share(both, buyers[a]).level(CONFIDENCE)[:3]
    rest = n.sum() - buyers[a]
    return {"a": a, "b": b, "customers": int(buyers[a]), "both": int(both), "share": share, "low": low, "high": high,
            "share_others": (buyers[b] - both) / rest if rest else NAN, "expected": expected / buyers[a], "lift": lift,
            "lift_low": max(lift - margin, 0.0), "lift_high": lift + margin,
            "p_value": float(2 * norm.sf(abs(beyond) / error)) if judged else NAN}


def affinity_sentence(table: pd.DataFrame) -> str:
    """The strongest pair in words, or that none stands out, and how many were looked at."""
    judged = table[table["lift"].notna()]
    if judged.empty:
        return (f"Which categories go together cannot be told: it takes two with {FEWEST_BUYERS} buyers each, and "
                f"customers who bought several times.")
    looked = f"{count(len(judged), 'pair')} of categories looked at"
    found = judged[judged["reading"] == "together"]
    if found.empty:
        return (f"No pair stands out: customers buy each pair together about as often as their numbers of orders and "
                f"tastes let expect ({looked}).")
    best = found.iloc[0]
    share, expected = (amount(best[name], "share", digits=0) for name in ("share", "expected"))
    low, high = (number(best[name], 2) for name in ("lift_low", "lift_high"))
    also = f" {count(len(found) - 1, 'other pair')} stand{'s' * (len(found) == 2)} out as well." * (len(found) > 1)
    of_buyers = f"{share} of the {count(int(best['customers']), 'buyer')} of {best['category']}"
    return (f"{best['category']} and {best['other']} go together: {of_buyers} also bought {best['other']}, where their "
            f"numbers of orders would let expect {expected} ({number(best['lift'], 2)} times as often, 95 % interval "
            f"{low} to {high}; {looked}).{also}")


# ---------------------------------------------------------------- what came next
def next_category(chosen: pd.DataFrame) -> pd.DataFrame:
    """After the category of the first order: the next category that the customer had not bought before.

    The ways taken. Of the `customers` per `first` who have bought anything new since, the `share` who turned to each
    `next` (Wilson: low, high), beside what is `expected` if it makes no difference where they began (Goodman's quasi-
    independence, 1968: nobody can turn anew to where they began). p_adjusted: Holm over all ways with FEWEST_BOTH
    expected. Where an order holds several categories each counts, so that shares may add up to more than 1.
    """
    each = _coded(chosen).groupby(["customer", "category"], as_index=False)["ordered_at"].min()
    turn = each.groupby("customer")["ordered_at"].rank(method="dense")
    first, following = (each.loc[turn == place, ["customer", "category"]] for place in (1, 2))
    ways = first.merge(following, on="customer").rename(columns={"category_x": "first", "category_y": "next"})
    if ways.empty:
        return pd.DataFrame(columns=NEXT)
    names = sorted({*ways["first"], *ways["next"]})
    counts = pd.crosstab(ways["first"], ways["next"]).reindex(index=names, columns=names, fill_value=0)
    went = ways.groupby("first")["customer"].nunique()
    long = counts.rename_axis(index="first", columns="next").stack().rename("customers").reset_index()
    long = long.assign(fitted=_quasi_independent(counts.to_numpy(dtype=float)).ravel(), n=long["first"].map(went))
    long = long[(long["first"] != long["next"]) & long["n"].notna()].reset_index(drop=True)
    limits = [Share(hits, n).level(CONFIDENCE)[:3] for hits, n in zip(long["customers"], long["n"], strict=True)]
    long = long.join(pd.DataFrame(limits, columns=["share", "low", "high"]))
    long = long.assign(expected=long["fitted"] / long["n"])
    spread = np.sqrt((long["fitted"] * (1 - long["expected"])).clip(lower=1e-9))
    p = (2 * norm.sf((long["customers"] - long["fitted"]).abs() / spread))
    long = long.assign(p_adjusted=holm(np.where(long["fitted"] >= FEWEST_BOTH, p, NAN)))
    long = long.sort_values(["first", "customers", "next"], ascending=[True, False, True], ignore_index=True)
    long, words = long[long["customers"] > 0].reset_index(drop=True), chosen["category"].cat.categories.to_numpy()
    return long.assign(first=words[long["first"]], next=words[long["next"]])[NEXT]


def _quasi_independent(counts: np.ndarray) -> np.ndarray:
    """Rows x columns fitted to the margins of `counts`, with nothing on the diagonal (iterative scaling)."""
    fitted = 1.0 - np.eye(len(counts))
    for _ in range(200):
        for axis in (1, 0):
            has = fitted.sum(axis=axis, keepdims=True)
            fitted = fitted * np.divide(counts.sum(axis=axis, keepdims=True), has, out=np.zeros_like(has),
                                        where=has > 0)
    return fitted


def next_sentence(table: pd.DataFrame) -> str:
    """Where customers turn next beyond what is usual, or that it makes no difference where they began."""
    shown = table[table["customers"] >= FEWEST_BOTH]
    if shown.empty:
        return "What customers turn to next cannot be told: too few have bought from a second category so far."
    clear = shown[(shown["share"] > shown["expected"]) & (shown["p_adjusted"] < 1 - CONFIDENCE)]
    top = (clear if len(clear) else shown).sort_values("customers", ascending=False, kind="stable").iloc[0]
    share, usual = (amount(top[name], "share", digits=0) for name in ("share", "expected"))
    if clear.empty:
        return (f"The way taken most often leads from {top['first']} to {top['next']} ({share} of those who went on "
                f"from {top['first']}); no first category leads to another beyond chance.")
    return (f"After a first order of {top['first']}, {share} of those who went on turned to {top['next']} next, where "
            f"{usual} would be expected.")
