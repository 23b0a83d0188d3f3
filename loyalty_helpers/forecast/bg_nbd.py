"""How often customers will buy again: BG/NBD (Fader, Hardie & Lee 2005) and, where nobody visibly leaves, the NBD.

A customer buys at a rate of his own (gamma over customers: `r`, `alpha`) and after each purchase leaves for good with
a chance of his own (beta: `a`, `b`). The NBD (Ehrenberg 1959) is the same without leaving. A history is `frequency` x
(days with a purchase after the first such day), `recency` t_x (time from the first to the last purchase) and `age` T
(time from the first purchase to the end of the data), in any unit of time; `alpha` and horizons are in that unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import betaincinv, digamma, expit, gammaln, hyp2f1
from threadpoolctl import ThreadpoolController

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.messages import Message, Persons, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.core.settings import UserError

# starting values of r, alpha / mean age, a, b: a shop of few repeaters, one of regulars, one where nobody leaves
STARTS = ((0.25, 0.3, 0.8, 2.5), (1.0, 0.5, 0.5, 3.0), (1.5, 0.3, 1.0, 20.0), (0.8, 0.2, 0.05, 1.0))
NEAR_ONE = 1e-5  # the formula for expected purchases divides by a - 1
VISIBLE = 3.0  # log-likelihood that leaving must add to count as seen: chi-square with two degrees of freedom, 5 %
BOUND = 9.0  # of the log of each parameter, in the units of the fit: beyond it customers are as good as all alike
AT_BOUND = BOUND - 0.01
FLAT = 1e-5  # slope of the mean log-likelihood below which a point counts as the top


# ---------------------------------------------------------------- histories, checked
def checked(*columns: ArrayLike, names: tuple[str, ...] = ("frequency", "recency", "age")) -> tuple[np.ndarray, ...]:
    """The columns of a history as floats of one length. Raises UserError where no history can look like that."""
    arrays = tuple(np.atleast_1d(np.asarray(column, dtype="float64")) for column in columns)
    if len({len(array) for array in arrays}) > 1:
        raise UserError(f"There must be as many values of {', '.join(names)}: one of each per customer.")
    for name, array in zip(names, arrays, strict=True):
        if not np.isfinite(array).all() or (array < 0).any():
            raise UserError(f"Every customer's {name} must be a number of 0 or more; nothing may be missing.")
    known = dict(zip(names, arrays, strict=True))
    if (known["frequency"] % 1 != 0).any():
        raise UserError("Every customer's frequency must be a whole number: it counts purchases.")
    if "recency" in known:
        if (known["recency"] > known["age"] * (1 + 1e-12)).any():
            raise UserError("A customer's last purchase lies after the end of the data (recency above age).")
        if (known["recency"][known["frequency"] == 0] > 0).any():
            raise UserError("Without a repeat purchase the last purchase is the first: recency must be 0.")
    return arrays


# ---------------------------------------------------------------- models
class _Paced:
    """What both models share: customers whose rates are gamma-distributed, and a chance to have stayed."""

    def rate(self, frequency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Purchases per unit of time while still a customer, shrunken towards all customers' mean."""
        x, age = checked(frequency, age, names=("frequency", "age"))
        return (self.r + x) / (self.alpha + age)

    def chance_to_buy(self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Chance of at least one purchase in the coming `horizon`.

        Nobody leaves without buying, so it is the chance to be there still, times that of a purchase at the unbroken
        rate, which is distributed as gamma(r + x, alpha + T): 1 - ((alpha + T) / (alpha + T + horizon))^(r + x).
        """
        x, recency, age = checked(frequency, recency, age)
        buys = -np.expm1(-(self.r + x) * np.log1p(horizon / (self.alpha + age)))
        return self.still_customer(x, recency, age) * buys


@dataclass(frozen=True)
class BgNbd(_Paced):
    """A fitted BG/NBD. `on_bound`: a parameter ran to the edge of what is searched, so the data do not settle it."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    customers: int = 0
    on_bound: bool = False

    def still_customer(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Chance that the customer has not left for good (their equation of P(alive)); 1 for all who bought once."""
        x, recency, age = checked(frequency, recency, age)
        left = (np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
                + (self.r + x) * (np.log(self.alpha + age) - np.log(self.alpha + recency)))
        return np.where(x > 0, expit(-left), 1.0)

    def if_still(self, horizon: float, frequency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Expected purchases in the coming `horizon` of somebody who is surely still a customer.

        Equation 10 of the paper after Euler's transformation of the hypergeometric function, whose parameters then no
        longer grow with the number of purchases (Abramowitz & Stegun 15.3.3). Where one factor is too small for a float
        and the other too large (nearly all leave at once), the mean over the chances to leave is taken by quadrature.
        """
        x, age = checked(frequency, age, names=("frequency", "age"))
        a = self.a if abs(self.a - 1) > NEAR_ONE else 1 + NEAR_ONE
        z, c = horizon / (self.alpha + age + horizon), a + self.b + x - 1
        with np.errstate(invalid="ignore", over="ignore"):
            rest = (1 - z) ** (a - 1) * hyp2f1(a + self.b - self.r - 1, a - 1, c, z)
        expected = c / (a - 1) * (1 - rest)
        lost = ~np.isfinite(rest)
        if lost.any():
            expected[lost] = self._by_quadrature(horizon, x[lost], age[lost])
        return expected

    def _by_quadrature(self, horizon: float, x: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Mean of (1 - exp(-rate p horizon)) / p over the rates and the chances p to leave that a history allows."""
        nodes, weights = np.polynomial.legendre.leggauss(48)
        p = betaincinv(self.a, (self.b + x)[:, None], (nodes + 1) / 2)
        buys = -np.expm1(-(self.r + x[:, None]) * np.log1p(p * (horizon / (self.alpha + age))[:, None]))
        return (buys / p) @ weights / 2

    def expected(self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Expected purchases in the coming `horizon`, given the history (Fader, Hardie & Lee 2005, equation 10)."""
        return self.still_customer(frequency, recency, age) * self.if_still(horizon, frequency, age)


@dataclass(frozen=True)
class Nbd(_Paced):
    """A fitted NBD: as BgNbd, with nobody leaving, so recency tells nothing."""

    r: float
    alpha: float
    log_likelihood: float
    customers: int = 0
    on_bound: bool = False

    def still_customer(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """1 for everybody."""
        return np.ones(len(checked(frequency, recency, age)[0]))

    def expected(self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Expected purchases in the coming `horizon`: the shrunken rate times the horizon."""
        checked(frequency, recency, age)
        return horizon * self.rate(frequency, age)


# ---------------------------------------------------------------- fitting
def climb(loss: Callable[[np.ndarray, Any], tuple[float, np.ndarray]], data: Any,
          starts: Sequence[Sequence[float]]) -> tuple[list[float], float, bool]:
    """Parameters where `loss` (minus the mean log-likelihood, with its gradient in their logs) is least, that least
    loss, and whether a parameter ran to BOUND.

    The likeliest of `starts` is climbed from; where that ends on a bound or before the top, the others are tried too
    and the best end is taken. One thread: on so few parameters several only wait for each other (17 times as long).
    """
    best = None
    with _threads().limit(limits=1, user_api="blas"):
        for start in sorted((np.log(start) for start in starts), key=lambda start: loss(start, data)[0]):
            found = minimize(loss, start, args=(data,), jac=True, method="L-BFGS-B",
                             bounds=[(-BOUND, BOUND)] * len(start),
                             options={"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500})
            if best is None or found.fun < best.fun:
                best = found
            if np.abs(best.jac).max() < FLAT and np.abs(best.x).max() < AT_BOUND:
                break
    return np.exp(best.x).tolist(), float(best.fun), bool(np.abs(best.x).max() >= AT_BOUND)


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


class Counted(NamedTuple):
    """Histories with time in units of the mean age, the many who bought once counted by age.

    `x`, `recency`, `age` of those who bought again; `once_age` and `once_n` of those who did not; `values`, `places`:
    the distinct x, and which of them each is; `n` customers.
    """

    x: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    once_age: np.ndarray
    once_n: np.ndarray
    values: np.ndarray
    n_of_value: np.ndarray
    n: int
    unit: float


def _counted(x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> Counted:
    if not len(x):
        raise UserError("There is no customer to fit a model to.")
    if not age.max() > 0:
        raise UserError("All customers bought for the first time on the last day: nothing can be said of later yet.")
    unit = float(age.mean())
    again = x > 0
    once_age, once_n = np.unique(age[~again], return_counts=True)
    values, n_of_value = np.unique(x[again], return_counts=True)
    return Counted(x[again], recency[again] / unit, age[again] / unit, once_age / unit, once_n.astype("float64"),
                   values, n_of_value.astype("float64"), len(x), unit)


def fit_bg_nbd(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> BgNbd:
    """The BG/NBD by maximum likelihood, with analytic gradients, in logs of the parameters.

    Time may be in any unit. The climb begins anew from other starts where one does not do (`climb`). The log-likelihood
    is that of the paper. Raises UserError for impossible histories and without customers.
    """
    seen = _counted(*checked(frequency, recency, age))
    (r, alpha, a, b), loss, on_bound = climb(_bg_nbd, seen, STARTS)
    return BgNbd(r, alpha * seen.unit, a, b, _unscaled(loss, seen), seen.n, on_bound)


def fit_nbd(frequency: ArrayLike, age: ArrayLike) -> Nbd:
    """The NBD by maximum likelihood, as `fit_bg_nbd`; its log-likelihood may be compared with that of the BG/NBD."""
    x, age = checked(frequency, age, names=("frequency", "age"))
    seen = _counted(x, age, age)
    (r, alpha), loss, on_bound = climb(_nbd, seen, [start[:2] for start in STARTS])
    return Nbd(r, alpha * seen.unit, _unscaled(loss, seen), seen.n, on_bound)


def _unscaled(loss: float, seen: Counted) -> float:
    """Log-likelihood in the unit of time given: each purchase is a density in time."""
    purchases_seen = seen.values @ seen.n_of_value
    return float(-loss * seen.n - purchases_seen * np.log(seen.unit))


def _rates(r: float, alpha: float, seen: Counted) -> tuple[float, float, float]:
    """What both models share: the part of the log-likelihood that needs r alone, and its slopes in r and alpha."""
    total = seen.n_of_value @ (gammaln(r + seen.values) - gammaln(r)) + seen.n * r * np.log(alpha)
    by_r = seen.n_of_value @ (digamma(r + seen.values) - digamma(r)) + seen.n * np.log(alpha)
    once = np.log(alpha + seen.once_age)
    total -= r * (seen.once_n @ once)
    by_r -= seen.once_n @ once
    by_alpha = seen.n * r / alpha - r * (seen.once_n @ (1 / (alpha + seen.once_age)))
    return total, by_r, by_alpha


def _nbd(logs: np.ndarray, seen: Counted) -> tuple[float, np.ndarray]:
    """Minus the mean log-likelihood and its gradient in the logs of r, alpha."""
    r, alpha = np.exp(logs)
    total, by_r, by_alpha = _rates(r, alpha, seen)
    power, whole = r + seen.x, alpha + seen.age
    log_whole = np.log(whole)
    total -= power @ log_whole
    by_r -= log_whole.sum()
    by_alpha -= (power / whole).sum()
    return -total / seen.n, -np.array([by_r * r, by_alpha * alpha]) / seen.n


def _bg_nbd(logs: np.ndarray, seen: Counted) -> tuple[float, np.ndarray]:
    """Minus the mean log-likelihood and its gradient in the logs of r, alpha, a, b (the paper's equation 6)."""
    r, alpha, a, b = np.exp(logs)
    values, counts = seen.values, seen.n_of_value
    total, by_r, by_alpha = _rates(r, alpha, seen)
    total += counts @ (gammaln(a + b) + gammaln(b + values) - gammaln(b) - gammaln(a + b + values))
    shared = counts @ (digamma(a + b) - digamma(a + b + values))
    by_a, by_b = shared, shared + counts @ (digamma(b + values) - digamma(b))
    power, whole, until = r + seen.x, alpha + seen.age, alpha + seen.recency
    log_whole, log_until = np.log(whole), np.log(until)
    before = seen.x + (b - 1)
    left = np.log(a) - np.log(before) + power * (log_whole - log_until)  # log odds of having left
    weight = expit(left)
    gap = weight * (log_whole - log_until)
    total += (np.logaddexp(0, left) - power * log_whole).sum()
    by_r += (gap - log_whole).sum()
    by_alpha -= (power * ((1 - weight) / whole + weight / until)).sum()
    by_a += weight.sum() / a
    by_b -= (weight / before).sum()
    return -total / seen.n, -np.array([by_r * r, by_alpha * alpha, by_a * a, by_b * b]) / seen.n


# ---------------------------------------------------------------- which of the models
class Chosen(NamedTuple):
    """A fitted model, its name ("bg_nbd", "nbd", "simple" or "none") and why it is this one."""

    fitted: BgNbd | Nbd | None
    name: str
    why: Message


def leaving_or_not(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> BgNbd | Nbd:
    """The BG/NBD where it tells visibly more of the histories than the NBD, in which nobody leaves; else that."""
    plain, leaving = fit_nbd(frequency, age), fit_bg_nbd(frequency, recency, age)
    seen = not leaving.on_bound and leaving.log_likelihood - plain.log_likelihood >= VISIBLE
    return leaving if seen else plain


def choose(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> Chosen:
    """BG/NBD where customers visibly leave, else the NBD, else (too few to fit anything) a simple rule.

    The simple rule is the NBD with r = 1 and the pooled rate of all: each customer's own pace, drawn to everybody's as
    strongly as one purchase. With nobody who came back, half a purchase is put in for the rate.
    """
    repeaters, repeats = int((frequency > 0).sum()), float(frequency.sum())
    if not len(frequency) or not age.max() > 0:
        return Chosen(None, "none", message("model-none"))
    rule = Nbd(1.0, float(age.sum()) / max(repeats, 0.5), NAN, len(frequency))
    if repeaters < FEWEST.repeaters:
        return Chosen(rule, "simple", message("model-simple-few", repeaters=Persons(repeaters),
                                              least=FEWEST.repeaters))
    fitted = leaving_or_not(frequency, recency, age)
    if isinstance(fitted, BgNbd):
        return Chosen(fitted, "bg_nbd", message("model-bg-nbd"))
    if fitted.on_bound:
        return Chosen(rule, "simple", message("model-simple-alike"))
    return Chosen(fitted, "nbd", message("model-nbd"))
