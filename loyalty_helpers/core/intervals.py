"""What chance alone could have made of a number: intervals that hold for a shop of 60 customers as for 60,000.

A KPI rests on one of three kinds of samples: `Share` (of so many units, so many), `Mean` (of answers on a scale) and
`Ratio` (money or orders per customer, where customers differ widely and the two periods share some of them). Each
gives its level, and its change from an earlier sample of the same kind, as an `Interval`. p-values always agree with
the intervals: below 1 - confidence exactly where the interval excludes no change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from loyalty_helpers.core.purchases import FEWEST

NAN = float("nan")
SEED = 1
RESAMPLES = 2000
MOST_UNITS = 2000  # above this, units are drawn in random groups: as good, and time and memory stay bounded
SMALL = 100  # answers or units below which a sample needs the care described at `Mean` and `chance_greater`


class Interval(NamedTuple):
    """An estimate with its confidence limits; the limits are nan where they could not be had."""

    estimate: float
    low: float = NAN
    high: float = NAN
    p_value: float = NAN
    method: str = ""


def _z(confidence: float) -> float:
    return float(stats.norm.ppf(0.5 + confidence / 2))


# ---------------------------------------------------------------- shares
@dataclass(frozen=True)
class Share:
    """`hits` of `n` units; both may be fractions (an effective number of units, from censored data).

    `units` holds each unit's own answer by its id, where the ids are known, so that the very same people before and
    after are recognised as such.
    """

    hits: float
    n: float
    units: pd.Series | None = None

    @classmethod
    def of(cls, units: pd.Series) -> Share:
        """From one yes or no per unit, indexed by the units' ids."""
        return cls(float(units.sum()), len(units), units.astype(bool))

    def level(self, confidence: float) -> Interval:
        return Interval(self.hits / self.n, *wilson(self.hits, self.n, _z(confidence)), method="Wilson")

    def change_from(self, before: Share, confidence: float) -> Interval:
        """Newcombe's interval; Agresti and Min's where the two samples are the very same people."""
        if self._same_units(before):
            return agresti_min(before.units.sort_index(), self.units.sort_index(), confidence)
        return newcombe(before, self, confidence)

    def _same_units(self, other: Share) -> bool:
        return (self.units is not None and other.units is not None
                and self.units.index.sort_values().equals(other.units.index.sort_values()))


def wilson(hits: float, n: float, z: float) -> tuple[float, float]:
    """Limits of a share, `z` standard errors wide (Wilson 1927)."""
    share, extra = hits / n, z * z / n
    center = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * math.sqrt(max(share * (1 - share), 0) / n + extra / (4 * n))
    # at the ends the formula is exact, but not in floating point
    return (0.0 if hits == 0 else max(center - half, 0.0)), (1.0 if hits == n else min(center + half, 1.0))


def newcombe(before: Share, after: Share, confidence: float) -> Interval:
    """Difference of two independent shares, after minus before (Newcombe 1998, method 10).

    Samples that overlap in part are positively related, which makes the interval slightly too wide. The p-value is
    one minus the confidence at which the interval would just reach zero.
    """
    difference = after.hits / after.n - before.hits / before.n

    def limits(z: float) -> tuple[float, float]:
        (low_0, high_0), (low_1, high_1) = (wilson(one.hits, one.n, z) for one in (before, after))
        share_0, share_1 = before.hits / before.n, after.hits / after.n
        return (difference - math.hypot(share_1 - low_1, high_0 - share_0),
                difference + math.hypot(high_1 - share_1, share_0 - low_0))

    def nearer_limit(z: float) -> float:
        low, high = limits(z)
        return low if difference > 0 else -high

    far = 38.0  # normal tails beyond this are zero in floating point
    reach = 0.0 if difference == 0 else far if nearer_limit(far) > 0 else brentq(nearer_limit, 0.0, far)
    return Interval(difference, *limits(_z(confidence)), p_value=float(2 * stats.norm.sf(reach)), method="Newcombe")


def agresti_min(before: pd.Series, after: pd.Series, confidence: float) -> Interval:
    """Difference of two shares of the same units, yes or no in the same order (Agresti & Min 2005: +1/2 per cell)."""
    n = len(before)
    gained = int((~before.to_numpy() & after.to_numpy()).sum())
    lost = int((before.to_numpy() & ~after.to_numpy()).sum())
    shrunk = (gained - lost) / (n + 2)
    se = math.sqrt((gained + lost + 1) - (gained - lost) ** 2 / (n + 2)) / (n + 2)
    half = _z(confidence) * se
    return Interval((gained - lost) / n, max(shrunk - half, -1.0), min(shrunk + half, 1.0),
                    p_value=float(2 * stats.norm.sf(abs(shrunk) / se)), method="Agresti-Min, the same people")


