"""Joiners against other buyers of the same weeks: doubly robust, and the cross-check of the history-calibrated lift.

`dr_att` is the general estimator (Sant'Anna & Zhao 2020, Doubly robust difference-in-differences estimators, Journal of
Econometrics 219, 101-122); `doubly_robust` applies it to a Panel, with what joining at an order needs on top.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core import glm
from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.evaluation.panel import KNOWN_FOR, Panel, trials
from loyalty_helpers.evaluation.said import counted, joined, percent, too_few
from loyalty_helpers.evaluation.weeks import FOLLOW_UP

TRIM = 0.995  # others who would have joined almost surely are no comparison
RIDGE = 1e-6  # per row, on slopes of standardised covariates: only there so that nothing is singular
MIN_BEFORE, MIN_JOINERS, MIN_ESS = 52, 8, 30  # weeks before the launch; joiners; effective comparison customers
MOST_BEYOND = 0.05  # of the joiners may lie beyond the trim
LONG = 104  # weeks before the launch from which the long windows are used


# ---------------------------------------------------------------- the general estimator
@dataclass(frozen=True)
class Att:
    """An average effect on the treated with its standard error, in the units of the outcome.

    `influence` has one value per row: its sum by cluster, squared, summed and divided by n squared is the variance.
    `weights` are those of the comparison, 0 for the treated and the trimmed; `ess` is their effective number;
    `beyond` the share of the treated with a propensity at or above the trim. All nan where an arm is empty.
    """

    estimate: float
    se: float
    influence: np.ndarray
    weights: np.ndarray
    propensity: np.ndarray
    ess: float
    beyond: float


def dr_att(outcome: np.ndarray, treated: np.ndarray, covariates: np.ndarray, *, trim: float = TRIM,
           ridge: float = RIDGE) -> Att:
    """Doubly robust effect on the treated, from n rows; with changes as outcome, difference in differences of a panel.

    `outcome` and `treated` (0/1 or boolean) have n values, `covariates` n x k without a constant. tau is the mean over
    the treated of outcome - m(x), less the mean of the same over the comparison, weighted by the odds of its
    propensity p / (1 - p) and normalised (Sant'Anna & Zhao 2020, eq. 3.1): m is least squares on the comparison, p a
    logit by maximum likelihood. It is right when either model is. The influence function includes that both were
    estimated. Comparison rows with p >= `trim` get no weight. Collinear covariates do no harm.
    """
    outcome, treated = np.asarray(outcome, dtype=float), np.asarray(treated, dtype=float)
    n = len(outcome)
    if not 0 < treated.sum() < n:
        return Att(NAN, NAN, np.full(n, NAN), np.zeros(n), np.full(n, NAN), 0.0, NAN)
    fit = _propensity(_design(np.asarray(covariates, dtype=float).reshape(n, -1)), treated, trim=trim, ridge=ridge)
    means, influences = _counterfactual(fit, outcome[:, None])
    factual = outcome @ treated / treated.sum()
    influence = treated * (outcome - factual) / treated.mean() - influences[:, 0]
    return Att(float(factual - means[0]), float(influence.std(ddof=1) / np.sqrt(n)), influence, fit.weights,
               fit.propensity, _effective(fit.weights), fit.beyond)


def _overlap_problem(ess: float, beyond: float, *, placebo: tuple[float, float] | None = None) -> Message | str:
    """Why a comparison must not be believed; "" where nothing speaks against it.

    `ess` and `beyond` as in Att; `placebo` is the interval of an effect that should be nil.
    """
    return joined((
        message("overlap-few", buyers=counted(ess, "comparable-buyer"), needed=MIN_ESS) if ess < MIN_ESS else None,
        message("overlap-beyond", share=percent(beyond)) if beyond > MOST_BEYOND else None,
        None if placebo is None or placebo[0] <= 0 <= placebo[1] else message("overlap-differed"),
    ), parted_by="semicolon")


@dataclass(frozen=True)
class Propensity:
    """A fitted logit of being treated: `slopes` on `x` (n x p), odds as `weights` of the comparison.

    `inverse` is that of the mean information of a row (p x p), `penalty` the ridge on the sum of all rows (p).
    """

    x: np.ndarray
    treated: np.ndarray
    slopes: np.ndarray
    propensity: np.ndarray
    weights: np.ndarray
    inverse: np.ndarray
    penalty: np.ndarray
    trim: float

    @property
    def beyond(self) -> float:
        return float((self.propensity[self.treated == 1] >= self.trim).mean())

    @property
    def estimation(self) -> np.ndarray:
        """Influence of each row on the slopes, n x p."""
        return ((self.treated - self.propensity)[:, None] * self.x) @ self.inverse


def _design(covariates: np.ndarray) -> np.ndarray:
    """A constant and the standardised covariates; what does not vary stays 0."""
    spread = np.where(np.ptp(covariates, axis=0) > 0, covariates.std(axis=0), np.inf)
    return np.column_stack([np.ones(len(covariates)), (covariates - covariates.mean(axis=0)) / spread])


def _propensity(x: np.ndarray, treated: np.ndarray, *, trim: float, ridge: float) -> Propensity:
    """The logit; where the arms separate it stops after its last step, far beyond any trim."""
    found = glm.fit(x, treated, link="logit", ridge=ridge)
    return Propensity(x, treated, found.coef, found.mean, _odds(found.mean, treated, trim),
                      np.linalg.pinv(found.information, hermitian=True) * len(x),
                      ridge * len(x) * (np.arange(x.shape[1]) > 0), trim)


def _odds(chance: np.ndarray, treated: np.ndarray, trim: float) -> np.ndarray:
    return np.where((treated == 0) & (chance < trim), chance / (1 - np.minimum(chance, trim)), 0.0)


def _counterfactual(fit: Propensity, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the treated would have had without treatment, for k `outcomes` (n x k): k means, n x k influences.

    The mean prediction for the treated plus the weighted mean residual of the comparison.
    """
    x, comparison = fit.x, 1 - fit.treated
    gram = (x.T * comparison) @ x + np.diag(fit.penalty)
    slopes = glm.solve(gram, x.T @ (comparison[:, None] * outcomes))
    predicted = x @ slopes
    residual, share = outcomes - predicted, fit.treated.mean()
    mean = fit.treated @ predicted / fit.treated.sum()
    gap, of_gap = _weighted_ratio(fit, residual, np.ones(len(x)))
    shift = fit.treated @ x / fit.treated.sum() - fit.weights @ x / fit.weights.sum()
    of_slopes = x @ np.linalg.pinv(gram, hermitian=True) @ shift * len(x)
    return mean + gap, (fit.treated[:, None] * (predicted - mean) / share + of_gap
                        + (of_slopes * comparison)[:, None] * residual)


def _weighted_ratio(fit: Propensity, top: np.ndarray, bottom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Comparison-weighted sums of `top` (n x k) over that of `bottom` (n): k ratios, n x k influences."""
    below = fit.weights @ bottom
    ratio = fit.weights @ top / below
    parts = fit.weights[:, None] * (top - np.outer(bottom, ratio))  # an odds' derivative by the slopes is odds times x
    return ratio, (parts + fit.estimation @ (fit.x.T @ parts / len(top))) * len(top) / below


def _effective(weights: np.ndarray) -> float:
    """Kish's effective number."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0


# ---------------------------------------------------------------- at the till
@dataclass(frozen=True, kw_only=True)
class DoublyRobust:
    """The lift of joining at the till, with its interval and what it rests on.

    `estimate`, `low`, `high` are lifts (0.10 = +10 %), nan where there is none. `refused` says why the
    number should not be believed, or why there is none. `log_se` is the standard error of log(1 + lift), the larger
    of `log_se_influence` and `log_se_jackknife`; `df` are the degrees of freedom of its t quantile. `rho` is how much
    more joiners bought than their comparison long before: 1 with its interval is the placebo test. `n_treated` counts
    joiners, `n_comparison` orders of others at the till, `comparison_customers` those who made them; `ess` is the
    effective number of these, `largest_share` the weight of the heaviest. `balance` has a row per covariate:
    standardised differences before and after weighting. `overlap` has quantiles of the chance to join of both sides.
    """

    outcome: str
    confidence: float
    refused: Message | str = ""
    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    log_se: float = NAN
    log_se_influence: float = NAN
    log_se_jackknife: float = NAN
    df: float = NAN
    rho: float = NAN
    rho_low: float = NAN
    rho_high: float = NAN
    n_treated: int = 0
    n_comparison: int = 0
    comparison_customers: int = 0
    ess: float = NAN
    beyond: float = NAN
    largest_share: float = NAN
    balance: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)
    overlap: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)


