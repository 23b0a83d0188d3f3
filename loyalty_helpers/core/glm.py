"""Regressions with a logarithmic or a logistic link: the one fit behind every model of the ladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_STEPS, TOLERANCE, FURTHEST = 50, 1e-10, 35.0  # the last of the linear predictor, so that nothing overflows


@dataclass(frozen=True)
class Fit:
    """`coef`, p; `mean` fitted, and its derivative `weight` by the linear predictor, n each; `information`, p x p.

    The information includes the penalty. `converged` is false where the steps did not come to rest, as where two
    groups are completely apart.
    """

    coef: np.ndarray
    mean: np.ndarray
    weight: np.ndarray
    information: np.ndarray
    converged: bool


def fit(design: np.ndarray, outcome: np.ndarray, *, link: str, ridge: float = 0.0,
        offset: np.ndarray | float = 0.0) -> Fit:
    """Maximum (quasi-)likelihood by Newton's method with halved steps; `link` is "log" (Poisson) or "logit".

    `design` is n x p with a constant first; `ridge`, per row, is put on the other coefficients. With the logarithmic
    link the outcome may be any amount whose mean is above nil. Collinear columns share what they tell.
    """
    penalty = ridge * len(design) * (np.arange(design.shape[1]) > 0)

    def loss(coef: np.ndarray) -> float:
        index = np.clip(design @ coef + offset, -FURTHEST, FURTHEST)
        total = np.exp(index) if link == "log" else np.logaddexp(0, index)
        return float((total - outcome * index).sum() + penalty @ coef**2 / 2)

    def at(coef: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mean, weight = means(design @ coef + offset, link)
        return mean, weight, (design * weight[:, None]).T @ design + np.diag(penalty)

    coef, converged = np.append(_start(outcome, link, offset), np.zeros(design.shape[1] - 1)), False
    least = loss(coef)
    for _ in range(MOST_STEPS):
        mean, _, information = at(coef)
        step = solve(information, design.T @ (outcome - mean) - penalty * coef)
        length = next((half for half in 0.5 ** np.arange(10) if loss(coef + half * step) <= least), 0.0)
        coef, moved = coef + length * step, length * np.abs(step).max()
        least = loss(coef)
        if converged := bool(moved < TOLERANCE):
            break
    return Fit(coef, *at(coef), converged)


def means(index: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """Fitted means of linear predictors, and their derivatives."""
    index = np.clip(index, -FURTHEST, FURTHEST)
    if link == "log":
        mean = np.exp(index)
        return mean, mean
    mean = 1 / (1 + np.exp(-index))
    return mean, mean * (1 - mean)


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The shortest solution, so that collinear columns do no harm."""
    return np.linalg.pinv(matrix, hermitian=True) @ right


def _start(outcome: np.ndarray, link: str, offset: np.ndarray | float) -> float:
    if link == "log":
        return float(np.log(max(outcome.mean(), 1e-6) / np.exp(offset).mean()))
    share = np.clip(outcome.mean(), 1e-3, 1 - 1e-3)
    return float(np.log(share / (1 - share)))
