"""How good chances were, once it is known who bought: order, level, and what chance alone makes of both.

`bought` is one yes or no per customer, `chances` what was said beforehand; `tried` holds both for every model and
origin (model, origin, customer_id, bought, chance). Ties are shared: whoever got the same chance is told apart by
nobody, so no measure here depends on the order of the rows.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from loyalty_helpers.core import glm
from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.intervals import Share
from loyalty_helpers.core.messages import message
from loyalty_helpers.forecast.kept import MODELS

TOP = 0.1  # the tenth of customers with the highest chances
GROUPS = 10
STEPS = np.linspace(0, 1, 21)  # shares of customers in the table of gains
CONFIDENCE, Z = 0.95, 1.959964
SCORES = ("model", "origin", "customers", "buyers", "auc", "average_precision", "brier", "log_loss",
          "calibration_slope", "lift", "gained", "expected", "total_error")
SUMMARY = ("model", "name", "auc", "auc_se", "behind", "behind_se", "average_precision", "brier", "log_loss",
           "calibration_slope", "lift", "total_error", "winner")
CALIBRATION = ("customers", "buyers", "expected", "bought", "low", "high")
GAINS = ("share", "winner", "recency")
AT_THRESHOLD = ("rule", "threshold", "customers", "contacted", "precision", "low", "high", "recall", "f1")


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


def calibration_slope(bought: np.ndarray, chances: np.ndarray) -> float:
    """Slope on the scale of log odds: 1 where chances mean what they say, below 1 where high ones were too high and low
    ones too low (Cox 1958); nan where all chances are alike."""
    odds = np.log(chances / (1 - chances))
    if np.ptp(odds) < 1e-9:
        return NAN
    found = glm.fit(np.column_stack([np.ones(len(odds)), odds]), bought.astype(float), link="logit")
    return float(found.coef[1]) if found.converged else NAN


def gains(bought: np.ndarray, chances: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Share of all buyers who are among the `shares` of customers with the highest chances."""
    contacted, reached = _cumulated(bought, chances)
    return np.interp(shares * len(bought), np.append(0, contacted), np.append(0, reached)) / reached[-1]