def doubly_robust(panel: Panel, *, follow_up: int = FOLLOW_UP, outcome: str = "orders",
                  confidence: float = 0.95) -> DoublyRobust:
    """Joiners against buyers of the same weeks who did not join then, over the `follow_up` weeks after that week.

    Rows are `trials` since the launch with the whole follow-up in the data and 13 weeks as a customer. Others may join
    later: their follow-up is split at the end of their own week of joining, and the lift d is the one that solves
    T = rho ((1 + d) U + E), so 1 + d = (T - rho E) / (rho U) (g-estimation of a multiplicative structural model:
    Robins 1994, Communications in Statistics 23, 2379-2412). T is the joiners' mean, U and E what they would have had
    without joining now, in weeks before and after joining later (doubly robust, as in `dr_att`). rho is the ratio of
    joiners' to weighted others' weekly outcome long before the week at the till: a latent appetite that recent orders
    do not show. Spend (`outcome` "spend") has a rho of its own: in simulated shops the estimates then scatter 7 % less
    than with that of orders, and their intervals hold the truth in 96 rather than 94 of 100.

    With 52 to 103 weeks before the launch shorter windows are used, with fewer there is no estimate.
    """
    rows = trials(panel)
    rows = rows[rows["post"] & (rows["week"] + follow_up < panel.weeks) & (rows["te"] >= KNOWN_FOR)]
    joins = rows["joins"].to_numpy(dtype=float)
    joiners, others, since = int(joins.sum()), int((1 - joins).sum()), max(panel.weeks - panel.launch, 0)
    nothing = DoublyRobust(outcome=outcome, confidence=confidence, n_treated=joiners, n_comparison=others)
    for have, noun, needed in ((max(panel.launch, 0), "week-before", MIN_BEFORE), (since, "week-since", follow_up + 1),
                               (joiners, "usable-joiner", MIN_JOINERS), (others, "order-of-others-then", MIN_ESS)):
        if have < needed:
            return replace(nothing, refused=too_few(have, noun, needed))
    covariates = _covariates(panel, rows)
    fit = _propensity(_design(covariates.to_numpy()), joins, trim=TRIM, ridge=RIDGE)
    return _lift(nothing, fit, covariates, rows, _responses(panel, rows, follow_up, outcome))