def chance_greater(before: Share, after: Share) -> float:
    """P(share after > share before): two independent beta-binomials with Jeffreys' prior, Beta(1/2, 1/2)."""
    was, now = (stats.beta(one.hits + 0.5, one.n - one.hits + 0.5) for one in (before, after))
    return float(was.cdf(now.ppf((np.arange(2000) + 0.5) / 2000)).mean())


def kaplan_meier(days: np.ndarray, happened: np.ndarray, *, horizon: float) -> Share:
    """Share of units to whom it happened within `horizon` days, from follow-ups that may end sooner.

    `days` is the time to the event where it `happened`, else the time followed. The number of units returned is the
    effective one, p (1 - p) / Greenwood's variance, so that Wilson's interval holds (Rothman 1978); without
    censoring it is the number of units. Raises ValueError where nobody is followed to the horizon.
    """
    happened = happened & (days <= horizon)
    times, counts = np.unique(days[happened], return_counts=True)
    at_risk = np.array([(days >= time).sum() for time in times], dtype=float)
    followed = int((days >= horizon).sum())
    if not followed and not (len(times) and at_risk[-1] == counts[-1]):
        raise ValueError("nobody is followed to the horizon")
    share = 1 - np.prod(1 - counts / at_risk)
    if not 0 < share < 1:
        return Share(share * len(days), len(days)) if share else Share(0.0, followed)
    greenwood = (1 - share) ** 2 * np.sum(counts / (at_risk * (at_risk - counts)))
    n = share * (1 - share) / greenwood
    return Share(share * n, n)


# ---------------------------------------------------------------- means of answers
@dataclass(frozen=True)
class Mean:
    """Answers on a scale whose possible values are `points`.

    Below 100 answers, or where all are alike, the standard error is that after one more answer, spread evenly over
    the scale: thirty times a five do not make a certainty.
    """

    values: np.ndarray
    points: Sequence[float]

    @property
    def n(self) -> int:
        return len(self.values)

    def level(self, confidence: float) -> Interval:
        se, df = self._error()
        mean, half = float(self.values.mean()), float(stats.t.ppf(0.5 + confidence / 2, df)) * se
        return Interval(mean, max(mean - half, min(self.points)), min(mean + half, max(self.points)), method="t")

    def change_from(self, before: Mean, confidence: float) -> Interval:
        """Welch's interval for the difference of means."""
        (se_0, df_0), (se_1, df_1) = before._error(), self._error()
        se = math.hypot(se_0, se_1)
        df = se**4 / (se_0**4 / df_0 + se_1**4 / df_1)
        difference = float(self.values.mean() - before.values.mean())
        half, most = float(stats.t.ppf(0.5 + confidence / 2, df)) * se, max(self.points) - min(self.points)
        return Interval(difference, max(difference - half, -most), min(difference + half, most),
                        p_value=float(2 * stats.t.sf(abs(difference) / se, df)), method="Welch")

    def _error(self) -> tuple[float, int]:
        """Standard error and its degrees of freedom."""
        values, points = self.values, np.asarray(self.points, dtype=float)
        if self.n >= SMALL and np.ptp(values) > 0:
            return float(values.std(ddof=1)) / math.sqrt(self.n), self.n - 1
        mean = (values.sum() + points.mean()) / (self.n + 1)
        squares = ((values - mean) ** 2).sum() + ((points - mean) ** 2).mean()
        return math.sqrt(squares / self.n / (self.n + 1)), self.n


