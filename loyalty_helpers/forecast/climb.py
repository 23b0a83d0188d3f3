"""Maximum likelihood in logs of the parameters: the climb that the models of this room share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import ThreadpoolController

BOUND = 9.0  # of the log of each parameter, in the units of the fit: beyond it customers are as good as all alike
AT_BOUND = BOUND - 0.01
FLAT = 1e-5  # slope of the mean log-likelihood below which a point counts as the top


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