def _covariates(panel: Panel, rows: pd.DataFrame) -> pd.DataFrame:
    """What joiners and others are made alike in, n x 8; the columns say what, and in which form."""
    reach = 26 if panel.launch >= LONG else 13
    recent, time = rows[f"c{reach}"], rows["week"] - panel.launch
    return pd.DataFrame({
        ("now", ""): rows["now"],
        ("gap", "log"): np.log1p(rows["gap"]),
        ("last-8", "at most 4"): np.minimum(rows["c8"], 4),
        (f"last-{reach}", "log"): np.log1p(recent),
        (f"last-{reach}", "square root"): np.sqrt(recent),
        ("tenure", "log"): np.log1p(rows["te"]),
        ("launch", ""): time,
        ("launch", "squared"): time**2,
    }).astype(float)


def _responses(panel: Panel, rows: pd.DataFrame, follow_up: int, outcome: str) -> np.ndarray:
    """Unexposed and exposed outcome of the follow-up, outcome and weeks of the early window, n x 4.

    The early window ends where the covariates' window begins, and is empty for customers too new to have one.
    """
    customer, week = rows["customer"].to_numpy(), rows["week"].to_numpy()
    end = week + 1 + follow_up
    joined = np.minimum(panel.joined[customer] + 1, end)
    reach, known_for = (26, 52) if panel.launch >= LONG else (13, 39)
    early = np.maximum(panel.first[customer] + 1, week - 104)
    late = np.where(rows["te"] >= known_for, week - reach, early)
    return np.column_stack([
        panel.total(customer, week + 1, joined, outcome), panel.total(customer, joined, end, outcome),
        panel.total(customer, early, late, outcome), late - early]).astype(float)


