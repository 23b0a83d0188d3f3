"""How often customers will buy again: BG/NBD (Fader, Hardie & Lee 2005) and, where nobody visibly leaves, the NBD.

A customer buys at a rate of his own (gamma over customers: `r`, `alpha`) and after each purchase leaves for good with
a chance of his own (beta: `a`, `b`). The NBD (Ehrenberg 1959) is the same without leaving. A history is `frequency` x
(days with a purchase after the first such day), `recency` t_x (time from the first to the last purchase) and `age` T
(time from the first purchase to the end of the data), in any unit of time; `alpha` and horizons are in that unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, digamma, expit, gammaln, hyp2f1

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.forecast.climb import climb

# starting values of r, alpha / mean age, a, b: a shop of few repeaters, one of regulars, one where nobody leaves
STARTS = ((0.25, 0.3, 0.8, 2.5), (1.0, 0.5, 0.5, 3.0), (1.5, 0.3, 1.0, 20.0), (0.8, 0.2, 0.05, 1.0))
NEAR_ONE = 1e-5  # the formula for expected purchases divides by a - 1


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
@dataclass(frozen=True)
class BgNbd:
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

    def chance_to_buy(self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Chance of at least one purchase in the coming `horizon`.

        Nobody leaves without buying, so it is the chance to be there still, times that of a purchase at the unbroken
        rate, which is distributed as gamma(r + x, alpha + T): 1 - ((alpha + T) / (alpha + T + horizon))^(r + x).
        """
        return self.still_customer(frequency, recency, age) * _buys(self, horizon, frequency, age)

    def rate(self, frequency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Purchases per unit of time while still a customer, shrunken towards all customers' mean."""
        return _rate(self, frequency, age)


@dataclass(frozen=True)
class Nbd:
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
        return horizon * _rate(self, frequency, age)

    def chance_to_buy(self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Chance of at least one purchase in the coming `horizon`."""
        checked(frequency, recency, age)
        return _buys(self, horizon, frequency, age)

    def rate(self, frequency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """Purchases per unit of time, shrunken towards all customers' mean."""
        return _rate(self, frequency, age)


def _rate(model: BgNbd | Nbd, frequency: ArrayLike, age: ArrayLike) -> np.ndarray:
    x, age = checked(frequency, age, names=("frequency", "age"))
    return (model.r + x) / (model.alpha + age)


def _buys(model: BgNbd | Nbd, horizon: float, frequency: ArrayLike, age: ArrayLike) -> np.ndarray:
    x, age = checked(frequency, age, names=("frequency", "age"))
    return -np.expm1(-(model.r + x) * np.log1p(horizon / (model.alpha + age)))


# ---------------------------------------------------------------- fitting
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
