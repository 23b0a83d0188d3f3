"""The history-calibrated estimator: joiners against what their own history predicts.

What an order history says of the next weeks is learnt before the launch, when nobody could join. Two corrections bring
it past the launch: a market factor, learnt from the time between an order and the next, in which nobody can join; and
a shift of each customer's expected rate by what having joined, or not, says of it. The steps below follow one another
in `calibrated`; the design and its error rates under known truths are described in the validation page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import digamma, polygamma

from loyalty_helpers.core import glm
from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.purchases import CALENDAR_YEAR
from loyalty_helpers.evaluation.panel import GROUPS, KNOWN_FOR, NEVER, Panel, trials
from loyalty_helpers.evaluation.said import too_few
from loyalty_helpers.evaluation.weeks import FOLLOW_UP

RISK_WEEKS = 10  # after an order, in which the market factor looks for the next
RIDGE = 1e-3  # per row, on standardised slopes
LEAST_BEFORE, LEAST_ROWS, LEAST_COMPARISON, LEAST_JOINERS = 75, 100, 20, 8
SHAPES, EXPOSURES = np.geomspace(0.5, 6, 14), np.geomspace(4, 45, 14)  # of the gamma prior on a customer's rate
# what the jackknife does not see, found on simulated shops: its own understatement, the error of the calibration,
# and how far the answer leans on the shift
JACKKNIFE_FACTOR, CALIBRATION_ERROR, SHIFT_DOUBT = 1.08, 0.02, 0.25
MOST_SHIFT = 1.0  # of a customer's log rate


@dataclass(frozen=True)
class Calibrated:
    """theta = log(1 + lift), with standard error and degrees of freedom; or `refused`, with the reason.

    `kappa` is the market factor, `beta` how strongly joining goes with a customer's log rate, `shift` the log of what
    the correction for that moves joiners by, more than the comparison; `steadiness` is tau, 1 where orders scatter as
    by chance alone. `joiners` are the rows used, with the orders (or spend) `seen` in the follow-up and `expected`.
    """

    refused: Message | None = None
    theta: float = np.nan
    se: float = np.nan
    degrees: int = 0
    kappa: float = np.nan
    beta: float = np.nan
    shift: float = np.nan
    steadiness: float = np.nan
    n_comparison: int = 0
    joiners: pd.DataFrame | None = None

    def interval(self, confidence: float) -> tuple[float, float]:
        """Of the lift."""
        reach = stats.t.ppf((1 + confidence) / 2, self.degrees) * self.se
        return float(np.expm1(self.theta - reach)), float(np.expm1(self.theta + reach))


@dataclass(frozen=True)
class Score:
    """Empirical-Bayes posterior of a customer's log rate: prior shape and exposure, both times `tau`."""

    shape: float
    exposure: float
    tau: float

    def mean(self, rows: pd.DataFrame) -> np.ndarray:
        return digamma(self.shape + self.tau * rows["k"].to_numpy()) - np.log(
            self.exposure + self.tau * rows["e"].to_numpy())

    def variance(self, rows: pd.DataFrame) -> np.ndarray:
        return polygamma(1, self.shape + self.tau * rows["k"].to_numpy())


@dataclass(frozen=True)
class Model:
    """A fitted regression: coefficients, and those without each customer group."""

    coef: np.ndarray
    without: np.ndarray  # GROUPS x coefficients, one Newton step from `coef`