def _lift(nothing: DoublyRobust, fit: Propensity, covariates: pd.DataFrame, rows: pd.DataFrame,
          responses: np.ndarray) -> DoublyRobust:
    customer, group = rows["customer"].to_numpy(), rows["group"].to_numpy()
    by_customer = np.bincount(customer, fit.weights)
    ess = _effective(by_customer)
    problem = _overlap_problem(ess, fit.beyond)
    seen = replace(nothing, refused=problem, ess=ess, beyond=fit.beyond, balance=_balance(fit, covariates),
                   overlap=_overlap(fit), comparison_customers=len(np.unique(customer[fit.treated == 0])))
    if not fit.weights.any():
        return seen
    seen = replace(seen, largest_share=float(by_customer.max() / by_customer.sum()))
    with np.errstate(invalid="ignore", divide="ignore"):
        logs, influences = _logs(fit, responses)
        errors = np.array([_clustered(influences, customer), _jackknife(_left_out(fit, responses, group))])
    if not np.isfinite(np.append(logs, errors)).all():
        return replace(seen, refused=problem or message(f"too-little-to-compare-{nothing.outcome}"))
    degrees = max(min(nothing.n_treated, ess) - 1, 1)
    reach = stats.t.ppf((1 + nothing.confidence) / 2, degrees) * errors.max(axis=0)
    (low, rho_low), (high, rho_high) = np.exp([logs - reach, logs + reach]).tolist()
    (of_lift, left_out), log_se = errors[:, 0].tolist(), float(errors[:, 0].max())
    return replace(seen, estimate=float(np.expm1(logs[0])), low=low - 1, high=high - 1, log_se=log_se,
                   log_se_influence=of_lift, log_se_jackknife=left_out, df=float(degrees),
                   rho=float(np.exp(logs[1])), rho_low=rho_low, rho_high=rho_high)


def _logs(fit: Propensity, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(1 + d) and log rho, and the influence of each row on them, n x 2 (delta method)."""
    treated, n = fit.treated, len(fit.x)
    (unexposed, exposed), of_counterfactual = _counterfactual(fit, responses[:, :2])
    followed, early, weeks = responses[:, :2].sum(axis=1), responses[:, 2], responses[:, 3]
    factual, rate = treated @ followed / treated.sum(), treated @ early / (treated @ weeks)
    (others,), of_others = _weighted_ratio(fit, early[:, None], weeks)
    rho = rate / others
    of_rho = treated * (early - rate * weeks) * n / (treated @ early) - of_others[:, 0] / others
    own = factual - rho * exposed
    of_own = treated * (followed - factual) / treated.mean() - rho * (of_counterfactual[:, 1] + exposed * of_rho)
    of_lift = of_own / own - of_rho - of_counterfactual[:, 0] / unexposed
    told = min(factual, own, unexposed, rate, others) > 0  # net spending may be below nil, a ratio of two such is none
    logs = np.log([own / (rho * unexposed), rho]) if told else np.full(2, NAN)
    return logs, np.column_stack([of_lift, of_rho])


def _clustered(influences: np.ndarray, customer: np.ndarray) -> np.ndarray:
    """Standard errors where a customer's rows go together."""
    summed = np.array([np.bincount(customer, column) for column in influences.T])
    return np.sqrt((summed**2).sum(axis=1)) / len(influences)


def _jackknife(left_out: np.ndarray) -> np.ndarray:
    """Standard errors from estimates without each group, groups x k."""
    groups = len(left_out)
    return np.sqrt((groups - 1) / groups * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))


