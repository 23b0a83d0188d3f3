"""How much customers will spend on an order: the Gamma-Gamma model (Fader & Hardie 2013, brucehardie.com/notes/025).

A customer's orders scatter around a mean of his own (gamma, shape `p`), and these means differ between customers
(inverse gamma: `q`, `v`). The model supposes that how much somebody spends on an order has nothing to do with how
often he buys; `value_correlation` tells whether it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.forecast.bg_nbd import checked
from loyalty_helpers.forecast.climb import climb

STARTS = ((6.0, 4.0, 0.5), (2.0, 2.0, 1.0), (20.0, 10.0, 0.5))


@dataclass(frozen=True)
class GammaGamma:
    """A fitted Gamma-Gamma model. `v` is in money; `q` of 1 or less would mean a mean without limit."""

    p: float
    q: float
    v: float
    log_likelihood: float
    customers: int = 0
    on_bound: bool = False

    @property
    def mean(self) -> float:
        """Mean order value over all customers (nan where it has no limit)."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else float("nan")

    def expected_value(self, frequency: ArrayLike, mean_value: ArrayLike) -> np.ndarray:
        """Each customer's mean order value: his own, drawn towards all customers' the more, the fewer orders it has.

        Those without a repeat order, whose `mean_value` is missing, get the mean; a value below 0 (more was refunded
        than bought) counts as 0.
        """
        x, value = (np.atleast_1d(np.asarray(column, dtype="float64")) for column in (frequency, mean_value))
        known = (x > 0) & np.isfinite(value)
        x, value = np.where(known, x, 0.0), np.where(known, np.maximum(value, 0), 0.0)
        return self.p * (self.v + x * value) / (self.p * x + self.q - 1)


class Means(NamedTuple):
    """What is fitted to: repeat orders x, their mean value in units of all means' mean, and the distinct x."""

    x: np.ndarray
    value: np.ndarray
    values: np.ndarray
    places: np.ndarray


def fit_gamma_gamma(frequency: ArrayLike, mean_value: ArrayLike) -> GammaGamma:
    """The Gamma-Gamma model by maximum likelihood with analytic gradients (equation 1a of the note).

    Only customers with a repeat order and a mean value above 0 carry it; the others are left out here and nowhere
    else. Raises UserError without any such customer.
    """
    x, value = (np.atleast_1d(np.asarray(column, dtype="float64")) for column in (frequency, mean_value))
    if len(x) != len(value):
        raise UserError("There must be as many mean values as frequencies: one of each per customer.")
    checked(x, np.zeros_like(x), names=("frequency", "age"))
    used = (x > 0) & (value > 0) & np.isfinite(value)
    if not used.any():
        raise UserError("No customer has a repeat order with money left after refunds.")
    x, value = x[used], value[used]
    unit = value.mean()
    values, places = np.unique(x, return_inverse=True)
    seen = Means(x, value / unit, values, places)
    (p, q, v), loss, on_bound = climb(_loss, seen, STARTS)
    return GammaGamma(p, q, v * unit, float(-loss * len(x) - len(x) * np.log(unit)), len(x), on_bound)


def value_correlation(frequency: ArrayLike, mean_value: ArrayLike) -> tuple[float, int]:
    """Correlation between repeat orders and their mean value (both in logs), and the number of customers it rests on.

    nan with fewer than three, or where one of the two does not vary.
    """
    x, value = (np.atleast_1d(np.asarray(column, dtype="float64")) for column in (frequency, mean_value))
    used = (x > 0) & (value > 0)
    x, value = np.log(x[used]), np.log(value[used])
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(value) == 0:
        return float("nan"), len(x)
    return float(np.corrcoef(x, value)[0, 1]), len(x)


def _loss(logs: np.ndarray, seen: Means) -> tuple[float, np.ndarray]:
    """Minus the mean log-likelihood and its gradient in the logs of p, q, v."""
    p, q, v = np.exp(logs)
    x, n = seen.x, len(seen.x)
    shape = p * seen.values
    spent = v + x * seen.value
    log_spent, log_value = np.log(spent), np.log(x * seen.value)
    total = (gammaln(shape + q) - gammaln(shape))[seen.places].sum() + n * (q * np.log(v) - gammaln(q))
    total += p * (x @ log_value) - np.log(seen.value).sum() - (p * x + q) @ log_spent
    by_p = x @ ((digamma(shape + q) - digamma(shape))[seen.places] + log_value - log_spent)
    by_q = digamma(shape + q)[seen.places].sum() + n * (np.log(v) - digamma(q)) - log_spent.sum()
    by_v = n * q / v - ((p * x + q) / spent).sum()
    return -total / n, -np.array([by_p * p, by_q * q, by_v * v]) / n