def calibrated(panel: Panel, *, follow_up: tuple[int, int] = (1, FOLLOW_UP), outcome: str = "orders",
               of: np.ndarray | None = None) -> Calibrated:
    """The lift of joiners' orders (or spend) in the weeks `follow_up` after the week of joining, first and last.

    (1) moments at the till, (2) the score of a history, (3) covariates, (4) what follows from a history, learnt before
    the launch: V over the follow-up, K up to the next order, (5) who joins, (6) the market factor and the lift, (7) the
    interval, by leaving out groups of customers. Refuses, with a reason, where there is too little to learn from.

    `of` marks the customers of the panel whose lift is asked; all others still serve to learn from.
    """
    rows = trials(panel)
    learn = rows[~rows["post"] & (rows["week"] + follow_up[1] < panel.launch)]
    post = rows[rows["post"] & (rows["te"] >= KNOWN_FOR)]
    used = (post["joins"] & (post["week"] + follow_up[1] < panel.weeks)).to_numpy()
    if of is not None:
        used = used & of[post["customer"].to_numpy()]
    if refused := _too_little(panel, learn, post, int(used.sum())):
        return Calibrated(refused=refused)
    score = _fit_score(learn, _after(panel, learn, follow_up, "orders"), panel)
    scale = panel.mean_amount if outcome == "spend" else 1.0
    hazard = _lag_hazard(panel, rows[~rows["post"]])
    design = _Design(rows[~rows["post"]], score)

    learnt = _after(panel, learn, follow_up, outcome)
    risk = rows[rows["week"] <= panel.launch - 2]
    risk_weeks, until_next = _to_next_order(panel, risk, panel.launch - 1, outcome)
    if min(learnt.sum(), until_next.sum()) <= 0:
        return Calibrated(refused=message(f"too-little-{outcome}", when="before"))
    value = model(design.with_season(learn), learnt / scale, learn["group"], link="log")
    next_order = model(design.with_season(risk), until_next / scale, risk["group"], link="log",
                       offset=np.log(hazard[risk_weeks]))
    joining = model(design.for_joining(post, panel), post["joins"].to_numpy(dtype=float), post["group"], link="logit")

    comparison = ~post["joins"].to_numpy()
    waited, came = _to_next_order(panel, post[comparison], panel.weeks - 1, outcome)
    parts = _Parts(
        season_used=design.with_season(post[used]), season_comparison=design.with_season(post[comparison]),
        for_joining=design.for_joining(post, panel), scale=scale, hazard=hazard[waited], came=came,
        seen=_after(panel, post[used], follow_up, outcome), joins=post["joins"].to_numpy(dtype=float), used=used,
        variance=score.variance(post), raw_slope=1 / design.spread[0], customer=post["customer"].to_numpy(),
        group=post["group"].to_numpy())
    whole = parts.estimate(value.coef, next_order.coef, joining.coef, np.ones(len(post), dtype=bool))
    left_out = np.array([
        parts.estimate(value.without[g], next_order.without[g], joining.without[g], parts.group != g)["theta"]
        for g in range(GROUPS)])
    if not np.isfinite([whole["theta"], *left_out]).all() or whole["kappa"] <= 0:
        return Calibrated(refused=message(f"too-little-{outcome}", when="since"))
    n = int(used.sum())
    jackknife = np.sqrt((GROUPS - 1) / GROUPS * ((left_out - left_out.mean()) ** 2).sum())
    se = np.sqrt((JACKKNIFE_FACTOR * jackknife) ** 2 * n / (n - 4) + CALIBRATION_ERROR**2
                 + (SHIFT_DOUBT * whole["shift"]) ** 2)
    return Calibrated(
        theta=whole["theta"], se=float(se), degrees=max(4, min(n, GROUPS) - 1), kappa=whole["kappa"],
        beta=whole["beta"], shift=whole["shift"], steadiness=score.tau, n_comparison=int(comparison.sum()),
        joiners=post[used].assign(seen=parts.seen, expected=whole["expected"]))


def _too_little(panel: Panel, learn: pd.DataFrame, post: pd.DataFrame, joiners: int) -> Message | None:
    """Why nothing can be estimated; None where it can."""
    needs = ((max(panel.launch, 0), "week-before", LEAST_BEFORE), (joiners, "usable-joiner", LEAST_JOINERS),
             (len(learn), "order-to-learn", LEAST_ROWS), (int((~post["joins"]).sum()), "order-of-others",
                                                          LEAST_COMPARISON))
    return next((too_few(n, noun, needed) for n, noun, needed in needs if n < needed), None)