def _left_out(fit: Propensity, responses: np.ndarray, group: np.ndarray) -> np.ndarray:
    """log(1 + d) and log rho without each group of customers: the logit by one Newton step, the rest exactly."""
    x, values, penalty = fit.x, np.column_stack([fit.x, responses]), np.diag(fit.penalty)
    score, theirs = (fit.treated - fit.propensity)[:, None] * x, fit.treated[:, None] * values
    spread, comparison = (fit.propensity * (1 - fit.propensity))[:, None] * x, (1 - fit.treated)[:, None] * x
    groups = [np.flatnonzero(group == one) for one in np.unique(group)]

    def without(total: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        each = np.array([total(at) for at in groups])
        return each.sum(axis=0) - each

    scores, joiners = without(lambda at: score[at].sum(axis=0)), without(lambda at: theirs[at].sum(axis=0))
    informations, grams = without(lambda at: spread[at].T @ x[at]), without(lambda at: comparison[at].T @ values[at])
    results = []
    for at, gradient, sums, information, gram in zip(groups, scores, joiners, informations, grams, strict=True):
        slopes = fit.slopes + glm.solve(information + penalty, gradient - fit.penalty * fit.slopes)
        weights = _odds(glm.means(x @ slopes, "logit")[0], fit.treated, fit.trim)
        weights[at] = 0
        p = len(slopes)
        results.append(_logs_of_sums(sums, weights @ values, glm.solve(gram[:, :p] + penalty, gram[:, p:p + 2])))
    return np.array(results)


def _logs_of_sums(joiners: np.ndarray, others: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """log(1 + d) and log rho from sums of x and the responses over joiners and, weighted, over others."""
    p = len(slopes)
    shift = joiners[:p] / joiners[0] - others[:p] / others[0]
    unexposed, exposed = others[p:p + 2] / others[0] + shift @ slopes
    rho = joiners[p + 2] / joiners[p + 3] / (others[p + 2] / others[p + 3])
    return np.log([(joiners[p:p + 2].sum() / joiners[0] - rho * exposed) / (rho * unexposed), rho])


def _balance(fit: Propensity, covariates: pd.DataFrame) -> pd.DataFrame:
    """Standardised differences of joiners from others, before and after weighting; 0 for what does not vary.

    One row per covariate and form of it.

    In units of the pooled standard deviation before weighting (Austin 2009, Statistics in Medicine 28, 3083-3107).
    """
    joined = fit.treated == 1
    theirs, others = covariates[joined], covariates[~joined]
    spread = np.sqrt((theirs.var(ddof=0) + others.var(ddof=0)) / 2).where(covariates.max() > covariates.min(), np.inf)
    total = fit.weights.sum()
    weighted = others.mul(fit.weights[~joined], axis=0).sum() / (total if total > 0 else NAN)
    return pd.DataFrame({"covariate": covariates.columns.get_level_values(0),
                         "before": ((theirs.mean() - others.mean()) / spread).array,
                         "after": ((theirs.mean() - weighted) / spread).array})


def _overlap(fit: Propensity) -> pd.DataFrame:
    """Quantiles of the chance to join at such an order: of joiners, and of the others at the till."""
    levels = np.array([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    joiners, others = (np.quantile(fit.propensity[fit.treated == arm], levels) for arm in (1, 0))
    return pd.DataFrame({"quantile": levels, "joiners": joiners, "others": others})
