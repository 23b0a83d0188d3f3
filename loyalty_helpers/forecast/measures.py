"""How good chances were, once it is known who bought: order, level, and what chance alone makes of both.

`bought` is one yes or no per customer, `chances` what was said beforehand. Ties are shared: whoever got the same
chance is told apart by nobody, so no measure here depends on the order of the rows.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from loyalty_helpers.core import glm
from loyalty_helpers.core.findings import NAN

TOP = 0.1  # the tenth of customers with the highest chances


def auc(bought: np.ndarray, chances: np.ndarray) -> tuple[float, np.ndarray]:
    """Chance that of a buyer and another customer the buyer got the higher one; and each customer's part in its error.

    The parts, one per customer and of sum nil, are DeLong's structural components (DeLong, DeLong & Clarke-Pearson
    1988): the sum of their squares is the variance, and the part in a difference is the difference of the parts.
    """
    buyers, others = int(bought.sum()), int((~bought).sum())
    rank = rankdata(chances)
    beaten = np.empty(len(chances))  # of the other group, the share on the right side of each customer
    beaten[bought] = (rank[bought] - rankdata(chances[bought])) / others
    beaten[~bought] = 1 - (rank[~bought] - rankdata(chances[~bought])) / buyers
    area = float(beaten[bought].mean())
    return area, (beaten - area) / np.where(bought, buyers, others)


def average_precision(bought: np.ndarray, chances: np.ndarray) -> float:
    """Share of buyers among those at or above each buyer's chance, averaged over the buyers."""
    contacted, reached = _cumulated(bought, chances)
    return float(np.sum(np.diff(reached, prepend=0) * reached / contacted) / reached[-1])


def brier(bought: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Squared error of each customer's chance; the mean is the Brier score."""
    return (chances - bought) ** 2


def log_loss(bought: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Minus the log of the chance given to what happened, for each customer."""
    return -np.log(np.where(bought, chances, 1 - chances))


def calibration(bought: np.ndarray, chances: np.ndarray) -> tuple[float, float]:
    """Slope and intercept on the scale of log odds: 1 and 0 where chances mean what they say (Cox 1958).

    A slope below 1: high chances were too high, low ones too low. The intercept is that at a slope of 1: below nil,
    fewer bought than said. The slope is nan where all chances are alike.
    """
    odds, constant = np.log(chances / (1 - chances)), np.ones((len(chances), 1))
    level = glm.fit(constant, bought.astype(float), link="logit", offset=odds).coef[0]
    if np.ptp(odds) < 1e-9:
        return NAN, float(level)
    found = glm.fit(np.column_stack([constant, odds]), bought.astype(float), link="logit")
    return (float(found.coef[1]) if found.converged else NAN), float(level)


def gains(bought: np.ndarray, chances: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Share of all buyers who are among the `shares` of customers with the highest chances."""
    contacted, reached = _cumulated(bought, chances)
    return np.interp(shares * len(bought), np.append(0, contacted), np.append(0, reached)) / reached[-1]


def _cumulated(bought: np.ndarray, chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Customers and buyers down to each distinct chance, highest first."""
    _, place, sizes = np.unique(-chances, return_inverse=True, return_counts=True)
    return np.cumsum(sizes), np.cumsum(np.bincount(place, weights=bought))
