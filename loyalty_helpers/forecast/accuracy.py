"""How accurate the forecasts of the past were: beside what came, and beside rules that need no model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.core.purchases import FEWEST
from loyalty_helpers.forecast.backtest import FEW, tested

if TYPE_CHECKING:
    from loyalty_helpers.forecast.outlook import Outlook


def missed_by(tests: pd.DataFrame) -> tuple[Number, Number]:
    """By how much forecasts of the past missed what came, in shares of it: at least, and at most."""
    off = (tests["predicted"] / tests["actual"].clip(lower=0.5) - 1).abs()
    return tuple(Number(end, "share", digits=0) for end in (off.min(), off.max()))


def sides(tests: pd.DataFrame) -> Message:
    """On which side forecasts of the past missed what came: all too high, or so many too high and so many too low."""
    high, low = (int((tests[one] > tests[other]).sum())
                 for one, other in (("predicted", "actual"), ("actual", "predicted")))
    n, side = len(tests), "high" if high else "low"
    every = {1: "one", 2: "both"}.get(n, "all")
    kind = f"{every}-{side}" if n in (high, low) else "mixed" if high + low == n else "some-right"
    return message("missed-sides", kind=kind, high=high, low=low, right=n - high - low)


def calibration(found: Outlook) -> pd.DataFrame:
    """Customers of all backtests in tenths by expected value: what was expected of them, and what came.

    Returns tenth (1 is the best), customers (of all backtests, so a person counts once in each), predicted and actual
    orders per customer, and low and high of the actual (Student's t over the backtests). Empty where the backtests are
    too few or too small.
    """
    parts = found.tenths if tested(found.backtests) else found.tenths.iloc[:0]
    rows = [(int(tenth), int(part["customers"].sum()), *(part[["predicted", "actual"]].sum() / part["customers"].sum()),
             *_of_means(part["actual"] / part["customers"])) for tenth, part in parts.groupby("tenth")]
    return pd.DataFrame(rows, columns=["tenth", "customers", "predicted", "actual", "low", "high"])


def _of_means(values: pd.Series) -> tuple[float, float]:
    values = values.dropna()
    if len(values) < FEWEST.origins:
        return NAN, NAN
    half = stats.t.ppf(0.975, len(values) - 1) * values.std() / math.sqrt(len(values))
    return max(values.mean() - half, 0.0), values.mean() + half


def holdout_table(found: Outlook) -> pd.DataFrame:
    """The forecasts of the past beside two rules that need no model: all backtests together.

    Returns forecast, total_error (predicted over actual orders, less one), largest_error (of one backtest, without its
    sign), correlation (with each customer's orders, mean over backtests), top_tenth (share of all orders that came
    from the tenth with the highest forecast) and lift (that share over what a tenth drawn at random would bring).
    Sorting by recency forecasts no number, so it has no error. Empty where the backtests are too few or too small.
    """
    tests = found.backtests
    if not tested(tests):
        return pd.DataFrame(columns=["forecast", "total_error", "largest_error", "correlation", "top_tenth", "lift"])
    came = tests["actual"].sum()
    rows = []
    for name, total, correlation, top in (
            ("forecast-this", "predicted", "correlation", "top"),
            ("forecast-carried", "carried", "carried_correlation", "carried_top"),
            ("forecast-recency", None, None, "recency_top")):
        missed = (tests[total] / tests["actual"].where(tests["actual"] > 0) - 1).abs().max() if total else NAN
        rows.append((message(name), tests[total].sum() / came - 1 if total else NAN, missed,
                     tests[correlation].mean() if correlation else NAN, tests[top].mean(),
                     _lift(tests, top)))
    return pd.DataFrame(rows, columns=["forecast", "total_error", "largest_error", "correlation", "top_tenth", "lift"])


def beats_sentence(found: Outlook) -> Message:
    """Whether the forecast is better than supposing that everybody orders as often as in the spell before.

    By the past forecasts, in pairs: how far the total was off (log), the correlation with each customer's orders, and
    the share of the orders that the tenth put first brought. One of the three is better or worse where the mean of
    its differences is, by Student's t at 95 %, which takes FEW forecasts.
    """
    tests = found.backtests
    if not tested(tests):
        return message("beats-untested")
    off = {name: (np.log(tests[name].clip(lower=0.5) / tests["actual"].clip(lower=0.5))).abs()
           for name in ("carried", "predicted")}
    better = {"total": off["carried"] - off["predicted"], "pace": tests["correlation"] - tests["carried_correlation"],
              "tenth": tests["top"] - tests["carried_top"]}
    ours, carried = (Number((tests[name] / tests["actual"].clip(lower=0.5) - 1).abs().mean(), "share", digits=0)
                     for name in ("predicted", "carried"))
    fit, fit_carried = (Number(tests[name].mean(), "scale points") for name in ("correlation", "carried_correlation"))
    lift, lift_carried = (Number(_lift(tests, name), "score") for name in ("top", "carried_top"))
    return message("beats", answer=_answer({what: _clear(gain) for what, gain in better.items()}, len(tests)),
                   forecasts=len(tests), off=ours, off_carried=carried, fit=fit, fit_carried=fit_carried, lift=lift,
                   lift_carried=lift_carried)


def _answer(clear: dict[str, int], forecasts: int) -> Message:
    better, worse = ([what for what, sign in clear.items() if sign == wanted] for wanted in (1, -1))
    if better and worse:
        return message("beats-in-part", better=_where(better), worse=_where(worse))
    if better or worse:
        return message("beats-clear", sign="better" if better else "worse", where=_where(better or worse),
                       rest="no" if len(better or worse) == len(clear) else "yes")
    return message("beats-few", least=FEW) if forecasts < FEW else message("beats-unclear")


def _where(whats: list[str]) -> Message | Listed:
    said = tuple(message(f"beats-{what}") for what in whats)
    return message("beats-everywhere") if len(said) == 3 else Listed(said, "and")


def _clear(better: pd.Series) -> int:
    """1 where differences are above nil by Student's t, -1 where below, 0 where that is not clear."""
    better = better.dropna()
    if len(better) < FEW:
        return 0
    half = stats.t.ppf(0.975, len(better) - 1) * better.std() / math.sqrt(len(better))
    return int(np.sign(better.mean())) if abs(better.mean()) > half else 0


def _lift(tests: pd.DataFrame, column: str) -> float:
    """The share of orders from the tenth that is put first, over what a tenth drawn at random would bring."""
    return tests[column].mean() / (np.ceil(tests["customers"] / 10) / tests["customers"]).mean()