# ---------------------------------------------------------------- ratios of sums
@dataclass(frozen=True)
class Ratio:
    """Sum of `top` over sum of `bottom`, both by unit (customer) and with the same index.

    Units are resampled whole, so that a customer's orders stay together, and so do the two periods of a customer of
    both. Nothing is said of chance where fewer than ten units stand below, or where all are alike. `least` bounds
    what the ratio can be.
    """

    top: pd.Series
    bottom: pd.Series
    least: float = -math.inf

    @property
    def n(self) -> int:
        return int((self.bottom != 0).sum())

    @property
    def estimate(self) -> float:
        return float(self.top.sum() / self.bottom.sum())

    def level(self, confidence: float) -> Interval:
        """Studentised bootstrap, which follows the skewness of spending (Efron & Tibshirani 1993, ch. 12)."""
        x, y = (part.sort_index().to_numpy(dtype=float) for part in (self.top, self.bottom))
        columns = np.column_stack([x, y, x * x, x * y, y * y])
        ratio, se = _ratio_and_error(columns.sum(axis=0))
        if self.n < FEWEST.units or not se > 1e-9 * abs(ratio):
            return Interval(self.estimate)
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn, errors = _ratio_and_error(resampled(columns))
            t = (drawn - ratio) / errors
        tails = np.quantile(t[np.isfinite(t)], [0.5 + confidence / 2, 0.5 - confidence / 2])
        low, high = ratio - tails * se
        return Interval(ratio, max(float(low), self.least), float(high), method="bootstrap by customer")

    def change_from(self, before: Ratio, confidence: float) -> Interval:
        """Difference, with the bootstrap's standard error over both periods together and a t quantile.

        In simulated shops of 30 skewed customers this covers 95 to 97 %, the percentile interval 92 to 94 %.
        """
        difference, least = self.estimate - before.estimate, min(self.n, before.n)
        if least < FEWEST.units:
            return Interval(difference)
        parts = pd.concat([before.top, before.bottom, self.top, self.bottom], axis=1).fillna(0).sort_index()
        drawn = resampled(parts.to_numpy(dtype=float))
        drawn = drawn[(drawn[:, 1] > 0) & (drawn[:, 3] > 0)]
        changes = drawn[:, 2] / drawn[:, 3] - drawn[:, 0] / drawn[:, 1]
        se = float(changes.std(ddof=1)) * math.sqrt(least / (least - 1))
        if not se > 1e-9 * abs(before.estimate):
            return Interval(difference)
        half = float(stats.t.ppf(0.5 + confidence / 2, least - 1)) * se
        return Interval(difference, difference - half, difference + half,
                        p_value=float(2 * stats.t.sf(abs(difference) / se, least - 1)), method="bootstrap by customer")


def _ratio_and_error(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ratio x / y and its linearised standard error from sums of x, y, x^2, xy, y^2 in the last axis."""
    x, y, xx, xy, yy = np.moveaxis(sums, -1, 0)
    ratio = x / y
    return ratio, np.sqrt(np.maximum(xx - 2 * ratio * xy + ratio**2 * yy, 0)) / np.abs(y)


def resampled(units: np.ndarray) -> np.ndarray:
    """Column sums of `units` (units x columns) in each of 2,000 bootstrap samples of its rows; fixed seed."""
    rng = np.random.default_rng(SEED)
    if len(units) > MOST_UNITS:
        groups = rng.permutation(len(units)) % MOST_UNITS
        units = np.column_stack([np.bincount(groups, weights=column) for column in units.T])
    n = len(units)
    drawn = rng.integers(0, n, (RESAMPLES, n)) + n * np.arange(RESAMPLES)[:, None]
    times = np.bincount(drawn.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n)
    return times.astype(float) @ units


@dataclass(frozen=True)
class Unspent:
    """The share that is never spent, by age since issue: rows are customers, columns are spells of equal length.

    Of what was still there at the start of a spell and is observed to its end (`there`), so much was `spent` and so
    much `expired` in it. Spending and expiry compete; what is younger than a spell says nothing about it
    (Aalen & Johansen 1978). What is left after the last spell counts as never spent.
    """

    there: np.ndarray
    spent: np.ndarray
    expired: np.ndarray

    @property
    def n(self) -> int:
        return len(self.there)

    def level(self, confidence: float) -> Interval:
        """Percentile bootstrap by customer."""
        columns, spells = np.column_stack([self.there, self.spent, self.expired]), self.there.shape[1]
        estimate, _ = self._never(columns.sum(axis=0), spells)
        if self.n < FEWEST.units:
            return Interval(float(estimate))
        drawn, _ = self._never(resampled(columns), spells)
        low, high = np.quantile(drawn, [0.5 - confidence / 2, 0.5 + confidence / 2])
        if not high > low:
            return Interval(float(estimate))
        return Interval(float(estimate), float(low), float(high), method="bootstrap by customer")

    @property
    def left(self) -> float:
        """The share still there after the last spell."""
        columns = np.column_stack([self.there, self.spent, self.expired])
        return float(self._never(columns.sum(axis=0), self.there.shape[1])[1])

    @staticmethod
    def _never(sums: np.ndarray, spells: int) -> tuple[np.ndarray, np.ndarray]:
        there, spent, expired = (sums[..., k * spells:(k + 1) * spells] for k in range(3))
        there = np.where(there > 0, there, 1.0)  # nothing there: nothing can leave
        stays = np.clip(1 - (spent + expired) / there, 0, 1)
        upto = np.cumprod(stays, axis=-1)
        before = np.concatenate([np.ones_like(upto[..., :1]), upto[..., :-1]], axis=-1)
        return 1 - (before * spent / there).sum(axis=-1), upto[..., -1]


# ---------------------------------------------------------------- many at once
def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values adjusted for looking at all of them (Holm 1979); missing ones stay missing and do not count."""
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), NAN)
    order = np.argsort(p_values)[:np.isfinite(p_values).sum()]  # nan comes last
    steps = np.arange(len(order), 0, -1) * p_values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