def _cumulated(bought: np.ndarray, chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Customers and buyers down to each distinct chance, highest first."""
    _, place, sizes = np.unique(-chances, return_inverse=True, return_counts=True)
    return np.cumsum(sizes), np.cumsum(np.bincount(place, weights=bought))


# ---------------------------------------------------------------- models beside each other
def scores(tried: pd.DataFrame) -> pd.DataFrame:
    """SCORES by model and origin. `lift`: buyers among the tenth with the highest chances over those of a tenth by
    chance; `gained`: their share of all buyers; `total_error`: buyers expected over buyers who came, less 1."""
    rows = []
    for (model, origin), asked in tried.groupby(["model", "origin"], sort=False):
        bought, chances = asked["bought"].to_numpy(), asked["chance"].to_numpy()
        gained = float(gains(bought, chances, np.array([TOP]))[0])
        rows.append((model, origin, len(bought), int(bought.sum()), auc(bought, chances)[0],
                     average_precision(bought, chances), brier(bought, chances).mean(),
                     log_loss(bought, chances).mean(), calibration_slope(bought, chances),
                     gained / TOP, gained, chances.sum(), chances.sum() / bought.sum() - 1))
    return pd.DataFrame(rows, columns=list(SCORES))


def summary(tried: pd.DataFrame) -> pd.DataFrame:
    """SUMMARY by model, simplest first: means over the origins, with the standard error of the AUC.

    `behind` is the mean difference in AUC to the best model, and `behind_se` its error: the larger of what chance
    makes among customers (each counted once, with what it adds at all origins) and what the differences at the
    origins vary by. With two to four origins neither would be enough alone: one cannot see that seasons differ, the
    other rests on so few numbers that it may come out as nil.
    """
    asked = tried[tried["model"] == MODELS[0]]
    who, moment = pd.factorize(asked["customer_id"])[0], pd.factorize(asked["origin"])[0]
    means, areas, parts = scores(tried).groupby("model", sort=False).mean(numeric_only=True), {}, {}
    for key, said in tried.groupby("model", sort=False):
        bought, chances = said["bought"].to_numpy(), said["chance"].to_numpy()
        found = [auc(bought[moment == k], chances[moment == k]) for k in range(moment.max() + 1)]
        areas[key], parts[key] = np.array([area for area, _ in found]), np.concatenate([errors for _, errors in found])
    best = max(areas, key=lambda key: areas[key].mean())  # of equals the simplest
    table = pd.DataFrame({
        "name": [message("model-name", model=key) for key in MODELS],
        "auc_se": [_error(areas[key], parts[key], who) for key in MODELS],
        "behind": [float((areas[best] - areas[key]).mean()) for key in MODELS],
        "behind_se": [_error(areas[best] - areas[key], parts[best] - parts[key], who) for key in MODELS],
    }, index=pd.Index(MODELS, name="model"))
    within = table["behind"] <= table["behind_se"]
    table = table.join(means[[name for name in SUMMARY if name in means]])
    return table.assign(winner=table.index == within.idxmax()).reset_index()[list(SUMMARY)]


def _error(values: np.ndarray, errors: np.ndarray, who: np.ndarray) -> float:
    """Standard error of the mean of `values` over the origins, as `summary` says."""
    by_customer = np.bincount(who, weights=errors) / len(values)
    spread = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(max(np.sqrt((by_customer**2).sum()), spread))


def tenths(chosen: pd.DataFrame) -> pd.DataFrame:
    """Tenths of the customers by chance, all origins together: chances said, and the share who bought (Wilson)."""
    rank = (chosen["chance"].rank() - 0.5) / len(chosen)
    groups = chosen.groupby(np.floor(rank * GROUPS).astype(int).rename("tenth"))
    table = groups.agg(customers=("bought", "size"), buyers=("bought", "sum"), expected=("chance", "mean"))
    levels = [Share(hits, n).level(CONFIDENCE)[:3] for hits, n in zip(table["buyers"], table["customers"], strict=True)]
    shares = pd.DataFrame(levels, columns=["bought", "low", "high"], index=table.index)
    return table.join(shares).reset_index(drop=True)[list(CALIBRATION)]


def gains_of(tried: pd.DataFrame, winner: str) -> pd.DataFrame:
    """share (of customers, highest chances first), and the share of all buyers among them, meaned over the origins: by
    the winner, and by the last order."""
    def curve(model: str) -> np.ndarray:
        return np.mean([gains(asked["bought"].to_numpy(), asked["chance"].to_numpy(), STEPS)
                        for _, asked in tried[tried["model"] == model].groupby("origin")], axis=0)

    return pd.DataFrame({"share": STEPS, "winner": curve(winner), "recency": curve("recency")})


def at_threshold(tried: pd.DataFrame, winner: str, threshold: float) -> pd.DataFrame:
    """What contacting everybody with a chance of `threshold` or more would have meant, all origins together.

    rule, threshold, customers, contacted, precision (share of the contacted who bought, with Wilson's interval low,
    high), recall (share of the buyers contacted), f1; for the winner, sorting by the last order, and everybody.
    """
    rules = {key: (key, threshold) for key in (winner, "recency")} | {"everybody": (winner, 0.0)}
    rows = []
    for rule, (key, least) in rules.items():
        asked = tried[tried["model"] == key]
        contacted = asked["chance"] >= least
        hits, n, buyers = int((contacted & asked["bought"]).sum()), int(contacted.sum()), int(asked["bought"].sum())
        precision = Share(hits, n).level(CONFIDENCE)[:3] if n else (NAN, NAN, NAN)
        rows.append((message("model-name", model=rule), least, len(asked), n, *precision, hits / buyers,
                     2 * hits / (n + buyers)))
    return pd.DataFrame(rows, columns=list(AT_THRESHOLD))
