"""The estimators that textbooks name for this question, and that fail on it: kept to show by how much.

They are made here as an analyst would make them, from the same frames as the estimators that are believed. People join
at an order, while they are alive and buying; no panel estimator below knows that, and each takes it for an effect.
All give a lift with its interval, (estimate, low, high), or three times nan where it cannot be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.purchases import WEEK, purchases, span
from loyalty_helpers.evaluation.doubly_robust import dr_att
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, Frames, first_joining

Lift = tuple[float, float, float]
NONE: Lift = (NAN, NAN, NAN)
MONTH = 4  # weeks
MIN_GROUP = 5  # customers on each side of a comparison


@dataclass(frozen=True)
class Grid:
    """Customers x periods: orders and spend; the periods of the first order, of joining (inf: never), of the launch."""

    orders: np.ndarray
    spend: np.ndarray
    first: np.ndarray
    joined: np.ndarray
    launch: int


def grid(frames: Frames, *, launched_on: date, weeks: int = 1) -> Grid:
    """Whole periods of `weeks` weeks, counted from the launch, of all identified customers.

    Members who joined before the launch are left out, as nothing is known of them without the program.
    """
    rows = purchases(frames["orders"], known=True)
    origin, length = pd.Timestamp(launched_on), weeks * WEEK
    before = (origin - frames["orders"]["ordered_at"].min().normalize()) // length
    periods = before + (span(frames["orders"]).end - origin) // length
    at = ((rows["ordered_at"] - origin) // length + before).to_numpy()
    rows, at = rows[(at >= 0) & (at < periods)], at[(at >= 0) & (at < periods)]
    codes, ids = pd.factorize(rows["customer_id"], sort=True)
    cells, size = codes * periods + at, (len(ids), periods)
    orders = np.bincount(cells, minlength=len(ids) * periods).reshape(size).astype(float)
    spend = np.bincount(cells, rows["amount"], minlength=len(ids) * periods).reshape(size)
    joining = (first_joining(frames).set_index("customer_id")["joined_at"] - origin) // length + before
    joined = joining.reindex(ids).to_numpy(dtype=float, na_value=np.inf)
    kept = joined >= before
    joined = np.where(joined < periods, joined, np.inf)
    return Grid(orders[kept], spend[kept], (orders > 0).argmax(axis=1)[kept], joined[kept], before)


def two_way_fixed_effects(frames: Frames, *, launched_on: date, confidence: float = 0.95) -> Lift:
    """Orders by customer and week on customer effects, week effects and being a member; clustered by customer.

    Least squares on the balanced panel, in which both effects are taken off by double demeaning; a member from the
    week of joining on. The coefficient b becomes the lift b / (members' mean - b).
    """
    panel = grid(frames, launched_on=launched_on)
    member = (np.arange(panel.orders.shape[1]) >= panel.joined[:, None]).astype(float)
    if not member.any():
        return NONE
    y, d = _demeaned(panel.orders), _demeaned(member)
    b = (d * y).sum() / (d**2).sum()
    scores = (d * (y - b * d)).sum(axis=1)
    se = np.sqrt((scores**2).sum() * len(y) / (len(y) - 1)) / (d**2).sum()
    return _as_lift(b, se, panel.orders[member > 0].mean(), confidence)


def at_launch(frames: Frames, *, launched_on: date, confidence: float = 0.95) -> Lift:
    """Doubly robust difference in differences at the launch date: ever a member against never, given RFM then.

    The change of orders from as many weeks before the launch to those after it (Sant'Anna and Zhao 2020), among
    customers with an order before the launch.
    """
    panel = grid(frames, launched_on=launched_on)
    known = panel.first < panel.launch
    after = min(panel.orders.shape[1] - panel.launch, panel.launch)
    treated = np.isfinite(panel.joined[known])
    if min(after, treated.sum(), (~treated).sum()) < MIN_GROUP:
        return NONE
    orders = panel.orders[known]
    late = orders[:, panel.launch:panel.launch + after].sum(axis=1)
    early = orders[:, panel.launch - after:panel.launch].sum(axis=1)
    fit = dr_att(late - early, treated, _rfm(panel, panel.launch)[known])
    return _as_lift(fit.estimate, fit.se, late[treated].mean(), confidence)


def callaway_santanna(frames: Frames, *, launched_on: date, confidence: float = 0.95) -> Lift:
    """Callaway and Sant'Anna (2021), doubly robust on RFM before joining: the mean of event times 1 and later.

    Periods of four weeks; cohorts by period of joining, of customers with an order before it; compared with those who
    have not joined yet. Event times 1 to 3, the quarter after the period of joining, weighted by the cohorts' sizes.
    """
    panel = grid(frames, launched_on=launched_on, weeks=MONTH)
    cells, total = [], 0.0
    for g in np.unique(panel.joined[np.isfinite(panel.joined)]).astype(int):
        known = panel.first < g
        for t in range(g + 1, min(g + 1 + FOLLOW_UP // MONTH, panel.orders.shape[1])):
            cell = group_time_att(panel.orders, panel.joined, (g, t), covariates=_rfm(panel, g), among=known)
            if cell is None:
                continue
            cells.append((cell, (known & (panel.joined == g)).sum()))
            total += panel.orders[known & (panel.joined == g), t].sum()
    if not cells:
        return NONE
    sizes = np.array([size for _, size in cells], dtype=float)
    weights = sizes / sizes.sum()
    att = weights @ [att for (att, _), _ in cells]
    influence = sum(weight * influence for weight, ((_, influence), _) in zip(weights, cells, strict=True))
    return _as_lift(att, _spread(influence), total / sizes.sum(), confidence)


def group_time_att(y: np.ndarray, joined: np.ndarray, cell: tuple[int, int], *,
                   covariates: np.ndarray | None = None,
                   among: np.ndarray | None = None) -> tuple[float, np.ndarray] | None:
    """ATT(g, t) of `cell` (equation 2.4 of the paper): y from period g - 1 to t, the cohort g against those who had not
    joined by t.

    `y` is units x periods, `joined` the period of joining (inf: never), `covariates` units x k (none: a difference of
    mean changes), `among` the units that count. Gives the effect and each unit's influence on it (its variance is the
    mean square over the number of units); None with too few in either group.
    """
    g, t = cell
    used = (joined == g) | (joined > t)
    used = used if among is None else used & among
    treated = joined[used] == g
    if g < 1 or min(treated.sum(), (~treated).sum()) < MIN_GROUP:
        return None
    x = np.empty((used.sum(), 0)) if covariates is None else covariates[used]
    fit = dr_att((y[:, t] - y[:, g - 1])[used], treated, x)
    influence = np.zeros(len(y))
    influence[used] = fit.influence * len(y) / used.sum()
    return fit.estimate, influence


def _rfm(panel: Grid, period: int) -> np.ndarray:
    """Log recency, frequency and money before `period`, of everybody."""
    past = panel.orders[:, :period]
    recency = np.where(past.any(axis=1), (past[:, ::-1] > 0).argmax(axis=1), period)
    return np.log1p(np.column_stack([recency, past.sum(axis=1), np.maximum(panel.spend[:, :period].sum(axis=1), 0)]))


def _demeaned(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()


def _spread(influence: np.ndarray) -> float:
    """The standard error that an influence function gives."""
    return float(np.sqrt((influence**2).mean() / len(influence)))


def _as_lift(effect: float, se: float, mean: float, confidence: float) -> Lift:
    """An effect in orders as a lift over what members' `mean` would have been without it; the ends likewise.

    None where that would have been less than nothing; an upper end without bound where it might have been.
    """
    reach = stats.norm.ppf((1 + confidence) / 2) * se
    ends = np.array([effect, effect - reach, effect + reach])
    without = mean - ends
    lifts = np.where(without > 0, ends / np.where(without > 0, without, 1), np.inf)
    return tuple(lifts.tolist()) if without[0] > 0 else NONE