def _after(panel: Panel, rows: pd.DataFrame, follow_up: tuple[int, int], outcome: str) -> np.ndarray:
    week = rows["week"].to_numpy()
    return panel.total(rows["customer"].to_numpy(), week + follow_up[0], week + follow_up[1] + 1, outcome)


# ---------------------------------------------------------------- the score of a history
def _fit_score(rows: pd.DataFrame, orders: np.ndarray, panel: Panel) -> Score:
    """Prior shape and exposure that predict `orders` best: mean proportional to (A + k) / (B + e), Poisson likelihood.

    tau tempers the evidence of counts that scatter more than by chance: the inverse of the index of dispersion between
    the two halves of a customer's last half-year, kept between 0.3 and 1.
    """
    histories, where = np.unique(rows["k"].to_numpy() * 1000 + rows["e"].to_numpy(), return_inverse=True)
    k, e = (histories // 1000)[:, None, None], (histories % 1000)[:, None, None]
    times, made = np.bincount(where), np.bincount(where, orders)
    rate = (SHAPES[:, None] + k) / (EXPOSURES[None, :] + e)
    likelihood = np.tensordot(made, np.log(rate), 1) - made.sum() * np.log(np.tensordot(times, rate, 1))
    best = np.unravel_index(likelihood.argmax(), likelihood.shape)
    known = rows[rows["te"] > 26]
    late, early = known["c13"].to_numpy(), (known["c26"] - known["c13"]).to_numpy()
    dispersion = ((late - early) ** 2).sum() / max((late + early).sum(), 1)
    tau = float(np.clip(1 / max(dispersion, 1e-9), 0.3, 1))
    return Score(shape=tau * SHAPES[best[0]], exposure=tau * EXPOSURES[best[1]], tau=tau)


# ---------------------------------------------------------------- covariates
class _Design:
    """Covariates of moments at the till, standardised as before the launch."""

    def __init__(self, before: pd.DataFrame, score: Score):
        self.score = score
        raw = self._raw(before)
        self.centre, spread = raw.mean(axis=0), raw.std(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)

    def _raw(self, rows: pd.DataFrame) -> np.ndarray:
        c26, te = rows["c26"].to_numpy(), rows["te"].to_numpy()
        return np.column_stack([
            self.score.mean(rows), rows["now"], np.log1p(rows["gap"]), np.minimum(rows["c8"], 4), np.log1p(c26),
            np.sqrt(c26), np.log1p(np.minimum(te, 26)), te == 0])

    def _standard(self, rows: pd.DataFrame) -> np.ndarray:
        return (self._raw(rows) - self.centre) / self.spread

    def with_season(self, rows: pd.DataFrame) -> np.ndarray:
        turn = 2 * np.pi * rows["week"].to_numpy() / (CALENDAR_YEAR / 7)
        return np.column_stack([np.ones(len(rows)), self._standard(rows), np.sin(turn), np.cos(turn)])

    def for_joining(self, rows: pd.DataFrame, panel: Panel) -> np.ndarray:
        """Without the mark of a first order, which nobody compared has; time since the launch runs from 0 to 1."""
        time = (rows["week"].to_numpy() - panel.launch) / max(panel.weeks - panel.launch, 1)
        return np.column_stack([np.ones(len(rows)), self._standard(rows)[:, :-1], time, time**2])


# ---------------------------------------------------------------- up to the next order
def _to_next_order(panel: Panel, rows: pd.DataFrame, last: int, outcome: str) -> tuple[np.ndarray, np.ndarray]:
    """Weeks at risk until the next order, RISK_WEEKS, the week `last` or joining; and what came in that order's week.

    Joining happens at an order, so that nobody becomes a member between an order and the next; those who join away
    from an order leave in that week.
    """
    customer, week, following = (rows[name].to_numpy() for name in ("customer", "week", "next"))
    joined = np.where(panel.joined[customer] > week, panel.joined[customer], NEVER)
    end = np.minimum.reduce([following, week + RISK_WEEKS, np.full(len(rows), last), joined])
    reached = np.where(following <= end, following, NEVER)
    came = np.where(reached < NEVER, panel.total(customer, np.minimum(reached, panel.weeks),
                                                 np.minimum(reached, panel.weeks - 1) + 1, outcome), 0)
    return end - week, came


def _lag_hazard(panel: Panel, before: pd.DataFrame) -> np.ndarray:
    """Cumulated orders per customer still waiting, by weeks since the last order; entry m is up to m weeks."""
    waited, came = _to_next_order(panel, before[before["week"] <= panel.launch - 2], panel.launch - 1, "orders")
    orders = np.bincount(waited, came, minlength=RISK_WEEKS + 1)
    at_risk = np.bincount(waited, minlength=RISK_WEEKS + 1)[::-1].cumsum()[::-1]
    steps = orders[1:] / np.maximum(at_risk[1:], 1)
    return np.append(np.nan, np.maximum(steps.cumsum(), 1e-9))


# ---------------------------------------------------------------- the models
def model(design: np.ndarray, outcome: np.ndarray, group: pd.Series, *, link: str,
          offset: np.ndarray | float = 0.0) -> Model:
    """A regression of `glm.fit` with a small ridge, then one Newton step more without each group in turn."""
    found = glm.fit(design, outcome, link=link, ridge=RIDGE, offset=offset)
    without = np.tile(found.coef, (GROUPS, 1))
    order = np.argsort(group.to_numpy(), kind="stable")
    edges = np.searchsorted(group.to_numpy()[order], np.arange(GROUPS + 1))
    for g in range(GROUPS):
        mine = order[edges[g]:edges[g + 1]]
        own = design[mine]
        information = found.information - (own * found.weight[mine, None]).T @ own
        without[g] -= glm.solve(information, own.T @ (outcome - found.mean)[mine])
    return Model(found.coef, without)


# ---------------------------------------------------------------- the market factor and the lift
@dataclass(frozen=True)
class _Parts:
    """What the estimate is made from once the models are there; moments since the launch, by customer and week."""

    season_used: np.ndarray
    season_comparison: np.ndarray
    for_joining: np.ndarray
    scale: float
    hazard: np.ndarray
    came: np.ndarray
    seen: np.ndarray
    joins: np.ndarray
    used: np.ndarray
    variance: np.ndarray
    raw_slope: float
    customer: np.ndarray
    group: np.ndarray

    def estimate(self, value: np.ndarray, next_order: np.ndarray, joining: np.ndarray, kept: np.ndarray) -> dict:
        """theta, kappa, beta, shift and the joiners' expected outcome, from the rows `kept`."""
        beta = joining[1] * self.raw_slope
        surprise = _cumulated(self.joins - glm.means(self.for_joining @ joining, "logit")[0], self.customer)
        latent = np.exp(np.clip(beta * self.variance * surprise, -MOST_SHIFT, MOST_SHIFT))
        comparison = self.joins == 0
        ours, theirs = kept[self.used], kept[comparison]
        expected = glm.means(self.season_used @ value, "log")[0] * self.scale
        awaited = glm.means(self.season_comparison @ next_order, "log")[0] * self.hazard * self.scale
        shifted, waiting = expected * latent[self.used], awaited * latent[comparison]
        with np.errstate(divide="ignore", invalid="ignore"):
            kappa = self.came[theirs].sum() / waiting[theirs].sum()
            theta = np.log(self.seen[ours].sum() / (kappa * shifted[ours].sum()))
            shift = np.log(shifted[ours].sum() / expected[ours].sum()) - np.log(
                waiting[theirs].sum() / awaited[theirs].sum())
        return {"theta": float(theta), "kappa": float(kappa), "beta": float(beta), "shift": float(shift),
                "expected": kappa * shifted}


def _cumulated(values: np.ndarray, customer: np.ndarray) -> np.ndarray:
    """Running sums within each customer; rows lie by customer."""
    running = values.cumsum()
    starts = np.flatnonzero(np.append(True, customer[1:] != customer[:-1]))
    return running - np.repeat((running - values)[starts], np.diff(np.append(starts, len(values))))
