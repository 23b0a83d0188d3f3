"""The pictures of the validation study's page: how often intervals hold the truth, and how far estimates are off."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import amount, count
from loyalty_helpers.lab import study, tally
from loyalty_helpers.lab.tally import believed_last, points, simulated
from loyalty_helpers.report.charts.marks import ACCENT, GREY, INK, Chart, canvas, nothing, percent_axis


def coverage_of_all(results: pd.DataFrame) -> Chart:
    """Coverage of every estimator on one kind of shop, in which the program does nothing."""
    rows = believed_last(simulated(results, scenario="mixed", customers=1000, lift=0.0))
    rows = rows[rows["answers"] > 0]
    if rows.empty:
        return nothing("No shop was simulated here.")
    wrong = rows[~rows["estimator"].isin(study.BELIEVED) & (rows["coverage"] < 0.5)]
    title = f"{len(wrong)} of {count(len(rows), 'estimator')} hold the truth less than half of the time they say 95 %"
    return _coverage(rows, rows["estimator"], rows["estimator"].isin(study.BELIEVED), title)


def coverage_by_scenario(results: pd.DataFrame, customers: int = 1000) -> Chart:
    """Coverage of the headline estimator in every kind of shop, over its lifts."""
    rows = simulated(results, estimator=study.CALIBRATED, customers=customers)
    if rows.empty:
        return nothing(f"No shop of {count(customers, 'customer')} was simulated here.")
    rows = tally.pooled(rows[rows["lift"] >= 0], ["scenario"])
    lowest = rows.loc[rows["coverage"].idxmin()]
    title = (f"With {count(customers, 'customer')} the interval holds the truth least often in “{lowest['scenario']}”: "
             f"{amount(lowest['coverage'], 'share')}")
    return _coverage(rows, rows["scenario"], rows["scenario"].isin(study.COUNTING), title)


def _coverage(rows: pd.DataFrame, names: pd.Series, strong: pd.Series, title: str) -> Chart:
    ends = [stats.binomtest(round(share * n), int(n)).proportion_ci(method="wilson")
            for share, n in zip(rows["coverage"], rows["answers"], strict=True)]
    marks = [(len(rows) - 1 - place, share, *end, own) for place, (share, end, own) in enumerate(
        zip(rows["coverage"], ends, strong, strict=True))]
    figure = _dots(marks, list(names), at=0.95, label="how often the 95 % interval holds the truth; line: 95 %")
    told = "; ".join(f"{name} {amount(share, 'share')}" for name, share in zip(names, rows["coverage"], strict=True))
    return Chart(figure, title, f"Dot plot of coverage with its own 95 % interval. {title}. {told}.",
                 note="Filled: what the report believes, in kinds of shop it is meant for. Hollow: the others.")


def bias_by_scenario(results: pd.DataFrame, customers: int = 1000) -> Chart:
    """Mean of estimate less truth by kind of shop, where the program does nothing, for both estimators at the till."""
    rows = simulated(results, customers=customers, lift=0.0)
    rows = rows[rows["estimator"].isin((study.CALIBRATED, study.DOUBLY_ROBUST))]
    if rows.empty:
        return nothing(f"No shop of {count(customers, 'customer')} was simulated here.")
    scenarios, strong = list(dict.fromkeys(rows["scenario"])), rows["estimator"] == study.CALIBRATED
    height = [len(scenarios) - 1 - scenarios.index(one) + (0.13 if own else -0.13)
              for one, own in zip(rows["scenario"], strong, strict=True)]
    reach = 1.96 * rows["bias_se"]
    marks = zip(height, rows["bias"], rows["bias"] - reach, rows["bias"] + reach, strong, strict=True)
    figure = _dots(marks, scenarios, at=0, label="mean error of the lift where the program does nothing")
    own = rows[strong]
    worst = own.loc[own["bias"].abs().idxmax()]
    title = f"The largest mean error is {points(worst['bias'])}, in “{worst['scenario']}”"
    told = "; ".join(f"{row.scenario} {points(row.bias)}" for row in own.itertuples())
    return Chart(figure, title, f"Dot plot of mean errors with 95 % intervals. {title}. {told}.",
                 note="Filled: history-calibrated (3a). Hollow: doubly robust (3b).")


def _dots(marks: Iterable[tuple], names: list[str], *, at: float, label: str):
    """A dot with its interval for each of `marks` (height, value, low, high, whether it is filled); a line at `at`."""
    figure, ax = canvas(0.8 + 0.32 * len(names))
    for y, value, low, high, filled in marks:
        color = ACCENT if filled else GREY
        ax.plot([low, high], [y, y], color=color, linewidth=2.4, solid_capstyle="butt")
        ax.plot([value], [y], "o", color=color, markersize=7, markerfacecolor=color if filled else "white",
                markeredgewidth=1.6)
    ax.axvline(at, color=INK, linewidth=1)
    ax.set_yticks(np.arange(len(names))[::-1], names)
    ax.set(xlabel=label, ylim=(-0.6, len(names) - 0.4))
    percent_axis(ax.xaxis, signed=at == 0)
    ax.grid(axis="x")
    return figure
